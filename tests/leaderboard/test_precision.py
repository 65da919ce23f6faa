"""The line on the precision of a board, and that of planned judgments."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from boards import board_json, few, flags, named, show
from conftest import RunMain, Workspace
from fake_api import FakeAPI
from judgments import LOST, TIED, WON, add_judgments, graded, judgment, random_answers
from scipy.stats import norm

TURN: dict[str, Any] = {"turns": [{"content": "?"}]}
QUESTION = ["--resample", "question", "--num-rounds", 400]


def line(out: str) -> str:
    """The line on precision below a board."""
    (found,) = (line for line in out.splitlines() if re.search("A test of|too few|±", line))
    return found


def add_random(bench: Workspace, models: Sequence[str], questions: int, seed: int = 1) -> None:
    """Judgments whose two games agree: won, lost or tied."""
    rng = random.Random(seed)
    for model in models:
        games = rng.choices([WON, LOST, TIED], k=questions)
        add_judgments(bench, model, [judgment(f"q{i}", *g) for i, g in enumerate(games, 1)])


def spread(bench: Workspace, *models: str) -> float:
    """The spread of a model's points, or of the difference of two, in percent."""
    points = []
    for model in models:
        labels = [record["games"][0]["score"] for record in bench.judgments("judge", model)]
        points.append([{"B>A": 100, "A>B": 0, "A=B": 50}[label] for label in labels])
    return float(np.std(points[0] if len(points) == 1 else np.subtract(*points), ddof=1))


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]+(?:\.\d+)?", text)]


