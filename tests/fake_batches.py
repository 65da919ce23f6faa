"""Files and batches of OpenAI's shape on a FakeAPI, as OpenAI, Azure and Groq serve them.

    fake = FakeBatches(api, behaviour=Behaviour(looks=2, end="expired", ran=10))
    run_something_against(api.v1)          # Azure: api.url, Groq: api.url + "/openai/v1"
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fake_api import OPENAI, Call, FakeAPI, Reply

PATH = re.compile(r"(?:/openai)?(?:/v1)?/(files|batches)(?:/([^/]+))?(?:/(content|cancel))?")
OVER = ("completed", "failed", "expired", "cancelled")
QUEUE_FULL = (
    "Enqueued token limit reached for {model} in organization org-test. Limit: {limit:,} enqueued "
    "tokens. Please try again once some in_progress batches have been completed."
)
NEVER_RAN = {
    "expired": ("batch_expired", "This request could not be executed before the completion window"),
    "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
}

Lines = list[bytes]


@dataclass(frozen=True)
class Behaviour:
    """How a file and its batch fare.

    looks: at a batch, until it is over. file_looks: at a file, until it is processed.
    end: how it ends, unless it is cancelled. `failed`: no request runs, for the reason `problem`.
    ran: the requests, in the file's order, that run before it expires or is cancelled. None: all,
    or none if it is cancelled.
    refusals_in: where the requests go that the model refused, None: nowhere.
    edit: changes the lines of the output file, see below.
    """

    looks: int = 1
    file_looks: int = 0
    end: Literal["completed", "expired", "failed"] = "completed"
    problem: tuple[str, str] = ("invalid_json_line", "This line is not valid JSON.")
    ran: int | None = None
    refusals_in: Literal["error file", "output file"] | None = "error file"
    has_counts: bool = True
    edit: Callable[[Lines], Lines] = list


# Edits of the output file


def backwards(lines: Lines) -> Lines:
    return lines[::-1]


def twice(lines: Lines) -> Lines:
    return lines + lines[:1]


def torn(lines: Lines) -> Lines:
    """The last line is cut off in its middle."""
    return [*lines[:-1], lines[-1][: len(lines[-1]) // 2]]


def foreign(lines: Lines) -> Lines:
    """A reply to a request that nobody sent is among them."""
    return [json.dumps(json.loads(lines[0]) | {"custom_id": "nobody"}).encode() + b"\n", *lines]


def without(*positions: int) -> Callable[[Lines], Lines]:
    return lambda lines: [line for i, line in enumerate(lines) if i not in positions]


@dataclass
class FakeFile:
    """A file. `looks_left`: until it is processed."""

    id: str
    content: bytes
    purpose: str = "batch"
    name: str = "requests.jsonl"
    looks_left: int = 0
    created_at: int = field(default_factory=lambda: int(time.time()))


@dataclass
class FakeBatch:
    """A batch. `requests`: its lines, [] before they are read. `errors`: those of validation."""

    id: str
    file: FakeFile
    endpoint: str
    window: str
    metadata: dict[str, str] | None
    behaviour: Behaviour
    status: str = "validating"
    requests: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0
    ran: list[str] = field(default_factory=list)
    refused: int = 0
    output: FakeFile | None = None
    error: FakeFile | None = None
    created_at: int = field(default_factory=lambda: int(time.time()))

    @property
    def ids(self) -> list[str]:
        """The ids of its requests, whether or not they ran."""
        return [str(request.get("custom_id")) for request in self.requests]

    @property
    def model(self) -> str:
        return str(self.requests[0].get("body", {}).get("model")) if self.requests else ""

    @property
    def tokens(self) -> int:
        """What it takes of the queue."""
        return len(self.file.content) // 4


class Refused(Exception):
    """An HTTP error, as its `reply`."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.reply = Reply.error(status, message, code)


