"""A folder for the time of a run, which the next run removes if this one is killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Have a new folder in another one. Its name is the prefix and eight more characters.

    A lock beside it says that its run is alive. The folder is made after the lock is held, so no
    other run can take it for a leftover. Raises OSError if it cannot be made.
    """
    from filelock import FileLock

    descriptor, lock_file = tempfile.mkstemp(".lock", prefix, parent)
    os.close(descriptor)
    folder = Path(lock_file.removesuffix(".lock"))
    try:
        with FileLock(lock_file):
            folder.mkdir(mode=0o700)
            yield folder
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock_file).unlink(missing_ok=True)


def remove_leftovers(
    parent: Path, prefix: str, rescue: Callable[[Path], object] = lambda folder: None
) -> None:
    """Remove the folders of killed runs with a prefix. `rescue` takes from each what must stay.

    A folder stays if its run is alive, if another user owns it, and if it has no lock: it may be
    somebody's own.
    """
    from filelock import FileLock, Timeout

    name = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}\.lock")

    def is_ours(path: Path, is_kind: Callable[[int], bool]) -> bool:
        status = path.lstat()
        return is_kind(status.st_mode) and status.st_uid == os.geteuid()

    with contextlib.suppress(OSError):
        for lock_file in filter(lambda path: name.fullmatch(path.name), list(parent.iterdir())):
            folder = lock_file.with_suffix("")
            with contextlib.suppress(OSError, Timeout):
                if not is_ours(lock_file, stat.S_ISREG):
                    continue
                with FileLock(lock_file, timeout=0):
                    if folder.exists() and is_ours(folder, stat.S_ISDIR):
                        rescue(folder)
                        shutil.rmtree(folder)
                    lock_file.unlink(missing_ok=True)
