"""Bad weather: endpoints that fail, or are peculiar, in the ways that real servers are.

``python -m tests.support.weather`` lists the faces; with a NAME it serves one on loopback until
Ctrl-C or SIGTERM and prints the panel.toml that points at it. In a test:
``with serve(WEATHER["prose"]) as (base_url, mock): ...``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.mock_endpoint import (
    CHAT,
    MODELS,
    PROMPTED,
    TEXT,
    Answer,
    MockEndpoint,
    completion,
    filled,
    usage_of,
)

Body = dict[str, Any]
Answering = Callable[[int, Body], Answer | None]
Kind = Literal["ok", "recoverable", "unrecoverable", "cell", "server"]

FOREVER = 3600.0
BANANA = '{"zone": "banana", "answer": "banana"}'  # what the doctor's question asks for
SCHEMA, NATIVE, TOOL, OBJECT, NONE = "json_schema", "native", "tool", "json_object", "prompted"


@dataclass(frozen=True)
class Face:
    """One endpoint, and what is to come of asking it.

    make: returns, for a seed, what answers the chat requests, with a memory of its own.
    settings: more lines of its table in panel.toml. label: of the fault it stops with or its
    cells end in. says: what the person is told to do. adapted: how requests were changed.
    key_env: the variable its key stands in. path: of its base_url. door: closed where nobody
    listens, wrong where no TLS is spoken behind https://. requests: the most that a run makes
    before it stops.
    """

    kind: Kind
    description: str
    make: Callable[[int], Answering]
    exit: int = 0
    label: str = ""
    says: str = ""
    output_mode: str = SCHEMA
    server: str = "unknown"
    model: str = "mock-1"
    settings: str = ""
    pages: Mapping[str, Answer] = field(default_factory=dict)
    degraded: bool = False
    adapted: tuple[str, ...] = ()
    key_env: str = ""
    path: str = "/v1"
    door: Literal["open", "closed", "wrong"] = "open"
    requests: int = 1

    def toml(self, base_url: str, more: str = "") -> str:
        """Return the panel.toml that points at it."""
        key = f'api_key_env = "{self.key_env}"\n' if self.key_env else ""
        return (
            '[panel]\nendpoint = "weather"\n\n[endpoints.weather]\n'
            f'base_url = "{base_url}"\nmodel = "{self.model}"\n{key}{more}{self.settings}'
        )


@contextmanager
def serve(face: Face, port: int = 0, seed: int = 0) -> Iterator[tuple[str, MockEndpoint]]:
    """Serve a face while the block runs; yields its base_url and the mock underneath."""
    mock = MockEndpoint(face=face.make(seed), pages=face.pages, port=port)
    if face.door == "open":
        with mock:
            yield f"http://127.0.0.1:{mock.port}{face.path}", mock
    elif face.door == "closed":
        with socket.socket() as taken:  # bound, so that nobody else listens there either
            taken.bind(("127.0.0.1", port))
            yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1", mock
    else:
        with socketserver.ThreadingTCPServer(("127.0.0.1", port), _Plain) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            yield f"https://127.0.0.1:{server.server_address[1]}/v1", mock
            server.shutdown()


class _Plain(socketserver.BaseRequestHandler):
    """Answers a TLS hello as servers do that speak plain HTTP."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


# What a request asks for, and a good answer to it.


def cell_of(body: Body) -> str:
    """Return whose opinion of what a request asks for, the same for each of a cell's requests."""
    text = _text(body)
    found = [re.search(words, text, re.M) for words in (r"^# You are the (.+)$", r"^Name: (.+)$")]
    return " × ".join(match[1] for match in found if match) or text


def form_of(body: Body) -> tuple[str, Any]:
    """Return the output mode that a request stands on, and the schema in it."""
    wanted = body.get("response_format") or {}
    match wanted.get("type"):
        case "json_schema":
            return SCHEMA, wanted["json_schema"]["schema"]
        case "json":
            return NATIVE, wanted["value"]
        case "json_object":
            return (NATIVE, wanted["schema"]) if "schema" in wanted else (OBJECT, None)
    if "structured_outputs" in body:
        return NATIVE, body["structured_outputs"]["json"]
    if body.get("tools"):
        return TOOL, body["tools"][0]["function"]["parameters"]
    return NONE, None


