"""The run of all models' missing calls: what is missing, the threads that ask, the files."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, OutputError
from arena.base.record_file import RecordFile
from arena.bench.paths import Bench
from arena.bench.provenance import stale_problem
from arena.bench.records import KeyLine, Question, record_id
from arena.chat.budget import Budget, Meter, stopping
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.generate import summary


@dataclass(frozen=True)
class RunOptions:
    """The options of a run that answers and judgments share.

    stale: "keep" or "redo" records made with other settings, None to stop there.
    report: the file for a summary in JSON.
    retry_invalid: play games without a verdict again.
    quiet: show no progress.
    next_command: what a user runs after this.
    """

    bench: Bench
    questions: Sequence[Question]
    budget: Budget
    stale: str | None = None
    dry_run: bool = False
    report: Path | None = None
    retry_invalid: bool = False
    quiet: bool = False
    next_command: str = ""


@dataclass(frozen=True)
class Job:
    """One conversation or game that is missing; `id` names it in the summary."""

    work: Work
    id: str


Record = dict[str, Any]


class Work(ABC):
    """The `records` of one file by a key of the subclass, kept up to date as replies come, and how
    to make the missing ones.
    """

    def __init__(self, model: ModelConfig, name: str, path: Path, options: RunOptions) -> None:
        self.model = model
        self.path = path
        self.options = options
        self.summary = summary.RunSummary(name, Meter(model.price, options.budget))
        self.records: dict[Any, Record] = {}

    def plan(self) -> list[Any]:
        """Read the file and return a job for each missing reply. Raises InputError if records were
        made with other settings and no flag says what to do.
        """
        self.records = self.read() if self.path.exists() else {}
        stale = {key: reason for key in self.records if (reason := self.stale_reason(key))}
        # A dry run only counts.
        policy = self.options.stale or ("keep" if self.options.dry_run else None)
        ids = defaultdict[str, list[str]](list)
        for key, reason in stale.items():
            ids[reason].append(record_id(self.records[key]))
            if policy == "redo":
                del self.records[key]
        if stale and policy is None:
            raise InputError(
                f"{self.path}: {stale_problem(ids)}. Accept the records with --stale keep, make "
                f"them again with --stale redo, or give {self.model.name} a second entry in the "
                "endpoint file to keep both."
            )
        if stale and policy == "keep":
            self.summary.remarks["kept, made with other settings"] += chain(*ids.values())
        total, jobs = self.missing()
        self.summary.stale = len(stale)
        self.summary.planned, self.summary.cached = len(jobs), total - len(jobs)
        return jobs

    @abstractmethod
    def read(self) -> dict[Any, Record]:
        """Return the records of the file by their keys."""

    @abstractmethod
    def stale_reason(self, key: Any) -> str | None:
        """Return the difference between a record and what this run would make, None if none."""

    @abstractmethod
    def missing(self) -> tuple[int, list[Any]]:
        """Return the number of all replies wanted, and a job for each that is missing."""

    @abstractmethod
    def estimate(self, jobs: Sequence[Any]) -> summary.Estimate:
        """Return what the jobs would take."""

    @abstractmethod
    def replies(self, job: Any) -> Iterator[Any]:
        """Ask, and yield a reply after each call that was paid for; runs in a thread."""

    @abstractmethod
    def record(self, job: Any, reply: Any) -> Record:
        """Return the record of a job's question with a reply in it."""

    @abstractmethod
    def count(self, job: Any, reply: Any) -> None:
        """Count a reply whose record is in the file."""

    def hopeless(self, ended: bool) -> str | None:
        """Return why the run must stop, or why its results are of no use at its end, or None."""
        return None


@dataclass(frozen=True)
class Outcome:
    """A reply to a job, or the error that ended it; its thread waits for `written`."""

    job: Job
    reply: Any = None
    error: CompletionError | None = None
    # An Event would take more CPU time than this queue.
    written: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)


