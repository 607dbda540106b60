"""The preview pictures of links to the site (Open Graph): 1200 by 630 pixels, few colours.

A picture's name is the hash of what it shows, so one that exists is not drawn again, unless git
keeps it: then it may be somebody else's. Pillow draws them in the serif of the pages, so that every
machine draws the same. A comparison's picture is two halves side by side; each half is drawn once
for its tool. A tool whose name the font cannot set has the picture of the front page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from functools import partial
from typing import Any

from panel.hashing import content_hash
from panel.site.index import SiteIndex
from panel.site.pillow import available, loaded
from panel.site.preview import Preview, drawable, preview
from panel.site.publication import PublishedTool
from panel.site.render import OutputFile

DESIGN = 2  # version of the drawing; a new version gives every picture a new name
HALVES = 128  # kept at a time, 0.4 MB each: neighbours in the list of pairs share their tools


class Pictures:
    """The pictures of a site; none without Pillow or without the site's address."""

    def __init__(self, index: SiteIndex) -> None:
        self.index = index
        self.drawn = available() and index.site.base_url is not None
        self._halves: dict[str, Any] = {}
        self._previews: dict[str, Preview | None] = {}

    def front_path(self) -> str | None:
        """Return the file of the front page's picture."""
        return self._path(["front", self._title(), self._described()])

    def tool_path(self, published: PublishedTool) -> str | None:
        """Return the file of a tool's picture."""
        shown = self._preview(published)
        return self._path(["tool", self._title(), _record(shown)]) if shown else self.front_path()

    def pair_path(self, left: PublishedTool, right: PublishedTool) -> str | None:
        """Return the file of a comparison's picture."""
        shown = self._preview(left), self._preview(right)
        if shown[0] is None or shown[1] is None:
            return self.front_path()
        return self._path(["pair", self._title(), _record(shown[0]), _record(shown[1])])

    def _preview(self, published: PublishedTool) -> Preview | None:
        slug = published.tool.slug
        if slug not in self._previews:
            self._previews[slug] = preview(published.tool.name, published.card)
        return self._previews[slug]

    def _title(self) -> str:
        marked = self.index.publication.drafts or self.index.publication.demo
        return f"{drawable(self.index.site.title) or ''}{' · DRAFTS' if marked else ''}"

    def _described(self) -> str:
        return drawable(self.index.site.description) or ""

    def _path(self, shown: list[Any]) -> str | None:
        return f"og/{content_hash([DESIGN, *shown])[3:23]}.png" if self.drawn else None

    def output_files(self) -> Iterator[OutputFile]:
        """Yield every picture."""
        if not self.drawn:
            return
        yield self._file(self.front_path(), self._front)
        for published in self.index.by_name:
            shown = self._preview(published)
            if shown:
                yield self._file(self.tool_path(published), partial(self._tool, shown))
        for pair in self.index.pairs:
            path = self.pair_path(pair.left, pair.right)
            if path != self.front_path():
                yield self._file(path, partial(self._pair, pair.left, pair.right))

    def _file(self, path: str | None, make: Any) -> OutputFile:
        assert path is not None
        return OutputFile(path, make, named=True)

    def _front(self) -> bytes:
        made: bytes = loaded("drawing").front(self._title(), self._described())
        return made

    def _tool(self, shown: Preview) -> bytes:
        made: bytes = loaded("drawing").tool(self._title(), shown)
        return made

    def _pair(self, left: PublishedTool, right: PublishedTool) -> bytes:
        made: bytes = loaded("drawing").pair(self._title(), self._half(left), self._half(right))
        return made

    def _half(self, published: PublishedTool) -> Any:
        slug = published.tool.slug
        if slug not in self._halves:
            if len(self._halves) >= HALVES:
                self._halves.pop(next(iter(self._halves)))
            self._halves[slug] = loaded("drawing").half(self._preview(published))
        return self._halves[slug]


def _record(shown: Preview) -> list[Any]:
    return [*astuple(shown)]
