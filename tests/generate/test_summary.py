"""The summary of a run, on the screen and as JSON."""

from __future__ import annotations

import json

import pytest
from conftest import Run, Workspace
from fake_api import Call, FakeAPI, Reply
from runs import prepare, prepare_judging, tree


class TestReport:
    def test_it_says_what_the_summary_says(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 8, price={"input": 1, "output": 2})
        bench.add_answers("tiny", {"q1": "there"})

        def reply(call: Call) -> Reply:
            number = int(call.prompt.split()[1].rstrip("?"))
            if number >= 5:
                return Reply.context_too_long()
            return Reply("cut", finish_reason="length", prompt_tokens=1000, completion_tokens=500)

        api.answer_with(reply)
        done = run("answers", "--report", "out/report.json")
        report = json.loads((bench.root / "out" / "report.json").read_text())
        (model,) = report["models"]
        message = model["failed"]["context too long"].pop("message")
        assert message.startswith("context too long: HTTP 400")
        assert (done.status, report["complete"]) == (1, False)
        assert model == {
            "model": "tiny",
            "planned": 7,
            "done": 3,
            "cached": 1,
            "stale": 0,
            "not_begun": 0,
            "failed": {"context too long": {"count": 4, "examples": ["q5", "q6", "q7"]}},
            "remarks": {
                "answers cut off at max_tokens": {"count": 3, "examples": ["q2", "q3", "q4"]}
            },
            "input_tokens": 3000,
            "output_tokens": 1500,
            "cost_usd": pytest.approx(0.006),
            "untold_cost_usd": 0,
        }
        assert "4 failed, 3,000 tokens in, 1,500 out, $0.0060" in done.out
        assert "failed: 4 (q5, q6, q7): context too long: HTTP 400" in done.out
        assert "answers cut off at max_tokens: 3 (q2, q3, q4)" in done.out

    def test_what_is_stale_and_what_is_not_begun_stands_in_it(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 6)
        assert run("answers", "--limit", 2).status == 0
        bench.write_answer_config(temperature=1)
        api.answer_with(Reply.auth())
        done = run("answers", "--stale", "keep", "--report", "report.json")
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert (model["planned"], model["stale"], model["not_begun"]) == (4, 2, 1)
        kept = {"count": 2, "examples": ["q1", "q2"]}
        assert model["remarks"] == {"kept, made with other settings": kept}
        assert "  kept, made with other settings: 2 (q1, q2)\n" in done.out

    def test_withheld_answers_are_counted(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 4)
        api.reply(Reply.content_filter("Well,"), Reply.content_filter(), "fine", "fine")
        done = run("answers", "--report", "report.json")
        assert "  answers withheld or cut by a content filter: 2 (q1, q2)\n" in done.out
        assert "  empty answers: 1 (q2)\n" in done.out
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert model["remarks"] == {
            "answers withheld or cut by a content filter": {"count": 2, "examples": ["q1", "q2"]},
            "empty answers": {"count": 1, "examples": ["q2"]},
        }

    def test_what_is_remarkable_about_games_is_named(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare_judging(bench, api)
        bench.add_questions(3)
        bench.add_answers("base", {"q1": "b", "q2": "b", "q3": "b"})
        api.reply(Reply.cut_off("[[A>B]] bec"), "[[A>B]] [[B>A]]", Reply.cut_off("[[A=B]]"))
        done = run("judgments")
        assert "  verdicts in replies cut off at max_tokens: 2 (q1 game 1, q2 game 1)\n" in done.out
        assert "  games without verdict, ambiguous: 1 (q1 game 2)\n" in done.out
        assert "not answered in full by the model: 1 (q3)\n" in done.out

    def test_ids_with_control_characters_do_no_harm_to_a_terminal(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 1)
        evil = "q\x1b[2J\n1"
        names = (evil, evil + "b")
        bench.add_questions([{"question_id": n, "turns": [{"content": n[-1]}]} for n in names])
        api.answer_with(lambda call: Reply.context_too_long() if call.prompt == "b" else "")
        done = run("answers", "--report", "report.json")
        assert "\x1b" not in done.out + done.err
        assert "empty answers: 1 (q [2J 1)" in done.out
        assert "failed: 1 (q [2J 1b): context too long" in done.out
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert model["remarks"]["empty answers"]["examples"] == [evil]

    def test_a_complete_run_is_called_so(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare_judging(bench, api)
        assert run("judgments", "--report", "report.json").status == 0
        report = json.loads((bench.root / "report.json").read_text())
        assert report["complete"] is True
        (model,) = report["models"]
        assert (model["model"], model["done"], model["cost_usd"]) == ("tiny", 4, None)

    @pytest.mark.parametrize("path", ["config", "config/api_config.yaml/report.json"])
    def test_one_that_cannot_be_written_is_named_before_the_first_call(
        self, api: FakeAPI, bench: Workspace, run: Run, path: str
    ) -> None:
        prepare(bench, api, 1)
        before = tree(bench.root)
        done = run("answers", "--report", path)
        (line,) = done.err.splitlines()
        assert line == f"error: {path}: --report: cannot write a file here"
        assert (done.status, api.call_count, tree(bench.root)) == (2, 0, before)
