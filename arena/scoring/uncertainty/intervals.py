"""Intervals of scores: in closed form from the points of questions, or from bootstrap rounds."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

FEW = 5  # questions, below which no interval is given


def percentiles(samples: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Lower and upper bounds (2, M) of the central interval of samples (rounds, M).

    Percentiles are linear between order statistics, over the rounds that are not NaN. A model
    without such a round has NaN bounds.
    """
    ordered = np.sort(samples, axis=0)
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    position = last * np.array([[0.5 - level / 2], [0.5 + level / 2]])
    low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
    below, above = (np.take_along_axis(ordered, index, axis=0) for index in (low, high))
    with np.errstate(invalid="ignore"):
        between = below + (position - low) * (above - below)
    return np.where(np.isfinite(below), between, below)


def logit_t(points: np.ndarray, battles: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Bounds (2, M) in percent of the win rates of models against one baseline.

    `points`, `battles` (M, Q): weighted battles of each question, and the model's points in them.
    On the logit scale, by Student's t, with one prior question of mean weight and half the points,
    so that a model that won all has an interval as well. NaN for a model with under FEW questions.
    Source: the linearised ratio estimator (Cochran 1977, section 6.3), with a prior in the spirit
    of Agresti and Coull (1998).
    """
    judged = battles > 0
    number = judged.sum(axis=1)
    ends = np.full((2, len(points)), np.nan)
    for model in np.flatnonzero(number >= FEW).tolist():
        y, w = points[model, judged[model]], battles[model, judged[model]]
        n, score = len(y), y.sum() / w.sum()
        y, w = np.append(y, w.mean() / 2.0), np.append(w, w.mean())
        p = y.sum() / w.sum()
        error = ((y - p * w) / w.mean()).std(ddof=1) / np.sqrt(n + 1)
        half = student(level, n - 1) * error / (p * (1.0 - p))
        low, high = 1.0 / (1.0 + np.exp(-(np.log(p / (1.0 - p)) + np.array([-half, half]))))
        ends[:, model] = min(low, score), max(high, score)
    return 100.0 * ends


def student(level: float, freedom: int) -> float:
    """Return the upper end of the central interval of Student's t, by its expansion about the
    normal's (Abramowitz and Stegun 26.7.5): within 0.001 from 4 degrees of freedom on, at 95 %.
    """
    x = NormalDist().inv_cdf(0.5 + level / 2)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / float(freedom**power) for power, term in enumerate(terms, start=1))
