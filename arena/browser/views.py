"""The content of each tab, for a choice or a link, as data.

page.py and tabs.py put it into the fields.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from arena.base.errors import InputError
from arena.bench.answer_style import FEATURES
from arena.bench.labels import NO_VERDICT
from arena.browser.html.board_page import board_html, judges_html
from arena.browser.html.judgment_page import (
    address_html,
    judgment_html,
    link,
    list_html,
    notice,
    question_title,
)
from arena.browser.judgment_view import judgment_view
from arena.browser.library import LONGEST, SHORTEST, SHOWN, Filters, Library, ListedJudgment
from arena.browser.statistics import board_baselines, boards, judge_statistics

TABS = ("judgments", "leaderboard", "judges")

Key = tuple[str, str, str]  # question, model and baseline; "" is any


@dataclass(frozen=True)
class Offers:
    """The names that the fields of a tab offer."""

    judges: list[str]
    models: list[str]
    baselines: list[str]
    categories: list[str]


@dataclass(frozen=True)
class JudgmentsScreen:
    """The tab of the judgments: choices, what there is to choose from, the list, one judgment.

    `questions`: titles, and the position of the first judgment on each question in the list.
    """

    filters: Filters
    offers: Offers
    outcomes: list[str]
    questions: list[tuple[str, int]]
    question: int | None
    key: Key
    game: int
    games: list[tuple[str, int]]
    as_written: bool
    is_first: bool
    is_last: bool
    list_html: str
    judgment_html: str
    address_html: str

    @property
    def filtered(self) -> bool:
        """Whether judgments of the judge and model are filtered out or in another order."""
        return self.filters != Filters(judge=self.filters.judge, model=self.filters.model)


def judgments_screen(
    library: Library,
    filters: Filters,
    key: Key = ("", "", ""),
    *,
    position: int | None = None,
    step: int = 0,
    game: int = 0,
    as_written: bool = False,
    notices: Sequence[str] = (),
) -> JudgmentsScreen:
    """Build the tab of the judgments. The selected judgment is the one at `position`, else the one
    with `key`, else the first, and from there `step` further on. The notices stand above it.
    """
    request = filters
    filters, more = _valid(library, request)
    notices = [*_faults(library), *notices, *more]
    entries = library.select(filters)
    if position is None:
        position, notice_of_question = _position(library, entries, key)
        notices += notice_of_question
    shown = max(0, min(position + step, len(entries) - 1))
    first: dict[str, int] = {}
    for number, listed in enumerate(entries):
        first.setdefault(listed.question, number)
    # A judge of single answers has neither games nor outcomes to choose from.
    outcomes = list(SHOWN) if _compares(library, filters.judge) else [NO_VERDICT]
    parameters = vars(filters) | {"written": "1" if as_written else ""}
    if entries:
        key = entries[shown].key
        names = dict(zip(("question", "of", "against"), key, strict=True))
        parameters |= names | {"game": "2" if game else ""}
    listed_html, shown_html = _list_and_judgment(library, filters, entries, shown, game, as_written)
    return JudgmentsScreen(
        filters=filters,
        offers=_offers(library, filters, request),
        outcomes=outcomes if filters.show in ("", *outcomes) else [*outcomes, filters.show],
        questions=[(question_title(library.questions.get(q), q), at) for q, at in first.items()],
        question=first[key[0]] if entries else None,
        key=key,
        game=game,
        games=[("game 1", 0), ("game 2", 1)] if entries and entries[shown].pairwise else [],
        as_written=as_written,
        is_first=not shown,
        is_last=shown >= len(entries) - 1,
        list_html=listed_html,
        judgment_html=notice(*notices) + shown_html,
        address_html=_address("judgments", parameters),
    )


def _faults(library: Library) -> list[str]:
    """Return the lines of questions that cannot be read, in a sentence."""
    return [f"{library.fault}."] if library.fault else []


def _valid(library: Library, filters: Filters) -> tuple[Filters, list[str]]:
    """Return filters without the names that are missing here, as a link may have them, and a
    sentence on each such name.
    """
    judge, judges, notices = filters.judge, library.judges(), list[str]()
    if not judges:
        return replace(filters, judge=""), notices
    if judge not in judges:
        if judge:
            notices.append(f"There are no judgments by {judge}; these are by {judges[0]}.")
        judge = judges[0]

    def check(kind: str, name: str, names: Collection[str]) -> str:
        if not name or name in names:
            return name
        notices.append(f"There is no {kind} {name} here; this is shown without it.")
        return ""

    model = check("model", filters.model, library.models(judge))
    valid = Filters(
        judge=judge,
        model=model,
        baseline=check("baseline", filters.baseline, library.baselines(judge, model)),
        category=check("category or cluster", filters.category, library.categories()),
        show=check("verdict", filters.show, SHOWN),
        order=check("order", filters.order, (LONGEST, SHORTEST)),
        text=filters.text,
    )
    return valid, notices


def _offers(library: Library, filters: Filters, request: Filters) -> Offers:
    """Return the names to choose from, with those asked for even if they are gone: the page may ask
    again before it knows.
    """

    def offered(names: list[str], name: str) -> list[str]:
        return names if name in ("", *names) else [*names, name]

    return Offers(
        judges=offered(library.judges(), request.judge),
        models=offered(library.models(filters.judge), request.model),
        baselines=offered(library.baselines(filters.judge, filters.model), request.baseline),
        categories=offered(library.categories(), request.category),
    )


def _position(
    library: Library, entries: Sequence[ListedJudgment], key: Key
) -> tuple[int, list[str]]:
    """Return the position of the first judgment with a key, else with its question and model, else
    with its question; without one 0, and a sentence on the question.
    """
    for parts in (3, 2, 1):
        for number, entry in enumerate(entries):
            wanted = zip(key[:parts], entry.key, strict=False)
            if all(part in ("", of_entry) for part, of_entry in wanted):
                return number, []
    question = key[0]
    if not question or not entries:
        return 0, []
    judged = (entry.question for entry in library.judgments(entries[0].judge))
    if question in library.questions or question in judged:
        return 0, [
            f"No judgment on question {question} passes these filters; this is the first that does."
        ]
    return 0, [f"There is no question {question} here; this is the first judgment of the list."]


def _compares(library: Library, judge: str) -> bool:
    """Whether a judge compares answers, and does not only grade them."""
    return any(entry.pairwise for entry in library.judgments(judge))


def _address(tab: str, parameters: Mapping[str, str]) -> str:
    return address_html(link({"tab": tab, **parameters}))


def _list_and_judgment(
    library: Library,
    filters: Filters,
    entries: Sequence[ListedJudgment],
    shown: int,
    game: int,
    as_written: bool,
) -> tuple[str, str]:
    """Return the list and its selected judgment as HTML, or the reason for none in both places."""
    if not entries:
        nothing = notice(_why_nothing(library, filters))
        return nothing, nothing
    listed = list_html(entries, shown, library.questions, one_model=bool(filters.model))
    try:
        return listed, judgment_html(judgment_view(library, entries[shown]), game, as_written)
    except InputError as error:
        return listed, notice(str(error))


def _why_nothing(library: Library, filters: Filters) -> str:
    """Return the reason why no judgment is listed."""
    if not filters.judge:
        return f"{library.bench.folder} has no judgments yet. Make some with gen_judgment.py."
    if next(library.judgments(filters.judge), None) is None:
        return f"The files of {filters.judge} have no judgment that can be read."
    of = f" of {filters.model}" if filters.model else ""
    against = f" against {filters.baseline}" if filters.baseline else ""
    category = f" in {filters.category}" if filters.category else ""
    show = f' with "{filters.show}"' if filters.show else ""
    words = f"judgment{of}{against}{category}{show}"
    return f'No {words} has "{filters.text}" in it.' if filters.text else f"There is no {words}."


def query_of(query: str) -> dict[str, str]:
    """Return the names and values of a link's query."""
    return dict(parse_qsl(query.removeprefix("?"), errors="replace"))


