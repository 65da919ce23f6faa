"""The batch services by `api_type`, with their limits and prices."""

from __future__ import annotations

from arena.batch.claude import ClaudeBatches
from arena.batch.gemini import GeminiBatches
from arena.batch.openai_files import AzureFiles, GroqFiles, OpenAIFiles
from arena.batch.service import Service, Terms
from arena.chat.config import ModelConfig

CHECKED = "2026-11"  # when the limits and prices were looked up

MB = 10**6  # the smaller of the two readings
_OPENAI = (OpenAIFiles, Terms(requests=50_000, bytes=200 * MB))
_CLAUDE = (ClaudeBatches, Terms(requests=100_000, bytes=256 * MB))

SERVICES: dict[str, tuple[type[Service], Terms]] = {
    "openai": _OPENAI,
    "openai_thinking": _OPENAI,
    "azure": (AzureFiles, Terms(requests=100_000, bytes=200 * MB)),
    "groq": (GroqFiles, Terms(requests=50_000, bytes=200 * MB)),
    "anthropic": _CLAUDE,
    "anthropic_thinking": _CLAUDE,
    # It takes files of 2 GB, which would not fit into our memory.
    "gemini": (GeminiBatches, Terms(requests=50_000, bytes=200 * MB)),
}


def service_of(model: ModelConfig) -> Service | None:
    """Return the batch service of a model's first endpoint, None if its api_type has none.

    An address of one's own is taken to have the service of its api_type.
    """
    if model.api_type not in SERVICES:
        return None
    service, terms = SERVICES[model.api_type]
    return service(model.api_type, terms, model, model.endpoints[0])


def terms_of(model: ModelConfig) -> Terms | None:
    """Return the limits and the price of a model's batch service, None if there is none."""
    return SERVICES[model.api_type][1] if model.api_type in SERVICES else None
