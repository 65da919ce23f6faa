"""Runs gen_answer.py and gen_judgment.py against an API full of faults, and kills them.

    python benchmarks/chaos.py
    python benchmarks/chaos.py --calls 200 --faults 0.5 --kills 5 --seed 7

The API is tests/fake_api.py in this process. What it answers is drawn for each request from the
seed and the number of its arrival; the scripts are killed (SIGKILL) at random moments and started
again until both end well. Then nothing may be lost, doubled, torn or made up: exit status 1 if so.
"""

from __future__ import annotations

import argparse
import contextlib
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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPO), str(REPO / "tests")]

from fake_api import Call, FakeAPI, Reply
from fork_server import ForkedPopen, can_fork

ANSWERING, JUDGING = "gen_answer.py", "gen_judgment.py"
BASELINE, JUDGE, MODELS = "base", "judge", ("m1", "m2", "m3")
CALLS_A_QUESTION = 1 + len(MODELS) + 2 * len(MODELS)
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A")
LANE = 4  # calls at a time to each model; the judge takes as many as all models together
TIMEOUT = 2.0
DELAY = 0.02
MOST_STARTS = 100
TORN = (b'{"question_id": "q0000', b"\0" * 100, b'"\xed\x95')

Job = tuple[str, str, int]  # model, question and (of a judgment) game 1 or 2, else 0

# Replies that a script must not keep: it asks again.
RETRIED: dict[str, Callable[[], Reply]] = {
    "429": Reply.rate_limit,
    "429 with Retry-After": lambda: Reply.rate_limit(retry_after=0),
    "500": Reply.server_error,
    "503": Reply.overloaded,
    "reset": lambda: Reply(reset=True),
    "half a reply": lambda: Reply("half of what was meant", half=True),
    "hang": lambda: Reply(hang=True),
    "HTML": Reply.html,
    "HTML 502": lambda: Reply.html(status=502),
    "broken JSON": Reply.broken_json,
    "null choices": Reply.null_choices,
    "text, no JSON": lambda: Reply(raw=b"an error as text", content_type="text/plain"),
    "empty text": lambda: Reply(""),
}
# Strange replies that are replies all the same.
KEPT = ("slow", "cut off", "another label")
KINDS = (*RETRIED, *KEPT)

_ANSWER = re.compile(r"<(\w+) on (q\d+)>")


def job_of(call: Call) -> Job:
    """Return which record a request is for; a judge's prompt shows the answers in their places."""
    prompt = next(m["content"] for m in call.messages if m["role"] == "user")
    if call.model != JUDGE:
        return str(call.model), prompt.split()[1], 0
    (first, question), (second, _) = _ANSWER.findall(prompt)
    return (second, question, 1) if first == BASELINE else (first, question, 2)


@dataclass
class Chaos:
    """The server's side: what it was asked and what it said, as the checks need it."""

    seed: int
    faults: float
    asked: list[tuple[Job, str]] = field(default_factory=list)
    sent: dict[str, Job] = field(default_factory=dict)
    empty: Counter[Job] = field(default_factory=Counter)

    def respond(self, call: Call) -> Reply:
        job, number = job_of(call), len(self.asked)
        chance = random.Random(f"{self.seed} {number}")
        kind = chance.choice(KINDS) if chance.random() < self.faults else "fine"
        if kind == "empty text":
            self.empty[job] += 1
            kind = kind if self.empty[job] % 3 else "fine"  # thrice empty is an answer
        self.asked.append((job, kind))
        if kind in RETRIED:
            return RETRIED[kind]()
        return self._keep(job, number, kind, chance)

    def _keep(self, job: Job, number: int, kind: str, chance: random.Random) -> Reply:
        """Return a reply that a script may store, and remember what it says."""
        model, question, game = job
        text = f"Verdict {number}." if game else f"<{model} on {question}> Answer {number}."
        label = f" [[{chance.choice(LABELS)}]]"
        if kind == "another label":
            text += " Not [[A>B]] but [[B>A]]."
        elif game and kind != "cut off":
            text += label
        self.sent[text] = job
        delay = 0.3 if kind == "slow" else DELAY * chance.random()
        return Reply(text, finish_reason="length" if kind == "cut off" else "stop", delay=delay)


