"""The fake message batches serve Anthropic's own client as the service does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from fake_api import FakeAPI, Reply
from fake_claude_batches import Behaviour, FakeClaudeBatches

Client = Any  # its types know only the values that Anthropic accepts


@pytest.fixture
def fake(api: FakeAPI) -> FakeClaudeBatches:
    return FakeClaudeBatches(api)


@pytest.fixture
def client(api: FakeAPI) -> Iterator[Client]:
    with anthropic.Anthropic(
        base_url=api.url, api_key="test-key", max_retries=0, timeout=10
    ) as client:
        yield client


def request(custom_id: str, prompt: str = "hello", **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    params = {"model": "tiny", "max_tokens": 16, "messages": messages}
    return {"custom_id": custom_id, "params": params | changes}


def create(client: Client, *requests: dict[str, Any]) -> Any:
    return client.messages.batches.create(requests=requests)


@pytest.fixture
def results(
    client: Client, api: FakeAPI, monkeypatch: pytest.MonkeyPatch, fake: FakeClaudeBatches
) -> Any:
    """Reads the results as the client does, from the address in the batch."""
    of_service = fake._object

    def here(batch: Any) -> dict[str, Any]:
        fields = of_service(batch)
        address = fields["results_url"]
        local = address and address.replace("https://api.anthropic.com", api.url)
        return fields | {"results_url": local}

    monkeypatch.setattr(fake, "_object", here)
    return lambda batch: {r.custom_id: r.result for r in client.messages.batches.results(batch.id)}


def test_a_batch_goes_through_its_states(
    fake: FakeClaudeBatches, client: Client, results: Any
) -> None:
    fake.behaviour = Behaviour(looks=2)
    batch = create(client, request("a"), request("b"))
    assert (batch.processing_status, batch.results_url) == ("in_progress", None)
    looks = [client.messages.batches.retrieve(batch.id) for _ in range(3)]
    assert [look.processing_status for look in looks] == ["in_progress", "ended", "ended"]
    assert [look.request_counts.processing for look in looks] == [2, 0, 0]
    assert looks[-1].request_counts.succeeded == 2 and looks[-1].ended_at is not None
    texts = {key: result.message.content[0].text for key, result in results(batch).items()}
    assert texts == dict.fromkeys("ab", "answer to: hello")
    assert fake.paid == ["a", "b"]


def test_the_reply_is_that_of_a_live_call(
    api: FakeAPI, fake: FakeClaudeBatches, client: Client, results: Any
) -> None:
    api.answer_with(lambda call: Reply(call.prompt.upper(), reasoning="hm"))
    live = client.messages.create(**request("a")["params"])
    batch = create(client, request("a"))
    client.messages.batches.retrieve(batch.id)
    in_batch = results(batch)["a"].message
    assert in_batch.content == live.content and in_batch.usage == live.usage


def test_each_request_has_its_fate(
    api: FakeAPI, fake: FakeClaudeBatches, client: Client, results: Any
) -> None:
    api.answer_with(lambda call: Reply.prompt_filtered() if call.prompt == "bad" else Reply())
    fake.behaviour = Behaviour(looks=9, ran=2)
    batch = create(client, request("a", "bad"), request("b"), request("c"))
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    counts = client.messages.batches.retrieve(batch.id).request_counts
    assert (counts.errored, counts.succeeded, counts.canceled, counts.expired) == (1, 1, 1, 0)
    fates = results(batch)
    assert {key: fate.type for key, fate in fates.items()} == {
        "a": "errored",
        "b": "succeeded",
        "c": "canceled",
    }
    assert fates["a"].error.error.type == "invalid_request_error"
    with pytest.raises(anthropic.BadRequestError, match="has ended"):
        client.messages.batches.cancel(batch.id)


def test_the_rest_of_a_batch_expires(fake: FakeClaudeBatches, client: Client, results: Any) -> None:
    fake.behaviour = Behaviour(ran=1)
    batch = create(client, request("a"), request("b"))
    client.messages.batches.retrieve(batch.id)
    assert [fate.type for fate in results(batch).values()] == ["succeeded", "expired"]


def test_the_list_has_pages_newest_first(fake: FakeClaudeBatches, client: Client) -> None:
    made = [create(client, request("a")).id for _ in range(5)]
    fake.page = 2
    assert [batch.id for batch in client.messages.batches.list(limit=10)] == made[::-1]


def test_an_archived_batch_has_no_results(fake: FakeClaudeBatches, client: Client) -> None:
    batch = create(client, request("a"))
    client.messages.batches.retrieve(batch.id)
    fake.created[0].is_archived = True
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        client.messages.batches.results(batch.id)


def test_a_deleted_batch_is_gone(fake: FakeClaudeBatches, client: Client) -> None:
    batch = create(client, request("a"))
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.delete(batch.id)
    client.messages.batches.retrieve(batch.id)
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [request("a b")],
        [request("a" * 65)],
        [request("a"), request("a")],
        [request("a", stream=True)],
        [request("a") | {"method": "POST"}],
    ],
)
def test_one_wrong_request_refuses_the_whole_batch(
    fake: FakeClaudeBatches, client: Client, requests: Any
) -> None:
    with pytest.raises(anthropic.BadRequestError, match="requests"):
        create(client, *requests)
    assert fake.created == []


def test_the_queue_is_full(fake: FakeClaudeBatches, client: Client) -> None:
    fake.queue, fake.behaviour = 1, Behaviour(looks=1)
    batch = create(client, request("a"))
    with pytest.raises(anthropic.RateLimitError):
        create(client, request("b"))
    client.messages.batches.retrieve(batch.id)
    create(client, request("b"))
