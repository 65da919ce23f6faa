"""The chat API call that all scripts share: `chat_completion`, with retries, over the endpoints."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from arena.base.errors import one_line
from arena.chat.budget import Meter, stopping
from arena.chat.clients import client_of, secrets_of, shown_base
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError, classify
from arena.chat.parameters import complete
from arena.chat.protocols import Completion, Message, Reply, Request
from arena.chat.providers import api_type_of

MAX_WAIT = 60.0
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
    request = Request(model, messages, temperature, max_tokens, response_format)
    endpoints = _endpoints_of(model)
    attempts = empty_replies = moves = 0
    while endpoints.may_call():
        reply = _attempt(request, endpoints, meter)
        if isinstance(reply, Completion):
            explained = reply.finish_reason in ("length", "content_filter")
            empty_replies += 1
            if reply.text.strip() or explained or empty_replies == EMPTY_TRIES:
                return reply
            reply = CompletionError("empty reply")
        elif suspect := endpoints.suspect(model.startup_timeout):
            test = replace(request, messages=_test_messages(messages))
            with endpoints.testing(suspect) as conclude:
                conclude(reply, _attempt(test, endpoints, meter, suspect))
        if endpoints.over.is_set():
            raise endpoints.final_error()
        attempts += 1
        if reply.cause in PERMANENT and moves < len(model.endpoints) - 1:
            moves += 1
            continue
        if reply.cause not in PASSING or attempts > model.max_retries:
            raise reply
        # The jitter keeps calls that a server has put off together from coming back together.
        # 2.0 ** 1024 is no float.
        backoff = min(model.retry_wait * 2.0 ** min(attempts - 1, 64), MAX_WAIT)
        wait = min(reply.retry_after, MAX_WAIT) + backoff * random.uniform(0.5, 1.0)
        wait = min(wait, endpoints.seconds_left(model.startup_timeout))
        with meter.retry(time.monotonic() + wait) if meter else contextlib.nullcontext():
            endpoints.wait(wait)
    raise CompletionError("interrupted")


def _attempt(
    request: Request,
    endpoints: _Endpoints,
    meter: Meter | None,
    chosen: _EndpointState | None = None,
) -> Reply:
    """Make one call, and let the meter and the endpoint know how it ended."""
    state = chosen
    reply: Reply = CompletionError("internal error")
    claim = meter.claim(request.messages, request.max_tokens) if meter else 0
    try:
        try:
            state = endpoints.begin(chosen)
            reply = complete(client_of(request.model, state.endpoint), request, state.endpoint)
        except CompletionError as error:
            reply = error
        except Exception as error:
            assert state is not None
            sdk = api_type_of(request.model).protocol.sdk
            reply = classify(error, sdk, secrets_of(request.model, state.endpoint))
        return reply
    finally:
        # After a KeyboardInterrupt too: a notebook goes on, and its budget must not stay claimed.
        address = ""
        if state and isinstance(reply, CompletionError):
            address = shown_base(request.model, state.endpoint)
        if state:
            endpoints.record(state, reply, address)
        if meter:
            meter.record(claim, reply, address)


def _endpoints_of(model: ModelConfig) -> _Endpoints:
    """Find the endpoints of a model with their health, which is forgotten after a while."""
    key = (model.where, model.endpoints)
    endpoints = _endpoints.get(key)
    if endpoints is None or time.monotonic() - endpoints.over_since > FORGOTTEN_AFTER:
        fresh = _Endpoints([_EndpointState(endpoint) for endpoint in model.endpoints])
        if endpoints is not None:
            _endpoints.pop(key, None)
        endpoints = _endpoints.setdefault(key, fresh)
    return endpoints


def _test_messages(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation like another one, with a prompt that any model answers."""
    system = [message for message in messages if message["role"] == "system"]
    return [*system, {"role": "user", "content": "Say yes."}]


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

    `is_well`: it has answered since it was last down. `pause`: the seconds up to `down_until`.
    """

    endpoint: Endpoint
    in_flight: int = 0
    has_answered: bool = False
    is_well: bool = False
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
            message = f"{silence}, only: {one_line(tested, 120)}. {advice}"
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

    `open`: cleared while a test request decides for all calls. `over`: set once all are broken,
    since the `time.monotonic()` of `over_since`.
    """

    states: list[_EndpointState]
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    open: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    over_since: float = math.inf

    def __post_init__(self) -> None:
        self.open.set()

    def may_call(self) -> bool:
        """Wait while a test request decides whether any call can succeed. False if stopped."""
        while not stopping.is_set():
            if self.open.is_set() or self.open.wait(0.2):
                return True
        return False

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than calls have a chance."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not stopping.is_set():
            if self.over.wait(min(left, 0.2)):  # nobody notifies on Ctrl-C
                return

    def begin(self, chosen: _EndpointState | None = None) -> _EndpointState:
        """Choose the endpoint of a call: the next one that works, else the first one to be back.

        Raises the permanent error if all are broken.
        """
        with self.lock:
            chosen = chosen or self._next()
            chosen.in_flight += 1
            return chosen

    def _next(self) -> _EndpointState:
        usable = [state for state in self.states if not state.is_broken]
        if not usable:
            raise self.final_error()
        self.turn += 1
        now = time.monotonic()
        # An endpoint that has not proved well gets one call at a time while another is well:
        # if it hangs, no more than that one waits for its timeout.
        one_is_well = any(state.is_well for state in usable)
        free = [s for s in usable if s.is_well or s.in_flight == 0 or not one_is_well]
        up = [state for state in free if state.down_until <= now]
        first_back = min(usable, key=lambda state: state.down_until)
        return up[self.turn % len(up)] if up else first_back

    def record(self, state: _EndpointState, reply: Reply, address: str = "") -> None:
        """Take note of how a call to an endpoint ended."""
        with self.lock:
            state.in_flight -= 1
            if isinstance(reply, Completion):
                state.has_answered = state.is_well = True
                state.hopeless = state.refusals = 0
                state.pause, state.down_until, state.silent_since = 0.0, 0.0, None
                return
            state.address = address
            state.fail(reply)
            self._note_if_over()
            if reply.cause in ("timeout", "connection", "server error") and len(self.states) > 1:
                state.is_well = False
                state.pause = min(max(1.0, 2.0 * state.pause), MAX_WAIT)
                state.down_until = time.monotonic() + state.pause

    def _note_if_over(self) -> None:
        if all(state.is_broken for state in self.states) and not self.over.is_set():
            self.over_since = time.monotonic()
            self.over.set()

    def final_error(self) -> CompletionError:
        """Return the error of all calls once every endpoint is broken."""
        error = self.states[0].verdict or self.states[0].error
        assert error is not None
        return replace(error, final=True, charged=False)

    def seconds_left(self, startup_timeout: float) -> float:
        """Return the time up to the test of an endpoint that nobody has reached yet."""
        with self.lock:
            times = [s.silent_since for s in self.states if s.silent_since is not None]
            if len(times) < len(self.states):
                return math.inf
            return max(min(times) + startup_timeout - time.monotonic(), 0.25)

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

    @contextlib.contextmanager
    def testing(self, state: _EndpointState) -> Iterator[Callable[[CompletionError, Reply], None]]:
        """Test an endpoint in the block, while calls wait for the decision. Yield the function that
        takes the failed call and the reply to the test.
        """

        def conclude(failed: CompletionError, tested: Reply) -> None:
            with self.lock:
                state.conclude(failed, tested)
                self._note_if_over()

        try:
            yield conclude
        finally:
            state.is_tested = False
            self.open.set()


# By the place of a model's entry and its endpoints: all calls and threads of a model share them.
_endpoints: dict[tuple[str, tuple[Endpoint, ...]], _Endpoints] = {}
