"""What a model costs: panel.toml first, then the price list of the package genai-prices."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from panel.workspace.endpoint_settings import Prices
from panel.workspace.endpoints import Endpoint

# Hosts whose prices the list knows, under its names for them.
_PROVIDERS = {
    "api.openai.com": "openai",
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.deepseek.com": "deepseek",
}


def known_prices(endpoint: Endpoint) -> Prices | None:
    """Return an endpoint's prices; None where they are not known, which does not mean free.

    The list comes inside its package: nothing is looked up over the network. Its prices are
    as old as its release.
    """
    if endpoint.prices is not None or endpoint.base_url is None:
        return endpoint.prices
    provider = _PROVIDERS.get(urlsplit(endpoint.base_url).hostname or "")
    if provider is None:
        return None
    import genai_prices  # noqa: PLC0415 - 0.15 s, for hosted models only

    try:
        usage = genai_prices.Usage(input_tokens=1, output_tokens=1)
        found = genai_prices.calc_price(usage, model_ref=endpoint.model, provider_id=provider)
    except LookupError:
        return None
    price = found.model_price
    prompt, completion = _amount(price.input_mtok), _amount(price.output_mtok)
    if prompt is None or completion is None:
        return None
    return Prices(prompt=prompt, completion=completion, cached=_amount(price.cache_read_mtok))


def _amount(price: Any) -> float | None:
    """Return a price as a number; the first step of one that grows with the prompt's size."""
    if price is None:
        return None
    return float(getattr(price, "base", price))
