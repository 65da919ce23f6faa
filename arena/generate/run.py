"""The live run of all models' missing calls: the threads that ask, the files, the signals."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from arena.base.errors import InputError, warn
from arena.base.jsonl import STDOUT
from arena.base.output import print_folded, unfailing_output
from arena.chat.budget import stopping
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.generate import summary
from arena.generate.progress import Progress
from arena.generate.schedule.rounds import Goal, begun, rounds
from arena.generate.work import Job, RunOptions, Session, Work


@dataclass(frozen=True)
class Outcome:
    """A reply to a job, or the error that ended it; its thread waits for `written`."""

    job: Job
    reply: Any = None
    error: CompletionError | None = None
    # An Event would take more CPU time than this queue.
    written: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)


@unfailing_output()
def complete(
    works: Sequence[Work], unit: str, options: RunOptions, goal: Goal | None = None
) -> int:
    """Make all missing records, or those that a goal needs, and return the exit status.

    unit: "answer" or "game".
    """
    summary.check_report_path(options.report)
    if options.dry_run:
        summary.print_estimates([(work.summary, work.estimate(work.plan())) for work in works])
        return 0
    connections = connections_of(works)
    with Session(works, options) as session:
        jobs = session.plan()
        with graceful_stop() as signals:
            with Progress(session.summaries, unit, quiet=options.quiet) as progress:
                parts = until_reached(goal, session, jobs) if goal else [jobs]
                for outcome in chain.from_iterable(run(part, connections) for part in parts):
                    progress.update()
                    take(session, outcome)
            session.close()
    if goal and not session.errors:
        print_folded(goal.text(), sys.stderr if options.report == STDOUT else sys.stdout)
    status = session.conclude()
    return 128 + signals[0] if status and signals else status


def until_reached(goal: Goal, session: Session, jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield the jobs of rounds of random questions until a goal is reached, and plan no more then.

    What is missing of questions that an earlier run began comes first, whatever the goal. After a
    round that a stop, a fault or the cost limit has cut short there is no other.
    """
    counts, ids = session.summaries, [question.id for question in session.options.questions]

    def question_of(job: Job) -> str:
        return str(job.work.identity(job)["question"])

    known = {work: begun(work.begun, ids) for work in session.works}
    early = [job for job in jobs if question_of(job) in known[job.work]]
    rest = [job for job in jobs if question_of(job) not in known[job.work]]
    parts = chain([early] if early else [], rounds(rest, question_of, ids))
    try:
        first = not any(work.begun for work in session.works)
        reached = not early and goal.is_reached(first=first)
        for part in parts:
            if reached:
                break
            before = sum(one.ended for one in counts)
            yield part
            if sum(one.ended for one in counts) - before < len(part):
                return
            reached = goal.is_reached()
    except InputError as error:
        session.end(str(error))
        return
    for one in counts:
        one.planned = one.ended + one.in_batches


def take(session: Session, outcome: Outcome | None) -> None:
    """Store a reply, or count an error. Without either there is time to sync files."""
    if outcome is None:
        session.sync()
    elif outcome.error is not None:
        outcome.job.work.summary.fail(outcome.error, outcome.job.id)
    else:
        session.store(outcome.job, outcome.reply)


FILES_OF_A_WORK = 2  # its file and its lock
OTHER_FILES = 24  # at most 7 were seen, of the program, its libraries and the terminal


def connections_of(works: Sequence[Work]) -> int:
    """Return the number of connections that the limit on open files allows, raised if need be.
    Raises InputError if there is not one for each model.
    """
    models = {work.model.name: work.model for work in works}.values()
    files = FILES_OF_A_WORK * len(works) + OTHER_FILES
    limit = open_file_limit(
        files + sum(model.parallel * _files_of_a_call(model) for model in models)
    )
    needed = files + sum(map(_files_of_a_call, models))
    if limit < needed:
        fewer = "Name fewer models with --model, or raise" if len(works) > 1 else "Raise"
        raise InputError(
            f"this run needs {needed} open files, and the hard limit of this system is {limit}. "
            f"{fewer} it (ulimit -Hn shows it)."
        )
    return limit - files


