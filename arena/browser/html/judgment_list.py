"""The list of judgments as HTML: what they are in sum, its filters, and a page of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from arena.base.table import counted
from arena.bench.labels import GRADE, LOST, NO_VERDICT, OUTCOMES, OVERALL, SPLIT, TIED, WON
from arena.bench.records import Question
from arena.browser.html.judgment_page import Questions, class_of, grade_words
from arena.browser.html.markdown import clean, plain
from arena.browser.index import ListedJudgment

PAGE = 50  # rows of the list that are shown at once
SIGNS = {WON: OUTCOMES[1], LOST: OUTCOMES[-1], TIED: OUTCOMES[0], NO_VERDICT: NO_VERDICT}


@dataclass(frozen=True)
class Choice:
    """A value of a filter that a button sets, or removes if it is set."""

    name: str
    value: str

    def button(self, text: str, *, style: str, title: str = "", pressed: bool | None = None) -> str:
        """Return the button. pressed: whether it is set, None for one that is no switch."""
        state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
        about = f' title="{plain(title)}"' if title else ""
        data = f'data-filter="{self.name}" data-value="{plain(self.value)}"'
        return f'<button class="{style}" {data}{state}{about}>{text}</button>'


@dataclass(frozen=True)
class Strip:
    """What the judgments of a list are in sum.

    `outcomes`: their numbers by OVERALL, before the choice of `wanted` ones. `longer`: the mean
    tokens of the model's answers less the baseline's. `flips`: the percentage of whole judgments
    whose games disagree. `first`: the points of win rate that the first place adds. None is
    unknown. `clusters`: the most frequent ones with their numbers. `set`: the filters that are set.
    """

    outcomes: Mapping[str, int]
    wanted: frozenset[str]
    longer: float | None
    flips: float | None
    first: float | None
    clusters: Sequence[tuple[str, int]]
    set: Sequence[tuple[str, Choice]]


def strip_html(strip: Strip, orders: tuple[str, str], disagree: str) -> str:
    """Return the strip above the list, each part of which is a filter. `orders`: the longest and
    the shortest answers first. `disagree`: the choice of games that disagree.
    """
    chips = "".join(
        choice.button(f"{plain(text)} <b>✕</b>", style="chosen", title="remove this filter")
        for text, choice in strip.set
    )
    groups = {
        "Filters that are set": chips,
        "Outcomes over both games": "".join(outcome_buttons(strip)),
        "What is listed": "".join(measure_buttons(strip, orders, disagree)),
    }
    shown = (
        f'<div role="group" aria-label="{name}">{buttons}</div>'
        for name, buttons in groups.items()
        if buttons
    )
    return f'<div class="strip">{outcome_bar(strip)}{"".join(shown)}</div>'


def outcome_bar(strip: Strip) -> str:
    """Return the shares of the outcomes as a bar, whose numbers the buttons below have."""
    total = sum(strip.outcomes.values()) or 1
    segment = '<i class="{}" style="width:{:.2f}%"></i>'
    segments = "".join(
        segment.format(class_of(SIGNS.get(name, name)), 100 * number / total)
        for name in OVERALL
        if (number := strip.outcomes.get(name, 0))
    )
    return f'<div class="bar" aria-hidden="true">{segments}</div>'


def outcome_buttons(strip: Strip) -> Iterator[str]:
    """Yield a switch for each outcome that occurs or is wanted."""
    for name in OVERALL:
        number, pressed = strip.outcomes.get(name, 0), name in strip.wanted
        if number or pressed:
            text = f"{name} {number:,}"
            yield Choice("outcome", name).button(text, style="part", pressed=pressed)


def measure_buttons(strip: Strip, orders: tuple[str, str], disagree: str) -> Iterator[str]:
    """Yield the measures that are known and the clusters, as buttons of the filter of each."""
    if strip.longer is not None:
        text = f"{abs(strip.longer):,.0f} tokens {'longer' if strip.longer >= 0 else 'shorter'}"
        order = orders[strip.longer < 0]
        yield Choice("order", order).button(text, style="part", title=order)
    if strip.flips is not None:
        text, about = f"{strip.flips:.0f} % flips", "judgments whose games name different winners"
        yield Choice("show", disagree).button(text, style="part", title=about)
    if strip.first is not None:
        text, about = f"place A {strip.first:+.1f}", "points of win rate that the first place adds"
        yield Choice("outcome", SPLIT).button(text, style="part", title=about)
    for name, number in strip.clusters:
        yield Choice("category", name).button(f"{plain(name)} {number:,}", style="part cluster")


class Rows(NamedTuple):
    """The judgments of a list, the position of the selected one, and the first row of the page, by
    default that of the page with the selected one. `one_model`: all are of one.
    """

    entries: Sequence[ListedJudgment]
    position: int
    first: int | None
    one_model: bool


def list_html(listed: Rows, questions: Questions, above: str = "") -> str:
    """Return a page of the list, whose rows have their numbers. `above`: the strip."""
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
        current = ' aria-current="true"' if number == position else ""
        rows += (
            f'<button class="row" data-row="{number}"{current}>{signs_html(entry)}'
            f'<span class="lines">{who}<span class="words">{title}</span></span></button>'
        )
    total = counted(len(entries), "judgment")
    turns = "".join(page_turns(first, last, len(entries)))
    head = f"<span>{total}</span><span>{turns}</span>"
    legend = _LEGEND if any(entry.pairwise for entry in entries) else ""
    return f'<div class="list">{above}<div class="list-head">{head}{legend}</div>{rows}</div>'


def page_turns(first: int, last: int, total: int) -> Iterator[str]:
    """Yield the way to the first, the earlier, the later and the last page, and the place."""
    turn = '<button class="turn" data-turn="{}" aria-label="{} judgments">{}</button>'
    end = max(total - 1, 0) // PAGE * PAGE
    if first:
        yield turn.format(0, "first", "«") + turn.format(first - PAGE, "earlier", "‹")
    yield f"{first + 1 if total else 0:,}–{last:,}"
    if last < total:
        yield turn.format(last, "later", "›") + turn.format(end, "last", "»")


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
