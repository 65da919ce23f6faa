"""tables.py: tables and lists of names as text that fits a terminal."""

from __future__ import annotations

import sys
from itertools import groupby

import pytest

from arena.base.output import folded, shown_width
from arena.base.table import WIDTH, aligned, listed, shortened


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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of 40 columns."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["short", "a-name-of-21-letters!"], ["short", "a-nam…tters!"]),
        (["step-1-of-the-training", "step-2-of-the-training"], ["step-1-o…ing", "step-2-o…ing"]),
        (["the-start-1-and-the-end", "the-start-2-and-the-end"], ["the-start-1…", "the-start-2…"]),
        (["same-start-same-end-1", "same-start-same-end-2"], ["same-…-end-1", "same-…-end-2"]),
        (["检查点名称检查点名称一", "检查点名称检查点名称二"], ["检查…名称一", "检查…名称二"]),
    ],
)
def test_names_are_cut_where_they_stay_different(names: list[str], shown: list[str]) -> None:
    assert shortened(names, 12) == shown
    assert max(map(shown_width, shown)) <= 12


@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_never_wrapped() -> None:
    heads = [f"{'名' * 30}{number}" for number in "123"]
    rows = [["", *heads], ["a-row-of-40-" + "x" * 28, "1", "2", "3"]]
    lines = list(aligned(rows))
    assert max(map(shown_width, lines)) <= 40
    assert [line[-2:].strip() for line in lines if line] == ["名1", "1", "名2", "2", "名3", "3"]


@pytest.mark.usefixtures("terminal")
def test_prose_is_broken_between_words() -> None:
    path = "a/long/path/that/no/one/wants/to/have/broken.json"
    text = f"some words that do not fit on one line of it\n{path} and more words after it\n  a b"
    assert folded(text).splitlines() == [
        "some words that do not fit on one line",
        "  of it",
        path,
        "  and more words after it",
        "  a b",
    ]


def test_of_many_names_the_first_are_told_and_how_many_there_are() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([f"m{i}" for i in range(1000)]) == "1,000 models, e.g. m0, m1, m2"
