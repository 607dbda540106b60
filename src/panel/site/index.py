"""The index of a site: its tools, listings and comparisons, and their numbers.

Everything is derived from the Publication alone, so every process derives the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from panel.scorecard import (
    Comparison,
    PersonaLine,
    Take,
    VerdictChange,
    health,
    is_published,
)
from panel.site.addresses import listing_path, listing_slugs, pair_path, pair_slugs, tool_path
from panel.site.facts import price_is_old
from panel.site.publication import Publication, PublishedTool
from panel.site.wording import divided
from panel.stats import PanelHealth, Tally
from panel.text import day
from panel.workspace.editorial import Editorial

CATEGORY, TAG = "categories", "tags"
TAGGED = 2  # tools that a tag needs to get a page


@dataclass(frozen=True, slots=True)
class Listing:
    """A category or a tag, its address, and its tools by name."""

    kind: str
    name: str
    slug: str
    tools: tuple[PublishedTool, ...]

    @property
    def path(self) -> str:
        """The file of its (first) page."""
        return listing_path(self.kind, self.slug)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tools with a comparison page; ``chosen`` in panel.toml, or of one category."""

    left: PublishedTool
    right: PublishedTool
    path: str
    chosen: bool

    @property
    def name(self) -> str:
        """Both names: "A vs B"."""
        return f"{self.left.tool.name} vs {self.right.tool.name}"

    @property
    def date(self) -> str:
        """The later day of the two tools."""
        return max(published_date(self.left), published_date(self.right))

    def other(self, slug: str) -> PublishedTool:
        """Return the tool on the other side."""
        return self.right if self.left.tool.slug == slug else self.left


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over a site's published takes: how many, the answers of their reviewers, the rest.

    stale, confirmed: takes whose question has changed since, without and with an editor's word that
    they still stand. unanswered: takes whose reviewer has no vote on the present question.
    asked_again: with a note in the question; edited: in an editor's words.
    """

    published: int
    takes: Tally
    output_modes: tuple[tuple[str, int], ...]
    first: str
    last: str
    stale: int
    editors: tuple[str, ...]
    confirmed: int
    unanswered: int
    asked_again: int
    edited: int


class SiteIndex:
    """The tools, listings and comparisons of a Publication, sorted and by name."""

    def __init__(self, publication: Publication) -> None:
        self.publication = publication
        self.site = publication.site
        self.tools = {published.tool.slug: published for published in publication.tools}
        self.by_name = sorted(publication.tools, key=_named)
        self._named = Counter(published.tool.name for published in publication.tools)
        self.newest = sorted(self.by_name, key=published_date, reverse=True)
        self.categories = _listings(
            CATEGORY, ((published.tool.category, published) for published in self.by_name)
        )
        tagged = ((tag, each) for each in self.by_name for tag in dict.fromkeys(each.tool.tags))
        self.tags = [s for s in _listings(TAG, tagged) if len(s.tools) >= TAGGED]
        self.category = {listing.name: listing for listing in self.categories}
        self.tag = {listing.name: listing for listing in self.tags}
        self.pairs = self._pairs()
        self._pair_of = {
            frozenset((pair.left.tool.slug, pair.right.tool.slug)): pair for pair in self.pairs
        }
        self.pairs_of: dict[str, list[Pair]] = {}
        self.pairs_in: dict[str, list[Pair]] = {}  # by the left tool's category
        for pair in self.pairs:
            for published in (pair.left, pair.right):
                self.pairs_of.setdefault(published.tool.slug, []).append(pair)
            self.pairs_in.setdefault(pair.left.tool.category, []).append(pair)
        self.changes_of: dict[str, list[VerdictChange]] = {}
        for change in publication.changes:
            self.changes_of.setdefault(change.tool, []).append(change)

    def said_of(self, published: PublishedTool) -> Editorial | None:
        """Return the editors' own words about a tool."""
        return self.publication.editorial.tools.get(published.tool.slug)

    def said_of_pair(self, pair: Pair) -> Editorial | None:
        """Return the editors' own words about a comparison."""
        return self.said_of_both(pair.left, pair.right)

    def said_of_both(self, left: PublishedTool, right: PublishedTool) -> Editorial | None:
        """Return the editors' own words about the comparison of two tools."""
        return self.publication.editorial.pairs.get(frozenset((left.tool.slug, right.tool.slug)))

    def _pairs(self) -> list[Pair]:
        """Return the chosen pairs, then those of each category, without duplicates."""
        chosen = [
            (left, right)
            for left, right in self.publication.pairs
            if left in self.tools and right in self.tools
        ]
        found: dict[frozenset[str], tuple[str, str]] = {}
        for left, right in chosen:
            found.setdefault(frozenset((left, right)), (left, right))
        named = len(found)
        if self.site.all_pairs:
            for listing in self.categories:
                slugs = [e.tool.slug for e in sorted(listing.tools, key=_akin)]
                for left, right in islice(_rounds(slugs), self.site.max_pairs_per_category):
                    found.setdefault(frozenset((left, right)), (left, right))
        slugs_of = pair_slugs(list(found.values()))
        return [
            Pair(
                self.tools[left],
                self.tools[right],
                pair_path(slugs_of[left, right]),
                index < named,
            )
            for index, (left, right) in enumerate(found.values())
        ]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """The chosen pairs with a tool that is not published."""
        known = self.tools
        return [pair for pair in self.publication.pairs if not {*pair} <= known.keys()]

    def title(self, published: PublishedTool) -> str:
        """Return a tool's name for titles; with its slug where another tool has the same name."""
        tool = published.tool
        return f"{tool.name} ({tool.slug})" if self._named[tool.name] > 1 else tool.name

    def comparison(self, pair: Pair) -> Comparison:
        """Return a pair's two scorecards as a comparison."""
        model = str(self.publication.model)
        shown = self.publication
        return Comparison(pair.left.card, pair.right.card, model, shown.confidence)

    def pair(self, one: str, other: str) -> Pair | None:
        """Return the comparison of two tools, by their slugs; None where there is none."""
        return self._pair_of.get(frozenset((one, other)))

    @cached_property
    def lines_of(self) -> dict[str, list[tuple[PublishedTool, PersonaLine]]]:
        """Persona id → its line on every tool, newest tool first."""
        found: dict[str, list[tuple[PublishedTool, PersonaLine]]] = {}
        for published in self.newest:
            for line in published.card.lines:
                found.setdefault(line.persona, []).append((published, line))
        return found

    def base_rate(self, persona: str) -> Tally:
        """Count a persona's verdicts over all tools."""
        return _sum(line.tally for _published, line in self.lines_of.get(persona, ()))

    def base_rate_by_category(self, persona: str) -> list[tuple[Listing, Tally]]:
        """Count a persona's verdicts in each category where it has any."""
        counted: dict[str, Tally] = {}
        for published, line in self.lines_of.get(persona, ()):
            name = published.tool.category
            counted[name] = _sum((counted.get(name, Tally()), line.tally))
        return [
            (listing, counted[listing.name])
            for listing in self.categories
            if counted[listing.name].n or counted[listing.name].abstains
        ]

    @cached_property
    def figures(self) -> Figures:
        """The counts over all published takes."""
        takes = [take for published in self.newest for take in published_takes(published)]
        lines = [line for published in self.newest for line in published.card.lines]
        days = sorted(day(take.asked_at) for take in takes)
        return Figures(
            len(takes),
            _sum(line.tally for line in lines),
            tuple(sorted(Counter(take.output_mode for take in takes if take.output_mode).items())),
            days[0] if days else "",
            days[-1] if days else "",
            sum(take.stale for take in takes),
            tuple(sorted({who for take in takes for who in (take.editor, take.author) if who})),
            sum(line.confirmed for line in lines),
            sum(_worded(line) and not line.tally.n for line in lines),
            sum(bool(take.asked_again) for take in takes),
            sum(take.edited for take in takes),
        )

    @cached_property
    def health(self) -> PanelHealth:
        """As how many independent votes the panel counts, by the published votes alone."""
        return health(published.card for published in self.by_name)

    def price_is_stale(self, published: PublishedTool) -> bool:
        """Whether a price was checked too long ago, or never."""
        return price_is_old(published.tool, self.publication.today, self.site.stale_price_days)

    @cached_property
    def divided(self) -> list[PublishedTool]:
        """The tools on which one reviewer ships and another skips: the nearest to 50 % first.

        Of equal ones those come first on which one surely ships and another surely skips, then
        the most voted on, then the newest.
        """
        return sorted((each for each in self.newest if divided(each.card)), key=_distance)