class FakeBatches:
    """The service. What it has, `created` and `files`, is in the order of creation.

    next: the behaviours of the next batches, before `behaviour` counts for all that follow.
    queue, queue_is_full_on: the tokens that may wait, and where a batch that is too much for them
    fails. page: the most that a list has. retry_after: the header of each look at a batch.
    key: the only one that is let in, None for any.
    """

    def __init__(
        self,
        api: FakeAPI,
        flavour: Literal["openai", "azure", "groq"] = "openai",
        behaviour: Behaviour | None = None,
    ) -> None:
        self.api, self.flavour = api, flavour
        self.behaviour = behaviour or Behaviour()
        self.next: deque[Behaviour] = deque()
        self.queue: int | None = None
        self.queue_is_full_on: Literal["create", "validation"] = "create"
        self.page = 100
        self.retry_after: str | None = "0"
        self.key: str | None = None
        self.files: dict[str, FakeFile] = {}
        self.created: list[FakeBatch] = []
        self.lock = threading.RLock()
        api.serve(self.handle)

    @property
    def paid(self) -> list[str]:
        """The ids of all requests that ran, in order, each as often as it ran."""
        with self.lock:
            return [custom_id for batch in self.created for custom_id in batch.ran]

    def handle(self, call: Call) -> Reply | None:
        """Answer a call, None if its path is not one of files and batches."""
        if not (match := PATH.fullmatch(call.path)):
            return None
        kind, name, verb = match.groups()
        route = f"{call.method} {kind}{'/id' if name else ''}{'/' + verb if verb else ''}"
        routes: dict[str, Callable[[Call, str], Reply]] = {
            "POST files": self._upload,
            "GET files/id": self._look_at_file,
            "GET files/id/content": self._content,
            "DELETE files/id": self._delete,
            "POST batches": self._create,
            "GET batches": self._list,
            "GET batches/id": self._look,
            "POST batches/id/cancel": self._cancel,
        }
        with self.lock:
            try:
                if route not in routes:
                    raise Refused(404, f"Invalid URL ({call.method} {call.path})")
                if self.key is not None and call.api_key != self.key:
                    raise Refused(401, "Incorrect API key provided.", "invalid_api_key")
                return routes[route](call, name or "")
            except Refused as refused:
                return refused.reply

    # Files

    def _upload(self, call: Call, _: str) -> Reply:
        fields, content, name = _form(call)
        if fields.get("purpose") != "batch":
            raise Refused(400, f"Invalid purpose: {fields.get('purpose')}")
        behaviour = self.next[0] if self.next else self.behaviour
        file = self._new_file(content, name, looks=behaviour.file_looks)
        return _json(self._file_object(file))

    def _new_file(self, content: bytes, name: str, purpose: str = "batch", looks: int = 0) -> Any:
        file = FakeFile(f"file-{len(self.files) + 1}", content, purpose, name, looks)
        self.files[file.id] = file
        return file

    def _file(self, name: str) -> FakeFile:
        if name not in self.files:
            raise Refused(404, f"No such File object: {name}")
        return self.files[name]

    def _file_object(self, file: FakeFile) -> dict[str, Any]:
        waits = "pending" if self.flavour == "azure" else "uploaded"
        return {
            "id": file.id,
            "object": "file",
            "purpose": file.purpose,
            "filename": file.name,
            "bytes": len(file.content),
            "created_at": file.created_at,
            "expires_at": file.created_at + 30 * 86400,
            "status": waits if file.looks_left else "processed",
            "status_details": None,
        }

    def _look_at_file(self, _: Call, name: str) -> Reply:
        file = self._file(name)
        file.looks_left = max(file.looks_left - 1, 0)
        return _json(self._file_object(file))

    def _content(self, _: Call, name: str) -> Reply:
        return Reply(raw=self._file(name).content, content_type="application/octet-stream")

    def _delete(self, _: Call, name: str) -> Reply:
        del self.files[self._file(name).id]
        return _json({"id": name, "object": "file", "deleted": True})

    # Batches

    def _create(self, call: Call, _: str) -> Reply:
        body = call.body or {}
        window, metadata = body.get("completion_window"), body.get("metadata")
        windows = {"24h"} | ({f"{n}d" for n in range(1, 8)} if self.flavour == "groq" else set())
        if window not in windows:
            raise Refused(400, f"Invalid value: '{window}'. Supported values are: '24h'.")
        if body.get("endpoint") not in ("/v1/chat/completions", self._endpoint):
            raise Refused(400, f"Invalid value for endpoint: '{body.get('endpoint')}'.")
        if not _are_pairs(metadata):
            raise Refused(400, "Invalid 'metadata': at most 16 pairs of texts of 64 and 512.")
        file = self._file(str(body.get("input_file_id")))
        if file.looks_left:
            raise Refused(
                400,
                f"The input file '{file.id}' is in 'pending' state. Only files with status "
                "'Processed' are accepted",
            )
        behaviour = self.next[0] if self.next else self.behaviour
        batch = FakeBatch(
            f"batch_{len(self.created) + 1}", file, body["endpoint"], window, metadata, behaviour
        )
        problem = self._read(batch)
        is_full = problem is not None and problem["code"] == "token_limit_exceeded"
        if problem and is_full and self.queue_is_full_on == "create":
            raise Refused(429, problem["message"], problem["code"])
        if self.next:
            self.next.popleft()
        self.created.append(batch)
        batch.errors = [problem] if problem else []
        return _json(self._object(batch))

    @property
    def _endpoint(self) -> str:
        return "/chat/completions" if self.flavour == "azure" else "/v1/chat/completions"

    def _read(self, batch: FakeBatch) -> dict[str, Any] | None:
        """Read the requests of a new batch, and return what is wrong with them."""
        try:
            batch.requests = [json.loads(line) for line in batch.file.content.splitlines()]
        except ValueError:
            return _error("invalid_json_line", "This line is not valid JSON.", 1)
        if not batch.requests:
            return _error("empty_file", "The batch file is empty.")
        ids = Counter(batch.ids)
        for number, request in enumerate(batch.requests, start=1):
            body, custom_id = request.get("body"), request.get("custom_id")
            if {*request} != {"custom_id", "method", "url", "body"} or not isinstance(body, dict):
                return _error("invalid_request", "Fields are missing or unknown.", number)
            if request["method"] != "POST" or request["url"] != batch.endpoint:
                return _error("url_mismatch", f"The URL must be {batch.endpoint}.", number)
            if ids[str(custom_id)] > 1:
                return _error("duplicate_custom_id", f"'{custom_id}' is there twice.", number)
            if "stream" in body:
                return _error("invalid_request", "'stream' is not supported.", number)
            if body.get("model") != batch.model:
                return _error("model_mismatch", "All requests must have one model.", number)
        waiting = sum(
            other.tokens
            for other in self.created
            if other.status not in OVER and other.model == batch.model and not other.errors
        )
        if self.queue is not None and waiting + batch.tokens > self.queue:
            message = QUEUE_FULL.format(model=batch.model, limit=self.queue)
            return _error("token_limit_exceeded", message)
        if batch.behaviour.end == "failed":
            return _error(*batch.behaviour.problem, 1)
        return None

    def _batch(self, name: str) -> FakeBatch:
        for batch in self.created:
            if batch.id == name:
                return batch
        raise Refused(404, f"No batch found with id '{name}'.")

    def _look(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.status not in OVER:
            batch.looks += 1
            looks = max(batch.behaviour.looks, 1)
            if batch.errors:
                batch.status = "failed"
            elif batch.status == "cancelling":
                self._finish(batch, "cancelled")
            elif batch.looks >= looks:
                self._finish(batch, batch.behaviour.end)
            else:
                words = ("validating", "in_progress", "finalizing")
                batch.status = words[3 * batch.looks // looks]
        headers = {} if self.retry_after is None else {"retry-after": self.retry_after}
        return replace(_json(self._object(batch)), headers=headers)

    def _cancel(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.status in OVER:
            raise Refused(409, f"Cannot cancel a batch with status '{batch.status}'.")
        batch.status = "cancelling"
        return _json(self._object(batch))

    def _finish(self, batch: FakeBatch, end: str) -> None:
        """Run what is to run, and make the files."""
        behaviour, output, errors = batch.behaviour, Lines(), Lines()
        ran = behaviour.ran
        if end == "completed" or ran is None:
            ran = 0 if end == "cancelled" else len(batch.requests)
        for number, request in enumerate(batch.requests):
            line: dict[str, Any] = {
                "id": f"batch_req_{batch.id}_{number}",
                "custom_id": request["custom_id"],
            }
            if number >= ran:
                code, message = NEVER_RAN[end]
                line |= {"response": None, "error": {"code": code, "message": message}}
                errors.append(json.dumps(line).encode() + b"\n")
                continue
            batch.ran.append(request["custom_id"])
            line |= self._answer(request, number)
            is_refused = line["response"] is None or line["response"]["status_code"] >= 400
            batch.refused += is_refused
            where = behaviour.refusals_in if is_refused else "output file"
            if where:
                lines = errors if where == "error file" else output
                lines.append(json.dumps(line).encode() + b"\n")
        batch.status = end
        if output:
            content = b"".join(behaviour.edit(output))
            batch.output = self._new_file(content, f"{batch.id}_output.jsonl", "batch_output")
        if errors or (self.flavour == "azure" and end == "completed"):
            content = b"".join(errors)
            batch.error = self._new_file(content, f"{batch.id}_error.jsonl", "batch_output")

    def _answer(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        """Make the reply to a request."""
        path, body = "/v1/chat/completions", request["body"]
        call = Call("POST", path, {}, {}, body, time.monotonic(), json.dumps(body).encode())
        reply = self.api.reply_to(call)
        assert call.protocol == OPENAI
        if reply.hang or reply.reset or reply.half:
            message = "The request timed out."
            return {"response": None, "error": {"code": "request_timeout", "message": message}}
        content = reply.body_for(call, number)
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = content.decode(errors="replace")
        status = reply.status_for(call)
        response = {"status_code": status, "request_id": f"req_{number}", "body": parsed}
        return {"response": response, "error": None}

    def _list(self, call: Call, _: str) -> Reply:
        newest_first = self.created[::-1]
        mark = call.query.get("cursor" if self.flavour == "groq" else "after")
        if mark is not None:
            ids = [batch.id for batch in newest_first]
            mark = mark.removeprefix("cursor_")
            if mark not in ids:
                raise Refused(400, f"No such batch: {mark}")
            newest_first = newest_first[ids.index(mark) + 1 :]
        size = int(call.query.get("limit", 20))
        if not 1 <= size <= 100:
            raise Refused(400, f"Invalid 'limit': {size}")
        size = min(size, self.page)
        data = [self._object(batch) for batch in newest_first[:size]]
        has_more = len(newest_first) > size
        if self.flavour == "groq":
            cursor = f"cursor_{data[-1]['id']}" if has_more else None
            return _json({"object": "list", "data": data, "paging": {"next_cursor": cursor}})
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return _json({"object": "list", "data": data, "has_more": has_more} | ends)

    def _object(self, batch: FakeBatch) -> dict[str, Any]:
        is_over = batch.status in OVER
        has_ran = is_over and batch.status != "failed"
        numbers = {
            "total": len(batch.requests) if has_ran or batch.status != "validating" else 0,
            "completed": len(batch.ran) - batch.refused,
            "failed": batch.refused,
        }
        if batch.status == "failed":
            numbers = dict.fromkeys(numbers, 0)
        counts: dict[str, Any] | None = numbers
        if not batch.behaviour.has_counts:
            counts = dict.fromkeys(numbers) if self.flavour == "azure" else None
        errors: Any = None
        if batch.status == "failed":
            bare = self.flavour == "groq"
            errors = batch.errors if bare else {"object": "list", "data": batch.errors}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "errors": errors,
            "input_file_id": batch.file.id,
            "completion_window": batch.window,
            "status": batch.status,
            "output_file_id": batch.output.id if batch.output else None,
            "error_file_id": batch.error.id if batch.error else None,
            "created_at": batch.created_at,
            "expires_at": batch.created_at + 86400,
            f"{batch.status}_at": batch.created_at + 1,
            "request_counts": counts,
            "metadata": batch.metadata,
        }


def _json(value: dict[str, Any]) -> Reply:
    return Reply(raw=json.dumps(value).encode())


def _error(code: str, message: str, line: int | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": line}


def _are_pairs(metadata: Any) -> bool:
    """Whether metadata are as the services allow."""
    if metadata is None:
        return True
    return (
        isinstance(metadata, dict)
        and len(metadata) <= 16
        and all(len(key) <= 64 for key in metadata)
        and all(isinstance(value, str) and len(value) <= 512 for value in metadata.values())
    )


def _form(call: Call) -> tuple[dict[str, str], bytes, str]:
    """Read a multipart form: its fields, the content of its file, and the file's name."""
    boundary = re.search(r'boundary="?([^";]+)', call.headers.get("content-type", ""))
    fields: dict[str, str] = {}
    content, name = None, ""
    parts: Sequence[bytes] = call.raw.split(b"--" + boundary[1].encode()) if boundary else []
    for part in parts[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        value = value.removesuffix(b"\r\n")
        names = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
        if "filename" in names:
            content, name = value, names["filename"]
        else:
            fields[names["name"]] = value.decode()
    if content is None:
        raise Refused(400, "'file' is a required property")
    return fields, content, name
