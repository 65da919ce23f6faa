"""The batches of one model at its service: those of earlier runs, and new ones in waves."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from shortuuid import uuid

from arena.base.errors import InputError
from arena.base.jsonl import write_lines, writing
from arena.batch.lines import parts_of
from arena.batch.service import QueueFull, Service, Status
from arena.batch.state import (
    CREATING,
    ENDED,
    FOLDER,
    RUNNING,
    STORED,
    UPLOADED,
    WRITTEN,
    Batch,
    batches_of,
)
from arena.chat.budget import INTERRUPTED, Budget, stopping
from arena.chat.calls import MAX_WAIT, PASSING, PERMANENT
from arena.chat.config import ModelConfig
from arena.chat.faults import PROMPT_CAUSES, CompletionError
from arena.chat.parameters import Refusals, learn, refusals_of
from arena.chat.protocols import Request

# Services count the tokens of a queue themselves. This many bytes of a request file are at least
# one token in most languages, so that a wave is rather too small than too large.
BYTES_A_TOKEN = 3

REFUSALS = (*PERMANENT, *PROMPT_CAUSES)  # after these causes no batch was created

J = TypeVar("J")
R = TypeVar("R")


@dataclass
class Waves(Generic[J]):
    """The batches of one model, and the jobs that wait for one.

    ask: the id of a job's next call, the call, and the most that it can cost in nano-dollars.
    waiting: jobs that are not sent, by the file of records that their replies belong to. No batch
    has jobs of two files. running: batches with their jobs by id, in the order of creation. left:
    those that this run can neither look at nor give up, for the reasons in `problems`.
    wanted: the hashes of all replies wanted in a file of records, as `identity_hash` makes them.
    outdated: batches, and how many of their requests are now made in another way. left_out: the
    same of requests for replies that this run does not ask for.
    most_tokens: the tokens to send at a time. queue: those that the service says it lets wait.
    is_full: it has refused more for now.
    """

    service: Service
    bench: Path
    budget: Budget
    ask: Callable[[J], tuple[str, Request, int]]
    wanted: Callable[[str], set[str]]
    waiting: dict[str, deque[J]] = field(default_factory=dict)
    running: list[tuple[Batch, dict[str, J]]] = field(default_factory=list)
    left: list[tuple[Batch, dict[str, J]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    outdated: list[tuple[Batch, int]] = field(default_factory=list)
    left_out: list[tuple[Batch, int]] = field(default_factory=list)
    most_tokens: float = math.inf
    queue: float = math.inf
    is_full: bool = False
    _tried: set[str] = field(default_factory=set)
    is_known: bool = False  # whether the service has taken requests like these before

    def adopt(self) -> None:
        """Take over the batches of earlier runs, and what they have learned of the model. Raises
        InputError for a batch that this entry does not lead to.
        """
        seen = set[str]()
        for batch in batches_of(self.bench):
            if batch.run in seen:
                continue  # a copy of a folder
            seen.add(batch.run)
            is_here = self.service.is_at(batch)
            if is_here and batch.model == self.service.model.name:
                refusals = Refusals(self.service.model, frozenset(batch.refused), batch.limit)
                learn(self.service.endpoint, refusals)
                self.is_known |= batch.phase in (RUNNING, ENDED, STORED)
            if batch.phase == STORED:
                batch.delete_files()  # unless the run was killed just before
            if batch.records not in self.waiting or batch.phase == STORED:
                continue
            if not is_here:
                place = f"{self.service.name}, {self.service.address}"
                raise elsewhere(batch, self.service.model, place)
            if batch.phase == CREATING:
                self._find(batch)
            if batch.phase in (WRITTEN, UPLOADED):  # it was never created
                batch.delete()
            else:
                self._attach(batch)

    def _find(self, batch: Batch) -> None:
        """Find out whether a batch was created before an earlier run was killed."""
        try:
            batch_id = self._steady(self.service.find, batch)
        except CompletionError as error:
            self.problems.append(f"{batch.label}: cannot find out whether it exists: {error}")
            return
        if batch_id is None:
            batch.advance(UPLOADED)
        else:
            batch.advance(RUNNING, batch_id=batch_id)

    def _attach(self, batch: Batch) -> None:
        """Take the jobs of a batch off those that wait."""
        ids = frozenset(batch.ids())
        jobs = {self.ask(job)[0]: job for job in self.waiting[batch.records]}
        self.waiting[batch.records] = deque(job for key, job in jobs.items() if key not in ids)
        asked = {parts for key in ids - jobs.keys() if (parts := parts_of(key)) is not None}
        outdated = asked & {parts_of(key) for key in jobs.keys() - ids}
        if outdated:
            self.outdated.append((batch, len(outdated)))
        left_out = asked - outdated
        if left_out and batch.phase == ENDED:  # an earlier run may have stored some replies
            wanted = self.wanted(batch.records)
            left_out = {(identity, turn) for identity, turn in left_out if identity not in wanted}
        if left_out:
            self.left_out.append((batch, len(left_out)))
        batches = self.left if batch.phase == CREATING else self.running
        batches.append((batch, {key: job for key, job in jobs.items() if key in ids}))
        self.budget.reserved += batch.most

    def send(self) -> Batch | None:
        """Send one batch of the jobs that wait, and return it, None if there was none to send.

        Raises QueueFull if the service takes no more for now, and CompletionError.
        """
        records = next((name for name, jobs in self.waiting.items() if jobs), None)
        if records is None or (self.running and (self.is_full or self.room <= 0)):
            return None
        batch, jobs = self._write(records)
        if not jobs:
            return None
        try:
            batch.advance(UPLOADED, file_id=self._steady(self.service.upload, batch))
            batch.advance(CREATING)
            batch.advance(RUNNING, batch_id=self._steady(self._create, batch))
        except QueueFull as full:
            self.put_back(batch, jobs)
            self.shrink(batch, full)
            raise
        except CompletionError:
            if batch.run in self._tried:  # it may exist: the next run looks for it
                self.left.append((batch, jobs))
            else:
                self.put_back(batch, jobs)
            raise
        self.running.append((batch, jobs))
        return batch

    def _pack(self, records: str) -> Iterator[tuple[str, J, bytes, int]]:
        """Take jobs off those that wait, as many as one batch may have, and yield the id, the job,
        the line of its request, and the most that it can cost.
        """
        service, waiting, count, size = self.service, self.waiting[records], 0, 0
        refusals = refusals_of(service.model, service.endpoint)
        most_bytes = min(service.terms.bytes, self.room)
        while waiting and count < service.terms.requests:
            key, request, cost = self.ask(waiting[0])
            line = service.line(key, refusals.applied(request))
            count, size = count + 1, size + len(line)
            if (count > 1 and size > most_bytes) or not self.budget.reserve(cost):
                return
            yield key, waiting.popleft(), line, cost

    def _write(self, records: str) -> tuple[Batch, dict[str, J]]:
        """Write the request file of a batch, and return the batch with its jobs by id."""
        service, run, jobs = self.service, uuid(), dict[str, J]()
        refusals = refusals_of(service.model, service.endpoint)
        batch = Batch(
            folder=self.bench / FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{run[:8]}",
            service=service.name,
            address=service.address,
            model=service.model.name,
            records=records,
            refused=tuple(sorted(refusals.names)),
            limit=refusals.limit,
            run=run,
        )
        digest = hashlib.sha256()

        def lines() -> Iterator[bytes]:
            for key, job, line, cost in self._pack(records):
                jobs[key] = job
                batch.bytes, batch.most = batch.bytes + len(line), batch.most + cost
                digest.update(line)
                yield line

        write_lines(batch.request_file, lines())
        batch.requests, batch.sha256 = len(jobs), digest.hexdigest()
        if jobs:
            batch.advance(WRITTEN)
        else:
            batch.delete()
        return batch, jobs

    @property
    def room(self) -> float:
        """The bytes of requests that the queue of the service has room for."""
        return self.most_tokens * BYTES_A_TOKEN - sum(batch.bytes for batch, _ in self.running)

    def _create(self, batch: Batch) -> str:
        """Create a batch. One whose creation may have broken off is looked for first."""
        if batch.run in self._tried and (batch_id := self.service.find(batch)):
            return batch_id
        self._tried.add(batch.run)
        try:
            return self.service.create(batch)
        except (QueueFull, CompletionError) as error:
            if isinstance(error, QueueFull) or error.cause in REFUSALS:
                self._tried.remove(batch.run)
            raise

    def _steady(self, call: Callable[[Batch], R], batch: Batch) -> R:
        """Make a call to the service, again after faults that may pass."""
        model = self.service.model
        for attempt in range(model.max_retries + 1):
            try:
                return call(batch)
            except CompletionError as error:
                if error.cause not in PASSING or attempt == model.max_retries:
                    raise
                backoff = min(model.retry_wait * 2.0 ** min(attempt, 64), MAX_WAIT)
                if stopping.wait(min(max(error.retry_after, backoff), MAX_WAIT)):
                    raise
        raise CompletionError(INTERRUPTED)

    def put_back(self, batch: Batch, jobs: dict[str, J]) -> None:
        """Let the jobs of a batch that the service did not take wait again."""
        self.running = [(other, its) for other, its in self.running if other is not batch]
        self.waiting[batch.records].extendleft(reversed(jobs.values()))
        self.budget.release(batch.most)
        batch.delete()

    def shrink(self, batch: Batch, full: QueueFull) -> None:
        """Learn from a full queue how much to send at a time, and whether to wait before the next
        batch: for our own batches, or if not even one request was taken.
        """
        self.queue = min(full.tokens or math.inf, self.queue)
        most = math.inf if self.running else batch.bytes / BYTES_A_TOKEN / 2
        self.most_tokens = min(most, self.queue, self.most_tokens)
        self.is_full = bool(self.running) or batch.requests == 1

    def look(self, batch: Batch) -> Status:
        """Ask how far a batch is. Once it is over, its results are on disk when this returns."""
        if batch.phase == ENDED and batch.result_file.exists():
            return Status(batch.word, is_over=True)
        status = self.service.look(batch.batch_id or "")
        if status.is_over and not status.has_failed:
            temporary = batch.result_file.with_suffix(".tmp")
            with writing(temporary), temporary.open("wb") as out:
                self.service.download(batch.batch_id or "", status, out)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, batch.result_file)
            batch.advance(ENDED, word=status.word)
        return status

    def close(self, batch: Batch) -> None:
        """Forget a batch whose replies are all stored. Its state stays as a record of the run. The
        next batches may be larger again, as others may have filled the queue.
        """
        batch.advance(STORED)
        batch.delete_files()
        self.is_full, self.most_tokens = False, min(2 * self.most_tokens, self.queue)
        self.running = [(other, jobs) for other, jobs in self.running if other is not batch]
        self.budget.release(batch.most)

    def leave(self, batch: Batch) -> None:
        """Leave a batch that cannot be looked at to a later run."""
        self.left += [(other, jobs) for other, jobs in self.running if other is batch]
        self.running = [(other, jobs) for other, jobs in self.running if other is not batch]


def elsewhere(batch: Batch, model: ModelConfig, place: str) -> InputError:
    """Return the error of a batch that the entry of its model does not lead to any more."""
    return InputError(
        f"{batch.folder}: this batch is at {batch.service}, {batch.address}, but {model.where} "
        f"leads to {place}. Set the entry back to store its replies, or delete the folder to give "
        "them up."
    )
