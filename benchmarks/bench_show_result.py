"""Measures show_result.py, the whole command, on synthetic benches of three sizes.

    python benchmarks/bench_show_result.py --quick        # make bench: only the first
    python benchmarks/bench_show_result.py                # all three; 2.4 GB in a temporary folder
    python benchmarks/bench_show_result.py --size a --strict
    python benchmarks/bench_show_result.py --size b --folder /tmp/benches    # make once, keep

Sizes: (a) 46 models on 500 questions against one baseline; (b) 200 models on 5,000; (c) 50 models,
all against all, on 50. The files hold what gen_answer.py and gen_judgment.py write, but for the
texts: an answer's line has about 1.7 kB, a judgment's 0.9 kB. They were written just before, so
they are read from memory; Python's byte code is there, as from the second run on.

The commands draw what they draw by default. For (a) their CPU time is also given in fits of style
control by scikit-learn in the same run: each battle as two rows, as the original program has them,
solved to convergence. The original makes such a fit for each round.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from arena.bench.answer_style import ATTRIBUTES
from arena.bench.paths import Bench
from arena.scoring.battles import Battles, read_selections
from arena.scoring.bradley_terry import fit, style_differences
from arena.scoring.cells import Cells
from arena.scoring.selection import Selection
from arena.scoring.solver import ANCHOR_RATING
from arena.scoring.style_features import read_all_styles, with_features

JUDGE = "synthetic-judge"
STYLE = ("--style-control",)


@dataclass(frozen=True)
class Run:
    """A command to measure: its flags, and its targets, if it has some."""

    name: str
    flags: tuple[str, ...]
    seconds: float | None = None
    megabytes: float | None = None


@dataclass(frozen=True)
class Size:
    """A synthetic bench and the commands that are measured on it."""

    models: int
    questions: int
    all_against_all: bool
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        against = "all against all" if self.all_against_all else "one baseline"
        return f"{self.models} models x {self.questions:,} questions, {against}"

    def baselines(self, model: int) -> range:
        """Numbers of the models that this one is judged against: each pair is judged once."""
        return range(model if self.all_against_all else min(model, 1))


SIZES = {
    "a": Size(46, 500, False, (Run("style control", STYLE, 1.0, 150), Run("plain", (), 0.6))),
    "b": Size(200, 5000, False, (Run("style control", STYLE, 25.0, 500),)),
    "c": Size(50, 50, True, (Run("style control", STYLE),)),
}


# Synthetic benches


@dataclass(frozen=True)
class Truth:
    """What the labels of a bench come from: strengths (M,), and the style of the answers.

    `questions` (Q,): how far the baseline's side is favoured; `counts` (4, M, Q): tokens, headers,
    list items and bold runs.
    """

    strengths: np.ndarray
    questions: np.ndarray
    counts: np.ndarray


@functools.cache
def truth(size: Size) -> Truth:
    rng = np.random.default_rng(2024)
    shape = (size.models, size.questions)
    verbosity = rng.normal(0.0, 0.4, (size.models, 1))
    tokens = np.exp(rng.normal(6.0, 0.5, shape) + verbosity)
    markdown = rng.poisson(
        np.array([1.0, 4.0, 3.0])[:, None, None] * np.exp(verbosity), (3, *shape)
    )
    return Truth(
        strengths=rng.normal(0.0, 1.2, size.models),
        questions=rng.normal(0.0, 1.0, size.questions),
        counts=np.concatenate([tokens[None], markdown]).astype(int),
    )


def model_name(number: int) -> str:
    return f"model-{number:03}" if number else "baseline"


@functools.cache
def question_ids(size: Size) -> list[str]:
    return sorted(hashlib.md5(str(i).encode()).hexdigest() for i in range(size.questions))


TEXT = (
    "To begin with, the function has to know which rows of the table have changed since it was "
    "last called; everything else follows from there. **Keep the list sorted**, then:\n"
    '1. take the first row and compare it with the "old" one;\n- drop what both share;\n'
    "## How to test it\n```python\nassert merge([1, 3], [2]) == [1, 2, 3]\n```\n"
)
QUESTION = '{"question_id": "%s", "turns": [{"content": "Why?"}]}\n'
ANSWER = (
    '{"question_id": "%s", "answer_id": "Zx9x7cnrNXuWAGziCDjUUq", "model_id": "%s", "choices": '
    '[{"index": 0, "turns": [{"content": %s, "finish_reason": "stop", "input_tokens": 325, '
    '"output_tokens": %d}]}], "settings": {"model_name": "synthetic", "api_type": "openai", '
    '"temperature": 0.0, "max_tokens": 4096, "system_prompt": null, "extra_body": {}}, "tstamp": '
    '1795302830.0698686, "conv_metadata": {"token_len": %d, "header_count": {"h1": 0, "h2": %d, '
    '"h3": 0, "h4": 0, "h5": 0, "h6": 0}, "list_count": {"ordered": 0, "unordered": %d}, '
    '"bold_count": {"**": %d, "__": 0}}}\n'
)
JUDGMENT = (
    '{"question_id": "%s", "model": "%s", "judge": "synthetic-judge", "baseline": "%s", "games": '
    '[%s, %s], "tstamp": 1795302830.5, "settings": {"model_name": "synthetic", "api_type": '
    '"openai", "temperature": 0.0, "max_tokens": 4096, "number_of_judgment_attempts": 2, "regex": '
    '["\\\\[\\\\[([AB<>=]+)\\\\]\\\\]"], "prompt_hash": "8f14e45fceea167a", "extra_body": {}}}\n'
)
GAME = (
    '{"user_prompt": "[Question] ... [Answer A] ... [Answer B] ...", "judgment": "Both are right; '
    'one is easier to follow. My final verdict is: [[%s]]", "score": %s, "finish_reason": "stop", '
    '"input_tokens": 797, "output_tokens": 14}'
)
LABELS = ("A>>B", "A>B", "A=B", "B>A", "B>>A", None)
GAMES = [GAME % (label, json.dumps(label)) for label in LABELS]


def make_bench(size: Size, folder: Path) -> None:
    """Write the files of a bench, in processes of their own: this one's memory is inherited by
    what is measured.
    """
    for kind in ("model_answer", f"model_judgment/{JUDGE}"):
        (folder / kind).mkdir(parents=True)
    questions = "".join(QUESTION % question for question in question_ids(size))
    (folder / "question.jsonl").write_text(questions)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context) as pool:
        list(pool.map(make_model, [size] * size.models, [folder] * size.models, range(size.models)))


def make_model(size: Size, folder: Path, model: int) -> None:
    file = f"{model_name(model)}.jsonl"
    with (folder / "model_answer" / file).open("w") as answers:
        answers.writelines(answer_lines(size, model))
    if size.baselines(model):
        with (folder / "model_judgment" / JUDGE / file).open("w") as judgments:
            judgments.writelines(judgment_lines(size, model))


def answer_lines(size: Size, model: int) -> Iterator[str]:
    texts = [json.dumps((TEXT * 4)[start : start + 1040]) for start in range(64)]
    rows = truth(size).counts[:, model].T.tolist()
    for number, (question, counts) in enumerate(zip(question_ids(size), rows, strict=True)):
        text = texts[(number + model) % len(texts)]
        yield ANSWER % (question, model_name(model), text, counts[0], *counts)


def judgment_lines(size: Size, model: int) -> Iterator[str]:
    """Yield the records of a model: sorted by question, then by baseline, as the program sorts."""
    rng = np.random.default_rng([2025, model])
    baselines = sorted(size.baselines(model), key=model_name)
    labels = np.stack([draw_labels(size, model, baseline, rng) for baseline in baselines], axis=1)
    for question, row in zip(question_ids(size), labels.tolist(), strict=True):
        for baseline, (first, second) in zip(baselines, row, strict=True):
            names = (question, model_name(model), model_name(baseline))
            yield JUDGMENT % (*names, GAMES[first], GAMES[second])


def draw_labels(size: Size, model: int, baseline: int, rng: np.random.Generator) -> np.ndarray:
    """Return indices (Q, 2) into LABELS; one game in a hundred has no verdict."""
    true = truth(size)
    ahead = true.strengths[baseline] - true.strengths[model] + true.questions
    a, b = true.counts[:, baseline], true.counts[:, model]
    ahead = ahead + np.array([2.0, 0.2, 0.3, 0.3]) @ ((a - b) / (a + b + 1.0))
    baseline_ahead = ahead[:, None] + rng.logistic(0.3, 1.0, (size.questions, 2))
    labels = np.searchsorted([-2.5, -0.3, 0.3, 2.5], baseline_ahead * [-1.0, 1.0])
    labels[rng.random(labels.shape) < 0.01] = LABELS.index(None)
    return np.asarray(labels)


# Measuring


@dataclass(frozen=True)
class Measured:
    """Seconds on the clock and of CPU, and the peak memory of one process."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def environment() -> Mapping[str, str]:
    """Return the variables of the commands, once Python has kept the byte code of their modules."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    imports = "import show_result, arena.leaderboard.output.report"
    subprocess.run([sys.executable, "-c", imports], cwd=REPO, env=variables, check=True)
    return variables


def measure(size: Size, run: Run, bench: Path) -> Measured:
    """Run the command in a process of its own; raise CalledProcessError if it fails."""
    baselines = range(size.models if size.all_against_all else 1)
    command = [sys.executable, str(REPO / "show_result.py"), "--data-dir", str(bench.parent)]
    command += ["--bench-name", bench.name, "--judge-name", JUDGE]
    command += [part for i in baselines for part in ("--baseline", model_name(i))] + [*run.flags]
    variables = environment()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=variables)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak)


def compare_with_sklearn(bench: Path) -> tuple[float, float]:
    """Return the CPU time of one fit by scikit-learn, and how far its ratings are from ours."""
    cells, anchor = read_cells(bench)
    design, won = expanded(cells)
    start = time.process_time()
    coefficients = fit_by_sklearn(design, won)
    seconds = time.process_time() - start
    strengths = coefficients[: cells.models]
    ratings = ANCHOR_RATING + 400.0 * (strengths - strengths[anchor])
    return seconds, float(np.abs(ratings - fit(cells, anchor).ratings).max())


def read_cells(bench: Path) -> tuple[Cells, int]:
    """Return the cells with their style, and the index of the baseline."""
    folder = Bench(bench.parent, bench.name)
    ((_, battles),) = read_selections([Selection(folder, (JUDGE,), (model_name(0),))], [])
    assert isinstance(battles, Battles)
    styles = read_all_styles(folder, battles, tuple(ATTRIBUTES))
    return with_features(battles, folder, styles, style_differences), battles.anchor


def expanded(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Return the design (2N, M + F) and the outcomes (2N,) of N battles, each taken twice."""
    assert cells.features is not None
    weights = cells.counts.sum(axis=0)
    centred = cells.features.T - np.average(cells.features, axis=1, weights=weights)
    scaled = centred / np.sqrt(np.average(centred**2, axis=0, weights=weights))
    one_hot = np.log(10.0) * np.eye(cells.models)
    design = np.hstack([one_hot[cells.a] - one_hot[cells.b], scaled])
    wins, ties, losses = cells.counts
    outcomes = np.stack([2 * wins + ties, 2 * losses + ties], axis=1).ravel()
    return (
        np.repeat(design, 2 * weights, axis=0),
        np.repeat(np.tile([1, 0], len(weights)), outcomes),
    )


