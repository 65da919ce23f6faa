"""Prints the leaderboard of a bench: win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --style-control --num-rounds 1000 --resample question
    python show_result.py --by cluster --plot clusters.png
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Without flags bench, judge and baseline are those of config/judge_config.yaml. Where the judge
graded single answers, the board shows their mean grades.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arena.base.errors import OutputError, script, warn
from arena.base.flags import (
    MANY_BATTLES,
    SAVED_BATTLES,
    SAVED_BOOTSTRAP,
    add_method_flags,
    add_selection_flags,
    board_arguments,
    check_outputs,
)
from arena.leaderboard.output import html, plot

if TYPE_CHECKING:
    from arena.leaderboard.board import Method, Scored
    from arena.leaderboard.build import Group, Read, Result
    from arena.leaderboard.clusters import ClusterTable
    from arena.scoring.selection import Selection


# Flags


def parse(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Return the flags of a command line; `description` is the text above their help."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_selection_flags(parser.add_argument_group("what is counted").add_argument)
    add_method_flags(parser)
    _add_output_flags(parser.add_argument_group("what comes out").add_argument)
    args = parser.parse_args(argv)
    outputs = ("json", "markdown", "html", "plot", "style_coefficients")
    check_outputs(args, outputs, ("setting_file", "load_battles", "load_bootstrap"))
    return args


def _add_output_flags(add: Callable[..., object]) -> None:
    add(
        "--show-elo",
        action="store_true",
        help="print ratings, the baseline's being 1000, for win rates (default: False)",
    )
    add(
        "--full-stats",
        action="store_true",
        help="print each model's games by outcome as well (default: False)",
    )
    add(
        "--by",
        choices=("cluster", "category", "subcategory"),
        help="print one score a model and cluster (subcategory: the same, in the v2.0 format) or "
        "category, in place of boards, with intervals by --resample question, expanded for few "
        "questions; the files hold that table, --plot a heat map (default: no)",
    )
    add(
        "--compare",
        nargs=2,
        metavar=("MODEL", "OTHER"),
        help="print the difference of two models with its interval and p-value, on each board but "
        "the overall one (default: none)",
    )
    folder = "leaderboard/, named by bench, judge and mode"
    add("--output", action="store_true", help=f"write a CSV file to {folder} (default: False)")
    for form in ("json", "markdown", "html"):
        add(
            f"--{form}",
            nargs="?",
            type=Path,
            const=True,
            metavar="FILE",
            help=f"write the board as {form.upper()} to FILE, or to {folder}; of several boards "
            "each to a file of its own (default: no)",
        )
    add("--plot", type=Path, metavar="FILE", help="draw it to FILE.png or FILE.svg (default: no)")
    add(
        "--save-battles",
        action="store_true",
        help=f"save the battles even if they are over {MANY_BATTLES:,} (default: False)",
    )


# What is written


def _save(args: argparse.Namespace, selection: Selection, scored: Scored) -> None:
    """Save battles and bootstrap for a later run, as far as they were not loaded."""
    from arena.leaderboard import saved
    from arena.leaderboard.build import bootstrap_settings

    few = scored.battles.counts.battles <= MANY_BATTLES
    if not args.load_battles and (few or args.save_battles):
        with _kept_if_possible():
            path = args.data_dir / SAVED_BATTLES
            saved.save_battles(scored.battles, path)
            saved.save_settings(path, selection.settings())
    if not args.load_bootstrap:
        with _kept_if_possible():
            path = args.data_dir / SAVED_BOOTSTRAP
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
    from arena.leaderboard.compare import compare
    from arena.leaderboard.output import text as report

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
        yield f"method: {board.estimator.name}"
    if scored and scored.style is not None:
        yield f"style coefficients fixed by {args.style_coefficients}"


def _write_files(args: argparse.Namespace, result: Result, *, several: bool) -> Iterator[Path]:
    """Write the files asked for, and yield the path of each when it is there."""
    from arena.leaderboard.build import file_of
    from arena.leaderboard.output import text as report
    from arena.leaderboard.saved import save_style

    board, selection, scored = result.board, result.selection, result.scored
    fixed = scored is not None and scored.style is not None
    today = datetime.date.today()
    texts: dict[str, Callable[[], str]] = {
        "csv": lambda: report.board_csv(board, today),
        "json": lambda: report.board_json(board, selection),
        "md": lambda: report.board_markdown(board),
        "html": lambda: html.board_html(board),
    }
    named = {
        suffix: path and file_of(path, board, several=several)
        for suffix, path in _asked(args).items()
    }
    yield from _write_texts(texts, named, report.file_stem(board, selection, fixed_style=fixed))
    if args.plot:
        path = file_of(args.plot, board, several=several)
        plot.save_plot(board, path)
        yield path
    if args.style_coefficients and scored and not fixed:
        save_style(scored, args.style_coefficients)
        yield args.style_coefficients


def _asked(args: argparse.Namespace) -> dict[str, Path | None]:
    """Return the files asked for by suffix; None has a usual name in leaderboard/."""
    flags = {"csv": args.output, "json": args.json, "md": args.markdown, "html": args.html}
    return {suffix: None if path is True else path for suffix, path in flags.items() if path}


def _write_texts(
    texts: Mapping[str, Callable[[], str]], named: Mapping[str, Path | None], stem: str
) -> Iterator[Path]:
    """Write what is asked for as texts, and yield the path of each when it is there."""
    from arena.base.jsonl import write_lines

    folder = Path("leaderboard")
    for suffix, path in named.items():
        dated = f"arena_hard_leaderboard_{datetime.date.today():%Y%m%d}_" if suffix == "csv" else ""
        path = folder / f"{dated}{stem}.{suffix}" if path is None else path
        write_lines(path, [texts[suffix]().encode("utf-8", "surrogatepass")])
        yield path


MANY_CLUSTERS = 40  # over which a table on a terminal is hard to read


def _scored_clusters(groups: Sequence[Group], by: str, method: Method) -> ClusterTable:
    """Return the scores by cluster; a terminal shows how many are done."""
    from tqdm import tqdm

    from arena.leaderboard.clusters import score_clusters

    total = sum(len(group.clusters) for group in groups)
    with tqdm(total=total, unit="cluster", leave=False, disable=None) as bar:
        return score_clusters(groups, by, method, bar.update)


def _by_cluster(args: argparse.Namespace) -> Iterator[str]:
    """Yield what is printed of the scores by cluster; the files are written then."""
    from arena.leaderboard.build import method_of, read_clusters
    from arena.leaderboard.options import board_options, refuse
    from arena.leaderboard.output import cluster_report as report

    refuse(_of_one_board(args), "this does not go with --by. Leave out one of them.")
    options = board_options(**board_arguments(args), elo=args.show_elo)
    method, groups = method_of(options, by_cluster=True), read_clusters(options, args.by)
    table = _scored_clusters(groups, args.by, method)
    yield from report.table_lines(table)
    yield ""
    yield from report.note_lines(table)
    if len(table.boards) > MANY_CLUSTERS and not args.output:
        yield "--output writes it as CSV, a line a cluster and model; --html as a page"
    texts: dict[str, Callable[[], str]] = {
        "csv": lambda: report.table_csv(table, datetime.date.today()),
        "json": lambda: report.table_json(table),
        "md": lambda: report.table_markdown(table),
        "html": lambda: report.table_html(table),
    }
    stem = report.table_stem(table, [group.selection for group in groups])
    paths = list(_write_texts(texts, _asked(args), stem))
    if args.plot:
        report.save_heat_map(table, args.plot)
        paths.append(args.plot)
    yield from (f"written: {path}" for path in paths)


def _check_outputs(args: argparse.Namespace, read: Sequence[Read]) -> None:
    """Raise InputError for output flags that do not go with what was read."""
    from arena.leaderboard.options import SEVERAL, refuse
    from arena.scoring.battles import Grades

    if len(read) > 1:
        refuse({"--save-battles": args.save_battles}, SEVERAL)
    for _, data in read:
        if isinstance(data, Grades):
            reason = "this has no meaning for grades of single answers. Leave it out."
            refuse(_of_one_board(args), reason)
        elif data.outcomes is None:
            reason = "a battle file has no games. Read the judgments, without --load-battles."
            refuse({"--full-stats": args.full_stats}, reason)


def _of_one_board(args: argparse.Namespace) -> dict[str, object]:
    return {
        "--save-battles": args.save_battles,
        "--full-stats": args.full_stats,
        "--compare": args.compare,
    }


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard; see the flags."""
    args = parse(argv, __doc__)
    from arena.leaderboard.board import why_no_overall
    from arena.leaderboard.build import check_read, read_boards, score_boards
    from arena.leaderboard.options import board_options

    if args.plot:
        plot.check_plot(args.plot)
    if args.by:
        print("\n".join(_by_cluster(args)))
        return 0
    options = board_options(**board_arguments(args), elo=args.show_elo)
    read = read_boards(options)
    check_read(options, read)
    _check_outputs(args, read)
    results = score_boards(read, options)
    several = len(results) > 1
    if not several and results[0].scored:
        _save(args, results[0].selection, results[0].scored)
    differ = len({result.board.estimator.name for result in results}) > 1
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
