"""utils.py, the public face: the example of its docstring runs as a user's own script."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap

import pytest
from conftest import REPO, Workspace, clean_environment
from fake_api import FakeAPI

import utils


def run_as_users_script(bench: Workspace, code: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the user's folder, with the repository on its path."""
    script = bench.write("mine.py", code)
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=bench.root,
        env=clean_environment(os.environ) | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_example_of_the_docstring_runs_as_a_users_script(
    api: FakeAPI, bench: Workspace
) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n)+", utils.__doc__ or "", re.MULTILINE)
    example = textwrap.dedent(next(block for block in blocks if "import" in block))
    bench.add_model("gpt-6-luna", api.v1)
    done = run_as_users_script(bench, example)
    assert (done.returncode, done.stdout, done.stderr) == (0, "answer to: Hello\n", "")
    (call,) = api.calls
    assert call.body == {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
        "max_tokens": 100,
        "stream": False,
    }


def test_it_holds_nothing_but_imports_and_exports_them_all() -> None:
    docstring, *statements, exports = ast.parse((REPO / "utils.py").read_text("utf-8")).body
    assert isinstance(docstring, ast.Expr) and isinstance(exports, ast.Assign)
    imports = [s for s in statements if isinstance(s, ast.ImportFrom)]
    assert imports == statements
    names = {alias.name for statement in imports for alias in statement.names}
    assert utils.__all__ == sorted(names)


@pytest.mark.parametrize("script", ["gen_answer", "gen_judgment", "gen_ensemble_judgment"])
def test_the_scripts_share_it_for_calls_and_config(script: str) -> None:
    tree = ast.parse((REPO / f"{script}.py").read_text("utf-8"))
    sources = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "utils" in sources
    assert not sources & {"arena.bench.config", "arena.chat.config", "arena.chat.clients"}
