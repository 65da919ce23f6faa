"""Answers that a run stores whatever is in them, and those that it makes again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply

from arena.generate import answers

POISON = {
    "Spaces?": " " * 1_000_000 + ".",
    "Half?": "half a llama \ud83e, NUL \0 and <|endoftext|>",
    "Nothing?": "\u200b" * 210_000,
}


def stored(bench: Workspace, model: str = "tiny") -> dict[Any, dict[str, Any]]:
    lines = (bench.data / f"model_answer/{model}.jsonl").read_text("utf-8").splitlines()
    records = map(json.loads, lines)
    return {r["uid"] if "uid" in r else r["question_id"]: r for r in records}


@pytest.fixture
def tiny(bench: Workspace, api: FakeAPI) -> Workspace:
    """A bench of three questions, and a model that answers them."""
    bench.add_questions(list(POISON))
    bench.add_model("tiny", api.v1, retry_wait=0.001, max_retries=1)
    bench.write_answer_config()
    return bench


def test_no_reply_stops_a_run(tiny: Workspace, api: FakeAPI, run_main: RunMain) -> None:
    texts = enumerate(POISON, start=1)
    tiny.add_questions([{"uid": f"u{i}", "prompt": text} for i, text in texts])
    tiny.add_model("tiny", api.v1, tokenizer="gpt-4o")
    api.answer_with(lambda call: POISON[call.prompt])
    assert "3 done" in run_main("gen_answer").out
    replies = [record["messages"][1]["content"]["answer"] for record in stored(tiny).values()]
    assert replies == list(POISON.values())
    folder = tiny.data / "model_answer"
    assert "3 of 3" in run_main("add_markdown_info", "--dir", folder, "--recompute").out
    assert [r["metadata"]["token_len"] for r in stored(tiny).values()] == [7901, 17, 52500]
    assert "3 cached" in run_main("gen_answer").out


def test_an_answer_that_cannot_be_measured_is_stored(
    tiny: Workspace, api: FakeAPI, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("too long")

    monkeypatch.setattr(answers, "conv_metadata", fail)
    api.answer_with("hello")
    out = run_main("gen_answer").out
    assert "answers stored, but not measured: 3 (" in out
    assert [r["choices"][0]["turns"][0]["content"] for r in stored(tiny).values()] == ["hello"] * 3
    monkeypatch.undo()
    assert (
        "3 of 3 answers measured"
        in run_main("add_markdown_info", "--dir", tiny.data / "model_answer").out
    )


def test_questions_of_any_text_are_asked(tiny: Workspace, api: FakeAPI, run_main: RunMain) -> None:
    turns = [{"content": "half a llama \ud83e, NUL \0"}, {"content": " " * 50_000}]
    tiny.write(tiny.data / "question.jsonl", json.dumps({"question_id": "q1", "turns": turns}))
    assert "tiny: 2 calls to make" in run_main("gen_answer", "--dry-run").out
    api.answer_with("half \ud83e")
    run_main("gen_answer")
    assert api.calls[-1].messages[0]["content"] == "half a llama \ufffd, NUL \0"


def test_numbers_as_ids_stay_numbers_and_are_found_again(
    bench: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    turns = [{"content": "Where to begin?"}]
    bench.add_questions([{"question_id": i, "cluster": i, "turns": turns} for i in (721, 10)])
    bench.add_answers("base", {"721": "Here.", "10": "There."})
    for name in ("tiny", "judge"):
        bench.add_model(name, api.v1, retry_wait=0.001)
    bench.write_answer_config(model_list=["tiny"])
    bench.write_judge_config("judge", "base", model_list=["tiny"])
    api.answer_with("[[A>B]]")
    for calls in (2, 2):
        run_main("gen_answer")
        assert (api.call_count, {*stored(bench)}) == (calls, {721, 10})
    for calls in (6, 6):
        run_main("gen_judgment")
        assert api.call_count == calls
    assert [record["question_id"] for record in bench.judgments("judge", "tiny")] == [10, 721]
    board = run_main("show_result", "--category", 721, "--num-rounds", 3).out
    assert "questions judged: 1 of 1" in board
    run_main("show_result", "--num-rounds", 3, "--save-battles")
    battles = bench.root / "data" / "arena_hard_battles.jsonl"
    battles.write_text(battles.read_text().replace('"721"', "721").replace('"10"', "10"))
    assert "tiny" in run_main("show_result", "--load-battles", "--num-rounds", 3).out


@pytest.mark.parametrize("form", ["v0.1", "v2.0"])
def test_failed_calls_of_v01_are_no_answers(
    bench: Workspace, api: FakeAPI, run_main: RunMain, form: str
) -> None:
    name = "question_id" if form == "v0.1" else "uid"
    bench.add_questions([{name: f"q{i}", "prompt": f"Question {i}?"} for i in (1, 2)])
    for model, text in (("base", "fine"), ("tiny", "$ERROR$")):
        answers = {"q1": "fine", "q2": text}
        bench.add_answers(model, answers)
        if form == "v2.0":
            replies = [{"role": "assistant", "content": {"answer": a}} for a in answers.values()]
            records = [
                {"uid": uid, "model": model, "messages": [reply]}
                for uid, reply in zip(answers, replies, strict=True)
            ]
            bench.write(bench.data / f"model_answer/{model}.jsonl", records)
    for model in ("tiny", "judge"):
        bench.add_model(model, api.v1, retry_wait=0.001)
    bench.write_answer_config(model_list=["tiny"])
    bench.write_judge_config("judge", "base", model_list=["tiny"])
    plan = run_main("gen_judgment", "--dry-run").out
    assert "tiny: 2 calls to make" in plan
    assert "questions skipped, not answered in full by the model: 1 (q2)" in plan
    api.answer_with("now it works")
    assert "1 done, 1 cached" in run_main("gen_answer").out
    assert [call.prompt for call in api.calls] == ["Question 2?"]
    assert "$ERROR$" not in json.dumps(list(stored(bench).values()))
    assert "tiny: 4 calls to make" in run_main("gen_judgment", "--dry-run").out


def test_a_conversation_goes_on_at_its_failed_turn(
    bench: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    turns = [{"content": "One?"}, {"content": "Two?"}, {"content": "Three?"}]
    bench.add_questions([{"question_id": "q1", "turns": turns}])
    texts = [{"content": text} for text in ("First.", "$ERROR$", "$ERROR$")]
    record = {"question_id": "q1", "choices": [{"index": 0, "turns": texts}]}
    bench.write(bench.data / "model_answer/tiny.jsonl", [record])
    bench.add_model("tiny", api.v1, retry_wait=0.001)
    bench.write_answer_config()
    api.answer_with(lambda call: f"to {call.prompt}")
    run_main("gen_answer")
    (choice,) = stored(bench)["q1"]["choices"]
    assert [turn["content"] for turn in choice["turns"]] == ["First.", "to Two?", "to Three?"]
    assert (api.call_count, api.calls[0].messages[1]["content"]) == (2, "First.")


def test_more_choices_than_are_judged_are_told_before_the_first_call(
    tiny: Workspace, run_main: RunMain
) -> None:
    tiny.write_answer_config(num_choices=3)
    done = run_main("gen_answer", "--dry-run")
    assert "num_choices is 3, but only the first choice of an answer is judged" in done.err
    assert "tiny: 9 calls to make" in done.out


def test_prompts_that_do_not_fit_are_not_to_be_asked_again(
    tiny: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    api.answer_with(lambda call: Reply.context_too_long() if call.prompt == "Half?" else "Fine.")
    out = run_main("gen_answer", check=1).out
    assert "not complete: tiny. The prompts and max_tokens do not fit into the model's" in out
    assert "Lower max_tokens, or set tokenizer" in out and "again" not in out
    api.answer_with("Fine.")
    assert "not complete" not in run_main("gen_answer").out


def test_a_dry_run_says_which_questions_the_baseline_did_not_answer(
    tiny: Workspace, run_main: RunMain
) -> None:
    tiny.add_answers("tiny", {f"q{i}": "a" for i in (1, 2, 3)})
    tiny.add_answers("base", {"q2": "b"})
    tiny.write_judge_config("tiny", "base", model_list=["tiny"])
    out = run_main("gen_judgment", "--dry-run").out
    assert "tiny: 2 calls to make" in out
    assert "questions skipped, not answered in full by the baseline base: 2 (q1, q3)" in out
