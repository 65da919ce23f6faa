"""One-line errors and warnings for users, and the exit status of a script."""

from __future__ import annotations

from arena.base import interrupt, output

# isort: split
import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType


class InputError(Exception):
    """A wrong input of the user. Its message is one line: the place, the fault, the remedy."""


class OutputError(Exception):
    """A file that cannot be written. Its message is one line: the file and the reason."""


class FailedCheck(Exception):
    """A result that does not pass a check of the user's. Its message is one line."""


_wordings: list[Callable[[str], str]] = []  # of the blocks of `reworded` that are open
_warned: set[str] = set()  # in the outermost of them


def warn(message: str) -> None:
    """Print a warning line on stderr."""
    for wording in reversed(_wordings):
        message = wording(message)
    if message and message not in _warned:
        output.print_folded(f"warning: {one_line(message, 2000)}", sys.stderr)
    if _wordings:
        _warned.add(message)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Print no warnings of a block, for one that reads what this run is still writing."""
    _wordings.append(lambda _: "")
    try:
        yield
    finally:
        _wordings.pop()


@contextlib.contextmanager
def reworded(wording: Callable[[str], str]) -> Iterator[None]:
    """Reword the errors and warnings of a block, for one that reads copies of the user's files.

    A warning is printed once, since such a block may read a file several times.
    """
    _wordings.append(wording)
    try:
        yield
    except (InputError, OutputError) as error:
        error.args = (wording(str(error)),)
        raise
    finally:
        _wordings.pop()
        if not _wordings:
            _warned.clear()


def print_error(message: object) -> None:
    """Print an error line on stderr."""
    output.print_folded(f"error: {one_line(message, 2000)}", sys.stderr)


def one_line(text: object, limit: int = 300) -> str:
    """Return a text as one terminal line, without control characters and not over the limit."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    folded = " ".join(printable.split())
    return folded if len(folded) <= limit else folded[: limit - 3] + "..."


class Stopped(KeyboardInterrupt):
    """A signal that ends a script as Ctrl-C does: files and locks of the script are removed."""


def _stop(number: int, _: object) -> None:
    raise Stopped(number)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt between the imports and the exit of a script, and other
    signals that would end it raise Stopped.
    """
    started = signal.getsignal(signal.SIGINT) is interrupt.stop
    handlers: dict[int, Callable[..., object]] = {}
    # A handler that is there stays: a shell ignores Ctrl-C for a script in the background, and
    # nohup ignores the signal of a terminal that closes.
    if started or interrupt.is_script():
        others = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))  # one on Windows
        handlers = {n: _stop for n in others if n and signal.getsignal(n) == signal.SIG_DFL}
    if started:
        handlers[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the signals that stop a script wait until a few steps that belong together are done."""
    numbers = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread
        yield
        return
    came: list[int] = []
    waiting = [n for n in numbers if callable(signal.getsignal(n))]
    before = {n: signal.signal(n, lambda number, _: came.append(number)) for n in waiting}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def script(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Wrap the `main` of a script: an InputError becomes one line on stderr and exit status 2."""

    @functools.wraps(main)
    def wrapped(argv: Sequence[str] | None = None) -> int:
        try:
            with output.checked_output():
                status = _status_of(main, argv)
                if status:
                    output.repeat_lost_error()
                return status
        except output.StreamError as error:
            with output.unfailing_output():
                print(f"error: {error}", file=sys.stderr)
        except BrokenPipeError:
            pass
        return 1

    return wrapped


def _status_of(main: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None) -> int:
    """Run a script and print its error. Return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # Names of models may be in any language, and a terminal of any encoding.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        with _interruptible():
            return main(argv)
    except (InputError, OutputError, FailedCheck) as error:
        print_error(error)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt as stop:
        print("stopped", file=sys.stderr)
        return 128 + stop.args[0] if isinstance(stop, Stopped) else interrupt.STATUS


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ` (did you mean '...'?)` with the most similar known name, or nothing.

    A name with commas is a list of names, unless a known one like it has commas too.
    """
    import difflib

    match = difflib.get_close_matches(name, sorted(names), n=1, cutoff=cutoff)
    parts = [part for part in name.split(",") if part.strip()]
    if len(parts) > 1 and not any("," in known for known in match):
        return f" (are these {len(parts)} names? Give them one by one, without commas)"
    return f" (did you mean '{match[0]}'?)" if match else ""


# The imports of a script, which come before its `main`. Pythons of any age and without packages
# run this.

OLDEST_PYTHON = (3, 10)
REPO = Path(__file__).resolve().parents[2]


def explain_imports() -> None:
    """Let one of our scripts end with one line if its Python is too old or has not all packages."""
    if not interrupt.is_script():
        return
    if sys.version_info < OLDEST_PYTHON:
        needed, version = (".".join(map(str, v)) for v in (OLDEST_PYTHON, sys.version_info[:3]))
        install = f"Install a newer one and run: make demo PYTHON=python{needed}"
        _end_imports(f"this is Python {version}, and {needed} or newer is needed", install)
    sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one line for a missing package, and the traceback of all else."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    package = (name or "arena").partition(".")[0]
    if package in ("arena", "utils"):
        sys.__excepthook__(kind, error, trace)
        return
    install = f"pip install -r {os.path.relpath(REPO / 'requirements.txt')}"
    if sys.prefix == sys.base_prefix:  # no virtual environment
        install = f"make demo && source .venv/bin/activate, or {install}"
    _end_imports(f"{package} is not installed", f"Run: {install}")


def _end_imports(problem: str, remedy: str) -> None:
    """Print what stopped the imports of a script, and the remedy, and exit with status 2."""
    activate = REPO / ".venv" / "bin" / "activate"
    if activate.exists() and Path(sys.prefix).resolve() != activate.parents[1]:
        remedy = f"Run: source {os.path.relpath(activate)}"
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(sys.modules["__main__"].__doc__)
    print(f"error: {problem}. {remedy}", file=sys.stderr)
    raise SystemExit(2)
