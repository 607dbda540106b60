"""Comparison pages, "A vs B", and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.site import addresses
from panel.site.comparison import difference
from panel.site.index import Pair
from panel.site.jsonld import comparison_page, crumbs
from panel.site.pages.listings import PAIRS_A_PAGE, spread
from panel.site.pages.tools import persona_page, summary
from panel.site.pictures import Pictures
from panel.site.render import Head, OutputFile, PageRenderer

MORE = 6


def sheets(press: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Give every comparison's page, and the list of comparisons by name."""
    contents = press.contents
    for pair in contents.pairs:
        yield OutputFile(pair.path, partial(_page, press, pictures, pair))
    head = Head("All comparisons", f"Two tools side by side: every comparison on {_title(press)}.")
    ordered = sorted(contents.pairs, key=_named)
    yield from spread(
        press,
        head,
        partial(addresses.listing_path, addresses.COMPARISONS),
        "pairs",
        ordered,
        PAIRS_A_PAGE,
        lede="Two tools side by side, by name.",
    )


def _title(press: PageRenderer) -> str:
    return press.contents.site.title


def _named(pair: Pair) -> tuple[str, str, str]:
    return pair.left.tool.name.casefold(), pair.right.tool.name.casefold(), pair.path


def _page(press: PageRenderer, pictures: Pictures, pair: Pair) -> bytes:
    contents, left, right = press.contents, pair.left, pair.right
    name = f"{left.tool.name} vs {right.tool.name}"
    absolute = press.absolute(pair.path)
    way = crumbs([("Comparisons", press.absolute(addresses.COMPARISONS)), (name, absolute)])
    linked = [comparison_page(contents, left, right, absolute), *([way] if way else [])]
    head = Head(
        f"{name}: which one should you ship with?",
        f"{summary(left.tool.name, left.card)} {summary(right.tool.name, right.card)}",
        pictures.pair_path(left, right),
        linked,
        "article",
    )
    compared = contents.comparison(pair)
    rows = [
        (
            one.name,
            one.motto,
            persona_page(contents, one.persona),
            press.take(left, one),
            press.take(right, other),
        )
        for one, other in compared.pairs()
    ]
    more = [
        other
        for edition in (left, right)
        for other in contents.pairs_of[edition.tool.slug][: MORE + 1]
        if other is not pair
    ]
    return press.page(
        pair.path,
        "comparison",
        head,
        left=left,
        right=right,
        left_card=press.card(left),
        right_card=press.card(right),
        difference=difference(compared),
        rows=rows,
        more=more[:MORE],
    )
