"""The batch service of Anthropic: message batches, whose requests are in the creating call."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import dump_line
from arena.batch.service import (
    CLOCK_DIFFERENCE,
    CallingService,
    QueueFull,
    Status,
    count_or_none,
    json_object,
    name_in,
)
from arena.batch.state import Batch, batches_of
from arena.chat.connections import LONGEST_TRANSFER, file_transfer
from arena.chat.faults import CompletionError, seconds_of
from arena.chat.protocols import Request
from arena.chat.providers import api_type_of

BATCHES = "/v1/messages/batches"
PAGE = 1000  # the most that a list has

# Another id makes the service refuse the whole batch.
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

FAILED = ("errored", "canceled", "expired")  # counts of requests that have no reply

# The body of the creating call, around the lines of the request file.
BEFORE, AFTER = b'{"requests":[', b"]}"


class _Params(msgspec.Struct):
    temperature: Any = None


class _Line(msgspec.Struct):
    params: _Params


class _Result(msgspec.Struct):
    custom_id: str = ""


class _Entry(msgspec.Struct):
    """A batch in the list of all."""

    id: str
    created_at: datetime
    processing_status: str
    request_counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.request_counts.values())


class _Page(msgspec.Struct):
    data: list[_Entry]
    has_more: bool | None = False


class ClaudeBatches(CallingService):
    """Anthropic's service. A batch has no name of ours and no metadata."""

    def check(self) -> None:
        """Raise InputError for the fast mode, which the service refuses."""
        if "speed" in self.model.extra_body:
            problem = "message batches know no 'speed'. Remove it, or ask live."
            raise InputError(f"{self.model.where}: extra_body: {problem}")

    def line(self, custom_id: str, request: Request) -> bytes:
        """Return the line of a request in the request file, with the newline."""
        if not ID.fullmatch(custom_id):
            raise ValueError(f"no id for a message batch: {custom_id!r}")
        params = api_type_of(self.model).protocol.body(request)
        params.pop("stream", None)  # the service refuses it
        return dump_line({"custom_id": custom_id, "params": params})

    def create(self, batch: Batch) -> str:
        """Send the requests in one call, and return the id of the batch. Raises QueueFull."""
        path = batch.request_file
        size = len(BEFORE) + path.stat().st_size - 1 + len(AFTER)
        with path.open("rb") as file:
            first = msgspec.json.decode(file.readline(), type=_Line)
        # The headers of a live call: all requests have the same settings.
        request = Request(self.model, (), first.params.temperature, max_tokens=0)
        headers = api_type_of(self.model).protocol.headers(request)
        headers["Content-Length"] = str(size)
        try:
            with file_transfer():
                reply = self.call("POST", BATCHES, headers=headers, content=_body(path))
            return name_in(reply)
        except CompletionError as error:
            if error.cause == "rate limit":
                raise QueueFull(error.message) from None
            raise

    def find(self, batch: Batch) -> str | None:
        """Find a batch by the time of its creation, by its number of requests, and by their ids
        once it has ended.

        One that runs is taken if it is the only one that fits. Of several nobody can tell which it
        is before they end: a CompletionError that passes.
        """
        others = {other.batch_id for other in batches_of(batch.folder.parents[1])}
        latest = batch.created + LONGEST_TRANSFER + CLOCK_DIFFERENCE
        running: list[str] = []
        for entry in self._since(batch.created - CLOCK_DIFFERENCE):
            is_late = entry.created_at.timestamp() > latest
            if is_late or entry.id in others or entry.total != batch.requests:
                continue
            if entry.processing_status != "ended":
                running.append(entry.id)
                continue
            with tempfile.TemporaryFile() as file:
                self.save(_path(entry.id, "results"), file)
                file.seek(0)
                ids = {msgspec.json.decode(line, type=_Result).custom_id for line in file}
            if ids and ids <= set(batch.ids()):
                return entry.id
        if len(running) > 1:
            problem = f"{len(running)} running batches may be this one: {', '.join(running)}"
            raise CompletionError("timeout", f"{problem}. Their results will tell.")
        return running[0] if running else None

    def _since(self, oldest: float) -> Iterator[_Entry]:
        """Yield the batches that were created at a time or later, newest first."""
        query: dict[str, object] = {"limit": PAGE}
        while True:
            with self.faults(BATCHES):
                content = self.send("GET", BATCHES, query=query).content
                page = msgspec.json.decode(content, type=_Page)
            entries = [e for e in page.data if e.created_at.timestamp() >= oldest]
            yield from entries
            following = query | {"after_id": page.data[-1].id if page.data else None}
            # A server that ignores the mark would send the same page for ever.
            if not page.has_more or len(entries) < len(page.data) or following == query:
                return
            query = following

    def look(self, batch_id: str) -> Status:
        """Ask how far a batch is. Its counts change only when it ends."""
        with self.faults(path := _path(batch_id)):
            response = self.send("GET", path)
            reply = json_object(response)
            word, counts = str(reply["processing_status"]), reply.get("request_counts") or {}
            return Status(
                word=word,
                is_over=word == "ended",
                done=_sum(counts, "succeeded"),
                failed=_sum(counts, *FAILED),
                total=_sum(counts, "processing", "succeeded", *FAILED),
                retry_after=seconds_of(response.headers.get("retry-after", "")),
            )

    def download(self, batch_id: str, status: Status, out: BinaryIO) -> None:
        """Write the lines of the results: one for each request, also for those that never ran."""
        # Not from the address in the batch, to which the key would be sent.
        self.save(_path(batch_id, "results"), out)

    def cancel_path(self, batch_id: str) -> str:
        """Return the path of the call that cancels a batch."""
        return _path(batch_id, "cancel")


def _path(batch_id: str, *verb: str) -> str:
    return "/".join((BATCHES, quote(batch_id, safe=""), *verb))


def _body(path: Path) -> Iterator[bytes]:
    """Yield the body of the creating call in pieces, so that it need not fit into the memory."""
    yield BEFORE
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield (b"," if number else b"") + line.removesuffix(b"\n")
    yield AFTER


def _sum(counts: Mapping[str, object], *names: str) -> int | None:
    """Add up numbers of requests, None if the service does not give them."""
    numbers = [count_or_none(counts.get(name)) for name in names]
    return None if None in numbers else sum(filter(None, numbers))
