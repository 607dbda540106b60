"""Pages of the site, read as a browser would read them, and publications to make them from."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from panel.scorecard import published
from panel.site.build import SiteBuilder
from panel.site.publication import Publication, PublishedTool
from panel.stats import Tally
from tests.support.seed_takes import CODESTRAL, MISTRAL, TAKES
from tests.support.site_publication import a_line, a_take, an_edition, seed_publication

VOID = {"meta", "br", "hr", "img", "input", "link"}

VERSUS = f"compare/{MISTRAL}-vs-{CODESTRAL}.html"


def files_of(publication: Publication) -> dict[str, bytes]:
    """Return every file but the pictures."""
    return {s.path: s.make() for s in SiteBuilder(publication).files if not s.named}


class Reading(HTMLParser):
    """A page's tags in order, its visible text, and its JSON-LD."""

    def __init__(self, page: str | bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.linked: list[Any] = []
        self.feed(page if isinstance(page, str) else page.decode())
        self.close()
        self.text = " ".join("".join(self.words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.linked.append(json.loads(data))
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]

    def metas(self, name: str) -> list[str | None]:
        return [
            attrs.get("content")
            for tag, attrs in self.tags
            if tag == "meta" and name in (attrs.get("name"), attrs.get("property"))
        ]


def page(publication: Publication, path: str) -> Reading:
    """Read one page of a publication."""
    [file] = [file for file in SiteBuilder(publication).files if file.path == path]
    return Reading(file.make())


def with_take(publication: Publication, place: int = 0, **changed: Any) -> Publication:
    """Return the publication with Codestral's take of one persona changed, and its vote."""
    first, *rest = publication.tools
    lines = list(first.card.lines)
    take = lines[place].take
    assert take is not None
    made = replace(take, **changed)
    votes = Tally().plus(made.outcome, made.verdict)
    lines[place] = replace(lines[place], take=made, tally=votes)
    card = published(replace(first.card, lines=tuple(lines)), publication.drafts)
    return replace(publication, tools=(replace(first, card=card), *rest))


def with_forms(publication: Publication, **changed: Any) -> Publication:
    """Return the publication of a site that takes votes and subscriptions."""
    site = publication.site.model_copy(update={"community": True})
    return replace(publication, site=site, **changed)


def with_tool(publication: Publication, **changed: Any) -> Publication:
    """Return the publication with fields of Codestral changed."""
    first, *rest = publication.tools
    tool = first.tool.model_copy(update=changed)
    return replace(publication, tools=(PublishedTool(tool, first.card), *rest))


def made_up(count: int, **site: Any) -> Publication:
    """Return a publication of so many made-up tools; ``site``: changed settings."""
    base = seed_publication()
    first = base.tools[0]
    take = a_take(base.personas[0], TAKES[CODESTRAL, "builder"])
    editions = tuple(
        an_edition(
            first.tool.model_copy(update={"slug": f"t{n:03}", "name": f"T{n:03}", "tags": ()}),
            [a_line(persona, take) for persona in base.personas],
        )
        for n in range(count)
    )
    return replace(
        base, tools=editions, pairs=(), changes=(), site=base.site.model_copy(update=site)
    )
