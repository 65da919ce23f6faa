"""Judge statistics, against counting, scikit-learn, the report, and simulated judges."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import REPO, RunMain, Workspace
from judgments import random_bench
from simulated_judges import (
    ENOUGH,
    QUESTIONS,
    RATES,
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
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import LABELS, Labels
from arena.bench.paths import Bench
from arena.browser.library import Library
from arena.browser.statistics import judge_statistics
from arena.quality.judge_measures import (
    PairReport,
    Verdicts,
    draw_questions,
    first_place,
    flips,
    judge_numbers,
    kinship,
    outcome_counts,
    pair_report,
    style_bias,
)
from arena.quality.measures import Estimate
from arena.quality.panel import NOT_JUDGED, PLACE_A, UNDECIDED, Panel
from arena.scoring import bradley_terry
from arena.scoring.cells import Cells


def verdicts_of(judgments: Sequence[Labels]) -> Verdicts:
    """The verdicts of a judge, given the labels of its judgments."""
    by_battle = {("m", "b", str(i)): labels for i, labels in enumerate(judgments)}
    judges, _ = judge_numbers({"j": by_battle})
    return judges["j"]


def test_labels_are_counted_in_one_spelling_and_what_is_none_counts_as_no_verdict() -> None:
    verdicts = verdicts_of([("A>B", "[B<<A]"), ("B=A", None), ("nonsense",)])
    assert verdicts.labels == {"A>>B": 1, "A>B": 1, "A=B": 1, "B>A": 0, "B>>A": 0}
    assert (verdicts.judgments, verdicts.games, verdicts.decided) == (3, 5, 3)


def test_a_judge_who_always_takes_the_first_answer_lets_it_win_and_flips() -> None:
    verdicts = verdicts_of([("A>B", "A>>B")] * 5)
    assert verdicts.first_place.estimate.value == verdicts.flips.estimate.value == 100.0


def test_a_judge_who_sees_through_the_swap_has_no_preference() -> None:
    verdicts = verdicts_of([("A>B", "B>A"), ("B>>A", "A>B"), ("A=B", "B=A")])
    assert verdicts.first_place.estimate.value == 50.0
    assert verdicts.flips.estimate.value == 0.0


def test_a_place_is_preferred_only_where_each_side_had_it_once() -> None:
    verdicts = verdicts_of([("A>B", None), ("A>B",), ("B>A", "A=B")])
    assert (verdicts.first_place.estimate.value, verdicts.first_place.number) == (0.0, 1)
    assert verdicts.flips.number == 1


def test_nothing_judged_has_no_shares() -> None:
    verdicts = verdicts_of([])
    assert np.isnan([verdicts.first_place.estimate.value, verdicts.flips.estimate.value]).all()


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


@functools.cache
def drawn(questions: int, seed: int) -> np.ndarray:
    """How often each question of a panel is drawn in 200 rounds."""
    return draw_questions(panel_of(np.zeros((1, questions, 1, 2)), ("j",)), 200, seed)


def battles_as_questions(panel: Panel) -> Panel:
    """The same, as if no two battles were on one question."""
    questions = tuple(f"q{i:05}" for i in range(len(panel.model)))
    return replace(panel, questions=questions, question=np.arange(len(panel.model)))


def placed(seed: int, questions: int = QUESTIONS) -> Panel:
    """A judge that takes the first place on some questions, in 3 of 10 games."""
    rng = np.random.default_rng(seed)
    worth = decide(chances(rng, 1, questions)[0] < RATES[:, None])
    taken = rng.random(worth.shape) < share_of_question(rng, 0.3, questions)
    return panel_of(np.where(taken, PLACE_A, worth)[None], ("j",))


def test_a_preference_for_the_first_place_is_found() -> None:
    shares, flipped, missed = [], [], []
    for seed in SEEDS:
        panel = placed(seed)
        times = drawn(QUESTIONS, seed)
        shares.append(first_place(panel, 0, times).estimate)
        flipped.append(flips(panel, 0, times).estimate)
        alone = battles_as_questions(panel)
        missed.append(first_place(alone, 0, draw_questions(alone, 200, seed)).estimate)
    large = placed(0, 20_000)
    truth = flips(large, 0, draw_questions(large, 2, 0)).estimate.value
    assert covered(shares, 100 * (0.3 + 0.7 / 2)) >= ENOUGH
    assert covered(flipped, truth) >= ENOUGH
    assert all(one.lower > 50 for one in shares)
    assert covered(missed, 100 * (0.3 + 0.7 / 2)) < ENOUGH, "questions must matter here"


def test_a_preference_for_length_is_found_and_none_for_markdown() -> None:
    bias, found = 0.5, {name: list[Estimate]() for name in ATTRIBUTES.values()}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        features = long_and_short(rng)
        strength = np.log(RATES / (1 - RATES))[:, None]
        logit = strength - bias * features[0][:, :, None]
        wins = chances(rng, 1, taste=np.full(8, 0.8))[0] < 1 / (1 + np.exp(-logit))
        panel = panel_of(decide(wins)[None], ("j",))
        times = drawn(QUESTIONS, seed)[:100]
        style, _ = style_bias(panel, 0, features.reshape(len(ATTRIBUTES), -1), times, 1)
        for name, counted in style.items():
            found[name].append(counted.estimate)
    assert covered(found["token_len"], bias) >= ENOUGH
    for name in ("header_count", "list_count", "bold_count"):
        assert covered(found[name], 0.0) >= ENOUGH


def long_and_short(rng: np.random.Generator) -> np.ndarray:
    """Style differences (F, Q, M), standardised; those of a question have one baseline's answer."""
    shape = (len(ATTRIBUTES), QUESTIONS, len(RATES))
    features = 2 * rng.normal(size=(*shape[:2], 1)) + rng.normal(size=shape)
    features -= features.mean(axis=(1, 2), keepdims=True)
    return np.asarray(features / features.std(axis=(1, 2), keepdims=True))


