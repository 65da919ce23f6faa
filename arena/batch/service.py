"""A batch service: what each of them can do, in one set of words, and how they are called."""

from __future__ import annotations

import contextlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from arena.base.errors import InputError, one_line
from arena.batch.lines import write_whole_lines
from arena.batch.state import Batch
from arena.chat.clients import address_of, client_of, secrets_of, shown_base
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.connections import file_transfer
from arena.chat.faults import CompletionError, classify, redact, shown_address
from arena.chat.protocols import Request
from arena.chat.providers import api_type_of

CLOCK_DIFFERENCE = 3600.0  # seconds, at most, between the service's clock and ours

NO_SERVICE = "This address has no batch service. Ask live, or set api_base to one that has."
GONE = "not found"  # the cause of a 404 for a batch or a file
THINGS = r"/(files|batches)/"  # in paths that name one


@dataclass(frozen=True)
class Terms:
    """The limits of one batch and its price, as a part of that of live calls."""

    requests: int
    bytes: int
    price: float = 0.5


class QueueFull(Exception):
    """The service takes no more requests until some of ours are done.

    tokens: the most that it lets wait, None if it does not say.
    """

    def __init__(self, message: str, tokens: int | None = None) -> None:
        super().__init__(message)
        self.tokens = tokens


@dataclass(frozen=True)
class Status:
    """The state of a batch.

    word: the service's own. is_over: no result will come any more. has_failed: nothing ran, for the
    reason `problem`, which is a full queue if `queue_full`, or the request in a `line` of the file
    if that is known. done, failed, total: requests, None if the service does not say.
    retry_after: the seconds that it asks to wait, 0 if it does not. files: the ids of result files,
    as `results` needs them.
    """

    word: str
    is_over: bool = False
    has_failed: bool = False
    problem: str = ""
    line: int | None = None
    queue_full: QueueFull | None = None
    done: int | None = None
    failed: int | None = None
    total: int | None = None
    retry_after: float = 0.0
    files: tuple[str, ...] = ()


class Service(ABC):
    """The batch service behind one endpoint of a model.

    All methods that call raise CompletionError as a live call does, with its cause.
    """

    def __init__(self, name: str, terms: Terms, model: ModelConfig, endpoint: Endpoint) -> None:
        self.name, self.terms, self.model, self.endpoint = name, terms, model, endpoint

    @property
    def address(self) -> str:
        """The address of the endpoint, without user, password, query and keys."""
        secrets = secrets_of(self.model, self.endpoint)
        return shown_address(address_of(self.model, self.endpoint) or "", secrets)

    def is_at(self, batch: Batch) -> bool:
        """Whether a batch is at this service and address."""
        return (batch.service, batch.address) == (self.name, self.address)

    def check(self) -> None:
        """Raise InputError if the entry has settings that live calls know and batches do not."""
        return

    @abstractmethod
    def line(self, custom_id: str, request: Request) -> bytes:
        """Return the line of a request in the request file, with the newline."""

    def upload(self, batch: Batch) -> str | None:
        """Send the request file, and return its id, None if the service takes no files."""
        return None

    @abstractmethod
    def create(self, batch: Batch) -> str:
        """Create the batch of an uploaded file, and return its id. Raises QueueFull."""

    @abstractmethod
    def find(self, batch: Batch) -> str | None:
        """Find the id of a batch whose creation was broken off, None if it was not created."""

    @abstractmethod
    def look(self, batch_id: str) -> Status:
        """Ask how far a batch is."""

    @abstractmethod
    def download(self, batch_id: str, status: Status, out: BinaryIO) -> None:
        """Write the lines of all results of a batch that is over, however few."""

    @abstractmethod
    def cancel(self, batch_id: str) -> None:
        """Ask the service to stop a batch. What is done by then is paid for."""


