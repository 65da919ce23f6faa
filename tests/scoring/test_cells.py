"""Cells: the counts of a judgment's labels, and columns that number names as they come."""

from __future__ import annotations

import numpy as np
import pytest

from arena.scoring.cells import CellColumns, Cells, counts_of, sorted_names

UNDECIDED = None


def once(*labels: str | None) -> tuple[tuple[str | None, ...], ...]:
    """The verdicts of games that were judged once."""
    return tuple((label,) for label in labels)


@pytest.mark.parametrize(
    ("labels", "counts", "undecided"),
    [
        (("A>B", "B>A"), (2, 0, 0), 0),  # the baseline is A, then B
        (("A>>B", "A=B"), (3, 1, 0), 0),
        (("B>>A", "A>>B"), (0, 0, 6), 0),
        (("A>B", UNDECIDED), (1, 0, 0), 1),
        (("A>B",), (1, 0, 0), 1),
    ],
)
def test_a_label_is_a_battle_and_a_strong_one_is_several(labels, counts, undecided) -> None:
    cell = counts_of(once(*labels), weight=3, first_game_only=False, whole=False)
    assert (cell.counts, cell.undecided) == (counts, undecided)


@pytest.mark.parametrize(
    ("verdicts", "counts", "outcomes", "undecided"),
    [
        # By hand: a verdict of three counts a third of what it would alone, a tie in game 2 once.
        ((("A>B", "A>B", "A=B"), ("A=B",)), (2 / 3, 4 / 3, 0), (0, 0, 1, 1, 0), 0),
        # By far has weight 3: (3 + 1) / 2 for the baseline. The mean worth 1.5 is by far.
        ((("A>>B", "A>B"), ("B>A", None)), (3, 0, 0), (0, 0, 0, 1, 1), 0),
        # A game is decided if one verdict is there, and its weight is that of one game.
        (((None, "B>>A", None), (None, None)), (0, 0, 3), (1, 0, 0, 0, 0), 1),
        # Equal repeats change nothing, to the digit.
        ((("A>>B",) * 3, ("B>A",) * 7), (4, 0, 0), (0, 0, 0, 1, 1), 0),
        ((("A>B", "B>A"), ("A>B", "B>>A")), (2.0, 0, 1.0), (0, 0, 1, 1, 0), 0),
    ],
)
def test_the_repeats_of_a_game_share_its_weight(verdicts, counts, outcomes, undecided) -> None:
    cell = counts_of(verdicts, weight=3, first_game_only=False, whole=False)
    assert cell.counts == pytest.approx(counts, abs=1e-15)
    assert (cell.outcomes, cell.undecided) == (outcomes, undecided)
    assert all(isinstance(n, int) for n in cell.counts) == (verdicts[0][:2] != ("A>B", "A>B"))


def test_whole_judgments_have_no_battle_if_a_game_is_undecided() -> None:
    cell = counts_of(once("A>B", UNDECIDED), weight=3, first_game_only=False, whole=True)
    assert (cell.counts, sum(cell.outcomes)) == ((0, 0, 0), 0)
    assert sum(counts_of(once("A>B", UNDECIDED), 3, first_game_only=True, whole=True).counts) == 1


def test_a_win_of_one_model_is_a_loss_of_the_other() -> None:
    columns = CellColumns()
    columns.add("base", "m", ["q"], counts_of(once("A>>B", "A>B"), 3, False, False))
    assert columns.outcomes() == {"base": (1, 0, 0, 1, 0), "m": (0, 1, 0, 0, 1)}


def test_coverage_counts_questions_with_a_battle() -> None:
    columns = CellColumns()
    decided, undecided = (
        counts_of(once(*labels), 3, False, False) for labels in (("A=B",) * 2, (None,))
    )
    columns.add("base", "x", ["q1"], decided)
    columns.add("base", "y", ["q1"], decided)
    columns.add("base", "y", ["q2"], undecided)
    assert columns.coverage() == ({"x": 1, "y": 1}, True)
    columns.add("base", "y", ["q3"], decided)
    assert columns.coverage() == ({"x": 1, "y": 2}, False)
    assert columns.undecided == 2


def test_names_that_no_column_uses_fall_unless_they_are_kept() -> None:
    index = {"c": 0, "a": 1, "b": 2}
    names, (column,) = sorted_names(index, [np.array([0, 1, 0])])
    assert (names, column.tolist()) == (("a", "c"), [1, 0, 1])
    assert sorted_names(index, [np.array([0])], keep=["b"])[0] == ("b", "c")


def cells_of(*rows):
    """Cells of (a, b, question, counts)."""
    a, b, question, counts = zip(*rows, strict=True)
    return Cells(4, *map(np.array, (a, b, question)), np.array(counts).T)


def test_the_points_of_a_star_are_those_of_models_against_the_anchor():
    """In either order of the two, over several judges, and with none for the anchor itself."""
    cells = cells_of(
        (0, 1, 0, (1, 1, 0)),
        (0, 1, 0, (0, 0, 3)),
        (2, 0, 2, (2, 1, 0)),
        (0, 0, 1, (0, 2, 0)),
        (0, 3, 1, (0, 0, 0)),
    )
    points, battles = cells.star(0)
    assert points.tolist() == [[0, 0, 0], [3.5, 0, 0], [0, 0, 2.5], [0, 0, 0]]
    assert battles.tolist() == [[0, 0, 0], [5, 0, 0], [0, 0, 3], [0, 0, 0]]
    assert cells.judged().tolist() == [2, 1, 1, 0]


def test_battles_without_the_anchor_make_no_star():
    cells = cells_of((0, 1, 0, (1, 1, 0)), (1, 2, 0, (1, 1, 0)))
    assert cells.star(0) is None
    assert cells.star(1)[0].tolist() == [[1.5], [0], [0.5], [0]]
