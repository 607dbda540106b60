"""Lists of tools on numbered pages: categories, tags, and the list of categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from panel.site import addresses
from panel.site.index import TAG, Listing, Pair, SiteIndex
from panel.site.publication import PublishedTool
from panel.site.render import Head, OutputFile, PageRenderer
from panel.text import counted

TOOLS_A_PAGE, PAIRS_A_PAGE, LISTINGS_A_PAGE, PAIRS = 40, 100, 200, 24

Place = Callable[[int], str]


def output_files(renderer: PageRenderer) -> Iterator[OutputFile]:
    """Yield the pages of every category and tag, and the list of categories."""
    index = renderer.index
    for listing in (*index.categories, *index.tags):
        yield from _listing(renderer, listing)
    head = Head("Categories", f"Every category on {index.site.title}.")
    place = partial(addresses.numbered_path, addresses.CATEGORIES)
    yield from spread(
        renderer,
        head,
        place,
        "listings",
        index.categories,
        LISTINGS_A_PAGE,
        lede="What is reviewed.",
    )


def _listing(renderer: PageRenderer, listing: Listing) -> Iterator[OutputFile]:
    index, tagged = renderer.index, listing.kind == TAG
    title = f"Tools tagged “{listing.name}”" if tagged else listing.name
    count = len(listing.tools)
    head = Head(title, f"{title}: {counted(count, 'tool')}, reviewed by a panel.")
    place = partial(addresses.listing_path, listing.kind, listing.slug)
    yield from tool_list(
        renderer,
        head,
        place,
        listing.tools,
        lede=f"{counted(count, 'tool')} reviewed, from A to Z.",
        trail=() if tagged else ((addresses.CATEGORIES, "Categories"),),
        compared=[] if tagged else _compared(index, listing),
    )


def _compared(index: SiteIndex, listing: Listing) -> list[Pair]:
    """Return the newest comparisons between two tools of a category."""
    name = listing.name
    pairs = [
        pair
        for pair in index.pairs_in.get(name, ())
        if pair.left.tool.category == pair.right.tool.category
    ]
    return sorted(pairs, key=lambda pair: pair.date, reverse=True)[:PAIRS]


def tool_list(
    renderer: PageRenderer, head: Head, place: Place, tools: Sequence[PublishedTool], **context: Any
) -> Iterator[OutputFile]:
    """Yield the pages of a list of tools."""
    yield from spread(renderer, head, place, "tools", tools, TOOLS_A_PAGE, **context)


def spread(
    renderer: PageRenderer,
    head: Head,
    place: Place,
    kind: str,
    listed: Sequence[Any],
    most: int,
    **context: Any,
) -> Iterator[OutputFile]:
    """Yield as many pages as a list needs, with ``most`` entries on each."""
    pages = max(1, -(-len(listed) // most))
    for number in range(1, pages + 1):
        part = listed[(number - 1) * most : number * most]
        known: dict[str, Any] = {"trail": (), "compared": [], **context}
        known |= {"tools": [], "pairs": [], "listings": [], kind: part}
        if number > 1:
            known["compared"] = []
        title = head.title if number == 1 else f"{head.title}, page {number}"
        paged = Head(title, head.description, head.picture, head.linked, head.kind)
        make = partial(
            renderer.page,
            place(number),
            "list",
            paged,
            heading=head.title,
            pages=pages,
            number=number,
            page_path=place,
            **known,
        )
        yield OutputFile(place(number), make)
