"""What llama.cpp takes from its cache while the sample catalogue is asked, measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.token_cache import REPOSITORY, measure

from panel.endpoint.target import Chosen, resolve_target
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.loading import load_workspace
from panel.workspace.presets import EMBEDDED_MODEL
from tests.support.one_layer import cut_to_one_layer


@pytest.fixture(scope="module")
def one_layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weights = tmp_path_factory.mktemp("weights") / "one-layer.gguf"
    cut_to_one_layer(CATALOGUE[EMBEDDED_MODEL].path, weights)
    return weights


@pytest.mark.model
@pytest.mark.parametrize(
    ("slots", "least"),
    [(1, 0.7), (4, 0.65)],
)
@pytest.mark.sample(1)
def test_most_of_the_prompts_of_the_sample_catalogue_come_from_the_cache(
    one_layer: Path, slots: int, least: float
) -> None:
    """14 tools before 4 personas; tool by tool, one slot has 14 and 20 % in its cache."""
    target = resolve_target(load_workspace(REPOSITORY), Chosen(endpoint="embedded"))
    found = measure(target, slots, one_layer)
    assert found.cells == 56 and found.tokens > 90_000
    assert found.share >= least
    if found.expected is not None:
        assert found.share == pytest.approx(found.expected, abs=0.04)
