"""A JSONL file of records that one process at a time appends to and keeps unique and sorted."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from arena.base.errors import InputError, OutputError, warn
from arena.base.jsonl import (
    append_to,
    dump_line,
    is_json,
    is_stream,
    last_line,
    located_lines,
    temporary_files,
    write_all,
    write_lines,
    writing,
)

SYNC_SECONDS = 1.0
CHANGED = "another program changed this file"
IN_USE = "another run is writing this file. Wait for it or stop it."

State = tuple[int, int, int]  # device, inode and size of a file


class RecordFile(contextlib.AbstractContextManager["RecordFile"]):
    """An open file of records, locked until it is closed.

    Opening creates no file, but takes the lock and repairs an incomplete last line. `close` keeps
    the newest record of each key and sorts by key, also those of earlier runs.

    Other programs know no lock. If one deletes or cuts the file, lost records are written there
    again. If one writes to it, they go to a file beside it, and `append` raises OutputError from
    then on. After either, `close` raises OutputError. keep: False for records that the caller can
    make again, which would fill the memory: then nothing is written again.

    Raises InputError if another run has the lock, and OutputError if a write fails.
    """

    def __init__(self, path: Path, line: type[Any], *, keep: bool = True) -> None:
        self.path = path
        self._keep = keep
        self._line = line
        self._file: Any = None
        self._refusal: OSError | None = None  # the reason if it is open for reading only
        self._state: State | None = None  # as this run left the file
        self._known: set[int] | None = None  # the hashes of its lines, from the first append on
        self._appended: dict[Any, tuple[int, Mapping[str, Any]]] = {}  # newest line's hash, record
        self._change: str | None = None  # the message if another program changed the file
        self._beside: set[int] | None = None  # the hashes of lines beside it, once there is need
        self._synced = time.monotonic()
        self._dirty = False
        self._broken = False
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(path))
            stack.callback(self._close_file)
            if path.exists():
                try:
                    is_free = self._open()
                except OSError as error:
                    problem = f"cannot read records: {error.strerror}"
                    raise InputError(f"{path}: {problem}") from None
                if not is_free:
                    raise InputError(f"{path}: {IN_USE}")
                with self._writing():
                    self._repair("an earlier run was killed while writing")
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

    def _open(self) -> bool:
        """Open the file to append, or only to read if it takes nothing, and return whether no other
        run has it open: by another hard link, or after its lock was removed.
        """
        self._close_file()
        if is_stream(self.path):  # /dev/zero has no end, and a pipe none before its writer's
            raise OSError(errno.EINVAL, "it is a device or a pipe, not a file")
        try:
            self._file, self._refusal = self.path.open("a+b", buffering=0), None
        except OSError as refusal:
            try:
                self._file, self._refusal = self.path.open("rb", buffering=0), refusal
            except OSError:
                raise refusal from None
        self._state = self._state_of_file()
        return _lock_inode(self._file.fileno())

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._dirty = None, False

    def _state_of_file(self) -> State:
        stat = os.fstat(self._file.fileno())
        return stat.st_dev, stat.st_ino, stat.st_size

    def _state_of_path(self) -> State | None:
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino, stat.st_size

    def _repair(self, cause: str) -> None:
        """Remove an incomplete last line, and end a whole one that has no newline."""
        tail = last_line(self._file)
        if not tail.strip():
            return
        if self._refusal is not None:
            raise self._refusal
        if is_json(tail):
            self._file.write(b"\n")
        else:
            size = f"{len(tail)} bytes"
            warn(f"{self.path}: removed an incomplete last line of {size} ({cause})")
            self._file.truncate(self._file.seek(0, os.SEEK_END) - len(tail))
        self._state = self._state_of_file()

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
        # Noted first: if it cannot be written now, `close` tries again.
        key = msgspec.convert(record, self._line).key
        self._appended[key] = _hash(line), record if self._keep else {}
        with self._writing():
            if self._known is None:
                self._known = self._begin()
            if self._beside is None and self._state_of_path() == self._state:
                self._write([line])
            else:
                self._restore()
        self.sync()

    def _begin(self) -> set[int]:
        """Create a missing file before the first record, and return the hashes of known lines."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
            self._state = (*self._state_of_file()[:2], 0)  # unless another program created it
            return set()
        # A file that was changed since this run read it has lines that are not known.
        return set(_hashes(self._file)) if self._state_of_path() == self._state else set()

    def _write(self, lines: Sequence[bytes]) -> None:
        if self._refusal is not None:
            raise self._refusal
        device, inode, size = self._state or self._state_of_file()
        data = b"".join(lines)
        write_all(self._file, data)
        self._state = device, inode, size + len(data)
        if self._known is not None:
            self._known.update(map(_hash, lines))
        self._dirty = True

    def sync(self, now: bool = False) -> None:
        """Force appended records to the disk, at most once a second unless `now`."""
        if self._dirty and (now or time.monotonic() - self._synced >= SYNC_SECONDS):
            with self._writing():
                os.fsync(self._file.fileno())
            self._synced = time.monotonic()
            self._dirty = False

    def _restore(self) -> None:
        """Write lost records again: where they were, unless another program has written there.

        Raises OutputError in the latter case, with the records in a file beside it.
        """
        if not self._keep:
            raise OutputError(f"{self.path}: lacks records of this run. Run it again.")
        before, state = self._state, self._state_of_path()
        there: set[int] = set()
        try:
            self._reopen()
            there.update(_hashes(self._file))
            is_ours = self._beside is None and there <= (self._known or set())
        except OSError:  # it is a folder now, or may not be opened
            is_ours = False
        there |= self._beside or set()
        lines = []
        for key, (line_hash, record) in self._appended.items():
            if line_hash not in there:
                lines.append(dump_line(record))
                self._appended[key] = _hash(lines[-1]), record
        if not is_ours:
            self._write_beside(lines)
            raise OutputError(str(self._change))
        self._repair("another program cut it off")
        try:
            self._write(lines)
        except OSError as error:  # a full disk: there may be room on another
            self._write_beside(lines, f"cannot write to this file ({error.strerror})")
            raise OutputError(str(self._change)) from None
        if state is None:
            self._note("this file was moved or deleted", "Its records are written there again.")
        elif state != before:
            self._note(CHANGED, "Lost records are written there again.")

    def _reopen(self) -> None:
        """Open the file that is at the path now; write it again if there is none."""
        state = self._state_of_path()
        if state is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._file or contextlib.nullcontext() as earlier:
                self._file = None
                self._open()
                if earlier is not None:
                    earlier.seek(0)
                    with open(os.dup(self._file.fileno()), "ab") as file:
                        shutil.copyfileobj(earlier, file)
            if self._known is not None:
                self._known.update(_hashes(self._file))
        elif self._file is None or state[:2] != self._state_of_file()[:2]:
            self._open()
        self._state = self._state_of_file()

    def _write_beside(
        self, lines: Sequence[bytes], event: str = "another program wrote to this file"
    ) -> None:
        """Append lines to a file beside this one, which takes none or is another program's now."""
        name = f"{self.path.name}.{os.getpid()}.lost"
        remedy = "Nothing of this run is lost."
        if lines or self._beside:
            # The folder may be gone too, as with a network share.
            for in_folder in (True, False):
                with contextlib.suppress(OSError):  # of the search for a temporary folder, too
                    folder = self.path.parent if in_folder else Path(tempfile.gettempdir())
                    beside = append_to(folder / name, lines)
                    remedy = f"Lost records are in {beside}. Append it if they belong there."
                    break
            else:
                raise OSError(errno.ENOSPC, "there is no place for lost records")
        self._beside = (self._beside or set()) | set(map(_hash, lines))
        self._note(event, remedy)

    def _note(self, event: str, remedy: str) -> None:
        """Note for the error of `close` what happened, and where the records of this run are now.
        Only an earlier event is told here: the error has room for the newest.
        """
        message = f"{self.path}: {event} during the run. {remedy}"
        if message != self._change:
            if self._change is not None:
                warn(self._change)
            self._change = message

    def close(self, compact: bool = True) -> None:
        """Sync and compact the file and give up the lock. A second call does nothing.

        A file that is unique and sorted, and to which nothing was appended, is not rewritten.
        """
        if self._closed:
            return
        self._closed = True
        with self._writing(), self._lock:
            if self._appended:
                is_changed = self._state_of_path() != self._state
                if is_changed or self._broken or self._beside is not None:
                    self._restore()
                self.sync(now=True)
            if compact and not self._broken and self.path.exists():
                self._compact()
            if self._change is not None:
                raise OutputError(self._change)

    def _compact(self) -> None:
        """Check that the records of this run are there, and make the file unique and sorted."""
        lines = located_lines(self.path, self._line, "a record")
        if not self._appended and all(a < b for a, b in pairwise(line.key for *_, line in lines)):
            return
        places: dict[Any, tuple[int, int]] = {}
        hashes: dict[Any, int] = {}
        for _, offset, raw, line in located_lines(self.path, self._line, "a record"):
            places[line.key] = offset, len(raw)
            hashes[line.key] = _hash(raw)
        newest = self._appended.items()
        lost = [dump_line(record) for key, (h, record) in newest if hashes.get(key) != h]
        if lost and not self._keep:
            self._restore()
        if lost and not set(hashes.values()) <= (self._known or set()):
            self._write_beside(lost)
        elif lost:
            self._write(lost)
            self._note(CHANGED, "Lost records are written there again.")
        else:
            write_lines(self.path, self._newest(places))

    def _newest(self, places: Mapping[Any, tuple[int, int]]) -> Iterator[bytes]:
        """Yield lines by their places in the file, sorted by key, with a last look at the file."""
        with self.path.open("rb") as file:
            for key in sorted(places):
                offset, length = places[key]
                file.seek(offset)
                yield file.read(length).rstrip(b"\r") + b"\n"
        if self._appended and self._state_of_path() != self._state:
            self._restore()
            raise OutputError(str(self._change))
        self._close_file()  # Windows replaces no open file


