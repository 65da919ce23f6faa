"""Benchmark metrics as a notebook asks for them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import REPO, Workspace
from scipy.stats import norm

from arena.leaderboard.build import build_boards
from arena.leaderboard.options import board_options
from arena.quality.benchmark.report import MetricsOptions, benchmark_report


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


@pytest.mark.parametrize("resample", ["battle", "question"])
def test_intervals_are_those_of_the_board_or_percentiles_of_drawn_battles(resample: str) -> None:
    options = board_options(
        "demo-v0.1", "smollm2-judge", "smollm2-base", data_dir=REPO / "data", resample=resample
    )
    (board,) = build_boards(options)
    rows = sorted(board.rows, key=lambda row: row.model)
    ratings = benchmark_report(MetricsOptions(options)).benchmarks[0].ratings
    bounds = np.array([row.bounds for row in rows]).T
    assert np.array([ratings.lower, ratings.upper]) == pytest.approx(bounds)
    at_80 = benchmark_report(MetricsOptions(options, confidence=80.0)).benchmarks[0].ratings
    scores = np.array([row.score for row in rows])
    expected = scores + (bounds - scores) * norm.ppf(0.9) / norm.ppf(0.975)
    if resample == "battle":
        rounds = np.array([board.samples[row.model] for row in rows]).T
        expected = np.percentile(rounds, [10, 90], axis=0)
    assert np.array([at_80.lower, at_80.upper]) == pytest.approx(expected)
