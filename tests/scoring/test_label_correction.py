"""Corrected win rates against the formulas by hand, and the number of labels."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from scipy import special, stats

from arena.scoring.uncertainty.label_correction import corrected, labels_for


def by_hand(y: list[float], f: list[float], rest: list[float]) -> tuple[float, float, float, float]:
    """The rate, power and interval by the formulas of the paper, each label left out in turn."""
    n, u, spread = len(y), len(rest), statistics.variance(f + rest)

    def estimate(y: list[float], f: list[float]) -> tuple[float, float]:
        power = statistics.covariance(y, f) / (spread * (1 + n / u))
        power = min(max(power, 0), 1)
        shift = statistics.mean(rest) - statistics.mean(f)
        return statistics.mean(y) + power * shift, power

    rate, power = estimate(y, f)
    without = [estimate(y[:i] + y[i + 1 :], f[:i] + f[i + 1 :])[0] for i in range(n)]
    mean = statistics.mean(without)
    squares = sum(((n - 1) * (one - mean)) ** 2 for one in without)
    p = (n * rate + 0.5) / (n + 1)
    variance = (squares + (0.5 - p) ** 2) / (n * (n + 1)) + power**2 * spread / u
    half = stats.t.ppf(0.975, n - 1) * variance**0.5 / (p * (1 - p))
    logit = float(special.logit(p))
    return rate, power, float(special.expit(logit - half)), float(special.expit(logit + half))


def test_the_rate_and_its_interval_are_those_of_the_formulas() -> None:
    y, f = [1.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.5], [1.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5]
    rest = [0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.5, 0.5]
    result = corrected(*map(np.array, (y, f, rest)))
    rate, power, low, high = by_hand(y, f, rest)
    assert (result.rate, result.power) == (pytest.approx(rate), pytest.approx(power))
    # Student's t is approximated.
    assert (result.low, result.high) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )


def test_the_power_stays_within_0_and_1() -> None:
    f = np.tile([0.4, 0.6], 20)
    steep, turned = (corrected(y, f, np.tile(f, 20)) for y in (f * 5 - 2, 1 - f))
    assert (steep.power, turned.power) == (1, 0)
    assert steep.slope[0] > 1
    assert turned.slope[2] < 0


def test_intervals_have_a_width_at_the_ends_and_for_ties() -> None:
    judge = np.tile([0.0, 1.0], 15)
    for value in (0.0, 0.5, 1.0):
        result = corrected(np.full(30, value), judge, np.tile(judge, 9))
        assert result.rate == value
        assert result.low <= value <= result.high
        assert result.high - result.low > 0.05


@pytest.mark.parametrize("truth", [0.05, 0.5, 0.9])
def test_intervals_of_30_labels_hold_the_truth(truth: float) -> None:
    """The judge takes half of the lost pairs for won. A plain t interval holds it in 76 to 92 %."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(300):
        human = (rng.random(300) < truth).astype(float)
        judge = np.maximum(human, rng.random(300) < 0.5)
        one = corrected(human[:30], judge[:30], judge[30:])
        held.append(one.low <= truth <= one.high)
    assert 0.92 < np.mean(held) < 0.995


def test_without_other_pairs_or_a_spread_of_the_judge_the_labels_speak_alone() -> None:
    y = np.array([1.0, 0.0, 0.5, 1.0, 1.0, 0.0])
    same = np.full(6, 0.5)
    for result in (corrected(y, y, np.array([])), corrected(y, same, np.full(9, 0.5))):
        assert (result.rate, result.power) == (pytest.approx(y.mean()), 0)


def test_a_better_judge_needs_fewer_labels() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(200) < 0.6).astype(float)
    chance = rng.permutation(y)
    rest = (rng.random(800) < 0.6).astype(float)
    good, bad = (labels_for(y, f, rest, 0.05, 30) for f in (y, chance))
    assert good is not None
    assert bad is not None
    assert good < bad
    assert abs(bad - 1.96**2 * y.var(ddof=1) / 0.05**2) < 30
    assert labels_for(y, chance, rest[:50], 0.01, 30) is None
    assert labels_for(np.full(40, 0.5), y[:40], rest, 0.05, 30) == 30


@pytest.mark.parametrize("labels", [40, 150])
def test_the_number_of_labels_fits_the_interval_that_they_gave(labels: int) -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(400) < 0.7).astype(float)
    f = np.where(rng.random(400) < 0.2, 1.0, y)
    one = corrected(y[:labels], f[:labels], f[labels:])
    half = (one.high - one.low) / 2
    assert labels_for(y[:labels], f[:labels], f[labels:], half + 1e-9, 30) == labels


@pytest.mark.parametrize("labels", [30, 50])
def test_a_judge_at_chance_is_told_from_a_good_one(labels: int) -> None:
    """Of 1,000 samples each: one that tosses coins, and one that agrees on 85 % of the pairs."""
    rng, found = np.random.default_rng(1), {0.5: 0, 0.85: 0}
    for agreement in found:
        for _ in range(1000):
            y = (rng.random(400) < 0.4).astype(float)
            f = np.where(rng.random(400) < agreement, y, 1 - y)
            result = corrected(y[:labels], f[:labels], f[labels:])
            found[agreement] += result.slope[1] <= 0
    # The two-sided interval of 95 % is above 0 for 2.5 % of those at chance.
    assert found[0.5] == pytest.approx(975, abs=15)
    assert found[0.85] <= {30: 30, 50: 5}[labels]


def test_the_interval_of_the_slope_is_that_of_the_jackknife() -> None:
    rng = np.random.default_rng(5)
    y, f, rest = rng.random(12), rng.random(12), rng.random(20)
    spread = np.var([*f, *rest], ddof=1)
    slopes = [
        np.cov(np.delete(y, i), np.delete(f, i), ddof=1)[0, 1] / spread for i in range(len(y))
    ]
    error = np.sqrt(11 / 12 * np.sum((slopes - np.mean(slopes)) ** 2))
    value = np.cov(y, f, ddof=1)[0, 1] / spread
    half = stats.t.ppf(0.975, 11) * error
    expected = value, value - half, value + half
    assert corrected(y, f, rest).slope == pytest.approx(expected, abs=1e-3)
