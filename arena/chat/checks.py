"""TODO."""

from __future__ import annotations

import importlib
import importlib.util

from arena.base.errors import InputError, nearest, one_line, warn
from arena.chat.clients import api_key, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.connections import (
    gguf_path,
)
from arena.chat.faults import without
from arena.chat.protocols import ApiType, _extra_body
from arena.chat.providers import API_TYPES, UNROUTED


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
