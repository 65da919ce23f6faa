"""The intervals and ranks of boards: what they are made of, and that they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import sem
from scipy.stats import t as student_t

from arena.scoring import arena_v2
from arena.scoring.bradley_terry import win_rates
from arena.scoring.cells import Cells
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, V2, grade_uncertainty
from arena.scoring.solver import ELO_PER_LOGIT
from arena.scoring.uncertainty.intervals import logit_t, percentiles

FIRST, NONE = np.array([True, False, False]), np.array([False])  # the models without an error


def star(rates, questions, seed=0, style=False):
    """Model 0 against the others, two battles a question, with these chances of the others."""
    rng, shape = np.random.default_rng(seed), (len(rates), questions)
    chance = np.clip(np.array(rates)[:, None] + rng.normal(0, 0.2, questions), 0, 1)
    chance = np.where(np.isin(np.array(rates)[:, None], (0, 1)), np.array(rates)[:, None], chance)
    wins = rng.binomial(2, chance).ravel()
    return Cells(
        models=len(rates) + 1,
        a=np.zeros(wins.size, int),
        b=np.repeat(np.arange(1, len(rates) + 1), questions),
        question=np.tile(np.arange(questions), len(rates)),
        counts=np.stack([2 - wins, 0 * wins, wins]),
        features=rng.normal(size=(1, *shape)).reshape(1, -1) if style else None,
    )


def pairs(models, questions, strengths, seed):
    """All models against each other on each question."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(models, 1)
    ahead = (strengths[a] - strengths[b])[:, None] + rng.normal(0, 1, (len(a), questions))
    wins = rng.binomial(2, 1 / (1 + np.exp(-ahead))).ravel()
    return Cells(
        models,
        np.repeat(a, questions),
        np.repeat(b, questions),
        np.tile(np.arange(questions), len(a)),
        np.stack([wins, 0 * wins, 2 - wins]),
    )


def uncertainty(estimator, cells, resample="question", elo=False, rounds=400, anchor=0):
    ratings = estimator.fit(cells, anchor).ratings
    samples = estimator.bootstrap(cells, anchor, rounds=rounds, seed=1, resample=resample)
    return estimator.uncertainty(cells, anchor, ratings, samples, resample=resample, elo=elo)


def test_a_plain_star_has_the_closed_form_and_its_baseline_no_width():
    cells = star([0.3, 0.9, 1.0, 0.0], 30)
    wins = cells.counts[2].reshape(4, 30).astype(float)
    ends = uncertainty(BRADLEY_TERRY, cells).ends
    assert ends[:, 0].tolist() == [50.0, 50.0]
    assert ends[:, 1:] == pytest.approx(logit_t(wins, np.full((4, 30), 2.0)))
    assert ends[:, 3].tolist() == [pytest.approx(93, abs=5), 100.0]
    assert ends[:, 4].tolist() == [0.0, pytest.approx(7, abs=5)]


def test_elo_intervals_are_the_ratings_of_the_ends():
    cells = star([0.3, 0.9, 1.0, 0.0], 30)
    rates, elo = (uncertainty(BRADLEY_TERRY, cells, elo=elo).ends for elo in (False, True))
    assert elo == pytest.approx(arena_v2.rating(rates))
    assert elo[:, 0].tolist() == [1000.0, 1000.0]
    assert np.isinf([elo[1, 3], elo[0, 4]]).all()


@pytest.mark.parametrize("estimator", [BRADLEY_TERRY, V2])
def test_rounds_over_battles_keep_percentiles(estimator):
    cells = star([0.3, 0.6], 30)
    ratings = estimator.fit(cells, 0).ratings
    samples = estimator.bootstrap(cells, 0, rounds=200, seed=1, resample="battle")
    both = (
        estimator.uncertainty(cells, 0, ratings, samples, resample="battle", elo=elo).ends
        for elo in (False, True)
    )
    for ends, values in zip(both, (win_rates(samples, 0), samples), strict=True):
        assert ends[:, 1:] == pytest.approx(percentiles(values, estimator.level)[:, 1:])


