"""Settings of answers and judges: their values, their errors, and published files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_files import (
    JUDGE,
    NEW_JUDGE,
    NEW_SERVERS,
    NEW_SETTINGS,
    OLD_JUDGE,
    OLD_SERVERS,
    OLD_SETTINGS,
    SERVERS,
    SETTINGS,
)
from conftest import REPO, RunMain, Workspace
from fake_api import FakeAPI

from arena.base.errors import InputError
from arena.bench.config import JudgeConfig, Rules, read_answer_config, read_judge_config
from arena.chat.config import Endpoint, read_model_config
from arena.chat.providers import max_tokens_of

GRADING = {"pairwise": False, "baseline": None}

V2_BASELINES = {
    "hard_prompt": ("o3-mini-2025-01-31",),
    "coding": ("o3-mini-2025-01-31",),
    "math": ("o3-mini-2025-01-31",),
    "creative_writing": ("gemini-2.0-flash-001",),
    "arena-hard-v0.1": ("gpt-4-0314",),
}


class TestKeysWithoutEffect:
    @pytest.mark.parametrize("file", ["question.jsonl", "test-v1/question.jsonl", None])
    def test_the_file_of_questions_may_be_named(
        self, house: Workspace, capsys: pytest.CaptureFixture[str], file: str | None
    ) -> None:
        house.write_answer_config(
            question_file=file, output_structured=False, reasoning_effort=None
        )
        house.write_judge_config("tiny", "base", question_file=file)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"question_file": "question_ru.jsonl"}, "Copy 'question_ru.jsonl' to data/NAME/"),
            ({"question_file": "other/question.jsonl"}, "question_file: a bench has its questions"),
            ({"output_structured": True}, "use response_format and verdict_field"),
        ],
    )
    def test_one_that_means_something_is_refused(
        self, house: Workspace, keys: dict[str, Any], words: str
    ) -> None:
        house.write_answer_config(**keys)
        house.write_judge_config("tiny", "base", **keys)
        with pytest.raises(InputError, match=words):
            read_answer_config(Path(SETTINGS))
        with pytest.raises(InputError, match=words):
            read_judge_config(Path(JUDGE))

    def test_one_of_an_entry_is_told(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house.write_answer_config(reasoning_effort="high", parallel=9, system_prompt="Be brief.")
        house.write_judge_config("tiny", "base", budget_tokens=9)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        advice = "has no effect here. Write it in the model's entry in the endpoint file."
        assert capsys.readouterr().err.splitlines() == [
            f"warning: {SETTINGS}: the key 'system_prompt' {advice}",
            f"warning: {SETTINGS}: the key 'reasoning_effort' {advice}",
            f"warning: {SETTINGS}: the key 'parallel' {advice}",
            f"warning: {JUDGE}: the key 'budget_tokens' {advice}",
        ]

    def test_an_entry_cannot_ask_for_structured_output(self, house: Workspace) -> None:
        house.add_model("tiny", "http://a/v1", output_structured=True)
        with pytest.raises(InputError, match="tiny: output_structured: true is not supported"):
            read_model_config(Path(SERVERS), "tiny")


class TestJudgeConfig:
    def config(self, house: Workspace, *without: str, **fields: Any) -> JudgeConfig:
        path = house.root / JUDGE
        house.write_judge_config("tiny", "base", **fields)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        house.write(path, {key: value for key, value in values.items() if key not in without})
        return read_judge_config(Path(JUDGE))

    @pytest.mark.parametrize(
        ("given", "baselines"),
        [("a", ("a",)), (["a", "b"], ("a", "b")), (["a", "b", "a"], ("a", "b"))],
    )
    def test_one_baseline_or_several(
        self, house: Workspace, given: object, baselines: tuple[str, ...]
    ) -> None:
        config = self.config(house, baseline_model=given)
        assert config.rules_of("any").baselines == baselines
        assert read_judge_config(Path(JUDGE), ["c"]).rules_of("any").baselines == ("c",)

    def test_what_a_category_does_not_say_is_as_in_general(self, house: Workspace) -> None:
        own = {"baseline_model": ["b1", "b2"], "system_prompt": "Own."}
        config = self.config(house, categories={"code": own, "story": {"prompt_template": "T"}})
        general = config.rules_of("other")
        assert general.baselines == ("base",)
        assert config.rules_of("code") == Rules(("b1", "b2"), "Own.", general.prompt_template)
        assert config.rules_of("story") == Rules(("base",), general.system_prompt, ("T",))
        assert config.baselines_of(["code", "other", "story"]) == ("b1", "b2", "base")
        assert read_judge_config(Path(JUDGE), ["x"]).baselines_of(["code", "other"]) == ("x",)

    def test_without_a_baseline_it_has_those_of_v2(self, house: Workspace) -> None:
        config = self.config(house, "baseline_model", system_prompt="Own.", prompt_template="T")
        found = {name: rules.baselines for name, rules in config.categories.items()}
        assert found == V2_BASELINES
        assert config.rules_of("math").prompt_template == ("T",)
        assert config.rules_of("creative_writing").system_prompt == "Own."
        with pytest.raises(InputError, match="no baseline_model for questions of the category"):
            config.rules_of("other")

    @pytest.mark.parametrize(
        ("fields", "baseline"),
        [({}, True), (GRADING, False), (GRADING | {"baseline": True}, True)],
    )
    def test_single_answers_have_no_baseline_unless_the_config_says_so(
        self, house: Workspace, fields: dict[str, Any], baseline: bool
    ) -> None:
        config = self.config(house, **fields)
        assert config.baseline is baseline

    def test_single_answers_need_none_in_any_category(self, house: Workspace) -> None:
        config = self.config(house, "baseline_model", "baseline", pairwise=False)
        assert (config.categories, config.rules_of("any").baselines) == ({}, ())

    @pytest.mark.parametrize(
        ("given", "models"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ())]
    )
    def test_one_reference_or_several(
        self, house: Workspace, given: object, models: tuple[str, ...]
    ) -> None:
        assert self.config(house, ref_model=given).ref_models == models

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda schema: {"format": {"type": "json_schema", "name": "n", "schema": schema}},
            lambda schema: {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            lambda schema: {"name": "n", "schema": schema},
        ],
    )
    def test_a_schema_is_read_in_every_form(
        self, house: Workspace, wrap: Callable[[object], object]
    ) -> None:
        schema = {"type": "object", "properties": {"verdict": {"type": "integer"}}}
        house.write("schema.json", wrap(schema))
        config = self.config(house, response_format="schema.json")
        named = {"name": "n", "schema": schema}
        assert config.response_format == {"type": "json_schema", "json_schema": named}
        assert (config.schema, config.verdict_field) == (schema, "verdict")
        house.write("schema.json", schema)
        config = self.config(house, response_format="schema.json")
        named = {"name": "verdict", "schema": schema}
        assert config.response_format == {"type": "json_schema", "json_schema": named}

    def test_without_a_schema_there_is_no_field(self, house: Workspace) -> None:
        config = self.config(house)
        assert (config.response_format, config.schema, config.verdict_field) == (None, {}, None)

    def test_prompts_and_patterns_stay_literal(self, house: Workspace) -> None:
        text = "Cost: $5, ${NO_SUCH_VARIABLE}, {question_1}"
        house.write_judge_config(
            "tiny", "base", system_prompt=text, prompt_template=[text], regex_pattern=r"([AB]${x})"
        )
        config = read_judge_config(Path(JUDGE))
        assert config.rules == Rules(("base",), text, (text,))
        assert config.patterns == (r"([AB]${x})",)

    def test_a_config_without_a_pattern_has_ours_with_its_rule(self, house: Workspace) -> None:
        """Configs of v0.1 and v2.0 have patterns, and keep the official rule."""
        assert self.config(house).verdict_rule is None
        patterns = {"regex_pattern": None, "regex_patterns": ["(A>B)"]}
        assert self.config(house, **patterns).verdict_rule is None
        assert self.config(house, regex_pattern=None).verdict_rule == "unquoted"
        assert self.config(house, verdict_rule="unquoted").verdict_rule == "unquoted"

    def test_v2_0_has_several_patterns(self, house: Workspace) -> None:
        config = self.config(house, regex_pattern=None, regex_patterns=["(a)", "(b)"])
        assert (config.patterns, config.unanimous) == (("(a)", "(b)"), False)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"regex_pattern": "(A"}, "regex_pattern: not a regular expression"),
            ({"regex_pattern": "A>B"}, "regex_pattern: expected one group"),
            ({"regex_patterns": [r"(a)(b)"]}, "regex_pattern.*: expected one group"),
            ({"pairwise": "yes please"}, "pairwise: expected true or false"),
            (
                {"number_of_judgment_attempts": 0},
                "number_of_judgment_attempts: expected a whole number, 1 or more",
            ),
            (
                {"prompt_template": {"a": "b"}},
                "prompt_template: expected a text or a list of texts, got a mapping",
            ),
            ({"judge_model": None}, "the key 'judge_model' is missing"),
            ({"ref_model": True}, "ref_model: expected a text or a list of texts, got"),
            (
                {"baseline_model": {"a": "b"}},
                "baseline_model: expected a text or a list of texts, got",
            ),
            ({"categories": ["code"]}, "categories: expected a mapping"),
            ({"categories": {"code": "b1"}}, "categories: code: expected a mapping"),
            ({"categories": {"code": {"baseline_model": {}}}}, "categories: code: baseline_model"),
            ({"response_format": {"type": "json_object"}}, "response_format: expected a text"),
            ({"verdict_field": True}, "verdict_field: expected a text"),
        ],
    )
    def test_one_line_names_file_and_key(
        self, house: Workspace, fields: dict[str, Any], words: str
    ) -> None:
        house.write_judge_config("tiny", "base", **fields)
        with pytest.raises(InputError, match=f"{JUDGE}: {words}"):
            read_judge_config(Path(JUDGE))


class TestKnownFiles:
    def test_a_set_of_v0_1_runs_unchanged(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.name = "arena-hard-v0.1"
        bench.add_questions(["hello", "bye"])
        bench.add_answers("gpt-4-0314", {"q1": "hi", "q2": "so long"})
        bench.write(SERVERS, OLD_SERVERS.replace("ADDRESS", api.v1))
        bench.write(SETTINGS, OLD_SETTINGS)
        bench.write(JUDGE, OLD_JUDGE)
        api.answer_with(lambda call: "[[A>B]]" if "<|User Prompt|>" in call.prompt else "ok")
        for script in ("gen_answer.py", "gen_judgment.py"):
            assert "warning" not in run_main(script).err
        assert len(bench.answers("yi-34b-chat")) == 2
        games = [j["games"] for j in bench.judgments("yi-34b-chat", "yi-34b-chat")]
        assert [[game["score"] for game in pair] for pair in games] == [["A>B", "A>B"]] * 2
        assert {call.model for call in api.calls} == {"01-ai/Yi-34B-Chat"}

    def test_a_set_of_v2_0_runs_unchanged(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        bench.name = "arena-hard-v2.0"
        categories = {"u1": "hard_prompt", "u2": "creative_writing"}
        bench.add_questions(
            [
                {"uid": uid, "category": category, "subcategory": "x", "prompt": f"{uid}?"}
                for uid, category in categories.items()
            ]
        )
        for model in ("o3-mini-2025-01-31", "gemini-2.0-flash-001"):
            path = bench.data / "model_answer" / f"{model}.jsonl"
            replies = [
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": {"answer": model}},
            ]
            bench.write(path, [{"uid": uid, "messages": replies} for uid in categories])
        bench.write(SERVERS, NEW_SERVERS.replace("ADDRESS", api.v1))
        bench.write(SETTINGS, NEW_SETTINGS)
        bench.write(JUDGE, NEW_JUDGE)
        api.answer_with(lambda call: "so [b>a]" if call.model == "gpt-4.1" else "ok")
        for script in ("gen_answer.py", "gen_judgment.py"):
            assert "warning" not in run_main(script).err
        asked = {call.model: call for call in api.calls}
        assert asked.keys() == {"my-model", "org/mine", "gpt-4.1"}
        assert asked["org/mine"].system == "Be helpful."
        assert asked["org/mine"].body is not None
        assert asked["org/mine"].body["temperature"] == 0.6
        assert asked["org/mine"].body["max_tokens"] == 2000
        for model in ("my-model", "mine-too"):
            judgments = bench.judgments("judge-of-v2", model)
            assert [(j["uid"], j["category"], j["baseline"]) for j in judgments] == [
                ("u1", "hard_prompt", "o3-mini-2025-01-31"),
                ("u2", "creative_writing", "gemini-2.0-flash-001"),
            ]
            assert [game["score"] for j in judgments for game in j["games"]] == ["B>A"] * 4

    @pytest.mark.parametrize("folder", [".", "demo", "arena-hard-v0.1", "v2.0"])
    def test_those_that_are_shipped_are_right(
        self,
        folder: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
        shutil.copytree(REPO / "config", tmp_path / "config")
        config = tmp_path / "config"
        own = config / folder / "api_config.yaml"
        servers = own if own.exists() else config / "api_config.yaml"
        known = list(yaml.safe_load(servers.read_text(encoding="utf-8")))
        answers = read_answer_config(config / folder / "gen_answer_config.yaml")
        for name in known:
            read_model_config(servers, name)
        assert {*answers.model_list} <= set(known)
        others = {"api_config.yaml", "gen_answer_config.yaml"}
        for path in (config / folder).glob("*.yaml"):
            if path.name in others:
                continue
            judge = read_judge_config(path)
            assert answers.bench_name == judge.bench_name
            if folder in (".", "demo"):
                assert {judge.judge_model, *judge.rules.baselines} <= set(known)
        assert capsys.readouterr().err == ""

    def test_those_of_v2_tell_the_published_baselines(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answers = read_answer_config(REPO / "config" / "v2.0" / "gen_answer_config.yaml")
        judge = read_judge_config(REPO / "config" / "v2.0" / "judge_config.yaml")
        assert answers.bench_name == judge.bench_name == "arena-hard-v2.0"
        assert {name: rules.baselines for name, rules in judge.categories.items()} == V2_BASELINES
        assert capsys.readouterr().err == ""

    def test_models_that_reason_have_room_and_prices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
        servers = REPO / "config" / "api_config.yaml"
        reason = 0
        for name in yaml.safe_load(servers.read_text(encoding="utf-8")):
            model = read_model_config(servers, name)
            thinking = model.extra_body.get("thinking") == {"type": "enabled"}
            reasons = thinking or model.api_type.endswith("_thinking") or "gemini" in name
            reason += reasons
            if reasons:
                assert max_tokens_of(model, model.max_tokens) == 16000, name
            if model.endpoints == (Endpoint(),) and model.api_type != "llamacpp":
                assert model.price, name
        assert reason == 8

    def test_the_default_and_its_preset_know_the_published_baseline(self) -> None:
        """Judgments of v0.1 name none, so the board of the published ones depends on it."""
        ours, preset = (
            read_judge_config(REPO / "config" / folder / "judge_config.yaml")
            for folder in (".", "arena-hard-v0.1")
        )
        for config in (ours, preset):
            assert config.bench_name == "arena-hard-v0.1"
            assert config.rules_of("arena-hard-v0.1").baselines == ("gpt-4-0314",)
        assert (preset.judge_model, preset.patterns) == (
            "gpt-4-1106-preview",
            (r"\[\[([AB<>=]+)\]\]",),
        )
        assert ours.rules_of("my-bench").baselines == ("deepseek-v4-flash",)
