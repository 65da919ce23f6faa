"""judges.py: shares of labels, bias for a place, agreement; as judge_report.py has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import REPO, RunMain, Workspace
from judgments import random_bench
from sklearn.metrics import cohen_kappa_score

from arena.bench.labels import LABELS, Labels, winners
from arena.bench.paths import Bench
from arena.browser.library import Library
from arena.quality.judges import agreement, judge_stats


def test_labels_are_counted_in_one_spelling_and_what_is_none_counts_as_no_verdict() -> None:
    stats = judge_stats([("A>B", "[B<<A]"), ("B=A", None), ("nonsense",)])
    assert stats.labels == {"A>>B": 1, "A>B": 1, "A=B": 1, "B>A": 0, "B>>A": 0}
    assert (stats.judgments, stats.games, stats.without_verdict) == (3, 5, 2)


def test_a_judge_who_always_takes_the_first_answer_lets_it_win_and_flips() -> None:
    stats = judge_stats([("A>B", "A>>B")] * 5)
    assert stats.first_place == 1.0
    assert stats.flips == 1.0


def test_a_judge_who_sees_through_the_swap_has_no_preference() -> None:
    stats = judge_stats([("A>B", "B>A"), ("B>>A", "A>B"), ("A=B", "B=A")])
    assert stats.first_place == 0.5
    assert stats.flips == 0.0


def test_a_place_is_preferred_only_where_each_side_had_it_once() -> None:
    stats = judge_stats([("A>B", None), ("A>B",), ("B>A", "A=B")])
    assert (stats.first, stats.second, stats.judged_twice) == (0, 1, 1)


def test_nothing_judged_has_no_shares() -> None:
    stats = judge_stats([])
    assert stats.first_place is None
    assert stats.flips is None


def test_grades_are_kept_apart_from_labels() -> None:
    stats = judge_stats([(7,), (9.5,), (None,)])
    assert stats.grades == (7.0, 9.5)
    assert (stats.without_verdict, sum(stats.labels.values())) == (1, 0)


def test_the_winner_of_a_label_depends_on_the_game() -> None:
    assert winners(("A>B", "A>B")) == (-1, 1)
    assert winners(("A=B", 7)) == (0, None)


def test_agreement_is_that_of_the_games_both_decided() -> None:
    first: dict[object, Labels] = {1: ("A>B", "A=B"), 2: ("B>A", None), 3: ("A>B", "A>B")}
    second: dict[object, Labels] = {1: ("A>>B", "A>B"), 2: ("A>B", "A>B"), 4: ("A>B", "A>B")}
    both = agreement(first, second)
    assert (both.games, both.same, both.rate) == (3, 0, 0.0)
    assert agreement(first, first).same == 5


def test_kappa_is_cohens_on_labels() -> None:
    one = ["A>B", "A=B", "B>A", "A>B", "B>>A", "A=B", "A>B", "B>A"]
    other = ["A>>B", "A>B", "B>A", "A=B", "B>A", "A=B", "B>A", "B>A"]
    both = agreement(
        {i: (label,) for i, label in enumerate(one)}, {i: (label,) for i, label in enumerate(other)}
    )
    steps = [[LABELS.index(label) for label in labels] for labels in (one, other)]
    assert both.kappa == pytest.approx(cohen_kappa_score(*steps))
    assert both.weighted == pytest.approx(cohen_kappa_score(*steps, weights="quadratic"))


def test_kappa_of_judges_with_one_verdict_only_is_not_known() -> None:
    for both in (agreement({1: ("A=B",)}, {1: ("A=B",)}), agreement({}, {})):
        assert both.kappa is None and both.weighted is None


@pytest.mark.parametrize("of_demo", [True, False])
def test_the_browser_says_what_the_report_says(
    bench: Workspace, run_main: RunMain, of_demo: bool
) -> None:
    flags = ["--data-dir", str(REPO / "data"), "--bench-name", "demo-v0.1"]
    library = Library(Bench(REPO / "data", "demo-v0.1"))
    if not of_demo:
        random_bench(bench)
        flags = ["--bench-name", "test-v1"]
        library = Library(Bench(bench.root / "data", "test-v1"))
    run_main("judge_report.py", *flags, "--json", "r.json")
    report = json.loads((bench.root / "r.json").read_text("utf-8"))
    stats, pairs = library.judge_numbers()
    assert list(stats) == [judge["judge"] for judge in report["judges"]]
    for judge, one in zip(report["judges"], stats.values(), strict=True):
        assert one.labels == judge["labels"]
        assert one.judged_twice == judge["flips"]["number"]
        assert 100 * (one.first_place or 0) == pytest.approx(value_of(judge["first_place"]))
        assert 100 * (one.flips or 0) == pytest.approx(value_of(judge["flips"]))
    assert list(pairs) == [(pair["first"], pair["second"]) for pair in report["pairs"]]
    for pair, both in zip(report["pairs"], pairs.values(), strict=True):
        assert both.games == pair["games"]
        assert 100 * (both.rate or 0) == pytest.approx(pair["same"]["value"])
        assert both.kappa == pytest.approx(pair["kappa"]["value"])
        assert both.weighted == pytest.approx(pair["weighted"]["value"])


def value_of(counted: dict[str, Any]) -> float:
    return float(counted["estimate"]["value"])
