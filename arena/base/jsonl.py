"""Files of JSON lines: careful reading, and writing at once."""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import re
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arena.base.errors import InputError, OutputError, warn

Line = TypeVar("Line")
Record = TypeVar("Record")


LFS_POINTER = b"version https://git-lfs.github.com/"
LFS_PROBLEM = "is only a pointer of Git LFS, not the file itself. Run: git lfs pull"


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a file. Raises InputError if it is missing, a folder or unreadable."""
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {error.strerror}") from None
    if data.startswith(LFS_POINTER):
        raise InputError(f"{path}: {LFS_PROBLEM}")
    return data


def decode_lines(path: Path, kind: type[Line], what: str) -> Iterator[tuple[int, bytes, Line]]:
    """Yield (line number, raw line, typed part of it) for each JSON object of a file.

    Blank lines are skipped, and so is an incomplete last line, with a warning. Raises InputError
    with file and line for any other line that is not an object of this kind.
    """
    for number, _, raw, line in located_lines(path, kind, what):
        yield number, raw, line


def located_lines(
    path: Path, kind: type[Line], what: str
) -> Iterator[tuple[int, int, bytes, Line]]:
    """Yield the same as `decode_lines`, with the offset of the line in second place."""
    decoder, end = msgspec.json.Decoder(kind), 0
    try:
        # Line by line: the answers of a large run take more memory than they should.
        with path.open("rb", buffering=1 << 20) as file:
            for number, raw in enumerate(file, start=1):
                offset, end = end, end + len(raw)
                try:
                    line = decoder.decode(raw)
                except (ValueError, RecursionError):
                    if number == 1 and raw.startswith(codecs.BOM_UTF8):
                        offset, raw = len(codecs.BOM_UTF8), raw.removeprefix(codecs.BOM_UTF8)
                    if not raw or raw.isspace():
                        continue
                    try:
                        line = decode(raw, decoder)
                    except ValueError as error:
                        if raw.startswith(LFS_POINTER):
                            raise InputError(f"{path}: {LFS_PROBLEM}") from None
                        if not raw.endswith(b"\n") and not is_json(raw):
                            cause = "an earlier run was killed while writing"
                            warn(f"{path}: ignoring an incomplete last line ({cause})")
                            return
                        raise InputError(f"{path}:{number}: not {what}: {error}") from None
                yield number, offset, raw.removesuffix(b"\n"), line
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {error.strerror}") from None


def decode(raw: bytes, decoder: msgspec.json.Decoder[Line]) -> Line:
    """Return the typed part of one line. Raises ValueError with the reason for any other line."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        if raw.startswith(LFS_POINTER):
            raise ValueError(f"the file {LFS_PROBLEM}") from None

    def raw_settings(values: dict[str, Any]) -> dict[str, Any]:
        if "settings" in values:
            text = json.dumps(values["settings"], default=lambda raw: json.loads(bytes(raw)))
            values["settings"] = msgspec.Raw(text.encode())
        return values

    # Python's json accepts what msgspec refuses, above all the lone surrogates of cut-off replies.
    try:
        return msgspec.convert(json.loads(raw.decode(), object_hook=raw_settings), decoder.type)
    except UnicodeDecodeError:
        raise ValueError("the text is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (column {error.colno})") from None


