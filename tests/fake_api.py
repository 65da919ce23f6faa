"""A fake chat API on the loopback interface, faults included: OpenAI and Anthropic, and as they are
behind Azure, Bedrock and Vertex.

In a test it runs in a thread of the test process (fixture `api` of conftest.py):

    with FakeAPI() as api:
        api.reply("one", Reply.rate_limit(retry_after=1))     # scripted, used up first
        api.answer_with(lambda call: f"echo: {call.prompt}")  # all that come later
        run_something_against(api.v1)
        assert api.calls[0].prompt == "hello"

A benchmark starts it as a process of its own, and stops it by closing its stdin or by SIGTERM:

    python tests/fake_api.py --port 0 --delay 0.05        # prints http://127.0.0.1:PORT
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import stat
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses as STATUS_PHRASES
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

OPENAI, ANTHROPIC = "openai", "anthropic"

# Where the model of a request is that does not name it in its body.
DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/")  # Azure
CLAUDE = re.compile(r"/model/([^/]+)/invoke$|/publishers/anthropic/models/([^/:]+):rawPredict$")


# What arrives


@dataclass(frozen=True)
class Call:
    """One received request; `at` is the `time.monotonic()` at which it was complete.

    `raw` is the body as it came, `body` what it is as a JSON object.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    at: float = 0.0
    raw: bytes = field(default=b"", repr=False)

    @property
    def protocol(self) -> str:
        claude = self.path.endswith("/v1/messages") or CLAUDE.search(self.path)
        return ANTHROPIC if claude or "anthropic-version" in self.headers else OPENAI

    @property
    def messages(self) -> list[dict[str, Any]]:
        return (self.body or {}).get("messages") or []

    @property
    def model(self) -> str | None:
        return (self.body or {}).get("model") or self.deployment

    @property
    def deployment(self) -> str | None:
        """The model in the path of a request to Azure, Bedrock or Vertex."""
        found = DEPLOYMENT.search(self.path) or CLAUDE.search(self.path)
        return found[found.lastindex or 0] if found else None

    @property
    def prompt(self) -> str:
        """The text of the last user message."""
        users = [m for m in self.messages if m["role"] == "user"]
        return _text(users[-1]["content"]) if users else ""

    @property
    def system(self) -> str | None:
        """The text of the system prompt, wherever the protocol puts it."""
        if self.protocol == ANTHROPIC:
            system = (self.body or {}).get("system")
            return None if system is None else _text(system)
        texts = [_text(m["content"]) for m in self.messages if m["role"] in ("system", "developer")]
        return "\n".join(texts) if texts else None

    @property
    def api_key(self) -> str | None:
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("x-api-key") or self.headers.get("api-key") or bearer or None


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


# What is answered

ERROR_TYPES = {
    OPENAI: {429: "requests", 500: "server_error"},
    ANTHROPIC: {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        500: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    },
}
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


@dataclass(frozen=True)
class Problem:
    """An error as one provider words it."""

    status: int
    message: str
    code: str | None = None
    type: str | None = None

    def body(self, protocol: str) -> dict[str, Any]:
        kinds = ERROR_TYPES[protocol]
        general = kinds[500] if self.status >= 500 else "invalid_request_error"
        kind = self.type or kinds.get(self.status, general)
        if protocol == ANTHROPIC:
            details = {"details": {"error_code": self.code}} if self.code else {}
            return {"type": "error", "error": {"type": kind, "message": self.message} | details}
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return {"error": error}


