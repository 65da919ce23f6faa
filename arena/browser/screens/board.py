"""The tab of the leaderboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from arena.base.errors import InputError
from arena.bench.answer_style import FEATURES
from arena.browser.html.board_page import board_html
from arena.browser.html.controls import Query, choices_form, filled, link, search, select, switch
from arena.browser.html.judgment_page import notice
from arena.browser.library import Filters, Library
from arena.browser.screens.judgments import Offers, compares, valid_filters
from arena.browser.screens.view import View
from arena.browser.statistics import MEAN, board_baselines, boards, round_robin
from arena.leaderboard.output.html import BoardLinks

RESAMPLES = {"question": "question bootstrap", "battle": "battle bootstrap"}
CENTERS = {"mean": "from their mean", "none": "as counted"}


@dataclass(frozen=True)
class BoardChoice:
    """The choices of the tab, as in its link. `control`: style features. `resample`, `center`: one
    of RESAMPLES and of CENTERS. `anchor`: MEAN or a model, "" unless the board is of all pairs.
    `name`: part of a name. `sort`: the name of a column, with a minus the other way round.
    """

    judge: str = ""
    category: str = ""
    baseline: str = ""
    anchor: str = ""
    control: tuple[str, ...] = ()
    resample: str = ""
    center: str = ""
    name: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Query) -> BoardChoice:
        """Return the choices of a link, of its controls and methods those that there are."""
        values = {field.name: query.get(field.name, "") for field in fields(cls)}
        features = values.pop("control").split()
        control = tuple(name for name in FEATURES if name in features)
        center = values["center"] if values["center"] in CENTERS and control else ""
        resample = values["resample"] if values["resample"] in RESAMPLES else ""
        return cls(**values | {"center": center, "resample": resample}, control=control)

    @property
    def query(self) -> Query:
        """The query of the view."""
        values = {"tab": "leaderboard", **vars(self), "control": " ".join(self.control)}
        return filled(values)


@dataclass(frozen=True)
class BoardScreen:
    """The tab of the leaderboard: choices, the names on offer, and tables."""

    choice: BoardChoice
    offers: Offers
    pairwise: bool  # whether the judge compares answers, and does not only grade them
    usual_baseline: str  # of the boards if none is chosen, in words
    table_html: str

    def view(self) -> View:
        """Return the tab as the page shows it."""
        chosen, offers = self.choice, self.offers
        clusters = offers["category"], chosen.category
        inputs = [
            select("judge", "Judge", offers["judge"], chosen.judge),
            select("category", "Category or cluster", *clusters, nothing="all"),
        ]
        if self.pairwise:
            inputs += self._comparisons()
        inputs.append(search("name", "Models (Enter)", chosen.name, "part of a name"))
        form = choices_form(inputs, {"tab": "leaderboard", "sort": chosen.sort})
        announcement = f"Leaderboard by {chosen.judge}."
        return View(chosen.query, {"filters": form, "shown": self.table_html}, announcement)

    def _comparisons(self) -> Iterator[str]:
        """Yield the fields of a judge that compares answers."""
        chosen, offers, usual = self.choice, self.offers, self.usual_baseline
        baselines = "Baseline, which scores 50", offers["baseline"], chosen.baseline
        yield select("baseline", *baselines, nothing=usual, is_filter=False)
        if chosen.anchor:
            yield anchor_field(offers["anchor"], chosen.anchor)
        resample = RESAMPLES.items(), chosen.resample
        yield select("resample", "Intervals", *resample, nothing="as usual")
        boxes = (
            switch("control", name, on=name in chosen.control, value=name) for name in FEATURES
        )
        yield f"<fieldset><legend>Control for style</legend>{''.join(boxes)}</fieldset>"
        if chosen.control:
            yield select("center", "Features", CENTERS.items(), chosen.center, nothing="as usual")


def board_tab(library: Library, query: Query) -> View:
    """Return the tab for a link."""
    return board_screen(library, BoardChoice.of(query)).view()


def board_screen(library: Library, choice: BoardChoice) -> BoardScreen:
    """Return the leaderboard of a judge, category and baseline, or the reason why there is none."""
    request = Filters(judge=choice.judge, category=choice.category, baseline=choice.baseline)
    filters, offers, notices = valid_filters(library, request)
    judge, names = filters.judge, filled(vars(filters))
    offers["anchor"], anchor, fault = anchors(library, filters, choice.anchor)
    notices.append(fault)
    choice = replace(choice, judge=judge, category=filters.category)
    choice = replace(choice, baseline=filters.baseline, anchor=anchor)
    links = BoardLinks(
        address=lambda name: link(
            {"tab": "judgments", **names, "model" if name in offers["model"] else "baseline": name}
        ),
        sorted=lambda order: link(replace(choice, sort=order).query),
        order=choice.sort,
        name=choice.name,
    )
    try:
        if not judge:
            raise InputError(f"{library.bench.folder} has no judgments yet")
        shown = boards(library, filters, choice.control, choice.resample, choice.center, anchor)
        tables = [
            board_html(board, lines, headed=len(shown) > 1, links=links) for board, lines in shown
        ]
    except InputError as error:
        tables = [notice("There is no leaderboard.", *without_flags(str(error)))]
        if judge and not board_baselines(library, judge) and compares(library, judge):
            tables.append(notice("Choose a baseline above."))
    return BoardScreen(
        choice=choice,
        offers=offers,
        pairwise=compares(library, judge),
        usual_baseline=usual_baseline(library, judge),
        table_html="".join([notice(library.fault, *notices), *tables]),
    )


def anchors(library: Library, filters: Filters, request: str) -> tuple[list[str], str, str]:
    """Return the models of a round robin, the anchor that scores 50 on the board of all pairs, and
    a sentence if it is not the requested one. They are empty without a round robin.
    """
    # A model named as the mean is left out, since a link to it would be one to the mean.
    names = [name for name in round_robin(library, filters.judge) if name != MEAN]
    is_known = request in ("", MEAN, *names)
    fault = "" if is_known else f"There is no board with 50 for {request}. This is another."
    anchor = request if request in names else MEAN
    return names, anchor if names and not filters.baseline else "", fault


def anchor_field(names: Sequence[str], chosen: str) -> str:
    """Return the field of the anchor, which scores 50."""
    choices = [(MEAN, "the average"), *((name, name) for name in names)]
    return select("anchor", "All pairs, with 50 for", choices, chosen)


def usual_baseline(library: Library, judge: str) -> str:
    """Return the baseline of the boards if none is chosen, in words."""
    if round_robin(library, judge):
        return "any"
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
