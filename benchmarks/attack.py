"""Attacks the scripts as processes: hostile replies, files, limits, signals and visitors.

    python benchmarks/attack.py
    python benchmarks/attack.py --only A2 D17

Prints a line for each attack and exits with status 1 if one succeeds. benchmarks/chaos.py does the
same with random faults and kills.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPO), str(REPO / "tests")]

from fake_api import Call, FakeAPI, Reply
from fork_server import catch_ignored_signals

TIMEOUT = 120.0
JUDGE_PROMPT = "{question_1}\n<1>{answer_1}</1>\n<2>{answer_2}</2>"


class AttackError(Exception):
    """An attack that succeeded."""


def hold(condition: object, problem: object) -> None:
    """Raise AttackError with the problem unless the condition is true."""
    if not condition:
        raise AttackError(str(problem))


@dataclass
class Done:
    """An ended process: its status, its output and what it used."""

    status: int
    output: str
    seconds: float
    megabytes: float

    def check(self, *statuses: int) -> Done:
        hold("Traceback" not in self.output, self.output[-1500:])
        hold(self.status in statuses, f"exit status {self.status}: {self.output[-1500:]}")
        return self


@dataclass
class Place:
    """A working folder with a fake API, and the scripts that run in it."""

    root: Path
    api: FakeAPI
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def bench(self) -> Path:
        return self.root / "data" / "attack"

    @property
    def answers(self) -> Path:
        return self.bench / "model_answer" / "tiny.jsonl"

    def prepare(self, questions: int = 40, models: Sequence[str] = ("tiny",), **entry: Any) -> None:
        """Write questions, and configs of models that differ from usual ones by `entry`."""
        self.write(
            "data/attack/question.jsonl",
            *(
                {
                    "question_id": f"q{number:06}",
                    "category": "attack",
                    "turns": [{"content": f"Question {number}?"}],
                }
                for number in range(questions)
            ),
        )
        usual = {
            "endpoints": [{"api_base": self.api.v1, "api_key": "secret-key"}],
            "parallel": 4,
            "retry_wait": 0.01,
            "max_retries": 2,
        }
        self.write("config/api_config.yaml", {name: usual | entry for name in (*models, "judge")})
        answers = {"bench_name": "attack", "model_list": list(models), "max_tokens": 256}
        self.write("config/gen_answer_config.yaml", answers)
        judging = {"judge_model": "judge", "baseline_model": "base", "model_list": ["tiny"]}
        judging |= {"bench_name": "attack", "prompt_template": [JUDGE_PROMPT], "max_tokens": 256}
        self.write("config/judge_config.yaml", judging)

    def prepare_judging(self, questions: int = 4, **config: Any) -> None:
        """Prepare judging of `tiny` against `base`, who have answered."""
        self.prepare(questions)
        for model in ("base", "tiny"):
            self.write(
                f"data/attack/model_answer/{model}.jsonl",
                *(
                    {
                        "question_id": f"q{number:06}",
                        "choices": [{"index": 0, "turns": [{"content": f"{model} {number}"}]}],
                    }
                    for number in range(questions)
                ),
            )
        path = self.root / "config/judge_config.yaml"
        self.write("config/judge_config.yaml", json.loads(path.read_text()) | config)

    def write(self, path: str | Path, *contents: Any) -> None:
        """Write JSON, a line for each content."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as lines:
            lines.writelines(json.dumps(content) + "\n" for content in contents)

    def start(self, script: str, *flags: object, shell: str = "", **streams: Any) -> Any:
        """Start a script; `shell` is run before it, as `ulimit -n 256`."""
        command = [sys.executable, str(REPO / script), *map(str, flags)]
        if shell:
            command = ["bash", "-c", f'{shell}; exec "$@"', "bash", *command]
        usual = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
        }
        local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
        options = {"cwd": self.root, "env": os.environ | local, "text": True} | usual | streams
        process = subprocess.Popen(command, **options)
        self.processes.append(process)
        return process

    def end(self, process: Any) -> Done:
        """Wait for the end of a process."""
        try:
            output = process.communicate(timeout=TIMEOUT)[0] or ""
        except subprocess.TimeoutExpired:
            process.kill()
            raise AttackError(f"it still ran after {TIMEOUT:g} s") from None
        return Done(process.returncode, output, 0.0, 0.0)

    def run(self, script: str, *flags: object, shell: str = "") -> Done:
        return self.end(self.start(script, *flags, shell=shell))

    def measure(self, script: str, *flags: object) -> Done:
        """Run a script and measure its CPU time and its memory."""
        with tempfile.TemporaryFile("w+") as file:
            process = self.start(script, *flags, stdout=file)
            killer = threading.Timer(TIMEOUT, process.kill)
            killer.start()
            _, status, usage = os.wait4(process.pid, 0)
            killer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            file.seek(0)
            seconds = usage.ru_utime + usage.ru_stime
            return Done(process.returncode, file.read(), seconds, usage.ru_maxrss / 1024)

    def stored(self, path: Path | None = None) -> dict[str, Any]:
        """The records of a file by question; the newest counts."""
        path = path or self.answers
        lines = path.read_text().split("\n") if path.is_file() else []
        return {r["question_id"]: r for r in map(json.loads, filter(None, lines))}

    def answered(self) -> set[str]:
        """The questions that the API was asked, as their ids."""
        return {f"q{int(call.prompt.split()[1][:-1]):06}" for call in self.api.calls}

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


