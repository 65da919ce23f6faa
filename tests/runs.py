"""Benches for runs of gen_answer.py and gen_judgment.py, and what a run left in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import REPO, Workspace
from fake_api import FakeAPI

SCRIPTS = {"answers": "gen_answer", "judgments": "gen_judgment"}  # by the records that they make
FAST = {"retry_wait": 0.001, "max_retries": 2}


def prepare(bench: Workspace, api: FakeAPI, questions: int = 4, **entry: Any) -> None:
    """A bench with one model, `tiny`, that asks one question at a time."""
    bench.add_questions(questions)
    bench.add_model("tiny", api.v1, **FAST | {"parallel": 1} | entry)
    bench.write_answer_config()


def prepare_judging(bench: Workspace, api: FakeAPI, **config: Any) -> None:
    """Two questions, answered by `tiny` and by the baseline `base`; and a judge."""
    bench.add_questions(2)
    bench.add_model("judge", api.v1, **FAST | {"parallel": 1})
    for model in ("base", "tiny"):
        bench.add_answers(model, {f"q{i}": f"{model} on q{i}" for i in (1, 2)})
    bench.write_judge_config("judge", "base", **config)
    api.answer_with("[[A>B]]")


def gen_answer_after(bench: Workspace, line: str) -> str:
    """A script that is gen_answer.py after a line of Python."""
    script = bench.write(
        "gen_answer_after.py",
        f"{line}\n"
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(REPO)!r})\n"
        f"runpy.run_path({str(REPO / 'gen_answer.py')!r}, run_name='__main__')\n",
    )
    return str(script)


def tree(root: Path) -> dict[str, bytes | None]:
    """Everything below a folder: the content of its files, None for folders."""
    paths = root.rglob("*")
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in paths}


def contents(bench: Workspace, model: str = "tiny") -> list[str]:
    return [answer["choices"][0]["turns"][0]["content"] for answer in bench.answers(model)]
