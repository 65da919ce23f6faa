"""Hashes that tell one prompt from another, and records made with other settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI
from runs import FAST, contents, prepare, prepare_judging, tree

from arena.bench.provenance import differing_setting, prompt_hash


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        ({"a": [1, {"b": 0}]}, {"a": [1.0, {"b": False}]}, False),
        ({50256: -100}, {"50256": -100}, True),
        ((1, 2), [1, 2], True),
        ([1], [1, 2], False),
        ({"a": None}, {}, False),
    ],
)
def test_values_are_compared_as_json(first: object, second: object, same: bool) -> None:
    assert (differing_setting({"a": first}, {"a": second}) is None) == same


class TestPromptHash:
    def test_it_is_the_same_on_every_machine_and_in_every_version(self) -> None:
        assert prompt_hash("Be fair.", ["{QUESTION}"]) == "fa6ab5871b5496a5"

    def test_it_tells_prompts_apart(self) -> None:
        prompts = [("a", ["b"]), ("b", ["a"]), ("", ["ab"]), ("ab", []), ("a", ["b", ""])]
        hashes = {prompt_hash(system, template) for system, template in prompts}
        assert len(hashes) == len(prompts)

    def test_any_text_has_one(self) -> None:
        assert len(prompt_hash("공정하게", ["lone surrogate \ud800"])) == 16


OTHER_SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "temperature": ({"temperature": 0.7}, {}, "temperature was 0.0, now 0.7"),
    "max_tokens": ({"max_tokens": 9}, {}, "max_tokens was 256, now 9"),
    "system prompt": ({}, {"system_prompt": "Be kind."}, "system_prompt was None, now 'Be kind.'"),
    "model name": ({}, {"model_name": "tiny-2"}, "model_name was 'tiny', now 'tiny-2'"),
    "extra body": ({}, {"extra_body": {"k": 1}}, "extra_body was {}, now {'k': 1}"),
}


class TestAnswersMadeWithOtherSettings:
    @pytest.fixture
    def path(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> Path:
        prepare(bench, api, 3)
        api.answer_with("old")
        run_main("gen_answer.py", "--limit", 2)
        api.answer_with("new")
        return bench.data / "model_answer" / "tiny.jsonl"

    @staticmethod
    def change(api: FakeAPI, bench: Workspace, case: str) -> None:
        config, entry, _ = OTHER_SETTINGS[case]
        bench.add_model("tiny", api.v1, **FAST | {"parallel": 1} | entry)
        bench.write_answer_config(**config)

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize("case", OTHER_SETTINGS)
    def test_they_stop_the_run_before_its_first_call(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, case: str
    ) -> None:
        self.change(api, bench, case)
        before = tree(bench.root)
        done = run_main("gen_answer.py", check=2)
        assert (done.status, done.out, api.call_count) == (2, "", 2)
        (line,) = done.err.splitlines()
        assert line.startswith("error: data/test-v1/model_answer/tiny.jsonl: 2 records were made")
        assert OTHER_SETTINGS[case][2] in line
        assert "--stale keep" in line and "--stale redo" in line
        assert "or give tiny a second entry in the endpoint file to keep both" in line
        assert tree(bench.root) == before

    def test_a_new_text_of_a_question_is_named(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, path: Path
    ) -> None:
        bench.add_questions(["Question 1?", "Quite another?", "Question 3?"])
        (line,) = run_main("gen_answer.py", check=2).err.splitlines()
        assert line == (
            "error: data/test-v1/model_answer/tiny.jsonl: the text of 1 question has changed (q2). "
            "Accept the records with --stale keep, make them again with --stale redo, or give tiny "
            "a second entry in the endpoint file to keep both."
        )
        bench.write_answer_config(temperature=0.7)
        assert "now 0.7); the text of 1 question" in run_main("gen_answer.py", check=2).err
        run_main("gen_answer.py", "--stale", "redo")
        assert api.call_count == 2 + 3

    BODIES: ClassVar = [
        {"logit_bias": {50256: -100}},
        {"a": {1.5: [{-3: None}]}, "top_p": 1},
        {"stop": ["a", "b"], "guide": {"x": [1, {"y": 2}]}},
    ]

    @pytest.mark.parametrize("body", BODIES, ids=str)
    def test_settings_are_compared_as_json(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, body: dict[str, Any]
    ) -> None:
        prepare(bench, api, 2, extra_body=body)
        for flags in ((), (), ("--stale", "redo")):
            run_main("gen_answer.py", *flags)
            assert api.call_count == 2
        sent = json.loads(json.dumps(body))
        assert sent.items() <= (api.calls[0].body or {}).items()

    @pytest.mark.usefixtures("path")
    def test_keep_takes_them_as_they_are(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        self.change(api, bench, "temperature")
        done = run_main("gen_answer.py", "--stale", "keep")
        assert (done.status, contents(bench)) == (0, ["old", "old", "new"])
        assert "kept, made with other settings: 2" in done.out
        assert [r["settings"]["temperature"] for r in bench.answers("tiny")] == [0.0, 0.0, 0.7]

    @pytest.mark.usefixtures("path")
    def test_redo_makes_them_again(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        self.change(api, bench, "temperature")
        done = run_main("gen_answer.py", "--stale", "redo")
        assert (done.status, contents(bench)) == (0, ["new"] * 3)
        assert "tiny: 3 planned, 3 done, 0 cached" in done.out
        assert "tiny: 0 planned, 0 done, 3 cached" in run_main("gen_answer.py").out

    def test_a_choice_is_measured_by_the_settings_that_made_it(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        prepare(bench, api, 1)
        run_main("gen_answer.py")
        bench.write_answer_config(num_choices=2, temperature=0.7)
        run_main("gen_answer.py", "--stale", "keep")
        assert "choices" in bench.answers("tiny")[0] and api.call_count == 2
        bench.write_answer_config(num_choices=2)
        done = run_main("gen_answer.py", check=2)
        assert done.status == 2 and "(temperature was 0.7, now 0.0)" in done.err
        bench.write_answer_config(num_choices=1)
        run_main("gen_answer.py")
        assert api.call_count == 2

    def test_those_that_tell_no_settings_are_taken(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        prepare(bench, api, 2, system_prompt="Be kind.")
        bench.add_answers("tiny", {"q1": "published"})
        api.answer_with("new")
        run_main("gen_answer.py")
        assert contents(bench) == ["published", "new"]

    def test_where_they_are_cannot_make_them_old(self, path: Path, run_main: RunMain) -> None:
        """A record tells neither how fast it was asked for nor from which address."""
        path.write_bytes(path.read_bytes())
        run_main("gen_answer.py", "--parallel", 7)


class TestOldJudgments:
    @pytest.fixture(autouse=True)
    def judged(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        prepare_judging(bench, api)
        run_main("gen_judgment.py")
        api.answer_with("[[B>A]]")

    @staticmethod
    def scores(bench: Workspace) -> list[str]:
        judgments = bench.judgments("judge", "tiny")
        return [game["score"] for judgment in judgments for game in judgment["games"]]

    def refused(self, run_main: RunMain, api: FakeAPI, bench: Workspace, words: str) -> None:
        before = tree(bench.root)
        done = run_main("gen_judgment.py", check=2)
        (line,) = done.err.splitlines()
        assert (done.status, done.out, api.call_count) == (2, "", 4)
        assert line.startswith("error: data/test-v1/model_judgment/judge/tiny.jsonl: ")
        assert words in line
        assert tree(bench.root) == before

    def test_a_new_answer_makes_its_own_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.add_answers("tiny", {"q1": "tiny on q1", "q2": "another answer"})
        words = "1 question or the answers have changed since they were judged (q2)"
        self.refused(run_main, api, bench, words)
        run_main("gen_judgment.py", "--stale", "redo")
        assert api.call_count == 4 + 2
        assert self.scores(bench) == ["A>B", "A>B", "B>A", "B>A"]

    def test_a_new_prompt_makes_all_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write_judge_config("judge", "base", system_prompt="Judge well.")
        words = "the judge prompt has changed since 2 questions were judged (q1, q2)"
        self.refused(run_main, api, bench, words)
        done = run_main("gen_judgment.py", "--stale", "keep")
        assert (done.status, api.call_count) == (0, 4)
        assert "kept, made with other settings: 2" in done.out

    def test_another_rule_for_the_same_pattern_makes_all_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        pattern = r"\[\[([AB<>=]+)\]\]"
        bench.write_judge_config("judge", "base", regex_pattern=None, regex_patterns=[pattern])
        self.refused(run_main, api, bench, "unanimous was True, now False")

    def test_those_that_do_not_tell_the_rule_are_taken(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        path = bench.data / "model_judgment" / "judge" / "tiny.jsonl"
        records = bench.judgments("judge", "tiny")
        for record in records:
            del record["settings"]["unanimous"]
        bench.write(path, records)
        run_main("gen_judgment.py")
        assert api.call_count == 4

    def test_a_verdict_in_a_field_makes_all_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write_judge_config("judge", "base", verdict_field="verdict")
        self.refused(run_main, api, bench, "verdict_field was None, now 'verdict'")

    def test_games_of_their_own_settings_are_not_old_for_those_of_the_others(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write_judge_config("judge", "base", temperature=0.5)
        path = bench.data / "model_judgment" / "judge" / "tiny.jsonl"
        records = bench.judgments("judge", "tiny")
        for record in records:
            now = record["settings"] | {"temperature": 0.5}
            record["games"] = [game | {"settings": now} for game in record["games"]]
        bench.write(path, records)
        run_main("gen_judgment.py")
        assert api.call_count == 4

    def test_other_parameters_make_all_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.write_judge_config("judge", "base", temperature=0.5)
        self.refused(run_main, api, bench, "temperature was 0, now 0.5")

    def test_those_of_another_judge_are_not_mixed_with(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        path = bench.data / "model_judgment" / "judge" / "tiny.jsonl"
        records = [record | {"judge": "gpt-4"} for record in bench.judgments("judge", "tiny")]
        bench.write(path, records)
        self.refused(run_main, api, bench, "contains judgments of another judge, 'gpt-4'")
