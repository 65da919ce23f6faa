"""Gemini's batch service through the real client, with all its traps."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_steps import KEY, make_batch, request_to, results, service_at, start, wait
from conftest import close_clients
from fake_api import Call, FakeAPI, Reply
from fake_batches import backwards, torn, twice, without
from fake_gemini_batches import Behaviour, FakeGeminiBatches

from arena.base.errors import InputError
from arena.batch.gemini import GeminiProtocol
from arena.batch.results import results_in
from arena.batch.service import NO_SERVICE, QueueFull, Service, Status
from arena.batch.services import service_of
from arena.batch.state import Batch
from arena.chat import clients
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.faults import BrokenReply, CompletionError
from arena.chat.protocols import Completion, OpenAIProtocol, Request


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def fake(api: FakeAPI) -> FakeGeminiBatches:
    return FakeGeminiBatches(api)


def at(api: FakeAPI, **fields: Any) -> Service:
    return service_at(f"{api.url}/v1beta/openai/", "gemini", **fields)


@pytest.fixture
def service(fake: FakeGeminiBatches) -> Service:
    return at(fake.api)


Make = Callable[..., Batch]


@pytest.fixture
def new(tmp_path: Path) -> Make:
    """Makes a batch on disk, with a request for each id."""
    return functools.partial(make_batch, tmp_path)


def keys(lines: list[Any]) -> list[str]:
    return [line["key"] for line in lines]


def model_with(**fields: Any) -> ModelConfig:
    endpoint = Endpoint("http://127.0.0.1:9/v1beta/openai")
    return ModelConfig("m", "api.yaml: m", "tiny", "gemini", (endpoint,), **fields)


def body_of(*messages: dict[str, str], temperature: float | None = 0.0, **fields: Any) -> Any:
    form = fields.pop("response_format", None)
    refused = frozenset(fields.pop("refused", ()))
    turns = list(messages) or [{"role": "user", "content": "hello"}]
    request = Request(model_with(**fields), turns, temperature, 16, form, refused)
    return GeminiProtocol().body(request)


class TestTheBody:
    def test_turns_and_settings_in_googles_words(self) -> None:
        turns = [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ]
        assert body_of(*turns) == {
            "contents": [
                {"role": "user", "parts": [{"text": "one"}]},
                {"role": "model", "parts": [{"text": "two"}]},
                {"role": "user", "parts": [{"text": "three"}]},
            ],
            "system_instruction": {"parts": [{"text": "be brief"}]},
            "generation_config": {"temperature": 0.0, "max_output_tokens": 16},
        }

    @pytest.mark.parametrize(
        ("effort", "thinking"),
        [("low", {"thinking_level": "low"}), ("none", {"thinking_budget": 0})],
    )
    def test_reasoning_effort(self, effort: str, thinking: dict[str, Any]) -> None:
        config = body_of(reasoning_effort=effort)["generation_config"]
        assert config["thinking_config"] == thinking

    def test_a_schema_of_the_reply(self) -> None:
        schema = {"type": "object", "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        config = body_of(response_format=form)["generation_config"]
        assert config["response_mime_type"] == "application/json"
        assert config["response_json_schema"] == schema

    def test_refused_parameters_are_not_sent(self) -> None:
        fields = {"refused": ["temperature", "reasoning_effort", "response_format"]}
        form = {"type": "json_object"}
        body = body_of(reasoning_effort="low", response_format=form, **fields)
        assert body["generation_config"] == {"max_output_tokens": 16}

    def test_the_other_name_of_the_limit(self) -> None:
        for body in (body_of(refused=["max_tokens"]), body_of(max_completion_tokens=16)):
            assert body["generation_config"]["max_output_tokens"] == 16

    def test_extra_body_in_googles_words(self) -> None:
        thinking = {"thinking_budget": 100, "include_thoughts": True}
        google = {"thinking_config": thinking, "safety_settings": [1], "cached_content": "c"}
        extra = {"top_p": 0.5, "stop": "END", "n": 1, "extra_body": {"google": google}}
        body = body_of(extra_body=extra | {"temperature": 0.5}, reasoning_effort="low")
        assert body["generation_config"] == {
            **{"temperature": 0.5, "max_output_tokens": 16, "top_p": 0.5},
            **{"stop_sequences": ["END"], "thinking_config": thinking},
        }
        assert (body["safety_settings"], body["cached_content"]) == ([1], "c")

    @pytest.mark.parametrize(
        "extra", [{"logit_bias": {}}, {"extra_body": {"google": {"labels": {}}}}, {"google": {}}]
    )
    def test_extra_body_that_has_no_translation_is_refused(self, extra: Any) -> None:
        service = service_at("http://127.0.0.1:9/v1beta/openai", "gemini", extra_body=extra)
        with pytest.raises(InputError, match="^api.yaml: m: extra_body: Gemini's batches know no"):
            service.check()

    def test_half_a_character_is_replaced_as_live(self) -> None:
        (turn,) = body_of({"role": "user", "content": "a\ud800b"})["contents"]
        assert turn["parts"] == [{"text": "a\ufffdb"}]


def read(*parts: dict[str, Any], reason: str = "STOP", **usage: int) -> Completion:
    counts = {"promptTokenCount": 7, "candidatesTokenCount": 3} | usage
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason}
    reply = {"candidates": [candidate], "usageMetadata": counts}
    return GeminiProtocol().read(reply, model_with())


class TestTheReply:
    def test_thoughts_are_reasoning_and_count_as_output(self) -> None:
        thought = {"text": "hm", "thought": True}
        reply = read(thought, {"text": "a"}, {"text": "b"}, thoughtsTokenCount=5)
        assert reply == Completion("ab", "hm", "stop", 7, 8)

    @pytest.mark.parametrize(
        ("reason", "word"),
        [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter")],
    )
    def test_the_finish_reasons_are_those_of_live_calls(self, reason: str, word: str) -> None:
        assert read({"text": "a"}, reason=reason).finish_reason == word

    def test_a_malformed_call_is_a_fault(self) -> None:
        with pytest.raises(BrokenReply):
            read({"text": "a"}, reason="MALFORMED_FUNCTION_CALL")

    def test_a_withheld_reply_has_no_content(self) -> None:
        reply = GeminiProtocol().read({"candidates": [{"finishReason": "SAFETY"}]}, model_with())
        assert reply == Completion("", None, "content_filter")

    def test_thinking_that_used_up_the_limit(self) -> None:
        reply = {
            "candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}],
            "usageMetadata": {"promptTokenCount": 7, "thoughtsTokenCount": 16},
        }
        expected = Completion("", None, "length", 7, 16)
        assert GeminiProtocol().read(reply, model_with()) == expected

    def test_a_prompt_that_is_refused(self) -> None:
        reply = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        with pytest.raises(BrokenReply):
            GeminiProtocol().read(reply, model_with())

    def test_it_is_read_as_the_same_live_reply(self) -> None:
        model = model_with(end_think_token="</think>")
        text = "hm</think>\n\n[[A>B]]"
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        native = {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}
        live = OpenAIProtocol().read({"choices": [choice]}, model)
        assert GeminiProtocol().read(native, model) == live
        assert live.reasoning == "hm"

    @pytest.mark.parametrize(
        "reply",
        [None, [], {}, {"candidates": []}, {"candidates": [1]}, {"candidates": [{"content": 1}]}],
    )
    def test_a_malformed_reply(self, reply: Any, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        path.write_text(json.dumps({"key": "a", "response": reply}) + "\n")
        (result,) = results_in(path, model_with())
        assert isinstance(result.reply, CompletionError)
        assert result.reply.cause == "malformed reply"


class TestFromAFileToItsResults:
    def test_all_steps(self, fake: FakeGeminiBatches, service: Service, new: Make) -> None:
        fake.key, fake.behaviour = KEY, Behaviour(looks=2)
        batch = new(service, "a", "b", prompts={"b": "größer"})
        batch_id = start(service, batch)
        looks = [service.look(batch_id) for _ in range(2)]
        assert [(look.word, look.is_over) for look in looks] == [
            ("running", False),
            ("succeeded", True),
        ]
        assert (looks[1].done, looks[1].failed, looks[1].total) == (2, 0, 2)
        lines = results(service, batch_id)
        texts = [line["response"]["candidates"][0]["content"]["parts"] for line in lines]
        assert texts == [[{"text": "answer to: hello"}], [{"text": "answer to: größer"}]]
        assert fake.files["files/1"] == batch.request_file.read_bytes()
        assert fake.sessions[0]["display_name"] == fake.created[0].display_name == batch.run
        assert fake.created[0].model == "tiny"

    def test_requests_need_not_fit_into_the_memory(
        self, fake: FakeGeminiBatches, service: Service, new: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = clients.client_of(service.model, service.endpoint)
        post, contents = client.post, []

        def spy(*args: Any, content: Any = None, **others: Any) -> Any:
            contents.append(content)
            return post(*args, content=content, **others)

        monkeypatch.setattr(client, "post", spy)
        start(service, new(service, "a"))
        assert [hasattr(content, "read") for content in contents] == [False, True, False]

    @pytest.mark.parametrize(
        ("base", "there"),
        [
            (None, "https://generativelanguage.googleapis.com/upload/v1beta/files"),
            ("http://h/x/v1/openai", "http://h/x/upload/v1/files"),
            ("http://h:8/v1beta/?team=a", "http://h:8/upload/v1beta/files"),
        ],
    )
    def test_the_native_address_is_beside_that_of_live_calls(
        self, base: str | None, there: str
    ) -> None:
        model = ModelConfig("m", "api.yaml: m", "tiny", "gemini", (Endpoint(base, KEY),))
        service: Any = service_of(model)
        assert service.url_of("/upload/files") == there

    def test_the_query_and_the_headers_of_an_entry_are_sent_with_every_call(
        self, fake: FakeGeminiBatches, new: Make
    ) -> None:
        address = f"{fake.api.url}/v1beta/openai?team=a"
        service = service_at(address, "gemini", extra_headers={"x-team": "b"})
        batch_id = start(service, new(service, "a"))
        results(service, batch_id)
        service.find(new(service, "a"))
        service.cancel(batch_id)
        assert {call.query["team"] for call in fake.api.calls} == {"a"}
        assert {call.headers["x-team"] for call in fake.api.calls} == {"b"}

    def test_a_model_with_the_prefix(self, fake: FakeGeminiBatches, new: Make) -> None:
        endpoint = Endpoint(f"{fake.api.url}/v1beta/openai", KEY)
        model = ModelConfig("m", "api.yaml: m", "models/tiny", "gemini", (endpoint,))
        service = service_of(model)
        assert service is not None
        start(service, new(service, "a"))
        assert fake.created[0].model == "tiny"

    @pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://127.0.0.1", "file:"])
    def test_requests_go_to_no_other_server(
        self, fake: FakeGeminiBatches, service: Service, new: Make, host: str
    ) -> None:
        fake.upload_host = host
        with pytest.raises(CompletionError, match="^malformed reply: .*at another server"):
            service.upload(new(service, "a"))
        assert fake.files == {}

    def test_an_upload_without_an_address(self, service: Service, api: FakeAPI, new: Make) -> None:
        api.serve(lambda call: Reply(raw=b"{}"))
        with pytest.raises(CompletionError, match="no upload address"):
            service.upload(new(service, "a"))


class TestCreation:
    def test_a_full_queue(self, fake: FakeGeminiBatches, service: Service, new: Make) -> None:
        fake.queue = 1
        with pytest.raises(QueueFull, match="exceeded your current quota"):
            start(service, new(service, "a", "b"))
        assert fake.created == []

    def test_a_full_queue_later(self, fake: FakeGeminiBatches, service: Service, new: Make) -> None:
        fake.behaviour = Behaviour(end="FAILED", problem=(8, "Too many enqueued tokens."))
        status = service.look(start(service, new(service, "a")))
        assert status.has_failed and status.queue_full is not None
        assert str(status.queue_full) == "Too many enqueued tokens."

    def test_a_file_that_is_gone(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        batch = new(service, "a")
        batch.file_id = "files/none"
        with pytest.raises(CompletionError, match=r"^wrong address: HTTP 404 at .*Content\."):
            service.create(batch)

    @pytest.mark.parametrize("raw", [b"{}", b"[]", b"<p>", b'{"name": ""}', b'{"name": 7}', b""])
    def test_a_reply_without_a_name_is_malformed(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        batch = new(service, "a")
        batch.file_id = service.upload(batch)
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.create(batch)


class TestLook:
    @pytest.mark.parametrize("states", ["BATCH_STATE", "JOB_STATE"])
    @pytest.mark.parametrize("end", ["SUCCEEDED", "PARTIALLY_SUCCEEDED", "EXPIRED"])
    def test_the_states_have_two_names(
        self, fake: FakeGeminiBatches, service: Service, new: Make, states: Any, end: Any
    ) -> None:
        fake.behaviour = Behaviour(states=states, end=end)
        status = service.look(start(service, new(service, "a")))
        assert (status.word, status.is_over, status.has_failed) == (end.lower(), True, False)

    def test_a_failed_batch_says_why(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(end="FAILED")
        status = service.look(start(service, new(service, "a")))
        assert status.has_failed and status.queue_full is None
        assert status.problem == "Unable to parse line 1."

    def test_counts_that_are_missing(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(has_stats=False)
        status = service.look(start(service, new(service, "a")))
        assert (status.done, status.failed, status.total) == (None, None, None)

    @pytest.mark.parametrize("raw", [b"{}", b"null", b'{"metadata": {}}', b'{"metadata": 1}'])
    def test_a_malformed_batch(self, service: Service, api: FakeAPI, raw: bytes) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.look("batches/1")

    def test_a_state_of_the_future_is_not_the_end(self, service: Service, api: FakeAPI) -> None:
        api.serve(lambda call: Reply(raw=b'{"metadata": {"state": "BATCH_STATE_PAUSED"}}'))
        status = service.look("batches/1")
        assert (status.word, status.is_over) == ("paused", False)


class TestResults:
    def test_each_request_has_its_fate(
        self, fake: FakeGeminiBatches, service: Service, new: Make, tmp_path: Path
    ) -> None:
        replies = {"bad": Reply.prompt_filtered(), "busy": Reply.server_error(503)}
        fake.api.answer_with(lambda call: replies.get(call.prompt, Reply("good")))
        prompts = {"b": "bad", "c": "busy"}
        batch_id = start(service, new(service, "a", "b", "c", prompts=prompts))
        status = wait(service, batch_id)
        assert (status.done, status.failed, status.total) == (1, 2, 3)
        with (path := tmp_path / "results.jsonl").open("wb") as out:
            service.download(batch_id, status, out)
        read = {result.custom_id: result.reply for result in results_in(path, service.model)}
        assert isinstance(read["a"], Completion) and read["a"].text == "good"
        assert [getattr(read[key], "cause", None) for key in "bc"] == [
            *("content filter", "server error")
        ]

    @pytest.mark.parametrize("end", ["EXPIRED", "FAILED"])
    def test_a_batch_without_results(
        self, fake: FakeGeminiBatches, service: Service, new: Make, end: Any
    ) -> None:
        fake.behaviour = Behaviour(end=end)
        assert results(service, start(service, new(service, "a"))) == []
        assert fake.paid == []

    def test_a_cancelled_batch_gives_what_it_has(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        fake.behaviour = Behaviour(looks=9, ran=1)
        batch_id = start(service, new(service, "a", "b"))
        service.cancel(batch_id)
        assert wait(service, batch_id).word == "cancelled"
        assert keys(results(service, batch_id)) == ["a"]
        service.cancel(batch_id)

    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            (backwards, ["c", "b", "a"]),
            (without(1), ["a", "c"]),
            (twice, ["a", "b", "c", "a"]),
            (torn, ["a", "b"]),
        ],
    )
    def test_lines_come_as_they_are_but_a_torn_last_one(
        self, fake: FakeGeminiBatches, service: Service, new: Make, edit: Any, expected: list[str]
    ) -> None:
        fake.behaviour = Behaviour(edit=edit)
        assert keys(results(service, start(service, new(service, "a", "b", "c")))) == expected

    def test_results_that_are_deleted_are_not_found(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        batch_id = start(service, new(service, "a"))
        status = wait(service, batch_id)
        fake.files.clear()
        with pytest.raises(CompletionError, match=r"^not found: HTTP 404 at .*:download$"):
            service.download(batch_id, status, io.BytesIO())


class TestFind:
    def test_by_its_name_for_people_over_pages(
        self, fake: FakeGeminiBatches, service: Service, new: Make
    ) -> None:
        fake.page = 2
        batches = [new(service, "a") for _ in range(5)]
        made = [start(service, batch) for batch in batches]
        assert [service.find(batch) for batch in batches] == made
        assert service.find(new(service, "a")) is None

    def test_no_batch_at_all(self, service: Service, new: Make) -> None:
        assert service.find(new(service, "a")) is None

    def test_a_list_that_ignores_the_mark_ends(
        self, service: Service, api: FakeAPI, new: Make
    ) -> None:
        api.serve(lambda call: Reply(raw=b'{"nextPageToken": "x"}'))
        assert service.find(new(service, "a")) is None
        assert api.call_count == 2

    @pytest.mark.parametrize(
        "raw", [b"[]", b"<p>", b'{"operations": [1]}', b'{"operations": [{}]}']
    )
    def test_a_malformed_list_does_not_mean_that_there_is_no_batch(
        self, service: Service, api: FakeAPI, new: Make, raw: bytes
    ) -> None:
        api.serve(lambda call: Reply(raw=raw))
        with pytest.raises(CompletionError, match="^malformed reply"):
            service.find(new(service, "a"))


STEPS: Any = {
    "upload": lambda service, batch: service.upload(batch),
    "create": lambda service, batch: service.create(batch),
    "find": lambda service, batch: service.find(batch),
    "look": lambda service, batch: service.look("batches/1"),
    "download": lambda service, batch: service.download(
        "batches/1", Status("succeeded", files=("files/1",)), io.BytesIO()
    ),
    "cancel": lambda service, batch: service.cancel("batches/1"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
class TestEveryStep:
    """Each call fails as a live call does."""

    def fault(self, service: Service, new: Make, step: Any) -> CompletionError:
        with pytest.raises(CompletionError) as caught:
            step(service, new(service, "a"))
        assert KEY not in str(caught.value)
        return caught.value

    def test_a_wrong_key(
        self, service: Service, fake: FakeGeminiBatches, new: Make, step: Any
    ) -> None:
        fake.key = "another"
        assert self.fault(service, new, step).cause == "authentication"

    def test_a_key_that_a_message_repeats(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply.error(400, f"no {KEY} here"))
        assert "no *** here" in self.fault(service, new, step).message

    def test_a_redirect_is_not_followed(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        there = {"location": f"{api.url}/elsewhere"}
        api.serve(lambda call: Reply(raw=b"", status=307, headers=there))
        assert self.fault(service, new, step).cause == "redirected"
        assert "/elsewhere" not in {call.path for call in api.calls}

    def test_a_busy_server(self, service: Service, api: FakeAPI, new: Make, step: Any) -> None:
        api.serve(lambda call: Reply.server_error(503))
        assert self.fault(service, new, step).cause == "server error"

    def test_a_connection_that_breaks(
        self, service: Service, api: FakeAPI, new: Make, step: Any
    ) -> None:
        api.serve(lambda call: Reply(reset=True))
        assert self.fault(service, new, step).cause == "connection"

    def test_an_address_without_the_service(self, api: FakeAPI, new: Make, step: Any) -> None:
        fault = self.fault(at(api), new, step)
        if fault.cause == "wrong address":
            assert NO_SERVICE in fault.message
            assert fault.message.startswith(f"HTTP 404 at {api.url}/")
        else:
            assert fault.cause == "not found"


def test_a_reply_in_a_batch_is_the_same_as_live(
    fake: FakeGeminiBatches, service: Service, new: Make, tmp_path: Path
) -> None:
    def answer(call: Call) -> Reply:
        if call.prompt == "cut":
            return Reply.cut_off(f"{call.system}: {call.prompt}")
        return Reply("good", reasoning="hm") if call.prompt == "think" else Reply.content_filter()

    fake.api.answer_with(answer)
    prompts = {"a": "cut", "b": "think", "c": "bad"}
    batch_id = start(service, new(service, *prompts, prompts=prompts))
    status = wait(service, batch_id)
    with (path := tmp_path / "results.jsonl").open("wb") as out:
        service.download(batch_id, status, out)
    client = clients.client_of(service.model, service.endpoint)
    for result in results_in(path, service.model):
        request = request_to(service, prompts[result.custom_id])
        assert result.reply == OpenAIProtocol().complete(client, request)