def _worded(line: PersonaLine) -> bool:
    return line.take is not None and line.take.outcome == "verdict"


def published_takes(published: PublishedTool) -> list[Take]:
    """Return the takes whose words readers see."""
    takes = (line.take for line in published.card.lines)
    return [take for take in takes if take is not None and take.outcome == "verdict"]


def published_date(published: PublishedTool) -> str:
    """Return the day (ISO, UTC) of a tool's newest take; "" when it has none."""
    return max((day(take.asked_at) for take in published_takes(published)), default="")


def published_path(published: PublishedTool) -> str:
    """Return the file of a tool's page."""
    return tool_path(published.tool.slug)


def has_takes(published: PublishedTool, drafts: bool) -> bool:
    """Whether a tool has a take to publish."""
    return any(is_published(take, drafts) for take in published_takes(published))


def _listings(kind: str, placed: Iterable[tuple[str, PublishedTool]]) -> list[Listing]:
    listings: dict[str, list[PublishedTool]] = {}
    for name, published in placed:
        listings.setdefault(name, []).append(published)
    slugs = listing_slugs(listings)
    return [
        Listing(kind, name, slugs[name], tuple(tools))
        for name, tools in sorted(listings.items(), key=lambda pair: pair[0].casefold())
    ]


def _rounds(slugs: list[str]) -> Iterator[tuple[str, str]]:
    """Pair each tool with the next one, then with the one after that, until all are paired.

    Wherever the caller stops, every tool is in about the same number of pairs.
    """
    count = len(slugs)
    for step in range(1, count // 2 + 1):
        # Half way round, the second half would only repeat the pairs in reverse.
        for index in range(count // 2 if 2 * step == count else count):
            left, right = sorted((index, (index + step) % count))
            yield slugs[left], slugs[right]


def _akin(published: PublishedTool) -> tuple[list[str], str]:
    """Sort tools with similar tags next to each other: neighbours are worth comparing."""
    return sorted(tag.casefold() for tag in published.tool.tags), published.tool.slug


def _named(published: PublishedTool) -> tuple[str, str]:
    return published.tool.name.casefold(), published.tool.slug


def _distance(published: PublishedTool) -> tuple[float, bool, int]:
    result = published.card.result
    return abs((result.ship_percent or 0) - 50), not result.split, -result.n


def _sum(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, start=Tally())
