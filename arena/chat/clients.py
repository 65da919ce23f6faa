"""TODO."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import replace
from typing import Any

from arena.base.errors import InputError
from arena.base.yaml_file import variable_values
from arena.chat.config import Endpoint, ModelConfig, place_of
from arena.chat.faults import _USER_OR_QUERY
from arena.chat.providers import API_TYPES

# Variables whose values no message may hold, beside the API types' own.
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")


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
    return [*keys, *headers, *words, *parts, *variable_values]


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
