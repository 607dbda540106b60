"""Renders pages from templates: one layout, and pieces that many pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import urljoin

from jinja2 import Environment
from markupsafe import Markup

from panel.scorecard import PersonaLine
from panel.site import addresses
from panel.site.addresses import href, root_of
from panel.site.assets import HEADLINES, ICON, SCRIPT, STYLE, Assets
from panel.site.formats import environment
from panel.site.index import SiteIndex, published_date, published_path
from panel.site.jsonld import embed
from panel.site.media import picture
from panel.site.publication import PublishedTool
from panel.site.stories import edited
from panel.site.wording import (
    change_in_words,
    confirmation,
    headline,
    leanings,
    pair_shares,
    public_verdict,
    who_turned,
    word_of,
)
from panel.text import shortened

META = 200  # characters of a page's description
TITLE = 70  # characters of a title that search engines show whole


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file of the site: its path, and the function that makes its bytes.

    named: its name changes with what it shows, so that one that was made here is as it would be.
    """

    path: str
    make: Callable[[], bytes]
    named: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a page: title, one sentence, path of the picture or None, JSON-LD.

    canonical: path of the page that search engines are to know in its place.
    """

    title: str
    description: str
    picture: str | None = None
    linked: Sequence[dict[str, Any]] = ()
    kind: str = "website"
    canonical: str | None = None


def fitted(*titles: str) -> str:
    """Return the first title that search engines show whole; else the last."""
    return next((title for title in titles if len(title) <= TITLE), titles[-1])


class PageRenderer:
    """Renders pages of an index to bytes. Pieces that pages share are rendered only once.

    preview: they are shown to editors before they are published: marked, and without scripts.
    """

    def __init__(self, index: SiteIndex, assets: Assets, preview: bool = False) -> None:
        self.index = index
        self.assets = assets
        self.preview = preview
        self._cards: dict[str, Markup] = {}
        self._takes: dict[tuple[str, str], Markup] = {}

    @cached_property
    def environment(self) -> Environment:
        """The templates' environment, with what every page of this site uses."""
        publication = self.index.publication
        made = environment().overlay()
        made.globals = {
            **environment().globals,
            "site": self.index.site,
            "drafts": publication.drafts,
            "shown_as": publication.shown_as,
            "preview": self.preview,
            "demo": publication.demo,
            "has_forms": publication.has_forms,
            "edited": edited(publication),
            "model": str(publication.model),
            "index": self.index,
            "at": addresses,
            "path_of": published_path,
            "date_of": published_date,
            "link": self.link,
            "told": change_in_words,
            "who_turned": who_turned,
            "leanings": leanings,
            "pair_shares": pair_shares,
            "shown_picture": partial(picture, publication.media),
            "portraits": {
                persona.id: shown
                for persona in publication.personas
                if (shown := picture(publication.media, persona.portrait, "portrait"))
            },
        }
        made.filters = {
            **environment().filters,
            **{each.__name__: each for each in (public_verdict, confirmation, headline, word_of)},
        }
        return made

    def link(self, root: str, path: str) -> str:
        """Return the address of a file, relative to a page whose way to the root is ``root``."""
        return root + href(path)

    def absolute(self, path: str) -> str | None:
        """Return a file's full address; None when the site's address is not known."""
        base = self.index.site.base_url
        if base is None:
            return None
        return urljoin(base, "" if path == addresses.HOME else href(path))

    def page(self, path: str, template: str, head: Head, **context: Any) -> bytes:
        """Render one page; ``template`` is a name below templates/site, without its ending."""
        root = context.pop("root", None)
        root = root_of(path) if root is None else root
        text = self.environment.get_template(f"site/{template}.html.j2").render(
            root=root,
            path=path,
            head=head,
            title=self._title(path, head),
            meta=shortened(head.description, META),
            address=self.absolute(head.canonical or path),
            picture=self.absolute(head.picture) if head.picture else None,
            linked=[embed(each) for each in head.linked],
            style=root + href(self.assets.path(STYLE)),
            script=root + href(self.assets.path(SCRIPT)),
            icon=root + href(self.assets.path(ICON)),
            font=root + href(self.assets.path(HEADLINES)),
            **context,
        )
        return text.encode("utf-8", "replace")

    def _title(self, path: str, head: Head) -> str:
        if path == addresses.HOME:
            return head.title
        return fitted(f"{head.title} · {self.index.site.title}", head.title)

    def card(self, published: PublishedTool) -> Markup:
        """Render a tool's card for comparison pages, which are one folder deep."""
        slug = published.tool.slug
        if slug not in self._cards:
            self._cards[slug] = self._piece("card", published=published)
        return self._cards[slug]

    def take(self, published: PublishedTool, line: PersonaLine) -> Markup:
        """Render a take for comparison pages."""
        key = (published.tool.slug, line.persona)
        if key not in self._takes:
            self._takes[key] = self._piece("take", published=published, line=line)
        return self._takes[key]

    def _piece(self, name: str, **context: Any) -> Markup:
        template = self.environment.get_template(f"site/{name}.html.j2")
        return Markup(template.render(root="../", **context))  # noqa: S704 - an escaping template's
