"""TODO."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from arena.base.errors import one_line
from arena.base.flags import board_arguments
from arena.leaderboard.board import Board
from arena.leaderboard.build import Result
from arena.quality.measures import OverModels
from arena.quality.ratings import Benchmark, Ratings

LABELS = {
    "separability": "separability, %",
    "agreement": "agreement, %",
    "brier": "pair rank Brier score",
    "log_loss": "pair log loss",
    "spearman": "Spearman correlation",
    "kendall": "Kendall correlation",
}


UNDEFINED = {
    "separability": "there is no pair of models",
    "agreement": "the reference separates no pair of these models",
    "brier": "the reference rates all of these models alike",
    "log_loss": "the reference rates all of these models alike",
    "spearman": "all scores or all ratings are equal",
    "kendall": "all scores or all ratings are equal",
}


def benchmarks(args: argparse.Namespace) -> tuple[list[Benchmark], list[Path]]:
    """Return the boards of the bench, then what the files of bootstrap results hold; and the files
    that the bootstrap of the boards was written to.
    """
    from arena.leaderboard.build import build_boards
    from arena.leaderboard.options import board_options
    from arena.quality.rating_files import read_bootstrap
    from arena.quality.ratings import Benchmark

    files = [(path, read_bootstrap(path, args.confidence / 100)) for path in args.bootstrap]
    results = []
    if args.bench_name or not files:
        results = build_boards(board_options(**board_arguments(args)))
    several = len(results) > 1
    boards = [result for result in results if result.board.rows]
    found = [_of_board(args, result, several) for result in boards]
    taken = [benchmark.name for benchmark in found] + [path.stem for path, _ in files]
    for path, ratings in files:
        name = path.stem if taken.count(path.stem) == 1 else str(path)
        found.append(Benchmark(name, ratings, made={"file": str(path)}))
    found = [replace(one, ratings=one.ratings.of(sorted(one.ratings.models))) for one in found]
    return found, [_saved(args, result.board, several) for result in boards if args.save_bootstrap]


def _saved(args: argparse.Namespace, board: Board, several: bool) -> Path:
    """Write a board's bootstrap to a file; return its path."""
    from arena.leaderboard.build import file_of
    from arena.quality.rating_files import save_bootstrap
    from arena.quality.ratings import LEVEL, of_samples

    path = file_of(args.save_bootstrap, board, several=several)
    save_bootstrap(path, of_samples(*_sampled(board), LEVEL), board.samples)
    return path


def _sampled(board: Board) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the models of a board, their scores (M,) and the rounds' (rounds, M)."""
    import numpy as np

    models = [row.model for row in board.rows]
    scores = np.array([row.score for row in board.rows])
    return models, scores, np.array([board.samples[model] for model in models]).T


def _of_board(args: argparse.Namespace, result: Result, several: bool) -> Benchmark:
    """Return a board as a benchmark, its intervals at the level asked for."""
    from arena.quality.ratings import Benchmark, of_samples

    board = result.board
    models, scores, rounds = _sampled(board)
    found = of_samples(models, scores, rounds, args.confidence / 100)
    unplaced = {m: "no round places it" for m in models if m not in found.models}
    name = f"{board.bench}: {board.name or '(none)'}" if several else board.bench
    return Benchmark(name, found, {**board.counts.models_left_out, **unplaced}, _made(result))


def _made(result: Result) -> dict[str, object]:
    """Return what made the scores of a board."""
    board, method = result.board, result.board.method
    return {
        "judges": list(board.judges),
        "baselines": list(result.selection.baselines) if board.scale != "grade" else [],
        "method": board.estimator.name,
        "mode": board.mode,
        "resample": method.resample,
        "rounds": method.rounds,
        "seed": method.seed,
    }


def _paired(
    args: argparse.Namespace, benchmarks: Sequence[Benchmark], reference: Ratings
) -> list[Benchmark]:
    """Return the benchmarks with the models that the reference has, named as there."""
    from arena.quality.rating_files import read_names
    from arena.quality.ratings import check_common, renamed

    if args.map:
        benchmarks = renamed(benchmarks, read_names(args.map), reference, args.map)
    for benchmark in benchmarks:
        check_common(benchmark, reference, args.reference)
    return [one.only(reference.models, f"not in {args.reference}") for one in benchmarks]


def measures(
    args: argparse.Namespace, benchmark: Benchmark, reference: Ratings | None
) -> dict[str, OverModels]:
    """Return the measures of a benchmark by name."""
    from arena.quality.measures import estimate, statistics

    ratings = benchmark.ratings
    theirs = reference.of(ratings.models) if reference else None
    found = statistics(ratings, theirs, args.agreement)
    return {name: estimate(one, len(ratings.models), args.seed) for name, one in found.items()}


