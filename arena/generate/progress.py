"""The progress of runs on stderr, live and in batches."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from arena.base.errors import one_line
from arena.base.output import folded
from arena.batch.service import Status
from arena.batch.state import Batch
from arena.generate.summary import RunSummary, number_of

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


def are_running(batches: int) -> str:
    """Return that a number of batches are running."""
    return "1 batch is running" if batches == 1 else f"{batches} batches are running"


class Display:
    """The progress of batches on stderr: one line, or in a log a new one when a count changes."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.on_terminal = quiet, sys.stderr.isatty()
        self.shown = ""

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.close()
        print(text, file=sys.stderr)

    def close(self) -> None:
        """End a line that is to be overwritten."""
        if self.shown and self.on_terminal and not self.quiet:
            print(file=sys.stderr)
        self.shown = ""

    def show(self, states: Sequence[tuple[Batch, Status]], seconds: float) -> None:
        """Show how far the batches are, and when the next look is."""
        if self.quiet or not states:
            return
        done = sum(status.done or 0 for _, status in states)
        failed = sum(status.failed or 0 for _, status in states)
        requests = sum(batch.requests for batch, _ in states)
        words = " and ".join(sorted({status.word for _, status in states}))
        age = age_of(min(batch.created for batch, _ in states))
        batches = "1 batch" if len(states) == 1 else f"{len(states)} batches"
        text = f"{batches} {words}: {done:,} of {requests:,} done"
        text += f", {failed:,} failed" if failed else ""
        if self.on_terminal:
            line = f"{text}, {age}, next look in {seconds:.0f} s"
            line = line[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr)
        elif text != self.shown:
            print(f"{text}, {age}", file=sys.stderr)
        self.shown = text


def age_of(created: float) -> str:
    """Return the time since a unix time in words."""
    minutes = max(time.time() - created, 0) / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
