"""The warnings of answers that may sway the judge, for all models of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from arena.base.errors import warn
from arena.generate.judging.judge import LABELLED, Case, Judge
from arena.generate.summary import RunSummary


class Judged(Protocol):
    """The judgments of one model: its cases, and what their answers have planted, by their keys."""

    judge: Judge
    summary: RunSummary
    cases: dict[tuple[str, str | None], Case]
    planted: dict[tuple[str, str | None], dict[str, list[str]]]


def note_planted(works: Sequence[Judged]) -> None:
    """Warn of the answers of each model that may sway the judge, and note them for the summary."""
    counts: dict[str, dict[str, dict[str, None]]] = {}
    answered: dict[str, set[str]] = {}
    for work in works:
        for case in work.cases.values():
            for side, name in (("model", work.summary.name), ("baseline", case.baseline)):
                if name is None:
                    continue
                answered.setdefault(name, set()).add(case.question.id)
                for kind in work.planted.get(case.key, {}).get(side, ()):
                    ids = counts.setdefault(name, {}).setdefault(kind, {})
                    ids[case.question.id] = None
        for kind, ids in counts.get(work.summary.name, {}).items():
            work.summary.remarks[f"answers that {kind}"] = list(ids)
    for name, kinds in counts.items():
        for kind, ids in kinds.items():
            some = ", ".join(list(ids)[:3]) + (", ..." if len(ids) > 3 else "")
            warn(f"{len(ids)} of {len(answered[name])} answers of {name} {kind}: {some}")
    if works and any(LABELLED in kinds for kinds in counts.values()):
        config = works[0].judge.config
        if config.verdict_rule is None and not config.verdict_field:
            warn(
                f"{config.path}: a judge that quotes such a label may be misread. Use "
                "verdict_rule: unquoted, unless the scores must compare with published ones."
            )
