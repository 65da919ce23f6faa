"""The matrix of win rates as text, CSV, JSON, Markdown, HTML or a heat map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from arena.base.errors import one_line
from arena.base.table import aligned
from arena.leaderboard.head_to_head.matrix import HeadToHead
from arena.leaderboard.output import notes, plot, text
from arena.leaderboard.output.caption import titles
from arena.leaderboard.output.html import heat, html_page, html_row, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPLAINED = "points of the row's model in % of its battles with the column's, a tie being half"
NEVER = "–"  # of a pair that never met


def matrix_lines(matrix: HeadToHead) -> Iterator[str]:
    """Yield the matrix, its columns headed by the numbers of the rows."""
    numbers = [str(number) for number in range(1, len(matrix.models) + 1)]
    rows = zip(numbers, matrix.models, _cells(matrix), strict=True)
    grid = [("", numbers), *((f"{number} {model}", cells) for number, model, cells in rows)]
    widest = max(len(cell) for _, cells in grid for cell in cells)
    yield from aligned([[name, *(cell.rjust(widest) for cell in cells)] for name, cells in grid])


def _cells(matrix: HeadToHead) -> list[list[str]]:
    """Return the texts of the win rates, with the questions of each if they differ."""
    same = _questions(matrix) is not None
    return [
        [
            NEVER if math.isnan(rate) else f"{rate:.1f}" if same else f"{rate:.1f} ({number:,})"
            for rate, number in zip(rates, numbers, strict=True)
        ]
        for rates, numbers in zip(matrix.rates.tolist(), matrix.questions.tolist(), strict=True)
    ]


def _questions(matrix: HeadToHead) -> int | None:
    """Return the number of questions of every pair that met, None if they differ."""
    numbers = set(matrix.questions[matrix.questions > 0].tolist())
    return numbers.pop() if len(numbers) == 1 else None


def note_lines(matrix: HeadToHead) -> Iterator[str]:
    """Yield the notes below the matrix: what it has, and the judgments behind it."""
    number = _questions(matrix)
    counts = "in brackets the questions" if number is None else f"{number:,} questions each"
    yield f"{EXPLAINED}, {counts}"
    yield notes.count_line(matrix.board)


def matrix_stem(matrix: HeadToHead) -> str:
    """Return a file name that says what made the matrix."""
    return f"{text.file_stem(matrix.board)}_head_to_head"


def matrix_csv(matrix: HeadToHead) -> str:
    """Return a line for each two models that met, in both orders."""
    lines: list[tuple[object, ...]] = [("model", "opponent", "win_rate", "questions")]
    for model, rates, numbers in _rows(matrix):
        lines += (
            (model, opponent, f"{rate:.2f}", number)
            for opponent, rate, number in zip(matrix.models, rates, numbers, strict=True)
            if number
        )
    return text.csv_text(lines)


def _rows(matrix: HeadToHead) -> Iterator[tuple[str, list[float], list[int]]]:
    yield from zip(matrix.models, matrix.rates.tolist(), matrix.questions.tolist(), strict=True)


def matrix_dict(matrix: HeadToHead) -> dict[str, object]:
    """Return the matrix as plain data, null for pairs that never met."""
    selection = matrix.board.selection
    return {
        "bench": selection.bench.name,
        "judges": list(selection.judges),
        **selection.rules(),
        "models": list(matrix.models),
        "win_rates": [
            [None if math.isnan(rate) else round(rate, 4) for rate in rates]
            for _, rates, _ in _rows(matrix)
        ],
        "questions": matrix.questions.tolist(),
    }


def matrix_markdown(matrix: HeadToHead) -> str:
    """Return the matrix as a Markdown table."""
    heads = ["", *map(text.in_markdown, matrix.models)]
    cells = zip(heads[1:], _cells(matrix), strict=True)
    rule = "|:--|" + "--:|" * len(matrix.models)
    rows = [heads, *([name, *row] for name, row in cells)]
    return text.markdown_page(_titles(matrix), rows, rule, note_lines(matrix))


def _titles(matrix: HeadToHead) -> tuple[str, str]:
    board = matrix.board
    judges = f"judged by {', '.join(board.selection.judges)}"
    return titles(board)[0].replace("Leaderboard", "Head to head", 1), judges


def matrix_html(matrix: HeadToHead) -> str:
    """Return the matrix as one page that loads nothing, its cells coloured by their win rates."""
    body = []
    for (model, rates, numbers), cells in zip(_rows(matrix), _cells(matrix), strict=True):
        row = [escape(model)]
        for opponent, rate, number, cell in zip(matrix.models, rates, numbers, cells, strict=True):
            if not number:
                row.append(f"<td>{cell}</td>")
                continue
            title = escape(f"{model} against {opponent}: {number:,} questions")
            row.append(f'<td style="background:{heat(rate / 50 - 1)}" title="{title}">{cell}</td>')
        body.append(html_row(row, head="row"))
    table = html_table(["", *map(escape, matrix.models)], body, "heat")
    return html_page(*_titles(matrix), f"<section>{table}</section>", note_lines(matrix))


def matrix_figure(matrix: HeadToHead) -> Figure:
    """Draw the matrix, one win rate a cell, with its questions below if they differ."""
    names, number = [one_line(model) for model in matrix.models], _questions(matrix)
    label = "win rate of the row in %"
    label += "" if number is None else f", {number:,} questions each"
    counts = matrix.questions if number is None else None
    scale = 0.0, 100.0
    return plot.heat_figure(matrix.rates, (names, names), _titles(matrix), scale, label, counts)
