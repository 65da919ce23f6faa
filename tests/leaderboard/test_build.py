"""Boards by category and the overall board, for benches of both formats."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import by_heading, error, few, files, flags, named, saved, show, strengths
from conftest import REPO, Workspace
from judgments import (
    BASELINES,
    HARD,
    PLACES,
    POINTS,
    SIZES,
    TIED,
    WON,
    WRITING,
    add_judgments,
    draw,
    judgment,
    modern_questions,
    random_answers,
    random_judgments,
)

from arena.base.errors import InputError
from arena.leaderboard.build import build_board, build_boards
from arena.leaderboard.options import board_options


def models(lines: Sequence[str]) -> set[str]:
    return {line.split()[1] for line in lines[1:]}


def only(bench: Workspace, category: str) -> None:
    """Take all questions of other categories out of the bench."""
    questions = bench.read_jsonl(bench.data / "question.jsonl")
    bench.add_questions([q for q in questions if q["category"] == category])


class TestGeneration2:
    def test_each_category_has_its_board_and_baseline(self, modern: Workspace) -> None:
        found = by_heading(show(modern).out)
        assert list(found) == [HARD, WRITING, "Overall"]
        both = {"m1", "m2", *BASELINES.values()}
        assert models(found[HARD]) == both
        assert models(found[WRITING]) == both | {"poet"}
        for category, other in ((HARD, WRITING), (WRITING, HARD)):
            scores = {line.split()[1]: line.split()[2:] for line in found[category][1:]}
            assert scores[BASELINES[category]][:4] == ["50.0", "(-0.0", "/", "+0.0)"]
            assert scores[BASELINES[other]] != scores[BASELINES[category]]

    @pytest.mark.parametrize("more", ["", "--method bradley-terry", "--resample question"])
    @pytest.mark.parametrize("category", [HARD, WRITING])
    def test_a_board_is_that_of_a_bench_with_only_its_questions(
        self, modern: Workspace, category: str, more: str
    ) -> None:
        """To the last digit; it stands alone, so it has no heading."""
        full = by_heading(show(modern, *more.split()).out)[category]
        chosen = show(modern, *more.split(), "--category", category)
        only(modern, category)
        alone = show(modern, *more.split())
        assert alone.board == chosen.board == full
        assert "#####" not in alone.out + chosen.out

    def test_style_control_is_fitted_in_each_category(self, modern: Workspace) -> None:
        for seed, model in enumerate(["m1", "m2", "poet", *BASELINES.values()]):
            path = modern.data / f"model_answer/{model}.jsonl"
            modern.write(path, random_answers(seed, len(PLACES)))
        full = files(modern, "--style-control")
        only(modern, WRITING)
        alone = files(modern, "--style-control")
        assert alone[WRITING]["rows"] == full[WRITING]["rows"]
        assert full[WRITING]["style_coefficients"] != full[HARD]["style_coefficients"]

    def test_the_question_file_decides_on_the_category(self, modern: Workspace) -> None:
        """The records name one that no question has."""
        before = show(modern)
        for name in ("m1", "m2"):
            for record in (records := modern.judgments("judge", name)):
                record["category"] = HARD
            add_judgments(modern, name, records)
        assert show(modern) == before

    def test_one_that_nobody_judged_is_passed_over_unless_it_is_named(
        self, modern: Workspace
    ) -> None:
        extra = {"uid": "q99", "category": "math", "subcategory": "x", "prompt": "?"}
        modern.add_questions([*modern_questions(), extra])
        assert list(by_heading(show(modern).out)) == [HARD, WRITING, "Overall"]
        assert "'math'" in error(modern, "--category", HARD, "math")

    def test_judgments_of_unknown_questions_are_counted(self, modern: Workspace) -> None:
        lost = draw(1)[0] | {"uid": "q77"}
        add_judgments(modern, "m1", [*draw(1), lost])
        out = show(modern).out
        assert out.count("skipped: 1 judgments of questions that question.jsonl lacks") == 2

    def test_a_model_without_a_judgment_of_the_category_is_named(self, modern: Workspace) -> None:
        summary = show(modern).out.split("\n\n")[1].splitlines()
        assert "skipped: poet: no judgment of these questions" in summary

    def test_a_judgment_against_the_baseline_of_another_category_is_a_mix(
        self, modern: Workspace
    ) -> None:
        """Those of each category against its own are none."""
        records = draw(1)
        records[0]["baseline"] = BASELINES[WRITING]
        add_judgments(modern, "m1", records)
        line = error(modern)
        assert f"1 judgments against another baseline, {BASELINES[WRITING]}" in line
        out = show(modern, "--mixed", "leave-out").out
        assert out.count("skipped: 1 judgments against another baseline") == 1

    def test_baselines_can_be_named_for_all(self, modern: Workspace) -> None:
        named = ["--baseline", "m1", "--mixed", "leave-out"]
        records = [record | {"baseline": "m1"} for record in draw(8)]
        add_judgments(modern, "new", records)
        found = by_heading(show(modern, *named).out)
        assert models(found[HARD]) == models(found[WRITING]) == {"m1", "new"}

    def test_rules_of_the_config_by_category(self, modern: Workspace) -> None:
        config = {
            "bench_name": modern.name,
            "judge_model": "judge",
            "baseline_model": BASELINES[HARD],
            "categories": {WRITING: {"baseline_model": BASELINES[WRITING]}},
        }
        before = show(modern)
        modern.write("config/judge_config.yaml", config)
        assert show(modern) == before
        other = {"categories": {"math": {"baseline_model": BASELINES[WRITING]}}}
        modern.write("config/judge_config.yaml", {**config, **other})
        modern.add_questions([q | {"category": "math"} for q in modern_questions()])
        assert "against another baseline, o3" in error(modern)

    def test_the_baseline_of_a_cluster_is_that_of_its_category(self, modern: Workspace) -> None:
        data = files(modern, "-c", f"{HARD} 1", f"{WRITING} 0")
        assert data[f"{HARD} 1"]["baseline"] == BASELINES[HARD]
        assert data[f"{WRITING} 0"]["baseline"] == BASELINES[WRITING]
        assert data[f"{HARD} 1"]["questions_judged"]["m1"] == 6

    def test_a_category_without_a_baseline_is_an_error(self, modern: Workspace) -> None:
        questions = modern_questions()
        modern.add_questions([q | {"category": "poems"} for q in questions])
        line = error(modern)
        assert "no baseline is named for questions of 'poems'" in line and "--baseline" in line

    def test_questions_without_a_category_have_a_board_too(self, modern: Workspace) -> None:
        full = by_heading(show(modern).out)
        questions = modern_questions()
        for question in questions[: SIZES[HARD]]:
            del question["category"]
        modern.add_questions(questions)
        rules = {WRITING: {"baseline_model": BASELINES[WRITING]}}
        config = {"bench_name": modern.name, "judge_model": "judge", "categories": rules}
        modern.write("config/judge_config.yaml", config | {"baseline_model": BASELINES[HARD]})
        found = by_heading(show(modern).out)
        assert models(found.pop("(none)")) == models(full[HARD])
        assert found[WRITING] == full[WRITING]

    def test_without_any_category_there_is_one_board(self, modern: Workspace) -> None:
        questions = modern_questions()
        for question in questions:
            del question["category"]
        modern.add_questions(questions)
        named = [f"--baseline={model}" for model in BASELINES.values()]
        out = show(modern, *named, "--method", "bradley-terry").out
        assert "#####" not in out and "questions judged of 18: " in out

    def test_a_baseline_that_nobody_was_judged_against_is_told_those_there_are(
        self, modern: Workspace
    ) -> None:
        line = error(modern, "--baseline", "gpt-4-0314")
        assert "no model 'gpt-4-0314', the baseline" in line
        assert "The judgments are against gemini-2.0-flash-001, o3-mini-2025-01-31" in line


class TestGeneration1:
    @pytest.fixture(autouse=True)
    def judged(self, bench: Workspace) -> None:
        places = ["coding"] * 6 + ["writing"] * 3
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": place, "cluster": f"{place} {i % 2}"}
                | {"turns": [{"content": "?"}]}
                for i, place in enumerate(places, 1)
            ]
        )
        for seed in (1, 2, 3):
            add_judgments(bench, f"m{seed}", random_judgments(seed, 9))
        add_judgments(bench, "coder", random_judgments(4, 6))

    def test_without_the_flag_there_is_one_board_of_all(self, bench: Workspace) -> None:
        shown = show(bench, *flags())
        assert "#####" not in shown.out
        assert "questions judged of 9: coder 6, m1 9, m2 9, m3 9" in shown.summary

    @pytest.mark.parametrize(
        "chosen", [["writing", "coding"], ["coding 0", "writing 1", "coding 1"]]
    )
    def test_each_that_is_named_has_a_board(self, bench: Workspace, chosen: list[str]) -> None:
        shown = show(bench, *flags(), "--category", *chosen)
        found = by_heading(shown.out)
        assert list(found) == [*chosen, "Overall"]
        for name in chosen:
            assert found[name] == show(bench, *flags(), "-c", name).board
        assert len(shown.out.split("\n\n")) == 2 * len(found)

    def test_the_text(self, bench: Workspace) -> None:
        for model in ("m1", "m2", "m3", "coder"):
            (bench.data / f"model_judgment/judge/{model}.jsonl").unlink()
        add_judgments(bench, "m", [judgment(f"q{i}", *WON) for i in range(1, 7)])
        add_judgments(bench, "n", [judgment(f"q{i}", *TIED) for i in range(1, 10)])
        add_judgments(bench, "o", [judgment(f"q{i}", *WON) for i in (1, 2, 7, 8, 9)])
        chosen = [*flags(), "-c", "coding", "writing", "--resample", "question"]
        line = "{: <30} | score: {: ^5} | 95% CI:  (0.0, 0.0)  | average #tokens: n/a\n".format
        different = (
            "warning: the models were judged on different questions, so their scores do not "
            "compare fairly. Judge the missing questions, or count them as lost with "
            "--missing loss.\n"
        )
        assert show(bench, *chosen).out == (
            "##### Category: coding #####\n"
            + line("m", "100.0")
            + line("o", "100.0")
            + line("base", "50.0")
            + line("n", "50.0")
            + "\n14 judgments, 28 weighted battles, 0 games without verdict\n"
            "questions judged of 6: m 6, n 6, o 2\n"
            + different
            + f"{few(6)}\n".replace("questions,", "questions in the median of the models,", 1)
            + "\n##### Category: writing #####\n"
            + line("o", "100.0")
            + line("base", "50.0")
            + line("n", "50.0")
            + "\n6 judgments, 12 weighted battles, 0 games without verdict\n"
            f"questions judged: 3 of 3 for each model\n{few(3)}\n"
            "skipped: m: no judgment of these questions\n"
            "\n##### Overall #####\n"
            + line("o", "100.0")
            + line("base", "50.0")
            + line("n", "50.0")
            + "\nthe mean of the scores by category, weighted by their questions: coding 6, "
            f"writing 3\n{few(9)}\n"
            "skipped: m: not on the board of writing\n"
        )

    def test_missing_judgments_of_each_category_are_lost(self, bench: Workspace) -> None:
        add_judgments(bench, "coder", random_judgments(4, 8))
        data = files(bench, *flags(), "-c", "coding", "writing", "--missing", "loss")
        assert [data[name]["added_losses"] for name in ("writing", "coding")] == [2, 0]


class TestBaselinesOfV2:
    """Published data of v2.0 shown with our judge config of v0.1."""

    OURS = REPO / "config/arena-hard-v0.1/judge_config.yaml"
    THEIRS = REPO / "config/v2.0/judge_config.yaml"

    @pytest.fixture(autouse=True)
    def ours(self, modern: Workspace) -> None:
        modern.write("config/judge_config.yaml", self.OURS.read_text())

    @staticmethod
    def named(bench: Workspace) -> list[str]:
        return ["--bench-name", bench.name, "--judge-names", "judge"]

    def test_they_are_taken_where_the_configs_has_no_judgment(self, modern: Workspace) -> None:
        done = show(modern, *self.named(modern))
        assert done.err == (
            f"warning: config/judge_config.yaml: no judgment on questions of {HARD}, {WRITING} is "
            f"against its baseline. Using those of --setting-file {self.THEIRS}\n"
        )
        told = show(modern, *self.named(modern), "--setting-file", self.THEIRS)
        assert (told.out, told.err) == (done.out, "")
        assert list(by_heading(done.out)) == [HARD, WRITING, "Overall"]

    def test_files_tell_them(self, modern: Workspace) -> None:
        data = files(modern, *self.named(modern))
        for category, baseline in BASELINES.items():
            assert data[category]["baseline"] == baseline
            assert data[category]["baselines"] == [baseline]

    def test_those_of_the_config_come_first(self, modern: Workspace) -> None:
        """Judgments against both are a mix."""
        old = [judgment(f"q{i}", *WON, baseline="gpt-4-0314") for i in (1, 2)]
        add_judgments(modern, "new", old)
        line = error(modern, *self.named(modern))
        assert "against another baseline, o3-mini" in line
        done = show(modern, *self.named(modern), "--mixed", "leave-out")
        assert models(by_heading(done.out)[HARD]) == {"new", "gpt-4-0314"}
        assert f"questions of {WRITING} is" in done.err

    def test_other_baselines_are_no_reason(self, modern: Workspace) -> None:
        for model in ("m1", "m2", "poet", *BASELINES.values()):
            records = [r | {"baseline": "own"} for r in modern.judgments("judge", model)]
            add_judgments(modern, model, records)
        line = error(modern, *self.named(modern))
        assert "no model 'gpt-4-0314', the baseline. The judgments are against own." in line

    def test_questions_of_v0_1_have_none(self, modern: Workspace) -> None:
        questions = modern_questions()
        for question in questions:
            question["question_id"] = question.pop("uid")
        modern.add_questions(questions)
        assert "no model 'gpt-4-0314'" in error(modern, *self.named(modern))

    def test_judgments_that_name_none_are_against_the_configs(self, modern: Workspace) -> None:
        """So its own against itself are left out; other models' stand against the fallback."""
        own = [judgment(f"q{i}", *TIED, baseline=None) for i in (1, 2)]
        add_judgments(modern, "gpt-4-0314", own)
        chosen = [*self.named(modern), "-c", HARD]
        shown = show(modern, *chosen)
        assert "skipped: 2 judgments of the baseline against itself" in shown.summary
        assert "gpt-4-0314" not in models(shown.board)
        add_judgments(modern, "new", own)
        modern.add_answers("gpt-4-0314", {"q1": "?"})
        assert "against another baseline, o3-mini" in error(modern, *chosen)

    def test_one_board_has_them_too(self, modern: Workspace) -> None:
        shown = show(modern, *self.named(modern), "--one-board")
        told = show(modern, *self.named(modern), "--one-board", "--setting-file", self.THEIRS)
        assert shown.out == told.out

    @pytest.mark.parametrize("more", ["-c creative_writing", "--one-board"])
    def test_battles_and_rounds_are_saved_and_loaded(self, modern: Workspace, more: str) -> None:
        chosen = [*self.named(modern), *more.split()]
        first = show(modern, *chosen)
        again = show(modern, *chosen, "--load-battles", "--load-bootstrap")
        assert again.board == first.board and again.err == first.err


