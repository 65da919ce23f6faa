"""Grades of single answers: their means and intervals, over models and questions."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from arena.scoring.battles import Counts

CHUNK_NUMBERS = 1 << 22  # of drawn questions at once: 32 MB


@dataclass(frozen=True)
class Grades:
    """The grades that judges gave: their sum and number for each model and question, both (M, Q).

    The names that the indices stand for are sorted.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    total: np.ndarray
    number: np.ndarray
    counts: Counts


@dataclass
class GradeColumns:
    """Grades while they are read, column by column."""

    model: list[str] = field(default_factory=list)
    question: list[str] = field(default_factory=list)
    grade: array[float] = field(default_factory=lambda: array("d"))
    missing: int = 0

    def add(self, model: str, question: str, grades: Sequence[float], games: int) -> None:
        """Add the grades of one answer, and count the games that gave none."""
        for grade in grades:
            self.model.append(model)
            self.question.append(question)
            self.grade.append(grade)
        self.missing += games - len(grades)

    def tables(self) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray, np.ndarray]:
        """Return the sorted models and questions, and sum and number of grades (M, Q)."""
        models, row = np.unique(self.model, return_inverse=True)
        questions, column = np.unique(self.question, return_inverse=True)
        total, number = np.zeros((2, len(models), len(questions)))
        np.add.at(total, (row, column), np.frombuffer(self.grade))
        np.add.at(number, (row, column), 1)
        return tuple(models.tolist()), tuple(questions.tolist()), total, number


def means(total: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Mean grades (M,) over all questions; each grade counts alike."""
    return np.asarray(total.sum(axis=1) / number.sum(axis=1))


def bootstrap(
    total: np.ndarray, number: np.ndarray, *, rounds: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Mean grades (rounds, M) of resampled questions, each with all of its grades.

    NaN where a resample holds no grade of a model.
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
