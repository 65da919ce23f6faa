"""A house in which every script has something to do, and ways to spoil it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conftest import Workspace

import add_markdown_info
import gen_answer
import gen_judgment
import show_result

MAINS: dict[str, Callable[..., int]] = {
    "gen_answer": gen_answer.main,
    "gen_judgment": gen_judgment.main,
    "show_result": show_result.main,
    "add_markdown_info": add_markdown_info.main,
}
A, J, S, M = MAINS
FLAGS = {
    "show_result": ("--num-rounds", "3"),
    "add_markdown_info": ("--dir", "data/test-v1/model_answer"),
}

SERVERS = "config/api_config.yaml"
ANSWERING = "config/gen_answer_config.yaml"
JUDGING = "config/judge_config.yaml"
QUESTIONS = "data/test-v1/question.jsonl"
ANSWERS = "data/test-v1/model_answer/tiny.jsonl"
JUDGMENTS = "data/test-v1/model_judgment/judge/tiny.jsonl"

GOOD_ANSWER = '{"question_id": "q1", "choices": [{"index": 0, "turns": [{"content": "hi"}]}]}\n'
GOOD_JUDGMENT = (
    '{"question_id": "q1", "model": "tiny", "judge": "judge", "baseline": "base", '
    '"games": [{"score": "A>B"}, {"score": "B>A"}]}\n'
)

Spoil = Callable[[Workspace], object]


@dataclass(frozen=True)
class Case:
    """A script, what is done to its files before it runs, its flags, and words of its output."""

    script: str
    spoil: Spoil
    words: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """How a script ended and what it printed."""

    status: int
    out: str
    err: str


Run = Callable[[str, tuple[str, ...]], Done]


# Ways to spoil a house


def nothing(house: Workspace) -> None:
    """Leave it as it is: the flags are wrong."""


def holds(path: str, content: str | bytes) -> Spoil:
    return lambda house: house.write(path, content)


def folder_for(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).mkdir()

    return spoil


def dangling(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).symlink_to("nowhere")

    return spoil


def looping(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).symlink_to(house.root / path)

    return spoil


def answering(**fields: Any) -> Spoil:
    return lambda house: house.write_answer_config(**{"model_list": ["tiny"]} | fields)


def judging(**fields: Any) -> Spoil:
    return lambda house: house.write_judge_config("judge", "base", **fields)


def entry(**fields: Any) -> Spoil:
    return lambda house: house.add_model("tiny", "http://127.0.0.1:9/v1", **fields)


def named(name: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        house.add_model(name, house.models["tiny"]["endpoints"][0]["api_base"])
        house.write_answer_config(model_list=[name])

    return spoil


def latin(text: str) -> bytes:
    return text.encode("latin-1")


def other_judgment(**fields: Any) -> str:
    """A judgment of another question."""
    record = json.loads(GOOD_JUDGMENT) | {"question_id": f"q{fields}"} | fields
    return json.dumps(record) + "\n"
