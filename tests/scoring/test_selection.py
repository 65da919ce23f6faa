"""Which judgments make a board, through show_result.py: categories, baselines and mixes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from boards import error, flags, named, show, strengths
from conftest import RunMain, Workspace
from judgments import (
    LOST,
    POINTS,
    TIED,
    WON,
    add_judgments,
    judgment,
    random_judgments,
)


def odds_score(odds: float) -> str:
    return f"{100 * odds / (1 + odds):.1f}"


class TestCategories:
    """`tiny` wins one of two games of coding, three of four of writing."""

    @pytest.fixture(autouse=True)
    def four_questions(self, bench: Workspace) -> None:
        places = [("coding", "Python"), ("writing", "Poems"), ("writing", "Letters")]
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": category, "cluster": cluster}
                | {"turns": [{"content": "?"}]}
                for i, (category, cluster) in enumerate(places, start=1)
            ]
        )
        labels = [("B>A", "B>A"), ("B>A", "A>B"), ("A>B", "A>B")]
        add_judgments(bench, "tiny", [judgment(f"q{i + 1}", *labels[i]) for i in range(3)])

    @pytest.mark.parametrize(
        ("chosen", "score", "questions"),
        [
            ("coding", "50.0", 1),
            ("writing", "75.0", 2),
            ("Poems", "100.0", 1),
            ("Letters", "50.0", 1),
        ],
    )
    def test_only_their_questions_count(
        self, bench: Workspace, chosen: str, score: str, questions: int
    ) -> None:
        shown = show(bench, *flags(), "--category", chosen)
        assert shown.scores["tiny"] == score
        assert f"questions judged: {questions} of {questions} for each model" in shown.summary
        assert show(bench, *flags(), "-c", chosen, chosen) == shown

    def test_v2_0_calls_clusters_subcategories(self, bench: Workspace) -> None:
        records = [
            {"uid": f"q{i}", "category": "hard_prompt", "subcategory": name, "prompt": "?"}
            for i, name in enumerate(["coding", "math", "math"], start=1)
        ]
        bench.add_questions(records)
        chosen = ["-c", "math", "--method", "bradley-terry"]
        assert show(bench, *flags(), *chosen).scores["tiny"] == "75.0"

    def test_an_unknown_one_is_told_the_nearest(self, bench: Workspace) -> None:
        line = error(bench, *flags(), "--category", "coding", "Pooems")
        assert "test-v1/question.jsonl" in line and "'Pooems'" in line
        assert "did you mean 'Poems'" in line

    def test_categories_without_a_question_file_are_an_error(self, bench: Workspace) -> None:
        (bench.data / "question.jsonl").unlink()
        assert "question.jsonl: no such file" in error(bench, *flags(), "-c", "coding")


class TestSeveralBaselines:
    @pytest.fixture
    def chain(self, bench: Workspace) -> None:
        """`second` wins three of four games against `base`, `tiny` three of four against it."""
        records = [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "B>A")]
        add_judgments(bench, "second", records)
        add_judgments(bench, "tiny", [record | {"baseline": "second"} for record in records])

    @pytest.mark.usefixtures("chain")
    @pytest.mark.parametrize(
        ("baselines", "expected"),
        [
            (["base", "second"], {"tiny": odds_score(9), "second": odds_score(3), "base": "50.0"}),
            (
                ["second", "base"],
                {"tiny": odds_score(3), "second": "50.0", "base": odds_score(1 / 3)},
            ),
            (["second"], {"tiny": odds_score(3), "second": "50.0"}),
            (["base"], {"second": odds_score(3), "base": "50.0"}),
        ],
    )
    def test_scores_pass_along_chains_and_the_first_has_50(
        self, bench: Workspace, baselines: list[str], expected: dict[str, str]
    ) -> None:
        named = [part for name in baselines for part in ("--baseline", name)]
        shown = show(bench, *flags()[:4], *named, "--mixed", "leave-out")
        assert shown.scores == expected
        assert shown.interval(baselines[0]) == "(0.0, 0.0)"

    def test_all_judgments_make_one_fit(self, bench: Workspace) -> None:
        """As in v2.0, where the baseline depends on the category of the question."""
        models, wins = ["base", "base2", "m1", "m2", "m3"], np.zeros((5, 5))
        for model in models[2:]:
            records = [
                record | {"baseline": models[i % 2]}
                for i, record in enumerate(random_judgments(len(models) + ord(model[1]), 20))
            ]
            add_judgments(bench, model, records)
            for record in records:
                pair = (models.index(record["baseline"]), models.index(model))
                for (a, b), game in zip((pair, pair[::-1]), record["games"], strict=True):
                    wins[a, b] += POINTS[game["score"]][0]
                    wins[b, a] += POINTS[game["score"]][1]
        expected = dict(zip(models, map(odds_score, strengths(wins)), strict=True))
        shown = show(bench, *flags(), "--baseline", "base2")
        assert shown.scores == expected
        assert len(set(expected.values())) == 5

    def test_records_that_name_no_baseline_are_against_the_first(self, bench: Workspace) -> None:
        records = [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "B>A")]
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", records)
        add_judgments(bench, "second", [judgment("q1", *TIED)])
        for model in ("base", "second"):
            bench.add_answers(model, {"q1": "text"})
        shown = show(bench, *flags(), "--baseline", "second")
        assert shown.scores == {"tiny": "75.0", "base": "50.0", "second": "50.0"}

    @pytest.mark.parametrize("control", [[], ["--length-control-only"]])
    def test_parts_without_a_path_to_the_first_are_named(
        self, bench: Workspace, control: list[str]
    ) -> None:
        add_judgments(bench, "near", random_judgments(1))
        for seed, model in enumerate(["lone-1", "lone-2"]):
            add_judgments(bench, model, random_judgments(seed, baseline="far"))
        for model in ("base", "near", "far", "lone-1", "lone-2"):
            answers = [
                {"question_id": f"q{i}", "conv_metadata": {"token_len": i + len(model)}}
                for i in range(1, 11)
            ]
            bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
        line = error(bench, *flags(), "--baseline", "far", *control)
        assert "'base'" in line and "far, lone-1, lone-2" in line and "near" not in line

    def test_a_baseline_that_nobody_was_judged_against_is_an_error(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", random_judgments(1, baseline="second"))
        for model in ("base", "second", "tiny"):
            bench.add_answers(model, {"q1": "text"})
        assert "'base'" in error(bench, *flags(), "--baseline", "second")

    @pytest.mark.usefixtures("chain")
    def test_a_misspelt_second_one_is_an_error(self, bench: Workspace) -> None:
        line = error(bench, *flags(), "--baseline", "secondd")
        assert "'secondd'" in line and "did you mean 'second'" in line


class TestMixed:
    """`tiny` lost all to `base` and won all else: by another judge, and against `other`."""

    FILE = "data/test-v1/model_judgment/judge/tiny.jsonl"

    @staticmethod
    def mix(bench: Workspace, **fields: Any) -> None:
        records = [judgment("q1", *LOST), judgment("q2", *LOST)]
        add_judgments(bench, "tiny", [*records, judgment("q3", *WON) | fields])

    def test_another_judges_are_refused(self, bench: Workspace) -> None:
        self.mix(bench, judge="gpt-4")
        done = show(bench, *flags(), check=2)
        assert done.out == "" and done.err == (
            f"error: {self.FILE}: 1 judgments by another judge, gpt-4. Skip them with "
            "--mixed leave-out, or include them with --mixed count.\n"
        )

    def test_those_against_another_baseline_are_refused(self, bench: Workspace) -> None:
        self.mix(bench, baseline="other")
        done = show(bench, *flags(), check=2)
        assert done.out == "" and done.err == (
            f"error: {self.FILE}: 1 judgments against another baseline, other. Accept them "
            "with --baseline=base --baseline=other, skip them with --mixed leave-out, or include "
            "them with --mixed count. `show_result.py --anchor` fits all judgments at once.\n"
        )

    def test_the_first_files_are_named_and_the_others_counted(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", *WON)])
        for model in "abcde":
            add_judgments(bench, model, [judgment(f"q{i}", *WON, judge="gpt-4") for i in (1, 2)])
        paths = ", ".join(self.FILE.replace("tiny", model) for model in "abc")
        line = error(bench, *flags())
        assert f" {paths} and 2 more files: 10 judgments by another judge, gpt-4. " in line

    @pytest.mark.parametrize("fields", [{"judge": "gpt-4"}, {"baseline": "other"}])
    def test_nothing_is_written(self, bench: Workspace, fields: dict[str, str]) -> None:
        self.mix(bench, **fields)
        before = sorted(bench.root.rglob("*"))
        error(bench, *flags(), "--json", "board.json", "--output")
        assert sorted(bench.root.rglob("*")) == before

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"judge": "gpt-4"}, "by another judge, gpt-4"),
            ({"baseline": "other"}, "against another baseline, other"),
        ],
    )
    def test_leave_out_leaves_them_out_and_counts_them(
        self, bench: Workspace, fields: dict[str, str], why: str
    ) -> None:
        self.mix(bench, **fields)
        add_judgments(bench, "new", [judgment("q1", *WON) | fields])
        shown = show(bench, *flags(), "--mixed", "leave-out")
        assert shown.scores == {"base": "50.0", "tiny": "0.0"}
        assert shown.summary[0].startswith("2 judgments, 4 weighted battles")
        assert f"skipped: 2 judgments {why}" in shown.summary
        assert "skipped: new: no judgment against the baseline" in shown.summary

    def test_count_counts_another_judges(self, bench: Workspace) -> None:
        self.mix(bench, judge="gpt-4")
        shown = show(bench, *flags(), "--mixed", "count")
        assert shown.scores == {"base": "50.0", "tiny": "33.3"}
        assert shown.summary[0].startswith("3 judgments, 6 weighted battles")
        assert "skipped" not in shown.out

    def test_count_puts_other_baselines_into_the_one_fit(self, bench: Workspace) -> None:
        records = [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "B>A")]
        add_judgments(bench, "other", records)
        add_judgments(bench, "tiny", [record | {"baseline": "other"} for record in records])
        expected = {"tiny": odds_score(9), "other": odds_score(3), "base": "50.0"}
        counted = show(bench, *flags(), "--mixed", "count")
        named = show(bench, *flags(), "--baseline", "other")
        assert counted.scores == expected
        assert counted == named

    def test_a_judge_that_is_named_too_is_no_other(self, bench: Workspace) -> None:
        self.mix(bench, judge="gpt-4")
        add_judgments(bench, "tiny", [judgment("q4", *WON)], judge="gpt-4")
        shown = show(bench, *flags()[:2], "--baseline", "base", "-j", "judge", "gpt-4")
        assert shown.scores["tiny"] == "50.0"

    def test_a_misspelt_baseline_is_answered_by_the_nearest_name(self, bench: Workspace) -> None:
        self.mix(bench, baseline="other")
        for names in (["bsae"], ["bsae", "other"], ["other", "bsae"]):
            more = [f"--baseline={name}" for name in names]
            line = error(bench, *flags()[:4], *more)
            assert "no model 'bsae', the baseline (did you mean 'base'?)" in line

    def test_only_the_questions_asked_for_are_looked_at(self, bench: Workspace) -> None:
        bench.add_questions(
            [
                {"question_id": f"q{i}", "category": "old" if i == 3 else "new", "prompt": "?"}
                for i in (1, 2, 3)
            ]
        )
        self.mix(bench, baseline="other")
        assert show(bench, *flags(), "-c", "new").scores["tiny"] == "0.0"
        assert "another baseline" in error(bench, *flags())

    def test_a_model_that_others_were_judged_against_can_lack_judgments(
        self, bench: Workspace
    ) -> None:
        """It is no baseline where those judgments are left out, and one where they count."""
        bench.add_questions(2)
        add_judgments(bench, "other", [judgment("q1", *WON)])
        records = [judgment(f"q{i}", *TIED, baseline="other") for i in (1, 2)]
        add_judgments(bench, "tiny", records)
        scores = {
            mixed: show(bench, *flags(), "--missing", "loss", "--mixed", mixed).scores["other"]
            for mixed in ("leave-out", "count")
        }
        assert scores == {"leave-out": "50.0", "count": "100.0"}

    def test_saved_battles_tell_how_a_mix_was_dealt_with(self, bench: Workspace) -> None:
        self.mix(bench, baseline="other")
        mixed = [*flags(), "--mixed", "leave-out"]
        saved = show(bench, *mixed)
        assert show(bench, *mixed, "--load-battles").scores == saved.scores
        line = error(bench, *flags(), "--load-battles")
        assert "made with mixed = leave-out, not refuse" in line


class TestEnsembles:
    """Two models, of which the second was combined in another way."""

    JUDGES, RULE = {"judges": ["j2", "j1"]}, {"rule": "mean"}
    ROOT = "data/test-v1/model_judgment/judge"

    @pytest.fixture
    def mix(self, bench: Workspace) -> Callable[..., None]:
        def mix(first: dict[str, Any], second: dict[str, Any], model: str = "tiny") -> None:
            add_judgments(bench, "large", [judgment("q1", *WON) | first])
            add_judgments(bench, model, [judgment("q1", *LOST) | second])

        return mix

    @pytest.mark.parametrize(
        ("second", "words"),
        [
            (JUDGES | {"rule": "median"}, "rules (mean and median)"),
            (RULE | {"judges": ["j1", "j3"]}, "judges (j1 + j2 and j1 + j3)"),
            (RULE, "judges (j1 + j2 and no judges named)"),
            (JUDGES, "rules (mean and no rule named)"),
            ({}, "judges (j1 + j2 and no judges named)"),
        ],
    )
    def test_a_mix_is_refused(
        self, bench: Workspace, run_main: RunMain, mix: Any, second: dict[str, Any], words: str
    ) -> None:
        mix(self.JUDGES | self.RULE, second)
        line = (
            f"error: {self.ROOT}/large.jsonl and {self.ROOT}/tiny.jsonl: the judgments of judge "
            f"were combined by different {words}. Run gen_ensemble_judgment.py "
            "--bench-name test-v1 --name judge to make them again, "
            "or accept them with --mixed count.\n"
        )
        assert show(bench, *flags(), check=2).err == line
        assert show(bench, *flags(), "--mixed", "leave-out", check=2).err == line
        assert run_main("judge_report.py", *named(), check=2).err == line
        shown = show(bench, *flags(), "--mixed", "count").scores
        assert shown == {"large": "100.0", "base": "50.0", "tiny": "0.0"}

    def test_the_order_of_the_judges_makes_no_mix(self, bench: Workspace, mix: Any) -> None:
        mix(self.RULE | self.JUDGES, self.RULE | {"judges": ["j1", "j2"]})
        show(bench, *flags())

    def test_two_ensembles_can_be_pooled_by_name(self, bench: Workspace, mix: Any) -> None:
        mix(self.RULE | self.JUDGES, self.RULE | self.JUDGES)
        other = {"rule": "median", "judges": ["j1", "j2"], "judge": "other"}
        add_judgments(bench, "tiny", [judgment("q1", *LOST) | other], judge="other")
        show(bench, *flags(), "--judge-name", "other")
