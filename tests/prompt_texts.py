"""Prompts of three subjects with random words between, for tests and benchmarks."""

from __future__ import annotations

import random

SUBJECTS = {
    "cooking": ("onions", "garlic", "oven", "recipe", "butter", "flour", "simmer", "pan", "dough"),
    "astronomy": ("planet", "orbit", "telescope", "galaxy", "star", "comet", "lunar", "eclipse"),
    "python": ("function", "class", "module", "import", "loop", "exception", "decorator", "dict"),
}


def texts_of(count: int) -> list[str]:
    draw = random.Random(3)
    return [
        " ".join(draw.choices(SUBJECTS[subject], k=5) + draw.sample(range_words(), 9)) + "?"
        for subject in SUBJECTS
        for _ in range(count // 3)
    ]


def range_words() -> list[str]:
    draw = random.Random(4)
    return ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9))) for _ in range(900)]