class CallingService(Service):
    """A service whose calls go to one address, with the headers of the entry."""

    def call(self, method: str, path: str, body: Any = None, **others: Any) -> dict[str, Any]:
        """Make a call, and return the JSON object of the reply."""
        with self.faults(path):
            return json_object(self.send(method, path, body, **others))

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Any = None,
        content: Any = None,
        is_streamed: bool = False,
    ) -> Any:
        """Make a call, and return the response, unread if `is_streamed`. content: a body in pieces
        of bytes.
        """
        import httpx2

        client, url = client_of(self.model, self.endpoint), self.url_of(path)
        own = {**self.headers(), **(headers or {})}
        options: Any = {"headers": own | dict(self.model.extra_headers)}
        if method == "GET":
            options["params"] = query or {}
            return client.get(url, cast_to=httpx2.Response, options=options, stream=is_streamed)
        if files:
            options["headers"]["Content-Type"] = "multipart/form-data"
        return client.post(
            url, cast_to=httpx2.Response, body=body, content=content, files=files, options=options
        )

    def save(self, path: str, out: BinaryIO, query: Mapping[str, object] | None = None) -> None:
        """Write the whole lines of a file of the service."""
        with self.faults(path), file_transfer():
            response = self.send("GET", path, query=query, is_streamed=True)
            with contextlib.closing(response):
                if "html" in (kind := response.headers.get("content-type", "")):
                    raise ValueError(f"the file is {kind}, of a gateway before the service")
                write_whole_lines(response.iter_bytes(), out)

    def url_of(self, path: str) -> str:
        """Return the path of a call, by default below the client's address."""
        return path

    def shown(self, path: str) -> str:
        """Return the address of a call as messages show it."""
        return f"{shown_base(self.model, self.endpoint)}{path}"

    def headers(self) -> dict[str, Any]:
        """Return the headers of each call beside those of the SDK and the entry."""
        return {}

    def cancel(self, batch_id: str) -> None:
        """Ask the service to stop a batch. One that is over already stays as it is."""
        try:
            self.call("POST", self.cancel_path(batch_id))
        except CompletionError:
            if not self.look(batch_id).is_over:
                raise

    @abstractmethod
    def cancel_path(self, batch_id: str) -> str:
        """Return the path of the call that cancels a batch."""

    @contextlib.contextmanager
    def faults(self, path: str) -> Iterator[None]:
        """Turn what a call raises into a CompletionError. A 404 is about what the path names."""
        try:
            yield
        except (CompletionError, InputError, OSError):  # an OSError is of our own files
            raise
        except Exception as error:
            secrets = secrets_of(self.model, self.endpoint)
            fault = classify(error, api_type_of(self.model).protocol.sdk, secrets)
            if fault.cause == "wrong address":
                if re.search(THINGS, path):
                    raise CompletionError(GONE, f"HTTP 404 at {self.shown(path)}") from None
                problem = f"HTTP 404 at {self.shown(path)}. {NO_SERVICE}"
                fault = CompletionError(fault.cause, problem)
            if fault.cause == "context too long":  # HTTP 413, of a gateway before the service
                fault.cause = "bad request"
            raise fault from None

    def hidden(self, text: object) -> str:
        """Return a text of the service as messages show it, in one line without secrets."""
        return one_line(redact(str(text), secrets_of(self.model, self.endpoint)))


def json_object(response: Any) -> dict[str, Any]:
    """Read the JSON object of a response."""
    reply = json.loads(response.content)
    if not isinstance(reply, dict):
        raise ValueError(f"the reply is no JSON object: {one_line(response.text, 80)}")
    return reply


def name_in(reply: Mapping[str, Any], key: str = "id") -> str:
    """Return the id of an object that the service has made."""
    if not isinstance(found := reply.get(key), str) or not found:
        problem = f"no {key} in the reply: {one_line(reply, 80)}"
        raise CompletionError("malformed reply", problem)
    return found


def count_or_none(value: object) -> int | None:
    """Return a number of requests, None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
