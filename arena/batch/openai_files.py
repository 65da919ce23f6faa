"""The batch services with OpenAI's files and batches: OpenAI, Azure and Groq."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

from arena.base.errors import InputError, one_line
from arena.batch.lines import URL, request_line, write_whole_lines
from arena.batch.service import QueueFull, Service, Status
from arena.batch.state import Batch
from arena.chat.budget import INTERRUPTED, stopping
from arena.chat.clients import client_of, secrets_of, shown_base
from arena.chat.connections import file_transfer
from arena.chat.faults import CompletionError, classify, redact, seconds_of
from arena.chat.protocols import Request

OVER = ("completed", "failed", "expired", "cancelled")
FILE_STATES_BEFORE_USE = ("uploaded", "pending", "running")
PROCESSING_TIME = 120.0  # seconds that a file may take before we try to use it all the same
CLOCK_DIFFERENCE = 3600.0  # seconds, at most, between the service's clock and ours

FULL = re.compile(r"token_limit_exceeded|enqueued token", re.IGNORECASE)
LIMIT = re.compile(r"Limit:\s*([\d,]*\d)", re.IGNORECASE)
NOT_PROCESSED = re.compile(r"in '?(pending|uploaded|running)'? state", re.IGNORECASE)

NO_SERVICE = "This address has no batch service. Ask live, or set api_base to one that has."
GONE = "not found"  # the cause of a 404 for a batch or a file


class OpenAIFiles(Service):
    """OpenAI's service: a file is uploaded, a batch made of it, and its results are two files."""

    url = URL
    window = "24h"
    list_query: Mapping[str, object] = {"limit": 100}

    def line(self, custom_id: str, request: Request) -> bytes:
        """Return the line of a request in the request file, with the newline."""
        return request_line(custom_id, request, self.url)

    def upload(self, batch: Batch) -> str:
        """Send the request file, wait until the service has processed it, and return its id."""
        with batch.request_file.open("rb") as file, file_transfer():
            # The name is of use to those who look at their files on the service's pages.
            form = [("file", (f"{batch.run}.jsonl", file, "application/jsonl"))]
            reply = self._call("POST", "/files", {"purpose": "batch"}, files=form)
        file_id, end = _id_of(reply), time.monotonic() + PROCESSING_TIME
        pause = 0.05
        while reply.get("status") in FILE_STATES_BEFORE_USE and time.monotonic() < end:
            if stopping.wait(pause):
                raise CompletionError(INTERRUPTED)
            pause = min(2 * pause, 1.0)
            reply = self._call("GET", f"/files/{quote(file_id, safe='')}")
        if reply.get("status") == "error":
            problem = self._shown(reply.get("status_details") or "no reason given")
            raise CompletionError("bad request", f"the service cannot use {file_id}: {problem}")
        return file_id

    def create(self, batch: Batch) -> str:
        """Create the batch of an uploaded file, and return its id. Raises QueueFull."""
        body = {
            "input_file_id": batch.file_id,
            "endpoint": self.url,
            "completion_window": self.window,
            "metadata": {"run": batch.run},
        }
        try:
            return _id_of(self._call("POST", "/batches", body))
        except CompletionError as error:
            if error.cause == "rate limit" or FULL.search(error.message):
                raise _queue_full(error.message) from None
            if NOT_PROCESSED.search(error.message):  # which passes
                raise CompletionError("timeout", error.message) from None
            raise

    def find(self, batch: Batch) -> str | None:
        """Find a batch by its metadata in the list of all, newest first, back to its creation."""
        query = dict(self.list_query)
        while True:
            with self._faults("/batches"):
                page = self._call("GET", "/batches", query=query)
                entries = page["data"]
                for entry in entries:
                    if (entry.get("metadata") or {}).get("run") == batch.run:
                        return _id_of(entry)
                oldest = batch.created - CLOCK_DIFFERENCE
                is_past = all(entry["created_at"] < oldest for entry in entries)
                following = query | _next_page(page)
            # A server that ignores the mark would send the same page for ever.
            if is_past or following == query:
                return None
            query = following

    def look(self, batch_id: str) -> Status:
        """Ask how far a batch is. A batch that the service no longer has is "not found"."""
        path = f"/batches/{quote(batch_id, safe='')}"
        with self._faults(path):
            response = self._send("GET", path)
            return self._status(_object(response), response.headers.get("retry-after", ""))

    def _status(self, reply: Mapping[str, Any], retry_after: str) -> Status:
        word = str(reply["status"])
        counts = reply.get("request_counts") or {}
        files = (reply.get("output_file_id"), reply.get("error_file_id"))
        problem = self._shown(_problem(reply.get("errors"))) if word == "failed" else ""
        return Status(
            word=word,
            is_over=word in OVER,
            has_failed=word == "failed",
            problem=problem,
            queue_full=_queue_full(problem) if FULL.search(problem) else None,
            done=_count(counts.get("completed")),
            failed=_count(counts.get("failed")),
            total=_count(counts.get("total")),
            retry_after=seconds_of(retry_after),
            files=tuple(str(file_id) for file_id in files if file_id),
        )

    def download(self, batch_id: str, status: Status, out: BinaryIO) -> None:
        """Write the lines of the output file and of the error file, whichever there is."""
        for file_id in status.files:
            path = f"/files/{quote(file_id, safe='')}/content"
            with self._faults(path), file_transfer():
                content = self._client.files.with_streaming_response.content
                with content(file_id, extra_headers=dict(self.model.extra_headers)) as response:
                    write_whole_lines(response.iter_bytes(), out)

    def cancel(self, batch_id: str) -> None:
        """Ask the service to stop a batch. One that is over already stays as it is."""
        try:
            self._call("POST", f"/batches/{quote(batch_id, safe='')}/cancel")
        except CompletionError:
            if not self.look(batch_id).is_over:
                raise

    @property
    def _client(self) -> Any:
        return client_of(self.model, self.endpoint)

    def _call(self, method: str, path: str, body: Any = None, **others: Any) -> dict[str, Any]:
        """Make a call, and return the JSON object of the reply."""
        with self._faults(path):
            return _object(self._send(method, path, body, **others))

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        files: Any = None,
    ) -> Any:
        """Make a call, and return the response."""
        import httpx2

        headers = dict(self.model.extra_headers)
        if method == "GET":
            options = {"headers": headers, "params": query or {}}
            return self._client.get(path, cast_to=httpx2.Response, options=options)
        if files:
            headers["Content-Type"] = "multipart/form-data"
        return self._client.post(
            path, cast_to=httpx2.Response, body=body, files=files, options={"headers": headers}
        )

    @contextlib.contextmanager
    def _faults(self, path: str) -> Iterator[None]:
        """Turn what a call raises into a CompletionError. A 404 is about what the path names."""
        try:
            yield
        except (CompletionError, InputError, OSError):  # an OSError is of our own files
            raise
        except Exception as error:
            secrets = secrets_of(self.model, self.endpoint)
            fault = classify(error, "openai", secrets)
            if fault.cause == "wrong address":
                address = f"{shown_base(self.model, self.endpoint)}{path}"
                if path.count("/") > 1:
                    raise CompletionError(GONE, f"HTTP 404 at {address}") from None
                fault = CompletionError(fault.cause, f"HTTP 404 at {address}. {NO_SERVICE}")
            if fault.cause == "context too long":  # HTTP 413, of a gateway before the service
                fault.cause = "bad request"
            raise fault from None

    def _shown(self, text: object) -> str:
        return one_line(redact(str(text), secrets_of(self.model, self.endpoint)))


