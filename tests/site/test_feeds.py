"""What machines read: the Atom feed, sitemaps, robots.txt and the search's index."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest

from panel.scorecard import VerdictChange
from panel.site import feeds
from panel.site.publication import Publication
from panel.workspace.settings import SiteSettings
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import files_of, made_up, with_take
from tests.support.site_publication import ASKED, MODEL, demo_publication, seed_publication

ATOM = "{http://www.w3.org/2005/Atom}"
BASE = "https://verdicts.example/panel/"
TURNED = VerdictChange(
    CODESTRAL, "skeptic", "skip", "ship", "2026-11-24T08:00:00Z", "description changed", str(MODEL)
)


def feed_of(**changed: object) -> ET.Element:
    return ET.fromstring(files_of(seed_publication(**changed))["feed.xml"])


def text(element: ET.Element, tag: str) -> str:
    return element.findtext(ATOM + tag) or ""


def test_the_feed_has_what_atom_demands() -> None:
    feed = feed_of()
    assert text(feed, "id") == BASE and text(feed, "updated") == ASKED
    assert text(feed, "title") == "Ship or Skip Weekly"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "The Editors"
    links = {link.attrib["rel"]: link.attrib["href"] for link in feed.findall(ATOM + "link")}
    assert links == {"self": BASE + "feed.xml", "alternate": BASE}
    ids = [text(entry, "id") for entry in feed.findall(ATOM + "entry")]
    assert len(ids) == len(set(ids)) == 2
    for entry in feed.findall(ATOM + "entry"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text(entry, "updated"))
        assert text(entry, "title") and "all four ship. 4 of 4 ship" in text(entry, "summary")
        assert "95 % interval 51–100" in text(entry, "summary").replace("\u00a0", " ")


def test_a_turned_verdict_is_an_entry_that_leads_to_the_receipt() -> None:
    feed = feed_of(changes=(TURNED, *seed_publication().changes))
    first = feed.findall(ATOM + "entry")[0]
    assert text(first, "title") == "Codestral 2.0: Skeptic turned from skip to ship"
    assert "The description had changed." in text(first, "summary")
    link = first.find(ATOM + "link")
    assert link is not None and link.attrib["href"] == f"{BASE}tools/{CODESTRAL}.html#history"
    assert text(feed, "updated") == TURNED.changed_at


def test_a_site_without_an_address_has_no_feed_and_names_none() -> None:
    """A feed is read far from its site: without full addresses its links lead nowhere."""
    files = files_of(seed_publication(site=SiteSettings(title="Local")))
    assert not {"feed.xml", "rss.xml", "sitemap.xml"} & files.keys()
    for path, content in files.items():
        if path.endswith(".html"):
            assert not re.search(rb"feed\.xml|rss\.xml|(?i:atom)\W", content), path


def test_an_entry_has_the_verdict_in_words_and_the_first_lines_of_each_take() -> None:
    """They are HTML made of escaped text, and of published takes alone."""
    hidden = with_take(with_take(seed_publication(), take="A <b>bold</b> take."), 1, state="draft")
    entry = ET.fromstring(files_of(hidden)["feed.xml"]).findall(ATOM + "entry")[0]
    content = entry.find(ATOM + "content")
    assert content is not None and content.attrib == {"type": "html"}
    told = content.text or ""
    assert told.startswith("<p><strong>Builder, Futurist and Business Analyst ship")
    assert "<p>Builder (ship; edited by an editor): A &lt;b&gt;bold&lt;/b&gt; take.</p>" in told
    assert told.count("<p>") == 4 and "Skeptic (" not in told


def test_the_rss_feed_has_the_same_entries_and_what_rss_demands() -> None:
    changes = (TURNED, *seed_publication().changes)
    files = files_of(seed_publication(changes=changes))
    root = ET.fromstring(files["rss.xml"])
    assert root.tag == "rss" and root.attrib == {"version": "2.0"}
    channel = root.find("channel")
    assert channel is not None
    for wanted in ("title", "link", "description", "lastBuildDate"):
        assert channel.findtext(wanted)
    own = channel.find(ATOM + "link")
    assert own is not None and own.attrib["href"] == BASE + "rss.xml"
    entries = ET.fromstring(files["feed.xml"]).findall(ATOM + "entry")
    items = channel.findall("item")
    assert [item.findtext("guid") for item in items] == [text(e, "id") for e in entries]
    for item in items:
        assert parsedate_to_datetime(item.findtext("pubDate") or "").tzinfo
        assert (item.findtext("link") or "").startswith(BASE) and item.findtext("description")


def test_a_time_that_is_none_does_not_break_the_feed() -> None:
    odd = with_take(seed_publication(), asked_at="yesterday")
    feed = ET.fromstring(files_of(odd)["feed.xml"])
    assert text(feed, "updated") == ASKED


def test_the_sitemap_lists_every_page_but_404_with_the_day_of_its_content() -> None:
    files = files_of(seed_publication())
    places = {
        url.findtext("{*}loc"): url.findtext("{*}lastmod")
        for url in ET.fromstring(files["sitemap.xml"])
    }
    pages = {path for path in files if path.endswith(".html")} - {"404.html", "index.html"}
    assert set(places) == {BASE, *(BASE + path for path in pages)}
    assert places[f"{BASE}compare/{MISTRAL}-vs-{CODESTRAL}.html"] == "2026-11-23"
    assert places[f"{BASE}methodology.html"] is None


def test_many_pages_are_spread_over_several_sitemaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_ADDRESSES", 10)
    files = files_of(made_up(30, max_pairs_per_category=0))
    index = ET.fromstring(files["sitemap.xml"])
    parts = [place.text or "" for place in index.findall(".//{*}loc")]
    listed = [
        url.text
        for part in parts
        for url in ET.fromstring(files[part.removeprefix(BASE)]).findall(".//{*}loc")
    ]
    pages = [path for path in files if path.endswith(".html") and path != "404.html"]
    pages = [path for path in pages if not path.startswith("sorted/")]
    assert len(listed) == len(set(listed)) == len(pages) and len(parts) == -(-len(pages) // 10)


def test_robots_are_let_in_and_told_of_the_sitemap() -> None:
    robots = files_of(seed_publication())["robots.txt"].decode()
    assert robots == f"User-agent: *\nDisallow:\nSitemap: {BASE}sitemap.xml\n"
    bare = files_of(seed_publication(site=SiteSettings()))["robots.txt"].decode()
    assert bare == "User-agent: *\nDisallow:\n"


@pytest.mark.parametrize(
    "hidden", [replace(seed_publication(), drafts=True), demo_publication(seed_publication())]
)
def test_what_is_not_for_readers_is_not_for_robots(hidden: Publication) -> None:
    files = files_of(hidden)
    assert files["robots.txt"] == b"User-agent: *\nDisallow: /\n"
    assert "sitemap.xml" not in files
