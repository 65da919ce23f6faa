"""Advantages for kin, of simulated judges with what sways them planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from simulated_judges import (
    ENOUGH,
    QUESTIONS,
    RIVALS,
    SEEDS,
    chances,
    covered,
    decide,
    drawn,
    first_placed,
    harsh,
    noisy,
    panel_of,
)

from arena.quality.benchmark.measures import Estimate
from arena.quality.judge_measures import draw_questions
from arena.quality.kinship import kinship
from arena.quality.panel import UNDECIDED

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


def of_long_kin(seed: int, kin: Sequence[int], preference: float) -> tuple[Estimate, Estimate]:
    """The self-preference of a judge that likes length, and has kin that write longer answers:
    adjusted for style, and without.
    """
    rng = np.random.default_rng(seed)
    of_kin = np.isin(np.arange(len(RIVALS)), kin)
    longer = rng.normal(size=(QUESTIONS, len(RIVALS))) + rng.normal(size=(QUESTIONS, 1)) + of_kin
    logits = np.log(RIVALS / (1 - RIVALS))
    chance = chances(rng, 3, taste=np.full(len(RIVALS), 0.5))
    wins = chance < (1 / (1 + np.exp(-logits)))[:, None]
    wins[0] = chance[0] < 1 / (1 + np.exp(-(logits + 0.5 * longer)))[:, :, None]
    wins[0][:, kin] |= rng.random((QUESTIONS, 1, 1)) < preference
    panel = panel_of(decide(wins), ("j0", "j1", "j2"))
    family = dict.fromkeys(("j0", *(f"m{i}" for i in kin)), "a")
    styles = (-longer.reshape(1, -1), None)
    found = [kinship(panel, 0, family, drawn(QUESTIONS, seed), style)[1] for style in styles]
    return found[0].estimate, found[1].estimate


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

    @pytest.mark.parametrize("kin", KIN)
    def test_a_judge_that_only_likes_length_has_no_preference_for_kin_that_write_more(
        self, kin: str
    ) -> None:
        """It seems to have one without an adjustment for style."""
        adjusted, raw = zip(*(of_long_kin(seed, KIN[kin], 0.0) for seed in SEEDS), strict=True)
        assert covered(adjusted, 0.0) >= ENOUGH
        assert abs(np.mean([one.value for one in adjusted])) < 2
        assert covered(raw, 0.0) < ENOUGH / 2
        assert np.mean([one.value for one in raw]) > 7

    def test_a_preference_for_kin_is_found_beside_one_for_length(self) -> None:
        kin = KIN["of all kinds"]
        found = [of_long_kin(seed, kin, 0.4)[0] for seed in SEEDS]
        assert all(one.lower > 0 for one in found)
        assert np.mean([one.value for one in found]) == pytest.approx(20, abs=5)

    def test_what_nobody_decided_has_no_numbers(self) -> None:
        worth = np.full((2, 4, 3, 2), UNDECIDED)
        worth[0, :, 0], worth[1, :, 1] = 2, 1
        panel = panel_of(worth, ("j0", "m0"))
        why = kinship(panel, 1, {}, draw_questions(len(panel.questions), 10, 1))[1].why
        assert why == "no game that a judge of another family decided too"

    def test_a_baseline_of_the_judges_family_leaves_nothing_to_compare(self) -> None:
        panel = panel_of(np.zeros((2, 4, 3, 2)), ("j0", "j1"))
        times = draw_questions(len(panel.questions), 10, 1)
        family = dict.fromkeys(("j0", "z-base", "m0"), "a")
        assert kinship(panel, 0, family, times)[1].why == "the baseline is of its family"
        alike = dict.fromkeys(("j0", "j1", "m0"), "a")
        assert kinship(panel, 0, alike, times)[1].why == "no judge of another family"

    def test_a_line_needs_three_models_that_are_of_no_judges_family_and_differ(self) -> None:
        wins = np.random.default_rng(1).random((4, 20, 5, 2)) < 0.5
        panel = panel_of(decide(wins), ("j0", "j1", "j2", "j3"))
        times = draw_questions(len(panel.questions), 10, 1)
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
