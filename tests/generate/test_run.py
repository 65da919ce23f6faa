"""The pool that runs planned jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arena.chat.faults import CompletionError
from arena.generate.run import Job, Lane, run_lanes
from arena.generate.summary import Tally


class Nothing:
    """A work whose jobs are run for their own sake."""

    path = Path("nowhere")
    tally = Tally("nothing")


def job(*results: Any, error: Exception | None = None) -> Job:
    def run() -> Iterator[Any]:
        yield from results
        if error is not None:
            raise error

    return Job(Nothing(), str(results), run)  # type: ignore[arg-type]


def outcomes(*lanes: Lane) -> list[Any]:
    return [outcome for outcome in run_lanes(lanes) if outcome is not None]


def test_each_result_comes_once() -> None:
    found = outcomes(Lane(2, [job("a", "b"), job("c")]), Lane(1, [job("d")]))
    assert sorted(o.result for o in found) == ["a", "b", "c", "d"]


def test_an_error_ends_its_job_and_a_final_one_its_lane() -> None:
    final = CompletionError("authentication")
    final.final = True
    first, *others = outcomes(Lane(1, [job(error=final), job("never")]), Lane(1, [job("other")]))
    causes = [o.error.cause for o in (first, *others) if o.error]
    assert causes == ["authentication"]
    assert [o.result for o in (first, *others) if not o.error] == ["other"]


def test_a_mistake_of_our_own_costs_one_job_only() -> None:
    found = outcomes(Lane(1, [job(error=ZeroDivisionError("oops")), job("next")]))
    assert [o.error.cause if o.error else o.result for o in found] == ["internal error", "next"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
@pytest.mark.parametrize(("local", "cores"), [(False, {1}), (True, None)])
def test_calls_share_one_core_unless_a_model_computes_here(
    local: bool, cores: set[int] | None
) -> None:
    before = os.sched_getaffinity(0)
    seen: list[int] = []

    def run() -> Iterator[int]:
        seen.append(len(os.sched_getaffinity(0)))
        yield 1

    outcomes(Lane(1, [Job(Nothing(), "1", run)], local=local))  # type: ignore[arg-type]
    assert set(seen) == (cores or {len(before)})
    assert os.sched_getaffinity(0) == before
