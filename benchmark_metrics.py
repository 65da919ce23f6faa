"""Measures how well a benchmark separates models, and how well it agrees with reference ratings.

    python benchmark_metrics.py
    python benchmark_metrics.py --reference arena.csv --map names.yaml --resample question
    python benchmark_metrics.py --bootstrap ours.jsonl --bootstrap theirs.jsonl

The reference is CSV or JSON lines with the columns model, rating (or score), and lower and upper
(or rating_q025 and rating_q975; or variance; or a 95% CI as +3/-4). Models
without a partner are named and left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from arena.base.errors import InputError, one_line, script  # noqa: E402
from arena.base.flags import add_method_flags, add_selection_flags, check_outputs  # noqa: E402

if TYPE_CHECKING:
    import numpy as np

    from arena.leaderboard.board import Board
    from arena.leaderboard.plan import Result
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
OWN_FLAGS = ("reference", "map", "agreement", "confidence", "common", "bootstrap", "json", "seed")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags; InputError for flags of a bench where none is read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_flags(parser.add_argument_group("what is measured").add_argument)
    add_selection_flags(parser.add_argument_group("the bench").add_argument)
    add_method_flags(parser)
    parser.set_defaults(show_elo=False, full_stats=False, compare=None, save_battles=False, by=None)
    args, usual = parser.parse_args(argv), vars(parser.parse_args([]))
    changed = [name for name, value in vars(args).items() if value != usual[name]]
    of_bench = [name for name in changed if name not in OWN_FLAGS]
    if args.bootstrap and of_bench and not args.bench_name:
        flag = of_bench[0].replace("_", "-")
        raise InputError(f"--{flag}: beside --bootstrap a bench is read only with --bench-name")
    if len(args.reference) > 1:
        raise InputError(f"--reference: one file, not {len(args.reference)}")
    args.reference = args.reference[0] if args.reference else None
    check_outputs(
        args,
        ("json", "save_bootstrap"),
        ("reference", "map", "bootstrap", "setting_file", "style_coefficients", "load_bootstrap"),
    )
    if not args.reference and {"map", "agreement"} & set(changed):
        raise InputError("--map and --agreement need a --reference")
    if args.style_coefficients and not args.style_coefficients.exists():
        raise InputError(f"{args.style_coefficients}: no such file; show_result.py writes it")
    return args


def _add_flags(add: Any) -> None:
    add(
        "--reference",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CSV or JSON lines of reference ratings with 95%% intervals (default: none; only "
        "separability is measured)",
    )
    add(
        "--map",
        type=Path,
        metavar="FILE",
        help="JSON or YAML file that maps names of models to the reference's (default: all alike)",
    )
    add(
        "--agreement",
        choices=("notebook", "paper"),
        default="notebook",
        help="points for a pair that the benchmark separates rightly, not at all, wrongly: "
        "notebook: 1, 1/2, 0, over the pairs that the reference separates; paper: 1, 0, -1, over "
        "all pairs, 0 where the reference does not separate them (default: %(default)s)",
    )
    add(
        "--confidence",
        type=_percentage,
        default=95.0,
        metavar="PERCENT",
        help="level of the intervals of scores and ratings (default: %(default)g)",
    )
    add(
        "--bootstrap",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="measure these bootstrap results, one JSON line a model, in place of a bench, or "
        "beside --bench-name; repeatable (default: none)",
    )
    add(
        "--common",
        action="store_true",
        help="measure only models that all benchmarks have (default: False)",
    )
    add(
        "--save-bootstrap",
        type=Path,
        metavar="FILE",
        help="write the bench's scores and rounds in the form that --bootstrap reads; of several "
        "boards each to a file of its own (default: no)",
    )
    add("--json", type=Path, metavar="FILE", help="write it as JSON (default: no)")


def _percentage(text: str) -> float:
    """Return a flag's number between 0 and 100; argparse reports what is wrong."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 100:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 100, got '{text}'")
    return number


# What is measured


def _benchmarks(args: argparse.Namespace) -> tuple[list[Benchmark], list[Path]]:
    """Return the boards of the bench, then what the files of bootstrap results hold; and the files
    that the bootstrap of the boards was written to.
    """
    from arena.leaderboard.build import results_of
    from arena.quality.rating_files import read_bootstrap
    from arena.quality.ratings import Benchmark

    files = [(path, read_bootstrap(path, args.confidence / 100)) for path in args.bootstrap]
    results = results_of(args) if args.bench_name or not files else []
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
        "method": method.name,
        "mode": method.mode,
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


def _measures(
    args: argparse.Namespace, benchmark: Benchmark, reference: Ratings | None
) -> dict[str, OverModels]:
    """Return the measures of a benchmark by name."""
    from arena.quality.measures import estimate, statistics

    ratings = benchmark.ratings
    theirs = reference.of(ratings.models) if reference else None
    found = statistics(ratings, theirs, args.agreement)
    return {name: estimate(one, len(ratings.models), args.seed) for name, one in found.items()}


# What comes out


def _lines(
    args: argparse.Namespace,
    benchmarks: Sequence[Benchmark],
    measures: Sequence[Mapping[str, OverModels]],
    reference: Ratings | None,
) -> Iterator[str]:
    """Yield a table of measures by benchmark, and what it rests on."""
    from arena.base.table import aligned, estimate_text

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
    from arena.leaderboard.text import DEPENDENT
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


def _as_json(
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


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the measures; see the flags."""
    args = parse(argv)
    from arena.base.jsonl import write_lines
    from arena.quality.rating_files import read_reference

    reference = read_reference(args.reference, args.confidence / 100) if args.reference else None
    benchmarks, written = _benchmarks(args)
    if reference:
        benchmarks = _paired(args, benchmarks, reference)
    if args.common:
        common = set.intersection(*(set(one.ratings.models) for one in benchmarks))
        if len(common) < 2:
            raise InputError("--common: the benchmarks have fewer than 2 models in common")
        benchmarks = [one.only(common, "not in all benchmarks") for one in benchmarks]
    measures = [_measures(args, benchmark, reference) for benchmark in benchmarks]
    print("\n".join(_lines(args, benchmarks, measures, reference)))
    if args.json:
        write_lines(args.json, [_as_json(args, benchmarks, measures, reference)])
        written.append(args.json)
    for path in written:
        print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
