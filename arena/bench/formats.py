"""Whole records, read in either format and made in that of their question, v0.1 or v2.0.

gen_answer.py keeps answers in the v0.1 format while it works on them, since only that one has room
for several choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from arena.base.jsonl import decode_lines, loads
from arena.bench.records import Question


def record_id(record: Mapping[str, Any]) -> str:
    """Return the question id of a whole record in either format."""
    question_id = record.get("question_id")
    return str(question_id if question_id is not None else record["uid"])


def read_objects(path: Path, kind: type[msgspec.Struct], what: str) -> Iterator[dict[str, Any]]:
    """Yield the whole records of a file. Raises InputError for a line of another kind."""
    for _, raw, _ in decode_lines(path, kind, what):
        yield loads(raw)


def answer_in_v01(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's record in the v0.1 format, whichever format it has."""
    if answer.get("messages") is None:
        return answer
    names = {"uid": "question_id", "ans_id": "answer_id", "model": "model_id"}
    record = _renamed(answer, names)
    messages, metadata = record.pop("messages"), record.pop("metadata", None)
    turns = []
    for content in (m["content"] for m in messages if m["role"] == "assistant"):
        reply = {"answer": content} if isinstance(content, str) else content
        turn = _renamed(reply, {"answer": "content", "thought": "reasoning"})
        turns.append(turn | {"content": reply.get("answer") or ""})
    record["choices"] = [{"index": 0, "turns": turns}]
    return record | ({"conv_metadata": metadata} if metadata else {})


def answer_in_format_of(question: Question, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's v0.1 record in its question's format. v2.0 has room for choice 0 only."""
    if question.format == "v0.1":
        return answer
    messages: list[dict[str, Any]] = []
    for text, turn in zip(question.turns, answer["choices"][0]["turns"], strict=False):
        reply = _renamed(turn, {"content": "answer", "reasoning": "thought"})
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": reply})
    names = {"question_id": "uid", "answer_id": "ans_id", "model_id": "model"}
    names |= {"choices": "messages", "conv_metadata": "metadata"}
    return _renamed(answer | {"choices": messages}, names)


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in values.items()}


def new_judgment(
    question: Question, model: str, judge: str, baseline: str | None
) -> dict[str, Any]:
    """Return the record of a judgment without its games, in the format of its question."""
    names = {"judge": judge, "model": model} | ({"baseline": baseline} if baseline else {})
    if question.format == "v2.0":
        return {"uid": question.written_id, "category": question.category, **names}
    return {"question_id": question.written_id, **names}


def new_game(
    question: Question, messages: Sequence[Mapping[str, str]], text: str, reasoning: str | None
) -> dict[str, Any]:
    """Return the prompt and the reply of a game, in the format of its question."""
    if question.format == "v2.0":
        thought = {"thought": reasoning} if reasoning is not None else {}
        return {"prompt": list(messages), "judgment": {"answer": text, **thought}}
    thought = {"reasoning": reasoning} if reasoning is not None else {}
    return {"user_prompt": messages[-1]["content"], "judgment": text, **thought}
