"""The clients of a model's endpoints, what they need to work, and secrets no message may show."""

from __future__ import annotations

import base64
import functools
import importlib.util
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import unquote, urlsplit

from arena.base.errors import InputError, one_line, warn
from arena.base.yaml_file import fill_variables, variable_values
from arena.chat.config import Endpoint, ModelConfig, place_of
from arena.chat.connections import SDK_ADDRESSES, connect, gguf_path
from arena.chat.faults import redact, shown_address
from arena.chat.providers import api_type_of

# A client looks through all its connections for each request. With hundreds of them that takes
# longer than the request, so the threads share several clients.
CLIENTS = 16

_connect: dict[tuple[object, ...], Callable[[], Any]] = {}
_clients: dict[tuple[object, ...], Any] = {}
_lock = threading.Lock()


def client_of(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Find the client of an endpoint for this thread, or make it. All models share it."""
    place = _place(model, endpoint)
    client = _clients.get(place)
    if client is None:
        # Without the lock every thread of a run would begin with clients of its own.
        with _lock:
            key = place[:-1]
            if key not in _connect:
                sdk = importlib.import_module(api_type_of(model).protocol.sdk)
                sdk_class = getattr(sdk, api_type_of(model).sdk_class)
                seconds, access = endpoint.timeout or model.timeout, access_of(model, endpoint)
                _connect[key] = functools.partial(connect, sdk_class, seconds, access)
            if place not in _clients:
                _clients[place] = _connect[key]()
            client = _clients[place]
    return client


def _place(model: ModelConfig, endpoint: Endpoint) -> tuple[object, ...]:
    """Return the key of a client: the settings that it depends on, and the share of threads."""
    settings = (model.model_path, model.context, model.timeout, model.project_id, model.regions)
    return (model.api_type, endpoint, *settings, threading.get_native_id() % CLIENTS)


def shown_base(model: ModelConfig, endpoint: Endpoint) -> str:
    """Return the address of an endpoint as messages show it, "" if its client was never made."""
    client = _clients.get(_place(model, endpoint))
    base = endpoint.api_base or "" if client is None else str(client.base_url)
    return shown_address(base, secrets_of(model, endpoint)).rstrip("/") if base else ""


def check_model(
    model: ModelConfig, max_tokens: int | None = None, *, key: bool = True, address: bool = True
) -> None:
    """Raise InputError if no call can succeed: API type, package, key, address or file is missing,
    or thinking leaves no room below `max_tokens`. `key`: False if no call will be made, `address`
    too if another program asks the model.
    """
    where, api_type = model.where, api_type_of(model)
    if model.api_type == "vertex" and "gemini" in model.model_name:
        advice = "is for Claude on Vertex AI. Use api_type gemini."
        raise InputError(f"{where}: api_type 'vertex' {advice}")
    for module, package in api_type.needs.items():
        try:
            installed = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # of the package around it: "google" of "google.auth"
            installed = False
        if not installed:
            raise InputError(f"{where}: api_type '{model.api_type}' needs: pip install '{package}'")
    _check_extra_body(model)
    budget = model.budget_tokens
    if budget is not None and not api_type.is_claude:
        advice = f"api_type '{model.api_type}' may know reasoning_effort."
        warn(f"{where}: budget_tokens is for Claude and is not sent. {advice}")
    elif budget is not None and max_tokens is not None and max_tokens <= budget:
        raise InputError(
            f"{where}: budget_tokens: {budget} leaves no room for an answer, since max_tokens is "
            f"{max_tokens}. Set max_completion_tokens in the entry to more than {budget}."
        )
    if model.api_type == "llamacpp":
        gguf_path(model)
        return
    for endpoint in model.endpoints if address else ():
        base = address_of(model, endpoint)
        variable = SDK_ADDRESSES.get(base or "", "")
        if not endpoint.api_base and os.environ.get(variable):
            # The SDK would take that address.
            advice = "For another server, write its address as api_base in the entry's endpoints."
            warn(f"{where}: {variable} is ignored, calls go to {base}. {advice}")
        if key:
            access_of(model, endpoint)


def _check_extra_body(model: ModelConfig) -> None:
    """Raise InputError for what no request can contain, and for replies that nobody reads."""
    body = f"{model.where}: extra_body"
    extra_body = fill_variables(model.extra_body, body)
    _check_json(extra_body, body)
    if "messages" in extra_body:  # it would replace every question
        raise InputError(f"{body}: messages: these are the questions. Remove it.")
    if extra_body.get("stream"):
        raise InputError(f"{body}: stream: replies are read whole. Set it to false.")
    if extra_body.get("n", 1) not in (None, 1, "1"):
        raise InputError(f"{body}: n: only the first choice is read. Set it to 1.")


def _check_json(value: object, where: str) -> None:
    """Raise InputError for a value that a request cannot contain."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_json(key, f"{where}: a key")
            _check_json(item, f"{where}.{one_line(key, 60)}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_json(item, f"{where}[{number}]")
    else:
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            raise InputError(f"{where}: contains half a character (a surrogate)") from None
        except (ValueError, TypeError):
            # Only of these is it sure that they are no secrets.
            shown = f"{value}" if isinstance(value, (float, date)) else type(value).__name__
            advice = "Write a text in quotes, or a list."
            raise InputError(f"{where}: JSON has no such value: {shown}. {advice}") from None


def access_of(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find the arguments of an endpoint's client: address, and key or credentials."""
    address, key = address_of(model, endpoint), api_key(model, endpoint)
    return api_type_of(model).access(model, replace(endpoint, api_base=address, api_key=key))


def address_of(model: ModelConfig, endpoint: Endpoint) -> str | None:
    """Find the address of an endpoint: its own, else the API type's, None if the SDK knows it.

    Raises InputError for one that is missing or is not HTTP.
    """
    base, api_type = endpoint.api_base, api_type_of(model)
    if model.api_type == "llamacpp":  # it starts a server of its own
        return None
    if base and base.startswith(("http://", "https://")):
        return _base_of_calls(base, model, endpoint)
    where = f"{model.where}: endpoints[{model.endpoints.index(endpoint)}]"
    if base:
        address = one_line(redact(base, secrets_of(model, endpoint)), 80)
        raise InputError(f"{where}: api_base: '{address}' does not begin with http:// or https://")
    if model.local_engine or api_type.is_server:
        raise InputError(
            f"{where}: no api_base, and this program has no engine for the model. Start a server "
            "and give its address as api_base, or use api_type llamacpp for a GGUF file."
        )
    if model.api_type == "azure":
        raise InputError(f"{where}: api_type 'azure' needs an api_base")
    return api_type.base_url


def _base_of_calls(base: str, model: ModelConfig, endpoint: Endpoint) -> str:
    """Return an address if calls can go below it. InputError for the address of the calls."""
    where = f"{model.where}: endpoints[{model.endpoints.index(endpoint)}]: api_base"
    secrets = secrets_of(model, endpoint)
    try:
        url = urlsplit(base)
        is_right = url.hostname and url.port != 0 and " " not in url.netloc and base.isprintable()
        (url.hostname or "").encode("idna")  # raises a ValueError for what is no name of a host
    except ValueError:
        is_right = False
    if not is_right:
        raise InputError(f"{where}: '{one_line(redact(base, secrets), 80)}' is not an address")
    path, call = url.path, r"/((chat/)?completions|responses)/?$"
    if api_type_of(model).is_claude:
        call = r"(/v1)?/messages/?$"
    elif model.api_type == "azure":
        call = rf"(/openai(/deployments/[^/]+|/v1)?)?{call}"
    if match := re.search(call, path):
        shown = shown_address(base, secrets)
        better = shown_address(base.replace(path, path[: match.start()]), secrets)
        reason = "ends in the path of a call, which each call adds"
        raise InputError(f"{where}: '{shown}' {reason}. Use {better}")
    return base


def api_key(model: ModelConfig, endpoint: Endpoint) -> str | None:
    """Find the key of an endpoint: its own, else the API type's in the environment, None if the SDK
    finds the credentials. The environment's key is sent to the provider's own address only.
    """
    key, variable = (endpoint.api_key or "").strip(), api_type_of(model).key_variable
    if not key and variable is None:
        return None
    # An Azure resource always has an address of its own, and still is the provider's.
    other_address = endpoint.api_base is not None and model.api_type != "azure"
    if not key:
        key = "EMPTY" if other_address or not variable else os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{model.where}: api_key: contains characters that no key has")
    if not key:
        advice = f"Set {variable} in the environment, or api_key in the entry's endpoints."
        raise InputError(f"{place_of(model)}: no API key. {advice}")
    return key


# Variables of the environment with keys, and with headers that the SDKs send to providers.
SECRET_VARIABLES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"),
    *("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
)
HEADER_VARIABLES = ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS")
# A part of a path that is a key, rather than a word such as "inference" or "compatible-mode".
LOOKS_LIKE_A_KEY = re.compile(r"\d|[A-Z]|key|token|secret|pass|auth|cred|^sk-|.{24}")


def secrets_of(model: ModelConfig, endpoint: Endpoint) -> list[str]:
    """List what no message may show: keys, headers, passwords and keys in addresses, values of
    `${VAR}`s.
    """
    variables = (api_type_of(model).key_variable or "", *SECRET_VARIABLES)
    keys = [endpoint.api_key or "", *(os.environ.get(name, "") for name in variables)]
    google = [getattr(client, "credentials", None) for client in [*_clients.values()]]
    tokens = [token for c in google if isinstance(token := getattr(c, "token", None), str)]
    headers = [*model.extra_headers.values()]
    for name in HEADER_VARIABLES:
        headers += [line.partition(":")[2] for line in os.environ.get(name, "").split("\n")]
    words = [word for value in headers for word in re.split(r"[\s,;=\"]+", value)]
    form = r"(?:\w+:/+)?(?:([^/?#]*)@)?[^/?#]*([^?#]*)(?:\?([^#]*))?"
    user, path, query = re.findall(form, endpoint.api_base or "")[0]
    parts = re.split("[:&=]", f"{user}&{query}")
    parts.append(base64.b64encode(unquote(user).encode("utf-8", "replace")).decode())
    parts += filter(LOOKS_LIKE_A_KEY.search, path.split("/"))
    keys = [key.strip() for key in keys + tokens + headers]
    return [*keys, *words, *parts, *variable_values]
