"""Which model is read where panel.toml names several endpoints and chooses none."""

from __future__ import annotations

import json

import pytest

from panel.cli.trial import tried
from panel.workspace.loading import load_workspace
from tests.support.editors import do
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space

PAIR = ("anvil", "builder")


@pytest.fixture
def two(space: Space, mock: MockEndpoint) -> Space:
    """Give two endpoints of one server, asked for a model each."""
    space.settings(
        "".join(
            f'[endpoints.{name}]\nbase_url = "{mock.base_url}"\nmodel = "model-{name}"\n'
            for name in ("first", "second")
        )
    )
    return space


def read(two: Space, panel: Panel) -> str:
    """Return the model that `panel show` reads."""
    [shown] = json.loads(panel("show", "anvil", "--json", cwd=two.root).out)
    return str(shown["model"])


def test_a_model_that_was_only_tried_is_not_the_one_that_is_read(two: Space, panel: Panel) -> None:
    """Asked for a review of its own, it is."""
    assert panel("run", "--endpoint", "first", cwd=two.root).code == 0
    assert tried(load_workspace(two.root), "second")
    assert read(two, panel) == "first/model-first"
    assert panel("run", "--endpoint", "second", "--tool", "anvil", cwd=two.root).code == 0
    assert read(two, panel) == "second/model-second"


@pytest.mark.slow
def test_to_ask_another_model_does_not_take_the_approved_takes_from_the_pages(
    two: Space, panel: Panel
) -> None:
    """Whoever wants the other one's says so."""
    assert panel("run", "--endpoint", "first", cwd=two.root).code == 0
    do(two, "approve", PAIR)
    assert panel("run", "--endpoint", "second", cwd=two.root).code == 0
    assert read(two, panel) == "first/model-first"
    published = panel("publish", two.root / "out", cwd=two.root)
    assert published.code == 0 and "7 takes wait" in published.err
    page = (two.root / "out" / "tools" / "anvil.html").read_text()
    assert "first/model-first" in page and "Written earlier" not in page
    shown = panel("show", "anvil", "--endpoint", "second", "--json", cwd=two.root)
    assert json.loads(shown.out)[0]["model"] == "second/model-second"
