"""One rule for the baseline of judgments whose records name none: board, ensemble and browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from boards import show
from conftest import REPO, RunMain, Workspace
from judgments import WON, judgment

from arena.bench.config import read_judge_config
from arena.bench.paths import Bench
from arena.browser.defaults import choose

QUESTIONS = [
    {"question_id": "q1", "category": "prose", "turns": [{"content": "Write."}]},
    {"question_id": "q2", "category": "code", "turns": [{"content": "Count."}]},
]

QUESTIONS_V0_1 = [question | {"category": "arena-hard-v0.1"} for question in QUESTIONS]


@pytest.fixture
def unnamed(bench: Workspace) -> Workspace:
    """A bench with answers of two baselines, and judgments of two judges that name neither."""
    bench.add_questions(QUESTIONS)
    for model in ("base", "other", "tiny"):
        bench.add_answers(model, {"q1": "One.", "q2": "Two."})
    for judge in ("judge", "second"):
        path = bench.data / f"model_judgment/{judge}/tiny.jsonl"
        records = [judgment(question, *WON) for question in ("q1", "q2")]
        bench.write(path, [{"model": "tiny", "judge": judge} | record for record in records])
    return bench


def board_baselines(bench: Workspace, *flags: str) -> dict[str, str]:
    """By category: the models of its board beside the judged one."""
    baselines = {}
    for category in ("prose", "code"):
        file = bench.root / "board.json"
        show(bench, "--category", category, "--json", file, *flags)
        models = {row["model"] for row in json.loads(file.read_text("utf-8"))["rows"]}
        (baselines[category],) = models - {"tiny"}
    return baselines


def ensemble_baselines(bench: Workspace, run_main: RunMain, *flags: str) -> dict[str, str | None]:
    run_main("gen_ensemble_judgment.py", "--judges", "judge", "second", *flags)
    records = bench.judgments("ensemble", "tiny")
    categories = {question["question_id"]: question["category"] for question in QUESTIONS}
    return {categories[r["question_id"]]: r.get("baseline") for r in records}


def browser_baselines(bench: Workspace, baseline: str | None = None) -> dict[str, str]:
    config = read_judge_config(bench.root / "config/judge_config.yaml")
    chosen = choose(bench.root / "data", bench.name, "judge", baseline, config)
    categories = {question["question_id"]: question["category"] for question in QUESTIONS}
    return {categories[j.question]: j.baseline for j in chosen.library.judgments("judge")}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"prose": "base", "code": "base"}),
        ({"categories": {"code": {"baseline_model": "other"}}}, {"prose": "base", "code": "other"}),
    ],
)
def test_the_configs_baseline_of_the_category_counts_everywhere(
    unnamed: Workspace, run_main: RunMain, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    unnamed.write_judge_config("judge", "base", **fields)
    assert board_baselines(unnamed) == expected
    assert browser_baselines(unnamed) == expected
    assert ensemble_baselines(unnamed, run_main) == expected


def test_a_baseline_flag_overrules_the_config(unnamed: Workspace, run_main: RunMain) -> None:
    unnamed.write_judge_config("judge", "base")
    expected = {"prose": "other", "code": "other"}
    assert board_baselines(unnamed, "--baseline", "other") == expected
    assert browser_baselines(unnamed, "other") == expected
    assert ensemble_baselines(unnamed, run_main, "--baseline", "other") == expected
    flags = ("--judge-name", "ensemble", "--baseline", "other")
    assert board_baselines(unnamed, *flags) == expected


def test_a_baseline_that_the_bench_lacks_is_never_assumed(
    unnamed: Workspace, run_main: RunMain
) -> None:
    """The board asks for --baseline, the browser offers the models with answers."""
    unnamed.write_judge_config("judge", "gpt-4-0314")
    done = show(unnamed, check=2)
    assert "gpt-4-0314" in done.err and "--baseline" in done.err
    assert set(ensemble_baselines(unnamed, run_main).values()) <= {None}
    assert set(browser_baselines(unnamed).values()) == {""}
    config = read_judge_config(unnamed.root / "config/judge_config.yaml")
    library = choose(unnamed.root / "data", unnamed.name, "judge", None, config).library
    assert library.bench == Bench(Path(unnamed.root / "data"), unnamed.name)
    assert set(library.baselines("judge")) == {"base", "other", "tiny"}


def test_the_config_alone_does_not_name_the_baseline_of_a_bench_without_answers(
    unnamed: Workspace,
) -> None:
    shutil.rmtree(unnamed.data / "model_answer")
    unnamed.write_judge_config("judge", "base")
    done = show(unnamed, check=2)
    assert "no model 'base', the baseline" in done.err and "--baseline" in done.err
    assert set(browser_baselines(unnamed).values()) == {""}
    assert board_baselines(unnamed, "--baseline", "base") == {"prose": "base", "code": "base"}


def test_a_question_that_the_bench_lacks_has_the_configs_general_baseline(
    unnamed: Workspace,
    run_main: RunMain,
) -> None:
    unnamed.add_questions([QUESTIONS[1]])
    unnamed.write_judge_config("judge", "base", categories={"code": {"baseline_model": "other"}})
    done = show(unnamed, check=2)
    assert "1 judgments against another baseline, base" in done.err
    done = run_main("gen_ensemble_judgment.py", "--judges", "judge", "second")
    baselines = {r["question_id"]: r["baseline"] for r in unnamed.judgments("ensemble", "tiny")}
    assert baselines == {"q1": "base", "q2": "other"}, done.err
    config = read_judge_config(unnamed.root / "config/judge_config.yaml")
    library = choose(unnamed.root / "data", unnamed.name, "judge", None, config).library
    assert {j.question: j.baseline for j in library.judgments("judge")} == baselines


@pytest.mark.parametrize("questions", [True, False])
def test_published_judgments_of_v0_1_show_with_the_default_config(
    bench: Workspace, questions: bool
) -> None:
    """They name no baseline, and some come without the questions."""
    bench.name = "arena-hard-v0.1"
    if questions:
        bench.add_questions(QUESTIONS_V0_1)
    for model in ("gpt-4-0314", "tiny"):
        bench.add_answers(model, {"q1": "One.", "q2": "Two."})
    bench.write(
        bench.data / "model_judgment/gpt-4-1106-preview/tiny.jsonl",
        [{"model": "tiny"} | judgment(q, *WON) for q in ("q1", "q2")],
    )
    shutil.copytree(REPO / "config", bench.root / "config")
    shown = show(bench, "--judge-name", "gpt-4-1106-preview")
    assert shown.scores["gpt-4-0314"] == "50.0" and float(shown.scores["tiny"]) > 90
