"""Files of ratings: references, names of models that differ, and bootstrap results."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np

from console import InputError, one_line
from jsonl import decode_lines, dump_line, read_bytes, write_lines
from ratings import LEVEL, Ratings, of_ends, of_samples
from sections import TEXT, Section, read_yaml

# References

_COLUMNS = {
    "model": ("model",),
    "rating": ("rating", "score"),
    "lower": ("lower", "rating_q025"),
    "upper": ("upper", "rating_q975"),
    "variance": ("variance",),
}


def read_reference(path: Path, level: float) -> Ratings:
    """Return the ratings of a CSV file, or of JSON lines (`.jsonl`), with columns found by name.

    `model`, `rating` or `score`, and 95 % intervals: `lower` and `upper`, or `rating_q025` and
    `rating_q975`, or the `variance` of a normal. Raises InputError that names line and column.
    """
    deviation = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    rows: dict[str, tuple[float, float, float]] = {}
    for where, row in _rows(path):
        model = _value(row, "model", where)
        if not isinstance(model, str) or not model.strip():
            raise InputError(f"{where}: model: expected a name, got {_shown(model)}")
        rating = _number(row, "rating", where)
        if _has(row, "lower") or _has(row, "upper") or not _has(row, "variance"):
            ends = _number(row, "lower", where), _number(row, "upper", where)
        else:
            variance = _number(row, "variance", where)
            if variance < 0:
                raise InputError(f"{where}: variance: expected 0 or more, got {variance:g}")
            half = deviation * math.sqrt(variance)
            ends = rating - half, rating + half
        _add(rows, model.strip(), (rating, *ends), where)
    if not rows:
        raise InputError(f"{path}: holds no model")
    rating, lower, upper = np.array(list(rows.values())).T
    return of_ends(tuple(rows), rating, lower, upper, level)


def _add(
    rows: dict[str, tuple[float, float, float]],
    model: str,
    values: tuple[float, float, float],
    where: str,
) -> None:
    """Add rating and ends of a model; InputError if it is there or its ends are exchanged."""
    if model in rows:
        raise InputError(f"{where}: the model '{model}' is there twice")
    if values[1] > values[2]:
        raise InputError(f"{where}: the lower end {values[1]:g} is above the upper {values[2]:g}")
    rows[model] = values


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row by the names of its columns in small letters, and where it stands."""
    try:
        text = read_bytes(path, "reference ratings").decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: the text is not UTF-8") from None
    for number, row in (_json_rows if path.suffix == ".jsonl" else _csv_rows)(text, path):
        yield f"{path}:{number}", {str(name).strip().lower(): v for name, v in row.items()}


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}: expected a JSON object, got {_shown(row)}")
            yield number, row


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}:{reader.reader.line_num}: not CSV: {error}") from None


def _has(row: Mapping[str, Any], column: str) -> bool:
    return any(name in row for name in _COLUMNS[column])


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    names = _COLUMNS[column]
    found = next((name for name in names if name in row), None)
    if found is None:
        instead = ", and no column 'variance'" if column in ("lower", "upper") else ""
        known = ", ".join(name for name in row if name != "none")
        wanted = "' or '".join(names)
        raise InputError(f"{where}: no column '{wanted}'{instead}; columns: {one_line(known)}")
    return row[found]


def _number(row: Mapping[str, Any], column: str, where: str) -> float:
    value = _value(row, column, where)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {column}: expected a finite number, got {_shown(value)}")
    return number


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else one_line(repr(value), 60)


def read_names(path: Path) -> dict[str, str]:
    """Return what a JSON or YAML file maps a benchmark's names of models to: the reference's."""
    section = _read_json(path) if path.suffix == ".json" else read_yaml(path)
    return {name: section.take(name, TEXT, literal=True) for name in section.names()}


def _read_json(path: Path) -> Section:
    try:
        return Section(str(path), json.loads(read_bytes(path, "names of models")))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None


# Bootstrap results


class _Line(msgspec.Struct):
    model: str
    score: float
    lower: float | None = None
    upper: float | None = None
    results: list[float | None] | None = None


def save_bootstrap(path: Path, ratings: Ratings, samples: Mapping[str, np.ndarray]) -> None:
    """Write one line a model: its score, the ends of its 95 % interval, and each round's score."""
    ends = (ratings.rating.tolist(), ratings.lower.tolist(), ratings.upper.tolist())
    lines = []
    for model, score, lower, upper in zip(ratings.models, *ends, strict=True):
        results = [None if math.isnan(value) else value for value in samples[model].tolist()]
        line = {"model": model, "score": score, "lower": lower, "upper": upper}
        lines.append(dump_line(line | {"results": results}))
    write_lines(path, lines)


def read_bootstrap(path: Path, level: float) -> Ratings:
    """Return the ratings of a file of bootstrap results, one JSON line a model.

    `results` give intervals and forecasts (null: the round does not place the model); without any,
    `lower` and `upper` do, as in a reference. Raises InputError that names the line.
    """
    lines: dict[str, _Line] = {}
    for number, _, line in decode_lines(path, _Line, "bootstrap results"):
        where, model = f"{path}:{number}", line.model
        ends = (line.score, line.lower or 0.0, line.upper or 0.0)
        if model in lines:
            raise InputError(f"{where}: the model '{model}' is there twice")
        if not np.isfinite(ends).all() or np.isinf(_rounds(line)).any():
            raise InputError(f"{where}: '{model}' has a number that is not finite")
        lines[model] = line
    if not lines:
        raise InputError(f"{path}: holds no model")
    rating = np.array([line.score for line in lines.values()])
    if not any(line.results for line in lines.values()):
        lower, upper = _ends(lines, path)
        return of_ends(tuple(lines), rating, lower, upper, level)
    rounds = [_rounds(line) for line in lines.values()]
    for model, one in zip(lines, rounds, strict=True):
        if len(one) != len(rounds[0]) or np.isnan(one).all():
            raise InputError(
                f"{path}: '{model}' has {(~np.isnan(one)).sum():,} results, "
                f"'{next(iter(lines))}' has {len(rounds[0]):,}"
            )
    return of_samples(tuple(lines), rating, np.array(rounds).T, level)


def _rounds(line: _Line) -> np.ndarray:
    return np.array(line.results or [], dtype=float)


def _ends(lines: Mapping[str, _Line], path: Path) -> np.ndarray:
    """Lower and upper ends (2, M)."""
    for model, line in lines.items():
        if line.lower is None or line.upper is None or line.lower > line.upper:
            raise InputError(f"{path}: '{model}' has neither results nor lower and upper ends")
    ends = [(line.lower, line.upper) for line in lines.values()]
    return np.asarray(np.array(ends, dtype=float).T)
