"""A person's vote in the record of a judgment, whether it was imported or made in the browser."""

from __future__ import annotations

from typing import Any

from arena.bench.formats import new_judgment
from arena.bench.records import Question


def vote_record(question: Question, model: str, judge: str, baseline: str) -> dict[str, Any]:
    """Return the record of a person's judgment without a vote."""
    return new_judgment(question, model, judge, baseline) | {"games": [None, None]}


def add_vote(record: dict[str, Any], side: int, game: dict[str, Any]) -> int:
    """Add a vote to a record and return how many it had before. `side`: 0 if the person saw the
    baseline as A, else 1. A further vote gets its number, and is the other game or a repeat.
    """
    games = record["games"]
    earlier = sum(1 + len(one.get("repeats", ())) for one in games if one)
    if earlier:
        game = {"vote": earlier + 1} | game
    if games[side]:
        repeats = games[side].setdefault("repeats", [])
        repeats.append({"sample": len(repeats) + 2} | game)
    else:
        games[side] = game
    return int(earlier)
