"""The start of a conversation that a question gives: a system prompt and earlier replies."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Turn = tuple[str, str]  # role and text
TITLES = {"system": "System", "user": "User", "assistant": "Assistant"}


class WrittenTurn(msgspec.Struct, gc=False):
    """A turn in a file of questions."""

    content: str
    role: str | None = None


def split_turns(turns: Sequence[WrittenTurn]) -> tuple[tuple[Turn, ...], list[str]]:
    """Return the given turns, up to the last reply among them, and the user turns to answer.

    Raises ValueError for other roles, a system prompt that is not first, and nothing to answer.
    """
    if all(turn.role in (None, "user") for turn in turns):
        return (), [turn.content for turn in turns]
    roles = [turn.role or "user" for turn in turns]
    for number, role in enumerate(roles):
        if role not in TITLES or (role == "system" and number):
            advice = "Use user, assistant, and system in the first turn."
            raise ValueError(f"turns[{number}] has the role '{role}'. {advice}")
    end = max((i + 1 for i, role in enumerate(roles) if role != "user"), default=0)
    if end == len(turns):
        advice = "End with a turn of the user."
        raise ValueError(f"turns[{end - 1}] has the role '{roles[-1]}'. {advice}")
    given = tuple((role, turn.content) for role, turn in zip(roles, turns[:end], strict=False))
    return given, [turn.content for turn in turns[end:]]


def with_given(given: Sequence[Turn], turns: Sequence[str]) -> tuple[str, ...]:
    """Return the turns with the given ones before the first, for judges and readers."""
    if not given:
        return tuple(turns)
    first = "\n\n".join(f"[{TITLES[role]}]\n{text}" for role, text in (*given, ("user", turns[0])))
    return (first, *turns[1:])