class TestNamedBaselines:
    """Each board of a category has those of several that its judgments name."""

    BOTH = ("--baseline", BASELINES[HARD], "--baseline", BASELINES[WRITING])

    @pytest.mark.parametrize("turned", [False, True])
    def test_each_category_has_its_own(self, modern: Workspace, turned: bool) -> None:
        before = show(modern).out
        named = [*self.BOTH[2:], *self.BOTH[:2]] if turned else self.BOTH
        assert show(modern, *named).out == before
        data = files(modern, *named)
        assert [data[c]["baselines"] for c in BASELINES] == [[b] for b in BASELINES.values()]

    def test_the_first_of_those_that_are_named_anchors(self, modern: Workspace) -> None:
        add_judgments(modern, "new", [r | {"baseline": "m1"} for r in draw(9)])
        chosen = ["--method", "bradley-terry", *self.BOTH, "--baseline", "m1"]
        data = files(modern, *chosen)
        assert [data[c]["baselines"] for c in BASELINES] == [[b, "m1"] for b in BASELINES.values()]
        assert [data[c]["baseline"] for c in BASELINES] == list(BASELINES.values())
        line = error(modern, *chosen[2:])
        assert "knows one baseline, not o3-mini-2025-01-31, m1" in line

    def test_one_that_is_lacking_is_told_with_those_that_are_named(self, modern: Workspace) -> None:
        line = error(modern, *self.BOTH[:2])
        flags = " ".join(f"--baseline={name}" for name in BASELINES.values())
        assert f"for questions of '{WRITING}'" in line and line.endswith(f". Use {flags}")
        assert show(modern, *flags.split()).out == show(modern).out

    def test_a_misspelt_one_is_an_error(self, modern: Workspace) -> None:
        line = error(modern, *self.BOTH, "--baseline", "gemini-2.0-flash-002")
        assert "did you mean 'gemini-2.0-flash-001'" in line

    def test_battles_are_saved_and_loaded(self, modern: Workspace) -> None:
        chosen = [*self.BOTH, "-c", WRITING]
        first = show(modern, *chosen)
        assert show(modern, *chosen, "--load-battles", "--load-bootstrap").board == first.board
        line = error(modern, *self.BOTH[2:], "-c", WRITING, "--load-battles")
        assert "made with baselines" in line


