"""The routes of the page beside those of Gradio: views, files to save, its styles, and votes."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arena.browser.defaults import Benches
from arena.browser.output.downloads import FILES
from arena.browser.screens.annotate import Annotation
from arena.browser.web.readers import guarded
from arena.browser.web.views import query_of, view_json
from arena.browser.web.votes import vote_routes
from arena.leaderboard.output.html import palette

STYLES = [files("arena.browser.html") / name for name in ("style.css", "page.css")]


def routes(benches: Benches, annotation: Annotation | None = None) -> list[Route]:
    """Return the routes of the page. Its style sheet needs no login.

    `annotation`: the votes on the first bench. Without it nothing is written.
    """
    sheet = palette("@media not print { .dark { %s } }")
    sheet += "".join(path.read_text(encoding="utf-8") for path in STYLES)

    @guarded
    def view(request: Request) -> Response:
        content = view_json(benches, annotation, query_of(request.url.query))
        return Response(content, media_type="application/json")

    @guarded
    def save(request: Request) -> Response:
        query = query_of(request.url.query)
        library = benches.of(query.get("bench", "")).library
        return FILES[request.scope["path"]](library, query)

    def style(_: Request) -> Response:
        return Response(sheet, media_type="text/css")

    saved = [Route(path, save) for path in FILES]
    votes = vote_routes(benches, annotation) if annotation else []
    return [Route("/view", view), Route("/page.css", style), *saved, *votes]
