"""The votes of a person, each written at once, and the last one taken back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arena.base.errors import InputError
from arena.base.jsonl import dump_line, write_lines
from arena.base.record_file import RecordFile, locked
from arena.bench.formats import read_objects, record_id
from arena.bench.labels import LABELS
from arena.bench.paths import PERSON, Bench, model_names
from arena.bench.records import KeyLine, Question
from arena.browser.annotate.draw import BlindPair
from arena.datasets.votes.imported import check_names
from arena.datasets.votes.records import add_vote, vote_record

LONGEST_NOTE = 10_000  # characters
TIME = "voted"  # the field with the time of a vote


class Votes:
    """The files of a person's votes, which this process alone writes until it is closed."""

    def __init__(self, bench: Bench, person: str) -> None:
        """Check the name. Raises InputError for one that no file can have, that is another judge's
        too, or whose votes another process writes.
        """
        self.bench, self.person = bench, PERSON + person.removeprefix(PERSON)
        self.folder = bench.judgments(self.person)
        if self.person == PERSON:
            raise InputError("--annotate: needs the name of a person.")
        check_names(bench, [self.person])
        self._writing = threading.Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self.folder))
            self.close = stack.pop_all().close

    def add(self, question: Question, pair: BlindPair, label: str, note: str = "") -> None:
        """Write a vote. A is the answer that the person saw as A.

        Raises InputError for an unknown label or a pair that has a vote, and OutputError if the
        file cannot be written.
        """
        if label not in LABELS:
            raise InputError(f"{label!r}: no label. Use one of {', '.join(LABELS)}.")
        path = self.bench.judgment_file(self.person, pair.model)
        with self._writing:
            if pair.sides in self.labelled():
                raise InputError("This pair has a vote already. Undo it first.")
            record = vote_record(question, pair.model, self.person, pair.baseline)
            note = note.strip()[:LONGEST_NOTE]
            words: object = {"answer": note} if question.format == "v2.0" else note
            game = {"score": label, **({"judgment": words} if note else {}), TIME: time.time()}
            add_vote(record, pair.side(self.person), game)
            with RecordFile(path, KeyLine) as file:
                file.append(record)

    def labelled(self) -> dict[tuple[str, frozenset[str]], dict[str, Any]]:
        """Return the records of the pairs with a vote, by `BlindPair.sides`."""
        return {sides_of(record): record for _, record in self.records()}

    def records(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the records of the person, each with its file."""
        for model in model_names(self.folder):
            path = self.bench.judgment_file(self.person, model)
            for record in read_objects(path, KeyLine, "a judgment"):
                yield path, record

    def undo(self) -> BlindPair | None:
        """Remove the last vote that was made here, and return its pair, None if there is none."""
        with self._writing:
            votes = [(path, record) for path, record in self.records() if time_of(record)]
            if not votes:
                return None
            path, last = max(votes, key=lambda one: time_of(one[1]))
            with locked(path):
                records = read_objects(path, KeyLine, "a judgment")
                if lines := [dump_line(record) for record in records if record != last]:
                    write_lines(path, lines)
                else:
                    path.unlink()
        model, baseline = (str(last.get(name) or "") for name in ("model", "baseline"))
        return BlindPair(record_id(last), model, baseline, "")


def sides_of(record: dict[str, Any]) -> tuple[str, frozenset[str]]:
    """Return the question and the two models of a record."""
    return record_id(record), frozenset(str(record.get(name)) for name in ("model", "baseline"))


def time_of(record: dict[str, Any]) -> float:
    """Return the time of the vote of a record, 0 if it was not made here."""
    games = record.get("games")
    voted = (
        [game.get(TIME) for game in games if isinstance(game, dict)]
        if isinstance(games, list)
        else []
    )
    return max((time for time in voted if isinstance(time, (int, float))), default=0.0)
