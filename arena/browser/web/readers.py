"""Who may read the page, and who may write: after the login, and from the page itself."""

from __future__ import annotations

import functools
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from arena.browser.index import one_view

FOREIGN = "Labels are taken at the address that qa_browser.py printed, or at its share link alone."


def signed_in(request: Request) -> bool:
    """Whether a request comes from somebody who may read the page: after a login, if it has one."""
    app = request.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)


def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Let a route answer readers alone. While it does, folders and files are looked at once."""

    @functools.wraps(answer)
    def of_reader(request: Request) -> Response:
        with one_view():
            return answer(request) if signed_in(request) else Response(status_code=401)

    return of_reader


def refusal(request: Request) -> Response | None:
    """Return the answer to a request that may not write: without a login, from a foreign page or
    from a form, which any page can send. None for one that may.
    """
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if not signed_in(request):
        return Response(status_code=401)
    if not host or origin.partition("://")[2] != host:
        return Response(FOREIGN, 403, media_type="text/plain")
    is_json = request.headers.get("content-type") == "application/json"
    return None if is_json else Response(status_code=415)
