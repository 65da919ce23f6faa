"""Prints the leaderboard of a bench: win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --style-control --num-rounds 1000 --resample question
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Without flags bench, judge and baseline are those of config/judge_config.yaml. Where the judge
graded single answers, the board shows their mean grades.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from result_flags import MANY_BATTLES, parse  # noqa: E402
from settings import OutputError, script, warn  # noqa: E402

if TYPE_CHECKING:
    from battles import Selection
    from boards import Result
    from leaderboard import Scored


# What is written


def _save(args: argparse.Namespace, selection: Selection, scored: Scored) -> None:
    """Save battles and bootstrap for a later run, as far as they were not loaded."""
    import saved
    from boards import bootstrap_settings

    few = scored.battles.counts.battles <= MANY_BATTLES
    if not args.load_battles and (few or args.save_battles):
        with _kept_if_possible():
            path = args.data_dir / "arena_hard_battles.jsonl"
            saved.save_battles(scored.battles, path)
            saved.save_settings(path, selection.settings())
    if not args.load_bootstrap:
        with _kept_if_possible():
            path = args.data_dir / "bootstrapping_results.jsonl"
            saved.save_bootstrap(scored, path)
            made = bootstrap_settings(selection, scored.method, scored.battles, scored.style)
            saved.save_settings(path, made)


@contextlib.contextmanager
def _kept_if_possible() -> Iterator[None]:
    """Warn where a result cannot be saved for a later run: the board is printed all the same."""
    try:
        yield
    except OutputError as error:
        warn(f"{error}; nothing is saved for --load-battles or --load-bootstrap")


def _lines(
    args: argparse.Namespace, result: Result, *, headed: bool, method: bool
) -> Iterator[str]:
    """Yield what is printed of a board, with its heading and its method as told."""
    import report
    from leaderboard import compare

    board, scored = result.board, result.scored
    if headed:
        yield report.heading(board)
    yield from report.board_lines(board) if board.rows else ["no model is on every board"]
    if args.full_stats and scored:
        yield ""
        yield from report.stats_lines(board)
    if args.compare and scored:
        yield ""
        yield from report.comparison_lines(compare(scored, *args.compare))
    yield ""
    yield from report.summary_lines(board)
    if method:
        yield f"method: {board.method.name}"
    if scored and scored.style is not None:
        yield f"style coefficients fixed by {args.style_coefficients}"


def _write_files(args: argparse.Namespace, result: Result, *, several: bool) -> Iterator[Path]:
    """Write the files asked for, and yield the path of each when it is there."""
    import report
    from boards import file_of
    from jsonl import write_lines
    from saved import save_style

    board, selection, scored = result.board, result.selection, result.scored
    fixed = scored is not None and scored.style is not None
    today, folder = datetime.date.today(), Path("leaderboard")
    stem = report.file_stem(board, selection, fixed_style=fixed)
    csv_file = folder / f"arena_hard_leaderboard_{today:%Y%m%d}_{stem}.csv"
    wanted: list[tuple[Path | None, Callable[[], str]]] = [
        (Path() if args.output else None, lambda: report.board_csv(board, today)),
        (args.json, lambda: report.board_json(board, selection)),
        (args.markdown, lambda: report.board_markdown(board)),
        (args.html, lambda: report.board_html(board)),
    ]
    usual = (csv_file, *(folder / f"{stem}.{suffix}" for suffix in ("json", "md", "html")))
    for default, (path, text) in zip(usual, wanted, strict=True):
        if path is not None:
            path = default if path == Path() else file_of(path, board, several=several)
            write_lines(path, [text().encode("utf-8", "surrogatepass")])
            yield path
    if args.plot:
        path = file_of(args.plot, board, several=several)
        report.save_plot(board, path)
        yield path
    if args.style_coefficients and scored and not fixed:
        save_style(scored, board.method, args.style_coefficients)
        yield args.style_coefficients


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard; see the flags."""
    args = parse(argv, __doc__)
    import report
    from boards import results_of
    from leaderboard import why_no_overall

    if args.plot:
        report.check_plot(args.plot)
    results = results_of(args)
    several = len(results) > 1
    if not several and results[0].scored:
        _save(args, results[0].selection, results[0].scored)
    differ = len({result.board.method.name for result in results}) > 1
    blocks = ["\n".join(_lines(args, result, headed=several, method=differ)) for result in results]
    if several and not results[-1].board.weights:
        blocks.append(f"no overall board: {why_no_overall([r.board for r in results])}")
    print("\n\n".join(blocks))
    for result in results:
        if result.board.rows:
            for path in _write_files(args, result, several=several):
                print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
