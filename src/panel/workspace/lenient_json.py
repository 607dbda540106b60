"""JSON as models and servers write it, read without losing what it means."""

from __future__ import annotations

import json
from typing import Any


class Repeating(dict[str, Any]):
    """An object that names a field twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else Repeating(mapping)


def _number(digits: str) -> int | float:
    """Read a very long number as a float: its type is refused then, not its digits by Python."""
    return int(digits) if len(digits) < 20 else float(digits)


# Control characters inside strings are accepted: small models write line breaks there.
decoder = json.JSONDecoder(strict=False, object_pairs_hook=_unique, parse_int=_number)
