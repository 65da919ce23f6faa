"""The list as CSV and JSON lines, against the records of the bench."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from browser_site import add_judgments, judgment, small_library, style
from conftest import Workspace

from arena.browser.library import Filters, Library
from arena.browser.output.listing import HEADS, chunks, csv_lines, file_name, json_lines

EVIL = "=cmd!A1"


@pytest.fixture
def library(bench: Workspace) -> Library:
    found = small_library(bench)
    answers = [
        {"question_id": q, "choices": [{"turns": [{"content": f"says\n{q}"}]}]}
        | {"conv_metadata": style(tokens, 1)}
        for q, tokens in (("q1", 40), ("q2", 9))
    ]
    bench.write(bench.data / "model_answer" / f"{EVIL}.jsonl", answers)
    add_judgments(
        bench,
        [
            judgment("q1", "B>>A", "B>A", model=EVIL),
            judgment("q2", "A=B", None, model=EVIL),
            judgment("q3", "A>B", "A>B", model="m"),
            judgment("gone", "A>B", "B>A", model="m") | {"baseline": "nobody"},
        ],
    )
    return found


def table(library: Library, **filters: str) -> list[dict[str, str]]:
    entries = library.select(Filters(judge="j", **filters))
    text = b"".join(csv_lines(library, entries)).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_has_labels_outcome_margin_tokens_and_flip(library: Library) -> None:
    rows = table(library)
    assert [row["question_id"] for row in rows] == ["q1", "q2", "q3", "gone"]
    won, half, split, gone = rows
    known = {"category": "test-v1", "cluster": "tests", "baseline": "base", "judge": "j"}
    assert won == known | {
        "question_id": "q1",
        "model": f"'{EVIL}",
        "game_1": "B>>A",
        "game_2": "B>A",
        "outcome": "split",
        "margin": "0.5",
        "model_tokens": "40",
        "baseline_tokens": "",
        "flip": "True",
    }
    assert (half["outcome"], half["game_2"], half["flip"]) == ("tied", "", "")
    assert (half["margin"], half["model_tokens"]) == ("0.0", "9")
    assert (split["outcome"], split["margin"], split["flip"]) == ("split", "0.0", "True")
    assert (gone["outcome"], gone["margin"], gone["flip"]) == ("lost", "-1.0", "False")
    assert (gone["category"], gone["cluster"], gone["baseline"]) == ("", "", "nobody")


def test_the_list_is_that_of_the_filters(library: Library) -> None:
    assert [row["question_id"] for row in table(library, outcome="split", model="m")] == ["q3"]
    assert table(library, text="not there") == []
    entries = library.select(Filters(judge="j", text="not there"))
    assert b"".join(csv_lines(library, entries)).decode() == ",".join(HEADS) + "\n"


def test_json_lines_have_the_same_fields_and_all_texts(library: Library) -> None:
    entries = library.select(Filters(judge="j"))
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in b"".join(json_lines(library, entries)).splitlines()
    ]
    assert lines
    for line, row in zip(lines, table(library), strict=True):
        shown = {name: "" if line[name] is None else str(line[name]) for name in HEADS}
        assert shown == row | {"model": line["model"]}
    first, *_, gone = lines
    assert first["prompt"] == ["Say hello to Ümit"]
    assert first["judge_words"] == ["says B>>A", "says B>A"]
    assert (first["model_answer"], first["baseline_answer"]) == (["says\nq1"], ["Hi"])
    assert gone["prompt"] is None
    assert gone["model_answer"] == gone["baseline_answer"] == []


def test_a_record_that_is_gone_has_a_fault_in_its_line(bench: Workspace, library: Library) -> None:
    entries = library.select(Filters(judge="j", model="m"))
    (bench.data / "model_judgment/j/m.jsonl").write_text("changed\n")
    first = json.loads(next(json_lines(library, entries)))
    assert (first["game_1"], first["judge_words"]) == ("A>B", [])
    assert "not a judgment" in first["fault"]


def test_lines_are_made_as_they_are_sent(library: Library) -> None:
    made = []

    def lines() -> Any:
        for number in range(1000):
            made.append(number)
            yield b"x\n"

    sent = chunks(lines())
    next(sent)
    assert len(made) < 1000
    assert len(b"".join(sent)) == 2 * (1000 - len(made[:200]))


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("demo-v0.1", "judge", "", "m/n"), "demo-v0.1-judge-m-n.csv"),
        (('a"; filename=x\r\nX: y', "쾨ln"), "a-filename-x-X-y-ln.csv"),
        (("쾨", "..", ""), "judgments.csv"),
        (("x" * 500,), f"{'x' * 120}.csv"),
    ],
)
def test_names_of_files_are_plain_ascii(parts: tuple[str, ...], name: str) -> None:
    assert file_name(parts, ".csv") == name
