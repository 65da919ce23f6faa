"""Cells for tests of fits: by hand, random, or as a bench has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena.scoring.cells import Cells


def cells_of(rows: list[tuple[int, int, int, tuple[int, int, int]]], models: int) -> Cells:
    """Cells from rows of (a, b, question, (wins of a, ties, wins of b))."""
    a, b, question, counts = zip(*rows, strict=True)
    return Cells(models, np.array(a), np.array(b), np.array(question), np.array(counts).T)


def random_cells(seed: int, *, features: int = 0, models: int = 5, most: int = 4) -> Cells:
    """A connected graph of random comparisons, listed in random order and orientation."""
    rng = np.random.default_rng(seed)
    tree = [(k, rng.integers(k)) for k in range(1, models)]
    size = int(rng.integers(2 * models, 12 * models))
    others = [tuple(rng.choice(models, 2, replace=False)) for _ in range(size)]
    a, b = np.array(tree + others, dtype=np.int32).T
    question = rng.integers(6, size=len(a)).astype(np.int32)
    counts = rng.integers(most, size=(3, len(a)))
    counts[rng.integers(3), : len(tree)] += 1
    style = rng.uniform(-1, 1, (features, len(a))) * rng.uniform(0.01, 1, (features, 1))
    return Cells(models, a, b, question, counts, style if features else None)


def star_cells(seed: int, models: int = 5, questions: int = 60) -> Cells:
    """A bench as it is: every model against model 0, two games a question, weights up to 3."""
    rng = np.random.default_rng(seed)
    b = np.repeat(np.arange(1, models), questions)
    question = np.tile(np.arange(questions), models - 1)
    style = rng.uniform(-0.8, 0.8, (2, len(b)))
    margin = 0.4 * (b - 2) + style[0] + rng.normal(size=len(b))
    counts = np.zeros((3, len(b)), dtype=int)
    for _ in range(2):
        game = margin + rng.logistic(size=len(b))
        outcome = np.where(np.abs(game) < 0.4, 1, np.where(game > 0, 0, 2))
        counts[outcome, np.arange(len(b))] += np.where(np.abs(game) > 2, 3, 1)
    return Cells(models, np.zeros_like(b), b, question, counts, style)


def turned(cells: Cells, where: np.ndarray) -> Cells:
    """The same comparisons with a and b exchanged in some cells."""
    return replace(
        cells,
        a=np.where(where, cells.b, cells.a),
        b=np.where(where, cells.a, cells.b),
        counts=np.where(where, cells.counts[::-1], cells.counts),
        features=None if cells.features is None else np.where(where, -1, 1) * cells.features,
    )
