"""What users give the scripts by mistake, and what must not stop them: two tables.

`WRONG` gets one line on stderr that names file, line or key, and exit status 2; nothing on disk
is changed and no call is made. `TOLERATED` runs through, and what was passed over is counted.
"""

from __future__ import annotations

import json

import pytest
from conftest import Workspace, tree
from fake_api import FakeAPI
from spoiled_house import (
    ANSWERING,
    ANSWERS,
    FLAGS,
    GOOD_ANSWER,
    GOOD_JUDGMENT,
    JUDGING,
    JUDGMENTS,
    QUESTIONS,
    SERVERS,
    A,
    Case,
    J,
    M,
    Run,
    S,
    answering,
    dangling,
    entry,
    folder_for,
    holds,
    judging,
    latin,
    looping,
    named,
    nothing,
    other_judgment,
)

LONG_LINE = '{"question_id": "q1", "turns": "' + "x" * 50_000_000 + '"}\n'
LINE_2 = (f"{ANSWERS}:2: not an answer",)

WRONG: dict[str, Case] = {
    # YAML
    "settings: not there": Case(A, lambda h: (h.root / ANSWERING).unlink(), (ANSWERING,)),
    "settings: empty": Case(A, holds(ANSWERING, ""), (ANSWERING, "mapping")),
    "settings: a list": Case(A, holds(ANSWERING, "- a\n"), (ANSWERING, "a list")),
    "settings: a number": Case(J, holds(JUDGING, "5\n"), (JUDGING, "expected a mapping")),
    "settings: a tab": Case(A, holds(ANSWERING, "a:\n\tb: 1\n"), (f"{ANSWERING}:2: not YAML",)),
    "settings: open bracket": Case(J, holds(JUDGING, "a: [1\n"), (f"{JUDGING}:2: not YAML",)),
    "settings: Latin-1": Case(A, holds(ANSWERING, latin("name: é\n")), (ANSWERING, "not UTF-8")),
    "settings: UTF-16": Case(J, holds(JUDGING, "a: b\n".encode("utf-16")), ("not UTF-8",)),
    "settings: binary": Case(J, holds(JUDGING, bytes(range(256))), (JUDGING, "not UTF-8")),
    "settings: NUL": Case(A, holds(ANSWERING, "name: a\0b\n"), (ANSWERING, "not YAML")),
    "settings: two documents": Case(A, holds(ANSWERING, "a: 1\n---\nb: 2\n"), (ANSWERING,)),
    "settings: a tag": Case(A, holds(ANSWERING, "a: !!python/name:os.system\n"), ("not YAML",)),
    "settings: a list for a key": Case(A, holds(ANSWERING, "[a, b]: 1\n"), (ANSWERING,)),
    "settings: a mapping for a key": Case(A, holds(ANSWERING, "{a: b}: 1\n"), (ANSWERING,)),
    "settings: an unknown alias": Case(A, holds(ANSWERING, "a: *b\n"), (ANSWERING, "not YAML")),
    "settings: an alias of itself": Case(
        A, holds(SERVERS, "tiny: &a\n  extra_body: &b {c: *b}\n"), (SERVERS,)
    ),
    "settings: too deep": Case(A, holds(ANSWERING, "[" * 5000), (ANSWERING,)),
    "settings: a date that is none": Case(A, holds(ANSWERING, "a: 2024-99-99\n"), (ANSWERING,)),
    "settings: a folder": Case(J, folder_for(JUDGING), (JUDGING, "cannot read")),
    "settings: a dangling link": Case(A, dangling(ANSWERING), (ANSWERING, "cannot read")),
    "settings: a link to itself": Case(A, looping(ANSWERING), (ANSWERING, "cannot read")),
    "settings: text for a number": Case(A, answering(max_tokens="9"), ("max_tokens", "'9'")),
    "settings: NaN": Case(A, answering(temperature=float("nan")), ("temperature", "nan")),
    "settings: infinite": Case(J, judging(temperature=float("inf")), ("temperature", "inf")),
    "settings: negative": Case(A, answering(num_choices=-1), ("num_choices", "-1")),
    "settings: enormous": Case(A, answering(temperature=10**400), ("temperature",)),
    "settings: a number for a name": Case(
        A, answering(bench_name=True), ("bench_name", "got true")
    ),
    "settings: a mapping for a pattern": Case(
        J,
        judging(regex_pattern=None, regex_patterns=[{"name": "all", "pattern": "(a)"}]),
        (f"{JUDGING}: regex_patterns[0]: expected a text, got a mapping",),
    ),
    "settings: an empty bench": Case(A, answering(bench_name=""), ("bench name",)),
    "settings: a bench outside": Case(J, judging(bench_name="../x"), ("'../x'",)),
    "settings: a bench at the root": Case(S, judging(bench_name="/etc"), ("'/etc'",)),
    "settings: names as a mapping": Case(J, judging(model_list={"tiny": 1}), ("model_list",)),
    "settings: an empty pattern": Case(J, judging(regex_pattern="("), ("regex_pattern",)),
    "servers: a list": Case(A, holds(SERVERS, "- tiny\n"), (SERVERS, "a list")),
    "servers: an entry of null": Case(A, holds(SERVERS, "tiny:\n"), (f"{SERVERS}: tiny",)),
    "servers: no such file": Case(J, nothing, ("no.yaml",), ("--endpoint-file", "no.yaml")),
    "servers: key not in ASCII": Case(
        A,
        entry(endpoints=[{"api_base": "http://127.0.0.1:9", "api_key": "schlüssel"}]),
        (f"{SERVERS}: tiny", "api_key"),
    ),
    "servers: no http": Case(A, entry(endpoints=[{"api_base": "x"}]), ("api_base", "http")),
    "servers: timeout of 0": Case(A, entry(timeout=0), ("tiny: timeout", "above 0, got 0")),
    "servers: price of one": Case(A, entry(price={"input": 1}), ("price", "'output'")),
    "servers: price in words": Case(
        A, entry(price="cheap"), ("price: expected a mapping of input and output, got 'cheap'",)
    ),
    "servers: a header of two lines": Case(
        A, entry(extra_headers={"x-a": "b\r\nx-c: d"}), ("extra_headers", "x-a")
    ),
    # Questions
    "questions: none": Case(A, holds(QUESTIONS, ""), (QUESTIONS, "no question")),
    "questions: a folder": Case(A, folder_for(QUESTIONS), (QUESTIONS, "cannot read")),
    "questions: a dangling link": Case(A, dangling(QUESTIONS), (QUESTIONS,)),
    "questions: without turns": Case(
        A, holds(QUESTIONS, '{"question_id": "q1"}\n'), (f"{QUESTIONS}:1", "turns")
    ),
    "questions: turns of text": Case(
        J, holds(QUESTIONS, '{"question_id": "q1", "turns": ["a"]}\n'), (f"{QUESTIONS}:1", "turns")
    ),
    "questions: a fraction for an id": Case(
        A, holds(QUESTIONS, '{"question_id": 1.5, "prompt": "a"}\n'), (f"{QUESTIONS}:1", "float")
    ),
    "questions: one JSON list": Case(A, holds(QUESTIONS, "[\n{}\n]\n"), (f"{QUESTIONS}:1",)),
    "questions: CSV": Case(A, holds(QUESTIONS, "id,text\n1,a\n"), (f"{QUESTIONS}:1",)),
    "questions: Latin-1": Case(
        A, holds(QUESTIONS, latin('{"question_id": "é", "prompt": "a"}\n')), ("not UTF-8",)
    ),
    "questions: UTF-16": Case(
        A, holds(QUESTIONS, '{"question_id": "q1"}\n'.encode("utf-16")), (f"{QUESTIONS}:1",)
    ),
    "questions: a line of 50 MB": Case(A, holds(QUESTIONS, LONG_LINE), (f"{QUESTIONS}:1", "turns")),
    "questions: too deep": Case(A, holds(QUESTIONS, "[" * 100_000 + "\n"), (f"{QUESTIONS}:1",)),
    # Answers
    "answers: without choices": Case(
        A, holds(ANSWERS, GOOD_ANSWER + '{"question_id": "q2"}\n'), (*LINE_2, "choices")
    ),
    "answers: choices of nothing": Case(
        J, holds(ANSWERS, GOOD_ANSWER + '{"question_id": "q2", "choices": []}\n'), LINE_2
    ),
    "answers: a mapping for choices": Case(
        M, holds(ANSWERS, GOOD_ANSWER + '{"question_id": "q2", "choices": {}}\n'), LINE_2
    ),
    "answers: a number for a text": Case(
        J,
        holds(ANSWERS, GOOD_ANSWER + GOOD_ANSWER.replace('"hi"', "5")),
        (*LINE_2, "content"),
    ),
    "answers: no id": Case(
        S,
        holds(ANSWERS, GOOD_ANSWER + GOOD_ANSWER.replace("question_id", "id")),
        (*LINE_2, "question_id"),
        ("--style-control",),
    ),
    "answers: torn in the middle": Case(M, holds(ANSWERS, '{"questi\n' + GOOD_ANSWER), (ANSWERS,)),
    "answers: a text": Case(A, holds(ANSWERS, GOOD_ANSWER + '"text"\n'), LINE_2),
    "answers: null": Case(J, holds(ANSWERS, GOOD_ANSWER + "null\n"), LINE_2),
    "answers: Latin-1": Case(
        M, holds(ANSWERS, latin(GOOD_ANSWER.replace("hi", "é")) + latin(GOOD_ANSWER)), ("UTF-8",)
    ),
    "answers: a folder": Case(J, folder_for(ANSWERS), (ANSWERS, "cannot read")),
    "answers: NaN tokens": Case(
        S,
        holds(ANSWERS, GOOD_ANSWER.replace("}]}]", '}]}], "conv_metadata": {"token_len": NaN}')),
        (f"{ANSWERS}",),
        ("--style-control",),
    ),
    "answers: tokens in words": Case(
        S,
        holds(ANSWERS, GOOD_ANSWER.replace("}]}]", '}]}], "conv_metadata": {"token_len": "9"}')),
        (f"{ANSWERS}:1", "token_len"),
    ),
    "answers: metadata in words": Case(
        M,
        holds(ANSWERS, GOOD_ANSWER.replace("}]}]", '}]}], "conv_metadata": "long"')),
        (f"{ANSWERS}:1", "conv_metadata"),
    ),
    # Judgments
    "judgments: games in words": Case(
        S, holds(JUDGMENTS, GOOD_JUDGMENT + '{"question_id": "q2", "games": "none"}\n'), ("games",)
    ),
    "judgments: a list for a label": Case(
        S, holds(JUDGMENTS, GOOD_JUDGMENT.replace('"A>B"', "[]")), (f"{JUDGMENTS}:1", "score")
    ),
    "judgments: a list for a model": Case(
        J, holds(JUDGMENTS, GOOD_JUDGMENT.replace('"tiny"', "[]")), (f"{JUDGMENTS}:1", "model")
    ),
    "judgments: no id": Case(
        J, holds(JUDGMENTS, GOOD_JUDGMENT.replace("question_id", "id")), (f"{JUDGMENTS}:1", "uid")
    ),
    "judgments: of another judge": Case(
        J, holds(JUDGMENTS, GOOD_JUDGMENT.replace('"judge": "judge"', '"judge": "x"')), ("'x'",)
    ),
    "judgments: some by another judge": Case(
        S, holds(JUDGMENTS, GOOD_JUDGMENT + other_judgment(judge="x")), (JUDGMENTS, "judge, x.")
    ),
    "judgments: some against another baseline": Case(
        S, holds(JUDGMENTS, GOOD_JUDGMENT + other_judgment(baseline="x")), (JUDGMENTS, "line, x.")
    ),
    "judgments: made in different ways": Case(
        S,
        holds(JUDGMENTS, "".join(other_judgment(settings={"temperature": t}) for t in (0, 1))),
        (JUDGMENTS, "temperature: 0 and 1"),
    ),
    "judgments: none": Case(S, holds(JUDGMENTS, ""), ("judgment",)),
    "judgments: a folder": Case(S, folder_for(JUDGMENTS), (JUDGMENTS,)),
    # Names
    "a model outside": Case(A, named("../../evil"), ("model name", "'../../evil'")),
    "a model at the root": Case(A, named("/tmp/evil"), ("model name", "'/tmp/evil'")),
    "a hidden model": Case(A, named(".evil"), ("model name",)),
    "a model of two lines": Case(A, named("a\nb"), ("model name",)),
    "a model with a backslash": Case(A, named("a\\b"), ("model name",)),
    "a model without a name": Case(A, named(""), ("model name",)),
    "a model with too long a name": Case(A, named("x" * 300), ("model name", "longer")),
    "an emoji's too long name": Case(A, named("🦙" * 80), ("model name", "longer")),
    "a judge outside": Case(S, nothing, ("judge name",), ("--judge-name", "../judge")),
    "a model that nobody knows": Case(A, nothing, ("'tinny'", "'tiny'"), ("--model", "tinny")),
    "a baseline that nobody knows": Case(J, nothing, ("'bsae'",), ("--baseline", "bsae")),
    "a folder that is not there": Case(M, nothing, ("nowhere",), ("--dir", "nowhere")),
    "data that is not there": Case(S, nothing, ("nowhere",), ("--data-dir", "nowhere")),
}