@contextlib.contextmanager
def new_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, FakeAPI() as api:
        place = Place(Path(folder), api)
        try:
            yield place
        finally:
            place.close()


Attack = Callable[[Place], str]
ATTACKS: dict[str, list[tuple[str, Attack]]] = {}


def attack(item: str, what: str) -> Callable[[Attack], Attack]:
    def note(function: Attack) -> Attack:
        ATTACKS.setdefault(item, []).append((what, function))
        return function

    return note


# A1, A8: replies

POISON = {
    "a million spaces": " " * 1_000_000,
    "a million letters": "a" * 1_000_000,
    "200,000 brackets": "[" * 200_000,
    "600 kB of code blocks": "```\nx = 1\n```\n\n" * 40_000,
    "600 kB of headers and lists": "# a\n- **b**\n1. c\n" * 38_000,
    "halves of characters": "\ud83d \udc00" * 1000,
    "control characters": "".join(map(chr, range(32))) * 100 + "<|endoftext|>",
}


@attack("A1", "poisonous replies")
def poisonous_replies(place: Place) -> str:
    texts = list(POISON.values())
    place.prepare(len(texts), parallel=2)
    place.api.answer_with(lambda call: texts[int(call.prompt.split()[1][:-1])])
    done = place.measure("gen_answer.py").check(0)
    hold(len(place.stored()) == len(texts), f"{len(place.stored())} stored")
    calls = place.api.call_count
    place.run("gen_answer.py").check(0)
    hold(place.api.call_count == calls, "paid again by the next run")
    return f"{len(texts)} kinds stored, none asked twice, {done.seconds:.1f} s of CPU"


@attack("A8", "650 kB of code blocks")
def code_blocks(place: Place) -> str:
    place.prepare(2)
    place.api.answer_with("some text\n```python\nx = [1, 2]\n```\n" * 18_000)
    done = place.measure("gen_answer.py").check(0)
    hold(done.seconds < 8, f"{done.seconds:.1f} s of CPU for two replies")
    return f"two replies measured and stored in {done.seconds:.1f} s of CPU"


# A2: files

KNOWN_LINES = {
    "rm": lambda place: place.answers.unlink(),
    "mv": lambda place: place.answers.rename(place.bench / "away.txt"),
    "rm -r": lambda place: shutil.rmtree(place.answers.parent),
    "mv of the folder": lambda place: place.answers.parent.rename(place.bench / "away"),
    ": > file": lambda place: os.truncate(place.answers, 0),
    "truncate in a line": lambda place: os.truncate(place.answers, 500),
    "sed -i without a change": lambda place: sed(place, "s/nothing//"),
}
UNKNOWN_LINES = {
    "sed -i": lambda place: sed(place, "s/fine/edited/"),
    "an editor that saves an old copy by rename": lambda place: save_by_rename(place),
    "cat >> file": lambda place: append_line(place),
    "rm and mkdir": lambda place: (place.answers.unlink(), place.answers.mkdir()),
}


