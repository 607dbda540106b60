"""The front page, and the page for addresses that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from panel.site import addresses
from panel.site.index import Listing, SiteIndex
from panel.site.jsonld import website
from panel.site.pages.personas import introduced
from panel.site.pages.tools import persona_names
from panel.site.pictures import Pictures
from panel.site.publication import PublishedTool
from panel.site.quotes import Quote, sides
from panel.site.render import Head, OutputFile, PageRenderer
from panel.site.stories import lead_of, part_of, picks, turned
from panel.site.wording import headline
from panel.workspace.editorial import Editorial

TURNED, DIVIDED, NEW, PICKS, PAIRS, LISTINGS = 4, 4, 6, 6, 6, 40


@dataclass(frozen=True, slots=True)
class Lead:
    """The first story of the front page.

    written: the editors' words of which headline or standfirst are; None where both are made of
    the verdict and the tool's tagline.
    """

    published: PublishedTool
    headline: str
    standfirst: str
    written: Editorial | None
    quotes: list[Quote]


def output_files(renderer: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Yield the front page and 404.html."""
    yield OutputFile(addresses.HOME, lambda: _home(renderer, pictures))
    yield OutputFile(addresses.NOT_FOUND, lambda: _missing(renderer))


def _home(renderer: PageRenderer, pictures: Pictures) -> bytes:
    index = renderer.index
    listings = _largest(index.categories)
    lead = _lead(index)
    divided = _without(index.divided, [lead.published] if lead else [])[:DIVIDED]
    told = [*divided, *([lead.published] if lead else [])]
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
        said=index.publication.editorial.front,
        lead=lead,
        part=part_of,
        turned=turned(index)[:TURNED],
        divided=divided,
        new=_without(index.newest, told)[:NEW],
        picks=picks(index)[:PICKS],
        pairs=newest[:PAIRS],
        personas=introduced(index),
        names=persona_names(index),
        listings=listings,
        more_listings=len(index.categories) > len(listings),
    )


def _lead(index: SiteIndex) -> Lead | None:
    published = lead_of(index)
    if published is None:
        return None
    front, said = index.publication.editorial.front, index.said_of(published)
    about = [front if front and front.lead == published.tool.slug else None, said]
    written = next((each for each in about if each and (each.headline or each.standfirst)), None)
    return Lead(
        published,
        (written and written.headline) or headline(published.card),
        (written and written.standfirst) or published.tool.tagline,
        written,
        sides(published.card),
    )


def _without(tools: list[PublishedTool], told: list[PublishedTool]) -> list[PublishedTool]:
    slugs = {each.tool.slug for each in told}
    return [each for each in tools if each.tool.slug not in slugs]


def _largest(listings: list[Listing]) -> list[Listing]:
    chosen = sorted(listings, key=lambda listing: -len(listing.tools))[:LISTINGS]
    return sorted(chosen, key=lambda listing: listing.name.casefold())


def _missing(renderer: PageRenderer) -> bytes:
    """Render the page that a host shows at any address: its links begin at the site's root."""
    root = urlsplit(renderer.index.site.base_url or "/").path
    head = Head("There is no such page", "This page does not exist, or is not published any more.")
    return renderer.page(addresses.NOT_FOUND, "missing", head, root=root)
