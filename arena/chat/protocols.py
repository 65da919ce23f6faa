"""The protocols of OpenAI and Anthropic: the body of a request, and the reading of a reply.

`body` and `read` know no connection, so that the same request can go out live or in a batch file.
"""

from __future__ import annotations

import functools
import json
import re
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
    """One call of a model.

    response_format: a JSON schema of the reply in OpenAI's form.
    refused: the parameters that the model is known to refuse, see arena/chat/parameters.py.
    """

    model: ModelConfig
    messages: Sequence[Message]
    temperature: float | None
    max_tokens: int
    response_format: Mapping[str, Any] | None = None
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Completion:
    """A model's reply. Token counts are the API's own, None if it gives none.

    not_sent: the parameters that were asked for and not sent, since the model refuses them.
    batch: the id of the batch that it came in, None for a live call.
    """

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    not_sent: tuple[str, ...] | None = None
    batch: str | None = None


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
        fields = self.fields(replace(request, messages=messages))
        body = {name: value for name, value in fields.items() if value is not None}
        body["stream"] = False  # some servers stream unless told not to
        for name in request.refused:
            body.pop(name, None)
        body.update(fill_variables(model.extra_body, f"{model.where}: extra_body"))
        return body

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
        return self.read(_json_of(response), request.model)


def _json_of(response: Any) -> Any:
    """Read the JSON of a reply. Raises ValueError, which says what else it is."""
    if not response.content.strip():
        raise ValueError("the reply is empty")

    def whole_number(digits: str) -> int:
        return int(digits[:100])  # Python refuses over 4,300 digits, and with them the whole reply

    try:
        try:
            return json.loads(response.content, parse_int=whole_number)
        except UnicodeDecodeError:  # a server cut a character in two, or has another encoding
            return json.loads(response.text, parse_int=whole_number)
    except ValueError as error:
        kind = response.headers.get("content-type", "application/json")
        if "json" in kind:
            raise
        raise ValueError(f"the reply is {kind}, not JSON: {response.text}") from error


@dataclass(frozen=True)
class OpenAIProtocol(Protocol):
    """OpenAI's chat completions, which most providers speak.

    effort_is_strict: a model that reasons refuses `max_tokens` and the temperature of other models.
    more_fields: those of one provider.
    """

    effort_is_strict: bool = False
    more_fields: Mapping[str, Any] = field(default_factory=dict)
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
        if limit_key in request.refused:
            limit_key = OTHER_LIMIT[limit_key]
        return {
            "model": model.model_name,
            "messages": list(request.messages),
            "temperature": request.temperature,
            limit_key: request.max_tokens,
            "reasoning_effort": model.reasoning_effort,
            "response_format": request.response_format,
            **self.more_fields,
        }

    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON. Its content is a text, or a list of parts."""
        choices = reply.get("choices") if isinstance(reply, dict) else None
        _check_error(reply, is_reply=bool(choices))
        _check_error(choices and choices[0], is_reply=True)
        choice = choices[0] if choices else {}
        finish_reason = _finish_reason(_text_or_none(choice.get("finish_reason")))
        # Gemini withholds the whole message.
        message = choice.get("message") or ({} if finish_reason == "content_filter" else None)
        if not isinstance(message, dict):
            raise ValueError(f"no choices in the reply: {reply!r}")
        text, thinking, refusal = _split_parts(message.get("content"))
        # Of DeepSeek, of OpenRouter and newer vLLM, of Ollama.
        for name in ("reasoning_content", "reasoning", "thinking"):
            thinking = _text_or_none(message.get(name)) or thinking
        cut_off = finish_reason == "length" and not thinking
        thought, text = split_thought(text, model.end_think_token, cut_off=cut_off)
        if not text.strip():
            refusal = _text_or_none(message.get("refusal")) or refusal
            text, finish_reason = refusal or text, "content_filter" if refusal else finish_reason
        return Completion(
            text=text,
            reasoning=thinking or thought,
            finish_reason=finish_reason,
            input_tokens=_token_count(reply, "prompt_tokens"),
            output_tokens=_token_count(reply, "completion_tokens"),
        )


# The two names of the limit of output in OpenAI's protocol.
OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

# The parts of a content by their types.
PARTS = {
    **dict.fromkeys(("text", "output_text"), "text"),
    **dict.fromkeys(("thinking", "reasoning", "reasoning_text", "summary_text"), "thought"),
    "refusal": "refusal",
}


def _split_parts(content: object) -> tuple[str, str, str]:
    """Split a message's content into its text, its reasoning and its refusal to answer.

    The text of a part is under the key `text` or its type. A thought may have parts, too.
    """
    if content is None or isinstance(content, str):
        return content or "", "", ""
    if not isinstance(content, list):
        raise TypeError(f"the content is neither a text nor a list: {content!r}")
    texts = {"text": "", "thought": "", "refusal": ""}
    for part in content:
        fields = {"text": part} if isinstance(part, str) else part
        kind = PARTS.get(fields.get("type", "text"))
        keys = ("text", fields.get("type"), "content", "summary")
        value = next((fields[key] for key in keys if fields.get(key) is not None), "")
        if kind == "thought" and isinstance(value, list):
            value = "".join(_split_parts(value)[:2])
        if kind and not isinstance(value, str):
            raise TypeError(f"a part of the content has no text: {part!r}")
        if kind:
            texts[kind] += value
    return texts["text"], texts["thought"], texts["refusal"]


def split_thought(text: str, end: str | None, *, cut_off: bool = False) -> tuple[str | None, str]:
    """Split a reply into the reasoning that it begins with, up to the token `end`, and the rest.

    Some servers omit the `<think>`. That is recognized only if the model's entry sets the token,
    since an answer about such models may mention `</think>`. Then a reply that is `cut_off` before
    the token is all reasoning: the labels in it are no verdict.
    """
    opened = text.lstrip().startswith("<think>")
    thought, end_token, rest = text.partition(end or "</think>")
    unfinished = cut_off and end is not None and not end_token
    if not opened and not unfinished and (end is None or not end_token or "<think>" in thought):
        return None, text
    return thought.strip().removeprefix("<think>").strip() or None, rest.lstrip()


LONE_THINK_END = (
    "replies with </think> in the text. If it ends the reasoning, set end_think_token in the entry"
)


def has_lone_think_end(text: str) -> bool:
    """Whether a text has a `</think>` without a `<think>` before it, so that it may begin with
    reasoning that nobody split off.
    """
    before, end, _ = text.partition("</think>")
    return bool(end) and "<think>" not in before


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


# Why a reply ended, in OpenAI's words, and as the APIs and servers behind gateways say it: those
# of Anthropic, Gemini, Cohere, Mistral, Bedrock, TGI and vLLM. Faults come last. Without them half
# a reply would be stored as the model's answer.
FINISH_REASONS = {
    "stop": r"stop|eos|eos_token|stop_sequence|end_turn|end_of_turn|completed?|finished",
    "length": r".*(length|max\w*tokens?|token_limit|context_window|error_limit).*|limit",
    "content_filter": r".*(filter|safety|prohibited|blocklist|recitation|spii|refus|guardrail"
    r"|toxic|sensitive|moderation).*",
    "error": r".*(error|abort|cancel|timeout|malformed|overload|insufficient_system_resource).*",
}


@functools.cache
def _finish_reason(value: str | None) -> str | None:
    """Translate why a reply ended into OpenAI's words, if known. Raises BrokenReply for a fault."""
    if value is None:
        return None
    word = re.sub(r"[\s-]+", "_", value.strip().lower()).removeprefix("finish_reason_")
    matches = (name for name, words in FINISH_REASONS.items() if re.fullmatch(words, word))
    reason = next(matches, value)
    if reason == "error":
        raise BrokenReply({"finish_reason": value})
    return reason


