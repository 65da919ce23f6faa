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
        {"instruction": "Why?", "input": "", "preference": 2, "annotator": 7} | pair,
        {"instruction": "Sum up.", "input": "A text.", "preference": 1, "annotator": 8} | pair,
        {"instruction": "When?", "preference": 0, "annotator": 7} | pair,
    ]
    voted.add_questions(["Why?", "How?", "When?", "Sum up.\n\nA text."])
    voted.write("arena.jsonl", [arena])
    voted.write("alpaca.json", alpaca)
    run_main("import_data.py", "arena.jsonl", "alpaca.json", *FLAGS)
    assert scores(voted.judgments("human-u1", "n")) == [[None, "A>B"]]
    assert scores(voted.judgments("human-7", "n")) == [["B>A", None], ["A=B", None]]
    assert [vote["question_id"] for vote in voted.judgments("human-8", "n")] == ["q4"]


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
    (repeat,) = record["games"][0]["repeats"]
    assert (repeat["sample"], repeat["vote"], repeat["score"]) == (2, 2, "A>B")
    assert record["games"][1]["vote"] == 3


def test_odd_rows_stop_no_import_as_long_as_one_vote_is_left(
    voted: Workspace, run_main: RunMain
) -> None:
    head = "question_id,model_a,model_b,winner,annotator\n"
    rows = ["foo,foo,foo,tie,ann", "q1,base,m,abstain,ann", "q2,x,y,abstain,ann", "q1,m,base,tie,"]
    rows += ["q3,base,m,m,a/../eve", "q3,base,m,m,human-ann"]
    voted.write("v.csv", head + "\n".join(rows) + "\n")
    done = run_main("import_data.py", "v.csv", *FLAGS, check=1)
    assert done.out.splitlines()[1:-1] == [
        "data/test-v1/model_judgment/human-ann/m.jsonl: 1 judgments",
        "rows without two models: 1 (v.csv:2 'foo')",
        "rows with an unknown winner: 1 (v.csv:3 'abstain')",
        "votes on models without answers here: 1 (v.csv:4 'x')",
        "rows without an annotator: 1 (v.csv:5)",
        "names that no file can have: 1 (v.csv:6 'judge name human-a/../eve')",
    ]
    assert not (voted.data / "model_judgment/human-human-ann").exists()


def test_force_replaces_all_votes_of_a_person_and_names_what_goes(
    voted: Workspace, run_main: RunMain
) -> None:
    old = f"{HEAD}q1,base,m,m\nq2,base,m,m\nq1,base,n,n\n"
    voted.write("v.csv", old)
    for person in ("anna", "bob"):
        run_main("import_data.py", "v.csv", *FLAGS, person)
    voted.write("v.csv", f"{HEAD}q3,base,n,n\n")
    before = tree(voted.root)
    done = run_main("import_data.py", "v.csv", *FLAGS, "anna", check=2)
    assert "n.jsonl: has other votes. Replace them with --force, which also removes" in done.err
    assert "human-anna/m.jsonl (2 judgments)." in done.err
    assert tree(voted.root) == before
    done = run_main("import_data.py", "v.csv", *FLAGS, "human-anna", "--force")
    folder = "data/test-v1/model_judgment/human-anna"
    assert done.out.splitlines()[1:3] == [
        f"{folder}/n.jsonl: 1 judgments, in place of 1",
        f"{folder}/m.jsonl: removed, it had 2 judgments",
    ]
    after = tree(voted.root)
    gone = f"{folder}/m.jsonl"
    assert before.keys() - after.keys() == {gone}
    assert {name for name in after if after[name] != before[name]} == {f"{folder}/n.jsonl"}


TURNS = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "x"}]


def test_all_turns_of_a_conversation_must_be_those_of_the_question(
    voted: Workspace, run_main: RunMain
) -> None:
    questions = [
        {
            "question_id": key,
            "category": "c",
            "cluster": "",
            "turns": [{"content": t} for t in turns],
        }
        for key, turns in (("q1", ["Why?"]), ("q2", ["Why?", "And\nthen?"]), ("q3", ["How?"]))
    ]
    voted.add_questions(questions)
    pair = {"model_a": "base", "model_b": "m", "winner": "model_b"}
    parts = [{"type": "text", "text": "And", "image": None}, {"type": "text", "text": "then?"}]
    image = [{"type": "text", "text": "How?"}, {"type": "image", "image": "x"}]
    conversations = [
        TURNS,
        [*TURNS, {"role": "user", "content": parts}],
        [*TURNS, {"role": "user", "content": "No?"}],
        [{"role": "user", "content": image}],
        [{"role": "user", "content": [{"type": "text", "text": "How?"}]}, *TURNS],
    ]
    voted.write("v.jsonl", [pair | {"conversation_a": turns} for turns in conversations])
    done = run_main("import_data.py", "v.jsonl", *FLAGS, "anna", check=1)
    assert [record["question_id"] for record in voted.judgments("human-anna", "m")] == ["q1", "q2"]
    what = "votes on conversations with other turns than the question"
    assert f"{what}: 1 (v.jsonl:5 'How?')" in done.out
    assert "by id or by prompt: 2 (v.jsonl:3 'Why?', v.jsonl:4 'no id')" in done.out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}q1,base,m,better\n", "rows with an unknown winner: 1 (v.csv:2 'better'). Write"),
        (f"{HEAD}q1,m,m,m\n", "rows without two models: 1 (v.csv:2 'm'). Name two"),
        (f"{HEAD}q1,base,m,\n", "rows without a winner: 1 (v.csv:2). Write model_a"),
        ("a,b\n1,2\n", "v.csv: no columns model_a and model_b. Columns here: a, b"),
        (
            "question_id,model_a,model_b\nq1,base,m\n",
            "v.csv: no column winner. Columns here: question_id, model_a, model_b",
        ),
        (HEAD, "v.csv: no rows."),
        ("", "v.csv: no rows."),
        (f"{HEAD}q9,base,m,m\n", "v.csv: no vote on answers of test-v1: votes that fit no"),
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


def test_a_person_is_no_folder_of_another(voted: Workspace, run_main: RunMain) -> None:
    head = "question_id,model_a,model_b,winner,annotator\n"
    voted.write("both.csv", f"{head}q1,base,m,m,org\nq1,base,m,m,org/anna\n")
    voted.write("one.csv", f"{HEAD}q1,base,m,m\n")
    run_main("import_data.py", "one.csv", *FLAGS, "lab")
    before = tree(voted.root)
    for file, names, problem in (
        ("both.csv", (), "human-org: shares its folder with the judge 'human-org/anna'."),
        ("one.csv", ("lab/eve",), "human-lab/eve: shares its folder with the judge 'human-lab'."),
    ):
        done = run_main("import_data.py", file, *FLAGS, *names, check=2)
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
