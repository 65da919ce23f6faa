"""A YAML mapping as a typed object, with errors that name file, line and key."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import yaml

from arena.base.errors import InputError, nearest, one_line, warn

Kind = TypeVar("Kind")
Count = Annotated[int, msgspec.Meta(ge=1)]
Number = (
    Annotated[int, msgspec.Meta(ge=0, lt=10**18)] | Annotated[float, msgspec.Meta(ge=0, lt=1e18)]
)
"""0 or more. A whole number stays one: a record says "temperature": 0, not 0.0."""

# Secrets reach a file through `${VAR}`. Errors of an SDK may repeat them, so all these values are
# removed from messages.
variable_values: set[str] = set()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that notes repeated keys, which YAML readers drop silently."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.deep_construct = True  # refuses an alias that refers to itself
        self.repeated: list[tuple[int, str]] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    self.repeated.append((key.start_mark.line + 1, key.value))
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[Any, Any]:
    """Return the top mapping of a YAML file, or raise InputError. Warns of repeated keys."""
    try:
        loader = _Loader(path.read_bytes().decode("utf-8-sig"))
        values = loader.get_single_data()
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        if "recursive" in str(problem):
            raise InputError(f"{place}: a YAML alias refers to itself") from None
        raise InputError(f"{place}: not YAML: {problem or error}") from None
    for line, key in sorted(loader.repeated):
        warn(f"{path}:{line}: the key '{key}' is repeated, and its last value counts")
    mapping(values, str(path))
    return dict(values)


def line_of(path: Path, key: str) -> int | None:
    """Return the line of a top key of a YAML file, None if the file or the key is not there."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    lines = [node.start_mark.line + 1 for node, _ in pairs if node.value == key]
    return lines[-1] if lines else None


def mapping(values: object, where: str) -> dict[str, Any]:
    """Return a mapping with text for keys. Raises InputError with its place for anything else."""
    if not isinstance(values, dict):
        kind = {list: "a list", type(None): "nothing"}.get(type(values), "a single value")
        raise InputError(f"{where}: expected a mapping of keys to values, got {kind}")
    return {str(key): value for key, value in values.items()}


def convert(
    values: object,
    kind: type[Kind],
    where: str,
    *,
    literal: Collection[str] = (),
    comments: Collection[str] = (),
) -> Kind:
    """Return a mapping as a dataclass, its types checked and its `${VAR}`s filled in.

    literal: keys with texts that keep their `${VAR}`s.
    comments: keys that are passed over without a warning.

    A null counts as missing. Raises InputError with `where`, key and value, but never with the
    value of a field without repr, which may be a secret.
    """
    keys = mapping(values, where)
    types = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    fields = {key: value for key, value in keys.items() if key in types and value is not None}
    unknown = [key for key in keys if key not in types and key not in comments]
    for name, field in types.items():
        if name in fields and name not in literal:
            fields[name] = fill_variables(fields[name], f"{where}: {name}")
        elif name not in fields and dataclasses.MISSING is field.default is field.default_factory:
            near = difflib.get_close_matches(name, unknown, n=1)
            hint = f" (is '{near[0]}' meant for it?)" if near else ""
            raise InputError(f"{where}: the key '{name}' is missing{hint}")
    try:
        typed = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        printable = {name: value for name, value in fields.items() if types[name].repr}
        raise InputError(f"{where}: {_plain(str(error), printable)}") from None
    for key in unknown:
        warn(f"{where}: unknown key '{key}' is ignored{nearest(key, {*types, *comments})}")
    return typed


_WORDS = {
    "int": "a whole number",
    "int | float": "a number",
    "float": "a number",
    "str": "a text",
    "str | array": "a text or a list",
    "bool": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}


def _plain(message: str, printable: dict[str, Any]) -> str:
    """Return an error of msgspec in plain words: place, expected type, shown value."""
    problem, _, place = message.partition(" - at `$")
    keys = [key for key in place.rstrip("`").split(".") if key]
    value = printable.get(keys[0]) if len(keys) == 1 else None
    if isinstance(value, (str, int, float)):
        problem = f"{problem.partition(', got ')[0]}, got {one_line(repr(value), 60)}"
    problem = re.sub("`(int|float)` (?=[<>])", "a number ", problem.replace(" | null`", "`"))
    problem = re.sub("`(.*?)`", lambda types: _WORDS.get(types[1], types[1]), problem)
    return ": ".join([*keys, problem[0].lower() + problem[1:].replace(" 0.0", " 0")])


def fill_variables(value: Any, where: str) -> Any:
    """Return a value with the `${VAR}`s of its texts filled in. Raises InputError if unset."""

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise InputError(f"{where}: the environment variable {match[1]} is not set")
        variable_values.add(os.environ[match[1]].strip())
        return os.environ[match[1]]

    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", variable, value)
    if isinstance(value, list):
        return [fill_variables(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: fill_variables(item, f"{where}.{key}") for key, item in value.items()}
    return value
