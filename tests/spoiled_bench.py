"""A bench that `base` and `tiny` answered and a judge judged, and ways to spoil and mend it."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import RunMain, Workspace
from fake_api import FakeAPI
from runs import FAST

Spoil = Callable[[Workspace], None]
IDS = ("q1", "q2", "q3", "q4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four questions that `base` and `tiny` have answered and the judge has judged."""
    bench = Workspace(tmp_path_factory.mktemp("made"))
    with FakeAPI() as api:
        api.answer_with(
            lambda asked: "[[A>B]]" if asked.model == "judge" else f"About {asked.prompt}"
        )
        given = [{"role": "system", "content": "Be brief."}, {"content": "Question 4?"}]
        last = {"question_id": "q4", "category": "c", "cluster": "tests", "turns": given}
        bench.add_questions(
            [*(bench._question(f"q{n}", f"Question {n}?") for n in (1, 2, 3)), last]
        )
        for name in ("base", "tiny", "judge"):
            bench.add_model(name, api.v1, **FAST)
        bench.write_answer_config(model_list=["base", "tiny"])
        bench.run("gen_answer.py", check=0)
        bench.write_judge_config("judge", "base", model_list=["tiny"])
        bench.run("gen_judgment.py", check=0)
        yield bench.root


@pytest.fixture
def healthy(bench: Workspace, made: Path) -> Workspace:
    shutil.copytree(made, bench.root, dirs_exist_ok=True)
    return bench


def answers_of(bench: Workspace, change: Callable[[list[Any]], Any]) -> None:
    records = bench.answers("tiny")
    bench.write(bench.data / "model_answer/tiny.jsonl", change(records) or records)


def judgments_of(bench: Workspace, change: Callable[[list[Any]], Any], model: str = "tiny") -> None:
    records = bench.judgments("judge", model)
    path = bench.data / f"model_judgment/judge/{model}.jsonl"
    bench.write(path, change(records) or records)


def say(number: int, text: str) -> Spoil:
    """Replace the text of an answer."""

    def change(records: list[Any]) -> None:
        records[number]["choices"][0]["turns"][0]["content"] = text

    return lambda bench: answers_of(bench, change)


def forget_a_verdict(records: list[Any]) -> None:
    records[0]["games"][0] |= {"score": None, "cause": "no label"}


def forget_both(records: list[Any]) -> None:
    for game in records[0]["games"]:
        game |= {"score": None, "cause": "no label"}


def forget_a_game(records: list[Any]) -> None:
    records[0]["games"][1] = None


def judge_hotter(records: list[Any]) -> None:
    for game in records[3]["games"]:
        game.setdefault("settings", dict(records[3].get("settings") or {}))["temperature"] = 1.5


def found(bench: Workspace, run_main: RunMain, check: int) -> list[Any]:
    done = run_main("check_bench.py", "--bench-name", bench.name, "--json", "-", check=check)
    report = json.loads(done.out)
    assert report["healthy"] == (check == 0)
    return list(report["findings"])


def mend(finding: dict[str, Any], run_main: RunMain) -> None:
    """Run the command of a finding as it is printed."""
    for command in filter(None, finding["mend"].split(" && ")):
        python, *flags = shlex.split(command)
        assert python == "python"
        run_main(*flags)
