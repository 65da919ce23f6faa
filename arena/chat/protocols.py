"""TODO."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from arena.base.yaml_file import fill_variables
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.connections import (
    connect_openai,
)
from arena.chat.faults import _BROKEN, BrokenReply

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


def complete_openai(
    client: Any, api_type: ApiType, request: ModelConfig, messages: Sequence[Message]
) -> Completion:
    """Call an OpenAI-compatible server."""
    body = {
        "model": request.model_name,
        "messages": list(messages),
        "temperature": request.temperature,
        _limit_key(api_type, request): request.max_tokens,
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


def _limit_key(api_type: ApiType, request: ModelConfig) -> str:
    """Return under which name a request limits the output; reasoning models refuse `max_tokens`."""
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


def complete_anthropic(
    client: Any, api_type: ApiType, request: ModelConfig, messages: Sequence[Message]
) -> Completion:
    """Call Anthropic's messages API; a system message becomes its `system` field."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    body = {
        "model": request.model_id or request.model_name,
        "messages": [m for m in messages if m["role"] != "system"],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "system": system or None,
        "thinking": _thinking(api_type, request),
        "output_config": _output_config(request),
    }
    if request.temperature is not None:
        old_version = api_type.old_version
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


def _thinking(api_type: ApiType, model: ModelConfig) -> dict[str, Any] | None:
    """Return how Claude is to think: up to a budget, as it sees fit, or as it is used to (None)."""
    if model.budget_tokens is not None:
        return {"type": "enabled", "budget_tokens": model.budget_tokens}
    return {"type": "adaptive"} if api_type.thinks else None


def _output_config(request: ModelConfig) -> dict[str, Any] | None:
    """Return effort and schema of the reply, None where there is neither."""
    config: dict[str, Any] = {}
    if request.reasoning_effort is not None:
        config["effort"] = request.reasoning_effort
    if request.response_format is not None:
        schema = request.response_format["json_schema"]["schema"]
        config["format"] = {"type": "json_schema", "schema": schema}
    return config or None


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
    complete: Callable[[Any, ApiType, ModelConfig, Sequence[Message]], Completion] = complete_openai
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
        return self.complete is complete_anthropic
