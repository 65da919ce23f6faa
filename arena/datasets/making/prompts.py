"""Prompts of rows in all usual forms: texts, conversations, instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.base.errors import one_line
from arena.bench.conversation import Turn
from arena.bench.provenance import question_hash


@dataclass(frozen=True)
class Columns:
    """The columns that the user has named, None for those of the usual forms."""

    prompt: str | None = None
    id: str | None = None
    cluster: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Prompt:
    """What a question is made of. place: where it comes from, for messages.

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

    def record(self, prompt_id: str | int, category: str) -> dict[str, Any]:
        """Return the line of question.jsonl in the format of the row."""
        turns = [
            {"content": text} if role == "user" else {"role": role, "content": text}
            for role, text in self.turns
        ]
        if self.key == "uid" and len(turns) == 1:
            named = {"category": self.category or category, "subcategory": self.cluster}
            return {"uid": prompt_id, **named, "prompt": self.text}
        named = {"category": self.category or category, "cluster": self.cluster}
        return {"question_id": prompt_id, **named, "turns": turns}


class UnusableRow(Exception):
    """A row without a prompt. Its message is the reason."""


LISTS = ("turns", "messages", "conversations", "conversation")
TEXTS = ("prompt", "question", "instruction", "text", "query", "input")
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
    while turns and turns[-1][0] == "assistant":  # it would be answered already
        turns = turns[:-1]
    turns = [(role, text) for role, text in turns if text.strip()]
    if not any(role == "user" for role, _ in turns):
        raise UnusableRow("it is empty")
    if turns[-1][0] != "user" or any(role == "system" for role, _ in turns[1:]):
        raise UnusableRow("a system prompt is not its first turn")
    key = next((name for name in IDS if row.get(name) not in (None, "")), "")
    prompt_id = values.get(columns.id) if columns.id else row.get(key)
    if isinstance(prompt_id, float) and prompt_id.is_integer():
        prompt_id = int(prompt_id)
    if isinstance(prompt_id, int) and abs(prompt_id) >= 2**63:  # readers of JSON take no more
        prompt_id = str(prompt_id)
    if isinstance(prompt_id, bool) or not isinstance(prompt_id, (str, int, type(None))):
        raise UnusableRow("its id is neither a text nor a whole number")
    cluster = values.get(columns.cluster) if columns.cluster else None
    category = values.get(columns.category) if columns.category else row.get("category")
    if columns.cluster is None:
        cluster = row.get("cluster") or row.get("subcategory")
    return Prompt(
        prompt_id if prompt_id != "" else None,
        tuple(turns),
        label(cluster),
        label(category),
        place,
        form,
        "uid" if key == "uid" and not columns.id else "question_id",
    )


def label(value: object) -> str:
    """Return the name of a cluster or category on one line, empty if it has none."""
    return one_line(value, 80) if isinstance(value, (str, int, float)) else ""


def _turns_of(
    values: Mapping[str, Any], row: Mapping[str, Any], column: str | None
) -> tuple[str, list[Turn]]:
    """Return the form of a row and its turns."""
    if column:
        value = values.get(column)
        turns = conversation(value) if isinstance(value, list) else [("user", text_of(value))]
        return f"column {column}", turns
    for name in LISTS:
        if isinstance(row.get(name), list):
            turns = conversation(row[name])
            if isinstance(row.get("system"), str) and turns and turns[0][0] != "system":
                turns = [("system", row["system"]), *turns]
            return name, turns
    name = next((name for name in TEXTS if row.get(name) is not None), "")
    if not name:
        advice = f"Columns: {', '.join(values)}. Name one with --prompt"
        raise UnusableRow(f"it has no column of a usual form. {advice}")
    if isinstance(row[name], list):
        return name, conversation(row[name])
    text = text_of(row[name])
    if name != "instruction":
        return name, [("user", text)]
    context = row.get("input")
    more = f"\n\n{context}" if isinstance(context, str) and context.strip() else ""
    return "instruction and input" if more else name, [("user", text + more)]


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
        value = next((item[key] for key in ("content", "value", "text") if key in item), None)
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
    return value.strip()
