"""The work of a run on one file: its records, the missing replies, and how to ask for them."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, OutputError
from arena.base.jsonl import warn_of_repeats
from arena.base.record_file import RecordFile
from arena.batch.lines import custom_id
from arena.batch.state import batches_of, running_ids
from arena.bench.paths import Bench
from arena.bench.provenance import messages_hash, stale_problem
from arena.bench.records import KeyLine, Question
from arena.chat.budget import Budget, Meter, stopping
from arena.chat.calls import ask
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.chat.parameters import remark_on
from arena.chat.protocols import LONE_THINK_END, Completion, Request, has_lone_think_end
from arena.generate import summary


@dataclass(frozen=True)
class RunOptions:
    """The options of a run that answers and judgments share.

    stale: "keep" or "redo" records made with other settings, None to stop there.
    report: the file for a summary in JSON.
    retry_invalid: play games without a verdict again.
    quiet: show no progress.
    batch: what to do with batch services, a verb of arena/generate/batches.py, None to ask live.
    write_requests, shards: the folder for request files, and their number, None for as many as
    services take. read_results: files of results. command: this run's without these flags.
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
    batch: str | None = None
    write_requests: Path | None = None
    shards: int | None = None
    read_results: Sequence[Path] = ()
    command: str = ""
    next_command: str = ""

    @property
    def uses_files(self) -> bool:
        """Whether another program asks the models."""
        return bool(self.write_requests or self.read_results)


@dataclass(frozen=True, slots=True)
class Job:
    """One conversation or game that is missing; `id` names it in the summary."""

    work: Work
    id: str

    @property
    def turn(self) -> int:
        """The number of replies that it has."""
        return 0


Record = dict[str, Any]


class Work(ABC):
    """The `records` of one file by a key of the subclass, kept up to date as replies come, and how
    to make the missing ones.
    """

    def __init__(self, model: ModelConfig, name: str, path: Path, options: RunOptions) -> None:
        self.model = model
        self.path = path
        self.options = options
        self.summary = summary.RunSummary(
            name, Meter(model.price, options.budget), entry=model.name
        )
        self.records: dict[Any, Record] = {}
        self.begun = set[str]()  # the questions of all records, also of those to be redone

    def plan(self) -> list[Any]:
        """Read the file and return a job for each missing reply. Raises InputError if records were
        made with other settings and no flag says what to do.
        """
        stale: dict[Any, str] = {}
        # A dry run only counts.
        policy = self.options.stale or ("keep" if self.options.dry_run else None)
        repeated = 0
        for key, reason, record in self.read() if self.path.exists() else ():
            if key in self.records:
                repeated += 1
                stale.pop(key, None)
            self.records[key] = record
            self.begun.add(key if isinstance(key, str) else key[0])
            if reason is not None:
                stale[key] = reason
        warn_of_repeats(self.path, repeated)
        ids = defaultdict[str, list[str]](list)
        for key, reason in stale.items():
            ids[reason].append(key if isinstance(key, str) else key[0])
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
        if (self.options.batch and not self.options.dry_run) or self.options.read_results:
            return jobs  # whose replies in batches are to be stored
        running = running_ids(self.options.bench.folder, self.path)
        rest = [job for job in jobs if self.custom_id(job) not in running] if running else jobs
        self.summary.in_batches = len(jobs) - len(rest)
        return rest

    @abstractmethod
    def read(self) -> Iterator[tuple[Any, str | None, Record]]:
        """Yield the records of the file with their keys, and the setting that has changed since a
        record was made. Of a record that no reply is added to, only what `missing` needs.
        """

    @abstractmethod
    def missing(self) -> tuple[int, list[Any]]:
        """Return the number of all replies wanted, and a job for each that is missing."""

    @abstractmethod
    def estimate(self, jobs: Sequence[Any]) -> summary.Estimate:
        """Return the calls and tokens that the jobs would take."""

    @abstractmethod
    def identity(self, job: Any) -> dict[str, object]:
        """Name what a job is for: kind, bench, question and so on, without settings and prompt."""

    @abstractmethod
    def wanted(self) -> Iterator[dict[str, object]]:
        """Yield the identities of all replies wanted, also of those that are there."""

    @abstractmethod
    def request(self, job: Any) -> Request:
        """Return the next call of a job."""

    @abstractmethod
    def take(self, job: Any, completion: Completion) -> tuple[Any, Any | None]:
        """Return the reply that a completion makes of the next call of a job, and the job as it
        goes on, None if it has ended.
        """

    def give_up(self, job: Any, error: CompletionError) -> Any | None:
        """Return the reply with which a job ends whose next call failed, None if it failed, too."""
        return None

    @property
    def record_name(self) -> str:
        """The file of records, relative to the bench."""
        return self.path.relative_to(self.options.bench.folder).as_posix()

    def custom_id(self, job: Any, request: Request | None = None) -> str:
        """Return the id of the next call of a job in files and batches. request: this call."""
        request = request or self.request(job)
        asked = [self.settings_of(job), request.max_tokens, messages_hash(request.messages)]
        return custom_id(self.identity(job), job.turn, asked)

    @abstractmethod
    def settings_of(self, job: Any) -> Record:
        """Return the settings of a job's replies in this run, as its record has them."""

    def replies(self, job: Any) -> Iterator[Any]:
        """Ask, and yield a reply after each call that was paid for; runs in a thread."""
        while job is not None:
            try:
                completion = ask(self.request(job), self.summary.meter)
            except CompletionError as error:
                if (reply := self.give_up(job, error)) is None:
                    raise
                yield reply
                return
            reply, job = self.take(job, completion)
            yield reply

    @abstractmethod
    def record(self, job: Any, reply: Any) -> Record:
        """Return the record of a job's question with a reply in it."""

    @abstractmethod
    def count(self, job: Any, reply: Any) -> None:
        """Count a reply whose record is in the file."""

    def note_oddities(self, job: Job, text: str, not_sent: Iterable[str] | None) -> None:
        """Note for the summary what a reply has in it, and what its request had not."""
        if has_lone_think_end(text) and self.model.end_think_token is None:
            self.summary.remarks[LONE_THINK_END].append(job.id)
        for name in not_sent or ():
            self.summary.remarks[remark_on(name)].append(job.id)

    def hopeless(self, ended: bool) -> str | None:
        """Return the reason to stop the run, or at its end to discard its results, or None."""
        return None


