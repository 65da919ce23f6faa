"""show_result.py on a round robin: one model that scores 50, and how models did head to head."""

from __future__ import annotations

import csv
import json
import random
import re
from typing import Any

import numpy as np
import pytest
from conftest import RunMain, Workspace
from scipy.optimize import minimize

from arena.leaderboard.build import build_board
from arena.leaderboard.options import anchored, board_options

MODELS = ("alpha", "beta", "gamma", "delta")
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
POINTS = {"A>>B": (3, 3), "A>B": (1, 1), "A=B": (0.5, 1), "B>A": (0, 1), "B>>A": (0, 3)}


@pytest.fixture
def records(bench: Workspace) -> list[dict[str, Any]]:
    """Random verdicts of all pairs on 12 questions, but delta met alpha on 5 only."""
    rng, found = random.Random(5), list[dict[str, Any]]()
    bench.add_questions(12)
    bench.write_judge_config("judge", "alpha")
    for place, model in enumerate(MODELS[1:], 1):
        records = [
            {"question_id": f"q{q}", "model": model, "judge": "judge", "baseline": baseline}
            | {"games": [{"score": rng.choice(LABELS)} for _ in range(2)]}
            for baseline in MODELS[:place]
            for q in range(1, 6 if (model, baseline) == ("delta", "alpha") else 13)
        ]
        bench.write(bench.data / f"model_judgment/judge/{model}.jsonl", records)
        found += records
    return found


def counted(records: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[float, int]]:
    """Win rates in percent and questions of pairs, by plain counting."""
    points: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    for record in records:
        pair = record["model"], record["baseline"]
        for number, game in enumerate(record["games"]):
            if game["score"] is None:
                continue
            won, battles = POINTS[game["score"]]
            of_model = won if number == 1 else battles - won
            for key, share in ((pair, of_model), (pair[::-1], battles - of_model)):
                points.setdefault(key, []).append((share, battles, record["question_id"]))
    return {
        pair: (100 * sum(p for p, _, _ in of) / sum(n for _, n, _ in of), len({q for *_, q in of}))
        for pair, of in points.items()
    }


