"""The summary of a run, on the screen and as JSON."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, RunMain, Workspace
from fake_api import Call, FakeAPI, Reply
from runs import prepare, prepare_judging, tree

from arena.chat.budget import Budget, Meter
from arena.generate.summary import (
    Estimate,
    RunSummary,
    conclude,
    print_estimates,
)


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
            "in_batches": 0,
            "failed": {"context too long": {"count": 4, "examples": ["q5", "q6", "q7"]}},
            "remarks": {
                "answers cut off at max_tokens": {"count": 3, "examples": ["q2", "q3", "q4"]}
            },
            "input_tokens": 3000,
            "output_tokens": 1500,
            "cost_usd": pytest.approx(0.006),
            "saved_usd": 0.0,
            "untold_cost_usd": 0,
            "calls": {"in_flight": 0, "waiting": 0, "retries": 0},
        }
        assert "4 failed, 3,000 tokens in, 1,500 out, $0.0060" in done.out
        (line,) = re.findall("  failed: .*", done.out)
        assert line.startswith("  failed: 4 questions: context too long: HTTP 400")
        assert line.endswith(" (for example q5, q6, q7)")
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
        assert "failed: 1 question, q [2J 1b: context too long" in done.out
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert model["remarks"]["empty answers"]["examples"] == [evil]

    def test_a_complete_run_is_called_so(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare_judging(bench, api)
        assert run("judgments", "--report", "report.json").status == 0
        report = json.loads((bench.root / "report.json").read_text())
        assert report["complete"] is True
        (model,) = report["models"]
        assert (model["model"], model["done"], model["cost_usd"]) == ("tiny", 4, None)

    @pytest.mark.parametrize("path", ["/", "config", "config/api_config.yaml/report.json"])
    def test_one_that_cannot_be_written_is_named_before_the_first_call(
        self, api: FakeAPI, bench: Workspace, run: Run, path: str
    ) -> None:
        prepare(bench, api, 1)
        before = tree(bench.root)
        done = run("answers", "--report", path)
        (line,) = done.err.splitlines()
        assert line == f"error: {path}: --report: cannot write a file here"
        assert (done.status, api.call_count, tree(bench.root)) == (2, 0, before)


class TestATerminal:
    def test_lines_of_a_run_are_broken_between_words_but_for_the_next_command(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        run = RunSummary("m" * 30, Meter((1, 1), Budget()), planned=500, done=500, cached=500)
        run.remarks["the judge gave one verdict in both games, whoever came first"] = ["q1"]
        print_estimates([(run, Estimate(500, 90_000, 90_000, 900_000, 90_000, 70_000, 0))])
        command = "python gen_judgment.py --bench-name a-bench --model " + "m" * 40
        files = [Path("data/a-bench/model_answer") / f"model-number-{i}.jsonl" for i in range(5)]
        assert conclude([run], [], files, None, command) == 0
        run.planned = 501
        assert conclude([run], ["the server refused all of the calls " * 3], [], None, "") == 1
        shown = capsys.readouterr()
        lines = [*shown.out.splitlines(), *shown.err.splitlines()]
        assert max(len(line) for line in lines if not line.startswith("next: ")) <= 80
        assert f"next: {command}" in lines


class TestEnd:
    def test_it_says_what_was_written_where_and_what_comes_next(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 2)
        lines = run("answers", "--model", "tiny", "--quiet").out.splitlines()
        assert lines[-2:] == [
            "written to data/test-v1/model_answer: tiny.jsonl",
            "next: python gen_judgment.py --bench-name test-v1 --model tiny",
        ]

    def test_the_next_command_names_models_bench_and_endpoints_as_the_run_had_them(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        """The judge config names another bench, and the endpoints are in another file."""
        prepare_judging(bench, api)
        bench.add_model("tiny", api.v1)
        bench.add_model("more", api.v1)
        config = bench.root / "config"
        (config / "api_config.yaml").rename(config / "mine.yaml")
        bench.write_answer_config()
        bench.write_judge_config("judge", "base", bench_name="other")
        flags = ("--endpoint-file", "config/mine.yaml", "--model", "tiny", "more", "tiny")
        line = run_main("gen_answer.py", *flags).out.splitlines()[-1]
        assert line == (
            "next: python gen_judgment.py --bench-name test-v1 --model tiny more "
            "--endpoint-file config/mine.yaml"
        )
        run_main(*shlex.split(line)[2:])
        assert len(bench.judgments("judge", "more")) == 2

    @pytest.mark.parametrize("flags", [("b2",), ("b2", "b3"), ("b2", "--baseline", "b3", "b2")])
    def test_the_board_that_comes_next_has_the_baselines_of_the_run(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, flags: tuple[str, ...]
    ) -> None:
        """The judge config names a baseline without answers."""
        prepare_judging(bench, api)
        for baseline in ("b2", "b3"):
            bench.add_answers(baseline, {"q1": "text", "q2": "text"})
        bench.write_judge_config("judge", "nobody")
        done = run_main("gen_judgment.py", "--baseline", *flags, "--model", "tiny", "b2", "b3")
        line = done.out.splitlines()[-1]
        names = " ".join(name for name in ("b2", "b3") if name in flags)
        assert line == f"next: python show_result.py --baseline {names}"
        shown = run_main(*shlex.split(line)[2:]).out
        assert "b2 " in shown and "tiny " in shown

    def test_after_judgments_the_board_is_next(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare_judging(bench, api)
        done = run("judgments", "--judge-model", "judge", "--data-dir", bench.root / "data")
        assert done.out.splitlines()[-1] == (
            f"next: python show_result.py --data-dir {bench.root / 'data'} --judge-name judge"
        )

    def test_calls_that_a_cost_limit_stops_are_not_begun(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 4, price={"input": 0, "output": 1000})
        bench.write_answer_config(max_tokens=1000)
        api.answer_with(Reply("long", completion_tokens=1000))
        done = run("answers", "--max-cost", 2, "--report", "report.json")
        assert "tiny: 4 planned, 2 done, 0 cached, 0 failed, 2 not begun (cost limit: " in done.out
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert (model["not_begun"], model["failed"]) == (2, {})
        assert model["calls"] == {"in_flight": 0, "waiting": 0, "retries": 0}


class TestDryRun:
    def test_it_expects_what_earlier_replies_took(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 4, price={"input": 0, "output": 1000})
        first = run("answers", "--dry-run").out
        assert "  expected: 1,024 output tokens (256 a call assumed, without earlier" in first
        api.answer_with(Reply("short", completion_tokens=100))
        run("answers", "--limit", 2)
        out = run("answers", "--dry-run").out
        assert "  expected: 200 output tokens (100 a call in 2 earlier replies), $0.20\n" in out

    def test_it_names_the_total_of_models_and_what_is_left_out(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare_judging(bench, api)
        bench.add_questions(3)
        bench.add_answers("more", {"q1": "m"})
        out = run("judgments", "--dry-run", "--model", "tiny", "--model", "more").out
        assert "For the cost, add price: {input: , output: } to the entry of judge\n" in out
        assert "  questions skipped, not answered in full by the model: 1 (q3)\n" in out
        assert "\ntotal: 6 calls\n" in out


class TestAdvice:
    @pytest.mark.parametrize(
        ("reply", "flags", "advice"),
        [
            (Reply.server_error(500), (), "Run the same command again to continue."),
            (Reply.auth(), (), "Mend the causes above, then run the same command again."),
            ("fine", ("--max-cost", 0), "Raise --max-cost, then run the same command again."),
        ],
    )
    def test_it_fits_the_cause(
        self, api: FakeAPI, bench: Workspace, run: Run, reply: Any, flags: Any, advice: str
    ) -> None:
        prepare(bench, api, 1, price={"input": 1, "output": 1})
        api.answer_with(reply)
        assert run("answers", *flags).out.endswith(f"not complete: tiny. {advice}\n")