def answer_of(body: Body, schema: Any = None, alphabetical: bool = False) -> str:
    """Return JSON that fits the schema; the fields that the prompt names where there is none."""
    if schema is None:
        names = re.findall(r'^- "(\w+)":', _text(body), re.M)
        if not names:
            return BANANA
        schema = {"properties": {name: PROMPTED.get(name, TEXT) for name in names}}
    return json.dumps(filled(schema, cell_of(body)), sort_keys=alphabetical)


def reply(body: Body, content: Any = None, finish: str = "stop", **message: Any) -> Answer:
    """Return a completion of the request; its JSON, held to the schema, unless content is given."""
    form, schema = form_of(body)
    text = answer_of(body, schema)
    if content is None and form == TOOL and "tool_calls" not in message:
        function = {"name": body["tools"][0]["function"]["name"], "arguments": text}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        finish = "tool_calls"
    elif content is None:
        content = text
    usage = usage_of(_text(body), text)
    return Answer(body=completion(content, finish, usage, str(body.get("model")), **message))


def _text(body: Body) -> str:
    return "\n\n".join(str(part.get("content")) for part in body.get("messages", ()))


def error(status: int, message: Any, code: Any = None, **more: Any) -> Answer:
    """Return an error in OpenAI's shape."""
    inner = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer(status, {"error": inner | more})


# Faces that pass.

