"""TODO."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.base.errors import InputError, one_line, warn
from arena.base.jsonl import write_lines
from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.html import _baseline_score, _range, _within
from arena.leaderboard.output.text import ends_text, subtitle_of, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOT_SUFFIXES = (".png", ".svg")


def check_plot(path: Path) -> None:
    """Raise InputError where a plot cannot be drawn into this file; before the work is done."""
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"{path}: --plot writes {' or '.join(PLOT_SUFFIXES)} files")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError("--plot needs: pip install 'matplotlib>=3.10,<4'") from None


def save_plot(board: Board, path: Path) -> None:
    """Draw scores with their intervals into a PNG or SVG file; the same board gives the same file.

    Needs matplotlib. An infinite rating has no place on the scale: its model is named below.
    """
    check_plot(path)
    save_figure(lambda: _figure(board), path)


def save_figure(make: Callable[[], Figure], path: Path) -> None:
    """Write the figure that is made into a file, whose texts mean what they say.

    Where the usual font lacks characters, others that are installed are tried; one warning tells
    what none of them has.
    """
    image, missing = _drawn(make, path, [USUAL_FONT])
    if missing:
        image, missing = _drawn(make, path, [USUAL_FONT, *_other_fonts()])
    if missing:
        warn(
            f"{path}: no font known here has {len(missing):,} of its characters, such as "
            f"'{missing[0]}'; for Korean, Japanese and Chinese install the package fonts-noto-cjk"
        )
    write_lines(path, [image])


USUAL_FONT = "DejaVu Sans"  # comes with matplotlib


OTHER_FONTS = (
    *("Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans KR", "NanumGothic"),
    *("Source Han Sans KR", "Source Han Sans", "UnDotum", "WenQuanYi Zen Hei", "IPAGothic"),
    *("Apple SD Gothic Neo", "Hiragino Sans", "PingFang SC", "Arial Unicode MS"),
    *("Malgun Gothic", "Yu Gothic", "Microsoft YaHei"),
)


def _drawn(make: Callable[[], Figure], path: Path, fonts: list[str]) -> tuple[bytes, list[str]]:
    """Return an image, and the characters that none of the fonts has."""
    import matplotlib

    kind = path.suffix.lower()[1:]
    image = io.BytesIO()
    settings: Any = {"svg.hashsalt": "", "text.parse_math": False, "font.family": fonts}
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metadata = {"Date": None} if kind == "svg" else {}
        make().savefig(image, format=kind, dpi=150, metadata=metadata)
    missing: dict[str, None] = {}
    for one in caught:
        if glyph := re.match(r"Glyph (\d+) ", str(one.message)):
            missing[chr(int(glyph[1]))] = None
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return image.getvalue(), list(missing)


def _other_fonts() -> list[str]:
    """Return the other fonts that are installed; matplotlib's own list may be older than they."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    listed = {font.fname for font in manager.ttflist}
    wanted = tuple(name.replace(" ", "").removesuffix("KR").lower() for name in OTHER_FONTS)
    for found in sorted(font_manager.findSystemFonts()):
        if found not in listed and Path(found).name.lower().startswith(wanted):
            manager.addfont(found)
    installed = {font.name for font in manager.ttflist}
    return [name for name in OTHER_FONTS if name in installed]


def set_titles(figure: Figure, title: str, subtitle: str) -> None:
    """Set title and subtitle above a figure, in as many lines as its width asks for."""
    room = int(figure.get_figwidth() / CHARACTER)
    lines = [line for text in (title, subtitle) for line in textwrap.wrap(one_line(text), room)]
    figure.suptitle("\n".join(lines), fontsize=9)


CHARACTER = 0.08  # inches that one of a title takes


def _figure(board: Board) -> Figure:
    """Return one line a model, the best on top; the height grows with the number of models."""
    from matplotlib.figure import Figure

    rows = [row for row in board.rows[::-1] if math.isfinite(row.score)]
    longest = max(len(row.model) for row in rows)
    figure = Figure(figsize=(6 + 0.07 * longest, 1.4 + 0.24 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(
        [row.score for row in rows],
        range(len(rows)),
        xerr=list(zip(*(_reach(row, *_range(board)) for row in rows), strict=True)),
        fmt="o",
        markersize=4,
        capsize=2,
        color="#2a6fdb",
        ecolor="#8fb3ea",
    )
    base = _baseline_score(board)
    if base is not None:
        axes.axvline(base, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [row.model for row in rows], fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(axis_label(board))
    set_titles(figure, title_of(board), subtitle_of(board))
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    return figure


def _reach(row: Row, low: float, high: float) -> tuple[float, float]:
    """Return how far an interval reaches to the left and to the right of its score."""
    left, right = (_within(end, low, high, row.score) for end in ends_text(row))
    return max(row.score - left, 0.0), max(right - row.score, 0.0)


def axis_label(board: Board) -> str:
    """Return what the scores of a board are, and which models have none that is finite."""
    rate = f"win rate against {board.baseline}, %" if board.baseline else "mean of win rates, %"
    label = {"elo": "rating", "grade": "mean grade"}.get(board.scale, rate)
    infinite = [row.model for row in board.rows if not math.isfinite(row.score)]
    return f"{label}\nno finite rating: {', '.join(infinite)}" if infinite else label
