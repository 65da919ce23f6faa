"""Intervals of scores: in closed form from the points of questions, or from bootstrap rounds."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

FEW = 5  # questions, below which no interval is given
ENOUGH_ROUNDS = 100  # of a bootstrap, below which nothing is said of its spread


def percentiles(samples: np.ndarray, level: float | np.ndarray = 0.95) -> np.ndarray:
    """Lower and upper bounds (2, M) of the central interval of samples (rounds, M).

    `level` is one or of each model (M,). Percentiles are linear between order statistics, over the
    rounds that are not NaN. A model without such a round has NaN bounds, as of a level NaN.
    """
    ordered = np.sort(samples, axis=0)
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    level = np.broadcast_to(level, last.shape)
    position = last * (0.5 + np.array([[-0.5], [0.5]]) * np.nan_to_num(level))
    low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
    below, above = (np.take_along_axis(ordered, index, axis=0) for index in (low, high))
    with np.errstate(invalid="ignore"):
        between = below + (position - low) * (above - below)
    return np.where(np.isnan(level), np.nan, np.where(np.isfinite(below), between, below))


def logit_t(points: np.ndarray, battles: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Bounds (2, M) in percent of the win rates of models against one baseline.

    `points`, `battles` (M, Q): weighted battles of each question, and the model's points in them.
    On the logit scale, by Student's t, with one prior question of mean weight and half the points,
    so that a model that won all has an interval as well. Points vary by half a question at least,
    so that a model with nothing but ties has one. NaN for a model with under FEW questions.
    Source: the linearised ratio estimator (Cochran 1977, section 6.3), with a prior in the spirit
    of Agresti and Coull (1998).
    """
    n = (battles > 0).sum(axis=1)
    total = battles.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = 100.0 * points.sum(axis=1) / total
        logits = with_prior(rates, n)
        p = win_rates_of(logits) / 100.0
        errors = (points - p[:, None] * battles) / (total / n)[:, None]
        squares = np.maximum(np.vecdot(errors, errors) + (0.5 - p) ** 2, 0.25)
        sd = np.sqrt(squares / (n * (n + 1.0))) / (p * (1.0 - p))
    return logit_sd(rates, logits, sd, n, level)


def logit_sd(
    rates: np.ndarray,
    logits: np.ndarray,
    sd: np.ndarray,
    questions: np.ndarray,
    level: float = 0.95,
) -> np.ndarray:
    """Bounds (2, M) in percent of win rates (M,), from logits and their standard errors (M,).

    By Student's t over the `questions` (M,) on which each model was judged, NaN for under FEW. They
    contain the rates.
    """
    half = student(level, questions - 1) * sd
    low, high = (win_rates_of(logits + side * half) for side in (-1.0, 1.0))
    return np.stack([np.minimum(low, rates), np.maximum(high, rates)])


def with_prior(rates: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """Finite logits (..., M) of win rates in percent, with one question more that is half won."""
    return log_odds_of((questions * rates + 50.0) / (questions + 1.0))


def log_odds_of(rates: np.ndarray) -> np.ndarray:
    """Natural log-odds of win rates in percent, infinite for 100 and 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(rates) - np.log(100.0 - rates))


def win_rates_of(log_odds: np.ndarray) -> np.ndarray:
    """Win rates in percent of natural log-odds, in a form that cannot overflow."""
    return np.asarray(50.0 + 50.0 * np.tanh(log_odds / 2.0))


def student(level: float, freedom: np.ndarray | float, least: int = FEW - 1) -> np.ndarray:
    """Upper end of the central interval of Student's t, NaN below the `least` degrees of freedom.

    Source: the expansion about the normal's quantile (Abramowitz and Stegun 26.7.5). At 95 %, it is
    within 0.001 from 4 degrees of freedom on, and within 0.004 at 3.
    """
    x = NormalDist().inv_cdf(0.5 + level / 2)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    freedom = np.where(np.greater_equal(freedom, least), freedom, np.nan)
    return np.asarray(x + sum(term / freedom**power for power, term in enumerate(terms, start=1)))


def expanded(level: float, questions: np.ndarray) -> np.ndarray:
    """Shares (M,) of the rounds of n questions in an interval that holds with a chance of `level`.

    Drawing n of n questions has (n - 1) / n of the variance of new ones, and ends taken as a
    normal's. These lie between the quantiles at Phi(-+ sqrt(n / (n - 1)) t). NaN for under FEW.
    Source: Hesterberg 2015, "What Teachers Should Know about the Bootstrap", section 5.2.
    """
    n = np.maximum(questions, 2)
    quantiles = student(level, questions - 1) * np.sqrt(n / (n - 1.0))
    return np.array([2 * NormalDist().cdf(quantile) - 1 for quantile in quantiles.tolist()])


def spread(samples: np.ndarray) -> np.ndarray:
    """Standard deviations (M,) of rounds (R, M), over those that place a model."""
    placed = np.isfinite(samples)
    number = np.maximum(placed.sum(axis=0), 1)
    values = np.where(placed, samples, 0.0)
    errors = np.where(placed, samples - values.sum(axis=0) / number, 0.0)
    return np.asarray(np.sqrt((errors**2).sum(axis=0) / number))
