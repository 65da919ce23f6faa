"""Judge statistics, against counting, scikit-learn, the report, and simulated judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, t
from simulated_judges import (
    ENOUGH,
    QUESTIONS,
    RATES,
    SEEDS,
    chances,
    covered,
    decide,
    drawn,
    panel_of,
    share_of_question,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.labels import LABELS, Labels
from arena.quality import judge_measures
from arena.quality import panel as panels
from arena.quality.benchmark.measures import Estimate
from arena.quality.judge_measures import (
    PairReport,
    Verdicts,
    draw_questions,
    flips,
    outcome_counts,
    pair_report,
    place_bias,
    style_bias,
    variance,
)
from arena.quality.panel import NOT_JUDGED, PLACE_A, UNDECIDED, Panel
from arena.scoring import bradley_terry
from arena.scoring.cells import Cells
from arena.scoring.uncertainty.intervals import expanded, percentiles


def verdicts_of(judgments: Sequence[Labels]) -> Verdicts:
    """The verdicts of a judge, given the labels of its judgments."""
    by_battle = {("m", "b", str(i)): labels for i, labels in enumerate(judgments)}
    panel = panels.panel_of({"j": by_battle})
    return judge_measures.verdicts(panel, 0, draw_questions(len(panel.questions), 0, 0))


def test_labels_are_counted_in_one_spelling_and_what_is_none_counts_as_no_verdict() -> None:
    verdicts = verdicts_of([("A>B", "[B<<A]"), ("B=A", None), ("nonsense",)])
    assert verdicts.labels == {"A>>B": 1, "A>B": 1, "A=B": 1, "B>A": 0, "B>>A": 0}
    assert (verdicts.judgments, verdicts.games, verdicts.decided) == (3, 5, 3)


def test_a_judge_who_always_takes_the_first_answer_lets_it_win_and_flips() -> None:
    verdicts = verdicts_of([("A>B", "A>>B")] * 5)
    assert verdicts.place.estimate.value == pytest.approx(50.0, abs=0.01)
    assert verdicts.flips.estimate.value == 100.0


def test_a_judge_who_sees_through_the_swap_has_no_preference() -> None:
    verdicts = verdicts_of([("A>B", "B>A"), ("B>>A", "A>B"), ("A=B", "B=A")])
    assert verdicts.place.estimate.value == pytest.approx(0.0, abs=1e-6)
    assert verdicts.flips.estimate.value == 0.0


def test_a_place_is_preferred_only_where_each_side_had_it_once() -> None:
    verdicts = verdicts_of([("A>B", None), ("A>B",), ("A>B", "B>A"), ("B>A", "A=B")])
    # The model wins 1/2 as B and 1/4 as A: odds of 1 and 1/3, whose ratio is e^-2p.
    truth = 100 / (1 + np.sqrt(3)) - 50
    assert verdicts.place.estimate.value == pytest.approx(truth, abs=1e-4)
    assert (verdicts.place.number, verdicts.flips.number) == (4, 2)


def test_nothing_judged_has_no_shares() -> None:
    verdicts = verdicts_of([])
    assert np.isnan([verdicts.place.estimate.value, verdicts.flips.estimate.value]).all()
    assert verdicts.place.why == verdicts.flips.why == "no judgment with two verdicts"


def agreement(first: Mapping[int, Labels], second: Mapping[int, Labels]) -> PairReport:
    """The agreement of two judges, given their labels by question."""
    by_battle = [
        {("m", "b", str(q)): labels for q, labels in one.items()} for one in (first, second)
    ]
    panel = panels.panel_of(dict(zip("jk", by_battle, strict=True)))
    return pair_report(panel, 0, 1, draw_questions(len(panel.questions), 0, 0))


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


# Simulated judges


def battles_as_questions(panel: Panel) -> Panel:
    """The same, as if no two battles were on one question."""
    questions = tuple(f"q{i:05}" for i in range(len(panel.model)))
    return replace(panel, questions=questions, question=np.arange(len(panel.model)))


LEAN = np.log(0.7 / 0.3)  # of a judge that lets the first of two equal answers win 70 %


def placed(seed: int, questions: int = QUESTIONS, lean: float = LEAN) -> Panel:
    """A judge that leans to the first place: not at all on half of the questions, twice as much on
    the others.
    """
    rng = np.random.default_rng(seed)
    leans = share_of_question(rng, lean, questions) * PLACE_A
    rates = 1 / (1 + np.exp(-np.log(RATES / (1 - RATES))[:, None] - leans))
    return panel_of(decide(chances(rng, 1, questions)[0] < rates)[None], ("j",))


def test_a_preference_for_the_first_place_is_found() -> None:
    biases, flipped, missed = [], [], []
    for seed in SEEDS:
        panel = placed(seed)
        times = drawn(QUESTIONS, seed)
        biases.append(place_bias(panel, [0], times).estimate)
        flipped.append(flips(panel, 0, times).estimate)
        alone = battles_as_questions(panel)
        missed.append(
            place_bias(alone, [0], draw_questions(len(alone.questions), 200, seed)).estimate
        )
    large = placed(0, 20_000)
    few = draw_questions(len(large.questions), 2, 0)
    place, flip = (
        one.estimate.value for one in (place_bias(large, [0], few), flips(large, 0, few))
    )
    assert 15 < place < 20
    assert covered(biases, place) >= ENOUGH
    assert covered(flipped, flip) >= ENOUGH
    assert all(one.lower > 0 for one in biases)
    assert covered(missed, place) < ENOUGH, "questions must matter here"


def test_intervals_of_few_questions_are_expanded() -> None:
    """Hesterberg 2015: by Student's t, and for the n - 1 of n in the variance of the rounds."""
    panel = placed(1, 8)
    times = draw_questions(len(panel.questions), 500, 1)
    question, flipped = panel.question, np.diff(np.sign(panel.worth[0]))[:, 0] != 0
    by_question = np.bincount(question, flipped) / np.bincount(question)
    end = norm.cdf(np.sqrt(8 / 7) * t.ppf(0.975, 7))
    expected = np.quantile(100 * times @ by_question / 8, [1 - end, end])
    found = flips(panel, 0, times).estimate
    assert [found.lower, found.upper] == pytest.approx(expected.tolist(), rel=1e-3)
    few = placed(1, 4)
    assert np.isnan(flips(few, 0, draw_questions(len(few.questions), 20, 1)).estimate.lower)


