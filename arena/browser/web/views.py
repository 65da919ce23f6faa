"""The view of a query, whichever its tab and bench, as page.js takes it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from arena.browser.defaults import Benches, Chosen
from arena.browser.html.controls import Query, choices_form, hidden, link, select, view_link
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import plain
from arena.browser.library import Library
from arena.browser.screens.annotate import Annotation
from arena.browser.screens.board import board_tab
from arena.browser.screens.clusters import clusters_tab
from arena.browser.screens.judges import judges_tab
from arena.browser.screens.judgments import judgments_tab
from arena.browser.screens.questions import questions_tab
from arena.browser.screens.view import Tab, View

# Each tab by its name in a query: its words, and its view. The first is that of a bare address.
Tabs = Mapping[str, tuple[str, Tab]]
TABS: Tabs = {
    "judgments": ("Judgments", judgments_tab),
    "leaderboard": ("Leaderboard", board_tab),
    "clusters": ("Clusters", clusters_tab),
    "questions": ("Questions", questions_tab),
    "judges": ("Judges", judges_tab),
}

# The values that a tab takes over from the one that was open before.
CARRIED = ("judge", "model", "baseline", "category", "anchor")


def query_of(text: str) -> dict[str, str]:
    """Return the values of a query by name. Those of one name are joined by a space."""
    query = dict[str, str]()
    for name, value in parse_qsl(text.removeprefix("?"), errors="replace"):
        query[name] = f"{query[name]} {value}" if name in query else value
    return query


def view_of(chosen: Chosen, query: Query, tabs: Tabs) -> View:
    """Return the view of a bench for a query."""
    values = {name: value for name, value in query.items() if not name.startswith("__")}
    if not values.keys() - {"bench"}:
        values = {"model": next(iter(chosen.library.models(chosen.judge)), "")}
    _, tab = tabs.get(values.get("tab", ""), next(iter(tabs.values())))
    return tab(chosen.library, {"judge": chosen.judge} | values)


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
    """Return the links to all tabs, each with the values that it takes over from a view."""
    carried = {name: query[name] for name in CARRIED if name in query}
    here = query.get("tab", "")
    states = {name: f'data-tab="{name}"' for name in tabs}
    states |= {here: f'data-tab="{here}" aria-current="page"'} if here in tabs else {}
    links = (view_link({"tab": n} | carried, w, state=states[n]) for n, (w, _) in tabs.items())
    return "".join(links)


def view_json(benches: Benches, annotation: Annotation | None, request: Query) -> bytes:
    """Return the view of a query as JSON: its own query, its tab, HTML by part, and a sentence."""
    chosen = benches.of(request.get("bench", ""))
    tabs = tabs_with(annotation)
    view = view_of(chosen, request, tabs)
    pages = {"tabs": tab_links(view.query, tabs), **view.parts}
    parts = {part: without_folder(page, chosen.library) for part, page in pages.items()}
    query = view.query
    if chosen is not benches.first:
        query = {"bench": (bench := chosen.library.bench.name), **query}
        parts = {part: in_bench(page, bench) for part, page in parts.items()}
    content = {
        "query": link(query),
        "tab": query.get("tab", ""),
        "parts": {"title": title_html(benches, chosen), **parts},
        "announcement": without_folder(view.announcement, chosen.library),
    }
    return msgspec.json.encode(content)
