"""Measures judge_report.py, the real process: 60 models x 500 questions x 3 judges.

    python benchmarks/bench_judge_report.py            # 600 MB in a temporary folder
    python benchmarks/bench_judge_report.py --strict   # exit 1 where the target is missed
    python benchmarks/bench_judge_report.py --models 6 --questions 50

A judgment holds prompt and explanation of both games, 3 kB each; the answers have style attributes.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
BASELINE, BENCH = "model-000", "synthetic"
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
TARGET = 10.0
SETTINGS = {"api_type": "openai", "temperature": 0.0, "max_tokens": 4096, "prompt_hash": "0" * 16}
TEXT = "a judge explains its verdict " * 50


def make_bench(folder: Path, models: int, questions: int, judges: int) -> None:
    rng = random.Random(1)
    for number in range(models):
        model = f"model-{number:03}"
        answers = (answer(f"q{i}", model, rng) for i in range(questions))
        write(folder / "model_answer" / f"{model}.jsonl", answers)
        for judge in (f"judge-{i}" for i in range(judges if number else 0)):
            judgments = (judgment(f"q{i}", model, judge, rng) for i in range(questions))
            write(folder / "model_judgment" / judge / f"{model}.jsonl", judgments)
    families = {f"family-{i}": [f"judge-{i}", f"model-{i + 1:03}"] for i in range(judges)}
    (folder / "families.yaml").write_text(json.dumps(families), encoding="utf-8")


def write(path: Path, records: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def answer(question: str, model: str, rng: random.Random) -> dict[str, Any]:
    metadata = {
        "token_len": rng.randint(50, 1000),
        "header_count": {"h1": rng.randint(0, 5)},
        "list_count": {"ordered": rng.randint(0, 9), "unordered": rng.randint(0, 9)},
        "bold_count": {"**": rng.randint(0, 20)},
    }
    choices = [{"index": 0, "turns": [{"content": TEXT}]}]
    known = {"question_id": question, "model_id": model, "choices": choices}
    return known | {"conv_metadata": metadata}


def judgment(question: str, model: str, judge: str, rng: random.Random) -> dict[str, Any]:
    games = []
    for _ in range(2):
        label = rng.choice(LABELS)
        games.append({"user_prompt": TEXT, "judgment": TEXT, "score": label})
        if label is None:
            games[-1]["cause"] = "no label"
    known = {"question_id": question, "model": model, "judge": judge, "baseline": BASELINE}
    return known | {"games": games, "settings": SETTINGS | {"model_name": judge}}


def report(data: Path) -> float:
    """Run the report, text and files, and return its seconds."""
    command = [sys.executable, str(REPO / "judge_report.py"), "--data-dir", str(data)]
    command += ["--bench-name", BENCH, "--family", str(data / BENCH / "families.yaml")]
    command += ["--json", str(data / "judges.json"), "--html", str(data / "judges.html")]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--judges", type=int, default=3)
    parser.add_argument("--strict", action="store_true", help="exit 1 where the target is missed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        make_bench(data / BENCH, args.models, args.questions, args.judges)
        seconds = report(data)
    size = f"{args.models} models x {args.questions} questions x {args.judges} judges"
    print(f"{size}: {seconds:.1f} s (target: under {TARGET:.0f} s)")
    return int(args.strict and seconds >= TARGET)


if __name__ == "__main__":
    sys.exit(main())
