"""Which judges a bench has, from the folders of its judgments."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.bench.paths import Bench, judge_names, model_names


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