class TestDifferentBaselines:
    """Of the categories of a bench in the v0.1 format: each has a board, all by Bradley-Terry."""

    @pytest.fixture(autouse=True)
    def judged(self, bench: Workspace) -> None:
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": name, "turns": [{"content": "?"}]}
                for i, name in enumerate("aab", 1)
            ]
        )
        for seed, model in enumerate(("m1", "m2", "base", "other")):
            records = random_judgments(seed, 3)
            records[2]["baseline"] = "other"
            add_judgments(bench, model, records)
        self.configure(bench, {"b": {"baseline_model": "other"}})

    def configure(self, bench: Workspace, categories: object) -> None:
        config = {"bench_name": bench.name, "judge_model": "judge", "baseline_model": "base"}
        bench.write("config/judge_config.yaml", config | {"categories": categories})

    def test_each_has_a_board(self, bench: Workspace) -> None:
        data = files(bench)
        assert [board["baseline"] for board in data.values()] == ["base", "other", None]
        assert {board["method"] for board in data.values()} == {"bradley-terry"}

    def test_the_same_baselines_make_one(self, bench: Workspace) -> None:
        self.configure(bench, {"b": {"baseline_model": "base"}})
        assert "#####" not in show(bench, "--mixed", "leave-out").out

    def test_so_do_baselines_that_are_named(self, bench: Workspace) -> None:
        assert "#####" not in show(bench, "--baseline", "base", "--baseline", "other").out


