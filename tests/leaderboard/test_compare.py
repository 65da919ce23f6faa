"""Comparisons of models, through show_result.py, against oracles of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from boards import board_json, error, flags, named, show
from conftest import Workspace
from judgments import (
    LABELS,
    LOST,
    POINTS,
    TIED,
    WON,
    add_judgments,
    add_lengths,
    judgment,
    random_answers,
    random_bench,
    random_judgments,
)
from scipy import optimize, stats

from arena.leaderboard.board import Scored
from arena.leaderboard.build import build_board
from arena.leaderboard.compare import compare, compare_all
from arena.leaderboard.options import board_options
from arena.leaderboard.overall import overall_board
from arena.scoring import bradley_terry
from arena.scoring.cells import Cells
from arena.scoring.uncertainty.intervals import logit_t

PAIR = ("--compare", "m1", "m2")
NUMBERS = ("difference", "lower", "upper", "p_value", "adjusted", "detectable", "questions")


def comparisons(bench: Workspace, *arguments: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = board_json(bench, *arguments)["comparisons"]
    return found


def comparison(bench: Workspace, *arguments: object) -> dict[str, Any]:
    (found,) = comparisons(bench, *arguments)
    return found


def numbers(found: dict[str, Any]) -> list[float]:
    return [found[name] for name in NUMBERS]


def points(records: Sequence[dict[str, Any]], weight: int = 3) -> np.ndarray:
    """Points and battles (Q, 2) of a model in its judgments, one a question."""
    sums = []
    for record in records:
        games = [np.minimum(POINTS[game["score"]], weight) for game in record["games"]]
        sums.append((games[0][1] + games[1][0], sum(map(sum, games))))
    return np.array(sums, dtype=float)


def rate(sums: np.ndarray) -> np.ndarray:
    """Win rate in percent from points and battles (..., Q, 2)."""
    total = sums.sum(axis=-2)
    return np.asarray(100 * total[..., 0] / total[..., 1])


def judge(bench: Workspace, **labels: Sequence[str]) -> list[np.ndarray]:
    """Judgments from labels, two a question. Their points and battles."""
    sums = []
    for model, of_model in labels.items():
        pairs = zip(of_model[::2], of_model[1::2], strict=True)
        records = [judgment(f"q{i}", *pair) for i, pair in enumerate(pairs)]
        add_judgments(bench, model, records)
        sums.append(points(records))
    return sums


def draw(bench: Workspace, seed: int, questions: int, edge: float) -> list[np.ndarray]:
    """Random judgments. `edge` is how much likelier the better labels are for `m1`."""
    rng = np.random.default_rng(seed)
    mine, other = np.array([1, 2, 1, 2 + edge, 1 + edge]), np.array([1, 2, 1, 2, 1])
    labels = []
    for chances in (mine / mine.sum(), other / other.sum()):
        first = rng.choice(LABELS, questions, p=chances)
        second = rng.choice(LABELS[::-1], questions, p=chances)
        labels.append(np.stack([first, second], axis=1).ravel().tolist())
    return judge(bench, m1=labels[0], m2=labels[1])


def error_by_hand(first: np.ndarray, second: np.ndarray) -> float:
    """Residuals of two ratios as means of questions, and two quarters of a question."""
    residuals = [
        (sums[:, 0] - rate(sums) / 100 * sums[:, 1]) / sums[:, 1].mean() for sums in (first, second)
    ]
    of_mean = 100 * stats.sem(residuals[0] - residuals[1])
    return float(np.sqrt(of_mean**2 + 2 * (25 / len(first)) ** 2))


def exchanges(questions: int) -> np.ndarray:
    """All ways to exchange two models on questions (2^Q, Q, 1), the last keeps all."""
    return np.array(list(itertools.product([0, 1], repeat=questions)))[:, :, None]


class TestStar:
    """Battles against one baseline, without style control."""

    def test_difference_and_interval_are_those_of_the_formula(self, bench: Workspace) -> None:
        first, second = draw(bench, 1, 40, edge=2)
        found = comparison(bench, *flags(), *PAIR)
        half = stats.t.ppf(0.975, 39) * error_by_hand(first, second)
        assert (found["first"], found["second"], found["questions"]) == ("m1", "m2", 40)
        assert found["difference"] == pytest.approx(rate(first) - rate(second))
        ends = [found["difference"] - half, found["difference"] + half]
        assert [found["lower"], found["upper"]] == pytest.approx(ends, abs=0.02)

    def test_the_interval_is_near_that_of_resampled_questions(self, bench: Workspace) -> None:
        sums = draw(bench, 2, 80, edge=1)
        found = comparison(bench, *flags(), *PAIR)
        picks = np.random.default_rng(0).integers(80, size=(4000, 80))
        drawn = rate(sums[0][picks]) - rate(sums[1][picks])
        ends = [found["lower"], found["upper"]]
        assert ends == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.15 * drawn.std())
        assert found["detectable"] == pytest.approx(2.8 * drawn.std(), rel=0.06)

    @pytest.mark.parametrize(("seed", "edge"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8)])
    def test_the_p_value_is_that_of_all_exchanges_of_whole_questions(
        self, bench: Workspace, seed: int, edge: float
    ) -> None:
        """Of games that count once, exchanges are ordered by the difference alone."""
        draw(bench, seed, 9, edge)
        both = np.array([points(bench.judgments("judge", m), weight=1) for m in ("m1", "m2")])
        first, second = (np.where(exchanges(9), both[i], both[1 - i]) for i in (0, 1))
        differences = np.abs(rate(first) - rate(second))
        exact = (differences >= differences[-1] - 1e-9).mean()
        found = comparison(bench, *flags(), *PAIR, "--weight", 1)
        assert found["p_value"] == pytest.approx(exact, abs=1e-12)
        assert found["test"] == "permutation" and found["adjusted"] == found["p_value"]

    @pytest.mark.parametrize(("seed", "edge"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8)])
    def test_of_weighted_games_exchanges_are_ordered_by_the_score_statistic(
        self, bench: Workspace, seed: int, edge: float
    ) -> None:
        """2 d W1 W2 / (W1 + W2): the difference times the harmonic mean of the battles."""
        both = np.array(draw(bench, seed, 9, edge))
        first, second = (np.where(exchanges(9), both[i], both[1 - i]) for i in (0, 1))
        harmonic = 2 / (1 / first.sum(axis=1)[:, 1] + 1 / second.sum(axis=1)[:, 1])
        scores = np.abs(rate(first) - rate(second)) * harmonic
        exact = (scores >= scores[-1] - 1e-9).mean()
        assert comparison(bench, *flags(), *PAIR)["p_value"] == pytest.approx(exact, abs=1e-12)

    def test_many_questions_are_exchanged_at_random(self, bench: Workspace) -> None:
        both = np.array(draw(bench, 6, 60, edge=0.7))
        kept = np.random.default_rng(0).integers(0, 2, (20_000, 60, 1))
        first, second = (np.where(kept, both[i], both[1 - i]) for i in (0, 1))
        observed = abs(rate(both[0]) - rate(both[1]))
        expected = (np.abs(rate(first) - rate(second)) >= observed - 1e-9).mean()
        noise = np.sqrt(expected * (1 - expected) / 2000)
        assert 0.01 < expected < 0.5
        p_value = comparison(bench, *flags(), *PAIR)["p_value"]
        assert p_value == pytest.approx(expected, abs=4 * noise + 0.003)

    def test_models_that_are_alike_have_p_1_and_no_interval(self, bench: Workspace) -> None:
        labels = ["B>A", "A>B", "A=B", "B>>A"] * 5
        judge(bench, m1=labels, m2=labels)
        found = comparison(bench, *flags(), *PAIR)
        assert numbers(found) == [0, None, None, 1, 1, None, 10]
        out = show(bench, *flags(), *PAIR).out
        assert "No interval: every question gives the same difference.\n" in out
        assert "p = 1.0000" in out and "would be found" not in out

    def test_a_clear_difference_has_the_least_p(self, bench: Workspace) -> None:
        judge(bench, m1=[*WON] * 30, m2=[*LOST] * 29 + [*TIED])
        found = comparison(bench, *flags(), *PAIR)
        assert found["p_value"] == pytest.approx(1 / 2001)
        assert found["lower"] < found["difference"] < found["upper"] == 100

    def test_more_questions_detect_smaller_differences(self, bench: Workspace) -> None:
        found = []
        for questions in (25, 400):
            draw(bench, 6, questions, edge=1)
            found.append(comparison(bench, *flags(), *PAIR)["detectable"])
        assert found[0] / found[1] == pytest.approx(4, rel=0.3)

    def test_five_questions_cannot_reach_5_percent(self, bench: Workspace) -> None:
        judge(bench, m1=[*WON] * 4 + [*TIED], m2=[*LOST] * 5)
        found = comparison(bench, *flags(), *PAIR)
        assert found["p_value"] == 2 / 2**5 and found["detectable"] is None
        assert found["lower"] < 90 < found["upper"]

    @pytest.mark.parametrize(("questions", "few"), [(1, "1 question is"), (3, "3 questions are")])
    def test_fewer_have_neither_interval_nor_p_value(
        self, bench: Workspace, questions: int, few: str
    ) -> None:
        judge(bench, m1=[*WON] * questions, m2=[*LOST] * (questions - 1) + [*TIED])
        found = comparison(bench, *flags(), *PAIR)
        assert numbers(found)[1:] == [None, None, None, None, None, questions]
        out = show(bench, *flags(), *PAIR).out
        assert f"No interval and no p-value: {few} too few, judge 5 or more.\n" in out
        assert "would be found" not in out and f"+{found['difference']:.1f} points" in out

    def test_all_ties(self, bench: Workspace) -> None:
        judge(bench, m1=[*TIED] * 8, m2=[*TIED] * 8)
        assert numbers(comparison(bench, *flags(), *PAIR)) == [0, None, None, 1, 1, None, 8]
        with_baseline = comparison(bench, *flags(), "--compare", "m1", "base")
        assert with_baseline["p_value"] == 1 and with_baseline["detectable"] is None
        assert with_baseline["lower"] == -with_baseline["upper"] < 0

    def test_the_order_of_the_two_changes_the_sign_alone(self, bench: Workspace) -> None:
        draw(bench, 8, 30, edge=1)
        one = comparison(bench, *flags(), "--compare", "m1", "m2")
        two = comparison(bench, *flags(), "--compare", "m2", "m1")
        assert (one["difference"], one["lower"]) == (-two["difference"], -two["upper"])
        assert (one["p_value"], one["detectable"]) == (two["p_value"], two["detectable"])

    def test_the_baseline_can_be_one_of_the_two(self, bench: Workspace) -> None:
        """Is it better than the baseline? The interval is the board's, less 50."""
        first, _ = draw(bench, 10, 10, edge=3)
        found = comparison(bench, *flags(), "--compare", "m1", "base")
        signs = np.array(list(itertools.product([-1, 1], repeat=10)))
        lead = np.abs(signs @ (first[:, 0] - first[:, 1] / 2))
        exact = (lead >= lead[-1] - 1e-9).mean()
        assert found["difference"] == pytest.approx(rate(first) - 50)
        assert found["p_value"] == pytest.approx(exact, abs=1e-12)
        ends = logit_t(first[None, :, 0], first[None, :, 1])[:, 0] - 50
        assert [found["lower"], found["upper"]] == pytest.approx(ends)
        turned = comparison(bench, *flags(), "--compare", "base", "m1")
        assert [-turned["upper"], -turned["lower"]] == pytest.approx(ends)

    def test_a_battle_file_gives_the_same(self, bench: Workspace) -> None:
        draw(bench, 13, 30, edge=1)
        first = comparison(bench, *flags(), *PAIR)
        assert comparison(bench, *flags(), *PAIR, "--load-battles") == first

    def test_v2_compares_the_means_of_outcomes(self, bench: Workspace) -> None:
        first, second = draw(bench, 14, 50, edge=1)
        plain = comparison(bench, *flags(), *PAIR)
        found = comparison(bench, *flags(), *PAIR, "--method", "v2.0")
        assert found["difference"] == pytest.approx(rate(first) - rate(second))
        assert found == plain