def sed(place: Place, command: str) -> None:
    subprocess.run(["sed", "-i", command, place.answers], check=True)


def save_by_rename(place: Place) -> None:
    copy = place.answers.with_name("copy.swp")
    first, *_ = place.answers.read_text().splitlines(keepends=True)
    copy.write_text(first.replace("fine", "edited by hand"))
    copy.replace(place.answers)


def append_line(place: Place) -> None:
    with place.answers.open("a") as file:
        file.write('{"question_id": "other", "choices": [{"turns": [{"content": "hi"}]}]}\n')


def change_file(place: Place, change: Callable[[Place], object]) -> Done:
    """Run with a change to the file at the twelfth call."""
    place.prepare()
    count = iter(range(10**9))

    def answer(call: Call) -> Reply:
        if next(count) == 12:
            change(place)
        return Reply("fine", delay=0.01)

    place.api.answer_with(answer)
    return place.run("gen_answer.py").check(1)


def all_stored(place: Place) -> set[str]:
    beside = place.answers.parent.glob("*.lost")
    return {key for path in (place.answers, *beside) for key in place.stored(path)}


for name, change in KNOWN_LINES.items():

    @attack("A2", f"{name} under a run")
    def lost_lines(place: Place, change: Callable[[Place], object] = change) -> str:
        done = change_file(place, change)
        events = ("another program changed this file", "this file was moved or deleted")
        hold(any(event in done.output for event in events), done.output)
        hold(len(place.stored()) == 40, f"{len(place.stored())} of 40 are at the path")
        return "said so, exit 1, all 40 at the path"


for name, change in UNKNOWN_LINES.items():

    @attack("A2", f"{name} under a run")
    def foreign_lines(place: Place, change: Callable[[Place], object] = change) -> str:
        done = change_file(place, change)
        hold("another program wrote to this file" in done.output, done.output)
        lost = place.answered() - all_stored(place)
        hold(not lost, f"{len(lost)} paid replies are nowhere")
        return f"said so, exit 1, all {len(place.answered())} paid replies at the path or beside it"


@attack("A2", "a second writer after the lock was removed")
def removed_lock(place: Place) -> str:
    place.prepare(200)
    place.api.answer_with(Reply("fine", delay=0.2))
    first = place.start("gen_answer.py")
    place.api.wait_for_calls(10)
    for path in place.answers.parent.glob(".*.lock"):
        path.unlink()
    second = place.run("gen_answer.py").check(2)
    hold("another run is writing this file" in second.output, second.output)
    place.end(first).check(0)
    hold(len(place.stored()) == 200 == place.api.call_count, "lost or paid twice")
    return "refused before its first call"


@attack("A2", "two writers where locks don't work")
def no_locks(place: Place) -> str:
    place.prepare(120)
    place.root.joinpath("sitecustomize.py").write_text(
        "import fcntl\nfcntl.flock = lambda *_: None\n"
    )
    place.api.answer_with(Reply("fine", delay=0.1))
    runs = [place.start("gen_answer.py", shell="export PYTHONPATH=$PWD") for _ in range(2)]
    ends = [place.end(run).check(0, 1) for run in runs]
    statuses = sorted(done.status for done in ends)
    hold(statuses != [0, 0], "both exit 0")
    hold(any("another program wrote to this file" in done.output for done in ends), ends)
    lost = place.answered() - all_stored(place)
    hold(not lost, f"{len(lost)} paid replies are nowhere")
    calls = place.api.call_count
    hold(calls < 200, f"{calls} calls for 120 questions")
    return f"exit {statuses}, all replies at the path or beside it, {calls} calls for 120 questions"


# A3: money


