"""Judge statistics: verdicts, bias of place and style, variance and agreement as numbers.

Every interval is of percentiles of a bootstrap over questions, expanded for few: sums by question,
weighted with how often a round draws each. Without rounds, or with under FEW questions, no measure
has an interval. NaN stands for an undefined measure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

import numpy as np

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import LABELS
from arena.quality.benchmark.measures import Estimate, divided
from arena.quality.benchmark.ratings import LEVEL
from arena.quality.panel import NOT_JUDGED, PLACE_A, Panel, outcomes_of
from arena.scoring import bradley_terry
from arena.scoring.cells import Cells, whole_numbers
from arena.scoring.uncertainty.components import (
    SUMS,
    RepeatedComponents,
    components,
    question_sums,
)
from arena.scoring.uncertainty.intervals import expanded, percentiles


@dataclass(frozen=True)
class Counted:
    """An estimate, the number of games or judgments it rests on, and why it has none."""

    estimate: Estimate = Estimate(math.nan, math.nan, math.nan)
    number: int = 0
    why: str = ""


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one judge, with shares in percent.

    `labels`: games by LABELS, in parts if they have several verdicts. `causes`: games without a
    verdict. `left_out`: skipped judgments.
    """

    judge: str
    models: int
    questions: int
    judgments: int
    games: int
    labels: Mapping[str, float]
    causes: Mapping[str, int]
    left_out: Mapping[str, int]
    place: Counted
    flips: Counted

    @property
    def decided(self) -> int:
        """The number of games with a verdict."""
        return round(sum(self.labels.values()))


@dataclass(frozen=True)
class PairReport:
    """The agreement of two judges on the games that both decided.

    `same`: percentage with one label. `weighted`: kappa with squared distances of the labels.
    `confusion`: games by the first's label, then by the second's, in parts if a game has several
    verdicts. `why`: the reason for no kappa.
    """

    first: str
    second: str
    games: int
    same: Estimate
    kappa: Estimate
    weighted: Estimate
    confusion: tuple[tuple[float, ...], ...]
    why: str = ""


def draw_questions(number: int, rounds: int, seed: int) -> np.ndarray:
    """Draw a number of questions in each round with replacement: how often each is drawn (R, Q)."""
    if not rounds:
        return np.zeros((0, number))
    rng = np.random.default_rng(seed)
    return rng.multinomial(number, np.full(number, 1 / number), rounds).astype(float)


def verdicts(panel: Panel, judge: int, times: np.ndarray, workers: int = 1) -> Verdicts:
    """Count the verdicts of the judge with number `judge` over the rounds `times` (R, Q)."""
    name, played = panel.judges[judge], panel.worth[judge] != NOT_JUDGED
    judged = played.any(axis=1)
    counts = whole_numbers(panel.shares(judge).sum(axis=(0, 1)).round(2))
    return Verdicts(
        judge=name,
        models=len(np.unique(panel.model[judged])),
        questions=len(np.unique(panel.question[judged])),
        judgments=int(judged.sum()),
        games=int(played.sum()),
        labels=dict(zip(LABELS, counts.tolist(), strict=True)),
        causes=panel.causes.get(name, {}),
        left_out=panel.left_out.get(name, {}),
        place=place_bias(panel, [judge], times, workers),
        flips=flips(panel, judge, times),
    )


# Place


TWICE = "no judgment with two verdicts"
UNCONNECTED = "no chain of battles between all models"