FAULTS: dict[str, tuple[str, Callable[[Body], Answer]]] = {
    "rate-limit-told": (
        "429 with Retry-After",
        lambda _: Answer(
            429,
            error(429, "Rate limit reached for requests", "rate_limit_exceeded").body,
            {"retry-after": "0.1"},
        ),
    ),
    "rate-limit": (
        "429 that does not say how long",
        lambda _: Answer(429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    ),
    "loading": (
        "503 while the model is loading, as llama.cpp says it",
        lambda _: error(503, "Loading model", 503, type="unavailable_error"),
    ),
    "rejected": (
        "400 for a reply that the server's own check rejects, as Groq says it",
        lambda _: error(400, "Failed to generate JSON.", "json_validate_failed"),
    ),
    "server-error": ("500", lambda _: error(500, "internal error", type="server_error")),
    "gateway": (
        "502 with a proxy's HTML page",
        lambda _: Answer(
            502, "<html><h1>502 Bad Gateway</h1></html>", {"content-type": "text/html"}
        ),
    ),
    "dropped": ("the connection is closed without an answer", lambda _: Answer(drop=True)),
    "half-body": (
        "the connection breaks in the middle of the body",
        lambda _: Answer(body='{"id": "x", "choices": [{"mess', headers={"content-length": "5000"}),
    ),
    "error-in-200": (
        "200 whose body is an error with code 502, as OpenRouter sends it",
        lambda _: Answer(body={"error": {"code": 502, "message": "Provider returned error"}}),
    ),
    "string-body": ("200 whose body is a bare string", lambda _: Answer(body='"upstream gone"')),
    "empty-body": ("200 without a body", lambda _: Answer(body=b"")),
    "broken-off": (
        'finish_reason "error" in the middle of the reply',
        lambda body: reply(body, answer_of(body)[:90], "error"),
    ),
    "prose": (
        "prose instead of JSON; the repair brings the JSON",
        lambda body: reply(body, "It looks solid to me, and I would ship it."),
    ),
    "cut-short": (
        "the reply ends at its cap; a doubled cap is enough",
        lambda body: reply(body, answer_of(body)[:200], "length"),
    ),
    "think": (
        "thoughts, a drafted verdict among them, before the reply",
        lambda body: reply(
            body, f'<think>Say {{"verdict": "skip"}}? No.</think>\n{answer_of(body)}'
        ),
    ),
    "chunks": (
        "the content comes as a list of parts",
        lambda body: reply(
            body,
            [
                {"type": "text", "text": part}
                for part in (answer_of(body)[:70], answer_of(body)[70:])
            ],
        ),
    ),
    "reasoning-only": (
        "the JSON stands in reasoning_content, and content is empty",
        lambda body: reply(body, "", reasoning_content=answer_of(body)),
    ),
    "fenced": (
        "the JSON stands in a code fence",
        lambda body: reply(body, f"Here it is:\n```json\n{answer_of(body)}\n```\nHope it helps."),
    ),
    "slow": ("no answer within the time limit", lambda _: Answer(delay=FOREVER)),
}
ONCE = ("prose", "cut-short")  # one repair, one longer try: at most once for a cell
QUIET = ("think", "chunks", "reasoning-only", "fenced")  # no second request is needed


def _ok(_seed: int) -> Answering:
    return lambda _index, body: reply(body)


def _first_fails(fault: Callable[[Body], Answer]) -> Callable[[int], Answering]:
    """Make the first request of every cell fail, and the others not."""

    def make(_seed: int) -> Answering:
        seen: set[str] = set()

        def answer(_index: int, body: Body) -> Answer:
            cell, before = cell_of(body), len(seen)
            seen.add(cell)
            return fault(body) if len(seen) > before else reply(body)

        return answer

    return make


def _slow(_seed: int) -> Answering:
    """Let the third request hang: an endpoint that has said nothing yet is given up at once."""
    return lambda index, body: Answer(delay=FOREVER) if index == 2 else reply(body)


def _mixed(seed: int) -> Answering:
    """Give 30 % of all requests one of the faults, each request on its own.

    What a request gets depends on the seed, its cell and its number among the cell's requests
    only, so runs are alike whatever the order. Two bounds, else no verdict could be promised:
    what is wrong with the reply itself (prose, cut short) is done to a cell only once, since it
    has one repair; and the first request of all does not hang, since that means a dead server.
    """
    requests: Counter[str] = Counter()
    spoilt: set[str] = set()
    faults = list(FAULTS)

    def answer(index: int, body: Body) -> Answer:
        cell = cell_of(body)
        requests[cell] += 1
        dice = random.Random(f"{seed} {cell} {requests[cell]}")
        if dice.random() >= 0.3:
            return reply(body)
        name = dice.choice(faults)
        if (name in ONCE and cell in spoilt) or (name == "slow" and index == 0):
            return reply(body)
        if name in ONCE:
            spoilt.add(cell)
        return FAULTS[name][1](body)

    return answer


# Faces that stop a run.


class _Everywhere(dict[str, Answer]):
    """The same answer on every path that has no other; chat requests are the face's own."""

    def __init__(self, answer: Answer, **others: Answer) -> None:
        super().__init__(others)
        self.answer = answer

    def __contains__(self, path: object) -> bool:
        return path != CHAT

    def __missing__(self, _path: str) -> Answer:
        return self.answer


def _always(answer: Answer) -> Callable[[int], Answering]:
    return lambda _seed: lambda _index, _body: answer


def _listed(*entries: Body) -> dict[str, Answer]:
    named = [{"object": "model", "created": 0, **entry} for entry in entries]
    return {MODELS: Answer(body={"object": "list", "data": named})}


def _stops(description: str, answer: Answer, label: str, says: str, **more: Any) -> Face:
    return Face("unrecoverable", description, _always(answer), 3, label, says, **more)


_UNEXPECTED = Answer(
    body={"error": "Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway"}
)
_HTML = Answer(
    body="<!DOCTYPE html>\n<html>\n<head>\n  <title>Sign in</title>\n</head>\n<body>\n"
    + "  <p>Your company's gateway wants to know who you are.</p>\n" * 40
    + "</body>\n</html>\n",
    headers={"content-type": "text/html"},
)

# Server shapes: what each takes, and how it answers.


def _taking(
    refusals: Mapping[str, Answer], shaped: Callable[[Body], Answer] = reply
) -> Callable[[int], Answering]:
    """Refuse some forms of request, and answer the others in the server's own way."""
    return lambda _seed: lambda _index, body: refusals.get(form_of(body)[0]) or shaped(body)


def _ollama(body: Body) -> Answer:
    """Sort the fields, as a schema that went through a Go map does; thoughts aside."""
    text = answer_of(body, form_of(body)[1], alphabetical=True)
    return reply(body, text, reasoning="The description says little about limits.")


def _ollama_cloud(body: Body) -> Answer:
    return reply(body, f"Sure! Here is my verdict:\n\n{answer_of(body)}\n\nAnything else?")


def _sglang(_seed: int) -> Answering:
    full = {"object": "error", "message": "The request queue is full.", "code": 503}
    busy = Answer(503, {**full, "type": "ServiceUnavailable", "param": None})
    return lambda index, body: busy if index == 1 else reply(body)


def _lm_studio(body: Body) -> Answer:
    return reply(body, "", reasoning_content=answer_of(body, form_of(body)[1]))


def _tgi(body: Body) -> Answer:
    return reply(body, answer_of(body, form_of(body)[1]), "eos_token")


def _mistral(_seed: int) -> Answering:
    def answer(_index: int, body: Body) -> Answer:
        extra = [name for name in ("seed", "max_completion_tokens", "store") if name in body]
        if extra:
            said = "Extra inputs are not permitted"
            detail = [
                {"type": "extra_forbidden", "loc": ["body", name], "msg": said, "input": body[name]}
                for name in extra
            ]
            flat = {"object": "error", "message": {"detail": detail}, "param": None, "code": None}
            return Answer(422, {**flat, "type": "invalid_request_error"})
        text = answer_of(body, form_of(body)[1])
        thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": '{"verdict": ...'}]}
        return reply(body, [thoughts, {"type": "text", "text": text}])

    return answer


def _reasoning_model(_seed: int) -> Answering:
    def answer(_index: int, body: Body) -> Answer:
        if "max_tokens" in body:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            )
            return error(400, message, "unsupported_parameter", param="max_tokens")
        if body.get("temperature", 1) != 1:
            message = (
                "Unsupported value: 'temperature' does not support "
                f"{body['temperature']} with this model. Only the default (1) value is supported."
            )
            return error(400, message, "unsupported_value", param="temperature")
        return reply(body)

    return answer


