"""Gathers what a site is made of: published scorecards, their history, the real prompts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from panel import __version__
from panel.cells.cells import Target
from panel.cells.shared import request_sampling
from panel.errors import UsageError
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.renames import all_renames, vote_ids_of
from panel.results.confidence import may_be_shown
from panel.results.editors_part import with_editors_part
from panel.results.media import media_of
from panel.results.scorecards import answered, scorecards_of
from panel.scorecard import EDITED, Scorecard, VerdictChange, is_published, published
from panel.site.index import has_takes
from panel.site.publication import Partial, Publication, PublishedTool
from panel.stats import Tally
from panel.store.connection import Connection
from panel.store.decisions import review_states
from panel.store.history import FIRST, changes
from panel.workspace.editorial import EditorialFiles
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.personas import Persona
from panel.workspace.settings import SiteSettings
from panel.workspace.validation import did_you_mean


def publication(
    workspace: WorkspaceFiles,
    target: Target,
    connection: Connection,
    drafts: bool = False,
    base_url: str | None = None,
    votes: Mapping[str, Tally] | None = None,
) -> Publication:
    """Gather all that ``panel.site.build`` needs, of the target's model and tools.

    base_url stands over the settings'. votes: readers' votes by vote id. Raises UsageError
    for a pair of panel.toml that names no tool, a persona that is not on the panel, and when the
    store has nothing of the model.
    """
    site = _addressed(workspace.settings.site, base_url)
    settings = workspace.settings.model_copy(update={"site": site})
    found = answered(target, connection)
    cards = scorecards_of(target, found, published=not drafts)
    files = replace(workspace, settings=settings)
    gathered = published_cards(files, target, connection, cards, drafts, votes)
    return replace(gathered, waiting=sum(entry.waits for entry in found))


def published_cards(
    workspace: WorkspaceFiles,
    target: Target,
    connection: Connection,
    found: Sequence[Scorecard],
    drafts: bool = False,
    votes: Mapping[str, Tally] | None = None,
) -> Publication:
    """Gather the same of scorecards that are there already, in the order of the target's tools."""
    site = workspace.settings.site
    found = with_editors_part(found, connection)
    today = datetime.now(UTC).date()
    held = {tool.slug for tool in target.tools if tool.held(today)}
    open_to_all = found if drafts else [card for card in found if card.tool not in held]
    joined = _drafted(found) if drafts else _joined(open_to_all, connection)
    personas = _named(site, target, joined)
    cards = {card.tool: as_readers_see(card, personas, drafts) for card in found}
    shaped = (PublishedTool(tool, cards[tool.slug]) for tool in target.tools)
    ready = [each for each in shaped if has_takes(each, drafts)]
    tools = tuple(each for each in ready if drafts or each.tool.slug not in held)
    public = {each.tool.slug for each in tools}
    history = changes(connection)
    shown = tools[0].tool if tools else None
    frozen = read_frozen(workspace.root / FOLDER)
    ids = vote_ids_of(workspace, frozen, connection)
    return Publication(
        site=site,
        tools=tools,
        personas=personas,
        model=target.model,
        today=today,
        pairs=_pairs(workspace, site),
        changes=tuple(_changes(history, tools)),
        systems={each.id: workspace.prompts.system_text(each) for each in personas},
        review=workspace.prompts.review_text(shown) if shown else "",
        review_of=shown.name if shown else "",
        guidance=workspace.prompts.guidance_text("The editor’s note."),
        sampling=request_sampling(target.endpoint, 1),
        votes={slug: votes[each] for slug, each in ids.items() if votes and each in votes},
        vote_ids={slug: each for slug, each in ids.items() if slug in public and slug != each},
        renames=tuple(all_renames(workspace, frozen, connection)),
        confidence=may_be_shown(connection, str(target.model)),
        drafts=drafts,
        version=__version__,
        editorial=_about(workspace.editorial, public),
        media=media_of(workspace, (each.tool for each in tools), personas),
        held=tuple(each.tool.name for each in ready if each.tool.slug in held),
        partial=() if drafts else tuple(_partial(tools, found)),
    )


