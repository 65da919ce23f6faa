"""Judges compared on the same games: kinship with the models they judge, and agreement.

Arrays in, numbers out, with intervals over questions as in judge_measures.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from arena.bench.labels import LABELS, Labels
from arena.quality.judge_measures import (
    Counted,
    Verdicts,
    divided,
    draw_questions,
    estimated,
    undefined,
    verdicts,
)
from arena.quality.measures import Estimate
from arena.quality.panel import Battle, Panel, panel_of


@dataclass(frozen=True)
class PairReport:
    """The agreement of two judges on the games that both decided.

    `same`: percentage with one label. `kappa`: Cohen's. `weighted`: kappa with squared distances of
    the labels as weights. `confusion`: games by the first's label, then by the second's. `why`: the
    reason for a measure without a value.
    """

    first: str
    second: str
    games: int
    same: Estimate
    kappa: Estimate
    weighted: Estimate
    confusion: tuple[tuple[int, ...], ...]
    why: str = ""


def judge_numbers(labels: Mapping[str, Mapping[Battle, Labels]]) -> JudgeNumbers:
    """Count the verdicts of each judge and compare each two judges, without intervals.

    `labels`: of each judge and battle those of its games.
    """
    panel = panel_of(labels)
    times = draw_questions(panel, 0, 0)
    numbers = range(len(panel.judges))
    pairs = [pair_report(panel, *pair, times) for pair in combinations(numbers, 2)]
    return (
        {panel.judges[judge]: verdicts(panel, judge, times) for judge in numbers},
        {(pair.first, pair.second): pair for pair in pairs},
    )


JudgeNumbers = tuple[dict[str, Verdicts], dict[tuple[str, str], PairReport]]

# Kin

LEAST_REST = 3  # models whose line shows what a judge's strictness, noise and bias for a place do


def kinship(
    panel: Panel, judge: int, family: Mapping[str, str], times: np.ndarray
) -> tuple[Counted, Counted]:
    """How much more a judge gives the models of its family than other judges do, and how much of
    that is self-preference.

    In points of win rate (a tie is half a win), over the games that it and a judge of another
    family decided, with the mean of the others' verdicts. The second is the mean residual of kin
    from the line on which the judge's win rates of the rest, models of no judge's family, follow
    the others': strictness, noise and bias for a place all change win rates by a line. Each round
    fits its own. `family`: that of each judge and model. A name that is not there is a family of
    its own.
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
            return undefined(reason), undefined(reason)

    measures = functools.partial(_kin_measures, kin=kin, rest=rest)
    estimates = estimated(measures, sums.reshape(len(sums), -1), times)
    difference, preference = (Counted(estimate, games) for estimate in estimates)
    of_rest = sums.sum(axis=0)[:, rest]
    if (of_rest[2] > 0).sum() < LEAST_REST:
        return difference, undefined(f"fewer than {LEAST_REST} models of no judge's family")
    if np.isnan(_line(of_rest[None])[0][0]):
        return difference, undefined("all models of no judge's family have one win rate")
    return difference, preference


def _sums_by_model(panel: Panel, judge: int, others: list[int], battles: np.ndarray) -> np.ndarray:
    """By question and model (Q, 3, M): points that a judge gives, the mean of those that others
    give, and the games that both decided, of the chosen `battles` (N,).

    Points of the model: 1 for a win, 1/2 for a tie, 0 for a loss.
    """
    points, decided = (np.sign(panel.worth) + 1) / 2, panel.decided
    number = decided[others].sum(axis=0)
    mean = divided((points * decided)[others].sum(axis=0), number)
    both = decided[judge] & (number > 0) & battles[:, None]
    models = len(panel.models)
    place = panel.question.astype(np.int64) * models + panel.model
    sums = [
        np.bincount(place, np.where(both, of_game, 0.0).sum(axis=1), len(panel.questions) * models)
        for of_game in (points[judge], mean, np.ones(both.shape))
    ]
    return np.stack([of_cell.reshape(-1, models) for of_cell in sums], axis=1)


def _kin_measures(sums: np.ndarray, kin: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The difference of kin and the part of it that is preference (R, 2), of sums (R, 3 M)."""
    sums = sums.reshape(len(sums), 3, -1)
    of_kin = sums[:, :, kin].sum(axis=2)
    mine, theirs = divided(of_kin[:, :2], of_kin[:, 2:]).T
    slope, middle = _line(sums[:, :, rest])
    expected = middle[0] + slope * (theirs - middle[1])
    return 100.0 * np.stack([mine - theirs, mine - expected], axis=1)


def _line(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope (R,) of one's win rates over the others', and their means (2, R), of sums (R, 3, M).

    Least squares over models, weighted by games. NaN if the others' win rates do not differ.
    """
    mine, theirs, games = sums.swapaxes(0, 1)
    total = sums.sum(axis=2)
    middle = divided(total[:, :2], total[:, 2:]).T
    apart = np.where(games > 0, divided(theirs, games) - middle[1][:, None], 0.0)
    spread = (games * apart**2).sum(axis=1)
    # Equal win rates of thirds differ by rounding, and the slope would be that of the rounding.
    spread[spread < 1e-12 * total[:, 2]] = 0.0
    return divided((apart * mine).sum(axis=1), spread), middle


# Agreement


def pair_report(panel: Panel, first: int, second: int, times: np.ndarray) -> PairReport:
    """Compare the labels of two judges game by game."""
    both = panel.decided[first] & panel.decided[second]
    cells = len(LABELS) ** 2
    question = np.broadcast_to(panel.question[:, None], both.shape)[both].astype(np.int64)
    row, column = (panel.codes(judge)[both] for judge in (first, second))
    place = question * cells + row * len(LABELS) + column
    sums = np.bincount(place, minlength=times.shape[1] * cells).reshape(times.shape[1], cells)
    same, kappa, weighted = estimated(_agreement, sums.astype(float), times)
    confusion = sums.sum(axis=0).reshape(len(LABELS), -1).tolist()
    games = int(both.sum())
    reason = "both give one and the same label" if games else "no game that both decided"
    return PairReport(
        first=panel.judges[first],
        second=panel.judges[second],
        games=games,
        same=same,
        kappa=kappa,
        weighted=weighted,
        confusion=tuple(map(tuple, confusion)),
        why=reason if math.isnan(kappa.value) else "",
    )


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
