"""Questions from the tables of published benches, which have a row for each question."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from arena.base.errors import InputError, one_line
from arena.base.jsonl import decode, dump_line
from arena.bench.records import QuestionLine
from arena.datasets.tables import read_parquet

KEPT = ("category", "cluster", "subcategory", "language")


def question_lines(tables: Iterable[Path]) -> list[bytes]:
    """Return the rows of tables as lines of a question.jsonl in the v0.1 format.

    Raises InputError for a row that is no question, and for a table without rows.
    """
    decoder, lines, places = msgspec.json.Decoder(QuestionLine), list[bytes](), dict[str, str]()
    for table in tables:
        for row in read_parquet(table):
            values, place = row.values, f"{table.name}: row {row.number}"
            key = "question_id" if values.get("question_id") is not None else "uid"
            record = {"question_id": values.get(key)}
            record |= {key: values[key] for key in KEPT if values.get(key) is not None}
            record["turns"] = values.get("turns") or [{"content": values.get("prompt")}]
            try:
                lines.append(dump_line(record))
                question = decode(lines[-1].rstrip(b"\n"), decoder)
            except (ValueError, TypeError) as error:
                advice = "It needs a question_id, and a prompt or turns."
                raise InputError(f"{place} is not a question: {error}. {advice}") from None
            if (first := places.setdefault(question.id, place)) != place:
                problem = f"{place} has the id of {first}, '{one_line(question.id, 60)}'"
                raise InputError(f"{problem}. Try another --revision.")
    if not lines:
        raise InputError("the table of questions has no rows. Choose another --revision.")
    return lines
