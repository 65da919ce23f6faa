"""The address of the page: whether it can be served there, who may read it, and the way to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import inspect
import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.base.errors import InputError, warn

GUESS_SECONDS = 1.0  # that a wrong password takes
MOST_GUESSES = 8  # logins that wait for each other
LONGEST_LOGIN = 10_000  # bytes


def check_address(host: str, port: int | None) -> None:
    """Raise InputError for an address that cannot be served at."""
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        where = f"{host}, port {port}" if port else host
        reason = str(error.strerror).split(" (while", 1)[0]
        raise InputError(f"cannot serve at {where}: {reason}") from None


LOCAL = frozenset(["localhost", "127.0.0.1", "::1"])


def served_names(host: str) -> frozenset[str] | None:
    """Return the names by which a page that is served at a host is opened, None for any address."""
    if host in ("0.0.0.0", "::"):
        return None
    return LOCAL if host in LOCAL else LOCAL | {host.lower()}


@contextlib.contextmanager
def direct_connections(share: bool) -> Iterator[None]:
    """Hide the proxies of the environment, through which Gradio would ask its own server.

    A public link may need them, so with `share` only the own server is exempt. Raises InputError
    for a proxy that needs a missing package.
    """
    hidden = {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
    exempt = hidden.get("no_proxy") or hidden.get("NO_PROXY")
    for name in hidden if not share else ():
        del os.environ[name]
    os.environ["no_proxy"] = ",".join(filter(None, [exempt, "127.0.0.1,localhost,::1"]))
    try:
        yield
    except ImportError as error:
        if "socksio" not in str(error):
            raise
        raise InputError("ALL_PROXY: a SOCKS proxy needs: pip install socksio") from None
    finally:
        os.environ.pop("no_proxy")
        os.environ.update(hidden)


@contextlib.contextmanager
def without_stub_files() -> Iterator[None]:
    """Import Gradio in little more than half the time, without stubs of its components.

    It writes a `.pyi` file beside each of its modules, unless it cannot find a class's file.
    """
    file_of = inspect.getfile

    def refuse(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("no stubs are wanted")
        return file_of(thing)

    inspect.getfile = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = file_of


def report_access(
    host: str, share: bool, url: str | None, *, password: bool, votes: bool = False
) -> None:
    """Print the public link, and warn if there is none or if others can read the bench, or vote."""
    if url is not None:
        print(f"public link: {url}", flush=True)
    elif share:
        warn("no public link: it needs the internet. The page is served locally.")
    readers = (
        "with the link" if url else "" if served_names(host) == LOCAL else f"who reaches {host}"
    )
    if readers and not password:
        deeds = "read the bench and vote" if votes else "read the bench"
        warn(f"anyone {readers} can {deeds}. Require a password with --auth.")


# Requests

_SERVED = re.compile(
    r"HEAD /|POST /login"
    r"|GET /(|view|list\.(csv|jsonl)|battle\.html|page\.css|config|(assets|static)/.+|theme\.css"
    r"|favicon\.ico|manifest\.json|robots\.txt"
    r"|gradio_api/(heartbeat/\w+|app_id|startup-events))"
)
_VOTES = ("POST /vote", "POST /undo")
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-dns-prefetch-control": "off",
}


# Gradio sets these for any page, and sends a reader's login along.
_FOREIGN = ("access-control-allow-origin", "access-control-allow-credentials")


def set_headers(headers: MutableHeaders) -> None:
    """Add the headers of all answers, and remove those by which a foreign page could read one."""
    headers.update(_HEADERS)
    for name in _FOREIGN:
        del headers[name]


_HOST = re.compile(r"([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)


NOT_SERVED = "This page is not served as {}. Open the address that qa_browser.py printed."
NO_HOST = "The request names no host. Open the address that qa_browser.py printed."
TOO_MANY = "Too many logins at once. Try again in some seconds."


def requested_host(scope: Scope) -> str:
    """Return the name or address that a request is for, "" for one that no host has.

    Starlette takes its own address for a Host header that it cannot read, such as `a{b.example`,
    which browsers send.
    """
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    return match[1].strip("[]").lower() if match else ""


class PageGuard:
    """Middleware that serves the page to its own readers alone, and lets it load nothing else.

    `names`: the hosts it was started for, None for any address or name of this machine. Requests
    for other hosts are refused. Otherwise a foreign page whose name leads to 127.0.0.1 could read
    the bench (DNS rebinding).

    The page's inline scripts are allowed by their hashes. Only what the page needs is served:
    Gradio offers more, such as uploads, which write files. `annotated`: votes are taken.
    """

    def __init__(
        self, app: ASGIApp, names: frozenset[str] | None, shared: bool, annotated: bool = False
    ) -> None:
        self.app, self.names, self.shared, self.annotated = app, names, shared, annotated
        self.guessing, self.guesses = asyncio.Lock(), 0

    def _serves(self, name: str) -> bool:
        """Whether a request for this host is one for the page."""
        if self.shared and name.endswith(".gradio.live"):
            return True
        if self.names is not None:
            return name in self.names
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return name in LOCAL or name.removesuffix(".local") == socket.gethostname().lower()

    def _refusal(self, name: str, route: str) -> Response | None:
        """Return the answer to a request for another host or for what the page does not need."""
        if not self._serves(name):
            return Response(NOT_SERVED.format(name) if name else NO_HOST, 421, _HEADERS)
        if _SERVED.fullmatch(route) or (self.annotated and route in _VOTES):
            return None
        return Response(status_code=404, headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with headers added."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page has no other connections
            await send({"type": "websocket.close"})
            return
        route = f"{scope['method']} {scope['path']}"
        if refused := self._refusal(requested_host(scope), route):
            await refused(scope, receive, send)
            return
        page_start: Message = {}  # of a response of HTML, held back until its body is known
        body = bytearray()

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                set_headers(headers)
                is_page = headers.get("content-type", "").startswith("text/html")
                if is_page and scope["method"] != "HEAD":
                    page_start.update(message)
                    return
            elif page_start:
                body.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                page = from_its_own_address(bytes(body))
                MutableHeaders(scope=page_start).update(headers_of(page))
                await send(page_start)
                message = {**message, "body": page}
            await send(message)

        if scope["path"] == "/":  # Gradio takes a `page` in the query for one of its own
            scope = {**scope, "query_string": b""}
        answer = self._guess if route == "POST /login" else self.app
        await answer(scope, receive, add_headers)

    async def _guess(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a login. Logins wait for each other, and a wrong one takes a second, so that a
        password is guessed once a second however many connections guess.
        """
        # Read before it is its turn: a slow client must not stop the others.
        body = await body_of(Request(scope, receive), LONGEST_LOGIN)
        if body is None or self.guesses >= MOST_GUESSES:
            refused = Response(TOO_MANY, 429, media_type="text/plain")
            await (refused if body is not None else Response(status_code=413))(scope, receive, send)
            return
        read: list[Message] = [{"type": "http.request", "body": body}]

        async def read_body() -> Message:
            return read.pop() if read else await receive()

        async def wait_if_wrong(message: Message) -> None:
            if message.get("status") == 400:
                await asyncio.sleep(GUESS_SECONDS)
            await send(message)

        self.guesses += 1
        try:
            async with self.guessing:
                await self.app(scope, read_body, wait_if_wrong)
        finally:
            self.guesses -= 1


