"""The methodology page (prompts, model, figures), and the page of all changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from panel.site import addresses
from panel.site.health import sentence, warning
from panel.site.pages.personas import introduced
from panel.site.pages.tools import persona_names
from panel.site.render import Head, OutputFile, PageRenderer
from panel.text import shortened

PROMPTS = 60_000  # characters of all system messages together, to keep the page small
QUESTION = 6_000
CHANGES = 100


def output_files(renderer: PageRenderer) -> Iterator[OutputFile]:
    """Yield the methodology page and the page of changes."""
    yield OutputFile(addresses.METHODOLOGY, lambda: _methodology(renderer))
    yield OutputFile(addresses.CHANGES, lambda: _changes(renderer))


def _methodology(renderer: PageRenderer) -> bytes:
    index = renderer.index
    publication = index.publication
    systems = [
        (persona, publication.systems[persona.id])
        for persona in publication.personas
        if persona.id in publication.systems
    ]
    shipped = {rate.persona: rate.votes for rate in index.health.personas}
    each = PROMPTS // max(1, len(systems))
    return renderer.page(
        addresses.METHODOLOGY,
        "methodology",
        Head("How it works", "What a panel of personas is asked, who checks it, what it means."),
        personas=introduced(index),
        names=persona_names(index),
        health=index.health,
        sentence=sentence(index.health, str(publication.model)),
        warned=warning(index.health),
        shipped=shipped,
        repeated=any(
            index.base_rate(who).n != votes.n for who, votes in shipped.items()
        ),  # else the votes on tools are the answers
        guidance=publication.guidance if index.figures.asked_again else "",
        systems=[(persona, shortened(text, each), len(text) > each) for persona, text in systems],
        review=shortened(publication.review, QUESTION),
        review_cut=len(publication.review) > QUESTION,
        review_of=publication.review_of,
        sampling=_settings(publication.sampling),
        version=publication.version,
    )


def _settings(sampling: Any) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in sampling.items()]


def _changes(renderer: PageRenderer) -> bytes:
    index = renderer.index
    changed = [each for each in index.publication.changes if each.before is not None]
    return renderer.page(
        addresses.CHANGES,
        "changes",
        Head("What changed", "Every verdict that changed, and what had changed in the question."),
        changes=changed[:CHANGES],
        older=max(0, len(changed) - CHANGES),
        names=persona_names(index),
    )
