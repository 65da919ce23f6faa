"""The text of comparisons, and their plain data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from boards import Terminal

from arena.base.output import shown_width
from arena.leaderboard.output.comparison import comparison_dict, comparison_lines
from arena.scoring.uncertainty.differences import Comparison

PAIR = Comparison("m1", "m2", 40, True, "permutation", 5.25, -1.04, 11.55, 0.1042, 0.3126, 8.96)
UNKNOWN = Comparison("m1", "m3", 3, True, "bootstrap", -33.3, reason="3 questions are too few")


def test_two_models_in_words() -> None:
    assert list(comparison_lines([PAIR])) == [
        "m1 - m2: +5.2 points on the 40 questions of both",
        "95% interval: (-1.0, +11.6)",
        "p = 0.1042 (permutation test: the two models' judgments are exchanged)",
        "With 40 questions, a test of these two at 5% finds a difference of 9.0 points in 80 of "
        "100 cases.",
    ]


def test_what_the_questions_do_not_give_is_left_out_and_the_reason_stands_there() -> None:
    assert list(comparison_lines([UNKNOWN])) == [
        "m1 - m3: -33.3 points on the 3 questions of both",
        "No interval and no p-value: 3 questions are too few.",
    ]
    alone = replace(UNKNOWN, questions=1, p_value=1.0)
    first, test, reason = comparison_lines([alone])
    assert first.endswith("on the 1 question of both") and test.startswith("p = 1.0000 (boot")
    assert reason == "No interval: 3 questions are too few."


def test_a_tiny_p_value_is_not_zero() -> None:
    lines = list(comparison_lines([replace(PAIR, p_value=1e-9, test="bootstrap")]))
    assert lines[2].startswith("p < 0.0001 (bootstrap over the questions")


def test_a_p_value_below_those_of_all_draws_is_an_upper_limit() -> None:
    least = replace(PAIR, p_value=0.0005, adjusted=0.001, lower=1.0, at_most=True)
    assert list(comparison_lines([least]))[2].startswith("p <= 0.0005 (permutation test")
    assert list(comparison_lines([least, PAIR]))[2].split()[5:7] == ["<=0.0005", "<=0.0010"]


@pytest.mark.parametrize(("p_value", "lower"), [(0.04, -1.0), (0.06, 1.0)])
def test_interval_and_p_value_that_disagree_are_explained(p_value: float, lower: float) -> None:
    note = "Interval and p are of different methods, so near 5 % they can disagree."
    result = replace(PAIR, p_value=p_value, lower=lower)
    assert list(comparison_lines([result]))[-1] == note
    assert note not in list(comparison_lines([replace(result, lower=-lower)]))


def test_other_questions_on_the_board_are_mentioned() -> None:
    note = "The scores above also rest on questions that only one of two models was judged on."
    assert list(comparison_lines([replace(PAIR, same=False)]))[-1] == note
    assert list(comparison_lines([PAIR, replace(PAIR, same=False)]))[-1] == note


def test_several_models_are_a_table() -> None:
    assert list(comparison_lines([PAIR, UNKNOWN])) == [
        "differences in points of the scores on the n questions of both",
        "model  other   diff   95% interval       p  Holm p   n",
        "m1     m2      +5.2  (-1.0, +11.6)  0.1042  0.3126  40",
        "m1     m3     -33.3              –       –       –   3",
        "p: permutation test: the two models' judgments are exchanged",
        "Holm p: adjusted for 2 pairs. Judge significance by this one.",
        "No interval and no p-value: 3 questions are too few.",
    ]


def test_a_table_of_long_names_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("llama-3.3-70b-instruct", "mistral-small-24b-instruct-2501", "모델-이름-이-긴-것-하나")
    results = [replace(PAIR, first=names[i], second=names[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    widest = max(shown_width(line) for line in comparison_lines(results))
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    table = list(comparison_lines(results))[1:5]
    assert widest > 80 >= max(map(shown_width, table))
    assert all("…" in line and "0.3126  40" in line for line in table[1:])
    assert len(set(table)) == 4


def test_plain_data_has_null_for_what_is_missing() -> None:
    data = json.loads(json.dumps(comparison_dict(UNKNOWN), allow_nan=False))
    assert data["difference"] == -33.3 and data["questions"] == 3 and data["same"] is True
    assert [data[key] for key in ("lower", "upper", "p_value", "detectable")] == [None] * 4
    assert comparison_dict(PAIR)["adjusted"] == 0.3126
