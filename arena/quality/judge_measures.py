"""Judge statistics: verdicts, bias of place and style, kinship and agreement as arrays and numbers.

Every interval is a percentile bootstrap over questions: sums by question, weighted with how often
a round draws each. Without rounds no measure has an interval. NaN stands for an undefined measure.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import LABELS, Labels
from arena.quality.measures import Estimate, divided
from arena.quality.panel import NOT_JUDGED, PLACE_A, UNDECIDED, Battle, Panel, panel_of
from arena.quality.ratings import LEVEL
from arena.scoring import bradley_terry
from arena.scoring.cells import Cells
from arena.scoring.uncertainty.intervals import percentiles

FEW = 5  # questions for an interval: percentiles of fewer are those of a handful of draws


@dataclass(frozen=True)
class Counted:
    """An estimate, the number of games or judgments it rests on, and why it has none."""

    estimate: Estimate = Estimate(math.nan, math.nan, math.nan)
    number: int = 0
    why: str = ""


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one judge, with shares in percent.

    `labels`: games by LABELS. `causes`: games without a verdict. `left_out`: skipped judgments.
    """

    judge: str
    models: int
    questions: int
    judgments: int
    games: int
    labels: Mapping[str, int]
    causes: Mapping[str, int]
    left_out: Mapping[str, int]
    first_place: Counted
    flips: Counted

    @property
    def decided(self) -> int:
        """The number of games with a verdict."""
        return sum(self.labels.values())


@dataclass(frozen=True)
class PairReport:
    """The agreement of two judges on the games that both decided.

    `same`: percentage with one label. `weighted`: kappa with squared distances of the labels.
    `confusion`: games by the first's label, then by the second's. `why`: the reason for no kappa.
    """

    first: str
    second: str
    games: int
    same: Estimate
    kappa: Estimate
    weighted: Estimate
    confusion: tuple[tuple[int, ...], ...]
    why: str = ""


def judge_numbers(
    labels: Mapping[str, Mapping[Battle, Labels]],
) -> tuple[dict[str, Verdicts], dict[tuple[str, str], PairReport]]:
    """Count the verdicts of each judge by battle, and compare each two, without intervals."""
    panel = panel_of(labels)
    times = draw_questions(panel, 0, 0)
    judges = {name: verdicts(panel, judge, times) for judge, name in enumerate(panel.judges)}
    pairs = (pair_report(panel, *pair, times) for pair in combinations(range(len(judges)), 2))
    return judges, {(pair.first, pair.second): pair for pair in pairs}


def draw_questions(panel: Panel, rounds: int, seed: int) -> np.ndarray:
    """Draw the questions of each round with replacement: how often each is drawn (R, Q)."""
    number = len(panel.questions)
    if not rounds:
        return np.zeros((0, number))
    rng = np.random.default_rng(seed)
    return rng.multinomial(number, np.full(number, 1 / number), rounds).astype(float)


def verdicts(panel: Panel, judge: int, times: np.ndarray) -> Verdicts:
    """Count the verdicts of the judge with number `judge` over the rounds `times` (R, Q)."""
    name, played = panel.judges[judge], panel.worth[judge] != NOT_JUDGED
    judged = played.any(axis=1)
    counts = np.bincount(panel.codes(judge)[panel.decided[judge]], minlength=len(LABELS))
    return Verdicts(
        judge=name,
        models=len(np.unique(panel.model[judged])),
        questions=len(np.unique(panel.question[judged])),
        judgments=int(judged.sum()),
        games=int(played.sum()),
        labels=dict(zip(LABELS, counts.tolist(), strict=True)),
        causes=panel.causes.get(name, {}),
        left_out=panel.left_out.get(name, {}),
        first_place=first_place(panel, judge, times),
        flips=flips(panel, judge, times),
    )


# Place