class TestBothGenerations:
    """Questions of v0.1 in a bench of v2.0; their verdicts are published without a baseline."""

    OLD = "arena-hard-v0.1"

    @pytest.fixture(autouse=True)
    def mixed(self, modern: Workspace) -> None:
        old = [
            {"question_id": f"old{i}", "category": self.OLD, "turns": [{"content": "?"}]}
            for i in range(3)
        ]
        modern.add_questions([*modern_questions(), *old])
        for model in ("m1", "m2"):
            records = modern.judgments("judge", model)
            won = [judgment(f"old{i}", "B>A", "A>B" if i else "B>A") for i in range(3)]
            for record in won:
                record["model"] = model
            path = modern.data / f"model_judgment/judge/{model}.jsonl"
            modern.write(path, [*records, *won])
        for model in ("gpt-4-0314", *BASELINES.values()):
            modern.add_answers(model, {"q1": "?"})

    def test_each_category_has_its_method_and_baseline(self, modern: Workspace) -> None:
        only_modern = by_heading(self.without_old(modern))
        done = show(modern)
        found = by_heading(done.out)
        assert list(found) == [HARD, WRITING, self.OLD]
        assert found[HARD] == only_modern[HARD] and found[WRITING] == only_modern[WRITING]
        old = {line.split(" |")[0].strip(): line.split("score:")[1][:6] for line in found[self.OLD]}
        assert old == {"m1": " 83.3 ", "m2": " 83.3 ", "gpt-4-0314": " 50.0 "}
        assert done.err == ""

    @staticmethod
    def without_old(bench: Workspace) -> str:
        """What is printed of the same folder without questions of v0.1."""
        questions = bench.read_jsonl(bench.data / "question.jsonl")
        bench.add_questions(modern_questions())
        out = show(bench).out
        bench.add_questions(questions)
        return out

    def test_methods_are_told_and_have_no_mean(self, modern: Workspace) -> None:
        out = show(modern).out
        assert re.findall("(?m)^method: .*$", out) == [
            "method: v2.0",
            "method: v2.0",
            "method: bradley-terry",
        ]
        assert out.splitlines()[-1] == (
            f"no overall board: {HARD} and {self.OLD} have the methods v2.0 and bradley-terry. "
            "Choose one with --method"
        )
        for method in ("v2.0", "bradley-terry"):
            out = show(modern, "--method", method).out
            assert list(by_heading(out))[-1] == "Overall" and "method: " not in out
        out = show(modern, "-c", HARD, WRITING).out
        assert list(by_heading(out))[-1] == "Overall" and "method: " not in out

    def test_one_old_question_does_not_flip_the_boards(self, modern: Workspace) -> None:
        """Nor does one among those of a category."""
        before = by_heading(self.without_old(modern))
        questions = modern_questions()
        questions[0]["question_id"] = questions[0].pop("uid")
        modern.add_questions(questions)
        assert by_heading(show(modern).out) == before

    def test_in_one_fit_each_verdict_counts_against_its_own_baseline(
        self, modern: Workspace
    ) -> None:
        """Those that name none against the first baseline of their category."""
        implied = show(modern, "--one-board", "--num-rounds", "20")
        assert "#####" not in implied.out
        assert set(implied.scores) == {"m1", "m2", "poet", "gpt-4-0314", *BASELINES.values()}
        for model in ("m1", "m2"):
            records = modern.judgments("judge", model)
            for record in records:
                record.setdefault("baseline", "gpt-4-0314")
            modern.write(modern.data / f"model_judgment/judge/{model}.jsonl", records)
        assert show(modern, "--one-board", "--num-rounds", "20") == implied
        assert show(modern, "--one-board", "--load-battles").scores == implied.scores

    def test_named_baselines_overrule_the_config(self, modern: Workspace) -> None:
        """Then a verdict that names none is against the first."""
        named = ["-c", self.OLD, "--baseline", BASELINES[HARD], "--baseline", "gpt-4-0314"]
        assert set(show(modern, *named).scores) == {"m1", "m2", BASELINES[HARD]}


