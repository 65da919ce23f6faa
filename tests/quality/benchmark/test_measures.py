"""Measures of a benchmark, against scipy, scikit-learn and examples worked by hand."""

from __future__ import annotations

import math
import random
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm, spearmanr
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from arena.quality.benchmark import measures as metrics
from arena.quality.benchmark.measures import Statistic, estimate, statistics
from arena.quality.benchmark.ratings import Ratings, of_ends, of_samples

NAMES = ("agreement", "brier", "log_loss", "spearman", "kendall")


def rated(*rows: tuple[float, float, float], variance: float = 1.0) -> Ratings:
    """Models 0, 1, ... of (rating, lower, upper)."""
    rating, lower, upper = np.array(rows, dtype=float).T
    models = tuple(str(i) for i in range(len(rows)))
    return Ratings(models, rating, lower, upper, rating, np.full(len(rows), variance))


def whole(statistic: Statistic, models: int) -> float:
    return float(statistic(np.ones((1, models)))[0])


def drawn(seed: int, models: int = 9, *, ties: bool = False) -> Ratings:
    """Ratings of random rounds; with `ties` some ratings are equal."""
    rng = np.random.default_rng(seed)
    rating = 4.0 * rng.integers(0, 6, models) if ties else rng.normal(0, 6, models)
    samples = rating + rng.normal(0, rng.uniform(0.5, 3, models), (50, models))
    return of_samples([str(i) for i in range(models)], rating, samples, 0.95)


def resampled(ratings: Ratings, times: np.ndarray) -> list[int]:
    """The models of a draw, each as often as it is drawn."""
    return np.repeat(np.arange(len(ratings.models)), times.astype(int)).tolist()


class TestSeparability:
    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ((1, 0, 2), (4, 3, 5), 100),
            ((1, 0, 2), (2, 1, 3), 0),
            ((1, 0, 2), (3, 2, 4), 100),
            ((1, 0, 5), (2, 1, 3), 0),
            ((1, 0, 2), (2, 0, 4), 0),
            ((1, 1, 1), (2, 0, 4), 0),
            ((0, 0, 0), (2, 0, 4), 100),
            ((4, 4, 4), (2, 0, 4), 100),
            ((1, 1, 1), (2, 2, 2), 100),
            ((1, 1, 1), (1, 1, 1), 0),
            ((1, 0, 2), (1, 0, 2), 0),
        ],
        ids=[
            *("apart", "overlapping", "touching", "within", "same lower end", "point within"),
            *("point at the lower end", "point at the upper end", "two points", "one point twice"),
            "equal",
        ],
    )
    def test_of_two(
        self, first: tuple[float, ...], second: tuple[float, ...], expected: float
    ) -> None:
        for pair in ((first, second), (second, first)):
            assert whole(metrics.separability(rated(*pair)), 2) == expected

    def test_a_worked_example(self) -> None:
        """Of six pairs a-b overlap, b-c and c-d touch; then both of these overlap too."""
        ratings = rated((10, 8, 12), (12, 9, 14), (16, 14, 18), (19, 18, 20))
        assert whole(metrics.separability(ratings), 4) == pytest.approx(100 * 5 / 6)
        ratings = rated((10, 8, 12), (12, 9, 14.5), (16, 14, 18), (19, 17.5, 20))
        assert whole(metrics.separability(ratings), 4) == pytest.approx(100 * 3 / 6)

    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), min_size=2, max_size=7))
    def test_is_the_rule_of_sorted_intervals(self, ends: list[tuple[int, int]]) -> None:
        intervals = sorted((low, low + width) for low, width in ends)
        pairs = list(combinations(intervals, 2))
        apart = [not later[0] < earlier[1] for earlier, later in pairs]
        ratings = rated(*((low, low, high) for low, high in intervals))
        found = whole(metrics.separability(ratings), len(ends))
        assert found == pytest.approx(100 * sum(apart) / len(pairs))


