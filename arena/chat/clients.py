"""The clients: one for each endpoint, with its key, and the secrets that no message may show."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import replace
from typing import Any

from arena.base.errors import InputError, one_line
from arena.base.yaml_file import variable_values
from arena.chat.config import Endpoint, ModelConfig, place_of
from arena.chat.faults import redact
from arena.chat.providers import api_type_of

_clients: dict[tuple[object, ...], Any] = {}
_lock = threading.Lock()


def client_of(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Find the client of an endpoint, or make it. All threads and models share it."""
    key = _client_key(model, endpoint)
    client = _clients.get(key)
    if client is None:
        # Without the lock every thread of a run would begin with a client of its own.
        with _lock:
            client = _clients.get(key)
            if client is None:
                address, secret = address_of(model, endpoint), api_key(model, endpoint)
                full = replace(endpoint, api_base=address, api_key=secret)
                client = _clients[key] = api_type_of(model).connect(model, full)
    return client


def _client_key(model: ModelConfig, endpoint: Endpoint) -> tuple[object, ...]:
    """What a client depends on."""
    fields = (model.model_path, model.context, model.timeout, model.project_id, model.regions)
    return (model.api_type, endpoint, *fields)


def close_clients() -> None:
    """Close all clients. The next call makes new ones."""
    for client in _clients.values():
        client.close()
    _clients.clear()


def address_of(model: ModelConfig, endpoint: Endpoint) -> str | None:
    """Find the address of an endpoint: its own, else that of the API type, None if the SDK knows
    it. InputError for one that is missing or is not HTTP.
    """
    base, api_type = endpoint.api_base, api_type_of(model)
    if model.api_type == "llamacpp":
        return None  # it starts a server of its own
    if base and base.startswith(("http://", "https://")):
        return base
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


def api_key(model: ModelConfig, endpoint: Endpoint) -> str | None:
    """Find the key of an endpoint, None if the SDK finds the credentials.

    The endpoint's own key counts, else that of the API type in the environment. The environment's
    key goes to the provider's address only: at another address no key is sent, unless the endpoint
    has its own.
    """
    api_type = api_type_of(model)
    key = (endpoint.api_key or "").strip()
    if not key and api_type.access is not None:
        return None
    # An Azure resource always has an address of its own, and still is the provider's.
    other_address = endpoint.api_base is not None and model.api_type != "azure"
    if not key:
        variable = api_type.key_variable
        key = "EMPTY" if other_address or not variable else os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{model.where}: api_key: contains characters that no key has")
    if not key:
        raise InputError(
            f"{place_of(model)}: no API key. Set {api_type.key_variable} in the environment, or "
            "api_key in the entry's endpoints."
        )
    return key


# Secrets in the environment, beside the keys of the API types.
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")


def secrets_of(model: ModelConfig, endpoint: Endpoint) -> list[str]:
    """List what no message may show: keys, words of headers, passwords in the address, and the
    values of `${VAR}`s.
    """
    variables = (api_type_of(model).key_variable, *SECRET_VARIABLES)
    keys = [endpoint.api_key or "", *(os.environ.get(name, "") for name in variables)]
    client = _clients.get(_client_key(model, endpoint))
    token = getattr(getattr(client, "credentials", None), "token", None)  # Google's
    if isinstance(token, str):
        keys.append(token)
    headers = list(model.extra_headers.values())
    words = [word for value in headers for word in re.split(r"[\s,;=\"]+", value)]
    user_or_query = re.findall(r"(?<=://)[^/?#]+(?=@)|(?<=\?)[^#]+", endpoint.api_base or "")
    parts = [part for text in user_or_query for part in re.split("[:&=]", text)]
    return [*(key.strip() for key in keys), *headers, *words, *parts, *variable_values]
