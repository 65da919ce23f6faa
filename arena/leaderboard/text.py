"""Boards as text, CSV, JSON, Markdown, HTML or a plot."""

from __future__ import annotations

import csv
import datetime
import html
import io
import json
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from arena.base.errors import InputError, one_line, warn
from arena.base.jsonl import write_lines
from arena.leaderboard.board import Board, Comparison, Row
from arena.scoring.battles import Selection, range_text
from arena.scoring.bradley_terry import ANCHOR_RATING
from arena.scoring.cells import OUTCOMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# The known text


def heading(board: Board) -> str:
    """Return the line above one of several boards."""
    name = one_line(board.name)
    of = name if board.weights else f"Category: {name or '(none)'}"
    return f"##### {of} #####"


def board_lines(board: Board) -> Iterator[str]:
    """Yield the lines of a leaderboard as users know them, one a model; of v2.0 a table."""
    if board.method.name == "v2.0":
        yield from _table_lines(board)
        return
    for row in board.rows:
        yield (
            f"{row.model: <30} | score: {score_text(row, board): ^5} "
            f"| {level_text(board)} CI: {interval_text(row, board): ^12} "
            f"| average #tokens: {_tokens(row)}"
        )


def _table_lines(board: Board) -> Iterator[str]:
    """Yield the table of the v2.0 program, as pandas prints it: columns to the right."""
    heads = ("Model", "Ratings", "CI") if board.elo else ("Model", "Scores (%)", "CI (%)")
    rows = [(row.model, score_text(row, board), interval_text(row, board)) for row in board.rows]
    table = [heads, *rows]
    numbers = ["", *map(str, range(len(rows)))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    first = max(map(len, numbers))
    for number, cells in zip(numbers, table, strict=True):
        texts = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield "  ".join([f"{number:<{first}}", *texts])


def row_texts(row: Row, board: Board) -> tuple[str, str, str]:
    """Return a row's score, interval and mean number of tokens as a board shows them."""
    return score_text(row, board), interval_text(row, board), _tokens(row)


def score_text(row: Row, board: Board) -> str:
    """Return a win rate with one decimal, v0.1's rounded by way of two; a rating as a truncated
    number; a mean grade with two decimals.
    """
    score = row.score
    if board.elo:
        return str(int(score)) if math.isfinite(score) else str(score)
    if board.scale == "grade":
        return f"{score:.2f}"
    return f"{score if board.method.name == 'v2.0' else round(round(score, 2), 1):.1f}"


def level_text(board: Board) -> str:
    """Return the level of the intervals."""
    return f"{board.method.level:.0%}"


def interval_text(row: Row, board: Board) -> str:
    """Return the offsets of an interval; `(-1.9 / +2.1)` as the v2.0 program prints it."""
    ends = (row.lower, row.upper)
    if board.method.name == "v2.0":
        form = "+.0f" if board.elo else "+.1f"
        return f"({row.lower or -0.0:{form}} / {row.upper:{form}})"
    if board.elo:
        return "({}, {})".format(*(int(end) if math.isfinite(end) else end for end in ends))
    decimals = 2 if board.scale == "grade" else 1
    return "({:.{n}f}, {:.{n}f})".format(*ends, n=decimals)


def _tokens(row: Row) -> str:
    return "n/a" if row.tokens is None else str(int(row.tokens))


def stats_lines(board: Board) -> Iterator[str]:
    """Yield a table of each model's games by outcome, and the share of its points."""
    heads = ("model", "win rate", "valid games", *OUTCOMES)
    yield f"{heads[0]: <30} | " + " | ".join(f"{head: >12}" for head in heads[1:])
    for row in board.rows:
        values = _stats(row)
        yield f"{row.model: <30} | " + " | ".join(f"{value: >12}" for value in values)


def _stats(row: Row) -> list[str]:
    outcomes = row.outcomes or (0,) * len(OUTCOMES)
    big, small, ties, *_ = outcomes
    games = sum(outcomes)
    rate = f"{100 * (big + small + ties / 2) / games:.1f}" if games else "n/a"
    return [rate, str(games), *map(str, outcomes)]


DEPENDENT = (
    "The intervals treat the games of a question as independent, which makes them too narrow; "
    "--resample question does not."
)


def summary_lines(board: Board, dependent: str = DEPENDENT) -> Iterator[str]:
    """Yield what the board rests on: counts, style coefficients, and what was left out.

    `dependent`: the line below intervals by resampled battles.
    """
    counts = board.counts
    if board.weights:
        parts = ", ".join(f"{name} {number:,}" for name, number in board.weights.items())
        yield f"the mean of the scores by category, weighted by their questions: {parts}"
    else:
        yield _count_line(board)
        yield from _coefficient_lines(board)
        yield from _coverage_lines(board)
        for why, number in sorted(counts.left_out.items()):
            yield f"left out: {number:,} {why}"
    if counts.ranges:
        yield f"grades {' and '.join(map(range_text, counts.ranges))}"
    for model, why in sorted(counts.models_left_out.items()):
        yield f"left out: {model}: {why}"
    if board.method.resample == "battle":
        yield dependent


def _count_line(board: Board) -> str:
    counts = board.counts
    graded = board.scale == "grade"
    what, verdict = ("grades", "a grade") if graded else ("weighted battles", "verdict")
    return (
        f"{counts.judgments:,} judgments, {counts.battles:,} {what}, "
        f"{counts.games_without_verdict:,} games without {verdict}"
    )


def _coefficient_lines(board: Board) -> Iterator[str]:
    if board.coefficients:
        rounded = {name: round(value, 3) + 0.0 for name, value in board.coefficients.items()}
        values = (f"{name} {value:.3f}" for name, value in rounded.items())
        yield f"style coefficients: {', '.join(values)}"


def _coverage_lines(board: Board) -> Iterator[str]:
    """Yield how many questions the models were judged on: one line where it is the same for all."""
    counts = board.counts
    of = "" if counts.questions is None else f" of {counts.questions:,}"
    if not counts.judged:
        return
    numbers = set(counts.judged.values())
    if counts.same_questions and len(numbers) == 1:
        yield f"questions judged: {numbers.pop():,}{of} for each model"
        return
    judged = ", ".join(f"{model} {number:,}" for model, number in sorted(counts.judged.items()))
    yield f"questions judged{of}: {judged}"
    if not counts.same_questions:
        lost = "" if board.scale == "grade" else ", or count it as lost with --missing loss"
        yield (
            "warning: the models were judged on different questions, so their scores do not "
            f"compare fairly; judge what is missing{lost}"
        )


def comparison_lines(result: Comparison) -> Iterator[str]:
    """Yield the difference of two models in words."""
    yield f"{result.first} - {result.second}: {result.difference:+.1f} points of win rate"
    yield (
        f"95% interval, questions resampled: ({result.lower:+.1f}, {result.upper:+.1f}); "
        f"permutation test over {result.questions} questions: p = {result.p_value:.4f}"
    )
    yield (
        f"With this many questions a difference of {result.detectable:.1f} would be found "
        "in 80 of 100 tests at the 5 % level."
    )


# Files


def file_stem(board: Board, selection: Selection, *, fixed_style: bool = False) -> str:
    """Return a file name that carries bench, judges, baseline and mode: all that moves a board."""
    modes = (
        (board.method.mode, True),
        (board.method.name, board.method.name == "v2.0"),
        ("uncentered", not board.method.center),
        ("fixed_style", fixed_style),
        ("elo", board.elo),
        ("resampled_questions", board.method.resample == "question"),
        ("first_game_only", selection.first_game_only),
        (f"weight_{selection.weight}", selection.weight != Selection.weight),
        (f"missing_{selection.missing}", selection.missing != Selection.missing),
        ("+".join(selection.categories), bool(selection.categories)),
    )
    against = f"vs_{'+'.join(selection.baselines)}"
    names = [board.bench, "+".join(board.judges), *([against] if board.scale != "grade" else [])]
    parts = [*names, *(mode for mode, used in modes if used)]
    return "_".join(part.replace("/", "-") for part in parts)


def board_csv(board: Board, date: datetime.date) -> str:
    """Return the board as CSV with the columns that users' notebooks read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = ("rating_q05", "rating_q95")
    if board.method.name != "v2.0":
        ends = ("rating_q025", "rating_q975")
    writer.writerow(("model", "score", *ends, "CI", "avg_tokens", "date"))
    for row in board.rows:
        interval = f"({row.lower:.2f}, {row.upper:+.2f})"
        tokens = "" if row.tokens is None else int(row.tokens)
        values = (f"{value:.2f}" for value in (row.score, *_ends(row)))
        writer.writerow((row.model, *values, interval, tokens, date.isoformat()))
    return text.getvalue()


def board_json(board: Board, selection: Selection) -> str:
    """Return the board as JSON: its settings, its summary and its rows."""
    data = board_dict(board, selection)
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def board_dict(board: Board, selection: Selection) -> dict[str, Any]:
    """Return the board as plain data; what is not a finite number is null."""
    counts = board.counts
    return {
        **selection.settings(),
        "baselines": list(selection.baselines),
        "name": board.name,
        "weights": dict(board.weights),
        "baseline": board.baseline,
        "mode": board.method.mode,
        "style_center": "mean" if board.method.center else "none",
        "scale": board.scale,
        "level": board.method.level,
        "rounds": board.method.rounds,
        "resample": board.method.resample,
        "seed": board.method.seed,
        "style_coefficients": dict(board.coefficients),
        "judgments": counts.judgments,
        "weighted_battles": counts.battles,
        "games_without_verdict": counts.games_without_verdict,
        "grade_ranges": counts.ranges,
        "left_out": dict(counts.left_out),
        "models_left_out": dict(counts.models_left_out),
        "questions_judged": dict(counts.judged),
        "rows": [
            {
                "model": row.model,
                "score": finite(row.score),
                "lower": finite(row.score + row.lower),
                "upper": finite(row.score + row.upper),
                "avg_tokens": row.tokens,
                **({} if row.outcomes is None else dict(zip(OUTCOMES, row.outcomes, strict=True))),
            }
            for row in board.rows
        ],
    }


def finite(value: float) -> float | None:
    """Return a number as JSON has it: null where it is not finite."""
    return value if math.isfinite(value) else None


def board_markdown(board: Board) -> str:
    """Return the board as a Markdown table."""
    lines = [f"## {in_markdown(title_of(board))}", "", in_markdown(subtitle_of(board)), ""]
    lines += [f"| model | score | {level_text(board)} CI | average #tokens |", "|:--|--:|:-:|--:|"]
    lines += [
        f"| {in_markdown(row.model)} | {score_text(row, board)} "
        f"| {interval_text(row, board)} | {_tokens(row)} |"
        for row in board.rows
    ]
    lines += ["", *(f"- {in_markdown(line)}" for line in summary_lines(board))]
    return "\n".join(lines) + "\n"


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"[\\`*<|\[]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)


def title_of(board: Board) -> str:
    """Return the heading of a page."""
    of = f": {board.name}" if board.name else ""
    return f"Leaderboard of {board.bench}{of}"


def subtitle_of(board: Board) -> str:
    """Return how a board was made, in a line."""
    against = f" against {board.baseline}" if board.baseline else ""
    method = ", method v2.0" if board.method.name == "v2.0" else ""
    return (
        f"judged by {', '.join(board.judges)}{against}; "
        f"{board.method.mode.replace('_', ' ')}{method}; "
        f"{board.method.rounds:,} bootstrap rounds over {board.method.resample}s"
    )


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --accent: #2a6fdb; --muted: #7a7a7a; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; }
body { padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } p { color: var(--muted); margin: .3rem 0 1.2rem; }
main { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th, td + td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; min-width: 14rem; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
.scale { display: flex; justify-content: space-between; font-weight: 400; color: var(--muted); }
svg { width: 16rem; height: 1rem; display: block; overflow: visible; }
.all { stroke: var(--line); } .base { stroke: var(--muted); stroke-dasharray: 2 2; }
.interval { stroke: var(--accent); stroke-width: 2; } .score { fill: var(--accent); }
footer { color: var(--muted); font-size: .85rem; margin-top: 1rem; white-space: pre-line; }
</style></head><body>
<h1>$title</h1><p>$subtitle</p>
<main><table><thead><tr>$heads
<th><span class="scale"><span>$low</span><span>$high</span></span></th></tr></thead><tbody>
$rows
</tbody></table></main>
<footer>$footer</footer>
<script>
document.querySelectorAll("th button").forEach((button, column) => button.onclick = () => {
  const th = button.parentElement, body = document.querySelector("tbody");
  const sorted = th.getAttribute("aria-sort");
  const up = sorted ? sorted === "descending" : column === 0;
  document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.key;
  const order = (a, b) => column ? (a > b) - (a < b) : a.localeCompare(b);
  const value = row => column ? Number(key(row)) : key(row);
  [...body.rows].sort((a, b) => (up ? 1 : -1) * order(value(a), value(b)))
    .forEach(row => body.append(row));
});
</script></body></html>
""")


