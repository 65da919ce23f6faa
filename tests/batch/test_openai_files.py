"""The batch services with OpenAI's files, through the real clients, with all their traps."""

from __future__ import annotations

import functools
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_steps import KEY, make_batch, request_to, results, service_at, start, wait
from conftest import close_clients
from fake_api import Call, FakeAPI, Reply
from fake_batches import Behaviour, FakeBatches, backwards, foreign, torn, twice, without

from arena.batch import openai_files
from arena.batch.service import NO_SERVICE, QueueFull, Service, Status
from arena.batch.state import Batch
from arena.chat import budget, connections
from arena.chat.faults import CompletionError


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def fake(api: FakeAPI) -> FakeBatches:
    return FakeBatches(api)


@pytest.fixture
def service(fake: FakeBatches) -> Service:
    return service_at(fake.api.v1)


Make = Callable[..., Batch]


@pytest.fixture
def new(tmp_path: Path) -> Make:
    """Makes a batch on disk, with a request for each id."""
    return functools.partial(make_batch, tmp_path)


def ids(lines: list[Any]) -> list[str]:
    return [line["custom_id"] for line in lines]


FLAVOURS: Any = [("openai", "/v1"), ("azure", ""), ("groq", "/openai/v1")]


class TestOneCodeThreeTables:
    @pytest.mark.parametrize(("api_type", "path"), FLAVOURS)
    def test_from_a_file_to_its_results(
        self, api: FakeAPI, new: Make, api_type: Any, path: str
    ) -> None:
        fake = FakeBatches(api, api_type, Behaviour(looks=3, file_looks=2))
        fake.key = KEY
        service = service_at(api.url + path, api_type)
        batch = new(service, "a", "b", prompts={"b": "größer"})
        batch_id = start(service, batch)
        looks = [service.look(batch_id) for _ in range(3)]
        assert [look.is_over for look in looks] == [False, False, True]
        assert looks[-1].word == "completed" and looks[-1].done == looks[-1].total == 2
        lines = results(service, batch_id)
        texts = [line["response"]["body"]["choices"][0]["message"]["content"] for line in lines]
        assert dict(zip(ids(lines), texts, strict=True)) == {
            "a": "answer to: hello",
            "b": "answer to: größer",
        }
        (made,) = fake.created
        assert made.metadata == {"run": batch.run}
        assert made.window == ("7d" if api_type == "groq" else "24h")
        assert made.file.content == batch.request_file.read_bytes()
        assert made.file.name == f"{batch.run}.jsonl"

    def test_azure_is_asked_below_the_resource_with_its_version(
        self, api: FakeAPI, new: Make
    ) -> None:
        FakeBatches(api, "azure")
        service = service_at(api.url, "azure")
        start(service, new(service, "a"))
        assert [call.path for call in api.calls] == ["/openai/files", "/openai/batches"]
        assert {call.query["api-version"] for call in api.calls} == {"2024-10-21"}
        assert {call.headers["api-key"] for call in api.calls} == {KEY}

    def test_azures_lines_have_the_path_of_its_batches_and_the_deployment(
        self, api: FakeAPI
    ) -> None:
        service = service_at(api.url, "azure")
        line = json.loads(service.line("a", request_to(service, "hello")))
        assert (line["url"], line["body"]["model"]) == ("/chat/completions", "tiny")

    def test_the_query_and_the_headers_of_an_entry_are_sent_with_every_call(
        self, api: FakeAPI, new: Make, fake: FakeBatches
    ) -> None:
        service = service_at(f"{api.v1}?team=a", extra_headers={"x-team": "b"})
        batch_id = start(service, new(service, "a"))
        results(service, batch_id)
        with pytest.raises(CompletionError):
            service.cancel("batch_9")
        service.find(new(service, "a"))
        assert {call.query["team"] for call in api.calls} == {"a"}
        assert {call.headers["x-team"] for call in api.calls} == {"b"}