@dataclass(frozen=True)
class Reply:
    """What the server does with one request; the constructors name the usual faults.

    `raw` is sent as the body as it is. `changes` replaces top-level fields of the normal body.
    `problems` holds, by protocol, an error to send instead.
    """

    text: str | None = ""
    reasoning: str | None = None
    finish_reason: str | None = "stop"
    prompt_tokens: int = 7
    completion_tokens: int = 3
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    raw: bytes | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, Problem] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the reply
    trickle: float = 0.0  # seconds between the bytes of the body
    trickle_head: bool = False  # and between those before it
    held: bool = False  # not sent before the test calls `api.release()`
    hang: bool = False  # never answered
    reset: bool = False  # the connection is dropped with RST
    half: bool = False  # half of the body, then the connection is closed

    @classmethod
    def error(
        cls,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        type: str | None = None,
        anthropic: Problem | None = None,
    ) -> Reply:
        """An error in the shape of the provider asked; `anthropic` if that one says it otherwise.

        `code` and `type` are OpenAI's.
        """
        openai = Problem(status, message, code, type)
        problems = {OPENAI: openai, ANTHROPIC: anthropic or Problem(status, message)}
        return cls(problems=problems, headers=headers or {})

    @classmethod
    def rate_limit(cls, retry_after: float | str | None = None) -> Reply:
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return cls.error(429, "Rate limit reached for requests", "rate_limit_exceeded", headers)

    @classmethod
    def quota(cls) -> Reply:
        """No money left: a 429 that no waiting cures (Anthropic: 402)."""
        message = "You exceeded your current quota, please check your plan and billing details."
        code = "insufficient_quota"
        unpaid = Problem(402, "Your credit balance is too low to access the Anthropic API.")
        return cls.error(429, message, code, type=code, anthropic=unpaid)

    @classmethod
    def spend_limit(cls) -> Reply:
        """A limit set on the account is reached: a hopeless 429 from both providers."""
        message = "You have reached your monthly spend limit."
        reached = Problem(429, message, "enforced_spend_limit_reached")
        return cls.error(
            429, message, "billing_hard_limit_reached", type="insufficient_quota", anthropic=reached
        )

    @classmethod
    def auth(cls) -> Reply:
        return cls.error(
            401,
            "Incorrect API key provided: test***key.",
            "invalid_api_key",
            anthropic=Problem(401, "invalid x-api-key"),
        )

    @classmethod
    def no_such_model(cls, model: str = "no-such-model") -> Reply:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return cls.error(404, message, "model_not_found", anthropic=Problem(404, f"model: {model}"))

    @classmethod
    def context_too_long(cls) -> Reply:
        return cls.error(
            400,
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9000 tokens. Please reduce the length of the messages.",
            "context_length_exceeded",
            anthropic=Problem(400, "prompt is too long: 201000 tokens > 200000 maximum"),
        )

    @classmethod
    def prompt_filtered(cls) -> Reply:
        """A prompt that the provider refuses to pass to the model."""
        message = "The response was filtered due to the prompt triggering the content policy."
        blocked = Problem(400, "Output blocked by content filtering policy")
        return cls.error(400, message, "content_filter", anthropic=blocked)

    @classmethod
    def server_error(cls, status: int = 500) -> Reply:
        return cls.error(status, "The server had an error while processing your request")

    @classmethod
    def overloaded(cls) -> Reply:
        message = "That model is currently overloaded with other requests."
        return cls.error(503, message, anthropic=Problem(529, "Overloaded"))

    @classmethod
    def content_filter(cls, text: str | None = None) -> Reply:
        """A normal reply whose text the provider has withheld or cut."""
        return cls(text, finish_reason="content_filter")

    @classmethod
    def cut_off(cls, text: str) -> Reply:
        """A reply that ran into max_tokens."""
        return cls(text, finish_reason="length")

    @classmethod
    def html(cls, status: int = 200) -> Reply:
        page = b"<html><body><h1>Bad gateway</h1></body></html>"
        return cls(raw=page, status=status, content_type="text/html; charset=utf-8")

    @classmethod
    def broken_json(cls) -> Reply:
        return cls(raw=b'{"id": "chatcmpl-1", "choices": [{"index": 0, "mess')

    @classmethod
    def null_choices(cls) -> Reply:
        """A body without a reply in it (Anthropic: `content: null`)."""
        return cls(changes={"choices": None, "content": None})

    @classmethod
    def empty_choices(cls) -> Reply:
        return cls(changes={"choices": [], "content": []})

    @classmethod
    def no_usage(cls, text: str) -> Reply:
        return cls(text, changes={"usage": None})

    def status_for(self, call: Call) -> int:
        return self.problems[call.protocol].status if self.problems else self.status

    def body_for(self, call: Call, number: int) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.problems:
            body = self.problems[call.protocol].body(call.protocol)
        else:
            normal = _message if call.protocol == ANTHROPIC else _completion
            body = normal(self, call.model, number)
            body |= {key: value for key, value in self.changes.items() if key in body}
        return json.dumps(body).encode()


