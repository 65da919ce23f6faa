"""Tables and lists of names as text that fits a terminal."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from arena.base.errors import one_line
from arena.base.output import shown_width, terminal_width

WIDTH = 120  # of tables that go into a file or a pipe
LEAST = 8  # columns that a name keeps, however narrow the terminal is
ELLIPSIS = "…"


def shortened(texts: Sequence[str], width: int) -> list[str]:
    """Return texts cut to a width: in the middle, or where different texts stay different."""
    if all(shown_width(text) <= width for text in texts):
        return list(texts)
    room = max(width, LEAST) - 1
    cuts = [[_cut(text, room, place) for text in texts] for place in (0.5, 0.25, 0.75, 0, 1)]
    return max(cuts, key=lambda cut: len(set(cut)))  # the first of several equally good ones


def _cut(text: str, room: int, place: float) -> str:
    """Return a text cut to a room and an ellipsis, which stands at a share of the room."""
    if shown_width(text) <= room + 1:
        return text
    start, end = len(text), 0
    while shown_width(text[:start]) > place * room:
        start -= 1
    while shown_width(text[end:]) > room - shown_width(text[:start]):
        end += 1
    return text[:start] + ELLIPSIS + text[end:]


def padded(text: str, width: int, align: str = "<") -> str:
    """Return a text filled with spaces to a shown width, as a format with `align` would."""
    return f"{text:{align}{width - shown_width(text) + len(text)}}"


def fitted(rows: Iterable[Sequence[str]], width: int, aligns: str, names: int = 0) -> Iterator[str]:
    """Yield the lines of a table of a width, if need be with shorter texts in the column `names`.

    `aligns`: `<`, `>` or `^` for each column.
    """
    columns = [[one_line(cell) for cell in column] for column in zip(*rows, strict=True)]
    others = (column for i, column in enumerate(columns) if i != names)
    room = width - sum(2 + max(map(shown_width, column)) for column in others)
    columns[names] = shortened(columns[names], room)
    for column, align in zip(columns, aligns, strict=True):
        widest = max(map(shown_width, column))
        column[:] = (padded(cell, widest, align) for cell in column)
    yield from ("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose first column names its rows.

    Columns beyond the width of the terminal, or beyond WIDTH, follow in further blocks, after an
    empty line. A terminal gets shorter texts if a column does not fit beside the names.
    """
    lines = [[one_line(cell) for cell in row] for row in rows]
    terminal = terminal_width()
    widths = [max(map(shown_width, cells)) for cells in zip(*lines, strict=True)]
    if terminal and sum(widths) + 2 * (len(widths) - 1) > terminal:
        names = shortened([name for name, *_ in lines], terminal // 2)
        room = terminal - 2 - max(map(shown_width, names))
        pairs = zip(names, lines, strict=True)
        lines = [[name, *shortened(line[1:], room)] for name, line in pairs]
    limit, columns = terminal or WIDTH, []
    for cells in zip(*lines, strict=True):
        width = max(map(shown_width, cells))
        columns.append([padded(cell, width) for cell in cells])
    names, *columns = columns
    blocks, width = [[names]], shown_width(names[0])
    for column in columns:
        extra = 2 + shown_width(column[0])
        if width + extra > limit and len(blocks[-1]) > 1:
            blocks.append([names])
            width = shown_width(names[0])
        blocks[-1].append(column)
        width += extra
    for block in blocks:
        if block is not blocks[0]:
            yield ""
        for row in zip(*block, strict=True):
            yield "  ".join(row).rstrip()


MANY_NAMES = 10  # a list of more gives their number and the first three


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Collection[str], what: str = "models", many: int = MANY_NAMES) -> str:
    """Return names in a line, or the number of many and the first three."""
    if len(names) <= many:
        return ", ".join(map(one_line, names))
    first = map(one_line, list(names)[:3])
    return f"{len(names):,} {what}, e.g. {', '.join(first)}"


FEW_NAMES = 5  # a note below a table names no more
Shared = TypeVar("Shared", bound=Hashable)


def grouped(items: Iterable[tuple[str, Shared]]) -> dict[Shared, list[str]]:
    """Return the names that share a text by the text, so that a note for each becomes one note."""
    names_of: dict[Shared, list[str]] = {}
    for name, text in items:
        names_of.setdefault(text, []).append(name)
    return names_of