def test_a_preference_for_a_place_does_not_depend_on_who_is_on_the_board() -> None:
    """Whereas the share of games won by the first place does."""
    found, shares = [], []
    for rates in (np.full(8, 0.5), np.full(8, 0.04), np.array([0.02, 0.5] * 4)):
        rng = np.random.default_rng(4)
        logits = np.log(rates / (1 - rates))[:, None] + LEAN * PLACE_A
        wins = rng.random((3000, 8, 2)) < 1 / (1 + np.exp(-logits))
        panel = panel_of(decide(wins)[None], ("j",))
        found.append(
            place_bias(panel, [0], draw_questions(len(panel.questions), 0, 0)).estimate.value
        )
        shares.append(100 * float((panel.worth[0] * PLACE_A > 0).mean()))
    assert found == pytest.approx([20, 20, 20], abs=1)
    assert shares[0] - shares[1] > 14


def test_judges_who_lean_to_different_places_do_not_lean_together() -> None:
    first, second = placed(1, 600), placed(2, 600, -LEAN)
    both = replace(first, judges=("j", "k"), worth=np.concatenate([first.worth, second.worth]))
    times = draw_questions(len(both.questions), 200, 1)
    alone = [place_bias(both, [judge], times).estimate for judge in (0, 1)]
    together = place_bias(both, [0, 1], times)
    assert alone[0].lower > 5 and alone[1].upper < -5
    assert abs(together.estimate.value) < 2 and together.number == 2 * first.worth.size


