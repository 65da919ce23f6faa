"""The providers: how each `api_type` is reached, and in which protocol.

To add a provider that speaks OpenAI's protocol, add one line to `API_TYPES`, the last thing in this
file: its base URL and the environment variable of its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from arena.base.errors import InputError, nearest
from arena.chat import connections
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.protocols import AnthropicProtocol, OpenAIProtocol, Protocol


@dataclass(frozen=True)
class ApiType:
    """The way to reach one kind of provider.

    `base_url`: its public address, None if the SDK or the entry knows it. `key_variable`: the
    environment variable of its key, None if the SDK finds other credentials. `sdk_class`: of the
    client, in the package of the protocol. `access`: finds address and key or credentials as the
    client's arguments, InputError if they are missing. `is_server`: the user's own server, which
    has no public address. `needs`: the modules to import, and the package of each for pip.
    """

    base_url: str | None = None
    key_variable: str | None = ""
    protocol: Protocol = OpenAIProtocol()
    sdk_class: str = "OpenAI"
    access: Callable[[ModelConfig, Endpoint], dict[str, Any]] = connections.key_access
    is_server: bool = False
    needs: Mapping[str, str] = field(default_factory=lambda: {"openai": "openai>=3.54,<4"})

    @property
    def is_claude(self) -> bool:
        """Whether it speaks Anthropic's protocol."""
        return isinstance(self.protocol, AnthropicProtocol)


# Names in v2.0's configs that no provider here answers to, and what to use instead.
UNROUTED = {
    "aws_deepseek": "deepseek or openrouter",
    "aws_llama": "openrouter or together",
    "aws_mistral": "mistral",
    "aws_nova": "openrouter",
    "meta": "openrouter or together",
}


def api_type_of(model: ModelConfig) -> ApiType:
    """Look up the API type of an entry. InputError for an unknown name."""
    name = model.api_type
    if name in API_TYPES:
        return API_TYPES[name]
    advice = f"{nearest(name, API_TYPES)}. Use one of {', '.join(API_TYPES)}."
    if name in UNROUTED:
        other = "api_type openai with the provider's OpenAI-compatible address as api_base"
        advice = f". Use {UNROUTED[name]}, or {other}."
    raise InputError(f"{model.where}: api_type '{name}' is not supported{advice}")


def max_tokens_of(model: ModelConfig, *settings: int | None) -> int:
    """Choose the limit of output: the entry's max_completion_tokens, else a setting, else 4096."""
    limits = (model.max_completion_tokens, *settings)
    return next((limit for limit in limits if limit is not None), 4096)


def temperature_of(model: ModelConfig, *settings: float | None) -> float | None:
    """Choose the first temperature that is set, else the default of the protocol. A model that
    thinks has none, one with a reasoning_effort only its entry's if the provider is strict.
    """
    api_type, protocol = api_type_of(model), api_type_of(model).protocol
    if protocol.thinks or (api_type.is_claude and model.budget_tokens is not None):
        return None
    strict = isinstance(protocol, OpenAIProtocol) and protocol.effort_is_strict
    if strict and model.reasoning_effort is not None:
        return model.temperature
    temperatures = (*settings, protocol.default_temperature)
    return next((value for value in temperatures if value is not None), None)


_OPENAI = ApiType(
    "https://api.openai.com/v1", "OPENAI_API_KEY", OpenAIProtocol(effort_is_strict=True)
)
_AZURE = ApiType(
    key_variable="AZURE_OPENAI_API_KEY",
    protocol=_OPENAI.protocol,
    sdk_class="AzureOpenAI",
    access=connections.azure_access,
)
_ANTHROPIC = ApiType(
    "https://api.anthropic.com",
    "ANTHROPIC_API_KEY",
    AnthropicProtocol(),
    sdk_class="Anthropic",
    needs={"anthropic": "anthropic>=2.12,<3"},
)
_BEDROCK = ApiType(
    key_variable=None,
    protocol=AnthropicProtocol(old_version={"anthropic_version": "bedrock-2023-05-31"}),
    sdk_class="AnthropicBedrock",
    access=connections.aws_access,
    needs=dict.fromkeys(["anthropic", "boto3"], "anthropic[bedrock]>=2.12,<3"),
)
_VERTEX = ApiType(
    key_variable=None,
    protocol=AnthropicProtocol(old_version={"anthropic_version": "vertex-2023-10-16"}),
    sdk_class="AnthropicVertex",
    access=connections.google_access,
    needs=dict.fromkeys(["anthropic", "google.auth"], "anthropic[vertex]>=2.12,<3"),
)
_LLAMACPP = ApiType(
    access=connections.llamacpp_access, needs={"xllamacpp": "xllamacpp>=2026.10,<2027"}
)
_DEEPSEEK = ApiType("https://api.deepseek.com", "DEEPSEEK_API_KEY")

API_TYPES: dict[str, ApiType] = {
    "openai": _OPENAI,
    "openai_thinking": replace(
        _OPENAI, protocol=OpenAIProtocol(thinks=True, effort_is_strict=True)
    ),
    "azure": _AZURE,
    "anthropic": _ANTHROPIC,
    "anthropic_thinking": replace(_ANTHROPIC, protocol=AnthropicProtocol(thinks=True)),
    "aws_claude": _BEDROCK,
    "bedrock": _BEDROCK,
    "vertex": _VERTEX,
    "llamacpp": _LLAMACPP,
    "vllm": ApiType(is_server=True),
    "sglang": ApiType(is_server=True),
    "gemini": ApiType("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "mistral": ApiType("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "cohere": ApiType("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": _DEEPSEEK,
    "deepseek_reasoner": replace(
        _DEEPSEEK,
        protocol=OpenAIProtocol(thinks=True, more_fields={"thinking": {"type": "enabled"}}),
    ),
    "xai": ApiType("https://api.x.ai/v1", "XAI_API_KEY"),
    "openrouter": ApiType("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": ApiType("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": ApiType("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": ApiType("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
}
