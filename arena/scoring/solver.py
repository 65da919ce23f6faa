"""Newton's method for many Bradley-Terry fits at once.

Estimated are the strengths of M models in natural log-odds and F style coefficients, together
D = M + F parameters, by maximum likelihood. With style control a small normal prior (a ridge) keeps
all of them finite. The loss, its gradient and its Hessian are sums over pairs of models, so the
cells of a pair lie beside each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from arena.scoring.cells import Cells, whole_numbers

ANCHOR_RATING = 1000.0
ELO_PER_LOGIT = 400.0 / np.log(10.0)

SLIGHT_RIDGE = 1e-6  # if style without a penalty leaves a direction of no or infinite slope
BLOCK_CELLS = 512  # of pairs that share a block, so that Python's part of the work is small

Derivatives = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class FixedStyle:
    """Style coefficients of an earlier fit and their standardisation, each (F,).

    `rounds` (R, F): the coefficients in rounds of that fit, None if they are known without error.
    """

    coefficients: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    rounds: np.ndarray | None = None


@dataclass(frozen=True)
class Block:
    """Consecutive pairs whose cells are computed at once: the same number of places for each."""

    pairs: slice
    cells: slice

    def split(self, array: np.ndarray) -> np.ndarray:
        """View (X, places) as (pairs, X, places of a pair)."""
        pairs = self.pairs.stop - self.pairs.start
        return np.asarray(array.reshape(len(array), pairs, -1).swapaxes(0, 1))


@dataclass(frozen=True)
class Design:
    """The cells in canonical order, in blocks of pairs (a < b), and the terms of the sums.

    C is the number of places for cells. Places at the end of a pair can be empty, without battles
    and terms.

    `incidence` (P, M): 1 at the first, -1 at the second model. `terms` (K, C): 1, the standardised
    features x_i, then x_i x_j (i <= j). `offset` (C,): the log-odds that a fixed style gives.
    `questions`: the caller's indices. `pooled`: the cells of a pair count as one, since the fit is
    plain. `ridge` (M + F,): weights of the squared parameters in the loss. `penalty`: whether they
    keep every strength finite.
    """

    models: int
    features: int
    questions: np.ndarray
    a: np.ndarray
    b: np.ndarray
    incidence: np.ndarray
    blocks: list[Block]
    question: np.ndarray
    counts: np.ndarray
    terms: np.ndarray
    offset: np.ndarray | None
    mean: np.ndarray
    scale: np.ndarray
    pooled: bool
    penalty: bool
    ridge: np.ndarray


@dataclass(frozen=True)
class Sample:
    """R sets of battles: their number by cell (R, C) and by pair (R, P), and points of `a`.

    `points` (R, P, 1 + F) sums 1 for a win and 1/2 for a tie, alone and times each feature.
    """

    battles: np.ndarray
    by_pair: np.ndarray
    points: np.ndarray


def design_of(cells: Cells, style: FixedStyle | None, center: bool, penalty: bool = True) -> Design:
    """Return the cells as the solver needs them, with the options of `bradley_terry.fit`."""
    order, sign = _canonical(cells)
    a, b = np.where(sign > 0, (cells.a[order], cells.b[order]), (cells.b[order], cells.a[order]))
    counts = np.where(sign > 0, cells.counts[:, order], cells.counts[::-1, order])
    first = np.flatnonzero(np.diff(a, prepend=-1) | np.diff(b, prepend=-1))
    blocks, place = _blocks(np.diff(first, append=len(a)))
    places = blocks[-1].cells.stop if blocks else 0
    questions, question = np.unique(cells.question[order], return_inverse=True)
    x, mean, scale = _standardised(cells, order, counts.sum(axis=0), style, center)
    x *= sign
    one_hot = np.eye(cells.models)
    plain, features = cells.features is None, len(x) if style is None else 0
    if plain or not penalty:
        ridge = np.full(cells.models + features, 0.0 if plain else SLIGHT_RIDGE)
    else:
        # The original gives each squared parameter the weight 1, with strengths in log10 units, and
        # counts each battle twice: half of it here.
        ridge = np.repeat([0.5 / np.log(10.0) ** 2, 0.5], [cells.models, features])
    return Design(
        models=cells.models,
        features=features,
        questions=questions,
        a=a[first],
        b=b[first],
        incidence=one_hot[a[first]] - one_hot[b[first]],
        blocks=blocks,
        question=_placed(question.astype(np.int32), place, places),
        counts=_placed(whole_numbers(counts), place, places),
        terms=_terms(x if style is None else x[:0], place, places),
        offset=None if style is None else _placed(style.coefficients @ x, place, places),
        mean=mean,
        scale=scale,
        pooled=plain,
        penalty=penalty and not plain,
        ridge=ridge,
    )


def _blocks(lengths: np.ndarray) -> tuple[list[Block], np.ndarray]:
    """Blocks of pairs with this many cells (P,), and the place of each cell (C,).

    A block has the places that the longest of its pairs needs for all of them: BLOCK_CELLS at
    most, or it is one pair alone.
    """
    blocks: list[Block] = []
    starts = np.empty_like(lengths)
    first = stop = 0
    while first < len(lengths):
        longest = np.maximum.accumulate(lengths[first : first + BLOCK_CELLS])
        fitting = longest * np.arange(1, len(longest) + 1) <= BLOCK_CELLS
        pairs = max(1, int(fitting.sum()))
        width = int(longest[pairs - 1])
        starts[first : first + pairs] = stop + width * np.arange(pairs)
        blocks.append(Block(slice(first, first + pairs), slice(stop, stop + pairs * width)))
        first, stop = first + pairs, stop + pairs * width
    offsets = starts - (np.cumsum(lengths) - lengths)
    return blocks, np.repeat(offsets, lengths) + np.arange(lengths.sum())


def _placed(cells: np.ndarray, place: np.ndarray, places: int) -> np.ndarray:
    """Put values of cells (..., cells) in their places (..., C), and zeros in the others."""
    placed = np.zeros((*cells.shape[:-1], places), dtype=cells.dtype)
    placed[..., place] = cells
    return placed


def _canonical(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the used cells, sorted by pair, question and all their other values.

    And the sign of each: -1 if a and b must change places so that a < b.
    """
    used = np.flatnonzero((cells.a != cells.b) & (cells.counts.sum(axis=0) > 0))
    a, b, question = (index[used].astype(np.int64) for index in (cells.a, cells.b, cells.question))
    sign = np.where(a > b, -1, 1)
    pair = np.minimum(a, b) * cells.models + np.maximum(a, b)
    key = pair * (question.max(initial=0) + 1) + question
    order = np.argsort(key, kind="stable")
    if (np.diff(key[order]) == 0).any():
        counts = np.where(sign > 0, cells.counts[:, used], cells.counts[::-1, used])
        features = np.empty((0, 0)) if cells.features is None else cells.features[:, used] * sign
        order = np.lexsort((sign, *features, *counts, key))
    return used[order], sign[order]