@attack("A3", "budgets of many sizes, with untold and absurd usage")
def budgets(place: Place) -> str:
    chance, spent = random.Random(3), []
    for number in range(12):
        shutil.rmtree(place.bench, ignore_errors=True)
        price = {"input": chance.choice([0.1, 0.15, 3]), "output": chance.choice([0.3, 7.7, 15])}
        place.prepare(60, parallel=chance.choice([1, 7, 16]), price=price)
        absurd = {"usage": {"prompt_tokens": 10**30, "completion_tokens": 3}}
        kinds = [Reply("fine", prompt_tokens=chance.randint(1, 40)), Reply.no_usage("fine")]
        kinds += [Reply.server_error(), Reply("fine", changes=absurd)][: number % 3]
        place.api.answer_with(lambda call, kinds=kinds: chance.choice(kinds))
        limit = chance.choice([0.01, 0.03, 0.07])
        report = place.root / "report.json"
        place.run("gen_answer.py", "--max-cost", limit, "--report", report).check(0, 1)
        (model,) = json.loads(report.read_text())["models"]
        cost = model["cost_usd"] + model["untold_cost_usd"]
        hold(number % 3 == 2 or cost <= limit + 1e-9, f"{cost} spent of {limit}")
        spent.append(cost / limit)
    return f"{len(spent)} runs ended, none over its limit"


# A4: limits


@attack("A4", "parallel: 300 with 256 open files")
def few_descriptors(place: Place) -> str:
    place.prepare(400, parallel=300)
    place.api.answer_with(Reply("fine", delay=0.2))
    done = place.run("gen_answer.py", shell="ulimit -n 256").check(0)
    hold("parallel is lowered" in done.output, done.output)
    hold(len(place.stored()) == 400 == place.api.call_count, f"{len(place.stored())} stored")
    return f"lowered to {place.api.max_in_flight} and said so, 400 of 400 stored"


@attack("A4", "parallel: 300 with 256 open files that can be raised")
def raised_descriptors(place: Place) -> str:
    place.prepare(400, parallel=300)
    place.api.answer_with(Reply("fine", delay=0.5))
    done = place.run("gen_answer.py", shell="ulimit -Sn 256").check(0)
    hold("lowered" not in done.output and len(place.stored()) == 400, done.output)
    return f"raised, {place.api.max_in_flight} calls at a time"


@attack("A4", "200 models with 256 open files")
def many_models(place: Place) -> str:
    place.prepare(2, models=[f"m{number}" for number in range(200)])
    done = place.run("gen_answer.py", shell="ulimit -n 256").check(2)
    hold(place.api.call_count == 0, f"{place.api.call_count} calls paid")
    hold("open files" in done.output, done.output)
    done = place.run("gen_answer.py", shell="ulimit -Sn 256").check(0)
    hold(len(list(place.answers.parent.glob("*.jsonl"))) == 200, done.output)
    return "refused before the first call, and all done where the limit can be raised"


@attack("A4", "threads that cannot start")
def few_threads(place: Place) -> str:
    place.prepare(300, parallel=300)
    place.api.answer_with(Reply("fine", delay=0.1))
    # The stacks of 300 threads do not fit into this much address space.
    place.run("gen_answer.py", shell="ulimit -v 1500000").check(0, 1)
    stored = len(place.stored())
    hold(stored >= 0.9 * place.api.answered, f"{stored} of {place.api.answered} paid are stored")
    return f"{stored} of {place.api.call_count} paid replies stored, no traceback"


# A5: signals


def in_flight(place: Place, *flags: object, **options: Any) -> Any:
    """Start a run whose first four calls are under way until `release`."""
    place.prepare()
    place.api.hold()
    process = place.start("gen_answer.py", *flags, **options)
    place.api.wait_for_calls(4)
    return process


for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):

    @attack("A5", f"{number.name} with calls in flight")
    def signalled(place: Place, number: signal.Signals = number) -> str:
        process = in_flight(place)
        process.send_signal(number)
        time.sleep(0.5)
        place.api.release()
        place.end(process).check(128 + number)
        hold(len(place.stored()) == place.api.call_count == 4, f"{len(place.stored())} of 4 stored")
        return f"4 of 4 stored, exit {128 + number}"


@attack("A5", "a terminal that closes")
def closed_terminal(place: Place) -> str:
    ours, theirs = pty.openpty()

    def own_terminal() -> None:
        os.setsid()
        ioctl(theirs, termios.TIOCSCTTY, 0)

    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    process = in_flight(place, preexec_fn=own_terminal, **streams)
    os.close(theirs)
    os.close(ours)
    time.sleep(0.5)
    place.api.release()
    hold(process.wait(TIMEOUT) == 128 + signal.SIGHUP, f"exit status {process.returncode}")
    hold(len(place.stored()) == place.api.call_count == 4, f"{len(place.stored())} of 4 stored")
    return "4 of 4 stored, exit 129"


