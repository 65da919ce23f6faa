"""Boards of grades that a judge gave to single answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from boards import error, flags, named, saved, show
from conftest import Workspace
from judgments import add_judgments, add_lengths, graded, judgment, random_judgments

from arena.scoring.grades import bootstrap, fit

CHOSEN = ("-b", "test-v1", "-j", "judge")


def add_grades(
    bench: Workspace, model: str, scores: Sequence[object], judge: str = "judge", **fields: Any
) -> None:
    records = [graded(f"q{i}", score, **fields) for i, score in enumerate(scores, 1)]
    add_judgments(bench, model, records, judge=judge)


@pytest.fixture(autouse=True)
def config(bench: Workspace) -> None:
    """As the modes without pairs need it: no baseline."""
    config = {"bench_name": "test-v1", "judge_model": "judge", "pairwise": False, "baseline": False}
    bench.write("config/judge_config.yaml", config)


class TestText:
    def test_the_board(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [7, 7, 7])
        add_grades(bench, "org/other", [9, 9.0, "9"])
        add_grades(bench, "worst", [1, 1, 1])
        add_lengths(bench, "tiny", 10, 11)
        assert show(bench).out == (
            "org/other                      | score: 9.00  | 95% CI:      –       "
            "| average #tokens: n/a | rank: 1-3\n"
            "tiny                           | score: 7.00  | 95% CI:      –       "
            "| average #tokens: 10  | rank: 1-3\n"
            "worst                          | score: 1.00  | 95% CI:      –       "
            "| average #tokens: n/a | rank: 1-3\n"
            "\n"
            "9 judgments, 9 grades, 0 games without a grade\n"
            "questions judged: 3 for each model\n"
            "Only 3 questions, too few to tell good models from each other.\n"
            "–: no interval with fewer than 5 questions\n"
        )

    def test_what_is_missing_is_told(self, bench: Workspace) -> None:
        bench.add_questions(4)
        bench.add_answers("new", {"q1": "?"})
        add_grades(bench, "tiny", [7, None, 8])
        add_judgments(bench, "mute", [graded("q1", None), graded("q2"), graded("q3", "none")])
        lines = show(bench).summary
        assert lines == [
            "6 judgments, 2 grades, 4 games without a grade",
            "questions judged: 2 of 4 for each model",
            "Only 2 questions, too few to tell good models from each other.",
            "skipped: mute: no grade",
            "skipped: new: not judged by judge",
            "–: no interval with fewer than 5 questions",
        ]

    def test_different_questions_bring_a_warning_without_a_flag(self, bench: Workspace) -> None:
        add_grades(bench, "a", [1, 2])
        add_grades(bench, "b", [1])
        (line,) = (line for line in show(bench).summary if line.startswith("warning"))
        assert line.endswith("Judge the missing questions.")


class TestScores:
    def test_numbers_and_texts_are_grades(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [7, 7.5, "8", "8.5", " 9 "])
        assert show(bench).scores == {"tiny": "8.00"}

    def test_they_are_pooled_over_judges(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [4, 6])
        add_grades(bench, "tiny", [8, 10], judge="kind")
        add_grades(bench, "other", [1], judge="kind")
        shown = show(bench, "-j", "judge", "kind")
        assert shown.scores == {"tiny": "7.00", "other": "1.00"}
        assert shown.summary[0].startswith("5 judgments, 5 grades")

    @pytest.mark.parametrize("baseline", [None, "base", "org/x"])
    def test_the_baseline_that_the_judge_saw_does_not_matter(
        self, bench: Workspace, baseline: str | None
    ) -> None:
        add_grades(bench, "tiny", [3, 4], baseline=baseline)
        add_grades(bench, "base", [5, 4])
        expected = {"base": "4.50", "tiny": "3.50"}
        assert show(bench).scores == expected
        assert show(bench, *named()).scores == expected

    def test_intervals_resample_questions(self, bench: Workspace) -> None:
        """Of two judges' grades; a question is drawn with all of its grades."""
        draw = np.random.default_rng(1)
        own = draw.integers(1, 11, 60)
        other = np.clip(own + draw.integers(-1, 2, 60), 1, 10)
        for judge, values in (("judge", own), ("kind", other)):
            add_grades(bench, "tiny", values.tolist(), judge=judge)
        show(bench, "-j", "judge", "kind", "--num-rounds", "4000", "--json", "b.json")
        (row,) = json.loads((bench.root / "b.json").read_text())["rows"]
        picks = draw.integers(60, size=(4000, 60))
        drawn = ((own + other) / 2)[picks].mean(axis=1)
        assert row["score"] == pytest.approx((own.mean() + other.mean()) / 2)
        ends = [row["lower"], row["upper"]]
        assert ends == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.15 * drawn.std())

    def test_the_interval_needs_no_seed(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [1, 4, 7, 2, 9, 9, 3])
        one, other = (show(bench, "--seed", seed) for seed in (1, 2))
        assert one == other
        assert re.fullmatch(r"\(-\d\.\d\d, \d\.\d\d\)", one.interval("tiny"))


