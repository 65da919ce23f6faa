"""The ensemble of judges: its records, joining, what is refused, and its board."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Workspace, tree
from judgments import add_judgments, judgment, random_answers

import gen_ensemble_judgment
from arena.base.record_file import locked
from arena.bench.labels import LABELS

SCRIPT = "gen_ensemble_judgment.py"
RULES = ("mean", "majority", "median")


@pytest.fixture
def two_judges(bench: Workspace) -> Workspace:
    """Two judges of one model and two questions."""
    bench.add_questions(2)
    for judge, label in (("J1", "A>>B"), ("J2", "A>B")):
        records = [judgment("q2", label, "B>A"), judgment("q1", label, "B>A")]
        add_judgments(bench, "tiny", records, judge=judge)
    return bench


Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(
    two_judges: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Main:
    """Runs the script in this process; returns status, stdout and stderr."""
    monkeypatch.chdir(two_judges.root)

    def run(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = gen_ensemble_judgment.main(["--bench-name", "test-v1", *args])
        return status, *capsys.readouterr()

    return run


def labels_of(bench: Workspace, model: str = "tiny", judge: str = "ensemble") -> dict[str, Any]:
    """Question id to the labels of the ensemble's games."""
    records = bench.judgments(judge, model)
    return {record["question_id"]: [g["score"] for g in record["games"]] for record in records}


class TestRecords:
    def test_a_record_says_how_it_was_made(self, two_judges: Workspace, main: Main) -> None:
        assert main("--rule", "median")[0] == 0
        record = {
            "question_id": "q1",
            "model": "tiny",
            "judge": "ensemble",
            "baseline": "base",
            "games": [
                {"score": "A>>B", "scores": {"J1": "A>>B", "J2": "A>B"}},
                {"score": "B>A", "scores": {"J1": "B>A", "J2": "B>A"}},
            ],
            "judges": ["J1", "J2"],
            "rule": "median",
        }
        assert two_judges.judgments("ensemble", "tiny") == [
            record,
            record | {"question_id": "q2"},
        ]

    def test_the_repeats_of_one_judge_become_one_label(
        self, two_judges: Workspace, main: Main
    ) -> None:
        path = two_judges.data / "model_judgment/J1/tiny.jsonl"
        records = two_judges.judgments("J1", "tiny")
        labels = ["A>>B", "A=B", "A=B", None]
        for record in records:
            first = {"score": labels[0], "repeats": [{"score": label} for label in labels[1:]]}
            record["games"] = [first, None]
        two_judges.write(path, records)
        for rule, score in (("mean", "A>B"), ("majority", "A=B"), ("median", "A=B")):
            assert main("--judge-name", "J1", "--rule", rule)[0] == 0
            (record, _) = two_judges.judgments("ensemble", "tiny")
            game, unplayed = record["games"]
            assert game == {"score": score, "scores": {"J1": score}, "verdicts": labels}
            assert unplayed["score"] is None and record["judges"] == ["J1"]
        # A judge with repeats has no more say than another.
        assert main("--judge-name", "J1", "J2", "--rule", "mean")[0] == 0
        (record, _) = two_judges.judgments("ensemble", "tiny")
        assert record["games"][0] == {"score": "A>B", "scores": {"J1": "A>B", "J2": "A>B"}}
        assert record["games"][1]["scores"] == {"J1": None, "J2": "B>A"}

    def test_the_same_input_gives_the_same_bytes(self, two_judges: Workspace, main: Main) -> None:
        main()
        before = tree(two_judges.root)
        main("--judges", "J1", "J2")
        assert tree(two_judges.root) == before

    def test_nothing_is_left_behind(self, two_judges: Workspace, main: Main) -> None:
        before = set(tree(two_judges.root))
        main("--name", "org/both")
        folder = "data/test-v1/model_judgment/org"
        assert set(tree(two_judges.root)) - before == {
            folder,
            f"{folder}/both",
            f"{folder}/both/tiny.jsonl",
        }
        assert two_judges.judgments("org/both", "tiny")[0]["judge"] == "org/both"

    def test_v2_0_questions_get_v2_0_records(self, bench: Workspace) -> None:
        questions = [
            {"uid": "u1", "category": "hard_prompt", "subcategory": "x", "prompt": "a"},
            {"uid": "u2", "prompt": "a"},
            {"question_id": "q3", "category": "c", "turns": [{"content": "a"}]},
        ]
        bench.add_questions(questions)
        for judge in ("J1", "J2"):
            games = [{"score": "A>B", "judgment": {"answer": "..."}, "prompt": []}, None]
            new = [{"uid": uid, "category": "hard_prompt", "games": games} for uid in ("u1", "u2")]
            add_judgments(bench, "tiny", [*new, judgment("q3", "A=B")], judge=judge)
        bench.run(SCRIPT, "--bench-name", "test-v1", check=0)
        found = {record.get("uid"): record for record in bench.judgments("ensemble", "tiny")}
        assert found["u1"] == {
            "uid": "u1",
            "category": "hard_prompt",
            "judge": "ensemble",
            "model": "tiny",
            "baseline": "base",
            "games": [
                {"score": "A>B", "scores": {"J1": "A>B", "J2": "A>B"}},
                {"score": None, "scores": {"J1": None, "J2": None}},
            ],
            "judges": ["J1", "J2"],
            "rule": "mean",
        }
        assert found["u2"]["category"] == ""
        assert found[None]["question_id"] == "q3" and "category" not in found[None]
        show(bench, "--category", "hard_prompt", "--method", "bradley-terry")

    def test_without_a_question_file_records_are_of_v0_1(
        self, two_judges: Workspace, main: Main
    ) -> None:
        (two_judges.data / "question.jsonl").unlink()
        assert main()[0] == 0
        assert set(labels_of(two_judges)) == {"q1", "q2"}


