"""judges.py: shares of labels, preference for a place, agreement."""

from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from judges import Labels, agreement, judge_stats, winners
from verdict import Winner


def test_labels_are_counted_in_one_spelling_and_what_is_none_counts_as_no_verdict() -> None:
    stats = judge_stats([("A>B", "[B<<A]"), ("B=A", None), ("nonsense",)])
    assert stats.labels == {"A>>B": 1, "A>B": 1, "A=B": 1, "B>A": 0, "B>>A": 0}
    assert (stats.judgments, stats.games, stats.without_verdict) == (3, 5, 2)


def test_a_judge_who_always_takes_the_first_answer_prefers_it_and_is_never_consistent() -> None:
    stats = judge_stats([("A>B", "A>>B")] * 5)
    assert stats.preference_for_first == 1.0
    assert stats.consistency == 0.0


def test_a_judge_who_sees_through_the_swap_has_no_preference() -> None:
    stats = judge_stats([("A>B", "B>A"), ("B>>A", "A>B"), ("A=B", "B=A")])
    assert stats.preference_for_first == 0.5
    assert stats.consistency == 1.0


def test_a_place_is_preferred_only_where_each_side_had_it_once() -> None:
    stats = judge_stats([("A>B", None), ("A>B",), ("B>A", "A=B")])
    assert (stats.first, stats.second, stats.judged_twice) == (0, 1, 1)


def test_nothing_judged_has_no_shares() -> None:
    stats = judge_stats([])
    assert stats.preference_for_first is None
    assert stats.consistency is None


def test_grades_are_kept_apart_from_labels() -> None:
    stats = judge_stats([(7,), (9.5,), (None,)])
    assert stats.grades == (7.0, 9.5)
    assert (stats.without_verdict, sum(stats.labels.values())) == (1, 0)


def test_the_winner_of_a_label_depends_on_the_game() -> None:
    assert winners(("A>B", "A>B")) == (Winner.BASELINE, Winner.MODEL)
    assert winners(("A=B", 7)) == (Winner.TIE, None)


def test_agreement_is_that_of_the_games_both_decided() -> None:
    first: dict[object, Labels] = {1: ("A>B", "A=B"), 2: ("B>A", None), 3: ("A>B", "A>B")}
    second: dict[object, Labels] = {1: ("A>>B", "A>B"), 2: ("A>B", "A>B"), 4: ("A>B", "A>B")}
    both = agreement(first, second)
    assert (both.games, both.same, both.opposite) == (3, 1, 1)
    assert both.rate == pytest.approx(1 / 3)


def test_kappa_is_cohens() -> None:
    one = ["A>B", "A=B", "B>A", "A>B", "B>>A", "A=B", "A>B", "B>A"]
    other = ["A>>B", "A>B", "B>A", "A=B", "B>A", "A=B", "B>A", "B>A"]
    both = agreement(
        {i: (label,) for i, label in enumerate(one)}, {i: (label,) for i, label in enumerate(other)}
    )
    expected = cohen_kappa_score(
        [winners((label,))[0].value for label in one],  # type: ignore[union-attr]
        [winners((label,))[0].value for label in other],  # type: ignore[union-attr]
    )
    assert both.kappa == pytest.approx(expected)


def test_kappa_of_judges_with_one_verdict_only_is_not_known() -> None:
    assert agreement({1: ("A=B",)}, {1: ("A=B",)}).kappa is None
    assert agreement({}, {}).kappa is None
