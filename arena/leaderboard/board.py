"""Boards of battles or grades: scores with their intervals, and the mean of several boards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import InputError
from arena.bench.answer_style import ATTRIBUTES, FEATURES
from arena.leaderboard.format import Format, format_of
from arena.scoring.arena_v2 import NotAStarError
from arena.scoring.battles import Battles, Counts, Grades
from arena.scoring.bradley_terry import DisconnectedError, Fit, Resample, interval
from arena.scoring.cells import OUTCOMES, Cells
from arena.scoring.estimators import GRADES, Estimator
from arena.scoring.selection import Selection
from arena.scoring.solver import FixedStyle
from arena.scoring.style_features import Styles, read_all_styles, with_features

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Method:
    """How scores are made of battles: the style controlled for, and the bootstrap.

    `stream`: a name that gives a board draws of its own.
    """

    control: tuple[str, ...] = ()
    center: bool = True
    rounds: int = 100
    seed: int = 42
    resample: Resample = "battle"
    workers: int = 1
    stream: str = ""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of answers that the fit controls for."""
        return tuple(name for feature in self.control for name in FEATURES[feature])

    @property
    def entropy(self) -> tuple[int, ...]:
        """The seed of all draws."""
        digest = hashlib.sha256(self.stream.encode("utf-8", "surrogatepass")).digest()
        return (self.seed, int.from_bytes(digest[:8], "big")) if self.stream else (self.seed,)

    def settings(self) -> dict[str, object]:
        """Return what saved bootstrap results must agree in; workers change nothing."""
        return {
            "mode": self.mode,
            "style_center": "mean" if self.center else "none",
            "num_rounds": self.rounds,
            "seed": self.seed,
            "resample": self.resample,
            "style": None,
        }

    @property
    def mode(self) -> str:
        """The name of the style control, as part of file names."""
        if len(self.control) == 1:
            return f"{self.control[0]}_control"
        return "style_control" if self.control else "plain"


@dataclass(frozen=True)
class Row:
    """A model's score, the offsets of its interval, its mean answer length and its games."""

    model: str
    score: float
    lower: float
    upper: float
    tokens: float | None
    outcomes: tuple[int, ...] | None

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.score + self.lower, self.score + self.upper


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, how they were made, and of what.

    `name`: the category of one of several boards. `weights`: what the mean of several boards
    weighs them by. `samples`: each model's score in each round. `questions`: what was judged.
    """

    bench: str
    judges: tuple[str, ...]
    baseline: str | None
    estimator: Estimator
    method: Method
    format: Format
    rows: tuple[Row, ...]
    coefficients: Mapping[str, float]
    counts: Counts
    name: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    questions: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def score_of(self, model: str) -> float:
        """Return the score of a model of the board."""
        return next(row.score for row in self.rows if row.model == model)

    @property
    def scale(self) -> str:
        """The scale of the scores: win rate, elo or grade."""
        return self.format.scale

    @property
    def mode(self) -> str:
        """The style control, or that the scores are grades, as part of file names."""
        return self.method.mode if self.estimator.features else self.estimator.name

    def to_frame(self) -> pandas.DataFrame:
        """Return a row a model, the best first: model, score, the ends of its interval as lower
        and upper, the mean answer length as tokens, and its games by outcome if they are known.
        """
        import pandas

        return pandas.DataFrame(
            {
                "model": row.model,
                "score": row.score,
                "lower": row.score + row.lower,
                "upper": row.score + row.upper,
                "tokens": row.tokens,
                **(dict(zip(OUTCOMES, row.outcomes, strict=True)) if row.outcomes else {}),
            }
            for row in self.rows
        )


@dataclass(frozen=True)
class Scored:
    """A fit of battles with its bootstrap: ratings (M,) and (rounds, M)."""

    battles: Battles
    cells: Cells
    styles: Styles
    style: FixedStyle | None
    fit: Fit
    samples: np.ndarray
    estimator: Estimator
    method: Method

    @property
    def rates(self) -> np.ndarray:
        """The scores as win rates (M,)."""
        return self.scores(elo=False)[0]

    def scores(self, *, elo: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return win rates in percent or Elo ratings (M,), and the rounds' (rounds, M)."""
        controlled = bool(self.method.control)
        ratings, anchor = self.fit.ratings, self.battles.anchor
        return self.estimator.scores(ratings, self.samples, anchor, controlled=controlled, elo=elo)


