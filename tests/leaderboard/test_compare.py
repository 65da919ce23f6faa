"""The comparison of two models, through show_result.py."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from boards import error, flags, show
from conftest import Workspace
from judgments import (
    LABELS,
    LOST,
    POINTS,
    TIED,
    WON,
    add_judgments,
    judgment,
    random_judgments,
)

NUMBER = r"([+-]\d+\.\d)"
COMPARISON = re.compile(
    rf"(?P<pair>.*): {NUMBER} points of win rate\n"
    rf"95% interval, questions resampled: \({NUMBER}, {NUMBER}\), "
    r"permutation test over (\d+) questions: p = (\d\.\d{4})\n"
    r"With this many questions a difference of (\d+\.\d) would be found"
)


def comparison(bench: Workspace, *arguments: object) -> dict[str, Any]:
    """The numbers that a comparison prints."""
    text = show(bench, *arguments).out
    match = COMPARISON.search(text)
    assert match, text
    names = ("difference", "lower", "upper", "questions", "p", "detectable")
    return {"pair": match["pair"]} | dict(zip(names, map(float, match.groups()[1:]), strict=True))


def points(records: Sequence[dict[str, Any]]) -> np.ndarray:
    """Points and battles (Q, 2) of a model in its judgments, one a question, at weight 3."""
    sums = []
    for record in records:
        first, second = (POINTS[game["score"]] for game in record["games"])
        sums.append((first[1] + second[0], sum(first) + sum(second)))
    return np.array(sums, dtype=float)


def rate(sums: np.ndarray) -> np.ndarray:
    """Win rate in percent from points and battles (..., Q, 2)."""
    total = sums.sum(axis=-2)
    return np.asarray(100 * total[..., 0] / total[..., 1])


class TestCompare:
    PAIR = ("--compare", "m1", "m2")

    def judge(self, bench: Workspace, m1: Sequence[str], m2: Sequence[str]) -> list[np.ndarray]:
        """Judgments from labels, two a question; their points and battles."""
        both = []
        for model, labels in (("m1", m1), ("m2", m2)):
            pairs = zip(labels[::2], labels[1::2], strict=True)
            records = [judgment(f"q{i}", *pair) for i, pair in enumerate(pairs)]
            add_judgments(bench, model, records)
            both.append(points(records))
        return both

    def draw(self, bench: Workspace, seed: int, questions: int, edge: float) -> list[np.ndarray]:
        """Random judgments; `edge` is how much likelier the better labels are for `m1`."""
        draw = np.random.default_rng(seed)
        mine, other = np.array([1, 2, 1, 2 + edge, 1 + edge]), np.array([1, 2, 1, 2, 1])
        labels = []
        for chances in (mine / mine.sum(), other / other.sum()):
            first = draw.choice(LABELS, questions, p=chances)
            second = draw.choice(LABELS[::-1], questions, p=chances)
            labels.append(np.stack([first, second], axis=1).ravel().tolist())
        return self.judge(bench, *labels)

    def test_it_prints_the_difference_within_its_interval(self, bench: Workspace) -> None:
        first, second = self.draw(bench, 1, 40, edge=2)
        result = comparison(bench, *flags(), *self.PAIR)
        assert result["pair"] == "m1 - m2" and result["questions"] == 40
        assert result["difference"] == pytest.approx(rate(first) - rate(second), abs=0.0501)
        assert result["lower"] < result["difference"] < result["upper"]

    def test_the_interval_is_of_resampled_questions(self, bench: Workspace) -> None:
        sums = self.draw(bench, 2, 50, edge=1)
        result = comparison(bench, *flags(), *self.PAIR, "--num-rounds", "4000")
        picks = np.random.default_rng(0).integers(50, size=(4000, 50))
        drawn = rate(sums[0][picks]) - rate(sums[1][picks])
        ends = [result["lower"], result["upper"]]
        assert ends == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.15 * drawn.std())
        assert result["detectable"] == pytest.approx(2.8 * drawn.std(), rel=0.06)

    @pytest.mark.parametrize(("seed", "edge"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8)])
    def test_the_p_value_is_that_of_all_exchanges_of_whole_questions(
        self, bench: Workspace, seed: int, edge: float
    ) -> None:
        questions = 9
        both = np.array(self.draw(bench, seed, questions, edge))
        kept = np.array(list(itertools.product([0, 1], repeat=questions)))[:, :, None]
        first, second = (np.where(kept, both[i], both[1 - i]) for i in (0, 1))
        differences = np.abs(rate(first) - rate(second))
        exact = (differences >= differences[-1] - 1e-9).mean()
        result = comparison(bench, *flags(), *self.PAIR)
        noise = np.sqrt(exact * (1 - exact) / 2000)
        assert result["p"] == pytest.approx(exact, abs=4 * noise + 0.001)

    def test_models_that_are_alike_have_p_1_and_no_difference(self, bench: Workspace) -> None:
        labels = ["B>A", "A>B", "A=B", "B>>A"] * 5
        self.judge(bench, labels, labels)
        result = comparison(bench, *flags(), *self.PAIR)
        assert (result["difference"], result["p"]) == (0, 1)

    def test_a_clear_difference_has_the_least_p(self, bench: Workspace) -> None:
        self.judge(bench, [*WON] * 30, [*LOST] * 30)
        result = comparison(bench, *flags(), *self.PAIR)
        assert (result["difference"], result["p"]) == (100, 0.0005)

    def test_more_questions_detect_smaller_differences(self, bench: Workspace) -> None:
        found = []
        for questions in (25, 400):
            self.draw(bench, 6, questions, edge=1)
            found.append(comparison(bench, *flags(), *self.PAIR)["detectable"])
        assert found[0] / found[1] == pytest.approx(4, rel=0.3)

    def test_only_questions_of_both_are_tested(self, bench: Workspace) -> None:
        self.draw(bench, 7, 30, edge=1)
        add_judgments(bench, "m2", random_judgments(3, 12))
        assert comparison(bench, *flags(), *self.PAIR)["questions"] == 12

    def test_the_order_of_the_two_changes_the_sign_alone(self, bench: Workspace) -> None:
        self.draw(bench, 8, 30, edge=1)
        one = comparison(bench, *flags(), "--compare", "m1", "m2")
        two = comparison(bench, *flags(), "--compare", "m2", "m1")
        assert (one["difference"], one["lower"]) == (-two["difference"], -two["upper"])
        assert (one["p"], one["detectable"]) == (two["p"], two["detectable"])

    def test_a_second_run_and_the_workers_change_nothing(self, bench: Workspace) -> None:
        self.draw(bench, 9, 30, edge=1)
        runs = [show(bench, *flags(), *self.PAIR, "--workers", n) for n in (1, 2, 1)]
        assert runs[0] == runs[1] == runs[2]

    def test_with_style_control_the_scores_are_those_of_the_board(self, styled: Workspace) -> None:
        board = show(styled, *flags(), "--style-control").scores
        result = comparison(styled, *flags(), "--style-control", "--compare", "m1", "org/m2")
        difference = float(board["m1"]) - float(board["org/m2"])
        assert result["difference"] == pytest.approx(difference, abs=0.1501)
        assert 0 < result["p"] <= 1

    def test_the_baseline_can_be_one_of_the_two(self, bench: Workspace) -> None:
        """Is it better than the baseline? Exchanging the two turns each verdict round."""
        first, _ = self.draw(bench, 10, 10, edge=3)
        result = comparison(bench, *flags(), "--compare", "m1", "base")
        signs = np.array(list(itertools.product([-1, 1], repeat=10)))
        lead = np.abs(signs @ (first[:, 0] - first[:, 1] / 2))
        exact = (lead >= lead[-1] - 1e-9).mean()
        assert result["difference"] == pytest.approx(rate(first) - 50, abs=0.0501)
        noise = np.sqrt(exact * (1 - exact) / 2000)
        assert result["p"] == pytest.approx(exact, abs=4 * noise + 0.001)

    def test_models_judged_against_the_second_baseline_alone_can_be_compared(
        self, bench: Workspace
    ) -> None:
        """Nothing ties the pair's own battles to the first; the test must not fall silent."""
        self.draw(bench, 11, 30, edge=0)
        single = comparison(bench, *flags(), *self.PAIR)
        for model in ("m1", "m2"):
            records = [
                record | {"baseline": "second"} for record in bench.judgments("judge", model)
            ]
            add_judgments(bench, model, records)
        even = [judgment(f"q{i}", *TIED) for i in range(30)]
        add_judgments(bench, "second", even)
        double = comparison(bench, *flags(), "--baseline", "second", *self.PAIR)
        assert single["p"] > 0.1
        # Rounds of several baselines have a prior of ties, so their interval is a little narrower.
        assert double == single | {
            key: pytest.approx(single[key], rel=0.05) for key in ("lower", "upper", "detectable")
        }

    def test_an_unknown_model_is_told_the_nearest(self, bench: Workspace) -> None:
        self.draw(bench, 12, 5, edge=0)
        line = error(bench, *flags(), "--compare", "m1", "m22")
        assert "--compare" in line and "'m22'" in line and "did you mean 'm2'" in line

    def test_two_without_a_question_in_common_cannot_be_tested(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", [judgment("q1", *TIED)])
        add_judgments(bench, "m2", [judgment("q2", *TIED)])
        assert "no judged question in common" in error(bench, *flags(), *self.PAIR)