class TestRanges:
    """What the judgments tell in their settings; those of before tell nothing."""

    FIVE, TEN = ({"settings": {"pairwise": False, "grades": [1, top]}} for top in (5, 10))
    FILES = [f"data/test-v1/model_judgment/{judge}/tiny.jsonl" for judge in ("judge", "kind")]

    def test_it_is_told_under_the_board(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [4, 6], **self.TEN)
        add_grades(bench, "other", [4, 6])
        lines = show(bench, "--json", "b.json").summary
        assert "grades from 1 to 10" in lines
        board = json.loads((bench.root / "b.json").read_text())
        assert (board["grade_ranges"], board["method"]) == ([[1, 10]], "grade")

    def test_judges_with_different_ones_are_not_pooled(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [4, 5], **self.FIVE)
        add_grades(bench, "tiny", [8, 9], judge="kind", **self.TEN)
        both = ["-j", "judge", "kind"]
        assert error(bench, *both) == (
            f"error: {self.FILES[0]} and {self.FILES[1]}: grades from 1 to 5 and from 1 to 10 have "
            "no common mean. Name one judge, or include all with --mixed count."
        )
        assert "no common mean" in error(bench, *both, "--mixed", "leave-out")
        shown = show(bench, *both, "--mixed", "count")
        assert shown.scores == {"tiny": "6.50"}
        assert "grades from 1 to 5 and from 1 to 10" in shown.summary
        assert "grades from 1 to 5" in show(bench).summary

    def test_nor_are_files_of_one_judge(self, bench: Workspace) -> None:
        add_grades(bench, "other", [4, 5], **self.FIVE)
        add_grades(bench, "tiny", [8, 9], **self.TEN)
        line = error(bench)
        assert "other.jsonl and " in line and "tiny.jsonl: judge judge us" in line
        assert "grades: [1, 5] and [1, 10]" in line
        assert show(bench, "--mixed", "count").scores == {"tiny": "8.50", "other": "4.50"}

    def test_nor_are_the_categories_of_one_board(self, bench: Workspace) -> None:
        bench.add_questions(
            [{"question_id": f"q{i}", "category": c, "prompt": "?"} for i, c in enumerate("ab", 1)]
        )
        records = [graded("q1", 4) | self.FIVE, graded("q2", 9) | self.TEN]
        add_judgments(bench, "tiny", records)
        assert f"{self.FILES[0]}: grades from 1 to 5 and from 1 to 10" in error(bench)
        out = show(bench, "-c", "a", "b").out
        assert "no overall board: the grades of a and b have different ranges" in out
        add_judgments(bench, "tiny", [graded("q1", 4), records[1]])
        out = show(bench, "-c", "a", "b").out
        assert "##### Overall" in out and out.count("grades from 1 to 10") == 2

    @pytest.mark.parametrize("told", [None, "1-10", [1], [1, "x"], [None, 5], {"a": 1}, [1, 2, 3]])
    def test_what_is_no_range_is_not_told(self, bench: Workspace, told: object) -> None:
        add_grades(bench, "tiny", [4, 6], settings={"grades": told})
        assert not any(line.startswith("grades") for line in show(bench).summary)


