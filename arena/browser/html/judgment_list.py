"""The list of judgments as HTML: the strip of its sums and filters, and a page of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from arena.base.table import counted
from arena.bench.labels import (
    GAMES_DISAGREE,
    GRADE,
    LOST,
    NO_VERDICT,
    OUTCOMES,
    OVERALL,
    SPLIT,
    TIED,
    WON,
)
from arena.bench.records import Question
from arena.browser.html.controls import Query, link, view_link
from arena.browser.html.judgment_page import Questions, grade_words
from arena.browser.html.markdown import clean, plain
from arena.browser.index import ListedJudgment
from arena.browser.library import LONGER, SHORTER
from arena.leaderboard.output.html import class_of

PAGE = 50  # rows of the list that are shown at once
SIGNS = {WON: OUTCOMES[1], LOST: OUTCOMES[-1], TIED: OUTCOMES[0], NO_VERDICT: NO_VERDICT}


def style_of(outcome: str) -> str:
    """Return the CSS class of an outcome over both games."""
    return class_of(SIGNS.get(outcome, outcome))


class Choice(NamedTuple):
    """A value of a filter that a link sets, or removes if it is set."""

    name: str
    value: str


@dataclass(frozen=True)
class Strip:
    """The sums of a list of judgments, and its filters.

    `outcomes`: their numbers by OVERALL, before the choice of `wanted` ones. `longer`: the mean
    tokens of the model's answers less the baseline's. `flips`: the percentage of whole judgments
    whose games disagree. `first`: the points of win rate that the first place adds. None is
    unknown. `clusters`: those that are listed more often than usual, with their numbers. `set`: the
    filters that are set.
    """

    outcomes: Mapping[str, int]
    wanted: frozenset[str]
    longer: float | None
    flips: float | None
    first: float | None
    clusters: Sequence[tuple[str, int]]
    set: Sequence[tuple[str, Choice]]


# The view in which a choice is set, or removed if it is set.
Chooses = Callable[[Choice], Query]


def strip_html(strip: Strip | None, chooses: Chooses, as_baseline: tuple[Query, int]) -> str:
    """Return the strip above the list, each part of which is a filter, "" without one.

    `as_baseline`: the view of the judgments with the chosen model as the baseline, and their
    number.
    """
    if strip is None:
        return ""
    chips = "".join(
        view_link(
            chooses(choice), f"{plain(text)} <b>✕</b>", style="chosen", title="remove this filter"
        )
        for text, choice in strip.set
    )
    groups = {
        "Filters that are set": chips,
        "Outcomes over both games": "".join(outcome_links(strip, chooses)),
        "What is listed": "".join(measure_links(strip, chooses)),
        "The model as the baseline": baseline_link(*as_baseline),
    }
    shown = (
        f'<div role="group" aria-label="{name}">{links}</div>'
        for name, links in groups.items()
        if links
    )
    return f'<div class="strip">{outcome_bar(strip)}{"".join(shown)}</div>'


def baseline_link(query: Query, number: int) -> str:
    """Return the link to the judgments in which the chosen model is the baseline, "" for none."""
    return view_link(query, f"{number:,} with the model as baseline") if number else ""


def outcome_bar(strip: Strip) -> str:
    """Return the shares of the outcomes as a bar, whose numbers the buttons below have."""
    total = sum(strip.outcomes.values()) or 1
    segment = '<i class="{}" style="width:{:.2f}%"></i>'
    segments = "".join(
        segment.format(style_of(name), 100 * number / total)
        for name in OVERALL
        if (number := strip.outcomes.get(name, 0))
    )
    return f'<div class="bar" aria-hidden="true">{segments}</div>'


def outcome_links(strip: Strip, chooses: Chooses) -> Iterator[str]:
    """Yield a switch for each outcome that occurs or is wanted."""
    for name in OVERALL:
        number, wanted = strip.outcomes.get(name, 0), name in strip.wanted
        if number or wanted:
            state = 'aria-current="true"' if wanted else ""
            yield view_link(chooses(Choice("outcome", name)), f"{name} {number:,}", state=state)


def measure_links(strip: Strip, chooses: Chooses) -> Iterator[str]:
    """Yield the measures that are known and the clusters, each as a link that filters by it."""
    if strip.longer is not None:
        text = f"{abs(strip.longer):,.0f} tokens {'longer' if strip.longer >= 0 else 'shorter'}"
        order = Choice("order", LONGER if strip.longer >= 0 else SHORTER)
        yield view_link(chooses(order), text, title=order.value)
    if strip.flips is not None:
        text, about = (
            f"{strip.flips:.0f} % flips",
            "judgments whose games differ: two winners, or a winner and a tie",
        )
        yield view_link(chooses(Choice("verdict", GAMES_DISAGREE)), text, title=about)
    if strip.first is not None:
        text, about = f"place A {strip.first:+.1f}", "points of win rate that the first place adds"
        yield view_link(chooses(Choice("outcome", SPLIT)), text, title=about)
    for name, number in strip.clusters:
        words = f"{plain(name)} {number:,}"
        yield view_link(chooses(Choice("category", name)), words, style="cluster")


class Rows(NamedTuple):
    """The judgments of a list, the position of the selected one, and the first row of the page, by
    default that of the page with the selected one. `one_model`: all are of one.
    """

    entries: Sequence[ListedJudgment]
    position: int
    first: int | None
    one_model: bool


def list_html(listed: Rows, questions: Questions, query: Query, above: str = "") -> str:
    """Return a page of the list, whose rows are links. `query`: of the view. `above`: the strip."""
    entries, position, first, one_model = listed
    if first is None or not 0 <= first < len(entries):
        first = position // PAGE * PAGE
    last = min(first + PAGE, len(entries))
    rows = ""
    for number, entry in enumerate(entries[first:last], start=first):
        cluster, words = map(plain, _title(questions.get(entry.question), entry.question, 70))
        title = f"<em>{cluster}</em> {words}" if cluster else words
        name = plain(entry.model)
        who = "" if one_model else f'<span class="who" title="{name}">{name}</span>'
        # One row is a stop for the Tab key, and arrow keys lead from there to the others.
        is_current, is_stop = number == position, number == max(first, min(position, last - 1))
        state = ' aria-current="true"' if is_current else ""
        state += "" if is_stop else ' tabindex="-1"'
        address = link(query | {"first": ""} | entry.query)
        rows += (
            f'<a class="row" href="{plain(address)}" data-row="{number}"{state}>'
            f'{signs_html(entry)}<span class="lines">{who}<span class="words">{title}</span>'
            "</span></a>"
        )
    total = counted(len(entries), "judgment")
    turns = "".join(page_turns(query, first, last, len(entries)))
    head = f"<span>{total}</span><span>{turns}</span>"
    legend = _LEGEND if any(entry.pairwise for entry in entries) else ""
    return f'<div class="list">{above}<div class="list-head">{head}{legend}</div>{rows}</div>'


def page_turns(
    query: Query, first: int, last: int, total: int, what: str = "judgments"
) -> Iterator[str]:
    """Yield the way to the first, the earlier, the later and the last page, and the place."""

    def turn(to: int, name: str, sign: str) -> str:
        label = f'aria-label="{name} {what}"'
        return view_link(query | {"first": str(to)}, sign, style="turn", state=label)

    if first:
        yield turn(0, "first", "«") + turn(max(first - PAGE, 0), "earlier", "‹")
    yield f"{first + 1 if total else 0:,}–{last:,}"
    if last < total:
        yield turn(last, "later", "›") + turn((total - 1) // PAGE * PAGE, "last", "»")


def _sign(outcome: str) -> str:
    return f'<i class="dot {class_of(outcome)}"></i>'


_LEGEND = (
    '<p class="legend" title="Outcomes of game 1 and of game 2 for the model: much better, '
    'slightly better, a tie, slightly worse, much worse, no verdict">'
    f"{_sign(OUTCOMES[2])}{_sign(OUTCOMES[1])} won {_sign(OUTCOMES[0])} tie "
    f"{_sign(OUTCOMES[-1])}{_sign(OUTCOMES[-2])} lost {_sign(NO_VERDICT)} none</p>"
)


def signs_html(entry: ListedJudgment) -> str:
    """Return the results of a judgment as signs, and in words for screen readers."""
    results = entry.outcomes
    if entry.pairwise:
        verdicts = ", ".join(f"game {i}: {outcome}" for i, outcome in results.items())
        signs = "".join(map(_sign, results.values()))
    else:
        verdicts = grade_words(entry.labels)
        grades = verdicts.removeprefix("grade ") if GRADE in results.values() else "–"
        signs = f'<i class="grade">{grades}</i>'
    return (
        f'<span class="signs" title="{verdicts}">{signs}</span>'
        f'<span class="unseen">{verdicts}.</span>'
    )


def question_title(question: Question | None, name: str) -> str:
    """Return a question as one line of a list."""
    return " · ".join(filter(None, _title(question, name, 110)))


def _title(question: Question | None, name: str, limit: int) -> tuple[str, str]:
    """Return the cluster of a question, and its first words."""
    if question is None:
        return "", clean(f"{name}, not in question.jsonl")
    words = clean(" ".join(question.turns[0].split()))
    return clean(question.cluster), words if len(words) <= limit else words[: limit - 1] + "…"
