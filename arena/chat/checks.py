"""The faults of a model's entry that can be found before the first call."""

from __future__ import annotations

import importlib.util

from arena.base.errors import InputError, warn
from arena.base.yaml_file import fill_variables
from arena.chat.clients import access_of, address_of
from arena.chat.config import ModelConfig
from arena.chat.connections import gguf_path
from arena.chat.providers import api_type_of


def check_model(model: ModelConfig, max_tokens: int | None = None, *, key: bool = True) -> None:
    """Raise InputError if no call can succeed: API type, package, key, address or file is missing,
    or thinking leaves no room for an answer.

    `max_tokens`: the limit of the calls. `key`: False if none will be made, so that none is needed.
    """
    where, api_type = model.where, api_type_of(model)
    if model.api_type == "vertex" and "gemini" in model.model_name:
        raise InputError(
            f"{where}: api_type 'vertex' is for Claude on Vertex AI. Use api_type gemini."
        )
    for module, package in api_type.needs.items():
        try:
            installed = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # of the package around it: "google" of "google.auth"
            installed = False
        if not installed:
            raise InputError(f"{where}: api_type '{model.api_type}' needs: pip install '{package}'")
    fill_variables(model.extra_body, f"{where}: extra_body")
    budget = model.budget_tokens
    if budget is not None and not api_type.is_claude:
        warn(
            f"{where}: budget_tokens is for Claude and is not sent. api_type '{model.api_type}' "
            "may know reasoning_effort."
        )
    elif budget is not None and max_tokens is not None and max_tokens <= budget:
        raise InputError(
            f"{where}: budget_tokens: {budget} leaves no room for an answer, since max_tokens is "
            f"{max_tokens}. Set max_completion_tokens in the entry to more than {budget}."
        )
    if model.api_type == "llamacpp":
        gguf_path(model)
        return
    for endpoint in model.endpoints:
        if key:
            access_of(model, endpoint)
        else:
            address_of(model, endpoint)
