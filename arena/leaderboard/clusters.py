"""Scores by cluster: a board for each cluster of questions, and the table that they make.

Under style control the coefficients are those of all questions with the same baselines, fixed: a
cluster has too few battles to tell style from strength. They are not drawn anew by the rounds.

Percentile intervals of few questions are too narrow: drawing n of n questions has (n - 1) / n of
the variance of new ones, and ends taken as a normal's. Those of a cluster are expanded for both
(Hesterberg 2015, "What Teachers Should Know about the Bootstrap", section 5.2), and of fewer than
`FEW` questions there is none: three or four have too few different draws for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from arena.bench.answer_style import ATTRIBUTES
from arena.leaderboard.board import (
    Board,
    Method,
    Row,
    Scored,
    grade_board,
    make_board,
    measured_cells,
    score_cells,
)
from arena.leaderboard.build import Group
from arena.leaderboard.format import format_of
from arena.scoring.battles import Battles, Grades
from arena.scoring.bradley_terry import DisconnectedError, interval
from arena.scoring.cells import Cells
from arena.scoring.estimators import GRADES, Estimator
from arena.scoring.solver import FixedStyle
from arena.scoring.style_features import Styles, read_all_styles

LEAST = 2  # questions judged of a model for a score
FEW = 5  # for an interval
NO_WIDTH = 1e-6  # of an interval whose draws are all alike: a score that was always the same


@dataclass(frozen=True)
class ClusterTable:
    """A board a cluster, in the order of the questions; the models by their mean score.

    The ends of a row are NaN where there is no interval. `by`: what the clusters are. `wholes`: for
    each group (one set of baselines, one method) a board without rows, of all that was read;
    `groups`: the names of its clusters.
    """

    by: str
    models: tuple[str, ...]
    boards: tuple[Board, ...]
    wholes: tuple[Board, ...]
    groups: tuple[tuple[str, ...], ...]

    def row(self, model: str, board: Board) -> Row | None:
        """Return a model's score on a cluster; None where it was not judged enough."""
        return next((row for row in board.rows if row.model == model), None)

    @property
    def first(self) -> Board:
        """A board that tells what holds for all of them."""
        return self.wholes[0]


def score_clusters(
    groups: Sequence[Group], by: str, method: Method, done: Callable[[], object] = lambda: None
) -> ClusterTable:
    """Return the scores of each cluster, with draws of its own, as on a board of it alone; the
    intervals are those of few questions. `done` is called after each cluster.

    Raises InputError as `leaderboard.score` does, but a model that cannot be placed on a cluster
    just has no score there.
    """
    wholes: list[Board] = []
    boards: list[Board] = []
    for group in groups:
        if isinstance(group.data, Grades):
            whole, parts = _of_grades(group.data, group, method, done)
        else:
            whole, parts = _of_battles(group.data, group, method, done)
        wholes.append(whole)
        boards += parts
    models = {model for group in groups for model in group.data.models}
    names = tuple(tuple(group.clusters) for group in groups)
    return ClusterTable(by, _by_mean(models, boards), tuple(boards), tuple(wholes), names)


def _by_mean(models: Collection[str], boards: Sequence[Board]) -> tuple[str, ...]:
    """Return the models from the best to the last by their scores' means, weighted by questions."""
    total = dict.fromkeys(models, 0.0)
    weight = dict.fromkeys(models, 0)
    for board in boards:
        for row in board.rows:
            total[row.model] += row.score * (board.counts.questions or 0)
            weight[row.model] += board.counts.questions or 0
    mean = {model: total[model] / weight[model] if weight[model] else -np.inf for model in models}
    return tuple(sorted(models, key=lambda model: (-mean[model], model)))


def _whole(
    group: Group, estimator: Estimator, method: Method, coefficients: Mapping[str, float]
) -> Board:
    """Return a board without rows, with the counts of all clusters of a group."""
    data, selection = group.data, group.selection
    return Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=data.baseline if isinstance(data, Battles) else None,
        estimator=estimator,
        method=method,
        format=format_of(estimator, elo=False),
        rows=(),
        coefficients=coefficients,
        counts=data.counts,
    )


def _cluster(
    whole: Board, name: str, questions: int, board: Board | None, alike: Collection[str] = ()
) -> Board:
    """Return the board of a cluster with the models that were judged enough, or with none.

    `alike`: models whose games all ended alike, which therefore have no interval.
    """
    judged = board.counts.judged if board else {}
    rows = [row for row in board.rows if judged[row.model] >= LEAST] if board else []
    return replace(
        board or whole,
        name=name,
        rows=tuple(_with_interval(row, board, alike) for row in rows) if board else (),
        counts=replace(whole.counts, judged=judged, questions=questions),
    )


def _with_interval(row: Row, board: Board, alike: Collection[str]) -> Row:
    """Return a row with the interval of few questions, or without any; the baseline's is exact."""
    if row.model == board.baseline:
        return replace(row, lower=0.0, upper=0.0)
    questions = board.counts.judged[row.model]
    lower = upper = np.nan
    if questions >= FEW and row.model not in alike:
        level = board.estimator.level
        if board.method.resample == "question":
            level = expanded(level, questions)
        lower, upper = interval(board.samples[row.model][:, None], level)[:, 0].tolist()
    if not upper - lower > NO_WIDTH:
        lower = upper = np.nan
    return replace(row, lower=lower - row.score, upper=upper - row.score)


@lru_cache
def expanded(level: float, questions: int) -> float:
    """Return the share of draws that an interval of so many questions must hold to hold the truth
    with a chance of `level`: between the quantiles at Phi(-+ sqrt(n / (n - 1)) t), t of n - 1
    degrees of freedom.
    """
    t = student(level, questions - 1)
    return 2 * NormalDist().cdf(math.sqrt(questions / (questions - 1)) * t) - 1


