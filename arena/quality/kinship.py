"""The advantage that a judge gives models of its own family, and how much of it is preference."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import numpy as np

from arena.quality.judge_measures import Counted, estimated
from arena.quality.measures import divided
from arena.quality.panel import Panel

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
    estimates = estimated(measures, sums.reshape(len(sums), -1), times)
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
