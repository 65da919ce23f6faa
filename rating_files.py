"""Files of ratings: references, names of models that differ, and bootstrap results."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
    """Add rating and ends of a model; InputError if it is there or they contradict each other."""
    if model in rows:
        raise InputError(f"{where}: the model '{model}' is there twice")
    _check_ends("rating", values, where)
    rows[model] = values


def _check_ends(what: str, values: tuple[float, float, float], where: str) -> None:
    """Raise InputError where a number is not within its ends, as offsets from it are not."""
    value, lower, upper = values
    if lower > upper:
        raise InputError(f"{where}: the lower end {lower:g} is above the upper {upper:g}")
    if within(*values):
        return
    hint = "correct the line, or leave the model out"
    if lower <= 0 <= upper:
        hint = f"if they are offsets, write the ends, {value + lower:g} and {value + upper:g}"
    raise InputError(
        f"{where}: the {what} {value:g} is not within its ends {lower:g} and {upper:g}; {hint}"
    )


def within(value: float, lower: float, upper: float) -> bool:
    """Whether a number is within its ends, but for what rounding makes of it."""
    slack = 1e-9 * max(abs(value), 1.0)
    return lower - slack <= value <= upper + slack


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
            if None in row:
                raise InputError(
                    f"{path}:{reader.line_num}: {len(row) - 1 + len(row[None]):,} cells below "
                    f"{len(row) - 1:,} columns; a cell with a comma needs quotes"
                )
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
    """Write one line a model: its score, the ends of its 95 % interval, and each round's score.

    The ends are null where they do not hold the score, as of one round alone.
    """
    ends = (ratings.rating.tolist(), ratings.lower.tolist(), ratings.upper.tolist())
    lines = []
    for model, score, lower, upper in zip(ratings.models, *ends, strict=True):
        if not within(score, lower, upper):
            lower = upper = None
        results = [None if math.isnan(value) else value for value in samples[model].tolist()]
        line = {"model": model, "score": score, "lower": lower, "upper": upper}
        lines.append(dump_line(line | {"results": results}))
    write_lines(path, lines)


def read_bootstrap(path: Path, level: float) -> Ratings:
    """Return the ratings of a file of bootstrap results, one JSON line a model.

    `results` give forecasts and intervals (null: the round does not place the model), but for 95 %
    intervals whose ends are given. Without any results the ends give both, as in a reference.
    Raises InputError that names the line.
    """
    lines = _bootstrap_lines(path)
    models, rating = tuple(lines), np.array([line.score for line in lines.values()])
    if not any(line.results for line in lines.values()):
        lower, upper = _ends(lines, path)
        return of_ends(models, rating, lower, upper, level)
    found = of_samples(models, rating, _results(lines, path), level)
    return _with_ends(found, lines) if level == LEVEL else found


def _bootstrap_lines(path: Path) -> dict[str, _Line]:
    """Return the lines of a file by model; InputError where one is there twice, or is wrong."""
    lines: dict[str, _Line] = {}
    for number, _, line in decode_lines(path, _Line, "bootstrap results"):
        where = f"{path}:{number}"
        if line.model in lines:
            raise InputError(f"{where}: the model '{line.model}' is there twice")
        _check_line(line, where)
        lines[line.model] = line
    if not lines:
        raise InputError(f"{path}: holds no model")
    return lines


def _check_line(line: _Line, where: str) -> None:
    given = [end for end in (line.lower, line.upper) if end is not None]
    if not np.isfinite([line.score, *given]).all() or np.isinf(_rounds(line)).any():
        raise InputError(f"{where}: '{line.model}' has a number that is not finite")
    if len(given) == 1:
        raise InputError(f"{where}: '{line.model}' has one end of its interval; give both or none")
    if given:
        _check_ends("score", (line.score, given[0], given[1]), where)


def _rounds(line: _Line) -> np.ndarray:
    return np.array(line.results or [], dtype=float)


def _results(lines: Mapping[str, _Line], path: Path) -> np.ndarray:
    """Scores of the rounds (rounds, M)."""
    rounds = [_rounds(line) for line in lines.values()]
    for model, one in zip(lines, rounds, strict=True):
        if len(one) != len(rounds[0]) or np.isnan(one).all():
            raise InputError(
                f"{path}: '{model}' has {(~np.isnan(one)).sum():,} results, "
                f"'{next(iter(lines))}' has {len(rounds[0]):,}"
            )
    return np.asarray(np.array(rounds).T)


def _ends(lines: Mapping[str, _Line], path: Path) -> np.ndarray:
    """Lower and upper ends (2, M)."""
    for model, line in lines.items():
        if line.lower is None:
            raise InputError(f"{path}: '{model}' has neither results nor lower and upper ends")
    ends = [(line.lower, line.upper) for line in lines.values()]
    return np.asarray(np.array(ends, dtype=float).T)


def _with_ends(ratings: Ratings, lines: Mapping[str, _Line]) -> Ratings:
    """Return ratings with the ends that the lines give, in the place of percentiles."""
    given = [(lines[model].lower, lines[model].upper) for model in ratings.models]
    lower, upper = np.array(given, dtype=float).T
    return replace(
        ratings,
        lower=np.where(np.isnan(lower), ratings.lower, lower),
        upper=np.where(np.isnan(upper), ratings.upper, upper),
    )
