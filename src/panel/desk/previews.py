"""Pages as readers will see them: made by the site's own renderer, one by one, and not written."""

from __future__ import annotations

import operator
import threading
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from pathlib import Path

from panel.desk.prices import today
from panel.desk.snapshot import DeskSnapshot
from panel.errors import UsageError
from panel.readers.community.votes import Votes
from panel.results.entries import Entry
from panel.results.publication import published_cards
from panel.results.scorecards import scorecard_of
from panel.scorecard import Scorecard
from panel.site.addresses import HOME, href, root_of, tool_path
from panel.site.build import SiteBuilder
from panel.site.index import Pair
from panel.site.publication import Publication
from panel.site.render import OutputFile
from panel.store.decisions import guidance_notes
from panel.store.ingest import opened
from panel.workspace.editorial import BETWEEN
from panel.workspace.tools import Tool

APPROVED, DRAFTS = "approved", "drafts"
WORDS = (APPROVED, DRAFTS)
FRONT = "-"  # no slug of a tool
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
SHOWN = (
    ".css",
    ".svg",
    ".png",
    ".webp",
    ".woff2",
)  # what a page shows, as its words could name more
MOST_KEPT = 6  # sites; each holds what its pages are made of, not the pages


@dataclass(frozen=True, slots=True)
class Subject:
    """What a preview is about: a tool, two that are compared, or for no slug the front page.

    words: APPROVED or DRAFTS.
    """

    words: str
    slugs: tuple[str, ...]

    @property
    def about(self) -> str:
        """The subject in an address."""
        return BETWEEN.join(self.slugs) or FRONT

    @classmethod
    def named(cls, words: str, about: str, snapshot: DeskSnapshot) -> Subject | None:
        """Read a subject from an address; None where there is no such tool."""
        if about == FRONT:
            return cls(words, ()) if words in WORDS else None
        slugs = tuple(about.split(BETWEEN))
        known = {tool.slug for tool in snapshot.workspace.tools}
        fits = 1 <= len(slugs) <= 2 and len(set(slugs)) == len(slugs) and known.issuperset(slugs)
        return cls(words, slugs) if fits and words in WORDS else None


@dataclass(frozen=True, slots=True)
class _Key:
    """What one of the sites was made of besides the workspace."""

    drafts: bool
    shown: frozenset[str] = frozenset()  # tools that are held back from the others
    pair: tuple[str, ...] = ()


@dataclass(slots=True)
class _Kept:
    entries: object
    day: date
    sites: dict[_Key, PreviewSite] = field(default_factory=dict)


class PreviewSite:
    """A site that is not written: its files by path."""

    def __init__(self, made: Publication) -> None:
        self.builder = SiteBuilder(made, preview=True)
        self.files: dict[str, OutputFile] = {file.path: file for file in self.builder.files}

    def path_of(self, subject: Subject) -> str | None:
        """Return the file of a subject's page; None where readers would have none."""
        if len(subject.slugs) < 2:
            path = tool_path(subject.slugs[0]) if subject.slugs else HOME
            return path if path in self.files else None
        pair = self.pair_of(subject)
        return pair.path if pair else None

    def pair_of(self, subject: Subject) -> Pair | None:
        """Return the comparison of two tools; None where the site has none."""
        pairs = self.builder.index.pairs_of.get(subject.slugs[0], [])
        wanted = {*subject.slugs}
        return next(
            (pair for pair in pairs if {pair.left.tool.slug, pair.right.tool.slug} == wanted), None
        )

    def content(self, path: str) -> tuple[bytes, str] | None:
        """Make a file; returns its bytes and its kind, None where a preview has no such file."""
        file, kind = self.files.get(path), KINDS.get(Path(path).suffix)
        return (file.make(), kind) if file is not None and kind is not None else None

    def belongs(self, page: str, path: str) -> bool:
        """Whether a file is a page itself, or a style, font or picture that the page shows."""
        if path == page:
            return True
        if not path.endswith(SHOWN) or path not in self.files:
            return False
        link = f'"{root_of(page)}{href(path)}'
        return path.startswith("assets/") or link.encode() in self.files[page].make()


