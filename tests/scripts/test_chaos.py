"""Faults and kills on a small scale; benchmarks/chaos.py does the same with thousands of calls."""

from __future__ import annotations

import pytest

from benchmarks.chaos import Run, run_chaos


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("chaos")
    return run_chaos(folder, calls=60, faults=0.3, kills=4, seed=3, lane=1)


def test_nothing_is_lost_doubled_torn_or_made_up(survived: Run) -> None:
    assert survived.problems == []
    assert len(survived.recorded()) == survived.planned == 60


def test_it_was_put_to_the_test(survived: Run) -> None:
    assert survived.kills == 4
    assert survived.retried >= 5


def test_files_end_unique_and_sorted(survived: Run) -> None:
    assert survived.unsettled == []
