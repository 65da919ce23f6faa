"""The lines of result files, as services and engines write them, with all their traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arena.base.errors import InputError
from arena.batch.results import results_in
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion

FILES = Path(__file__).parent / "results"
MODEL = ModelConfig("m", "api.yaml: m", "org/m")
GOOD = {"choices": [{"message": {"content": "good"}, "finish_reason": "stop"}]}


def read(path: Path, model: ModelConfig = MODEL) -> dict[str, Completion | str]:
    """The replies of a file in its order, of errors their causes."""
    return {
        result.custom_id: result.reply
        if isinstance(result.reply, Completion)
        else result.reply.cause
        for result in results_in(path, model)
    }


def read_lines(tmp_path: Path, *lines: object, end: str = "") -> dict[str, Completion | str]:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + end)
    return read(path)


def error_in(tmp_path: Path, line: dict[str, Any], model: ModelConfig = MODEL) -> CompletionError:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"custom_id": "x"} | line) + "\n")
    (result,) = results_in(path, model)
    assert isinstance(result.reply, CompletionError)
    return result.reply


class TestGoldenFiles:
    """Written by hand after the services' documentation and recorded traffic."""

    def test_the_output_file_of_openai(self) -> None:
        assert read(FILES / "openai_output.jsonl") == {
            "b-second": Completion("Zweite Antwort: ü [[A>B]]", None, "stop", 12, 3),
            "a-first": Completion("first [[B>A]]", None, "stop", 12, 3),
            "c-cut": Completion("half of it", None, "length", 12, 3),
            "d-refused": Completion("I cannot help with that.", None, "content_filter", 12, 3),
            "e-400": "context too long",
            "f-429": "rate limit",
            "g-500": "server error",
        }

    def test_the_error_file_of_openai(self) -> None:
        assert read(FILES / "openai_errors.jsonl") == {
            "h-expired": "expired",
            "i-cancelled": "cancelled",
            "j-timeout": "timeout",
            "k-400": "bad request",
        }

    def test_the_output_of_vllm_with_failures_in_the_same_file(self) -> None:
        assert read(FILES / "vllm.jsonl") == {
            "a-first": Completion("an answer", None, "stop", 20, 5),
            "b-thinks": Completion("an answer", "I think", "stop", 20, 5),
            "c-thinks": Completion("an answer", "I thought", "stop", 20, 5),
            "d-object": "context too long",
            "e-text": "bad request",
            "f-flat": "server error",
        }

    def test_the_output_of_old_versions_of_vllm(self) -> None:
        assert read(FILES / "vllm_old.jsonl") == {
            "a-first": Completion("Hello! It's great to meet you!", None, "stop", 25, 31),
            "b-failed": "server error",
        }

    def test_the_results_of_anthropic(self) -> None:
        assert read(FILES / "anthropic.jsonl") == {
            "b-second": Completion("[[A=B]]", "Let me see.", "stop", 10, 4),
            "a-first": Completion("half", "Let me see.", "length", 10, 4),
            "c-invalid": "context too long",
            "d-overloaded": "server error",
            "e-limit": "rate limit",
            "f-canceled": "cancelled",
            "g-expired": "expired",
        }

    def test_the_results_of_gemini(self) -> None:
        assert read(FILES / "gemini.jsonl") == {
            "b-second": Completion("[[A>B]]", "I weigh both.", "stop", 12, 43),
            "a-first": Completion("half of it", None, "length", 12, 9),
            "c-withheld": Completion("", None, "content_filter", 12, None),
            "d-blocked": "content filter",
            "e-invalid": "bad request",
            "f-exhausted": "rate limit",
        }


