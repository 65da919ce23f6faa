"""The statistics of the v2.0 program, against plain numpy and scikit-learn without a penalty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from boards import DEPENDENT, DIFFERENT, Shown, battles_of_selection, error, few, flags, show
from conftest import Workspace
from judgments import POINTS, add_judgments, judgment, random_answers
from random_cells import cells_of, star_cells, turned
from sklearn.linear_model import LogisticRegression

from arena.bench.paths import Bench
from arena.leaderboard.board import Contest, Scored
from arena.leaderboard.options import Method
from arena.scoring import arena_v2, estimators, solver
from arena.scoring import bradley_terry as bt
from arena.scoring.cells import Cells
from arena.scoring.selection import Selection
from arena.scoring.solver import FixedStyle
from arena.scoring.uncertainty.intervals import percentiles

PERCENTILES = (5, 95)


def outcomes(cells: Cells, model: int) -> np.ndarray:
    """Each battle of a model against the baseline, model 0: 1, 1/2 or 0."""
    lost, tied, won = cells.counts[:, cells.b == model].sum(axis=1)
    return np.repeat([0, 0.5, 1], [lost, tied, won])


def plain(cells: Cells) -> Cells:
    return replace(cells, features=None)


def rows_of(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the oracle one row a weighted battle: its model, its features (model minus baseline)
    standardised with ddof 1, and its outcome.
    """
    assert cells.features is not None
    number = cells.counts.sum(axis=0)
    features = np.repeat(-cells.features.T, number, axis=0)
    features = (features - features.mean(axis=0)) / features.std(axis=0, ddof=1)
    result = [np.repeat([0, 0.5, 1], counts) for counts in cells.counts.T]
    return np.repeat(cells.b, number), features, np.concatenate(result)


def oracle(
    model: np.ndarray, features: np.ndarray, result: np.ndarray, models: int
) -> tuple[np.ndarray, np.ndarray]:
    """Win rates (M,) and style coefficients (F,) of an unpenalised logistic regression."""
    design = np.hstack([np.eye(models)[model][:, 1:], features])
    fit = LogisticRegression(
        C=np.inf, fit_intercept=False, tol=1e-10, solver="newton-cholesky"
    ).fit(
        np.vstack([design, design]),
        np.repeat([1, 0], len(design)),
        sample_weight=np.concatenate([result, 1 - result]),
    )
    strengths, coefficients = np.split(fit.coef_[0], [models - 1])
    return 100 / (1 + np.exp(-np.append(0, strengths))), coefficients


