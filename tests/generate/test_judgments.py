"""When a run of judgments is hopeless, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply

SCRIPT = "gen_judgment.py"


def set_up(bench: Workspace, api: FakeAPI, questions: int, **config: Any) -> None:
    ids = [f"q{number + 1}" for number in range(questions)]
    bench.add_questions(questions)
    bench.add_answers("base", dict.fromkeys(ids, "Rome."))
    bench.add_answers("tiny", dict.fromkeys(ids, "Paris [[A>B]]"))
    bench.add_model("judge", api.v1, parallel=1)
    bench.write_judge_config("judge", "base", number_of_judgment_attempts=1, **config)


class TestGamesOfEarlierRuns:
    @pytest.mark.parametrize(("decided", "more"), [(0, 1), (10, 20)])
    def test_a_judge_without_any_verdict_in_this_run_is_stopped_again(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, decided: int, more: int
    ) -> None:
        set_up(bench, api, 30)
        api.reply(*["[[A>B]]"] * decided)
        api.answer_with("Both are fine.")
        run_main(SCRIPT, "--limit", 10, check=0 if decided else 1)
        assert api.call_count == 20
        done = run_main(SCRIPT, check=1)
        assert api.call_count == 20 + more
        assert f"none of the first {20 if decided else 21} games has a verdict." in done.err

    def test_their_lost_games_are_no_lost_games_of_this_run(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, 25)
        api.answer_with("Both are fine.")
        run_main(SCRIPT, "--limit", 5, check=1)
        api.reply(*["[[A>B]]"] * 10)
        done = run_main(SCRIPT, check=1)
        assert api.call_count == 50
        assert "error: 40 of 50 games have no verdict." in done.err


class TestMessage:
    def test_quoted_labels_name_the_rule(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, 1, verdict_rule="unquoted")
        api.answer_with('It ends with "[[A>B]]".')
        error = run_main(SCRIPT, check=1).err
        assert "looks for a label that is not quoted (verdict_rule: unquoted): quoted la" in error

    def test_a_thought_that_is_cut_off_names_the_limit(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, 1)
        thought = Reply("", reasoning="First I weigh both", finish_reason="length")
        api.answer_with(lambda call: thought)
        error = run_main(SCRIPT, check=1).err
        assert "The last reasoning ends with 'First I weigh both'" in error
        assert "cut off at max_tokens. Raise max_completion_tokens of judge. Judge" in error
