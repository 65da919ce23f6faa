"""Measures how fast the pool calls a chat API, beside a loop that makes a client for every call.

    python benchmarks/throughput.py      # or: make bench

The API is tests/fake_api.py in a process of its own, on the same machine: its work is in the
requests a second, not in the CPU time. With --strict a missed target is an error.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from arena.chat.calls import chat_completion
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.protocols import Completion
from arena.generate import run as runner

MESSAGES: Any = [{"role": "user", "content": "How many requests a second?"}]

DELAY, PARALLEL = 0.05, 64
LONG_DELAY, WIDE_PARALLEL, WIDE_CALLS = 1.0, 256, 1024

MIN_RATIO = 12.0
MAX_CPU_MS = 1.5
MAX_OVER_IDEAL = 1.15


@dataclass(frozen=True)
class Timing:
    """Seconds on the clock and of this process's CPU for a number of calls."""

    calls: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.calls


@contextlib.contextmanager
def fake_api(delay: float) -> Iterator[str]:
    """Start the fake API as a process and yield its base URL; it ends when its stdin closes."""
    command = [sys.executable, str(REPO / "tests" / "fake_api.py"), "--delay", str(delay)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip() + "/v1"


def timed(calls: int, run: Callable[[int], None]) -> Timing:
    clock, cpu = time.perf_counter(), time.process_time()
    run(calls)
    return Timing(calls, time.perf_counter() - clock, time.process_time() - cpu)


def pool(url: str, parallel: int) -> Callable[[int], None]:
    """Return what makes a number of calls as gen_answer.py and gen_judgment.py make them."""
    model = ModelConfig(
        name="fake",
        where=url,
        model_name="fake",
        api_type="openai",
        endpoints=(Endpoint(api_base=url, api_key="EMPTY"),),
        parallel=parallel,
        max_retries=0,
    )

    class Work:
        """As much of a `Work` as its threads need."""

        def __init__(self) -> None:
            self.model = model

        def replies(self, job: runner.Job) -> Iterator[Completion]:
            yield chat_completion(model, MESSAGES, temperature=0.0, max_tokens=64)

    def run(calls: int) -> None:
        work: Any = Work()
        jobs = [runner.Job(work, str(number)) for number in range(calls)]
        done = 0
        for outcome in runner.run(jobs):
            if outcome is not None and outcome.error is not None:
                raise outcome.error
            done += outcome is not None and outcome.reply is not None
        assert done == calls

    return run


def client_per_call(url: str, parallel: int) -> Callable[[int], None]:
    """Return what makes a number of calls as the original program makes them."""
    import openai

    def call(_: int) -> None:
        client = openai.OpenAI(base_url=url, api_key="EMPTY")
        client.chat.completions.create(
            model="fake", messages=MESSAGES, temperature=0.0, max_tokens=64
        )

    def run(calls: int) -> None:
        with ThreadPoolExecutor(parallel) as executor:
            for _ in executor.map(call, range(calls)):
                pass

    return run


def report(what: str, measured: str, target: str = "", ok: bool = True) -> bool:
    """Print a line of the table and return whether its target is met."""
    verdict = ("ok" if ok else "MISSED") if target else ""
    print(f"{what:<50} {measured:>16}   {target:<10} {verdict}".rstrip(), flush=True)
    return ok


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--calls", type=int, default=3000, help="calls of the pool (default: %(default)s)")
    add("--loop-calls", type=int, default=200, help="calls of the loop (default: %(default)s)")
    add("--strict", action="store_true", help="exit with 1 where a target is missed")
    args = parser.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}\n", flush=True)

    with fake_api(DELAY) as url:
        run = pool(url, PARALLEL)
        run(4 * PARALLEL)  # imports, the client and its connections
        ours = timed(args.calls, run)
        with fake_api(LONG_DELAY) as slow_url:
            wide = timed(WIDE_CALLS, pool(slow_url, WIDE_PARALLEL))
        loop = timed(args.loop_calls, client_per_call(url, PARALLEL))

    ideal = LONG_DELAY * WIDE_CALLS / WIDE_PARALLEL
    assert wide.seconds >= ideal, "the wide run did not go to the slow API, or not with its limit"
    ratio, over_ideal = ours.rate / loop.rate, wide.seconds / ideal
    setting = f"{PARALLEL} at a time, {DELAY * 1000:.0f} ms a reply"
    report(f"pool, {setting}", f"{ours.rate:,.0f} requests/s")
    report(f"a client a call, {setting}", f"{loop.rate:,.0f} requests/s")
    met = [
        report("  ratio", f"{ratio:.1f}", f">= {MIN_RATIO:g}", ratio >= MIN_RATIO),
        report(
            "pool, CPU a request",
            f"{ours.cpu_ms:.2f} ms",
            f"< {MAX_CPU_MS:g} ms",
            ours.cpu_ms < MAX_CPU_MS,
        ),
        report(
            f"{WIDE_CALLS:,} calls, {WIDE_PARALLEL} at a time, {LONG_DELAY:g} s a reply",
            f"{wide.seconds:.2f} s",
            f"<= {MAX_OVER_IDEAL * ideal:.1f} s",
            over_ideal <= MAX_OVER_IDEAL,
        ),
    ]
    return 1 if args.strict and not all(met) else 0


if __name__ == "__main__":
    sys.exit(main())
