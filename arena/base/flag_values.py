"""The values of flags: numbers in a range, the score of a model, one name, those of a mode."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from arena.base.errors import InputError


def _number(kind: Callable[[str], float], low: float, end: float, what: str) -> Callable[..., Any]:
    """Return a type of flags: numbers of a kind, at least `low` and below `end`."""

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan  # is not in any range
        if low <= value < end:
            return value
        raise argparse.ArgumentTypeError(f"expected {what}, got '{text}'")

    return number


def floor(text: str) -> tuple[str, float]:
    """Return the parts of MODEL=SCORE, as a type of flags."""
    model, equals, score = text.rpartition("=")
    with contextlib.suppress(ValueError):
        if model and equals and math.isfinite(float(score)):
            return model, float(score)
    raise argparse.ArgumentTypeError(f"expected MODEL=SCORE, as in my-model=50, got '{text}'")


positive = _number(int, 1, 1_000_001, "a whole number, 1 or more")
seed = _number(int, 0, math.inf, "a whole number, 0 or more")
percentage = _number(float, math.ulp(0.0), 100, "a number above 0 and below 100")
port = _number(int, 1, 65_536, "a number from 1 to 65535")
dollars = _number(float, 0, 1e9, "a sum in USD")


class OneName(argparse.Action):
    """A flag for one name. argparse would drop all but the last of several without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: Any,
        value: Any,
        option_string: str | None = None,
    ) -> None:
        """Set the name. Raises ArgumentError if the flag has named another one."""
        earlier = getattr(namespace, self.dest)
        if earlier not in (None, value):
            raise argparse.ArgumentError(self, f"expected one name, got '{earlier}' and '{value}'")
        setattr(namespace, self.dest, value)


def check_mode(
    values: Mapping[str, object],
    default: Callable[[str], object],
    mode: str,
    used: Collection[str],
) -> None:
    """Raise InputError for a flag that a mode does not use, if it has not its default value.

    mode: the flag that turns the mode on. used: the other flags that it uses, as names of values.
    """
    for name, value in values.items():
        if name not in (mode, *used) and value != default(name):
            flag, of = (f"--{one.replace('_', '-')}" for one in (name, mode))
            raise InputError(f"{flag}: not allowed with {of}. Leave out one of them.")
