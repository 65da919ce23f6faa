"""Intervals of scores, against SciPy and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from arena.scoring.uncertainty.intervals import logit_t, percentiles, student

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 60), st.sampled_from([0.9, 0.95]))
def test_an_interval_is_made_of_percentiles_of_the_rounds_that_count(seed, rounds, level):
    rng = np.random.default_rng(seed)
    samples = np.where(rng.random((rounds, 3)) < 0.2, np.nan, rng.normal(size=(rounds, 3)))
    samples[0] = 0.5
    tails = 50 * (1 - level), 50 * (1 + level)
    expected = np.nanpercentile(samples, tails, axis=0)
    assert percentiles(samples, level) == pytest.approx(expected)


def test_an_interval_of_nothing_is_nan_and_of_infinities_infinite():
    samples = np.array([[np.nan, np.inf, -np.inf, 1.0], [np.nan, np.inf, 3.0, np.inf]])
    lower, upper = percentiles(samples, 0.5)
    assert lower.tolist()[1:] == [np.inf, -np.inf, np.inf]
    assert upper.tolist()[1:] == [np.inf, -np.inf, np.inf]
    assert np.isnan([lower[0], upper[0]]).all()


@pytest.mark.parametrize("level", [0.95, 0.9])
@pytest.mark.parametrize("questions", [5, 6, 10, 40, 500])
def test_students_quantiles_are_those_of_scipy(questions, level):
    expected = student_t.ppf(0.5 + level / 2, questions - 1)
    assert student(level, questions - 1) == pytest.approx(expected, abs=1e-3)


def test_a_score_of_100_has_a_one_sided_interval():
    lower, upper = logit_t(np.full((1, 20), 6.0), np.full((1, 20), 6.0))[:, 0]
    assert upper == 100
    assert 80 < lower < 97


def test_fewer_than_five_questions_have_no_interval():
    points = np.array([[1.0, 0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0, 0.0]])
    battles = np.array([[1.0] * 5, [1.0] * 4 + [0.0]])
    ends = logit_t(points * battles, battles)
    assert np.isfinite(ends[:, 0]).all()
    assert np.isnan(ends[:, 1]).all()
