"""Fixtures: `api`, a fake chat API; `bench`, a working folder as a user would have it.

A test of a script reads:

    def test_answers_are_written(api, bench):
        bench.add_questions(3)
        bench.add_model("tiny", api.v1, parallel=2)
        bench.write_answer_config()
        bench.run("gen_answer.py", check=0)
        assert len(bench.answers("tiny")) == 3

No test sees the developer's API keys, and no request to the fake API goes through a proxy.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import yaml
from fake_api import FakeAPI
from fake_hub import Download, FakeHub
from fork_server import ForkedPopen, can_fork, catch_ignored_signals
from judgments import (
    BASELINES,
    HARD,
    LOST,
    PLACES,
    QUESTIONS,
    SIZES,
    WON,
    add_judgments,
    draw,
    judge,
    judgment,
    modern_questions,
    random_answers,
    random_judgments,
)

from arena.chat import calls, clients

if TYPE_CHECKING:
    from browser_site import Servers
    from playwright.sync_api import Browser, BrowserContext, Page

# The same examples in each run, however slow the machine is.
hypothesis.settings.register_profile(
    "same",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")

catch_ignored_signals()

REPO = Path(__file__).resolve().parent.parent
RUN_TIMEOUT = 60

# Published data that is no part of the project.
REFERENCE = REPO.parent / "shared" / "reference" / "ko-arena-hard-v0.1"
NO_REFERENCE = f"no published data in {REFERENCE}, see docs/development.md"
NO_CHROMIUM = "no Chromium, run apt-get install chromium fonts-noto-cjk"

ENCODER = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make one for each record

# libyaml's, where it is built in: tests write thousands of settings.
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

JUDGE_PROMPT = (
    "<|User Prompt|>\n{question_1}\n\n"
    "<|The Start of Assistant A's Answer|>\n{answer_1}\n<|The End of Assistant A's Answer|>\n\n"
    "<|The Start of Assistant B's Answer|>\n{answer_2}\n<|The End of Assistant B's Answer|>"
)


def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: a fifth of the time, a test waits for servers and processes."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection() -> None:
    """Look for garbage only once the tests are there: most of what is made before then stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in one line, the last, which tests were skipped and what they need."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    if reporter and reasons:
        parts = [f"{count} ({reason})" for reason, count in reasons.items()]
        reporter.ensure_newline()
        reporter.write_line(f"skipped tests: {', '.join(parts)}")


