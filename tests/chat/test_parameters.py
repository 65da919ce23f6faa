"""What a model refuses is left out or renamed, at once and for good: at the wire, per provider."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import Call, FakeAPI, Reply
from one_call import AWS_KEYS, GOOGLE, MESSAGES, ask, model_of

from arena.chat.calls import chat_completion
from arena.chat.faults import CompletionError
from arena.chat.parameters import limit_in
from arena.chat.providers import API_TYPES

SCHEMA = {"type": "json_schema", "json_schema": {"name": "v", "schema": {"type": "object"}}}


def json_error(status: int, body: object) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return Reply(raw=raw.encode(), status=status)


def openai(message: str, param: str | None = None, code: object = None) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return json_error(400, {"error": error})


def claude(message: str) -> Reply:
    error = {"type": "invalid_request_error", "message": message}
    return json_error(400, {"type": "error", "error": error, "request_id": "req_1"})


def gemini(message: str) -> Reply:
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    return json_error(400, [{"error": error}])


def pydantic(name: str, status: int = 422) -> Reply:
    problem = {
        "type": "extra_forbidden",
        "loc": ["body", name],
        "msg": "Extra inputs are not permitted",
        "input": 0.0,
    }
    return json_error(status, {"detail": [problem]})


def refusing(refusals: Mapping[str, Reply]) -> Callable[[Call], Reply | str]:
    """A model that refuses requests with one of some fields."""
    return lambda call: next((r for n, r in refusals.items() if n in (call.body or {})), "fine")


def endpoint_of(api: FakeAPI, entry: Mapping[str, Any]) -> dict[str, Any]:
    api_type = entry.get("api_type", "openai")
    base = api.url if API_TYPES[api_type].is_claude or api_type == "azure" else api.v1
    more: dict[str, Any] = {"model_id": "claude-x"} if api_type == "bedrock" else {}
    key = {} if api_type == "bedrock" else {"api_key": "test-key"}
    return {"endpoints": [{"api_base": base, **key}], **more}


def bodies(api: FakeAPI) -> list[dict[str, Any]]:
    return [call.body or {} for call in api.calls]


TEMPERATURE = {
    "openai": openai(
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) "
        "value is supported.",
        "temperature",
        "unsupported_value",
    ),
    "a gateway, by words alone": openai(
        "Unsupported value: 'temperature' does not support 0 with this model.", None, "400"
    ),
    "a gateway, with a code of its own": openai(
        "'temperature' is not supported with this model", None, "invalid_request_body"
    ),
    "the field alone": openai("Bad value.", "temperature"),
    "a gateway, in JSON in a text": json_error(
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "raw": json.dumps(
                        {"error": {"message": "Unsupported value.", "param": "temperature"}}
                    )
                },
            }
        },
    ),
    "litellm": json_error(
        400,
        {
            "error": {
                "message": "litellm.UnsupportedParamsError: openai does not support parameters: "
                "['temperature'], for model=m. To drop these, set `litellm.drop_params=True`.",
                "code": "400",
            }
        },
    ),
    "litellm, another": openai(
        "litellm.BadRequestError: this model doesn't support temperature=0.0. Only temperature=1 "
        "is supported."
    ),
    "kimi": openai("invalid temperature: only 1 is allowed for this model"),
    "gemini": gemini("temperature is deprecated for this model."),
    "gemini, an unknown field": gemini(
        "Invalid JSON payload received. Unknown name \"temperature\" at 'generation_config': "
        "Cannot find field."
    ),
    "pydantic": pydantic("temperature"),
    "pydantic in a text": json_error(
        400,
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'temperature'), 'msg': 'Extra "
            "inputs are not permitted', 'input': {'max_tokens': 99, 'messages': []}}]",
        },
    ),
    "old openai": openai("Unrecognized request argument supplied: temperature"),
    "xai": json_error(400, {"code": "bad", "error": "Argument not supported: temperature"}),
    "groq": openai("property 'temperature' is unsupported"),
    "tgi": json_error(422, {"error": "Input validation error: `temperature` must be positive"}),
    "a gateway that says 500": json_error(500, {"error": "`temperature` is not supported"}),
    "a gateway that says 404": json_error(404, {"error": "parameter temperature not supported"}),
    "with HTTP 200": json_error(
        200, {"error": {"message": "temperature is not supported", "code": 400}}
    ),
    "only with an effort": openai(
        "With reasoning_effort other than 'none', temperature is not supported."
    ),
    "words that nobody knows": openai("It is 1 or nothing for temperature"),
    "no JSON": json_error(400, "temperature is not supported"),
}


class TestTemperature:
    @pytest.mark.parametrize("words", TEMPERATURE)
    def test_it_is_left_out_at_once_and_later(
        self, api: FakeAPI, bench: Workspace, words: str
    ) -> None:
        api.answer_with(refusing({"temperature": TEMPERATURE[words]}))
        entry = {"api_type": "vllm", "reasoning_effort": "low"}
        model = model_of(bench, **endpoint_of(api, entry), **entry)
        replies = [ask(model), ask(model)]
        assert [reply.not_sent for reply in replies] == [("temperature",)] * 2
        assert [("temperature" in body) for body in bodies(api)] == [True, False, False]
        assert all(body["reasoning_effort"] == "low" for body in bodies(api))

    @pytest.mark.parametrize(
        ("api_type", "version", "message"),
        [
            ("anthropic", None, "`temperature` is deprecated for this model."),
            ("vertex", "vertex-2023-10-16", "temperature: Extra inputs are not permitted"),
            (
                "bedrock",
                "bedrock-2023-05-31",
                "Malformed input request: #: extraneous key [temperature] is not permitted",
            ),
        ],
    )
    def test_claude_speaks_the_newer_version_without_it(
        self,
        api: FakeAPI,
        bench: Workspace,
        monkeypatch: pytest.MonkeyPatch,
        api_type: str,
        version: str | None,
        message: str,
    ) -> None:
        for name, value in AWS_KEYS.items():
            monkeypatch.setenv(name, value)
        api.answer_with(refusing({"temperature": claude(message)}))
        entry = {"api_type": api_type} | (GOOGLE if api_type == "vertex" else {})
        made = ask(model_of(bench, **endpoint_of(api, entry), **entry), 0.0)
        assert (made.text, made.not_sent) == ("fine", ("temperature",))
        first, second = api.calls
        if version is None:
            assert first.headers["anthropic-version"] == "2023-06-01"
            assert second.headers["anthropic-version"] > "2026"
        else:
            assert bodies(api)[0]["anthropic_version"] == version
            assert bodies(api)[1]["anthropic_version"] > "2026"

    def test_each_endpoint_is_asked_as_it_likes(self, api: FakeAPI, bench: Workspace) -> None:
        with FakeAPI() as other:
            api.answer_with(refusing({"temperature": TEMPERATURE["openai"]}))
            other.answer_with("fine")
            endpoints = [{"api_base": server.v1, "api_key": "k"} for server in (api, other)]
            model = model_of(bench, endpoints=endpoints)
            made = [ask(model).not_sent for _ in range(6)]
            assert made.count(("temperature",)) == made.count(None) == 3
            assert [("temperature" in body) for body in bodies(other)] == [True] * 3
            assert [("temperature" in body) for body in bodies(api)] == [True] + [False] * 3

    def test_an_endless_error_is_read_in_time(self, api: FakeAPI, bench: Workspace) -> None:
        words = "temperature is not supported, " + "only " * 400_000 + "9" * 10_000
        api.answer_with(refusing({"temperature": json_error(400, {"error": words})}))
        started = time.process_time()
        assert ask(model_of(bench, **endpoint_of(api, {}))).not_sent == ("temperature",)
        assert time.process_time() - started < 2


UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model. Use '{}' instead."
LIMITS = ("max_tokens", "max_completion_tokens")


class TestLimit:
    @pytest.mark.parametrize(
        ("api_type", "code"),
        [
            ("openai", "unsupported_parameter"),
            ("azure", None),
            ("openrouter", None),
            ("vllm", "400"),
        ],
    )
    @pytest.mark.parametrize("old", LIMITS)
    def test_it_is_sent_under_its_other_name(
        self, api: FakeAPI, bench: Workspace, api_type: str, old: str, code: str | None
    ) -> None:
        new = LIMITS[1 - LIMITS.index(old)]
        message = UNSUPPORTED.format(old, new)
        param = old if api_type == "openai" else None
        api.answer_with(refusing({old: openai(message, param, code)}))
        entry: dict[str, Any] = {"api_type": api_type}
        if old == "max_completion_tokens":
            entry["max_completion_tokens"] = 99
        made = [ask(model_of(bench, **endpoint_of(api, entry), **entry)) for _ in range(2)]
        assert [(reply.text, reply.not_sent) for reply in made] == [("fine", None)] * 2
        assert [old in body for body in bodies(api)] == [True, False, False]
        assert [body.get(new) for body in bodies(api)] == [None, 99, 99]

    def test_a_server_that_knows_only_the_old_name(self, api: FakeAPI, bench: Workspace) -> None:
        api.answer_with(refusing({"max_completion_tokens": pydantic("max_completion_tokens", 400)}))
        entry = {"api_type": "openai_thinking"}
        assert ask(model_of(bench, **endpoint_of(api, entry), **entry)).text == "fine"
        assert bodies(api)[1]["max_tokens"] == 99

    def test_a_server_that_knows_neither_is_an_error(self, api: FakeAPI, bench: Workspace) -> None:
        api.answer_with(refusing({name: pydantic(name) for name in LIMITS}))
        with pytest.raises(CompletionError, match="refuses max_tokens and max_completion_tokens"):
            ask(model_of(bench, **endpoint_of(api, {})))

    @pytest.mark.parametrize(
        "message",
        [
            "max_tokens is too large: 9000. This model supports at most 4096 completion tokens, "
            "whereas you provided 9000.",
            "max_tokens: 9000 > 4096, which is the maximum allowed number of output tokens for m-1",
            "Invalid max_tokens value, the valid range of max_tokens is [1, 4096]",
            "`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` "
            "is less than the `context_window` for this model",
            "Unable to submit request because it has a maxOutputTokens value of 9000 but the "
            "supported range is from 1 (inclusive) to 4097 (exclusive).",
            "The maximum tokens you requested exceeds the model limit of 4096. Try again with a "
            "maximum tokens value that is lower than 4096.",
            "Requested 9000 output tokens but this model allows 4096",
            "max_tokens (9000) is above the model's ceiling of 4,096",
            "You asked for 9,000 tokens. This model can write 4096 tokens, 9000 tokens is too many",
            "HTTP 400: max_tokens=9000 not supported, m-2000 gives 4096",
            "max_completion_tokens 9000 is over the cap (4096)",
            "This model's ceiling for max_tokens is 4096; lower it",
            "The output budget of this model is 4096 tokens; you requested 9000.",
            "You requested 9000 tokens. The model allows 4096.",
            "maxTokens 9000 invalid. Allowed: 1-4096",
            "The most output tokens of this model: 4096",
        ],
    )
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_one_that_is_too_high_is_lowered(
        self, api: FakeAPI, bench: Workspace, api_type: str, message: str
    ) -> None:
        error = openai(message) if api_type == "openai" else claude(message)
        api.answer_with(lambda call: error if (call.body or {})["max_tokens"] > 4096 else "fine")
        model = model_of(bench, **endpoint_of(api, {"api_type": api_type}), api_type=api_type)
        made = [ask(model, None, limit) for limit in (9000, 9000, 4096, 100)]
        assert [body["max_tokens"] for body in bodies(api)] == [9000, 4096, 4096, 4096, 100]
        above = ("max_tokens above 4096",)
        assert [reply.not_sent for reply in made] == [above, above, None, None]

    @pytest.mark.parametrize(
        "words",
        [
            "'max_tokens' is too large: 4096. this model's maximum context length is 4096 tokens",
            "input length and `max_tokens` exceed context limit: 9 + 9 > 8",
            "`inputs` tokens + `max_new_tokens` must be <= 4096",
            "prompt tokens and max_tokens: at most 4096",
            "requests with max_tokens > 4096 must have stream=true",
            "max_tokens exceeds the maximum remaining tokens of 4096",
        ],
    )
    def test_the_room_for_prompt_and_answer_is_no_such_limit(self, words: str) -> None:
        assert limit_in(words, 9000) is None

    @pytest.mark.parametrize(
        ("message", "advice"),
        [
            ("max_tokens is too high for this model", "too high, lower"),
            ("9000 output tokens are too many for m-1000", "too high, lower"),
            ("max_tokens: more than the two thousand tokens of this model", "too high, lower"),
            ("max_tokens must be at least 16000", "too low, raise"),
            ("max_tokens must be greater than thinking", "too low, raise"),
            ("max_tokens: at least one and less than those of this model", "too high, lower"),
        ],
    )
    def test_without_a_number_the_message_says_what_to_change(
        self, api: FakeAPI, bench: Workspace, message: str, advice: str
    ) -> None:
        api.answer_with(openai(message))
        advice = f"^bad request: HTTP 400. If max_tokens is {advice} it in the model's entry"
        with pytest.raises(CompletionError, match=advice) as caught:
            ask(model_of(bench, **endpoint_of(api, {})), None, 9000)
        assert message in str(caught.value) and api.call_count == 1

    @pytest.mark.parametrize(
        "message",
        [
            "Unsupported parameter: 'max_tokens' is not supported since 2024",
            "image of 9000 x 4096 is too large",
            "9000 tokens are over the 4096 tokens per minute of your plan",
            "max_tokens 9000 does not fit into the context of 4096",
        ],
    )
    def test_other_numbers_are_no_limit(self, api: FakeAPI, bench: Workspace, message: str) -> None:
        api.answer_with(openai(message))
        with pytest.raises(CompletionError):
            ask(model_of(bench, **endpoint_of(api, {})), None, 9000)
        values = [value for body in bodies(api) for k, value in body.items() if "tokens" in k]
        assert set(values) == {9000}


class TestThinking:
    @pytest.mark.parametrize(
        "message",
        [
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.',
            "thinking.type: Input tag 'enabled' found using 'type' does not match any of the "
            "expected tags: 'adaptive', 'disabled'",
            "thinking.budget_tokens: Extra inputs are not permitted",
            "`budget_tokens` is deprecated for this model.",
        ],
    )
    def test_a_budget_becomes_adaptive_thinking(
        self, api: FakeAPI, bench: Workspace, message: str
    ) -> None:
        def reply(call: Call) -> Reply | str:
            adaptive = (call.body or {})["thinking"] == {"type": "adaptive"}
            return "fine" if adaptive else claude(message)

        api.answer_with(reply)
        entry = {"api_type": "anthropic", "budget_tokens": 50}
        model = model_of(bench, **endpoint_of(api, entry), **entry)
        assert [ask(model).not_sent for _ in range(2)] == [("budget_tokens",)] * 2
        assert len(api.calls) == 3

    def test_a_model_that_cannot_think_is_an_error(self, api: FakeAPI, bench: Workspace) -> None:
        api.answer_with(claude("adaptive thinking is not supported on this model"))
        entry = {"api_type": "anthropic_thinking"}
        with pytest.raises(CompletionError, match="unsupported parameter: .* Set budget_tokens"):
            ask(model_of(bench, **endpoint_of(api, entry), **entry))
        assert len(api.calls) == 1

    @pytest.mark.parametrize(
        ("entry", "error", "key"),
        [
            (
                {"reasoning_effort": "minimal"},
                openai(
                    "Unsupported value: 'minimal' is not supported with this model.",
                    "reasoning_effort",
                    "unsupported_value",
                ),
                "reasoning_effort",
            ),
            (
                {"api_type": "gemini", "reasoning_effort": "minimal"},
                gemini("Thinking level MINIMAL is not supported for this model."),
                "reasoning_effort",
            ),
            (
                {"api_type": "anthropic", "reasoning_effort": "max"},
                claude("This model does not support the effort parameter."),
                "output_config",
            ),
        ],
    )
    def test_an_effort_that_is_refused_is_left_out(
        self, api: FakeAPI, bench: Workspace, entry: dict[str, Any], error: Reply, key: str
    ) -> None:
        api.answer_with(refusing({key: error}))
        made = ask(model_of(bench, **endpoint_of(api, entry), **entry), None)
        assert made.not_sent == ("reasoning_effort",)
        assert len(api.calls) == 2

    def test_a_server_of_deepseeks_models_that_knows_no_switch(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        api.answer_with(refusing({"thinking": pydantic("thinking")}))
        entry = {"api_type": "deepseek_reasoner"}
        assert ask(model_of(bench, **endpoint_of(api, entry), **entry)).not_sent == ("thinking",)


class TestWhatMustBeSent:
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    @pytest.mark.parametrize("key", ["top_k", "seed", "temperature"])
    def test_what_the_user_wrote_into_extra_body(
        self, api: FakeAPI, bench: Workspace, api_type: str, key: str
    ) -> None:
        refused = openai(f"Unsupported parameter: '{key}' is not supported with this model.")
        api.answer_with(refusing({key: refused}))
        entry = {"api_type": api_type, "extra_body": {key: 1}}
        model = model_of(bench, **endpoint_of(api, entry), **entry)
        for number in (1, 2, 3):
            with pytest.raises(CompletionError) as caught:
                ask(model)
            assert str(caught.value).startswith(
                f"unsupported parameter: the model refuses {key}. Remove it from extra_body"
            )
            assert (len(api.calls), caught.value.final) == (number, number == 3)

    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_the_schema_of_a_verdict(self, api: FakeAPI, bench: Workspace, api_type: str) -> None:
        words = {
            "openai": "Invalid parameter: 'response_format' of type 'json_schema' is not supported",
            "anthropic": "output_config.format: structured outputs are not available here",
        }
        api.answer_with(openai(words[api_type]))
        model = model_of(bench, **endpoint_of(api, {"api_type": api_type}), api_type=api_type)
        with pytest.raises(CompletionError, match="^unsupported parameter: the model refuses resp"):
            ask(model, None, response_format=SCHEMA)
        assert len(api.calls) == 1

    def test_what_does_not_go_with_thinking(self, api: FakeAPI, bench: Workspace) -> None:
        """The error names two parameters, and the first is the one that it refuses."""
        api.answer_with(claude("`top_k` cannot be set when thinking is enabled."))
        entry = {"api_type": "anthropic", "budget_tokens": 50, "extra_body": {"top_k": 5}}
        with pytest.raises(CompletionError, match="the model refuses top_k. Remove it"):
            ask(model_of(bench, **endpoint_of(api, entry), **entry))


MANY = {
    "max_tokens": openai(UNSUPPORTED.format(*LIMITS), "max_tokens", "unsupported_parameter"),
    "temperature": TEMPERATURE["openai"],
    "reasoning_effort": openai("Unknown parameter: 'reasoning_effort'.", "reasoning_effort"),
    "stream": openai("stream: Extra inputs are not permitted"),
}


ASKED = "FLAG: is temperature not supported? max_tokens is not supported, use max_completion_tokens"


class TestPrompts:
    """An error may repeat the prompt, which may talk about parameters."""

    @staticmethod
    def ask_about(bench: Workspace, api: FakeAPI, prompt: str) -> Any:
        model = model_of(bench, **endpoint_of(api, {}))
        messages = [{"role": "user", "content": prompt}]
        model = replace(model, max_retries=0)
        return chat_completion(model, messages, temperature=0.25, max_tokens=99)

    @pytest.mark.parametrize(
        ("error", "cause", "calls"),
        [
            (openai(f"Your prompt was flagged: '{ASKED}'"), "content filter", 1),
            (openai(f"I do not like '{ASKED}'"), "bad request", 2),
            (openai(f"Invalid value: '{ASKED}'", "messages[0].content"), "bad request", 1),
            (json_error(403, {"error": f"'{ASKED}' is not allowed"}), "authentication", 1),
            (json_error(500, {"error": f"cannot parse '{ASKED}'"}), "server error", 2),
        ],
    )
    @pytest.mark.parametrize("refuses_max_tokens", [True, False])
    def test_the_echo_of_a_prompt_teaches_nothing(
        self,
        api: FakeAPI,
        bench: Workspace,
        error: Reply,
        cause: str,
        calls: int,
        refuses_max_tokens: bool,
    ) -> None:
        def reply(call: Call) -> Reply | str:
            if refuses_max_tokens and "max_tokens" in (call.body or {}):
                return MANY["max_tokens"]
            return error if "FLAG" in call.prompt else "fine"

        api.answer_with(reply)
        assert self.ask_about(bench, api, "Hello").not_sent is None
        before = api.call_count
        with pytest.raises(CompletionError) as caught:
            self.ask_about(bench, api, ASKED)
        assert (caught.value.cause, api.call_count - before) == (cause, calls)
        assert self.ask_about(bench, api, "Hello").not_sent is None
        assert bodies(api)[-1]["temperature"] == 0.25

    def test_a_refusal_is_known_even_if_the_prompt_quotes_it(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        words = "'temperature' does not support 0 with this model"
        api.answer_with(refusing({"temperature": openai(words)}))
        assert self.ask_about(bench, api, f"What does {words} mean?").not_sent == ("temperature",)
        assert self.ask_about(bench, api, "Hello").text == "fine"
        assert len(api.calls) == 3


class TestRuns:
    def test_several_are_learned_and_told_and_nothing_is_stale(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        """With the settings of published configs, and eight calls at the same time."""
        bench.add_questions(20)
        bench.add_model("m", api.v1, parallel=8, api_type="vllm", reasoning_effort="none")
        bench.write_answer_config(temperature=0.0)
        api.answer_with(refusing(MANY))
        done = run_main("gen_answer.py")
        assert "20 planned, 20 done, 0 cached, 0 failed" in done.out
        assert "  sent without temperature: 20 (" in done.out
        assert "  sent without reasoning_effort: 20 (" in done.out
        assert "max_completion_tokens" not in done.out
        assert 20 + len(MANY) <= api.call_count <= 20 + 8 * len(MANY)
        assert all(body.keys() == {"model", "messages", LIMITS[1]} for body in bodies(api)[-10:])
        for answer in bench.answers("m"):
            (turn,) = answer["choices"][0]["turns"]
            assert turn["not_sent"] == ["temperature", "reasoning_effort"]
            assert answer["settings"]["temperature"] == 0.0
        assert "20 cached" in run_main("gen_answer.py").out

    def test_games_and_their_records_too(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        ids = {question["question_id"]: "x" for question in bench.add_questions(2)}
        for model in ("base", "m1"):
            bench.add_answers(model, ids)
        bench.add_model("judge", api.url, api_type="anthropic", budget_tokens=50)
        bench.models["judge"]["max_completion_tokens"] = 100
        bench.add_model("judge", **{"api_base": api.url, **bench.models["judge"]})
        bench.write_judge_config("judge", "base")
        error = claude('"thinking.type.enabled" is not supported for this model.')

        def reply(call: Call) -> Reply | str:
            enabled = (call.body or {})["thinking"]["type"] == "enabled"
            return error if enabled else "[[A>B]]"

        api.answer_with(reply)
        done = run_main("gen_judgment.py")
        line = "  sent without budget_tokens, with adaptive thinking instead: 4 (q"
        assert line in done.out
        games = [game for record in bench.judgments("judge", "m1") for game in record["games"]]
        assert [game["not_sent"] for game in games] == [["budget_tokens"]] * 4
        assert "4 cached" in run_main("gen_judgment.py").out

    def test_a_changed_entry_is_asked_anew(self, api: FakeAPI, bench: Workspace) -> None:
        """In a notebook the process, and with it what it has learned, stays."""

        def reply(call: Call) -> Reply | str:
            body = call.body or {}
            fits = "temperature" not in body or body.get("reasoning_effort") == "none"
            return "fine" if fits else TEMPERATURE["openai"]

        api.answer_with(reply)
        endpoint = endpoint_of(api, {})
        assert ask(model_of(bench, **endpoint)).not_sent == ("temperature",)
        other = model_of(bench, **endpoint, reasoning_effort="none", temperature=0.5)
        assert ask(other).not_sent is None
        assert bodies(api)[-1]["temperature"] == 0.5
        assert bodies(api)[0]["messages"] == MESSAGES
