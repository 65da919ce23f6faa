"""The comparison of models in pairs: differences, their intervals and their p-values."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from arena.base.errors import InputError, nearest
from arena.leaderboard.board import Scored
from arena.scoring import bradley_terry
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT, SLIGHT_RIDGE
from arena.scoring.uncertainty import differences
from arena.scoring.uncertainty.differences import Comparison
from arena.scoring.uncertainty.intervals import (
    ENOUGH_ROUNDS,
    FEW,
    logit_sd,
    logit_t,
    spread,
    student,
    win_rates_of,
)
from arena.scoring.uncertainty.rounds import draw_questions
from arena.scoring.uncertainty.strengths import Strengths

ROUNDS = 1000  # of the bootstrap over questions, if the board has another one
LARGEST = 30.0  # log-odds, in the place of infinite ones
NO_SPREAD = 1e-9  # points of win rate
CHUNK = 100  # rounds that are refitted at once
NONE = float("nan")


def compare(scored: Scored, first: str, second: str) -> Comparison:
    """Return the comparison of two models. Raises InputError as `compare_all`."""
    (comparison,) = compare_all(scored, (first, second))
    return comparison


def compare_all(scored: Scored, models: Sequence[str]) -> tuple[Comparison, ...]:
    """Compare all pairs of models on the questions that both of a pair were judged on.

    Style coefficients and the strengths of other models are those of the board. Raises InputError
    for fewer than two models, a wrong name, and two models without a question in common.
    """
    names = scored.battles.models
    for i, name in enumerate(models):
        if name in models[:i]:
            raise InputError(f"--compare: '{name}' is named twice. Leave out one of them.")
        if name not in names:
            raise InputError(f"--compare: no battles of '{name}'{nearest(name, names)}")
    if len(models) < 2:
        raise InputError("--compare: one model needs another to compare with. Name two or more.")
    duels = [_Duel.of(scored, pair) for pair in combinations(map(names.index, models), 2)]
    cells = scored.battles.cells
    star = cells.star(scored.battles.anchor) if cells.features is None else None
    results = list(_by_points(duels, *star) if star else _by_rounds(duels))
    equal = [replace(duel, scored=scored.equal_style) for duel in duels]
    if (cells.features is None or scored.style) and all(duel.exchangeable for duel in duels):
        results = _with_permutation_tests(equal, results)
    elif scored.equal_style is not scored:
        pairs = zip(results, _by_rounds(equal), strict=True)
        results = [
            replace(one, p_value=test.p_value, detectable=test.detectable) for one, test in pairs
        ]
    if scored.equal_style is not scored:
        results = [replace(one, equal_style=True) for one in results]
    adjusted = differences.holm(np.array([one.p_value for one in results])).tolist()
    return tuple(replace(one, adjusted=p) for one, p in zip(results, adjusted, strict=True))


@dataclass(frozen=True)
class _Duel:
    """The battles of two models on the questions that both were judged on.

    `cells` (C,): their indices. `sides` (C, 2): for each of the two 1 if it is `a` of a cell, -1 if
    it is `b`, else 0. `same`: the models have no other battles. `exchangeable`: on each question
    they have the same opponents, so that their judgments can be exchanged.
    """

    scored: Scored
    pair: tuple[int, int]
    cells: np.ndarray
    sides: np.ndarray
    same: bool
    exchangeable: bool

    @classmethod
    def of(cls, scored: Scored, pair: tuple[int, int]) -> _Duel:
        """Choose the battles of two models. Raises InputError if there are none."""
        cells, anchor = scored.battles.cells, scored.battles.anchor
        used = (cells.a != cells.b) & cells.counts.any(axis=0)
        sides = np.stack([used * ((cells.a == i) * 1 - (cells.b == i)) for i in pair], axis=1)
        direct = sides.all(axis=1)
        opponent = np.where(np.isin(cells.a, pair), cells.b, cells.a).astype(np.int64)
        place = opponent * (cells.question.max(initial=0) + 1) + cells.question
        first, second = (place[(side != 0) & ~direct] for side in sides.T)
        alike = direct | sides.any(axis=1) & np.isin(place, np.intersect1d(first, second))
        judged = [cells.question[side != 0] for side in sides.T]
        # The baseline has 50, whatever its battles against others.
        rated = sides[:, np.array(pair) != anchor].any(axis=1)
        chosen = alike | rated & np.isin(cells.question, np.intersect1d(*judged))
        if not chosen.any():
            names = " and ".join(f"'{scored.battles.models[i]}'" for i in pair)
            problem = f"{names} have no judged question in common"
            raise InputError(f"--compare: {problem}. Judge both on the same questions.")
        same, exchangeable = bool(chosen[rated].all()), bool(alike[chosen].all())
        return cls(scored, pair, np.flatnonzero(chosen), sides[chosen], same, exchangeable)

    @functools.cached_property
    def questions(self) -> np.ndarray:
        """The indices of the questions (Q,)."""
        return np.unique(self.scored.battles.cells.question[self.cells])

    @property
    def battles(self) -> np.ndarray:
        """The weighted battles (C,)."""
        return np.asarray(self.scored.battles.cells.counts[:, self.cells].sum(axis=0))

    @property
    def points(self) -> np.ndarray:
        """The points of `a` (C,)."""
        counts = self.scored.battles.cells.counts[:, self.cells]
        return np.asarray(counts[0] + 0.5 * counts[1])

    def by_question(self, values: np.ndarray) -> np.ndarray:
        """Sum values of the cells (C,) by question (Q,)."""
        question = self.scored.battles.cells.question[self.cells]
        return np.bincount(np.searchsorted(self.questions, question), values)

    def lead_of_others(self, strengths: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Return the log-odds of `a` (..., C) by strengths (..., M) but the two, and by style."""
        cells, fit = self.scored.battles.cells, self.scored.fit
        others = np.clip(strengths, -LARGEST, LARGEST)
        others[..., list(self.pair)] = 0.0
        lead = others[..., cells.a[self.cells]] - others[..., cells.b[self.cells]]
        if cells.features is None:
            return np.asarray(lead)
        features = cells.features[:, self.cells] - fit.mean[:, None]
        scale = np.where(fit.scale > 0.0, fit.scale, np.inf)
        return np.asarray(lead + (coefficients / scale) @ features)

    def leads(self) -> np.ndarray:
        """Return the part of each question (Q,) in the first model's lead if both are equally
        strong: the score statistic of the difference of their strengths.
        """
        fit = self.scored.fit
        base = self.lead_of_others(_strengths(self.scored, fit.ratings), fit.coefficients)
        together = self.sides.sum(axis=1, keepdims=True)
        strength = _fitted(together, self.points, self.battles, base[None], 1e-9)
        expected = self.battles * win_rates_of(base + together @ strength[0]) / 100.0
        lead = (self.sides[:, 0] - self.sides[:, 1]) * (self.points - expected)
        # Models that won all have nothing but the error of the fit.
        return self.by_question(np.where(np.abs(lead) > 1e-6, lead, 0.0))

    def refitted(
        self, times: np.ndarray, strengths: np.ndarray, coefficients: np.ndarray
    ) -> np.ndarray:
        """Return the strengths (R, 2) of the two by these battles, each question taken `times`
        (R, Q), with the other models' `strengths` (R, M). NaN for a model without a battle.
        """
        cells, ridge = self.scored.battles.cells, SLIGHT_RIDGE
        if cells.features is not None and self.scored.selection.estimator.penalty:
            ridge = 0.5 / np.log(10.0) ** 2
        drawn = times[:, cells.question[self.cells]]
        battles, base = drawn * self.battles, self.lead_of_others(strengths, coefficients)
        two = _fitted(self.sides, drawn * self.points, battles, base, ridge)
        if self.sides.all():  # battles against each other alone do not tell how strong both are
            board = strengths[:, list(self.pair)]
            two += (board.mean(axis=1) - two.mean(axis=1))[:, None]
        return np.where(battles @ (self.sides != 0) > 0, two, NONE)