def test_the_matrix_is_that_of_plain_counting(
    bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    flags = ("--anchor", "beta", "--head-to-head")
    done = run_main("show_result.py", *flags, "--csv", "m.csv", "--json", "m.json")
    rows = list(csv.DictReader((bench.root / "m.csv").read_text().splitlines()))
    expected = counted(records)
    assert {(r["model"], r["opponent"]) for r in rows} == expected.keys()
    for row in rows:
        rate, questions = expected[row["model"], row["opponent"]]
        assert float(row["win_rate"]) == pytest.approx(rate, abs=0.005)
        assert int(row["questions"]) == questions
    data = json.loads((bench.root / "m.json").read_text())
    names = data["models"]
    assert sorted(names) == sorted(MODELS)
    rates = np.array(data["win_rates"], dtype=float)
    assert np.isnan(np.diag(rates)).all()
    assert np.nan_to_num(rates + rates.T, nan=100.0) == pytest.approx(100.0)
    head, *lines = done.out.splitlines()[:5]
    assert head.split() == ["1", "2", "3", "4"]
    for name, line in zip(names, lines, strict=True):
        shown = [f"{expected[name, o][0]:.1f} ({expected[name, o][1]})" for o in names if o != name]
        assert re.findall(r"[\d.]+ \(\d+\)", line) == shown


def test_the_matrix_is_drawn_in_all_forms(
    bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    flags = ("--markdown", "m.md", "--html", "m.html", "--plot", "m.svg")
    run_main("show_result.py", "--anchor", "beta", "--head-to-head", *flags)
    rate, questions = counted(records)["delta", "alpha"]
    cell = f"{rate:.1f} ({questions})"
    row = next(x for x in (bench.root / "m.md").read_text().splitlines() if "| delta |" in x[:9])
    assert cell in row
    page = (bench.root / "m.html").read_text()
    assert f'title="delta against alpha: {questions} questions">{cell}</td>' in page
    assert "<script" not in page.split("<table")[1]
    drawn = re.findall(r"<!-- (.*?) -->", (bench.root / "m.svg").read_text())
    assert f"{rate:.0f}" in drawn
    assert f"({questions})" in drawn


def test_any_model_can_score_fifty_and_the_order_stays(
    run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    orders = []
    for anchor in MODELS:
        done = run_main("show_result.py", "--anchor", anchor)
        rows = re.findall(r"^(\w+) +\| score: +([\d.]+)", done.out, re.MULTILINE)
        assert dict(rows)[anchor] == "50.0"
        orders.append([name for name, _ in rows])
    assert all(order == orders[0] for order in orders)


def test_an_anchor_is_the_first_of_all_baselines(
    run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    anchored = run_main("show_result.py", "--anchor", "gamma").out
    named = run_main("show_result.py", "--baseline", "gamma", "alpha", "beta").out
    assert anchored == named


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--anchor", "gama"],
            "--anchor: no judgment has the model 'gama' (did you mean 'gamma'?)",
        ),
        (["--anchor", "alpha", "--baseline", "beta"], "--anchor: not allowed with --baseline"),
        (["--anchor", "--baseline", "beta"], "--anchor: not allowed with --baseline"),
        (["--anchor", "--method", "v2.0"], "the method v2.0 knows one baseline, not the mean"),
        (["--head-to-head", "--by", "cluster"], "--by: not allowed with --head-to-head"),
        (
            ["--anchor", "alpha", "--head-to-head", "--full-stats"],
            "--full-stats: this does not go with --head-to-head",
        ),
        (["--head-to-head", "--style-control"], "style control: this does not go with --head"),
        (["--head-to-head", "--length-control-only"], "style control: this does not go with --h"),
        (["--head-to-head", "--control-features", "markdown"], "style control: this does not go"),
        (["--head-to-head", "--show-elo"], "--show-elo: this does not go with --head-to-head"),
    ],
)
def test_what_does_not_fit_is_refused(
    run_main: RunMain, records: list[dict[str, Any]], flags: list[str], words: str
) -> None:
    done = run_main("show_result.py", *flags, check=2)
    assert words in done.err


def test_a_judgment_that_names_no_baseline_is_against_that_of_the_config(
    bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    """The first of all baselines is delta's, whose record is not one of these."""
    flags = ("--anchor", "delta")
    expected = run_main("show_result.py", *flags).out
    path = bench.data / "model_judgment/judge/beta.jsonl"
    own = bench.read_jsonl(path)
    bench.write(path, [{k: v for k, v in record.items() if k != "baseline"} for record in own])
    assert run_main("show_result.py", *flags).out == expected
    bench.write_judge_config("judge", "another-bench")
    done = run_main("show_result.py", *flags, check=2)
    line = "beta.jsonl: the judgment of q1 names no baseline, nor does the config"
    assert line in done.err


def test_a_model_on_both_sides_of_its_pairs_is_judged_on_the_questions_of_both(
    bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    """Half of gamma's pairs with alpha name gamma as the baseline, as an earlier run may have."""
    folder = bench.data / "model_judgment/judge"
    decided = [dict(r, games=[{"score": "A>B"}, {"score": "A=B"}]) for r in records]
    turned = [r for r in decided if r["baseline"] == "alpha" and r["model"] == "gamma"][:6]
    others = [r for r in decided if r["model"] == "gamma" and r not in turned]
    bench.write(folder / "gamma.jsonl", [r for r in others if r["baseline"] == "alpha"])
    swapped = [dict(r, model="alpha", baseline="gamma") for r in turned]
    bench.write(folder / "alpha.jsonl", swapped)
    bench.write(folder / "beta.jsonl", [r for r in decided if r["model"] == "beta"])
    (folder / "delta.jsonl").unlink()
    done = run_main("show_result.py", "--anchor", "beta")
    assert "questions judged: 12 of 12 for each model" in done.out
    assert "judged on different questions" not in done.out


def test_pairs_that_nothing_connects_have_a_matrix(
    bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    for model in MODELS[1:]:
        path = bench.data / f"model_judgment/judge/{model}.jsonl"
        kept = {("beta", "alpha"), ("delta", "gamma")}
        own = [r for r in records if r["model"] == model and (model, r["baseline"]) in kept]
        bench.write(path, own) if own else path.unlink()
    done = run_main("show_result.py", "--anchor", "alpha", check=2)
    assert "--head-to-head shows each pair without a fit" in done.err
    for anchor in (("--anchor", "alpha"), ("--anchor",)):
        run_main("show_result.py", *anchor, "--head-to-head", "--csv", "m.csv")
        rows = list(csv.DictReader((bench.root / "m.csv").read_text().splitlines()))
        expected = {pair: rate for pair, (rate, _) in counted(records).items()}
        pairs = {(row["model"], row["opponent"]): float(row["win_rate"]) for row in rows}
        assert len(pairs) == 4
        assert pairs == {pair: pytest.approx(expected[pair], abs=0.005) for pair in pairs}


def test_grades_have_no_anchor(bench: Workspace, run_main: RunMain) -> None:
    bench.add_questions(1)
    graded = {"question_id": "q1", "model": "m", "judge": "judge", "games": [{"score": 7}]}
    bench.write(bench.data / "model_judgment/judge/m.jsonl", [graded])
    bench.write_judge_config("judge", "base")
    done = run_main("show_result.py", "--anchor", check=2)
    assert "--anchor: this has no meaning for grades" in done.err


def test_grades_make_no_pairs(bench: Workspace, run_main: RunMain) -> None:
    bench.add_questions(5)
    graded = [
        {"question_id": f"q{q}", "model": "m", "judge": "judge", "games": [{"score": q}]}
        for q in range(1, 6)
    ]
    bench.write(bench.data / "model_judgment/judge/m.jsonl", graded)
    bench.write_judge_config("judge", "base")
    for flag in ("--head-to-head", "--anchor"):
        done = run_main("show_result.py", flag, check=2)
        assert f"{flag}: this has no meaning for grades" in done.err


class TestWithoutAnAnchor:
    """`--anchor` without a name: the mean of the models scores 50."""

    @staticmethod
    def strengths(records: list[dict[str, Any]], models: tuple[str, ...]) -> np.ndarray:
        """Maximum likelihood strengths with a mean of 0, by gradient steps of scipy."""
        battles = []
        for record in records:
            pair = models.index(record["model"]), models.index(record["baseline"])
            for number, game in enumerate(record["games"]):
                if game["score"]:
                    won, of = POINTS[game["score"]]
                    battles.append((*pair, won if number == 1 else of - won, of))
        first, second, points, number = np.array(battles, dtype=float).T

        def loss(free: np.ndarray) -> float:
            theta = np.append(free, -free.sum())
            lead = theta[first.astype(int)] - theta[second.astype(int)]
            return float((number * np.logaddexp(0, lead) - points * lead).sum())

        free = minimize(loss, np.zeros(len(models) - 1), tol=1e-10).x
        return np.append(free, -free.sum())

    def test_scores_are_win_rates_against_the_mean_strength(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        done = run_main("show_result.py", "--anchor", "--json", "b.json", "--html", "b.html")
        board = json.loads((bench.root / "b.json").read_text())
        expected = 100 / (1 + np.exp(-self.strengths(records, MODELS)))
        scores = {row["model"]: row["score"] for row in board["rows"]}
        assert [scores[model] for model in MODELS] == pytest.approx(expected, abs=0.01)
        assert board["baseline"] is None and board["anchored"] == "mean"
        assert all(row["lower"] < row["score"] < row["upper"] for row in board["rows"])
        assert "win rates against an average model" in done.out and "rank: " in done.out
        assert "questions judged: 12 of 12 for each model" in done.out
        page = (bench.root / "b.html").read_text()
        assert "against an average model" in page and 'class="base"' in page

    def test_a_notebook_has_the_same_board(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        options = board_options("test-v1", "judge", data_dir=bench.data.parent)
        board = build_board(anchored(options))
        run_main("show_result.py", "--anchor", "--csv", "b.csv")
        rows = csv.DictReader((bench.root / "b.csv").read_text().splitlines())
        frame = board.to_frame().round(2)
        assert [(r["model"], float(r["score"])) for r in rows] == list(
            zip(frame["model"], frame["score"], strict=True)
        )
        assert frame["rank_low"].between(1, 4).all()

    def test_a_model_can_have_the_name_mean(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        folder = bench.data / "model_judgment/judge"
        renamed = [r | {"model": "mean"} for r in bench.read_jsonl(folder / "delta.jsonl")]
        (folder / "delta.jsonl").unlink()
        bench.write(folder / "mean.jsonl", renamed)
        named, unnamed = (run_main("show_result.py", "--anchor", *x).out for x in (["mean"], []))
        assert re.search(r"^mean +\| score: 50\.0 +\| 95% CI: +\(0\.0, 0\.0\)", named, re.M)
        assert not re.search(r"\(0\.0, 0\.0\)", unnamed)

    def test_one_that_lost_everything_does_not_move_the_mean(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        losses = [
            {"question_id": f"q{q}", "model": "zero", "judge": "judge", "baseline": model}
            | {"games": [{"score": "A>B"}, {"score": "B>A"}]}
            for model in MODELS
            for q in range(1, 13)
        ]
        before = run_main("show_result.py", "--anchor").out
        bench.write(bench.data / "model_judgment/judge/zero.jsonl", losses)
        after = run_main("show_result.py", "--anchor").out
        scores = [
            dict(re.findall(r"^(\w+) +\| score: +([\d.]+)", x, re.M)) for x in (before, after)
        ]
        assert scores[1] == scores[0] | {"zero": "0.0"}

    def test_it_goes_with_clusters_comparisons_and_saved_results(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        table = run_main("show_result.py", "--anchor", "--by", "cluster").out
        assert "win rate against an average model in %" in table
        done = run_main("show_result.py", "--anchor", "--compare", "alpha", "beta")
        assert "alpha - beta: " in done.out and "of both" in done.out
        run_main("show_result.py", "--anchor", "--save-battles", "--json", "one.json")
        saved = ("--load-battles", "data/arena_hard_battles.jsonl")
        rounds = ("--load-bootstrap", "data/bootstrapping_results.jsonl")
        run_main("show_result.py", "--anchor", *saved, *rounds, "--json", "two.json")
        one, two = (json.loads((bench.root / f"{n}.json").read_text()) for n in ("one", "two"))
        keys = "model", "score", "lower", "upper"
        assert [[r[k] for k in keys] for r in one["rows"]] == [
            [pytest.approx(r[k]) for k in keys] for r in two["rows"]
        ]

    def test_models_that_nothing_connects_are_named(
        self, bench: Workspace, run_main: RunMain, records: list[dict[str, Any]]
    ) -> None:
        island = [
            {"question_id": f"q{q}", "model": "x", "judge": "judge", "baseline": "y"}
            | {"games": [{"score": "A>B"}, {"score": "A>B"}]}
            for q in range(1, 13)
        ]
        bench.write(bench.data / "model_judgment/judge/x.jsonl", island)
        done = run_main("show_result.py", "--anchor", check=2)
        line = "cannot rank x, y: no battles connect them to the other models. Judge pairs that"
        assert line in done.err


def test_the_anchor_stays_in_a_category_where_it_is_never_the_baseline(
    run_main: RunMain, records: list[dict[str, Any]]
) -> None:
    done = run_main("show_result.py", "--anchor", "delta", "--category", "test-v1")
    assert re.search(r"^delta +\| score: 50\.0", done.out, re.MULTILINE)
