"""Tool pages, and the list of all tools."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.scorecard import Scorecard
from panel.site import addresses
from panel.site.formats import interval_text, percent
from panel.site.index import SiteIndex, published_path
from panel.site.jsonld import crumbs, tool_page
from panel.site.pages.listings import listing
from panel.site.pictures import Pictures
from panel.site.publication import PublishedTool
from panel.site.render import Head, OutputFile, PageRenderer

PAIRS, CHANGES, LINKS = 24, 40, 20


def sheets(press: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Give every tool's page, and the list of tools from A to Z."""
    contents = press.contents
    for edition in contents.by_name:
        yield OutputFile(published_path(edition), partial(_page, press, pictures, edition))
    head = Head("All tools", f"Every published tool, from A to Z, on {contents.site.title}.")
    yield from listing(
        press,
        head,
        partial(addresses.listing_path, addresses.TOOLS),
        contents.by_name,
        lede="From A to Z. The symbols are the reviewers’ verdicts, in the panel’s order.",
    )


def _page(press: PageRenderer, pictures: Pictures, edition: PublishedTool) -> bytes:
    contents, card = press.contents, edition.card
    path = published_path(edition)
    shelf = contents.category[edition.tool.category]
    way = crumbs(
        [
            ("Tools", press.absolute(addresses.TOOLS)),
            (edition.tool.category, press.absolute(shelf.path)),
            (edition.tool.name, press.absolute(path)),
        ]
    )
    linked = [tool_page(contents, edition, press.absolute(path)), *([way] if way else [])]
    head = Head(
        f"{edition.tool.name}: ship or skip?",
        summary(edition.tool.name, card) + f" {edition.tool.tagline}",
        pictures.tool_path(edition),
        linked,
        "article",
    )
    changes = contents.changes_of.get(edition.tool.slug, [])
    return press.page(
        path,
        "tool",
        head,
        edition=edition,
        lines=[(line, persona_page(contents, line.persona)) for line in card.lines],
        missing=sum(line.take is None for line in card.lines),
        links=list(edition.tool.links.items())[:LINKS],
        pairs=contents.pairs_of.get(edition.tool.slug, [])[:PAIRS],
        changes=changes[:CHANGES],
        older=max(0, len(changes) - CHANGES),
        names=persona_names(contents),
    )


def summary(name: str, card: Scorecard) -> str:
    """Say a tool's result in one sentence, the count and the interval with it."""
    result = card.result
    if not result.n:
        return f"{name}: nobody has voted yet."
    return (
        f"{name}: {result.ships} of {result.n} reviewers would ship it "
        f"({percent(result.ship_percent)}, 95 % interval {interval_text(result.interval)})."
    )


def persona_page(contents: SiteIndex, persona: str) -> str | None:
    """Return a persona's page; None for one that is no longer on the panel."""
    known = any(each.id == persona for each in contents.publication.personas)
    return addresses.persona_path(persona) if known else None


def persona_names(contents: SiteIndex) -> dict[str, str]:
    """Return the names of the panel's personas by their ids."""
    return {persona.id: persona.name for persona in contents.publication.personas}