class TestPlain:
    def test_the_rates_are_mean_outcomes(self) -> None:
        cells = star_cells(1)
        rates = bt.win_rates(arena_v2.fit(plain(cells), 0).ratings, 0)
        expected = [50, *(100 * outcomes(cells, model).mean() for model in range(1, 5))]
        assert rates == pytest.approx(expected, abs=1e-9)

    def test_battles_are_drawn_within_each_model(self) -> None:
        """As many as the model has, so its sums are whole or half battles of that number."""
        cells = star_cells(2)
        samples = arena_v2.bootstrap(plain(cells), 0, rounds=3000, seed=1, resample="battle")
        rates = bt.win_rates(samples, 0)
        assert (rates[:, 0] == 50).all()
        draw = np.random.default_rng(9)
        for model in range(1, 5):
            battles = outcomes(cells, model)
            points = rates[:, model] / 100 * len(battles) * 2
            assert points == pytest.approx(points.round(), abs=1e-6)
            drawn = 100 * draw.choice(battles, (3000, len(battles))).mean(axis=1)
            noise = drawn.std()
            assert rates[:, model].mean() == pytest.approx(drawn.mean(), abs=0.1 * noise)
            ends = np.percentile(rates[:, model], PERCENTILES)
            assert ends == pytest.approx(np.percentile(drawn, PERCENTILES), abs=0.2 * noise)

    def test_models_are_drawn_independently(self) -> None:
        samples = arena_v2.bootstrap(
            plain(star_cells(3)), 0, rounds=3000, seed=1, resample="battle"
        )
        correlations = np.corrcoef(bt.win_rates(samples, 0)[:, 1:].T)
        assert np.abs(correlations - np.eye(4)).max() < 0.08

    def test_questions_are_drawn_with_all_of_their_battles(self) -> None:
        """Whole questions: the ratio of sums, in any resample of them."""
        cells = star_cells(4)
        samples = arena_v2.bootstrap(plain(cells), 0, rounds=2000, seed=1, resample="question")
        rates = bt.win_rates(samples, 0)
        times = np.random.default_rng(3).multinomial(60, np.full(60, 1 / 60), 2000)
        for model in range(1, 5):
            own = cells.b == model
            counts = np.zeros((3, 60))
            counts[:, cells.question[own]] = cells.counts[:, own]
            drawn = 100 * (times @ (counts[1] / 2 + counts[2])) / (times @ counts.sum(axis=0))
            ends = np.percentile(rates[:, model], PERCENTILES)
            assert ends == pytest.approx(np.percentile(drawn, PERCENTILES), abs=0.25 * drawn.std())

    def test_who_won_everything_has_100(self) -> None:
        cells = cells_of([(0, 1, 0, (0, 0, 5)), (0, 2, 0, (3, 0, 0)), (0, 3, 1, (0, 2, 0))], 4)
        for resample in ("battle", "question"):
            samples = arena_v2.bootstrap(cells, 0, rounds=20, seed=1, resample=resample)
            full = bt.win_rates(arena_v2.fit(cells, 0).ratings, 0)
            rates = bt.win_rates(samples, 0)
            assert full.tolist() == [50, 100, 0, 50]
            assert arena_v2.averages(rates, full, controlled=False).tolist() == [50, 100, 0, 50]


