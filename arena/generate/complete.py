"""The ways to make missing records: live calls, or requests and results in files."""

from __future__ import annotations

from collections.abc import Sequence

from arena.generate import batches, request_files, run
from arena.generate.schedule.rounds import Goal
from arena.generate.work import RunOptions, Work


def complete(
    works: Sequence[Work], unit: str, options: RunOptions, goal: Goal | None = None
) -> int:
    """Make missing records in the way that the options choose, and return the exit status.

    unit: "answer" or "game". goal: what live calls are for, None for all that is missing.
    """
    if options.write_requests is not None:
        return request_files.write(works, options.write_requests, options)
    if options.read_results:
        return request_files.read(works, options)
    if options.batch is not None:
        return batches.complete_in_batches(works, options)
    return run.complete(works, unit, options, goal)
