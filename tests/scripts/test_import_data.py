"""import_data.py: answers of every form become those of a model, or nothing changes."""

from __future__ import annotations

import csv
import io
from json import dumps
from typing import Any

import pytest
from conftest import RunMain, Workspace, tree
from fake_api import FakeAPI
from runs import FAST

from arena.bench.answer_style import conv_metadata

QUESTIONS = ["Why is the sky blue?", "Name three  rivers.\nIn a list.", "다음 문장을 고쳐라."]
REPLIES = ["Because of **scattering**.", "- Rhine\n- Elbe\n- Oder", "고쳤다, 'quoted', \"so\"."]
PAIRS = list(zip(QUESTIONS, REPLIES, strict=True))


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


def batch_line(number: int, reply: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    return {"custom_id": f"q{number}", "response": {"status_code": 200, "body": body}}


LIKELIHOODS = "a.jsonl:1: a log-likelihood in place of a reply. Import the samples of a task"


def harness(number: int, prompt: str, reply: object, more: object = None) -> dict[str, Any]:
    arguments = {"gen_args_0": {"arg_0": prompt, "arg_1": more or {"until": []}}}
    return {"doc_id": number, "doc": {}, "arguments": arguments, "resps": [[reply]]}


FILES: dict[str, object] = {
    "ids.csv": table(("id", "answer"), [(f"q{i}", r) for i, r in enumerate(REPLIES, 1)]),
    "prompts.csv": table(("prompt", "response"), PAIRS),
    "spaces.csv": table(
        ("prompt", "answer"), [(f" {' '.join(q.split())}\n", reply) for q, reply in PAIRS]
    ),
    "requests.csv": table(
        ("custom_id", "response"), [(f"q{i}", r) for i, r in enumerate(REPLIES, 1)]
    ),
    "alpaca.json": [{"instruction": q, "output": r, "generator": "tiny"} for q, r in PAIRS],
    "batch.jsonl": [batch_line(i, reply) for i, reply in enumerate(REPLIES, 1)],
    "gemini.jsonl": [
        {
            "key": f"q{i}",
            "response": {
                "candidates": [
                    {
                        "content": {"parts": [{"text": "Hm", "thought": True}, {"text": reply}]},
                        "finishReason": "STOP",
                    }
                ]
            },
        }
        for i, reply in enumerate(REPLIES, 1)
    ],
    "harness.jsonl": [harness(i, *pair) for i, pair in enumerate(PAIRS)],
    "old_harness.jsonl": [
        {"doc": {"question": q}, "arguments": [["ignored", {}]], "filtered_resps": [r]}
        for q, r in PAIRS
    ],
    "mt.jsonl": [
        {"question_id": f"q{i}", "model_id": "x", "choices": [{"index": 0, "turns": [reply]}]}
        for i, reply in enumerate(REPLIES, 1)
    ],
    "v0.1.jsonl": [
        {"question_id": f"q{i}", "choices": [{"index": 0, "turns": [{"content": reply}]}]}
        for i, reply in enumerate(REPLIES, 1)
    ],
    "v2.0.jsonl": [
        {
            "uid": f"q{i}",
            "model": "x",
            "messages": [
                {"role": "user", "content": QUESTIONS[i - 1]},
                {"role": "assistant", "content": {"answer": reply}},
            ],
        }
        for i, reply in enumerate(REPLIES, 1)
    ],
}


@pytest.fixture
def asked(bench: Workspace) -> Workspace:
    bench.add_questions(QUESTIONS)
    return bench


FLAGS = ("--bench-name", "test-v1", "--model", "tiny")


def texts(bench: Workspace) -> dict[str, list[str]]:
    return {
        record["question_id"]: [turn["content"] for turn in record["choices"][0]["turns"]]
        for record in bench.answers("tiny")
    }


@pytest.mark.parametrize("name", FILES)
def test_answers_of_every_form_are_matched_and_measured(
    asked: Workspace, run_main: RunMain, name: str
) -> None:
    asked.write(name, FILES[name])
    done = run_main("import_data.py", name, *FLAGS)
    assert texts(asked) == {f"q{i}": [reply] for i, reply in enumerate(REPLIES, 1)}
    for record, style in zip(asked.answers("tiny"), conv_metadata(REPLIES), strict=True):
        assert record["model_id"] == "tiny"
        assert record["conv_metadata"] == style
        assert record["imported"]["file"] == name
    assert "data/test-v1/model_answer/tiny.jsonl: 3 answers to 3 questions" in done.out
    assert done.out.endswith("next: python gen_judgment.py --bench-name test-v1 --model tiny\n")
    before = tree(asked.root)
    run_main("import_data.py", name, *FLAGS)  # the same again
    assert tree(asked.root) == before


def test_a_process_imports_into_a_bench_of_the_v2_0_format(bench: Workspace) -> None:
    bench.add_questions([{"uid": "u1", "category": "c", "prompt": "Why?"}])
    bench.write("a.jsonl", [{"uid": "u1", "answer": "**So.**"}])
    bench.run("import_data.py", "a.jsonl", *FLAGS, check=0)
    (record,) = bench.answers("tiny")
    assert record["uid"] == "u1"
    assert record["messages"][1]["content"]["answer"] == "**So.**"
    assert record["metadata"] == conv_metadata(["**So.**"], "v2.0")[0]


def test_gen_answer_fills_what_an_import_lacks_and_keeps_the_rest(
    asked: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    asked.add_questions([*QUESTIONS[:2], two_turns()])
    asked.add_model("tiny", api.v1, **FAST)
    asked.write_answer_config()
    rows = [{"id": "q1", "answer": "one"}, {"id": "q3", "answer": "first turn"}]
    asked.write("a.jsonl", rows)
    done = run_main("import_data.py", "a.jsonl", *FLAGS, check=1)
    assert "questions without an answer to each turn: 2 (q2, q3)" in done.out
    assert done.out.endswith("next: python gen_answer.py --bench-name test-v1 --model tiny\n")
    run_main("gen_answer.py", "--model", "tiny")
    found = texts(asked)
    assert found["q1"] == ["one"]
    assert found["q3"][0] == "first turn"
    assert len(found["q3"]) == 2
    assert len(api.calls) == 2


def two_turns() -> dict[str, Any]:
    turns = [{"content": "a?"}, {"content": "b?"}]
    return {"question_id": "q3", "category": "c", "cluster": "c", "turns": turns}


def test_what_does_not_fit_is_named(asked: Workspace, run_main: RunMain) -> None:
    rows = [
        {"id": "q1", "answer": "one", "generator": "other"},
        {"id": "q2", "answer": " "},
        {"prompt": "Who are you?", "answer": "me"},
        {"id": "q3", "answer": "$ERROR$"},
        {"id": "q1", "answer": "one"},
    ]
    asked.write("a.jsonl", rows)
    done = run_main("import_data.py", "a.jsonl", *FLAGS, check=1)
    assert done.out.splitlines()[:-1] == [
        "read 5 rows (5 of a table)",
        "data/test-v1/model_answer/tiny.jsonl: 2 answers to 3 questions",
        "rows that fit no question, by id or by prompt: 1 (a.jsonl:3 'Who are you?')",
        "rows with a failed call or nothing in place of an answer: 1 (a.jsonl:4)",
        "questions without an answer to each turn: 1 (q3)",
        "empty answers: 1 (q2)",
        "other models named in the files: 1 (other)",
    ]


POEM, CAPITAL = "Write a poem.", "Name the capital of France."


@pytest.mark.parametrize("ids", [(2, 1), (0, 1), (1.0, 2.0), ("one", "two")])
@pytest.mark.parametrize("flags", [(), ("--prompt", "prompt")])
def test_the_prompt_decides_against_the_id(
    bench: Workspace, run_main: RunMain, ids: tuple[Any, Any], flags: tuple[str, ...]
) -> None:
    questions = [
        {"question_id": n, "turns": [{"content": t}]} for n, t in ((1, POEM), (2, CAPITAL))
    ]
    bench.add_questions(questions)
    replies = zip(ids, (POEM, CAPITAL), ("Roses.", "Paris."), strict=True)
    rows = [{"id": i, "prompt": prompt, "answer": reply} for i, prompt, reply in replies]
    bench.write("a.jsonl", rows)
    done = run_main("import_data.py", "a.jsonl", *FLAGS, *flags)
    assert texts(bench) == {1: ["Roses."], 2: ["Paris."]}
    others = {2: "2 (a.jsonl:1, a.jsonl:2)", 0: "1 (a.jsonl:2)"}.get(ids[0])
    line = f"rows with the id of another question, matched by their prompt: {others}"
    assert (line in done.out) == (others is not None and not flags)


def test_the_id_decides_if_the_prompt_is_of_no_question_or_of_two(
    bench: Workspace, run_main: RunMain
) -> None:
    bench.add_questions([POEM, POEM, CAPITAL])
    rows = [
        {"id": "q1", "prompt": POEM, "answer": "one"},
        {"id": "q2", "prompt": POEM, "answer": "two"},
        {"id": "q3", "prompt": "Name it.", "answer": "Paris."},
        {"id": "q3", "prompt": POEM, "answer": "of either"},
    ]
    bench.write("a.jsonl", rows)
    done = run_main("import_data.py", "a.jsonl", *FLAGS, check=1)
    assert texts(bench) == {"q1": ["one"], "q2": ["two"], "q3": ["Paris."]}
    line = "rows with another prompt than the question, matched by their id: 1 (a.jsonl:3)"
    assert line in done.out and "fit no question, by id or by prompt: 1 (a.jsonl:4" in done.out
    run_main("import_data.py", "a.jsonl", *FLAGS, "--prompt", "prompt", "--force", check=2)
    assert len(texts(bench)) == 3


def test_an_instruction_is_matched_with_its_input(bench: Workspace, run_main: RunMain) -> None:
    rows = [
        {"instruction": "Name the mood.", "input": text, "output": reply}
        for text, reply in (("I sing.", "glad"), ("I cry.", "sad"), ("", "none"))
    ]
    bench.write("rows.json", rows)
    run_main("make_bench.py", "rows.json", "--bench-name", "test-v1")
    prompts = {
        r["question_id"]: r["turns"][0]["content"]
        for r in bench.read_jsonl(bench.data / "question.jsonl")
    }
    assert sorted(prompts.values())[1] == "Name the mood.\n\nI cry."
    run_main("import_data.py", "rows.json", *FLAGS)
    assert {prompts[key][15:].strip(): reply for key, (reply,) in texts(bench).items()} == {
        **{"I sing.": "glad", "I cry.": "sad", "": "none"}
    }
    docs = [{"doc": row, "resps": [[row["output"]]]} for row in rows]
    bench.write("docs.jsonl", docs)
    before = texts(bench)
    run_main("import_data.py", "docs.jsonl", *FLAGS, "--force")
    assert texts(bench) == before


def test_a_failed_line_of_gemini_is_a_failed_row_and_a_column_key_is_no_batch(
    asked: Workspace, run_main: RunMain
) -> None:
    asked.write("a.jsonl", [{"key": "q1", "error": {"code": 13, "message": "internal"}}])
    done = run_main("import_data.py", "a.jsonl", *FLAGS, check=2)
    assert "no row has a reply, e.g. a.jsonl:1" in done.err
    asked.write("b.csv", table(("key", "prompt", "response"), [("x", *pair) for pair in PAIRS]))
    assert "3 answers to 3 questions" in run_main("import_data.py", "b.csv", *FLAGS).out


def test_replies_are_whole_and_null_is_a_failed_row(asked: Workspace, run_main: RunMain) -> None:
    cut = batch_line(1, "<think>Hm</think>Because")
    cut["response"]["body"]["choices"][0]["finish_reason"] = "length"
    asked.write("batch.jsonl", [cut])
    sample = {"doc_id": "q2", "doc": {}, "resps": [["The answer is 5", "6"]]}
    filtered = [sample | {"filtered_resps": [text]} for text in ("5", "[invalid]")]
    asked.write("harness.jsonl", [*filtered, {"doc_id": "q1", "doc": {}, "filtered_resps": []}])
    thought = "<think>\nHm\n</think>\n\n고쳤다"
    rows = [{"id": "q3", "answer": thought}, {"id": "q1", "answer": None}]
    asked.write("rows.jsonl", rows)
    asked.write("mt.jsonl", [{"question_id": "q1", "choices": [{"turns": [None]}]}])
    done = run_main("import_data.py", "rows.jsonl", "mt.jsonl", *FLAGS, check=1)
    assert "failed call or nothing in place of an answer: 2 (rows.jsonl:2, mt.jsonl:1)" in done.out
    assert "1 answer to 3 questions" in done.out
    (turn,) = asked.answers("tiny")[0]["choices"][0]["turns"]
    assert turn == {"content": "고쳤다", "reasoning": "Hm"}

    by_doc = ("harness.jsonl", *FLAGS, "--id", "doc_id", "--force")
    done = run_main("import_data.py", *by_doc, check=1)
    assert texts(asked) == {"q2": ["The answer is 5"]}
    assert "in place of an answer: 1 (harness.jsonl:3)" in done.out
    done = run_main("import_data.py", *by_doc, "--answer", "filtered_resps", check=2)
    assert "different answers to question q2" in done.err

    done = run_main("import_data.py", "batch.jsonl", *FLAGS, "--force", check=1)
    assert "read 1 row (1 of batch output)" in done.out
    (turn,) = asked.answers("tiny")[0]["choices"][0]["turns"]
    assert turn == {"content": "Because", "reasoning": "Hm", "finish_reason": "length"}
    asked.write_answer_config()
    assert "cut-off answers" in run_main("check_bench.py", "--bench-name", "test-v1", check=1).out


def test_lists_of_texts_in_cells_are_turns(bench: Workspace, run_main: RunMain) -> None:
    prompts = [dumps(["Why?", "And how?"]), dumps(["List two."]), dumps(["Once?"])]
    replies = [dumps(["So.", "Thus."]), dumps(["a", "b"]), dumps(["Yes."])]
    bench.write("a.csv", table(("prompt", "response_a"), list(zip(prompts, replies, strict=True))))
    run_main("make_bench.py", "a.csv", "--bench-name", "test-v1", "--force")
    run_main("import_data.py", "a.csv", *FLAGS, "--answer", "response_a", "--prompt", "prompt")
    assert sorted(texts(bench).values()) == [["So.", "Thus."], ["Yes."], ['["a", "b"]']]


def test_an_answer_with_examples_is_a_row(asked: Workspace, run_main: RunMain) -> None:
    asked.write("a.jsonl", [{"id": "q1", "answer": "one", "examples": [{"id": "q2"}]}])
    run_main("import_data.py", "a.jsonl", *FLAGS, check=1)
    assert texts(asked) == {"q1": ["one"]}


def test_columns_are_named(asked: Workspace, run_main: RunMain) -> None:
    asked.write("a.csv", table(("nr", "reply", "answer"), [("q1", "yes", "no")]))
    run_main("import_data.py", "a.csv", *FLAGS, "--id", "nr", "--answer", "reply", check=1)
    assert texts(asked) == {"q1": ["yes"]}


def test_other_answers_are_replaced_only_by_force(asked: Workspace, run_main: RunMain) -> None:
    asked.add_answers("tiny", {"q1": "mine"})
    asked.write("a.jsonl", [{"id": "q1", "answer": "theirs"}])
    before = tree(asked.root)
    done = run_main("import_data.py", "a.jsonl", *FLAGS, check=2)
    assert done.err == (
        "error: data/test-v1/model_answer/tiny.jsonl: has other answers. "
        "Replace them with --force.\n"
    )
    assert tree(asked.root) == before
    run_main("import_data.py", "a.jsonl", *FLAGS, "--force", check=1)
    assert texts(asked) == {"q1": ["theirs"]}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "id,answer\nq1,a\nq1,b\n", "a.csv:2 and a.csv:3: different answers to question"),
        ("a.csv", "id,answer\nx,a\n", "no answer to a question of test-v1, e.g. a.csv:2 x."),
        ("a.csv", "id,words\nq1,a\n", "a.csv:2: no answer. Name its column with --answer."),
        ("a.csv", "answer\na\n", "a.csv:2: neither id nor prompt of a question."),
        ("a.csv", "", "a.csv: no rows. Use a file with answers."),
        ("a.csv", "id,answer\n", "a.csv: no rows."),
        ("a.jsonl", dumps(harness(0, QUESTIONS[0], [-1.5, False])), LIKELIHOODS),
        ("a.jsonl", dumps(harness(0, QUESTIONS[0], ["-1.5", "False"], " yes")), LIKELIHOODS),
        ("a.jsonl", '{"doc": {"id": "q1"}, "resps": [[["-1.5", "True"]]]}', LIKELIHOODS),
        ("a.jsonl", '{"id": "q1", "choices": []}\n', "no answer in a known form"),
        ("a.jsonl", '{"id": "q1", "choices": [{"turns": [1]}]}\n', "a.jsonl:1: "),
        ("a.jsonl", "{nonsense\n", "a.jsonl:1: not JSON"),
        ("a.jsonl", '{"custom_id": "q1", "error": {"code": 500}}\n', "a.jsonl: no row has a reply"),
        ("a.doc", "x", "unknown form '.doc'"),
        ("none.csv", None, "none.csv: cannot read"),
    ],
)
def test_a_wrong_file_is_one_line_and_changes_nothing(
    asked: Workspace, run_main: RunMain, name: str, content: str | None, words: str
) -> None:
    if content is not None:
        asked.write(name, content)
    before = tree(asked.root)
    done = run_main("import_data.py", name, *FLAGS, check=2)
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert tree(asked.root) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--model", "m"), "--bench-name: missing. Name the bench."),
        (("--bench-name", "test-v1"), "--model: missing. Name the model."),
        (("--bench-name", "test-v1", "--model", "../x"), "not a name that a file can have"),
        (("--bench-name", "test", "--model", "m"), "Benches here: test-v1"),
        ((*FLAGS, "--id", "nr"), "a.csv:2: no column 'nr'. Columns here: id, answer"),
    ],
)
def test_a_wrong_flag_is_one_line(
    asked: Workspace, run_main: RunMain, flags: tuple[str, ...], words: str
) -> None:
    asked.write("a.csv", "id,answer\nq1,a\n")
    before = tree(asked.root)
    done = run_main("import_data.py", "a.csv", *flags, check=2)
    assert words in done.err
    assert tree(asked.root) == before
