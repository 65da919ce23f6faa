"""gen_judgment.py as a user runs it, against a fake chat API."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import JUDGE_PROMPT, Workspace, close_clients
from fake_api import FakeAPI, Reply

import gen_judgment
from arena.generate.judging import verdict

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SCRIPT = "gen_judgment.py"
OWN_PROMPT = "Q: {QUESTION} A: {ANSWER_A} B: {ANSWER_B}"


@pytest.fixture
def run(
    bench: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs the script's command line in this process, which saves the import of the SDK."""
    monkeypatch.chdir(bench.root)

    def run(*flags: object, check: int = 0) -> subprocess.CompletedProcess[str]:
        status = gen_judgment.main([str(flag) for flag in flags])
        out, err = capsys.readouterr()
        assert status == check, f"exit status {status}, not {check}\n{out}\n{err}"
        return subprocess.CompletedProcess([SCRIPT], status, out, err)

    yield run
    close_clients()


def set_up(
    bench: Workspace,
    api: FakeAPI,
    *,
    models: tuple[str, ...] = ("tiny",),
    questions: int | list[Any] = 1,
    judge: Mapping[str, Any] | None = None,
    **config: Any,
) -> None:
    """A bench where `base` and the models answered everything; `config` is the judge config's."""
    records = bench.add_questions(questions)
    for model in ("base", *models):
        bench.add_answers(
            model, {q["question_id"]: f"{model} on {q['question_id']}" for q in records}
        )
    bench.add_model("judge", api.v1, **(judge or {}))
    bench.write_judge_config("judge", "base", **config)


def judgment_file(bench: Workspace, model: str = "tiny", judge: str = "judge") -> Path:
    return bench.data / "model_judgment" / judge / f"{model}.jsonl"


def games(bench: Workspace, model: str = "tiny") -> list[Any]:
    """The games of all questions of a model, in the order of the file."""
    return [game for record in bench.judgments("judge", model) for game in record["games"]]


def scores(bench: Workspace, model: str = "tiny") -> list[str | None]:
    return [game["score"] for game in games(bench, model)]


def prompt(question: str, first: str, second: str) -> str:
    """The user message of conftest's judge config."""
    texts = {"{question_1}": question, "{answer_1}": first, "{answer_2}": second}
    text = JUDGE_PROMPT
    for placeholder, value in texts.items():
        text = text.replace(placeholder, value)
    return text


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Block until another process has brought about what is waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


