"""Lists of tools over pages of their own: categories, tags, and the list of categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from panel.site import addresses
from panel.site.index import TAG, Listing, Pair, SiteIndex
from panel.site.publication import PublishedTool
from panel.site.render import Head, OutputFile, PageRenderer

TOOLS_A_PAGE, PAIRS_A_PAGE, SHELVES_A_PAGE, PAIRS = 40, 100, 200, 24

Place = Callable[[int], str]


def sheets(press: PageRenderer) -> Iterator[OutputFile]:
    """Give the pages of every category and tag, and the list of categories."""
    contents = press.contents
    for shelf in (*contents.categories, *contents.tags):
        yield from _shelf(press, shelf)
    head = Head("Categories", f"Every category on {contents.site.title}.")
    place = partial(addresses.listing_path, addresses.CATEGORIES)
    yield from spread(
        press, head, place, "shelves", contents.categories, SHELVES_A_PAGE, lede="What is reviewed."
    )


def _shelf(press: PageRenderer, shelf: Listing) -> Iterator[OutputFile]:
    contents, tagged = press.contents, shelf.kind == TAG
    title = f"Tools tagged “{shelf.name}”" if tagged else shelf.name
    count = len(shelf.editions)
    head = Head(title, f"{title}: {count} tool{'' if count == 1 else 's'}, reviewed by a panel.")
    place = partial(addresses.shelf_path, shelf.kind, shelf.slug)
    yield from listing(
        press,
        head,
        place,
        shelf.editions,
        lede=f"{count} tool{'' if count == 1 else 's'} reviewed, from A to Z.",
        trail=() if tagged else ((addresses.CATEGORIES, "Categories"),),
        compared=[] if tagged else _compared(contents, shelf),
    )


def _compared(contents: SiteIndex, shelf: Listing) -> list[Pair]:
    """Return the newest comparisons of two tools of a category."""
    name = shelf.name
    pairs = [
        pair
        for pair in contents.pairs_in.get(name, ())
        if pair.left.tool.category == pair.right.tool.category
    ]
    return sorted(pairs, key=lambda pair: pair.date, reverse=True)[:PAIRS]


def listing(
    press: PageRenderer, head: Head, place: Place, editions: Sequence[PublishedTool], **context: Any
) -> Iterator[OutputFile]:
    """Give the pages of a list of tools."""
    yield from spread(press, head, place, "editions", editions, TOOLS_A_PAGE, **context)


def spread(
    press: PageRenderer,
    head: Head,
    place: Place,
    kind: str,
    listed: Sequence[Any],
    most: int,
    **context: Any,
) -> Iterator[OutputFile]:
    """Give as many pages as a list needs, ``most`` of its entries on each."""
    pages = max(1, -(-len(listed) // most))
    for number in range(1, pages + 1):
        part = listed[(number - 1) * most : number * most]
        known: dict[str, Any] = {"trail": (), "compared": [], **context}
        known |= {"editions": [], "pairs": [], "shelves": [], kind: part}
        if number > 1:
            known["compared"] = []
        title = head.title if number == 1 else f"{head.title}, page {number}"
        paged = Head(title, head.description, head.picture, head.linked, head.kind)
        make = partial(
            press.page,
            place(number),
            "list",
            paged,
            heading=head.title,
            pages=pages,
            number=number,
            listing=place,
            **known,
        )
        yield OutputFile(place(number), make)