def close_clients() -> None:
    """Close the connections of calls in this process, so that no warning of an open one comes."""
    for client in clients._clients.values():
        client.close()
    clients._clients.clear()
    clients._connect.clear()


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without API keys, and with no proxy between us and the fake API."""
    kept = {name: value for name, value in env.items() if not name.endswith("_API_KEY")}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


@dataclass
class Workspace:
    """A temporary working folder: `config/`, `data/<name>/`, and ways to run scripts in it."""

    root: Path
    name: str = "test-v1"
    models: dict[str, Any] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The folder of the bench: `data/<name>`."""
        return self.root / "data" / self.name

    # Files

    def write(self, path: str | Path, content: object) -> Path:
        """Write a file; str and bytes as they are, else YAML, JSON or JSONL by the suffix."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_text(_serialised(content, target.suffix), encoding="utf-8")
        return target

    def read_jsonl(self, path: str | Path) -> list[Any]:
        text = (self.root / path).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line.strip()]

    def answers(self, model: str) -> list[Any]:
        return self.read_jsonl(self.data / "model_answer" / f"{model}.jsonl")

    def judgments(self, judge: str, model: str) -> list[Any]:
        return self.read_jsonl(self.data / "model_judgment" / judge / f"{model}.jsonl")

    # What a user puts there

    def add_questions(self, questions: int | Sequence[str | Mapping[str, Any]]) -> list[Any]:
        """Write question.jsonl: a number of questions, or their texts, or whole records."""
        if isinstance(questions, int):
            questions = [f"Question {number}?" for number in range(1, questions + 1)]
        records = [
            self._question(f"q{number}", item) if isinstance(item, str) else item
            for number, item in enumerate(questions, 1)
        ]
        self.write(self.data / "question.jsonl", records)
        return records

    def _question(self, question_id: str, text: str) -> dict[str, Any]:
        return {
            "question_id": question_id,
            "category": self.name,
            "cluster": "tests",
            "turns": [{"content": text}],
        }

    def add_answers(self, model: str, answers: Mapping[str, str]) -> None:
        """Write a model's answer file from question ids and texts."""
        records = [
            {
                "question_id": question_id,
                "answer_id": f"{model}-{question_id}",
                "model_id": model,
                "choices": [{"index": 0, "turns": [{"content": text}]}],
                "tstamp": 1700000000.0,
            }
            for question_id, text in answers.items()
        ]
        self.write(self.data / "model_answer" / f"{model}.jsonl", records)

    def add_model(self, name: str, api_base: str, **fields: Any) -> None:
        """Add a model to config/api_config.yaml; `fields` overrule the entry's keys."""
        self.models[name] = {
            "model_name": name,
            "endpoints": [{"api_base": api_base, "api_key": "test-key"}],
            "api_type": "openai",
            "parallel": 4,
        } | fields
        self.write("config/api_config.yaml", self.models)

    def write_answer_config(self, **fields: Any) -> None:
        """Write config/gen_answer_config.yaml for all models added so far."""
        config = {
            "name": "test",
            "bench_name": self.name,
            "temperature": 0.0,
            "max_tokens": 256,
            "num_choices": 1,
            "model_list": list(self.models),
        }
        self.write("config/gen_answer_config.yaml", config | fields)

    def write_judge_config(self, judge: str, baseline: str, /, **fields: Any) -> None:
        """Write config/judge_config.yaml, for all models with answers but the baseline."""
        config = {
            "name": "test",
            "bench_name": self.name,
            "judge_model": judge,
            "reference": False,
            "ref_model": None,
            "baseline": True,
            "baseline_model": baseline,
            "pairwise": True,
            "temperature": 0,
            "max_tokens": 256,
            "regex_pattern": r"\[\[([AB<>=]+)\]\]",
            "number_of_judgment_attempts": 2,
            "system_prompt": "Judge the two answers. End with a verdict such as [[A>B]].",
            "prompt_template": [JUDGE_PROMPT],
            "model_list": self._models_with_answers(but=baseline),
        }
        self.write("config/judge_config.yaml", config | fields)

    def _models_with_answers(self, but: str) -> list[str]:
        files = (self.data / "model_answer").glob("**/*.jsonl")
        names = (file.relative_to(self.data / "model_answer").as_posix() for file in files)
        return sorted({name.removesuffix(".jsonl") for name in names} - {but})

    # Scripts

    def run(
        self,
        script: str,
        *args: object,
        env: Mapping[str, str] | None = None,
        check: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the repository to its end; `check` is the exit status it must have."""
        with self._process(script, args, env or {}) as process:
            try:
                out, err = process.communicate(timeout=RUN_TIMEOUT)
            except BaseException:
                process.kill()
                raise
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        if check is not None and done.returncode != check:
            pytest.fail(
                f"{script} exited with {done.returncode}, not {check}\n"
                f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
            )
        return done

    def start(
        self, script: str, *args: object, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a script in the background, to be signalled; it is killed at the test's end."""
        process = self._process(script, args, env or {})
        self.processes.append(process)
        return process

    def _process(
        self, script: str, args: Sequence[object], env: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        command = [sys.executable, str(REPO / script), *map(str, args)]
        popen = ForkedPopen if can_fork(script, env) else subprocess.Popen
        return popen(
            command,
            cwd=self.root,
            env=clean_environment(os.environ) | {"PYTHONIOENCODING": "utf-8"} | dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def tree(root: Path) -> dict[str, bytes | str]:
    """Everything below a folder: the content of files, the target of links, a word for folders."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else "a folder"
    return found


def _serialised(content: object, suffix: str) -> str:
    if isinstance(content, str):
        return content
    if suffix == ".jsonl":
        assert isinstance(content, Sequence)
        return "".join(ENCODER.encode(record) + "\n" for record in content)
    if suffix == ".json":
        return json.dumps(content, ensure_ascii=False, indent=2)
    return str(yaml.dump(content, Dumper=Dumper, allow_unicode=True, sort_keys=False))


@pytest.fixture(autouse=True, scope="session")
def no_keys_no_proxy() -> Iterator[None]:
    """No test sees a key of the developer's or goes through a proxy."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean = clean_environment(os.environ)
        for name in os.environ.keys() - clean.keys():
            monkeypatch.delenv(name)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, clean[name])
        yield


@pytest.fixture(autouse=True)
def unknown_endpoints() -> None:
    """No test finds an endpoint well that another had: servers get the ports of earlier ones."""
    calls._endpoints.clear()


@pytest.fixture
def api() -> Iterator[FakeAPI]:
    with FakeAPI() as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def modern(bench: Workspace) -> Workspace:
    """Two categories with the baselines of v2.0: `m1` and `m2` on both, each baseline in the
    other's category, `poet` on one alone.
    """
    bench.add_questions(modern_questions())
    judge(bench, {f"m{seed}": draw(seed) for seed in (1, 2)})
    for seed, (category, model) in enumerate(BASELINES.items(), 3):
        records = [r for r, place in zip(draw(seed), PLACES, strict=True) if place != category]
        add_judgments(bench, model, records)
    add_judgments(bench, "poet", draw(5)[SIZES[HARD] :])
    bench.write("config/judge_config.yaml", {"bench_name": bench.name, "judge_model": "judge"})
    return bench


@pytest.fixture
def small(bench: Workspace) -> Workspace:
    """Three models with random verdicts and styles; `best` won, `worst` lost everything."""
    bench.add_questions(QUESTIONS)
    for seed, model in enumerate(["base", "m1", "org/m2"]):
        bench.write(bench.data / f"model_answer/{model}.jsonl", random_answers(seed, QUESTIONS))
        if model != "base":
            add_judgments(bench, model, random_judgments(seed, QUESTIONS))
    for model, labels in (("best", WON), ("worst", LOST)):
        records = [judgment(f"q{i + 1}", *labels) for i in range(QUESTIONS)]
        add_judgments(bench, model, records)
    return bench


@pytest.fixture
def styled(small: Workspace) -> Workspace:
    """The same with the style of all answers known."""
    for seed, model in enumerate(["best", "worst"], start=5):
        small.write(small.data / f"model_answer/{model}.jsonl", random_answers(seed, QUESTIONS))
    return small


@pytest.fixture
def clustered(bench: Workspace) -> Workspace:
    """Three clusters; `coder` was judged on the first alone."""
    from clusters import PLACES, questions

    bench.add_questions(questions())
    for seed in (1, 2, 3):
        add_judgments(bench, f"m{seed}", random_judgments(seed, len(PLACES)))
    add_judgments(bench, "coder", random_judgments(4, 7))
    for seed, model in enumerate(("base", "m1", "m2", "m3", "coder")):
        answers = random_answers(seed, len(PLACES))
        bench.write(bench.data / f"model_answer/{model}.jsonl", answers)
    return bench


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    from browser_site import Servers

    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from browser_site import CHROMIUM, FLAGS
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One for all pages: they share what is cached, and a process, which an open page keeps."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


@dataclass(frozen=True)
class Done:
    """How a script ended and what it printed."""

    status: int
    out: str
    err: str


RunMain = Callable[..., Done]


@pytest.fixture
def run_main(
    bench: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunMain]:
    """Runs a script in the bench's folder and in this process, which saves the imports."""
    monkeypatch.chdir(bench.root)

    def run(script: str, *flags: object, check: int = 0) -> Done:
        capsys.readouterr()
        main = importlib.import_module(script.removesuffix(".py")).main
        done = Done(main([str(flag) for flag in flags]), *capsys.readouterr())
        assert done.status == check, f"exit status {done.status}, not {check}\n{done}"
        return done

    yield run
    close_clients()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub for scripts in this process, as if the hub's client had just been imported."""
    from huggingface_hub import constants

    with FakeHub() as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.address)
        for name, value in {
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "ENDPOINT": hub.address,
            "HF_HUB_CACHE": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        yield hub


@pytest.fixture
def published(hub: FakeHub) -> FakeHub:
    """The same with small files in the place of the published ones."""
    from published_files import KO, OFFICIAL, REPO, ROWS, official, table

    hub.add(OFFICIAL, official())
    hub.add(REPO, {KO: table(ROWS), KO.replace("ko", "ja"): table(ROWS[:1])})
    return hub


@pytest.fixture
def download(hub: FakeHub, run_main: RunMain) -> Download:
    """Runs download_data.py in this process."""

    def run(*flags: object, check: int = 0) -> Done:
        return run_main("download_data.py", *flags, check=check)

    return run


@pytest.fixture
def refused(bench: Workspace, download: Download) -> Callable[..., str]:
    """Runs it likewise. Returns the one line of its error; nothing has changed."""

    def run(*flags: object, check: int = 2) -> str:
        before = tree(bench.root / "data")
        done = download(*flags, check=check)
        assert tree(bench.root / "data") == before
        assert done.err.count("\n") == 1 and done.err.startswith("error: ")
        return str(done.err.removeprefix("error: ").rstrip("\n"))

    return run


Run = Callable[..., Done]


@pytest.fixture
def run(
    bench: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a script in the bench's folder: what it makes ("answers" or "judgments"), its flags."""
    from runs import SCRIPTS

    monkeypatch.chdir(bench.root)

    def run(makes: str, *flags: object) -> Done:
        capsys.readouterr()
        main = importlib.import_module(SCRIPTS[makes]).main
        return Done(main([str(flag) for flag in flags]), *capsys.readouterr())

    return run


@pytest.fixture
def house(bench: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A folder with all three files, all right, which is also the current folder."""
    bench.add_questions(1)
    bench.add_model("tiny", "http://127.0.0.1:9/v1")
    bench.write_answer_config()
    bench.write_judge_config("tiny", "base", model_list=["tiny"])
    monkeypatch.chdir(bench.root)
    return bench