class TestAgreement:
    """In the reference a, b and c are apart; d overlaps c, e is a point within both.

    The benchmark has b below a, neither apart from c, d above these, and e above d, touching it.
    """

    reference = rated((1, 0, 2), (4, 3, 5), (8, 6, 10), (9, 7, 11), (7.5, 7.5, 7.5))

    def agreement(self, bench: Ratings, reference: Ratings, form: metrics.Form) -> float:
        return whole(metrics.agreement(bench, reference, form), len(bench.models))

    bench = rated((5, 4, 6), (2, 1, 3), (4, 2, 7), (9, 8, 10), (11, 10, 12))

    def test_a_worked_example(self) -> None:
        """Nine pairs count, all but c-d: the point e is apart from what it lies in."""
        points = {
            "ab": -1,
            "ac": 0,
            "ad": 1,
            "ae": 1,
            "bc": 0,
            "bd": 1,
            "be": 1,
            "ce": -1,
            "de": -1,
        }
        notebook = sum((1 + point) / 2 for point in points.values()) / 9
        found = self.agreement(self.bench, self.reference, "notebook")
        assert found == pytest.approx(100 * notebook)

    def test_the_paper_takes_the_mean_over_all_pairs(self) -> None:
        """Of ten, seven are apart in the reference: c, d and e overlap each other there."""
        points = {"ab": -1, "ad": 1, "ae": 1, "bd": 1, "be": 1}  # ac and bc overlap in the bench
        found = self.agreement(self.bench, self.reference, "paper")
        assert found == pytest.approx(100 * sum(points.values()) / 10)

    def test_of_the_reference_with_itself_it_is_the_best(self) -> None:
        """All pairs that count; in the paper's form the share of those that are apart."""
        assert self.agreement(self.reference, self.reference, "notebook") == 100
        assert self.agreement(self.reference, self.reference, "paper") == pytest.approx(70)

    @pytest.mark.parametrize(("form", "expected"), [("notebook", 100), ("paper", 0)])
    def test_only_the_notebook_has_a_baseline_apart_from_all(
        self, form: metrics.Form, expected: float
    ) -> None:
        """Its interval without width lies inside the other's, here and in the reference."""
        ratings = rated((50, 50, 50), (51, 45, 57))
        assert self.agreement(ratings, ratings, form) == expected
        assert whole(metrics.separability(ratings), 2) == 0

    @pytest.mark.parametrize(
        ("bench", "notebook", "paper"),
        [
            (((1, 0, 2), (3, 2, 4)), 100, 100),
            (((3, 2, 4), (1, 0, 2)), 0, -100),
            (((1, 0, 2.1), (3, 2, 4)), 50, 0),
            (((1, 1, 1), (2, 0, 4)), 100, 0),
            (((0, 0, 0), (2, 0, 4)), 100, 100),
            (((2, 2, 2), (2, 0, 4)), 50, 0),
            (((2, 2, 2), (2, 2, 2)), 50, 0),
        ],
        ids=[
            *("touching", "reversed", "overlapping", "point within", "point at an end"),
            *("equal", "equal points"),
        ],
    )
    def test_of_two(
        self, bench: tuple[tuple[float, float, float], ...], notebook: float, paper: float
    ) -> None:
        reference = rated((1, 0, 2), (4, 3, 5))
        assert self.agreement(rated(*bench), reference, "notebook") == notebook
        assert self.agreement(rated(*bench), reference, "paper") == paper

    def test_what_the_reference_does_not_separate_says_nothing(self) -> None:
        bench = rated((1, 0, 2), (4, 3, 5))
        for reference in (rated((1, 0, 3), (2, 1, 4)), rated((1, 1, 1), (1, 1, 1))):
            assert math.isnan(self.agreement(bench, reference, "notebook"))
            assert self.agreement(bench, reference, "paper") == 0


def test_a_model_without_an_interval_makes_no_pair() -> None:
    """That of too few questions, in separability and in both forms of agreement."""
    bench = rated((1, 0, 2), (4, 3, 5), (4.5, 3, 6), (9, math.nan, math.nan))
    reference = rated((1, 0, 2), (4, 3, 5), (9, 8, 10), (0, -2, -1))
    three = [r.of(r.models[:3]) for r in (bench, reference)]
    assert whole(metrics.separability(bench), 4) == pytest.approx(100 * 2 / 3)
    for form in ("notebook", "paper"):
        expected = whole(metrics.agreement(*three, form), 3)
        assert whole(metrics.agreement(bench, reference, form), 4) == pytest.approx(expected)
    alone = bench.of((bench.models[0], bench.models[3]))
    assert math.isnan(whole(metrics.separability(alone), 2))