def first_place(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """The percentage of games won by A among those that A or B wins."""
    # A judgment with one verdict would count a side in one place only, so that the models' strength
    # would look like a preference for a place.
    twice = panel.decided[judge].all(axis=1)
    worth = panel.worth[judge][twice] * PLACE_A
    won, games = (worth > 0).sum(axis=1), (worth != 0).sum(axis=1)
    return _share(panel.question[twice], won, games, times)


def flips(panel: Panel, judge: int, times: np.ndarray) -> Counted:
    """The percentage of judgments with two verdicts whose winners differ, or only one is a tie."""
    twice = panel.decided[judge].all(axis=1)
    winner = np.sign(panel.worth[judge][twice])
    flipped = winner[:, 0] != winner[:, 1]
    return _share(panel.question[twice], flipped, np.ones(len(flipped)), times)


def _share(question: np.ndarray, part: np.ndarray, whole: np.ndarray, times: np.ndarray) -> Counted:
    """A share in percent of sums over judgments, each (n,)."""
    questions = times.shape[1]
    sums = np.array([np.bincount(question, values, questions) for values in (part, whole)]).T
    total = int(whole.sum())
    (estimate,) = _estimated(lambda of: 100.0 * divided(of[:, :1], of[:, 1:]), sums, times)
    return Counted(estimate, total, "" if total else "no such verdicts")


# Style

NO_SPREAD = "no answers differ in it"


def style_bias(
    panel: Panel, judge: int, features: np.ndarray, times: np.ndarray, workers: int = 1
) -> tuple[dict[str, Counted], str]:
    """The style coefficients of a judge, controlled for the models' strengths, and a note on the
    battles without the style of an answer, which are skipped.

    `features` (F, N): style differences of the battles, NaN if unknown. The coefficients are those
    of `show_result.py --style-control --one-board --method bradley-terry`: `>>` counts three times.
    They show a bias only as far as longer or more marked-up answers of a model are no better.
    """
    counts = outcome_counts(panel.worth[judge])
    decided, measured = counts.any(axis=0), ~np.isnan(features).any(axis=0)
    used, skipped = np.flatnonzero(decided & measured), np.flatnonzero(decided & ~measured)
    if not len(used):
        reason = "no style attributes of the answers. Add them with add_markdown_info.py"
        return dict.fromkeys(ATTRIBUTES.values(), Counted(why=reason)), ""
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
    cells = Cells(len(sides), a, b, panel.question[used], counts[:, used], features[:, used])
    anchor = int(np.bincount(a).argmax())
    try:
        fit = bradley_terry.fit(cells, anchor)
    except bradley_terry.DisconnectedError:
        reason = "no chain of battles between all models"
        return dict.fromkeys(ATTRIBUTES.values(), Counted(why=reason)), note
    _, samples = bradley_terry.reweighted(cells, anchor, times, workers=workers)
    battles, estimates = int(cells.counts.sum()), _estimates(fit.coefficients, samples, times)
    return {
        name: Counted(estimate, battles) if spread > 0 else Counted(why=NO_SPREAD)
        for name, estimate, spread in zip(ATTRIBUTES.values(), estimates, fit.scale, strict=True)
    }, note


def outcome_counts(worth: np.ndarray) -> np.ndarray:
    """Weighted battles (3, N) of worths (N, 2): wins of the baseline, ties, wins of the model."""
    weight = np.where(worth > UNDECIDED, np.where(np.abs(worth) == 2, 3, 1), 0)
    winners = np.sign(worth)
    return np.array([(weight * (winners == winner)).sum(axis=1) for winner in (-1, 0, 1)])


# Kin

LEAST_REST = 3  # models whose line shows what a judge's strictness, noise and bias for a place do


def kinship(
    panel: Panel, judge: int, family: Mapping[str, str], times: np.ndarray
) -> tuple[Counted, Counted]:
    """The advantage that a judge gives the models of its family over what other judges give them,
    and the part of it that is self-preference.

    In points of win rate (a tie is half a win), over the games that it and a judge of another
    family decided, with the mean of the others' verdicts. The second is the mean residual of kin
    from the line on which the judge's win rates of the rest, models of no judge's family, follow
    the others': strictness, noise and bias for a place all change win rates by a line. `family`:
    that of each judge and model. A missing name is a family of its own.
    """
    families = [family.get(name, name) for name in panel.judges]
    of_model = np.array([family.get(name, name) for name in panel.models])
    kin, rest = of_model == families[judge], ~np.isin(of_model, families)
    others = [other for other in panel.others(judge) if families[other] != families[judge]]
    # Battles against a baseline of the judge's family say the contrary of those against others.
    apart = ~kin[panel.baseline]
    sums = _sums_by_model(panel, judge, others, apart)
    games = int(sums[:, 2, kin].sum())
    reasons = (
        (len(panel.judges) == 1, "one judge only"),
        (not (kin[panel.model] | ~apart).any(), "no model of its family"),
        (not others, "no judge of another family"),
        (not (kin[panel.model] & apart).any(), "the baseline is of its family"),
        (not games, "no game that a judge of another family decided too"),
    )
    for applies, reason in reasons:
        if applies:
            return Counted(why=reason), Counted(why=reason)
    measures = functools.partial(_kin_measures, kin=kin, rest=rest)
    estimates = _estimated(measures, sums.reshape(len(sums), -1), times)
    difference, preference = (Counted(estimate, games) for estimate in estimates)
    if (sums[:, 2, rest].sum(axis=0) > 0).sum() < LEAST_REST:
        preference = Counted(why=f"fewer than {LEAST_REST} models of no judge's family")
    elif math.isnan(preference.estimate.value):
        preference = Counted(why="all models of no judge's family have one win rate")
    return difference, preference


def _sums_by_model(panel: Panel, judge: int, others: list[int], battles: np.ndarray) -> np.ndarray:
    """By question and model (Q, 3, M): points that a judge gives (1 for a win, 1/2 for a tie), the
    mean of those that others give, and the games that both decided, of the chosen `battles` (N,).
    """
    points, decided = (np.sign(panel.worth) + 1) / 2, panel.decided
    number = decided[others].sum(axis=0)
    mean = divided((points * decided)[others].sum(axis=0), number)
    both = decided[judge] & (number > 0) & battles[:, None]
    models = len(panel.models)
    place = panel.question * models + panel.model
    sums = [
        np.bincount(place, np.where(both, of_game, 0.0).sum(axis=1), len(panel.questions) * models)
        for of_game in (points[judge], mean, np.ones(both.shape))
    ]
    return np.stack([of_cell.reshape(-1, models) for of_cell in sums], axis=1)


def _kin_measures(sums: np.ndarray, kin: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The difference of kin and the part of it that is preference (R, 2), of sums (R, 3 M).

    The line is that of least squares over the rest, weighted by games. NaN if the others give all
    models of the rest one win rate.
    """
    sums = sums.reshape(len(sums), 3, -1)
    of_kin, of_rest = sums[:, :, kin].sum(axis=2), sums[:, :, rest].sum(axis=2)
    mine, theirs = divided(of_kin[:, :2], of_kin[:, 2:]).T
    middle, their_middle = divided(of_rest[:, :2], of_rest[:, 2:]).T
    points, their_points, games = sums[:, :, rest].swapaxes(0, 1)
    apart = np.where(games > 0, divided(their_points, games) - their_middle[:, None], 0.0)
    spread = (games * apart**2).sum(axis=1)
    # Equal win rates of thirds differ by rounding, and the slope would be that of the rounding.
    spread[spread < 1e-12 * of_rest[:, 2]] = 0.0
    slope = divided((apart * points).sum(axis=1), spread)
    expected = middle + slope * (theirs - their_middle)
    return 100.0 * np.stack([mine - theirs, mine - expected], axis=1)


# Agreement


def pair_report(panel: Panel, first: int, second: int, times: np.ndarray) -> PairReport:
    """Compare the labels of two judges game by game."""
    both = panel.decided[first] & panel.decided[second]
    cells = len(LABELS) ** 2
    question = np.broadcast_to(panel.question[:, None], both.shape)[both]
    row, column = (panel.codes(judge)[both] for judge in (first, second))
    place = question * cells + row * len(LABELS) + column
    sums = np.bincount(place, minlength=times.shape[1] * cells).reshape(times.shape[1], cells)
    same, kappa, weighted = _estimated(_agreement, sums.astype(float), times)
    confusion = tuple(map(tuple, sums.sum(axis=0).reshape(len(LABELS), -1).tolist()))
    games, names = int(both.sum()), (panel.judges[first], panel.judges[second])
    why = ""
    if math.isnan(kappa.value):
        why = "both give one and the same label" if games else "no game that both decided"
    return PairReport(*names, games, same, kappa, weighted, confusion, why)


def _agreement(sums: np.ndarray) -> np.ndarray:
    """Share of one label in percent, kappa, and kappa with quadratic weights (R, 3), from (R, 25).

    Cohen (1968): 1 - (disagreement seen) / (disagreement by chance).
    """
    table = sums.reshape(-1, len(LABELS), len(LABELS))
    number = table.sum(axis=(1, 2))
    chance = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :]
    steps = np.subtract.outer(np.arange(len(LABELS)), np.arange(len(LABELS)))
    kappas = []
    for weight in (steps != 0, steps**2):
        seen, expected = ((weight * counts).sum(axis=(1, 2)) for counts in (table, chance))
        kappas.append(1.0 - divided(seen * number, expected))
    same = 100.0 * divided(np.trace(table, axis1=1, axis2=2), number)
    return np.stack([same, *kappas], axis=1)


# Sums by question

OfSums = Callable[[np.ndarray], np.ndarray]
"""Measures (R, S) from sums over the questions of each round (R, K)."""


def _estimated(statistic: OfSums, sums: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimate the measures of a statistic of sums by question (Q, K) over the rounds (R, Q)."""
    value = statistic(sums.sum(axis=0, keepdims=True))[0]
    return _estimates(value, statistic(times @ sums), times)


def _estimates(values: np.ndarray, samples: np.ndarray, times: np.ndarray) -> list[Estimate]:
    """Estimates of values (S,) from those of resampled questions (R, S)."""
    rounds, questions = times.shape
    ends = np.full((2, len(values)), np.nan)
    if rounds and questions >= FEW:
        ends = percentiles(samples, LEVEL)
    return [Estimate(*row) for row in np.vstack([values, ends]).T.tolist()]
