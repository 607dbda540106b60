"""Content hashes: one canonical form, one tagged digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

DIGEST_BYTES = 16


def canonical_json(value: Any) -> str:
    """Serialise with sorted keys and no spaces, so that equal values give equal text.

    Only JSON types are accepted (TypeError otherwise). Floats that JSON cannot
    write (NaN, infinity) raise ValueError.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def text_hash(text: str) -> str:
    """Return the blake2b-128 of a text as 32 hex digits (no tag)."""
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES
    ).hexdigest()


def content_hash(value: Any) -> str:
    """Return ``b2:`` + blake2b-128 of the canonical JSON; the tag names the method."""
    return "b2:" + text_hash(canonical_json(value))


def list_hash(items: Iterable[str]) -> str:
    """Return the ``content_hash`` of a list whose items are canonical JSON already.

    An item may be several of them, with commas between.
    """
    return "b2:" + text_hash(f"[{','.join(items)}]")
