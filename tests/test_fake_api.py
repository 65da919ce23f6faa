"""The fake API speaks to the real SDKs as the providers do, and each fault is the fault it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import anthropic
import openai
import pytest
from conftest import REPO, Workspace
from fake_api import Call, FakeAPI, Reply

HELLO: Any = [{"role": "user", "content": "hello"}]
Ask = Callable[[], Any]


@pytest.fixture
def ask_openai(api: FakeAPI) -> Iterator[Ask]:
    with openai.OpenAI(base_url=api.v1, api_key="test-key", max_retries=0, timeout=10) as client:
        yield lambda: client.chat.completions.create(model="tiny", messages=HELLO)


@pytest.fixture
def ask_azure(api: FakeAPI) -> Iterator[Ask]:
    with openai.AzureOpenAI(
        azure_endpoint=api.url, api_key="test-key", api_version="2024-10-21", max_retries=0
    ) as client:
        yield lambda: client.chat.completions.create(model="tiny", messages=HELLO)


@pytest.fixture
def ask_anthropic(api: FakeAPI) -> Iterator[Ask]:
    with anthropic.Anthropic(
        base_url=api.url, api_key="test-key", max_retries=0, timeout=10
    ) as client:
        yield lambda: client.messages.create(
            model="tiny", max_tokens=9, system="be brief", messages=HELLO
        )


def post(
    api: FakeAPI, body: object = None, path: str = "/v1/chat/completions", **headers: str
) -> HTTPConnection:
    """Send a request over a connection of its own, without reading the reply."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=10)
    payload = json.dumps({"model": "tiny", "messages": HELLO} if body is None else body)
    connection.request("POST", path, payload, headers)
    return connection


def response(connection: HTTPConnection) -> tuple[HTTPResponse, bytes]:
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


