"""TODO."""

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
from arena.base.jsonl import _is_json, decode_lines, dump_line, read_bytes, write_lines

SYNC_SECONDS = 1.0


class RecordFile:
    """A JSONL file under a lock, to which records are appended and which is left unique and
    sorted.

    Opening creates no file, takes the lock (InputError if another process holds it) and repairs a
    torn last line. `close` keeps the newest record of each key and sorts by key, also what an
    earlier run left otherwise. Whatever cannot be written is an OutputError.
    """

    def __init__(self, path: Path, line: type[Any]) -> None:
        self.path = path
        self._kind = line
        self._lock: Any = lock_file(path)
        self._file: Any = None
        self._synced = time.monotonic()
        self._dirty = False
        self._broken = False
        try:
            with self._writing():
                self._repair()
        except BaseException:
            unlock_file(self._lock)
            raise

    def __enter__(self) -> RecordFile:
        """Return the file itself."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Close the file; after an error it stays as it is, and the next run settles it."""
        self.close(settle=kind is None)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn a failure of the system into an OutputError; nothing is settled after it."""
        try:
            yield
        except OSError as error:
            self._broken = True
            raise OutputError(f"{self.path}: cannot write: {error.strerror}") from None

    def check_writable(self) -> None:
        """Raise InputError where no record could be appended; a file that is missing stays so."""
        there = self.path.exists()
        try:
            self.path.open("ab").close()
            if not there:
                os.unlink(os.path.realpath(self.path))
        except OSError as error:
            raise InputError(f"{self.path}: cannot write here: {error.strerror}") from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record and hand it to the system before returning."""
        line = dump_line(record)
        with self._writing():
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, "the disk is full")
        self._dirty = True
        self.sync()

    def sync(self, now: bool = False) -> None:
        """Force what was appended to the disk, at most once a second unless `now`."""
        if self._dirty and (now or time.monotonic() - self._synced >= SYNC_SECONDS):
            with self._writing():
                os.fsync(self._file.fileno())
            self._synced = time.monotonic()
            self._dirty = False

    def close(self, settle: bool = True) -> None:
        """Sync, make the file unique and sorted, and give up the lock; a second time does nothing.

        One that is so, and to which nothing was appended, is left alone.
        """
        if self._lock is None:
            return
        try:
            if self._file is not None:
                with self._file:
                    self.sync(now=True)
            if settle and not self._broken and self.path.exists():
                self._settle()
        finally:
            lock, self._lock = self._lock, None
            with self._writing():
                unlock_file(lock)

    def _settle(self) -> None:
        lines = [
            (line.key, raw) for _, raw, line in decode_lines(self.path, self._kind, "a record")
        ]
        in_order = all(key < following for (key, _), (following, _) in pairwise(lines))
        if in_order and self._file is None:
            return
        newest = {key: raw.rstrip(b"\r") + b"\n" for key, raw in lines}
        write_lines(self.path, (newest[key] for key in sorted(newest)))

    def _repair(self) -> None:
        """Drop a torn last line, and end a whole one that lacks its newline."""
        if not self.path.exists():
            return
        data = read_bytes(self.path, "records")
        tail = data.rsplit(b"\n", 1)[-1]
        if not tail or tail.isspace():
            return
        with self.path.open("r+b") as file:
            if _is_json(tail):
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
            else:
                warn(
                    f"{self.path}: dropped a torn last line of {len(tail)} bytes (a killed writer)"
                )
                file.truncate(self.path.stat().st_size - len(tail))


def lock_file(path: Path) -> Any:
    """Return the held lock of a file that is about to be written; InputError if another run has
    it. What a killed run left of a rewriting of the file is removed.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for left in _scratch_files(path):
            left.unlink()
    except Timeout:
        raise InputError(
            f"{path}: another run is writing this file; wait for it or stop it"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot write here: {error.strerror}") from None
    return lock


def _scratch_files(path: Path) -> list[Path]:
    """Return the temporary files of `write_lines` that stand beside a file."""
    path = Path(os.path.realpath(path))
    name = re.compile(rf"\.{re.escape(path.name)}\.\d+\.tmp")
    return [other for other in path.parent.glob(".*.tmp") if name.fullmatch(other.name)]


def unlock_file(lock: Any) -> None:
    """Give up a lock of `lock_file` and remove its file, while it is still held."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