def loads(raw: bytes) -> Any:
    """Return the value of JSON as Python's reader does, but mostly in half of the time."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return json.loads(raw)


def is_json(raw: bytes) -> bool:
    """Whether a line is complete JSON."""
    with contextlib.suppress(ValueError, RecursionError):
        loads(raw)
        return True
    return False


def read_lines(path: Path, kind: type[Line], what: str) -> list[Line]:
    """Return the typed part of each line of a file, at once unless it needs `decode_lines`."""
    decoder = msgspec.json.Decoder(kind)
    unusual = contextlib.suppress(OSError, ValueError, RecursionError)
    # Neither a loop of Python nor the whole file in memory, which both take longer.
    with unusual, path.open("rb", buffering=1 << 18) as file:
        return list(map(decoder.decode, file))
    return [line for _, _, line in decode_lines(path, kind, what)]


def newest(
    path: Path, records: Iterable[Record], key: Callable[[Record], Hashable]
) -> list[Record]:
    """Return the last record of each key, with a warning if a key is repeated."""
    by_key, repeated = dict[Hashable, Record](), 0
    for record in records:
        name = key(record)
        repeated += name in by_key
        by_key[name] = record
    warn_of_repeats(path, repeated)
    return list(by_key.values())


def warn_of_repeats(path: Path, repeated: int) -> None:
    """Warn if ids of a file are repeated."""
    if repeated:
        warn(f"{path}: {repeated} repeated ids. The last record of each counts.")


def dump_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of JSON in UTF-8. Lone surrogates are escaped."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record).encode() + b"\n"


def write_all(file: Any, data: bytes) -> None:
    """Append data to an unbuffered file, or raise OSError and leave the file as it is."""
    size, taken = os.fstat(file.fileno()).st_size, 0
    # A write may take a part of the data without an error. The next one says why.
    try:
        while taken < len(data):
            part = file.write(data[taken:])
            if not part:
                raise OSError(errno.ENOSPC, "the disk is full")
            taken += part
    except OSError:
        if taken:
            file.truncate(size)  # the next line must not join half a line
        raise


def append_to(path: Path, lines: Iterable[bytes]) -> Path:
    """Append lines to a file and return its path. If that fails, an empty file is removed."""
    with path.open("ab", buffering=0) as file:
        try:
            write_all(file, b"".join(lines))
            os.fsync(file.fileno())
        except OSError:
            if not os.fstat(file.fileno()).st_size:
                path.unlink()
            raise
    return path


def last_line(file: Any) -> bytes:
    """Return the bytes after the last newline of an open file, read from its end."""
    start, tail, step = file.seek(0, os.SEEK_END), b"", 1 << 16
    while start and b"\n" not in tail:
        start, end = max(start - step, 0), start
        file.seek(start)
        tail = file.read(end - start) + tail
        step *= 2
    tail = tail.rsplit(b"\n", 1)[-1] if b"\n" in tail else tail.removeprefix(codecs.BOM_UTF8)
    return bytes(tail)


STDOUT = Path("-")  # of flags that name a file


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file by these lines at once, so that readers see the old file or the new one.

    What a killed process left of an earlier try is removed. A pipe or a device is written to
    instead. Raises OutputError if the system refuses.
    """
    if path == STDOUT:
        sys.stdout.write(b"".join(lines).decode("utf-8", "surrogatepass"))
        return
    if is_stream(path):
        sys.stdout.flush()
        # Standard output is not opened anew: if it is a file, that would overwrite its start.
        with writing(path), open(os.dup(1) if _is_stdout(path) else path, "wb") as stream:
            stream.writelines(lines)
        return
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise OutputError(f"{path}: cannot write: {os.strerror(errno.EISDIR)}")
    for leftover, writer in temporary_files(path):
        if is_dead(writer):
            with contextlib.suppress(OSError):
                leftover.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb", buffering=1 << 20) as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o777)
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def temporary_files(path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files that `write_lines` makes beside a file while it writes, each with the id of
    its process. Only those of killed processes stay.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.([1-9]\d*)\.tmp", re.ASCII)
    with contextlib.suppress(OSError):
        for other in list(path.parent.glob(".*.tmp")):
            if (match := name.fullmatch(other.name)) and other.is_file() and not other.is_symlink():
                yield other, int(match[1])


def is_dead(process: int) -> bool:
    """Whether there is no process of this id. On Windows, where asking would end it, never."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's, or no id at all
        return False
    return False


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from None


def is_stream(path: Path) -> bool:
    """Whether a path leads to a pipe or a device, or to standard output by its name."""
    is_device = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return path == STDOUT or is_device or _is_stdout(path)


def _is_stdout(path: Path) -> bool:
    """Whether a path is a name of standard output, which may be redirected to a file."""
    # By its name only: the file that it is redirected to is replaced like any other.
    with contextlib.suppress(OSError):
        is_device = os.path.abspath(path).startswith(("/dev/", "/proc/"))
        return is_device and os.path.samefile(path, 1)
    return False
