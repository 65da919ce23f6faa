"""Question rounds: how often each draws a question, and the style-controlled fits of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena.scoring.solver import (
    ANCHOR_RATING,
    ELO_PER_LOGIT,
    Block,
    Design,
    Sample,
    derivatives_of,
    limits_of,
)

DRAWN_NUMBERS = 1 << 20  # at once: 8 MB

STEPS = 5
TOLERANCE = 0.03  # of the last step in logits: what remains is about its square


def draw_questions(
    rounds: int, questions: int, seed: int | Sequence[int] | np.random.Generator
) -> np.ndarray:
    """Numbers (rounds, Q) of times that each round draws a question: Q of Q, with replacement."""
    rng = np.random.default_rng(seed)
    times = np.empty((rounds, questions), dtype=np.float32)
    size = max(1, DRAWN_NUMBERS // max(questions, 1))
    for start in range(0, rounds, size):
        part = times[start : start + size]
        picks = rng.integers(questions, size=part.shape)
        picks += questions * np.arange(len(part))[:, None]
        part[:] = np.bincount(picks.ravel(), minlength=part.size).reshape(part.shape)
    return times


def question_fits(
    design: Design, anchor: int, start: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters (R, D), limits of strengths (R, M) and convergence (R,) of fits with style.

    `times` (R, Q): how often a round takes each question of the design. `start` (1, D): the fit of
    all. Its first Newton step needs only sums over the drawn questions, and one or two more follow.
    A round that needs care, such as one that a model only won, may not converge.
    Source: the k-step bootstrap (Davidson and MacKinnon 1999, Andrews 2002).
    """
    # Half the memory and the time of double precision, which a slight ridge needs: in a direction
    # without a slope it must exceed the rounding errors.
    precision = np.float32 if design.penalty else np.float64
    weights = np.ascontiguousarray(times.T, dtype=precision)
    ridge, linear = design.ridge.copy(), 1 + design.features
    if not design.penalty:
        ridge[anchor] = 1.0  # it stays 0, as in `solve`
    sums = _sums_at_start(design, weights, start)
    battles, points, excess, information = np.split(sums, (1, 2, 2 + linear), axis=2)
    limits = limits_of(design, anchor, Sample(battles, battles[:, :, 0], points))
    theta, converged = np.repeat(start, len(times), axis=0), np.zeros(len(times), dtype=bool)
    rows = np.flatnonzero(design.penalty | (limits == 0).all(axis=1))
    excess, information = excess[rows], information[rows]
    for _ in range(STEPS):
        gradient, hessian = derivatives_of(design, ridge, theta[rows], excess, information)
        step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        theta[rows] += step
        close = np.abs(step).max(axis=1, initial=0.0) < TOLERANCE
        converged[rows[close]] = True
        rows = rows[~close]
        if not len(rows):
            break
        excess, information = _sums(design, weights[:, rows], theta[rows])
    return theta, limits, converged


def _sums_at_start(design: Design, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Sums over drawn cells of each pair (R, P, 3 + F + K), at common parameters (1, D).

    Of battles, of points of `a`, of expected less actual points, times 1 and the features, and of
    the information.
    """
    linear = 1 + design.features
    sums = np.empty((len(design.a), 2 + linear + len(design.terms), weights.shape[1]))
    for block in design.blocks:
        terms, number, won, chance = _cells(design, block, start.astype(weights.dtype))
        number, won, chance = (x.swapaxes(1, 2) for x in (number, won, chance))
        expected = number * chance
        excess, information = (expected - won) * terms[:, :linear], expected * (1 - chance) * terms
        rows = np.concatenate([number, won, excess, information], axis=1)
        sums[block.pairs] = rows @ _drawn(design, block, weights)
    return np.asarray(sums.transpose(2, 0, 1))


def _sums(design: Design, weights: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected less actual points (R, P, 1 + F) and information (R, P, K) at parameters (R, D)."""
    linear = 1 + design.features
    excess = np.empty((len(design.a), linear, len(theta)))
    information = np.empty((len(design.a), len(design.terms), len(theta)))
    for block in design.blocks:
        terms, number, won, chance = _cells(design, block, theta.astype(weights.dtype))
        drawn = _drawn(design, block, weights)
        expected = number * chance
        excess[block.pairs] = terms[:, :linear] @ ((expected - won) * drawn)
        expected *= drawn
        np.subtract(1.0, chance, out=chance)
        expected *= chance
        information[block.pairs] = terms @ expected
    return excess.transpose(2, 0, 1), information.transpose(2, 0, 1)


def _drawn(design: Design, block: Block, weights: np.ndarray) -> np.ndarray:
    """How often each round draws the cells of a block: (pairs, places, R), of weights (Q, R)."""
    drawn = weights[design.question[block.cells]]
    return np.asarray(drawn.reshape(block.pairs.stop - block.pairs.start, -1, weights.shape[1]))


def _cells(
    design: Design, block: Block, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Terms (pairs, K, places) of the cells of a block, their battles and points of `a`
    (pairs, places, 1), and the chances of `a` (pairs, places, R) at parameters (R, D).
    """
    terms = block.split(design.terms[:, block.cells]).astype(theta.dtype)
    counts = block.split(design.counts[:, block.cells]).swapaxes(1, 2).astype(theta.dtype)
    number, won = counts.sum(axis=2, keepdims=True), counts[:, :, :1] + 0.5 * counts[:, :, 1:2]
    pairs = block.pairs.stop - block.pairs.start
    slopes = np.empty((pairs, 1 + design.features, len(theta)), dtype=theta.dtype)
    slopes[:, 0] = design.incidence[block.pairs] @ theta[:, : design.models].T
    slopes[:, 1:] = theta[:, design.models :].T
    log_odds = terms[:, : 1 + design.features].swapaxes(1, 2) @ slopes
    if design.offset is not None:
        log_odds += design.offset[block.cells].reshape(pairs, -1, 1).astype(theta.dtype)
    # In place, since a fresh array costs as much as the arithmetic.
    np.clip(log_odds, -80.0, 80.0, out=log_odds)
    np.negative(log_odds, out=log_odds)
    np.exp(log_odds, out=log_odds)
    log_odds += 1.0
    return terms, number, won, np.reciprocal(log_odds, out=log_odds)


def star_rounds(
    points: np.ndarray, battles: np.ndarray, anchor: int, rounds: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Ratings (R, M) in closed form of rounds over the judged questions of a plain star."""
    judged = battles.any(axis=0)
    times = draw_questions(rounds, int(judged.sum()), seed)
    won, number = (times @ table[:, judged].T for table in (points, battles))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratings = ANCHOR_RATING + ELO_PER_LOGIT * (np.log(won) - np.log(number - won))
    ratings[:, anchor] = ANCHOR_RATING
    return np.asarray(ratings)


def centred(ratings: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Return ratings (R, M) whose mean is 1000 over the finite `limits` (1, M) of all battles."""
    used = np.isfinite(ratings) & (limits == 0)
    total = np.where(used, ratings - ANCHOR_RATING, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(ratings - total / np.maximum(used.sum(axis=1, keepdims=True), 1))
