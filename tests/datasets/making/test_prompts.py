"""Rows in all usual forms as questions."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import RunMain, Workspace

from arena.bench.paths import Bench
from arena.bench.records import read_questions

SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Hi"},
    {"from": "gpt", "value": "Hello"},
    {"from": "human", "value": "Who are you?"},
    {"from": "gpt", "value": "A model"},
]
OPENAI = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Who are you?"},
]
KEPT = [
    {"role": "system", "content": "Be brief."},
    {"content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"content": "Who are you?"},
]


def test_ids_of_every_size_are_readable(bench: Workspace, run_main: RunMain) -> None:
    bench.write("rows.jsonl", [{"id": 10**30, "prompt": "a"}, {"id": 3.0, "prompt": "b"}])
    run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    questions = read_questions(Bench(bench.root / "data", "new"))
    assert [question.written_id for question in questions] == ["1" + "0" * 30, 3]


def content(*texts: str) -> list[dict[str, str]]:
    return [{"content": text} for text in texts]


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ("A plain text", content("A plain text")),
        ({"prompt": "a"}, content("a")),
        ({"Question ": "a"}, content("a")),
        ({"instruction": "Add", "input": "1, 2", "output": "3"}, content("Add\n\n1, 2")),
        ({"instruction": "Add", "input": "", "dataset": "d"}, content("Add")),
        ({"turns": ["a", "b"], "category": "writing"}, content("a", "b")),
        ({"turns": content("a")}, content("a")),
        ({"conversations": SHAREGPT}, KEPT),
        ({"messages": OPENAI}, KEPT),
        ({"prompt": OPENAI}, KEPT),
        ({"custom_id": "x", "body": {"model": "m", "messages": OPENAI}}, KEPT),
        ({"system": "Be brief.", "conversations": SHAREGPT[1:]}, KEPT),
    ],
)
def test_rows_in_every_form(
    bench: Workspace, run_main: RunMain, row: object, turns: list[Any]
) -> None:
    bench.write("rows.jsonl", [row])
    done = run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    (record,) = bench.read_jsonl("data/new/question.jsonl")
    assert record["turns"] == turns
    assert record["category"] == ("writing" if "writing" in str(row) else "new")
    assert "read 1 prompt" in done.out
    assert "next: python gen_answer.py --bench-name new\n" in done.out
