"""Scores by cluster: a board for each cluster of questions, and the table that they make.

Under style control the coefficients are those of all questions with the same baselines: a cluster
has too few battles to tell style from strength. Its rounds take those of rounds over all questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from arena.leaderboard.board import Board, Contest, Row, UnconnectedError
from arena.leaderboard.build import Group
from arena.leaderboard.options import Method
from arena.scoring.battles import Battles, Grades
from arena.scoring.bradley_terry import reweighted
from arena.scoring.cells import Cells
from arena.scoring.selection import Selection
from arena.scoring.solver import FixedStyle
from arena.scoring.uncertainty.intervals import FEW
from arena.scoring.uncertainty.rounds import draw_questions

LEAST = 2  # questions judged of a model for a score
MANY_CLUSTERS = 40  # over which all of them are hard to read side by side
ORDERS = ("score", "beside", "name", "questions")


@dataclass(frozen=True)
class ClusterTable:
    """A board for each cluster in the order of the questions, and the models by their mean score.

    Rows without an interval have NaN ends. `wholes`: all judgments of each group, without rows.
    """

    by: str
    models: tuple[str, ...]
    boards: tuple[Board, ...]
    wholes: tuple[Board, ...]
    groups: tuple[Group, ...]

    @property
    def rated(self) -> list[str]:
        """The models with a score against others than themselves, by their mean score."""
        scored = {row.model for b in self.boards for row in b.rows if row.model != b.baseline}
        return [model for model in self.models if model in scored]

    def ordered(self, order: str, model: str, beside: str = "") -> list[Board]:
        """Return the boards by one of ORDERS: a model's score, the lowest first, that of the model
        beside it, by name, or by questions judged of the model, the most first. "-" before an order
        turns it round. Boards without the score are last, and more questions first at a tie.
        """
        kind, sign = order.removeprefix("-"), -1 if order.startswith("-") else 1

        def key(board: Board) -> tuple[float, int]:
            judged = board.counts.judged.get(model, 0)
            if kind == "questions":
                return -sign * judged, 0
            row = board.row(beside if kind == "beside" else model)
            return (sign * row.score if row else math.inf), -judged

        boards = sorted(self.boards, key=lambda board: board.name.casefold())
        return boards[::sign] if kind == "name" else sorted(boards, key=key)

    def ends(self, model: str, number: int) -> tuple[list[Board], list[Board]]:
        """Return a number of boards with the lowest scores of a model and as many with the highest,
        from the ends inwards. If there are no more, all are in the first list.
        """
        scored = [board for board in self.ordered("score", model) if board.row(model)]
        if len(scored) <= 2 * number:
            return scored, []
        others = {board.name for board in scored[number:]}
        highest = [board for board in self.ordered("-score", model) if board.name in others]
        return scored[:number], highest[:number]


def score_clusters(
    groups: Sequence[Group], by: str, method: Method, done: Callable[[], object] = lambda: None
) -> ClusterTable:
    """Return the scores of each cluster, with the draws of a board of it alone, and none of models
    that no battles connect to the baseline there. `done` is called after each cluster.
    """
    wholes, boards = list[Board](), list[Board]()
    for group in groups:
        whole, data = _whole(group, method)
        ratios, kind = list[float](), ""
        for name, questions in group.clusters.items():
            selection = replace(group.selection, categories=(name,))
            if isinstance(data, Grades):
                board = _of_grades(data, selection, method, questions)
            else:
                board = _of_battles(replace(data, selection=selection), questions)
            judged = board.counts.judged if board else {}
            counts = replace(whole.counts, judged=judged, questions=len(questions))
            rows = _rows(board) if board else ()
            if board:
                kind = kind or board.intervals
                ratios += [board.narrowness] if board.narrowness else []
            boards.append(replace(board or whole, selection=selection, counts=counts, rows=rows))
            done()
        narrowness = median(ratios) if ratios else None
        wholes.append(replace(whole, intervals=kind, narrowness=narrowness))

    def by_mean(model: str) -> tuple[float, str]:
        scores = [(row.score, b.counts.questions or 0) for b in boards if (row := b.row(model))]
        weight = sum(questions for _, questions in scores)
        total = sum(score * questions for score, questions in scores)
        return -total / weight if weight else math.inf, model

    models = sorted({model for group in groups for model in group.data.models}, key=by_mean)
    return ClusterTable(by, tuple(models), tuple(boards), tuple(wholes), tuple(groups))


def _whole(group: Group, method: Method) -> tuple[Board, Contest | Grades]:
    """Return a board without rows, and the contest of its clusters, with the style to fix."""
    data, selection = group.data, group.selection
    whole = Board.empty(data, selection, method)
    if isinstance(data, Grades):
        return whole, data
    if not method.control:
        return whole, Contest(data, selection, method)
    contest = Contest.of(data, selection, method)
    scored = contest.score(samples=np.empty((0, len(data.models))))
    if len(group.clusters) > 1:
        fit = scored.fit
        style = FixedStyle(fit.coefficients, fit.mean, fit.scale, _rounds_of_style(contest))
        contest = replace(contest, style=style)
    copy = scored.copy_score(elo=False)
    return replace(whole, coefficients=scored.coefficients, copy_score=copy), contest


# Battles


def _rounds_of_style(contest: Contest) -> np.ndarray | None:
    """Return the style coefficients (R, F) of rounds over questions, None if battles are drawn."""
    battles, method, selection = contest.battles, contest.method, contest.selection
    if method.resample == "battle":
        return None
    return reweighted(
        battles.cells,
        battles.anchor,
        draw_questions(method.rounds, len(battles.questions), method.entropy(selection)),
        center=bool(method.center),
        penalty=selection.estimator.penalty,
        workers=method.workers,
    )[1]


def _of_battles(contest: Contest, questions: Collection[str]) -> Board | None:
    """Return the board of a cluster without unconnected models, None if no battles are left."""
    battles = contest.battles
    in_cluster = np.array([question in questions for question in battles.questions])
    part = _part(battles, in_cluster[battles.cells.question])
    while len(part.cells.a):
        # Few questions have no interval to draw for, but a score may need the rounds.
        drawn = len(part.questions) >= FEW or contest.selection.estimator.averages_rounds
        samples = None if drawn else np.full((1, len(part.models)), np.nan)
        try:
            return replace(contest, battles=part).score(samples).board(ranked=False)
        except UnconnectedError as error:
            cells, models = part.cells, error.models
            part = _part(part, ~np.isin(cells.a, models) & ~np.isin(cells.b, models))
    return None


def _part(battles: Battles, mask: np.ndarray) -> Battles:
    """Return the battles of a mask (C,) of cells, with the models that have any."""
    cells = battles.cells
    sides = np.concatenate([cells.a[mask], cells.b[mask]])
    anchor = [] if battles.anchor is None else [battles.anchor]
    models = np.union1d(sides, anchor).astype(int)
    places = np.searchsorted(models, sides)
    questions, question = np.unique(cells.question[mask], return_inverse=True)
    features = None if cells.features is None else cells.features[:, mask]
    a, b = np.split(places, 2)
    part = Cells(len(models), a, b, question, cells.counts[:, mask], features)
    names = tuple(battles.models[i] for i in models)
    judgments = np.unique([places, np.tile(question, 2)], axis=1)
    judged = np.bincount(judgments[0], minlength=len(models))
    return replace(
        battles,
        models=names,
        questions=tuple(battles.questions[i] for i in questions),
        cells=part,
        outcomes=None,
        counts=replace(battles.counts, judged=dict(zip(names, judged.tolist(), strict=True))),
    )


# Grades


def _of_grades(
    grades: Grades, selection: Selection, method: Method, questions: Collection[str]
) -> Board | None:
    """Return the board of a cluster, with the models that have any grade, None without models."""
    columns = [i for i, question in enumerate(grades.questions) if question in questions]
    number = grades.number[:, columns]
    models = np.flatnonzero(number.any(axis=1))
    names = tuple(grades.models[i] for i in models)
    judged = dict(zip(names, (number[models] > 0).sum(axis=1).tolist(), strict=True))
    part = Grades(
        models=names,
        questions=tuple(grades.questions[i] for i in columns),
        total=grades.total[models][:, columns],
        number=number[models],
        counts=replace(grades.counts, judged=judged),
    )
    return Board.of_grades(part, selection, method, {}, ranked=False) if names else None


def _rows(board: Board) -> tuple[Row, ...]:
    """Return the rows of models that were judged enough.

    As published a board has intervals of any number of questions. Its clusters have not.
    """
    rows = []
    for row in board.rows:
        questions = board.counts.judged[row.model]
        if questions < FEW and row.model != board.baseline:
            row = replace(row, bounds=(math.nan, math.nan))
        if questions >= LEAST:
            rows.append(row)
    return tuple(rows)
