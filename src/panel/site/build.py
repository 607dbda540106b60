"""Builds the site from a Publication and writes the files that have changed.

Pages and pictures are made in up to eight processes, one per core, each from the same
Publication. No file holds the date of the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from panel.site import feeds, output, search
from panel.site.assets import load_assets
from panel.site.index import SiteIndex
from panel.site.output import MANIFEST
from panel.site.pages import (
    comparisons,
    front,
    listings,
    media,
    methodology,
    moved,
    personas,
    tools,
)
from panel.site.pictures import Pictures
from panel.site.publication import Publication
from panel.site.refusals import refuse_drafts, refuse_foreign, refuse_loss
from panel.site.render import OutputFile, PageRenderer
from panel.workspace.git import tracked_in
from panel.workspace.processes import cores, pool, without_interrupts

GUARDED = ("tools/", "personas/", "compare/")  # pages of approved takes, which readers link to
ALONE = 300  # up to this many files, no other process is started
CHUNK = 60


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: paths written and removed, and how many files were unchanged.

    pictures: whether pictures were drawn. tools, comparisons, pages: how many there are now.
    """

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    tools: int
    comparisons: int
    pages: int
    pictures: bool


class SiteBuilder:
    """Makes the files of one publication, always in the same order."""

    def __init__(self, publication: Publication, preview: bool = False) -> None:
        self.index = SiteIndex(publication)
        assets = load_assets(publication.has_forms, publication.site.accent)
        self.renderer = PageRenderer(self.index, assets, preview)
        self.pictures = Pictures(self.index)

    @cached_property
    def files(self) -> list[OutputFile]:
        """All files of the site, each path once."""
        renderer = self.renderer
        pages = [
            *front.output_files(renderer, self.pictures),
            *methodology.output_files(renderer),
            *personas.output_files(renderer),
            *listings.output_files(renderer),
            *tools.output_files(renderer, self.pictures),
            *comparisons.output_files(renderer, self.pictures),
        ]
        found = {file.path: file for file in pages}
        assert len(found) == len(pages), "two pages share a path"
        rest = [
            *moved.output_files(renderer, found),
            *feeds.output_files(renderer, list(found)),
            *search.output_files(self.index),
            *self._assets(),
            *self.pictures.output_files(),
            *media.output_files(self.index),
        ]
        # Pictures that show the same share a path.
        found |= {file.path: file for file in rest}
        return list(found.values())

    def _assets(self) -> Iterator[OutputFile]:
        for path, content in self.renderer.assets.files.values():
            yield OutputFile(path, lambda content=content: content)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Plan:
    """What publishing would do: paths that would be added, changed and removed.

    guarded: pages among ``removed`` that readers may have links to, which go only if that is said.
    unchanged: how many files would stay as they are.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    guarded: tuple[str, ...]
    unchanged: int
    tools: int
    comparisons: int
    pages: int
    pictures: bool

    @property
    def nothing(self) -> bool:
        """Whether the folder is as it would be made."""
        return not (self.added or self.changed or self.removed)


Told = Callable[[int, int], None]  # how many files are made, of how many


@dataclass(frozen=True, slots=True)
class _Work:
    """What there is to do in a folder: known, the site's files there; wanted, those to make."""

    builder: SiteBuilder
    publication: Publication
    out: Path
    before: output.Standing
    fresh: dict[str, str]
    wanted: list[int]

    @property
    def gone(self) -> list[str]:
        """The files of an earlier build that this one does not have."""
        return sorted(self.before.files.keys() - {file.path for file in self.builder.files})

    @property
    def guarded(self) -> list[str]:
        """The pages among those that readers may have links to."""
        if self.before.drafts:
            return []
        pages = (path for path in self.gone if path.endswith(".html"))
        return [path for path in pages if path.startswith(GUARDED)]


def _work(publication: Publication, out: Path) -> _Work:
    builder, before = SiteBuilder(publication), output.standing(out)
    refuse_drafts(publication, before, out)
    paths = [file.path for file in builder.files]
    output.refuse_linked(out, [*paths, *before.files])
    refuse_foreign(builder.files, before.files, out)
    fresh = _named_and_there(builder.files, before.files, out)
    wanted = [n for n, file in enumerate(builder.files) if file.path not in fresh]
    return _Work(builder, publication, out, before, fresh, wanted)


