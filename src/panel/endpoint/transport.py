"""Carries one endpoint's requests: by which way, and trusting whom.

aiohttp underneath: httpx's own pool starves at a few hundred requests in flight. What the
environment says is read here: HTTPS_PROXY and its kin (proxies.py), SSL_CERT_FILE and its kin.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import aiohttp
import httpx2
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from panel.endpoint.bodies import BODY_BYTES, BodyTooLong, aside, unpacked, whole_value
from panel.endpoint.proxies import Proxy, proxy_for
from panel.errors import EndpointError

CONNECT_SECONDS = 10.0
QUIET_SECONDS = 1.0  # after which a body that is whole has ended, though the connection has not
HELLO_SECONDS = 1.0  # for the question whether a port speaks TLS
HEADER_BYTES = 256 * 1024  # of one line of a response's head; curl reads 100 KiB
HEADERS = 2_000  # lines of a response's head
# Files and folders of trusted authorities, as OpenSSL, requests and curl are told of them. The
# first one that is set counts, but OpenSSL takes both of its own.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Route:
    """The way to an endpoint: its address, the proxy before it, whom to trust.

    trust: None for plain http, which needs none.
    """

    address: SplitResult
    proxy: Proxy | None
    trust: ssl.SSLContext | None

    @property
    def host(self) -> str:
        """Return host and port, as in the address."""
        return self.address.netloc


def route_to(address: SplitResult) -> Route:
    """Return the way that the environment names; raises EndpointError where it names none."""
    proxy = proxy_for(address)
    encrypted = address.scheme == "https" or (proxy and proxy.address.startswith("https:"))
    return Route(address, proxy, _trust() if encrypted else None)


def _trust() -> ssl.SSLContext:
    named = [name for name in CERTIFICATES if os.environ.get(name)]
    if not named:
        return httpx2.create_ssl_context(trust_env=False)  # the system's
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in [name for name in named if name.startswith("SSL_")] or named[:1]:
        try:
            _load(trust, os.environ[name])
        except OSError as error:
            # A file that holds no certificate is an ssl.SSLError, whose words say less.
            why = "it holds none" if isinstance(error, ssl.SSLError) else error.strerror
            raise EndpointError(
                f"the certificates in {os.environ[name]} ({name}) cannot be used: {why}. Correct "
                "or unset the variable."
            ) from None
    return trust


def _load(trust: ssl.SSLContext, path: str) -> None:
    """Trust a file, or OpenSSL's kind of folders, apart by ':'; OpenSSL itself misses none."""
    folders = [folder for folder in path.split(os.pathsep) if Path(folder).is_dir()]
    if folders:
        trust.load_verify_locations(capath=os.pathsep.join(folders))
    else:
        trust.load_verify_locations(cafile=path)


class Like:
    """How a request is made, but for its body: method, address, headers. Read from one request."""

    def __init__(self, request: httpx2.Request) -> None:
        self.method = request.method
        self.url = URL(str(request.url), encoded=True)
        headers = request.headers.multi_items()
        sized = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
        self.headers: CIMultiDict[str] = CIMultiDict(sized)


