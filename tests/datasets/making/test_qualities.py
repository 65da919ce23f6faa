"""Ratings of prompts by a model: what is asked, kept, retried and paid once."""

from __future__ import annotations

import pytest
from conftest import RunMain, Workspace
from fake_api import Call, FakeAPI, Reply

from arena.datasets.making.qualities import QUALITIES, qualities_in

FLAGS = ["rows.txt", "--bench-name", "new", "--judge-model", "rater"]


@pytest.fixture
def rated(bench: Workspace, api: FakeAPI) -> Workspace:
    bench.write("rows.txt", "Prove the hard theorem\nSay a colour\nSay another colour\n")
    bench.add_model("rater", api.v1, parallel=1)
    api.answer_with(rating)
    return bench


def rating(call: Call) -> str:
    return "Not [[0]] but [[1, 2,3, 4,6]]" if "theorem" in str(call.messages) else "[[7]]"


@pytest.mark.parametrize(
    ("reply", "names"),
    [
        ("[[1, 7]]", ["specificity", "real-world use"]),
        ("first [[1]], then [[ 2 ]]", ["domain knowledge"]),
        ("[[0]]", []),
        ("[[8]] [1]", None),
        ("", None),
    ],
)
def test_the_last_list_of_a_reply_counts(reply: str, names: list[str] | None) -> None:
    assert len(QUALITIES) == 7
    assert qualities_in(reply) == names


def test_hard_prompts_are_kept_and_nothing_is_asked_twice(
    rated: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    done = run_main("make_bench.py", *FLAGS)
    assert "dropped 2: under 5 of the seven qualities" in done.out
    (record,) = rated.read_jsonl("data/new/question.jsonl")
    assert record["turns"] == [{"content": "Prove the hard theorem"}]
    assert len(api.calls) == 3
    assert all("Do not answer the prompt" in (call.system or "") for call in api.calls)
    run_main("make_bench.py", *FLAGS, "--force", "--min-quality", 1)
    assert len(rated.read_jsonl("data/new/question.jsonl")) == 3 and len(api.calls) == 3
    done = run_main("make_bench.py", *FLAGS, "--force", "--min-quality", 6, check=2)
    assert "Lower --min-quality" in done.err
    assert len(rated.read_jsonl("data/new/question.jsonl")) == 3


def test_the_id_0_is_rated(rated: Workspace, run_main: RunMain) -> None:
    rows = [{"id": n, "prompt": f"Prove the hard theorem {n}"} for n in range(2)]
    rated.write("rows.jsonl", rows)
    run_main("make_bench.py", "rows.jsonl", *FLAGS[1:])
    records = rated.read_jsonl("data/new/question.jsonl")
    assert [record["question_id"] for record in records] == [0, 1]


def test_duplicates_are_dropped_before_they_are_paid(
    rated: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    rated.write("rows.txt", "Prove the hard theorem\nPROVE the hard theorem!\n")
    run_main("make_bench.py", *FLAGS, "--size", 5)
    assert len(api.calls) == 1


def test_a_dry_run_asks_and_writes_nothing(
    rated: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    done = run_main("make_bench.py", *FLAGS, "--dry-run")
    assert "3 calls" in done.out
    assert not api.calls and not (rated.root / "data/new/question.jsonl").exists()


def test_a_reply_without_a_list_is_asked_to_go_on(
    rated: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    api.answer_with(lambda call: "[[1]]" if len(call.messages) > 2 else "Hm.")
    run_main("make_bench.py", *FLAGS, "--min-quality", 1)
    assert len(api.calls) == 6


def test_unreadable_ratings_are_stored_and_asked_again_only_if_wanted(
    rated: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    api.answer_with(lambda call: "Hm.")
    done = run_main("make_bench.py", *FLAGS, check=2)
    assert "ratings without a list of qualities: 3" in done.out
    assert "no reply of the judge has a list of qualities" in done.err and len(api.calls) == 6
    api.answer_with(rating)
    run_main("make_bench.py", *FLAGS, check=2)
    assert len(api.calls) == 6
    run_main("make_bench.py", *FLAGS, "--retry-invalid")
    assert len(api.calls) == 9


def test_a_failed_call_writes_no_bench(rated: Workspace, api: FakeAPI, run_main: RunMain) -> None:
    api.answer_with(lambda call: Reply.prompt_filtered())
    run_main("make_bench.py", *FLAGS, check=1)
    assert not (rated.root / "data/new/question.jsonl").exists()
    api.answer_with(rating)
    run_main("make_bench.py", *FLAGS)
    assert len(rated.read_jsonl("data/new/question.jsonl")) == 1