def test_the_table_is_long_enough() -> None:
    assert len(WRONG) >= 40


@pytest.mark.parametrize("case", list(WRONG))
def test_one_line_says_what_is_wrong_and_nothing_is_done(
    house: Workspace, api: FakeAPI, run_here: Run, case: str
) -> None:
    wrong = WRONG[case]
    wrong.spoil(house)
    if wrong.script == M:
        (house.data / "model_answer" / "base.jsonl").unlink()
    before = tree(house.root)
    done = run_here(wrong.script, wrong.flags)
    lines = done.err.splitlines()
    assert [line[:7] for line in lines if not line.startswith("warning: ")] == ["error: "], done
    assert [word for word in wrong.words if word not in lines[-1]] == [], lines[-1]
    assert len(lines[-1]) < 600
    assert (done.status, api.call_count) == (2, 0)
    assert tree(house.root) == before


@pytest.mark.parametrize(
    "case", ["settings: a tab", "questions: Latin-1", "judgments: none", "answers: null"]
)
def test_real_processes_end_the_same_way(house: Workspace, api: FakeAPI, case: str) -> None:
    wrong = WRONG[case]
    wrong.spoil(house)
    before = tree(house.root)
    done = house.run(f"{wrong.script}.py", *FLAGS.get(wrong.script, ()), *wrong.flags, check=2)
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert (api.call_count, tree(house.root)) == (0, before)