def _standardised(
    cells: Cells, order: np.ndarray, battles: np.ndarray, style: FixedStyle | None, center: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (F, C) in this order, less their mean and over their scale (F,) each.

    The scale is the standard deviation over the battles, or uncentred the root mean square. A
    feature without spread has scale 0 and becomes 0.
    """
    raw = np.empty((0, 0)) if cells.features is None else cells.features
    x = np.empty((len(raw), len(order)))
    mean, scale = np.zeros((2, len(raw))) if style is None else (style.mean, style.scale)
    weights = battles / max(battles.sum(), 1)
    for i, row in enumerate(x):
        row[:] = raw[i][order]
        if style is None:
            largest = np.abs(row).max(initial=0.0)
            mean[i] = row @ weights if center else 0.0
            spread = np.sqrt((row - mean[i]) ** 2 @ weights)
            scale[i] = spread if spread > 1e-12 * largest else 0.0
        row -= mean[i]
        row *= 1.0 / scale[i] if scale[i] > 0 else 0.0
    return x, mean, scale


def _terms(features: np.ndarray, place: np.ndarray, places: int) -> np.ndarray:
    rows, columns = np.triu_indices(len(features))
    terms = np.zeros((1 + len(features) + len(rows), places))
    terms[0, place] = 1.0
    linear = terms[1 : 1 + len(features)]
    linear[:, place] = features
    for row, i, j in zip(terms[1 + len(features) :], rows, columns, strict=True):
        np.multiply(linear[i], linear[j], out=row)
    return terms


def solve(
    design: Design, anchor: int, sample: Sample, start: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit each set of battles: parameters (R, D) with D = M + F, limits of the strengths (R, M).

    The bare likelihood does not change if all strengths move together. A ridge on the anchor, which
    stays 0, and on models without a finite maximum makes the solution unique.
    """
    limits = limits_of(design, anchor, sample)
    ridge = design.ridge
    if not design.penalty:
        finite = limits == 0
        sample = _of_pairs(design, sample, finite[:, design.a] & finite[:, design.b])
        ridge = np.tile(ridge, (len(finite), 1))
        ridge[:, : design.models] += ~finite
        ridge[:, anchor] = 1.0
    return _minimised(partial(_objective, design, sample, ridge), start, tolerance), limits


def _of_pairs(design: Design, sample: Sample, pairs: np.ndarray) -> Sample:
    """Samples with the battles of some pairs only, `pairs` (R, P)."""
    if pairs.all():
        return sample
    points = sample.points * pairs[:, :, None]
    if design.pooled:
        return replace(sample, battles=sample.battles * pairs, points=points)
    battles = sample.battles.copy()
    for block in design.blocks:
        block.split(battles[:, block.cells])[:] *= pairs[:, block.pairs].T[:, :, None]
    return replace(sample, battles=battles, points=points)


def limits_of(design: Design, anchor: int, sample: Sample) -> np.ndarray:
    """Limits of the strengths (R, M): 0 if finite, +inf, -inf, or NaN if nothing places the model.

    Without a penalty a strength is finite if chains of won or tied battles lead from the model to
    the anchor and back (Hunter 2004, assumption 1). With a penalty any chain of battles is enough.
    """
    beats = np.zeros((len(sample.points), design.models, design.models), dtype=bool)
    beats[:, design.a, design.b] = sample.points[:, :, 0] > 0
    beats[:, design.b, design.a] = sample.points[:, :, 0] < sample.by_pair
    loses = beats.transpose(0, 2, 1)
    limits = np.where(_reached(beats | loses, anchor), 0.0, np.nan)
    if not design.penalty:
        below, above = _reached(beats, anchor), _reached(loses, anchor)
        limits[above & ~below] = np.inf
        limits[below & ~above] = -np.inf
        loose = (limits == 0) & ~above
        for model in np.flatnonzero(loose.any(axis=0)).tolist():
            # No chain leads to or from the anchor: the model's group decides, against the rest.
            rows = loose[:, model]
            below, above = _reached(beats[rows], model), _reached(loses[rows], model)
            unbeaten = ~(above & ~below).any(axis=1)
            winless = ~(below & ~above).any(axis=1)
            limits[rows, model] = np.select([unbeaten, winless], [np.inf, -np.inf], np.nan)
    return limits


def _reached(beats: np.ndarray, start: int) -> np.ndarray:
    """Models (R, M) to which chains in `beats` (R, M, M) lead from `start`, itself included."""
    reached = np.zeros(beats.shape[:2], dtype=bool)
    reached[:, start] = True
    while True:
        further: np.ndarray = reached | (beats & reached[:, :, None]).any(axis=1)
        if np.array_equal(further, reached):
            return reached
        reached = further


STEP_CAP = 3.0  # beyond the size of the parameters, in natural log-odds


def _minimised(
    objective: Callable[[np.ndarray], Derivatives], start: np.ndarray, tolerance: float
) -> np.ndarray:
    """Minima (R, D) of R convex functions at once, by Newton's method.

    `objective` maps (R, D) to losses (R,), gradients (R, D) and Hessians (R, D, D). Steps are
    capped, and halved if the loss does not fall as it should. Convergence is quadratic: the
    remaining error is of the order of the squared tolerance.
    """
    theta, step, loss, slope = start, np.zeros_like(start), np.full(1, np.inf), np.zeros(1)
    for _ in range(200):
        trial = theta + step
        trial_loss, gradient, hessian = objective(trial)
        newton = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        cap = STEP_CAP + np.abs(trial).max(axis=1, keepdims=True)
        newton *= cap / np.maximum(np.abs(newton).max(axis=1, keepdims=True), cap)
        refused = trial_loss > loss + 0.1 * slope + 1e-12 * np.abs(loss)
        theta = np.where(refused[:, None], theta, trial)
        step = np.where(refused[:, None], step / 2.0, newton)
        loss = np.where(refused, loss, trial_loss)
        slope = np.where(refused, slope / 2.0, (gradient * newton).sum(axis=1))
        if np.abs(step).max() < tolerance:
            return np.asarray(theta + step)
    raise ArithmeticError("the Bradley-Terry fit did not converge")


def _objective(design: Design, sample: Sample, ridge: np.ndarray, theta: np.ndarray) -> Derivatives:
    """Negative log-likelihood plus ridge (R,), its gradient (R, D) and its Hessian (R, D, D)."""
    # What multiplies 1 and the features in the log-odds of each pair, (R, P, 1 + F).
    slopes = np.empty((len(theta), len(design.a), 1 + design.features))
    slopes[:, :, 0] = theta[:, : design.models] @ design.incidence.T
    slopes[:, :, 1:] = theta[:, None, design.models :]
    partition, expected, information = _pair_sums(design, sample.battles, slopes)
    loss = partition - (sample.points * slopes).sum(axis=(1, 2)) + (ridge * theta**2).sum(1) / 2.0
    return loss, *derivatives_of(design, ridge, theta, expected - sample.points, information)


def _pair_sums(design: Design, battles: np.ndarray, slopes: np.ndarray) -> Derivatives:
    """Sums over battles with log-odds h and p = 1 / (1 + e^-h).

    Of log(1 + e^h) over all (R,), of p times 1 and the features over each pair (R, P, 1 + F), and
    of p (1 - p) times all terms (R, P, K).
    """
    if design.pooled:
        partition, won, spread = _moments(battles, slopes[:, :, 0])
        return partition, won[:, :, None], spread[:, :, None]
    partition = np.zeros(len(battles))
    expected = np.empty((len(battles), *slopes.shape[1:]))
    information = np.empty((*expected.shape[:2], len(design.terms)))
    for block in design.blocks:
        terms = block.split(design.terms[:, block.cells])
        linear = terms[:, : 1 + design.features]
        log_odds = np.empty((len(slopes), battles[0, block.cells].size))
        np.matmul(slopes[:, block.pairs].swapaxes(0, 1), linear, out=block.split(log_odds))
        if design.offset is not None:
            log_odds += design.offset[block.cells]
        addend, won, spread = _moments(battles[:, block.cells], log_odds)
        partition += addend
        expected[:, block.pairs] = (block.split(won) @ linear.swapaxes(1, 2)).swapaxes(0, 1)
        information[:, block.pairs] = (block.split(spread) @ terms.swapaxes(1, 2)).swapaxes(0, 1)
    return partition, expected, information


def _moments(number: np.ndarray, log_odds: np.ndarray) -> Derivatives:
    """For n battles (R, C) with log-odds h: sum of n log(1 + e^h) (R,), n p, and n p (1 - p)."""
    odds = np.exp(np.minimum(log_odds, 700.0))
    total = odds + 1.0
    won = number * (odds / total)
    return np.vecdot(number, np.log(total)), won, won / total


def derivatives_of(
    design: Design,
    ridge: np.ndarray,
    theta: np.ndarray,
    excess: np.ndarray,
    information: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (R, D) and Hessian (R, D, D) at parameters (R, D), with a ridge (D,) or (R, D).

    `excess` (R, P, 1 + F): expected less actual points, times 1 and the features. `information`
    (R, P, K): sums of p (1 - p) times the terms.
    """
    by_model = excess[:, :, 0] @ design.incidence
    gradient = np.concatenate([by_model, excess[:, :, 1:].sum(axis=1)], axis=1) + ridge * theta
    models, linear = design.models, 1 + design.features
    hessian = np.zeros((len(information), *[models + design.features] * 2))
    hessian[:, design.a, design.b] = hessian[:, design.b, design.a] = -information[:, :, 0]
    strength = np.arange(models)
    hessian[:, strength, strength] = -hessian[:, :models, :models].sum(axis=2)
    mixed = design.incidence.T @ information[:, :, 1:linear]
    hessian[:, :models, models:] = mixed
    hessian[:, models:, :models] = mixed.transpose(0, 2, 1)
    first, second = models + np.array(np.triu_indices(design.features))
    squares = information[:, :, linear:].sum(axis=1)
    hessian[:, first, second] = hessian[:, second, first] = squares
    diagonal = np.arange(models + design.features)
    hessian[:, diagonal, diagonal] += ridge
    return gradient, hessian


def ratings_of(theta: np.ndarray, limits: np.ndarray, anchor: int) -> np.ndarray:
    """Return Elo ratings (R, M) from parameters (R, D) and the limits of strengths (R, M)."""
    strengths = theta[:, : limits.shape[1]] - theta[:, [anchor]]
    return np.asarray(ANCHOR_RATING + ELO_PER_LOGIT * strengths + limits)
