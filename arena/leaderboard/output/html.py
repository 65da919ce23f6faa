"""One HTML page for all results, and its parts: tables, bars, drawn intervals, colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from arena.bench.labels import OUTCOMES
from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.caption import opponent, titles
from arena.leaderboard.output.notes import summary_lines
from arena.leaderboard.output.text import row_texts, spans

# Light and dark. Those of texts have a contrast of 4.5 to 1 with their page. Readers who do not see
# red from green tell win from loss, too.
COLOURS = {
    "win": ("#0b7285", "#3fb8cf"),
    "loss": ("#b3470e", "#ee8a4f"),
    "tie": ("#5f6671", "#98a1b0"),
    "muted": ("#5c6471", "#98a1b0"),
    "line": ("#e2e5ea", "#2b3240"),
    "accent": ("#2567cf", "#6ea1f2"),
    "none": ("#8a6400", "#cfa63a"),
    "keyword": ("#8250c4", "#c4a1f5"),
    "soft": ("#f5f6f8", "#171c26"),
    "shadow": ("#9aa3b2", "#56617a"),
    "edge": ("#7b8494", "#737d92"),  # of fields, 3 to 1
}
PAGE = Path(__file__).with_name("page.html")
NARROWEST = 1.0  # scale of drawn scores


def palette(dark: str = "@media (prefers-color-scheme: dark) { :root { %s } }") -> str:
    """Return the colours as CSS variables. `dark`: the rule of the dark ones, at %s."""
    light, deep = (" ".join(f"--{k}: {pair[i]};" for k, pair in COLOURS.items()) for i in (0, 1))
    return f":root {{ {light} }}\n{dark % deep}"


def html_page(
    title: str,
    subtitle: str,
    body: str,
    notes: Iterable[str],
    script: str = "",
    *,
    template: Path = PAGE,
    **parts: str,
) -> str:
    """Return a page that loads nothing of others. `body` is HTML, `script` JavaScript, `parts` are
    HTML for further places of another template, the rest text.
    """
    return Template(template.read_text("utf-8")).substitute(
        palette=palette(),
        title=escape(title),
        subtitle=escape(subtitle),
        body=body,
        notes=escape("\n".join(notes)),
        script=script and f"<script>\n{script}</script>",
        **parts,
    )


def html_table(
    heads: Iterable[str], rows: Iterable[str], kind: str = "numbers", caption: str = ""
) -> str:
    """Return a table of a CSS class below its heads, which are HTML like all cells."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head, body = html_row(heads, head="col"), "\n".join(rows)
    return f'<table class="{kind}">{title}<thead>{head}</thead><tbody>\n{body}\n</tbody></table>'


def html_row(cells: Iterable[str], attributes: str = "", head: str = "") -> str:
    """Return a row. Cells are HTML with or without their tags. `head`: the scope of bare heads,
    which are all of them in a row of columns, else the first one.
    """
    tagged = ""
    for number, cell in enumerate(cells):
        is_head = head == "col" or (head == "row" and not number)
        start, end = (f'<th scope="{head}">', "</th>") if is_head else ("<td>", "</td>")
        tagged += cell if cell.startswith(("<td", "<th")) else start + cell + end
    return f"<tr{attributes}>{tagged}</tr>"


def linked(words: str, address: str) -> str:
    """Return HTML as a link, or as it is without an address."""
    return f'<a href="{escape(address)}">{words}</a>' if address else words


