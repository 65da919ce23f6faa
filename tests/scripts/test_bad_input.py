"""What users give the scripts by mistake, and what must not stop them: two tables.

`WRONG` gets one line on stderr that names file, line or key, and exit status 2; nothing on disk
is changed and no call is made. `TOLERATED` runs through, and what was passed over is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Workspace, tree
from fake_api import FakeAPI

import add_markdown_info
import gen_answer
import gen_judgment
import show_result

MAINS: dict[str, Callable[..., int]] = {
    "gen_answer": gen_answer.main,
    "gen_judgment": gen_judgment.main,
    "show_result": show_result.main,
    "add_markdown_info": add_markdown_info.main,
}
FLAGS = {
    "show_result": ("--num-rounds", "3"),
    "add_markdown_info": ("--dir", "data/test-v1/model_answer"),
}

SERVERS = "config/api_config.yaml"
ANSWERING = "config/gen_answer_config.yaml"
JUDGING = "config/judge_config.yaml"
QUESTIONS = "data/test-v1/question.jsonl"
ANSWERS = "data/test-v1/model_answer/tiny.jsonl"
JUDGMENTS = "data/test-v1/model_judgment/judge/tiny.jsonl"

GOOD_ANSWER = '{"question_id": "q1", "choices": [{"index": 0, "turns": [{"content": "hi"}]}]}\n'
GOOD_JUDGMENT = (
    '{"question_id": "q1", "model": "tiny", "judge": "judge", "baseline": "base", '
    '"games": [{"score": "A>B"}, {"score": "B>A"}]}\n'
)
LONG_LINE = '{"question_id": "q1", "turns": "' + "x" * 50_000_000 + '"}\n'

Spoil = Callable[[Workspace], object]


@dataclass(frozen=True)
class Case:
    """A script, what is done to its files before it runs, its flags, and words of its output."""

    script: str
    spoil: Spoil
    words: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """How a script ended and what it printed."""

    status: int
    out: str
    err: str


Run = Callable[[str, tuple[str, ...]], Done]


@pytest.fixture
def house(bench: Workspace, api: FakeAPI) -> Workspace:
    """A bench in which every script has something to do, and an API that would answer."""
    bench.add_questions(3)
    for model in ("base", "tiny"):
        bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in (1, 2)})
    for model in ("tiny", "judge"):
        bench.add_model(model, api.v1, retry_wait=0.001, max_retries=1)
    bench.write(JUDGMENTS, GOOD_JUDGMENT)
    bench.write_answer_config(model_list=["tiny"])
    bench.write_judge_config("judge", "base")
    api.answer_with("[[A>B]]")
    return bench


@pytest.fixture
def run(
    house: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a script in the house, in this process."""
    monkeypatch.chdir(house.root)

    def run(script: str, flags: tuple[str, ...]) -> Done:
        capsys.readouterr()
        try:
            status = MAINS[script]([*FLAGS.get(script, ()), *flags])
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run


# Ways to spoil a house


def nothing(house: Workspace) -> None:
    """Leave it as it is: the flags are wrong."""


def holds(path: str, content: str | bytes) -> Spoil:
    return lambda house: house.write(path, content)


def folder_for(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).mkdir()

    return spoil


def dangling(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).symlink_to("nowhere")

    return spoil


