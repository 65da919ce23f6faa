"""Prompts of rows in all usual forms: texts, conversations, instructions."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.base.errors import one_line
from arena.base.jsonl import loads
from arena.bench.conversation import Turn
from arena.bench.provenance import question_hash
from arena.datasets.tables import TEXTS


@dataclass(frozen=True)
class Columns:
    """The columns that the user has named, None for those of the usual forms."""

    prompt: str | None = None
    id: str | None = None
    cluster: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Prompt:
    """A prompt of which a question is made. place: its file and line, for messages.

    form: the form of its row. key: "uid" of rows in the v2.0 format, else "question_id".
    """

    id: str | int | None
    turns: tuple[Turn, ...]
    cluster: str
    category: str
    place: str
    form: str
    key: str = "question_id"

    @property
    def text(self) -> str:
        """All its turns as one text."""
        return "\n".join(text for _, text in self.turns)

    @property
    def made_id(self) -> str:
        """The id of a prompt whose row has none: a hash of its turns."""
        texts = [text if role == "user" else f"{role}: {text}" for role, text in self.turns]
        return question_hash(texts)

    def record(self, category: str) -> dict[str, Any]:
        """Return the line of question.jsonl in the format of the row."""
        turns = [
            {"content": text} if role == "user" else {"role": role, "content": text}
            for role, text in self.turns
        ]
        if self.key == "uid" and len(turns) == 1:
            named = {"category": self.category or category, "subcategory": self.cluster}
            return {"uid": self.id, **named, "prompt": self.text}
        named = {"category": self.category or category, "cluster": self.cluster}
        return {"question_id": self.id, **named, "turns": turns}


class UnusableRow(Exception):
    """A row without a prompt. Its message is the reason."""


LISTS = ("turns", "messages", "conversations", "conversation")
SYSTEMS = ("system", "system_prompt", "system_message")
IDS = ("question_id", "uid", "id", "custom_id")
ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}


def read_prompt(values: Mapping[str, Any], columns: Columns, place: str) -> Prompt:
    """Return the prompt of a row. Raises UnusableRow with the reason."""
    row = {name.strip().lower(): value for name, value in values.items()}
    if isinstance(row.get("body"), dict):  # OpenAI's batch input
        row |= row["body"]
    form, turns = _turns_of(values, row, columns.prompt)
    turns = [(role, text) for role, text in turns if role != "system" or text.strip()]
    # A reply at the end would be answered already.
    while turns and (turns[-1][0] == "assistant" or not turns[-1][1].strip()):
        turns = turns[:-1]
    if not any(role == "user" and text.strip() for role, text in turns):
        raise UnusableRow("it is empty")
    if turns[-1][0] != "user" or any(role == "system" for role, _ in turns[1:]):
        raise UnusableRow("a system prompt is not its first turn")
    if hollow := [role for role, text in turns if not text.strip()]:
        raise UnusableRow(f"it has a turn of the role '{hollow[0]}' without a text")
    key = next((name for name in IDS if is_filled(row.get(name))), "")
    prompt_id = values.get(columns.id) if columns.id else row.get(key)
    prompt_id = prompt_id if is_filled(prompt_id) else None
    if isinstance(prompt_id, float) and prompt_id.is_integer():
        prompt_id = int(prompt_id)
    if isinstance(prompt_id, int) and abs(prompt_id) >= 2**63:  # readers of JSON take no more
        prompt_id = str(prompt_id)
    if isinstance(prompt_id, bool) or not isinstance(prompt_id, (str, int, type(None))):
        raise UnusableRow("its id is neither a text nor a whole number")
    usual = label(row.get("cluster")) or label(row.get("subcategory"))
    category = values.get(columns.category) if columns.category else row.get("category")
    return Prompt(
        prompt_id,
        tuple(turns),
        label(values.get(columns.cluster)) if columns.cluster else usual,
        label(category),
        place,
        form,
        "uid" if key == "uid" and not columns.id else "question_id",
    )


def is_filled(value: object) -> bool:
    """Whether a cell has a value: neither null, for which some tables have NaN, nor blank."""
    is_blank = isinstance(value, str) and not value.strip()
    return value is not None and value == value and value != [] and not is_blank


def label(value: object) -> str:
    """Return the name of a cluster or category on one line, empty if it has none."""
    if not is_filled(value) or not isinstance(value, (str, int, float)):
        return ""
    return one_line(int(value) if isinstance(value, float) and value.is_integer() else value, 80)


def _turns_of(
    values: Mapping[str, Any], row: Mapping[str, Any], column: str | None
) -> tuple[str, list[Turn]]:
    """Return the form of a row and its turns, with the system prompt and history beside them."""
    lists = [n for n in LISTS if isinstance(written_turns(row.get(n, "")), (list, type(None)))]
    texts = [name for name in TEXTS if name in row]
    name = next((name for name in (*lists, *texts) if is_filled(row[name])), "")
    if not column and not name:
        if any(row[name] is not None for name in (*lists, *texts)):
            raise UnusableRow("it is empty")
        if null := [*lists, *texts]:
            raise UnusableRow(f"its column '{null[0]}' is null")
        advice = f"Columns: {', '.join(values)}. Name one with --prompt"
        raise UnusableRow(f"it has no column of a usual form. {advice}")
    value = written_turns(values.get(column) if column else row[name])
    turns = conversation(value) if isinstance(value, list) else [("user", text_of(value))]
    parts = [f"column {column}" if column else name]
    if parts == ["instruction"] and len(turns) == 1:
        contexts = contexts_of(row)
        turns[-1] = ("user", "\n\n".join([turns[-1][1], *contexts.values()]))
        parts += contexts
    history = written_turns(row.get("history"))
    if isinstance(history, list) and history and parts[0] not in LISTS:
        turns = [*past_turns(history), *turns]
        parts.append("history")
    system = next((key for key in SYSTEMS if is_filled(row.get(key)) and key != column), "")
    if isinstance(row.get(system), str) and turns and turns[0][0] != "system":
        turns = [("system", row[system]), *turns]
        parts.append(system)
    return " and ".join(parts), turns


def contexts_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts beside an instruction that follow it in a prompt, by their columns."""
    texts = {key: row.get(key) for key in ("input", "context")}
    return {k: text for k, text in texts.items() if isinstance(text, str) and is_filled(text)}


