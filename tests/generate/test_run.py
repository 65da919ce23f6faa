"""The threads that do planned jobs."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from arena.base.errors import InputError
from arena.chat.budget import stopping
from arena.chat.config import ModelConfig
from arena.chat.faults import CompletionError
from arena.generate.run import Job, Outcome, graceful_stop, halting, open_file_limit, run

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


def asked_at_once(names: tuple[str, ...], connections: int | None = None) -> int:
    """The calls that were under way at one time, of models with three calls at a time each."""
    under_way: set[int] = set()

    class Slow(Work):
        def replies(self, job: Job) -> Iterator[Any]:
            under_way.add(threading.get_ident())
            yield from super().replies(job)

    works: list[Any] = [
        Slow(ModelConfig(name, "here", name, parallel=3), {str(i): ["a"] for i in range(9)})
        for name in names
    ]
    jobs = [Job(work, job_id) for work in works for job_id in work._replies]
    assert len([o for o in run(jobs, connections) if o]) == len(jobs)
    return len(under_way)


@pytest.mark.parametrize(("connections", "calls"), [(None, 6), (6, 6), (4, 4), (2, 2)])
def test_no_more_calls_are_made_at_once_than_connections_fit(
    connections: int | None, calls: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_at_once(("tiny", "small"), connections) <= calls
    warning = f"warning: parallel is lowered to {calls} calls at a time in all, not 6: the system"
    assert (warning in capsys.readouterr().err) == (calls < 6)


def threads_of(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def limited(thread: threading.Thread) -> None:
        if len(started) == number:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


def test_threads_that_do_not_start_leave_the_work_to_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads_of(2, monkeypatch)
    assert asked_at_once(("tiny", "small")) <= 2
    assert "lowered to 2 calls at a time in all, not 6: the system limits threads" in (
        capsys.readouterr().err
    )


def test_without_any_thread_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    threads_of(0, monkeypatch)
    with pytest.raises(InputError, match="the system allows this program no threads"):
        asked_at_once(("tiny",))


class TestSignals:
    @pytest.mark.parametrize(
        ("signals", "halted"),
        [
            ((signal.SIGHUP,), False),
            ((signal.SIGHUP, signal.SIGHUP, signal.SIGTERM), False),  # of a terminal that closes
            ((signal.SIGTERM, signal.SIGHUP), False),
            ((signal.SIGHUP, signal.SIGINT), True),
            ((signal.SIGINT, signal.SIGINT), True),
            ((signal.SIGTERM, signal.SIGTERM), True),
        ],
    )
    def test_the_first_stops_and_the_second_of_a_user_halts(
        self, signals: tuple[signal.Signals, ...], halted: bool
    ) -> None:
        before = signal.getsignal(signal.SIGHUP)
        with graceful_stop() as received:
            for number in signals:
                signal.raise_signal(number)
            assert (stopping.is_set(), halting.is_set(), received) == (True, halted, [*signals])
        assert not stopping.is_set() and signal.getsignal(signal.SIGHUP) == before

    def test_what_nohup_ignores_stays_ignored(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with graceful_stop() as received:
                signal.raise_signal(signal.SIGHUP)
                assert not stopping.is_set() and received == []
        finally:
            signal.signal(signal.SIGHUP, before)


INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "most", "allowed"),
    [
        (256, 4096, 4096, 1000),  # raised to what is needed
        (256, 512, 512, 512),  # as far as it goes
        (256, INFINITE, 600, 500),  # macOS refuses more than it says
        (256, INFINITE, 100, 256),
        (2000, 4096, 4096, 1000),  # enough
        (INFINITE, INFINITE, 100, 1000),
    ],
)
def test_the_limit_on_open_files_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, most: int, allowed: int
) -> None:
    limits = [(soft, hard)]

    def set_limit(_: int, pair: tuple[int, int]) -> None:
        if pair[0] > most:
            raise ValueError("not allowed to raise maximum limit")
        limits.append(pair)

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    assert open_file_limit(1000) == allowed
    assert limits[-1] in ((soft, hard), (allowed, hard))
