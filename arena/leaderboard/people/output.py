"""The report of show_result.py --calibrate as text, CSV, JSON, Markdown or HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from arena.base.table import aligned
from arena.leaderboard.options import BoardOptions
from arena.leaderboard.output import text
from arena.leaderboard.output.html import html_page, html_row, html_table, interval_svg
from arena.leaderboard.output.report import Makers, ReportOptions, written
from arena.leaderboard.people.calibration import (
    CalibratedModel,
    Calibration,
    calibration_of,
    selection_of,
)
from arena.leaderboard.people.draws import draw_labels

HEADS = "model", "judge alone", "labels alone", "corrected", "judge's part", "labels", "for ±5"
COLUMNS = (
    *("model", "judge_alone", "labels_alone", "corrected", "lower", "upper"),
    *("judges_part", "labels", "labels_for_5", "pairs"),
)


def texts(row: CalibratedModel) -> tuple[str, ...]:
    """Return the cells of a model below HEADS, win rates in percent."""
    start, end = (row.model, f"{100 * row.judge_alone:.1f}"), f"{row.labels}"
    result = row.corrected
    if result is None or row.labels_alone is None:
        return *start, "–", "–", "–", end, "–"
    rate = f"{100 * result.rate:.1f} ({100 * result.low:.1f}, {100 * result.high:.1f})"
    needed = f"{row.needed or f'>{row.pairs}'}"
    return *start, f"{100 * row.labels_alone:.1f}", rate, f"{result.power:.2f}", end, needed


def values(row: CalibratedModel) -> tuple[str | float | None, ...]:
    """Return the values of a model by COLUMNS, win rates in percent, None if unknown."""
    result = row.corrected
    rates = (None,) * 3 if result is None else (result.rate, result.low, result.high)
    percent = (
        None if rate is None else round(100 * rate, 4)
        for rate in (row.judge_alone, row.labels_alone, *rates)
    )
    power = None if result is None else round(result.power, 4)
    return row.model, *percent, power, row.labels, row.needed, row.pairs


def stem(found: Calibration) -> str:
    """Return a file name that says what made the table."""
    selection = found.selection
    names = *selection.judges, "vs", *selection.baselines, "calibrated_by", found.person
    return "_".join([selection.bench.name, *names, *selection.categories]).replace("/", "-")


def csv(found: Calibration) -> str:
    """Return a line for each model."""
    return text.csv_text([COLUMNS, *map(values, found.models)])


def as_dict(found: Calibration) -> dict[str, object]:
    """Return the table as plain data, null for unknown values."""
    selection = found.selection
    return {
        "bench": selection.bench.name,
        "judge": selection.judges[0],
        "baseline": selection.baselines[0],
        "categories": list(selection.categories),
        "person": found.person,
        "level": 0.95,
        "rows": [dict(zip(COLUMNS, values(row), strict=True)) for row in found.models],
        "notes": list(found.notes),
    }


def titles(found: Calibration) -> tuple[str, str]:
    """Return the title of the table, and what it is made of."""
    selection = found.selection
    of = f": {', '.join(selection.categories)}" if selection.categories else ""
    title = f"Corrected win rates of {selection.bench.name}{of}"
    return title, f"judged by {selection.judges[0]}, corrected by labels of {found.person}"


def markdown(found: Calibration) -> str:
    """Return the table as Markdown."""
    rows = [HEADS, *([text.in_markdown(cell) for cell in texts(row)] for row in found.models)]
    return text.markdown_page(titles(found), rows, "|:--|" + "--:|" * 6, found.notes)


def html(found: Calibration) -> str:
    """Return the table as one page that loads nothing, with drawn intervals."""
    rows = []
    for row in found.models:
        cells, result = [escape(cell) for cell in texts(row)], row.corrected
        if result:
            ends = 100 * result.low, 100 * result.rate, 100 * result.high
            cells[3] += interval_svg(ends, (0.0, 100.0), 50.0, cells[3])
        rows.append(html_row(cells))
    table = html_table(map(escape, HEADS), rows)
    return html_page(*titles(found), f"<section>{table}</section>", found.notes)


OF_CALIBRATION: Makers = {
    "stem": stem,
    "csv": csv,
    "json": lambda found: text.json_text(as_dict(found)),
    "md": markdown,
    "html": html,
}


def report_calibration(
    options: BoardOptions, person: str, number: int | None, report: ReportOptions
) -> Iterator[str]:
    """Draw so many pairs for a person and yield a line on their list. Without a number yield the
    text of the corrected win rates, then a line for each file when it is written.
    """
    selection = selection_of(options, person)
    if number:
        yield from draw_labels(selection, person, number, options.seed)
        return
    found = calibration_of(selection, person)
    yield from aligned([HEADS, *map(texts, found.models)])
    yield ""
    yield from found.notes
    yield from written(found, OF_CALIBRATION, report)
