"""The table of batch services."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arena.batch.services import CHECKED, SERVICES, service_of, terms_of
from arena.chat.config import Endpoint, ModelConfig
from arena.chat.providers import API_TYPES


def model_of(api_type: str) -> ModelConfig:
    endpoints = (Endpoint("http://127.0.0.1:9/v1"), Endpoint("http://127.0.0.2:9/v1"))
    return ModelConfig("m", "api.yaml: m", "tiny", api_type, endpoints)


@pytest.mark.parametrize("api_type", SERVICES)
def test_a_service_has_its_terms_and_the_first_endpoint(api_type: str) -> None:
    model = model_of(api_type)
    service = service_of(model)
    assert service is not None and api_type in API_TYPES
    assert (service.name, service.endpoint) == (api_type, model.endpoints[0])
    assert service.terms == terms_of(model)
    assert service.terms.price == 0.5
    assert service.terms.requests >= 50_000 and service.terms.bytes >= 200_000_000


@pytest.mark.parametrize("api_type", sorted(API_TYPES.keys() - SERVICES.keys()))
def test_the_others_are_asked_live(api_type: str) -> None:
    assert service_of(model_of(api_type)) is None
    assert terms_of(model_of(api_type)) is None


def test_the_table_has_a_date() -> None:
    assert re.fullmatch(r"20\d\d-\d\d", CHECKED)


def test_the_docs_have_the_same_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "batches.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| ([\d,]+) \| (\d+) \| (\d+) % \|$", page, re.MULTILINE)
    table = {
        api_type: (int(requests.replace(",", "")), int(size) * 10**6, int(price) / 100)
        for names, requests, size, price in rows
        for api_type in re.findall(r"`(\w+)`", names)
    }
    assert table == {
        api_type: (terms.requests, terms.bytes, terms.price)
        for api_type, (_, terms) in SERVICES.items()
    }
