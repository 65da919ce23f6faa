"""The settings of gen_answer.py and gen_judgment.py."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest
from arena.base.yaml_file import Count, Number, convert, read_yaml


@dataclass(frozen=True)
class AnswerConfig:
    """The settings of gen_answer.py; None leaves the choice to the model's entry."""

    bench_name: str
    temperature: Number | None = None
    max_tokens: Count | None = None
    num_choices: Count = 1
    model_list: tuple[str, ...] = ()


def read_answer_config(path: Path) -> AnswerConfig:
    """Return the settings of gen_answer.py."""
    return convert(read_yaml(path), AnswerConfig, str(path))


@dataclass(frozen=True)
class Rules:
    """How the answers of a category are judged; the first of the baselines is the anchor."""

    baselines: tuple[str, ...] = ()
    system_prompt: str = ""
    prompt_template: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgeConfig:
    """The settings of gen_judgment.py, and the defaults of show_result.py and the browser.

    `rules` are those of questions whose category is not in `categories`.
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
        """The JSON schema of a reply, empty if there is none."""
        return self.response_format["json_schema"]["schema"] if self.response_format else {}

    def rules_of(self, category: str) -> Rules:
        """Return the rules of a category; InputError if it needs a baseline and has none."""
        rules = self.categories.get(category, self.rules)
        if not rules.baselines and (self.pairwise or self.baseline):
            raise InputError(
                f"{self.path}: no baseline_model for questions of the category '{category}'"
                f"{nearest(category, self.categories)}"
            )
        return rules

    def baselines_of(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the baselines of some categories, each once and in order."""
        baselines = (name for c in categories for name in self.rules_of(c).baselines)
        return tuple(dict.fromkeys(baselines))

    def with_baselines(self, baselines: Sequence[str]) -> JudgeConfig:
        """Return these settings with other baselines in all categories."""
        categories = {
            name: replace(rules, baselines=tuple(baselines))
            for name, rules in self.categories.items()
        }
        rules = replace(self.rules, baselines=tuple(baselines))
        return replace(self, rules=rules, categories=categories)


LABEL_PATTERN = r"\[\[([AB<>=]+)\]\]"
GRADE_PATTERN = r"\[\[(\d+(?:\.\d+)?)\]\]"


def read_judge_config(path: Path) -> JudgeConfig:
    """Return the settings of gen_judgment.py.

    A missing prompt is that of our own config, missing baselines are those of Arena-Hard v2.0.
    """
    values = read_yaml(path)
    keys, given_categories = _judge_keys(values, path)
    baseline = keys.pairwise if keys.baseline is None else keys.baseline
    needs_baselines = baseline and values.keys().isdisjoint({"baseline_model", "categories"})
    general: GivenRules = {}
    categories: dict[str, GivenRules] = {}
    if needs_baselines or keys.regex_patterns is not None:
        general, categories = _rules_of_v2(with_baselines=needs_baselines)
    for name in dict.fromkeys([*categories, *given_categories]):
        special = categories.get(name, {}) | keys.rules() | given_categories.get(name, {})
        categories[name] = general | special
    default = LABEL_PATTERN if keys.pairwise else GRADE_PATTERN
    config = JudgeConfig(
        path=str(path),
        bench_name=keys.bench_name,
        judge_model=keys.judge_model,
        temperature=keys.temperature,
        max_tokens=keys.max_tokens,
        patterns=keys.regex_patterns or (keys.regex_pattern or default,),
        unanimous=keys.regex_patterns is None,
        attempts=keys.number_of_judgment_attempts,
        model_list=keys.model_list,
        rules=_complete(general | keys.rules()),
        categories={name: _complete(rules) for name, rules in categories.items()},
        reference=keys.reference,
        ref_models=_tuple(keys.ref_model),
        pairwise=keys.pairwise,
        baseline=baseline,
        response_format=_response_format(keys.response_format, path),
        verdict_field=keys.verdict_field or ("verdict" if keys.response_format else None),
    )
    _check(config)
    return config


GivenRules = dict[str, Any]
"""Those fields of Rules that a file gives."""


@dataclass(frozen=True, kw_only=True)
class _RuleKeys:
    """The keys of a category in a judge config."""

    baseline_model: str | tuple[str, ...] | None = None
    system_prompt: str | None = None
    prompt_template: str | tuple[str, ...] | None = None

    def rules(self) -> GivenRules:
        rules: GivenRules = {}
        if self.baseline_model is not None:
            rules["baselines"] = tuple(dict.fromkeys(_tuple(self.baseline_model)))
        if self.system_prompt is not None:
            rules["system_prompt"] = self.system_prompt
        if self.prompt_template is not None:
            rules["prompt_template"] = _tuple(self.prompt_template)
        return rules


