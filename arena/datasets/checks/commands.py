"""The command lines by which a judge of a bench judges again."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import msgspec

from arena.base.jsonl import decode
from arena.bench.paths import is_person, judge_names, model_names
from arena.bench.records import JudgmentLine
from arena.datasets.checks.files import CheckOptions, content_of
from arena.generate.judging.ensemble import RULES


@dataclass(frozen=True)
class JudgeCommands:
    """The commands for a judge: of the judge itself, or of the ensemble that its records name."""

    options: CheckOptions
    judge: str

    @functools.cached_property
    def made_of(self) -> tuple[str | None, tuple[str, ...]]:
        """The rule and the judges of an ensemble, by its first readable judgment."""
        decoder, bench = msgspec.json.Decoder(JudgmentLine), self.options.bench
        for model in model_names(bench.judgments(self.judge)):
            data = content_of(bench.judgment_file(self.judge, model), "")
            for raw in data.split(b"\n") if isinstance(data, bytes) else ():
                try:
                    line = decode(raw, decoder)
                except ValueError:
                    continue
                return line.rule, line.members()
        return None, ()

    def again(self, model: str, *flags: str) -> str:
        """Return the command line that plays missing games of a model, or more with flags.

        For an ensemble of judges in the bench it combines their verdicts again. It is empty for
        other ensembles, and for people, who judge when they like.
        """
        if is_person(self.judge):
            return ""
        rule, members = self.made_of
        if rule in RULES and members and {*members} <= {*judge_names(self.options.bench)}:
            names = ("--judge-name", *members, "--rule", rule, "--name", self.judge)
            return self.options.command("gen_ensemble_judgment.py", *names)
        if rule or members or self.judge == "ensemble":
            return ""
        names = ("--judge-name", self.judge, "--model", model)
        return self.options.command("gen_judgment.py", *names, *flags)
