"""The checks of a judge's judgments of a model."""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from arena.base.errors import InputError
from arena.base.jsonl import decode, dump_line
from arena.bench.labels import Label, grade_of, worth
from arena.bench.paths import is_person
from arena.bench.provenance import (
    MixedJudgments,
    SettingsCheck,
    decoded_settings,
    messages_hash,
)
from arena.bench.records import NOT_PLAYED, Answer, Judgment, JudgmentLine, Question
from arena.datasets.checks.commands import Baselines, JudgeCommands
from arena.datasets.checks.files import CheckOptions, File, Finding, read_file
from arena.datasets.checks.settings import OF_PROMPTS
from arena.generate.judging.repeats import FIRST, GameLine, Place
from arena.generate.judgments import UNFINISHED

Key = tuple[str, str | None]  # question and baseline
Prompt = tuple[int, int, str]  # number of the game, choice of the answer, and hash


class GamesLine(msgspec.Struct, gc=False):
    """The games of a line with the places of their verdicts."""

    games: list[GameLine | None] = []

    @property
    def places(self) -> list[set[Place]]:
        """The places of the verdicts of each game that was played. One can be missing."""
        return [
            {
                (verdict.choice, verdict.sample)
                for verdict in game.verdicts
                if verdict.cause != UNFINISHED
            }
            for game in self.games
            if game
        ]

    @property
    def prompts(self) -> list[Prompt]:
        """The prompts of all verdicts."""
        numbered = (
            (n, verdict) for n, of in enumerate(self.games) if of for verdict in of.verdicts
        )
        return [(n, one.choice, one.prompt_hash) for n, one in numbered if one.prompt_hash]


@dataclass
class Reader:
    """Reads the judgments of a model, and keeps what their records do not: the places of verdicts
    of those with repeats, and the prompts of those that name them.
    """

    judge: str
    model: str
    places: dict[Key, list[set[Place]]] = field(default_factory=dict)
    prompts: dict[Key, list[Prompt]] = field(default_factory=dict)

    def read(self, raw: bytes, line: JudgmentLine) -> tuple[Key, Judgment]:
        """Return the key and the judgment of a line. A later one with its key replaces it."""
        judgment = line.judgment(self.model, self.judge)
        key = judgment.question_id, judgment.baseline
        self.places.pop(key, None)
        self.prompts.pop(key, None)
        if (has_repeats := b'"repeats"' in raw) or b'"prompt_hash"' in raw:
            games = decode(raw, GAMES)
            self.prompts[key] = games.prompts
            if has_repeats:
                self.places[key] = games.places
        return key, judgment


GAMES = msgspec.json.Decoder(GamesLine)


@dataclass
class JudgeSettings:
    """The settings of a judge's judgments so far, by category, and what is unequal in them."""

    checks: dict[str | None, SettingsCheck] = field(
        default_factory=lambda: defaultdict(SettingsCheck)
    )
    differences: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def difference(self, category: str, settings: bytes, judge: str, path: Path) -> str:
        """Return the differences of settings from the first of their category, "" for none."""
        key = category, settings
        if settings and key not in self.differences:
            values, self.differences[key] = dict(decoded_settings(settings)), ""
            prompt = {"prompt_hash": values.pop("prompt_hash", None)}  # categories have their own
            try:
                for of, part in ((None, values), (category, prompt)):
                    self.checks[of].check([dump_line(part)], judge, path)
            except MixedJudgments as error:
                self.differences[key] = error.difference
        return self.differences.get(key, "")


def by_category(
    keys: Iterable[Key], questions: Mapping[str, Question]
) -> dict[str, set[str | None]]:
    """Return the baselines of judgments by the category of their questions."""
    against: dict[str, set[str | None]] = defaultdict(set)
    for question, baseline in keys:
        if question in questions:
            against[questions[question].category].add(baseline)
    return against


