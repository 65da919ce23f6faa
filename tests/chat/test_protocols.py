"""What a request contains, and how a reply is read: models that reason, and schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Workspace
from fake_api import Call, FakeAPI, Reply
from one_call import (
    CLAUDE_BODY,
    GOOGLE,
    MESSAGES,
    OPENAI_BODY,
    ask,
    model_of,
    sent,
)

from arena.chat.protocols import Completion, Request, split_thought
from arena.chat.providers import API_TYPES

SCHEMA = {"type": "object", "properties": {"verdict": {"type": "integer"}}}


NOTHING = object()  # a key that the body must not have


ENABLED = {"type": "enabled", "budget_tokens": 50}


REASONING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "o3, thinking": (
        {"api_type": "openai_thinking", "reasoning_effort": "high", "temperature": 0.7},
        {
            "max_completion_tokens": 99,
            "reasoning_effort": "high",
            "max_tokens": NOTHING,
            "temperature": NOTHING,
        },
    ),
    "o3, effort": (
        {"api_type": "openai", "reasoning_effort": "low"},
        {
            "max_completion_tokens": 99,
            "reasoning_effort": "low",
            "max_tokens": NOTHING,
            "temperature": NOTHING,
        },
    ),
    "o3 on azure": (
        {"api_type": "azure", "reasoning_effort": "low"},
        {
            "max_completion_tokens": 99,
            "reasoning_effort": "low",
            "max_tokens": NOTHING,
            "temperature": NOTHING,
        },
    ),
    "effort and a temperature of its own": (
        {"api_type": "openai", "reasoning_effort": "none", "temperature": 0.7},
        {"max_tokens": 99, "reasoning_effort": "none", "temperature": 0.7},
    ),
    "effort on a server": (
        {"api_type": "vllm", "reasoning_effort": "low"},
        {"max_tokens": 99, "reasoning_effort": "low", "temperature": 0.25},
    ),
    "a limit for reasoning and answer": (
        {"api_type": "openai", "max_completion_tokens": 5000, "max_tokens": 7},
        {"max_completion_tokens": 5000, "max_tokens": NOTHING, "temperature": 0.25},
    ),
    "deepseek's": (
        {"api_type": "deepseek_reasoner", "temperature": 0.7},
        {"max_tokens": 99, "temperature": NOTHING, "reasoning_effort": NOTHING},
    ),
    "claude, as it sees fit": (
        {"api_type": "anthropic_thinking", "temperature": 0.7, "reasoning_effort": "max"},
        {
            "max_tokens": 99,
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "max"},
            "temperature": NOTHING,
            "reasoning_effort": NOTHING,
        },
    ),
    "claude, up to a budget": (
        {"api_type": "anthropic_thinking", "budget_tokens": 50},
        {"max_tokens": 99, "thinking": ENABLED, "temperature": NOTHING, "output_config": NOTHING},
    ),
    "claude with a budget": (
        {"api_type": "anthropic", "budget_tokens": 50, "max_completion_tokens": 60},
        {
            "max_tokens": 60,
            "thinking": ENABLED,
            "temperature": NOTHING,
            "max_completion_tokens": NOTHING,
        },
    ),
    "claude with an effort": (
        {"api_type": "anthropic", "reasoning_effort": "low"},
        {"temperature": 0.25, "thinking": NOTHING, "output_config": {"effort": "low"}},
    ),
    "claude on bedrock": (
        {"api_type": "aws_claude", "budget_tokens": 50} | GOOGLE,
        {"thinking": ENABLED, "temperature": NOTHING, "anthropic_version": "2026-10-21"},
    ),
    "claude on vertex": (
        {"api_type": "vertex", "budget_tokens": 50} | GOOGLE,
        {"thinking": ENABLED, "temperature": NOTHING, "anthropic_version": "2026-10-21"},
    ),
}


class TestReasoningRequests:
    @pytest.mark.parametrize("case", REASONING)
    def test_what_is_sent_and_what_is_not(self, api: FakeAPI, bench: Workspace, case: str) -> None:
        entry, expected = REASONING[case]
        base = api.v1 if not API_TYPES[entry["api_type"]].is_claude else api.url
        endpoints = [{"api_base": base, "api_key": "test-key"}]
        ask(model_of(bench, endpoints=endpoints, **entry))
        body = sent(api)
        assert {key: body.get(key, NOTHING) for key in expected} == expected

    def test_only_claude_is_given_a_budget(
        self, api: FakeAPI, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        endpoints = [{"api_base": api.v1}]
        ask(model_of(bench, endpoints=endpoints, budget_tokens=500))
        assert sent(api) == OPENAI_BODY
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("warning: ") and "budget_tokens is for Claude" in line


REPLIES: dict[str, tuple[dict[str, Any], Reply, tuple[str, str | None]]] = {
    "deepseek's name for it": (
        {"api_type": "openai"},
        Reply("hi", reasoning="hm"),
        ("hi", "hm"),
    ),
    "openrouter's": (
        {"api_type": "openai"},
        Reply(changes={"choices": [{"message": {"content": "hi", "reasoning": "hm"}}]}),
        ("hi", "hm"),
    ),
    "one that is null": (
        {"api_type": "openai"},
        Reply(changes={"choices": [{"message": {"content": "hi", "reasoning": None}}]}),
        ("hi", None),
    ),
    "in the text": ({"api_type": "openai"}, Reply("<think>hm</think>\n\nhi"), ("hi", "hm")),
    "only mentioned": ({"api_type": "openai"}, Reply("Use </think>."), ("Use </think>.", None)),
    "in parts of the content": (
        {"api_type": "mistral"},
        Reply(
            changes={
                "choices": [
                    {
                        "message": {
                            "content": [
                                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                                {"type": "text", "text": "hi"},
                            ]
                        }
                    }
                ]
            }
        ),
        ("hi", "hm"),
    ),
    "in the text, with another token": (
        {"api_type": "vllm", "end_think_token": "[/THINK]"},
        Reply("hm [/THINK] hi"),
        ("hi", "hm"),
    ),
    "thinking blocks": (
        {"api_type": "anthropic_thinking"},
        Reply(
            changes={
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "redacted_thinking", "data": "c2VjcmV0"},
                    {"type": "thinking", "thinking": "so"},
                    {"type": "text", "text": "hi"},
                ]
            }
        ),
        ("hi", "hm\nso"),
    ),
}


class TestReasoningReplies:
    @pytest.mark.parametrize("case", REPLIES)
    def test_it_is_kept_apart_from_the_text(
        self, api: FakeAPI, bench: Workspace, case: str
    ) -> None:
        entry, reply, expected = REPLIES[case]
        api.answer_with(reply)
        base = api.v1 if not API_TYPES[entry["api_type"]].is_claude else api.url
        made = ask(model_of(bench, endpoints=[{"api_base": base}], **entry))
        assert (made.text, made.reasoning) == expected


class TestResponseFormat:
    FORMAT = {"type": "json_schema", "json_schema": {"name": "v", "schema": SCHEMA, "strict": True}}

    def test_openai_gets_it_as_it_is(self, api: FakeAPI, bench: Workspace) -> None:
        model = model_of(bench, endpoints=[{"api_base": api.v1}])
        ask(model, response_format=self.FORMAT)
        assert sent(api) == OPENAI_BODY | {"response_format": self.FORMAT}

    def test_claude_gets_the_schema_beside_the_effort(self, api: FakeAPI, bench: Workspace) -> None:
        entry = {"api_type": "anthropic", "reasoning_effort": "low"}
        model = model_of(bench, endpoints=[{"api_base": api.url}], **entry)
        ask(model, None, response_format=self.FORMAT)
        expected = {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
        assert sent(api) == CLAUDE_BODY | {"model": "org/m", "output_config": expected}


class TestWithoutAConnection:
    """What a batch needs: the body of a request as JSON, and a reply read from a file."""

    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_body_and_reply_need_no_client(self, bench: Workspace, api_type: str) -> None:
        model = model_of(bench, api_type=api_type, extra_body={"top_p": 0.5})
        protocol = API_TYPES[api_type].protocol
        expected = OPENAI_BODY if api_type == "openai" else CLAUDE_BODY | {"temperature": 0.25}
        body = protocol.body(Request(model, MESSAGES, 0.25, 99))
        assert json.loads(json.dumps(body)) == expected | {"model": "org/m", "top_p": 0.5}
        call = Call("POST", protocol.path, {}, {}, body)
        reply = Reply("hi", reasoning="hm", prompt_tokens=11, completion_tokens=22)
        read = protocol.read(json.loads(reply.body_for(call, 1)), model)
        assert read == Completion("hi", "hm", "stop", 11, 22)

    @pytest.mark.parametrize(
        ("text", "end", "expected"),
        [
            ("<think>hm</think> hi", None, ("hm", "hi")),
            ("<think>hm", None, ("hm", "")),
            ("hm</think>hi", None, (None, "hm</think>hi")),
            ("hm</think>hi", "</think>", ("hm", "hi")),
            ("say <think>hm</think>", "</think>", (None, "say <think>hm</think>")),
        ],
    )
    def test_a_thought_is_split_off(
        self, text: str, end: str | None, expected: tuple[str | None, str]
    ) -> None:
        assert split_thought(text, end) == expected
