"""The providers: how each is reached, what it is sent, and how its replies and faults are read.

An API type is one entry of `API_TYPES`, the last thing in this file: to add a provider that speaks
the OpenAI protocol, add its base URL and the environment variable of its key there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from arena.base.errors import InputError, one_line, warn
from arena.base.yaml_file import fill_variables, filled, nearest
from arena.bench.config import Endpoint, ModelConfig, place_of
from arena.chat.connections import (
    CompletionError,
    aws_access,
    connect_anthropic,
    connect_azure,
    connect_bedrock,
    connect_llamacpp,
    connect_openai,
    connect_vertex,
    gguf_path,
    google_access,
)

Message = dict[str, str]

DEFAULT_MAX_TOKENS = 4096


@dataclass(frozen=True)
class Completion:
    """A reply of a model; token counts are the API's own, None where it gives none."""

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


# Faults

_CAUSES = {
    400: "bad request",
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "no such model",
    408: "timeout",
    413: "context too long",
    422: "bad request",
    429: "rate limit",
}
_TOO_LONG = (
    "context_length",
    "context length",
    "context size",
    "maximum context",
    "too long",
    "too many tokens",
)


# A gateway's words for a server that it has asked and that may answer all the same.
_LATE = (408, 504, 524)
# Finish reasons that stand for a fault: of OpenRouter, vLLM and SGLang, DeepSeek.
_BROKEN = ("error", "abort", "insufficient_system_resource")
# What the SDKs and the reading of a reply raise where it is not what it should be.
_UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError)
_NO_CREDIT = ("insufficient_quota", "spend_limit", "credit balance")
_BAD_KEY = (
    "api key not valid",  # Gemini
    "api key expired",
    "api_key_invalid",
    "incorrect api key",  # xAI
    "invalid api key",
    "invalid_api_key",
)
_UNSUPPORTED = ("unsupported_parameter", "unsupported_value")
_REASONING_REMEDY = (
    "a reasoning model wants api_type openai_thinking, or reasoning_effort in its entry"
)

# Packages whose errors say that a cloud's credentials cannot be had, and those that may pass.
_CREDENTIALS = ("google.auth.", "botocore.")
_NOT_REACHED = {"TransportError", "ConnectionError", "HTTPClientError"}
# Variables whose values no message may hold, beside the API types' own.
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")


class BrokenReply(Exception):
    """A reply that ends in the middle, and says that this is the server's fault."""


def classified(error: Exception, sdk_name: str, secrets: Sequence[str]) -> CompletionError:
    """Return the SDK's exception as a CompletionError, without the secrets a server may repeat.

    Anything that is not the API's fault is an internal error.
    """
    sdk = importlib.import_module(sdk_name)
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    if isinstance(error, sdk.APIConnectionError):
        cause = "timeout" if isinstance(error, sdk.APITimeoutError) else "connection"
        message = without(secrets, f"{error} {error.__cause__ or ''}")
        return CompletionError(cause, message, charged=_was_sent(error))
    if isinstance(error, BrokenReply):
        return CompletionError("server error", without(secrets, str(error)), charged=True)
    if isinstance(error, (sdk.APIError, *_UNREADABLE)):
        return CompletionError("malformed reply", without(secrets, str(error)), charged=True)
    if type(error).__module__.startswith(_CREDENTIALS):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passing = kinds & _NOT_REACHED or getattr(error, "retryable", False)
        cause = "connection" if passing else "authentication"
        return CompletionError(cause, without(secrets, str(error)))
    return CompletionError("internal error", without(secrets, repr(error)))


def _was_sent(error: Exception) -> bool:
    """Whether a call was sent before its connection broke or its time was over."""
    import httpx2

    return not isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))


def secrets_of(model: ModelConfig, endpoint: Endpoint) -> list[str]:
    """Return what no message may hold: keys, words of headers, passwords in the address, what
    `${VAR}`s stand for.
    """
    variables = (API_TYPES[model.api_type].key_variable, *_SECRET_VARIABLES)
    from_environment = [os.environ[name].strip() for name in variables if name in os.environ]
    client = _clients.get(_client_key(model, endpoint))
    token = getattr(getattr(client, "credentials", None), "token", None)  # Google's
    keys = [(endpoint.api_key or "").strip(), *from_environment]
    if isinstance(token, str):
        keys.append(token)
    headers = list(model.extra_headers.values())
    words = [word for value in headers for word in re.split(r"[\s,;=\"]+", value)]
    of_address = _USER_OR_QUERY.findall(endpoint.api_base or "")
    parts = [part for text in of_address for part in re.split("[:&=]", text)]
    return [*keys, *headers, *words, *parts, *filled]