def board_html(board: Board) -> str:
    """Return the board as one page that loads nothing: a sortable table with drawn intervals."""
    low, high = _range(board)
    heads = "".join(
        f'<th scope="col"{sort}><button>{name}</button></th>'
        for name, sort in (
            ("model", ""),
            ("score", ' aria-sort="descending"'),
            (f"{level_text(board)} CI", ""),
            ("average #tokens", ""),
        )
    )
    return _PAGE.substitute(
        title=html.escape(title_of(board)),
        subtitle=html.escape(subtitle_of(board)),
        heads=heads,
        low=f"{low:.0f}",
        high=f"{high:.0f}",
        rows="\n".join(_html_row(row, board, low, high) for row in board.rows),
        footer=html.escape("\n".join(summary_lines(board))),
    )


def _html_row(row: Row, board: Board, low: float, high: float) -> str:
    cells = (
        (html.escape(row.model), html.escape(row.model)),
        (_key(row.score), score_text(row, board)),
        (_key(row.upper - row.lower), interval_text(row, board)),
        (_key(row.tokens), _tokens(row)),
    )
    text = "".join(f'<td data-key="{key}">{shown}</td>' for key, shown in cells)
    return f"<tr>{text}<td>{interval_svg(row, board, low, high)}</td></tr>"


