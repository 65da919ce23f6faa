"""The precision of boards: what their questions give, and how many a wanted precision needs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arena.base.errors import InputError, one_line
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench
from arena.bench.records import Question
from arena.leaderboard.board import Board
from arena.scoring.battles import Battles, Grades, read_selections
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, Estimator
from arena.scoring.selection import Plan, Selection, matching_questions
from arena.scoring.uncertainty import planning
from arena.scoring.uncertainty.intervals import FEW
from arena.scoring.uncertainty.planning import Spreads

WANTED = 2.0  # points of win rate, if nobody names a precision
MIDDLE = (25.0, 75.0)  # win rates beyond which the spread shrinks with the distance to 0 or 100
TOO_FEW = 75  # questions, which give about 10 points either way: from good models to bad ones


@dataclass(frozen=True)
class Precision:
    """What a number of questions gives. `spreads` are those of the data if `measured`, else None
    for grades and the usual ones for win rates, in percent.
    """

    questions: int
    spreads: Spreads | None
    measured: bool
    level: float
    graded: bool = False

    @classmethod
    def of(cls, questions: int, spreads: Spreads | None, estimator: Estimator) -> Precision:
        """Return the precision of a method's scores, with the usual spreads if none are known."""
        graded, measured = estimator is GRADES, spreads is not None and spreads.single > 0
        usual = None if graded else Spreads(planning.USUAL, planning.USUAL)
        return cls(questions, spreads if measured else usual, measured, estimator.level, graded)

    @property
    def half_width(self) -> float | None:
        """Half the width of a typical interval, None if nothing is known or too little."""
        if self.spreads is None or self.questions < FEW:
            return None
        return planning.half_width(self.spreads.single, self.questions, self.level)

    @property
    def smallest_difference(self) -> float | None:
        """The difference of two models that 80 of 100 tests find, None as above."""
        if self.spreads is None or self.questions < FEW:
            return None
        return planning.smallest_difference(self.spreads.paired, self.questions)

    def text(self, wanted: float | None = None) -> str:
        """Return a line on what the questions give, and on how many a wanted half-width needs. It
        is empty if nothing is known of enough questions.
        """
        sentences, unit = list[str](), "" if self.graded else " points"
        number = f"{self.questions:,} question{'' if self.questions == 1 else 's'}"
        start = number
        if self.questions < TOO_FEW:
            sentences.append(f"Only {number}, too few to rank by")
            start = "They"
        half, difference = self.half_width, self.smallest_difference
        if half is not None and difference is not None:
            gives, finds = (f"{value:.{2 if self.graded else 1}f}" for value in (half, difference))
            sentences.append(f"{start} give {self.level:.0%} intervals of about ±{gives}{unit}")
            sentences.append(f"80 of 100 tests find two models that differ by {finds}{unit}")
        wanted = wanted or (half and half / 2 if self.graded else WANTED)
        if self.spreads and wanted:
            needed = planning.questions_for(self.spreads.single, wanted, self.level)
            basis = "" if self.measured else f", at the usual spread of {planning.USUAL:g} points"
            sentences.append(f"±{wanted:.2g}{unit} need {needed:,} questions{basis}")
        return "".join(f"{sentence}. " for sentence in sentences).strip()


def board_precision(board: Board) -> Precision | None:
    """Return the precision of the scores of a board, None without scores of models.

    By the spreads of battles, or of rounds over questions for what only these have: the
    uncertainty of style coefficients, grades, and several boards together.
    """
    models = [row.model for row in board.rows if row.model != board.baseline]
    if not models:
        return None
    total, judged, scored = sum(board.weights.values()), board.counts.judged, board.scored
    numbers = [total or judged.get(model, 0) for model in models]
    if board.method.resample != "question" or (scored and not board.method.control):
        spreads = data_spreads(scored.battles) if scored else None
    else:
        samples = board.samples
        if scored and board.format.scale == "elo":
            _, rates = scored.scores(elo=False)
            samples = dict(zip(scored.battles.models, rates.T, strict=True))
        rounds = np.array([samples[model] for model in models]).T
        middle = _middle(np.nanmean(rounds, axis=0), board.estimator)
        spreads = planning.spreads_of_rounds(rounds[:, middle], np.array(numbers)[middle])
    return Precision.of(statistics.median_low(numbers), spreads, board.estimator)


def data_spreads(data: Battles | Grades) -> Spreads | None:
    """Return the spreads of battles in percent, or of grades."""
    if isinstance(data, Grades):
        return planning.spreads_of_points(data.total, data.number)
    cells, shape = data.cells, (len(data.models), len(data.questions))
    points, number = np.zeros(shape), np.zeros(shape)
    for model, won in ((cells.a, cells.counts[0]), (cells.b, cells.counts[2])):
        place = model.astype(np.int64) * shape[1] + cells.question
        for table, values in (
            (points, 100.0 * won + 50.0 * cells.counts[1]),
            (number, cells.counts.sum(axis=0)),
        ):
            table += np.bincount(place, values, table.size).reshape(shape)
    others = np.arange(len(data.models)) != data.anchor
    points, number = points[others], number[others]
    middle = _middle(points.sum(axis=1) / number.sum(axis=1), BRADLEY_TERRY)
    return planning.spreads_of_points(points[middle], number[middle])


def _middle(scores: np.ndarray, estimator: Estimator) -> np.ndarray:
    """Return which models (M,) have win rates that are neither high nor low, or all if none has."""
    low, high = MIDDLE
    central = (scores >= low) & (scores <= high)
    return np.asarray(central if central.any() and estimator is not GRADES else scores == scores)


# Before the judgments are made


@dataclass(frozen=True)
class Planned:
    """Judgments that a judge is to make: of all `questions` of a bench, the `chosen` ones.

    `baselines` overrule those of the judge's config.
    """

    bench: Bench
    judge: str
    config: JudgeConfig
    questions: Sequence[Question]
    chosen: Sequence[Question]
    baselines: Sequence[str] = ()


def planned_lines(planned: Planned, wanted: float | None = None) -> Iterator[str]:
    """Yield a line on the precision of each board that the chosen questions make.

    `wanted`: the half-width of the intervals, in points or grades. The spreads are those of the
    judge's earlier judgments in the bench, if there are enough.
    """
    whole = Selection(planned.bench, (planned.judge,), (), mixed="leave-out")
    plan = Plan(whole, planned.questions, planned.config)
    for selection in plan.selections((), planned.baselines):
        ids = matching_questions(selection, planned.questions)
        number = sum(ids is None or question.id in ids for question in planned.chosen)
        if not number:
            continue
        try:
            ((_, data),) = read_selections([selection], planned.questions)
        except InputError:  # no judgments that make a board
            spreads = None
        else:
            spreads = data_spreads(data)
        estimator = selection.estimator if planned.config.pairwise else GRADES
        precision = Precision.of(number, spreads, estimator)
        text = "The first grades will show how precise these questions are."
        if precision.spreads:
            text = precision.text(wanted)
            if precision.measured:
                text += f" Earlier judgments have a spread of {precision.spreads.single:.3g}."
        name = one_line(", ".join(selection.categories))
        yield f"{name}: {text}" if name else text
