"""The protocols of OpenAI and Anthropic: the body of a request, and the reading of a reply.

`body` and `read` know no connection, so that the same request can go out live or in a batch file.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from arena.base.yaml_file import fill_variables
from arena.chat.config import ModelConfig
from arena.chat.faults import BrokenReply, CompletionError

Message = dict[str, str]


@dataclass(frozen=True)
class Request:
    """One call of a model. `response_format`: a JSON schema of the reply in OpenAI's form."""

    model: ModelConfig
    messages: Sequence[Message]
    temperature: float | None
    max_tokens: int
    response_format: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Completion:
    """A model's reply. Token counts are the API's own, None if it gives none."""

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


Reply = Completion | CompletionError


@dataclass(frozen=True)
class Protocol(ABC):
    """A protocol, as one kind of provider speaks it.

    `thinks`: the models reason in every reply and take no temperature. `default_temperature`: sent
    if no setting gives one, None leaves it to the model. `sdk`: the package that makes the clients.
    """

    thinks: bool = False
    default_temperature: ClassVar[float | None]
    sdk: ClassVar[str]
    path: ClassVar[str]

    @abstractmethod
    def fields(self, request: Request) -> dict[str, Any]:
        """Build the fields of a request. Those that are None are not sent."""

    @abstractmethod
    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON. Raises BrokenReply, or one of UNREADABLE if its form is another."""

    def body(self, request: Request) -> dict[str, Any]:
        """Build the body of a request. The entry's extra_body overrides our own fields."""
        model, messages = request.model, []
        for message in request.messages:
            # Published answers contain lone surrogates, which UTF-8 cannot encode.
            text = message["content"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            messages.append(message | {"content": text})
        fields = self.fields(replace(request, messages=messages)).items()
        extra_body = fill_variables(model.extra_body, f"{model.where}: extra_body")
        return {**{name: value for name, value in fields if value is not None}, **extra_body}

    def headers(self, request: Request) -> dict[str, str]:
        """Build the headers that a request has beside those of the SDK and the entry."""
        return {}

    def complete(self, client: Any, request: Request) -> Completion:
        """Send a request through a client of the SDK, and read the reply."""
        import httpx2

        # The SDKs' typed methods take twice the CPU time, and let malformed replies through.
        options = {"headers": {**self.headers(request), **request.model.extra_headers}}
        response = client.post(
            self.path, cast_to=httpx2.Response, body=self.body(request), options=options
        )
        kind = response.headers.get("content-type", "application/json")
        if "json" not in kind:
            raise ValueError(f"the reply is {kind}, not JSON: {response.text}")
        return self.read(json.loads(response.content), request.model)


@dataclass(frozen=True)
class OpenAIProtocol(Protocol):
    """OpenAI's chat completions, which most providers speak. `effort_is_strict`: a model that
    reasons refuses `max_tokens` and the temperature of other models.
    """

    effort_is_strict: bool = False
    default_temperature = 0.0
    sdk = "openai"
    path = "/chat/completions"

    def fields(self, request: Request) -> dict[str, Any]:
        """Build the fields of a request. Models that reason have another name for the limit."""
        model, limit_key = request.model, "max_tokens"
        reasons = self.thinks or (
            model.reasoning_effort is not None and request.temperature is None
        )
        if model.max_completion_tokens is not None or (reasons and self.effort_is_strict):
            limit_key = "max_completion_tokens"
        return {
            "model": model.model_name,
            "messages": list(request.messages),
            "temperature": request.temperature,
            limit_key: request.max_tokens,
            "reasoning_effort": model.reasoning_effort,
            "response_format": request.response_format,
        }

    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON. Its content is a text, or a list of parts (Mistral)."""
        choices = reply.get("choices") if isinstance(reply, dict) else None
        if not choices or not isinstance(choices[0].get("message"), dict):
            raise ValueError(f"no choices in the reply: {reply!r}")
        message = choices[0]["message"]
        content, thinking = message.get("content"), ""
        if content is not None and not isinstance(content, str):
            thoughts = [part["thinking"] for part in content if part["type"] == "thinking"]
            thinking = "".join(piece["text"] for thought in thoughts for piece in thought)
            content = "".join(part["text"] for part in content if part["type"] == "text")
        thought, text = split_thought(content or "", model.end_think_token)
        return Completion(
            text=text,
            reasoning=_text_or_none(message.get("reasoning_content"))
            or _text_or_none(message.get("reasoning"))  # OpenRouter's name, and newer vLLM's
            or thinking
            or thought,
            finish_reason=_finish_reason(choices[0].get("finish_reason"), choices[0].get("error")),
            input_tokens=_token_count(reply, "prompt_tokens"),
            output_tokens=_token_count(reply, "completion_tokens"),
        )


def split_thought(text: str, end: str | None) -> tuple[str | None, str]:
    """Split a reply into the reasoning that it begins with, up to the token `end`, and the rest.

    Some servers omit the `<think>`. That is recognized only if the model's entry sets the token,
    since an answer about such models may mention `</think>`.
    """
    opened = text.lstrip().startswith("<think>")
    thought, end_token, rest = text.partition(end or "</think>")
    if not opened and (end is None or not end_token or "<think>" in thought):
        return None, text
    return thought.strip().removeprefix("<think>").strip() or None, rest.lstrip()


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


# Finish reasons that stand for a fault: of OpenRouter, of vLLM and SGLang, of DeepSeek. Without
# them half a reply would be stored as the model's answer.
BROKEN = ("error", "abort", "insufficient_system_resource")


def _finish_reason(value: object, error: object = None) -> str | None:
    """Read why a reply ended. Raises BrokenReply, with the server's error, if that is a fault."""
    if value in BROKEN:
        raise BrokenReply(f"finish reason '{value}' {error or ''}")
    return _text_or_none(value)


def _token_count(reply: Mapping[str, Any], name: str) -> int | None:
    """Read a number of tokens, None if the API gives none that makes sense."""
    usage = reply.get("usage")
    return sensible_count(usage.get(name)) if isinstance(usage, dict) else None


def sensible_count(value: object) -> int | None:
    """Return a number of tokens of one call, None for one that no call can have."""
    return value if type(value) is int and 0 <= value < 10**9 else None


# Anthropic's words for what OpenAI calls the finish reason.
STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
}


