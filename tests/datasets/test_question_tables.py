"""Published tables become benches of questions, one for each language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Workspace
from fake_hub import Download, FakeHub
from published_files import KO, ROWS, table

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.bench.records import Question, read_questions
from arena.datasets.question_tables import question_lines


def test_a_language_of_m_arena_hard_is_a_bench(
    bench: Workspace, published: FakeHub, download: Download, refused: Callable[..., str]
) -> None:
    done = download("--bench", "m-arena-hard:ko")
    assert done.out.splitlines()[-1] == "next: python gen_answer.py --bench-name m-arena-hard-ko"
    path = bench.root / "data/m-arena-hard-ko/question.jsonl"
    assert read_questions(Bench(bench.root / "data", "m-arena-hard-ko")) == [
        Question(str(row["question_id"]), "hard_prompt", "coding", (str(row["prompt"]),))
        for row in ROWS
    ]
    assert bench.read_jsonl(path)[0] == {
        "question_id": ROWS[0]["question_id"],
        "category": "hard_prompt",
        "subcategory": "coding",
        "language": "ko",
        "turns": [{"content": "질문 1"}],
    }
    before = path.read_bytes()
    source = json.loads(path.with_name("source.json").read_text("utf-8"))["files"]
    assert source["question.jsonl"]["sha256"] == hashlib.sha256(before).hexdigest()
    assert source["question.jsonl"]["path"] == KO
    download("--bench", "m-arena-hard:ko")
    assert path.read_bytes() == before and published.downloads[KO] == 1
    path.write_text("{}\n", encoding="utf-8")
    assert f"{path.relative_to(bench.root)}: differs" in refused("--bench", "m-arena-hard:ko")
    download("--bench", "m-arena-hard:ko", "--force")
    assert path.read_bytes() == before
    line = refused("--bench", "m-arena-hard:kr")
    assert "no bench 'm-arena-hard:kr' (did you mean 'm-arena-hard:ko'?)" in line
    assert line.endswith("m-arena-hard:ja, m-arena-hard:ko")


def test_the_questions_of_v0_1_are_a_table_too(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    row = {"question_id": "q", "category": "c", "cluster": "C", "turns": [{"content": "?"}]}
    hub.add("lmarena-ai/arena-hard-auto-v0.1", {"data/train-00000-of-00001.parquet": table([row])})
    download("--repo", "lmarena-ai/arena-hard-auto-v0.1")
    path = "data/arena-hard-auto-v0.1/question.jsonl"
    assert bench.read_jsonl(path) == [row]


def test_the_card_of_a_repository_names_its_tables(
    bench: Workspace, hub: FakeHub, download: Download
) -> None:
    tables = {"all/ko-0.parquet": table(ROWS[:1]), "all/ko-1.parquet": table(ROWS[1:])}
    files = [{"split": "test", "path": "all/ko-*"}]
    card = {"configs": [{"config_name": "ko", "data_files": files}], "license": "apache-2.0"}
    hub.add("CohereLabs/m-ArenaHard-v2.0", tables, card=card)
    download("--bench", "m-arena-hard-v2.0:ko")
    questions = read_questions(Bench(bench.root / "data", "m-arena-hard-v2.0-ko"))
    assert [question.id for question in questions] == [row["question_id"] for row in ROWS]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1 and no more", "not a parquet file"),
        (b"", "not a parquet file"),
        (table([{"prompt": "?"}]), r"t\.parquet: row 1 is not a question: no question_id"),
        (table([{"question_id": 1, "prompt": "?"}, {"question_id": 2}]), "row 2 is not a question"),
        (table([{"question_id": 1.5, "prompt": "?"}]), "row 1 is not a question"),
        (table(ROWS)[:-9], "not a parquet file"),
        (table(ROWS[:0]), "has no rows"),
    ],
)
def test_a_table_without_questions(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        question_lines([path])


def test_an_id_of_two_rows_is_an_error(tmp_path: Path) -> None:
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, ids in zip(paths, (("1", "2"), ("3", "2")), strict=True):
        path.write_bytes(table([{"question_id": i, "prompt": "?"} for i in ids]))
    with pytest.raises(InputError, match="b.parquet: row 2 has the id of a.parquet: row 2, '2'"):
        question_lines(paths)
