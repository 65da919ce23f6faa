"""judge_report.py --human: agreement with a person on the same pairs, against scikit-learn."""

from __future__ import annotations

import json
import random
import re

import pytest
from conftest import RunMain, Workspace
from judgments import add_judgments, judgment
from sklearn.metrics import cohen_kappa_score

NAMES = ("--bench-name", "test-v1", "--baseline", "base", "--human")


@pytest.fixture
def voted(bench: Workspace) -> Workspace:
    rng = random.Random(3)
    bench.add_questions(40)
    labels = [rng.choice(["A>B", "A=B", "B>A", "B>>A"]) for _ in range(40)]
    others = [label if rng.random() < 0.6 else "A>B" for label in labels]
    for judge, own, number in (("human-anna", labels, 30), ("human-bob", others, 20)):
        votes = [judgment(f"q{i}", label) for i, label in enumerate(own[:number], 1)]
        for vote in votes:
            vote["games"].append(None)
        votes[0]["games"][0]["repeats"] = [{"score": own[0]}, {"score": "A=B"}]
        add_judgments(bench, "m", votes, judge=judge)
    swapped = {"A>B": "B>A", "A=B": "A=B", "B>A": "A>B", "B>>A": "A>>B"}
    both = [judgment(f"q{i}", one, swapped[one]) for i, one in enumerate(others, 1)]
    add_judgments(bench, "m", both)
    return bench


def test_agreement_and_kappa_are_those_of_scikit_learn(voted: Workspace, run_main: RunMain) -> None:
    done = run_main("judge_report.py", *NAMES, "human-anna", "--json", "-")
    report = json.loads(done.out)
    names = [(one["judge"], one["pairs"]) for one in report["judges"]]
    assert names == [("human-bob", 20), ("judge", 30)]
    for one in report["judges"]:
        cells = [(y, f, count) for y, row in enumerate(one["table"]) for f, count in enumerate(row)]
        first = [y for y, _, count in cells for _ in range(count)]
        second = [f for _, f, count in cells for _ in range(count)]
        for name, weights in (("kappa", None), ("weighted", "quadratic")):
            found, expected = one[name], cohen_kappa_score(first, second, weights=weights)
            assert found["value"] == pytest.approx(expected)
            assert found["lower"] < expected < found["upper"]
        share = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
        assert one["agreement"]["value"] == pytest.approx(100 * share)
        for group in one["by"].values():
            assert sum(number for _, number in group.values()) == one["pairs"]
    assert report["again"] == 2


def test_only_pairs_of_the_category_count(voted: Workspace, run_main: RunMain) -> None:
    questions = voted.read_jsonl(voted.data / "question.jsonl")
    for question in questions[:12]:
        question["cluster"] = "easy"
    voted.add_questions(questions)
    flags = (*NAMES, "human-anna", "--category", "easy", "--json", "-")
    report = json.loads(run_main("judge_report.py", *flags).out)

    def outcomes(judge: str) -> list[str]:
        records = voted.judgments(judge, "m")[1:12]  # q1 has repeats
        return [record["games"][0]["score"].replace(">>", ">") for record in records]

    same = sum(map(str.__eq__, outcomes("judge"), outcomes("human-anna")))
    (judge,) = [one for one in report["judges"] if one["judge"] == "judge"]
    assert judge["pairs"] == 12
    assert sum(judge["table"][i][i] for i in range(3)) - same in (0, 1)
    assert list(judge["by"]["cluster"]) == ["easy"]
    done = run_main("judge_report.py", *NAMES, "human-anna", "--category", "eas", check=2)
    assert "no category or cluster 'eas'" in done.err


