"""Files of a bench by index: where their lines are, and their texts to be searched.

What is read is kept until its file changes. A line that cannot be read is passed over with a
warning: a look at the data must not end at it.
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
from arena.bench.records import AnswerLine, IdLine, Question, QuestionLine, answer_of, question_of

Value = TypeVar("Value")


class Place(NamedTuple):
    """Where a line stands in a file, in bytes."""

    offset: int
    length: int


class FileCache(Generic[Value]):
    """What is read from files, kept until a file changes, or the file `beside` that it depends on.

    `empty` stands for a file that is not there.
    """

    def __init__(
        self, read: Callable[[Path], Value], empty: Value, beside: Path | None = None
    ) -> None:
        self._read, self._empty, self._beside = read, empty, beside
        self._known: dict[Path, tuple[Hashable, Value]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, path: Path | None) -> Value:
        """Return what was read from a file as it is now."""
        own = stamp_of(path) if path is not None else None
        if path is None or own is None:
            return self._empty
        stamp = own, self._beside and stamp_of(self._beside)
        with self._lock:
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = stamp, self._read(path)
            return known[1]


class Recent:
    """The results of the last few calls, by the values that they depend on."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._known: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the recent result of a key, or make it."""
        value: Value
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                value = self._known[key]
                return value
        value = make()
        with self._lock:
            self._known[key] = value
            while len(self._known) > self._number:
                self._known.popitem(last=False)
        return value


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what changes with a file, None where there is none."""
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
                    line = decode(raw.removeprefix(codecs.BOM_UTF8), decoder, kind)
                except ValueError as error:
                    if raw.endswith(b"\n"):
                        report(f"{path}: a line is not {what}: {error}")
                    continue
                yield place, line
    except OSError as error:
        report(f"{path}: cannot read: {error.strerror}")


def read_line(path: Path, place: Place, kind: type[Line], what: str) -> dict[str, Any]:
    """Return the whole record at a place; InputError if there is none of this kind any more."""
    try:
        with path.open("rb") as file:
            file.seek(place.offset)
            raw = file.read(place.length).removeprefix(codecs.BOM_UTF8)
        decode(raw, msgspec.json.Decoder(kind), kind)
        record: dict[str, Any] = json.loads(raw)
    except (OSError, ValueError):
        raise InputError(f"{path}: not {what}, or it has just changed; open it again") from None
    return record


@dataclass(frozen=True)
class Questions:
    """The questions of a file by id, in its order; `fault` says in words what could not be read."""

    by_id: Mapping[str, Question]
    fault: str = ""


def questions_of(path: Path) -> Questions:
    """Return the questions that can be read; of those with one id the last counts."""
    faults: list[str] = []
    lines = indexed_lines(path, QuestionLine, "a question", faults.append)
    by_id = {line.id: question_of(line) for _, line in lines}
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    fault = f"{faults[0]}{more}" if faults else ""
    if fault:
        warn(fault)
    return Questions(by_id, fault)


class _ModelLine(msgspec.Struct):
    model: str | None = None


def models_at_ends(path: Path) -> set[str] | None:
    """Return what the first and the last record of a file name as their model, "" for no name;
    None where a look does not tell.
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
    """Return where the answers of a file are, by question id."""
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
        """Return the keys of the texts that hold a folded text."""
        found, position = set(), 0
        while (position := self._content.find(wanted, position)) >= 0:
            number = bisect.bisect_right(self._starts, position)
            found.add(self._keys[number - 1])
            if number == len(self._starts):
                break
            position = self._starts[number]
        return found


def answer_texts(path: Path) -> Texts:
    """Return the answers of a file by question id."""
    lines = indexed_lines(path, AnswerLine, "an answer")
    return Texts((line.id, "\n".join(answer_of(line).choices[0])) for _, line in lines)


class _Explained(msgspec.Struct):
    answer: str | None = None


class _ExplainedGame(msgspec.Struct):
    judgment: str | _Explained | None = None


class _ExplainedLine(IdLine):
    games: list[_ExplainedGame | None] = msgspec.field(default_factory=list)

    def text(self) -> str:
        """Return what the judge said in all games."""
        said = (game.judgment for game in self.games if game is not None)
        return "\n".join(s if isinstance(s, str) else s.answer or "" for s in said if s)


def judgment_texts(path: Path) -> Texts:
    """Return what the judge says in a file, by the offset of the line."""
    lines = indexed_lines(path, _ExplainedLine, "a judgment")
    return Texts((str(place.offset), line.text()) for place, line in lines)
