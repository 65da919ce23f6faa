"""The script that adds style attributes, on files of users."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from conftest import NO_REFERENCE, REFERENCE, RunMain, Workspace

import add_markdown_info
from arena.base.errors import InputError
from arena.base.record_file import RecordFile
from arena.bench.answer_style import conv_metadata
from arena.bench.records import Format, KeyLine

PUBLISHED = REFERENCE / "model_answer"
REFERENCE_MODELS = ("claude-3.7-sonnet", "gpt-4o-mini", "nova-micro-v1")


def answer(question_id: str, text: str, **fields: Any) -> dict[str, Any]:
    choices = [{"index": 0, "turns": [{"content": text, "token_len": 99}, {"content": "# no"}]}]
    base = {"question_id": question_id, "answer_id": "a", "model_id": "m", "choices": choices}
    return base | {"tstamp": 1741697373.592833} | fields


OWN = conv_metadata(["**b**"])[0]
WRONG = conv_metadata(["# wrong\n# wrong"])[0]
ANSWERS = [
    answer("q3", "# 한국어 <|endoftext|>", note={"kept": [1, None, 1e-9]}),
    answer("q1", "**b**", conv_metadata=WRONG),
    answer("q2", "**b**", conv_metadata={"token_len": 1000}),
    answer("q1", "half \ud83d", conv_metadata=None),
]


def jsonl(*items: object) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


class TestInPlace:
    def test_what_lacks_is_added_and_the_rest_is_kept(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        blank_and_mark = "\ufeff" + jsonl(*ANSWERS).replace("\n", "\n\n")
        path = bench.write("answers/tiny.jsonl", blank_and_mark.rstrip("\n"))
        path.chmod(0o640)
        bench.write("answers/org/other.jsonl", jsonl(ANSWERS[1]))
        before = (bench.root / "answers/org/other.jsonl").read_bytes()
        done = run_main("add_markdown_info.py", "--dir", "answers")

        found = bench.read_jsonl("answers/tiny.jsonl")
        metadata = [record.pop("conv_metadata") for record in found]
        plain = [{k: v for k, v in item.items() if k != "conv_metadata"} for item in ANSWERS]
        assert found == plain
        assert metadata == [
            conv_metadata(["# 한국어 <|endoftext|>"])[0],
            WRONG,
            OWN | {"token_len": 1000},
            conv_metadata(["half \ud83d"])[0],
        ]
        assert "한국어".encode() in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert (bench.root / "answers/org/other.jsonl").read_bytes() == before
        assert "answers/tiny.jsonl: 3 of 4 answers measured, 1 kept" in done.out
        assert "answers/org/other.jsonl: 0 of 1 answers measured, 1 kept" in done.out
        files = {p.name for p in (bench.root / "answers").rglob("*") if p.is_file()}
        assert files == {"tiny.jsonl", "other.jsonl"}

        once = path.read_bytes()
        run_main("add_markdown_info.py", "--dir", "answers")
        assert path.read_bytes() == once

    def test_recompute_measures_all_again(self, bench: Workspace, run_main: RunMain) -> None:
        path = bench.write("answers/tiny.jsonl", jsonl(*ANSWERS[1:3]))
        path.write_text(path.read_text() + '{"question_id": "torn', encoding="utf-8")
        done = run_main("add_markdown_info.py", "--dir", "answers", "--recompute")
        assert [a["conv_metadata"] for a in bench.read_jsonl(path)] == [OWN, OWN]
        assert "2 of 2 answers measured, 0 kept" in done.out
        assert "tiny.jsonl" in done.err and "incomplete last line" in done.err


class TestOutputDir:
    def test_the_source_stays_as_it_is(self, bench: Workspace, run_main: RunMain) -> None:
        for name in ("a", "org/b"):
            bench.write(f"old/{name}.jsonl", jsonl(ANSWERS[0]))
        bench.write("old/c.jsonl", jsonl(ANSWERS[1]))
        before = {p: p.read_bytes() for p in (bench.root / "old").rglob("*.jsonl")}
        run_main("add_markdown_info.py", "--dir", "old", "--output-dir", "new/answers")
        assert {p: p.read_bytes() for p in (bench.root / "old").rglob("*") if p.is_file()} == before
        added = ANSWERS[0] | {"conv_metadata": conv_metadata(["# 한국어 <|endoftext|>"])[0]}
        assert bench.read_jsonl("new/answers/a.jsonl") == [added]
        assert bench.read_jsonl("new/answers/org/b.jsonl") == [added]
        assert bench.read_jsonl("new/answers/c.jsonl") == [ANSWERS[1]]


GOOD = jsonl(ANSWERS[0])
WRONG_FILES = {
    "a broken line": (GOOD + "{broken}\n" + GOOD, ["a.jsonl:2", "not an answer"]),
    "two answers on a line": (
        GOOD + GOOD.strip() + GOOD,
        [f"a.jsonl:2: not an answer: Extra data (column {len(GOOD)})"],
    ),
    "an answer without choices": (
        GOOD + jsonl({"question_id": "q7", "tstamp": 1.0}),
        ["a.jsonl:2", "choices"],
    ),
    "an answer without turns": (
        GOOD + jsonl({"question_id": "q7", "choices": [{"index": 0, "turns": []}]}),
        ["a.jsonl", "q7"],
    ),
    "a number for a text": (
        GOOD + jsonl({"question_id": "q7", "choices": [{"turns": [{"content": 5}]}]}),
        ["a.jsonl:2", "content"],
    ),
    "metadata of another kind": (
        GOOD + jsonl(answer("q7", "x", conv_metadata="none")),
        ["a.jsonl"],
    ),
    "a list of metadata": (
        GOOD + jsonl(answer("q7", "x", conv_metadata=["token_len"])),
        ["a.jsonl"],
    ),
}


class TestWrongInput:
    @pytest.mark.parametrize("case", WRONG_FILES)
    def test_a_wrong_file_is_named_and_stays_as_it_is(
        self, bench: Workspace, run_main: RunMain, case: str
    ) -> None:
        content, words = WRONG_FILES[case]
        path = bench.write("answers/a.jsonl", content)
        done = run_main("add_markdown_info.py", "--dir", "answers", check=2)
        assert done.err.startswith("error: ") and done.err.count("\n") == 1
        assert [word for word in words if word not in done.err] == []
        assert path.read_text() == content

    @pytest.mark.parametrize("folder", ["no-such-folder", "empty", "file.jsonl"])
    def test_a_folder_without_answers_is_named(
        self, bench: Workspace, run_main: RunMain, folder: str
    ) -> None:
        bench.write("empty/readme.txt", "nothing here")
        bench.write("file.jsonl", GOOD)
        done = run_main("add_markdown_info.py", "--dir", folder, check=2)
        assert done.err.startswith(f"error: {folder}: ") and done.err.count("\n") == 1

    def test_an_output_folder_that_is_a_file_is_named(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write("answers/a.jsonl", GOOD)
        bench.write("taken", "a file")
        flags = ("--dir", "answers", "--output-dir", "taken")
        done = run_main("add_markdown_info.py", *flags, check=2)
        assert done.err.startswith("error: taken") and done.err.count("\n") == 1

    def test_a_file_that_another_run_is_writing_is_left_alone(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        path = bench.write("answers/a.jsonl", GOOD)
        with RecordFile(path, KeyLine):
            done = run_main("add_markdown_info.py", "--dir", "answers", check=2)
        assert done.err.count("\n") == 1 and "another run is writing this file" in done.err
        assert path.read_text() == GOOD

    def test_a_file_is_locked_before_it_is_read(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else what another run appends between reading and writing is lost."""
        path = bench.write("answers/a.jsonl", GOOD)
        taken = []

        def measure(texts: list[str], form: Format) -> list[dict[str, Any]]:
            with pytest.raises(InputError, match="another run is writing this file"):
                RecordFile(path, KeyLine)
            taken.append(path)
            return conv_metadata(texts, form)

        monkeypatch.setattr(add_markdown_info, "conv_metadata", measure)
        assert add_markdown_info.main(["--dir", str(path.parent)]) == 0
        assert taken == [path]

    def test_the_folder_must_be_given(self, bench: Workspace) -> None:
        assert "--dir" in bench.run("add_markdown_info.py", check=2).stderr


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=NO_REFERENCE)
def test_published_answers_are_measured_as_they_were(
    bench: Workspace, run_main: RunMain, tmp_path: Path
) -> None:
    published: dict[str, list[Any]] = {}
    for model in REFERENCE_MODELS:
        lines = (PUBLISHED / f"{model}.jsonl").read_text(encoding="utf-8").split("\n")
        published[model] = [json.loads(line) for line in lines if line]
        bare = [{k: v for k, v in r.items() if k != "conv_metadata"} for r in published[model]]
        bench.write(f"answers/{model}.jsonl", bare)
    run_main("add_markdown_info.py", "--dir", "answers")
    assert sum(map(len, published.values())) == 1500
    for model, records in published.items():
        assert bench.read_jsonl(f"answers/{model}.jsonl") == records
