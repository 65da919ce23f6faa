"""Runs of show_result.py in this process, and what they print and write."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Workspace

import show_result
from arena.scoring.battles import Battles, read_selections
from arena.scoring.selection import Selection, bench_questions


def battles_of_selection(selection: Selection) -> Battles:
    """The battles of a single selection."""
    needed = bool(selection.categories) or selection.missing == "loss"
    questions = bench_questions(selection.bench, needed=needed)
    ((_, battles),) = read_selections([selection], questions)
    assert isinstance(battles, Battles)
    return battles


def named(judge: str = "judge", baseline: str = "base", bench: str = "test-v1") -> list[str]:
    return ["--bench-name", bench, "--judge-name", judge, "--baseline", baseline]


def flags(judge: str = "judge", baseline: str = "base", bench: str = "test-v1") -> list[str]:
    """A board with the statistics of the original, for tests of anything but the defaults."""
    return [*named(judge, baseline, bench), "--as-published"]


def board_lines(stdout: str) -> list[str]:
    """The lines of the board, which end at the first blank line."""
    return stdout.split("\n\n")[0].splitlines()


def scores(stdout: str) -> dict[str, str]:
    """Model to score, as it is printed."""
    parts = (line.split("|") for line in board_lines(stdout))
    return {name.strip(): score.split(":")[1].strip() for name, score, *_ in parts}


def by_heading(out: str) -> dict[str, list[str]]:
    """The lines of each board by its heading, without what stands below it."""
    blocks = [block.splitlines() for block in out.split("\n\n")]
    headed = (block for block in blocks if block[0].startswith("#####"))
    return {lines[0].strip("# ").removeprefix("Category: "): lines[1:] for lines in headed}


DEPENDENT = (
    "The intervals treat the games of a question as independent, which makes them too narrow. "
    "Use --resample question to avoid this."
)


def few(questions: int, level: int = 95) -> str:
    """The note of a board of few questions whose own points do not show their spread."""
    z = {95: 1.959964, 90: 1.644854}[level]
    half, found = z * 44 / questions**0.5, (1.959964 + 0.841621) * 44 / questions**0.5
    number = f"{questions} question" + "s" * (questions > 1)
    gives = (
        f"They give {level}% intervals of about ±{half:.1f} points. A test of two "
        f"models at 5% finds a difference of {found:.1f} points in 80 of 100 cases. "
    )
    return (
        f"Only {number}, too few to tell good models from each other. "
        f"{gives if questions >= 5 else ''}±2 points need {math.ceil((z * 22) ** 2):,} questions, "
        "at the usual spread of 44 points."
    )


DIFFERENT = (
    "warning: the models were judged on different questions, so their scores do not compare "
    "fairly. Judge the missing questions, or count them as lost with --missing loss."
)


@dataclass(frozen=True)
class Shown:
    """What a run printed on stdout and on stderr."""

    out: str
    err: str

    @property
    def scores(self) -> dict[str, str]:
        return scores(self.out)

    @property
    def board(self) -> list[str]:
        return board_lines(self.out)

    @property
    def summary(self) -> list[str]:
        """The lines below the board."""
        return self.out.split("\n\n")[-1].splitlines()

    def interval(self, model: str) -> str:
        (line,) = (line for line in self.board if line.split(" |")[0].strip() == model)
        return line.split("95% CI:")[1].split("|")[0].strip()


class Terminal(io.StringIO):
    """A terminal, as wide as COLUMNS says."""

    def isatty(self) -> bool:
        return True


def show(bench: Workspace, *arguments: object, check: int = 0, terminal: bool = False) -> Shown:
    """Run the command line of show_result.py in the bench's folder, for speed in this process.

    `check` is the exit status it must have; one other than 0 comes with one line on stderr.
    """
    out, err, folder = Terminal() if terminal else io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(bench.root)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status: Any = show_result.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    finally:
        os.chdir(folder)
    shown = Shown(out.getvalue(), err.getvalue())
    assert status == check, shown
    return shown


def error(bench: Workspace, *arguments: object) -> str:
    """The one line that a run with wrong input leaves, and nothing else."""
    shown = show(bench, *arguments, check=2)
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ") and shown.out == ""
    return line


def strengths(wins: np.ndarray) -> np.ndarray:
    """Bradley-Terry strengths by Hunter's MM algorithm; `wins` (M, M) of row against column."""
    games, strength = wins + wins.T, np.ones(len(wins))
    for _ in range(3000):
        strength = wins.sum(1) / (games / (strength[:, None] + strength)).sum(1)
        strength /= strength[0]
    return strength


def saved(bench: Workspace, name: str = "arena_hard_battles.jsonl") -> Path:
    return bench.root / "data" / name


def files(bench: Workspace, *arguments: object) -> dict[str, dict[str, Any]]:
    """The JSON of each board, by its name."""
    out = show(bench, *arguments, "--json").out
    paths = re.findall(r"written: (.*)", out)
    data = [json.loads((bench.root / path).read_text()) for path in paths]
    return {board["name"]: board for board in data}


def written(bench: Workspace, *arguments: object) -> list[Path]:
    """The files that a run says it has written."""
    lines = show(bench, *arguments).out.splitlines()
    paths = [line.removeprefix("written: ") for line in lines if line.startswith("written: ")]
    assert all((bench.root / path).is_file() for path in paths)
    return [Path(path) for path in paths]


def board_json(bench: Workspace, *arguments: object) -> dict[str, Any]:
    show(bench, *arguments, "--json", "board.json")
    text = (bench.root / "board.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
