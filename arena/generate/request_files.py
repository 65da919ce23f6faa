"""Request files: missing replies as requests for any engine, and the storing of its results."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat, starmap
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, warn
from arena.base.jsonl import STDOUT, write_lines
from arena.base.output import print_folded, unfailing_output
from arena.batch.lines import identity_hash, parts_of, request_line
from arena.batch.results import reply_in, result_lines
from arena.batch.service import Terms
from arena.batch.services import MB, terms_of
from arena.bench.paths import named_path
from arena.chat.budget import stopping
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.generate import summary
from arena.generate.run import FILES_OF_A_WORK, OTHER_FILES, open_file_limit
from arena.generate.work import Job, RunOptions, Session, Work

USUAL = Terms(requests=50_000, bytes=200 * MB)  # for models without a batch service

ALREADY_THERE = "results that are already there"
OTHER_SETTINGS = "results of other settings or prompts, ignored"
TWICE = "results given twice, of which the first good one counts"
NEXT_ROUND = "need another round"


@unfailing_output()
def write(works: Sequence[Work], folder: Path, options: RunOptions) -> int:
    """Write the missing requests of each model into files of their own, and return 0."""
    summary.check_report_path(options.report)
    _check_folder(folder)
    models = {work.model.name: work.model for work in works}
    jobs: dict[str, list[Job]] = {name: [] for name in models}
    out = sys.stderr if options.report == STDOUT else sys.stdout
    for work in works:
        missing = work.plan()
        jobs[work.model.name] += missing
        line = f"{work.summary.name}: {summary.number_of(len(missing), 'request')} to make"
        if work.summary.in_batches:
            line += f", {work.summary.in_batches} in batches"
        print_folded(line, out)
        for line in work.summary.remark_lines():
            print_folded(line, out)
    results, commands = Path(f"{os.path.normpath(folder)}-results"), []
    for name, model in models.items():
        place, outputs = folder, results
        if len(models) > 1:
            place, outputs = (named_path(path, name, "model name") for path in (folder, results))
        if jobs[name]:
            terms = terms_of(model) or USUAL
            number, size = _write_files(place, jobs[name], options.shards, terms)
            counts = [(number, "file"), (len(jobs[name]), "request"), (size, "byte")]
            print_folded(
                f"written to {place}: {', '.join(starmap(summary.number_of, counts))}", out
            )
            commands.append(_engine_command(model, place, number, outputs))
    if options.report is not None:
        summaries = [work.summary for work in works]
        summary.write_report(options.report, summaries, [], [], is_complete=not commands)
    for command in commands:
        print(f"next: {command}", file=out)
    if commands:
        print(f"then: {options.command} --read-results {shlex.quote(str(results))}", file=out)
    else:
        print_folded("no request is missing", out)
    return 0


def _check_folder(folder: Path) -> None:
    """Raise InputError for a folder that has something in it."""
    try:
        if any(folder.iterdir()):
            advice = "Name a new folder, as engines take all files in it."
            raise InputError(f"{folder}: --write-requests: not empty. {advice}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{folder}: --write-requests: {error.strerror}") from None


def _write_files(
    folder: Path, jobs: Sequence[Job], shards: int | None, terms: Terms
) -> tuple[int, int]:
    """Write requests into numbered files, and return the number of files and of bytes.

    shards: their number, None for as many as the terms of a service demand.
    """
    limits: Iterable[tuple[int, float]] = repeat((terms.requests, terms.bytes))
    if shards is not None:
        shards = min(shards, len(jobs))
        ends = [len(jobs) * number // shards for number in range(shards + 1)]
        limits = [(end - start, float("inf")) for start, end in zip(ends, ends[1:], strict=False)]
    lines = (
        request_line(job.work.custom_id(job, request), request)
        for job in jobs
        for request in [job.work.request(job)]
    )
    number = size = 0
    for number, part in enumerate(_split(lines, limits), start=1):
        path = folder / f"requests-{number - 1}.jsonl"
        write_lines(path, part)
        size += path.stat().st_size
    return number, size


def _split(
    lines: Iterator[bytes], limits: Iterable[tuple[int, float]]
) -> Iterator[Iterator[bytes]]:
    """Split lines into parts, each of at most a number of lines and bytes, but at least one line.

    A part must be used up before the next one.
    """
    waiting = next(lines, None)

    def part(most_lines: int, most_bytes: float) -> Iterator[bytes]:
        nonlocal waiting
        count, size = 0, 0
        while waiting is not None and (
            count == 0 or (count < most_lines and size + len(waiting) <= most_bytes)
        ):
            yield waiting
            count, size = count + 1, size + len(waiting)
            waiting = next(lines, None)

    for limit in limits:
        if waiting is None:
            return
        yield part(*limit)


def _engine_command(model: ModelConfig, folder: Path, files: int, results: Path) -> str:
    """Return the command line that has vLLM answer the request files of a folder."""
    number, loop, end = "0", "", ""
    if files > 1:
        number, loop, end = "$n", f"for n in $(seq 0 {files - 1}); do ", "; done"
    places = [f"{shlex.quote(str(path))}/" for path in (folder, results)]
    return (
        f"mkdir -p {places[1]} && {loop}vllm run-batch -i {places[0]}requests-{number}.jsonl "
        f"-o {places[1]}results-{number}.jsonl --model {shlex.quote(model.model_name)}{end}"
    )


@unfailing_output()
def read(works: Sequence[Work], options: RunOptions) -> int:
    """Store the replies in result files, and return the exit status of the run."""
    summary.check_report_path(options.report)
    files = _files(options.read_results)
    open_file_limit(FILES_OF_A_WORK * len(works) + OTHER_FILES)
    try:
        with Session(works, options) as session:
            reading = _Reading(session)
            for path in files:
                for custom_id, line in result_lines(path):
                    reading.take(custom_id, line)
            reading.conclude()
            session.close()
    finally:
        stopping.clear()  # set by an error, and no call waits for it
    number = next(n for n in range(2, sys.maxsize) if not os.path.lexists(f"requests-{n}"))
    return session.conclude(f"{options.command} --write-requests requests-{number}")


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return result files, those of a folder by name. Raises InputError if there are none."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: --read-results: no such file")
        inside = sorted(p for p in path.rglob("[!.]*") if p.is_file()) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"{path}: --read-results: no files in this folder")
        files += inside
    return files


class _Reading:
    """The jobs that wait for a result, by the ids of their requests, and what became of others."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting = {job.work.custom_id(job): job for job in session.plan()}
        self.stored: set[str] = set()
        self.failed: dict[str, CompletionError] = {}
        self.going_on: dict[str, Job] = {}
        self.foreign: list[str] = []

    def take(self, custom_id: str, line: dict[str, Any]) -> None:
        """Store the reply in a result line, or note why it cannot be stored."""
        job = self.waiting.get(custom_id)
        if job is None:
            self.pass_over(custom_id)
            return
        reply = reply_in(line, job.work.model)
        if isinstance(reply, CompletionError):
            self.failed[custom_id] = reply  # a good one may follow
            return
        self.failed.pop(custom_id, None)
        self.going_on.pop(custom_id, None)
        self.stored.add(custom_id)
        del self.waiting[custom_id]
        job.work.summary.meter.count(reply)
        part, rest = job.work.take(job, reply)
        self.session.store(job, part)
        if rest is not None:
            # A later file may have the next round.
            following = job.work.custom_id(rest)
            self.waiting[following] = self.going_on[following] = rest

    def pass_over(self, custom_id: str) -> None:
        """Note a result that no job waits for."""
        identity, turn = parts_of(custom_id) or ("", 0)
        if identity not in self._wanted:
            self.foreign.append(custom_id)
            return
        work, question_id = self._wanted[identity]
        is_there = turn < self._first_turns.get(identity, turn + 1)
        remark = ALREADY_THERE if is_there else OTHER_SETTINGS
        work.summary.remarks[TWICE if custom_id in self.stored else remark].append(question_id)

    @functools.cached_property
    def _wanted(self) -> dict[str, tuple[Work, str]]:
        """The works and question ids of all replies wanted, by the hash of what they are."""
        return {
            identity_hash(identity): (work, str(identity["question"]))
            for work in self.session.works
            for identity in work.wanted()
        }

    @functools.cached_property
    def _first_turns(self) -> dict[str, int]:
        """The first turn of each reply that was missing, by the hash of what it is."""
        turns: dict[str, int] = {}
        for identity, turn in filter(None, map(parts_of, chain(self.stored, self.waiting))):
            turns[identity] = min(turn, turns.get(identity, turn))
        return turns

    def conclude(self) -> None:
        """Count what failed and what goes on, and warn of foreign results."""
        for custom_id, error in self.failed.items():
            job = self.waiting[custom_id]
            self.going_on.pop(custom_id, None)
            reply = job.work.give_up(job, error)
            if reply is None:
                job.work.summary.fail(error, job.id)
            else:
                self.session.store(job, reply)
        for job in self.going_on.values():
            job.work.summary.remarks[NEXT_ROUND].append(job.id)
        if self.foreign:
            examples = ", ".join(self.foreign[:2])
            advice = "Are bench, models, judge and flags those of the request files?"
            results = summary.number_of(len(self.foreign), "result")
            verb = "is" if len(self.foreign) == 1 else "are"
            warn(f"{results} {verb} of no request here ({examples}). {advice}")