class TestJoining:
    def test_what_one_judge_lacks_is_left_out_and_reported(
        self, two_judges: Workspace, main: Main
    ) -> None:
        for judge in ("J1", "J2", "J3"):
            ids = {"J1": ("q1", "q2", "q3"), "J2": ("q2", "q3", "q4"), "J3": ("q5", "q3", "q2")}
            records = [judgment(q, "A>B") for q in ids[judge]]
            add_judgments(two_judges, "tiny", records, judge=judge)
        for model, judges in {"some": ("J1", "J2"), "org/one": ("J3",)}.items():
            for judge in judges:
                add_judgments(two_judges, model, [judgment("q1", "A=B")], judge=judge)
        for judge in ("J1", "J2", "J3"):
            add_judgments(two_judges, "apart", [judgment(f"q{judge}", "A=B")], judge=judge)
        status, out, err = main()
        assert (status, err) == (0, "")
        assert out.splitlines() == [
            "ensemble: mean of J1, J2, J3",
            "data/test-v1/model_judgment/ensemble/tiny.jsonl: 2 judgments, 0 of 2 games undecided",
            "apart: skipped, no question judged by all",
            "org/one: skipped, not judged by J1, J2",
            "some: skipped, not judged by J3",
            "tiny: 3 questions against base skipped, not judged by all",
        ]
        assert labels_of(two_judges) == {"q2": ["A>B"], "q3": ["A>B"]}
        folder = two_judges.data / "model_judgment/ensemble"
        assert [p.name for p in folder.iterdir()] == ["tiny.jsonl"]

    def test_skipped_questions_are_those_of_a_baseline(
        self, two_judges: Workspace, main: Main
    ) -> None:
        """All against `base` are combined: each judge has others against other baselines."""
        for judge, others in {"J1": [("q1", "b2"), ("q2", "b2")], "J2": [("q1", "b3")]}.items():
            records = [judgment("q1", "A>B"), judgment("q2", "A>B")]
            records += [judgment(q, "A>B") | {"baseline": baseline} for q, baseline in others]
            add_judgments(two_judges, "tiny", records, judge=judge)
        _, out, _ = main()
        assert out.splitlines()[-3:] == [
            "data/test-v1/model_judgment/ensemble/tiny.jsonl: 2 judgments, 0 of 2 games undecided",
            "tiny: 2 questions against b2 skipped, not judged by all",
            "tiny: 1 question against b3 skipped, not judged by all",
        ]

    def test_the_newest_of_several_records_counts(self, two_judges: Workspace, main: Main) -> None:
        records = [judgment("q1", "B>>A"), judgment("q1", "A>B")]
        add_judgments(two_judges, "tiny", records, judge="J1")
        add_judgments(two_judges, "tiny", [judgment("q1", "A>B")], judge="J2")
        _, _, err = main()
        assert "J1/tiny.jsonl: 1 repeated ids" in err
        assert labels_of(two_judges) == {"q1": ["A>B"]}

    def test_games_that_are_missing_have_no_verdict(
        self, two_judges: Workspace, main: Main
    ) -> None:
        first = [judgment("q1", "A>B"), {"question_id": "q2", "games": [None, {}]}]
        second = [judgment("q1", "A>B", "B>>A"), {"question_id": "q2", "games": []}]
        for judge, records in (("J1", first), ("J2", second)):
            add_judgments(two_judges, "tiny", records, judge=judge)
        _, out, _ = main()
        assert labels_of(two_judges) == {"q1": ["A>B", "B>>A"], "q2": [None, None]}
        assert "2 judgments, 2 of 4 games undecided" in out
        assert "J1: no verdict on 3 of these games\nJ2: no verdict on 2 of these games" in out

    def test_the_name_of_a_model_and_of_a_judge_may_hold_a_slash(
        self, two_judges: Workspace, main: Main
    ) -> None:
        for judge in ("org/J3", "org/J4"):
            add_judgments(two_judges, "lab/tiny", [judgment("q1", "A>B")], judge=judge)
        assert main("--judges", "org/J3", "org/J4", "--name", "both")[0] == 0
        assert labels_of(two_judges, "lab/tiny", "both") == {"q1": ["A>B"]}

    def test_all_judges_but_ensembles_take_part(self, two_judges: Workspace, main: Main) -> None:
        for name in ("ensemble", "another", "org/third"):
            _, out, _ = main("--name", name)
            assert out.startswith(f"{name}: mean of J1, J2\n")
        (two_judges.data / "model_judgment/empty").mkdir()
        two_judges.write(two_judges.data / "model_judgment/.hidden/tiny.jsonl", [judgment("q1")])
        two_judges.write(two_judges.data / "model_judgment/notes.txt", "x")
        two_judges.write(two_judges.data / "model_judgment/loose.jsonl", [judgment("q1")])
        assert main()[1].startswith("ensemble: mean of J1, J2\n")

    def test_people_take_part_only_if_they_are_named(
        self, two_judges: Workspace, main: Main
    ) -> None:
        votes = [judgment("q1", "B>>A"), judgment("q2", "B>>A")]
        add_judgments(two_judges, "tiny", votes, judge="human-anna")
        _, out, _ = main()
        assert out.startswith("ensemble: mean of J1, J2\n")
        assert out.endswith("human-anna: left out. Name all judges to include people.\n")
        _, out, _ = main("--judge-name", "J1", "human-anna")
        assert out.startswith("ensemble: mean of J1, human-anna\n") and "left out" not in out

    def test_judges_in_folders_of_folders_are_found_by_their_records(
        self, two_judges: Workspace, main: Main
    ) -> None:
        for judge in ("org/J3", "org/J4"):
            add_judgments(two_judges, "tiny", [judgment("q1", "A>B")], judge=judge)
        add_judgments(two_judges, "lab/tiny", [judgment("q1", "A>B")], judge="J1")
        for model in ("tiny", "lab/tiny"):
            path = two_judges.data / f"model_judgment/J5/{model}.jsonl"
            two_judges.write(path, [judgment("q1", "A>B", baseline="base")])  # names no judge
        _, out, _ = main()
        assert out.startswith("ensemble: mean of J1, J2, J5, org/J3, org/J4\n")
        assert labels_of(two_judges) == {"q1": ["A>>B", "B>A"]}

    def test_an_ensemble_that_is_named_is_a_judge(self, two_judges: Workspace, main: Main) -> None:
        main()
        assert main("--judges", "ensemble", "J2", "--name", "deep")[0] == 0
        assert labels_of(two_judges, judge="deep")["q1"] == ["A>>B", "B>A"]

    def test_the_bench_is_that_of_the_judge_config(self, two_judges: Workspace) -> None:
        two_judges.write_judge_config("J1", "base")
        two_judges.run(SCRIPT, check=0)
        before = two_judges.judgments("ensemble", "tiny")
        config = (two_judges.root / "config").rename(two_judges.root / "other")
        (two_judges.root / "data").rename(two_judges.root / "elsewhere")
        flags = ("--config-file", config / "judge_config.yaml", "--data-dir", "elsewhere")
        two_judges.run(SCRIPT, *flags, "--rule", "majority", check=0)
        path = "elsewhere/test-v1/model_judgment/ensemble/tiny.jsonl"
        assert [r | {"rule": "mean"} for r in two_judges.read_jsonl(path)] == before