def score(
    battles: Battles,
    selection: Selection,
    method: Method,
    style: FixedStyle | None = None,
    samples: np.ndarray | None = None,
) -> Scored:
    """Fit the battles and resample them; `samples` of an earlier run take the bootstrap's place.

    Raises InputError where style attributes are missing, a model cannot be placed, or the method
    is not for such battles.
    """
    cells, styles = measured_cells(battles, selection, method)
    try:
        return score_cells(selection.estimator, battles, cells, styles, method, style, samples)
    except DisconnectedError as error:
        names = ", ".join(battles.models[i] for i in error.models)
        raise InputError(
            f"cannot rank {names}: no battles connect them to the baseline '{battles.baseline}'. "
            "Judge them against it, or add their baseline with --baseline."
        ) from None


def measured_cells(battles: Battles, selection: Selection, method: Method) -> tuple[Cells, Styles]:
    """Return the cells, with features if the method controls for style, and the answers' styles.

    Raises InputError where style attributes are missing.
    """
    estimator, bench = selection.estimator, selection.bench
    styles = read_all_styles(bench, battles, estimator.measured(method.attributes))
    if not method.control or not (differences := estimator.features):
        return battles.cells, styles
    count = len(method.attributes)
    return with_features(battles, bench, styles, lambda a, b: differences(a, b)[:, -count:]), styles


def score_cells(
    estimator: Estimator,
    battles: Battles,
    cells: Cells,
    styles: Styles,
    method: Method,
    style: FixedStyle | None = None,
    samples: np.ndarray | None = None,
) -> Scored:
    """Fit and resample cells of battles, as `score` does.

    Raises DisconnectedError for models that cannot be placed, InputError where the method is not
    for such battles.
    """
    try:
        fit = estimator.fit(cells, battles.anchor, style=style, center=method.center)
    except NotAStarError as error:
        first, second = (battles.models[i] for i in error.pair)
        raise InputError(
            f"battles of {first} against {second}: the method {estimator.name} knows one baseline, "
            f"'{battles.baseline}'. Use --method bradley-terry to fit all battles at once."
        ) from None
    if samples is None:
        samples = bootstrap(estimator, cells, battles.anchor, method, style)
    return Scored(battles, cells, styles, style, fit, samples, estimator, method)


def bootstrap(
    estimator: Estimator, cells: Cells, anchor: int, method: Method, style: FixedStyle | None
) -> np.ndarray:
    """Return the ratings (rounds, M) of resampled cells."""
    return estimator.bootstrap(
        cells,
        anchor,
        rounds=method.rounds,
        seed=method.entropy,
        resample=method.resample,
        workers=method.workers,
        style=style,
        center=method.center,
    )


def make_board(scored: Scored, selection: Selection, *, elo: bool = False) -> Board:
    """Return the board: win rates against the baseline in percent, or ratings (baseline 1000)."""
    battles, method = scored.battles, scored.method
    names = [ATTRIBUTES[attribute] for attribute in method.attributes]
    board = Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=battles.baseline,
        estimator=scored.estimator,
        method=method,
        format=format_of(scored.estimator, elo=elo),
        rows=(),
        coefficients=dict(zip(names, scored.fit.coefficients.tolist(), strict=True)),
        counts=battles.counts,
        name=", ".join(selection.categories),
        questions=battles.questions,
    )
    scores, samples = scored.scores(elo=elo)
    return _with_rows(board, battles.models, scores, samples, scored.styles, battles.outcomes)


def grade_board(
    grades: Grades, selection: Selection, method: Method, styles: Styles | None = None
) -> Board:
    """Return the board of mean grades, their intervals by resampled questions.

    `styles`: those of the answers, where they are read already.
    """
    board = Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=None,
        estimator=GRADES,
        method=replace(method, control=(), resample="question"),
        format=format_of(GRADES, elo=False),
        rows=(),
        coefficients={},
        counts=grades.counts,
        name=", ".join(selection.categories),
        questions=grades.questions,
    )
    scores = GRADES.fit(grades.total, grades.number).ratings
    samples = GRADES.bootstrap(
        grades.total, grades.number, rounds=method.rounds, seed=method.entropy
    )
    styles = styles or read_all_styles(selection.bench, grades, ())
    return _with_rows(board, grades.models, scores, samples, styles)