@summary.unfailing_output()
def complete(works: Sequence[Work], unit: str, options: RunOptions) -> int:
    """Make all missing records and return the exit status. unit: "answer" or "game"."""
    summary.check_report_path(options.report)
    if options.dry_run:
        summary.print_estimates([(work.summary, work.estimate(work.plan())) for work in works])
        return 0
    errors: list[str] = []
    summaries = [work.summary for work in works]
    with contextlib.ExitStack() as stack:
        files = {work: stack.enter_context(RecordFile(work.path, KeyLine)) for work in works}
        jobs: list[Job] = [job for work in works for job in work.plan()]
        for work in dict.fromkeys(job.work for job in jobs):
            files[work].check_writable()
        signals = stack.enter_context(graceful_stop())
        try:
            with summary.Progress(summaries, unit, quiet=options.quiet) as progress:
                for outcome in run(jobs):
                    progress.update()
                    if outcome is None:
                        for file in files.values():
                            file.sync()
                        continue
                    job, work = outcome.job, outcome.job.work
                    if outcome.error is not None:
                        work.summary.fail(outcome.error, job.id)
                    else:
                        files[work].append(work.record(job, outcome.reply))
                        work.count(job, outcome.reply)
                        if not errors and (reason := work.hopeless(ended=False)):
                            stopping.set()
                            errors.append(reason)
        except OutputError as error:
            stopping.set()
            errors.append(str(error))
        reasons = (work.hopeless(ended=True) for work in works if not errors)
        errors += list(dict.fromkeys(filter(None, reasons)))
        for file in files.values():
            try:
                file.close()
            except (InputError, OutputError) as error:
                errors.append(str(error))
    paths = [work.path for work in works if work.summary.done]
    ending = summary.Ending(options.report, paths, options.next_command)
    status = summary.conclude(summaries, errors, ending)
    return 128 + signals[0] if status and signals else status


def run(jobs: Sequence[Job]) -> Iterator[Outcome | None]:
    """Run all jobs and yield outcomes as they come, and None now and then while idle.

    Each model has its own threads. They only ask: the caller writes, and no thread goes on before
    its last outcome is dealt with, so that a kill costs at most one call of each. After `stopping`
    is set no job begins, and calls in flight are waited for, unless `halting` is set too.
    """
    lanes = defaultdict[str, deque[Job]](deque)
    for job in jobs:
        lanes[job.work.model.name].append(job)
    outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
    running = 0
    # A model that computes in this process needs all cores.
    in_process = any(job.work.model.api_type == "llamacpp" for job in jobs)
    with contextlib.nullcontext() if in_process else _one_core():
        for lane in lanes.values():
            for _ in range(min(lane[0].work.model.parallel, len(lane))):
                threading.Thread(target=_do_jobs, args=(lane, outcomes), daemon=True).start()
                running += 1
        while running and not (halting.is_set() and outcomes.empty()):
            try:
                outcome = outcomes.get(timeout=0.2)
            except queue.Empty:
                yield None
                continue
            if outcome is None:
                running -= 1
            else:
                yield outcome
                outcome.written.put(None)


def _do_jobs(lane: deque[Job], outcomes: queue.SimpleQueue[Outcome | None]) -> None:
    """Do jobs of a lane until none is left or one fails as all others will, and end with None."""

    def deliver(outcome: Outcome) -> None:
        outcomes.put(outcome)
        outcome.written.get()

    while not stopping.is_set():
        try:
            job = lane.popleft()
        except IndexError:
            break
        try:
            for reply in job.work.replies(job):
                deliver(Outcome(job, reply))
            continue
        except CompletionError as fault:
            error = fault
        except Exception as fault:
            error = CompletionError("internal error", repr(fault))
        if error.final:
            lane.clear()
        deliver(Outcome(job, error=error))
    outcomes.put(None)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread, and those it starts, on one core."""
    # Only one thread can hold Python's lock, and handing it from core to core is slow. Without
    # this, `make bench` on two cores took 1.5-2.0 ms of CPU a call and not 1.2-1.3, and did 550
    # calls a second and not 720.
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(before))})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# Set by a second Ctrl-C: replies that are here are still written, calls in flight are given up.
halting = threading.Event()


@contextlib.contextmanager
def graceful_stop() -> Iterator[list[int]]:
    """Let the first Ctrl-C finish the calls in flight, and the second one stop at once. Yield the
    list of the signals that came.
    """
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        received.append(number)
        if halting.is_set():
            raise KeyboardInterrupt
        if stopping.is_set():
            halting.set()
            return
        stopping.set()
        advice = "waiting for the calls in flight (Ctrl-C again stops at once)"
        with contextlib.suppress(RuntimeError):  # it came while another line was printed
            print(f"\nstopping: {advice}", file=sys.stderr)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopping.clear()
        halting.clear()
