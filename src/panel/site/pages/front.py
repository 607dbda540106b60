"""The front page, and the page for addresses that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from panel.site import addresses
from panel.site.index import Listing
from panel.site.jsonld import website
from panel.site.pages.personas import introduced
from panel.site.pictures import Pictures
from panel.site.render import Head, OutputFile, PageRenderer

LATEST, PAIRS, SPLIT, LISTINGS = 8, 12, 4, 40


def output_files(renderer: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Yield the front page and 404.html."""
    yield OutputFile(addresses.HOME, lambda: _home(renderer, pictures))
    yield OutputFile(addresses.NOT_FOUND, lambda: _missing(renderer))


def _home(renderer: PageRenderer, pictures: Pictures) -> bytes:
    index = renderer.index
    listings = _largest(index.categories)
    # Among the pairs of one day, the chosen ones come first.
    newest = sorted(index.pairs, key=lambda pair: (pair.date, pair.chosen), reverse=True)
    head = Head(
        index.site.title,
        index.site.description,
        pictures.front_path(),
        [website(index)],
    )
    return renderer.page(
        addresses.HOME,
        "home",
        head,
        latest=index.newest[:LATEST],
        pairs=newest[:PAIRS],
        split=index.split(SPLIT),
        personas=introduced(index),
        listings=listings,
        more_listings=len(index.categories) > len(listings),
    )


def _largest(listings: list[Listing]) -> list[Listing]:
    chosen = sorted(listings, key=lambda listing: -len(listing.tools))[:LISTINGS]
    return sorted(chosen, key=lambda listing: listing.name.casefold())


def _missing(renderer: PageRenderer) -> bytes:
    """Render the page that a host shows at any address: its links begin at the site's root."""
    root = urlsplit(renderer.index.site.base_url or "/").path
    head = Head("There is no such page", "This page does not exist, or is not published any more.")
    return renderer.page(addresses.NOT_FOUND, "missing", head, root=root)