@dataclass(frozen=True)
class Judgments:
    """The judgments of a model by a judge, and what they need.

    answered: the answers of each model by question.
    settings: those of all files of the judge. places: of the verdicts of each played game, for the
    judgments with repeats. prompts: of the judgments that name them.
    """

    file: File
    commands: JudgeCommands
    model: str
    questions: Mapping[str, Question]
    answered: Mapping[str, Mapping[str, Answer]]
    settings: JudgeSettings
    options: CheckOptions
    places: Mapping[Key, list[set[Place]]]
    prompts: Mapping[Key, list[Prompt]]

    @property
    def judge(self) -> str:
        """The name of the judge."""
        return self.commands.judge

    @functools.cached_property
    def against(self) -> Mapping[str, set[str | None]]:
        """The baselines of the judgments by the category of their questions."""
        return by_category(self.file.records, self.questions)

    @property
    def samples(self) -> int:
        """The largest number of verdicts of a game on one choice."""
        return max((s for of in self.places.values() for game in of for _, s in game), default=1)

    def judge_again(self, keys: Iterable[Key], *flags: str) -> str:
        """Return the command line that plays missing games of judgments, or more with flags."""
        wanted = by_category(keys, self.questions)
        return self.commands.again(self.model, self.against, wanted, *flags)

    def keys(self, is_wrong: Callable[[Judgment], bool]) -> list[Key]:
        """Return the keys of such judgments."""
        return [key for key, record in self.file.records.items() if is_wrong(record)]


