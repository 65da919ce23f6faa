"""make_bench.py on files of every form, on faults, and on duplicates of texts of our own."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import REFERENCE, RunMain, Workspace, tree

SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Hi"},
    {"from": "gpt", "value": "Hello"},
    {"from": "human", "value": "Who are you?"},
    {"from": "gpt", "value": "A model"},
]
OPENAI = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Who are you?"},
]
KEPT = [
    {"role": "system", "content": "Be brief."},
    {"content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"content": "Who are you?"},
]


def content(*texts: str) -> list[dict[str, str]]:
    return [{"content": text} for text in texts]


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ("A plain text", content("A plain text")),
        ({"prompt": "a"}, content("a")),
        ({"Question ": "a"}, content("a")),
        ({"instruction": "Add", "input": "1, 2", "output": "3"}, content("Add\n\n1, 2")),
        ({"instruction": "Add", "input": "", "dataset": "d"}, content("Add")),
        ({"turns": ["a", "b"], "category": "writing"}, content("a", "b")),
        ({"turns": content("a")}, content("a")),
        ({"conversations": SHAREGPT}, KEPT),
        ({"messages": OPENAI}, KEPT),
        ({"prompt": OPENAI}, KEPT),
        ({"custom_id": "x", "body": {"model": "m", "messages": OPENAI}}, KEPT),
        ({"system": "Be brief.", "conversations": SHAREGPT[1:]}, KEPT),
    ],
)
def test_rows_in_every_form(
    bench: Workspace, run_main: RunMain, row: object, turns: list[Any]
) -> None:
    bench.write("rows.jsonl", [row])
    done = run_main("make_bench.py", "rows.jsonl", "--bench-name", "new")
    (record,) = bench.read_jsonl("data/new/question.jsonl")
    assert record["turns"] == turns
    assert record["category"] == ("writing" if "writing" in str(row) else "new")
    assert "read 1 prompt" in done.out
    assert "next: python gen_answer.py --bench-name new\n" in done.out


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
        ("a.txt", "hi\n", "--size 5", "no prompt is left"),
        ("a.txt", "hi\n", "--embed m", "--embed: needs --size"),
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

SUBJECTS = {
    "cooking": ("onions", "garlic", "oven", "recipe", "butter", "flour", "simmer", "pan", "dough"),
    "astronomy": ("planet", "orbit", "telescope", "galaxy", "star", "comet", "lunar", "eclipse"),
    "python": ("function", "class", "module", "import", "loop", "exception", "decorator", "dict"),
}
TAIL = " Please explain every step with care."


def texts_of(count: int) -> list[str]:
    draw = random.Random(3)
    return [
        " ".join(draw.choices(SUBJECTS[subject], k=5) + draw.sample(range_words(), 9)) + "?"
        for subject in SUBJECTS
        for _ in range(count // 3)
    ]


def range_words() -> list[str]:
    draw = random.Random(4)
    return ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9))) for _ in range(900)]


def planted(texts: list[str], seed: int) -> list[tuple[str, str]]:
    """200 texts with a near duplicate each, of four kinds."""
    draw = random.Random(seed)

    def one_word(text: str) -> str:
        words = text.split(" ")
        words[draw.randrange(len(words))] = draw.choice(["table", "사과", "green"])
        return " ".join(words)

    kinds = [
        str.swapcase,
        lambda text: text.replace(".", "!").replace("?", " ...") + "!!",
        one_word,
        lambda text: text + TAIL,
    ]
    return [(text, kinds[i % 4](text)) for i, text in enumerate(draw.sample(texts, 200))]


def check_planted(texts: list[str]) -> None:
    from arena.datasets.making.duplicates import duplicates

    pairs = planted(texts, 1)
    found = {d.dropped: d.original for d in duplicates(texts + [copy for _, copy in pairs])}
    right = sum(found.get(len(texts) + i) == texts.index(text) for i, (text, _) in enumerate(pairs))
    assert right >= 190
    assert sum(place < len(texts) for place in found) <= len(texts) // 100


def test_planted_near_duplicates_are_found_in_our_texts() -> None:
    check_planted(texts_of(600))


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference data is not here")
def test_planted_near_duplicates_are_found_in_korean() -> None:
    lines = (REFERENCE / "question.jsonl").read_text(encoding="utf-8").splitlines()
    check_planted([json.loads(line)["turns"][0]["content"] for line in lines])


def test_short_prompts_that_differ_by_a_word_are_no_duplicates() -> None:
    from arena.datasets.making.duplicates import duplicates

    for first, second in [
        ("Write a poem about cats", "Write a poem about dogs"),
        ("고양이에 대한 시를 써줘", "강아지에 대한 시를 써줘"),
        ("What is 3 + 4?", "What is 3 - 4?"),
    ]:
        assert list(duplicates([first, second])) == []
    assert [d.similarity for d in duplicates(["a b", "A  b.", "a b"])] == [1.0, 1.0]


def test_a_sample_is_balanced_and_repeatable(
    bench: Workspace, run_main: RunMain, tmp_path: Path
) -> None:
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
