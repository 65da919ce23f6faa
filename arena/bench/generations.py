"""TODO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arena.bench.records import Question


def in_generation_1(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's record in the form of generation 1, whichever it has."""
    if answer.get("messages") is None:
        return answer
    names = {"uid": "question_id", "ans_id": "answer_id", "model": "model_id"}
    record = {
        names.get(key, key): value
        for key, value in answer.items()
        if key not in ("messages", "metadata")
    }
    contents = [m["content"] for m in answer["messages"] if m["role"] == "assistant"]
    turns = [
        {"content": content}
        if isinstance(content, str)
        else _renamed(content, {"answer": "content", "thought": "reasoning"})
        | {"content": content.get("answer") or ""}
        for content in contents
    ]
    metadata = {"conv_metadata": answer["metadata"]} if answer.get("metadata") else {}
    return record | {"choices": [{"index": 0, "turns": turns}]} | metadata


def in_generation_of(question: Question, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's record, which has the form of generation 1, in its question's; only
    choice 0 has a place in generation 2.
    """
    if question.generation == 1:
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
    """Return the record of a judgment without its games, in the generation of its question."""
    known = {"judge": judge, "model": model} | ({"baseline": baseline} if baseline else {})
    if question.generation == 2:
        return {"uid": question.id, "category": question.category, **known}
    return {"question_id": question.id, **known}


def new_game(
    question: Question, messages: Sequence[Mapping[str, str]], text: str, reasoning: str | None
) -> dict[str, Any]:
    """Return the prompt and the reply of a game as its question's generation writes them."""
    if question.generation == 2:
        thought = {"thought": reasoning} if reasoning is not None else {}
        return {"prompt": list(messages), "judgment": {"answer": text, **thought}}
    known = {"reasoning": reasoning} if reasoning is not None else {}
    return {"user_prompt": messages[-1]["content"], "judgment": text, **known}
