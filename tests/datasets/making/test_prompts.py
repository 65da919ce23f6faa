"""Rows in all usual forms as questions."""

from __future__ import annotations

from json import dumps
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
        ({"system_prompt": "Be brief.", "question": "Hi"}, [KEPT[0], *content("Hi")]),
        ({"system": "Be brief.", "prompt": "Hi"}, [KEPT[0], *content("Hi")]),
        ({"instruction": "Add", "context": "1, 2", "response": "3"}, content("Add\n\n1, 2")),
        ({"messages": [{"role": "user", "content": None, "value": "a"}]}, content("a")),
        ({"system": " ", "prompt": "Hi"}, content("Hi")),
        (
            {
                "instruction": "Who are you?",
                "input": "",
                "system": "Be brief.",
                "history": [["Hi", "Hello"]],
            },
            KEPT,
        ),
        ({"history": OPENAI[:3], "query": "Who are you?"}, KEPT),
        ({"prompt": "Hi", "examples": ["x", "y"]}, content("Hi")),
        ({"question": "Hi", "questions": [{"prompt": "x"}]}, content("Hi")),
        ("    def f():\n        pass\nExplain.", content("    def f():\n        pass\nExplain.")),
        ({"prompt": "\n \n  - a\n  - b \n"}, content("  - a\n  - b")),
        ({"prompt": " a "}, content("a")),
        ({"prompt": '["Is it?", "Second turn"]'}, content("Is it?", "Second turn")),
        ({"messages": dumps(OPENAI)}, KEPT),
        ({"prompt": "[1, 2] or [a]?"}, content("[1, 2] or [a]?")),
        ({"prompt": "[1, 2]"}, content("[1, 2]")),
        ({"prompt": "", "text": "a"}, content("a")),
        ({"prompt": None, "messages": [], "text": "a"}, content("a")),
        ({"messages": [*OPENAI, {"role": "assistant", "content": None}]}, KEPT),
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


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"messages": [*OPENAI[:2], {"role": "assistant", "content": None}, *OPENAI[3:]]},
            "it has a turn of the role 'assistant' without a text",
        ),
        ({"history": ["a", "b"], "prompt": "c"}, "its history is neither messages nor pairs"),
        ({"id": 1, "prompt": None}, "its column 'prompt' is null"),
        ({"id": 1, "messages": None, "answer": "x"}, "its column 'messages' is null"),
        ({"prompt": "", "text": " "}, "it is empty"),
        ({"conversation": "x"}, "it has no column of a usual form. Columns: conversation"),
    ],
)
def test_rows_that_would_lose_a_part_are_dropped_by_name(
    bench: Workspace, run_main: RunMain, row: object, reason: str
) -> None:
    bench.write("rows.jsonl", [row, {"prompt": "a"}])
    done = run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    assert f"dropped 1: {reason}" in done.out and "(rows.jsonl:1)" in done.out
    assert len(bench.read_jsonl("data/new/question.jsonl")) == 1


def test_0_is_an_id_and_a_cluster_and_nan_is_none(bench: Workspace, run_main: RunMain) -> None:
    rows = [
        {"id": 0, "cluster": 0, "prompt": "a"},
        {"id": float("nan"), "cluster": float("nan"), "subcategory": "s", "prompt": "b"},
        {"id": "", "cluster": 1.0, "category": float("nan"), "prompt": "c"},
        {"uid": 0, "subcategory": 0, "category": 0, "prompt": "d"},
    ]
    bench.write("rows.jsonl", [*rows[:3]])
    bench.write("more.jsonl", rows[3:])
    run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    records = bench.read_jsonl("data/new/question.jsonl")
    assert [record["cluster"] for record in records] == ["0", "s", "1"]
    assert records[0]["question_id"] == 0 and len(records[1]["question_id"]) > 4
    assert records[2]["category"] == "new"
    run_main("make_bench.py", "more.jsonl", "--bench-name", "v2")
    (record,) = bench.read_jsonl("data/v2/question.jsonl")
    assert (record["uid"], record["subcategory"], record["category"]) == (0, "0", "0")
    assert read_questions(Bench(bench.root / "data", "v2"))[0].id == "0"
