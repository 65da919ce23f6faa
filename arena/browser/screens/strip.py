"""The sums of a list of judgments, and the filters that select them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from arena.bench.labels import games_disagree, overall, winners
from arena.browser.html.controls import Query
from arena.browser.html.judgment_list import Choice, Strip
from arena.browser.index import ListedJudgment
from arena.browser.library import (
    Filters,
    LabelFilter,
    Library,
    difference,
    until_changed,
)

# A cluster is listed if it has three judgments, a fifth more than its share of all would give.
CLUSTERS, LEAST, MORE_OFTEN = 3, 3, 1.2
NAMES = {
    "baseline": "against",
    "category": "in",
    "verdict": "",
    "outcome": "",
    "labels": "a game is",
    "text": "search:",
}


@until_changed
def strip_of(library: Library, filters: Filters) -> Strip | None:
    """Return the sums of the listed judgments, None if they compare nothing."""
    entries = library.select(filters)
    of_any_outcome = library.select(replace(filters, outcome="", order=""))
    if of_any_outcome and not any(entry.pairwise for entry in of_any_outcome):
        return None
    lengths = library.lengths()
    differences = [d for entry in entries if (d := difference(*lengths(entry))) is not None]
    pairs = [pair for entry in entries if len(pair := winners(entry.labels[:2])) == 2]
    decided = [(first, second) for first, second in pairs if None not in (first, second)]
    disagreements = sum(games_disagree(entry.labels) for entry in entries)
    # The baseline is in the first place in game 1, the model in game 2.
    effects = [(second or 0) - (first or 0) for first, second in decided]
    wanted = frozenset(filter(None, filters.outcome.split(",")))
    return Strip(
        outcomes=Counter(overall(entry.labels) for entry in of_any_outcome if entry.pairwise),
        wanted=wanted,
        longer=statistics.fmean(differences) if differences else None,
        flips=100 * disagreements / len(decided) if decided else None,
        first=25 * statistics.fmean(effects) if effects else None,
        clusters=overrepresented(library, filters),
        set=chosen(filters),
    )


def as_baseline(library: Library, filters: Filters) -> tuple[Query, int]:
    """Return the view of the judgments in which the chosen model is the baseline, and their number,
    which is 0 as long as a reader would wait for it.
    """
    judge, model = filters.judge, filters.model
    query = {"tab": "judgments", "judge": judge, "baseline": model}
    if not model or library.is_slow(judge):
        return query, 0
    return query, baseline_numbers(library, judge)[model]


@until_changed
def baseline_numbers(library: Library, judge: str) -> Counter[str]:
    """Return the number of a judge's judgments against each baseline."""
    return Counter(entry.baseline for entry in library.judgments(judge))


def overrepresented(library: Library, filters: Filters) -> list[tuple[str, int]]:
    """Return the clusters with more listed judgments than their share of all, with the numbers."""
    questions, listed = library.questions, library.select(filters)
    unfiltered = library.select(filters.base)

    def clusters(entries: Sequence[ListedJudgment]) -> Counter[str]:
        ids = (entry.question for entry in entries)
        return Counter(questions[name].cluster for name in ids if name in questions)

    usual, share = clusters(unfiltered), len(listed) / max(len(unfiltered), 1)
    frequent = [
        (name, number)
        for name, number in clusters(listed).items()
        if name not in ("", filters.category)
        and number >= LEAST
        and number > MORE_OFTEN * share * usual[name]
    ]
    return sorted(frequent, key=lambda one: (-one[1] / usual[one[0]], one[0]))[:CLUSTERS]


def chosen(filters: Filters) -> list[tuple[str, Choice]]:
    """Return the filters that are set, in words and with the choice that removes each."""
    choices = list[tuple[str, Choice]]()
    for name, word in NAMES.items():
        value = getattr(filters, name)
        values = value.split(",") if name == "outcome" else [value]
        for one in filter(None, values):
            words = LabelFilter.of(one).words if name == "labels" else one
            choices.append((f"{word} {words}".strip(), Choice(name, one)))
    return choices


def toggled(filters: Filters, choice: Choice) -> Query:
    """Return the value of a filter with a choice set, or without it if it is set. Outcomes go
    together.
    """
    name, current = choice.name, getattr(filters, choice.name)
    if name != "outcome":
        return {name: "" if current == choice.value else choice.value}
    outcomes = dict.fromkeys(filter(None, current.split(",")))
    if choice.value in outcomes:
        del outcomes[choice.value]
    else:
        outcomes[choice.value] = None
    return {name: ",".join(outcomes)}
