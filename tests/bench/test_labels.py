"""What a label or a grade means."""

from __future__ import annotations

from html import escape

import pytest

from arena.bench.labels import LEGEND, grade_of, normal_label, winners, worth
from arena.browser.screens.judges import ABOUT_VERDICTS
from arena.quality.judge_html import report_html
from arena.quality.judge_measures import Counted
from arena.quality.judge_report import Report


class TestLabels:
    @pytest.mark.parametrize(
        ("spelling", "label"),
        [
            ("A>>B", "A>>B"),
            ("A>B", "A>B"),
            ("A=B", "A=B"),
            ("B>A", "B>A"),
            ("B>>A", "B>>A"),
            ("B<<A", "A>>B"),
            ("B<A", "A>B"),
            ("B=A", "A=B"),
            ("A<B", "B>A"),
            ("A<<B", "B>>A"),
        ],
    )
    @pytest.mark.parametrize("form", ["{}", "[{}]", "[[{}]]", "[{}", "{}]]", " {} \n"])
    def test_every_spelling_in_stray_brackets_and_any_case(
        self, spelling: str, label: str, form: str
    ) -> None:
        assert normal_label(form.format(spelling)) == label
        assert normal_label(form.format(spelling.lower())) == label

    @pytest.mark.parametrize(
        "text", ["", "[]", "A", "A>", ">B", "A>A", "A>>>B", "A<>B", "A==B", "C>A", "A>B A>B", "tie"]
    )
    def test_anything_else_is_no_label(self, text: str) -> None:
        assert normal_label(text) is None


class TestOutcome:
    @pytest.mark.parametrize(
        ("label", "points"),
        [
            ("A>>B", -2),
            ("A>B", -1),
            ("A=B", 0),
            ("B>A", 1),
            ("B>>A", 2),
            ("[A<<B]", 2),
            ("b=a", 0),
        ],
    )
    def test_the_baseline_is_a_in_the_first_game_and_b_in_the_second(
        self, label: str, points: int
    ) -> None:
        assert worth(label, 0) == points
        assert worth(label, 1) == -points

    def test_a_text_that_is_no_label_is_worth_nothing(self) -> None:
        assert worth("A>>>B", 0) is None


class TestGrades:
    @pytest.mark.parametrize(
        ("value", "grade"),
        [
            (7, 7),
            (7.0, 7),
            ("7.50", 7.5),
            (" 8 ", 8),
            (True, None),
            (None, None),
            ("seven", None),
            ("", None),
            ("nan", None),
            ("inf", None),
            ("9" * 400, None),
            (10**400, None),
            ([7], None),
        ],
    )
    def test_what_is_a_number(self, value: object, grade: float | None) -> None:
        found = grade_of(value)
        assert (found, type(found)) == (grade, type(grade))


def test_the_winner_of_a_label_depends_on_the_game() -> None:
    assert winners(("A>B", "A>B")) == (-1, 1)
    assert winners(("A=B", 7)) == (0, None)


def test_browser_and_judge_report_explain_labels_in_the_same_words() -> None:
    assert LEGEND == (
        "A>>B: A is much better, A>B: A is slightly better, A=B: a tie, B>A: B is slightly better, "
        "B>>A: B is much better."
    )
    assert LEGEND in ABOUT_VERDICTS
    assert escape(LEGEND) in report_html(Report("b", (), 0, 0, 0, (), Counted(), (), (), {}, ()))
