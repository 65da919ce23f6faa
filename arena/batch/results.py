"""The result lines of files and batch services, in every known shape."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, warn
from arena.base.jsonl import loads
from arena.batch.gemini import GeminiProtocol
from arena.chat.clients import secrets_of
from arena.chat.config import ModelConfig
from arena.chat.faults import UNREADABLE, BrokenReply, CompletionError, classify, error_of
from arena.chat.protocols import AnthropicProtocol, OpenAIProtocol, Protocol, Reply


@dataclass(frozen=True)
class Result:
    """A line of a results file. reply: the completion, or the error by which it is missing."""

    custom_id: str
    reply: Reply


def results_in(path: Path, model: ModelConfig) -> Iterator[Result]:
    """Yield the results of a file of a model's, as `result_lines` finds them."""
    for custom_id, line in result_lines(path):
        yield Result(custom_id, reply_in(line, model))


def result_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the JSON of each line of a file that is a result in any known shape.

    Warns in one line of those that are none. Raises InputError if the file cannot be read.
    """
    others, first = 0, 0
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for number, raw in enumerate(file, start=1):
                if number == 1:
                    raw = raw.removeprefix(codecs.BOM_UTF8)
                if not raw or raw.isspace():
                    continue
                with contextlib.suppress(ValueError, RecursionError):
                    line = None
                    line = loads(raw)
                fields = line if isinstance(line, dict) else {}
                custom_id = fields.get("custom_id", fields.get("key"))  # the latter is Gemini's
                if isinstance(custom_id, str) and fields.keys() & {"response", "result", "error"}:
                    yield custom_id, fields
                else:
                    others, first = others + 1, first or number
    except OSError as error:
        raise InputError(f"{path}: cannot read results: {error.strerror}") from None
    if others:
        lines = "1 line is no result" if others == 1 else f"{others} lines are no results"
        warn(f"{path}:{first}: {lines} of a request and ignored")


def reply_in(line: dict[str, Any], model: ModelConfig) -> Reply:
    """Read what became of the request of a result line. Messages show no secret of the entry."""
    try:
        return _Reader(model).reply(line)
    except UNREADABLE:
        return CompletionError("malformed reply", "a result with neither reply nor error")


# Why a request never ran, by OpenAI's error codes and by Anthropic's types of results.
NEVER_RAN = {
    **dict.fromkeys(("batch_expired", "expired"), "expired"),
    **dict.fromkeys(("batch_cancelled", "canceled"), "cancelled"),
    "request_timeout": "timeout",
}

# The HTTP statuses of errors that came without one, by Anthropic's types and by Google's codes.
STATUSES: dict[object, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    **{3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401},
    **{str(status): status for status in range(400, 600)},
}
STATUSES |= {status: status for status in range(400, 600)}


@dataclass(frozen=True)
class _Reader:
    """Reads the result lines of a model."""

    model: ModelConfig

    @property
    def secrets(self) -> list[str]:
        """The secrets, which no message may show."""
        return [s for endpoint in self.model.endpoints for s in secrets_of(self.model, endpoint)]

    def reply(self, line: dict[str, Any]) -> Reply:
        """Read what became of a request. Raises one of UNREADABLE if the line does not say."""
        if "result" in line:
            result = line["result"]
            if result["type"] == "succeeded":
                return self.completion(AnthropicProtocol(), result["message"])
            return self.error(result.get("error") or result)
        response = line.get("response")
        if response is None:
            return self.error(line["error"])
        if "key" in line:
            return self.completion(GeminiProtocol(), response)
        if "choices" in response:  # old versions of vLLM
            return self.completion(OpenAIProtocol(), response)
        status, body = int(response.get("status_code") or 200), response.get("body")
        problem = body or line.get("error")
        if status >= 400:
            return self.error(problem or "", status)
        return self.completion(OpenAIProtocol(), body) if body else self.error(problem)

    def completion(self, protocol: Protocol, body: object) -> Reply:
        """Read a reply that came with HTTP 200."""
        try:
            return protocol.read(body, self.model)
        except (BrokenReply, *UNREADABLE) as error:
            return classify(error, protocol.sdk, self.secrets)

    def error(self, problem: object, status: int = 0) -> CompletionError:
        """Find the cause of an error, a text or an object that may have it inside."""
        while isinstance(problem, dict) and problem.get("error"):
            problem = problem["error"]
        fields = problem if isinstance(problem, dict) else {}
        names = [fields.get(name) for name in ("code", "status_code", "type")]
        names = [name for name in names if isinstance(name, (str, int))]
        if not (problem or status):
            raise ValueError("no error")
        status = status or next((STATUSES[name] for name in names if name in STATUSES), 0)
        fault = error_of(status, problem, self.secrets)
        for name in names:
            if name in NEVER_RAN:
                fault.cause, fault.of_prompt = NEVER_RAN[name], False
                fault.message = fault.message if fields.get("message") else "it never ran"
        return fault
