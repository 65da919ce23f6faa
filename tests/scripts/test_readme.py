"""The README's commands, run in their order in a copy of the repository, and its literal output."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import REPO, clean_environment
from fake_api import Call, FakeAPI, Reply

README = (REPO / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


FILES = re.findall(r"`([\w./-]+)`:\n\n```(?:jsonl|yaml|csv)\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in blocks("console") for line in block.splitlines()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    for script in REPO.glob("*.py"):
        shutil.copy(script, folder)
    shutil.copytree(REPO / "config", folder / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", folder / "data" / "demo-v0.1")
    return folder


def run(clone: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README to its end; a server is called, and ended with Ctrl-C."""
    words = shlex.split(command)
    assert words[0] == "python"
    process = subprocess.Popen(
        [sys.executable, *words[1:]],
        cwd=clone,
        env=clean_environment(os.environ) | {"PYTHONUTF8": "1"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            said = called(process) if "qa_browser.py" in words else ""
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(words, process.returncode, said + out, err)


def called(process: subprocess.Popen[str]) -> str:
    """Wait for a server's address, get its page, end it, and return what it said."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        address = re.search(r"http://\S+", line)
        if address:
            with urllib.request.urlopen(address[0], timeout=30) as reply:
                assert reply.status == 200
            process.send_signal(signal.SIGINT)
            break
    return said


def judge_or_answer(call: Call) -> str:
    return "My verdict: [[B>A]]" if call.model == "gpt-4o-mini" else "**An answer.**"


def add_checkpoint(clone: Path, api: FakeAPI) -> None:
    """Add the README's entry of a model to the models, at the fake API."""
    entry = next(block for block in blocks("yaml") if block.startswith("my-checkpoint:"))
    assert "http://localhost:8000/v1" in entry
    with (clone / "config" / "api_config.yaml").open("a", encoding="utf-8") as config:
        config.write(entry.replace("http://localhost:8000/v1", api.v1))


def write_files(clone: Path) -> None:
    """Write the files that the README tells the reader to write."""
    assert [name for name, _ in FILES] == [
        "reference.csv",
        "data/ko-bench/question.jsonl",
        "config/ko_judge.yaml",
    ]
    for name, text in FILES:
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_each_python_command_of_the_readme_works_in_the_order_of_the_readme(
    clone: Path, api: FakeAPI
) -> None:
    api.answer_with(judge_or_answer)
    add_checkpoint(clone, api)
    write_files(clone)
    for command in COMMANDS:
        if command.startswith("python "):
            done = run(clone, command, OPENAI_API_KEY="test-key", OPENAI_BASE_URL=api.v1)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert "warning" not in done.stderr, f"{command}\n{done.stderr}"


def test_each_make_target_of_the_readme_is_run_by_ci() -> None:
    ci = (REPO / ".ci" / "run").read_text(encoding="utf-8")
    targets = {command for command in COMMANDS if not command.startswith("python ")}
    assert targets == {"make demo", "make test", "make lint", "make bench"}
    for target in targets:
        assert re.search(rf"^{target}\b", ci, re.MULTILINE), target


def test_what_commands_print_in_the_readme_is_what_they_print(clone: Path) -> None:
    """Below several commands stands the output of the last."""
    write_files(clone)
    shown = re.findall(r"```console\n([^`]*)\n```\n\n```text\n(.*?)```", README, re.DOTALL)
    words = ("score:", "Scores (%)", "separability, %", "order flips")
    printed = [block for block in blocks("text") if any(word in block for word in words)]
    assert [text for _, text in shown] == printed and len(printed) == 5
    for commands, text in shown:
        *_, last = [run(clone, command) for command in commands.splitlines()]
        assert last.stdout == text


def test_the_literal_records_in_the_readme_are_json_with_the_fields_that_are_written(
    clone: Path,
) -> None:
    question, answer, judgment, *_ = (json.loads(block) for block in blocks("json"))
    data = clone / "data" / "demo-v0.1"

    def first(path: Path) -> dict[str, object]:
        record: dict[str, object] = json.loads(path.read_text("utf-8").splitlines()[0])
        return record

    assert question.keys() == first(data / "question.jsonl").keys()
    assert answer.keys() == first(data / "model_answer" / "smollm2-base.jsonl").keys()
    path = data / "model_judgment" / "smollm2-judge" / "smollm2-hot.jsonl"
    assert judgment.keys() == first(path).keys()


def test_so_are_those_of_v2_0(clone: Path, api: FakeAPI) -> None:
    question, answer, judgment = (json.loads(block) for block in blocks("json")[3:])
    add_checkpoint(clone, api)
    data = clone / "data" / "v2"
    (data / "model_answer").mkdir(parents=True)
    (data / "question.jsonl").write_text(json.dumps(question) + "\n", encoding="utf-8")
    baseline = data / "model_answer" / f"{judgment['baseline']}.jsonl"
    baseline.write_text(json.dumps(answer) + "\n", encoding="utf-8")
    api.answer_with(Reply("[[B>A]]", reasoning="hm"))
    for command in (
        "python gen_answer.py --bench-name v2 --model my-checkpoint",
        "python gen_judgment.py --setting-file config/v2.0/judge_config.yaml --bench-name v2 "
        "--model my-checkpoint --judge-model gpt-4o-mini",
    ):
        done = run(clone, command, OPENAI_API_KEY="test-key", OPENAI_BASE_URL=api.v1)
        assert done.returncode == 0, done.stderr
    answered = json.loads((data / "model_answer" / "my-checkpoint.jsonl").read_text("utf-8"))
    path = data / "model_judgment" / "gpt-4o-mini" / "my-checkpoint.jsonl"
    judged = json.loads(path.read_text("utf-8"))
    assert answer.keys() == answered.keys()
    assert answer["settings"].keys() == answered["settings"].keys()
    assert answer["metadata"].keys() == answered["metadata"].keys()
    contents = [record["messages"][1]["content"] for record in (answer, answered)]
    assert contents[0].keys() == contents[1].keys()
    assert judgment.keys() == judged.keys()
    assert judgment["settings"].keys() == judged["settings"].keys()
    assert judgment["games"][0].keys() == judged["games"][0].keys()
    assert judgment["baseline"] == judged["baseline"]


def test_the_file_tree_in_the_readme_names_every_script() -> None:
    tree = next(block for block in blocks("text") if "gen_answer.py  " in block)
    for script in REPO.glob("*.py"):
        assert script.name in tree
