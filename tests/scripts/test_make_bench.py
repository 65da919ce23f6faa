"""make_bench.py on files of a user's, on faults, and its samples."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from conftest import RunMain, Workspace, tree
from prompt_texts import CHINESE_SUBJECTS, SUBJECTS, chinese_texts_of, texts_of

from arena.datasets.making import bench as making


def content(*texts: str) -> list[dict[str, str]]:
    return [{"content": text} for text in texts]


def test_ids_and_clusters_are_kept(bench: Workspace, run_main: RunMain) -> None:
    rows = [
        {"question_id": 7, "cluster": "x", "prompt": "a"},
        {"uid": "u", "category": "hard_prompt", "subcategory": "s", "prompt": "b"},
        {"prompt": "c"},
        {"prompt": "c"},
        {"question_id": 7, "cluster": "x", "prompt": "a"},
        {"prompt": " "},
    ]
    bench.write("rows.jsonl", rows)
    done = run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    first, second, third, fourth = bench.read_jsonl("data/new/question.jsonl")
    assert (first["question_id"], first["cluster"]) == (7, "x")
    assert second == rows[1]
    assert fourth["question_id"] == third["question_id"] + "-2"
    assert "1 repeat the text of another one" in done.out
    assert "dropped 1: it is empty (rows.jsonl:6)" in done.out
    assert "dropped 1: same id and text as an earlier row (rows.jsonl:5)" in done.out


def test_questions_that_appear_meanwhile_stay(
    bench: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("a.txt", "hi\n")
    with_ids = making.with_ids

    def appear(*args: Any) -> Any:
        bench.add_questions(1)
        return with_ids(*args)

    monkeypatch.setattr(making, "with_ids", appear)
    flags = "make_bench.py", "a.txt", "--bench-name", bench.name
    err = run_main(*flags, check=2).err
    assert "there are questions already. Choose another --bench-name" in err
    assert bench.read_jsonl(bench.data / "question.jsonl")[0]["question_id"] == "q1"
    run_main(*flags, "--force")
    assert bench.read_jsonl(bench.data / "question.jsonl")[0]["question_id"] != "q1"


def test_named_columns_of_a_csv_as_a_process(bench: Workspace) -> None:
    bench.write("rows.csv", "n,ask,topic,kind\n1,a,x,k\n2,b,y,k\n")
    flags = ["--prompt", "ask", "--id", "n", "--cluster", "topic", "--category", "kind"]
    bench.run("make_bench.py", "rows.csv", "--bench-name", "new", *flags, check=0)
    named = {"category": "k", "cluster": "x", "turns": content("a")}
    assert bench.read_jsonl("data/new/question.jsonl")[0] == {"question_id": "1"} | named


@pytest.mark.parametrize(
    ("name", "rows", "flags", "message"),
    [
        ("a.csv", "prompt\n", "", "a.csv: no rows"),
        ("a.txt", "", "", "a.txt: no rows"),
        ("a.csv", "x,y\n1,2\n", "", "no column of a usual form. Columns: x, y"),
        ("a.csv", "prompt\nhi\n", "--id idx", "--id: no column 'idx'. Columns: prompt."),
        ("a.csv", "prompt\nhi\n", "--prompt promt", "did you mean 'prompt'?"),
        ("a.csv", "id,prompt\n1,a\n1,b\n", "", "a.csv:3: the id '1' is also that of a.csv:2"),
        ("a.txt", "hi\n", "--size 5", "left for a sample: dropped 1: under 10 characters ("),
        ("a.txt", "hi\n", "--embed m", "--embed: needs --size"),
        ("a.txt", "hi\n", "--similarity 80", "--similarity: needs --size"),
        ("a.txt", "hi\n", "--min-quality 3", "--min-quality: needs --judge-name"),
        ("a.txt", "hi\n", "--min-quality 0", "--min-quality: needs --judge-name"),
        ("a.txt", "hi\n", "--retry-invalid", "--retry-invalid: needs --judge-name"),
        ("a.txt", "hi\n", "--parallel 2", "--parallel: needs --judge-name"),
        ("a.txt", "hi\n", "--dry-run", "--dry-run: needs --judge-name"),
        ("a.txt", "hi\n", "--bench-name ../x", "not a name"),
        ("a.txt", "hi\n", "--bench-name old", "there are questions already"),
        ("a.jsonl", '{"messages": [{"role": "tool", "content": "a"}]}', "", "role 'tool'"),
        ("a.jsonl", '{"prompt": 3}', "", "its prompt is not a text"),
    ],
)
def test_faults_are_one_line_and_change_nothing(
    bench: Workspace, run_main: RunMain, name: str, rows: str, flags: str, message: str
) -> None:
    bench.write("data/old/question.jsonl", "{}\n")
    bench.write(name, rows)
    before = tree(bench.root)
    done = run_main("make_bench.py", name, "--bench-name", "new", *flags.split(), check=2)
    assert message in done.err and done.err.count("\n") == 1
    assert tree(bench.root) == before


def test_force_replaces_the_questions(bench: Workspace, run_main: RunMain) -> None:
    bench.write("data/new/question.jsonl", "{}\n")
    bench.write("a.txt", "hi\n")
    run_main("make_bench.py", "a.txt", "--bench-name", "new", "--force")
    assert bench.read_jsonl("data/new/question.jsonl")[0]["turns"] == content("hi")


# Samples


def test_a_sample_is_balanced_and_repeatable(bench: Workspace, run_main: RunMain) -> None:
    texts = texts_of(300)
    rows = [
        {"id": i, "prompt": text, "cluster": "" if i % 2 else f"mine {i % 10}"}
        for i, text in enumerate([*texts, texts[0], texts[4].upper(), "short"])
    ]
    bench.write("rows.jsonl", rows)
    flags = ["rows.jsonl", "--bench-name", "new", "--size", 100]
    done = run_main("make_bench.py", *flags)
    records = bench.read_jsonl("data/new/question.jsonl")
    counts = Counter(record["cluster"] for record in records)
    sizes = Counter(row["cluster"] for row in rows)
    assert len(records) == 100 and {f"mine {i}" for i in (0, 2, 4, 6, 8)} <= counts.keys()
    full = max(counts.values())
    assert all(
        count >= full - 1 or count == sizes[name] or name not in sizes
        for name, count in counts.items()
    )
    assert "dropped 1: equal to another prompt (300 like 0)" in done.out
    assert "nearly equal to another prompt (301 like 4)" in done.out
    assert "under 10 characters (302)" in done.out
    run_main("make_bench.py", *flags, "--force")
    assert bench.read_jsonl("data/new/question.jsonl") == records


def test_clusters_are_named_by_their_words_and_follow_embeddings(
    bench: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("rows.json", texts_of(90))
    flags = ["rows.json", "--bench-name", "new", "--size", 9]
    run_main("make_bench.py", *flags)
    words = {word for subject in SUBJECTS.values() for word in subject}
    names = {record["cluster"] for record in bench.read_jsonl("data/new/question.jsonl")}
    assert len(names) == 3 and all(words & set(name.split(", ")) for name in names)

    done = run_main("make_bench.py", *flags, "--force", "--embed", "m", check=2)
    assert "pip install sentence-transformers" in done.err
    stand_in = """
