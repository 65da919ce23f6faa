"""Remote files beside local ones, and calls that take too long."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from pathlib import Path

import pytest

from arena.datasets.hub import RemoteFile, answer_within, size_text


@pytest.mark.parametrize("content", [b"", b"a\r\nb", "\ufeff가".encode(), b"x" * 200_000])
def test_a_file_is_the_same_by_its_blob_id_and_by_its_sha256(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    command = ["git", "hash-object", "--no-filters", str(path)]
    blob_id = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for digest in (blob_id, hashlib.sha256(content).hexdigest()):
        remote = RemoteFile("file", len(content), digest)
        path.write_bytes(content)
        assert remote.is_same(path)
        path.write_bytes(content[::-1] + b"!"[: not content])
        assert remote.is_same(path) == (content == content[::-1] and content != b"")
        path.write_bytes(content + b"\n")
        assert not remote.is_same(path)


def test_a_call_that_takes_too_long_is_left_behind() -> None:
    ended = threading.Event()
    with pytest.raises(TimeoutError):
        answer_within(0.01, lambda: ended.wait(60))
    ended.set()
    assert answer_within(60, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        answer_within(60, lambda: 1 // 0)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.0 kB"), (272_075, "272.1 kB"), (4_184_593, "4.2 MB"), (189e7, "1.9 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
