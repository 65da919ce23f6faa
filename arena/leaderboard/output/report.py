"""The report of show_result.py: what it prints of boards or clusters, and the files it writes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from arena.base.flags import MANY_BATTLES
from arena.base.jsonl import write_lines
from arena.leaderboard import saved
from arena.leaderboard.board import why_no_overall
from arena.leaderboard.build import (
    Read,
    Result,
    check_read,
    file_of,
    method_of,
    read_boards,
    read_clusters,
    score_boards,
)
from arena.leaderboard.clusters import score_clusters
from arena.leaderboard.compare import compare
from arena.leaderboard.options import NOT_BY, NOT_OF_GRADES, SEVERAL, BoardOptions, refuse
from arena.leaderboard.output import cluster_report, html, plot, text
from arena.scoring.battles import Grades


@dataclass(frozen=True)
class ReportOptions:
    """What is printed and written beside the scores.

    `files`: the files by suffix, None for the usual name in leaderboard/. `save_battles`: save
    them even if they are many.
    """

    full_stats: bool = False
    compare: tuple[str, str] | None = None
    files: Mapping[str, Path | None] = field(default_factory=dict)
    plot: Path | None = None
    save_battles: bool = False

    def of_one_board(self) -> dict[str, object]:
        """Return the flags that only a board of battles can have."""
        return {
            "--save-battles": self.save_battles,
            "--full-stats": self.full_stats,
            "--compare": self.compare,
        }


def report_boards(options: BoardOptions, report: ReportOptions) -> Iterator[str]:
    """Yield the text of all boards, then a line for each file when it is written."""
    if report.plot:
        plot.check_plot(report.plot)
    read = read_boards(options)
    check_read(options, read)
    _check_report(report, read)
    results = score_boards(read, options)
    several = len(results) > 1
    if not several and (scored := results[0].scored):
        few = scored.battles.counts.battles <= MANY_BATTLES
        saved.save_run(
            scored,
            results[0].selection,
            options.bench.data_dir,
            battles=not options.battle_file and (few or report.save_battles),
            bootstrap=not options.bootstrap_file,
        )
    differ = len({result.board.estimator.name for result in results}) > 1
    blocks = [
        "\n".join(_lines(options, report, result, headed=several, method=differ))
        for result in results
    ]
    if several and not results[-1].board.weights:
        blocks.append(f"no overall board: {why_no_overall([r.board for r in results])}")
    yield "\n\n".join(blocks)
    for result in results:
        if result.board.rows:
            for path in _write_files(options, report, result, several=several):
                yield f"written: {path}"


def _check_report(report: ReportOptions, read: Sequence[Read]) -> None:
    """Raise InputError for options that do not go with what was read."""
    if len(read) > 1:
        refuse({"--save-battles": report.save_battles}, SEVERAL)
    for _, data in read:
        if isinstance(data, Grades):
            refuse(report.of_one_board(), NOT_OF_GRADES)
        elif data.outcomes is None:
            reason = "a battle file has no games. Leave out --load-battles."
            refuse({"--full-stats": report.full_stats}, reason)


def _lines(
    options: BoardOptions, report: ReportOptions, result: Result, *, headed: bool, method: bool
) -> Iterator[str]:
    """Yield what is printed of a board, with its heading and its method if asked."""
    board, scored = result.board, result.scored
    if headed:
        yield text.heading(board)
    yield from text.board_lines(board) if board.rows else ["no model is on every board"]
    if report.full_stats and scored:
        yield ""
        yield from text.stats_lines(board)
    if report.compare and scored:
        yield ""
        yield from text.comparison_lines(compare(scored, *report.compare))
    yield ""
    yield from text.summary_lines(board)
    if method:
        yield f"method: {board.estimator.name}"
    if scored and scored.style is not None:
        yield f"style coefficients fixed by {options.style_file}"


def _write_files(
    options: BoardOptions, report: ReportOptions, result: Result, *, several: bool
) -> Iterator[Path]:
    """Write the files of a board, and yield the path of each when it is there."""
    board, selection, scored = result.board, result.selection, result.scored
    fixed = scored is not None and scored.style is not None
    today = datetime.date.today()
    texts: dict[str, Callable[[], str]] = {
        "csv": lambda: text.board_csv(board, today),
        "json": lambda: text.json_text(text.board_dict(board, selection)),
        "md": lambda: text.board_markdown(board),
        "html": lambda: html.board_html(board),
    }
    files = {
        suffix: path and file_of(path, board, several=several)
        for suffix, path in report.files.items()
    }
    yield from _write_texts(texts, files, text.file_stem(board, selection, fixed_style=fixed))
    if report.plot:
        path = file_of(report.plot, board, several=several)
        plot.save_figure(lambda: plot.board_figure(board), path)
        yield path
    if options.style_file and scored and not fixed:
        saved.save_style(scored, options.style_file)
        yield options.style_file


def _write_texts(
    texts: Mapping[str, Callable[[], str]], files: Mapping[str, Path | None], stem: str
) -> Iterator[Path]:
    """Write texts to the files of their suffixes, and yield the path of each when it is there."""
    for suffix, path in files.items():
        dated = f"arena_hard_leaderboard_{datetime.date.today():%Y%m%d}_" if suffix == "csv" else ""
        path = path or Path("leaderboard", f"{dated}{stem}.{suffix}")
        write_lines(path, [texts[suffix]().encode("utf-8", "surrogatepass")])
        yield path


MANY_CLUSTERS = 40  # over which a table on a terminal is hard to read


def report_clusters(options: BoardOptions, by: str, report: ReportOptions) -> Iterator[str]:
    """Yield the text of the scores by cluster, then a line for each file when it is written.

    A terminal shows how many clusters are done.
    """
    if report.plot:
        plot.check_plot(report.plot)
    refuse(report.of_one_board(), NOT_BY)
    groups = read_clusters(options, by)
    total = sum(len(group.clusters) for group in groups)
    with tqdm(total=total, unit="cluster", leave=False, disable=None) as bar:
        table = score_clusters(groups, by, method_of(options, by_cluster=True), bar.update)
    yield from cluster_report.table_lines(table)
    yield ""
    yield from cluster_report.note_lines(table)
    if len(table.boards) > MANY_CLUSTERS and "csv" not in report.files:
        yield "--output writes it as CSV, a line a cluster and model; --html as a page"
    today = datetime.date.today()
    texts: dict[str, Callable[[], str]] = {
        "csv": lambda: cluster_report.table_csv(table, today),
        "json": lambda: text.json_text(cluster_report.table_dict(table)),
        "md": lambda: cluster_report.table_markdown(table),
        "html": lambda: cluster_report.table_html(table),
    }
    stem = cluster_report.table_stem(table, [group.selection for group in groups])
    for path in _write_texts(texts, report.files, stem):
        yield f"written: {path}"
    if report.plot:
        plot.save_figure(lambda: cluster_report.heat_map(table), report.plot)
        yield f"written: {report.plot}"
