"""The limits of the house: sizes, names and words that keep the code easy to find and read."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy  # noqa: ICN001, F401 (with its BLAS)
import pytest
from conftest import NO_CHROMIUM, REPO, pytest_unconfigure
from threadpoolctl import threadpool_info

MODULES = sorted(REPO.glob("arena/**/*.py"))
SCRIPTS = sorted(REPO.glob("*.py"))


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: str(path.relative_to(REPO)))
def test_a_module_is_short_and_its_first_line_says_what_it_is_for(path: Path) -> None:
    assert len(lines_of(path)) <= (200 if path in SCRIPTS else 400)
    purpose = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert purpose and "TODO" not in purpose


def test_a_folder_has_at_most_nine_modules() -> None:
    for folder in {path.parent for path in MODULES}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 9, folder


def test_a_function_has_at_most_forty_lines() -> None:
    long = [
        f"{path.relative_to(REPO)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in [*MODULES, *SCRIPTS]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and cast(int, node.end_lineno) - node.lineno >= 40
    ]
    advice = "Split a function of more than 40 lines where an idea of the field has a name."
    assert not long, f"{', '.join(long)}. {advice}"


def test_only_scripts_and_the_flags_module_know_argparse_namespaces() -> None:
    users = [path for path in MODULES if "argparse.Namespace" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(REPO).as_posix() for path in users] in ([], ["arena/base/flags.py"])


def test_own_modules_are_imported_at_the_top_of_a_module() -> None:
    """A script has one lazy import: that of the part which does the work."""
    for path in [*MODULES, *SCRIPTS]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
                path in MODULES or node.name != "main"
            ):
                inner = [part for part in ast.walk(node) if isinstance(part, ast.ImportFrom)]
                own = [part.module for part in inner if (part.module or "").startswith("arena")]
                assert not own, f"{path.relative_to(REPO)}: {node.name} imports {own}"


def test_tests_mirror_the_package() -> None:
    """Each test file of a folder of the package is named after one of its modules."""
    for path in REPO.glob("tests/*/**/test_*.py"):
        folder = REPO / "arena" / path.relative_to(REPO / "tests").parent
        if folder.is_dir():
            stem = path.stem.removeprefix("test_")
            there = [other.stem for other in folder.rglob("*") if other.suffix != ".pyc"]
            assert stem in there, path.relative_to(REPO)


THROUGH_COMMANDS = {
    *(
        "board_page",
        "code",
        "formulas",
        "judgment_list",
        "judgment_page",
        "index",
        "server",
        "readers",
        "page",
    ),  # the page in Chromium
    *("controls", "view"),  # of the page
    *("panel", "ratings", "judge_html", "judge_meanings"),  # the reports
    *("bench", "rating"),  # of make_bench.py
    *(
        "files",
        "forms",
        "imported",
        "contents",
        "bundle",
        "secrets",
        "verify",
    ),  # scripts of datasets
    *("commands", "settings"),  # of check_bench.py
    "folder",  # of share_results.py --site
    *("work", "outlook", "waves", "service", "complete"),  # runs, live and in batches
    *("planted", "width_goal"),  # of gen_judgment.py
}


def test_a_module_has_a_test_file_unless_its_command_line_tests_it() -> None:
    tests = {path.stem.removeprefix("test_") for path in REPO.glob("tests/*/**/test_*.py")}
    modules = {path.stem for path in MODULES if path.stem != "__init__"}
    assert modules - tests == THROUGH_COMMANDS


def test_tests_compute_in_as_many_threads_as_the_scripts() -> None:
    """They do if numpy is loaded after `arena`; else their threads wait for each other."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    allowed = int(os.environ["OPENBLAS_NUM_THREADS"])
    assert pools and all(pool["num_threads"] <= allowed for pool in pools)


def test_a_run_of_the_tests_ends_with_a_line_on_those_that_were_skipped() -> None:
    lines: list[str] = []
    reasons = [NO_CHROMIUM, "only root makes devices", NO_CHROMIUM]
    reporter = SimpleNamespace(
        stats={"skipped": [SimpleNamespace(longrepr=("f", 1, f"Skipped: {r}")) for r in reasons]},
        ensure_newline=lambda: None,
        write_line=lines.append,
    )
    plugins = SimpleNamespace(get_plugin=lambda name: reporter)
    pytest_unconfigure(cast(pytest.Config, SimpleNamespace(pluginmanager=plugins)))
    assert lines == [
        "skipped tests: 2 (no Chromium, run apt-get install chromium fonts-noto-cjk), "
        "1 (only root makes devices)"
    ]