def _with_rows(
    board: Board,
    models: Sequence[str],
    scores: np.ndarray,
    samples: np.ndarray,
    styles: Styles,
    outcomes: Mapping[str, tuple[int, ...]] | None = None,
) -> Board:
    """Return a board with the rows of scores (M,) and samples (rounds, M), the best first."""
    lower, upper = interval(samples, board.estimator.level)
    rows = [
        Row(
            model=model,
            score=float(scores[i]),
            lower=_offset(lower[i], scores[i]),
            upper=_offset(upper[i], scores[i]),
            tokens=styles.tokens.get(model),
            outcomes=None if outcomes is None else outcomes[model],
        )
        for i, model in enumerate(models)
    ]
    rows.sort(key=lambda row: (-row.score, row.model))
    return replace(board, rows=tuple(rows), samples=dict(zip(models, samples.T, strict=True)))


def _offset(end: float, score: float) -> float:
    """Return how far an interval's end is from the score; 0 where both are the same infinity."""
    return 0.0 if end == score else float(end - score)


OVERALL = "Overall"


def why_no_overall(boards: Sequence[Board]) -> str | None:
    """Return the reason against a mean of some boards, None if there is none."""
    for pair in combinations(boards, 2):
        (first, one), (second, other) = ((board.name or "(none)", board) for board in pair)
        if one.estimator.name != other.estimator.name:
            return (
                f"{first} is made by the method {one.estimator.name}, {second} by "
                f"{other.estimator.name}; --method makes them alike"
            )
        shared = len(set(one.questions) & set(other.questions))
        if shared:
            return f"{first} and {second} share {shared:,} questions"
        if one.counts.ranges and other.counts.ranges not in ((), one.counts.ranges):
            return f"the grades of {first} and {second} have different ranges"
    return None


def overall_board(boards: Sequence[Board]) -> Board:
    """Return the mean of boards of categories, weighted by their numbers of questions.

    It has the models that are on all of them. The draws of different categories are independent,
    so a round's scores are averaged like the scores.
    """
    weights = {board.name: board.counts.questions or 0 for board in boards}
    shares = np.array(list(weights.values())) / sum(weights.values())
    missing = {
        model: f"not on the board of {', '.join(b.name for b in boards if model not in b.samples)}"
        for model in sorted(set().union(*(board.samples for board in boards)))
        if any(model not in board.samples for board in boards)
    }
    models = sorted(set(boards[0].samples) - set(missing))
    scores = np.array([[board.score_of(model) for model in models] for board in boards])
    samples = np.array([[board.samples[model] for model in models] for board in boards])
    rounds = np.tensordot(shares, samples, axes=1).T if models else np.empty((1, 0))
    tokens = {row.model: row.tokens for row in boards[0].rows if row.tokens is not None}
    board = replace(
        boards[0],
        baseline=None,
        method=replace(boards[0].method, stream=""),
        coefficients={},
        counts=_summed([board.counts for board in boards], missing),
        name=OVERALL,
        weights=weights,
        questions=tuple(question for board in boards for question in board.questions),
    )
    return _with_rows(board, models, shares @ scores, rounds, Styles(tokens, None))


def _summed(counts: Sequence[Counts], models_left_out: Mapping[str, str]) -> Counts:
    """Return the counts of several boards together."""
    return Counts(
        judgments=sum(one.judgments for one in counts),
        battles=sum(one.battles for one in counts),
        games_without_verdict=sum(one.games_without_verdict for one in counts),
        left_out=sum((Counter(one.left_out) for one in counts), Counter()),
        models_left_out=models_left_out,
        judged={},
        questions=sum(one.questions or 0 for one in counts),
        same_questions=True,
        ranges=tuple(sorted({span for one in counts for span in one.ranges})),
    )
