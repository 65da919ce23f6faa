"""Runs of show_result.py --by: the bench they score, and what they print and write."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from boards import show
from conftest import Workspace

PLACES = ["coding"] * 7 + ["writing"] * 5 + ["maths"] * 6


def questions(places: Sequence[str] = PLACES, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"question_id": f"q{i}", "category": "all", "cluster": place, "turns": [{"content": "?"}]}
        | fields
        for i, place in enumerate(places, 1)
    ]


def by(bench: Workspace, kind: str, *arguments: object) -> dict[str, dict[str, Any]]:
    """The JSON of each cluster, by its name."""
    show(bench, *arguments, "--by", kind, "--json", "by.json")
    data = json.loads((bench.root / "by.json").read_text())
    return {cluster["name"]: cluster for cluster in data["clusters"]}


def ends(board: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    """Score and ends of each model."""
    return {
        row["model"]: tuple(row[k] for k in ("score", "lower", "upper")) for row in board["rows"]
    }


def table(out: str) -> dict[str, dict[str, str]]:
    """The cells of the text by model and cluster."""
    found: dict[str, dict[str, str]] = {}
    for block in out.split("\n\n")[:-1]:
        head, *rows = block.splitlines()
        names = head.split()
        for row in rows:
            model, *cells = re.split(r" {2,}", row)
            found.setdefault(model, {}).update(zip(names, cells, strict=True))
    return found


def scores(board: dict[str, Any]) -> dict[str, float]:
    return {model: values[0] for model, values in ends(board).items()}


def shown_ends(board: dict[str, Any], baseline: str = "base") -> dict[str, tuple[Any, ...]]:
    """As `ends`, of a board of a cluster: none where there is no width, but for the baseline."""
    return {
        model: (score, *((low, high) if high - low > 1e-6 or model == baseline else (None, None)))
        for model, (score, low, high) in ends(board).items()
    }


QUESTION = ["--resample", "question", "--num-rounds", "1000"]