def test_v2_intervals_of_questions_are_those_of_90_percent():
    """Percentiles of its rounds held 81 % of true scores with 5 questions, 87 % with 20."""
    cells = star([0.3, 0.9], 30)
    wins = cells.counts[2].reshape(2, 30).astype(float)
    ends = uncertainty(V2, cells).ends
    assert ends[:, 1:] == pytest.approx(logit_t(wins, np.full((2, 30), 2.0), 0.9))


@pytest.mark.parametrize("estimator", [BRADLEY_TERRY, V2])
@pytest.mark.parametrize("style", [False, True])
def test_fewer_than_five_questions_give_no_interval_and_any_rank(estimator, style):
    both = uncertainty(estimator, star([0.3, 0.7], 4, style=style))
    assert np.isnan(both.ends[:, 1:]).all()
    assert both.ends[:, 0].tolist() == [50.0, 50.0]
    assert both.ranks.tolist() == [[1, 1, 1], [3, 3, 3]]


def test_style_control_has_the_spread_of_the_rounds_on_the_logit_scale():
    cells = star([0.3, 0.7], 500, style=True)
    ratings = BRADLEY_TERRY.fit(cells, 0).ratings
    samples = BRADLEY_TERRY.bootstrap(cells, 0, rounds=800, seed=1, resample="question")
    ends = BRADLEY_TERRY.uncertainty(cells, 0, ratings, samples, resample="question", elo=True).ends
    half = 1.965 * samples.std(axis=0)
    assert ends == pytest.approx(np.stack([ratings - half, ratings + half]), abs=1.0)


def test_a_model_that_won_all_under_style_control_has_an_honest_interval():
    """Its rounds are nearly alike, since nothing but the ridge keeps its strength finite."""
    lower, upper = uncertainty(BRADLEY_TERRY, star([0.5, 1.0], 20, style=True)).ends[:, 2]
    assert 70 < lower < 95
    assert upper > 99


@pytest.mark.parametrize("anchor", [0, 3])
def test_a_round_robin_has_finite_rounds_and_a_one_sided_interval_at_100(anchor):
    cells = pairs(4, 12, np.array([0.0, 0.0, 0.0, 50.0]), seed=1)
    samples = BRADLEY_TERRY.bootstrap(cells, anchor, rounds=200, seed=1, resample="question")
    assert np.isfinite(samples).all()
    both = uncertainty(BRADLEY_TERRY, cells, anchor=anchor)
    if anchor == 0:
        assert both.ends[1, 3] == 100.0
        assert 75 < both.ends[0, 3] < 99
    else:
        assert (both.ends[0, :3] == 0.0).all()
        assert (both.ends[1, :3] < 25).all()
    assert both.ranks[:, 3].tolist() == [1, 1]


def test_intervals_of_a_round_robin_hold_the_truth():
    truth = np.array([0.0, -1.0, 0.5, 1.0, 2.0])
    large = BRADLEY_TERRY.fit(pairs(5, 20_000, truth, seed=0), 0).ratings
    held = []
    for seed in range(60):
        lower, upper = uncertainty(
            BRADLEY_TERRY, pairs(5, 20, truth, 100 + seed), elo=True, rounds=200
        ).ends
        held.append(((lower <= large) & (large <= upper))[1:])
    assert 0.92 <= np.mean(held) <= 0.99


def test_the_prior_of_a_round_robin_hardly_moves_its_rounds():
    cells = pairs(5, 400, np.array([0.0, -1.0, 0.5, 1.0, 2.0]), seed=2)
    ratings = BRADLEY_TERRY.fit(cells, 0).ratings
    samples = BRADLEY_TERRY.bootstrap(cells, 0, rounds=300, seed=1, resample="question")
    bias = (samples.mean(axis=0) - ratings) / ELO_PER_LOGIT
    assert np.abs(bias).max() < 0.02


def test_two_models_that_won_all_are_not_told_apart_by_their_numbers_of_questions():
    """Nothing but the prior question makes one of them the better."""
    cells = star([1.0, 1.0, 0.4], 60)
    keep = (cells.b != 2) | (cells.question < 25)
    part = Cells(4, cells.a[keep], cells.b[keep], cells.question[keep], cells.counts[:, keep])
    assert uncertainty(BRADLEY_TERRY, part).ranks.T.tolist() == [[3, 4], [1, 2], [1, 2], [3, 4]]


