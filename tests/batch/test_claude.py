"""Anthropic's batch service through the real client, and the fake through Anthropic's own."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from batch_steps import KEY, make_batch, request_to, results, service_at, start, wait
from conftest import close_clients
from fake_api import Call, FakeAPI, Reply
from fake_batches import backwards, foreign, torn, twice, without
from fake_claude_batches import Behaviour, FakeClaudeBatches

from arena.base.errors import InputError
from arena.batch.results import results_in
from arena.batch.service import NO_SERVICE, QueueFull, Service, Status
from arena.batch.state import Batch
from arena.chat.clients import client_of
from arena.chat.faults import CompletionError
from arena.chat.protocols import AnthropicProtocol, Completion


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def fake(api: FakeAPI) -> FakeClaudeBatches:
    return FakeClaudeBatches(api)


@pytest.fixture
def service(fake: FakeClaudeBatches) -> Service:
    return service_at(fake.api.url, "anthropic")


Make = Callable[..., Batch]


@pytest.fixture
def new(tmp_path: Path) -> Make:
    """Makes a batch in the folder of a bench, with a request for each id."""
    (folder := tmp_path / "bench" / "batches").mkdir(parents=True)
    return functools.partial(make_batch, folder)


def fates(lines: list[Any]) -> dict[str, str]:
    return {line["custom_id"]: line["result"]["type"] for line in lines}


class TestTheLine:
    def test_it_has_the_body_of_a_live_call_without_stream(self) -> None:
        service = service_at("http://127.0.0.1:9", "anthropic", extra_body={"top_k": 5})
        request = request_to(service, "hello")
        line = json.loads(service.line("a", request))
        body = AnthropicProtocol().body(request)
        assert body.pop("stream") is False and body["top_k"] == 5
        assert line == {"custom_id": "a", "params": body}

    def test_stream_in_the_entry_is_left_out_too(self) -> None:
        service = service_at("http://127.0.0.1:9", "anthropic", extra_body={"stream": False})
        assert "stream" not in json.loads(service.line("a", request_to(service, "x")))["params"]

    def test_the_fast_mode_is_refused_before_any_call(self) -> None:
        service = service_at("http://127.0.0.1:9", "anthropic", extra_body={"speed": "fast"})
        with pytest.raises(InputError, match="extra_body: message batches know no 'speed'"):
            service.check()

    @pytest.mark.parametrize("custom_id", ["", "a b", "é", "a" * 65, "a\n"])
    def test_an_id_that_would_spoil_the_whole_batch_is_refused(self, custom_id: str) -> None:
        service = service_at("http://127.0.0.1:9", "anthropic")
        with pytest.raises(ValueError, match="no id for a message batch"):
            service.line(custom_id, request_to(service, "hello"))


class TestCreation:
    def test_from_requests_to_results(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.key, fake.behaviour = KEY, Behaviour(looks=3)
        batch = new(service, "a", "b", prompts={"b": "größer\n\u2028"})
        batch_id = start(service, batch)
        assert batch.file_id is None
        looks = [service.look(batch_id) for _ in range(3)]
        assert [look.word for look in looks] == ["in_progress", "in_progress", "ended"]
        assert [look.is_over for look in looks] == [False, False, True]
        lines = results(service, batch_id)
        texts = [line["result"]["message"]["content"][0]["text"] for line in lines]
        assert texts == ["answer to: hello", "answer to: größer\n\u2028"]
        own = [json.loads(line) for line in batch.request_file.read_bytes().splitlines()]
        assert fake.created[0].requests == own
        assert fake.paid == ["a", "b"]

    @pytest.mark.parametrize(
        ("temperature", "refused", "old_version"),
        [(0.5, False, True), (0.0, False, True), (None, False, False), (0.5, True, False)],
    )
    def test_the_version_is_that_of_a_live_call(
        self,
        fake: FakeClaudeBatches,
        service: Service,
        new: Make,
        temperature: float | None,
        refused: bool,
        old_version: bool,
    ) -> None:
        batch = new(service, "a")
        request = dataclasses.replace(
            request_to(service, 'a "temperature": 1 in the prompt', temperature),
            refused=frozenset(["temperature"] if refused else []),
        )
        batch.request_file.write_bytes(service.line("a", request))
        start(service, batch)
        AnthropicProtocol().complete(
            anthropic.Anthropic(base_url=fake.api.url, api_key=KEY), request
        )
        in_batch, live = (call.headers["anthropic-version"] for call in fake.api.calls)
        assert in_batch == live
        assert (in_batch == "2023-06-01") is old_version

    def test_the_headers_and_the_query_of_an_entry_are_sent_with_every_call(
        self, api: FakeAPI, new: Make, fake: FakeClaudeBatches
    ) -> None:
        beta = {"anthropic-beta": "x-1", "anthropic-version": "2023-01-01"}
        service = service_at(f"{api.url}?team=a", "anthropic", extra_headers=beta)
        batch_id = start(service, new(service, "a"))
        results(service, batch_id)
        service.find(new(service, "a"))
        service.cancel(batch_id)
        assert {call.headers["anthropic-beta"] for call in api.calls} == {"x-1"}
        assert {call.headers["anthropic-version"] for call in api.calls} == {"2023-01-01"}
        assert {call.query["team"] for call in api.calls} == {"a"}

    def test_requests_are_sent_in_little_memory(
        self, service: Service, api: FakeAPI, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = new(service, *(f"a{n}" for n in range(200)))
        lines = [service.line(i, request_to(service, "x" * 100_000)) for i in batch.ids()]
        batch.request_file.write_bytes(b"".join(lines))
        size = batch.request_file.stat().st_size
        sent = []

        def post(*_: Any, content: Iterator[bytes], options: Any, **__: Any) -> Any:
            tracemalloc.start()
            sent.append(sum(len(piece) for piece in content))
            assert sent == [int(options["headers"]["Content-Length"])]
            assert tracemalloc.get_traced_memory()[1] < 1e6 < size
            tracemalloc.stop()
            return httpx2.Response(200, content=b'{"id": "msgbatch_1"}')

        monkeypatch.setattr(client_of(service.model, service.endpoint), "post", post)
        assert service.create(batch) == "msgbatch_1"

    @pytest.mark.parametrize("count", [1, 3])
    def test_too_many_requests_at_once_are_a_full_queue(
        self, fake: FakeClaudeBatches, service: Service, new: Make, count: int
    ) -> None:
        fake.queue, fake.behaviour = count - 1, Behaviour(looks=9)
        with pytest.raises(QueueFull, match="batch requests") as caught:
            start(service, new(service, *(f"a{n}" for n in range(count))))
        assert caught.value.tokens is None
        assert fake.created == []

    def test_an_empty_account_is_no_full_queue(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        for reply in (Reply.quota(), Reply.spend_limit()):
            api.serve(lambda call, reply=reply: reply)
            with pytest.raises(CompletionError, match="^quota: "):
                start(service, new(service, "a"))

    def test_one_wrong_id_is_an_error_of_the_whole_batch(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch = new(service, "a", "b")
        content = batch.request_file.read_bytes().replace(b'"b"', b'"b c"')
        batch.request_file.write_bytes(content)
        with pytest.raises(CompletionError, match=r"requests\.1\.custom_id: String") as caught:
            start(service, batch)
        assert caught.value.cause == "bad request"
        assert fake.created == []

    def test_an_id_that_is_there_twice_is_an_error(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        with pytest.raises(CompletionError, match="must be unique"):
            start(service, new(service, "a", "a"))

    def test_a_call_that_is_too_large_is_a_bad_request(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.largest = 10
        with pytest.raises(CompletionError, match="^bad request: HTTP 413"):
            start(service, new(service, "a"))

    @pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>", b'{"id": null}', b""])
    def test_a_reply_without_an_id_is_malformed(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            start(service, new(service, "a"))


class TestLook:
    def test_counts_stay_zero_but_processing_until_all_has_ended(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=2, ran=1)
        batch_id = start(service, new(service, "a", "b"))
        status = service.look(batch_id)
        assert (status.done, status.failed, status.total) == (0, 0, 2)
        status = service.look(batch_id)
        assert (status.done, status.failed, status.total) == (1, 1, 2)

    def test_counts_that_are_null(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(has_counts=False)
        status = service.look(start(service, new(service, "a")))
        assert (status.done, status.failed, status.total) == (None, None, None)
        assert status.is_over

    @pytest.mark.parametrize(("value", "seconds"), [("10", 10.0), (None, 0.0), ("soon", 0.0)])
    def test_the_seconds_to_wait(
        self,
        fake: FakeClaudeBatches,
        service: Service,
        new: Make,
        value: str | None,
        seconds: float,
    ) -> None:
        fake.retry_after, fake.behaviour = value, Behaviour(looks=2)
        assert service.look(start(service, new(service, "a"))).retry_after == seconds

    @pytest.mark.parametrize("raw", [b"{}", b"null", b'{"request_counts": {}}'])
    def test_a_malformed_batch(self, service: Service, api: FakeAPI, raw: bytes) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.look("msgbatch_1")

    def test_an_id_is_no_path(self, service: Service, api: FakeAPI) -> None:
        with pytest.raises(CompletionError):
            service.look("../models?x=y")
        assert api.calls[0].query == {}


class TestResults:
    def test_each_request_has_its_fate(
        self, fake: FakeClaudeBatches, service: Service, new: Make, tmp_path: Path
    ) -> None:
        def answer(call: Call) -> Reply:
            return Reply.context_too_long() if call.prompt == "long" else Reply("good")

        fake.api.answer_with(answer)
        fake.behaviour = Behaviour(ran=3)
        batch_id = start(service, new(service, "a", "b", "c", "d", prompts={"b": "long"}))
        lines = results(service, batch_id)
        assert fates(lines) == {"a": "succeeded", "b": "errored", "c": "succeeded", "d": "expired"}
        assert fake.paid == ["a", "c"]
        path = tmp_path / "results.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        replies = {result.custom_id: result.reply for result in results_in(path, service.model)}
        assert isinstance(replies["a"], Completion) and replies["a"].text == "good"
        assert [getattr(replies[key], "cause", None) for key in "bcd"] == [
            *("context too long", None, "expired")
        ]

    def test_a_wrong_request_shows_only_among_the_results(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.api.answer_with(Reply.error(400, "max_tokens: must be greater"))
        (line,) = results(service, start(service, new(service, "a")))
        assert line["result"]["error"]["error"]["type"] == "invalid_request_error"

    def test_a_canceled_batch_gives_what_it_has(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9, ran=1)
        batch_id = start(service, new(service, "a", "b"))
        service.cancel(batch_id)
        assert fake.created[0].status == "canceling"
        assert fates(results(service, batch_id)) == {"a": "succeeded", "b": "canceled"}

    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            (backwards, ["c", "b", "a"]),
            (without(1), ["a", "c"]),
            (twice, ["a", "b", "c", "a"]),
            (foreign, ["nobody", "a", "b", "c"]),
            (torn, ["a", "b"]),
        ],
    )
    def test_lines_come_as_they_are_but_a_torn_last_one(
        self, fake: FakeClaudeBatches, service: Service, new: Make, edit: Any, expected: list[str]
    ) -> None:
        fake.behaviour = Behaviour(edit=edit)
        lines = results(service, start(service, new(service, "a", "b", "c")))
        assert [line["custom_id"] for line in lines] == expected

    def test_results_that_are_archived_are_not_found(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        wait(service, batch_id)
        fake.created[0].is_archived = True
        assert service.look(batch_id).is_over
        with pytest.raises(CompletionError, match=r"^not found: HTTP 404 at .*/results$"):
            results(service, batch_id)

    def test_a_download_that_breaks_off_is_an_error(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        status = wait(service, batch_id)
        half = Reply(half=True, raw=b'{"a": 1}\n' * 999)
        fake.api.serve(lambda call: half if call.path.endswith("/results") else None)
        with pytest.raises(CompletionError, match="^connection"):
            service.download(batch_id, status, out := io.BytesIO())
        assert out.getvalue() == b"" or out.getvalue().endswith(b"\n")

    def test_the_address_in_the_batch_is_not_asked(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        results(service, batch_id)
        assert fake.api.calls[-1].path == f"/v1/messages/batches/{batch_id}/results"

    def test_canceling_one_that_has_ended_changes_nothing(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        wait(service, batch_id)
        service.cancel(batch_id)
        assert fates(results(service, batch_id)) == {"a": "succeeded"}


class TestFind:
    """After a kill between the call that creates a batch and the writing of its id."""

    def test_no_batch_at_all(self, service: Service, new: Make) -> None:
        assert service.find(new(service, "a")) is None

    def test_by_time_and_number_while_it_runs(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9)
        start(service, new(service, "a"))
        batch = new(service, "a", "b")
        made = start(service, batch)
        start(service, new(service, "a", "b", "c"))
        assert service.find(batch) == made

    def test_by_ids_once_it_has_ended(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batches = [new(service, f"a{n}", f"b{n}") for n in range(3)]
        made = [start(service, batch) for batch in batches]
        for batch_id in made:
            wait(service, batch_id)
        assert [service.find(batch) for batch in batches] == made
        assert service.find(new(service, "a0", "a1")) is None

    def test_by_ids_though_others_of_the_same_number_run(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        batch = new(service, "a")
        made = start(service, batch)
        wait(service, made)
        fake.behaviour = Behaviour(looks=9)
        for n in range(3):
            start(service, new(service, f"b{n}"))
        assert service.find(batch) == made

    def test_results_in_part_are_enough(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(edit=without(0))
        batch = new(service, "a", "b")
        made = start(service, batch)
        wait(service, made)
        assert service.find(batch) == made

    def test_of_several_that_run_nobody_can_tell(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=1)
        batch = new(service, "a")
        made = start(service, batch)
        start(service, new(service, "b"))
        with pytest.raises(CompletionError, match="2 running batches may be this one") as caught:
            service.find(batch)
        assert caught.value.cause == "timeout"  # which is tried again
        wait(service, made)
        assert service.find(batch) == made

    def test_those_that_the_bench_knows_are_not_in_doubt(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9)
        known = new(service, "b")
        known.advance("running", batch_id=start(service, known))
        batch = new(service, "a")
        assert service.find(batch) is None
        made = start(service, batch)
        assert service.find(batch) == made

    def test_only_batches_since_the_creation_are_looked_at(
        self, fake: FakeClaudeBatches, service: Service, new: Make
    ) -> None:
        fake.page = 1
        batch = new(service, "a")
        for age in (9000, 8000, 7000, 3500, -9000):
            start(service, new(service, "a"))
            fake.created[-1].created_at -= age
        before = fake.api.call_count
        assert service.find(batch) == fake.created[3].id
        assert fake.api.call_count - before == 3

    def test_a_clock_that_differs_hides_no_batch(
        self, service: Service, fake: FakeClaudeBatches, new: Make
    ) -> None:
        batch = new(service, "a")
        made = start(service, batch)
        for difference in (-3000, 3000):
            batch.created = time.time() + difference
            assert service.find(batch) == made

    def test_a_list_that_ignores_the_mark_ends(
        self, service: Service, fake: FakeClaudeBatches, new: Make
    ) -> None:
        start(service, new(service, "b", "c"))
        page = fake._object(fake.created[0])
        raw = json.dumps({"data": [page], "has_more": True}).encode()
        fake.api.serve(lambda call: Reply(raw=raw))
        before = fake.api.call_count
        assert service.find(new(service, "a")) is None
        assert fake.api.call_count - before == 2

    @pytest.mark.parametrize("raw", [b"{}", b'{"data": [1]}', b'{"data": [{"id": "x"}]}', b"<p>"])
    def test_a_malformed_list_does_not_mean_that_there_is_no_batch(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.find(new(service, "a"))


STEPS: Any = {
    "create": lambda service, batch: service.create(batch),
    "find": lambda service, batch: service.find(batch),
    "look": lambda service, batch: service.look("msgbatch_1"),
    "download": lambda service, batch: service.download(
        "msgbatch_1", Status("ended"), io.BytesIO()
    ),
    "cancel": lambda service, batch: service.cancel("msgbatch_1"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
class TestEveryStep:
    """Each call fails as a live call does."""

    def fault(self, service: Service, new: Make, step: Any) -> CompletionError:
        with pytest.raises(CompletionError) as caught:
            step(service, new(service, "a"))
        assert KEY not in str(caught.value)
        return caught.value

    def test_a_wrong_key(
        self, service: Service, fake: FakeClaudeBatches, new: Make, step: Any
    ) -> None:
        fake.key = "another"
        assert self.fault(service, new, step).cause == "authentication"

    def test_a_key_that_a_message_repeats(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply.error(400, f"no {KEY} here"))
        assert "no *** here" in self.fault(service, new, step).message

    def test_a_redirect_is_not_followed(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        there = {"location": f"{api.url}/elsewhere"}
        api.serve(lambda call: Reply(raw=b"", status=307, headers=there))
        assert self.fault(service, new, step).cause == "redirected"
        assert "/elsewhere" not in {call.path for call in api.calls}

    def test_an_overloaded_server(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply.overloaded())
        assert self.fault(service, new, step).cause in ("server error", "overloaded")

    def test_a_connection_that_breaks(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply(reset=True))
        assert self.fault(service, new, step).cause == "connection"

    def test_an_address_without_the_service(self, api: FakeAPI, new: Make, step: Any) -> None:
        fault = self.fault(service_at(api.url, "anthropic"), new, step)
        if step in (STEPS["create"], STEPS["find"]):
            place = f"HTTP 404 at {api.url}/v1/messages/batches. {NO_SERVICE}"
            assert (fault.cause, fault.message) == ("wrong address", place)
        else:
            assert fault.cause == "not found"
