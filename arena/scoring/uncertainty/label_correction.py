"""Win rates of a judge corrected by labels of people (PPI++, arXiv 2311.01453)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.scoring.uncertainty.intervals import student


@dataclass(frozen=True)
class Corrected:
    """A win rate by people and judge together, from 0 to 1, with the ends of its interval.

    power: how much of the judge's rate on the other pairs counts. slope: what a point of the judge
    says of a point by people, near 0 for a judge at chance, however many pairs have labels.
    """

    rate: float
    low: float
    high: float
    power: float
    slope: float


def corrected(
    human: np.ndarray, judge: np.ndarray, rest: np.ndarray, level: float = 0.95
) -> Corrected:
    """Return the win rate from points of people and judge on n pairs (n,), and of the judge on the
    others (U,), all from 0 to 1.

    Formula: theta = mean(y) + lam (mean f_U - mean f_n), lam = cov(y, f) / (var f (1 + n/U)), with
    the variance var(y - lam f) / n + lam^2 var(f) / U. The quantile is Student's, n - 1 degrees.
    """
    n, others = len(human), len(rest)
    spread = float(np.var(np.concatenate([judge, rest]), ddof=1))
    slope = float(np.cov(human, judge, ddof=1)[0, 1]) / spread if spread > 0 else 0.0
    power, shift, variance = 0.0, 0.0, 0.0
    if others:
        power = slope / (1 + n / others)
        shift = power * float(rest.mean() - judge.mean())
        variance = power**2 * spread / others
    variance += float(np.var(human - power * judge, ddof=1)) / n
    rate = float(human.mean()) + shift
    half = float(student(level, n - 1)) * variance**0.5
    rate, low, high = (min(max(end, 0.0), 1.0) for end in (rate, rate - half, rate + half))
    return Corrected(rate, low, high, power, slope)


def labels_for(human: np.ndarray, judge: np.ndarray, total: int, half: float) -> int | None:
    """Return the fewest of `total` pairs that need labels for a half-width at 95 %, None if all
    are too few.

    human, judge: points (n,) on the pairs with labels, from which the spreads come.
    """
    both = np.cov(human, judge, ddof=1)
    n = np.arange(2, total)
    power = (
        both[0, 1] / (both[1, 1] * (1 + n / (total - n))) if both[1, 1] > 0 else np.zeros(len(n))
    )
    variance = (both[0, 0] - 2 * power * both[0, 1] + power**2 * both[1, 1]) / n
    variance = variance + power**2 * both[1, 1] / (total - n)
    enough = np.flatnonzero(1.96 * np.sqrt(variance) <= half)
    return int(n[enough[0]]) if len(enough) else None
