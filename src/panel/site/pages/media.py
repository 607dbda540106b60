"""The files of the pictures that pages show: logos, lead pictures, portraits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.site.index import SiteIndex
from panel.site.media import Use, picture, rendered
from panel.site.render import OutputFile


def output_files(index: SiteIndex) -> Iterator[OutputFile]:
    """Yield every rendition of every picture; those of one content share a path."""
    media = index.publication.media
    for name, use in _named(index):
        shown = picture(media, name, use)
        if name and shown:
            for each in shown.renditions:
                yield OutputFile(
                    each.path, partial(rendered, media, name, use, each.size), named=True
                )


def _named(index: SiteIndex) -> Iterator[tuple[str | None, Use]]:
    yield index.site.logo, "masthead"
    for persona in index.publication.personas:
        yield persona.portrait, "portrait"
    for published in index.by_name:
        yield published.tool.logo, "logo"
        yield published.tool.image, "lead"
