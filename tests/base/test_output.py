"""Standard output and error that are narrow, closed, full or read by nobody."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from conftest import REPO

CODE = """
import sys
from arena.base.errors import InputError, script, warn
from arena.base.flags import script_parser

@script
def main(argv=None):
    word = script_parser("x" * 20_000).parse_known_args(argv)[1][0]
    warn("a warning")
    if word == "wrong":
        raise InputError("wrong")
    print(word)
    with open("descriptor", "w") as file:
        file.write(str(file.fileno()))
    return 0

sys.exit(main())
"""


def run(word: str, streams: str) -> tuple[int, str, str]:
    """Run it with its streams redirected as a shell does."""
    command = ["bash", "-c", f'"$0" -c "$1" "$2" {streams}', sys.executable, CODE, word]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


WARNING = "warning: a warning\n"
NO_SPACE = "error: cannot write to stdout: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("word", ["board", "--help"])
def test_a_full_disk_is_one_line(word: str) -> None:
    assert run(word, ">/dev/full") == (1, "", NO_SPACE if word == "--help" else WARNING + NO_SPACE)


def test_a_board_into_a_closed_output_is_no_success() -> None:
    error = "error: cannot write to stdout: it is closed\n"
    assert run("board", ">&-") == (1, "", WARNING + error)
    # Else a library that prints would print into the file.
    with open("descriptor") as file:
        assert int(file.read()) > 2


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("word", "status", "out"),
    [("board", 0, "board\n"), ("wrong", 2, "error: wrong\n")],
)
def test_of_lost_messages_the_error_goes_to_stdout(
    stderr: str, word: str, status: int, out: str
) -> None:
    assert run(word, stderr) == (status, out, "")


@pytest.mark.parametrize(("word", "status"), [("board", 1), ("wrong", 2)])
def test_with_both_closed_the_status_is_left(word: str, status: int) -> None:
    assert run(word, "<&- >&- 2>&-") == (status, "", "")


LONG = "lines longer than the terminal " * 3


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_gets_errors_and_warnings_broken_between_words(columns: int) -> None:
    """Standard output goes elsewhere, so that only stderr knows the width."""
    code = f"from arena.base import errors; errors.warn('{LONG}'); errors.print_error('{LONG}')"
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    environment.pop("COLUMNS", None)
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
    said = os.read(ours, 2000).decode().splitlines()
    os.close(ours)
    os.close(theirs)
    assert max(map(len, said)) <= columns
    both = [f"warning: {LONG.strip()}", f"error: {LONG.strip()}"]
    assert " ".join(line.strip() for line in said) == " ".join(both)
