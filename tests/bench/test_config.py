"""The YAML files: what a user may write, and what is said where it is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, Workspace
from fake_api import FakeAPI

import gen_answer
from arena.base.errors import InputError
from arena.base.yaml_file import read_yaml
from arena.bench.config import JudgeConfig, Rules, read_answer_config, read_judge_config
from arena.chat.config import read_model_config

NOWHERE = "http://127.0.0.1:9/v1"
SETTINGS, SERVERS = "config/gen_answer_config.yaml", "config/api_config.yaml"
JUDGE = "config/judge_config.yaml"


@pytest.fixture
def house(bench: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A folder with all three files, all right, which is also the current folder."""
    bench.add_questions(1)
    bench.add_model("tiny", NOWHERE)
    bench.write_answer_config()
    bench.write_judge_config("tiny", "base", model_list=["tiny"])
    monkeypatch.chdir(bench.root)
    return bench


def settings(**fields: Any) -> Callable[[Workspace], object]:
    return lambda house: house.write_answer_config(**fields)


def entry(**fields: Any) -> Callable[[Workspace], object]:
    return lambda house: house.add_model("tiny", NOWHERE, **fields)


def raw(path: str, content: str | bytes) -> Callable[[Workspace], object]:
    return lambda house: house.write(path, content)


def without(path: str, key: str) -> Callable[[Workspace], object]:
    """Take a key out of a file."""

    def spoil(house: Workspace) -> None:
        values = yaml.safe_load((house.root / path).read_text())
        del values[key]
        house.write(path, values)

    return spoil


def renamed(path: str, old: str, new: str) -> Callable[[Workspace], object]:
    """Misspell a key of a file."""

    def spoil(house: Workspace) -> None:
        values = yaml.safe_load((house.root / path).read_text())
        values[new] = values.pop(old)
        house.write(path, values)

    return spoil


WRONG: dict[str, tuple[Callable[[Workspace], object], list[str]]] = {
    "a text for a number": (
        settings(temperature="hot"),
        [f"{SETTINGS}: temperature: expected a number, got 'hot'"],
    ),
    "a negative number": (
        settings(temperature=-1),
        ["temperature: expected a number >= 0, got -1"],
    ),
    "no number at all": (settings(temperature=float("nan")), ["temperature: expected a number"]),
    "a fraction for a count": (settings(max_tokens=10.5), ["max_tokens: expected a whole number"]),
    "a truth value for a count": (settings(num_choices=True), ["num_choices: expected a whole"]),
    "none of something": (settings(num_choices=0), ["num_choices: expected a number >= 1, got 0"]),
    "a text for a list": (settings(model_list="tiny"), ["model_list: expected a list, got 'tiny'"]),
    "numbers for texts": (settings(model_list=[4]), ["model_list[0]: expected a text"]),
    "a list for a text": (settings(bench_name=["b"]), ["bench_name: expected a text, got a list"]),
    "a missing key": (
        without(SETTINGS, "bench_name"),
        [f"{SETTINGS}: the key 'bench_name' is missing"],
    ),
    "a misspelt key that is needed": (
        renamed(SETTINGS, "bench_name", "benchname"),
        ["the key 'bench_name' is missing", "'benchname'"],
    ),
    "a model without an entry": (
        settings(model_list=["tny"]),
        [SERVERS, "'tny'", "did you mean 'tiny'"],
    ),
    "an empty entry": (raw(SERVERS, "tiny:\n"), [f"{SERVERS}: tiny: expected a mapping"]),
    "an entry in words": (raw(SERVERS, "tiny: openai\n"), [f"{SERVERS}: tiny: expected a mapping"]),
    "one endpoint for a list": (
        entry(endpoints={"api_base": NOWHERE}),
        [f"{SERVERS}: tiny: endpoints: expected a list, got a mapping"],
    ),
    "an address for an endpoint": (
        entry(endpoints=[NOWHERE]),
        [f"{SERVERS}: tiny: endpoints[0]: expected a mapping"],
    ),
    "a number for a key": (
        entry(endpoints=[{"api_base": NOWHERE, "api_key": 12345}]),
        [f"{SERVERS}: tiny: endpoints[0]: api_key: expected a text"],
    ),
    "a text for the parallel": (entry(parallel="8"), ["tiny: parallel: expected a whole number"]),
    "a text for a mapping": (entry(extra_body="top_p"), ["tiny: extra_body: expected a mapping"]),
    "a header that is no text": (entry(extra_headers={"x-a": 1}), ["tiny: extra_headers", "x-a"]),
    "a variable that is not set": (
        entry(endpoints=[{"api_base": NOWHERE, "api_key": "${NO_SUCH_KEY}"}]),
        [f"{SERVERS}: tiny: endpoints[0]", "api_key", "NO_SUCH_KEY is not set"],
    ),
    "a variable of the body that is not set": (
        entry(extra_body={"a": ["${NO_SUCH_KEY}"]}),
        [f"{SERVERS}: tiny: extra_body", "NO_SUCH_KEY is not set"],
    ),
    "a list for the file": (raw(SETTINGS, "- a\n- b\n"), [f"{SETTINGS}: expected a mapping"]),
    "an empty file": (raw(SETTINGS, "# nothing\n"), [f"{SETTINGS}: expected a mapping"]),
    "broken YAML": (
        raw(SETTINGS, "bench_name: test\nmodel_list: [a\n"),
        [f"{SETTINGS}:3: not YAML"],
    ),
    "a tab": (raw(SERVERS, "tiny:\n\tparallel: 2\n"), [f"{SERVERS}:2: not YAML"]),
    "a control character": (raw(SETTINGS, "bench_name: a\x01b\n"), [SETTINGS, "not YAML"]),
    "an object of Python's": (
        raw(SETTINGS, "bench_name: !!python/object/apply:os.getcwd []\n"),
        [f"{SETTINGS}:1: not YAML"],
    ),
    "not UTF-8": (raw(SETTINGS, "name: caf\xe9\n".encode("latin-1")), [SETTINGS, "not UTF-8"]),
    "UTF-16": (raw(SETTINGS, "bench_name: test\n".encode("utf-16")), [SETTINGS, "not UTF-8"]),
    "a folder for a file": (
        lambda house: [(house.root / SETTINGS).unlink(), (house.root / SETTINGS).mkdir()],
        [f"{SETTINGS}: cannot read"],
    ),
}


