"""Win rates of a judge corrected by labels of people (PPI++, arXiv 2311.01453)."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from arena.scoring.uncertainty.intervals import logit_sd, student, win_rates_of, with_prior


@dataclass(frozen=True)
class Corrected:
    """A win rate by people and judge together, from 0 to 1, with the ends of its interval.

    power: how much of the judge's rate on the other pairs counts, from 0 to 1. slope: what a point
    of the judge says of a point by people, with the ends of its interval: 0 for a judge at chance,
    however many pairs have labels.
    """

    rate: float
    low: float
    high: float
    power: float
    slope: tuple[float, float, float]


def corrected(
    human: np.ndarray,
    judge: np.ndarray,
    rest: np.ndarray,
    level: float = 0.95,
    labels: int | None = None,
) -> Corrected:
    """Return the win rate from points of people and judge on n pairs (n,), and of the judge on the
    others (U,), all from 0 to 1. With `labels`, its interval is that of so many labels.

    Formula: theta = mean(y) + lam (mean f_U - mean f_n), lam = cov(y, f) / (var f (1 + n/U)) within
    0 and 1. The variance is that of the jackknife over labels, in which lam varies too (Efron and
    Stein 1981), and lam^2 var(f) / U. The interval is that of `logit_t`: on the logit scale, with a
    prior label of half a point and Student's t, n - 1 degrees.
    """
    n, total = len(human), len(human) + len(rest)
    labels = labels or n
    others = total - labels
    spread = float(np.var(np.concatenate([judge, rest]), ddof=1))
    y, f = human - human.mean(), judge - judge.mean()
    products = float(y @ f)
    slopes = (products - y * f * n / (n - 1)) / (n - 2) / spread if spread > 0 else np.zeros(n)
    slope = products / (n - 1) / spread if spread > 0 else 0.0
    power = min(max(slope * others / total, 0.0), 1.0)
    shift = float(rest.mean() - judge.mean()) if len(rest) else 0.0
    rate = min(max(float(human.mean()) + power * shift, 0.0), 1.0)
    without = np.clip(slopes * others / total, 0, 1) * (shift + f / (n - 1)) - y / (n - 1)
    squares = (n - 1) * (labels - 1) * float(np.var(without)) * n
    percent = np.array([100 * rate])
    logits = with_prior(percent, np.array([labels]))
    p = win_rates_of(logits) / 100
    variance = np.maximum(squares + (0.5 - p) ** 2, 0.25) / (labels * (labels + 1))
    if others:
        variance += power**2 * spread / others
    ends = logit_sd(percent, logits, variance**0.5 / (p * (1 - p)), np.array([labels]), level)
    low, high = (float(end) / 100 for end in ends[:, 0])
    half = float(student(level, n - 1)) * ((n - 1) * float(np.var(slopes))) ** 0.5
    return Corrected(rate, low, high, power, (slope, slope - half, slope + half))


def labels_for(
    human: np.ndarray, judge: np.ndarray, rest: np.ndarray, half: float, least: int
) -> int | None:
    """Return the fewest labels, at least `least`, of all pairs for intervals of a half-width at
    95 %, None if all are too few. The points are those of `corrected`.
    """
    total = len(human) + len(rest)

    def is_enough(labels: int) -> bool:
        one = corrected(human, judge, rest, labels=labels)
        return one.high - one.low <= 2 * half

    numbers = range(least, total + 1)
    place = bisect.bisect_left(numbers, True, key=is_enough)
    return numbers[place] if place < len(numbers) else None
