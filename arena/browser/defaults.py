"""The start of the browser: its bench, judge and baseline, and a check of its address."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arena.base.errors import InputError, nearest
from arena.bench.config import JudgeConfig, bench_to_read
from arena.bench.paths import (
    Bench,
    benches,
    is_judged,
    judge_names,
    known_benches,
    model_names,
)
from arena.bench.records import BaselineRule, JudgmentLine, baseline_rule
from arena.browser.index import once_a_view
from arena.browser.library import Library

DEMO = ("demo-v0.1", "smollm2-judge")  # the bench that comes with the code, and its judge


@dataclass(frozen=True)
class Chosen:
    """The bench and the judge that the browser opens with, and those that were to be opened."""

    library: Library
    judge: str
    wanted_bench: str
    wanted_judge: str

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on another bench or judge than the wanted one."""
        bench, judge, remarks = self.library.bench, self.judge, list[str]()
        if not judge:
            advice = "Make some with gen_judgment.py."
            remarks.append(f"{bench.folder} has no judgments yet. {advice}")
        if self.wanted_bench not in ("", bench.name):
            shown = f"{bench.name}, judged by {judge}" if judge else bench.name
            shown = f"the demo ({shown})" if bench.name == DEMO[0] else shown
            remarks.append(f"Showing {shown}: there is no data of {self.wanted_bench} yet.")
        elif judge and self.wanted_judge not in ("", judge):
            none = f"there are none by {self.wanted_judge} yet"
            remarks.append(f"Showing the judgments of {judge}: {none}.")
        if assumed := self.library.assumed:
            why = f"the only model with answers that {judge} has not judged"
            remarks.append(f"The judgments name no baseline. {assumed} stands in, {why}.")
        if remarks and (bench.name, judge) == DEMO:
            remarks.append("The verdicts of this small judge only prove that the plumbing works.")
        return tuple(remarks)


def bench_to_open(data_dir: Path, wanted: str, *, is_given: bool) -> Bench:
    """Return the wanted bench. If it is not given and has no data, it is the one of `bench_to_read`
    or the only one. Raises InputError if there is no such bench.
    """
    names = [b.name for b in benches(data_dir) if b.questions.exists() or judge_names(b)]
    if not names:
        problem = f"{data_dir}: no bench with questions or judgments"
        raise InputError(f"{problem}. Give its folder with --data-dir.")
    if not wanted and len(names) > 1:
        raise InputError(f"{data_dir}: {known_benches(data_dir)}")
    bench = Bench(data_dir, wanted or names[0])
    if not is_given:
        bench = bench_to_read(bench)
        if bench.name not in names and len(names) == 1:
            bench = Bench(data_dir, names[0])
    if bench.name not in names:
        nothing = f"{bench.folder}: no questions and no judgments"
        raise _missing(nothing, bench.name, "benches", names)
    return bench


def choose(
    data_dir: Path,
    bench_name: str | None,
    judge_name: str | None,
    baseline: str | None,
    config: JudgeConfig | None,
) -> Chosen:
    """Return the given bench and judge, else those of the config.

    In place of a bench of the config without data, it is the one of `bench_to_read`, in place of a
    judge that of most judgments. A given baseline is that of all judgments that name none.
    Raises InputError if there is no such bench, or if a given judge or baseline has no data.
    """
    wanted_bench = bench_name or (config.bench_name if config else "")
    bench = bench_to_open(data_dir, wanted_bench, is_given=bool(bench_name))
    judges = judge_names(bench)
    if judge_name and judge_name not in judges:
        raise _missing(f"{bench.judgments(judge_name)}: no judgments", judge_name, "judges", judges)
    wanted_judge = judge_name or (config.judge_model if config else "")
    judge = wanted_judge if wanted_judge in judges else usual_judge(bench, judges)
    given = [baseline] if baseline else []
    library = Library(bench, baseline_rule(bench, config, given), None if given else config)
    library = with_assumed_baseline(library, judge)
    if baseline and baseline not in (models := set(model_names(bench.answers))):
        entries = (entry for name in judges for entry in library.judgments(name))
        models.update(entry.baseline for entry in entries if entry.named)
        if models and baseline not in models:
            unknown = f"{bench.folder}: no model '{baseline}', the baseline"
            raise _missing(unknown, baseline, "models", models)
    return Chosen(library, judge, wanted_bench, wanted_judge)


