"""Runs through the batch services of Anthropic and Gemini: nothing lost, nothing paid twice."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
from collections import Counter
from concurrent.futures import Future
from typing import Any

import fake_claude_batches
import fake_gemini_batches
import pytest
from conftest import Workspace
from fake_api import Call, FakeAPI, Reply
from fake_batches import backwards, foreign, torn, twice, without
from fake_claude_batches import FakeClaudeBatches
from fake_gemini_batches import FakeGeminiBatches

FAST = {"retry_wait": 0.001, "max_retries": 2}

Fake = Any  # one of the two


@pytest.fixture(params=["anthropic", "gemini"])
def fake(request: pytest.FixtureRequest, api: FakeAPI) -> Fake:
    api.answer_with(lambda call: f"echo {call.prompt}")
    if request.param == "gemini":
        return FakeGeminiBatches(api)
    fake = FakeClaudeBatches(api)
    fake.retry_after = "0.001"
    return fake


def behaviour(fake: Fake, **fields: Any) -> Any:
    is_claude = isinstance(fake, FakeClaudeBatches)
    if is_claude:
        fields.pop("end", None)
    module = fake_claude_batches if is_claude else fake_gemini_batches
    return module.Behaviour(**fields)


def prepare(bench: Workspace, fake: Fake, questions: int = 4, **entry: Any) -> None:
    bench.add_questions(questions)
    add_model(bench, "tiny", fake, **entry)
    bench.write_answer_config()


def add_model(bench: Workspace, name: str, fake: Fake, **entry: Any) -> None:
    if isinstance(fake, FakeClaudeBatches):
        bench.add_model(name, fake.api.url, api_type="anthropic", **FAST | entry)
    else:
        base = f"{fake.api.url}/v1beta/openai"
        bench.add_model(name, base, api_type="gemini", **FAST | entry)


def created(fake: Fake) -> list[str]:
    return [custom_id for batch in fake.created for custom_id in batch.ids]


def without_origin(records: Any) -> Any:
    text = json.dumps([{k: v for k, v in r.items() if k != "answer_id"} for r in records])
    text = re.sub(r'"tstamp": [\d.]+|"batch": "[^"]*"', '"x": 0', text)
    return json.loads(text.replace(', "x": 0', ""))


class TestRecords:
    def test_answers_are_those_of_a_live_run(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake)
        api.answer_with(lambda call: Reply(f"{call.system}: {call.prompt}", reasoning="hm"))
        bench.run("gen_answer.py", "--batch", check=0)
        in_batches = bench.answers("tiny")
        assert len(created(fake)) == 3
        (bench.data / "model_answer" / "tiny.jsonl").unlink()
        bench.run("gen_answer.py", check=0)
        assert without_origin(in_batches) == without_origin(bench.answers("tiny"))

    def test_judgments_are_those_of_a_live_run(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        bench.add_questions(3)
        add_model(bench, "judge", fake)
        for model in ("base", "m1", "m2"):
            bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in (1, 2, 3)})
        bench.write_judge_config("judge", "base")
        api.answer_with(lambda call: "hm" if "Question 2?" in call.prompt else "[[A>B]]")
        bench.run("gen_judgment.py", "--batch", check=0)
        in_batches = {model: bench.judgments("judge", model) for model in ("m1", "m2")}
        for model in in_batches:
            (bench.data / "model_judgment" / "judge" / f"{model}.jsonl").unlink()
        bench.run("gen_judgment.py", check=0)
        for model, records in in_batches.items():
            assert without_origin(records) == without_origin(bench.judgments("judge", model))

    def test_whatever_order_or_gaps_they_have_each_record_is_there_once(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake, questions=6)

        def spoil(lines: list[bytes]) -> list[bytes]:
            return torn(foreign(twice(backwards(without(1)(lines)))))

        fake.next.append(behaviour(fake, edit=spoil))
        bench.run("gen_answer.py", "--batch", check=0)
        questions = [record["question_id"] for record in bench.answers("tiny")]
        assert questions == [f"q{i}" for i in range(1, 7)]
        # Of the first batch one line was missing.
        assert [len(batch.ids) for batch in fake.created] == [5, 1]


class TestEnds:
    def test_an_expired_batch_gives_what_it_has_and_the_next_run_asks_the_rest(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake, questions=6)
        fake.next.append(behaviour(fake, end="EXPIRED", ran=2))
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert re.search(r"failed: 3 questions.*\bexpired: ", done.stdout)
        assert len(bench.answers("tiny")) == 3
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 6
        assert Counter(fake.paid).most_common(1)[0][1] == 1

    def test_cancelled_batches_are_fetched_and_the_rest_is_asked_again(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake, questions=6)
        fake.next.append(behaviour(fake, looks=9, ran=2))
        bench.run("gen_answer.py", "--batch", "submit", check=0)
        bench.run("gen_answer.py", "--batch", "cancel", check=0)
        done = bench.run("gen_answer.py", "--batch", "fetch", check=1)
        assert re.search(r"failed: 3 questions.*\bcancelled: ", done.stdout)
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 6
        assert Counter(fake.paid).most_common(1)[0][1] == 1

    def test_a_full_queue_waits_for_our_own_batches(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake, questions=21)
        fake.queue = 6
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 21
        assert set(Counter(created(fake)).values()) == {1}

    def test_a_batch_that_the_service_refuses_ends_the_run_with_the_reason(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake)

        def refuse(call: Call) -> Reply | None:
            is_creation = call.path.endswith(("/messages/batches", ":batchGenerateContent"))
            return Reply.error(400, "requests.0: no good") if is_creation else None

        api.serve(refuse)
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert "tiny: cannot send a batch: bad request: HTTP 400" in done.stderr
        assert "requests.0: no good" in done.stderr
        assert len(bench.answers("tiny")) == 1
        assert not list(bench.data.glob("batches/*/state.json"))

    def test_a_batch_that_is_gone(self, bench: Workspace, api: FakeAPI, fake: Fake) -> None:
        prepare(bench, fake)
        bench.run("gen_answer.py", "--batch", "submit", check=0)
        fake.created.clear()
        done = bench.run("gen_answer.py", "--batch", check=1)
        (folder,) = bench.data.glob("batches/*")
        advice = f"Delete {folder.relative_to(bench.root)} to ask again what it had."
        assert re.search(rf"not found: HTTP 404 at .*\. {advice}", done.stderr)


def is_of_service(call: Call) -> bool:
    return re.search("batch|/files|/sessions", call.path) is not None


def kill_at(fake: Fake, number: int, *, is_after: bool) -> Future[subprocess.Popen[str]]:
    """Kill the process that is set when the service gets its call of this number, before it is
    dealt with or after.
    """
    process: Future[subprocess.Popen[str]] = Future()
    seen: list[Call] = []

    def handle(call: Call) -> Reply | None:
        if not is_of_service(call):
            return None
        seen.append(call)
        if len(seen) != number:
            return None
        reply = fake.handle(call) if is_after else Reply("gone")
        os.kill(process.result(30).pid, signal.SIGKILL)
        return reply

    fake.api.serve(handle)
    return process


class TestKills:
    @pytest.mark.parametrize(
        ("fake", "number", "is_after"),
        [
            # The calls of Anthropic's: creation, look, look, results.
            *(("anthropic", number, after) for number in (1, 4) for after in (False, True)),
            # Those of Gemini's: start of the upload, upload, creation, look, look, results.
            *(("gemini", number, after) for number in (2, 3, 6) for after in (False, True)),
        ],
        indirect=["fake"],
    )
    def test_a_kill_at_any_call_loses_nothing_and_pays_nothing_twice(
        self, bench: Workspace, api: FakeAPI, fake: Fake, number: int, is_after: bool
    ) -> None:
        prepare(bench, fake)
        fake.behaviour = behaviour(fake, looks=2)
        process = kill_at(fake, number, is_after=is_after)
        process.set_result(bench.start("gen_answer.py", "--batch"))
        assert process.result().wait(30) == -signal.SIGKILL
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 4
        assert set(Counter(created(fake)).values()) == {1}

    def test_a_creation_whose_reply_is_lost_is_found_and_not_repeated(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake)
        left = [Reply(reset=True)]

        def lose(call: Call) -> Reply | None:
            if not call.path.endswith(("/messages/batches", ":batchGenerateContent")):
                return None
            if call.method != "POST" or not left:
                return None
            fake.handle(call)
            return left.pop()

        api.serve(lose)
        bench.run("gen_answer.py", "--batch", check=0)
        assert set(Counter(created(fake)).values()) == {1}
        assert len(bench.answers("tiny")) == 4

    def test_a_creation_whose_reply_is_lost_before_the_service_breaks_down(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake)
        is_down: list[bool] = []

        def lose(call: Call) -> Reply | None:
            if not is_of_service(call):
                return None
            if is_down and is_down[-1]:
                return Reply.server_error(503)
            if not is_down and call.path.endswith(("/messages/batches", ":batchGenerateContent")):
                fake.handle(call)
                is_down.append(True)
                return Reply(reset=True)
            return None

        api.serve(lose)
        bench.run("gen_answer.py", "--batch", check=1)
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert "Traceback" not in done.stderr
        is_down.append(False)
        bench.run("gen_answer.py", "--batch", check=0)
        assert set(Counter(created(fake)).values()) == {1}
        assert len(bench.answers("tiny")) == 4

    @pytest.mark.parametrize("fake", ["anthropic"], indirect=True)
    def test_a_batch_that_cannot_be_told_from_others_waits_for_its_results(
        self, bench: Workspace, api: FakeAPI, fake: Fake
    ) -> None:
        prepare(bench, fake)
        fake.behaviour = behaviour(fake, looks=9)
        process = kill_at(fake, 1, is_after=True)
        process.set_result(bench.start("gen_answer.py", "--batch"))
        assert process.result().wait(30) == -signal.SIGKILL
        # Somebody else in the workspace has as many requests.
        ours = fake.created[0]
        others = [request | {"custom_id": f"x{i}"} for i, request in enumerate(ours.requests)]
        fake.created.append(dataclasses.replace(ours, id="msgbatch_02", requests=others))
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert "2 running batches may be this one: msgbatch_02, msgbatch_01" in done.stderr
        assert "3 in batches" in done.stdout
        assert len(fake.created) == 2
        for _ in range(9):
            fake.advance(ours)
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 4
        assert len(fake.created) == 2


def test_settings_that_batches_do_not_know_are_refused_before_any_call(
    bench: Workspace, api: FakeAPI
) -> None:
    fake = FakeGeminiBatches(api)
    prepare(bench, fake, extra_body={"logit_bias": {"5": 1}})
    done = bench.run("gen_answer.py", "--batch", check=2)
    assert "extra_body: Gemini's batches know no 'logit_bias'. Remove it, or ask live." in (
        done.stderr
    )
    assert api.calls == []
