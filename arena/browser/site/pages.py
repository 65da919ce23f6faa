"""The pages that a site links from everywhere: its board, its clusters, its judges."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from arena.base.errors import InputError
from arena.browser import html
from arena.browser.html.board_page import board_html
from arena.browser.html.markdown import plain
from arena.leaderboard import build
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import score_clusters
from arena.leaderboard.options import BoardOptions
from arena.leaderboard.output.clusters import cluster_page, cluster_report
from arena.leaderboard.output.html import BoardLinks, html_page, palette
from arena.leaderboard.output.notes import summary_lines
from arena.quality import judge_html, judge_report
from arena.quality.panel import JudgeOptions

TEMPLATE = Path(__file__).with_name("page.html")
LIST = "battles.html"


@dataclass(frozen=True)
class Section:
    """A page that all pages link to. `body` is HTML, `script` the name of a file."""

    file: str
    name: str
    title: str
    subtitle: str
    body: str
    notes: Sequence[str] = ()
    script: str = ""


def styles() -> str:
    """Return the style sheet of all pages."""
    files = Path(html.__file__).with_name("style.css"), TEMPLATE.with_name("site.css")
    return "\n".join((palette(), *(file.read_text("utf-8") for file in files)))


def shell(page: Section, sections: Sequence[tuple[str, str]], bench: str, root: str = "") -> bytes:
    """Return a whole page. `sections`: file and name of those in its head, none of a page on its
    own, which has its style sheet in it. `root`: the address of their folder.
    """
    links = "".join(
        f'<a href="{root}{file}"{" aria-current=page" if file == page.file else ""}>{name}</a>'
        for file, name in sections
    )
    source = f'<script src="{root}{page.script}"></script>' if page.script else ""
    scripts = "script-src 'self'; " if source else ""
    own = "'self' " if sections else ""
    linked = f'<link rel="stylesheet" href="{root}site.css">'
    whole = html_page(
        page.title,
        page.subtitle,
        page.body,
        page.notes,
        template=TEMPLATE,
        policy=f"default-src 'none'; {scripts}style-src {own}'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'",
        styles=linked if sections else f"<style>\n{styles()}</style>",
        bench=plain(bench),
        links=f"<nav>{links}</nav>" if links else "",
        scripts=source,
    )
    return whole.encode("utf-8", "replace")


def sections_of(
    options: Sequence[BoardOptions], shown: Callable[[], Collection[str]]
) -> Iterator[Section]:
    """Yield the board with all options, and by the first ones clusters and judges, without a page
    of what cannot be measured. `shown` gives the models whose battles are on the site.

    Raises InputError if there is no board with the first options.
    """
    first, *others = options
    boards = build.build_boards(first)
    models = shown()
    body = _boards_html(boards, models)
    for controlled in others:
        with contextlib.suppress(InputError):  # grades, and answers without attributes, have none
            further = build.build_boards(controlled)
            body += (
                f"<h2>With {further[0].mode.replace('_', ' ')}</h2>{_boards_html(further, models)}"
            )
    by = f"judged by {', '.join(first.judges)}"
    bench = first.bench.name
    yield Section("index.html", "Leaderboard", f"Leaderboard of {bench}", by, body)
    with contextlib.suppress(InputError):  # no question has a cluster
        groups = build.read_clusters(first, "cluster")
        method = build.method_of(first).centered(group.data for group in groups)
        table = score_clusters(groups, "cluster", method)
        lines = list(cluster_report.note_lines(table, flags=False))
        body = f'<section class="wide">{cluster_page.heat_table(table, upright=True)}</section>'
        yield Section("clusters.html", "Clusters", f"Clusters of {bench}", by, body, lines)
    with contextlib.suppress(InputError):  # there are grades only
        judges = JudgeOptions(first.bench, first.judges, config=first.config)
        report = judge_report.judge_report(judges)
        about, *lines = judge_report.note_lines(report, flags=False)
        body = judge_html.report_tables(report).replace("<section>", '<section class="wide">')
        yield Section("judges.html", "Judges", f"Judges of {bench}", about, body, lines)


def _boards_html(boards: Sequence[Board], shown: Collection[str]) -> str:
    """Return boards, the overall one first, whose models with battles lead to them."""

    def address(model: str) -> str:
        query = urlencode({"model": model}, errors="replace")
        return f"{LIST}#{query}" if model in shown else ""

    several = len(boards) > 1
    parts = (
        board_html(
            board, summary_lines(board, flags=False), headed=several, links=BoardLinks(address)
        )
        for board in sorted(boards, key=lambda board: not board.weights)
    )
    return "".join(parts)
