"""Reads the body of an answer as JSON, as leniently as its meaning allows.

An answer is paid for: a byte order mark, another encoding, half a surrogate pair, a line break
inside a string or bytes behind the end are no reason to throw it away. What is read can be
stored: NUL and halves of surrogate pairs become U+FFFD.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import from_json

from panel.cells.packed import zstd_module
from panel.endpoint.event_stream import ENDED, Event, events_of, is_chunk, joined, looks_like_events
from panel.text import clean_text
from panel.workspace.lenient_json import decoder

BODY_BYTES = 32 * 2**20  # of an answer, unpacked; a verdict has some 3 KiB, 6 MiB with its tokens
LONG_BYTES = 2**18  # of a body that is read in a thread of its own, so that others can go on

T = TypeVar("T")


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do work on a body of this size, a long one without holding up the event loop."""
    return await asyncio.to_thread(work) if size > LONG_BYTES else work()


class BodyTooLong(ValueError):  # noqa: N818 - it names the body, not the fault
    """A body of more bytes than it may have."""

    def __init__(self, most: int = BODY_BYTES) -> None:
        self.most = most
        super().__init__(most)


# What a request may ask for, and no more: httpx2 adds whatever else is installed.
PACKINGS = "gzip, deflate"


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body without its gzip, zlib or zstd packing, which its first bytes tell.

    encoding: the Content-Encoding. It is believed only of deflate without a head: some gateways
    unpack a body and leave the name, or pack it and give none. Of a body that was cut short, what
    there is is returned. Raises BodyTooLong.
    """
    for _ in range(_LAYERS):
        if not _is_packed(body, encoding):
            break
        whole = b""
        try:
            for _member in range(_MEMBERS):
                part = _unpacker(body)
                whole += part.decompress(body, BODY_BYTES + 1 - len(whole))
                if len(whole) > BODY_BYTES:
                    raise BodyTooLong
                body = part.unused_data
                if not body.startswith((_GZIP, _ZSTD)):
                    break
        except BodyTooLong:
            raise
        except Exception:
            return whole or body
        body, encoding = whole, ""
    return body


_LAYERS = 3  # a gateway may pack what its server has packed
_MEMBERS = 1000  # of one body
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def _is_packed(body: bytes, encoding: str) -> bool:
    """Whether a body is packed, as no JSON looks."""
    if body.startswith((_GZIP, _ZSTD)) or _is_zlib(body):
        return True
    return encoding.strip().lower() == "deflate" and body[:1].strip()[:1] not in b'{["<'


def _is_zlib(body: bytes) -> bool:
    return body[:1] == b"\x78" and int.from_bytes(body[:2]) % 31 == 0


def _unpacker(body: bytes) -> Any:
    if body.startswith(_ZSTD):
        return zstd_module().ZstdDecompressor()
    headed = body.startswith(_GZIP) or _is_zlib(body)
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if headed else -zlib.MAX_WBITS)


def decoded(body: bytes) -> str:
    """Return a body as text: UTF-8 or, by its first bytes, UTF-16 or UTF-32.

    What is not in the encoding becomes U+FFFD.
    """
    return body.decode(json.detect_encoding(body), "replace")


# Of a whole number; read_text makes a float of one, since nothing can be reckoned with it.
_LONG_NUMBER = re.compile(rb"(?<![.\d])\d{20}")


def read_body(body: bytes) -> Any:
    """Return a body's JSON value, an event stream as the one answer it adds up to; else None."""
    value, events = read_parts(body)
    return value if events is None else joined(events)


def read_parts(body: bytes) -> tuple[Any, list[Event | str] | None]:
    """Return a body's JSON value, None for none; and the events of one that is a stream of them."""
    try:
        value = None if _LONG_NUMBER.search(body) else from_json(body, allow_inf_nan=True)
    except ValueError:
        value = None
    text = decoded(body) if value is None or is_chunk(value) else ""
    if value is None:
        value = read_text(text)
    if is_chunk(value) or (value is None and looks_like_events(text)):
        return None, list(events_of(text, read_text))
    return value, None


def whole_value(body: bytes) -> Any:
    """Return the value of a body that lacks nothing, else None.

    Its JSON is closed, or its stream has told its end.
    """
    value = read_body(body)
    error = value.get("error") if isinstance(value, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    whole = isinstance(value, dict | list | str) and not str(said).startswith(ENDED)
    return value if whole else None


# What may stand before an object: marks of order and blanks, with a width or without, comments
# that keep a connection alive, and the line that keeps a script from running JSON.
_BEFORE = re.compile(r"(?:[\ufeff\ufffd\u200b-\u200f\u2060\0\s]+|:[^\n]*\n|\)\]\}'?,?)*")


def read_text(text: str) -> Any:
    """Return the JSON value that a text holds, and an object whatever follows it; else None."""
    start = _BEFORE.match(text)
    text = text[start.end() if start else 0 :].rstrip("\0 \t\r\n")
    try:
        value, end = decoder.raw_decode(text)
        return _storable(value) if end == len(text) or isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(name): _storable(item) for name, item in value.items()}
    return value
