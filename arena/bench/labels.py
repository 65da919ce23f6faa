"""The five verdict labels: spellings, signed worth, winner and words.

A label speaks of the places A and B. Game 1 (index 0) shows the baseline as A and the model as B,
game 2 swaps them. All that a label means follows from its signed worth.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

WORTH = {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2}
"""The worth of a label to the assistant in place A: its sign is the winner, 2 is by far."""

LABELS = tuple(WORTH)

# Judges also write the mirrored spellings: A<B for B>A.
_MIRRORED = {label[::-1].replace(">", "<"): label for label in LABELS}
_SPELLINGS = {label: label for label in LABELS} | _MIRRORED
_DIGITS = re.compile(r"\s*-?\d{1,9}(\.\d+)?\s*", re.ASCII)

NO_VERDICT, GRADE, GAMES_DISAGREE = "no verdict", "grade", "games disagree"
OUTCOMES = {2: "strong win", 1: "win", 0: "tie", -1: "loss", -2: "strong loss"}
"""The words for the worth of a game to the model, from the best to the worst."""
COLUMNS = ("big wins", "small wins", "ties", "small losses", "big losses")
"""The numbers of OUTCOMES as columns of published boards and of files."""

BETTER = ("a tie", "slightly better", "much better")
"""The words for the size of a worth."""
WORDS = {
    label: f"{'A' if points > 0 else 'B'} is {BETTER[abs(points)]}" if points else BETTER[0]
    for label, points in WORTH.items()
}
LEGEND = ", ".join(f"{label}: {words}" for label, words in WORDS.items()) + "."

Label = str | float | None
Labels = Sequence[Label]


def normal_label(text: Label) -> str | None:
    """Return the label that a spelling means, in any case and with stray brackets, or None."""
    if not isinstance(text, str):
        return None
    # Nearly all are spelled so, and this takes a sixth of the time.
    return _SPELLINGS.get(text) or _SPELLINGS.get(re.sub(r"[\[\]\s]", "", text).upper())


@functools.lru_cache(4096)
def worth(label: Label, game: int) -> int | None:
    """Return the worth of game 0 or 1 to the model, 2 for a win by far, None without a verdict."""
    normal = normal_label(label) if game < 2 else None
    if normal is None:
        return None
    return WORTH[normal] if game == 1 else -WORTH[normal]


def winners(labels: Labels) -> tuple[int | None, ...]:
    """Return the winner of each game: 1 the model, -1 the baseline, 0 neither, None undecided."""
    points = (worth(label, game) for game, label in enumerate(labels))
    return tuple(p if p is None else (p > 0) - (p < 0) for p in points)


def label_of_worth(points: float) -> str:
    """Return the label of a worth to place A. Up to 1 in size it is a slight win."""
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


WON, LOST, SPLIT, TIED = "won", "lost", "split", "tied"
OVERALL = (WON, LOST, SPLIT, TIED, NO_VERDICT)


def overall(*judgments: Labels) -> str:
    """Return the outcome of one judgment or more for the model over their games with a verdict, one
    of OVERALL: split if each side won one.
    """
    won = {side for labels in judgments for side in winners(labels[:2]) if side is not None}
    if {1, -1} <= won:
        return SPLIT
    if not won:
        return NO_VERDICT
    return WON if 1 in won else LOST if -1 in won else TIED


def margin(*judgments: Labels) -> float | None:
    """Return the mean worth to the model of the games with a verdict, None without one."""
    games = (worth(label, game) for labels in judgments for game, label in enumerate(labels[:2]))
    points = [p for p in games if p is not None]
    return sum(points) / len(points) if points else None


def tendency(labels: Labels) -> int | None:
    """Return the side that won more games, as in `winners`, or None without a verdict."""
    won = [side for side in winners(labels) if side is not None]
    return (sum(won) > 0) - (sum(won) < 0) if won else None


def grade_of(value: object) -> float | None:
    """Return the grade that a JSON value or a text of digits is, or None."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e9:
        return None
    return int(value) if value == int(value) else value


@functools.lru_cache(1024)
def grades_of(labels: tuple[Label, ...]) -> tuple[float, ...]:
    """Return the grades among labels, as numbers."""
    grades = map(grade_of, labels)
    return tuple(grade for grade in grades if grade is not None)


def is_grade(label: Label) -> bool:
    """Whether a game's score is the grade of a single answer."""
    return isinstance(label, (int, float))


def label_of(score: Label) -> Label:
    """Return a game's label, or its grade as a number."""
    grade = grade_of(score)
    return score if grade is None else grade
