"""Errors of scripts: one line on stderr, and an exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from signal import SIG_DFL, SIGHUP, SIGINT, SIGTERM
from typing import Any

import pytest
from conftest import REPO

from arena.base import interrupt
from arena.base.errors import (
    InputError,
    OutputError,
    nearest,
    one_line,
    reworded,
    script,
    uninterrupted,
    warn,
)


def ending_with(error: BaseException) -> int:
    """The exit status of a script that ends with an error."""

    @script
    def main(argv: Sequence[str] | None = None) -> int:
        raise error

    return main([])


class TestScript:
    @pytest.mark.parametrize(
        ("error", "status", "line"),
        [
            (InputError("data: no such bench"), 2, "error: data: no such bench"),
            (InputError("a\nb\x1b[31m"), 2, "error: a b [31m"),
            (OutputError("x.csv: the disk is full"), 1, "error: x.csv: the disk is full"),
            (KeyboardInterrupt(), 130, "stopped"),
        ],
    )
    def test_an_error_is_one_line(
        self, error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert ending_with(error) == status
        assert capsys.readouterr() == ("", f"{line}\n")

    def test_any_other_error_is_a_fault_of_ours_with_its_traceback(self) -> None:
        with pytest.raises(ZeroDivisionError):
            ending_with(ZeroDivisionError())

    def test_a_reader_that_has_enough_sees_no_traceback(self) -> None:
        code = (
            "import sys\nfrom arena.base.errors import script\n"
            "@script\ndef main(argv=None):\n    while True: print('x' * 1000)\n"
            "sys.exit(main())"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(30) == 1
            assert process.stderr.read() == b""


class TestSignals:
    @pytest.fixture(autouse=True)
    def of_a_script(self) -> Iterator[None]:
        """The handlers that a script has when its `main` begins."""
        numbers: dict[int, Any] = {SIGINT: interrupt.stop, SIGTERM: SIG_DFL, SIGHUP: SIG_DFL}
        before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
        yield
        assert all(signal.getsignal(n) == handler for n, handler in numbers.items())
        for number, handler in before.items():
            signal.signal(number, handler)

    @pytest.mark.parametrize("number", [SIGINT, SIGTERM, SIGHUP])
    def test_a_script_that_is_stopped_cleans_up(
        self, number: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        steps: list[str] = []

        @script
        def main(argv: Sequence[str] | None = None) -> int:
            try:
                with uninterrupted():
                    signal.raise_signal(number)
                    steps.append("the last of the steps that belong together")
                return 0
            finally:
                steps.append("cleaned up")

        assert main([]) == 128 + number
        assert steps == ["the last of the steps that belong together", "cleaned up"]
        assert capsys.readouterr() == ("", "stopped\n")


def test_warnings_about_copies_name_the_files_of_the_user_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with reworded(lambda text: text.replace("/tmp/x/", "")):
        for _ in range(2):
            warn("/tmp/x/data/b: is odd")
    warn("/tmp/x/data/b: is odd")
    with pytest.raises(InputError, match="^data/b"), reworded(lambda text: text[7:]):
        raise InputError("/tmp/x/data/b: is wrong")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["warning: data/b: is odd", "warning: /tmp/x/data/b: is odd"]


def test_a_text_fits_in_one_line_without_control_characters() -> None:
    assert one_line("a\r\n b\t\x07c\u2028d") == "a b c d"
    assert one_line("한국어 \ud800") == "한국어"
    assert one_line("x" * 300) == "x" * 300
    assert one_line("x" * 301) == "x" * 297 + "..."


def test_the_nearest_name_is_offered_if_there_is_a_similar_one() -> None:
    assert nearest("max_token", ["max_tokens", "temperature"]) == " (did you mean 'max_tokens'?)"
    assert nearest("zzz", ["max_tokens", "temperature"]) == ""
    assert nearest("a", []) == ""
    names = " (are these 2 names? Give them one by one, without commas)"
    assert nearest("a,b", ["b", "c"]) == nearest("b, c", ["b", "c"]) == names
    assert nearest("x,y", ["b", "c"]) == names
    assert nearest("b,", ["b", "c"]) == " (did you mean 'b'?)"
    assert nearest("Maps, and Charts", ["Maps, Charts", "c"]) == " (did you mean 'Maps, Charts'?)"
