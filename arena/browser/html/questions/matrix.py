"""The matrix of questions and models as HTML: an outcome over both games in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from statistics import fmean
from typing import NamedTuple
from urllib.parse import quote

from arena.base.table import counted
from arena.browser.html.controls import Query, link, view_link
from arena.browser.html.judgment_list import PAGE, page_turns, question_title, style_of
from arena.browser.html.judgment_page import Questions
from arena.browser.html.markdown import clean, plain
from arena.browser.html.questions.cells import MARKS, Cell
from arena.leaderboard.output.html import html_row, html_table

HARDEST, EASIEST, DIVISIVE = "hardest first", "easiest first", "models differ most first"
ROW_ORDERS = (HARDEST, EASIEST, DIVISIVE)
WORST, BY_NAME = "worst first", "by name"
COLUMN_ORDERS = (WORST, BY_NAME)


class Row(NamedTuple):
    """A question: the cells of all models, and the mean and standard deviation of their values."""

    question: str
    cells: Sequence[Cell | None]
    mean: float | None
    spread: float | None


@dataclass(frozen=True)
class Matrix:
    """The rows of some questions, and the mean value of each model over them.

    `graded`: the values are grades, not margins. `left_out`: judgments of the other kind.
    `opponents`: the number of models that the others were compared with.
    """

    models: Sequence[str]
    means: Sequence[float | None]
    rows: Sequence[Row]
    graded: bool
    left_out: int
    opponents: int

    def words(self, value: float | None, sign: str = "+") -> str:
        """Return a mean as it is shown, "" for none."""
        # Added to 0, since -0.0 is the mean of a little less than 0.
        return "" if value is None else f"{round(value, 2) + 0:{'' if self.graded else sign}.2f}"


def matrix_html(
    matrix: Matrix,
    columns: Sequence[int],
    first: int,
    questions: Questions,
    query: Query,
    battles: Query,
) -> str:
    """Return a page of a matrix, from its row `first` on. `columns`: the models by their numbers.
    `query`: of the view. `battles`: of the view of all battles that it has.
    """
    last = min(first + PAGE, len(matrix.rows))
    turns = "".join(page_turns(query, first, last, len(matrix.rows), "questions"))
    names = [matrix.models[number] for number in columns]
    opens = [plain(link(battles | {"model": name})) + "&amp;question=" for name in names]
    rows = [means_row(matrix, columns, query, battles)]
    for row in matrix.rows[first:last]:
        title = plain(question_title(questions.get(row.question), row.question))
        head = view_link(battles | {"question": row.question}, title, title=title)
        address = quote(row.question, safe="", errors="replace")
        cells = (row.cells[number] for number in columns)
        rows.append(
            f'<tr><th scope="row">{head}</th><td>{matrix.words(row.mean)}</td>'
            f"<td>{matrix.words(row.spread, '')}</td>"
            + "".join(map(cell_html, cells, opens, repeat(address)))
            + "</tr>"
        )
    table = html_table(sort_heads(matrix, names, query), rows, "grid")
    style = "matrix chosen" if query.get("model") else "matrix"
    total = counted(len(matrix.rows), "question")
    about = GRADED if matrix.graded else _LEGEND
    if matrix.left_out:
        kind = "comparison" if matrix.graded else "grade"
        about += f" {counted(matrix.left_out, kind)} left out."
    about += TOGETHER.format(matrix.opponents) if matrix.opponents > 1 else ""
    return clean(
        f'<div class="list {style}">'
        f'<div class="list-head"><span>{total}</span><span>{turns}</span></div>'
        f'<div class="box">{table}</div><p class="how">{about}</p></div>'
    )


def cell_html(cell: Cell | None, opens: str, question: str) -> str:
    """Return a cell with a link to its battle, whose address is `opens` and the question."""
    if cell is None:
        return "<td></td>"
    link = f'<a href="{opens}{question}" title="{cell.words}">{cell.mark}</a>'
    return f'<td class="{cell.style}">{link}</td>'


def sort_heads(matrix: Matrix, names: Sequence[str], query: Query) -> Iterator[str]:
    """Yield the heads, which sort the rows."""
    model, order = query.get("model", ""), query.get("rows", "")
    value = "grade" if matrix.graded else "margin"

    def head(words: str, title: str, to: Query, sort: str) -> str:
        state = f' aria-sort="{sort}"' if sort else ""
        shown = view_link(query | {"first": ""} | to, f"<span>{words}</span>", title=title)
        return f'<th scope="col"{state}>{shown}</th>'

    def by(name: str, words: str, what: str) -> str:
        sort = {HARDEST: "ascending", EASIEST: "descending"}.get(order, "")
        sort = sort if name == model else ""
        to = EASIEST if sort == "ascending" else HARDEST
        return head(words, f"{what}: {to}", {"rows": to, "model": name}, sort)

    yield head("question", "as the questions", {"rows": ""}, "" if order else "ascending")
    yield by("", "mean", f"the mean {value} of all models")
    about = f"the standard deviation of the models' {value}s: {DIVISIVE}"
    yield head("spread", about, {"rows": DIVISIVE}, "descending" if order == DIVISIVE else "")
    for name in names:
        yield by(name, plain(name), name)


def means_row(matrix: Matrix, columns: Sequence[int], query: Query, battles: Query) -> str:
    """Return the row of the models' means, whose head sorts the columns."""
    order = "" if query.get("columns") == WORST else WORST
    title = f"models: {order or 'best first'}"
    head = view_link(query | {"columns": order}, "mean of each model", title=title)
    means = [mean for mean in matrix.means if mean is not None]
    cells = [f'<th scope="row">{head}</th>']
    cells += [f"<td>{matrix.words(fmean(means) if means else None)}</td>", "<td></td>"]
    for number in columns:
        name, mean = matrix.models[number], matrix.words(matrix.means[number])
        shown = view_link(battles | {"model": name}, mean, title=f"the battles of {name}")
        cells.append(f"<td>{shown if mean else ''}</td>")
    return html_row(cells, ' class="means"')


_SIGNS = ", ".join(f'<b class="{style_of(name)}">{mark}</b> {name}' for name, mark in MARKS.items())
_LEGEND = (
    f"{_SIGNS}, over both games. Means and spreads are of margins. A margin is the mean of both "
    "games, each from +2 for a much better answer to −2 for a much worse one."
)
TOGETHER = (
    " Cells combine the judgments against {} baselines. Choose a baseline to see those against one."
)
GRADED = "Each cell is the grade of the model's answer, or the mean of its grades."