class TestReplies:
    def test_openai(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply("hi", reasoning="hm", prompt_tokens=11, completion_tokens=22))
        completion = ask_openai()
        assert completion.object == "chat.completion" and completion.model == "tiny"
        assert completion.choices[0].message.role == "assistant"
        assert completion.choices[0].message.content == "hi"
        assert completion.choices[0].message.reasoning_content == "hm"
        assert completion.choices[0].finish_reason == "stop"
        usage = completion.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 22, 33)

    def test_azure(self, api: FakeAPI, ask_azure: Ask) -> None:
        api.reply("hi")
        assert ask_azure().choices[0].message.content == "hi"
        call = api.calls[0]
        assert (call.deployment, call.model) == ("tiny", "tiny")
        assert call.query == {"api-version": "2024-10-21"}
        assert call.api_key == "test-key"

    def test_anthropic(self, api: FakeAPI, ask_anthropic: Ask) -> None:
        api.reply(Reply("hi", reasoning="hm", prompt_tokens=11, completion_tokens=22))
        message = ask_anthropic()
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert (message.content[0].thinking, message.content[1].text) == ("hm", "hi")
        assert message.stop_reason == "end_turn"
        assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 22)

    def test_any_prefix_is_served(self, api: FakeAPI) -> None:
        answer, body = response(post(api, path="/v1beta/openai/chat/completions"))
        assert json.loads(body)["choices"][0]["message"]["content"] == "answer to: hello"
        assert answer.headers["content-type"] == "application/json"

    def test_scripted_replies_come_first(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply("one", Reply("two"))
        api.answer_with(lambda call: f"{call.model}: {call.prompt}")
        texts = [ask_openai().choices[0].message.content for _ in range(3)]
        assert texts == ["one", "two", "tiny: hello"]

    def test_constant_answer(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.answer_with("[[A>B]]")
        assert {ask_openai().choices[0].message.content for _ in range(3)} == {"[[A>B]]"}

    def test_a_responder_that_raises_fails_the_test(self) -> None:
        def responder(call: Call) -> str:
            raise AssertionError("unexpected prompt")

        api = FakeAPI().start()
        api.answer_with(responder)
        answer, _ = response(post(api))
        assert answer.status == 400
        with pytest.raises(AssertionError, match="unexpected prompt"):
            api.close()


class TestCalls:
    def test_what_openai_sent(self, api: FakeAPI) -> None:
        parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": parts}]
        body = {"model": "tiny", "messages": messages}
        response(post(api, body, Authorization="Bearer test-key"))
        (call,) = api.calls
        assert (call.method, call.path, call.protocol) == ("POST", "/v1/chat/completions", "openai")
        assert (call.model, call.prompt, call.system) == ("tiny", "hello", "be brief")
        assert (call.api_key, call.messages, call.body) == ("test-key", messages, body)
        assert 0 <= time.monotonic() - call.at < 10

    def test_what_anthropic_sent(self, api: FakeAPI, ask_anthropic: Ask) -> None:
        ask_anthropic()
        (call,) = api.calls
        assert (call.path, call.protocol) == ("/v1/messages", "anthropic")
        assert (call.model, call.prompt, call.system) == ("tiny", "hello", "be brief")
        assert call.api_key == "test-key" and "anthropic-version" in call.headers

    def test_waiting_for_calls_that_do_not_come(self, api: FakeAPI) -> None:
        with pytest.raises(TimeoutError, match="1 calls: not within 0.01 s"):
            api.wait_for_calls(1, timeout=0.01)


ERRORS = [
    (Reply.rate_limit(), openai.RateLimitError, "rate_limit_exceeded"),
    (Reply.quota(), openai.RateLimitError, "insufficient_quota"),
    (Reply.spend_limit(), openai.RateLimitError, "billing_hard_limit_reached"),
    (Reply.auth(), openai.AuthenticationError, "invalid_api_key"),
    (Reply.no_such_model(), openai.NotFoundError, "model_not_found"),
    (Reply.context_too_long(), openai.BadRequestError, "context_length_exceeded"),
    (Reply.prompt_filtered(), openai.BadRequestError, "content_filter"),
    (Reply.server_error(), openai.InternalServerError, None),
    (Reply.overloaded(), openai.InternalServerError, None),
    (Reply.error(418, "teapot", "tea"), openai.APIStatusError, "tea"),
]

ANTHROPIC_ERRORS = [
    (Reply.rate_limit(), anthropic.RateLimitError, "rate_limit_error"),
    (Reply.quota(), anthropic.APIStatusError, "billing_error"),
    (Reply.spend_limit(), anthropic.RateLimitError, "rate_limit_error"),
    (Reply.auth(), anthropic.AuthenticationError, "authentication_error"),
    (Reply.no_such_model(), anthropic.NotFoundError, "not_found_error"),
    (Reply.context_too_long(), anthropic.BadRequestError, "invalid_request_error"),
    (Reply.prompt_filtered(), anthropic.BadRequestError, "invalid_request_error"),
    (Reply.server_error(), anthropic.InternalServerError, "api_error"),
    (Reply.overloaded(), anthropic.APIStatusError, "overloaded_error"),
]


class TestErrors:
    @pytest.mark.parametrize(("reply", "kind", "code"), ERRORS)
    def test_openai(
        self, api: FakeAPI, ask_openai: Ask, reply: Reply, kind: Any, code: str
    ) -> None:
        api.reply(reply)
        with pytest.raises(kind) as caught:
            ask_openai()
        assert caught.value.code == code
        assert set(caught.value.body) == {"message", "type", "param", "code"}

    @pytest.mark.parametrize(("reply", "kind", "type_"), ANTHROPIC_ERRORS)
    def test_anthropic(
        self, api: FakeAPI, ask_anthropic: Ask, reply: Reply, kind: Any, type_: str
    ) -> None:
        api.reply(reply)
        with pytest.raises(kind) as caught:
            ask_anthropic()
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == type_

    def test_anthropic_error_code(self, api: FakeAPI, ask_anthropic: Ask) -> None:
        api.reply(Reply.spend_limit(), Reply.rate_limit())
        codes = []
        for _ in range(2):
            with pytest.raises(anthropic.RateLimitError) as caught:
                ask_anthropic()
            codes.append(caught.value.error_code)
        assert codes == ["enforced_spend_limit_reached", None]

    def test_azure_errors_are_openai_errors(self, api: FakeAPI, ask_azure: Ask) -> None:
        api.reply(Reply.quota())
        with pytest.raises(openai.RateLimitError, match="exceeded your current quota"):
            ask_azure()

    def test_retry_after(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.rate_limit(retry_after=1.5))
        with pytest.raises(openai.RateLimitError) as caught:
            ask_openai()
        assert caught.value.response.headers["retry-after"] == "1.5"

    def test_unknown_paths(self, api: FakeAPI) -> None:
        api.reply("kept")
        answer, body = response(post(api, path="/v1/embeddings"))
        assert answer.status == 404
        assert json.loads(body)["error"]["message"] == "Invalid URL (POST /v1/embeddings)"
        headers = {"anthropic-version": "2023-06-01"}
        answer, body = response(post(api, path="/v1/complete", **headers))
        assert (answer.status, json.loads(body)["type"]) == (404, "error")
        _, body = response(post(api))
        assert b"kept" in body

    @pytest.mark.parametrize("body", [[], {"model": "tiny"}, {"messages": HELLO, "stream": True}])
    def test_bodies_no_chat_api_would_take(self, api: FakeAPI, body: object) -> None:
        assert response(post(api, body))[0].status == 400


class TestMalformedReplies:
    def test_html_reaches_the_caller_as_text(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.html())
        assert ask_openai().startswith("<html>")

    def test_html_error_page(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.html(status=502))
        with pytest.raises(openai.InternalServerError):
            ask_openai()

    def test_broken_json(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.broken_json())
        with pytest.raises(json.JSONDecodeError):
            ask_openai()

    def test_bodies_without_a_reply(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.null_choices(), Reply.empty_choices(), Reply(None))
        assert ask_openai().choices is None
        assert ask_openai().choices == []
        assert ask_openai().choices[0].message.content is None

    def test_messages_without_a_reply(self, api: FakeAPI, ask_anthropic: Ask) -> None:
        api.reply(Reply.null_choices(), Reply.empty_choices(), Reply(None), Reply(""))
        assert ask_anthropic().content is None
        assert ask_anthropic().content == []
        assert ask_anthropic().content == []
        assert ask_anthropic().content[0].text == ""

    def test_finish_reasons(self, api: FakeAPI, ask_openai: Ask, ask_anthropic: Ask) -> None:
        replies = [Reply.cut_off("once upon"), Reply.content_filter()]
        api.reply(*replies, *replies)
        assert [ask_openai().choices[0].finish_reason for _ in "ab"] == ["length", "content_filter"]
        assert [ask_anthropic().stop_reason for _ in "ab"] == ["max_tokens", "refusal"]

    def test_no_usage(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply.no_usage("hi"))
        assert ask_openai().usage is None

    def test_raw_body_and_content_type(self, api: FakeAPI) -> None:
        api.reply(Reply(raw=b"\xff\xfe", content_type="text/plain", headers={"x-note": "1"}))
        answer, body = response(post(api))
        assert (body, answer.headers["content-length"]) == (b"\xff\xfe", "2")
        assert (answer.headers["content-type"], answer.headers["x-note"]) == ("text/plain", "1")


class TestConnections:
    def test_reset(self, api: FakeAPI) -> None:
        api.reply(Reply(reset=True))
        connection = post(api)
        with pytest.raises(ConnectionResetError):
            connection.getresponse()
        connection.close()

    def test_reset_seen_by_the_sdk(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply(reset=True))
        with pytest.raises(openai.APIConnectionError):
            ask_openai()
        assert ask_openai().choices[0].message.content == "answer to: hello"

    def test_half_a_body(self, api: FakeAPI, ask_openai: Ask) -> None:
        api.reply(Reply("hi", half=True))
        with pytest.raises(openai.APIConnectionError):
            ask_openai()

    def test_hang_until_the_client_gives_up(self, api: FakeAPI) -> None:
        api.reply(Reply(hang=True))
        connection = post(api)
        api.wait_for_calls(1)
        assert (api.in_flight, api.abandoned) == (1, 0)
        connection.close()
        api.wait_until(lambda: api.abandoned == 1)
        assert (api.in_flight, api.answered) == (0, 0)

    def test_hang_until_the_server_closes(self) -> None:
        with FakeAPI() as api:
            api.reply(Reply(hang=True))
            connection = post(api)
            api.wait_for_calls(1)
        with pytest.raises(ConnectionError):
            connection.getresponse()
        connection.close()

    def test_a_closed_server_refuses_connections(self) -> None:
        with FakeAPI() as api:
            pass
        with pytest.raises(ConnectionRefusedError):
            post(api)

    def test_a_closed_server_can_come_back(self) -> None:
        with FakeAPI() as api:
            response(post(api))
        with api:
            assert response(post(api))[0].status == 200

    def test_delay(self, api: FakeAPI) -> None:
        api.reply(Reply("late", delay=0.05))
        response(post(api))
        assert time.monotonic() - api.calls[0].at >= 0.05

    def test_trickle(self, api: FakeAPI) -> None:
        api.reply(Reply(raw=b'{"a": 1}', trickle=0.01))
        _, body = response(post(api))
        assert body == b'{"a": 1}'
        assert time.monotonic() - api.calls[0].at >= 0.07

    def test_held_replies(self, api: FakeAPI) -> None:
        api.reply(Reply("first", held=True), "second")
        first = post(api)
        api.wait_for_calls(1)
        assert b"second" in response(post(api))[1]
        api.release()
        assert b"first" in response(first)[1]

    def test_keep_alive_and_close(self, api: FakeAPI) -> None:
        connection = HTTPConnection("127.0.0.1", api.port, timeout=10)
        body = json.dumps({"messages": HELLO})
        connection.connect()
        socket = connection.sock
        for header in ("keep-alive", "keep-alive", "close"):
            assert connection.sock is socket
            connection.request("POST", "/v1/chat/completions", body, {"Connection": header})
            answer = connection.getresponse()
            assert answer.read() and answer.headers["connection"] == header
        assert connection.sock is None

    def test_a_large_request_in_pieces(self, api: FakeAPI) -> None:
        text = "é" * 2_000_000
        response(post(api, {"messages": [{"role": "user", "content": text}]}))
        assert api.calls[0].prompt == text

    def test_what_is_no_http(self, api: FakeAPI) -> None:
        connection = HTTPConnection("127.0.0.1", api.port, timeout=10)
        connection.putrequest("POST", "/v1/chat/completions")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        answer, body = response(connection)
        assert (answer.status, body) == (400, b"chunked requests are not supported")

    def test_200_requests_at_once(self, api: FakeAPI) -> None:
        api.hold()
        connections = [post(api) for _ in range(200)]
        api.wait_for_calls(200)
        api.release()
        assert all(response(connection)[0].status == 200 for connection in connections)
        assert (api.max_in_flight, api.in_flight, api.answered) == (200, 0, 200)

    def test_no_thread_is_left(self) -> None:
        with FakeAPI() as api:
            response(post(api))
        assert "fake-api" not in {thread.name for thread in threading.enumerate()}


class TestProcess:
    @pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
    def test_serves_until_told_to_stop(self, bench: Workspace, end: str) -> None:
        port_file = bench.root / "port"
        with subprocess.Popen(
            [sys.executable, REPO / "tests" / "fake_api.py", "--port-file", port_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin and process.stdout
            port = process.stdout.readline().strip().removeprefix("http://127.0.0.1:")
            assert port_file.read_text().strip() == port
            assert response(post(FakeAPI(int(port))))[0].status == 200
            if end == "stdin":
                process.stdin.close()
            else:
                process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


class TestWorkspace:
    def test_files(self, bench: Workspace) -> None:
        bench.add_questions(["eins", "zwei – 둘"])
        bench.add_answers("org/tiny", {"q1": "ja\u2028nein"})
        bench.add_model("tiny", "http://127.0.0.1:9/v1", parallel=2)
        bench.write_answer_config(temperature=0.5)
        bench.write_judge_config("judge", "base")
        questions = bench.read_jsonl("data/test-v1/question.jsonl")
        assert [q["turns"][0]["content"] for q in questions] == ["eins", "zwei – 둘"]
        assert bench.answers("org/tiny")[0]["choices"][0]["turns"][0]["content"] == "ja\u2028nein"
        assert "parallel: 2" in (bench.root / "config/api_config.yaml").read_text()
        assert "- tiny" in (bench.root / "config/gen_answer_config.yaml").read_text()
        assert "- org/tiny" in (bench.root / "config/judge_config.yaml").read_text()

    def test_run(self, bench: Workspace) -> None:
        script = bench.write("show.py", "import os, sys; print(os.getcwd(), sys.argv[1], 'é')")
        assert bench.run(str(script), 1, check=0).stdout == f"{bench.root} 1 é\n"

    def test_scripts_see_no_keys(self, bench: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        script = bench.write("show.py", "import os; print([k for k in os.environ if 'KEY' in k])")
        assert bench.run(str(script), env={"MY_KEY": "1"}).stdout == "['MY_KEY']\n"
        assert "OPENAI_API_KEY" in os.environ

    def test_an_unexpected_exit_status_shows_the_output(self, bench: Workspace) -> None:
        script = bench.write("fail.py", "raise SystemExit('out of luck')")
        with pytest.raises(pytest.fail.Exception, match="out of luck"):
            bench.run(str(script), check=0)

    def test_started_scripts_are_killed_at_the_end(self, bench: Workspace) -> None:
        script = bench.write("sleep.py", "import time; time.sleep(60)")
        process = bench.start(str(script))
        assert process.poll() is None
        bench.close()
        assert process.returncode == -signal.SIGKILL


def exchange(api: FakeAPI, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", api.port, timeout=10)
    connection.request(method, path, body)
    answer, content = response(connection)
    return answer.status, content


def test_a_handler_serves_more_paths_and_the_newest_answers_first(api: FakeAPI) -> None:
    def files(call: Call) -> Reply | None:
        return Reply(raw=call.raw[::-1], status=201) if call.path == "/v1/files" else None

    api.serve(lambda call: Reply(raw=b"old"))
    api.serve(files)
    assert exchange(api, "POST", "/v1/files", b"ab\x00") == (201, b"\x00ba")
    assert exchange(api, "GET", "/v1/other") == (200, b"old")


def test_a_handler_that_fails_fails_the_test() -> None:
    with pytest.raises(ZeroDivisionError), FakeAPI() as api:
        api.serve(lambda call: Reply(str(1 / 0)))
        assert exchange(api, "GET", "/v1/files")[0] == 400


def test_the_reply_to_a_request_of_a_batch_is_that_of_a_live_call(api: FakeAPI) -> None:
    api.answer_with(lambda call: call.prompt.upper())
    body = {"model": "tiny", "messages": HELLO}
    assert api.reply_to(Call("POST", "/v1/chat/completions", {}, {}, body)).text == "HELLO"
    no_messages = Call("POST", "/v1/chat/completions", {}, {}, {})
    assert api.reply_to(no_messages).status_for(no_messages) == 400
