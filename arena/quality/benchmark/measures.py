"""Measures of how well a benchmark ranks models, by itself and against reference ratings.

Arrays in, numbers out (arXiv 2406.11939, section 3). In a draw of models, a pair counts as often as
the numbers of its models multiply, and a model makes no pair with its own copy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.quality.benchmark.ratings import LEVEL, Ratings
from arena.scoring.uncertainty.intervals import percentiles

Form = Literal["notebook", "paper"]
Statistic = Callable[[np.ndarray], np.ndarray]
"""A measure of R draws, NaN where a draw does not define it: (R,) of times drawn (R, M)."""


@dataclass(frozen=True)
class Estimate:
    """A measure with the ends of its 95 % interval, NaN if undefined."""

    value: float
    lower: float
    upper: float

    def text(self, decimals: int) -> str:
        """The measure with the ends of its interval if it has one, `n/a` if it is undefined."""
        numbers = (round(number, decimals) for number in (self.value, self.lower, self.upper))
        # Adding 0.0 turns -0.0, which a rounded small negative number is, into 0.0.
        value, lower, upper = (f"{number + 0.0:.{decimals}f}" for number in numbers)
        if math.isnan(self.value):
            return "n/a"
        return value if math.isnan(self.lower) else f"{value} ({lower}, {upper})"


def json_text(data: object) -> str:
    """Write the data of a report as JSON, with null for undefined numbers."""
    plain = json.loads(json.dumps(data), parse_constant=lambda _: None)
    return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"


ROUNDS = 1000
FEWEST = 10  # models for an interval: of 6, a quarter of the draws have three models or fewer


@dataclass(frozen=True)
class OverModels(Estimate):
    """A measure with an interval over resampled models, none over fewer than FEWEST."""

    undefined_draws: int = 0  # draws without a value, which the interval skips

    def text(self, decimals: int) -> str:
        """The measure with its interval, `(–)` if it has none."""
        text = super().text(decimals)
        return text if math.isnan(self.value) or not math.isnan(self.lower) else f"{text} (–)"


def estimate(statistic: Statistic, models: int, seed: int) -> OverModels:
    """Return a measure of M models and its percentile interval over resampled models."""
    (value,) = statistic(np.ones((1, models))).tolist()
    if models < FEWEST:
        return OverModels(value, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(models, np.full(models, 1 / models), ROUNDS).astype(float)
    values = statistic(times)
    lower, upper = percentiles(values[:, None], LEVEL)[:, 0].tolist()
    return OverModels(value, lower, upper, int(np.isnan(values).sum()))


def statistics(bench: Ratings, reference: Ratings | None, form: Form) -> dict[str, Statistic]:
    """Return the measures by name, with those against a reference of the same models if given."""
    alone = {"separability": separability(bench)}
    if reference is None:
        return alone
    return alone | {
        "agreement": agreement(bench, reference, form),
        "brier": brier(bench, reference),
        "log_loss": log_loss(bench, reference),
        "spearman": spearman(bench.rating, reference.rating),
        "kendall": kendall(bench.rating, reference.rating),
    }


def separability(bench: Ratings) -> Statistic:
    """Percentage of pairs whose intervals do not overlap, of pairs that have both."""
    return _mean(100.0 * _separated(bench), _bounded(bench))


def _bounded(*ratings: Ratings) -> np.ndarray:
    """Which pairs (M, M) have both intervals: a model of few questions has none."""
    unknown = np.isnan([end for r in ratings for end in (r.lower, r.upper)]).any(axis=0)
    known = np.asarray(~unknown)
    return np.asarray(known[:, None] & known)


def _separated(ratings: Ratings) -> np.ndarray:
    """Which intervals (M, M) do not overlap.

    Sorted by their lower, then by their upper ends, two intervals overlap if the later lower end is
    below the earlier upper end: touching intervals do not, one inside another and equal ones do.
    """
    lower, upper = ratings.lower, ratings.upper
    equal = (lower[:, None] == lower) & (upper[:, None] == upper)
    earlier = (lower[:, None] < lower) | ((lower[:, None] == lower) & (upper[:, None] < upper))
    overlap = np.maximum(lower[:, None], lower) < np.where(earlier, upper[:, None], upper)
    return np.asarray(~(overlap | equal))


def agreement(bench: Ratings, reference: Ratings, form: Form) -> Statistic:
    """Mean agreement of the benchmark with the reference on pairs of models, in percent.

    `notebook`: over the pairs that the reference separates, 1 if the benchmark separates them in
    the same order, 1/2 if it does not separate them, 0 if in the other order, separated as in the
    published notebook. `paper`, definition 2 of arXiv 2406.11939: over all pairs, 1 if both
    separate them in the same order, -1 if in different orders, 0 if either does not. Pairs
    without both intervals do not count.
    """
    known = _bounded(bench, reference)
    if form == "paper":
        ours, theirs = (_sign(r.rating) * _separated(r) for r in (bench, reference))
        return _mean(100.0 * ours * theirs, known)
    ours, theirs = _notebook_order(bench), _notebook_order(reference)
    return _mean(100.0 * (1 + ours * theirs) / 2, known & (theirs != 0))


def _notebook_order(ratings: Ratings) -> np.ndarray:
    """Which of two models is above (M, M): 1 the first, -1 the second, 0 if not separated.

    Touching intervals are separated, and so is one without width (a baseline's) inside another.
    """
    lower, upper = ratings.lower, ratings.upper
    apart = np.minimum(upper[:, None], upper) <= np.maximum(lower[:, None], lower)
    return np.asarray(_sign(ratings.rating) * apart)


def forecasts(bench: Ratings) -> np.ndarray:
    """Probability (M, M) that the first model is below the second, of normals with the bootstrap's
    means and variances: 1, 0, or 1/2 (equal ratings) if they have no variance.
    """
    difference = bench.mean - bench.mean[:, None]
    spread = np.sqrt(bench.variance + bench.variance[:, None])
    sure = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    z = np.divide(difference, spread, out=sure, where=spread > 0)
    # scipy.special.ndtr differs in the last digit, and takes 0.2 s to import.
    return np.asarray(0.5 * np.vectorize(math.erfc, otypes=[float])(-z / math.sqrt(2.0)))


def brier(bench: Ratings, reference: Ratings) -> Statistic:
    """Mean squared error of the forecasts, without pairs of equal reference ratings."""
    below = reference.rating[:, None] < reference.rating
    return _mean((forecasts(bench) - below) ** 2, _sign(reference.rating) != 0)


def log_loss(bench: Ratings, reference: Ratings) -> Statistic:
    """Mean of -log(probability of the reference's order), over the same pairs.

    A sure forecast counts as 2.2e-16 short of it, as in scikit-learn: 36.04 if it is wrong.
    """
    below = reference.rating[:, None] < reference.rating
    # log(0) would make the mean infinite for one sure and wrong forecast.
    least = np.finfo(float).eps
    right = np.clip(np.where(below, forecasts(bench), forecasts(bench).T), least, 1 - least)
    return _mean(-np.log(right), _sign(reference.rating) != 0)


def kendall(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Kendall's tau-b of ratings (M,), NaN if all of either are equal."""
    of_x, of_y = _sign(x), _sign(y)

    def tau(times: np.ndarray) -> np.ndarray:
        both = _sum(of_x * of_y, times)
        return divided(both, np.sqrt(_sum(of_x**2, times) * _sum(of_y**2, times)))

    return tau


def spearman(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Spearman's rank correlation of ratings (M,), NaN if all of either are equal."""
    # Equal ratings, those of copies of a model too, share the mean of their ranks.
    ahead_x, ahead_y = (1.0 - _sign(values) for values in (x, y))  # 2 below, 1 equal, 0 above

    def rho(times: np.ndarray) -> np.ndarray:
        ranks = [times @ ahead for ahead in (ahead_x, ahead_y)]
        total = times.sum(axis=1, keepdims=True)
        x, y = (rank - (times * rank).sum(axis=1, keepdims=True) / total for rank in ranks)
        squares = (times * x**2).sum(axis=1) * (times * y**2).sum(axis=1)
        return divided((times * x * y).sum(axis=1), np.sqrt(squares))

    return rho


def _sign(values: np.ndarray) -> np.ndarray:
    """Signs (M, M) of the first less the second."""
    return np.asarray(np.sign(values[:, None] - values))


def _mean(values: np.ndarray, counted: np.ndarray | bool = True) -> Statistic:
    """Mean of values over pairs of different models, each symmetric (M, M), where `counted`."""
    pairs = np.where(np.eye(len(values), dtype=bool), False, counted)
    terms = np.where(pairs, values, 0.0)
    return lambda times: divided(_sum(terms, times), _sum(pairs.astype(float), times))


def _sum(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Sums (R,) of values over ordered pairs (M, M), each model drawn a number of times (R, M)."""
    return np.asarray(((times @ values) * times).sum(axis=1))


def divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotients, NaN where the divisor is 0."""
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole != 0))
