"""The tab of the clusters: one or two models, and how they do in each cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from arena.base.errors import InputError
from arena.browser.html.board_page import clusters_html
from arena.browser.html.controls import Query, choices_form, filled, link, select
from arena.browser.html.judgment_page import notice
from arena.browser.library import Filters, Library
from arena.browser.screens.board import anchor_field, anchors, usual_baseline, without_flags
from arena.browser.screens.judgments import Offers, compares, valid_filters
from arena.browser.screens.view import View
from arena.browser.statistics import cluster_table
from arena.leaderboard.board import Board
from arena.leaderboard.clusters import ORDERS, ClusterTable
from arena.leaderboard.output.clusters.cluster_page import Links
from arena.scoring.uncertainty.intervals import FEW

KINDS = {"cluster": "clusters", "category": "categories"}
# The label of each choice, and the choice that is none.
CHOICES = {
    "judge": ("Judge", ""),
    "by": ("Rows", ""),
    "baseline": ("Baseline, which scores 50", ""),
    "model": ("Scores of", ""),
    "beside": ("Beside", "no other"),
    "min_questions": ("Questions, at least", ""),
}
ANY = "any"
# Questions judged, to choose from.
MIN_QUESTIONS = {ANY: 1} | {str(number): number for number in (2, 3, FEW, 10, 20, 50)}


@dataclass(frozen=True)
class ClusterChoice:
    """The choices of the tab, as in its link. `by`: cluster or category. `anchor`: MEAN or a model,
    "" unless all pairs count. `beside`: a second model. `min_questions`: the fewest questions
    judged, a number. `sort`: an order of ClusterTable.
    """

    judge: str = ""
    by: str = ""
    baseline: str = ""
    anchor: str = ""
    model: str = ""
    beside: str = ""
    min_questions: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> ClusterChoice:
        """Return the choices of a link."""
        return cls(**{field.name: query.get(field.name, "") for field in fields(cls)})


@dataclass(frozen=True)
class ClusterScreen:
    """The tab of the clusters: choices, the names on offer, and the table."""

    choice: ClusterChoice
    offers: Offers
    pairwise: bool  # whether the judge compares answers
    usual_baseline: str
    table_html: str
    usual_minimum: str = ANY

    @property
    def query(self) -> Query:
        """The query of the view."""
        return query_of(self.choice)

    def view(self) -> View:
        """Return the tab as the page shows it."""
        fields = []
        for name, (label, nothing) in CHOICES.items():
            names = self.offers[name]
            if name == "baseline":
                nothing = self.usual_baseline
            elif name == "min_questions":
                nothing = ANY if self.usual_minimum == ANY else f"{self.usual_minimum} (usual)"
            if (name != "by" or len(names) > 1) and (name != "baseline" or self.pairwise):
                value = getattr(self.choice, name)
                fields.append(
                    select(
                        name,
                        label,
                        names,
                        value,
                        nothing=nothing,
                        is_filter=name == "min_questions",
                    )
                )
            if name == "baseline" and self.choice.anchor:
                fields.append(anchor_field(self.offers["anchor"], self.choice.anchor))
        form = choices_form(fields, {"tab": "clusters", "sort": self.choice.sort})
        announcement = f"Clusters of {self.choice.model or 'no model'} by {self.choice.judge}."
        return View(self.query, {"filters": form, "shown": self.table_html}, announcement)


def query_of(choice: ClusterChoice) -> Query:
    """Return the query of a view."""
    return filled({"tab": "clusters", **vars(choice)})


def links_of(choice: ClusterChoice, order: str) -> Links:
    """Return the links of a table in some order."""
    of_judge = {"tab": "judgments", "judge": choice.judge, "baseline": choice.baseline}
    return Links(
        order=order,
        sorted=lambda other: link(query_of(replace(choice, sort=other))),
        battles=lambda name, model: link(of_judge | {"model": model, "category": name}),
    )


def clusters_tab(library: Library, query: Query) -> View:
    """Return the tab for a link."""
    return cluster_screen(library, ClusterChoice.of(query)).view()


def judged(boards: Iterable[Board], models: Sequence[str], fewest: int) -> list[Board]:
    """Return the clusters in which each model was judged on enough questions."""
    return [
        board
        for board in boards
        if all(board.counts.judged.get(name, 0) >= fewest for name in models)
    ]


def about_few(table: ClusterTable, shown: int, fewest: int, *, enough: bool) -> str:
    """Return a sentence on clusters with few questions: those that are not shown, or that none has
    enough for an interval. "" without such clusters.
    """
    total, kinds = len(table.boards), KINDS[table.by]
    if not enough and shown:
        return f"None of the {kinds} has {FEW} questions judged, so their order is mostly chance."
    if fewest == 1 or shown in (0, total):
        return ""
    few = f"with fewer than {fewest} questions judged"
    return f"Not shown: {total - shown} of {total} {kinds}, {few}."


def cluster_screen(library: Library, choice: ClusterChoice) -> ClusterScreen:
    """Return the scores of models by cluster, or the reason why there are none."""
    request = Filters(judge=choice.judge, baseline=choice.baseline)
    filters, offers, notices = valid_filters(library, request)
    judge, baseline = filters.judge, filters.baseline
    questions = library.questions.values()
    offers["by"] = [name for name in KINDS if any(getattr(q, name) for q in questions)]
    by = choice.by if choice.by in offers["by"] else next(iter(offers["by"]), next(iter(KINDS)))
    offers["anchor"], anchor, fault = anchors(library, filters, choice.anchor)
    choice = replace(choice, judge=judge, baseline=baseline, anchor=anchor, by=by)
    offers |= {"model": [], "beside": [], "min_questions": list(MIN_QUESTIONS)}
    about = compares(library, judge), usual_baseline(library, judge)
    try:
        if not judge:
            raise InputError(f"{library.bench.folder} has no judgments yet")
        table = cluster_table(library, judge, baseline, by, anchor)
    except InputError as error:
        shown = notice("There are no scores by cluster.", *without_flags(str(error)))
        return ClusterScreen(choice, offers, *about, shown)
    models = table.rated
    notices.append(fault)
    missing = (name for name in (choice.model, choice.beside) if name and name not in models)
    notices += (f"There is no model {name} here. The choice is ignored." for name in missing)
    model = choice.model if choice.model in models else next(iter(models), "")
    beside = choice.beside if choice.beside in models and choice.beside != model else ""
    offers |= {"model": models, "beside": [name for name in models if name != model]}
    names = [name for name in (model, beside) if name]
    usual_minimum = str(FEW) if judged(table.boards, names, FEW) else ANY
    offers["min_questions"] = [number for number in MIN_QUESTIONS if number != usual_minimum]
    chosen = choice.min_questions if choice.min_questions in offers["min_questions"] else ""
    sort = choice.sort if choice.sort.removeprefix("-") in ORDERS else ORDERS[0]
    sort = sort if beside or "beside" not in sort else ORDERS[0]
    fewest = MIN_QUESTIONS[chosen or usual_minimum]
    boards = judged(table.ordered(sort, model, beside), names, fewest)
    notices.append(about_few(table, len(boards), fewest, enough=usual_minimum != ANY))
    usual = "" if sort == ORDERS[0] else sort
    choice = ClusterChoice(judge, by, baseline, anchor, model, beside, chosen, usual)
    shown = notice(library.fault, *notices)
    shown += clusters_html(table, boards, names, links_of(choice, sort))
    return ClusterScreen(choice, offers, *about, shown, usual_minimum)
