"""TODO."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest, one_line
from arena.base.yaml_file import (
    BOOL,
    COUNT,
    LIST,
    MAPPING,
    NUMBER,
    POSITIVE,
    TEXT,
    WHOLE,
    Section,
    read_yaml,
)

MODEL_OPTIONS = ("model_id", "reasoning_effort", "budget_tokens")


@dataclass(frozen=True)
class Endpoint:
    """A server that answers chat requests; None leaves the address or the key to the API type."""

    api_base: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class ModelConfig:
    """One entry of `api_config.yaml`: a model, where it answers, and how it is asked.

    `extra_body` keeps its `${VAR}`s, since records tell it; they are filled in when it is sent.
    `response_format` is in no entry: a single request may have one.
    """

    name: str
    where: str
    model_name: str
    api_type: str
    endpoints: tuple[Endpoint, ...] = (Endpoint(),)
    parallel: int = 1
    system_prompt: str | None = None
    tokenizer: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    budget_tokens: int | None = None
    model_id: str | None = None
    project_id: str | None = None
    regions: str | None = None
    local_engine: bool = False
    model_path: str | None = None
    context: int = 4096
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    price: tuple[float, float] | None = None
    end_think_token: str | None = None
    timeout: float = 600.0
    max_retries: int = 8
    retry_wait: float = 1.0
    response_format: Mapping[str, Any] | None = None

    def optional_settings(self) -> dict[str, Any]:
        """Return what records tell of the entry only where it is set."""
        told = (*MODEL_OPTIONS, "model_path", "end_think_token")
        values = {name: getattr(self, name) for name in told}
        return {name: value for name, value in values.items() if value is not None}


def read_model_config(path: Path, name: str) -> ModelConfig:
    """Return the entry of a model in the endpoint file; InputError if it is not there or cannot be
    used.
    """
    entries = read_yaml(path)
    if name not in entries.names():
        near = nearest(name, entries.names())
        raise InputError(f"{path}: no entry for the model '{name}'{near}")
    section = entries.section(name)
    endpoints = section.take("endpoints", LIST, [{}])
    config = ModelConfig(
        name=name,
        where=section.where,
        model_name=section.take("model_name", TEXT, name, also="model"),
        api_type=section.take("api_type", TEXT, "openai"),
        endpoints=tuple(
            _endpoint(item, f"{section.where}: endpoints[{i}]")
            for i, item in enumerate(endpoints or [{}])
        ),
        parallel=section.take("parallel", COUNT, 1),
        system_prompt=section.take("system_prompt", TEXT, None, also="sys_prompt", literal=True),
        tokenizer=section.take("tokenizer", TEXT, None),
        temperature=section.take("temperature", NUMBER, None),
        max_tokens=section.take("max_tokens", COUNT, None),
        max_completion_tokens=section.take("max_completion_tokens", COUNT, None),
        reasoning_effort=section.take("reasoning_effort", TEXT, None),
        budget_tokens=section.take("budget_tokens", COUNT, None),
        model_id=section.take("model_id", TEXT, None),
        project_id=section.take("project_id", TEXT, None),
        regions=section.take("regions", TEXT, None),
        local_engine=section.take("local_engine", BOOL, False),
        model_path=section.take("model_path", TEXT, None),
        context=section.take("context", COUNT, 4096),
        extra_body=section.take("extra_body", MAPPING, {}, literal=True),
        extra_headers=_headers(section),
        price=_price(section),
        end_think_token=section.take("end_think_token", TEXT, None),
        timeout=section.take("timeout", POSITIVE, 600.0),
        max_retries=section.take("max_retries", WHOLE, 8),
        retry_wait=section.take("retry_wait", NUMBER, 1.0),
    )
    section.warn_unknown()
    return config


def place_of(model: ModelConfig) -> str:
    """Return where the entry of a model stands, with its line if the file is there to tell it."""
    import yaml

    path = model.where.removesuffix(f": {model.name}")
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return model.where
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    keys = [key for key, _ in pairs if key.value == model.name]
    return f"{path}:{keys[-1].start_mark.line + 1}: {model.name}" if keys else model.where


def _price(section: Section) -> tuple[float, float] | None:
    """Return USD per million tokens of input and output, None if the entry gives no price."""
    values = section.take("price", MAPPING, None)
    if values is None:
        return None
    price = Section(f"{section.where}: price", values)
    both = price.take("input", NUMBER), price.take("output", NUMBER)
    price.warn_unknown()
    return both


def _headers(section: Section) -> dict[str, str]:
    headers = section.take("extra_headers", MAPPING, {})
    checked = Section(f"{section.where}: extra_headers", headers, shown=False)
    texts = {str(name): checked.take(name, TEXT) for name in headers}
    for name, text in texts.items():
        if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not re.fullmatch(r"[\t -~]*", text):
            raise InputError(f"{checked.where}: {one_line(name, 60)}: not what a header can hold")
    return texts


def _endpoint(values: Any, where: str) -> Endpoint:
    section = Section(where, values)
    endpoint = Endpoint(
        api_base=section.take("api_base", TEXT, None),
        api_key=section.take("api_key", TEXT, None),
        api_version=section.take("api_version", TEXT, None),
        timeout=section.take("timeout", POSITIVE, None),
    )
    section.warn_unknown()
    return endpoint
