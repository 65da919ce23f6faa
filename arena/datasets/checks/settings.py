"""The setting files that the commands of a check name."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, without_warnings
from arena.bench.config import JudgeConfig, Rules, configs_of, read_judge_config, settings_of
from arena.bench.paths import Bench, named_path
from arena.bench.provenance import OPTIONAL_SETTINGS, decoded_settings, differing_setting
from arena.bench.records import Answer, Question, read_answers
from arena.chat.config import ModelConfig, read_model_config
from arena.generate.judging.judge import Case, Judge

CONFIG = Path("config")
JUDGE_FILE, ENDPOINT_FILE = "judge_config.yaml", "api_config.yaml"
FILES = ("gen_answer_config.yaml", JUDGE_FILE, ENDPOINT_FILE)
PATTERNS = (f"*/{JUDGE_FILE}", "*.yaml", "*/*.yaml")
OF_PROMPTS = ("prompt_hash", "pairwise", "ref_model")  # settings on which a prompt depends


@dataclass(frozen=True)
class JudgeSource:
    """A judge with its setting file. flags: those of gen_judgment.py for it."""

    bench: Bench
    config: JudgeConfig
    judge: Judge
    flags: tuple[str, ...]

    @classmethod
    def of(cls, bench: Bench, config: JudgeConfig, name: str, folder: Path | None) -> JudgeSource:
        """Return the source of a judge. Its entry is in the endpoint file beside the setting file,
        else in that of a folder or of config/, else the setting file is all that is known of it.
        """
        path, model = Path(config.path), ModelConfig(name, "", name)
        folders = dict.fromkeys((path.parent, folder or CONFIG, CONFIG))
        endpoints, *_ = files = [folder / ENDPOINT_FILE for folder in folders]
        for file in files:
            try:
                with without_warnings():
                    model = read_model_config(file, name)
            except InputError:
                continue
            endpoints = file
            break
        named = {"--setting-file": path} if path != CONFIG / JUDGE_FILE else {}
        if endpoints.exists() and endpoints.parent != CONFIG:
            named["--endpoint-file"] = endpoints
        flags = tuple(text for flag, of in named.items() for text in (flag, os.path.relpath(of)))
        return cls(bench, config, Judge(model, config), flags)

    @functools.cached_property
    def references(self) -> Sequence[Mapping[str, Answer]]:
        """The reference answers by question, of each model that gives some. Raises InputError."""
        names = self.config.ref_models if self.config.reference else ()
        folder = self.bench.references
        return [read_answers(named_path(folder, n, "model name", ".jsonl")) for n in names]

    def case(
        self,
        question: Question,
        baseline: str | None,
        model: str,
        answered: Mapping[str, Mapping[str, Answer]],
    ) -> Case | None:
        """Return the case of a judgment, None if an answer is missing. Raises InputError for
        reference answers that cannot be read. answered: the answers of each model by question.
        """
        if (baseline is not None) != self.config.baseline:
            return None
        by_name = (answered.get(name, {}) for name in (model, baseline) if name)
        answers = [of.get(question.id) for of in (*by_name, *self.references)]
        whole = [a for a in answers if a and a.is_complete(len(question.turns))]
        if len(whole) < len(answers):
            return None
        first, *others = whole
        other = others.pop(0) if baseline else None
        return Case(
            question, self.rules_of(question.category), first, baseline, other, tuple(others)
        )

    def rules_of(self, category: str) -> Rules:
        """Return the rules of a category, which may lack a baseline."""
        return self.config.categories.get(category, self.config.rules)

    def settings_of(self, category: str) -> dict[str, Any]:
        """Return the settings of judgments of a category."""
        return self.judge.settings_of(self.rules_of(category))

    def differing(self, category: str, settings: bytes, keys: Sequence[str] = ()) -> int:
        """Return the number of settings, of some keys or of all, that a record has otherwise.
        settings: the record's as JSON, empty if it has none.
        """
        made, now = decoded_settings(settings), self.settings_of(category)
        keys = keys or [*{*OPTIONAL_SETTINGS, *(made.keys() & now.keys())}]
        pairs = (({k: made.get(k)}, {k: now.get(k)}) for k in keys if made)
        return sum(differing_setting(*pair) is not None for pair in pairs)

    def baselines_of(self, category: str, model: str) -> set[str | None]:
        """Return the baselines of a model in a category, None for judgments without any."""
        baselines = self.rules_of(category).baselines
        return {b for b in baselines if b != model} if self.config.baseline else {None}


def setting_files(bench: str, given: Path | None) -> tuple[Path | None, list[JudgeConfig]]:
    """Return the folder with the setting files of a bench, and the judges' settings that may be
    its. given: a folder or a judge setting file. Raises InputError for one without settings.
    """
    if given is None:
        default = CONFIG / JUDGE_FILE  # of any bench, since it is that of commands without a file
        with without_warnings(), contextlib.suppress(InputError):
            configs = list(configs_of(bench, CONFIG, PATTERNS))
            if all(config.path != str(default) for config in configs):
                configs.append(read_judge_config(default))
        return settings_of(bench), configs
    if given.is_dir():
        if not any((given / file).exists() for file in FILES):
            raise InputError(f"--settings {given}: none of {', '.join(FILES)} is in it.")
        path = given / JUDGE_FILE
        path = path if path.exists() else CONFIG / JUDGE_FILE
        return given, [read_judge_config(path)] if path.exists() else []
    return settings_of(bench), [read_judge_config(given)]
