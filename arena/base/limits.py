"""The limit on open files and connections of this process."""

from __future__ import annotations

import contextlib


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
