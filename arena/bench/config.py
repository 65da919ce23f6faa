"""The settings of judges, answers and models, as typed objects, checked when they are read."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest
from arena.base.yaml_file import (
    BOOL,
    COUNT,
    MAPPING,
    NUMBER,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    Section,
    read_yaml,
)

LABEL_PATTERN = r"\[\[([AB<>=]+)\]\]"
GRADE_PATTERN = r"\[\[(\d+(?:\.\d+)?)\]\]"
OUR_CONFIG = Path(__file__).resolve().parents[2] / "config"
OUR_JUDGE_CONFIG = OUR_CONFIG / "judge_config.yaml"
V2_JUDGE_CONFIG = OUR_CONFIG / "v2.0" / "judge_config.yaml"


@dataclass(frozen=True)
class AnswerConfig:
    """The settings of `gen_answer.py`; None leaves the choice to the model's entry."""

    bench_name: str
    temperature: float | None
    max_tokens: int | None
    num_choices: int
    model_list: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """How the battles of a category are judged; the first of the baselines is the anchor."""

    baselines: tuple[str, ...]
    system_prompt: str
    prompt_template: tuple[str, ...]


@dataclass(frozen=True)
class JudgeConfig:
    """The settings of `gen_judgment.py`, and the defaults of `show_result.py` and the browser.

    `rules` hold for categories that are not in `categories`.
    """

    path: str
    bench_name: str
    judge_model: str
    temperature: float | None
    max_tokens: int | None
    patterns: tuple[str, ...]
    unanimous: bool
    attempts: int
    model_list: tuple[str, ...]
    rules: Rules
    categories: Mapping[str, Rules]
    reference: bool
    ref_models: tuple[str, ...]
    pairwise: bool
    baseline: bool
    response_format: Mapping[str, Any] | None
    verdict_field: str | None

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of a reply; it is empty where there is none."""
        return self.response_format["json_schema"]["schema"] if self.response_format else {}

    def rules_of(self, category: str) -> Rules:
        """Return how battles of a category are judged; InputError if it has no baseline."""
        rules = self.categories.get(category, self.rules)
        if not rules.baselines and (self.pairwise or self.baseline):
            raise InputError(
                f"{self.path}: no baseline_model for questions of the category '{category}'"
                f"{nearest(category, self.categories)}"
            )
        return rules

    def baselines_of(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the baselines of some categories, each once; those of the first come first."""
        named = (name for c in categories for name in self.rules_of(c).baselines)
        return tuple(dict.fromkeys(named))

    def with_baselines(self, baselines: Sequence[str]) -> JudgeConfig:
        """Return these settings with other baselines in all categories."""
        changed = {
            name: replace(rules, baselines=tuple(baselines))
            for name, rules in self.categories.items()
        }
        rules = replace(self.rules, baselines=tuple(baselines))
        return replace(self, rules=rules, categories=changed)


def read_answer_config(path: Path) -> AnswerConfig:
    """Return the settings of `gen_answer.py`."""
    section = read_yaml(path)
    config = AnswerConfig(
        bench_name=section.take("bench_name", TEXT),
        temperature=section.take("temperature", NUMBER, None),
        max_tokens=section.take("max_tokens", COUNT, None),
        num_choices=section.take("num_choices", COUNT, 1),
        model_list=tuple(section.take("model_list", TEXTS, [])),
    )
    section.warn_unknown()
    return config


def read_judge_config(path: Path) -> JudgeConfig:
    """Return the settings of `gen_judgment.py`.

    A file without a prompt has that of our own; one without a baseline, those of Arena-Hard v2.0.
    """
    section = read_yaml(path)
    patterns = section.take("regex_patterns", TEXTS, None, literal=True)
    pattern = section.take("regex_pattern", TEXT, None, literal=True)
    pairwise = section.take("pairwise", BOOL, True)
    baseline = section.take("baseline", BOOL, pairwise)
    rules, categories = _rules_by_category(section, baseline)
    response_format = _response_format(section)
    field = section.take("verdict_field", TEXT, "verdict" if response_format else None)
    config = JudgeConfig(
        path=str(path),
        bench_name=section.take("bench_name", TEXT),
        judge_model=section.take("judge_model", TEXT),
        temperature=section.take("temperature", NUMBER, None),
        max_tokens=section.take("max_tokens", COUNT, None),
        patterns=tuple(patterns or [pattern or (LABEL_PATTERN if pairwise else GRADE_PATTERN)]),
        unanimous=patterns is None,
        attempts=section.take("number_of_judgment_attempts", COUNT, 2),
        model_list=tuple(section.take("model_list", TEXTS, [])),
        rules=rules,
        categories=categories,
        reference=section.take("reference", BOOL, False),
        ref_models=_texts(section.take("ref_model", TEXT_OR_TEXTS, [])),
        pairwise=pairwise,
        baseline=baseline,
        response_format=response_format,
        verdict_field=field,
    )
    for text in config.patterns:
        _check_pattern(text, section.where)
    if response_format is not None and field not in config.schema["properties"]:
        raise InputError(
            f"{section.where}: verdict_field: the schema of response_format has no property "
            f"'{field}'{nearest(field, config.schema['properties'])}"
        )
    section.warn_unknown()
    return config