class TestBoard:
    def test_the_line_has_the_numbers_of_the_boards_own_points(self, bench: Workspace) -> None:
        add_random(bench, ["one", "two"], 100)
        s = np.sqrt(np.mean([spread(bench, "one") ** 2, spread(bench, "two") ** 2]))
        z, power = norm.ppf(0.975), norm.ppf(0.8)
        found = (z + power) * spread(bench, "one", "two") / 10
        assert line(show(bench, *flags()).out) == (
            f"100 questions give 95% intervals of about ±{z * s / 10:.1f} points. A test of "
            f"two models at 5% finds a difference of {found:.1f} points in 80 of 100 cases. "
            f"±2 points need {np.ceil((z * s / 2) ** 2):,.0f} questions."
        )

    def test_v2_has_its_own_level(self, bench: Workspace) -> None:
        add_random(bench, ["one"], 100)
        s, z = spread(bench, "one"), norm.ppf(0.95)
        text = line(show(bench, *flags(), "--method", "v2.0").out)
        assert f"90% intervals of about ±{z * s / 10:.1f} points" in text
        assert f"±2 points need {np.ceil((z * s / 2) ** 2):,.0f} questions" in text

    def test_models_near_the_middle_decide(self, bench: Workspace) -> None:
        """All games but two are lost: such a model's interval is narrower."""
        add_random(bench, ["one"], 100)
        alone = line(show(bench, *flags()).out)
        records = [judgment(f"q{i}", *(WON if i < 2 else LOST)) for i in range(1, 101)]
        for model in ("bad", "worse", "worst"):
            add_judgments(bench, model, records)
        assert line(show(bench, *flags()).out) == alone
        (bench.data / "model_judgment/judge/one.jsonl").unlink()
        half = norm.ppf(0.975) * spread(bench, "bad") / 10
        assert f"about ±{half:.1f} points" in line(show(bench, *flags()).out)

    @pytest.mark.parametrize("questions", [1, 4, 5, 19, 74])
    def test_few_questions_say_little(self, bench: Workspace, questions: int) -> None:
        records = [judgment(f"q{i}", *LOST) for i in range(questions)]
        add_judgments(bench, "loser", records)
        assert line(show(bench, *flags()).out) == few(questions)

    def test_enough_questions_do_not(self, bench: Workspace) -> None:
        add_random(bench, ["one"], 75)
        assert line(show(bench, *flags()).out).startswith("75 questions give")

    def test_under_style_control_the_coefficients_take_part(self, bench: Workspace) -> None:
        add_random(bench, ["one", "two"], 100)
        for seed, model in enumerate(["base", "one", "two"]):
            path = bench.data / f"model_answer/{model}.jsonl"
            bench.write(path, random_answers(seed, 100))
        board = board_json(bench, *flags(), "--style-control", *QUESTION)
        rows = {row["model"]: row for row in board["rows"]}
        halves = [(rows[m]["upper"] - rows[m]["lower"]) / 2 for m in ("one", "two")]
        assert board["precision"]["half_width"] == pytest.approx(np.mean(halves), rel=0.1)
        plain = board_json(bench, *flags(), *QUESTION)["precision"]
        assert board["precision"]["half_width"] > plain["half_width"]

    @pytest.mark.parametrize("style", [[], ["--style-control", "--style-center", "none"]])
    def test_several_baselines_take_part_as_in_the_intervals(
        self, bench: Workspace, style: list[str]
    ) -> None:
        """Models meet the second baseline only, so the first one's luck is in all scores."""
        rng = random.Random(2)
        for model, baseline in (("two", "base"), ("one", "two"), ("three", "two")):
            games = rng.choices([WON, LOST, TIED], k=100)
            records = [judgment(f"q{i}", *g, baseline=baseline) for i, g in enumerate(games, 1)]
            add_judgments(bench, model, records)
        for seed, model in enumerate(["base", "one", "two", "three"]):
            path = bench.data / f"model_answer/{model}.jsonl"
            bench.write(path, random_answers(seed, 100))
        chosen = [*named(), "--baseline", "base", "two", "--judge-name", "judge", *style]
        board = board_json(bench, *chosen, *QUESTION)
        halves = [(r["upper"] - r["lower"]) / 2 for r in board["rows"] if r["model"] != "base"]
        assert board["precision"]["half_width"] == pytest.approx(np.median(halves), rel=0.1)
        assert min(halves) < 0.8 * max(halves)

    def test_battle_rounds_under_style_control_give_what_question_rounds_do(
        self, bench: Workspace
    ) -> None:
        add_random(bench, ["one", "two"], 100)
        for seed, model in enumerate(["base", "one", "two"]):
            path = bench.data / f"model_answer/{model}.jsonl"
            bench.write(path, random_answers(seed, 100))
        chosen = [*flags(), "--style-control", "--style-center", "mean", "--num-rounds", 400]
        battle, question = (
            board_json(bench, *chosen, "--resample", kind)["precision"]
            for kind in ("battle", "question")
        )
        for key in ("half_width", "smallest_difference"):
            assert battle[key] == pytest.approx(question[key], rel=0.05)
        plain = board_json(bench, *flags())["precision"]
        assert battle["half_width"] > 1.03 * plain["half_width"]

    def test_few_rounds_say_nothing_of_the_spread(self, bench: Workspace) -> None:
        add_random(bench, ["one", "two"], 100)
        for seed, model in enumerate(["base", "one", "two"]):
            path = bench.data / f"model_answer/{model}.jsonl"
            bench.write(path, random_answers(seed, 100))
        chosen = [*named(), "--style-control", "--num-rounds"]
        few, many = (board_json(bench, *chosen, rounds)["precision"] for rounds in (2, 1000))
        assert few == many

    @pytest.mark.parametrize("style", [[], ["--style-control", "--style-center", "none"]])
    def test_random_judges_are_no_matter_of_questions(
        self, bench: Workspace, style: list[str]
    ) -> None:
        rng = random.Random(3)
        judges = ("a", "b", "c", "d")
        for seed, model in enumerate(["base", "one"]):
            path = bench.data / f"model_answer/{model}.jsonl"
            bench.write(path, random_answers(seed, 100))
        for i, judge in enumerate(judges):
            games = rng.choices([WON, LOST], weights=[1 + i, 4 - i], k=100)
            records = [judgment(f"q{n}", *g) for n, g in enumerate(games, 1)]
            add_judgments(bench, "one", records, judge)
        chosen = [*named("a"), "--judge-name", *judges[1:], *style]
        fixed, drawn = (
            line(show(bench, *chosen, "--judge-effects", kind).out) for kind in ("fixed", "random")
        )
        board = board_json(bench, *chosen, "--judge-effects", "random")
        pattern = r"choice of judges adds ±([\d.]+) points, however many questions there are\.$"
        added = float(re.findall(pattern, drawn)[0])
        half = numbers(fixed)[2]
        assert drawn.startswith(fixed.partition(" points.")[0] + " points with these judges.")
        assert added > 2 * half
        (row,) = (row for row in board["rows"] if row["model"] == "one")
        wide = (row["upper"] - row["lower"]) / 2
        assert wide == pytest.approx(np.hypot(half, added), rel=0.05)

    def test_elo_boards_speak_of_win_rates(self, bench: Workspace) -> None:
        add_random(bench, ["one", "two"], 100)
        assert line(show(bench, *flags(), "--show-elo").out) == line(show(bench, *flags()).out)

    def test_a_copied_judge_adds_no_precision(self, bench: Workspace) -> None:
        add_random(bench, ["one", "two"], 100)
        alone = line(show(bench, *flags()).out)
        for model in ("one", "two"):
            add_judgments(bench, model, bench.judgments("judge", model), "copy")
        assert line(show(bench, *flags("judge"), "--judge-name", "copy").out) == alone

    def test_an_overall_board_has_the_questions_of_all(self, bench: Workspace) -> None:
        bench.add_questions(
            [{"question_id": f"q{i}", "category": "ab"[i % 2], **TURN} for i in range(1, 201)]
        )
        add_random(bench, ["one", "two"], 200)
        chosen = [*flags(), "-c", "a", "b", *QUESTION]
        *_, overall = show(bench, *chosen).out.split("##### ")
        half = norm.ppf(0.975) * spread(bench, "one") / np.sqrt(200)
        text = line(overall)
        assert text.startswith("200 questions give")
        assert numbers(text)[2] == pytest.approx(half, rel=0.1)

    def test_grades_have_no_points(self, bench: Workspace) -> None:
        rng = random.Random(1)
        for model in ("one", "two"):
            records = [graded(f"q{i}", rng.choice([1, 5, 9])) for i in range(100)]
            add_judgments(bench, model, records)
        text = line(show(bench, *named(), "--num-rounds", 400).out)
        pattern = (
            r"about ±([\d.]+)\. .* difference of ([\d.]+) in .* ±([\d.]+) need (\d+) questions\."
        )
        (texts,) = re.findall(pattern, text)
        half, found, wanted, needed = map(float, texts)
        assert half == pytest.approx(norm.ppf(0.975) * 3.27 / 10, rel=0.15)
        assert wanted == pytest.approx(half / 2, abs=0.01) and needed == 400 and found > half
        assert "points" not in text


