"""The format of scores: how those of a board are written and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from arena.scoring.estimators import BRADLEY_TERRY, GRADES, V2
from arena.scoring.solver import ANCHOR_RATING


@dataclass(frozen=True)
class Format:
    """The written and drawn form of a board's scores.

    `scale`: win rate, elo or grade. `score`, `interval`, `axis`: write a score, the offsets of its
    interval, and the label of an axis from the baseline. `data`, `verdict`: words for the counts.
    `note`: part of subtitles and file names. `table_heads`: of v2.0's table, None for v0.1's lines.
    `extremes`: the least and the best score. `missing`: advice for questions without a judgment.
    """

    scale: str
    score: Callable[[float], str]
    interval: Callable[[float, float], str]
    axis: Callable[[str | None], str]
    data: str = "weighted battles"
    verdict: str = "verdict"
    note: str = ""
    table_heads: tuple[str, str, str] | None = None
    baseline_score: float | None = None
    extremes: tuple[float, float] | None = None
    missing: str = "Judge the missing questions, or count them as lost with --missing loss."


def _truncated(value: float) -> str:
    return str(int(value)) if math.isfinite(value) else str(value)


_WIN_RATE = Format(
    "win rate",
    # v0.1 rounds its table before it prints it: 49.948 is 50.0, by way of 49.95.
    score=lambda score: f"{round(round(score, 2), 1):.1f}",
    interval=lambda lower, upper: f"({lower:.1f}, {upper:.1f})",
    axis=lambda name: f"win rate against {name} in %" if name else "mean of win rates in %",
    baseline_score=50.0,
    extremes=(0.0, 100.0),
)
_ELO = Format(
    "elo",
    score=_truncated,
    interval=lambda lower, upper: f"({_truncated(lower)}, {_truncated(upper)})",
    axis=lambda baseline: "rating",
    baseline_score=ANCHOR_RATING,
)
FORMATS: Mapping[tuple[str, bool], Format] = {
    (BRADLEY_TERRY.name, False): _WIN_RATE,
    (BRADLEY_TERRY.name, True): _ELO,
    (V2.name, False): replace(
        _WIN_RATE,
        score=lambda score: f"{score:.1f}",
        interval=lambda lower, upper: f"({lower or -0.0:+.1f} / {upper:+.1f})",  # no +0 below
        note="v2.0",
        table_heads=("Model", "Scores (%)", "CI (%)"),
    ),
    (V2.name, True): replace(
        _ELO,
        interval=lambda lower, upper: f"({lower or -0.0:+.0f} / {upper:+.0f})",
        note="v2.0",
        table_heads=("Model", "Ratings", "CI"),
    ),
    (GRADES.name, False): Format(
        "grade",
        score=lambda score: f"{score:.2f}",
        interval=lambda lower, upper: f"({lower:.2f}, {upper:.2f})",
        axis=lambda baseline: "mean grade",
        data="grades",
        verdict="a grade",
        missing="Judge the missing questions.",
    ),
}
"""The format of each estimator by its name, of win rates or grades and (True) of Elo ratings."""
