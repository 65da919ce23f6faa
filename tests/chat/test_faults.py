"""The causes of failed calls, and their messages without secrets."""

from __future__ import annotations

import json

import pytest
from conftest import Workspace
from fake_api import FakeAPI, Reply
from one_call import MESSAGES, ask, model_of

from arena.chat.calls import chat_completion
from arena.chat.faults import CompletionError, redact

FILTERED, TOO_LONG, BAD = "content filter", "context too long", "bad request"


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "message", "cause"),
        [
            (400, "API key not valid. Please pass a valid API key.", "authentication"),  # Gemini
            (400, "API key expired. Please renew the API key.", "authentication"),
            (400, "Incorrect API key provided: xa***ey.", "authentication"),  # xAI
            (400, "Your credit balance is too low to access the Anthropic API.", "quota"),
            (403, "Your credit balance is too low to access the Anthropic API.", "quota"),
            (400, "the key of the API is a text", "bad request"),
            (403, "Your team has used all available credits.", "quota"),  # xAI
            (403, "The caller may not do this.", "authentication"),
            # Prompts that a provider refuses
            (403, "x/y requires moderation on Z. Your input was flagged for 'hate'.", FILTERED),
            (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_B", FILTERED),
            (400, "Content Exists Risk", FILTERED),  # DeepSeek
            (400, "Input data may contain inappropriate content.", FILTERED),  # DashScope
            (400, "invalid_prompt: limited access to this content for safety reasons", FILTERED),
            (400, "The response triggered Azure OpenAI's content management policy.", FILTERED),
            (400, "ResponsibleAIPolicyViolation", FILTERED),
            (400, "Your request was rejected as a result of our safety system.", FILTERED),
            (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", FILTERED),  # Zhipu
            (400, "The request was rejected because it was considered high risk", FILTERED),  # Kimi
            (422, "input new_sensitive (1026)", FILTERED),  # MiniMax
            (400, "Request blocked by the safety filter: PROHIBITED_CONTENT", FILTERED),  # Gemini
            # Prompts that are too long
            (422, "`inputs` tokens + `max_new_tokens` must be <= 99. Given: 100", TOO_LONG),  # TGI
            (422, "`inputs` must have less than 1024 tokens. Given: 1040", TOO_LONG),
            (400, "The input token count (9) exceeds the maximum number of tokens", TOO_LONG),
            (400, "This model's maximum prompt length is 8 but the request has 9", TOO_LONG),  # xAI
            (400, "input length and `max_tokens` exceed context limit: 9 + 9 > 8", TOO_LONG),
            (400, "Input is too long for requested model.", TOO_LONG),  # Bedrock
            (
                400,
                "Could not finish, because max_tokens or model output limit was reached.",
                "cut off at max_tokens",
            ),
            (400, "Input tokens exceed the configured limit of 272000 tokens.", TOO_LONG),  # OpenAI
            (400, "Your input exceeds the context window of this model.", TOO_LONG),
            (400, "Range of input length should be [1, 30720]", TOO_LONG),  # DashScope
            (400, "Your request exceeded model token limit: 8192", TOO_LONG),  # Kimi
            (
                400,
                "Prompt contains 40000 tokens, too large for model with 32768",
                TOO_LONG,
            ),  # Mistral
            (400, "too many tokens: size limit exceeded by 5 tokens.", TOO_LONG),  # Cohere
            (
                400,
                "The decoder prompt (length 9) is longer than the maximum model length",
                TOO_LONG,
            ),
            (
                400,
                "The input (9 tokens) is longer than the model's context length",
                TOO_LONG,
            ),  # SGLang
            (400, "the request exceeds the available context size. try increasing it", TOO_LONG),
            (400, "Requested tokens (9000) exceed context window of 8192", TOO_LONG),
            (500, "the request exceeds the available context size", TOO_LONG),  # old llama.cpp
            (400, "Prompt exceeds max length", TOO_LONG),  # Zhipu
            (
                400,
                "max_tokens is too large: 99999. It supports at most 16384 completion tokens",
                BAD,
            ),
            (400, "max_tokens must be <= 4096", BAD),
            (400, "temperature must be below 2", BAD),
            # Models and addresses that do not exist
            (404, "model 'x' not found, try pulling it first", "no such model"),  # Ollama
            (404, "The API deployment for this resource does not exist.", "no such model"),  # Azure
            (404, "No endpoints found for x/y.", "no such model"),  # OpenRouter
            (400, "x/y is not a valid model ID", "no such model"),
            (404, "File Not Found", "wrong address"),  # llama.cpp
            (404, "Invalid URL (POST /v1/models/chat)", "wrong address"),
            (405, "Method Not Allowed", "wrong address"),
        ],
    )
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_causes_are_known_by_the_words_of_providers(
        self, api: FakeAPI, bench: Workspace, api_type: str, status: int, message: str, cause: str
    ) -> None:
        api.answer_with(Reply.error(status, message))
        base = api.v1 if api_type == "openai" else api.url
        with pytest.raises(CompletionError, match=f"^{cause}: HTTP {status}") as caught:
            ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": base}]))
        assert caught.value.cause == cause

    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_a_model_that_is_not_there_is_named_with_the_list_of_those_that_are(
        self, api: FakeAPI, bench: Workspace, api_type: str
    ) -> None:
        api.answer_with(Reply.error(404, "The model does not exist."))
        base = api.v1 if api_type == "openai" else api.url
        model = model_of(bench, api_type=api_type, endpoints=[{"api_base": base}])
        with pytest.raises(CompletionError) as caught:
            ask(model)
        assert str(caught.value).startswith(
            f"no such model: HTTP 404. model_name is '{model.model_name}'. Does the server offer "
            f"it? See {api.v1}/models. {{"
        )
        assert api.call_count == 1

    def test_a_reply_that_ends_in_a_fault_is_one(self, api: FakeAPI, bench: Workspace) -> None:
        error = {"code": 502, "message": "the provider of test-key is gone"}
        choice = {"message": {"content": "half of"}, "finish_reason": "error", "error": error}
        api.answer_with(Reply(changes={"choices": [choice]}))
        endpoints = [{"api_base": api.v1, "api_key": "test-key"}]
        with pytest.raises(
            CompletionError, match="^server error: .*the provider of .* is gone"
        ) as e:
            ask(model_of(bench, endpoints=endpoints))
        assert "test-key" not in str(e.value) and e.value.charged

    def test_a_parameter_that_nobody_sent_is_named(self, api: FakeAPI, bench: Workspace) -> None:
        message = "Unsupported parameter: 'seed' is not supported with this model."
        api.answer_with(Reply.error(400, message, "unsupported_parameter"))
        with pytest.raises(CompletionError) as caught:
            ask(model_of(bench, endpoints=[{"api_base": api.v1}]))
        assert str(caught.value).startswith("unsupported parameter: HTTP 400 ")
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            ({"message": "slow down", "code": 429}, "rate limit"),
            ({"message": "Rate limit reached"}, "rate limit"),
            ({"message": "maximum context length is 8", "code": 400}, "context too long"),
            ({"message": "This model's maximum context length is 8 tokens."}, "context too long"),
            ({"message": "No credits", "code": "402"}, "quota"),
            ({"message": "Incorrect API key provided"}, "authentication"),
            ({"message": "Unauthorized"}, "authentication"),
            ({"message": "broken", "type": "invalid_request_error"}, "bad request"),
            ({"message": "upstream is gone", "code": 502}, "server error"),
            ("upstream is gone", "server error"),
        ],
    )
    @pytest.mark.parametrize("place", ["top", "choice", "bare choice", "anthropic"])
    def test_an_error_with_status_200_has_its_cause_in_it(
        self, api: FakeAPI, bench: Workspace, place: str, error: object, cause: str
    ) -> None:
        body: dict[str, object] = {"error": error}
        if place == "bare choice":
            body = {"choices": [{"message": None, "error": error}]}
        if place == "choice":
            # The words of the half answer are not those of the error.
            text = "The context length is too long, said the rate limit."
            body = {"choices": [{"message": {"content": text}, "error": error}]}
        api.answer_with(Reply(raw=json.dumps(body).encode()))
        api_type = "anthropic" if place == "anthropic" else "openai"
        base = api.url if place == "anthropic" else api.v1
        with pytest.raises(CompletionError) as caught:
            ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": base}]))
        assert caught.value.cause == cause

    @pytest.mark.parametrize(
        "body",
        [
            {"promptFeedback": {"blockReason": "OTHER"}, "choices": []},
            {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "choices": None},
            {"prompt_feedback": {"block_reason": "BLOCKLIST"}, "usage": {"prompt_tokens": 9}},
            {"blockReason": "IMAGE_SAFETY"},
            {"error": {"code": 403, "message": "Your input was flagged"}},
        ],
    )
    def test_a_refused_prompt_with_status_200_is_neither_paid_nor_sent_again(
        self, api: FakeAPI, bench: Workspace, body: object
    ) -> None:
        api.answer_with(Reply(raw=json.dumps(body).encode()))
        model = model_of(bench, endpoints=[{"api_base": api.v1}])
        with pytest.raises(CompletionError, match=f"^{FILTERED}: ") as caught:
            chat_completion(model, MESSAGES, temperature=0, max_tokens=9)
        assert (api.call_count, caught.value.charged, caught.value.of_prompt) == (1, False, True)

    @pytest.mark.parametrize("message", [{}, {"message": None}, {"message": {"content": None}}])
    def test_a_message_that_is_withheld_is_an_empty_answer(
        self, api: FakeAPI, bench: Workspace, message: dict[str, object]
    ) -> None:
        choice = {"finish_reason": "content_filter: PROHIBITED_CONTENT", **message}
        api.answer_with(Reply(changes={"choices": [choice]}))
        made = ask(model_of(bench, endpoints=[{"api_base": api.v1}]))
        assert (made.text, made.finish_reason, api.call_count) == ("", "content_filter", 1)