class TestOneBoard:
    def test_it_is_one_fit_of_the_battles_of_all_categories(self, modern: Workspace) -> None:
        """The baselines are connected: each was judged against the other, as were `m1`, `m2`."""
        shown = show(modern, "--one-board", "--json", "b.json")
        board = json.loads((modern.root / "b.json").read_text())
        assert "#####" not in shown.out and "questions judged of 18" in shown.out
        assert (board["method"], board["baseline"]) == ("bradley-terry", BASELINES[HARD])
        points: dict[tuple[str, str], float] = {}
        for path in (modern.data / "model_judgment/judge").iterdir():
            for record in modern.read_jsonl(path):
                model, baseline = record["model"], record["baseline"]
                sides = ((baseline, model), (model, baseline))
                for game, pair in zip(record["games"], sides, strict=True):
                    for side, won in zip((pair, pair[::-1]), POINTS[game["score"]], strict=True):
                        points[side] = points.get(side, 0) + won
        names = sorted({name for pair in points for name in pair})
        anchor = names.index(BASELINES[HARD])
        wins = np.array([[points.get((a, b), 0.0) for b in names] for a in names])
        strength = strengths(wins)
        expected = 100 * strength / (strength + strength[anchor])
        found = {row["model"]: row["score"] for row in board["rows"]}
        assert found == pytest.approx(dict(zip(names, expected, strict=True)), abs=0.01)

    def test_named_categories_share_it(self, modern: Workspace) -> None:
        both = show(modern, "--one-board", "-c", HARD, WRITING)
        assert both.scores == show(modern, "--one-board").scores
        one = show(modern, "--one-board", "-c", WRITING)
        assert one.board == show(modern, "--method", "bradley-terry", "-c", WRITING).board

    def test_what_is_missing_is_lost_against_the_baseline_of_its_category(
        self, modern: Workspace
    ) -> None:
        """`poet` has no judgment on the first category, and `o3` none on its own."""
        show(modern, "--one-board", "--missing", "loss")
        pairs = [
            (record["model_a"], record["question_id"])
            for record in modern.read_jsonl(saved(modern))
            if record["model_b"] == "poet"
        ]
        for number, category in enumerate(PLACES, 1):
            assert {a for a, question in pairs if question == f"q{number}"} == {BASELINES[category]}

    def test_a_category_without_a_baseline_is_an_error(self, modern: Workspace) -> None:
        modern.add_questions(modern_questions([*PLACES, "poems"]))
        assert "no baseline is named" in error(modern, "--one-board")

    def test_baselines_that_nothing_connects_are_an_error(self, modern: Workspace) -> None:
        for model in ("m1", "m2", *BASELINES.values()):
            (modern.data / f"model_judgment/judge/{model}.jsonl").unlink()
        add_judgments(modern, "coder", draw(6)[: SIZES[HARD]])
        line = error(modern, "--one-board")
        assert f"no battles connect them to the baseline '{BASELINES[HARD]}'" in line
        assert f"{BASELINES[WRITING]}, poet" in line

    def test_v2_knows_one_baseline_there_too(self, modern: Workspace) -> None:
        line = error(modern, "--one-board", "--method", "v2.0")
        assert "o3-mini-2025-01-31, gemini-2.0-flash-001" in line

    def test_battles_and_rounds_are_saved_and_loaded(self, modern: Workspace) -> None:
        first = show(modern, "--one-board")
        again = show(modern, "--one-board", "--load-battles", "--load-bootstrap")
        assert again.board == first.board
        assert "or fit all with --one-board" in error(modern, "--load-battles")


