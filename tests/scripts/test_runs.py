"""What a run does about hopeless endpoints, waiting, sick disks and dry runs.

The scripts run in the test's own process, against a chat API on the loopback.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO, Run, Workspace
from fake_api import Call, FakeAPI, Reply
from lines import raw_lines
from runs import FAST, SCRIPTS, prepare, prepare_judging, tree

from arena.base import record_file
from arena.chat import calls as utils
from arena.generate import run as generate_run


def endpoint(api: FakeAPI, key: str = "test-key", **fields: Any) -> dict[str, Any]:
    return {"api_base": api.v1, "api_key": key} | fields


class TestHopelessModels:
    REPLIES = {
        "bad-key": (Reply.auth(), "authentication: HTTP 401"),
        "no-model": (Reply.no_such_model(), "no such model: HTTP 404"),
        "no-money": (Reply.quota(), "quota: HTTP 429"),
    }

    @pytest.fixture
    def models(self, api: FakeAPI, bench: Workspace) -> None:
        bench.add_questions(20)
        for name in (*self.REPLIES, "well"):
            bench.add_model(name, api.v1, **FAST | {"parallel": 1})
        bench.write_answer_config()
        replies = {name: reply for name, (reply, _) in self.REPLIES.items()}
        api.answer_with(lambda call: replies.get(str(call.model), "fine"))

    @pytest.mark.usefixtures("models")
    def test_they_stop_after_a_few_calls_and_the_others_go_on(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        done = run("answers")
        assert done.status == 1
        calls = Counter(call.model for call in api.calls)
        assert calls == {"bad-key": 3, "no-model": 3, "no-money": 3, "well": 20}
        for name, (_, cause) in self.REPLIES.items():
            assert f"{name}: 20 planned, 0 done, 0 cached, 3 failed, 17 not begun" in done.out
            assert f"failed: 3 questions: {cause}" in done.out
            assert not (bench.data / "model_answer" / f"{name}.jsonl").exists()
        assert "not complete: bad-key, no-model, no-money. Mend the causes" in done.out

    def test_so_do_those_that_never_took_a_request(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 20)
        api.answer_with(Reply.error(400, "tiny is not a model for chats"))
        done = run("answers")
        assert (done.status, api.call_count) == (1, 6), "five questions and the test request"
        assert "tiny: 20 planned, 0 done, 0 cached, 5 failed, 15 not begun" in done.out
        assert "failed: 5 questions: bad request: HTTP 400" in done.out
        assert f"(a short test request to {api.v1} failed, too)" in done.out

    REFUSALS = {
        "a prompt in unknown words": Reply.error(400, "we would rather not"),
        "a prompt that is forbidden": Reply.error(403, "not this one"),
        "a prompt that is filtered": Reply.error(400, "Content Exists Risk"),
        "a prompt that is too long": Reply.error(400, "prompt is too long"),
        "a prompt that breaks the reply": Reply.broken_json(),
    }

    @pytest.mark.parametrize(
        ("case", "parallel"), [*((case, 8) for case in REFUSALS), ("a prompt in unknown words", 1)]
    )
    def test_prompts_that_are_refused_first_do_not_stop_the_others(
        self, api: FakeAPI, bench: Workspace, run: Run, case: str, parallel: int
    ) -> None:
        prepare(bench, api, 40, parallel=parallel, max_retries=0)
        bad = {f"Question {number}?" for number in range(1, 31)}
        api.answer_with(lambda call: self.REFUSALS[case] if call.prompt in bad else "fine")
        done = run("answers")
        assert "tiny: 40 planned, 10 done, 0 cached, 30 failed," in done.out
        assert api.call_count <= 40 + 4, "a test request after 5, 10, 20 refusals in a row at most"

    @pytest.mark.parametrize(
        ("case", "parallel"),
        [*((case, 8) for case in REFUSALS), *(("a prompt that is forbidden", n) for n in (1, 64))],
    )
    def test_one_that_refuses_everything_is_left_after_a_few(
        self, api: FakeAPI, bench: Workspace, run: Run, case: str, parallel: int
    ) -> None:
        prepare(bench, api, 200, parallel=parallel)
        api.answer_with(self.REFUSALS[case])
        done = run("answers")
        assert done.status == 1 and api.call_count <= 6 + parallel
        assert "not begun" in done.out

    def test_one_whose_key_is_withdrawn_is_left_though_it_has_answered(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 40)
        api.reply("fine", "fine")
        api.answer_with(Reply.error(403, "no access"))
        done = run("answers")
        assert api.call_count == 2 + 5 + 1
        assert "tiny: 40 planned, 2 done, 0 cached, 5 failed, 33 not begun" in done.out
        assert "authentication: HTTP 403" in done.out

    def test_the_test_request_is_one_like_the_others(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        price = {"input": 1, "output": 1}
        prepare(bench, api, 20, system_prompt="Be brief.", extra_body={"top_k": 5}, price=price)
        api.answer_with(Reply.error(400, "no"))
        run("answers", "--max-cost", 1)
        *questions, test = api.calls
        assert test.body is not None and questions[0].body is not None
        assert test.messages == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Say yes."},
        ]
        assert test.body | {"messages": []} == questions[0].body | {"messages": []}

    @pytest.mark.parametrize("parallel", [1, 8, 64])
    def test_a_server_that_is_not_up_is_left_together(
        self, api: FakeAPI, bench: Workspace, run: Run, parallel: int
    ) -> None:
        waits = {"retry_wait": 30, "max_retries": 8, "startup_timeout": 0.4}
        prepare(bench, api, 200, parallel=parallel, **waits)
        api.close()
        began = time.monotonic()
        done = run("answers")
        assert 0.4 <= time.monotonic() - began < 5
        failed = int(re.findall(r"(\d+) failed", done.out)[0])
        assert 1 <= failed <= parallel and f"{200 - failed} not begun" in done.out
        assert f": unreachable: no answer from {api.v1} for " in done.out
        assert "Is the server up, and api_base right? For a longer wait, set startup" in done.out

    def test_one_that_comes_up_in_time_is_asked(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 4, retry_wait=0.3, max_retries=8, startup_timeout=20, parallel=2)
        api.close()
        timer = threading.Timer(0.2, api.start)
        timer.start()
        assert run("answers").status == 0
        timer.join()

    def test_its_first_answer_is_soon_noticed_and_looking_for_it_uses_up_no_retry(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(utils, "STARTUP_WAIT", 0.05)
        prepare(bench, api, 4, retry_wait=30, max_retries=1, startup_timeout=20, parallel=2)
        api.close()
        timer = threading.Timer(0.4, api.start)
        timer.start()
        began = time.monotonic()
        assert run("answers").status == 0
        assert time.monotonic() - began < 10
        timer.join()

    def test_one_that_has_answered_is_waited_for(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 6, startup_timeout=0, max_retries=8)
        api.reply("fine", *[Reply(reset=True)] * 8)
        assert run("answers").status == 0

    def test_one_behind_a_gateway_is_not_up_either(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 9, startup_timeout=0.1, retry_wait=0.05, max_retries=99)
        api.answer_with(Reply.html(status=502))
        assert ": server error: no answer from" in run("answers").out

    def test_one_that_took_a_request_may_refuse_all_others(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 20)
        api.reply("fine")
        api.answer_with(Reply.error(400, "a bad question"))
        assert "20 planned, 1 done, 0 cached, 19 failed," in run("answers").out

    @pytest.mark.usefixtures("models")
    def test_many_at_a_time_cost_no_more_than_those_in_flight(self, api: FakeAPI, run: Run) -> None:
        run("answers", "--model", "bad-key", "--parallel", 8)
        assert api.call_count <= 3 + 8

    def test_a_judge_stops_too(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare_judging(bench, api)
        api.answer_with(Reply.auth())
        done = run("judgments")
        assert (done.status, api.call_count) == (1, 3)
        assert "tiny: 4 planned, 0 done, 0 cached, 3 failed, 1 not begun" in done.out

    def test_one_that_is_right_now_and_then_goes_on(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 9)
        api.reply(*[Reply.no_such_model(), Reply.no_such_model(), "fine"] * 3)
        done = run("answers")
        assert api.call_count == 9
        assert "tiny: 9 planned, 3 done, 0 cached, 6 failed," in done.out


class TestSeveralEndpoints:
    def test_one_with_a_bad_key_is_left_out(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        endpoints = [endpoint(api, "wrong-key"), endpoint(api, "right-key")]
        prepare(bench, api, 20, endpoints=endpoints)
        api.answer_with(lambda call: Reply.auth() if call.api_key == "wrong-key" else "fine")
        assert run("answers").status == 0
        assert Counter(call.api_key for call in api.calls) == {"wrong-key": 3, "right-key": 20}

    def test_one_that_is_down_is_left_alone_for_a_while(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        endpoints = [endpoint(api, "down-key"), endpoint(api, "up-key")]
        prepare(bench, api, 20, endpoints=endpoints)
        api.answer_with(lambda call: Reply.overloaded() if call.api_key == "down-key" else "fine")
        assert run("answers").status == 0
        calls = Counter(call.api_key for call in api.calls)
        assert calls["up-key"] == 20 and calls["down-key"] <= 3

    def test_one_that_hangs_does_not_get_all_calls(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half of the calls before any has answered, then one at a time."""
        monkeypatch.setattr(utils, "MAX_WAIT", 0.05)
        endpoints = [endpoint(api, "hung-key", timeout=0.5), endpoint(api, "up-key")]
        prepare(bench, api, 240, endpoints=endpoints, parallel=8)
        up = Reply("fine", delay=0.04)
        api.answer_with(lambda call: Reply(hang=True) if call.api_key == "hung-key" else up)
        assert run("answers").status == 0
        hung = [call.at for call in api.calls if call.api_key == "hung-key"]
        assert len(hung) >= 6
        assert all(later - earlier > 0.25 for earlier, later in pairwise(hung[4:]))

    def test_where_all_are_hopeless_the_run_stops(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 20, endpoints=[endpoint(api, "one-key"), endpoint(api, "two-key")])
        api.answer_with(Reply.auth())
        done = run("answers")
        assert done.status == 1 and "not begun" in done.out
        assert api.call_count <= 2 * 3 + 1


