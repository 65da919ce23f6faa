"""The types of flags."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from arena.base.flag_values import dollars, percentage, positive, seed


class TestNumbers:
    @pytest.mark.parametrize(
        ("kind", "text", "number"),
        [
            (positive, "1", 1),
            (positive, "1000000", 1_000_000),
            (seed, "0", 0),
            (seed, "9" * 30, int("9" * 30)),
            (dollars, "0", 0),
            (dollars, "0.5", 0.5),
            (percentage, "99.9", 99.9),
        ],
    )
    def test_those_in_range_are_taken(
        self, kind: Callable[[str], float], text: str, number: float
    ) -> None:
        assert (kind(text), type(kind(text))) == (number, type(kind("1")))

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            *((positive, text) for text in ("0", "-1", "1.5", "1000001", "", "two", "nan")),
            *((seed, text) for text in ("-1", "0.5", "inf")),
            *((dollars, text) for text in ("-0.01", "nan", "inf", "1e9", "$5")),
            *((percentage, text) for text in ("0", "100", "nan", "95%")),
        ],
    )
    def test_all_others_are_refused_with_the_text(
        self, kind: Callable[[str], float], text: str
    ) -> None:
        with pytest.raises(argparse.ArgumentTypeError) as error:
            kind(text)
        words = str(error.value)
        assert words.startswith("expected ") and words.endswith(f", got '{text}'")
