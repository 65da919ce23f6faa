"""The batch services with OpenAI's files and batches: OpenAI, Azure and Groq."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

from arena.batch.lines import URL, request_line
from arena.batch.service import (
    CLOCK_DIFFERENCE,
    CallingService,
    QueueFull,
    Status,
    count_or_none,
    json_object,
    name_in,
)
from arena.batch.state import Batch
from arena.chat.budget import INTERRUPTED, stopping
from arena.chat.connections import file_transfer
from arena.chat.faults import CompletionError, seconds_of
from arena.chat.protocols import Request

OVER = ("completed", "failed", "expired", "cancelled")
FILE_STATES_BEFORE_USE = ("uploaded", "pending", "running")
PROCESSING_TIME = 120.0  # seconds that a file may take before we try to use it all the same

FULL = re.compile(r"token_limit_exceeded|enqueued token", re.IGNORECASE)
LIMIT = re.compile(r"Limit:\s*([\d,]*\d)", re.IGNORECASE)
NOT_PROCESSED = re.compile(r"in '?(pending|uploaded|running)'? state", re.IGNORECASE)


class OpenAIFiles(CallingService):
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
            reply = self.call("POST", "/files", {"purpose": "batch"}, files=form)
        file_id, end = name_in(reply), time.monotonic() + PROCESSING_TIME
        pause = 0.05
        while reply.get("status") in FILE_STATES_BEFORE_USE and time.monotonic() < end:
            if stopping.wait(pause):
                raise CompletionError(INTERRUPTED)
            pause = min(2 * pause, 1.0)
            reply = self.call("GET", f"/files/{quote(file_id, safe='')}")
        if reply.get("status") == "error":
            problem = self.hidden(reply.get("status_details") or "no reason given")
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
            return name_in(self.call("POST", "/batches", body))
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
            with self.faults("/batches"):
                page = self.call("GET", "/batches", query=query)
                entries = page["data"]
                for entry in entries:
                    if (entry.get("metadata") or {}).get("run") == batch.run:
                        return name_in(entry)
                oldest = batch.created - CLOCK_DIFFERENCE
                is_past = all(entry["created_at"] < oldest for entry in entries)
                following = query
                if cursor := (page.get("paging") or {}).get("next_cursor"):
                    following = query | {"cursor": cursor}
                elif page.get("has_more") and entries:
                    following = query | {"after": name_in(entries[-1])}
            # A server that ignores the mark would send the same page for ever.
            if is_past or following == query:
                return None
            query = following

    def look(self, batch_id: str) -> Status:
        """Ask how far a batch is. A batch that the service no longer has is "not found"."""
        path = f"/batches/{quote(batch_id, safe='')}"
        with self.faults(path):
            response = self.send("GET", path)
            reply = json_object(response)
            word = str(reply["status"])
            counts = reply.get("request_counts") or {}
            files = (reply.get("output_file_id"), reply.get("error_file_id"))
            told = reply.get("errors") if word == "failed" else []
            # Of validation: a list in an object, or a bare one.
            errors = (told.get("data") if isinstance(told, dict) else told) or []
            problem = self.hidden(_words(errors)) if word == "failed" else ""
            return Status(
                word=word,
                is_over=word in OVER,
                has_failed=word == "failed",
                problem=problem,
                line=next((count_or_none(error.get("line")) for error in errors), None),
                queue_full=_queue_full(problem) if FULL.search(problem) else None,
                done=count_or_none(counts.get("completed")),
                failed=count_or_none(counts.get("failed")),
                total=count_or_none(counts.get("total")),
                retry_after=seconds_of(response.headers.get("retry-after", "")),
                files=tuple(str(file_id) for file_id in files if file_id),
            )

    def download(self, batch_id: str, status: Status, out: BinaryIO) -> None:
        """Write the lines of the output file and of the error file, whichever there is."""
        for file_id in status.files:
            self.save(f"/files/{quote(file_id, safe='')}/content", out)

    def cancel_path(self, batch_id: str) -> str:
        """Return the path of the call that cancels a batch."""
        return f"/batches/{quote(batch_id, safe='')}/cancel"


class AzureFiles(OpenAIFiles):
    """Azure's service. The model of a request is a deployment of type Global-Batch."""

    url = "/chat/completions"


class GroqFiles(OpenAIFiles):
    """Groq's service, whose lists have cursors and no size."""

    window = "7d"  # the longest, so that less expires
    list_query: Mapping[str, object] = {}


def _queue_full(message: str) -> QueueFull:
    limit = LIMIT.search(message)
    return QueueFull(message, int(limit[1].replace(",", "")) if limit else None)


def _words(errors: list[Any]) -> str:
    words = []
    for error in errors:
        line = "" if error.get("line") is None else f"line {error['line']}: "
        words.append(f"{line}{error.get('code')}: {error.get('message')}")
    return "; ".join(words) or "no reason given"
