"""The report of show_result.py --head-to-head: what it prints, and the files it writes."""

from __future__ import annotations

from collections.abc import Iterator

from arena.base.errors import InputError
from arena.leaderboard import build
from arena.leaderboard.board import Board, UnconnectedError
from arena.leaderboard.head_to_head import output
from arena.leaderboard.head_to_head.matrix import matrix_of
from arena.leaderboard.options import NOT_OF_GRADES, SEVERAL, BoardOptions, refuse
from arena.leaderboard.output import plot, text
from arena.leaderboard.output.report import Makers, ReportOptions, written
from arena.scoring.battles import Grades

OF_MATRIX: Makers = {
    "stem": output.matrix_stem,
    "csv": output.matrix_csv,
    "json": lambda matrix: text.json_text(output.matrix_dict(matrix)),
    "md": output.matrix_markdown,
    "html": output.matrix_html,
    "plot": output.matrix_figure,
}
EXCLUDED = "this does not go with --head-to-head. Leave out one of them."


def report_head_to_head(options: BoardOptions, report: ReportOptions) -> Iterator[str]:
    """Yield the text of the win rates of all pairs of models, then a line for each file when it is
    written. Raises InputError for grades, several boards, and what only scores have.
    """
    if report.plot:
        plot.check_plot(report.plot)
    of_scores = {"style control": options.control, "--show-elo": options.elo}
    refuse({**of_scores, **report.of_one_board(), "--fail-under": report.fail_under}, EXCLUDED)
    read = build.read_boards(options)
    build.check_read(options, read)
    (selection, data), *others = read
    if others:
        raise InputError(f"--head-to-head: {SEVERAL}")
    if isinstance(data, Grades):
        raise InputError(f"--head-to-head: {NOT_OF_GRADES}")
    try:
        (board,) = build.score_boards(read, options)
    except UnconnectedError:  # then nothing orders the models, but each pair has its win rate
        board = Board.empty(data, selection, build.method_of(options).centered([data]))
    matrix = matrix_of(board, data)
    yield from output.matrix_lines(matrix)
    yield ""
    yield from output.note_lines(matrix)
    yield from written(matrix, OF_MATRIX, report)
