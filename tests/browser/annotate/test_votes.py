"""Votes as files: the form of imported ones, written at once, taken back, and locked."""

from __future__ import annotations

from typing import Any

import pytest
from browser_site import add_judgments, judgment, small_library
from conftest import RunMain, Workspace

from arena.base.errors import InputError
from arena.bench.labels import LABELS
from arena.bench.paths import Bench
from arena.bench.records import Question
from arena.browser.annotate.draw import BlindPair
from arena.browser.annotate.votes import Votes
from arena.browser.library import Library

PAIRS = [BlindPair(f"q{i}", "m", "base", "j") for i in (1, 2, 3)]


@pytest.fixture
def library(bench: Workspace) -> Library:
    found = small_library(bench)
    add_judgments(bench, [judgment(f"q{i}", "A>B", "A>B") for i in (1, 2, 3)])
    return found


@pytest.fixture
def votes(library: Library) -> Any:
    open_ = Votes(library.bench, "anna")
    yield open_
    open_.close()


def stored(bench: Workspace) -> list[dict[str, Any]]:
    """The records without times, which are there."""
    records = bench.judgments("human-anna", "m")
    for record in records:
        (game,) = filter(None, record["games"])
        assert game.pop("voted") > 1.7e9
    return records


def vote(votes: Votes, library: Library, number: int, label: str, note: str = "") -> None:
    pair = PAIRS[number]
    votes.add(library.questions[pair.question], pair, label, note)


def test_votes_are_those_that_the_import_makes_of_a_table(
    bench: Workspace, library: Library, votes: Votes, run_main: RunMain
) -> None:
    rows = ["question_id,model_a,model_b,winner"]
    for number, label in enumerate(("A>>B", "B>A", "A=B")):
        vote(votes, library, number, label)
        sides = ("base", "m") if PAIRS[number].side("human-anna") == 0 else ("m", "base")
        rows.append(",".join((PAIRS[number].question, *sides, label)))
    votes.close()
    bench.write("votes.csv", "\n".join(rows) + "\n")
    run_main("import_data.py", "votes.csv", "--bench-name", bench.name, "--votes-of", "bea")
    imported = bench.judgments("human-bea", "m")
    assert len(imported) == 3
    for record in imported:
        record["judge"] = "human-anna"
        for game in filter(None, record["games"]):
            del game["imported"]
    assert stored(bench) == imported


def test_a_report_and_a_correction_read_them(
    bench: Workspace, library: Library, votes: Votes, run_main: RunMain
) -> None:
    for number, label in enumerate(LABELS[:3]):
        vote(votes, library, number, label)
    flags = ("--bench-name", bench.name, "--baseline", "base")
    told = run_main("judge_report.py", *flags, "--human", "human-anna").out
    assert "with human-anna  pairs" in told.replace("   ", "  ")
    flags = (*flags, "--judge-name", "j", "--calibrate", "human-anna")
    run_main("show_result.py", *flags, "--draw-for-labels", 3)
    assert "at most 3 drawn pairs of a model have labels" in run_main(
        "show_result.py", *flags, check=2
    ).err.replace("\n", " ")


def test_a_note_is_the_words_of_the_person(
    bench: Workspace, library: Library, votes: Votes
) -> None:
    vote(votes, library, 0, "A>B", "  too long \n")
    (record,) = stored(bench)
    (game,) = filter(None, record["games"])
    assert game == {"score": "A>B", "judgment": "too long"}
    modern = Question("q2", "c", "c", ("?",), format="v2.0")
    votes.add(modern, PAIRS[1], "A=B", "why")
    other = next(record for record in bench.judgments("human-anna", "m") if "uid" in record)
    assert next(filter(None, other["games"]))["judgment"] == {"answer": "why"}


def test_the_last_vote_is_taken_back_also_after_a_new_start(
    bench: Workspace, library: Library, votes: Votes
) -> None:
    vote(votes, library, 2, "A>B")
    vote(votes, library, 0, "B>A")
    votes.close()
    again = Votes(library.bench, "human-anna")
    assert [record["question_id"] for record in stored(bench)] == ["q1", "q3"]
    assert again.undo() == PAIRS[0]._replace(judge="")
    assert [record["question_id"] for record in stored(bench)] == ["q3"]
    assert again.undo() == PAIRS[2]._replace(judge="")
    assert not (bench.data / "model_judgment/human-anna/m.jsonl").exists()
    assert again.undo() is None
    again.close()


def test_imported_votes_stay(
    bench: Workspace, library: Library, votes: Votes, run_main: RunMain
) -> None:
    votes.close()
    bench.write("votes.csv", "question_id,model_a,model_b,winner\nq1,m,base,model_a\n")
    run_main("import_data.py", "votes.csv", "--bench-name", bench.name, "--votes-of", "anna")
    before = bench.judgments("human-anna", "m")
    again = Votes(library.bench, "anna")
    with pytest.raises(InputError, match="has a vote already"):
        vote(again, library, 0, "A>B")
    vote(again, library, 1, "A>B")
    assert again.undo() and again.undo() is None
    assert bench.judgments("human-anna", "m") == before
    again.close()


def test_one_process_at_a_time_writes_the_votes_of_a_person(
    bench: Workspace, library: Library, votes: Votes, run_main: RunMain
) -> None:
    with pytest.raises(InputError, match="human-anna: another run is writing this file"):
        Votes(library.bench, "anna")
    bench.write("votes.csv", "question_id,model_a,model_b,winner\nq1,m,base,model_a\n")
    flags = ("--bench-name", bench.name, "--votes-of", "anna")
    assert "another run" in run_main("import_data.py", "votes.csv", *flags, check=2).err
    Votes(library.bench, "bob").close()
    votes.close()
    Votes(library.bench, "anna").close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/../x", "not a name that a file can have"),
        ("", "needs the name of a person"),
        ("human-", "needs the name of a person"),
        ("a/b", "shares its folder with the judge 'human-a'"),
        ("x" * 300, "longer than a file name can be"),
    ],
)
def test_a_name_is_checked(bench: Workspace, library: Library, name: str, words: str) -> None:
    add_judgments(bench, [judgment("q1", "A>B", judge="human-a")], "human-a")
    before = sorted(bench.root.rglob("*"))
    with pytest.raises(InputError, match=words):
        Votes(Bench(bench.root / "data", bench.name), name)
    assert sorted(bench.root.rglob("*")) == before


@pytest.mark.parametrize("label", ["", "A", "[[A>B]]", "a>b", "A>>>B"])
def test_other_labels_are_refused(
    bench: Workspace, library: Library, votes: Votes, label: str
) -> None:
    with pytest.raises(InputError, match="no label"):
        vote(votes, library, 0, label)
    assert not (bench.data / "model_judgment/human-anna").exists()


def test_a_killed_vote_leaves_a_whole_file(
    bench: Workspace, library: Library, votes: Votes
) -> None:
    vote(votes, library, 0, "A>B")
    path = bench.data / "model_judgment/human-anna/m.jsonl"
    with path.open("a") as file:
        file.write('{"question_id": "q2", "ga')
    vote(votes, library, 1, "B>A")
    assert [record["question_id"] for record in stored(bench)] == ["q1", "q2"]
