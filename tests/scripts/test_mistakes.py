"""Mistakes that users make when they run the scripts, and the literal answer to each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Workspace
from fake_api import FakeAPI
from spoiled_house import (
    ANSWERING,
    ANSWERS,
    GOOD_ANSWER,
    JUDGMENTS,
    QUESTIONS,
    SERVERS,
    A,
    J,
    M,
    Run,
    S,
    Spoil,
    answering,
    entry,
    holds,
    judging,
    nothing,
)

from arena.chat.providers import API_TYPES


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
        "data/test-v1/model_answer/bas.jsonl: no answers of the baseline 'bas', which --baseline "
        "names (did you mean 'base'?). Models with answers: base, tiny. Name one with --baseline, "
        "or run gen_answer.py for bas.",
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
        "unrecognized arguments: --modle tiny (did you mean '--model'?). "
        "See: python gen_answer.py --help",
    ),
    "a flag with an underscore": (
        S,
        nothing,
        "--judge_name judge",
        "unrecognized arguments: --judge_name judge (did you mean '--judge-name'?). "
        "See: python show_result.py --help",
    ),
    "a limit of none": (
        A,
        nothing,
        "--limit 0",
        "argument --limit: expected a whole number, 1 or more, got '0'. "
        "See: python gen_answer.py --help",
    ),
    "a cost in words": (
        A,
        nothing,
        "--max-cost ten",
        "argument --max-cost: expected a sum in USD, got 'ten'. See: python gen_answer.py --help",
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
        "argument --num-rounds: expected a whole number, 1 or more, got 'many'. "
        "See: python show_result.py --help",
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
        f"'openai'?). Use one of {', '.join(API_TYPES)}.",
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
        "config/api_config.yaml: YAML reads the key no as a truth value (line 1). Put it in "
        "quotes.",
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
        "data/test-v1/question.jsonl:1: not a question: turns[0] has the role 'system'. End "
        "with a turn of the user.",
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
    house: Workspace, api: FakeAPI, run_here: Run, mistake: str
) -> None:
    script, spoil, flags, answer = MISTAKES[mistake]
    spoil(house)
    done = run_here(script, tuple(flags.split()))
    *others, line = done.err.replace(str(house.root), "HERE").splitlines()
    assert line.partition("error: ")[2] == answer
    assert [other for other in others if other.startswith("error: ")] == []
    assert (done.status, api.call_count) == (2, 0)


def test_the_table_is_long_enough() -> None:
    assert len(MISTAKES) >= 50
