"""The tab of the questions: how each model did on each, sorted both ways."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from statistics import fmean, pstdev

from arena.browser.html.controls import Query, choices_form, filled, search, select, whole_number
from arena.browser.html.judgment_list import PAGE
from arena.browser.html.judgment_page import notice
from arena.browser.html.questions.cells import Cell, cell_of
from arena.browser.html.questions.matrix import (
    BY_NAME,
    COLUMN_ORDERS,
    DIVISIVE,
    HARDEST,
    ROW_ORDERS,
    WORST,
    Matrix,
    Row,
    matrix_html,
)
from arena.browser.index import ListedJudgment
from arena.browser.library import Filters, Library, until_changed
from arena.browser.screens.judgments import no_judgment, valid_filters
from arena.browser.screens.view import View

# The label of each choice, and the words of none.
CHOICES = {
    "judge": ("Judge", ""),
    "baseline": ("Baseline", "any"),
    "category": ("Category or cluster", "all"),
    "model": ("Model in front", "none"),
    "rows": ("Order of questions", "as in the bench"),
    "columns": ("Order of models", "best first"),
}


def questions_tab(library: Library, query: Query) -> View:
    """Return the tab for a link."""
    names = ("judge", "baseline", "category", "model", "text")
    request = Filters(**{name: query.get(name, "") for name in names})
    filters, offers, notices = valid_filters(library, request)
    offers |= {"rows": list(ROW_ORDERS), "columns": list(COLUMN_ORDERS)}
    orders = {name: query.get(name, "") for name in ("rows", "columns")}
    chosen = {name: value for name, value in vars(filters).items() if name in names}
    chosen |= {name: value if value in offers[name] else "" for name, value in orders.items()}
    all_models = replace(filters, model="")
    matrix = in_order(matrix_of(library, all_models), chosen["rows"], filters.model)
    columns = columns_of(matrix, chosen["columns"], filters.model)
    row = whole_number(query.get("first", "")) or 0
    first = max(0, min(row, len(matrix.rows) - 1)) // PAGE * PAGE
    view = filled({"tab": "questions", **chosen, "first": str(first or "")})
    fields = [
        select(name, label, offers[name], chosen[name], nothing=nothing)
        for name, (label, nothing) in CHOICES.items()
        if offers[name] or name != "baseline"
    ]
    fields.append(search("text", "Search (Enter)", filters.text, "in all texts"))
    battles = filled(vars(all_models))
    shown = matrix_html(matrix, columns, first, library.questions, view, battles)
    nothing = "" if matrix.rows else no_judgment(library, all_models)
    size = f"{len(matrix.rows):,} questions, {len(matrix.models):,} models"
    return View(
        query=view,
        parts={
            "filters": choices_form(fields, {"tab": "questions"}),
            "shown": notice(library.fault, *notices) + (nothing or shown),
        },
        announcement=f"{size}, by {filters.judge}.",
    )


@until_changed
def matrix_of(library: Library, filters: Filters) -> Matrix:
    """Return the matrix of the judgments that pass some filters, the questions in their order.

    Of comparisons and grades of single answers, which have other values, the fewer are left out.
    """
    entries = library.select(filters)
    graded = 2 * sum(entry.pairwise for entry in entries) < len(entries)
    judged = defaultdict[str, dict[str, list[ListedJudgment]]](lambda: defaultdict(list))
    of_kind = [entry for entry in entries if entry.pairwise != graded]
    for entry in of_kind:
        judged[entry.question][entry.model].append(entry)
    models = sorted({model for of_models in judged.values() for model in of_models})
    rows = list[Row]()
    for question, of_models in judged.items():
        cells = [cell_of(of_models[name]) if name in of_models else None for name in models]
        values = _values(cells)
        mean, spread = (fmean(values), pstdev(values)) if values else (None, None)
        rows.append(Row(question, cells, mean, spread))
    of_model = (_values(row.cells[number] for row in rows) for number in range(len(models)))
    means = [fmean(values) if values else None for values in of_model]
    opponents = len({entry.baseline for entry in of_kind} - {""})
    return Matrix(models, means, rows, graded, len(entries) - len(of_kind), opponents)


def _values(cells: Iterable[Cell | None]) -> list[float]:
    return [cell.value for cell in cells if cell and cell.value is not None]


def in_order(matrix: Matrix, order: str, model: str) -> Matrix:
    """Return a matrix with its rows in one of ROW_ORDERS, by the values of a model or by the means
    of all. Rows without a value come last.
    """
    if order not in ROW_ORDERS:
        return matrix
    sign = 1 if order == HARDEST else -1
    column = matrix.models.index(model) if model in matrix.models else None

    def key(row: Row) -> float:
        value = row.spread if order == DIVISIVE else row.mean
        if order != DIVISIVE and column is not None:
            cell = row.cells[column]
            value = cell.value if cell else None
        return math.inf if value is None else sign * value

    return replace(matrix, rows=sorted(matrix.rows, key=key))


def columns_of(matrix: Matrix, order: str, model: str) -> list[int]:
    """Return the models by their numbers, the chosen one first, the others by the best mean, or in
    one of COLUMN_ORDERS. Models without a mean come last.
    """
    sign = 1 if order == WORST else -1

    def key(number: int) -> tuple[bool, float]:
        mean = matrix.means[number]
        value = 0 if order == BY_NAME else math.inf if mean is None else sign * mean
        return matrix.models[number] != model, value

    return sorted(range(len(matrix.models)), key=key)
