"""The limit on open files."""

from __future__ import annotations

import resource

import pytest

from arena.base.limits import open_file_limit

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "most", "allowed"),
    [
        (256, 4096, 4096, 1000),  # raised to what is needed
        (256, 512, 512, 512),  # as far as it goes
        (256, INFINITE, 600, 500),  # macOS refuses more than it says
        (256, INFINITE, 100, 256),
        (2000, 4096, 4096, 1000),  # enough
        (INFINITE, INFINITE, 100, 1000),
    ],
)
def test_it_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, most: int, allowed: int
) -> None:
    limits = [(soft, hard)]

    def set_limit(_: int, pair: tuple[int, int]) -> None:
        if pair[0] > most:
            raise ValueError("not allowed to raise maximum limit")
        limits.append(pair)

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    assert open_file_limit(1000) == allowed
    assert limits[-1] in ((soft, hard), (allowed, hard))
