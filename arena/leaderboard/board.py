"""Boards of battles or grades: scores with their intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import InputError
from arena.bench.answer_style import FEATURES
from arena.bench.labels import COLUMNS
from arena.leaderboard.format import FORMATS, Format
from arena.leaderboard.judges import JudgeEffects, Judges, too_few
from arena.scoring.arena_v2 import NotAStarError
from arena.scoring.battles import Battles, Grades
from arena.scoring.bradley_terry import DisconnectedError, Fit, Resample, win_rates
from arena.scoring.cells import Counts
from arena.scoring.estimators import Estimator
from arena.scoring.selection import Selection
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT, FixedStyle
from arena.scoring.style_features import read_all_styles, with_features
from arena.scoring.uncertainty.intervals import percentiles

if TYPE_CHECKING:
    import pandas

PUBLISHED_CONTROL = {"length", "markdown"}  # the style control of published boards
Tokens = Mapping[str, float]  # the mean answer length by model, of models with counted answers


@dataclass(frozen=True)
class Method:
    """The settings of scores: the style features controlled for, and the bootstrap.

    `center`: whether features are measured from their mean, None if the judgments decide.
    `published`: the judgments that decided it, since they have no settings. `as_published`: the
    statistics of the original.
    """

    control: tuple[str, ...] = ()
    center: bool | None = None
    rounds: int = 1000
    seed: int = 42
    resample: Resample = "question"
    workers: int = 1
    as_published: bool = False
    published: int = 0
    judge_effects: JudgeEffects = "fixed"

    def centered(self, data: Iterable[Battles | Grades]) -> Method:
        """Return the method with a choice of `center`. Scores of published data stay as published.

        Published judgments, and they alone, have no settings in their records.
        """
        if self.center is not None:
            return self
        published = sum(one.counts.without_settings for one in data) if self.control else 0
        is_mean = not self.control or self.as_published or published > 0
        return replace(self, center=is_mean, published=0 if self.as_published else published)

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of answers that the fit controls for, with their names in files."""
        features = (FEATURES[feature] for feature in self.control)
        return {key: name for names in features for key, name in names.items()}

    @property
    def mode(self) -> str:
        """The name of the style control, as part of file names."""
        if set(self.control) == PUBLISHED_CONTROL:
            return "style_control"
        return "_".join([*sorted(self.control), "control"]) if self.control else "plain"

    def entropy(self, selection: Selection) -> tuple[int, ...]:
        """Return the seed of all draws. Boards of different categories draw independently."""
        stream = ", ".join(selection.categories)
        digest = hashlib.sha256(stream.encode("utf-8", "surrogatepass")).digest()
        return (self.seed, int.from_bytes(digest[:8], "big")) if stream else (self.seed,)


class UnconnectedError(InputError):
    """No battles connect some models to the baseline. `models` are their indices."""

    def __init__(self, message: str, models: tuple[int, ...]) -> None:
        super().__init__(message)
        self.models = models


@dataclass(frozen=True)
class Contest:
    """Battles with their style features, and how to score them: with a fixed style if given."""

    battles: Battles
    selection: Selection
    method: Method
    tokens: Tokens = field(default_factory=dict)
    style: FixedStyle | None = None

    @classmethod
    def of(cls, battles: Battles, selection: Selection, method: Method) -> Contest:
        """Measure the style of answers, unless the battles have features. Raises InputError if
        attributes are missing.
        """
        method = method.centered([battles])
        if battles.cells.features is not None:
            return cls(battles, selection, method)
        estimator, bench = selection.estimator, selection.bench
        measured = estimator.measured(method.attributes)
        styles = read_all_styles(bench, battles, measured)
        if method.control and (features := estimator.features):
            wanted = [measured.index(attribute) for attribute in method.attributes]
            cells = with_features(battles, bench, styles, lambda a, b: features(a, b)[:, wanted])
            battles = replace(battles, cells=cells)
        return cls(battles, selection, method, styles.tokens)

    def score(self, samples: np.ndarray | None = None) -> Scored:
        """Fit the battles and resample them, unless `samples` of an earlier run are given. Raises
        UnconnectedError, and InputError if the method is not for such battles.
        """
        battles, estimator = self.battles, self.selection.estimator
        center = bool(self.method.center)
        try:
            fit = estimator.fit(battles.cells, battles.anchor, style=self.style, center=center)
        except NotAStarError as error:
            first, second = (battles.models[i] for i in error.pair)
            reason = f"the method {estimator.name} knows one baseline, '{battles.baseline}'"
            advice = "Use --method bradley-terry to fit all battles at once."
            raise InputError(f"battles of {first} against {second}: {reason}. {advice}") from None
        except DisconnectedError as error:
            names = ", ".join(battles.models[i] for i in error.models)
            reason = f"no battles connect them to the baseline '{battles.baseline}'"
            advice = "Judge them against it, or add their baseline with --baseline."
            message = f"cannot rank {names}: {reason}. {advice}"
            raise UnconnectedError(message, error.models) from None
        samples = self.bootstrap() if samples is None else samples
        return Scored(**vars(self), fit=fit, samples=samples)

    def bootstrap(self) -> np.ndarray:
        """Return the ratings (rounds, M) of resampled battles."""
        method = self.method
        return self.selection.estimator.bootstrap(
            self.battles.cells,
            self.battles.anchor,
            rounds=method.rounds,
            seed=method.entropy(self.selection),
            resample=method.resample,
            workers=method.workers,
            style=self.style,
            center=bool(method.center),
        )