def heat(share: float) -> str:
    """Return the colour of a share: -1 a loss, 0 nearly white, 1 a win. Black is legible on all."""
    end = COLOURS["win" if share > 0 else "loss"][0]
    parts = (int(end[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(247 + 0.65 * abs(share) * (part - 247)):02x}" for part in parts)


def class_of(outcome: str) -> str:
    """Return the CSS class of an outcome."""
    return outcome.replace(" ", "-")


def bar(parts: Sequence[tuple[str, str, float]]) -> str:
    """Return numbers, each with its name and CSS class, as one bar of their shares."""
    whole = sum(number for *_, number in parts)
    pieces = ""
    for name, kind, number in parts:
        if number:
            share = 100 * number / whole
            title = f"{escape(name)}: {number:,} ({share:.1f} %)"
            pieces += f'<i class="{kind}" style="width:{share:.2f}%" title="{title}"></i>'
    return f'<span class="bar">{pieces}</span>'


def interval_svg(
    interval: tuple[float, float, float], scale: tuple[float, float], base: float | None, label: str
) -> str:
    """Return a value as a dot on the line of its interval, given as (lower, value, upper), and a
    mark at `base`. Values beyond the scale are drawn at its end, unknown bounds at the value.
    """
    low, high = scale
    ends = (interval[1] if math.isnan(value) else value for value in interval)
    left, dot, right = (100 * (min(max(x, low), high) - low) / (high - low) for x in ends)
    line = ""
    if base is not None and low <= base <= high:
        place = 100 * (base - low) / (high - low)
        line = f'<line class="base" x1="{place:.2f}%" x2="{place:.2f}%" y2="100%"/>'
    return (
        f'<svg role="img" aria-label="{label}">'
        f'<line class="all" x2="100%" y1="50%" y2="50%"/>{line}'
        f'<line class="interval" x1="{left:.2f}%" x2="{right:.2f}%" y1="50%" y2="50%"/>'
        f'<circle class="score" cx="{dot:.2f}%" cy="50%" r="3.5"/></svg>'
    )


def board_html(board: Board) -> str:
    """Return the board as one page that loads nothing: a sortable table with drawn intervals."""
    script = Path(__file__).with_name("sort.js").read_text("utf-8")
    body = f'<section class="board">{board_table(board)}</section>'
    return html_page(*titles(board), body, summary_lines(board), script)


@dataclass(frozen=True)
class BoardLinks:
    """The links of a board in a browser. `address`: to a model, "" for one without. `sorted`: to
    the board in another order, which is the name of a column, with a minus the other way round.
    `order`: the present one. `name`: a part of the names of the shown models.
    """

    address: Callable[[str], str]
    sorted: Callable[[str], str] | None = None
    order: str = ""
    name: str = ""


def board_table(board: Board, links: BoardLinks | None = None) -> str:
    """Return a board as a table with drawn intervals, whose heads sort the rows. With `links` the
    rows open their models, and have their rank and games.
    """
    marks = axis_marks(board)
    games = bool(links) and any(row.outcomes for row in board.rows)
    hints = {
        "model": "",
        "score": board.format.axis(opponent(board)),
        f"{board.estimator.level:.0%} CI": "the interval, as distances from the score",
        "average #tokens": "the mean length of the answers",
        **{span.name: span.hint for span in spans(board)},
    }
    heads = ['<th class="rank"></th>'] if links else []
    heads += (sorting_head(name, hint, links) for name, hint in hints.items())
    heads.append(axis_head(marks))
    if games:
        heads.append('<th class="games" title="all games with a verdict">games: won … lost</th>')
    scale = marks[0], marks[-1]
    ranked = (
        ordered_rows(board, list(hints), links) if links else ((None, row) for row in board.rows)
    )
    rows = (_board_row(row, board, scale, rank, games, links) for rank, row in ranked)
    return html_table(heads, rows)


def sorting_head(name: str, hint: str, links: BoardLinks | None) -> str:
    """Return the head of a column that sorts the rows by it, if they are to be sorted."""
    kind = "name" if name == "model" else ""
    order = links.order if links else ""
    is_current = order.removeprefix("-") == name or not order and name == "score"
    rising = order.startswith("-") != (name == "model")
    sort = f' aria-sort="{"ascending" if rising else "descending"}"' if is_current else ""
    shown = f"<button>{name}</button>"
    if links:
        following = f"-{name}" if is_current and not order.startswith("-") else name
        shown = f'<a href="{escape(links.sorted(following))}">{name}</a>' if links.sorted else name
    return f'<th scope="col" class="{kind}" title="{escape(hint)}"{sort}>{shown}</th>'


def ordered_rows(
    board: Board, names: Sequence[str], links: BoardLinks
) -> list[tuple[int | None, Row]]:
    """Return the rows that are to be found in their order, each with its rank by score."""
    ranked = list(enumerate(board.rows, start=1))
    shown = [(rank, row) for rank, row in ranked if links.name.casefold() in row.model.casefold()]
    column = links.order.removeprefix("-")
    if column not in names:
        return list(shown)
    place = names.index(column)
    turned = links.order.startswith("-")
    if column == "model":
        shown.sort(key=lambda one: one[1].model.casefold(), reverse=turned)
    else:
        shown.sort(key=lambda one: _column_values(one[1], board)[place - 1], reverse=not turned)
    return list(shown)


def _column_values(row: Row, board: Board) -> list[float]:
    """Return the sort keys of the columns after the name. Unknown values come last."""
    middles = (sum(span.ends(row) or (math.nan,)) / 2 for span in spans(board))
    values = (row.score, row.upper - row.lower, row.tokens, *middles)
    return [-math.inf if value is None or math.isnan(value) else value for value in values]


def axis_head(marks: Sequence[float]) -> str:
    """Return the head of a column of drawn intervals: the marks of their scale."""
    low, high = marks[0], marks[-1]
    places = {mark: 100 * (mark - low) / (high - low) for mark in marks}
    ticks = "".join(f'<i style="left:{place:.2f}%">{mark:g}</i>' for mark, place in places.items())
    return f'<th class="plot"><span class="axis">{ticks}</span></th>'


def _board_row(
    row: Row,
    board: Board,
    scale: tuple[float, float],
    rank: int | None,
    games: bool,
    links: BoardLinks | None,
) -> str:
    """Return the row of a model, which opens the model if it has an address."""
    name = shown = escape(row.model)
    attributes = ""
    is_first = row.model == board.baseline
    # What scores 50 by choice has battles as the others.
    is_alone = is_first and board.selection.anchored == "baseline"
    if links and is_alone:
        attributes = f' class="baseline" title="{name} is the baseline"'
    elif links:
        kind, chosen = (" baseline", f"{name} scores 50 by choice: ") if is_first else ("", "")
        attributes = f' class="model{kind}" title="{chosen}open the battles of {name}"'
        shown = linked(name, links.address(row.model))
    score, interval, tokens = row_texts(row, board)
    places = row.bounds[0], row.score, row.bounds[1]
    plot = interval_svg(places, scale, board.format.baseline_score, f"{score} {interval}")
    keys = [repr(value).replace("inf", "Infinity") for value in _column_values(row, board)]
    texts = (score, interval, tokens, *(span.cell(row, board) for span in spans(board)))
    cells = [f'<td class="rank">{rank}</td>'] if links else []
    cells.append(f'<td class="name" data-key="{name}">{shown}</td>')
    for number, (key, text) in enumerate(zip(keys, texts, strict=True)):
        kind = ' class="less"' if number else ""
        cells.append(f'<td{kind} data-key="{key}">{text}</td>')
    cells.append(f'<td class="plot">{plot}</td>')
    if games:
        kinds = list(map(class_of, OUTCOMES.values()))
        numbers = row.outcomes if row.outcomes and not is_alone else [0] * len(kinds)
        parts = list(zip(OUTCOMES.values(), kinds, numbers, strict=True))
        cells.append(f'<td class="games">{bar(parts)}</td>')
    return html_row(cells, attributes)


def axis_marks(board: Board) -> list[float]:
    """Return the marks of a scale that holds all finite scores and bounds: at most eight, round. It
    ends where the scale of the scores ends.
    """
    bounds = (bound for row in board.rows for bound in (row.score, *row.bounds))
    finite = [bound for bound in bounds if math.isfinite(bound)] or [0.0]
    low, high = min(finite), max(finite)
    if high - low < NARROWEST:
        least, best = board.format.extremes or (-math.inf, math.inf)
        low, high = max(low - NARROWEST / 2, least), min(high + NARROWEST / 2, best)
    power = 10.0 ** math.floor(math.log10((high - low) / 6))
    step = next(power * n for n in (1, 2, 5, 10) if (high - low) / (power * n) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 6) for number in range(first, last + 1)]
