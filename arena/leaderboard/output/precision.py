"""The precision of boards: what their questions give, and how many a wanted precision needs."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError, one_line
from arena.base.table import counted
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench
from arena.bench.records import Question
from arena.generate.schedule.pairs import Pairing
from arena.leaderboard.board import Board
from arena.leaderboard.build import build_board
from arena.leaderboard.options import BoardOptions, Mixed, anchored
from arena.scoring.battles import Battles, Grades, read_selections
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, Estimator
from arena.scoring.selection import Plan, Selection, matching_questions
from arena.scoring.uncertainty import planning
from arena.scoring.uncertainty.intervals import ENOUGH_ROUNDS, FEW
from arena.scoring.uncertainty.planning import Spreads

WANTED = 2.0  # points of win rate, if nobody names a precision
MIDDLE = (25.0, 75.0)  # win rates beyond which the spread shrinks with the distance to 0 or 100
TOO_FEW = 75  # questions, which give about 10 points either way: from good models to bad ones


@dataclass(frozen=True)
class Precision:
    """The precision of a number of questions. `spreads` are those of the data if `measured`, else
    None for grades and the usual ones for win rates, in percent. `judges`: half the width of an
    interval for another choice of judges alone, None if they are fixed. `median`: the models have
    different numbers of questions, of which this is the median.
    """

    questions: int
    spreads: Spreads | None
    measured: bool
    level: float
    graded: bool = False
    judges: float | None = None
    median: bool = False

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
        """The difference that a test of two models finds in 80 of 100 cases, None as above."""
        if self.spreads is None or self.questions < FEW:
            return None
        return planning.smallest_difference(self.spreads.paired, self.questions)

    def planned_text(self, wanted: float | None) -> str:
        """Return `text` for judgments that are to be made, with the spread of earlier ones."""
        if not self.spreads:
            return "The first grades will show how precise these questions are."
        text = self.text(wanted)
        if self.measured:
            text += f" This is the spread of earlier judgments, {self.spreads.single:.3g}"
            text += "." if self.graded else " points."
        return text

    def text(self, wanted: float | None = None) -> str:
        """Return a line on what the questions give, and on how many a wanted half-width needs. It
        is empty if nothing is known of enough questions.
        """
        sentences, unit = list[str](), "" if self.graded else " points"
        digits, these = 2 if self.graded else 1, " with these judges" if self.judges else ""
        number = f"{self.questions:,} question{'' if self.questions == 1 else 's'}"
        number += " in the median of the models" if self.median else ""
        start = number
        if self.questions < TOO_FEW:
            sentences.append(f"Only {number}, too few to tell good models from each other")
            start = "They"
        half, difference = self.half_width, self.smallest_difference
        if half is not None and difference is not None:
            gives, finds = (f"{value:.{digits}f}{unit}" for value in (half, difference))
            sentences.append(f"{start} give {self.level:.0%} intervals of about ±{gives}{these}")
            test = "A test of two models at 5% finds a difference"
            sentences.append(f"{test} of {finds} in 80 of 100 cases")
        wanted = wanted or (half and half / 2 if self.graded else WANTED)
        if self.spreads and wanted:
            needed = planning.questions_for(self.spreads.single, wanted, self.level)
            basis = "" if self.measured else f", at the usual spread of {planning.USUAL:g} points"
            sentences.append(
                f"±{wanted:.2g}{unit} need {counted(needed, 'question')}{these}{basis}"
            )
        if self.judges:
            added = f"±{self.judges:.{digits}f}{unit}"
            sentences.append(f"The choice of judges adds {added}, however many questions there are")
        return "".join(f"{sentence}. " for sentence in sentences).strip()


def board_precision(board: Board) -> Precision | None:
    """Return the precision of the scores of a board, None without scores of models, and for the
    mean of several boards with random judges.
    """
    numbers = {model: n for model, n in board_questions(board).items() if model != board.baseline}
    random_judges = board.method.judge_effects == "random"
    if not numbers or (random_judges and board.weights):
        return None
    number, spreads = statistics.median_low(numbers.values()), _board_spreads(board, numbers)
    precision = Precision.of(number, spreads, board.estimator)
    precision = replace(precision, median=len(set(numbers.values())) > 1)
    return replace(precision, judges=_width_by_judges(board)) if random_judges else precision


def board_questions(board: Board) -> dict[str, int]:
    """Return the number of questions of each model's score, with those that count as lost."""
    if board.scored:
        battles = board.scored.battles
        return dict(zip(battles.models, battles.cells.judged().tolist(), strict=True))
    together, judged = len(board.questions) if board.weights else 0, board.counts.judged
    return {row.model: together or judged.get(row.model, 0) for row in board.rows}