class TestTraps:
    def test_an_http_400_inside_a_200_is_an_error(self, tmp_path: Path) -> None:
        body = {"error": {"message": "no", "type": "invalid_request_error", "code": None}}
        response = {"status_code": 400, "request_id": "r", "body": body}
        fault = error_in(tmp_path, {"response": response, "error": None})
        assert fault.cause == "bad request" and fault.of_prompt and not fault.charged
        assert fault.message == 'HTTP 400 {"message": "no", "type": ' + (
            '"invalid_request_error", "code": null}'
        )

    def test_an_error_in_a_reply_with_status_200_is_an_error(self, tmp_path: Path) -> None:
        body = {"error": {"message": "Rate limit reached", "code": 429}}
        fault = error_in(tmp_path, {"response": {"status_code": 200, "body": body}})
        assert fault.cause == "rate limit"

    def test_a_reply_beside_an_error_inside_its_choice_is_no_reply(self, tmp_path: Path) -> None:
        choice = {"message": {"content": "half"}, "error": {"code": 502, "message": "gone"}}
        fault = error_in(
            tmp_path, {"response": {"status_code": 200, "body": {"choices": [choice]}}}
        )
        assert fault.cause == "server error" and "half" not in fault.message

    @pytest.mark.parametrize(
        "line",
        [
            {"response": None, "error": None},
            {"response": None},
            {"error": ""},
            {"response": {}, "error": None},
            {"response": {"status_code": 200, "body": None}, "error": None},
            {"response": {"status_code": 200, "body": {"choices": []}}},
            {"response": {"status_code": 200, "body": "text"}},
            {"response": {"status_code": "good", "body": GOOD}},
            {"response": ["text"]},
            {"result": None},
            {"result": {"type": "succeeded"}},
            {"result": {"type": "succeeded", "message": {"content": None}}},
        ],
    )
    def test_a_result_without_reply_and_error_is_malformed(
        self, line: dict[str, Any], tmp_path: Path
    ) -> None:
        assert error_in(tmp_path, line).cause == "malformed reply"

    def test_a_torn_last_line_is_reported_and_the_rest_is_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = {"custom_id": "a", "response": {"status_code": 200, "body": GOOD}}
        torn = json.dumps(line | {"custom_id": "b"})[:-20]
        assert list(read_lines(tmp_path, line, end=torn)) == ["a"]
        path = tmp_path / "results.jsonl"
        said = f"warning: {path}:2: 1 line is no result of a request and ignored\n"
        assert capsys.readouterr().err == said

    def test_a_whole_last_line_needs_no_newline(self, tmp_path: Path) -> None:
        line = json.dumps({"custom_id": "b", "response": GOOD})
        assert list(read_lines(tmp_path, end=line)) == ["b"]

    def test_foreign_lines_are_counted_in_one_warning(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        request = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}
        good = {"custom_id": "a", "response": GOOD}
        foreign = [[1], 5, None, {"question_id": "q"}, {"custom_id": 7, "response": {}}]
        read_lines(tmp_path, good, request, *foreign, good, end="\n  \n[[[\n" + "[" * 10**5)
        path = tmp_path / "results.jsonl"
        said = f"warning: {path}:2: 8 lines are no results of a request and ignored\n"
        assert capsys.readouterr().err == said

    def test_results_come_in_the_order_of_the_file_and_twice_if_they_are_there_twice(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "results.jsonl"
        lines = [{"custom_id": name, "response": GOOD} for name in ("b", "a", "b")]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert [result.custom_id for result in results_in(path, MODEL)] == ["b", "a", "b"]

    def test_an_empty_file_has_no_results(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert read_lines(tmp_path) == {}
        assert read_lines(tmp_path, end="\n") == {}
        assert capsys.readouterr().err == ""

    def test_a_byte_order_mark_and_windows_line_ends_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        line = json.dumps({"custom_id": "a", "response": GOOD}).encode()
        path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n" + line.replace(b'"a"', b'"b"') + b"\r\n")
        assert list(read(path)) == ["a", "b"]

    def test_half_a_character_in_a_reply_is_kept_as_in_a_live_run(self, tmp_path: Path) -> None:
        body = {"choices": [{"message": {"content": "a\ud800"}}]}
        line = {"custom_id": "a", "response": {"status_code": 200, "body": body}}
        assert read_lines(tmp_path, line) == {"a": Completion("a\ud800")}

    def test_a_line_that_is_not_utf_8_is_no_result(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        line = json.dumps({"custom_id": "a", "response": GOOD}).encode()
        path.write_bytes(line.replace(b"good", b"g\xff") + b"\n" + line + b"\n")
        assert list(read(path)) == ["a"]

    def test_an_empty_reply_is_a_reply(self, tmp_path: Path) -> None:
        body = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}
        line = {"custom_id": "a", "response": {"status_code": 200, "body": body}}
        assert read_lines(tmp_path, line) == {"a": Completion("", None, "stop")}

    def test_null_counts_of_tokens_are_none(self, tmp_path: Path) -> None:
        body = GOOD | {"usage": {"prompt_tokens": None, "completion_tokens": None}}
        line = {"custom_id": "a", "response": {"status_code": 200, "body": body}}
        assert read_lines(tmp_path, line) == {"a": Completion("good", None, "stop")}

    def test_a_file_that_is_not_there_is_a_wrong_input(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.jsonl: cannot read results: No such file"):
            list(results_in(tmp_path / "none.jsonl", MODEL))
        with pytest.raises(InputError, match="cannot read results: Is a directory"):
            list(results_in(tmp_path, MODEL))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ({"type": "invalid_request_error", "message": "bad params"}, "bad request"),
        ({"type": "authentication_error", "message": "invalid"}, "authentication"),
        ({"type": "billing_error", "message": "pay"}, "quota"),
        ({"type": "permission_error", "message": "not yours"}, "authentication"),
        ({"type": "not_found_error", "message": "model: claude-x"}, "no such model"),
        ({"type": "request_too_large", "message": "large"}, "context too long"),
        ({"type": "timeout_error", "message": "late"}, "server error"),
        ({"type": "api_error", "message": "Internal server error"}, "server error"),
        ({"type": "something_new", "message": "it broke"}, "server error"),
        (
            {"type": "invalid_request_error", "message": "blocked by content policy"},
            "content filter",
        ),
        ({"code": "503", "message": "later"}, "server error"),
        ({"code": 429, "message": "quota"}, "rate limit"),
        ({"code": 3, "message": "wrong argument"}, "bad request"),
        ({"code": 8, "message": "exhausted"}, "rate limit"),
        ({"code": ["odd"], "message": "rate limit"}, "rate limit"),
        ("too many requests", "rate limit"),
    ],
)
@pytest.mark.parametrize("shape", ["error", "errored"])
def test_an_error_without_a_status_has_the_cause_of_a_live_call(
    shape: str, error: object, cause: str, tmp_path: Path
) -> None:
    line = {"response": None, "error": error}
    if shape == "errored":
        line = {"result": {"type": "errored", "error": {"type": "error", "error": error}}}
    assert error_in(tmp_path, line).cause == cause


def test_errors_show_no_secrets(tmp_path: Path) -> None:
    endpoints = (
        Endpoint("http://one/v1", "secret-key-1"),
        Endpoint("http://two/v1", "other-key-2"),
    )
    model = ModelConfig("m", "api.yaml: m", "org/m", endpoints=endpoints)
    for words in ({"error": "key secret-key-1"}, {"response": {"body": {"other-key-2": 1}}}):
        message = str(error_in(tmp_path, words, model))
        assert "***" in message and "key-" not in message