def _rules_by_category(section: Section, baseline: bool) -> tuple[Rules, dict[str, Rules]]:
    """Return how the judge is asked in general, and in each category that differs.

    What the program of v2.0 held and its config files leave out is filled in: the system prompts,
    and the baselines where the file names none.
    """
    given, own = _given_rules(section), Section(f"{section.where}: categories", {})
    if "categories" in section:
        own = Section(own.where, section.take("categories", MAPPING, literal=True))
    general: dict[str, Any] = {}
    shipped: dict[str, dict[str, Any]] = {}
    lacks_baseline = baseline and not {"baseline_model", "categories"} & set(section.names())
    if lacks_baseline or "regex_patterns" in section:
        general, shipped = _rules_of_v2(with_baselines=lacks_baseline)
    categories = {}
    for name in dict.fromkeys([*shipped, *own.names()]):
        of_category = own.section(name) if name in own.names() else Section(own.where, {})
        categories[name] = general | shipped.get(name, {}) | given | _given_rules(of_category)
        of_category.warn_unknown()
    return _rules(general | given), {name: _rules(values) for name, values in categories.items()}


def _rules_of_v2(with_baselines: bool) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the system prompt of v2.0, and those (and the baselines) of its categories."""
    shipped = read_yaml(V2_JUDGE_CONFIG)
    own = shipped.section("categories")
    keys = ("system_prompt", "baselines") if with_baselines else ("system_prompt",)
    general = {"system_prompt": _given_rules(shipped)["system_prompt"]}
    categories = {}
    for name in own.names():
        rules = _given_rules(own.section(name))
        categories[name] = {key: rules[key] for key in keys if key in rules}
    return general, categories


def _given_rules(section: Section) -> dict[str, Any]:
    """Return those of the keys of rules that a mapping has."""
    values = {
        "baselines": section.take("baseline_model", TEXT_OR_TEXTS, None),
        "system_prompt": section.take("system_prompt", TEXT, None, literal=True),
        "prompt_template": section.take("prompt_template", TEXT_OR_TEXTS, None, literal=True),
    }
    return {key: value for key, value in values.items() if value is not None}


def _rules(given: Mapping[str, Any]) -> Rules:
    """Return rules; without a prompt they have that of our own judge config."""
    if "prompt_template" not in given:
        given = _given_rules(read_yaml(OUR_JUDGE_CONFIG)) | {"baselines": []} | dict(given)
    return Rules(
        baselines=tuple(dict.fromkeys(_texts(given.get("baselines", [])))),
        system_prompt=given.get("system_prompt", ""),
        prompt_template=_texts(given["prompt_template"]),
    )


def _texts(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _response_format(section: Section) -> dict[str, Any] | None:
    """Return the JSON schema that replies must follow, in the form of chat completions.

    The file holds it in that form, or in that of the responses API, or is the schema alone.
    """
    name = section.take("response_format", TEXT, None)
    if name is None:
        return None
    path = Path(name)
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{section.where}: response_format: {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    inner = _unwrapped(_unwrapped(data, "format"), "json_schema")
    schema = _unwrapped(inner, "schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise InputError(
            f'{path}: expected the JSON schema of an object, as in {{"format": {{"type": '
            '"json_schema", "name": ..., "schema": {"properties": ...}, "strict": true}}'
        )
    named = {"name": inner.get("name", "verdict"), "schema": schema}
    strict = {"strict": inner["strict"]} if "strict" in inner else {}
    return {"type": "json_schema", "json_schema": named | strict}


def _unwrapped(value: Any, key: str) -> Any:
    """Return what a mapping holds under a key, and anything else as it is."""
    return value.get(key, value) if isinstance(value, dict) else value


def _check_pattern(text: str, where: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            groups = re.compile(text).groups
    except re.error as error:
        raise InputError(f"{where}: regex_pattern: not a regular expression: {error}") from None
    if groups != 1:
        raise InputError(f"{where}: regex_pattern: expected one group, the label; got {groups}")
