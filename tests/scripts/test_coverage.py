"""The benchmark of coverage on a small scale: its table, its targets and its resampled boards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import REPO

from arena.leaderboard.build import build_board
from arena.leaderboard.options import Method
from arena.scoring.battles import Battles, Grades
from arena.scoring.estimators import BRADLEY_TERRY, GRADES, V2, Estimator
from benchmarks import coverage, populations
from benchmarks.populations import (
    EQUAL,
    GROUPS,
    Judged,
    RealQuestions,
    SimulatedBattles,
    SimulatedGrades,
    options_of,
    read_population,
    simulated,
    taken,
)

DEMO = REPO / "data" / "demo-v0.1"
NAN = float("nan")


def table_of(output: str) -> list[list[str]]:
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("source", [("--bench", str(DEMO), "--only", "plain"), ("--only", "grad")])
def test_the_status_is_that_of_the_targets(
    source: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status = coverage.main([*source, "--quick"])
    output = capsys.readouterr().out
    header, _, *rows = table_of(output)
    assert tuple(header) == coverage.HEADER
    assert rows and {row[1] for row in rows} == {"12", "20"}
    missed = set()
    for name, questions, _, default, low, *others, ranks, _ in rows:
        shares = [float(cell) for cell in (default, low, *others, ranks) if cell != "–"]
        assert all(0 <= share <= 100 for share in shares)
        ends = (93.0, 97.0 if questions == "20" else 100.0)
        of_ranks = (93.0, 100.0)
        for cell, (least, most) in ((default, ends), (ranks, of_ranks)):
            if cell != "–" and not least <= float(cell) <= most:
                missed.add(f"{name}, {questions} questions")
    listed = [
        line.partition(":")[0] for line in output.partition("Missed targets:\n")[2].splitlines()
    ]
    assert set(listed) == missed
    assert status == (1 if missed else 0)
    assert ("All targets are met." in output) == (not missed)


def row(estimator: Estimator = BRADLEY_TERRY, questions: int = 20, **shares: float) -> coverage.Row:
    population = SimulatedBattles(EQUAL, simulated(estimator, ("000000",)), style=False)
    measured = {"default": 95.0, "low": NAN, "shown": 100.0, "published": 60.0}
    measured |= {"ranks": NAN, "overlap": 10.0} | shares
    return coverage.Row(coverage.Case("board", population, Method()), questions, 400, **measured)


class TestTargets:
    @pytest.mark.parametrize(
        ("measured", "missed"),
        [
            (row(default=93.0), ""),
            (row(default=92.9), "board, 20 questions: 92.9 % of the intervals hold the truth"),
            (row(default=97.0), ""),
            (row(default=97.1), "board, 20 questions: 97.1 % of the intervals hold the truth"),
            (row(default=98.5, questions=12), ""),
            (row(default=92.5, questions=12), "board, 12 questions: 92.5 % of the intervals"),
            (row(low=80.0), ""),  # of few intervals, for the reader alone
            (row(V2, default=88.1), ""),
            (row(V2, default=87.9), "board, 20 questions: 87.9 % of the intervals hold the truth"),
            (row(V2, default=92.1), "board, 20 questions: 92.1 % of the intervals hold the truth"),
            (row(ranks=93.0), ""),
            (row(ranks=92.5), "board, 20 questions: the rank sets of 92.5 % of the boards hold"),
            (row(ranks=100.0), ""),
        ],
    )
    def test_a_row_says_what_it_misses(self, measured: coverage.Row, missed: str) -> None:
        lines = list(measured.misses())
        assert [line.startswith(missed) for line in lines] == [True] * bool(missed)


@pytest.fixture(scope="module")
def demo() -> RealQuestions:
    return read_population(options_of(DEMO, (), ()))


class TestDrawnBoards:
    def test_all_questions_once_make_the_board_of_the_bench(self, demo: RealQuestions) -> None:
        board = build_board(options_of(DEMO, (), ()))
        shuffled = np.random.default_rng(1).permutation(len(demo.data.questions))
        found = coverage.board_of(taken(demo.data, shuffled), demo.selection, Method())
        assert [row.model for row in found.rows] == [row.model for row in board.rows]
        for ours, row in zip(found.rows, board.rows, strict=True):
            assert ours.score == pytest.approx(row.score, abs=1e-6)
        assert found.counts.judged == board.counts.judged

    def test_a_question_counts_as_often_as_it_is_drawn(self, demo: RealQuestions) -> None:
        data = demo.data
        assert isinstance(data, Battles)
        drawn = taken(data, np.array([3, 0, 3]))
        assert isinstance(drawn, Battles)
        points, number = np.zeros((2, len(data.models)))
        for question in (3, 0, 3):
            for i in np.flatnonzero(data.cells.question == question):
                won, tied, lost = data.cells.counts[::-1, i]
                points[data.cells.b[i]] += won + tied / 2
                number[data.cells.b[i]] += won + tied + lost
        board = coverage.board_of(drawn, demo.selection, Method())
        for model in set(data.models) - {data.baseline}:
            row, i = board.row(model), data.models.index(model)
            assert row and row.score == pytest.approx(100 * points[i] / number[i], abs=1e-6)

    def test_a_model_without_a_grade_is_not_on_the_board(self) -> None:
        grades = SimulatedGrades(simulated(GRADES)).draw(3, np.random.default_rng(0)).data
        assert isinstance(grades, Grades)
        grades.number[4, :2] = grades.total[4, :2] = 0
        assert grades.models[4] not in taken(grades, np.array([0, 1, 1])).models
        assert grades.models[4] in taken(grades, np.array([0, 2])).models

    def test_categories_have_their_shares_of_different_questions(self, demo: RealQuestions) -> None:
        population = RealQuestions(demo.selection, demo.data, shares=(0.25, 0.25, 0.5))
        judged = population.draw(20, np.random.default_rng(0))
        assert [len(part) for part in judged.parts] == [5, 5, 10]
        whole = population.whole()
        assert [len(part) for part in whole.parts] == [10, 10, 20]
        assert sorted(np.concatenate(whole.parts)) == list(range(40))


class TestTruth:
    def test_models_equal_by_construction_have_one_score(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(populations, "TRUE_QUESTIONS", 1000)
        population = SimulatedBattles(GROUPS, simulated(BRADLEY_TERRY, ("000000",)), style=False)
        truth = coverage.Case("board", population, Method(rounds=2)).truth()
        kinds = {truth[name,]: GROUPS.kind(name)[0] for name in GROUPS.names}
        assert len(kinds) == 3
        assert [kinds[score] for score in sorted(kinds)] == [-0.8, 0.0, 0.8]

    def test_the_difference_of_two_models_is_that_of_their_scores(
        self, demo: RealQuestions
    ) -> None:
        scores = coverage.Case("board", demo, Method()).truth()
        pairs = coverage.Case("pairs", demo, Method(), estimates=coverage.in_pairs).truth()
        assert len(pairs) == 6
        for (first, second), difference in pairs.items():
            assert difference == pytest.approx(scores[first,] - scores[second,])


class TestRanks:
    TRUTH = {("a",): 60.0, ("b",): 50.0, ("c",): 50.0, ("d",): 10.0}

    @pytest.mark.parametrize(
        ("sets", "held"),
        [
            ([(1, 1), (2, 3), (2, 3), (4, 4)], 1.0),
            ([(1, 4), (1, 4), (1, 4), (1, 4)], 1.0),
            ([(1, 1), (2, 2), (2, 3), (4, 4)], 0.0),  # b and c are equal
            ([(2, 2), (1, 3), (1, 3), (4, 4)], 0.0),
            ([(1, 1), (2, 3), (2, 3), (1, 3)], 0.0),
        ],
    )
    def test_all_true_ranks_must_be_in_their_sets(self, sets: Any, held: float) -> None:
        ranks = dict(zip(self.TRUTH, sets, strict=True))
        assert coverage.ranks_held(ranks, self.TRUTH) == held

    def test_a_board_without_sets_says_nothing(self) -> None:
        assert np.isnan(coverage.ranks_held(dict.fromkeys(self.TRUTH), self.TRUTH))

    def test_intervals_that_overlap_suggest_a_common_rank(self) -> None:
        ends = {("a",): (8.0, 9.0), ("b",): (4.0, 6.0), ("c",): (5.0, 7.0), ("d",): (1.0, 4.5)}
        estimates = {key: coverage.Estimate(0.0, *pair) for key, pair in ends.items()}
        found = coverage.ranks_by_overlap(estimates)
        assert list(found.values()) == [(1, 1), (2, 4), (2, 3), (3, 4)]


def test_an_interval_holds_its_ends_and_nothing_outside() -> None:
    interval = coverage.Estimate(50.0, 40.0, 60.0)
    assert [interval.holds(truth) for truth in (40.0, 50.0, 60.0)] == [1.0, 1.0, 1.0]
    assert [interval.holds(truth) for truth in (39.9, 60.1)] == [0.0, 0.0]
    assert np.isnan(coverage.Estimate(50.0, NAN, NAN).holds(50.0))


def test_clusters_under_style_control_use_the_features_that_were_read() -> None:
    options = options_of(DEMO, (), ())
    population = read_population(type(options)(**(vars(options) | {"control": ("length",)})))
    judged = population.draw(20, np.random.default_rng(0))
    halves = Judged(judged.data, np.split(np.arange(20), 2))
    found = coverage.by_cluster(halves, population.selection, Method(("length",), rounds=50))
    assert len(found) == 8
