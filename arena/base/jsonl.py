"""Files of JSON lines: read with care, appended to under a lock, rewritten at once.

What a line means is no matter here; records.py knows that.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arena.base.errors import InputError, OutputError, warn

Line = TypeVar("Line", bound=msgspec.Struct)
Record = TypeVar("Record")


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