def test_the_place_of_several_baselines_is_that_of_logistic_regression() -> None:
    """Beside one strength of each model, whether it is a baseline or not; also in a round."""
    rng = np.random.default_rng(2)
    panel = panel_of(rng.integers(-2, 3, (1, 40, 6, 2)), ("j",))
    lost = rng.random(panel.worth.shape) < 0.1
    baseline = np.where(panel.question % 2, (panel.model + 1) % 6, 6)
    panel = replace(panel, baseline=baseline, worth=np.where(lost, UNDECIDED, panel.worth))
    times = draw_questions(len(panel.questions), 5, 3)
    expected = []
    twice = panel.decided[0].all(axis=1)
    names = np.eye(7)[panel.model[twice]] - np.eye(7)[baseline[twice]]
    rows = np.vstack([np.column_stack([names, np.full(len(names), side)]) for side in (-1, 1)])
    won = (np.sign(panel.worth[0, twice]) + 1).T.ravel() / 2
    for drawn_times in (np.ones(40), *times):
        weight = np.tile(drawn_times[panel.question[twice]], 2)
        fit = LogisticRegression(fit_intercept=False, C=1e8, tol=1e-10, max_iter=1000)
        weights = np.concatenate([won * weight, (1 - won) * weight])
        fit.fit(np.vstack([rows, rows]), np.repeat([1, 0], len(rows)), weights)
        expected.append(100 / (1 + np.exp(-fit.coef_[0, -1])) - 50)
    found = place_bias(panel, [0], times)
    assert found.number == len(rows)
    assert found.estimate.value == pytest.approx(expected[0], abs=1e-3)
    ends = percentiles(np.array(expected[1:])[:, None], expanded(0.95, np.array([40])))
    assert [found.estimate.lower, found.estimate.upper] == pytest.approx(ends[:, 0], abs=1e-3)


def test_models_that_no_battles_connect_have_no_bias_for_a_place() -> None:
    """m0 plays against m1, m2 against the baseline."""
    panel = panel_of(np.ones((1, 20, 3, 2)), ("j",))
    rows = panel.model != 1
    panel = replace(
        panel,
        model=panel.model[rows],
        baseline=np.where(panel.model == 0, 1, panel.baseline)[rows],
        question=panel.question[rows],
        worth=panel.worth[:, rows],
    )
    found = place_bias(panel, [0], draw_questions(len(panel.questions), 5, 1))
    assert found.why == "no chain of battles between all models"


def test_what_a_question_is_worth_is_what_it_adds_to_the_variance() -> None:
    """Of a mean over questions and of one over repeats, both simulated."""
    repeats, of_question = [], []
    for seed in SEEDS:
        panel = placed(seed, lean=0.0)
        share, place, worth, *_ = variance(panel, 0, drawn(QUESTIONS, seed))
        of_question.append(share.estimate)
        repeats.append(worth.estimate)
        assert place.estimate.value < 2 and np.isnan(place.estimate.lower)
    rng = np.random.default_rng(9)
    games = chances(rng, 1, 40_000)[0] < RATES[:, None]
    noise = ((games[..., 0] * 1.0 - games[..., 1]).var(axis=0) / 2).mean()
    total = games.var(axis=(0, 2)).mean()
    assert covered(of_question, 100 * (1 - noise / total)) >= ENOUGH
    # Of the mean of two games: its variance by question, over that of the same question again.
    assert covered(repeats, float(games.mean(axis=2).var(axis=0).mean() / (noise / 2))) >= ENOUGH


def labels_of(outcomes: np.ndarray) -> np.ndarray:
    """Numbers of labels (N, 2, 5), none by far, of outcomes (N, 2, 3). A is first the baseline."""
    labels = np.zeros((len(outcomes), 2, 5), dtype=int)
    labels[:, 0, 1:4], labels[:, 1, 1:4] = outcomes[:, 0], outcomes[:, 1, ::-1]
    return labels


