"""Boards of battles or grades: scores with their intervals."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import InputError
from arena.bench.labels import COLUMNS
from arena.leaderboard.format import FORMATS, Format
from arena.leaderboard.judges import Judges, too_few
from arena.leaderboard.options import Method
from arena.scoring.arena_v2 import NotAStarError
from arena.scoring.battles import Battles, Grades
from arena.scoring.bradley_terry import DisconnectedError, Fit, win_rates
from arena.scoring.cells import Counts
from arena.scoring.estimators import Estimator, Uncertainty, grade_uncertainty
from arena.scoring.selection import Selection
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT, FixedStyle
from arena.scoring.style_features import read_all_styles, with_features
from arena.scoring.uncertainty.differences import Comparison
from arena.scoring.uncertainty.intervals import ENOUGH_ROUNDS
from arena.scoring.uncertainty.strengths import Strengths

if TYPE_CHECKING:
    import pandas

Tokens = Mapping[str, float]  # the mean answer length by model, of models with counted answers


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
            advice = "Judge pairs that connect them. --head-to-head shows each pair without a fit."
            if self.selection.anchored == "baseline":
                advice = "Judge them against it, or add their baseline with --baseline."
            to = f"the baseline '{battles.baseline}'" if battles.baseline else "the other models"
            message = f"cannot rank {names}: no battles connect them to {to}. {advice}"
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
        data = self.fit.ratings, self.samples, self.battles.anchor
        return scores(*data, controlled=controlled, elo=elo)

    def copy_score(self, *, elo: bool) -> float | None:
        """Return the score of a copy of the baseline, None if style is not measured from its mean.

        Differences are the baseline's style less the model's, 0 for a copy. So it ties if its
        strength less the baseline's is minus the sum of coefficient * mean / scale.
        """
        fit = self.fit
        if not self.method.off_equal or self.battles.baseline is None:
            return None
        means = np.divide(fit.mean, fit.scale, out=np.zeros_like(fit.mean), where=fit.scale > 0)
        rating = ANCHOR_RATING - ELO_PER_LOGIT * float(fit.coefficients @ means)
        return rating if elo else float(win_rates(np.array([ANCHOR_RATING, rating]), 0)[1])

    @functools.cached_property
    def equal_style(self) -> Scored:
        """The fit with style measured from equal style, which ranks and tests go by.

        From its mean, a copy of the baseline differs from the baseline by more than chance. Fixed
        coefficients stay.
        """
        if not self.method.off_equal:
            return self
        style = self.style and replace(self.style, mean=np.zeros_like(self.style.mean))
        method = replace(self.method, center=False)
        contest = Contest(self.battles, self.selection, method, self.tokens, style)
        return contest.score(None if method.honest and len(self.samples) else self.samples[:0])

    def _judges(self) -> Judges | None:
        options = {"center": bool(self.method.center), "penalty": self.selection.estimator.penalty}
        return Judges.of_battles(self.battles, style=self.style, **options)

    def strengths(self, *, elo: bool) -> Strengths:
        """Return the strengths that give ranks, those from equal style."""
        equal = self.equal_style
        judges = equal._judges() if self.method.judge_effects == "random" else None
        return equal.uncertainty(elo=elo, judges=judges).strengths

    def uncertainty(self, *, elo: bool, judges: Judges | None = None) -> Uncertainty:
        """Return the intervals and ranks of the scores, from rounds that draw `judges` as well.

        As published, intervals are percentiles of the rounds. Else there are none for a model with
        under FEW questions, and none of drawn battles if all draws are alike.
        """
        battles, method, estimator = self.battles, self.method, self.selection.estimator
        samples = self.samples
        if judges:
            samples = judges.drawn(samples, method.seed, estimator.level)
        found = estimator.uncertainty(
            battles.cells,
            battles.anchor,
            self.scores(elo=True)[0],
            samples,
            resample="battle" if method.as_published else method.resample,
            elo=elo,
        )
        if method.as_published:
            return found
        is_anchor = np.arange(len(battles.models)) == battles.anchor
        return found.of_enough(battles.cells.judged(), is_anchor)

    @functools.cached_property
    def honest(self) -> Scored:
        """The same battles with the default's rounds, which are over questions."""
        method = replace(self.method, rounds=Method.rounds, resample="question", as_published=False)
        return Contest(self.battles, self.selection, method, style=self.style).score()

    def narrowness(self) -> float | None:
        """Return the ratio of the default's widths of intervals of win rates to these widths, the
        median over the models. None if they are these, or if no model has both.
        """
        if self.method.honest:
            return None
        ends = self.uncertainty(elo=False).ends
        honest = self.honest.uncertainty(elo=False).ends
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = (honest[1] - honest[0]) / (ends[1] - ends[0])
        ratios = ratios[np.isfinite(ratios)]
        return float(np.median(ratios)) if len(ratios) else None

    def board(self, *, elo: bool = False, ranked: bool = True) -> Board:
        """Return the board of win rates in percent, or of ratings (baseline 1000)."""
        board = Board.empty(self.battles, self.selection, self.method, elo=elo)
        board = replace(
            board,
            coefficients=self.coefficients,
            scored=self,
            copy_score=self.copy_score(elo=elo),
            narrowness=self.narrowness(),
        )
        (scores, samples), found = self.scores(elo=elo), self.uncertainty(elo=elo)
        random = self.method.judge_effects == "random"
        if ranked and self.method.honest and (random or self.equal_style is not self):
            found = replace(found, strengths=self.strengths(elo=elo))
        rows = self.battles.models, scores, samples, found, self.tokens, self._judges()
        return board.with_rows(*rows, ranked=ranked)