class TestFlags:
    def test_nothing_is_saved_for_a_later_run(self, modern: Workspace) -> None:
        show(modern)
        assert not list((modern.root / "data").glob("*.json*"))
        show(modern, "--category", HARD)
        assert saved(modern).exists()
        first = show(modern, "--category", HARD)
        again = show(modern, "--category", HARD, "--load-battles", "--load-bootstrap")
        assert again.board == first.board

    @pytest.mark.parametrize(
        "more",
        [
            "--load-battles",
            "--load-bootstrap",
            "--save-battles",
            "--show-elo",
            "--style-control --style-coefficients style.json",
        ],
    )
    def test_what_is_of_one_board_is_refused(self, modern: Workspace, more: str) -> None:
        show(modern, "--category", HARD)
        line = error(modern, *more.split())
        assert more.split()[-1].startswith("style") or line.startswith(f"error: {more}: ")
        assert "this needs a single board. Choose one --category" in line

    def test_loading_the_board_of_another_category_is_refused(self, modern: Workspace) -> None:
        show(modern, "--category", HARD)
        line = error(modern, "--category", WRITING, "--load-battles")
        assert "made with baselines" in line or "made with categories" in line

    def test_each_board_has_its_files(self, modern: Workspace) -> None:
        forms = ["--output", "--json", "--markdown", "--html"]
        paths = re.findall(r"written: (.*)", show(modern, *forms).out)
        assert len(set(paths)) == len(paths) == 12
        assert sum(HARD in path and WRITING in path for path in paths) == 4
        named = ["--json", "out/b.json", "--html", "out/b.html", "--plot", "out/b.svg"]
        paths = re.findall(r"written: (.*)", show(modern, *named).out)
        assert paths == [
            f"out/b_{name}.{suffix}"
            for name in (HARD, WRITING, "Overall")
            for suffix in ("json", "html", "svg")
        ]
        page = (modern.root / "out/b_Overall.html").read_text()
        assert f"Leaderboard of {modern.name}: Overall" in page and "against" not in page
        assert "mean of win rates in %" in (modern.root / "out/b_Overall.svg").read_text()

    def test_stats_and_comparisons_stand_below_each_category(self, modern: Workspace) -> None:
        out = show(modern, "--full-stats", "--compare", "m1", "m2").out
        assert out.count("m1 - m2: ") == out.count("big wins") == 2
        assert "'poet'" in error(modern, "--compare", "poet", "m1")


