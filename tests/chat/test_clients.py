"""Entries that cannot work get one line before the first call, and no message shows a secret."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from conftest import RunMain, Workspace
from fake_api import Call, FakeAPI, Reply
from one_call import SERVERS, ask, model_of

from arena.base.errors import InputError
from arena.chat.clients import check_model, secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import redact
from arena.chat.providers import API_TYPES, UNROUTED

KEYS = {
    "openai": "OPENAI_API_KEY",
    "openai_thinking": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "anthropic_thinking": "ANTHROPIC_API_KEY",
    **{name: kind.key_variable for name, kind in API_TYPES.items() if kind.base_url},
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
        ["tiny: budget_tokens: expected a whole number, 1 or more, got 'many'"],
    ),
    "an effort that is no text": (
        {"reasoning_effort": False},
        {},
        ["tiny: reasoning_effort: expected a text, got false. Put it in quotes."],
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
    @pytest.mark.parametrize("script", ["gen_answer.py", "gen_judgment.py"])
    @pytest.mark.parametrize("case", IMPOSSIBLE)
    def test_is_said_in_one_line_before_the_first_call(
        self,
        bench: Workspace,
        run_main: RunMain,
        monkeypatch: pytest.MonkeyPatch,
        case: str,
        script: str,
    ) -> None:
        entry, environment, words = IMPOSSIBLE[case]
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        bench.add_questions(1)
        bench.add_answers("base", {"q1": "a"})
        bench.write_answer_config(model_list=["tiny"])
        bench.write_judge_config("tiny", "base")
        bench.write(SERVERS, {"first": {"parallel": 1}, "tiny": entry})
        done = run_main(script, check=2)
        out, err = done.out, done.err
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


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("htp://me:p4ssw0rd-1@host", "'htp://me:***@host' does not begin with http"),
        ("me:p4ssw0rd-1@host:80/v1", "'me:***@host:80/v1' does not begin with http"),
        ("host:8000/sk-12345/v1?k=hidden-1", "'host:8000/***/v1?k=***' does not begin with http"),
        ("http://[::1/p4ssw0rd-1", "'http://[::1/***' is not an address"),
        ("http://host:80800/v1", "'http://host:80800/v1' is not an address"),
        ("http:///v1", "'http:///v1' is not an address"),
        ("http://a..b/v1", "'http://a..b/v1' is not an address"),
        ("http://host/v1\n", "'http://host/v1' is not an address"),
    ],
)
def test_a_wrong_address_is_shown_without_them(address: str, said: str) -> None:
    endpoint = Endpoint(address)
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "openai", (endpoint,))
    with pytest.raises(InputError, match="endpoints.0.: api_base: " + re.escape(said)):
        check_model(model)


class TestSecrets:
    """A server that repeats what it was sent, on the terminal and in the report."""

    VARIABLES = {
        "IN_HEADER": "sk-in-a-header",
        "IN_BODY": "sk-in-the-body",
        "IN_PATH": 'sk/in the "path',
        "SHORTER": "sk-in-a",
    }
    ENTRY = {
        "endpoints": [
            {"api_base": "ADDRESS/${IN_PATH}/sk-literal-1/v1", "api_key": "sk-of-the-entry"}
        ],
        "extra_headers": {"authorization": "Bearer ${IN_HEADER}", "x-keys": "a, sk-literal=="},
        "extra_body": {"auth": ["token ${IN_BODY}"]},
    }

    @pytest.fixture
    def output(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], str]:
        """Runs with that entry, and returns all that can be read of it."""
        bench.add_questions(1)
        entry = json.loads(json.dumps(self.ENTRY).replace("ADDRESS", api.url))
        bench.add_model("tiny", "", **entry, max_retries=0)
        bench.write_answer_config()
        for name, value in self.VARIABLES.items():
            monkeypatch.setenv(name, value)

        def run() -> str:
            done = run_main("gen_answer.py", "--report", "report.json", check=1)
            report = json.loads((bench.root / "report.json").read_text())
            return f"{done.out}{done.err}{report}"

        return run

    @pytest.mark.parametrize("part", ["headers", "body", "path", "target"])
    @pytest.mark.parametrize("status", [400, 200])
    def test_what_a_server_repeats_is_blotted_out(
        self, api: FakeAPI, output: Callable[[], str], status: int, part: str
    ) -> None:
        def reply(call: Call) -> Reply:
            seen = {
                "headers": [call.headers["authorization"], call.headers["x-keys"]],
                "body": (call.body or {})["auth"],
                "path": call.path,
                "target": quote(call.path),
            }[part]
            body = {"error": {"message": seen}} if status == 400 else {"detail": seen}
            return Reply(status=status, raw=json.dumps(body).encode())

        api.answer_with(reply)
        said = output()
        assert "***" in said and "sk" not in said

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(raw=b'{"detail": "Not Found"}', status=404),
            Reply(status=302, headers={"location": "/login?next=sk-literal-1"}),
            Reply(reset=True),
            Reply.html(status=502),
        ],
    )
    def test_an_address_is_shown_without_them(
        self, api: FakeAPI, output: Callable[[], str], reply: Reply
    ) -> None:
        api.answer_with(reply)
        assert "sk" not in output()

    @pytest.mark.parametrize("before", [290 - 60, 200 - 5, 0])
    def test_none_is_cut_before_it_is_blotted_out(
        self, api: FakeAPI, output: Callable[[], str], before: int
    ) -> None:
        page = "x" * before + self.VARIABLES["IN_HEADER"]
        api.answer_with(Reply(raw=page.encode(), content_type="text/html"))
        said = output()
        assert "malformed reply" in said and "sk" not in said


def test_an_address_shows_neither_password_nor_query() -> None:
    endpoint = Endpoint("https://me:p4ssw0rd-1@host/v1?key=k3y-k3y-k3y&a=b#x")
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "openai", (endpoint,))
    hidden = redact(f"cannot reach {endpoint.api_base}", secrets_of(model, endpoint))
    assert hidden == "cannot reach https://me:***@host/v1?key=***&a=b#x"


def test_nor_do_other_spellings_of_it() -> None:
    endpoint = Endpoint("https://me:p4ss%26word@host/gateway/Abc-123456/v1?k=a%20b%20c%20d%20e")
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "openai", (endpoint,))
    basic = base64.b64encode(b"me:p4ss&word").decode()
    said = f"p4ss&word p4ss&amp;word {basic} /gateway/Abc-123456/v1 'a b c d e'"
    hidden = redact(said, secrets_of(model, endpoint))
    assert hidden == "*** *** *** /gateway/***/v1 '***'"


def test_a_short_password_in_an_address_is_hidden() -> None:
    assert redact("no route to http://me:pw@host/v1", []) == "no route to http://me:***@host/v1"


def test_a_local_model_has_no_key_that_a_message_could_hold() -> None:
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "llamacpp")
    assert redact("HTTP 400 too long", secrets_of(model, Endpoint())) == "HTTP 400 too long"