class TestQuestions:
    """Difference, interval and p-value rest on the questions that both were judged on."""

    def test_others_change_nothing(self, bench: Workspace) -> None:
        draw(bench, 7, 10, edge=1)
        alike = comparison(bench, *flags(), *PAIR)
        records = bench.judgments("judge", "m1")
        more = [judgment(f"r{i}", *WON) for i in range(40)]
        add_judgments(bench, "m1", [*records, *more])
        found = comparison(bench, *flags(), *PAIR)
        assert alike["same"] and not found["same"]
        assert numbers(found) == pytest.approx(numbers(alike))
        text = show(bench, *flags(), *PAIR).out
        assert "on the 10 questions of both\n" in text and "The scores above also rest on" in text

    def test_a_lead_elsewhere_does_not_stand_beside_p_1(self, bench: Workspace) -> None:
        """Equal where both were judged, while `m1` won all the rest."""
        labels = ["B>A", "A>B", "A=B", "B>>A"] * 3
        judge(bench, m1=[*labels, *WON * 12], m2=labels)
        board = board_json(bench, *flags(), *PAIR)
        scores = {row["model"]: row["score"] for row in board["rows"]}
        assert scores["m1"] - scores["m2"] > 20
        assert numbers(board["comparisons"][0])[:4] == [0, None, None, 1]

    def test_several_judges_of_a_question_are_one_question(self, bench: Workspace) -> None:
        random_bench(bench, judges=2)
        chosen = ["--bench-name", "test-v1", "--judge-name", "j0", "j1", "--baseline", "base"]
        found = comparison(bench, *chosen, *PAIR)
        sums = np.zeros((2, 12, 2))
        for row, model in zip(sums, ("m1", "m2"), strict=True):
            for record in (r for j in ("j0", "j1") for r in bench.judgments(j, model)):
                labels = [(g or {}).get("score") for g in record["games"]]
                games = [POINTS[x][:: 1 - 2 * i] for i, x in enumerate(labels) if x]
                question = int(record["question_id"][1:]) - 1
                row[question] += (sum(g[1] for g in games), sum(map(sum, games)))
        shared = (sums[:, :, 1] > 0).all(axis=0)
        assert found["questions"] == shared.sum() <= 12
        first, second = sums[:, shared]
        assert found["difference"] == pytest.approx(rate(first) - rate(second))
        half = stats.t.ppf(0.975, len(first) - 1) * error_by_hand(first, second)
        assert found["upper"] == pytest.approx(found["difference"] + half, abs=0.05)

    def test_two_without_a_question_in_common_cannot_be_compared(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", [judgment("q1", *TIED)])
        add_judgments(bench, "m2", [judgment("q2", *TIED)])
        line = error(bench, *flags(), *PAIR)
        assert "'m1' and 'm2' have no judged question in common. Judge both on the same" in line


class TestSeveralModels:
    def judge_three(self, bench: Workspace) -> None:
        for seed, model in enumerate(("m1", "m2", "m3")):
            add_judgments(bench, model, random_judgments(seed + 3, 30))

    def test_all_pairs_with_p_values_by_holm(self, bench: Workspace) -> None:
        self.judge_three(bench)
        found = comparisons(bench, *flags(), "--compare", "m3", "m1", "m2", "base")
        names = [(one["first"], one["second"]) for one in found]
        assert names == list(itertools.combinations(("m3", "m1", "m2", "base"), 2))
        least = 0.0
        for times, one in zip(
            range(6, 0, -1), sorted(found, key=lambda x: x["p_value"]), strict=True
        ):
            least = max(least, min(times * one["p_value"], 1.0))
            assert one["adjusted"] == pytest.approx(least)

    def test_but_for_holm_a_pair_is_as_it_is_alone(self, bench: Workspace) -> None:
        self.judge_three(bench)
        together = comparisons(bench, *flags(), "--compare", "m1", "m2", "m3")
        for one in together:
            alone = comparison(bench, *flags(), "--compare", one["first"], one["second"])
            assert one | {"adjusted": alone["adjusted"]} == alone

    def test_they_are_a_table_of_80_columns(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.judge_three(bench)
        monkeypatch.setenv("COLUMNS", "80")
        out = show(bench, *flags(), "--compare", "m1", "m2", "m3", terminal=True).out
        lines = out.split("\n\n")[1].splitlines()
        assert lines[1].split() == [
            "model",
            "other",
            "diff",
            "95%",
            "interval",
            "p",
            "Holm",
            "p",
            "n",
        ]
        assert [line.split()[:2] for line in lines[2:5]] == [
            ["m1", "m2"],
            ["m1", "m3"],
            ["m2", "m3"],
        ]
        assert max(map(len, out.splitlines())) <= 80

    def test_wrong_names(self, bench: Workspace) -> None:
        self.judge_three(bench)
        line = error(bench, *flags(), "--compare", "m1")
        assert "one model needs another to compare with. Name two or more." in line
        line = error(bench, *flags(), "--compare", "m1", "m2", "m1")
        assert "--compare: 'm1' is named twice. Leave out one of them." in line
        line = error(bench, *flags(), "--compare", "m1", "m22", "m3")
        assert "--compare" in line and "'m22'" in line and "did you mean 'm2'" in line

    def test_without_the_flag_there_are_none(self, bench: Workspace) -> None:
        self.judge_three(bench)
        assert comparisons(bench, *flags()) == []
        assert " - " not in show(bench, *flags()).out


@pytest.fixture
def rich(bench: Workspace) -> Workspace:
    """Four models on 40 questions with the style of all answers."""
    for seed, model in enumerate(("base", "m1", "m2", "m3", "m4")):
        bench.write(bench.data / f"model_answer/{model}.jsonl", random_answers(seed, 40))
        if model != "base":
            add_judgments(bench, model, random_judgments(seed, 40))
    return bench


def scored(bench: Workspace, baselines: Sequence[str] = ("base",), **options: Any) -> Scored:
    found = build_board(
        board_options(
            "test-v1",
            "judge",
            baselines,
            data_dir=bench.root / "data",
            rounds=400,
            resample="question",
            **options,
        )
    ).scored
    assert found
    return found


CONTROL = {"control": ("length", "markdown")}


class TestStyle:
    @pytest.mark.parametrize("method", ["bradley-terry", "v2.0"])
    @pytest.mark.parametrize("center", ["mean", "none"])
    def test_error_and_p_value_are_those_of_refitted_questions(
        self, rich: Workspace, method: str, center: str
    ) -> None:
        """Fits of drawn questions, which find coefficients and centre anew."""
        chosen = [*flags(), "--style-control", "--method", method, "--style-center", center]
        chosen += ["--resample", "question", "--num-rounds", 1000]
        found = comparison(rich, *chosen, *PAIR)
        board = scored(rich, method=method, center=center, **CONTROL)
        drawn = np.array([self.refitted(board, seed, center == "mean") for seed in range(150)])
        error = np.sqrt(40 / 39 * drawn.var() + 2 * (25 / 40) ** 2)
        half = (found["upper"] - found["lower"]) / 2
        assert half == pytest.approx(stats.t.ppf(0.975, 39) * error, rel=0.13)
        t = found["difference"] / half * stats.t.ppf(0.975, 39)
        assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 39), abs=0.001)
        assert found["test"] == "bootstrap"
        rates = board.selection.estimator.fit(
            board.battles.cells, board.battles.anchor, center=center == "mean"
        ).ratings
        assert found["difference"] == pytest.approx(self.difference(board, rates))

    def refitted(self, board: Scored, seed: int, center: bool) -> float:
        cells, anchor = board.battles.cells, board.battles.anchor
        picks = np.random.default_rng(seed).integers(40, size=40)
        taken = [np.flatnonzero(cells.question == pick) for pick in picks]
        index = np.concatenate(taken)
        assert cells.features is not None
        new = Cells(
            cells.models,
            cells.a[index],
            cells.b[index],
            np.repeat(np.arange(40), [len(part) for part in taken]),
            cells.counts[:, index],
            cells.features[:, index],
        )
        return self.difference(
            board, board.selection.estimator.fit(new, anchor, center=center).ratings
        )

    def difference(self, board: Scored, ratings: np.ndarray) -> float:
        rates = bradley_terry.win_rates(ratings, board.battles.anchor)
        first, second = (board.battles.models.index(name) for name in ("m1", "m2"))
        return float(rates[first] - rates[second])

    def test_the_difference_is_that_of_the_board(self, rich: Workspace) -> None:
        board = board_json(rich, *flags(), "--style-control", *PAIR)
        scores = {row["model"]: row["score"] for row in board["rows"]}
        (found,) = board["comparisons"]
        assert found["difference"] == pytest.approx(scores["m1"] - scores["m2"]) and found["same"]

    @pytest.mark.parametrize("order", [("m1", "base"), ("base", "m1")])
    def test_against_the_baseline_the_interval_is_that_of_the_board(
        self, rich: Workspace, order: tuple[str, str]
    ) -> None:
        chosen = [*flags(), "--style-control", "--style-center", "none", "--resample", "question"]
        board = board_json(rich, *chosen, "--num-rounds", 1000, "--compare", *order)
        (row,) = (row for row in board["rows"] if row["model"] == "m1")
        (found,) = board["comparisons"]
        ends = [row["lower"] - 50, row["upper"] - 50]
        ends = ends if order[0] == "m1" else [-ends[1], -ends[0]]
        noise = 0.07 * (ends[1] - ends[0])  # other rounds
        assert [found["lower"], found["upper"]] == pytest.approx(ends, abs=noise)

    def test_interval_and_p_value_agree(self, rich: Workspace) -> None:
        names = ("base", "m1", "m2", "m3", "m4")
        for one in comparisons(rich, *flags(), "--style-control", "--compare", *names):
            assert (one["p_value"] < 0.05) == (one["lower"] * one["upper"] > 0)

    def test_with_fewer_questions_only_the_two_models_are_fitted_again(
        self, rich: Workspace
    ) -> None:
        """Coefficients and other models stay those of the board."""
        add_judgments(rich, "m2", rich.judgments("judge", "m2")[:15])
        board = scored(rich, center="none", **CONTROL)
        found = compare(board, "m1", "m2")
        assert found.questions == 15 and not found.same
        logits = (board.fit.ratings - board.fit.ratings.mean()) * np.log(10) / 400
        cells, anchor = board.battles.cells, board.battles.anchor
        assert cells.features is not None
        judged = cells.question[cells.b == board.battles.models.index("m2")]
        rates = []
        for name in ("m1", "m2"):
            chosen = (cells.b == board.battles.models.index(name)) & np.isin(cells.question, judged)
            style = board.fit.coefficients / board.fit.scale @ cells.features[:, chosen]
            wins, ties, losses = cells.counts[:, chosen].astype(float)

            def slope(
                strength: float,
                style: np.ndarray = style,
                won: np.ndarray = losses + ties / 2,
                number: np.ndarray = wins + ties + losses,
            ) -> float:
                chance = 1 / (1 + np.exp(logits[anchor] - strength + style))
                return float((won - number * chance).sum() - strength / (2 * np.log(10) ** 2))

            strength = optimize.brentq(slope, -20, 20)
            rates.append(100 / (1 + np.exp(logits[anchor] - strength)))
        assert found.difference == pytest.approx(rates[0] - rates[1], abs=1e-5)
        assert found.lower < found.difference < found.upper

    def test_of_fixed_coefficients_judgments_are_exchanged(self, rich: Workspace) -> None:
        """The score statistic of each question, with a common strength by SciPy."""
        for model in ("m1", "m2"):
            add_judgments(rich, model, rich.judgments("judge", model)[:9])
        style = ["--style-control", "--style-coefficients", "style.json"]
        show(rich, *flags(), *style)
        found = comparison(rich, *flags(), *style, *PAIR)
        board = scored(rich, style_file=rich.root / "style.json", **CONTROL)
        cells, fit, anchor = board.battles.cells, board.fit, board.battles.anchor
        assert cells.features is not None
        pair = [board.battles.models.index(name) for name in ("m1", "m2")]
        chosen = np.flatnonzero(np.isin(cells.b, pair))
        style_lead = fit.coefficients / fit.scale @ (cells.features[:, chosen] - fit.mean[:, None])
        won = cells.counts[2, chosen] + cells.counts[1, chosen] / 2
        number = cells.counts[:, chosen].sum(axis=0)
        centre = ((fit.ratings - fit.ratings.mean()) * np.log(10) / 400)[anchor]

        def residuals(strength: float) -> np.ndarray:
            return np.asarray(won - number / (1 + np.exp(centre - strength + style_lead)))

        common = residuals(optimize.brentq(lambda x: residuals(x).sum(), -20, 20))
        signs = np.where(cells.b[chosen] == pair[0], 1.0, -1.0)
        leads = np.bincount(cells.question[chosen], common * signs)
        sums = np.abs((1 - 2 * exchanges(9)[:, :, 0]) @ leads[leads != 0])
        exact = (sums >= sums[-1] - 1e-7).mean()
        assert found["test"] == "permutation"
        assert found["p_value"] == pytest.approx(exact, abs=1e-12)


