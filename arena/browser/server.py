"""The web server of the page: its address, its readers, and the headers that fence it in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import io
import ipaddress
import re
import socket

import gradio as gr
from starlette.datastructures import URL, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.base.errors import warn
from arena.browser.address import LOCAL, served_names
from arena.browser.defaults import Chosen
from arena.browser.page import STYLE, THEME, Page
from arena.leaderboard.output.html import palette

SESSIONS = 200  # each visit has one, of 0.5 MB. One more takes the place of the oldest.
GUESS_SECONDS = 1.0


def serve(
    chosen: Chosen, host: str, port: int | None, share: bool, auth: tuple[str, str] | None
) -> tuple[gr.Blocks, str, str | None]:
    """Serve the page in the background. Return it with its address and its public one."""
    page = Page(chosen).blocks
    page.queue(default_concurrency_limit=4)
    middleware = Middleware(PageGuard, names=served_names(host), shared=share)
    with contextlib.redirect_stdout(io.StringIO()):  # Gradio's own lines
        _, url, public_url = page.launch(
            server_name=f"[{host}]" if ":" in host else host,  # an IPv6 address in a URL
            server_port=port,
            share=share,
            auth=auth,
            prevent_thread_lock=True,
            quiet=True,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            max_file_size=1,  # nothing is uploaded
            state_session_capacity=SESSIONS,
            _frontend=False,  # else a busy machine that takes 3 s for the page does not serve it
            app_kwargs={"middleware": [middleware]},
            theme=THEME,
            css=palette(".dark { %s }"),
            css_paths=[STYLE],
        )
    # Gradio's objects stay as long as the page: to look through them takes 0.3 s, at any click.
    gc.freeze()
    return page, url, public_url or None


def report_access(host: str, share: bool, url: str | None, *, password: bool) -> None:
    """Print the public link, and warn if there is none or if others can read the bench."""
    if url is not None:
        print(f"public link: {url}", flush=True)
    elif share:
        warn("no public link: it needs the internet. The page is served locally.")
    readers = (
        "with the link" if url else "" if served_names(host) == LOCAL else f"who reaches {host}"
    )
    if readers and not password:
        warn(f"anyone {readers} can read the bench. Require a password with --auth.")


# Requests

_SERVED = re.compile(
    r"HEAD /|POST /(login|gradio_api/(queue/join|cancel|reset))"
    r"|GET /(|config|(assets|static)/.+|theme\.css|favicon\.ico|manifest\.json|robots\.txt"
    r"|gradio_api/(queue/data|heartbeat/\w+|app_id|startup-events))"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-dns-prefetch-control": "off",
}


class PageGuard:
    """Middleware that serves the page to its own readers alone, and lets it load nothing else.

    `names`: the hosts it was started for, None for any address or name of this machine. Without
    them a foreign page could read the bench, if its name leads to 127.0.0.1 (DNS rebinding).

    The page's inline scripts are allowed by their hashes. Only what the page needs is served:
    Gradio offers more, such as uploads, which write files.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] | None, shared: bool) -> None:
        self.app, self.names, self.shared = app, names, shared
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
        name = URL(scope=scope).hostname or ""
        if not self._serves(name):
            text = (
                f"This page is not served as {name}. Open the address that qa_browser.py printed."
            )
            await Response(text, 421, _HEADERS)(scope, receive, send)
            return
        if not _SERVED.fullmatch(f"{scope['method']} {scope['path']}"):
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
                headers.update(_HEADERS)
                if headers.get("content-type", "").startswith("text/html"):
                    page_start.update(message)
                    return
            elif page_start:
                body.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                headers = MutableHeaders(scope=page_start)
                headers["content-security-policy"] = page_policy(bytes(body))
                await send(page_start)
                message = {**message, "body": bytes(body)}
            await send(message)

        await self.app(scope, receive, add_headers)


_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script>", re.DOTALL)


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