_OF_THE_BODY = ("content-length", "transfer-encoding")
NO_HEADERS: dict[str, str] = {}
Content = bytes | aiohttp.FormData
ReadBody = Callable[[aiohttp.ClientResponse], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, whole: status, reason, header lines (names in small letters), unpacked body."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, response: httpx2.Response) -> Received:
        """Return what the openai client, or httpx2, gives back."""
        lines = header_lines(response.headers.raw)
        return cls(response.status_code, response.reason_phrase, lines, response.content)


def header_lines(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return header lines as text; several of one name are joined by commas."""
    lines: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name = name_bytes.decode("latin-1").lower()
        try:
            value = value_bytes.decode()
        except UnicodeDecodeError:
            value = value_bytes.decode("latin-1")
        lines[name] = f"{lines[name]}, {value}" if name in lines else value
    return lines


class Transport(httpx2.AsyncBaseTransport):
    """Sends requests by one route; raises what ``transport_fault`` reads: aiohttp's errors."""

    def __init__(self, route: Route, connections: int) -> None:
        self._route, self._connections = route, connections
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request of the openai client and read the whole answer, unpacked."""
        like = Like(request)
        answer, body = await self._sent(like, await request.aread(), read_whole)
        # httpx2 would send a cookie to every page of the host from then on.
        left = (b"content-encoding", b"content-length", b"set-cookie")
        return httpx2.Response(
            answer.status,
            headers=[line for line in answer.raw_headers if line[0].lower() not in left],
            stream=httpx2.ByteStream(body),
            request=request,
        )

    async def send(self, like: Like, content: Content, read: ReadBody | None = None) -> Received:
        """Send a request like one that was sent before, with another body.

        read: reads the body of the answer, which is kept whole in memory otherwise.
        """
        answer, body = await self._sent(like, content, read or read_whole)
        return Received(answer.status, answer.reason or "", header_lines(answer.raw_headers), body)

    async def _sent(
        self, like: Like, content: Content, read: ReadBody
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        proxy, headers, proof = self._route.proxy, like.headers, NO_HEADERS
        if proxy and proxy.authorization:
            proof = {"Proxy-Authorization": proxy.authorization}
            if self._route.address.scheme == "http":  # the proxy reads this request itself
                headers = CIMultiDict([*headers.items(), *proof.items()])
        async with self._opened().request(
            like.method,
            like.url,
            headers=headers,
            data=content or None,
            allow_redirects=False,
            proxy=proxy.address if proxy else None,
            proxy_headers=proof,
        ) as answer:
            return answer, await read(answer)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:  # only now: it wants a running loop
            self._session = aiohttp.ClientSession(
                connector=_Connector(
                    limit=self._connections, keepalive_timeout=5.0, ssl=self._route.trust or True
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=HEADER_BYTES,
                max_field_size=HEADER_BYTES,
                max_headers=HEADERS,
            )
        return self._session

    async def wants_tls(self) -> bool:
        """Whether the server that did not answer plain HTTP takes a TLS handshake instead."""
        if self._route.address.scheme != "http" or self._route.proxy is not None:
            return False
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # nothing is sent
        address = self._route.address
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                _, writer = await asyncio.open_connection(
                    address.hostname, address.port or 80, ssl=anyone
                )
        except OSError:  # and ssl.SSLError, TimeoutError
            return False
        writer.transport.abort()  # close() would wait for the server's goodbye, which may not come
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """Takes no connection again on which something came that nobody had asked for.

    It would be read as the next answer: some gateways send one twice.
    """

    async def connect(self, *request: Any, **more: Any) -> Connection:
        """Return a connection for a request."""
        connection = await super().connect(*request, **more)
        for _ in range(self.limit):
            for _turn in range(2):  # of the loop: what lies in the socket is read then
                await asyncio.sleep(0)
            if connection.protocol is None or not connection.protocol.should_close:
                break
            connection.close()
            connection = await super().connect(*request, **more)
        return connection


async def read_whole(answer: aiohttp.ClientResponse) -> bytes:
    """Read a body and unpack it; raises ClientPayloadError from BodyTooLong.

    What is whole by itself is not lost where its framing is broken, or its end never told: it has
    ended where nothing came for a while, or nothing but what keeps a connection alive.
    """
    body = _Body(answer.headers.get("content-encoding", ""))
    loop = asyncio.get_running_loop()
    patience, looked = QUIET_SECONDS, 0
    due = loop.time() + patience
    try:
        while True:
            quiet = False
            try:
                async with asyncio.timeout(patience if len(body.raw) > looked else None):
                    piece = await answer.content.readany()
            except TimeoutError:
                piece, quiet = b"", True
            except aiohttp.ClientError:
                if await body.ended(quiet=True):
                    break
                raise
            if not piece and not quiet:
                break
            body.raw += piece
            if len(body.raw) > BODY_BYTES:
                raise BodyTooLong
            if quiet or loop.time() >= due:
                if await body.ended(quiet):
                    break
                looked, patience = len(body.raw), 2 * patience
                due = loop.time() + patience
        return body.unpacked()
    except BodyTooLong as error:
        raise aiohttp.ClientPayloadError from error


class _Body:
    """A body while it comes. raw: its bytes so far."""

    def __init__(self, packing: str) -> None:
        self.raw = bytearray()
        self._packing = packing
        self._before: Any = None

    def unpacked(self) -> bytes:
        return unpacked(bytes(self.raw), self._packing)

    async def ended(self, quiet: bool) -> bool:
        """Whether it lacks nothing; unless it was quiet, nothing may have come to it, either."""
        now = await aside(len(self.raw), lambda: whole_value(self.unpacked()))
        before, self._before = self._before, now
        return now is not None and (quiet or now == before)
