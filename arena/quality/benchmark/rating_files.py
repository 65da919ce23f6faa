"""Files of ratings: references, names of models that differ, and bootstrap results."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

import msgspec
import numpy as np

from arena.base.errors import InputError, one_line
from arena.base.jsonl import decode_lines, dump_line, is_stream, read_bytes, write_lines
from arena.base.yaml_file import mapping, read_yaml, text_of
from arena.leaderboard.output.text import FORMULA
from arena.quality.benchmark.ratings import LEVEL, Ratings, of_ends, of_samples

LARGEST = 1e15  # what is larger is a mistake, and its differences lose their digits

# References

_COLUMNS = {
    "model": ("model",),
    "rating": ("rating", "score", "arena score", "arena elo"),
    "lower": ("lower", "rating_q025"),
    "upper": ("upper", "rating_q975"),
    "variance": ("variance",),
    "95% CI": ("95% ci",),
}
_OFFSETS = re.compile(r"±{n}|\+?{n}/[-−]{n}|[-−]{n}/\+?{n}".replace("{n}", r"(\d{1,15}(?:\.\d+)?)"))


@dataclass(frozen=True)
class _Row:
    """A row of a reference: its cells by their heads in small letters, and its file and line."""

    where: str
    cells: Mapping[str, Any]

    def has(self, *columns: str) -> bool:
        names = (name for column in columns for name in _COLUMNS[column])
        return any(self.cells.get(name) not in ("", None) for name in names)

    def value(self, column: str) -> Any:
        names = _COLUMNS[column]
        values = [self.cells[name] for name in names if name in self.cells]
        if not values:
            instead = ", and no column 'variance'" if column in ("lower", "upper") else ""
            name, columns = "' or '".join(names[:2]), one_line(", ".join(self.cells))
            raise InputError(f"{self.where}: no column '{name}'{instead}. Its columns: {columns}")
        return next((value for value in values if value not in ("", None)), None)

    def number(self, column: str) -> float:
        value = self.value(column)
        try:
            # As a text True is no number, and a JSON integer of 400 digits does not overflow.
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not abs(number) <= LARGEST:
            kind = "a finite number" if math.isnan(number) else "a number up to 1e15"
            raise InputError(f"{self.where}: {column}: expected {kind}, got {_shown(value)}")
        return number

    def interval(self) -> tuple[float, float, float]:
        """Return the rating and the ends of its 95 % interval: as such, of a variance, or of
        `+3/-4` or `±4`.
        """
        rating = self.number("rating")
        if self.has("lower", "upper") or not self.has("variance", "95% CI"):
            return rating, self.number("lower"), self.number("upper")
        if self.has("variance"):
            if (variance := self.number("variance")) < 0:
                raise InputError(f"{self.where}: variance: expected 0 or more, got {variance:g}")
            half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * math.sqrt(variance)
            return rating, rating - half, rating + half
        offsets = "".join(str(self.value("95% CI")).split())
        if not (match := _OFFSETS.fullmatch(offsets)):
            fault = f"expected a text such as +3/-4, got {_shown(offsets)}"
            raise InputError(f"{self.where}: 95% CI: {fault}")
        # Only one of the forms matches, and the numbers of the others are 0.
        both, above, below, first_below, last_above = (float(x or 0) for x in match.groups())
        return rating, rating - both - below - first_below, rating + both + above + last_above


def read_reference(path: Path, level: float) -> Ratings:
    """Return the ratings of a CSV file, or of JSON lines, with columns found by name.

    `model`, `rating` or `score`, and 95 % intervals: `lower` and `upper`, or `rating_q025` and
    `rating_q975`, or the `variance` of a normal. Or as Chatbot Arena publishes them: `Arena Score`
    and a `95% CI` such as `+3/-4`. Raises InputError that names line and column.
    """
    rows: dict[str, tuple[float, float, float]] = {}
    for row in _rows(path):
        model = row.value("model")
        if not isinstance(model, str):
            raise InputError(f"{row.where}: model: expected a name, got {_shown(model)}")
        rating, lower, upper = row.interval()
        if model in rows:
            raise InputError(f"{row.where}: the model '{model}' is there twice. Keep one.")
        _check_bounds("rating", rating, lower, upper, row.where)
        rows[model] = rating, lower, upper
    if not rows:
        raise InputError(f"{path}: there is no model in it.")
    values, lower, upper = np.array(list(rows.values())).T
    return of_ends(tuple(rows), values, lower, upper, level)


def _check_bounds(what: str, value: float, lower: float, upper: float, where: str) -> None:
    """Raise InputError if a number is not within its ends, as offsets from it are not."""
    if lower > upper:
        raise InputError(f"{where}: the lower end {lower:g} is above the upper {upper:g}")
    if within(value, lower, upper):
        return
    hint = "Correct the line, or leave the model out."
    if lower <= 0 <= upper:
        hint = f"If they are offsets, write the ends, {value + lower:g} and {value + upper:g}."
    raise InputError(
        f"{where}: the {what} {value:g} is not within its ends {lower:g} and {upper:g}. {hint}"
    )


def within(value: float, lower: float, upper: float) -> bool:
    """Whether a number is within its ends, but for rounding."""
    slack = 1e-9 * max(abs(value), 1.0)
    return lower - slack <= value <= upper + slack


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the rows of a file: a list of JSON, JSON lines or CSV, by content, else by suffix."""
    try:
        text = _read(path, "reference ratings").decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: the text is not UTF-8. Save it as UTF-8.") from None
    start, suffix = text.lstrip()[:1], path.suffix.lower()
    rows: Iterator[tuple[int, Any]]
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
        stripped = ((x.strip() if isinstance(x, str) else x for x in cell) for cell in row.items())
        yield _Row(f"{path}:{number}", {name.lower(): value for name, value in stripped})


