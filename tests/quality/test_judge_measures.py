"""A judge's verdicts, and how place and style sway them, against counting and simulated judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from simulated_judges import (
    ENOUGH,
    QUESTIONS,
    RATES,
    SEEDS,
    chances,
    covered,
    decide,
    panel_of,
    share_of_question,
)
from sklearn.linear_model import LogisticRegression

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import Labels
from arena.quality.judge_comparison import judge_numbers
from arena.quality.judge_measures import (
    Verdicts,
    draw_questions,
    first_place,
    flips,
    outcome_counts,
    style_bias,
)
from arena.quality.measures import Estimate
from arena.quality.panel import PLACE_A, UNDECIDED, Panel
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


# Simulated judges


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
        times = draw_questions(panel, 200, seed)
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
        times = draw_questions(panel, 100, seed)
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
