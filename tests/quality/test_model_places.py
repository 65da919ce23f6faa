"""The effect of the places on each model, against counting and a bootstrap by hand."""

from __future__ import annotations

import numpy as np
import pytest

from arena.quality.judge_measures import draw_questions
from arena.quality.model_places import model_places
from arena.quality.panel import panel_of
from arena.scoring.uncertainty.intervals import expanded

LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
WON_BY_A = {"A>>B": 1.0, "A>B": 1.0, "A=B": 0.5, "B>A": 0.0, "B>>A": 0.0}


def test_they_are_those_of_counting_and_of_drawing_questions() -> None:
    rng = np.random.default_rng(5)
    battles = {
        (model, "base", f"q{i:02}"): tuple(LABELS[k] for k in rng.integers(0, 6, 2))
        for model, number in (("m", 30), ("n", 20), ("few", 4), ("none", 0))
        for i in range(number)
    }
    battles["none", "base", "q00"] = ("A>B", None)
    panel = panel_of({"j": battles})
    times = draw_questions(len(panel.questions), 300, 1)
    found = {one.model: one for one in model_places(panel, 0, times)}
    assert found.keys() == {"m", "n", "few"}
    for model, one in found.items():
        effects, flipped = dict[int, float](), dict[int, float]()
        for (name, _, question), (first, second) in battles.items():
            if name == model and first and second:
                # The model is B in game 1, A in game 2.
                as_b, as_a = 1 - WON_BY_A[first], WON_BY_A[second]
                effects[panel.questions.index(question)] = 50 * (as_a - as_b)
                flipped[panel.questions.index(question)] = 100.0 * (as_a != as_b)
        for measure, values in ((one.effect, effects), (one.flips, flipped)):
            assert measure.number == len(values)
            assert measure.estimate.value == pytest.approx(np.mean(list(values.values())))
            number = times[:, list(values)]
            means = number @ np.array(list(values.values())) / np.maximum(number.sum(axis=1), 1)
            ends = measure.estimate.lower, measure.estimate.upper
            if len(values) < 5:
                assert np.isnan(ends).all()
            else:
                (level,) = expanded(0.95, np.array([len(values)]))
                tails = 50 - 50 * level, 50 + 50 * level
                assert ends == pytest.approx(np.percentile(means, tails))
    effects = {name: abs(one.effect.estimate.value) for name, one in found.items()}
    assert list(effects.values()) == sorted(effects.values(), reverse=True)


def test_a_judge_who_always_takes_the_first_adds_half_and_no_rounds_have_no_interval() -> None:
    panel = panel_of({"j": {("m", "b", f"q{i}"): ("A>B", "A>>B") for i in range(9)}})
    (one,) = model_places(panel, 0, draw_questions(9, 0, 0))
    assert (one.effect.estimate.value, one.flips.estimate.value) == (50.0, 100.0)
    assert np.isnan([one.effect.estimate.lower, one.flips.estimate.upper]).all()
    assert model_places(panel_of({"j": {}}), 0, draw_questions(0, 0, 0)) == []
