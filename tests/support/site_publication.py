"""Small publications for tests of the site: the seed page's two tools, and made-up ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from panel.cells.cells import ModelIdentity
from panel.scorecard import PersonaLine, Scorecard, Take, VerdictChange
from panel.site.publication import Publication, PublishedTool
from panel.stats import Tally, combine
from panel.workspace.personas import Persona, load_personas
from panel.workspace.prompts import load_prompts
from panel.workspace.settings import SiteSettings
from panel.workspace.tools import Tool, load_catalog
from tests.support.seed_takes import CODESTRAL, MISTRAL, TAKES

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 24)
MODEL = ModelIdentity("local", "some-model")
ASKED = "2026-11-23T22:15:00Z"


def a_take(persona: Persona, fields: dict[str, Any], **changed: Any) -> Take:
    labels = {beat.id: beat.label for beat in persona.beats}
    take = Take(
        outcome="verdict",
        verdict=fields["verdict"],
        confidence=fields["confidence"],
        take=" ".join(fields["beats"].values()),
        beats=tuple((labels.get(beat, beat), text) for beat, text in fields["beats"].items()),
        evidence=tuple(fields["evidence"]),
        reason=None,
        asked_at=ASKED,
        output_mode="json_schema",
        stale=False,
        state="approved",
        editor="Ada",
    )
    return replace(take, **changed)


def a_line(persona: Persona, take: Take | None) -> PersonaLine:
    voted = take.verdict if take is not None and take.outcome == "verdict" else None
    tally = Tally().plus("verdict", voted) if voted else Tally()
    return PersonaLine(persona.id, persona.name, persona.motto, tally, take)


def an_edition(tool: Tool, lines: list[PersonaLine]) -> PublishedTool:
    card = Scorecard(
        tool=tool.slug,
        name=tool.name,
        tagline=tool.tagline,
        category=tool.category,
        entry_price=tool.pricing.entry,
        description=tool.description,
        url=tool.url,
        model=str(MODEL),
        lines=tuple(lines),
        result=combine([line.tally for line in lines]),
    )
    return PublishedTool(tool, card)


def as_demo(card: Scorecard) -> Scorecard:
    """Return a scorecard as if a demo model had picked its takes."""
    lines = tuple(
        replace(
            line,
            tally=replace(line.tally, demo=True),
            take=line.take and replace(line.take, demo=True, picked=True),
        )
        for line in card.lines
    )
    return replace(card, lines=lines, result=combine([line.tally for line in lines]))


def demo_publication(publication: Publication) -> Publication:
    """Return a publication as if a demo model had picked its takes."""
    shown = (replace(each, card=as_demo(each.card)) for each in publication.tools)
    return replace(publication, tools=tuple(shown))


def seed_publication(**changed: Any) -> Publication:
    """Return the seed page's two tools with the eight takes written for tests."""
    personas = load_personas(ROOT / "personas")
    prompts = load_prompts(ROOT / "prompts")
    tools = {tool.slug: tool for tool in load_catalog(ROOT / "tools")}
    editions = [
        an_edition(
            tools[slug],
            [a_line(persona, a_take(persona, TAKES[slug, persona.id])) for persona in personas],
        )
        for slug in (CODESTRAL, MISTRAL)
    ]
    publication = Publication(
        site=SiteSettings(
            title="Ship or Skip Weekly",
            base_url="https://verdicts.example/panel/",
            author="The Editors",
            contact="desk@verdicts.example",
        ),
        tools=tuple(editions),
        personas=tuple(personas),
        model=MODEL,
        today=TODAY,
        pairs=((MISTRAL, CODESTRAL),),
        changes=tuple(
            VerdictChange(slug, persona.id, None, "ship", ASKED, "new", str(MODEL))
            for slug in (CODESTRAL, MISTRAL)
            for persona in personas
        ),
        systems={persona.id: prompts.system_text(persona) for persona in personas},
        review=prompts.review_text(tools[CODESTRAL]),
        review_of=tools[CODESTRAL].name,
        sampling={"temperature": 0.7, "max_tokens": 1500},
        version="0.1.0",
    )
    return replace(publication, **changed)