class TestPlanned:
    """gen_judgment.py --dry-run says it of judgments that nobody has paid for."""

    @pytest.fixture(autouse=True)
    def answered(self, bench: Workspace, api: FakeAPI) -> None:
        bench.add_questions(100)
        bench.add_model("judge", api.v1)
        for model in ("base", "tiny"):
            bench.add_answers(model, {f"q{i}": "?" for i in range(1, 101)})
        bench.write_judge_config("judge", "base")

    def test_without_judgments_the_usual_spread_counts(self, run_main: RunMain) -> None:
        half, found = norm.ppf(0.975) * 4.4, (norm.ppf(0.975) + norm.ppf(0.8)) * 4.4
        assert run_main("gen_judgment", "--dry-run").out.splitlines()[-1] == (
            f"100 questions give 95% intervals of about ±{half:.1f} points. A test of two "
            f"models at 5% finds a difference of {found:.1f} points in 80 of 100 cases. "
            "±2 points need 1,860 questions, at the usual spread of 44 points."
        )

    def test_the_precision_and_the_questions_are_the_users(self, run_main: RunMain) -> None:
        out = run_main("gen_judgment", "--dry-run", "--precision", 5, "--limit", 40).out
        assert "Only 40 questions, too few to tell good models from each other." in out
        assert "±5 points need 298 questions" in out

    def test_earlier_judgments_show_their_spread(self, bench: Workspace, run_main: RunMain) -> None:
        records = [judgment(f"q{i}", *(TIED if i % 10 else WON)) for i in range(1, 61)]
        add_judgments(bench, "tiny", [record | {"tstamp": 1.0} for record in records])
        s = spread(bench, "tiny")
        text = run_main("gen_judgment", "--dry-run", "--stale", "keep").out.splitlines()[-1]
        assert f"intervals of about ±{norm.ppf(0.975) * s / 10:.1f} points" in text
        assert text.endswith(f"This is the spread of earlier judgments, {s:.3g} points.")

    def test_each_category_with_a_board_has_a_line(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_questions(
            [{"question_id": f"q{i}", "category": "ab"[i > 90], **TURN} for i in range(1, 101)]
        )
        rules = {"a": {"baseline_model": "base"}, "b": {"baseline_model": "tiny"}}
        bench.write_judge_config("judge", "base", categories=rules)
        lines = run_main("gen_judgment", "--dry-run").out.splitlines()[-2:]
        assert lines[0].startswith("a: 90 questions give")
        assert lines[1].startswith(
            "b: Only 10 questions, too few to tell good models from each other."
        )

    def test_grades_need_earlier_ones(self, bench: Workspace, run_main: RunMain) -> None:
        bench.write_judge_config(
            "judge",
            "base",
            pairwise=False,
            baseline=False,
            regex_pattern=r"\[\[(\d+)\]\]",
            prompt_template=["{question_1} {answer_1}"],
        )
        unknown = "The first grades will show how precise these questions are."
        assert run_main("gen_judgment", "--dry-run").out.splitlines()[-1] == unknown
        records = [graded(f"q{i}", 1 + 4 * (i % 3)) for i in range(1, 31)]
        add_judgments(bench, "tiny", records)
        text = run_main("gen_judgment", "--dry-run", "--stale", "keep", "--precision", 1).out
        s = np.std([1 + 4 * (i % 3) for i in range(1, 31)], ddof=1)
        half, needed = norm.ppf(0.975) * s / 10, np.ceil((norm.ppf(0.975) * s) ** 2)
        assert f"about ±{half:.2f}. A test" in text and f"±1 need {needed:.0f} questions" in text

    def test_the_precision_is_only_printed(self, run_main: RunMain) -> None:
        assert "needs --dry-run" in run_main("gen_judgment", "--precision", 2, check=2).err