@pytest.mark.parametrize("names", [NAMES, (*NAMES[:2], NAMES[-1])])
def test_votes_count_in_either_order(
    voted: Workspace, run_main: RunMain, names: tuple[str, ...]
) -> None:
    done = run_main("judge_report.py", *names, "human-anna", "--judge-name", "judge")
    swapped = {"A>B": "B>A", "A=B": "A=B", "B>A": "A>B", "B>>A": "A>>B"}
    records = voted.judgments("human-anna", "m")
    for record in records:
        for game in (record["games"][0], *record["games"][0].get("repeats", [])):
            game["score"] = swapped[game["score"]]
    (voted.data / "model_judgment/human-anna/m.jsonl").unlink()
    turned = [record | {"model": "base", "baseline": "m"} for record in records]
    add_judgments(voted, "base", turned, judge="human-anna")
    again = run_main("judge_report.py", *names, "human-anna", "--judge-name", "judge")
    assert again.out == done.out


@pytest.mark.parametrize("flag", ["--confusion", "--family none.yaml", "--mixed count"])
def test_flags_without_effect_are_refused(voted: Workspace, run_main: RunMain, flag: str) -> None:
    done = run_main("judge_report.py", *NAMES, "human-anna", *flag.split(), check=2)
    assert f"{flag.split()[0]}: not allowed with --human. Leave out one of them." in done.err


def test_the_text_names_the_ceiling_and_repeated_votes(voted: Workspace, run_main: RunMain) -> None:
    done = run_main("judge_report.py", *NAMES, "human-anna")
    lines = done.out.splitlines()
    assert lines[0].split("  ")[0] == "with human-anna"
    assert any(line.startswith("human-anna \\ judge") for line in lines)
    assert "the agreement of people with each other is the ceiling for a judge" in lines
    assert lines[-1].startswith("human-anna on a pair again: ")
    assert lines[-1].endswith(" of 2 votes as the first")


def test_votes_are_compared_in_the_order_in_which_they_were_given(
    voted: Workspace, run_main: RunMain
) -> None:
    """The first vote saw the model as A, which is the second game."""
    rows = "q1,m,base,m\nq1,base,m,tie\nq1,m,base,tie\nq1,base,m,m\n"
    voted.write("v.csv", f"question_id,model_a,model_b,winner\n{rows}")
    run_main("import_data.py", "v.csv", "--bench-name", "test-v1", "--votes-of", "eve", check=1)
    done = run_main("judge_report.py", *NAMES, "human-eve")
    assert done.out.splitlines()[-1].endswith("pair again: 1 of 3 votes as the first")


def test_the_page_has_the_numbers_of_the_text(
    voted: Workspace, bench: Workspace, run_main: RunMain
) -> None:
    done = run_main("judge_report.py", *NAMES, "human-anna", "--html", "people.html")
    page = (bench.root / "people.html").read_text()
    head, *rows = done.out.splitlines()[:3]
    assert [re.split(r"  +", row)[0] for row in rows] == ["human-bob", "judge"]
    for row in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in re.split(r"  +", row.strip()))
        assert f"<tr>{cells}</tr>" in page
    assert "human-anna (rows) and judge (columns), pairs" in page
    assert "ceiling for a judge" in page and "<script" not in page


def test_few_questions_have_no_interval(bench: Workspace, run_main: RunMain) -> None:
    bench.add_questions(4)
    for judge, labels in (("human-anna", ("A>B", "B>A")), ("judge", ("A>B", "A>B"))):
        games = [judgment(f"q{i}", labels[i % 2], None) for i in range(1, 5)]
        add_judgments(bench, "m", games, judge=judge)
    done = run_main("judge_report.py", *NAMES, "human-anna")
    assert done.out.splitlines()[1].split() == ["judge", "4", "50.0", "0.000", "0.000"]
    assert done.out.splitlines()[-1] == "no intervals from fewer than 5 questions"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("judge",), "--human judge: not a person."),
        (("human-eve",), "no judgments"),
    ],
)
def test_what_is_refused(
    voted: Workspace, run_main: RunMain, flags: tuple[str, ...], problem: str
) -> None:
    assert problem in run_main("judge_report.py", *NAMES, *flags, check=2).err
