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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from arena.base.errors import InputError, OutputError, add_source_flags, one_line, positive
from arena.base.jsonl import RecordFile
from arena.bench.config import ModelConfig
from arena.bench.records import differing_setting, record_id
from arena.chat.calls import Completion, CompletionError, Message, stopping
from arena.generate.summary import Estimate, Progress, Tally, conclude, price_of, unfailing_output

Key = TypeVar("Key")

IDLE_SECONDS = 0.2

# Set by a second Ctrl-C: what has come in is still written, what is in flight is given up.
halting = threading.Event()


def add_run_flags(parser: argparse.ArgumentParser, setting_file: str) -> None:
    """Add the flags that gen_answer.py and gen_judgment.py share."""
    add = parser.add_argument
    add_source_flags(add, "with the settings", setting_file)
    add(
        "--endpoint-file",
        type=Path,
        default=Path("config/api_config.yaml"),
        help="YAML file with the models' endpoints (default: %(default)s)",
    )
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
    add(
        "--stale",
        choices=("keep", "redo"),
        help="what to do with records made with other settings (default: stop and name them)",
    )
    add(
        "--dry-run",
        action="store_true",
        help="print calls, tokens and cost of what is missing, and stop (default: False)",
    )
    add(
        "--max-cost",
        type=dollars,
        metavar="USD",
        help="stop before the run costs more; needs a price in the endpoint file (default: no)",
    )
    add("--report", type=Path, metavar="FILE", help="write the summary as JSON (default: no)")


def dollars(text: str) -> float:
    """Return a flag's sum of money; argparse reports what is wrong."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount < 1e9:
        raise argparse.ArgumentTypeError(f"expected a sum in USD, got '{text}'")
    return amount


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
        files = {id(work): stack.enter_context(RecordFile(work.path)) for work in works}
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


@dataclass
class Budget:
    """What a run may cost in USD: each call claims the most it can cost before it is made."""

    limit: float | None = None
    spent: float = 0.0
    claimed: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def claim(self, most: float) -> None:
        """Set money aside; wait while calls in flight hold it, CompletionError if it is gone, or
        if the run is stopped before it comes back.
        """
        with self.changed:
            while self.limit is not None and self.spent + self.claimed + most > self.limit:
                if not stopping.is_set():
                    if self.claimed <= 0.0:
                        raise _limit_reached(self.limit)
                    self.changed.wait(IDLE_SECONDS)
                if stopping.is_set():
                    raise CompletionError("interrupted")
            self.claimed += most

    def settle(self, most: float, cost: float) -> None:
        """Give back what was set aside, and count what the call has cost."""
        with self.changed:
            self.claimed = max(self.claimed - most, 0.0)
            self.spent += cost
            self.changed.notify_all()


def _limit_reached(limit: float) -> CompletionError:
    error = CompletionError("cost limit", f"the next call could pass --max-cost {limit:g}")
    error.final = True
    return error


@dataclass(frozen=True)
class Meter:
    """Counts the calls of one work: in its tally, and against the budget of the run."""

    tally: Tally
    budget: Budget
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, messages: Sequence[Message], max_tokens: int) -> float:
        """Return the most a call can cost, set aside; a token is never shorter than a byte."""
        if self.tally.price is None:
            return 0.0
        size = sum(len(m["content"].encode("utf-8", "replace")) + 16 for m in messages)
        most = price_of(self.tally.price, size, max_tokens)
        self.budget.claim(most)
        return most

    def settle(self, most: float, reply: Completion | CompletionError) -> None:
        """Count the tokens of a call that is over, and what it has cost.

        The budget takes a call at its most where nobody told what it cost.
        """
        if isinstance(reply, CompletionError):
            tokens, told = (0, 0), not reply.charged
        else:
            tokens = reply.input_tokens or 0, reply.output_tokens or 0
            told = reply.input_tokens is not None and reply.output_tokens is not None
        known = price_of(self.tally.price or (0.0, 0.0), *tokens)
        more = 0.0 if told else max(most - known, 0.0)
        with self.lock:
            self.tally.spend(*tokens)
            self.tally.untold_cost += more
        self.budget.settle(most, known + more)


def check_prices(models: Sequence[ModelConfig], max_cost: float | None) -> Budget:
    """Return the budget of a run; InputError where --max-cost has no price to go by."""
    for model in models:
        if max_cost is not None and model.price is None:
            raise InputError(f"{model.where}: --max-cost needs price: {{input: , output: }}")
    return Budget(max_cost)


def stale_flag(args: argparse.Namespace) -> str | None:
    """Return what to do with stale records; a dry run only counts them."""
    return args.stale or ("keep" if args.dry_run else None)


def stale_reason(
    record: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> str | None:
    """Return in which setting a part of a record (a choice, a game) differs from those of now, None
    if in none that is told; the record's settings are those of its parts that tell none.
    """
    for made in [part.get("settings", record.get("settings")) for part in parts]:
        key = differing_setting(made, settings) if isinstance(made, Mapping) else None
        if key is not None:
            was, now = (one_line(repr(values.get(key)), 60) for values in (made, settings))
            return f"{key} was {was}, now {now}"
    return None


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
