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
    columns = []
    for cells in zip(*([one_line(cell) for cell in row] for row in rows), strict=True):
        width = max(map(shown_width, cells))
        columns.append([cell + " " * (width - shown_width(cell)) for cell in cells])
    names, *columns = columns
    blocks, width = [[names]], shown_width(names[0])
    for column in columns:
        extra = 2 + shown_width(column[0])
        if width + extra > WIDTH and len(blocks[-1]) > 1:
            blocks.append([names])
            width = shown_width(names[0])
        blocks[-1].append(column)
        width += extra
    for block in blocks:
        if block is not blocks[0]:
            yield ""
        for row in zip(*block, strict=True):
            yield "  ".join(row).rstrip()


def shown_width(text: str) -> int:
    """Return the number of terminal columns of a text: two for a Hangul syllable."""
    if text.isascii():
        return len(text)
    # Combining marks and formatting characters take no column.
    visible = (
        character
        for character in text
        if not unicodedata.combining(character)
        and unicodedata.category(character) not in ("Mn", "Me", "Cf")
    )
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in visible)


MANY_NAMES = 10  # a list of more gives their number and the first three


def listed(names: Collection[str], what: str = "models") -> str:
    """Return names in a line, or the number of many and the first three."""
    if len(names) <= MANY_NAMES:
        return ", ".join(map(one_line, names))
    first = map(one_line, list(names)[:3])
    return f"{len(names):,} {what}, e.g. {', '.join(first)}"
