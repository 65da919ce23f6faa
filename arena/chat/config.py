"""An entry of api_config.yaml: a model, where it answers, and how it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from arena.base.errors import InputError, nearest, one_line, warn
from arena.base.yaml_file import Count, Number, convert, line_of, mapping, read_yaml

Seconds = Annotated[float, Meta(gt=0, lt=1e18)]


@dataclass(frozen=True)
class Endpoint:
    """A server that answers chat requests. None leaves the address or the key to the API type."""

    api_base: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    timeout: Seconds | None = None


@dataclass(frozen=True)
class ModelConfig:
    """One entry of api_config.yaml. Fields without repr may have secrets in them.

    name, where: the key of the entry, and the file with that key.
    extra_body: keeps its `${VAR}`s, since records contain it. They are filled in for each request.
    price: USD per million input tokens and per million output tokens.
    startup_timeout: the seconds for which a server that never answered may be out of reach.
    """

    name: str
    where: str
    model_name: str
    api_type: str = "openai"
    endpoints: tuple[Endpoint, ...] = field(default=(Endpoint(),), repr=False)
    parallel: Count = 1
    system_prompt: str | None = None
    tokenizer: str | None = None
    temperature: Number | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    reasoning_effort: str | None = None
    budget_tokens: Count | None = None
    model_id: str | None = None
    project_id: str | None = None
    regions: str | None = None
    local_engine: bool = False
    model_path: str | None = None
    context: Count = 4096
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    price: tuple[Number, Number] | None = None
    end_think_token: str | None = None
    timeout: Seconds = 600.0
    max_retries: Annotated[int, Meta(ge=0)] = 8
    retry_wait: Number = 1.0
    startup_timeout: Number = 60.0

    def settings(
        self, temperature: float | None, max_tokens: int, **others: object
    ) -> dict[str, Any]:
        """Return the settings of requests, as records contain them. `others`: those of a script."""
        names = ("model_id", "reasoning_effort", "budget_tokens", "model_path", "end_think_token")
        optional = {name: getattr(self, name) for name in names}
        return {
            "model_name": self.model_name,
            "api_type": self.api_type,
            "temperature": temperature,
            "max_tokens": max_tokens,
            **others,
            "extra_body": dict(self.extra_body),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class _Price:
    """The keys of a price: USD per million tokens."""

    input: Number
    output: Number


OTHER_SPELLINGS = {"model": "model_name", "sys_prompt": "system_prompt"}  # in v2.0's files


def _entry_of(path: Path, name: str) -> dict[str, Any]:
    """Return the keys of a model's entry in the endpoint file; InputError if it is not there."""
    entries = read_yaml(path)
    if name in entries:
        return mapping(entries[name], f"{path}: {name}")
    models = [key for key, entry in entries.items() if isinstance(entry, dict)]
    if not models:
        raise InputError(f"{path}: no endpoint file: it has no entry for any model")
    # The judges of published boards have none any more.
    advice = nearest(name, models) or f". Add one, or use one of {', '.join(models)}."
    raise InputError(f"{path}: no entry for the model '{name}'{advice}")


def read_model_config(path: Path, name: str) -> ModelConfig:
    """Return the entry of a model in the endpoint file; InputError if it is not there or wrong."""
    where, values = f"{path}: {name}", _entry_of(path, name)
    for spelling, key in OTHER_SPELLINGS.items():
        other = values.pop(spelling, None)
        values[key] = other if values.get(key) is None else values[key]
    _refuse_misplaced(values, where)
    if values.get("output_structured"):
        advice = "Ask for JSON with extra_body: {response_format: ...}"
        raise InputError(f"{where}: output_structured: true is not supported. {advice}")
    if isinstance(endpoints := values.get("endpoints"), list):
        values["endpoints"] = [
            convert(item, Endpoint, f"{where}: endpoints[{number}]")
            for number, item in enumerate(endpoints)
        ] or None
    if (price := values.get("price")) is not None:
        if not isinstance(price, dict):
            got = one_line(repr(price), 60)
            raise InputError(f"{where}: price: expected a mapping of input and output, got {got}")
        values["price"] = astuple(convert(price, _Price, f"{where}: price"))
    config = convert(
        {"model_name": name} | {key: value for key, value in values.items() if value is not None},
        ModelConfig,
        where,
        literal=("system_prompt", "extra_body"),
        comments=("name", "output_structured"),  # in v2.0's files
        given={"name": name, "where": where},
    )
    for header, text in config.extra_headers.items():
        # Headers are often secrets, so errors do not show them.
        place = f"{where}: extra_headers: {one_line(header, 60)}"
        if not (re.fullmatch(r"[\w-]+", header, re.ASCII) and re.fullmatch(r"[\t -~]*", text)):
            raise InputError(f"{place}: not valid as a header. Use ASCII only.")
        if header.lower() in ("content-length", "transfer-encoding"):
            raise InputError(f"{place}: each request has its own. Remove it.")
    return _with_successor(config)


