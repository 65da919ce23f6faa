"""A batch service: what each of them can do, in one set of words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import BinaryIO

from arena.batch.state import Batch
from arena.chat.clients import address_of, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import shown_address
from arena.chat.protocols import Request


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
    """How far a batch is.

    word: the service's own. is_over: no result will come any more. has_failed: nothing ran, for the
    reason `problem`, which is a full queue if `queue_full`. done, failed, total: requests, None if
    the service does not say. retry_after: the seconds that it asks to wait, 0 if it does not.
    files: the ids of result files, as `results` needs them.
    """

    word: str
    is_over: bool = False
    has_failed: bool = False
    problem: str = ""
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
