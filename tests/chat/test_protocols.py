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

from arena.base.errors import InputError
from arena.chat.clients import check_model
from arena.chat.faults import BrokenReply, CompletionError
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
        {
            "max_tokens": 99,
            "temperature": NOTHING,
            "reasoning_effort": NOTHING,
            "thinking": {"type": "enabled"},
        },
    ),
    "deepseek's old name with thinking": (
        {"api_type": "deepseek_reasoner", "model_name": "deepseek-reasoner"},
        {"model": "deepseek-v4-flash", "thinking": {"type": "enabled"}, "temperature": NOTHING},
    ),
    "deepseek's old name without": (
        {"api_type": "deepseek", "model_name": "deepseek-chat"},
        {"model": "deepseek-v4-flash", "thinking": {"type": "disabled"}, "temperature": 0.25},
    ),
    "that name on another server": (
        {"api_type": "vllm", "model_name": "deepseek-chat"},
        {"model": "deepseek-chat", "thinking": NOTHING},
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


def parts(*content: object) -> Reply:
    return Reply(changes={"choices": [{"message": {"content": content}}]})


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
    "in parts of other names": (
        {"api_type": "openai"},
        parts(
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "h"}]},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "m"}]},
            {"type": "thinking", "thinking": None},
            {"type": "output_text", "text": "h", "annotations": []},
            {"type": "text", "text": None},
            {"type": "tool_reference", "text": "something else"},
            "i",
        ),
        ("hi", "hm"),
    ),
    "of Ollama": (
        {"api_type": "openai"},
        Reply(changes={"choices": [{"message": {"content": "hi", "thinking": "hm"}}]}),
        ("hi", "hm"),
    ),
    "unknown blocks": (
        {"api_type": "anthropic"},
        Reply(
            changes={
                "content": [
                    {"type": "thinking", "thinking": None},
                    {"type": "fallback", "model": "another"},
                    {"type": "text", "text": None},
                    {"type": "text", "text": "hi"},
                ]
            }
        ),
        ("hi", None),
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


class TestEnds:
    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            *[(word, "stop") for word in ("stop", "STOP", "eos", "eos_token", "stop_sequence")],
            *[(word, "stop") for word in ("end_turn", "COMPLETE", "FINISH_REASON_STOP")],
            *[(word, "length") for word in ("length", "max_tokens", "MAX_TOKENS", "model_length")],
            *[(word, "length") for word in ("max_output_tokens", "length_limit", "ERROR_LIMIT")],
            ("model_context_window_exceeded", "length"),
            *[
                (word, "content_filter")
                for word in ("content_filter", "SAFETY", "content_filtered")
            ],
            *[(word, "content_filter") for word in ("SAFETY", "content_filtered", "refusal")],
            *[(word, "content_filter") for word in ("PROHIBITED_CONTENT", "RECITATION")],
            *[(word, "content_filter") for word in ("guardrail_intervened", "content_filter: X")],
            ("tool_calls", "tool_calls"),
            ("a new word", "a new word"),
            (None, None),
            (5, None),
        ],
    )
    @pytest.mark.parametrize("protocol", ["openai", "anthropic"])
    def test_they_are_read_in_the_words_of_any_api(
        self, bench: Workspace, protocol: str, word: object, expected: str | None
    ) -> None:
        choices = [{"message": {"content": "hi"}, "finish_reason": word}]
        blocks = [{"type": "text", "text": "hi"}]
        reply = {"choices": choices, "content": blocks, "stop_reason": word}
        read = API_TYPES[protocol].protocol.read(reply, model_of(bench))
        assert (read.text, read.finish_reason) == ("hi", expected)

    @pytest.mark.parametrize(
        "word", ["error", "abort", "network_error", "MALFORMED_RESPONSE", "USER_CANCEL", "timeout"]
    )
    def test_a_fault_is_no_end(self, bench: Workspace, word: str) -> None:
        reply = {"choices": [{"message": {"content": "half"}, "finish_reason": word}]}
        with pytest.raises(BrokenReply, match=word):
            API_TYPES["openai"].protocol.read(reply, model_of(bench))

    @pytest.mark.parametrize(
        "message",
        [
            {"role": "assistant", "content": None, "refusal": "I will not."},
            {"content": [{"type": "refusal", "refusal": "I will not."}]},
        ],
    )
    def test_a_refusal_is_an_answer(
        self, api: FakeAPI, bench: Workspace, message: dict[str, object]
    ) -> None:
        api.answer_with(Reply(changes={"choices": [{"message": message, "finish_reason": "stop"}]}))
        made = ask(model_of(bench, endpoints=[{"api_base": api.v1}]))
        assert (made.text, made.finish_reason) == ("I will not.", "content_filter")
        assert len(api.calls) == 1

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [
            (Reply.cut_off("hm [[B>>A]] so"), ("", "hm [[B>>A]] so")),
            (Reply.cut_off("hm</think>so"), ("so", "hm")),
            (Reply("no thought"), ("no thought", None)),
            (Reply("the answer", "hm", "length"), ("the answer", "hm")),
        ],
    )
    def test_a_thought_without_an_end_is_no_answer(
        self, api: FakeAPI, bench: Workspace, reply: Reply, expected: tuple[str, str | None]
    ) -> None:
        """Unless the server has split off the reasoning, or the reply is whole."""
        api.answer_with(reply)
        endpoints = [{"api_base": api.v1}]
        made = ask(model_of(bench, endpoints=endpoints, end_think_token="</think>"))
        assert (made.text, made.reasoning) == expected


