"""The other models on the question of a judgment: a strip of all, and one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from arena.browser.html.controls import Query
from arena.browser.html.questions.strip import question_strip
from arena.browser.index import ListedJudgment
from arena.browser.library import Library

# What leads to a model's judgment stays, except for filters that it may not pass.
KEPT = ("tab", "judge", "baseline", "category", "order", "game", "written", "beside")

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


def rivals(library: Library, entry: ListedJudgment, query: Query) -> Rivals:
    """Return the rivals of the judgment that the view of a query shows. If the reader would wait
    for them, there is only the place of their strip, which page.js fills.
    """
    if library.is_slow(entry.judge):
        return Rivals(names=[*filter(None, [query["beside"]])], strip=LATER)
    judged = library.by_question(entry.judge)[entry.question]
    alike = (other.against(entry.baseline) for other in judged)
    kind = entry.pairwise, entry.baseline
    entries = [other for other in alike if (other.pairwise, other.baseline) == kind]
    name = query.get("beside", "")
    second = next((one for one in entries if one.model == name != entry.model), None)
    against = entry.baseline and f" against {entry.baseline}"
    fault = f"There is no judgment of {name}{against} on this question."

    def opens(model: str) -> Query:
        kept = {key: value for key, value in query.items() if key in KEPT}
        kept |= {"model": model if query["model"] else "", "beside": name if name != model else ""}
        return kept | entry.query | {"of": model}

    return Rivals(
        names=sorted({one.model for one in entries} - set(entry.key) | {name} - {""}),
        second=second,
        fault=fault if name and not second and name != entry.model else "",
        direct=[one for one in judged if {one.model, one.baseline} == {entry.model, name}],
        strip=question_strip(entries, entry.model, name, opens, lambda m: query | {"beside": m}),
    )
