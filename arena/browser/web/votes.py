"""The routes that write: a person's vote, and its end."""

from __future__ import annotations

import contextlib

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arena.base.errors import InputError, OutputError
from arena.browser.defaults import Benches
from arena.browser.html.controls import link
from arena.browser.screens.annotate import Annotation
from arena.browser.web.address import body_of
from arena.browser.web.readers import refusal
from arena.browser.web.views import without_folder

LONGEST_BODY = 100_000  # bytes of a vote with its note


async def fields_of(request: Request) -> dict[str, str] | None:
    """Return the texts of a body of JSON, None for another or a very long one."""
    body = await body_of(request, LONGEST_BODY)
    with contextlib.suppress(ValueError, RecursionError):
        return msgspec.json.decode(body or b"", type=dict[str, str])
    return None


def vote_routes(benches: Benches, annotation: Annotation) -> list[Route]:
    """Return the routes that write: a vote, and its end. Each answers with the next view."""

    async def write(request: Request) -> Response:
        if refused := refusal(request):
            return refused
        if (fields := await fields_of(request)) is None:
            return Response(status_code=400)
        library = benches.of(fields.get("bench", "")).library
        change = annotation.vote if request.scope["path"] == "/vote" else annotation.undo
        try:
            query = await run_in_threadpool(change, library, fields)
        except (InputError, OutputError) as error:
            reason = without_folder(str(error), library)
            return Response(reason, 409, media_type="text/plain")
        return Response(msgspec.json.encode(link(query)), media_type="application/json")

    return [Route(path, write, methods=["POST"]) for path in ("/vote", "/undo")]
