"""The files of a bench, and the models and judges that have some."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arena.base.errors import InputError, nearest


@dataclass(frozen=True)
class Bench:
    """The folder of one benchmark, `<data_dir>/<name>`."""

    data_dir: Path
    name: str

    @property
    def folder(self) -> Path:
        """`data/<bench>`."""
        return named_path(self.data_dir, self.name, "bench name")

    @property
    def questions(self) -> Path:
        """`data/<bench>/question.jsonl`."""
        return self.folder / "question.jsonl"

    @property
    def answers(self) -> Path:
        """`data/<bench>/model_answer`."""
        return self.folder / "model_answer"

    @property
    def references(self) -> Path:
        """`data/<bench>/reference_answer`."""
        return self.folder / "reference_answer"

    @property
    def flags(self) -> list[str]:
        """The flags of scripts for this bench."""
        data_dir = [] if self.data_dir == Path("data") else ["--data-dir", str(self.data_dir)]
        return [*data_dir, "--bench-name", self.name]

    def answer_file(self, model: str) -> Path:
        """`data/<bench>/model_answer/<model>.jsonl`."""
        return named_path(self.answers, model, "model name", ".jsonl")

    def judgments(self, judge: str) -> Path:
        """`data/<bench>/model_judgment/<judge>`."""
        return named_path(self.folder / "model_judgment", judge, "judge name")

    def judgment_file(self, judge: str, model: str) -> Path:
        """`data/<bench>/model_judgment/<judge>/<model>.jsonl`."""
        return named_path(self.judgments(judge), model, "model name", ".jsonl")


LONGEST_NAME = 240  # bytes. File systems take 255, and temporary files have longer names.


def named_path(folder: Path, name: str, what: str, suffix: str = "") -> Path:
    """Return the path of `name` below `folder`. A `/` in the name makes a subfolder.

    Raises InputError for a name that would leave the folder or that no file can have.
    """
    parts = name.split("/")
    hidden = any(not part or part.startswith(".") for part in parts)
    if hidden or "\\" in name or not name.isprintable():
        raise InputError(f"{what} {name!r}: not a name that a file can have")
    if any(len((part + suffix).encode(errors="replace")) > LONGEST_NAME for part in parts):
        raise InputError(f"{what} '{name[:40]}...': longer than a file name can be")
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        message = f"{what} '{name}': this locale has no such file names. Set PYTHONUTF8=1."
        raise InputError(message) from None
    return folder.joinpath(*parts[:-1], parts[-1] + suffix)


def flags_of(path: Path) -> list[str]:
    """Return the flags of scripts for the bench of a file in `model_judgment`, none elsewhere."""
    folder = next((p for p in path.parents if p.name == "model_judgment"), None)
    if folder is None:
        return []
    return Bench(folder.parent.parent, folder.parent.name).flags


def model_names(folder: Path) -> list[str]:
    """Return the sorted names of the models with a file in `folder`, which may be missing."""
    return sorted(found_names(folder))


def found_names(folder: Path) -> Iterator[str]:
    """Yield the names of `model_names` as they are found."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = root[len(str(folder)) :].replace(os.sep, "/").lstrip("/")
        for name in (*files, *folders):
            if name.endswith(".jsonl") and not name.startswith("."):
                yield f"{below}/{name}".strip("/").removesuffix(".jsonl")


def benches(data_dir: Path) -> list[Bench]:
    """Return the benches in a data folder, sorted by name."""
    names = sorted(path.name for path in data_dir.glob("[!.]*/") if path.is_dir())
    return [Bench(data_dir, name) for name in names if name.isprintable() and "\\" not in name]


def check_outside(target: Path, folder: Path, what: str) -> None:
    """Raise InputError for a target that is a folder, which is `what`, or in it."""
    if folder.resolve() in (target.resolve(), *target.resolve().parents):
        raise InputError(f"{target}: is in {what}, {folder}. Name another place.")


def known_benches(data_dir: Path) -> str:
    """Return a sentence with the benches in a data folder, for a message."""
    folder = data_dir.resolve()
    if not folder.is_dir():
        return f"The data folder {data_dir} does not exist in {Path.cwd()}. Set --data-dir."
    if (folder / "question.jsonl").exists():
        flags = f"--data-dir {os.path.dirname(data_dir) or '..'} --bench-name {folder.name}"
        return f"{data_dir} is itself a bench. Use {flags}"
    names = ", ".join(bench.name for bench in benches(data_dir))
    return f"Benches here: {names}. Choose with --bench-name." if names else "Benches here: none"


class _JudgeLine(msgspec.Struct):
    judge: str | None = None


def judge_names(bench: Bench) -> list[str]:
    """Return the judges with a file of judgments in a bench, sorted.

    A judge's name is that of a folder below model_judgment/, or the path of a deeper folder if the
    first record of a file there names the judge so: both judge and model names may contain a `/`.
    """
    folder = bench.folder / "model_judgment"
    judges = set()
    for name in model_names(folder):
        judge, *rest = name.split("/")
        if len(rest) > 1:
            path = folder / f"{name}.jsonl"
            with contextlib.suppress(OSError, ValueError), path.open("rb") as lines:
                line = next((line for line in lines if not line.isspace()), b"{}")
                judge_name = msgspec.json.decode(line, type=_JudgeLine).judge
                judge = judge_name if judge_name and name.startswith(f"{judge_name}/") else judge
        if rest:
            judges.add(judge)
    return sorted(judges)


def is_judged(bench: Bench) -> bool:
    """Whether a judge has a file of judgments in a bench. The first one found is enough."""
    return any("/" in name for name in found_names(bench.folder / "model_judgment"))


PERSON = "human-"  # begins the judge's name of votes of a person


def is_person(judge: str) -> bool:
    """Whether a judge is a person, whose judgments are complete with one game."""
    return judge.startswith(PERSON)


def check_bench(bench: Bench) -> None:
    """Raise InputError for a bench without a folder."""
    if not bench.folder.is_dir():
        raise InputError(f"{bench.folder}: no such bench. {known_benches(bench.data_dir)}")


def judged_models(bench: Bench, judge: str) -> list[str]:
    """Return the models that a judge has judged. If there are none, the error names all judges."""
    check_bench(bench)
    folder = bench.judgments(judge)
    names = model_names(folder)
    if not names:
        judges = judge_names(bench)
        here = f"Judges here: {', '.join(judges) or 'none'}"
        here += ". Choose with --judge-name." if judges else ". Run gen_judgment.py first."
        raise InputError(f"{folder}: no judgments{nearest(judge, judges)}. {here}")
    return names
