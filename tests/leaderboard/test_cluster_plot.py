"""The plot of show_result.py --by cluster --plot."""

from __future__ import annotations

import re

from boards import named, show
from clusters import by, ends, questions
from conftest import Workspace
from judgments import add_judgments, random_judgments

PLACES = [f"cluster {i:02}" for i in range(60) for _ in (1, 2)]


def test_the_heat_map_is_drawn_and_always_the_same(clustered: Workspace) -> None:
    for name in ("a.svg", "b.svg", "a.png"):
        show(clustered, *named(), "--by", "cluster", "--plot", name)
    first, second = ((clustered.root / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second and b"n/a" in first and b"coding (7)" in first
    assert (clustered.root / "a.png").read_bytes().startswith(b"\x89PNG")


def test_of_many_clusters_the_ends_of_the_best_model_are_drawn(bench: Workspace) -> None:
    bench.add_questions(questions(PLACES))
    for seed in (1, 2):
        add_judgments(bench, f"m{seed}", random_judgments(seed, len(PLACES)))
    found = by(bench, "cluster", *named(), "--plot", "a.svg")
    scores = {n: {m: e[0] for m, e in ends(c).items()} for n, c in found.items()}
    best = max(("m1", "m2"), key=lambda m: sum(of[m] for of in scores.values()))
    text = " ".join(re.findall(r"<!-- (.*) -->", (bench.root / "a.svg").read_text()))
    names = re.findall(r"cluster \d\d(?= \(2\))", text)  # from below
    assert f"scores of {best} by cluster, the 20 weakest and 20 strongest" in text
    shown, ordered = (
        [scores[name][best] for name in names],
        sorted(s[best] for s in scores.values()),
    )
    assert len(set(names)) == 40
    assert shown == [*ordered[:20], *ordered[-20:]]
