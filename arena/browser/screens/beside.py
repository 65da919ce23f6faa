"""The other models on the question of a judgment: a strip of all, and one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from arena.browser.html.controls import Query
from arena.browser.html.questions.strip import question_strip
from arena.browser.index import ListedJudgment
from arena.browser.library import Library

# The values in links to other models: without the filters that their judgments may not pass.
CARRIED = ("tab", "judge", "baseline", "category", "order", "game", "written", "beside")

LATER = '<p class="on-question later"></p>'


@dataclass(frozen=True)
class Rivals:
    """The other models with a judgment on a question, against the same baseline.

    `names`: to choose from, with the chosen one. `second`: its judgment. `fault`: a sentence if it
    has none. `direct`: the judgments of both models against each other. `strip`: all as HTML.
    """

    names: list[str] = field(default_factory=list)
    second: ListedJudgment | None = None
    fault: str = ""
    direct: Sequence[ListedJudgment] = ()
    strip: str = ""


def on_question(library: Library, entry: ListedJudgment) -> list[ListedJudgment]:
    """Return the judgments of all models on the question of one, against the same baseline."""
    judged = library.by_question(entry.judge)[entry.question]
    others = (other.against(entry.baseline) for other in judged)
    kind = entry.pairwise, entry.baseline
    return [other for other in others if (other.pairwise, other.baseline) == kind]


def beside(
    library: Library, entry: ListedJudgment, name: str
) -> tuple[ListedJudgment | None, list[ListedJudgment]]:
    """Return the judgment of a second model on the same question, None without one, and those of
    the two models against each other.
    """
    entries, pair = on_question(library, entry), {entry.model, name}
    second = next((one for one in entries if one.model == name != entry.model), None)
    judged = library.by_question(entry.judge)[entry.question]
    return second, [one for one in judged if {one.model, one.baseline} == pair]


def rivals(library: Library, entry: ListedJudgment, query: Query) -> Rivals:
    """Return the rivals of the judgment that the view of a query shows. If the reader would wait
    for them, there is only the place of their strip, which page.js fills.
    """
    if library.is_slow(entry.judge):
        return Rivals(names=[*filter(None, [query["beside"]])], strip=LATER)
    entries, name = on_question(library, entry), query.get("beside", "")
    second, direct = beside(library, entry, name)
    against = entry.baseline and f" against {entry.baseline}"
    fault = f"There is no judgment of {name}{against} on this question."

    def opens(model: str) -> Query:
        values = {key: value for key, value in query.items() if key in CARRIED}
        values |= {
            "model": model if query["model"] else "",
            "beside": name if name != model else "",
        }
        return values | entry.query | {"of": model}

    return Rivals(
        names=sorted({one.model for one in entries} - set(entry.key) | {name} - {""}),
        second=second,
        fault=fault if name and not second and name != entry.model else "",
        direct=direct,
        strip=question_strip(entries, entry.model, name, opens, lambda m: query | {"beside": m}),
    )
