"""Question rounds: their draws, and their fits against carefully converged ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_cells import random_cells, star_cells

from arena.scoring import bradley_terry as bt
from arena.scoring import solver
from arena.scoring.cells import Cells
from arena.scoring.solver import ELO_PER_LOGIT, FixedStyle
from arena.scoring.uncertainty.rounds import draw_questions, question_fits

STYLE = FixedStyle(np.array([0.5, -0.2]), np.zeros(2), np.ones(2))


def test_a_round_draws_as_many_questions_as_there_are_each_equally_often():
    times = draw_questions(4000, 6, seed=1)
    assert times.shape == (4000, 6)
    assert (times.sum(axis=1) == 6).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(6), abs=0.06)
    assert times.var(axis=0) == pytest.approx(np.full(6, 5 / 6), abs=0.08)
    assert np.corrcoef(times[:, 0], times[:, 1])[0, 1] == pytest.approx(-1 / 5, abs=0.06)


def test_more_rounds_or_many_questions_begin_with_the_same_draws():
    few, many = (draw_questions(rounds, 400_000, seed=(3, 4)) for rounds in (2, 5))
    assert (few == many[:2]).all()
    assert (many.sum(axis=1) == 400_000).all()


def questions_of(design, part, rows):
    """The carefully converged fits of some rounds."""
    start = bt._solve_all(design, 0)[0]
    return solver.solve(design, 0, bt._of_questions(design, part[rows]), start, tolerance=1e-7)


@pytest.mark.parametrize("penalty", [True, False])
@pytest.mark.parametrize("style", [None, STYLE])
@pytest.mark.parametrize("star", [True, False])
def test_converged_rounds_are_those_of_careful_fits(penalty, style, star):
    cells = star_cells(1, questions=60) if star else random_cells(2, features=2)
    design = solver.design_of(cells, style, center=True, penalty=penalty)
    start = bt._solve_all(design, 0)[0]
    times = draw_questions(100, len(design.questions), seed=1)
    theta, limits, converged = question_fits(design, 0, start, times)
    assert converged.mean() > 0.9
    careful, expected = questions_of(design, times, converged)
    np.testing.assert_array_equal(limits[converged], expected)
    assert theta[converged] == pytest.approx(careful, abs=2e-3)
    assert theta[converged].std(axis=0) == pytest.approx(careful.std(axis=0), rel=0.01)


@pytest.mark.parametrize("penalty", [True, False])
@pytest.mark.parametrize("star", [True, False])
def test_rounds_take_the_coefficients_of_the_rounds_of_a_fixed_style(penalty, star):
    """As a fit of all battles with the coefficients of the round does."""
    cells = star_cells(1, questions=60) if star else random_cells(2, features=2)
    fitted = bt.fit(cells, 0, penalty=penalty)
    errors = np.random.default_rng(3).normal(0.0, 0.05, (7, 2))
    fixed = FixedStyle(fitted.coefficients, fitted.mean, fitted.scale)
    drawn = replace(fixed, rounds=fixed.coefficients + errors)
    one, other = (
        bt.bootstrap(cells, 0, rounds=14, seed=1, resample="question", style=style, penalty=penalty)
        for style in (fixed, drawn)
    )
    for i, coefficients in enumerate(np.tile(drawn.rounds, (2, 1))):
        style = replace(fixed, coefficients=coefficients)
        moved = bt.fit(cells, 0, style=style, penalty=penalty).ratings - fitted.ratings
        assert (other - one)[i] == pytest.approx(moved, abs=1.0)
    assert np.abs(other - one).max() > 5.0


def test_a_style_that_one_model_alone_has_is_not_left_to_rounding_errors():
    """Without a penalty its coefficient and the model's strength share a direction of no slope."""
    cells = star_cells(2, questions=80)
    cells = replace(cells, features=np.vstack([cells.features[0], 0.5 * (cells.b == 3)]))
    design = solver.design_of(cells, None, center=False, penalty=False)
    times = draw_questions(60, len(design.questions), seed=2)
    theta, _, converged = question_fits(design, 0, bt._solve_all(design, 0)[0], times)
    assert converged.mean() > 0.9
    careful, _ = questions_of(design, times, converged)
    assert theta[converged] == pytest.approx(careful, abs=2e-3)


