"""Lists of tools on numbered pages: categories, tags, and the list of categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from panel.site import addresses
from panel.site.index import TAG, Listing, Pair, SiteIndex
from panel.site.pages.orders import BY_NAME, SORTABLE, Place, filters, orders
from panel.site.publication import PublishedTool
from panel.site.render import Head, OutputFile, PageRenderer
from panel.text import counted

TOOLS_A_PAGE, PAIRS_A_PAGE, LISTINGS_A_PAGE, PAIRS = 24, 100, 200, 12


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
        lede=f"Every category with tools that are {index.publication.shown_as} here.",
    )


def _listing(renderer: PageRenderer, listing: Listing) -> Iterator[OutputFile]:
    index, tagged = renderer.index, listing.kind == TAG
    word = index.publication.shown_as
    heading = f"Tools tagged “{listing.name}”" if tagged else listing.name
    title = heading if tagged else f"{listing.name}: tools {word}"
    count = f"{counted(len(listing.tools), 'tool')} {word}"
    head = Head(title, f"{heading}: {count}, each with the verdict of a panel.")
    place = partial(addresses.listing_path, listing.kind, listing.slug)
    listed = tool_list if tagged else sortable
    yield from listed(
        renderer,
        head,
        place,
        listing.tools,
        heading=heading,
        lede=f"{count}.",
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
    """Yield the pages of a list of tools by name."""
    yield from spread(renderer, head, place, "tools", tools, TOOLS_A_PAGE, **context)


def sortable(
    renderer: PageRenderer, head: Head, place: Place, tools: Sequence[PublishedTool], **context: Any
) -> Iterator[OutputFile]:
    """Yield the pages of a list of tools by name and, unless it is short, in each other order.

    They are pages of their own, so that all of a long list is sorted, and without a script.
    """
    shown = orders(renderer.index.publication.demo) if len(tools) >= SORTABLE else []
    ways = [(each.name, each.path, each.at(place)(1)) for each in shown]
    for order in shown or (BY_NAME,):
        titled = head
        if order is not BY_NAME:
            titled = replace(head, title=f"{head.title}, {order.title}", canonical=place(1))
        known = {"heading": head.title, **context, "ways": ways, "order": order.path}
        if order is not BY_NAME:
            known["compared"] = []
        ordered = sorted(tools, key=order.key)
        yield from tool_list(renderer, titled, order.at(place), ordered, **known)


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
        known: dict[str, Any] = {"trail": (), "compared": [], "ways": [], "order": ""}
        known |= {"heading": head.title, "filters": filters(part) if kind == "tools" else []}
        known |= context
        known |= {"tools": [], "pairs": [], "listings": [], kind: part}
        if number > 1:
            known["compared"] = []
        title = head.title if number == 1 else f"{head.title}, page {number}"
        paged = replace(head, title=title)
        make = partial(
            renderer.page,
            place(number),
            "list",
            paged,
            pages=pages,
            number=number,
            page_path=place,
            **known,
        )
        yield OutputFile(place(number), make)
