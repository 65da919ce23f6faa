"""The lines of request and result files, and the ids that match them."""

import io
import json
import os
import re
import tracemalloc
from pathlib import Path

import pytest

from arena.batch import lines
from arena.batch.lines import (
    custom_id,
    identity_hash,
    parts_of,
    request_line,
    write_whole_lines,
)
from arena.chat.config import read_model_config
from arena.chat.faults import ReplyTooLarge
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


class TestDownloads:
    LINES = b'{"a": 1}\n\n{"b": "\xc3\xbc"}\n{"c": 3}\n'

    def written(self, *chunks: bytes) -> bytes:
        write_whole_lines(chunks, out := io.BytesIO())
        return out.getvalue()

    def test_chunks_may_end_anywhere(self) -> None:
        for first in range(len(self.LINES)):
            for second in range(first, len(self.LINES)):
                chunks = self.LINES[:first], self.LINES[first:second], self.LINES[second:]
                assert self.written(*chunks) == self.LINES

    def test_of_a_torn_line_nothing_is_written(self) -> None:
        whole = self.LINES.index(b'{"c')
        for end in range(whole, len(self.LINES) - 2):
            assert self.written(self.LINES[:end]) == self.LINES[:whole]

    def test_a_whole_line_without_its_end_gets_one(self) -> None:
        assert self.written(self.LINES[:-1]) == self.LINES

    def test_no_more_than_a_line_is_in_memory(self) -> None:
        line = b"x" * 60_000 + b"\n"
        with open(os.devnull, "wb") as out:
            tracemalloc.start()
            try:
                write_whole_lines((line[:30_000] + line[30_000:] for _ in range(1_000)), out)
                assert tracemalloc.get_traced_memory()[1] < 1e6
            finally:
                tracemalloc.stop()

    def test_a_line_is_not_endless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lines, "LONGEST_LINE", 10)
        with pytest.raises(ReplyTooLarge):
            self.written(b"a" * 6, b"a" * 6)
        assert self.written(b"1" * 9, b"\n" + b"1" * 9) == b"1" * 9 + b"\n" + b"1" * 9 + b"\n"
