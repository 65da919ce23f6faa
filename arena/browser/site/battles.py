"""The battles of a site: a balanced sample, the list with its search, and a page for each."""

from __future__ import annotations

import functools
import hashlib
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from arena.base.errors import warn
from arena.base.table import counted
from arena.bench.labels import OVERALL, overall
from arena.bench.records import draw_evenly
from arena.browser.html.judgment_list import question_title, signs_html
from arena.browser.html.judgment_page import Look, judgment_html
from arena.browser.html.markdown import Rendering, plain, rendered
from arena.browser.index import ListedJudgment
from arena.browser.judgment_view import JudgmentView, Side, judgment_view
from arena.browser.library import Filters, Library
from arena.browser.site.pages import LIST, Section
from arena.browser.site.search import SearchIndex

COLOURED = 4_000  # characters of code of a text that have colours: no clock decides
RECENT = 200  # rendered texts in memory: prompts and answers of baselines come again and again
FOLDER = "battles"


def sample(library: Library, number: int) -> list[ListedJudgment]:
    """Return all battles of some questions, drawn evenly by category and cluster, at most a number
    of them, in the order of the questions. Other ids than those of the questions come last.
    """
    by_question: dict[str, list[ListedJudgment]] = {}
    for judge in library.judges():
        for entry in library.select(Filters(judge=judge)):
            by_question.setdefault(entry.question, []).append(entry)
    questions = [q for q in library.questions.values() if q.id in by_question]
    low, high = 0, len(questions)
    while low < high:  # the most questions whose battles fit, since a larger draw has the smaller
        middle = (low + high + 1) // 2
        drawn = draw_evenly(questions, middle)
        fits = sum(len(by_question[question.id]) for question in drawn) <= number
        low, high = (middle, high) if fits else (low, middle - 1)
    ids = [question.id for question in draw_evenly(questions, max(low, 1))]
    if low == len(questions):
        ids += sorted(by_question.keys() - set(ids))
    return [entry for name in ids for entry in by_question[name]][:number]


def address(entry: ListedJudgment) -> str:
    """Return the name of a battle's file, which stays when other battles come."""
    key = "\0".join((entry.judge, *entry.key)).encode("utf-8", "replace")
    return f"{hashlib.sha256(key).hexdigest()[:16]}.html"


