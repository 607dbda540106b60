"""The front page and the page for what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from panel.site import addresses
from panel.site.index import Listing
from panel.site.jsonld import website
from panel.site.pages.personas import introduced
from panel.site.pictures import Pictures
from panel.site.render import Head, OutputFile, PageRenderer

LATEST, PAIRS, CONTESTED, SHELVES = 8, 12, 4, 40


def sheets(press: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Give the front page and 404.html."""
    yield OutputFile(addresses.HOME, lambda: _home(press, pictures))
    yield OutputFile(addresses.NOT_FOUND, lambda: _missing(press))


def _home(press: PageRenderer, pictures: Pictures) -> bytes:
    contents = press.contents
    shelves = _largest(contents.categories)
    # Chosen pairs first among those of one day: somebody thought them worth choosing.
    newest = sorted(contents.pairs, key=lambda pair: (pair.date, pair.chosen), reverse=True)
    head = Head(
        contents.site.title,
        contents.site.description,
        pictures.front_path(),
        [website(contents)],
    )
    return press.page(
        addresses.HOME,
        "home",
        head,
        latest=contents.newest[:LATEST],
        pairs=newest[:PAIRS],
        contested=contents.contested(CONTESTED),
        personas=introduced(contents),
        shelves=shelves,
        more_shelves=len(contents.categories) > len(shelves),
    )


def _largest(shelves: list[Listing]) -> list[Listing]:
    chosen = sorted(shelves, key=lambda shelf: -len(shelf.editions))[:SHELVES]
    return sorted(chosen, key=lambda shelf: shelf.name.casefold())


def _missing(press: PageRenderer) -> bytes:
    """Set the page that a host shows under any address, so its links begin at the site's root."""
    root = urlsplit(press.contents.site.base_url or "/").path
    head = Head("There is no such page", "This page does not exist, or is not published any more.")
    return press.page(addresses.NOT_FOUND, "missing", head, root=root)
