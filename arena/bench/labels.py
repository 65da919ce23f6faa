"""The five verdict labels: spellings, signed worth, winner and words.

A label speaks of the places A and B. Game 1 (index 0) shows the baseline as A and the model as B,
game 2 swaps them. All that a label means follows from its signed worth.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

WORTH = {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2}
"""What a label is worth to the assistant in place A: its sign is the winner, 2 is by far."""

LABELS = tuple(WORTH)

# Judges also write the mirrored spellings.
_SPELLINGS = {
    **{label: label for label in LABELS},
    "A<B": "B>A",
    "A<<B": "B>>A",
    "B=A": "A=B",
    "B<A": "A>B",
    "B<<A": "A>>B",
}
_DIGITS = re.compile(r"\s*-?\d{1,9}(\.\d+)?\s*", re.ASCII)

NO_VERDICT, GRADE = "no verdict", "grade"
OUTCOMES = {2: "strong win", 1: "win", 0: "tie", -1: "loss", -2: "strong loss"}
"""What a game's worth to the model is called, from the best to the worst."""

Label = str | float | None
Labels = Sequence[Label]


def normal_label(text: Label) -> str | None:
    """Return the label that a spelling means, in any case and with stray brackets, or None."""
    return _SPELLINGS.get(re.sub(r"[\[\]\s]", "", text).upper()) if isinstance(text, str) else None


@functools.lru_cache(4096)
def worth(label: Label, game: int) -> int | None:
    """Return what game 0 or 1 is worth to the model (2 a win by far, -2 a loss by far), or None
    without a verdict.
    """
    normal = normal_label(label) if game < 2 else None
    if normal is None:
        return None
    return WORTH[normal] if game == 1 else -WORTH[normal]


def winner(label: Label, game: int) -> int | None:
    """Return who won game 0 or 1: 1 the model, -1 the baseline, 0 neither, None without a
    verdict.
    """
    points = worth(label, game)
    return None if points is None else (points > 0) - (points < 0)


def winners(labels: Labels) -> tuple[int | None, ...]:
    """Return the winner of each game."""
    return tuple(winner(label, game) for game, label in enumerate(labels))


def label_of_worth(points: float) -> str:
    """Return the label of a worth to place A; up to 1 in size it is a slight win."""
    if points == 0:
        return "A=B"
    sign = ">" if abs(points) <= 1 else ">>"
    return f"A{sign}B" if points > 0 else f"B{sign}A"


def outcome(label: Label, game: int) -> str:
    """Return the outcome of a game for the model: one of OUTCOMES, GRADE or NO_VERDICT."""
    if is_grade(label):
        return GRADE
    points = worth(label, game)
    return NO_VERDICT if points is None else OUTCOMES[points]


def outcomes(labels: Labels) -> tuple[str, ...]:
    """Return the outcome of each game, at least one."""
    return tuple(outcome(label, game) for game, label in enumerate(labels)) or (NO_VERDICT,)


def games_disagree(labels: Labels) -> bool:
    """Whether both games have a verdict and name different winners."""
    won = winners(labels[:2])
    return len(won) == 2 and None not in won and won[0] != won[1]


def tendency(labels: Labels) -> int | None:
    """Return whom a judgment favours over its games: 1 the model, -1 the baseline, 0 neither, None
    without a verdict.
    """
    won = [side for side in winners(labels[:2]) if side is not None]
    return (sum(won) > 0) - (sum(won) < 0) if won else None


def grade_of(value: object) -> float | None:
    """Return the grade that a JSON value or a text of digits is, or None."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e9:
        return None
    return int(value) if value == int(value) else value


def is_grade(label: Label) -> bool:
    """Whether a game's score is the grade of a single answer."""
    return isinstance(label, (int, float))


def label_of(score: Label) -> Label:
    """Return a game's label, or its grade as a number."""
    grade = grade_of(score)
    return score if grade is None else grade
