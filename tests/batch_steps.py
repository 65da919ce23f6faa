"""The steps of a batch through a service, as tests take them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.batch.service import Service, Status
from arena.batch.services import service_of
from arena.batch.state import Batch
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.protocols import Request

KEY = "sk-test-secret-key"


def service_at(address: str, api_type: str = "openai", **fields: Any) -> Service:
    endpoint = Endpoint(address, KEY, timeout=fields.pop("timeout", None))
    model = ModelConfig("m", "api.yaml: m", "tiny", api_type, (endpoint,), **fields)
    service = service_of(model)
    assert service is not None
    return service


def make_batch(
    path: Path, service: Service, *ids: str, prompts: Mapping[str, str] | None = None
) -> Batch:
    """Make a batch on disk, with a request for each id."""
    folder = path / f"batch-{len(list(path.iterdir()))}"
    folder.mkdir()
    lines = [
        service.line(custom_id, request_to(service, (prompts or {}).get(custom_id, "hello")))
        for custom_id in ids
    ]
    (folder / "requests.jsonl").write_bytes(b"".join(lines))
    sha256 = hashlib.sha256(b"".join(lines)).hexdigest()
    place = {"service": service.name, "address": service.endpoint.api_base or "", "model": "m"}
    return Batch(folder, **place, records="m.jsonl", requests=len(ids), sha256=sha256)


def request_to(service: Service, prompt: str, temperature: float | None = 0.0) -> Request:
    return Request(service.model, [{"role": "user", "content": prompt}], temperature, 16)


def start(service: Service, batch: Batch) -> str:
    batch.file_id = service.upload(batch)
    return service.create(batch)


def wait(service: Service, batch_id: str) -> Status:
    while not (status := service.look(batch_id)).is_over:
        pass
    return status


def results(service: Service, batch_id: str) -> list[Any]:
    out = io.BytesIO()
    service.download(batch_id, wait(service, batch_id), out)
    assert out.getvalue() == b"" or out.getvalue().endswith(b"\n")
    return [json.loads(line) for line in out.getvalue().splitlines()]
