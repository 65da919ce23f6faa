"""Ctrl-C while a script imports what it needs."""

from __future__ import annotations

import shutil
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


@pytest.mark.parametrize(
    ("program", "status"),
    [("slow.py", 130), ("bin/link.py", 130), ("bin/of_a_user.py", -signal.SIGINT)],
)
def test_a_script_beside_the_package_stops_without_a_traceback(
    tmp_path: Path, program: str, status: int
) -> None:
    (tmp_path / "arena").mkdir()
    shutil.copy(REPO / "arena" / "__init__.py", tmp_path / "arena")
    shutil.copytree(REPO / "arena" / "base", tmp_path / "arena" / "base")
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "link.py").symlink_to(tmp_path / "slow.py")
    (tmp_path / "bin" / "of_a_user.py").write_text(SLOW)
    with subprocess.Popen(
        [sys.executable, tmp_path / program],
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


def test_a_program_without_a_file_is_the_users() -> None:
    code = "import arena, signal\nassert signal.getsignal(2) is signal.default_int_handler"
    command = [sys.executable, "-c", code]
    env = {"PYTHONPATH": str(REPO)}
    assert subprocess.run(command, cwd=REPO / "docs", env=env).returncode == 0


def test_scripts_import_it_before_anything_else() -> None:
    for path in REPO.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "@script" in text:
            first = text.split("from __future__ import annotations\n\n")[1]
            assert first.startswith("from arena.base.errors import "), path
            assert first.split("\n")[2] == "# isort: split", path