def test_copies_of_a_judge_do_not_narrow_intervals():
    cells = star([0.3, 0.7, 0.6], 40)
    twice = Cells(
        4,
        *(np.tile(index, 2) for index in (cells.a, cells.b, cells.question)),
        np.tile(cells.counts, 2),
    )
    one, two = (uncertainty(BRADLEY_TERRY, each) for each in (cells, twice))
    assert two.ends == pytest.approx(one.ends)
    assert (two.ranks == one.ranks).all()


def test_an_overall_board_has_the_spread_of_its_averaged_rounds():
    rng = np.random.default_rng(0)
    scores, questions = np.array([50.0, 30.0, 60.0]), np.array([600, 600, 3])
    samples = scores + rng.normal(0, [0.0, 2.0, 2.0], (3000, 3))
    for estimator, quantile in ((BRADLEY_TERRY, 1.96), (V2, 1.645), (GRADES, 1.96)):
        both = estimator.overall_uncertainty(
            scores, samples, questions, resample="question", boards=2, exact=FIRST
        )
        assert both.ends[:, 0] == pytest.approx([50.0, 50.0])
        half = quantile * 2
        assert both.ends[:, 1] == pytest.approx([30 - half, 30 + half], abs=0.3)
        assert np.isnan(both.ends[:, 2]).all()
        assert both.ranks.tolist() == [[1, 2, 1], [2, 3, 3]]
    battle = BRADLEY_TERRY.overall_uncertainty(
        scores, samples, questions, resample="battle", boards=2, exact=FIRST
    )
    assert battle.ends == pytest.approx(percentiles(samples))


@pytest.mark.parametrize("estimator", [BRADLEY_TERRY, V2, GRADES])
def test_an_overall_interval_of_small_boards_holds_the_truth(estimator):
    """Rounds of 4 of 4 questions have 3/4 of the variance of new questions, on each board."""
    rng, held = np.random.default_rng(3), []
    for _ in range(500):
        points = 50.0 + rng.normal(0.0, 20.0, (3, 4))
        picks = rng.integers(4, size=(400, 3, 4))
        samples = np.take_along_axis(points[None], picks, axis=2).mean(axis=(1, 2))
        lower, upper = estimator.overall_uncertainty(
            points.mean(keepdims=True)[0],
            samples[:, None],
            np.array([12]),
            resample="question",
            boards=3,
            exact=NONE,
        ).ends
        held.append(lower[0] <= 50.0 <= upper[0])
    assert np.mean(held) == pytest.approx(estimator.level, abs=0.025)


def test_an_overall_interval_of_skewed_grades_holds_the_truth():
    """Most grades are 10, the best, so that few questions often show almost no spread."""
    grades, chances = np.array([10.0, 9.0, 7.0, 2.0]), np.array([0.8, 0.1, 0.06, 0.04])
    rng, held = np.random.default_rng(3), []
    for _ in range(400):
        drawn = rng.choice(grades, (2, 8), p=chances)
        picks = rng.integers(8, size=(300, 2, 8))
        samples = np.take_along_axis(drawn[None], picks, axis=2).mean(axis=(1, 2))
        found = GRADES.overall_uncertainty(
            np.array([drawn.mean()]),
            samples[:, None],
            np.array([16]),
            resample="question",
            boards=2,
            exact=np.array([False]),
            ranges=((1.0, 10.0),),
        )
        ((lower,), (upper,)) = found.ends
        assert 1.0 < lower <= drawn.mean() <= upper <= 10.0
        held.append(lower <= grades @ chances <= upper)
    assert 0.92 < np.mean(held) < 0.99


def test_an_overall_score_of_100_has_a_one_sided_interval():
    samples = np.full((100, 1), 100.0)
    both = BRADLEY_TERRY.overall_uncertainty(
        np.array([100.0]), samples, np.array([40]), resample="question", boards=1, exact=NONE
    )
    assert both.ends[:, 0].tolist() == [pytest.approx(92, abs=4), 100.0]