class TestBaselines:
    def add(self, bench: Workspace, judge: str, *records: tuple[str, str | None, str]) -> None:
        made = [judgment(q, label, baseline=baseline) for q, baseline, label in records]
        add_judgments(bench, "tiny", made, judge=judge)

    def found(self, bench: Workspace) -> list[tuple[str, str | None, str]]:
        records = bench.judgments("ensemble", "tiny")
        return [(r["question_id"], r.get("baseline"), r["games"][0]["score"]) for r in records]

    def test_each_baseline_is_joined_with_its_own(self, two_judges: Workspace, main: Main) -> None:
        self.add(two_judges, "J1", ("q1", "b", "A>B"), ("q1", "a", "B>A"), ("q2", "a", "A=B"))
        self.add(two_judges, "J2", ("q1", "a", "B>A"), ("q1", "b", "A>B"), ("q2", "b", "A=B"))
        _, out, _ = main()
        assert self.found(two_judges) == [("q1", "a", "B>A"), ("q1", "b", "A>B")]
        assert "tiny: 1 question against a skipped" in out and "1 question against b skipped" in out

    def test_a_missing_baseline_is_the_one_of_the_judge_config(
        self, two_judges: Workspace, main: Main
    ) -> None:
        two_judges.write_judge_config("J1", "base")
        self.add(two_judges, "J1", ("q1", None, "A>B"), ("q2", "base", "A>B"))
        self.add(two_judges, "J2", ("q1", "base", "A>B"), ("q2", None, "A>B"))
        main()
        assert self.found(two_judges) == [("q1", "base", "A>B"), ("q2", "base", "A>B")]

    def test_a_missing_baseline_is_not_guessed_without_a_judge_config(
        self, two_judges: Workspace, main: Main
    ) -> None:
        two_judges.add_questions(3)
        self.add(two_judges, "J1", ("q1", None, "A>B"), ("q2", None, "A>B"), ("q3", "a", "A>B"))
        self.add(two_judges, "J2", ("q1", "a", "A>B"), ("q2", None, "A>B"), ("q3", "b", "A>B"))
        _, out, _ = main()
        assert self.found(two_judges) == [("q2", None, "A>B")]
        assert "tiny: 1 question skipped" in out and "tiny: 2 questions against a skipped" in out

    def test_a_missing_baseline_is_the_one_of_the_category(
        self, two_judges: Workspace, main: Main
    ) -> None:
        """Verdicts of v0.1, which name none, beside those of v2.0."""
        questions = [("q1", "old"), ("q2", "new"), ("q3", "new")]
        two_judges.add_questions(
            [{"question_id": q, "category": c, "prompt": "?"} for q, c in questions]
        )
        categories = {"new": {"baseline_model": "o3"}}
        two_judges.write_judge_config("J1", "elsewhere", categories=categories)
        for judge in ("J1", "J2"):
            named = ("q3", "o3" if judge == "J1" else None, "A>B")
            self.add(two_judges, judge, ("q1", None, "A>B"), ("q2", "o3", "A>B"), named)
        main()
        expected = [("q1", None, "A>B"), ("q2", "o3", "A>B"), ("q3", "o3", "A>B")]
        assert self.found(two_judges) == expected

    def test_a_baseline_that_nobody_names_is_not_made_up(
        self, two_judges: Workspace, main: Main
    ) -> None:
        two_judges.write_judge_config("J1", "another")
        self.add(two_judges, "J1", ("q1", None, "A>B"))
        self.add(two_judges, "J2", ("q1", None, "A>B"))
        main()
        assert "baseline" not in two_judges.judgments("ensemble", "tiny")[0]
        assert "base " in show(two_judges)


