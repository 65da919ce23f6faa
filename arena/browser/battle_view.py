"""One battle: what came out of its games, and what of it is shown."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from arena.bench.records import Question, Style
from arena.bench.verdict import Winner, grade_of, normal_label, outcome
from arena.browser.index import Place
from arena.quality.judges import Label, is_grade, winners

NO_VERDICT, GRADE = "no verdict", "grade"
OUTCOMES = {
    (Winner.MODEL, True): "strong win",
    (Winner.MODEL, False): "win",
    (Winner.TIE, False): "tie",
    (Winner.BASELINE, False): "loss",
    (Winner.BASELINE, True): "strong loss",
}
_POINTS = {Winner.MODEL: 1, Winner.TIE: 0, Winner.BASELINE: -1}


class Battle(msgspec.Struct, frozen=True, gc=False):
    """What the index knows of a judgment.

    `named`: the record itself names the baseline. Without `pairwise` the model's answer was graded
    alone, and the baseline may be "".
    """

    question: str
    model: str
    judge: str
    baseline: str
    file: Path
    named: bool
    pairwise: bool
    labels: tuple[Label, ...]
    place: Place

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a battle from others of its judge."""
        return self.question, self.model, self.baseline


def label_of(score: Label) -> Label:
    """Return a game's label, or its grade as a number."""
    grade = grade_of(score)
    return score if grade is None else grade


# Verdicts


@functools.lru_cache(4096)
def outcomes(labels: tuple[Label, ...]) -> tuple[str, ...]:
    """Return what came out of each game, seen from the model."""
    return tuple(_outcome(label, game) for game, label in enumerate(labels)) or (NO_VERDICT,)


def _outcome(label: Label, game: int) -> str:
    if is_grade(label):
        return GRADE
    if not isinstance(label, str) or normal_label(label) is None or game > 1:
        return NO_VERDICT
    return OUTCOMES[outcome(label, game)]


def games_disagree(labels: tuple[Label, ...]) -> bool:
    """Whether both games have a verdict and name different winners."""
    won = winners(labels[:2])
    return len(won) == 2 and None not in won and won[0] is not won[1]


def tendency(labels: tuple[Label, ...]) -> int | None:
    """Return whom a judgment favours: 1 the model, -1 the baseline, 0 neither; None if nobody
    knows.
    """
    won = [_POINTS[who] for who in winners(labels[:2]) if who is not None]
    return (sum(won) > 0) - (sum(won) < 0) if won else None


# Texts


@dataclass(frozen=True)
class Game:
    """One game as it is shown; `cause` tells why it has no verdict, where that is known."""

    number: int
    label: Label
    outcome: str
    played: bool
    explanation: str
    reasoning: str
    prompt: str
    cause: str


@dataclass(frozen=True)
class Side:
    """A model's answer, turn by turn; `missing` says why there is none."""

    name: str
    turns: tuple[str, ...]
    reasoning: tuple[str, ...]
    style: Style
    missing: str = ""


@dataclass(frozen=True)
class BattleView:
    """A battle with its texts."""

    battle: Battle
    question: Question | None
    games: tuple[Game, ...]
    model: Side
    baseline: Side | None
    others: tuple[Battle, ...]

    def shown(self, number: int) -> tuple[tuple[str, Side], ...]:
        """Return the sides with their letters, in the order in which game 0 or 1 shows them."""
        if self.baseline is None:
            return (("", self.model),)
        if not self.battle.pairwise:
            return ("", self.model), ("", self.baseline)
        sides = (self.baseline, self.model) if number == 0 else (self.model, self.baseline)
        return tuple(zip("AB", sides, strict=True))


def games_of(record: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """Return the games of a judgment's record, None for what is no game."""
    return [game if isinstance(game, dict) else None for game in record.get("games") or []]


def game_of(number: int, label: Label, record: Mapping[str, Any] | None) -> Game:
    """Return a game of either generation."""
    known: Mapping[str, Any] = record or {}
    said, asked = known.get("judgment"), known.get("user_prompt", known.get("prompt"))
    reply = said if isinstance(said, dict) else {"answer": said, "thought": known.get("reasoning")}
    return Game(
        number=number,
        label=label,
        outcome=_outcome(label, number),
        played=record is not None,
        explanation=str(reply.get("answer") or ""),
        reasoning=str(reply.get("thought") or ""),
        prompt=_prompt(asked),
        cause=str(known.get("cause") or ""),
    )


def _prompt(asked: Any) -> str:
    if isinstance(asked, list):
        messages = (message for message in asked if isinstance(message, dict))
        return "\n\n".join(f"[{m.get('role')}]\n{m.get('content')}" for m in messages)
    return str(asked or "")


def turns_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of choice 0 of an answer in the form of generation 1."""
    choices = [choice for choice in record.get("choices") or [] if isinstance(choice, dict)]
    first = [choice for choice in choices if choice.get("index", 0) in (0, None)] or choices
    return (
        [turn for turn in (first[0].get("turns") or []) if isinstance(turn, dict)] if first else []
    )
