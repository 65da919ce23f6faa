"""A JSONL file of records that one process at a time appends to and keeps unique and sorted."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, OutputError, warn
from arena.base.jsonl import decode_lines, dump_line, is_json, read_bytes, write_lines, writing

SYNC_SECONDS = 1.0


class RecordFile(contextlib.AbstractContextManager["RecordFile"]):
    """An open file of records, locked until it is closed.

    Opening creates no file, but takes the lock and repairs an incomplete last line. `close` keeps
    the newest record of each key and sorts by key, also those of earlier runs.

    Raises InputError if another process has the lock, and OutputError if a write fails.
    """

    def __init__(self, path: Path, line: type[Any]) -> None:
        self.path = path
        self._line = line
        self._file: Any = None
        self._synced = time.monotonic()
        self._dirty = False
        self._broken = False
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(path))
            with self._writing():
                self._repair()
            self._lock = stack.pop_all()
        self._closed = False

    def __exit__(self, kind: object, *_: object) -> None:
        """Close the file. After an error it stays as it is, and the next run compacts it."""
        self.close(compact=kind is None)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Note that a write failed, so that `close` leaves the file as it is."""
        try:
            with writing(self.path):
                yield
        except OutputError:
            self._broken = True
            raise

    def _repair(self) -> None:
        """Remove an incomplete last line, and end a whole one that has no newline."""
        data = read_bytes(self.path, "records") if self.path.exists() else b""
        tail = data.rsplit(b"\n", 1)[-1]
        if not tail.strip():
            return
        with self.path.open("ab") as file:
            if is_json(tail):
                file.write(b"\n")
            else:
                size, cause = f"{len(tail)} bytes", "an earlier run was killed while writing"
                warn(f"{self.path}: removed an incomplete last line of {size} ({cause})")
                file.truncate(file.tell() - len(tail))

    def check_writable(self) -> None:
        """Raise InputError if no record could be appended. A missing file stays missing."""
        exists = self.path.exists()
        try:
            self.path.open("ab").close()
            if not exists:
                os.unlink(os.path.realpath(self.path))
        except OSError as error:
            raise InputError(f"{self.path}: cannot write here: {error.strerror}") from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record and hand it to the system before returning."""
        line = dump_line(record)
        with self._writing():
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            # An unbuffered write to a full disk may take a part of the line without an error.
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, "the disk is full")
        self._dirty = True
        self.sync()

    def sync(self, now: bool = False) -> None:
        """Force appended records to the disk, at most once a second unless `now`."""
        if self._dirty and (now or time.monotonic() - self._synced >= SYNC_SECONDS):
            with self._writing():
                os.fsync(self._file.fileno())
            self._synced = time.monotonic()
            self._dirty = False

    def close(self, compact: bool = True) -> None:
        """Sync and compact the file and give up the lock. A second call does nothing.

        A file that is unique and sorted, and to which nothing was appended, is not rewritten.
        """
        if self._closed:
            return
        self._closed = True
        with self._writing(), self._lock:
            if self._file is not None:
                with self._file:
                    self.sync(now=True)
            if not compact or self._broken or not self.path.exists():
                return
            lines = decode_lines(self.path, self._line, "a record")
            records = [(line.key, raw) for _, raw, line in lines]
            in_order = all(key < following for (key, _), (following, _) in pairwise(records))
            if self._file is not None or not in_order:
                newest = {key: raw.rstrip(b"\r") + b"\n" for key, raw in records}
                write_lines(self.path, (newest[key] for key in sorted(newest)))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file that is about to be written. Raises InputError if another run has the lock.

    Temporary files that a killed run of `write_lines` left beside the file are removed.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    target = Path(os.path.realpath(path))
    temporary_name = re.compile(rf"\.{re.escape(target.name)}\.\d+\.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for other in target.parent.glob(".*.tmp"):
            if temporary_name.fullmatch(other.name):
                other.unlink()
    except Timeout:
        message = f"{path}: another run is writing this file. Wait for it or stop it."
        raise InputError(message) from None
    except OSError as error:
        raise InputError(f"{path}: cannot write here: {error.strerror}") from None
    try:
        yield
    finally:
        # Removed before the release: afterwards the file may be the lock of another run.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
