"""Reads the body of an answer as JSON, as leniently as its meaning allows.

An answer is paid for: a byte order mark, another encoding, half a surrogate pair, a line break
inside a string or bytes behind the end are no reason to throw it away. What is read can be
stored: NUL and halves of surrogate pairs become U+FFFD.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_core import from_json

from panel.endpoint.event_stream import events_of, is_chunk, joined, looks_like_events
from panel.text import clean_text
from panel.workspace.lenient_json import decoder


def decoded(body: bytes) -> str:
    """Return a body as text: UTF-8 or, by its first bytes, UTF-16 or UTF-32.

    What is not in the encoding becomes U+FFFD.
    """
    return body.decode(json.detect_encoding(body), "replace")


def read_body(body: bytes) -> Any:
    """Return a body's JSON value, an event stream as the one answer it adds up to; else None."""
    try:
        value = from_json(body, allow_inf_nan=True)
    except ValueError:
        value = read_text(decoded(body))
    if value is None or is_chunk(value):
        text = decoded(body)
        if is_chunk(value) or looks_like_events(text):
            return joined(events_of(text, read_text))
    return value


# What may stand before an object: marks of order and blanks, comments that keep a connection
# alive, and the line that keeps a script from running JSON.
_BEFORE = re.compile(r"(?:[\ufeff\0\s]+|:[^\n]*\n|\)\]\}'?,?)*")


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
