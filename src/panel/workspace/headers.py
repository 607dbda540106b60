"""Headers that panel.toml adds to an endpoint's requests: what may stand in them, and where."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

# What a request's own framing and body decide, or what is between two machines only (RFC 9110,
# section 7.6.1).
_NOT_OURS = {
    *("connection", "content-encoding", "content-length", "content-type", "expect", "keep-alive"),
    *("accept-encoding", "te", "trailer", "transfer-encoding", "upgrade"),
}
_SECRET_WORDS = {
    *("apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "jwt"),
    *("key", "password", "secret", "signature", "token"),
}
_SECRET_VALUE = re.compile(r"(?i)\s*(bearer|basic|token)\s|\s*sk-")


def _name(text: str) -> str:
    # The text is not shown: it may be a secret on the wrong side.
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", text):
        raise ValueError("is not the name of a header. Write one such as X-Tenant.")
    if text.lower() in _NOT_OURS or text.lower().startswith("proxy-"):
        raise ValueError("is a header that the program or the connection sets. Remove it.")
    return text


def _value(text: object) -> object:
    if isinstance(text, str) and not is_header_value(text):
        raise ValueError("holds what no header can carry, such as an accent. Write plain letters.")
    return text


def is_header_value(text: str) -> bool:
    """Whether a header can carry a text: printable ASCII, on one line."""
    return text.isascii() and text.isprintable()


def holds_secret(name: str, value: object) -> bool:
    """Whether a header is one that holds a secret, by its name or by how its value begins."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return bool(words & _SECRET_WORDS) or bool(
        isinstance(value, str) and _SECRET_VALUE.match(value)
    )


HeaderName = Annotated[str, AfterValidator(_name)]
HeaderValue = Annotated[str, StringConstraints(max_length=4000), BeforeValidator(_value)]
