"""Files of JSON lines: read with care, appended to under a lock, rewritten at once.

What a line means is no matter here; records.py knows that.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arena.base.errors import InputError, OutputError, warn

Line = TypeVar("Line", bound=msgspec.Struct)
Record = TypeVar("Record")

SYNC_SECONDS = 1.0


# Reading


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a file; InputError if it is missing, a folder or unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {error.strerror}") from None
    return data.removeprefix(codecs.BOM_UTF8)


def decode_lines(path: Path, kind: type[Line], what: str) -> Iterator[tuple[int, bytes, Line]]:
    """Yield (line number, raw line, typed part of it) for each JSON object of a file.

    Blank lines are passed over, so is a torn last line (with a warning). Raises InputError that
    names file and line for anything else that is not an object of this kind.
    """
    lines = read_bytes(path, what).split(b"\n")
    decoder = msgspec.json.Decoder(kind)
    for number, raw in enumerate(lines, start=1):
        if not raw or raw.isspace():
            continue
        try:
            yield number, raw, decode(raw, decoder, kind)
        except ValueError as error:
            if number == len(lines) and not _is_json(raw):
                warn(f"{path}: the last line is torn (a killed writer) and is passed over")
                return
            raise InputError(f"{path}:{number}: not {what}: {error}") from None


def decode_at_once(path: Path, kind: type[Line], what: str) -> list[Line] | None:
    """Return the typed part of each line; None if the file needs the care of `decode_lines`."""
    data = read_bytes(path, what)
    try:
        lines = msgspec.json.Decoder(kind).decode_lines(data)
    except (ValueError, RecursionError):
        return None
    ends = data.count(b"\n") + (not data.endswith(b"\n"))
    return lines if len(lines) == ends else None


def decode(raw: bytes, decoder: msgspec.json.Decoder[Line], kind: type[Line]) -> Line:
    """Decode one line; what msgspec refuses and json lets through (lone surrogates) goes the slow
    way.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            found = json.loads(raw.decode("utf-8"), object_hook=_with_raw_settings)
            return msgspec.convert(found, kind)
        except UnicodeDecodeError:
            raise ValueError("the text is not UTF-8") from None
        except json.JSONDecodeError:
            raise ValueError(str(error)) from None


def _with_raw_settings(found: dict[str, Any]) -> dict[str, Any]:
    """Return an object of JSON with its settings as JSON again, as the typed lines hold them."""
    if "settings" in found:
        text = json.dumps(found["settings"], default=lambda raw: json.loads(bytes(raw)))
        found["settings"] = msgspec.Raw(text.encode())
    return found


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def newest(
    path: Path, records: Sequence[Record], key: Callable[[Record], Hashable]
) -> list[Record]:
    """Return the last of the records with one key, with a warning if there are several."""
    by_key = {key(record): record for record in records}
    if len(by_key) < len(records):
        warn(f"{path}: {len(records) - len(by_key)} repeated ids; the last record of each counts")
    return list(by_key.values())


# Writing


class IdLine(msgspec.Struct):
    """The fields that identify a line of any file; without an id it is no record."""

    question_id: str | None = None
    uid: str | None = None

    def __post_init__(self) -> None:
        if self.question_id is None and self.uid is None:
            raise ValueError("no question_id (or uid)")

    @property
    def id(self) -> str:
        """The question's id in either generation."""
        return self.question_id if self.question_id is not None else str(self.uid)


class KeyLine(IdLine):
    """What tells a record from the others of its file: of answers the id, of judgments more."""

    model: str | None = None
    judge: str | None = None
    baseline: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Question, baseline, model and judge of a judgment; the question alone of an answer."""
        model = self.model if self.judge is not None else None
        return self.id, self.baseline or "", model or "", self.judge or ""


def dump_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of JSON in UTF-8; lone surrogates are escaped."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record).encode() + b"\n"


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file by these lines at once: a reader sees the old file or the new one, never a
    part. What is there and no regular file, as a pipe or a device, stays and is written to.
    """
    if is_stream(path):
        _write_stream(path, lines)
        return
    path = Path(os.path.realpath(path))
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb", buffering=1 << 20) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            scratch.chmod(path.stat().st_mode & 0o777)
        os.replace(scratch, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def is_stream(path: Path) -> bool:
    """Whether a path leads to a pipe, a device or the like, or to standard output by its name."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or _is_stdout(path)


def _is_stdout(path: Path) -> bool:
    """Whether a path is a name of standard output, which may be a file that it is sent to."""
    named = os.path.abspath(path).startswith(("/dev/", "/proc/"))
    try:
        return named and os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def _write_stream(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines after what was printed so far; standard output is not opened anew."""
    sys.stdout.flush()
    try:
        with open(os.dup(1) if _is_stdout(path) else path, "wb") as file:
            file.writelines(lines)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from None


class RecordFile:
    """A JSONL file under a lock, to which records are appended and which is left unique and
    sorted.

    Opening creates no file, takes the lock (InputError if another process holds it) and repairs a
    torn last line. `close` keeps the newest record of each key and sorts by key, also what an
    earlier run left otherwise. Whatever cannot be written is an OutputError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
        lines = [(line.key, raw) for _, raw, line in decode_lines(self.path, KeyLine, "a record")]
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
