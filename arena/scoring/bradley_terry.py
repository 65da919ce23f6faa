"""Bradley-Terry strengths of models from counts of battles: fits, bootstrap, win rates.

Arrays go in and frozen results come out. There are two estimators:

* plain: maximum likelihood, with a tie as half a win for each side
* style control: logistic regression of the outcome on the strengths and on differences in style
  (length, headers, lists, bold), with a small ridge (Arena-Hard, arXiv 2406.11939) or without

The battles of a cell differ only in their outcome, so all sums run over counts, never over copies.
A bootstrap resample is another set of counts, and many are solved at once. Strengths are natural
log-odds inside and Elo ratings with the anchor at 1000 outside. Without an anchor, the mean of the
models is at 1000: of those with finite ratings.

    >>> cells = Cells(2, a=np.array([0]), b=np.array([1]), question=np.array([0]),
    ...               counts=np.array([[30], [0], [10]]))
    >>> win_rates(fit(cells, anchor=0).ratings, anchor=0).round(1)
    array([50., 25.])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from arena.scoring.cells import Cells
from arena.scoring.solver import (
    ANCHOR_RATING,
    ELO_PER_LOGIT,
    Design,
    FixedStyle,
    Sample,
    design_of,
    limits_of,
    ratings_of,
    solve,
)
from arena.scoring.uncertainty.intervals import win_rates_of
from arena.scoring.uncertainty.rounds import centred, draw_questions, question_fits, star_rounds

Resample = Literal["battle", "question"]

STYLE_STEP = 0.01  # of a coefficient, for the slope of ratings


@dataclass(frozen=True)
class Fit:
    """Elo ratings (M,), and the style they were controlled for, each (F,), with F = 0 if plain.

    A rating is infinite if the plain likelihood has no finite maximum: the model, or its group,
    only won (+inf) or only lost (-inf) against the rest.
    """

    ratings: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class DisconnectedError(ValueError):
    """No battles place some models relative to the anchor. `models` are their indices."""

    def __init__(self, models: tuple[int, ...], anchor: int) -> None:
        self.models = models
        super().__init__(f"no battles place the models {list(models)} relative to model {anchor}")


def fit(
    cells: Cells,
    anchor: int | None,
    *,
    style: FixedStyle | None = None,
    center: bool = True,
    penalty: bool = True,
) -> Fit:
    """Rate the models by all battles, controlled for style if the cells have features.

    `style` fixes coefficients and standardisation, so that only strengths are estimated.
    `center=False` subtracts no mean from the features and divides by their root mean square. Equal
    styles are then zero, and it does not matter which of two models is `a`. `penalty=False` removes
    the ridge that goes with features.

    Raises DisconnectedError if the battles do not place every model relative to the anchor.
    """
    design = design_of(cells, style, center, penalty)
    pivot = pivot_of(design) if anchor is None else anchor
    theta, limits = _solve_all(design, pivot)
    if np.isnan(limits).any():
        raise DisconnectedError(tuple(np.flatnonzero(np.isnan(limits[0])).tolist()), pivot)
    coefficients = theta[0, cells.models :] if style is None else style.coefficients
    ratings = ratings_of(theta, limits, pivot)
    ratings = centred(ratings, limits) if anchor is None else ratings
    return Fit(ratings[0], coefficients, design.mean, design.scale)


def pivot_of(design: Design) -> int:
    """Return the model relative to which the most have finite ratings, the first of several."""
    sample = _of_questions(design, np.ones((1, len(design.questions))))
    models = range(design.models)
    return max(models, key=lambda model: int((limits_of(design, model, sample) == 0).sum()))


def bootstrap(
    cells: Cells,
    anchor: int | None,
    *,
    rounds: int,
    seed: int | Sequence[int],
    resample: Resample,
    workers: int = 1,
    style: FixedStyle | None = None,
    center: bool = True,
    penalty: bool = True,
) -> np.ndarray:
    """Ratings (rounds, M) of resampled battles, NaN if a resample does not place a model.

    `battle` draws n of the n weighted battles with replacement, `question` as many questions as
    there are, each with all battles. Features keep the standardisation of all data, but on a star
    are centred on the mean of the drawn questions. Other plain question rounds have ties worth a
    question a model, to place all. Neither `workers` (threads) nor the order of cells matters.
    """
    drawn = resample == "question" and cells.features is None
    if drawn and anchor is not None and (star := cells.star(anchor)):
        return star_rounds(*star, anchor, rounds, seed)
    design = design_of(cells, style, center, penalty)
    pivot = pivot_of(design) if anchor is None else anchor
    start, limits = _solve_all(design, pivot)
    if not design.blocks or not rounds:
        ratings = np.repeat(ratings_of(start, limits, pivot), rounds, axis=0)
    elif resample == "question" and not design.pooled:
        times = draw_questions(rounds, len(design.questions), seed)
        recentred = center and style is None and bool((cells.a == anchor).all())
        moved = _moved_style(cells, anchor, rounds, style, penalty)
        ratings = moved + _question_rounds(design, pivot, start, times, workers, recentred)
    else:
        draw = _draw_battles if resample == "battle" else _draw_questions
        ratings = _drawn_rounds(design, pivot, start, draw, rounds, seed, workers)
    return centred(ratings, limits) if anchor is None else ratings


Draw = Callable[[Design, np.random.Generator, int], Sample]


def _drawn_rounds(
    design: Design,
    anchor: int,
    start: np.ndarray,
    draw: Draw,
    rounds: int,
    seed: int | Sequence[int],
    workers: int,
) -> np.ndarray:
    """Ratings (rounds, M) of samples that are drawn."""
    sizes = _chunk_sizes(design, rounds)
    chunks = np.random.SeedSequence(seed).spawn(len(sizes))

    def ratings(chunk: np.random.SeedSequence, size: int) -> np.ndarray:
        sample = draw(design, np.random.default_rng(chunk), size)
        return ratings_of(*solve(design, anchor, sample, start, tolerance=1e-3), anchor)

    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(ratings, chunks, sizes)))


def reweighted(
    cells: Cells,
    anchor: int | None,
    times: np.ndarray,
    *,
    style: FixedStyle | None = None,
    center: bool = True,
    penalty: bool = True,
    workers: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Ratings (R, M) and style coefficients (R, F) with each question taken `times` (R, Q)."""
    design = design_of(cells, style, center, penalty)
    pivot = pivot_of(design) if anchor is None else anchor
    start, all_limits = _solve_all(design, pivot)
    times = np.asarray(times, dtype=float)[:, design.questions]

    def fits(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sample = _of_questions(design, part)
        theta, limits = solve(design, pivot, sample, start, tolerance=1e-3)
        ratings = ratings_of(theta, limits, pivot)
        ratings = centred(ratings, all_limits) if anchor is None else ratings
        return ratings, theta[:, cells.models :]

    parts = np.split(times, np.cumsum(_chunk_sizes(design, len(times)))[:-1])
    with ThreadPoolExecutor(workers) as pool:
        ratings, coefficients = zip(*pool.map(fits, parts), strict=True)
    return np.concatenate(ratings), np.concatenate(coefficients)


def _question_rounds(
    design: Design,
    anchor: int,
    start: np.ndarray,
    times: np.ndarray,
    workers: int,
    recentred: bool,
) -> np.ndarray:
    """Ratings (R, M) of fits with style, questions taken `times` (R, Q).

    `recentred`: features of a star are less their mean in each round.
    """

    def fits(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta, limits, converged = question_fits(design, anchor, start, part)
        if not converged.all():
            sample = _of_questions(design, part[~converged])
            fitted = solve(design, anchor, sample, start, tolerance=1e-3)
            theta[~converged], limits[~converged] = fitted
        return theta, limits

    # Sizes do not depend on the workers, since rounds of other company differ in the last digit.
    size = min(QUESTION_ROUNDS, CHUNK_NUMBERS // (3 * (design.models + design.features) ** 2))
    parts = np.array_split(times, max(1, -(-len(times) // max(1, size))))
    with ThreadPoolExecutor(workers) as pool:
        theta, limits = map(np.concatenate, zip(*pool.map(fits, parts), strict=True))
    if recentred:
        theta[:, anchor] += _moved_center(design, anchor, times, theta)
    return ratings_of(theta, limits, anchor)


def _moved_center(design: Design, anchor: int, times: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """How much stronger the anchor is (R,) if features are less their mean in each round.

    It is `a` in all battles, so that its strength has what the mean of the features moves.
    """
    battles = design.counts.sum(axis=0)
    x = design.terms[1 : 1 + design.features] * battles
    for block in design.blocks:
        turned = design.a[block.pairs] != anchor
        block.split(x[:, block.cells])[turned] *= -1.0
    questions = len(design.questions)
    sums = np.stack([np.bincount(design.question, row, questions) for row in (battles, *x)])
    drawn = times @ sums.T
    return np.asarray(np.vecdot(theta[:, design.models :], drawn[:, 1:] / drawn[:, :1]))


def _moved_style(
    cells: Cells, anchor: int | None, rounds: int, style: FixedStyle | None, penalty: bool
) -> np.ndarray | float:
    """The shifts of ratings (R, M) by the rounds (R, F) of a fixed style, to first order."""
    if style is None or style.rounds is None:
        return 0.0
    slopes = np.empty((len(style.coefficients), cells.models))
    for slope, step in zip(slopes, STYLE_STEP * np.eye(len(slopes)), strict=True):
        sides = (
            fit(cells, anchor, style=replace(style, coefficients=coefficients), penalty=penalty)
            for coefficients in (style.coefficients + step, style.coefficients - step)
        )
        upper, lower = (side.ratings for side in sides)
        finite = np.isfinite(upper) & np.isfinite(lower)
        slope[:] = np.subtract(upper, lower, out=np.zeros_like(upper), where=finite)
    errors = np.resize(style.rounds, (rounds, len(slopes))) - style.coefficients
    return np.asarray(errors @ slopes / (2.0 * STYLE_STEP))


def _solve_all(design: Design, anchor: int) -> tuple[np.ndarray, np.ndarray]:
    sample = _of_questions(design, np.ones((1, len(design.questions))))
    start = np.zeros((1, design.models + design.features))
    return solve(design, anchor, sample, start, tolerance=1e-7)


def _of_questions(design: Design, times: np.ndarray) -> Sample:
    """Samples that hold each question a number of times (R, Q)."""
    taken = ((block, times.take(design.question[block.cells], axis=1)) for block in design.blocks)
    if design.pooled:
        drawn = np.empty((len(times), len(design.a), 3))
        for block, n in taken:
            counts = block.split(design.counts[:, block.cells])
            drawn[:, block.pairs] = (block.split(n) @ counts.swapaxes(1, 2)).swapaxes(0, 1)
        return _pooled(drawn)
    number, won = design.counts.sum(axis=0), design.counts[0] + 0.5 * design.counts[1]
    pairs = ((number[block.cells] * n, won[block.cells] * n) for block, n in taken)
    return _collected(design, len(times), pairs)


def _draw_questions(design: Design, rng: np.random.Generator, size: int) -> Sample:
    """Samples of the questions of a plain design, with ties of each pair, so that all are placed.

    On average each model has the ties of one question: those of a pair are shared among the
    opponents of its model that has fewer. Their number varies like a question's, exponentially.
    """
    sample = _of_questions(design, draw_questions(size, len(design.questions), rng))
    number = design.counts.sum(axis=0)
    sums = [block.split(np.stack([number, number > 0])[:, block.cells]) for block in design.blocks]
    battles, cells = np.concatenate([one.sum(axis=2) for one in sums]).T
    opponents = np.abs(design.incidence).sum(axis=0)
    fewer = np.minimum(opponents[design.a], opponents[design.b])
    ties = rng.exponential(battles / cells / fewer, sample.by_pair.shape)
    by_pair = sample.by_pair + ties
    return Sample(by_pair, by_pair, sample.points + 0.5 * ties[:, :, None])


def _draw_battles(design: Design, rng: np.random.Generator, size: int) -> Sample:
    """Samples of n of the n weighted battles, drawn with replacement. Of a game with repeats, a
    draw is one of its verdicts.
    """
    by_block = [design.counts[:, block.cells] for block in design.blocks]
    if design.pooled:
        blocks = zip(design.blocks, by_block, strict=True)
        by_pair = np.concatenate([block.split(cells).sum(axis=2) for block, cells in blocks])
        present = by_pair > 0
        drawn, total = np.zeros((size, *by_pair.shape)), by_pair.sum()
        drawn[:, present] = rng.multinomial(round(total), by_pair[present] / total, size)
        return _pooled(drawn)
    # First how many battles each block gets, then which of them.
    totals = np.array([counts.sum() for counts in by_block])
    shares = rng.multinomial(round(totals.sum()), totals / totals.sum(), size)

    def draws() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for counts, total, share in zip(by_block, totals, shares.T, strict=True):
            if np.issubdtype(counts.dtype, np.integer):
                outcomes = np.repeat(np.arange(counts.size), counts.ravel())
                picks = outcomes.take(rng.integers(total, size=share.sum()))
            else:
                picks = rng.choice(counts.size, share.sum(), p=counts.ravel() / total)
            picks += np.repeat(np.arange(size) * counts.size, share)
            drawn = np.bincount(picks, minlength=size * counts.size).reshape(size, *counts.shape)
            yield drawn.sum(axis=1), drawn[:, 0] + 0.5 * drawn[:, 1]

    return _collected(design, size, draws())


def _pooled(drawn: np.ndarray) -> Sample:
    """Samples of a plain design from the outcomes (R, P, 3) of its pairs."""
    battles = drawn.sum(axis=2)
    return Sample(battles, battles, (drawn[:, :, 0] + 0.5 * drawn[:, :, 1])[:, :, None])


def _collected(
    design: Design, size: int, blocks: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Sample:
    """Samples from the battles and the points of `a` (R, places), given block by block."""
    battles = np.empty((size, design.counts.shape[1]))
    by_pair = np.empty((size, len(design.a)))
    points = np.empty((size, len(design.a), 1 + design.features))
    for block, (number, won) in zip(design.blocks, blocks, strict=True):
        linear = block.split(design.terms[: 1 + design.features, block.cells])
        battles[:, block.cells] = number
        by_pair[:, block.pairs] = block.split(number).sum(axis=2).T
        points[:, block.pairs] = (block.split(won) @ linear.swapaxes(1, 2)).swapaxes(0, 1)
    return Sample(battles, by_pair, points)


# Rounds are solved in chunks. Their sizes set speed and memory, and the numbers that are drawn.
CHUNK_ROUNDS = 256
QUESTION_ROUNDS = 128
CHUNK_NUMBERS = 6 << 20  # in the largest array of a chunk: 48 MB a worker
BLOCK_NUMBERS = 1 << 15  # in the arrays of one block: small for caches, large for two threads


def _chunk_sizes(design: Design, rounds: int) -> list[int]:
    """Numbers of rounds that are solved at once: long vectors that fit caches and memory.

    They do not depend on the workers, since each chunk has random numbers of its own.
    """
    numbers = 2 * (design.models + design.features) ** 2
    most = CHUNK_ROUNDS
    if not design.pooled:
        numbers = max(numbers, len(design.question))
        most = BLOCK_NUMBERS // max(block.cells.stop - block.cells.start for block in design.blocks)
    most = max(1, min(most, CHUNK_ROUNDS, CHUNK_NUMBERS // numbers))
    chunks = -(-rounds // most)
    return [rounds * (i + 1) // chunks - rounds * i // chunks for i in range(chunks)]


def scores(
    ratings: np.ndarray, samples: np.ndarray, anchor: int | None, *, controlled: bool, elo: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (M,) and those of the rounds (rounds, M): win rates, or the ratings as they are.

    Style control changes the fit alone, so `controlled` is of no account.
    """
    return (ratings, samples) if elo else (win_rates(ratings, anchor), win_rates(samples, anchor))


def style_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences (a - b) / (a + b + 1) of the attributes of two answers, each (C, F)."""
    return np.asarray((a - b) / (a + b + 1.0))


def win_rates(ratings: np.ndarray, anchor: int | None) -> np.ndarray:
    """Expected win rates against the anchor in percent, for ratings (..., M). NaN stays NaN.

    100 / (1 + 10^((R_anchor - R) / 400)). Without an anchor, those against a model rated 1000.
    """
    anchored = ANCHOR_RATING if anchor is None else ratings[..., [anchor]]
    return win_rates_of((ratings - anchored) / ELO_PER_LOGIT)
