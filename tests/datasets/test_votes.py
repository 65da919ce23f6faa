"""Votes of people become judgments with one game, which boards and checks take as whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from conftest import RunMain, Workspace, tree

FLAGS = ("--bench-name", "test-v1", "--votes-of")
HEAD = "question_id,model_a,model_b,winner\n"


@pytest.fixture
def voted(bench: Workspace) -> Workspace:
    bench.add_questions(["Why?", "How?", "When?"])
    for model in ("base", "m", "n"):
        bench.add_answers(model, {f"q{i}": f"{model} says {i}" for i in (1, 2, 3)})
    bench.write_judge_config("judge", "base")
    return bench


def scores(records: Sequence[Mapping[str, Any]]) -> list[list[str | None]]:
    return [[game and game["score"] for game in record["games"]] for record in records]


@pytest.mark.parametrize(
    ("winner", "first", "second"),
    [
        ("model_a", "A>B", "A>B"),
        ("model_b", "B>A", "B>A"),
        ("tie (bothbad)", "A=B", "A=B"),
        ("B", "B>A", "B>A"),
        ("m", "B>A", "A>B"),
        ("A>>B", "A>>B", "A>>B"),
    ],
)
def test_a_vote_is_the_game_whose_sides_the_person_saw(
    voted: Workspace, run_main: RunMain, winner: str, first: str, second: str
) -> None:
    voted.write("v.csv", f"{HEAD}q1,base,m,{winner}\nq2,m,base,{winner}\n")
    done = run_main("import_data.py", "v.csv", *FLAGS, "anna")
    records = voted.judgments("human-anna", "m")
    assert scores(records) == [[first, None], [None, second]]
    assert {(r["judge"], r["model"], r["baseline"]) for r in records} == {
        ("human-anna", "m", "base")
    }
    assert "data/test-v1/model_judgment/human-anna/m.jsonl: 2 judgments" in done.out
    before = tree(voted.root)
    run_main("import_data.py", "v.csv", *FLAGS, "anna")
    assert tree(voted.root) == before


def test_forms_of_lmarena_and_alpacaeval_without_the_baseline(
    voted: Workspace, run_main: RunMain
) -> None:
    arena = {"model_a": "n", "model_b": "m", "winner": "model_a", "judge": "u1"}
    arena["conversation_a"] = [{"role": "user", "content": "How?"}]  # type: ignore[assignment]
    pair = {"generator_1": "m", "generator_2": "n", "output_1": "x", "output_2": "y"}
    alpaca = [
        {"instruction": "Why?", "preference": 2, "annotator": 7} | pair,
        {"instruction": "When?", "preference": 0, "annotator": 7} | pair,
    ]
    voted.write("arena.jsonl", [arena])
    voted.write("alpaca.json", alpaca)
    run_main("import_data.py", "arena.jsonl", "alpaca.json", *FLAGS)
    assert scores(voted.judgments("human-u1", "n")) == [[None, "A>B"]]
    assert scores(voted.judgments("human-7", "n")) == [["B>A", None], ["A=B", None]]


def test_odd_rows_are_named_and_second_votes_kept(voted: Workspace, run_main: RunMain) -> None:
    rows = "q1,base,m,m\nq1,base,m,base\nq1,m,base,m\nq9,base,m,m\nq2,base,x,x\nq3,base,m,\n"
    voted.write("v.csv", HEAD + rows)
    done = run_main("import_data.py", "v.csv", *FLAGS, "anna", check=1)
    assert done.out.splitlines()[:-1] == [
        "read 6 rows",
        "data/test-v1/model_judgment/human-anna/m.jsonl: 1 judgments",
        "further votes of a person on a pair, stored beside the first: 2 (v.csv:3, v.csv:4)",
        "votes that fit no question, by id or by prompt: 1 (v.csv:5 'q9')",
        "votes on models without answers here: 1 (v.csv:6 'x')",
        "rows without a winner: 1 (v.csv:7)",
    ]
    (record,) = voted.judgments("human-anna", "m")
    assert scores([record]) == [["B>A", "A>B"]]
    assert [repeat["score"] for repeat in record["games"][0]["repeats"]] == ["A>B"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}q1,base,m,better\n", "v.csv:2: unknown winner 'better'. Write model_a"),
        (f"{HEAD}q1,m,m,m\n", "v.csv:2: no vote between two models."),
        ("a,b\n1,2\n", "v.csv:2: no vote between two models."),
        (f"{HEAD}q9,base,m,m\n", "v.csv: no vote on answers of test-v1"),
        (
            "question_id,model_a,model_b,winner,annotator\nq1,base,m,m,bob\nq2,base,m,m,eve\n",
            "--votes-of anna: no such annotator. The annotators are bob, eve.",
        ),
    ],
)
def test_bad_votes_change_nothing(
    voted: Workspace, run_main: RunMain, text: str, problem: str
) -> None:
    voted.write("v.csv", text)
    before = tree(voted.root)
    done = run_main("import_data.py", "v.csv", *FLAGS, "anna", check=2)
    assert problem in done.err
    assert tree(voted.root) == before


@pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
def test_boards_and_checks_take_one_game_as_whole(
    voted: Workspace, run_main: RunMain, method: str
) -> None:
    voted.write("v.csv", f"{HEAD}q1,base,m,m\nq2,m,base,m\nq3,base,m,base\n")
    run_main("import_data.py", "v.csv", *FLAGS, "anna")
    names = ("--bench-name", "test-v1", "--judge-name", "human-anna", "--baseline", "base")
    done = run_main("show_result.py", *names, "--method", method, "--csv", "-")
    (row,) = [line for line in done.out.splitlines() if line.startswith("m,")]
    # 2 of 3 games. The score of v2.0 is a mean over rounds.
    assert abs(float(row.split(",")[1]) - 200 / 3) < 5
    done = run_main("show_result.py", *names, "--method", method)
    assert "undecided" not in done.out + done.err
    assert "without a verdict" not in done.out + done.err
    done = run_main("check_bench.py", "--bench-name", "test-v1", check=1)
    assert "games not played" not in done.out
    assert "missing judgments" not in done.out
