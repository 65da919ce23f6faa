"""Measures qa_browser.py, the real process, on a synthetic bench: 60 models x 500 questions.

    python benchmarks/bench_browser.py            # 450 MB in a temporary folder
    python benchmarks/bench_browser.py --strict   # exit 1 where a target is missed
    python benchmarks/bench_browser.py --models 6 --questions 50

Answers have 2 kB, a judgment holds the prompts and explanations of both games. Ready is the time
from the start of the process to the first page it serves. Views are asked for over HTTP, as the
page asks for them, and timed from the request to the last byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
JUDGE, BASELINE = "synthetic-judge", "model-000"
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
TARGETS = {
    "ready": 5.0,
    "next question": 0.15,
    "all models, next question": 0.15,
    "filter": 0.3,
    "in Chromium: usable": 1.0,
    "in Chromium: next battle": 0.15,
    "in Chromium: filter": 0.3,
    "search": 1.0,
    "next question meanwhile": 0.5,
    "questions, sorted": 0.3,
    "judges, first time": 1.0,
    "one judge closely": 1.0,
    "memory": 500.0,
    "more after": 50.0,
}


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


@dataclass(frozen=True)
class Page:
    """The page as a browser asks for it."""

    url: str

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=120) as reply:
            return bytes(reply.read())

    def ask(self, **query: str) -> float:
        """Ask for a view, and return the seconds it took."""
        start = time.perf_counter()
        json.loads(self.get(f"view?{urllib.parse.urlencode(query)}"))
        return time.perf_counter() - start

    def visit(self) -> None:
        """Load the page as a reader does who opens it and leaves."""
        for path in ("", "config", "view?"):
            self.get(path)


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


def megabytes(process: subprocess.Popen[bytes], kind: str) -> float:
    """Return the memory of a process in MB: VmHWM is its peak, VmRSS what it has now."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    match = re.search(rf"{kind}:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else float("nan")


MODEL = {"tab": "judgments", "judge": JUDGE, "model": "model-001"}
ALL = {"tab": "judgments", "judge": JUDGE}


def steps(page: Page, query: dict[str, str]) -> float:
    """Return the seconds that the slowest of ten steps takes."""
    return max(page.ask(**query, step=str(step)) for step in range(1, 11))


def beside(page: Page, searched: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of a search, and of the slowest step that is asked for meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(page.ask, **searched)
        slowest = steps(page, MODEL)
        while not search.done():
            slowest = max(slowest, page.ask(**MODEL, step="3"))
        return search.result(), slowest


def in_chromium(url: str) -> Iterator[tuple[str, float]]:
    """Yield what a reader waits for in Chromium, nothing without it."""
    try:
        from playwright.sync_api import Page as Tab
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-headless-shell")):
        return

    def waiting(tab: Tab, act: Callable[[], object], shown: str) -> float:
        start = time.perf_counter()
        act()
        tab.wait_for_function(shown)
        return time.perf_counter() - start

    place = "document.querySelector('.place')?.textContent"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        times = []
        for _ in range(3):  # each in a profile of its own: nothing is cached
            tab = browser.new_context().new_page()
            address = f"{url}?{urllib.parse.urlencode(MODEL)}"
            times.append(
                waiting(tab, lambda t=tab, a=address: t.goto(a), f"{place}?.startsWith('1 ')")
            )
        yield "in Chromium: usable", min(times)
        steps = (
            waiting(tab, lambda: tab.keyboard.press("j"), f"{place}.startsWith('{n} ')")
            for n in range(2, 12)
        )
        yield "in Chromium: next battle", statistics.median(steps)
        lost = tab.locator(".strip a", has_text="lost")
        chosen = "document.querySelector('.strip .chosen')"
        yield "in Chromium: filter", waiting(tab, lost.click, chosen)
        browser.close()


def measure(data_dir: Path, visits: int) -> Iterator[tuple[str, float]]:
    """Start the browser, use it, and yield what each step took."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    start = time.perf_counter()
    command = [sys.executable, str(REPO / "qa_browser.py"), "--data-dir", str(data_dir)]
    command += ["--bench-name", "synthetic", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    page = Page(url)
    try:
        wait_until_ready(url, process)
        yield "ready", time.perf_counter() - start
        yield "ready, processor time", processor_seconds(process)
        yield "open the page", page.ask()
        yield "next question", steps(page, MODEL)
        yield "choose another model", page.ask(**MODEL | {"model": "model-002"})
        yield "all models, first time", page.ask(**ALL)
        yield "all models, next question", steps(page, ALL)
        yield "filter", page.ask(**ALL, verdict="games disagree")
        yield "filter by outcome", page.ask(**ALL, outcome="lost,split")
        yield "longest first, first time", page.ask(**ALL, order="longest answers first")
        search, step = beside(page, {**ALL, "text": "abc d"})
        yield "search", search
        yield "next question meanwhile", step
        yield "search, again", page.ask(**ALL, text="dcb a")
        yield "leaderboard, first time", page.ask(tab="leaderboard")
        yield "leaderboard, style control", page.ask(tab="leaderboard", control="length markdown")
        yield "clusters, first time", page.ask(tab="clusters")
        yield "questions, first time", page.ask(tab="questions")
        yield "questions, sorted", page.ask(tab="questions", rows="hardest first")
        yield "judges, first time", page.ask(tab="judges")
        yield "one judge closely", page.ask(tab="judges", look=JUDGE)
        yield from in_chromium(url)
        yield "memory", megabytes(process, "VmHWM")
        page.visit()
        before = megabytes(process, "VmRSS")
        for _ in range(visits):
            page.visit()
        yield f"more after {visits:,} visits", megabytes(process, "VmRSS") - before
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--visits", type=int, default=2000)
    parser.add_argument("--strict", action="store_true", help="fail where a target is missed")
    args = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        size = make_bench(Path(folder) / "synthetic", args.models, args.questions)
        print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
        print(f"{args.models} models x {args.questions} questions, {size / 1e6:.0f} MB")
        for name, value in measure(Path(folder), args.visits):
            unit = "MB" if name == "memory" or name.startswith("more") else "s"
            target = TARGETS.get("more after" if name.startswith("more") else name)
            verdict = ""
            if target is not None:
                missed += value > target
                verdict = f"  target {target:g}: {'missed' if value > target else 'met'}"
            print(f"{name:<28}{value:8.2f} {unit}{verdict}", flush=True)
    return int(args.strict and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
