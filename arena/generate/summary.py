"""The summary of a run: counts by cause, tokens and cost, the progress bar, the report."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

from arena.base.errors import InputError, OutputError, one_line
from arena.base.jsonl import write_lines
from arena.chat.budget import Meter
from arena.chat.faults import CompletionError


@dataclass
class RunSummary:
    """The counts of a run for one model, in answers or games."""

    name: str
    meter: Meter
    planned: int = 0
    cached: int = 0
    stale: int = 0
    done: int = 0
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def failures(self) -> int:
        """The number of failed jobs."""
        return sum(map(len, self.failed.values()))

    @property
    def not_begun(self) -> int:
        """The number of jobs that neither ended nor failed."""
        return self.planned - self.done - self.failures

    def fail(self, error: CompletionError, job_id: str) -> None:
        """Count a failed job by its cause, of which the last message is reported."""
        self.failed[error.cause].append(job_id)
        self.messages[error.cause] = str(error)

    def estimate(self, calls: int, prompt_tokens: int, max_input: int, max_output: int) -> str:
        """Return the line of a dry run. prompt_tokens: of all first prompts, in cl100k_base."""
        dollars = self.meter.cost_of(max_input, max_output)
        cost = "" if self.meter.price is None else f", at most ${dollars:,.2f}"
        return (
            f"{self.name}: {calls:,} calls to make, {prompt_tokens:,} prompt tokens, at most "
            f"{max_output:,} output tokens{cost}, {self.cached:,} cached, {self.stale:,} stale"
        )

    def lines(self) -> Iterator[str]:
        """Yield a line of counts, then one for each cause of failure and each remark."""
        counts = f"{self.name}: {self.planned} planned, {self.done} done, {self.cached} cached, "
        counts += f"{self.failures} failed"
        if self.not_begun:
            counts += f", {self.not_begun} not begun"
        counts += f", {self.meter.input_tokens:,} tokens in, {self.meter.output_tokens:,} out"
        if (cost := self.meter.cost) is not None:
            counts += f", ${cost:,.4f}"
        if unreported := self.meter.unreported_cost:
            calls = "calls that failed midway or reported no usage"
            counts += f", plus up to ${unreported:,.4f} for {calls}"
        yield counts
        for cause, ids in sorted(self.failed.items()):
            yield f"  failed: {_counted(ids)}: {self.messages[cause]}"
        for remark, ids in sorted(self.remarks.items()):
            yield f"  {remark}: {_counted(ids)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain data."""
        messages = {cause: {"message": message} for cause, message in self.messages.items()}
        return {
            "model": self.name,
            "planned": self.planned,
            "done": self.done,
            "cached": self.cached,
            "stale": self.stale,
            "not_begun": self.not_begun,
            "failed": {c: _group(ids) | messages[c] for c, ids in sorted(self.failed.items())},
            "remarks": {remark: _group(ids) for remark, ids in sorted(self.remarks.items())},
            "input_tokens": self.meter.input_tokens,
            "output_tokens": self.meter.output_tokens,
            "cost_usd": self.meter.cost,
            "untold_cost_usd": self.meter.unreported_cost,
        }


def _group(ids: Sequence[str]) -> dict[str, Any]:
    """Return the number of ids, and the first three different ones."""
    return {"count": len(ids), "examples": list(dict.fromkeys(ids))[:3]}


def _counted(ids: Sequence[str]) -> str:
    examples = ", ".join(one_line(example, 80) for example in _group(ids)["examples"])
    return f"{len(ids)} ({examples})"


@contextlib.contextmanager
def progress_bar(summaries: Sequence[RunSummary], unit: str) -> Iterator[Callable[[], None]]:
    """Show a progress bar, and yield the function that updates its counts."""
    from tqdm import tqdm

    total = sum(summary.planned for summary in summaries)
    interval = 0.2 if sys.stderr.isatty() else 30.0
    with tqdm(total=total, unit=unit, mininterval=interval, file=sys.stderr) as bar:

        def update() -> None:
            done = sum(summary.done for summary in summaries)
            cached = sum(summary.cached for summary in summaries)
            failed = sum(summary.failures for summary in summaries)
            bar.set_postfix_str(f"done {done}, failed {failed}, cached {cached}", refresh=False)
            bar.update(done + failed - bar.n)

        try:
            yield update
        finally:
            update()


class _UnfailingStream:
    """A stream that drops text it cannot write: to a pipe without a reader, to a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Keep a run alive if stdout or stderr breaks, as in `gen_answer.py | head`."""
    out, err = (cast(TextIO, _UnfailingStream(stream)) for stream in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def check_report_path(path: Path | None) -> None:
    """Raise InputError if a report could not be written there, before anything is paid for."""
    if path is None:
        return
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: --report: cannot write a file here")


def conclude(summaries: Sequence[RunSummary], errors: Sequence[str], report: Path | None) -> int:
    """Write the report, print the summaries and the errors that ended the run, and return the exit
    status: 1 if there are errors or missing results.
    """
    incomplete = [summary.name for summary in summaries if summary.done < summary.planned]
    errors = list(dict.fromkeys(errors))
    if report is not None:
        data = {
            "complete": not (incomplete or errors),
            "errors": errors,
            "models": [summary.as_dict() for summary in summaries],
        }
        try:
            write_lines(report, [json.dumps(data, ensure_ascii=False, indent=2).encode() + b"\n"])
        except OutputError as error:
            errors.append(str(error))
    for summary in summaries:
        for line in summary.lines():
            print(line)
    if incomplete:
        print(f"not complete: {', '.join(incomplete)}. Run the same command again to continue.")
    for message in errors:
        print(f"error: {one_line(message, 2000)}", file=sys.stderr)
    return 1 if incomplete or errors else 0