def fit_by_sklearn(design: np.ndarray, won: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=10_000)
    return np.asarray(model.fit(design, won).coef_[0])


# The table


def report(what: str, measured: str, target: str = "", ok: bool = True) -> bool:
    """Print a line of the table and return whether its target is met."""
    verdict = ("ok" if ok else "MISSED") if target else ""
    print(f"{what:<50} {measured:>16}   {target:<10} {verdict}".rstrip(), flush=True)
    return ok


def report_run(run: Run, measured: Measured) -> bool:
    """Print the figures of a command and return whether both targets are met."""
    values = (
        (f"  {run.name}", measured.seconds, run.seconds, "s"),
        ("    CPU time", measured.cpu_seconds, None, "s"),
        ("    peak memory", measured.megabytes, run.megabytes, "MB"),
    )
    met = []
    for what, value, target, unit in values:
        digits = 2 if unit == "s" else 0
        below = "" if target is None else f"< {target:g} {unit}"
        met.append(report(what, f"{value:.{digits}f} {unit}", below, not target or value < target))
    return all(met)


def report_size(letter: str, folder: Path) -> bool:
    """Make the bench if it is not there, measure its commands and print them."""
    size, bench = SIZES[letter], folder / letter
    if not bench.exists():
        make_bench(size, bench)
    bytes_read = sum(path.stat().st_size for path in bench.rglob("*.jsonl"))
    print(f"\n({letter}) {size.name}, {bytes_read / 1e6:,.0f} MB")
    measured = [measure(size, run, bench) for run in size.runs]
    met = [report_run(run, one) for run, one in zip(size.runs, measured, strict=True)]
    if letter == "a":
        report_sklearn(bench, size, measured)
    return all(met)


def report_sklearn(bench: Path, size: Size, measured: Sequence[Measured]) -> None:
    """Print a fit's CPU time, and those of the commands as multiples of it."""
    seconds, apart = compare_with_sklearn(bench)
    report("  scikit-learn, CPU time of one fit of style control", f"{seconds:.2f} s")
    report("    its ratings differ from ours by at most", f"{apart:.4f} Elo")
    for run, one in zip(size.runs, measured, strict=True):
        report(f"    {run.name}, in such fits", f"{one.cpu_seconds / seconds:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="only (a) (default: False)")
    add("--size", choices=SIZES, nargs="+", default=list(SIZES), help="which (default: all)")
    add("--folder", type=Path, help="keep the benches here (default: a temporary folder)")
    add("--strict", action="store_true", help="exit status 1 if one is missed (default: False)")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        met = [report_size(letter, folder) for letter in ("a" if args.quick else args.size)]
    return 1 if args.strict and not all(met) else 0


if __name__ == "__main__":
    sys.exit(main())
