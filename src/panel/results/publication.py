"""Gathers what a site is made of: published scorecards, their history, the real prompts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from panel import __version__
from panel.cells.cells import request_sampling
from panel.errors import UsageError
from panel.results.scorecards import scorecards
from panel.runs.selection import Prepared
from panel.scorecard import Scorecard, published
from panel.site.index import has_takes, seen_changes
from panel.site.publication import Publication, PublishedTool
from panel.stats import Tally
from panel.store.history import changes
from panel.store.queries import opened
from panel.workspace.loading import Workspace
from panel.workspace.settings import SiteSettings
from panel.workspace.validation import did_you_mean


def publication(
    workspace: Workspace,
    prepared: Prepared,
    drafts: bool = False,
    base_url: str | None = None,
    votes: Mapping[str, Tally] | None = None,
) -> Publication:
    """Gather all that ``panel.site.build`` needs, of the prepared model and tools.

    base_url stands over the settings'. votes: readers' votes by tool slug. Raises UsageError
    for a pair of panel.toml that names no tool, and when the store has nothing of the model.
    """
    site = _addressed(workspace.settings.site, base_url)
    pairs = _pairs(workspace, site)
    found = scorecards(workspace, prepared, published=not drafts)
    cards = {card.tool: card for card in found}
    shaped = (PublishedTool(tool, published(cards[tool.slug], drafts)) for tool in prepared.tools)
    tools = tuple(each for each in shaped if has_takes(each, drafts))
    with opened(workspace.runs) as connection:
        history = changes(connection, prepared.model)
    shown = tools[0].tool if tools else None
    return Publication(
        site=site,
        tools=tools,
        personas=tuple(prepared.personas),
        model=prepared.model,
        today=datetime.now(UTC).date(),
        pairs=pairs,
        changes=tuple(seen_changes(history, tools, drafts)),
        systems={each.id: workspace.prompts.system_text(each) for each in prepared.personas},
        review=workspace.prompts.review_text(shown) if shown else "",
        review_of=shown.name if shown else "",
        sampling=request_sampling(prepared.endpoint, 1),
        votes=votes or {},
        embedded=prepared.endpoint.profile == "embedded",
        drafts=drafts,
        version=__version__,
    )


def unapproved(workspace: Workspace, prepared: Prepared) -> int:
    """Count the takes that wait for an editor."""
    return sum(map(_waiting, scorecards(workspace, prepared)))


def _waiting(card: Scorecard) -> int:
    takes = [line.take for line in card.lines if line.take is not None]
    return sum(take.outcome == "verdict" and take.state in ("draft", "edited") for take in takes)


def _addressed(site: SiteSettings, base_url: str | None) -> SiteSettings:
    if base_url is None:
        return site
    try:
        return SiteSettings.model_validate(site.model_dump() | {"base_url": base_url})
    except ValueError:
        raise UsageError(
            f"{base_url!r} is not the address of a site. Write one such as "
            "https://verdicts.example.org/, without '?', '#' or a password."
        ) from None


def _pairs(workspace: Workspace, site: SiteSettings) -> tuple[tuple[str, str], ...]:
    """Return the chosen pairs as slugs; each may be written as slugs or as names."""
    slugs = {tool.name: tool.slug for tool in workspace.tools}
    slugs |= {tool.slug: tool.slug for tool in workspace.tools}
    pairs = []
    for left, right in site.pairs:
        for name in (left, right):
            if name not in slugs:
                hint = did_you_mean(name, slugs)
                raise UsageError(f"panel.toml, site.pairs: there is no tool {name!r}. {hint}")
        if slugs[left] == slugs[right]:
            raise UsageError(
                f"panel.toml, site.pairs: {left!r} and {right!r} are the same tool. Name two."
            )
        pairs.append((slugs[left], slugs[right]))
    return tuple(pairs)