@dataclass(frozen=True)
class AnthropicProtocol(Protocol):
    """Anthropic's messages, on its own API and on the clouds that host Claude.

    `old_version`: the field that chooses a version of the protocol which knows a temperature, on
    clouds that have the version in the body instead of a header.
    """

    old_version: Mapping[str, str] = field(default_factory=dict)
    default_temperature = None  # newer versions of the protocol refuse one
    sdk = "anthropic"
    path = "/v1/messages"

    def fields(self, request: Request) -> dict[str, Any]:
        """Build the fields of a request. System messages become its `system` field."""
        model = request.model
        thinking: dict[str, Any] | None = {"type": "adaptive"} if self.thinks else None
        if model.budget_tokens is not None:
            thinking = {"type": "enabled", "budget_tokens": model.budget_tokens}
        output: dict[str, Any] = {}
        if model.reasoning_effort is not None:
            output["effort"] = model.reasoning_effort
        if request.response_format is not None:
            schema = request.response_format["json_schema"]["schema"]
            output["format"] = {"type": "json_schema", "schema": schema}
        system = "\n\n".join(m["content"] for m in request.messages if m["role"] == "system")
        return {
            "model": model.model_id or model.model_name,
            "messages": [m for m in request.messages if m["role"] != "system"],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "system": system or None,
            "thinking": thinking,
            "output_config": output or None,
            **(self.old_version if request.temperature is not None else {}),
        }

    def headers(self, request: Request) -> dict[str, str]:
        """Ask for the version of the protocol that knows a temperature, if one is sent."""
        is_old = request.temperature is not None and not self.old_version
        return {"anthropic-version": "2023-06-01"} if is_old else {}

    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON, a list of blocks."""
        blocks = reply.get("content") if isinstance(reply, dict) else None
        if not isinstance(blocks, list):
            raise ValueError(f"no content in the reply: {reply!r}")
        thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
        stop = _finish_reason(reply.get("stop_reason"))
        return Completion(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            reasoning="\n".join(thoughts) or None,
            finish_reason=STOP_REASONS.get(stop or "", stop),
            input_tokens=_token_count(reply, "input_tokens"),
            output_tokens=_token_count(reply, "output_tokens"),
        )
