"""Benchmark metrics as a notebook asks for them."""

from __future__ import annotations

import pytest
from conftest import REPO, Workspace

from arena.leaderboard.options import board_options
from arena.quality.benchmark_report import MetricsOptions, benchmark_report


def test_the_demo_can_be_measured_in_a_notebook(bench: Workspace) -> None:
    reference = bench.write(
        "arena.csv",
        "model,rating,lower,upper\nsmollm2-hot,1012,1003,1021\nsmollm2-base,1000,996,1004\n",
    )
    boards = board_options(
        "demo-v0.1", "smollm2-judge", "smollm2-base", data_dir=REPO / "data", resample="question"
    )
    report = benchmark_report(MetricsOptions(boards, reference=reference))
    frame = report.to_frame().set_index("measure")
    assert list(frame.index)[:2] == ["separability", "agreement"]
    assert set(frame["benchmark"]) == {"demo-v0.1"}
    assert report.benchmarks[0].ratings.models == ("smollm2-base", "smollm2-hot")
    assert frame.loc["kendall", "value"] == pytest.approx(report.measures[0]["kendall"].value)
