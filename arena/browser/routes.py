"""The routes of the page beside those of Gradio: views as JSON, files to save, and votes."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arena.base.errors import InputError, OutputError
from arena.browser.defaults import Benches, Chosen
from arena.browser.html.controls import Query, choices_form, hidden, link, select, view_link
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import plain
from arena.browser.index import one_view
from arena.browser.library import Library
from arena.browser.output.downloads import FILES
from arena.browser.screens.annotate import Annotation
from arena.browser.screens.board import board_tab
from arena.browser.screens.clusters import clusters_tab
from arena.browser.screens.judges import judges_tab
from arena.browser.screens.judgments import judgments_tab
from arena.browser.screens.questions import questions_tab
from arena.browser.screens.view import Tab, View
from arena.leaderboard.output.html import palette

# Each tab by its name in a query: its words, and its view. The first is that of a bare address.
Tabs = Mapping[str, tuple[str, Tab]]
TABS: Tabs = {
    "judgments": ("Judgments", judgments_tab),
    "leaderboard": ("Leaderboard", board_tab),
    "clusters": ("Clusters", clusters_tab),
    "questions": ("Questions", questions_tab),
    "judges": ("Judges", judges_tab),
}
FOREIGN = "Labels are taken at the address that qa_browser.py printed, or at its share link alone."
LONGEST_BODY = 100_000  # bytes of a vote with its note
STYLES = [Path(__file__).with_name("html") / name for name in ("style.css", "page.css")]

# What a tab takes over from the one that was open before.
CARRIED = ("judge", "model", "baseline", "category", "anchor")


def query_of(text: str) -> dict[str, str]:
    """Return the values of a query by name. Those of one name are joined by a space."""
    query = dict[str, str]()
    for name, value in parse_qsl(text.removeprefix("?"), errors="replace"):
        query[name] = f"{query[name]} {value}" if name in query else value
    return query


def view_of(chosen: Chosen, query: Query, tabs: Tabs) -> View:
    """Return the view of a bench for a query."""
    asked = {name: value for name, value in query.items() if not name.startswith("__")}
    if not asked.keys() - {"bench"}:
        asked = {"model": next(iter(chosen.library.models(chosen.judge)), "")}
    _, tab = tabs.get(asked.get("tab", ""), next(iter(tabs.values())))
    return tab(chosen.library, {"judge": chosen.judge} | asked)


def title_html(benches: Benches, chosen: Chosen) -> str:
    """Return the name of the bench, or a choice of benches if there are several."""
    first, bench = benches.first.library.bench.name, chosen.library.bench.name
    title = f"<h1>{plain(bench)}</h1>"
    if len(names := benches.names()) > 1:
        choices = [("" if name == first else name, name) for name in names]
        field = select("bench", "Bench", choices, "" if bench == first else bench)
        title = f'<h1 class="unseen">{plain(bench)}</h1>{choices_form([field], {})}'
    return title + notice(*chosen.remarks)


def without_folder(text: str, library: Library) -> str:
    """Return a text without the absolute address of the data folder: readers may be strangers."""
    folder = library.bench.data_dir
    return text.replace(f"{folder}{os.sep}", "") if folder.is_absolute() else text


def in_bench(page: str, bench: str) -> str:
    """Return HTML whose links and forms stay in another bench than the first one."""
    query = {"bench": bench}
    page = re.sub(r'(href="[\w.]*)\?', rf"\1{plain(link(query))}&amp;", page)
    return page.replace('<form class="filters">', f'<form class="filters">{hidden(query)}')


def tabs_with(annotation: Annotation | None) -> Tabs:
    """Return the tabs, with that of a person's votes if there is one."""
    return {**TABS, "annotate": ("Annotate", annotation)} if annotation else TABS


def tab_links(query: Query, tabs: Tabs) -> str:
    """Return the links to all tabs, each with what it takes over from a view."""
    carried = {name: query[name] for name in CARRIED if name in query}
    here = query.get("tab", "")
    states = {name: f'data-tab="{name}"' for name in tabs}
    states |= {here: f'data-tab="{here}" aria-current="page"'} if here in tabs else {}
    links = (view_link({"tab": n} | carried, w, state=states[n]) for n, (w, _) in tabs.items())
    return "".join(links)


def signed_in(request: Request) -> bool:
    """Whether a request comes from somebody who may read the page: after a login, if it has one."""
    app = request.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)


def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Let a route answer those alone who may read the page, from one look at folders and files."""

    @functools.wraps(answer)
    def of_reader(request: Request) -> Response:
        with one_view():
            return answer(request) if signed_in(request) else Response(status_code=401)

    return of_reader


def routes(benches: Benches, annotation: Annotation | None = None) -> list[Route]:
    """Return the routes of the page. Its style sheet needs no login.

    `annotation`: the votes on the first bench. Without it nothing is written.
    """
    sheet = palette("@media not print { .dark { %s } }")
    sheet += "".join(path.read_text(encoding="utf-8") for path in STYLES)

    @guarded
    def view(request: Request) -> Response:
        asked = query_of(request.url.query)
        chosen = benches.of(asked.get("bench", ""))
        tabs = tabs_with(annotation)
        shown = view_of(chosen, asked, tabs)
        pages = {"tabs": tab_links(shown.query, tabs), **shown.parts}
        parts = {part: without_folder(page, chosen.library) for part, page in pages.items()}
        query = shown.query
        if chosen is not benches.first:
            query = {"bench": (bench := chosen.library.bench.name), **query}
            parts = {part: in_bench(page, bench) for part, page in parts.items()}
        content = {
            "query": link(query),
            "tab": query.get("tab", ""),
            "parts": {"title": title_html(benches, chosen), **parts},
            "said": without_folder(shown.said, chosen.library),
        }
        return Response(msgspec.json.encode(content), media_type="application/json")

    @guarded
    def save(request: Request) -> Response:
        asked = query_of(request.url.query)
        library = benches.of(asked.get("bench", "")).library
        return FILES[request.scope["path"]](library, asked)

    def style(_: Request) -> Response:
        return Response(sheet, media_type="text/css")

    files = [Route(path, save) for path in FILES]
    votes = vote_routes(benches, annotation) if annotation else []
    return [Route("/view", view), Route("/page.css", style), *files, *votes]


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


async def fields_of(request: Request) -> dict[str, str] | None:
    """Return the texts of a body of JSON, None for another or a very long one."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return None
    with contextlib.suppress(ValueError, RecursionError):
        return msgspec.json.decode(bytes(body), type=dict[str, str])
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
            told = without_folder(str(error), library)
            return Response(told, 409, media_type="text/plain")
        return Response(msgspec.json.encode(link(query)), media_type="application/json")

    return [Route(path, write, methods=["POST"]) for path in ("/vote", "/undo")]
