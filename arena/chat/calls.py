"""The chat API call that all scripts share: `chat_completion`, with retries, over the endpoints."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arena.chat.budget import Meter, stopping
from arena.chat.clients import client_of, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError, classify
from arena.chat.parameters import complete
from arena.chat.protocols import Completion, Message, Reply, Request
from arena.chat.providers import api_type_of

MAX_WAIT = 60.0
EMPTY_TRIES = 3
PASSING = ("rate limit", "timeout", "connection", "server error", "malformed reply", "empty reply")
PERMANENT = ("authentication", "no such model", "quota", "unsupported parameter")


def chat_completion(
    model: ModelConfig,
    messages: Sequence[Message],
    *,
    temperature: float | None,
    max_tokens: int,
    response_format: Mapping[str, Any] | None = None,
    meter: Meter | None = None,
) -> Completion:
    """Ask a model for its reply to a conversation. `response_format`: see `Request`.

    A fault that may pass is retried up to `model.max_retries` times, with growing waits and at the
    next endpoint. An empty reply is retried too: if it stays empty, it is the model's answer.

    Raises CompletionError with its cause for everything else. It is `final` once every endpoint has
    failed several times in a row for a permanent cause, or has only ever called requests bad.
    """
    request = Request(model, messages, temperature, max_tokens, response_format)
    fresh = _Endpoints([_EndpointState(endpoint) for endpoint in model.endpoints])
    endpoints = _endpoints.setdefault((model.where, model.endpoints), fresh)
    attempts = empty_replies = moves = 0
    while not stopping.is_set():
        reply = _attempt(request, endpoints, meter)
        if isinstance(reply, Completion):
            explained = reply.finish_reason in ("length", "content_filter")
            empty_replies += 1
            if reply.text.strip() or explained or empty_replies == EMPTY_TRIES:
                return reply
            reply = CompletionError("empty reply")
        attempts += 1
        if reply.cause in PERMANENT and moves < len(model.endpoints) - 1 and not reply.final:
            moves += 1
            continue
        if reply.cause not in PASSING or attempts > model.max_retries:
            raise reply
        # The jitter keeps calls that a server has put off together from coming back together.
        backoff = min(model.retry_wait * 2.0 ** (attempts - 1), MAX_WAIT)
        wait = min(reply.retry_after, MAX_WAIT) + backoff * random.uniform(0.5, 1.0)
        stopping.wait(wait)
    raise CompletionError("interrupted")


def _attempt(request: Request, endpoints: _Endpoints, meter: Meter | None) -> Reply:
    """Make one call, and let the meter and the endpoint know how it ended."""
    state = None
    reply: Reply = CompletionError("internal error")
    claim = meter.claim(request.messages, request.max_tokens) if meter else 0.0
    try:
        state = endpoints.next()
        try:
            reply = complete(client_of(request.model, state.endpoint), request, state.endpoint)
        except CompletionError as error:
            reply = error
        except Exception as error:
            sdk = api_type_of(request.model).protocol.sdk
            reply = classify(error, sdk, secrets_of(request.model, state.endpoint))
        return reply
    finally:
        # After a KeyboardInterrupt too: a notebook goes on, and its budget must not stay claimed.
        if state:
            endpoints.record(state, reply)
        if meter:
            meter.record(claim, reply)


HOPELESS_TRIES = 3
UNANSWERED_TRIES = 5


@dataclass
class _EndpointState:
    """The health of an endpoint.

    `is_well`: it has answered since it was last down. `hopeless`: the failures in a row for the
    cause of `error`, if every call may fail for it. `pause`: the seconds up to `down_until`.
    """

    endpoint: Endpoint
    in_flight: int = 0
    has_answered: bool = False
    is_well: bool = False
    hopeless: int = 0
    error: CompletionError | None = None
    pause: float = 0.0
    down_until: float = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether it has failed so often for one cause that no call will succeed."""
        permanent = self.error is not None and self.error.cause in PERMANENT
        return self.hopeless >= (HOPELESS_TRIES if permanent else UNANSWERED_TRIES)


@dataclass
class _Endpoints:
    """The endpoints of a model, which share its calls. One that is down is skipped for a while."""

    states: list[_EndpointState]
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> _EndpointState:
        """Choose the endpoint of a call: the next one that works, else the first one to be back.

        Raises the permanent error if all are broken.
        """
        with self.lock:
            usable = [state for state in self.states if not state.is_broken]
            if not usable:
                raise self.states[0].error or CompletionError("connection")
            self.turn += 1
            now = time.monotonic()
            # An endpoint that has not proved well gets one call at a time while another is well:
            # if it hangs, no more than that one waits for its timeout.
            one_is_well = any(state.is_well for state in usable)
            free = [s for s in usable if s.is_well or s.in_flight == 0 or not one_is_well]
            up = [state for state in free if state.down_until <= now]
            first_back = min(usable, key=lambda state: state.down_until)
            chosen = up[self.turn % len(up)] if up else first_back
            chosen.in_flight += 1
            return chosen

    def record(self, state: _EndpointState, reply: Reply) -> None:
        """Take note of how a call to an endpoint ended, and mark the error if it is final."""
        with self.lock:
            state.in_flight -= 1
            if isinstance(reply, Completion):
                state.has_answered = state.is_well = True
                state.hopeless, state.pause, state.down_until = 0, 0.0, 0.0
                return
            # A bad request is one call's fault, unless the endpoint has never had a good one.
            hopeless = reply.cause in PERMANENT or (
                reply.cause == "bad request" and not state.has_answered
            )
            if state.error is None or state.error.cause != reply.cause:
                state.hopeless = 0
            state.hopeless += hopeless
            state.error = reply
            reply.final = all(other.is_broken for other in self.states)
            if reply.cause in ("timeout", "connection", "server error") and len(self.states) > 1:
                state.is_well = False
                state.pause = min(max(1.0, 2.0 * state.pause), MAX_WAIT)
                state.down_until = time.monotonic() + state.pause


# By the place of a model's entry and its endpoints: all calls and threads of a model share them.
_endpoints: dict[tuple[str, tuple[Endpoint, ...]], _Endpoints] = {}