def _fixed_temperature(_seed: int) -> Answering:
    refused = error(400, "invalid temperature: only 1 is allowed for this model")
    return lambda _index, body: refused if "temperature" in body else reply(body)


def _openrouter(_seed: int) -> Answering:
    """Refuse what the provider has not, if asked to; else drop it and chat."""

    def answer(_index: int, body: Body) -> Answer:
        form = form_of(body)[0]
        if form in (SCHEMA, NATIVE, TOOL):
            if not body.get("provider", {}).get("require_parameters"):
                return reply(body, "A fine tool, all in all.")
            message = "No endpoints found that can handle the requested parameters."
            return Answer(404, {"error": {"message": message, "code": 404}})
        whole = reply(body)
        return Answer(body="\n         \n  \n" + json.dumps(whole.body))  # kept alive until then

    return answer


def _no_system(_seed: int) -> Answering:
    def answer(_index: int, body: Body) -> Answer:
        if any(part["role"] == "system" for part in body["messages"]):
            said = "jinja2.exceptions.TemplateError: System role not supported"
            return error(400, said, 400, type="BadRequestError")
        return reply(body)

    return answer


def _runaway(_seed: int) -> Answering:
    def answer(_index: int, body: Body) -> Answer:
        if form_of(body)[0] == SCHEMA:
            return reply(body, '{"evidence": [' + " \n\t" * 400, "length")
        return reply(body)

    return answer


def _truncating(_seed: int) -> Answering:
    def answer(_index: int, body: Body) -> Answer:
        text = answer_of(body, form_of(body)[1])
        return Answer(body=completion(text, usage=usage_of("x" * 4 * 1026, text)))

    return answer


