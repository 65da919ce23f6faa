"""The progress of runs on a terminal and in a log."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from arena.chat.budget import Activity, Budget, Meter
from arena.chat.faults import CompletionError
from arena.generate import progress as display
from arena.generate.progress import Progress
from arena.generate.summary import RunSummary


class Screen(io.StringIO):
    """A stderr that is a terminal, or a log."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class TestProgress:
    """What a run shows, second by second, on a clock of the test's own."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
        now = [1000.0]
        monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(display.shutil, "get_terminal_size", lambda: os.terminal_size((80, 9)))
        yield now

    def waiting(self, name: str = "tiny", planned: int = 40) -> RunSummary:
        """A model whose eight calls all wait for a server that is not up."""
        run = RunSummary(name, Meter(None, Budget()), planned=planned)
        fault = CompletionError("connection", "[Errno 111] Connection refused")
        run.meter.activity = Activity(0, 8, 16, fault, "http://localhost:8000/v1", 1005.0)
        return run

    def test_a_log_names_cause_and_address_at_once_and_then_tells_now_and_then(
        self, clock: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", Screen(terminal=False))
        ended = RunSummary("ended", Meter(None, Budget()), planned=2, done=2)
        with Progress([self.waiting(), ended], "answer") as progress:
            for clock[0] in (1000.5, 1001.0, 1002.0, 1030.0, 1031.0, 1060.5):
                progress.update()
        said = sys.stderr.getvalue()  # type: ignore[attr-defined]
        assert said.splitlines() == [
            "tiny: waiting: connection: [Errno 111] Connection refused at "
            "http://localhost:8000/v1, 8 calls, next try in 4 s",
            "0:00:30 tiny: 0 of 40 answers, 8 waiting, 16 retries",
            "0:01:00 tiny: 0 of 40 answers, 8 waiting, 16 retries",
        ]
        assert "\r" not in said

    def test_a_single_retry_is_one_and_a_try_that_is_due_comes_in_a_second(
        self, clock: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", Screen(terminal=False))
        run = self.waiting()
        run.meter.activity = replace(run.meter.activity, waiting=1, retries=1, next_try=1000.2)
        with Progress([run], "answer") as progress:
            for clock[0] in (1001.0, 1030.0):
                progress.update()
        said = sys.stderr.getvalue()  # type: ignore[attr-defined]
        assert "1 call, next try in 1 s\n" in said
        assert said.endswith("0:00:30 tiny: 0 of 40 answers, 1 waiting, 1 retry\n")

    def test_a_terminal_ticks_each_second_with_a_line_for_each_model(
        self, clock: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", Screen(terminal=True))
        quick = RunSummary("quick", Meter(None, Budget()), planned=4, done=4)
        with Progress([self.waiting("slow"), quick], "answer") as progress:
            clock[0] = 1001.0
            progress.update()
            before = sys.stderr.getvalue()  # type: ignore[attr-defined]
            clock[0] = 1002.0
            progress.update()
            said = sys.stderr.getvalue()[len(before) :]  # type: ignore[attr-defined]
        assert "slow: waiting: connection" in before
        for text in ("slow", "0/40", "8 waiting, 16 retries", "quick", "4/4"):
            assert text in said

    def test_many_models_share_a_line(
        self, clock: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", Screen(terminal=True))
        with Progress([self.waiting(f"m{i}") for i in range(9)], "answer") as progress:
            clock[0] = 1001.0
            progress.update()
        assert "0/360" in sys.stderr.getvalue()  # type: ignore[attr-defined]

    def test_quiet_shows_nothing(self, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        for terminal in (True, False):
            monkeypatch.setattr(sys, "stderr", Screen(terminal))
            with Progress([self.waiting()], "answer", quiet=True) as progress:
                clock[0] += 100.0
                progress.update()
            assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