class TestMeasuredFromItsMean:
    """All models are equal, but the baseline and its clone write three times as much."""

    @pytest.fixture
    def equals(self, bench: Workspace) -> Workspace:
        rng, long = np.random.default_rng(1), ("base", "clone")
        tokens = {
            m: (300 if m in long else 100) * rng.lognormal(0, 0.5, 60) for m in (*long, "m1", "m2")
        }
        for model, lengths in tokens.items():
            add_lengths(bench, model, *(int(n) for n in lengths))
            ahead = (lengths - tokens["base"]) / (lengths + tokens["base"])
            won = rng.random((2, 60)) < 1 / (1 + np.exp(-1.5 * ahead))
            records = [
                judgment(f"q{i}", "B>A" if one else "A>B", "A>B" if two else "B>A")
                for i, (one, two) in enumerate(won.T.tolist())
            ]
            if model != "base":
                add_judgments(bench, model, records)
        return bench

    def test_ranks_and_p_values_go_by_equal_style(self, equals: Workspace) -> None:
        chosen = ["--length-control-only", "--compare", "base", "clone", "m1"]
        mean, none = (
            board_json(equals, *named(), *chosen, "--style-center", c) for c in ("mean", "none")
        )
        assert mean["baseline_copy_score"] < 40
        for data in (mean, none):
            assert {(r["rank_low"], r["rank_high"]) for r in data["rows"]} == {(1, 4)}
        for one, other in zip(mean["comparisons"], none["comparisons"], strict=True):
            assert one["p_value"] == other["p_value"] > 0.05
            assert one["equal_style"] and not other["equal_style"]
        rows = {row["model"]: row["score"] for row in mean["rows"]}
        first = mean["comparisons"][0]
        assert first["difference"] == pytest.approx(rows["base"] - rows["clone"])
        assert first["lower"] > 0

    def test_a_fixed_style_is_tested_from_equal_style_too(self, equals: Workspace) -> None:
        style = ["--length-control-only", "--style-center", "mean", "--style-coefficients", "s"]
        show(equals, *named(), *style)
        data = board_json(equals, *named(), *style, "--compare", "base", "clone")
        assert data["comparisons"][0]["test"] == "permutation"
        assert data["comparisons"][0]["p_value"] > 0.05
        assert {row["rank_low"] for row in data["rows"]} == {1}

    def test_ranks_of_an_overall_board_go_by_equal_style(self, equals: Workspace) -> None:
        board = scored(equals, control=("length",), center="mean").board()
        parts = [
            replace(
                board,
                selection=replace(board.selection, categories=(name,)),
                counts=replace(board.counts, questions=60),
            )
            for name in ("first", "second")
        ]
        whole = overall_board(parts)
        assert whole.rows[0].score - whole.rows[1].score > 10
        assert {row.rank for row in whole.rows} == {(1, 4)}

    def test_notes_say_so(self, equals: Workspace) -> None:
        chosen = [*named(), "--length-control-only", "--style-center", "mean"]
        out = show(equals, *chosen, "--compare", "base", "clone").out
        assert "Ranks measure from equal style in any case." in out
        assert "differences are measured from its mean, like the scores, p from equal style." in out
        assert "Ranks measure" not in show(equals, *chosen, "--resample", "battle").out


