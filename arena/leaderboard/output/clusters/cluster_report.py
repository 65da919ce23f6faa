"""The scores of models by cluster as text, CSV, JSON and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from arena.base.errors import one_line
from arena.base.table import aligned, grouped, listed
from arena.leaderboard.board import Board, Row
from arena.leaderboard.clusters import LEAST, ClusterTable
from arena.leaderboard.format import FORMATS
from arena.leaderboard.output import notes, text
from arena.leaderboard.output.caption import AVERAGE, interval_method, method_cell, titles
from arena.scoring.estimators import BRADLEY_TERRY


def table_lines(table: ClusterTable) -> Iterator[str]:
    """Yield models by clusters, as many clusters side by side as fit in 120 columns."""
    yield from aligned(zip(*_grid(table, ""), strict=True))


def _grid(table: ClusterTable, corner: str) -> list[list[str]]:
    """Return the texts of clusters by models, below a head and beside the numbers of questions."""
    rows = [[corner, "questions", *map(one_line, table.models)]]
    for board in table.boards:
        cells = (score_texts(board.row(model), board) for model in table.models)
        texts = (" ".join(cell).rstrip() for cell in cells)
        rows.append([cluster_name(board), f"{board.counts.questions:,}", *texts])
    return rows


def score_texts(row: Row | None, board: Board) -> tuple[str, str]:
    """Return the texts of a model's score and interval."""
    if row is None:
        return "n/a", ""
    score, interval, _ = text.row_texts(row, board)
    return score, text.NONE if math.isnan(row.lower) else interval


def cluster_name(board: Board) -> str:
    """Return the name of a cluster in one line."""
    return one_line(board.name) or "(none)"


def note_lines(table: ClusterTable, *, flags: bool = True) -> Iterator[str]:
    """Yield the notes below the table: for each set of baselines the judgments, then the gaps.
    `flags`: name those that help.
    """
    first = table.wholes[0]
    about = f"{levels(table)} intervals in brackets as differences from the score"
    yield f"{axis_label(first)}, with {about}"
    for whole, group in zip(table.wholes, table.groups, strict=True):
        if len(table.wholes) > 1:
            against = f"against {whole.baseline}, " if whole.baseline else ""
            level = f"{100 * whole.estimator.level:.0f} % intervals"
            shown = listed([one_line(name) or "(none)" for name in group.clusters], "clusters")
            yield f"{against}method {whole.estimator.name}, {level}: {shown}"
        yield from notes.summary_lines(whole, flags=flags)
    if first.method.control and len(table.boards) > len(table.wholes):
        yield "the style coefficients are those of all questions with one baseline"
    if any(len(board.rows) < len(table.models) for board in table.boards):
        yield f"n/a: fewer than {LEAST} questions judged, or no battles that place the model"
    rows = [row for board in table.boards for row in board.rows if row.model != board.baseline]
    missing = [math.isnan(row.lower) for row in rows]
    if any(missing):
        yield notes.no_interval(table.boards)
    kinds = grouped(
        (cluster_name(board), interval_method(board)) for board in table.boards if board.rows
    )
    for method, names in kinds.items():
        of = f": {listed(names, 'clusters')}" if len(kinds) > 1 else ""
        yield f"intervals: {method}{of}"


def axis_label(board: Board) -> str:
    """Return the name of the scores of a table, from its first board without rows."""
    mean = board.selection.anchored == "mean"
    return board.format.axis(AVERAGE if mean else "the baseline")


def levels(table: ClusterTable) -> str:
    """Return the levels of the intervals, as a percentage."""
    shown = dict.fromkeys(f"{100 * whole.estimator.level:.0f} %" for whole in table.wholes)
    return " or ".join(shown)


# Files


def table_stem(table: ClusterTable) -> str:
    """Return a file name that says what made the table."""
    selections = [whole.selection for whole in table.wholes]
    baselines = tuple(dict.fromkeys(name for one in selections for name in one.baselines))
    selection = replace(selections[0], categories=(), baselines=baselines)
    return f"{text.file_stem(replace(table.wholes[0], selection=selection))}_by_{table.by}"


def table_csv(table: ClusterTable) -> str:
    """Return a line for each cluster and model. A model without a score has empty cells."""
    several = len({whole.estimator.level for whole in table.wholes}) > 1
    ends = ("lower", "upper") if several else table.wholes[0].estimator.bounds
    heads = table.by, "model", "score", *ends, "questions", f"{table.by}_questions"
    lines: list[tuple[object, ...]] = [heads]
    further = [("method",)]
    for board in table.boards:
        for model in table.models:
            row = board.row(model)
            values = (row.score, *row.bounds) if row else (math.nan,) * 3
            cells = ("" if math.isnan(value) else f"{value:.2f}" for value in values)
            questions = (board.counts.judged.get(model, 0), board.counts.questions)
            lines.append((board.name, model, *cells, *questions))
            further.append((method_cell(board),))
    return text.csv_text(lines, () if table.wholes[0].method.as_published else further)


def table_dict(table: ClusterTable) -> dict[str, object]:
    """Return the table as plain data: its settings, and the scores of each cluster."""
    first = table.wholes[0]
    return {
        "bench": first.selection.bench.name,
        "judges": list(first.selection.judges),
        "by": table.by,
        "mode": first.mode,
        "method": first.estimator.name,
        **text.method_dict(first),
        **first.selection.rules(),
        "models": list(table.models),
        "clusters": [
            {
                "name": board.name,
                "baseline": board.baseline,
                "method": board.estimator.name,
                "level": board.estimator.level,
                "questions": board.counts.questions,
                "rows": [
                    text.row_dict(row) | {"questions": board.counts.judged[row.model]}
                    for row in board.rows
                ],
            }
            for board in table.boards
        ],
    }


def table_markdown(table: ClusterTable) -> str:
    """Return clusters by models as a Markdown table: benches have more clusters than models."""
    head, *rows = _grid(table, table.by)
    heads = [text.in_markdown(name) for name in head]
    escaped = [[text.in_markdown(name), *cells] for name, *cells in rows]
    rule = "|:--|" + "--:|" * (1 + len(table.models))
    return text.markdown_page(table_titles(table), [heads, *escaped], rule, note_lines(table))


def table_titles(table: ClusterTable) -> tuple[str, str]:
    """Return the title of the table, and how it was made, as far as that holds for all of it."""
    shared = table.wholes[0]
    if len({whole.baseline for whole in table.wholes}) > 1:
        shared = replace(shared, baseline=None)
    if len({whole.estimator.name for whole in table.wholes}) > 1:
        shared = replace(shared, format=FORMATS[BRADLEY_TERRY.name, False])
    return f"{shared.selection.bench.name}: scores by {table.by}", titles(shared)[1]
