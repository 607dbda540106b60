"""The preview pictures of links to the site (Open Graph): 1200 by 630 pixels, few colours.

A picture's name is the hash of what it shows, so a picture that exists is never drawn again.
Pillow draws them with the font it carries, so that every machine draws the same. A
comparison's picture is two halves side by side; each half is drawn once for its tool.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from panel.hashing import content_hash
from panel.site.formats import outcome
from panel.site.index import SiteIndex
from panel.site.publication import PublishedTool
from panel.site.render import OutputFile
from panel.text import clean

DESIGN = 1  # version of the drawing; a new version gives every picture a new name
SHOWN = 6  # verdicts in a row
HALVES = 128  # kept at a time, 0.4 MB each: neighbours in the list of pairs share their tools


class Pictures:
    """The pictures of a site; none without Pillow or without the site's address."""

    def __init__(self, index: SiteIndex) -> None:
        self.index = index
        self.drawn = available() and index.site.base_url is not None
        self._halves: dict[str, Any] = {}

    def front_path(self) -> str | None:
        """Return the file of the front page's picture."""
        return self._path(["front", self._title(), self.index.site.description])

    def tool_path(self, published: PublishedTool) -> str | None:
        """Return the file of a tool's picture."""
        return self._path(["tool", self._title(), _shown(published)])

    def pair_path(self, left: PublishedTool, right: PublishedTool) -> str | None:
        """Return the file of a comparison's picture."""
        return self._path(["pair", self._title(), _shown(left), _shown(right)])

    def _title(self) -> str:
        marked = self.index.publication.drafts or self.index.publication.demo
        return f"{clean(self.index.site.title)}{' · DRAFTS' if marked else ''}"

    def _path(self, shown: list[Any]) -> str | None:
        return f"og/{content_hash([DESIGN, *shown])[3:23]}.png" if self.drawn else None

    def output_files(self) -> Iterator[OutputFile]:
        """Yield every picture."""
        if not self.drawn:
            return
        title = self._title()
        yield self._file(self.front_path(), partial(self._front, title))
        for published in self.index.by_name:
            yield self._file(self.tool_path(published), partial(self._tool, title, published))
        for pair in self.index.pairs:
            path = self.pair_path(pair.left, pair.right)
            yield self._file(path, partial(self._pair, title, pair.left, pair.right))

    def _file(self, path: str | None, make: Any) -> OutputFile:
        assert path is not None
        return OutputFile(path, make, named=True)

    def _front(self, title: str) -> bytes:
        made: bytes = _drawing().front(title, self.index.site.description)
        return made

    def _tool(self, title: str, published: PublishedTool) -> bytes:
        made: bytes = _drawing().tool(title, published)
        return made

    def _pair(self, title: str, left: PublishedTool, right: PublishedTool) -> bytes:
        made: bytes = _drawing().pair(title, self._half(left), self._half(right))
        return made

    def _half(self, published: PublishedTool) -> Any:
        slug = published.tool.slug
        if slug not in self._halves:
            if len(self._halves) >= HALVES:
                self._halves.pop(next(iter(self._halves)))
            self._halves[slug] = _drawing().half(published)
        return self._halves[slug]


def _drawing() -> Any:
    """Return the module that draws; it needs Pillow."""
    return import_module("panel.site.pillow")


def available() -> bool:
    """Whether Pillow is installed (the extra ``site``)."""
    return find_spec("PIL") is not None


def _shown(published: PublishedTool) -> list[Any]:
    result = published.card.result
    interval = [result.interval.low, result.interval.high] if result.interval else None
    verdicts = [outcome(line) for line in published.card.lines[:SHOWN]]
    tool = published.tool
    return [tool.name, tool.category, result.demo, result.ship_percent, result.ships, result.n,
            interval, verdicts]  # fmt: skip
