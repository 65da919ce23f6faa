"""Which bench, judge and baseline the browser opens with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arena.base.errors import InputError, nearest
from arena.bench.config import JudgeConfig
from arena.bench.paths import Bench, judge_names, model_names
from arena.browser.library import Library

DEMO = ("demo-v0.1", "smollm2-judge")  # the bench that is embedded, and its judge


@dataclass(frozen=True)
class Chosen:
    """What the browser opens with, and what it says about that."""

    library: Library
    judge: str
    remarks: tuple[str, ...]


def choose(
    data_dir: Path,
    bench_name: str | None,
    judge_name: str | None,
    baseline: str | None,
    config: JudgeConfig | None,
) -> Chosen:
    """Return the bench and judge that were named, else those of the config, else what has data.

    A baseline that is named stands in where a record names none, whatever the config says. Raises
    InputError for a bench, judge or baseline that was named and has no data, and for a data folder
    without any.
    """
    bench = Bench(data_dir, _bench_name(data_dir, bench_name, config))
    judge = _judge_name(bench, judge_name, config)
    if baseline is None:
        general = _stand_in(bench, config)
        library = Library(bench, general, _stand_ins(bench, config), config)
    else:
        library = Library(bench, baseline)
        _check_baseline(library, baseline)
    wanted_bench = config.bench_name if config and bench_name is None else ""
    wanted_judge = config.judge_model if config and judge_name is None else ""
    return Chosen(library, judge, tuple(_remarks(bench, judge, wanted_bench, wanted_judge)))


def _bench_name(data_dir: Path, named: str | None, config: JudgeConfig | None) -> str:
    folders = sorted(path.name for path in data_dir.glob("[!.]*/"))
    benches = [name for name in folders if _has_data(Bench(data_dir, name))]
    wanted = named or (config.bench_name if config else "")
    if wanted in benches:
        return wanted
    if named:
        lack = f"{data_dir / named}: no questions and no judgments"
        raise _not_here(lack, named, "benches", benches)
    if not benches:
        raise InputError(f"{data_dir}: no bench with questions or judgments; see README.md, Data")
    judged = [name for name in benches if judge_names(Bench(data_dir, name))]
    return (judged or benches)[0]


def _not_here(lack: str, named: str, what: str, there: Iterable[str]) -> InputError:
    """Return the error for a name without data, with the nearest that has some, or all."""
    known = sorted(there)
    near = nearest(named, known) or f"; {what} here: {', '.join(known) or 'none'}"
    return InputError(lack + near)


def _has_data(bench: Bench) -> bool:
    return bench.questions.exists() or bool(judge_names(bench))


def _judge_name(bench: Bench, named: str | None, config: JudgeConfig | None) -> str:
    judges = judge_names(bench)
    wanted = named or (config.judge_model if config else "")
    if wanted in judges:
        return wanted
    if named:
        raise _not_here(f"{bench.judgments(named)}: no judgments", named, "judges", judges)
    return judges[0] if judges else ""


def _remarks(bench: Bench, judge: str, wanted_bench: str, wanted_judge: str) -> Iterator[str]:
    """Yield as sentences what is opened in the place of a bench or a judge that was wanted."""
    if not judge:
        yield f"{bench.folder} has no judgments yet; gen_judgment.py makes them."
    if wanted_bench not in ("", bench.name):
        shown = f"{bench.name}, judged by {judge}" if judge else bench.name
        shown = f"the demo ({shown})" if bench.name == DEMO[0] else shown
        yield f"Showing {shown}: there is no data of {wanted_bench} yet."
    elif judge and wanted_judge not in ("", judge):
        yield f"Showing the judgments of {judge}: there are none by {wanted_judge} yet."
    else:
        return
    if (bench.name, judge) == DEMO:
        yield "The verdicts of this small judge only prove that the plumbing works."


def _stand_in(bench: Bench, config: JudgeConfig | None) -> str:
    """Return the baseline of records that name none: the config's if it has answers, else the one
    model with answers that nobody judged.
    """
    answered = model_names(bench.answers)
    configured = config.baselines_of([""]) if config and config.rules.baselines else ()
    judged = {
        model for judge in judge_names(bench) for model in model_names(bench.judgments(judge))
    }
    alone = [model for model in answered if model not in judged]
    known = [model for model in configured if model in answered]
    candidates = known or (alone if len(alone) == 1 else list(configured))
    return candidates[0] if candidates else ""


def _stand_ins(bench: Bench, config: JudgeConfig | None) -> dict[str, str]:
    """Return the baselines of records that name none in the categories that the config names: the
    first that has answers; where none has, the first if the config is of this bench.
    """
    answered = set(model_names(bench.answers))
    found = {}
    for category, rules in (config.categories if config else {}).items():
        known = [model for model in rules.baselines if model in answered]
        of_bench = config is not None and config.bench_name == bench.name
        named = known or (rules.baselines if of_bench else ())
        if named:
            found[category] = named[0]
    return found


def _check_baseline(library: Library, baseline: str) -> None:
    """Raise InputError for a baseline that has no answers and that no judgment names."""
    answered = model_names(library.bench.answers)
    if baseline in answered:
        return
    battles = (battle for judge in library.judges() for battle in library.battles(judge))
    known = {*answered, *(battle.baseline for battle in battles if battle.named)}
    if known and baseline not in known:
        lack = f"{library.bench.folder}: no model '{baseline}', the baseline"
        raise _not_here(lack, baseline, "models", known)
