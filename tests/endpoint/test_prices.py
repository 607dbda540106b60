"""What a model costs: as written in panel.toml, as listed, or not known, which is not 0."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from panel.endpoint.prices import known_prices
from panel.workspace.endpoint_settings import Prices
from panel.workspace.endpoints import Endpoint
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space

OPENAI, MISTRAL = "https://api.openai.com/v1", "https://api.mistral.ai/v1"
OPENROUTER = "https://openrouter.ai/api/v1"


def prices(url: str | None, model: str, written: Prices | None = None) -> Prices | None:
    return known_prices(Endpoint("x", None, url, model, prices=written))


@pytest.mark.parametrize(
    ("url", "model"),
    [
        (OPENAI, "gpt-4o-mini"),
        ("https://API.OpenAI.com:443/v1/", "gpt-4o-mini"),
        (MISTRAL, "mistral-small-latest"),
        (MISTRAL, "codestral-latest"),
        ("https://codestral.mistral.ai/v1", "codestral-latest"),
        (OPENROUTER, "openai/gpt-4o-mini"),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
        ("https://api.deepseek.com/v1", "deepseek-chat"),
    ],
)
def test_hosted_models_have_the_price_of_the_list(url: str, model: str) -> None:
    """The figures move with the list's releases: what holds is that they are per million."""
    found = prices(url, model)
    assert found is not None
    assert 0.01 < found.prompt <= found.completion < 1000
    assert found.cached is None or 0 <= found.cached <= found.prompt


def test_the_figures_are_those_of_the_list() -> None:
    found = prices(OPENAI, "gpt-4o-mini")
    assert found is not None
    assert (found.prompt, found.completion, found.cached) == (0.15, 0.6, 0.075)


@pytest.mark.parametrize(
    ("url", "model"),
    [
        (OPENAI, "gpt-9-imagined"),
        (OPENAI, ""),
        (OPENAI, "\ud800"),
        (OPENAI, "dall-e-3"),  # listed, with no price for text
        (OPENROUTER, "openrouter/auto"),
        ("http://localhost:11434/v1", "gpt-4o-mini"),
        ("https://api.openai.com.example.org/v1", "gpt-4o-mini"),
        ("http://[::1]:8000/v1", "gpt-4o-mini"),
        (None, "smollm2-135m-instruct"),
    ],
)
def test_what_is_not_listed_has_no_price_rather_than_none_to_pay(
    url: str | None, model: str
) -> None:
    assert prices(url, model) is None


@pytest.mark.parametrize("url", [None, OPENAI, "http://localhost:1/v1"])
def test_panel_toml_comes_first(url: str | None) -> None:
    written = Prices(prompt=7, completion=8)
    assert prices(url, "gpt-4o-mini", written) is written
    assert prices(url, "imagined", Prices(prompt=0, completion=0)) == Prices(prompt=0, completion=0)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ((1, 2, None), Prices(prompt=1, completion=2)),
        ((0, 0, 0), Prices(prompt=0, completion=0, cached=0)),
        ((SimpleNamespace(base=3, tiers=[]), 4, 1), Prices(prompt=3, completion=4, cached=1)),
        ((None, 2, None), None),
        ((1, None, None), None),
    ],
)
def test_a_price_of_steps_counts_with_its_first_one_and_half_a_price_is_none(
    monkeypatch: pytest.MonkeyPatch, listed: tuple[Any, Any, Any], found: Prices | None
) -> None:
    prompt, completion, cached = listed
    price = SimpleNamespace(input_mtok=prompt, output_mtok=completion, cache_read_mtok=cached)
    fake = SimpleNamespace(
        Usage=lambda **_counts: None,
        calc_price=lambda *_words, **_names: SimpleNamespace(model_price=price),
    )
    monkeypatch.setitem(sys.modules, "genai_prices", fake)
    assert prices(OPENAI, "any") == found


def test_every_listed_model_has_a_price_or_none() -> None:
    from genai_prices.data import providers

    wanted = {"openai": OPENAI, "mistral": MISTRAL, "openrouter": OPENROUTER}
    counted = 0
    for provider in providers:
        if provider.id in wanted:
            for model in provider.models:
                found = prices(wanted[provider.id], model.id)
                counted += found is not None
                assert found is None or found.prompt >= 0
    assert counted > 100


def test_a_cost_that_is_not_known_is_null_in_the_store(mocked: Space, panel: Panel) -> None:
    sql = "SELECT count(*) AS n, count(cost_usd) AS known FROM attempts"
    ran = panel("run", "--tool", "anvil", "--json", cwd=mocked.root)
    assert json.loads(ran.out)["cost_usd"] is None
    [row] = json.loads(panel("sql", sql, "--format", "json", cwd=mocked.root).out)
    assert row["n"] > 0 and row["known"] == 0


def test_a_cost_that_is_known_is_summed(mocked: Space, mock: MockEndpoint, panel: Panel) -> None:
    mocked.point_at(mock, "[endpoints.mock.prices]\nprompt = 2\ncompletion = 10\n")
    summary = json.loads(panel("run", "--tool", "anvil", "--json", cwd=mocked.root).out)
    tokens = 2 * summary["prompt_tokens"] + 10 * summary["completion_tokens"]
    assert summary["cost_usd"] == pytest.approx(tokens / 1e6)


def test_free_is_a_price(mocked: Space, mock: MockEndpoint, panel: Panel) -> None:
    mocked.point_at(mock, "[endpoints.mock.prices]\nprompt = 0\ncompletion = 0\n")
    ran = panel("run", "--tool", "anvil", "--max-cost", "0", "--json", cwd=mocked.root)
    assert (ran.code, json.loads(ran.out)["cost_usd"]) == (0, 0.0)
