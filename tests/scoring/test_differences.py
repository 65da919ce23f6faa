"""Errors and p-values of differences, against SciPy, brute force and numbers by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from arena.scoring.uncertainty.differences import (
    cautious,
    exchange_test,
    holm,
    paired_error,
    student_p,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 20, 499, 4999])
def test_students_p_value_is_scipys(freedom: int) -> None:
    for t in (0.0, 0.3, -1.0, 2.0, -3.5, 8.0):
        assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-12)


class TestPairedError:
    def test_it_is_that_of_a_mean_of_differences_if_all_questions_weigh_the_same(self) -> None:
        points = np.random.default_rng(1).integers(0, 5, (2, 30)) / 2.0
        error = paired_error(points, np.full((2, 30), 2.0))
        assert error == pytest.approx(100 * stats.sem((points[0] - points[1]) / 2.0))

    def test_it_is_near_the_jackknife_for_ratios(self) -> None:
        rng = np.random.default_rng(2)
        battles = rng.integers(2, 7, (2, 200)).astype(float)
        points = battles * rng.beta(1, 2, (2, 200))
        without = [np.delete(x, i, axis=1) for i in range(200) for x in (points, battles)]
        rates = [p.sum(1) / b.sum(1) for p, b in zip(without[::2], without[1::2], strict=True)]
        differences = np.array([100 * (first - second) for first, second in rates])
        jackknife = np.sqrt(199.0 * differences.var())
        assert paired_error(points, battles) == pytest.approx(jackknife, rel=0.005)


def test_prior_quarters_matter_for_few_questions_alone() -> None:
    """A quarter of a question that one model won adds 25 points to the sum of n differences."""
    assert cautious(0.0, 5) == pytest.approx(np.sqrt(25.0**2 + 25.0**2) / 5)
    assert cautious(10.0, 5) == pytest.approx(np.hypot(10.0, np.sqrt(50.0)))
    assert cautious(2.0, 500) == pytest.approx(2.0, rel=0.002)


class TestExchanges:
    def test_few_questions_have_the_p_value_of_all_exchanges(self) -> None:
        leads = np.random.default_rng(3).normal(0.4, 1.0, (9, 4))
        signs = np.array(list(itertools.product([-1.0, 1.0], repeat=9)))
        exact = (np.abs(signs @ leads) >= np.abs(leads.sum(axis=0)) - 1e-9).mean(axis=0)
        assert exchange_test(leads, 0) == pytest.approx(exact, abs=1e-12)

    def test_questions_that_favour_nobody_change_nothing(self) -> None:
        leads = np.random.default_rng(4).normal(0.4, 1.0, (8, 1))
        padded = np.vstack([leads, np.zeros((300, 1))])
        assert exchange_test(padded, 0) == pytest.approx(exchange_test(leads, 0))

    def test_of_many_questions_it_is_scipys_permutation_test(self) -> None:
        leads = np.random.default_rng(5).normal(0.2, 1.0, 150)
        scipys = stats.permutation_test(
            (leads,), np.sum, permutation_type="samples", n_resamples=20_000, rng=1
        ).pvalue
        (p_value,) = exchange_test(leads[:, None], 0)
        noise = np.sqrt(scipys * (1 - scipys) / 2000)
        assert 0.02 < scipys < 0.3 and p_value == pytest.approx(scipys, abs=4 * noise)

    def test_nothing_to_exchange_and_nothing_like_it(self) -> None:
        leads = np.stack([np.zeros(50), np.ones(50)], axis=1)
        assert exchange_test(leads, 0).tolist() == [1.0, 1 / 2001]

    def test_the_other_pairs_do_not_matter(self) -> None:
        leads = np.random.default_rng(6).normal(0.1, 1.0, (60, 5))
        alone = [exchange_test(column[:, None], 7)[0] for column in leads.T]
        assert exchange_test(leads, 7).tolist() == alone

    def test_many_pairs_can_have_p_values_that_stay_small_if_adjusted(self) -> None:
        p_values = exchange_test(np.ones((40, 300)), 0)
        assert holm(p_values).max() < 0.05


class TestHolm:
    def test_by_hand(self) -> None:
        """Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, and never less than the one before."""
        adjusted = holm(np.array([0.03, 0.01, 0.04, 0.02]))
        assert adjusted == pytest.approx([0.06, 0.04, 0.06, 0.06])

    def test_no_p_value_is_over_1_and_one_alone_stays(self) -> None:
        assert holm(np.array([0.7, 0.6])).tolist() == [1.0, 1.0]
        assert holm(np.array([0.3])).tolist() == [0.3]

    def test_a_pair_without_a_p_value_is_no_test(self) -> None:
        adjusted = holm(np.array([0.02, np.nan, 0.01]))
        assert adjusted == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
