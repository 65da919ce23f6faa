"""gen_judgment.py without one baseline for all: every pair of models, and pairs of a file."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI

SCRIPT = "gen_judgment.py"


@pytest.fixture
def four(bench: Workspace, api: FakeAPI) -> Workspace:
    """Answers of base, a, b and c to two questions, and a judge that always ties."""
    bench.add_questions(2)
    for model in ("base", "a", "b", "c"):
        bench.add_answers(model, {"q1": f"{model} on q1", "q2": f"{model} on q2"})
    bench.add_model("judge", api.v1)
    bench.write_judge_config("judge", "base")
    api.answer_with("[[A=B]]")
    return bench


def pairs(bench: Workspace) -> dict[str, list[tuple[str, str]]]:
    """The questions and baselines of the judgments of each model."""
    folder = bench.data / "model_judgment" / "judge"
    return {
        path.stem: [(r["question_id"], r["baseline"]) for r in bench.read_jsonl(path)]
        for path in sorted(folder.glob("*.jsonl"))
    }


def both(*baselines: str) -> list[tuple[str, str]]:
    return sorted((q, baseline) for q in ("q1", "q2") for baseline in baselines)


def test_every_pair_meets_once_a_question_both_ways_round(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    done = run_main(SCRIPT, "--round-robin")
    found = {model: sorted(records) for model, records in pairs(four).items()}
    assert found == {"a": both("base"), "b": both("base", "a"), "c": both("base", "a", "b")}
    assert api.call_count == 6 * 2 * 2
    seen = [call.prompt for call in api.calls]
    assert all(seen.count(text) == 1 for text in seen)
    assert done.out.splitlines()[-1] == "next: python show_result.py --anchor base"


def test_a_later_run_finds_the_pairs_whatever_the_order_of_the_models(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    run_main(SCRIPT, "--model", "a")
    assert api.call_count == 4
    run_main(SCRIPT, "--round-robin", "--model", "b", "a", "base")
    assert api.call_count == 12
    before = pairs(four)
    run_main(SCRIPT, "--round-robin", "--model", "base", "b", "a", "b")
    run_main(SCRIPT, "--model", "a", "b")
    assert (api.call_count, pairs(four)) == (12, before)


def test_pairs_of_a_file_are_judged_and_no_others(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    four.write("pairs.csv", "\ufeffmodel_a,model_b\r\nc, a\r\n\r\na,c\r\nb,base\r\n")
    run_main(SCRIPT, "--pairs", "pairs.csv", "--limit", 1)
    assert pairs(four) == {"b": [("q1", "base")], "c": [("q1", "a")]}
    assert api.call_count == 4


def test_a_dry_run_and_a_limit_on_cost_count_pairs(four: Workspace, run_main: RunMain) -> None:
    done = run_main(SCRIPT, "--round-robin", "--dry-run")
    assert "total: 24 calls" in done.out
    four.add_model("judge", four.models["judge"]["endpoints"][0]["api_base"], price={})
    done = run_main(SCRIPT, "--round-robin", "--max-cost", "0.01", check=2)
    assert "price" in done.err


WRONG: dict[str, tuple[str, list[str]]] = {
    "against itself": ("a,a\n", ["pairs.csv:1: a against itself"]),
    "one name": ("a,b\nc\n", ["pairs.csv:2: expected two models with a comma between them"]),
    "three names": ("a,b,c\n", ["pairs.csv:1: expected two models"]),
    "no name": ("a,\n", ["pairs.csv:1: expected two models"]),
    "empty": ("\n", ["pairs.csv: no pairs"]),
    "unknown": ("a,bb\n", ["no answers of the model 'bb'"]),
    "unknown first": ("aa,b\n", ["no answers of the baseline 'aa', which a pair names"]),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_an_error_before_any_call(
    four: Workspace, api: FakeAPI, run_main: RunMain, text: str, words: list[str]
) -> None:
    four.write("pairs.csv", text)
    done = run_main(SCRIPT, "--pairs", "pairs.csv", check=2)
    assert len(done.err.splitlines()) == 1
    assert all(word in done.err for word in words), done.err
    assert api.call_count == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--round-robin", "--model", "a"], "a pair needs two models with answers"),
        (["--round-robin", "--baseline", "a"], "argument --baseline: not allowed with"),
        (["--round-robin", "--pairs", "pairs.csv"], "argument --pairs: not allowed with"),
        (["--pairs", "pairs.csv", "--model", "a"], "--model: --pairs names the models"),
        (["--pairs", "nothing.csv"], "nothing.csv: cannot read pairs: No such file"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(
    four: Workspace, flags: list[Any], words: str
) -> None:
    done = four.run(SCRIPT, *flags, check=2)
    assert words in done.stderr


def test_graded_single_answers_make_no_pairs(four: Workspace, run_main: RunMain) -> None:
    template = ["{question} {answer}"]
    four.write_judge_config(
        "judge", "base", pairwise=False, baseline=False, prompt_template=template
    )
    done = run_main(SCRIPT, "--round-robin", check=2)
    assert "pairwise is false, and single answers make no pairs" in done.err
