"""Win rates and numbers of questions of all pairs of models on a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.leaderboard.board import Board
from arena.scoring.battles import Battles


@dataclass(frozen=True)
class HeadToHead:
    """The models of a board, the best first, and what they did against each other.

    `rates` (M, M): the points of a row's model in percent of its weighted battles with a column's,
    a tie being half. NaN for pairs that never met. `questions` (M, M): those on which they met.
    """

    board: Board
    models: tuple[str, ...]
    rates: np.ndarray
    questions: np.ndarray


def matrix_of(board: Board, battles: Battles) -> HeadToHead:
    """Return the matrix of a board's battles, from them alone and without any fit. Models stand as
    on the board, or by their points in all battles if it has no rows.
    """
    cells, size = battles.cells, len(battles.models)
    used = (cells.counts.sum(axis=0) > 0) & (cells.a != cells.b)
    pair = (cells.a * size + cells.b)[used]
    wins, ties, losses = cells.counts[:, used]

    def sums(values: np.ndarray, places: np.ndarray = pair) -> np.ndarray:
        return np.bincount(places, values, size * size).reshape(size, size)

    points = sums(wins + 0.5 * ties) + sums(losses + 0.5 * ties).T
    number = sums(wins + ties + losses)
    ends = np.sort([cells.a[used], cells.b[used]], axis=0)
    met = np.unique(np.stack([*ends, cells.question[used]]), axis=1)
    questions = sums(np.ones(met.shape[1]), met[0] * size + met[1]).astype(int)
    with np.errstate(invalid="ignore"):
        rates = 100.0 * points / (number + number.T)
        shares = points.sum(axis=1) / (number + number.T).sum(axis=1)
    by_share = [battles.models[i] for i in np.argsort(-np.nan_to_num(shares), kind="stable")]
    models = tuple(row.model for row in board.rows) or tuple(by_share)
    order = np.ix_(*[[battles.models.index(model) for model in models]] * 2)
    return HeadToHead(board, models, rates[order], (questions + questions.T)[order])
