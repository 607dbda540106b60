"""Persona pages: what each persona asks and how often it ships; and their list."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.site import addresses
from panel.site.addresses import persona_path
from panel.site.formats import interval_text, percent
from panel.site.index import SiteIndex
from panel.site.render import Head, OutputFile, PageRenderer
from panel.site.wording import without_votes
from panel.stats import Tally, combine
from panel.text import sentence
from panel.workspace.personas import Persona

LISTINGS, VERDICTS = 40, 40


def output_files(renderer: PageRenderer) -> Iterator[OutputFile]:
    """Yield every persona's page, and the list of personas."""
    personas = renderer.index.publication.personas
    for persona in personas:
        yield OutputFile(persona_path(persona.id), partial(_page, renderer, persona))
    head = Head("The reviewers", "Who reviews here: personas of one language model.")
    context = {"personas": introduced(renderer.index)}
    yield OutputFile(
        addresses.PERSONAS, lambda: renderer.page(addresses.PERSONAS, "personas", head, **context)
    )


def introduced(index: SiteIndex) -> list[tuple[Persona, str, Tally, str]]:
    """Return (persona, path of its page, its verdicts, what to say without any) for the panel."""
    return [
        (persona, persona_path(persona.id), index.base_rate(persona.id), unvoted(index, persona.id))
        for persona in index.publication.personas
    ]


def unvoted(index: SiteIndex, persona: str) -> str:
    """Say of a persona without a vote whether it has verdicts that are read all the same."""
    lines = (line for _published, line in index.lines_of.get(persona, ()))
    return without_votes(lines, index.publication.shown_as)


def _page(renderer: PageRenderer, persona: Persona) -> bytes:
    index, path = renderer.index, persona_path(persona.id)
    rate = index.base_rate(persona.id)
    listings = [pair for pair in index.base_rate_by_category(persona.id) if pair[1].n]
    listings.sort(key=lambda pair: (-pair[1].n, pair[0].name.casefold()))
    said = f"Ships {rate.ships} of {rate.n}" if rate.n else unvoted(index, persona.id)
    said = "Played by a demo model, whose verdicts are no judgement" if rate.demo else said
    if rate.interval is not None:
        share, interval = percent(rate.ship_percent), interval_text(rate.interval)
        said += f" ({share}, 95 % interval {interval})"
    voted = [
        (published, line)
        for published, line in index.lines_of.get(persona.id, ())
        if line.take is not None and line.take.outcome == "verdict"
    ]
    return renderer.page(
        path,
        "persona",
        Head(f"{persona.name}, a reviewer", f"{sentence(persona.motto)} {said}."),
        persona=persona,
        rate=rate,
        unvoted=unvoted(index, persona.id),
        result=combine([rate]),
        listings=listings[:LISTINGS],
        more_listings=max(0, len(listings) - LISTINGS),
        verdicts=voted[:VERDICTS],
    )
