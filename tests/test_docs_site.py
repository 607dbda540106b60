"""The docs site has every page, loses nothing of it, reaches nowhere else, and can be searched."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.support.browser import NewPage, serving
from tests.support.docs_site import assemble, build, navigation, placed, repository
from tests.support.markdown_pages import read_page
from tests.support.space import ROOT

pytestmark = pytest.mark.process

# What both Markdown parsers must see alike: the tags of HTML, by the tokens of CommonMark.
PARTS = {
    "pre": ("fence", "code_block"), "table": ("table_open",), "li": ("list_item_open",),
    "h2": ("heading_open",), "img": ("image",), "blockquote": ("blockquote_open",),
}  # fmt: skip
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


@dataclass
class Read(HTMLParser):
    """What stands in a page of HTML: its anchors, links, what it loads, the tags of its article."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inside = self.inside or tag == "article"
        if self.inside:
            self.tags["h2" if re.fullmatch("h[1-6]", tag) else tag] += 1
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in LOADED and LOADED[tag] in given:
            self.loaded.append(given[LOADED[tag]])

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "article"


def read(file: Path) -> Read:
    found = Read()
    found.feed(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed: `make docs` installs it")
    folder = tmp_path_factory.mktemp("docs")
    done = build(folder)
    assert done.returncode == 0 and "No issues found" in done.stdout, done.stdout
    return folder / "site"


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(navigation()) == sorted(name for name in placed() if name.endswith(".md"))


@pytest.mark.slow
def test_every_link_of_a_page_leads_to_the_site_or_the_repository(tmp_path: Path) -> None:
    assemble(tmp_path)
    files = {file.name for file in (tmp_path / "docs").iterdir()}
    for file in (tmp_path / "docs").glob("*.md"):
        for link in map(str, read_page(file).links):
            path = link.partition("#")[0]
            inside = path.removeprefix(f"{repository()}/blob/main/")
            if inside != path:
                assert (ROOT / inside).exists(), f"{file.name}: {link}"
            elif path and not re.match("[a-z]+:", path):
                assert path in files, f"{file.name}: {link}"


@pytest.mark.slow
def test_every_link_and_anchor_of_the_site_leads_somewhere(site: Path) -> None:
    pages = {file.name: read(file) for file in site.glob("*.html")}
    for name, page in pages.items():
        if name in ("404.html", "sample-report.html"):
            continue
        for link in (link for link in page.links if not re.match("[a-z]+:", link)):
            path, _, anchor = link.partition("#")
            target = (path.removeprefix("./") or name) if path != "." else "index.html"
            assert (site / target).exists(), f"{name}: {link}"
            if anchor and target.endswith(".html"):
                assert anchor in pages[target].anchors, f"{name}: {link}"


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for file in site.glob("*.html"):
        page = read(file)
        assert not [each for each in page.loaded if re.match("[a-z]+:|//", each)], file.name
    for file in site.rglob("*.css"):
        imported = re.findall(r"(?:@import|url\()\s*[\"']?([^\"')]+)", file.read_text("utf-8"))
        assert not [each for each in imported if re.match("https?:|//", each)], file.name


def test_the_site_shows_each_table_block_list_and_picture_that_github_shows(site: Path) -> None:
    parser = MarkdownIt("commonmark").enable("table")
    for name, file in placed().items():
        if file.suffix != ".md":
            continue
        tokens = [*walk(parser, file.read_text(encoding="utf-8"))]
        shown = read(site / f"{name.removesuffix('.md')}.html").tags
        for tag, kinds in PARTS.items():
            meant = sum(kind in kinds for kind in tokens)
            assert shown[tag] == meant, f"{name}: {shown[tag]} <{tag}>, but {meant} in Markdown"


def walk(parser: MarkdownIt, text: str) -> Iterator[str]:
    for token in parser.parse(text):
        yield token.type
        yield from (child.type for child in token.children or ())


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_reader_finds_a_page_by_a_word_in_it(
    site: Path, new_page: NewPage, width: int, scheme: str
) -> None:
    with serving(site) as address:
        page = new_page(scheme=scheme, width=width)
        page.goto(f"{address}/index.html")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box = page.get_by_role("combobox", name="Search")
        for _ in range(300):  # its script takes the key once it has begun
            page.keyboard.press("/")
            if box.is_visible():
                break
            page.wait_for_timeout(100)
        box.fill("Krippendorff")
        page.locator("a[href*='statistics.html']", has_text="Krippendorff").first.click()
        page.wait_for_url("**/statistics.html*")
