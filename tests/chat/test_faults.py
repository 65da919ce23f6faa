"""The causes of failed calls, and their messages without secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Workspace
from fake_api import FakeAPI, Reply
from one_call import ask, model_of

from arena.chat.config import Endpoint
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

    @pytest.mark.parametrize("number", [1, 3])
    @pytest.mark.parametrize("api_type", ["openai", "azure"])
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("unsupported_parameter", "'max_tokens' is not supported; use max_completion_tokens"),
            ("unsupported_value", "'temperature' does not support 0.25 with this model."),
        ],
    )
    def test_a_parameter_that_is_refused_is_answered_with_the_remedy(
        self, api: FakeAPI, bench: Workspace, api_type: str, code: str, message: str, number: int
    ) -> None:
        """Three such calls in a row end the run of the model."""
        api.answer_with(Reply.error(400, message, code))
        model = model_of(bench, api_type=api_type, endpoints=[{"api_base": api.v1}])
        model = replace(model, endpoints=(Endpoint(api.v1, "test-key"),))
        for _ in range(number):
            with pytest.raises(CompletionError) as caught:
                ask(model)
        error = str(caught.value)
        assert error.startswith("unsupported parameter: a reasoning model needs api_type openai_th")
        assert message in error
        assert caught.value.final is (number == 3)

    def test_another_one_that_is_refused_is_named(self, api: FakeAPI, bench: Workspace) -> None:
        message = "Unsupported parameter: 'reasoning_effort' is not supported with this model."
        api.answer_with(Reply.error(400, message, "unsupported_parameter"))
        with pytest.raises(CompletionError) as caught:
            ask(model_of(bench, endpoints=[{"api_base": api.v1}], reasoning_effort="low"))
        assert str(caught.value).startswith("unsupported parameter: HTTP 400 ")
        assert message in str(caught.value)


def test_a_longer_one_is_not_given_away_by_a_part_of_it() -> None:
    secrets = ["sk-12345", "sk-12345-and-the-rest"]
    assert redact("key sk-12345-and-the-rest", secrets) == "key ***"
