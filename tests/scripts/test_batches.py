"""Runs through batch services on the real command lines: nothing lost, nothing paid twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from conftest import REPO, RunMain, Workspace
from fake_api import Call, FakeAPI, Reply
from fake_batches import Behaviour, FakeBatches, backwards, foreign, torn, twice, without

from arena.batch import waves
from arena.batch.results import results_in
from arena.batch.state import batches_of
from arena.generate import batches

FAST = {"retry_wait": 0.001, "max_retries": 2}


@pytest.fixture
def fake(api: FakeAPI) -> FakeBatches:
    fake = FakeBatches(api)
    fake.retry_after = "0.001"
    api.answer_with(lambda call: f"echo {call.prompt}")
    return fake


def prepare(bench: Workspace, api: FakeAPI, *models: str, questions: int = 4, **entry: Any) -> None:
    bench.add_questions(questions)
    for model in models or ("tiny",):
        bench.add_model(model, api.v1, **FAST | entry)
    bench.write_answer_config()


def prepare_judging(bench: Workspace, api: FakeAPI, questions: int = 3, **config: Any) -> None:
    bench.add_questions(questions)
    bench.add_model("judge", api.v1, **FAST)
    for model in ("base", "m1", "m2"):
        answers = {f"q{i}": f"{model} on q{i}" for i in range(1, questions + 1)}
        bench.add_answers(model, answers)
    bench.write_judge_config("judge", "base", **config)
    api.answer_with("[[A>B]]")


def without_origin(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records without what differs from run to run, and the batches that they came in."""
    text = json.dumps([{k: v for k, v in r.items() if k != "answer_id"} for r in records])
    return json.loads(
        re.sub(r'"tstamp": [\d.]+|"batch": "[^"]*"', '"x": 0', text).replace(', "x": 0', "")
    )


def batches_in(records: Sequence[dict[str, Any]]) -> set[str]:
    return set(re.findall(r'"batch": "([^"]*)"', json.dumps(records)))


def states(bench: Workspace) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted(bench.data.glob("batches/*/state.json"))]


def created(fake: FakeBatches) -> list[str]:
    """The ids of all requests in all batches."""
    return [custom_id for batch in fake.created for custom_id in batch.ids]


