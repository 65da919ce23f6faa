"""Flags that scripts share: their values, their help, and files that two of them use."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

import pytest

from arena.base.errors import InputError
from arena.base.flag_values import positive
from arena.base.flags import (
    NAMES,
    STATUSES,
    add_name,
    add_names,
    check_outputs,
    script_parser,
)


def test_the_help_shows_the_text_as_it_is_and_each_default() -> None:
    parser = script_parser("Does it.\n\n    python do.py")
    parser.add_argument("--needed", required=True, help="must be there")
    parser.add_argument("--count", default=3, help="so many")
    parser.add_argument("--yes", action="store_true", help="agree")
    parser.add_argument("--file", help="write it")
    parser.add_argument("--model", help="the model (default: all)")
    text = parser.format_help()
    assert "Does it.\n\n    python do.py\n" in text
    lines = dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith("  --"))
    assert lines["--needed"].endswith("must be there")
    assert lines["--count"].endswith("so many (default: 3)")
    assert lines["--yes"].endswith("agree (default: False)")
    assert lines["--file"].endswith("write it (default: no)")
    assert lines["--model"].endswith("the model (default: all)")


def test_a_terminal_does_not_break_words_of_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = "    python do.py --a-command --of-one-line --which-is-copied --as-it-is"
    prose = "It does a lot of things that take more than one line of a narrow terminal to say."
    lines = script_parser(f"Does it.\n\n{command}\n\n{prose}").format_help().splitlines()
    assert command in lines
    assert max(len(line) for line in lines if line not in (command, *STATUSES.split("\n"))) <= 60
    assert prose in " ".join(lines)


@pytest.mark.parametrize(
    ("flag", "hint"),
    [
        ("--modle", " (did you mean '--model'?)"),
        ("--data_dir=x", " (did you mean '--data-dir'?)"),
        ("--modal", " (did you mean '--model'?)"),
        ("--methdo", ""),
        ("--zzz", ""),
    ],
)
def test_the_flag_that_is_meant_is_offered(
    capsys: pytest.CaptureFixture[str], flag: str, hint: str
) -> None:
    parser = script_parser("Does it.")
    parser.add_argument("--model")
    parser.add_argument("--data-dir")
    with pytest.raises(SystemExit) as end:
        parser.parse_args([flag, "x"])
    assert end.value.code == 2
    line = f"error: unrecognized arguments: {flag} x{hint}. See: python {parser.prog} --help\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "the following arguments are required: --model"),
        (["--model"], "argument --model: expected one argument"),
        (["--model", "m", "--rounds", "no"], "argument --rounds: expected a whole number, 1 or"),
        (["--model", "m", "--form", "x"], "argument --form: invalid choice: 'x'"),
    ],
)
def test_a_wrong_flag_gets_one_line_without_the_usage_of_all_flags(
    capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    parser = script_parser("Does it.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=positive)
    parser.add_argument("--form", choices=("json", "html"))
    with pytest.raises(SystemExit) as end:
        parser.parse_args(flags)
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert line.startswith(f"error: {words}")
    assert line.endswith(f". See: python {parser.prog} --help")


class TestOutputs:
    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            ({"json": "a", "html": "./a"}, "--html a: --json writes it too. Use another file."),
            ({"json": "a", "setting_file": "a"}, "--json a: --setting-file reads it."),
            ({"html": "b", "files": ["a", "b"]}, "--html b: --files reads it."),
            ({"json": "-", "html": "-"}, "--html -: --json writes it too."),
        ],
    )
    def test_a_file_of_two_flags_is_refused(self, flags: dict[str, object], words: str) -> None:
        with pytest.raises(InputError, match=words):
            self.check(flags)

    @pytest.mark.parametrize(
        "flags",
        [
            {"json": "a", "html": "b", "setting_file": "c"},
            {"setting_file": "a", "files": ["a", "a"]},
            {"json": os.devnull, "html": os.devnull},
            {"json": True, "html": True},
        ],
    )
    def test_others_may_be_read_and_written(self, flags: dict[str, object]) -> None:
        self.check(flags)

    def test_a_report_goes_over_no_records_and_no_settings(self, tmp_path: Path) -> None:
        for name in ("answers.jsonl", "config.yaml", "report.json"):
            path = tmp_path / name
            self.check({"json": str(path)})
            path.touch()
            spoils = name != "report.json"
            refused = pytest.raises(InputError, match=rf"^--json .*{name}: this is no report\. Use")
            with refused if spoils else contextlib.nullcontext():
                self.check({"json": str(path)})

    @staticmethod
    def check(flags: dict[str, object]) -> None:
        def paths(value: object) -> object:
            if isinstance(value, list):
                return list(map(Path, value))
            return Path(value) if isinstance(value, str) else value

        empty = dict.fromkeys(("json", "html", "setting_file", "files"))
        values = {name: paths(value) for name, value in flags.items()}
        args = argparse.Namespace(**empty | values)
        check_outputs(args, ("json", "html"), ("setting_file", "files"))


class TestNames:
    @pytest.mark.parametrize(
        ("what", "spelling"),
        [
            *(("judge", name) for name in ("--judge-name", "-j", "--judge-names", "--judges")),
            *(("judge", name) for name in ("--judge-model", "--judge")),
            ("judge", "--judge-n"),
            ("baseline", "--base"),
            ("model", "--mod"),
        ],
    )
    def test_lists_are_given_by_spaces_and_by_repetition(self, what: str, spelling: str) -> None:
        parser = script_parser("")
        add_names(parser.add_argument, what, "names")
        args = parser.parse_args([spelling, "a", "b", NAMES[what][0], "c"])
        assert list(vars(args).values()) == [["a", "b", "c"]]
        assert list(vars(parser.parse_args([])).values()) == [None]

    def test_a_prefix_of_two_flags_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        parser = script_parser("")
        add_names(parser.add_argument, "judge", "names")
        parser.add_argument("--judge-effects")
        with pytest.raises(SystemExit):
            parser.parse_args(["--judge-", "a"])
        assert "error: ambiguous option: --judge- could match" in capsys.readouterr().err

    @pytest.mark.parametrize("what", ["judge", "baseline"])
    def test_a_second_name_for_one_is_refused(
        self, what: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        parser = script_parser("")
        add_name(parser.add_argument, what, "the one")
        flag = NAMES[what][0]
        assert list(vars(parser.parse_args([flag, "a", flag, "a"])).values()) == ["a"]
        with pytest.raises(SystemExit):
            parser.parse_args([flag, "a", flag, "b"])
        assert "expected one name, got 'a' and 'b'" in capsys.readouterr().err

    def test_help_shows_one_spelling_and_the_letter(self) -> None:
        parser = script_parser("")
        add_names(parser.add_argument, "judge", "names of judges")
        assert "--judge-name, -j JUDGE [JUDGE ...]\n" in parser.format_help()