@attack("A5", "SIGHUP under nohup")
def nohup(place: Place) -> str:
    process = in_flight(place, shell="trap '' HUP")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    place.api.release()
    place.end(process).check(0)
    hold(len(place.stored()) == 40, f"{len(place.stored())} of 40 stored")
    return "ignored, 40 of 40 stored"


def too_early(output: str) -> bool:
    """Whether a Ctrl-C came before arena/base/interrupt.py, our first import, was there."""
    frames = re.findall(r'File "(.+)", line', output)
    watched = ("arena/__init__.py", "arena/base/__init__.py", "arena/base/interrupt.py")
    is_first = frames and frames[-1].endswith(watched) or "import interrupt, output" in output
    in_python = not any(f"{folder}/" in output for folder in ("arena", "site-packages"))
    return bool(is_first or in_python or "Failed to import the site module" in output)


@attack("A5", "Ctrl-C at any moment of the start")
def early_interrupt(place: Place) -> str:
    place.prepare()
    place.api.hold()
    scripts = sorted(path.name for path in REPO.glob("*.py") if "@script" in path.read_text())
    early = ended = 0
    for script in scripts:
        for wait in (0.1, 0.2, 0.35):
            process = place.start(script)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            done = place.end(process)
            hold("Traceback" not in done.output or too_early(done.output), done.output)
            early += done.status == -signal.SIGINT
            ended += done.status in (128 + signal.SIGINT, 0, 1, 2)
    hold(early + ended == 3 * len(scripts), "another exit status")
    return f"{3 * len(scripts)} starts of {len(scripts)} scripts, no traceback of ours"


@attack("A5", "a pattern that backtracks for ever")
def backtracking(place: Place) -> str:
    place.prepare_judging(2, regex_pattern=r"\[\[(A>B|(?:a+)+)\]\]$")
    place.api.answer_with("[[" + "a" * 60_000 + "!")
    began = time.monotonic()
    done = place.run("gen_judgment.py").check(0, 1)
    hold(time.monotonic() - began < 60, "it took over a minute")
    return f"ended in {time.monotonic() - began:.0f} s with exit {done.status}"


# A6: settings


@attack("A6", "extra_body with integer keys, and one that JSON cannot hold")
def strange_settings(place: Place) -> str:
    place.prepare(3)
    path = place.root / "config/api_config.yaml"
    entries = json.loads(path.read_text())
    path.write_text(
        "\n".join(
            [
                f"tiny: {json.dumps(entries['tiny'])}".rstrip("}") + ", max_retries: 2000,",
                "  extra_body: {logit_bias: {50256: -100}}}",
            ]
        )
    )
    done = place.run("gen_answer.py").check(0)
    calls = place.api.call_count
    done = place.run("gen_answer.py").check(0)
    hold(place.api.call_count == calls, "asked again: its settings never compare equal")
    for value in ("2024-01-02", ".nan"):
        path.write_text(path.read_text().replace("-100", value))
        done = place.run("gen_answer.py", "--stale", "redo")
        hold(done.status == 2 or value != ".nan", done.output)
        hold("Traceback" not in done.output, done.output)
        path.write_text(path.read_text().replace(value, "-100"))
    return "equal in the next run, and NaN is refused before the first call"


# A7: sizes and names


@attack("A7", "1.5 MB of gzip that unpack to over a gigabyte")
def gzip_bomb(place: Place) -> str:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(1400):
            file.write(bytes(2**20))
    bomb = packed.getvalue()
    place.prepare(2, max_retries=0, parallel=1)
    place.api.answer_with(Reply(raw=bomb, headers={"content-encoding": "gzip"}))
    done = place.measure("gen_answer.py").check(1)
    hold(done.megabytes < 500, f"{done.megabytes:.0f} MB")
    hold("too large" in done.output, done.output)
    return f"{len(bomb) / 1e6:.1f} MB refused as too large, {done.megabytes:.0f} MB of memory"