class TestStyleControl:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_it_is_logistic_regression_without_a_penalty(self, seed: int) -> None:
        cells = star_cells(seed)
        rates, coefficients = oracle(*rows_of(cells), cells.models)
        fit = arena_v2.fit(cells, 0)
        assert bt.win_rates(fit.ratings, 0) == pytest.approx(rates, abs=1e-4)
        assert fit.coefficients == pytest.approx(coefficients, abs=1e-5)

    def test_the_bootstrap_draws_battles_among_all(self) -> None:
        cells = star_cells(4, models=3, questions=40)
        samples = arena_v2.bootstrap(cells, 0, rounds=1500, seed=1, resample="battle", workers=2)
        rates = bt.win_rates(samples, 0)
        model, features, result = rows_of(cells)
        draw = np.random.default_rng(5)
        picks = draw.integers(len(model), size=(300, len(model)))
        drawn = np.array([oracle(model[p], features[p], result[p], 3)[0] for p in picks])
        for column in (1, 2):
            noise = drawn[:, column].std()
            expected = np.percentile(drawn[:, column], [50, *PERCENTILES])
            found = np.percentile(rates[:, column], [50, *PERCENTILES])
            assert found == pytest.approx(expected, abs=0.35 * noise)

    def test_neither_side_nor_order_nor_workers_change_a_number(self) -> None:
        cells = star_cells(5)
        other = turned(cells, np.arange(len(cells.a)) % 3 == 0)
        assert arena_v2.fit(other, 0).ratings == pytest.approx(arena_v2.fit(cells, 0).ratings)
        one, two = (
            arena_v2.bootstrap(c, 0, rounds=30, seed=1, resample="battle", workers=n)
            for c, n in ((cells, 1), (other, 3))
        )
        assert np.array_equal(one, two)

    def test_a_given_style_is_kept(self) -> None:
        cells = star_cells(6)
        fit = arena_v2.fit(cells, 0)
        again = arena_v2.fit(cells, 0, style=FixedStyle(fit.coefficients, fit.mean, fit.scale))
        assert again.ratings == pytest.approx(fit.ratings, abs=1e-3)
        assert np.array_equal(again.coefficients, fit.coefficients)

    @pytest.mark.parametrize("kind", ["alike", "doubled", "constant", "of the model"])
    def test_what_separates_or_cannot_be_told_apart_stops_nothing(self, kind: str) -> None:
        """Model 1 won everything, model 2 just where it is longer; a feature can say nothing."""
        cells = star_cells(7, models=4)
        length = np.array(cells.features)[0]
        cells.counts[:, cells.b == 1] = [[0], [0], [1]]
        cells.counts[:, (cells.b == 2) & (length > 0)] = [[1], [0], [0]]
        cells.counts[:, (cells.b == 2) & (length <= 0)] = [[0], [0], [1]]
        second = {
            "alike": length**3,
            "doubled": 2 * length,
            "constant": np.ones_like(length),
            "of the model": (cells.b == 3) * 1.0,
        }[kind]
        cells = replace(cells, features=np.vstack([length, second]))
        for resample in ("battle", "question"):
            samples = arena_v2.bootstrap(cells, 0, rounds=20, seed=1, resample=resample)
            rates = bt.win_rates(samples, 0)
            assert (rates[:, 1] == 100).all()
            assert np.isfinite(rates).all()
        rates = bt.win_rates(arena_v2.fit(cells, 0).ratings, 0)
        assert rates[1] == 100 and 0 < rates[2] < 100

    def test_in_other_graphs_the_fit_without_penalty_is_the_same_regression(self) -> None:
        """Of `bradley_terry`, where a model without a finite maximum takes its battles along."""
        rng = np.random.default_rng(8)
        a, b = rng.integers(4, size=(2, 300))
        kept = a != b
        a, b, size = a[kept], b[kept], int(kept.sum())
        style = rng.uniform(-1, 1, (2, size))
        won = rng.random(size) < 1 / (1 + np.exp(0.5 * (b - a) - style[0]))
        counts = np.stack([won, np.zeros(size), ~won]).astype(int)
        best = ([4] * 9, rng.integers(4, size=9), rng.uniform(-1, 1, (2, 9)))
        cells = Cells(
            5,
            np.append(a, best[0]),
            np.append(b, best[1]),
            np.zeros(size + 9, dtype=int),
            np.hstack([counts, np.repeat([[1], [0], [0]], 9, axis=1)]),
            np.hstack([style, best[2]]),
        )
        fit = bt.fit(cells, 0, penalty=False, center=False)
        design = np.hstack([np.eye(4)[a] - np.eye(4)[b], (style / fit.scale[:, None]).T])[:, 1:]
        oracle = LogisticRegression(
            C=np.inf, fit_intercept=False, tol=1e-10, solver="newton-cholesky"
        ).fit(design, won)
        strengths = (fit.ratings[1:4] - fit.ratings[0]) / solver.ELO_PER_LOGIT
        found = np.append(strengths, fit.coefficients)
        assert found == pytest.approx(oracle.coef_[0], abs=1e-4)
        assert fit.ratings[4] == np.inf


class TestScores:
    SAMPLES = np.array(
        [[50, 10, 20, np.nan, np.nan], [50, 30, np.nan, 4, np.nan], [50] * 4 + [np.nan]]
    )
    FULL = np.array([50.0, 1, 2, 3, 44])

    @pytest.mark.parametrize(
        ("controlled", "expected"), [(False, [50, 30, 35, 27, 44]), (True, [50, 30, 35, 27, 44])]
    )
    def test_over_the_rounds_that_place_a_model(
        self, controlled: bool, expected: list[float]
    ) -> None:
        found = arena_v2.averages(self.SAMPLES, self.FULL, controlled=controlled)
        assert found.tolist() == expected

    def test_the_mean_where_plain_and_the_median_where_controlled(self) -> None:
        samples = np.array([[50, 1], [50, 2], [50, 9]])
        full = np.array([50.0, 0])
        assert arena_v2.averages(samples, full, controlled=False).tolist() == [50, 4]
        assert arena_v2.averages(samples, full, controlled=True).tolist() == [50, 2]

    def test_a_rating_is_what_gives_the_rate(self) -> None:
        rates = np.array([50, 75, 100, 0, 12.5])
        ratings = arena_v2.rating(rates)
        assert ratings[1] == pytest.approx(1190.8485, abs=1e-4)
        assert bt.win_rates(ratings, 0) == pytest.approx(rates)


