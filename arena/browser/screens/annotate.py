"""The tab in which a person labels pairs blindly: answers without names, five labels, a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.base.errors import InputError
from arena.bench.labels import LABELS, WORDS
from arena.browser.annotate.draw import BlindPair, pairs_to_label
from arena.browser.annotate.votes import LONGEST_NOTE, Votes, time_of
from arena.browser.html.controls import (
    Query,
    choices_form,
    filled,
    hidden,
    select,
    view_link,
    whole_number,
)
from arena.browser.html.judgment_page import (
    Look,
    answer_parts,
    judgment_html,
    notice,
    question_parts,
)
from arena.browser.html.markdown import plain, rendered
from arena.browser.judgment_view import Side, judgment_view, side_of
from arena.browser.library import Library
from arena.browser.screens.view import View

MISSING = "This answer is missing or cannot be read."


@dataclass(frozen=True)
class Listed:
    """The pairs to label, those that have a vote, and the choices that the list depends on."""

    pairs: Sequence[BlindPair]
    voted: Mapping[tuple[str, frozenset[str]], dict[str, Any]]
    drawn: bool
    query: Query

    def is_voted(self, position: int) -> bool:
        """Whether a pair has a vote."""
        return self.pairs[position].sides in self.voted

    def next_after(self, position: int) -> int | None:
        """Return the next pair without a vote, from the start again after the last one."""
        number = len(self.pairs)
        turn = ((position + step) % number for step in range(1, number + 1))
        return next((one for one in turn if not self.is_voted(one)), None)

    def query_at(self, position: int) -> Query:
        """Return the view of a pair."""
        return self.query | {"position": str(position + 1)}


class Annotation:
    """The tab of one person's votes."""

    def __init__(self, votes: Votes) -> None:
        self.votes = votes

    def __call__(self, library: Library, query: Query) -> View:
        """Return the tab for a link: a pair of the list, by default the first without a vote."""
        try:
            listed = self.listed(library, query)
        except InputError as error:
            return View({"tab": "annotate"}, {"shown": notice(str(error))}, str(error))
        filters = "" if listed.drawn else self.choices(library, listed)
        if not listed.pairs:
            reason = "There is no pair to label here."
            return View(listed.query, {"filters": filters, "shown": notice(reason)}, reason)
        total, number = len(listed.pairs), whole_number(query.get("position", "")) or 0
        position = number - 1 if 0 < number <= total else listed.next_after(-1) or 0
        uncovered = query.get("names") == "1" and listed.is_voted(position)
        shown = self.uncovered if uncovered else self.blind
        parts = self.progress(listed, position), shown(library, listed.pairs[position])
        form = self.form(library, listed, position)
        return View(
            listed.query_at(position) | ({"names": "1"} if uncovered else {}),
            {"filters": filters, "shown": "".join(parts) + form},
            f"Pair {position + 1:,} of {total:,}.",
        )

    def check_bench(self, library: Library) -> None:
        """Raise InputError for another bench than that of the votes."""
        bench = self.votes.bench
        if library.bench != bench:
            labels = f"Labels of {self.votes.person} are for the bench {bench.name} alone."
            raise InputError(f"{labels} Choose it above to label its pairs.")

    def listed(self, library: Library, query: Query) -> Listed:
        """Return the list that a query is about. Raises InputError if it cannot be read, or if it
        is one of another bench.
        """
        self.check_bench(library)
        judges = [name for name in library.judges() if name != self.votes.person]
        judge = query.get("judge", "")
        judge = judge if judge in judges else next(iter(judges), "")
        model = query.get("model", "")
        model = model if model in library.models(judge) else ""
        pairs, drawn = pairs_to_label(library, self.votes.person, judge, model)
        chosen = {"tab": "annotate"} | ({} if drawn else {"judge": judge, "model": model})
        return Listed(pairs, self.votes.labelled(), drawn, filled(chosen))

    def vote(self, library: Library, fields: Mapping[str, str]) -> Query:
        """Write the vote of a form, and return the view of the next pair.

        Raises InputError for an unknown pair or label, a missing answer, a second vote and another
        bench, and OutputError if it cannot be written.
        """
        listed = self.listed(library, dict(fields))
        tokens = [pair.token(self.votes.person) for pair in listed.pairs]
        if fields.get("pair") not in tokens:
            raise InputError("This pair is not in the list any more. Open the tab again.")
        position = tokens.index(fields["pair"])
        pair = listed.pairs[position]
        if any(side.missing for side in self.sides(library, pair)):
            raise InputError("An answer of this pair is missing, so it takes no label. Skip it.")
        question = library.questions[pair.question]
        self.votes.add(question, pair, fields.get("label", ""), fields.get("note", ""))
        following = self.listed(library, dict(fields)).next_after(position)
        return listed.query_at(position if following is None else following)

    def undo(self, library: Library, fields: Mapping[str, str]) -> Query:
        """Remove the last vote, and return the view of its pair. Raises InputError for none, and in
        another bench.
        """
        self.check_bench(library)
        pair = self.votes.undo()
        if pair is None:
            raise InputError("There is no vote to undo.")
        listed = self.listed(library, dict(fields))
        positions = (n for n, one in enumerate(listed.pairs) if one.sides == pair.sides)
        return next(map(listed.query_at, positions), listed.query)

    def choices(self, library: Library, listed: Listed) -> str:
        """Return the fields of the judge and the model whose pairs are labelled."""
        judge, model = listed.query.get("judge", ""), listed.query.get("model", "")
        judges = [name for name in library.judges() if name != self.votes.person]
        fields = [
            select("judge", "Pairs judged by", judges, judge),
            select("model", "Model", library.models(judge), model, nothing="all models"),
        ]
        return choices_form(fields, {"tab": "annotate"})

    def progress(self, listed: Listed, position: int) -> str:
        """Return the progress in the list, and the last vote with links to uncover and undo it."""
        total = len(listed.pairs)
        done = sum(map(listed.is_voted, range(total)))
        where = f"Pair <b>{position + 1:,}</b> of {total:,}"
        count = f'<progress max="{total}" value="{done}" aria-label="labelled pairs"></progress>'
        parts = [f'<p class="progress">{where} {count} {done:,} labelled</p>']
        if done == total:
            parts.append(notice("All pairs of this list have a label."))
        last = max(listed.voted.items(), key=lambda one: time_of(one[1]), default=None)
        if last and time_of(last[1]):
            place = next((n for n, one in enumerate(listed.pairs) if one.sides == last[0]), None)
            which = "a pair of another list." if place is None else f"pair {place + 1:,}."
            if place is not None:
                uncover = listed.query_at(place) | {"names": "1"}
                which += f" {view_link(uncover, 'Show its names and verdicts')}"
            undo = '<button class="button" data-key="u" title="key u">Undo the last vote</button>'
            undo = f'<form data-post="undo">{hidden(listed.query)}{undo}</form>'
            parts.append(f'<div class="last">Last vote: {which} {undo}</div>')
        return f'<div class="annotated">{"".join(parts)}</div>'

    def sides(self, library: Library, pair: BlindPair) -> list[Side]:
        """Return the answers of a pair, A first, without what would give their models away."""
        names = (pair.baseline, pair.model)
        sides = [nameless(side_of(library, name, pair.question)) for name in names]
        return sides[::-1] if pair.side(self.votes.person) else sides

    def blind(self, library: Library, pair: BlindPair) -> str:
        """Return a pair without names."""
        columns = (
            f'<section class="side"><h3><b>{letter}</b></h3>'
            f"{''.join(answer_parts(side, rendered))}</section>"
            for letter, side in zip("AB", self.sides(library, pair), strict=True)
        )
        prompt = "".join(question_parts(library.questions[pair.question], rendered))
        return f'<div class="judgment">{prompt}<div class="sides">{"".join(columns)}</div></div>'

    def form(self, library: Library, listed: Listed, position: int) -> str:
        """Return the buttons of the labels. A pair that has one, or misses an answer, has links."""
        pair, following = listed.pairs[position], listed.next_after(position)
        voted, skip = listed.is_voted(position), ""
        if following not in (None, position):
            words, state = "Next pair" if voted else "Skip", 'data-key="s"'
            skip = view_link(
                listed.query_at(following or 0), words, style="button", title="key s", state=state
            )
        if voted:
            uncover = listed.query_at(position) | {"names": "1"}
            names = view_link(uncover, "Show names and verdicts", style="button")
            return f'<div class="vote">This pair has your label. {names} {skip}</div>'
        if any(side.missing for side in self.sides(library, pair)):
            return f'<div class="vote">{skip}</div>'
        buttons = "".join(
            f'<button class="button" name="label" value="{plain(label)}" data-key="{key}" '
            f'title="key {key}"><kbd>{key}</kbd> {WORDS[label]}</button>'
            for key, label in enumerate(LABELS, start=1)
        )
        token = {"pair": pair.token(self.votes.person)}
        note = f'<textarea name="note" rows="1" maxlength="{LONGEST_NOTE}"></textarea>'
        return (
            f'<form class="vote" data-post="vote">{hidden(listed.query | token)}'
            f'<div role="group" aria-label="Which answer is better?">{buttons}{skip}</div>'
            f'<label class="note">Note {note}</label></form>'
        )

    def uncovered(self, library: Library, pair: BlindPair) -> str:
        """Return a labelled pair with names and the verdicts of judges, the vote among them."""
        look = Look(pair.side(self.votes.person))
        for judge in (pair.judge, self.votes.person):
            for entry in library.judgments(judge):
                if (entry.question, frozenset((entry.model, entry.baseline))) == pair.sides:
                    try:
                        return judgment_html(judgment_view(library, entry), look)
                    except InputError as error:
                        return notice(str(error))
        return notice("There is no judgment of this pair any more.")


def nameless(side: Side) -> Side:
    """Return an answer without its model's name, style and reasoning, which would give it away. One
    whose text is not in the file is missing.
    """
    is_missing = side.missing or (side.style.get("tokens") and not any(map(str.strip, side.turns)))
    turns = () if is_missing else side.turns
    return Side("", turns, ("",) * len(turns), {}, MISSING if is_missing else "")
