"""Tables and lists of names as text that fits a terminal: in blocks, by the width that shows."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from arena.base.errors import one_line

if TYPE_CHECKING:
    pass

WIDTH = 120
MANY_NAMES = 10  # over which a list gives their number and the first few
FIRST_NAMES = 3


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose first column names its rows, with as many others as fit in
    120; the rest go on below, after an empty line.
    """
    names, *columns = zip(*([one_line(cell) for cell in row] for row in rows), strict=True)
    first = max(map(shown_width, names))
    for number, block in enumerate(_blocks(columns, WIDTH - first)):
        if number:
            yield ""
        widths = [first, *(max(map(shown_width, column)) for column in block)]
        for row in zip(names, *block, strict=True):
            cells = (_padded(cell, width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(cells).rstrip()


def _blocks(columns: Sequence[Sequence[str]], room: int) -> list[list[Sequence[str]]]:
    """Return the columns in blocks that fit in the room, each of one column at least."""
    blocks: list[list[Sequence[str]]] = [[]]
    left = room
    for column in columns:
        needed = 2 + max(map(shown_width, column))
        if blocks[-1] and needed > left:
            blocks.append([])
            left = room
        blocks[-1].append(column)
        left -= needed
    return blocks


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - shown_width(cell))


def shown_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a Hangul syllable."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def listed(names: Collection[str], what: str = "models") -> str:
    """Return names in a line; of many their number and the first few."""
    if len(names) <= MANY_NAMES:
        return ", ".join(map(one_line, names))
    first = map(one_line, list(names)[:FIRST_NAMES])
    return f"{len(names):,} {what}, e.g. {', '.join(first)}"