class TestAddresses:
    @pytest.mark.parametrize(
        ("api_type", "path", "called", "advice"),
        [
            ("openai", "", "/chat/completions", "Does api_base end in /v1?"),
            ("openai", "/x/v1", "/x/v1/chat/completions", "Is api_base right, with this /v1"),
            ("anthropic", "/v1", "/v1/v1/messages", "For this api_type it should not."),
        ],
    )
    def test_a_wrong_one_is_shown_with_a_question(
        self, api: FakeAPI, bench: Workspace, api_type: str, path: str, called: str, advice: str
    ) -> None:
        api.answer_with(Reply(raw=b'{"detail": "Not Found"}', status=404))
        address = f"http://me:s3cr3t@127.0.0.1:{api.port}{path}?key=hidden-1"
        with pytest.raises(CompletionError, match="^wrong address: HTTP 404 at ") as caught:
            ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": address}]))
        assert f"{api.url}{called}. " in str(caught.value) and advice in str(caught.value)
        assert "s3cr3t" not in str(caught.value) and "hidden-1" not in str(caught.value)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_a_redirect_is_not_followed(
        self, api: FakeAPI, bench: Workspace, api_type: str, status: int
    ) -> None:
        with FakeAPI() as other:
            target = f"{other.v1.replace('://', '://me:s3cr3t@')}/elsewhere?key=hidden-1"
            api.answer_with(Reply("an answer", status=status, headers={"location": target}))
            model = model_of(
                bench,
                api_type=api_type,
                endpoints=[{"api_base": api.v1}],
                extra_headers={"x-key": "sk-in-a-header"},
            )
            with pytest.raises(CompletionError, match=f"^redirected: HTTP {status} ") as caught:
                ask(model)
            assert other.call_count == 0
            assert f"from {api.v1}/" in str(caught.value)
            assert f" to {other.v1}/elsewhere." in str(caught.value)
        assert "s3cr3t" not in str(caught.value) and "hidden-1" not in str(caught.value)


def test_a_redirect_to_nowhere_names_no_second_address(api: FakeAPI, bench: Workspace) -> None:
    api.answer_with(Reply(raw=b"", status=304))
    with pytest.raises(CompletionError, match="completions to no other address. Set api_base"):
        ask(model_of(bench, endpoints=[{"api_base": api.v1}]))


def test_a_longer_one_is_not_given_away_by_a_part_of_it() -> None:
    secrets = ["sk-12345", "sk-12345-and-the-rest"]
    assert redact("key sk-12345-and-the-rest", secrets) == "key ***"