def test_style_differences_by_hand() -> None:
    """Lengths 30 and 10; 2 headers in 30 tokens against 4 in 10; then two empty answers."""
    a, b = np.array([[30.0, 2], [0, 0]]), np.array([[10.0, 4], [0, 0]])
    densities = 2 / 31, 4 / 11
    expected = [20 / 40, (densities[0] - densities[1]) / (sum(densities) + 1)]
    found = arena_v2.style_differences(a, b)
    assert found[0] == pytest.approx(expected) and found[1].tolist() == [0, 0]
    assert arena_v2.style_differences(b, a) == pytest.approx(-found)


def test_battles_without_the_baseline_are_no_star() -> None:
    cells = cells_of([(0, 1, 0, (1, 0, 1)), (1, 2, 0, (1, 0, 1))], 3)
    with pytest.raises(arena_v2.NotAStarError) as raised:
        arena_v2.fit(cells, 0)
    assert raised.value.pair == (1, 2)


# Through the command line

MODELS = ("base", "m1", "m2", "m3")
LABELS = [*POINTS, None]
V2 = (*flags(), "--method", "v2.0")


def draw_judgments(seed: int, questions: int) -> list[dict[str, Any]]:
    """Judgments with ties, strong verdicts, and every twelfth game undecided."""
    draw = np.random.default_rng(seed)
    chances = np.array([2, 2, 2, 2, 2 + seed, 1])
    labels = draw.choice(len(LABELS), (questions, 2), p=chances / chances.sum())
    return [judgment(f"q{i + 1}", *(LABELS[k] for k in pair)) for i, pair in enumerate(labels)]


@pytest.fixture
def judged(bench: Workspace) -> Workspace:
    """Three models on 60 questions, by two judges."""
    bench.add_questions(60)
    for seed, model in enumerate(MODELS):
        path = bench.data / f"model_answer/{model}.jsonl"
        bench.write(path, random_answers(seed, 60))
        if model != "base":
            for judge in ("judge", "strict"):
                add_judgments(bench, model, draw_judgments(seed + len(judge), 60), judge=judge)
    return bench


def measured(answer: dict[str, Any]) -> np.ndarray:
    data = answer["conv_metadata"]
    counts = (sum(data[name].values()) for name in ("header_count", "list_count", "bold_count"))
    return np.array([data["token_len"], *counts], dtype=float)


