"""One question over HTTP: what is sent, and what is made of everything that can come back."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from typing import Any

import pytest

from panel.endpoint.client import Client
from panel.endpoint.masking import MASK
from panel.endpoint.responses import RawResponse
from panel.errors import EndpointError
from panel.workspace.endpoint_settings import EndpointSettings
from panel.workspace.endpoints import Endpoint
from tests.support import mock_endpoint
from tests.support.mock_endpoint import MockEndpoint, completion

KEY = "sk-a/secret+of=mine"


def endpoint(url: str, **fields: Any) -> Endpoint:
    return Endpoint("mock", fields.pop("preset", None), url, "mock-1", **fields)


def ask(url: str, key: str | None = KEY, **fields: Any) -> RawResponse:
    async def once() -> RawResponse:
        async with Client(url, key, endpoint(url, **fields)) as client:
            return await client.complete({"model": "mock-1", "messages": []})

    return asyncio.run(once())


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_failed_request_is_sent_once(mock: MockEndpoint, status: int) -> None:
    """Trying again is the ladder's business; the client below must not do it too."""
    mock.face = lambda _index, _body: mock_endpoint.Answer(status, "{}", {"retry-after": "0"})
    assert ask(mock.base_url).status == status
    assert mock.asked == 1


def test_a_dropped_connection_is_one_request_and_is_called_dropped(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: mock_endpoint.Answer(drop=True)
    fault = ask(mock.base_url).transport_fault
    assert fault is not None and fault[0] == "dropped"
    assert mock.asked == 1


def test_a_body_cut_short_is_no_answer(mock: MockEndpoint) -> None:
    short = mock_endpoint.Answer(200, '{"choices": [', {"content-length": "5000"})
    mock.face = lambda _index, _body: short
    answer = ask(mock.base_url)
    assert answer.status is None and answer.transport_fault is not None
    assert answer.transport_fault[0] == "dropped"


def test_http_that_breaks_its_own_rules_is_no_crash(mock: MockEndpoint) -> None:
    odd = mock_endpoint.Answer(200, "x", {"transfer-encoding": "chunked"})
    mock.face = lambda _index, _body: odd
    fault = ask(mock.base_url).transport_fault
    assert fault is not None and fault[0] == "dropped"


@pytest.mark.timeout(60)
def test_a_hanging_server_meets_the_wall_clock(mock: MockEndpoint) -> None:
    mock.delay = 120
    answer = ask(mock.base_url, timeout_seconds=0.3)
    assert answer.transport_fault == ("timeout", "no whole answer within 0.3 s")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_closed_port_is_refused_not_a_timeout(host: str) -> None:
    fault = ask(f"http://{host}:{closed_port()}/v1").transport_fault
    assert fault is not None and fault[0] == "refused"


def test_a_redirect_is_shown_and_not_followed(mock: MockEndpoint) -> None:
    """The key goes to the address that was configured and to no other."""
    there = {"Location": f"{mock.base_url}/elsewhere"}
    mock.face = lambda _index, _body: mock_endpoint.Answer(307, "", there)
    answer = ask(mock.base_url)
    assert (answer.status, answer.headers["location"]) == (307, there["Location"])
    assert len(mock.requests) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (
            "https://me:hunter2@sso.example/login?ticket=hunter2#hunter2",
            "https://sso.example/login",
        ),
        ("https://sso.example?ticket=hunter2", "https://sso.example"),
        ("//hunter2@sso.example/a@b", "//sso.example/a@b"),
        ("/login", "/login"),
    ],
)
def test_of_a_redirect_the_address_is_kept_and_no_credentials(
    mock: MockEndpoint, sent: str, kept: str
) -> None:
    mock.face = lambda _index, _body: mock_endpoint.Answer(302, "", {"location": sent})
    assert ask(mock.base_url).headers["location"] == kept


@pytest.mark.parametrize("ending", ["", "/", "/chat/completions", "/chat/completions/"])
def test_a_base_url_may_end_as_people_paste_it(mock: MockEndpoint, ending: str) -> None:
    url = EndpointSettings(base_url=mock.base_url + ending).base_url
    assert url is not None and ask(url).status == 200
    assert [request["path"] for request in mock.requests] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("?api-version=2024-10-21", "api-version=2024-10-21"),
        ("/?api-version=2024-10-21", "api-version=2024-10-21"),
        ("/chat/completions?a=1&a=%2F&b=", "a=1&a=%2F&b="),
    ],
)
def test_a_query_comes_after_the_path_and_never_outside_base_url(
    mock: MockEndpoint, written: str, query: str
) -> None:
    url = EndpointSettings(base_url=f"http://127.0.0.1:{mock.port}/d{written}").base_url
    assert url is not None

    async def everything() -> None:
        async with Client(url, KEY, endpoint(url)) as client:
            await client.complete({"model": "mock-1", "messages": []})
            await client.models()
            await client.page("/props", 5)

    asyncio.run(everything())
    assert [(request["path"], request["query"]) for request in mock.requests] == [
        ("/d/chat/completions", query),
        ("/d/models", query),
        ("/props", ""),
    ]