def test_repeats_are_told_from_what_a_game_has_of_its_own() -> None:
    """Games with chances of their own, 0.2 or 0.8, and three tosses each, as a beta-binomial."""
    rng = np.random.default_rng(4)
    panel = panel_of(decide(rng.random((400, 4, 2)) < 0.5)[None], ("j",))
    once = variance(panel, 0, draw_questions(len(panel.questions), 20, 1))
    assert once.repeat.why == once.narrowed.why == "no game with two verdicts"
    rates = rng.choice([0.2, 0.8], (1600, 2, 1))
    wins = (rng.random((1600, 2, 3)) < rates).sum(axis=2)
    outcomes = np.stack([3 - wins, 0 * wins, wins], axis=2)
    found = variance(
        replace(panel, repeated=labels_of(outcomes)[None]),
        0,
        draw_questions(len(panel.questions), 200, 1),
    )
    assert found.question.estimate.value < 4
    low, high = found.repeat.estimate.lower, found.repeat.estimate.upper
    assert low < 100 * 0.16 / 0.25 < high and high - low < 10
    # 0.09 of games, and 0.16 / 3 and 0.16 / 6 of verdicts: variances of the mean of a game.
    truth = 100 * (1 - np.sqrt((0.09 + 0.16 / 6) / (0.09 + 0.16 / 3)))
    assert found.narrowed.estimate.value == pytest.approx(truth, abs=1.5)
    same = np.eye(3, dtype=int)[rng.integers(0, 3, (1600, 2))] * 3
    sure = variance(
        replace(panel, repeated=labels_of(same)[None]),
        0,
        draw_questions(len(panel.questions), 20, 1),
    )
    assert sure.worth.why == "all verdicts of a game agree"
    assert sure.repeat.estimate.value == sure.narrowed.estimate.value == 0


def test_where_no_games_differ_repeats_have_no_worth() -> None:
    rng = np.random.default_rng(1)
    wins = np.repeat(rng.random((30, 4, 1)) < 0.5, 2, axis=2)
    for worth, why in (
        (decide(wins), "both games of all judgments agree"),
        (np.where([True, False], decide(wins), UNDECIDED), "no judgment with two verdicts"),
    ):
        panel = panel_of(worth[None], ("j",))
        assert variance(panel, 0, draw_questions(len(panel.questions), 20, 1))[2].why == why
    flat = panel_of(np.ones((1, 30, 4, 2)), ("j",))
    shares = variance(flat, 0, draw_questions(len(flat.questions), 20, 1))
    assert [one.why for one in shares[:2]] == ["all games have one outcome"] * 2


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
    worth = rng.choice([UNDECIDED, -2, -1, 0, 1, 2], (1, questions, models - 1, 2))
    counts = outcome_counts(panel_of(worth, ("j",)).shares(0))
    signs = np.sign(worth) * np.where(abs(worth) == 2, 3, 1) * (worth != UNDECIDED)
    assert (counts[2] - counts[0] == signs.reshape(-1, 2).sum(axis=1)).all()
    features = rng.normal(size=(2, len(model)))
    cells = Cells(models, np.zeros_like(model), model, question, counts, features)
    fit = bradley_terry.fit(cells, 0)
    times = rng.multinomial(questions, np.full(questions, 1 / questions), 3)
    _, found = bradley_terry.reweighted(cells, 0, times)
    x = (features - fit.mean[:, None]) / fit.scale[:, None]
    one_hot = np.log(10) * (np.eye(models)[cells.a] - np.eye(models)[cells.b])
    design = np.hstack([one_hot, x.T])
    for row, of_round in zip(found, times, strict=True):
        wins = (2 * counts[0] + counts[1]) * of_round[question]
        losses = (2 * counts[2] + counts[1]) * of_round[question]
        oracle = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=1000)
        oracle.fit(
            np.vstack([design, design]),
            np.repeat([1, 0], len(design)),
            sample_weight=np.concatenate([wins, losses]),
        )
        assert row == pytest.approx(oracle.coef_[0, models:], abs=1e-4)
    _, same = bradley_terry.reweighted(cells, 0, np.ones((1, questions)), workers=2)
    assert same[0] == pytest.approx(fit.coefficients, abs=1e-6)


def test_noise_shows_in_the_agreement() -> None:
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


def test_what_nobody_decided_has_no_numbers() -> None:
    worth = np.full((2, 4, 3, 2), UNDECIDED)
    worth[0, :, 0], worth[1, :, 1] = 2, 1
    worth[1, :, 2] = NOT_JUDGED
    panel = panel_of(worth, ("j0", "m0"))
    times = draw_questions(len(panel.questions), 10, 1)
    pair = pair_report(panel, 0, 1, times)
    assert pair.games == 0 and np.isnan(pair.kappa.value)
