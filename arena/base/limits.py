"""The limits of this process: open files and processor cores."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator


def open_file_limit(needed: int) -> int:
    """Raise the limit on open files to `needed`, or as far as the system allows, and return it."""
    try:
        import resource
    except ImportError:  # Windows
        return needed
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    while allowed > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            return allowed
        allowed //= 2  # macOS allows less than the limit that it names
    return soft


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those it starts, on one core."""
    # Only one thread can hold Python's lock, and handing it from core to core is slow. Without
    # this, `make bench` on two cores took 1.5-2.0 ms of CPU a call and not 1.2-1.3, and did 550
    # calls a second and not 720.
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(before))})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
