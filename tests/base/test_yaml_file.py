"""YAML files: what a user may write, and the errors of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import (
    JUDGE,
    NOWHERE,
    SERVERS,
    SETTINGS,
    Spoil,
    check_one_line,
    raw,
    renamed,
    settings,
    without,
)
from conftest import Workspace

from arena.base.errors import InputError
from arena.base.yaml_file import read_yaml
from arena.bench.config import read_answer_config, read_judge_config
from arena.chat.config import read_model_config

WRONG: dict[str, tuple[Spoil, list[str]]] = {
    "a text for a number": (
        settings(temperature="hot"),
        [f"{SETTINGS}: temperature: expected a number, 0 or more, got 'hot'"],
    ),
    "a negative number": (
        settings(temperature=-1),
        ["temperature: expected a number, 0 or more, got -1"],
    ),
    "no number at all": (
        settings(temperature=float("nan")),
        ["temperature: expected a number, 0 or more, got nan"],
    ),
    "a fraction for a count": (
        settings(max_tokens=10.5),
        ["max_tokens: expected a whole number, 1 or more, got 10.5"],
    ),
    "a truth value for a count": (
        settings(num_choices=True),
        ["num_choices: expected a whole number, 1 or more, got true"],
    ),
    "none of something": (
        settings(num_choices=0),
        ["num_choices: expected a whole number, 1 or more, got 0"],
    ),
    "a text for a list": (
        settings(model_list="tiny"),
        ["model_list: expected a list of texts, got 'tiny'"],
    ),
    "a text for a list of texts": (
        settings(model_list="a"),
        ["model_list: expected a list of texts, got 'a'"],
    ),
    "an octal number for a text": (
        raw(SETTINGS, "bench_name: b\nmodel_list: [a, 0123]\n"),
        ["model_list[1]: expected a text, but YAML reads 0123 as 83. Put it in quotes."],
    ),
    "a number for a text that would lose its zero": (
        raw(SETTINGS, "bench_name: 4.10\n"),
        ["bench_name: expected a text, but YAML reads 4.10 as 4.1. Put it in quotes."],
    ),
    "a power of ten for a text": (
        raw(SETTINGS, "bench_name: b\nmodel_list:\n  - 1.0e+3\n"),
        ["model_list[0]: expected a text, but YAML reads 1.0e+3 as 1000.0. Put it in quotes."],
    ),
    "minutes for a text": (raw(SETTINGS, "bench_name: 1:30\n"), ["YAML reads 1:30 as 90."]),
    "a huge number for a text": (
        raw(SETTINGS, f"bench_name: 0x{'f' * 5000}\n"),
        ["bench_name: expected a text, but YAML reads 0xfff", "as a huge number. Put it in"],
    ),
    "a huge number for a small one": (
        raw(SETTINGS, f"bench_name: b\ntemperature: 0x{'f' * 5000}\n"),
        ["temperature: expected a number, 0 or more, got a huge number"],
    ),
    "a truth value for a text": (
        raw(SETTINGS, "bench_name: yes\n"),
        ["bench_name: expected a text, got true. Put it in quotes."],
    ),
    "a truth value for one of the texts": (
        raw(SETTINGS, "bench_name: b\nmodel_list: [off]\n"),
        ["model_list[0]: expected a text, got false. Put it in quotes."],
    ),
    "nothing for one of the texts": (
        raw(SETTINGS, "bench_name: b\nmodel_list: [a, null]\n"),
        ["model_list[1]: expected a text, got nothing. Put it in quotes."],
    ),
    "an octal number for a key": (
        raw(SERVERS, "tiny: {}\n007: {}\n"),
        [f"{SERVERS}: YAML reads the key 007 as 7 (line 2). Put it in quotes."],
    ),
    "a truth value for a key of an entry": (
        raw(SERVERS, "tiny: {\n  true: 3}\n"),
        [f"{SERVERS}: tiny: YAML reads the key true as a truth value (line 2). Put it in quotes."],
    ),
    "a truth value for a key of the extra body": (
        raw(SERVERS, "tiny: {extra_body: {a: [{off: 3}]}}\n"),
        [f"{SERVERS}: tiny: extra_body.a[0]: YAML reads the key off as a truth value (line 1)."],
    ),
    **{
        f"{value} in the extra body": (
            raw(SERVERS, f"tiny: {{extra_body: {{a: {{b: [1, {value}]}}}}}}\n"),
            [f"{SERVERS}: tiny: extra_body.a.b[1]: YAML reads {words}"],
        )
        for value, words in {
            "1e-3": "1e-3 as a text. Put it in quotes, or write 0.001.",
            "1E-9": "1E-9 as a text. Put it in quotes, or write 1.0e-09.",
            "-2.5e3": "-2.5e3 as a text. Put it in quotes, or write -2500.0.",
            "010": "010 as 8. Put it in quotes, or write 8.",
            "12:30:00": "12:30:00 as 45000. Put it in quotes, or write 45000.",
            "1:30.5": "1:30.5 as 90.5. Put it in quotes, or write 90.5.",
            "yes": "yes as true. Put it in quotes, or write true.",
            "Off": "Off as false. Put it in quotes, or write false.",
            "01234567012345670": "this as another number. Put it in quotes.",
        }.items()
    },
    "a truth value for a key": (
        raw(SERVERS, "tiny: {}\nNo: {}\n"),
        [f"{SERVERS}: YAML reads the key No as a truth value (line 2). Put it in quotes."],
    ),
    "a list for a text": (settings(bench_name=["b"]), ["bench_name: expected a text, got ['b']"]),
    "a missing key": (
        without(SETTINGS, "bench_name"),
        [f"{SETTINGS}: the key 'bench_name' is missing"],
    ),
    "a misspelt key that is needed": (
        renamed(SETTINGS, "bench_name", "benchname"),
        ["the key 'bench_name' is missing", "'benchname'"],
    ),
    "a list for the file": (raw(SETTINGS, "- a\n- b\n"), [f"{SETTINGS}: expected a mapping"]),
    "an empty file": (raw(SETTINGS, "# nothing\n"), [f"{SETTINGS}: expected a mapping"]),
    "broken YAML": (
        raw(SETTINGS, "bench_name: test\nmodel_list: [a\n"),
        [f"{SETTINGS}:3: not YAML"],
    ),
    "a tab": (raw(SERVERS, "tiny:\n\tparallel: 2\n"), [f"{SERVERS}:2: not YAML"]),
    "a control character": (raw(SETTINGS, "bench_name: a\x01b\n"), [SETTINGS, "not YAML"]),
    "an object of Python's": (
        raw(SETTINGS, "bench_name: !!python/object/apply:os.getcwd []\n"),
        [f"{SETTINGS}:1: not YAML"],
    ),
    "not UTF-8": (raw(SETTINGS, "name: caf\xe9\n".encode("latin-1")), [SETTINGS, "not UTF-8"]),
    "UTF-16": (raw(SETTINGS, "bench_name: test\n".encode("utf-16")), [SETTINGS, "not UTF-8"]),
    "a folder for a file": (
        lambda house: [(house.root / SETTINGS).unlink(), (house.root / SETTINGS).mkdir()],
        [f"{SETTINGS}: cannot read"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_line_names_file_and_key(
    house: Workspace, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_one_line(house, *WRONG[case], capsys)


class TestKeys:
    def test_they_are_named_with_the_nearest_known_name(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house.write_answer_config(max_token=5)
        house.write_judge_config("tiny", "base", judge_modell="x")
        address = {"api_base": NOWHERE, "api_keys": "x"}
        unknown = {"sytem_prompt": "x", "zzz": 1, "where": "here"}
        house.add_model("tiny", NOWHERE, endpoints=[address], **unknown)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        assert read_model_config(Path(SERVERS), "tiny").where == f"{SERVERS}: tiny"
        warnings = capsys.readouterr().err.splitlines()
        for where, key, near in [
            (SETTINGS, "max_token", " (did you mean 'max_tokens'?)"),
            (JUDGE, "judge_modell", " (did you mean 'judge_model'?)"),
            (f"{SERVERS}: tiny: endpoints[0]", "api_keys", " (did you mean 'api_key'?)"),
            (f"{SERVERS}: tiny", "sytem_prompt", " (did you mean 'system_prompt'?)"),
            (f"{SERVERS}: tiny", "zzz", ""),
            (f"{SERVERS}: tiny", "where", ""),
        ]:
            assert f"warning: {where}: unknown key '{key}' is ignored{near}" in warnings
        assert len(warnings) == 6

    def test_those_known_from_users_files_are_passed_over(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        known = {"name": "mine", "question_file": "question.jsonl", "output_structured": False}
        house.write_answer_config(**known)
        house.write_judge_config("tiny", "base", **known)
        house.add_model("tiny", NOWHERE, project_id="p", regions="us", local_engine=True)
        read_answer_config(Path(SETTINGS))
        read_judge_config(Path(JUDGE))
        read_model_config(Path(SERVERS), "tiny")
        assert capsys.readouterr().err == ""

    def test_one_that_is_there_twice_is_told(
        self, house: Workspace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = house.root / "config" / "twice.yaml"
        path.write_text("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: {b: 1, f: 2,\n  b: 3}\na: 2\n")
        assert read_yaml(path)["a"].value == 2
        assert capsys.readouterr().err.splitlines() == [
            f"warning: {path}:4: the key 'b' is repeated, and its last value counts",
            f"warning: {path}:5: the key 'a' is repeated, and its last value counts",
        ]


class TestValues:
    def test_numbers_and_dates_are_texts_as_they_stand(self, house: Workspace) -> None:
        house.write(SETTINGS, "bench_name: 2024\nmodel_list: [4, 4.1, -1, 2024-02-01, 1e3]\n")
        config = read_answer_config(Path(SETTINGS))
        assert config.bench_name == "2024"
        assert config.model_list == ("4", "4.1", "-1", "2024-02-01", "1e3")
        address = "{api_base: 'http://a/v1', api_key: 12345678, api_version: 2024-02-01}"
        more = "extra_headers: {x-version: 2024-02-01, x-n: 5}, temperature: 0.5, parallel: 3"
        body = "extra_body: {logit_bias: {50256: -100}, top_p: 0.9}"
        house.write(SERVERS, f"2024-05-13: {{endpoints: [{address}], {more}, {body}}}\n")
        model = read_model_config(Path(SERVERS), "2024-05-13")
        assert model.model_name == "2024-05-13"
        assert (model.endpoints[0].api_key, model.endpoints[0].api_version) == (
            "12345678",
            "2024-02-01",
        )
        assert model.extra_headers == {"x-version": "2024-02-01", "x-n": "5"}
        assert (model.temperature, model.parallel) == (0.5, 3)
        assert model.extra_body == {"logit_bias": {"50256": -100}, "top_p": 0.9}
        assert {type(v) for v in (model.temperature, model.extra_body["top_p"])} == {float}

    def test_a_wrong_key_or_value_stops_only_the_entry_that_has_it(self, house: Workspace) -> None:
        more = "0: 1, '1e3': '1e-3', 1e4: 1.0e-3, 12: '010', x: [0, 0x10, 1_000]"
        wrong = "w8: {true: 3}\nw9: {extra_body: {a: 010}}\n"
        house.write(SERVERS, f"tiny: {{extra_body: {{{more}}}}}\n{wrong}")
        body = read_model_config(Path(SERVERS), "tiny").extra_body
        assert {type(key) for key in body} == {type(body["1e3"])} == {str}
        assert body == {"0": 1, "1e3": "1e-3", "1e4": 0.001, "12": "010", "x": [0, 16, 1000]}
        for name in ("w8", "w9"):
            with pytest.raises(InputError, match=f"{name}: .*YAML reads"):
                read_model_config(Path(SERVERS), name)

    def test_truth_values_are_read_in_all_words_where_one_is_meant(self, house: Workspace) -> None:
        for word, value in {"yes": True, "no": False, "On": True, "TRUE": True}.items():
            house.write(SERVERS, f"tiny: {{local_engine: {word}, extra_body: {{a: [True]}}}}\n")
            model = read_model_config(Path(SERVERS), "tiny")
            assert model.local_engine is value
            assert model.extra_body["a"][0] is True
        house.write(SERVERS, "tiny: {extra_body: {a: 'no'}}\n")
        assert read_model_config(Path(SERVERS), "tiny").extra_body == {"a": "no"}

    def test_a_byte_order_mark_and_windows_lines_do_no_harm(self, house: Workspace) -> None:
        text = "bench_name: 한국어\nmodel_list: [tiny]\n"
        house.write(SETTINGS, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        config = read_answer_config(Path(SETTINGS))
        assert (config.bench_name, config.model_list) == ("한국어", ("tiny",))

    def test_null_is_as_good_as_missing(self, house: Workspace) -> None:
        house.write(SETTINGS, "bench_name: b\ntemperature:\nmodel_list: null\nnum_choices: ~\n")
        config = read_answer_config(Path(SETTINGS))
        assert (config.temperature, config.model_list, config.num_choices) == (None, (), 1)
