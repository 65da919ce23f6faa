"""The report of show_result.py: what it prints of boards or clusters, and the files it writes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arena.base.errors import FailedCheck, InputError, nearest, one_line
from arena.base.jsonl import STDOUT, write_lines
from arena.base.table import listed
from arena.leaderboard import build, saved
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import MANY_CLUSTERS, score_clusters
from arena.leaderboard.compare import compare_all
from arena.leaderboard.options import (
    NOT_BY,
    NOT_OF_GRADES,
    NOT_RANDOM,
    SEVERAL,
    BoardOptions,
    refuse,
)
from arena.leaderboard.output import comparison, html, notes, plot, text
from arena.leaderboard.output.clusters import cluster_page, cluster_plot, cluster_report
from arena.leaderboard.overall import why_no_overall
from arena.scoring.battles import Grades

# The functions that make the files of an item, by suffix, their stem and their plot.
Makers = Mapping[str, Callable[[Any], Any]]
OF_BOARD: Makers = {
    "stem": text.file_stem,
    "csv": text.board_csv,
    "json": lambda board: text.json_text(text.board_dict(board)),
    "md": text.board_markdown,
    "html": html.board_html,
    "plot": plot.board_figure,
}
OF_TABLE: Makers = {
    "stem": cluster_report.table_stem,
    "csv": cluster_report.table_csv,
    "json": lambda table: text.json_text(cluster_report.table_dict(table)),
    "md": cluster_report.table_markdown,
    "html": cluster_page.table_html,
    "plot": cluster_plot.cluster_figure,
}
MANY_BATTLES = 1_000_000  # over which battles are saved only if the user wants it


@dataclass(frozen=True)
class ReportOptions:
    """The additions to a printed board, and its files by suffix: None for the usual name in
    leaderboard/. `save_battles`: even if they are many. `fail_under`: models and lowest scores.
    """

    full_stats: bool = False
    compare: tuple[str, ...] = ()
    files: Mapping[str, Path | None] = field(default_factory=dict)
    plot: Path | None = None
    save_battles: bool = False
    fail_under: tuple[tuple[str, float], ...] = ()

    def of_one_board(self) -> dict[str, object]:
        """Return the flags that only a board of battles can have."""
        return {
            "--save-battles": self.save_battles,
            "--full-stats": self.full_stats,
            "--compare": self.compare,
        }

    def check(self, read: Sequence[build.Read]) -> None:
        """Raise InputError for what boards of such battles or grades cannot have."""
        if len(read) > 1:
            refuse({"--save-battles": self.save_battles}, SEVERAL)
        for _, data in read:
            if isinstance(data, Grades):
                refuse(self.of_one_board(), NOT_OF_GRADES)
            elif data.outcomes is None:
                reason = "a battle file has no games. Leave out --load-battles."
                refuse({"--full-stats": self.full_stats}, reason)

    def check_stdout(self) -> None:
        """Raise InputError for a form of which several in one file make no file."""
        forms = {f"--{form} -": self.files.get(form) == STDOUT for form in ("csv", "html")}
        refuse(forms, SEVERAL)

    def of_board(self, board: Board) -> ReportOptions:
        """Return the options of one of several boards: each has files of its own."""
        files = {
            form: path and text.file_of(path, board)
            for form, path in self.files.items()
            if (form, path) != ("json", STDOUT)  # which is written for all boards together
        }
        return replace(self, files=files, plot=self.plot and text.file_of(self.plot, board))


def report_boards(options: BoardOptions, report: ReportOptions) -> Iterator[str]:
    """Yield the text of all boards, then a line for each file when it is written. At the end raises
    FailedCheck for a score that is lower than `fail_under` allows.
    """
    if report.plot:
        plot.check_plot(report.plot)
    if options.judge_effects == "random":
        refuse({"--compare": report.compare}, NOT_RANDOM)
    read = build.read_boards(options)
    build.check_read(options, read)
    report.check(read)
    boards = build.score_boards(read, options)
    if models := report.compare:
        boards = [
            replace(board, comparisons=compare_all(board.scored, models)) if board.scored else board
            for board in boards
        ]
    several, failures = len(boards) > 1, _failures(boards, report.fail_under)
    if several:
        report.check_stdout()
    if not several and (scored := boards[0].scored):
        few = scored.battles.counts.battles <= MANY_BATTLES
        battles = not options.battle_file and (few or report.save_battles)
        bootstrap = not options.bootstrap_file
        saved.save_run(scored, options.bench.data_dir, battles=battles, bootstrap=bootstrap)
    blocks = ["\n".join(_lines(board, boards, options, report)) for board in boards]
    if several and not boards[-1].weights:
        blocks.append(f"no overall board: {why_no_overall(boards)}")
    yield "\n\n".join(blocks)
    for board in boards:
        if board.rows:
            yield from written(board, OF_BOARD, report.of_board(board) if several else report)
            if options.style_file and board.scored and not board.scored.style:
                saved.save_style(board.scored, options.style_file)
                yield f"written: {options.style_file}"
    if several and report.files.get("json") == STDOUT:
        together = text.json_text([text.board_dict(board) for board in boards if board.rows])
        write_lines(STDOUT, [together.encode("utf-8", "surrogatepass")])
    if failures:
        raise FailedCheck(f"--fail-under: {', '.join(failures)}")


def _failures(boards: Sequence[Board], floors: Sequence[tuple[str, float]]) -> list[str]:
    """Return a few words on each score below its floor: that of the overall board, or of the only
    one. Raises InputError if there is neither, and for a model that is not on it.
    """
    board = boards[-1]
    if len(boards) > 1 and not board.weights:
        refuse({"--fail-under": floors}, SEVERAL)
    failures = []
    for model, floor in floors:
        if (row := board.row(model)) is None:
            names = sorted(row.model for row in board.rows)
            hint = nearest(model, names) or f". It has {listed(names)}."
            raise InputError(f"--fail-under: no model '{model}' on the board{hint}")
        # As written, so that a score that reads 50.00 is not below 50.
        if not round(row.score, 2) >= floor:
            failures.append(f"{model} has {row.score:.2f}, less than {floor:g}")
    return failures


def _lines(
    board: Board, boards: Sequence[Board], options: BoardOptions, report: ReportOptions
) -> Iterator[str]:
    """Yield the lines of one of the boards, with its heading and its method if they are needed."""
    scored = board.scored
    if len(boards) > 1:
        of = "" if board.weights else "Category: "
        yield f"##### {of}{one_line(board.name) or '(none)'} #####"
    yield from text.board_lines(board) if board.rows else ["no model is on every board"]
    if report.full_stats and scored:
        yield ""
        yield from text.stats_lines(board)
    if board.comparisons:
        yield ""
        yield from comparison.comparison_lines(board.comparisons)
    yield ""
    yield from notes.summary_lines(board)
    if len({other.estimator.name for other in boards}) > 1:
        yield f"method: {board.estimator.name}"
    if scored and scored.style:
        yield f"style coefficients fixed by {options.style_file}"


def report_clusters(options: BoardOptions, by: str, report: ReportOptions) -> Iterator[str]:
    """Yield the text of the scores by cluster, then a line for each file when it is written."""
    from tqdm import tqdm

    if report.plot:
        plot.check_plot(report.plot)
    refuse({**report.of_one_board(), "--fail-under": report.fail_under}, NOT_BY)
    groups = build.read_clusters(options, by)
    method = build.method_of(options).centered(group.data for group in groups)
    total = sum(len(group.clusters) for group in groups)
    with tqdm(total=total, unit="cluster", leave=False, disable=None) as bar:
        table = score_clusters(groups, by, method, bar.update)
    yield from cluster_report.table_lines(table)
    yield ""
    yield from cluster_report.note_lines(table)
    if len(table.boards) > MANY_CLUSTERS and "csv" not in report.files:
        yield "--output writes it as CSV, a line a cluster and model. --html writes a page."
    yield from written(table, OF_TABLE, report)


def written(item: Any, makers: Makers, report: ReportOptions) -> Iterator[str]:
    """Write the files of a board or table, and yield a line for each when it is there."""
    for suffix, path in report.files.items():
        dated = f"arena_hard_leaderboard_{datetime.date.today():%Y%m%d}_" if suffix == "csv" else ""
        path = path or Path("leaderboard", f"{dated}{makers['stem'](item)}.{suffix}")
        write_lines(path, [makers[suffix](item).encode("utf-8", "surrogatepass")])
        yield f"written: {path}"
    if report.plot:
        plot.save_figure(lambda: makers["plot"](item), report.plot)
        yield f"written: {report.plot}"
