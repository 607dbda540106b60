"""Comparison pages, "A vs B", and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.site import addresses
from panel.site.comparison import difference
from panel.site.facts import fact_table
from panel.site.index import Pair
from panel.site.jsonld import comparison_page, crumbs
from panel.site.pages.listings import PAIRS_A_PAGE, spread
from panel.site.pages.tools import persona_page, summary
from panel.site.pictures import Pictures
from panel.site.render import Head, OutputFile, PageRenderer, fitted
from panel.site.wording import pair_in_words

MORE = 6


def output_files(renderer: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Yield every comparison's page, and the list of comparisons by name."""
    index = renderer.index
    for pair in index.pairs:
        yield OutputFile(pair.path, partial(_page, renderer, pictures, pair))
    head = Head(
        "All comparisons", f"Two tools side by side: every comparison on {_title(renderer)}."
    )
    ordered = sorted(index.pairs, key=_named)
    yield from spread(
        renderer,
        head,
        partial(addresses.numbered_path, addresses.COMPARISONS),
        "pairs",
        ordered,
        PAIRS_A_PAGE,
        lede="Two tools side by side, by name.",
    )


def _title(renderer: PageRenderer) -> str:
    return renderer.index.site.title


def _named(pair: Pair) -> tuple[str, str, str]:
    return pair.left.tool.name.casefold(), pair.right.tool.name.casefold(), pair.path


def _page(renderer: PageRenderer, pictures: Pictures, pair: Pair) -> bytes:
    index, left, right = renderer.index, pair.left, pair.right
    name = f"{left.tool.name} vs {right.tool.name}"
    absolute = renderer.absolute(pair.path)
    compared, days = index.comparison(pair), index.site.stale_price_days
    way = crumbs([("Comparisons", renderer.absolute(addresses.COMPARISONS)), (name, absolute)])
    linked = [comparison_page(index, left, right, absolute), *([way] if way else [])]
    title = f"{index.title(left)} vs {index.title(right)}"
    head = Head(
        title if compared.demo else fitted(f"{title}: which one should you ship with?", title),
        f"{summary(left.tool.name, left.card)} {summary(right.tool.name, right.card)}",
        pictures.pair_path(left, right),
        linked,
        "article",
    )
    rows = [
        (one, other, renderer.link("../", where) if where else None)
        for one, other in compared.pairs()
        for where in [persona_page(index, one.persona)]
    ]
    more = [
        other
        for published in (left, right)
        for other in index.pairs_of[published.tool.slug][: MORE + 1]
        if other is not pair
    ]
    return renderer.page(
        pair.path,
        "comparison",
        head,
        left=left,
        right=right,
        renderer=renderer,
        comparison=compared,
        own=index.said_of_pair(pair),
        said=pair_in_words(left.card, right.card, public=True),
        difference=difference(compared),
        facts=fact_table(left.tool, right.tool, index.publication.today, days),
        rows=rows,
        more=more[:MORE],
    )