def plan(publication: Publication, out: Path, told: Told | None = None) -> Plan:
    """Find what ``build`` would do to ``out``, byte by byte; nothing is written.

    told: called while it goes on. Raises UsageError where ``build`` would whatever may be removed.
    """
    work = _work(publication, out)
    known = work.before.files
    differing = [path for path, (_digest, new) in _make_all(work, False, told) if new]
    there = {path for path in differing if known.get(path)}
    return Plan(
        added=tuple(sorted(set(differing) - there)),
        changed=tuple(sorted(there)),
        removed=tuple(work.gone),
        guarded=tuple(work.guarded),
        unchanged=len(work.fresh) + len(work.wanted) - len(differing),
        **_counts(work.builder),
    )


def build(
    publication: Publication, out: Path, remove: bool = True, told: Told | None = None
) -> Built:
    """Write the site to ``out``; only files whose bytes differ are written.

    Removes files that an earlier build wrote and this one does not; without ``remove``, no page
    of a tool, a persona or a comparison. told: called while it goes on. Raises UsageError, with
    nothing written, for such a page, for drafts where a published site stands, for a folder that
    holds something other than a site, and for somebody else's file under the name of one of the
    site's.
    """
    work = _work(publication, out)
    known, builder = work.before.files, work.builder
    if not remove:
        refuse_loss(work.guarded)
    out.mkdir(parents=True, exist_ok=True)
    # Written first, so that the next build knows the files of one that was interrupted.
    claimed = known | {file.path: known.get(file.path, "") for file in builder.files}
    drafts, base_url = publication.drafts, publication.site.base_url
    ids = {slug: publication.vote_id(slug) for slug in builder.index.tools}
    meanwhile = output.vote_ids_meanwhile(ids, work.before)
    output.keep_manifest(out, output.Standing(claimed, drafts, meanwhile), base_url)
    if "" in known.values():
        output.sweep(out, claimed)
    made = dict(_make_all(work, True, told))
    removed = output.remove(out, work.gone)
    digests = work.fresh | {path: digest for path, (digest, _new) in made.items()}
    own = {slug: (each,) for slug, each in sorted(publication.vote_ids.items())}
    output.keep_manifest(out, output.Standing(digests, drafts, own), base_url)
    written = tuple(sorted(path for path, (_digest, new) in made.items() if new))
    return Built(
        written=written,
        unchanged=len(digests) - len(written),
        removed=tuple(removed),
        **_counts(builder),
    )


def _counts(builder: SiteBuilder) -> Any:
    return {
        "tools": len(builder.index.tools),
        "comparisons": len(builder.index.pairs),
        "pages": sum(file.path.endswith(".html") for file in builder.files),
        "pictures": builder.pictures.drawn,
    }


def _named_and_there(files: list[OutputFile], known: dict[str, str], out: Path) -> dict[str, str]:
    """Return the files that need not be made: named by what they show, and complete.

    The manifest has no hash for a file that an interrupted build did not finish. What git keeps
    may be somebody else's, the manifest as well.
    """
    tracked = tracked_in(out)
    return {
        file.path: known[file.path]
        for file in files
        if file.named and known.get(file.path) and output.is_plain(out / file.path)
        if tracked.isdisjoint((path := Path(file.path), *path.parents))
    }


Made = tuple[str, tuple[str, bool]]  # path, hash of the content, whether it is another


def _make_all(work: _Work, write: bool, told: Told | None) -> Iterator[Made]:
    for number, made in enumerate(_spread(work, write), 1):
        yield made
        if told is not None:
            told(number, len(work.wanted))


def _spread(work: _Work, write: bool) -> Iterator[Made]:
    wanted = work.wanted
    if len(wanted) <= ALONE or cores() < 2:
        yield from _make(work.builder, work.out, write, wanted)
        return
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    with pool(cores(), _begin, work.publication, work.out, write) as started:
        with without_interrupts():
            results = started.map(_make_chunk, chunks)
        for made in results:
            yield from made


def _make(builder: SiteBuilder, out: Path, write: bool, wanted: list[int]) -> Iterator[Made]:
    put = output.write_if_changed if write else output.differs
    for number in wanted:
        file = builder.files[number]
        content = file.make()
        yield file.path, (output.digest_of(content), put(out / file.path, content))


_here: tuple[SiteBuilder, Path, bool] | None = None  # set in processes that make chunks


def _begin(publication: Publication, out: Path, write: bool) -> None:
    global _here  # noqa: PLW0603 - a process gets its publication once, not with every chunk
    _here = (SiteBuilder(publication), out, write)


def _make_chunk(wanted: list[int]) -> list[Made]:
    assert _here is not None
    return list(_make(*_here, wanted))


__all__ = ["MANIFEST", "Built", "Plan", "SiteBuilder", "build", "plan"]
