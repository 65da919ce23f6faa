"""The summary of a run: counts by cause, tokens and cost, the progress, the report."""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from arena.base.errors import InputError, OutputError, one_line, print_error
from arena.base.jsonl import STDOUT, write_lines
from arena.base.output import print_folded
from arena.chat.budget import COST_LIMIT, INTERRUPTED, NANO, NOT_MADE, Meter
from arena.chat.calls import PASSING
from arena.chat.faults import CompletionError

USUAL_OUTPUT = 700  # tokens of a reply: what models of published boards answer on average


@dataclass(frozen=True)
class Estimate:
    """The calls and tokens that a run would take for one model.

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
    in_batches: jobs that a batch service may be answering when the run ends.
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
    in_batches: int = 0
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
        """The number of jobs that have not ended, nor are in a batch."""
        return self.planned - self.ended - self.in_batches

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
            f"{self.stale:,} stale" + (f", {self.in_batches:,} in batches" * bool(self.in_batches))
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
        if self.in_batches:
            counts += f", {self.in_batches} in batches"
        if self.not_begun:
            counts += f", {self.not_begun} not begun"
            if self.halted:
                reason = "stopped" if self.halted.cause == INTERRUPTED else str(self.halted)
                counts += f" ({reason})"
        counts += f", {self.meter.input_tokens:,} tokens in, {self.meter.output_tokens:,} out"
        if (cost := self.meter.cost) is not None:
            counts += f", ${cost:,.4f}"
        if saved := self.meter.saved:
            counts += f" (${saved / NANO:,.4f} saved by batches)"
        if unreported := self.meter.unreported_cost:
            calls = "calls that failed midway or reported no usage"
            counts += f", plus up to ${unreported:,.4f} for {calls}"
        yield counts
        if excess := self.meter.excess:
            yield f"  {excess}"
        for cause, ids in sorted(self.failed.items()):
            number, message = number_of(len(ids), self.noun), self.messages[cause]
            if len(ids) == 1:
                yield f"  failed: {number}, {_examples(ids)}: {message}"
            else:  # the reason first: ids can be long
                yield f"  failed: {number}: {message} (for example {_examples(ids)})"
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
            "in_batches": self.in_batches,
            "failed": {c: _group(ids) | messages[c] for c, ids in sorted(self.failed.items())},
            "remarks": {remark: _group(ids) for remark, ids in sorted(self.remarks.items())},
            "input_tokens": self.meter.input_tokens,
            "output_tokens": self.meter.output_tokens,
            "cost_usd": self.meter.cost,
            "saved_usd": self.meter.saved / NANO if self.meter.price else None,
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


def check_report_path(path: Path | None) -> None:
    """Raise InputError if a report could not be written there, before anything is paid for."""
    if path is None:
        return
    # The root has no parent.
    folder = next((parent for parent in path.absolute().parents if parent.exists()), path)
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: --report: cannot write a file here")


TOO_LONG = (
    "The prompts and max_tokens do not fit into the model's context. Lower max_tokens, or set "
    "tokenizer in the model's entry, with which gen_answer.py shortens it for long prompts."
)


NOT_RUN = ("expired", "cancelled")  # why a batch service did not run a request


def _advice(summary: RunSummary) -> str:
    """Return advice for a model that is not complete."""
    causes = set(summary.failed)
    if summary.in_batches and not (causes or summary.not_begun):
        return "Store the replies of the batches by the same command with --batch fetch."
    if summary.halted and summary.halted.cause == COST_LIMIT:
        return "Raise --max-cost, then run the same command again."
    if causes == {"context too long"} and not summary.not_begun:
        return TOO_LONG
    if causes and causes.isdisjoint((*PASSING, *NOT_RUN, "no result")):
        return "Mend the causes above, then run the same command again."
    return "Run the same command again to continue."


def write_report(
    path: Path,
    summaries: Sequence[RunSummary],
    errors: Sequence[str],
    batches: Sequence[Mapping[str, Any]],
    *,
    is_complete: bool,
) -> None:
    """Write the counts of a run, the errors that ended it and the batches of its files, as JSON.
    Raises OutputError.
    """
    models = [summary.as_dict() for summary in summaries]
    data = {"complete": is_complete, "errors": errors, "models": models, "batches": batches}
    write_lines(path, [json.dumps(data, ensure_ascii=False, indent=2).encode() + b"\n"])


def conclude(
    summaries: Sequence[RunSummary],
    errors: Sequence[str],
    files: Sequence[Path],
    report: Path | None,
    next_command: str,
    remedy: str | None = None,
    batches: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Write the report, print the summaries, the files written to and the errors that ended the
    run, and return the exit status: 1 if there are errors or missing results.

    remedy: the command that goes on with missing results, None for the same again.
    """
    incomplete = [summary for summary in summaries if summary.done < summary.planned]
    errors = list(dict.fromkeys(errors))
    if report is not None:
        try:
            is_complete = not (incomplete or errors)
            write_report(report, summaries, errors, batches, is_complete=is_complete)
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