Spoil = Callable[[Workspace], object]


def file(judge: str, *records: object) -> Spoil:
    return lambda bench: bench.write(bench.data / f"model_judgment/{judge}/tiny.jsonl", records)


def nothing(bench: Workspace) -> None:
    """The flags are wrong."""


PUBLISHED = judgment("q1", "A>B", model="tiny", judge="ensemble")
WRONG: dict[str, tuple[Spoil, tuple[str, ...], tuple[str, ...]]] = {
    "one judge named": (nothing, ("--judges", "J1"), ("two judges or more, got: J1",)),
    "one judge there": (
        lambda b: (b.data / "model_judgment/J1").rename(b.root / "J1"),
        (),
        ("data/test-v1/model_judgment", "two judges or more, got: J2"),
    ),
    "no such bench": (nothing, ("--bench-name", "nope"), ("data/nope", "got: none")),
    "no such bench, judges named": (
        nothing,
        ("--bench-name", "nope", "--judges", "J1", "J2"),
        ("data/nope: no such bench", "test-v1"),
    ),
    "an unknown judge": (nothing, ("--judges", "J1", "J22"), ("J22", "'J2'", "J1, J2")),
    "a judge outside": (nothing, ("--judges", "J1", "../J2"), ("'../J2'",)),
    "the name of a person": (nothing, ("--name", "human-anna"), ("names of people begin with",)),
    "a name outside": (nothing, ("--name", "../x"), ("'../x'",)),
    "a judge twice": (nothing, ("--judges", "J1", "J2", "J1"), ("'J1' is named 2 times",)),
    "the name of a judge": (
        nothing,
        ("--judges", "J1", "J2", "--name", "J1"),
        ("--name J1", "'J1'"),
    ),
    "a name in a judge's folder": (nothing, ("--name", "J1/both"), ("--name J1/both", "'J1'")),
    "a name around a judge's folder": (
        file("J3/x", PUBLISHED | {"judge": "J3/x"}),
        ("--judges", "J1", "J3/x", "--name", "J3"),
        ("--name J3", "'J3/x'"),
    ),
    "no model in common": (
        lambda b: add_judgments(b, "other", [judgment("q1", "A>B")], judge="J3"),
        ("--judges", "J1", "J3"),
        ("no question was judged by all of J1, J3", "other: skipped, not judged by J1"),
    ),
    "no question in common": (
        lambda b: add_judgments(b, "tiny", [judgment("q9", "A>B")], judge="J3"),
        ("--judges", "J1", "J3"),
        ("no question was judged by all of J1, J3", "tiny: skipped, no question judged by all"),
    ),
    "no judgment": (
        lambda b: (file("J1")(b), file("J2")(b)),
        ("--judges", "J1", "J2"),
        ("no question was judged by all of J1, J2", "tiny: skipped"),
    ),
    "scores that are numbers": (
        file("J2", {"question_id": "q1", "games": [{"score": 7}]}),
        (),
        ("J2/tiny.jsonl", "grades"),
    ),
    "judgments of another judge": (
        file("J2", PUBLISHED | {"judge": "J7"}),
        (),
        ("J2/tiny.jsonl", "another judge, 'J7'"),
    ),
    "a file that is no JSONL": (
        lambda b: b.write(b.data / "model_judgment/J2/tiny.jsonl", "x\ny\n"),
        (),
        ("J2/tiny.jsonl:1",),
    ),
    "a published ensemble": (
        file("ensemble", PUBLISHED),
        (),
        ("ensemble/tiny.jsonl", "not written by this script", "--name", "--overwrite"),
    ),
    "a published record among ours": (
        file("ensemble", PUBLISHED | {"rule": "mean"}, PUBLISHED),
        (),
        ("ensemble/tiny.jsonl", "not written by this script"),
    ),
    "a published model that no longer belongs": (
        lambda b: b.write(b.data / "model_judgment/ensemble/gone.jsonl", [PUBLISHED]),
        ("--overwrite",),
        ("ensemble/gone.jsonl", "move it away"),
    ),
    "an ensemble in the folder": (
        file("ensemble/other", PUBLISHED | {"rule": "mean", "judge": "ensemble/other"}),
        (),
        ("ensemble/other/tiny.jsonl", "not written by this script"),
    ),
}


