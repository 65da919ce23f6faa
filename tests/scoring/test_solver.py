"""The solver: its derivatives against finite differences, and its steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cells import random_cells

from arena.scoring import bradley_terry as bt
from arena.scoring import solver
from arena.scoring.solver import FixedStyle

PROPERTY = settings(max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


@PROPERTY
@given(SEEDS, st.sampled_from([0, 1, 3]), st.booleans())
def test_gradient_and_hessian_are_the_derivatives(seed, features, fixed):
    rng = np.random.default_rng(seed)
    style = FixedStyle(rng.normal(size=features), rng.normal(size=features), np.ones(features))
    cells = random_cells(seed, features=features)
    design = solver.design_of(cells, style if fixed and features else None, center=True)
    sample = bt._draw_battles(design, rng, 2)
    size = design.models + design.features
    theta, ridge, width = rng.normal(size=(2, size)), rng.uniform(0, 1, size), 1e-6
    _, gradient, hessian = solver._objective(design, sample, ridge, theta)
    for i, step in enumerate(width * np.eye(size)):
        loss_up, gradient_up, _ = solver._objective(design, sample, ridge, theta + step)
        loss_down, gradient_down, _ = solver._objective(design, sample, ridge, theta - step)
        assert (loss_up - loss_down) / (2 * width) == pytest.approx(gradient[:, i], abs=1e-5)
        slope = (gradient_up - gradient_down) / (2 * width)
        assert slope == pytest.approx(hessian[:, i], abs=1e-5)


def test_newton_comes_back_from_where_its_steps_are_wild():
    def objective(theta):
        x = 10 * theta
        hessian = 100 / np.cosh(x)[:, :, None] ** 2
        return np.logaddexp(x, -x).sum(axis=1), 10 * np.tanh(x), hessian

    minima = solver._minimised(objective, np.array([[10.0], [0.3], [-1.0]]), 1e-6)
    assert minima == pytest.approx(np.zeros((3, 1)), abs=1e-9)