class Benches:
    """The benches of a data folder: the one that the browser opens with, and others when they are
    asked for. The texts of each are read in the background, so that no search waits for them.
    """

    def __init__(self, first: Chosen, config: JudgeConfig | None = None) -> None:
        self.first, self._config = first, config
        self._opened = {first.library.bench.name: first}
        self._warmed = set[str]()
        self._lock = threading.Lock()

    @once_a_view
    def names(self) -> list[str]:
        """Return the names of the benches with judgments, and of the first one."""
        folder, first = self.first.library.bench.data_dir, self.first.library.bench.name
        return sorted({first, *(bench.name for bench in benches(folder) if is_judged(bench))})

    def of(self, name: str) -> Chosen:
        """Return a bench with its judge, the first one for a name that there is none of."""
        with self._lock:
            chosen = self._opened.get(name)
            if chosen is None and name in self.names():
                folder = self.first.library.bench.data_dir
                with contextlib.suppress(InputError):  # it has no data any more
                    chosen = self._opened[name] = choose(folder, name, None, None, self._config)
            chosen = chosen or self.first
            bench = chosen.library.bench.name
            if bench not in self._warmed:
                self._warmed.add(bench)
                warm = chosen.library.warm
                threading.Thread(target=warm, args=(chosen.judge,), daemon=True).start()
        return chosen


NAMED = re.compile(rb'"baseline"\s*:\s*"[^"]')


def names_baselines(path: Path) -> bool:
    """Whether each line of a file of judgments has the name of a baseline in it."""
    with contextlib.suppress(OSError), path.open("rb") as lines:
        return all(map(NAMED.search, lines))
    return False


def with_assumed_baseline(library: Library, judge: str) -> Library:
    """Return the library in which the only model with answers that a judge has not judged stands in
    as the baseline, if judgments name none and no rule knows one.
    """
    bench, rule = library.bench, library.rule
    judged = model_names(bench.judgments(judge)) if judge else []
    others = set(model_names(bench.answers)).difference(judged)
    if rule.default is not None or not judged or len(others) != 1:
        return library
    # Searched before they are decoded, which takes a second of a large bench.
    if all(names_baselines(bench.judgment_file(judge, model)) for model in judged):
        return library
    if all(entry.named for entry in library.judgments(judge) if entry.pairwise):
        return library
    (assumed,) = others
    baselines = {category: name or assumed for category, name in rule.by_category.items()}
    return Library(bench, BaselineRule(baselines, assumed), library.config, assumed)


def usual_judge(bench: Bench, judges: Iterable[str]) -> str:
    """Return the judge of most judgments, an ensemble only if there is no other, "" without any."""

    def weight(judge: str) -> tuple[bool, int]:
        number, rule = 0, None
        for model in model_names(bench.judgments(judge)):
            path = bench.judgment_file(judge, model)
            with contextlib.suppress(OSError, ValueError), path.open("rb") as lines:
                first = next(lines, b"")
                rule = rule or msgspec.json.decode(first, type=JudgmentLine).rule
                number += 1 + sum(1 for _ in lines)
        return judge != "ensemble" and rule is None, number

    return max(judges, key=weight, default="")


def _missing(problem: str, name: str, kind: str, names: Iterable[str]) -> InputError:
    """Return the error for a name without data, with the nearest one that has some, or all."""
    names = sorted(names)
    others = nearest(name, names) or f". {kind.capitalize()} here: {', '.join(names) or 'none'}"
    return InputError(problem + others)
