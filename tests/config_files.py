"""Config files for the tests: right ones, published ones, and how to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from conftest import Workspace

import gen_answer

NOWHERE = "http://127.0.0.1:9/v1"
SETTINGS, SERVERS = "config/gen_answer_config.yaml", "config/api_config.yaml"
JUDGE = "config/judge_config.yaml"

Spoil = Callable[[Workspace], object]


def settings(**fields: Any) -> Spoil:
    return lambda house: house.write_answer_config(**fields)


def entry(**fields: Any) -> Spoil:
    return lambda house: house.add_model("tiny", NOWHERE, **fields)


def raw(path: str, content: str | bytes) -> Spoil:
    return lambda house: house.write(path, content)


def without(path: str, key: str) -> Spoil:
    """Take a key out of a file."""

    def spoil(house: Workspace) -> None:
        values = yaml.safe_load((house.root / path).read_text())
        del values[key]
        house.write(path, values)

    return spoil


def renamed(path: str, old: str, new: str) -> Spoil:
    """Misspell a key of a file."""

    def spoil(house: Workspace) -> None:
        values = yaml.safe_load((house.root / path).read_text())
        values[new] = values.pop(old)
        house.write(path, values)

    return spoil


def check_one_line(
    house: Workspace, spoil: Spoil, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Check that gen_answer.py stops with one line that has these words.

    It runs in this process, which is faster. test_gen_answer.py has such cases as processes.
    """
    spoil(house)
    assert gen_answer.main([]) == 2
    stdout, stderr = capsys.readouterr()
    assert stderr.startswith("error: ") and stderr.count("\n") == 1
    assert [word for word in words if word not in stderr] == []
    assert stdout == ""


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