class TestRefusals:
    @pytest.mark.parametrize("case", WRONG)
    def test_one_line_says_what_is_wrong_and_nothing_is_written(
        self, two_judges: Workspace, main: Main, case: str
    ) -> None:
        spoil, flags, words = WRONG[case]
        spoil(two_judges)
        before = tree(two_judges.root)
        status, out, err = main(*flags)
        assert (status, out) == (2, "")
        assert err.startswith("error: ") and err.count("\n") == 1
        assert [word for word in words if word not in err] == [], err
        assert tree(two_judges.root) == before

    def test_an_unknown_rule_is_named(self, two_judges: Workspace) -> None:
        done = two_judges.run(SCRIPT, "--rule", "best", check=2)
        assert "best" in done.stderr and "majority" in done.stderr

    def test_an_ensemble_that_another_run_is_writing_is_left_alone(
        self, two_judges: Workspace, main: Main
    ) -> None:
        with locked(two_judges.data / "model_judgment/ensemble"):
            status, _, err = main()
        assert status == 2 and "another run is writing" in err
        assert not (two_judges.data / "model_judgment/ensemble").exists()


class TestAnEarlierEnsemble:
    def test_it_is_made_anew(self, two_judges: Workspace, main: Main) -> None:
        add_judgments(two_judges, "tiny", [judgment("q2", "B>>A")], judge="J3")
        for judge in ("J1", "J2"):
            add_judgments(two_judges, "org/gone", [judgment("q1", "A>B")], judge=judge)
        main("--judges", "J1", "J2")
        status, out, _ = main("--judges", "J2", "J3", "--rule", "majority")
        assert status == 0
        assert "org/gone: removed" in out and "org/gone: skipped, not judged by J3" in out
        (record,) = two_judges.judgments("ensemble", "tiny")
        assert (record["judges"], record["rule"]) == (["J2", "J3"], "majority")
        files = (two_judges.data / "model_judgment/ensemble").rglob("*.jsonl")
        assert [path.name for path in files] == ["tiny.jsonl"]

    def test_published_judgments_are_replaced_when_told_to(
        self, two_judges: Workspace, main: Main
    ) -> None:
        file("ensemble", PUBLISHED)(two_judges)
        assert main("--overwrite")[0] == 0
        assert set(labels_of(two_judges)) == {"q1", "q2"}
        assert main()[0] == 0


