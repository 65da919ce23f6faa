"""The causes of failed calls, and their messages without secrets."""

from __future__ import annotations

import json

import pytest
from conftest import Workspace
from fake_api import FakeAPI, Reply
from one_call import ask, model_of

from arena.chat.faults import CompletionError, redact


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
        ],
    )
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_a_bad_key_and_an_empty_purse_are_known_by_their_words(
        self, api: FakeAPI, bench: Workspace, api_type: str, status: int, message: str, cause: str
    ) -> None:
        api.answer_with(Reply.error(status, message))
        base = api.v1 if api_type == "openai" else api.url
        with pytest.raises(CompletionError, match=f"^{cause}: HTTP {status} ") as caught:
            ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": base}]))
        assert caught.value.cause == cause

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
            ({"message": "broken", "type": "invalid_request_error"}, "bad request"),
            ({"message": "upstream is gone", "code": 502}, "server error"),
            ("upstream is gone", "server error"),
        ],
    )
    @pytest.mark.parametrize("place", ["top", "choice", "anthropic"])
    def test_an_error_with_status_200_has_its_cause_in_it(
        self, api: FakeAPI, bench: Workspace, place: str, error: object, cause: str
    ) -> None:
        body: dict[str, object] = {"error": error}
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


def test_a_longer_one_is_not_given_away_by_a_part_of_it() -> None:
    secrets = ["sk-12345", "sk-12345-and-the-rest"]
    assert redact("key sk-12345-and-the-rest", secrets) == "key ***"
