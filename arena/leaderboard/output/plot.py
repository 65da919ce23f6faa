"""Boards as PNG and SVG plots."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.base.errors import InputError, one_line, warn
from arena.base.jsonl import write_lines
from arena.base.output import shown_width
from arena.leaderboard.board import Board, Row
from arena.leaderboard.output.caption import opponent, titles
from arena.leaderboard.output.html import COLOURS, axis_marks, heat
from arena.leaderboard.output.text import SPANS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def check_plot(path: Path) -> None:
    """Raise InputError if no plot can be drawn into this file, before the work is done."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"{path}: --plot writes .png or .svg files")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError("--plot needs: pip install 'matplotlib>=3.10,<4'") from None


def save_figure(make: Callable[[], Figure], path: Path) -> None:
    """Write a new figure to a PNG or SVG file, the same bytes for the same board. Warns of
    characters that no installed font has.
    """
    import matplotlib

    image, kind = io.BytesIO(), path.suffix.lower()[1:]
    settings: Any = {"svg.hashsalt": "", "text.parse_math": False, "font.family": _fonts()}
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="Glyph")
        metadata = {"Date": None} if kind == "svg" else {}
        # matplotlib chooses fonts when it makes a text, so the figure is made under the settings.
        make().savefig(image, format=kind, dpi=150, metadata=metadata)
    glyphs = re.findall(r"Glyph (\d+) ", "\n".join(str(warning.message) for warning in caught))
    missing = [chr(int(glyph)) for glyph in dict.fromkeys(glyphs)]
    if missing:
        characters = f"{len(missing):,} of its characters, such as '{missing[0]}'"
        advice = "For Korean, Japanese and Chinese install the package fonts-noto-cjk."
        warn(f"{path}: no installed font has {characters}. {advice}")
    write_lines(path, [image.getvalue()])


# Looked for where matplotlib's own font, DejaVu Sans, has no glyph.
FONTS = (
    *("Noto Sans CJK KR", "Noto Sans CJK", "Noto Sans KR", "Nanum", "UnDotum", "Source Han Sans"),
    *("WenQuanYi", "IPA", "Apple SD Gothic Neo", "Hiragino Sans", "PingFang", "Arial Unicode MS"),
    *("Malgun Gothic", "Yu Gothic", "Microsoft YaHei"),
)


def _fonts() -> list[str]:
    """Return the font of matplotlib and those of FONTS that are installed, in their order."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    files = tuple(name.replace(" ", "").lower() for name in FONTS)
    # matplotlib lists fonts once and for all: without this it misses those installed since.
    for path in sorted(set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}):
        if Path(path).name.lower().startswith(files):
            fontManager.addfont(path)
    names = sorted({font.name for font in fontManager.ttflist})
    installed = (name for font in FONTS for name in names if name.startswith(font))
    return list(dict.fromkeys(["DejaVu Sans", *installed]))


def new_plot(width: float, height: float, titles: tuple[str, str]) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches below title and subtitle, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    room = int(width / 0.08)  # inches that a character of a title takes
    lines = [line for text in titles for line in textwrap.wrap(one_line(text), room)]
    figure.suptitle("\n".join(lines), fontsize=9)
    return figure, figure.add_subplot()


def interval_figure(
    board: Board, rows: Sequence[Row], names: Sequence[str], titles: tuple[str, str], label: str
) -> tuple[Figure, Axes]:
    """Draw finite scores with their intervals, one named line each, the first below. The scale is
    that of all rows of a board. Returns the axes as well.
    """
    longest = max(map(shown_width, names))
    figure, axes = new_plot(6 + 0.07 * longest, 1.4 + 0.24 * len(rows), titles)
    low, *_, high = axis_marks(board)
    scores = np.array([row.score for row in rows])
    offsets = np.nan_to_num([(-row.lower, row.upper) for row in rows], posinf=np.inf)
    bars = np.clip(offsets.T, 0.0, [scores - low, high - scores])
    style: dict[str, Any] = {"fmt": "o", "markersize": 4, "capsize": 2, "ecolor": "#8fb3ea"}
    axes.errorbar(scores, range(len(rows)), xerr=bars, color=COLOURS["accent"][0], **style)
    if board.format.baseline_score is not None:
        axes.axvline(board.format.baseline_score, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(label)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    return figure, axes


def board_figure(board: Board) -> Figure:
    """Draw scores with their intervals, one line a model, the best on top."""
    rows = [row for row in board.rows[::-1] if math.isfinite(row.score)]
    # An infinite rating has no place on the scale.
    infinite = [row.model for row in board.rows if not math.isfinite(row.score)]
    note = f"\nno finite rating: {', '.join(infinite)}" if infinite else ""
    label, names = board.format.axis(opponent(board)) + note, [row.model for row in rows]
    figure, axes = interval_figure(board, rows, names, titles(board), label)
    if board.method.honest:
        right, rank = axes.secondary_yaxis("right"), SPANS[0]
        right.set_yticks(range(len(rows)), [rank.cell(row, board) for row in rows], fontsize=8)
        right.set_ylabel("rank", fontsize=8)
    return figure


MANY_CELLS = 600  # over which a heat map shows no numbers


def heat_figure(
    values: np.ndarray,
    names: tuple[Sequence[str], Sequence[str]],
    titles: tuple[str, str],
    scale: tuple[float, float],
    label: str,
    counts: np.ndarray | None = None,
) -> Figure:
    """Draw values (N, M), NaN for unknown ones, with names of rows and columns as a heat map.

    `scale`: the values with the strongest colours. `counts` (N, M): numbers to show below them.
    """
    from matplotlib.colors import LinearSegmentedColormap

    longest = [max(map(shown_width, texts)) for texts in names]
    few, (low, high) = values.size <= MANY_CELLS, scale
    width = max(1.5 + 0.08 * longest[0] + (0.5 if few else 0.2) * len(names[1]), 6.0)
    height = 1.7 + 0.07 * longest[1] + max(0.25 * len(names[0]), 2.0)
    figure, axes = new_plot(width, height, titles)
    colourmap = LinearSegmentedColormap.from_list("scores", [heat(-1), heat(0), heat(1)])
    axes.set_facecolor("#dddddd")
    image = axes.imshow(values, cmap=colourmap, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(names[1])), names[1], fontsize=8, rotation=90)
    axes.set_yticks(range(len(names[0])), names[0], fontsize=8)
    if few:
        for (line, column), value in np.ndenumerate(values):
            number = f"{value:.0f}" if high > 10 else f"{value:.1f}"
            shown = "n/a" if np.isnan(value) else number
            if counts is not None and counts[line, column]:
                shown += f"\n({counts[line, column]:,})"
            axes.text(column, line, shown, ha="center", va="center", fontsize=7, color="#111111")
    figure.colorbar(image).set_label(label, fontsize=8)
    return figure
