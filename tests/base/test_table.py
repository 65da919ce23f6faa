"""tables.py: tables and lists of names as text that fits a terminal."""

from __future__ import annotations

from itertools import groupby

from arena.base.table import WIDTH, aligned, listed, shown_width


def test_a_table_too_wide_for_the_screen_is_told_in_blocks_that_fit() -> None:
    rows = [[f"row {i}", *(f"{i}-{j}-{'x' * 30}" for j in range(7))] for i in range(2)]
    lines = list(aligned(rows))
    assert max(map(len, lines)) <= WIDTH
    blocks = [list(block) for filled, block in groupby(lines, bool) if filled]
    assert blocks == [
        ["  ".join([row[0], *row[start : start + 3]]) for row in rows] for start in (1, 4, 7)
    ]


def test_cells_stand_below_one_another_by_the_width_that_shows() -> None:
    lines = list(aligned([["", "한국어", "b"], ["row", "x", "y"]]))
    assert lines == ["     한국어  b", "row  x       y"]
    assert shown_width("e\u0301 한") == 4


def test_no_cell_can_break_the_table_or_reach_the_terminal() -> None:
    assert list(aligned([["a\nb\x1b[31m", "c"], ["d", "e"]])) == ["a b [31m  c", "d         e"]


def test_of_many_names_the_first_are_told_and_how_many_there_are() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([f"m{i}" for i in range(1000)]) == "1,000 models, e.g. m0, m1, m2"
