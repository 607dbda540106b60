"""What came back for one request: its JSON, the completion or the error in it, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from panel.endpoint.bodies import decoded, read_body, read_text
from panel.endpoint.event_stream import BEGUN
from panel.endpoint.usage import TokenUsage, read_usage

UNREAD: Any = object()  # of a body that nobody has read yet; None is what is no JSON


@dataclass(slots=True)
class RawResponse:
    """What one request returned: status, headers and body, or how the transport failed.

    transport_fault: (label, detail) when no complete answer arrived; status is None then.
    keyless: no secret was sent with the request.
    """

    seconds: float
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    transport_fault: tuple[str, str] | None = None
    keyless: bool = False
    _parsed: Any = UNREAD

    def with_body(self, body: bytes) -> RawResponse:
        """Return the same answer with another body."""
        return self if body is self.body else replace(self, body=body, _parsed=UNREAD)

    def text(self) -> str:
        """Return the body as text; bytes that are not in its encoding become U+FFFD."""
        return decoded(self.body)

    def json(self) -> Any:
        """Return the body as JSON, an event stream as what it adds up to; None where it is none."""
        if self._parsed is UNREAD:
            self._parsed = read_body(self.body) if self.body else None
        return self._parsed

    def completion(self) -> dict[str, Any] | None:
        """Return the body as a chat completion with a choice; None when it is not one.

        A choice that has an ending but no message has an empty one: it was filtered, say. One
        without a word beside an error is none.
        """
        body = self._unwrapped("choices")
        choices = body.get("choices") if isinstance(body, dict) else None
        listed = choices if isinstance(choices, list) else ()
        choices = [each for each in listed if isinstance(each, dict)]
        # Some gateways put a choice without an answer first, which tells of their filter.
        choice = next((each for each in choices if _answers(each)), (choices or [None])[0])
        if not isinstance(body, dict) or choice is None:
            return None
        body["choices"] = [choice]
        if choice.get("message") is None and choice.get("finish_reason"):
            choice["message"] = {"content": choice.get("text")}
        message = choice.get("message")
        if not isinstance(message, dict) or (_told_error(body) and not _has_words(message)):
            return None
        return body

    @property
    def refused(self) -> bool:
        """Whether the server has answered, and no reply had begun: that costs nothing."""
        if self.status is None or self.completion() is not None:
            return False
        body = self.json()
        told = isinstance(body, dict) and _told_error(body) and not body.get(BEGUN)
        return told or not 200 <= self.status < 300

    def usage(self) -> TokenUsage:
        """Return what the server has counted, be it of a reply that broke off."""
        body = self._unwrapped("usage")
        return read_usage(body.get("usage") if isinstance(body, dict) else None)

    def failed_choice(self) -> RawResponse | None:
        """Return the error in or beside a choice as an answer of its own; else None."""
        completion = self.completion()
        if completion is None:
            return None
        error = _told_error(completion["choices"][0]) or _told_error(completion)
        if error is None:
            return None
        body = json.dumps({"error": error}).encode()
        return RawResponse(self.seconds, self.status, self.headers, body, keyless=self.keyless)

    def decision(self) -> dict[str, Any] | None:
        """Return the body as an answer of ``/v1/decisions``; None when it is not one."""
        body = self._unwrapped("answers")
        told = isinstance(body, dict) and isinstance(body.get("answers"), list | dict)
        return body if told else None

    def _unwrapped(self, content: str) -> Any:
        body = self.json()
        if isinstance(body, str):  # JSON in a JSON string, as some gateways send it
            body = read_body(body.encode())
        return _unwrapped(body, content)

    def error_text(self) -> tuple[str, str | None]:
        """Return an error's message and code, in any server's form; else the start of the body."""
        body = self.json()
        error = _error_of(body)
        if isinstance(error, dict):
            message = error.get("message", error.get("detail", error))
            if isinstance(message, str) and isinstance(inner := read_text(message), dict):
                return replace(self, body=message.encode(), _parsed=inner).error_text()
            code = error.get("code") or error.get("type") or error.get("error_type")
            return str(message)[:2000], str(code) if code is not None else None
        if isinstance(error, str):
            kind = body.get("error_type") if isinstance(body, dict) else None
            return error[:2000], str(kind) if kind is not None else None
        return self.text()[:2000], None

    def error_param(self) -> str | None:
        """Return the request field that an error blames (``param``)."""
        error = _error_of(self.json())
        param = error.get("param") if isinstance(error, dict) else None
        return param if isinstance(param, str) else None


_ENVELOPES = ("result", "data", "response", "output", "body")


def _unwrapped(body: Any, content: str) -> Any:
    """Take the object with a field out of a list of one and of the envelopes of gateways."""
    for _ in range(4):
        if isinstance(body, list) and len(body) == 1:
            [body] = body
        if not isinstance(body, dict) or content in body:
            break
        inner = next((body[name] for name in _ENVELOPES if body.get(name)), None)
        if isinstance(inner, str):
            inner = read_body(inner.encode())
        if not isinstance(inner, dict | list):
            break
        body = {"usage": body.get("usage"), **inner} if isinstance(inner, dict) else inner
    return body


def _answers(choice: dict[str, Any]) -> bool:
    return isinstance(choice.get("message"), dict) or isinstance(choice.get("text"), str)


def _has_words(message: dict[str, Any]) -> bool:
    return any(value for name, value in message.items() if name != "role")


def _told_error(body: dict[str, Any]) -> dict[str, Any] | str | None:
    error = body.get("error")
    return error if isinstance(error, dict | str) and error else None


def _error_of(body: Any) -> Any:
    """Return the error in a body: in an envelope, bare, or the only one of a list (Gemini)."""
    if isinstance(body, list) and len(body) == 1:
        [body] = body
    return body.get("error", body) if isinstance(body, dict) else body
