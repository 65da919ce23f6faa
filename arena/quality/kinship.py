"""The advantage that a judge gives models of its own family, and how much of it is preference.

Both are in points of win rate (a tie is half a win), over the games that the judge and a judge of
another family decided, with the mean of the others' verdicts. Self-preference is the mean residual
of kin from the line on which the judge's win rates of the rest, models of no judge's family, follow
the others': strictness, noise and bias for a place all change win rates by a line.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import numpy as np

from arena.quality.benchmark.measures import divided
from arena.quality.judge_measures import Counted, estimated
from arena.quality.panel import Panel

LEAST_REST = 3  # models whose line shows what a judge's strictness, noise and bias for a place do


def kinship(
    panel: Panel,
    judge: int,
    family: Mapping[str, str],
    times: np.ndarray,
    style: np.ndarray | None = None,
) -> tuple[Counted, Counted]:
    """The advantage that a judge gives the models of its family over what other judges give them,
    and the part of it that is self-preference.

    `family`: that of each judge and model. A missing name is a family of its own. `style` (F, N):
    differences of the battles, for which the judge's win rates are adjusted. Without it a judge
    that likes long answers seems to prefer kin with long ones.
    """
    families = [family.get(name, name) for name in panel.judges]
    of_model = np.array([family.get(name, name) for name in panel.models])
    kin, rest = of_model == families[judge], ~np.isin(of_model, families)
    others = [other for other in panel.others(judge) if families[other] != families[judge]]
    # Battles against a baseline of the judge's family say the contrary of those against others.
    apart = ~kin[panel.baseline]
    style = np.empty((0, len(panel.model))) if style is None else style
    sums = _sums_by_model(panel, judge, others, apart, style)
    games = int(sums[:, 2, kin].sum())
    reasons = (
        (len(panel.judges) == 1, "one judge only"),
        (not (kin[panel.model] | ~apart).any(), "no model of its family"),
        (not others, "no judge of another family"),
        (not (kin[panel.model] & apart).any(), "the baseline is of its family"),
        (not games, "no game that a judge of another family decided too"),
    )
    if why := next((reason for applies, reason in reasons if applies), ""):
        return Counted(why=why), Counted(why=why)
    measures = functools.partial(_kin_measures, features=len(style), kin=kin, rest=rest)
    estimates = estimated(measures, sums.reshape(len(sums), -1), times)
    difference, preference = (Counted(estimate, games) for estimate in estimates)
    if (sums[:, 2, rest].sum(axis=0) > 0).sum() < LEAST_REST:
        preference = Counted(why=f"fewer than {LEAST_REST} models of no judge's family")
    elif math.isnan(preference.estimate.value):
        preference = Counted(why="all models of no judge's family have one win rate")
    return difference, preference


def _sums_by_model(
    panel: Panel, judge: int, others: list[int], battles: np.ndarray, style: np.ndarray
) -> np.ndarray:
    """Sums by question and model (Q, K, M) over the games of chosen `battles` (N,) that a judge and
    others decided: its points (1 for a win, 1/2 for a tie), the mean of theirs, and the games.

    Then `style` (F, N), its products with the points beyond theirs, and its products with itself.
    """
    points, decided = np.stack([panel.points(j) for j in range(len(panel.judges))]), panel.decided
    number = decided[others].sum(axis=0)
    mean = divided((points * decided)[others].sum(axis=0), number)
    both = decided[judge] & (number > 0) & battles[:, None]
    mine, theirs = (np.where(both, of_game, 0.0).sum(axis=1) for of_game in (points[judge], mean))
    games = both.sum(axis=1)
    style = np.where(games > 0, style, 0.0)
    squares = (games * style[:, None] * style).reshape(-1, len(games))
    models = len(panel.models)
    place = panel.question * models + panel.model
    sums = [
        np.bincount(place, of_battle, len(panel.questions) * models)
        for of_battle in (mine, theirs, games, *games * style, *(mine - theirs) * style, *squares)
    ]
    return np.stack([of_cell.reshape(-1, models) for of_cell in sums], axis=1)


def _kin_measures(sums: np.ndarray, features: int, kin: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The difference of kin and the part of it that is preference (R, 2), of sums (R, K M).

    The line is that of least squares over the rest, weighted by games. NaN if the others give all
    models of the rest one win rate.
    """
    sums = sums.reshape(len(sums), -1, len(kin))
    of_kin = sums[:, :3, kin].sum(axis=2)
    mine, theirs = divided(of_kin[:, :2], of_kin[:, 2:]).T
    adjusted = sums[:, 0] - _liking_of_style(sums, features, rest)
    (my_kin, my_points), games = (adjusted[:, models] for models in (kin, rest)), sums[:, 2, rest]
    their_points = sums[:, 1, rest]
    middle, their_middle = (divided(x.sum(1), games.sum(1)) for x in (my_points, their_points))
    apart = np.where(games > 0, divided(their_points, games) - their_middle[:, None], 0.0)
    spread = (games * apart**2).sum(axis=1)
    # Equal win rates of thirds differ by rounding, and the slope would be that of the rounding.
    spread[spread < 1e-12 * games.sum(axis=1)] = 0.0
    slope = divided((apart * my_points).sum(axis=1), spread)
    expected = middle + slope * (theirs - their_middle)
    preference = divided(my_kin.sum(axis=1), of_kin[:, 2]) - expected
    return 100.0 * np.stack([mine - theirs, preference], axis=1)


def _liking_of_style(sums: np.ndarray, features: int, rest: np.ndarray) -> np.ndarray:
    """The points (R, M) that a judge gives the models' style beyond what others give it.

    By least squares, within each model of the rest, of its points beyond theirs on style.
    """
    style, products, squares = np.split(sums[:, 3:], [features, 2 * features], axis=1)
    mean = divided(style, np.where(sums[:, [2]] > 0, sums[:, [2]], np.inf))
    excess = (sums[:, [0]] - sums[:, [1]])[:, :, rest]
    products = (products[:, :, rest] - mean[:, :, rest] * excess).sum(axis=2)
    outer = np.einsum("rfm,rgm->rfg", mean[:, :, rest], style[:, :, rest])
    squares = squares[:, :, rest].sum(axis=2).reshape(outer.shape) - outer
    slopes = np.linalg.pinv(squares, hermitian=True) @ products[:, :, None]
    return np.asarray((slopes * style).sum(axis=1))
