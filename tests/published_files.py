"""Small files in the layouts of the published repositories."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow
from judgments import judgment
from pyarrow import parquet

OFFICIAL = "lmarena-ai/arena-hard-auto"
V1, V2 = "data/arena-hard-v0.1", "data/arena-hard-v2.0"


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def answer(model: str, number: int) -> dict[str, object]:
    turns = [{"content": f"{model} on {number}"}]
    return {"question_id": f"q{number}", "model_id": model, "choices": [{"turns": turns}]}


def official() -> dict[str, str]:
    """Files in the layout of the official repository, with five questions."""
    numbers = range(1, 6)
    questions = [
        {"question_id": f"q{n}", "category": "arena-hard-v0.1", "turns": [{"content": "?"}]}
        for n in numbers
    ]
    files = {f"{V1}/question.jsonl": lines(*questions), "README.md": "a card"}
    for model in ("gpt-4-0314", "org/m2", "m1"):
        files[f"{V1}/model_answer/{model}.jsonl"] = lines(*(answer(model, n) for n in numbers))
    for judge in ("gpt-4-1106-preview", "org/judge"):
        for model, labels in (("m1", ("B>A", "A>B")), ("org/m2", ("A>B", "A=B"))):
            records = [judgment(f"q{n}", *labels) for n in numbers]
            for record in records:
                record.pop("baseline", None)
                record |= {"judge": judge, "model": model}
            files[f"{V1}/model_judgment/{judge}/{model}.jsonl"] = lines(*records)
    prompt = {"uid": "u1", "category": "hard_prompt", "subcategory": "coding", "prompt": "?"}
    files[f"{V2}/question.jsonl"] = lines(prompt, {**prompt, "uid": "u2"})
    for model in ("o3-mini-2025-01-31", "gemini-2.0-flash-001", "m1"):
        said = [{"role": "assistant", "content": {"answer": f"{model} says so"}}]
        answers = ({"uid": uid, "messages": said} for uid in ("u1", "u2"))
        files[f"{V2}/model_answer/{model}.jsonl"] = lines(*answers)
    return files


REPO = "CohereLabs/m-ArenaHard"
KO = "ko/test-00000-of-00001.parquet"
ROWS = [
    {
        "question_id": f"{number:032x}",
        "category": "hard_prompt",
        "subcategory": "coding",
        "prompt": f"질문 {number}",
        "language": "ko",
    }
    for number in (1, 2)
]


def table(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()
