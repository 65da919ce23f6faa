"""The check of a whole bench, and its findings as a table and as JSON."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from arena.base.errors import InputError, nearest
from arena.base.jsonl import write_lines
from arena.base.output import terminal_width
from arena.base.record_file import locked
from arena.base.table import WIDTH, fitted, listed, shortened
from arena.batch.state import OPEN, batches_of
from arena.bench.paths import check_bench as check_folder
from arena.bench.paths import is_person, judge_names, model_names
from arena.bench.records import Answer, Question, QuestionLine
from arena.datasets.checks.answers import check_answers
from arena.datasets.checks.commands import Baselines, JudgeCommands, named_in
from arena.datasets.checks.files import CheckOptions, File, Finding, read_file, without_lines
from arena.datasets.checks.judgments import JudgeSettings, check_judgments
from arena.datasets.checks.texts import is_damaged
from arena.generate.summary import number_of

EXAMPLES = 2
EXAMPLE_WIDTH = 12


def check_bench(options: CheckOptions, only: Path | None = None) -> list[Finding]:
    """Return all findings on a bench, or those on one of its files. Raises InputError for a bench
    or a name without files.
    """
    bench = options.bench
    check_folder(bench)
    models, judges = model_names(bench.answers), judge_names(bench)
    judged = (name for judge in judges for name in model_names(bench.judgments(judge)))
    for what, names, known in (
        ("answers", options.models, {*models, *judged}),
        ("judgments", options.judges, judges),
    ):
        for name in names:
            if name not in known:
                here = f"Here: {listed(sorted(known)) or 'none'}."
                raise InputError(
                    f"{bench.folder}: no {what} of {name}{nearest(name, known)}. {here}"
                )
    file, questions = _read_questions(options)
    findings = [*file.findings, *leftovers(options, questions)]
    if not questions:
        return findings  # without all questions nothing can be said of the rest
    answered = dict[str, Mapping[str, Answer]]()
    for model in models:
        if only not in (None, bench.answer_file(model)):
            continue
        answered[model], found = check_answers(options, model, questions)
        if not options.models or model in options.models:
            findings += found
    for judge in options.judges or judges:
        commands, settings = JudgeCommands(options, judge, questions), JudgeSettings()
        baselines = dict[str, Baselines]()
        for model in model_names(bench.judgments(judge)):
            if only not in (None, bench.judgment_file(judge, model)):
                continue
            found, baselines[model] = check_judgments(commands, model, answered, settings)
            if not options.models or model in options.models:
                findings += found
        findings += not_judged(commands, answered, baselines)
    return findings


def not_judged(
    commands: JudgeCommands,
    answered: Mapping[str, Mapping[str, Answer]],
    baselines: Mapping[str, Baselines],
) -> Iterator[Finding]:
    """Yield findings on models with answers and without a judgment. baselines: of the others."""
    options, judge = commands.options, commands.judge
    against = defaultdict[str, set[str | None]](set)
    pairs = {(model, name) for model, of in baselines.items() for name in named_in(of)}
    met = {*baselines, *(name for _, name in pairs)}
    for category, of in (item for each in baselines.values() for item in each.items()):
        against[category] |= of
    is_round_robin = len(pairs) > 1 and len(pairs) == len(met) * (len(met) - 1) / 2
    all_met: Baselines = {category: {*met} for category in against}
    for model in sorted(answered.keys() - met):
        if met and not is_person(judge) and (not options.models or model in options.models):
            place = options.place(options.bench.judgment_file(judge, model))
            is_other = is_round_robin and commands.baseline_flags(model, against, against)
            wanted = all_met if is_other else against
            mend = commands.again(model, wanted, wanted)
            yield Finding("no judgments", place, len(answered[model]), (), mend, is_note=True)


def delete_found(options: CheckOptions, kind: str, place: str) -> str:
    """Delete the records of a kind of finding from a file of the bench, and return what was done.

    Raises InputError for a file that is not there.
    """
    path = options.bench.folder / place
    if not path.is_file():
        raise InputError(f"{path}: no such file. Name a file below {options.bench.folder}.")
    with locked(path):
        found = (f for f in check_bench(options, path) if (f.kind, f.place) == (kind, place))
        numbers = {number for finding in found for number in finding.lines}
        if numbers:
            write_lines(path, [without_lines(path.read_bytes(), numbers)])
    return f"{path}: {number_of(len(numbers), 'line')} deleted"


def _read_questions(options: CheckOptions) -> tuple[File, dict[str, Question]]:
    """Return the file of questions and the questions in it by their ids, none if not all of them
    can be read.
    """
    path = options.bench.questions
    place = options.place(path)
    make = options.command("make_bench.py", "INPUT", "--force")
    if not path.exists():
        file = File(path, place, findings=[Finding("no questions", place, 1, (), make)])
        return file, {}

    def read(raw: bytes, line: QuestionLine) -> tuple[str, Question]:
        return line.id, line.question()

    file = read_file(path, place, QuestionLine, lambda _: "", options.deletion, read)
    if not file.records and not file.findings:
        file.findings.append(Finding("no questions", place, 1, (), make))
    if any(finding.kind != "same-ids" for finding in file.findings):
        return file, {}
    keys = [key for key, q in file.records.items() if any(map(is_damaged, q.turns))]
    file.findings += file.found("damaged characters", keys, "")
    keys = [key for key, q in file.records.items() if not any(turn.strip() for turn in q.turns)]
    file.findings += file.found("empty questions", keys, "", kind="empty")
    return file, file.records


def leftovers(options: CheckOptions, questions: Mapping[str, Question]) -> Iterator[Finding]:
    """Yield findings on what interrupted runs have left beside their files."""
    folder = options.bench.folder
    for path in sorted(folder.rglob("*.lost")):
        target = path.with_name(path.name.split(".jsonl")[0] + ".jsonl")
        lost, file = shlex.quote(str(path)), shlex.quote(str(target))
        # An empty line is no record, and a torn last line has no end.
        mend = f"echo >> {file} && cat {lost} >> {file} && rm {lost}"
        mend += f" && {options.deletion('no-records', options.place(target))}"
        yield Finding("records that a run could not write", options.place(path), 1, (), mend)
    for batch in batches_of(folder):
        if batch.phase in OPEN:
            kind, _, rest = batch.records.removesuffix(".jsonl").partition("/")
            fetch = ""  # make_bench.py needs the files that it read
            if kind == "model_answer":
                names = ("gen_answer.py", "--model", batch.model, "--batch", "fetch")
                fetch = options.command(*names)
            elif kind == "model_judgment":
                judge, model = batch.model, rest.removeprefix(f"{batch.model}/")
                commands = JudgeCommands(options, judge, questions)
                fetch = commands.again(model, {}, {}, "--batch", "fetch")
            place = options.place(batch.folder)
            yield Finding("a batch whose replies are not stored", place, batch.requests, (), fetch)


# Forms of the report


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether all findings are notes."""
    return all(finding.is_note for finding in findings)


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the findings for a file, with all examples."""
    return {"healthy": is_healthy(findings), "findings": [asdict(f) for f in findings]}


def as_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of a table of findings, each followed by the command that mends it."""
    rows = [("where", "finding", "number", "examples")]
    for finding in findings:
        where = finding.place.removesuffix(".jsonl").replace("model_answer/", "answers of ")
        where = where.replace("model_judgment/", "judgments by ")
        what = f"note: {finding.problem}" if finding.is_note else finding.problem
        examples = ", ".join(shortened(finding.examples[:EXAMPLES], EXAMPLE_WIDTH))
        more = ", ..." if len(finding.examples) > EXAMPLES else ""
        rows.append((where, what, f"{finding.count:,}", examples + more))
    lines = fitted(rows, terminal_width() or WIDTH, "<<><", names=3)
    yield next(lines)
    for line, finding in zip(lines, findings, strict=True):
        yield line
        if finding.mend:
            yield f"  {finding.mend}"
