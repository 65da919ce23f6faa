"""The import of votes of people on pairs of answers, as judgments with one game."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest, one_line
from arena.base.jsonl import dump_line, read_bytes, read_lines, write_lines
from arena.base.record_file import locked
from arena.base.table import listed
from arena.bench.config import JudgeConfig
from arena.bench.paths import PERSON, Bench, judge_names, model_names
from arena.bench.records import KeyLine, Question, baseline_rule, read_questions
from arena.datasets.answers.imported import Matcher, spaced
from arena.datasets.tables import read_rows
from arena.datasets.votes.baselines import VoteBaselines
from arena.datasets.votes.forms import SIDES, VERDICTS, Vote, vote_of
from arena.datasets.votes.records import add_vote, vote_record

NO_MODELS = "rows without two models"
NO_WINNER = "rows without a winner"
UNKNOWN = "rows with an unknown winner"
NO_PERSON = "rows without an annotator"
NO_NAME = "names that no file can have"
NO_QUESTION = "votes that fit no question, by id or by prompt"
OTHER_TURNS = "votes on conversations with other turns than the question"
NO_ANSWERS = "votes on models without answers here"
FURTHER = "further votes of a person on a pair, stored beside the first"
ADVICE = {
    NO_MODELS: "Name two models in model_a and model_b.",
    NO_WINNER: "Write model_a, model_b or tie as the winner.",
    UNKNOWN: "Write model_a, model_b, tie, the name of the model, or a label such as A>>B.",
    NO_PERSON: "Name the person with --votes-of NAME.",
    OTHER_TURNS: "Import votes on the questions of this bench.",
}


@dataclass(frozen=True)
class VoteOptions:
    """The votes to import. person: the name of one, "" for a judge of each annotator.

    config: the settings that name the bench's baseline, if there are any.
    """

    files: Sequence[Path]
    bench: Bench
    person: str = ""
    config: JudgeConfig | None = None
    force: bool = False


@dataclass
class Votes:
    """The records of votes by their file, and what was odd in the rows.

    replaced, removed: the judgments that files had before.
    """

    rows: int = 0
    records: dict[Path, dict[tuple[str, str], dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    people: Counter[str] = field(default_factory=Counter)
    odd: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    replaced: dict[Path, int] = field(default_factory=dict)
    removed: dict[Path, int] = field(default_factory=dict)

    def report_lines(self) -> Iterator[str]:
        """Yield a line for the rows that were read, each stored file and each oddity."""
        yield f"read {self.rows:,} rows"
        for path, records in sorted(self.records.items()):
            old = f", in place of {self.replaced[path]:,}" if path in self.replaced else ""
            yield f"{path}: {len(records):,} judgments{old}"
        for path, count in sorted(self.removed.items()):
            yield f"{path}: removed, it had {count:,} judgments"
        for what, places in self.odd.items():
            yield f"{what}: {len(places):,} ({listed(places, 'in all', 3)})"

    def add(
        self, bench: Bench, question: Question, vote: Vote, judge: str, baseline: str, place: str
    ) -> None:
        """Add a vote to the record of its question and pair, with the side that the person saw."""
        model = vote.b if baseline == vote.a else vote.a
        path = bench.judgment_file(judge, model)
        record = self.records[path].setdefault(
            (question.id, baseline), vote_record(question, model, judge, baseline)
        )
        game: dict[str, Any] = {"score": vote.label}
        game |= {"imported": {"file": Path(place.rpartition(":")[0]).name}}
        if add_vote(record, 0 if baseline == vote.a else 1, game):
            self.odd[FURTHER].append(place)
        self.people[judge] += 1


class VoteReader:
    """The votes of files, and the questions and models of the bench that they are about."""

    def __init__(self, options: VoteOptions) -> None:
        """Read the files. Raises InputError if no row can be a vote, or no folder the person's."""
        self.options = options
        self.person = options.person.removeprefix(PERSON)
        options.bench.judgments(PERSON + self.person)
        self.questions = read_questions(options.bench)
        self.matcher = Matcher(self.questions)
        self.by_turns = defaultdict[tuple[str, ...], list[Question]](list)
        for question in self.questions:
            given = (text for role, text in question.given if role == "user")
            self.by_turns[tuple(map(spaced, (*given, *question.turns)))].append(question)
        self.models = set(model_names(options.bench.answers))
        columns: dict[str, None] = {}
        self.rows: list[tuple[str, Vote]] = []
        for path in options.files:
            for row in read_rows(path):
                columns |= dict.fromkeys(map(str, row.values))
                self.rows.append((f"{path}:{row.number}", vote_of(row.values)))
        files = ", ".join(map(str, options.files))
        if not self.rows:
            raise InputError(f"{files}: no rows. Use a file with a vote in each row.")
        here = f"Columns here: {', '.join(map(one_line, columns))}"
        if not any(columns.keys() >= set(pair) for pair in SIDES):
            raise InputError(f"{files}: no columns model_a and model_b. {here}")
        if not columns.keys() & set(VERDICTS):
            raise InputError(f"{files}: no column winner. {here}")
        self.annotators = {vote.annotator for _, vote in self.rows if vote.annotator}
        if len(self.annotators) > 1 and self.person and self.person not in self.annotators:
            known = f"The annotators are {listed(sorted(self.annotators), 'in all', 3)}."
            advice = "Name one, or leave out the name to store the votes of each."
            hint = nearest(self.person, self.annotators)
            raise InputError(f"--votes-of {self.person}: no such annotator{hint}. {known} {advice}")

    def judge_of(self, vote: Vote) -> str:
        """Return the judge's name of the person, empty if the row names nobody."""
        person = self.person or vote.annotator
        return PERSON + person if person else ""

    def question_of(self, vote: Vote) -> Question | None:
        """Return the question with all turns of the user, or of a row without them as usual."""
        question = self.matcher.question_of(vote.given)
        if not vote.turns:
            return question
        same = self.by_turns.get(tuple(map(spaced, vote.turns)), [])
        return question if question in same else same[0] if len(same) == 1 else None

    def oddity(self, vote: Vote) -> tuple[str, str] | None:
        """Return the reason why a row is no vote to store, and its detail, or None."""
        others = self.person and len(self.annotators) > 1 and vote.annotator != self.person
        if others:
            return f"votes of others than {self.person}", ""
        if not vote.a or not vote.b or vote.a == vote.b:
            return NO_MODELS, vote.a
        if not (judge := self.judge_of(vote)):
            return NO_PERSON, ""
        if self.question_of(vote) is None:
            found = vote.turns and self.matcher.question_of(vote.given)
            name = vote.given.id or vote.given.prompt or "no id"
            return OTHER_TURNS if found else NO_QUESTION, name
        unknown = [name for name in (vote.a, vote.b) if self.models and name not in self.models]
        if unknown:
            return NO_ANSWERS, unknown[0]
        for model in (vote.a, vote.b):
            try:
                self.options.bench.judgment_file(judge, model)
            except InputError as error:
                return NO_NAME, str(error).partition(":")[0].replace("'", "")
        if vote.label is None:
            return (UNKNOWN, vote.unknown) if vote.unknown else (NO_WINNER, "")
        return None


