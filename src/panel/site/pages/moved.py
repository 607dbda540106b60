"""Pages at addresses that a tool or persona had under another name: each leads to the new one.

They work on any static host: the browser follows a meta refresh, search engines the canonical
address. Hosts that read a file ``_redirects`` answer with 301; so does ``panel serve``.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import partial
from urllib.parse import quote, urlsplit

from panel.site import addresses
from panel.site.addresses import href
from panel.site.output import is_inside
from panel.site.render import Head, OutputFile, PageRenderer


def output_files(renderer: PageRenderer, pages: Container[str]) -> Iterator[OutputFile]:
    """Yield a page for each old address, unless there is a page of the site at it; a list of them.

    pages: the paths of the site's pages; an address that would lead to none of them is left out.
    """
    made: dict[str, str] = {}
    for was, now, name in _addresses(renderer):
        # An old name may come from a file of verdicts that somebody has written.
        if now in pages and was not in pages and was not in made and is_inside(was):
            made[was] = now
            yield OutputFile(was, partial(_page, renderer, was, now, name))
    if made:
        yield OutputFile(addresses.REDIRECTS, lambda: redirects(renderer, made))


def redirects(renderer: PageRenderer, made: Mapping[str, str]) -> bytes:
    """Return the file that many static hosts read: old address, new address, 301, on each line."""
    # Encoded as the rest is: hosts read ':' and '*' as what stands for any name.
    root = quote(urlsplit(renderer.index.site.base_url or "/").path, safe="/%")
    lines = (f"{root}{href(was)} {root}{href(now)} 301\n" for was, now in sorted(made.items()))
    return "".join(lines).encode()


def _addresses(renderer: PageRenderer) -> Iterator[tuple[str, str, str]]:
    """Yield old path, present path and title of what was renamed."""
    index = renderer.index
    names = {persona.id: persona.name for persona in index.publication.personas}
    for rename in index.publication.renames:
        if rename.of == "persona":
            was, now = map(addresses.persona_path, (rename.was, rename.now))
            yield was, now, names.get(rename.now, rename.now)
            continue
        published = index.tools.get(rename.now)
        if published is None:
            continue
        was, now = map(addresses.tool_path, (rename.was, rename.now))
        yield was, now, published.tool.name
        for pair in index.pairs_of.get(rename.now, ()):
            sides = (pair.left.tool.slug, pair.right.tool.slug)
            before = tuple(rename.was if slug == rename.now else slug for slug in sides)
            (name,) = addresses.pair_slugs([(before[0], before[1])]).values()
            title = f"{pair.left.tool.name} vs {pair.right.tool.name}"
            yield addresses.pair_path(name), pair.path, title


def _page(renderer: PageRenderer, was: str, now: str, name: str) -> bytes:
    head = Head(name, f"{name} has another address now.")
    to = renderer.link(addresses.root_of(was), now)
    return renderer.page(was, "moved", head, to=to, now=renderer.absolute(now))
