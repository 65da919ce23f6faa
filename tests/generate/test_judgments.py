"""When a run of judgments is hopeless, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply
from lines import SURROGATE, write

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


class TestExistingJudgments:
    """Four questions were judged. Then somebody changes the file."""

    @pytest.fixture
    def judged(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> list[dict[str, Any]]:
        set_up(bench, api, 4)
        api.answer_with("[[A>B]]")
        run_main(SCRIPT)
        assert api.call_count == 8
        return bench.judgments("judge", "tiny")

    @staticmethod
    def change(bench: Workspace, records: list[dict[str, Any]]) -> None:
        write(bench.data / "model_judgment/judge/tiny.jsonl", *records)

    def test_whole_ones_stay_and_a_missing_game_is_played(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, judged: list[dict[str, Any]]
    ) -> None:
        lost = judged[2] | {"games": [None, judged[2]["games"][1]]}
        del judged[0]["model"], judged[1]["baseline"]
        judged[1]["model"] = None
        judged[3]["games"][0]["judgment"] = SURROGATE
        self.change(bench, [judged[3], judged[1], lost, judged[0]])
        done = run_main(SCRIPT)
        assert "1 planned, 1 done, 7 cached" in done.out and api.call_count == 9
        now = {record["question_id"]: record for record in bench.judgments("judge", "tiny")}
        assert [now[f"q{i}"] for i in (1, 2, 4)] == [judged[0], judged[1], judged[3]]
        assert [game["score"] for game in now["q3"]["games"]] == ["A>B", "A>B"]

    @pytest.mark.parametrize("game", [0, 1])
    def test_the_settings_of_each_game_are_compared(
        self, bench: Workspace, run_main: RunMain, judged: list[dict[str, Any]], game: int
    ) -> None:
        judged[3]["games"][game]["settings"] = judged[3]["settings"] | {"max_tokens": 7}
        self.change(bench, judged)
        error = run_main(SCRIPT, check=2).err
        assert "1 record was made with other settings (max_tokens was 7, now" in error

    @pytest.mark.parametrize("game", [0, 1])
    def test_the_prompt_of_each_game_is_compared(
        self, bench: Workspace, run_main: RunMain, judged: list[dict[str, Any]], game: int
    ) -> None:
        judged[1]["games"][game]["prompt_hash"] = "0" * 16
        self.change(bench, judged)
        error = run_main(SCRIPT, check=2).err
        assert "1 question or the answers have changed since they were judged (q2)" in error

    def test_one_of_another_kind_is_refused(
        self, bench: Workspace, run_main: RunMain, judged: list[dict[str, Any]]
    ) -> None:
        judged[3]["games"][1]["score"] = 8
        self.change(bench, judged)
        assert "tiny.jsonl: contains grades of single answers" in run_main(SCRIPT, check=2).err
