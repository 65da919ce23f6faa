"""The ids and lines of request files."""

import json
import re
from pathlib import Path

import pytest

from arena.batch.lines import custom_id, identity_hash, parts_of, request_line
from arena.chat.config import read_model_config
from arena.chat.protocols import Request

GAME = {
    **{"kind": "judgment", "bench": "b", "judge": "j", "model": "m"},
    **{"question": "q", "baseline": "base", "game": 0},
}


def test_an_id_is_one_that_every_service_takes() -> None:
    strange = GAME | {"question": "Frage \u00fc/\ud800 " * 100, "model": "org/name:tag"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", custom_id(strange, 12, {"temperature": 0}))


def test_the_same_request_has_the_same_id_in_any_order_of_its_names() -> None:
    backwards = dict(reversed(GAME.items()))
    assert custom_id(GAME, 0, {"a": 1, "b": 2}) == custom_id(backwards, 0, {"b": 2, "a": 1})


@pytest.mark.parametrize("name", [name for name in GAME if name != "kind"])
def test_another_name_is_another_id(name: str) -> None:
    other = GAME | {name: 1 if name == "game" else "other"}
    assert custom_id(GAME, 0, {}) != custom_id(other, 0, {})


def test_other_settings_change_the_last_part_alone() -> None:
    first, second = (custom_id(GAME, 1, {"temperature": t}) for t in (0, 1))
    assert first != second
    assert first.rpartition("-")[0] == second.rpartition("-")[0]
    assert first.startswith(f"judgment-{identity_hash(GAME)}-1-")


def test_a_line_is_a_call_of_the_entrys_model(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text("m: {model_name: org/m, api_type: vllm, extra_body: {top_k: 5}}\n")
    model = read_model_config(path, "m")
    request = Request(model, [{"role": "user", "content": "a\ud800\nb"}], 0.5, 77)
    line = request_line("id-1", request)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line) == {
        "custom_id": "id-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "org/m",
            "messages": [{"role": "user", "content": "a\ufffd\nb"}],
            "temperature": 0.5,
            "max_tokens": 77,
            "top_k": 5,
        },
    }


def test_the_parts_of_an_id_are_found_again() -> None:
    assert parts_of(custom_id(GAME, 12, {})) == (identity_hash(GAME), 12)


@pytest.mark.parametrize("name", ["", "request-1", "a-b-c-d", "judgment-" + "0" * 24 + "-x-ab"])
def test_an_id_that_is_not_ours_has_no_parts(name: str) -> None:
    assert parts_of(name) is None


def test_a_line_for_claude_is_in_the_form_of_openai(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text("m: {model_name: claude-x, api_type: anthropic, budget_tokens: 50}\n")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    line = request_line("id-1", Request(read_model_config(path, "m"), messages, None, 77))
    body = {"model": "claude-x", "messages": messages, "max_tokens": 77}
    assert json.loads(line)["body"] == body