class TestWaiting:
    def test_a_server_can_ask_for_a_while_but_not_for_a_day(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(utils, "MAX_WAIT", 0.2)
        prepare(bench, api, 1)
        api.reply(Reply.rate_limit(retry_after=86400), "fine")
        assert run("answers").status == 0
        first, second = api.calls
        assert 0.2 <= second.at - first.at < 20

    def test_it_can_name_a_date(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(utils, "MAX_WAIT", 0.2)
        prepare(bench, api, 1)
        api.reply(Reply.rate_limit("Fri, 31 Dec 2100 23:59:59 GMT"), "fine")
        assert run("answers").status == 0
        first, second = api.calls
        assert 0.2 <= second.at - first.at < 20

    @pytest.mark.parametrize(
        "header",
        ["0", "-5", "nan", "inf", "1e999", "soon", "", "Fri, 31 Dec 1999 23:59:59 GMT"],
    )
    def test_a_wait_is_never_shorter_than_our_own(
        self, api: FakeAPI, bench: Workspace, run: Run, header: str
    ) -> None:
        """Else all calls come back at once, and use up their tries."""
        prepare(bench, api, 1, retry_wait=0.2)
        api.reply(Reply.rate_limit(header), "fine")
        assert run("answers").status == 0
        first, second = api.calls
        assert 0.1 <= second.at - first.at < 20

    @pytest.mark.parametrize("where", ["entry", "endpoint"])
    @pytest.mark.parametrize("head", [False, True])
    def test_a_reply_that_trickles_in_is_cut_at_the_timeout(
        self, api: FakeAPI, bench: Workspace, run: Run, where: str, head: bool
    ) -> None:
        limit = {"timeout": 0.3}
        entry = limit if where == "entry" else {"endpoints": [endpoint(api, **limit)]}
        prepare(bench, api, 1, **entry | {"max_retries": 0})
        api.answer_with(Reply("x" * 10_000, trickle=0.2, trickle_head=head))
        began = time.monotonic()
        done = run("answers")
        assert time.monotonic() - began < 10
        assert (done.status, api.call_count) == (1, 1)
        assert "failed: 1 question, q1: timeout" in done.out
        assert tree(bench.data).keys() == {"question.jsonl", "model_answer"}

    def test_so_is_one_that_comes_through_a_proxy(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 1, timeout=0.3, max_retries=0)
        bench.add_model("tiny", "http://nowhere.invalid/v1", timeout=0.3, max_retries=0)
        api.answer_with(Reply("x", trickle=0.2, trickle_head=True))
        proxy = {"HTTP_PROXY": api.url, "NO_PROXY": "", "no_proxy": ""}
        done = bench.run("gen_answer.py", env=proxy, check=1)
        assert "failed: 1 question, q1: timeout" in done.stdout
        assert api.calls[0].path == "http://nowhere.invalid/v1/chat/completions"

    def test_the_time_of_a_call_is_its_own(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 5, timeout=1, max_retries=0)
        api.answer_with(Reply("fine", delay=0.3))
        assert run("answers").status == 0


class TestSickDisks:
    @pytest.mark.parametrize("makes", SCRIPTS)
    def test_a_record_that_cannot_be_synced_ends_the_run_with_a_line(
        self,
        api: FakeAPI,
        bench: Workspace,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        makes: str,
    ) -> None:
        prepare_judging(bench, api)
        bench.write_answer_config(model_list=["judge"])
        fsync = os.fsync

        def sick(descriptor: int) -> None:
            if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".jsonl"):
                raise OSError(errno.EIO, "Input/output error")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", sick)
        monkeypatch.setattr(record_file, "SYNC_SECONDS", 0.0)
        done = run(makes, "--report", "report.json")
        (line,) = [line for line in done.err.splitlines() if line.startswith("error")]
        assert line.endswith(".jsonl: cannot write: Input/output error")
        assert (done.status, api.call_count) == (1, 1)
        report = json.loads((bench.root / "report.json").read_text())
        assert (report["complete"], report["errors"]) == (False, [line.removeprefix("error: ")])

    def test_a_file_that_cannot_be_sorted_is_named_and_sorted_by_the_next_run(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare(bench, api, 3)
        bench.add_answers("tiny", {"q2": "there"})
        replace = os.replace

        def sick(source: Any, target: Any) -> None:
            if str(target).endswith("tiny.jsonl"):
                raise OSError(errno.EIO, "Input/output error")
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", sick)
            done = run("answers", "--report", "report.json")
        assert "tiny: 2 planned, 2 done, 1 cached" in done.out
        assert done.err.splitlines()[-1].startswith("error: ")
        assert done.err.endswith("tiny.jsonl: cannot write: Input/output error\n")
        report = json.loads((bench.root / "report.json").read_text())
        assert (done.status, report["complete"], len(report["errors"])) == (1, False, 1)
        assert [a["question_id"] for a in bench.answers("tiny")] == ["q2", "q1", "q3"]
        assert run("answers").status == 0
        assert [a["question_id"] for a in bench.answers("tiny")] == ["q1", "q2", "q3"]
        assert api.call_count == 2

    def test_ctrl_c_while_a_file_is_sorted_does_not_stop_that(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare(bench, api, 2)
        bench.add_answers("tiny", {"q2": "there"})
        replace = os.replace

        def interrupted(source: Any, target: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            replace(source, target)

        monkeypatch.setattr(os, "replace", interrupted)
        done = run("answers")
        assert done.status == 0 and "tiny: 1 planned, 1 done, 1 cached" in done.out
        assert [a["question_id"] for a in bench.answers("tiny")] == ["q1", "q2"]

    def test_what_a_kill_left_of_the_sorting_is_removed(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 1)
        bench.add_answers("tiny", {"q1": "there"})
        folder = bench.data / "model_answer"
        bench.write(folder / ".tiny.jsonl.4711.tmp", "half")
        others = {".tiny.jsonl.x.jsonl.1.tmp", ".tiny-2.jsonl.1.tmp", "tiny.jsonl"}
        for name in others - {"tiny.jsonl"}:
            bench.write(folder / name, "of another file")
        assert run("answers").status == 0
        assert {path.name for path in folder.iterdir()} == others

    def test_a_refused_run_sorts_nothing(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 2)
        assert run("answers").status == 0
        path = bench.data / "model_answer" / "tiny.jsonl"
        bench.write(path, bench.answers("tiny")[::-1])
        bench.write_answer_config(temperature=1)
        before = tree(bench.root)
        assert run("answers").status == 2
        assert tree(bench.root) == before

    def test_an_answer_file_that_takes_nothing_is_named_before_the_first_call(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The tests may run as root, who may write anywhere."""
        prepare(bench, api, 2)
        bench.add_answers("tiny", {"q1": "there"})
        opened = Path.open

        def read_only(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
            if path.name == "tiny.jsonl" and mode == "ab":
                raise PermissionError(errno.EACCES, "Permission denied")
            return opened(path, mode, *args, **more)

        monkeypatch.setattr(Path, "open", read_only)
        before = tree(bench.root)
        done = run("answers")
        path = "data/test-v1/model_answer/tiny.jsonl"
        assert done.err == f"error: {path}: cannot write here: Permission denied\n"
        assert (done.status, api.call_count, tree(bench.root)) == (2, 0, before)
        assert run("answers", "--limit", 1).status == 0, "nothing is to be written"


def at_call(number: int, act: Callable[[], object]) -> Callable[[Call], str]:
    """Answers that do something once, when some call arrives."""
    arrived: list[Call] = []

    def answer(call: Call) -> str:
        arrived.append(call)
        if len(arrived) == number:
            act()
        return "[[A>B]]"

    return answer


class TestFilesUnderARun:
    """What other programs do to a file that a run writes."""

    @pytest.mark.parametrize("makes", SCRIPTS)
    def test_a_deleted_folder_loses_nothing(
        self, api: FakeAPI, bench: Workspace, run: Run, makes: str
    ) -> None:
        prepare_judging(bench, api)
        bench.add_questions(6)
        for model in ("base", "tiny"):
            bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in range(1, 7)})
        bench.write_answer_config(model_list=["judge"])
        folder = "model_answer" if makes == "answers" else "model_judgment"
        api.answer_with(at_call(4, lambda: shutil.rmtree(bench.data / folder)))
        done = run(makes, "--report", "report.json")
        path = bench.data / folder / ("judge.jsonl" if makes == "answers" else "judge/tiny.jsonl")
        assert len(raw_lines(path)) == 6
        name = path.relative_to(bench.root)
        error = f"error: {name}: this file was moved or deleted during the run. "
        assert done.err.count(str(name)) == 1
        assert done.status == 1 and done.err.splitlines()[-1].startswith(error)
        assert json.loads((bench.root / "report.json").read_text())["complete"] is False
        calls = api.call_count
        if makes == "judgments":  # the answers are still there
            assert run(makes).status == 0 and api.call_count == calls

    def test_a_file_that_others_write_to_ends_the_run_and_keeps_what_was_paid(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 20)
        bench.add_answers("tiny", {"q1": "there", "q2": "there"})
        path = bench.data / "model_answer" / "tiny.jsonl"
        edited = path.read_bytes().replace(b"there", b"THERE")
        api.answer_with(at_call(5, lambda: path.write_bytes(edited)))
        done = run("answers")
        assert done.status == 1 and api.call_count == 5
        assert path.read_bytes() == edited
        (beside,) = path.parent.glob("tiny.jsonl.*.lost")
        assert [r["question_id"] for r in raw_lines(beside)] == ["q3", "q4", "q5", "q6", "q7"]
        assert f"Lost records are in {beside.relative_to(bench.root)}. Append it" in done.err
        assert "18 planned, 4 done" in done.out

    def test_other_models_keep_their_calls_in_flight(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 6)
        bench.add_model("other", api.v1, **FAST | {"parallel": 1})
        bench.write_answer_config()
        path = bench.data / "model_answer" / "tiny.jsonl"
        late: list[Call] = []

        def answer(call: Call) -> Reply:
            if call.model == "tiny":
                bench.write(path, "{}\n")
            else:
                late.append(call)
            return Reply("fine", delay=0.0 if call.model == "tiny" else 0.3)

        api.answer_with(answer)
        assert run("answers").status == 1
        assert len(bench.answers("other")) == len(late)


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
    def test_calls_in_flight_are_stored(
        self, api: FakeAPI, bench: Workspace, run: Run, number: int
    ) -> None:
        prepare(bench, api, 20, parallel=3)
        stop = at_call(3, lambda: os.kill(os.getpid(), number))
        api.answer_with(lambda call: Reply(stop(call), delay=0.2))
        assert run("answers").status == 128 + number
        assert len(bench.answers("tiny")) == api.call_count == 3

    def test_a_terminal_that_closes_loses_nothing(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 20, parallel=3)
        ours, theirs = pty.openpty()
        api.hold()
        process = subprocess.Popen(
            [sys.executable, str(REPO / "gen_answer.py")],
            cwd=bench.root,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)),
        )
        os.close(theirs)
        try:
            api.wait_for_calls(3)
            os.close(ours)
            time.sleep(0.3)  # until the signal has come
            api.release()
            assert process.wait(30) == 128 + signal.SIGHUP
        finally:
            process.kill()
        assert len(bench.answers("tiny")) == api.call_count == 3


def test_more_calls_at_a_time_than_open_files_are_fewer_calls(
    api: FakeAPI, bench: Workspace
) -> None:
    prepare(bench, api, 45, parallel=45)
    api.answer_with(Reply("fine", delay=0.1))
    limited = f"ulimit -n 40; exec {sys.executable} {REPO / 'gen_answer.py'}"
    done = subprocess.run(["bash", "-c", limited], cwd=bench.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (len(bench.answers("tiny")), api.call_count) == (45, 45)
    assert "parallel is lowered to 14 calls at a time in all, not 45" in done.stderr
    assert api.max_in_flight <= 14


@pytest.mark.parametrize("names", [["tiny"], ["tiny", "small"]])
def test_too_few_open_files_for_one_call_of_each_model_are_an_error_with_the_number(
    api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    prepare(bench, api, 1)
    bench.add_model("small", api.v1)
    monkeypatch.setattr(generate_run, "open_file_limit", lambda needed: 20)
    done = run("answers", "--model", *names)
    needed = {1: 27, 2: 30}[len(names)]
    error = f"error: this run needs {needed} open files, and the hard limit of this system is 20. "
    assert (done.status, api.call_count) == (2, 0) and done.err.startswith(error)
    assert ("--model" in done.err) == (len(names) == 2)


def test_a_limit_draws_the_same_questions_of_all_categories_for_answers_and_judgments(
    api: FakeAPI, bench: Workspace, run: Run
) -> None:
    prepare_judging(bench, api)
    categories = ["prose"] * 6 + ["code"] * 3
    questions = [
        {"question_id": f"q{n}", "category": category, "turns": [{"content": "Hi"}]}
        for n, category in enumerate(categories)
    ]
    bench.add_questions(questions)
    bench.add_answers("base", {question["question_id"]: "Hi" for question in questions})
    bench.add_model("tiny", api.v1, **FAST)
    bench.write_answer_config(model_list=["tiny"])
    (bench.data / "model_answer" / "tiny.jsonl").unlink()
    for limit, expected in ((2, {"q0", "q6"}), (5, {"q0", "q1", "q2", "q6", "q7"})):
        for makes in ("answers", "judgments"):
            assert run(makes, "--limit", limit).status == 0
        assert {record["question_id"] for record in bench.answers("tiny")} == expected
        judged = bench.judgments("judge", "tiny")
        assert {record["question_id"] for record in judged} == expected


class TestDryRun:
    def test_it_says_what_answers_would_cost(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 4, price={"input": 1000, "output": 1000})
        bench.add_answers("tiny", {"q1": "there"})
        before = tree(bench.root)
        done = run("answers", "--dry-run")
        assert done.status == 0
        prompt_tokens = 3 * 4  # "Question 2?"
        cost = (prompt_tokens + 3 * 256) / 1000
        assert done.out == (
            f"tiny: 3 calls to make, {prompt_tokens} prompt tokens, at most 768 output tokens "
            f"(256 a call), at most ${cost:.2f}, 1 cached, 0 stale\n"
            "  expected: 768 output tokens (256 a call assumed, without earlier replies), "
            f"${cost:.2f}\n"
        )
        assert (api.call_count, tree(bench.root)) == (0, before)

    def test_it_says_what_judgments_would_cost(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare_judging(bench, api)
        before = tree(bench.root)
        done = run("judgments", "--dry-run")
        assert done.status == 0
        assert done.out.startswith("tiny: 4 calls to make, ")
        assert "at most 2,048 output tokens (512 a call), 0 cached, 0 stale" in done.out
        assert (api.call_count, tree(bench.root)) == (0, before)

    def test_it_counts_what_is_old(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 3)
        run("answers", "--limit", 2)
        bench.write_answer_config(temperature=1)
        before = tree(bench.root)
        kept = run("answers", "--dry-run", "--stale", "keep")
        redone = run("answers", "--dry-run", "--stale", "redo")
        undecided = run("answers", "--dry-run")
        assert undecided == kept
        assert kept.status == redone.status == 0
        assert "1 calls to make" in kept.out and "2 cached, 2 stale" in kept.out
        assert "3 calls to make" in redone.out and "0 cached, 2 stale" in redone.out
        assert (api.call_count, tree(bench.root)) == (2, before)

    def test_it_counts_old_judgments(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare_judging(bench, api)
        run("judgments", "--limit", 1)
        bench.write_judge_config("judge", "base", temperature=0.5)
        before = tree(bench.root)
        done = run("judgments", "--dry-run")
        assert (done.status, done.err) == (0, "")
        assert "tiny: 2 calls to make" in done.out and "2 cached, 1 stale" in done.out
        assert (api.call_count, tree(bench.root)) == (2, before)


@pytest.mark.parametrize("makes", ["answers", "judgments"])
def test_a_report_on_standard_output_is_alone_there(
    api: FakeAPI, bench: Workspace, run: Run, makes: str
) -> None:
    (prepare if makes == "answers" else prepare_judging)(bench, api)
    api.answer_with("[[A>B]]")
    done = run(makes, "--report", "-")
    assert json.loads(done.out)["complete"] and "written to" in done.err
    assert not (bench.root / "-").exists()
