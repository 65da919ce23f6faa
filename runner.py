"""Runs the planned calls of several models at once: the pool, its progress bar, and what it did in
the end.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
import sys
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from records import RecordFile
from settings import OutputError, positive
from utils import CompletionError, stopping

EXAMPLES = 3
IDLE_SECONDS = 0.2

# Set by a second Ctrl-C: what has come in is still written, what is in flight is given up.
halting = threading.Event()


def add_run_flags(parser: argparse.ArgumentParser, setting_file: str) -> None:
    """Add the flags that gen_answer.py and gen_judgment.py share."""
    add = parser.add_argument
    add(
        "--setting-file",
        "--config-file",
        type=Path,
        default=Path(setting_file),
        help="YAML file with the settings (default: %(default)s)",
    )
    add(
        "--endpoint-file",
        type=Path,
        default=Path("config/api_config.yaml"),
        help="YAML file with the models' endpoints (default: %(default)s)",
    )
    add("--data-dir", type=Path, default=Path("data"), help="data folder (default: %(default)s)")
    add("--bench-name", help="bench below the data folder (default: the setting file's)")
    add(
        "--model",
        action="append",
        help="a model to run; repeatable (default: the setting file's model_list)",
    )
    add(
        "--parallel",
        type=positive,
        help="calls at a time to each model asked (default: the endpoint file's)",
    )
    add("--limit", type=positive, help="only the first N questions (default: all)")


class Work(Protocol):
    """What is to be done for one model: a file, its planned jobs and the making of its records."""

    path: Path
    tally: Tally

    def plan(self) -> Sequence[Job]:
        """Read what the file holds and return a job for each thing that is missing."""

    def record(self, result: Any) -> dict[str, Any]:
        """Take in a result, count it, and return the record that now stands for it."""


@dataclass(frozen=True)
class Job:
    """A piece of work of one thread: `run` yields a result after each call that was paid for."""

    work: Work
    id: str
    run: Callable[[], Iterator[Any]]


@dataclass(frozen=True)
class Lane:
    """Jobs of which `parallel` run at a time."""

    parallel: int
    jobs: Sequence[Job]


@dataclass(frozen=True)
class Outcome:
    """What came of a job: a result of it, or the error that ended it, or (neither) its end."""

    job: Job
    result: Any = None
    error: CompletionError | None = None


def execute(
    works: Sequence[Work], lanes: Callable[[list[Sequence[Job]]], Sequence[Lane]], unit: str
) -> int:
    """Lock the files of all works, plan, run the jobs, write each result as it comes, and sum up.

    `lanes` deals the planned jobs of the works out to lanes. Returns the exit status.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(RecordFile(work.path)) for work in works]
        by_work = {id(work): file for work, file in zip(works, files, strict=True)}
        planned = lanes([work.plan() for work in works])
        stack.enter_context(graceful_stop())
        progress = stack.enter_context(Progress([work.tally for work in works], unit))
        try:
            _write_outcomes(run_lanes(planned), by_work, progress)
        except OutputError as error:
            print(f"\nerror: {error}", file=sys.stderr)
    return conclude([work.tally for work in works])


def _write_outcomes(
    outcomes: Iterator[Outcome | None], files: dict[int, RecordFile], progress: Progress
) -> None:
    for outcome in outcomes:
        if outcome is None:
            for file in files.values():
                file.sync()
        elif outcome.error is not None:
            outcome.job.work.tally.fail(outcome.error, outcome.job.id)
            progress.step()
        elif outcome.result is not None:
            work = outcome.job.work
            files[id(work)].append(work.record(outcome.result))
        else:
            progress.step()


def run_lanes(lanes: Sequence[Lane]) -> Iterator[Outcome | None]:
    """Run all lanes at once and yield outcomes as they come, and None now and then while idle.

    Workers only return results; whoever iterates writes them. After `stopping` is set no job
    begins, and those in flight are waited for, unless `halting` is set too.
    """
    outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
    running = 0
    for lane in lanes:
        todo = deque(lane.jobs)
        for _ in range(min(lane.parallel, len(todo))):
            threading.Thread(target=_work, args=(todo, outcomes), daemon=True).start()
            running += 1
    while running and not (halting.is_set() and outcomes.empty()):
        try:
            outcome = outcomes.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            yield None
            continue
        if outcome is None:
            running -= 1
        else:
            yield outcome


