"""The summary of a run: counts by cause, tokens and cost, the progress, the report."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from arena.base.errors import InputError, OutputError, one_line, print_error
from arena.base.jsonl import STDOUT, write_lines
from arena.base.output import folded, print_folded
from arena.chat.budget import COST_LIMIT, INTERRUPTED, NOT_MADE, Meter
from arena.chat.calls import PASSING
from arena.chat.faults import CompletionError

USUAL_OUTPUT = 700  # tokens of a reply: what models of published boards answer on average


@dataclass(frozen=True)
class Estimate:
    """What a run would take for one model, in calls and tokens.

    prompt_tokens: of all first prompts, in cl100k_base. input, output: those to be expected.
    measured: the number of earlier replies in the file that they are based on.
    """

    calls: int
    prompt_tokens: int
    max_input: int
    max_output: int
    input: int
    output: int
    measured: int


def print_estimates(plans: Sequence[tuple[RunSummary, Estimate]]) -> None:
    """Print the lines of a dry run, and the total of several models."""
    for summary, plan in plans:
        for line in summary.estimate_lines(plan):
            print_folded(line)
    if len(plans) > 1:
        calls = sum(plan.calls for _, plan in plans)
        expected = sum(s.meter.cost_of(plan.input, plan.output) for s, plan in plans)
        most = sum(s.meter.cost_of(plan.max_input, plan.max_output) for s, plan in plans)
        cost = f", ${expected:,.2f} expected, at most ${most:,.2f}" if most else ""
        print(f"total: {calls:,} calls{cost}")


@dataclass
class RunSummary:
    """The counts of a run for one model, in answers or games.

    halted: the error by which jobs were not begun, None if no call was refused.
    entry: the name in the endpoint file of the model that is asked, a judge for games.
    """

    name: str
    meter: Meter
    planned: int = 0
    cached: int = 0
    stale: int = 0
    done: int = 0
    halted: CompletionError | None = None
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    entry: str = ""
    noun: str = "question"

    @property
    def failures(self) -> int:
        """The number of failed jobs."""
        return sum(map(len, self.failed.values()))

    @property
    def ended(self) -> int:
        """The number of jobs that are done or have failed."""
        return self.done + self.failures

    @property
    def not_begun(self) -> int:
        """The number of jobs that have not ended."""
        return self.planned - self.ended

    def fail(self, error: CompletionError, job_id: str) -> None:
        """Count a failed job by its cause, of which the last message is reported.

        A job whose next call was not made, after Ctrl-C or at the cost limit, is not begun.
        """
        if error.cause in NOT_MADE:
            self.halted = error
            return
        self.failed[error.cause].append(job_id)
        self.messages[error.cause] = str(error)

    def estimate_lines(self, plan: Estimate) -> Iterator[str]:
        """Yield the lines of a dry run: the most that it can take, then what to expect."""
        cost_of, price = self.meter.cost_of, self.meter.price
        a_call = f" ({plan.max_output / plan.calls:,.0f} a call)" if plan.calls else ""
        most = f", at most ${cost_of(plan.max_input, plan.max_output):,.2f}" if price else ""
        yield (
            f"{self.name}: {plan.calls:,} calls to make, {plan.prompt_tokens:,} prompt tokens, at "
            f"most {plan.max_output:,} output tokens{a_call}{most}, {self.cached:,} cached, "
            f"{self.stale:,} stale"
        )
        if plan.calls:
            a_call = f"{plan.output / plan.calls:,.0f} a call"
            basis = f"{a_call} in {plan.measured:,} earlier replies"
            basis = basis if plan.measured else f"{a_call} assumed, without earlier replies"
            cost = f". For the cost, add price: {{input: , output: }} to the entry of {self.entry}"
            if price:
                cost = f", ${cost_of(plan.input, plan.output):,.2f}"
            yield f"  expected: {plan.output:,} output tokens ({basis}){cost}"
        yield from self.remark_lines()

    def lines(self) -> Iterator[str]:
        """Yield a line of counts, then one for each cause of failure and each remark."""
        counts = f"{self.name}: {self.planned} planned, {self.done} done, {self.cached} cached, "
        counts += f"{self.failures} failed"
        if self.not_begun:
            counts += f", {self.not_begun} not begun"
            if self.halted:
                reason = "stopped" if self.halted.cause == INTERRUPTED else str(self.halted)
                counts += f" ({reason})"
        counts += f", {self.meter.input_tokens:,} tokens in, {self.meter.output_tokens:,} out"
        if (cost := self.meter.cost) is not None:
            counts += f", ${cost:,.4f}"
        if unreported := self.meter.unreported_cost:
            calls = "calls that failed midway or reported no usage"
            counts += f", plus up to ${unreported:,.4f} for {calls}"
        yield counts
        if excess := self.meter.excess:
            yield f"  {excess}"
        for cause, ids in sorted(self.failed.items()):
            some = "for example " * (len(ids) > 1) + _examples(ids)
            failed = f"{number_of(len(ids), self.noun)}, {some}"
            yield f"  failed: {failed}: {self.messages[cause]}"
        yield from self.remark_lines()

    def remark_lines(self) -> Iterator[str]:
        """Yield a line for each remark, with its number and examples."""
        for remark, ids in sorted(self.remarks.items()):
            yield f"  {remark}: {len(ids)} ({_examples(ids)})"

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
            "calls": {
                "in_flight": self.meter.activity.in_flight,
                "waiting": self.meter.activity.waiting,
                "retries": self.meter.activity.retries,
            },
        }


def mean_output(token_counts: Sequence[object], most: int) -> tuple[int, int]:
    """Return the mean of the earlier replies' tokens that are known, else USUAL_OUTPUT, but at most
    `most`, and the number of these replies.
    """
    counts = [count for count in token_counts if isinstance(count, int) and count > 0]
    mean = round(sum(counts) / len(counts)) if counts else USUAL_OUTPUT
    return min(mean, most), len(counts)


def _group(ids: Sequence[str]) -> dict[str, Any]:
    """Return the number of ids, and the first three different ones."""
    return {"count": len(ids), "examples": list(dict.fromkeys(ids))[:3]}


def _examples(ids: Sequence[str]) -> str:
    return ", ".join(one_line(example, 80) for example in _group(ids)["examples"])


def number_of(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {noun}" + "s" * (count != 1)


TICK = 1.0  # seconds between two looks of a terminal
LOG_TICK = 30.0  # and of a log


class Progress(contextlib.AbstractContextManager["Progress"]):
    """The progress of a run on stderr: a line for each model if the terminal has room, else one.

    The first failure of each kind is printed at once. A log gets whole lines, now and then.
    """

    def __init__(self, summaries: Sequence[RunSummary], unit: str, *, quiet: bool = False) -> None:
        from tqdm import tqdm

        self.unit, self.quiet = unit, quiet
        self.on_terminal = sys.stderr.isatty()
        self.summaries = [summary for summary in summaries if summary.planned]
        rows = shutil.get_terminal_size().lines - 4
        one_line_each = 1 < len(self.summaries) <= rows
        groups = [[s] for s in self.summaries] if one_line_each else [self.summaries]
        self.bars = list[tuple[Sequence[RunSummary], Any]]()
        for position, group in enumerate(groups if self.summaries else ()):
            bar = tqdm(
                total=sum(summary.planned for summary in group),
                desc=one_line(group[0].name, 20) if len(group) == 1 else "",
                unit=unit,
                position=position,
                file=sys.stderr,
                dynamic_ncols=True,
                disable=quiet or not self.on_terminal,  # a log would be full of carriage returns
                bar_format="{desc} {n_fmt}/{total_fmt} |{bar:8}| {elapsed}<{remaining}{postfix}",
            )
            self.bars.append((group, bar))
        self.start = self.checked = self.shown = time.monotonic()
        self.reported: set[tuple[str, ...]] = set()

    def __exit__(self, *exception: object) -> None:
        """Leave the last state on the screen."""
        self.update(now=self.on_terminal)
        for _, bar in self.bars:
            bar.close()

    def update(self, *, now: bool = False) -> None:
        """Show where the run is, at most once a second. Call it also while nothing happens."""
        time_now = time.monotonic()
        if self.quiet or not (now or time_now - self.checked >= TICK):
            return
        self.checked = time_now
        for summary in self.summaries:
            self._report_fault(summary, time_now)
        if self.on_terminal:
            for summaries, bar in self.bars:
                bar.set_postfix_str(state_of(summaries), refresh=False)
                bar.n = sum(summary.ended for summary in summaries)
                bar.refresh()
        elif time_now - self.shown >= LOG_TICK:
            self.shown = time_now
            elapsed = f"{datetime.timedelta(seconds=round(time_now - self.start))}"
            for summary in self.summaries:
                if summary.not_begun:
                    state = state_of([summary]) or "waiting to begin"
                    counts = f"{summary.ended} of {summary.planned} {self.unit}s, {state}"
                    print(f"{elapsed} {summary.name}: {counts}", file=sys.stderr)

    def _report_fault(self, summary: RunSummary, time_now: float) -> None:
        """Print the fault that the calls of a model wait for, once for each cause and address."""
        activity, fault = summary.meter.activity, summary.meter.activity.fault
        if fault is None or not activity.waiting:
            return
        kind = (summary.name, fault.cause, activity.address)
        if kind in self.reported:
            return
        self.reported.add(kind)
        seconds = max(activity.next_try - time_now, 1)
        wait = f"{number_of(activity.waiting, 'call')}, next try in {seconds:.0f} s"
        line = f"{summary.name}: waiting: {one_line(fault, 160)} at {activity.address}, {wait}"
        if self.on_terminal:
            self.bars[0][1].write(folded(line, sys.stderr), file=sys.stderr)
        else:
            print(line, file=sys.stderr)


def state_of(group: Sequence[RunSummary]) -> str:
    """Return the calls of some models in flight and waiting, and their failed jobs, in words."""
    calls = [summary.meter.activity for summary in group]
    retries = sum(activity.retries for activity in calls)
    counts = {
        "in flight": sum(activity.in_flight for activity in calls),
        "waiting": sum(activity.waiting for activity in calls),
        "retry" if retries == 1 else "retries": retries,
        "failed": sum(summary.failures for summary in group),
        "cached": sum(summary.cached for summary in group),
    }
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def check_report_path(path: Path | None) -> None:
    """Raise InputError if a report could not be written there, before anything is paid for."""
    if path is None:
        return
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: --report: cannot write a file here")


TOO_LONG = (
    "The prompts and max_tokens do not fit into the model's context. Lower max_tokens, or set "
    "tokenizer in the model's entry, with which gen_answer.py shortens it for long prompts."
)


def _advice(summary: RunSummary) -> str:
    """Return what to do about a model that is not complete."""
    causes = set(summary.failed)
    if summary.halted and summary.halted.cause == COST_LIMIT:
        return "Raise --max-cost, then run the same command again."
    if causes == {"context too long"} and not summary.not_begun:
        return TOO_LONG
    if causes and causes.isdisjoint(PASSING):
        return "Mend the causes above, then run the same command again."
    return "Run the same command again to continue."


def write_report(
    path: Path, summaries: Sequence[RunSummary], errors: Sequence[str], *, is_complete: bool
) -> None:
    """Write the counts of a run, and the errors that ended it, as JSON. Raises OutputError."""
    models = [summary.as_dict() for summary in summaries]
    data = {"complete": is_complete, "errors": errors, "models": models}
    write_lines(path, [json.dumps(data, ensure_ascii=False, indent=2).encode() + b"\n"])


def conclude(
    summaries: Sequence[RunSummary],
    errors: Sequence[str],
    files: Sequence[Path],
    report: Path | None,
    next_command: str,
    remedy: str | None = None,
) -> int:
    """Write the report, print the summaries, the files written to and the errors that ended the
    run, and return the exit status: 1 if there are errors or missing results.

    remedy: the command that goes on with missing results, None for the same again.
    """
    incomplete = [summary for summary in summaries if summary.done < summary.planned]
    errors = list(dict.fromkeys(errors))
    if report is not None:
        try:
            write_report(report, summaries, errors, is_complete=not (incomplete or errors))
        except OutputError as error:
            errors.append(str(error))
    out = sys.stderr if report == STDOUT else sys.stdout
    for summary in summaries:
        for line in summary.lines():
            print_folded(line, out)
    _print_files(files, out)
    models = defaultdict[str, list[str]](list)
    for summary in incomplete:
        # An error that ended the run has its own remedy.
        advice = "" if errors or remedy else f" {_advice(summary)}"
        models[advice].append(summary.name)
    for advice, names in models.items():
        print_folded(f"not complete: {', '.join(names)}.{advice}", out)
    if not errors and (command := remedy if incomplete else next_command):
        # Not folded, so that it can be copied.
        print(f"next: {command}", file=out)
    for message in errors:
        print_error(message)
    return 1 if incomplete or errors else 0


def _print_files(files: Sequence[Path], out: TextIO) -> None:
    """Print the folders and names of the files that a run has written to."""
    folders = defaultdict[Path, list[str]](list)
    for path in files:
        folders[path.parent].append(path.name)
    for folder, names in folders.items():
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        print_folded(f"written to {folder}: {', '.join(names[:5])}{more}", out)
