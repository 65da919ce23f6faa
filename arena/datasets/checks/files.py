"""Files of records read for a check: all that is readable, and findings on what is not."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from arena.base.jsonl import LFS_POINTER, decode, is_json
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench

LFS = "only a pointer of Git LFS"
ENDPOINTS = ("--endpoint-file", "api_config.yaml")
SETTING_FILES = {
    "gen_answer.py": (("--setting-file", "gen_answer_config.yaml"), ENDPOINTS),
    "gen_ensemble_judgment.py": (("--setting-file", "judge_config.yaml"),),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in one place.

    place: a file, relative to the bench. examples: question ids, line numbers or names.
    mend: the command line that mends it, empty if none can.
    is_note: whether scores do not suffer from it, or it may be as it should be.
    kind: its name for --delete, which deletes `lines` of the file.
    """

    problem: str
    place: str
    count: int
    examples: tuple[str, ...] = ()
    mend: str = ""
    is_note: bool = False
    kind: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class CheckOptions:
    """The bench to check. judges, models: those to look at, empty for all.

    settings: the folder with the setting files of the bench, None for those of the scripts.
    configs: the settings that a judge may have.
    """

    bench: Bench
    judges: Sequence[str] = ()
    models: Sequence[str] = ()
    settings: Path | None = None
    configs: Sequence[JudgeConfig] = ()

    def command(self, script: str, *flags: str) -> str:
        """Return the command line of a script on the bench, with its settings."""
        named = list[str]()
        for flag, file in SETTING_FILES.get(script, ()):
            if self.settings and (path := self.settings / file).exists():
                named += [flag, os.path.relpath(path)]
        return shlex.join(["python", script, *self.bench.flags, *named, *flags])

    def deletion(self, kind: str, place: str) -> str:
        """Return the command line that deletes the records of a kind of finding from a file. It
        checks again, so that it deletes what is wrong when it runs.
        """
        return self.command("check_bench.py", "--delete", kind, place)

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
    delete: Callable[[str, str], str] = str.format

    def found(
        self, problem: str, keys: Sequence[Any], mend: str, is_note: bool = False, kind: str = ""
    ) -> Iterator[Finding]:
        """Yield the finding that some records have a problem, if there are some. kind: deletes
        them before they are mended.
        """
        if keys:
            names = tuple(key if isinstance(key, str) else key[0] for key in keys)
            lines = tuple(self.lines[key] for key in keys) if kind else ()
            mend = in_turn(self.delete(kind, self.place), mend) if kind else mend
            yield Finding(problem, self.place, len(keys), names, mend, is_note, kind, lines)

    def spoiled(
        self, problem: str, numbers: Sequence[int], mend: str, kind: str
    ) -> Iterator[Finding]:
        """Yield the finding that some lines are to be deleted, if there are some."""
        if numbers:
            names = tuple(f"line {number}" for number in numbers)
            both, lines = in_turn(self.delete(kind, self.place), mend), tuple(numbers)
            yield Finding(problem, self.place, len(numbers), names, both, False, kind, lines)


def without_lines(data: bytes, numbers: Collection[int]) -> bytes:
    """Return the content of a file without some lines, of which the first has the number 1."""
    lines = enumerate(data.split(b"\n"), 1)
    return b"\n".join(line for number, line in lines if number not in numbers)


def in_turn(*commands: str) -> str:
    """Return the command line that runs those of some that are not empty."""
    return " && ".join(filter(None, commands))


def content_of(path: Path, place: str) -> bytes | Finding:
    """Return the content of a file, or the finding that it has none."""
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        return Finding(f"cannot be read: {error.strerror}", place, 1)
    return Finding(LFS, place, 1, (), "git lfs pull") if data.startswith(LFS_POINTER) else data


def read_file(
    path: Path,
    place: str,
    kind: type[Any],
    mend: Callable[[Collection[Any]], str],
    delete: Callable[[str, str], str],
    read: Callable[[bytes, Any], tuple[Hashable, Any]],
) -> File:
    """Read a file line by line.

    read: returns the key and the record of a raw line and its typed part.
    mend: returns the command line that makes missing records anew, beside those with some keys.
    delete: returns the one that deletes the records of a kind.
    """
    file, bad, repeated = File(path, place, delete=delete), dict[int, str](), list[int]()
    decoder, data = msgspec.json.Decoder(kind), content_of(path, place)
    if isinstance(data, Finding):
        return File(path, place, findings=[data])
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
    torn = len(raws) in bad and not is_json(raws[-1])
    if torn:
        del bad[len(raws)]
    command = mend(file.records) if bad or torn else ""
    problem = f"lines that are no records ({next(iter(bad.values()), '')})"
    file.findings += file.spoiled(problem, list(bad), command, "no-records")
    file.findings += file.spoiled("earlier records of the same id", repeated, "", "same-ids")
    if torn:  # a run mends it, but not before the other lines are mended
        file.findings.append(Finding("torn last line", place, 1, (f"line {len(raws)}",), command))
    return file
