"""Bradley-Terry strengths of models from counts of battles: fits, bootstrap, win rates.

Arrays in, frozen results out; nothing is read, written or printed.  Two estimators:

* plain: maximum likelihood, a tie being half a win for each side;
* style control: logistic regression of the outcome on the strengths and on differences in style
  (length, headers, lists, bold) with a small ridge, so that a strength is that of the content.

Battles of one cell share everything but their outcome, so all work is done on counts, never on
copies; a bootstrap resample is only another set of counts, and many are solved at once.  Inside,
strengths are natural log-odds; outside, they are Elo ratings with the anchor at 1000.

    >>> cells = Cells(2, a=np.array([0]), b=np.array([1]), question=np.array([0]),
    ...               counts=np.array([[30], [0], [10]]))
    >>> win_rates(fit(cells, anchor=0).ratings, anchor=0).round(1)
    array([50., 25.])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

ANCHOR_RATING = 1000.0
ELO_PER_LOGIT = 400.0 / np.log(10.0)

STEP_CAP = 3.0
SAMPLE_SIZE = 1 << 23
BLOCK_SIZE = 1 << 16

Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Cells:
    """Judgments as counts: one cell is one comparison of model `a` with model `b` by one judge.

    A cell without battles, or of a model with itself, is left out.  Models and questions are
    known by their index alone: a caller who numbers them in a fixed order (by name) gets the same
    bootstrap however the cells are listed.
    """

    models: int
    """Number of models M; indices are 0..M-1."""
    a: np.ndarray
    """(C,) index of the first model."""
    b: np.ndarray
    """(C,) index of the second model."""
    question: np.ndarray
    """(C,) index of the question."""
    counts: np.ndarray
    """(3, C) weighted battles, whole numbers: wins of `a`, ties, wins of `b`."""
    features: np.ndarray | None = None
    """(F, C) raw differences in style (a - b) / (a + b + 1); None for the plain fit."""


@dataclass(frozen=True)
class FixedStyle:
    """Style coefficients of an earlier fit, with the standardisation they belong to; each (F,)."""

    coefficients: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True)
class Fit:
    """Ratings (M,) on the Elo scale and the style they were controlled for; (F,), F = 0 if plain.

    A rating is infinite where the plain likelihood has no finite maximum: the model, or the group
    it belongs to, only ever won (+inf) or lost (-inf) against the rest.
    """

    ratings: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class DisconnectedError(ValueError):
    """Nothing places some models relative to the anchor; `models` holds their indices."""

    def __init__(self, models: tuple[int, ...], anchor: int) -> None:
        """Name the models and the anchor by index; a caller knows their names."""
        self.models = models
        super().__init__(f"no comparisons place models {list(models)} relative to model {anchor}")


def fit(
    cells: Cells, anchor: int, *, style: FixedStyle | None = None, center: bool = True
) -> Fit:
    """Rate the models by all battles; with features, under control for style.

    `style` keeps the coefficients and the standardisation of an earlier fit, so that only the
    strengths are estimated.  `center=False` divides the features by their root mean square
    and subtracts nothing: equal styles then count as zero, and it does not matter which of two
    models is called a.

    Raises DisconnectedError if the battles do not place every model relative to the anchor.
    """
    design = _design(cells, style, center)
    theta, limits = _solve(design, anchor, _tally(design, _whole(design)), tolerance=1e-7)
    if np.isnan(limits).any():
        raise DisconnectedError(tuple(np.flatnonzero(np.isnan(limits[0])).tolist()), anchor)
    coefficients = theta[0, cells.models :] if style is None else style.coefficients
    return Fit(_ratings(theta, limits, anchor)[0], coefficients, design.mean, design.scale)


def bootstrap(
    cells: Cells,
    anchor: int,
    *,
    rounds: int,
    seed: int,
    resample: Literal["battle", "question"],
    workers: int = 1,
    style: FixedStyle | None = None,
    center: bool = True,
) -> np.ndarray:
    """Ratings (rounds, M) of resamples, NaN where nothing in a resample places a model.

    `battle` draws n of the n weighted battles with replacement, `question` as many questions as
    there are, each with all its battles.  The standardisation stays that of the full data.
    Neither `workers` (threads) nor the order of the cells changes a number.
    """
    if resample not in ("battle", "question"):
        raise ValueError(f"resample must be 'battle' or 'question', not {resample!r}")
    design = _design(cells, style, center)
    start, _ = _solve(design, anchor, _tally(design, _whole(design)), tolerance=1e-7)

    def ratings(chunk: tuple[int, int]) -> np.ndarray:
        index, size = chunk
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        sample = _tally(design, _drawn(design, rng, size, resample))
        return _ratings(*_solve(design, anchor, sample, start=start), anchor)

    size = _chunk_size(design)
    chunks = [(i, min(size, rounds - low)) for i, low in enumerate(range(0, rounds, size))]
    return np.concatenate([np.empty((0, cells.models)), *_map(ratings, chunks, workers)])


def win_rates(ratings: np.ndarray, anchor: int) -> np.ndarray:
    """Expected win rates against the anchor in percent, for ratings (..., M); NaN stays NaN.

    100 / (1 + 10^((R_anchor - R) / 400)), written so that nothing overflows.
    """
    logits = (ratings - ratings[..., [anchor]]) / ELO_PER_LOGIT
    return np.asarray(50.0 + 50.0 * np.tanh(logits / 2.0))


def interval(samples: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Central interval (2, M) of the samples (rounds, M) of each model: lower ends, upper ends.

    Percentiles are linear between order statistics and taken over the rounds that are not NaN; a
    model without such a round has (NaN, NaN).
    """
    ordered = np.sort(samples, axis=0)
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    position = last * np.array([[0.5 - level / 2], [0.5 + level / 2]])
    low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
    below, above = (np.take_along_axis(ordered, index, axis=0) for index in (low, high))
    with np.errstate(invalid="ignore"):
        between = below + (position - low) * (above - below)
    return np.where(np.isfinite(below), between, below)


