"""An engine that answers request files as `vllm run-batch` does, without a model.

    python tests/stand_in_engine.py run-batch -i requests.jsonl -o results.jsonl --model org/m

As a program it answers, and judges if there is a system message. In a test `run_batch` answers as a
fake API would.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from fake_api import Call, Reply, Responder, echo


def run_batch(
    requests: Path, results: Path, respond: Responder = echo, *, old: bool = False
) -> list[dict[str, Any]]:
    """Answer a request file, and return its lines. `old`: in the shape of old versions.

    As vLLM it writes in the order of the requests, failures into the same file, and demands that
    all of them are for one model.
    """
    lines = [json.loads(line) for line in requests.read_text("utf-8").splitlines()]
    assert len({line["body"]["model"] for line in lines}) == 1
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines, start=1):
            assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
            call = Call("POST", line["url"], {}, {}, line["body"])
            answer = respond(call)
            reply = Reply(answer) if isinstance(answer, str) else answer
            status, body = reply.status_for(call), json.loads(reply.body_for(call, number))
            file.write(json.dumps(_result(number, line["custom_id"], status, body, old)) + "\n")
    return lines


def _result(
    number: int, custom_id: str, status: int, body: dict[str, Any], old: bool
) -> dict[str, Any]:
    """A result line."""
    names = {"id": f"vllm-{number}", "custom_id": custom_id}
    if status != 200:
        error = body["error"] | {"code": status}
        if old:
            return names | {"response": None, "error": error["message"]}
        response = {"status_code": status, "request_id": f"vllm-batch-{number}", "body": None}
        return names | {"response": response, "error": {"error": error}}
    response = {"status_code": 200, "request_id": f"vllm-batch-{number}", "body": body}
    return names | {"response": body if old else response, "error": None}


def judge_or_answer(call: Call) -> str:
    return "My verdict: [[B>A]]" if call.system else "**An answer.**"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["run-batch"])
    parser.add_argument("-i", type=Path, required=True)
    parser.add_argument("-o", type=Path, required=True)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    assert args.o.parent.is_dir(), "vLLM creates no folder"
    for line in run_batch(args.i, args.o, judge_or_answer):
        assert line["body"]["model"] == args.model