class TestForecasts:
    @pytest.mark.parametrize("seed", range(5))
    def test_are_those_of_a_normal(self, seed: int) -> None:
        bench = drawn(seed)
        found = metrics.forecasts(bench)
        for a, b in combinations(range(9), 2):
            spread = math.sqrt(bench.variance[a] + bench.variance[b])
            expected = 1 - norm.cdf(0, loc=bench.mean[b] - bench.mean[a], scale=spread)
            assert found[a, b] == pytest.approx(expected, rel=1e-9)
            assert found[b, a] == pytest.approx(1 - expected, abs=1e-12)

    def test_without_variance_are_sure(self) -> None:
        bench = rated((1, 1, 1), (2, 2, 2), (2, 2, 2), variance=0)
        assert metrics.forecasts(bench).tolist() == [[0.5, 1, 1], [0, 0.5, 0.5], [0, 0.5, 0.5]]

    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("seed", range(4))
    def test_their_scores_are_those_of_scikit_learn(self, seed: int, ties: bool) -> None:
        """Pairs of equal reference ratings are left out."""
        bench, reference = drawn(seed), drawn(seed + 10, ties=ties)
        rating = reference.rating
        pairs = [(a, b) for a, b in combinations(range(9), 2) if rating[a] != rating[b]]
        below = [bool(rating[a] < rating[b]) for a, b in pairs]
        sure = [metrics.forecasts(bench)[pair] for pair in pairs]
        found = whole(metrics.brier(bench, reference), 9)
        assert found == pytest.approx(brier_score_loss(below, sure), rel=1e-12)
        found = whole(metrics.log_loss(bench, reference), 9)
        expected = sklearn_log_loss(below, sure, labels=[False, True])
        assert found == pytest.approx(expected, rel=1e-3)  # it takes 1 - p of p near 1

    def test_a_sure_and_wrong_one_costs_what_scikit_learn_says(self) -> None:
        bench, reference = rated((1, 1, 1), (2, 2, 2), variance=0), rated((2, 1, 3), (1, 0, 2))
        expected = sklearn_log_loss([False], [1.0], labels=[False, True])
        assert whole(metrics.log_loss(bench, reference), 2) == pytest.approx(expected)
        assert expected == pytest.approx(36.04, abs=0.01)
        assert whole(metrics.brier(bench, reference), 2) == 1


class TestCorrelations:
    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("seed", range(6))
    def test_are_those_of_scipy(self, seed: int, ties: bool) -> None:
        x, y = (drawn(s, ties=ties).rating for s in (seed, seed + 20))
        assert whole(metrics.spearman(x, y), 9) == pytest.approx(spearmanr(x, y).statistic)
        assert whole(metrics.kendall(x, y), 9) == pytest.approx(kendalltau(x, y).statistic)

    def test_of_equal_ratings_are_not_defined(self) -> None:
        x, y = np.ones(4), np.arange(4.0)
        for one in (metrics.spearman, metrics.kendall):
            assert math.isnan(whole(one(x, y), 4)) and math.isnan(whole(one(y, x), 4))


