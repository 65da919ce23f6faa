"""The benchmarks of stopping at a width and of pairs, on a small scale."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pairs, stopping


def rows(text: str) -> list[list[str]]:
    """The cells of a table in Markdown."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_intervals_are_as_narrow_as_wanted_at_the_stop(capsys: pytest.CaptureFixture[str]) -> None:
    status = stopping.main(["--repetitions", "8"])
    out = capsys.readouterr().out
    assert ("MISSED" in out) == bool(status)
    table = rows(out)[2:]
    assert [row[2] for row in table] == ["±6", "±4", "±3"] * 3
    assert all(100 <= float(row[3]) <= 1600 for row in table)
    assert "two equal models differ at 5 % in one of 61 looks" in out


def test_a_run_stops_at_the_first_look_that_is_narrow_enough() -> None:
    wide, narrow = np.array([[40.0], [60.0]]), np.array([[45.0], [55.0]])
    truth = np.array([42.0])
    looks = [wide, wide, narrow, *[wide] * 58]
    assert stopping.stopped(looks, 10.0, truth) == (1.0, 100)
    assert stopping.stopped(looks, 5.0, truth) == (0.0, 150)
    assert stopping.stopped(looks, 4.0, truth) == (1.0, 1600)


def test_points_and_battles_are_those_of_the_models() -> None:
    population = stopping.SimulatedBattles(
        stopping.SPREAD, stopping.simulated(stopping.BRADLEY_TERRY), style=False
    )
    drawn = population.draw(30, np.random.default_rng(0))
    games = stopping.Games.of(drawn)
    cells = drawn.data.cells  # type: ignore[union-attr]
    for model in range(1, 10):
        mine = cells.b == model
        won, tied = cells.counts[2][mine].sum(), cells.counts[1][mine].sum()
        assert games.points[model - 1].sum() == won + tied / 2
        assert games.battles[model - 1].sum() == cells.counts[:, mine].sum()


def test_designs_have_the_pairs_that_their_names_say() -> None:
    of = {name: (strengths, both) for name, strengths, both in pairs.designs(10)}
    for name in pairs.BASELINES:
        strengths, (first, second) = of[name]
        assert len(strengths) == 11
        assert set(first) == {10}
        assert second == tuple(range(10))
    sets = [{frozenset(pair) for pair in zip(*of[n][1], strict=True)} for n in list(of)[-2:]]
    assert list(map(len, sets)) == [45, 20]
    assert all(sum(model in pair for pair in sets[1]) == 4 for model in range(10))


def test_a_far_baseline_takes_the_most_judgments(capsys: pytest.CaptureFixture[str]) -> None:
    pairs.main(["--repetitions", "20"])
    needed = {
        (row[0], row[1]): int(row[3].replace(",", "")) for row in rows(capsys.readouterr().out)[2:]
    }
    for models in ("5", "10"):
        near, far = (
            needed[models, f"one baseline, {kind}"]
            for kind in ("as good as they are", "far weaker")
        )
        assert near < needed[models, "all pairs"]
        assert 3 * near < far
