"""A fast loopback mock of an OpenAI-compatible endpoint, for tests and benchmarks.

In a test: ``with MockEndpoint() as mock:`` and point the client at ``mock.base_url``.
As a process: ``python -m tests.support.mock_endpoint --port 0`` prints its base_url on the first
line and serves until stdin closes or SIGTERM arrives; GET /mock/stats then tells the counts.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Self, cast

STATS, MODELS, CHAT = "/mock/stats", "/v1/models", "/v1/chat/completions"
DECISIONS = "/v1/decisions"
TEXT_CHARACTERS, ITEM_CHARACTERS = 760, 60  # of all text fields together; of a list's item
PROSE = (
    "It takes plain text and returns a short answer, and nothing here says what it costs to run "
    "for a month. The way in is described in enough detail to try it before lunch, but the "
    "limits are left to the reader. What settles it is the part that stays under your control. "
)
TEXT = {"type": "string"}
PROMPTED = {  # what --prompted-fields are filled with where they are not plain text
    "evidence": {"type": "array", "items": TEXT},
    "verdict": {"enum": ["ship", "skip"]},
    "verdict_confidence": {"type": "integer", "minimum": 0, "maximum": 100},
}
_ids = itertools.count(1)


@dataclass(slots=True)
class Answer:
    """What the mock sends back. A str or bytes body is sent raw, a dict as JSON.

    A body of None is the default completion when the status is 200, and empty otherwise.
    ``headers`` go over the default ones (a content-length of one's own is kept); ``delay``
    goes over the mock's; ``drop`` closes the connection without an answer.
    """

    status: int = 200
    body: bytes | dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


def completion(
    content: str | None,
    finish_reason: str = "stop",
    usage: Mapping[str, Any] | None = None,
    model: str = "mock-1",
    **message_extra: Any,
) -> dict[str, Any]:
    """Return a chat completion; ``message_extra`` (refusal, tool_calls, ...) joins its message."""
    message = {"role": "assistant", "content": content, **message_extra}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    return {
        "id": f"chatcmpl-mock-{next(_ids)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": "fp_mock",
        "choices": [choice],
        "usage": usage_of("", content or "") if usage is None else dict(usage),
    }


def usage_of(prompt: str, answer: str) -> dict[str, Any]:
    """Return the usage of a prompt and its answer, four characters to a token."""
    counts = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(answer) // 4}
    total = sum(counts.values())
    return {**counts, "total_tokens": total, "prompt_tokens_details": {"cached_tokens": 0}}


def filled(schema: Mapping[str, Any], seed_text: str) -> dict[str, Any]:
    """Fill a flat object schema with valid values, the same for the same seed text."""
    properties: dict[str, Any] = schema["properties"]
    texts = sum(part.get("type") == "string" and "enum" not in part for part in properties.values())
    length, seed = TEXT_CHARACTERS // max(texts, 1), zlib.crc32(seed_text.encode("utf-8", "ignore"))
    parts = enumerate(properties.items())
    return {name: _value(part, seed + 37 * place, length) for place, (name, part) in parts}


def _value(schema: Mapping[str, Any], seed: int, length: int) -> Any:
    if "enum" in schema:
        return schema["enum"][(seed >> 8) % len(schema["enum"])]
    match schema.get("type"):
        case "array":
            count = min(max(2, schema.get("minItems", 0)), schema.get("maxItems", 1000))
            return [_value(schema["items"], seed + 101 * n, ITEM_CHARACTERS) for n in range(count)]
        case "integer" | "number":
            low = schema.get("minimum", 0)
            return low + seed % (int(schema.get("maximum", low + 100) - low) + 1)
    want = min(max(length, schema.get("minLength", 1)), schema.get("maxLength", 100_000))
    text = PROSE * (want // len(PROSE) + 2)
    start = text.find(" ", seed % (len(PROSE) - 1)) + 1
    return (text[start : start + want - 1] + ".")[:want]


def reply_for(body: Mapping[str, Any], prompted_fields: Sequence[str] = ()) -> dict[str, Any]:
    """Return the default completion for a request: its schema filled in, or prose.

    The schema is that of response_format, else of the first function under ``tools``,
    else one object with ``prompted_fields``, where any are given.
    """
    messages = [(part.get("role"), str(part.get("content"))) for part in body.get("messages", ())]
    seed_text = next((text for role, text in reversed(messages) if role == "user"), "")
    model = str(body.get("model", "mock-1"))
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")
    function = None if schema else (body.get("tools") or [{}])[0].get("function")
    if function:
        schema = function["parameters"]
    elif not schema and prompted_fields:
        schema = {"properties": {name: PROMPTED.get(name, TEXT) for name in prompted_fields}}
    text = json.dumps(filled(schema, seed_text)) if schema else PROSE.strip()
    usage = usage_of("".join(text for _role, text in messages), text)
    if not function:
        return completion(text, usage=usage, model=model)
    called = {"name": function["name"], "arguments": text}
    calls = [{"id": "call_mock", "type": "function", "function": called}]
    return completion(None, "tool_calls", usage, model, tool_calls=calls)


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "type": "mock", "code": None}})


@dataclass(eq=False)
class MockEndpoint:
    """The server, in a thread of its own between ``__enter__`` and ``__exit__``.

    ``face(index, body)`` is called in that thread for each chat request, counted from 0; None
    means the default answer; what it raises comes back as the message of a 500.
    ``decisions(index, body)`` answers requests to /v1/decisions likewise; None means 404.
    ``pages`` answers other paths ("/api/version"), or GET /v1/models in place of the default.
    ``tls`` makes it speak https only. ``keeps``: whether ``requests`` holds what was sent.
    """

    delay: float = 0.0
    face: Callable[[int, dict[str, Any]], Answer | None] | None = None
    port: int = 0
    prompted_fields: Sequence[str] = ()
    pages: Mapping[str, Answer] = field(default_factory=dict)
    decisions: Callable[[int, dict[str, Any]], Answer | None] | None = None
    tls: ssl.SSLContext | None = None
    keeps: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list, init=False)
    seen: int = field(default=0, init=False)  # requests of any kind, but those for the counts
    asked: int = field(default=0, init=False)  # chat requests among them
    decided: int = field(default=0, init=False)  # requests to /v1/decisions
    connections: int = field(default=0, init=False)
    transports: set[asyncio.Transport] = field(default_factory=set, init=False)

    def __enter__(self) -> Self:
        """Start serving; ``port`` is the real one from here on."""
        self._loop = asyncio.new_event_loop()
        make = partial(_Connection, self)
        listen = self._loop.create_server(make, "127.0.0.1", self.port, backlog=1024, ssl=self.tls)
        self._server = self._loop.run_until_complete(listen)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        """Close every connection and stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        for transport in self.transports:
            transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Answer:
        """Record one request and return its answer; a proxy's target is a whole address."""
        path, _, query = target.partition("?")
        if path == STATS:
            counts = {"requests": self.seen, "asked": self.asked}
            return Answer(body={**counts, "connections": self.connections})
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        self.seen += 1
        if self.keeps:
            sent = {"method": method, "path": path, "query": query, "headers": headers}
            self.requests.append({**sent, "body": body})
        if path in self.pages:
            return self.pages[path]
        if path == MODELS:
            model = {"id": "mock-1", "object": "model", "created": 0, "owned_by": "mock"}
            return Answer(body={"object": "list", "data": [model]})
        if method != "POST" or path not in (CHAT, DECISIONS):
            return _error(404, f"no such path: {method} {path}")
        if not isinstance(body, dict):
            return _error(400, "not a JSON object")
        return self._chat(body) if path == CHAT else self._decide(body)

    def _decide(self, body: dict[str, Any]) -> Answer:
        self.decided += 1
        answer = self.decisions and self.decisions(self.decided - 1, body)
        return answer or _error(404, f"no such path: POST {DECISIONS}")

    def _chat(self, body: dict[str, Any]) -> Answer:
        self.asked += 1
        try:
            answer = (self.face and self.face(self.asked - 1, body)) or Answer()
            if answer.status == HTTPStatus.OK and answer.body is None:
                answer = replace(answer, body=reply_for(body, self.prompted_fields))
        except Exception as fault:  # the test's own; a server goes on serving
            answer = _error(500, repr(fault))
        return replace(answer, delay=answer.delay or self.delay)


class _Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection; requests are answered one after the other."""

    transport: asyncio.Transport

    def __init__(self, mock: MockEndpoint) -> None:
        self.mock, self.buffer, self.busy = mock, bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.mock.connections += 1
        self.mock.transports.add(self.transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.mock.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.busy and (request := _take(self.buffer)) is not None:
            answer = self.mock.answer(*request)
            if answer.delay > 0:
                self.busy = True
                asyncio.get_running_loop().call_later(answer.delay, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: Answer) -> None:
        if answer.drop or self.transport.is_closing():
            self.transport.close()
            return
        body = json.dumps(answer.body) if isinstance(answer.body, dict) else answer.body or b""
        raw = body.encode() if isinstance(body, str) else body
        headers = {"content-type": "application/json", "content-length": str(len(raw))}
        headers |= {name.lower(): value for name, value in answer.headers.items()}
        lines = [f"HTTP/1.1 {answer.status} Mock", *(f"{k}: {v}" for k, v in headers.items())]
        self.transport.write("\r\n".join((*lines, "", "")).encode("latin-1") + raw)
        if headers.get("connection") == "close" or headers["content-length"] != str(len(raw)):
            self.transport.close()
        elif self.busy:
            self.busy = False
            self.data_received(b"")


def _take(buffer: bytearray) -> tuple[str, str, dict[str, str], bytes] | None:
    """Take method, target, headers and body of one request off the buffer, once all is there."""
    start = buffer.find(b"\r\n\r\n") + 4
    if start < len(b"\r\n\r\n"):
        return None
    first, *lines = buffer[: start - 4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, end = _dechunked(buffer, start)
    else:
        end = start + int(headers.get("content-length", 0))
        body = bytes(buffer[start:end])
    if not start <= end <= len(buffer):
        return None
    del buffer[:end]
    method, target, _version = first.split(" ")
    return method, target, headers, body


def _dechunked(buffer: bytearray, start: int) -> tuple[bytes, int]:
    """Return a chunked body (without trailers) and its end, which is -1 while bytes are missing."""
    body, size = b"", -1
    while size != 0:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return b"", -1
        size, start = int(buffer[start:line_end].partition(b";")[0], 16), line_end + 2
        body += buffer[start : start + size]
        start += size + 2
    return body, start


def main() -> None:
    """Serve until stdin closes or SIGTERM arrives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--prompted-fields", default="", help="a,b,c: JSON where no schema is sent")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fields = tuple(filter(None, given.prompted_fields.split(",")))
    # Nobody can read them in another process, and there may be hundreds of thousands.
    with MockEndpoint(given.delay, port=given.port, prompted_fields=fields, keeps=False) as mock:
        print(mock.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
