"""What machines read: the Atom feed, sitemaps, robots.txt and the search's index."""

from __future__ import annotations

import json
import re
from dataclasses import replace
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
        assert text(entry, "title") and "4 of 4 reviewers" in text(entry, "summary")
        assert "95 % interval 51–100" in text(entry, "summary").replace("\u00a0", " ")


def test_a_turned_verdict_is_an_entry_that_leads_to_the_receipt() -> None:
    feed = feed_of(changes=(TURNED, *seed_publication().changes))
    first = feed.findall(ATOM + "entry")[0]
    assert text(first, "title") == "Codestral 2.0: Skeptic changes from skip to ship"
    assert "description changed" in text(first, "summary")
    link = first.find(ATOM + "link")
    assert link is not None and link.attrib["href"] == f"{BASE}tools/{CODESTRAL}.html#history"
    assert text(feed, "updated") == TURNED.changed_at


def test_a_feed_without_an_address_has_lasting_identifiers() -> None:
    site = SiteSettings(title="Local")
    ids = [[e.text for e in feed_of(site=site).iter(ATOM + "id")] for _ in range(2)]
    assert ids[0] == ids[1]
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", each or "") for each in ids[0])


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


def test_the_search_index_names_tools_categories_and_reviewers() -> None:
    rows = json.loads(files_of(seed_publication())["search.json"])
    assert ["Developer Tools", "categories/developer-tools.html", "Category"] in rows
    assert ["Skeptic", "personas/skeptic.html", "Reviewer"] in rows
    [found] = [row for row in rows if row[0] == "Codestral 2.0"]
    assert found[1] == f"tools/{CODESTRAL}.html" and found[2].startswith("Open-weight 32B")
