"""Ctrl-C while a script is still importing: it ends without a traceback.

Scripts import this first, by way of `arena.base.errors`: no `try` can be around their imports.
"""

from __future__ import annotations

# `signal` itself imports `enum` and more, in which time a Ctrl-C would find no handler.
import _signal  # type: ignore[import-not-found]
import os
import sys

SIGINT = int(_signal.SIGINT)
STATUS = 128 + SIGINT


def stop(*_: object) -> None:
    """End this process at once."""
    try:
        os.write(2, b"stopped\n")
    finally:
        os._exit(STATUS)


def is_script() -> bool:
    """Whether the main program is a script beside `arena`, and no notebook or user's own."""
    program = getattr(sys.modules["__main__"], "__file__", None)
    repo = os.path.realpath(f"{os.path.dirname(__file__)}/../..")
    return program is not None and os.path.dirname(os.path.realpath(program)) == repo


def watch() -> None:
    """Stop at Ctrl-C from now on, if a script of ours is starting."""
    if is_script() and _signal.getsignal(SIGINT) is _signal.default_int_handler:
        _signal.signal(SIGINT, stop)


watch()
