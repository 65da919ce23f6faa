"""Answers that a run stores whatever is in them, and those that it makes again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI

from arena.generate import answers

POISON = {
    "Spaces?": " " * 1_000_000 + ".",
    "Half?": "half a llama \ud83e, NUL \0 and <|endoftext|>",
    "Nothing?": "\u200b" * 210_000,
}


def stored(bench: Workspace, model: str = "tiny") -> dict[Any, dict[str, Any]]:
    lines = (bench.data / f"model_answer/{model}.jsonl").read_text("utf-8").splitlines()
    records = map(json.loads, lines)
    return {r["uid"] if "uid" in r else r["question_id"]: r for r in records}


@pytest.fixture
def tiny(bench: Workspace, api: FakeAPI) -> Workspace:
    """A bench of three questions, and a model that answers them."""
    bench.add_questions(list(POISON))
    bench.add_model("tiny", api.v1, retry_wait=0.001, max_retries=1)
    bench.write_answer_config()
    return bench


def test_no_reply_stops_a_run(tiny: Workspace, api: FakeAPI, run_main: RunMain) -> None:
    texts = enumerate(POISON, start=1)
    tiny.add_questions([{"uid": f"u{i}", "prompt": text} for i, text in texts])
    tiny.add_model("tiny", api.v1, tokenizer="gpt-4o")
    api.answer_with(lambda call: POISON[call.prompt])
    assert "3 done" in run_main("gen_answer").out
    replies = [record["messages"][1]["content"]["answer"] for record in stored(tiny).values()]
    assert replies == list(POISON.values())
    folder = tiny.data / "model_answer"
    assert "3 of 3" in run_main("add_markdown_info", "--dir", folder, "--recompute").out
    assert [r["metadata"]["token_len"] for r in stored(tiny).values()] == [7901, 17, 52500]
    assert "3 cached" in run_main("gen_answer").out


def test_an_answer_that_cannot_be_measured_is_stored(
    tiny: Workspace, api: FakeAPI, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("too long")

    monkeypatch.setattr(answers, "conv_metadata", fail)
    api.answer_with("hello")
    out = run_main("gen_answer").out
    assert "answers stored, but not measured: 3 (" in out
    assert [r["choices"][0]["turns"][0]["content"] for r in stored(tiny).values()] == ["hello"] * 3
    monkeypatch.undo()
    assert (
        "3 of 3 answers measured"
        in run_main("add_markdown_info", "--dir", tiny.data / "model_answer").out
    )


def test_questions_of_any_text_are_asked(tiny: Workspace, api: FakeAPI, run_main: RunMain) -> None:
    turns = [{"content": "half a llama \ud83e, NUL \0"}, {"content": " " * 50_000}]
    tiny.write(tiny.data / "question.jsonl", json.dumps({"question_id": "q1", "turns": turns}))
    assert "tiny: 2 calls to make" in run_main("gen_answer", "--dry-run").out
    api.answer_with("half \ud83e")
    run_main("gen_answer")
    assert api.calls[-1].messages[0]["content"] == "half a llama \ufffd, NUL \0"
