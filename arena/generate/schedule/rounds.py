"""The rounds of a run on random questions, which ends when its scores are known well enough."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

FEWEST, STEP = 100, 25  # questions of the first round, and of each one more

Job = TypeVar("Job")


class Goal(Protocol):
    """The goal of a run in rounds."""

    def is_reached(self, *, first: bool = False) -> bool:
        """Whether no further round is needed. `first`: nothing is judged yet. Raises InputError if
        nobody can know.
        """
        ...

    def text(self) -> str:
        """Return a sentence on how far the goal is reached."""
        ...


def shuffled(questions: Iterable[str]) -> list[str]:
    """Return the ids of questions in an order by chance, which is the same in all runs.

    It depends on each id alone. So a run goes on where an earlier one stopped, and a new model is
    judged on the questions that the others have.
    """

    def digest(question: str) -> bytes:
        return hashlib.sha256(question.encode("utf-8", "surrogatepass")).digest()

    return sorted(questions, key=digest)


FAILED = 0.1  # share of the questions of a round that may have no record, since all games failed


def begun(judged: Collection[str], questions: Sequence[str]) -> set[str]:
    """Return the questions that earlier runs have begun: the judged ones, and the rest of the
    rounds in which nearly all are judged. questions: the ids of all.
    """
    order = shuffled(questions)
    ends = [*range(FEWEST, len(order), STEP), len(order)]
    there = list(itertools.accumulate(question in judged for question in order))
    nearly = (end for end in ends if end and there[end - 1] >= (1 - FAILED) * end)
    return {*judged, *order[: max(nearly, default=0)]}


def rounds(
    jobs: Iterable[Job], question_of: Callable[[Job], object], questions: Sequence[str]
) -> Iterator[list[Job]]:
    """Yield the jobs of each round of random questions, in their order. questions: the ids of all.

    Rounds without jobs are left out: an earlier run has played them.
    """
    places = {question: place for place, question in enumerate(shuffled(questions))}
    by_round = defaultdict[int, list[Job]](list)
    for job in jobs:
        place = places[str(question_of(job))]
        by_round[0 if place < FEWEST else 1 + (place - FEWEST) // STEP].append(job)
    yield from (part for _, part in sorted(by_round.items()))
