"""All seven modes of the original program on 17 models of the Korean fork, digit for digit.

The data is no part of the project; where it is missing, these tests are skipped. Runs write files
beside their data, so they work on a copy.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from boards import Shown, board_json, flags, named, show
from conftest import NO_REFERENCE, REFERENCE, Workspace

BENCH = "ko-arena-hard-v0.1"
CHOSEN = flags("ensemble", "claude-3.7-sonnet", BENCH)

pytestmark = pytest.mark.skipif(
    not (REFERENCE / "expected_scores.json").is_file(), reason=NO_REFERENCE
)

MODES = {
    "plain": [],
    "style_control": ["--style-control"],
    "length_control_only": ["--length-control-only"],
    "markdown_control_only": ["--markdown-control-only"],
    "first_game_only": ["--first-game-only"],
    "weight_1": ["--weight", "1"],
    "show_elo": ["--show-elo"],
}

# The original's names of what the coefficients multiply.
FEATURES = {
    "token_len": "sum_assistant_a_tokens",
    "header_count": "header_count_a",
    "list_count": "list_count_a",
    "bold_count": "bold_count_a",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("published"), BENCH)
    shutil.copytree(REFERENCE, workspace.data, copy_function=shutil.copyfile)
    return workspace


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A fifth of the questions, for what any number of them shows."""
    workspace = Workspace(tmp_path_factory.mktemp("part"), BENCH)
    lines = (REFERENCE / "question.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = {json.loads(line)["question_id"] for line in lines[:100]}
    for path in REFERENCE.rglob("*.jsonl"):
        with path.open(encoding="utf-8") as file:
            kept = [line for line in file if json.loads(line)["question_id"] in chosen]
        workspace.write(workspace.data / path.relative_to(REFERENCE), "".join(kept))
    return workspace


Board = tuple[Shown, dict[str, Any]]


@pytest.fixture(scope="module")
def boards(published: Workspace) -> Mapping[str, Board]:
    """By mode: what a run prints and its JSON."""
    found = {}
    for mode, more in MODES.items():
        shown = show(published, *CHOSEN, *more, "--num-rounds", "10", "--json", "board.json")
        found[mode] = shown, json.loads((published.root / "board.json").read_text())
    return found


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads((REFERENCE / "expected_scores.json").read_text())
    return data


def tokens(shown: Shown) -> dict[str, str]:
    parts = (line.split(" | ") for line in shown.board)
    return {part[0].strip(): part[-1].removeprefix("average #tokens: ") for part in parts}


def from_boundary(score: float) -> float:
    """How far a score is from where its last printed digit changes."""
    return abs((score * 10) % 1 - 0.5) / 10


@pytest.mark.parametrize("mode", MODES)
def test_every_printed_digit_is_the_originals(
    boards: Mapping[str, Board], expected: Mapping[str, Any], mode: str
) -> None:
    """But for a last digit where the value lies at a boundary: the original rounds twice."""
    of = expected[mode]["scores"]
    shown, board = boards[mode]
    exact = {row["model"]: row["score"] for row in board["rows"]}
    assert tokens(shown) == {model: str(values["avg_tokens"]) for model, values in of.items()}
    for model, printed in shown.scores.items():
        wanted = of[model]["score"]
        if mode == "show_elo":
            assert int(printed) == math.trunc(exact[model]) == wanted
        elif printed != f"{wanted:.1f}":
            assert from_boundary(exact[model]) <= 0.006, (model, exact[model], wanted)
            assert float(printed) == pytest.approx(wanted, abs=0.101)


@pytest.mark.parametrize("mode", MODES)
def test_the_default_has_the_published_scores(
    published: Workspace, boards: Mapping[str, Board], mode: str
) -> None:
    """Published judgments keep their style centre, and no score depends on the bootstrap."""
    chosen = [*named("ensemble", "claude-3.7-sonnet", BENCH), *MODES[mode]]
    assert show(published, *chosen, "--num-rounds", "20").scores == boards[mode][0].scores


def test_published_intervals_are_nearly_half_as_wide_as_those_of_questions(
    published: Workspace,
) -> None:
    for more in ([], ["--style-control"]):
        board = board_json(published, *CHOSEN, *more)
        assert 1.5 <= board["times_too_narrow"] <= 2.3


@pytest.mark.parametrize("mode", [mode for mode in MODES if "control" in mode])
def test_the_style_coefficients_are_the_originals(
    boards: Mapping[str, Board], expected: Mapping[str, Any], mode: str
) -> None:
    _, board = boards[mode]
    ours = {FEATURES[name]: value for name, value in board["style_coefficients"].items()}
    assert ours == pytest.approx(expected[mode]["style_coefficients"], abs=0.001)


def test_the_models_are_ranked_as_the_original_does(
    boards: Mapping[str, Board], expected: Mapping[str, Any]
) -> None:
    for mode in ("plain", "style_control"):
        scores = expected[mode]["scores"]
        ranked = [scores[model]["score"] for model in boards[mode][0].scores]
        assert ranked == sorted(ranked, reverse=True)


def test_the_intervals_are_near_those_of_300_rounds(
    published: Workspace, expected: Mapping[str, Any]
) -> None:
    show(published, *CHOSEN, "--style-control", "--num-rounds", "2000", "--json", "board.json")
    rows = json.loads((published.root / "board.json").read_text())["rows"]
    offsets = {
        row["model"]: (row["lower"] - row["score"], row["upper"] - row["score"]) for row in rows
    }
    published_ends = {
        model: values["ci"] for model, values in expected["style_control"]["scores"].items()
    }
    assert offsets.keys() == published_ends.keys()
    distances = [
        abs(ours - theirs)
        for model, ends in offsets.items()
        for ours, theirs in zip(ends, published_ends[model], strict=True)
    ]
    assert sum(distances) / len(distances) <= 0.3
    assert max(distances) <= 0.8
    assert offsets["claude-3.7-sonnet"] == (0, 0)


def test_the_summary_counts_what_is_there(boards: Mapping[str, Board]) -> None:
    shown, _ = boards["plain"]
    assert shown.summary[0] == ("8,000 judgments, 31,086 weighted battles, 0 games without verdict")
    assert "questions judged: 500 of 500 for each model" in shown.summary
    assert shown.err == ""


@pytest.mark.parametrize(
    "more", [[], ["--resample", "question"], ["--style-control"], ["-f", "markdown", "--show-elo"]]
)
def test_neither_workers_nor_a_second_run_change_a_digit(part: Workspace, more: list[str]) -> None:
    runs = [show(part, *CHOSEN, *more, "--workers", n) for n in (1, 2, 2)]
    assert runs[0] == runs[1] == runs[2]


def test_nor_does_the_order_in_which_files_are_listed(
    part: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = show(part, *CHOSEN, "--style-control")
    listing = Path.rglob
    monkeypatch.setattr(
        Path, "rglob", lambda path, pattern: reversed(sorted(listing(path, pattern)))
    )
    assert show(part, *CHOSEN, "--style-control") == before


@pytest.mark.parametrize("more", [[], ["--style-control"]])
def test_saved_battles_and_rounds_give_the_same_board(part: Workspace, more: list[str]) -> None:
    first = show(part, *CHOSEN, *more)
    assert show(part, *CHOSEN, *more, "--load-battles") == first
    assert show(part, *CHOSEN, *more, "--load-battles", "--load-bootstrap") == first


def test_a_process_of_its_own_prints_the_same(published: Workspace) -> None:
    done = published.run("show_result.py", *CHOSEN, "--style-control", check=0)
    assert done.stdout == show(published, *CHOSEN, "--style-control").out
    assert done.stderr == ""