def test_sums_and_numbers_give_means_and_gaps() -> None:
    """Model 1 has one grade, on question 0: a resample without it has none."""
    total, number = np.array([[10.0, 4], [3, 0]]), np.array([[2.0, 1], [1, 0]])
    assert fit(total, number).ratings == pytest.approx([14 / 3, 3])
    samples = bootstrap(total, number, rounds=400, seed=1)
    assert set(samples[:, 0].round(6)) == {5, 4, round(14 / 3, 6)}
    lacking = np.isnan(samples[:, 1])
    assert 60 < lacking.sum() < 140 and (samples[~lacking, 1] == 3).all()


class TestCategories:
    @pytest.mark.parametrize("key", ["question_id", "uid"])
    def test_they_have_boards_and_an_overall_one(self, bench: Workspace, key: str) -> None:
        places = ["a", "a", "a", "b"]
        bench.add_questions(
            [{key: f"q{i}", "category": c, "prompt": "?"} for i, c in enumerate(places, 1)]
        )
        add_grades(bench, "tiny", [6, 7, 8, 2])
        add_grades(bench, "other", [5, 5, 5])
        out = show(bench, "-c", "a", "b").out
        blocks = out.split("\n\n")
        assert [block.splitlines()[0] for block in blocks[::2]] == [
            "##### Category: a #####",
            "##### Category: b #####",
            "##### Overall #####",
        ]
        found = [re.findall(r"score: (\S+)", block) for block in blocks[::2]]
        assert found == [["7.00", "5.00"], ["2.00"], ["5.75"]]
        assert (show(bench).out == out) == (key == "uid")


