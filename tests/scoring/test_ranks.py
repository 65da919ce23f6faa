"""Rank sets, against a brute-force form of the max-t method and simulated truth."""

from __future__ import annotations

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.scoring.uncertainty.ranks import rank_sets

SEEDS = st.integers(0, 2**32 - 1)


def brute_force(logits, samples, level):
    """One ordered pair at a time, in the words of the paper."""
    models, separated = range(len(logits)), []
    errors = {
        (i, j): (samples[:, i] - samples[:, j]) - (logits[i] - logits[j])
        for i, j in permutations(models, 2)
    }
    studentised = [abs(error) / np.nanstd(error) for error in errors.values()]
    largest = np.nan_to_num(studentised).max(axis=0)
    critical = np.sort(largest)[int(np.ceil(level * (len(largest) - 1)))]
    for (i, j), error in errors.items():
        if (logits[i] - logits[j]) / np.nanstd(error) > critical:
            separated.append((i, j))
    best = [1 + sum(loser == i for _, loser in separated) for i in models]
    worst = [len(logits) - sum(winner == i for winner, _ in separated) for i in models]
    return [best, worst]


@given(SEEDS, st.integers(2, 7), st.sampled_from([0.9, 0.95]), st.booleans())
@settings(max_examples=50)
def test_rank_sets_are_those_of_all_pairs_one_by_one(seed, models, level, gaps):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, models)
    samples = logits + rng.normal(0.02, 0.3, (60, models))
    if gaps:
        samples[rng.random(samples.shape) < 0.1] = np.nan
    assert rank_sets(logits, samples, level).tolist() == brute_force(logits, samples, level)


def test_rank_sets_hold_all_true_ranks_of_equal_and_of_tied_models():
    """A true rank of tied models is any of their places."""
    rng = np.random.default_rng(0)
    for truth in (np.zeros(10), np.repeat([0.0, 0.4, 0.8], [3, 4, 3])):
        places = np.stack([1 + (truth[:, None] < truth).sum(1), (truth[:, None] <= truth).sum(1)])
        held = 0
        for _ in range(200):
            logits = truth + rng.normal(0, 0.1, 10)
            low, high = rank_sets(logits, logits + rng.normal(0, 0.1, (400, 10)))
            held += bool((low <= places[0]).all() and (high >= places[1]).all())
        assert 182 <= held <= 199


def test_copies_are_not_told_apart_and_a_constant_difference_is():
    rng = np.random.default_rng(1)
    rounds = rng.normal(0.0, 1.0, 500)
    logits = np.array([0.0, 0.0, 0.5, 0.2])
    samples = np.stack([rounds, rounds + 1e-15, rounds + 0.5, rng.normal(0.2, 1.0, 500)], axis=1)
    assert rank_sets(logits, samples).tolist() == [[2, 2, 1, 1], [4, 4, 2, 4]]


def test_a_constant_offset_of_the_rounds_widens_no_other_rank_set():
    """The rounds of a penalised fit can lie beside the fit itself."""
    rng = np.random.default_rng(2)
    rounds = rng.normal(0.0, 0.1, (500, 2))
    logits = np.array([0.0, 3.0, 5.0])
    samples = np.column_stack([logits[:2] + rounds, logits[2] + rounds[:, 1] - 0.5])
    assert rank_sets(logits, samples).tolist() == [[3, 2, 1], [3, 2, 1]]


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_model_that_no_round_places_may_have_any_rank(missing):
    rng = np.random.default_rng(3)
    logits = np.array([0.0, 5.0, 9.0])
    samples = logits + rng.normal(0.0, 0.1, (200, 3))
    samples[:, 2] = missing
    assert rank_sets(logits, samples).tolist() == [[2, 1, 1], [3, 2, 3]]
    logits[2] = missing
    assert rank_sets(logits, samples).tolist() == [[2, 1, 1], [3, 2, 3]]


def test_no_rounds_and_no_models_are_no_error():
    assert rank_sets(np.array([0.0, 9.0]), np.empty((0, 2))).tolist() == [[1, 1], [2, 2]]
    assert rank_sets(np.empty(0), np.empty((5, 0))).shape == (2, 0)
    assert rank_sets(np.zeros(1), np.zeros((5, 1))).tolist() == [[1], [1]]


def test_two_hundred_models_need_little_memory():
    rng = np.random.default_rng(4)
    samples = rng.normal(size=(1000, 200))
    tracemalloc.start()
    rank_sets(np.zeros(200), samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
