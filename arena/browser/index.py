"""Files of a bench by index: where their lines are, and their texts to be searched.

Each file is read once, and again after a change. A line that cannot be read is skipped with a
warning, since one bad line must not hide the rest of the data.
"""

from __future__ import annotations

import bisect
import codecs
import json
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from arena.base.errors import InputError, warn
from arena.base.jsonl import Line, decode
from arena.bench.answer_style import Style, read_styles
from arena.bench.records import AnswerLine, IdLine, Question, QuestionLine

Value = TypeVar("Value")


class Place(NamedTuple):
    """Where a line stands in a file, in bytes."""

    offset: int
    length: int


class FileCache(Generic[Value]):
    """The contents of files, read again if a file changes, or the file `beside` that it depends on.

    `empty` stands for a missing file.
    """

    def __init__(
        self, read: Callable[[Path], Value], empty: Value, beside: Path | None = None
    ) -> None:
        self._read, self._empty, self._beside = read, empty, beside
        self._values: dict[Path, tuple[Hashable, Value]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, path: Path | None) -> Value:
        """Return the contents of a file as it is now."""
        status = stamp_of(path) if path is not None else None
        if path is None or status is None:
            return self._empty
        stamp = status, self._beside and stamp_of(self._beside)
        # Read within the lock: two readers must not index the same large file side by side.
        with self._lock:
            entry = self._values.get(path)
            if entry is None or entry[0] != stamp:
                entry = self._values[path] = stamp, self._read(path)
            return entry[1]


class Recent:
    """The results of the last few calls, by the values that they depend on."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the recent result of a key, or make it."""
        value: Value
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                value = self._values[key]
                return value
        # Made outside the lock: a slow board must not hold up the other readers.
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._number:
                self._values.popitem(last=False)
        return value


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return a value that changes with a file, None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def indexed_lines(
    path: Path, kind: type[Line], what: str, report: Callable[[str], object] = warn
) -> Iterator[tuple[Place, Line]]:
    """Yield place and typed part of each line. Lines that cannot be read are reported and skipped,
    an incomplete last line silently.
    """
    decoder, offset = msgspec.json.Decoder(kind), 0
    try:
        with path.open("rb") as file:
            for raw in file:
                place = Place(offset, len(raw))
                offset += len(raw)
                if raw.isspace():
                    continue
                try:
                    line = decode(raw.removeprefix(codecs.BOM_UTF8), decoder)
                except ValueError as error:
                    # A run that is writing the file has not finished a line without an end.
                    if raw.endswith(b"\n"):
                        report(f"{path}: a line is not {what}: {error}")
                    continue
                yield place, line
    except OSError as error:
        report(f"{path}: cannot read: {error.strerror}")


def read_line(path: Path, place: Place, kind: type[Line], what: str) -> dict[str, Any]:
    """Return the whole record at a place. Raises InputError if the file has changed since."""
    try:
        with path.open("rb") as file:
            file.seek(place.offset)
            raw = file.read(place.length).removeprefix(codecs.BOM_UTF8)
        decode(raw, msgspec.json.Decoder(kind))
        record: dict[str, Any] = json.loads(raw)
    except (OSError, ValueError):
        raise InputError(f"{path}: not {what}, or it has just changed. Open it again") from None
    return record


@dataclass(frozen=True)
class Questions:
    """The questions of a file by id, in its order, and the lines that cannot be read in words."""

    by_id: Mapping[str, Question]
    fault: str = ""


def questions_of(path: Path) -> Questions:
    """Return the questions that can be read. Of several with one id the last counts."""
    faults: list[str] = []
    lines = indexed_lines(path, QuestionLine, "a question", faults.append)
    by_id = {line.id: line.question() for _, line in lines}
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    fault = f"{faults[0]}{more}" if faults else ""
    if fault:
        warn(fault)
    return Questions(by_id, fault)


class _ModelLine(msgspec.Struct):
    model: str | None = None


def models_at_ends(path: Path) -> set[str] | None:
    """Return the models of the first and the last record of a file, "" for a record without one.

    None if these records cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = next((line for line in file if not line.isspace()), b"")
            file.seek(max(0, path.stat().st_size - _TAIL))
            tail = file.read().rstrip()
        last = tail[tail.rfind(b"\n") + 1 :]
        lines = (msgspec.json.decode(raw, type=_ModelLine) for raw in (first, last) if raw)
        return {line.model or "" for line in lines}
    except (OSError, ValueError, RecursionError):
        return None


_TAIL = 1 << 18  # bytes, more than a judgment has


def styles_of(path: Path) -> dict[str, Style]:
    """Return tokens and markdown counts of the answers of a file by question id."""
    try:
        return read_styles(path)
    except InputError as error:
        warn(str(error))
        return {}


def answer_places(path: Path) -> dict[str, Place]:
    """Return the places of the answers of a file by question id."""
    return {line.id: place for place, line in indexed_lines(path, IdLine, "an answer")}


# Search


def folded(text: str) -> bytes:
    """Return a text in the form in which it is searched: without case, Unicode's other ways to
    write the same, NUL, and with one space for any white space.
    """
    if text.isascii():
        raw = text.encode("ascii")
    else:
        plain = unicodedata.normalize("NFKC", text).casefold()
        raw = " ".join(plain.split()).encode("utf-8", "surrogatepass")
    raw = raw.translate(_SPACES_AND_LOWER_CASE).replace(b"\0", b"")
    while b"  " in raw:
        raw = raw.replace(b"  ", b" ")
    return raw


_ASCII = "".join(" " if char.isspace() else char for char in map(chr, range(128)))
_SPACES_AND_LOWER_CASE = _ASCII.lower().encode() + bytes(range(128, 256))


class Texts:
    """The texts of a file, folded to be searched."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._keys: list[str] = []
        self._starts: list[int] = []
        content = bytearray()
        for key, text in texts:
            self._keys.append(key)
            self._starts.append(len(content))
            content += folded(text) + b"\0"
        self._content = bytes(content)

    def matching(self, wanted: bytes) -> set[str]:
        """Return the keys of the texts that contain a folded text."""
        keys, position = set(), 0
        while (position := self._content.find(wanted, position)) >= 0:
            number = bisect.bisect_right(self._starts, position)
            keys.add(self._keys[number - 1])
            if number == len(self._starts):
                break
            position = self._starts[number]
        return keys


def answer_texts(path: Path) -> Texts:
    """Return the answers of a file by question id."""
    lines = indexed_lines(path, AnswerLine, "an answer")
    return Texts((line.id, "\n".join(line.answer().choices[0])) for _, line in lines)


class _Explained(msgspec.Struct):
    answer: str | None = None


class _ExplainedGame(msgspec.Struct):
    judgment: str | _Explained | None = None


class _ExplainedLine(IdLine):
    games: list[_ExplainedGame | None] = msgspec.field(default_factory=list)

    def text(self) -> str:
        """Return the words of the judge in all games."""
        replies = (game.judgment for game in self.games if game is not None)
        return "\n".join(s if isinstance(s, str) else s.answer or "" for s in replies if s)


def judgment_texts(path: Path) -> Texts:
    """Return the words of the judge in a file, by the offset of the line."""
    lines = indexed_lines(path, _ExplainedLine, "a judgment")
    return Texts((str(place.offset), line.text()) for place, line in lines)
