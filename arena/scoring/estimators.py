"""The three estimators of scores: v0.1's Bradley-Terry fit, v2.0's statistics, mean grades."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from arena.scoring import arena_v2, bradley_terry, grades
from arena.scoring.bradley_terry import Fit

Difference = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimator:
    """A way from battles or grades to scores.

    `fit`, `bootstrap`: ratings (M,) of the data, and (rounds, M) of resampled data. `scores`: both
    as scores, `(fitted, samples, anchor, controlled=, elo=)`. `level`: the share of the rounds in
    an interval. `most_baselines`: None for any number. `features`: style differences (C, F) of two
    answers' attributes, each (C, F), None without style control. `divisors`: further attributes
    that the features need. `penalty`: the ridge on style coefficients. `whole_judgments`: a
    judgment with an undecided game is skipped. `averages_rounds`: scores average the rounds.
    """

    name: str
    fit: Callable[..., Fit]
    bootstrap: Callable[..., np.ndarray]
    scores: Callable[..., tuple[np.ndarray, np.ndarray]]
    level: float = 0.95
    most_baselines: int | None = None
    features: Difference | None = None
    divisors: tuple[str, ...] = ()
    penalty: bool = False
    whole_judgments: bool = False
    averages_rounds: bool = False

    def measured(self, attributes: Iterable[str]) -> tuple[str, ...]:
        """Return the attributes of answers that must be known to control for some."""
        attributes = tuple(attributes)
        return tuple(dict.fromkeys((*self.divisors, *attributes))) if attributes else ()

    @property
    def bounds(self) -> tuple[str, str]:
        """The names of an interval's ends as columns: rating_q025 and rating_q975 at 95 %."""
        ends = (0.5 - self.level / 2, 0.5 + self.level / 2)
        low, high = (f"rating_q{f'{end:.3f}'[2:].rstrip('0')}" for end in ends)
        return low, high


BRADLEY_TERRY = Estimator(
    "bradley-terry",
    bradley_terry.fit,
    bradley_terry.bootstrap,
    bradley_terry.scores,
    features=bradley_terry.style_differences,
    penalty=True,
)
V2 = Estimator(
    "v2.0",
    arena_v2.fit,
    arena_v2.bootstrap,
    arena_v2.scores,
    level=arena_v2.LEVEL,
    most_baselines=1,
    features=arena_v2.style_differences,
    divisors=("tokens",),  # counts of markdown are divided by lengths
    whole_judgments=True,
    averages_rounds=True,
)
GRADES = Estimator("grade", grades.fit, grades.bootstrap, grades.scores)
OF_BATTLES = {estimator.name: estimator for estimator in (BRADLEY_TERRY, V2)}
