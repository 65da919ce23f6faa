"""From judgments to battles, through show_result.py: several judges, their settings,
and missing judgments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from boards import error, few, flags, named, show
from conftest import Workspace
from judgments import (
    TIED,
    WON,
    add_judgments,
    judgment,
    random_judgments,
)


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
        assert "did you mean 'two'" in line and "Judges here: one, two" in line

    def test_a_model_that_only_one_of_them_judged_is_on_the_board(self, bench: Workspace) -> None:
        add_judgments(bench, "other", [judgment("q1", *TIED)], judge="two")
        shown = show(bench, *flags()[:2], "--baseline", "base", "-j", "one", "two")
        assert shown.scores == {"tiny": "75.0", "base": "50.0", "other": "50.0"}

    def test_a_model_that_none_judged_is_named(self, bench: Workspace) -> None:
        for model in ("base", "tiny", "new"):
            bench.add_answers(model, {"q1": "text"})
        shown = show(bench, *flags()[:2], "--baseline", "base", "-j", "one", "two")
        assert "skipped: new: not judged by one, two" in shown.summary


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
        done = show(bench, *flags(), check=2)
        assert done.out == "" and done.err == (
            f"error: {self.ONE} and {self.TWO}: judge judge used different judge "
            "prompts. Run gen_judgment.py --bench-name test-v1 --judge-name judge --stale redo to "
            "make them equal, or accept them with --mixed count.\n"
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
        assert "different judge prompts" in error(bench, *flags())

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

    def test_each_judge_of_the_model_adds_a_loss_a_game(self, bench: Workspace) -> None:
        """A second judge has judged `tiny` on `q1` alone."""
        whole = [judgment(f"q{i}", *TIED) for i in range(1, 5)]
        add_judgments(bench, "whole", whole, "second")
        add_judgments(bench, "tiny", [judgment("q1", "B>A", "A>B")], "second")
        shown = show(bench, *named(), "--judge-name", "second", "--missing", "loss")
        # Points 3 and 2, of 4 and 2 judged games and 2 questions x 2 judges x 2 losses.
        assert shown.scores == {"tiny": f"{100 * 5 / 14:.1f}", "whole": "50.0", "base": "50.0"}
        assert "added: 8 plain losses (`>`), one for each missing game" in shown.summary
        # The first has 3 of 4 games and 4 losses, the second 2 of 2 and 4.
        assert re.search(r"(?m)^tiny .*by judge: 33-38$", shown.out)

    def test_copies_of_a_judge_change_nothing(self, bench: Workspace) -> None:
        for model in ("tiny", "whole"):
            copies = [record | {"judge": "copy"} for record in bench.judgments("judge", model)]
            add_judgments(bench, model, copies, "copy")
        alone = show(bench, *flags(), "--missing", "loss")
        both = show(bench, *named(), "--judge-name", "copy", "--missing", "loss")
        assert both.scores == alone.scores == {"tiny": "37.5", "whole": "50.0", "base": "50.0"}

    def test_precision_is_of_the_lost_questions_as_well(self, bench: Workspace) -> None:
        bench.add_questions(8)
        shown = show(bench, *flags(), "--missing", "loss")
        assert few(8) in shown.summary

    def test_only_questions_of_the_category_are_missing(self, bench: Workspace) -> None:
        questions = bench.add_questions(4)
        for question, cluster in zip(questions, ("x", "x", "x", "y"), strict=True):
            question["cluster"] = cluster
        bench.add_questions(questions)
        shown = show(bench, *flags(), "--missing", "loss", "--category", "x")
        assert shown.scores["tiny"] == "50.0"

    def test_lost_games_are_counted_and_said(self, bench: Workspace) -> None:
        shown = show(bench, *flags(), "--missing", "loss", "--full-stats")
        assert "added: 4 plain losses (`>`), one for each missing game" in shown.summary
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