_USER_OR_QUERY = re.compile(r"(?<=://)[^/?#]+(?=@)|(?<=\?)[^#]+")


def without(secrets: Iterable[str], text: str) -> str:
    """Return the text with the secrets blotted out, also as URLs and JSON spell them; what is too
    short to be one stands.
    """
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) >= 8:
            in_urls = {quote(secret, safe=safe, errors="replace") for safe in ("", "/")}
            spellings |= {secret, json.dumps(secret, ensure_ascii=False)[1:-1]} | in_urls
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    status = int(error.status_code)
    text = json.dumps(error.body, ensure_ascii=False) if error.body else str(error)
    text = without(secrets, text)
    cause = _CAUSES.get(status, "server error" if status >= 500 or status == 409 else "bad request")

    def says(words: Sequence[str]) -> bool:
        return any(word in text.lower() for word in words)

    if status in (400, 403, 429) and says(_NO_CREDIT):
        cause = "quota"
    elif status == 400 and says(_BAD_KEY):
        cause = "authentication"
    elif status in (400, 422) and says(_TOO_LONG):
        cause = "context too long"
    elif status == 400 and says(("content_filter", "content filter")):
        cause = "content filter"
    elif status == 400 and getattr(error, "code", None) in _UNSUPPORTED:
        cause = "unsupported parameter"
        if "max_tokens" in text or "temperature" in text:
            return CompletionError(cause, f"{_REASONING_REMEDY}: HTTP 400 {text}")
    retry_after = _retry_after(error.response.headers)
    return CompletionError(cause, f"HTTP {status} {text}", retry_after, charged=status in _LATE)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which may be a date; None where it has none."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


# Clients

_clients: dict[tuple[object, ...], Any] = {}
_clients_lock = threading.Lock()