def _partial(tools: Iterable[PublishedTool], found: Iterable[Scorecard]) -> Iterator[Partial]:
    """Yield the tools of which readers see fewer of their reviewers than have a take."""
    known = {card.tool: card for card in found}
    for tool, card in ((each.tool, each.card) for each in tools):
        shown = {line.persona for line in card.lines if line.take}
        public = {line.persona for line in card.lines}
        lines = [line for line in known[tool.slug].lines if line.persona in public]
        have = {line.persona for line in lines if line.take and line.take.outcome == "verdict"}
        if left := have - shown:
            yield Partial(tool.name, shown=len(have) - len(left), of=len(have))


def _about(files: EditorialFiles, slugs: Collection[str]) -> EditorialFiles:
    """Return the editors' words about these tools: of one that is held back nothing is told."""
    front = files.front
    if front is not None and front.lead is not None and front.lead not in slugs:
        front = front.model_copy(update={"lead": None, "headline": None, "standfirst": None})
    return replace(
        files,
        front=front,
        tools={slug: said for slug, said in files.tools.items() if slug in slugs},
        pairs={pair: said for pair, said in files.pairs.items() if pair <= {*slugs}},
    )


def _changes(
    history: Iterable[VerdictChange], tools: Iterable[PublishedTool]
) -> list[VerdictChange]:
    """Return the changes of the verdicts that are shown, newest first.

    A draft that was never published is shown as a first verdict, of the day it was asked.
    """
    shown = {
        (published.tool.slug, line.persona): (line.take, published.card.model)
        for published in tools
        for line in published.card.lines
        if line.take is not None and line.take.outcome == "verdict"
    }
    found = [change for change in history if (change.tool, change.persona) in shown]
    known = {(change.tool, change.persona) for change in found}
    for (tool, persona), (take, model) in shown.items():
        if (tool, persona) not in known and take.verdict is not None:
            told = (take.verdict, take.asked_at, FIRST, model, take.demo)
            first = VerdictChange(tool, persona, None, *told)
            if take.verdict_reason:
                first = replace(first, reason=EDITED, editor=take.editor, said=take.answered)
            found.append(replace(first, asked_again=take.asked_again))
    return sorted(found, key=lambda change: change.changed_at, reverse=True)


def _named(site: SiteSettings, target: Target, joined: set[str]) -> tuple[Persona, ...]:
    """Return the personas of ``[site]``, or else those that have joined."""
    ids = [persona.id for persona in target.personas]
    for name in site.personas or ():
        if name not in ids:
            hint = did_you_mean(name, ids)
            raise UsageError(f"panel.toml, site.personas: {name!r} is not on the panel. {hint}")
    shown = joined if site.personas is None else {*site.personas}
    return tuple(persona for persona in target.personas if persona.id in shown)


def _drafted(cards: Iterable[Scorecard]) -> set[str]:
    takes = ((line.persona, line.take) for card in cards for line in card.lines)
    return {persona for persona, take in takes if take and take.outcome == "verdict"}


def _joined(cards: Iterable[Scorecard], connection: Connection) -> set[str]:
    """Return who has an approved take anywhere, or has answered about a published tool.

    Without the second, a site with one approved take of four would say that all are for it.
    """
    approved = ((pair, review.published) for pair, review in review_states(connection).items())
    joined = {persona for (_tool, persona), words in approved if words is not None}
    for card in cards:
        takes = (line.take for line in card.lines)
        if any(take and take.outcome == "verdict" and is_published(take) for take in takes):
            joined |= {line.persona for line in card.lines if line.tally.n or line.tally.abstains}
    return joined


def as_readers_see(card: Scorecard, personas: Sequence[Persona], drafts: bool) -> Scorecard:
    """Return a scorecard with the published takes of the personas that readers see."""
    public = {persona.id for persona in personas}
    lines = tuple(line for line in card.lines if line.persona in public)
    return published(replace(card, lines=lines), drafts)


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


def _pairs(workspace: WorkspaceFiles, site: SiteSettings) -> tuple[tuple[str, str], ...]:
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
