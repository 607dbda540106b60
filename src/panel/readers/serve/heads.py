"""What is looked at of a request's head before h11 reads it, and answers without an application."""

from __future__ import annotations

import http
import re

LONGEST_HEAD = 16384  # bytes: request line, headers and the empty line
LONGEST_LINE = 8192  # bytes: the request line alone
MOST_HEADERS = 100
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_ENCODED = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)


def head_refusal(received: bytes) -> tuple[int, str] | None:
    """Return status and words for a head, whole or not yet, that is refused; else None.

    A body in chunks is refused before it is read: a chunk of one byte takes as much work as one
    of 16 KiB, and no browser sends any.
    """
    end = _END_OF_HEAD.search(received)
    head = received[: end.end()] if end else received
    if len(head.partition(b"\n")[0]) > LONGEST_LINE:
        return 414, f"The address is longer than {LONGEST_LINE} bytes."
    if len(head) > LONGEST_HEAD:
        return 431, f"The headers are longer than {LONGEST_HEAD} bytes."
    if head.count(b"\n") > MOST_HEADERS + 2:  # the request line and the empty line
        return 431, f"There are more than {MOST_HEADERS} headers."
    if _ENCODED.search(head):
        return 411, "Send a body with Content-Length, and without Transfer-Encoding."
    return None


def plain(status: int, words: str, more: str = "") -> bytes:
    """Return a whole answer, for when no request has been read that an application could answer."""
    body = f"{words}\n".encode()
    return (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        f"Cache-Control: no-store\r\n{more}Connection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
