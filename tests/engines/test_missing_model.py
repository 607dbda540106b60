"""A model that a server does not have: refused from its list where that is complete, else asked."""

from __future__ import annotations

import json

import pytest

from tests.support.local_servers import Ollama, listed
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.space import Panel, Space

REFUSED = Answer(404, {"error": {"message": "The model `mock-2` does not exist."}})


def test_ollama_is_not_asked_for_a_model_that_it_does_not_list(space: Space, panel: Panel) -> None:
    """One line on stderr names the models and the nearest; nothing is asked; exit 3."""
    with Ollama() as server:
        space.point_at(server)
        ran = panel("run", "--model", "mistral-smal", cwd=space.root)
    assert (ran.code, server.asked) == (2, 0)
    (said,) = [line for line in ran.err.splitlines() if "has no model" in line]
    assert "Models there: mistral-small:latest" in said
    assert "Did you mean 'mistral-small:latest'?" in said
    assert "Nothing answered: 8 of 8 cells still to ask, 0 reused." in ran.out


@pytest.mark.parametrize(
    "name", ["mistral-small", "Mistral-Small:latest", "hf.co/some/model", "gpt-oss:120b-cloud"]
)
def test_ollama_is_asked_for_what_it_may_have(space: Space, panel: Panel, name: str) -> None:
    """The usual tag may be left out; names with a registry, and of its cloud, are left to it."""
    with Ollama() as server:
        space.point_at(server)
        ran = panel("run", "--model", name, "--tool", "anvil", "--json", cwd=space.root)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["verdicts"] == server.asked == 4


def test_any_other_server_is_asked_for_a_name_that_it_does_not_list(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """A gateway may serve an alias; where it refuses it, the nearest of its names is said."""
    mock.pages = {"/v1/models": listed({"id": "mock-1"}, {"id": "other"})}
    space.point_at(mock)
    alias = ("run", "--model", "mock-2", "--tool", "anvil")
    assert panel(*alias, cwd=space.root).code == 0
    mock.face = lambda _index, _body: REFUSED
    ran = panel(*alias, "--again", cwd=space.root)
    assert ran.code == 3 and "Did you mean 'mock-1'?" in ran.err


def test_a_listed_name_that_is_no_line_is_no_model(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """A server writes no line of its own into the log of a CI job, where some are commands."""
    mock.pages = {"/v1/models": listed({"id": "m0\n::error::approved"}, {"id": "other"}, {"id": 7})}
    mock.face = lambda _index, _body: REFUSED
    space.point_at(mock)
    ran = panel("run", "--model", "mock-2", cwd=space.root)
    assert ran.code == 3 and "Models there: other." in ran.err
    assert "::error" not in ran.err


def test_a_model_that_the_server_lists_is_not_what_is_missing(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    space.point_at(mock)
    mock.face = lambda _index, _body: Answer(404, {"detail": "Not Found"})
    ran = panel("run", cwd=space.root)
    assert ran.code == 3 and "Did you mean" not in ran.err
    assert "The server lists 'mock-1': look at base_url" in ran.err
