"""The command lines by which a judge of a bench judges again."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec

from arena.base.jsonl import decode
from arena.bench.paths import is_person, judge_names, model_names
from arena.bench.records import JudgmentLine, Question
from arena.datasets.checks.files import CheckOptions, content_of
from arena.datasets.checks.settings import JudgeSource
from arena.generate.judging.ensemble import RULES

Baselines = Mapping[str, AbstractSet[str | None]]  # by category, None if not named


def named_in(baselines: Baselines) -> set[str]:
    """Return the baselines that judgments name."""
    return {name for of in baselines.values() for name in of if name}


@dataclass(frozen=True)
class JudgeCommands:
    """The commands for a judge: of the judge itself, or of the ensemble that its records name."""

    options: CheckOptions
    judge: str
    questions: Mapping[str, Question]

    @functools.cached_property
    def first(self) -> JudgmentLine:
        """The first readable judgment of a known question, empty if there is none."""
        decoder, bench = msgspec.json.Decoder(JudgmentLine), self.options.bench
        for model in model_names(bench.judgments(self.judge)):
            data = content_of(bench.judgment_file(self.judge, model), "")
            for raw in data.split(b"\n") if isinstance(data, bytes) else ():
                with contextlib.suppress(ValueError):
                    line = decode(raw, decoder)
                    if line.id in self.questions:
                        return line
        return JudgmentLine(question_id="")

    @functools.cached_property
    def source(self) -> JudgeSource | None:
        """The setting file that fits the first judgment best, None if there is no file."""
        question = self.questions.get(self.first.id)
        made = [text for text in self.first.judgment("", self.judge).settings if text]
        bench, folder = self.options.bench, self.options.settings
        sources = [JudgeSource.of(bench, c, self.judge, folder) for c in self.options.configs]

        def distance(source: JudgeSource) -> tuple[int, bool]:
            category = question.category if question else ""
            number = source.differing(category, made[0] if made else b"")
            return number, source.config.judge_model != self.judge

        return min(sources, key=distance, default=None)

    def baseline_flags(self, model: str, against: Baselines, wanted: Baselines) -> list[str] | None:
        """Return the flags that judge a model against the wanted baselines, and against none but
        those of its judgments. None if no flags do, as if categories have baselines of their own
        that no setting file names.
        """

        def fits(category: str) -> bool:
            """Whether the setting file judges a category so."""
            own = source.baselines_of(category, model) if source else set[str | None]()
            of = against.get(category, {None})
            is_wanted = wanted.get(category, set()) - {None} <= own
            return bool(own) and is_wanted and (None in of or own <= of)

        source = self.source
        if all(map(fits, {**against, **wanted})):
            return []
        names = named_in(wanted) or named_in(against)
        if any(None not in of and not names <= of for of in against.values()):
            return None
        return ["--baseline", *sorted(names)] if names else []

    def again(self, model: str, against: Baselines, wanted: Baselines, *flags: str) -> str:
        """Return the command line that plays missing games of a model, or more with flags.

        against: the baselines of the model's judgments by category. wanted: those that are judged.
        For an ensemble of judges in the bench it combines their verdicts again. It is empty for
        other ensembles, and for people, who judge when they like.
        """
        if is_person(self.judge):
            return ""
        rule, members = self.first.rule, self.first.members()
        if rule in RULES and members and {*members} <= {*judge_names(self.options.bench)}:
            names = ("--judge-name", *members, "--rule", rule, "--name", self.judge)
            return self.options.command("gen_ensemble_judgment.py", *names)
        baselines = self.baseline_flags(model, against, wanted)
        if rule or members or self.judge == "ensemble" or baselines is None:
            return ""
        named = self.source.flags if self.source else ()
        names = (*named, "--judge-name", self.judge, "--model", model)
        return self.options.command("gen_judgment.py", *names, *flags, *baselines)
