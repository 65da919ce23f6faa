"""The budget of a run: what calls may cost, and what they cost."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from conftest import Run, Workspace
from fake_api import FakeAPI, Reply
from one_call import model_of
from runs import FAST, SCRIPTS, contents, prepare, prepare_judging

from arena.chat.budget import NANO, Activity, Meter, budget_of, stopping
from arena.chat.calls import chat_completion
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion


class TestMoney:
    PRICE = {"input": 0.001, "output": 1000}  # a reply of 256 tokens costs 0.256

    @pytest.mark.parametrize("parallel", [1, 4])
    def test_max_cost_is_not_passed(
        self, api: FakeAPI, bench: Workspace, run: Run, parallel: int
    ) -> None:
        prepare(bench, api, 20, price=self.PRICE)
        api.answer_with(Reply("long", completion_tokens=256))
        done = run("answers", "--max-cost", 2, "--parallel", parallel)
        assert done.status == 1
        assert 0.256 <= 0.256 * api.call_count <= 2
        assert len(contents(bench)) == api.call_count
        assert (
            "cost limit: the next call could pass --max-cost 2" in done.out
            and "not begun" in done.out
        )
        api.answer_with(Reply("short", completion_tokens=1))
        assert run("answers").status == 0

    def test_what_is_cheap_enough_is_done(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare(bench, api, 3, price=self.PRICE)
        done = run("answers", "--max-cost", 100)
        assert done.status == 0
        assert "tiny: 3 planned, 3 done" in done.out and ", $0.0090" in done.out

    @pytest.mark.parametrize(("limit", "most"), [(0.05, 2), (1.6, 5)])
    def test_a_provider_may_count_more_than_max_tokens(
        self, api: FakeAPI, bench: Workspace, run: Run, limit: float, most: int
    ) -> None:
        """A call of $0.30 claims $0.02 at first, so that two in parallel may pass the limit."""
        prepare(bench, api, 20, price={"input": 1, "output": 80}, parallel=2)
        api.answer_with(Reply("long", prompt_tokens=60_000, completion_tokens=3_000))
        done = run("answers", "--max-cost", limit)
        assert done.status == 1 and 1 <= api.call_count <= most
        spent = 0.3 * api.call_count
        over = "the provider counted more tokens than max_tokens allows: "
        over += f"${spent:.2f} is over --max-cost {limit:g}"
        assert (over in done.out) == (spent > limit)

    def test_the_dearest_call_is_what_later_ones_claim(self) -> None:
        model = replace(ModelConfig("m", "api.yaml: m", "m"), price=(1, 2))
        meter = Meter(model.price, budget_of([model], 1))
        claim = meter.claim([], 4096)
        meter.record(claim, Completion("fine", input_tokens=100_000, output_tokens=100_000))
        assert [meter.claim([], 4096) for _ in range(2)] == [NANO * 3 // 10] * 2
        assert meter.budget.claimed == NANO * 6 // 10 and not meter.excess

    def test_a_judge_has_a_budget_too(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        prepare_judging(bench, api)
        bench.add_model("judge", api.v1, **FAST | {"parallel": 1, "price": self.PRICE})
        api.answer_with(Reply("[[A>B]]", completion_tokens=256))
        done = run("judgments", "--max-cost", 1)
        assert (done.status, api.call_count) == (1, 3)
        assert "$0.768" in done.out

    CUT_SHORT = {
        "hang": Reply(hang=True),
        "broken JSON": Reply.broken_json(),
        "half": Reply("half of a reply", half=True),
        "reset": Reply(reset=True),
        "gateway": Reply.server_error(504),
    }

    @pytest.mark.parametrize("fault", CUT_SHORT)
    def test_a_call_that_was_cut_short_may_have_been_paid_for(
        self, api: FakeAPI, bench: Workspace, run: Run, fault: str
    ) -> None:
        """Two calls at 0.256 at most leave no room for a third."""
        prepare(bench, api, 20, price=self.PRICE, timeout=0.2)
        api.answer_with(self.CUT_SHORT[fault])
        done = run("answers", "--max-cost", 0.6, "--report", "report.json")
        assert (done.status, api.call_count) == (1, 2)
        assert "not begun (cost limit: the next call could pass --max-cost 0.6, " in done.out
        assert "as it may cost $0.2560)" in done.out
        assert (
            ", $0.0000, plus up to $0.5120 for calls that failed midway or reported no" in done.out
        )
        (model,) = json.loads((bench.root / "report.json").read_text())["models"]
        assert model["untold_cost_usd"] == pytest.approx(0.512, abs=1e-4)

    ABSURD = [10**400, 10**30, -5, 2.5, True, "7"]

    @pytest.mark.parametrize("count", ABSURD)
    def test_usage_that_no_call_can_have_is_none(
        self, api: FakeAPI, bench: Workspace, run: Run, count: object
    ) -> None:
        prepare(bench, api, 20, price=self.PRICE)
        usage = {"prompt_tokens": count, "completion_tokens": count}
        api.answer_with(Reply("fine", changes={"usage": usage}))
        done = run("answers", "--max-cost", 0.6)
        assert (done.status, api.call_count, len(contents(bench))) == (1, 2, 2)
        assert ", 0 tokens in, 0 out, $0.0000, plus up to $0.5120" in done.out

    @pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 7}, {"completion_tokens": 3}])
    def test_so_may_be_one_that_tells_no_usage(
        self, api: FakeAPI, bench: Workspace, run: Run, usage: dict[str, int] | None
    ) -> None:
        prepare(bench, api, 20, price=self.PRICE)
        api.answer_with(Reply("fine", changes={"usage": usage}))
        done = run("answers", "--max-cost", 0.6)
        assert (done.status, api.call_count, len(contents(bench))) == (1, 2, 2)
        known = 0.003 if usage and "completion_tokens" in usage else 0
        more = (
            f"plus up to ${0.512 - 2 * known:.4f} for calls that failed midway or reported no usage"
        )
        assert f", ${2 * known:.4f}, {more}" in done.out

    def test_without_a_limit_what_it_may_cost_is_told_too(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 2, price=self.PRICE)
        api.answer_with(Reply.no_usage("fine"))
        assert "plus up to $0.5120" in run("answers").out

    def test_where_no_connection_was_made_nothing_was_paid(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 5, price=self.PRICE)
        api.close()
        done = run("answers", "--max-cost", 0.3)
        assert done.status == 1
        assert "failed: 5 questions: connection" in done.out
        assert "for calls" not in done.out

    def test_a_job_that_waits_for_money_at_a_stop_is_interrupted(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, 2, price=self.PRICE, parallel=2)
        api.hold()
        process = bench.start("gen_answer.py", "--max-cost", 0.3)
        api.wait_for_calls(1)
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        while not process.stderr.readline().startswith("stopping"):
            pass
        api.release()
        out, _ = process.communicate(timeout=20)
        assert "2 planned, 1 done, 0 cached, 0 failed, 1 not begun (stopped)" in out
        assert "stopped" in out and "cost limit" not in out
        assert api.call_count == 1

    def test_a_call_that_was_refused_costs_nothing(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        prepare(bench, api, 1, price=self.PRICE)
        api.reply(Reply.rate_limit(retry_after=0), Reply.overloaded(), "fine")
        done = run("answers", "--max-cost", 0.3)
        assert (done.status, api.call_count) == (0, 3)

    @pytest.mark.parametrize("makes", SCRIPTS)
    def test_max_cost_needs_a_price(
        self, api: FakeAPI, bench: Workspace, run: Run, makes: str
    ) -> None:
        prepare_judging(bench, api)
        bench.add_model("tiny", api.v1)
        bench.write_answer_config(model_list=["tiny"])
        done = run(makes, "--max-cost", 1)
        (line,) = done.err.splitlines()
        assert (done.status, api.call_count) == (2, 0)
        assert "--max-cost needs price: {input: , output: }" in line
        assert "config/api_config.yaml: " in line


class TestBudget:
    def test_many_runs_end_and_none_costs_more_than_its_limit(self) -> None:
        """Sums of floats did not return to 0, and half of such runs waited for ever."""
        for seed in range(200):
            chance = random.Random(seed)
            limit = chance.choice([0.0001, 0.003, 0.1, 1 / 3, 2.0]) * chance.uniform(0.5, 2)
            price = (chance.choice([0.00007, 0.1, 0.15, 3.0]), chance.choice([0.3, 0.6, 15.0]))
            model = replace(ModelConfig("m", "api.yaml: m", "m"), price=price)
            budget = budget_of([model], limit)
            meter = Meter(price, budget)
            threads = [
                threading.Thread(target=self.calls, args=(meter, random.Random(seed * 64 + n)))
                for n in range(chance.choice([2, 5, 9]))
            ]
            for thread in threads:
                thread.daemon = True
                thread.start()
            for thread in threads:
                thread.join(timeout=10)
            assert not any(thread.is_alive() for thread in threads), f"seed {seed} hangs"
            assert budget.claimed == 0 and budget.spent <= limit * NANO, seed
            assert (meter.cost or 0.0) + meter.unreported_cost <= limit * (1 + 1e-9)

    def calls(self, meter: Meter, chance: random.Random) -> None:
        """Calls of a thread, of different lengths, until the money or its questions are gone."""
        for _ in range(20):
            size, most = chance.randrange(1, 3000), chance.randrange(1, 4096)
            try:
                claim = meter.claim([{"role": "user", "content": "x" * size}], most)
            except CompletionError as error:
                assert error.cause == "cost limit"
                return
            usage: Any = (chance.randrange(size), chance.randrange(most))
            if chance.random() < 0.3:
                usage = chance.choice([(None, None), (10**400, 3), (-1, 2.5), (True, 0)])
            reply = Completion("fine", input_tokens=usage[0], output_tokens=usage[1])
            failed = CompletionError("timeout", charged=chance.random() < 0.5)
            meter.record(claim, failed if chance.random() < 0.2 else reply)


class TestActivity:
    def test_it_tells_what_the_calls_of_a_model_do(self, api: FakeAPI, bench: Workspace) -> None:
        address = f"{api.v1.replace('://', '://me:s3cr3t@')}?key=hidden-1"
        model = model_of(bench, endpoints=[{"api_base": address}], retry_wait=60)
        meter = Meter(None, budget_of([model], None))
        now = meter.activity
        assert now == Activity()
        api.reply(Reply.overloaded(), Reply("fine", held=True))
        threads = [threading.Thread(target=self.ask, args=(model, meter)) for _ in range(2)]
        for thread in threads:
            thread.start()
            api.wait_for_calls(threads.index(thread) + 1)
        while not now.waiting:
            time.sleep(0.01)
        assert (now.in_flight, now.waiting, now.retries) == (1, 1, 0)
        assert now.fault is not None and now.fault.cause == "server error"
        assert now.address == api.v1
        assert 4 < now.next_try - time.monotonic() <= 60
        api.release()
        while now.in_flight:
            time.sleep(0.01)
        assert (now.fault, now.waiting) == (None, 1)
        stopping.set()
        for thread in threads:
            thread.join()
        stopping.clear()
        assert (now.in_flight, now.waiting, now.retries, now.next_try) == (0, 0, 1, 0.0)

    def ask(self, model: ModelConfig, meter: Meter) -> None:
        with contextlib.suppress(CompletionError):
            chat_completion(
                model,
                [{"role": "user", "content": "hello"}],
                temperature=0,
                max_tokens=9,
                meter=meter,
            )