def _alike(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _uncached(told: bool) -> Callable[[int], Answering]:
    """Count only what no prompt before began with, as Ollama 0.30 does; may tell the rest."""

    def make(_seed: int) -> Answering:
        read: list[str] = []

        def answer(_index: int, body: Body) -> Answer:
            prompt, text = _text(body), answer_of(body, form_of(body)[1])
            known = max((_alike(prompt, other) for other in read), default=0)
            read.append(prompt)
            usage = usage_of(prompt[known:], text)
            usage["prompt_tokens_details"] = {"cached_tokens": known // 4} if told else None
            return Answer(body=completion(text, usage=usage))

        return answer

    return make


def _stub(_seed: int) -> Answering:
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return lambda _index, body: Answer(
        body=completion(answer_of(body, form_of(body)[1]), usage=usage)
    )


_NO_SCHEMA = error(400, "response_format type 'json_schema' is not supported by this model")
_NO_FORMAT = error(400, "Unrecognized request argument supplied: response_format")
_NO_TOOLS = error(400, "This model does not support tools")
_LITERAL = (
    "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should "
    "be 'text' or 'json_object'\", 'input': 'json_schema'}]"
)
_VALUE = (
    "Failed to deserialize the JSON body into the target type: response_format: missing field "
    "`value` at line 1 column 4711"
)
_NOT_OBJECT = Answer(400, {"error": "'response_format.type' must be 'json_schema' or 'text'"})

WEATHER: dict[str, Face] = {
    "ok": Face("ok", "answers every question well", _ok),
    **{
        name: Face(
            "recoverable",
            f"{what}; the first request of each cell",
            _first_fails(fault),
            degraded=name == "reasoning-only",
        )
        for name, (what, fault) in FAULTS.items()
        if name != "slow"
    },
    "slow": Face(
        "recoverable",
        "the third request gets no answer within the time limit",
        _slow,
        settings="timeout_seconds = 1.0\n",
    ),
    "mixed": Face(
        "recoverable",
        "each of these faults, 30 % of all requests together, seeded",
        _mixed,
        settings="timeout_seconds = 0.8\n",
    ),
    "bad-key": _stops(
        "401",
        error(401, "Incorrect API key provided: sk-…", "invalid_api_key"),
        "key_refused",
        "Check the key",
        key_env="WEATHER_API_KEY",
    ),
    "forbidden": _stops(
        "403",
        error(403, "Country not supported"),
        "key_refused",
        "Check the key",
        key_env="WEATHER_API_KEY",
    ),
    "no-key": _stops(
        "401 where no key was sent",
        error(401, "Unauthorized"),
        "key_refused",
        "No key was sent",
    ),
    "bad-key-400": _stops(
        "400 for a bad key, as Gemini says it",
        error(400, "API key not valid. Please pass a valid API key."),
        "key_refused",
        "Check the key",
        key_env="WEATHER_API_KEY",
        requests=3,
    ),
    "no-credit-400": _stops(
        "400 for an account without money, as Anthropic says it",
        error(400, "Your credit balance is too low to access the API."),
        "quota",
        "Top up the account",
        requests=3,
    ),
    "firewall": _stops(
        "403 with a firewall's page",
        Answer(403, "<html><h1>Access denied</h1></html>", {"content-type": "text/html"}),
        "forbidden",
        "a firewall stands before the endpoint",
        requests=3,
    ),
    "daily-quota": _stops(
        "429 for the rest of the day",
        error(429, "Rate limit exceeded: free-models-per-day", 429),
        "daily_quota",
        "Run again when it is renewed",
    ),
    "no-credit": _stops(
        "402, as OpenRouter sends it",
        Answer(402, {"error": {"code": 402, "message": "Insufficient credits"}}),
        "quota",
        "Top up the account",
    ),
    "no-quota": _stops(
        "429 that no waiting helps: insufficient_quota",
        error(429, "You exceeded your current quota", "insufficient_quota"),
        "quota",
        "Top up the account",
    ),
    "no-model": _stops(
        "404, no such model",
        error(404, 'model "mock-1" not found, try pulling it first', type="api_error"),
        "not_found",
        "Models there: qwen3:8b, gemma3:4b",
        pages=_listed({"id": "qwen3:8b"}, {"id": "gemma3:4b"}),
    ),
    "invalid-model": _stops(
        "400, no such model, as Mistral says it",
        Answer(400, {"object": "error", "message": "Invalid model: mock-1", "code": "1500"}),
        "not_found",
        "Models there: mistral-large-latest",
        pages=_listed({"id": "mistral-large-latest"}),
    ),
    "redirect": _stops(
        "a redirect to another host, which must not get the key",
        Answer(307, b"", {"location": "http://elsewhere.invalid/v1/chat/completions"}),
        "redirected",
        "Put the new address into base_url",
        requests=3,
    ),
    "html": _stops(
        "every path is a web page",
        _HTML,
        "not_an_api",
        "Correct base_url",
        pages=_Everywhere(_HTML),
        requests=3,
    ),
    "no-v1": _stops(
        "LM Studio asked without /v1: 200 on every path",
        _UNEXPECTED,
        "not_an_api",
        "Correct base_url",
        pages=_Everywhere(_UNEXPECTED),
        path="",
    ),
    "refused": Face(
        "unrecoverable",
        "nobody listens on the port",
        _ok,
        3,
        "unreachable",
        "Start the server",
        door="closed",
    ),
    "hang": _stops(
        "lists its models, and never answers a question",
        Answer(delay=FOREVER),
        "silent",
        "raise timeout_seconds",
        settings="timeout_seconds = 1.0\n",
    ),
    "black-hole": _stops(
        "takes requests and never answers any",
        Answer(delay=FOREVER),
        "silent",
        "raise timeout_seconds",
        pages=_Everywhere(Answer(delay=FOREVER)),
        settings="timeout_seconds = 1.0\n",
    ),
    "wrong-tls": Face(
        "unrecoverable",
        "https:// where plain HTTP is spoken",
        _ok,
        3,
        "tls_not_spoken",
        "write http:// in base_url",
        door="wrong",
    ),
    "down": Face(
        "cell",
        "503 whenever it is asked: given up after all tries of the first cell",
        _always(error(503, "no healthy upstream")),
        3,
        "no_answer",
        "Look at the server's own log",
    ),
    "uncached": Face("ok", "counts only the tokens that its cache had not", _uncached(told=False)),
    "uncached-told": Face("ok", "the same, and tells the others beside", _uncached(told=True)),
    "stub": Face("ok", "a stub that counts 10 tokens for every prompt", _stub),
    "truncates": Face(
        "cell",
        "drops most of the prompt without a word, as a window of 2,048 tokens does",
        _truncating,
        1,
        "prompt_truncated",
    ),
    "overflow": Face(
        "cell",
        "400, the prompt does not fit into the window",
        _always(
            error(
                400,
                "the request exceeds the available context size, try increasing it",
                400,
                type="exceed_context_size_error",
                n_prompt_tokens=5120,
                n_ctx=4096,
            )
        ),
        1,
        "context_overflow",
    ),
    "runaway": Face(
        "cell",
        "blanks without end under a JSON grammar",
        _runaway,
        0,
        "whitespace_runaway",
        output_mode=TOOL,
    ),
    "ollama": Face(
        "server",
        "Ollama: fields in alphabetical order, thoughts in `reasoning`",
        _taking({}, _ollama),
        server="Ollama",
        model="qwen3:8b",
        pages=_listed({"id": "qwen3:8b", "owned_by": "library"})
        | {
            "/api/version": Answer(body={"version": "0.33.0"}),
            "/api/ps": Answer(body={"models": [{"name": "qwen3:8b", "context_length": 32768}]}),
        },
    ),
    "ollama-cloud": Face(
        "server",
        "Ollama cloud: the schema is ignored, the JSON stands in prose",
        _taking({}, _ollama_cloud),
        server="Ollama",
        model="gpt-oss:120b-cloud",
        pages=_listed({"id": "gpt-oss:120b-cloud", "owned_by": "library"})
        | {
            "/api/version": Answer(body={"version": "0.33.0"}),
            "/api/ps": Answer(body={"models": []}),
        },
    ),
    "vllm": Face(
        "server",
        "vLLM: takes a schema",
        _ok,
        server="vLLM",
        pages=_listed({"id": "mock-1", "owned_by": "vllm", "max_model_len": 32768})
        | {"/version": Answer(body={"version": "0.33.0"})},
    ),
    "sglang": Face(
        "server",
        "SGLang: flat errors, its queue full once; imitates Ollama's /api/tags",
        _sglang,
        server="SGLang",
        pages=_listed({"id": "mock-1", "owned_by": "sglang", "max_model_len": 32768})
        | {
            "/server_info": Answer(
                body={"model_path": "mock-1", "tp_size": 1, "version": "0.5.23"}
            ),
            "/api/tags": Answer(body={"models": []}),
        },
    ),
    "llama.cpp": Face(
        "server",
        "llama.cpp's own server: takes a schema",
        _ok,
        server="llama.cpp",
        pages=_listed({"id": "mock-1", "owned_by": "llamacpp", "meta": {"n_ctx": 16384}})
        | {
            "/props": Answer(
                body={"build_info": "b7786", "default_generation_settings": {"n_ctx": 16384}}
            )
        },
    ),
    "llama-cpp-python": Face(
        "server",
        "llama-cpp-python: 500 for json_schema, takes a schema beside json_object",
        _taking({SCHEMA: error(500, _LITERAL, type="internal_server_error")}),
        output_mode=NATIVE,
        pages=_listed({"id": "mock-1", "owned_by": "me"}),
    ),
    "lm-studio": Face(
        "server",
        "LM Studio: the JSON stands in reasoning_content; json_object is refused",
        _taking({OBJECT: _NOT_OBJECT}, _lm_studio),
        server="LM Studio",
        degraded=True,
        pages=_Everywhere(
            Answer(body={"error": "Unexpected endpoint or method. (GET)"}),
            **_listed({"id": "mock-1", "owned_by": "organization_owner"}),
            **{
                "/api/v0/models": Answer(
                    body={
                        "object": "list",
                        "data": [
                            {"id": "mock-1", "state": "loaded", "loaded_context_length": 16384}
                        ],
                    }
                )
            },
        ),
    ),
    "tgi": Face(
        "server",
        "TGI: 422 for OpenAI's form, takes its own; finish_reason eos_token",
        _taking({SCHEMA: Answer(422, _VALUE, {"content-type": "text/plain"})}, _tgi),
        output_mode=NATIVE,
        server="TGI",
        model="HuggingFaceTB/SmolLM2",
        pages=_listed({"id": "HuggingFaceTB/SmolLM2", "owned_by": "HuggingFaceTB/SmolLM2"})
        | {
            "/info": Answer(
                body={
                    "model_id": "HuggingFaceTB/SmolLM2",
                    "max_total_tokens": 8192,
                    "version": "3.3.7",
                }
            )
        },
    ),
    "mistral": Face(
        "server",
        "Mistral: 422 for fields it does not know; content in thinking and text parts",
        _mistral,
        model="magistral-medium-latest",
        settings="[endpoints.weather.sampling]\nseed = 7\n",
        adapted=("seed sent as random_seed",),
        pages=_listed({"id": "magistral-medium-latest", "owned_by": "mistralai"}),
    ),
    "openai-reasoning": Face(
        "server",
        "an OpenAI reasoning model: wants max_completion_tokens, takes no temperature",
        _reasoning_model,
        adapted=("without temperature", "max_tokens sent as max_completion_tokens"),
        pages=_listed({"id": "mock-1", "owned_by": "system"}),
    ),
    "fixed-temperature": Face(
        "server",
        "a model that takes no temperature, and says so in words of its own",
        _fixed_temperature,
        adapted=("without temperature",),
    ),
    "openrouter": Face(
        "server",
        "OpenRouter, a provider with json_object only; blanks before the body",
        _openrouter,
        output_mode=OBJECT,
        model="some/model",
        settings='preset = "openrouter"\n',
        key_env="OPENROUTER_API_KEY",
        pages=_listed(
            {"id": "some/model", "supported_parameters": ["max_tokens", "response_format"]}
        ),
    ),
    "no-system": Face(
        "server",
        "a chat template without a system role",
        _no_system,
        server="vLLM",
        adapted=("system merged into user",),
        pages=_listed({"id": "mock-1", "owned_by": "vllm"})
        | {"/version": Answer(body={"version": "0.33.0"})},
    ),
    "tools-only": Face(
        "server",
        "knows no response_format, but tools",
        _taking({SCHEMA: _NO_FORMAT, OBJECT: _NO_FORMAT}),
        output_mode=TOOL,
    ),
    "object-only": Face(
        "server",
        "knows json_object, no schema and no tools",
        _taking({SCHEMA: _NO_SCHEMA, TOOL: _NO_TOOLS}),
        output_mode=OBJECT,
    ),
    "nothing": Face(
        "server",
        "knows no form of structured output",
        _taking({SCHEMA: _NO_FORMAT, TOOL: _NO_TOOLS, OBJECT: _NO_FORMAT}),
        output_mode=NONE,
    ),
}


def main() -> None:
    """List the faces, or serve one until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.weather", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(WEATHER), metavar="NAME")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="for the face 'mixed'")
    given = parser.parse_args()
    if given.name is None:
        for name, face in WEATHER.items():
            print(f"{name:18} {face.kind:14} {face.description}")
        return
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    face = WEATHER[given.name]
    with serve(face, given.port, given.seed) as (base_url, _mock):
        if face.key_env:
            print(f"# export {face.key_env}=anything-at-all")
        print(f"# {face.description}\n# base_url: {base_url}\n{face.toml(base_url)}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
