"""YAML files read with care: each value is checked when it is taken, and errors say where it is."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.base.errors import InputError, nearest, one_line, warn


@dataclass(frozen=True)
class Kind:
    """A kind of YAML value: what to call it, and how to tell it."""

    name: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


TEXT = Kind("a text", lambda value: isinstance(value, str))
NUMBER = Kind("a number, 0 or more", lambda value: _is_number(value) and value >= 0)
POSITIVE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
COUNT = Kind("a whole number, 1 or more", _is_count)
BOOL = Kind("true or false", lambda value: isinstance(value, bool))
MAPPING = Kind("a mapping", lambda value: isinstance(value, dict))
LIST = Kind("a list", lambda value: isinstance(value, list))
TEXTS = Kind(
    "a list of texts",
    lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
)
WHOLE = Kind(
    "a whole number, 0 or more",
    lambda value: (
        _is_count(value) or (value == 0 and isinstance(value, int) and value is not False)
    ),
)
TEXT_OR_TEXTS = Kind(
    "a text or a list of texts", lambda value: TEXT.accepts(value) or TEXTS.accepts(value)
)

REQUIRED: Any = object()

# Keys whose values may be secrets, or hold some: no error shows them.
UNSHOWN = ("api_base", "api_key", "endpoints", "extra_body", "extra_headers")

# The values of all `${VAR}`s so far: what the user keeps out of a file is kept out of messages too.
filled: set[str] = set()

# Keys of users' files that are passed over without a warning where they have no meaning.
COMMENT_KEYS = (
    "name",
    "question_file",
    "project_id",
    "regions",
    "output_structured",
    "local_engine",
    "model_id",
    "reasoning_effort",
    "budget_tokens",
)


class Section:
    """A YAML mapping that knows where it stands, and checks each value that is taken out of it."""

    def __init__(self, where: str, values: Any, *, shown: bool = True) -> None:
        if not isinstance(values, dict):
            kind = {list: "a list", type(None): "nothing"}.get(type(values), "a single value")
            raise InputError(f"{where}: expected a mapping of keys to values, got {kind}")
        self.where = where
        self._values = values
        self._shown = shown
        self._known: set[str] = set(COMMENT_KEYS)

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._values.get(key) is not None

    def take(
        self,
        key: str,
        kind: Kind,
        default: Any = REQUIRED,
        *,
        also: str = "",
        literal: bool = False,
    ) -> Any:
        """Return the value of `key` (or of its other spelling `also`), or `default` where it is
        missing or null.

        `${VAR}` is filled from the environment unless `literal`. Raises InputError for a value of
        another kind and for a missing key without a default.
        """
        self._known.update(name for name in (key, also) if name)
        found = next((name for name in (key, also) if name and name in self), None)
        if found is None:
            if default is REQUIRED:
                raise InputError(
                    f"{self.where}: key '{key}' is missing; expected {kind.name}{self._near(key)}"
                )
            return default
        value = self._values[found]
        if not kind.accepts(value):
            got = _shown(value, self._shown and found not in UNSHOWN)
            raise InputError(f"{self.where}: {found}: expected {kind.name}, got {got}")
        return value if literal else fill_variables(value, f"{self.where}: {found}")

    def names(self) -> list[str]:
        """Return the keys that are there."""
        return [str(key) for key in self._values]

    def texts(self) -> dict[str, str]:
        """Return all of it, as it stands; InputError for a key or a value that is no text."""
        for key, value in self._values.items():
            if not isinstance(key, str):
                raise InputError(f"{self.where}: the key {key}: expected a text; put it in quotes")
            if not isinstance(value, str):
                raise InputError(
                    f"{self.where}: {key}: expected a text, got {_shown(value, self._shown)}"
                )
        return dict(self._values)

    def section(self, key: str) -> Section:
        """Return the mapping that a key holds; `key` may be a number in the file."""
        values = {str(name): value for name, value in self._values.items()}
        return Section(f"{self.where}: {key}", values[key])

    def warn_unknown(self) -> None:
        """Warn of each key that nobody took, with the nearest key that is known."""
        for key in self._values:
            if key not in self._known:
                warn(
                    f"{self.where}: unknown key '{key}' is ignored{nearest(str(key), self._known)}"
                )

    def _near(self, key: str) -> str:
        unknown = [str(name) for name in self._values if name not in self._known]
        match = difflib.get_close_matches(key, unknown, n=1)
        return f" (is '{match[0]}' meant for it?)" if match else ""


def _shown(value: Any, whole: bool) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value)) or (one_line(repr(value), 60) if whole else "a single value")


def fill_variables(value: Any, where: str) -> Any:
    """Return the value with each `${VAR}` in its texts, at any depth, filled from the environment.

    What they stand for is noted in `filled`. Raises InputError, with `where` the value stands, for
    a variable that is not set.
    """

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise InputError(f"{where}: the environment variable {match[1]} is not set")
        filled.add(os.environ[match[1]].strip())
        return os.environ[match[1]]

    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", variable, value)
    if isinstance(value, list):
        return [fill_variables(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: fill_variables(item, f"{where}.{key}") for key, item in value.items()}
    return value


def read_yaml(path: Path) -> Section:
    """Return the top mapping of a YAML file; InputError with file and line for anything else.

    Warns of a key that is there twice.
    """
    import yaml

    try:
        values, twice = _load(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from None
    if _holds_itself(values, set(), set()):
        raise InputError(f"{path}: an alias stands for a value that it is part of")
    for line, key in sorted(twice):
        warn(f"{path}:{line}: the key '{key}' is there twice; the last one counts")
    return Section(str(path), values)


def _load(text: str) -> tuple[Any, list[tuple[int, str]]]:
    """Return what a YAML text holds, and the lines and names of keys that are there again."""
    import yaml

    twice: list[tuple[int, str]] = []

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[tuple[str, str]] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in seen:
                        twice.append((key.start_mark.line + 1, key.value))
                    seen.add((key.tag, key.value))
            return super().construct_mapping(node, deep)

    return yaml.load(text, Loader), twice


def _holds_itself(value: Any, above: set[int], seen: set[int]) -> bool:
    """Whether a value is part of itself; `above` are the ids of what it is in, `seen` of all."""
    if id(value) in above:
        return True
    if not isinstance(value, (dict, list)) or id(value) in seen:
        return False
    seen.add(id(value))
    parts = value.values() if isinstance(value, dict) else value
    return any(_holds_itself(part, above | {id(value)}, seen) for part in parts)
