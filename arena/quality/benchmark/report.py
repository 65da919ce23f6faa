"""The report on how well benchmarks rank models: made from options, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import InputError, one_line
from arena.base.table import FEW_NAMES, MANY_NAMES, aligned, grouped, listed
from arena.leaderboard.board import Board
from arena.leaderboard.build import build_boards
from arena.leaderboard.options import BoardOptions
from arena.leaderboard.output.notes import DEPENDENT, FIRST_GAME
from arena.leaderboard.output.text import file_of
from arena.quality.benchmark import rating_files
from arena.quality.benchmark.measures import (
    FEWEST,
    ROUNDS,
    Form,
    OverModels,
    estimate,
    json_text,
    statistics,
)
from arena.quality.benchmark.ratings import (
    LEVEL,
    Benchmark,
    Ratings,
    check_common,
    check_names,
    of_ends,
    of_samples,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MetricsOptions:
    """The benchmarks to measure, and their reference.

    `boards`: those of a bench, None for bootstrap files alone. `names`: a file from names of models
    to the reference's. `confidence`: the level of the intervals of scores, in percent. `common`:
    measure only models that all benchmarks have. `save_bootstrap`: a file for each board's rounds.
    """

    boards: BoardOptions | None = None
    bootstrap_files: tuple[Path, ...] = ()
    reference: Path | None = None
    names: Path | None = None
    agreement: Form = "notebook"
    confidence: float = 95.0
    common: bool = False
    seed: int = 42
    save_bootstrap: Path | None = None

    @property
    def level(self) -> float:
        """The confidence as a share."""
        return self.confidence / 100


@dataclass(frozen=True)
class MetricsReport:
    """Benchmarks with their measures by name, and the files that were saved."""

    options: MetricsOptions
    benchmarks: tuple[Benchmark, ...]
    measures: tuple[Mapping[str, OverModels], ...]
    reference: Ratings | None
    saved: tuple[Path, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The measures as a table: a row for each benchmark and measure, NaN if undefined."""
        import pandas as pd

        rows = [
            {"benchmark": benchmark.name, "measure": name, **asdict(measure)}
            for benchmark, measures in zip(self.benchmarks, self.measures, strict=True)
            for name, measure in measures.items()
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """The whole report as JSON, with null for undefined numbers."""
        options = self.options
        benchmarks = [
            {
                "name": benchmark.name,
                **benchmark.origin,
                "models": benchmark.ratings.models,
                "left_out": dict(benchmark.left_out),
                "only_in_reference": self.only_in_reference(benchmark),
                "metrics": {name: asdict(measure) for name, measure in measures.items()},
            }
            for benchmark, measures in zip(self.benchmarks, self.measures, strict=True)
        ]
        data = {
            "reference": str(options.reference) if options.reference else None,
            "confidence": options.confidence,
            "agreement": options.agreement,
            "seed": options.seed,
            "benchmarks": benchmarks,
        }
        return json_text(data)

    def only_in_reference(self, benchmark: Benchmark) -> tuple[str, ...]:
        """The models of the reference that a benchmark never had."""
        models = {*benchmark.ratings.models, *benchmark.left_out}
        return tuple(sorted(set(self.reference.models) - models)) if self.reference else ()


def benchmark_report(options: MetricsOptions) -> MetricsReport:
    """Measure benchmarks. Raises InputError for wrong files, and without two common models."""
    path = options.reference
    reference = rating_files.read_reference(path, options.level) if path else None
    benchmarks, saved = _benchmarks(options)
    if reference and path:
        if options.names:
            names = rating_files.read_names(options.names)
            check_names(names, benchmarks, reference, options.names)
            benchmarks = [benchmark.renamed(names, options.names) for benchmark in benchmarks]
        for benchmark in benchmarks:
            check_common(benchmark, reference, path)
        benchmarks = [b.only(reference.models, f"not in {path}") for b in benchmarks]
    if options.common:
        common = set.intersection(*(set(b.ratings.models) for b in benchmarks))
        if len(common) < 2:
            raise InputError("--common: the benchmarks have fewer than 2 models in common.")
        benchmarks = [b.only(common, "not in all benchmarks") for b in benchmarks]
    measures = []
    for ratings in (benchmark.ratings for benchmark in benchmarks):
        theirs, number = reference and reference.of(ratings.models), len(ratings.models)
        by_name = statistics(ratings, theirs, options.agreement)
        measures.append({n: estimate(s, number, options.seed) for n, s in by_name.items()})
    return MetricsReport(options, tuple(benchmarks), tuple(measures), reference, tuple(saved))


def _benchmarks(options: MetricsOptions) -> tuple[list[Benchmark], list[Path]]:
    """Return boards and bootstrap files as benchmarks, models by name, and the files of rounds."""
    files = options.bootstrap_files
    of_files = [rating_files.read_bootstrap(path, options.level) for path in files]
    boards = build_boards(options.boards) if options.boards else []
    several, benchmarks, saved = len(boards) > 1, [], []
    for board in (board for board in boards if board.rows):
        selection, method, ratings = board.selection, board.method, _ratings(board, options.level)
        models = (row.model for row in board.rows)
        unplaced = {m: "no round places it" for m in models if m not in ratings.models}
        origin = {
            "judges": list(selection.judges),
            "baselines": list(selection.baselines) if board.format.scale != "grade" else [],
            **selection.rules(),
            "method": board.estimator.name,
            "mode": board.mode,
            "resample": method.resample,
            "as_published": method.as_published,
            "intervals": board.intervals,
            "baseline_copy_score": board.copy_score,
            "rounds": method.rounds,
            "seed": method.seed,
            "judge_effects": method.judge_effects,
        }
        name = selection.bench.name + (f": {board.name or '(none)'}" if several else "")
        left_out = {**board.counts.models_left_out, **unplaced}
        benchmarks.append(Benchmark(name, ratings, left_out, origin))
        if file := options.save_bootstrap:
            saved.append(file_of(file, board) if several else file)
            rating_files.save_bootstrap(saved[-1], _ratings(board, LEVEL), board.samples)
    names = [b.name for b in benchmarks] + [path.stem for path in files]
    for path, ratings in zip(files, of_files, strict=True):
        # Two columns of one head could not be told apart.
        name = path.stem if names.count(path.stem) == 1 else str(path)
        benchmarks.append(Benchmark(name, ratings, origin={"file": str(path)}))
    return [replace(b, ratings=b.ratings.of(sorted(b.ratings.models))) for b in benchmarks], saved


def _ratings(board: Board, level: float) -> Ratings:
    """Return the rows as ratings: intervals as on the board, forecasts of the rounds."""
    models, estimator = [row.model for row in board.rows], board.estimator
    scores = np.array([row.score for row in board.rows])
    samples = np.array([board.samples[model] for model in models]).T
    of_rounds = of_samples(models, scores, samples, level)
    drawn_battles = board.method.as_published or board.method.resample == "battle"
    if drawn_battles and level != estimator.level:
        return of_rounds  # percentiles, like those of the board at its own level
    lower, upper = np.array([row.bounds for row in board.rows]).T
    ratings = of_ends(models, scores, lower, upper, level, estimator.level).of(of_rounds.models)
    return replace(of_rounds, lower=ratings.lower, upper=ratings.upper)


# Text

ALIKE = "the reference rates all of these models alike"
EQUAL = "all scores or all ratings are equal"
# The row of a measure, and why it is undefined if it is.
WORDS = {
    "separability": ("separability, %", "there is no pair of models with intervals"),
    "agreement": ("agreement, %", "the reference separates no pair of these models"),
    "brier": ("pair rank Brier score", ALIKE),
    "log_loss": ("pair log loss", ALIKE),
    "spearman": ("Spearman correlation", EQUAL),
    "kendall": ("Kendall correlation", EQUAL),
}


def report_lines(report: MetricsReport, *, hint: bool = False) -> Iterator[str]:
    """Yield a table of measures by benchmark, the notes below it, and the skipped models.

    `hint`: name the flag for all their names if they are many.
    """
    rows = [["", *(benchmark.name for benchmark in report.benchmarks)]]
    rows.append(["models", *(str(len(b.ratings.models)) for b in report.benchmarks)])
    for name in report.measures[0]:
        label, decimals = WORDS[name][0], 1 if "%" in WORDS[name][0] else 3
        rows.append([label, *(m[name].text(decimals) for m in report.measures)])
    yield from aligned(rows)
    yield ""
    yield from (one_line(line, 2000) for line in _note_lines(report))
    skipped: list[tuple[str, Sequence[str]]] = []
    for benchmark in report.benchmarks:
        for reason, models in sorted(grouped(benchmark.left_out.items()).items()):
            skipped.append((f"{one_line(benchmark.name)}, {one_line(reason)}", sorted(models)))
    # Benchmarks that share the models that only the reference has share a line.
    only = ((one_line(b.name), report.only_in_reference(b)) for b in report.benchmarks)
    for models_there, names in grouped(only).items():
        skipped.append((f"{report.options.reference}, not in {', '.join(names)}", models_there))
    yield from (
        f"skipped models of {place}: {listed(models)}" for place, models in skipped if models
    )
    if hint and any(len(models) > MANY_NAMES for _, models in skipped):
        yield "Use --json FILE for all names."


def _note_lines(report: MetricsReport) -> Iterator[str]:
    benchmarks, options = report.benchmarks, report.options
    few = [b.name for b in benchmarks if len(b.ratings.models) < FEWEST]
    draws = ""
    if len(few) < len(benchmarks):
        draws = f", in brackets 95 % over {ROUNDS:,} draws of the models"
    yield f"intervals of scores at {options.confidence:g} %{draws}"
    if few:
        yield f"no interval over the models of {', '.join(few)}: there are fewer than {FEWEST}"
    if options.agreement == "paper":
        yield "agreement in points of 1, 0 and -1 over all pairs"
    missing = list[tuple[str, str]]()
    for benchmark, measures in zip(benchmarks, report.measures, strict=True):
        for name, measure in measures.items():
            label, reason = WORDS[name]
            label, undefined = label.removesuffix(", %"), measure.undefined_draws
            if math.isnan(measure.value):
                missing.append((benchmark.name, f"{label}: {reason}"))
            elif undefined:
                draws = f"{undefined:,} of {ROUNDS:,} draws of the models do not define it"
                yield f"{benchmark.name}: {label}: {draws}"
    for note, names in grouped(missing).items():
        yield f"n/a for {listed(names, 'benchmarks', FEW_NAMES)}: {note}"
    if any(benchmark.origin.get("resample") == "battle" for benchmark in benchmarks):
        yield DEPENDENT
    centred = [b.name for b in benchmarks if b.origin.get("baseline_copy_score") is not None]
    if centred:
        yield (
            f"style is measured from its mean in {listed(centred, 'benchmarks', FEW_NAMES)}: the "
            "baseline stands where a copy of it would not"
        )
    if options.boards and options.boards.first_game_only:
        yield FIRST_GAME
    if len({benchmark.ratings.models for benchmark in benchmarks}) > 1:
        yield "warning: the benchmarks are measured on different models. Use --common for the same"
