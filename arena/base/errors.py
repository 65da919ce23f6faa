"""One-line errors and warnings for users, and the exit status of a script."""

from __future__ import annotations

import difflib
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence


class InputError(Exception):
    """A wrong input of the user. Its message is one line: the place, the fault, the remedy."""


class OutputError(Exception):
    """A file that cannot be written. Its message is one line: the file and the reason."""


class FailedCheck(Exception):
    """A result that does not pass a check of the user's. Its message is one line."""


def warn(message: str) -> None:
    """Print a warning line on stderr."""
    print(f"warning: {one_line(message, 2000)}", file=sys.stderr)


def one_line(text: object, limit: int = 300) -> str:
    """Return a text as one terminal line, without control characters and not over the limit."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    folded = " ".join(printable.split())
    return folded if len(folded) <= limit else folded[: limit - 3] + "..."


def script(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Wrap the `main` of a script: an InputError becomes one line on stderr and exit status 2."""

    @functools.wraps(main)
    def wrapped(argv: Sequence[str] | None = None) -> int:
        for stream in (sys.stdout, sys.stderr):
            # Names of models may be in any language, and a terminal of any encoding.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        try:
            return main(argv)
        except (InputError, OutputError, FailedCheck) as error:
            print(f"error: {one_line(error, 2000)}", file=sys.stderr)
            return 2 if isinstance(error, InputError) else 1
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 128 + signal.SIGINT
        except BrokenPipeError:
            # Python flushes stdout at exit, which would fail again with a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1

    return wrapped


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ` (did you mean '...'?)` with the most similar known name, or nothing."""
    match = difflib.get_close_matches(name, sorted(names), n=1)
    return f" (did you mean '{match[0]}'?)" if match else ""
