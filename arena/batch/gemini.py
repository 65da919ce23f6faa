"""The batch service of Gemini: files and batches in Google's own protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from arena.base.errors import InputError
from arena.base.jsonl import dump_line
from arena.batch.service import (
    CallingService,
    QueueFull,
    Status,
    count_or_none,
    json_object,
    name_in,
)
from arena.batch.state import Batch
from arena.chat.clients import address_of, api_key, secrets_of
from arena.chat.config import ModelConfig
from arena.chat.connections import file_transfer
from arena.chat.faults import CompletionError, seconds_of, shown_address
from arena.chat.protocols import Completion, OpenAIProtocol, Request

OVER = ("succeeded", "partially_succeeded", "failed", "cancelled", "expired")
FULL = (8, 429)  # of Google's codes: RESOURCE_EXHAUSTED

# The fields of a request in OpenAI's protocol by their names in Google's.
GENERATION = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    **{name: name for name in ("temperature", "top_p", "seed")},
    **{name: name for name in ("presence_penalty", "frequency_penalty")},
    "stop": "stop_sequences",
}
# Those that are elsewhere in a request, or say nothing about a batch.
ELSEWHERE = ("model", "messages", "stream", "n", "reasoning_effort", "response_format")
OF_GOOGLE = ("thinking_config", "cached_content", "safety_settings")  # in extra_body.google


class GeminiProtocol(OpenAIProtocol):
    """Google's own protocol. It is made of OpenAI's, in which live calls of Gemini are, so that
    settings mean the same and replies are read alike.
    """

    def body(self, request: Request) -> dict[str, Any]:
        """Build the body of a request. InputError for an extra_body that cannot be translated."""
        fields = super().body(request)
        google = (fields.pop("extra_body", None) or {}).get("google") or {}
        where = f"{request.model.where}: extra_body"
        for name in [*(fields.keys() - GENERATION.keys() - {*ELSEWHERE}), *google]:
            if name not in OF_GOOGLE:
                advice = "Remove it, or ask live."
                raise InputError(f"{where}: Gemini's batches know no '{name}'. {advice}")
        settings = {GENERATION[n]: value for n, value in fields.items() if n in GENERATION}
        if isinstance(settings.get("stop_sequences"), str):
            settings["stop_sequences"] = [settings["stop_sequences"]]
        if effort := fields.get("reasoning_effort"):
            is_off = effort == "none"
            level = {"thinking_budget": 0} if is_off else {"thinking_level": effort}
            settings["thinking_config"] = level
        if thinking := google.get("thinking_config"):
            settings["thinking_config"] = thinking
        if form := fields.get("response_format"):
            settings["response_mime_type"] = "application/json"
            if schema := form.get("json_schema"):
                settings["response_json_schema"] = schema["schema"]
        messages = fields["messages"]
        system = [_part(m["content"]) for m in messages if m["role"] == "system"]
        turns = [
            {
                "role": "model" if message["role"] == "assistant" else "user",
                "parts": [_part(message["content"])],
            }
            for message in messages
            if message["role"] != "system"
        ]
        body: dict[str, Any] = {"contents": turns}
        if system:
            body["system_instruction"] = {"parts": system}
        others = {name: google[name] for name in OF_GOOGLE[1:] if name in google}
        return body | {"generation_config": settings} | others

    def read(self, reply: Any, model: ModelConfig) -> Completion:
        """Read a reply's JSON. Thinking counts as output."""
        candidates = reply.get("candidates") if isinstance(reply, dict) else None
        if not candidates:  # of a prompt that Gemini refuses
            return super().read(reply, model)
        candidate = candidates[0]
        parts = (candidate.get("content") or {}).get("parts") or []
        texts = {True: "", False: ""}
        for part in parts:
            texts[bool(part.get("thought"))] += part.get("text") or ""
        usage = reply.get("usageMetadata") or {}
        outputs = [usage.get(f"{kind}TokenCount") for kind in ("candidates", "thoughts")]
        message = {"content": texts[False], "reasoning": texts[True] or None}
        choice = {"message": message, "finish_reason": candidate.get("finishReason")}
        tokens = {
            "prompt_tokens": usage.get("promptTokenCount"),
            "completion_tokens": sum(filter(None, outputs)) if any(outputs) else outputs[0],
        }
        return super().read({"choices": [choice], "usage": tokens}, model)


def _part(text: str) -> dict[str, str]:
    return {"text": text}


