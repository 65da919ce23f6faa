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
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.base.errors import InputError, warn

GUESS_SECONDS = 1.0


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

    It writes a `.pyi` file beside each of its modules, unless it cannot tell a class's file.
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

    `names`: the hosts it was started for, None for any address or name of this machine. Without
    them a foreign page could read the bench, if its name leads to 127.0.0.1 (DNS rebinding).

    The page's inline scripts are allowed by their hashes. Only what the page needs is served:
    Gradio offers more, such as uploads, which write files. `annotated`: votes are taken.
    """

    def __init__(
        self, app: ASGIApp, names: frozenset[str] | None, shared: bool, annotated: bool = False
    ) -> None:
        self.app, self.names, self.shared, self.annotated = app, names, shared, annotated
        self.refusing = asyncio.Lock()

    def _serves(self, name: str) -> bool:
        """Whether a request for this host is one for the page."""
        if self.shared and name.endswith(".gradio.live"):
            return True
        if self.names is not None:
            return name in self.names
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return name in LOCAL or name.removesuffix(".local") == socket.gethostname().lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = requested_host(scope)
        if not self._serves(name):
            await Response(NOT_SERVED.format(name), 421, _HEADERS)(scope, receive, send)
            return
        route = f"{scope['method']} {scope['path']}"
        if not _SERVED.fullmatch(route) and not (self.annotated and route in _VOTES):
            await Response(status_code=404, headers=_HEADERS)(scope, receive, send)
            return
        page_start: Message = {}  # of a response of HTML, held back until its body is known
        body = bytearray()

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 400 and scope["path"].startswith("/login"):
                    async with self.refusing:  # one guess of a password a second, whoever guesses
                        await asyncio.sleep(GUESS_SECONDS)
                headers = MutableHeaders(scope=message)
                set_headers(headers)
                if headers.get("content-type", "").startswith("text/html"):
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
        await self.app(scope, receive, add_headers)


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