def open_file_limit(needed: int) -> int:
    """Raise the limit on open files to `needed`, or as far as the system allows, and return it."""
    try:
        import resource
    except ImportError:  # Windows
        return needed
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    while allowed > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            return allowed
        allowed //= 2  # macOS allows less than the limit that it names
    return soft


def _files_of_a_call(model: ModelConfig) -> int:
    """Return the open files of a call: a connection to each endpoint, both ends if it is here."""
    return 2 if model.api_type == "llamacpp" else len(model.endpoints)


def run(jobs: Sequence[Job], connections: int | None = None) -> Iterator[Outcome | None]:
    """Run all jobs and yield outcomes as they come, and None now and then while idle.

    Each model has its own threads. They only ask: the caller writes, and no thread goes on before
    its last outcome is dealt with, so that a kill costs at most one call of each. After `stopping`
    is set no job begins, and calls in flight are waited for, unless `halting` is set too.

    connections: the most that all threads together may have open.
    """
    lanes = defaultdict[str, deque[Job]](deque)
    for job in jobs:
        lanes[job.work.model.name].append(job)
    outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
    running = 0
    # A model that computes in this process needs all cores.
    in_process = any(job.work.model.api_type == "llamacpp" for job in jobs)
    with contextlib.nullcontext() if in_process else one_core():
        running = _start(list(lanes.values()), outcomes, connections)
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


@contextlib.contextmanager
def one_core() -> Iterator[None]:
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


def _start(
    lanes: Sequence[deque[Job]],
    outcomes: queue.SimpleQueue[Outcome | None],
    connections: int | None,
) -> int:
    """Start the threads, one for each model before the second of any, and return their number."""
    models = [lane[0].work.model for lane in lanes]
    wanted = [min(model.parallel, len(lane)) for model, lane in zip(models, lanes, strict=True)]
    running = 0
    for number in range(max(wanted, default=0)):
        for model, lane, threads in zip(models, lanes, wanted, strict=True):
            if number >= threads:
                continue
            if connections is not None:
                connections -= _files_of_a_call(model)
                if connections < 0:
                    _warn_of_limit(running, sum(wanted), "open files", "-n")
                    return running
            try:
                threading.Thread(target=_do_jobs, args=(lane, outcomes), daemon=True).start()
            except RuntimeError:
                if not running:
                    raise InputError("the system allows this program no threads") from None
                _warn_of_limit(running, sum(wanted), "threads", "-u")
                return running
            running += 1
    return running


def _warn_of_limit(allowed: int, wanted: int, resource: str, flag: str) -> None:
    calls = "1 call" if allowed == 1 else f"{allowed} calls"
    calls = f"parallel is lowered to {calls} at a time in all, not {wanted}"
    warn(f"{calls}: the system limits {resource} (ulimit {flag})")


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


# Set by a second Ctrl-C: replies that are here are still written, calls in flight are given up.
halting = threading.Event()
# Set while the main thread makes a call itself, which only an exception can end.
_is_calling = threading.Event()


@contextlib.contextmanager
def main_thread_call() -> Iterator[None]:
    """Let the second Ctrl-C end calls that the main thread makes, which must stand a kill."""
    _is_calling.set()
    try:
        yield
    finally:
        _is_calling.clear()


@contextlib.contextmanager
def graceful_stop() -> Iterator[list[int]]:
    """Let the first Ctrl-C finish the calls in flight, and the second one stop at once. Yield the
    list of the signals that came.
    """
    received: list[int] = []
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows

    def stop(number: int, _: object) -> None:
        received.append(number)
        if len(received) == 1:
            stopping.set()
            advice = "waiting for the calls in flight (Ctrl-C again stops at once)"
            with contextlib.suppress(RuntimeError):  # it came while another line was printed
                print(f"\nstopping: {advice}", file=sys.stderr)
        elif number == signal.SIGINT or hangup not in received:
            # A terminal that closes may send more than one signal, and nobody wants to halt.
            if halting.is_set() or _is_calling.is_set():
                raise KeyboardInterrupt
            halting.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hangup and signal.getsignal(hangup) != signal.SIG_IGN:  # ignored under nohup
        numbers.append(hangup)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopping.clear()
        halting.clear()
