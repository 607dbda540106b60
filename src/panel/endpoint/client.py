"""Sends one request over HTTP, through the openai client, and returns all that came back."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import aiohttp
import httpx2
import openai
from pydantic_core import to_json

from panel.cells.cells import Cell
from panel.endpoint.bodies import PACKINGS, aside, decoded
from panel.endpoint.masking import mask_keys, mask_line
from panel.endpoint.own_keys import OwnKeys
from panel.endpoint.responses import RawResponse
from panel.endpoint.transport import Like, Received, Transport, route_to
from panel.endpoint.way_faults import transport_fault, way_fault
from panel.errors import EndpointError
from panel.workspace.endpoints import Endpoint

ERROR_BYTES = 2**20  # of an error that are kept, however long it is
NO_KEY = "none"  # the client insists on a key; local servers ignore it


def _last_of(path: str) -> str:
    return path.rpartition("/")[2]


def _changed(body: bytes, change: Callable[[str], str]) -> bytes:
    """Change a body as text, whatever its encoding; it is UTF-8 then."""
    text = decoded(body)
    changed = change(text)
    return body if changed == text else changed.encode()


class CompletionClient(Protocol):
    """What answers a request about a cell: an endpoint's client, or a recording."""

    async def complete(self, body: dict[str, Any], cell: Cell, /) -> RawResponse:
        """Answer one request. Never raises for a failure."""