def _key(value: float | None) -> str:
    """Return a sort key that JavaScript's Number() reads; what is not known is the least."""
    if value is None or math.isnan(value):
        return "-Infinity"
    return repr(value).replace("inf", "Infinity")


def interval_svg(row: Row, board: Board, low: float, high: float) -> str:
    """Return an interval as a line with its score as a dot, on the board's common scale."""
    base = _baseline_score(board)
    dot, left, right, middle = (
        100 * (_within(value, low, high, row.score) - low) / (high - low)
        for value in (row.score, *_ends(row), base or low)
    )
    line = f'<line class="base" x1="{middle:.2f}%" x2="{middle:.2f}%" y2="100%"/>' if base else ""
    return (
        f'<svg role="img" aria-label="{score_text(row, board)} {interval_text(row, board)}">'
        f'<line class="all" x2="100%" y1="50%" y2="50%"/>{line}'
        f'<line class="interval" x1="{left:.2f}%" x2="{right:.2f}%" y1="50%" y2="50%"/>'
        f'<circle class="score" cx="{dot:.2f}%" cy="50%" r="3.5"/></svg>'
    )


def _ends(row: Row) -> tuple[float, float]:
    return row.score + row.lower, row.score + row.upper


def _within(value: float, low: float, high: float, unknown: float) -> float:
    """Return a value within a scale; what is not a number is drawn where `unknown` is."""
    return min(max(unknown if math.isnan(value) else value, low), high)


def _baseline_score(board: Board) -> float | None:
    return {"elo": ANCHOR_RATING, "win rate": 50.0}.get(board.scale)


def _range(board: Board) -> tuple[float, float]:
    """Return the scale that holds all finite scores and intervals."""
    if board.scale == "win rate":
        return 0.0, 100.0
    finite = [x for row in board.rows for x in (row.score, *_ends(row)) if math.isfinite(x)]
    if board.elo:
        return min(finite) - 10.0, max(finite) + 10.0
    low = math.floor(min(finite))
    return float(low), float(max(math.ceil(max(finite)), low + 1))


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
    left, right = (_within(end, low, high, row.score) for end in _ends(row))
    return max(row.score - left, 0.0), max(right - row.score, 0.0)


def axis_label(board: Board) -> str:
    """Return what the scores of a board are, and which models have none that is finite."""
    rate = f"win rate against {board.baseline}, %" if board.baseline else "mean of win rates, %"
    label = {"elo": "rating", "grade": "mean grade"}.get(board.scale, rate)
    infinite = [row.model for row in board.rows if not math.isfinite(row.score)]
    return f"{label}\nno finite rating: {', '.join(infinite)}" if infinite else label