def _board_spreads(board: Board, numbers: Mapping[str, int]) -> Spreads | None:
    """Return the spreads of battles against one baseline, or of rounds what only these have: the
    uncertainty of style coefficients and of baselines, grades, and several boards together.

    `numbers`: those of the models' questions. Rounds over battles hide the noise of questions.
    """
    scored, method, models = board.scored, board.method, list(numbers)
    if scored and not method.control and scored.battles.cells.star(scored.battles.anchor):
        return data_spreads(scored.battles)
    samples = board.samples
    if not scored and method.resample != "question":
        return None
    if scored:
        enough = method.resample == "question" and method.rounds >= ENOUGH_ROUNDS
        scored = scored if enough else scored.honest
        samples = dict(zip(scored.battles.models, scored.scores(elo=False)[1].T, strict=True))
    rounds = np.array([samples[model] for model in models]).T
    if board.judges and not scored and method.judge_effects == "random":
        noise = board.judges.drawn(np.zeros_like(rounds), method.seed, board.estimator.level)
        rounds = rounds - noise[:, [board.judges.models.index(model) for model in models]]
    middle = _middle(np.nanmean(rounds, axis=0), board.estimator)
    questions = np.array(list(numbers.values()))
    return planning.spreads_of_rounds(rounds[:, middle], questions[middle])


def _width_by_judges(board: Board) -> float | None:
    """Return half the width of an interval for the choice of judges alone, as a median."""
    judges, estimator = board.judges, board.estimator
    if judges is None:
        return None
    of_rows = {row.model: row.score for row in board.rows}
    scores = np.array([of_rows[model] for model in judges.models])
    if board.scored:
        scores, _ = board.scored.scores(elo=False)
    level, rates = estimator.level, estimator is not GRADES
    low, high = judges.widened(np.stack([scores, scores]), scores, level, rates=rates)
    models = _middle(scores, estimator) & (np.arange(len(scores)) != judges.anchor)
    return float(np.nanmedian((high - low)[models])) / 2.0 if models.any() else None


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
    """Return the models (M,) with win rates that are neither high nor low, or all if none has."""
    low, high = MIDDLE
    central = (scores >= low) & (scores <= high)
    return np.asarray(central if central.any() and estimator is not GRADES else scores == scores)


# Before the judgments are made


@dataclass(frozen=True)
class Planned:
    """Judgments that a judge is to make: of all `questions` of a bench, the `chosen` ones.

    `baselines` overrule those of the judge's config. `pairing`: the pairs that are judged, if there
    is no baseline for all. `mixed`: what counts beside the judgments of this run.
    """

    bench: Bench
    judge: str
    config: JudgeConfig
    questions: Sequence[Question]
    chosen: Sequence[Question]
    baselines: Sequence[str] = ()
    pairing: Pairing | None = None
    mixed: Mixed = "leave-out"

    def boards(self) -> BoardOptions:
        """Return the options of the boards that show_result.py gives of such judgments. Raises
        InputError for pairs without any judgment.
        """
        baselines = () if self.pairing else tuple(self.baselines)
        config = None if baselines else self.config
        options = BoardOptions(
            self.bench, (self.judge,), baselines, config=config, mixed=self.mixed
        )
        return anchored(options, *self.pairing.anchor) if self.pairing else options


def planned_lines(planned: Planned, wanted: float | None = None) -> Iterator[str]:
    """Yield a line on the precision of each board that the chosen questions make.

    `wanted`: the half-width of the intervals, in points or grades. The spreads are those of the
    judge's earlier judgments in the bench, if there are enough.
    """
    if planned.pairing:
        yield pairs_line(planned, wanted)
        return
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
        text = Precision.of(number, spreads, estimator).planned_text(wanted)
        name = one_line(", ".join(selection.categories))
        yield f"{name}: {text}" if name else text


def pairs_line(planned: Planned, wanted: float | None) -> str:
    """Return a line on the precision of the only board of pairs."""
    known = None
    with contextlib.suppress(InputError):  # no judgments that make a board
        known = board_precision(build_board(planned.boards()))
    spreads = known.spreads if known and known.measured else None
    return Precision.of(len(planned.chosen), spreads, BRADLEY_TERRY).planned_text(wanted)
