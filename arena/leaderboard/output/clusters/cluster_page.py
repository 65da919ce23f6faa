"""Scores by cluster as HTML: clusters as rows for chosen models, a heat table, a whole page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from arena.base.table import counted
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import ClusterTable
from arena.leaderboard.output.clusters.cluster_report import (
    axis_label,
    cluster_name,
    levels,
    note_lines,
    score_texts,
    table_titles,
)
from arena.leaderboard.output.html import (
    axis_head,
    axis_marks,
    heat,
    html_page,
    html_row,
    html_table,
    interval_svg,
    linked,
)

FEW_CLUSTERS = 10  # that are columns of a page
ENDS = 5  # clusters of a model that a page shows of the weakest, and of the strongest


@dataclass(frozen=True)
class Links:
    """The links of a table. `order`: that of its rows. `sorted`: the address of the table in
    another order. `battles`: that of the battles in a cluster of a model.
    """

    order: str
    sorted: Callable[[str], str]
    battles: Callable[[str, str], str]


def cluster_rows(
    table: ClusterTable,
    boards: Sequence[Board],
    models: Sequence[str],
    *,
    links: Links | None = None,
    drawn: bool = True,
    caption: str = "",
) -> str:
    """Return clusters as rows of a table: score, interval, judged questions and drawn interval of
    each model. With `links` the heads sort the rows, and the rows open the battles.
    """
    rows = [row for board in table.boards for model in models if (row := board.row(model))]
    marks = axis_marks(replace(table.wholes[0], rows=tuple(rows)))
    heads = [_head(table.by, "name", links, kind="name")]
    for model, key in zip(models, ("score", "beside"), strict=False):
        name = f"<small>{escape(model)}</small>" if links else ""
        heads.append(_head("score", key, links, f"{model}: {axis_label(table.wholes[0])}", name))
        heads.append(f"{levels(table)} CI")
        heads.append(_head("questions", "questions" if key == "score" else "", links))
        heads += [axis_head(marks)] if drawn else []
    lines = []
    for board in boards:
        name, opens = escape(cluster_name(board)), links if board.name else None
        shown = linked(name, opens.battles(board.name, models[0]) if opens else "")
        cells = [f'<td class="name" title="{name}">{shown}</td>']
        for number, model in enumerate(models):
            address = opens.battles(board.name, model) if opens and number else ""
            cells += score_cells(board, model, (marks[0], marks[-1]) if drawn else None, address)
        lines.append(html_row(cells, ' class="model"' if opens else ""))
    return html_table(heads, lines, caption=caption)


def _head(
    text: str, key: str, links: Links | None, title: str = "", above: str = "", kind: str = ""
) -> str:
    """Return a head that sorts by a key, the other way round if the rows are sorted by it."""
    if not (links and key):
        return f'<th scope="col" class="{kind}" title="{escape(title)}">{above}{text}</th>'
    is_current, turned = links.order.removeprefix("-") == key, links.order.startswith("-")
    rising = (key == "questions") == turned
    sort = f' aria-sort="{"ascending" if rising else "descending"}"' if is_current else ""
    link = linked(text, links.sorted(f"-{key}" if links.order == key else key))
    return f'<th scope="col" class="{kind}" title="{escape(title)}"{sort}>{above}{link}</th>'


def score_cells(
    board: Board, model: str, scale: tuple[float, float] | None, address: str
) -> Iterator[str]:
    """Yield the cells of a model in a cluster, with a drawn interval if there is a scale.

    `address`: where the score leads, "" for nowhere.
    """
    row, judged = board.row(model), board.counts.judged.get(model, 0)
    score, interval = score_texts(row, board)
    yield f"<td>{linked(score, address)}</td>"
    yield f'<td class="less">{interval}</td>'
    all_questions = board.counts.questions or 0
    of = "" if judged == all_questions else f" of {all_questions:,}"
    yield f'<td class="less">{judged:,}{of}</td>'
    if scale:
        plot = ""
        if row:
            places = row.bounds[0], row.score, row.bounds[1]
            words = f"{score} {interval}"
            plot = interval_svg(places, scale, board.format.baseline_score, words)
        yield f'<td class="plot">{plot}</td>'


def table_html(table: ClusterTable) -> str:
    """Return the table as one page that loads nothing: coloured columns of few clusters, else a
    section for each model with its weakest and strongest ones, and all of them folded.
    """
    if len(table.boards) <= FEW_CLUSTERS:
        body = f"<section>{heat_table(table)}</section>"
    else:
        names = map(escape, table.rated)
        links = " ".join(f'<a href="#m{i}">{name}</a>' for i, name in enumerate(names))
        parts = (model_section(table, model, f"m{i}") for i, model in enumerate(table.rated))
        body = f'<p class="links">{links}</p>{"".join(parts)}'
    return html_page(*table_titles(table), body, note_lines(table))


def model_section(table: ClusterTable, model: str, anchor: str) -> str:
    """Return the weakest and strongest clusters of a model below its name, and all of them folded.
    Few are one table.
    """
    weakest, strongest = table.ends(model, ENDS)
    ends = {"weakest": weakest, "strongest": strongest} if strongest else {"": weakest}
    parts = "".join(
        f'<section class="board">{cluster_rows(table, boards, [model], caption=name)}</section>'
        for name, boards in ends.items()
    )
    section = f'<h2 id="{anchor}">{escape(model)}</h2><div class="ends">{parts}</div>'
    if not strongest:
        return section
    every = table.ordered("score", model)
    rows = cluster_rows(table, every, [model], drawn=False)
    title = f"all {len(every):,}, the weakest first"
    return f"{section}<details><summary>{title}</summary>{rows}</details>"


def heat_table(table: ClusterTable, *, upright: bool = False) -> str:
    """Return models by clusters, or clusters by models if it is upright, as a coloured table."""
    low, high = score_scale(table)
    rows = [[escape(model)] for model in table.models]
    heads = [f"{levels(table)} CI"]
    for board in table.boards:
        number = counted(board.counts.questions or 0, "question")
        heads.append(f"{escape(cluster_name(board))}<small>{number}</small>")
        for cells, model in zip(rows, table.models, strict=True):
            row = board.row(model)
            score, interval = score_texts(row, board)
            if row:
                colour = heat(2 * (row.score - low) / (high - low) - 1)
                title = f"{board.counts.judged[model]:,} of {number} judged"
                cell = f'<td style="background:{colour}" title="{title}">{score}'
                cells.append(f"{cell}<small>{interval}</small></td>")
            else:
                cells.append(f"<td>{score}</td>")
    if upright:
        heads, *rows = map(list, zip(heads, *rows, strict=True))
    return html_table(heads, (html_row(cells, head="row") for cells in rows), "heat")


def score_scale(table: ClusterTable) -> tuple[float, float]:
    """Return the scores that have the strongest colours: 0 and 100, or the extreme grades."""
    scores = [row.score for board in table.boards for row in board.rows] or [0.0]
    extremes = min(scores), max(max(scores), min(scores) + 1.0)
    return table.wholes[0].format.extremes or extremes