# Names that DeepSeek has ended, and whether the successor thinks as they did.
ENDED_NAMES = {"deepseek-chat": "disabled", "deepseek-reasoner": "enabled"}


def _with_successor(config: ModelConfig) -> ModelConfig:
    """Replace a model name that DeepSeek has ended by the one to which it led, and say so. Records
    contain the new name, so that answers of the old model are not continued unnoticed.
    """
    thinking, extra_body = ENDED_NAMES.get(config.model_name), dict(config.extra_body)
    if thinking is None or config.api_type not in ("deepseek", "deepseek_reasoner"):
        return config
    if config.api_type == "deepseek_reasoner":  # whose requests turn it on
        thinking = "enabled"
    else:
        extra_body = {"thinking": {"type": thinking}} | extra_body
    new, state = "deepseek-v4-flash", "with" if thinking == "enabled" else "without"
    warn(
        f"{config.where}: DeepSeek ended '{config.model_name}' on 2026-07-24. This run asks "
        f"{new} {state} thinking. Set model_name to choose another model."
    )
    return replace(config, model_name=new, extra_body=extra_body)


# Other programs' names for keys of an endpoint. Without its address a model would be asked at the
# provider's own, with the prompts and the key of the environment.
ALIASES = {
    **dict.fromkeys(("base_url", "api_url", "url", "address", "host"), "api_base"),
    **dict.fromkeys(("endpoint", "azure_endpoint", "openai_api_base", "server"), "api_base"),
    **dict.fromkeys(("key", "token", "apikey", "api_token", "openai_api_key"), "api_key"),
    **dict.fromkeys(("openai_api_version",), "api_version"),
}
ENDPOINT_KEYS = ("api_base", "api_key", "api_version")


def _refuse_misplaced(values: Mapping[str, Any], where: str) -> None:
    """Raise InputError for keys of an endpoint in the entry, and for keys of the entry in one."""
    for name, value in values.items():
        key = ALIASES.get(name.lower(), name.lower())
        if key in ENDPOINT_KEYS and value is not None:
            advice = f"Write it in the list of endpoints: 'endpoints: [{{{key}: ...}}]'"
            raise InputError(f"{where}: {name}: belongs to an endpoint. {advice}")
    endpoints = values.get("endpoints")
    for number, endpoint in enumerate(endpoints if isinstance(endpoints, list) else []):
        place = f"{where}: endpoints[{number}]"
        for name in endpoint if isinstance(endpoint, dict) else ():
            key = ALIASES.get(str(name).lower(), str(name).lower())
            if endpoint[name] is None or str(name) in Endpoint.__dataclass_fields__:
                continue
            if key in ENDPOINT_KEYS:
                raise InputError(f"{place}: {name}: unknown key. Write {key}")
            if key in ModelConfig.__dataclass_fields__ and key not in ("name", "where"):
                raise InputError(f"{place}: {name}: belongs to the entry, one level up")


def place_of(model: ModelConfig) -> str:
    """Return the place of a model's entry, with its line if the file still has it."""
    path = model.where.removesuffix(f": {model.name}")
    line = line_of(Path(path), model.name)
    return model.where if line is None else f"{path}:{line}: {model.name}"