def _strengths(scored: Scored, ratings: np.ndarray) -> np.ndarray:
    """Log-odds (..., M) of ratings against the anchor, or as the ridge of style control has it."""
    strengths = np.asarray((ratings - ANCHOR_RATING) / ELO_PER_LOGIT)
    ridge = scored.battles.cells.features is not None and scored.selection.estimator.penalty
    return strengths - np.nanmean(strengths, axis=-1, keepdims=True) if ridge else strengths


def _fitted(
    sides: np.ndarray, points: np.ndarray, battles: np.ndarray, base: np.ndarray, ridge: float
) -> np.ndarray:
    """Maximum likelihood strengths (R, K) of K models in R sets of battles, by Newton's method.

    `sides` (C, K), `points`, `battles` (C,) or (R, C). `base` (R, C): log-odds at strengths of 0.
    """
    theta = np.zeros((len(base), sides.shape[1]))
    for _ in range(100):
        chance = win_rates_of(base + theta @ sides.T) / 100.0
        gradient = (points - battles * chance) @ sides - ridge * theta
        weights = battles * chance * (1.0 - chance)
        hessian = np.einsum("rc,ck,cl->rkl", weights, sides, sides) + ridge * np.eye(len(theta.T))
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        theta = np.clip(theta + np.clip(step, -2.0, 2.0), -LARGEST, LARGEST)
        if not (np.abs(step) > 1e-9).any():
            break
    return theta