@dataclass(frozen=True)
class _Design:
    """The cells in an order of their own, one run for each pair of models, as the fit needs them.

    `terms` (K, C) are what is summed over the cells of a pair: 1, the standardised features x,
    and their products x_i x_j (i <= j).  `offset` (C,) is the log-odds that a fixed style gives.
    Plain: `ridge` is None, and in a sample the battles of a pair are one column.
    """

    models: int
    a: np.ndarray
    b: np.ndarray
    runs: list[slice]
    columns: list[slice]
    counts: np.ndarray
    question: np.ndarray
    terms: np.ndarray
    offset: np.ndarray | None
    ridge: np.ndarray | None
    mean: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True)
class _Sample:
    """R sets of battles: their number (R, columns), and by pair (R, P) and (R, P, 1 + F).

    `score` sums the points of a (1 for a win, 1/2 for a tie) times (1, x).
    """

    battles: np.ndarray
    by_pair: np.ndarray
    score: np.ndarray


def _design(cells: Cells, style: FixedStyle | None, center: bool) -> _Design:
    """Sort and standardise; the order depends on what the cells are, not on how they are listed."""
    used = np.flatnonzero((cells.a != cells.b) & (cells.counts.sum(axis=0) > 0))
    a, b = np.minimum(cells.a, cells.b)[used], np.maximum(cells.a, cells.b)[used]
    sign = np.where(cells.a[used] == a, 1, -1)
    counts = np.where(sign > 0, cells.counts[:, used], cells.counts[::-1, used])
    raw = np.empty((0, len(used))) if cells.features is None else cells.features[:, used] * sign
    questions, question = np.unique(cells.question[used], return_inverse=True)
    key = ((a.astype(np.int64) * cells.models + b) * len(questions) + question) * 2 + (sign > 0)
    order = np.argsort(key, kind="stable")
    if (np.diff(key[order]) == 0).any():
        order = np.lexsort((*raw, *counts, key))
    a, b, sign, counts, raw = a[order], b[order], sign[order], counts[:, order], raw[:, order]
    ...
