"""Turns that a question gives: what models are asked, what judges see, what is refused."""

from __future__ import annotations

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.bench.records import read_questions

GIVEN = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]
TURNS = [*GIVEN, {"content": "Who are you?"}, {"content": "Really?"}]
SHOWN = "[System]\nBe brief.\n\n[User]\nHi\n\n[Assistant]\nHello\n\n[User]\nWho are you?"


def test_models_are_asked_and_judges_see_the_whole_conversation(
    bench: Workspace, api: FakeAPI, run_main: RunMain
) -> None:
    bench.add_questions([{"question_id": "q", "category": "c", "cluster": "x", "turns": TURNS[:4]}])
    bench.add_model("tiny", api.v1, system_prompt="You are tiny.")
    bench.write_answer_config()
    run_main("gen_answer.py")
    (call,) = api.calls
    assert call.system == "You are tiny.\n\nBe brief."
    assert call.messages[1:] == [*GIVEN[1:], {"role": "user", "content": "Who are you?"}]
    run_main("gen_answer.py")
    assert len(api.calls) == 1

    bench.add_answers("base", {"q": "A base."})
    bench.add_model("judge", api.v1)
    bench.write_judge_config("judge", "base", model_list=["tiny"])
    api.answer_with(lambda _: "[[A>B]]")
    run_main("gen_judgment.py")
    assert len(api.calls) == 3 and all(SHOWN in call.prompt for call in api.calls[1:])

    changed = [{"role": "system", "content": "Be long."}, *TURNS[1:4]]
    bench.add_questions([{"question_id": "q", "turns": changed}])
    done = run_main("gen_answer.py", check=2)
    assert "the text of 1 question has changed (q)" in done.err


def test_given_turns_and_turns_to_answer(bench: Workspace) -> None:
    bench.add_questions([{"uid": "q", "turns": TURNS}])
    (question,) = read_questions(Bench(bench.root / "data", bench.name))
    assert question.turns == ("Who are you?", "Really?")
    assert question.texts == (SHOWN, "Really?")
    assert [role for role, _ in question.given] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        (GIVEN, r"turns\[2\] has the role 'assistant'. End with a turn of the user"),
        ([TURNS[3], GIVEN[0], TURNS[4]], r"turns\[1\] has the role 'system'. Use user, assistant"),
        ([{"role": "tool", "content": "x"}], r"turns\[0\] has the role 'tool'"),
    ],
)
def test_what_is_refused(bench: Workspace, turns: list[object], problem: str) -> None:
    bench.add_questions([{"question_id": "q", "turns": turns}])
    with pytest.raises(InputError, match=problem):
        read_questions(Bench(bench.root / "data", bench.name))