def written_turns(value: object) -> object:
    """Return the list that a text of JSON is, if it has texts or messages, else the value."""
    items: object = None
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        with contextlib.suppress(ValueError, RecursionError):
            items = loads(value.encode())
    if not isinstance(items, list) or not items:
        return value
    is_list = all(isinstance(item, str) for item in items) or all(
        isinstance(item, dict) and {"role", "from"} & item.keys() for item in items
    )
    return items if is_list else value


def past_turns(history: Sequence[Any]) -> list[Turn]:
    """Return the turns of a history: messages, or pairs of a prompt and its reply as Alpaca's."""
    if all(isinstance(item, dict) for item in history):
        return conversation(history)
    if not all(isinstance(item, (list, tuple)) and len(item) == 2 for item in history):
        raise UnusableRow("its history is neither messages nor pairs of a prompt and a reply")
    texts = [text_of(text) for pair in history for text in pair]
    return list(zip(("user", "assistant") * len(history), texts, strict=True))


def conversation(items: Sequence[Any]) -> list[Turn]:
    """Return the turns of a list of texts, of OpenAI's messages or of ShareGPT's."""
    turns = list[Turn]()
    for item in items:
        if not isinstance(item, dict):
            turns.append(("user", text_of(item)))
            continue
        role = str(item.get("role") or item.get("from") or "user").lower()
        if role not in ROLES:
            raise UnusableRow(f"it has a turn of the role '{one_line(role, 40)}'")
        parts = (item.get(key) for key in ("content", "value", "text"))
        value = next(filter(is_filled, parts), None)
        turns.append((ROLES[role], text_of(value)))
    return turns


def text_of(value: object) -> str:
    """Return the text of a turn, which may be in parts. Raises UnusableRow for all else."""
    if value is None:
        return ""
    if isinstance(value, list):
        parts = [part if isinstance(part, dict) else {"text": part} for part in value]
        if all(part.get("type", "text") in ("text", "input_text") for part in parts):
            return "\n".join(text_of(part.get("text")) for part in parts)
        raise UnusableRow("it has parts other than text")
    if not isinstance(value, str):
        raise UnusableRow("its prompt is not a text")
    lines = re.sub(r"\A(?:[^\S\n]*\n)+", "", value).rstrip()
    return lines if "\n" in lines else lines.strip()  # the first of several may be indented code
