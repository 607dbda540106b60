"""Hostile text in every field of a publication: shown where it is text, harmless everywhere."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import pytest

from panel.cells.renames import Rename
from panel.site.build import build
from panel.site.output import is_inside
from panel.site.publication import PublishedTool
from panel.workspace.settings import SiteSettings
from tests.support.site_hostile import BAD, poisoned
from tests.support.site_pages import Reading, files_of
from tests.support.site_publication import seed_publication

MARKDOWN = {"br", "code", "h3", "h5", "table", "thead", "tbody", "tr", "th", "td"}
OWN = r"[\w%-]+(/[\w%.-]+)*\.(html|xml|css|js|svg|woff2)(#[\w-]+)?$"
HIDDEN = [chr(code) for code in (0, 7, 8, 11, 27, 127, 133, 0x202E, 0x2066, 0x2069)]


@functools.cache
def plain() -> set[str]:
    """Return every tag on the pages of a harmless publication."""
    pages = (page for page in files_of(seed_publication()).values() if page[:9] == b"<!doctype")
    return {tag for page in pages for tag, _ in Reading(page).tags}


@pytest.mark.sample(6)
@pytest.mark.parametrize("bad", BAD)
def test_hostile_text_is_shown_on_pages_and_does_nothing(bad: str) -> None:
    for path, content in files_of(poisoned(bad)).items():
        if not path.endswith(".html"):
            continue
        reading = Reading(content)
        shown = " ".join(bad.replace("\u2028", " ").replace("\u2029", " ").split())
        text = reading.text.replace("\u2028", " ").replace("\u2029", " ")
        assert shown in " ".join(text.split()), path
        assert "59829" not in reading.text
        assert {tag for tag, _ in reading.tags} <= plain() | MARKDOWN, path
        assert not [name for _, attrs in reading.tags for name in attrs if name.startswith("on")]
        for tag, attrs in reading.tags:
            for name in ("href", "src"):
                if name in attrs:
                    address = attrs[name] or ""
                    if address.startswith("https://e.example/"):  # of the vendor's Markdown
                        assert attrs["rel"] == "nofollow noopener ugc", path
                        continue
                    assert address.startswith(("https://verdicts.example/", "../", "#", "/")) or (
                        re.match(
                            r"[\w%-]+(/[\w%.-]+)*\.(html|xml|css|js|svg|woff2)(#[\w-]+)?$", address
                        )
                    ), (path, tag, address)


@pytest.mark.parametrize("bad", BAD)
def test_scripts_hold_only_json_that_says_what_was_meant(bad: str) -> None:
    """Reading parses every script of a page as JSON, and fails where one ends early."""
    content = files_of(poisoned(bad))["tools/one.html"]
    linked = Reading(content).linked
    assert linked[0]["mainEntity"]["name"] == bad.replace("\r", "")
    assert b"<script>alert" not in content.lower()
    raw = re.findall(rb'<script type="application/ld\+json">(.*?)</script>', content, re.DOTALL)
    assert raw and not any(set(each) & set(b"<>&") for each in raw)


@pytest.mark.sample(6)
@pytest.mark.parametrize("bad", BAD)
def test_feeds_maps_robots_and_the_search_index_hold_text_as_text(bad: str) -> None:
    files = files_of(poisoned(bad))
    for path in ("feed.xml", "sitemap.xml"):
        root = ET.fromstring(files[path])
        assert not any("script" in element.tag for element in root.iter())
    feed = ET.fromstring(files["feed.xml"])
    titles = feed.findall("{*}entry/{*}title")
    assert titles and all(bad.replace("\r", "") in (title.text or "") for title in titles)
    for link in feed.iter("{http://www.w3.org/2005/Atom}link"):
        assert link.attrib["href"].startswith("https://verdicts.example/")
    assert files["robots.txt"].decode().splitlines() == [
        "User-agent: *",
        "Disallow:",
        "Sitemap: https://verdicts.example/sitemap.xml",
    ]
    rows = json.loads(files["search.json"])
    assert rows[0][0] == bad.replace("\r", "")
    assert all(re.fullmatch(r"[\w%.-]+/[\w%.-]+\.html", path) for _name, path, *_more in rows)
    assert all(re.fullmatch(r"\w+", word) for word in json.loads(files["search-words.json"]))


@pytest.mark.parametrize("bad", BAD)
def test_every_file_stays_in_the_folder(bad: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    build(poisoned(bad), out)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file() and out not in
            file.parents] == []  # fmt: skip
    for file in out.rglob("*"):
        assert re.fullmatch(r"[\w.-]+", file.name) and file.resolve().is_relative_to(out)


@pytest.mark.parametrize("kind", ["tool", "persona"])
def test_no_old_name_writes_a_page_outside_the_folder(kind: Literal["tool", "persona"],
                                                      tmp_path: Path) -> None:  # fmt: skip
    seed = seed_publication()
    now = seed.tools[0].tool.slug if kind == "tool" else seed.personas[0].id
    names = ("../../../evil", "..", "a/../../../evil", "fine")
    renames = tuple(Rename(kind, name, now) for name in names)
    out = tmp_path / "deep" / "out"
    built = build(replace(seed, renames=renames), out)
    assert f"{kind}s/fine.html" in built.written
    assert all(is_inside(path) for path in built.written)
    pages = [file for file in tmp_path.rglob("*.html") if out not in file.parents]
    assert pages == []


def test_control_and_direction_override_characters_are_dropped_everywhere() -> None:
    for path, content in files_of(poisoned("safe" + "".join(HIDDEN) + "text")).items():
        if path.startswith("assets/"):
            continue
        text = content.decode()
        assert not set(text) & set(HIDDEN), path
    assert "safetext" in files_of(poisoned("safe\x00text"))["index.html"].decode()


@pytest.mark.parametrize("bad", ["\ud800", "\ufffe\uffff", "工具 أداة 👩‍🚀"])
def test_any_character_can_be_written_and_read(bad: str) -> None:
    for path, content in files_of(poisoned(f"a{bad}z")).items():
        if path.endswith(".woff2"):
            continue
        content.decode("utf-8")
        if path.endswith(".xml"):
            ET.fromstring(content)
        if path.endswith(".json"):
            json.loads(content)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScript:x", " https://a.example", "data:text/html,x", "//a.example",
     "https:\\\\a.example", "vbscript:x", "https://"],
)  # fmt: skip
def test_only_plain_web_addresses_become_links(url: str) -> None:
    publication = poisoned("x")

    def aimed(edition: PublishedTool) -> PublishedTool:
        return PublishedTool(edition.tool.model_copy(update={"url": url, "links": {"Docs": url}}),
                       edition.card)  # fmt: skip

    files = files_of(replace(publication, tools=tuple(map(aimed, publication.tools))))
    reading = Reading(files["tools/one.html"])
    assert url not in reading.values("href")
    assert "url" not in reading.linked[0]["mainEntity"]


def test_a_contact_is_a_link_only_when_it_is_an_address() -> None:
    def contact(text: str) -> list[str]:
        site = seed_publication().site.model_copy(update={"contact": text})
        reading = Reading(files_of(seed_publication(site=site))["index.html"])
        return [link for link in reading.values("href") if link.startswith(("mailto", "java"))]

    assert contact("desk@verdicts.example") == ["mailto:desk@verdicts.example"]
    assert contact("a@b.example?bcc=all@c.example") == contact("javascript:alert(1)") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "javascript:alert(1)"),
        ("base_url", "https://user:word@a.example/"),
        ("base_url", "https://a.example/?x"),
        ("title", "a\nb"),
        ("title", ""),
        ("stale_price_days", 0),
        ("pairs", [["a"]]),
        ("max_pairs_per_category", -1),
    ],
)
def test_settings_of_a_site_that_cannot_be_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        SiteSettings.model_validate({field: value})
