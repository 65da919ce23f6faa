"""The chat API at the wire: requests, keys, retries and failures of whole runs.

A run costs a second, so the tests of a group look at one run that does many things.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Workspace
from fake_api import Call, FakeAPI, Reply
from one_call import ask, model_of

from arena.base.errors import InputError
from arena.chat import calls
from arena.chat.clients import check_model
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion

FAST = {"retry_wait": 0.001, "max_retries": 2}


ENVIRONMENT = {
    "OPENAI_API_KEY": "secret-openai",
    "ANTHROPIC_API_KEY": "secret-anthropic",
    "ANTHROPIC_AUTH_TOKEN": "secret-token",
    "GEMINI_API_KEY": "secret-gemini",
    "AZURE_OPENAI_API_KEY": "key-of-azure",
    "MY_TOKEN": "hidden-in-the-body",
}


Stage = Callable[[], tuple[FakeAPI, Workspace]]


@dataclass(frozen=True)
class Story:
    """What several tests look at: a run that is over, the server it asked, its folder."""

    api: FakeAPI
    bench: Workspace
    done: subprocess.CompletedProcess[str]
    connections: frozenset[object] = frozenset()

    def calls(self, model: str) -> list[Call]:
        return [call for call in self.api.calls if call.model == model]

    def turn(self, model: str) -> dict[str, Any]:
        turn: dict[str, Any] = self.bench.answers(model)[0]["choices"][0]["turns"][0]
        return turn

    def asked(self, model: str) -> Counter[str]:
        """How often each question was asked."""
        return Counter(call.prompt for call in self.calls(model))

    def texts(self, model: str) -> dict[str, str]:
        """The first text of each answer by question id."""
        answers = self.bench.answers(model)
        return {a["question_id"]: a["choices"][0]["turns"][0]["content"] for a in answers}

    def failures(self, model: str) -> str:
        """The lines of the summary under the model's own."""
        lines = self.done.stdout.split("\n")
        start = next(n for n, line in enumerate(lines) if line.startswith(f"{model}: "))
        end = next(n for n in range(start + 1, len(lines)) if not lines[n].startswith("  "))
        return "\n".join(lines[start + 1 : end])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Makes a server and a folder that live as long as the module's tests."""
    with ExitStack() as stack:
        yield lambda: (
            stack.enter_context(FakeAPI()),
            Workspace(tmp_path_factory.mktemp("bench")),
        )


@pytest.fixture(scope="module")
def wired(stage: Stage) -> Story:
    """One run of a model of each protocol, with all keys in the environment."""
    api, bench = stage()
    bench.add_questions(["hello"])
    azure = {"api_base": api.url, "api_key": "key-of-entry", "api_version": "2024-06-01"}
    extra = {"extra_headers": {"x-route": "blue"}, "system_prompt": "Be brief."}
    bench.add_model("open", api.v1, extra_body={"top_p": 0.5, "guided": {"a": 1}}, **extra)
    bench.add_model("proxied", api.v1, extra_body={"keys": [{"mine": "${MY_TOKEN}"}]})
    bench.add_model("azure", "", api_type="azure", endpoints=[azure])
    bench.add_model("azure-env", "", api_type="azure", endpoints=[{"api_base": api.url}])
    claude = {"api_type": "anthropic", "temperature": 0.3, "max_tokens": 64000}
    bench.add_model("claude", api.url, extra_body={"top_k": 5}, **claude, **extra)
    bench.add_model("thinker", api.url, api_type="anthropic")
    keyless = [{"api_base": api.v1}]
    bench.add_model("keyless", "", endpoints=keyless)
    bench.add_model("keyless-gemini", "", endpoints=keyless, api_type="gemini")
    keyless = [{"api_base": api.url}]
    bench.add_model("keyless-claude", "", endpoints=keyless, api_type="anthropic")
    bench.write_answer_config(temperature=0.25, max_tokens=99)
    api.answer_with(
        lambda call: Reply(
            f"I am {call.model}",
            reasoning="hm" if call.model == "thinker" else None,
            finish_reason="length" if call.model == "claude" else "stop",
            prompt_tokens=11,
            completion_tokens=22,
        )
    )
    return Story(api, bench, bench.run("gen_answer.py", env=ENVIRONMENT, check=0))


