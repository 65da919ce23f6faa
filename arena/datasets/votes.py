"""The import of votes of people on pairs of answers, as judgments with one game."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest
from arena.base.jsonl import dump_line, write_lines
from arena.base.record_file import locked
from arena.base.table import listed
from arena.bench.config import JudgeConfig
from arena.bench.formats import new_judgment
from arena.bench.labels import normal_label
from arena.bench.paths import PERSON, Bench, model_names
from arena.bench.records import BaselineRule, Question, baseline_rule, read_questions
from arena.datasets.answers.forms import IDS, PROMPTS, Given
from arena.datasets.answers.imported import Matcher
from arena.datasets.tables import read_rows

Values = Mapping[str, Any]
SIDES = (("model_a", "model_b"), ("generator_1", "generator_2"))
ANNOTATORS = ("annotator", "judge", "judge_hash", "user")
WINNERS = {"a": "A>B", "model_a": "A>B", "b": "B>A", "model_b": "B>A"} | dict.fromkeys(
    ("tie", "tie (bothbad)", "both_bad", "bothbad", "both"), "A=B"
)


@dataclass(frozen=True)
class Vote:
    """A vote between the answers of models A and B. label: None if the person did not decide."""

    given: Given
    a: str
    b: str
    label: str | None
    annotator: str


@dataclass(frozen=True)
class VoteOptions:
    """Which votes to import. person: the name of one, "" for a judge of each annotator.

    config: the settings that name the bench's baseline, if there are any.
    """

    files: Sequence[Path]
    bench: Bench
    person: str = ""
    config: JudgeConfig | None = None
    force: bool = False


@dataclass
class Votes:
    """The records of votes by their file, and what was odd in the rows."""

    rows: int = 0
    records: dict[Path, dict[tuple[str, str], dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    people: Counter[str] = field(default_factory=Counter)
    odd: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def report_lines(self) -> Iterator[str]:
        """Yield what was read and stored, and what is odd, a line each."""
        yield f"read {self.rows:,} rows"
        for path, records in sorted(self.records.items()):
            yield f"{path}: {len(records):,} judgments"
        for what, places in self.odd.items():
            yield f"{what}: {len(places):,} ({listed(places, 'in all', 3)})"


def _winner(values: Values, a: str, b: str) -> str | None:
    """Return the label of a row's vote, None without one. Raises ValueError for other texts."""
    winner = values.get("winner")
    if winner is None and values.get("preference") not in (None, ""):
        preference = float(values["preference"])  # AlpacaEval: 1 to 2, 0 is a tie
        if preference not in (0, 1.5) and not 1 <= preference <= 2:
            raise ValueError(f"preference {preference:g}")
        return "A=B" if preference in (0, 1.5) else "A>B" if preference < 1.5 else "B>A"
    text = str(winner or "").strip()
    if not text:
        return None
    if text in (a, b):
        return "A>B" if text == a else "B>A"
    label = WINNERS.get(text.lower()) or normal_label(text)
    if label is None:
        raise ValueError(f"winner '{text[:40]}'")
    return label


def vote_of(values: Values, place: str) -> Vote:
    """Read a vote: a table, or a record of LMArena or AlpacaEval. Raises InputError for others.

    place: the file and the line, for the message.
    """
    first, second = next((pair for pair in SIDES if set(pair) <= values.keys()), SIDES[0])
    a, b = (str(values.get(side) or "").strip() for side in (first, second))
    if not a or not b or a == b:
        columns = ", ".join(map(str, values))
        advice = f"Name two models in model_a and model_b. Columns here: {columns}"
        raise InputError(f"{place}: no vote between two models. {advice}")
    try:
        label = _winner(values, a, b)
    except ValueError as error:
        advice = "Write model_a, model_b, tie, the name of the model, or a label such as A>>B."
        raise InputError(f"{place}: unknown {error}. {advice}") from None
    texts = [str(values[name]) for name in IDS if values.get(name) not in (None, "")]
    prompts = [values[name] for name in PROMPTS if isinstance(values.get(name), str)]
    turns = values.get("conversation_a")
    if isinstance(turns, list) and turns and isinstance(turns[0], dict):
        prompts.append(turns[0].get("content"))
    prompt = next((text for text in prompts if isinstance(text, str)), None)
    annotators = [values[name] for name in ANNOTATORS if values.get(name) not in (None, "")]
    annotator = str(next(iter(annotators), "")).strip()
    return Vote(Given("votes", next(iter(texts), None), prompt, ()), a, b, label, annotator)


