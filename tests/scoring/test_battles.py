"""From judgments to battles, through show_result.py: several judges and baselines, categories,
and missing judgments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from boards import error, flags, show, strengths
from conftest import Workspace
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


class TestSeveralJudges:
    """The first sees 4 points of 4 battles (one by far), the second 1/2 of 2."""

    @pytest.fixture(autouse=True)
    def two_judges(self, bench: Workspace) -> None:
        add_judgments(bench, "tiny", [judgment("q1", "B>>A", "A>B")], judge="one")
        add_judgments(bench, "tiny", [judgment("q1", "A=B", "B>A")], judge="two")

    @pytest.mark.parametrize(
        ("judges", "score", "counted"),
        [
            (["one"], "100.0", "1 judgments, 4 weighted battles"),
            (["two"], "25.0", "1 judgments, 2 weighted battles"),
            (["one", "two"], "75.0", "2 judgments, 6 weighted battles"),
            (["one", "two", "one"], "75.0", "2 judgments, 6 weighted battles"),
        ],
    )
    def test_the_battles_of_all_count_alike(
        self, bench: Workspace, judges: list[str], score: str, counted: str
    ) -> None:
        shown = show(bench, "-b", bench.name, "--baseline", "base", "-j", *judges)
        assert shown.scores == {"tiny": score, "base": "50.0"}
        assert shown.summary[0].startswith(counted)

    @pytest.mark.parametrize("flag", ["--judge-name", "--judge-names", "-j"])
    def test_their_order_and_the_spelling_of_the_flag_do_not_matter(
        self, bench: Workspace, flag: str
    ) -> None:
        add_judgments(bench, "other", random_judgments(1), judge="one")
        runs = [
            show(bench, *flags()[:2], "--baseline", "base", flag, *judges)
            for judges in (("one", "two"), ("two", "one"))
        ]
        assert runs[0] == runs[1]

    def test_one_of_them_unknown_is_an_error(self, bench: Workspace) -> None:
        line = error(bench, *flags()[:2], "--baseline", "base", "-j", "one", "twoo")
        assert "did you mean 'two'" in line and "judges here: one, two" in line

    def test_a_model_that_only_one_of_them_judged_is_on_the_board(self, bench: Workspace) -> None:
        add_judgments(bench, "other", [judgment("q1", *TIED)], judge="two")
        shown = show(bench, *flags()[:2], "--baseline", "base", "-j", "one", "two")
        assert shown.scores == {"tiny": "75.0", "base": "50.0", "other": "50.0"}

    def test_a_model_that_none_judged_is_named(self, bench: Workspace) -> None:
        for model in ("base", "tiny", "new"):
            bench.add_answers(model, {"q1": "text"})
        shown = show(bench, *flags()[:2], "--baseline", "base", "-j", "one", "two")
        assert "left out: new: not judged by one, two" in shown.summary


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
        done = bench.run("show_result.py", *flags(), check=2)
        assert done.stdout == "" and done.stderr == (
            f"error: {self.FILE}: 1 judgments by another judge, gpt-4. Skip them with "
            "--mixed leave-out, or include them with --mixed count.\n"
        )

    def test_those_against_another_baseline_are_refused(self, bench: Workspace) -> None:
        self.mix(bench, baseline="other")
        done = bench.run("show_result.py", *flags(), check=2)
        assert done.stdout == "" and done.stderr == (
            f"error: {self.FILE}: 1 judgments against another baseline, other. Accept them "
            "with --baseline=base --baseline=other, skip them with --mixed leave-out, or include "
            "them with --mixed count.\n"
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
        assert f"left out: 2 judgments {why}" in shown.summary
        assert "left out: new: no judgment against the baseline" in shown.summary

    def test_count_counts_another_judges(self, bench: Workspace) -> None:
        self.mix(bench, judge="gpt-4")
        shown = show(bench, *flags(), "--mixed", "count")
        assert shown.scores == {"base": "50.0", "tiny": "33.3"}
        assert shown.summary[0].startswith("3 judgments, 6 weighted battles")
        assert "left out" not in shown.out

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
        for named in (["bsae"], ["bsae", "other"], ["other", "bsae"]):
            more = [f"--baseline={name}" for name in named]
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


class TestJudgeSettings:
    """`one` and `two` won all; the judge was asked in ways that the records tell."""

    ONE = "data/test-v1/model_judgment/judge/one.jsonl"
    TWO = "data/test-v1/model_judgment/judge/two.jsonl"

    @staticmethod
    def judged(bench: Workspace, **settings: Any) -> None:
        """One judgment of each model; `settings` are those of its record."""
        for model, made in settings.items():
            add_judgments(bench, model, [judgment("q1", *WON) | {"settings": made}])

    def test_two_files_that_disagree_are_both_named(self, bench: Workspace) -> None:
        self.judged(
            bench,
            one={"temperature": 0, "prompt_hash": "a"},
            two={"temperature": 0, "prompt_hash": "b"},
        )
        done = bench.run("show_result.py", *flags(), check=2)
        assert done.stdout == "" and done.stderr == (
            f"error: {self.ONE} and {self.TWO}: judge judge used different settings "
            '(prompt_hash: "a" and "b"). Run gen_judgment.py --stale redo to make them equal, or '
            "accept them with --mixed count.\n"
        )

    def test_one_file_that_disagrees_with_itself_is_named_once(self, bench: Workspace) -> None:
        records = [judgment(f"q{i}", *WON) | {"settings": {"temperature": i}} for i in (1, 2)]
        add_judgments(bench, "one", records)
        line = error(bench, *flags())
        assert line.startswith(f"error: {self.ONE}: judge judge") and "temperature: 1 and 2" in line

    def test_a_game_may_tell_its_own(self, bench: Workspace) -> None:
        """As where one game of a judgment was played later, by another config."""
        record = judgment("q1", *WON) | {"settings": {"temperature": 0}}
        add_judgments(bench, "one", [record])
        assert show(bench, *flags()).scores["one"] == "100.0"
        record["games"][1]["settings"] = {"temperature": 0.5}
        add_judgments(bench, "one", [record])
        line = error(bench, *flags())
        assert f"{self.ONE}: " in line and "temperature: 0 and 0.5" in line

    def test_those_of_a_second_game_that_is_left_out_do_not_matter(self, bench: Workspace) -> None:
        """Nor do those of a first game that was not played."""
        record = judgment("q1", *WON) | {"settings": {"temperature": 0}}
        record["games"][1]["settings"] = {"temperature": 0.5}
        unplayed = judgment("q2", *WON) | {"games": [None, record["games"][1]]}
        add_judgments(bench, "one", [record, unplayed])
        assert "temperature: 0 and 0.5" in error(bench, *flags())
        assert show(bench, *flags(), "--first-game-only").scores["one"] == "100.0"
        record["games"][0]["settings"] = {"temperature": 0.7}
        add_judgments(
            bench, "one", [record, judgment("q2", *WON) | {"settings": {"temperature": 0}}]
        )
        assert "temperature: 0.7 and 0" in error(bench, *flags(), "--first-game-only")

    def test_those_of_the_record_do_not_count_where_each_game_tells_its_own(
        self, bench: Workspace
    ) -> None:
        record = judgment("q1", *WON) | {"settings": {"temperature": 0}}
        for game in record["games"]:
            game["settings"] = {"temperature": 1}
        add_judgments(bench, "one", [record])
        self.judged(bench, two={"temperature": 1})
        assert show(bench, *flags()).scores["one"] == "100.0"

    @pytest.mark.parametrize(
        "made", [{"temperature": 0, "max_tokens": 9}, {"temperature": 0.0}, {}, None, "by hand"]
    )
    def test_what_a_record_does_not_tell_it_cannot_disagree_in(
        self, bench: Workspace, made: object
    ) -> None:
        self.judged(bench, one={"temperature": 0}, two=made)
        add_judgments(bench, "published", [judgment("q1", *WON)])
        assert len(show(bench, *flags()).scores) == 4

    def test_the_first_need_not_tell_what_two_others_disagree_in(self, bench: Workspace) -> None:
        self.judged(bench, a={"temperature": 0}, one={"max_tokens": 1}, two={"max_tokens": 2})
        line = error(bench, *flags())
        assert f"{self.ONE} and {self.TWO}: " in line and "max_tokens: 1 and 2" in line

    def test_each_category_of_questions_may_have_its_own(self, bench: Workspace) -> None:
        """As in v2.0, whose prompts depend on the category."""
        questions = [
            {"question_id": f"q{i}", "category": category, "prompt": "?"}
            for i, category in enumerate(("coding", "writing"), 1)
        ]
        records = [
            judgment(f"q{i}", *WON) | {"settings": {"prompt_hash": prompt}}
            for i, prompt in enumerate("ab", 1)
        ]
        for model in ("one", "two"):
            add_judgments(bench, model, records)
        bench.add_questions(questions)
        assert show(bench, *flags()).scores["two"] == "100.0"
        bench.add_questions([question | {"category": "coding"} for question in questions])
        assert "prompt_hash" in error(bench, *flags())

    def test_each_judge_has_its_own(self, bench: Workspace) -> None:
        for judge, name in (("judge", "gpt-4"), ("other", "gpt-5")):
            record = judgment("q1", *WON) | {"settings": {"model_name": name}}
            add_judgments(bench, "one", [record], judge=judge)
        both = ["-b", bench.name, "-j", "judge", "other", "--baseline", "base"]
        assert show(bench, *both).scores["one"] == "100.0"

    def test_only_count_counts_them_all(self, bench: Workspace) -> None:
        self.judged(bench, one={"temperature": 0}, two={"temperature": 1})
        assert "temperature: 0 and 1" in error(bench, *flags(), "--mixed", "leave-out")
        shown = show(bench, *flags(), "--mixed", "count")
        assert shown.scores == {"one": "100.0", "two": "100.0", "base": "50.0"}

    def test_those_of_judgments_left_out_do_not_matter(self, bench: Workspace) -> None:
        self.judged(bench, one={"temperature": 0})
        foreign = judgment("q1", *WON, judge="gpt-4") | {"settings": {"temperature": 1}}
        add_judgments(bench, "two", [foreign])
        assert show(bench, *flags(), "--mixed", "leave-out").scores["one"] == "100.0"


class TestMissing:
    """`tiny` was judged on two of four questions, and won three of four games."""

    @pytest.fixture(autouse=True)
    def two_of_four(self, bench: Workspace) -> None:
        bench.add_questions(4)
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "A>B"), judgment("q2", "B>A", "B>A")])
        add_judgments(bench, "whole", [judgment(f"q{i}", *TIED) for i in range(1, 5)])

    @pytest.mark.parametrize(
        ("more", "score"),
        [
            ([], 3 / 4),
            (["--missing", "ignore"], 3 / 4),
            (["--missing", "loss"], 3 / 8),
            (["--missing", "loss", "--weight", "9"], 3 / 8),
            (["--missing", "loss", "--first-game-only"], 2 / 4),
        ],
    )
    def test_a_question_without_judgment_counts_nothing_or_a_loss_a_game(
        self, bench: Workspace, more: list[str], score: float
    ) -> None:
        shown = show(bench, *flags(), *more)
        assert shown.scores == {"tiny": f"{100 * score:.1f}", "whole": "50.0", "base": "50.0"}

    def test_one_whose_games_are_all_undecided_is_missing_too(self, bench: Workspace) -> None:
        whole = [*bench.judgments("judge", "whole")[:3], judgment("q4", None, None)]
        add_judgments(bench, "whole", whole)
        shown = show(bench, *flags())
        assert "questions judged of 4: tiny 2, whole 3" in shown.summary
        shown = show(bench, *flags(), "--missing", "loss")
        assert shown.scores["whole"] == "37.5"

    def test_only_questions_of_the_category_are_missing(self, bench: Workspace) -> None:
        questions = bench.add_questions(4)
        for question, cluster in zip(questions, ("x", "x", "x", "y"), strict=True):
            question["cluster"] = cluster
        bench.add_questions(questions)
        shown = show(bench, *flags(), "--missing", "loss", "--category", "x")
        assert shown.scores["tiny"] == "50.0"

    def test_lost_games_are_counted_and_said(self, bench: Workspace) -> None:
        shown = show(bench, *flags(), "--missing", "loss", "--full-stats")
        assert "left out: 4 missing games, counted as losses" in shown.summary
        (line,) = re.findall(r"(?m)^tiny .*\d$", shown.out.split("\n\n")[1])
        assert line.split("|")[1:] == [
            f" {value:>12}{'' if i == 6 else ' '}"
            for i, value in enumerate(["37.5", 8, 0, 3, 0, 5, 0])
        ]

    def test_the_summary_goes_on_to_say_how_many_were_judged(self, bench: Workspace) -> None:
        for missing in ("ignore", "loss"):
            shown = show(bench, *flags(), "--missing", missing)
            assert "questions judged of 4: tiny 2, whole 4" in shown.summary

    def test_scores_that_do_not_compare_fairly_bring_a_warning(self, bench: Workspace) -> None:
        def warnings(*more: str) -> list[str]:
            summary = show(bench, *flags(), *more).summary
            return [line for line in summary if line.startswith("warning:")]

        (line,) = warnings()
        assert "different questions" in line and "--missing loss" in line
        assert warnings("--missing", "loss") == []
        # As many questions, but others.
        add_judgments(bench, "whole", [judgment(f"q{i}", *TIED) for i in (1, 3)])
        assert warnings() == [line]
        add_judgments(bench, "whole", [judgment(f"q{i}", *TIED) for i in (2, 1)])
        assert warnings() == []

    def test_without_questions_nothing_can_be_missing(self, bench: Workspace) -> None:
        (bench.data / "question.jsonl").unlink()
        assert "question.jsonl" in error(bench, *flags(), "--missing", "loss")
        assert "questions judged: tiny 2, whole 4" in show(bench, *flags()).summary

    def test_repeated_questions_are_named_once(self, bench: Workspace) -> None:
        path = bench.data / "question.jsonl"
        path.write_bytes(path.read_bytes() * 2)
        for more in ([], ["--missing", "loss"], ["--category", bench.name]):
            assert show(bench, *flags(), *more).err.count("4 repeated ids") == 1

    def test_a_question_that_was_not_even_answered_is_not_blamed_on_missing_metadata(
        self, bench: Workspace
    ) -> None:
        """Advice that does not help is worse than none: there is nothing to measure."""
        lengths = {"base": 4, "whole": 4, "tiny": 2}
        for model, answered in lengths.items():
            answers = [
                {"question_id": f"q{i}", "conv_metadata": {"token_len": 10 * i + len(model)}}
                for i in range(1, answered + 1)
            ]
            bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
        line = error(bench, *flags(), "--missing", "loss", "-f", "length")
        assert "tiny.jsonl" in line and "q3" in line and "add_markdown_info" not in line


def test_flags_that_are_no_such_value_are_refused_by_name(bench: Workspace) -> None:
    add_judgments(bench, "tiny", random_judgments(1))
    wrong: Sequence[tuple[str, str]] = [
        ("--missing", "win"),
        ("--resample", "games"),
        ("--seed", "-1"),
        ("--seed", "x"),
        ("--num-rounds", "0"),
        ("--weight", "0"),
        ("--workers", "0"),
    ]
    for flag, value in wrong:
        shown = show(bench, *flags(), flag, value, check=2)
        assert f"argument {flag}: " in shown.err