for kind in ("symbolic link", "folder", "hard link"):

    @attack("A7", f"a second run by another name: {kind}")
    def two_names(place: Place, kind: str = kind) -> str:
        place.prepare(100)
        place.write(
            place.answers,
            {"question_id": "q000000", "choices": [{"index": 0, "turns": [{"content": "hi"}]}]},
        )
        other = place.root / "data" / "other"
        shutil.copytree(place.bench, other, ignore=shutil.ignore_patterns("model_answer"))
        name = other / "model_answer" / "tiny.jsonl"
        if kind == "folder":
            name.parent.symlink_to(place.answers.parent)
        else:
            name.parent.mkdir()
            (name.hardlink_to if kind == "hard link" else name.symlink_to)(place.answers)
        place.api.hold()
        first = place.start("gen_answer.py")
        place.api.wait_for_calls(4)
        second = place.run("gen_answer.py", "--bench-name", "other").check(2)
        hold("another run is writing this file" in second.output, second.output)
        place.api.release()
        place.end(first).check(0)
        return "refused before its first call"


@attack("A7", "the next run with 200,000 answers")
def resume(place: Place) -> str:
    count, text = 200_000, "the quick brown fox jumps over the lazy dog " * 12
    place.prepare(count)
    metadata = {"token_len": 120, "header_count": {f"h{n}": 0 for n in range(1, 7)}}
    place.answers.parent.mkdir(parents=True)
    with place.answers.open("w") as file:
        for number in range(count):
            turn = {"content": text, "finish_reason": "stop"}
            file.write(
                json.dumps(
                    {
                        "question_id": f"q{number:06}",
                        "answer_id": "x" * 22,
                        "model_id": "tiny",
                        "choices": [{"index": 0, "turns": [turn]}],
                        "conv_metadata": metadata,
                    }
                )
                + "\n"
            )
    size = place.answers.stat().st_size / 1e6
    done = place.measure("gen_answer.py").check(0)
    hold(place.api.call_count == 0, "asked again")
    hold(done.seconds < 6, f"{done.seconds:.1f} s of CPU for {size:.0f} MB")
    hold(done.megabytes < 400, f"{done.megabytes:.0f} MB of memory for {size:.0f} MB")
    return f"{size:.0f} MB in {done.seconds:.1f} s of CPU and {done.megabytes:.0f} MB of memory"


# D16: secrets


@attack("D16", "a redirect to another host, with secrets")
def redirect(place: Place) -> str:
    with FakeAPI() as thief:
        thief.answer_with("stolen")
        place.prepare(3, extra_headers={"X-Secret": "secret-header"}, parallel=1)
        target = {"location": f"{thief.v1}/chat/completions"}
        for status in (301, 302, 307, 308):
            place.api.reply(Reply(raw=b"moved", status=status, headers=target))
        place.api.answer_with(Reply(raw=b"moved", status=307, headers=target))
        done = place.run("gen_answer.py").check(1)
        hold(thief.call_count == 0, f"{thief.call_count} calls followed the redirect")
        hold(not place.stored(), "a redirect was stored as an answer")
    for address in (f"127.0.0.1:{place.api.port}", f"127.0.0.1:{thief.port}"):
        hold(address in done.output, f"{address} is not named: {done.output}")
    hold("secret" not in done.output, "a secret is shown")
    return "not followed, nothing stored, both addresses named, no secret shown"


@attack("D16", "the environment's headers of OpenAI to another server")
def environment_headers(place: Place) -> str:
    place.prepare(1)
    shell = "export OPENAI_ORG_ID=org-secret OPENAI_PROJECT_ID=proj-secret"
    shell += " OPENAI_CUSTOM_HEADERS='X-Key: secret-value' OPENAI_API_KEY=sk-secret-of-openai"
    place.run("gen_answer.py", shell=shell).check(0)
    sent = " ".join(place.api.calls[0].headers.values())
    leaked = [w for w in ("org-secret", "proj-secret", "secret-value", "of-openai") if w in sent]
    hold(not leaked, f"sent: {leaked}")
    return "not sent"


# D17: the page


