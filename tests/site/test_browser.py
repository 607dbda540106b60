"""The published site in a real browser: axe, keyboard, narrow and wide, light, dark, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from panel.scorecard import VerdictChange
from panel.site.build import build
from panel.stats import Tally
from tests.support.browser import NewPage, serving, shoot, violations
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import with_take
from tests.support.site_publication import ASKED, MODEL, seed_publication
from tests.support.sizes import size

VERSUS = f"compare/{MISTRAL}-vs-{CODESTRAL}.html"
KINDS = {
    "home": "index.html",
    "tool": f"tools/{CODESTRAL}.html",
    "comparison": VERSUS,
    "persona": "personas/skeptic.html",
    "personas": "personas.html",
    "category": "categories/developer-tools.html",
    "categories": "categories.html",
    "tag": "tags/open-weights.html",
    "tools": "tools.html",
    "comparisons": "comparisons.html",
    "changes": "changes.html",
    "methodology": "methodology.html",
    "missing": "404.html",
}


@dataclass
class Served:
    """A built site and where it is served."""

    folder: Path
    base: str

    def at(self, path: str) -> str:
        return f"{self.base}/panel/{path}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the seed's site under a folder, as its base_url says, one verdict a skip."""
    turned = VerdictChange(
        CODESTRAL, "skeptic", "ship", "skip", ASKED, "description changed", str(MODEL)
    )
    publication = seed_publication(
        votes={CODESTRAL: Tally(ships=13, skips=8)},
        changes=(turned, *seed_publication().changes),
    )
    publication = with_take(with_take(publication, 1, verdict="skip"), 3, stale=True)
    publication = with_take(publication, 2, state="draft")
    publication = with_take(publication, 0, evidence=("It completes code in an editor. " * 12,))
    folder = tmp_path_factory.mktemp("site")
    build(publication, folder / "panel")
    (folder / "404.html").write_bytes((folder / "panel" / "404.html").read_bytes())
    with serving(folder) as base:
        yield Served(folder / "panel", base)


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a site of drafts."""
    folder = tmp_path_factory.mktemp("drafts")
    build(with_take(seed_publication(drafts=True), 1, state="draft"), folder)
    with serving(folder) as base:
        yield base


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("scheme", "width"),
    size(
        [("light", 360), ("dark", 1280)],
        [("light", 360), ("light", 1280), ("dark", 360), ("dark", 1280)],
    ),
)
def test_axe_finds_nothing_on_any_kind_of_page(
    site: Served, new_page: NewPage, scheme: str, width: int
) -> None:
    page = new_page(scheme=scheme, width=width)
    found = {}
    for kind, path in KINDS.items():
        page.goto(site.at(path))
        found[kind] = violations(page)
    assert {kind: lines for kind, lines in found.items() if lines} == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_marked_drafts_and_open_parts(
    site: Served, drafts: str, new_page: NewPage, scheme: str
) -> None:
    page = new_page(scheme=scheme)
    page.goto(f"{drafts}/tools/{CODESTRAL}.html")
    assert page.get_by_text("Draft:").count() == 1
    assert violations(page) == []
    page.goto(site.at("methodology.html"))
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    page.goto(site.at("index.html"))
    page.keyboard.press("/")
    page.keyboard.type("stral")
    page.locator("form.search a").first.wait_for()
    assert violations(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", size([390, 1280], [320, 390, 768, 1024, 1280, 1920]))
def test_no_page_is_wider_than_its_window(site: Served, new_page: NewPage, width: int) -> None:
    """Neither as it opens, nor once a reader has unfolded all that unfolds."""
    page = new_page(width=width)
    for path in KINDS.values():
        page.goto(site.at(path))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path}, unfolded"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1000, 1024])
def test_a_narrow_column_breaks_no_name_inside_a_word(
    site: Served, new_page: NewPage, width: int
) -> None:
    page = new_page(width=width)
    page.goto(site.at(f"tools/{CODESTRAL}.html"))
    names = page.locator(".board .split li a")
    assert names.count() == 4
    for name in names.all():
        lines = name.evaluate("each => each.getClientRects().length")
        assert lines <= len(name.inner_text().split()), name.inner_text()


@pytest.mark.slow
def test_everything_can_be_read_without_scripts(site: Served, new_page: NewPage) -> None:
    page = new_page(scripts=False)
    page.goto(site.at("index.html"))
    assert not page.locator("form.search").is_visible()
    page.get_by_role("link", name="All tools, A to Z").click()
    page.get_by_role("link", name="Codestral 2.0").click()
    assert "That is a ship." in page.inner_text("main")
    page.get_by_role("link", name="Compare with Mistral 8x22B Instruct v2").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Mistral 8x22B")
    assert "Reviewer scorecard" in page.inner_text("main")


@pytest.mark.slow
def test_a_reader_finds_and_opens_a_comparison_by_keyboard_alone(site: Served, page: Any) -> None:
    page.goto(site.at("index.html"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("codest")
    page.locator("form.search").get_by_role("link", name="Codestral 2.0 Open-weight").wait_for()
    assert page.locator("#search-state").inner_text() == "1 found."
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tools/codestral-2-0.html")
    link = page.get_by_role("link", name="Compare with Mistral 8x22B Instruct v2")
    for _press in range(60):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{VERSUS}")


@pytest.mark.slow
def test_the_search_folds_accents_says_when_nothing_is_found_and_can_be_left(
    site: Served, page: Any
) -> None:
    page.goto(site.at(f"tools/{CODESTRAL}.html"))
    page.keyboard.press("/")
    page.keyboard.type("místRAL")
    page.locator("form.search li").first.wait_for()
    assert page.locator("form.search li").first.inner_text().startswith("Mistral 8x22B")
    page.keyboard.type(" nonsense")
    page.locator("#search-state", has_text="Nothing found.").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator("form.search li").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_what_the_search_finds_moves_nothing(site: Served, new_page: NewPage, width: int) -> None:
    """It lies over the page, with its count above it."""
    page = new_page(width=width)
    page.goto(site.at("tools.html"))
    top = page.locator("main").bounding_box()
    page.locator("#search").fill("codsetral")
    page.locator("#search-state", has_text="Alike: 1 found.").wait_for()
    assert page.locator("main").bounding_box() == top
    told, found = (page.locator(each).bounding_box() for each in ("#search-state", ".found ul"))
    assert told and found and told["y"] + told["height"] <= found["y"] + 1
    assert violations(page) == []


@pytest.mark.slow
def test_the_search_forgives_slips_and_finds_what_takes_say(site: Served, page: Any) -> None:
    """A swapped letter finds the name, a word of a take finds the tool; both are announced."""
    page.goto(site.at("tools.html"))
    page.keyboard.press("/")
    page.keyboard.type("codsetral")
    page.locator("#search-state", has_text="Nothing has exactly this. Alike: 1 found.").wait_for()
    assert page.locator("form.search li").first.inner_text().startswith("Codestral 2.0")
    page.locator("#search").fill("autocompletion")
    page.locator("#search-state", has_text="Nothing found.").wait_for()
    page.locator("#search").fill("signature")
    page.locator("form.search li", has_text="A take says “signature”").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tools/{MISTRAL}.html")


def test_what_is_not_there_has_a_page_whose_links_work(site: Served, page: Any) -> None:
    answer = page.goto(site.at("tools/deep/er/nothing.html"))
    assert answer.status == 404
    page.get_by_role("link", name="All tools, A to Z").click()
    assert page.url == site.at("tools.html")


def test_hostile_text_runs_nothing_in_a_browser(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.site_hostile import BAD, poisoned

    for number, bad in enumerate(BAD[:4]):
        out = tmp_path / str(number)
        build(poisoned(bad), out)
        with serving(out) as base:
            page.on("dialog", lambda dialog: page.faults.append(f"dialog: {dialog.message}"))
            for path in ("index.html", "tools/one.html", "compare/one-vs-two.html"):
                page.goto(f"{base}/{path}")
                assert page.locator("iframe, img").count() == 0
            page.keyboard.press("/")
            page.keyboard.type("a")
            page.locator("#search-state", has_text="found").wait_for()
            assert page.locator("form.search img, form.search script").count() == 0


@pytest.mark.slow
def test_the_print_style_leaves_out_what_paper_cannot_do(site: Served, page: Any) -> None:
    page.goto(site.at(VERSUS))
    page.emulate_media(media="print")
    assert not page.locator("nav[aria-label=Site]").is_visible()
    assert not page.locator("form.search").is_visible()
    assert page.locator("blockquote").first.is_visible()
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_verdicts_are_told_in_words_to_those_who_cannot_see_them(site: Served, page: Any) -> None:
    page.goto(site.at("tools.html"))
    rows = page.get_by_role("list").filter(has_text="Futurist not published")
    said = rows.last.get_by_role("listitem").all_inner_texts()[:2]
    assert [words.split("\n")[-1] for words in said] == ["Builder ships", "Skeptic skips"]
    page.goto(site.at(f"tools/{CODESTRAL}.html"))
    meter = page.get_by_role("img", name="67 % ship, 95 % interval 21–94 %")
    assert meter.count() == 1


@pytest.mark.long
def test_the_pages_are_photographed(site: Served, new_page: NewPage, tmp_path: Path) -> None:
    looks = [("light", 390), ("dark", 1280), ("light", 1280)]
    for scheme, width in looks[: size(1, 3)]:
        page = new_page(scheme=scheme, width=width)
        for kind in ("home", "tool", "comparison", "persona", "methodology"):
            page.goto(site.at(KINDS[kind]))
            file = shoot(page, f"site-{kind}-{scheme}-{width}", tmp_path)
            assert file.stat().st_size > 10_000
