"""Each API type at the wire: the whole request, and the reply.

A provider with a public address is pointed at the local server for the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Workspace
from fake_api import FakeAPI, Reply
from one_call import (
    AWS_KEYS,
    CLAUDE_BODY,
    GOOGLE,
    MESSAGES,
    OPENAI_BODY,
    ask,
    model_of,
    sent,
)

from arena.chat.clients import client_of
from arena.chat.protocols import Completion
from arena.chat.providers import API_TYPES

THINKING_BODY = {
    "model": "org/m",
    "messages": MESSAGES,
    "max_completion_tokens": 99,
    "stream": False,
}


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
        body["thinking"] = {"type": "enabled"}
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


WHOLE_CLAUDE_BODY = {key: value for key, value in CLAUDE_BODY.items() if key != "stream"}


BEDROCK = Wire(
    path="/model/us.anthropic.claude-x-v1:0/invoke",
    body=WHOLE_CLAUDE_BODY | {"anthropic_version": "2026-10-21"},
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
        assert WIRES.keys() | {"llamacpp"} == API_TYPES.keys()  # test_connections.py has that one

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
        for name in ("OPENAI", "ANTHROPIC", "ANTHROPIC_VERTEX", "ANTHROPIC_BEDROCK"):
            monkeypatch.setenv(f"{name}_BASE_URL", "http://127.0.0.1:9/elsewhere")
        google = GOOGLE if api_type == "vertex" else {}
        token = [{"api_key": "a-token"}] if api_type != "aws_claude" else None
        model = model_of(bench, api_type=api_type, endpoints=token, **google)
        assert str(client_of(model, model.endpoints[0]).base_url) == address

    @pytest.mark.parametrize("region", ["global", "us", "eu", "asia-east1"])
    def test_vertex_is_at_the_address_that_the_sdk_gives_its_region(
        self, bench: Workspace, region: str
    ) -> None:
        from anthropic import AnthropicVertex

        usual = AnthropicVertex(region=region, project_id="p", access_token="a-token").base_url
        google = GOOGLE | {"regions": region}
        model = model_of(bench, api_type="vertex", endpoints=[{"api_key": "a-token"}], **google)
        assert client_of(model, model.endpoints[0]).base_url == usual

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
