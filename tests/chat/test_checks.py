"""Entries that cannot work get one line before the first call."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI
from one_call import SERVERS, ask, model_of

from arena.base.errors import InputError
from arena.chat.checks import check_model
from arena.chat.config import Endpoint, ModelConfig
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


def test_a_wrong_address_is_shown_without_them() -> None:
    endpoint = Endpoint("htp://me:p4ssw0rd-1@host")
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "openai", (endpoint,))
    with pytest.raises(InputError, match=r"'htp://me:\*\*\*@host' does not begin with http"):
        check_model(model)
