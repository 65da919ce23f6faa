"""The numbers of `bradley_terry`, against scikit-learn and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_cells import cells_of, random_cells, star_cells, turned
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression

from arena.scoring import bradley_terry as bt
from arena.scoring import solver
from arena.scoring.bradley_terry import DisconnectedError
from arena.scoring.cells import Cells
from arena.scoring.solver import FixedStyle
from arena.scoring.uncertainty.intervals import percentiles

ELO_PER_LOG10 = 400.0
PROPERTY = settings(max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def with_ties(cells: Cells) -> Cells:
    """Every comparison holds a tie, so that all strengths are finite."""
    return replace(cells, counts=cells.counts + np.array([[0], [1], [0]]))


def picked(cells: Cells, order: np.ndarray) -> Cells:
    columns = None if cells.features is None else cells.features[:, order]
    picks = (index[order] for index in (cells.a, cells.b, cells.question))
    return Cells(cells.models, *picks, cells.counts[:, order], columns)


def expanded(cells: Cells, style: FixedStyle | None = None) -> tuple[np.ndarray, ...]:
    """One row a battle for the oracle: one-hot entries, standardised features, result, weight.

    As in the original, a win is two rows, a tie one row won and one lost.
    """
    rows = np.arange(len(cells.a))
    one_hot = np.zeros((len(rows), cells.models))
    one_hot[rows, cells.a] += np.log(10)
    one_hot[rows, cells.b] -= np.log(10)
    design = one_hot
    if style is not None and cells.features is not None:
        x = (cells.features - style.mean[:, None]) / style.scale[:, None]
        design = np.hstack([one_hot, x.T])
    won, tied, lost = cells.counts
    weight = np.concatenate([2 * won + tied, 2 * lost + tied]).astype(float)
    result = np.repeat([1, 0], len(rows))
    return np.vstack([design, design])[weight > 0], result[weight > 0], weight[weight > 0]


def logistic_regression(design, result, weight, penalty: float) -> np.ndarray:
    model = LogisticRegression(
        C=1 / penalty, fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=1000
    )
    return model.fit(design, result, sample_weight=weight).coef_[0]


def oracle_plain(cells: Cells, anchor: int) -> np.ndarray:
    design, result, weight = expanded(replace(cells, features=None))
    free = [m for m in range(cells.models) if m != anchor]
    ratings = np.full(cells.models, 1000.0)
    if len(set(result.tolist())) > 1:
        ratings[free] += ELO_PER_LOG10 * logistic_regression(
            design[:, free], result, weight, penalty=1e-9
        )
    return ratings


def oracle_style(cells: Cells, anchor: int, center: bool) -> tuple[np.ndarray, np.ndarray]:
    style = standardisation(cells, center)
    theta = logistic_regression(*expanded(cells, style), penalty=1.0)
    strengths = theta[: cells.models]
    return 1000 + ELO_PER_LOG10 * (strengths - strengths[anchor]), theta[cells.models :]


def standardisation(cells: Cells, center: bool = True) -> FixedStyle:
    every = np.repeat(cells.features, cells.counts.sum(axis=0), axis=1)
    if center:
        return FixedStyle(np.zeros(len(every)), every.mean(axis=1), every.std(axis=1))
    root_mean_square = np.sqrt((every**2).mean(axis=1))
    return FixedStyle(np.zeros(len(every)), np.zeros(len(every)), root_mean_square)


# The plain fit


def test_three_wins_of_four_are_75_percent():
    cells = cells_of([(0, 1, 0, (10, 0, 30))], models=2)
    assert bt.win_rates(bt.fit(cells, 0).ratings, 0) == pytest.approx([50, 75])


def test_a_tie_is_half_a_win_for_each():
    ties = cells_of([(0, 1, 0, (1, 4, 3))], models=2)
    halves = cells_of([(0, 1, 0, (3, 0, 5))], models=2)
    assert bt.fit(ties, 0).ratings == pytest.approx(bt.fit(halves, 0).ratings, abs=1e-9)


def test_a_star_gives_each_model_its_share_of_points_against_the_anchor():
    cells = cells_of([(0, 1, 0, (7, 2, 1)), (2, 0, 0, (5, 0, 3)), (0, 2, 1, (4, 4, 0))], models=3)
    rates = bt.win_rates(bt.fit(cells, 0).ratings, 0)
    assert rates == pytest.approx([50, 20, 100 * 7 / 16])


@PROPERTY
@given(SEEDS, st.integers(0, 4))
def test_the_plain_fit_is_maximum_likelihood_on_any_graph(seed, anchor):
    cells = with_ties(random_cells(seed))
    assert bt.fit(cells, anchor).ratings == pytest.approx(oracle_plain(cells, anchor), abs=1e-3)


def test_very_unequal_models_and_many_battles_converge():
    rows = [(k, k + 1, 0, (10**6, 0, 1)) for k in range(12)]
    ratings = bt.fit(cells_of(rows, models=13), 0).ratings
    assert np.diff(ratings) == pytest.approx(np.full(12, -2400), abs=1e-6)


def test_a_model_that_won_or_lost_everything_scores_100_or_0_and_moves_nobody():
    rest = [(0, 1, 0, (3, 1, 2)), (1, 2, 0, (4, 0, 1)), (2, 0, 1, (1, 1, 1))]
    extreme = [
        (3, 0, 0, (5, 0, 0)),
        (3, 2, 0, (2, 0, 0)),
        (1, 4, 0, (1, 0, 0)),
        (3, 4, 0, (1, 0, 0)),
    ]
    fit = bt.fit(cells_of(rest + extreme, models=5), 0)
    assert fit.ratings[3:].tolist() == [np.inf, -np.inf]
    assert bt.win_rates(fit.ratings, 0)[3:].tolist() == [100, 0]
    alone = bt.fit(cells_of(rest, models=3), 0)
    assert fit.ratings[:3] == pytest.approx(alone.ratings, abs=1e-9)


def test_a_group_that_always_won_is_infinite_as_a_whole():
    group = [(2, 3, 0, (2, 1, 1)), (3, 4, 0, (1, 0, 5)), (4, 2, 1, (1, 1, 0))]
    rows = [(0, 1, 0, (3, 0, 2)), (2, 0, 0, (4, 0, 0)), (1, 3, 0, (0, 0, 2)), *group]
    assert np.isposinf(bt.fit(cells_of(rows, models=5), 0).ratings[2:]).all()
    assert np.isneginf(bt.fit(cells_of(rows, models=5), 2).ratings[:2]).all()


def test_a_model_between_two_infinite_ones_is_placed_by_chains():
    rows = [(0, 1, 0, (1, 0, 0)), (1, 2, 0, (2, 0, 3)), (2, 3, 0, (1, 0, 0))]
    assert bt.fit(cells_of(rows, models=4), 0).ratings[1:].tolist() == [-np.inf] * 3


def test_without_a_chain_to_the_anchor_a_model_that_only_won_is_at_100():
    rows = [(0, 1, 0, (4, 0, 0)), (2, 1, 0, (3, 0, 0))]
    assert bt.fit(cells_of(rows, models=3), 0).ratings.tolist() == [1000, -np.inf, np.inf]


def test_without_a_chain_to_the_anchor_a_model_that_won_and_lost_has_no_place():
    rows = [(0, 1, 0, (4, 0, 0)), (2, 1, 0, (3, 0, 0)), (3, 2, 0, (1, 0, 0))]
    with pytest.raises(DisconnectedError) as error:
        bt.fit(cells_of(rows, models=4), 0)
    assert error.value.models == (2,)


@PROPERTY
@given(SEEDS)
def test_finite_strengths_are_those_of_the_anchors_strong_component(seed):
    cells = random_cells(seed, models=6, most=2)
    beats = np.zeros((6, 6))
    won, tied, lost = cells.counts
    np.add.at(beats, (cells.a, cells.b), won + tied)
    np.add.at(beats, (cells.b, cells.a), lost + tied)
    component = connected_components(beats, connection="strong")[1]
    together = component == component[0]
    try:
        ratings = bt.fit(cells, 0).ratings
    except DisconnectedError:
        assume(False)
    assert np.isfinite(ratings).tolist() == together.tolist()
    inside = picked(cells, np.flatnonzero(together[cells.a] & together[cells.b]))
    assert ratings[together] == pytest.approx(oracle_plain(inside, 0)[together], abs=1e-3)


@pytest.mark.parametrize("features", [0, 2])
def test_models_without_a_path_to_the_anchor_are_an_error_that_names_them(features):
    rows = [(0, 1, 0, (1, 1, 1)), (2, 3, 0, (1, 1, 1)), (4, 4, 0, (1, 1, 1)), (5, 0, 0, (0, 0, 0))]
    cells = cells_of(rows, models=6)
    style = np.linspace(-1, 1, 4 * features).reshape(features, 4) if features else None
    with pytest.raises(DisconnectedError, match=r"\[2, 3, 4, 5\].*model 1") as error:
        bt.fit(replace(cells, features=style), 1)
    assert error.value.models == (2, 3, 4, 5)
    assert isinstance(error.value, ValueError)


# Style control


@PROPERTY
@given(SEEDS, st.integers(1, 4), st.booleans())
def test_the_style_fit_is_the_ridge_regression_of_the_original(seed, features, center):
    cells = random_cells(seed, features=features)
    fit = bt.fit(cells, 1, center=center)
    ratings, coefficients = oracle_style(cells, 1, center)
    assert fit.ratings == pytest.approx(ratings, abs=1e-4)
    assert fit.coefficients == pytest.approx(coefficients, abs=1e-6)


def test_standardisation_is_over_all_weighted_battles():
    cells = star_cells(0)
    fit, expected = bt.fit(cells, 0), standardisation(cells)
    assert fit.mean == pytest.approx(expected.mean)
    assert fit.scale == pytest.approx(expected.scale)


def test_separable_data_stay_finite_under_the_ridge():
    cells = cells_of([(0, 1, 0, (9, 0, 0)), (2, 1, 0, (0, 0, 9))], models=3)
    cells = replace(cells, features=np.array([[1.0, -1.0]]))
    fit = bt.fit(cells, 0)
    assert np.isfinite(fit.ratings).all()
    assert fit.ratings == pytest.approx(oracle_style(cells, 0, center=True)[0], abs=1e-4)


@pytest.mark.parametrize(("center", "value"), [(True, 0.1), (True, 1 / 3), (False, 0.0)])
def test_a_feature_without_spread_counts_for_nothing(center, value):
    cells = star_cells(1)
    flat = np.vstack([cells.features, np.full(len(cells.a), value)])
    with_flat = bt.fit(replace(cells, features=flat), 0, center=center)
    without = bt.fit(cells, 0, center=center)
    assert with_flat.coefficients == pytest.approx([*without.coefficients, 0])
    assert with_flat.ratings == pytest.approx(without.ratings)
    assert with_flat.scale[2] == 0


def test_a_fixed_style_gives_the_scores_of_the_fit_it_comes_from():
    cells = star_cells(2)
    free = bt.fit(cells, 0)
    style = FixedStyle(free.coefficients, free.mean, free.scale)
    fixed = bt.fit(cells, 0, style=style)
    assert fixed.ratings == pytest.approx(free.ratings, abs=1e-6)
    assert fixed.coefficients is style.coefficients


def test_with_a_fixed_style_a_new_model_moves_nobody():
    cells = star_cells(3)
    old = picked(cells, np.flatnonzero(cells.b != 4))
    fit = bt.fit(replace(old, models=4), 0)
    style = FixedStyle(fit.coefficients, fit.mean, fit.scale)
    before = bt.win_rates(fit.ratings, 0)
    assert bt.win_rates(bt.fit(cells, 0, style=style).ratings, 0)[:4] == pytest.approx(
        before, abs=0.05
    )


def test_uncentered_features_let_a_model_like_the_baseline_stay_at_50():
    rng = np.random.default_rng(0)

    def games(verbosity: float, size: int = 4000) -> tuple[np.ndarray, np.ndarray]:
        style = -np.tanh(verbosity + rng.normal(size=size))
        won = rng.random(size) < 1 / (1 + np.exp(-2 * style))
        return style, np.array([won, np.zeros(size), ~won]).astype(int)

    styles, counts = zip(*(games(v) for v in (0.0, 1.5, 1.5, 1.5)), strict=True)
    b = np.repeat([1, 2, 3, 4], 4000)
    cells = Cells(5, 0 * b, b, np.arange(len(b)), np.hstack(counts), np.hstack(styles)[None])
    uncentered = bt.win_rates(bt.fit(cells, 0, center=False).ratings, 0)
    centered = bt.win_rates(bt.fit(cells, 0).ratings, 0)
    assert uncentered[1:] == pytest.approx([50] * 4, abs=3)
    assert centered[1] > 65


# What must not matter


@PROPERTY
@given(SEEDS, st.sampled_from([0, 2]))
def test_order_orientation_and_splitting_of_cells_do_not_matter(seed, features):
    rng = np.random.default_rng(seed)
    cells = with_ties(random_cells(seed, features=features))
    ratings = bt.fit(cells, 0).ratings
    shuffled = picked(cells, rng.permutation(len(cells.a)))
    assert np.array_equal(bt.fit(shuffled, 0).ratings, ratings)
    every = np.ones(len(cells.a), dtype=bool)
    assert np.array_equal(bt.fit(turned(shuffled, every), 0).ratings, ratings)
    split = picked(cells, np.tile(np.arange(len(cells.a)), 2))
    split.counts[:, len(cells.a) :] //= 2
    split.counts[:, : len(cells.a)] -= split.counts[:, len(cells.a) :]
    assert bt.fit(split, 0).ratings == pytest.approx(ratings, abs=1e-6)


@PROPERTY
@given(SEEDS)
def test_uncentered_it_does_not_matter_which_model_of_a_cell_is_a(seed):
    cells = random_cells(seed, features=2)
    some = np.random.default_rng(seed).random(len(cells.a)) < 0.5
    fit, other = bt.fit(cells, 0, center=False), bt.fit(turned(cells, some), 0, center=False)
    assert np.array_equal(fit.ratings, other.ratings)
    assert np.array_equal(fit.coefficients, other.coefficients)


def test_the_anchor_only_shifts_plain_ratings():
    cells = with_ties(random_cells(4))
    first, second = bt.fit(cells, 0).ratings, bt.fit(cells, 3).ratings
    assert first - first[3] + 1000 == pytest.approx(second, abs=1e-6)


@pytest.mark.parametrize("resample", ["battle", "question"])
@pytest.mark.parametrize("features", [0, 2])
def test_a_bootstrap_depends_on_its_seed_and_on_nothing_else(resample, features, monkeypatch):
    monkeypatch.setattr(bt, "CHUNK_ROUNDS", 16)
    cells = random_cells(7, features=features)
    rng = np.random.default_rng(0)

    def rounds(cells: Cells, seed: int = 1, workers: int = 1) -> np.ndarray:
        return bt.bootstrap(cells, 0, rounds=50, seed=seed, resample=resample, workers=workers)

    first = rounds(cells)
    assert first.shape == (50, 5)
    shuffled = picked(cells, rng.permutation(len(cells.a)))
    for same in (rounds(cells), rounds(cells, workers=3), rounds(shuffled)):
        assert np.array_equal(same, first, equal_nan=True)
    turned_round = turned(shuffled, np.ones(len(cells.a), dtype=bool))
    assert np.array_equal(rounds(turned_round), first, equal_nan=True)
    assert not np.array_equal(rounds(cells, seed=2), first, equal_nan=True)


# The bootstrap


def brute_force(cells: Cells, resample: str, rounds: int) -> np.ndarray:
    """Ratings of explicit resamples: a list of battles, drawn one by one, and counted anew."""
    rng = np.random.default_rng(99)
    style = standardisation(cells) if cells.features is not None else None
    outcome, cell = np.nonzero(cells.counts)
    repeats = cells.counts[outcome, cell]
    outcome, cell = np.repeat(outcome, repeats), np.repeat(cell, repeats)
    ratings = []
    for _ in range(rounds):
        if resample == "battle":
            drawn = rng.integers(len(cell), size=len(cell))
        else:
            questions = np.unique(cells.question)
            taken = rng.choice(questions, len(questions))
            drawn = np.concatenate([np.flatnonzero(cells.question[cell] == q) for q in taken])
        counts = np.zeros_like(cells.counts)
        np.add.at(counts, (outcome[drawn], cell[drawn]), 1)
        again = replace(cells, counts=counts)
        if style is None:
            ratings.append(oracle_plain(again, 0))
        else:
            theta = logistic_regression(*expanded(again, style), penalty=1.0)
            ratings.append(1000 + ELO_PER_LOG10 * (theta[: cells.models] - theta[0]))
    return np.array(ratings)


@pytest.mark.parametrize("resample", ["battle", "question"])
@pytest.mark.parametrize("plain", [True, False])
def test_bootstrap_means_and_spreads_are_those_of_explicit_resamples(resample, plain):
    cells = star_cells(5)
    cells = replace(cells, features=None) if plain else cells
    expected = bt.win_rates(brute_force(cells, resample, 200), 0)[:, 1:]
    ratings = bt.bootstrap(cells, 0, rounds=3000, seed=0, resample=resample)
    samples = bt.win_rates(ratings, 0)[:, 1:]
    spread = expected.std(axis=0)
    assert (np.abs(samples.mean(axis=0) - expected.mean(axis=0)) < 4 * spread / 200**0.5).all()
    assert samples.std(axis=0) == pytest.approx(spread, rel=4 / 400**0.5)


@pytest.mark.parametrize("features", [0, 2])
def test_rounds_of_the_question_bootstrap_are_fits_of_whole_questions(features):
    half = star_cells(6, questions=1)
    counts = np.hstack([half.counts, half.counts[::-1]])
    question = np.repeat([0, 1], len(half.a))
    double = picked(half, np.tile(np.arange(len(half.a)), 2))
    cells = replace(double, question=question, counts=counts)
    cells = with_ties(cells if features else replace(cells, features=None))
    possible = [
        bt.fit(replace(cells, counts=cells.counts * np.take(times, question)), 0).ratings
        for times in ([2, 0], [1, 1], [0, 2])
    ]
    samples = bt.bootstrap(cells, 0, rounds=40, seed=0, resample="question")
    distance = np.abs(samples[:, None] - np.array(possible)).max(axis=2)
    assert distance.min(axis=1).max() < 0.1  # of an Elo point
    assert set(distance.argmin(axis=1)) == {0, 1, 2}


def test_one_question_leaves_nothing_to_resample():
    cells = replace(star_cells(7, questions=60), question=np.full(240, 8))
    samples = bt.bootstrap(cells, 0, rounds=30, seed=0, resample="question")
    assert np.ptp(samples, axis=0) == pytest.approx(np.zeros(5), abs=1e-6)
    assert samples[0] == pytest.approx(bt.fit(cells, 0).ratings, abs=1e-3)


@pytest.mark.parametrize("features", [0, 2])
def test_a_battle_resample_holds_as_many_battles_as_the_data(features):
    cells = random_cells(8, features=features)
    design = solver.design_of(cells, None, center=True)
    sample = bt._draw_battles(design, np.random.default_rng(0), 400)
    whole = bt._of_questions(design, np.ones((1, len(design.questions))))
    total = cells.counts.sum()
    assert sample.by_pair.sum(axis=1).tolist() == [total] * 400
    assert sample.battles.sum(axis=1).tolist() == [total] * 400
    error = np.sqrt(whole.by_pair[0] / 400)
    assert (np.abs(sample.by_pair.mean(axis=0) - whole.by_pair[0]) < 5 * error).all()
    assert (sample.points[:, :, 0] <= sample.by_pair).all()


@pytest.mark.parametrize("features", [0, 1])
@pytest.mark.parametrize("resample", ["battle", "question"])
def test_a_model_missing_from_a_resample_is_nan_there(features, resample):
    rows = [(0, 1, q, (1, 1, 1)) for q in range(20)] + [(2, 0, 3, (1, 1, 1))]
    cells = cells_of(rows, models=3)
    style = np.sin(np.arange(len(rows)))[None] if features else None
    samples = bt.bootstrap(
        replace(cells, features=style), 0, rounds=2000, seed=0, resample=resample
    )
    chance = (1 - 3 / 63) ** 63 if resample == "battle" else (1 - 1 / 20) ** 20
    assert np.isnan(samples[:, 2]).mean() == pytest.approx(chance, abs=0.04)
    assert not np.isnan(samples[:, :2]).any()
    assert np.isfinite(percentiles(bt.win_rates(samples, 0))).all()


def test_disconnected_models_are_nan_in_every_round():
    cells = cells_of([(0, 1, 0, (5, 5, 5)), (2, 3, 0, (5, 5, 5))], models=4)
    samples = bt.bootstrap(cells, 0, rounds=20, seed=0, resample="battle")
    assert np.isnan(samples).all(axis=0).tolist() == [False, False, True, True]
    assert (samples[:, 0] == 1000).all()


def test_a_resample_without_the_only_win_is_minus_infinity():
    cells = cells_of([(0, 1, 0, (30, 0, 1)), (0, 2, 0, (15, 0, 15))], models=3)
    samples = bt.bootstrap(cells, 0, rounds=1000, seed=0, resample="battle")
    assert np.isneginf(samples[:, 1]).mean() == pytest.approx(np.exp(-1), abs=0.06)
    assert np.isfinite(samples[:, 2]).all()
    assert percentiles(bt.win_rates(samples, 0))[0, 1] == 0


def test_a_fixed_style_is_used_in_every_round():
    cells = star_cells(9)
    style = FixedStyle(np.array([0.5, -0.2]), np.zeros(2), np.ones(2))
    samples = bt.bootstrap(cells, 0, rounds=400, seed=0, resample="battle", style=style)
    assert samples.mean(axis=0) == pytest.approx(bt.fit(cells, 0, style=style).ratings, abs=12)


def test_bootstrap_edge_sizes():
    cells = star_cells(10)
    for resample in ("battle", "question"):
        assert bt.bootstrap(cells, 0, rounds=0, seed=0, resample=resample).shape == (0, 5)
        assert bt.bootstrap(
            replace(cells, features=None), 0, rounds=0, seed=0, resample=resample
        ).shape == (0, 5)
    nothing = picked(cells, np.empty(0, dtype=int))
    for resample in ("battle", "question"):
        samples = bt.bootstrap(nothing, 0, rounds=3, seed=0, resample=resample)
        assert (samples[:, 0] == 1000).all()
        assert np.isnan(samples[:, 1:]).all()


# Win rates and intervals


def test_win_rates_are_percent_against_the_anchor():
    ratings = np.array([1000, 1400, 600, np.inf, -np.inf, np.nan, 1e6, -1e6])
    expected = [50, 1000 / 11, 100 / 11, 100, 0, np.nan, 100, 0]
    assert bt.win_rates(ratings, 0) == pytest.approx(expected, nan_ok=True)
    assert bt.win_rates(np.array([ratings, ratings]), 0)[1] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("resample", ["battle", "question"])
def test_without_an_anchor_ratings_and_rounds_are_those_of_any_less_their_mean(features, resample):
    cells = with_ties(random_cells(2, features=features))
    free, fixed = bt.fit(cells, None), bt.fit(cells, 2)
    assert free.ratings.mean() == pytest.approx(1000)
    assert free.ratings - fixed.ratings == pytest.approx((free.ratings - fixed.ratings)[0])
    options = {"rounds": 5, "seed": 1, "resample": resample}
    free_rounds, fixed_rounds = (bt.bootstrap(cells, anchor, **options) for anchor in (None, 0))
    assert free_rounds.mean(axis=1) == pytest.approx(1000)
    moved = free_rounds - fixed_rounds
    assert moved == pytest.approx(np.tile(moved[:, :1], moved.shape[1]), abs=0.01)
    assert bt.win_rates(np.array([1000.0, 1400.0]), None) == pytest.approx([50, 1000 / 11])
