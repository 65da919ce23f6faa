"""The settings of gen_answer.py and gen_judgment.py."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from arena.base.errors import InputError, nearest, warn
from arena.base.yaml_file import Count, Number, convert, mapping, read_yaml
from arena.bench.paths import Bench, benches, judge_names, model_names

# Keys of published setting files that change nothing, or that `_read_settings` looks at.
COMMENT_KEYS = ("name", "question_file", "output_structured")
# Keys that users' setting files have, but that only an entry of the endpoint file can set.
ENTRY_KEYS = (
    *("project_id", "regions", "local_engine", "model_id", "model_path", "reasoning_effort"),
    *("budget_tokens", "max_completion_tokens", "tokenizer", "parallel", "extra_body"),
    *("end_think_token", "endpoints", "api_type", "api_base", "api_key", "timeout", "price"),
)
_IGNORED = (*COMMENT_KEYS, *ENTRY_KEYS)


@dataclass(frozen=True)
class AnswerConfig:
    """The settings of gen_answer.py. None leaves the choice to the model's entry."""

    bench_name: str
    temperature: Number | None = None
    max_tokens: Count | None = None
    num_choices: Count = 1
    model_list: tuple[str, ...] = ()


def read_answer_config(path: Path) -> AnswerConfig:
    """Return the settings of gen_answer.py."""
    values = _read_settings(path, "system_prompt")
    return convert(values, AnswerConfig, str(path), comments=("system_prompt", *_IGNORED))


def _read_settings(path: Path, *others: str) -> dict[str, Any]:
    """Return the keys of a setting file. Warns of ENTRY_KEYS and others of the models' entries.

    Raises InputError for a key that means something, but that our scripts do not obey.
    """
    values = read_yaml(path)
    file = values.get("question_file")
    # The bench's name may be anything here, also a number that Python cannot write.
    if file not in (None, "question.jsonl") and file not in (
        f"{folder}{values.get('bench_name')}/question.jsonl" for folder in ("", "data/")
    ):
        raise InputError(
            f"{path}: question_file: a bench has its questions in question.jsonl. Copy "
            f"'{file}' to data/NAME/question.jsonl, and write 'bench_name: NAME'."
        )
    if values.get("output_structured"):
        advice = "For verdicts in JSON use response_format and verdict_field."
        raise InputError(f"{path}: output_structured: true is not supported. {advice}")
    for key in (*others, *ENTRY_KEYS):
        if values.get(key) is not None:
            advice = "Write it in the model's entry in the endpoint file."
            warn(f"{path}: the key '{key}' has no effect here. {advice}")
    return values


@dataclass(frozen=True)
class Rules:
    """The rules for judging a category. The first of the baselines is the anchor."""

    baselines: tuple[str, ...] = ()
    system_prompt: str = ""
    prompt_template: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _PlainKeys:
    """The keys of a judge config that are settings as they are."""

    bench_name: str
    judge_model: str
    temperature: Number | None = None
    max_tokens: Count | None = None
    model_list: tuple[str, ...] = ()
    reference: bool = False
    pairwise: bool = True
    verdict_rule: Literal["unquoted"] | None = None
    as_published: bool = False
    judge_samples: Count = 1


@dataclass(frozen=True, kw_only=True)
class JudgeConfig(_PlainKeys):
    """The settings of gen_judgment.py, and the defaults of show_result.py and the browser.

    `rules` are those of questions whose category is not in `categories`.
    """

    path: str
    patterns: tuple[str, ...]
    unanimous: bool
    attempts: int
    rules: Rules
    categories: Mapping[str, Rules]
    ref_models: tuple[str, ...]
    baseline: bool
    response_format: Mapping[str, Any] | None
    verdict_field: str | None

    def __post_init__(self) -> None:
        """Raise InputError for a wrong pattern, and for a verdict that the schema does not have."""
        for pattern in self.patterns:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", FutureWarning)
                    groups = re.compile(pattern).groups
                problem = f"expected one group, the label, got {groups}" if groups != 1 else ""
            except re.error as error:
                problem = f"not a regular expression: {error}"
            if problem:
                raise InputError(f"{self.path}: regex_pattern: {problem}")
        properties = self.schema.get("properties", {})
        if self.response_format and self.verdict_field not in properties:
            raise InputError(
                f"{self.path}: verdict_field: the schema of response_format has no property "
                f"'{self.verdict_field}'{nearest(str(self.verdict_field), properties)}"
            )

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of a reply, empty if there is none."""
        return self.response_format["json_schema"]["schema"] if self.response_format else {}

    def rules_of(self, category: str) -> Rules:
        """Return the rules of a category. Raises InputError if it needs a baseline and has none."""
        rules = self.categories.get(category, self.rules)
        if not rules.baselines and (self.pairwise or self.baseline):
            raise InputError(
                f"{self.path}: no baseline_model for questions of the category '{category}'"
                f"{nearest(category, self.categories)}"
            )
        return rules

    @property
    def all_baselines(self) -> tuple[str, ...]:
        """The baselines of all rules, each once and in order."""
        rules = self.rules, *self.categories.values()
        return tuple(dict.fromkeys(name for each in rules for name in each.baselines))

    def baselines_of(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the baselines of some categories, each once and in order."""
        baselines = (name for c in categories for name in self.rules_of(c).baselines)
        return tuple(dict.fromkeys(baselines))


