"""The files to save by their addresses, each for the query of a view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from arena.base.errors import InputError
from arena.browser.html.controls import Query
from arena.browser.index import ListedJudgment
from arena.browser.library import Library
from arena.browser.output.battle import battle_page
from arena.browser.output.listing import chunks, csv_lines, file_name, json_lines
from arena.browser.screens.beside import beside
from arena.browser.screens.judgments import key_of, listed, position_of

NO_BATTLE = "There is no such battle."


class Form(NamedTuple):
    """A form of the list."""

    lines: Callable[[Library, Sequence[ListedJudgment]], Iterator[bytes]]
    suffix: str
    media_type: str


def attached(name: str) -> dict[str, str]:
    """Return the headers of a file that the browser saves, and does not show."""
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}


def save_list(library: Library, query: Query, form: Form) -> Response:
    """Return the list of a query, sent as it is made."""
    try:
        content = chunks(form.lines(library, listed(library, query)))
    except InputError as error:
        return Response(f"{error}", 404, media_type="text/plain")
    names = (query.get(name, "") for name in ("judge", "model", "baseline", "category"))
    headers = attached(file_name((library.bench.name, *names), form.suffix))
    return StreamingResponse(content, headers=headers, media_type=form.media_type)


def save_battle(library: Library, query: Query) -> Response:
    """Return the battle of a query as a page in one file."""
    try:
        entries = listed(library, query)
        position, fault = position_of(library, entries, key_of(query))
        if fault or not entries:
            raise InputError(NO_BATTLE)
        entry = entries[position]
        second, direct = beside(library, entry, query.get("beside", ""))
        page = battle_page(library, entry, second, direct)
    except InputError:
        return Response(NO_BATTLE, 404, media_type="text/plain")
    models = (entry.model, second.model) if second else (entry.model,)
    name = file_name((library.bench.name, *models, entry.question), ".html")
    return Response(page, headers=attached(name), media_type="text/html")


FILES: Mapping[str, Callable[[Library, Query], Response]] = {
    "/list.csv": functools.partial(save_list, form=Form(csv_lines, ".csv", "text/csv")),
    "/list.jsonl": functools.partial(
        save_list, form=Form(json_lines, ".jsonl", "application/jsonl")
    ),
    "/battle.html": save_battle,
}
