"""The chat API call that all scripts share: `chat_completion`, with retries, over the endpoints."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from arena.base.errors import one_line
from arena.chat.budget import INTERRUPTED, Meter, stopping
from arena.chat.clients import shown_base
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.parameters import complete
from arena.chat.protocols import Completion, Message, Reply, Request

MAX_WAIT = 60.0
STARTUP_WAIT = 5.0  # the longest wait for a server that never answered
EMPTY_TRIES = 3
PASSING = ("rate limit", "timeout", "connection", "server error", "malformed reply", "empty reply")
PERMANENT = (
    *("authentication", "no such model", "wrong address", "redirected", "quota"),
    *("unsupported parameter", "local model does not start"),
)


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

    Raises CompletionError with its cause for everything else. It is `final` once no endpoint can
    answer any request: see `_EndpointState`.
    """
    return ask(Request(model, messages, temperature, max_tokens, response_format), meter)


def ask(request: Request, meter: Meter | None = None) -> Completion:
    """Send a request as `chat_completion` does, and return the reply."""
    model = request.model
    endpoints = _Endpoints.of(model)
    attempts = empty_replies = moves = 0
    while endpoints.may_call():
        reply = _attempt(request, endpoints, meter)
        if isinstance(reply, Completion):
            empty_replies += 1
            if not is_empty(reply) or empty_replies == EMPTY_TRIES:
                return reply
            reply = CompletionError("empty reply")
        elif suspect := endpoints.suspect(model.startup_timeout):
            _test(suspect, reply, request, endpoints, meter)
        if error := endpoints.final_error():
            raise error
        attempts += 1
        if reply.cause in PERMANENT and moves < len(model.endpoints) - 1:
            moves += 1
        elif reply.cause in PASSING and attempts <= model.max_retries:
            attempts -= not endpoints.wait(model, attempts, reply, meter)
        else:
            raise reply
    raise CompletionError(INTERRUPTED)


def is_empty(reply: Completion) -> bool:
    """Whether a reply has no text for no reason that it gives, so that another may have some."""
    return not reply.text.strip() and reply.finish_reason not in ("length", "content_filter")


def _attempt(
    request: Request,
    endpoints: _Endpoints,
    meter: Meter | None,
    chosen: _EndpointState | None = None,
) -> Reply:
    """Make one call, and let the meter and the endpoint know how it ended."""
    state, address = None, ""
    reply: Reply = CompletionError("internal error")
    claim = meter.claim(request.messages, request.max_tokens) if meter else 0
    try:
        state = endpoints.begin(chosen)
        reply = complete(request, state.endpoint)
    except CompletionError as error:
        reply = error
    finally:
        # After a KeyboardInterrupt too: a notebook goes on, and its budget must not stay claimed.
        if state:
            if isinstance(reply, CompletionError):
                address = shown_base(request.model, state.endpoint)
            endpoints.record(state, reply, address)
        if meter:
            meter.record(claim, reply, address)
    return reply


def _test(
    state: _EndpointState,
    failed: CompletionError,
    request: Request,
    endpoints: _Endpoints,
    meter: Meter | None,
) -> None:
    """Decide by a prompt that any model answers whether an endpoint works, while calls wait."""
    system = [message for message in request.messages if message["role"] == "system"]
    prompt = {"role": "user", "content": "Say yes."}
    try:
        test = replace(request, messages=[*system, prompt])
        endpoints.conclude(state, failed, _attempt(test, endpoints, meter, state))
    finally:
        state.is_tested = False
        endpoints.open.set()


HOPELESS_TRIES = 3
# In a notebook a server may be started after the first try, or a key be set.
FORGOTTEN_AFTER = 5.0
REFUSALS = 5


