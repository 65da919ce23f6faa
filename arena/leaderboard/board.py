"""From battles or grades to a board: scores with their intervals, as data for whoever shows it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.scoring import arena_v2, bradley_terry, grades
from arena.scoring.arena_v2 import NotAStarError
from arena.scoring.battles import Battles, Counts, Grades
from arena.scoring.bradley_terry import DisconnectedError, Fit, Resample
from arena.scoring.cells import Cells
from arena.scoring.selection import Selection
from arena.scoring.solver import FixedStyle
from arena.scoring.style_features import (
    ATTRIBUTES,
    FEATURES,
    Difference,
    Styles,
    read_all_styles,
    relative_differences,
    with_features,
)

LEVEL = 0.95


@dataclass(frozen=True)
class Method:
    """How scores are made of battles: the estimator, the style controlled for, and the bootstrap.

    `name`: bradley-terry, v2.0, or grade. `stream`: a name that gives a board draws of its own.
    """

    control: tuple[str, ...] = ()
    center: bool = True
    rounds: int = 100
    seed: int = 42
    resample: Resample = "battle"
    workers: int = 1
    name: str = "bradley-terry"
    stream: str = ""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of answers that the fit controls for."""
        return tuple(name for feature in self.control for name in FEATURES[feature])

    @property
    def measured(self) -> tuple[str, ...]:
        """The attributes of answers that must be known: v2.0 divides counts by lengths."""
        if self.control and self.name == "v2.0":
            return tuple(dict.fromkeys(("tokens", *self.attributes)))
        return self.attributes

    @property
    def level(self) -> float:
        """The share of the rounds that an interval holds."""
        return arena_v2.LEVEL if self.name == "v2.0" else LEVEL

    @property
    def entropy(self) -> tuple[int, ...]:
        """What seeds all that is drawn."""
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
        """The name of the mode, as part of file names."""
        if self.name == "grade":
            return "grade"
        names = {
            (): "plain",
            ("length", "markdown"): "style_control",
            ("length",): "length_control",
            ("markdown",): "markdown_control",
        }
        return names[self.control]


@dataclass(frozen=True)
class Row:
    """A model's score, the offsets of its interval, its mean answer length and its games."""

    model: str
    score: float
    lower: float
    upper: float
    tokens: float | None
    outcomes: tuple[int, ...] | None


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, how they were made, and of what.

    `name`: the category of one of several boards. `weights`: what the mean of several boards
    weighs them by. `samples`: each model's score in each round. `questions`: what was judged.
    """

    bench: str
    judges: tuple[str, ...]
    baseline: str | None
    method: Method
    elo: bool
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
        """What the scores are."""
        if self.method.name == "grade":
            return "grade"
        return "elo" if self.elo else "win rate"


@dataclass(frozen=True)
class Scored:
    """A fit of battles with its bootstrap: ratings (M,) and (rounds, M)."""

    battles: Battles
    cells: Cells
    styles: Styles
    style: FixedStyle | None
    fit: Fit
    samples: np.ndarray
    method: Method

    @property
    def rates(self) -> np.ndarray:
        """The scores as win rates (M,): of the full data, with v2.0 those over the rounds."""
        rates = bradley_terry.win_rates(self.fit.ratings, self.battles.anchor)
        if self.method.name != "v2.0":
            return rates
        samples = bradley_terry.win_rates(self.samples, self.battles.anchor)
        return arena_v2.scores(samples, rates, controlled=bool(self.method.control))


def score(
    battles: Battles,
    bench: Bench,
    method: Method,
    style: FixedStyle | None = None,
    samples: np.ndarray | None = None,
) -> Scored:
    """Fit the battles and resample them; `samples` of an earlier run take the bootstrap's place.

    Raises InputError where style attributes are missing, a model cannot be placed, or the method
    is not for such battles.
    """
    cells, styles = measured_cells(battles, bench, method)
    try:
        return score_cells(battles, cells, styles, method, style, samples)
    except DisconnectedError as error:
        names = ", ".join(battles.models[i] for i in error.models)
        raise InputError(
            f"no chain of battles between the baseline '{battles.baseline}' and: {names}; "
            "judge them against it, or name their baseline with --baseline"
        ) from None


def measured_cells(battles: Battles, bench: Bench, method: Method) -> tuple[Cells, Styles]:
    """Return the cells, with features if the method controls for style, and the answers' styles.

    Raises InputError where style attributes are missing.
    """
    styles = read_all_styles(bench, battles, method.measured)
    if not method.control:
        return battles.cells, styles
    return with_features(battles, bench, styles, _difference(method)), styles


def score_cells(
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
        fit = _fit(cells, battles.anchor, method, style)
    except NotAStarError as error:
        first, second = (battles.models[i] for i in error.pair)
        raise InputError(
            f"battles of {first} against {second}: the method v2.0 knows one baseline, "
            f"'{battles.baseline}'; --method bradley-terry fits all battles at once"
        ) from None
    if samples is None:
        samples = _bootstrap(cells, battles.anchor, method, style)
    return Scored(battles, cells, styles, style, fit, samples, method)


def _difference(method: Method) -> Difference:
    """Return the formula of the method for the features of two answers."""
    if method.name != "v2.0":
        return relative_differences
    kept = len(method.attributes)
    return lambda a, b: arena_v2.style_differences(a, b)[:, -kept:]


def _fit(cells: Cells, anchor: int, method: Method, style: FixedStyle | None) -> Fit:
    fit = arena_v2.fit if method.name == "v2.0" else bradley_terry.fit
    return fit(cells, anchor, style=style, center=method.center)


def _bootstrap(cells: Cells, anchor: int, method: Method, style: FixedStyle | None) -> np.ndarray:
    bootstrap = arena_v2.bootstrap if method.name == "v2.0" else bradley_terry.bootstrap
    return bootstrap(
        cells,
        anchor,
        rounds=method.rounds,
        seed=method.entropy,
        resample=method.resample,
        workers=method.workers,
        style=style,
        center=method.center,
    )


def make_board(scored: Scored, selection: Selection, method: Method, *, elo: bool = False) -> Board:
    """Return the board: win rates against the baseline in percent, or ratings (baseline 1000)."""
    battles, scores, samples = scored.battles, scored.rates, scored.samples
    if not elo:
        samples = bradley_terry.win_rates(samples, battles.anchor)
    elif method.name == "v2.0":
        scores = arena_v2.rating(scores)
    else:
        scores = scored.fit.ratings
    names = [ATTRIBUTES[attribute] for attribute in method.attributes]
    return Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=battles.baseline,
        method=method,
        elo=elo,
        rows=_rows(battles.models, scores, samples, method, scored.styles.tokens, battles.outcomes),
        coefficients=dict(zip(names, scored.fit.coefficients.tolist(), strict=True)),
        counts=battles.counts,
        name=", ".join(selection.categories),
        samples=dict(zip(battles.models, samples.T, strict=True)),
        questions=battles.questions,
    )


def _rows(
    models: Sequence[str],
    scores: np.ndarray,
    samples: np.ndarray,
    method: Method,
    tokens: Mapping[str, float | None],
    outcomes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Row, ...]:
    """Return the rows of scores (M,) and samples (rounds, M), the best first."""
    lower, upper = bradley_terry.interval(samples, method.level)
    rows = [
        Row(
            model=model,
            score=float(scores[i]),
            lower=_offset(lower[i], scores[i]),
            upper=_offset(upper[i], scores[i]),
            tokens=tokens.get(model),
            outcomes=None if outcomes is None else outcomes[model],
        )
        for i, model in enumerate(models)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.score, row.model)))


def _offset(end: float, score: float) -> float:
    """Return how far an interval's end is from the score; 0 where both are the same infinity."""
    return 0.0 if end == score else float(end - score)


