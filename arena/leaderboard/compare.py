"""The comparison of two models: their difference, its interval and its p-value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError, nearest
from arena.leaderboard.board import Scored, bootstrap
from arena.scoring import bradley_terry, solver
from arena.scoring.cells import Cells
from arena.scoring.solver import FixedStyle

PERMUTATIONS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """The difference of two models' scores, in points of win rate, over the questions both have."""

    first: str
    second: str
    difference: float
    lower: float
    upper: float
    p_value: float
    detectable: float
    questions: int


def compare(scored: Scored, first: str, second: str) -> Comparison:
    """Compare two models: interval by resampled questions, p-value by a paired permutation test.

    The test exchanges the judgments of the two on each question with even chances and fits both
    again at the style coefficients of the full fit. `detectable` is the difference that a
    two-sided test at 5 % finds with a power of 80 %: 2.80 standard errors.
    """
    battles, names, method = scored.battles, scored.battles.models, scored.method
    if first == second:
        raise InputError(f"--compare: '{first}' is named twice")
    for name in (first, second):
        if name not in names:
            raise InputError(f"--compare: no battles of '{name}'{nearest(name, names)}")
    pair = (names.index(first), names.index(second))
    drawn = replace(method, rounds=max(method.rounds, 1000), resample="question")
    rounds = bootstrap(scored.estimator, scored.cells, battles.anchor, drawn, scored.style)
    samples = bradley_terry.win_rates(rounds, battles.anchor)
    differences = samples[:, pair[0]] - samples[:, pair[1]]
    difference = float(scored.rates[pair[0]] - scored.rates[pair[1]])
    lower, upper = bradley_terry.interval(differences[:, None], LEVEL)[:, 0]
    p_value, questions = _permutation_test(scored, pair)
    return Comparison(
        first=first,
        second=second,
        difference=difference,
        lower=float(lower),
        upper=float(upper),
        p_value=p_value,
        detectable=2.80 * float(np.nanstd(differences)),
        questions=questions,
    )


def _permutation_test(scored: Scored, pair: tuple[int, int]) -> tuple[float, int]:
    """Return the p-value of the difference of a pair, and the number of questions it rests on.

    These are the questions on which both met one opponent, or each other.
    """
    cells = scored.cells
    in_a, in_b = np.isin(cells.a, pair), np.isin(cells.b, pair)
    model, opponent = np.where(in_a, (cells.a, cells.b), (cells.b, cells.a))
    met = opponent * (cells.question.max() + 1) + cells.question
    single = in_a != in_b
    shared = np.intersect1d(*(met[single & (model == i)] for i in pair))
    kept = np.flatnonzero((in_a & in_b) | (single & np.isin(met, shared)))
    if not len(kept):
        raise InputError("--compare: the two models have no judged question in common")
    common = np.unique(cells.question[kept])
    both, style = _with_exchanged(scored, kept, pair, common)
    rng = np.random.default_rng(scored.method.entropy)
    exchanged = np.vstack(
        [np.zeros((1, len(common))), rng.integers(0, 2, (PERMUTATIONS, len(common)))]
    )
    anchor, penalty = scored.battles.anchor, scored.estimator.penalty
    differences = []
    for part in np.array_split(exchanged, -(-len(exchanged) * len(kept) // 1_000_000)):
        times = np.hstack([1 - part, part])
        ratings, _ = bradley_terry.reweighted(both, anchor, times, style=style, penalty=penalty)
        rates = bradley_terry.win_rates(ratings, anchor)
        differences.append(rates[:, pair[0]] - rates[:, pair[1]])
    observed, *permuted = np.abs(np.concatenate(differences))
    at_least = int((np.array(permuted) >= observed - 1e-9).sum())
    return (1 + at_least) / (1 + PERMUTATIONS), len(common)


def _with_exchanged(
    scored: Scored, kept: np.ndarray, pair: tuple[int, int], common: np.ndarray
) -> tuple[Cells, FixedStyle | None]:
    """Return the pair's cells twice: as they are on questions 0..Q-1, exchanged on Q..2Q-1.

    Opponents keep the strengths of the full fit: each is the anchor, with its strength as one more
    fixed feature.
    """
    cells, fit, anchor = scored.cells, scored.fit, scored.battles.anchor
    a, b = cells.a[kept], cells.b[kept]
    strengths = np.clip((fit.ratings - fit.ratings[anchor]) / solver.ELO_PER_LOGIT, -30, 30)
    strengths[list(pair)] = 0.0
    given = (strengths[a] - strengths[b])[None]
    features = np.empty((0, len(kept))) if cells.features is None else cells.features[:, kept]
    features = np.vstack([features, given]) if given.any() else features
    more = np.ones(len(features) - len(fit.coefficients))
    style = FixedStyle(
        np.append(fit.coefficients, more), np.append(fit.mean, 0 * more), np.append(fit.scale, more)
    )
    known = np.full(cells.models, anchor)
    swap = np.full(cells.models, anchor)
    known[list(pair)], swap[list(pair)] = pair, pair[::-1]
    question = np.searchsorted(common, cells.question[kept])
    both = Cells(
        models=cells.models,
        a=np.concatenate([known[a], swap[a]]),
        b=np.concatenate([known[b], swap[b]]),
        question=np.concatenate([question, question + len(common)]),
        counts=np.tile(cells.counts[:, kept], 2),
        features=np.tile(features, 2) if len(features) else None,
    )
    return both, style if len(features) else None