class Session(contextlib.AbstractContextManager["Session"]):
    """The files of some works while replies are stored in them, and the errors that end the run.

    Files are locked until it is closed. After an error `stopping` is set: no job begins any more,
    but calls in flight may still be stored.
    """

    def __init__(self, works: Sequence[Work], options: RunOptions) -> None:
        self.works, self.options = works, options
        self.summaries = [work.summary for work in works]
        self.errors: list[str] = []
        self._files: dict[Work, RecordFile] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Session:
        """Open the files. Raises InputError for one that another run has open."""
        keep = not self.options.read_results
        with contextlib.ExitStack() as stack:
            for work in self.works:
                self._files[work] = stack.enter_context(RecordFile(work.path, KeyLine, keep=keep))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Close the files. After an exception they stay as they are."""
        self._open.__exit__(*exception)

    def close(self) -> None:
        """Make the files unique and sorted, and close them."""
        problems = [work.hopeless(ended=True) for work in self.works if not self.errors]
        self.errors += dict.fromkeys(filter(None, problems))
        for file in self._files.values():
            try:
                file.close()
            except (InputError, OutputError) as error:
                self.errors.append(str(error))

    def plan(self) -> list[Job]:
        """Return the missing jobs of all works. Raises OutputError if one could not be stored."""
        jobs: list[Job] = [job for work in self.works for job in work.plan()]
        for work in dict.fromkeys(job.work for job in jobs):
            self._files[work].check_writable()
        return jobs

    def store(self, job: Job, reply: Any) -> None:
        """Store and count a reply to a job."""
        work = job.work
        try:
            self._files[work].append(work.record(job, reply))
            work.count(job, reply)
        except OutputError as error:
            self.end(str(error))
        if not self.errors and (problem := work.hopeless(ended=False)):
            self.end(problem)

    def end(self, problem: str) -> None:
        """Begin no job any more."""
        stopping.set()
        self.errors.append(problem)

    def sync(self, now: bool = False) -> None:
        """Force stored replies to the disk, at most once a second unless `now`."""
        try:
            for file in self._files.values():
                file.sync(now)
        except OutputError as error:
            self.end(str(error))

    def conclude(self, remedy: str | None = None) -> int:
        """Report how the run ended, and return its exit status. remedy: see summary.conclude."""
        paths = [work.path for work in self.works if work.summary.done]
        names = {work.record_name for work in self.works}
        folder, options = self.options.bench.folder, self.options
        batches = [batch.as_dict() for batch in batches_of(folder) if batch.records in names]
        return summary.conclude(
            *(self.summaries, self.errors, paths, options.report, options.next_command),
            remedy,
            batches,
        )