def result_of(request: dict[str, Any], number: int) -> bytes:
    """The line of a result."""
    message = {"role": "assistant", "content": f"reply {number}"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    response = {"status_code": 200, "body": body}
    return json.dumps({"custom_id": request["custom_id"], "response": response}).encode() + b"\n"


def chats(api: FakeAPI) -> int:
    return sum(call.path.endswith("/chat/completions") for call in api.calls)


class TestAnswers:
    def test_they_are_those_of_a_live_run(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, "one", "org/two")
        bench.run("gen_answer.py", "--batch", check=0)
        in_batches = {model: bench.answers(model) for model in ("one", "org/two")}
        (bench.data / "model_answer" / "one.jsonl").unlink()
        (bench.data / "model_answer" / "org" / "two.jsonl").unlink()
        bench.run("gen_answer.py", check=0)
        for model, records in in_batches.items():
            assert without_origin(records) == without_origin(bench.answers(model))
            # One call is made live, to learn what the model refuses.
            batch_ids = [r["choices"][0]["turns"][0].get("batch") for r in records]
            assert Counter(map(bool, batch_ids)) == {True: 3, False: 1}
        assert len(created(fake)) == 6

    def test_conversations_go_in_a_round_for_each_turn(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        turns = [{"content": f"turn {number}"} for number in (1, 2, 3)]
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": "c", "cluster": "x", "turns": turns[:i]}
                for i in (1, 2, 3)
            ]
        )
        bench.add_model("tiny", api.v1, **FAST)
        bench.write_answer_config()
        bench.run("gen_answer.py", "--batch", check=0)
        contents = [
            [turn["content"] for turn in record["choices"][0]["turns"]]
            for record in bench.answers("tiny")
        ]
        assert contents == [[f"echo turn {n}" for n in range(1, i + 1)] for i in (1, 2, 3)]
        assert [len(batch.ids) for batch in fake.created] == [2, 2, 1]

    def test_parameters_that_the_model_refuses_are_learned_by_the_live_call(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)

        def refuse(call: Call) -> Reply | str:
            if "temperature" in (call.body or {}):
                message = "Unsupported value: 'temperature' does not support 0 with this model."
                return Reply.error(400, message, "unsupported_value")
            return "fine"

        api.answer_with(refuse)
        bench.run("gen_answer.py", "--batch", check=0)
        turns = [record["choices"][0]["turns"][0] for record in bench.answers("tiny")]
        assert [turn["not_sent"] for turn in turns] == [["temperature"]] * 4
        assert chats(api) == 2
        bench.add_questions(6)
        bench.run("gen_answer.py", "--batch", check=0)
        # What the first run has learned is in the states of its batches.
        assert chats(api) == 2
        assert len(bench.answers("tiny")) == 6

    def test_a_model_that_answers_no_live_call_gets_no_batch(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        api.answer_with(Reply.error(401, "Incorrect API key provided.", "invalid_api_key"))
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert "tiny: 4 planned, 0 done, 0 cached, 1 failed, 3 not begun, 0 tokens" in done.stdout
        assert "authentication: HTTP 401" in done.stdout
        assert fake.created == []

    def test_models_without_a_service_are_asked_live(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, "one")
        bench.add_model("local", api.v1, api_type="vllm", **FAST)
        bench.write_answer_config()
        done = bench.run("gen_answer.py", "--batch", check=0)
        assert "asked live, as their api_type has no batches: local" in done.stderr
        assert len(bench.answers("local")) == len(bench.answers("one")) == 4
        assert len(created(fake)) == 3

    def test_the_soft_limit_on_open_files_is_raised_as_in_a_live_run(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        models = [f"m{number}" for number in range(16)]
        prepare(bench, api, *models, questions=2)
        limited = f"ulimit -Sn 40; exec {sys.executable} {REPO / 'gen_answer.py'} --batch"
        subprocess.run(["bash", "-c", limited], cwd=bench.root, check=True, capture_output=True)
        assert {len(bench.answers(model)) for model in models} == {2}


class TestJudgments:
    def test_they_are_those_of_a_live_run(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare_judging(bench, api)
        # The judge hesitates on one question, and gives its verdict when it is asked to go on.
        api.answer_with(
            lambda call: (
                "hm"
                if "Question 2?" in call.prompt
                else f"[[{'A>B' if 'm1' in call.prompt else 'B>A'}]]"
            )
        )
        bench.run("gen_judgment.py", "--batch", check=0)
        in_batches = {model: bench.judgments("judge", model) for model in ("m1", "m2")}
        assert len(fake.created) == 4
        for model in in_batches:
            (bench.data / "model_judgment" / "judge" / f"{model}.jsonl").unlink()
        bench.run("gen_judgment.py", check=0)
        for model, records in in_batches.items():
            assert without_origin(records) == without_origin(bench.judgments("judge", model))
            assert batches_in(records) <= {batch.id for batch in fake.created}


class TestResults:
    @pytest.mark.parametrize("edit", [backwards, twice, foreign, torn, without(0, 2)])
    def test_whatever_order_or_gaps_they_have_each_record_is_there_once(
        self,
        bench: Workspace,
        api: FakeAPI,
        fake: FakeBatches,
        edit: Callable[[list[bytes]], list[bytes]],
    ) -> None:
        prepare(bench, api, questions=6)
        fake.next.append(Behaviour(edit=edit))
        bench.run("gen_answer.py", "--batch", check=0)
        assert [record["question_id"] for record in bench.answers("tiny")] == [
            f"q{i}" for i in range(1, 7)
        ]

    @pytest.mark.parametrize("where", ["error file", "output file", None])
    def test_failed_requests_are_named_wherever_they_are(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, where: Any
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(refusals_in=where)
        api.answer_with(
            lambda call: (
                Reply.error(400, "flagged by our content filter", "content_filter")
                if "3" in call.prompt
                else "fine"
            )
        )
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert [record["question_id"] for record in bench.answers("tiny")] == ["q1", "q2", "q4"]
        assert "failed: 1 question, q3" in done.stdout

    def test_faults_that_may_pass_are_asked_again_three_times_in_all(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        api.answer_with(lambda call: Reply.server_error() if "4" in call.prompt else "fine")
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert "failed: 1 question, q4: server error" in done.stdout
        assert "Run the same command again" in done.stdout
        assert [len(batch.ids) for batch in fake.created] == [3, 1, 1]

    def test_a_request_that_never_gets_a_result_is_named(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(edit=without(0))
        done = run_main("gen_answer.py", "--batch", check=1)
        assert "failed: 1 question, q2: no result: openai batch_3 " in done.out
        assert "Run the same command again" in done.out
        assert len(bench.answers("tiny")) == 3

    def test_an_expired_batch_gives_what_it_has_and_the_next_run_asks_the_rest(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, questions=6)
        fake.next.append(Behaviour(end="expired", ran=2))
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert re.search(
            r"failed: 3 questions: expired: .* \(for example q4, q5, q6\)", done.stdout
        )
        assert "Run the same command again" in done.stdout
        assert len(bench.answers("tiny")) == 3
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 6
        assert [len(batch.ids) for batch in fake.created] == [5, 3]

    def test_a_batch_that_validation_refuses_ends_the_run_with_its_reason(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(end="failed", problem=("model_not_found", "No such model."))
        done = bench.run("gen_answer.py", "--batch", check=1)
        assert re.search(r"error: .*the service refuses it: .*model_not_found", done.stderr)
        assert re.search(rf"\(request {fake.created[0].ids[0]}, q2\)", done.stderr)
        assert len(fake.created) == 1
        assert states(bench) == []


class TestVerbs:
    def test_submit_today_and_fetch_tomorrow(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(looks=3)
        done = bench.run("gen_answer.py", "--batch", "submit", check=0)
        assert "tiny: 4 planned, 1 done, 0 cached, 0 failed, 3 in batches" in done.stdout
        assert "openai batch_1 (model_answer/tiny.jsonl): sent with 3 requests" in done.stderr
        done = bench.run("gen_answer.py", "--batch", "status", check=0)
        assert re.search(r"openai batch_1 \(model_answer/tiny.jsonl\): \w+, 0 of 3", done.stdout)
        bench.run("gen_answer.py", "--batch", "fetch", check=1)
        assert len(bench.answers("tiny")) == 1
        bench.run("gen_answer.py", "--batch", "fetch", check=0)
        assert len(bench.answers("tiny")) == 4
        assert len(fake.created) == 1
        done = bench.run("gen_answer.py", "--batch", "status", check=0)
        assert "no batches are running" in done.stdout

    def test_cancelled_batches_are_fetched_and_the_rest_is_asked_again(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, questions=6)
        fake.behaviour = Behaviour(looks=9, ran=2)
        bench.run("gen_answer.py", "--batch", "submit", check=0)
        done = bench.run("gen_answer.py", "--batch", "cancel", check=0)
        assert "cancel" in done.stdout
        done = bench.run("gen_answer.py", "--batch", "fetch", check=1)
        assert re.search(
            r"failed: 3 questions: cancelled: .* \(for example q4, q5, q6\)", done.stdout
        )
        assert len(bench.answers("tiny")) == 3
        # Another fetch would find nothing.
        assert "next: python gen_answer.py --batch\n" in done.stdout

    def test_a_batch_that_cannot_be_cancelled_is_an_error(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(looks=9)
        bench.run("gen_answer.py", "--batch", "submit", check=0)
        bench.add_model("tiny", "http://127.0.0.1:9/v1", **FAST)
        done = bench.run("gen_answer.py", "--batch", "cancel", check=1)
        assert "where the entry of tiny does not lead any more" in done.stdout

    def test_a_live_run_does_not_ask_what_is_in_a_batch(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        bench.run("gen_answer.py", "--batch", "submit", check=0)
        bench.add_questions(6)
        done = bench.run("gen_answer.py", check=1)
        assert "tiny: 5 planned, 2 done, 1 cached, 0 failed, 3 in batches" in done.stdout
        assert "--batch fetch" in done.stdout
        assert chats(api) == 3
        bench.run("gen_answer.py", "--batch", "fetch", check=0)
        assert len(bench.answers("tiny")) == 6
        assert Counter(created(fake)).most_common(1)[0][1] == 1

    def test_ctrl_c_leaves_the_batch_running_and_says_how_to_go_on(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        fake.behaviour = Behaviour(looks=3)
        fake.retry_after = "3600"
        process = bench.start("gen_answer.py", "--batch")
        api.wait_for_calls(4)  # chat, upload, creation, a look
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "1 batch is running at the service. To go on, run one of:\n" in err
        assert re.search(r"\n  python gen_answer.py --batch fetch +\(stores", err)
        assert "3 in batches" in out
        fake.retry_after = "0.001"
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(fake.created) == 1
        assert len(bench.answers("tiny")) == 4

    def test_replies_that_are_stored_when_ctrl_c_comes_are_not_counted_as_in_a_batch(
        self,
        bench: Workspace,
        api: FakeAPI,
        fake: FakeBatches,
        run_main: RunMain,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stop_after_two(*args: Any) -> Iterator[Any]:
            for result in results_in(*args):
                yield result
                os.kill(os.getpid(), signal.SIGINT)

        prepare(bench, api)
        with monkeypatch.context() as patch:
            patch.setattr(batches, "results_in", stop_after_two)
            done = run_main("gen_answer.py", "--batch", check=130)
        assert "tiny: 4 planned, 3 done, 0 cached, 0 failed, 1 in batches, " in done.out
        run_main("gen_answer.py", "--batch", "fetch")
        assert len(bench.answers("tiny")) == 4


class TestWaves:
    def test_a_full_queue_waits_for_our_own_batches(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, questions=21)
        fake.queue = 450  # tokens: a few requests
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 21
        assert max(batch.tokens for batch in fake.created) <= 450
        assert len(fake.created) > 1
        assert set(Counter(created(fake)).values()) == {1}

    def test_a_queue_that_is_full_in_validation_waits_too(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, questions=21)
        fake.queue, fake.queue_is_full_on = 450, "validation"
        bench.run("gen_answer.py", "--batch", check=0)
        assert len(bench.answers("tiny")) == 21
        assert set(Counter(fake.paid).values()) == {1}

    def test_batches_grow_again_after_a_queue_that_others_had_filled(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
    ) -> None:
        refusals = iter(range(5))

        def refuse(call: Call) -> Reply | None:
            is_creation = (call.method, call.path) == ("POST", "/v1/batches")
            if not is_creation or next(refusals, None) is None:
                return None
            return Reply.error(429, "Rate limit reached for batches", "rate_limit_exceeded")

        prepare(bench, api, questions=40)
        api.serve(refuse)
        run_main("gen_answer.py", "--batch")
        assert len(fake.created[0].ids) == 1
        assert len(fake.created) <= 8
        assert len(bench.answers("tiny")) == 40


class TestMoney:
    PRICE = {"price": {"input": 1.0, "output": 1000.0}}

    def test_the_summary_says_what_was_saved(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, **self.PRICE)
        done = bench.run("gen_answer.py", "--batch", "--report", "report.json", check=0)
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        # Three of four calls at half the price.
        full = model["cost_usd"] + model["saved_usd"]
        assert model["saved_usd"] == pytest.approx(full * 3 / 8, rel=0.05)
        assert f"${model['cost_usd']:,.4f} (${model['saved_usd']:,.4f} saved by batches)" in (
            done.stdout
        )

    def test_the_limit_holds_for_what_a_batch_can_cost(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        # A call can cost $0.256 live and half of it in a batch.
        prepare(bench, api, questions=8, **self.PRICE)
        bench.run("gen_answer.py", "--batch", "--max-cost", 0.65, check=0)
        assert [len(batch.ids) for batch in fake.created] == [5, 2]

    @pytest.mark.parametrize("limit", [0.6, 0.9])
    def test_a_model_waits_for_the_money_that_the_batches_of_another_give_back(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain, limit: float
    ) -> None:
        # A batch of five costs next to nothing, and can cost $0.64.
        prepare(bench, api, "one", "two", questions=6, **self.PRICE)
        run_main("gen_answer.py", "--batch", "--max-cost", limit)
        assert len(bench.answers("one")) == len(bench.answers("two")) == 6
        assert max(len(batch.ids) for batch in fake.created) <= 5

    def test_a_limit_below_one_request_pays_nothing_more(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, questions=2, **self.PRICE)
        bench.run("gen_answer.py", "--batch", check=0)
        bench.add_questions(8)
        done = bench.run("gen_answer.py", "--batch", "--max-cost", 0.1, check=1)
        assert "6 not begun (cost limit: the next batch could pass --max-cost 0.1)" in done.stdout
        assert len(fake.created) == 1
        assert chats(api) == 1

    def test_a_dry_run_knows_the_price(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api, **self.PRICE)
        live = bench.run("gen_answer.py", "--dry-run", check=0).stdout
        batch = bench.run("gen_answer.py", "--dry-run", "--batch", check=0).stdout
        most = [re.findall(r"at most \$(\d+\.\d+)", text) for text in (live, batch)]
        assert most == [["1.02"], ["0.51"]]
        assert "openai: 50% of the live price (checked 2026-11)" in batch
        assert api.calls == []

    def test_the_report_has_a_section_on_batches(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches
    ) -> None:
        prepare(bench, api)
        bench.run("gen_answer.py", "--batch", "--report", "report.json", check=0)
        (batch,) = json.loads((bench.root / "report.json").read_text())["batches"]
        assert (batch["service"], batch["batch_id"]) == ("openai", "batch_1")
        assert (batch["phase"], batch["requests"], batch["word"]) == ("stored", 3, "completed")


def kill_at(api: FakeAPI, number: int, after: FakeBatches | None) -> Future[subprocess.Popen[str]]:
    """Kill the process that is set when the service gets its call of this number, before it is
    dealt with or after.
    """
    process: Future[subprocess.Popen[str]] = Future()
    seen: list[Call] = []

    def handle(call: Call) -> Reply | None:
        if not re.search("files|batches", call.path):
            return None
        seen.append(call)
        if len(seen) != number:
            return None
        reply = after.handle(call) if after else Reply("gone")
        os.kill(process.result(30).pid, signal.SIGKILL)
        return reply

    api.serve(handle)
    return process


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_kill_at_any_call_loses_nothing_and_pays_nothing_twice(
    bench: Workspace, api: FakeAPI, fake: FakeBatches, number: int, is_after: bool
) -> None:
    prepare(bench, api)
    fake.behaviour = Behaviour(looks=2)
    process = kill_at(api, number, fake if is_after else None)
    process.set_result(bench.start("gen_answer.py", "--batch"))
    process.result().wait(30)
    bench.run("gen_answer.py", "--batch", check=0)
    assert len(bench.answers("tiny")) == 4
    assert set(Counter(created(fake)).values()) == {1}
    assert states(bench)[-1]["phase"] == "stored"


SOON = {"retry-after": "0.001"}
# What comes instead of the reply to a creation that the service has carried out.
LOST: Any = {
    "error": Reply.error(500, "an error after the work", headers=SOON),
    "gateway": Reply.error(504, "the gateway did not wait", headers=SOON),
    "reset": Reply(reset=True),
    "page": Reply.html(),
}


class TestLostReplies:
    """The service creates a batch, and its reply does not arrive."""

    @pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
    def test_the_batch_is_found_before_another_is_created(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain, lost: Reply
    ) -> None:
        def lose(call: Call) -> Reply | None:
            if (call.method, call.path) != ("POST", "/v1/batches") or fake.created:
                return None
            fake.handle(call)
            return lost

        prepare(bench, api)
        api.serve(lose)
        run_main("gen_answer.py", "--batch", "--quiet")
        assert len(fake.created) == 1
        assert len(bench.answers("tiny")) == 4

    @pytest.mark.parametrize("then", [Reply.auth(), LOST["error"], Reply.error(404, "no")])
    @pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
    def test_the_next_run_finds_it_if_this_one_cannot(
        self,
        bench: Workspace,
        api: FakeAPI,
        fake: FakeBatches,
        run_main: RunMain,
        lost: Reply,
        then: Reply,
    ) -> None:
        is_down = True

        def lose(call: Call) -> Reply | None:
            if not is_down or call.path != "/v1/batches":
                return None
            if fake.created:
                return then
            fake.handle(call)
            return lost

        prepare(bench, api)
        api.serve(lose)
        run_main("gen_answer.py", "--batch", "--quiet", check=1)
        is_down = False
        run_main("gen_answer.py", "--batch", "--quiet")
        assert len(fake.created) == 1
        assert len(bench.answers("tiny")) == 4

    def test_a_page_is_no_result_file(
        self,
        bench: Workspace,
        api: FakeAPI,
        fake: FakeBatches,
        run_main: RunMain,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pages = [replace(Reply.html(), headers=SOON)]
        prepare(bench, api)
        api.serve(lambda call: pages.pop() if pages and "/content" in call.path else None)
        monkeypatch.setattr(batches, "FIRST_WAIT", 0.001)
        run_main("gen_answer.py", "--batch", "--quiet")
        assert len(fake.created) == 1
        assert len(bench.answers("tiny")) == 4


@pytest.mark.parametrize("step", ["/files", "/batches/batch_1"])
def test_no_wait_is_longer_than_a_wait_may_be(
    bench: Workspace,
    api: FakeAPI,
    fake: FakeBatches,
    run_main: RunMain,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    busy = [Reply.rate_limit(1e11)]
    prepare(bench, api)
    api.serve(lambda call: busy.pop() if busy and call.path.endswith(step) else None)
    monkeypatch.setattr(waves, "MAX_WAIT", 0.001)
    monkeypatch.setattr(batches, "LONGEST_WAIT", 0.001)
    run_main("gen_answer.py", "--batch", "--quiet")
    assert len(bench.answers("tiny")) == 4


# A call to the service, and what no other try changes.
STEPS: Any = [
    *(("POST", "/files"), ("POST", "/batches"), ("GET", "/batches/batch_1")),
    ("GET", "/files/file-2/content"),
]
HOPELESS: Any = {
    "key": Reply.auth(),
    "address": Reply.error(404, "Not Found"),
    "redirect": Reply(raw=b"", status=302, headers={"location": "http://127.0.0.1:9/"}),
    "quota": Reply.quota(),
}


@pytest.mark.parametrize("step", STEPS, ids=["upload", "create", "look", "download"])
@pytest.mark.parametrize("reply", HOPELESS.values(), ids=HOPELESS.keys())
def test_a_run_goes_on_where_a_hopeless_fault_stopped_it(
    bench: Workspace,
    api: FakeAPI,
    fake: FakeBatches,
    run_main: RunMain,
    step: tuple[str, str],
    reply: Reply,
) -> None:
    is_down = True
    prepare(bench, api)
    method, path = step
    api.serve(
        lambda call: (
            reply if is_down and (call.method, call.path) == (method, f"/v1{path}") else None
        )
    )
    done = run_main("gen_answer.py", "--batch", "--quiet", check=1)
    assert "error: " in done.err and "Traceback" not in done.err
    is_down = False
    run_main("gen_answer.py", "--batch", "--quiet")
    assert len(fake.created) == 1
    assert len(bench.answers("tiny")) == 4


def test_states_and_messages_show_no_secret(
    bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
) -> None:
    prepare(bench, api)
    secrets = ["sk-secret-key-1", "secret-password-2", "secret-query-3", "secret-header-4"]
    key, password, query, header = secrets
    entry = bench.models["tiny"]
    address = api.v1.replace("://", f"://user:{password}@") + f"?token={query}"
    entry["endpoints"] = [{"api_base": address, "api_key": key}]
    entry["extra_headers"] = {"x-token": header}
    bench.write("config/api_config.yaml", bench.models)
    fake.next.append(Behaviour(end="failed", problem=("bad", f"you sent {' '.join(secrets)}")))
    fake.behaviour = Behaviour(looks=9)
    shown = [run_main("gen_answer.py", "--batch", check=1)]
    assert "you sent *** *** *** ***" in shown[0].err
    for verb in ("submit", "status", "cancel"):
        shown.append(run_main("gen_answer.py", "--batch", verb))
    text = repr(shown) + json.dumps(states(bench))
    assert fake.created[1].id in text
    assert not [secret for secret in secrets if secret in text]


class TestOtherEntries:
    """The entry or the settings have changed since a batch was sent."""

    @pytest.mark.parametrize("flags", [[], ["--stale", "keep"], ["--stale", "redo"]])
    def test_replies_to_other_prompts_are_given_up_only_if_a_flag_says_so(
        self,
        bench: Workspace,
        api: FakeAPI,
        fake: FakeBatches,
        run_main: RunMain,
        flags: Sequence[str],
    ) -> None:
        prepare(bench, api)
        run_main("gen_answer.py", "--batch", "submit")
        (bench.data / "model_answer" / "tiny.jsonl").unlink()
        bench.write_answer_config(max_tokens=99)
        done = run_main("gen_answer.py", "--batch", *flags, check=0 if flags else 2)
        assert "3 requests made with other settings or prompts. " in done.err
        if not flags:
            assert len(fake.created) == 1
            bench.write_answer_config()
            run_main("gen_answer.py", "--batch")
            assert set(Counter(created(fake)).values()) == {1}
        assert len(bench.answers("tiny")) == 4

    def test_a_copy_of_the_folder_of_a_batch_changes_nothing(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
    ) -> None:
        prepare(bench, api)
        run_main("gen_answer.py", "--batch", "submit")
        (batch,) = batches_of(bench.data)
        shutil.copytree(batch.folder, batch.folder.with_name(f"{batch.folder.name}-copy"))
        for _ in range(2):
            run_main("gen_answer.py", "--batch", "fetch")
        assert len(bench.answers("tiny")) == 4

    @pytest.mark.parametrize("is_there", [False, True], ids=["running", "ended"])
    def test_replies_that_a_run_leaves_out_are_not_lost(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain, is_there: bool
    ) -> None:
        prepare(bench, api, questions=6)
        run_main("gen_answer.py", "--batch", "submit")
        if is_there:  # the results are on disk, and the run was killed before it stored them
            (batch,) = batches_of(bench.data)
            with batch.result_file.open("wb") as out:
                for number, line in enumerate(batch.request_file.read_bytes().splitlines()):
                    out.write(result_of(json.loads(line), number))
            batch.advance("ended", word="completed")
        done = run_main("gen_answer.py", "--batch", "fetch", "--limit", 2, check=2)
        assert re.search(
            r"\d requests? for replies that this run does not ask for\. Run ", done.err
        )
        bench.add_questions(4)
        done = run_main("gen_answer.py", "--batch", "fetch", check=2)
        assert "2 requests for replies that this run does not ask for. Run with the" in done.err
        bench.add_questions(6)
        run_main("gen_answer.py", "--batch", "fetch")
        assert len(bench.answers("tiny")) == 6

    def test_games_to_play_again_are_fetched_with_the_flag_they_were_sent_with(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
    ) -> None:
        prepare_judging(bench, api)
        api.answer_with("I cannot tell.")
        run_main("gen_judgment.py", check=1)
        api.answer_with("[[A>B]]")
        run_main("gen_judgment.py", "--batch", "submit", "--retry-invalid")
        done = run_main("gen_judgment.py", "--batch", "fetch", check=2)
        assert "requests for replies that this run does not ask for. Run with the" in done.err
        done = run_main("gen_judgment.py", "--batch", "fetch", "--retry-invalid")
        assert "m2: 6 planned, 6 done" in done.out
        assert set(Counter(fake.paid).values()) == {1}

    def test_results_that_were_deleted_are_downloaded_again(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain
    ) -> None:
        prepare(bench, api)
        run_main("gen_answer.py", "--batch", "submit")
        (batch,) = batches_of(bench.data)
        batch.advance("ended", word="completed")
        assert not batch.result_file.exists()
        run_main("gen_answer.py", "--batch", "fetch")
        assert len(bench.answers("tiny")) == 4

    @pytest.mark.parametrize("api_type", ["vllm", "groq"])
    def test_a_batch_is_not_forgotten_if_the_entry_leads_elsewhere(
        self, bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain, api_type: str
    ) -> None:
        prepare(bench, api)
        run_main("gen_answer.py", "--batch", "submit")
        calls = chats(api)
        bench.add_model("tiny", api.v1, api_type=api_type, **FAST)
        done = run_main("gen_answer.py", "--batch", "--stale", "keep", check=2)
        assert f"this batch is at openai, {api.v1}, but" in done.err
        assert chats(api) == calls and len(fake.created) == 1
        bench.add_model("tiny", api.v1, **FAST)
        run_main("gen_answer.py", "--batch")
        assert set(Counter(created(fake)).values()) == {1}


@pytest.mark.parametrize("step", [("POST", "/v1/batches"), ("GET", "/v1/batches/batch_1")])
def test_a_second_ctrl_c_ends_a_call_that_hangs(
    bench: Workspace, api: FakeAPI, fake: FakeBatches, run_main: RunMain, step: tuple[str, str]
) -> None:
    hangs = True

    def hang(call: Call) -> Reply | None:
        if not hangs or (call.method, call.path) != step:
            return None
        fake.handle(call)
        return Reply(hang=True)

    prepare(bench, api)
    api.serve(hang)
    process = bench.start("gen_answer.py", "--batch", "--quiet")
    api.wait_until(
        lambda: (api.calls[-1].method, api.calls[-1].path) == step if api.calls else False
    )
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping: " not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    hangs = False
    run_main("gen_answer.py", "--batch", "--quiet")
    assert len(fake.created) == 1
    assert len(bench.answers("tiny")) == 4
