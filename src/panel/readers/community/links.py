"""Links in mails: to confirm, to unsubscribe, and to the site."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from panel.errors import UsageError

VARIABLE = "PANEL_BASE_URL"
_PLAIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


def parse_base_url(text: str) -> str:
    """Return the address of the site's home page without its last slash; raises UsageError."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port  # a port out of range raises ValueError
    except ValueError:
        host = None
    if not host or not _PLAIN.fullmatch(text):
        raise UsageError(
            f"{text!r} is not the address of a site's home page. Write it like https://example.org."
        )
    return text.rstrip("/")


def confirm_link(base_url: str, token: str) -> str:
    """Return the address of the page that asks whether to subscribe."""
    return f"{base_url}/confirm?token={token}"


def leave_link(base_url: str, token: str) -> str:
    """Return the address of the unsubscribe page; a POST to it unsubscribes at once."""
    return f"{base_url}/unsubscribe?token={token}"
