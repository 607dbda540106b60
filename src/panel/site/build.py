"""Builds the site from a Publication and writes the files that have changed.

Pages and pictures are made in up to eight processes, one per core, each from the same
Publication. No file holds the date of the build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from panel.errors import UsageError
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
from panel.site.render import OutputFile, PageRenderer
from panel.text import counted
from panel.workspace.processes import cores, pool, without_interrupts

GUARDED = ("tools/", "personas/", "compare/")  # pages of approved takes, which readers link to
NAMED = 8  # of the pages that would be removed, in the message
ALONE = 300  # up to this many files, no other process is started
CHUNK = 60


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: paths written and removed, and how many files were unchanged.

    kept: paths that the site needs but that hold somebody else's file. pictures: whether
    pictures were drawn. tools, comparisons, pages: how many there are now.
    """

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    tools: int
    comparisons: int
    pages: int
    pictures: bool


class SiteBuilder:
    """Makes the files of one publication, always in the same order."""

    def __init__(self, publication: Publication) -> None:
        self.index = SiteIndex(publication)
        assets = load_assets(publication.has_forms, publication.site.accent)
        self.renderer = PageRenderer(self.index, assets)
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


def build(publication: Publication, out: Path, remove: bool = True) -> Built:
    """Write the site to ``out``; only files whose bytes differ are written.

    Removes files that an earlier build wrote and this one does not; without ``remove``, no page
    of a tool, a persona or a comparison. Raises UsageError, with nothing written, for such a
    page, for drafts where a published site stands, and for a folder that holds something other
    than a site.
    """
    builder = SiteBuilder(publication)
    before = output.standing(out)
    known = before.files
    paths = [file.path for file in builder.files]
    _refuse_drafts(publication, before, out)
    if not remove and not before.drafts:
        _refuse_loss(known.keys() - set(paths))
    kept = output.foreign(out, paths, known)
    mine = set(paths) - set(kept)
    out.mkdir(parents=True, exist_ok=True)
    # Written first, so that the next build knows the files of one that was interrupted.
    claimed = known | {path: known.get(path, "") for path in mine}
    kind = publication.drafts, publication.site.base_url
    output.keep_manifest(out, claimed, *kind)
    if "" in known.values():
        output.sweep(out, claimed)
    fresh = _named_and_there(builder.files, known, out)
    wanted = [n for n, file in enumerate(builder.files) if file.path in mine - fresh.keys()]
    made = dict(_make_all(builder, publication, out, wanted))
    removed = output.remove(out, sorted(known.keys() - set(paths)))
    digests = fresh | {path: digest for path, (digest, _new) in made.items()}
    output.keep_manifest(out, digests, *kind)
    written = tuple(sorted(path for path, (_digest, new) in made.items() if new))
    return Built(
        written=written,
        unchanged=len(digests) - len(written),
        removed=tuple(removed),
        kept=tuple(sorted(kept)),
        tools=len(builder.index.tools),
        comparisons=len(builder.index.pairs),
        pages=sum(path.endswith(".html") for path in paths),
        pictures=builder.pictures.drawn,
    )


def _refuse_drafts(publication: Publication, before: output.Standing, out: Path) -> None:
    if publication.drafts and before.files and not before.drafts:
        raise UsageError(
            f"{str(out)!r} holds the published site, and drafts would replace it. Name another "
            f"folder: 'panel publish {out}-drafts --drafts'."
        )


def _refuse_loss(gone: Iterable[str]) -> None:
    """Raise UsageError where pages would go that readers may have links to."""
    pages = sorted(path for path in gone if path.startswith(GUARDED) and path.endswith(".html"))
    if not pages:
        return
    more = f" and {len(pages) - NAMED:,} more" if len(pages) > NAMED else ""
    many = "a published page" if len(pages) == 1 else counted(len(pages), "published page")
    raise UsageError(
        f"this would remove {many}: {', '.join(pages[:NAMED])}{more}. Where a page is to "
        "stay, approve a take again or lift the tool's hold; or publish with --remove."
    )


def _named_and_there(files: list[OutputFile], known: dict[str, str], out: Path) -> dict[str, str]:
    """Return the files that need not be made: named by their content, and complete.

    The manifest has no hash for a file that an interrupted build did not finish.
    """
    return {
        file.path: known[file.path]
        for file in files
        if file.named and known.get(file.path) and (out / file.path).is_file()
    }


Made = tuple[str, tuple[str, bool]]


def _make_all(
    builder: SiteBuilder, publication: Publication, out: Path, wanted: list[int]
) -> Iterator[Made]:
    if len(wanted) <= ALONE or cores() < 2:
        yield from _make(builder, out, wanted)
        return
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    with pool(cores(), _begin, publication, out) as started:
        with without_interrupts():
            results = started.map(_make_chunk, chunks)
        for made in results:
            yield from made


def _make(builder: SiteBuilder, out: Path, wanted: list[int]) -> Iterator[Made]:
    for number in wanted:
        file = builder.files[number]
        content = file.make()
        new = output.write_if_changed(out / file.path, content)
        yield file.path, (output.digest_of(content), new)


_here: tuple[SiteBuilder, Path] | None = None  # set in processes that make chunks


def _begin(publication: Publication, out: Path) -> None:
    global _here  # noqa: PLW0603 - a process gets its publication once, not with every chunk
    _here = (SiteBuilder(publication), out)


def _make_chunk(wanted: list[int]) -> list[Made]:
    assert _here is not None
    return list(_make(*_here, wanted))


__all__ = ["MANIFEST", "Built", "SiteBuilder", "build"]
