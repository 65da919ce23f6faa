"""The statistics of the Arena-Hard v2.0 program: every model against one baseline.

The functions have the names of those in `bradley_terry`. There are two estimators:

* plain: the mean of a model's outcomes (1, 1/2, 0), resampled within the model
* style control: logistic regression on strengths and differences in style, without a penalty

A score is the mean over the rounds of the bootstrap, with style control the median. Intervals reach
from the 5 to the 95 percentile.

    >>> cells = Cells(2, a=np.array([0]), b=np.array([1]), question=np.array([0]),
    ...               counts=np.array([[30], [0], [10]]))
    >>> win_rates(fit(cells, anchor=0).ratings, anchor=0).round(1)
    array([50., 25.])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from arena.scoring import bradley_terry
from arena.scoring.bradley_terry import Fit, Resample, win_rates
from arena.scoring.cells import Cells, whole_numbers
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT, FixedStyle
from arena.scoring.uncertainty.intervals import log_odds_of

LEVEL = 0.90


class NotAStarError(ValueError):
    """Battles that are not against the one baseline. `pair` are the indices of their models."""

    def __init__(self, pair: tuple[int, int]) -> None:
        self.pair = pair
        super().__init__(f"models {pair[0]} and {pair[1]} met each other, not the baseline")


def fit(cells: Cells, anchor: int, *, style: FixedStyle | None = None, center: bool = True) -> Fit:
    """Rate the models by all battles, controlled for style if the cells have features.

    As `bradley_terry.fit`, but for the scale of the features: the standard deviation with ddof 1.
    Raises NotAStarError for a battle without the anchor.
    """
    cells = _star(cells, anchor)
    none = np.empty(0)
    if cells.features is None:
        return Fit(rating(_means(_outcomes(cells, anchor))), none, none, none)
    fitted = bradley_terry.fit(cells, anchor, style=style, center=center, penalty=False)
    if style is not None or not center:
        return fitted
    battles = cells.counts.sum()
    wider = np.sqrt(battles / max(battles - 1, 1))
    return replace(fitted, coefficients=fitted.coefficients * wider, scale=fitted.scale * wider)


def bootstrap(
    cells: Cells,
    anchor: int,
    *,
    rounds: int,
    seed: int | Sequence[int],
    resample: Resample,
    **options: Any,
) -> np.ndarray:
    """Ratings (rounds, M) of resampled battles, NaN if a resample does not place a model.

    `battle` draws each model's battles among its own, with style control all battles among all.
    `question` draws questions, each with all of its battles. `options` are those of
    `bradley_terry.bootstrap`.
    """
    cells = _star(cells, anchor)
    if cells.features is None and resample == "battle":
        outcomes = _outcomes(cells, anchor)
        chances = outcomes / outcomes.sum(axis=1, keepdims=True)
        battles = np.rint(outcomes.sum(axis=1)).astype(np.int64)
        rng = np.random.default_rng(seed)
        return rating(_means(rng.multinomial(battles, chances, (rounds, cells.models))))
    draws: dict[str, Any] = {"rounds": rounds, "seed": seed, "resample": resample}
    return bradley_terry.bootstrap(cells, anchor, **draws, **options, penalty=False)


def scores(
    ratings: np.ndarray, samples: np.ndarray, anchor: int, *, controlled: bool, elo: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (M,) and those of the rounds (rounds, M): average win rates, or their ratings."""
    rates = win_rates(samples, anchor)
    average = averages(rates, win_rates(ratings, anchor), controlled=controlled)
    return (rating(average), samples) if elo else (average, rates)


def averages(samples: np.ndarray, full: np.ndarray, *, controlled: bool) -> np.ndarray:
    """Averages (M,) of win rates in each round (rounds, M), or those of the full data without one.

    The mean over the rounds that place a model, with style control the median.
    """
    placed = ~np.isnan(samples).all(axis=0)
    middle = np.array(full, dtype=float)
    average = np.nanmedian if controlled else np.nanmean
    middle[placed] = average(samples[:, placed], axis=0)
    return middle


def rating(rates: np.ndarray) -> np.ndarray:
    """Elo ratings of win rates in percent against the anchor, infinite for 100 and 0."""
    return np.asarray(ANCHOR_RATING + ELO_PER_LOGIT * log_odds_of(rates))


def style_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences (C, 1 + K) of two answers' tokens and K counts, each (C, 1 + K), as v2.0 has it.

    For lengths (a - b) / (a + b), or 0 for two empty answers. For counts by their densities
    d = count / (tokens + 1): (da - db) / (da + db + 1).
    """
    total = a[:, :1] + b[:, :1]
    length = np.divide(a[:, :1] - b[:, :1], total, out=np.zeros_like(total), where=total != 0)
    of_a, of_b = (counts[:, 1:] / (counts[:, :1] + 1.0) for counts in (a, b))
    return np.hstack([length, (of_a - of_b) / (of_a + of_b + 1.0)])


def _star(cells: Cells, anchor: int) -> Cells:
    """Cells with the anchor as `a` in each, since features are centred on model and baseline."""
    turned = cells.b == anchor
    others = np.flatnonzero((cells.a != anchor) & ~turned)
    if len(others):
        raise NotAStarError((int(cells.a[others[0]]), int(cells.b[others[0]])))
    if not turned.any():
        return cells
    return replace(
        cells,
        a=np.where(turned, cells.b, cells.a),
        b=np.where(turned, cells.a, cells.b),
        counts=np.where(turned, cells.counts[::-1], cells.counts),
        features=None if cells.features is None else np.where(turned, -1, 1) * cells.features,
    )


def _outcomes(cells: Cells, anchor: int) -> np.ndarray:
    """Battles (M, 3) that each model lost, tied and won. The anchor has one tie with itself."""
    rows = [np.bincount(cells.b, counts, minlength=cells.models) for counts in cells.counts]
    outcomes = whole_numbers(np.stack(rows, axis=1))
    outcomes[anchor] = (0, 1, 0)
    return outcomes


def _means(outcomes: np.ndarray) -> np.ndarray:
    """Mean outcomes (..., M) in percent, a tie being half a win, of battles (..., M, 3)."""
    return np.asarray(outcomes @ np.array([0.0, 50.0, 100.0]) / outcomes.sum(axis=-1))
