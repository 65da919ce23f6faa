"""The benchmark of corrected win rates on a small scale."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import label_correction


def test_it_prints_a_line_for_each_truth_bias_and_number_of_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = label_correction.main(["--repetitions", "20"])
    out = capsys.readouterr().out
    rows = [line.split("|")[1:5] for line in out.splitlines() if line.startswith("| 0")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        [truth, bias, labels, "0.0"]
        for truth, bias in (
            *(("0.5", "0.1"), ("0.5", "0.2")),
            *(("0.1", "0.1"), ("0.1", "0.2"), ("0.9", "0.05")),
        )
        for labels in ("30", "100", "200", "300")
    ]
    assert ("MISSED" in out) == bool(status)


def test_the_judge_is_biased_as_it_says() -> None:
    rng = np.random.default_rng(1)
    rates = [label_correction.simulated(0.5, 0.2, rng)[1].mean() for _ in range(50)]
    assert np.mean(rates) == pytest.approx(0.7, abs=0.01)