# The scripts' side


@dataclass
class Run:
    """A working folder, the scripts that run in it, and what was seen of them."""

    root: Path
    api: FakeAPI
    chaos: Chaos
    questions: int
    chance: random.Random
    lane: int = LANE
    kills: int = 0
    starts: int = 0
    torn: int = 0
    lost: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    @property
    def bench(self) -> Path:
        return self.root / "data" / "chaos"

    @property
    def answer_files(self) -> list[Path]:
        return [self.bench / "model_answer" / f"{name}.jsonl" for name in (BASELINE, *MODELS)]

    @property
    def judgment_files(self) -> list[Path]:
        return [self.bench / "model_judgment" / JUDGE / f"{name}.jsonl" for name in MODELS]

    @property
    def workers(self) -> int:
        """How many calls a process makes at a time."""
        return self.lane * (1 + len(MODELS))

    @property
    def planned(self) -> int:
        return self.questions * CALLS_A_QUESTION

    def prepare(self) -> None:
        (self.root / "config").mkdir()
        self.bench.mkdir(parents=True)
        with (self.bench / "question.jsonl").open("w") as file:
            for number in range(self.questions):
                turns = [{"content": f"Question q{number:05} ?"}]
                file.write(json.dumps({"question_id": f"q{number:05}", "turns": turns}) + "\n")
        entry = {
            "endpoints": [{"api_base": self.api.v1, "api_key": "chaos-key"}],
            "parallel": self.lane,
            "timeout": TIMEOUT,
            "retry_wait": 0.01,
            "max_retries": 30,
        }
        names = (BASELINE, *MODELS)
        entries = {name: entry for name in names} | {JUDGE: entry | {"parallel": self.workers}}
        answers = {"bench_name": "chaos", "model_list": names}
        judgments = {
            "bench_name": "chaos",
            "judge_model": JUDGE,
            "baseline_model": BASELINE,
            "prompt_template": ["{question_1}\n{answer_1}\n{answer_2}"],
            "model_list": MODELS,
        }
        for name, content in (
            ("api_config", entries),
            ("gen_answer_config", answers),
            ("judge_config", judgments),
        ):
            (self.root / "config" / f"{name}.yaml").write_text(json.dumps(content))

    def until_done(self, script: str, jobs: int, kills: int) -> None:
        """Start a script until it ends well, and kill it `kills` times on the way."""
        for _ in range(MOST_STARTS):
            left = jobs - sum((job[2] > 0) == (script == JUDGING) for job in self.recorded())
            status = self._start(script, kills and 1 + int(1.6 * left / (kills + 1)))
            if status == -signal.SIGKILL:
                kills -= 1
            elif status == 0:
                break
        if kills or status != 0:
            self.problems.append(f"{script}: ended with {status}, {kills} kills to go")

    def _start(self, script: str, most_calls: int) -> int:
        """Run a script, to its end or to a kill after at most so many calls; its exit status."""
        before, first = (self.recorded(), self.unfinished()), len(self.chaos.asked)
        self.starts += 1
        popen = ForkedPopen if can_fork(script, {}) else subprocess.Popen
        with popen(
            [sys.executable, str(REPO / script)],
            cwd=self.root,
            env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if most_calls:
                self._kill(process, first, most_calls)
            output = process.communicate()[0]
        self._check_run(before[0], first)
        if process.returncode == -signal.SIGKILL:
            self._check_kill(before[1], first)
            self._tear(self.judgment_files if script == JUDGING else self.answer_files)
        if "Traceback" in output or process.returncode not in (0, 1, -signal.SIGKILL):
            self.problems.append(f"{script}: exit status {process.returncode}: {output[-2000:]}")
        return process.returncode

    def _kill(self, process: subprocess.Popen[str], first: int, most_calls: int) -> None:
        """Kill a process soon after some number of its calls, or, one time in five, at any time."""
        if self.chance.random() < 0.2 and most_calls > 2 * self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self.chance.uniform(0, 1.5))
        else:
            last = first + self.chance.randint(1, most_calls)
            while len(self.chaos.asked) < last and process.poll() is None:
                time.sleep(0.001)
            time.sleep(self.chance.uniform(0, DELAY))
        if process.poll() is None:
            process.kill()
            process.wait()
            self.kills += 1

    def _check_run(self, before: set[Job], first: int) -> None:
        """Check that a run kept what was there, and asked for nothing of it."""
        after = self.recorded()
        asked = {job for job, _ in self.chaos.asked[first:]}
        if before - after:
            self.problems.append(f"records that were there are gone: {sorted(before - after)[:3]}")
        if asked & before:
            self.problems.append(f"asked again though recorded: {sorted(asked & before)[:3]}")

    def _check_kill(self, begun: Counter[Job], first: int) -> None:
        """Check that a killed run lost no more than its calls in flight."""
        lost = {job for job, _ in self.chaos.asked[first:]} - self.recorded()
        answered = Counter(job for job, kind in self.chaos.asked[first:] if kind not in RETRIED)
        kept = self.unfinished() - begun
        self.lost.append(sum(max(answered[job], 1) - kept[job] for job in lost))
        if len(lost) > self.workers:
            self.problems.append(f"a kill lost {len(lost)} of {self.workers} calls in flight")

    def _tear(self, paths: Sequence[Path]) -> None:
        """Leave a torn line in one of these files, now and then, as a power failure would."""
        files = [path for path in paths if path.exists()]
        if files and self.chance.random() < 0.3:
            self.torn += 1
            with self.chance.choice(files).open("ab") as file:
                file.write(self.chance.choice(TORN))

    # What is in the files

    def recorded(self) -> set[Job]:
        """Return the jobs that are done according to the files, whatever else is in them."""
        answers = {(path.stem, r["question_id"], 0) for path, r in records(self.answer_files)}
        games = {
            (path.stem, record["question_id"], number)
            for path, record in records(self.judgment_files)
            for number, game in enumerate(record["games"], 1)
            if game is not None and "replies" not in game
        }
        return answers | games

    def unfinished(self) -> Counter[Job]:
        """Return how many replies the files hold of games that the judge has yet to decide."""
        return Counter(
            {
                (path.stem, record["question_id"], number): len(game["replies"])
                for path, record in newest(self.judgment_files)
                for number, game in enumerate(record["games"], 1)
                if game is not None and "replies" in game
            }
        )

    def check_files(self) -> None:
        """Check that each record is there once, whole, and holds what the API said for it."""
        ids = [f"q{number:05}" for number in range(self.questions)]
        for path in self.answer_files + self.judgment_files:
            lines = path.read_text().split("\n")
            found = [json.loads(line)["question_id"] for line in lines[:-1]]
            if lines[-1] or set(found) != set(ids):
                self.problems.append(f"{path.name}: not a whole line for each question")
            elif found != ids:
                self.unsettled.append(path.name)
        for path, record in newest(self.answer_files):
            (choice,) = record["choices"]
            (turn,) = choice["turns"]
            self._check_text((path.stem, record["question_id"], 0), turn["content"])
        for path, record in newest(self.judgment_files):
            for number, game in enumerate(record["games"], 1):
                self._check_game((path.stem, record["question_id"], number), game)
        if len(self.recorded()) != self.planned:
            self.problems.append(f"{len(self.recorded())} records, {self.planned} planned")
        known = {"question.jsonl"}
        known |= {path.name for path in self.answer_files + self.judgment_files}
        strange = {path.name for path in self.bench.rglob("*") if path.is_file()} - known
        if strange:
            self.problems.append(f"files that nobody needs: {sorted(strange)}")

    def _check_game(self, job: Job, game: Any) -> None:
        for text in game["judgment"].split("\n"):
            self._check_text(job, text)
        if (game["score"] is None) != ("cause" in game):
            self.problems.append(f"{job}: {game} has no verdict and no cause, or both")

    def _check_text(self, job: Job, text: str) -> None:
        if self.chaos.sent.get(text) != job:
            self.problems.append(f"{job}: the API never said {text[:80]!r}")

    def check_calls(self) -> None:
        """Check that no more calls were made than the plan, the faults and the kills explain."""
        if self.repeated > self.retried + sum(self.lost):
            self.problems.append(
                f"{self.repeated} repeated calls; {self.retried} retried faults and "
                f"{sum(self.lost)} lost calls explain fewer"
            )

    @property
    def retried(self) -> int:
        return sum(kind in RETRIED for _, kind in self.chaos.asked)

    @property
    def repeated(self) -> int:
        """Calls beyond the plan, and beyond the judge being asked to go on in a stored game."""
        games = [g for _, record in newest(self.judgment_files) for g in record["games"] if g]
        return len(self.chaos.asked) - self.planned - sum(g["judgment"].count("\n") for g in games)


