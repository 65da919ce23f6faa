"""Corrected win rates against the closed form by hand, and the number of labels."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from scipy import stats

from arena.scoring.uncertainty.label_correction import corrected, labels_for


def test_the_rate_and_its_interval_are_those_of_the_paper() -> None:
    y, f = [1.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.5], [1.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5]
    rest = [0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.5, 0.5]
    n, u, spread = len(y), len(rest), statistics.variance(f + rest)
    lam = statistics.covariance(y, f) / (spread * (1 + n / u))
    rate = statistics.mean(y) + lam * (statistics.mean(rest) - statistics.mean(f))
    errors = [a - lam * b for a, b in zip(y, f, strict=True)]
    variance = statistics.variance(errors) / n + lam**2 * spread / u
    half = stats.t.ppf(0.975, n - 1) * variance**0.5
    result = corrected(np.array(y), np.array(f), np.array(rest))
    assert result.rate == pytest.approx(rate)
    assert result.power == pytest.approx(lam)
    assert result.low == pytest.approx(max(rate - half, 0), abs=1e-4)
    assert result.high == pytest.approx(
        min(rate + half, 1), abs=1e-4
    )  # Student's t is approximated


def test_without_other_pairs_or_a_spread_of_the_judge_the_labels_speak_alone() -> None:
    y = np.array([1.0, 0.0, 0.5, 1.0, 1.0, 0.0])
    same = np.full(6, 0.5)
    for result in (corrected(y, y, np.array([])), corrected(y, same, np.full(9, 0.5))):
        assert (result.rate, result.power) == (pytest.approx(y.mean()), 0)


def test_a_better_judge_needs_fewer_labels() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(200) < 0.6).astype(float)
    chance = rng.permutation(y)
    good, bad = (labels_for(y, f, 1000, 0.05) for f in (y, chance))
    assert good is not None
    assert bad is not None
    assert good < bad
    assert abs(bad - 1.96**2 * y.var(ddof=1) / 0.05**2) < 30
    assert labels_for(y, chance, 100, 0.01) is None
