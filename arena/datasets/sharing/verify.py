"""The verification of a bundle: its files, and its boards computed again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from arena.base.errors import InputError, one_line
from arena.base.jsonl import loads
from arena.datasets.sharing.bundle import read_bundle, unpacked
from arena.datasets.sharing.contents import (
    ABOUT,
    BOARDS,
    MODES,
    PACKAGES,
    README,
    SETTINGS,
    boards_of,
)

TOLERANCE = 1e-6  # relative, between machines with different arithmetic


@dataclass
class Verification:
    """The problems of a bundle, and notes on it that are no problems."""

    files: int
    boards: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(path: Path) -> Verification:
    """Check the files of a bundle, and its boards if the files are whole.

    Raises InputError for what is no bundle.
    """
    files, problems = read_bundle(path)
    result = Verification(len(files), problems=problems)
    if problems:
        return result
    about, stored = (_json(files, name) for name in (ABOUT, BOARDS))
    modes = list(stored)
    known = modes and modes == about.get("modes") and MODES.keys() >= stored.keys()
    bench, judges, versions = (about.get(key) for key in ("bench", "judges", "versions"))
    names = [bench, *judges] if judges and isinstance(judges, list) else [None]
    fit = all(isinstance(name, str) for name in names) and isinstance(versions, dict)
    if SETTINGS not in files or not known or not fit:
        raise InputError(f"{path}: {ABOUT}: not of a bundle of this suite. Get it again.")
    result.problems += map(one_line, dict.fromkeys(missing_files(files, about, stored)))
    if result.problems:
        return result
    try:
        with unpacked(files, Path("data")) as folder:
            made = boards_of(folder, about, modes)
    except (InputError, OSError, KeyError, TypeError) as error:
        reason = one_line(str(getattr(error, "problem", error)))  # no flag helps here
        result.problems.append(f"{BOARDS}: cannot be computed: {reason}")
        return result
    result.boards = sum(map(len, made.values()))
    for mode in modes:
        result.problems += (f"{BOARDS}: {d}" for d in differences(stored[mode], made[mode], mode))
    for name in PACKAGES:
        then, now = about["versions"].get(name), metadata.version(name)
        if then != now:
            result.notes.append(f"{name} was {then} and is {now}")
    return result


class StoredRow(msgspec.Struct):
    """A model of a stored board. avg_tokens: of its answers, None without them."""

    model: str
    avg_tokens: float | None


class StoredBoard(msgspec.Struct):
    """The part of a stored board that says which files it was computed from."""

    rows: list[StoredRow]
    questions_judged: dict[str, int]


def missing_files(
    files: Mapping[str, bytes], about: Mapping[str, Any], stored: Mapping[str, Any]
) -> Iterator[str]:
    """Yield each file that every bundle has, or that a stored board needs, and this one has not."""
    folder, judges = f"data/{about['bench']}", about["judges"]
    try:
        modes = msgspec.convert(list(stored.values()), list[list[StoredBoard]])
    except msgspec.ValidationError as error:
        yield f"{BOARDS}: not of a bundle of this suite: {error}"
        return
    needed = [[README], [f"{folder}/question.jsonl"]]
    for board in itertools.chain.from_iterable(modes):
        measured = [row.model for row in board.rows if row.avg_tokens is not None]
        needed += ([f"{folder}/model_answer/{model}.jsonl"] for model in measured)
        for model in (model for model, questions in board.questions_judged.items() if questions):
            needed.append([f"{folder}/model_judgment/{judge}/{model}.jsonl" for judge in judges])
    for names in needed:
        if files.keys().isdisjoint(names):
            yield f"{' or '.join(names)}: is missing"


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        value = loads(files[name])
    except (KeyError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{name}: missing or not JSON. This is no bundle of this suite.")
    return value


def differences(stored: Any, made: Any, place: str) -> Iterator[str]:
    """Yield each value of plain data that differs, with its place and both values."""
    if isinstance(stored, Mapping) and isinstance(made, Mapping):
        for key in dict.fromkeys([*stored, *made]):
            yield from differences(stored.get(key), made.get(key), f"{place}, {key}")
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        for number, (one, other) in enumerate(zip(stored, made, strict=True), 1):
            name = one.get("model") or one.get("name") if isinstance(one, Mapping) else None
            yield from differences(one, other, f"{place}, {name or number}")
    elif not are_equal(stored, made):
        values = " and ".join(one_line(repr(value), 40) for value in (stored, made))
        yield f"{one_line(place)}: stored and recomputed differ: {values}"


def are_equal(stored: Any, made: Any) -> bool:
    """Whether two values are the same, of numbers within the tolerance."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (stored, made))
    if numbers:
        return math.isclose(stored, made, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(stored) is type(made) and bool(stored == made)
