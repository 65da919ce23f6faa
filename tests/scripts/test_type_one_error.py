"""The benchmark of --compare's type I error on a small scale: its table and its null."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena.leaderboard.board import Method
from arena.leaderboard.compare import compare
from arena.scoring.estimators import BRADLEY_TERRY
from benchmarks import type_one_error
from benchmarks.type_one_error import KINDS, Kind, simulated


def test_it_prints_a_line_for_each_kind_of_board(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_one_error, "ROUNDS", 20)
    monkeypatch.setattr(type_one_error, "KINDS", KINDS[:3])
    arguments = ["--repetitions", "3", "--questions", "12", "--processes", "1"]
    status = type_one_error.main(arguments)
    out = capsys.readouterr().out
    rows = [line.split("|")[1:4] for line in out.splitlines() if line.startswith("| bradley-terry")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["bradley-terry, plain", "2", "1x"],
        ["bradley-terry, plain", "8", "1x"],
        ["bradley-terry, style control", "2", "2.7x"],
    ]
    assert ("MISSED" in out) == bool(status)


def test_models_of_different_lengths_are_equal_under_style_control_alone() -> None:
    """On 20,000 questions: with style control there is nothing to find, without it a lot."""
    board = simulated(Kind(BRADLEY_TERRY, 2, 6.0), 20_000, np.random.default_rng(1))
    names = board.battles.models[1:]
    none = np.empty((0, 3))
    controlled = compare(board.score(samples=none), *names)
    assert abs(controlled.difference) < 1.5
    battles = replace(board.battles, cells=replace(board.battles.cells, features=None))
    plain = replace(board, battles=battles, method=Method()).score(samples=none)
    assert abs(compare(plain, *names).difference) > 15