class Client:
    """One endpoint's connection pool. Make one per endpoint and keep it.

    It never tries again: faults.py decides what to do after a failure. A server may repeat
    the key in its answer; the key is cut out of everything that is returned.
    """

    def __init__(self, base_url: str, key: str | None, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._base = urlsplit(base_url)
        self.host = self._base.hostname or ""
        self._deadline = endpoint.timeout_seconds
        self._tls_wanted: bool | None = None  # None until a first answer, or a failure, tells
        secret = endpoint.secret_headers()
        self._own_keys = OwnKeys((key, *secret.values()))
        self._route = route_to(self._base)
        named = [name for name in (endpoint.api_key_env, *endpoint.headers_env.values()) if name]
        if (key or secret) and self._route.proxy and self._base.scheme == "http":
            raise EndpointError(
                f"{self._route.proxy} could read what is in {' and '.join(named)}, since base_url "
                f"begins with http://. Use https://, or put {self.host} into NO_PROXY."
            )
        self._transport = Transport(self._route, connections=endpoint.concurrency + 8)
        self._http = httpx2.AsyncClient(
            headers={"Accept-Encoding": PACKINGS},
            transport=self._transport,
            timeout=None,
            follow_redirects=False,
            trust_env=False,
            event_hooks={"request": [self._remember]},
        )
        self._questions: dict[str, Like] = {}  # how the openai client asks, by the path's end
        nobody = {} if key else {"Authorization": openai.Omit()}
        self._keyless = not (key or secret)
        # Of each request below base_url; one that is named Authorization replaces the key.
        self._options: Any = {"headers": {**nobody, **endpoint.headers, **secret}}
        self._openai = openai.AsyncOpenAI(
            base_url=self._base._replace(path="", query="").geturl(),
            api_key=key or NO_KEY,
            max_retries=0,
            http_client=self._http,
        )
        if endpoint.preset != "openai":
            # The openai client reads OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS
            # by itself; no other server may be told them.
            self._openai.organization = self._openai.project = None
            self._openai._custom_headers = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def complete(self, body: dict[str, Any], _cell: Cell | None = None) -> RawResponse:
        """POST /chat/completions once, within a wall-clock deadline. Never raises for a failure."""
        return await self._send(self._post("/chat/completions", to_json(body)))

    async def decide(self, body: dict[str, Any]) -> RawResponse:
        """POST /decisions once, as ``complete`` does /chat/completions."""
        return await self._send(self._post("/decisions", to_json(body)))

    async def _post(self, path: str, content: bytes) -> Received:
        # The openai client makes the first request: address, key, headers. The others are like
        # it but for the body, and go straight to the transport, in a third of the time.
        like = self._questions.get(_last_of(path))
        if like is not None:
            return await self._transport.send(like, content)
        return Received.of(
            await self._openai.post(
                self._below(path), content=content, cast_to=httpx2.Response, options=self._options
            )
        )

    async def _remember(self, request: httpx2.Request) -> None:
        if request.method == "POST":
            self._questions[_last_of(request.url.path)] = Like(request)

    async def models(self, deadline: float | None = None) -> RawResponse:
        """GET /models once."""
        return await self.below("/models", deadline)

    async def below(self, path: str, deadline: float | None = None) -> RawResponse:
        """GET a path below base_url once, with the key."""
        return await self._send(self._get(self._below(path)), deadline)

    async def page(
        self, path: str, deadline: float, body: dict[str, Any] | None = None
    ) -> RawResponse:
        """GET a path of the same host once, outside base_url, such as /api/version; POST a body.

        Who answers there may be somebody else than below base_url: neither the key nor any
        header of the endpoint is sent, unless this program serves the model itself.
        """
        address = self._base._replace(path=path, query="").geturl()
        if body is not None:
            return await self._send(self._posted_to(address, body), deadline)
        return await self._send(self._get(address, self.endpoint.embedded), deadline)

    async def _posted_to(self, address: str, body: dict[str, Any]) -> Received:
        return Received.of(await self._http.post(address, json=body))

    async def _get(self, address: str, own: bool = True) -> Received:
        if not own:
            return Received.of(await self._http.get(address))
        got = self._openai.get(address, cast_to=httpx2.Response, options=self._options)
        return Received.of(await got)

    def _below(self, path: str) -> str:
        return self._base._replace(path=self._base.path.rstrip("/") + path).geturl()

    async def _send(
        self,
        request: Coroutine[Any, Any, Received],
        deadline: float | None = None,
        at_least: float = 0.0,
    ) -> RawResponse:
        started = time.perf_counter()
        deadline = max(at_least, min(deadline or self._deadline, self._deadline))
        try:
            async with asyncio.timeout(deadline):
                answer = await request
        except openai.APIStatusError as error:
            answer = Received.of(error.response)
        except (TimeoutError, openai.APIError, httpx2.HTTPError, aiohttp.ClientError) as error:
            seconds = time.perf_counter() - started
            kind, detail = transport_fault(error, deadline, self._route)
            if self._tls_wanted is None:
                self._tls_wanted = kind == "dropped" and await self._transport.wants_tls()
            if self._tls_wanted:
                kind, detail = "tls_wanted", f"{self._route.host} speaks TLS, and not plain HTTP"
            return RawResponse(seconds, transport_fault=(kind, self._masked(detail)))
        self._tls_wanted = False
        seconds = time.perf_counter() - started
        if (fault := way_fault(answer, self._route)) is not None:
            return RawResponse(seconds, transport_fault=fault)
        return await aside(len(answer.body), partial(self._read, answer, seconds))

    def _read(self, answer: Received, seconds: float) -> RawResponse:
        """Read an answer, and return it without keys."""
        headers = self._without_keys(answer.headers)
        response = RawResponse(seconds, answer.status, headers, answer.body, keyless=self._keyless)
        if response.completion() is None and answer.status not in range(200, 300):
            response = response.with_body(answer.body[:ERROR_BYTES])
        response = self._own_keys.without(response)
        if response.completion() is None:  # an error's words; a reply is the model's, and data
            response = response.with_body(_changed(response.body, mask_keys))
        response.json()  # here and not where it would hold others up
        return response

    def _without_keys(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers without keys, and without what a redirect's address may hold."""
        lines = {name: mask_line(self._own_keys.cut(value)) for name, value in headers.items()}
        if "location" in lines:
            lines["location"] = re.sub(r"(?<=//)[^/?#]*@|[?#].*", "", lines["location"])
        return lines

    def _masked(self, text: str) -> str:
        return mask_keys(self._own_keys.cut(text))