class TestWrongFiles:
    @pytest.mark.parametrize("case", WRONG)
    def test_one_line_names_file_and_key(
        self, house: Workspace, case: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In this process, for the sake of time; test_gen_answer.py has such cases as processes."""
        spoil, words = WRONG[case]
        spoil(house)
        assert gen_answer.main([]) == 2
        stdout, stderr = capsys.readouterr()
        assert stderr.startswith("error: ") and stderr.count("\n") == 1
        assert [word for word in words if word not in stderr] == []
        assert stdout == ""

    def test_the_value_of_a_key_is_not_shown(self, house: Workspace) -> None:
        house.add_model("tiny", NOWHERE, endpoints=[{"api_base": NOWHERE, "api_key": 1234567890}])
        with pytest.raises(InputError) as caught:
            read_model_config(Path(SERVERS), "tiny")
        assert "api_key" in str(caught.value) and "1234567890" not in str(caught.value)

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"extra_headers": {"x-key": 1234567890}}, "extra_headers: x-key: expected a text"),
            ({"extra_headers": {"x-key": ["1234567890"]}}, "x-key: expected a text"),
            ({"extra_headers": "x-key: 1234567890"}, "extra_headers: expected a mapping"),
            ({"extra_body": "key=1234567890"}, "extra_body: expected a mapping"),
            ({"endpoints": "http://me:1234567890@host"}, "endpoints: expected a list"),
            ({"endpoints": [{"api_base": ["1234567890"]}]}, "api_base: expected a text"),
        ],
    )
    def test_nor_is_what_may_hold_one(
        self, house: Workspace, fields: dict[str, Any], place: str
    ) -> None:
        house.add_model("tiny", NOWHERE, **fields)
        with pytest.raises(InputError) as caught:
            read_model_config(Path(SERVERS), "tiny")
        assert place in str(caught.value) and "1234567890" not in str(caught.value)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"regex_pattern": "(A"}, "regex_pattern: not a regular expression"),
            ({"regex_pattern": "A>B"}, "regex_pattern: expected one group"),
            ({"regex_patterns": [r"(a)(b)"]}, "regex_pattern.*: expected one group"),
            ({"pairwise": "yes please"}, "pairwise: expected true or false"),
            (
                {"number_of_judgment_attempts": 0},
                "number_of_judgment_attempts: expected a number >= 1",
            ),
            (
                {"prompt_template": {"a": "b"}},
                "prompt_template: expected a text or a list, got a mapping",
            ),
            ({"judge_model": None}, "the key 'judge_model' is missing"),
            ({"ref_model": 4}, "ref_model: expected a text or a list, got"),
            ({"baseline_model": {"a": "b"}}, "baseline_model: expected a text or a list, got"),
            ({"categories": ["code"]}, "categories: expected a mapping"),
            ({"categories": {"code": "b1"}}, "categories: code: expected a mapping"),
            ({"categories": {"code": {"baseline_model": 4}}}, "categories: code: baseline_model"),
            ({"response_format": {"type": "json_object"}}, "response_format: expected a text"),
            ({"verdict_field": 1}, "verdict_field: expected a text"),
        ],
    )
    def test_those_of_the_judge(self, house: Workspace, fields: dict[str, Any], words: str) -> None:
        house.write_judge_config("tiny", "base", **fields)
        with pytest.raises(InputError, match=f"{JUDGE}: {words}"):
            read_judge_config(Path(JUDGE))


GRADING = {"pairwise": False, "baseline": None}


class TestJudgeConfig:
    def config(self, house: Workspace, *without: str, **fields: Any) -> JudgeConfig:
        path = house.root / JUDGE
        house.write_judge_config("tiny", "base", **fields)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        house.write(path, {key: value for key, value in values.items() if key not in without})
        return read_judge_config(Path(JUDGE))

    @pytest.mark.parametrize(
        ("given", "baselines"),
        [("a", ("a",)), (["a", "b"], ("a", "b")), (["a", "b", "a"], ("a", "b"))],
    )
    def test_one_baseline_or_several(
        self, house: Workspace, given: object, baselines: tuple[str, ...]
    ) -> None:
        config = self.config(house, baseline_model=given)
        assert config.rules_of("any").baselines == baselines
        assert config.with_baselines(["c"]).rules_of("any").baselines == ("c",)

    def test_what_a_category_does_not_say_is_as_in_general(self, house: Workspace) -> None:
        own = {"baseline_model": ["b1", "b2"], "system_prompt": "Own."}
        config = self.config(house, categories={"code": own, "story": {"prompt_template": "T"}})
        general = config.rules_of("other")
        assert general.baselines == ("base",)
        assert config.rules_of("code") == Rules(("b1", "b2"), "Own.", general.prompt_template)
        assert config.rules_of("story") == Rules(("base",), general.system_prompt, ("T",))
        assert config.baselines_of(["code", "other", "story"]) == ("b1", "b2", "base")
        assert config.with_baselines(["x"]).baselines_of(["code", "other"]) == ("x",)

    def test_without_a_baseline_it_has_those_of_v2(self, house: Workspace) -> None:
        config = self.config(house, "baseline_model", system_prompt="Own.", prompt_template="T")
        found = {name: rules.baselines for name, rules in config.categories.items()}
        assert found == V2_BASELINES
        assert config.rules_of("math").prompt_template == ("T",)
        assert config.rules_of("creative_writing").system_prompt == "Own."
        with pytest.raises(InputError, match="no baseline_model for questions of the category"):
            config.rules_of("other")

    @pytest.mark.parametrize(
        ("fields", "baseline"),
        [({}, True), (GRADING, False), (GRADING | {"baseline": True}, True)],
    )
    def test_single_answers_have_no_baseline_unless_the_config_says_so(
        self, house: Workspace, fields: dict[str, Any], baseline: bool
    ) -> None:
        config = self.config(house, **fields)
        assert config.baseline is baseline

    def test_single_answers_need_none_in_any_category(self, house: Workspace) -> None:
        config = self.config(house, "baseline_model", "baseline", pairwise=False)
        assert (config.categories, config.rules_of("any").baselines) == ({}, ())

    @pytest.mark.parametrize(
        ("given", "models"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ())]
    )
    def test_one_reference_or_several(
        self, house: Workspace, given: object, models: tuple[str, ...]
    ) -> None:
        assert self.config(house, ref_model=given).ref_models == models

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda schema: {"format": {"type": "json_schema", "name": "n", "schema": schema}},
            lambda schema: {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            lambda schema: {"name": "n", "schema": schema},
        ],
    )
    def test_a_schema_is_read_in_every_form(
        self, house: Workspace, wrap: Callable[[object], object]
    ) -> None:
        schema = {"type": "object", "properties": {"verdict": {"type": "integer"}}}
        house.write("schema.json", wrap(schema))
        config = self.config(house, response_format="schema.json")
        named = {"name": "n", "schema": schema}
        assert config.response_format == {"type": "json_schema", "json_schema": named}
        assert (config.schema, config.verdict_field) == (schema, "verdict")
        house.write("schema.json", schema)
        config = self.config(house, response_format="schema.json")
        named = {"name": "verdict", "schema": schema}
        assert config.response_format == {"type": "json_schema", "json_schema": named}

    def test_without_a_schema_there_is_no_field(self, house: Workspace) -> None:
        config = self.config(house)
        assert (config.response_format, config.schema, config.verdict_field) == (None, {}, None)


class TestUnknownKeys:
    def test_they_are_named_with_the_nearest_known_name(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house.write_answer_config(max_token=5)
        house.write_judge_config("tiny", "base", judge_modell="x")
        address = {"api_base": NOWHERE, "api_keys": "x"}
        house.add_model("tiny", NOWHERE, endpoints=[address], sytem_prompt="x", zzz=1)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        read_model_config(Path(SERVERS), "tiny")
        warnings = capsys.readouterr().err.splitlines()
        for where, key, near in [
            (SETTINGS, "max_token", " (did you mean 'max_tokens'?)"),
            (JUDGE, "judge_modell", " (did you mean 'judge_model'?)"),
            (f"{SERVERS}: tiny: endpoints[0]", "api_keys", " (did you mean 'api_key'?)"),
            (f"{SERVERS}: tiny", "sytem_prompt", " (did you mean 'system_prompt'?)"),
            (f"{SERVERS}: tiny", "zzz", ""),
        ]:
            assert f"warning: {where}: unknown key '{key}' is ignored{near}" in warnings
        assert len(warnings) == 5

    def test_one_that_is_there_twice_is_told(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = house.root / "config" / "twice.yaml"
        path.write_text("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: {b: 1, f: 2,\n  b: 3}\na: 2\n")
        assert read_yaml(path)["a"] == 2
        assert capsys.readouterr().err.splitlines() == [
            f"warning: {path}:4: the key 'b' is repeated, and its last value counts",
            f"warning: {path}:5: the key 'a' is repeated, and its last value counts",
        ]

    def test_those_of_other_models_are_not_looked_at(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house.add_model("other", "${NO_SUCH_BASE}", parallel="many", zzz=1)
        assert read_model_config(Path(SERVERS), "tiny").parallel == 4
        assert capsys.readouterr().err == ""

    def test_those_known_from_users_files_are_passed_over(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        known = {"name": "mine", "question_file": "q.jsonl", "output_structured": False}
        house.write_answer_config(**known)
        house.write_judge_config("tiny", "base", **known)
        house.add_model("tiny", NOWHERE, project_id="p", regions="us", local_engine=True)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        read_model_config(Path(SERVERS), "tiny")
        assert capsys.readouterr().err == ""


class TestValues:
    def test_variables_are_filled_from_the_environment(
        self, house: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MY_KEY", "k1")
        monkeypatch.setenv("MY_HOST", "h1")
        address = {"api_base": "http://${MY_HOST}:${MY_PORT}/v1", "api_key": "${MY_KEY}"}
        monkeypatch.setenv("MY_PORT", "80")
        headers = {"x-key": "${MY_KEY}!"}
        house.add_model("tiny", "", endpoints=[address], extra_headers=headers)
        model = read_model_config(Path(SERVERS), "tiny")
        assert model.endpoints[0].api_base == "http://h1:80/v1"
        assert model.endpoints[0].api_key == "k1"
        assert model.extra_headers == {"x-key": "k1!"}

    def test_prompts_and_patterns_stay_literal(self, house: Workspace) -> None:
        text = "Cost: $5, ${NO_SUCH_VARIABLE}, {question_1}"
        house.write_judge_config(
            "tiny", "base", system_prompt=text, prompt_template=[text], regex_pattern=r"([AB]${x})"
        )
        config = read_judge_config(Path(JUDGE))
        assert config.rules == Rules(("base",), text, (text,))
        assert config.patterns == (r"([AB]${x})",)

    def test_keys_are_in_no_repr(self, house: Workspace) -> None:
        address = {"api_base": f"{NOWHERE}/sk-secret", "api_key": "sk-secret"}
        headers = {"authorization": "sk-secret"}
        house.add_model("tiny", "", endpoints=[address], extra_headers=headers)
        assert "sk-secret" not in repr(read_model_config(Path(SERVERS), "tiny"))

    def test_a_byte_order_mark_and_windows_lines_do_no_harm(self, house: Workspace) -> None:
        text = "bench_name: 한국어\nmodel_list: [tiny]\n"
        house.write(SETTINGS, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        config = read_answer_config(Path(SETTINGS))
        assert (config.bench_name, config.model_list) == ("한국어", ("tiny",))

    def test_null_is_as_good_as_missing(self, house: Workspace) -> None:
        house.write(SETTINGS, "bench_name: b\ntemperature:\nmodel_list: null\nnum_choices: ~\n")
        config = read_answer_config(Path(SETTINGS))
        assert (config.temperature, config.model_list, config.num_choices) == (None, (), 1)

    def test_an_entry_may_be_empty_but_for_one_key(self, house: Workspace) -> None:
        house.write(SERVERS, "tiny:\n  endpoints: null\n")
        model = read_model_config(Path(SERVERS), "tiny")
        assert (model.model_name, model.api_type, model.parallel) == ("tiny", "openai", 1)
        assert [endpoint.api_base for endpoint in model.endpoints] == [None]

    def test_retries_can_be_turned_off(self, house: Workspace) -> None:
        house.add_model("tiny", NOWHERE, max_retries=0)
        assert read_model_config(Path(SERVERS), "tiny").max_retries == 0

    def test_what_v2_calls_by_other_names_means_the_same(self, house: Workspace) -> None:
        values = {"model": "org/tiny", "sys_prompt": "Be brief.", "max_tokens": 9}
        house.write(SERVERS, {"tiny": values})
        model = read_model_config(Path(SERVERS), "tiny")
        assert (model.model_name, model.system_prompt) == ("org/tiny", "Be brief.")
        house.write_judge_config("tiny", "base", regex_pattern=None, regex_patterns=["(a)", "(b)"])
        config = read_judge_config(Path(JUDGE))
        assert (config.patterns, config.unanimous) == (("(a)", "(b)"), False)


OLD_SERVERS = """\
# name: str
#     model_name: str
#     endpoints: default to null
gpt-3.5-turbo-0125:
    model_name: gpt-3.5-turbo-0125
    endpoints: null
    api_type: openai
    parallel: 8
    tokenizer: gpt-3.5-turbo

gpt-4-azure:
    model_name: gpt-4
    endpoints:
        - api_base: https://example.openai.azure.com
          api_key: key
          api_version: "2023-05-15"
    api_type: azure
    parallel: 1

claude-3-opus-20240229:
    model_name: claude-3-opus-20240229
    endpoints: null
    api_type: anthropic
    parallel: 8

mistral-large-2402:
    model_name: mistral-large-2402
    endpoints: null
    api_type: mistral
    parallel: 8

gemini-pro:
    model_name: gemini-1.5-pro-preview-0514
    endpoints: null
    api_type: gemini
    parallel: 8
    project_id: my-project
    regions: us-central1

local-model:
    model_name: local-model
    model_path: models/local-model
    endpoints: null
    api_type: openai
    parallel: 1

command-r-plus:
    model_name: command-r-plus
    endpoints: null
    api_type: cohere
    parallel: 1

yi-34b-chat:
    model_name: 01-ai/Yi-34B-Chat
    endpoints:
        - api_base: ADDRESS
          api_key: token
    api_type: openai
    system_prompt: You are a helpful assistant.
    tokenizer: gpt-4
    parallel: 16
"""

OLD_SETTINGS = """\
name: config of answer generation for arena-hard-v0.1

bench_name: arena-hard-v0.1
question_file: question.jsonl
temperature: 0.0
max_tokens: 4096
num_choices: 1

model_list:
  - yi-34b-chat
"""

OLD_JUDGE = """\
name: judgment config file for Arena Hard

bench_name: arena-hard-v0.1

# Arena Hard default
judge_model: yi-34b-chat
output_structured: False
reference: False # Optional
ref_model: null

baseline: True
baseline_model: gpt-4-0314

pairwise: True
temperature: 0
max_tokens: 4096

regex_pattern: \\[\\[([AB<>=]+)\\]\\]
number_of_judgment_attempts: 2

system_prompt: "Judge the two answers.\\n\\nEnd with a verdict: [[A>B]]."

prompt_template: ["<|User Prompt|>\\n{question_1}\\n\\n<|The Start of Assistant A's Answer|>\\n\\
{answer_1}\\n<|The End of Assistant A's Answer|>\\n\\n<|The Start of Assistant B's Answer|>\\n\\
{answer_2}\\n<|The End of Assistant B's Answer|>"]

# Add your model below for evaluation
model_list:
  - yi-34b-chat
"""


NEW_SERVERS = """\
my-model:
    endpoints:
        - api_base: ADDRESS
          api_key: '-'
    api_type: openai

mine-too:
    model: org/mine
    model_path: models/mine
    endpoints:
        - api_base: ADDRESS
          api_key: '-'
          api_version: null
    api_type: openai
    parallel: 32
    sys_prompt: Be helpful.
    tokenizer: null
    max_tokens: 2000
    temperature: 0.6
    end_think_token: "</think>"
    output_structured: false

judge-of-v2:
    model: gpt-4.1
    endpoints:
        - api_base: ADDRESS
          api_key: '-'
    api_type: openai
    parallel: 32
    max_tokens: 32000
    temperature: 0.0

o3-mini-2025-01-31-high:
    model: o3-mini-2025-01-31
    endpoints: null
    api_type: openai_thinking
    reasoning_effort: high
    parallel: 32
    max_tokens: 100000
    temperature: null

claude-3-7-sonnet-20250219-thinking-16k:
    model: claude-3-7-sonnet-20250219
    endpoints: null
    api_type: anthropic_thinking
    budget_tokens: 16000
    parallel: 8
    max_tokens: 20000
    temperature: 1.0

gemini-2.5:
    model: gemini-2.5-pro
    endpoints: null
    project_id: my-project
    regions: us-central1
    api_type: vertex
    parallel: 8

bedrock:
    model: claude
    model_id: anthropic.claude-v1
    api_type: aws_claude
    endpoints: null
    parallel: 1

qwq-32b:
    model: Qwen/QwQ-32B
    endpoints: null
    api_type: sglang
    local_engine: True
    tokenizer: Qwen/QwQ-32B
    parallel: 1
"""

NEW_SETTINGS = """\
bench_name: arena-hard-v2.0
temperature: 0.0
max_tokens: 16384
num_choices: 1
model_list:
  - my-model
  - mine-too
"""

NEW_JUDGE = """\
judge_model: judge-of-v2
temperature: 0.0
max_tokens: 16000

bench_name: arena-hard-v2.0

reference: null
ref_model: null

regex_patterns:
  - \\[\\[([AB<>=]+)\\]\\]
  - \\[([AB<>=]+)\\]

number_of_judgment_attempts: 2

prompt_template: "<|Prompt|>\\n{QUESTION}\\n\\n<|A|>\\n{ANSWER_A}\\n\
<|End A|>\\n\\n<|B|>\\n{ANSWER_B}\\n<|End B|>"

model_list:
"""

V2_BASELINES = {
    "hard_prompt": ("o3-mini-2025-01-31",),
    "coding": ("o3-mini-2025-01-31",),
    "math": ("o3-mini-2025-01-31",),
    "creative_writing": ("gemini-2.0-flash-001",),
    "arena-hard-v0.1": ("gpt-4-0314",),
}


class TestKnownFiles:
    def test_a_set_of_v0_1_runs_unchanged(self, api: FakeAPI, bench: Workspace) -> None:
        bench.name = "arena-hard-v0.1"
        bench.add_questions(["hello", "bye"])
        bench.add_answers("gpt-4-0314", {"q1": "hi", "q2": "so long"})
        bench.write(SERVERS, OLD_SERVERS.replace("ADDRESS", api.v1))
        bench.write(SETTINGS, OLD_SETTINGS)
        bench.write(JUDGE, OLD_JUDGE)
        api.answer_with(lambda call: "[[A>B]]" if "<|User Prompt|>" in call.prompt else "ok")
        for script in ("gen_answer.py", "gen_judgment.py"):
            done = bench.run(script, check=0)
            assert "warning" not in done.stderr
        assert len(bench.answers("yi-34b-chat")) == 2
        games = [j["games"] for j in bench.judgments("yi-34b-chat", "yi-34b-chat")]
        assert [[game["score"] for game in pair] for pair in games] == [["A>B", "A>B"]] * 2
        assert {call.model for call in api.calls} == {"01-ai/Yi-34B-Chat"}

    def test_a_set_of_v2_0_runs_unchanged(self, api: FakeAPI, bench: Workspace) -> None:
        bench.name = "arena-hard-v2.0"
        categories = {"u1": "hard_prompt", "u2": "creative_writing"}
        bench.add_questions(
            [
                {"uid": uid, "category": category, "subcategory": "x", "prompt": f"{uid}?"}
                for uid, category in categories.items()
            ]
        )
        for model in ("o3-mini-2025-01-31", "gemini-2.0-flash-001"):
            path = bench.data / "model_answer" / f"{model}.jsonl"
            replies = [
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": {"answer": model}},
            ]
            bench.write(path, [{"uid": uid, "messages": replies} for uid in categories])
        bench.write(SERVERS, NEW_SERVERS.replace("ADDRESS", api.v1))
        bench.write(SETTINGS, NEW_SETTINGS)
        bench.write(JUDGE, NEW_JUDGE)
        api.answer_with(lambda call: "so [b>a]" if call.model == "gpt-4.1" else "ok")
        for script in ("gen_answer.py", "gen_judgment.py"):
            done = bench.run(script, check=0)
            assert "warning" not in done.stderr
        asked = {call.model: call for call in api.calls}
        assert asked.keys() == {"my-model", "org/mine", "gpt-4.1"}
        assert asked["org/mine"].system == "Be helpful."
        assert asked["org/mine"].body is not None
        assert asked["org/mine"].body["temperature"] == 0.6
        assert asked["org/mine"].body["max_tokens"] == 2000
        for model in ("my-model", "mine-too"):
            judgments = bench.judgments("judge-of-v2", model)
            assert [(j["uid"], j["category"], j["baseline"]) for j in judgments] == [
                ("u1", "hard_prompt", "o3-mini-2025-01-31"),
                ("u2", "creative_writing", "gemini-2.0-flash-001"),
            ]
            assert [game["score"] for j in judgments for game in j["games"]] == ["B>A"] * 4

    def test_every_entry_of_v2_0_can_be_read(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = bench.write(SERVERS, NEW_SERVERS)
        models = {name: read_model_config(path, name) for name in yaml.safe_load(NEW_SERVERS)}
        assert models["my-model"].model_name == "my-model"
        assert models["bedrock"].api_type == "aws_claude"
        assert capsys.readouterr().err == ""

    def test_every_entry_of_v0_1_can_be_read(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = bench.write(SERVERS, OLD_SERVERS)
        names = list(yaml.safe_load(OLD_SERVERS))
        types = [read_model_config(path, name).api_type for name in names]
        assert types == [
            "openai",
            "azure",
            "anthropic",
            "mistral",
            "gemini",
            "openai",
            "cohere",
            "openai",
        ]
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("folder", [".", "demo", "v2.0"])
    def test_those_that_are_shipped_are_right(
        self,
        folder: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
        shutil.copytree(REPO / "config", tmp_path / "config")
        config = tmp_path / "config"
        own = config / folder / "api_config.yaml"
        servers = own if own.exists() else config / "api_config.yaml"
        known = list(yaml.safe_load(servers.read_text(encoding="utf-8")))
        answers = read_answer_config(config / folder / "gen_answer_config.yaml")
        for name in known:
            read_model_config(servers, name)
        assert {*answers.model_list} <= set(known)
        others = {"api_config.yaml", "gen_answer_config.yaml"}
        for path in (config / folder).glob("*.yaml"):
            if path.name in others:
                continue
            judge = read_judge_config(path)
            rules = judge.categories.values() if judge.categories else [judge.rules]
            baselines = {name for rule in rules for name in rule.baselines}
            assert {*judge.model_list, judge.judge_model, *baselines} <= set(known)
            assert answers.bench_name == judge.bench_name
        assert capsys.readouterr().err == ""

    def test_those_of_v2_tell_the_published_baselines(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answers = read_answer_config(REPO / "config" / "v2.0" / "gen_answer_config.yaml")
        judge = read_judge_config(REPO / "config" / "v2.0" / "judge_config.yaml")
        assert answers.bench_name == judge.bench_name == "arena-hard-v2.0"
        assert {name: rules.baselines for name, rules in judge.categories.items()} == V2_BASELINES
        assert capsys.readouterr().err == ""
