"""Intervals of scores, against SciPy and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student_t

from arena.scoring.uncertainty.intervals import (
    expanded,
    logit_sd,
    logit_t,
    percentiles,
    spread,
    student,
    with_prior,
)

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


def one_by_one(points, battles, level):
    """The formula for one model, with the prior question as one more row."""
    judged = battles > 0
    y, w = points[judged], battles[judged]
    n, score = len(y), y.sum() / w.sum()
    y, w = np.append(y, w.mean() / 2), np.append(w, w.mean())
    p = y.sum() / w.sum()
    errors = (y - p * w) / w.mean()
    sd = max(errors.std(ddof=1), np.sqrt(0.25 / n)) / np.sqrt(n + 1)
    half = student_t.ppf(0.5 + level / 2, n - 1) * sd / (p * (1 - p))
    low, high = expit(logit(p) - half), expit(logit(p) + half)
    return [100 * min(low, score), 100 * max(high, score)]


@given(SEEDS, st.integers(7, 40), st.sampled_from([0.9, 0.95]))
def test_the_interval_of_a_star_is_that_of_a_ratio_with_a_prior_question(seed, questions, level):
    rng = np.random.default_rng(seed)
    battles = rng.integers(2, 7, (4, questions)).astype(float)
    battles[0, :2] = 0.0  # not judged on all
    points = np.floor(2 * battles * rng.random(battles.shape) + 0.5) / 2
    ends = logit_t(points, battles, level)
    for i in range(4):
        expected = one_by_one(points[i], battles[i], level)
        assert ends[:, i] == pytest.approx(expected, abs=0.02)


def test_a_model_with_nothing_but_ties_has_an_interval():
    lower, upper = logit_t(np.full((2, 40), 1.0), np.full((2, 40), 2.0))
    assert lower == pytest.approx([47.5, 47.5], abs=0.1)
    assert upper == pytest.approx(100 - lower)


@given(SEEDS)
def test_an_interval_of_logits_is_symmetric_there_and_contains_the_score(seed):
    rng = np.random.default_rng(seed)
    logits, sd = rng.normal(0, 2, 5), rng.uniform(0.1, 1, 5)
    questions = np.array([4, 5, 12, 100, 1000])
    rates = 100 * expit(logits)
    lower, upper = logit_sd(rates, logits, sd, questions)
    assert np.isnan([lower[0], upper[0]]).all()
    half = student_t.ppf(0.975, questions[1:] - 1) * sd[1:]
    assert logit(lower[1:] / 100) == pytest.approx(logits[1:] - half, abs=2e-3)
    assert logit(upper[1:] / 100) == pytest.approx(logits[1:] + half, abs=2e-3)
    lower, upper = logit_sd(np.full(5, 100.0), logits, sd, questions)
    assert (upper[1:] == 100).all()


def test_the_prior_question_is_half_won():
    rates = np.array([[0.0, 50.0, 75.0, 100.0, np.nan]])
    p = (np.array([0.0, 6.0, 9.0, 12.0, np.nan]) + 0.5) / 13
    assert with_prior(rates, np.full(5, 12)) == pytest.approx(logit(p)[None], nan_ok=True)


def test_percentiles_are_expanded_for_few_questions():
    levels = expanded(0.9, np.array([4, 5, 12, 100, 100_000]))
    n = np.array([5, 12, 100, 100_000])
    wide = np.sqrt(n / (n - 1)) * student_t.ppf(0.95, n - 1)
    assert np.isnan(levels[0])
    assert levels[1:] == pytest.approx(2 * norm.cdf(wide) - 1, abs=1e-3)
    samples = np.random.default_rng(2).normal(size=(500, 2))
    lower, upper = percentiles(samples, np.array([np.nan, 0.5]))
    assert np.isnan([lower[0], upper[0]]).all()
    assert [lower[1], upper[1]] == pytest.approx(percentiles(samples, 0.5)[:, 1].tolist())


def test_the_spread_is_over_the_rounds_that_place_a_model():
    samples = np.array([[1.0, np.inf, np.nan], [3.0, 2.0, np.nan], [np.nan, 4.0, np.nan]])
    assert spread(samples).tolist() == [1.0, 1.0, 0.0]