def test_the_style_of_resampled_questions_is_that_of_logistic_regression() -> None:
    rng = np.random.default_rng(3)
    questions, models = 30, 4
    model = np.tile(np.arange(1, models), questions)
    question = np.repeat(np.arange(questions), models - 1)
    counts = outcome_counts(rng.choice([UNDECIDED, -2, -1, 0, 1, 2], (len(model), 2)))
    features = rng.normal(size=(2, len(model)))
    cells = Cells(models, np.zeros_like(model), model, question, counts, features)
    fit = bradley_terry.fit(cells, 0)
    times = rng.multinomial(questions, np.full(questions, 1 / questions), 3)
    _, found = bradley_terry.reweighted(cells, 0, times)
    x = (features - fit.mean[:, None]) / fit.scale[:, None]
    one_hot = np.log(10) * (np.eye(models)[cells.a] - np.eye(models)[cells.b])
    design = np.hstack([one_hot, x.T])
    for row, drawn in zip(found, times, strict=True):
        wins = (2 * counts[0] + counts[1]) * drawn[question]
        losses = (2 * counts[2] + counts[1]) * drawn[question]
        oracle = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=1000)
        oracle.fit(
            np.vstack([design, design]),
            np.repeat([1, 0], len(design)),
            sample_weight=np.concatenate([wins, losses]),
        )
        assert row == pytest.approx(oracle.coef_[0, models:], abs=1e-4)
    _, same = bradley_terry.reweighted(cells, 0, np.ones((1, questions)), workers=2)
    assert same[0] == pytest.approx(fit.coefficients, abs=1e-6)


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
    return kinship(panel, 0, family, drawn(QUESTIONS, seed))


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
            pair = pair_report(panel, 0, 1, drawn(QUESTIONS, seed))
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
