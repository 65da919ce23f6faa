"""The chat API calls that all scripts share.

`chat_completion` is the one way to a model: it retries, shares the load between endpoints, and
gives up where no retry can help. The providers behind it are in providers.py.
"""

from __future__ import annotations

import functools
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from arena.chat.checks import check_model
from arena.chat.clients import client_of, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError, classified
from arena.chat.protocols import Completion, Message
from arena.chat.providers import API_TYPES

__all__ = [
    "Completion",
    "CompletionError",
    "Message",
    "Meter",
    "chat_completion",
    "check_model",
    "stopping",
]

MAX_WAIT = 60.0
EMPTY_TRIES = 3
HOPELESS_TRIES = 3
UNHEARD_TRIES = 5
RETRIED = ("rate limit", "timeout", "connection", "server error", "malformed reply", "empty reply")
PERMANENT = ("authentication", "no such model", "quota", "unsupported parameter")
DOWN = ("timeout", "connection", "server error")

# Set by Ctrl-C: no new call starts, and calls that wait for a retry give up.
stopping = threading.Event()


class Meter(Protocol):
    """What counts calls, and may refuse one before it is made by raising CompletionError."""

    def claim(self, messages: Sequence[Message], max_tokens: int) -> float:
        """Return what is set aside for a call."""

    def record_cost(self, most: float, reply: Completion | CompletionError) -> None:
        """Take in what was set aside, and the reply or what went wrong."""


def chat_completion(
    model: ModelConfig,
    messages: Sequence[Message],
    *,
    temperature: float | None,
    max_tokens: int,
    response_format: Mapping[str, Any] | None = None,
    meter: Meter | None = None,
) -> Completion:
    """Return the model's reply to a conversation.

    response_format: what the reply must look like, as chat completions word it:
    `{"type": "json_schema", "json_schema": {"name": ..., "schema": ..., "strict": ...}}`.

    Faults that pass (see RETRIED) are tried again with growing waits, up to `model.max_retries`
    times, each time at the next of the model's endpoints. An empty reply is tried again too; if it
    stays empty it is returned. Raises CompletionError with its cause for everything else; it is
    `final` once every endpoint has failed several times in a row for a permanent cause, or for bad
    requests where it has never answered a good one.
    """
    request = replace(
        model, temperature=temperature, max_tokens=max_tokens, response_format=response_format
    )
    messages = [{**message, "content": _sendable(message["content"])} for message in messages]
    endpoints = _endpoints_of(model.where, model.endpoints)
    empty = moves = 0
    for attempt in itertools.count():
        reply = _try(request, endpoints, messages, meter)
        if isinstance(reply, Completion):
            empty += _is_empty(reply)
            if not _is_empty(reply) or empty >= EMPTY_TRIES:
                return reply
            reply = CompletionError("empty reply")
        if reply.cause in PERMANENT and moves < len(model.endpoints) - 1 and not reply.final:
            moves += 1
            continue
        if reply.cause not in RETRIED or attempt >= model.max_retries:
            raise reply
        if stopping.wait(_delay(model, attempt, reply.retry_after)):
            raise CompletionError("interrupted")
    raise AssertionError("unreachable")


def _try(
    request: ModelConfig, endpoints: _Endpoints, messages: Sequence[Message], meter: Meter | None
) -> Completion | CompletionError:
    """Make one request, and return its reply or what went wrong; the meter counts it."""
    claimed = meter.claim(messages, request.max_tokens or 0) if meter else 0.0
    reply: Completion | CompletionError = CompletionError("internal error")
    try:
        reply = endpoints.ask(lambda endpoint: _request(request, endpoint, messages))
        return reply
    finally:
        if meter:
            meter.record_cost(claimed, reply)


def _request(
    request: ModelConfig, endpoint: Endpoint, messages: Sequence[Message]
) -> Completion | CompletionError:
    api_type = API_TYPES[request.api_type]
    try:
        return api_type.complete(client_of(request, endpoint), api_type, request, messages)
    except CompletionError as error:
        return error
    except Exception as error:
        return classified(error, api_type.sdk, secrets_of(request, endpoint))