def client_of(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Return the client of an endpoint; it is made once and shared by all threads and models."""
    key = _client_key(model, endpoint)
    client = _clients.get(key)
    if client is None:
        with _clients_lock:
            client = _clients.get(key) or _connect(model, endpoint)
            _clients[key] = client
    return client


def _client_key(model: ModelConfig, endpoint: Endpoint) -> tuple[object, ...]:
    own = (model.model_path, model.context, model.timeout, model.project_id, model.regions)
    return (model.api_type, endpoint, *own)


def _connect(model: ModelConfig, endpoint: Endpoint) -> Any:
    api_type = API_TYPES[model.api_type]
    address = endpoint.api_base or api_type.base_url
    whole = replace(endpoint, api_base=address, api_key=api_key(model, endpoint))
    return api_type.connect(model, whole)


def api_key(model: ModelConfig, endpoint: Endpoint) -> str | None:
    """Return the key of an endpoint: its own, or the API type's from the environment; None where
    the SDK finds the credentials.

    The environment's key goes to the provider only: an endpoint with an address of its own must
    name its key, and is called without one otherwise.
    """
    api_type = API_TYPES[model.api_type]
    key = (endpoint.api_key or "").strip()
    if not key and api_type.access is not None:
        return None
    own_address = endpoint.api_base is not None and model.api_type != "azure"
    if not key:
        variable = api_type.key_variable
        key = "EMPTY" if own_address or not variable else os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{model.where}: api_key: holds characters that no key has")
    if not key:
        raise InputError(
            f"{place_of(model)}: no API key: set {api_type.key_variable} in the environment, "
            "or api_key in the entry's endpoints"
        )
    return key


# What is wrong with an entry, before it is used


def check_model(model: ModelConfig, max_tokens: int | None = None, *, key: bool = True) -> None:
    """Raise InputError where a call with `max_tokens` would be hopeless: API type, SDK, key,
    address, file or room for the answer missing.

    Without `key` the key may be missing: nothing is to be called.
    """
    api_type = _known_type(model)
    for module, package in api_type.needs.items():
        if not _is_installed(module):
            raise InputError(
                f"{model.where}: api_type '{model.api_type}' needs: pip install '{package}'"
            )
    _extra_body(model)
    _check_budget(model, max_tokens)
    if model.api_type == "llamacpp":
        gguf_path(model)
        return
    for number, endpoint in enumerate(model.endpoints):
        _check_address(model, endpoint, f"{model.where}: endpoints[{number}]")
        if key:
            api_key(model, endpoint)
        if key and api_type.access is not None:
            api_type.access(model, endpoint)


def _known_type(model: ModelConfig) -> ApiType:
    name = model.api_type
    if name in UNROUTED:
        raise InputError(
            f"{model.where}: api_type '{name}' has no route here; use {UNROUTED[name]}, or "
            "api_type openai with the provider's OpenAI-compatible address as api_base"
        )
    if name not in API_TYPES:
        known = ", ".join(API_TYPES)
        raise InputError(
            f"{model.where}: api_type '{name}' is not supported{nearest(name, API_TYPES)}; "
            f"supported: {known}"
        )
    if name == "vertex" and "gemini" in model.model_name:
        raise InputError(
            f"{model.where}: api_type 'vertex' is for Claude on Vertex AI; use api_type gemini"
        )
    return API_TYPES[name]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def _check_budget(model: ModelConfig, max_tokens: int | None) -> None:
    """Check that a thinking budget leaves room for an answer, and that somebody reads it."""
    budget = model.budget_tokens
    if budget is None:
        return
    if not API_TYPES[model.api_type].is_claude:
        warn(
            f"{model.where}: budget_tokens is for Claude and is not sent; api_type "
            f"'{model.api_type}' may know reasoning_effort"
        )
    elif max_tokens is not None and max_tokens <= budget:
        raise InputError(
            f"{model.where}: budget_tokens: {budget} leaves no room for an answer: max_tokens is "
            f"{max_tokens} and must be above it; set max_completion_tokens in the entry"
        )


def _check_address(model: ModelConfig, endpoint: Endpoint, where: str) -> None:
    base, api_type = endpoint.api_base, API_TYPES[model.api_type]
    if not base and (model.local_engine or api_type.is_server):
        raise InputError(
            f"{where}: no api_base, and there is no engine inside this program: start a server "
            "and give its address as api_base, or use api_type llamacpp for a GGUF file"
        )
    if not base and model.api_type == "azure":
        raise InputError(f"{where}: api_type 'azure' needs an api_base")
    if base and not base.startswith(("http://", "https://")):
        raise InputError(
            f"{where}: api_base: '{one_line(without(secrets_of(model, endpoint), base), 80)}' does "
            "not begin with http:// or https://"
        )


# Protocols


def _extra_body(model: ModelConfig) -> dict[str, Any]:
    body: dict[str, Any] = fill_variables(model.extra_body, f"{model.where}: extra_body")
    return body


def _post(client: Any, path: str, request: ModelConfig, body: Mapping[str, Any]) -> Any:
    """Send a request and return the reply's JSON as it is.

    The SDK's typed methods cost twice the time and let malformed replies through all the same.
    """
    import httpx2

    headers = {"headers": dict(request.extra_headers)} if request.extra_headers else {}
    whole = {key: value for key, value in body.items() if value is not None}
    response = client.post(
        path, cast_to=httpx2.Response, body=whole | _extra_body(request), options=headers
    )
    kind = response.headers.get("content-type", "application/json")
    if "json" not in kind:
        raise ValueError(f"the reply is {kind}, not JSON: {response.text}")
    return json.loads(response.content)


def _complete_openai(client: Any, request: ModelConfig, messages: Sequence[Message]) -> Completion:
    """Call an OpenAI-compatible server."""
    body = {
        "model": request.model_name,
        "messages": list(messages),
        "temperature": request.temperature,
        _limit_key(request): request.max_tokens,
        "reasoning_effort": request.reasoning_effort,
        "response_format": request.response_format,
    }
    reply = _post(client, "/chat/completions", request, body)
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise ValueError(f"no choices in the reply: {reply!r}")
    message = choices[0]["message"]
    thinking, content = _parts(message.get("content"))
    thought, text = split_thought(content, request.end_think_token)
    return Completion(
        text=text,
        reasoning=_text_or_none(message.get("reasoning_content"))
        or _text_or_none(message.get("reasoning"))  # OpenRouter's name, and newer vLLM's
        or thinking
        or thought,
        finish_reason=_finish_reason(choices[0].get("finish_reason"), choices[0].get("error")),
        input_tokens=_count(reply, "prompt_tokens"),
        output_tokens=_count(reply, "completion_tokens"),
    )


def _parts(content: Any) -> tuple[str | None, str]:
    """Return the reasoning and the text of a content: a text, or a list of parts (Mistral)."""
    if content is None or isinstance(content, str):
        return None, content or ""
    thinking, text = [], []
    for part in content:
        if part["type"] == "thinking":
            thinking += [piece["text"] for piece in part["thinking"]]
        elif part["type"] == "text":
            text.append(part["text"])
    return "".join(thinking) or None, "".join(text)


def _limit_key(request: ModelConfig) -> str:
    """Return under which name a request limits the output; reasoning models refuse `max_tokens`."""
    api_type = API_TYPES[request.api_type]
    reasons = request.reasoning_effort is not None and request.temperature is None
    if request.max_completion_tokens is not None or (reasons and api_type.effort_is_strict):
        return "max_completion_tokens"
    return api_type.limit_key


def split_thought(text: str, end: str | None) -> tuple[str | None, str]:
    """Return the reasoning that a reply begins with, up to the token `end`, and the rest.

    What begins with `<think>` and does not end is all reasoning. Some servers leave the `<think>`
    out; that is looked for only in replies of models whose entry sets the token.
    """
    opened = text.lstrip().startswith("<think>")
    thought, found, rest = text.partition(end or "</think>")
    if not opened and (end is None or not found or "<think>" in thought):
        return None, text
    return thought.strip().removeprefix("<think>").strip() or None, rest.lstrip()


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _finish_reason(value: object, error: object = None) -> str | None:
    """Return why a reply ended; BrokenReply, with the server's error, where that is a fault."""
    if value in _BROKEN:
        raise BrokenReply(f"finish reason '{value}' {error or ''}")
    return _text_or_none(value)


def _count(reply: Mapping[str, Any], name: str) -> int | None:
    """Return a number of tokens as the API tells it, None where it tells none."""
    usage = reply.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else None


# Anthropic's words for what OpenAI calls the finish reason.
_STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
}


