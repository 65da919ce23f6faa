"""Entries of models: their values, their errors, and published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from config_files import (
    NEW_SERVERS,
    NOWHERE,
    OLD_SERVERS,
    SERVERS,
    Spoil,
    check_one_line,
    entry,
    raw,
    settings,
)
from conftest import Workspace
from one_call import model_of

from arena.base.errors import InputError
from arena.chat.clients import check_model
from arena.chat.config import read_model_config

WRONG: dict[str, tuple[Spoil, list[str]]] = {
    "a model without an entry": (
        settings(model_list=["tny"]),
        [SERVERS, "'tny'", "did you mean 'tiny'"],
    ),
    "a model that was withdrawn": (
        settings(model_list=["gpt-4-1106-preview"]),
        [SERVERS, "'gpt-4-1106-preview'. Add one, or use one of tiny."],
    ),
    "another file for the endpoint file": (
        raw(SERVERS, "bench_name: test-v1\ntemperature: 0\nmodel_list: [tiny]\n"),
        [f"{SERVERS}: no endpoint file: it has no entry for any model"],
    ),
    "a key that is no model": (
        raw(SERVERS, "temperature: 0\nsmol: {api_type: openai}\n"),
        ["the model 'tiny'. Add one, or use one of smol."],
    ),
    "an empty entry": (raw(SERVERS, "tiny:\n"), [f"{SERVERS}: tiny: expected a mapping"]),
    "an entry in words": (raw(SERVERS, "tiny: openai\n"), [f"{SERVERS}: tiny: expected a mapping"]),
    "one endpoint for a list": (
        entry(endpoints={"api_base": NOWHERE}),
        [f"{SERVERS}: tiny: endpoints: expected a list of mappings, got a mapping"],
    ),
    "an address for an endpoint": (
        entry(endpoints=[NOWHERE]),
        [f"{SERVERS}: tiny: endpoints[0]: expected a mapping"],
    ),
    "a number for a key": (
        raw(SERVERS, "tiny: {endpoints: [{api_key: 0123456}]}\n"),
        [f"{SERVERS}: tiny: endpoints[0]: api_key: expected a text, but YAML reads this as"],
    ),
    "a text for the parallel": (
        entry(parallel="8"),
        ["tiny: parallel: expected a whole number, 1 or more, got '8'"],
    ),
    "a text for a mapping": (entry(extra_body="top_p"), ["tiny: extra_body: expected a mapping"]),
    "a fraction for a whole number, 0 or more": (
        entry(max_retries=1.5),
        ["max_retries: expected a whole number, 0 or more, got 1.5"],
    ),
    "a header that is no text": (
        entry(extra_headers={"x-a": True}),
        ["tiny: extra_headers", "x-a"],
    ),
    "a variable that is not set": (
        entry(endpoints=[{"api_base": NOWHERE, "api_key": "${NO_SUCH_KEY}"}]),
        [f"{SERVERS}: tiny: endpoints[0]", "api_key", "NO_SUCH_KEY is not set"],
    ),
    "an address in the entry": (
        raw(SERVERS, f"tiny:\n  api_base: {NOWHERE}\n  api_key: EMPTY\n"),
        [f"{SERVERS}: tiny: api_base: belongs to an endpoint", "'endpoints: [{api_base: ...}]'"],
    ),
    "an address beside endpoints": (
        raw(SERVERS, "tiny:\n  api_base: http://a/v1\n  endpoints: [{api_base: http://b/v1}]\n"),
        ["tiny: api_base: belongs to an en"],
    ),
    "a key in the entry": (entry(api_key="k"), ["tiny: api_key: belongs to an endpoint"]),
    "a version in the entry": (entry(api_version="1"), ["tiny: api_version: belongs to an end"]),
    "another name of an address": (
        entry(base_url=NOWHERE),
        ["tiny: base_url: belongs to an endpoint", "[{api_base: ...}]"],
    ),
    "another name of an address in an endpoint": (
        entry(endpoints=[{"base_url": NOWHERE}]),
        ["tiny: endpoints[0]: base_url: unknown key. Write api_base"],
    ),
    "a setting of the entry in an endpoint": (
        entry(endpoints=[{"api_base": NOWHERE, "extra_headers": {"x": "y"}}]),
        ["tiny: endpoints[0]: extra_headers: belongs to the entry, one level up"],
    ),
    "the path of a call in an address": (
        entry(endpoints=[{"api_base": f"{NOWHERE}/chat/completions"}]),
        [
            f"endpoints[0]: api_base: '{NOWHERE}/chat/completions' ends in the path",
            f"Use {NOWHERE}",
        ],
    ),
    "the path of a call to Claude": (
        entry(api_type="anthropic", endpoints=[{"api_base": f"{NOWHERE}/messages/"}]),
        [f"'{NOWHERE}/messages/' ends in the path of a call", f"Use {NOWHERE[:-3]}"],
    ),
    "the path of a call to Azure": (
        entry(
            api_type="azure",
            endpoints=[{"api_base": "https://r.x/openai/deployments/m/chat/completions?v=1"}],
        ),
        ["'https://r.x/openai/deployments/m/chat/completions' ends in the path", "Use https://r.x"],
    ),
    "a date in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {a: [{day: 2026-01-02}]}\n"),
        [f"{SERVERS}: tiny: extra_body.a[0].day: JSON has no such value: 2026-01-02. Write a text"],
    ),
    "an infinity in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {top_p: .inf}\n"),
        [f"{SERVERS}: tiny: extra_body.top_p: JSON has no such value: inf."],
    ),
    "no number in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {a: {b: .nan}}\n"),
        ["extra_body.a.b: JSON has no such value: nan."],
    ),
    "bytes in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {a: !!binary aGVsbG8=}\n"),
        ["extra_body.a: JSON has no such value: bytes."],
    ),
    "a set in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {stop: !!set {a, b}}\n"),
        ["extra_body.stop: JSON has no such value: set. Write a text in quotes, or a list."],
    ),
    "a truth value for a key in the body": (
        raw(SERVERS, "tiny:\n  extra_body: {a: {yes: 1}}\n"),
        [f"{SERVERS}: tiny: extra_body.a: YAML reads the key yes as a truth value (line 2)."],
    ),
    "messages in the body": (
        entry(extra_body={"messages": []}),
        [f"{SERVERS}: tiny: extra_body: messages: these are the questions. Remove it."],
    ),
    "the length in a header": (
        entry(extra_headers={"content-length": "5"}),
        [f"{SERVERS}: tiny: extra_headers: content-length: each request has its own. Remove it."],
    ),
    "a variable of the body that is not set": (
        entry(extra_body={"a": ["${NO_SUCH_KEY}"]}),
        [f"{SERVERS}: tiny: extra_body", "NO_SUCH_KEY is not set"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_line_names_file_and_key(
    house: Workspace, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_one_line(house, *WRONG[case], capsys)


class TestSecrets:
    def test_the_value_of_a_key_is_not_shown(self, house: Workspace) -> None:
        house.add_model("tiny", NOWHERE, endpoints=[{"api_base": NOWHERE, "api_key": [1234567890]}])
        with pytest.raises(InputError) as caught:
            read_model_config(Path(SERVERS), "tiny")
        assert "api_key" in str(caught.value) and "1234567890" not in str(caught.value)

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"extra_headers": {"x-key": ["1234567890"]}}, "extra_headers.x-key: expected a text"),
            ({"extra_headers": "x-key: 1234567890"}, "extra_headers: expected a mapping"),
            ({"extra_body": "key=1234567890"}, "extra_body: expected a mapping"),
            ({"endpoints": "http://me:1234567890@host"}, "endpoints: expected a list"),
            ({"endpoints": [{"api_base": ["1234567890"]}]}, "api_base: expected a text"),
        ],
    )
    def test_nor_is_what_may_hold_one(
        self, house: Workspace, fields: dict[str, Any], place: str
    ) -> None:
        house.add_model("tiny", NOWHERE, **fields)
        with pytest.raises(InputError) as caught:
            read_model_config(Path(SERVERS), "tiny")
        assert place in str(caught.value) and "1234567890" not in str(caught.value)

    def test_keys_are_in_no_repr(self, house: Workspace) -> None:
        address = {"api_base": f"{NOWHERE}/sk-secret", "api_key": "sk-secret"}
        headers = {"authorization": "sk-secret"}
        house.add_model("tiny", "", endpoints=[address], extra_headers=headers)
        assert "sk-secret" not in repr(read_model_config(Path(SERVERS), "tiny"))


class TestEntries:
    def test_variables_are_filled_from_the_environment(
        self, house: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MY_KEY", "k1")
        monkeypatch.setenv("MY_HOST", "h1")
        address = {"api_base": "http://${MY_HOST}:${MY_PORT}/v1", "api_key": "${MY_KEY}"}
        monkeypatch.setenv("MY_PORT", "80")
        headers = {"x-key": "${MY_KEY}!"}
        house.add_model("tiny", "", endpoints=[address], extra_headers=headers)
        model = read_model_config(Path(SERVERS), "tiny")
        assert model.endpoints[0].api_base == "http://h1:80/v1"
        assert model.endpoints[0].api_key == "k1"
        assert model.extra_headers == {"x-key": "k1!"}

    def test_a_variable_in_the_value_of_a_variable_stays_as_it_is(
        self, house: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OUTER", "before-${INNER}")
        monkeypatch.setenv("INNER", "inner-secret")
        address = {"api_base": NOWHERE, "api_key": "${OUTER}"}
        house.add_model(
            "tiny", "", endpoints=[address], extra_headers={"x": "${OUTER}"}, extra_body={"a": "b"}
        )
        model = read_model_config(Path(SERVERS), "tiny")
        assert model.endpoints[0].api_key == "before-${INNER}"
        assert model.extra_headers == {"x": "before-${INNER}"}

    def test_half_a_character_is_refused_in_the_body(
        self, house: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LATIN", "\udcff")  # a byte that is not UTF-8
        house.add_model("tiny", NOWHERE, extra_body={"a": "${LATIN}"})
        with pytest.raises(InputError, match=r"extra_body\.a: contains half a character"):
            check_model(read_model_config(Path(SERVERS), "tiny"))

    def test_keys_of_the_body_may_be_numbers(self, house: Workspace) -> None:
        house.add_model("tiny", NOWHERE, extra_body={"logit_bias": {50256: -100, 1.5: None}})
        check_model(read_model_config(Path(SERVERS), "tiny"))

    def test_an_entry_may_be_empty_but_for_one_key(self, house: Workspace) -> None:
        house.write(SERVERS, "tiny:\n  endpoints: null\n")
        model = read_model_config(Path(SERVERS), "tiny")
        assert (model.model_name, model.api_type, model.parallel) == ("tiny", "openai", 1)
        assert [endpoint.api_base for endpoint in model.endpoints] == [None]

    def test_retries_can_be_turned_off(self, house: Workspace) -> None:
        house.add_model("tiny", NOWHERE, max_retries=0)
        assert read_model_config(Path(SERVERS), "tiny").max_retries == 0

    def test_those_of_other_models_are_not_looked_at(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house.add_model("other", "${NO_SUCH_BASE}", parallel="many", zzz=1)
        assert read_model_config(Path(SERVERS), "tiny").parallel == 4
        assert capsys.readouterr().err == ""

    def test_other_names_of_v2_0_mean_the_same(self, house: Workspace) -> None:
        values = {"model": "org/tiny", "sys_prompt": "Be brief.", "max_tokens": 9}
        house.write(SERVERS, {"tiny": values})
        model = read_model_config(Path(SERVERS), "tiny")
        assert (model.model_name, model.system_prompt) == ("org/tiny", "Be brief.")


class TestPublishedFiles:
    def test_every_entry_of_v2_0_can_be_read(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = bench.write(SERVERS, NEW_SERVERS)
        models = {name: read_model_config(path, name) for name in yaml.safe_load(NEW_SERVERS)}
        assert models["my-model"].model_name == "my-model"
        assert models["bedrock"].api_type == "aws_claude"
        assert capsys.readouterr().err == ""

    def test_every_entry_of_v0_1_can_be_read(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = bench.write(SERVERS, OLD_SERVERS)
        names = list(yaml.safe_load(OLD_SERVERS))
        types = [read_model_config(path, name).api_type for name in names]
        assert types == [
            "openai",
            "azure",
            "anthropic",
            "mistral",
            "gemini",
            "openai",
            "cohere",
            "openai",
        ]
        assert capsys.readouterr().err == ""


class TestEndedNames:
    @pytest.mark.parametrize(
        ("api_type", "name", "thinking"),
        [
            ("deepseek", "deepseek-chat", "without"),
            ("deepseek", "deepseek-reasoner", "with"),
            ("deepseek_reasoner", "deepseek-reasoner", "with"),
            ("deepseek_reasoner", "deepseek-chat", "with"),
        ],
    )
    def test_a_run_says_whom_it_asks_and_records_do_too(
        self,
        bench: Workspace,
        capsys: pytest.CaptureFixture[str],
        api_type: str,
        name: str,
        thinking: str,
    ) -> None:
        """So answers of the ended model are not continued by another one unnoticed."""
        model = model_of(bench, api_type=api_type, model_name=name)
        assert model.settings(None, 9)["model_name"] == "deepseek-v4-flash"
        line = f"ended '{name}' on 2026-07-24. This run asks deepseek-v4-flash {thinking} thinking."
        assert line in capsys.readouterr().err

    def test_the_models_of_today_and_other_servers_are_asked_as_named(
        self, bench: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        entries = [("deepseek", "deepseek-v4-pro"), ("vllm", "deepseek-chat")]
        models = [model_of(bench, api_type=kind, model_name=name) for kind, name in entries]
        assert [model.model_name for model in models] == [name for _, name in entries]
        assert [model.extra_body for model in models] == [{}, {}]
        assert capsys.readouterr().err == ""
