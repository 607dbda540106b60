"""Serves the published pages: the files of one folder and nothing outside it."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panel.errors import UsageError
from panel.readers.serve.files import FileAnswer, OpenFile
from panel.readers.serve.guard import POLICY, content_policy
from panel.workspace.plain_files import open_plain, refuse_link_on_the_way

# The files of a site. Anything else in the folder is not meant for readers.
TEXTS = frozenset({".html", ".xml", ".json", ".txt", ".webmanifest"})
FILES = frozenset({".css", ".js", ".map", ".pdf", ".csv", ".woff", ".woff2"})
IMAGES = frozenset({".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico"})
ENDINGS = TEXTS | FILES | IMAGES
TYPES = {".webp": "image/webp", ".woff2": "font/woff2"}  # which not every system knows
MOST_PAGES = 10_000  # whose styles are remembered
HEAD = 4096  # bytes of a page in which it says that it leads on
# The page of an old address, as panel.site writes it: it leads to another page of the same site.
_MOVED = re.compile(
    rb'<!doctype html>\s*<html lang="en">\s*<head>\s*<meta charset="utf-8">\s*'
    rb'<meta http-equiv="refresh" content="0; url=((?:\.\./)*[\w%.~-]+(?:/[\w%.~-]+)*)">'
)
_STYLE = re.compile(rb"<style(?:\s[^<>]*)?>(.*?)(?:</style\s*>|\Z)", re.DOTALL | re.IGNORECASE)


class SiteFiles:
    """Files with known endings: no hidden files, no listings, nothing outside the folder."""

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)
        self._seen: dict[tuple[int, int, int], _Seen] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        answer = await run_in_threadpool(self._answer, scope["path"])
        await answer(scope, receive, send)

    def _answer(self, path: str) -> Response:
        opened = self._open(path)
        if opened is not None:
            return self._file(opened)
        if not path.endswith("/"):
            index = self._open(path + "/")
            if index is not None:
                index.file.close()
                # Relative, so that it works behind a proxy; one slash: it never names a host.
                return Response(status_code=307, headers={"Location": quote(path) + "/"})
        missing = self._open("/404.html")
        if missing is None:
            raise HTTPException(404)
        return self._file(missing, 404)

    def _open(self, path: str) -> OpenFile | None:
        """Open the file that a path leads to; None for one that is not there or not for readers."""
        names = path.removeprefix("/").split("/")
        if names[-1] == "":
            names[-1] = "index.html"
        if any(name == "" or name.startswith(".") or "\\" in name for name in names):
            return None
        try:
            found = os.path.realpath(os.path.join(self._root, *names), strict=True)  # noqa: PTH118
            inside = Path(found).relative_to(self._root)
            if inside.suffix.lower() not in ENDINGS or any(p.startswith(".") for p in inside.parts):
                return None
            return OpenFile.of(found)
        # Outside of the folder, or no name of a file: too long, a zero byte, links in a circle.
        except (ValueError, OSError):
            return None

    def _file(self, opened: OpenFile, status: int = 200) -> Response:
        """Answer with a file, and headers that say how long it may be cached."""
        name = str(opened.file.name)
        ending = Path(name).suffix.lower()
        lasting = ending in FILES | IMAGES and status == 200
        headers = {"Cache-Control": "public, max-age=3600" if lasting else "no-cache"}
        if ending == ".html":
            seen = self._look(opened)
            if seen.moved and status == 200:
                opened.file.close()
                # Relative, as above. A name may come back, so a browser must not keep it.
                return Response(status_code=301, headers=headers | {"Location": seen.moved})
            headers[POLICY] = content_policy(*seen.styles)
        if ending in IMAGES:
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        media_type = (
            TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        )
        return FileAnswer(opened, media_type, headers, status)

    def _look(self, opened: OpenFile) -> _Seen:
        """Return what the headers of a page say of it, read from the very file that is sent."""
        found = self._seen.get(opened.key)
        if found is None:
            content = opened.file.read()
            styles = _STYLE.findall(content)[:10]
            digests = {hashlib.sha256(style.replace(b"\r\n", b"\n")).digest() for style in styles}
            hashes = sorted("sha256-" + base64.b64encode(each).decode() for each in digests)
            moved = _MOVED.match(content)
            found = _Seen(tuple(hashes), moved[1].decode("ascii", "ignore") if moved else "")
            if len(self._seen) >= MOST_PAGES:
                self._seen.clear()
            self._seen[opened.key] = found
        return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is remembered of a page.

    styles: the CSP hashes of its own <style> elements, at most ten; no other inline style is
    allowed. moved: the address that it leads to, "" for a page that stays.
    """

    styles: tuple[str, ...]
    moved: str


def leads_on(file: Path) -> bool:
    """Whether a page is that of an old address; one that has just gone is none either."""
    try:
        with open_plain(file) as page:
            return _MOVED.match(page.read(HEAD)) is not None
    except OSError:
        return True


def check_folder(folder: Path) -> None:
    """Raise UsageError unless the folder may be a published site; a workspace may not.

    Raises WorkspaceError for a link of a repository, which would show everybody another folder.
    """
    refuse_link_on_the_way(folder)
    if not folder.is_dir():
        made = f"panel publish {shlex.quote(str(folder))}"
        raise UsageError(f"{folder} is not a folder. Make the site first: {made}")
    for name in ("panel.toml", "community", ".git"):
        if (folder / name).exists():
            raise UsageError(
                f"{folder} holds {name}, so it must not be made public. Publish into a folder "
                "of its own: panel publish OUT"
            )