# The keys of a judge config that may contain `${...}` as text
_LITERAL = ("system_prompt", "prompt_template", "regex_pattern", "regex_patterns", "categories")


@dataclass(frozen=True, kw_only=True)
class _RuleKeys:
    """The keys of a category in a judge config."""

    baseline_model: str | tuple[str, ...] = ()
    system_prompt: str = ""
    prompt_template: str | tuple[str, ...] = ()


_RULES = [key.name for key in fields(_RuleKeys)]


@dataclass(frozen=True, kw_only=True)
class _JudgeKeys(_PlainKeys, _RuleKeys):
    """The keys of a judge config."""

    regex_pattern: str | None = None
    regex_patterns: tuple[str, ...] | None = None
    number_of_judgment_attempts: Count = 2
    ref_model: str | tuple[str, ...] = ()
    baseline: bool | None = None
    response_format: str | None = None
    verdict_field: str | None = None
    categories: dict[str, Any] = field(default_factory=dict)


LABEL_PATTERN = r"\[\[([AB<>=]+)\]\]"
GRADE_PATTERN = r"\[\[(\d+(?:\.\d+)?)\]\]"

OUR_JUDGE_CONFIG = Path(__file__).resolve().parents[2] / "config" / "judge_config.yaml"
V2_JUDGE_CONFIG = OUR_JUDGE_CONFIG.parent / "v2.0" / "judge_config.yaml"


def read_judge_config(path: Path, baselines: Sequence[str] = ()) -> JudgeConfig:
    """Return the settings of gen_judgment.py. The given baselines overrule those of the file.

    A missing prompt or pattern is that of our own config, missing baselines are those of v2.0.
    """
    values = _read_settings(path)
    keys = convert(values, _JudgeKeys, str(path), literal=_LITERAL, comments=_IGNORED)
    baseline = keys.pairwise if keys.baseline is None else keys.baseline
    needs_baselines = baseline and values.keys().isdisjoint({"baseline_model", "categories"})
    # Prompts and baselines were constants of the program of v2.0, so its users' files lack them.
    uses_v2 = needs_baselines or keys.regex_patterns is not None
    v2 = read_yaml(V2_JUDGE_CONFIG) if uses_v2 else {}
    v2_prompt, v2_categories = {"system_prompt": v2.get("system_prompt")}, v2.get("categories", {})
    general: dict[str, Any] = {} if needs_baselines else {"baseline_model": ()}
    general |= {key: values[key] for key in _RULES if values.get(key) is not None}
    overrides = {"baseline_model": list(baselines) or None}
    categories, own_categories = {}, values.get("categories") or {}
    for name in v2_categories | own_categories:
        where = f"{path}: categories: {name}"
        special = mapping(own_categories.get(name, {}), where)
        layers = (v2_prompt, v2_categories.get(name, {}), general, special, overrides)
        categories[name] = _rules(layers, where)
    default = LABEL_PATTERN if keys.pairwise else GRADE_PATTERN
    plain = {key.name: getattr(keys, key.name) for key in fields(_PlainKeys)}
    in_json = keys.response_format or keys.verdict_field
    if not (keys.regex_pattern or keys.regex_patterns or in_json):
        plain["verdict_rule"] = "unquoted"  # the pattern is ours, and so is its rule
    return JudgeConfig(
        **plain,
        path=str(path),
        patterns=keys.regex_patterns or (keys.regex_pattern or default,),
        unanimous=keys.regex_patterns is None,
        attempts=keys.number_of_judgment_attempts,
        rules=_rules((v2_prompt, general, overrides), str(path)),
        categories=categories,
        ref_models=_tuple(keys.ref_model),
        baseline=baseline,
        response_format=_response_format(keys.response_format, path),
        verdict_field=keys.verdict_field or ("verdict" if keys.response_format else None),
    )


