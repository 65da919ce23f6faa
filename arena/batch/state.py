"""The batches of a bench on disk: what was sent to which service, and how far each is."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from shortuuid import uuid

from arena.base.errors import InputError
from arena.base.jsonl import write_lines

# The phases of a batch in their order. Each is on disk before the next step begins. A batch that is
# CREATING may exist at the service without our knowing its id, if the run was killed then.
WRITTEN, UPLOADED, CREATING, RUNNING, ENDED, STORED = PHASES = (
    *("written", "uploaded", "creating", "running", "ended", "stored"),
)


OPEN = (CREATING, RUNNING, ENDED)  # the service may be answering, or nobody has stored the replies
FOLDER = "batches"  # in the folder of a bench
BY_HAND = "Look after the batch by hand, then delete its folder."


class _Line(msgspec.Struct):
    custom_id: str = ""
    key: str = ""  # Gemini's name for it


@dataclass
class Batch:
    """One batch, whose folder has `state.json`, `requests.jsonl` and, once ended, `results.jsonl`.

    run: our own id, which the service keeps as metadata if it can.
    address: of the endpoint, without user, password, query and keys.
    model: the entry in the endpoint file. records: the file of records, relative to the bench.
    requests: their number. sha256, bytes: of the request file.
    most: the most that it can cost, in nano-dollars.
    refused, limit: the parameters and the limit of output that the model is known to refuse.
    created: the unix time of the newest step. word: the service's own for its state, once known.
    """

    folder: Path
    service: str
    address: str
    model: str
    records: str
    requests: int = 0
    sha256: str = ""
    bytes: int = 0
    most: int = 0
    refused: tuple[str, ...] = ()
    limit: int | None = None
    run: str = field(default_factory=uuid)
    phase: str = WRITTEN
    created: float = field(default_factory=time.time)
    file_id: str | None = None
    batch_id: str | None = None
    word: str = ""

    @property
    def label(self) -> str:
        """Name the batch in a message."""
        return f"{self.service} {self.batch_id or 'batch'} ({self.records})"

    @property
    def request_file(self) -> Path:
        """The file of its requests."""
        return self.folder / "requests.jsonl"

    @property
    def result_file(self) -> Path:
        """The file of its results, there once it has ENDED."""
        return self.folder / "results.jsonl"

    def ids(self) -> list[str]:
        """Return the ids of its requests. Raises InputError if the request file is another one."""
        try:
            content = self.request_file.read_bytes()
        except OSError as error:
            raise InputError(f"{self.request_file}: {error.strerror}. {BY_HAND}") from None
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputError(f"{self.request_file}: changed since it was sent. {BY_HAND}")
        lines = (msgspec.json.decode(line, type=_Line) for line in content.splitlines())
        return [line.custom_id or line.key for line in lines]

    def delete_files(self) -> None:
        """Delete requests and results, once all replies are stored."""
        for path in (self.request_file, self.result_file):
            path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete its folder, the state first: after a kill nothing must refer to half of it."""
        (self.folder / "state.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def as_dict(self) -> dict[str, Any]:
        """Return the state as plain data, without its place."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}

    def advance(self, phase: str, **changes: Any) -> None:
        """Enter a phase, and write it to disk before returning."""
        self.phase, self.created = phase, time.time()
        for name, value in changes.items():
            setattr(self, name, value)
        text = json.dumps(self.as_dict(), ensure_ascii=False, indent=2)
        write_lines(self.folder / "state.json", [text.encode() + b"\n"])


def batches_of(bench: Path) -> Iterator[Batch]:
    """Yield the batches in the folder of a bench, oldest first. Raises InputError for a state that
    cannot be read.
    """
    for path in sorted(bench.glob(f"{FOLDER}/*/state.json"), key=lambda path: path.parent.name):
        try:
            fields = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            yield msgspec.convert({**fields, "folder": path.parent}, Batch)
        except FileNotFoundError:  # another run has just deleted it
            continue
        except (OSError, msgspec.MsgspecError) as error:
            problem = f"the state of a batch cannot be read: {error}"
            raise InputError(f"{path}: {problem}. {BY_HAND}") from None


def running_ids(bench: Path, records: Path) -> set[str]:
    """Return the ids of the requests for a file of records that a service may be answering, or has
    answered while nobody has stored the replies.
    """
    name = records.relative_to(bench).as_posix()
    return {
        custom_id
        for batch in batches_of(bench)
        if batch.records == name and batch.phase in OPEN
        for custom_id in batch.ids()
    }