class TestOpenAI:
    def test_path_key_and_body(self, wired: Story) -> None:
        (call,) = wired.calls("open")
        assert (call.method, call.path, call.query) == ("POST", "/v1/chat/completions", {})
        assert call.headers["authorization"] == "Bearer test-key"
        assert call.headers["x-route"] == "blue"
        assert call.body == {
            "model": "open",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hello"},
            ],
            "temperature": 0.25,
            "max_tokens": 99,
            "top_p": 0.5,
            "guided": {"a": 1},
            "stream": False,
        }

    def test_reply(self, wired: Story) -> None:
        expected = {"content": "I am open", "finish_reason": "stop"}
        assert wired.turn("open") == expected | {"input_tokens": 11, "output_tokens": 22}


class TestAzure:
    def test_path_key_and_body(self, wired: Story) -> None:
        (call,) = wired.calls("azure")
        assert call.path == "/openai/deployments/azure/chat/completions"
        assert call.query == {"api-version": "2024-06-01"}
        assert call.headers["api-key"] == "key-of-entry"
        assert call.messages == [{"role": "user", "content": "hello"}]
        assert call.body is not None
        assert (call.body["temperature"], call.body["max_tokens"]) == (0.25, 99)

    def test_the_key_of_the_environment_goes_to_the_address_of_the_entry(
        self, wired: Story
    ) -> None:
        assert [c.headers["api-key"] for c in wired.calls("azure-env")] == ["key-of-azure"]

    def test_reply(self, wired: Story) -> None:
        assert wired.turn("azure")["content"] == "I am azure"


class TestAnthropic:
    def test_path_headers_and_body(self, wired: Story) -> None:
        (call,) = wired.calls("claude")
        assert (call.method, call.path, call.query) == ("POST", "/v1/messages", {})
        assert call.api_key == "test-key"
        assert call.headers["anthropic-version"] == "2023-06-01"
        assert call.headers["x-route"] == "blue"
        assert call.body == {
            "model": "claude",
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0.3,
            "max_tokens": 64000,
            "top_k": 5,
            "stream": False,
        }

    def test_without_a_system_prompt_none_is_sent(self, wired: Story) -> None:
        (call,) = wired.calls("thinker")
        assert call.body is not None and "system" not in call.body

    def test_reply_in_the_words_of_openai(self, wired: Story) -> None:
        expected = {"content": "I am claude", "finish_reason": "length"}
        assert wired.turn("claude") == expected | {"input_tokens": 11, "output_tokens": 22}

    def test_thinking_is_kept_apart(self, wired: Story) -> None:
        turn = wired.turn("thinker")
        assert (turn["reasoning"], turn["content"]) == ("hm", "I am thinker")
        assert turn["finish_reason"] == "stop"