def raw_rows(
    bench: Workspace, judges: tuple[str, ...], weight: int, chosen: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows for the oracle, from the records: what the v2.0 program makes of them."""
    style = {m: {a["question_id"]: measured(a) for a in bench.answers(m)} for m in MODELS}
    model, features, result = [], [], []
    for judge in judges:
        for index, name in enumerate(MODELS[1:], start=1):
            for record in bench.judgments(judge, name):
                labels = [game["score"] for game in record["games"]]
                if None in labels:
                    continue
                own, other = (style[m][record["question_id"]] for m in (name, "base"))
                length = (own[0] - other[0]) / (own[0] + other[0])
                a, b = own[1:] / (own[0] + 1), other[1:] / (other[0] + 1)
                row = [length, *(a - b) / (a + b + 1)]
                for label, first in zip(labels, (True, False), strict=True):
                    of_a, of_b = POINTS[label]
                    won = (of_b if first else of_a) / (of_a + of_b)
                    times = weight if ">>" in label else 1
                    model += [index] * times
                    features += [row] * times
                    result += [won] * times
    columns = np.array(features)[:, chosen]
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0, ddof=1)
    return np.array(model), columns, np.array(result)


def scored(bench: Workspace, judges: tuple[str, ...], weight: int, **method: Any) -> Scored:
    folder = Bench(bench.root / "data", bench.name)
    selection = Selection(folder, judges, ("base",), weight=weight, estimator=estimators.V2)
    chosen = Method(**{"resample": "battle", **method})
    return Contest.of(battles_of_selection(selection), selection, chosen).score()


@pytest.mark.parametrize("judges", [("judge",), ("judge", "strict")])
@pytest.mark.parametrize("weight", [3, 1])
class TestOnRecords:
    def test_plain(self, judged: Workspace, judges: tuple[str, ...], weight: int) -> None:
        model, _, result = raw_rows(judged, judges, weight, slice(0, 1))
        fit = scored(judged, judges, weight, rounds=4000)
        rates = bt.win_rates(fit.fit.ratings, 0)
        for index, row in enumerate(percentiles(bt.win_rates(fit.samples, 0), 0.9).T[1:], 1):
            own = result[model == index]
            assert rates[index] == pytest.approx(100 * own.mean(), abs=1e-9)
            draws = np.random.default_rng(1).choice(own, (4000, len(own)))
            drawn = 100 * draws.mean(axis=1)
            assert row == pytest.approx(np.percentile(drawn, PERCENTILES), abs=0.2 * drawn.std())
            assert fit.scores(elo=False)[0][index] == pytest.approx(
                100 * own.mean(), abs=0.1 * drawn.std()
            )

    @pytest.mark.parametrize(
        ("control", "chosen"),
        [
            (("length", "markdown"), slice(None)),
            (("length",), slice(0, 1)),
            (("markdown",), slice(1, None)),
        ],
    )
    def test_with_style_control(
        self,
        judged: Workspace,
        judges: tuple[str, ...],
        weight: int,
        control: tuple[str, ...],
        chosen: slice,
    ) -> None:
        rates, coefficients = oracle(*raw_rows(judged, judges, weight, chosen), len(MODELS))
        found = scored(judged, judges, weight, control=control, rounds=200)
        assert bt.win_rates(found.fit.ratings, 0) == pytest.approx(rates, abs=1e-4)
        assert found.fit.coefficients == pytest.approx(coefficients, abs=1e-5)
        scores, _ = found.scores(elo=False)
        assert scores == pytest.approx(rates, abs=1.0)
        medians = np.median(bt.win_rates(found.samples, 0), axis=0)
        assert scores == pytest.approx(medians)


class TestTruth:
    def test_true_win_rates_are_found(self, bench: Workspace) -> None:
        """Two models with known chances on 3,000 questions; half the wins are by far."""
        draw = np.random.default_rng(4)
        for model, chance in (("weak", 0.3), ("strong", 0.8)):
            kinds = draw.choice(4, (3000, 2), p=np.outer([1 - chance, chance], [0.5, 0.5]).ravel())
            names = ("A>>B", "A>B", "B>A", "B>>A")
            turned = ("B>>A", "B>A", "A>B", "A>>B")
            add_judgments(
                bench,
                model,
                [judgment(f"q{i}", names[a], turned[b]) for i, (a, b) in enumerate(kinds)],
            )
        rows = {line.split()[1]: line.split() for line in show(bench, *V2).board[1:]}
        assert float(rows["strong"][2]) == pytest.approx(80, abs=2)
        assert float(rows["weak"][2]) == pytest.approx(30, abs=2)
        assert rows["base"][2:] == ["50.0", "(-0.0", "/", "+0.0)"]


class TestText:
    def test_the_table_is_that_of_the_v2_program(self, bench: Workspace) -> None:
        """Models whose every resample is the same; a judgment with an undecided game is left out,
        though its other game was lost."""
        for model, labels in {
            "champion": ("B>>A", "A>B"),
            "a-model-with-a-long-name": ("A=B", "A=B"),
            "loser": ("A>B", "B>>A"),
        }.items():
            add_judgments(bench, model, [judgment("q1", *labels), judgment("q2", *labels)])
        cut = bench.judgments("judge", "champion")
        add_judgments(bench, "champion", [*cut, judgment("q3", "A>B", None)])
        assert show(bench, *V2).out == (
            "                      Model  Scores (%)         CI (%)\n"
            "0                  champion       100.0  (-0.0 / +0.0)\n"
            "1  a-model-with-a-long-name        50.0  (-0.0 / +0.0)\n"
            "2                      base        50.0  (-0.0 / +0.0)\n"
            "3                     loser         0.0  (-0.0 / +0.0)\n"
            "\n"
            "7 judgments, 20 weighted battles, 1 games without verdict\n"
            f"questions judged: 2 for each model\n{few(2, 90)}\n"
            "skipped: 1 judgments with an undecided game\n" + DEPENDENT + "\n"
        )

    def test_as_pandas_prints_it(self, bench: Workspace) -> None:
        import pandas as pd

        for seed in range(11):
            add_judgments(bench, f"m{seed}" * (1 + seed % 3), draw_judgments(seed, 30))
        lines = show(bench, *V2).board
        cells = [line.split(maxsplit=3)[1:] for line in lines[1:]]
        frame = pd.DataFrame(cells, columns=["Model", "Scores (%)", "CI (%)"])
        frame["Scores (%)"] = frame["Scores (%)"].astype(float)
        assert "\n".join(lines) == frame.to_string()

    def test_a_model_without_any_whole_judgment_is_left_out_for_that_reason(
        self, bench: Workspace
    ) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "A>B", "A>B")])
        add_judgments(bench, "half", [judgment("q1", "A>B", None), judgment("q2", "A>B")])
        summary = show(bench, *V2).summary
        assert "skipped: 2 judgments with an undecided game" in summary
        assert "skipped: half: no judgment without an undecided game" in summary

    def test_a_question_counts_as_judged_where_it_has_battles(self, bench: Workspace) -> None:
        """`half` lost one game of q3, of the judgment that is left out, and won all others."""
        bench.add_questions(3)
        won = [judgment(f"q{i}", "B>A", "A>B") for i in (1, 2)]
        add_judgments(bench, "half", [*won, judgment("q3", "A>B", None)])
        add_judgments(bench, "whole", [*won, judgment("q3", "B>A", "A>B")])
        done = show(bench, *V2).out
        assert "questions judged of 3: half 2, whole 3\n" + DIFFERENT in done
        done = show(bench, *V2, "--missing", "loss").out
        assert "questions judged of 3: half 2, whole 3\n" in done and "warning" not in done
        assert "added: 2 plain losses (`>`), one for each missing game\n" in done
        score = float(done[done.index("half") :].split()[1])
        assert score == pytest.approx(100 * 4 / 6, abs=6)

    def test_a_model_that_has_none_lost_all_with_missing_loss(self, bench: Workspace) -> None:
        bench.add_questions(2)
        add_judgments(bench, "half", [judgment("q1", "B>A", None)])
        add_judgments(bench, "whole", [judgment("q1", "A=B", "A=B")])
        shown = show(bench, *V2, "--missing", "loss")
        assert table(shown)["half"] == "0.0"
        assert "questions judged of 2: half 0, whole 1" in shown.summary

    def test_nothing_whole_at_all_is_an_error(self, bench: Workspace) -> None:
        add_judgments(bench, "half", [judgment("q1", "A>B", None)])
        line = error(bench, *V2)
        assert "no battle against the baseline 'base'" in line
        assert "1 judgments with an undecided game" in line

    def test_with_the_first_game_only_the_second_may_be_undecided(self, bench: Workspace) -> None:
        add_judgments(bench, "half", [judgment("q1", "B>A", None)])
        assert "half       100.0" in show(bench, *V2, "--first-game-only").out


class TestDefault:
    RECORD = {"category": "c", "subcategory": "s", "prompt": "?"}

    @pytest.mark.parametrize(
        ("keys", "more", "table"),
        [
            (("uid", "uid"), "", True),
            (("uid", "uid"), "--method bradley-terry", False),
            (("question_id", "question_id"), "", False),
            (("question_id", "uid"), "", True),
            (("question_id", "question_id"), "--method v2.0", True),
        ],
    )
    def test_the_format_of_the_questions_decides(
        self, bench: Workspace, keys: tuple[str, str], more: str, table: bool
    ) -> None:
        bench.add_questions([{key: f"q{i}"} | self.RECORD for i, key in enumerate(keys)])
        add_judgments(bench, "tiny", [judgment("q0", "B>A", "B>A"), judgment("q1", "A=B", "A=B")])
        assert ("Scores (%)" in show(bench, *flags(), *more.split()).out) == table

    def test_other_names_are_refused(self, bench: Workspace) -> None:
        assert "argument --method" in show(bench, *flags(), "--method", "v1", check=2).err


def table(shown: Shown) -> dict[str, str]:
    """Model to score, of a table."""
    return {line.split()[1]: line.split()[2] for line in shown.board[1:]}


class TestFlags:
    def board(self, bench: Workspace, *more: object) -> Shown:
        return show(bench, *V2, *more)

    @pytest.mark.parametrize("more", ["", "--style-control", "--resample question", "-f length"])
    def test_rounds_seed_and_workers(self, judged: Workspace, more: str) -> None:
        chosen = more.split()
        one, same, other = (
            self.board(judged, *chosen, "--seed", seed, "--workers", workers)
            for seed, workers in ((1, 1), (1, 2), (2, 1))
        )
        assert one == same != other
        assert self.board(judged, *chosen, "--num-rounds", "7") != one

    @pytest.mark.parametrize("more", ["", "--style-control"])
    def test_whole_questions_give_wider_intervals(self, judged: Workspace, more: str) -> None:
        def width(*resample: str) -> float:
            found = scored(
                judged,
                ("judge",),
                3,
                control=("length",) if more else (),
                resample=resample[0],
                rounds=400,
            )
            low, high = percentiles(bt.win_rates(found.samples, 0), 0.9)
            return float((high - low)[1:].mean())

        assert width("question") > 1.2 * width("battle")

    def test_ratings_are_those_of_the_rates(self, judged: Workspace) -> None:
        for more in ([], ["--style-control"]):
            rates, ratings = self.board(judged, *more), self.board(judged, *more, "--show-elo")
            assert "Ratings" in ratings.board[0] and "%" not in ratings.board[0]
            for model, rate in table(rates).items():
                odds = float(rate) / (100 - float(rate))
                expected = 1000 + 400 * np.log10(odds)
                assert float(table(ratings)[model]) == pytest.approx(expected, abs=2)
            assert table(ratings)["base"] == "1000"

    @pytest.mark.parametrize("more", ["", "--style-control"])
    def test_compare_tells_the_difference_on_the_board(self, judged: Workspace, more: str) -> None:
        """But for what rounds of the bootstrap add to the printed averages."""
        for model in ("m1", "m3"):
            records = judged.judgments("judge", model)
            whole = [r for r in records if None not in [g["score"] for g in r["games"]]]
            add_judgments(judged, model, whole[:40])
        for model, records in zip(("m1", "m3"), self.on_the_same(judged, "m1", "m3"), strict=True):
            add_judgments(judged, model, records)
        shown = self.board(judged, *more.split(), "--num-rounds", "3000", "--compare", "m3", "m1")
        scores = table(shown)
        line = next(line for line in shown.out.splitlines() if line.startswith("m3 - m1: "))
        difference = float(line.split(": ")[1].split()[0])
        assert difference == pytest.approx(float(scores["m3"]) - float(scores["m1"]), abs=0.6)

    def on_the_same(self, bench: Workspace, *models: str) -> list[list[dict[str, Any]]]:
        """The judgments of models on the questions that all of them have."""
        found = [{r["question_id"]: r for r in bench.judgments("judge", m)} for m in models]
        shared = set.intersection(*map(set, found))
        return [[record for q, record in one.items() if q in shared] for one in found]

    def test_full_stats_counts_whole_judgments_alone(self, judged: Workspace) -> None:
        text = self.board(judged, "--full-stats").out.split("\n\n")[1]
        records = judged.judgments("judge", "m1")
        whole = [r for r in records if None not in [g["score"] for g in r["games"]]]
        (line,) = (line for line in text.splitlines() if line.startswith("m1 "))
        assert 0 < len(whole) < 60 and line.split("|")[2].strip() == str(2 * len(whole))

    def test_files(self, judged: Workspace) -> None:
        forms = ["--output", "--json", "--markdown", "--html", "--plot", "board.svg"]
        out = self.board(judged, *forms).out
        paths = [line[9:] for line in out.splitlines() if line.startswith("written: ")]
        assert len(paths) == 5 and all("v2.0" in path for path in paths[:4])
        csv, _, markdown, page, _ = ((judged.root / path).read_text() for path in paths)
        assert csv.startswith("model,score,rating_q05,rating_q95,CI,avg_tokens,date\n")
        assert "90% CI" in markdown and "90% CI" in page and "method v2.0" in page

    @pytest.mark.parametrize("more", ["", "--style-control", "--resample question --show-elo"])
    def test_saved_battles_and_rounds_give_the_same_board(
        self, judged: Workspace, more: str
    ) -> None:
        chosen = more.split()
        first = self.board(judged, *chosen)
        assert self.board(judged, *chosen, "--load-bootstrap") == first
        again = self.board(judged, *chosen, "--load-battles", "--load-bootstrap")
        assert again.board == first.board

    def test_those_of_the_other_method_are_refused(self, judged: Workspace) -> None:
        show(judged, *flags())
        for flag in ("--load-battles", "--load-bootstrap"):
            assert "method = bradley-terry, not v2.0" in error(judged, *V2, flag)
        (judged.root / "data/arena_hard_battles.settings.json").unlink()
        assert "--method v2.0 need the judgments" in error(judged, *V2, "--load-battles")

    def test_style_coefficients_belong_to_their_method(self, judged: Workspace) -> None:
        chosen = ["--style-control", "--style-coefficients", "style.json"]
        self.board(judged, *chosen)
        fixed = self.board(judged, *chosen)
        assert "style coefficients fixed by style.json" in fixed.out
        assert "made with method = v2.0, not bradley-terry" in error(judged, *flags(), *chosen)

    def test_several_baselines_are_refused(self, judged: Workspace) -> None:
        line = error(judged, *V2, "--baseline", "m1")
        assert "base, m1" in line and "--method bradley-terry" in line

    def test_so_are_battles_against_another_that_are_counted(self, judged: Workspace) -> None:
        other = [judgment("q1", "A>B", "A>B", baseline="m2")]
        add_judgments(judged, "m1", [*judged.judgments("judge", "m1"), *other])
        line = error(judged, *V2, "--mixed", "count")
        assert "m2 against m1" in line and "--method bradley-terry" in line

    def test_answers_of_no_length_stop_nothing(self, judged: Workspace) -> None:
        for model in ("base", "m1"):
            answers = judged.answers(model)
            for answer in answers[:5]:
                answer["conv_metadata"]["token_len"] = 0
            judged.write(judged.data / f"model_answer/{model}.jsonl", answers)
        assert len(table(self.board(judged, "--style-control"))) == 4


def test_a_board_of_the_function_has_its_level(judged: Workspace) -> None:
    found = scored(judged, ("judge",), 3, rounds=500)
    board = found.board()
    row = next(row for row in board.rows if row.model == "m1")
    ends = np.percentile(bt.win_rates(found.samples, 0)[:, 1], PERCENTILES)
    assert [row.score + row.lower, row.score + row.upper] == pytest.approx(ends.tolist())
