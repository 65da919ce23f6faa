"""Several judges pooled: the scores by judge, and what another choice of judges would change.

Judges are fixed or random. Fixed ones are the only judges that the scores are of. Random ones are a
sample of the judges that could have been asked, so the leave-one-judge-out variance of a rating,
(J - 1) / J sum (r_-j - mean)^2, belongs to its interval (Efron and Stein 1981, "The Jackknife
Estimate of Variance"). It has J - 1 degrees of freedom, and Student's t of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from arena.base.errors import InputError
from arena.base.table import listed
from arena.scoring import bradley_terry
from arena.scoring.battles import Battles, Grades
from arena.scoring.solver import ANCHOR_RATING, ELO_PER_LOGIT
from arena.scoring.uncertainty.intervals import log_odds_of, student, win_rates_of

JudgeEffects = Literal["fixed", "random"]
FEWEST = 4  # judges, of which the spread can be told from chance
FARTHEST = 1200.0  # of a rating from the baseline's: 99.9 %, for a model that lost no battle
STREAM = 7  # of random numbers, the same for all boards of a run: they have the same judges


@dataclass(frozen=True)
class Judges:
    """Ratings or mean grades (J, M) with one judge alone, and with all but one.

    NaN without data. `anchor`: the index of the baseline, if there is one. `limits`: the lowest and
    the highest grade, if they are known. `rated`: these are ratings, not grades.
    """

    alone: np.ndarray
    without: np.ndarray
    models: tuple[str, ...]
    anchor: int | None = None
    limits: tuple[float, float] = (-np.inf, np.inf)
    rated: bool = False

    @classmethod
    def of_battles(cls, battles: Battles, **options: Any) -> Judges | None:
        """Fit the battles of each judge, and those of the others. None without several judges.

        `options`: those of `bradley_terry.fit`.
        """
        cells = battles.cells
        if cells.judge is None:
            return None
        judges = int(cells.judge.max()) + 1
        # The fit weighs questions. Here judges take their place.
        by_judge, times = replace(cells, question=cells.judge), _one_and_others(judges)
        ratings, _ = bradley_terry.reweighted(by_judge, battles.anchor, times, **options)
        alone, without = np.split(ratings, 2)
        return cls(alone, without, battles.models, battles.anchor, rated=True)

    @classmethod
    def of_grades(cls, grades: Grades) -> Judges | None:
        """Average the grades of each judge, and those of the others, as `of_battles`."""
        if grades.by_judge is None or len(grades.by_judge[0]) < 2:
            return None
        total, number = (_one_and_others(len(table)) @ table for table in grades.by_judge)
        with np.errstate(invalid="ignore"):
            alone, without = np.split(total / number, 2)
        spans = grades.counts.ranges or [(-np.inf, np.inf)]
        limits = min(low for low, _ in spans), max(high for _, high in spans)
        return cls(alone, without, grades.models, limits=limits)

    @classmethod
    def mean(
        cls, parts: Sequence[Judges | None], shares: np.ndarray, models: Sequence[str]
    ) -> Judges | None:
        """Average the scores by judge on several boards by `shares` (B,), of models on all of them.

        None unless all boards have the same number of judges.
        """
        boards = [part for part in parts if part]
        if len(boards) < len(parts) or len({len(part.alone) for part in boards}) > 1:
            return None
        columns = [[part.models.index(model) for model in models] for part in boards]
        scores = [part.scores()[:, places] for part, places in zip(boards, columns, strict=True)]
        alone = np.tensordot(shares, scores, axes=1)
        return cls(alone, np.full_like(alone, np.nan), tuple(models))

    def scores(self, *, elo: bool = False) -> np.ndarray:
        """Return the scores (J, M) with one judge alone: win rates in percent, or mean grades."""
        if elo or not self.rated:
            return self.alone
        return bradley_terry.win_rates(self.alone, self.anchor)

    def ranges(self, *, elo: bool) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest score with one judge alone, of models with several.

        `elo`: ratings instead of win rates. The baseline has the same score with all judges.
        """
        alone, several = self.scores(elo=elo), (~np.isnan(self.alone)).sum(axis=0) > 1
        if self.anchor is not None:
            several[self.anchor] = False
        models = np.flatnonzero(several).tolist()
        low, high = (f(alone[:, models], axis=0).tolist() for f in (np.nanmin, np.nanmax))
        ends = zip(low, high, strict=True)
        return dict(zip((self.models[i] for i in models), ends, strict=True))

    def deviations(self) -> np.ndarray:
        """Return the deviations (J, M) of a rating or mean grade without one judge, scaled so that
        their squares sum to the leave-one-judge-out variance.

        Raises InputError for fewer than FEWEST judges, and for a model that one did not judge.
        """
        ratings, judges = self.without, len(self.without)
        if judges < FEWEST:
            raise too_few(judges)
        missing = np.isnan(self.alone).any(axis=0).tolist()
        if names := list(compress(self.models, missing)):
            raise InputError(
                f"--judge-effects random: not all judges have judged {listed(names)}. Add these "
                "judgments, or leave the flag out."
            )
        if self.rated:
            ratings = np.clip(ratings, *(ANCHOR_RATING + FARTHEST * np.array([-1.0, 1.0])))
        return np.asarray(np.sqrt((judges - 1) / judges) * (ratings - ratings.mean(axis=0)))

    def widened(
        self, ends: np.ndarray, scores: np.ndarray, level: float, *, rates: bool
    ) -> np.ndarray:
        """Return the ends (2, M) of the intervals of scores (M,) with the judges' variance in them.

        On the scale of ratings or grades, with sqrt(h^2 + t^2 v) for a half-width h and a variance
        v. This covers at least as often as `level` says (Banerjee 1961, "On Confidence Interval for
        Two-Means Problem").
        """
        deviations = self._quantile(level) * self.deviations()
        added = (deviations**2).sum(axis=0)
        sides = np.array([[-1.0], [1.0]])
        with np.errstate(divide="ignore", invalid="ignore"):
            if rates:
                middle, outer = (log_odds_of(percent) for percent in (scores, ends))
                half = np.sqrt((outer - middle) ** 2 + added / ELO_PER_LOGIT**2)
                wider = win_rates_of(middle + sides * half)
            else:
                wider = scores + sides * np.sqrt((ends - scores) ** 2 + added)
                wider = np.clip(wider, *self.limits)
        return np.where(added > 0, wider, ends)  # an infinite rating has no variance

    def _quantile(self, level: float) -> float:
        return float(student(level, len(self.without) - 1, least=FEWEST - 1))

    def drawn(
        self, samples: np.ndarray, seed: int, level: float, *, rates: bool = False
    ) -> np.ndarray:
        """Return the scores, ratings or grades (rounds, M) of rounds in which judges vary as well.

        Their variance is that of `widened`, and their draws are those of all boards of a run.
        """
        judges = len(self.without)
        draws = np.random.default_rng([seed, STREAM]).standard_normal((len(samples), judges))
        scale = self._quantile(level) / NormalDist().inv_cdf(0.5 + level / 2)
        noise = scale * draws @ self.deviations()
        if not rates:
            return np.asarray(samples + noise)
        return win_rates_of(log_odds_of(samples) + noise / ELO_PER_LOGIT)


def too_few(judges: int) -> InputError:
    """The error for judges that are too few to be random."""
    there = "1 judge is" if judges == 1 else f"{judges} judges are"
    ranges = ": the board prints the range of scores by judge without it" if judges > 1 else ""
    return InputError(
        f"--judge-effects random: {there} too few. It needs {FEWEST} or more. Leave it out{ranges}."
    )


def _one_and_others(judges: int) -> np.ndarray:
    """Weights (2 J, J) of judges: each alone, then all but each."""
    one = np.eye(judges)
    return np.vstack([one, 1.0 - one])
