"""Differences of two scores: standard errors, p-values and their adjustment for many pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXCHANGES = 2000  # draws of the permutation test
EXCHANGES_A_PAIR = 50  # so that a p-value times the number of pairs can be small
CHUNK = 500  # draws at once


@dataclass(frozen=True)
class Comparison:
    """The difference of two models' scores, in points of win rate, on the questions of both.

    `lower`, `upper`: its 95 % interval. `p_value`: of the `test`, which exchanges judgments
    (`permutation`) or draws questions (`bootstrap`). `adjusted`: by Holm's method, for all pairs of
    the comparison. `detectable`: the difference that a test at 5 % finds with a power of 80 %.
    These are NaN if the data give none, and `reason` says why. `same`: the scores of the board rest
    on the same questions. `equal_style`: the test measures style from equal style, the scores not.
    `at_most`: no drawn exchange reaches the difference, so that the p-value may be smaller.
    """

    first: str
    second: str
    questions: int
    same: bool
    test: str
    difference: float
    lower: float = math.nan
    upper: float = math.nan
    p_value: float = math.nan
    adjusted: float = math.nan
    detectable: float = math.nan
    reason: str = ""
    equal_style: bool = False
    at_most: bool = False


def paired_error(points: np.ndarray, battles: np.ndarray) -> float:
    """Standard error in percent of the difference of two models' win rates against one baseline.

    `points`, `battles` (2, Q), both over 0: weighted battles of each question, and each model's
    points in them. It is the error of a mean of Q > 1 differences of linearised ratios (Cochran
    1977, section 6.3).
    """
    rates = points.sum(axis=1) / battles.sum(axis=1)
    weights = battles.mean(axis=1)
    residuals = (points - rates[:, None] * battles) / weights[:, None]
    questions = points.shape[1]
    return float(100.0 * (residuals[0] - residuals[1]).std(ddof=1) / math.sqrt(questions))


def cautious(error: float, questions: int) -> float:
    """Standard error in percent with two prior quarters of a question, one won by each model.

    Few questions often show less spread than there is. Each quarter adds a square of 25 points to
    the squares of the questions.
    """
    return math.sqrt(error**2 + 2.0 * (25.0 / questions) ** 2)


def exchanges(pairs: int) -> int:
    """The number of draws for a permutation test of some pairs. No p-value is below 1 / (1 + it),
    and one that is so small has no drawn exchange that reaches the difference.
    """
    return max(EXCHANGES, EXCHANGES_A_PAIR * pairs)


def exchange_test(leads: np.ndarray, seed: int | Sequence[int]) -> np.ndarray:
    """P-values (P,) of paired permutation tests of P pairs over Q questions.

    `leads` (Q, P): what a question adds to the lead of the first model if both are equally strong.
    To exchange the two models' judgments turns its sign. All exchanges are tried if they are few.
    """
    questions, pairs = leads.shape
    # Sums that are equal but for rounding count as equal.
    observed = np.abs(leads.sum(axis=0)) - 1e-9 * np.abs(leads).sum(axis=0)
    draws = exchanges(pairs)
    moving = leads[(leads != 0.0).any(axis=1)]
    if 2 ** len(moving) <= draws:
        bits = np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving))
        return np.asarray((np.abs((1.0 - 2.0 * (bits & 1)) @ moving) >= observed).mean(axis=0))
    rng, at_least = np.random.default_rng(seed), np.zeros(pairs)
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        signs = 1.0 - 2.0 * rng.integers(0, 2, (size, questions), dtype=np.int8)
        at_least += (np.abs(signs @ leads) >= observed).sum(axis=0)
    return np.asarray((1.0 + at_least) / (1.0 + draws))


def student_p(t: float, freedom: int) -> float:
    """Two-sided p-value of Student's t, in closed form (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = math.atan(abs(t) / math.sqrt(freedom))
    cosine, odd = math.cos(angle), freedom % 2
    term, total = cosine if odd else 1.0, 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    inside = math.sin(angle) * total
    return max(1.0 - (2.0 / math.pi * (angle + inside) if odd else inside), 0.0)


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values (P,) adjusted for each other, NaN where there is none.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    order = np.argsort(p_values)  # NaN last
    tests = int(np.isfinite(p_values).sum())
    factors = np.maximum(tests - np.arange(len(order)), 1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return adjusted
