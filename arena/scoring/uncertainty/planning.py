"""The number of questions that scores need: half-widths of intervals, and differences found.

A spread is the standard deviation of a question's points: of one model, or of the differences of
two models on the same questions. Over n questions a mean has the standard error spread / sqrt(n)
(Miller 2024, "Adding Error Bars to Evals", arXiv 2411.00640).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from arena.scoring.uncertainty.intervals import ENOUGH_ROUNDS

# Of models near 50 % in published data, in points of win rate: 43.9 of one, 44.2 of two.
USUAL = 44.0
ENOUGH_TO_MEASURE = 20  # questions, below which a spread is itself a guess
TEST_LEVEL, POWER = 0.95, 0.80  # of a two-sided test at 5 %


class Spreads(NamedTuple):
    """Standard deviations over questions: of a model's points, and of two models' differences."""

    single: float
    paired: float


def half_width(spread: float, questions: int, level: float = 0.95) -> float:
    """Half the width of an interval of a mean over questions, in the unit of the spread."""
    return _normal(level) * spread / math.sqrt(questions)


def questions_for(spread: float, half: float, level: float = 0.95) -> int:
    """The number of questions for an interval of this half-width: (1.96 s / h)^2 at 95 %."""
    number = (_normal(level) * spread / half) ** 2
    return math.ceil(number * (1 - 1e-12))  # 400 in spite of rounding errors, not 401


def smallest_difference(spread: float, questions: int) -> float:
    """The difference of two models that a test at 5 % finds in 80 of 100 cases.

    (1.96 + 0.84) s / sqrt(n), with the `spread` s of the differences of two models on a question.
    """
    quantiles = _normal(TEST_LEVEL) + NormalDist().inv_cdf(POWER)
    return quantiles * spread / math.sqrt(questions)


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def spreads_of_points(points: np.ndarray, number: np.ndarray) -> Spreads | None:
    """Spreads from sums over the questions of M models, in the unit of `points`.

    `points`, `number` (M, Q): a question's weighted battles and the points in them, or its grades
    and their sum. A question weighs by its number (the ratio estimator, Cochran 1977, section 6.3).
    Medians over the models, of which those without ENOUGH_TO_MEASURE questions are left out. None
    if no model is left.
    """
    judged = number > 0
    enough = judged.sum(axis=1) >= ENOUGH_TO_MEASURE
    points, number, on = points[enough], number[enough], judged[enough].astype(float)
    if not len(points):
        return None
    questions, total = on.sum(axis=1), number.sum(axis=1)
    mean = points.sum(axis=1) / total
    errors = (points - mean[:, None] * number) / (total / questions)[:, None]
    variances = (errors**2).sum(axis=1) / (questions - 1)
    # Of all pairs at once: the sums over the questions that both have.
    shared, squares, sums = on @ on.T, errors**2 @ on.T, errors @ on.T
    total = squares + squares.T - 2.0 * errors @ errors.T
    total -= (sums - sums.T) ** 2 / np.maximum(shared, 1.0)
    pairs = np.triu(shared >= ENOUGH_TO_MEASURE, 1)
    return _medians(variances, total[pairs] / (shared[pairs] - 1))


def spreads_of_rounds(samples: np.ndarray, questions: np.ndarray) -> Spreads | None:
    """Spreads from the scores (R, M) of M models in rounds over their numbers of questions (M,).

    They have the uncertainty of style coefficients as well. None if there are fewer than
    ENOUGH_ROUNDS, or no model has ENOUGH_TO_MEASURE questions.
    """
    samples = samples[np.isfinite(samples).all(axis=1)]
    enough = questions >= ENOUGH_TO_MEASURE
    if len(samples) < ENOUGH_ROUNDS or not enough.any():
        return None
    covariances = np.atleast_2d(np.cov(samples[:, enough], rowvar=False))
    variances, number = np.diag(covariances), questions[enough]
    differences = variances[:, None] + variances - 2.0 * covariances
    differences *= np.minimum(number[:, None], number)
    return _medians(variances * number, differences[np.triu_indices(len(number), 1)])


def _medians(variances: np.ndarray, of_pairs: np.ndarray) -> Spreads:
    """Spreads from the variances of models and of pairs, of which a single model has none."""
    single = float(np.median(variances))
    paired = float(np.median(of_pairs)) if len(of_pairs) else single
    return Spreads(math.sqrt(single), math.sqrt(max(paired, 0.0)))
