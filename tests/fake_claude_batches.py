"""Message batches of Anthropic's shape on a FakeAPI.

    fake = FakeClaudeBatches(api, Behaviour(looks=2, ran=10))     # the rest expires
    run_something_against(api.url)
    assert fake.paid == [...]              # the custom ids of all requests that ran

Time is counted in looks: a batch is over once it was looked at `looks` times. The reply to a
request is that of a live call of the same FakeAPI.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from fake_api import ANTHROPIC, Call, FakeAPI, Reply
from fake_batches import Lines, Refused

PATH = re.compile(r"/v1/messages/batches(?:/([^/]+))?(?:/(results|cancel))?")
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FATES = ("processing", "succeeded", "errored", "canceled", "expired")


@dataclass(frozen=True)
class Behaviour:
    """How a batch fares.

    looks: at a batch, until it has ended. ran: the requests, in the order of the call, that run
    before it is cancelled or expires. None: all, or none if it is cancelled.
    edit: changes the lines of the results, as in fake_batches.py.
    """

    looks: int = 1
    ran: int | None = None
    has_counts: bool = True
    edit: Callable[[Lines], Lines] = list


@dataclass
class FakeBatch:
    """A batch. `headers`: of the call that created it."""

    id: str
    requests: list[dict[str, Any]]
    headers: Mapping[str, str]
    behaviour: Behaviour
    status: Literal["in_progress", "canceling", "ended"] = "in_progress"
    looks: int = 0
    ran: list[str] = field(default_factory=list)
    results: Lines = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    was_canceled: bool = False
    is_archived: bool = False
    created_at: float = field(default_factory=time.time)

    @property
    def ids(self) -> list[str]:
        """The ids of its requests, whether or not they ran."""
        return [request["custom_id"] for request in self.requests]


class FakeClaudeBatches:
    """The service. What it has, `created`, is in the order of creation.

    next: the behaviours of the next batches, before `behaviour` counts for all that follow.
    queue: the requests that may be processing, more are HTTP 429. largest: the bytes of a call,
    more are HTTP 413. page: the most that a list has. retry_after: the header of each look at a
    batch that runs. key: the only one that is let in, None for any.
    """

    def __init__(self, api: FakeAPI, behaviour: Behaviour | None = None) -> None:
        self.api = api
        self.behaviour = behaviour or Behaviour()
        self.next: deque[Behaviour] = deque()
        self.queue: int | None = None
        self.largest = 256 * 10**6
        self.page = 1000
        self.retry_after: str | None = "0"
        self.key: str | None = None
        self.created: list[FakeBatch] = []
        self.lock = threading.RLock()
        api.serve(self.handle)

    @property
    def paid(self) -> list[str]:
        """The ids of all requests that ran, in order, each as often as it ran."""
        with self.lock:
            return [custom_id for batch in self.created for custom_id in batch.ran]

    def handle(self, call: Call) -> Reply | None:
        """Answer a call, None if its path is not one of message batches."""
        if not (match := PATH.fullmatch(call.path)):
            return None
        name, verb = match.groups()
        route = f"{call.method}{' id' if name else ''}{' ' + verb if verb else ''}"
        routes: dict[str, Callable[[Call, str], Reply]] = {
            "POST": self._create,
            "GET": self._list,
            "GET id": self._look,
            "GET id results": self._results,
            "POST id cancel": self._cancel,
            "DELETE id": self._delete,
        }
        with self.lock:
            try:
                if "anthropic-version" not in call.headers:
                    raise Refused(400, "anthropic-version: header is required")
                if self.key is not None and call.api_key != self.key:
                    raise Refused(401, "invalid x-api-key")
                if route not in routes:
                    raise Refused(404, "Not Found")
                return routes[route](call, name or "")
            except Refused as refused:
                return refused.reply

    def _create(self, call: Call, _: str) -> Reply:
        if len(call.raw) > self.largest:
            raise Refused(413, "Request exceeds the maximum size")
        if call.body is None or {*call.body} != {"requests"} or not call.body["requests"]:
            raise Refused(400, "requests: a list with at least one request is required")
        requests = call.body["requests"]
        if len(requests) > 100_000:
            raise Refused(400, "requests: List should have at most 100000 items")
        ids = Counter(request.get("custom_id") for request in requests)
        for number, request in enumerate(requests):
            custom_id = request.get("custom_id")
            if {*request} != {"custom_id", "params"}:
                raise Refused(400, f"requests.{number}: Extra inputs are not permitted")
            if not (isinstance(custom_id, str) and ID.fullmatch(custom_id)):
                pattern = "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
                raise Refused(400, f"requests.{number}.custom_id: {pattern}")
            if ids[custom_id] > 1:
                raise Refused(400, f"requests.{number}.custom_id: Value must be unique")
            if request["params"].get("stream"):
                raise Refused(400, f"requests.{number}.params.stream: must be false")
        running = sum(len(batch.ids) for batch in self.created if batch.status != "ended")
        if self.queue is not None and running + len(requests) > self.queue:
            raise Refused(429, "This request would exceed your limit of batch requests processing")
        behaviour = self.next.popleft() if self.next else self.behaviour
        name = f"msgbatch_{len(self.created) + 1:02}"
        self.created.append(FakeBatch(name, requests, call.headers, behaviour))
        return _json(self._object(self.created[-1]))

    def _batch(self, name: str) -> FakeBatch:
        for batch in self.created:
            if batch.id == name:
                return batch
        raise Refused(404, f"No message batch found with id '{name}'.")

    def _look(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        self.advance(batch)
        headers = {}
        if batch.status != "ended" and self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        return replace(_json(self._object(batch)), headers=headers)

    def advance(self, batch: FakeBatch) -> None:
        """Let a batch go on, as after a look at it."""
        batch.looks += 1
        is_over = batch.looks >= batch.behaviour.looks or batch.status == "canceling"
        if batch.status != "ended" and is_over:
            self._end(batch)

    def _end(self, batch: FakeBatch) -> None:
        """Run what is to run, and make the results."""
        rest = "canceled" if batch.was_canceled else "expired"
        ran = batch.behaviour.ran
        if ran is None:
            ran = 0 if batch.was_canceled else len(batch.requests)
        for number, request in enumerate(batch.requests):
            result: dict[str, Any] = {"type": rest}
            if number < ran:
                result = self._answer(request["params"], number, batch.headers)
                if result["type"] == "succeeded":
                    batch.ran.append(request["custom_id"])
            batch.counts[result["type"]] += 1
            line = {"custom_id": request["custom_id"], "result": result}
            batch.results.append(json.dumps(line).encode() + b"\n")
        batch.results = batch.behaviour.edit(batch.results)
        batch.status = "ended"

    def _answer(
        self, params: dict[str, Any], number: int, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Make the result of a request."""
        raw = json.dumps(params).encode()
        call = Call("POST", "/v1/messages", {}, headers, params, time.monotonic(), raw)
        reply = self.api.reply_to(call)
        assert call.protocol == ANTHROPIC
        if reply.hang or reply.reset or reply.half:
            return {"type": "expired"}
        body = json.loads(reply.body_for(call, number))
        if reply.status_for(call) == 200:
            return {"type": "succeeded", "message": body}
        return {"type": "errored", "error": body}

    def _results(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.status != "ended" or batch.is_archived:
            raise Refused(404, f"No results available for message batch '{name}'.")
        return Reply(raw=b"".join(batch.results), content_type="application/x-jsonl")

    def _cancel(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.status == "ended":
            raise Refused(400, f"Batch {name} cannot be canceled because it has ended.")
        batch.status, batch.was_canceled = "canceling", True
        return _json(self._object(batch))

    def _delete(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.status != "ended":
            raise Refused(400, f"Batch {name} cannot be deleted while it is processing.")
        self.created.remove(batch)
        return _json({"id": name, "type": "message_batch_deleted"})

    def _list(self, call: Call, _: str) -> Reply:
        batches = self.created[::-1]
        size = int(call.query.get("limit", 20))
        if not 1 <= size <= 1000:
            raise Refused(400, "limit: Input should be from 1 to 1000")
        if mark := call.query.get("after_id"):
            batches = batches[batches.index(self._batch(mark)) + 1 :]
        size = min(size, self.page)
        data = [self._object(batch) for batch in batches[:size]]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return _json({"data": data, "has_more": len(batches) > size} | ends)

    def _object(self, batch: FakeBatch) -> dict[str, Any]:
        is_over = batch.status == "ended"
        counts = {fate: batch.counts[fate] for fate in FATES}
        counts["processing"] = 0 if is_over else len(batch.requests)
        results = f"https://api.anthropic.com/v1/messages/batches/{batch.id}/results"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": batch.status,
            "request_counts": counts if batch.behaviour.has_counts else None,
            "created_at": _iso(batch.created_at),
            "expires_at": _iso(batch.created_at + 86400),
            "ended_at": _iso(batch.created_at + 1) if is_over else None,
            "cancel_initiated_at": _iso(batch.created_at + 1) if batch.was_canceled else None,
            "archived_at": _iso(batch.created_at + 29 * 86400) if batch.is_archived else None,
            "results_url": results if is_over and not batch.is_archived else None,
        }


def _json(value: dict[str, Any]) -> Reply:
    return Reply(raw=json.dumps(value).encode())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")
