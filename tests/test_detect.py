"""Looking at an endpoint: which server it is, and whether it holds a model to a schema."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from panel.endpoint.client import Client
from panel.endpoint.detect import Diagnosis, diagnose
from panel.settings import Endpoint
from tests.mock_endpoint import Answer, MockEndpoint, completion


def look(url: str, model: str = "mock-1") -> Diagnosis:
    async def once() -> Diagnosis:
        endpoint = Endpoint("mock", None, url, model, timeout_seconds=5)
        async with Client(url, None, endpoint) as client:
            return await diagnose(client, endpoint)

    return asyncio.run(once())


def listing(**entry: Any) -> dict[str, Answer]:
    return {"/v1/models": Answer(body={"object": "list", "data": [{"id": "m", **entry}]})}


def test_a_server_that_holds_to_the_schema_is_said_to_enforce_it(mock: MockEndpoint) -> None:
    """The canary asks for a word that its schema forbids."""
    seen = look(mock.base_url)
    assert (seen.structured_output, seen.models, seen.fault) == ("enforced", ["mock-1"], None)
    [_models, question] = mock.requests
    assert "banana" in question["body"]["messages"][0]["content"]


def test_a_server_that_ignores_the_schema_is_found_out(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(body=completion('{"answer": "banana"}'))
    assert look(mock.base_url).structured_output == "not enforced"


def test_a_server_that_refuses_the_schema_is_usable(mock: MockEndpoint) -> None:
    refused = Answer(400, {"error": {"message": "response_format is not supported"}})
    mock.face = lambda _index, _body: refused
    seen = look(mock.base_url)
    assert (seen.structured_output, seen.fault) == ("refused", None)


@pytest.mark.parametrize(
    ("entry", "server"),
    [
        ({"owned_by": "vllm"}, "vLLM"),
        ({"owned_by": "llamacpp"}, "llama.cpp"),
        ({"owned_by": "library"}, "Ollama"),
        ({"owned_by": "organization_owner"}, "LM Studio"),
        ({"owned_by": "mistralai"}, "Mistral"),
        ({"owned_by": "system"}, "OpenAI"),
        ({"owned_by": "openai", "supported_parameters": []}, "OpenRouter"),
        ({"owned_by": None}, "unknown"),
    ],
)
def test_servers_are_told_by_their_model_list(
    mock: MockEndpoint, entry: dict[str, Any], server: str
) -> None:
    mock.pages = listing(**entry)
    assert look(mock.base_url).server == server


@pytest.mark.parametrize("body", ["", "[]", "not json", '{"data": null}', '{"data": [1, {}]}'])
def test_a_model_list_of_any_shape_is_no_crash(mock: MockEndpoint, body: str) -> None:
    mock.pages = {"/v1/models": Answer(body=body)}
    seen = look(mock.base_url)
    assert (seen.models, seen.server, seen.structured_output) == ([], "unknown", "enforced")


def test_without_a_model_nothing_is_asked(mock: MockEndpoint) -> None:
    seen = look(mock.base_url, model="")
    assert (seen.structured_output, seen.fault, mock.asked) == ("unknown", None, 0)


def test_a_refused_key_is_the_fault(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(401, {"error": {"message": "bad key"}})
    assert look(mock.base_url).fault == "key_refused: bad key"


def test_nothing_listening_is_the_fault() -> None:
    with MockEndpoint() as gone:
        url = gone.base_url
    fault = look(url).fault
    assert fault is not None and fault.startswith("unreachable: ")