class GeminiBatches(CallingService):
    """Gemini's service: a file is uploaded, a batch made of it, and its results are a file."""

    def check(self) -> None:
        """Raise InputError for an extra_body that cannot be translated."""
        GeminiProtocol().body(Request(self.model, (), None, 1))

    def line(self, custom_id: str, request: Request) -> bytes:
        """Return the line of a request in the request file, with the newline."""
        return dump_line({"key": custom_id, "request": GeminiProtocol().body(request)})

    def upload(self, batch: Batch) -> str:
        """Send the request file, and return its name."""
        path, size = "/upload/files", batch.request_file.stat().st_size
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": "application/jsonl",
        }
        with self.faults(path):
            body = {"file": {"display_name": batch.run}}
            response = self.send("POST", path, body, headers=start)
            address = response.headers.get("x-goog-upload-url", "")
        here, there = (urlsplit(url)[:2] for url in (self.url_of(path), address))
        if here != there:
            # It would get the prompts and the key.
            problem = "an upload address at another server" if address else "no upload address"
            raise CompletionError("malformed reply", problem)
        finish = {
            "Content-Length": str(size),
            "X-Goog-Upload-Offset": "0",
            "X-Goog-Upload-Command": "upload, finalize",
        }
        with self.faults(path), batch.request_file.open("rb") as file, file_transfer():
            response = self.send("POST", address, headers=finish, content=file)
            return name_in(json_object(response)["file"], "name")

    def create(self, batch: Batch) -> str:
        """Create the batch of an uploaded file, and return its name. Raises QueueFull."""
        model = quote(self.model.model_name.removeprefix("models/"), safe="")
        body = {"display_name": batch.run, "input_config": {"file_name": batch.file_id}}
        try:
            path = f"/models/{model}:batchGenerateContent"
            return name_in(self.call("POST", path, {"batch": body}), "name")
        except CompletionError as error:
            if error.cause == "rate limit":
                raise QueueFull(error.message) from None
            raise

    def find(self, batch: Batch) -> str | None:
        """Find a batch by its name for people in the list of all, whose order nobody promises."""
        query: dict[str, object] = {"pageSize": 100}
        seen = set()
        while True:
            with self.faults("/batches"):
                page = json_object(self.send("GET", "/batches", query=query))
                for entry in page.get("operations") or []:
                    if entry["metadata"].get("displayName") == batch.run:
                        return name_in(entry, "name")
            token = page.get("nextPageToken")
            if not token or token in seen:
                return None
            seen.add(token)
            query["pageToken"] = token

    def look(self, batch_id: str) -> Status:
        """Ask how far a batch is."""
        with self.faults(path := _path(batch_id)):
            response = self.send("GET", path)
            reply = json_object(response)
            metadata, error = reply["metadata"], reply.get("error") or {}
            state = re.sub("^(BATCH|JOB)_STATE_", "", str(metadata["state"])).lower()
            output = reply.get("response") or metadata.get("output") or {}
            file, stats = output.get("responsesFile"), metadata.get("batchStats") or {}
            has_failed = state == "failed" and not file
            problem = self.hidden(error.get("message") or "no reason given") if has_failed else ""
            is_full = has_failed and error.get("code") in FULL
            return Status(
                word=state,
                is_over=state in OVER,
                has_failed=has_failed,
                problem=problem,
                queue_full=QueueFull(problem) if is_full else None,
                done=_number(stats, "successfulRequestCount"),
                failed=_number(stats, "failedRequestCount"),
                total=_number(stats, "requestCount"),
                retry_after=seconds_of(response.headers.get("retry-after", "")),
                files=(str(file),) if file else (),
            )

    def download(self, batch_id: str, status: Status, out: BinaryIO) -> None:
        """Write the lines of the results, none if the batch has no file of them."""
        for name in status.files:
            file_id = quote(name.removeprefix("files/"), safe="")
            self.save(f"/download/files/{file_id}:download", out, {"alt": "media"})

    def cancel_path(self, batch_id: str) -> str:
        """Return the path of the call that cancels a batch."""
        return f"{_path(batch_id)}:cancel"

    def url_of(self, path: str) -> str:
        """Return the address of a call: Google's own protocol is beside OpenAI's, which has
        `/openai` at its end, and files go through other paths before the version.
        """
        if path.startswith("http"):
            return path
        base = (address_of(self.model, self.endpoint) or "").partition("?")[0].rstrip("/")
        base = base.removesuffix("/openai")
        if match := re.match("/(upload|download)/", path):
            root, _, version = base.rpartition("/")
            return f"{root}{match[0]}{version}/{path[match.end() :]}"
        return f"{base}{path}"

    def shown(self, path: str) -> str:
        """Return the address of a call as messages show it."""
        return shown_address(self.url_of(path), secrets_of(self.model, self.endpoint))

    def headers(self) -> dict[str, Any]:
        """Return the key in Google's header. As OpenAI's it would be taken for a user's token."""
        from openai import Omit

        return {"x-goog-api-key": api_key(self.model, self.endpoint), "Authorization": Omit()}


def _path(batch_id: str) -> str:
    return f"/batches/{quote(batch_id.removeprefix('batches/'), safe='')}"


def _number(stats: Mapping[str, object], name: str) -> int | None:
    """Read a count, which JSON of Google's has as a text. None if it is not there."""
    value = stats.get(name, 0 if stats else None)
    return int(value) if isinstance(value, str) and value.isdecimal() else count_or_none(value)