def test_ranks_of_grades_come_from_the_rounds():
    rng = np.random.default_rng(1)
    total = np.clip(np.array([[2.0], [6.0], [6.0]]) + rng.normal(size=(3, 50)), 1, 10)
    number = np.ones_like(total)
    samples = GRADES.bootstrap(total, number, rounds=300, seed=1)
    assert grade_uncertainty(total, number, samples).ranks.tolist() == [[3, 1, 1], [3, 2, 2]]


def test_few_grades_without_spread_leave_ranks_open():
    """On 5 questions a 9 each time and a 10 each time, whose intervals overlap, and a 2."""
    for questions, ranks in ((5, [[1, 1, 3], [2, 2, 3]]), (60, [[2, 1, 3], [2, 1, 3]])):
        total = np.tile([[9.0], [10.0], [2.0]], questions)
        samples = np.tile([9.0, 10.0, 2.0], (1000, 1))
        both = grade_uncertainty(total, np.ones_like(total), samples, ((1.0, 10.0),))
        assert both.ranks.tolist() == ranks


class TestGrades:
    def ends(self, total, number=None, ranges=((1.0, 10.0),)):
        number = np.ones_like(total) if number is None else number
        samples = np.zeros((2, len(total)))
        return grade_uncertainty(total, number, samples, ranges).ends

    def test_intervals_of_many_grades_are_students(self):
        """Whatever the range of the grades: it matters for few of them alone."""
        rng = np.random.default_rng(1)
        total = rng.integers(1, 11, (3, 2000)).astype(float)
        expected = student_t.interval(0.95, 1999, total.mean(axis=1), sem(total, axis=1))
        assert self.ends(total) == pytest.approx(np.array(expected), abs=0.01)
        wider = self.ends(total, ranges=((0.0, 10.0), (1.0, 20.0)))
        assert wider == pytest.approx(np.array(expected), abs=0.01)

    def test_questions_count_by_the_number_of_their_grades(self):
        rng = np.random.default_rng(1)
        number = rng.integers(1, 4, (1, 4000)).astype(float)
        total = number * np.clip(rng.normal(6, 2, number.shape), 1, 10)
        half = np.diff(self.ends(total, number)[:, 0]) / 2
        means = [
            total[0, take].sum() / number[0, take].sum()
            for take in rng.integers(4000, size=(800, 4000))
        ]
        assert half == pytest.approx(1.96 * np.std(means), rel=0.1)

    def test_a_model_with_the_best_grade_alone_has_a_one_sided_interval(self):
        lower, upper = self.ends(np.array([[10.0] * 12, [10.0, 9.0] * 6]))
        assert upper[0] == 10.0
        assert 6.5 < lower[0] < 8.5
        assert lower[1] < 9.5 < upper[1] < 10.0

    def test_fewer_than_five_questions_and_equal_grades_have_none(self):
        total = np.array([[10.0, 2.0, 3.0, 4.0, 0.0], [1.0, 5.0, 3.0, 4.0, 8.0]])
        ends = self.ends(total, (total > 0).astype(float))
        assert np.isnan(ends[:, 0]).all() and np.isfinite(ends[:, 1]).all()
        assert np.isnan(self.ends(np.full((1, 9), 4.0), ranges=())).all()

    @pytest.mark.parametrize("ranges", [((1.0, 10.0),), ()])
    def test_those_of_skewed_grades_hold_the_truth(self, ranges):
        """Student's intervals of these hold 85 to 89 %."""
        rng = np.random.default_rng(2)
        chances = [0.02, 0.02, 0.02, 0.02, 0.02, 0.05, 0.05, 0.1, 0.3, 0.4]
        for questions in (6, 12):
            total = rng.choice(np.arange(1.0, 11.0), (1500, questions), p=chances)
            lower, upper = self.ends(total, ranges=ranges)
            truth = float(np.arange(1.0, 11.0) @ chances)
            assert 0.93 <= np.mean((lower <= truth) & (truth <= upper)) <= 0.99
            spread = student_t.ppf(0.975, questions - 1) * sem(total, axis=1)
            assert np.mean(np.abs(total.mean(axis=1) - truth) <= spread) < 0.9
