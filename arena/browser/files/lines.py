"""Lines of a file by place, and the faults of those that do not count.

A line that cannot be read is skipped with a warning, since one bad line must not hide the rest of
the data.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from arena.base.errors import InputError, warn
from arena.base.jsonl import Line, decode, is_json


class Place(NamedTuple):
    """The place of a line in a file, in bytes."""

    offset: int
    length: int


@dataclass
class Faults:
    """The lines of a file that do not count: sentences on unreadable ones, the numbers of repeated
    ones, and that of an incomplete last one, 0 without it.
    """

    path: Path
    unreadable: list[str] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    incomplete: int = 0

    @property
    def words(self) -> str:
        """Sentences on the first line of each kind, with the number of the others, "" for none."""
        parts = [first_of(self.unreadable)]
        if self.repeated:
            repeated = [f"{self.path}:{number}: a repeated id" for number in self.repeated]
            parts.append(f"{first_of(repeated)} The last record of each id counts.")
        if self.incomplete:
            why = "a run is still writing it, or was stopped while writing"
            parts.append(f"{self.path}:{self.incomplete}: an incomplete last line ({why}).")
        return " ".join(filter(None, parts))


def first_of(faults: Sequence[str]) -> str:
    """Return the first of some faults as a sentence, with the number of the others."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{faults[0]}{more}." if faults else ""


def indexed_lines(
    path: Path,
    kind: type[Line],
    what: str,
    faults: Faults | None = None,
    warning: Callable[[str], object] = warn,
) -> Iterator[tuple[int, Place, Line]]:
    """Yield number, place and typed part of each line. Unreadable lines are skipped, with a warning
    and an entry in `faults`. An incomplete last line has no warning: a run may be writing it.
    """
    decoder, offset, faults = msgspec.json.Decoder(kind), 0, faults or Faults(path)

    def report(fault: str) -> None:
        faults.unreadable.append(fault)
        warning(fault)

    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                place = Place(offset, len(raw))
                offset += len(raw)
                if raw.isspace():
                    continue
                try:
                    line = decode(raw.removeprefix(codecs.BOM_UTF8), decoder)
                except ValueError as error:
                    if raw.endswith(b"\n") or is_json(raw):
                        report(f"{path}:{number}: not {what}: {error}")
                    else:
                        faults.incomplete = number
                    continue
                yield number, place, line
    except OSError as error:
        report(f"{path}: cannot read: {error.strerror}")


def read_line(
    path: Path, place: Place, kind: type[Line], what: str, is_it: Callable[[Line], bool]
) -> dict[str, Any]:
    """Return the whole record at a place. Raises InputError that names the line if it is none of
    its kind, or if the file has changed since, so that it is not the one that was indexed.
    """
    try:
        with path.open("rb") as file:
            file.seek(place.offset)
            raw = file.read(place.length).removeprefix(codecs.BOM_UTF8)
        if not is_it(decode(raw, msgspec.json.Decoder(kind))):
            raise ValueError("another record is there now")
        record: dict[str, Any] = json.loads(raw)
    except OSError as error:
        raise InputError(f"{path}: cannot read {what}: {error.strerror}") from None
    except ValueError as error:
        line = path.read_bytes().count(b"\n", 0, place.offset) + 1
        problem = f"{path}:{line}: not {what}: {error}"
        raise InputError(f"{problem}. If the file has just changed, open it again.") from None
    return record
