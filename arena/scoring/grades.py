"""Grades of single answers: their means and intervals, over models and questions."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from arena.bench.labels import grade_of
from arena.bench.provenance import decoded_settings
from arena.scoring.bradley_terry import Fit
from arena.scoring.uncertainty.rounds import draw_questions


def fit(total: np.ndarray, number: np.ndarray) -> Fit:
    """Mean grades (M,) over all questions, with equal weight for each grade."""
    none = np.empty(0)
    return Fit(total.sum(axis=1) / number.sum(axis=1), none, none, none)


def scores(means: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (M,) and those of the rounds (rounds, M): mean grades as they are."""
    return means, samples


def bootstrap(
    total: np.ndarray, number: np.ndarray, *, rounds: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Mean grades (rounds, M) of resampled questions, each with all of its grades.

    NaN if a resample has no grade of a model.
    """
    times = draw_questions(rounds, total.shape[1], seed)
    with np.errstate(invalid="ignore"):
        return np.asarray((times @ total.T) / (times @ number.T))


@functools.lru_cache(maxsize=64)
def range_of_grades(settings: bytes) -> tuple[float, float] | None:
    """Return the lowest and the highest grade in the settings of a game."""
    values = decoded_settings(settings).get("grades")
    grades = [grade_of(value) for value in values] if isinstance(values, list) else []
    lowest, highest = grades if len(grades) == 2 else (None, None)
    return None if lowest is None or highest is None else (lowest, highest)


def range_text(span: tuple[float, float]) -> str:
    """Return a range of grades in words."""
    return f"from {span[0]:g} to {span[1]:g}"
