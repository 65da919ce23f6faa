"""Variance components of games: the parts of their variance that question, place and noise make.

The points of a game of one model are a mean, plus an effect of the question (random), plus an
effect of the place (fixed), plus the noise of the game. The mean of n questions with g games each,
half of them in either place, then has the variance question / n + game / (n g).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SUMS = 10
"""Number of sums that the components rest on."""


@dataclass(frozen=True)
class Components:
    """Variances of the points of one game (R,): by its question, by its place, by the game itself.

    NaN where they cannot be told apart, since no question has two games. None is below 0.
    """

    question: np.ndarray
    place: np.ndarray
    game: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """The variance of a game (R,)."""
        return np.asarray(self.question + self.place + self.game)

    def of_mean(self, questions: float, games: float) -> np.ndarray:
        """The variance (R,) of a mean over questions with so many games each."""
        return np.asarray(self.question / questions + self.game / (questions * games))

    def repeats(self, games: float) -> np.ndarray:
        """The number (R,) of repeats of `games` games that narrow a mean as much as `games` games
        on a further question: the ratio of the two derivatives of `of_mean` by the number of games.
        Infinite if games have no noise, which repeats could average out.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1.0 + games * self.question / self.game)


@dataclass(frozen=True)
class RepeatedComponents(Components):
    """Components of the points of one verdict, of games with repeats.

    `game`: what a game has of its own, in all its verdicts. `repeat`: the noise of a verdict.
    `verdicts`: of a game, the harmonic mean.
    """

    repeat: np.ndarray
    verdicts: np.ndarray

    @classmethod
    def of_means(
        cls, parts: Components, repeat: np.ndarray, share: np.ndarray
    ) -> RepeatedComponents:
        """Split those of the mean points of games. `repeat` (R,): the variance of the verdicts in a
        game. `share` (R,): the mean of 1 / their number.
        """
        game = np.maximum(parts.game - repeat * share, 0.0)
        return cls(parts.question, parts.place, game, repeat, 1.0 / share)

    @property
    def total(self) -> np.ndarray:
        """The variance of a verdict (R,)."""
        return np.asarray(super().total + self.repeat)

    def repeats(self, games: float) -> np.ndarray:
        """As that of `Components`, of repeats beside the verdicts that games have already."""
        with np.errstate(divide="ignore", invalid="ignore"):
            of_games = games * self.question + self.game
            return np.asarray(1.0 + self.verdicts * of_games / self.repeat)

    def narrowed(self, games: float) -> np.ndarray:
        """The part (R,) of a mean's standard error that twice as many verdicts a game take away."""
        fixed = self.question + self.game / games
        noise = self.repeat / (games * self.verdicts)
        with np.errstate(invalid="ignore"):
            return np.asarray(1.0 - np.sqrt((fixed + noise / 2.0) / (fixed + noise)))


def question_sums(
    points: np.ndarray,
    place: np.ndarray,
    question: np.ndarray,
    group: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Sums of games by question and group (Q, SUMS, G), from which `components` are made.

    Of N games, each (N,): their `points`, their `place` (1 or -1), and the indices of question and
    group (a model, or a pair of models). A question can have any number of games. `shape`: (Q, G).
    """
    cell = question * shape[1] + group

    def sums(values: np.ndarray | None = None) -> np.ndarray:
        return np.asarray(np.bincount(cell, values, shape[0] * shape[1]))

    n, y, x = sums(), sums(points), sums(place)
    parts = (n > 0, n, n**2, y, x, sums(points**2), sums(points * place))
    means = (part / np.maximum(n, 1) for part in (y * y, x * y, x * x))
    table = np.stack([*parts, *means]).astype(float).reshape(SUMS, *shape)
    return np.asarray(table.swapaxes(0, 1))


def components(sums: np.ndarray) -> Components:
    """Estimate the components from sums over questions (R, SUMS, G), pooled over the groups.

    By analysis of variance with unequal numbers: Henderson's method 3 (Searle, Casella and
    McCulloch 1992, chapter 5). The place has an effect of its own in each group.
    """
    questions, n, nn, y, x, yy, xy, y_mean, xy_mean, x_mean = sums.swapaxes(0, 1)
    # Within questions, where the effect of the place is a slope on +-1.
    square, product = n - x_mean, xy - xy_mean
    placed = square > 1e-9
    slope = np.where(placed, product / np.where(placed, square, 1.0), 0.0)
    within = (yy - y_mean - slope * product).sum(axis=1)
    freedom = (n - questions - placed).sum(axis=1)
    game = np.maximum(_ratio(within, freedom), 0.0)
    # Between questions, with the effect of the place taken out. Its error adds to them.
    games = np.maximum(n, 1.0)
    between_square = x_mean - x**2 / games
    between = y_mean - 2 * slope * xy_mean + slope**2 * x_mean - (y - slope * x) ** 2 / games
    error = np.where(placed, between_square / np.where(placed, square, 1.0), 0.0)
    noise = (questions - (n > 0) + error).sum(axis=1) * game
    question = _ratio(between.sum(axis=1) - noise, (n - nn / games).sum(axis=1))
    # A squared slope is too large by the variance of the slope.
    squares = np.where(placed, slope**2 - game[:, None] / np.where(placed, square, 1.0), 0.0)
    place = _ratio((n * squares).sum(axis=1), (n * placed).sum(axis=1))
    return Components(np.maximum(question, 0.0), np.maximum(place, 0.0), game)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole > 1e-9))