def read_votes(options: VoteOptions) -> Votes:
    """Return the votes of files as records of judgments.

    Game 0 shows the baseline as A, game 1 the model, so that a label means what the person saw.
    Further votes of a person on one pair and question are repeats of the game, or the other game.
    Raises InputError if no vote is left.
    """
    reader = VoteReader(options)
    rule = baseline_rule(options.bench, options.config)
    names = {name for _, vote in reader.rows for name in (vote.a, vote.b)}
    baselines = VoteBaselines(options.bench, rule, reader.questions, names)
    votes = Votes(len(reader.rows))
    for place, vote in reader.rows:
        if odd := reader.oddity(vote):
            what, detail = odd
            votes.odd[what].append(place + (f" '{one_line(detail, 40)}'" if detail else ""))
            continue
        question, judge = reader.question_of(vote), reader.judge_of(vote)
        assert question is not None
        baseline = baselines.of(judge, question, vote.a, vote.b)
        votes.add(options.bench, question, vote, judge, baseline, place)
    if not votes.records:
        what, places = max(votes.odd.items(), key=lambda item: len(item[1]))
        files, found = ", ".join(map(str, options.files)), listed(places, "in all", 3)
        advice = ADVICE.get(what, "Check the ids and the names of the models.")
        problem = f"no vote on answers of {options.bench.name}"
        raise InputError(f"{files}: {problem}: {what}: {len(places):,} ({found}). {advice}")
    return votes


def check_names(bench: Bench, judges: Sequence[str]) -> None:
    """Raise InputError for a judge whose folder is in that of another, or has one in it."""
    others = sorted({*judge_names(bench), *judges})
    for judge in judges:
        for other in others:
            if judge.startswith(f"{other}/") or other.startswith(f"{judge}/"):
                problem = f"{judge}: shares its folder with the judge '{other}'"
                raise InputError(f"{problem}. Rename the person with --votes-of NAME.")


def count_records(path: Path) -> int:
    """Return the number of lines of a file that are not blank."""
    return sum(not line.isspace() for line in read_bytes(path, "votes").splitlines(keepends=True))


def check_stored(votes: Votes, other: Mapping[Path, int]) -> None:
    """Raise InputError if an import would replace votes, or store some a second time.

    other: the files of the people that have no vote in the import, with their judgments.
    """
    pairs = {
        (record["judge"], question, frozenset((record["model"], baseline)))
        for records in votes.records.values()
        for (question, baseline), record in records.items()
    }
    problems = dict.fromkeys(votes.replaced, "has other votes")
    for path in other:
        lines = read_lines(path, KeyLine, "a judgment")
        keys = {(line.judge, line.id, frozenset((line.model, line.baseline))) for line in lines}
        if keys & pairs:
            problems[path] = "has votes on the same pairs in the other order"
    if problems:
        removed = ", ".join(f"{path} ({count:,} judgments)" for path, count in other.items())
        also = f", which also removes {removed}" if removed else ""
        path, problem = next(iter(problems.items()))
        raise InputError(f"{path}: {problem}. Replace them with --force{also}.")


def import_votes(options: VoteOptions) -> Votes:
    """Store the votes of files in the files of the people, and return them.

    With `force` they replace all votes of these people. Raises InputError, and changes nothing, if
    no vote is left, if a person's folder is that of another judge too, or if a file has other votes
    and `force` is not set.
    """
    votes = read_votes(options)
    bench, judges = options.bench, sorted(votes.people)
    check_names(bench, judges)
    lines = {
        path: [dump_line(records[key]) for key in sorted(records)]
        for path, records in sorted(votes.records.items())
    }
    with contextlib.ExitStack() as stack:
        for judge in judges:
            stack.enter_context(locked(bench.judgments(judge)))
        for path in lines:
            if path.exists() and read_bytes(path, "votes") != b"".join(lines[path]):
                votes.replaced[path] = count_records(path)
        stored = [
            bench.judgment_file(j, m) for j in judges for m in model_names(bench.judgments(j))
        ]
        other = {path: count_records(path) for path in stored if path not in lines}
        if not options.force:
            check_stored(votes, other)
        for path in lines:
            with locked(path):
                write_lines(path, lines[path])
        if options.force:
            votes.removed = other
            for path in other:
                path.unlink()
    return votes
