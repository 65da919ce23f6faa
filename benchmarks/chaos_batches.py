"""Runs both scripts through a batch service full of faults, and kills them.

    python benchmarks/chaos_batches.py
    python benchmarks/chaos_batches.py --service anthropic --questions 20 --kills 4 --seed 7

The service is a fake in this process: a share of the requests of each batch fails. The scripts are
killed (SIGKILL) at random calls to the service, before or after it deals with them, and started
again until both end well. Then each record must be there once and be that of a live run, and no
request may have been answered twice: exit status 1 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPO), str(REPO / "tests")]

from fake_api import Call, FakeAPI, Reply
from fake_batches import FakeBatches
from fake_claude_batches import FakeClaudeBatches
from fake_gemini_batches import FakeGeminiBatches
from fork_server import ForkedPopen, can_fork

MODELS, BASELINE, JUDGE = ("m1", "m2", "m3"), "base", "judge"
FAKES = {"openai": FakeBatches, "anthropic": FakeClaudeBatches, "gemini": FakeGeminiBatches}
SERVICES = tuple(FAKES)
BASES = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta/openai"}
MOST_STARTS = 60

_ANSWER = re.compile(r"<(\w+) on (q\d+)>")


def answer(call: Call) -> str:
    """Return the one right reply to a prompt: an answer that names its job, or a verdict."""
    if call.model != JUDGE:
        return f"<{call.model} on {call.prompt.split()[1]}>"
    (first, question), (second, _) = _ANSWER.findall(call.prompt)
    chance = random.Random(f"{first} {second} {question}")
    return f"{first} against {second} on {question}: [[{chance.choice(('A>B', 'A=B', 'B>>A'))}]]"


@dataclass
class Run:
    """The service's side and the scripts' side of a run."""

    root: Path
    service: str
    questions: int
    faults: float
    chance: random.Random
    answered: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    twice: int = 0
    kills: int = 0
    starts: int = 0
    failures: int = 0
    problems: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    fatal: int = 0  # the call at which the process is killed, 0 for none

    def respond(self, call: Call) -> Reply | str:
        """Answer a request, live or in a batch, or fail."""
        if self.chance.random() < self.faults:
            self.failures += 1
            return Reply.server_error()
        text = answer(call)
        self.answered[text] += 1
        return text

    def prepare(self, api: FakeAPI, folder: Path) -> None:
        """Write the files of a bench."""
        bench = folder / "data" / "chaos"
        (folder / "config").mkdir(parents=True)
        bench.mkdir(parents=True)
        records = [
            {"question_id": f"q{n:04}", "turns": [{"content": f"Question q{n:04} ?"}]}
            for n in range(self.questions)
        ]
        (bench / "question.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        address = api.url + BASES[self.service]
        entry = {
            "api_type": self.service,
            "endpoints": [{"api_base": address, "api_key": "chaos-key"}],
            "parallel": 8,
            "retry_wait": 0.01,
            "max_retries": 30,
        }
        judge = {
            "bench_name": "chaos",
            "judge_model": JUDGE,
            "baseline_model": BASELINE,
            "prompt_template": ["{question_1}\n{answer_1}\n{answer_2}"],
            "model_list": MODELS,
        }
        models = [BASELINE, *MODELS]
        for name, content in (
            ("api_config", {name: entry for name in (*models, JUDGE)}),
            ("gen_answer_config", {"bench_name": "chaos", "model_list": models}),
            ("judge_config", judge),
        ):
            (folder / "config" / f"{name}.yaml").write_text(json.dumps(content))

    def until_done(self, folder: Path, script: str, kills: int, *flags: str) -> None:
        """Start a script until it ends well, and kill it `kills` times on the way."""
        status = None
        for _ in range(MOST_STARTS):
            self.fatal = self.chance.randint(1, 8) if kills else 0
            status = self._start(folder, script, flags)
            if status == -signal.SIGKILL:
                kills -= 1
                self.kills += 1
            elif status == 0 and not kills:
                return
            elif status == 0:  # it was done before the kill
                self.problems.append(f"{script}: {kills} kills to go, but all is done")
                return
        self.problems.append(f"{script}: ended with {status}, {kills} kills to go")

    def _start(self, folder: Path, script: str, flags: Sequence[str]) -> int:
        popen = ForkedPopen if can_fork(script, {}) else subprocess.Popen
        self.starts += 1
        self.process = popen(
            [sys.executable, str(REPO / script), *flags],
            cwd=folder,
            env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output = self.process.communicate()[0]
        if "Traceback" in output or self.process.returncode not in (0, 1, -signal.SIGKILL):
            self.problems.append(f"{script}: {self.process.returncode}: {output[-2000:]}")
        return self.process.returncode

    def kill_on(self, fake: Any) -> Any:
        """Return a handler that kills the process at its fatal call, before or after the fake has
        dealt with it.
        """

        def handle(call: Call) -> Reply | None:
            if not self.fatal:
                return None
            self.fatal -= 1
            if self.fatal or self.process is None:
                return None
            reply = fake.handle(call) if self.chance.random() < 0.5 else None
            os.kill(self.process.pid, signal.SIGKILL)
            return reply or Reply("too late")

        return handle

    def check(self, live: Path) -> None:
        """Check that all records are there once, as those of a live run."""
        files = sorted(path.relative_to(live) for path in live.rglob("*.jsonl"))
        there = {p.relative_to(self.root / "batches") for p in self._records()}
        if there != set(files):
            self.problems.append(f"files differ: {sorted(map(str, there ^ set(files)))}")
        for name in files:
            mine, other = (_plain(folder / name) for folder in (self.root / "batches", live))
            if mine != other:
                self.problems.append(f"{name}: not the records of a live run")

    def _records(self) -> list[Path]:
        return [
            p for p in (self.root / "batches").rglob("*.jsonl") if p.parent.parent.name != "batches"
        ]


def _plain(path: Path) -> list[Any]:
    """Return the records of a file without what differs from run to run."""
    text = re.sub(r'"(tstamp|answer_id|batch)": ?("[^"]*"|[\d.]+)', '"x":0', path.read_text())
    return [json.loads(re.sub(r',? ?"x":0', "", line)) for line in text.splitlines()]


def run_chaos(
    root: Path, service: str, questions: int, faults: float, kills: int, seed: int
) -> Run:
    """Do it all in an empty folder and return what was seen; `problems` is empty if all is well."""
    run = Run(root, service, questions, faults, random.Random(seed))
    with FakeAPI(history=False) as api:
        api.answer_with(run.respond)
        fake = FAKES[service](api)
        fake.retry_after = "0.001"
        api.serve(run.kill_on(fake))
        run.prepare(api, root / "batches")
        early = kills // 2
        run.until_done(root / "batches", "gen_answer.py", early, "--batch", "--quiet")
        run.until_done(root / "batches", "gen_judgment.py", kills - early, "--batch", "--quiet")
        run.batches = len(fake.created)
        run.twice = sum(number - 1 for number in run.answered.values())
        # A live call that was under way at a kill is made again, as in every run.
        if run.twice > run.kills:
            run.problems.append(f"{run.twice} requests were answered twice in {run.kills} kills")
        run.faults = 0.0
        run.prepare(api, root / "live")
        run.until_done(root / "live", "gen_answer.py", 0, "--quiet")
        run.until_done(root / "live", "gen_judgment.py", 0, "--quiet")
        run.check(root / "live")
    return run


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--service", choices=SERVICES, nargs="+", default=SERVICES, help="fakes (default: all)")
    add("--questions", type=int, default=200, help="questions (default: %(default)s)")
    add("--faults", type=float, default=0.2, help="share of failures (default: %(default)s)")
    add("--kills", type=int, default=10, help="kills (default: %(default)s)")
    add("--seed", type=int, default=1, help="seed of all that is drawn (default: %(default)s)")
    args = parser.parse_args(argv)
    problems = 0
    for service in args.service:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            run = run_chaos(
                Path(folder), service, args.questions, args.faults, args.kills, args.seed
            )
        print(
            f"{service}: {args.questions} questions, {run.batches} batches, {run.failures:,} "
            f"failures, {run.kills} kills in {run.starts} starts, {run.twice} requests "
            f"answered twice, {time.monotonic() - began:.0f} s: "
            f"{'PROBLEMS' if run.problems else 'ok'}"
        )
        for problem in run.problems:
            print(f"PROBLEM: {problem}")
        problems += len(run.problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
