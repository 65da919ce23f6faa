"""The files of a bench: names that are allowed, and the models and judges that have some."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lines import old_answer, write

from arena.base.errors import InputError
from arena.base.record_file import RecordFile
from arena.bench.paths import Bench, flags_of, judge_names, model_names, named_path
from arena.bench.records import (
    KeyLine,
    read_answers,
    read_questions,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "tiny-v1")


def judged(bench: Bench, file: str, first_line: str) -> None:
    path = bench.folder / "model_judgment" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{first_line}\n")


class TestJudgeNames:
    def test_without_judgments_there_are_none(self, bench: Bench) -> None:
        assert judge_names(bench) == []

    def test_a_judge_is_a_folder_with_files(self, bench: Bench) -> None:
        judged(bench, "J2/m.jsonl", '{"question_id": "q"}')
        judged(bench, "J1/m.jsonl", "not JSON")
        judged(bench, "loose.jsonl", "{}")
        judged(bench, ".hidden/m.jsonl", "{}")
        judged(bench, "notes/m.txt", "{}")
        assert judge_names(bench) == ["J1", "J2"]

    def test_a_slash_may_be_the_judges_or_the_models(self, bench: Bench) -> None:
        judged(bench, "org/J3/m.jsonl", '\n{"question_id": "q", "judge": "org/J3"}')
        judged(bench, "org/J3/lab/m.jsonl", '{"question_id": "q", "judge": "org/J3"}')
        judged(bench, "J4/lab/m.jsonl", '{"question_id": "q", "judge": "J4"}')
        judged(bench, "J5/lab/m.jsonl", '{"question_id": "q"}')
        judged(bench, "J6/lab/m.jsonl", '{"question_id": "q", "judge": "another"}')
        judged(bench, "J7/lab/m.jsonl", '{"torn')
        assert judge_names(bench) == ["J4", "J5", "J6", "J7", "org/J3"]
        assert model_names(bench.judgments("org/J3")) == ["lab/m", "m"]


class TestNames:
    def test_a_slash_makes_a_subfolder(self, tmp_path: Path) -> None:
        path = named_path(tmp_path, "org/tiny-1.5 ü한", "model name", ".jsonl")
        assert path == tmp_path / "org" / "tiny-1.5 ü한.jsonl"

    @pytest.mark.parametrize(
        "name",
        ["", ".", "..", "../x", "a/../b", "a/..", "/x", "a/", "a//b", ".x", "a/.b", "a\\..\\b"]
        + ["a\0b", "a\nb", "a\x1b[31m", "a\u202eb", "한" * 100, "a/" + "b" * 300],
    )
    def test_none_leaves_the_folder_or_cannot_be_a_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match="model name") as caught:
            named_path(tmp_path, name, "model name", ".jsonl")
        assert str(caught.value).isprintable()

    def test_the_longest_can_be_written_and_rewritten(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "getpid", lambda: 4_194_303)
        lengths = [n for n in range(200, 256) if accepted(tmp_path, "m" * n)]
        path = named_path(tmp_path, "m" * lengths[-1], "model name", ".jsonl")
        with RecordFile(path, KeyLine) as file:
            file.append(old_answer("q1"))
        assert list(read_answers(path)) == ["q1"]

    def test_those_in_a_folder_are_found_at_any_depth(self, tmp_path: Path) -> None:
        for name in ("b.jsonl", "org/a.jsonl", ".hidden.jsonl", ".git/c.jsonl", "b.txt"):
            write(tmp_path / name)
        assert model_names(tmp_path) == ["b", "org/a"]


def accepted(folder: Path, name: str) -> bool:
    try:
        named_path(folder, name, "model name", ".jsonl")
    except InputError:
        return False
    return True


def test_the_folder_of_a_bench_is_not_the_data_folder(tmp_path: Path) -> None:
    write(tmp_path / "b" / "question.jsonl", {"uid": "q", "prompt": "hi"})
    with pytest.raises(InputError, match=r"itself a bench. Use --data-dir \S+ --bench-name b$"):
        read_questions(Bench(tmp_path / "b", "b"))
    with pytest.raises(InputError, match="The data folder .*/nowhere does not exist"):
        read_questions(Bench(tmp_path / "nowhere", "b"))


class TestFlags:
    @pytest.mark.parametrize(
        ("data_dir", "flags"),
        [
            ("data", ["--bench-name", "tiny-v1"]),
            ("other/data", ["--data-dir", "other/data", "--bench-name", "tiny-v1"]),
            ("/data", ["--data-dir", "/data", "--bench-name", "tiny-v1"]),
        ],
    )
    def test_those_of_a_judgment_file_name_its_bench(self, data_dir: str, flags: list[str]) -> None:
        bench = Bench(Path(data_dir), "tiny-v1")
        assert flags_of(bench.judgment_file("org/judge", "lab/m")) == flags

    def test_another_file_has_none(self) -> None:
        assert flags_of(Path("battles.jsonl")) == []
