"""Files of ratings, read without a script."""

from __future__ import annotations

import pytest
from conftest import Workspace

from arena.quality.benchmark.rating_files import read_reference


@pytest.mark.parametrize("interval", ["+3/-4", "3/-4", "-4/+3", "−4 / 3"])
def test_a_published_interval_reaches_3_above_and_4_below(bench: Workspace, interval: str) -> None:
    path = bench.write("arena.csv", f"Model,Arena Score,95% CI\nm,10,{interval}\n")
    ratings = read_reference(path, 0.95)
    assert (ratings.lower.tolist(), ratings.upper.tolist()) == ([6.0], [13.0])
