"""Looking at an endpoint: which server it is, and whether it holds a model to a schema."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from panel.endpoint import servers
from panel.endpoint.client import Client
from panel.endpoint.detect import Diagnosis, Server, diagnose, identify
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.responses import RawResponse
from panel.workspace.endpoints import Endpoint
from tests.support.mock_endpoint import Answer, MockEndpoint, completion

ENDPOINT = Endpoint("mock", None, "http://localhost:9/v1", "mock-1", timeout_seconds=5)
KEY = "sk-0123456789abcdef"
OBEYED = '{"zone": "k7", "answer": "q9"}'
IGNORED = '{"zone": "banana", "answer": "banana"}'


def within(url: str, model: str, ask: Callable[[Client, Endpoint], Any]) -> Any:
    async def once() -> Any:
        endpoint = replace(ENDPOINT, base_url=url, model=model)
        async with Client(url, None, endpoint) as client:
            return await ask(client, endpoint)

    return asyncio.run(once())


def learn(url: str, model: str = "mock-1") -> tuple[Diagnosis, RequestProfile]:
    found: tuple[Diagnosis, RequestProfile] = within(url, model, diagnose)
    return found


def look(url: str, model: str = "mock-1") -> Diagnosis:
    return learn(url, model)[0]


def know(mock: MockEndpoint, model: str = "m") -> Server:
    server: Server = within(mock.base_url, model, identify)
    return server


def listing(**entry: Any) -> dict[str, Answer]:
    return {"/v1/models": Answer(body={"object": "list", "data": [{"id": "m", **entry}]})}


def refusal(message: str, status: int = 400) -> Answer:
    return Answer(status, {"error": {"message": message}})


def chats(mock: MockEndpoint) -> list[dict[str, Any]]:
    return [r["body"] for r in mock.requests if r["path"].endswith("/chat/completions")]


# --- which server ---


@pytest.mark.parametrize(
    ("entry", "server"),
    [
        ({"owned_by": "vllm"}, "vLLM"),
        ({"owned_by": "sglang"}, "SGLang"),
        ({"owned_by": "llamacpp"}, "llama.cpp"),
        ({"owned_by": "library"}, "Ollama"),
        ({"owned_by": "organization_owner"}, "LM Studio"),
        ({"owned_by": "mistralai"}, "unknown"),
        ({"owned_by": "system"}, "unknown"),
        ({"owned_by": "openai"}, "unknown"),
        ({"owned_by": "openai", "supported_parameters": []}, "unknown"),
        ({"owned_by": None}, "unknown"),
        ({"owned_by": ["vllm"]}, "unknown"),
    ],
)
def test_servers_are_told_by_their_model_list(
    mock: MockEndpoint, entry: dict[str, Any], server: str
) -> None:
    mock.pages = listing(**entry)
    assert look(mock.base_url).server == server


LM_STUDIO = {
    "data": [
        {"id": "other", "state": "not-loaded", "max_context_length": 131072},
        {"id": "m", "state": "loaded", "loaded_context_length": 4096},
    ]
}
PAGES: list[tuple[str, str, dict[str, Any], str | None, int | None]] = [
    ("Ollama", "/api/version", {"version": "0.9.1"}, "0.9.1", None),
    ("vLLM", "/version", {"version": "0.11.2"}, "0.11.2", None),
    (
        "SGLang",
        "/server_info",
        {"model_path": "x", "tp_size": 1, "version": "0.5.4", "context_length": 32768},
        "0.5.4",
        32768,
    ),
    (
        "llama.cpp",
        "/props",
        {"default_generation_settings": {"n_ctx": 4096}, "build_info": "b7000-abc"},
        "b7000-abc",
        4096,
    ),
    ("llama.cpp", "/props", {"build_info": "b1"}, "b1", None),
    ("LM Studio", "/api/v0/models", LM_STUDIO, None, 4096),
    (
        "TGI",
        "/info",
        {"model_id": "x", "max_total_tokens": 8192, "version": "3.3.5"},
        "3.3.5",
        8192,
    ),
]


@pytest.mark.parametrize(("server", "path", "page", "version", "window"), PAGES)
def test_servers_are_told_by_a_page_of_their_own(
    mock: MockEndpoint,
    server: str,
    path: str,
    page: dict[str, Any],
    version: str | None,
    window: int | None,
) -> None:
    mock.pages = {**listing(), path: Answer(body=page)}
    seen = know(mock)
    assert (seen.name, seen.version, seen.context) == (server, version, window)


SIGNS = {name: sign for sign, name in servers.OWNERS.items()}


@pytest.mark.parametrize(
    ("server", "path", "page", "version", "window"), [row for row in PAGES if row[0] in SIGNS]
)
def test_a_signed_list_is_confirmed_by_one_page(
    mock: MockEndpoint,
    server: str,
    path: str,
    page: dict[str, Any],
    version: str | None,
    window: int | None,
) -> None:
    mock.pages = {**listing(owned_by=SIGNS[server]), path: Answer(body=page)}
    seen = know(mock)
    assert (seen.name, seen.version, seen.context) == (server, version, window)
    asked = [request["path"] for request in mock.requests]
    assert asked == ["/v1/models", path, *["/api/ps"] * (server == "Ollama")]


@pytest.mark.parametrize("name", ["max_model_len", "context_length", "max_context_length"])
def test_the_window_in_a_model_list_is_that_of_the_model_asked(
    mock: MockEndpoint, name: str
) -> None:
    entries = [{"id": "other", name: 1}, {"id": "m", "owned_by": "vllm", name: 4096}]
    mock.pages = {"/v1/models": Answer(body={"data": entries})}
    assert know(mock).context == 4096
    assert know(mock, "missing").context is None


@pytest.mark.parametrize(("told", "slots"), [(4, 4), ("four", None), (0, None), (None, None)])
def test_llama_cpp_tells_how_many_requests_it_works_on_at_a_time(
    mock: MockEndpoint, told: Any, slots: int | None
) -> None:
    mock.pages = {**listing(), "/props": Answer(body={"build_info": "b1", "total_slots": told})}
    assert know(mock).slots == slots


def test_llama_cpp_tells_its_trained_window_in_meta(mock: MockEndpoint) -> None:
    mock.pages = listing(owned_by="llamacpp", meta={"n_ctx": 2048, "n_ctx_train": 8192})
    assert know(mock).context == 2048


@pytest.mark.parametrize(
    ("loaded", "window"),
    [
        ([{"name": "m", "model": "m", "context_length": 4096}], 4096),
        ([{"name": "m:latest", "model": "m:latest", "context_length": 4096}], 4096),
        ([{"model": "m", "context_length": 4096}], 4096),
        ([{"name": "other", "context_length": 4096}], None),
        ([{"name": "m"}], None),
        ([], None),
        (None, None),
        (7, None),
        ([7, "m"], None),
    ],
)
def test_ollama_tells_its_window_while_the_model_is_loaded(
    mock: MockEndpoint, loaded: Any, window: int | None
) -> None:
    mock.pages = {
        **listing(owned_by="library"),
        "/api/version": Answer(body={"version": "0.9"}),
        "/api/ps": Answer(body={"models": loaded}),
    }
    seen = know(mock)
    assert (seen.name, seen.context) == ("Ollama", window)


def test_lm_studios_200_for_unknown_paths_makes_it_no_other_server(mock: MockEndpoint) -> None:
    """It answers every path that it does not know with 200 and an error in the body."""
    stranger = Answer(body={"error": "Unexpected endpoint or method. (GET /api/version)"})
    others = {probe.path: stranger for probe in servers.PROBES.values()}
    mock.pages = {**listing(), **others, "/api/ps": stranger}
    assert know(mock).name == "unknown"
    mock.pages = {**mock.pages, "/api/v0/models": Answer(body=LM_STUDIO)}
    seen = know(mock)
    assert (seen.name, seen.context) == ("LM Studio", 4096)


def test_sglangs_imitation_of_ollama_makes_it_no_ollama(mock: MockEndpoint) -> None:
    mock.pages = {
        **listing(max_model_len=4096),
        "/": Answer(body="Ollama is running"),
        "/api/tags": Answer(body={"models": [{"name": "m", "model": "m"}]}),
        "/server_info": Answer(body={"model_path": "x", "version": "0.5"}),
    }
    seen = know(mock)
    assert (seen.name, seen.version, seen.context) == ("SGLang", "0.5", 4096)


@pytest.mark.parametrize("body", ["", "[]", "7", "<html>", "null", '{"data": [1]}', '"version"'])
def test_pages_of_any_shape_are_no_crash(mock: MockEndpoint, body: str) -> None:
    page = Answer(body=body)
    pages = {probe.path: page for probe in servers.PROBES.values()}
    mock.pages = {**listing(), **pages, "/api/ps": page}
    assert know(mock).name == "unknown"
    mock.pages = {**mock.pages, **listing(owned_by="library")}
    assert know(mock).name == "Ollama"


@pytest.mark.parametrize("body", ["", "[]", "not json", '{"data": null}', '{"data": [1, {}]}'])
def test_a_model_list_of_any_shape_is_no_crash(mock: MockEndpoint, body: str) -> None:
    mock.pages = {"/v1/models": Answer(body=body)}
    seen = look(mock.base_url)
    assert (seen.models, seen.server, seen.structured_output) == ([], "unknown", "enforced")


@pytest.mark.timeout(60)
def test_a_model_list_that_hangs_costs_the_time_of_a_probe(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PROBE_SECONDS", 0.3)
    mock.pages = {"/v1/models": Answer(body={}, delay=120)}
    seen = know(mock)
    assert seen.name == "unknown" and seen.fault and seen.fault.startswith("timeout: ")


def test_pages_that_hang_cost_it_once_since_no_other_is_asked_after_them(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PROBE_SECONDS", 0.3)
    slow = Answer(body={}, delay=120)
    mock.pages = {**listing(), **{probe.path: slow for probe in servers.PROBES.values()}}
    seen = know(mock)
    assert (seen.name, seen.seen_at) == ("unknown", "")
    assert len(mock.requests) == 3, "the list, LiteLLM's page, which is not there, and one more"


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("api.mistral.ai", "Mistral"),
        ("eu.api.openai.com", "OpenAI"),
        ("lab.openai.azure.com", "Azure OpenAI"),
    ],
)
def test_a_hosted_service_is_known_by_its_name_and_asked_for_its_list_only(
    name: str, service: str
) -> None:
    class Hosted:
        host = name

        async def models(self, _deadline: float) -> Any:
            entries = {"data": [{"id": "m", "max_context_length": 131072}]}
            return RawResponse(0.1, 200, {}, json.dumps(entries).encode())

    client: Any = Hosted()
    seen = asyncio.run(identify(client, replace(ENDPOINT, model="m")))
    assert (seen.name, seen.models, seen.context) == (service, ["m"], 131072)


@pytest.mark.parametrize("host", ["api.mistral.ai.example", "notopenrouter.ai", "mistral.ai", ""])
def test_no_other_host_is_taken_for_a_hosted_service(host: str) -> None:
    assert servers.hosted_by(host) is None


def test_litellm_is_known_by_its_page_and_tells_the_smallest_window_of_a_name(
    mock: MockEndpoint,
) -> None:
    """It names "openai" as the owner of every model, whatever stands behind it."""

    def deployment(name: str, window: int | None) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}"},
            "model_info": {"max_input_tokens": window},
        }

    described = [deployment("m", None), deployment("m", 32768), deployment("m", 8192)]
    page = Answer(body={"data": [*described, deployment("other", 10)]})
    mock.pages = {**listing(owned_by="openai"), "/v1/model/info": page}
    seen = know(mock)
    assert (seen.name, seen.context, servers.STARTS[seen.name]) == ("LiteLLM", 8192, 1)
    assert know(mock, "missing").context is None


# --- who is told the key ---


def test_the_key_stays_below_base_url_while_a_server_is_found_out(mock: MockEndpoint) -> None:
    async def look_with_key() -> None:
        url = f"http://127.0.0.1:{mock.port}/team-a/llm/v1"
        endpoint = replace(ENDPOINT, base_url=url)
        async with Client(url, KEY, endpoint) as client:
            await identify(client, endpoint)

    asyncio.run(look_with_key())
    told = {request["path"] for request in mock.requests if KEY in str(request["headers"])}
    assert told == {"/team-a/llm/v1/models", "/team-a/llm/v1/model/info"}
    others = [request for request in mock.requests if request["path"] not in told]
    assert {probe.path for probe in servers.PROBES.values() if not probe.below} == {
        request["path"] for request in others
    }
    assert not any("authorization" in request["headers"] for request in others)


# --- a server that wants to be asked slowly ---


def busy_twice(mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch, status: int) -> list[str]:
    """Let the mock refuse each path twice before it answers; return the paths it was asked."""
    answer, asked = mock.answer, list[str]()

    def refusing(method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        asked.append(target)
        if asked.count(target) <= 2:
            return Answer(status, "<html>limited</html>", {"retry-after": "0.01"})
        return answer(method, target, headers, raw)

    monkeypatch.setattr(mock, "answer", refusing)
    return asked


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_until_it_is_known(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    mock.pages = {**listing(), "/props": Answer(body={"build_info": "b1"})}
    asked = busy_twice(mock, monkeypatch, status)
    seen = look(mock.base_url, "m")
    assert (seen.server, seen.fault, seen.structured_output) == ("llama.cpp", None, "enforced")
    assert len(asked) == 3 * len(set(asked))


def test_a_server_that_stays_busy_is_left_alone(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refusing(_method: str, target: str, _headers: dict[str, str], _raw: bytes) -> Answer:
        asked.append(target)
        return Answer(503, "", {"retry-after": "0.01"})

    monkeypatch.setattr(mock, "answer", refusing)
    seen = look(mock.base_url, "m")
    assert (seen.server, seen.structured_output) == ("unknown", "unknown")
    assert seen.fault and seen.fault.startswith("HTTP 503 ")
    assert len(asked) == 6, "the list and the question: three times each"


# --- what it holds a model to ---


def test_a_server_that_holds_to_the_schema_is_said_to_enforce_it(mock: MockEndpoint) -> None:
    """The canary asks for a word that its schema forbids."""
    seen = look(mock.base_url)
    assert (seen.structured_output, seen.models, seen.fault) == ("enforced", ["mock-1"], None)
    assert (seen.output_mode, seen.place, seen.order) == ("json_schema", "content", "schema")
    assert (seen.system_role, seen.adapted) == (True, [])
    [question] = chats(mock)
    assert "banana" in question["messages"][-1]["content"]
    assert "banana" not in json.dumps(question["response_format"])


def test_a_server_that_ignores_the_schema_is_found_out(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(body=completion(IGNORED))
    seen = look(mock.base_url)
    assert (seen.structured_output, seen.output_mode) == ("not enforced", "json_schema")


@pytest.mark.parametrize(
    ("takes", "output_mode"),
    [
        (lambda body: "response_format" not in body, "tool"),
        (lambda body: body.get("response_format") == {"type": "json_object"}, "json_object"),
        (lambda body: not body.keys() & {"response_format", "tools"}, "prompted"),
    ],
)
def test_the_output_mode_that_is_taken_is_reached(
    mock: MockEndpoint, takes: Callable[[dict[str, Any]], bool], output_mode: str
) -> None:
    mock.face = lambda _index, body: (
        Answer(body=completion(IGNORED)) if takes(body) else refusal("response_format: no such")
    )
    seen, shape = learn(mock.base_url)
    assert (seen.structured_output, seen.output_mode, seen.fault) == ("refused", output_mode, None)
    assert shape.output_mode == output_mode


def test_a_server_of_no_name_is_given_its_own_form_by_what_it_says(mock: MockEndpoint) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        if body["response_format"]["type"] == "json_schema":
            return refusal("response_format: missing field `value`", 422)
        assert set(body["response_format"]) == {"type", "value"}
        return Answer(body=completion(OBEYED))

    mock.face = face
    seen, shape = learn(mock.base_url)
    assert (seen.output_mode, shape.native) == ("native", "TGI")


def test_a_refused_system_role_and_refused_fields_are_gone_around(mock: MockEndpoint) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        if body["messages"][0]["role"] == "system":
            return refusal("System role not supported")
        for field in ("temperature", "max_tokens", "max_completion_tokens"):
            if field in body:
                return refusal(f"Unrecognized request argument supplied: {field}")
        return Answer(body=completion(OBEYED))

    mock.face = face
    seen, shape = learn(mock.base_url)
    assert (seen.fault, seen.structured_output, seen.system_role) == (None, "enforced", False)
    assert shape.merge_system and shape.without == {"temperature", "max_tokens"}
    assert seen.adapted == [
        "without max_tokens",
        "without temperature",
        "system merged into user",
    ]
    [_role] = [message["role"] for message in chats(mock)[-1]["messages"]]


def test_a_server_that_refuses_everything_is_asked_a_dozen_times_at_most(
    mock: MockEndpoint,
) -> None:
    mock.face = lambda _index, _body: refusal("System role not supported")
    seen = look(mock.base_url)
    assert seen.fault and seen.fault.startswith("system refused: ")
    assert mock.asked <= 12


def test_fields_in_alphabetical_order_are_noticed(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: Answer(body=completion('{"answer": "q9", "zone": "k7"}'))
    assert look(mock.base_url).order == "alphabetical"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_an_answer_in_the_reasoning_field_is_noticed(mock: MockEndpoint, field: str) -> None:
    mock.face = lambda _index, _body: Answer(body=completion(None, **{field: OBEYED}))
    seen = look(mock.base_url)
    assert (seen.place, seen.structured_output) == ("reasoning", "enforced")


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (None, []),
        ({}, []),
        ({"prompt_tokens": 3, "completion_tokens": None}, ["prompt_tokens"]),
        ({"prompt_tokens": 0, "cost": 0.1}, ["cost", "prompt_tokens"]),
        ("many", []),
        ([1], []),
        (7, []),
    ],
)
def test_the_usage_that_is_told_is_named(mock: MockEndpoint, usage: Any, told: list[str]) -> None:
    reply = {**completion(OBEYED), "usage": usage}
    mock.face = lambda _index, _body: Answer(body=reply)
    assert look(mock.base_url).usage == told


def test_without_a_model_nothing_is_asked(mock: MockEndpoint) -> None:
    seen = look(mock.base_url, model="")
    assert (seen.structured_output, seen.fault, mock.asked) == ("unknown", None, 0)
    assert (seen.output_mode, seen.system_role, seen.usage) == (None, None, [])


def test_a_refused_key_is_the_fault(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: refusal("bad key", 401)
    fault = look(mock.base_url).fault
    assert fault and fault.startswith("key refused: bad key. ")


def test_nothing_listening_is_the_fault() -> None:
    with MockEndpoint() as gone:
        url = gone.base_url
    fault = look(url).fault
    assert fault is not None and fault.startswith("unreachable: ")