def show(bench: Workspace, *flags: str) -> str:
    """The board of the ensemble."""
    usual = ("--bench-name", "test-v1", "--judge-name", "ensemble", "--baseline", "base")
    done = bench.run("show_result.py", *usual, "--num-rounds", "3", *flags, check=0)
    assert done.stderr == ""
    return done.stdout


class TestTheBoard:
    def test_style_is_measured_as_for_the_judgments_that_it_joins(
        self, two_judges: Workspace, main: Main
    ) -> None:
        """From its mean if one of them is published, without settings. The ensemble keeps that."""
        for seed, model in enumerate(("base", "tiny")):
            answers = random_answers(seed, 2)
            two_judges.write(two_judges.data / f"model_answer/{model}.jsonl", answers)
        centres = []
        for made_here in ((), ("J1",), ("J1", "J2")):
            for judge in made_here:
                records = two_judges.judgments(judge, "tiny")
                settings = {"settings": {"model_name": judge}}
                add_judgments(two_judges, "tiny", [r | settings for r in records], judge=judge)
            main()
            show(two_judges, "--style-control", "--json", "b.json")
            centres.append(json.loads((two_judges.root / "b.json").read_text())["style_center"])
        assert centres == ["mean", "mean", "none"]

    def test_show_result_counts_the_ensemble_like_any_judge(
        self, two_judges: Workspace, main: Main
    ) -> None:
        labels = {
            "J1": (("A>>B", "B>>A"), ("B>A", None), ("A=B", "A=B")),
            "J2": (("A>>B", "B>>A"), ("B>>A", None), ("A>B", "B>A")),
            "J3": (("A=B", "A=B"), ("A=B", None), ("A=B", "A>>B")),
        }
        for judge, games in labels.items():
            records = [judgment(f"q{i}", *pair) for i, pair in enumerate(games)]
            add_judgments(two_judges, "tiny", records, judge=judge)
        main()
        assert list(labels_of(two_judges).values()) == [
            ["A>>B", "B>>A"],
            ["B>A", None],
            ["A>B", "A>B"],
        ]
        out = show(two_judges)
        # q0: two strong losses (weight 3); q1: a win; q2: a loss and a win; so 2 of 9 are won.
        assert "tiny                           | score: 22.2" in out
        assert "3 judgments, 9 weighted battles, 1 games without verdict" in out

    def test_its_board_is_that_of_a_judge_with_the_same_labels(
        self, two_judges: Workspace, main: Main, tmp_path: Path
    ) -> None:
        draw = random.Random(7)
        ids = [f"q{i}" for i in range(30)]
        for model, judge in itertools.product(("tiny", "small"), ("J1", "J2", "J3")):
            records = [judgment(q, *draw.choices((*LABELS, None), k=2)) for q in ids]
            add_judgments(two_judges, model, records, judge=judge)
        main("--rule", "median")
        board = show(two_judges)
        for model in ("tiny", "small"):
            plain = [judgment(q, *labels) for q, labels in labels_of(two_judges, model).items()]
            add_judgments(two_judges, model, plain, judge="ensemble")
        assert "rule" not in json.dumps(two_judges.judgments("ensemble", "tiny"))
        assert show(two_judges) == board

    @pytest.mark.parametrize(
        ("flag", "values", "what", "shown"),
        [
            ("--rule", ("mean", "median"), "rules", "mean and median"),
            ("--judges", (("J1", "J2"), ("J1", "J3")), "judges", r"J1 \+ J2 and J1 \+ J3"),
        ],
    )
    def test_files_of_two_ensembles_under_one_name_make_no_board(
        self, two_judges: Workspace, main: Main, flag: str, values: Any, what: str, shown: str
    ) -> None:
        for model, judge in itertools.product(("tiny", "small"), ("J1", "J2", "J3")):
            add_judgments(two_judges, model, [judgment("q1", "A>B", "B>A")], judge=judge)
        first, second = ([value] if isinstance(value, str) else value for value in values)
        main(flag, *first)
        kept = two_judges.judgments("ensemble", "small")
        main(flag, *second)
        two_judges.write(two_judges.data / "model_judgment/ensemble/small.jsonl", kept)
        board = ("--judge-name", "ensemble", "--bench-name", two_judges.name)
        done = two_judges.run("show_result.py", *board, "--baseline", "base", check=2)
        assert re.search(rf"small\.jsonl and .*tiny\.jsonl: .* {what} \({shown}\)", done.stderr)
        assert "--bench-name test-v1 --name ensemble to make them again" in done.stderr
