"""The threads that do planned jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.generate.run import Job, Outcome, run

Replies = Mapping[str, list[Any]]


class Work:
    """As much of a work as threads need; an exception among the replies is raised."""

    def __init__(self, model: ModelConfig, replies: Replies) -> None:
        self.model = model
        self._replies = replies
        self.cores: set[int] = set()

    def replies(self, job: Job) -> Iterator[Any]:
        self.cores.add(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        for reply in self._replies[job.id]:
            if isinstance(reply, Exception):
                raise reply
            yield reply


def work(replies: Replies, name: str = "tiny", api_type: str = "openai", parallel: int = 1) -> Any:
    return Work(ModelConfig(name, "here", name, api_type, parallel=parallel), replies)


def outcomes(*works: Any) -> list[Outcome]:
    jobs = [Job(work, job_id) for work in works for job_id in work._replies]
    return [outcome for outcome in run(jobs) if outcome is not None]


def test_each_reply_comes_once() -> None:
    results = outcomes(work({"1": ["a", "b"], "2": ["c"]}, parallel=2), work({"3": ["d"]}, "small"))
    assert sorted(o.reply for o in results) == ["a", "b", "c", "d"]


def test_works_that_ask_the_same_model_share_its_threads() -> None:
    results = outcomes(work({"1": ["a", "b"]}), work({"2": ["c"]}))
    assert [o.reply for o in results] == ["a", "b", "c"]


def test_an_error_ends_its_job_and_a_final_one_its_model() -> None:
    final = CompletionError("authentication")
    final.final = True
    results = outcomes(work({"1": [final], "2": ["never"]}), work({"3": ["other"]}, "small"))
    assert [o.error.cause for o in results if o.error] == ["authentication"]
    assert [o.reply for o in results if not o.error] == ["other"]


def test_a_mistake_of_our_own_costs_one_job_only() -> None:
    results = outcomes(work({"1": [ZeroDivisionError("oops")], "2": ["next"]}))
    assert [o.error.cause if o.error else o.reply for o in results] == ["internal error", "next"]


def test_no_thread_goes_on_before_its_last_outcome_is_dealt_with() -> None:
    asked: list[str] = []

    class Watched(Work):
        def replies(self, job: Job) -> Iterator[Any]:
            asked.append(job.id)
            yield from super().replies(job)

    replies = {"1": ["a"], "2": ["b"], "3": ["c"]}
    model = ModelConfig("tiny", "here", "tiny", "openai")
    watched: Any = Watched(model, replies)
    for number, _ in enumerate(o for o in run([Job(watched, i) for i in replies]) if o):
        assert asked == list(replies)[: number + 1]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
@pytest.mark.parametrize(("api_type", "cores"), [("openai", {1}), ("llamacpp", None)])
def test_calls_share_one_core_unless_a_model_computes_here(
    api_type: str, cores: set[int] | None
) -> None:
    before = os.sched_getaffinity(0)
    here = work({"1": ["a"]}, api_type=api_type)
    outcomes(here)
    assert here.cores == (cores or {len(before)})
    assert os.sched_getaffinity(0) == before