@dataclass
class _EndpointState:
    """The health of an endpoint. Calls stop if no other request would succeed either.

    That is sure after a few failures in a row for a permanent cause, which `hopeless` counts.
    `refusals` counts failures in a row for which the prompt may be the reason, if the endpoint has
    never answered or may have withdrawn its permission. After `patience` of them a short test
    request decides: the first questions of a bench may be those that a provider refuses. One
    decides, too, if nothing could be reached since `silent_since`. `verdict`: what it decided.

    `pause`: the seconds up to `down_until`, 0 if it has answered since it was last down.
    """

    endpoint: Endpoint
    in_flight: int = 0
    has_answered: bool = False
    hopeless: int = 0
    refusals: int = 0
    patience: int = REFUSALS
    silent_since: float | None = None
    is_tested: bool = False
    verdict: CompletionError | None = None
    error: CompletionError | None = None
    address: str = ""
    pause: float = 0.0
    down_until: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether it has answered since it was last down."""
        return self.has_answered and self.pause == 0

    @property
    def is_broken(self) -> bool:
        """Whether no call will succeed."""
        return self.verdict is not None or self.hopeless >= HOPELESS_TRIES

    def fail(self, error: CompletionError) -> None:
        """Take note of a failed call."""
        permanent = error.cause in PERMANENT and not error.of_prompt
        if self.error is None or self.error.cause != error.cause:
            self.hopeless = 0
        self.hopeless += permanent
        # A bad request is one call's fault, unless the endpoint has never had a good one.
        self.refusals += error.of_prompt and (
            not self.has_answered or error.cause == "authentication"
        )
        # A server that is busy may say when it is free. One behind a gateway is down like others.
        silent = error.cause == "connection" or (
            error.cause == "server error" and not error.retry_after
        )
        if self.has_answered or not silent:
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = time.monotonic()
        self.error = error

    def conclude(self, failed: CompletionError, tested: Reply) -> None:
        """Decide by a test request, after a call that failed, whether any call can succeed."""
        if isinstance(tested, Completion):
            self.patience *= 2
        elif self.silent_since is not None:
            seconds = time.monotonic() - self.silent_since
            silence = f"no answer from {self.address} for {seconds:.0f} s"
            advice = "Is the server up, and api_base right? For a longer wait, set startup_timeout."
            message = f"{silence} ({one_line(tested, 120)}). {advice}"
            cause = "unreachable" if tested.cause == "connection" else tested.cause
            self.verdict = CompletionError(cause, message)
        elif tested.of_prompt or tested.cause in PERMANENT:
            remark = f"(a short test request to {self.address} failed, too)"
            message = f"{one_line(failed.message, 180)} {remark}"
            self.verdict = CompletionError(failed.cause, message)
        else:
            self.refusals = 0


@dataclass
class _Endpoints:
    """The endpoints of a model, which share its calls. One that is down is skipped for a while.

    `open`: cleared while a test request decides for all calls. `over_since`: the
    `time.monotonic()` at which the last one broke.
    """

    states: list[_EndpointState]
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    open: threading.Event = field(default_factory=threading.Event)
    over_since: float = math.inf

    def __post_init__(self) -> None:
        self.open.set()

    @classmethod
    def of(cls, model: ModelConfig) -> _Endpoints:
        """Find the endpoints of a model with their health, which is forgotten after a while."""
        key = (model.where, model.endpoints)
        known = _endpoints.get(key)
        if known is None or time.monotonic() - known.over_since > FORGOTTEN_AFTER:
            fresh = cls([_EndpointState(endpoint) for endpoint in model.endpoints])
            with _lock:
                if _endpoints.get(key) is known:
                    _endpoints[key] = fresh
                known = _endpoints[key]
        return known

    def may_call(self) -> bool:
        """Wait while a test request decides whether any call can succeed. False if stopped."""
        while not stopping.is_set():
            if self.open.is_set() or self.open.wait(0.2):
                return True
        return False

    def wait(
        self, model: ModelConfig, attempts: int, failed: CompletionError, meter: Meter | None
    ) -> bool:
        """Wait for the next try, but no longer than calls have a chance, and for the test of
        endpoints that nobody has reached yet. Return False if such an endpoint made a wait shorter:
        the try after it is one more than `max_retries` allows.
        """
        # The jitter keeps calls that a server has put off together from coming back together.
        # 2.0 ** 1024 is no float.
        backoff = min(model.retry_wait * 2.0 ** min(attempts - 1, 64), MAX_WAIT)
        now = time.monotonic()
        end = now + min(failed.retry_after, MAX_WAIT) + backoff * random.uniform(0.5, 1.0)
        silent = [s.silent_since for s in self.states if s.silent_since is not None]
        is_starting = len(silent) == len(self.states)
        is_shorter = is_starting and end - now > STARTUP_WAIT
        if is_starting:
            last_chance = max(min(silent) + model.startup_timeout, now + 0.25)
            end = min(end, now + STARTUP_WAIT, last_chance)
        with meter.retry(end) if meter else contextlib.nullcontext():
            while (left := end - time.monotonic()) > 0 and self.over_since == math.inf:
                if stopping.wait(min(left, 0.2)):
                    break
        return not is_shorter

    def begin(self, chosen: _EndpointState | None = None) -> _EndpointState:
        """Choose the endpoint of a call: the next one that works, else the first one to be back.

        Raises the permanent error if all are broken.
        """
        with self.lock:
            usable = [chosen] if chosen else [s for s in self.states if not s.is_broken]
            if not usable:
                raise self.final_error() or CompletionError("internal error")
            state = usable[0]
            if len(usable) > 1:
                # An endpoint that has not proved well gets one call at a time while another is
                # well: if it hangs, no more than that one waits for its timeout.
                now, one_is_well = time.monotonic(), any(s.is_well for s in usable)
                free = [s for s in usable if s.is_well or s.in_flight == 0 or not one_is_well]
                up = [s for s in free if s.down_until <= now]
                self.turn += 1
                first_back = min(usable, key=lambda s: s.down_until)
                state = up[self.turn % len(up)] if up else first_back
            state.in_flight += 1
            return state

    def record(self, state: _EndpointState, reply: Reply, address: str) -> None:
        """Take note of how a call to an endpoint ended."""
        with self.lock:
            state.in_flight -= 1
            if isinstance(reply, Completion):
                state.has_answered, state.silent_since = True, None
                state.hopeless = state.refusals = 0
                state.pause = state.down_until = 0.0
                return
            state.address = address
            state.fail(reply)
            self._note_if_over()
            if reply.cause in ("timeout", "connection", "server error") and len(self.states) > 1:
                state.pause = min(max(1.0, 2.0 * state.pause), MAX_WAIT)
                state.down_until = time.monotonic() + state.pause

    def conclude(self, state: _EndpointState, failed: CompletionError, tested: Reply) -> None:
        """Take note of the reply to a test request, after a call that failed."""
        with self.lock:
            state.conclude(failed, tested)
            self._note_if_over()

    def _note_if_over(self) -> None:
        if self.over_since == math.inf and all(state.is_broken for state in self.states):
            self.over_since = time.monotonic()

    def final_error(self) -> CompletionError | None:
        """Return the error of all calls once every endpoint is broken."""
        error = self.states[0].verdict or self.states[0].error
        if error is None or self.over_since == math.inf:
            return None
        return replace(error, final=True, charged=False)

    def suspect(self, startup_timeout: float) -> _EndpointState | None:
        """Return an endpoint that may not answer any call, if it is to be tested now."""
        with self.lock:
            answered = any(state.has_answered for state in self.states)
            latest = time.monotonic() - startup_timeout
            for state in self.states:
                since = state.silent_since
                is_late = not answered and since is not None and since <= latest
                if state.is_tested or state.is_broken:
                    continue
                if is_late or state.refusals >= state.patience:
                    state.is_tested = True
                    if not answered:
                        self.open.clear()
                    return state
            return None


# By the place of a model's entry and its endpoints: all calls and threads of a model share them.
_endpoints: dict[tuple[str, tuple[Endpoint, ...]], _Endpoints] = {}
_lock = threading.Lock()
