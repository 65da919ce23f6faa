"""Measures make_bench.py --size 400, the real process, on 100,000 prompts of 500 subjects.

    python benchmarks/bench_make_bench.py            # 65 MB in a temporary folder
    python benchmarks/bench_make_bench.py --strict   # exit 1 where a target is missed
    python benchmarks/bench_make_bench.py --prompts 5000

The prompts have 620 characters on average, of a vocabulary with the frequencies of a language, and
every hundredth is a near duplicate of an earlier one.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
SECONDS, GIGABYTES = 180.0, 2.0
SUBJECTS, WORDS_OF_A_SUBJECT = 500, 40


def prompts(count: int) -> Iterator[str]:
    rng = random.Random(1)
    letters = "etaoinshrdlucmfwyp"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(30_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    earlier = ""
    for number in range(count):
        if number % 100 == 99:
            yield earlier.upper() + " Please explain."
            continue
        place = 3_000 + rng.randrange(SUBJECTS) * WORDS_OF_A_SUBJECT
        subject = words[place : place + WORDS_OF_A_SUBJECT]
        size = max(8, int(rng.lognormvariate(4.2, 0.8)))
        text = rng.choices(words, weights, k=size)
        earlier = " ".join(rng.choice(subject) if rng.random() < 0.25 else word for word in text)
        yield earlier


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "prompts.jsonl"
        lines = (json.dumps({"prompt": prompt}) + "\n" for prompt in prompts(args.prompts))
        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        command = [sys.executable, str(REPO / "make_bench.py"), str(path), "--bench-name", "b"]
        start = time.monotonic()
        subprocess.run([*command, "--size", "400", "--data-dir", scratch], check=True)
        seconds = time.monotonic() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    targets = f"targets: under {SECONDS:.0f} s and {GIGABYTES:.0f} GB"
    print(f"{args.prompts:,} prompts: {seconds:.1f} s, {memory:.2f} GB ({targets})")
    return int(args.strict and (seconds >= SECONDS or memory >= GIGABYTES))


if __name__ == "__main__":
    sys.exit(main())
