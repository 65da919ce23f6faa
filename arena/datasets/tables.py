"""Rows of tables: CSV, TSV, text, JSON, JSON lines and parquet files."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import json
import re
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from arena.base.errors import InputError
from arena.base.jsonl import is_json, loads, read_bytes


@dataclass(frozen=True)
class Row:
    """A row by the names of its columns. number: its line, or its place in JSON and parquet."""

    number: int
    values: dict[str, Any]


LISTS = ("data", "conversations", "instances", "examples", "rows", "questions")
PROMPT = "prompt"  # the column of texts without names
TEXTS = (PROMPT, "question", "instruction", "text", "query", "input")  # usual columns of prompts
OTHERS = ("turns", "messages", "answer", "output", "response")  # which only a row has


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file in the form that its suffix and its content show.

    The suffixes are .csv, .tsv, .txt, .json, .jsonl and .parquet, all but the last also with .gz.
    A text has the column `prompt`, and cells of CSV and TSV files are str. Raises InputError with
    the file, and the line if there is one, for what is not such a file.
    """
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix == ".parquet" and not name.endswith(".gz"):
        return read_parquet(path)
    if suffix not in READERS:
        forms = ", ".join([*READERS, ".parquet"])
        raise InputError(f"{path}: unknown form '{suffix}'. Use a file that ends with {forms}.")
    return READERS[suffix](path, read_text(path))


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked if its name ends with .gz. Raises InputError for
    encodings other than UTF-8.
    """
    data = read_bytes(path, "the rows")
    if path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data).removeprefix(codecs.BOM_UTF8)
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{path}: not a complete gzip file. Get it again.") from None
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if wide or b"\0" in data:
        form = "UTF-16" if wide else "binary data"
        raise InputError(f"{path}: this is {form}, not UTF-8 text. Save it as UTF-8.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        advice = "Save it as UTF-8"
        if not path.name.lower().endswith(".gz"):
            new = path.with_name(f"utf8-{path.name}")
            files = f"{shlex.quote(str(path))} > {shlex.quote(str(new))}"
            advice += f", or run: iconv -f WINDOWS-1252 -t UTF-8 {files}"
        raise InputError(f"{path}:{line}: not UTF-8 text. {advice}") from None


def read_plain(path: Path, text: str) -> Iterator[Row]:
    """Yield the prompts of a text: its paragraphs if blank lines separate some, else its lines."""
    lines = re.split(r"\r\n|\n|\r", text)
    ends = [number for number, line in enumerate(lines) if not line.strip()]
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        return
    in_lines = not any(filled[0] < end < filled[-1] for end in ends)
    paragraph = list[str]()
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            paragraph.append(line)
        if paragraph and (in_lines or not line.strip()):
            start = number if line.strip() else number - len(paragraph)
            yield Row(start, {PROMPT: "\n".join(paragraph)})
            paragraph = []


def read_csv(path: Path, text: str) -> Iterator[Row]:
    """Yield the rows of a CSV file. Its delimiter is the most frequent of `,`, `;` and tab in the
    header.
    """
    head = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
    delimiter = max(",;\t", key=head.count)
    return read_tsv(path, text) if delimiter == "\t" else _read_cells(path, text, delimiter)


def read_tsv(path: Path, text: str) -> Iterator[Row]:
    """Yield the rows of a file with tabs, whose quotes are text if they do not fit as quotes."""
    with contextlib.suppress(InputError):
        return iter(list(_read_cells(path, text, "\t")))
    with contextlib.suppress(InputError):
        return iter(list(_read_cells(path, text, "\t", csv.QUOTE_NONE)))
    return _read_cells(path, text, "\t")


def _read_cells(
    path: Path, text: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[Row]:
    """Yield the rows without the cells whose column has no name, as an index of pandas."""
    csv.field_size_limit(2**31 - 1)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    header, start = list[str](), 1
    try:
        for cells in reader:
            number, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                named = [name for name in header if name]
                if len(set(named)) < len(named):
                    advice = "Write names, all different, into its first line."
                    raise InputError(f"{path}:{number}: no header with column names. {advice}")
                while not header[-1]:
                    del header[-1]
                continue
            while len(cells) > len(header) and not cells[-1].strip():
                del cells[-1]
            if len(cells) != len(header):
                counts = f"{len(cells)} cells, but the header has {len(header)}"
                advice = f"Put cells with {delimiter!r} or newlines into double quotes."
                raise InputError(f"{path}:{number}: {counts}. {advice}")
            values = dict(zip(header, cells, strict=True))
            values.pop("", None)
            yield Row(number, values)
    except csv.Error as error:
        raise InputError(f"{path}:{start}: not CSV: {error}. Check its quotes.") from None


def read_json(path: Path, text: str) -> Iterator[Row]:
    """Yield the records of a JSON list, of such a list in an object, or of JSON lines."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    rest = any(line.strip() for line in lines[first + 1 :])
    if lines[first].lstrip()[:1] != "[" and rest and is_json(lines[first].encode()):
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield record(f"{path}:{number}", number, parse(path, line, number))
        return
    value = parse(path, text, 1)
    if isinstance(value, dict):
        found = next((value[key] for key in LISTS if isinstance(value.get(key), list)), None)
        is_row = any(str(key).strip().lower() in (*TEXTS, *OTHERS) for key in value)
        is_chat = found and isinstance(found[0], dict) and {"role", "from"} & found[0].keys()
        value = [value] if found is None or is_chat or is_row else found
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield record(f"{path}: record {number}", number, item)


def parse(path: Path, text: str, line: int) -> Any:
    """Return the value of a JSON text that begins in a line of a file."""
    if not text.strip():
        return []
    try:
        return loads(text.encode())
    except RecursionError:
        raise InputError(f"{path}:{line}: nested too deeply. Use flat records.") from None
    except ValueError as error:
        line += error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0
        reason = getattr(error, "msg", error)
        advice = "Write one JSON value a line, or a list of them."
        raise InputError(f"{path}:{line}: not JSON: {reason}. {advice}") from None


def record(place: str, number: int, item: object) -> Row:
    """Return the row of a JSON value, which is an object or a text."""
    if isinstance(item, str):
        return Row(number, {PROMPT: item})
    if not isinstance(item, dict):
        raise InputError(f"{place}: neither an object nor a text. Use records with a prompt.")
    return Row(number, item)


def read_parquet(path: Path) -> Iterator[Row]:
    """Yield the rows of a parquet file."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        advice = "Run: pip install pyarrow"
        raise InputError(f"{path}: parquet files need pyarrow. {advice}") from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                columns = dict[str, list[Any]]()
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    # Python has no dates beyond the year 9999. Such a column cannot be named.
                    with contextlib.suppress(OverflowError, ValueError, LookupError):
                        columns[name] = column.to_pylist()
                for place in range(batch.num_rows):
                    number += 1
                    yield Row(number, {name: cells[place] for name, cells in columns.items()})
    except (ArrowException, OSError, ValueError):
        raise InputError(f"{path}: not a parquet file, or unreadable. Get it again.") from None


READERS = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".txt": read_plain,
    ".json": read_json,
    ".jsonl": read_json,
}