class TestSeveralBaselines:
    """`second` wins three of four games against `base`, `tiny` three of four against it."""

    @pytest.fixture(autouse=True)
    def chain(self, bench: Workspace) -> None:
        records = [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "B>A")]
        add_judgments(bench, "second", records)
        add_judgments(bench, "tiny", [record | {"baseline": "second"} for record in records])

    @pytest.mark.parametrize(
        ("baselines", "expected"),
        [
            (["base", "second"], {"tiny": "90.0", "second": "75.0", "base": "50.0"}),
            (["second", "base"], {"tiny": "75.0", "second": "50.0", "base": "25.0"}),
        ],
    )
    def test_those_of_the_config_make_one_fit_and_the_first_anchors(
        self, bench: Workspace, baselines: list[str], expected: dict[str, str]
    ) -> None:
        config = {"bench_name": bench.name, "judge_model": "judge", "baseline_model": baselines}
        bench.write("config/judge_config.yaml", config)
        shown = show(bench)
        assert shown.scores == expected
        flagged = [part for name in baselines for part in ("--baseline", name)]
        assert show(bench, *flags()[:4], *flagged) == shown

    def test_those_of_all_categories_make_one_board_when_told_to(self, bench: Workspace) -> None:
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": name, "prompt": "?"}
                for i, name in enumerate(("a", "b"), 1)
            ]
        )
        rules = {"b": {"baseline_model": "second"}}
        config = {"bench_name": bench.name, "judge_model": "judge", "baseline_model": "base"}
        bench.write("config/judge_config.yaml", config | {"categories": rules})
        shown = show(bench, "--one-board")
        assert shown.scores == {"tiny": "90.0", "second": "75.0", "base": "50.0"}

    def test_v2_knows_one(self, bench: Workspace) -> None:
        bench.add_questions([{"uid": f"q{i}", "category": "c", "prompt": "?"} for i in (1, 2)])
        config = {"bench_name": bench.name, "judge_model": "judge"}
        bench.write("config/judge_config.yaml", config | {"baseline_model": ["base", "second"]})
        line = error(bench)
        assert "base, second" in line and "--method bradley-terry" in line
        assert show(bench, "--method", "bradley-terry").scores["tiny"] == "90.0"