class KeptCards:
    """The scorecards of all tools. Only those are made whose entries are not as they were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[str, bool], tuple[list[Entry], str, Scorecard]] = {}

    def of(self, snapshot: DeskSnapshot, published: bool) -> list[Scorecard]:
        """Return them in the order of the tools. published: as of ``results.scorecards``."""
        found, target, model = [], snapshot.target, str(snapshot.target.model)
        with self._lock:
            for slug, group in groupby(snapshot.entries, key=lambda entry: entry.tool.slug):
                entries, known = list(group), self._made.get((slug, published))
                if known is None or known[1] != model or not _same(known[0], entries):
                    card = scorecard_of(entries[0].tool, target, entries, published)
                    known = self._made[slug, published] = (entries, model, card)
                found.append(known[2])
        return found


def _same(one: list[Entry], other: list[Entry]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


class Previews:
    """The sites that previews are taken from, made again once takes or files have changed."""

    def __init__(self, root: Path, cards: KeptCards) -> None:
        self._root, self._cards = root, cards
        self._lock = threading.Lock()
        self._kept = _Kept(None, today())

    def site(self, snapshot: DeskSnapshot, subject: Subject) -> PreviewSite:
        """Return the site that has the subject's page, if only it has words to show.

        A tool that is held back is in it, and a comparison that the site would not have of itself.
        Raises UsageError where nothing was ever answered by the model.
        """
        tools, day = snapshot.workspace.tools, today()
        held = frozenset(
            each.slug for each in tools if each.slug in subject.slugs and is_held(each, day)
        )
        drafts = subject.words == DRAFTS
        site = self._made(snapshot, _Key(drafts, held))
        if len(subject.slugs) == 2 and site.pair_of(subject) is None:
            site = self._made(snapshot, _Key(drafts, held, subject.slugs))
        return site

    def pairs(self, snapshot: DeskSnapshot, words: str) -> list[Pair]:
        """Return the comparisons that the site would have, those of panel.toml first.

        Raises UsageError where nothing was ever answered by the model.
        """
        return self._made(snapshot, _Key(words == DRAFTS)).builder.index.pairs

    def _made(self, snapshot: DeskSnapshot, key: _Key) -> PreviewSite:
        with self._lock:
            kept = self._kept
            if kept.entries is not snapshot.entries or kept.day != today():
                kept = self._kept = _Kept(snapshot.entries, today())
            if key not in kept.sites:
                while len(kept.sites) >= MOST_KEPT:
                    del kept.sites[next(iter(kept.sites))]
                gathered = gather(self._root, snapshot, self._cards, key.drafts, key.shown)
                if key.pair:
                    pair = (key.pair[0], key.pair[1])
                    gathered = replace(gathered, pairs=(*gathered.pairs, pair))
                kept.sites[key] = PreviewSite(gathered)
            return kept.sites[key]


def gather(
    root: Path,
    snapshot: DeskSnapshot,
    cards: KeptCards,
    drafts: bool,
    shown: frozenset[str] = frozenset(),
) -> Publication:
    """Gather what publishing now would publish. shown: tools to show although they are held back.

    Raises UsageError as ``publication`` does.
    """
    files = snapshot.workspace
    if all(entry.answer is None for entry in snapshot.entries):
        raise UsageError(
            f"{snapshot.target.model} has answered nothing yet, so there is nothing to show. Run "
            "'panel run' first."
        )
    tools = [_let_go(tool) if tool.slug in shown else tool for tool in files.tools]
    with opened(files.runs) as connection:
        target = replace(snapshot.target, tools=tools, guidance=guidance_notes(connection))
        votes = Votes(root).tallies()
        found = cards.of(snapshot, published=not drafts)
        return published_cards(
            replace(files, tools=tools), target, connection, found, drafts, votes
        )


def is_held(tool: Tool, day: date) -> bool:
    """Whether a tool is kept from readers on this day."""
    return tool.hold or (tool.publish_after is not None and tool.publish_after > day)


def _let_go(tool: Tool) -> Tool:
    return tool.model_copy(update={"hold": False, "publish_after": None})
