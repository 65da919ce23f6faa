"""The numbers of questions that scores need, against SciPy, brute force and simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm

from arena.scoring.uncertainty.planning import (
    half_width,
    questions_for,
    smallest_difference,
    spreads_of_points,
    spreads_of_rounds,
)

Pair = tuple[np.ndarray, np.ndarray]


def test_a_half_width_is_that_of_a_normal_interval() -> None:
    for level in (0.9, 0.95):
        low, high = norm.interval(level, scale=44 / np.sqrt(500))
        assert half_width(44, 500, level) == pytest.approx((high - low) / 2)
    assert half_width(43.9, 500) == pytest.approx(3.8, abs=0.05)


@pytest.mark.parametrize("half", [0.5, 2, 7.3])
def test_the_number_of_questions_is_the_least_that_is_enough(half: float) -> None:
    number = questions_for(44, half)
    assert half_width(44, number) <= half < half_width(44, number - 1)


def test_80_of_100_tests_find_the_smallest_difference() -> None:
    difference, error = smallest_difference(44, 613), 44 / np.sqrt(613)
    limit = norm.ppf(0.975) * error
    assert norm.sf(limit, loc=difference, scale=error) == pytest.approx(0.8, abs=1e-4)
    assert difference == pytest.approx(5.0, abs=0.03)


@pytest.fixture
def uneven() -> Pair:
    """Points and battles of 4 models on 60 questions, of which some are not judged."""
    rng = np.random.default_rng(3)
    number = rng.choice([0, 1, 2, 4, 6], (4, 60)).astype(float)
    return number * rng.choice([0, 0.25, 0.5, 1], (4, 60)), number


def test_spreads_of_points_are_those_of_brute_force(uneven: Pair) -> None:
    points, number = uneven
    by_model: list[dict[int, float]] = []
    for y, w in zip(points, number, strict=True):
        score, mean = y.sum() / w.sum(), w.sum() / (w > 0).sum()
        by_model.append({q: (y[q] - score * w[q]) / mean for q in np.flatnonzero(w)})
    single = [np.std(list(errors.values()), ddof=1) for errors in by_model]
    paired = [
        np.std([one[q] - other[q] for q in one.keys() & other.keys()], ddof=1)
        for one, other in combinations(by_model, 2)
    ]
    spreads = spreads_of_points(points, number)
    assert spreads is not None
    assert spreads.single == pytest.approx(np.sqrt(np.median(np.square(single))))
    assert spreads.paired == pytest.approx(np.sqrt(np.median(np.square(paired))))


def test_spreads_of_a_question_judged_twice_alike_are_those_of_one(uneven: Pair) -> None:
    points, number = uneven
    once, twice = spreads_of_points(points, number), spreads_of_points(2 * points, 2 * number)
    assert once is not None and twice == pytest.approx(once)


def test_a_model_of_few_questions_shows_no_spread(uneven: Pair) -> None:
    points, number = uneven
    assert spreads_of_points(points[:, :15], number[:, :15]) is None
    number[1:, 15:] = points[1:, 15:] = 0
    assert spreads_of_points(points, number) == spreads_of_points(points[:1], number[:1])


def test_a_single_model_lends_its_spread_to_differences(uneven: Pair) -> None:
    spreads = spreads_of_points(*(table[:1] for table in uneven))
    assert spreads is not None and spreads.single == spreads.paired > 0


def test_spreads_of_rounds_over_questions_are_those_of_points() -> None:
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 20, 400)
    points = 50 + shared + rng.normal(0, 30, (6, 400))
    times = rng.multinomial(400, np.full(400, 1 / 400), 4000)
    of_rounds = spreads_of_rounds(times @ points.T / 400, np.full(6, 400))
    of_points = spreads_of_points(points, np.ones((6, 400)))
    assert of_rounds is not None and of_points is not None
    assert of_rounds == pytest.approx(of_points, rel=0.03)
    assert of_points == pytest.approx((np.hypot(20, 30), np.hypot(30, 30)), rel=0.05)


def test_rounds_that_show_nothing_have_no_spread() -> None:
    rounds = np.random.default_rng(1).normal(50, 2, (100, 2))
    assert spreads_of_rounds(rounds[:1], np.full(2, 400)) is None
    assert spreads_of_rounds(rounds, np.full(2, 19)) is None
    assert spreads_of_rounds(np.full((9, 2), np.nan), np.full(2, 400)) is None
