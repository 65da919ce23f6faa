"""The format of scores: texts of scores and intervals, and words of axes."""

from __future__ import annotations

import math

import pytest

from arena.leaderboard.format import FORMATS
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, V2, Estimator


class TestTexts:
    @pytest.mark.parametrize(
        ("estimator", "elo", "score", "interval"),
        [
            (BRADLEY_TERRY, False, "50.0", "(-1.9, 2.1)"),
            (BRADLEY_TERRY, True, "49", "(-1, 2)"),
            (V2, False, "49.9", "(-1.9 / +2.1)"),
            (V2, True, "49", "(-2 / +2)"),
            (GRADES, False, "49.95", "(-1.94, 2.06)"),
        ],
    )
    def test_each_estimator_has_those_of_its_program(
        self, estimator: Estimator, elo: bool, score: str, interval: str
    ) -> None:
        shown = FORMATS[estimator.name, elo]
        # v0.1 rounds 49.948 twice, to 49.95 and then to 50.0.
        assert shown.score(49.948) == score
        assert shown.interval(-1.94, 2.06) == interval

    def test_v2_writes_an_exact_lower_end_as_minus_0(self) -> None:
        assert FORMATS[V2.name, False].interval(0.0, 0.0) == "(-0.0 / +0.0)"

    def test_an_infinite_rating_is_no_error(self) -> None:
        assert FORMATS[BRADLEY_TERRY.name, True].score(-math.inf) == "-inf"


class TestWords:
    def test_the_axis_names_the_baseline_if_there_is_one(self) -> None:
        rates = FORMATS[BRADLEY_TERRY.name, False]
        assert rates.axis("base") == "win rate against base in %"
        assert rates.axis(None) == "mean of win rates in %"

    def test_ratings_and_grades_name_no_baseline(self) -> None:
        assert FORMATS[V2.name, True].axis("base") == "rating"
        assert FORMATS[GRADES.name, False].axis("base") == "mean grade"

    def test_grades_cannot_count_as_lost(self) -> None:
        assert "--missing loss" in FORMATS[V2.name, False].missing
        assert "--missing loss" not in FORMATS[GRADES.name, False].missing
