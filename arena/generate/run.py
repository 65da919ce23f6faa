"""Runs the planned calls of several models at once: flags, pool, budget, and stale records."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import random
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from arena.base.errors import InputError, OutputError
from arena.base.record_file import RecordFile
from arena.bench.records import KeyLine, record_id
from arena.chat.calls import CompletionError, stopping
from arena.generate.summary import Estimate, Progress, Tally, conclude, unfailing_output

Key = TypeVar("Key")

IDLE_SECONDS = 0.2

# Set by a second Ctrl-C: what has come in is still written, what is in flight is given up.
halting = threading.Event()


class Work(Protocol):
    """What is to be done for one model: a file, its planned jobs and the making of its records."""

    path: Path
    tally: Tally

    def plan(self) -> Sequence[Job]:
        """Read what the file holds and return a job for each thing that is missing."""

    def record(self, result: Any) -> dict[str, Any]:
        """Take in a result, and return the record that now stands for it."""

    def count(self, result: Any) -> None:
        """Count a result whose record is in the file."""

    def estimate(self, jobs: Sequence[Job]) -> Estimate:
        """Return what the planned jobs will ask and cost at most."""


@dataclass(frozen=True)
class Job:
    """A piece of work of one thread: `run` yields a result after each call that was paid for.

    `begun`: how many are there from an earlier run.
    """

    work: Work
    id: str
    run: Callable[[], Iterator[Any]]
    begun: int = 0


@dataclass(frozen=True)
class Lane:
    """Jobs of which `parallel` run at a time; `local` ones compute in this process."""

    parallel: int
    jobs: Sequence[Job]
    local: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a job: a result of it, or the error that ended it."""

    job: Job
    result: Any = None
    error: CompletionError | None = None


@unfailing_output()
def execute(
    works: Sequence[Work],
    lanes: Callable[[list[Sequence[Job]]], Sequence[Lane]],
    unit: str,
    args: argparse.Namespace,
) -> int:
    """Lock the files of all works, plan, run the jobs, write each result as it comes, and sum up.

    `lanes` deals the planned jobs of the works out to lanes; `args` are those of `add_run_flags`.
    Returns the exit status.
    """
    _check_report(args.report)
    if args.dry_run:
        for work in works:
            print(work.estimate(work.plan()).line(work.tally))
        return 0
    tallies = [work.tally for work in works]
    errors: list[str] = []
    with ExitStack() as stack:
        files = {id(work): stack.enter_context(RecordFile(work.path, KeyLine)) for work in works}
        jobs = [work.plan() for work in works]
        for work, missing in zip(works, jobs, strict=True):
            if missing:
                files[id(work)].check_writable()
        stack.enter_context(graceful_stop())
        try:
            with Progress(tallies, unit) as progress:
                _write_outcomes(run_lanes(lanes(jobs)), files, progress)
        except OutputError as error:
            stopping.set()
            errors.append(str(error))
        errors += _close(files.values())
    return conclude(tallies, errors, args.report)


def _close(files: Iterable[RecordFile]) -> Iterator[str]:
    """Close all files, and yield what went wrong with some."""
    for file in files:
        try:
            file.close()
        except (InputError, OutputError) as error:
            yield str(error)


def _check_report(path: Path | None) -> None:
    """Raise InputError where the report could not be written after all is paid for."""
    if path is None:
        return
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: --report: cannot write a file here")


def _write_outcomes(
    outcomes: Iterator[Outcome | None], files: dict[int, RecordFile], progress: Progress
) -> None:
    for outcome in outcomes:
        if outcome is None:
            for file in files.values():
                file.sync()
            continue
        work = outcome.job.work
        if outcome.error is not None:
            work.tally.fail(outcome.error, outcome.job.id)
        else:
            files[id(work)].append(work.record(outcome.result))
            work.count(outcome.result)
        progress.update()


def run_lanes(lanes: Sequence[Lane]) -> Iterator[Outcome | None]:
    """Run all lanes at once and yield outcomes as they come, and None now and then while idle.

    Workers only return results; whoever iterates writes them, and no worker goes on before its last
    result is written: a kill costs no more than one call of each. After `stopping` is set no job
    begins, and those in flight are waited for, unless `halting` is set too.
    """
    with contextlib.nullcontext() if any(lane.local for lane in lanes) else _one_core():
        yield from _run_lanes(lanes)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread, and those it starts, on one core.

    Only one thread can hold Python's lock, and handing it from core to core costs as much as the
    calls do. The system moves other programs away.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(before))})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _run_lanes(lanes: Sequence[Lane]) -> Iterator[Outcome | None]:
    outcomes: queue.SimpleQueue[_Parcel | None] = queue.SimpleQueue()
    running = 0
    for lane in lanes:
        todo = deque(lane.jobs)
        for _ in range(min(lane.parallel, len(todo))):
            threading.Thread(target=_work, args=(todo, outcomes), daemon=True).start()
            running += 1
    while running and not (halting.is_set() and outcomes.empty()):
        try:
            parcel = outcomes.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            yield None
            continue
        if parcel is None:
            running -= 1
        else:
            yield parcel[0]
            parcel[1].put(None)


# An outcome, and where the worker that waits for it is told that it is written.
_Parcel = tuple[Outcome, "queue.SimpleQueue[None]"]


def _work(todo: deque[Job], outcomes: queue.SimpleQueue[_Parcel | None]) -> None:
    """Take jobs until none is left, or until one fails in a way that all others will."""
    written: queue.SimpleQueue[None] = queue.SimpleQueue()
    while not stopping.is_set():
        try:
            job = todo.popleft()
        except IndexError:
            break
        for outcome in _outcomes_of(job):
            if outcome.error is not None and outcome.error.final:
                todo.clear()
            outcomes.put((outcome, written))
            written.get()
    outcomes.put(None)


def _outcomes_of(job: Job) -> Iterator[Outcome]:
    """Yield what comes of a job: its results, and the error that ends it."""
    try:
        for result in job.run():
            yield Outcome(job, result)
    except CompletionError as error:
        yield Outcome(job, error=error)
    except Exception as error:
        yield Outcome(job, error=CompletionError("internal error", repr(error)))


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
        with contextlib.suppress(RuntimeError):  # it came while another line was printed
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


def stale_flag(args: argparse.Namespace) -> str | None:
    """Return what to do with stale records; a dry run only counts them."""
    return args.stale or ("keep" if args.dry_run else None)


def without_stale(
    work: Work,
    records: Mapping[Key, dict[str, Any]],
    reasons: Mapping[Key, str],
    stale: str | None,
    remark: str,
) -> dict[Key, dict[str, Any]]:
    """Return a work's records less those that are to be made again; those kept are counted.

    reasons: why a record is stale, by its key; `stale` is the flag. Raises InputError where there
    are stale records and no flag says what to do with them.
    """
    if reasons and stale is None:
        raise InputError(
            f"{work.path}: {len(reasons)} records were made with other settings "
            f"({next(iter(reasons.values()))}); --stale keep accepts them as they "
            "are, --stale redo makes them again"
        )
    work.tally.stale = len(reasons)
    if stale == "redo":
        return {key: record for key, record in records.items() if key not in reasons}
    if reasons:
        work.tally.remarks[remark] += [record_id(records[key]) for key in reasons]
    return dict(records)
