"""Opens a page to read battles, with the leaderboard and what judges do; it only reads.

    python qa_browser.py
    python qa_browser.py --bench-name demo-v0.1 --judge-name smollm2-judge --port 8000
    python qa_browser.py --share --auth reader:secret

Without flags bench and judge are those of config/judge_config.yaml; where these have no data, the
first that have.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import io
import os
import re
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.base.errors import InputError, add_source_flags, script, warn
from arena.bench.config import read_judge_config

if TYPE_CHECKING:
    import gradio as gr

    from arena.browser.defaults import Chosen

CONFIG = Path("config/judge_config.yaml")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_source_flags(add, "that names bench, judge and baseline")
    add("--bench-name", "-b", help="bench (default: the setting file's, else one with data)")
    add("--judge-name", "-j", help="judge that is opened (default: the setting file's)")
    add(
        "--baseline",
        help="baseline of judgments that name none (default: the setting file's, else the one "
        "model with answers that is not judged)",
    )
    add("--host", default="127.0.0.1", help="address to serve at (default: %(default)s)")
    add(
        "--port",
        type=port,
        help="port to serve at (default: the first that is free from 7860 on)",
    )
    add("--share", action="store_true", help="make a public link as well (default: False)")
    add("--auth", type=user_and_password, metavar="USER:PASSWORD", help="ask (default: nobody)")
    return parser.parse_args(argv)


def port(text: str) -> int:
    """Return a flag's port; argparse reports what is wrong."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, got '{text}'")
    return int(text)


def user_and_password(text: str) -> tuple[str, str]:
    """Return the parts of `user:password`; argparse reports what is wrong."""
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("expected user:password")
    return user, password


# The page


class PageHeaders:
    """Middleware that lets the page run its own scripts alone, and load from its own server alone.

    The scripts that stand in a page itself are allowed by their hashes. Only what the page asks for
    is served: Gradio has more, such as uploads, which write files.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: object, send: Send) -> None:
        """Answer a request, with headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not _SERVED.fullmatch(f"{scope['method']} {scope['path']}"):
            await send({"type": "http.response.start", "status": 404, "headers": [*_HEADERS]})
            await send({"type": "http.response.body"})
            return
        start: Message = {}
        body = bytearray()

        async def add_headers(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                if _is_page(message):
                    return
                message["headers"] = [*message["headers"], *_HEADERS]
            elif start and _is_page(start):
                body.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                start["headers"] = [*start["headers"], *_HEADERS, (_POLICY, _policy(bytes(body)))]
                await send(start)
                message = {**message, "body": bytes(body)}
            await send(message)

        await self.app(scope, receive, add_headers)


Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_SERVED = re.compile(
    r"HEAD /|POST /(login|gradio_api/(queue/join|cancel|reset))"
    r"|GET /(|config|(assets|static)/.+|theme\.css|favicon\.ico|manifest\.json|robots\.txt"
    r"|gradio_api/(queue/data|heartbeat/\w+|app_id|startup-events))"
)
_POLICY = b"content-security-policy"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-dns-prefetch-control", b"off"),
)
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script>", re.DOTALL)


def _is_page(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in start["headers"]
    )


def _policy(page: bytes) -> bytes:
    """Return the policy of a page; Gradio compiles its templates, so eval stays."""
    hashes = (
        "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode() + "'"
        for script in _INLINE_SCRIPT.findall(page)
    )
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", "'unsafe-eval'", *hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items()).encode()


# Launch


@dataclass(frozen=True)
class Served:
    """A page that is being served, and its addresses."""

    page: gr.Blocks
    url: str
    public_url: str | None


def serve(chosen: Chosen, args: argparse.Namespace) -> Served:
    """Serve the page in the background."""
    from starlette.middleware import Middleware

    from arena.browser import page as layout
    from arena.browser.html.stylesheet import STYLE

    page = layout.page(chosen)
    page.queue(default_concurrency_limit=4)
    with contextlib.redirect_stdout(io.StringIO()):  # Gradio's own lines
        _, url, public_url = page.launch(
            server_name=f"[{args.host}]" if ":" in args.host else args.host,
            server_port=args.port,
            share=args.share,
            auth=args.auth,
            prevent_thread_lock=True,
            quiet=True,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            max_file_size=1,  # nothing is uploaded
            app_kwargs={"middleware": [Middleware(PageHeaders)]},
            theme=layout.theme(),
            css=STYLE,
        )
    return Served(page, url, public_url or None)


def _check_address(host: str, port: int | None) -> None:
    """Raise InputError for an address that cannot be had, before anything is loaded."""
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        where = f"{host}, port {port}" if port else host
        why = str(error.strerror).split(" (while", 1)[0]
        raise InputError(f"cannot serve at {where}: {why}") from None


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the browser until Ctrl-C; see the flags."""
    args = _arguments(argv)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from arena.browser.defaults import choose

    named = args.setting_file != CONFIG or args.setting_file.exists()
    config = read_judge_config(args.setting_file) if named else None
    chosen = choose(args.data_dir, args.bench_name, args.judge_name, args.baseline, config)
    _check_address(args.host, args.port)
    served = serve(chosen, args)
    for remark in chosen.remarks:
        print(remark)
    print(f"{chosen.library.bench.folder} at {served.url} (Ctrl-C ends)", flush=True)
    if args.share:
        _tell_public_url(served.public_url, args)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    served.page.close(verbose=False)
    return 0


def _tell_public_url(url: str | None, args: argparse.Namespace) -> None:
    if url is None:
        warn("no public link: it needs the internet; the page is served locally")
        return
    print(f"public link: {url}", flush=True)
    if not args.auth:
        warn("who has the link reads the bench; --auth user:password asks for a password")


if __name__ == "__main__":
    sys.exit(main())
