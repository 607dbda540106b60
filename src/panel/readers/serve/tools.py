"""The tools that readers may vote on: those with a page, and what their votes are kept by."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from panel.readers.serve.files import SETTLED_SECONDS
from panel.readers.serve.kept import Kept
from panel.readers.serve.pages import HEAD, leads_on
from panel.site.output import MANIFEST, VoteIds, published_vote_ids
from panel.workspace.tools import is_slug


class Tools:
    """The tools of a served folder, and those given by slug.

    The folder is read each time, and what its manifest says of vote ids whenever that has changed:
    a site is published again. The manifest may be a stranger's, so two tools never have one id.
    """

    def __init__(self, folder: Path, given: Collection[str] = ()) -> None:
        self._out, self._folder, self._given = folder, folder / "tools", frozenset(given)
        self._known = Kept[_Manifest]()
        self._long = Kept[frozenset[str]]()
        self._seen: tuple[object, float] = None, 0.0  # the last state, and since when

    def __contains__(self, slug: str) -> bool:
        """Whether there is such a tool: its page exists, and does not lead on to another."""
        if slug in self._given:
            return True
        if not is_slug(slug):
            return False
        files = (self._folder / slug / "index.html", self._folder / f"{slug}.html")
        return any(file.is_file() and not leads_on(file) for file in files)

    def voted_on(self, vote_id: str) -> str | None:
        """Return the slug of the tool that has the votes of an id; None where there is none."""
        known = self._manifest()
        if vote_id not in known.ids and vote_id in self:
            return vote_id
        found = next((slug for slug in known.slugs.get(vote_id, ()) if slug in self), None)
        if found is None and vote_id in known.ids and vote_id in self:
            # It is to have the id of another tool: it keeps its own.
            return vote_id if self.voted_on(known.ids[vote_id][0]) != vote_id else None
        return found

    def find(self, name: str) -> tuple[str, str] | None:
        """Return slug and vote id of the tool with this vote id or, if there is none, slug."""
        if (slug := self.voted_on(name)) is not None:
            return slug, name
        own = self.vote_id(name) if name in self else None
        return None if own is None else (name, own)

    def vote_id(self, slug: str) -> str | None:
        """Return by what the votes of a tool are kept; its slug where that is in doubt."""
        (own, *_others) = self._manifest().ids.get(slug, (slug,))
        return next((each for each in (own, slug) if self.voted_on(each) == slug), None)

    def listed(self, vote_ids: Collection[str]) -> dict[str, str]:
        """Return which of these ids are those of tools, by slug."""
        known, found = self._manifest(), dict[str, str]()
        # A page that leads on is short, and of thousands of pages not each can be opened.
        there = self._long.get(self.state, lambda: self._given.union(_long_pages(self._folder)))
        for each in vote_ids:
            plain = each in there and each not in known.ids and each not in known.slugs
            slug = each if plain else self.voted_on(each)
            if slug is not None and (plain or self.vote_id(slug) == each):
                found[slug] = each
        return found

    def state(self) -> tuple[object, ...] | None:
        """Return what is different once other pages are there; None while nobody can tell."""
        try:
            found = self._folder.stat()
        except OSError:
            return None
        state, now = (found.st_ino, found.st_mtime_ns, self._told()), time.monotonic()
        before, since = self._seen
        if before != state:
            self._seen, since = (state, now), now
        # The times are of another clock if the folder was copied with them, or is mounted.
        settled = found.st_mtime + SETTLED_SECONDS < time.time() or now - since > SETTLED_SECONDS
        return state if settled else None

    def _told(self) -> tuple[int, int, int] | None:
        """Return what is different once the manifest is another."""
        try:
            state = (self._out / MANIFEST).stat()
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size

    def _manifest(self) -> _Manifest:
        if self._told() is None:
            return _Manifest()
        return self._known.get(self._told, lambda: _Manifest.of(published_vote_ids(self._out)))


def _long_pages(folder: Path) -> Iterator[str]:
    """Yield the slugs of pages that are too long to lead on."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".html") and entry.stat().st_size > HEAD:
                yield entry.name.removesuffix(".html")


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What a manifest says of vote ids. slugs: the tools of an id, first those it is to be of."""

    ids: VoteIds = field(default_factory=dict)
    slugs: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: VoteIds) -> _Manifest:
        slugs = dict[str, list[str]]()
        places = sorted((n, slug, each) for slug in ids for n, each in enumerate(ids[slug]))
        for _place, slug, each in places:
            slugs.setdefault(each, []).append(slug)
        return cls(ids, slugs)
