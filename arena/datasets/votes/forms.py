"""The forms in which other programs write votes of people on pairs of answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arena.bench.labels import normal_label
from arena.bench.paths import PERSON
from arena.datasets.answers.forms import IDS, Given, prompt_of

Values = Mapping[str, Any]
SIDES = (("model_a", "model_b"), ("generator_1", "generator_2"))
VERDICTS = ("winner", "preference")
ANNOTATORS = ("annotator", "judge", "judge_hash", "user")
WINNERS = {"a": "A>B", "model_a": "A>B", "b": "B>A", "model_b": "B>A"} | dict.fromkeys(
    ("tie", "tie (bothbad)", "both_bad", "bothbad", "both"), "A=B"
)


@dataclass(frozen=True)
class Vote:
    """A vote between the answers of models A and B.

    turns: those of the user, if the row has the conversation. label: None without a vote.
    unknown: what the row has in place of a vote.
    """

    given: Given
    turns: tuple[str, ...]
    a: str
    b: str
    label: str | None
    unknown: str
    annotator: str


def label_of_row(values: Values, a: str, b: str) -> str | None:
    """Return the label of a row's vote, None without one. Raises ValueError for others."""
    winner = values.get("winner")
    if winner is None and values.get("preference") not in (None, ""):
        preference = float(values["preference"])  # AlpacaEval: 1 to 2, 0 is a tie
        if preference != preference:  # NaN, which tables have in place of null
            return None
        if preference not in (0, 1.5) and not 1 <= preference <= 2:
            raise ValueError("no preference")
        return "A=B" if preference in (0, 1.5) else "A>B" if preference < 1.5 else "B>A"
    text = str(winner or "").strip()
    if not text:
        return None
    if text in (a, b):
        return "A>B" if text == a else "B>A"
    label = WINNERS.get(text.lower()) or normal_label(text)
    if label is None:
        raise ValueError("no winner")
    return label


def text_of(content: object) -> str:
    """Return the text of a turn, which may be a list of parts. Empty if a part is no text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    given = (part.get("text") if isinstance(part, dict) else part for part in parts)
    texts = [text for text in given if isinstance(text, str)]
    return "\n".join(texts) if len(texts) == len(parts) else ""


def user_turns(conversation: object) -> tuple[str, ...]:
    """Return the texts of the user's turns, none if it is no conversation."""
    turns: Iterable[object] = conversation if isinstance(conversation, list) else ()
    messages = (turn for turn in turns if isinstance(turn, dict))
    return tuple(text_of(m.get("content")) for m in messages if m.get("role", "user") == "user")


def vote_of(values: Values) -> Vote:
    """Read a vote: a row of a table, or a record of LMArena or AlpacaEval."""
    first, second = next((pair for pair in SIDES if set(pair) <= values.keys()), SIDES[0])
    a, b = (str(values.get(side) or "").strip() for side in (first, second))
    label, unknown = None, ""
    try:
        label = label_of_row(values, a, b)
    except (TypeError, ValueError):
        unknown = str(values.get("winner") or values.get("preference"))[:40]
    texts = [str(values[name]) for name in IDS if values.get(name) not in (None, "")]
    turns = user_turns(values.get("conversation_a"))
    prompt = prompt_of(values) or next(iter(turns), None)
    given = Given("votes", next(iter(texts), None), prompt, ())
    annotators = [values[name] for name in ANNOTATORS if values.get(name) not in (None, "")]
    annotator = str(next(iter(annotators), "")).strip().removeprefix(PERSON)
    return Vote(given, turns, a, b, label, unknown, annotator)