class TestUpload:
    def test_a_file_that_is_not_yet_processed_is_waited_for(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(file_looks=3)
        start(service, new(service, "a"))
        assert [call.method for call in fake.api.calls] == ["POST", "GET", "GET", "GET", "POST"]

    def test_a_file_that_stays_pending_is_used_all_the_same_and_that_passes(
        self, api: FakeAPI, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openai_files, "PROCESSING_TIME", 0.0)
        FakeBatches(api, "azure", Behaviour(file_looks=1))
        service = service_at(api.url, "azure")
        batch = new(service, "a")
        batch.file_id = service.upload(batch)
        with pytest.raises(CompletionError, match="'pending' state") as caught:
            service.create(batch)
        assert caught.value.cause == "timeout"

    def test_a_file_that_cannot_be_used_is_an_error(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        reply = {"id": "file-1", "status": "error", "status_details": "too many lines"}
        api.serve(lambda call: Reply(raw=json.dumps(reply).encode()))
        with pytest.raises(CompletionError, match=r"^bad request: .* file-1: too many lines"):
            service.upload(new(service, "a"))

    def test_a_file_without_a_state_is_ready(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply(raw=b'{"id": "file_01"}'))
        assert service.upload(new(service, "a")) == "file_01"

    def test_the_wait_ends_when_the_run_stops(
        self, service: Service, fake: FakeBatches, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake.behaviour = Behaviour(file_looks=9)
        budget.stopping.set()
        try:
            with pytest.raises(CompletionError, match="interrupted"):
                service.upload(new(service, "a"))
        finally:
            budget.stopping.clear()

    def test_a_gateway_that_takes_no_large_files(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply.html(413))
        with pytest.raises(CompletionError, match="^bad request: HTTP 413"):
            service.upload(new(service, "a"))


class TestCreation:
    @pytest.mark.parametrize("limit", [1, 1_000])
    def test_a_full_queue_on_creation(
        self, service: Service, fake: FakeBatches, new: Make, limit: int
    ) -> None:
        fake.queue = limit
        batch = new(service, *(f"a{n}" for n in range(limit)))
        batch.file_id = service.upload(batch)
        with pytest.raises(QueueFull, match="Enqueued token limit") as caught:
            service.create(batch)
        assert caught.value.tokens == limit
        assert fake.created == []

    def test_a_full_queue_in_validation(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.queue, fake.queue_is_full_on = 2, "validation"
        status = service.look(start(service, new(service, "a")))
        assert status.has_failed and status.is_over
        assert status.queue_full is not None and status.queue_full.tokens == 2

    def test_a_full_queue_with_another_status(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply.error(400, "Enqueued token limit", "token_limit_exceeded"))
        with pytest.raises(QueueFull) as caught:
            service.create(new(service, "a"))
        assert caught.value.tokens is None

    def test_too_many_batches_an_hour_are_a_full_queue(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply.rate_limit())
        with pytest.raises(QueueFull):
            service.create(new(service, "a"))

    def test_an_empty_account_is_no_full_queue(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply.quota())
        with pytest.raises(CompletionError, match="^quota: "):
            service.create(new(service, "a"))

    @pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>", b'{"id": null}', b'{"id": 7}', b""])
    def test_a_reply_without_an_id_is_malformed(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        api.serve(lambda call: Reply(raw=raw))
        for method in (service.upload, service.create):
            with pytest.raises(CompletionError, match="^malformed reply"):
                method(new(service, "a"))


class TestFind:
    @pytest.mark.parametrize(("api_type", "path"), FLAVOURS)
    def test_a_batch_is_found_by_its_metadata_over_pages(
        self, api: FakeAPI, new: Make, api_type: Any, path: str
    ) -> None:
        fake = FakeBatches(api, api_type)
        fake.page = 2
        service = service_at(api.url + path, api_type)
        batches = [new(service, "a") for _ in range(5)]
        made = [start(service, batch) for batch in batches]
        fake.created[2].metadata = None
        assert [service.find(batch) for batch in batches] == [*made[:2], None, *made[3:]]

    def test_no_batch_at_all(self, service: Service, new: Make) -> None:
        assert service.find(new(service, "a")) is None

    def test_only_batches_since_the_creation_are_looked_at(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.page = 1
        for age in (7400, 7300, 7200, 3500, 0):
            start(service, new(service, "a"))
            fake.created[-1].created_at -= age
        before = fake.api.call_count
        assert service.find(new(service, "a")) is None
        assert fake.api.call_count - before == 3

    def test_a_clock_that_differs_hides_no_batch(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        batch = new(service, "a")
        made = start(service, batch)
        batch.created = time.time() + 3000
        assert service.find(batch) == made

    def test_a_list_that_ignores_the_mark_ends(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        page = {"data": [{"id": "x", "created_at": int(time.time())}], "has_more": True}
        api.serve(lambda call: Reply(raw=json.dumps(page).encode()))
        assert service.find(new(service, "a")) is None
        assert api.call_count == 2

    @pytest.mark.parametrize("raw", [b"{}", b'{"data": [1]}', b'{"data": [{"id": "x"}]}'])
    def test_a_malformed_list_does_not_mean_that_there_is_no_batch(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.find(new(service, "a"))


class TestLook:
    @pytest.mark.parametrize(("flavour", "path"), FLAVOURS)
    def test_counts_that_are_null_or_missing(
        self, api: FakeAPI, new: Make, flavour: Any, path: str
    ) -> None:
        FakeBatches(api, flavour, Behaviour(has_counts=False))
        service = service_at(api.url + path, flavour)
        batch_id = start(service, new(service, "a"))
        status = service.look(batch_id)
        assert (status.done, status.failed, status.total) == (None, None, None)
        assert ids(results(service, batch_id)) == ["a"]

    def test_counts_are_zero_while_the_file_is_validated(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=4)
        status = service.look(start(service, new(service, "a")))
        assert (status.word, status.total, status.is_over) == ("validating", 0, False)

    @pytest.mark.parametrize(("flavour", "path"), FLAVOURS)
    def test_a_failed_batch_says_where_and_why(
        self, api: FakeAPI, new: Make, flavour: Any, path: str
    ) -> None:
        FakeBatches(api, flavour, Behaviour(end="failed", problem=("model_not_found", "No tiny.")))
        service = service_at(api.url + path, flavour)
        status = service.look(start(service, new(service, "a")))
        assert status.has_failed and status.queue_full is None
        assert status.problem == "line 1: model_not_found: No tiny."
        assert status.line == 1

    @pytest.mark.parametrize("errors", [None, [], {"data": None}, {}])
    def test_a_failed_batch_without_a_reason(
        self, service: Service, api: FakeAPI, errors: object
    ) -> None:
        reply = {"status": "failed", "errors": errors}
        api.serve(lambda call: Reply(raw=json.dumps(reply).encode()))
        assert service.look("batch_1").problem == "no reason given"

    @pytest.mark.parametrize(("value", "seconds"), [("12", 12.0), (None, 0.0), ("soon", 0.0)])
    def test_the_seconds_to_wait(
        self, service: Service, fake: FakeBatches, new: Make, value: str | None, seconds: float
    ) -> None:
        fake.retry_after = value
        assert service.look(start(service, new(service, "a"))).retry_after == seconds

    def test_a_state_of_the_future_is_not_the_end(self, service: Service, api: FakeAPI) -> None:
        api.serve(lambda call: Reply(raw=b'{"status": "paused", "request_counts": {"total": "7"}}'))
        status = service.look("batch_1")
        assert (status.word, status.is_over, status.total) == ("paused", False, None)

    @pytest.mark.parametrize("raw", [b"{}", b"null", b'{"status": "failed", "errors": [7]}'])
    def test_a_malformed_batch(self, service: Service, api: FakeAPI, raw: bytes) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.look("batch_1")

    def test_a_batch_that_is_gone(self, service: Service, fake: FakeBatches) -> None:
        with pytest.raises(CompletionError) as caught:
            service.look("batch_9")
        assert caught.value.cause == "not found"
        assert caught.value.message == f"HTTP 404 at {fake.api.v1}/batches/batch_9"

    def test_an_id_is_no_path(self, service: Service, fake: FakeBatches) -> None:
        with pytest.raises(CompletionError):
            service.look("../files/x?y")
        assert fake.api.calls[0].query == {}


class TestDownload:
    def test_failures_are_in_the_error_file(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        def answer(call: Call) -> Reply:
            return Reply.context_too_long() if call.prompt == "long" else Reply("good")

        fake.api.answer_with(answer)
        batch_id = start(service, new(service, "a", "b", prompts={"a": "long"}))
        status = wait(service, batch_id)
        assert (status.done, status.failed, status.total, len(status.files)) == (1, 1, 2, 2)
        lines = results(service, batch_id)
        assert {line["custom_id"]: line["response"]["status_code"] for line in lines} == {
            "a": 400,
            "b": 200,
        }

    def test_completed_without_an_error_file_though_one_failed(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(refusals_in=None)
        fake.api.answer_with(lambda call: Reply.server_error() if call.prompt == "x" else Reply())
        batch_id = start(service, new(service, "a", "b", "c", prompts={"b": "x"}))
        status = wait(service, batch_id)
        assert (status.word, status.total, status.done, status.failed) == ("completed", 3, 2, 1)
        assert len(status.files) == 1
        assert ids(results(service, batch_id)) == ["a", "c"]

    def test_a_status_of_400_inside_a_200(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(refusals_in="output file")
        fake.api.answer_with(Reply.prompt_filtered())
        (line,) = results(service, start(service, new(service, "a")))
        assert line["response"]["status_code"] == 400

    def test_no_output_file_at_all(self, service: Service, fake: FakeBatches, new: Make) -> None:
        fake.behaviour = Behaviour(end="expired", ran=0)
        (line,) = results(service, start(service, new(service, "a")))
        assert (line["response"], line["error"]["code"]) == (None, "batch_expired")

    def test_no_file_at_all(self, service: Service, fake: FakeBatches, new: Make) -> None:
        fake.behaviour = Behaviour(refusals_in=None)
        fake.api.answer_with(Reply.server_error())
        assert results(service, start(service, new(service, "a"))) == []

    def test_an_empty_error_file(self, api: FakeAPI, new: Make) -> None:
        FakeBatches(api, "azure")
        service = service_at(api.url, "azure")
        batch_id = start(service, new(service, "a"))
        assert len(wait(service, batch_id).files) == 2
        assert ids(results(service, batch_id)) == ["a"]

    def test_an_expired_batch_gives_what_it_has(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(end="expired", ran=1)
        batch_id = start(service, new(service, "a", "b"))
        assert wait(service, batch_id).word == "expired"
        lines = results(service, batch_id)
        assert [bool(line["response"]) for line in lines] == [True, False]

    def test_a_request_that_took_too_long(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.api.answer_with(Reply(hang=True))
        (line,) = results(service, start(service, new(service, "a")))
        assert line["error"]["code"] == "request_timeout"

    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            (backwards, ["c", "b", "a"]),
            (without(1), ["a", "c"]),
            (twice, ["a", "b", "c", "a"]),
            (foreign, ["nobody", "a", "b", "c"]),
        ],
    )
    def test_lines_in_any_order_missing_twice_and_foreign_come_as_they_are(
        self, service: Service, fake: FakeBatches, new: Make, edit: Any, expected: list[str]
    ) -> None:
        fake.behaviour = Behaviour(edit=edit)
        assert ids(results(service, start(service, new(service, "a", "b", "c")))) == expected

    def test_of_a_torn_last_line_nothing_is_stored(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.api.answer_with(lambda call: Reply.server_error() if call.prompt == "x" else Reply())
        fake.behaviour = Behaviour(edit=torn)
        batch_id = start(service, new(service, "a", "b", "c", prompts={"c": "x"}))
        assert ids(results(service, batch_id)) == ["a", "c"]

    def test_a_whole_last_line_without_its_end_is_stored(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(edit=lambda lines: [*lines[:-1], lines[-1].rstrip()])
        fake.api.answer_with(lambda call: Reply.server_error() if call.prompt == "x" else Reply())
        batch_id = start(service, new(service, "a", "b", prompts={"b": "x"}))
        assert ids(results(service, batch_id)) == ["a", "b"]

    @pytest.mark.parametrize(
        "reply", [Reply(half=True, raw=b'{"a": 1}\n' * 999), Reply(reset=True)]
    )
    def test_a_download_that_breaks_off_is_an_error(
        self, service: Service, fake: FakeBatches, new: Make, reply: Reply
    ) -> None:
        batch_id = start(service, new(service, "a"))
        status = wait(service, batch_id)
        fake.api.serve(lambda call: reply if call.path.endswith("/content") else None)
        with pytest.raises(CompletionError) as caught:
            service.download(batch_id, status, out := io.BytesIO())
        assert caught.value.cause == "connection"
        assert out.getvalue() == b"" or out.getvalue().endswith(b"\n")

    def test_results_that_were_deleted_are_not_found(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        status = wait(service, batch_id)
        del fake.files[status.files[0]]
        with pytest.raises(CompletionError, match=r"^not found: HTTP 404 at .*/content$"):
            service.download(batch_id, status, io.BytesIO())


class TestCancel:
    def test_a_cancelled_batch_gives_what_it_has(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9, ran=1)
        batch_id = start(service, new(service, "a", "b"))
        service.cancel(batch_id)
        assert fake.created[0].status == "cancelling"
        assert wait(service, batch_id).word == "cancelled"
        lines = results(service, batch_id)
        assert [line["error"] and line["error"]["code"] for line in lines] == [
            *(None, "batch_cancelled")
        ]

    def test_one_that_is_over_stays_as_it_is(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        wait(service, batch_id)
        service.cancel(batch_id)
        assert service.look(batch_id).word == "completed"

    def test_one_that_cannot_be_cancelled_is_an_error(
        self, service: Service, fake: FakeBatches, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9)
        batch_id = start(service, new(service, "a"))
        fake.api.serve(lambda call: Reply.server_error() if call.path.endswith("/cancel") else None)
        with pytest.raises(CompletionError, match="^server error"):
            service.cancel(batch_id)


STEPS: Any = {
    "upload": lambda service, batch: service.upload(batch),
    "create": lambda service, batch: service.create(batch),
    "find": lambda service, batch: service.find(batch),
    "look": lambda service, batch: service.look("batch_1"),
    "download": lambda service, batch: service.download(
        "batch_1", Status("completed", files=("file-1",)), io.BytesIO()
    ),
    "cancel": lambda service, batch: service.cancel("batch_1"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
class TestEveryStep:
    """Each call of a service fails as a live call does."""

    def fault(self, service: Service, new: Make, step: Any) -> CompletionError:
        with pytest.raises(CompletionError) as caught:
            step(service, new(service, "a"))
        assert KEY not in str(caught.value)
        return caught.value

    def test_a_wrong_key(self, service: Service, fake: FakeBatches, new: Make, step: Any) -> None:
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

    def test_a_busy_server(self, service: Service, api: FakeAPI, new: Make, step: Any) -> None:
        api.serve(lambda call: Reply.server_error(503))
        assert self.fault(service, new, step).cause == "server error"

    def test_a_connection_that_breaks(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply(reset=True))
        assert self.fault(service, new, step).cause == "connection"

    def test_an_address_without_the_service(self, api: FakeAPI, new: Make, step: Any) -> None:
        service = service_at(api.v1)
        fault = self.fault(service, new, step)
        assert fault.cause in ("wrong address", "not found")
        if fault.cause == "wrong address":
            assert fault.message.endswith(
                f"HTTP 404 at {api.v1}/{'files' if step is STEPS['upload'] else 'batches'}. "
                f"{NO_SERVICE}"
            )

    def test_an_address_without_the_service_that_speaks_of_models(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply.no_such_model())
        assert self.fault(service, new, step).cause == "no such model"


class TestLargeFiles:
    def test_a_transfer_may_take_longer_than_a_reply(
        self, api: FakeAPI, fake: FakeBatches, new: Make
    ) -> None:
        service = service_at(api.v1, timeout=0.3)
        batch_id = start(service, new(service, "a"))
        status = wait(service, batch_id)
        slow = Reply(raw=b'{"a": 1}\n', trickle=0.1)
        fake.api.serve(lambda call: slow if call.path.endswith("/content") else None)
        service.download(batch_id, status, out := io.BytesIO())
        assert out.getvalue() == b'{"a": 1}\n'

    def test_a_server_that_falls_silent_does_not_hold_a_transfer(
        self, api: FakeAPI, fake: FakeBatches, new: Make
    ) -> None:
        service = service_at(api.v1, timeout=0.2)
        fake.api.serve(lambda call: Reply(hang=True) if "content" in call.path else None)
        with pytest.raises(CompletionError, match="^timeout"):
            STEPS["download"](service, None)

    def test_a_file_may_be_larger_than_a_reply(
        self, service: Service, fake: FakeBatches, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch_id = start(service, new(service, *(f"a{n}" for n in range(99))))
        monkeypatch.setattr(connections, "LARGEST_REPLY", 2000)
        assert len(results(service, batch_id)) == 99

    def test_but_not_endless(
        self, service: Service, fake: FakeBatches, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "LARGEST_FILE", 100)
        with pytest.raises(CompletionError, match="^reply too large"):
            results(service, start(service, new(service, "a")))