def _complete_anthropic(
    client: Any, request: ModelConfig, messages: Sequence[Message]
) -> Completion:
    """Call Anthropic's messages API; a system message becomes its `system` field."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    body = {
        "model": request.model_id or request.model_name,
        "messages": [m for m in messages if m["role"] != "system"],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "system": system or None,
        "thinking": _thinking(request),
        "output_config": _output_config(request),
    }
    if request.temperature is not None:
        old_version = API_TYPES[request.api_type].old_version
        body |= old_version
        if not old_version:
            header = {"anthropic-version": "2023-06-01"}
            request = replace(request, extra_headers=header | dict(request.extra_headers))
    reply = _post(client, "/v1/messages", request, body)
    blocks = reply.get("content") if isinstance(reply, dict) else None
    if not isinstance(blocks, list):
        raise ValueError(f"no content in the reply: {reply!r}")
    thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
    stop = _finish_reason(reply.get("stop_reason"))
    return Completion(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="\n".join(thoughts) or None,
        finish_reason=_STOP_REASONS.get(stop or "", stop),
        input_tokens=_count(reply, "input_tokens"),
        output_tokens=_count(reply, "output_tokens"),
    )


def _thinking(model: ModelConfig) -> dict[str, Any] | None:
    """Return how Claude is to think: up to a budget, as it sees fit, or as it is used to (None)."""
    if model.budget_tokens is not None:
        return {"type": "enabled", "budget_tokens": model.budget_tokens}
    return {"type": "adaptive"} if API_TYPES[model.api_type].thinks else None


def _output_config(request: ModelConfig) -> dict[str, Any] | None:
    """Return effort and schema of the reply, None where there is neither."""
    config: dict[str, Any] = {}
    if request.reasoning_effort is not None:
        config["effort"] = request.reasoning_effort
    if request.response_format is not None:
        schema = request.response_format["json_schema"]["schema"]
        config["format"] = {"type": "json_schema", "schema": schema}
    return config or None


# The table of providers


@dataclass(frozen=True)
class ApiType:
    """How to reach a kind of provider: its client, its protocol, its SDK and where its key is.

    `access`: finds credentials that are no key, raises InputError without; `is_server`: has no
    address of its own. `default_temperature`: what is sent where no setting says it; None leaves it
    to the model. `thinks`: reasons in every reply, and takes no temperature. `limit_key`: its name
    for max_tokens; `effort_is_strict`: with a reasoning_effort it takes neither that nor the
    temperature of other models. `old_version`: what a body must hold to be allowed a temperature,
    where the version of Anthropic's protocol is not told in a header.
    """

    connect: Callable[[ModelConfig, Endpoint], Any] = connect_openai
    complete: Callable[[Any, ModelConfig, Sequence[Message]], Completion] = _complete_openai
    key_variable: str = ""
    base_url: str | None = None
    access: Callable[[ModelConfig, Endpoint], object] | None = None
    is_server: bool = False
    default_temperature: float | None = 0.0
    thinks: bool = False
    limit_key: str = "max_tokens"
    effort_is_strict: bool = False
    old_version: Mapping[str, str] = field(default_factory=dict)
    sdk: str = "openai"
    needs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_claude(self) -> bool:
        """Whether it speaks Anthropic's protocol."""
        return self.complete is _complete_anthropic


def _compatible(base_url: str, key_variable: str) -> ApiType:
    return ApiType(base_url=base_url, key_variable=key_variable)


def _claude(connect: Callable[[ModelConfig, Endpoint], Any], **fields: Any) -> ApiType:
    """Return an API type of Anthropic's protocol; newer versions of it know no temperature."""
    shared = {"complete": _complete_anthropic, "default_temperature": None, "sdk": "anthropic"}
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