def test_one_bad_file_of_several_leaves_the_others_as_they_were(
    house: Workspace, run_here: Run
) -> None:
    house.write(ANSWERS, "null\n" + GOOD_ANSWER)
    before = tree(house.root)
    assert run_here(M, ()).status == 2
    assert tree(house.root) == before


# What must not stop a run

TOLERATED: dict[str, Case] = {
    "settings: a byte order mark": Case(
        A,
        holds(ANSWERING, "\ufeffbench_name: test-v1\nmodel_list: [tiny]\n"),
        ("tiny: 1 planned, 1 done",),
    ),
    "settings: lines of Windows": Case(
        A,
        holds(ANSWERING, b"bench_name: test-v1\r\nmodel_list: [tiny]\r\n"),
        ("tiny: 1 planned, 1 done",),
    ),
    "settings: an unknown key": Case(
        A, answering(temprature=1), ("unknown key 'temprature'", "'temperature'", "1 done")
    ),
    "questions: a mark, blank lines, no end": Case(
        A,
        holds(QUESTIONS, '\ufeff\n{"question_id": "q9", "prompt": "a"}\n\n  \n{"uid": "q8", '),
        ("ignoring an incomplete last line", "tiny: 1 planned, 1 done"),
    ),
    "questions: one id twice": Case(
        A,
        holds(QUESTIONS, '{"question_id": "q9", "prompt": "a"}\n' * 2),
        (f"{QUESTIONS}: 1 repeated ids", "tiny: 1 planned"),
    ),
    "questions: a line of 50 MB": Case(
        A,
        holds(QUESTIONS, json.dumps({"question_id": "q9", "prompt": "x" * 50_000_000}) + "\n"),
        ("tiny: 1 planned, 1 done",),
    ),
    "questions: half an emoji": Case(
        A, holds(QUESTIONS, '{"question_id": "q9", "prompt": "\\ud83d"}\n'), ("1 done",)
    ),
    "answers: empty": Case(
        J, lambda h: h.add_answers("tiny", {"q1": "", "q2": ""}), ("tiny: 2 planned, 2 done",)
    ),
    "answers: one id twice": Case(
        A, holds(ANSWERS, GOOD_ANSWER * 3), (f"{ANSWERS}: 2 repeated ids", "1 cached")
    ),
    "answers: a torn last line": Case(
        A, holds(ANSWERS, GOOD_ANSWER + '{"question_id": "q'), ("incomplete last line", "1 cached")
    ),
    "answers: no file of the baseline": Case(
        S, lambda h: (h.data / "model_answer" / "base.jsonl").unlink(), ("base", "50.0")
    ),
    "answers: missing for a question": Case(
        J, nothing, ("questions skipped, not answered in full by the model: 1",)
    ),
    "judgments: null for a game": Case(
        S,
        holds(JUDGMENTS, GOOD_JUDGMENT.replace('{"score": "A>B"}', "null") + "\n"),
        ("tiny", "1 games without verdict"),
    ),
    "judgments: null for a label": Case(
        S,
        holds(JUDGMENTS, GOOD_JUDGMENT.replace('"A>B"', "null")),
        ("tiny", "1 games without verdict"),
    ),
    "judgments: one game": Case(
        S, holds(JUDGMENTS, GOOD_JUDGMENT.replace(', {"score": "B>A"}', "")), ("tiny", "1")
    ),
    "judgments: one id twice": Case(
        S, holds(JUDGMENTS, "\ufeff" + GOOD_JUDGMENT * 2), (f"{JUDGMENTS}: 1 repeated ids",)
    ),
    "judgments: a strange label": Case(
        S,
        holds(JUDGMENTS, GOOD_JUDGMENT.replace("A>B", "A!B")),
        ("tiny", "1 games without verdict"),
    ),
    "a name with a slash": Case(A, named("org/model"), ("org/model: 3 planned, 3 done",)),
    "a name with spaces": Case(A, named("my model v2"), ("my model v2: 3 planned, 3 done",)),
    "a name with quotes": Case(A, named('it\'s "so"'), ('it\'s "so": 3 planned, 3 done',)),
    "a name with an emoji": Case(A, named("llama 🦙"), ("llama 🦙: 3 planned, 3 done",)),
    "a name in Korean": Case(A, named("한국어-모델"), ("한국어-모델: 3 planned, 3 done",)),
    "a name with dots": Case(A, named("gpt-4.1..mini"), ("gpt-4.1..mini: 3 planned, 3 done",)),
    "a name like a flag": Case(A, named("-x--y"), ("-x--y: 3 planned, 3 done",)),
    "a name like a pattern": Case(A, named("a[b]*?"), ("a[b]*?: 3 planned, 3 done",)),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_what_real_files_hold_is_tolerated_and_named(
    house: Workspace, run_here: Run, case: str
) -> None:
    tolerated = TOLERATED[case]
    tolerated.spoil(house)
    done = run_here(tolerated.script, tolerated.flags)
    output = done.err + done.out
    assert done.status == 0, output
    assert [word for word in tolerated.words if word not in output] == [], output


@pytest.mark.parametrize("name", ["org/model", "my model v2", "llama 🦙", "a[b]*?"])
def test_a_name_is_the_same_in_every_stage(house: Workspace, run_here: Run, name: str) -> None:
    named(name)(house)
    assert run_here(A, ()).status == 0
    house.write_judge_config("judge", "base", model_list=[name])
    assert run_here(J, ()).status == 0
    assert name in run_here(S, ()).out
    assert run_here(M, ()).status == 0
    outside = {path.name for path in house.root.iterdir()} - {"config", "data"}
    assert outside == set()
