"""Files and batches of Gemini's shape on a FakeAPI.

    fake = FakeGeminiBatches(api, Behaviour(looks=2, end="EXPIRED"))
    run_something_against(api.url + "/v1beta/openai")
    assert fake.paid == [...]              # the keys of all requests that ran

Time is counted in looks: a batch is over once it was looked at `looks` times. The reply to a
request is that of a live call, which has OpenAI's form, of the same FakeAPI.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from fake_api import OPENAI, Call, FakeAPI, Reply
from fake_batches import Lines

OVER = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 3, 429: 8, 500: 13, 503: 14, 504: 4}
GENERATION = {
    *("temperature", "top_p", "seed", "max_output_tokens", "stop_sequences", "thinking_config"),
    *("response_mime_type", "response_json_schema", "presence_penalty", "frequency_penalty"),
}


@dataclass(frozen=True)
class Behaviour:
    """How a batch fares.

    looks: until it is over. end: how it ends, unless it is cancelled. FAILED: nothing runs, for the
    reason `problem`, a code and a message. ran: the requests that run, None: all, of an expired or
    cancelled batch none. states: the prefix of its states. has_stats: whether it tells of counts.
    edit: changes the lines of the results, as in fake_batches.py.
    """

    looks: int = 1
    end: Literal["SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "EXPIRED"] = "SUCCEEDED"
    problem: tuple[int, str] = (3, "Unable to parse line 1.")
    ran: int | None = None
    states: Literal["BATCH_STATE", "JOB_STATE"] = "BATCH_STATE"
    has_stats: bool = True
    edit: Callable[[Lines], Lines] = list


@dataclass
class FakeBatch:
    """A batch. `lines`: its requests with their keys."""

    name: str
    display_name: str
    model: str
    lines: list[dict[str, Any]]
    behaviour: Behaviour
    state: str = "PENDING"
    looks: int = 0
    ran: list[str] = field(default_factory=list)
    refused: int = 0
    results: str | None = None
    was_cancelled: bool = False
    created_at: float = field(default_factory=time.time)

    @property
    def ids(self) -> list[str]:
        """The keys of its requests, whether or not they ran."""
        return [line["key"] for line in self.lines]


class Refused(Exception):
    """An HTTP error in Google's form, as its `reply`."""

    def __init__(self, status: int, message: str, word: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        error = {"error": {"code": status, "message": message, "status": word}}
        self.reply = Reply(raw=json.dumps(error).encode(), status=status)


class FakeGeminiBatches:
    """The service. What it has, `created` and `files`, is in the order of creation.

    next: the behaviours of the next batches, before `behaviour` counts for all that follow.
    queue: the requests that may be running, more are HTTP 429. page: the most that a list has.
    retry_after: the header of each look at a batch. upload_host: where files are to be sent, None:
    here. key: the only one that is let in, None for any.
    """

    def __init__(self, api: FakeAPI, behaviour: Behaviour | None = None) -> None:
        self.api = api
        self.behaviour = behaviour or Behaviour()
        self.next: deque[Behaviour] = deque()
        self.queue: int | None = None
        self.page = 100
        self.retry_after: str | None = "0.001"
        self.upload_host: str | None = None
        self.key: str | None = None
        self.sessions: list[dict[str, str]] = []
        self.files: dict[str, bytes] = {}
        self.created: list[FakeBatch] = []
        self.lock = threading.RLock()
        api.serve(self.handle)

    @property
    def paid(self) -> list[str]:
        """The keys of all requests that ran, in order, each as often as it ran."""
        with self.lock:
            return [key for batch in self.created for key in batch.ran]

    def handle(self, call: Call) -> Reply | None:
        """Answer a call, None if its path is not one of files and batches."""
        routes: list[tuple[str, Callable[..., Reply]]] = [
            ("POST /upload/v1beta/files", self._start),
            (r"POST /sessions/(\d+)", self._upload),
            ("POST /v1beta/models/([^/:]+):batchGenerateContent", self._create),
            ("GET /v1beta/batches", self._list),
            ("GET /v1beta/(batches/[^/:]+)", self._look),
            ("POST /v1beta/(batches/[^/:]+):cancel", self._cancel),
            ("DELETE /v1beta/(batches/[^/:]+)", self._delete),
            ("GET /download/v1beta/(files/[^/:]+):download", self._download),
        ]
        for pattern, route in routes:
            if match := re.fullmatch(pattern, f"{call.method} {call.path}"):
                with self.lock:
                    try:
                        self._check_key(call)
                        return route(call, *match.groups())
                    except Refused as refused:
                        return refused.reply
        return None

    def _check_key(self, call: Call) -> None:
        if "authorization" in call.headers:
            raise Refused(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED")
        key = call.headers.get("x-goog-api-key")
        if not key or (self.key is not None and key != self.key):
            raise Refused(400, "API key not valid. Please pass a valid API key.")

    # Files

    def _start(self, call: Call) -> Reply:
        headers = call.headers
        wanted = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
        if {name: headers.get(name) for name in wanted} != wanted:
            raise Refused(400, "Not a start of a resumable upload.")
        size = headers["x-goog-upload-header-content-length"]
        if headers["x-goog-upload-header-content-type"] != "application/jsonl":
            raise Refused(400, "Unsupported MIME type")
        display_name = ((call.body or {}).get("file") or {}).get("display_name", "")
        self.sessions.append({"size": size, "display_name": display_name})
        number = len(self.sessions) - 1
        address = f"{self.upload_host or self.api.url}/sessions/{number}?upload_id=x"
        return Reply(raw=b"", headers={"x-goog-upload-url": address})

    def _upload(self, call: Call, number: str) -> Reply:
        headers, size = call.headers, int(self.sessions[int(number)]["size"])
        command = headers.get("x-goog-upload-command"), headers.get("x-goog-upload-offset")
        if command != ("upload, finalize", "0") or call.query.get("upload_id") != "x":
            raise Refused(400, "Invalid upload command.")
        if len(call.raw) != size:
            raise Refused(400, f"Expected {size} bytes, got {len(call.raw)}.")
        name = f"files/{len(self.files) + 1}"
        self.files[name] = call.raw
        return _json({"file": {"name": name, "state": "ACTIVE", "sizeBytes": str(size)}})

    def _download(self, call: Call, name: str) -> Reply:
        if call.query.get("alt") != "media" or name not in self.files:
            raise Refused(404, f"File {name} does not exist.", "NOT_FOUND")
        return Reply(raw=self.files[name], content_type="application/octet-stream")

    # Batches

    def _create(self, call: Call, model: str) -> Reply:
        fields = (call.body or {})["batch"]
        if {*fields} != {"display_name", "input_config"}:
            raise Refused(400, "Invalid JSON payload received.")
        name = fields["input_config"]["file_name"]
        if name not in self.files:
            raise Refused(404, f"File {name} does not exist.", "NOT_FOUND")
        lines = [json.loads(line) for line in self.files[name].splitlines()]
        for line in lines:
            _check(line)
        running = sum(len(batch.lines) for batch in self.created if batch.state not in OVER)
        if self.queue is not None and running + len(lines) > self.queue:
            message = "You exceeded your current quota, please check your plan and billing details."
            raise Refused(429, message, "RESOURCE_EXHAUSTED")
        behaviour = self.next.popleft() if self.next else self.behaviour
        name = f"batches/{len(self.created) + 1:03}abc"
        self.created.append(FakeBatch(name, fields["display_name"], model, lines, behaviour))
        return _json(self.object(self.created[-1]))

    def _batch(self, name: str) -> FakeBatch:
        for batch in self.created:
            if batch.name == name:
                return batch
        raise Refused(404, "Requested entity was not found.", "NOT_FOUND")

    def _look(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.state not in OVER:
            batch.looks += 1
            if batch.was_cancelled:
                self._finish(batch, "CANCELLED")
            elif batch.looks >= batch.behaviour.looks:
                self._finish(batch, batch.behaviour.end)
            else:
                batch.state = "RUNNING"
        headers = {} if self.retry_after is None else {"retry-after": self.retry_after}
        return replace(_json(self.object(batch)), headers=headers)

    def _finish(self, batch: FakeBatch, end: str) -> None:
        """Run what is to run, and make the file of results."""
        batch.state, ran, lines = end, batch.behaviour.ran, Lines()
        if ran is None:
            ran = len(batch.lines) if "SUCCEEDED" in end else 0
        for number, line in enumerate(batch.lines[:ran] if end != "FAILED" else ()):
            result = self._answer(batch.model, line["request"], number)
            batch.refused += "error" in result
            if "response" in result:
                batch.ran.append(line["key"])
            lines.append(json.dumps({"key": line["key"]} | result).encode() + b"\n")
        if lines:
            batch.results = f"files/batch-{batch.name.removeprefix('batches/')}"
            self.files[batch.results] = b"".join(batch.behaviour.edit(lines))

    def _answer(self, model: str, request: dict[str, Any], number: int) -> dict[str, Any]:
        """Make the result of a request, by the reply to the same one in OpenAI's form."""
        turns = [("system", request.get("system_instruction"))]
        turns += [("user" if c["role"] == "user" else "assistant", c) for c in request["contents"]]
        messages = [
            {"role": role, "content": "".join(part["text"] for part in turn["parts"])}
            for role, turn in turns
            if turn
        ]
        body = {"model": model, "messages": messages}
        raw = json.dumps(body).encode()
        path = "/v1beta/openai/chat/completions"
        call = Call("POST", path, {}, {}, body, time.monotonic(), raw)
        reply = self.api.reply_to(call)
        assert call.protocol == OPENAI
        status = reply.status_for(call)
        if reply.hang or reply.reset or reply.half or reply.raw is not None or status >= 400:
            problem = reply.problems.get(OPENAI)
            message = problem.message if problem else "Internal error encountered."
            return {"error": {"code": CODES.get(status, 13), "message": message}}
        return {"response": _response(reply, model, number)}

    def _cancel(self, _: Call, name: str) -> Reply:
        batch = self._batch(name)
        if batch.state in OVER:
            raise Refused(400, "Cannot cancel a batch that is over.", "FAILED_PRECONDITION")
        batch.was_cancelled = True
        return _json({})

    def _delete(self, _: Call, name: str) -> Reply:
        self.created.remove(self._batch(name))
        return _json({})

    def _list(self, call: Call) -> Reply:
        size = min(int(call.query.get("pageSize", 50)), self.page)
        begin = int(call.query.get("pageToken", 0))
        batches = self.created[::-1]
        page = {"operations": [self.object(batch) for batch in batches[begin : begin + size]]}
        more = {"nextPageToken": str(begin + size)} if begin + size < len(batches) else {}
        return _json({key: value for key, value in page.items() if value} | more)

    def object(self, batch: FakeBatch) -> dict[str, Any]:
        """A batch as the service shows it: an operation, whose numbers are texts."""
        is_over, when = batch.state in OVER, _iso(batch.created_at)
        counts = {"requestCount": len(batch.lines)}
        counts["successfulRequestCount"] = len(batch.ran)
        counts["failedRequestCount"] = batch.refused
        stats = {name: str(value) for name, value in counts.items() if value}
        metadata = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{batch.model}",
            "displayName": batch.display_name,
            "createTime": when,
            "state": f"{batch.behaviour.states}_{batch.state}",
        }
        if batch.behaviour.has_stats:
            metadata["batchStats"] = stats
        operation: dict[str, Any] = {"name": batch.name, "metadata": metadata}
        if is_over:
            operation["done"] = True
        if batch.state == "FAILED":
            code, message = batch.behaviour.problem
            operation["error"] = {"code": code, "message": message}
        elif batch.results:
            metadata["output"] = {"responsesFile": batch.results}
            operation["response"] = {"responsesFile": batch.results}
        return operation


def _check(line: dict[str, Any]) -> None:
    """Refuse a request that is not in Google's form."""
    request = line.get("request")
    if {*line} != {"key", "request"} or not isinstance(request, dict):
        raise Refused(400, "A line must have a key and a request.")
    known = {"contents", "system_instruction", "generation_config", "safety_settings"}
    config = request.get("generation_config") or {}
    if unknown := ({*request} - known - {"cached_content"}) | ({*config} - GENERATION):
        raise Refused(400, f"Unknown name: {', '.join(sorted(unknown))}")
    if not request.get("contents") or request["contents"][-1]["role"] != "user":
        raise Refused(400, "Please use a valid role: user, model.")


def _response(reply: Reply, model: str, number: int) -> dict[str, Any]:
    """A reply as Gemini's own protocol has it. A withheld one has no content."""
    parts: list[dict[str, Any]] = []
    if reply.reasoning is not None:
        parts.append({"text": reply.reasoning, "thought": True})
    if reply.text is not None:
        parts.append({"text": reply.text})
    reason = reply.finish_reason or ""
    candidate: dict[str, Any] = {"finishReason": FINISH_REASONS.get(reason, reason), "index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    usage = {
        "promptTokenCount": reply.prompt_tokens,
        "candidatesTokenCount": reply.completion_tokens,
        "totalTokenCount": reply.prompt_tokens + reply.completion_tokens,
    }
    response = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}
    normal = {"choices", "usage"} & {*reply.changes}
    if "choices" in normal:
        response["candidates"] = reply.changes["choices"]
    if "usage" in normal:
        response["usageMetadata"] = reply.changes["usage"]
    return response | {"responseId": f"r{number}"}


def _json(value: dict[str, Any]) -> Reply:
    return Reply(raw=json.dumps(value).encode())


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f789Z")
