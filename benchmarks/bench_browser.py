"""Measures qa_browser.py, the real process, on a synthetic bench: 60 models x 500 questions.

    python benchmarks/bench_browser.py            # 450 MB in a temporary folder
    python benchmarks/bench_browser.py --strict   # exit 1 where a target is missed
    python benchmarks/bench_browser.py --models 6 --questions 50

Answers have 2 kB, a judgment holds the prompts and explanations of both games. Ready is the time
from the start of the process to the first page it serves; the callbacks are called over HTTP, as
the page calls them, and timed from the request to the last byte of the result.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
JUDGE, BASELINE = "synthetic-judge", "model-000"
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
TARGETS = {"ready": 8.0, "next question": 0.5, "memory": 1500.0}


# The bench


def make_bench(folder: Path, models: int, questions: int) -> int:
    """Write the files of a bench, and return their size in bytes."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(3000)]

    def text(size: int) -> str:
        lines, length = [], 0
        while length < size:
            lines.append(" ".join(rng.choices(words, k=12)))
            length += len(lines[-1]) + 1
        return "\n".join(lines)[:size]

    prompts = [text(400) for _ in range(questions)]
    write(folder / "question.jsonl", (question(i, prompt) for i, prompt in enumerate(prompts)))
    bases = [text(2000) for _ in range(questions)]
    size = 0
    for number in range(models):
        model = f"model-{number:03}"
        answers = [text(2000) for _ in range(questions)] if number else bases
        records = (answer(i, model, content, rng) for i, content in enumerate(answers))
        size += write(folder / "model_answer" / f"{model}.jsonl", records)
        if number:
            made = (
                judgment(i, model, prompts[i], bases[i], answers[i], text(1500), rng)
                for i in range(questions)
            )
            size += write(folder / "model_judgment" / JUDGE / f"{model}.jsonl", made)
    return size


def write(path: Path, records: Iterator[dict[str, Any]]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path.stat().st_size


def question(number: int, prompt: str) -> dict[str, Any]:
    turns = [{"content": prompt}]
    cluster = f"cluster {number % 25}"
    return {"question_id": f"q{number:04}", "category": "x", "cluster": cluster, "turns": turns}


def answer(number: int, model: str, content: str, rng: random.Random) -> dict[str, Any]:
    return {
        "question_id": f"q{number:04}",
        "answer_id": f"{model}-{number}",
        "model_id": model,
        "choices": [{"index": 0, "turns": [{"content": content}]}],
        "tstamp": 1.0,
        "conv_metadata": {
            "token_len": rng.randint(50, 900),
            "header_count": {"h1": 0, "h2": rng.randint(0, 4)},
            "list_count": {"ordered": rng.randint(0, 9), "unordered": 0},
            "bold_count": {"**": rng.randint(0, 9), "__": 0},
        },
    }


def judgment(
    number: int, model: str, prompt: str, base: str, own: str, words: str, rng: random.Random
) -> dict[str, Any]:
    games = [
        {"user_prompt": f"{prompt}\n[A]\n{a}\n[B]\n{b}", "judgment": words, "score": label}
        for (a, b), label in zip(((base, own), (own, base)), rng.choices(LABELS, k=2), strict=True)
    ]
    known = {"question_id": f"q{number:04}", "model": model, "judge": JUDGE}
    return known | {"baseline": BASELINE, "games": games}


# The process


@dataclass
class Page:
    """The page as a browser calls it: its callbacks by the field or event that starts them."""

    url: str
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = json.loads(self._get("config"))

    def call(self, field_label: str, event: str, *values: Any) -> float:
        """Call the callback of a field's event, and return the seconds it took."""
        number, inputs = self._callback(field_label, event)
        body = {
            "data": [*values, *[None] * (inputs - len(values))],
            "fn_index": number,
            "session_hash": "bench",
        }
        start = time.perf_counter()
        request = urllib.request.Request(
            f"{self.url}gradio_api/queue/join",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=120).read()
        with urllib.request.urlopen(
            f"{self.url}gradio_api/queue/data?session_hash=bench", timeout=120
        ) as stream:
            for line in stream:
                if b"process_completed" in line:
                    assert json.loads(line[5:])["success"], line[:2000]
                    break
        return time.perf_counter() - start

    def _callback(self, label: str, event: str) -> tuple[int, int]:
        names = {
            component["id"]: component["props"].get("label") or component["props"].get("value")
            for component in self.config["components"]
        }
        for dependency in self.config["dependencies"]:
            for target, name in dependency["targets"]:
                if name == event and (not label or names.get(target) == label):
                    return dependency["id"], len(dependency["inputs"])
        raise LookupError(f"{label} {event}")

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return bytes(reply.read())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).read()
            return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                raise SystemExit(f"qa_browser.py ended with {process.returncode}") from None
            time.sleep(0.02)


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return what the process has computed so far, whoever else used the machine."""
    words = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else float("nan")


WHERE = (None, 0, False)  # the place, which the session holds; the game; not as written
STEP = (*WHERE, 1)
OPENED = "an address"


def chosen(model: str = "", show: str = "", order: str = "", text: str = "") -> tuple[object, ...]:
    """Return what the page sends when filters have changed."""
    return (*WHERE, JUDGE, model, "", "", show, order, text)


def measure(data_dir: Path) -> Iterator[tuple[str, float]]:
    """Start the browser, use it, and yield what each step took."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    start = time.perf_counter()
    command = [sys.executable, str(REPO / "qa_browser.py"), "--data-dir", str(data_dir)]
    command += ["--bench-name", "synthetic", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until_ready(url, process)
        yield "ready", time.perf_counter() - start
        yield "ready, processor time", processor_seconds(process)
        page = Page(url)
        yield "open the page", page.call("", "load")
        yield "next question", max(page.call("Next", "click", *STEP) for _ in range(10))
        yield "choose another model", page.call("Model", "blur", *chosen(model="model-002"))
        yield "all models, first time", page.call("Model", "blur", *chosen())
        yield (
            "all models, next question",
            max(page.call("Next", "click", *STEP) for _ in range(10)),
        )
        filtered = chosen(show="games disagree")
        yield "games that disagree", page.call("Verdict", "blur", *filtered)
        longest = chosen(order="longest answers first")
        yield "longest first, first time", page.call("Order", "blur", *longest)
        yield "search, first time", page.call("Search (Enter)", "submit", *chosen(text="abc d"))
        yield "search, again", page.call("Search (Enter)", "submit", *chosen(text="dcb a"))
        yield "leaderboard, first time", page.call("Leaderboard", "select", OPENED)
        style = (None, ["length", "markdown"], JUDGE, "", "")
        yield "leaderboard, style control", page.call("Control for style", "input", *style)
        yield "judges, first time", page.call("Judges", "select", OPENED)
        yield "memory", peak_megabytes(process)
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--strict", action="store_true", help="fail where a target is missed")
    args = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        size = make_bench(Path(folder) / "synthetic", args.models, args.questions)
        print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
        print(f"{args.models} models x {args.questions} questions, {size / 1e6:.0f} MB")
        for name, value in measure(Path(folder)):
            unit = "MB" if name == "memory" else "s"
            target = TARGETS.get(name)
            verdict = ""
            if target is not None:
                missed += value > target
                verdict = f"  target {target:g}: {'missed' if value > target else 'met'}"
            print(f"{name:<28}{value:8.2f} {unit}{verdict}", flush=True)
    return int(args.strict and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
