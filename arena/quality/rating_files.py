"""Files of ratings: references, names of models that differ, and bootstrap results."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np

from arena.base.errors import InputError, one_line
from arena.base.jsonl import decode_lines, dump_line, is_stream, read_bytes, write_lines
from arena.base.yaml_file import mapping, read_yaml
from arena.quality.ratings import LEVEL, Ratings, of_ends, of_samples

# References

_COLUMNS = {
    "model": ("model",),
    "rating": ("rating", "score", "arena score", "arena elo"),
    "lower": ("lower", "rating_q025"),
    "upper": ("upper", "rating_q975"),
    "variance": ("variance",),
    "95% CI": ("95% ci",),
}
_DEVIATION = NormalDist().inv_cdf(0.5 + LEVEL / 2)
LARGEST = 1e15  # what is larger is a mistake, and its differences lose their digits


def read_reference(path: Path, level: float) -> Ratings:
    """Return the ratings of a CSV file, or of JSON lines, with columns found by name.

    `model`, `rating` or `score`, and 95 % intervals: `lower` and `upper`, or `rating_q025` and
    `rating_q975`, or the `variance` of a normal. Or as Chatbot Arena publishes them: `Arena Score`
    and a `95% CI` such as `+3/-4`. Raises InputError that names line and column.
    """
    rows: dict[str, tuple[float, float, float]] = {}
    for where, row in _rows(path):
        model = _value(row, "model", where)
        if not isinstance(model, str) or not model.strip():
            raise InputError(f"{where}: model: expected a name, got {_shown(model)}")
        rating = _number(row, "rating", where)
        values = rating, *_ends_of(row, rating, where)
        if model.strip() in rows:
            raise InputError(f"{where}: the model '{model.strip()}' is there twice. Keep one.")
        _check_ends("rating", values, where)
        rows[model.strip()] = values
    if not rows:
        raise InputError(f"{path}: there is no model in it.")
    rating, lower, upper = np.array(list(rows.values())).T
    return of_ends(tuple(rows), rating, lower, upper, level)


def _ends_of(row: Mapping[str, Any], rating: float, where: str) -> tuple[float, float]:
    """Return the ends of a row's 95 % interval: as such, of a variance, or of `+3/-4` or `±4`."""
    known = {
        column
        for column, names in _COLUMNS.items()
        if any(str(row.get(name) or "").strip() or row.get(name) == 0 for name in names)
    }
    if known & {"lower", "upper"} or not known & {"variance", "95% CI"}:
        return _number(row, "lower", where), _number(row, "upper", where)
    if "variance" in known:
        variance = _number(row, "variance", where)
        if variance < 0:
            raise InputError(f"{where}: variance: expected 0 or more, got {variance:g}")
        half = _DEVIATION * math.sqrt(variance)
        return rating - half, rating + half
    interval = "".join(str(_value(row, "95% CI", where)).split())
    for form in (r"\+?{n}/[-−]{n}", r"[-−]{n}/\+?{n}", r"±{n}"):
        if match := re.fullmatch(form.format(n=r"(\d{1,15}(?:\.\d+)?)"), interval):
            offsets = [float(offset) for offset in match.groups()]
            above, below = offsets[0], offsets[-1]
            if interval[0] in "-−":
                above, below = below, above
            return rating - below, rating + above
    raise InputError(f"{where}: 95% CI: expected a text such as +3/-4, got {_shown(interval)}")


def _check_ends(what: str, values: tuple[float, float, float], where: str) -> None:
    """Raise InputError where a number is not within its ends, as offsets from it are not."""
    value, lower, upper = values
    if lower > upper:
        raise InputError(f"{where}: the lower end {lower:g} is above the upper {upper:g}")
    if within(*values):
        return
    hint = "Correct the line, or leave the model out."
    if lower <= 0 <= upper:
        hint = f"If they are offsets, write the ends, {value + lower:g} and {value + upper:g}."
    raise InputError(
        f"{where}: the {what} {value:g} is not within its ends {lower:g} and {upper:g}. {hint}"
    )


def within(value: float, lower: float, upper: float) -> bool:
    """Whether a number is within its ends, but for what rounding makes of it."""
    slack = 1e-9 * max(abs(value), 1.0)
    return lower - slack <= value <= upper + slack


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row by the names of its columns in small letters, and its file and line.

    The content decides on the form, else the suffix: a list of JSON, JSON lines, or CSV.
    """
    data = read_bytes(path, "reference ratings")
    _check_packed(path, data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: the text is not UTF-8. Save it as UTF-8.") from None
    start, suffix = text.lstrip()[:1], path.suffix.lower()
    rows: Iterable[tuple[int, Any]]
    if suffix == ".json" and start == "[":
        rows = enumerate(_parsed(text, str(path)), start=1)
    elif start == "{" or suffix in (".jsonl", ".json"):
        lines = enumerate(text.split("\n"), start=1)
        rows = ((n, _parsed(line, f"{path}:{n}")) for n, line in lines if line.strip())
    else:
        rows = _csv_rows(text, path)
    for number, row in rows:
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: expected a JSON object, got {_shown(row)}")
        yield f"{path}:{number}", {str(name).strip().lower(): v for name, v in row.items()}


def _check_packed(path: Path, data: bytes) -> None:
    """Raise InputError for a compressed file and for a spreadsheet."""
    if data.startswith(b"\x1f\x8b"):
        raise InputError(f"{path}: is compressed. Unpack it first, for example with gunzip.")
    if data.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a spreadsheet or a zip archive. Save it as CSV.")


def _parsed(text: str | bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with commas, or semicolons or tabs if its head has more.

    Spreadsheets end rows with empty cells, and leave them out: rows may be of any length.
    """
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    # Without strict an open quote would swallow the rest of the file as one cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        for cells in filter(any, ([cell.strip() for cell in row] for row in reader)):
            where = f"{path}:{reader.line_num}"
            if not names:
                names = [cell.lower() for cell in cells]
                for name in (name for known in _COLUMNS.values() for name in known):
                    if (number := names.count(name)) > 1:
                        raise InputError(f"{where}: there are {number} columns '{name}'. Keep one.")
            elif any(cells[len(names) :]):
                raise InputError(
                    f"{where}: {len(cells):,} cells below {len(names):,} columns. Quote cells that "
                    "contain a comma."
                )
            else:
                yield reader.line_num, dict(zip_longest(names, cells[: len(names)], fillvalue=""))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    names = _COLUMNS[column]
    values = [row[name] for name in names if name in row]
    if not values:
        instead = ", and no column 'variance'" if column in ("lower", "upper") else ""
        wanted = "' or '".join(names[:2])
        columns = one_line(", ".join(row))
        raise InputError(f"{where}: no column '{wanted}'{instead}. Its columns: {columns}")
    return next((value for value in values if value not in ("", None)), values[0])


