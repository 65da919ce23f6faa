"""Kills and failures on a small scale, as benchmarks/chaos_batches.py has them on a large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos_batches import SERVICES, run_chaos


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_lost_or_paid_twice(tmp_path: Path, service: str) -> None:
    run = run_chaos(tmp_path, service, questions=4, faults=0.2, kills=4, seed=2)
    assert run.problems == []
    assert run.kills == 4
    assert run.failures > 0
    assert run.twice == 0
