"""One call of a model in this process, from its entry as a user writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conftest import Workspace
from fake_api import FakeAPI

from arena.chat.calls import chat_completion
from arena.chat.clients import check_model
from arena.chat.config import ModelConfig, read_model_config
from arena.chat.protocols import Completion
from arena.chat.providers import max_tokens_of, temperature_of

SERVERS = "config/api_config.yaml"


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


AWS_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-test",
    "AWS_REGION": "us-west-2",
}


OPENAI_BODY = {
    "model": "org/m",
    "messages": MESSAGES,
    "temperature": 0.25,
    "max_tokens": 99,
    "stream": False,
}


CLAUDE_BODY = {"system": "Be brief.", "messages": MESSAGES[1:], "max_tokens": 99, "stream": False}


GOOGLE = {"model_name": "claude-x", "project_id": "my-project", "regions": "us-east5"}


def model_of(bench: Workspace, **entry: Any) -> ModelConfig:
    """The model of an entry as a user writes it."""
    path = bench.write(SERVERS, {"tiny": {"model_name": "org/m"} | entry})
    return read_model_config(path, "tiny")


def ask(
    model: ModelConfig,
    temperature: float | None = 0.25,
    max_tokens: int = 99,
    response_format: Mapping[str, Any] | None = None,
) -> Completion:
    """Ask as the scripts do, whose settings say temperature and max_tokens."""
    limit = max_tokens_of(model, model.max_tokens, max_tokens)
    check_model(model, limit)
    return chat_completion(
        replace(model, max_retries=0),
        MESSAGES,
        temperature=temperature_of(model, model.temperature, temperature),
        max_tokens=limit,
        response_format=response_format,
    )


def sent(api: FakeAPI) -> dict[str, Any]:
    """The body of the only request."""
    (call,) = api.calls
    assert call.body is not None
    return call.body