def chat_body(text: str, encoding: str = "utf-8") -> bytes:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    body = json.dumps({"choices": [choice], "usage": usage}, ensure_ascii=False)
    return body.encode(encoding)


class TestForms:
    @pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "text/html", "x/y", ""])
    def test_json_is_read_whatever_it_is_called(
        self, api: FakeAPI, bench: Workspace, kind: str
    ) -> None:
        api.answer_with(Reply("hi", content_type=kind))
        assert ask(model_of(bench, endpoints=[{"api_base": api.v1}])).text == "hi"

    def test_a_stream_is_named(self, api: FakeAPI, bench: Workspace) -> None:
        events = b'data: {"choices": []}\n\ndata: [DONE]\n\n'
        api.answer_with(Reply(raw=events, content_type="text/event-stream"))
        with pytest.raises(CompletionError, match="the reply is text/event-stream, not JSON"):
            ask(model_of(bench, endpoints=[{"api_base": api.v1}]))

    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            (b'"prompt_tokens": 7', b'"prompt_tokens": ' + b"9" * 5000, "hi"),
            (b'"hi"', b'"h\xe9"', "h\N{REPLACEMENT CHARACTER}"),
        ],
    )
    def test_what_python_refuses_costs_no_reply(
        self, api: FakeAPI, bench: Workspace, old: bytes, new: bytes, text: str
    ) -> None:
        api.answer_with(Reply(raw=chat_body("hi").replace(old, new)))
        completion = ask(model_of(bench, endpoints=[{"api_base": api.v1}]))
        assert (completion.text, completion.output_tokens, api.call_count) == (text, 3, 1)

    def test_an_encoding_of_its_own_is_read(self, api: FakeAPI, bench: Workspace) -> None:
        kind = "application/json; charset=iso-8859-1"
        api.answer_with(Reply(raw=chat_body("hé", "latin-1"), content_type=kind))
        assert ask(model_of(bench, endpoints=[{"api_base": api.v1}])).text == "hé"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "the reply is empty"),
            (b'{"choices": [7]}', "JSON of another form than a chat reply's: 'int' object has no"),
        ],
    )
    def test_what_came_instead_is_named(
        self, api: FakeAPI, bench: Workspace, body: bytes, said: str
    ) -> None:
        api.answer_with(Reply(raw=body))
        with pytest.raises(CompletionError, match=f"^malformed reply: {said}"):
            ask(model_of(bench, endpoints=[{"api_base": api.v1}]))

    def test_streams_cannot_be_asked_for(self, bench: Workspace) -> None:
        with pytest.raises(InputError, match="extra_body: stream: replies are read whole"):
            check_model(model_of(bench, extra_body={"stream": True}), key=False)

    @pytest.mark.parametrize("n", [2, "8", 0, 1.5, [1]])
    def test_nor_can_choices_that_nobody_reads(self, bench: Workspace, n: object) -> None:
        with pytest.raises(InputError, match="extra_body: n: only the first choice is read. Set"):
            check_model(model_of(bench, extra_body={"n": n}), key=False)

    def test_one_choice_can(self, api: FakeAPI, bench: Workspace) -> None:
        assert ask(model_of(bench, endpoints=[{"api_base": api.v1}], extra_body={"n": 1})).text


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
