"""Questions of a new bench from files of rows, and the rows that could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from arena.base.errors import InputError, nearest, one_line
from arena.bench.records import Question, QuestionLine
from arena.datasets.making.clusters import balanced_sample, cluster_names
from arena.datasets.making.duplicates import duplicates
from arena.datasets.making.prompts import Columns, Prompt, UnusableRow, read_prompt
from arena.datasets.tables import read_rows
from arena.generate.summary import number_of


@dataclass
class Dropped:
    """The prompts that were left out: for each reason their number and some examples."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, example: str) -> None:
        """Count a prompt that was left out. example: the text that names it."""
        self.counts[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < 3:
            examples.append(example)

    def lines(self) -> list[str]:
        """Return a line for each reason, the most frequent first."""
        return [
            f"dropped {count}: {reason} ({', '.join(self.examples[reason])}"
            f"{', ...' if count > len(self.examples[reason]) else ''})"
            for reason, count in self.counts.most_common()
        ]


def read_prompts(paths: Sequence[Path], columns: Columns, dropped: Dropped) -> list[Prompt]:
    """Return the prompts of all rows of some files. Raises InputError if there are none."""
    prompts, problem, here = list[Prompt](), "", dict[str, None]()
    for path in paths:
        for row in read_rows(path):
            place = f"{path}:{row.number}"
            here.update(dict.fromkeys(row.values))
            try:
                prompts.append(read_prompt(row.values, columns, place))
            except UnusableRow as error:
                problem = problem or f"{place}: {error}"
                dropped.add(one_line(error, 200), f"{path.name}:{row.number}")
    names = ", ".join(map(str, paths))
    if not here:
        raise InputError(f"{names}: no rows. Use a file with prompts.")
    for name, column in asdict(columns).items():
        if column and column not in here:
            known = f"Columns: {', '.join(here)}."
            raise InputError(f"--{name}: no column '{column}'{nearest(column, here)}. {known}")
    if not prompts:
        raise InputError(f"{problem}. No row of {names} has a prompt.")
    return prompts


def with_ids(prompts: Iterable[Prompt], dropped: Dropped) -> list[Prompt]:
    """Return the prompts with ids, those made of their text if they have none, and without those
    that repeat both id and text. Raises InputError for different prompts with one id.
    """
    named, made = dict[str, Prompt](), Counter[str]()
    for prompt in prompts:
        if prompt.id is None:
            made_id = prompt.made_id
            made[made_id] += 1
            prompt = replace(
                prompt, id=made_id + (f"-{made[made_id]}" if made[made_id] > 1 else "")
            )
        other = named.setdefault(str(prompt.id), prompt)
        if other is prompt:
            continue
        if other.turns != prompt.turns:
            places = (
                f"{prompt.place}: the id '{one_line(prompt.id, 60)}' is also that of {other.place}"
            )
            raise InputError(
                f"{places}. Name the column of the ids with --id, or make them unique."
            )
        dropped.add("same id and text as an earlier row", Path(prompt.place).name)
    return list(named.values())


SHORTEST, LONGEST = 10, 20_000  # characters of a prompt in a sample


def cleaned(prompts: Iterable[Prompt], dropped: Dropped) -> list[Prompt]:
    """Return the prompts that are neither too short nor too long for a bench."""
    kept = []
    for prompt in prompts:
        size = len(prompt.text)
        if SHORTEST <= size <= LONGEST:
            kept.append(prompt)
            continue
        limit = f"under {SHORTEST}" if size < SHORTEST else f"over {LONGEST}"
        dropped.add(f"{limit} characters", f"{prompt.id}")
    return kept


def without_duplicates(
    prompts: Sequence[Prompt], similarity: float, dropped: Dropped
) -> list[Prompt]:
    """Return the first of prompts that are equal or nearly so."""
    repeated = set()
    for found in duplicates([prompt.text for prompt in prompts], similarity):
        repeated.add(found.dropped)
        same = prompts[found.dropped].text == prompts[found.original].text
        kind = "equal to" if same else "nearly equal to"
        ids = (one_line(prompts[i].id, 40) for i in (found.dropped, found.original))
        dropped.add(f"{kind} another prompt", " like ".join(ids))
    return [prompt for number, prompt in enumerate(prompts) if number not in repeated]


@dataclass(frozen=True)
class SampleOptions:
    """How to draw a sample of prompts.

    similarity: the least one of near duplicates, from 0 to 1. embed: the model whose embeddings
    clusters are made of, None for TF-IDF.
    """

    size: int
    similarity: float
    seed: int
    embed: str | None = None


def distinct_prompts(
    prompts: Sequence[Prompt], options: SampleOptions, dropped: Dropped
) -> list[Prompt]:
    """Return the prompts of fitting length without duplicates. Raises InputError for none."""
    kept = without_duplicates(cleaned(prompts, dropped), options.similarity, dropped)
    if not kept:
        reasons = "; ".join(dropped.lines())
        raise InputError(
            f"no prompt is left for a sample: {reasons}. Leave out --size to take all."
        )
    return kept


def draw_sample(prompts: Sequence[Prompt], options: SampleOptions) -> list[Prompt]:
    """Return a sample of prompts with a cluster each. Those that have a cluster keep it."""
    bare = [number for number, prompt in enumerate(prompts) if not prompt.cluster]
    texts = [prompts[number].text for number in bare]
    names = cluster_names(texts, options.size, options.seed, options.embed) if bare else []
    made = dict(zip(bare, names, strict=True))
    clusters = [made.get(number, prompt.cluster) for number, prompt in enumerate(prompts)]
    places = balanced_sample(clusters, options.size, options.seed)
    return [replace(prompts[place], cluster=clusters[place]) for place in places]


def questions_of(prompts: Iterable[Prompt], category: str) -> list[Question]:
    """Return prompts as the questions that a reader of the bench would get."""
    records = (prompt.record(category) for prompt in prompts)
    return [msgspec.convert(record, QuestionLine).question() for record in records]


NOT_RATED = "not rated"


def hard_prompts(
    prompts: Sequence[Prompt],
    ratings: Mapping[str, Mapping[str, Any]],
    least: int,
    dropped: Dropped,
) -> list[Prompt]:
    """Return the prompts that have at least so many qualities. Raises InputError for none."""
    kept = []
    for prompt in prompts:
        qualities = ratings[str(prompt.id)].get("qualities")
        if qualities is not None and len(qualities) >= least:
            kept.append(prompt)
            continue
        reason = NOT_RATED if qualities is None else f"under {least} of the seven qualities"
        dropped.add(reason, one_line(prompt.id, 40))
    if kept:
        return kept
    unrated = dropped.counts[NOT_RATED]
    if unrated == len(prompts):
        advice = "Ask again with --retry-invalid, or choose another --judge-name."
        raise InputError(f"no reply of the judge has a list of qualities. {advice}")
    more = f", and {unrated} have no rating" if unrated else ""
    raise InputError(f"no prompt has {least} of the seven qualities{more}. Lower --min-quality.")


def forms_line(prompts: Iterable[Prompt]) -> str:
    """Return the numbers of prompts that were read by form, in words."""
    forms = Counter(prompt.form for prompt in prompts).most_common()
    return "read " + ", ".join(
        f"{number_of(count, 'prompt')} from {one_line(form, 60)}" for form, count in forms
    )


def summary(prompts: Sequence[Prompt]) -> str:
    """Return the number of questions and of their clusters, and in a second line the first one."""
    clusters = {prompt.cluster for prompt in prompts if prompt.cluster}
    named = f" in {number_of(len(clusters), 'cluster')}" if clusters else ""
    first = f"example: {one_line(prompts[0].id, 60)}: {one_line(prompts[0].text)}"
    return f"{number_of(len(prompts), 'question')}{named}\n{first}"