def _completion(reply: Reply, model: str | None, number: int) -> dict[str, Any]:
    """The body of an OpenAI chat completion."""
    message = {"role": "assistant", "content": reply.text}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
        "usage": {
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "total_tokens": reply.prompt_tokens + reply.completion_tokens,
        },
    }


def _message(reply: Reply, model: str | None, number: int) -> dict[str, Any]:
    """The body of an Anthropic message; a text of None gives no text block."""
    blocks: list[dict[str, str]] = []
    if reply.reasoning is not None:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": "c2ln"})
    if reply.text is not None:
        blocks.append({"type": "text", "text": reply.text})
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": STOP_REASONS.get(reply.finish_reason or "", reply.finish_reason),
        "stop_sequence": None,
        "usage": {"input_tokens": reply.prompt_tokens, "output_tokens": reply.completion_tokens},
    }


# The server

Responder = Callable[[Call], "Reply | str"]
Handler = Callable[[Call], "Reply | None"]


def echo(call: Call) -> Reply:
    return Reply(f"answer to: {call.prompt[:40]}")


def _as_reply(answer: Reply | str) -> Reply:
    return Reply(answer) if isinstance(answer, str) else answer


class FakeAPI:
    """The server, in a thread of its own from `start` to `close`; a context manager.

    All public methods are for the test's threads. A responder given to `answer_with` runs in the
    server's thread: it must not block, and what it raises is raised again by `close`. Requests
    that no route knows get an error of the server's own and use up no scripted reply.
    """

    def __init__(self, port: int = 0, history: bool = True) -> None:
        self.port = port
        self.max_in_flight = 0
        self._history = history
        self._calls: list[Call] = []
        self._counts = {"arrived": 0, "in_flight": 0, "answered": 0, "abandoned": 0}
        self._script: deque[Reply] = deque()
        self._responder: Responder = echo
        self._handlers: list[Handler] = []
        self._responder_error: Exception | None = None
        self._changed = threading.Condition()
        self._gate_closed = False
        self._waiting: list[Callable[[], None]] = []
        self._connections: set[_Connection] = set()
        self._thread: threading.Thread | None = None

    # Addresses

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def v1(self) -> str:
        return self.url + "/v1"

    # What has happened

    @property
    def calls(self) -> list[Call]:
        """All requests so far, in order of arrival."""
        with self._changed:
            return list(self._calls)

    @property
    def call_count(self) -> int:
        return self._counts["arrived"]

    @property
    def in_flight(self) -> int:
        """Requests that have arrived and are not answered yet."""
        return self._counts["in_flight"]

    @property
    def answered(self) -> int:
        return self._counts["answered"]

    @property
    def abandoned(self) -> int:
        """Requests whose client hung up before the reply."""
        return self._counts["abandoned"]

    def wait_for_calls(self, n: int, timeout: float = 30) -> list[Call]:
        """Block until `n` requests have arrived; TimeoutError says how many did."""
        self.wait_until(lambda: self.call_count >= n, f"{n} calls", timeout)
        return self.calls

    def wait_until(
        self, condition: Callable[[], bool], what: str = "condition", timeout: float = 30
    ) -> None:
        """Block until the condition, looked at after each event of the server, is true."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"{what}: not within {timeout} s; so far {self._counts}")

    # What is answered

    def reply(self, *replies: Reply | str) -> None:
        """Queue replies for the next requests, in order of arrival."""
        with self._changed:
            self._script.extend(_as_reply(reply) for reply in replies)

    def answer_with(self, responder: Responder | Reply | str) -> None:
        """Answer all requests for which nothing is queued with this."""
        if callable(responder):
            self._responder = responder
        else:
            constant = _as_reply(responder)
            self._responder = lambda call: constant

    def serve(self, handler: Handler) -> None:
        """Let a handler answer first, as for other paths than those of chat. What it returns None
        for goes to the handlers that came before it, and then to the chat API.

        It runs in the server's thread, like a responder.
        """
        self._handlers.insert(0, handler)

    def reply_to(self, call: Call) -> Reply:
        """Compute the reply to a chat request that came in another way, such as in a batch. It
        uses up no scripted reply.
        """
        return _refusal(call) or self._respond(call)

    def hold(self) -> None:
        """Keep back the replies to all requests that arrive from now on."""
        self._gate_closed = True

    def release(self) -> None:
        """Send all replies that are kept back, by `hold` or by their own `held`."""
        self._gate_closed = False
        self._loop.call_soon_threadsafe(self._let_go)

    # Life

    def start(self) -> FakeAPI:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="fake-api", daemon=True
        )
        self._thread.start()
        started.wait()
        return self

    def close(self) -> None:
        """Drop all connections and stop; safe to call twice."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None
        error, self._responder_error = self._responder_error, None
        if error is not None:
            raise error

    def __enter__(self) -> FakeAPI:
        return self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._responder_error = None
        self.close()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(
            lambda: _Connection(self), sock=listener, backlog=1024
        )
        started.set()
        await self._stop.wait()
        server.close()
        while self._connections:
            for connection in list(self._connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    # Called by the connections, in the server's thread

    def _receive(self, call: Call) -> tuple[Reply, int]:
        """Record a request; the reply to it and its number."""
        with self._changed:
            if self._history:
                self._calls.append(call)
            self._counts["arrived"] += 1
            self._counts["in_flight"] += 1
            self.max_in_flight = max(self.max_in_flight, self._counts["in_flight"])
            number = self._counts["arrived"]
            self._changed.notify_all()
        if (reply := self._handle(call)) is None and (reply := _refusal(call)) is None:
            with self._changed:
                reply = self._script.popleft() if self._script else None
        return reply or self._respond(call), number

    def _handle(self, call: Call) -> Reply | None:
        try:
            replies = (handler(call) for handler in self._handlers)
            return next((reply for reply in replies if reply is not None), None)
        except Exception as error:
            self._responder_error = self._responder_error or error
            return Reply.error(400, f"the test's handler failed: {error!r}")

    def _respond(self, call: Call) -> Reply:
        try:
            return _as_reply(self._responder(call))
        except Exception as error:
            self._responder_error = self._responder_error or error
            return Reply.error(400, f"the test's responder failed: {error!r}")

    def _finished(self, outcome: str) -> None:
        with self._changed:
            self._counts["in_flight"] -= 1
            self._counts[outcome] += 1
            self._changed.notify_all()

    def _when_released(self, reply: Reply, send: Callable[[], None]) -> None:
        if self._gate_closed or reply.held:
            self._waiting.append(send)
        else:
            send()

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            send()


def _refusal(call: Call) -> Reply | None:
    """The error for a request that no chat API would take; None for a good one."""
    chat = call.path.endswith(("/chat/completions", "/v1/messages")) or CLAUDE.search(call.path)
    if call.method != "POST" or not chat:
        return Reply.error(404, f"Invalid URL ({call.method} {call.path})")
    if call.body is None or not isinstance(call.body.get("messages"), list):
        return Reply.error(400, "the body is no JSON object with a list of messages")
    if call.body.get("stream"):
        return Reply.error(400, "the fake API does not stream")
    return None


# HTTP/1.1


@dataclass(frozen=True)
class Head:
    """The request line and headers of a request."""

    method: str
    target: str
    headers: dict[str, str]
    length: int
    keep_alive: bool

    @classmethod
    def parse(cls, text: str) -> Head:
        """ValueError if it is no HTTP/1 request with a known length."""
        request_line, *lines = text.split("\r\n")
        method, target, version = request_line.split(" ")
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        if "transfer-encoding" in headers:
            raise ValueError("chunked requests are not supported")
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return cls(method, target, headers, int(headers.get("content-length", 0)), keep_alive)

    def call(self, body: bytes) -> Call:
        path, _, query = self.target.partition("?")
        parameters = dict(parse_qsl(query)) if query else {}
        is_form = self.headers.get("content-type", "").startswith("multipart/")
        content = None if is_form else _json_object(body)
        now = time.monotonic()
        return Call(self.method, unquote(path), parameters, self.headers, content, now, body)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _response_head(reply: Reply, status: int, length: int, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {STATUS_PHRASES.get(status, 'Unknown')}",
        f"content-type: {reply.content_type}",
        f"content-length: {length}",
        f"connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Connection(asyncio.Protocol):
    """One client: reads a request, answers it, and only then looks at the next one."""

    def __init__(self, api: FakeAPI) -> None:
        self._api = api
        self._buffer = bytearray()
        self._head: Head | None = None
        self._answering = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._api._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._answering:
            self._answering = False
            self._api._finished("abandoned")
        self._api._connections.discard(self)

    def _take_request(self) -> None:
        """Start on the request at the head of the buffer, if it is complete."""
        if self._answering or self.transport.is_closing() or not self._has_head():
            return
        head = cast(Head, self._head)
        if len(self._buffer) >= head.length:
            body = bytes(self._buffer[: head.length])
            del self._buffer[: head.length]
            self._head = None
            self._answer(head, head.call(body))

    def _has_head(self) -> bool:
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            try:
                self._head = Head.parse(self._buffer[:end].decode("latin-1"))
            except ValueError as error:
                self._refuse(str(error))
                return False
            del self._buffer[: end + 4]
        return True

    def _refuse(self, reason: str) -> None:
        """Answer what is no HTTP request, and hang up."""
        body = reason.encode()
        reply = Reply(content_type="text/plain")
        self.transport.write(_response_head(reply, 400, len(body), keep_alive=False) + body)
        self.transport.close()

    def _answer(self, head: Head, call: Call) -> None:
        self._answering = True
        reply, number = self._api._receive(call)

        def send() -> None:
            if self._answering:
                self._send(reply, call, number, head.keep_alive)

        def send_after_delay() -> None:
            self._after(reply.delay, send)

        if not reply.hang:
            self._api._when_released(reply, send_after_delay)

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        if delay > 0:
            self._timer = asyncio.get_running_loop().call_later(delay, action)
        else:
            action()

    def _send(self, reply: Reply, call: Call, number: int, keep_alive: bool) -> None:
        if reply.reset:
            self._finish()
            self._reset()
            return
        body = reply.body_for(call, number)
        keep_alive = keep_alive and not reply.half
        head = _response_head(reply, reply.status_for(call), len(body), keep_alive)
        if reply.half:
            body = body[: len(body) // 2]
        if reply.trickle_head:
            head, body = b"", head + body
        self._write(head, body, reply.trickle, keep_alive)

    def _write(self, head: bytes, body: bytes, pause: float, keep_alive: bool) -> None:
        """Send head and body: all at once, or the body a byte at a time with pauses between."""
        if pause and len(body) > 1:
            self.transport.write(head + body[:1])
            self._after(pause, lambda: self._write(b"", body[1:], pause, keep_alive))
            return
        self._finish()
        self.transport.write(head + body)
        self._next(keep_alive)

    def _finish(self) -> None:
        """Count the request as answered: before its last byte leaves, so that no test can race."""
        self._answering = False
        self._api._finished("answered")

    def _next(self, keep_alive: bool) -> None:
        if not keep_alive:
            self.transport.close()
        elif self._buffer:
            asyncio.get_running_loop().call_soon(self._take_request)

    def _reset(self) -> None:
        """Close with RST instead of FIN, as a crashing server or a firewall does."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


# The process of its own


def _wait_for_the_end() -> None:
    """Return when stdin closes; a stdin that cannot close (/dev/null) leaves it to SIGTERM."""
    kind = os.fstat(0).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(0):
        while os.read(0, 4096):
            pass
    else:
        signal.pause()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Serve a fake chat API until stdin closes or SIGTERM comes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--text", help="the text of every reply; without it, an echo of the prompt")
    parser.add_argument("--port-file", type=Path, help="file to write the port's number to")
    args = parser.parse_args(argv)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with FakeAPI(args.port, history=False) as api:
        api.answer_with(lambda call: Reply(args.text or echo(call).text, delay=args.delay))
        if args.port_file:
            args.port_file.write_text(f"{api.port}\n")
        print(api.url, flush=True)
        _wait_for_the_end()


if __name__ == "__main__":
    main()
