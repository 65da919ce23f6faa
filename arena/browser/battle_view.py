"""One battle: what came out of its games, and what of it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from arena.bench.answer_style import Style
from arena.bench.labels import (
    Label,
    outcome,
)
from arena.bench.records import Question
from arena.browser.index import Place


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


# Verdicts


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
    """Return a game in either format."""
    known: Mapping[str, Any] = record or {}
    said, asked = known.get("judgment"), known.get("user_prompt", known.get("prompt"))
    reply = said if isinstance(said, dict) else {"answer": said, "thought": known.get("reasoning")}
    return Game(
        number=number,
        label=label,
        outcome=outcome(label, number),
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
    """Return the turns of choice 0 of an answer in the v0.1 format."""
    choices = [choice for choice in record.get("choices") or [] if isinstance(choice, dict)]
    first = [choice for choice in choices if choice.get("index", 0) in (0, None)] or choices
    return (
        [turn for turn in (first[0].get("turns") or []) if isinstance(turn, dict)] if first else []
    )
