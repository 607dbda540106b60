"""Files for programs: the feeds, Atom and RSS, sitemaps and robots.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from markupsafe import escape

from panel.hashing import text_hash
from panel.scorecard import PICKED, Take, VerdictChange
from panel.site import addresses
from panel.site.index import SiteIndex, published_date, published_path, published_takes
from panel.site.pages.tools import persona_names, summary
from panel.site.publication import PublishedTool
from panel.site.render import OutputFile, PageRenderer
from panel.site.stories import edited_pages
from panel.site.wording import (
    change_in_words,
    page_title,
    public_verdict,
    signed,
    turn_in_words,
)
from panel.text import clean, shortened, utc
from panel.workspace.editorial import Correction

ATOM = "http://www.w3.org/2005/Atom"
SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
ENTRIES = 50
FIRST = 280  # characters of each take in a feed
MOST_ADDRESSES = 50_000  # in one sitemap, by the standard
EPOCH = "1970-01-01T00:00:00Z"

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def output_files(renderer: PageRenderer, pages: Sequence[str]) -> Iterator[OutputFile]:
    """Yield robots.txt and, for a site with an address, the feeds and sitemaps.

    ``pages`` are the paths of all pages, in order.
    """
    index = renderer.index
    if index.site.base_url is not None:  # RSS and many readers of Atom know no relative addresses
        yield OutputFile(addresses.FEED, lambda: _xml(atom(renderer)))
        yield OutputFile(addresses.RSS, lambda: _xml(rss(renderer)))
    maps: list[str] = []
    # What is not for readers is not for search engines either.
    if index.site.base_url is not None and not _hidden(index):
        dated = _dates(index)
        listed = [path for path in pages if path.endswith(".html") and _is_listed(path)]
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


def _is_listed(path: str) -> bool:
    """Whether search engines are told of a page; a list in another order is the same page."""
    return path != addresses.NOT_FOUND and not path.startswith(addresses.SORTED)


def robots(renderer: PageRenderer, mapped: bool) -> bytes:
    """Return robots.txt: it allows everything, or nothing of a site that is not for readers."""
    if _hidden(renderer.index):
        return b"User-agent: *\nDisallow: /\n"
    lines = ["User-agent: *", "Disallow:"]
    if mapped:
        lines.append(f"Sitemap: {renderer.absolute(addresses.SITEMAP)}")
    return ("\n".join(lines) + "\n").encode()


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


def atom(renderer: PageRenderer) -> ET.Element:
    """Return the Atom feed: the newest tools and the newest changes of verdicts."""
    index = renderer.index
    entries = [_tool_entry(renderer, published) for published in index.newest[:ENTRIES]]
    entries += [
        _change_entry(renderer, change)
        for change in index.publication.changes[: 4 * ENTRIES]
        if change.before is not None and change.tool in index.tools
    ]
    entries += [
        _correction_entry(renderer, path, name, each)
        for path, name, said in edited_pages(index)
        for each in said.corrections
    ]
    entries.sort(key=_updated, reverse=True)
    root = ET.Element("feed", xmlns=ATOM)
    _add(root, "title", index.site.title)
    _add(root, "subtitle", index.site.description)
    _add(root, "id", _address(renderer, addresses.HOME))
    _add(root, "updated", _updated(entries[0]) if entries else EPOCH)
    for rel, path in (("self", addresses.FEED), ("alternate", addresses.HOME)):
        ET.SubElement(root, "link", rel=rel, href=_address(renderer, path))
    author = ET.SubElement(root, "author")
    _add(author, "name", index.site.author or index.site.title)
    checked = "Not all are approved." if index.publication.drafts else "Editors approved them."
    made = f"{PICKED}." if index.publication.demo else "Takes are written by a language model."
    edited = index.figures.edited
    told = f" {edited:,} of {index.figures.published:,} are edited, and say so." if edited else ""
    _add(root, "rights", f"{made} {checked}{told}")
    root.extend(entries[:ENTRIES])
    return root


def rss(renderer: PageRenderer) -> ET.Element:
    """Return the Atom feed as RSS 2.0."""
    feed = atom(renderer)
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": ATOM})
    channel = ET.SubElement(root, "channel")
    _add(channel, "title", feed.findtext("title") or "")
    _add(channel, "link", renderer.absolute(addresses.HOME) or "")
    _add(channel, "description", feed.findtext("subtitle") or "")
    _add(channel, "copyright", feed.findtext("rights") or "")
    _add(channel, "lastBuildDate", _rfc822(_updated(feed)))
    own = {"rel": "self", "type": "application/rss+xml"}
    ET.SubElement(channel, "atom:link", own, href=renderer.absolute(addresses.RSS) or "")
    for entry in feed.findall("entry"):
        item = ET.SubElement(channel, "item")
        _add(item, "title", entry.findtext("title") or "")
        link = entry.find("link")
        _add(item, "link", link.attrib["href"] if link is not None else "")
        ET.SubElement(item, "guid", isPermaLink="false").text = entry.findtext("id")
        _add(item, "pubDate", _rfc822(_updated(entry)))
        for category in entry.findall("category"):
            _add(item, "category", category.attrib["term"])
        told = entry.findtext("content") or str(escape(entry.findtext("summary") or ""))
        _add(item, "description", told)
    return root


def _tool_entry(renderer: PageRenderer, published: PublishedTool) -> ET.Element:
    path, takes = published_path(published), published_takes(published)
    address = _address(renderer, path)
    entry = ET.Element("entry")
    _add(entry, "title", page_title(published.tool.name, published.card))
    _add(entry, "id", address)
    _add(entry, "updated", max((_moment(take.asked_at) for take in takes), default=EPOCH))
    ET.SubElement(entry, "link", rel="alternate", href=address)
    ET.SubElement(entry, "category", term=_text(published.tool.category))
    told = f"{summary(published.tool.name, published.card)} {published.tool.tagline}"
    _add(entry, "summary", told)
    ET.SubElement(entry, "content", type="html").text = _text(_first_lines(published))
    return entry


def _first_lines(published: PublishedTool) -> str:
    """Return the verdict in words and the first lines of each take, as HTML."""
    lines = [f"<p><strong>{escape(clean(public_verdict(published.card)))}</strong></p>"]
    for line in published.card.lines:
        take = line.take
        if take is not None and take.outcome == "verdict":
            name = line.name if take.demo else f"{line.name} ({_signed(take)})"
            said = shortened(take.take, FIRST)
            lines.append(f"<p>{escape(clean(name))}: {escape(said)}</p>")
    return "\n".join(lines)


def _signed(take: Take) -> str:
    """Return the verdict, and what editors had to do with the words."""
    parts = (
        signed(take),
        f"edited by {take.author or 'an editor'}" if take.edited else "",
        "asked again by an editor with a note" if take.asked_again else "",
    )
    return "; ".join(part for part in parts if part)


def _change_entry(renderer: PageRenderer, change: VerdictChange) -> ET.Element:
    index = renderer.index
    published = index.tools[change.tool]
    persona = persona_names(index).get(change.persona, change.persona)
    path = published_path(published)
    address = _address(renderer, path)
    mark = text_hash(f"{change.persona}\0{change.changed_at}")[:10]
    entry = ET.Element("entry")
    turn = turn_in_words(change, persona)
    _add(entry, "title", f"{published.tool.name}: {turn}")
    _add(entry, "id", f"{address}#change-{mark}")
    _add(entry, "updated", _moment(change.changed_at))
    ET.SubElement(entry, "link", rel="alternate", href=f"{address}#history")
    _add(entry, "summary", f"{published.tool.name}: {change_in_words(change, persona)}")
    return entry


def _correction_entry(
    renderer: PageRenderer, path: str, name: str, correction: Correction
) -> ET.Element:
    address, day = _address(renderer, path), correction.date.isoformat()
    mark = text_hash(f"{day}\0{correction.note}")[:10]
    entry = ET.Element("entry")
    _add(entry, "title", f"Correction: {name}")
    _add(entry, "id", f"{address}#correction-{mark}")
    _add(entry, "updated", _moment(day))
    ET.SubElement(entry, "link", rel="alternate", href=f"{address}#corrections")
    _add(entry, "summary", correction.note)
    return entry


def _updated(entry: ET.Element) -> str:
    return entry.findtext("updated") or EPOCH


def _moment(text: str) -> str:
    """Return a time in Atom's format; 1970 for what is not a time."""
    try:
        return utc(datetime.fromisoformat(text)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return EPOCH


def _rfc822(moment: str) -> str:
    return format_datetime(datetime.fromisoformat(moment), usegmt=True)


def _address(renderer: PageRenderer, path: str) -> str:
    """Return a page's full address: without one there are no feeds."""
    address = renderer.absolute(path)
    assert address is not None
    return address


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = _text(text)


def _text(text: str) -> str:
    return _NOT_XML.sub("", clean(text))


def _xml(root: ET.Element) -> bytes:
    ET.indent(root)
    text: str = ET.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode("utf-8", "replace")
