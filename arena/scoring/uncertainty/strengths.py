"""The strengths of models with their question rounds: their standard errors and open ranks."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from arena.scoring.uncertainty.intervals import (
    ENOUGH_ROUNDS,
    FEW,
    spread,
    student,
    win_rates_of,
    with_prior,
)
from arena.scoring.uncertainty.ranks import rank_sets

RANK_LEVEL = 0.95


@dataclass(frozen=True)
class Strengths:
    """The strengths (M,) that order models, logits or grades, and those of the rounds (R, M).

    `questions` (M,): those on which each model was judged. `prior` (M,): a part of the standard
    errors that no round shows. `least` (M,): what these errors are at least. `boards`: of how many
    the strengths are means, each with questions of its own.
    """

    values: np.ndarray
    samples: np.ndarray
    questions: np.ndarray
    prior: np.ndarray
    least: np.ndarray | float = 0.0
    boards: int = 1

    @classmethod
    def of_rates(
        cls,
        rates: np.ndarray,
        samples: np.ndarray,
        questions: np.ndarray,
        exact: np.ndarray | None = None,
    ) -> Strengths:
        """Logits of win rates in percent against one baseline, with the prior of `logit_t`.

        The prior question gives an error to a model that won every battle, whose rounds are alike.
        One with nothing but ties has the error of points that vary by half a question. A baseline
        has no error: `exact` (M,).
        """
        logits = with_prior(rates, questions)
        p = win_rates_of(logits) / 100.0
        prior = (0.5 - p) / ((questions + 1.0) * p * (1.0 - p))
        least = 0.5 / np.sqrt(questions * (questions + 1.0)) / (p * (1.0 - p))
        if exact is not None:
            least = np.where(exact, 0.0, least)
        return cls(logits, with_prior(samples, questions), questions, prior, least)

    @classmethod
    def of_rounds(cls, samples: np.ndarray, questions: np.ndarray) -> Strengths:
        """The means of finite rounds: grades, or logits of a fit with a prior of its own."""
        placed = np.isfinite(samples)
        total = np.where(placed, samples, 0.0).sum(axis=0)
        return cls(total / np.maximum(placed.sum(axis=0), 1), samples, questions, 0.0 * total)

    @property
    def freedom(self) -> np.ndarray:
        """The degrees of freedom (M,) of the errors: each board has a mean of its own."""
        return np.asarray(self.questions - self.boards)

    @property
    def errors(self) -> np.ndarray:
        """The standard errors (M,), NaN for a model with under FEW questions, and NaN for all with
        under ENOUGH_ROUNDS.
        """
        if len(self.samples) < ENOUGH_ROUNDS:
            return np.full(self.values.shape, np.nan)
        return np.asarray(np.hypot(spread(self.samples), self._noise) * self._expansion)

    @functools.cached_property
    def ranks(self) -> np.ndarray:
        """Best and worst rank (2, M) of each model. All are right with a chance of 95 %.

        A model with under FEW questions may have any rank. Few questions widen the sets like
        intervals, by Student's t.
        """
        normal = NormalDist().inv_cdf(0.5 + RANK_LEVEL / 2)
        wider = self._expansion * student(RANK_LEVEL, self.freedom) / normal
        noise = np.random.default_rng(0).normal(size=self.samples.shape) * self._noise
        errors = (self.samples - self.values + noise) * wider
        return rank_sets(self.values, self.values + errors, RANK_LEVEL)

    @property
    def _noise(self) -> np.ndarray:
        """Standard deviations (M,) to add to the rounds: the prior, and more up to the `least`."""
        lacking = (self.least / self._expansion) ** 2 - spread(self.samples) ** 2
        return np.asarray(np.sqrt(np.maximum(self.prior**2, lacking)))

    @property
    def _expansion(self) -> np.ndarray:
        """Factors (M,) for rounds that draw n of n questions: they have (n - 1) / n of the variance
        of new questions (Hesterberg 2015, section 5.2), and those of k boards about (n - k) / n.
        """
        freedom = np.where(self.freedom >= FEW - 1, self.freedom, np.nan)
        return np.asarray(np.sqrt(self.questions / freedom))
