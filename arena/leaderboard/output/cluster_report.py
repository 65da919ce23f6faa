"""The scores of models by cluster as text, CSV, JSON, Markdown, HTML or a heat map."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import one_line
from arena.base.table import aligned, listed, shown_width
from arena.leaderboard.board import Board, Row
from arena.leaderboard.clusters import FEW, LEAST, ClusterTable
from arena.leaderboard.output.html import heat, html_page, html_row, html_table
from arena.leaderboard.output.plot import set_titles
from arena.leaderboard.output.text import (
    TOO_NARROW,
    csv_text,
    file_stem,
    in_markdown,
    level_text,
    markdown_page,
    row_dict,
    row_texts,
    subtitle_of,
    summary_lines,
)
from arena.scoring.estimators import BRADLEY_TERRY
from arena.scoring.selection import Selection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY_CELLS = 600  # over which a heat map shows no numbers
LEAST_WIDTH, LEAST_HEIGHT = 6.0, 2.0  # of a heat map and of its cells, in inches
NONE = "–"  # in the place of an interval


def table_lines(table: ClusterTable) -> Iterator[str]:
    """Yield models by clusters, as many clusters side by side as fit in 120 columns.

    Below the names of the clusters stand the numbers of their questions.
    """
    names = ["", "questions", *map(one_line, table.models)]
    columns = [
        [_name(board), f"{board.counts.questions:,}", *_texts(table, board)]
        for board in table.boards
    ]
    yield from aligned(zip(names, *columns, strict=True))


def _cell(row: Row | None, board: Board) -> tuple[str, str]:
    """Return the texts of a model's score and interval."""
    if row is None:
        return "n/a", ""
    score, interval, _ = row_texts(row, board)
    return score, NONE if math.isnan(row.lower) else interval


def _texts(table: ClusterTable, board: Board) -> list[str]:
    """Return the cell of each model on a board."""
    return [" ".join(_cell(table.row(model, board), board)).rstrip() for model in table.models]


def _name(board: Board) -> str:
    return one_line(board.name) or "(none)"


def note_lines(table: ClusterTable) -> Iterator[str]:
    """Yield what the table rests on: for each set of baselines what was read."""
    levels = f"{_levels(table)} intervals in brackets as differences from the score"
    yield f"{table.first.format.axis('the baseline')}, with {levels}"
    for whole, names in zip(table.wholes, table.groups, strict=True):
        if len(table.wholes) > 1:
            against = f"against {whole.baseline}, " if whole.baseline else ""
            shown = listed([one_line(name) or "(none)" for name in names], "clusters")
            yield f"{against}method {whole.estimator.name}, {_level(whole)} intervals: {shown}"
        yield from summary_lines(whole, f"{TOO_NARROW} Leave out --resample battle to avoid this.")
    if table.first.method.control and len(table.boards) > len(table.wholes):
        yield "the style coefficients are those of all questions with one baseline, fixed"
    if any(table.row(model, board) is None for board in table.boards for model in table.models):
        yield f"n/a: fewer than {LEAST} questions judged, or no battles that place the model"
    rows = [row for board in table.boards for row in board.rows if row.model != board.baseline]
    if any(math.isnan(row.lower) for row in rows):
        yield f"{NONE}: no interval: fewer than {FEW} questions judged, or all of them ended alike"
    drawn = not all(math.isnan(row.lower) for row in rows)
    if drawn and table.first.method.resample == "question":
        yield "The intervals draw questions, and are expanded for how few they are."


def _levels(table: ClusterTable) -> str:
    return " or ".join(dict.fromkeys(map(_level, table.wholes)))


def _level(board: Board) -> str:
    return level_text(board).replace("%", " %")


# Files


def table_stem(table: ClusterTable, selections: Sequence[Selection]) -> str:
    """Return a file name that tells what made the table."""
    baselines = dict.fromkeys(name for one in selections for name in one.baselines)
    whole = replace(selections[0], categories=(), baselines=tuple(baselines))
    return f"{file_stem(table.first, whole)}_by_{table.by}"


def table_csv(table: ClusterTable, date: datetime.date) -> str:
    """Return one line a cluster and model; a model without a score has empty cells."""
    levels = {whole.estimator.level for whole in table.wholes}
    ends = table.first.estimator.bounds if len(levels) == 1 else ("lower", "upper")
    of_cluster = f"{table.by}_questions"
    lines: list[tuple[object, ...]] = [
        (table.by, "model", "score", *ends, "questions", of_cluster, "date")
    ]
    for board in table.boards:
        for model in table.models:
            row = table.row(model, board)
            values = (row.score, *row.bounds) if row else (math.nan,) * 3
            cells = ("" if math.isnan(value) else f"{value:.2f}" for value in values)
            questions = (board.counts.judged.get(model, 0), board.counts.questions)
            lines.append((board.name, model, *cells, *questions, date.isoformat()))
    return csv_text(lines)