def _is_empty(reply: Completion) -> bool:
    """Whether a reply is empty for no reason that it tells: asking again may help."""
    return not reply.text.strip() and reply.finish_reason not in ("length", "content_filter")


def _sendable(text: str) -> str:
    """Return the text as UTF-8 can hold it: a lone surrogate becomes a replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _delay(model: ModelConfig, attempt: int, retry_after: float | None) -> float:
    """Return the seconds to wait: what the server asks for, and exponential backoff with jitter, so
    that calls which it has put off together do not come back together.
    """
    backoff: float = min(model.retry_wait * 2.0**attempt, MAX_WAIT)
    return min(retry_after or 0.0, MAX_WAIT) + backoff * random.uniform(0.5, 1.0)


# Several endpoints, some of which may be down


@dataclass
class _EndpointState:
    """What is known of an endpoint: hopeless failures in a row, whether it has ever answered and
    still does, and until when it is down.
    """

    endpoint: Endpoint
    in_flight: int = 0
    hopeless: int = 0
    heard: bool = False
    well: bool = False
    error: CompletionError | None = None
    pause: float = 0.0
    down_until: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether it has failed so often for one permanent cause that no call will succeed."""
        permanent = self.error is not None and self.error.cause in PERMANENT
        return self.hopeless >= (HOPELESS_TRIES if permanent else UNHEARD_TRIES)

    def is_hopeless(self, cause: str) -> bool:
        """Whether all calls may fail so: bad requests are so where none was a good one."""
        return cause in PERMANENT or (cause == "bad request" and not self.heard)


@dataclass
class _Endpoints:
    """The endpoints of a model, which share its calls."""

    states: list[_EndpointState]
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, call: Callable[[Endpoint], Completion | CompletionError]
    ) -> Completion | CompletionError:
        """Make a call to the next endpoint, and take in how it went.

        Raises the permanent error where all are broken.
        """
        state = self._next()
        reply: Completion | CompletionError = CompletionError("internal error")
        try:
            reply = call(state.endpoint)
            return reply
        finally:
            self._note(state, reply)

    def _next(self) -> _EndpointState:
        """Return the next endpoint that works; the one that is back first where all are down.

        One that has not answered yet, or not since it was down, takes a single call at a time while
        another is well: no more than that is to wait for one that hangs.
        """
        with self.lock:
            usable = [state for state in self.states if not state.broken]
            if not usable:
                raise self.states[0].error or CompletionError("connection")
            self.turn += 1
            now = time.monotonic()
            one_is_well = any(state.well for state in usable)
            up = [
                state
                for state in usable
                if state.down_until <= now
                and (state.well or state.in_flight == 0 or not one_is_well)
            ]
            if up:
                chosen = up[self.turn % len(up)]
            else:
                chosen = min(usable, key=lambda state: state.down_until)
            chosen.in_flight += 1
            return chosen

    def _note(self, state: _EndpointState, reply: Completion | CompletionError) -> None:
        """Take in how a call to an endpoint went."""
        with self.lock:
            state.in_flight -= 1
            if isinstance(reply, Completion):
                state.heard = state.well = True
                state.hopeless, state.pause, state.down_until = 0, 0.0, 0.0
                return
            same = state.error is not None and state.error.cause == reply.cause
            state.hopeless = (state.hopeless if same else 0) + state.is_hopeless(reply.cause)
            state.error = reply
            reply.final = all(other.broken for other in self.states)
            if reply.cause in DOWN and len(self.states) > 1:
                state.well = False
                state.pause = min(max(1.0, 2.0 * state.pause), MAX_WAIT)
                state.down_until = time.monotonic() + state.pause


@functools.cache
def _endpoints_of(where: str, endpoints: tuple[Endpoint, ...]) -> _Endpoints:
    """Return the state of a model's endpoints, which all threads share."""
    return _Endpoints([_EndpointState(endpoint) for endpoint in endpoints])
