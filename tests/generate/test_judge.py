"""The modes of gen_judgment.py: rules by category, baselines, grades, JSON verdicts, references."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from conftest import REPO, Done, RunMain, Workspace
from fake_api import Call, FakeAPI, Reply

from arena.bench.provenance import prompt_hash
from arena.generate.judging.verdict import CONTINUE_GRADE, CONTINUE_JSON

SCRIPT = "gen_judgment.py"
FAST = {"retry_wait": 0.001, "max_retries": 1, "parallel": 1}
PAIR = "Q: {QUESTION} A: {ANSWER_A} B: {ANSWER_B}"
ONE = "Q: {question} A: {answer}"


def question(key: str, category: str = "c", *turns: str, **fields: Any) -> dict[str, Any]:
    contents = [{"content": turn} for turn in turns or (f"{key}?",)]
    return {"question_id": key, "category": category, "turns": contents} | fields


def answers(model: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A model's answers: `model:q1`, or `model:q1.1` and so on in a conversation."""
    records = []
    for asked in questions:
        key, number = asked["question_id"], len(asked["turns"])
        names = [key] if number == 1 else [f"{key}.{i}" for i in range(1, number + 1)]
        turns = [{"content": f"{model}:{name}"} for name in names]
        records.append({"question_id": key, "choices": [{"index": 0, "turns": turns}]})
    return records


def set_up(
    bench: Workspace,
    api: FakeAPI,
    questions: list[dict[str, Any]] | None = None,
    models: tuple[str, ...] = ("base", "tiny"),
    **config: Any,
) -> None:
    """A bench that the models answered and one judge; `config` overrules the judge config's."""
    questions = questions or [question("q1")]
    bench.add_questions(questions)
    for model in models:
        bench.write(bench.data / f"model_answer/{model}.jsonl", answers(model, questions))
    bench.add_model("judge", api.v1, **FAST)
    texts = {"system_prompt": "Judge.", "prompt_template": PAIR, "model_list": None}
    bench.write_judge_config("judge", "base", **texts | config)


def without(bench: Workspace, *keys: str) -> None:
    """Take keys out of the judge config."""
    path = bench.root / "config/judge_config.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    bench.write(path, {key: value for key, value in values.items() if key not in keys})


def judged(bench: Workspace, model: str = "tiny") -> dict[tuple[str, str | None], list[Any]]:
    """The scores of a model's games by question and baseline."""
    return {
        (r.get("question_id") or r["uid"], r.get("baseline")): [
            game and game["score"] for game in r["games"]
        ]
        for r in bench.judgments("judge", model)
    }


def prompts(api: FakeAPI) -> list[str]:
    return [call.prompt for call in api.calls]


def one_line(done: Done, *words: str) -> None:
    """Check that a run said in one line what is wrong."""
    *warnings, error = done.err.splitlines()
    assert error.startswith("error: ") and all("warning: " in line for line in warnings), done.err
    assert [word for word in words if word not in error] == [], done.err