def lines(
    args: argparse.Namespace,
    benchmarks: Sequence[Benchmark],
    measures: Sequence[Mapping[str, OverModels]],
    reference: Ratings | None,
) -> Iterator[str]:
    """Yield a table of measures by benchmark, and what it rests on."""
    from arena.base.table import aligned
    from arena.quality.measures import estimate_text

    rows = [["", *(benchmark.name for benchmark in benchmarks)]]
    rows.append(["models", *(str(len(benchmark.ratings.models)) for benchmark in benchmarks)])
    for name in measures[0]:
        decimals = 1 if "%" in LABELS[name] else 3
        rows.append([LABELS[name], *(estimate_text(found[name], decimals) for found in measures)])
    yield from aligned(rows)
    yield ""
    yield from (one_line(line, 2000) for line in _notes(args, benchmarks, measures))
    yield from _left_out(args, benchmarks, reference)


def _notes(
    args: argparse.Namespace,
    benchmarks: Sequence[Benchmark],
    measures: Sequence[Mapping[str, OverModels]],
) -> Iterator[str]:
    """Yield what the measures rest on, and what to make of them."""
    from arena.leaderboard.output.text import DEPENDENT
    from arena.quality.measures import FEWEST, ROUNDS

    few = [one.name for one in benchmarks if len(one.ratings.models) < FEWEST]
    scores = f"intervals of scores at {args.confidence:g} %"
    drawn = f"; in brackets 95 % over {ROUNDS:,} draws of the models"
    yield scores + (drawn if len(few) < len(benchmarks) else "")
    if few:
        yield f"no interval over the models of {', '.join(few)}: there are fewer than {FEWEST}"
    if args.agreement == "paper":
        yield "agreement in points of 1, 0 and -1 over all pairs"
    for benchmark, found in zip(benchmarks, measures, strict=True):
        yield from _undefined(benchmark, found)
    if any(benchmark.made.get("resample") == "battle" for benchmark in benchmarks):
        yield DEPENDENT
    if len({benchmark.ratings.models for benchmark in benchmarks}) > 1:
        yield "warning: the benchmarks are measured on different models; --common takes the same"


def _undefined(benchmark: Benchmark, measures: Mapping[str, OverModels]) -> Iterator[str]:
    """Yield why measures are not defined, and how many draws do not define the others."""
    from arena.quality.measures import ROUNDS

    for name, found in measures.items():
        label = LABELS[name].removesuffix(", %")
        if math.isnan(found.value):
            yield f"n/a for {benchmark.name}: {label}: {UNDEFINED[name]}"
        elif found.undefined_draws:
            draws = f"{found.undefined_draws:,} of {ROUNDS:,} draws of the models do not define it"
            yield f"{benchmark.name}: {label}: {draws}"


def _left_out(
    args: argparse.Namespace, benchmarks: Sequence[Benchmark], reference: Ratings | None
) -> Iterator[str]:
    """Yield which models are not measured and why; benchmarks that lack the same share a line."""
    from arena.base.table import MANY_NAMES, listed

    lists: dict[tuple[str, ...], list[str]] = {}
    longest = 0
    for benchmark in benchmarks:
        for why in sorted(set(benchmark.left_out.values())):
            models = sorted(m for m, reason in benchmark.left_out.items() if reason == why)
            longest = max(longest, len(models))
            yield f"left out of {one_line(benchmark.name)}, {one_line(why)}: {listed(models)}"
        lists.setdefault(tuple(_lost(benchmark, reference)), []).append(one_line(benchmark.name))
    for lost, names in lists.items():
        if lost:
            yield f"left out of {args.reference}, not in {', '.join(names)}: {listed(lost)}"
    if max(longest, *map(len, lists)) > MANY_NAMES and not args.json:
        yield "--json FILE holds all names"


def _lost(benchmark: Benchmark, reference: Ratings | None) -> list[str]:
    """Return the models that only the reference has, and did not lose on the way here."""
    known = {*benchmark.ratings.models, *benchmark.left_out}
    return sorted(set(reference.models) - known) if reference else []


def as_json(
    args: argparse.Namespace,
    benchmarks: Sequence[Benchmark],
    measures: Sequence[Mapping[str, OverModels]],
    reference: Ratings | None,
) -> bytes:
    """Return all of it as JSON; what is not defined is null."""
    found = [
        {
            "name": benchmark.name,
            **benchmark.made,
            "models": benchmark.ratings.models,
            "left_out": dict(benchmark.left_out),
            "only_in_reference": _lost(benchmark, reference),
            "metrics": {
                name: {k: None if math.isnan(v) else v for k, v in asdict(one).items()}
                for name, one in estimates.items()
            },
        }
        for benchmark, estimates in zip(benchmarks, measures, strict=True)
    ]
    data = {
        "reference": str(args.reference) if args.reference else None,
        "confidence": args.confidence,
        "agreement": args.agreement,
        "seed": args.seed,
        "benchmarks": found,
    }
    text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    return text.encode("utf-8", "surrogatepass")
