"""Serves the published pages: the files of one folder and nothing outside it."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from panel.errors import UsageError
from panel.readers.serve.guard import content_policy
from panel.workspace.tools import slugify

# The files of a site. Anything else in the folder is not meant for readers.
TEXTS = frozenset({".html", ".xml", ".json", ".txt", ".webmanifest"})
FILES = frozenset({".css", ".js", ".map", ".pdf", ".csv", ".woff", ".woff2"})
IMAGES = frozenset({".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico"})
ENDINGS = TEXTS | FILES | IMAGES
_STYLE = re.compile(rb"<style(?:\s[^>]*)?>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)


class SiteFiles(StaticFiles):
    """Static files with known endings: no hidden files, no listings, nothing outside the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)
        self._root = os.path.realpath(folder)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file by its path; files that are hidden or of another kind are not found."""
        try:
            found, state = super().lookup_path(path)
        except OSError:  # the name is too long, links form a circle, a folder is not readable
            return "", None
        if state is None:
            return "", None
        inside = Path(found).relative_to(self._root)
        if any(part.startswith(".") for part in inside.parts):
            return "", None
        if not Path(found).is_dir() and inside.suffix.lower() not in ENDINGS:
            return "", None
        return found, state

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, and headers that say how long it may be cached."""
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):
            # Relative, so that it works behind a proxy; one slash, so that it never names a host.
            response.headers["location"] = quote("/" + scope["path"].strip("/") + "/")
            return response
        ending = Path(path).suffix.lower()
        if isinstance(response, FileResponse):
            ending = Path(response.path).suffix.lower()
            state = response.stat_result
            if ending == ".html" and state is not None:
                hashes = await run_in_threadpool(
                    style_hashes, str(response.path), state.st_mtime_ns, state.st_size
                )
                response.headers["content-security-policy"] = content_policy(*hashes)
        if ending in IMAGES:
            response.headers["cross-origin-resource-policy"] = "cross-origin"
        lasting = ending in FILES | IMAGES
        response.headers["cache-control"] = "public, max-age=3600" if lasting else "no-cache"
        return response


@functools.lru_cache(maxsize=10_000)
def style_hashes(file: str, _changed_ns: int, _size: int) -> tuple[str, ...]:
    """Return the CSP hashes of a page's own <style> elements, at most ten.

    The hashes are of the published file, so no other inline style is allowed.
    """
    styles = _STYLE.findall(Path(file).read_bytes())[:10]
    digests = {hashlib.sha256(style.replace(b"\r\n", b"\n")).digest() for style in styles}
    return tuple(sorted("sha256-" + base64.b64encode(digest).decode() for digest in digests))


class Tools:
    """The tools that may be voted on: those with a page, and those given by slug."""

    def __init__(self, folder: Path, given: Collection[str] = ()) -> None:
        self._folder, self._given = folder / "tools", frozenset(given)

    def __contains__(self, slug: str) -> bool:
        """Whether there is such a tool. The folder is read each time: a site is published again."""
        if slug in self._given:
            return True
        if not slug or slugify(slug) != slug:
            return False
        files = (self._folder / slug / "index.html", self._folder / f"{slug}.html")
        return any(file.is_file() for file in files)


def check_folder(folder: Path) -> None:
    """Raise UsageError unless the folder may be a published site; a workspace may not."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Make the site first: panel publish {folder}")
    for name in ("panel.toml", "community", ".git"):
        if (folder / name).exists():
            raise UsageError(
                f"{folder} holds {name}, so it must not be made public. Publish into a folder "
                "of its own: panel publish OUT"
            )
