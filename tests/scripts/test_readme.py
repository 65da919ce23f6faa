"""The README's commands, run in their order beside a copy of its data, and its literal output."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPO, Done, close_clients
from fake_api import FakeAPI, Reply
from fake_batches import FakeBatches
from stand_in_engine import judge_or_answer

from arena.chat.providers import API_TYPES

README = (REPO / "README.md").read_text(encoding="utf-8")
FORMATS = (REPO / "docs" / "formats.md").read_text(encoding="utf-8")
PAGES = [Path("README.md"), *(page.relative_to(REPO) for page in sorted(REPO.glob("docs/*.md")))]


def text_of(page: Path) -> str:
    return (REPO / page).read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands_of(page: Path) -> list[str]:
    return [line for block in blocks("console", text_of(page)) for line in block.splitlines()]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: what commands read of the repository, which they must not write into."""
    folder = tmp_path / "clone"
    shutil.copytree(REPO / "config", folder / "config")
    shutil.copytree(REPO / "data" / "demo-v0.1", folder / "data" / "demo-v0.1")
    monkeypatch.chdir(folder)
    return folder


RunCommand = Callable[[str], Done]


@pytest.fixture
def run(
    clone: Path,
    api: FakeAPI,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[RunCommand]:
    """Runs a command of a page: a script in this process, a server in one of its own."""
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    FakeBatches(api).retry_after = "0.001"
    for name in ("openai", "openai_thinking"):
        monkeypatch.setitem(API_TYPES, name, replace(API_TYPES[name], base_url=api.v1))

    def run(command: str) -> Done:
        python, script, *flags = shlex.split(command)
        assert python == "python"
        if script == "-m":
            subprocess.run([sys.executable, script, *flags], check=True)
            return Done(0, "", "")
        if script == "qa_browser.py":
            return served(script, flags)
        assert (REPO / script).is_file(), command
        capsys.readouterr()
        main = importlib.import_module(script.removesuffix(".py")).main
        return Done(main(flags), *capsys.readouterr())

    yield run
    close_clients()


def served(script: str, flags: Sequence[str]) -> Done:
    """Start a server, get its page, and end it with Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, str(REPO / script), *flags],
        env=os.environ | {"PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            said = called(process)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return Done(process.returncode, said + out, err)


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


def add_checkpoint(clone: Path, api: FakeAPI) -> None:
    """Add the README's entry of a model to the models, at the fake API."""
    entry = next(block for block in blocks("yaml") if block.startswith("my-checkpoint:"))
    assert "http://localhost:8000/v1" in entry
    with (clone / "config" / "api_config.yaml").open("a", encoding="utf-8") as config:
        config.write(entry.replace("http://localhost:8000/v1", api.v1))


def write_files(clone: Path, page: Path) -> None:
    """Write the files that a page tells the reader to write, each named before its block."""
    block = r"`([\w./-]+)`:\n\n```(?:jsonl|yaml|csv)\n(.*?)```"
    for name, text in re.findall(block, text_of(page), re.DOTALL):
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def engine_in(clone: Path) -> dict[str, str]:
    """An environment in which `vllm` is a stand-in."""
    engine = clone / "bin" / "vllm"
    engine.parent.mkdir()
    program = shlex.join([sys.executable, str(REPO / "tests" / "stand_in_engine.py")])
    engine.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    engine.chmod(0o755)
    return os.environ | {"PATH": f"{engine.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_command_of_a_page_works_in_the_order_of_the_page(
    clone: Path,
    api: FakeAPI,
    run: RunCommand,
    page: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """If the output of a command or of code stands below it, it is what is printed, or a part of it
    below words such as `among others:`. An engine that stands in for vLLM answers request files.
    """
    api.answer_with(judge_or_answer)
    add_checkpoint(clone, api)
    write_files(clone, page)
    engine = engine_in(clone)
    if any("download_data.py" in command for command in commands_of(page)):
        request.getfixturevalue("published")
    shown = dict(
        (commands.splitlines()[-1], output)
        for commands, output in re.findall(
            r"```console\n([^`]*)\n```\n\n```text\n(.*?)```", text_of(page), re.DOTALL
        )
    )
    parts = dict(
        (commands.splitlines()[-1], output)
        for commands, output in re.findall(
            r"```console\n([^`]*)\n```\n\n[^`]*among[^`]*:\n\n```text\n(.*?)```",
            text_of(page),
            re.DOTALL,
        )
    )
    for command in commands_of(page):
        if command.startswith("python "):
            done = run(command)
            assert parts.get(command, "") in done.out, command
            assert done.status == int("need another round" in done.out), f"{command}\n{done}"
            assert "warning" not in done.err, f"{command}\n{done}"
            assert done.out == shown.get(command, done.out), command
        elif "vllm run-batch" in command:
            subprocess.run(command, shell=True, check=True, env=engine, timeout=60)
    printed = dict(
        re.findall(r"```python\n([^`]*)```\n\n```text\n(.*?)```", text_of(page), re.DOTALL)
    )
    for code in blocks("python", text_of(page)):
        path = clone / "example.py"
        path.write_text(code, encoding="utf-8")
        capsys.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        out = capsys.readouterr().out
        assert out == printed.get(code, out)


def test_the_recipe_that_needs_a_local_model_can_be_followed(clone: Path, run: RunCommand) -> None:
    page = Path("docs/judging.md")
    write_files(clone, page)
    block = next(text for text in blocks("sh", text_of(page)) if "no_seed.yaml" in text)
    make, copy, judge, _ = block.replace("\\\n", "").splitlines()
    subprocess.run(f"{make} && {copy}", shell=True, check=True)
    done = run(f"{judge} --dry-run")
    assert done.status == 0 and done.out.startswith("smollm2-hot: 320 calls to make")
    assert "warning" not in done.err  # of a seed


def test_the_pages_show_the_output_of_six_commands() -> None:
    texts = [block for page in PAGES for block in blocks("text", text_of(page))]
    words = ("score:", "Scores (%)", "separability, %", "order flips")
    assert sum(any(word in text for word in words) for text in texts) == 6


def test_each_make_target_of_the_pages_is_run_by_ci() -> None:
    ci = (REPO / ".ci" / "run").read_text(encoding="utf-8")
    commands = {command for page in PAGES for command in commands_of(page)}
    targets = {c for c in commands if not (c.startswith("python ") or "vllm run-batch" in c)}
    assert targets == {"make demo", "make test", "make lint", "make bench"}
    for target in targets:
        assert re.search(rf"^{target}\b", ci, re.MULTILINE), target


def test_links_of_the_pages_lead_to_files() -> None:
    for page in [*PAGES, Path("CONTRIBUTING.md")]:
        for link in re.findall(r"(?:\]\(|src(?:set)?=\")([^)\"#]+)", text_of(page)):
            if not link.startswith("http"):
                assert ((REPO / page).parent / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_prose_is_short_and_plain(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    words = len(prose.split())
    assert prose.count(";") <= 0.003 * words
    assert page.name != "README.md" or words <= 2500


def test_the_literal_records_in_the_docs_are_json_with_the_fields_that_are_written(
    clone: Path,
) -> None:
    question, answer, judgment, *_ = (json.loads(block) for block in blocks("json", FORMATS))
    data = clone / "data" / "demo-v0.1"

    def first(path: Path) -> dict[str, object]:
        record: dict[str, object] = json.loads(path.read_text("utf-8").splitlines()[0])
        return record

    assert question.keys() == first(data / "question.jsonl").keys()
    assert answer.keys() == first(data / "model_answer" / "smollm2-base.jsonl").keys()
    path = data / "model_judgment" / "smollm2-judge" / "smollm2-hot.jsonl"
    assert judgment.keys() == first(path).keys()


def test_so_are_those_of_v2_0(clone: Path, api: FakeAPI, run: RunCommand) -> None:
    question, answer, judgment = (json.loads(block) for block in blocks("json", FORMATS)[3:6])
    add_checkpoint(clone, api)
    data = clone / "data" / "v2"
    (data / "model_answer").mkdir(parents=True)
    (data / "question.jsonl").write_text(json.dumps(question) + "\n", encoding="utf-8")
    baseline = data / "model_answer" / f"{judgment['baseline']}.jsonl"
    baseline.write_text(json.dumps(answer) + "\n", encoding="utf-8")
    api.answer_with(lambda call: Reply(judge_or_answer(call), reasoning="hm"))
    for command in (
        "python gen_answer.py --bench-name v2 --model my-checkpoint",
        "python gen_judgment.py --setting-file config/v2.0/judge_config.yaml --bench-name v2 "
        "--model my-checkpoint --judge-model gpt-4o-mini",
    ):
        done = run(command)
        assert done.status == 0, done
    answered = json.loads((data / "model_answer" / "my-checkpoint.jsonl").read_text("utf-8"))
    path = data / "model_judgment" / "gpt-4o-mini" / "my-checkpoint.jsonl"
    judged = json.loads(path.read_text("utf-8"))
    assert answer.keys() == answered.keys()
    assert list(answer["settings"]) == list(answered["settings"])
    assert answer["metadata"].keys() == answered["metadata"].keys()
    contents = [record["messages"][1]["content"] for record in (answer, answered)]
    assert contents[0].keys() == contents[1].keys()
    assert judgment.keys() == judged.keys()
    assert list(judgment["settings"]) == list(judged["settings"])
    assert judgment["games"][0].keys() == judged["games"][0].keys()
    assert judgment["baseline"] == judged["baseline"]


def test_the_records_of_people_are_those_that_the_commands_write(
    clone: Path, run: RunCommand
) -> None:
    vote, drawn = (json.loads(block) for block in blocks("json", FORMATS)[6:])
    questions = (clone / "data/demo-v0.1/question.jsonl").read_text("utf-8").splitlines()
    question = json.loads(questions[0])["question_id"]
    rows = ["question_id,model_a,model_b,winner", f"{question},smollm2-hot,smollm2-base,a"]
    (clone / "votes.csv").write_text("\n".join(rows), "utf-8")
    names = "--bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base"
    run("python import_data.py votes.csv --bench-name demo-v0.1 --votes-of anna")
    run(f"python show_result.py {names} --calibrate human-anna --draw-for-labels 9")
    for record, path in (
        (vote, "model_judgment/human-anna/smollm2-hot.jsonl"),
        (drawn, "label_draws/human-anna.jsonl"),
    ):
        written = json.loads((clone / "data/demo-v0.1" / path).read_text().splitlines()[0])
        assert record.keys() == written.keys()
        if record is vote:
            assert [g and g.keys() for g in vote["games"]] == [
                g and g.keys() for g in written["games"]
            ]


def test_the_house_in_the_readme_names_every_folder_of_the_package() -> None:
    tree = next(block for block in blocks("text") if "utils.py  " in block)
    for folder in (REPO / "arena").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"arena/{folder.name}/ " in tree


@pytest.mark.parametrize("task", re.findall(r"^\| (?:add|change) .*$", README, re.MULTILINE))
def test_the_places_that_the_readme_names_are_there(task: str) -> None:
    quoted = re.findall(r"`([\w./]+)`", task)
    paths = [REPO / name for name in quoted if "/" in name]
    assert paths
    code = "".join(path.read_text("utf-8") for path in paths if path.is_file())
    for name in quoted:
        assert (REPO / name).exists() if "/" in name else name.rpartition(".")[2] in code, name
