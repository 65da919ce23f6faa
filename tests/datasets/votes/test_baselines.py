"""Votes have the baseline with which their pair was drawn or judged, so that reports find them."""

from __future__ import annotations

import pytest
from conftest import RunMain, Workspace, tree
from judgments import WON, add_judgments, judgment

FLAGS = ("--bench-name", "test-v1", "--votes-of")
HEAD = "question_id,model_a,model_b,winner\n"


@pytest.fixture
def voted(bench: Workspace) -> Workspace:
    bench.add_questions(3)
    for model in ("base", "m", "n"):
        bench.add_answers(model, {f"q{i}": f"{model} says {i}" for i in (1, 2, 3)})
    bench.write_judge_config("judge", "base")
    return bench


def test_a_vote_has_the_order_that_the_pair_was_judged_in(
    voted: Workspace, run_main: RunMain
) -> None:
    """A baseline named on a command line alone is in no config, and is not the first by name."""
    questions = [f"Question {i}?" for i in range(1, 41)]
    voted.add_questions(questions)
    ids = [f"q{i}" for i in range(1, 41)]
    for model in ("m", "zbase"):
        voted.add_answers(model, {i: f"{model} says {i}" for i in ids})
    add_judgments(voted, "m", [judgment(i, *WON, baseline="zbase") for i in ids[:39]])
    names = ("--bench-name", "test-v1", "--judge-name", "judge", "--baseline", "zbase")
    calibrate = (*names, "--calibrate", "human-bob")
    run_main("show_result.py", *calibrate, "--draw-for-labels", 30)
    drawn = voted.read_jsonl(voted.data / "label_draws/human-bob.jsonl")
    rows = "".join(f"{line['question_id']},zbase,m,m\n" for line in drawn)
    voted.write("v.csv", HEAD + rows + "q40,m,zbase,m\n")  # nobody has judged q40
    run_main("import_data.py", "v.csv", *FLAGS, "bob")
    records = voted.judgments("human-bob", "m")
    assert {record["baseline"] for record in records} == {"zbase"} and len(records) == 31
    assert sum(record["games"][1] is None for record in records) == 30
    done = run_main("show_result.py", *calibrate)
    assert any(line.startswith("m ") for line in done.out.splitlines())


def test_the_draw_of_a_person_comes_before_what_a_judge_did(
    voted: Workspace, run_main: RunMain
) -> None:
    add_judgments(voted, "m", [judgment("q1", *WON, baseline="n")])
    add_judgments(voted, "n", [judgment("q2", *WON, baseline="m")], judge="other")
    draw = {"question_id": "q1", "model": "n", "baseline": "m", "judge": "other", "seed": 0}
    voted.write(voted.data / "label_draws/human-bob.jsonl", [draw])
    voted.write("v.csv", HEAD + "q1,m,n,tie\nq2,m,n,tie\nq3,n,m,tie\n")
    for person, models in (("bob", {"n": 2, "m": 1}), ("eve", {"m": 2, "n": 1})):
        run_main("import_data.py", "v.csv", *FLAGS, person)
        folder = voted.data / f"model_judgment/human-{person}"
        assert {f.stem: len(voted.read_jsonl(f)) for f in folder.iterdir()} == models


def test_votes_whose_order_has_changed_are_not_stored_twice(
    voted: Workspace, run_main: RunMain
) -> None:
    voted.write("v.csv", f"{HEAD}q1,m,n,tie\nq2,m,base,tie\n")
    run_main("import_data.py", "v.csv", *FLAGS, "bob")
    add_judgments(voted, "m", [judgment("q1", *WON, baseline="n")])
    voted.write("v.csv", f"{HEAD}q1,m,n,tie\n")
    folder = voted.data / "model_judgment/human-bob"
    (folder / "m.jsonl").unlink()
    before = tree(voted.root)
    done = run_main("import_data.py", "v.csv", *FLAGS, "bob", check=2)
    assert "n.jsonl: has votes on the same pairs in the other order. Replace them" in done.err
    assert tree(voted.root) == before
    rows = "q1,m,n,tie,eve\nq3,m,base,tie,bob\n"
    voted.write("both.csv", f"{HEAD.strip()},annotator\n{rows}")
    run_main("import_data.py", "both.csv", *FLAGS)  # another person votes on the pair
    run_main("import_data.py", "v.csv", *FLAGS, "bob", "--force")
    assert [file.name for file in folder.iterdir()] == ["m.jsonl"]