def missing(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on answers that the judge has not judged."""
    if is_person(judgments.judge):  # who votes on a part of the answers
        return
    records, answered = judgments.file.records, judgments.answered
    there = answered.get(judgments.model, {})
    pairs = [
        (key, baseline)
        for key, question in judgments.questions.items()
        for baseline in sorted(judgments.against.get(question.category, ()), key=str) or [None]
        if key in there and key in answered.get(baseline or "", there)
        if (key, baseline) not in records
    ]
    mend = judgments.judge_again(pairs)
    yield from judgments.file.found("missing judgments", pairs, mend)


def without_answers(judgments: Judgments) -> Iterator[Finding]:
    """Yield findings on judgments whose answers are not here."""
    models = [judgments.model]
    models += sorted({baseline for _, baseline in judgments.file.records if baseline})
    for model in models:
        there = judgments.answered.get(model, {})
        keys = [
            key
            for key in judgments.file.records
            if key[0] in judgments.questions and key[0] not in there
            if model in (judgments.model, key[1])
        ]
        mend = judgments.options.command("gen_answer.py", "--model", model)
        problem = f"judgments without answers of {model}"
        # Boards need no answers, but for style control.
        yield from judgments.file.found(problem, keys, mend, is_note=True)


def of_unknown_questions(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments of unknown questions."""
    keys = [key for key in judgments.file.records if key[0] not in judgments.questions]
    problem = "judgments of questions that are not in the bench"
    yield from judgments.file.found(problem, keys, "", kind="unknown")


def half_judged(judgments: Judgments) -> Iterator[Finding]:
    """Yield findings on judgments with one decided game, which is all that a person plays."""
    if is_person(judgments.judge):
        return
    games = (of for j in judgments.file.records.values() for of in j.verdicts)
    labels = (label for of in games for label in of)
    is_graded = any(grade_of(label) is not None for label in labels)

    def is_unplayed(judgment: Judgment) -> bool:
        return NOT_PLAYED in judgment.causes or len(judgment.labels) < 2

    keys = [] if is_graded else judgments.keys(is_unplayed)
    yield from judgments.file.found("games not played", keys, judgments.judge_again(keys))
    keys = judgments.keys(lambda j: not is_unplayed(j) and _undecided(j) == 1)
    mend = judgments.judge_again(keys, "--retry-invalid")
    yield from judgments.file.found("half judged, one game without a verdict", keys, mend, True)


def _undecided(judgment: Judgment) -> int:
    """Return the number of played games of which no verdict is there."""
    return sum(bool(of) and not any(map(is_verdict, of)) for of in judgment.verdicts)


def is_verdict(label: Label) -> bool:
    """Whether a score is one of the five labels, in any spelling, or a grade."""
    return worth(label, 0) is not None or grade_of(label) is not None


def without_verdict(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments without any verdict."""

    def has_none(judgment: Judgment) -> bool:
        played = sum(map(bool, judgment.verdicts))
        return _undecided(judgment) == (played if is_voter else len(judgment.labels))

    is_voter = is_person(judgments.judge)
    keys = judgments.keys(has_none)
    mend = judgments.judge_again(keys, "--retry-invalid")
    yield from judgments.file.found("judgments without a verdict", keys, mend)


def uneven_repeats(judgments: Judgments) -> Iterator[Finding]:
    """Yield findings on decided games with failed repeats, and on those with fewer verdicts than
    other games have. Boards average what is there.
    """
    if is_person(judgments.judge):
        return

    def has_failed(judgment: Judgment) -> bool:
        games = zip(judgment.verdicts, judgment.causes, strict=True)
        asked = (of[1:] if cause == UNFINISHED else of for of, cause in games)
        return any(len({*map(is_verdict, of)}) == 2 for of in asked)

    samples, short = judgments.samples, list[Key]()
    keys = judgments.keys(has_failed)
    mend = judgments.judge_again(keys, "--retry-invalid", "--samples", str(samples))
    yield from judgments.file.found("repeats without a verdict", keys, mend, True)
    for key in judgments.file.records if samples > 1 else ():
        games = judgments.places.get(key, [{FIRST}])
        choices = {choice for game in games for choice, _ in game}
        if any(len(game) < samples * len(choices) for game in games):
            short.append(key)
    mend = judgments.judge_again(short, "--samples", str(samples))
    problem = f"games with fewer than {samples} verdicts"
    yield from judgments.file.found(problem, short, mend, True)


def of_other_settings(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments with settings of their own."""
    keys, reason, path = [], "", judgments.file.path
    for key, judgment in judgments.file.records.items():
        question = judgments.questions.get(key[0])
        category = question.category if question else ""
        for settings in judgment.settings:
            found = judgments.settings.difference(category, settings, judgments.judge, path)
            if found:
                keys.append(key)
                reason = reason or found
                break
    mend = judgments.judge_again(keys, "--stale", "redo")
    yield from judgments.file.found(f"judged with {reason}", keys, mend)


def of_earlier_answers(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on judgments whose prompts have other answers or another question than are
    here. Nothing is known of those whose judge prompt no setting file has.
    """
    source = judgments.commands.source
    if source is None:
        return
    answered, is_same = judgments.answered, dict[tuple[str, bytes], bool]()

    def is_known(category: str, settings: bytes) -> bool:
        key = category, settings
        if key not in is_same:
            is_same[key] = bool(settings) and not source.differing(*key, OF_PROMPTS)
        return is_same[key]

    def is_stale(key: Key, prompts: Sequence[Prompt]) -> bool:
        question, record = judgments.questions.get(key[0]), judgments.file.records[key]
        if question is None or not all(
            is_known(question.category, s) for s in record.settings if s
        ):
            return False
        case = source.case(question, key[1], judgments.model, answered)
        return case is not None and any(
            choice not in case.choices
            or prompt != messages_hash(source.judge.messages(case.of_choice(choice), number))
            for number, choice, prompt in prompts
        )

    with contextlib.suppress(InputError, KeyError):  # reference answers, or placeholders
        keys = [key for key, prompts in judgments.prompts.items() if is_stale(key, prompts)]
        mend = judgments.judge_again(keys, "--stale", "redo")
        yield from judgments.file.found("judgments of earlier answers", keys, mend)


def planted(judgments: Judgments) -> Iterator[Finding]:
    """Yield the finding on answers with planted labels."""
    keys = judgments.keys(lambda j: bool(j.planted))
    show = judgments.options.command("qa_browser.py", "--judge-name", judgments.judge)
    yield from judgments.file.found("answers with planted labels", keys, show, is_note=True)


# Stale judgments first: gen_judgment.py plays no missing game beside them.
CHECKS: tuple[Callable[[Judgments], Iterator[Finding]], ...] = (
    *(of_other_settings, of_earlier_answers, missing, without_answers, of_unknown_questions),
    *(half_judged, without_verdict, uneven_repeats, planted),
)


def check_judgments(
    commands: JudgeCommands,
    model: str,
    answered: Mapping[str, Mapping[str, Answer]],
    settings: JudgeSettings,
) -> tuple[list[Finding], Baselines]:
    """Return the findings on the judgments of a model by a judge, and their baselines.

    answered: the answers of each model by question.
    settings: one for all files of the judge, whose settings must be equal in a category.
    """
    options, judge, questions = commands.options, commands.judge, commands.questions
    path, reader = options.bench.judgment_file(judge, model), Reader(judge, model)

    def mend(keys: Collection[Key]) -> str:
        against = by_category(keys, questions)
        return commands.again(model, against, against)

    place, delete = options.place(path), options.deletion
    file = read_file(path, place, JudgmentLine, mend, delete, reader.read)
    judgments = Judgments(
        file, commands, model, questions, answered, settings, options, reader.places, reader.prompts
    )
    found = (
        [f for check in CHECKS for f in check(judgments)]
        if file.records or not file.findings
        else []
    )
    return [*file.findings, *found], judgments.against