class TestKeys:
    @pytest.mark.parametrize("model", ["keyless", "keyless-gemini", "keyless-claude"])
    def test_those_of_the_environment_are_not_sent_to_an_address_of_ones_own(
        self, wired: Story, model: str
    ) -> None:
        (call,) = wired.calls(model)
        assert "secret" not in json.dumps(dict(call.headers))
        assert wired.turn(model)["content"] == f"I am {model}"

    @pytest.mark.parametrize(
        ("api_type", "variable"),
        [
            ("openai", "OPENAI_API_KEY"),
            ("azure", "AZURE_OPENAI_API_KEY"),
            ("anthropic", "ANTHROPIC_API_KEY"),
            ("gemini", "GEMINI_API_KEY"),
            ("mistral", "MISTRAL_API_KEY"),
            ("cohere", "COHERE_API_KEY"),
            ("deepseek", "DEEPSEEK_API_KEY"),
            ("xai", "XAI_API_KEY"),
            ("openrouter", "OPENROUTER_API_KEY"),
            ("together", "TOGETHER_API_KEY"),
            ("fireworks", "FIREWORKS_API_KEY"),
            ("groq", "GROQ_API_KEY"),
        ],
    )
    def test_a_missing_one_is_named(
        self, api_type: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        base = "https://example.org" if api_type == "azure" else None
        model = ModelConfig("tiny", "api.yaml: tiny", "tiny", api_type, (Endpoint(base),))
        with pytest.raises(InputError, match=f"api.yaml: tiny.* {variable}"):
            check_model(model)
        monkeypatch.setenv(variable, "key")
        check_model(model)

    def test_a_missing_one_stops_the_run_before_the_first_call(
        self, api: FakeAPI, bench: Workspace
    ) -> None:
        bench.add_questions(1)
        bench.add_model("tiny", api.v1)
        bench.add_model("gpt", "", endpoints=None)
        bench.write_answer_config()
        done = bench.run("gen_answer.py", check=2)
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "api_config.yaml:8: gpt: no API key" in done.stderr
        assert "OPENAI_API_KEY" in done.stderr
        assert api.call_count == 0

    @pytest.mark.parametrize("key", ["test-key", "key-of-entry", "key-of-azure", "secret"])
    def test_they_are_in_no_file_and_no_output(self, wired: Story, key: str) -> None:
        written = b"".join(p.read_bytes() for p in wired.bench.data.rglob("*") if p.is_file())
        assert key.encode() not in written
        assert key not in wired.done.stdout + wired.done.stderr

    def test_nor_are_those_that_a_request_needs_in_its_body(self, wired: Story) -> None:
        (call,) = wired.calls("proxied")
        assert call.body is not None and call.body["keys"] == [{"mine": ENVIRONMENT["MY_TOKEN"]}]
        assert ENVIRONMENT["MY_TOKEN"] not in json.dumps(wired.bench.answers("proxied"))


PASSING = {
    "rate limit": Reply.rate_limit(),
    "rate limit until a date": Reply.rate_limit("Fri, 31 Dec 1999 23:59:59 GMT"),
    "rate limit until never": Reply.rate_limit("nan"),
    "error 500": Reply.server_error(),
    "error 504": Reply.server_error(504),
    "error 408": Reply.error(408, "timed out"),
    "error 409": Reply.error(409, "conflict"),
    "overloaded": Reply.overloaded(),
    "reset": Reply(reset=True),
    "half": Reply("half of a reply", half=True),
    "HTML": Reply.html(),
    "HTML 502": Reply.html(status=502),
    "broken JSON": Reply.broken_json(),
    "nothing": Reply(raw=b""),
    "a list": Reply(raw=b"[]"),
    "null": Reply(raw=b"null"),
    "null choices": Reply.null_choices(),
    "empty choices": Reply.empty_choices(),
    "empty text": Reply(""),
    "no text": Reply(None),
    "broken gzip": Reply(raw=b"no gzip", headers={"content-encoding": "gzip"}),
}


HOPELESS = {
    "bad key": (Reply.auth(), "authentication: HTTP 401"),
    "no model": (Reply.no_such_model(), "no such model: HTTP 404"),
    "bad request": (Reply.error(400, "bad parameter"), "bad request: HTTP 4"),
    "unprocessable": (Reply.error(422, "bad parameter"), "bad request: HTTP 4"),
    "no money": (Reply.quota(), "quota: HTTP 4"),
    "limit reached": (Reply.spend_limit(), "quota: HTTP 4"),
    "too long": (Reply.context_too_long(), "context too long: HTTP 4"),
    "too large": (Reply.error(413, "request too large"), "context too long: HTTP 4"),
    "filtered": (Reply.prompt_filtered(), "content filter: HTTP 400"),
}


MALFORMED = {
    "still broken JSON": Reply.broken_json(),
    "still null choices": Reply.null_choices(),
    "choices by name": Reply(changes={"choices": {"first": {}}, "content": {"first": {}}}),
    "choices as a number": Reply(changes={"choices": 5, "content": 5}),
    "null for a choice": Reply(changes={"choices": [None], "content": [None]}),
    "content in broken parts": Reply(
        changes={
            "choices": [{"message": {"content": [{"type": "text", "text": ["fine"]}]}}],
            "content": [{"type": "text", "text": ["fine"]}],
        }
    ),
    "not UTF-8": Reply(raw=b'{"choices": "\xff"}'),
    "a number": Reply(raw=b"5"),
    "no end": Reply(raw=b'{"choices":' + b"[" * 100_000),
}


STUBBORN = {
    "ended in an error": (Reply("half of a", finish_reason="error"), "server error"),
    "aborted": (Reply("half of a", finish_reason="abort"), "server error"),
    "still error 500": (Reply.server_error(), "server error: HTTP 500"),
    "still reset": (Reply(reset=True), "connection"),
    **{name: (reply, "malformed reply") for name, reply in MALFORMED.items()},
}


MESSAGES = {
    "korean": Reply.error(402, "한국어 오류: 잔액이 부족합니다"),
    "control": Reply.error(451, "red \x1b[31m and\n\rnew line\x07"),
}


ANSWERED = {
    "fine": Reply("fine"),
    "usage without counts": Reply("fine", changes={"usage": {}}),
    "usage with other counts": Reply("fine", changes={"usage": {"total_tokens": 5}}),
    "usage in words": Reply("fine", changes={"usage": "none"}),
    "counts in words": Reply("fine", changes={"usage": {"prompt_tokens": "7"}}),
}


FAULTS = {name: reply for name, (reply, _) in (HOPELESS | STUBBORN).items()} | MESSAGES


QUESTIONS = [*PASSING, *FAULTS, *ANSWERED]


HEALTHY = ("patient", "hasty", "serial", "two")


@pytest.fixture(scope="module")
def faulty(stage: Stage) -> Story:
    """One run in which each question meets a fault that passes, one that stays, or none.

    The faults are for the models `open` and `claude`; one each for `patient` and `hasty`. The
    story's connections are those of `serial`, which has a server of its own.
    """
    (api, bench), (quiet, _) = stage(), stage()
    down = FakeAPI().start()
    down.close()
    bench.add_questions(QUESTIONS)
    bench.add_model("open", api.v1, parallel=1, **FAST)
    bench.add_model("claude", api.url, parallel=1, api_type="anthropic", **FAST)
    bench.add_model("patient", api.v1, retry_wait=0.001)
    bench.add_model("hasty", api.v1, retry_wait=0.001, timeout=0.5)
    bench.add_model("serial", quiet.v1, parallel=1)
    addresses = [{"api_base": server.v1, "api_key": "test-key"} for server in (down, api)]
    bench.add_model("two", "", endpoints=addresses, parallel=1, **FAST)
    bench.write_answer_config()
    once = {
        **{(model, name): fault for model in ("open", "claude") for name, fault in PASSING.items()},
        ("patient", "rate limit"): Reply.rate_limit(retry_after=0.5),
        ("hasty", "reset"): Reply(hang=True),
    }
    always = FAULTS | ANSWERED

    def reply(call: Call) -> Reply | str:
        fault = once.pop((str(call.model), call.prompt), None)
        if fault is None and call.model in ("open", "claude"):
            fault = always.get(call.prompt)
        return fault or "fine"

    connections: set[object] = set()

    def quiet_reply(call: Call) -> str:
        connections.update(quiet._connections)
        return "fine"

    api.answer_with(reply)
    quiet.answer_with(quiet_reply)
    return Story(api, bench, bench.run("gen_answer.py", check=1), frozenset(connections))


class TestClients:
    def test_an_endpoint_has_one_that_keeps_its_connection(self, faulty: Story) -> None:
        assert len(faulty.texts("serial")) == len(QUESTIONS)
        assert len(faulty.connections) == 1


class TestRetries:
    @pytest.mark.parametrize("fault", PASSING)
    @pytest.mark.parametrize("model", ["open", "claude"])
    def test_a_fault_that_passes_is_tried_again(
        self, faulty: Story, model: str, fault: str
    ) -> None:
        assert faulty.asked(model)[fault] == 2
        assert faulty.texts(model)[f"q{QUESTIONS.index(fault) + 1}"] == "fine"

    @pytest.mark.parametrize("model", HEALTHY)
    def test_all_is_done_in_the_end(self, faulty: Story, model: str) -> None:
        number = len(QUESTIONS)
        counts = f"{model}: {number} planned, {number} done, 0 cached, 0 failed"
        assert counts in faulty.done.stdout

    def test_the_server_says_when(self, faulty: Story) -> None:
        first, second = (c.at for c in faulty.calls("patient") if c.prompt == "rate limit")
        assert second - first >= 0.5

    def test_a_server_that_hangs_is_given_up(self, faulty: Story) -> None:
        assert faulty.asked("hasty")["reset"] >= 2

    def test_the_next_endpoint_is_tried_where_one_is_down(self, faulty: Story) -> None:
        assert sum(faulty.asked("two").values()) == len(QUESTIONS)


def test_thousands_of_retries_are_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait after the 1,025th was no float any more."""
    replies = iter([*[CompletionError("rate limit") for _ in range(2000)], Completion("fine")])
    monkeypatch.setattr(calls, "_attempt", lambda *_: next(replies))
    model = ModelConfig("tiny", "api.yaml: tiny", "tiny", retry_wait=1e-9, max_retries=2000)
    monkeypatch.setattr(calls, "MAX_WAIT", 0.0)
    assert calls.chat_completion(model, [], temperature=0, max_tokens=9).text == "fine"


def test_a_verdict_on_a_server_is_forgotten(
    api: FakeAPI, bench: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook a server may be started after the first try."""
    model = model_of(bench, endpoints=[{"api_base": api.v1}])
    api.answer_with(Reply.auth())
    for _ in range(4):
        with pytest.raises(CompletionError, match="^authentication"):
            ask(model)
    assert api.call_count == 3
    api.answer_with("fine")
    monkeypatch.setattr(calls, "FORGOTTEN_AFTER", -1.0)
    assert ask(model).text == "fine"


@pytest.mark.parametrize("model", ["open", "claude"])
class TestFailures:
    @pytest.mark.parametrize("fault", HOPELESS)
    def test_what_no_waiting_cures_is_asked_once_and_named(
        self, faulty: Story, model: str, fault: str
    ) -> None:
        assert faulty.asked(model)[fault] == 1
        example = f"q{QUESTIONS.index(fault) + 1}"
        lines = faulty.failures(model).split("\n")
        (line,) = [line for line in lines if example in re.findall(r"q\d+", line)]
        assert f": {HOPELESS[fault][1]}" in line

    @pytest.mark.parametrize("fault", STUBBORN)
    def test_what_might_pass_is_given_up_after_max_retries(
        self, faulty: Story, model: str, fault: str
    ) -> None:
        assert faulty.asked(model)[fault] == 1 + FAST["max_retries"]
        assert STUBBORN[fault][1] in faulty.failures(model)

    def test_the_rest_is_done(self, faulty: Story, model: str) -> None:
        answered = [*PASSING, *ANSWERED]
        expected = {f"q{QUESTIONS.index(name) + 1}": "fine" for name in answered}
        assert faulty.texts(model) == expected
        counts = f"{len(QUESTIONS)} planned, {len(answered)} done, 0 cached, {len(FAULTS)} failed"
        assert f"{model}: {counts}" in faulty.done.stdout

    def test_a_reply_with_strange_token_counts_is_a_reply(self, faulty: Story, model: str) -> None:
        turns = {a["question_id"]: a["choices"][0]["turns"][0] for a in faulty.bench.answers(model)}
        turn = turns[f"q{QUESTIONS.index('usage without counts') + 1}"]
        assert turn == {"content": "fine", "finish_reason": "stop"}
        known = {value for turn in turns.values() for key, value in turn.items() if "tokens" in key}
        assert known == {7, 3}

    def test_a_message_is_one_line_without_control_characters(
        self, faulty: Story, model: str
    ) -> None:
        lines = faulty.failures(model)
        assert "red" in lines and "new line" in lines
        assert all(c.isprintable() or c == "\n" for c in lines)
        assert all(line.startswith("  failed: ") for line in lines.split("\n"))
        assert "Traceback" not in faulty.done.stderr

    def test_a_message_is_readable_in_any_language(self, faulty: Story, model: str) -> None:
        assert "한국어 오류: 잔액이 부족합니다" in faulty.failures(model)