# Fields of an error in place of a reply, and those of a prompt that Gemini refuses.
ERROR_FIELDS = (
    *("error", "errors", "detail", "message", "base_resp"),
    *("promptFeedback", "prompt_feedback", "blockReason", "block_reason"),
)


def _check_error(reply: object, *, is_reply: bool) -> None:
    """Raise BrokenReply if the JSON, which came with HTTP 200, tells of an error."""
    if not isinstance(reply, dict):
        return
    if is_reply and reply.get("error"):
        raise BrokenReply({"error": reply["error"]})  # without the text, whose words tell nothing
    if not is_reply and any(map(reply.get, ERROR_FIELDS)):
        raise BrokenReply(reply, has_begun=False)


def _token_count(reply: Mapping[str, Any], name: str) -> int | None:
    """Read a number of tokens, None if the API gives none that makes sense."""
    usage = reply.get("usage")
    return sensible_count(usage.get(name)) if isinstance(usage, dict) else None


def sensible_count(value: object) -> int | None:
    """Return a number of tokens of one call, None for one that no call can have."""
    return value if type(value) is int and 0 <= value < 10**9 else None


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
        model, refused, old_version = request.model, request.refused, self.old_version
        if request.temperature is None or "temperature" in refused:
            old_version = {}
        thinking: dict[str, Any] | None = None
        if model.budget_tokens is not None and "budget_tokens" not in refused:
            thinking = {"type": "enabled", "budget_tokens": model.budget_tokens}
        elif self.thinks or model.budget_tokens is not None:
            thinking = {"type": "adaptive"}
        output: dict[str, Any] = {}
        if model.reasoning_effort is not None and "reasoning_effort" not in refused:
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
            **old_version,
        }

    def headers(self, request: Request) -> dict[str, str]:
        """Ask for the version of the protocol that knows a temperature, if one is sent."""
        sends_one = request.temperature is not None and "temperature" not in request.refused
        return {"anthropic-version": "2023-06-01"} if sends_one and not self.old_version else {}

    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON, a list of blocks. Those of other types, as of hidden reasoning, have
        nothing to read.
        """
        blocks = reply.get("content") if isinstance(reply, dict) else None
        _check_error(reply, is_reply=isinstance(blocks, list))
        if not isinstance(blocks, list):
            raise ValueError(f"no content in the reply: {reply!r}")
        texts = [block.get("text") or "" for block in blocks if block.get("type") == "text"]
        thoughts = [block.get("thinking") for block in blocks if block.get("type") == "thinking"]
        return Completion(
            text="".join(texts),
            reasoning="\n".join(filter(None, thoughts)) or None,
            finish_reason=_finish_reason(_text_or_none(reply.get("stop_reason"))),
            input_tokens=_token_count(reply, "input_tokens"),
            output_tokens=_token_count(reply, "output_tokens"),
        )
