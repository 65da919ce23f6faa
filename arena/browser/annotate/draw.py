"""The pairs of answers that a person labels: their order, and the side of each answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from arena.base.jsonl import read_lines
from arena.browser.library import Filters, Library
from arena.leaderboard.people.draws import Drawn, draw_file, random_order


class BlindPair(NamedTuple):
    """The answers of a model and a baseline to a question, and the judge that judged them."""

    question: str
    model: str
    baseline: str
    judge: str

    @property
    def sides(self) -> tuple[str, frozenset[str]]:
        """The pair without its judge, and whichever of the two is the baseline."""
        return self.question, frozenset((self.model, self.baseline))

    def side(self, person: str) -> int:
        """Return 0 if a person sees the baseline as A, else 1: at random, but always the same."""
        return self._digest(person, "side")[0] % 2

    def token(self, person: str) -> str:
        """Return a name of the pair that tells nothing about the models."""
        return self._digest(person, "token").hex()[:16]

    def _digest(self, person: str, use: str) -> bytes:
        text = "\0".join((use, person, self.question, self.model, self.baseline))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def pairs_to_label(
    library: Library, person: str, judge: str, model: str = ""
) -> tuple[Sequence[BlindPair], bool]:
    """Return the pairs in their order, and whether they were drawn for the person: the drawn list,
    else all pairs that a judge compared, of one model or all, in a random order.

    Raises InputError for a list that cannot be read.
    """
    path = draw_file(library.bench, person)
    drawn = path.exists()
    pairs = drawn_pairs(library, person) if drawn else judged_pairs(library, person, judge, model)
    usable = (pair for pair in pairs if pair.question in library.questions and pair.baseline)
    return list({pair.sides: pair for pair in reversed(list(usable))}.values())[::-1], drawn


def drawn_pairs(library: Library, person: str) -> Iterator[BlindPair]:
    """Yield the pairs of the list that was drawn for a person."""
    for line in read_lines(draw_file(library.bench, person), Drawn, "a draw"):
        yield BlindPair(line.id, line.model or "", line.baseline or "", line.judge or "")


def judged_pairs(library: Library, person: str, judge: str, model: str) -> Iterator[BlindPair]:
    """Yield the pairs that a judge compared, in an order that a person's name gives."""
    baselines: dict[tuple[str, str], list[str]] = {}
    for entry in library.select(Filters(judge=judge, model=model)):
        if entry.pairwise:
            baselines.setdefault((entry.question, entry.model), []).append(entry.baseline)
    seed = int.from_bytes(hashlib.sha256(person.encode()).digest()[:6], "big")
    for question, name in random_order(baselines, seed):
        for baseline in baselines[question, name]:
            yield BlindPair(question, name, baseline, judge)