@dataclass(frozen=True)
class Row:
    """A model's score, the ends of its interval, its mean answer length and its games.

    `rank`: the best and the worst rank that the data leave open. `by_judge`: the lowest and the
    highest score with one of several judges alone.
    """

    model: str
    score: float
    bounds: tuple[float, float]
    tokens: float | None
    outcomes: tuple[int, ...] | None
    rank: tuple[int, int] | None = None
    by_judge: tuple[float, float] | None = None

    @property
    def lower(self) -> float:
        """The offset of the lower end, 0 if it is the same infinity as the score."""
        return 0.0 if self.bounds[0] == self.score else self.bounds[0] - self.score

    @property
    def upper(self) -> float:
        """The offset of the upper end, as `lower`."""
        return 0.0 if self.bounds[1] == self.score else self.bounds[1] - self.score

    @property
    def ranges(self) -> dict[str, float]:
        """The ends of the other ranges of the row that are known, by their names in files."""
        ranges = {"rank": self.rank, "by_judge": self.by_judge}
        return {
            f"{name}_{end}": value
            for name, ends in ranges.items()
            for end, value in zip(("low", "high"), ends or (), strict=False)
        }


@dataclass(frozen=True)
class Board:
    """The rows of a leaderboard from the best to the last, how they were made, and of what.

    `weights`: of an overall board, the number of questions by category. `samples`: each model's
    score in each round. `questions`: the judged ones. `scored`: the fit, None without battles.
    `intervals`: their kind. `comparisons`: those of the models that the user compares.
    `copy_score`, `narrowness`: as in Scored.
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
    intervals: str = ""
    copy_score: float | None = None
    narrowness: float | None = None
    samples: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    judges: Judges | None = field(default=None, compare=False, repr=False)
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
        cls,
        grades: Grades,
        selection: Selection,
        method: Method,
        tokens: Tokens,
        *,
        ranked: bool = True,
    ) -> Board:
        """Return the board of mean grades, their ranks by resampled questions."""
        data, estimator = (grades.total, grades.number), selection.estimator
        samples = estimator.bootstrap(*data, rounds=method.rounds, seed=method.entropy(selection))
        board, judges = cls.empty(grades, selection, method), Judges.of_grades(grades)
        scores, samples = estimator.scores(estimator.fit(*data).ratings, samples)
        found = grade_uncertainty(*data, samples, grades.counts.ranges)
        if judges and method.judge_effects == "random":
            drawn = judges.drawn(samples, method.seed, estimator.level)
            found = replace(found, strengths=replace(found.strengths, samples=drawn))
        return board.with_rows(grades.models, scores, samples, found, tokens, judges, ranked=ranked)

    def with_rows(
        self,
        models: Sequence[str],
        scores: np.ndarray,
        samples: np.ndarray,
        uncertainty: Uncertainty,
        tokens: Tokens,
        judges: Judges | None = None,
        *,
        ranked: bool = True,
    ) -> Board:
        """Return the board with the rows of scores (M,) and samples (rounds, M), best first.

        Rows have ranks if questions were drawn in ENOUGH_ROUNDS, unless the caller needs none.
        """
        ends, rates, level = uncertainty.ends, self.format.scale == "win rate", self.estimator.level
        ranges = judges.ranges(elo=self.format.scale == "elo") if judges else {}
        outcomes = (self.scored.battles.outcomes if self.scored else None) or {}
        if self.method.judge_effects == "random" and not self.weights:
            if judges is None:
                raise too_few(1)
            ends = judges.widened(ends, scores, level, rates=rates)
            samples = judges.drawn(samples, self.method.seed, level, rates=rates)
        # One NaN for all, so that boards of the same numbers are equal.
        lower, upper = ([math.nan if math.isnan(x) else x for x in row] for row in ends.tolist())
        rows = [
            Row(m, score, (low, high), tokens.get(m), outcomes.get(m), by_judge=ranges.get(m))
            for m, score, low, high in zip(models, scores.tolist(), lower, upper, strict=True)
        ]
        if ranked and self.method.honest and models and len(samples) >= ENOUGH_ROUNDS:
            ranks = uncertainty.ranks.T.tolist()
            rows = [replace(row, rank=(a, b)) for row, (a, b) in zip(rows, ranks, strict=True)]
        rows.sort(key=lambda row: (-row.score, row.model))
        return replace(
            self,
            rows=tuple(rows),
            samples=dict(zip(models, samples.T, strict=True)),
            intervals=uncertainty.kind,
            judges=judges,
        )

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
        and upper, the mean answer length as tokens, its games by outcome, the ends of its ranks as
        rank_low and rank_high, and of the scores by judge. Unknown ones have no columns.
        """
        import pandas

        def cells(row: Row) -> dict[str, object]:
            lower, upper = row.bounds
            cells = {"model": row.model, "score": row.score, "lower": lower, "upper": upper}
            games = dict(zip(COLUMNS, row.outcomes or (), strict=False))
            return {**cells, "tokens": row.tokens, **games, **row.ranges}

        return pandas.DataFrame(map(cells, self.rows))