def grade_board(
    read: Grades, selection: Selection, method: Method, styles: Styles | None = None
) -> Board:
    """Return the board of mean grades, their intervals by resampled questions.

    `styles`: those of the answers, where they are read already.
    """
    scores = grades.means(read.total, read.number)
    samples = grades.bootstrap(read.total, read.number, rounds=method.rounds, seed=method.entropy)
    styles = styles or read_all_styles(selection.bench, read, ())
    return Board(
        bench=selection.bench.name,
        judges=selection.judges,
        baseline=None,
        method=method,
        elo=False,
        rows=_rows(read.models, scores, samples, method, styles.tokens),
        coefficients={},
        counts=read.counts,
        name=", ".join(selection.categories),
        samples=dict(zip(read.models, samples.T, strict=True)),
        questions=read.questions,
    )


OVERALL = "Overall"


def why_no_overall(boards: Sequence[Board]) -> str | None:
    """Return why the mean of some boards would say nothing, None if it says something."""
    for pair in combinations(boards, 2):
        (first, one), (second, other) = ((board.name or "(none)", board) for board in pair)
        if one.method.name != other.method.name:
            return (
                f"{first} is made by the method {one.method.name}, {second} by "
                f"{other.method.name}; --method makes them alike"
            )
        shared = len(set(one.questions) & set(other.questions))
        if shared:
            return f"{first} and {second} share {shared:,} questions"
        if one.counts.ranges and other.counts.ranges not in ((), one.counts.ranges):
            return f"the grades of {first} and {second} have different ranges"
    return None


def overall_board(boards: Sequence[Board]) -> Board:
    """Return the mean of boards of categories, weighted by their numbers of questions.

    It holds the models that are on all of them. The draws of different categories are independent,
    so a round's scores are averaged like the scores.
    """
    weights = {board.name: board.counts.questions or 0 for board in boards}
    shares = np.array(list(weights.values())) / sum(weights.values())
    lacking = {
        model: f"not on the board of {', '.join(b.name for b in boards if model not in b.samples)}"
        for model in sorted(set().union(*(board.samples for board in boards)))
        if any(model not in board.samples for board in boards)
    }
    models = sorted(set(boards[0].samples) - set(lacking))
    scores = np.array([[board.score_of(model) for model in models] for board in boards])
    samples = np.array([[board.samples[model] for model in models] for board in boards])
    rounds = np.tensordot(shares, samples, axes=1).T if models else np.empty((1, 0))
    tokens = {row.model: row.tokens for row in boards[0].rows}
    method = replace(boards[0].method, stream="")
    return replace(
        boards[0],
        baseline=None,
        method=method,
        rows=_rows(models, shares @ scores, rounds, method, tokens),
        coefficients={},
        counts=_summed([board.counts for board in boards], lacking),
        name=OVERALL,
        weights=weights,
        samples=dict(zip(models, rounds.T, strict=True)),
        questions=tuple(question for board in boards for question in board.questions),
    )


def _summed(counts: Sequence[Counts], lacking: Mapping[str, str]) -> Counts:
    """Return what several boards come from together."""
    left_out: Counter[str] = Counter()
    for one in counts:
        left_out.update(one.left_out)
    return Counts(
        judgments=sum(one.judgments for one in counts),
        battles=sum(one.battles for one in counts),
        games_without_verdict=sum(one.games_without_verdict for one in counts),
        left_out=left_out,
        models_left_out=lacking,
        judged={},
        questions=sum(one.questions or 0 for one in counts),
        same_questions=True,
        ranges=tuple(sorted({span for one in counts for span in one.ranges})),
    )


# Two models