# Differences and intervals


def _comparison(
    duel: _Duel,
    difference: float,
    error: float,
    ends: tuple[float, float] | None = None,
    t: float | None = None,
) -> Comparison:
    """Return a comparison by the bootstrap, without what it cannot have.

    `error`: the standard error by the spread of the questions. It gives the interval and Student's
    t if they are not given as `ends` and `t`, and the detectable difference.
    """
    first, second = (duel.scored.battles.models[i] for i in duel.pair)
    questions = len(duel.questions)
    result = Comparison(first, second, questions, duel.same, "bootstrap", difference)
    if questions < FEW:
        number = "1 question is" if questions == 1 else f"{questions} questions are"
        return replace(result, reason=f"{number} too few, judge {FEW} or more")
    careful, freedom = differences.cautious(error, questions), questions - 1
    if error > NO_SPREAD:
        half, power = (float(student(level, freedom)) * careful for level in (0.95, 0.60))
        ends = ends or (max(difference - half, -100.0), min(difference + half, 100.0))
        t = difference / careful if t is None else t
        result = replace(result, detectable=half + power)
    if t is not None:
        result = replace(result, p_value=differences.student_p(t, freedom))
    if ends is None or ends[1] - ends[0] < NO_SPREAD:
        return replace(result, reason="every question gives the same difference")
    return replace(result, lower=ends[0], upper=ends[1])


def _with_permutation_tests(
    duels: Sequence[_Duel], results: Sequence[Comparison]
) -> list[Comparison]:
    """Return the comparisons with the p-values of exchanged judgments."""
    scored = duels[0].scored
    leads = np.zeros((len(scored.battles.questions), len(duels)))
    for column, duel in zip(leads.T, duels, strict=True):
        column[duel.questions] = duel.leads()
    p_values = differences.exchange_test(leads, scored.method.entropy(scored.selection)).tolist()
    # So many exchanges there are that a p-value has a least value.
    possible = 2.0 ** (1.0 - np.count_nonzero(leads, axis=0)) <= 0.05
    least, tested = 1.0 / (1.0 + differences.exchanges(len(duels))), []
    for result, p_value, can_find in zip(results, p_values, possible.tolist(), strict=True):
        p_value = p_value if result.questions >= FEW else NONE
        detectable = result.detectable if can_find else NONE
        result = replace(result, test="permutation", p_value=p_value, detectable=detectable)
        tested.append(replace(result, at_most=p_value <= least))
    return tested


def _by_points(
    duels: Sequence[_Duel], points: np.ndarray, battles: np.ndarray
) -> Iterator[Comparison]:
    """Yield the comparisons of a plain star from points and battles of each question (M, Q)."""
    anchor = duels[0].scored.battles.anchor
    points, battles = points.copy(), battles.copy()
    points[anchor], battles[anchor] = 0.5, 1.0  # it ties with itself
    for duel in duels:
        won, number = (values[list(duel.pair)][:, duel.questions] for values in (points, battles))
        rates = 100.0 * won.sum(axis=1) / number.sum(axis=1)
        error = differences.paired_error(won, number) if len(duel.questions) > 1 else 0.0
        ends = None
        if anchor in duel.pair:
            other = int(duel.pair[0] == anchor)
            low, high = (logit_t(won, number)[:, other] - 50.0).tolist()
            ends = (-high, -low) if other else (low, high)
        yield _comparison(duel, float(rates[0] - rates[1]), error, ends)


