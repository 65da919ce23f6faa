"""A YAML mapping as a typed object, with errors that name file, line and key."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

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


QUOTES = "Put it in quotes."
_KEY = "'"  # the style of all keys: one in digits stays the text that it is
_NO_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "timestamp")}


@dataclasses.dataclass(frozen=True, repr=False)
class _Scalar:
    """A number, a date or a truth value, with the text that stands in the file: a field may want
    either. Also a text without quotes that JSON and many people take for a number: 1e-3.
    """

    value: Any
    written: str
    line: int

    def __repr__(self) -> str:
        return self.written

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def is_text(self) -> bool:
        """Whether nobody can mean another text: 4 and 2024-02-01, but not 0123, 4.10 or 1e3."""
        is_noun = isinstance(self.value, (str, bool, type(None)))
        return not is_noun and _yaml(self.value) == self.written


_EXPONENT = re.compile(r"[-+]?\d[\d.]*[eE][-+]?\d+")
# 010 is read as 8, and 12:30 as 750.
_ANOTHER_NUMBER = re.compile(r"[-+]?(0[0-7_]+|[\d_.:]*:[\d_.:]*)")
_SECRETS_FROM = 13  # characters: shorter values may be shown


def _yaml(value: object) -> str:
    """Return a single value as YAML writes it."""
    if isinstance(value, (bool, type(None))):
        return json.dumps(value)
    with contextlib.suppress(ValueError):  # Python writes no integer of more than 4,300 digits
        return value.isoformat() if isinstance(value, date) else repr(value)
    return "a huge number"


class _Notes:
    """A part of our YAML loader: it notes the spelling of values, and the repeated keys, which
    loaders drop silently.
    """

    constructed_objects: dict[Any, Any]

    def __init__(self, text: str) -> None:
        super().__init__(text)  # type: ignore[call-arg]
        self.deep_construct = True  # refuses an alias that refers to itself
        self.repeated: list[tuple[int, str]] = []

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        value = super().construct_object(node, deep)  # type: ignore[misc]
        if node.id != "scalar" or (value is None and node.style != _KEY):
            return value
        if isinstance(value, str) and (node.style or not _EXPONENT.fullmatch(value)):
            return value
        return _Scalar(value, node.value, node.start_mark.line + 1)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[tuple[str, str]] = set()
        for key in (key for key, _ in node.value if key.id == "scalar"):
            key.style = _KEY
            value = self.construct_object(key) if key.tag in _NO_TEXT else None
            if value is not None and value.is_text:
                # In records, which are JSON, all keys are texts: a number would never equal them.
                self.constructed_objects.pop(key)
                key.tag = "tag:yaml.org,2002:str"
            if (key.tag, key.value) in seen:
                self.repeated.append((key.start_mark.line + 1, key.value))
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)  # type: ignore[misc]


@functools.cache
def _loader() -> Any:
    import yaml  # boards of given judges and baselines need no config file

    return type("Loader", (_Notes, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the top mapping of a YAML file, or raise InputError. Warns of repeated keys.

    Numbers, dates and truth values come with the text in the file. `convert` and `text_of` read
    them.
    """
    import yaml

    try:
        loader = _loader()(path.read_bytes().decode("utf-8-sig"))
        values = loader.get_single_data()
    except OSError as error:
        advice = ""
        if isinstance(error, FileNotFoundError) and not (path.is_absolute() or path.is_symlink()):
            advice = "Run the script in the folder with config/ and data/, or write another path."
            advice = f" in {Path.cwd()}. {advice}"
        raise InputError(f"{path}: cannot read: {error.strerror}{advice}") from None
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
    return mapping(values, str(path))


def line_of(path: Path, key: str) -> int | None:
    """Return the line of a top key of a YAML file, None if the file or the key is not there."""
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_loader())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    lines = [node.start_mark.line + 1 for node, _ in pairs if node.value == key]
    return lines[-1] if lines else None


def mapping(values: object, where: str) -> dict[str, Any]:
    """Return a mapping with text for keys. Raises InputError with its place for anything else."""
    if not isinstance(values, dict):
        got = _shown(values, whole=False)
        raise InputError(f"{where}: expected a mapping of keys to values, got {got}")
    _check_keys(values, where)
    return {str(key): value for key, value in values.items()}


def _check_keys(values: Mapping[Any, Any], where: str) -> None:
    """Raise InputError for a key that YAML reads as no text."""
    for key in values:
        if isinstance(key, _Scalar):
            words = {bool: "a truth value", type(None): "nothing"}
            reading = words.get(type(key.value)) or _yaml(key.value)
            problem = f"YAML reads the key {key.written or 'null'} as {reading} (line {key.line})"
            raise InputError(f"{where}: {problem}. {QUOTES}")


_hints: Callable[[type], dict[str, Any]] = functools.cache(
    functools.partial(get_type_hints, include_extras=True)
)


