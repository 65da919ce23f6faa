"""The secrets of an entry, which no message shows."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from conftest import Workspace
from fake_api import Call, FakeAPI, Reply

from arena.chat.clients import secrets_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import redact


class TestSecrets:
    """A server that repeats what it was sent, on the terminal and in the report."""

    VARIABLES = {
        "IN_HEADER": "sk-in-a-header",
        "IN_BODY": "sk-in-the-body",
        "IN_PATH": 'sk/in the "path',
        "SHORTER": "sk-in-a",
    }
    ENTRY = {
        "endpoints": [{"api_base": "ADDRESS/${IN_PATH}/v1", "api_key": "sk-of-the-entry"}],
        "extra_headers": {"authorization": "Bearer ${IN_HEADER}", "x-keys": "a, sk-literal=="},
        "extra_body": {"auth": ["token ${IN_BODY}"]},
    }

    def run(self, api: FakeAPI, bench: Workspace, **entry: Any) -> str:
        """Run with that entry, and return all that can be read of it."""
        bench.add_questions(1)
        given = json.loads(json.dumps(self.ENTRY | entry).replace("ADDRESS", api.url))
        bench.add_model("tiny", "", **given)
        bench.write_answer_config()
        flags = ("--report", "report.json")
        done = bench.run("gen_answer.py", *flags, env=self.VARIABLES, check=1)
        report = json.loads((bench.root / "report.json").read_text())
        return f"{done.stdout}{done.stderr}{report}"

    @pytest.mark.parametrize("part", ["headers", "body", "path", "target"])
    @pytest.mark.parametrize("status", [400, 200])
    def test_what_a_server_repeats_is_blotted_out(
        self, api: FakeAPI, bench: Workspace, status: int, part: str
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
        said = self.run(api, bench, max_retries=0)
        assert "***" in said and "sk" not in said

    @pytest.mark.parametrize("before", [290 - 60, 200 - 5, 0])
    def test_none_is_cut_before_it_is_blotted_out(
        self, api: FakeAPI, bench: Workspace, before: int
    ) -> None:
        page = "x" * before + self.VARIABLES["IN_HEADER"]
        api.answer_with(Reply(raw=page.encode(), content_type="text/html"))
        said = self.run(api, bench, max_retries=0)
        assert "malformed reply" in said and "sk" not in said


def test_an_address_shows_neither_password_nor_query() -> None:
    endpoint = Endpoint("https://me:p4ssw0rd-1@host/v1?key=k3y-k3y-k3y&a=b#x")
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "openai", (endpoint,))
    hidden = redact(f"cannot reach {endpoint.api_base}", secrets_of(model, endpoint))
    assert hidden == "cannot reach https://me:***@host/v1?key=***&a=b#x"


def test_a_local_model_has_no_key_that_a_message_could_hold() -> None:
    model = ModelConfig("tiny", "api_config.yaml: tiny", "tiny", "llamacpp")
    assert redact("HTTP 400 too long", secrets_of(model, Endpoint())) == "HTTP 400 too long"
