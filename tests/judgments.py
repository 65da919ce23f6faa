"""Records that tests judge and score: labels, judgments, answers with a style, whole benches.

conftest.py imports this before `arena`, which makes numpy compute in one thread if it is imported
later. So this imports it only if it is used.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from conftest import Workspace

# By label: what the game counts for A and for B, at weight 3.
POINTS = {"A>>B": (3, 0), "A>B": (1, 0), "A=B": (0.5, 0.5), "B>A": (0, 1), "B>>A": (0, 3)}
LABELS = tuple(POINTS)
QUESTIONS = 12  # of the fixtures `small` and `styled`
WON, LOST, TIED = ("B>A", "A>B"), ("A>B", "B>A"), ("A=B", "A=B")


def game(label: str | None) -> dict[str, Any]:
    return {"user_prompt": "…", "judgment": "…", "score": label}


def judgment(question: str, *labels: str | None, **fields: Any) -> dict[str, Any]:
    return {"question_id": question, "games": [game(label) for label in labels]} | fields


def add_judgments(
    bench: Workspace, model: str, records: Sequence[Mapping[str, Any]], judge: str = "judge"
) -> None:
    """Write a judgment file; the records' own fields overrule the usual ones."""
    usual = {"model": model, "judge": judge, "baseline": "base"}
    path = bench.data / f"model_judgment/{judge}/{model}.jsonl"
    bench.write(path, [usual | record for record in records])


def random_judgments(seed: int, questions: int = 10, **fields: Any) -> list[dict[str, Any]]:
    """Judgments of the questions q1, q2, ... with labels drawn at random."""
    labels = random.Random(seed).choices(LABELS, k=2 * questions)
    return [judgment(f"q{i + 1}", *labels[2 * i : 2 * i + 2], **fields) for i in range(questions)]


def random_answers(seed: int, questions: int = 10) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "question_id": f"q{i}",
            "conv_metadata": {
                "token_len": draw.randint(10, 500),
                "header_count": {"h1": draw.randint(0, 3), "h2": draw.randint(0, 3)},
                "list_count": {"ordered": draw.randint(0, 9), "unordered": draw.randint(0, 9)},
                "bold_count": {"**": draw.randint(0, 9), "__": 0},
            },
        }
        for i in range(1, questions + 1)
    ]


def graded(question: str, *scores: object, **fields: Any) -> dict[str, Any]:
    games = [{"score": score, "judgment": "…", "user_prompt": "…"} for score in scores]
    return {"question_id": question, "baseline": None, "games": games} | fields


def add_lengths(bench: Workspace, model: str, *tokens: int) -> None:
    """Write an answer file with answers of these lengths."""
    records = [
        {"question_id": f"q{i}", "choices": [], "conv_metadata": {"token_len": n}}
        for i, n in enumerate(tokens)
    ]
    bench.write(bench.data / f"model_answer/{model}.jsonl", records)


def random_bench(bench: Workspace, judges: int = 3, models: int = 5, questions: int = 12) -> None:
    """Judges with labels of all kinds and games without verdict, and answers with their styles."""
    import numpy as np

    rng = np.random.default_rng(1)
    bench.add_questions(questions)
    ids = [f"q{number}" for number in range(1, questions + 1)]
    for model in ["base", *(f"m{i}" for i in range(models))]:
        bench.write(
            bench.data / "model_answer" / f"{model}.jsonl", [random_answer(q, rng) for q in ids]
        )
    for judge, model in product(range(judges), range(models)):
        records = [{"question_id": q, "games": random_games(rng)} for q in ids]
        add_judgments(bench, f"m{model}", records, f"j{judge}")


def random_answer(question: str, rng: np.random.Generator) -> dict[str, Any]:
    metadata = {
        "token_len": int(rng.integers(10, 300)),
        "header_count": {"h1": int(rng.integers(4))},
        "list_count": {"ordered": int(rng.integers(4)), "unordered": 1},
        "bold_count": {"**": int(rng.integers(9))},
    }
    choices = [{"index": 0, "turns": [{"content": "."}]}]
    return {"question_id": question, "choices": choices, "conv_metadata": metadata}


def random_games(rng: np.random.Generator) -> list[dict[str, Any] | None]:
    games: list[dict[str, Any] | None] = []
    for code in rng.integers(-2, len(LABELS), 2):
        if code == -2:
            games.append(None)
        elif code == -1:
            games.append({"score": None, "cause": ["no label", "ambiguous"][rng.integers(2)]})
        else:
            games.append({"score": LABELS[code]})
    return games


HARD, WRITING = "hard_prompt", "creative_writing"
BASELINES = {HARD: "o3-mini-2025-01-31", WRITING: "gemini-2.0-flash-001"}
SIZES = {HARD: 12, WRITING: 6}
PLACES = [category for category, size in SIZES.items() for _ in range(size)]


def modern_questions(places: Sequence[str] = PLACES) -> list[dict[str, str]]:
    return [
        {"uid": f"q{i}", "category": category, "subcategory": f"{category} {i % 2}", "prompt": "?"}
        for i, category in enumerate(places, 1)
    ]


def draw(seed: int, places: Sequence[str] = PLACES) -> list[dict[str, Any]]:
    """Judgments in the v2.0 format, each against the baseline of its category."""
    labels = random.Random(seed)
    return [
        {
            "uid": f"q{i}",
            "category": "of no question",
            "baseline": BASELINES[category],
            "games": [{"score": label} for label in labels.choices(LABELS, k=2)],
        }
        for i, category in enumerate(places, 1)
    ]


def judge(bench: Workspace, models: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for model, records in models.items():
        add_judgments(bench, model, records)
