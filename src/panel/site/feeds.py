"""Files for programs: the Atom feed, sitemaps, robots.txt and the search index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from panel.hashing import text_hash
from panel.scorecard import PICKED, VerdictChange
from panel.site import addresses
from panel.site.addresses import href
from panel.site.index import SiteIndex, published_date, published_path, published_takes
from panel.site.pages.tools import persona_names, summary
from panel.site.publication import PublishedTool
from panel.site.render import OutputFile, PageRenderer
from panel.text import clean, shortened, utc

ATOM = "http://www.w3.org/2005/Atom"
SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
ENTRIES = 50
MOST_ADDRESSES = 50_000  # in one sitemap, by the standard
NOTE = 90  # characters of a note in the search index
EPOCH = "1970-01-01T00:00:00Z"

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def output_files(renderer: PageRenderer, pages: Sequence[str]) -> Iterator[OutputFile]:
    """Yield the feed, robots.txt, the search index and, for a site with an address, sitemaps.

    ``pages`` are the paths of all pages, in order.
    """
    index = renderer.index
    yield OutputFile(addresses.FEED, lambda: atom(renderer))
    yield OutputFile(addresses.SEARCH, lambda: search_index(index))
    maps: list[str] = []
    # What is not for readers is not for search engines either.
    if index.site.base_url is not None and not _hidden(index):
        dated = _dates(index)
        listed = [path for path in pages if path.endswith(".html") and path != addresses.NOT_FOUND]
        parts = [listed[i : i + MOST_ADDRESSES] for i in range(0, len(listed), MOST_ADDRESSES)]
        maps = [addresses.SITEMAP] if len(parts) == 1 else [
            f"sitemap-{number}.xml" for number in range(1, len(parts) + 1)
        ]  # fmt: skip
        for path, part in zip(maps, parts, strict=True):
            yield OutputFile(path, lambda part=part: sitemap(renderer, part, dated))  # type: ignore[misc]
        if len(parts) > 1:
            yield OutputFile(addresses.SITEMAP, lambda: sitemap_index(renderer, maps))
    yield OutputFile(addresses.ROBOTS, lambda: robots(renderer, bool(maps)))


def _hidden(index: SiteIndex) -> bool:
    return index.publication.drafts or index.publication.demo


def robots(renderer: PageRenderer, mapped: bool) -> bytes:
    """Return robots.txt: it allows everything, or nothing of a site that is not for readers."""
    if _hidden(renderer.index):
        return b"User-agent: *\nDisallow: /\n"
    lines = ["User-agent: *", "Disallow:"]
    if mapped:
        lines.append(f"Sitemap: {renderer.absolute(addresses.SITEMAP)}")
    return ("\n".join(lines) + "\n").encode()


def search_index(index: SiteIndex) -> bytes:
    """Return the search index: [name, address, note] of tools, categories and personas."""
    rows = [
        [clean(e.tool.name), href(published_path(e)), shortened(e.tool.tagline, NOTE)]
        for e in index.by_name
    ]
    rows += [[clean(s.name), href(s.path), "Category"] for s in index.categories]
    rows += [
        [clean(p.name), href(addresses.persona_path(p.id)), "Reviewer"]
        for p in index.publication.personas
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def sitemap(renderer: PageRenderer, paths: Sequence[str], dated: dict[str, str]) -> bytes:
    """Return a sitemap of these pages, each with the day of its content if it has one."""
    root = ET.Element("urlset", xmlns=SITEMAPS)
    for path in paths:
        entry = ET.SubElement(root, "url")
        ET.SubElement(entry, "loc").text = renderer.absolute(path)
        if dated.get(path):
            ET.SubElement(entry, "lastmod").text = dated[path]
    return _xml(root)


def sitemap_index(renderer: PageRenderer, maps: Sequence[str]) -> bytes:
    """Return the list of sitemaps."""
    root = ET.Element("sitemapindex", xmlns=SITEMAPS)
    for path in maps:
        ET.SubElement(ET.SubElement(root, "sitemap"), "loc").text = renderer.absolute(path)
    return _xml(root)


def _dates(index: SiteIndex) -> dict[str, str]:
    dated = {published_path(published): published_date(published) for published in index.newest}
    dated |= {pair.path: pair.date for pair in index.pairs}
    if index.newest:
        dated[addresses.HOME] = published_date(index.newest[0])
    return {path: date for path, date in dated.items() if re.fullmatch(r"\d{4}-\d\d-\d\d", date)}


def atom(renderer: PageRenderer) -> bytes:
    """Return the Atom feed: the newest tools and the newest changes of verdicts."""
    index = renderer.index
    entries = [_tool_entry(renderer, published) for published in index.newest[:ENTRIES]]
    entries += [
        _change_entry(renderer, change)
        for change in index.publication.changes[: 4 * ENTRIES]
        if change.before is not None and change.tool in index.tools
    ]
    entries.sort(key=_updated, reverse=True)
    root = ET.Element("feed", xmlns=ATOM)
    _add(root, "title", index.site.title)
    _add(root, "subtitle", index.site.description)
    _add(root, "id", renderer.absolute(addresses.HOME) or _urn(index.site.title))
    _add(root, "updated", _updated(entries[0]) if entries else EPOCH)
    for rel, path in (("self", addresses.FEED), ("alternate", addresses.HOME)):
        ET.SubElement(root, "link", rel=rel, href=renderer.absolute(path) or path)
    author = ET.SubElement(root, "author")
    _add(author, "name", index.site.author or index.site.title)
    checked = "Not all are approved." if index.publication.drafts else "Editors approved them."
    made = f"{PICKED}." if index.publication.demo else "Takes are written by a language model."
    _add(root, "rights", f"{made} {checked}")
    root.extend(entries[:ENTRIES])
    return _xml(root)


def _tool_entry(renderer: PageRenderer, published: PublishedTool) -> ET.Element:
    path, takes = published_path(published), published_takes(published)
    address = renderer.absolute(path)
    entry = ET.Element("entry")
    _add(entry, "title", f"{published.tool.name}: ship or skip?")
    _add(entry, "id", address or _urn(path))
    _add(entry, "updated", max((_moment(take.asked_at) for take in takes), default=EPOCH))
    ET.SubElement(entry, "link", rel="alternate", href=address or href(path))
    ET.SubElement(entry, "category", term=_text(published.tool.category))
    told = f"{summary(published.tool.name, published.card)} {published.tool.tagline}"
    _add(entry, "summary", told)
    return entry


def _change_entry(renderer: PageRenderer, change: VerdictChange) -> ET.Element:
    index = renderer.index
    published = index.tools[change.tool]
    persona = persona_names(index).get(change.persona, change.persona)
    path = published_path(published)
    address, mark = (
        renderer.absolute(path),
        text_hash(f"{change.persona}\0{change.changed_at}")[:10],
    )
    entry = ET.Element("entry")
    turn = f"from {change.before} to {change.after}"
    _add(entry, "title", f"{published.tool.name}: {persona} changes {turn}")
    _add(entry, "id", f"{address}#change-{mark}" if address else _urn(path, mark))
    _add(entry, "updated", _moment(change.changed_at))
    ET.SubElement(entry, "link", rel="alternate", href=f"{address or href(path)}#history")
    _add(entry, "summary", f"{persona} on {published.tool.name}: {turn}. {change.reason}.")
    return entry


def _updated(entry: ET.Element) -> str:
    return entry.findtext("updated") or EPOCH


def _moment(text: str) -> str:
    """Return a time in Atom's format; 1970 for what is not a time."""
    try:
        return utc(datetime.fromisoformat(text)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return EPOCH


def _urn(*parts: str) -> str:
    """Return an identifier for an entry without an address."""
    digest = text_hash("\0".join(parts))
    groups = (digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:])
    return "urn:uuid:" + "-".join(groups)


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = _text(text)


def _text(text: str) -> str:
    return _NOT_XML.sub("", clean(text))


def _xml(root: ET.Element) -> bytes:
    ET.indent(root)
    text: str = ET.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode("utf-8", "replace")