def test_the_client_itself_takes_a_trailing_slash(mock: MockEndpoint) -> None:
    assert ask(mock.base_url + "/").status == 200


def test_header_names_are_lower_case(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: mock_endpoint.Answer(200, None, {"X-Request-ID": "Abc"})
    assert ask(mock.base_url).headers["x-request-id"] == "Abc"


def test_the_key_is_sent_and_an_organisation_only_to_openai(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: secret")
    ask(mock.base_url)
    ask(mock.base_url, preset="openai")
    other, openai = (request["headers"] for request in mock.requests)
    assert other["authorization"] == f"Bearer {KEY}"
    assert not {"openai-organization", "openai-project", "x-gateway"} & set(other)
    assert openai["openai-organization"] == "org-1"
    assert openai["x-gateway"] == "secret"


def test_a_key_that_comes_back_is_cut_out_of_body_and_headers(mock: MockEndpoint) -> None:
    slashed = KEY.replace("/", "\\/")
    body = f'{{"error": "Bearer {KEY} and {slashed}"}}'
    mock.face = lambda _index, _body: mock_endpoint.Answer(401, body, {"x-echo": KEY})
    answer = ask(mock.base_url)
    assert answer.error_text()[0] == f"Bearer {MASK} and {MASK}"
    assert answer.headers["x-echo"] == MASK


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_key_that_comes_back_is_cut_out_of_every_encoding(
    mock: MockEndpoint, encoding: str
) -> None:
    """What is stored is UTF-8 then, which whoever reads the journal searches in vain for it."""
    said = f'{{"error": {{"message": "no {KEY}, ü, and no gsk_0123456789abcdefghij"}}}}'
    mock.face = lambda _index, _body: mock_endpoint.Answer(401, said.encode(encoding))
    answer = ask(mock.base_url)
    assert answer.error_text()[0] == f"no {MASK}, ü, and no {MASK}"
    assert MASK in answer.body.decode()


@pytest.mark.parametrize(
    "written",
    [
        *("sk-a\\\\/secret+of=mine", "sk-a\\\\\\\\/secret+of=mine", "sk-a%2fsecret%2Bof%3Dmine"),
        *("sk-a%252Fsecret%252Bof%253Dmine", "sk-a&#x2F;secret&#43;of&#061;mine"),
        *("\\u0073k-a\\\\u002Fsecret\\u002bof=mine", base64.b64encode(KEY.encode()).decode()),
    ],
)
def test_a_key_is_found_however_it_was_escaped(mock: MockEndpoint, written: str) -> None:
    mock.face = lambda _index, _body: mock_endpoint.Answer(401, f"<p>no {written} here</p>")
    assert ask(mock.base_url).text() == f"<p>no {MASK} here</p>"


def test_a_short_local_key_is_a_word_and_stays(mock: MockEndpoint) -> None:
    mock.face = lambda _index, _body: mock_endpoint.Answer(200, '"ollama pulls a model"')
    assert ask(mock.base_url, key="ollama").text() == '"ollama pulls a model"'


HEADERS = {"X-Tenant": "atelier", "HTTP-Referer": "https://a.example"}
SECRETS = {"X-Portal-Key": "PORTAL", "Authorization": "BASIC"}


def test_headers_of_its_own_go_below_base_url_and_nowhere_else(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is named Authorization replaces the key."""
    monkeypatch.setenv("PORTAL", "portal-0123456789")
    monkeypatch.setenv("BASIC", "Basic bWU6aHVudGVyMg==")

    async def everything() -> None:
        asked = endpoint(mock.base_url, headers=HEADERS, headers_env=SECRETS)
        async with Client(mock.base_url, KEY, asked) as client:
            await client.complete({"model": "mock-1", "messages": []})
            await client.models()
            await client.page("/props", 5)

    asyncio.run(everything())
    *below, outside = (request["headers"] for request in mock.requests)
    for sent in below:
        assert (sent["x-tenant"], sent["http-referer"]) == ("atelier", "https://a.example")
        assert sent["x-portal-key"] == "portal-0123456789"
        assert sent["authorization"] == "Basic bWU6aHVudGVyMg=="
    assert not {"x-tenant", "http-referer", "x-portal-key", "authorization"} & set(outside)


@pytest.mark.parametrize("status", [200, 400, 503])
def test_every_request_has_the_address_and_the_headers_of_the_first(
    mock: MockEndpoint, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The openai client makes the first one only, whatever became of it."""
    monkeypatch.setenv("PORTAL", "portal-secret")
    mock.face = lambda _index, _body: mock_endpoint.Answer(status, json.dumps(completion("{}")))
    bodies = [
        {"model": "mock-1", "messages": [{"role": "user", "content": "é" * n}]} for n in range(3)
    ]

    async def thrice() -> None:
        asked = endpoint(
            mock.base_url + "/v1?tenant=a", headers={"X-Plain": "b"}, headers_env={"X-P": "PORTAL"}
        )
        async with Client(f"{mock.base_url}?tenant=a", KEY, asked) as client:
            for body in bodies:
                assert (await client.complete(body)).status == status

    asyncio.run(thrice())
    first, *others = mock.requests
    sizes = [int(request["headers"].pop("content-length")) for request in mock.requests]
    assert sizes[0] < sizes[1] < sizes[2]
    assert [request["body"] for request in mock.requests] == bodies
    for request in others:
        assert request | {"body": None} == first | {"body": None}
    assert first["headers"]["authorization"] == f"Bearer {KEY}"
    assert (first["headers"]["x-p"], first["query"]) == ("portal-secret", "tenant=a")


def test_without_a_key_there_is_no_header_for_one(mock: MockEndpoint) -> None:
    ask(mock.base_url, key=None)
    assert "authorization" not in mock.requests[0]["headers"]


def test_a_secret_header_that_comes_back_is_cut_out_with_and_without_its_scheme(
    mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASIC", "Basic bWU6aHVudGVyMg==")
    body = '{"error": "Basic bWU6aHVudGVyMg== or bWU6aHVudGVyMg== of atelier"}'
    mock.face = lambda _index, _body: mock_endpoint.Answer(401, body)
    answer = ask(mock.base_url, headers=HEADERS, headers_env=SECRETS | {"X-Portal-Key": "BASIC"})
    assert answer.error_text()[0] == f"{MASK} or {MASK} of atelier"


@pytest.mark.parametrize("secret", ["schlüssel-1", "two\nlines-1", "bell\a-12345"])
def test_a_secret_no_header_can_carry_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("PORTAL", secret)
    for read in (
        endpoint("http://h", api_key_env="PORTAL").api_key,
        endpoint("http://h", headers_env={"X-Portal-Key": "PORTAL"}).secret_headers,
    ):
        with pytest.raises(EndpointError, match="PORTAL holds a character") as raised:
            read()
        assert secret not in str(raised.value)


ERRORS = {
    "openai, vllm": (
        b'{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}',
        ("no", "c"),
    ),
    "llama.cpp": (b'{"error": {"code": 400, "message": "no", "type": "t"}}', ("no", "400")),
    "code null": (b'{"error": {"message": "no", "type": "t", "code": null}}', ("no", "t")),
    "sglang": (b'{"object": "error", "message": "no", "type": "t", "code": 400}', ("no", "400")),
    "lm studio": (b'{"error": "no"}', ("no", None)),
    "tgi": (b'{"error": "no", "error_type": "overloaded"}', ("no", "overloaded")),
    "mistral": (
        b'{"object": "error", "message": {"detail": "no"}, "type": "t"}',
        ("{'detail': 'no'}", "t"),
    ),
    "fastapi": (b'{"detail": "no"}', ("no", None)),
    "fastapi list": (b'{"detail": [{"msg": "no"}]}', ("[{'msg': 'no'}]", None)),
    "html": (b"<h1>no</h1>", ("<h1>no</h1>", None)),
    "a string": (b'"no"', ("no", None)),
    "no utf-8": (b"n\xff", ("n�", None)),
    "nothing": (b"", ("", None)),
    "error null": (b'{"error": null}', ('{"error": null}', None)),
}


@pytest.mark.parametrize("server", ERRORS)
def test_the_message_is_found_in_every_server_s_shape(server: str) -> None:
    body, expected = ERRORS[server]
    assert RawResponse(0.0, 400, {}, body).error_text() == expected


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: [body],
        lambda body: {"code": 0, "data": body},
        lambda body: {"result": body, "success": True, "errors": []},
        lambda body: {"output": {"choices": body["choices"]}, "usage": body["usage"]},
        lambda body: {"statusCode": 200, "body": json.dumps(body)},
        lambda body: {**body, "choices": [{"index": 0, "message": None}, *body["choices"]]},
    ],
)
def test_a_completion_is_found_in_the_envelope_of_a_gateway(wrap: Any) -> None:
    body = completion("Ship it.", usage={"prompt_tokens": 5})
    found = RawResponse(0.0, 200, {}, json.dumps(wrap(body)).encode()).completion()
    assert found is not None
    assert (found["choices"], found["usage"]) == (body["choices"], {"prompt_tokens": 5})


@pytest.mark.parametrize("choices", [5, {"0": {}}, "x", [1, 2], [[]]])
def test_choices_of_any_shape_are_no_crash(choices: Any) -> None:
    body = json.dumps({"choices": choices, "data": {"choices": choices}}).encode()
    assert RawResponse(0.0, 200, {}, body).completion() is None


def test_only_a_body_with_a_message_in_its_first_choice_is_a_completion() -> None:
    assert RawResponse(0.0, 200, {}, b'{"choices": [{"message": {}}]}').completion()
    for body in (b"", b"[]", b'{"choices": null}', b'{"choices": []}', b'{"choices": [{}]}', b"1"):
        assert RawResponse(0.0, 200, {}, body).completion() is None