def _number(row: Mapping[str, Any], column: str, where: str) -> float:
    value = _value(row, column, where)
    try:
        # float(True) is 1, and a JSON integer of 400 digits overflows.
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    except OverflowError:
        number = 2 * LARGEST
    if not math.isfinite(number):
        raise InputError(f"{where}: {column}: expected a finite number, got {_shown(value)}")
    if abs(number) > LARGEST:
        raise InputError(f"{where}: {column}: expected a number up to 1e15, got {_shown(value)}")
    return number


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else one_line(repr(value), 60)


def read_names(path: Path) -> dict[str, str]:
    """Return the names of the reference for the names of a benchmark, from a JSON or YAML file."""
    if path.suffix.lower() == ".json":
        names = mapping(_parsed(read_bytes(path, "names of models"), str(path)), str(path))
    else:
        names = read_yaml(path)
    for key, name in names.items():
        for text in (key, name):
            if not isinstance(text, str):
                raise InputError(
                    f"{path}: {key}: expected a text, got {_shown(text)}. Put it in quotes."
                )
    return names


# Bootstrap results


class _Line(msgspec.Struct):
    model: str
    score: float
    lower: float | None = None
    upper: float | None = None
    results: list[float | None] | None = None
    where: Any = ""  # set when it is read


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
    ends = [(line.lower, line.upper) for line in lines.values()]
    lower, upper = np.array(ends, dtype=float).T
    if not any(line.results for line in lines.values()):
        for model, line in lines.items():
            if line.lower is None:
                raise InputError(f"{line.where}: '{model}' has neither results nor two ends.")
        return of_ends(models, rating, lower, upper, level)
    ratings = of_samples(models, rating, _results(lines), level)
    if level != LEVEL:
        return ratings
    return replace(
        ratings,
        lower=np.where(np.isnan(lower), ratings.lower, lower),
        upper=np.where(np.isnan(upper), ratings.upper, upper),
    )


def _bootstrap_lines(path: Path) -> dict[str, _Line]:
    """Return the lines of a file by model. Raises InputError for a wrong or repeated one."""
    if not is_stream(path):  # a pipe can be read only once
        _check_kind(path)
    lines: dict[str, _Line] = {}
    for number, _, line in decode_lines(path, _Line, "bootstrap results"):
        where = line.where = f"{path}:{number}"
        ends = [end for end in (line.lower, line.upper) if end is not None]
        numbers = np.array([line.score, *ends, *(r for r in line.results or () if r is not None)])
        if line.model in lines:
            raise InputError(f"{where}: the model '{line.model}' is there twice. Keep one.")
        if not np.isfinite(numbers).all():
            raise InputError(f"{where}: '{line.model}' has a number that is not finite.")
        if np.abs(numbers).max() > LARGEST:
            raise InputError(f"{where}: '{line.model}' has a number over 1e15.")
        if len(ends) == 1:
            raise InputError(f"{where}: '{line.model}' has one end of its interval. Give both.")
        if ends:
            _check_ends("score", (line.score, ends[0], ends[1]), where)
        lines[line.model] = line
    if not lines:
        raise InputError(f"{path}: there is no model in it.")
    return lines


def _check_kind(path: Path) -> None:
    """Raise InputError for a compressed file, and for the rounds that show_result.py saves for
    itself, a line a round.
    """
    data = read_bytes(path, "bootstrap results")
    _check_packed(path, data)
    try:
        line = json.loads(data.lstrip().partition(b"\n")[0])
    except (ValueError, RecursionError):
        return  # the reading of the lines names the fault
    if not isinstance(line, dict) or line.keys() & {"model", "score", "results"}:
        return
    if line and all(value is None or isinstance(value, (int, float)) for value in line.values()):
        raise InputError(
            f"{path}: has the rounds of show_result.py, without the scores. Make a file for "
            "--bootstrap by benchmark_metrics.py --save-bootstrap FILE with the same flags."
        )


def _results(lines: Mapping[str, _Line]) -> np.ndarray:
    """Scores of the rounds (rounds, M), NaN for null."""
    rounds = {model: np.array(line.results or [], dtype=float) for model, line in lines.items()}
    fullest = max(rounds, key=lambda model: len(rounds[model]))
    for model, scores in rounds.items():
        where = lines[model].where
        if len(scores) != len(rounds[fullest]):
            raise InputError(
                f"{where}: '{model}' has {len(scores):,} results, '{fullest}' has "
                f"{len(rounds[fullest]):,}. Give each model the same number."
            )
        if np.isnan(scores).all():
            raise InputError(
                f"{where}: '{model}' has only nulls as results: no round places it. Leave it out."
            )
    return np.asarray(np.array(list(rounds.values())).T)
