"""Ctrl-C while a script imports what it needs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

SLOW = """
from arena.base.errors import script
import time
print("importing", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("folder", "status"), [(".", 130), ("of_a_user", -signal.SIGINT)])
def test_a_script_beside_the_package_stops_without_a_traceback(
    tmp_path: Path, folder: str, status: int
) -> None:
    (tmp_path / "arena").symlink_to(REPO / "arena")
    program = tmp_path / folder / "slow.py"
    program.parent.mkdir(exist_ok=True)
    program.write_text(SLOW)
    with subprocess.Popen(
        [sys.executable, program],
        env={"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == status
    assert (errors == "stopped\n") == (status == 130)


def test_scripts_import_it_before_anything_else() -> None:
    for path in REPO.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "@script" in text:
            first = text.split("from __future__ import annotations\n\n")[1]
            assert first.startswith("from arena.base.errors import "), path
            assert first.split("\n")[2] == "# isort: split", path
