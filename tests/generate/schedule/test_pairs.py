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


def orders(bench: Workspace) -> dict[str, list[tuple[str, str]]]:
    """The orders of each question's judgments: baseline and model."""
    found: dict[str, list[tuple[str, str]]] = {}
    for model, records in pairs(bench).items():
        for question, baseline in records:
            found.setdefault(question, []).append((baseline, model))
    return {question: sorted(of) for question, of in found.items()}


def test_pairs_that_a_run_against_another_baseline_has_judged_are_not_paid_for_again(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    """The records of one question name c as the baseline, where the config's is base."""
    run_main(SCRIPT, "--baseline", "c", "--model", "a", "base", "--limit", "1")
    assert api.call_count == 4
    run_main(SCRIPT, "--round-robin")
    assert api.call_count == 6 * 2 * 2
    usual = [("a", "b"), ("a", "c"), ("b", "c"), ("base", "a"), ("base", "b"), ("base", "c")]
    turned = [("a", "b"), ("b", "c"), ("base", "a"), ("base", "b"), ("c", "a"), ("c", "base")]
    assert orders(four) == {"q1": turned, "q2": usual}
    run_main(SCRIPT, "--round-robin")
    assert api.call_count == 6 * 2 * 2


def test_a_judgment_that_is_played_in_part_goes_on_in_its_order(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    run_main(SCRIPT, "--baseline", "b", "--model", "a")
    path = four.data / "model_judgment" / "judge" / "a.jsonl"
    records = four.read_jsonl(path)
    records[0]["games"][1] = None
    four.write(path, records)
    run_main(SCRIPT, "--round-robin", "--model", "a", "b")
    assert api.call_count == 5
    assert orders(four) == {"q1": [("b", "a")], "q2": [("b", "a")]}


def test_baselines_of_categories_keep_their_orders(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    """As in v2.0: each category has a baseline of its own, which plays the other category's."""
    four.add_questions(
        [
            {"question_id": "q1", "category": "hard", "turns": [{"content": "?"}]},
            {"question_id": "q2", "category": "soft", "turns": [{"content": "?"}]},
        ]
    )
    rules = {"hard": {"baseline_model": "base"}, "soft": {"baseline_model": "a"}}
    four.write_judge_config("judge", "base", categories=rules, model_list=[])
    run_main(SCRIPT)
    assert api.call_count == 2 * 3 * 2
    run_main(SCRIPT, "--round-robin")
    assert api.call_count == 2 * 6 * 2
    assert orders(four)["q2"].count(("a", "base")) == 1
    assert {len(of) for of in orders(four).values()} == {6}


def test_several_baselines_of_a_config_keep_its_order(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    four.write_judge_config("judge", "c", baseline_model=["c", "a"], model_list=[])
    run_main(SCRIPT)
    before = api.call_count
    run_main(SCRIPT, "--round-robin")
    assert api.call_count == 6 * 2 * 2
    assert before == 5 * 2 * 2  # c and a against each other, base and b against both


def test_records_without_a_baseline_are_against_that_of_the_config_and_not_of_a_pair(
    four: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    run_main(SCRIPT, "--model", "b")
    path = four.data / "model_judgment" / "judge" / "b.jsonl"
    records = four.read_jsonl(path)
    for record in records:
        del record["baseline"]
    four.write(path, records)
    before = api.call_count
    run_main(SCRIPT, "--round-robin", "--model", "a", "b")
    assert api.call_count - before == 4


@pytest.mark.parametrize(
    ("models", "anchor"), [(("base", "a"), "--anchor base"), (("a", "b"), "--anchor")]
)
def test_the_next_command_has_the_usual_baseline_as_anchor_or_none(
    four: Workspace, run_main: RunMain, models: tuple[str, str], anchor: str
) -> None:
    done = run_main(SCRIPT, "--round-robin", "--model", *models)
    assert done.out.splitlines()[-1] == f"next: python show_result.py {anchor}"
    run_main("show_result.py", *anchor.split())