class TestResampledModels:
    @pytest.mark.parametrize("seed", range(4))
    def test_a_draw_is_its_list_of_models_without_pairs_of_copies(self, seed: int) -> None:
        bench, reference = drawn(seed, 6), drawn(seed + 10, 6, ties=True)
        times = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6), 5).astype(float)
        measures = statistics(bench, reference, "paper")
        for draw in times:
            models = resampled(bench, draw)
            pairs = [(a, b) for a, b in combinations(models, 2) if a != b]
            for name, values in {
                "separability": metrics.separability,
                "agreement": lambda r: metrics.agreement(r, reference.of(r.models), "paper"),
                "brier": lambda r: metrics.brier(r, reference.of(r.models)),
                "log_loss": lambda r: metrics.log_loss(r, reference.of(r.models)),
            }.items():
                of_pairs = [whole(values(bench.of((str(a), str(b)))), 2) for a, b in pairs]
                expected = [value for value in of_pairs if not math.isnan(value)]
                found = measures[name](draw[None])[0]
                assert found == pytest.approx(
                    np.mean(expected) if expected else math.nan, nan_ok=True
                )

    @pytest.mark.parametrize("seed", range(4))
    def test_the_correlations_of_a_draw_are_those_of_its_list(self, seed: int) -> None:
        x, y = drawn(seed, 8).rating, drawn(seed + 10, 8, ties=True).rating
        draw = np.random.default_rng(seed).multinomial(8, np.full(8, 1 / 8)).astype(float)
        models = np.repeat(np.arange(8), draw.astype(int))
        rho = spearmanr(x[models], y[models]).statistic
        assert metrics.spearman(x, y)(draw[None])[0] == pytest.approx(rho)
        tau = kendalltau(x[models], y[models]).statistic  # copies are ties in both: no pairs
        assert metrics.kendall(x, y)(draw[None])[0] == pytest.approx(tau)

    def test_the_interval_is_of_percentiles_of_draws(self) -> None:
        bench = drawn(1, 10)
        found = estimate(metrics.separability(bench), 10, seed=3)
        times = np.random.default_rng(3).multinomial(10, np.full(10, 1 / 10), metrics.ROUNDS)
        values = metrics.separability(bench)(times.astype(float))
        assert (found.lower, found.upper) == pytest.approx(
            tuple(np.percentile(values, [2.5, 97.5]))
        )
        assert found == estimate(metrics.separability(bench), 10, seed=3)
        assert found.lower < found.value < found.upper

    def test_it_covers_the_truth_about_as_often_as_it_says(self) -> None:
        """Spearman's correlation of normal ratings with a correlation of 0.8."""
        rng = np.random.default_rng(5)
        truth = 6 / np.pi * np.arcsin(0.8 / 2)
        hits = 0
        for seed in range(100):
            x = rng.normal(size=40)
            y = 0.8 * x + 0.6 * rng.normal(size=40)
            found = estimate(metrics.spearman(x, y), 40, seed)
            hits += found.lower <= truth <= found.upper
        assert 87 <= hits <= 99

    @pytest.mark.parametrize("models", [2, 3, 9, 10])
    def test_over_a_few_models_there_is_no_interval(self, models: int) -> None:
        bench = rated(*((4 * i, 4 * i - 1, 4 * i + 1) for i in range(models)))
        for name, one in statistics(bench, bench, "notebook").items():
            found = estimate(one, models, seed=1)
            assert not math.isnan(found.value), name
            assert math.isnan(found.lower) is math.isnan(found.upper) is (models < 10), name
            assert found.text(1).endswith("(–)") is (models < 10)

    def test_draws_that_do_not_define_it_are_passed_over_and_counted(self) -> None:
        """Of 10 models the reference sets only the first apart: draws without it say nothing, and
        so do those of it alone.
        """
        reference = rated((9, 8, 10), *[(1, 0, 2)] * 9)
        found = estimate(metrics.agreement(drawn(1, 10), reference, "notebook"), 10, seed=1)
        expected = 1000 * ((9 / 10) ** 10 + (1 / 10) ** 10)
        assert found.undefined_draws == pytest.approx(expected, abs=50)
        assert found.lower <= found.value <= found.upper
        paper = estimate(metrics.agreement(drawn(1, 10), reference, "paper"), 10, seed=1)
        assert paper.undefined_draws <= 1

    def test_what_no_draw_defines_has_no_interval(self) -> None:
        bench = rated((1, 0, 2), (4, 3, 5))
        flat = rated((1, 0, 2), (1, 0, 2))
        for name in NAMES:
            found = estimate(statistics(bench, flat, "notebook")[name], 2, seed=1)
            assert all(map(math.isnan, (found.value, found.lower, found.upper))), name

    def test_60_models_take_well_under_a_second(self) -> None:
        bench, reference = drawn(1, 60), drawn(2, 60)
        start = time.process_time()
        for one in statistics(bench, reference, "notebook").values():
            estimate(one, 60, seed=1)
        assert time.process_time() - start < 1


class TestRatings:
    def test_intervals_of_rounds_are_percentiles_at_the_level(self) -> None:
        samples = np.arange(101.0)[:, None] * [1, 2]
        found = of_samples(["a", "b"], np.array([50.0, 100.0]), samples, 0.8)
        assert found.lower.tolist() == pytest.approx([10, 20])
        assert found.upper.tolist() == pytest.approx([90, 180])
        assert found.mean.tolist() == pytest.approx([50, 100])
        assert found.variance.tolist() == pytest.approx(np.var(samples, axis=0).tolist())

    def test_a_model_that_no_round_places_is_left_out(self) -> None:
        samples = np.array([[1.0, np.nan, 1.0], [3.0, np.nan, np.nan]])
        found = of_samples(["a", "b", "c"], np.zeros(3), samples, 0.95)
        assert found.models == ("a", "c")
        assert found.mean.tolist() == [2, 1]

    def test_ends_at_another_level_are_those_of_a_normal(self) -> None:
        given = [np.array([value]) for value in (10.0, 10 - 1.959964, 10 + 2 * 1.959964)]
        found = of_ends(["a"], *given, level=0.8)
        assert found.lower[0] == pytest.approx(10 - norm.ppf(0.9))
        assert found.upper[0] == pytest.approx(10 + 2 * norm.ppf(0.9))
        assert found.variance[0] == pytest.approx(1.5**2)
        of_v2 = of_ends(["a"], *given, level=0.95, given=0.9)
        assert of_v2.lower[0] == pytest.approx(10 - norm.ppf(0.975) ** 2 / norm.ppf(0.95))
        same = of_ends(["a"], *given, level=0.95)
        assert (same.lower, same.upper) == (given[1], given[2])


def test_the_order_of_the_models_does_not_matter() -> None:
    bench, reference = drawn(1), drawn(2, ties=True)
    mixed = random.Random(1).sample(bench.models, 9)
    for name, one in statistics(bench, reference, "notebook").items():
        other = statistics(bench.of(mixed), reference.of(mixed), "notebook")[name]
        assert whole(one, 9) == pytest.approx(whole(other, 9))