class TestGames:
    def test_each_model_plays_the_baseline_on_each_question_both_ways_round(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        """The judge of this test always finds the baseline much better."""
        set_up(bench, api, models=("m1", "m2", "m3"), questions=2)
        api.answer_with(
            lambda call: "[[A>>B]]" if "A's Answer|>\nbase" in call.prompt else "[[B>>A]]"
        )
        done = bench.run(SCRIPT, check=0)

        asked = sorted(call.prompt for call in api.calls)
        assert asked == sorted(
            prompt(f"Question {i}?", f"{first} on q{i}", f"{second} on q{i}")
            for i in (1, 2)
            for model in ("m1", "m2", "m3")
            for first, second in (("base", model), (model, "base"))
        )
        for model in ("m1", "m2", "m3"):
            records = bench.judgments("judge", model)
            assert [record["question_id"] for record in records] == ["q1", "q2"]
            assert scores(bench, model) == ["A>>B", "B>>A"] * 2
            for record in records:
                assert (
                    f"A's Answer|>\nbase on {record['question_id']}"
                    in (record["games"][0]["user_prompt"])
                )
            assert f"{model}: 4 planned, 4 done, 0 cached, 0 failed" in done.stdout

    def test_the_record_says_what_was_asked_answered_and_how(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(
            bench,
            api,
            judge={"model_name": "org/judge-v2", "parallel": 1, "extra_body": {"top_k": 1}},
            temperature=0.5,
            max_tokens=99,
        )
        api.reply(Reply("Better: [[A>B]]", prompt_tokens=20, completion_tokens=5), "So [[B=A]].")
        before = time.time()
        run()

        (record,) = bench.judgments("judge", "tiny")
        tstamp, settings = record.pop("tstamp"), record.pop("settings")
        assert len({game.pop("prompt_hash") for game in record["games"]}) == 2
        assert record == {
            "question_id": "q1",
            "model": "tiny",
            "judge": "judge",
            "baseline": "base",
            "games": [
                {
                    "user_prompt": prompt("Question 1?", "base on q1", "tiny on q1"),
                    "judgment": "Better: [[A>B]]",
                    "score": "A>B",
                    "finish_reason": "stop",
                    "input_tokens": 20,
                    "output_tokens": 5,
                },
                {
                    "user_prompt": prompt("Question 1?", "tiny on q1", "base on q1"),
                    "judgment": "So [[B=A]].",
                    "score": "A=B",
                    "finish_reason": "stop",
                    "input_tokens": 7,
                    "output_tokens": 3,
                },
            ],
        }
        assert before <= tstamp <= time.time()
        assert len(settings.pop("prompt_hash")) == 16
        assert settings == {
            "model_name": "org/judge-v2",
            "api_type": "openai",
            "temperature": 0.5,
            "max_tokens": 99,
            "number_of_judgment_attempts": 2,
            "regex": [r"\[\[([AB<>=]+)\]\]"],
            "unanimous": True,
            "extra_body": {"top_k": 1},
        }
        body = api.calls[0].body or {}
        assert (body["model"], body["temperature"], body["max_tokens"], body["top_k"]) == (
            "org/judge-v2",
            0.5,
            99,
            1,
        )
        assert api.calls[0].system == "Judge the two answers. End with a verdict such as [[A>B]]."
        assert "test-key" not in judgment_file(bench).read_text()

    def test_an_empty_answer_is_judged_like_any_other(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, prompt_template=[OWN_PROMPT])
        bench.add_answers("tiny", {"q1": ""})
        api.answer_with("[[A>>B]]")
        run("--parallel", 1)
        assert [call.prompt for call in api.calls] == [
            "Q: Question 1? A: base on q1 B: ",
            "Q: Question 1? A:  B: base on q1",
        ]
        assert scores(bench) == ["A>>B", "A>>B"]

    def test_answers_of_several_turns(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        turns = [{"content": "First?"}, {"content": "Second?"}]
        template = "{question_1} {question_2} | {answer_1} {answer_2} | {answer_3} {answer_4}"
        set_up(
            bench,
            api,
            questions=[{"question_id": "q1", "turns": turns}],
            prompt_template=[template],
        )
        for model in ("base", "tiny"):
            choice = {"index": 0, "turns": [{"content": f"{model}1"}, {"content": f"{model}2"}]}
            record = {"question_id": "q1", "model_id": model, "choices": [choice]}
            bench.write(bench.data / f"model_answer/{model}.jsonl", [record])
        api.answer_with("[[A=B]]")
        run("--parallel", 1)
        assert [call.prompt for call in api.calls] == [
            "First? Second? | base1 base2 | tiny1 tiny2",
            "First? Second? | tiny1 tiny2 | base1 base2",
        ]

    def test_questions_and_answers_of_v2_0(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        """What a model thought before it answered is not shown to the judge."""
        questions = [{"uid": "q1", "category": "hard_prompt", "prompt": "Why?"}]
        bench.write(bench.data / "question.jsonl", questions)
        for model in ("base", "tiny"):
            answer = {"answer": f"{model} says", "thought": "secret"}
            messages = [
                {"role": "user", "content": "Why?"},
                {"role": "assistant", "content": answer},
            ]
            record = {"uid": "q1", "ans_id": "x", "model": model, "messages": messages}
            bench.write(bench.data / f"model_answer/{model}.jsonl", [record])
        bench.add_model("judge", api.v1)
        bench.write_judge_config("judge", "base", prompt_template=OWN_PROMPT)
        api.answer_with("[[A=B]]")
        run("--parallel", 1)
        assert [call.prompt for call in api.calls] == [
            "Q: Why? A: base says B: tiny says",
            "Q: Why? A: tiny says B: base says",
        ]

    def test_text_stays_literal_on_the_wire_and_readable_in_the_file(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        """Both formats' templates; texts with placeholders, braces, backslashes, Korean."""
        question, ours, theirs = "{answer_1} 한국어로?", "{QUESTION} {0} \\1 {{x}}", "%s ${a} 안녕"
        for template in ([JUDGE_PROMPT], OWN_PROMPT):
            set_up(bench, api, questions=[question], prompt_template=template)
            bench.add_answers("base", {"q1": ours})
            bench.add_answers("tiny", {"q1": theirs})
            api.answer_with("판정: [[B>A]]")
            run("--parallel", 1)
            judgment_file(bench).rename(bench.root / f"{type(template).__name__}.jsonl")

        own = f"Q: {question} A: {{}} B: {{}}"
        assert [call.prompt for call in api.calls] == [
            prompt("@", ours, theirs).replace("@", question),
            prompt("@", theirs, ours).replace("@", question),
            own.replace("{}", ours, 1).replace("{}", theirs),
            f"Q: {question} A: {theirs} B: {ours}",
        ]
        text = (bench.root / "list.jsonl").read_text(encoding="utf-8")
        assert "한국어로" in text and "판정: [[B>A]]" in text

    def test_the_reasoning_of_the_judge_is_stored_apart_and_not_parsed(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.answer_with(Reply("It is [[B>A]].", reasoning="Is it [[A>>B]]? No."))
        run()
        for game in games(bench):
            assert game["score"] == "B>A"
            assert game["judgment"] == "It is [[B>A]]."
            assert game["reasoning"] == "Is it [[A>>B]]? No."


class TestAttempts:
    def test_without_a_label_the_judge_is_asked_to_go_on(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply("Let me think.", "Both good: [[A=B]]", "[[A>B]]")
        run("--parallel", 1)

        first, second, _ = api.calls
        assert [m["role"] for m in first.messages] == ["system", "user"]
        assert second.messages[:3] == [
            *first.messages,
            {"role": "assistant", "content": "Let me think."},
        ]
        assert [m["role"] for m in second.messages[3:]] == ["user"]
        assert all(f"[[{label}]]" in second.prompt for label in ("A>>B", "A=B", "B>>A"))
        game, other = games(bench)
        assert (game["score"], other["score"]) == ("A=B", "A>B")
        assert "Let me think." in game["judgment"] and "Both good: [[A=B]]" in game["judgment"]
        assert game["user_prompt"] == first.prompt
        assert (game["input_tokens"], game["output_tokens"]) == (14, 6)

    @pytest.mark.parametrize("rule", [{}, {"verdict_rule": "unquoted"}])
    def test_a_judge_with_a_pattern_of_its_own_is_not_told_another_form(
        self, api: FakeAPI, bench: Workspace, run: Run, rule: dict[str, str]
    ) -> None:
        set_up(bench, api, regex_pattern="VERDICT: ([AB<>=]+)", **rule)
        api.reply("Let me think.", "VERDICT: A>B", "VERDICT: B>A")
        run("--parallel", 1)
        assert scores(bench) == ["A>B", "B>A"]
        told = api.calls[1].messages[-1]["content"]
        assert "in the form that was asked for" in told
        assert "[[" not in told

    @pytest.mark.parametrize("attempts", [1, 3])
    def test_it_is_asked_as_often_as_the_config_says_and_then_has_no_verdict(
        self, api: FakeAPI, bench: Workspace, run: Run, attempts: int
    ) -> None:
        set_up(bench, api, number_of_judgment_attempts=attempts)
        api.answer_with("I cannot say.")
        done = run(check=1)
        assert api.call_count == 2 * attempts
        assert [(game["score"], game["cause"]) for game in games(bench)] == [
            (None, "no label"),
            (None, "no label"),
        ]
        assert "games without verdict, no label: 2" in done.stdout

    def test_a_judge_without_any_verdict_is_stopped_after_20_games(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, models=("m1", "m2", "m3"), questions=8)
        api.answer_with("Both have their merits. " * 20 + "I prefer B.")
        done = run("--parallel", 1, "--report", "report.json", check=1)
        assert api.call_count == 40
        (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
        assert "none of the first 20 games has a verdict." in line
        assert r"merits. I prefer B.', where config/judge_config.yaml looks for the" in line
        assert r"the pattern \[\[([AB<>=]+)\]\]: no label. Judge them again with" in line
        report = json.loads((bench.root / "report.json").read_text())
        assert (report["complete"], len(report["errors"])) == (False, 1)

    def test_one_verdict_among_20_games_lets_a_run_go_on_but_over_half_without_are_an_error(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=15, number_of_judgment_attempts=1)
        api.reply("[[A>B]]")
        api.answer_with("Both are fine.")
        done = run("--report", "report.json", check=1)
        assert api.call_count == 30
        assert "error: 29 of 30 games have no verdict. The last reply ends with" in done.stderr
        assert json.loads((bench.root / "report.json").read_text())["complete"] is False
        assert "29 of 30 games have no verdict. Judge them" in run(check=1).stderr

        api.answer_with("[[A>B]]")
        run("--retry-invalid", "--report", "report.json")
        assert json.loads((bench.root / "report.json").read_text())["complete"] is True

    def test_a_pattern_that_searches_for_ever_leaves_a_game_undecided(
        self, api: FakeAPI, bench: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verdict, "PATIENCE", 0.05)
        set_up(bench, api, regex_pattern=r"(?:[\w\s]+)+\[\[([AB<>=]+)\]\]$")
        api.reply("It is so " * 400 + "[[A>B]] but")
        api.answer_with("It is [[A>B]]")
        run("--parallel", 1)
        assert [(game["score"], game.get("cause")) for game in games(bench)] == [
            (None, "pattern too slow"),
            ("A>B", None),
        ]
        assert api.call_count == 2

    def test_contradicting_labels_are_not_asked_about_again(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.answer_with("[[A>B]] or [[B>A]]")
        done = run(check=1)
        assert api.call_count == 2
        assert [(game["score"], game["cause"]) for game in games(bench)] == [
            (None, "ambiguous"),
            (None, "ambiguous"),
        ]
        assert games(bench)[0]["judgment"] == "[[A>B]] or [[B>A]]"
        assert "games without verdict, ambiguous: 2" in done.stdout

    def test_a_reply_that_is_cut_off_counts_if_it_holds_a_label_and_is_a_cause_if_not(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=2, number_of_judgment_attempts=1)
        api.reply(Reply.cut_off("First, I would"), Reply.cut_off("[[A>B]] bec"), "[[A=B]]", "?")
        run("--parallel", 1)
        assert [(g["score"], g.get("cause"), g["finish_reason"]) for g in games(bench)] == [
            (None, "cut off at max_tokens", "length"),
            ("A>B", None, "length"),
            ("A=B", None, "stop"),
            (None, "no label", "stop"),
        ]

    def test_games_without_verdict_are_played_again_only_with_retry_invalid(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=2, number_of_judgment_attempts=1)
        api.reply("[[A>B]]", "none", "[[A>B]] [[B>A]]", "[[B>A]]")
        run("--parallel", 1)
        assert scores(bench) == ["A>B", None, None, "B>A"]

        done = run()
        assert api.call_count == 4
        assert "tiny: 0 planned, 0 done, 4 cached, 0 failed" in done.stdout

        api.answer_with("[[A=B]]")
        run("--retry-invalid")
        assert api.call_count == 6
        assert scores(bench) == ["A>B", "A=B", "A=B", "B>A"]
        assert not any("cause" in game for game in games(bench))

    def test_a_judge_that_says_nothing_gives_no_verdict(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        """It is asked again, but never shown an empty message, which providers refuse."""
        set_up(bench, api, judge={"retry_wait": 0.01})
        api.answer_with("")
        run(check=1)
        assert scores(bench) == [None, None]
        contents = [message["content"] for call in api.calls for message in call.messages]
        assert all(contents)

    def test_a_list_of_patterns_reads_the_last_match_whatever_its_case(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(
            bench,
            api,
            regex_pattern=None,
            regex_patterns=[r"\[\[([AB<>=]+)\]\]", r"\[([AB<>=]+)\]"],
            prompt_template=OWN_PROMPT,
        )
        api.reply("[[A>B]] … no, [[a<<b]]", "verdict [A=B]")
        run("--parallel", 1)
        assert scores(bench) == ["B>>A", "A=B"]


class TestFailures:
    def test_a_failed_game_costs_only_itself(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=2)
        failure = Reply.error(400, "private words of the server")
        api.reply("[[A>B]]", failure, failure, "[[B>A]]")
        done = run("--parallel", 1, check=1)
        first, second = (record["games"] for record in bench.judgments("judge", "tiny"))
        assert (first[0]["score"], first[1]) == ("A>B", None)
        assert (second[0], second[1]["score"]) == (None, "B>A")
        assert "private words" not in judgment_file(bench).read_text()
        assert "tiny: 4 planned, 2 done, 0 cached, 2 failed" in done.stdout
        assert "q1 game 2" in done.stdout and "private words" in done.stdout

        api.reply("[[A=B]]", "[[A>>B]]")
        run("--parallel", 1)
        assert [call.prompt for call in api.calls[4:]] == [
            prompt("Question 1?", "tiny on q1", "base on q1"),
            prompt("Question 2?", "base on q2", "tiny on q2"),
        ]
        assert scores(bench) == ["A>B", "A=B", "A>>B", "B>A"]
        assert [r["games"][i] for i, r in enumerate(bench.judgments("judge", "tiny"))] == [
            first[0],
            second[1],
        ]

    def test_where_every_call_fails_nothing_is_stored(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.answer_with(Reply.auth())
        done = run(check=1)
        assert line_count(judgment_file(bench)) == 0
        assert "authentication" in done.stdout and "Traceback" not in done.stderr
        assert "not complete: tiny" in done.stdout

    def test_a_fault_that_passes_is_tried_again(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply(Reply.server_error(), Reply.rate_limit(retry_after=0), Reply.broken_json())
        api.answer_with("[[A>B]]")
        bench.models["judge"]["retry_wait"] = 0.01
        bench.write("config/api_config.yaml", bench.models)
        run()
        assert api.call_count == 5
        assert scores(bench) == ["A>B", "A>B"]

    def test_a_game_in_which_going_on_fails_goes_on_with_the_next_run(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, judge={"retry_wait": 0.001}, number_of_judgment_attempts=3)
        api.reply("No label yet.", "", "", "", Reply.auth(), "[[A>B]]")
        done = run("--parallel", 1, check=1)
        assert "tiny: 2 planned, 1 done, 0 cached, 1 failed" in done.stdout
        assert "without verdict" not in done.stdout
        game, _ = games(bench)
        assert (game["judgment"], game["score"], game["cause"]) == (
            "No label yet.\n",
            None,
            "unfinished",
        )
        assert game["user_prompt"] == api.calls[0].prompt
        api.reply("It is [[B>A]]")
        done = run()
        assert "tiny: 1 planned, 1 done, 1 cached, 0 failed" in done.stdout
        assert api.calls[-1].messages == api.calls[1].messages
        game, _ = games(bench)
        assert "cause" not in game and "replies" not in game
        assert (game["score"], game["judgment"]) == ("B>A", "No label yet.\n\nIt is [[B>A]]")
        assert (game["input_tokens"], game["output_tokens"]) == (3 * 7, 3 * 3)

    def test_an_unfinished_game_has_the_attempts_that_are_left(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.answer_with(lambda call: "Hm." if len(call.messages) == 2 else Reply.auth())
        run("--parallel", 1, check=1)
        api.answer_with("I cannot say.")
        asked = api.call_count
        done = run(check=1)
        assert api.call_count == asked + 2
        assert "games without verdict, no label: 2" in done.stdout
        assert [game["judgment"] for game in games(bench)] == ["Hm.\nI cannot say."] * 2
        assert "tiny: 0 planned, 0 done, 2 cached" in run(check=1).stdout

    def test_an_unfinished_game_with_another_prompt_is_begun_anew(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply("Hm.", Reply.auth(), "[[A>B]]")
        run("--parallel", 1, check=1)
        bench.add_answers("tiny", {"q1": "another answer"})
        api.answer_with("[[B>A]]")
        run("--stale", "keep")
        assert len(api.calls[-1].messages) == 2 and "another answer" in api.calls[-1].prompt
        assert (scores(bench), games(bench)[0]["judgment"]) == (["B>A", "A>B"], "[[B>A]]")

    def test_an_unfinished_game_is_shown_as_one_without_verdict(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply("Hm.", Reply.auth(), "[[A>B]]")
        run("--parallel", 1, check=1)
        assert "1 games without verdict" in bench.run("show_result.py", check=0).stdout

    def test_unfinished_games_of_v2_0_go_on_too(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        questions = [{"uid": "q1", "category": "c", "prompt": "Why?"}]
        bench.add_questions(questions)
        for model in ("base", "tiny"):
            bench.add_answers(model, {"q1": f"{model} says"})
        bench.add_model("judge", api.v1)
        bench.write_judge_config("judge", "base")
        api.reply(Reply("Hm.", reasoning="So?"), Reply.auth(), "[[A>B]]", Reply.context_too_long())
        run("--parallel", 1, check=1)
        assert games(bench)[0]["judgment"] == {"answer": "Hm.", "thought": "So?"}
        run()
        game = games(bench)[0]
        assert game["judgment"] == {"answer": "Hm.", "thought": "So?"}
        assert (game["score"], game["cause"], game["input_tokens"]) == (None, "context too long", 7)

    @pytest.mark.parametrize("replies", [None, "Hm.", [{"reasoning": "x"}], [1]])
    def test_an_unfinished_game_without_its_replies_gets_one_line(
        self, api: FakeAPI, bench: Workspace, run: Run, replies: object
    ) -> None:
        set_up(bench, api)
        api.reply("Hm.", Reply.auth(), "[[A>B]]")
        run("--parallel", 1, check=1)
        (record,) = bench.judgments("judge", "tiny")
        record["games"][0]["replies"] = replies
        bench.write(judgment_file(bench), [record])
        (line,) = run(check=2).stderr.splitlines()
        assert line.startswith("error: ") and api.call_count == 3
        assert "judge/tiny.jsonl: q1 game 1: replies of an unfinished game: " in line

    def test_a_killed_run_keeps_the_replies_that_hold_no_label(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply("[[A>B]]", "Hm.", Reply(held=True))
        killed = bench.start(SCRIPT, "--parallel", 1)
        api.wait_for_calls(3)
        killed.kill()
        killed.wait()
        api.answer_with("[[B>A]]")
        run()
        assert api.call_count == 4
        assert api.calls[-1].messages[2] == {"role": "assistant", "content": "Hm."}
        assert scores(bench) == ["A>B", "B>A"]

    def test_a_paid_reply_is_kept_where_going_on_cannot_succeed(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply("No label yet.", Reply.context_too_long(), "[[A>B]]")
        done = run("--parallel", 1)
        assert "games without verdict, context too long: 1" in done.stdout
        (record,) = bench.judgments("judge", "tiny")
        assert record["games"][0]["judgment"] == "No label yet."
        assert (record["games"][0]["score"], record["games"][0]["cause"]) == (
            None,
            "context too long",
        )

    def test_after_ctrl_c_no_judge_is_asked_to_go_on(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        api.reply(Reply("Hm.", held=True))
        running = bench.start(SCRIPT, "--parallel", 1)
        api.wait_for_calls(1)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        assert any("stopping" in line for line in iter(running.stderr.readline, ""))
        api.release()
        stdout, _ = running.communicate(timeout=30)
        assert "0 failed, 2 not begun (stopped)" in stdout
        assert (running.returncode, api.call_count) == (130, 1)
        api.answer_with("[[A>B]]")
        run()
        assert api.call_count == 3
        assert sorted(game["judgment"] for game in games(bench)) == ["Hm.\n[[A>B]]", "[[A>B]]"]

    def test_a_killed_run_goes_on_where_it_was(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=3)
        api.reply("[[A>B]]", "[[B>A]]", "[[A=B]]", Reply(held=True))
        killed = bench.start(SCRIPT, "--parallel", 1)
        path = judgment_file(bench)
        api.wait_for_calls(4)
        wait_for(lambda: line_count(path) == 3)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
        with path.open("ab") as file:
            file.write(b'{"question_id": "q3", "mod')

        api.answer_with("[[B>>A]]")
        done = run()
        assert api.call_count == 4 + 3
        assert "incomplete last line" in done.stderr
        assert [record["question_id"] for record in bench.judgments("judge", "tiny")] == [
            "q1",
            "q2",
            "q3",
        ]
        assert scores(bench) == ["A>B", "B>A", "A=B", "B>>A", "B>>A", "B>>A"]
        run()
        assert api.call_count == 7


class TestWhatIsJudged:
    def test_the_baseline_is_not_judged_against_itself(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, model_list=["base", "tiny", "tiny"])
        api.answer_with("[[A>B]]")
        done = run()
        assert api.call_count == 2
        assert "base: is the baseline and is not judged against itself" in done.stdout
        assert not judgment_file(bench, "base").exists()

    @pytest.mark.parametrize("listed", [{"model_list": None}, {"model_list": []}])
    def test_without_a_list_all_models_with_answers_are_judged(
        self, api: FakeAPI, bench: Workspace, run: Run, listed: dict[str, Any]
    ) -> None:
        set_up(bench, api, models=("tiny", "org/small"), **listed)
        api.answer_with("[[A>B]]")
        run()
        assert scores(bench, "tiny") == scores(bench, "org/small") == ["A>B", "A>B"]
        assert api.call_count == 4

    def test_flags_overrule_the_setting_file(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        bench.name = "other-bench"
        set_up(bench, api, models=("m1", "m2", "m3", "base2"), questions=3)
        bench.add_model("judge2", api.v1)
        bench.write_judge_config("judge", "base", bench_name="test-v1", model_list=["m3"])
        (bench.root / "data").rename(bench.root / "elsewhere")
        api.answer_with("[[A>B]]")
        flags = "--data-dir elsewhere --bench-name other-bench --judge-model judge2"
        models = "--baseline base2 --model m1 --model m2 --limit 2 --parallel 1"
        run(*flags.split(), *models.split())

        folder = bench.root / "elsewhere/other-bench/model_judgment"
        assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.jsonl")) == [
            "judge2/m1.jsonl",
            "judge2/m2.jsonl",
        ]
        for record in bench.read_jsonl(folder / "judge2/m1.jsonl"):
            assert (record["judge"], record["baseline"]) == ("judge2", "base2")
        assert {call.model for call in api.calls} == {"judge2"}
        assert api.calls[0].prompt == prompt("Question 1?", "base2 on q1", "m1 on q1")
        assert (api.call_count, api.max_in_flight) == (8, 1)

    def test_the_judges_parallel_holds_over_all_models(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        set_up(bench, api, models=("m1", "m2"), questions=2, judge={"parallel": 3})
        api.answer_with("[[A>B]]")
        api.hold()
        process = bench.start(SCRIPT)
        api.wait_for_calls(3)
        api.release()
        assert process.wait(20) == 0
        assert (api.call_count, api.max_in_flight) == (8, 3)

    def test_questions_without_both_answers_are_left_out_and_counted(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, models=("tiny", "full"), questions=4)
        bench.add_answers("tiny", {"q1": "a", "q2": "b", "q4": "c"})
        bench.add_answers("base", {"q1": "d", "q3": "e", "q4": "f"})
        api.answer_with("[[A>B]]")
        done = run()
        assert [r["question_id"] for r in bench.judgments("judge", "tiny")] == ["q1", "q4"]
        assert [r["question_id"] for r in bench.judgments("judge", "full")] == ["q1", "q3", "q4"]
        left_out = "  questions skipped, not answered in full by"
        assert [line.split(" planned")[0] for line in done.stdout.splitlines()[:-2]] == [
            "full: 6",
            f"{left_out} the baseline base: 1 (q2)",
            "tiny: 4",
            f"{left_out} the baseline base: 1 (q2)",
            f"{left_out} the model: 1 (q3)",
        ]

    def test_judgments_against_two_baselines_stand_side_by_side(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, models=("tiny", "base2"), model_list=["tiny"])
        api.answer_with("[[A>B]]")
        run()
        run("--baseline", "base2")
        assert api.call_count == 4
        records = bench.judgments("judge", "tiny")
        assert [record["baseline"] for record in records] == ["base", "base2"]
        for flags in ([], ["--baseline", "base2"]):
            run(*flags)
        assert api.call_count == 4
        assert bench.judgments("judge", "tiny") == records


def published(question: str, *labels: str | None, **fields: Any) -> dict[str, Any]:
    """A judgment in the v0.1 format as it was published."""
    played = [
        {"user_prompt": "<|User Prompt|>…", "judgment": f"… [[{label}]]", "score": label}
        for label in labels
    ]
    return {"question_id": question, "model": "tiny", "judge": "judge", "games": played} | fields


class TestPublishedJudgments:
    def test_they_are_accepted_as_they_are(self, api: FakeAPI, bench: Workspace, run: Run) -> None:
        """v0.1, an ensemble's bare scores, a game without verdict, and v2.0."""
        set_up(bench, api, questions=4)
        records = [
            published("q1", "A>B", "B>A"),
            published("q2", "A=B", None),
            published("q3") | {"games": [{"score": "A>>B"}, {"score": "[B>A]"}]},
            {"uid": "q4", "category": "hard_prompt", "judge": "judge", "model": "tiny"}
            | {"baseline": "base"}
            | {"games": [{"score": "A>B", "judgment": {"answer": "x"}, "prompt": []}] * 2},
        ]
        lines = "\n\n".join(json.dumps(record) for record in records)
        path = bench.write(judgment_file(bench), "\ufeff" + lines)
        done = run()
        assert api.call_count == 0
        assert "tiny: 0 planned, 0 done, 8 cached, 0 failed" in done.stdout
        assert path.read_text(encoding="utf-8").rstrip("\n") == "\ufeff" + lines

    def test_only_their_missing_games_are_played_and_their_fields_are_kept(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api, questions=3, prompt_template=[OWN_PROMPT])
        one_game = published("q1", "A>B", aspects=["tone"])
        failed_game = published("q2", "A>B", "B>A", baseline="base") | {
            "games": [None, {"score": "B>A", "judgment": {"answer": "[[B>A]]"}}]
        }
        whole = published("q3", "A=B", "A=B")
        bench.write(judgment_file(bench), [whole, failed_game, one_game])
        api.answer_with("[[A>>B]]")
        run("--parallel", 1)
        assert [call.prompt for call in api.calls] == [
            "Q: Question 1? A: tiny on q1 B: base on q1",
            "Q: Question 2? A: base on q2 B: tiny on q2",
        ]
        first, second, third = bench.judgments("judge", "tiny")
        assert first["games"][0] == one_game["games"][0]
        assert first["aspects"] == ["tone"]
        assert second["games"][1] == failed_game["games"][1]
        assert third == whole
        assert scores(bench) == ["A>B", "A>>B", "A>>B", "B>A", "A=B", "A=B"]

    def test_of_records_with_one_id_the_last_counts(
        self, api: FakeAPI, bench: Workspace, run: Run
    ) -> None:
        set_up(bench, api)
        bench.write(
            judgment_file(bench), [published("q1", "A>B", "B>A"), published("q1", "A=B", "A=B")]
        )
        run()
        assert api.call_count == 0


BAD_INPUT: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "a baseline without answers": (
        {"baseline_model": "bsae"},
        [],
        [
            "model_answer/bsae.jsonl: no answers of the baseline 'bsae', which baseline_model in ",
            "config/judge_config.yaml names (did you mean 'base'?). Models with answers: base, "
            "tiny. Name one with --baseline, or run gen_answer.py for bsae.",
        ],
    ),
    "a model without answers": (
        {"model_list": ["tiny", "tinny"]},
        [],
        ["no answers of the model 'tinny' (did you mean 'tiny'?). Run gen_answer.py first."],
    ),
    "no model but the baseline": ({"model_list": ["base"]}, [], ["any model but the baseline"]),
    "a judge that is in no entry": (
        {},
        ["--judge-model", "jugde"],
        ["api_config.yaml", "'jugde'", "did you mean 'judge'"],
    ),
    "a bench that is not there": (
        {},
        ["--bench-name", "test-v2"],
        ["data/test-v2/question.jsonl", "Benches here: test-v1"],
    ),
    "a setting file that is not there": ({}, ["--setting-file", "no.yaml"], ["no.yaml"]),
    "a template without the answers": (
        {"prompt_template": ["{question_1} {answer_1}"]},
        [],
        ["judge_config.yaml: prompt_template", "both answers"],
    ),
    "an unknown placeholder": (
        {"prompt_template": "{QUESTION} {ANSWER_A} {ANSWER_B} {question_2}"},
        [],
        ["judge_config.yaml: prompt_template", "{question_2}"],
    ),
    "a pattern that is no regular expression": (
        {"regex_pattern": r"\[\[(A>B"},
        [],
        ["judge_config.yaml: regex_pattern", "not a regular expression"],
    ),
    "a pattern without a group": (
        {"regex_pattern": r"\[\[A>B\]\]"},
        [],
        ["judge_config.yaml: regex_pattern", "one group"],
    ),
    "a pattern of other labels": (
        {"regex_pattern": r"\[\[([ABC])\]\]"},
        [],
        [r"\[\[([ABC])\]\] can find no label (A>>B, A>B, A=B, B>A, B>>A). It finds 'A', which is"],
    ),
    "a second pattern of other labels": (
        {"regex_pattern": None, "regex_patterns": [r"\[\[([AB<>=]+)\]\]", "verdict: (A|B|TIE)"]},
        [],
        ["verdict: (A|B|TIE) can find no label", "It finds 'A'"],
    ),
    "small letters, which regex_patterns never sees": (
        {"regex_pattern": None, "regex_patterns": [r"\[\[([ab<>=]+)\]\]"]},
        [],
        [r"\[\[([ab<>=]+)\]\] can find no label"],
    ),
    "a pattern of letters where grades are wanted": (
        {"regex_pattern": r"\[\[([A-Z])\]\]", "pairwise": False, "prompt_template": "{answer}"},
        [],
        ["can find no grade (1 to 10). It finds 'A', which is no grade"],
    ),
    "a rule that is not known": (
        {"verdict_rule": "last"},
        [],
        ["judge_config.yaml: verdict_rule: expected", "'unquoted'"],
    ),
    "pairs without a baseline": (
        {"baseline": False},
        [],
        ["judge_config.yaml: pairwise needs baseline: true"],
    ),
    "references of no model": (
        {"reference": True},
        [],
        ["judge_config.yaml: reference is true", "ref_model names no model"],
    ),
    "attempts that are no number": (
        {"number_of_judgment_attempts": "two"},
        [],
        ["judge_config.yaml: number_of_judgment_attempts", "'two'"],
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gets_one_line_before_any_call(
    case: str, api: FakeAPI, bench: Workspace, run: Run
) -> None:
    config, flags, words = BAD_INPUT[case]
    set_up(bench, api, **({"model_list": ["tiny"]} | config))
    done = run(*flags, check=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert api.call_count == 0
    assert not (bench.data / "model_judgment").exists()


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--write-requests", "req")])
def test_a_model_does_not_judge_as_a_person(
    api: FakeAPI, bench: Workspace, run: Run, flags: tuple[str, ...]
) -> None:
    set_up(bench, api)
    bench.add_model("human-anna", api.v1)
    done = run("--judge-name", "human-anna", *flags, check=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: human-anna: names of people begin with human-")
    assert line.endswith("Rename its entry in the endpoint file.")
    assert api.call_count == 0 and not (bench.data / "model_judgment").exists()


def test_unescaped_brackets_in_a_pattern_are_one_line_too(api: FakeAPI, bench: Workspace) -> None:
    """Python warns of such a pattern in lines of its own."""
    set_up(bench, api, regex_pattern="[[([AB<>=]+)]]")
    done = bench.run(SCRIPT, check=2)
    (line,) = done.stderr.splitlines()
    assert "judge_config.yaml: regex_pattern" in line


def test_a_baseline_that_answered_none_of_the_questions_is_an_error(
    api: FakeAPI, bench: Workspace, run: Run
) -> None:
    set_up(bench, api, questions=2)
    bench.add_answers("base", {"of-another-bench": "text"})
    done = run(check=2)
    (line,) = done.stderr.splitlines()
    assert "model_answer/base.jsonl" in line
    assert api.call_count == 0


def test_a_model_that_answered_none_of_the_questions_does_not_stop_the_others(
    api: FakeAPI, bench: Workspace, run: Run
) -> None:
    set_up(bench, api, models=("m1", "m2"))
    bench.add_answers("m1", {})
    api.answer_with("[[A>B]]")
    done = run()
    assert "questions skipped, not answered in full by the model: 1" in done.stdout
    assert line_count(judgment_file(bench, "m1")) == 0
    assert scores(bench, "m2") == ["A>B", "A>B"]


def test_a_template_must_fit_every_question(api: FakeAPI, bench: Workspace, run: Run) -> None:
    turns = [{"content": "First?"}, {"content": "Second?"}]
    set_up(
        bench,
        api,
        questions=[
            {"question_id": "q1", "turns": turns[:1]},
            {"question_id": "q2", "turns": turns},
        ],
    )
    (line,) = run(check=2).stderr.splitlines()
    assert "judge_config.yaml: prompt_template" in line and "q2" in line
    assert api.call_count == 0


def test_the_summary_ends_with_the_models_that_are_not_complete(
    api: FakeAPI, bench: Workspace, run: Run
) -> None:
    set_up(bench, api, models=("m1", "m2"))
    api.answer_with(
        lambda call: Reply.prompt_filtered() if "m2 on q1" in call.prompt else Reply("[[A>B]]")
    )
    done = run(check=1)
    assert done.stdout.splitlines()[-1].startswith("not complete: m2")
    assert "content filter" in done.stdout
    assert scores(bench, "m1") == ["A>B", "A>B"]
