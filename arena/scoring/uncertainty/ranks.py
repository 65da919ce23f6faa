"""Ranks that bootstrap rounds leave open, for all models of a board at once."""

from __future__ import annotations

import numpy as np

NO_SPREAD = 1e-6  # in logits: the rounding errors between two copies of one model


def rank_sets(logits: np.ndarray, samples: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Best and worst rank (2, M) of each model. All true ranks are inside with a chance of `level`.

    `logits` (M,) are the strengths, `samples` (R, M) those of the rounds, NaN or infinite if a
    round does not place a model. A pair is told apart if its studentised difference exceeds the
    `level` quantile of the largest studentised error over all pairs. Copies of one model never are,
    nor is a model that fewer than two rounds place.
    Source: the max-t sets of Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for Ranks".
    """
    models = len(logits)
    t = np.zeros((models, models))
    largest = np.zeros(len(samples))
    with np.errstate(invalid="ignore"):
        errors = np.ascontiguousarray(samples.T) - logits[:, None]
    errors[~np.isfinite(errors)] = np.nan
    for i in range(models - 1):  # one model's pairs at a time, since all have too many rounds
        error = errors[i] - errors[i + 1 :]
        rounds = (~np.isnan(error)).sum(axis=1)
        error = np.nan_to_num(error, copy=False)
        number = np.maximum(rounds, 1)
        variance = np.vecdot(error, error) / number - (error.sum(axis=1) / number) ** 2
        sd = np.sqrt(np.maximum(variance, NO_SPREAD**2))
        # A constant difference says nothing about the errors of other pairs.
        scale = np.where(sd > NO_SPREAD, sd, np.inf)
        np.maximum(largest, np.abs(error / scale[:, None]).max(axis=0), out=largest)
        t[i, i + 1 :] = np.where(rounds > 1, (logits[i] - logits[i + 1 :]) / sd, 0.0)
    critical = np.quantile(largest, level, method="higher") if len(samples) else np.inf
    above = (t - t.T) > critical
    return np.stack([1 + above.sum(axis=0), models - above.sum(axis=1)])
