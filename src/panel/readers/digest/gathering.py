"""Gathers an issue from a publication: a lead, a few short items, the rest by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from panel.readers.digest.content import (
    ChangeLine,
    CorrectionLine,
    DigestContent,
    Intro,
    LeadStory,
    Link,
    QuoteLine,
    ToolLine,
)
from panel.scorecard import VerdictChange
from panel.site.addresses import href
from panel.site.formats import notes_told
from panel.site.index import Pair, SiteIndex, published_path
from panel.site.publication import Publication, PublishedTool
from panel.site.quotes import Quote, sides
from panel.site.stories import edited_pages, part_of
from panel.site.wording import (
    asked_in_words,
    confirmation,
    divided,
    headline,
    public_verdict,
    who_turned,
    word_of,
)
from panel.text import day
from panel.workspace.editorial import Editorial

MOST_NEW, MOST_CHANGES, MOST_DIVIDED, MOST_CORRECTIONS = 4, 5, 3, 3
MOST_LINKS, MOST_PAIRS = 12, 6  # names in one line

Address = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an issue, and whether no issue went before it."""

    since: date
    until: date
    first: bool = False

    def hold(self, on: str) -> bool:
        """Whether a day (ISO) is one of them."""
        return self.since.isoformat() <= on < self.until.isoformat()


def digest_content(publication: Publication, days: Days, base_url: str | None) -> DigestContent:
    """Return the issue of these days.

    A tool is new in the days of its first published verdict, or on the day that its file holds it
    back until; in the first issue of all, every published tool is.
    """
    index = SiteIndex(publication)

    def address(path: str) -> str | None:
        return f"{base_url}/{href(path)}" if base_url else None

    new = [each for each in index.newest if _is_new(index, each, days)]
    changed = [
        each for each in publication.changes if each.before and days.hold(day(each.changed_at))
    ]
    said = publication.editorial.digests.get(days.since.isoformat())
    corrections = _corrections(index, days, address)
    lead = _leading(index, new, changed, said) if new or changed or said else None
    rest = [each for each in new if each is not lead]
    told = {each.tool.slug for each in [*new, *([lead] if lead else [])]}
    divides = [each for each in index.divided if each.tool.slug not in told]
    pairs = _pairs(index, new)
    return DigestContent(
        title=publication.site.title,
        since=days.since,
        until=days.until,
        base_url=base_url,
        intro=_intro(said),
        lead=_lead(index, lead, address) if lead else None,
        new_tools=tuple(_tool(each, address) for each in rest[:MOST_NEW]),
        also_new=_links(rest[MOST_NEW : MOST_NEW + MOST_LINKS], address),
        changes=tuple(_change(index, each, address) for each in changed[:MOST_CHANGES]),
        divided=tuple(_tool(each, address) for each in divides[:MOST_DIVIDED]),
        corrections=corrections[:MOST_CORRECTIONS],
        comparisons=tuple(Link(each.name, address(each.path)) for each in pairs[:MOST_PAIRS]),
        new=len(new),
        compared=len(pairs),
        changed=len(changed),
        more_new=max(0, len(rest) - MOST_NEW - MOST_LINKS),
        first=days.first,
        drafts=publication.drafts,
        demo=publication.demo,
    )


def _is_new(index: SiteIndex, published: PublishedTool, days: Days) -> bool:
    if days.first:
        return True
    tool = published.tool
    told = [day(each.changed_at) for each in index.changes_of.get(tool.slug, ())]
    opened = [tool.publish_after.isoformat()] if tool.publish_after else []
    return bool(told) and days.hold(max([min(told), *opened]))


def _leading(
    index: SiteIndex, new: list[PublishedTool], changed: list[VerdictChange], said: Editorial | None
) -> PublishedTool | None:
    """Return the tool of the first story: the editor's, else a new one, else one that turned.

    Of several, the newest on which the panel is divided.
    """
    if said is not None and said.lead in index.tools:
        return index.tools[said.lead]
    pool = new or [index.tools[each.tool] for each in changed if each.tool in index.tools]
    return next((each for each in pool if divided(each.card)), pool[0] if pool else None)


def _lead(index: SiteIndex, published: PublishedTool, address: Address) -> LeadStory:
    said, card = index.said_of(published), published.card
    written = said if said is not None and (said.headline or said.standfirst) else None
    return LeadStory(
        _tool(published, address),
        (written and written.headline) or headline(card),
        (written and written.standfirst) or published.tool.tagline,
        (written.by or "an editor") if written else None,
        tuple(QuoteLine(each.line.name, _says(each), each.words) for each in sides(card)),
        part_of(written) if written else "Written",
        confirmation(card),
    )


def _says(quote: Quote) -> str:
    """Return what a reviewer says, and whose the words are where they are an editor's."""
    take, (_kind, word) = quote.line.take, word_of(quote.line)
    edited = f", edited by {take.author or 'an editor'}" if take and take.edited else ""
    asked = ", asked again by an editor with a note" if take and take.asked_again else ""
    return f"{word}{edited}{asked}"


def _intro(said: Editorial | None) -> Intro | None:
    if said is None or not (said.headline or said.standfirst or said.text):
        return None
    return Intro(said.headline or "", said.standfirst or "", said.text, said.by)


def _corrections(index: SiteIndex, days: Days, address: Address) -> tuple[CorrectionLine, ...]:
    """Return the corrections of these days, newest first."""
    found = [
        CorrectionLine(name, each.note, each.date.isoformat(), address(path))
        for path, name, said in edited_pages(index)
        for each in said.corrections
        if days.hold(each.date.isoformat())
    ]
    return tuple(sorted(found, key=lambda each: each.corrected_on, reverse=True))


def _pairs(index: SiteIndex, new: list[PublishedTool]) -> list[Pair]:
    """Return the comparisons with a new tool on which both sides have votes."""
    slugs = {each.tool.slug for each in new}
    return [
        pair
        for pair in index.pairs
        if {pair.left.tool.slug, pair.right.tool.slug} & slugs
        and pair.left.card.result.n
        and pair.right.card.result.n
    ]


def _tool(published: PublishedTool, address: Address) -> ToolLine:
    tool = published.tool
    return ToolLine(
        tool.name,
        tool.tagline,
        tool.category,
        tool.pricing.entry,
        public_verdict(published.card),
        published.card.result,
        address(published_path(published)),
        notes_told(published.card),
    )


def _links(tools: list[PublishedTool], address: Address) -> tuple[Link, ...]:
    return tuple(Link(each.tool.name, address(published_path(each))) for each in tools)


def _change(index: SiteIndex, change: VerdictChange, address: Address) -> ChangeLine:
    names = {persona.id: persona.name for persona in index.publication.personas}
    name = names.get(change.persona, change.persona)
    published = index.tools[change.tool]
    return ChangeLine(
        published.tool.name,
        who_turned(change, name),
        change.before or "",
        change.after,
        day(change.changed_at),
        change.reason,
        address(published_path(published)),
        change.edited,
        "" if change.demo else asked_in_words(change.asked_again, name),
    )
