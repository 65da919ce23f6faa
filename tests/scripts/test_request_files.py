"""gen_answer.py and gen_judgment.py with requests and results in files, as an engine eats them."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import REPO, Done, RunMain, Workspace
from fake_api import Call, FakeAPI, Reply, Responder
from runs import tree
from stand_in_engine import run_batch

from arena.base.errors import OutputError
from arena.batch.service import Terms
from arena.batch.services import SERVICES
from arena.batch.state import RUNNING, Batch
from arena.chat.config import ModelConfig
from arena.chat.protocols import Request
from arena.generate import request_files

MODELS = ("m1", "m2", "org/m3")
ANSWER, JUDGE = "gen_answer.py", "gen_judgment.py"


def respond(call: Call) -> Reply:
    """An answer that depends on the whole conversation, with reasoning for some."""
    text = f"{call.model} on {[m['content'] for m in call.messages]}"
    return Reply(text, reasoning="hm" if "3" in call.prompt else None, prompt_tokens=len(text))


def verdict(call: Call) -> Reply:
    """A verdict, for some games only on request, for others never."""
    first = next(m["content"] for m in call.messages if m["role"] == "user")
    is_first = sum(m["role"] == "user" for m in call.messages) == 1
    if "Question 5?" in first or ("Question 2?" in first and is_first):
        return Reply("I cannot decide.")
    return Reply(f"I see {len(first)}: [[{'A>B' if len(first) % 2 else 'B>>A'}]]")


def set_up(bench: Workspace, api_base: str, models: Sequence[str] = MODELS) -> None:
    """Six questions, of which two have two turns."""
    two = [{"content": "First turn 3?"}, {"content": "And then?"}]
    questions: list[Any] = [f"Question {number}?" for number in range(1, 5)]
    for number in (5, 6):
        questions.append({"question_id": f"q{number}", "category": "c", "turns": two})
    bench.add_questions(questions)
    for model in models:
        bench.add_model(model, api_base, model_name=f"served-{model}")
    bench.write_answer_config()


def set_up_judging(bench: Workspace, api_base: str, **config: Any) -> None:
    """Five questions, answered by the baseline and all models."""
    bench.add_questions(5)
    for model in ("base", *MODELS):
        bench.add_answers(model, {f"q{n}": f"{model} on q{n}" for n in range(1, 6)})
    bench.add_model("judge", api_base)
    bench.write_judge_config("judge", "base", **config)


def records(bench: Workspace, folder: str) -> dict[str, list[Any]]:
    """The records of all files below a folder, without what differs from run to run."""
    files = {}
    for path in sorted((bench.data / folder).rglob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for line in lines:
            del line["tstamp"]
            line.pop("answer_id", None)
        files[path.name] = lines
    return files


def run_engine(root: Path, folder: str, answer: Responder, *, old: bool = False) -> list[Any]:
    """Answer all request files of a folder as the printed commands do."""
    lines = []
    for path in sorted((root / folder).rglob("requests-*.jsonl")):
        place = path.relative_to(root / folder)
        results = root / f"{folder}-results" / place.with_name(f"results-{place.name[9:]}")
        lines += run_batch(path, results, answer, old=old)
    return lines


def fail(call: Call, good: Responder, chance: random.Random) -> Reply | str:
    """A failure in 20 of 100 calls."""
    faults = (Reply.rate_limit(), Reply.server_error(), Reply.overloaded(), Reply.null_choices())
    return chance.choice(faults) if chance.random() < 0.2 else good(call)


def spoil(path: Path, chance: random.Random) -> None:
    """Mix the lines of a result file, repeat some, lose some, add a foreign one and half a line."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines = chance.sample(lines, len(lines) - len(lines) // 20)
    lines += chance.sample(lines, len(lines) // 10)
    lines.append(b'{"custom_id": "foreign", "response": null, "error": "none"}\n')
    path.write_bytes(b"".join(lines) + lines[0][:50])


def write(run_main: RunMain, script: str, folder: str = "r", *flags: object) -> Done:
    return run_main(script, "--write-requests", folder, *flags)


def read(run_main: RunMain, script: str, *files: object, check: int = 0) -> Done:
    return run_main(script, "--read-results", *(files or ("r-results",)), check=check)


def command_in(done: Done, word: str) -> list[str]:
    """The flags of the command that an output names after a word."""
    (command,) = re.findall(rf"^{word}: python \S+ (.*)$", done.out, re.MULTILINE)
    return shlex.split(command)


def engine_in(bench: Workspace) -> None:
    """Put a `vllm` that stands in for the real one into the bench's folder."""
    program = shlex.join([sys.executable, str(REPO / "tests" / "stand_in_engine.py")])
    bench.write("bin/vllm", f'#!/bin/sh\nexec {program} "$@"\n').chmod(0o755)


def run_shell(bench: Workspace, command: str, **env: str) -> None:
    path = f"{bench.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path} | env
    subprocess.run(command, shell=True, check=True, cwd=bench.root, env=env, timeout=60)


@pytest.fixture
def tiny(bench: Workspace) -> Workspace:
    """Three questions for one model, at an address where nothing answers."""
    bench.add_questions(3)
    bench.add_model("tiny", "http://127.0.0.1:9/v1")
    bench.write_answer_config()
    return bench


class TestALiveRun:
    """Records made by way of files are those of a live run."""

    @pytest.mark.parametrize("old", [False, True], ids=["new shape", "old shape"])
    def test_answers_of_three_models_in_four_shards(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain, old: bool
    ) -> None:
        set_up(bench, api.v1)
        api.answer_with(respond)
        live_out = run_main(ANSWER).out
        live = records(bench, "model_answer")
        shutil.rmtree(bench.data / "model_answer")
        calls = api.call_count

        done = write(run_main, ANSWER, "r", "--shards", "4")
        assert len(list((bench.root / "r").rglob("*.jsonl"))) == 12
        asked = run_engine(bench.root, "r", respond, old=old)
        done = run_main(ANSWER, *command_in(done, "then"), check=1)
        assert "  need another round: 2 (q5, q6)" in done.out
        flags = command_in(done, "next")
        assert flags == ["--write-requests", "requests-2"]
        done = run_main(ANSWER, *flags)
        asked += run_engine(bench.root, "requests-2", respond, old=old)
        done = run_main(ANSWER, *command_in(done, "then"))

        assert records(bench, "model_answer") == live
        assert len(asked) == calls and api.call_count == calls
        assert len({line["custom_id"] for line in asked}) == calls
        assert "next: python gen_judgment.py" in done.out and done.err == ""
        tokens = r"([\d,]+) tokens in"
        rounds = re.findall(tokens, done.out)
        assert len(rounds) == len(re.findall(tokens, live_out)) == 3

    def test_judgments_of_three_models_with_games_that_are_undecided_at_first(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        set_up_judging(bench, api.v1)
        api.answer_with(verdict)
        run_main(JUDGE)
        live = records(bench, "model_judgment")
        shutil.rmtree(bench.data / "model_judgment")
        calls = api.call_count

        write(run_main, JUDGE, "r", "--shards", "4")
        paths = sorted(path.name for path in (bench.root / "r").iterdir())
        assert paths == [f"requests-{number}.jsonl" for number in range(4)]
        asked = run_engine(bench.root, "r", verdict)
        done = read(run_main, JUDGE, check=1)
        undecided = "q2 game 1, q2 game 2, q5 game 1"
        assert done.out.count(f"need another round: 4 ({undecided})") == 3
        write(run_main, JUDGE, "r2")
        asked += run_engine(bench.root, "r2", verdict)
        read(run_main, JUDGE, "r2-results")

        assert records(bench, "model_judgment") == live
        assert len(asked) == calls and api.call_count == calls

    @pytest.mark.parametrize("script", [ANSWER, JUDGE])
    def test_a_bench_with_failures_and_spoiled_files_has_every_record_once(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain, script: str
    ) -> None:
        questions = bench.add_questions(60)
        for model in MODELS:
            bench.add_model(model, api.v1, parallel=8)
        bench.write_answer_config()
        for model in ("base", *MODELS) if script == JUDGE else ():
            texts = {q["question_id"]: f"{model} on {q['question_id']}" for q in questions}
            bench.add_answers(model, texts)
        bench.add_model("judge", api.v1, parallel=8)
        bench.write_judge_config("judge", "base")
        folder = "model_answer" if script == ANSWER else "model_judgment"
        good = respond if script == ANSWER else verdict
        api.answer_with(good)
        run_main(script)
        live, calls = records(bench, folder), api.call_count
        shutil.rmtree(bench.data / folder)

        chance, rounds = random.Random(1), 0
        status = 1
        while status:
            write(run_main, script, f"r{rounds}", "--shards", 4)
            run_engine(bench.root, f"r{rounds}", lambda call: fail(call, good, chance))
            for path in (bench.root / f"r{rounds}-results").rglob("*.jsonl"):
                spoil(path, chance)
            status = importlib.import_module(script[:-3]).main(
                ["--read-results", f"r{rounds}-results"]
            )
            rounds += 1
        assert 3 <= rounds <= 9
        assert records(bench, folder) == live and api.call_count == calls

    def test_both_rounds_may_be_read_at_once(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        set_up(bench, api.v1, ["m1"])
        write(run_main, ANSWER)
        run_engine(bench.root, "r", respond)
        read(run_main, ANSWER, check=1)
        write(run_main, ANSWER, "r2")
        run_engine(bench.root, "r2", respond)
        shutil.rmtree(bench.data / "model_answer")
        done = read(run_main, ANSWER, "r-results", "r2-results")
        assert "6 planned, 6 done" in done.out
        done = read(run_main, ANSWER, "r-results", "r2-results")
        assert "results that are already there: 8 (q1, q2, q3)" in done.out

    def test_a_request_to_go_on_that_cannot_be_answered_ends_the_game(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        def too_long(call: Call) -> Reply:
            goes_on = len(call.messages) > 2
            return Reply.context_too_long() if goes_on else Reply("Let me see.")

        set_up_judging(bench, api.v1, model_list=["m1"])
        api.answer_with(too_long)
        run_main(JUDGE, check=1)  # no game has a verdict
        live = records(bench, "model_judgment")
        shutil.rmtree(bench.data / "model_judgment")
        write(run_main, JUDGE)
        run_engine(bench.root, "r", too_long)
        read(run_main, JUDGE, check=1)
        write(run_main, JUDGE, "r2")
        run_engine(bench.root, "r2", too_long)
        done = read(run_main, JUDGE, "r2-results", check=1)
        assert records(bench, "model_judgment") == live
        assert "10 of 10 games have no verdict" in done.err

    def test_the_printed_commands_work_as_they_are(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        engine_in(tiny)
        done = write(run_main, ANSWER, "my requests", "--shards", "2", "--limit", "3")
        command = re.findall("^next: (.*)$", done.out, re.MULTILINE)
        assert command == [
            "mkdir -p 'my requests-results'/ && for n in $(seq 0 1); do vllm run-batch "
            "-i 'my requests'/requests-$n.jsonl -o 'my requests-results'/results-$n.jsonl "
            "--model tiny; done"
        ]
        run_shell(tiny, command[0])
        then = command_in(done, "then")
        assert then == ["--limit", "3", "--read-results", "my requests-results"]
        assert "3 planned, 3 done" in run_main(ANSWER, *then).out
        assert len(tiny.answers("tiny")) == 3


class TestWriting:
    def test_counts_where_and_how_to_go_on_are_printed(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        out = write(run_main, ANSWER, "out/r").out
        size = f"{(tiny.root / 'out/r/requests-0.jsonl').stat().st_size} bytes"
        assert out == (
            "tiny: 3 requests to make\n"
            f"written to out/r: 1 file, 3 requests, {size}\n"
            "next: mkdir -p out/r-results/ && vllm run-batch -i out/r/requests-0.jsonl "
            "-o out/r-results/results-0.jsonl --model tiny\n"
            "then: python gen_answer.py --read-results out/r-results\n"
        )

    def test_only_missing_requests_are_written(self, tiny: Workspace, run_main: RunMain) -> None:
        tiny.add_answers("tiny", {"q2": "there"})
        write(run_main, ANSWER)
        lines = tiny.read_jsonl("r/requests-0.jsonl")
        assert [line["body"]["messages"][0]["content"] for line in lines] == [
            "Question 1?",
            "Question 3?",
        ]
        assert lines[0] == {
            "custom_id": lines[0]["custom_id"],
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "tiny",
                "messages": [{"role": "user", "content": "Question 1?"}],
                "temperature": 0.0,
                "max_tokens": 256,
            },
        }

    def test_nothing_missing_writes_nothing(self, tiny: Workspace, run_main: RunMain) -> None:
        tiny.add_answers("tiny", {f"q{n}": "there" for n in (1, 2, 3)})
        done = write(run_main, ANSWER)
        assert done.out == "tiny: 0 requests to make\nno request is missing\n"
        assert not (tiny.root / "r").exists()

    def test_requests_in_a_running_batch_are_not_written(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        write(run_main, ANSWER, "first", "--shards", "3")
        content = (tiny.root / "first/requests-1.jsonl").read_bytes()
        folder = tiny.data / "batches" / "1"
        tiny.write(folder / "requests.jsonl", content)
        sha = hashlib.sha256(content).hexdigest()
        fields = {"service": "openai", "address": "", "model": "tiny", "requests": 1}
        Batch(folder, **fields, records="model_answer/tiny.jsonl", sha256=sha).advance(RUNNING)
        done = write(run_main, ANSWER)
        assert "tiny: 2 requests to make, 1 in batches\n" in done.out
        ids = [line["custom_id"] for line in tiny.read_jsonl("r/requests-0.jsonl")]
        assert json.loads(content)["custom_id"] not in ids and len(ids) == 2

    @pytest.mark.parametrize(("shards", "sizes"), [(2, [1, 2]), (3, [1] * 3), (9, [1] * 3)])
    def test_shards_are_of_nearly_equal_size_and_none_is_empty(
        self, tiny: Workspace, run_main: RunMain, shards: int, sizes: list[int]
    ) -> None:
        write(run_main, ANSWER, "r", "--shards", shards)
        paths = sorted((tiny.root / "r").iterdir())
        assert [path.name for path in paths] == [f"requests-{n}.jsonl" for n in range(len(sizes))]
        assert [len(path.read_bytes().splitlines()) for path in paths] == sizes

    @pytest.mark.parametrize(
        ("terms", "sizes"),
        [(Terms(2, 10**9), [2, 1]), (Terms(9, 600), [2, 1]), (Terms(9, 1), [1, 1, 1])],
        ids=["requests", "bytes", "a line alone"],
    )
    @pytest.mark.parametrize("api_type", ["openai", "vllm"])
    def test_without_shards_the_limits_of_services_split_the_requests(
        self,
        tiny: Workspace,
        run_main: RunMain,
        monkeypatch: pytest.MonkeyPatch,
        terms: Terms,
        sizes: list[int],
        api_type: str,
    ) -> None:
        if api_type == "vllm":
            monkeypatch.setattr(request_files, "USUAL", terms)
        else:
            monkeypatch.setitem(SERVICES, "openai", (SERVICES["openai"][0], terms))
        tiny.add_model("tiny", "http://127.0.0.1:9/v1", api_type=api_type)
        write(run_main, ANSWER)
        files = sorted((tiny.root / "r").iterdir())
        assert [len(path.read_bytes().splitlines()) for path in files] == sizes

    def test_a_file_has_its_name_only_when_it_is_whole(
        self, tiny: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line, seen = request_files.request_line, list[list[str]]()

        def fail_at_the_third(custom_id: str, request: Request) -> bytes:
            seen.append([path.name for path in tiny.root.glob("r/*")])
            if len(seen) == 3:
                raise OutputError("r/requests-1.jsonl: cannot write: No space left on device")
            return line(custom_id, request)

        with monkeypatch.context() as patch:
            patch.setattr(request_files, "request_line", fail_at_the_third)
            done = run_main(ANSWER, "--write-requests", "r", "--shards", "3", check=1)
        assert "No space left" in done.err
        assert not any(name.startswith("requests-") for name in seen[0])
        assert [path.name for path in (tiny.root / "r").iterdir()] == ["requests-0.jsonl"]

    @pytest.mark.parametrize("content", [b"", None], ids=["a file", "a file of another run"])
    def test_a_folder_with_something_in_it_is_refused(
        self, tiny: Workspace, run_main: RunMain, content: bytes | None
    ) -> None:
        if content is None:
            write(run_main, ANSWER)
        else:
            tiny.write("r/.hidden", content)
        before = tree(tiny.root)
        done = run_main(ANSWER, "--write-requests", "r", check=2)
        assert done.err == (
            "error: r: --write-requests: not empty. Name a new folder, as engines take all files "
            "in it.\n"
        )
        assert tree(tiny.root) == before

    def test_an_empty_folder_is_taken_and_a_file_is_not(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        (tiny.root / "r").mkdir()
        write(run_main, ANSWER)
        done = run_main(ANSWER, "--write-requests", "r/requests-0.jsonl", check=2)
        assert done.err == ("error: r/requests-0.jsonl: --write-requests: Not a directory\n")

    @pytest.mark.parametrize(
        ("api_type", "missing"), [("openai", "no API key"), ("vllm", "no api_base")]
    )
    def test_neither_key_nor_address_is_needed(
        self, tiny: Workspace, run_main: RunMain, api_type: str, missing: str
    ) -> None:
        tiny.add_model("tiny", "", endpoints=None, api_type=api_type)
        assert missing in run_main(ANSWER, check=2).err
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", respond)
        read(run_main, ANSWER)

    def test_an_entry_of_claude_is_written_in_the_form_of_openai(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        tiny.add_model("tiny", "", endpoints=None, api_type="anthropic", system_prompt="Be brief.")
        tiny.write_answer_config()
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", respond)
        (first, *_) = tiny.read_jsonl("r/requests-0.jsonl")
        assert first["url"] == "/v1/chat/completions"
        assert [message["role"] for message in first["body"]["messages"]] == ["system", "user"]
        read(run_main, ANSWER)

    def test_stale_records_stop_it_unless_told_otherwise(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", respond)
        read(run_main, ANSWER)
        tiny.write_answer_config(max_tokens=99)
        done = run_main(ANSWER, "--write-requests", "r2", check=2)
        assert "3 records were made with other settings" in done.err
        assert not (tiny.root / "r2").exists()
        done = write(run_main, ANSWER, "r2", "--stale", "redo")
        assert "tiny: 3 requests to make" in done.out
        assert command_in(done, "then") == ["--stale", "redo", "--read-results", "r2-results"]


Change = Callable[[list[dict[str, Any]]], object]


class TestReading:
    """What results of an engine may be like."""

    def results(self, tiny: Workspace, run_main: RunMain) -> list[dict[str, Any]]:
        """The result lines to three questions."""
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", respond)
        lines: list[dict[str, Any]] = tiny.read_jsonl("r-results/results-0.jsonl")
        return lines

    def texts(self, tiny: Workspace) -> dict[str, str]:
        return {
            answer["question_id"]: answer["choices"][0]["turns"][0]["content"]
            for answer in tiny.answers("tiny")
        }

    def test_lines_in_any_order_in_several_files(self, tiny: Workspace, run_main: RunMain) -> None:
        first, second, third = self.results(tiny, run_main)
        tiny.write("one.jsonl", [third])
        tiny.write("two.jsonl", [second, first])
        read(run_main, ANSWER, "one.jsonl", "two.jsonl")
        assert list(self.texts(tiny)) == ["q1", "q2", "q3"]
        assert self.texts(tiny)["q2"] == "tiny on ['Question 2?']"

    @pytest.mark.parametrize("shape", ["openai", "anthropic", "gemini", "mixed"])
    def test_results_of_any_service(self, tiny: Workspace, run_main: RunMain, shape: str) -> None:
        def lines_of(line: dict[str, Any]) -> list[dict[str, Any]]:
            name, body = line["custom_id"], line["response"]["body"]
            text = body["choices"][0]["message"]["content"]
            message = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
            parts = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}
            return [
                line,
                {"custom_id": name, "result": {"type": "succeeded", "message": message}},
                {"key": name, "response": {"candidates": [parts]}},
            ]

        lines = [lines_of(line) for line in self.results(tiny, run_main)]
        shapes = ["openai", "anthropic", "gemini"]
        places = [shapes.index(shape)] * 3 if shape in shapes else range(3)
        tiny.write("r.jsonl", [forms[place] for forms, place in zip(lines, places, strict=True)])
        read(run_main, ANSWER, "r.jsonl")
        assert self.texts(tiny) == {f"q{n}": f"tiny on ['Question {n}?']" for n in (1, 2, 3)}

    def test_a_torn_last_line_leaves_its_question_missing(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        self.results(tiny, run_main)
        path = tiny.root / "r-results/results-0.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
        done = read(run_main, ANSWER, check=1)
        assert list(self.texts(tiny)) == ["q1", "q2"]
        assert "r-results/results-0.jsonl:3: 1 line is no result" in done.err
        assert "3 planned, 2 done, 0 cached, 0 failed, 1 not begun" in done.out
        assert done.out.endswith(
            "not complete: tiny.\nnext: python gen_answer.py --write-requests requests-2\n"
        )
        assert "tiny: 1 request to make" in write(run_main, ANSWER, "r2").out

    def test_foreign_results_are_counted_and_left_alone(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        first, second, third = self.results(tiny, run_main)
        tiny.write("r.jsonl", [third | {"custom_id": "request-1"}, first, second, third])
        foreign = run_main(ANSWER, "--read-results", "r.jsonl").err
        assert foreign == (
            "warning: 1 result is of no request here (request-1). Are bench, models, judge and "
            "flags those of the request files?\n"
        )
        tiny.add_questions(["Another question?"])
        (tiny.data / "model_answer/tiny.jsonl").unlink()
        done = read(run_main, ANSWER, "r.jsonl", check=1)
        assert "q1" in done.out and "warning: 3 results are of no request here" in done.err

    @pytest.mark.parametrize("change", ["settings", "prompt"])
    def test_results_of_other_settings_and_prompts_are_named_and_left_alone(
        self, tiny: Workspace, run_main: RunMain, change: str
    ) -> None:
        self.results(tiny, run_main)
        if change == "settings":
            tiny.write_answer_config(temperature=0.5)
        else:
            tiny.add_questions(["Question 1?", "Question 2?", "Changed?"])
        done = read(run_main, ANSWER, check=1)
        names = "3 (q1, q2, q3)" if change == "settings" else "1 (q3)"
        assert f"  results of other settings or prompts, ignored: {names}\n" in done.out
        assert (tiny.data / "model_answer/tiny.jsonl").exists() == (change == "prompt")

    def test_of_results_given_twice_the_first_good_one_counts(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        first, *others = self.results(tiny, run_main)
        failed = first | {"response": None, "error": {"code": "batch_expired", "message": "late"}}
        again = json.loads(json.dumps(first).replace("tiny on", "again on"))
        tiny.write("r.jsonl", [failed, first, again, failed, *others])
        done = read(run_main, ANSWER, "r.jsonl")
        assert self.texts(tiny)["q1"] == "tiny on ['Question 1?']"
        twice = "results given twice, of which the first good one counts"
        assert f"3 done, 0 cached, 0 failed, {len(first)}" not in done.out
        assert f"  {twice}: 2 (q1)\n" in done.out

    def test_results_that_are_there_are_not_stored_again(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        self.results(tiny, run_main)
        read(run_main, ANSWER)
        before = tree(tiny.data)
        done = read(run_main, ANSWER)
        assert "0 planned, 0 done, 3 cached" in done.out
        assert "  results that are already there: 3 (q1, q2, q3)\n" in done.out
        assert tree(tiny.data) == before

    def test_failures_are_counted_by_cause_and_asked_again_in_the_next_round(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        first, second, third = self.results(tiny, run_main)
        expired = {"code": "batch_expired", "message": "This request could not be executed."}
        filtered = {"status_code": 400, "body": {"error": {"message": "content policy"}}}
        tiny.write(
            "r.jsonl",
            [first | {"response": None, "error": expired}, second | {"response": filtered}, third],
        )
        done = read(run_main, ANSWER, "r.jsonl", "--report", "report.json", check=1)
        assert "3 planned, 1 done, 0 cached, 2 failed" in done.out
        assert "  failed: 1 question, q1: expired: " in done.out
        assert "  failed: 1 question, q2: content filter: HTTP 400" in done.out
        report = json.loads((tiny.root / "report.json").read_text())
        assert report["complete"] is False
        (model,) = report["models"]
        assert {cause: group["examples"] for cause, group in model["failed"].items()} == {
            "expired": ["q1"],
            "content filter": ["q2"],
        }
        write(run_main, ANSWER, "r2")
        assert len(tiny.read_jsonl("r2/requests-0.jsonl")) == 2

    def test_an_empty_reply_is_the_answer(self, tiny: Workspace, run_main: RunMain) -> None:
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", lambda call: "")
        done = read(run_main, ANSWER)
        assert set(self.texts(tiny).values()) == {""}
        assert "  empty answers: 3 (q1, q2, q3)\n" in done.out

    def test_tokens_and_cost_are_counted(self, tiny: Workspace, run_main: RunMain) -> None:
        tiny.add_model("tiny", "", endpoints=None, price={"input": 1000, "output": 2000})
        tiny.write_answer_config()
        write(run_main, ANSWER)
        run_engine(tiny.root, "r", lambda call: Reply("a", prompt_tokens=5, completion_tokens=2))
        done = read(run_main, ANSWER)
        assert "15 tokens in, 6 out, $0.0270\n" in done.out

    def test_request_files_are_no_results(self, tiny: Workspace, run_main: RunMain) -> None:
        write(run_main, ANSWER)
        done = read(run_main, ANSWER, "r", check=1)
        assert "r/requests-0.jsonl:1: 3 lines are no results of a request" in done.err

    def test_after_ctrl_c_the_same_command_goes_on(
        self, tiny: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.results(tiny, run_main)
        read_one, seen = request_files.reply_in, list[dict[str, Any]]()

        def stop_at_the_third(line: dict[str, Any], model: ModelConfig) -> Any:
            seen.append(line)
            if len(seen) == 3:
                raise KeyboardInterrupt
            return read_one(line, model)

        with monkeypatch.context() as patch:
            patch.setattr(request_files, "reply_in", stop_at_the_third)
            assert read(run_main, ANSWER, check=130).err == "stopped\n"
        done = read(run_main, ANSWER)
        assert "1 planned, 1 done, 2 cached" in done.out and len(tiny.answers("tiny")) == 3

    def test_all_replies_of_a_judge_without_verdicts_are_stored(
        self, bench: Workspace, api: FakeAPI, run_main: RunMain
    ) -> None:
        set_up_judging(bench, api.v1, number_of_judgment_attempts=1)
        write(run_main, JUDGE)
        run_engine(bench.root, "r", lambda call: "Hm.")
        done = read(run_main, JUDGE, check=1)
        assert "none of the first 20 games has a verdict" in done.err
        assert done.out.count("10 planned, 10 done") == 3
        api.answer_with("[[A>B]]")
        run_main(JUDGE, "--retry-invalid")  # it does not stop at once
        assert all(r["games"][0]["score"] == "A>B" for r in bench.judgments("judge", "m1"))

    @pytest.mark.parametrize("there", [False, True], ids=["missing", "empty folder"])
    def test_results_that_are_not_there_are_a_wrong_input(
        self, tiny: Workspace, run_main: RunMain, there: bool
    ) -> None:
        self.results(tiny, run_main)
        if there:
            (tiny.root / "none").mkdir()
        done = read(run_main, ANSWER, "r-results", "none", check=2)
        problem = "no files in this folder" if there else "no such file"
        assert done.err == f"error: none: --read-results: {problem}\n"
        assert not (tiny.data / "model_answer/tiny.jsonl").exists()


@pytest.mark.parametrize("script", [ANSWER, JUDGE])
@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ("--shards 2", "--shards: needs --write-requests, whose files it counts"),
        ("--shards 2 --read-results f", "--shards: needs --write-requests, whose files it counts"),
        ("--write-requests r --dry-run", "--dry-run: does not go with --write-requests"),
        ("--write-requests r --max-cost 0", "--max-cost: does not go with --write-requests"),
        ("--read-results f --max-cost 2", "--max-cost: does not go with --read-results"),
        ("--read-results f --parallel 2", "--parallel: does not go with --read-results"),
        ("--write-requests r --read-results f", "--read-results: does not go with --write"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    house: Workspace, run_main: RunMain, script: str, flags: str, problem: str
) -> None:
    house.write("f", "")
    house.add_answers("tiny", {"q1": "a"})
    house.add_answers("base", {"q1": "a"})
    house.add_model("tiny", "http://127.0.0.1:9/v1", price={"input": 1, "output": 1})
    done = run_main(script, *flags.split(), check=2)
    assert done.err.startswith(f"error: {problem}") and done.err.count("\n") == 1
    assert not (house.root / "r").exists()


def test_the_report_of_a_writing_can_stand_alone(tiny: Workspace, run_main: RunMain) -> None:
    done = write(run_main, ANSWER, "r", "--report", "-")
    report = json.loads(done.out)
    assert report["complete"] is False and report["models"][0]["planned"] == 3
    assert "next: mkdir" in done.err


PAGE = (REPO / "docs" / "batches.md").read_text("utf-8")


class Rows(list[dict[str, Any]]):
    """As much of a dataset of Ray as the page uses."""

    @classmethod
    def read_json(cls, folder: str) -> Rows:
        lines = [path.read_text("utf-8").splitlines() for path in sorted(Path(folder).iterdir())]
        return cls(json.loads(line) for line in chain(*lines))

    def write_json(self, folder: str) -> None:
        Path(folder).mkdir()
        text = "".join(json.dumps(row) + "\n" for row in self)
        (Path(folder) / "0354_000000.json").write_text(text, encoding="utf-8")


Function = Callable[[dict[str, Any]], dict[str, Any]]


def build_processor(
    config: dict[str, Any], preprocess: Function, postprocess: Function
) -> Callable[[Rows], Rows]:
    """A processor that answers as Ray's does, whose failed rows miss the postprocessing."""
    assert config["should_continue_on_error"]

    def process(rows: Rows) -> Rows:
        done = Rows()
        for row in rows:
            row = row | preprocess(row)
            assert row["sampling_params"] == {"temperature": 0.0, "max_tokens": 256}
            text = row["messages"][-1]["content"]
            if "2" in text:
                done.append(row | {"__inference_error__": "too long", "response": None})
                continue
            usage = {"num_input_tokens": 5, "num_generated_tokens": 2}
            result = postprocess(row | usage | {"generated_text": f"on {text}"})
            done.append(result | {"__inference_error__": ""})
        return done

    return process


class TestOtherEngines:
    """What docs/batches.md has for engines that tests cannot run."""

    def test_the_program_for_ray_makes_results_of_our_requests(
        self, tiny: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (program,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
        llm = SimpleNamespace(build_processor=build_processor, vLLMEngineProcessorConfig=dict)
        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(data=Rows))
        monkeypatch.setitem(sys.modules, "ray.data.llm", llm)
        write(run_main, ANSWER, "answers")
        exec(program, {})
        done = read(run_main, ANSWER, "answers-results", check=1)
        assert "3 planned, 2 done, 0 cached, 1 failed, 10 tokens in, 4 out" in done.out
        assert "failed: 1 question, q2: malformed reply" in done.out
        texts = [answer["choices"][0]["turns"][0]["content"] for answer in tiny.answers("tiny")]
        assert texts == ["on Question 1?", "on Question 3?"]

    def test_each_job_of_skypilot_answers_the_file_with_its_rank(
        self, tiny: Workspace, run_main: RunMain
    ) -> None:
        pool, job = (yaml.safe_load(text) for text in re.findall(r"```yml\n(.*?)```", PAGE, re.S))
        bucket = tiny.root / "bucket"
        assert list(pool["file_mounts"]) == ["/bucket"] and pool["pool"]["workers"] == 4
        engine_in(tiny)
        write(run_main, ANSWER, bucket / "games", "--shards", "3")
        script = job["run"].replace("/bucket", str(bucket)).replace("my-org/my-checkpoint", "tiny")
        for rank in "02":
            run_shell(tiny, script, SKYPILOT_JOB_RANK=rank)
        read(run_main, ANSWER, bucket / "games-results", check=1)
        assert [answer["question_id"] for answer in tiny.answers("tiny")] == ["q1", "q3"]
