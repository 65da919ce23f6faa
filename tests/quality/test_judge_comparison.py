"""Kin and agreement of judges, against scikit-learn, the report, and simulated judges."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from conftest import REPO, RunMain, Workspace
from judgments import random_bench
from simulated_judges import (
    ENOUGH,
    QUESTIONS,
    RIVALS,
    SEEDS,
    chances,
    covered,
    decide,
    first_placed,
    harsh,
    noisy,
    panel_of,
    share_of_question,
)
from sklearn.metrics import cohen_kappa_score

from arena.bench.labels import LABELS, Labels
from arena.bench.paths import Bench
from arena.browser.library import Library
from arena.browser.statistics import judge_statistics
from arena.quality.judge_comparison import PairReport, judge_numbers, kinship, pair_report
from arena.quality.judge_measures import draw_questions
from arena.quality.panel import NOT_JUDGED, PLACE_A, UNDECIDED


def agreement(first: Mapping[int, Labels], second: Mapping[int, Labels]) -> PairReport:
    """The agreement of two judges, given their labels by question."""
    by_battle = [
        {("m", "b", str(q)): labels for q, labels in one.items()} for one in (first, second)
    ]
    _, pairs = judge_numbers(dict(zip("jk", by_battle, strict=True)))
    return pairs["j", "k"]


def test_agreement_is_that_of_the_games_both_decided() -> None:
    first: dict[int, Labels] = {1: ("A>B", "A=B"), 2: ("B>A", None), 3: ("A>B", "A>B")}
    second: dict[int, Labels] = {1: ("A>>B", "A>B"), 2: ("A>B", "A>B"), 4: ("A>B", "A>B")}
    both = agreement(first, second)
    assert (both.games, both.same.value) == (3, 0.0)
    assert agreement(first, first).same.value == 100.0
    assert agreement(first, first).games == 5


def test_kappa_is_cohens_on_labels() -> None:
    one = ["A>B", "A=B", "B>A", "A>B", "B>>A", "A=B", "A>B", "B>A"]
    other = ["A>>B", "A>B", "B>A", "A=B", "B>A", "A=B", "B>A", "B>A"]
    both = agreement(*({i: (label,) for i, label in enumerate(labels)} for labels in (one, other)))
    steps = [[LABELS.index(label) for label in labels] for labels in (one, other)]
    assert both.kappa.value == pytest.approx(cohen_kappa_score(*steps))
    assert both.weighted.value == pytest.approx(cohen_kappa_score(*steps, weights="quadratic"))


def test_kappa_of_judges_with_one_verdict_only_is_not_known() -> None:
    for both in (agreement({1: ("A=B",)}, {1: ("A=B",)}), agreement({}, {})):
        assert np.isnan([both.kappa.value, both.weighted.value]).all()


@pytest.mark.parametrize("of_demo", [True, False])
def test_the_browser_says_what_the_report_says(
    bench: Workspace, run_main: RunMain, of_demo: bool
) -> None:
    flags = ["--data-dir", str(REPO / "data"), "--bench-name", "demo-v0.1"]
    library = Library(Bench(REPO / "data", "demo-v0.1"))
    if not of_demo:
        random_bench(bench)
        flags = ["--bench-name", "test-v1"]
        library = Library(Bench(bench.root / "data", "test-v1"))
    run_main("judge_report.py", *flags, "--json", "r.json")
    report = json.loads((bench.root / "r.json").read_text("utf-8"))
    judges, pairs, _ = judge_statistics(library)
    assert list(judges) == [judge["judge"] for judge in report["judges"]]
    for judge, verdicts in zip(report["judges"], judges.values(), strict=True):
        for name in ("models", "questions", "judgments", "games", "labels"):
            assert getattr(verdicts, name) == judge[name]
        for name in ("first_place", "flips"):
            measure = getattr(verdicts, name)
            assert measure.number == judge[name]["number"]
            assert measure.estimate.value == pytest.approx(judge[name]["estimate"]["value"])
            assert np.isnan([measure.estimate.lower, measure.estimate.upper]).all()
    assert list(pairs) == [(pair["first"], pair["second"]) for pair in report["pairs"]]
    for pair, both in zip(report["pairs"], pairs.values(), strict=True):
        assert both.games == pair["games"]
        for name in ("same", "kappa", "weighted"):
            assert getattr(both, name).value == pytest.approx(pair[name]["value"])


def test_grades_are_kept_apart_from_labels(bench: Workspace) -> None:
    bench.add_questions(4)
    for judge, scores in (("graded", (7, 9.5, None)), ("j", ("A>B", None, "B>A"))):
        records = [
            {"question_id": f"q{i}", "games": [{"score": x}]} for i, x in enumerate(scores, 1)
        ]
        bench.write(bench.data / "model_judgment" / judge / "m.jsonl", records)
    judges, _, grades = judge_statistics(Library(Bench(bench.root / "data", "test-v1")))
    assert grades == {"graded": [7.0, 9.5], "j": []}
    assert [judges[name].decided for name in ("graded", "j")] == [0, 2]


# Simulated judges

# What else moves a judge: games (Q, M, 2) that the model wins, changed.
Habit = Callable[[np.random.Generator, np.ndarray], np.ndarray]
KIN = {"weak": (0, 1), "strong": (10, 11), "of all kinds": (1, 3, 5, 6, 8, 10)}


def of_kin(seed: int, kin: Sequence[int], habits: Sequence[Habit], preference: float) -> Any:
    """What is found of judge j0, which has such habits and gives its kin all games of some
    questions.
    """
    rng = np.random.default_rng(seed)
    taste = np.where(np.isin(np.arange(len(RIVALS)), kin), 0.9, 0.0)
    wins = chances(rng, 3, taste=taste) < RIVALS[:, None]
    wins[0][:, kin] |= rng.random((QUESTIONS, 1, 1)) < preference
    for habit in habits:
        wins[0] = habit(rng, wins[0])
    panel = panel_of(decide(wins), ("j0", "j1", "j2"))
    family = dict.fromkeys(("j0", *(f"m{i}" for i in kin)), "a")
    return kinship(panel, 0, family, draw_questions(panel, 200, seed))


class TestSimulatedJudges:
    @pytest.mark.parametrize("kin", KIN)
    @pytest.mark.parametrize("habit", [harsh, noisy, first_placed])
    def test_a_judge_that_is_harsh_or_noisy_or_biased_for_a_place_has_no_preference_for_kin(
        self, habit: Habit, kin: str
    ) -> None:
        found = [of_kin(seed, KIN[kin], [habit], 0.0) for seed in SEEDS]
        assert covered([preference.estimate for _, preference in found], 0.0) >= ENOUGH
        changed = {harsh: 0.6, noisy: 0.6, first_placed: 0.7}[habit]
        lift = 0.0 if habit is harsh else (1 - changed) / 2
        rate = RIVALS[list(KIN[kin])].mean()
        truth = 100 * (changed * rate + lift - rate)
        assert covered([difference.estimate for difference, _ in found], truth) >= ENOUGH

    @pytest.mark.parametrize("kin", KIN)
    def test_a_preference_for_kin_is_found(self, kin: str) -> None:
        found = [of_kin(seed, KIN[kin], [], 0.3)[1].estimate for seed in SEEDS]
        planted = 100 * 0.3 * (1 - RIVALS[list(KIN[kin])].mean())
        assert covered(found, planted) >= ENOUGH
        assert np.mean([one.value for one in found]) == pytest.approx(planted, abs=2)

    @pytest.mark.parametrize("kin", KIN)
    def test_a_preference_for_kin_is_found_under_noise_and_bias_for_a_place(self, kin: str) -> None:
        habits = [noisy, first_placed]
        found = [of_kin(seed, KIN[kin], habits, 0.4)[1].estimate for seed in SEEDS]
        planted = 100 * 0.4 * (1 - RIVALS[list(KIN[kin])].mean()) * 0.6 * 0.7
        assert covered(found, planted) >= ENOUGH

    def test_noise_shows_in_the_agreement(self) -> None:
        kinds = np.array([0.1, 0.3, 0.2, 0.25, 0.15])
        plain, weighted = [], []
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            shape = (QUESTIONS, 8, 2)
            truth = np.searchsorted(np.cumsum(kinds), chances(rng, 1, taste=np.full(8, 0.9))[0])
            noisy = rng.random((2, *shape)) < share_of_question(rng, 0.3, QUESTIONS)
            labels = np.where(noisy, rng.integers(0, 5, noisy.shape), np.minimum(truth, 4))
            panel = panel_of((2 - labels) * PLACE_A, ("j0", "j1"))
            pair = pair_report(panel, 0, 1, draw_questions(panel, 200, seed))
            plain.append(pair.kappa)
            weighted.append(pair.weighted)
        said = [(1 - noise) * np.eye(5) + noise / 5 for noise in (0.0, 0.6)]
        joint = sum(one.T @ np.diag(kinds) @ one for one in said) / 2
        chance = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        steps = np.subtract.outer(np.arange(5), np.arange(5))
        for found, weight in ((plain, steps != 0), (weighted, steps**2)):
            kappa = 1 - float((weight * joint).sum() / (weight * chance).sum())
            assert covered(found, kappa) >= ENOUGH

    def test_what_nobody_decided_has_no_numbers(self) -> None:
        worth = np.full((2, 4, 3, 2), UNDECIDED)
        worth[0, :, 0], worth[1, :, 1] = 2, 1
        worth[1, :, 2] = NOT_JUDGED
        panel = panel_of(worth, ("j0", "m0"))
        times = draw_questions(panel, 10, 1)
        pair = pair_report(panel, 0, 1, times)
        assert pair.games == 0 and np.isnan(pair.kappa.value)
        why = kinship(panel, 1, {}, times)[1].why
        assert why == "no game that a judge of another family decided too"

    def test_a_baseline_of_the_judges_family_leaves_nothing_to_compare(self) -> None:
        panel = panel_of(np.zeros((2, 4, 3, 2)), ("j0", "j1"))
        times = draw_questions(panel, 10, 1)
        family = dict.fromkeys(("j0", "z-base", "m0"), "a")
        assert kinship(panel, 0, family, times)[1].why == "the baseline is of its family"
        alike = dict.fromkeys(("j0", "j1", "m0"), "a")
        assert kinship(panel, 0, alike, times)[1].why == "no judge of another family"

    def test_a_line_needs_three_models_that_are_of_no_judges_family_and_differ(self) -> None:
        wins = np.random.default_rng(1).random((4, 20, 5, 2)) < 0.5
        panel = panel_of(decide(wins), ("j0", "j1", "j2", "j3"))
        times = draw_questions(panel, 10, 1)
        three = {"j0": "a", "m0": "a", "j1": "b", "m1": "b"}
        difference, preference = kinship(panel, 0, three, times)
        assert difference.why == preference.why == ""
        difference, preference = kinship(panel, 0, three | {"m2": "b"}, times)
        assert difference.why == "" and np.isfinite(difference.estimate.lower)
        assert preference.why == "fewer than 3 models of no judge's family"
        for model in range(2, 5):  # thirds that add up to the same but for rounding
            wins[1:, :, model] = np.roll(np.arange(60).reshape(3, 20, 1) % 7 < 3, model, axis=1)
        panel = panel_of(decide(wins), ("j0", "j1", "j2", "j3"))
        difference, preference = kinship(panel, 0, three, times)
        assert difference.why == ""
        assert preference.why == "all models of no judge's family have one win rate"
        assert np.isnan(preference.estimate.value)