def _read(path: Path, what: str) -> bytes:
    data = read_bytes(path, what)
    if data.startswith(b"\x1f\x8b"):
        raise InputError(f"{path}: is compressed. Unpack it first, for example with gunzip.")
    if data.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a spreadsheet or a zip archive. Save it as CSV.")
    return data


def _parsed(text: str | bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with commas, or semicolons or tabs if its head has more."""
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    # Without strict an open quote would swallow the rest of the file as one cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    # Spreadsheets end rows with empty cells, or omit those: rows may have any length.
    stripped = ([cell.strip() for cell in row] for row in reader)
    # Our own tables put an apostrophe before what a spreadsheet would run as a formula.
    quoted = tuple(f"'{start}" for start in FORMULA)
    rows = filter(any, ([c[c.startswith(quoted) :] for c in row] for row in stripped))
    try:
        names = [cell.lower() for cell in next(rows, [])]
        for name in chain(*_COLUMNS.values()):
            if (number := names.count(name)) > 1:
                where = f"{path}:{reader.line_num}"
                raise InputError(f"{where}: there are {number} columns '{name}'. Keep one.")
        for cells in rows:
            if any(cells[len(names) :]):
                raise InputError(
                    f"{path}:{reader.line_num}: {len(cells):,} cells below {len(names):,} columns. "
                    "Quote cells that contain a comma."
                )
            yield reader.line_num, dict(zip_longest(names, cells[: len(names)], fillvalue=""))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else one_line(repr(value), 60)


def read_names(path: Path) -> dict[str, str]:
    """Return the names of the reference for the names of a benchmark, from a JSON or YAML file."""
    if path.suffix.lower() == ".json":
        names = mapping(_parsed(read_bytes(path, "names of models"), str(path)), str(path))
    else:
        names = read_yaml(path)
    return {key: text_of(name, f"{path}: {key}") for key, name in names.items()}


# Bootstrap results

_Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]  # NaN is refused too


class _Line(msgspec.Struct):
    model: str
    score: _Number
    lower: _Number | None = None
    upper: _Number | None = None
    results: list[_Number | None] | None = None
    where: Any = ""  # set when it is read


def save_bootstrap(path: Path, ratings: Ratings, samples: Mapping[str, np.ndarray]) -> None:
    """Write one line a model: its score, the ends of its 95 % interval, and each round's score.

    The ends are null if the score is not within them, as of one round alone.
    """
    ends = (ratings.rating.tolist(), ratings.lower.tolist(), ratings.upper.tolist())
    lines = []
    for model, score, lower, upper in zip(ratings.models, *ends, strict=True):
        if not within(score, lower, upper):
            lower = upper = None
        line = {"model": model, "score": score, "lower": lower, "upper": upper}
        results = [None if math.isnan(value) else value for value in samples[model].tolist()]
        lines.append(dump_line(line | {"results": results}))
    write_lines(path, lines)


def read_bootstrap(path: Path, level: float) -> Ratings:
    """Return the ratings of a file of bootstrap results, one JSON line a model.

    `results` give forecasts and intervals (null: the round does not place the model), given ends
    those at 95 %. Without any results the ends give both. Raises InputError that names the line.
    """
    lines = _bootstrap_lines(path)
    models, fullest = tuple(lines), max(lines.values(), key=lambda line: len(line.results or ()))
    numbers = [(line.score, line.lower, line.upper) for line in lines.values()]
    rating, lower, upper = np.array(numbers, dtype=float).T
    most = len(fullest.results or ())
    for line in lines.values():
        # A baseline has the same score in each round: the notebook of v0.1 writes it once.
        if line.results and line.results == [line.lower] == [line.upper]:
            line.results *= most
        fault, number = "", len(line.results or ())
        if not most and line.lower is None:
            fault = "has neither results nor two ends."
        elif number != most:
            fault = f"has {number:,} results, '{fullest.model}' has {most:,}. Give all as many."
        elif most and set(line.results or ()) == {None}:
            fault = "has only nulls as results: no round places it. Leave it out."
        if fault:
            raise InputError(f"{line.where}: '{line.model}' {fault}")
    if not most:
        return of_ends(models, rating, lower, upper, level)
    samples = np.array([line.results for line in lines.values()], dtype=float).T
    ratings = of_samples(models, rating, samples, level)
    # The ends are those at 95 %. At another level all intervals are those of the rounds.
    given = ~np.isnan(lower) & (level == LEVEL)
    lower, upper = np.where(given, [lower, upper], [ratings.lower, ratings.upper])
    return replace(ratings, lower=lower, upper=upper)


def _bootstrap_lines(path: Path) -> dict[str, _Line]:
    """Return the lines of a file by model. Raises InputError for a wrong or repeated one."""
    if not is_stream(path):  # a pipe can be read only once
        first = _read(path, "bootstrap results").lstrip().partition(b"\n")[0]
        with contextlib.suppress(ValueError, RecursionError):  # the reading of lines names a fault
            ratings = msgspec.json.decode(first, type=dict[str, float | None])
            if ratings and ratings.keys().isdisjoint({"model", "score", "results"}):
                raise InputError(
                    f"{path}: has the rounds of show_result.py, without the scores. Make a file "
                    "for --bootstrap by benchmark_metrics.py --save-bootstrap FILE with the same "
                    "flags."
                )
    lines: dict[str, _Line] = {}
    for number, _, line in decode_lines(path, _Line, "bootstrap results"):
        where = line.where = f"{path}:{number}"
        if line.model in lines:
            raise InputError(f"{where}: the model '{line.model}' is there twice. Keep one.")
        if line.lower is not None and line.upper is not None:
            _check_bounds("score", line.score, line.lower, line.upper, where)
        elif line.lower is not None or line.upper is not None:
            raise InputError(f"{where}: '{line.model}' has one end of its interval. Give both.")
        lines[line.model] = line
    if not lines:
        raise InputError(f"{path}: there is no model in it.")
    return lines
