"""Tool pages, and the list of all tools."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from heapq import nsmallest

from panel.checks import locate_evidence
from panel.scorecard import PersonaLine, Scorecard
from panel.site import addresses
from panel.site.facts import own_facts
from panel.site.formats import NO_VOTES, interval_text, percent
from panel.site.index import SiteIndex, published_path
from panel.site.jsonld import crumbs, tool_page
from panel.site.markdown import fits_surely, folded
from panel.site.pages.listings import sortable
from panel.site.pictures import Pictures
from panel.site.publication import PublishedTool
from panel.site.render import Head, OutputFile, PageRenderer
from panel.site.wording import confirmation, headline, page_title, verdict_in_words
from panel.text import clean

PAIRS, CHANGES, LINKS, ALTERNATIVES = 24, 40, 20, 6
DESCRIPTION = 30_000  # bytes of a description on its page; a longer one has a file of its own


def output_files(renderer: PageRenderer, pictures: Pictures) -> Iterator[OutputFile]:
    """Yield every tool's page, and the list of tools from A to Z."""
    index = renderer.index
    for published in index.by_name:
        yield OutputFile(published_path(published), partial(_page, renderer, pictures, published))
        if _is_long(published):
            path = addresses.description_path(published.tool.slug)
            yield OutputFile(path, partial(_whole, published))
    word = index.publication.shown_as
    head = Head("All tools", f"Every tool {word} on {index.site.title}.")
    yield from sortable(
        renderer,
        head,
        partial(addresses.numbered_path, addresses.TOOLS),
        index.by_name,
        lede=f"Every tool that is {word} here, each with its verdict first.",
    )


def _page(renderer: PageRenderer, pictures: Pictures, published: PublishedTool) -> bytes:
    index, card = renderer.index, published.card
    path = published_path(published)
    listing = index.category[published.tool.category]
    way = crumbs(
        [
            ("Tools", renderer.absolute(addresses.TOOLS)),
            (published.tool.category, renderer.absolute(listing.path)),
            (published.tool.name, renderer.absolute(path)),
        ]
    )
    linked = [tool_page(index, published, renderer.absolute(path)), *([way] if way else [])]
    head = Head(
        page_title(index.title(published), card),
        summary(published.tool.name, card) + f" {published.tool.tagline}",
        pictures.tool_path(published),
        linked,
        "article",
    )
    changes = index.changes_of.get(published.tool.slug, [])
    alike, compared = _alternatives(index, published)
    return renderer.page(
        path,
        "tool",
        head,
        published=published,
        confidence=index.publication.confidence,
        lines=[
            (line, persona_page(index, line.persona), _quoted(published, line))
            for line in card.lines
        ],
        described=DESCRIPTION,
        whole=_is_long(published),
        links=list(published.tool.links.items())[:LINKS],
        facts=own_facts(published.tool),
        alike=bool(alike),
        compared=bool(compared),
        alternatives=[
            (each, verdict_in_words(each.card), index.pair(published.tool.slug, each.tool.slug))
            for each in (*alike, *compared)
        ],
        changes=changes[:CHANGES],
        older=max(0, len(changes) - CHANGES),
        names=persona_names(index),
    )


def _alternatives(
    index: SiteIndex, published: PublishedTool
) -> tuple[list[PublishedTool], list[PublishedTool]]:
    """Return the tools of the category with most of the tool's tags, equal ones by name.

    The second list has the other tools that it is compared with.
    """
    slug, own = published.tool.slug, _tags(published)
    others = (e for e in index.category[published.tool.category].tools if e.tool.slug != slug)
    found = nsmallest(ALTERNATIVES, others, key=lambda each: -len(own & _tags(each)))
    known = {each.tool.slug for each in found}
    compared = (pair.other(slug) for pair in index.pairs_of.get(slug, [])[:PAIRS])
    return found, [each for each in compared if each.tool.slug not in known]


def _tags(published: PublishedTool) -> set[str]:
    return {tag.casefold() for tag in published.tool.tags}


def _is_long(published: PublishedTool) -> bool:
    """Whether a description does not fit on its page."""
    text = published.tool.description
    return not fits_surely(text, DESCRIPTION) and folded(text, most=DESCRIPTION).cut


def _whole(published: PublishedTool) -> bytes:
    return (clean(published.tool.description) + "\n").encode("utf-8", "replace")


def _quoted(published: PublishedTool, line: PersonaLine) -> str:
    """Return where a take's quotes come from, as the heading above them."""
    quotes, described = line.take.evidence if line.take else (), published.tool.description
    if all(locate_evidence(quote, described) for quote in quotes):
        return "From the description"
    return "From the description and the prices"


def summary(name: str, card: Scorecard) -> str:
    """Return a tool's verdict in words, then the count and the interval."""
    result = card.result
    if result.demo:
        return f"{name}: a demo model picked sentences; its verdicts are no judgement."
    said = "".join(f"{each}. " for each in (headline(card), confirmation(card)) if each)
    if not result.n:
        return f"{said}There are {NO_VOTES}."
    return (
        f"{said}{result.ships} of {result.n} ship "
        f"({percent(result.ship_percent)}, 95 % interval {interval_text(result.interval)})."
    )


def persona_page(index: SiteIndex, persona: str) -> str | None:
    """Return a persona's page; None for one that is no longer on the panel."""
    known = any(each.id == persona for each in index.publication.personas)
    return addresses.persona_path(persona) if known else None


def persona_names(index: SiteIndex) -> dict[str, str]:
    """Return the names of the panel's personas by their ids."""
    return {persona.id: persona.name for persona in index.publication.personas}