class TestOtherGraphs:
    """Several baselines and models that met each other."""

    def test_models_judged_against_the_second_baseline_alone(self, bench: Workspace) -> None:
        """All that ties them to the first baseline are its ties with the second."""
        draw(bench, 11, 30, edge=0)
        single = comparison(bench, *flags(), *PAIR)
        for model in ("m1", "m2"):
            records = [r | {"baseline": "second"} for r in bench.judgments("judge", model)]
            add_judgments(bench, model, records)
        add_judgments(bench, "second", [judgment(f"q{i}", *TIED) for i in range(30)])
        double = comparison(bench, *flags(), "--baseline", "second", *PAIR)
        assert single["p_value"] > 0.1
        for name in ("difference", "p_value", "questions", "same"):
            assert double[name] == pytest.approx(single[name], abs=1e-6)
        assert double["lower"] == pytest.approx(single["lower"], abs=1.5)

    def test_a_model_that_won_all_has_a_p_value_against_the_baseline(
        self, bench: Workspace
    ) -> None:
        """By n questions and a prior one that is half won, of exchanges between other opponents."""
        won = [judgment(f"q{i + 1}", *WON, baseline=b) for i in range(10) for b in ("base", "m2")]
        add_judgments(bench, "m1", won)
        for seed, model in enumerate(("m2", "m3")):
            add_judgments(bench, model, random_judgments(seed, 10))
        chosen = [*named(), "--baseline", "base", "m2", "--compare", "m1", "base", "m3"]
        found, *_ = comparisons(bench, *chosen)
        p = 10.5 / 11
        error = np.sqrt(0.25 / (10 * 11)) / (p * (1 - p))
        expected = 2 * stats.t.sf(np.log(p / (1 - p)) / error, 9)
        assert (found["second"], found["test"]) == ("base", "bootstrap")
        assert found["difference"] == pytest.approx(50.0)
        assert found["p_value"] == pytest.approx(expected, rel=0.01)
        assert found["detectable"] is None

    def test_a_second_baseline_is_compared_as_the_board_has_it(self, bench: Workspace) -> None:
        """It met no opponent that the others met, but was judged on the same questions."""
        for i, model in enumerate(("m1", "m2")):
            both = [
                random_judgments(2 * i + j, 30, baseline=b) for j, b in enumerate(("base", "b2"))
            ]
            add_judgments(bench, model, [record for records in both for record in records])
        board = scored(bench, ("base", "b2"))
        rates = dict(zip(board.battles.models, board.scores(elo=False)[0], strict=True))
        for one in compare_all(board, ("m1", "m2", "b2", "base")):
            assert one.same and one.questions == 30 and one.test == "bootstrap"
            assert one.difference == pytest.approx(rates[one.first] - rates[one.second], abs=1e-6)

    @pytest.fixture
    def robin(self, bench: Workspace) -> Workspace:
        """`base`, `m1`, `m2`, `m3` met each other on nine questions."""
        names = ("base", "m1", "m2", "m3")
        for i, model in enumerate(names[1:], 1):
            records = [
                record
                for j, baseline in enumerate(names[:i])
                for record in random_judgments(10 * i + j, 9, baseline=baseline)
            ]
            add_judgments(bench, model, records)
        return bench

    BASELINES = ("base", "m1", "m2")

    def test_a_round_robin_has_the_difference_of_the_board(self, robin: Workspace) -> None:
        board = scored(robin, self.BASELINES)
        rates = dict(zip(board.battles.models, board.scores(elo=False)[0], strict=True))
        for one in compare_all(board, ("m1", "m2", "m3", "base")):
            assert one.same and one.questions == 9
            assert one.difference == pytest.approx(rates[one.first] - rates[one.second], abs=1e-6)
            assert one.lower < one.difference < one.upper

    def test_its_exchanges_are_ordered_by_the_score_statistic(self, robin: Workspace) -> None:
        """The slope of the likelihood in the difference of two strengths, by differences."""
        board = scored(robin, self.BASELINES)
        cells, names = board.battles.cells, board.battles.models
        logits = board.fit.ratings * np.log(10) / 400
        first, second = names.index("m1"), names.index("m3")

        def likelihood(common: float, lead: float) -> np.ndarray:
            moved = logits.copy()
            moved[[first, second]] = common + lead / 2, common - lead / 2
            ahead = moved[cells.a] - moved[cells.b]
            won = cells.counts[0] + cells.counts[1] / 2
            number = cells.counts.sum(axis=0)
            return np.bincount(cells.question, won * ahead - number * np.logaddexp(0, ahead))

        found = optimize.minimize_scalar(lambda x: -likelihood(x, 0).sum(), tol=1e-12)
        leads = (likelihood(found.x, 1e-4) - likelihood(found.x, -1e-4)) / 2e-4
        sums = np.abs((1 - 2 * exchanges(9)[:, :, 0]) @ leads)
        exact = (sums >= sums[-1] - 1e-5).mean()
        assert compare(board, "m1", "m3").p_value == pytest.approx(exact, abs=1e-12)

    def test_two_with_further_battles_are_fitted_again(self, robin: Workspace) -> None:
        """`m3` met the others on five questions and `m2` on one more: other questions are left
        out.
        """
        few = ("q1", "q2", "q3", "q4", "q5")
        records = [
            record
            for record in robin.judgments("judge", "m3")
            if record["question_id"] in few
            or (record["baseline"], "q9") == ("m2", record["question_id"])
        ]
        add_judgments(robin, "m3", records)
        board = scored(robin, self.BASELINES)
        cells, names, anchor = board.battles.cells, board.battles.models, board.battles.anchor
        pair = [names.index("m2"), names.index("m3")]
        logits = (board.fit.ratings - board.fit.ratings[anchor]) * np.log(10) / 400
        common = [board.battles.questions.index(name) for name in (*few, "q9")]
        ours = np.isin(cells.b, pair) & np.isin(cells.question, common)

        def loss(strengths: np.ndarray) -> float:
            moved = logits.copy()
            moved[pair] = strengths
            ahead = (moved[cells.a] - moved[cells.b])[ours]
            won = (cells.counts[0] + cells.counts[1] / 2)[ours]
            number = cells.counts.sum(axis=0)[ours]
            return float((number * np.logaddexp(0, ahead) - won * ahead).sum())

        best = optimize.minimize(loss, np.zeros(2), tol=1e-12).x
        rates = 100 / (1 + np.exp(-best))
        found = compare(board, "m2", "m3")
        assert found.questions == 6 and not found.same
        assert found.difference == pytest.approx(rates[0] - rates[1], abs=0.01)


@pytest.mark.parametrize("more", [[], ["--style-control"], ["--method", "v2.0", "--style-control"]])
def test_a_second_run_and_the_workers_change_nothing(rich: Workspace, more: list[str]) -> None:
    chosen = [*flags(), *more, "--compare", "m1", "m2", "m3"]
    runs = [show(rich, *chosen, "--workers", n) for n in (1, 2, 1)]
    assert runs[0] == runs[1] == runs[2]
