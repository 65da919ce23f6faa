"""Variance components, against analysis of variance by least squares, and against planted ones."""

from __future__ import annotations

import numpy as np
import pytest

from arena.scoring.uncertainty.components import (
    Components,
    RepeatedComponents,
    components,
    question_sums,
)

Games = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Points, place, question and group of games."""
QUESTIONS, GROUPS = 8, 3
LEANS = np.array([0.1, 0.5, -0.2])  # of the groups, to the place 1


def games(rng: np.random.Generator, numbers: np.ndarray, noise: float = 0.8) -> Games:
    """Games of some `numbers` (Q, G), with a variance of 0.5 between questions."""
    question, group = (
        np.repeat(index, numbers.ravel()) for index in np.indices(numbers.shape).reshape(2, -1)
    )
    order = np.arange(len(question)) - np.repeat(
        np.cumsum(numbers) - numbers.ravel(), numbers.ravel()
    )
    place = np.where(order == 1, -1, 1)  # the second game of a question swaps the places
    of_question = rng.normal(0, np.sqrt(0.5), numbers.shape)[question, group]
    points = 3 * group + of_question + LEANS[group] * place + rng.normal(0, noise, len(group))
    return points, place, question, group


def estimated(found: Games, shape: tuple[int, int] = (QUESTIONS, GROUPS)) -> list[float]:
    parts = components(question_sums(*found, shape).sum(axis=0, keepdims=True))
    return [float(part[0]) for part in (parts.question, parts.place, parts.game)]


def residual(points: np.ndarray, *columns: np.ndarray) -> float:
    """The sum of squares that least squares leave, and that a constant leaves with no columns."""
    design = np.column_stack([np.ones(len(points)), *columns])
    fitted = design @ np.linalg.lstsq(design, points, rcond=None)[0]
    return float(((points - fitted) ** 2).sum())


def dummies(index: np.ndarray) -> np.ndarray:
    return np.eye(index.max() + 1)[index]


UNEQUAL = np.array([[1, 2, 3, 5, 2, 2, 1, 4]] * GROUPS).T
TWO = np.full((QUESTIONS, GROUPS), 2)


def test_equal_numbers_give_the_mean_squares_of_two_way_analysis_of_variance() -> None:
    points, place, question, group = games(np.random.default_rng(2), TWO, noise=0.3)
    within = between = squares = 0.0
    for one in range(GROUPS):
        y, x, q = (values[group == one] for values in (points, place, question))
        both = residual(y, x, dummies(q))
        within += both
        between += residual(y, x) - both
        squares += (y[x == 1].mean() - y[x == -1].mean()) ** 2 / 4
    freedom = GROUPS * (QUESTIONS - 1)
    noise = within / freedom
    expected = [(between / freedom - noise) / 2, squares / GROUPS - noise / (2 * QUESTIONS), noise]
    assert estimated((points, place, question, group)) == pytest.approx(expected)


def test_unequal_numbers_give_henderson_s_third_method() -> None:
    """Reductions of squares by least squares, and their expectation by brute force."""
    points, place, question, group = games(np.random.default_rng(5), UNEQUAL, noise=0.3)
    by_group, leans = dummies(group), dummies(group) * place[:, None]
    by_question = dummies(question * GROUPS + group)
    within = residual(points, by_group, leans, by_question)
    full = np.column_stack([by_group, leans, by_question])
    game = within / (len(points) - np.linalg.matrix_rank(full))
    # Adjusted for the leans that the full fit finds; their squares beyond those of the groups.
    slopes = [
        np.linalg.lstsq(np.column_stack([dummies(question[group == one]), place[group == one]]),
                        points[group == one], rcond=None)[0][-1]
        for one in range(GROUPS)
    ]  # fmt: skip
    contrast = by_question @ np.linalg.pinv(by_question) - by_group @ np.linalg.pinv(by_group)
    inside = np.eye(len(points)) - by_question @ np.linalg.pinv(by_question)
    adjust = np.eye(len(points)) - sum(np.outer(x, inside @ x) / (x @ inside @ x) for x in leans.T)
    assert adjust @ points == pytest.approx(points - np.array(slopes)[group] * place)
    form = adjust.T @ contrast @ adjust
    question_part = np.trace(form @ by_question @ by_question.T)
    of_question = (points @ form @ points - np.trace(form) * game) / question_part
    found = estimated((points, place, question, group))
    assert [found[0], found[2]] == pytest.approx([of_question, game])


@pytest.mark.parametrize("numbers", [TWO, UNEQUAL], ids=["two", "unequal"])
def test_what_is_planted_is_found_on_average(numbers: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    found = np.array([estimated(games(rng, numbers)) for _ in range(800)])
    weight = numbers.sum(axis=0) / numbers.sum()
    truth = np.array([0.5, weight @ LEANS**2, 0.64])
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - truth) < 3 * error).all()
    assert (error < 0.05 * truth + 0.005).all()


def test_the_variance_of_a_mean_is_that_of_simulated_means() -> None:
    rng = np.random.default_rng(3)
    parts = Components(np.array([0.5]), np.array([0.04]), np.array([0.64]))
    for questions, number in ((10, 2), (10, 6), (40, 2)):
        leans = 0.2 * np.tile([1, -1], number // 2)
        effects = rng.normal(0, np.sqrt(0.5), (4000, questions, 1))
        points = effects + leans + rng.normal(0, 0.8, (4000, questions, number))
        of_mean = parts.of_mean(questions, number)[0]
        assert points.mean(axis=(1, 2)).var() == pytest.approx(of_mean, rel=0.1)
    assert parts.total[0] == pytest.approx(1.18)


def test_a_question_is_worth_the_repeats_that_narrow_a_mean_as_much() -> None:
    parts = Components(np.array([0.083]), np.array([0.0]), np.array([0.103]))
    worth = float(parts.repeats(2)[0])
    usual = parts.of_mean(1000, 2)[0]
    question, repeat = parts.of_mean(1001, 2)[0], parts.of_mean(1000, 2 * 1001 / 1000)[0]
    assert worth == pytest.approx((usual - question) / (usual - repeat), rel=1e-2)
    assert worth == pytest.approx(2.6, abs=0.02)
    sure = Components(np.array([0.1]), np.array([0.0]), np.array([0.0]))
    assert np.isinf(sure.repeats(2)[0])


def repeated(rng: np.random.Generator, questions: int, verdicts: int) -> np.ndarray:
    """Points (Q, 2, R) with variances of 0.5, 0.09 (place), 0.2 (game) and 0.4 (repeat)."""
    lean = 0.3 * np.array([1, -1])[:, None]
    effects = rng.normal(0, np.sqrt(0.5), (questions, 1, 1))
    own = rng.normal(0, np.sqrt(0.2), (questions, 2, 1))
    return effects + lean + own + rng.normal(0, np.sqrt(0.4), (questions, 2, verdicts))


def split(points: np.ndarray) -> RepeatedComponents:
    """The components of points (Q, 2, R)."""
    questions, _, verdicts = points.shape
    question = np.repeat(np.arange(questions), 2)
    found = points.mean(axis=2).ravel(), np.tile([1, -1], questions), question, 0 * question
    parts = components(question_sums(*found, (questions, 1)).sum(axis=0, keepdims=True))
    noise = np.array([points.var(axis=2, ddof=1).mean()])
    return RepeatedComponents.of_means(parts, noise, np.array([1 / verdicts]))


def test_repeats_split_the_noise_of_games_as_nested_analysis_of_variance() -> None:
    """Expected mean squares of a balanced design with questions and places crossed."""
    points = repeated(np.random.default_rng(8), 30, 4)
    parts, means = split(points), points.mean(axis=2)
    cells = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    of_cells = 4 * (cells**2).sum() / 29
    of_questions = 4 * 2 * means.mean(axis=1).var(ddof=1)
    within = points.var(axis=2, ddof=1).mean()
    assert parts.repeat[0] == pytest.approx(within)
    assert parts.game[0] == pytest.approx((of_cells - within) / 4)
    assert parts.question[0] == pytest.approx((of_questions - of_cells) / 8)


def test_planted_components_of_repeats_are_found() -> None:
    rng = np.random.default_rng(9)
    every = [split(repeated(rng, 60, 3)) for _ in range(200)]
    found = np.array([[p.question, p.place, p.game, p.repeat, p.total] for p in every])[:, :, 0]
    error = found.std(axis=0) / np.sqrt(len(found))
    truth = np.array([0.5, 0.09, 0.2, 0.4, 1.19])
    assert (np.abs(found.mean(axis=0) - truth) < 3 * error).all()


def test_what_to_buy_next_is_what_narrows_a_mean_of_simulated_verdicts() -> None:
    rng = np.random.default_rng(10)
    parts = RepeatedComponents(*(np.array([x]) for x in (0.5, 0.09, 0.2, 0.4, 3.0)))
    spread = {r: repeated(rng, 200_000, r).mean(axis=(1, 2)).std() for r in (3, 6)}
    assert parts.narrowed(2)[0] == pytest.approx(1 - spread[6] / spread[3], abs=0.003)
    # Of verdicts that cost the same: the variance of n questions with r verdicts a game.
    of = lambda n, r: (0.5 + 0.2 / 2 + 0.4 / (2 * r)) / n  # noqa: E731
    question, repeat = of(1001, 3), of(1000, 3 * 1001 / 1000)
    expected = (of(1000, 3) - question) / (of(1000, 3) - repeat)
    assert parts.repeats(2)[0] == pytest.approx(expected, rel=2e-3)
    assert expected == pytest.approx(10, rel=2e-3)


def test_one_game_a_question_tells_nothing_apart() -> None:
    found = games(np.random.default_rng(4), np.ones((QUESTIONS, GROUPS), dtype=int))
    assert np.isnan(estimated(found)).all()


def test_no_component_is_below_0() -> None:
    """Where games of a question differ more than questions do."""
    rng = np.random.default_rng(6)
    points = np.tile([1.0, -1.0], 20) + rng.normal(0, 0.1, 40)
    place = np.tile([1, -1, -1, 1], 10)
    found = (points, place, np.repeat(np.arange(20), 2), np.zeros(40, dtype=int))
    question, of_place, game = estimated(found, (20, 1))
    assert (question, of_place) == (0.0, 0.0) and game > 1
