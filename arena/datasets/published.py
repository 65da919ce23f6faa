"""The benches in a published repository, and their files as those of a local bench."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest, one_line
from arena.base.flags import NAMES
from arena.base.jsonl import LFS_POINTER, loads, read_bytes, write_lines
from arena.base.table import listed
from arena.bench.config import OUR_JUDGE_CONFIG, JudgeConfig, configs_of
from arena.bench.paths import Bench
from arena.datasets.hub import CHUNK, RemoteFile, Snapshot, size_text
from arena.datasets.question_tables import question_lines
from arena.generate.summary import number_of

REPO = "lmarena-ai/arena-hard-auto"
MULTILINGUAL = {
    "m-arena-hard": "CohereLabs/m-ArenaHard",
    "m-arena-hard-v2.0": "CohereLabs/m-ArenaHard-v2.0",
}  # benches of a table for each language, `m-arena-hard:ko`
ALL = "all"  # models or judges
SOURCE = "source.json"


@dataclass(frozen=True)
class Published:
    """A bench in a repository: its files by model, and by judge and model.

    questions: one file in our form, or the tables with the questions.
    """

    name: str
    questions: list[RemoteFile] = field(default_factory=list)
    answers: dict[str, RemoteFile] = field(default_factory=dict)
    judgments: dict[str, dict[str, RemoteFile]] = field(default_factory=dict)


def repository_of(bench: str | None, repo: str | None) -> str:
    """Return the repository that has a bench, if none is named."""
    base = (bench or "").partition(":")[0]
    return repo or MULTILINGUAL.get(base, REPO)


def published_benches(snapshot: Snapshot) -> dict[str, Published]:
    """Return the benches of a repository by name: `data/<bench>/` with our files, else tables."""
    benches: dict[str, Published] = {}
    judged = []
    for file in sorted(snapshot.files, key=lambda file: file.path):
        top, _, rest = file.path.partition("/")
        name, _, rest = rest.partition("/")
        kind, _, rest = rest.partition("/")
        if top != "data" or not file.path.endswith(".jsonl"):
            continue
        bench = benches.setdefault(name, Published(name))
        if kind == "question.jsonl" and not rest:
            bench.questions.append(file)
        elif kind == "model_answer":
            bench.answers[rest.removesuffix(".jsonl")] = file
        elif kind == "model_judgment" and "/" in rest:
            judged.append((bench, rest.removesuffix(".jsonl"), file))
    for bench, path, file in judged:
        parts = path.split("/")
        # Names of judges and of models may contain a `/`: a name with answers is a model's.
        cuts = range(1, len(parts))
        cut = next((i for i in cuts if "/".join(parts[i:]) in bench.answers), len(parts) - 1)
        of_judge = bench.judgments.setdefault("/".join(parts[:cut]), {})
        of_judge["/".join(parts[cut:])] = file
    benches = {name: bench for name, bench in benches.items() if bench.questions}
    return benches or tables_of(snapshot)


def tables_of(snapshot: Snapshot) -> dict[str, Published]:
    """Return the benches of a repository of parquet files: one for each table of its card, else
    for each folder.
    """
    base = {repo: name for name, repo in MULTILINGUAL.items()}.get(snapshot.repo)
    base = base or snapshot.repo.rpartition("/")[2].lower()
    tables = [file for file in snapshot.files if file.is_table]
    benches: dict[str, Published] = {}

    def add(config: str, files: Iterable[RemoteFile]) -> None:
        name = base if config == "default" else f"{base}:{config}"
        benches.setdefault(name, Published(name)).questions.extend(files)

    for config in snapshot.configs:
        if isinstance(config, dict) and isinstance(config.get("config_name"), str):
            patterns = list(texts_of(config.get("data_files")))
            files = [f for f in tables if any(fnmatch.fnmatchcase(f.path, p) for p in patterns)]
            if files:
                add(config["config_name"], files)
    for file in tables if not benches else ():
        folder = file.path.rpartition("/")[0].rpartition("/")[2]
        add("default" if folder in ("", "data") else folder, [file])
    return benches


def texts_of(data_files: Any) -> Iterator[str]:
    """Yield the patterns of files in any form that a card may have."""
    if isinstance(data_files, str):
        yield data_files
    elif isinstance(data_files, list):
        for part in data_files:
            yield from texts_of(part)
    elif isinstance(data_files, dict):
        yield from texts_of(data_files.get("path") or list(data_files.values()))


def choose_bench(
    snapshot: Snapshot, benches: Mapping[str, Published], name: str | None
) -> Published:
    """Return the bench of a name, or the only one. Raises InputError with the names there are."""
    if name is None and len(benches) == 1:
        return next(iter(benches.values()))
    if name is not None and name in benches:
        return benches[name]
    where = f"{snapshot.repo} at {snapshot.commit[:12]}"
    if not benches:
        advice = "Its files must be data/<bench>/question.jsonl and so on, or parquet tables."
        raise InputError(f"{where}: no bench. {advice}")
    what = f"no bench '{name}'" if name else "several benches"
    known = sorted([*benches, *(f"{base}:ko" for base in MULTILINGUAL)])
    begun = [key for key in known if name and key.startswith(name)]
    meant = nearest(name, begun or known, cutoff=0.0 if begun else 0.6) if name else ""
    names = listed(sorted(benches), "benches", many=30)
    raise InputError(f"{where}: {what}{meant}. Choose one with --bench-name: {names}")


# What is selected


def preset_of(bench: str) -> JudgeConfig | None:
    """Return the judge config with the official settings of a bench, None if there is none."""
    configs = configs_of(bench, OUR_JUDGE_CONFIG.parent)
    return next((config for config in configs if config.as_published), None)


def baselines_of(bench: str) -> list[str]:
    """Return the baselines of a bench in its official settings."""
    preset = preset_of(bench)
    return list(preset.all_baselines) if preset else []


def select(published: Published, models: Sequence[str], judges: Sequence[str]) -> Published:
    """Return a bench with the answers of the baselines and of some models, and the judgments of
    some judges on these models, or on all if no model is named. `all` stands for all.

    Raises InputError for a model or judge that is not there.
    """
    known_judges = published.judgments
    chosen_judges = list(known_judges) if ALL in judges else list(dict.fromkeys(judges))
    check_names(published, "judge", chosen_judges, known_judges)
    judged = {model for judge in chosen_judges for model in known_judges[judge]}
    known = sorted(published.answers.keys() | judged)
    chosen = known if ALL in models else list(dict.fromkeys(models))
    check_names(published, "model", chosen, known)
    baselines = [name for name in baselines_of(published.name) if name in published.answers]
    answered = dict.fromkeys([*baselines, *chosen])
    judgments = {
        judge: {m: f for m, f in known_judges[judge].items() if not models or m in chosen}
        for judge in chosen_judges
    }
    answers = {name: published.answers[name] for name in answered if name in published.answers}
    return Published(published.name, published.questions, answers, judgments)


def check_names(
    published: Published, what: str, names: Iterable[str], known: Iterable[str]
) -> None:
    """Raise InputError for the first name that is not known."""
    for name in names:
        if name not in set(known):
            there = listed(sorted(known), f"{what}s", many=30) or "none"
            meant = nearest(name, known)
            raise InputError(
                f"{published.name}: no {what} '{one_line(name, 100)}'{meant}. "
                f"Published {what}s: {there}. Choose with {NAMES[what][0]}."
            )


# What it becomes on this disk


def local_files(bench: Bench, selected: Published) -> dict[Path, list[RemoteFile]]:
    """Return the files of a local bench, each with what is published of it.

    Raises InputError for a name that a file cannot have: names of a server are only data.
    """
    files = {bench.questions: selected.questions}
    files |= {bench.answer_file(model): [file] for model, file in selected.answers.items()}
    for judge, of_judge in selected.judgments.items():
        files |= {bench.judgment_file(judge, model): [f] for model, f in of_judge.items()}
    return files


def is_missing(path: Path) -> bool:
    """Whether a file is not there, or is there as a pointer of Git LFS.

    Raises InputError if something else is in its place, or if it cannot be read.
    """
    folder = next(folder for folder in path.parents if folder.exists())
    advice = "Move it away, or choose another --data-dir."
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder. {advice}")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no file. {advice}")
    if not path.exists():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}") from None


def check_differing(paths: Sequence[Path]) -> None:
    """Raise InputError if there are local files that differ from what is published."""
    if paths:
        names = listed([str(path) for path in paths], "files")
        verb = "differs" if len(paths) == 1 else "differ"
        advice = "Replace with --force, or choose another --data-dir."
        raise InputError(f"{names}: {verb} from the published data. {advice}")


def read_source(bench: Bench) -> dict[str, Any]:
    """Return the sources of the files of a bench, by their path in its folder."""
    path = bench.folder / SOURCE
    if not path.exists():
        return {}
    try:
        files = loads(read_bytes(path, "the source of the bench"))["files"]
    except (ValueError, KeyError, TypeError):
        files = None
    if not isinstance(files, dict):
        raise InputError(f"{path}: not a record of downloads. Delete it or move it away.")
    return files


def write_source(bench: Bench, snapshot: Snapshot, files: dict[Path, list[RemoteFile]]) -> None:
    """Record in the bench's folder from which commit each of the files comes."""
    sources = read_source(bench)
    for path, remotes in files.items():
        digest = None if remotes[0].is_table else remotes[0].sha256
        sources[path.relative_to(bench.folder).as_posix()] = {
            "repo": snapshot.repo if snapshot.kind == "dataset" else f"spaces/{snapshot.repo}",
            "revision": snapshot.commit,
            "path": remotes[0].path if len(remotes) == 1 else [file.path for file in remotes],
            "sha256": digest or hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    text = json.dumps({"files": dict(sorted(sources.items()))}, ensure_ascii=False, indent=1)
    path = bench.folder / SOURCE
    if not path.exists() or path.read_text(encoding="utf-8") != text + "\n":
        write_lines(path, [text.encode() + b"\n"])


def unchanged_files(
    bench: Bench, files: Mapping[Path, list[RemoteFile]], force: bool
) -> list[Path]:
    """Return the files of a local bench that are as published. Tables are not compared here.

    Raises InputError for those that differ, unless they may be replaced.
    """
    read_source(bench)
    same, differing = list[Path](), list[Path]()
    for path, (first, *others) in files.items():
        if not (is_missing(path) or others or first.is_table):
            (same if first.is_same(path) else differing).append(path)
    if not force:
        check_differing(differing)
    return same


def write_files(
    files: Mapping[Path, list[RemoteFile]], cached: Mapping[RemoteFile, Path], force: bool
) -> None:
    """Write the files of a local bench: copies from the cache, and questions from tables there.

    Raises InputError before the first is written, if local questions differ from the tables.
    """
    singles = [remote for remotes in files.values() for remote in remotes if not remote.is_table]
    if pointers := [remote for remote in singles if is_missing(cached[remote])]:
        problem = f"{one_line(pointers[0].path)}: is published as a pointer of Git LFS"
        raise InputError(f"{problem}, without its content. Try another --revision.")
    made = {
        path: b"".join(question_lines([cached[remote] for remote in remotes]))
        for path, remotes in files.items()
        if remotes[0].is_table
    }
    if not force:
        check_differing([p for p in made if not is_missing(p) and p.read_bytes() != made[p]])
    for path, remotes in files.items():
        if path in made:
            write_lines(path, [made[path]])
            continue
        with cached[remotes[0]].open("rb", buffering=0) as source:
            write_lines(path, iter(lambda: source.read(CHUNK), b""))


# How it is listed


def bench_rows(benches: Iterable[Published]) -> Iterator[list[str]]:
    """Yield the heads and a row for each bench: numbers and sizes of its files."""
    yield ["bench", "questions", "answers", "judgments"]
    for bench in benches:
        judged = [file for of_judge in bench.judgments.values() for file in of_judge.values()]
        answers, judges = bench.answers.values(), bench.judgments
        by = f"{number_of(len(judged), 'file')} by {number_of(len(judges), 'judge')}"
        yield [
            bench.name,
            total_size(bench.questions),
            f"{number_of(len(answers), 'model')}, {total_size(answers)}" if answers else "none",
            f"{by}, {total_size(judged)}" if judged else "none",
        ]


def file_rows(bench: Published) -> Iterator[list[str]]:
    """Yield the heads and a row for each model of a bench, with the size of its files."""
    yield ["model", "answers", *bench.judgments]
    judged = {model for of_judge in bench.judgments.values() for model in of_judge}
    for model in sorted(bench.answers.keys() | judged):
        tables = [bench.answers, *bench.judgments.values()]
        yield [model, *(total_size([t[model]]) if model in t else "" for t in tables)]


def total_size(files: Iterable[RemoteFile]) -> str:
    """Return the size of files in kB, MB or GB."""
    return size_text(sum(file.size for file in files))
