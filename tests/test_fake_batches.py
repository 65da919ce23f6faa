"""The fake files and batches serve OpenAI's own client as the services do."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from fake_api import Call, FakeAPI, Reply
from fake_batches import Behaviour, FakeBatches, backwards, foreign, torn, twice, without

Client = Any  # its types know only the values that OpenAI accepts


@pytest.fixture
def fake(api: FakeAPI) -> FakeBatches:
    return FakeBatches(api)


@pytest.fixture
def client(api: FakeAPI) -> Iterator[Client]:
    with openai.OpenAI(base_url=api.v1, api_key="test-key", max_retries=0, timeout=10) as client:
        yield client


def line(custom_id: str, prompt: str = "hello", **changes: Any) -> bytes:
    body = {"model": "tiny", "messages": [{"role": "user", "content": prompt}]}
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions"}
    return json.dumps(request | {"body": body} | changes).encode() + b"\n"


def upload(client: Client, *lines: bytes) -> Any:
    return client.files.create(file=("x.jsonl", io.BytesIO(b"".join(lines))), purpose="batch")


def create(client: Client, *lines: bytes, **changes: Any) -> Any:
    options = {"endpoint": "/v1/chat/completions", "completion_window": "24h"} | changes
    file_id = options.pop("input_file_id", None) or upload(client, *lines).id
    return client.batches.create(input_file_id=file_id, **options)


def lines_of(client: Client, file_id: str | None) -> list[Any]:
    assert file_id is not None
    return [json.loads(text) for text in client.files.content(file_id).text.splitlines()]


class TestFiles:
    def test_a_file_is_what_was_uploaded(self, fake: FakeBatches, client: Client) -> None:
        file = upload(client, b'{"a": "\r\n--"}\n', "é\n".encode())
        assert (file.filename, file.purpose, file.status) == ("x.jsonl", "batch", "processed")
        assert client.files.content(file.id).content == b'{"a": "\r\n--"}\n' + "é\n".encode()
        assert file.bytes == len(client.files.content(file.id).content)

    def test_a_file_is_processed_after_some_looks(self, fake: FakeBatches, client: Client) -> None:
        fake.behaviour = Behaviour(file_looks=2)
        file = upload(client, line("a"))
        assert file.status == "uploaded"
        with pytest.raises(openai.BadRequestError, match="'pending' state"):
            create(client, input_file_id=file.id)
        words = [client.files.retrieve(file.id).status for _ in range(2)]
        assert words == ["uploaded", "processed"]
        assert create(client, input_file_id=file.id).status == "validating"

    def test_a_deleted_file_is_gone(self, fake: FakeBatches, client: Client) -> None:
        file = upload(client, line("a"))
        assert client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.content(file.id)

    def test_another_purpose_is_refused(self, fake: FakeBatches, client: Client) -> None:
        with pytest.raises(openai.BadRequestError, match="purpose"):
            client.files.create(file=("x", b"x"), purpose="batch-api")


class TestBatches:
    def test_a_batch_goes_through_its_states(self, fake: FakeBatches, client: Client) -> None:
        fake.behaviour = Behaviour(looks=4)
        batch = create(client, line("a"), metadata={"run": "r1"})
        assert (batch.status, batch.metadata) == ("validating", {"run": "r1"})
        looks = [client.batches.retrieve(batch.id) for _ in range(5)]
        assert [look.status for look in looks] == [
            *("validating", "in_progress", "finalizing", "completed", "completed")
        ]
        assert [look.request_counts.total for look in looks[:2]] == [0, 1]
        assert fake.paid == ["a"]

    def test_the_reply_is_that_of_a_live_call(
        self, api: FakeAPI, fake: FakeBatches, client: Client
    ) -> None:
        api.answer_with(lambda call: Reply(call.prompt.upper(), reasoning="hm"))
        create_live = client.chat.completions.with_raw_response.create
        live = create_live(model="tiny", messages=[{"role": "user", "content": "hello"}])
        batch = create(client, line("a"))
        (result,) = lines_of(client, client.batches.retrieve(batch.id).output_file_id)
        assert (result["custom_id"], result["response"]["status_code"]) == ("a", 200)
        own = {"id": None, "created": None}
        assert result["response"]["body"] | own == json.loads(live.text) | own
        assert result["response"]["body"]["choices"][0]["message"]["content"] == "HELLO"

    def test_refused_requests_are_in_the_error_file(
        self, api: FakeAPI, fake: FakeBatches, client: Client
    ) -> None:
        def answer(call: Call) -> Reply:
            return Reply.prompt_filtered() if call.prompt == "bad" else Reply("good")

        api.answer_with(answer)
        batch = create(client, line("a", "bad"), line("b"), line("c", "bad"))
        over = client.batches.retrieve(batch.id)
        counts = over.request_counts
        assert (counts.total, counts.completed, counts.failed) == (3, 1, 2)
        errors = lines_of(client, over.error_file_id)
        assert [error["custom_id"] for error in errors] == ["a", "c"]
        assert errors[0]["response"]["status_code"] == 400
        assert errors[0]["response"]["body"]["error"]["code"] == "content_filter"
        assert [r["custom_id"] for r in lines_of(client, over.output_file_id)] == ["b"]

    @pytest.mark.parametrize("where", ["output file", None])
    def test_refused_requests_are_elsewhere(
        self, api: FakeAPI, fake: FakeBatches, client: Client, where: Any
    ) -> None:
        fake.behaviour = Behaviour(refusals_in=where)
        api.answer_with(lambda call: Reply.server_error() if call.prompt == "bad" else Reply())
        over = client.batches.retrieve(create(client, line("a", "bad"), line("b")).id)
        assert (over.error_file_id, over.request_counts.failed) == (None, 1)
        ids = [result["custom_id"] for result in lines_of(client, over.output_file_id)]
        assert ids == (["a", "b"] if where else ["b"])

    def test_an_expired_batch_has_what_was_done(self, fake: FakeBatches, client: Client) -> None:
        fake.behaviour = Behaviour(end="expired", ran=1)
        over = client.batches.retrieve(create(client, line("a"), line("b")).id)
        assert over.status == "expired"
        assert [r["custom_id"] for r in lines_of(client, over.output_file_id)] == ["a"]
        (error,) = lines_of(client, over.error_file_id)
        assert (error["response"], error["error"]["code"]) == (None, "batch_expired")
        assert fake.paid == ["a"]

    def test_a_cancelled_batch_has_what_was_done(self, fake: FakeBatches, client: Client) -> None:
        fake.behaviour = Behaviour(looks=9, ran=1)
        batch = create(client, line("a"), line("b"))
        assert client.batches.cancel(batch.id).status == "cancelling"
        over = client.batches.retrieve(batch.id)
        assert over.status == "cancelled"
        assert [r["custom_id"] for r in lines_of(client, over.output_file_id)] == ["a"]
        assert lines_of(client, over.error_file_id)[0]["error"]["code"] == "batch_cancelled"
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(batch.id)

    def test_a_request_that_hangs_is_a_timeout(
        self, api: FakeAPI, fake: FakeBatches, client: Client
    ) -> None:
        api.answer_with(Reply(hang=True))
        over = client.batches.retrieve(create(client, line("a")).id)
        assert over.output_file_id is None
        assert lines_of(client, over.error_file_id)[0]["error"]["code"] == "request_timeout"

    @pytest.mark.parametrize(
        ("lines", "code"),
        [
            ([b"{\n"], "invalid_json_line"),
            ([b""], "empty_file"),
            ([line("a"), line("a")], "duplicate_custom_id"),
            ([line("a", url="/chat/completions")], "url_mismatch"),
            ([line("a", method="GET")], "url_mismatch"),
            ([line("a", extra=1)], "invalid_request"),
            ([line("a", body={"model": "tiny", "stream": False})], "invalid_request"),
            ([line("a"), line("b", body={"model": "big"})], "model_mismatch"),
        ],
    )
    def test_a_wrong_file_fails_in_validation(
        self, fake: FakeBatches, client: Client, lines: list[bytes], code: str
    ) -> None:
        over = client.batches.retrieve(create(client, *lines).id)
        assert (over.status, over.errors.data[0].code) == ("failed", code)
        assert fake.paid == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"completion_window": "7d"},
            {"endpoint": "/v1/nothing"},
            {"metadata": {"run": "x" * 513}},
            {"metadata": {"x" * 65: "run"}},
            {"metadata": {str(n): "" for n in range(17)}},
            {"input_file_id": "file-none"},
        ],
    )
    def test_a_wrong_creation_is_refused(
        self, fake: FakeBatches, client: Client, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(openai.APIStatusError):
            create(client, line("a"), **changes)
        assert fake.created == []

    def test_the_queue_is_full_on_creation(self, fake: FakeBatches, client: Client) -> None:
        fake.queue, fake.behaviour = len(line("a")) // 4, Behaviour(looks=2)
        first = create(client, line("a"))
        with pytest.raises(openai.RateLimitError, match="enqueued tokens") as caught:
            create(client, line("b"))
        assert caught.value.code == "token_limit_exceeded"
        for _ in range(2):
            client.batches.retrieve(first.id)
        create(client, line("b"))

    def test_the_queue_is_full_in_validation(self, fake: FakeBatches, client: Client) -> None:
        fake.queue, fake.queue_is_full_on = 1, "validation"
        over = client.batches.retrieve(create(client, line("a")).id)
        assert (over.status, over.errors.data[0].code) == ("failed", "token_limit_exceeded")

    def test_the_client_lists_all_pages(self, fake: FakeBatches, client: Client) -> None:
        made = [create(client, line("a")).id for _ in range(5)]
        assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
        fake.page = 1
        assert [batch.id for batch in client.batches.list()] == made[::-1]

    def test_a_wrong_key_is_refused(self, fake: FakeBatches, client: Client) -> None:
        fake.key = "another"
        with pytest.raises(openai.AuthenticationError):
            upload(client, line("a"))

    def test_without_counts(self, fake: FakeBatches, client: Client) -> None:
        fake.behaviour = Behaviour(has_counts=False)
        assert client.batches.retrieve(create(client, line("a")).id).request_counts is None


def test_the_lines_of_an_output_file_are_edited() -> None:
    lines = [line("a"), line("b"), line("c")]
    a, b, c = lines
    assert backwards(lines) == [c, b, a]
    assert twice(lines) == [a, b, c, a]
    assert without(1)(lines) == [a, c]
    assert torn(lines)[:2] == [a, b] and c.startswith(torn(lines)[2]) and torn(lines)[2] != c
    ids = [json.loads(each)["custom_id"] for each in foreign(lines)]
    assert ids == ["nobody", "a", "b", "c"]


def test_azure(api: FakeAPI) -> None:
    fake = FakeBatches(api, "azure", Behaviour(has_counts=False, file_looks=1))
    with openai.AzureOpenAI(
        azure_endpoint=api.url, api_key="test-key", api_version="2024-10-21", max_retries=0
    ) as azure:
        client: Client = azure
        file = upload(client, line("a", url="/chat/completions"))
        assert file.status == "pending"
        assert client.files.retrieve(file.id).status == "processed"
        batch = create(client, input_file_id=file.id, endpoint="/chat/completions")
        over = client.batches.retrieve(batch.id)
        assert over.request_counts.model_dump() == dict.fromkeys(("completed", "failed", "total"))
        assert lines_of(client, over.output_file_id)[0]["custom_id"] == "a"
        assert lines_of(client, over.error_file_id) == []
    assert {call.path.split("/")[1] for call in api.calls} == {"openai"}
    assert api.calls[0].query == {"api-version": "2024-10-21"}
    assert fake.paid == ["a"]


def test_groq_has_longer_windows_cursors_and_bare_errors(api: FakeAPI) -> None:
    fake = FakeBatches(api, "groq")
    with openai.OpenAI(
        base_url=f"{api.url}/openai/v1", api_key="k", max_retries=0
    ) as openai_client:
        client: Client = openai_client
        made = [create(client, line("a"), completion_window="7d").id for _ in range(3)]
        first = client.get("/batches?limit=2", cast_to=object)
        assert [batch["id"] for batch in first["data"]] == made[:0:-1]
        cursor = first["paging"]["next_cursor"]
        rest = client.get(f"/batches?cursor={cursor}", cast_to=object)
        assert [batch["id"] for batch in rest["data"]] == made[:1]
        assert rest["paging"]["next_cursor"] is None
        fake.behaviour = Behaviour(end="failed")
        failed = create(client, line("a")).id
        assert client.get(f"/batches/{failed}", cast_to=object)["errors"][0]["line"] == 1
