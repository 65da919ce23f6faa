"""The tab of the clusters as data: one or two models, and how they do in each cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from arena.base.errors import InputError
from arena.browser.html.board_page import clusters_html
from arena.browser.html.judgment_page import address_html, notice
from arena.browser.library import Filters, Library
from arena.browser.screens.board import usual_baseline, without_flags
from arena.browser.screens.judgments import Offers, compares, valid_filters
from arena.browser.statistics import cluster_table
from arena.leaderboard.clusters import ORDERS

KINDS = ("cluster", "category")
LEAST = ("2", "3", "5", "10", "20", "50")  # questions judged, to choose from


@dataclass(frozen=True)
class ClusterChoice:
    """The choices of the tab, as in its link. `by`: cluster or category. `beside`: a second model.
    `least`: the fewest questions judged, a number. `sort`: an order of ClusterTable.
    """

    judge: str = ""
    by: str = ""
    baseline: str = ""
    model: str = ""
    beside: str = ""
    least: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> ClusterChoice:
        """Return the choices of a link."""
        return cls(**{field.name: query.get(field.name, "") for field in fields(cls)})


@dataclass(frozen=True)
class ClusterScreen:
    """The tab of the clusters: choices, what there is to choose from, its table."""

    choice: ClusterChoice
    offers: Offers
    pairwise: bool  # whether the judge compares answers
    usual_baseline: str
    table_html: str

    @property
    def address_html(self) -> str:
        """A link to the view."""
        return address_html({"tab": "clusters", **vars(self.choice)})


def cluster_screen(library: Library, choice: ClusterChoice) -> ClusterScreen:
    """Return the scores of models by cluster, or the reason why there are none."""
    request = Filters(judge=choice.judge, baseline=choice.baseline)
    filters, offers, notices = valid_filters(library, request)
    judge, baseline = filters.judge, filters.baseline
    kinds = {name: any(getattr(q, name) for q in library.questions.values()) for name in KINDS}
    offers["by"] = [name for name, is_there in kinds.items() if is_there]
    by = choice.by if choice.by in offers["by"] else next(iter(offers["by"]), KINDS[0])
    choice = replace(choice, judge=judge, baseline=baseline, by=by)
    offers |= {"model": [], "beside": [], "least": list(LEAST)}
    about = compares(library, judge), usual_baseline(library, judge)
    try:
        if not judge:
            raise InputError(f"{library.bench.folder} has no judgments yet")
        table = cluster_table(library, judge, baseline, by)
    except InputError as error:
        shown = notice("There are no scores by cluster.", *without_flags(str(error)))
        return ClusterScreen(choice, offers, *about, shown)
    models = table.rated
    for name in (choice.model, choice.beside):
        if name and name not in models:
            notices.append(f"There is no model {name} here. This is shown without it.")
    model = choice.model if choice.model in models else next(iter(models), "")
    beside = choice.beside if choice.beside in models and choice.beside != model else ""
    offers |= {"model": models, "beside": [name for name in models if name != model]}
    least = choice.least if choice.least in LEAST else ""
    sort = choice.sort if choice.sort.removeprefix("-") in ORDERS else ORDERS[0]
    sort = sort if beside or "beside" not in sort else ORDERS[0]
    names = [name for name in (model, beside) if name]
    boards = [
        board
        for board in table.ordered(sort, model, beside)
        if all(board.counts.judged.get(name, 0) >= int(least or 1) for name in names)
    ]
    shown = notice(library.fault, *notices) + clusters_html(table, boards, names, sort)
    sort = "" if sort == ORDERS[0] else sort
    choice = ClusterChoice(judge, by, baseline, model, beside, least, sort)
    return ClusterScreen(choice, offers, *about, shown)