def convert(
    values: object,
    kind: type[Kind],
    where: str,
    *,
    literal: Collection[str] = (),
    comments: Collection[str] = (),
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Kind:
    """Return a mapping as a dataclass, its types checked and its `${VAR}`s filled in.

    literal: keys with texts that keep their `${VAR}`s.
    comments: keys that are passed over without a warning.
    given: fields that are no keys of the file, with their values.

    A null counts as missing. Raises InputError with `where`, key and value, but never with the
    value of a field without repr, which may be a secret.
    """
    keys = mapping(values, where)
    types = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    types = {name: field for name, field in types.items() if name not in given}
    fields = {key: value for key, value in keys.items() if key in types and value is not None}
    unknown = [key for key in keys if key not in types and key not in comments]
    for name, field in types.items():
        if name not in fields and dataclasses.MISSING is field.default is field.default_factory:
            near = difflib.get_close_matches(name, unknown, n=1)
            hint = f" (is '{near[0]}' meant for it?)" if near else ""
            raise InputError(f"{where}: the key '{name}' is missing{hint}")
    hints = _hints(kind)
    for name, value in fields.items():
        place = f"{where}: {name}"
        filled = value if name in literal else fill_variables(value, place)
        fields[name] = _checked(filled, hints[name], place, whole=types[name].repr)
    for key in unknown:
        warn(f"{where}: unknown key '{key}' is ignored{nearest(key, {*types, *comments})}")
    return kind(**fields, **given)


def _checked(value: Any, hint: Any, where: str, *, whole: bool) -> Any:
    """Return a value as one of a type. Raises InputError with `where`, the type and the value."""
    kind = inspect.type_info(hint)
    value = _plain(value, kind, where, whole=whole)
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        expected, got = _words(kind), _shown(value, whole=whole)
        advice = f". {QUOTES}" if "a text" in expected and isinstance(value, bool) else ""
        if "number" in expected and re.fullmatch(r"'[\d.]+'", got):
            advice = ". Remove the quotes."
        raise InputError(f"{where}: expected {expected}, got {got}{advice}") from None


def _plain(value: Any, kind: inspect.Type, where: str, *, whole: bool) -> Any:
    """Return a value for a field. A number or a date is a text as it stands if a text is wanted.

    Raises InputError with the place of what is no text but has to be one.
    """
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    if isinstance(value, _Scalar):
        if isinstance(kind, inspect.AnyType):
            _refuse_unclear(value, where, whole=whole)
        wants_text = any(isinstance(k, inspect.StrType) for k in kinds)
        if wants_text and value.is_text:
            return value.written
        if wants_text and not isinstance(value.value, (str, bool)):
            shown = f"{one_line(value.written, 60)} as {_yaml(value.value)}"
            shown = shown if whole else "this as another number or date"
            raise InputError(f"{where}: expected a text, but YAML reads {shown}. {QUOTES}")
        value = value.value
    if isinstance(kind, inspect.StrType) and not isinstance(value, str):
        advice = "" if isinstance(value, (dict, list)) else f". {QUOTES}"
        raise InputError(f"{where}: expected a text, got {_shown(value, whole=whole)}{advice}")
    if isinstance(value, list):
        items = [k.item_type for k in kinds if isinstance(k, inspect.VarTupleType)]
        item = [*items, inspect.AnyType()][0]
        return [_plain(v, item, f"{where}[{i}]", whole=whole) for i, v in enumerate(value)]
    if isinstance(value, dict):
        _check_keys(value, where)
        items = [k.value_type for k in kinds if isinstance(k, inspect.DictType)]
        item = [*items, inspect.AnyType()][0]
        return {k: _plain(v, item, f"{where}.{k}", whole=whole) for k, v in value.items()}
    return value


def _refuse_unclear(scalar: _Scalar, where: str, *, whole: bool) -> None:
    """Raise InputError for a value of any type that YAML reads as another one than many mean."""
    value, written = scalar.value, scalar.written
    reading = better = _yaml(value)
    if isinstance(value, str):
        number = repr(float(value))
        reading, better = "a text", number if "." in number else number.replace("e", ".0e")
    elif written.lower() == reading or not (
        isinstance(value, bool) or _ANOTHER_NUMBER.fullmatch(written)
    ):
        return
    if not whole and len(written) >= _SECRETS_FROM:
        written, better = "this", ""
        reading = reading if reading == "a text" else "another number"
    advice = f"Put it in quotes, or write {better}." if better else QUOTES
    raise InputError(f"{where}: YAML reads {written} as {reading}. {advice}")


def text_of(value: Any, where: str) -> str:
    """Return a value of a YAML or JSON file as a text. Raises InputError for another one."""
    return str(_checked(value, str, where, whole=True))


_WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "a text",
    inspect.BoolType: "true or false",
}


def _words(kind: inspect.Type) -> str:
    """Return the words for the type of a field, with its lower bound or the type of its items."""
    if isinstance(kind, inspect.UnionType):
        words = {type(part): _words(part) for part in kind.types}
        whole = inspect.IntType if inspect.FloatType in words else None
        return " or ".join(words[part] for part in words if part not in (whole, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        return f"a list of {_words(kind.item_type).removeprefix('a ')}s"
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        bound = f", {kind.ge} or more" if kind.ge is not None else f" above {kind.gt}"
        return _WORDS[type(kind)] + bound
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(map(repr, kind.values))
    if isinstance(kind, inspect.DictType) and isinstance(kind.key_type, inspect.StrType):
        return "a mapping with texts for keys"
    return _WORDS.get(type(kind), "a mapping")


def _shown(value: object, *, whole: bool) -> str:
    """Return a value for an error, but only the kind of a mapping or a secret."""
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    if whole and type(value) not in (dict, type(None)):
        return one_line(_yaml(value), 60)
    return names.get(type(value), "a single value")


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
