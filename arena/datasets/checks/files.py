"""Files of records read for a check: all that is readable, and findings on what is not."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from arena.base.jsonl import LFS_POINTER, decode, is_json
from arena.bench.paths import Bench

LFS = "only a pointer of Git LFS"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in one place.

    place: a file, relative to the bench. examples: question ids, line numbers or names.
    mend: the command line that mends it, empty if none can.
    is_note: whether scores do not suffer from it, or it may be as it should be.
    """

    problem: str
    place: str
    count: int
    examples: tuple[str, ...] = ()
    mend: str = ""
    is_note: bool = False


@dataclass(frozen=True)
class CheckOptions:
    """The bench to check. judges, models: those to look at, empty for all."""

    bench: Bench
    judges: Sequence[str] = ()
    models: Sequence[str] = ()

    def command(self, script: str, *flags: str) -> str:
        """Return the command line of a script on the bench."""
        return shlex.join(["python", script, *self.bench.flags, *flags])

    def place(self, path: Path) -> str:
        """Return the name of a file in the bench."""
        return path.relative_to(self.bench.folder).as_posix()


@dataclass
class File:
    """The records of a file by their keys, the numbers of their lines, and what is wrong."""

    path: Path
    place: str
    records: dict[Any, Any] = field(default_factory=dict)
    lines: dict[Any, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def deletion(self, keys: Iterable[Any]) -> str:
        """Return the command line that deletes the lines of some records."""
        return delete_lines(self.path, (self.lines[key] for key in keys))

    def found(
        self, problem: str, keys: Sequence[Any], mend: str, is_note: bool = False
    ) -> Iterator[Finding]:
        """Yield the finding that some records have a problem, if there are some."""
        if keys:
            names = (key if isinstance(key, str) else key[0] for key in keys)
            yield Finding(problem, self.place, len(keys), tuple(names), mend, is_note)

    def spoiled(self, problem: str, numbers: Sequence[int], mend: str) -> Iterator[Finding]:
        """Yield the finding that some lines are to be deleted, if there are some."""
        if numbers:
            names = tuple(f"line {number}" for number in numbers)
            both = in_turn(delete_lines(self.path, numbers), mend)
            yield Finding(problem, self.place, len(numbers), names, both)


def delete_lines(path: Path, numbers: Iterable[int]) -> str:
    """Return the command line that deletes lines of a file by their numbers."""
    ranges = list[list[int]]()
    for number in sorted(numbers):
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    places = (",".join(map(str, ends)) for ends in ranges)
    return shlex.join(["sed", "-i", "".join(f"{place}d;" for place in places)[:-1], str(path)])


def in_turn(*commands: str) -> str:
    """Return the command line that runs those of some that are not empty."""
    return " && ".join(filter(None, commands))


def read_file(
    path: Path,
    place: str,
    kind: type[Any],
    mend: str,
    read: Callable[[bytes, Any], tuple[Hashable, Any]],
) -> File:
    """Read a file line by line.

    read: returns the key and the record of a raw line and its typed part.
    mend: the command line that makes missing records anew.
    """
    file, bad, repeated = File(path, place), dict[int, str](), list[int]()
    decoder = msgspec.json.Decoder(kind)
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        return File(path, place, findings=[Finding(f"cannot be read: {error.strerror}", place, 1)])
    if data.startswith(LFS_POINTER):
        return File(path, place, findings=[Finding(LFS, place, 1, (), "git lfs pull")])
    raws = data.split(b"\n")
    for number, raw in enumerate(raws, 1):
        if not raw or raw.isspace():
            continue
        try:
            key, record = read(raw, decode(raw, decoder))
        except ValueError as error:
            bad[number] = str(error)
            continue
        if key in file.records:
            repeated.append(file.lines[key])  # the last record counts
        file.records[key], file.lines[key] = record, number
    if len(raws) in bad and not is_json(raws[-1]):
        del bad[len(raws)]
        file.findings.append(Finding("torn last line", place, 1, (f"line {len(raws)}",), mend))
    problem = f"lines that are no records ({next(iter(bad.values()), '')})"
    file.findings += file.spoiled(problem, list(bad), mend)
    file.findings += file.spoiled("earlier records of the same id", repeated, "")
    return file
