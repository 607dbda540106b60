"""Reads the few fields that a form or a script sent; anything else is refused."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

MOST_FIELDS = 10


class BadForm(ValueError):  # noqa: N818 - named after what was sent
    """A body that is not a form: the message says why, ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


async def read_fields(request: Request, allowed: frozenset[str]) -> dict[str, str]:
    """Return the fields of a form (urlencoded) or a flat JSON object; raises BadForm."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()  # bounded by the guard
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadForm("The body is not UTF-8.") from None
    if kind == "application/json":
        pairs = _json_pairs(text)
    elif kind == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(
                text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
            )
        except ValueError:
            raise BadForm("The form cannot be read.") from None
    else:
        raise BadForm("Send a form or JSON.", 415)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm("A field is sent twice.")
    for name, value in fields.items():
        if name not in allowed:
            raise BadForm("The fields are: " + ", ".join(sorted(allowed)) + ".")
        if not isinstance(value, str) or any("\ud800" <= each <= "\udfff" for each in value):
            raise BadForm(f"The field {name} is not text.")
    return fields


def _json_pairs(text: str) -> list[tuple[str, Any]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise BadForm("The body is not JSON.") from None
    if not text.lstrip().startswith("{"):
        raise BadForm("The body is not a JSON object.")
    return list(pairs)


def own_path(text: str) -> str:
    """Return ``text`` if it is a path of this site, the home page for anything else."""
    if len(text) > 500 or not re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", text):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text