def test_a_whole_bench_of_v2_without_flags(modern: Workspace) -> None:
    """As its users run it, with their config under its own name."""
    config = modern.root / "config"
    (config / "judge_config.yaml").rename(config / "arena-hard-v2.0.yaml")
    chosen = ["--config-file", "config/arena-hard-v2.0.yaml", "-b", modern.name, "-j", "judge"]
    done = modern.run("show_result.py", *chosen, check=0)
    lines = done.stdout.splitlines()
    assert lines[0] == "##### Category: hard_prompt #####"
    assert re.fullmatch(r" +Model  Scores \(%\) +CI \(%\)  Rank", lines[1])
    assert re.fullmatch(r"0 +\S+ +\d+\.\d +\(-\d+\.\d / \+\d+\.\d\) +\d(-\d)?", lines[2])
    assert done.stderr == ""


class TestNotebook:
    def test_the_example_of_the_docs_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        page = (REPO / "docs" / "notebook.md").read_text(encoding="utf-8")
        code, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        monkeypatch.chdir(REPO)
        names: dict[str, Any] = {}
        exec(code, names)
        assert list(names["board"].to_frame()["model"])[-1] == "smollm2-terse"

    def test_a_frame_has_the_numbers_of_the_json_file(
        self, bench: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_judgments(bench, "m1", random_judgments(1, 8))
        show(bench, *named(), "--json", "b.json", "--seed", "3")
        rows = json.loads((bench.root / "b.json").read_text())["rows"]
        monkeypatch.chdir(tmp_path)
        options = board_options(bench.name, "judge", "base", data_dir=bench.root / "data", seed=3)
        frame = build_board(options).to_frame().rename(columns={"tokens": "avg_tokens"})
        assert frame.to_dict("records") == rows
        assert {"rank_low", "rank_high"} <= set(frame.columns)

    def test_what_is_not_given_is_the_setting_files(self, bench: Workspace) -> None:
        add_judgments(bench, "m1", [judgment("q1", "B>>A", "A>B")])
        path = bench.root / "settings.yaml"
        path.write_text(f"bench_name: {bench.name}\njudge_model: judge\nbaseline_model: base\n")
        board = build_board(board_options(data_dir=bench.root / "data", setting_file=path))
        assert (board.selection.bench.name, board.selection.judges) == (bench.name, ("judge",))
        assert board.baseline == "base"

    def test_one_board_of_several_is_refused(self, modern: Workspace) -> None:
        path = modern.root / "config" / "judge_config.yaml"
        options = board_options(data_dir=modern.root / "data", setting_file=path)
        with pytest.raises(InputError, match="needs a single board"):
            build_board(options)
        assert len(build_boards(options)) == 3