def _work(todo: deque[Job], outcomes: queue.SimpleQueue[Any]) -> None:
    """Take jobs until none is left, or until one fails in a way that all others will."""
    while not stopping.is_set():
        try:
            job = todo.popleft()
        except IndexError:
            break
        try:
            for result in job.run():
                outcomes.put(Outcome(job, result))
            outcomes.put(Outcome(job))
        except CompletionError as error:
            if error.final:
                todo.clear()
            outcomes.put(Outcome(job, error=error))
        except Exception as error:
            outcomes.put(Outcome(job, error=CompletionError("internal error", repr(error))))
    outcomes.put(None)


@contextlib.contextmanager
def graceful_stop() -> Iterator[None]:
    """Let the first Ctrl-C finish the calls in flight, and the second one stop at once."""

    def stop(*_: object) -> None:
        if halting.is_set():
            raise KeyboardInterrupt
        if stopping.is_set():
            halting.set()
            return
        stopping.set()
        print(
            "\nstopping: waiting for the calls in flight (Ctrl-C again stops at once)",
            file=sys.stderr,
        )

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
        stopping.clear()
        halting.clear()


@dataclass
class Tally:
    """What a run did for one model, counted in records or games."""

    name: str
    planned: int = 0
    cached: int = 0
    done: int = 0
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, str] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was planned is there."""
        return self.done == self.planned

    def fail(self, error: CompletionError, example: str) -> None:
        """Count a failure by its cause; the summary names the first ids and the last message."""
        self.failed[error.cause].append(example)
        self.messages[error.cause] = str(error)

    def spend(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """Add the tokens of a call, as far as the API told them."""
        self.input_tokens += input_tokens or 0
        self.output_tokens += output_tokens or 0

    def lines(self) -> Iterator[str]:
        """Yield the summary: one line of counts, one for each cause of failure, one a remark."""
        failures = sum(map(len, self.failed.values()))
        left = self.planned - self.done - failures
        yield (
            f"{self.name}: {self.planned} planned, {self.done} done, {self.cached} cached, "
            f"{failures} failed"
            + (f", {left} not begun" if left else "")
            + f"; {self.input_tokens:,} tokens in, {self.output_tokens:,} out"
        )
        for cause, examples in sorted(self.failed.items()):
            named = ", ".join(examples[:EXAMPLES])
            yield f"  failed: {len(examples)} ({named}): {self.messages[cause]}"
        for remark, number in sorted((+self.remarks).items()):
            yield f"  {remark}: {number}"


class Progress:
    """A progress bar with the counts of done, failed and cached of several tallies."""

    def __init__(self, tallies: Sequence[Tally], unit: str) -> None:
        from tqdm import tqdm

        self._tallies = tallies
        self._bar = tqdm(
            total=sum(tally.planned for tally in tallies),
            unit=unit,
            mininterval=0.2 if sys.stderr.isatty() else 30.0,
            file=sys.stderr,
        )

    def __enter__(self) -> Progress:
        """Return the bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the last state and leave the bar standing."""
        self._update(0)
        self._bar.close()

    def step(self) -> None:
        """Count one more piece of work as ended, well or not."""
        self._update(1)

    def _update(self, step: int) -> None:
        done = sum(tally.done for tally in self._tallies)
        cached = sum(tally.cached for tally in self._tallies)
        failed = sum(len(ids) for tally in self._tallies for ids in tally.failed.values())
        self._bar.set_postfix_str(f"done {done}, failed {failed}, cached {cached}", refresh=False)
        self._bar.update(step)


def conclude(tallies: Sequence[Tally]) -> int:
    """Print the summaries and return the exit status: 0 where all that was planned is there, else
    1.
    """
    for tally in tallies:
        for line in tally.lines():
            print(line)
    incomplete = [tally.name for tally in tallies if not tally.complete]
    if incomplete:
        names = ", ".join(incomplete)
        print(f"not complete: {names}; run the same command again to do what is missing")
    return 1 if incomplete else 0