@dataclass(frozen=True)
class Battles:
    """The battles of a site, in their order, and the number of all battles on each question."""

    library: Library
    entries: Sequence[ListedJudgment]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, library: Library, number: int) -> Battles:
        """Return at most a number of the battles of a library."""
        judgments = (entry for judge in library.judges() for entry in library.judgments(judge))
        numbers = Counter(entry.question for entry in judgments)
        return cls(library, sample(library, number), numbers)

    @property
    def coverage(self) -> str:
        """The number of shown battles, in words."""
        shown, total = len(self.entries), sum(self.numbers.values())
        questions = {entry.question for entry in self.entries}
        if shown == total:
            return f"all {counted(total, 'battle')}"
        whole = shown == sum(self.numbers[question] for question in questions)
        those = "those" if whole else "some of those"
        return f"{shown:,} of {total:,} battles, {those} on {counted(len(questions), 'question')}"

    @functools.cached_property
    def baselines(self) -> list[str]:
        """The baselines, if there are several, so that a battle is not known without its own."""
        names = sorted({entry.baseline for entry in self.entries if entry.baseline})
        return names if len(names) > 1 else []

    def name(self, entry: ListedJudgment) -> str:
        """Return the model of a battle, with its baseline if there are several."""
        several = self.baselines and entry.baseline
        return f"{entry.model} against {entry.baseline}" if several else entry.model

    def section(self) -> Section:
        """Return the list of the battles, with its filters and its search."""
        models = sorted({entry.model for entry in self.entries})
        judges = sorted({entry.judge for entry in self.entries})
        results = {overall(entry.labels) for entry in self.entries if entry.pairwise}
        fields = _choice("model", "all models", models) + _choice("judge", "all judges", judges)
        fields += _choice("baseline", "all baselines", self.baselines)
        fields += _choice("result", "all results", filter(results.__contains__, OVERALL))
        words = "Words in questions, answers and judgments"
        text = f'<input type="search" name="text" placeholder="{words}" aria-label="{words}">'
        rows = "".join(map(self.row, self.entries))
        body = (
            f'<form class="filters" role="search">{text}{fields}</form>'
            f'<p id="count" role="status">{counted(len(self.entries), "battle")}</p>'
            f'<div class="list">{rows}</div>'
        )
        title = f"Battles of {self.library.bench.name}"
        return Section(LIST, "Battles", title, self.coverage, body, (), "site.js")

    def row(self, entry: ListedJudgment) -> str:
        """Return the row of a battle, with the values by which the script filters."""
        question = self.library.questions.get(entry.question)
        result = overall(entry.labels) if entry.pairwise else ""
        data = {"model": entry.model, "judge": entry.judge, "result": result}
        data |= {"baseline": entry.baseline} if self.baselines else {}
        values = "".join(f' data-{name}="{plain(value)}"' for name, value in data.items())
        who = plain(f"{self.name(entry)} · {entry.judge}")
        return (
            f'<a class="row" href="{FOLDER}/{address(entry)}"{values}>{signs_html(entry)}'
            f'<span class="lines"><span class="who">{who}</span>'
            f'<span class="words">{plain(question_title(question, entry.question))}</span>'
            '<span class="found"></span></span></a>'
        )

    def pages(self, index: SearchIndex) -> Iterator[tuple[str, Section]]:
        """Yield the file and the page of each battle, and add its texts to the index."""
        rendering = Rendering(seconds=math.inf, characters=COLOURED)
        show = functools.lru_cache(RECENT)(functools.partial(rendered, rendering=rendering))
        addresses = set(map(address, self.entries))
        others: dict[tuple[str, str], list[ListedJudgment]] = {}
        for entry in self.entries:
            others.setdefault((entry.judge, entry.question), []).append(entry)

        def shown_address(entry: ListedJudgment, game: int) -> str:
            file = address(entry)
            return file if file in addresses else ""

        look = Look(show=show, address=shown_address, alone=True)
        for number, entry in enumerate(self.entries):
            view = without_paths(judgment_view(self.library, entry))
            index.add(texts_of(view))
            same = others[entry.judge, entry.question]
            above = self.steps(number) + self.strip(entry, same)
            yield f"{FOLDER}/{address(entry)}", battle_section(view, look, above)

    def steps(self, number: int) -> str:
        """Return links to the battles before and after one."""
        links = []
        for step, words in ((-1, "‹ earlier battle"), (1, "later battle ›")):
            if 0 <= number + step < len(self.entries):
                links.append(f'<a href="{address(self.entries[number + step])}">{words}</a>')
        place = f"<span>{number + 1:,} of {len(self.entries):,}</span>"
        return f'<p class="steps">{"".join(links)}{place}</p>'

    def strip(self, entry: ListedJudgment, same: Sequence[ListedJudgment]) -> str:
        """Return the results of all battles on a question, each with a link."""
        links = ""
        for other in same:
            current = " aria-current=page" if other is entry else ""
            name = f"<span>{plain(self.name(other))}</span>"
            links += f'<a href="{address(other)}"{current}>{signs_html(other)}{name}</a>'
        title = counted(len({other.model for other in same}), "model")
        if len(same) > len({other.model for other in same}):
            title = f"{counted(len(same), 'battle')} of {title}"
        title = f"<summary>{title} on this question</summary>"
        return (
            f'<details class="strip">{title}<div>{links}</div></details>' if len(same) > 1 else ""
        )


def battle_section(view: JudgmentView, look: Look, above: str = "") -> Section:
    """Return the page of a battle. `above`: HTML before it."""
    model, baseline = view.entry.model, view.entry.baseline
    model += f" and {look.beside.entry.model}" if look.beside else ""
    title = f"{model} against {baseline}" if baseline else model
    body = above + judgment_html(view, look)
    return Section("", "", title, f"judged by {view.entry.judge}", body)


def _choice(name: str, title: str, values: Iterable[str]) -> str:
    """Return a field to choose one of some values, if there are several."""
    # The script adds a value of the address that no battle has: it shows that nothing fits.
    options = [f'<option value="">{title}</option>']
    options += (f'<option value="{plain(value)}">{plain(value)}</option>' for value in values)
    hidden = " hidden" if len(options) < 3 else ""
    return f'<select name="{name}" aria-label="{name}"{hidden}>{"".join(options)}</select>'


def without_paths(view: JudgmentView) -> JudgmentView:
    """Return a view whose sides say that there is no answer, and not in which file of the maker.
    The maker gets a warning of one that cannot be read.
    """

    def side(side: Side) -> Side:
        missing = side.missing and f"There is no answer of {side.name} to this question."
        if side.fault:
            warn(side.fault)
            missing = f"The answer of {side.name} to this question cannot be read."
        return replace(side, missing=missing, file_fault="")

    baseline = view.baseline and side(view.baseline)
    return replace(view, model=side(view.model), baseline=baseline)


def texts_of(view: JudgmentView) -> dict[Hashable, str]:
    """Return the texts for the search by key: prompt, words of the judge, and both answers."""
    entry, question = view.entry, view.question
    texts: dict[Hashable, str] = {entry.question: "\n".join(question.texts) if question else ""}
    texts[entry.judge, entry.key] = "\n".join(game.explanation for game in view.games)
    for side in filter(None, (view.model, view.baseline)):
        texts[side.name, entry.question] = "\n".join(side.turns)
    return texts
