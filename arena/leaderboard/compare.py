"""The comparison of two models: their difference, its interval and its p-value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arena.base.errors import InputError, nearest
from arena.leaderboard.board import Scored
from arena.scoring import bradley_terry, solver
from arena.scoring.cells import Cells
from arena.scoring.solver import FixedStyle
from arena.scoring.uncertainty.intervals import percentiles

PERMUTATIONS = 2000


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
    again at the style coefficients of the full fit.
    """
    battles, names, method = scored.battles, scored.battles.models, scored.method
    if first == second:
        raise InputError(f"--compare: '{first}' is named twice")
    for name in (first, second):
        if name not in names:
            raise InputError(f"--compare: no battles of '{name}'{nearest(name, names)}")
    pair = (names.index(first), names.index(second))
    method = replace(method, rounds=max(method.rounds, 1000), resample="question")
    differences = _differences(replace(scored, method=method).bootstrap(), battles.anchor, pair)
    lower, upper = percentiles(differences[:, None], level=0.95)[:, 0].tolist()
    rates, _ = scored.scores(elo=False)
    p_value, questions = _permutation_test(scored, pair)
    return Comparison(
        first=first,
        second=second,
        difference=float(rates[pair[0]] - rates[pair[1]]),
        lower=lower,
        upper=upper,
        p_value=p_value,
        # What a two-sided test at 5 % finds with a power of 80 %.
        detectable=2.80 * float(np.nanstd(differences)),
        questions=questions,
    )


def _differences(ratings: np.ndarray, anchor: int, pair: tuple[int, int]) -> np.ndarray:
    """Return the differences (rounds,) of a pair's win rates, of ratings (rounds, M)."""
    rates = bradley_terry.win_rates(ratings, anchor)
    return np.asarray(rates[:, pair[0]] - rates[:, pair[1]])


def _permutation_test(scored: Scored, pair: tuple[int, int]) -> tuple[float, int]:
    """Return a pair's p-value and number of questions with a common opponent or each other."""
    cells = scored.battles.cells
    in_a, in_b = np.isin(cells.a, pair), np.isin(cells.b, pair)
    model, opponent = np.where(in_a, (cells.a, cells.b), (cells.b, cells.a))
    opponent_on_question = opponent * (cells.question.max() + 1) + cells.question
    single = in_a != in_b
    shared = np.intersect1d(*(opponent_on_question[single & (model == i)] for i in pair))
    tested = np.flatnonzero((in_a & in_b) | (single & np.isin(opponent_on_question, shared)))
    if not len(tested):
        raise InputError("--compare: the two models have no judged question in common")
    questions = np.unique(cells.question[tested])
    both, style = _with_exchanged(scored, tested, pair, questions)
    rng = np.random.default_rng(scored.method.entropy(scored.selection))
    # The first row exchanges nothing: the observed difference.
    exchanged = np.zeros((1 + PERMUTATIONS, len(questions)))
    exchanged[1:] = rng.integers(0, 2, (PERMUTATIONS, len(questions)))
    anchor, penalty = scored.battles.anchor, scored.selection.estimator.penalty
    times = np.hstack([1 - exchanged, exchanged])
    ratings, _ = bradley_terry.reweighted(both, anchor, times, style=style, penalty=penalty)
    observed, *permuted = np.abs(_differences(ratings, anchor, pair))
    at_least = int((np.array(permuted) >= observed - 1e-9).sum())
    return (1 + at_least) / (1 + PERMUTATIONS), len(questions)


def _with_exchanged(
    scored: Scored, tested: np.ndarray, pair: tuple[int, int], questions: np.ndarray
) -> tuple[Cells, FixedStyle | None]:
    """Return the pair's cells twice: as they are on questions 0..Q-1, exchanged on Q..2Q-1."""
    cells, fit, anchor = scored.battles.cells, scored.fit, scored.battles.anchor
    a, b = cells.a[tested], cells.b[tested]
    # Opponents keep the strengths of the full fit: each is the anchor, with its strength as one
    # more fixed feature.
    strengths = np.clip((fit.ratings - fit.ratings[anchor]) / solver.ELO_PER_LOGIT, -30, 30)
    strengths[list(pair)] = 0.0
    leads = (strengths[a] - strengths[b])[None]
    features = np.empty((0, len(a))) if cells.features is None else cells.features[:, tested]
    features = np.vstack([features, leads]) if leads.any() else features
    ones = np.ones(len(features) - len(fit.coefficients))
    style = FixedStyle(
        np.append(fit.coefficients, ones), np.append(fit.mean, 0 * ones), np.append(fit.scale, ones)
    )
    names = np.full((2, cells.models), anchor)
    names[:, list(pair)] = pair, pair[::-1]
    question = np.searchsorted(questions, cells.question[tested])
    both = Cells(
        models=cells.models,
        a=names[:, a].ravel(),
        b=names[:, b].ravel(),
        question=np.concatenate([question, question + len(questions)]),
        counts=np.tile(cells.counts[:, tested], 2),
        features=np.tile(features, 2) if len(features) else None,
    )
    return both, style if len(features) else None