async def body_of(request: Request, longest: int) -> bytes | None:
    """Return the body of a request, None for one of more than `longest` bytes or a part of one."""
    body = bytearray()
    with contextlib.suppress(ClientDisconnect):
        async for part in request.stream():
            body += part
            if len(body) > longest:
                return None
        return bytes(body)
    return None


_ROOT = re.compile(rb'(\broot"?\s*[:=]\s*)"https?://[^"]*"')
_HERE = rb'(location.origin + location.pathname.replace(/\/[^\/]*$/, ""))'


def from_its_own_address(page: bytes) -> bytes:
    """Return a page of Gradio that loads its files from where the browser has found it. Gradio
    guesses an address, which it cannot know of a proxy that serves the page below a path.
    """
    return _ROOT.sub(lambda root: root[1] + _HERE, page)


_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script>", re.DOTALL)


def headers_of(page: bytes) -> dict[str, str]:
    """Return the headers that a page alone has."""
    return {"content-security-policy": page_policy(page), "content-length": str(len(page))}


def page_policy(page: bytes) -> str:
    """Return the content security policy of a page."""
    hashes = (
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(page)
    )
    # Gradio compiles its templates, which takes eval.
    return (
        f"default-src 'none'; script-src 'self' 'unsafe-eval' {' '.join(hashes)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'self'"
    )
