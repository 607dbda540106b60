"""What each failed request means: a table, one row to a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panel.endpoint.client import Answer
from panel.endpoint.faults import judge


def body(message: str, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


FORMAT = "response_format of type json_schema is not supported"
QUOTA = body("You exceeded your quota", code="insufficient_quota")

# status, body, action, label
ROWS: list[tuple[int, bytes, str, str]] = [
    (401, body("Incorrect API key"), "stop", "key_refused"),
    (403, body("Country not supported"), "stop", "key_refused"),
    (402, body("Payment required"), "stop", "quota"),
    (404, body("The model does not exist"), "stop", "not_found"),
    (429, QUOTA, "stop", "quota"),
    (429, body("quota", type="insufficient_quota", code=None), "stop", "quota"),
    (307, b"", "stop", "redirected"),
    (429, body("Rate limit reached"), "retry", "http_429"),
    (408, b"", "retry", "http_408"),
    (500, body("CUDA error"), "retry", "http_500"),
    (503, body("Loading model"), "retry", "http_503"),
    (529, b"overloaded", "retry", "http_529"),
    (400, body(FORMAT), "degrade", "schema_refused"),
    (422, json.dumps({"error": "Invalid grammar", "error_type": "x"}).encode(), "degrade", ""),
    (500, body("json_schema: must be 'text' or 'json_object'"), "degrade", "schema_refused"),
    (400, body("maximum context length is 8192 tokens"), "record", "http_400"),
    (413, b"too large", "record", "http_413"),
    (418, b"", "record", "http_418"),
    (422, body("bad temperature"), "record", "http_422"),
    (200, body("Provider returned an error", code=502), "retry", "http_502"),
    (200, body("No credits left", code=402), "stop", "quota"),
    (200, body("Bad key", code=401), "stop", "key_refused"),
    (200, body("Something", code="odd"), "retry", "no_completion"),
    (200, QUOTA, "stop", "quota"),
    (200, b'{"choices": null}', "retry", "no_completion"),
    (200, b'{"choices": []}', "retry", "no_completion"),
    (200, b'"a string"', "retry", "no_completion"),
    (200, b"", "retry", "no_completion"),
    (204, b"", "retry", "no_completion"),
    (200, b"<html>login</html>", "retry", "no_completion"),
]


@pytest.mark.parametrize(("status", "raw", "action", "label"), ROWS)
def test_every_fault_has_its_consequence(status: int, raw: bytes, action: str, label: str) -> None:
    fault = judge(Answer(0.0, status, {}, raw), schema_sent=True)
    assert fault is not None
    assert (fault.action, fault.label) == (action, label or fault.label)


@pytest.mark.parametrize(
    ("kind", "action", "label"),
    [
        ("refused", "stop", "unreachable"),
        ("dropped", "retry", "dropped"),
        ("timeout", "retry", "timeout"),
        ("broken", "retry", "broken"),
    ],
)
def test_transport_faults_have_theirs(kind: str, action: str, label: str) -> None:
    fault = judge(Answer(0.0, transport_fault=(kind, "why")), schema_sent=True)
    assert fault is not None
    assert (fault.action, fault.label, fault.detail) == (action, label, "why")


def test_a_completion_is_no_fault_even_beside_an_error_that_is_null() -> None:
    raw = b'{"error": null, "choices": [{"message": {"content": "x"}}]}'
    assert judge(Answer(0.0, 200, {}, raw), schema_sent=True) is None


def test_a_refused_schema_can_only_be_refused_where_one_was_sent() -> None:
    """Without a schema in the request, stepping down again would go on for ever."""
    fault = judge(Answer(0.0, 400, {}, body(FORMAT)), schema_sent=False)
    assert fault is not None and fault.action == "record"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_the_time_that_the_server_wants_is_passed_on(status: int) -> None:
    fault = judge(Answer(0.0, status, {"retry-after": "7"}, b""), schema_sent=True)
    assert fault is not None and fault.retry_after == 7


def test_a_redirect_names_where_to() -> None:
    fault = judge(Answer(0.0, 301, {"location": "https://new"}, b""), schema_sent=True)
    assert fault is not None and "https://new" in fault.detail
