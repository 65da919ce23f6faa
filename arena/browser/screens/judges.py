"""The tab of the judges: all of them, and one or two that are looked at closely."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from arena.base.errors import InputError
from arena.bench.labels import LEGEND
from arena.browser.html.controls import Query, choices_form, filled, link, select
from arena.browser.html.judgment_page import notice
from arena.browser.html.markdown import clean, plain
from arena.browser.library import LabelFilter, Library
from arena.browser.screens.board import without_flags
from arena.browser.screens.view import View
from arena.browser.statistics import JudgeStatistics, judge_grades, judge_statistics, one_judge
from arena.leaderboard.output.html import html_row, html_table
from arena.quality import judge_html as tables
from arena.quality.judge_measures import PairReport
from arena.quality.judge_report import meanings_of, note_lines
from arena.quality.panel import GRADED

# Below the tables, in the words of those who read them.
ABOUT_VERDICTS = (
    LEGEND,
    "The share of a label is that of the games with a verdict. A is the answer that the judge saw "
    "first.",
    "Place bias: the points of win rate that the first place adds to one of two equal answers. At "
    "10, the first of them wins 60 %. At 0, there is no bias. Only judgments with two verdicts "
    "count, and a much better answer counts as a better one. The bias does not depend on how much "
    "the models differ.",
    "Order flips the winner: the share of these judgments whose two games name different winners. "
    "A tie in one game and a win in the other is a flip. An unsure judge flips more often.",
    "The line below a number is its 95 % interval. A column has one scale. The dotted line is 0.",
)
ABOUT_PAIRS = (
    "Only games that both judges decided count. Kappa is the agreement on labels beyond chance. At "
    "1, the judges always agree. At 0, they agree as often as two judges who draw labels with the "
    "same frequencies. Weighted kappa uses squared distances between labels.",
)
ABOUT_CONFUSION = (
    "A cell has the number of games with the label of its row by the first judge and the label of "
    "its column by the second, and the share of the row. Click a cell to open its judgments.",
)
ABOUT_MODELS = (
    "Place effect: half the difference between a model's win rates as A and as B, in points, over "
    "the judgments with two verdicts. It is small for a model that wins or loses nearly all games. "
    "The place bias of the judge is that between equal answers.",
    "Order flips the winner: the share of these judgments whose two games name different winners.",
)


def judges_tab(library: Library, query: Query) -> View:
    """Return the tab for a link. `closely`: the judge to look at. `compare`: another beside it.
    `judge` is not used here: it is that of the other tabs.
    """
    base = {"tab": "judges"}
    if query.get("judge") in library.judges():
        base["judge"] = query["judge"]
    try:
        judges = judge_statistics(library)
    except InputError as error:
        grades = judge_grades(library, tuple(library.judges()))
        reasons = [] if grades else ["There are no verdicts of judges.", *without_flags(str(error))]
        reasons = reasons if library.judges() else [f"{library.bench.folder} has no judgments yet."]
        shown = of_judges(notice(library.fault, *reasons), grades_html(grades))
        return View(base, {"shown": shown}, "Judges.")
    names, notices = [judge.judge for judge in judges.verdicts], list[str]()
    pairs = {(pair.first, pair.second): pair for pair in judges.report.pairs if pair.games}
    pairs |= {(pair.second, pair.first): mirrored(pair) for pair in pairs.values()}
    judge = offered(query.get("closely", ""), names, notices)
    others = [name for name in names if (judge, name) in pairs]
    other = offered(query.get("compare", "") if judge else "", others, notices)
    fields = [select("closely", "Look closely at", names, judge, nothing="none", is_filter=False)]
    if others:
        beside = "Beside", others, other
        fields.append(select("compare", *beside, nothing="no other", is_filter=False))
    links = links_of(base)
    parts = [
        notice(library.fault, *notices),
        pair_html(pairs[judge, other], links) if other else "",
        judge_html(library, judge, links) if judge else "",
        overview_html(judges, links),
        grades_html(judge_grades(library, tuple(names_of_graded(judges)))),
        notes_html(judges),
    ]
    chosen = filled({"closely": judge, "compare": other})
    form = choices_form(fields, base)
    announcement = f"Judges{judge and f', {judge} closely'}{other and f', beside {other}'}."
    return View(base | chosen, {"filters": form, "shown": of_judges(*parts)}, announcement)


def offered(name: str, names: Collection[str], notices: list[str]) -> str:
    """Return a name if it is one of those offered, else "", with a notice if there is one."""
    if name in names:
        return name
    if name:
        notices.append(f"There are no numbers of {name} here. The choice is ignored.")
    return ""


def names_of_graded(judges: JudgeStatistics) -> Iterator[str]:
    """Yield the judges that may have graded single answers."""
    yield from (judge.judge for judge in judges.verdicts if GRADED in judge.left_out)
    yield from judges.report.left_out


def links_of(base: Query) -> tables.Links:
    """Return the links of the tables. `base`: the values of the view that they keep."""
    judgments = {"tab": "judgments"}
    return tables.Links(
        judge=lambda judge: link(base | {"closely": judge}),
        pair=lambda first, second: link(base | {"closely": first, "compare": second}),
        judgments=lambda judge, filters: link(judgments | {"judge": judge, **filters}),
    )


def mirrored(pair: PairReport) -> PairReport:
    """Return the agreement of two judges as that of the second with the first."""
    table = tuple(zip(*pair.confusion, strict=True))
    return replace(pair, first=pair.second, second=pair.first, confusion=table)


def of_judges(*parts: str) -> str:
    """Return parts of the tab as one element."""
    return clean(f'<div class="judges">{"".join(parts)}</div>')


def part(title: str, table: str, about: Iterable[str] = ()) -> str:
    """Return a table below its title, with sentences about it."""
    words = "".join(f'<p class="how">{plain(text)}</p>' for text in about)
    # On a narrow window the table scrolls, and keys must reach it.
    focus = "" if "<a " in table else f' tabindex="0" role="group" aria-label="{plain(title)}"'
    return f'<h3>{plain(title)}</h3><div class="wide"{focus}>{table}</div>{words}'


def pair_html(pair: PairReport, links: tables.Links) -> str:
    """Return the labels of two judges in the same games, and how far they agree."""

    def games(label: str, other: str) -> str:
        return links.judgments(pair.first, {"labels": LabelFilter(label, other, pair.second).text})

    table = tables.pair_table([pair]) + tables.pair_confusion(pair, games)
    return part(f"{pair.first} and {pair.second}", table, [*ABOUT_PAIRS, *ABOUT_CONFUSION])


def judge_html(library: Library, judge: str, links: tables.Links) -> str:
    """Return the measures of one judge, and its place effect for each model."""
    try:
        report, models = one_judge(library, judge)
    except InputError as error:
        return part(f"{judge} closely", notice(*without_flags(str(error))))
    meanings = meanings_of(report)
    for name in ("labels", "kappa"):  # of the tables of all judges
        del meanings[name]
    measures = tables.measure_table(report) + tables.meanings_html(meanings)
    places = tables.place_table(judge, models, links)
    by_model = f"What the first place adds to each model, by {judge}"
    return part(f"What sways {judge}", measures, note_lines(report, flags=False)) + part(
        by_model, places, ABOUT_MODELS
    )


def overview_html(judges: JudgeStatistics, links: tables.Links) -> str:
    """Return the verdicts of all judges, and the agreement of each two."""
    table = tables.verdict_table(judges.verdicts, links)
    shown = part("What each judge says", table, ABOUT_VERDICTS)
    pairs = [pair for pair in judges.report.pairs if pair.games]
    if pairs:
        table = tables.pair_table(pairs, links)
        return shown + part("Where judges agree", table, ABOUT_PAIRS)
    alone = "There is only one judge, so there is no agreement to measure."
    none = "No two judges decided the same games."
    return shown + part("Where judges agree", notice(alone if len(judges.verdicts) < 2 else none))


def grades_html(grades: Mapping[str, list[float]]) -> str:
    """Return the grades of judges of single answers, a row each, "" without any."""
    heads = ("judge", "grades", "mean", "lowest", "highest")
    rows = (
        (plain(name), f"{len(g):,}", f"{sum(g) / len(g):.2f}", f"{g[0]:g}", f"{g[-1]:g}")
        for name, g in grades.items()
    )
    table = html_table(heads, map(html_row, rows))
    return part("Grades of single answers", table) if grades else ""


def notes_html(judges: JudgeStatistics) -> str:
    """Return sentences on the data behind all numbers, and on the judges without any."""
    report, lines = judges.report, list(note_lines(judges.report, flags=False))
    if len(judges.verdicts) > 1 and not report.place.why:
        together = "place bias of all judges but ensembles together, points"
        lines.insert(1, f"{together}: {report.place.estimate.text(1)}")
    return "".join(f'<p class="how">{plain(text)}</p>' for text in lines)