def _hash(line: bytes) -> int:
    """Return the hash of a line, whatever its end."""
    return hash(line.rstrip(b"\r\n"))


def _hashes(file: Any) -> Iterator[int]:
    """Yield the hashes of all lines of an open file but an incomplete last one."""
    file.seek(0)
    with open(os.dup(file.fileno()), "rb", buffering=1 << 20) as lines:
        for line in lines:
            if line.strip() and (line.endswith(b"\n") or is_json(line)):
                yield _hash(line)


def _lock_inode(descriptor: int) -> bool:
    """Lock an open file itself until it is closed, and return whether no other process has."""
    with contextlib.suppress(ImportError, OSError):  # Windows; file systems without locks
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file that is about to be written, under all names that links give it.

    Temporary files that a killed run of `write_lines` left beside the file are removed. Raises
    InputError if another run has the lock.
    """
    from filelock import FileLock, Timeout

    target = Path(os.path.realpath(path))
    lock_path = target.with_name(f".{target.name}.lock")
    lock = FileLock(lock_path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target.parent.stat()  # a link to a folder that is not mounted
        lock.acquire()
        lock_file = lock_path.stat()
        for leftover, _ in temporary_files(target):  # nobody else writes while the lock is held
            leftover.unlink()
    except Timeout:
        raise InputError(f"{path}: {IN_USE}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot write here: {error.strerror}") from None
    try:
        yield
    finally:
        # Removed before the release: afterwards the file may be the lock of another run. It also
        # is if somebody has removed ours.
        with contextlib.suppress(OSError):
            if os.path.samestat(lock_file, lock_path.stat()):
                lock_path.unlink()
        lock.release()