class SentenceTransformer:
    def __init__(self, name):
        assert name == "m"

    def encode(self, texts, normalize_embeddings):
        return [[float("pan" in text), float("orbit" in text), 0.5] for text in texts]
"""
    bench.write("sentence_transformers.py", stand_in)
    monkeypatch.syspath_prepend(bench.root)
    run_main("make_bench.py", *flags, "--force", "--embed", "m")
    assert len({r["cluster"] for r in bench.read_jsonl("data/new/question.jsonl")}) <= 4


def test_a_script_without_spaces_has_clusters_by_subject(
    bench: Workspace, run_main: RunMain
) -> None:
    bench.write("rows.json", [{"prompt": text} for text in chinese_texts_of(160)])
    flags = ["--size", 16, "--similarity", 99]
    run_main("make_bench.py", "rows.json", "--bench-name", "new", *flags)
    records = bench.read_jsonl("data/new/question.jsonl")
    by_cluster: dict[str, set[str]] = {}
    for record in records:
        text = record["turns"][0]["content"]
        hits = {n: sum(word in text for word in words) for n, words in CHINESE_SUBJECTS.items()}
        by_cluster.setdefault(record["cluster"], set()).add(max(hits, key=lambda n: hits[n]))
    assert len(by_cluster) == 4 and set().union(*by_cluster.values()) == CHINESE_SUBJECTS.keys()
    for name, (subject,) in by_cluster.items():
        terms, words = name.split(", "), " ".join(CHINESE_SUBJECTS[subject])
        assert len(terms) == 3 and sum(term in words for term in terms) >= 2
