"""Strengths with their rounds: standard errors and ranks, against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student_t

from arena.scoring.uncertainty.intervals import logit_sd, logit_t
from arena.scoring.uncertainty.strengths import Strengths


def wins_and_rounds(chances, questions, rng, rounds=300):
    """Win rates of models in 0/1 questions that are independent, and of resampled questions."""
    won = (rng.random((questions, len(chances))) < chances).astype(float)
    times = rng.multinomial(questions, np.full(questions, 1 / questions), rounds)
    return 100 * won.mean(axis=0), 100 * times @ won / questions


@pytest.mark.parametrize("questions", [12, 20, 60])
def test_rank_sets_of_equal_models_hold_all_ranks(questions):
    rng, chances, held = np.random.default_rng(questions), np.full(10, 0.4), 0
    number = np.full(10, questions)
    for _ in range(150):
        ranks = Strengths.of_rates(*wins_and_rounds(chances, questions, rng), number).ranks
        held += bool((ranks[0] == 1).all() and (ranks[1] == 10).all())
    assert held >= 136  # 95 % are 142, less two standard errors


def test_standard_errors_are_those_of_new_questions():
    """On the logit scale, where most win rates of 40 questions are nearly normal."""
    rng, chances, number = np.random.default_rng(0), np.full(40, 0.3), np.full(40, 40)
    many = [Strengths.of_rates(*wins_and_rounds(chances, 40, rng), number) for _ in range(40)]
    true = np.std([one.values for one in many])
    assert np.mean([one.errors for one in many]) == pytest.approx(true, rel=0.06)


def test_a_model_that_won_all_has_the_error_of_the_prior_question():
    both = Strengths.of_rates(
        np.array([100.0, 50.0]), np.full((100, 2), [100.0, 50.0]), np.full(2, 30)
    )
    p = 30.5 / 31
    assert both.values == pytest.approx([logit(p), 0.0])
    half = 0.5 / np.sqrt(30 * 31)
    assert both.errors == pytest.approx([half / (p * (1 - p)), half / 0.25])
    assert expit(both.values[0] - student_t.ppf(0.975, 29) * both.errors[0]) == pytest.approx(
        0.88, abs=0.02
    )


def test_finite_rounds_give_their_mean_over_those_that_place_a_model():
    samples = np.tile([[1.0, np.nan], [3.0, 5.0], [2.0, 7.0]], (40, 1))
    both = Strengths.of_rounds(samples, np.array([10, 4]))
    assert both.values.tolist() == [2.0, 6.0]
    expected = np.std([1, 2, 3]) * np.sqrt(10 / 9)
    assert both.errors == pytest.approx([expected, np.nan], nan_ok=True)


def test_ranks_do_not_change_from_call_to_call():
    rng = np.random.default_rng(1)
    data = (*wins_and_rounds(rng.random(8), 50, rng), np.full(8, 50))
    assert (Strengths.of_rates(*data).ranks == Strengths.of_rates(*data).ranks).all()


def test_nothing_but_ties_has_the_interval_of_the_closed_form():
    half, number = np.array([50.0]), np.array([30])
    ties = Strengths.of_rates(half, np.full((100, 1), 50.0), number)
    expected = logit_t(np.full((1, 30), 1.0), np.full((1, 30), 2.0))
    assert logit_sd(half, ties.values, ties.errors, number) == pytest.approx(expected)
    assert expected.ravel() == pytest.approx([46.7, 53.3], abs=0.1)


def test_a_model_of_no_spread_is_told_apart_only_if_its_interval_says_so():
    """Each of 5 or 12 questions gives 3 of 4 points, and the baseline has no error."""
    for questions, ranks in ((5, [[1, 1], [2, 2]]), (12, [[2, 1], [2, 1]])):
        points = np.full((1, questions), 3.0)
        ends = logit_t(points, np.full_like(points, 4.0))
        assert (ends[0, 0] < 50.0) == (questions == 5)
        rates, number = np.array([50.0, 75.0]), np.full(2, questions)
        rounds = np.tile(rates, (1000, 1))
        both = Strengths.of_rates(rates, rounds, number, np.array([True, False]))
        assert both.ranks.tolist() == ranks
        assert both.errors[0] == 0.0


def test_few_rounds_have_no_errors():
    """Of ten equal models, the ranks of 5 rounds would tell two apart on 77 of 100 boards."""
    rng, number = np.random.default_rng(2), np.full(10, 200)
    rates, rounds = wins_and_rounds(np.full(10, 0.5), 200, rng, rounds=100)
    assert np.isfinite(Strengths.of_rates(rates, rounds, number).errors).all()
    assert np.isnan(Strengths.of_rates(rates, rounds[:99], number).errors).all()