def _tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class _JudgeKeys(_RuleKeys):
    """The keys of a judge config."""

    bench_name: str
    judge_model: str
    temperature: Number | None = None
    max_tokens: Count | None = None
    regex_pattern: str | None = None
    regex_patterns: tuple[str, ...] | None = None
    number_of_judgment_attempts: Count = 2
    model_list: tuple[str, ...] = ()
    reference: bool = False
    ref_model: str | tuple[str, ...] = ()
    pairwise: bool = True
    baseline: bool | None = None
    response_format: str | None = None
    verdict_field: str | None = None
    categories: dict[Any, Any] = field(default_factory=dict)


_LITERAL = ("system_prompt", "prompt_template", "regex_pattern", "regex_patterns", "categories")


def _judge_keys(values: Mapping[Any, Any], path: Path) -> tuple[_JudgeKeys, dict[str, GivenRules]]:
    """Return the keys of a judge config, and the rules that its categories give."""
    keys = convert(values, _JudgeKeys, str(path), _LITERAL)
    categories = {}
    for name, value in keys.categories.items():
        of_category = convert(value, _RuleKeys, f"{path}: categories: {name}", _LITERAL)
        categories[str(name)] = of_category.rules()
    return keys, categories


OUR_CONFIG = Path(__file__).resolve().parents[2] / "config"
OUR_JUDGE_CONFIG = OUR_CONFIG / "judge_config.yaml"
V2_JUDGE_CONFIG = OUR_CONFIG / "v2.0" / "judge_config.yaml"


def _rules_of_v2(*, with_baselines: bool) -> tuple[GivenRules, dict[str, GivenRules]]:
    """Return the system prompt of Arena-Hard v2.0, and the rules of its categories.

    They were constants of its program, so its users' files do not have them.
    """
    keys, categories = _judge_keys(read_yaml(V2_JUDGE_CONFIG), V2_JUDGE_CONFIG)
    fields = {"system_prompt", "baselines"} if with_baselines else {"system_prompt"}
    rules = {n: {k: v for k, v in r.items() if k in fields} for n, r in categories.items()}
    return {"system_prompt": keys.system_prompt}, rules


def _complete(given: GivenRules) -> Rules:
    """Return rules; without a prompt they have that of our own judge config."""
    if "prompt_template" not in given:
        ours, _ = _judge_keys(read_yaml(OUR_JUDGE_CONFIG), OUR_JUDGE_CONFIG)
        given = ours.rules() | {"baselines": ()} | given
    return Rules(**given)


def _response_format(name: str | None, path: Path) -> dict[str, Any] | None:
    """Return the JSON schema of the replies from its file, in the form of chat completions.

    The file may have that form or the one of the responses API, or be the schema alone.
    """
    if name is None:
        return None
    try:
        data = json.loads(Path(name).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: response_format: {name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON: {error}") from None

    def unwrapped(value: Any, key: str) -> Any:
        return value.get(key, value) if isinstance(value, dict) else value

    inner = unwrapped(unwrapped(data, "format"), "json_schema")
    schema = unwrapped(inner, "schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise InputError(
            f'{name}: expected the JSON schema of an object, as in {{"format": {{"type": '
            '"json_schema", "name": ..., "schema": {"properties": ...}, "strict": true}}'
        )
    named = {"name": inner.get("name", "verdict"), "schema": schema}
    strict = {"strict": inner["strict"]} if "strict" in inner else {}
    return {"type": "json_schema", "json_schema": named | strict}


def _check(config: JudgeConfig) -> None:
    """Raise InputError for a wrong pattern, and for a verdict that the schema does not have."""
    for pattern in config.patterns:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                groups = re.compile(pattern).groups
        except re.error as error:
            message = f"{config.path}: regex_pattern: not a regular expression: {error}"
            raise InputError(message) from None
        if groups != 1:
            raise InputError(
                f"{config.path}: regex_pattern: expected one group, the label, got {groups}"
            )
    if config.response_format is not None:
        properties, name = config.schema["properties"], str(config.verdict_field)
        if name not in properties:
            raise InputError(
                f"{config.path}: verdict_field: the schema of response_format has no property "
                f"'{name}'{nearest(name, properties)}"
            )
