"""What all scripts have in common: a help that says everything, and a start that costs nothing."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from conftest import REPO, Done, Workspace

SCRIPTS = (
    "gen_answer",
    "gen_judgment",
    "gen_ensemble_judgment",
    "show_result",
    "add_markdown_info",
    "qa_browser",
    "benchmark_metrics",
    "judge_report",
    "check_bench",
    "download_data",
    "make_bench",
    "import_data",
    "share_results",
)
HEAVY = (
    *("openai", "anthropic", "httpx2", "xllamacpp", "tiktoken"),
    *("numpy", "pandas", "sklearn", "gradio", "huggingface_hub"),
)

_ENTRY = re.compile(r"^  (-\S.*?)(?:  +|\n +)(\S.*(?:\n {6,}\S.*)*)", re.MULTILINE)


Help = Callable[[str], Done]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Help:
    """What each script prints for --help."""
    bench = Workspace(tmp_path_factory.mktemp("bench"))

    @functools.cache
    def printed(script: str) -> Done:
        done = bench.run(f"{script}.py", "--help", check=0, env={"COLUMNS": "100"})
        return Done(done.returncode, done.stdout, done.stderr)

    return printed


def flags_of(text: str) -> dict[str, str]:
    """The help text of each flag, from what --help prints."""
    options = text[text.index("\noptions:\n") :]
    return {flags: " ".join(words.split()) for flags, words in _ENTRY.findall(options)}


@pytest.mark.parametrize("script", SCRIPTS)
class TestEveryScript:
    def test_its_help_explains_each_flag_and_shows_its_default(
        self, printed: Help, script: str
    ) -> None:
        done = printed(script)
        assert done.err == ""
        usage, _, rest = done.out.partition("\n\n")
        assert usage.startswith(f"usage: python {script}.py ") and len(usage.splitlines()) == 1
        flags = flags_of(done.out)
        assert len(flags) >= 3
        # Nothing that begins like a flag is passed over.
        names = set(re.findall(r"^  (--[a-z][a-z-]*)", rest, re.MULTILINE))
        assert names == {entry.split()[0].rstrip(",") for entry in flags}
        required = set(re.findall(r"--[a-z-]+", usage))
        for entry, words in flags.items():
            assert len(words) > 10, entry
            if "--help" not in entry and not any(flag in entry for flag in required):
                assert "(default: " in words, entry

    def test_its_help_ends_with_the_exit_statuses(self, printed: Help, script: str) -> None:
        words = " ".join(printed(script).out.split("\n\n")[-1].split())
        assert words == (
            "exit status: 0 all is done, 1 something failed or is missing, 2 wrong input, 130 "
            "stopped with Ctrl-C"
        )

    def test_its_help_shows_commands_to_run(self, printed: Help, script: str) -> None:
        done = printed(script)
        examples = re.findall(rf"^    python {script}\.py.*$", done.out, re.MULTILINE)
        assert len(examples) >= 2
        known = set(re.findall(r"--[a-z][a-z-]*", done.out[done.out.index("options:") :]))
        assert set(re.findall(r"--[a-z][a-z-]*", " ".join(examples))) <= known

    def test_starting_it_imports_nothing_that_costs_time(self, script: str) -> None:
        code = (
            f"import contextlib, io, json, sys\nimport {script}\n"
            "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
            f"    {script}.main(['--help'])\n"
            "print(json.dumps(sorted(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True
        )
        loaded = json.loads(done.stdout)
        assert script in loaded
        assert [name for name in HEAVY if name in loaded] == []

    def test_an_unknown_flag_is_named(self, bench: Workspace, script: str) -> None:
        done = bench.run(f"{script}.py", "--no-such-flag", check=2)
        assert "Traceback" not in done.stderr
        assert "--no-such-flag" in done.stderr or "required" in done.stderr

    def test_without_its_packages_it_says_what_to_run(self, bench: Workspace, script: str) -> None:
        command = [sys.executable, "-S", REPO / f"{script}.py", "--help"]  # -S: none is found
        done = subprocess.run(command, cwd=bench.root, capture_output=True, text=True)
        assert done.returncode == 2
        assert f"python {script}.py" in done.stdout, "the help, as far as it is known"
        assert re.fullmatch(r"error: \w+ is not installed\. Run: .+\n", done.stderr)
        assert "requirements.txt" in done.stderr or "activate" in done.stderr


@pytest.mark.parametrize(
    ("before", "status", "line"),
    [
        (
            "sys.version_info = (3, 8, 18, 'final', 0)",
            2,
            r"error: this is Python 3\.8\.18, and 3\.10 or newer is needed\. .*(demo|source) .*",
        ),
        (
            "import signal\ndef find_spec(*names):\n"
            "    if 'msgspec' in names: signal.raise_signal(signal.SIGINT)\n"
            "sys.meta_path.insert(0, type('Finder', (), {'find_spec': find_spec}))",
            130,
            "stopped",
        ),
    ],
    ids=["too old a Python", "Ctrl-C"],
)
def test_imports_that_stop_end_with_a_line(before: str, status: int, line: str) -> None:
    script = REPO / "show_result.py"
    code = f"import runpy, sys\n{before}\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "")
    assert re.fullmatch(f"{line}\n", done.stderr)


def test_other_programs_keep_their_own_errors() -> None:
    code = "import arena, sys\nassert sys.excepthook is sys.__excepthook__\nimport no_such_module"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'no_such_module'\n")
