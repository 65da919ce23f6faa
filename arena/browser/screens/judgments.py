"""The tab of the judgments, for a choice or a link, as data. The tabs put it into their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from arena.base.errors import InputError
from arena.bench.labels import NO_VERDICT, OVERALL
from arena.browser.html import judgment_page
from arena.browser.html.judgment_list import Rows, list_html, question_title
from arena.browser.html.judgment_page import address_html, notice
from arena.browser.html.markdown import rendered, verbatim
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import judgment_view
from arena.browser.library import LONGEST, ORDERS, SHORTEST, SHOWN, Filters, Library
from arena.browser.screens.strip import strip_of

TABS = ("judgments", "leaderboard", "clusters", "judges")

Key = tuple[str, str, str]  # question, model and baseline, "" for any
Offers = dict[str, list[str]]  # the names to choose from, by the filter that they are for


@dataclass(frozen=True)
class JudgmentsScreen:
    """The tab of the judgments: choices, what there is to choose from, the list, one judgment."""

    filters: Filters
    offers: Offers
    questions: list[tuple[str, int]]  # titles, and the position of the first judgment on each
    question: int | None  # the position that stands for the question of the judgment
    key: Key
    first: int | None  # the row that the reader turned the list to
    game: int
    as_written: bool
    pairwise: bool
    is_first: bool
    is_last: bool
    list_html: str
    judgment_html: str

    @property
    def address_html(self) -> str:
        """A link to the view."""
        question, of, against = self.key if self.questions else ("", "", "")
        key = {"question": question, "of": of, "against": against}
        game, written = "2" if question and self.game else "", "1" if self.as_written else ""
        view = vars(self.filters) | {"written": written} | key | {"game": game}
        return address_html({"tab": "judgments", **view})


def judgments_screen(
    library: Library,
    filters: Filters,
    key: Key = ("", "", ""),
    *,
    position: int | None = None,
    step: int = 0,
    first: int | None = None,
    game: int = 0,
    as_written: bool = False,
) -> JudgmentsScreen:
    """Build the tab of the judgments. The selected one is that at `position`, else that with `key`,
    else the first, and from there `step` further on. `first`: the row at which the list begins.
    """
    filters, offers, notices = valid_filters(library, filters)
    entries = library.select(filters)
    if position is None:
        position, substitution = _position(library, entries, key)
        notices.append(substitution)
    position = max(0, min(position + step, len(entries) - 1))
    questions, starts = library.questions, question_starts(entries)
    key = entries[position].key if entries else key
    page = judgment_part(library, filters, entries, position, game, as_written)
    above = strip_of(library, filters)
    rows = Rows(entries, position, first, one_model=bool(filters.model))
    return JudgmentsScreen(
        filters=filters,
        offers=offers,
        questions=[(question_title(questions.get(q), q), at) for q, at in starts.items()],
        question=starts[key[0]] if entries else None,
        key=key,
        first=first,
        game=game,
        as_written=as_written,
        pairwise=bool(entries) and entries[position].pairwise,
        is_first=not position,
        is_last=position >= len(entries) - 1,
        list_html=list_html(rows, questions, above) if entries else above + page,
        judgment_html=notice(library.fault, *notices) + page,
    )


def question_starts(entries: Sequence[ListedJudgment]) -> dict[str, int]:
    """Return the position of the first judgment on each question of a list."""
    starts = dict[str, int]()
    for position, entry in enumerate(entries):
        starts.setdefault(entry.question, position)
    return starts


def valid_filters(library: Library, request: Filters) -> tuple[Filters, Offers, list[str]]:
    """Return filters without missing names, the names to choose from, and notices."""
    judges, notices = library.judges(), list[str]()
    judge = request.judge if request.judge in judges else next(iter(judges), "")
    if judge and request.judge not in ("", judge):
        notices.append(f"There are no judgments by {request.judge}. These are by {judge}.")
    values = vars(request) | {"judge": judge}
    # A name that is gone is offered once more: the page may ask again before it knows.
    offers = {"judge": [*judges, *{request.judge}.difference(judges, [""])]}

    def check(name: str, kind: str, names: Sequence[str]) -> None:
        missing = {values[name]}.difference(names, [""])
        offers[name] = [*names, *missing]
        # Without a judge every name is missing. The list says why.
        if missing and judge:
            notices.append(f"There is no {kind} {values[name]} here. This is shown without it.")
            values[name] = ""

    check("model", "model", library.models(judge))
    check("baseline", "baseline", library.baselines(judge, values["model"]))
    check("category", "category or cluster", library.categories())
    check("show", "verdict", SHOWN)
    check("order", "order", ORDERS)
    values["outcome"] = ",".join(name for name in OVERALL if name in request.outcome.split(","))
    if not compares(library, judge):
        # A judge of single answers has no outcomes to choose from.
        offers["order"] = [
            LONGEST,
            SHORTEST,
            *{values["order"]}.difference(["", LONGEST, SHORTEST]),
        ]
        offers["show"] = [name for name in SHOWN if name in (NO_VERDICT, values["show"])]
    return Filters(**values), offers, notices


def compares(library: Library, judge: str) -> bool:
    """Whether a judge compares answers, and does not only grade them."""
    return any(entry.pairwise for entry in library.judgments(judge))


def _position(library: Library, entries: Sequence[ListedJudgment], key: Key) -> tuple[int, str]:
    """Return the position of the judgment that fits a key best, and a notice if none does."""
    for parts in (3, 2, 1):
        for number, entry in enumerate(entries):
            pairs = zip(key[:parts], entry.key, strict=False)
            if all(part in ("", of_entry) for part, of_entry in pairs):
                return number, ""
    question = key[0]
    if not question or not entries:
        return 0, ""
    judged = (entry.question for entry in library.judgments(entries[0].judge))
    if question not in library.questions and question not in judged:
        return 0, f"There is no question {question} here. This is the first judgment of the list."
    return 0, (
        f"No judgment on question {question} passes these filters. This is the first that does."
    )


def judgment_part(
    library: Library,
    filters: Filters,
    entries: Sequence[ListedJudgment],
    position: int,
    game: int,
    as_written: bool,
) -> str:
    """Return the selected judgment as HTML, or the reason why there is none."""
    if entries:
        try:
            view = judgment_view(library, entries[position])
        except InputError as error:
            return notice(str(error))
        show, sought = verbatim if as_written else rendered, filters.text
        found = library.found_in(sought)(entries[position]) if sought else frozenset[str]()
        look = judgment_page.Look(game, show, sought=sought, found=found)
        return judgment_page.judgment_html(view, look)
    if not filters.judge:
        reason = f"{library.bench.folder} has no judgments yet. Make some with gen_judgment.py."
    elif next(library.judgments(filters.judge), None) is None:
        reason = f"The files of {filters.judge} have no judgment that can be read."
    else:
        parts = {"of": filters.model, "against": filters.baseline, "in": filters.category}
        parts["with"] = f'"{filters.show}"' if filters.show else ""
        parts["that is"] = filters.outcome.replace(",", " or ")
        words = "judgment" + "".join(f" {word} {name}" for word, name in parts.items() if name)
        text = filters.text
        reason = f'No {words} has "{text}" in it.' if text else f"There is no {words}."
    return notice(reason)


def query_of(query: str) -> dict[str, str]:
    """Return the names and values of a link's query."""
    return dict(parse_qsl(query.removeprefix("?"), errors="replace"))


def _filters_of(query: Mapping[str, str]) -> Filters:
    return Filters(**{name: query.get(name, "") for name in vars(Filters())})


def picked_key(library: Library, query: str, position: int) -> Key:
    """Return the key of a row in the list that a query opens. The page may show another by now."""
    filters, *_ = valid_filters(library, _filters_of(query_of(query)))
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
    # Checked here as well, so that names that only the link has are not offered.
    filters, _, notices = valid_filters(library, filters)
    key = (query.get("question", ""), query.get("of", ""), query.get("against", ""))
    game, as_written = int(query.get("game") == "2"), query.get("written") == "1"
    shown = judgments_screen(library, filters, key, game=game, as_written=as_written)
    same = all(part in ("", of_shown) for part, of_shown in zip(key, shown.key, strict=True))
    if key[0] in ("", shown.key[0]) and not same:
        of, against = key[1] or "any model", key[2] or "any baseline"
        lost = f"The judgment of {of} against {against} is not in this list. This is another."
        notices.insert(0, lost)
    shown = replace(shown, judgment_html=notice(*notices) + shown.judgment_html)
    tab = query.get("tab", "")
    return tab if tab in TABS else TABS[0], shown
