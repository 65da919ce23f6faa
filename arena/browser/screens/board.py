"""The tab of the leaderboard."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from arena.base.errors import InputError
from arena.bench.answer_style import FEATURES
from arena.browser.html.board_page import board_html
from arena.browser.html.controls import Query, choices_form, link, select, switch
from arena.browser.html.judgment_page import notice
from arena.browser.library import Filters, Library
from arena.browser.screens.judgments import Offers, compares, valid_filters
from arena.browser.screens.view import View
from arena.browser.statistics import board_baselines, boards


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: choices, what there is to choose from, its tables."""

    filters: Filters
    control: tuple[str, ...]
    offers: Offers
    pairwise: bool  # whether the judge compares answers, and does not only grade them
    usual_baseline: str  # of the boards if none is chosen, in words
    query: Query
    table_html: str

    def view(self) -> View:
        """Return the tab as the page shows it."""
        chosen, offers = self.filters, self.offers
        nothing = "Category or cluster", offers["category"], chosen.category
        fields = [
            select("judge", "Judge", offers["judge"], chosen.judge),
            select("category", *nothing, nothing="all"),
        ]
        if self.pairwise:
            baselines = "Baseline, which scores 50", offers["baseline"], chosen.baseline
            usual = self.usual_baseline
            fields.append(select("baseline", *baselines, nothing=usual, is_filter=False))
            boxes = (
                switch("control", name, on=name in self.control, value=name) for name in FEATURES
            )
            legend = "<legend>Control for style</legend>"
            fields.append(f"<fieldset>{legend}{''.join(boxes)}</fieldset>")
        form = choices_form(fields, {"tab": "leaderboard"})
        said = f"Leaderboard by {chosen.judge}."
        return View(self.query, {"filters": form, "shown": self.table_html}, said)


def board_tab(library: Library, query: Query) -> View:
    """Return the tab for a link."""
    names = {name: query.get(name, "") for name in ("judge", "category", "baseline")}
    return board_screen(library, Filters(**names), query.get("control", "").split()).view()


def board_screen(library: Library, filters: Filters, control: Collection[str] = ()) -> BoardScreen:
    """Return the leaderboard of a judge, category and baseline, or the reason why there is none."""
    filters, offers, notices = valid_filters(library, filters)
    judge = filters.judge
    control = tuple(name for name in FEATURES if name in control)
    choices = {name: value for name, value in vars(filters).items() if value}

    def battles(model: str) -> str:
        return link({"tab": "judgments", **choices, "model": model})

    try:
        if not judge:
            raise InputError(f"{library.bench.folder} has no judgments yet")
        shown = boards(library, filters, control)
        tables = [
            board_html(board, lines, headed=len(shown) > 1, address=battles)
            for board, lines in shown
        ]
    except InputError as error:
        tables = [notice("There is no leaderboard.", *without_flags(str(error)))]
        if judge and not board_baselines(library, judge) and compares(library, judge):
            tables.append(notice("Choose a baseline above."))
    return BoardScreen(
        filters=filters,
        control=control,
        offers=offers,
        pairwise=compares(library, judge),
        usual_baseline=usual_baseline(library, judge),
        query={"tab": "leaderboard", **choices}
        | ({"control": " ".join(control)} if control else {}),
        table_html="".join([notice(library.fault, *notices), *tables]),
    )


def usual_baseline(library: Library, judge: str) -> str:
    """Return the baseline of the boards if none is chosen, in words."""
    baselines = library.baselines(judge)
    names = board_baselines(library, judge) if baselines else ()
    if len(names) != 1:
        return "one for each category" if names else "any"
    how = "most frequent" if names[0] == baselines[0] else "as configured"
    how = "not judged itself" if names[0] == library.assumed else how
    return f"{names[0]} ({how})"


def without_flags(message: str) -> list[str]:
    """Return the sentences of an error but those that advise a flag, which a page has not. Of a
    command only the script is named.
    """
    sentences = re.split(r"(?<=\.) (?=[A-Z])", f"{message.rstrip('.')}.")
    sentences = [re.sub(r"^Run python (\S+\.py) .*", r"Run \1.", text) for text in sentences]
    return [text for text in sentences if not re.search(r"(?<!\S)--\w", text)]
