"""Answers with one file that is open: length, tag and bytes are of the same one.

A site is published again while it is served, and a path then leads to another file from one
moment to the next. What is open stays what it was.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panel.readers.serve.guard import POLICY
from panel.workspace.plain_files import open_plain

CHUNK = 64 * 1024  # bytes
# A file may change again in the second it was written in, and a date would not tell.
SETTLED_SECONDS = 2.0
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)  # RFC 9110, 14.1.1


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open for reading, and what it is."""

    file: BinaryIO
    state: os.stat_result

    @classmethod
    def of(cls, path: str) -> OpenFile:
        """Open a file; raises OSError, IsADirectoryError for a folder."""
        file = open_plain(path)
        return cls(file, os.fstat(file.fileno()))

    @property
    def key(self) -> tuple[int, int, int]:
        """What is different once the content is."""
        return self.state.st_ino, self.state.st_mtime_ns, self.state.st_size

    @property
    def tag(self) -> str:
        """The file's ETag."""
        return '"' + "-".join(f"{each:x}" for each in self.key) + '"'

    @property
    def changed(self) -> str | None:
        """The time for Last-Modified; None while the file may change within the same second."""
        settled = self.state.st_mtime + SETTLED_SECONDS < time.time()
        return formatdate(self.state.st_mtime, usegmt=True) if settled else None


def has_tag(headers: Headers, tag: str) -> bool:
    """Whether If-None-Match names a tag (RFC 9110, 13.1.2)."""
    listed = ",".join(headers.getlist("if-none-match")).split(",")
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in listed)


def _unchanged(opened: OpenFile, headers: Headers) -> bool:
    if "if-none-match" in headers:
        return has_tag(headers, opened.tag)
    try:
        since = parsedate_to_datetime(headers["if-modified-since"]).timestamp()
    except (KeyError, ValueError, OverflowError):  # OverflowError: a year or a zone of many digits
        return False
    return opened.changed is not None and int(opened.state.st_mtime) <= since


class Unsatisfiable(ValueError):  # noqa: N818 - as HTTP calls it
    """A range that begins behind the end of the file."""


def wanted_range(headers: Headers, opened: OpenFile) -> tuple[int, int] | None:
    """Return begin and end of the one range asked for; None for the whole file.

    Several ranges, and what is no range of bytes, are answered with the whole file, as RFC 9110
    (14.2) allows; so is a range for a file that the client no longer has (If-Range). Raises
    Unsatisfiable.
    """
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if not found or headers.get("if-range", opened.tag) != opened.tag or found[1] + found[2] == "":
        return None
    size = opened.state.st_size
    if not found[1]:
        begin, end = max(0, size - int(found[2])), size
    else:
        begin, end = int(found[1]), min(size, int(found[2] or size) + 1)
        if found[2] and int(found[2]) < begin:
            return None
    if begin >= size:
        raise Unsatisfiable
    return begin, end


class FileAnswer(Response):
    """The answer with an open file, part of it, or word that it has not changed. Closes it."""

    def __init__(
        self, opened: OpenFile, media_type: str, headers: Mapping[str, str], status: int = 200
    ) -> None:
        self.opened = opened
        dated = {"Last-Modified": opened.changed} if opened.changed else {}
        tagged = {"ETag": opened.tag, "Accept-Ranges": "bytes"} if status == 200 else {}
        super().__init__(None, status, {**headers, **tagged, **dated}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        try:
            await self._send(scope, send)
        finally:
            self.opened.file.close()

    async def _send(self, scope: Scope, send: Send) -> None:
        begin, end = 0, self.opened.state.st_size
        try:
            if self.status_code == 200:
                begin, end = self._choose(Headers(scope=scope))
        except Unsatisfiable:
            self.status_code, begin = 416, end
            self.headers["content-range"] = f"bytes */{end}"
            self.headers["cache-control"] = "no-store"
        if self.status_code == 304:
            for name in ("content-length", "content-type", POLICY):  # the browser keeps the page's
                del self.headers[name]
            begin = end
        else:
            self.headers["content-length"] = str(end - begin)
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await self._send_bytes(begin, end, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _choose(self, headers: Headers) -> tuple[int, int]:
        """Return which bytes are sent, and set the status that says so; raises Unsatisfiable."""
        size = self.opened.state.st_size
        if _unchanged(self.opened, headers):
            self.status_code = 304
            return 0, size
        found = wanted_range(headers, self.opened)
        if found is None:
            return 0, size
        self.status_code = 206
        self.headers["content-range"] = f"bytes {found[0]}-{found[1] - 1}/{size}"
        return found

    async def _send_bytes(self, begin: int, end: int, send: Send) -> None:
        file = self.opened.file
        file.seek(begin)
        while begin < end:
            chunk = await run_in_threadpool(file.read, min(CHUNK, end - begin))
            if not chunk:  # cut off in place, which 'panel publish' never does
                raise OSError("a file became shorter while it was sent")
            begin += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