def table_dict(table: ClusterTable) -> dict[str, object]:
    """Return the table as plain data: its settings, and the scores of each cluster."""
    board = table.first
    return {
        "bench": board.bench,
        "judges": list(board.judges),
        "by": table.by,
        "mode": board.mode,
        "method": board.estimator.name,
        "scale": board.scale,
        "level": board.estimator.level,
        "rounds": board.method.rounds,
        "resample": board.method.resample,
        "seed": board.method.seed,
        "models": list(table.models),
        "clusters": [
            {
                "name": board.name,
                "baseline": board.baseline,
                "method": board.estimator.name,
                "level": board.estimator.level,
                "questions": board.counts.questions,
                "rows": [
                    row_dict(row) | {"questions": board.counts.judged[row.model]}
                    for row in board.rows
                ],
            }
            for board in table.boards
        ],
    }


def table_markdown(table: ClusterTable) -> str:
    """Return clusters by models as a Markdown table: benches have more clusters than models."""
    rows = [[table.by, "questions", *(in_markdown(one_line(model)) for model in table.models)]]
    rows += [
        [in_markdown(_name(board)), f"{board.counts.questions:,}", *_texts(table, board)]
        for board in table.boards
    ]
    rule = "|:--|" + "--:|" * (1 + len(table.models))
    return markdown_page((_title(table), _subtitle(table)), rows, rule, note_lines(table))


def _title(table: ClusterTable) -> str:
    return f"{table.first.bench}: scores by {table.by}"


def _subtitle(table: ClusterTable) -> str:
    """Return how the table was made, in a line: what holds for all of it."""
    shared = table.first
    if len({whole.baseline for whole in table.wholes}) > 1:
        shared = replace(shared, baseline=None)
    if len({whole.estimator.name for whole in table.wholes}) > 1:
        shared = replace(shared, estimator=BRADLEY_TERRY)
    return subtitle_of(shared)


def table_html(table: ClusterTable) -> str:
    """Return the table as one page that loads nothing, its cells coloured by their scores."""
    scale = _scale(table)
    heads = [
        f"{escape(_name(board))}<small>{board.counts.questions:,} questions</small>"
        for board in table.boards
    ]
    rows = (
        html_row(
            [escape(model), *(_html_cell(table, model, board, scale) for board in table.boards)],
            head="row",
        )
        for model in table.models
    )
    body = html_table([f"{_levels(table)} CI", *heads], rows, "heat")
    return html_page(
        _title(table), _subtitle(table), f"<section>{body}</section>", note_lines(table)
    )


def _html_cell(table: ClusterTable, model: str, board: Board, scale: tuple[float, float]) -> str:
    row = table.row(model, board)
    score, interval = _cell(row, board)
    if row is None:
        return f"<td>{score}</td>"
    share = 2 * (row.score - scale[0]) / (scale[1] - scale[0]) - 1
    judged, of = board.counts.judged[model], board.counts.questions
    return (
        f'<td style="background:{heat(share)}" title="{judged:,} of {of:,} questions '
        f'judged">{score}<small>{interval}</small></td>'
    )


def _scale(table: ClusterTable) -> tuple[float, float]:
    """Return the scores that have the strongest colours: 0 and 100, or the extreme grades."""
    if table.first.format.extremes:
        return table.first.format.extremes
    scores = [row.score for board in table.boards for row in board.rows] or [0.0]
    return min(scores), max(max(scores), min(scores) + 1.0)


def heat_map(table: ClusterTable) -> Figure:
    """Draw models by clusters, one score a cell."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    low, high = _scale(table)
    rows = [[table.row(model, board) for board in table.boards] for model in table.models]
    scores = np.array([[row.score if row else np.nan for row in line] for line in rows])
    names = [f"{_name(board)} ({board.counts.questions:,})" for board in table.boards]
    models = [one_line(model) for model in table.models]
    longest = [max(map(shown_width, texts)) for texts in (models, names)]
    few = scores.size <= MANY_CELLS
    width = max(1.5 + 0.08 * longest[0] + (0.5 if few else 0.2) * len(names), LEAST_WIDTH)
    height = 1.7 + 0.07 * longest[1] + max(0.25 * len(models), LEAST_HEIGHT)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    colourmap = LinearSegmentedColormap.from_list("scores", [heat(-1), heat(0), heat(1)])
    axes.set_facecolor("#dddddd")
    image = axes.imshow(scores, cmap=colourmap, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=90)
    axes.set_yticks(range(len(models)), models, fontsize=8)
    if few:
        for (line, column), score in np.ndenumerate(scores):
            text = "n/a" if np.isnan(score) else f"{score:.0f}" if high > 10 else f"{score:.1f}"
            axes.text(column, line, text, ha="center", va="center", fontsize=7, color="#111111")
    figure.colorbar(image).set_label(table.first.format.axis("the baseline"), fontsize=8)
    axes.set_xlabel(f"{table.by} (questions)", fontsize=8)
    set_titles(figure, _title(table), _subtitle(table))
    return figure