def _rules(layers: Iterable[Mapping[str, Any]], where: str) -> Rules:
    """Return the rules of layered keys, where later layers win. A missing prompt is our own."""
    values = {key: value for keys in layers for key, value in keys.items() if value is not None}
    if "prompt_template" not in values:
        ours = read_yaml(OUR_JUDGE_CONFIG)
        values = {key: ours[key] for key in ("system_prompt", "prompt_template")} | values
    keys = convert(values, _RuleKeys, where, literal=_LITERAL, comments=COMMENT_KEYS)
    baselines = tuple(dict.fromkeys(_tuple(keys.baseline_model)))
    return Rules(baselines, keys.system_prompt, _tuple(keys.prompt_template))


def _tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _response_format(name: str | None, path: Path) -> dict[str, Any] | None:
    """Return the JSON schema of the replies from its file, in the form of chat completions.

    The file may have that form or the one of the responses API, or be the schema alone.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number of JSON")

    if name is None:
        return None
    try:
        inner = json.loads(Path(name).read_bytes(), parse_constant=refuse)
    except OSError as error:
        raise InputError(f"{path}: response_format: {name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON: {error}") from None
    for key in ("format", "json_schema"):
        inner = inner.get(key, inner) if isinstance(inner, dict) else inner
    schema = inner.get("schema", inner) if isinstance(inner, dict) else None
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise InputError(
            f'{name}: expected the JSON schema of an object, as in {{"format": {{"type": '
            '"json_schema", "name": ..., "schema": {"properties": ...}, "strict": true}}'
        )
    content = {"name": inner.get("name", "verdict"), "schema": schema}
    strict = {"strict": inner["strict"]} if "strict" in inner else {}
    return {"type": "json_schema", "json_schema": content | strict}


def configs_of(
    bench: str, folder: Path, patterns: Sequence[str] = ("*/judge_config.yaml",)
) -> Iterator[JudgeConfig]:
    """Yield the judge configs of a bench in a config/ folder, by the patterns of their paths."""
    paths = itertools.chain.from_iterable(sorted(folder.glob(pattern)) for pattern in patterns)
    for path in dict.fromkeys(paths):
        with contextlib.suppress(InputError, OSError):  # a user's own, of another bench
            if b"judge_model" not in path.read_bytes():  # a list of models is long to parse
                continue
            config = read_judge_config(path)
            if config.bench_name == bench:
                yield config


def settings_of(bench: str) -> Path | None:
    """Return the folder in config/ with the setting files of a bench, None if there is none."""
    return next((Path(c.path).parent for c in configs_of(bench, Path("config"))), None)


def bench_to_read(bench: Bench) -> Bench:
    """Return a bench that nobody named on a command line. In place of one without data it is the
    only one with judgments, so that a bare command works in a checkout with other data.
    """
    if bench.questions.exists() or model_names(bench.folder):
        return bench
    judged = [other for other in benches(bench.data_dir) if judge_names(other)]
    return judged[0] if len(judged) == 1 else bench


def source_to_read(
    config: JudgeConfig, data_dir: Path, bench_name: str | None = None, *, any_judge: bool = False
) -> tuple[Bench, str]:
    """Return the bench and the judge of a command that does not name both. They are the config's,
    but instead of one without data the only one with judgments, with a warning.

    `any_judge`: the command does not need the config's judge.
    """
    wanted, judge = Bench(data_dir, bench_name or config.bench_name), config.judge_model
    bench, warning = wanted if bench_name else bench_to_read(wanted), ""
    if bench != wanted:
        only = f"Using {bench.name}, the only bench with judgments"
        warning = f"{wanted.folder} has no data. {only}"
    if not (any_judge or model_names(bench.judgments(judge))):
        judges = judge_names(bench)
        if len(judges) == 1:
            none = f"{bench.folder} has no judgments of {judge}. Using the only ones there"
            judge = judges[0]
            warning = f"{warning or none}, of {judge}"
    if warning:
        warn(f"{config.path}: {warning}")
    return bench, judge
