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
    cells = zip(*([one_line(cell) for cell in row] for row in rows), strict=True)
    names, *columns = map(_padded, cells)
    blocks, width = [[names]], shown_width(names[0])
    for column in columns:
        needed = 2 + shown_width(column[0])
        if width + needed > WIDTH and len(blocks[-1]) > 1:
            blocks.append([names])
            width = shown_width(names[0])
        blocks[-1].append(column)
        width += needed
    for block in blocks:
        if block is not blocks[0]:
            yield ""
        for row in zip(*block, strict=True):
            yield "  ".join(row).rstrip()


def _padded(column: Sequence[str]) -> list[str]:
    """Return the cells of a column with spaces up to the width of the widest."""
    width = max(map(shown_width, column))
    return [cell + " " * (width - shown_width(cell)) for cell in column]


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
