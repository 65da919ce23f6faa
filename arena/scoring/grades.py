"""Grades of single answers: their means and intervals, over models and questions."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from arena.bench.labels import grade_of
from arena.bench.provenance import decoded_settings
from arena.scoring.bradley_terry import Fit

CHUNK_NUMBERS = 1 << 22  # of drawn questions at once: 32 MB


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
    questions = total.shape[1]
    chances = np.full(questions, 1.0 / questions)
    rng = np.random.default_rng(seed)
    samples = np.empty((rounds, len(total)))
    size = max(1, CHUNK_NUMBERS // questions)
    for start in range(0, rounds, size):
        part = samples[start : start + size]
        times = rng.multinomial(questions, chances, len(part)).astype(float)
        with np.errstate(invalid="ignore"):
            part[:] = (times @ total.T) / (times @ number.T)
    return samples


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
