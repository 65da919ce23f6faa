"""The fixtures of the tests of what users give the scripts by mistake."""

from __future__ import annotations

import sys

import pytest
from conftest import Workspace
from fake_api import FakeAPI
from spoiled_house import FLAGS, GOOD_JUDGMENT, JUDGMENTS, MAINS, Done, Run


@pytest.fixture
def house(bench: Workspace, api: FakeAPI) -> Workspace:
    """A bench in which every script has something to do, and an API that would answer."""
    bench.add_questions(3)
    for model in ("base", "tiny"):
        bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in (1, 2)})
    for model in ("tiny", "judge"):
        bench.add_model(model, api.v1, retry_wait=0.001, max_retries=1)
    bench.write(JUDGMENTS, GOOD_JUDGMENT)
    bench.write_answer_config(model_list=["tiny"])
    bench.write_judge_config("judge", "base")
    api.answer_with("[[A>B]]")
    return bench


@pytest.fixture
def run_here(
    house: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a script in the house, in this process. The `run` of tests/conftest.py runs others."""
    monkeypatch.chdir(house.root)

    def run(script: str, flags: tuple[str, ...]) -> Done:
        capsys.readouterr()
        try:
            monkeypatch.setattr(sys, "argv", [f"{script}.py"])
            status = MAINS[script]([*FLAGS.get(script, ()), *flags])
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run