class AzureFiles(OpenAIFiles):
    """Azure's service. The model of a request is a deployment of type Global-Batch."""

    url = "/chat/completions"


class GroqFiles(OpenAIFiles):
    """Groq's service, whose lists have cursors and no size."""

    window = "7d"  # the longest, so that less expires
    list_query: Mapping[str, object] = {}


def _object(response: Any) -> dict[str, Any]:
    """Read the JSON object of a response."""
    reply = json.loads(response.content)
    if not isinstance(reply, dict):
        raise ValueError(f"the reply is no JSON object: {one_line(response.text, 80)}")
    return reply


def _id_of(reply: Mapping[str, Any]) -> str:
    """Return the id of an object that the service has made."""
    if not isinstance(found := reply.get("id"), str) or not found:
        raise CompletionError("malformed reply", f"no id in the reply: {one_line(reply, 80)}")
    return found


def _next_page(page: Mapping[str, Any]) -> dict[str, object]:
    """Return the query of the page after this one of a list, {} if it is the last."""
    if cursor := (page.get("paging") or {}).get("next_cursor"):
        return {"cursor": cursor}
    entries = page.get("data")
    return {"after": _id_of(entries[-1])} if page.get("has_more") and entries else {}


def _queue_full(message: str) -> QueueFull:
    limit = LIMIT.search(message)
    return QueueFull(message, int(limit[1].replace(",", "")) if limit else None)


def _problem(errors: Any) -> str:
    """Word the errors of validation: a list in an object, or a bare one."""
    if isinstance(errors, dict):
        errors = errors.get("data")
    words = []
    for error in errors or []:
        line = "" if error.get("line") is None else f"line {error['line']}: "
        words.append(f"{line}{error.get('code')}: {error.get('message')}")
    return "; ".join(words) or "no reason given"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
