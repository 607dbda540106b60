"""Sends and fetches files: requests below base_url whose bodies may be larger than memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import aiohttp
import httpx2
from pydantic_core import to_json

from panel.endpoint.bodies import BODY_BYTES, BodyTooLong
from panel.endpoint.client import Client
from panel.endpoint.responses import RawResponse
from panel.endpoint.transport import Content, Like, read_whole


@dataclass(frozen=True, slots=True)
class Load:
    """What a request carries, and brings.

    query: without its question mark. body: sent as JSON. form: sent as a form's fields; the value
    of one is a text, or a name and the open file that goes by it. into: where an answer of status
    200 is written, whose body is empty then. most: bytes that may be written. seconds: the least
    that all of it may take.
    """

    query: str = ""
    body: Any = None
    form: Mapping[str, Any] | None = None
    into: BinaryIO | None = None
    most: int = BODY_BYTES
    seconds: float = 0.0


NOTHING = Load()


class TransferClient(Client):
    """A client that also asks for what is not a completion."""

    async def transfer(self, method: str, path: str, load: Load = NOTHING) -> RawResponse:
        """Make one request below base_url, with the key. Never raises for a failure."""
        query = "&".join(part for part in (self._base.query, load.query) if part)
        address = self._base._replace(path=self._base.path.rstrip("/") + path, query=query).geturl()
        content, kind = _content(load)
        own = {"Accept": "*/*", "Accept-Encoding": "identity", "Content-Type": kind}
        asked = self._openai
        headers = httpx2.Headers()
        for part in (asked.default_headers, asked.auth_headers, self._options["headers"], own):
            for name, value in part.items():
                headers.pop(name, None)
                if isinstance(value, str) and value:  # the openai client marks what to leave out
                    headers[name] = value
        like = Like(httpx2.Request(method, address, headers=headers))

        async def read(answer: aiohttp.ClientResponse) -> bytes:
            if load.into is None or answer.status != 200:
                return await read_whole(answer)
            await _written(answer, load.into, load.most)
            return b""

        return await self._send(self._transport.send(like, content, read), at_least=load.seconds)

    def without_own_key(self, raw: bytes) -> bytes:
        """Return a line of results without the endpoint's secrets, which may stand in it."""
        return self._own_keys.without_in_line(raw)


def _content(load: Load) -> tuple[Content, str]:
    """Return a body and its type; a form says its own."""
    if load.body is not None:
        return to_json(load.body), "application/json"
    if load.form is None:
        return b"", ""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in load.form.items():
        if isinstance(value, str):
            form.add_field(name, value)
        else:
            called, file = value
            form.add_field(name, file, filename=called, content_type="application/jsonl")
    return form, ""


async def _written(answer: aiohttp.ClientResponse, into: BinaryIO, most: int) -> None:
    """Write a body to a file as it comes, unpacked though it was asked for plain."""
    packed = answer.headers.get("content-encoding", "").strip().lower() in ("gzip", "deflate")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
    left = most
    try:
        async for piece in answer.content.iter_any():
            plain = piece if inflater is None else inflater.decompress(piece, left + 1)
            left -= len(plain)
            if left < 0:
                raise aiohttp.ClientPayloadError from BodyTooLong(most)
            into.write(plain)
    except zlib.error as error:
        raise aiohttp.ClientPayloadError(str(error)) from error
    if inflater is not None and not inflater.eof:
        raise aiohttp.ClientPayloadError("the packing has no end")