def test_a_model_that_a_round_does_not_draw_has_no_place_there():
    cells = star_cells(3, questions=30)
    keep = (cells.b != 2) | (cells.question == 7)
    cells = Cells(
        cells.models,
        *(index[keep] for index in (cells.a, cells.b, cells.question)),
        cells.counts[:, keep],
        cells.features[:, keep],
    )
    design = solver.design_of(cells, None, center=False)
    times = draw_questions(60, len(design.questions), seed=2)
    _, limits, converged = question_fits(design, 0, bt._solve_all(design, 0)[0], times)
    assert converged.all()
    np.testing.assert_array_equal(np.isnan(limits[:, 2]), times[:, 7] == 0)
    assert not np.isnan(np.delete(limits, 2, axis=1)).any()


def test_rounds_with_a_model_that_only_won_are_left_to_the_careful_fit():
    cells = star_cells(4, questions=12)
    counts = cells.counts.copy()
    counts[:2, cells.b == 1] = 0
    counts[2, cells.b == 1] = 2
    once = np.flatnonzero(cells.b == 1)[0]
    counts[:, once] = (1, 0, 1)
    cells = replace(cells, counts=counts)
    ratings = bt.bootstrap(
        cells, 0, rounds=200, seed=1, resample="question", penalty=False, center=False
    )
    design = solver.design_of(cells, None, center=False, penalty=False)
    times = draw_questions(200, len(design.questions), seed=1)
    np.testing.assert_array_equal(np.isposinf(ratings[:, 1]), times[:, cells.question[once]] == 0)
    careful = solver.ratings_of(*questions_of(design, times, np.arange(200)), 0)
    finite = np.isfinite(careful)
    np.testing.assert_array_equal(np.isfinite(ratings), finite)
    assert ratings[finite] == pytest.approx(careful[finite], abs=1.0)


@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("star", [True, False])
def test_neither_workers_nor_the_order_of_cells_change_a_round(features, star):
    cells = star_cells(5, questions=40) if star else random_cells(5, features=2)
    cells = cells if features else replace(cells, features=None)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(cells.a))
    shuffled = Cells(
        cells.models,
        *(index[order] for index in (cells.a, cells.b, cells.question)),
        cells.counts[:, order],
        None if cells.features is None else cells.features[:, order],
    )
    one, two = (
        bt.bootstrap(each, 0, rounds=300, seed=1, resample="question", workers=workers)
        for each, workers in ((cells, 1), (shuffled, 3))
    )
    np.testing.assert_array_equal(one, two)


def test_plain_rounds_of_a_star_are_the_fits_of_the_drawn_questions():
    cells = replace(star_cells(6, questions=15), features=None)
    ratings = bt.bootstrap(cells, 0, rounds=25, seed=9, resample="question")
    for times, row in zip(draw_questions(25, 15, seed=9), ratings, strict=True):
        counts = cells.counts * times[cells.question].astype(int)
        expected = bt.fit(replace(cells, counts=counts), 0).ratings
        assert row == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("anchor", [0, 2])
def test_rounds_of_a_centred_star_have_the_mean_style_of_the_drawn_questions(center, anchor):
    """New questions have a mean of their own, so intervals without it would be too narrow."""
    cells = star_cells(7, questions=40)
    names = np.array([anchor, *np.delete(np.arange(5), anchor)])
    cells = replace(
        cells,
        a=names[cells.a],
        b=names[cells.b],
        features=cells.features + 0.2 * np.sin(cells.question),
    )
    ratings = bt.bootstrap(cells, anchor, rounds=20, seed=3, resample="question", center=center)
    for times, row in zip(draw_questions(20, 40, seed=3), ratings, strict=True):
        counts = cells.counts * times[cells.question].astype(int)
        # The round's scale of the features matters to the ridge alone.
        again = bt.fit(replace(cells, counts=counts), anchor, center=center).ratings
        assert (row - again) / ELO_PER_LOGIT == pytest.approx(np.zeros(5), abs=0.01)
