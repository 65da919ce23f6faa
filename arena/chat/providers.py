"""The providers: how each is reached, what it is sent, and how its replies and faults are read.

An API type is one entry of `API_TYPES`, the last thing in this file: to add a provider that speaks
the OpenAI protocol, add its base URL and the environment variable of its key there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from arena.chat.config import Endpoint, ModelConfig
from arena.chat.connections import (
    aws_access,
    connect_anthropic,
    connect_azure,
    connect_bedrock,
    connect_llamacpp,
    connect_vertex,
    google_access,
)
from arena.chat.protocols import DEFAULT_MAX_TOKENS, ApiType, complete_anthropic

# Faults


# Clients


# What is wrong with an entry, before it is used


# Protocols


# The table of providers


def _compatible(base_url: str, key_variable: str) -> ApiType:
    return ApiType(base_url=base_url, key_variable=key_variable)


def _claude(connect: Callable[[ModelConfig, Endpoint], Any], **fields: Any) -> ApiType:
    """Return an API type of Anthropic's protocol; newer versions of it know no temperature."""
    shared = {"complete": complete_anthropic, "default_temperature": None, "sdk": "anthropic"}
    return ApiType(connect=connect, **shared | fields)


def max_tokens_of(model: ModelConfig, *settings: int | None) -> int:
    """Return the limit of output tokens: the entry's max_completion_tokens, else the first setting
    that is set, else 4096.
    """
    limits = (model.max_completion_tokens, *settings)
    return next((limit for limit in limits if limit is not None), DEFAULT_MAX_TOKENS)


def temperature_of(model: ModelConfig, *settings: float | None) -> float | None:
    """Return the first temperature that is set, else what the API type has for a default.

    A model that thinks has none; one that is given an effort has its entry's only, where the
    provider is strict about it.
    """
    api_type = API_TYPES[model.api_type]
    if api_type.thinks or (api_type.is_claude and model.budget_tokens is not None):
        return None
    if api_type.effort_is_strict and model.reasoning_effort is not None:
        return model.temperature
    found = [value for value in settings if value is not None]
    return found[0] if found else api_type.default_temperature


_OPENAI = ApiType(key_variable="OPENAI_API_KEY", effort_is_strict=True)
_ANTHROPIC = _claude(
    connect_anthropic,
    key_variable="ANTHROPIC_API_KEY",
    needs={"anthropic": "anthropic>=2.12,<3"},
)
_BEDROCK = _claude(
    connect_bedrock,
    access=aws_access,
    old_version={"anthropic_version": "bedrock-2023-05-31"},
    needs=dict.fromkeys(["anthropic", "boto3"], "anthropic[bedrock]>=2.12,<3"),
)
_DEEPSEEK = _compatible("https://api.deepseek.com", "DEEPSEEK_API_KEY")

API_TYPES: dict[str, ApiType] = {
    "openai": _OPENAI,
    "openai_thinking": replace(_OPENAI, thinks=True, limit_key="max_completion_tokens"),
    "azure": replace(_OPENAI, connect=connect_azure, key_variable="AZURE_OPENAI_API_KEY"),
    "anthropic": _ANTHROPIC,
    "anthropic_thinking": replace(_ANTHROPIC, thinks=True),
    "aws_claude": _BEDROCK,
    "bedrock": _BEDROCK,
    "vertex": _claude(
        connect_vertex,
        access=google_access,
        old_version={"anthropic_version": "vertex-2023-10-16"},
        needs=dict.fromkeys(["anthropic", "google.auth"], "anthropic[vertex]>=2.12,<3"),
    ),
    "llamacpp": ApiType(connect=connect_llamacpp, needs={"xllamacpp": "xllamacpp>=2026.10,<2027"}),
    "vllm": ApiType(is_server=True),
    "sglang": ApiType(is_server=True),
    "gemini": _compatible(
        "https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"
    ),
    "mistral": _compatible("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "cohere": _compatible("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": _DEEPSEEK,
    "deepseek_reasoner": replace(_DEEPSEEK, thinks=True),
    "xai": _compatible("https://api.x.ai/v1", "XAI_API_KEY"),
    "openrouter": _compatible("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": _compatible("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": _compatible("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": _compatible("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
}

# Names that v2.0's configs use and that lead nowhere here, and what to use instead.
UNROUTED = {
    "aws_deepseek": "deepseek or openrouter",
    "aws_llama": "openrouter or together",
    "aws_mistral": "mistral",
    "aws_nova": "openrouter",
    "meta": "openrouter or together",
}