def student(level: float, freedom: int) -> float:
    """Return the upper end of the central interval of Student's t, by its expansion about the
    normal's (Abramowitz and Stegun 26.7.5): within 0.001 from 4 degrees of freedom on, at 95 %.
    """
    x = NormalDist().inv_cdf(0.5 + level / 2)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / float(freedom**power) for power, term in enumerate(terms, start=1))


# Battles


def _of_battles(
    battles: Battles, group: Group, method: Method, done: Callable[[], object]
) -> tuple[Board, list[Board]]:
    """Return the board without rows of the group, and the board of each cluster."""
    selection = group.selection
    estimator = selection.estimator
    cells, styles = measured_cells(battles, selection, method)
    style, coefficients = None, {}
    if method.control:
        no_rounds = np.empty((0, len(battles.models)))
        fit = score_cells(estimator, battles, cells, styles, method, samples=no_rounds).fit
        names = [ATTRIBUTES[attribute] for attribute in method.attributes]
        coefficients = dict(zip(names, fit.coefficients.tolist(), strict=True))
        if len(group.clusters) > 1:
            style = FixedStyle(fit.coefficients, fit.mean, fit.scale)
    whole = _whole(group, estimator, method, coefficients)
    boards = []
    for name, questions in group.clusters.items():
        # Its own stream, so that a cluster has the draws of a board of it alone.
        streamed = replace(method, stream=name)
        of_cluster = np.array([question in questions for question in battles.questions])
        part = _part(battles, cells, of_cluster[cells.question])
        scored = _placed(estimator, *part, styles, streamed, style)
        board = make_board(scored, replace(selection, categories=(name,))) if scored else None
        alike = _alike(scored) if scored else ()
        boards.append(_cluster(whole, name, len(questions), board, alike))
        done()
    return whole, boards


def _alike(scored: Scored) -> set[str]:
    """Return the models that won, tied or lost all their battles.

    Their draws differ by style alone, if at all.
    """
    cells, models = scored.cells, scored.battles.models
    sides = ((cells.a, cells.counts), (cells.b, cells.counts[::-1]))
    outcomes = sum(
        np.array([np.bincount(side, row, minlength=len(models)) for row in counts])
        for side, counts in sides
    )
    single = (np.asarray(outcomes) > 0).sum(axis=0) == 1
    return {models[i] for i in np.flatnonzero(single)}


def _part(battles: Battles, cells: Cells, mask: np.ndarray) -> tuple[Battles, Cells]:
    """Return the battles and cells of a mask (C,), with the models that have any."""
    a, b, question = cells.a[mask], cells.b[mask], cells.question[mask]
    models = np.unique(np.concatenate([a, b, [battles.anchor]]))
    questions = np.unique(question)
    part = Cells(
        models=len(models),
        a=np.searchsorted(models, a),
        b=np.searchsorted(models, b),
        question=np.searchsorted(questions, question),
        counts=cells.counts[:, mask],
        features=None if cells.features is None else cells.features[:, mask],
    )
    names = tuple(battles.models[i] for i in models)
    met = np.concatenate([part.a, part.b]) * len(questions) + np.tile(part.question, 2)
    judged = np.bincount(np.unique(met) // max(len(questions), 1), minlength=len(models))
    counts = replace(battles.counts, judged=dict(zip(names, judged.tolist(), strict=True)))
    return replace(
        battles,
        models=names,
        questions=tuple(battles.questions[i] for i in questions),
        cells=part,
        outcomes=None,
        counts=counts,
    ), part


def _placed(
    estimator: Estimator,
    battles: Battles,
    cells: Cells,
    styles: Styles,
    method: Method,
    style: FixedStyle | None,
) -> Scored | None:
    """Fit and resample battles without models that cannot be placed; None if none are left."""
    while len(cells.a):
        try:
            samples = None
            if len(battles.questions) < FEW and not estimator.averages_rounds:
                # There is no interval to draw for, and the score needs no rounds either.
                samples = np.full((1, len(battles.models)), np.nan)
            return score_cells(estimator, battles, cells, styles, method, style, samples)
        except DisconnectedError as error:
            lost = np.isin(cells.a, error.models) | np.isin(cells.b, error.models)
            battles, cells = _part(battles, cells, ~lost)
    return None


# Grades


def _of_grades(
    grades: Grades, group: Group, method: Method, done: Callable[[], object]
) -> tuple[Board, list[Board]]:
    """Return the board without rows of the group, and the board of each cluster."""
    selection = group.selection
    method = replace(method, resample="question")
    styles = read_all_styles(selection.bench, grades, ())
    whole = _whole(group, GRADES, method, {})
    boards = []
    for name, questions in group.clusters.items():
        part = _part_of_grades(grades, questions)
        chosen, streamed = replace(selection, categories=(name,)), replace(method, stream=name)
        board = grade_board(part, chosen, streamed, styles) if part.models else None
        boards.append(_cluster(whole, name, len(questions), board))
        done()
    return whole, boards


def _part_of_grades(grades: Grades, questions: Collection[str]) -> Grades:
    """Return the grades on some questions, of the models that have any."""
    known = np.array([question in questions for question in grades.questions])
    columns = np.flatnonzero(known & grades.number.any(axis=0))
    models = np.flatnonzero(grades.number[:, columns].any(axis=1))
    names = tuple(grades.models[i] for i in models)
    number = grades.number[np.ix_(models, columns)]
    judged = dict(zip(names, (number > 0).sum(axis=1).tolist(), strict=True))
    return Grades(
        models=names,
        questions=tuple(grades.questions[i] for i in columns),
        total=grades.total[np.ix_(models, columns)],
        number=number,
        counts=replace(grades.counts, judged=judged),
    )
