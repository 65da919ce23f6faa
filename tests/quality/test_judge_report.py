"""The report on judges as a notebook asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPO, Workspace
from judgments import random_bench

from arena.base.errors import InputError
from arena.bench.paths import Bench
from arena.quality.judge_report import judge_report
from arena.quality.panel import JudgeOptions


def test_the_demos_judge_can_be_measured_in_a_notebook() -> None:
    report = judge_report(JudgeOptions(Bench(REPO / "data", "demo-v0.1"), rounds=20))
    frame = report.to_frame().set_index(["judge", "measure"])
    flips = frame.loc[("smollm2-judge", "order flips the winner, %")]
    assert flips["value"] == report.judges[0].flips.estimate.value
    assert flips["lower"] <= flips["value"] <= flips["upper"]
    assert np.isnan(frame.loc[("smollm2-judge", "self-preference, points"), "value"])


def test_judges_families_and_rounds_can_be_chosen(bench: Workspace) -> None:
    random_bench(bench)
    families = Path(bench.write("families.yaml", {"a": ["j0", "m0"], "b": ["j1"]}))
    of_bench = Bench(bench.root / "data", "test-v1")
    options = JudgeOptions(of_bench, judges=("j1", "j0"), family_file=families, rounds=10, seed=1)
    report = judge_report(options)
    assert [judge.judge for judge in report.judges] == ["j1", "j0"]
    assert (report.rounds, report.seed, len(report.pairs)) == (10, 1, 1)
    assert report.judges[1].own == ("m0",)
    assert judge_report(options) == report


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mixed": "leave_out"}, "mixed = 'leave_out': choose one of refuse, leave-out, count"),
        ({"rounds": 0}, "rounds = 0: Expected `int` >= 1"),
        ({"workers": 0}, "workers = 0: Expected `int` >= 1"),
        ({"seed": -1}, "seed = -1: Expected `int` >= 0"),
        ({"judges": 7}, "judges = 7: Expected `array`, got `int`"),
    ],
)
def test_a_wrong_option_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        JudgeOptions(Bench(Path("data"), "demo-v0.1"), **fields)
    assert str(raised.value) == message


def test_a_text_stands_for_a_tuple_of_one_or_a_path() -> None:
    names: dict[str, Any] = {"judges": "j", "categories": ["c", "c"], "family_file": "f.yaml"}
    made = JudgeOptions(Bench(Path("data"), "demo-v0.1"), **names)
    assert (made.judges, made.categories, made.family_file) == (("j",), ("c",), Path("f.yaml"))
