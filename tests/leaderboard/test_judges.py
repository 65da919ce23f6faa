"""Several judges pooled: scores by judge, judges as a random draw, copies of a judge."""

from __future__ import annotations

import csv
import random
from typing import Any

import numpy as np
import pytest
from boards import board_json, error, files, show
from conftest import Workspace
from judgments import LABELS, LOST, TIED, add_judgments, graded, judgment, random_answers
from scipy.special import expit, logit
from scipy.stats import t

from arena.bench.paths import Bench
from arena.leaderboard.build import build_board
from arena.leaderboard.judges import Judges
from arena.leaderboard.options import BoardOptions
from arena.scoring.battles import Battles
from arena.scoring.cells import Cells

MODELS, QUESTIONS = ("good", "fair", "poor"), 40
JUDGES = ("j1", "j2", "j3", "j4", "j5")
METHODS = (
    [],
    ["--weight", 1],
    ["--show-elo"],
    ["--style-control", "--style-center", "none"],
    ["--style-control", "--style-center", "mean"],
    ["--missing", "loss"],
)


@pytest.fixture
def judged(bench: Workspace) -> Workspace:
    """Five judges, of whom the later ones like all models better."""
    bench.add_questions(QUESTIONS)
    for seed, model in enumerate(("base", *MODELS)):
        answers = random_answers(seed, QUESTIONS)
        bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
    for number, judge in enumerate(JUDGES):
        for place, model in enumerate(MODELS):
            rng = random.Random(10 * number + place)
            liked = [1, 2, 3, 1 + number, 1 + number // 2 + (place == 0)]
            games = [rng.choices(LABELS, liked, k=1)[0] for _ in range(QUESTIONS)]
            others = [rng.choices(LABELS, liked[::-1], k=1)[0] for _ in range(QUESTIONS)]
            pairs = zip(games, others, strict=True)
            add_judgments(
                bench, model, [judgment(f"q{i}", *p) for i, p in enumerate(pairs, 1)], judge
            )
    return bench


def pooled(*judges: str) -> list[object]:
    usual = ["--bench-name", "test-v1", "--baseline", "base", "--num-rounds", 300]
    return [*usual, "--resample", "question", "--judge-name", *judges]


def add_new(bench: Workspace) -> None:
    """Add a model that one judge alone has judged."""
    records = [record | {"model": "new"} for record in bench.judgments("j1", "good")]
    add_judgments(bench, "new", records, "j1")


def rows(bench: Workspace, *arguments: object) -> dict[str, dict[str, Any]]:
    return {row["model"]: row for row in board_json(bench, *arguments)["rows"]}


class TestRanges:
    """The range of the scores by judge stands beside each pooled score."""

    @pytest.mark.parametrize("method", METHODS)
    def test_it_is_that_of_boards_with_each_judge_alone(
        self, judged: Workspace, method: list[object]
    ) -> None:
        judges = JUDGES[1:4]
        boards = [rows(judged, *pooled(judge), *method) for judge in judges]
        for model, row in rows(judged, *pooled(*judges), *method).items():
            scores = [board[model]["score"] for board in boards]
            ends = row["by_judge_low"], row["by_judge_high"]
            if model == "base":  # which has the same score with all of them
                assert ends == (None, None)
            else:
                # With style control, the features keep the scale of all judges' battles.
                close = 0.3 if "--style-control" in method else 1e-6
                assert ends == pytest.approx((min(scores), max(scores)), abs=close)
                assert ends[1] - ends[0] > 3

    def test_it_is_printed_after_the_tokens(self, judged: Workspace) -> None:
        shown = show(judged, *pooled("j1", "j5"))
        row = rows(judged, *pooled("j1", "j5"))["good"]
        (line,) = (line for line in shown.board if line.startswith("good"))
        ends = f"{row['by_judge_low']:.0f}-{row['by_judge_high']:.0f}"
        assert line.endswith(f" | by judge: {ends}")
        (line,) = (line for line in shown.board if line.startswith("base"))
        assert "by judge" not in line
        assert "by judge" not in show(judged, *pooled("j1")).out

    def test_it_is_in_files(self, judged: Workspace) -> None:
        row = rows(judged, *pooled("j1", "j5"))["good"]
        low, high = row["by_judge_low"], row["by_judge_high"]
        heads, *lines = csv.reader(show(judged, *pooled("j1", "j5"), "--csv", "-").out.splitlines())
        assert heads.index("by_judge_low") > heads.index("date")
        (values,) = (dict(zip(heads, x, strict=True)) for x in lines if x[0] == "good")
        assert float(values["by_judge_low"]) == pytest.approx(low, abs=0.01)
        assert float(values["by_judge_high"]) == pytest.approx(high, abs=0.01)
        show(judged, *pooled("j1", "j5"), "--html", "board.html", "--markdown", "board.md")
        for file in ("board.html", "board.md"):
            text = (judged.root / file).read_text(encoding="utf-8")
            assert "by judge" in text and f"{low:.0f}-{high:.0f}" in text
        alone = board_json(judged, *pooled("j1"))["rows"][0]
        assert "by_judge_low" not in alone

    def test_an_infinite_end_is_null_in_json(self, bench: Workspace) -> None:
        """A model that lost every game of one judge has no finite rating by that judge."""
        for judge, games in (("a", LOST), ("b", TIED)):
            add_judgments(bench, "one", [judgment(f"q{i}", *games) for i in range(8)], judge)
        found = rows(bench, *pooled("a", "b"), "--show-elo")["one"]
        assert (found["by_judge_low"], found["by_judge_high"]) == (None, pytest.approx(1000))

    def test_it_is_in_the_table_of_a_notebook(self, judged: Workspace) -> None:
        data = Bench(judged.data.parent, judged.data.name)
        options = BoardOptions(data, ("j1", "j5"), ("base",), rounds=300)
        frame = build_board(options).to_frame().set_index("model")
        row = rows(judged, *pooled("j1", "j5"))["good"]
        for key in ("by_judge_low", "by_judge_high"):
            assert frame.loc["good", key] == pytest.approx(row[key])
            assert np.isnan(frame.loc["base", key])

    def test_grades_have_one_too(self, bench: Workspace) -> None:
        for judge, more in (("a", 0), ("b", 2)):
            records = [graded(f"q{i}", 1 + i % 5 + more) for i in range(10)]
            add_judgments(bench, "one", records, judge)
        found = rows(bench, *pooled("a", "b"))["one"]
        assert (found["by_judge_low"], found["by_judge_high"]) == (3, 5)
        assert "by judge: 3.00-5.00" in show(bench, *pooled("a", "b")).out

    @pytest.mark.parametrize("judges", [("j1", "j5"), JUDGES[:4]])
    def test_an_overall_board_averages_them(
        self, judged: Workspace, judges: tuple[str, ...]
    ) -> None:
        turn = {"turns": [{"content": "?"}]}
        judged.add_questions(
            [{"question_id": f"q{i}", "category": "ab"[i % 4 == 0], **turn} for i in range(1, 41)]
        )
        overall = files(judged, *pooled(*judges), "-c", "a", "b")["Overall"]
        alone = [files(judged, *pooled(judge), "-c", "a", "b")["Overall"] for judge in judges]
        for row in overall["rows"]:
            if row["model"] != "base":
                rates = [r["score"] for b in alone for r in b["rows"] if r["model"] == row["model"]]
                assert row["by_judge_low"] == pytest.approx(min(rates))
                assert row["by_judge_high"] == pytest.approx(max(rates))

    def test_a_model_of_one_judge_has_none(self, judged: Workspace) -> None:
        add_new(judged)
        board = rows(judged, *pooled("j1", "j2"))
        assert board["new"]["by_judge_low"] is None and board["good"]["by_judge_low"] is not None


class TestRandom:
    """Judges as a draw from all that could have been asked: --judge-effects random."""

    @pytest.mark.parametrize("method", METHODS)
    def test_the_leave_one_judge_out_variance_enters_the_interval(
        self, judged: Workspace, method: list[object]
    ) -> None:
        if "--show-elo" in method:
            method = []
        judges = JUDGES[:4]
        fixed = rows(judged, *pooled(*judges), *method)
        widened = rows(judged, *pooled(*judges), *method, "--judge-effects", "random")
        without = [
            rows(judged, *pooled(*(j for j in judges if j != out)), *method) for out in judges
        ]
        for model in MODELS:
            score = fixed[model]["score"]
            assert widened[model]["score"] == score
            logits = logit([board[model]["score"] / 100 for board in without])
            variance = 3 / 4 * np.sum((logits - logits.mean()) ** 2)
            for end, side in (("lower", -1), ("upper", 1)):
                half = abs(logit(fixed[model][end] / 100) - logit(score / 100))
                half = np.hypot(half, t.ppf(0.975, 3) * np.sqrt(variance))
                expected = 100 * expit(logit(score / 100) + side * half)
                # Under style control, features keep the mean and scale of all judges' battles.
                close = 0.3 if "--style-control" in method else 0.05
                assert widened[model][end] == pytest.approx(expected, abs=close)

    def test_elo_ratings_have_the_same_intervals(self, judged: Workspace) -> None:
        run = [*pooled(*JUDGES), "--judge-effects", "random"]
        rates, elo = rows(judged, *run), rows(judged, *run, "--show-elo")
        for model in MODELS:
            for key in ("score", "lower", "upper"):
                rate = 100 / (1 + 10 ** ((1000 - elo[model][key]) / 400))
                assert rates[model][key] == pytest.approx(rate, abs=0.01)

    def test_grades_add_it_as_it_is(self, bench: Workspace) -> None:
        rng = random.Random(1)
        for number in range(4):
            records = [graded(f"q{i}", rng.randint(1, 5) + number) for i in range(30)]
            add_judgments(bench, "one", records, f"j{number}")
        judges = [f"j{number}" for number in range(4)]
        fixed, widened = (
            rows(bench, *pooled(*judges), *more)["one"]
            for more in ([], ["--judge-effects", "random"])
        )
        means = [
            rows(bench, *pooled(*(j for j in judges if j != out)))["one"]["score"] for out in judges
        ]
        error = t.ppf(0.975, 3) * np.sqrt(3 / 4 * np.sum((np.array(means) - np.mean(means)) ** 2))
        half = np.hypot(fixed["upper"] - fixed["score"], error)
        assert widened["upper"] == pytest.approx(widened["score"] + half, abs=0.01)

    def test_an_overall_board_has_the_same_judges_in_all_categories(
        self, judged: Workspace
    ) -> None:
        """So it is about as uncertain as one board of all, not less."""
        turn = {"turns": [{"content": "?"}]}
        judged.add_questions(
            [{"question_id": f"q{i}", "category": "ab"[i % 2], **turn} for i in range(1, 41)]
        )
        run = [*pooled(*JUDGES), "--judge-effects", "random"]
        overall = files(judged, *run, "-c", "a", "b")["Overall"]["rows"]
        whole = rows(judged, *run, "--one-board")
        for row in overall:
            if row["model"] != "base":
                width, of_whole = (r["upper"] - r["lower"] for r in (row, whole[row["model"]]))
                assert width == pytest.approx(of_whole, rel=0.25)

    def test_no_interval_of_grades_leaves_their_range(self, bench: Workspace) -> None:
        for number in range(4):
            grades = [(10 if number else 4) - (i % 3 == 0) for i in range(30)]
            records = [
                graded(f"q{i}", grade, settings={"grades": [1, 10]})
                for i, grade in enumerate(grades)
            ]
            add_judgments(bench, "one", records, f"j{number}")
        judges = [f"j{number}" for number in range(4)]
        row = rows(bench, *pooled(*judges), "--judge-effects", "random")["one"]
        assert row["lower"] < row["score"] < row["upper"] <= 10

    def test_the_method_of_files_names_random_judges(self, judged: Workspace) -> None:
        for more, there in ([], False), (["--judge-effects", "random"], True):
            show(judged, *pooled(*JUDGES[:4]), *more, "--csv", "b.csv")
            lines = csv.DictReader((judged.root / "b.csv").read_text().splitlines())
            assert {"random judges" in line["method"] for line in lines} == {there}

    def test_few_judges_are_refused(self, judged: Workspace) -> None:
        message = error(judged, *pooled("j1", "j2", "j3"), "--judge-effects", "random")
        assert "3 judges are too few. It needs 4 or more." in message
        message = error(judged, *pooled("j1"), "--judge-effects", "random")
        assert "1 judge is too few" in message and "range of scores" not in message

    def test_a_model_that_one_did_not_judge_is_named(self, judged: Workspace) -> None:
        add_new(judged)
        message = error(judged, *pooled(*JUDGES), "--judge-effects", "random")
        assert "not all judges have judged new" in message

    @pytest.mark.parametrize(
        "more", [["--compare", "good", "fair"], ["--by", "category"], ["--load-battles"]]
    )
    def test_what_does_not_know_of_judges_is_refused(
        self, judged: Workspace, more: list[object]
    ) -> None:
        show(judged, *pooled(*JUDGES))
        message = error(judged, *pooled(*JUDGES), "--judge-effects", "random", *more)
        assert str(more[0]) in message or "--judge-effects" in message

    def test_a_file_name_says_it(self, judged: Workspace) -> None:
        out = show(judged, *pooled(*JUDGES), "--judge-effects", "random", "--json").out
        assert "random_judges" in out

    def test_the_interval_covers_the_score_with_all_judges(self) -> None:
        """Four judges of 150 boards are drawn from many, whose mean likes the model as often as
        not. With fixed judges less than half of the intervals reach this mean.
        """
        rng = np.random.default_rng(2)
        covered = {"fixed": 0, "random": 0}
        boards, judges, questions = 150, 4, 200
        for _ in range(boards):
            liking = rng.normal(0, 0.5, judges)[:, None] + rng.normal(0, 1, questions)
            points = rng.random((judges, questions)) < expit(liking)
            battles = battles_of_judges(points)
            fitted = Judges.of_battles(battles)
            assert fitted is not None
            score = 100 * points.mean(keepdims=True)[0]
            means = points.mean(axis=0)
            half = 196 * means.std(ddof=1) / np.sqrt(questions)
            ends = np.stack([np.array([50, score[0] - half]), np.array([50, score[0] + half])])
            wide = fitted.widened(ends, np.array([50, score[0]]), 0.95, rates=True)
            for name, (low, high) in (("fixed", ends[:, 1]), ("random", wide[:, 1])):
                covered[name] += low <= 50 <= high
        assert covered["random"] >= 0.93 * boards
        assert covered["fixed"] < 0.7 * boards


def width_of(row: dict[str, Any], scale: str) -> float:
    """The width of an interval on the scale of ratings."""
    ends = np.array([row["lower"], row["upper"]])
    return float(np.ptp(logit(ends / 100) if scale == "win rate" else ends))


def battles_of_judges(points: np.ndarray) -> Battles:
    """A battle of one model against the baseline for each judge and question (J, Q)."""
    judges, questions = points.shape
    judge, question = np.divmod(np.arange(points.size), questions)
    won = points.ravel().astype(int)
    counts = np.array([1 - won, 0 * won, won])
    cells = Cells(2, 0 * question, 0 * question + 1, question, counts, judge=judge)
    names = tuple(f"q{i}" for i in range(questions))
    return Battles(("base", "one"), names, "base", cells, None, counts=None)  # type: ignore[arg-type]


class TestCopies:
    """A judge who is pooled with a copy of himself is as uncertain as alone."""

    @pytest.mark.parametrize("method", [*METHODS, ["--method", "v2.0"]])
    def test_intervals_do_not_shrink(self, judged: Workspace, method: list[object]) -> None:
        for model in MODELS:
            records = judged.judgments("j1", model)
            add_judgments(judged, model, [record | {"judge": "copy"} for record in records], "copy")
        alone = board_json(judged, *pooled("j1"), *method)
        double = board_json(judged, *pooled("j1", "copy"), *method)
        assert double["questions_judged"] == alone["questions_judged"]
        assert double["judgments"] == 2 * alone["judgments"]
        # Under style control the ridge is half as strong against twice the battles.
        controlled = "--style-control" in method
        assert double["precision"] == pytest.approx(alone["precision"], rel=0.05)
        for one, two in zip(alone["rows"], double["rows"], strict=True):
            assert two["model"] == one["model"]
            close = 2.0 if controlled else 1e-6
            assert two["score"] == pytest.approx(one["score"], abs=close)
            if one["model"] == "base":
                continue
            width, before = (width_of(row, double["scale"]) for row in (two, one))
            if controlled:
                assert 0.9 * before <= width <= 1.2 * before
            else:
                assert width == pytest.approx(before, rel=1e-6)
            assert two["by_judge_low"] == pytest.approx(two["by_judge_high"])
            # Scores of v2.0 are averages of rounds.
            assert two["by_judge_low"] == pytest.approx(two["score"], abs=max(close, 1.0))
