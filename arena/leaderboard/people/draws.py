"""The random draw of judged pairs that a person shall label, and whether it is still a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import dump_line, read_lines, write_lines
from arena.bench.paths import Bench, named_path
from arena.bench.records import KeyLine
from arena.leaderboard.people.pairs import Pair, judged_pairs
from arena.scoring.selection import Selection


class Drawn(KeyLine, kw_only=True, omit_defaults=True):
    """A pair of the baseline's and a model's answers that a person shall label.

    judge, baseline, categories: what was judged when it was drawn. pool, pool_hash: the number of
    the model's pairs that it was drawn from, and their fingerprint.
    """

    seed: int
    categories: tuple[str, ...] = ()
    pool: int = 0
    pool_hash: str = ""

    @property
    def source(self) -> tuple[str | None, str | None, tuple[str, ...]]:
        """The judge, baseline and categories of a pair, the same for all pairs of a draw."""
        return self.judge, self.baseline, self.categories


@dataclass(frozen=True)
class Draw:
    """The drawn pairs of a selection in their order, and the models whose pool has changed."""

    path: Path
    pairs: tuple[Pair, ...]
    seed: int
    stale: tuple[str, ...]

    @property
    def remedy(self) -> str:
        """Sentences on what to do if pools have changed."""
        again = f"Delete {self.path}, draw again with --seed {self.seed}, and label the new pairs."
        return f"{again} Labels of pairs that are drawn again still count."


def draw_file(bench: Bench, person: str) -> Path:
    """Return `data/<bench>/label_draws/<person>.jsonl`."""
    return named_path(bench.folder / "label_draws", person, "judge name", ".jsonl")


def pools(pairs: Iterable[Pair]) -> Mapping[str, tuple[int, str]]:
    """Return the number of pairs of each model and the fingerprint of their questions."""
    questions: dict[str, list[str]] = {}
    for question, model in sorted(pairs):
        questions.setdefault(model, []).append(question)
    return {
        model: (len(ids), hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16])
        for model, ids in questions.items()
    }


def random_order(pairs: Iterable[Pair], seed: int) -> list[Pair]:
    """Return the pairs in an order whose every start is a random sample of each model, with as many
    pairs as of the others.

    The rank of a pair is a hash of itself and the seed. So pairs that are judged later come between
    those of today, and most of a draw stays drawn.
    """

    def rank(pair: Pair) -> bytes:
        return hashlib.sha256("\n".join((str(seed), *pair)).encode()).digest()

    places: dict[str, int] = {}
    keys = {}
    for pair in sorted(pairs, key=rank):
        places[pair[1]] = places.get(pair[1], 0) + 1
        keys[pair] = places[pair[1]], pair[1]
    return sorted(keys, key=keys.__getitem__)


def draw_labels(selection: Selection, person: str, number: int, seed: int) -> Iterator[str]:
    """Draw pairs at random, of each model as many, and yield a line when their list is written.

    A draw that has all pairs of an earlier one replaces it. Draws of other categories, judges and
    baselines stay. If a longer draw begins with the pairs, nothing is written. Raises InputError if
    there are fewer pairs, or another draw for the person.
    """
    pairs = judged_pairs(selection, selection.judges[0])
    if number > len(pairs):
        raise InputError(f"--draw-for-labels {number}: only {len(pairs):,} pairs are judged.")
    pool, path = pools(pairs), draw_file(selection.bench, person)
    drawn = [
        Drawn(
            question_id=question,
            model=model,
            judge=selection.judges[0],
            baseline=selection.baselines[0],
            seed=seed,
            categories=tuple(sorted(selection.categories)),
            pool=pool[model][0],
            pool_hash=pool[model][1],
        )
        for question, model in random_order(pairs, seed)[:number]
    ]
    earlier = read_lines(path, Drawn, "a draw") if path.exists() else []
    there = [line for line in earlier if line.source == drawn[0].source]
    if len(there) > number and there[:number] == drawn:
        yield f"{path}: already has {len(there):,} pairs of this draw. Label its first {number:,}."
        return
    others = [line for line in earlier if line.source != drawn[0].source]
    new = {(line.key, line.source) for line in (*others, *drawn)}
    if any((line.key, line.source) not in new for line in earlier):
        raise InputError(f"{path}: has another draw. Delete the file to draw again.")
    write_lines(path, [dump_line(msgspec.to_builtins(line)) for line in (*others, *drawn)])
    yield f"{path}: {number:,} of {len(pairs):,} judged pairs drawn with seed {seed}"


def read_draw(selection: Selection, person: str) -> Draw:
    """Return the drawn pairs of a selection: in a draw of its own categories, or of all questions.

    A model's pool has changed if the selection's judge has judged other pairs than those that were
    drawn from. Raises InputError without a draw.
    """
    path = draw_file(selection.bench, person)
    own, judge = tuple(sorted(selection.categories)), selection.judges[0]
    lines = [
        line
        for line in (read_lines(path, Drawn, "a draw") if path.exists() else [])
        if line.baseline == selection.baselines[0] and line.categories in (own, ())
    ]
    if not lines:
        what = f"no draw against {selection.baselines[0]}{selection.of_categories}"
        advice = "Draw pairs with --draw-for-labels 150, and label those."
        raise InputError(f"{path}: {what}, so the labels may not be a random sample. {advice}")
    first = min(lines, key=lambda line: (line.categories != own, line.judge != judge))
    whole = judged_pairs(replace(selection, categories=first.categories), judge)
    pool = pools(whole)
    drawn = [line for line in lines if line.source == first.source]
    stale = dict.fromkeys(
        line.model or ""
        for line in drawn
        if pool.get(line.model or "") != (line.pool, line.pool_hash)
    )
    pairs = tuple((line.id, line.model or "") for line in drawn)
    return Draw(path, pairs, first.seed, tuple(sorted(stale)))
