"""What one issue of the digest holds, gathered only from what readers may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from panel.scorecard import VerdictChange
from panel.site.addresses import href
from panel.site.index import Pair, SiteIndex, published_path
from panel.site.publication import Publication, PublishedTool
from panel.stats import PanelResult
from panel.text import counted, day

MOST_TOOLS, MOST_COMPARISONS, MOST_CHANGES, MOST_SPLIT = 12, 8, 20, 5


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool in the digest; link: its page, None without the site's address."""

    name: str
    tagline: str
    category: str
    entry_price: str
    result: PanelResult
    link: str | None


@dataclass(frozen=True, slots=True)
class PairLine:
    """A comparison in the digest."""

    left: ToolLine
    right: ToolLine
    link: str | None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A persona's verdict on a tool that changed; changed_on: ISO date, UTC."""

    tool: str
    persona: str
    before: str
    after: str
    changed_on: str
    reason: str
    link: str | None


@dataclass(frozen=True, slots=True)
class DigestContent:
    """One issue: since the first day up to, but not including, the day ``until`` (UTC).

    base_url: the site's address without its last slash, None when it has none. more_*: how
    many lines of that part were left out.
    """

    title: str
    since: date
    until: date
    base_url: str | None
    new_tools: tuple[ToolLine, ...] = ()
    comparisons: tuple[PairLine, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    split: tuple[ToolLine, ...] = ()
    more_tools: int = 0
    more_comparisons: int = 0
    more_changes: int = 0
    drafts: bool = False
    demo: bool = False

    @property
    def id(self) -> str:
        """What identifies this issue: only its first day.

        So nobody gets the issue of a week twice because the command ran again on the next
        day, or because a verdict came in meanwhile.
        """
        return f"digest-{self.since.isoformat()}"

    @property
    def last_day(self) -> date:
        """The last day that it covers."""
        return self.until - timedelta(days=1)

    @property
    def empty(self) -> bool:
        """Whether nothing happened. Split panels alone are not news."""
        return not (self.new_tools or self.comparisons or self.changes)

    @property
    def subject(self) -> str:
        """The subject of the mail."""
        parts = []
        if self.new_tools:
            count = len(self.new_tools) + self.more_tools
            parts.append(counted(count, "new tool"))
        if self.changes:
            count = len(self.changes) + self.more_changes
            parts.append(counted(count, "changed verdict"))
        return f"{self.title}: {' and '.join(parts) or 'the week'}"


def digest_content(
    publication: Publication, since: date, until: date, base_url: str | None
) -> DigestContent:
    """Return the issue of the days from ``since`` up to, not including, ``until``.

    A tool is new when its first published verdict falls into these days.
    """
    index = SiteIndex(publication)

    def within(change: VerdictChange) -> bool:
        return since.isoformat() <= day(change.changed_at) < until.isoformat()

    new = _new_tools(publication.changes, since, until)
    new_tools = [each for each in index.newest if each.tool.slug in new]
    pairs = [
        pair
        for pair in index.pairs
        if {pair.left.tool.slug, pair.right.tool.slug} & new
        and pair.left.card.result.n
        and pair.right.card.result.n
    ]
    changed = [each for each in publication.changes if each.before is not None and within(each)]
    names = {persona.id: persona.name for persona in publication.personas}
    return DigestContent(
        title=publication.site.title,
        since=since,
        until=until,
        base_url=base_url,
        new_tools=tuple(_tool(each, base_url) for each in new_tools[:MOST_TOOLS]),
        comparisons=tuple(_pair(each, base_url) for each in pairs[:MOST_COMPARISONS]),
        changes=tuple(
            _change(each, index.tools[each.tool], names, base_url)
            for each in changed[:MOST_CHANGES]
        ),
        split=tuple(_tool(each, base_url) for each in index.split(MOST_SPLIT)),
        more_tools=max(0, len(new_tools) - MOST_TOOLS),
        more_comparisons=max(0, len(pairs) - MOST_COMPARISONS),
        more_changes=max(0, len(changed) - MOST_CHANGES),
        drafts=publication.drafts,
        demo=publication.demo,
    )


def _new_tools(changes: Iterable[VerdictChange], since: date, until: date) -> set[str]:
    first: dict[str, str] = {}
    for change in changes:
        on = day(change.changed_at)
        first[change.tool] = min(on, first.get(change.tool, on))
    return {tool for tool, on in first.items() if since.isoformat() <= on < until.isoformat()}


def _tool(published: PublishedTool, base_url: str | None) -> ToolLine:
    tool = published.tool
    return ToolLine(
        tool.name,
        tool.tagline,
        tool.category,
        tool.pricing.entry,
        published.card.result,
        _link(base_url, published_path(published)),
    )


def _pair(pair: Pair, base_url: str | None) -> PairLine:
    return PairLine(
        _tool(pair.left, base_url), _tool(pair.right, base_url), _link(base_url, pair.path)
    )


def _change(
    change: VerdictChange, published: PublishedTool, names: dict[str, str], base_url: str | None
) -> ChangeLine:
    return ChangeLine(
        published.tool.name,
        names.get(change.persona, change.persona),
        change.before or "",
        change.after,
        day(change.changed_at),
        change.reason,
        _link(base_url, published_path(published)),
    )


def _link(base_url: str | None, path: str) -> str | None:
    return f"{base_url}/{href(path)}" if base_url else None