def _filters_of(query: Mapping[str, str]) -> Filters:
    return Filters(**{name: query.get(name, "") for name in vars(Filters())})


def picked_key(library: Library, query: str, position: int) -> Key:
    """Return the key of a judgment in the list of the view that a query opens: the page may show
    another one by now.
    """
    filters, _ = _valid(library, _filters_of(query_of(query)))
    entries = library.select(filters)
    return entries[position].key if position < len(entries) else ("", "", "")


def open_link(
    library: Library, judge: str, query: Mapping[str, str]
) -> tuple[str, JudgmentsScreen]:
    """Return the tab and the judgments that a link names, or without a link the first ones."""
    filters = _filters_of(query)
    filters = replace(filters, judge=filters.judge or judge)
    if not query:
        filters = replace(filters, model=next(iter(library.models(judge)), ""))
    filters, notices = _valid(library, filters)
    key = (query.get("question", ""), query.get("of", ""), query.get("against", ""))
    shown = judgments_screen(
        library,
        filters,
        key,
        game=int(query.get("game") == "2"),
        as_written=query.get("written") == "1",
        notices=notices,
    )
    if key[0] in ("", shown.key[0]) and any(
        part not in ("", of_shown) for part, of_shown in zip(key, shown.key, strict=True)
    ):
        of, against = key[1] or "any model", key[2] or "any baseline"
        lost = f"The judgment of {of} against {against} is not in this list; this is another."
        shown = replace(shown, judgment_html=notice(lost) + shown.judgment_html)
    tab = query.get("tab", "")
    return tab if tab in TABS else TABS[0], shown


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: choices, what there is to choose from, its tables.

    `pairwise`: whether the judge compares answers, and does not only grade them.
    `usual_baseline`: the baseline of the boards if none is chosen, in words.
    """

    filters: Filters
    offers: Offers
    pairwise: bool
    usual_baseline: str
    control: list[str]
    table_html: str
    address_html: str


def board_screen(
    library: Library, judge: str, category: str, control: Sequence[str], baseline: str
) -> BoardScreen:
    """Return the leaderboard of a judge, or the reason why there is none."""
    request = Filters(judge=judge, baseline=baseline, category=category)
    filters, notices = _valid(library, request)
    control = [name for name in FEATURES if name in control]
    names = {name: getattr(filters, name) for name in ("judge", "category", "baseline")}
    try:
        if not filters.judge:
            raise InputError(f"{library.bench.folder} has no judgments yet")
        shown = boards(library, filters.judge, filters.category, control, filters.baseline)
        tables = [board_html(board, lines, headed=len(shown) > 1) for board, lines in shown]
    except InputError as error:
        tables = [notice("There is no leaderboard.", f"{str(error).rstrip('.')}.")]
    return BoardScreen(
        filters=filters,
        offers=_offers(library, filters, request),
        pairwise=_compares(library, filters.judge),
        usual_baseline=_usual_baseline(library, filters.judge),
        control=control,
        table_html="".join([notice(*_faults(library), *notices), *tables]),
        address_html=_address("leaderboard", names | {"control": " ".join(control)}),
    )


def _usual_baseline(library: Library, judge: str) -> str:
    """Return the baseline of the boards if none is chosen, in words."""
    baselines = library.baselines(judge)
    names = board_baselines(library, judge) if baselines else ()
    if len(names) != 1:
        return "one for each category" if names else "any"
    return f"{names[0]} ({'most frequent' if names[0] == baselines[0] else 'as configured'})"


def judges_screen(library: Library) -> tuple[str, str]:
    """Return the tab of the judges, and its address."""
    statistics = judge_statistics(library)
    nothing = notice(f"{library.bench.folder} has no judgments yet.")
    tables = judges_html(*statistics) if statistics[0] else nothing
    return tables, _address("judges", {})
