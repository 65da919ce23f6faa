"""Tables and lists of names as text that fits a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence

from arena.base.errors import one_line

WIDTH = 120


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose first column names its rows.

    Columns beyond the width of the terminal follow in further blocks, after an empty line.
    """
    names, *columns = zip(*([one_line(cell) for cell in row] for row in rows), strict=True)
    for number, block in enumerate(_blocks(columns, WIDTH - max(map(shown_width, names)))):
        if number:
            yield ""
        widths = [max(map(shown_width, column)) for column in (names, *block)]
        for row in zip(names, *block, strict=True):
            padding = (" " * (w - shown_width(cell)) for cell, w in zip(row, widths, strict=True))
            yield "  ".join(map("".join, zip(row, padding, strict=True))).rstrip()


def _blocks(columns: Sequence[Sequence[str]], room: int) -> list[list[Sequence[str]]]:
    """Return the columns in blocks that fit in the room, each with at least one column."""
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


def shown_width(text: str) -> int:
    """Return the number of terminal columns of a text: two for a Hangul syllable."""
    if text.isascii():
        return len(text)
    # Combining marks and formatting characters take no column.
    shown = (
        character
        for character in text
        if not unicodedata.combining(character)
        and unicodedata.category(character) not in ("Mn", "Me", "Cf")
    )
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in shown)


MANY_NAMES = 10  # a list of more gives their number and the first few
FIRST_NAMES = 3


def listed(names: Collection[str], what: str = "models") -> str:
    """Return names in a line, or the number of many and the first few."""
    if len(names) <= MANY_NAMES:
        return ", ".join(map(one_line, names))
    first = map(one_line, list(names)[:FIRST_NAMES])
    return f"{len(names):,} {what}, e.g. {', '.join(first)}"