def place_bias(panel: Panel, judges: Sequence[int], times: np.ndarray, workers: int = 1) -> Counted:
    """The points of win rate that the first place adds at an even match, for some judges together.

    100 / (1 + e^-p) - 50 of a coefficient p in a Bradley-Terry fit of games, +p if the model has
    place A and -p if not (Davidson and Beaver 1977). A tie is half a win, `>>` counts once. Other
    than the share of games won by A it does not depend on how much the models differ.
    """
    # Judgments with one verdict are skipped: the lost games may be those on other questions.
    twice = panel.decided[list(judges)].all(axis=2)
    judge, battle = np.nonzero(twice)
    if not len(battle):
        return Counted(why=TWICE)
    models = len(panel.models)
    pairs, pair = np.unique((panel.baseline * models + panel.model)[battle], return_inverse=True)
    sides, numbers = np.unique(np.divmod(pairs, models), return_inverse=True)
    shares = np.stack([outcomes_of(panel.shares(number)) for number in judges])[judge, battle]
    # The counts of pair, game and outcome are enough for the fit. Each is a cell of one battle, and
    # a round takes the cell as often as it draws such battles.
    kinds = np.arange(6 * len(pairs))
    kind = 6 * pair[:, None, None] + np.arange(6).reshape(2, 3)
    cell = panel.question[battle][:, None, None] * len(kinds) + kind
    sums = np.bincount(cell.ravel(), shares.ravel(), times.shape[1] * len(kinds))
    sums = sums.reshape(times.shape[1], -1)
    a, b = numbers.reshape(2, -1)[:, kinds // 6]
    counts = np.eye(3, dtype=int)[:, kinds % 3]
    cells = Cells(len(sides), a, b, kinds, counts, -1.0 * PLACE_A[None, kinds // 3 % 2])
    anchor = int(np.bincount(a).argmax())

    def fitted(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fits = bradley_terry.reweighted(cells, anchor, drawn, penalty=False, workers=workers)
        return fits[0], 50.0 * np.tanh(fits[1] / 2.0)

    # The value is fitted alone, so that no digit of it depends on the rounds.
    ratings, value = fitted(sums.sum(axis=0, keepdims=True))
    if np.isnan(ratings).any():
        return Counted(why=UNCONNECTED)
    samples = fitted(times @ sums)[1] if len(times) else np.empty((0, 1))
    (estimate,) = _estimates(value[0], samples, times)
    return Counted(estimate, 2 * len(battle))


def flips(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """The percentage of judgments with two verdicts whose winners differ, or only one is a tie.

    Of games with several verdicts, each verdict of one is compared with each of the other.
    """
    twice = panel.decided[judge].all(axis=1)
    first, second = outcomes_of(panel.shares(judge)[twice]).swapaxes(0, 1)
    question, questions = panel.question[twice], times.shape[1]
    flipped = np.bincount(question, 1 - (first * second).sum(axis=1), questions)
    sums = np.stack([flipped, np.bincount(question, minlength=questions)], axis=1)
    (estimate,) = estimated(lambda of: 100.0 * divided(of[:, :1], of[:, 1:]), sums, times)
    return Counted(estimate, len(first), "" if len(first) else TWICE)


# Variance


NO_REPEATS = "no game with two verdicts"
EXTRA = 4  # sums beside those of the components


def variance_sums(panel: Panel, judge: int, questions: int) -> tuple[np.ndarray, int, bool]:
    """Sums by question (Q, SUMS x P + EXTRA) for the components of a judge's games, the number P of
    pairs of models, and whether a game has two verdicts. Extra: the squares of verdicts within
    games, their degrees of freedom, 1 / verdicts, and the games.
    """
    outcomes = panel.outcomes(judge)
    battle, game = np.nonzero(outcomes.sum(axis=2))
    numbers = panel.baseline * len(panel.models) + panel.model
    pairs, pair = np.unique(numbers, return_inverse=True)
    of_games, worths = outcomes[battle, game], np.array([0.0, 0.5, 1.0])
    verdicts, question = of_games.sum(axis=1), panel.question[battle]
    points = of_games @ worths / verdicts
    shape = (questions, len(pairs))
    sums = question_sums(points, PLACE_A[game], question, pair[battle], shape)
    within = of_games @ worths**2 - verdicts * points**2
    values = (within, verdicts - 1, 1.0 / verdicts, np.ones(len(battle)))
    extra = [np.bincount(question, row, questions)[:, None] for row in values]
    return np.hstack([sums.reshape(questions, -1), *extra]), len(pairs), bool((verdicts > 1).any())


class Variance(NamedTuple):
    """The parts of the variance of a judge's verdicts: see `variance`."""

    question: Counted
    place: Counted
    worth: Counted
    repeat: Counted
    narrowed: Counted


def variance(panel: Panel, judge: int, times: np.ndarray) -> Variance:
    """The shares of question and place in the variance of a verdict in percent, the number of
    repeated judgments that narrow scores as much as a judgment on a further question, the share of
    repeats, and the percentage by which twice the verdicts a game narrow scores.

    In points of games (a tie is half a win), by model and baseline. Without repeats, all that
    differs between the two games of a judgment but the mean effect of the place counts as noise,
    which repeats average out. A question is then worth at least so many repeats.
    """
    sums, pairs, is_repeated = variance_sums(panel, judge, times.shape[1])

    def measures(sums: np.ndarray) -> np.ndarray:
        parts = components(sums[:, :-EXTRA].reshape(len(sums), SUMS, pairs))
        further = np.full((2, len(sums)), np.nan)
        if is_repeated:
            spread, freedom, share, games = sums[:, -EXTRA:].T
            noise = np.maximum(divided(spread, freedom), 0.0)
            parts = RepeatedComponents.of_means(parts, noise, divided(share, games))
            further[:] = 100.0 * divided(parts.repeat, parts.total), 100.0 * parts.narrowed(2)
        shares = (100.0 * divided(part, parts.total) for part in (parts.question, parts.place))
        repeats = parts.repeats(2)
        repeats[np.isinf(repeats)] = np.nan
        return np.stack([*shares, repeats, *further], axis=1)

    reasons = ["all games have one outcome"] * 2 + ["both games of all judgments agree"]
    reasons += [NO_REPEATS] * 2
    if is_repeated:
        reasons[2:] = ["all verdicts of a game agree"] + ["all games have one outcome"] * 2
    if not (panel.outcomes(judge).sum(axis=2).min(axis=1, initial=1) > 0).any():
        reasons = [TWICE] * 3 + [NO_REPEATS] * 2
    found, games = [], int(sums[:, -1].sum())
    for estimate, why in zip(estimated(measures, sums, times), reasons, strict=True):
        if estimate.lower == estimate.upper:  # all rounds at the least possible value
            estimate = replace(estimate, lower=math.nan, upper=math.nan)
        undefined = math.isnan(estimate.value)
        found.append(Counted(why=why) if undefined else Counted(estimate, games))
    # Rounds have no interval for the place: near 0 all their squares are above its estimate.
    value = replace(found[1].estimate, lower=math.nan, upper=math.nan)
    found[1] = replace(found[1], estimate=value)
    return Variance(*found)


# Style

NO_SPREAD = "no answers differ in it"
NOT_MEASURED = "no style attributes of the answers. Add them with add_markdown_info.py"


def style_bias(
    panel: Panel, judge: int, features: np.ndarray, times: np.ndarray, workers: int = 1
) -> tuple[dict[str, Counted], str]:
    """The style coefficients of a judge, controlled for the models' strengths, and a note on the
    battles without the style of an answer, which are skipped.

    `features` (F, N): style differences of the battles, NaN if unknown. The coefficients are those
    of `show_result.py --style-control --style-center mean --one-board --method bradley-terry`: `>>`
    counts three times. They show a bias only as far as longer or more marked-up answers of a model
    are no better.
    """
    counts, known = outcome_counts(panel.shares(judge)), ~np.isnan(features)
    there = known.any(axis=1)  # a new attribute is not measured yet, which spoils no other
    decided, measured = counts.any(axis=0), known[there].all(axis=0) & there.any()
    used, skipped = np.flatnonzero(decided & measured), np.flatnonzero(decided & ~measured)
    if not len(used):
        return dict.fromkeys(ATTRIBUTES.values(), Counted(why=NOT_MEASURED)), ""
    note = ""
    if len(skipped):
        model, baseline, question = panel.names(skipped[0])
        note = (
            f"{len(skipped):,} of {decided.sum():,} battles are skipped, because an answer or its "
            f"style attributes are missing, e.g. {model} against {baseline} on {question}"
        )
    # Only models with a used battle: the strength of others is undefined, and the fit would fail.
    sides, numbers = np.unique([panel.baseline[used], panel.model[used]], return_inverse=True)
    a, b = numbers.reshape(2, -1)
    cells = Cells(len(sides), a, b, panel.question[used], counts[:, used], features[there][:, used])
    anchor = int(np.bincount(a).argmax())
    try:
        fit = bradley_terry.fit(cells, anchor)
    except bradley_terry.DisconnectedError:
        return dict.fromkeys(ATTRIBUTES.values(), Counted(why=UNCONNECTED)), note
    _, samples = bradley_terry.reweighted(cells, anchor, times, workers=workers)
    battles, estimates = round(cells.counts.sum()), _estimates(fit.coefficients, samples, times)
    found = dict.fromkeys(ATTRIBUTES.values(), Counted(why=NOT_MEASURED))
    for name, estimate, spread in zip(compress(found, there), estimates, fit.scale, strict=True):
        found[name] = Counted(estimate, battles) if spread > 0 else Counted(why=NO_SPREAD)
    return found, note


def outcome_counts(labels: np.ndarray) -> np.ndarray:
    """Weighted battles (3, N) of the shares of labels (N, 2, 5): wins of the baseline, ties, wins
    of the model.
    """
    return np.asarray(outcomes_of(labels * np.array([3, 1, 1, 1, 3])).sum(axis=1).T)


# Agreement


def pair_report(panel: Panel, first: int, second: int, times: np.ndarray) -> PairReport:
    """Compare the labels of two judges game by game, each verdict of one with each of the other."""
    both = panel.decided[first] & panel.decided[second]
    question = np.broadcast_to(panel.question[:, None], both.shape)[both]
    rows, columns = (panel.shares(judge)[both] for judge in (first, second))
    pairs = ((row, column) for row in rows.T for column in columns.T)
    sums = [np.bincount(question, row * column, times.shape[1]) for row, column in pairs]
    same, kappa, weighted = estimated(agreement, np.stack(sums, axis=1), times)
    table = whole_numbers(np.sum(sums, axis=1).reshape(len(LABELS), -1).round(2))
    confusion = tuple(map(tuple, table.tolist()))
    games, names = int(both.sum()), (panel.judges[first], panel.judges[second])
    why = "" if games else "they share no game with a verdict of both"
    if games and math.isnan(kappa.value):
        why = "both give one and the same label"
    return PairReport(*names, games, same, kappa, weighted, confusion, why)


def agreement(sums: np.ndarray) -> np.ndarray:
    """Share of one label in percent, kappa, and kappa with quadratic weights (R, 3), from tables of
    K labels (R, K * K).

    Cohen (1968): 1 - (disagreement seen) / (disagreement by chance).
    """
    labels = math.isqrt(sums.shape[1])
    table = sums.reshape(-1, labels, labels)
    number = table.sum(axis=(1, 2))
    chance = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :]
    steps = np.subtract.outer(np.arange(labels), np.arange(labels))
    kappas = []
    for weight in (steps != 0, steps**2):
        seen, expected = ((weight * counts).sum(axis=(1, 2)) for counts in (table, chance))
        kappas.append(1.0 - divided(seen * number, expected))
    same = 100.0 * divided(np.trace(table, axis1=1, axis2=2), number)
    return np.stack([same, *kappas], axis=1)


# Sums by question

OfSums = Callable[[np.ndarray], np.ndarray]
"""Measures (R, S) from sums over the questions of each round (R, K)."""


def estimated(statistic: OfSums, sums: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimate the measures of a statistic of sums by question (Q, K) over the rounds (R, Q)."""
    value = statistic(sums.sum(axis=0, keepdims=True))[0]
    return _estimates(value, statistic(times @ sums), times)


def _estimates(values: np.ndarray, samples: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimates of values (S,) from those of resampled questions (R, S)."""
    rounds, questions = times.shape
    ends = np.full((2, len(values)), np.nan)
    if rounds:
        ends = percentiles(samples, expanded(LEVEL, np.array([questions])))
    return [Estimate(*row) for row in np.vstack([values, ends]).T.tolist()]
