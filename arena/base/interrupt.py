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


def is_script(path: str) -> bool:
    """Whether the main program is a script beside `arena`, and no notebook or user's own."""
    return os.path.dirname(os.path.abspath(path)) == os.path.abspath(f"{__file__}/../../..")


def watch() -> None:
    """Stop at Ctrl-C from now on, if a script of ours is starting."""
    program = getattr(sys.modules["__main__"], "__file__", None) or ""
    if is_script(program) and _signal.getsignal(SIGINT) is _signal.default_int_handler:
        _signal.signal(SIGINT, stop)


watch()