def annotators_of(rows: Sequence[tuple[str, Vote]], person: str) -> set[str]:
    """Return the annotators. Raises InputError if there are several and none is `person`."""
    annotators = {vote.annotator for _, vote in rows if vote.annotator}
    if len(annotators) > 1 and person and person not in annotators:
        here = f"The annotators are {listed(sorted(annotators), 'in all', 3)}."
        advice = "Name one, or leave out the name to store the votes of each."
        hint = nearest(person, annotators)
        raise InputError(f"--votes-of {person}: no such annotator{hint}. {here} {advice}")
    return annotators


def read_votes(options: VoteOptions) -> Votes:
    """Return the votes of files as records of judgments.

    The bench's baseline is the baseline of its votes. Of two other models the first by name is.
    Game 0 shows the baseline as A, game 1 the model, so that a label means what the person saw.
    Further votes of a person on one pair and question are repeats of the game, or the other game.
    """
    matcher = Matcher(read_questions(options.bench))
    models = set(model_names(options.bench.answers))
    rule = baseline_rule(options.bench, options.config)
    rows = [
        (f"{path}:{row.number}", vote_of(row.values, f"{path}:{row.number}"))
        for path in options.files
        for row in read_rows(path)
    ]
    annotators = annotators_of(rows, options.person)
    votes = Votes(len(rows))
    for place, vote in rows:
        question = matcher.question_of(vote.given)
        unknown = [name for name in (vote.a, vote.b) if models and name not in models]
        person = options.person or vote.annotator
        if options.person and len(annotators) > 1 and vote.annotator != options.person:
            votes.odd[f"votes of others than {options.person}"].append(place)
        elif not person:
            raise InputError(f"{place}: no annotator. Name the person with --votes-of NAME.")
        elif question is None:
            name = vote.given.id or vote.given.prompt or "no id"
            what = "votes that fit no question, by id or by prompt"
            votes.odd[what].append(f"{place} '{name[:40]}'")
        elif unknown:
            votes.odd["votes on models without answers here"].append(f"{place} '{unknown[0]}'")
        elif vote.label is None:
            votes.odd["rows without a winner"].append(place)
        else:
            add_vote(votes, options.bench, rule, question, vote, PERSON + person, place)
    return votes


def add_vote(
    votes: Votes,
    bench: Bench,
    rule: BaselineRule,
    question: Question,
    vote: Vote,
    judge: str,
    place: str,
) -> None:
    """Add a vote to the record of its question and pair, with the side that the person saw."""
    usual = rule.of(None, question.category)
    baseline = usual if usual in (vote.a, vote.b) else min(vote.a, vote.b)
    assert baseline is not None
    model = vote.b if baseline == vote.a else vote.a
    records = votes.records[bench.judgment_file(judge, model)]
    record = records.setdefault(
        (question.id, baseline),
        new_judgment(question, model, judge, baseline) | {"games": [None, None]},
    )
    game = {"score": vote.label, "imported": {"file": Path(place.rpartition(":")[0]).name}}
    number = 0 if baseline == vote.a else 1
    if record["games"] != [None, None]:
        votes.odd["further votes of a person on a pair, stored beside the first"].append(place)
    if record["games"][number]:
        record["games"][number].setdefault("repeats", []).append(game)
    else:
        record["games"][number] = game
    votes.people[judge] += 1


def import_votes(options: VoteOptions) -> Votes:
    """Store the votes of files in the files of the people, and return them.

    Raises InputError, and changes nothing, if no vote is left, or if a file has other votes and
    `force` is not set.
    """
    votes = read_votes(options)
    if not votes.records:
        what, places = next(iter(votes.odd.items()), ("no rows", [""]))
        files = ", ".join(map(str, options.files))
        problem = f"no vote on answers of {options.bench.name}: {what} ({places[0]})"
        raise InputError(f"{files}: {problem}. Check the ids and the names of the models.")
    lines = {
        path: [dump_line(records[key]) for key in sorted(records)]
        for path, records in votes.records.items()
    }
    for path in sorted(lines):
        if not options.force and path.exists() and path.read_bytes() != b"".join(lines[path]):
            raise InputError(f"{path}: has other votes. Replace them with --force.")
    for path in sorted(lines):
        with locked(path):
            write_lines(path, lines[path])
    return votes