class TestRefused:
    @pytest.mark.parametrize(
        ("flag", "named"),
        [
            ("--style-control", "style control"),
            ("-f length", "style control"),
            ("--show-elo", "--show-elo"),
            ("--compare tiny other", "--compare"),
            ("--full-stats", "--full-stats"),
            ("--load-bootstrap", "--load-bootstrap"),
            ("--save-battles", "--save-battles"),
            ("--weight 1", "--weight"),
            ("--first-game-only", "--first-game-only"),
            ("--missing loss", "--missing loss"),
            ("--resample battle", "--resample battle"),
            ("--method v2.0", "--method"),
            ("--method bradley-terry", "--method"),
        ],
    )
    def test_flags_of_battles(self, bench: Workspace, flag: str, named: str) -> None:
        bench.add_questions(2)
        add_grades(bench, "tiny", [1, 2])
        line = error(bench, *flag.split())
        assert line == (
            f"error: {named}: this has no meaning for grades of single answers. Leave it out."
        )

    def test_what_does_work(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [1, 2])
        show(bench, "--resample", "question", "--missing", "ignore", "--workers", "1")

    def test_verdicts_beside_grades_name_two_files(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [1, 2])
        add_judgments(bench, "other", random_judgments(1, 2))
        folder = "data/test-v1/model_judgment/judge"
        line = error(bench, *flags())
        assert f"{folder}/other.jsonl has verdicts" in line
        assert f"{folder}/tiny.jsonl has grades" in line
        both = error(bench, "-j", "judge", "judge")
        assert both == line

    def test_so_do_two_judges_of_which_one_grades(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [1, 2])
        add_judgments(bench, "tiny", random_judgments(1, 2), judge="other")
        line = error(bench, *flags(), "-j", "judge", "other")
        assert "judge/tiny.jsonl has grades" in line and "other/tiny.jsonl has verdicts" in line

    def test_a_label_in_a_judgment_with_a_grade(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [graded("q1", 7, "A>B")])
        assert "has verdicts" in error(bench)

    @pytest.mark.parametrize("score", ["NaN", "Infinity", "1e999", "true", "[7]", "1e12"])
    def test_what_is_no_grade(self, bench: Workspace, score: str) -> None:
        good = json.dumps(graded("q1", 7))
        bad = json.dumps(graded("q2", 7)).replace("7", score)
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", f"{good}\n{bad}\n")
        line = error(bench)
        assert "judge/tiny.jsonl:2: not a judgment" in line and "score" in line

    @pytest.mark.parametrize("text", ["nan", "inf", "seven", "7/10", "1e3", "[[7]]", "", "٧"])
    def test_texts_that_are_none_give_none(self, bench: Workspace, text: str) -> None:
        add_grades(bench, "tiny", [7, text])
        assert show(bench).summary[0] == "2 judgments, 1 grades, 1 games without a grade"

    def test_other_fields_stay_texts(self, bench: Workspace) -> None:
        for field in ("model", "judge", "baseline"):
            add_judgments(bench, "tiny", [graded("q1", 7) | {field: 5}])
            line = error(bench)
            assert "tiny.jsonl:1: not a judgment" in line and field in line

    def test_another_judges_are_a_mix(self, bench: Workspace) -> None:
        records: list[Mapping[str, Any]] = [graded("q1", 7), graded("q2", 1, judge="gpt-4")]
        add_judgments(bench, "tiny", records)
        assert "1 judgments by another judge, gpt-4" in error(bench)
        assert show(bench, "--mixed", "leave-out").scores == {"tiny": "7.00"}
        assert show(bench, "--mixed", "count").scores == {"tiny": "4.00"}

    def test_pairs_without_a_baseline_are_told_where_to_name_it(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "A>B", "A>B")])
        line = error(bench)
        assert "no baseline is named" in line and "--baseline" in line


def test_a_category_alone_may_have_a_baseline(bench: Workspace) -> None:
    bench.add_questions(
        [{"question_id": f"q{i}", "category": c, "prompt": "?"} for i, c in enumerate("ab", 1)]
    )
    add_grades(bench, "tiny", [4, 6])
    config = {"bench_name": "test-v1", "judge_model": "judge", "pairwise": False}
    rules = {"categories": {"b": {"baseline_model": "base"}}}
    bench.write("config/judge_config.yaml", config | {"baseline": False} | rules)
    assert "Overall" in show(bench).out
    assert show(bench, "--one-board").scores == {"tiny": "5.00"}


class TestFiles:
    @pytest.fixture(autouse=True)
    def two_models(self, bench: Workspace) -> None:
        add_grades(bench, "tiny", [6, 8, 7])
        add_grades(bench, "other", [5, 5, 5])

    def test_all_forms_are_written(self, bench: Workspace) -> None:
        forms = ["--output", "--json", "--markdown", "--html", "--plot", "board.svg"]
        paths = re.findall(r"written: (.*)", show(bench, *forms).out)
        csv, data, markdown, page, plot = ((bench.root / path).read_text() for path in paths)
        assert all("test-v1_judge_grade" in path for path in paths[:4])
        assert "tiny,7.00," in csv
        board = json.loads(data)
        assert (board["scale"], board["baseline"], board["mode"]) == ("grade", None, "grade")
        assert board["rows"][0]["score"] == 7
        assert "| tiny | 7.00 |" in markdown
        assert 'class="base"' not in page and "against" not in page
        assert "mean grade" in plot

    def test_grades_without_spread_can_be_drawn(self, bench: Workspace) -> None:
        (bench.data / "model_judgment/judge/tiny.jsonl").unlink()
        show(bench, "--html", "--plot", "board.png")

    def test_nothing_is_saved_for_a_later_run(self, bench: Workspace) -> None:
        show(bench)
        assert not saved(bench).exists()