def records(paths: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    """Yield the whole lines of those files that are there."""
    for path in paths:
        for line in path.read_bytes().split(b"\n") if path.exists() else ():
            with contextlib.suppress(ValueError):
                yield path, json.loads(line)


def newest(paths: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    """Yield the last line of each question in these files."""
    for path in paths:
        yield from {r["question_id"]: (path, r) for _, r in records([path])}.values()


def run_chaos(
    root: Path, calls: int, faults: float, kills: int, seed: int, lane: int = LANE
) -> Run:
    """Do it all in an empty folder and return what was seen; `problems` is empty if all is well."""
    with FakeAPI(history=False) as api:
        chaos = Chaos(seed, faults)
        api.answer_with(chaos.respond)
        questions = max(calls // CALLS_A_QUESTION, 1)
        run = Run(root, api, chaos, questions, random.Random(seed), lane)
        run.prepare()
        answers = run.questions * (1 + len(MODELS))
        early = round(kills * answers / run.planned)
        run.until_done(ANSWERING, answers, early)
        run.until_done(JUDGING, run.planned - answers, kills - early)
        if not run.problems:
            run.check_files()
            run.check_calls()
        asked = len(chaos.asked)
        for script in (ANSWERING, JUDGING):
            run.until_done(script, 0, 0)
        if len(chaos.asked) != asked:
            run.problems.append(f"{len(chaos.asked) - asked} calls where nothing was missing")
    return run


def report(run: Run, seconds: float) -> None:
    """Print what happened, and what of it should not have."""
    kinds = Counter(kind for _, kind in run.chaos.asked)
    faults = sum(number for kind, number in kinds.items() if kind != "fine")
    print(f"calls:    {len(run.chaos.asked):,} for {run.planned:,} planned, in {seconds:.0f} s")
    print(f"faults:   {faults:,} ({faults / len(run.chaos.asked):.0%})")
    for kind in KINDS:
        print(f"  {kind:<22} {kinds[kind]:>5}   {'asked again' if kind in RETRIED else 'kept'}")
    print(f"kills:    {run.kills} in {run.starts} starts; {run.torn} torn lines left on top")
    print(f"lost:     {sum(run.lost)} calls under way at the kills, at most {max(run.lost or [0])}")
    print(f"repeated: {run.repeated:,} calls; explained: {run.retried:,} faults + lost calls")
    print(f"records:  {len(run.recorded()):,} answers and games")
    problems = [*run.problems, *(f"{name}: not unique and sorted" for name in run.unsettled)]
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print(f"{len(problems)} problems" if problems else "ok")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--calls", type=int, default=2000, help="planned calls (default: %(default)s)")
    add("--faults", type=float, default=0.3, help="share of faults (default: %(default)s)")
    add("--kills", type=int, default=20, help="kills (default: %(default)s)")
    add("--seed", type=int, default=1, help="seed of all that is drawn (default: %(default)s)")
    args = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = run_chaos(Path(folder), args.calls, args.faults, args.kills, args.seed)
        report(run, time.monotonic() - began)
    return 1 if run.problems or run.unsettled else 0


if __name__ == "__main__":
    sys.exit(main())
