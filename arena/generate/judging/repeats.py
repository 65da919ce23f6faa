"""The places of a game's verdicts in its record: the game itself, and its repeats.

A place is the choice of the model's answer, and the number of the verdict on it. The verdict at
FIRST is the game's own, with the keys that every reader knows. Others are in its `repeats`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from arena.bench.records import Finite

Place = tuple[int, int]
FIRST: Place = (0, 1)

Record = dict[str, Any]


class VerdictLine(msgspec.Struct, gc=False):
    """The fields of a verdict by which a run knows what is missing or stale."""

    score: str | Finite | None = None
    cause: str | None = None
    prompt_hash: Any = None
    settings: msgspec.Raw = msgspec.Raw()
    choice: int = 0
    sample: int = 1


class GameLine(VerdictLine, gc=False):
    """A game with the repeats of it."""

    repeats: list[VerdictLine] = []

    @property
    def verdicts(self) -> list[VerdictLine]:
        """The game's own verdict, then those of its repeats."""
        return [self, *self.repeats]


def slim_game(game: Mapping[str, Any] | None) -> Record | None:
    """Return a game with just its verdicts."""
    if game is None:
        return None
    keys = ("choice", "sample", "score", "cause")
    first, *repeats = (
        {key: verdict[key] for key in keys if key in verdict}
        for verdict in (game, *(game.get("repeats") or ()))
    )
    return first | ({"repeats": repeats} if repeats else {})


def place_text(place: Place) -> str:
    """Return a place in words, for the name of a game. Nothing for the first."""
    choice, sample = place
    of_choice = f" choice {choice + 1}" if choice else ""
    return of_choice + (f" repeat {sample}" if sample > 1 else "")


def place_of(verdict: Mapping[str, Any]) -> Place:
    """Return the place of a verdict in a record."""
    return verdict.get("choice", 0), verdict.get("sample", 1)


def verdicts_of(game: Mapping[str, Any] | None) -> dict[Place, Mapping[str, Any]]:
    """Return the verdicts of a game by their place."""
    if game is None:
        return {}
    repeats = enumerate(game.get("repeats") or (), 2)  # votes were stored without a number
    return {FIRST: game} | {place_of({"sample": n} | one): one for n, one in repeats}


def with_verdict(
    game: Mapping[str, Any] | None, place: Place, verdict: Record, blank: Record
) -> Record:
    """Return a game with a verdict at a place. blank: the game if the first is not there yet."""
    repeats = [one for one in (game or {}).get("repeats") or () if place_of(one) != place]
    if place != FIRST:
        choice, sample = place
        name = ({"choice": choice} if choice else {}) | {"sample": sample}
        prompts = ("prompt", "user_prompt")  # the game has it
        rest = {key: value for key, value in verdict.items() if key not in prompts}
        repeats = sorted([*repeats, name | rest], key=place_of)
        verdict = dict(game or blank)
        verdict.pop("repeats", None)
    return verdict | ({"repeats": repeats} if repeats else {})