class TestCategories:
    OWN = {"baseline_model": "b1", "system_prompt": "Run it.", "prompt_template": ["Code. " + PAIR]}
    QUESTIONS = [question("q1", "code"), question("q2", "story"), question("q3", "other")]

    def test_each_has_its_baseline_and_prompt_and_the_rest_the_general_ones(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        categories = {"code": self.OWN, "story": {"baseline_model": "b2"}}
        models = ("base", "b1", "b2", "tiny")
        set_up(bench, api, self.QUESTIONS, models, categories=categories)
        api.answer_with("[[A=B]]")
        run_main(SCRIPT, "--model", "tiny")
        assert [(call.system, call.prompt) for call in api.calls] == [
            ("Run it.", "Code. Q: q1? A: b1:q1 B: tiny:q1"),
            ("Run it.", "Code. Q: q1? A: tiny:q1 B: b1:q1"),
            ("Judge.", "Q: q2? A: b2:q2 B: tiny:q2"),
            ("Judge.", "Q: q2? A: tiny:q2 B: b2:q2"),
            ("Judge.", "Q: q3? A: base:q3 B: tiny:q3"),
            ("Judge.", "Q: q3? A: tiny:q3 B: base:q3"),
        ]
        assert list(judged(bench)) == [("q1", "b1"), ("q2", "b2"), ("q3", "base")]
        hashes = [r["settings"]["prompt_hash"] for r in bench.judgments("judge", "tiny")]
        own = prompt_hash("Run it.", ["Code. " + PAIR])
        assert hashes == [own, prompt_hash("Judge.", [PAIR]), prompt_hash("Judge.", [PAIR])]

    def test_a_new_prompt_of_one_makes_only_its_judgments_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, self.QUESTIONS, categories={"story": {"system_prompt": "Read."}})
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        bench.write_judge_config(
            "judge",
            "base",
            system_prompt="Judge.",
            prompt_template=PAIR,
            categories={"story": {"system_prompt": "Read to the end."}},
        )
        one_line(run_main(SCRIPT, check=2), "prompt has changed since 1 question was judged (q2)")
        run_main(SCRIPT, "--stale", "redo")
        assert {call.system for call in api.calls[6:]} == {"Read to the end."}
        assert api.call_count == 6 + 2

    def test_the_baseline_of_one_is_judged_in_the_others(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        categories = {"code": {"baseline_model": "b1"}, "story": {"baseline_model": "b2"}}
        set_up(bench, api, self.QUESTIONS[:2], ("b1", "b2", "tiny"), categories=categories)
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert list(judged(bench, "b1")) == [("q2", "b2")]
        assert list(judged(bench, "b2")) == [("q1", "b1")]
        assert list(judged(bench)) == [("q1", "b1"), ("q2", "b2")]

    def test_the_flag_overrules_them_all(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, self.QUESTIONS, ("base", "b1", "tiny"), categories={"code": self.OWN})
        api.answer_with("[[A=B]]")
        run_main(SCRIPT, "--model", "tiny", "--baseline", "base")
        assert list(judged(bench)) == [(f"q{i}", "base") for i in (1, 2, 3)]
        assert api.calls[0].prompt == "Code. Q: q1? A: base:q1 B: tiny:q1"

    def test_one_without_a_baseline_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, [question("q1", "codes")], ("b1", "tiny"), categories={"code": self.OWN})
        without(bench, "baseline_model")
        done = run_main(SCRIPT, check=2)
        one_line(done, "judge_config.yaml: no baseline_model for questions of the category 'codes'")
        one_line(done, "did you mean 'code'")
        assert api.call_count == 0

    def test_one_with_an_unknown_key_gets_a_warning(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, categories={"c": {"baseline": "base"}})
        api.answer_with("[[A=B]]")
        done = run_main(SCRIPT)
        assert "judge_config.yaml: categories: c: unknown key 'baseline' is ignored" in done.err

    def test_a_v2_config_without_prompts_and_baselines_has_those_of_v2(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        o3, gemini = "o3-mini-2025-01-31", "gemini-2.0-flash-001"
        shipped = yaml.safe_load((REPO / "config/v2.0/judge_config.yaml").read_text("utf-8"))
        questions = [question("q1", "hard_prompt"), question("q2", "creative_writing")]
        set_up(bench, api, questions, (o3, gemini, "tiny"))
        without(bench, "baseline_model", "system_prompt", "prompt_template", "regex_pattern")
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert list(judged(bench)) == [("q1", o3), ("q2", gemini)]
        assert list(judged(bench, o3)) == [("q2", gemini)]
        assert list(judged(bench, gemini)) == [("q1", o3)]
        systems = {
            "q1?": shipped["system_prompt"],
            "q2?": shipped["categories"]["creative_writing"]["system_prompt"],
        }
        for call in api.calls:
            (asked,) = [text for text in systems if text in call.prompt]
            assert call.system == systems[asked]


class TestSeveralBaselines:
    @pytest.fixture(autouse=True)
    def house(self, api: FakeAPI, bench: Workspace) -> None:
        questions = [question("q1"), question("q2")]
        set_up(bench, api, questions, ("base", "b2", "tiny"), baseline_model=["base", "b2"])
        api.answer_with("[[A>B]]")

    def test_each_judgment_is_a_record_of_its_own(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        done = run_main(SCRIPT, "--model", "tiny")
        assert "tiny: 8 planned, 8 done, 0 cached" in done.out
        pair = ["A>B", "A>B"]
        keys = [("q1", "b2"), ("q1", "base"), ("q2", "b2"), ("q2", "base")]
        assert list(judged(bench).items()) == [(key, pair) for key in keys]
        assert prompts(api)[:4] == [
            "Q: q1? A: base:q1 B: tiny:q1",
            "Q: q1? A: tiny:q1 B: base:q1",
            "Q: q1? A: b2:q1 B: tiny:q1",
            "Q: q1? A: tiny:q1 B: b2:q1",
        ]

    def test_a_failed_game_costs_only_itself_and_is_named_with_its_baseline(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        api.reply("[[A>B]]", "[[A>B]]", "[[A>B]]", Reply.prompt_filtered())
        done = run_main(SCRIPT, "--model", "tiny", check=1)
        assert "failed: 1 game, q1 game 2 against b2: content filter" in done.out
        assert judged(bench)["q1", "b2"] == ["A>B", None]
        done = run_main(SCRIPT, "--model", "tiny")
        assert "tiny: 1 planned, 1 done, 7 cached" in done.out
        assert prompts(api)[-1] == "Q: q1? A: tiny:q1 B: b2:q1"

    def test_a_pair_of_them_is_judged_once(self, bench: Workspace, run_main: RunMain) -> None:
        done = run_main(SCRIPT)
        assert not (bench.data / "model_judgment/judge/base.jsonl").exists()
        assert list(judged(bench, "b2")) == [("q1", "base"), ("q2", "base")]
        assert "is not judged against itself" not in done.out

    def test_a_record_without_a_baseline_is_of_the_first(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        """Also of the second baseline, which is judged against the first only."""
        for model in ("tiny", "b2"):
            games = [{"score": "B>A"}, {"score": "B>A"}]
            there = {"question_id": "q1", "model": model, "judge": "judge", "games": games}
            bench.write(bench.data / f"model_judgment/judge/{model}.jsonl", [there])
        done = run_main(SCRIPT, "--model", "tiny", "--model", "b2")
        assert "tiny: 6 planned, 6 done, 2 cached" in done.out
        assert "b2: 2 planned, 2 done, 2 cached" in done.out
        assert sorted(judged(bench), key=str) == [
            ("q1", "b2"),
            ("q1", None),
            ("q2", "b2"),
            ("q2", "base"),
        ]
        assert judged(bench)["q1", None] == ["B>A", "B>A"]
        run_main(SCRIPT, "--model", "tiny")
        assert api.call_count == 8

    def test_a_question_that_one_did_not_answer_is_judged_against_the_others(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        path = bench.data / "model_answer/b2.jsonl"
        bench.write(path, answers("b2", [question("q2")]))
        done = run_main(SCRIPT, "--model", "tiny")
        assert list(judged(bench)) == [("q1", "base"), ("q2", "b2"), ("q2", "base")]
        assert "questions skipped, not answered in full by the baseline b2: 1" in done.out

    def test_the_flag_names_one_or_several(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        run_main(SCRIPT, "--model", "tiny", "--baseline", "b2")
        assert list(judged(bench)) == [("q1", "b2"), ("q2", "b2")]
        run_main(SCRIPT, "--model", "tiny", "--baseline", "b2", "--baseline", "base")
        assert len(judged(bench)) == 4 and api.call_count == 8

    def test_each_must_have_answers(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        done = run_main(SCRIPT, "--baseline", "base", "--baseline", "b3", check=2)
        one_line(done, "model_answer/b3.jsonl", "no answers of the baseline 'b3'")
        assert api.call_count == 0


GRADED = {
    "pairwise": False,
    "baseline": False,
    "prompt_template": ONE,
    "regex_pattern": r"\[\[(-?[\d.]+)\]\]",
}


class TestGrades:
    def test_the_record_of_a_grade(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        """One game, no baseline; whoever was the baseline is graded like the others."""
        set_up(bench, api, **GRADED)
        api.answer_with("It is fine: [[7]]")
        run_main(SCRIPT)
        assert prompts(api) == ["Q: q1? A: base:q1", "Q: q1? A: tiny:q1"]
        (record,) = bench.judgments("judge", "tiny")
        del record["tstamp"], record["games"][0]["prompt_hash"], record["settings"]["prompt_hash"]
        assert record == {
            "question_id": "q1",
            "judge": "judge",
            "model": "tiny",
            "games": [
                {
                    "user_prompt": "Q: q1? A: tiny:q1",
                    "judgment": "It is fine: [[7]]",
                    "score": 7,
                    "finish_reason": "stop",
                    "input_tokens": 7,
                    "output_tokens": 3,
                }
            ],
            "settings": {
                "model_name": "judge",
                "api_type": "openai",
                "temperature": 0,
                "max_tokens": 256,
                "number_of_judgment_attempts": 2,
                "regex": [GRADED["regex_pattern"]],
                "unanimous": True,
                "extra_body": {},
                "pairwise": False,
                "grades": [1.0, 10.0],
            },
        }
        run_main(SCRIPT)
        assert api.call_count == 2

    def test_no_baseline_is_needed(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        set_up(bench, api, models=("tiny",), **GRADED)
        without(bench, "baseline", "baseline_model")
        api.answer_with("[[10]]")
        run_main(SCRIPT)
        assert judged(bench) == {("q1", None): [10]}

    @pytest.mark.parametrize(
        ("reply", "score", "cause"),
        [
            ("[[1]]", 1, None),
            ("[[10]]", 10, None),
            ("[[7.5]]", 7.5, None),
            ("[[7.0]]", 7, None),
            ("[[08]]", 8, None),
            ("[[7]], I said [[7]]", 7, None),
            ("[[11]] is too much: [[9]]", 9, None),
            ("[[7]] or [[8]]", None, "ambiguous"),
            ("[[0]]", None, "no label"),
            ("[[11]]", None, "no label"),
            ("[[-1]]", None, "no label"),
            ("[[1.2.3]]", None, "no label"),
            ("7", None, "no label"),
            ("[[A>B]]", None, "no label"),
        ],
    )
    def test_it_is_a_number_from_1_to_10(
        self,
        api: FakeAPI,
        bench: Workspace,
        run_main: RunMain,
        reply: str,
        score: float | None,
        cause: str | None,
    ) -> None:
        set_up(bench, api, models=("tiny",), number_of_judgment_attempts=1, **GRADED)
        api.answer_with(reply)
        done = run_main(SCRIPT, check=int(cause is not None))
        (game,) = bench.judgments("judge", "tiny")[0]["games"]
        assert (game["score"], game.get("cause")) == (score, cause)
        assert type(game["score"]) is type(score)
        assert cause is None or f"games without verdict, {cause}: 1" in done.out

    def test_with_several_patterns_the_last_match_of_the_first_counts(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        patterns = [r"Grade: (\d+)", r"\[(\d+)\]"]
        questions = [question("q1"), question("q2")]
        config = GRADED | {"regex_pattern": None, "regex_patterns": patterns}
        set_up(bench, api, questions, ("tiny",), **config)
        api.reply("Grade: 3, no, Grade: 4 [9]", "so [5], I mean [6]")
        run_main(SCRIPT)
        assert list(judged(bench).values()) == [[4], [6]]

    def test_without_one_the_judge_is_asked_for_it(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, models=("tiny",), **GRADED)
        api.reply(Reply.cut_off("Let me see"), "[[6]]")
        run_main(SCRIPT)
        assert api.calls[1].messages == [
            *api.calls[0].messages,
            {"role": "assistant", "content": "Let me see"},
            {"role": "user", "content": CONTINUE_GRADE},
        ]
        assert "[[A>B]]" not in CONTINUE_GRADE
        assert judged(bench) == {("q1", None): [6]}

    def test_a_reply_that_is_cut_off_says_so(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, models=("tiny",), **GRADED)
        api.answer_with(Reply.cut_off("Let me see"))
        done = run_main(SCRIPT, check=1)
        assert "games without verdict, cut off at max_tokens: 1" in done.out

    def test_only_those_without_one_are_played_again(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        questions = [question("q1"), question("q2")]
        config = GRADED | {"number_of_judgment_attempts": 1}
        set_up(bench, api, questions, ("tiny",), **config)
        api.reply("[[6]]", "none", "[[5]]")
        run_main(SCRIPT)
        run_main(SCRIPT, "--retry-invalid")
        assert (api.call_count, list(judged(bench).values())) == (3, [[6], [5]])

    def test_a_baseline_that_would_not_be_shown_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, **GRADED)
        done = run_main(SCRIPT, "--baseline", "base", check=2)
        one_line(done, "judge_config.yaml: --baseline needs baseline: true")
        assert api.call_count == 0

    def test_a_template_must_show_the_answer(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, **GRADED | {"prompt_template": "Q: {question} A: {baseline}"})
        one_line(run_main(SCRIPT, check=2), "prompt_template: uses {baseline}")
        set_up(bench, api, **GRADED | {"prompt_template": "Q: {question}"})
        one_line(run_main(SCRIPT, check=2), "prompt_template: does not show the answer")
        assert api.call_count == 0

    def test_a_v0_1_config_with_a_baseline_shows_it_first(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        template = ["{question_1} | {answer_1} | {answer_2}"]
        set_up(bench, api, **GRADED | {"baseline": True, "prompt_template": template})
        api.answer_with("[[6]]")
        run_main(SCRIPT)
        assert prompts(api) == ["q1? | base:q1 | tiny:q1"]
        set_up(bench, api, **GRADED | {"baseline": True, "prompt_template": ["{answer_1}"]})
        one_line(run_main(SCRIPT, check=2), "does not show the answer")


class TestKinds:
    @pytest.mark.parametrize("config", [{}, GRADED])
    def test_grades_and_labels_are_not_mixed_in_one_folder(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, config: dict[str, Any]
    ) -> None:
        set_up(bench, api, **config)
        score: object = "A>B" if config else 7
        there = {"question_id": "q9", "judge": "judge", "model": "tiny"}
        path = bench.data / "model_judgment/judge/tiny.jsonl"
        bench.write(path, [there | {"games": [{"score": score}]}])
        before = path.read_bytes()
        done = run_main(SCRIPT, "--model", "tiny", check=2)
        one_line(done, "tiny.jsonl: contains", "a second entry, with another name")
        one_line(done, "pairwise judgments" if config else "grades of single answers")
        assert (api.call_count, path.read_bytes()) == (0, before)


SCHEMA = {
    "type": "object",
    "properties": {
        "conclusion": {"type": "string"},
        "aspects": {"type": "array", "items": {"type": "string"}},
        "verdict": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["conclusion", "aspects", "verdict"],
    "additionalProperties": False,
}
SCHEMA_FILE = {
    "format": {"type": "json_schema", "name": "judgment", "schema": SCHEMA, "strict": True}
}
BRAIN_PROMPT = (
    "Question: {question}\nAspects: {aspects}\nBaseline: {baseline}\nAnswer: {answer}\n"
    'Reply as {{"conclusion": "...", "aspects": [], "verdict": 1}}'
)
BRAIN_CONFIG = """\
name: judgment config of a bench with aspects
bench_name: test-v1

judge_model: judge
reference: False
ref_model: null

baseline: True
baseline_model: base
pairwise: False

temperature: 0
max_tokens: 512
response_format: config/schema.json
number_of_judgment_attempts: 2

system_prompt: "Judge."
prompt_template: [TEMPLATE]
model_list:
  - tiny
"""


def verdict(value: object) -> str:
    return json.dumps({"conclusion": "fine", "aspects": ["tone"], "verdict": value})


class TestBrainFork:
    """A single answer with the baseline's shown beside it, graded from 1 to 5 in JSON."""

    @pytest.fixture(autouse=True)
    def house(self, api: FakeAPI, bench: Workspace) -> None:
        questions = [
            question("q1", aspects=["tone", "facts"]),
            question("q2", aspects="brevity"),
            question("q3", aspects=[]),
        ]
        set_up(bench, api, questions)
        config = BRAIN_CONFIG.replace("TEMPLATE", json.dumps(BRAIN_PROMPT))
        bench.write("config/judge_config.yaml", config)
        bench.write("config/schema.json", SCHEMA_FILE)

    def test_its_config_runs_unchanged(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        api.reply(verdict(5), verdict(1), f"```json\n{verdict(3)}\n```")
        done = run_main(SCRIPT)
        assert (
            "warning: config/judge_config.yaml: {aspects} is empty for 1 questions: q3" in done.err
        )
        aspects = {"q1": "tone, facts", "q2": "brevity", "q3": ""}
        assert prompts(api) == [
            f"Question: {key}?\nAspects: {text}\nBaseline: base:{key}\nAnswer: tiny:{key}\n"
            'Reply as {"conclusion": "...", "aspects": [], "verdict": 1}'
            for key, text in aspects.items()
        ]
        assert judged(bench) == {("q1", "base"): [5], ("q2", "base"): [1], ("q3", "base"): [3]}
        settings = bench.judgments("judge", "tiny")[0]["settings"]
        assert settings["response_format"]["json_schema"]["schema"] == SCHEMA
        run_main(SCRIPT)
        assert api.call_count == 3

    def test_the_schema_is_sent_in_the_form_of_chat_completions(
        self, api: FakeAPI, run_main: RunMain
    ) -> None:
        api.answer_with(verdict(4))
        run_main(SCRIPT, "--limit", 1)
        assert (api.calls[0].body or {})["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "judgment", "schema": SCHEMA, "strict": True},
        }

    @pytest.mark.parametrize(
        ("reply", "score"),
        [
            (verdict("4"), 4),
            (verdict(4.0), 4),
            (verdict(0), None),
            (verdict(6), None),
            (verdict(True), None),
            (verdict(None), None),
            (verdict([4]), None),
            (verdict("four"), None),
            (verdict(4)[:-1], None),
            ('{"conclusion": "fine"}', None),
            ("[4]", None),
            ("{" * 5000, None),
            ("4", None),
        ],
    )
    def test_only_an_object_with_a_verdict_in_range_decides(
        self,
        api: FakeAPI,
        bench: Workspace,
        run_main: RunMain,
        reply: str,
        score: int | None,
    ) -> None:
        api.answer_with(reply)
        run_main(SCRIPT, "--limit", 1, check=int(score is None))
        (game,) = bench.judgments("judge", "tiny")[0]["games"]
        assert (game["score"], game.get("cause")) == (score, None if score else "no label")

    def test_after_broken_json_the_judge_is_asked_for_the_object_again(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        api.reply('{"conclusion": "fi', verdict(2))
        run_main(SCRIPT, "--limit", 1)
        assert api.calls[1].prompt == CONTINUE_JSON
        (game,) = bench.judgments("judge", "tiny")[0]["games"]
        assert (game["score"], game["judgment"]) == (2, '{"conclusion": "fi\n' + verdict(2))

    def test_a_schema_with_an_enum_has_its_range(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        schema = {"type": "object", "properties": {"verdict": {"enum": [1, 2, 3]}}}
        bench.write("config/schema.json", schema)
        api.reply(verdict(3), verdict(4), verdict(4), verdict(1))
        run_main(SCRIPT)
        assert list(judged(bench).values()) == [[3], [None], [1]]

    def test_a_new_schema_makes_judgments_old(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        api.answer_with(verdict(3))
        run_main(SCRIPT)
        bench.write("config/schema.json", SCHEMA)
        one_line(run_main(SCRIPT, check=2), "3 records were made", "response_format was")

    WRONG_FILES: Mapping[str, tuple[object, str]] = {
        "nothing": (b"", "schema.json: not JSON"),
        "no JSON": (b"{'format': 1}", "schema.json: not JSON"),
        "bottomless": (b"[" * 100_000, "schema.json: not JSON"),
        "not UTF-8": (b'{"a": "\xe9"}', "schema.json: not JSON"),
        "a list": ([SCHEMA], "schema.json: expected the JSON schema of an object"),
        "a text for the schema": ({"format": {"schema": "x"}}, "schema.json: expected the JSON"),
        "no properties": ({"type": "object"}, "schema.json: expected the JSON schema"),
        "a list of properties": ({"properties": []}, "schema.json: expected the JSON schema"),
        "no verdict": (
            {"properties": {"verdicts": {}}},
            "verdict_field: the schema of response_format has no property 'verdict' "
            "(did you mean 'verdicts'?)",
        ),
    }

    @pytest.mark.parametrize("case", WRONG_FILES)
    def test_a_file_that_is_no_schema_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, case: str
    ) -> None:
        content, words = self.WRONG_FILES[case]
        bench.write("config/schema.json", content)
        one_line(run_main(SCRIPT, check=2), words)
        assert api.call_count == 0

    def test_a_file_that_is_not_there_gets_one_line(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        (bench.root / "config/schema.json").unlink()
        one_line(run_main(SCRIPT, check=2), "response_format: config/schema.json: No such file")


class TestLabelsInJson:
    SCHEMA = {"type": "object", "properties": {"why": {"type": "string"}, "label": {}}}

    def test_the_label_of_a_pair_is_read_from_the_named_field(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, response_format="schema.json", verdict_field="label")
        bench.write("schema.json", self.SCHEMA)
        api.reply('{"why": "[[B>A]]", "label": "A>>B"}', '{"label": "[[a<b]]"}')
        run_main(SCRIPT)
        assert judged(bench) == {("q1", "base"): ["A>>B", "B>A"]}

    @pytest.mark.parametrize("label", ["better", 7, None, ["A>B"]])
    def test_what_is_no_label_does_not_decide(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, label: object
    ) -> None:
        set_up(bench, api, response_format="schema.json", verdict_field="label")
        bench.write("schema.json", self.SCHEMA)
        api.answer_with(json.dumps({"label": label}))
        done = run_main(SCRIPT, check=1)
        assert "games without verdict, no label: 2" in done.out
        assert api.calls[1].prompt == CONTINUE_JSON

    def test_a_schema_whose_choices_are_no_labels_is_refused(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, response_format="schema.json")
        schema = {"type": "object", "properties": {"verdict": {"enum": ["A", "B", "tie"]}}}
        bench.write("schema.json", schema)
        one_line(run_main(SCRIPT, check=2), "'verdict' can have no label: 'A' is none of A>>B,")
        schema["properties"]["verdict"]["enum"] += ["[[A>B]]"]
        bench.write("schema.json", schema)
        run_main(SCRIPT, "--dry-run")
        assert api.call_count == 0

    def test_the_rule_for_quotations_has_no_use_there(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, verdict_field="label", verdict_rule="unquoted")
        one_line(run_main(SCRIPT, check=2), "verdict_rule has no use for a JSON reply")

    def test_a_field_can_be_read_without_a_schema(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, models=("tiny",), **GRADED, verdict_field="grade")
        api.answer_with('I think {"grade": 9}')
        run_main(SCRIPT)
        assert judged(bench) == {("q1", None): [9]}


class TestReferences:
    TEMPLATE = "{question_1} | {answer_1} | {answer_2} | {ref_answer_1} | {ref_answer_2}"
    CONFIG = {"reference": True, "ref_model": ["gold", "org/silver"]}

    def add(self, bench: Workspace, model: str, questions: list[dict[str, Any]]) -> None:
        path = bench.data / f"reference_answer/{model}.jsonl"
        bench.write(path, answers(model, questions))

    def test_each_has_its_own_placeholder(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, prompt_template=[self.TEMPLATE], **self.CONFIG)
        for model in ("gold", "org/silver"):
            self.add(bench, model, [question("q1")])
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert prompts(api) == [
            "q1? | base:q1 | tiny:q1 | gold:q1 | org/silver:q1",
            "q1? | tiny:q1 | base:q1 | gold:q1 | org/silver:q1",
        ]
        settings = bench.judgments("judge", "tiny")[0]["settings"]
        assert settings["ref_model"] == ["gold", "org/silver"]

    def test_one_model_may_be_named_alone_and_shown_as_in_v2(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        template = PAIR + " R: {REFERENCE}"
        set_up(bench, api, reference=True, ref_model="gold", prompt_template=template)
        self.add(bench, "gold", [question("q1")])
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert prompts(api)[0] == "Q: q1? A: base:q1 B: tiny:q1 R: gold:q1"

    def test_several_are_shown_together_under_headings(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        config = GRADED | self.CONFIG | {"prompt_template": ONE + " R: {REFERENCE}"}
        set_up(bench, api, models=("tiny",), **config)
        for model in ("gold", "org/silver"):
            self.add(bench, model, [question("q1")])
        api.answer_with("[[7]]")
        run_main(SCRIPT)
        assert prompts(api) == [
            "Q: q1? A: tiny:q1 R: (reference answer 1)\ngold:q1\n\n"
            "(reference answer 2)\norg/silver:q1"
        ]

    def test_a_question_without_one_is_left_out_and_counted(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        questions = [question("q1"), question("q2"), question("q3")]
        set_up(bench, api, questions, prompt_template=[self.TEMPLATE], **self.CONFIG)
        self.add(bench, "gold", questions[1:])
        self.add(bench, "org/silver", questions[:2])
        api.answer_with("[[A=B]]")
        done = run_main(SCRIPT)
        assert list(judged(bench)) == [("q2", "base")]
        assert "questions skipped, no reference answer of gold: 1" in done.out
        assert "questions skipped, no reference answer of org/silver: 1" in done.out

    def test_a_missing_file_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, prompt_template=[self.TEMPLATE], **self.CONFIG)
        self.add(bench, "golden", [question("q1")])
        done = run_main(SCRIPT, check=2)
        one_line(done, "reference_answer/gold.jsonl: no reference answers of 'gold'")
        one_line(done, "which ref_model names (did you mean 'golden'?)")
        assert api.call_count == 0

    def test_a_placeholder_for_one_too_many_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, reference=True, ref_model=["gold"], prompt_template=[self.TEMPLATE])
        one_line(run_main(SCRIPT, check=2), "uses {ref_answer_2}")

    def test_they_are_not_read_where_the_config_says_so(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, reference=False, ref_model=["gold"])
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert judged(bench) == {("q1", "base"): ["A=B", "A=B"]}


TWO = [question("q1", "c", "first?", "second?")]
SHOWN_TWICE = (
    "(user's turn 1)\nfirst?\n\n(user's turn 2)\nsecond?",
    "(answer to the user's turn 1)\ntiny:q1.1\n\n(answer to the user's turn 2)\ntiny:q1.2",
    "(answer to the user's turn 1)\nbase:q1.1\n\n(answer to the user's turn 2)\nbase:q1.2",
)
QUESTION_SHOWN, TINY_SHOWN, BASE_SHOWN = SHOWN_TWICE
CONVERSATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "pairs": (
        {"prompt_template": "{question_2} {answer_1} {answer_2} {answer_3} {answer_4}"},
        "second? base:q1.1 base:q1.2 tiny:q1.1 tiny:q1.2",
    ),
    "pairs as in v2.0": (
        {"prompt_template": "{QUESTION}\n{ANSWER_A}\n{ANSWER_B}"},
        f"{QUESTION_SHOWN}\n{BASE_SHOWN}\n{TINY_SHOWN}",
    ),
    "grades": (
        GRADED | {"prompt_template": "{question_1} {answer_1} {question_2} {answer_2}"},
        "first? tiny:q1.1 second? tiny:q1.2",
    ),
    "grades with all turns": (GRADED, f"Q: {QUESTION_SHOWN} A: {TINY_SHOWN}"),
    "grades beside the baseline": (
        GRADED | {"baseline": True, "prompt_template": "{baseline} | {answer}"},
        f"{BASE_SHOWN} | {TINY_SHOWN}",
    ),
    "references": (
        GRADED
        | {"reference": True, "ref_model": ["base", "tiny"]}
        | {"prompt_template": "{answer} " + " ".join(f"{{ref_answer_{i}}}" for i in (1, 2, 3, 4))},
        f"{TINY_SHOWN} base:q1.1 base:q1.2 tiny:q1.1 tiny:q1.2",
    ),
}


class TestPrompts:
    @pytest.mark.parametrize("case", CONVERSATIONS)
    def test_conversations_in_every_mode(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, case: str
    ) -> None:
        config, expected = CONVERSATIONS[case]
        set_up(bench, api, TWO, **config)
        for model in ("base", "tiny"):
            path = bench.data / f"reference_answer/{model}.jsonl"
            bench.write(path, answers(model, TWO))
        api.answer_with("[[7]] [[A=B]]")
        run_main(SCRIPT, "--model", "tiny")
        assert prompts(api)[0] == expected

    def test_a_conversation_that_was_not_ended_is_left_out(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, TWO, **GRADED)
        bench.write(bench.data / "model_answer/tiny.jsonl", answers("tiny", [question("q1")]))
        done = run_main(SCRIPT, "--model", "tiny")
        assert "questions skipped, not answered in full by the model: 1" in done.out

    def test_doubled_braces_are_single_ones_and_what_is_filled_in_stays_literal(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(
            bench,
            api,
            [question("q1", "c", "{{x}} {answer}?", aspects=["{{a}}"])],
            **GRADED
            | {"prompt_template": '{{"{aspects}": {{}}}} {{answer}} {{{answer}}} {question}'},
        )
        api.answer_with("[[7]]")
        run_main(SCRIPT, "--model", "tiny")
        assert prompts(api) == ['{"{{a}}": {}} {answer} {tiny:q1} {{x}} {answer}?']

    @pytest.mark.parametrize(
        ("aspects", "shown"),
        [(["a", "b"], "a, b"), ("a, b", "a, b"), ([1, "b"], "1, b"), ([], ""), (None, "")],
    )
    def test_aspects_are_a_list_or_a_text(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, aspects: object, shown: str
    ) -> None:
        set_up(
            bench,
            api,
            [question("q1", aspects=aspects)],
            prompt_template=PAIR + " by {aspects}.",
        )
        api.answer_with("[[A=B]]")
        run_main(SCRIPT)
        assert prompts(api)[0] == f"Q: q1? A: base:q1 B: tiny:q1 by {shown}."


def test_the_commands_of_fastchat(api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
    """`gen_api_answer.py --bench-name --model --parallel` and then the judge."""
    bench.name = "my-bench"
    set_up(bench, api, [question(f"q{i}") for i in (1, 2, 3)], ("base",))
    bench.add_model("tiny", api.v1, **FAST)
    bench.write_answer_config(bench_name="another", model_list=["judge"])

    def reply(call: Call) -> str:
        return "[[A>B]]" if call.model == "judge" else "fine"

    api.answer_with(reply)
    run_main("gen_answer.py", "--bench-name", "my-bench", "--model", "tiny", "--parallel", 3)
    assert len(bench.answers("tiny")) == 3
    run_main(SCRIPT, "--model", "tiny", "--parallel", 2)
    assert list(judged(bench)) == [(f"q{i}", "base") for i in (1, 2, 3)]
    assert api.max_in_flight <= 3


class TestWhatCouldNotWork:
    """Said before any call: the judge would be paid for nothing."""

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            (
                GRADED | {"regex_pattern": r"\[\[([AB<>=]+)\]\]"},
                [r"\[\[([AB<>=]+)\]\] finds a label", "the verdict is a grade"],
            ),
            ({"regex_pattern": r"\[\[(\d+)\]\]"}, ["finds a grade", "the verdict is a label"]),
            (
                {"reference": True, "ref_model": ["ref"]},
                ["does not show a reference answer", "{REFERENCE}"],
            ),
            (
                GRADED | {"baseline": True, "baseline_model": "base"},
                ["does not show the baseline's answer", "{baseline}"],
            ),
        ],
    )
    def test_patterns_and_templates_that_are_for_something_else(
        self,
        api: FakeAPI,
        bench: Workspace,
        run_main: RunMain,
        config: dict[str, Any],
        words: list[str],
    ) -> None:
        set_up(bench, api, **config)
        bench.write(bench.data / "reference_answer/ref.jsonl", answers("ref", [question("q1")]))
        one_line(run_main(SCRIPT, check=2), *words)
        assert api.call_count == 0

    def test_a_schema_whose_verdict_is_a_number_where_a_label_is_wanted(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, response_format="config/schema.json")
        bench.write("config/schema.json", SCHEMA_FILE)
        one_line(run_main(SCRIPT, check=2), "field 'verdict' is integer", "a label")
        assert api.call_count == 0

    def test_grades_without_a_pattern_have_one_for_grades(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, **GRADED)
        without(bench, "regex_pattern")
        api.answer_with("Fine: [[7.5]]")
        run_main(SCRIPT)
        assert judged(bench) == {("q1", None): [7.5]}


class TestPromptsOfV2:
    """Its config files hold no system prompt: the program had one for each category."""

    def test_it_stays_where_a_baseline_is_named(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        questions = [question("q1", "hard_prompt"), question("q2", "creative_writing")]
        set_up(bench, api, [*questions, question("q3", "mine")], regex_patterns=["(A>B)"])
        without(bench, "system_prompt", "regex_pattern")
        api.answer_with("A>B")
        run_main(SCRIPT)
        prompt_of = {call.prompt.split()[1]: call.system for call in api.calls}
        assert prompt_of["q1?"] == prompt_of["q3?"] and "[[A>>B]]" in prompt_of["q1?"]
        assert "creative writing" in prompt_of["q2?"]

    def test_an_empty_one_is_none(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        set_up(bench, api, regex_patterns=["(A>B)"], system_prompt="")
        without(bench, "regex_pattern")
        api.answer_with("A>B")
        run_main(SCRIPT)
        assert [call.system for call in api.calls] == [None, None]


class TestThoughts:
    def test_a_judge_that_was_cut_off_while_it_thought_has_no_verdict(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, number_of_judgment_attempts=1)
        api.answer_with(Reply("<think>\nMaybe [[A>>B]]? But A", finish_reason="length"))
        run_main(SCRIPT, check=1)
        game = bench.judgments("judge", "tiny")[0]["games"][0]
        assert (game["score"], game["judgment"], game["cause"]) == (
            None,
            "",
            "cut off at max_tokens",
        )
        assert game["reasoning"] == "Maybe [[A>>B]]? But A"

    def test_an_end_of_thoughts_without_a_beginning_counts_where_the_entry_names_it(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api)
        api.answer_with("[[A>B]]? No.</think>[[B>A]]")
        run_main(SCRIPT, check=1)
        assert judged(bench) == {("q1", "base"): [None, None]}
        bench.add_model("judge", api.v1, end_think_token="</think>", **FAST)
        run_main(SCRIPT, "--retry-invalid")
        assert judged(bench) == {("q1", "base"): ["B>A", "B>A"]}
