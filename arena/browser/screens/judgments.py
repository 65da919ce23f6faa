"""The tab of the judgments: choices, the list, and one judgment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arena.base.errors import InputError
from arena.bench.labels import NO_VERDICT, OVERALL
from arena.browser.html.controls import (
    Query,
    choices_form,
    filled,
    link,
    search,
    select,
    switch,
    view_link,
    whole_number,
    without,
)
from arena.browser.html.judgment_list import Rows, list_html, strip_html
from arena.browser.html.judgment_page import Look, judgment_html, notice
from arena.browser.html.markdown import plain, rendered, verbatim
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import judgment_view
from arena.browser.library import LONGEST, ORDERS, SHORTEST, VERDICTS, Filters, LabelFilter, Library
from arena.browser.screens.beside import Rivals, rivals
from arena.browser.screens.strip import as_baseline, strip_of, toggled
from arena.browser.screens.view import View

Key = tuple[str, str, str]  # question, model and baseline, "" for any
# Where a reader is in a list, and how the judgment there is shown.
PLACE = ("tab", "question", "of", "against", "game", "written", "beside", "first")
FAULTS = 3  # files whose faults are shown above the list
Offers = dict[str, list[str]]  # the names to choose from, by the filter that they are for

# The label of each filter, and the choice that is no filter.
FILTERS = {
    "judge": ("Judge", ""),
    "model": ("Model", "all models"),
    "baseline": ("Baseline", "any"),
    "category": ("Category or cluster", "all"),
    "verdict": ("Verdict", "any"),
    "order": ("Order", "as the questions"),
}


@dataclass(frozen=True)
class JudgmentsScreen:
    """The tab of the judgments: choices, the names on offer, the list, one judgment.

    `position`: that of the judgment among the `total` of the list. `query`: of the view.
    """

    filters: Filters
    offers: Offers
    key: Key
    game: int
    as_written: bool
    pairwise: bool
    position: int
    total: int
    query: Query
    list_html: str
    notices: tuple[str, ...]  # sentences on missing names that the link or a choice has
    judgment_html: str

    def view(self) -> View:
        """Return the tab as the page shows it."""
        chosen, text = vars(self.filters), self.filters.text
        fields = [
            select(
                name,
                label,
                self.offers[name],
                chosen[name],
                nothing=nothing,
                is_filter=name != "model",
            )
            for name, (label, nothing) in FILTERS.items()
            if self.offers[name] or name != "baseline"
        ]
        fields.append(search("text", "Search (Enter)", text, "in all texts"))
        if beside := self.offers["beside"]:
            second = self.query.get("beside", "")
            fields.append(select("beside", "Beside", beside, second, nothing="no other model"))
        if self.filters != self.filters.base:
            base = self.query | dict.fromkeys(chosen, "") | vars(self.filters.base)
            fields.append(view_link(base, "Reset filters", style="button", state='id="reset"'))
        others = without(self.query, *FILTERS, "text", "first", "beside")
        place = f"{self.position + 1} of {self.total:,}" if self.total else "none"
        question, model, baseline = self.key
        return View(
            query=self.query,
            parts={
                "filters": choices_form(fields, others),
                "found": self.list_html,
                "shown": f'{self._bar()}<div id="judgment">{self.judgment_html}</div>',
            },
            announcement=" ".join(
                [
                    f"Judgment {place}: {question}, {model}{baseline and f' against {baseline}'}.",
                    *self.notices,
                ]
            ),
        )

    def _bar(self) -> str:
        """Return the way to the next judgment, and the choices of the game and of the texts."""
        games = "".join(
            f'<label><input type="radio" name="game" value="{value}"'
            f"{' checked' if number == self.game else ''}>game {number + 1}</label>"
            for number, value in enumerate(("", "2"))
        )
        games = f'<fieldset id="game"><legend class="unseen">Game</legend>{games}</fieldset>'
        fields = [
            games if self.pairwise else "",
            switch("written", "as written", on=self.as_written),
        ]
        form = choices_form(fields, without(self.query, "game", "written"))
        here = without(self.query, "first")
        steps = (
            ("previous", "k", -1, self.position > 0),
            ("next", "j", 1, self.position + 1 < self.total),
        )
        turns = "".join(
            view_link(
                here | {"step": str(step)},
                name.capitalize(),
                style="button",
                title=f"{name} judgment, key {key}",
                state=f'id="{name}"' + ("" if there else ' aria-disabled="true"'),
            )
            for name, key, step, there in steps
        )
        place = f"<b>{self.position + 1:,}</b> of {self.total:,}" if self.total else ""
        address = plain(f"battle.html{link(here)}")
        save = f'<a class="save" href="{address}" download>Save battle</a>' if self.total else ""
        notices = plain(" ".join(self.notices))
        notices = f'<span class="told-above" title="{notices}">{notices}</span>'
        turns += f'<span class="place">{place}</span>'
        return f'<div class="bar-above">{turns}{save}{notices}{form}</div>'


def judgments_tab(library: Library, query: Query) -> View:
    """Return the tab for a link."""
    return open_link(library, query).view()


def judgments_screen(
    library: Library,
    filters: Filters,
    key: Key = ("", "", ""),
    *,
    step: int = 0,
    first: int | None = None,
    game: int = 0,
    as_written: bool = False,
    beside: str = "",
) -> JudgmentsScreen:
    """Build the tab of the judgments. The selected one is that with `key`, else the first, and from
    there `step` further on. `first`: the row at which the list begins. `beside`: a second model.
    """
    filters, offers, notices = valid_filters(library, filters)
    entries = library.select(filters)
    position, substitution = position_of(library, entries, key)
    position = max(0, min(position + step, len(entries) - 1))
    query = {"tab": "judgments", **vars(filters), "written": "1" if as_written else ""}
    query |= entries[position].query if entries else {}
    query |= {"game": "2" if entries and game else "", "beside": beside}
    query |= {"first": "" if first is None else str(first)}
    others = rivals(library, entries[position], query) if entries else Rivals()
    look = Look(game, verbatim if as_written else rendered, sought=filters.text)
    page = judgment_part(library, filters, entries, position, look, others)
    listed = list_part(library, filters, query, Rows(entries, position, first, bool(filters.model)))
    return JudgmentsScreen(
        filters=filters,
        offers=offers | {"beside": others.names},
        key=entries[position].key if entries else key,
        game=game,
        as_written=as_written,
        pairwise=bool(entries) and entries[position].pairwise,
        position=position,
        total=len(entries),
        query=filled(query),
        list_html=listed if entries else listed + page,
        notices=tuple(filter(None, (*notices, substitution, others.fault))),
        judgment_html=notice(library.fault) + page,
    )


def list_part(library: Library, filters: Filters, query: Query, rows: Rows) -> str:
    """Return the list below its strip, of which an empty one has nothing else."""
    start = without(query, "first")
    above = strip_html(
        strip_of(library, filters),
        lambda choice: start | toggled(filters, choice),
        as_baseline(library, filters),
    )
    above += file_faults(library, filters)
    if not rows.entries:
        return above
    return list_html(rows, library.questions, query, above + downloads(query))


def file_faults(library: Library, filters: Filters) -> str:
    """Return a notice on each file of the judge with lines that do not count, of many the first."""
    faults = library.judgment_faults(filters.judge, filters.model)
    more = len(faults) - FAULTS
    others = f"{more} more files of {filters.judge} have such lines." if more > 0 else ""
    return notice(*faults[:FAULTS], others)


def downloads(query: Query) -> str:
    """Return the links to the whole list as files."""
    links = (
        f'<a href="{plain(f"list.{form}{link(without(query, *PLACE))}")}" download>{words}</a>'
        for form, words in (("csv", "CSV"), ("jsonl", "JSON lines"))
    )
    return f'<p class="downloads">Save the list as {" or ".join(links)}</p>'


def valid_filters(library: Library, request: Filters) -> tuple[Filters, Offers, list[str]]:
    """Return filters without missing names, the names to choose from, and notices."""
    judges, notices = library.judges(), list[str]()
    judge = request.judge if request.judge in judges else next(iter(judges), "")
    if judge and request.judge not in ("", judge):
        notices.append(f"There are no judgments by {request.judge}. These are by {judge}.")
    values = vars(request) | {"judge": judge}
    offers = {"judge": judges}

    def check(name: str, kind: str, names: Sequence[str]) -> None:
        missing = {values[name]}.difference(names, [""])
        offers[name] = list(names)
        # Without a judge every name is missing. The list says why.
        if missing and judge:
            notices.append(f"There is no {kind} {values[name]} here. The choice is ignored.")
            values[name] = ""

    check("model", "model", library.models(judge))
    check("baseline", "baseline", library.baselines(judge, values["model"]))
    check("category", "category or cluster", library.categories())
    check("verdict", "verdict", VERDICTS)
    check("order", "order", ORDERS)
    others = [name for name in judges if name != judge]
    is_known = LabelFilter.of(request.labels).is_known(others)
    check("labels", "verdict", [request.labels] if is_known else [])
    values["outcome"] = ",".join(name for name in OVERALL if name in request.outcome.split(","))
    if not compares(library, judge):
        # A judge of single answers has no outcomes to choose from.
        offers["order"] = [
            LONGEST,
            SHORTEST,
            *{values["order"]}.difference(["", LONGEST, SHORTEST]),
        ]
        offers["verdict"] = [name for name in VERDICTS if name in (NO_VERDICT, values["verdict"])]
    return Filters(**values), offers, notices


def compares(library: Library, judge: str) -> bool:
    """Whether a judge compares answers, and does not only grade them."""
    return any(entry.pairwise for entry in library.judgments(judge))


def position_of(library: Library, entries: Sequence[ListedJudgment], key: Key) -> tuple[int, str]:
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
    look: Look,
    others: Rivals,
) -> str:
    """Return the selected judgment as HTML, or the reason why there is none."""
    if not entries:
        return no_judgment(library, filters)
    try:
        view = judgment_view(library, entries[position])
        second = judgment_view(library, others.second) if others.second else None
    except InputError as error:
        return notice(str(error))
    places = library.search(look.sought)(entries[position]) if look.sought else frozenset[str]()
    look = replace(look, found=places, strip=others.strip, beside=second, direct=others.direct)
    return judgment_html(view, look)


def no_judgment(library: Library, filters: Filters) -> str:
    """Return the reason why no judgment passes some filters."""
    if not filters.judge:
        reason = f"{library.bench.folder} has no judgments yet. Make some with gen_judgment.py."
    elif next(library.judgments(filters.judge), None) is None:
        reason = f"The files of {filters.judge} have no judgment that can be read."
    else:
        parts = {"of": filters.model, "against": filters.baseline, "in": filters.category}
        parts["with"] = f'"{filters.verdict}"' if filters.verdict else ""
        parts["that is"] = filters.outcome.replace(",", " or ")
        parts["with a game that is"] = LabelFilter.of(filters.labels).words
        words = "judgment" + "".join(f" {word} {name}" for word, name in parts.items() if name)
        text = filters.text
        reason = f'No {words} has "{text}" in it.' if text else f"There is no {words}."
    return notice(reason)


def filters_of(query: Query) -> Filters:
    """Return the filters of a link."""
    return Filters(**{name: query.get(name, "") for name in vars(Filters())})


def key_of(query: Query) -> Key:
    """Return the judgment that a link names."""
    return query.get("question", ""), query.get("of", ""), query.get("against", "")


def listed(library: Library, query: Query) -> Sequence[ListedJudgment]:
    """Return all judgments of the list that a link opens. Raises InputError for a filter whose name
    does not exist, so that no file has other judgments than those of the link.
    """
    filters, _, notices = valid_filters(library, filters_of(query))
    if notices:
        raise InputError(" ".join(notices))
    return library.select(filters)


def open_link(library: Library, query: Query) -> JudgmentsScreen:
    """Return the judgments that a link names."""
    key, step = key_of(query), whole_number(query.get("step", "")) or 0
    judge = query.get("judge", "")
    if query.get("later") and judge in library.judges():
        library.by_question(judge)  # which a first view leaves out, so that nobody waits for it
    shown = judgments_screen(
        library,
        filters_of(query),
        key,
        step=step,
        first=whole_number(query.get("first", "")),
        game=int(query.get("game") == "2"),
        as_written=query.get("written") == "1",
        beside=query.get("beside", ""),
    )
    same = all(part in ("", of_shown) for part, of_shown in zip(key, shown.key, strict=True))
    if not step and key[0] in ("", shown.key[0]) and not same:
        of, against = key[1] or "any model", key[2] or "any baseline"
        missing = f"The judgment of {of} against {against} is not in this list. This is another."
        return replace(shown, notices=(missing, *shown.notices))
    return shown