@dataclass(frozen=True)
class Scored(Contest):
    """A fit of battles with its bootstrap: ratings (M,) and (rounds, M)."""

    fit: Fit = field(kw_only=True)
    samples: np.ndarray = field(kw_only=True)

    @property
    def coefficients(self) -> dict[str, float]:
        """The style coefficients by attribute, none without style control."""
        names, coefficients = self.method.attributes.values(), self.fit.coefficients.tolist()
        return dict(zip(names, coefficients, strict=True))

    def scores(self, *, elo: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return win rates in percent or Elo ratings (M,), and the rounds' (rounds, M)."""
        scores, controlled = self.selection.estimator.scores, bool(self.method.control)
        ratings, anchor = self.fit.ratings, self.battles.anchor
        return scores(ratings, self.samples, anchor, controlled=controlled, elo=elo)

    def copy_score(self, *, elo: bool) -> float | None:
        """Return the score of a copy of the baseline, None if style is not measured from its mean.

        Differences are the baseline's style less the model's, 0 for a copy. So it ties if its
        strength less the baseline's is minus the sum of coefficient * mean / scale.
        """
        fit = self.fit
        if not (self.method.control and self.method.center):
            return None
        means = np.divide(fit.mean, fit.scale, out=np.zeros_like(fit.mean), where=fit.scale > 0)
        rating = ANCHOR_RATING - ELO_PER_LOGIT * float(fit.coefficients @ means)
        return rating if elo else float(win_rates(np.array([ANCHOR_RATING, rating]), 0)[1])

    def narrowness(self) -> float | None:
        """Return how many times wider the default's intervals are, by the median over the models.
        None if they are these, or if no model has intervals of both kinds.
        """
        method = replace(self.method, rounds=Method.rounds, resample="question", as_published=False)
        if self.method.resample == "question" and not self.method.as_published:
            return None
        contest = Contest(self.battles, self.selection, method, style=self.style)
        ends = [one.scores(elo=False)[1] for one in (self, contest.score())]
        widths = [np.diff(percentiles(one, self.selection.estimator.level), axis=0) for one in ends]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = widths[1] / widths[0]
        ratios = ratios[np.isfinite(ratios)]
        return float(np.median(ratios)) if len(ratios) else None

    def board(self, *, elo: bool = False) -> Board:
        """Return the board of win rates in percent, or of ratings (baseline 1000)."""
        board = Board.empty(self.battles, self.selection, self.method, elo=elo)
        board = replace(
            board,
            coefficients=self.coefficients,
            scored=self,
            copy_score=self.copy_score(elo=elo),
            narrowness=self.narrowness(),
        )
        judges = Judges.of_battles(
            self.battles,
            style=self.style,
            center=bool(self.method.center),
            penalty=self.selection.estimator.penalty,
        )
        return board.with_rows(self.battles.models, *self.scores(elo=elo), self.tokens, judges)


@dataclass(frozen=True)
class Row:
    """A model's score, the offsets of its interval, its mean answer length and its games.

    `by_judge`: the lowest and the highest score with one of several judges alone.
    """

    model: str
    score: float
    lower: float
    upper: float
    tokens: float | None
    outcomes: tuple[int, ...] | None
    by_judge: tuple[float, float] | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.score + self.lower, self.score + self.upper


@dataclass(frozen=True)
class Comparison:
    """The difference of two models' scores, in points of win rate, on the questions of both.

    `lower`, `upper`: its 95 % interval. `p_value`: of the `test`, which exchanges judgments
    (`permutation`) or draws questions (`bootstrap`). `adjusted`: by Holm's method, for all pairs of
    the comparison. `detectable`: the difference that a test at 5 % finds with a power of 80 %.
    These are NaN if the data give none, and `reason` says why. `same`: the scores of the board rest
    on the same questions.
    """

    first: str
    second: str
    questions: int
    same: bool
    test: str
    difference: float
    lower: float = np.nan
    upper: float = np.nan
    p_value: float = np.nan
    adjusted: float = np.nan
    detectable: float = np.nan
    reason: str = ""


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, how they were made, and of what.

    `weights`: of an overall board, the number of questions by category. `samples`: each model's
    score in each round. `questions`: the judged ones. `scored`: the fit, None without battles.
    `comparisons`: those of the models that the user compares. `copy_score`, `narrowness`: as in
    Scored.
    """

    selection: Selection
    baseline: str | None
    method: Method
    format: Format
    counts: Counts
    questions: tuple[str, ...] = field(compare=False, repr=False)
    rows: tuple[Row, ...] = ()
    coefficients: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    copy_score: float | None = None
    narrowness: float | None = None
    samples: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    scored: Scored | None = field(default=None, compare=False, repr=False)
    comparisons: tuple[Comparison, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def empty(
        cls, data: Battles | Grades, selection: Selection, method: Method, *, elo: bool = False
    ) -> Board:
        """Return a board of battles or grades that has no rows yet."""
        if isinstance(data, Grades):
            method = replace(method, control=(), resample="question")
        return cls(
            selection=selection,
            baseline=None if isinstance(data, Grades) else data.baseline,
            method=method,
            format=FORMATS[selection.estimator.name, elo],
            counts=data.counts,
            questions=data.questions,
        )

    @classmethod
    def of_grades(
        cls, grades: Grades, selection: Selection, method: Method, tokens: Tokens
    ) -> Board:
        """Return the board of mean grades, their intervals by resampled questions."""
        data, estimator = (grades.total, grades.number), selection.estimator
        samples = estimator.bootstrap(*data, rounds=method.rounds, seed=method.entropy(selection))
        board = cls.empty(grades, selection, method)
        scores = estimator.scores(estimator.fit(*data).ratings, samples)
        return board.with_rows(grades.models, *scores, tokens, Judges.of_grades(grades))

    def with_rows(
        self,
        models: Sequence[str],
        scores: np.ndarray,
        samples: np.ndarray,
        tokens: Tokens,
        judges: Judges | None = None,
    ) -> Board:
        """Return the board with the rows of scores (M,) and samples (rounds, M), best first."""
        rates, level = self.format.scale == "win rate", self.estimator.level
        ranges = judges.ranges(rates=rates) if judges else {}
        outcomes = self.scored.battles.outcomes if self.scored else None
        ends = percentiles(samples, level)
        if self.method.judge_effects == "random" and not self.weights:
            if judges is None:
                raise too_few(1)
            ends = judges.widened(ends, scores, level, rates=rates)
            samples = judges.drawn(samples, self.method.seed, level, rates=rates)
        with np.errstate(invalid="ignore"):
            # The offset of an end that is the same infinity as the score is 0, not NaN.
            lower, upper = np.where(ends == scores, 0.0, ends - scores).tolist()
        rows = [
            Row(
                *row,
                tokens.get(row[0]),
                outcomes[row[0]] if outcomes else None,
                ranges.get(row[0]),
            )
            for row in zip(models, scores.tolist(), lower, upper, strict=True)
        ]
        rows.sort(key=lambda row: (-row.score, row.model))
        return replace(self, rows=tuple(rows), samples=dict(zip(models, samples.T, strict=True)))

    @property
    def estimator(self) -> Estimator:
        """The method of the scores."""
        return self.selection.estimator

    @property
    def name(self) -> str:
        """The category of one of several boards."""
        return "Overall" if self.weights else ", ".join(self.selection.categories)

    @property
    def mode(self) -> str:
        """The style control, or that the scores are grades, as part of file names."""
        return self.method.mode if self.estimator.features else self.estimator.name

    def row(self, model: str) -> Row | None:
        """Return the row of a model, None if it is not on the board."""
        return next((row for row in self.rows if row.model == model), None)

    def to_frame(self) -> pandas.DataFrame:
        """Return a row a model, the best first: model, score, the ends of its interval as lower
        and upper, the mean answer length as tokens, its games by outcome if they are known, and of
        several judges by_judge_low and by_judge_high.
        """
        import pandas

        columns = ("model", "score", "lower", "upper", "tokens", *COLUMNS)
        rows = ((r.model, r.score, *r.bounds, r.tokens, *(r.outcomes or ())) for r in self.rows)
        frame = pandas.DataFrame(dict(zip(columns, row, strict=False)) for row in rows)
        if any(row.by_judge for row in self.rows):
            ends = [row.by_judge or (None, None) for row in self.rows]
            frame[["by_judge_low", "by_judge_high"]] = pandas.DataFrame(ends, dtype=float)
        return frame