@attack("D17", "the page by another host name, as in DNS rebinding")
def rebinding(place: Place) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ("--port", port, "--data-dir", REPO / "data")
    process = place.start("qa_browser.py", *flags, stdout=subprocess.DEVNULL)

    def status(host: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status

    began = time.monotonic()
    while True:
        try:
            own = status(f"127.0.0.1:{port}")
            break
        except OSError:
            hold(process.poll() is None and time.monotonic() - began < TIMEOUT, "it does not start")
            time.sleep(0.2)
    hosts = ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example")
    answers = {host: status(host) for host in hosts}
    process.terminate()
    hold(own == 200, f"its own host gets {own}")
    hold(all(answer >= 400 for answer in answers.values()), answers)
    return f"own host 200, others {sorted(set(answers.values()))}"


# D18: outputs


def judged(place: Place, model: str = "tiny", judge: str = "judge", label: str = "A>B") -> None:
    place.write(
        f"data/attack/model_judgment/{judge}/{model}.jsonl",
        *(
            {
                "question_id": f"q{number:06}",
                "model": model,
                "judge": judge,
                "games": [{"score": label}, {"score": "B>A"}],
            }
            for number in range(4)
        ),
    )


@attack("D18", "an ensemble's folder with files of another rule")
def mixed_ensemble(place: Place) -> str:
    place.prepare_judging()
    for judge in ("one", "two", "three"):
        judged(place, "tiny", judge)
        judged(place, "other", judge)
    place.run("gen_ensemble_judgment.py", "--rule", "mean").check(0)
    folder = place.bench / "model_judgment" / "ensemble"
    kept = (folder / "other.jsonl").read_text()
    place.run("gen_ensemble_judgment.py", "--rule", "majority").check(0)
    (folder / "other.jsonl").write_text(kept)
    done = place.run("show_result.py", "--judge-name", "ensemble").check(2)
    hold("rule" in done.output or "mean" in done.output, done.output)
    return "refused"


@attack("D18", "names of models that are formulas, in CSV")
def formulas(place: Place) -> str:
    place.prepare_judging()
    names = ["=1+1", "+1+cmd", "-1+1", "@SUM(A1)"]
    for name in names:
        judged(place, name)
    file = place.root / "board.csv"
    place.run("show_result.py", "--csv", file).check(0)
    with file.open(newline="") as lines:
        cells = [cell for row in csv.DictReader(lines) for cell in (row["model"],)]
    hold(any("1+1" in cell for cell in cells), f"the model is missing: {cells}")
    risky = [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    hold(not risky, f"a spreadsheet computes {risky}")
    return f"{len(names)} names neutralised"


@attack("D18", "standard output that is full or closed")
def lost_output(place: Place) -> str:
    place.prepare_judging()
    judged(place)
    for shell, word in (("exec >/dev/full", "No space left"), ("exec >&-", "it is closed")):
        stderr = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = place.start("show_result.py", shell=shell, **stderr)
        lines = process.communicate(timeout=TIMEOUT)[1]
        hold(process.returncode == 1 and word in lines, f"{process.returncode}: {lines}")
        hold("Traceback" not in lines, lines)
    for shell in ("exec >/dev/full", "exec >&-", "exec 2>/dev/full", "exec >&- 2>&-"):
        shutil.rmtree(place.bench)
        place.prepare(3)
        place.run("gen_answer.py", shell=shell).check(0)
        hold(len(place.stored()) == 3, f"{shell}: {len(place.stored())} of 3 stored")
    return "one line each, exit 1, and a run stores all"


def try_attack(what: str, function: Attack) -> bool:
    """Try an attack in a new folder, print how it went, and return whether all held."""
    with new_place() as place:
        try:
            held, ok = function(place), True
        except (AttackError, OSError, subprocess.TimeoutExpired) as error:
            held, ok = " ".join(str(error).split())[-400:], False
    print(f"{what}: {held}  {'ok' if ok else 'FAIL'}", flush=True)
    return ok


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=sorted(ATTACKS), help="attacks to try")
    args = parser.parse_args(argv)
    catch_ignored_signals()
    results = []
    for item in args.only or sorted(ATTACKS):
        for what, function in ATTACKS[item]:
            results.append(try_attack(f"{item} {what}", function))
    failed = results.count(False)
    print(
        f"{len(results)} attacks, {failed} succeeded" if failed else f"{len(results)} attacks, ok"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
