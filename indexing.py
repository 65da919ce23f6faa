"""Files of a bench by index: where their lines are, and their texts to be searched.

What is read is kept until its file changes. A line that cannot be read is passed over with a
warning: a look at the data must not end at it.
"""

from __future__ import annotations

import bisect
import codecs
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from console import InputError, warn
from jsonl import IdLine, Line, decode
from records import AnswerLine, Style, read_styles

Value = TypeVar("Value")


class Place(NamedTuple):
    """Where a line stands in a file, in bytes."""

    offset: int
    length: int


class FileCache(Generic[Value]):
    """What is read from files, kept until a file changes; `empty` stands for a file that is not
    there.
    """

    def __init__(self, read: Callable[[Path], Value], empty: Value) -> None:
        self._read, self._empty = read, empty
        self._known: dict[Path, tuple[tuple[int, int], Value]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, path: Path | None) -> Value:
        """Return what was read from a file as it is now."""
        stamp = stamp_of(path) if path is not None else None
        if path is None or stamp is None:
            return self._empty
        with self._lock:
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = stamp, self._read(path)
            return known[1]


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what changes with a file, None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def indexed_lines(path: Path, kind: type[Line], what: str) -> Iterator[tuple[Place, Line]]:
    """Yield place and typed part of each line; what cannot be read is passed over with a warning,
    a torn last line without.
    """
    decoder, offset = msgspec.json.Decoder(kind), 0
    for raw in _raw_lines(path):
        place = Place(offset, len(raw))
        offset += len(raw)
        if raw.isspace():
            continue
        try:
            line = decode(raw.removeprefix(codecs.BOM_UTF8), decoder, kind)
        except ValueError as error:
            if raw.endswith(b"\n"):
                warn(f"{path}: a line is not {what}: {error}")
            continue
        yield place, line


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        warn(f"{path}: cannot read: {error.strerror}")


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


class Texts:
    """The texts of a file in lower case, to be searched."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._keys: list[str] = []
        self._starts: list[int] = []
        content = bytearray()
        for key, text in texts:
            self._keys.append(key)
            self._starts.append(len(content))
            content += text.casefold().encode("utf-8", "surrogatepass") + b"\0"
        self._content = bytes(content)

    def holding(self, text: str) -> set[str]:
        """Return the keys of the texts that hold a text, whatever its case."""
        wanted, found, position = text.casefold().encode("utf-8", "surrogatepass"), set(), 0
        while (position := self._content.find(wanted, position)) >= 0:
            number = bisect.bisect_right(self._starts, position)
            found.add(self._keys[number - 1])
            if number == len(self._starts):
                break
            position = self._starts[number]
        return found


def answer_texts(path: Path) -> Texts:
    """Return the answers of a file by question id."""
    lines = indexed_lines(path, _WholeAnswer, "an answer")
    return Texts((line.id, "\n".join(line.texts())) for _, line in lines)


class _WholeAnswer(AnswerLine):
    def texts(self) -> Iterator[str]:
        """Yield the texts of choice 0, or of the assistant."""
        for choice in (self.choices or [])[:1]:
            yield from (turn.content for turn in choice.turns)
        for message in self.messages or []:
            content = message.content
            if message.role == "assistant":
                yield content if isinstance(content, str) else content.answer or ""


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