def looping(path: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        (house.root / path).unlink()
        (house.root / path).symlink_to(house.root / path)

    return spoil


def answering(**fields: Any) -> Spoil:
    return lambda house: house.write_answer_config(**{"model_list": ["tiny"]} | fields)


def judging(**fields: Any) -> Spoil:
    return lambda house: house.write_judge_config("judge", "base", **fields)


def entry(**fields: Any) -> Spoil:
    return lambda house: house.add_model("tiny", "http://127.0.0.1:9/v1", **fields)


def named(name: str) -> Spoil:
    def spoil(house: Workspace) -> None:
        house.add_model(name, house.models["tiny"]["endpoints"][0]["api_base"])
        house.write_answer_config(model_list=[name])

    return spoil


def latin(text: str) -> bytes:
    return text.encode("latin-1")


def other_judgment(**fields: Any) -> str:
    """A judgment of another question."""
    record = json.loads(GOOD_JUDGMENT) | {"question_id": f"q{fields}"} | fields
    return json.dumps(record) + "\n"


A, J, S, M = MAINS
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


def settled(**settings: Any) -> Spoil:
    """The model's answer to q1 was made with these settings."""
    record = json.loads(GOOD_ANSWER) | {"settings": settings}
    return holds(ANSWERS, json.dumps(record) + "\n")


def servers(text: str) -> Spoil:
    return holds(SERVERS, f"tiny:\n{text}")


def asking(turn: str) -> Spoil:
    return holds(QUESTIONS, f'{{"question_id": "q1", "turns": [{turn}]}}\n')


def renamed_judge(house: Workspace) -> None:
    folder = house.data / "model_judgment"
    (folder / "judge").rename(folder / "old")


def no_config(house: Workspace) -> None:
    (house.root / "config").rename(house.root / "configuration")


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"

# Mistakes that users make, and the literal answer to each. HERE is the folder of the house.
MISTAKES: dict[str, tuple[str, Spoil, str, str]] = {
    # Folders and names
    "in another folder": (
        A,
        no_config,
        "",
        "config/gen_answer_config.yaml: cannot read: No such file or directory in HERE. Run "
        "the script in the folder with config/ and data/, or write another path.",
    ),
    "in another folder, judging": (
        J,
        no_config,
        "",
        "config/judge_config.yaml: cannot read: No such file or directory in HERE. Run the "
        "script in the folder with config/ and data/, or write another path.",
    ),
    "the folder of a bench for that of the data": (
        A,
        nothing,
        "--data-dir data/test-v1",
        "data/test-v1/test-v1/question.jsonl: no such file. data/test-v1 is itself a bench. "
        "Use --data-dir data --bench-name test-v1",
    ),
    "the same for a board": (
        S,
        nothing,
        "--data-dir data/test-v1/",
        "data/test-v1/test-v1: no such bench. data/test-v1 is itself a bench. Use --data-dir "
        "data --bench-name test-v1",
    ),
    "a data folder that is not there": (
        A,
        nothing,
        "--data-dir dta",
        "dta/test-v1/question.jsonl: no such file. The data folder dta does not exist in "
        "HERE. Set --data-dir.",
    ),
    "a misspelt bench": (
        A,
        nothing,
        "--bench-name test-v2",
        "data/test-v2/question.jsonl: no such file. Benches here: test-v1. Choose with "
        "--bench-name.",
    ),
    "the same for a board of it": (
        S,
        nothing,
        "--bench-name test-v2",
        "data/test-v2: no such bench. Benches here: test-v1. Choose with --bench-name.",
    ),
    "models with a comma": (
        A,
        nothing,
        "--model tiny,judge",
        "config/api_config.yaml: no entry for the model 'tiny,judge' (are these 2 names? "
        "Give them one by one, without commas)",
    ),
    "models with a comma, judging": (
        J,
        nothing,
        "--model tiny,base",
        "data/test-v1/model_answer/tiny,base.jsonl: no answers of the model 'tiny,base' (are "
        "these 2 names? Give them one by one, without commas). Run gen_answer.py first.",
    ),
    "models with a comma in a setting file": (
        A,
        answering(model_list=["tiny, judge"]),
        "",
        "config/api_config.yaml: no entry for the model 'tiny, judge' (are these 2 names? "
        "Give them one by one, without commas)",
    ),
    "a misspelt model": (
        A,
        nothing,
        "--model tinny",
        "config/api_config.yaml: no entry for the model 'tinny' (did you mean 'tiny'?)",
    ),
    "a misspelt model, judging": (
        J,
        nothing,
        "--model tinny",
        "data/test-v1/model_answer/tinny.jsonl: no answers of the model 'tinny' (did you "
        "mean 'tiny'?). Run gen_answer.py first.",
    ),
    "a misspelt judge": (
        J,
        nothing,
        "--judge-model judg",
        "config/api_config.yaml: no entry for the model 'judg' (did you mean 'judge'?)",
    ),
    "a misspelt judge of a board": (
        S,
        nothing,
        "--judge-name judg",
        "data/test-v1/model_judgment/judg: no judgments (did you mean 'judge'?). Judges "
        "here: judge. Choose with --judge-name.",
    ),
    "a misspelt baseline": (
        J,
        nothing,
        "--baseline bas",
        "data/test-v1/model_answer/bas.jsonl: no answers of the model 'bas' (did you mean "
        "'base'?). Run gen_answer.py first.",
    ),
    "a misspelt baseline of a board": (
        S,
        nothing,
        "--baseline bas",
        "data/test-v1: no model 'bas', the baseline (did you mean 'base'?). Name the "
        "baseline with --baseline.",
    ),
    "a renamed folder of a judge": (
        S,
        renamed_judge,
        "--judge-name old",
        "data/test-v1/model_judgment/old: no battle against the baseline 'base', 1 judgments "
        "by another judge, judge. If the folder was renamed, include them with --mixed count.",
    ),
    "answers in a folder that is not there": (
        M,
        nothing,
        "--dir data/test-v1/answers",
        "data/test-v1/answers: no such folder",
    ),
    "a folder without answers": (
        M,
        nothing,
        "--dir config",
        "config: no answer files (*.jsonl) in this folder",
    ),
    # Flags
    "a misspelt flag": (
        A,
        nothing,
        "--modle tiny",
        "unrecognized arguments: --modle tiny (did you mean '--model'?)",
    ),
    "a flag with an underscore": (
        S,
        nothing,
        "--judge_name judge",
        "unrecognized arguments: --judge_name judge (did you mean '--judge-name'?)",
    ),
    "a limit of none": (
        A,
        nothing,
        "--limit 0",
        "argument --limit: expected a whole number, 1 or more, got '0'",
    ),
    "a cost in words": (
        A,
        nothing,
        "--max-cost ten",
        "argument --max-cost: expected a sum in USD, got 'ten'",
    ),
    "a cost limit without prices": (
        A,
        nothing,
        "--max-cost 1",
        "config/api_config.yaml: tiny: --max-cost needs price: {input: , output: }",
    ),
    "rounds in words": (
        S,
        nothing,
        "--num-rounds many",
        "argument --num-rounds: expected a whole number, 1 or more, got 'many'",
    ),
    # Setting files
    "another file of questions": (
        A,
        answering(question_file="question_ru.jsonl"),
        "",
        "config/gen_answer_config.yaml: question_file: a bench has its questions in "
        "question.jsonl. Copy 'question_ru.jsonl' to data/NAME/question.jsonl, and write "
        "'bench_name: NAME'.",
    ),
    "structured output": (
        J,
        judging(output_structured=True),
        "",
        "config/judge_config.yaml: output_structured: true is not supported. For verdicts in "
        "JSON use response_format and verdict_field.",
    ),
    "a name of digits": (
        A,
        holds(ANSWERING, "bench_name: b\nmodel_list: [0123]\n"),
        "",
        "config/gen_answer_config.yaml: model_list[0]: expected a text, but YAML reads 0123 "
        "as 83. Put it in quotes.",
    ),
    "a name that means yes": (
        A,
        holds(ANSWERING, "bench_name: b\nmodel_list: [on]\n"),
        "",
        "config/gen_answer_config.yaml: model_list[0]: expected a text, got true. Put it in "
        "quotes.",
    ),
    "a number in quotes": (
        A,
        answering(max_tokens="4096"),
        "",
        "config/gen_answer_config.yaml: max_tokens: expected a whole number, 1 or more, got "
        "'4096'. Remove the quotes.",
    ),
    "no model": (
        A,
        answering(model_list=[]),
        "",
        "config/gen_answer_config.yaml: model_list is empty. Name a model there or with --model.",
    ),
    "one model for a list": (
        A,
        answering(model_list="tiny"),
        "",
        "config/gen_answer_config.yaml: model_list: expected a list of texts, got 'tiny'",
    ),
    "no bench": (
        A,
        holds(ANSWERING, "benchname: b\n"),
        "",
        "config/gen_answer_config.yaml: the key 'bench_name' is missing (is 'benchname' "
        "meant for it?)",
    ),
    "a pattern of other labels": (
        J,
        judging(regex_pattern=r"\[\[([ABC])\]\]"),
        "",
        "config/judge_config.yaml: \\[\\[([ABC])\\]\\] can find no label (A>>B, A>B, A=B, "
        "B>A, B>>A). It finds 'A', which is no label",
    ),
    "a pattern without a group": (
        J,
        judging(regex_pattern=r"\[\[A>B\]\]"),
        "",
        "config/judge_config.yaml: regex_pattern: expected one group, the label, got 0",
    ),
    "a pattern in a mapping": (
        J,
        judging(regex_patterns=[{"pattern": "(A>B)"}]),
        "",
        "config/judge_config.yaml: regex_patterns[0]: expected a text, got a mapping",
    ),
    "a template of another kind": (
        J,
        judging(prompt_template=["{question_1} {output}"]),
        "",
        "config/judge_config.yaml: prompt_template: does not show both answers, {ANSWER_A} "
        "and {ANSWER_B}, of a question of 1 turn(s) (question q1)",
    ),
    "a pair without a baseline": (
        J,
        judging(baseline=False),
        "",
        "config/judge_config.yaml: pairwise needs baseline: true. To grade single answers, "
        "set pairwise: false.",
    ),
    "references of nobody": (
        J,
        judging(reference=True),
        "",
        "config/judge_config.yaml: reference is true, but ref_model names no model.",
    ),
    # Endpoint files
    "an address one level too high": (
        A,
        servers("  api_base: http://a/v1\n"),
        "",
        "config/api_config.yaml: tiny: api_base: belongs to an endpoint. Write it in the "
        "list of endpoints: 'endpoints: [{api_base: ...}]'",
    ),
    "an address without http": (
        A,
        entry(endpoints=[{"api_base": "localhost:8000"}]),
        "",
        "config/api_config.yaml: tiny: endpoints[0]: api_base: 'localhost:8000' does not "
        "begin with http:// or https://",
    ),
    "the whole path": (
        A,
        entry(endpoints=[{"api_base": "http://a/v1/chat/completions"}]),
        "",
        "config/api_config.yaml: tiny: endpoints[0]: api_base: "
        "'http://a/v1/chat/completions' ends in the path of a call, which each call adds. "
        "Use http://a/v1",
    ),
    "an unknown kind of API": (
        A,
        entry(api_type="opnai"),
        "",
        "config/api_config.yaml: tiny: api_type 'opnai' is not supported (did you mean "
        "'openai'?). Use one of openai, openai_thinking, azure, anthropic, "
        "anthropic_thinking, aws_claude, bedrock, vertex, llamacpp, vllm, sglang, gemini, "
        "mistral, cohere, deepseek, deepseek_reasoner, xai, openrouter, together, fireworks, "
        "groq.",
    ),
    "a key that is not set": (
        A,
        entry(endpoints=[{"api_key": "${MY_KEY}"}]),
        "",
        "config/api_config.yaml: tiny: endpoints[0]: api_key: the environment variable "
        "MY_KEY is not set",
    ),
    "one price": (
        A,
        entry(price={"input": 1}),
        "",
        "config/api_config.yaml: tiny: price: the key 'output' is missing",
    ),
    "a date in the body": (
        A,
        servers("  extra_body: {since: 2024-02-01}\n"),
        "",
        "config/api_config.yaml: tiny: extra_body.since: JSON has no such value: 2024-02-01. "
        "Write a text in quotes, or a list.",
    ),
    "no thread": (
        A,
        entry(parallel=0),
        "",
        "config/api_config.yaml: tiny: parallel: expected a whole number, 1 or more, got 0",
    ),
    "a name that means no": (
        A,
        holds(SERVERS, "no: {}\n"),
        "",
        "config/api_config.yaml:1: the key no is read as false. Put it in quotes.",
    ),
    # Data
    "questions in Git LFS": (
        A,
        holds(QUESTIONS, POINTER),
        "",
        "data/test-v1/question.jsonl: is only a pointer of Git LFS, not the file itself. "
        "Run: git lfs pull",
    ),
    "answers in Git LFS": (
        J,
        holds(ANSWERS, POINTER),
        "",
        "data/test-v1/model_answer/tiny.jsonl: is only a pointer of Git LFS, not the file "
        "itself. Run: git lfs pull",
    ),
    "judgments in Git LFS": (
        S,
        holds(JUDGMENTS, POINTER),
        "",
        "data/test-v1/model_judgment/judge/tiny.jsonl: is only a pointer of Git LFS, not the "
        "file itself. Run: git lfs pull",
    ),
    "a turn of the system": (
        A,
        asking('{"content": "Hi.", "role": "system"}'),
        "",
        "data/test-v1/question.jsonl:1: not a question: turns[0] has the role 'system'. All "
        "turns are asked as the user's. Write a system prompt in the model's entry",
    ),
    "turns of text": (
        A,
        asking('"Hi."'),
        "",
        "data/test-v1/question.jsonl:1: not a question: Expected `object`, got `str` - at "
        "`$.turns[0]`",
    ),
    "a question without an id": (
        A,
        holds(QUESTIONS, '{"id": 1, "prompt": "a"}\n'),
        "",
        "data/test-v1/question.jsonl:1: not a question: no question_id (or uid)",
    ),
    "another question": (
        A,
        settled(question_hash="0123456789abcdef"),
        "",
        "data/test-v1/model_answer/tiny.jsonl: the text of 1 question has changed (q1). "
        "Accept the records with --stale keep, make them again with --stale redo, or give "
        "tiny a second entry in the endpoint file to keep both.",
    ),
    "another temperature": (
        A,
        settled(temperature=1),
        "",
        "data/test-v1/model_answer/tiny.jsonl: 1 record was made with other settings "
        "(temperature was 1, now 0.0). Accept the records with --stale keep, make them again "
        "with --stale redo, or give tiny a second entry in the endpoint file to keep both.",
    ),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_has_its_literal_answer(
    house: Workspace, api: FakeAPI, run: Run, mistake: str
) -> None:
    script, spoil, flags, answer = MISTAKES[mistake]
    spoil(house)
    done = run(script, tuple(flags.split()))
    *others, line = done.err.replace(str(house.root), "HERE").splitlines()
    assert line.partition("error: ")[2] == answer
    assert [other for other in others if other.startswith("error: ")] == []
    assert (done.status, api.call_count) == (2, 0)


def test_the_tables_are_long_enough() -> None:
    assert len(WRONG) >= 40
    assert len(MISTAKES) >= 50


@pytest.mark.parametrize("case", list(WRONG))
def test_one_line_says_what_is_wrong_and_nothing_is_done(
    house: Workspace, api: FakeAPI, run: Run, case: str
) -> None:
    wrong = WRONG[case]
    wrong.spoil(house)
    if wrong.script == M:
        (house.data / "model_answer" / "base.jsonl").unlink()
    before = tree(house.root)
    done = run(wrong.script, wrong.flags)
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


def test_one_bad_file_of_several_leaves_the_others_as_they_were(house: Workspace, run: Run) -> None:
    house.write(ANSWERS, "null\n" + GOOD_ANSWER)
    before = tree(house.root)
    assert run(M, ()).status == 2
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
def test_what_real_files_hold_is_tolerated_and_named(house: Workspace, run: Run, case: str) -> None:
    tolerated = TOLERATED[case]
    tolerated.spoil(house)
    done = run(tolerated.script, tolerated.flags)
    output = done.err + done.out
    assert done.status == 0, output
    assert [word for word in tolerated.words if word not in output] == [], output


@pytest.mark.parametrize("name", ["org/model", "my model v2", "llama 🦙", "a[b]*?"])
def test_a_name_is_the_same_in_every_stage(house: Workspace, run: Run, name: str) -> None:
    named(name)(house)
    assert run(A, ()).status == 0
    house.write_judge_config("judge", "base", model_list=[name])
    assert run(J, ()).status == 0
    assert name in run(S, ()).out
    assert run(M, ()).status == 0
    outside = {path.name for path in house.root.iterdir()} - {"config", "data"}
    assert outside == set()
