"""Persona pages: what each asks, and how often it ships; and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from panel.site import addresses
from panel.site.addresses import persona_path
from panel.site.formats import interval_text, percent
from panel.site.index import SiteIndex
from panel.site.render import Head, OutputFile, PageRenderer
from panel.stats import Tally, combine
from panel.workspace.personas import Persona

SHELVES, VERDICTS = 40, 40


def sheets(press: PageRenderer) -> Iterator[OutputFile]:
    """Give every persona's page, and the list of personas."""
    personas = press.contents.publication.personas
    for persona in personas:
        yield OutputFile(persona_path(persona.id), partial(_page, press, persona))
    head = Head("The reviewers", "Who reviews here: personas of one language model.")
    context = {"personas": introduced(press.contents)}
    yield OutputFile(
        addresses.PERSONAS, lambda: press.page(addresses.PERSONAS, "personas", head, **context)
    )


def introduced(contents: SiteIndex) -> list[tuple[Persona, str, Tally]]:
    """Return the panel in order: persona, its page, how often it ships."""
    return [
        (persona, persona_path(persona.id), contents.base_rate(persona.id))
        for persona in contents.publication.personas
    ]


def _page(press: PageRenderer, persona: Persona) -> bytes:
    contents, path = press.contents, persona_path(persona.id)
    rate = contents.base_rate(persona.id)
    shelves = [pair for pair in contents.base_rate_by_category(persona.id) if pair[1].n]
    shelves.sort(key=lambda pair: (-pair[1].n, pair[0].name.casefold()))
    said = f"Ships {rate.ships} of {rate.n}"
    if rate.interval is not None:
        share, interval = percent(rate.ship_percent), interval_text(rate.interval)
        said += f" ({share}, 95 % interval {interval})"
    voted = [
        (edition, line)
        for edition, line in contents.lines_of.get(persona.id, ())
        if line.take is not None and line.take.outcome == "verdict"
    ]
    return press.page(
        path,
        "persona",
        Head(f"{persona.name}, a reviewer", f"{persona.motto} {said}."),
        persona=persona,
        rate=rate,
        result=combine([rate]),
        shelves=shelves[:SHELVES],
        more_shelves=max(0, len(shelves) - SHELVES),
        verdicts=voted[:VERDICTS],
    )