def _by_rounds(duels: Sequence[_Duel]) -> Iterator[Comparison]:
    """Yield the comparisons by a bootstrap over questions with all of the board's fit."""
    scored = duels[0].scored
    method, cells, fit = scored.method, scored.battles.cells, scored.fit
    questions = len(scored.battles.questions)
    enough = method.resample == "question" and method.rounds >= ENOUGH_ROUNDS
    rounds = method.rounds if enough else ROUNDS
    times = draw_questions(rounds, questions, method.entropy(scored.selection)).astype(float)
    ratings, coefficients = bradley_terry.reweighted(
        cells,
        scored.battles.anchor,
        times,
        style=scored.style,
        center=bool(method.center),
        penalty=scored.selection.estimator.penalty,
        workers=method.workers,
    )
    if scored.style:
        coefficients = np.tile(scored.style.coefficients, (len(times), 1))
    shift = _shift_of_mean(scored, times, coefficients)
    once = np.ones((1, questions))
    for duel in duels:
        (difference,) = _differences(duel, once, fit.ratings[None], fit.coefficients[None], 0.0)
        drawn, number = _differences(duel, times, ratings, coefficients, shift), len(duel.questions)
        (deviation,) = spread(drawn[:, None])
        error = float(deviation * np.sqrt(number / max(number - 1, 1)))
        if scored.battles.anchor in duel.pair:
            yield _against_baseline(duel, float(difference), error, drawn)
        else:
            yield _comparison(duel, float(difference), error)


def _against_baseline(
    duel: _Duel, difference: float, error: float, drawn: np.ndarray
) -> Comparison:
    """Return the comparison of a model with the baseline by rounds (R,): on the logit scale, which
    gives the interval of the board.
    """
    sign = -1.0 if duel.pair[0] == duel.scored.battles.anchor else 1.0
    rate, number = np.array([50.0 + sign * difference]), np.array([len(duel.questions)])
    strength = Strengths.of_rates(rate, 50.0 + sign * drawn[:, None], number)
    bounds = logit_sd(rate, strength.values, strength.errors, number)[:, 0] - 50.0
    low, high = sorted((sign * bounds).tolist())
    t = float(sign * strength.values[0] / strength.errors[0])
    return _comparison(duel, difference, error, (low, high), t)


def _shift_of_mean(
    scored: Scored, times: np.ndarray, coefficients: np.ndarray
) -> np.ndarray | float:
    """Log-odds (R,) that a star's baseline gains if features are centred on each round's mean.

    Fits keep the mean of the full data, which is an estimate as well.
    """
    cells, fit = scored.battles.cells, scored.fit
    is_star = (cells.a == scored.battles.anchor).all()
    if cells.features is None or scored.style or not fit.mean.any() or not is_star:
        return 0.0
    battles = cells.counts.sum(axis=0)
    sums = [
        np.bincount(cells.question, row * battles) for row in (*cells.features, battles * 0 + 1)
    ]
    totals = times[:, : len(sums[0])] @ np.stack(sums, axis=1)
    means = totals[:, :-1] / totals[:, -1:]
    scale = np.where(fit.scale > 0.0, fit.scale, np.inf)
    return np.asarray(((means - fit.mean) / scale * coefficients).sum(axis=1))


def _differences(
    duel: _Duel,
    times: np.ndarray,
    ratings: np.ndarray,
    coefficients: np.ndarray,
    shift: np.ndarray | float,
) -> np.ndarray:
    """Differences of win rates (R,) in percent, with each question taken `times` (R, Q).

    `ratings` (R, M), `coefficients` (R, F): those of the board, which other models keep. The two
    are fitted again if they have further battles.
    """
    pair, anchor = list(duel.pair), duel.scored.battles.anchor
    strengths = _strengths(duel.scored, ratings)
    baseline = 0.0 * strengths[:, :1] if anchor is None else strengths[:, [anchor]]
    if duel.same:
        two = strengths[:, pair]
    else:
        parts = range(0, len(times), CHUNK)
        given = [[x[i : i + CHUNK] for x in (times, strengths, coefficients)] for i in parts]
        two = np.concatenate([duel.refitted(*part) for part in given])
        for i in np.flatnonzero(np.array(pair) == anchor):
            baseline = two[:, [i]]
    moved = np.where(np.array(pair) == anchor, 0.0, np.reshape(shift, (-1, 1)))
    rates = win_rates_of(two - baseline - moved)
    return np.asarray(rates[:, 0] - rates[:, 1])
