"""Standard output and error: the width of their terminal, and what if they are closed or full."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO, cast

# The width of a terminal


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Return the number of columns of a stream's terminal, None if it is none. The stream is
    standard output if none is given.
    """
    stream = stream or sys.stdout
    if stream is None or not stream.isatty():
        return None
    size = os.terminal_size((80, 24))
    with contextlib.suppress(OSError, ValueError):
        size = os.get_terminal_size(stream.fileno())
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else size.columns or 80


def print_folded(text: str, stream: TextIO | None = None) -> None:
    """Print a text on a stream, on standard output if none is given, with its lines folded."""
    print(folded(text, stream), file=stream)


def folded(text: str, stream: TextIO | None = None) -> str:
    """Return a text whose lines are broken between words where the terminal of a stream would
    break them.
    """
    width = terminal_width(stream)
    if not width:
        return text
    lines = []
    for line in text.split("\n"):
        while shown_width(line) > width:
            first = len(line) - len(line.lstrip())
            places = (i for i in range(min(len(line) - 1, width), first, -1) if line[i] == " ")
            fitting = (i for i in places if shown_width(line[:i]) <= width)
            # A word that is wider, as the path of a file, stays in one piece.
            end = next(fitting, line.find(" ", first))
            if end < 0:
                break
            lines.append(line[:end])
            line = f"  {line[end + 1 :]}"
        lines.append(line)
    return "\n".join(lines)


def shown_width(text: str) -> int:
    """Return the number of terminal columns of a text: two for a Hangul syllable."""
    if text.isascii():
        return len(text)
    # Combining marks and formatting characters take no column.
    visible = (
        character
        for character in text
        if not unicodedata.combining(character)
        and unicodedata.category(character) not in ("Mn", "Me", "Cf")
    )
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in visible)


# Broken streams


class StreamError(OSError):
    """Standard output takes no text. Its message is one line."""


LONGEST_LINE = 5_000


class _Stream:
    """A stream that leads nowhere after its first error of writing. `strict` raises that one."""

    def __init__(self, stream: TextIO, strict: bool) -> None:
        self._stream = stream
        self._strict = strict
        self.error: OSError | None = None
        self.lost = ""

    def write(self, text: str) -> int:
        # The end of what the stream has lost, or of what it is about to lose.
        self.lost = (self.lost + text)[-LONGEST_LINE:] if self.error else text
        with self._noted():
            self._stream.write(text)
            if not self._strict:
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        with self._noted():
            self._stream.flush()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Python flushes it again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            reason = "it is closed" if error.errno == errno.EBADF else error.strerror
            is_pipe = isinstance(error, BrokenPipeError)
            self.error = error if is_pipe else StreamError(f"cannot write to stdout: {reason}")
            if self._strict:
                raise self.error from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Ignore what stderr does not take, and raise StreamError for stdout, or BrokenPipeError if its
    reader has enough, like `head`.
    """
    _open_closed_streams()
    out = _Stream(sys.stdout, strict=True)
    err = _Stream(sys.stderr, strict=False)
    with (
        contextlib.redirect_stdout(cast(TextIO, out)),
        contextlib.redirect_stderr(cast(TextIO, err)),
    ):
        try:
            yield
            out.flush()
        except SystemExit as stop:  # argparse ignores errors of printing the help
            if stop.code:
                repeat_lost_error()
            out.flush()
            if out.error is not None:
                raise out.error from None
            raise


def repeat_lost_error() -> None:
    """Print the last line that stderr did not take on stdout, for a script that ends with it."""
    err = sys.stderr
    if isinstance(err, _Stream) and err.error and (lines := err.lost.splitlines()):
        with contextlib.suppress(OSError):  # which stdout may refuse, too
            os.write(1, f"{lines[-1]}\n".encode(errors="backslashreplace"))


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Keep a run alive if stdout or stderr breaks, as in `gen_answer.py | head`."""
    out, err = (cast(TextIO, _Stream(s, strict=False)) for s in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def _open_closed_streams() -> None:
    """Give descriptors to standard streams that are closed, as in `show_result.py >&-`.

    Else the next file that is opened would get the number of standard output, and all that a
    library prints there. Writing to it fails, so that nobody takes a lost board for a success, and
    a lost error is known.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken.
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
