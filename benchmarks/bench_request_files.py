"""Measures request files, in real processes: 100,000 answers of a model, and games of 50 models.

    python benchmarks/bench_request_files.py            # 1 GB in a temporary folder
    python benchmarks/bench_request_files.py --strict   # exit 1 where a target is missed
    python benchmarks/bench_request_files.py --requests 1000

The questions have 1 kB, answers and verdicts 2 kB. A stand-in engine, whose time does not count,
answers the files as `vllm run-batch` does. Seconds are those of writing and reading together, and
memory is the most that either took.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPO), str(REPO / "tests")]

from stand_in_engine import run_batch  # noqa: E402

MODEL, JUDGE, BASELINE, MODELS = "my-model", "my-judge", "base", 50
SECONDS, MEGABYTES = 60.0, 500.0
QUESTION, REPLY = "What is the best way to do this? " * 30, "This is a good way to do it. " * 70


def make_bench(root: Path, name: str, questions: int, models: Sequence[str]) -> None:
    """Write a bench in which some models have answers, and the config files."""
    folder = root / "data" / name
    ids = [f"q{number}" for number in range(questions)]
    turns = [{"content": QUESTION}]
    names = {"category": name, "cluster": "c"}
    write(folder / "question.jsonl", ({"question_id": i, "turns": turns} | names for i in ids))
    choices = [{"index": 0, "turns": [{"content": REPLY}]}]
    for model in models:
        answers = ({"question_id": i, "model_id": model, "choices": choices} for i in ids)
        write(folder / "model_answer" / f"{model}.jsonl", answers)
    config = {"judge_model": JUDGE, "baseline_model": BASELINE, "model_list": list(models)}
    configs: dict[str, dict[str, Any]] = {
        "api_config": {name: {"model_name": name, "api_type": "vllm"} for name in (MODEL, JUDGE)},
        "gen_answer_config": {"model_list": [MODEL]},
        "judge_config": config,
    }
    (root / "config").mkdir(exist_ok=True)
    for file, values in configs.items():
        if file != "api_config":
            values["bench_name"] = name
        (root / "config" / f"{file}.yaml").write_text(json.dumps(values), encoding="utf-8")


def write(path: Path, records: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def run(root: Path, *command: str) -> tuple[float, float, float]:
    """Run a script and return its seconds, those of CPU time, and its peak memory in MB."""
    start = time.monotonic()
    arguments = [sys.executable, str(REPO / command[0]), *command[1:]]
    with subprocess.Popen(arguments, cwd=root, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss in bytes
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6


def answer(path: Path, results: Path, reply: str) -> None:
    """Have the engine answer a request file."""
    run_batch(path, results, lambda _: reply)


def measure(root: Path, script: str, requests: int, reply: str) -> bool:
    """Write and read the requests of a script, print the figures, and return whether they are
    within the targets.
    """
    folder, results = root / f"{script}-requests", root / f"{script}-results"
    writing = run(root, script, "--write-requests", str(folder))
    paths = sorted(folder.iterdir())
    # In processes of their own: a process counts the memory of the one that started it.
    context = multiprocessing.get_context("spawn")
    for path in paths:
        engine = context.Process(target=answer, args=(path, results / path.name, reply))
        engine.start()
        engine.join()
    size = sum(path.stat().st_size for path in paths) / 1e6
    reading = run(root, script, "--read-results", str(results))
    seconds, cpu = writing[0] + reading[0], writing[1] + reading[1]
    memory = max(writing[2], reading[2])
    print(
        f"{script}: {requests:,} requests, {size:,.0f} MB in {len(paths)} files: "
        f"{writing[0]:.1f} s to write, {reading[0]:.1f} s to read ({cpu:.1f} s of CPU time), "
        f"{memory:.0f} MB of memory (targets: under {SECONDS:.0f} s together, {MEGABYTES:.0f} MB)",
        flush=True,
    )
    return seconds < SECONDS and memory < MEGABYTES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    args = parser.parse_args()
    verdict = f"{REPLY} My final verdict: [[A>B]]"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_bench(root, "answers", args.requests, [])
        is_good = measure(root, "gen_answer.py", args.requests, REPLY)
        models = [BASELINE, *(f"model-{number}" for number in range(MODELS))]
        questions = args.requests // MODELS // 2
        make_bench(root, "judgments", questions, models)
        is_good &= measure(root, "gen_judgment.py", questions * MODELS * 2, verdict)
    return int(args.strict and not is_good)


if __name__ == "__main__":
    sys.exit(main())
