"""The three estimators of scores: v0.1's Bradley-Terry fit, v2.0's statistics, mean grades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena.scoring import arena_v2, bradley_terry, grades
from arena.scoring.bradley_terry import Fit, Resample, win_rates
from arena.scoring.cells import Cells
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT
from arena.scoring.uncertainty.intervals import (
    FEW,
    logit_sd,
    logit_t,
    percentiles,
    student,
)
from arena.scoring.uncertainty.strengths import Strengths

NO_WIDTH = 1e-6  # of an interval whose draws are all alike
Difference = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Uncertainty:
    """The ends (2, M) of the intervals of scores, their `kind`, and the strengths that give ranks.

    The ranks are those of question rounds: from rounds over battles they would be too narrow.
    """

    ends: np.ndarray
    strengths: Strengths
    kind: str

    @property
    def ranks(self) -> np.ndarray:
        """Best and worst rank (2, M) of each model. All are right with a chance of 95 %."""
        return self.strengths.ranks

    def of_enough(self, questions: np.ndarray, exact: np.ndarray) -> Uncertainty:
        """Return it without intervals of models with under FEW `questions` (M,), and without those
        of drawn battles that are all alike. A baseline keeps its own: `exact` (M,).
        """
        unknown = (questions < FEW) | (self.ends[1] - self.ends[0] < NO_WIDTH)
        return replace(self, ends=np.where(unknown & ~exact, np.nan, self.ends))


@dataclass(frozen=True)
class Estimator:
    """A way from battles or grades to scores.

    `fit`, `bootstrap`: ratings (M,) of the data, and (rounds, M) of resampled data. `scores`: both
    as scores, `(fitted, samples, anchor, controlled=, elo=)`. `level`: the chance of an interval.
    `most_baselines`: None for any number. `features`: style differences (C, F) of two
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

    def uncertainty(
        self,
        cells: Cells,
        anchor: int | None,
        ratings: np.ndarray,
        samples: np.ndarray,
        *,
        resample: Resample,
        elo: bool = False,
    ) -> Uncertainty:
        """Return the intervals and ranks of ratings (M,) of battles, with their rounds (R, M).

        Percentiles of rounds over battles. Of rounds over questions, intervals on the logit scale:
        of a plain star in closed form, else from the spread of the rounds. NaN for a model with
        under FEW questions. The anchor's has no width. Without an anchor, ratings are about 1000.
        """
        star, questions = cells.star(anchor), cells.judged()
        rates, rounds = (win_rates(values, anchor) for values in (ratings, samples))
        if star:
            is_anchor = np.arange(cells.models) == anchor
            strengths = Strengths.of_rates(rates, rounds, questions, is_anchor)
        else:
            anchored = ANCHOR_RATING if anchor is None else samples[:, [anchor]]
            logits = (samples - anchored) / ELO_PER_LOGIT
            strengths = Strengths.of_rounds(logits, questions)
        if resample == "battle":
            ends = percentiles(samples if elo else rounds, self.level)
            if anchor is not None:
                ends[:, anchor] = ANCHOR_RATING if elo else 50.0  # also without a round
            return Uncertainty(ends, strengths, "percentiles")
        if star and cells.features is None:
            ends, kind = logit_t(*star, self.level), "logit-t"
        else:
            ends = logit_sd(rates, strengths.values, strengths.errors, questions, self.level)
            kind = "logit-sd"
        if anchor is not None:
            ends[:, anchor] = 50.0
        return Uncertainty(arena_v2.rating(ends) if elo else ends, strengths, kind)

    def overall_uncertainty(
        self,
        scores: np.ndarray,
        samples: np.ndarray,
        questions: np.ndarray,
        *,
        resample: Resample,
        boards: int,
        exact: np.ndarray,
        ranges: Sequence[tuple[float, float]] = (),
    ) -> Uncertainty:
        """Return the intervals and ranks of scores (M,) averaged over boards, as their rounds are.

        `questions` (M,): those of all boards on which each model was judged. `exact` (M,): the
        baseline of all boards, whose interval has no width. `ranges`: of grades. Without them, the
        intervals of grades are symmetric.
        """
        grades = self.features is None
        averaged = replace(Strengths.of_rounds(samples, questions), boards=boards)
        if grades and not ranges:
            half = student(self.level, averaged.freedom) * averaged.errors
            return Uncertainty(np.stack([scores - half, scores + half]), averaged, "t")
        lowest, highest = (np.min(ranges), np.max(ranges)) if grades else (0.0, 100.0)
        scale = (highest - lowest) / 100.0
        rates, rounds = ((values - lowest) / scale for values in (scores, samples))
        strengths = replace(Strengths.of_rates(rates, rounds, questions, exact), boards=boards)
        if resample == "battle" and not grades:
            ends, kind = percentiles(samples, self.level), "percentiles"
        else:
            logits, errors = strengths.values, strengths.errors
            ends = logit_sd(rates, logits, errors, strengths.freedom + 1, self.level)
            ends, kind = lowest + scale * ends, "logit-sd"
        ranked = averaged if grades else strengths
        return Uncertainty(np.where(exact, scores, ends), ranked, kind)

    @property
    def bounds(self) -> tuple[str, str]:
        """The names of an interval's ends as columns: rating_q025 and rating_q975 at 95 %."""
        ends = (0.5 - self.level / 2, 0.5 + self.level / 2)
        low, high = (f"rating_q{f'{end:.3f}'[2:].rstrip('0')}" for end in ends)
        return low, high


def grade_uncertainty(
    total: np.ndarray,
    number: np.ndarray,
    samples: np.ndarray,
    ranges: Sequence[tuple[float, float]] = (),
) -> Uncertainty:
    """Return the intervals and ranks of mean grades, of sums and numbers (M, Q) with rounds (R, M).

    Intervals are those of a plain star, with the lowest grade of `ranges` as a loss and the highest
    as a win: the grades of good models are too skewed for symmetric intervals. Without ranges these
    are the lowest and the highest mean of a question. NaN for a model with under FEW questions.
    Ranks and intervals have grades vary by half a question at least.
    """
    questions = (number > 0).sum(axis=1)
    means = total[number > 0] / number[number > 0]
    lowest, highest = (end(ranges or means.tolist()) for end in (np.min, np.max))
    least = 0.5 * (highest - lowest) / np.sqrt(questions * (questions + 1.0))
    strengths = replace(Strengths.of_rounds(samples, questions), least=least)
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = logit_t((total - lowest * number) / (highest - lowest), number)
    return Uncertainty(lowest + (highest - lowest) * ends / 100.0, strengths, "logit-t")


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
