"""The site's pages in a real browser: first screen, menu, filters, print, and no script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from panel.site.build import build
from panel.stats import Tally, combine
from panel.workspace.tools import Fact, PricePlan, Pricing
from tests.support.browser import NewPage, serving, violations
from tests.support.seed_takes import CODESTRAL, TAKES
from tests.support.site_pages import VERSUS, made_up, with_take, with_tool
from tests.support.site_publication import seed_publication

SOURCE = "https://vendor.example/licence"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the seed's site: Skeptic skips one of the two tools, which has facts and plans."""
    facts = {"Licence": Fact(value="MNPL", source=SOURCE, checked=date(2026, 11, 1))}
    plans = (PricePlan(name="API", price="$0.20 per million tokens", includes="hosting"),)
    publication = with_take(seed_publication(), 1, verdict="skip")
    pricing = Pricing(entry="Free", plans=plans, verified=date(2026, 11, 12))
    folder = tmp_path_factory.mktemp("site")
    build(with_tool(publication, facts=facts, pricing=pricing), folder)
    with serving(folder) as base:
        yield base


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a site of nine tools, of which each third ships, is split, skips."""
    base = made_up(9)
    tools = []
    for number, published in enumerate(base.tools):
        said = ["ship"] * (4, 2, 0)[number % 3] + ["skip"] * (0, 2, 4)[number % 3]
        lines = tuple(
            replace(line, tally=Tally().plus("verdict", each))
            for line, each in zip(published.card.lines, said, strict=True)
        )
        card = replace(published.card, lines=lines, result=combine([each.tally for each in lines]))
        tools.append(replace(published, card=card))
    folder = tmp_path_factory.mktemp("many")
    build(replace(base, tools=tuple(tools)), folder)
    with serving(folder) as served:
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_answer_of_a_comparison_is_on_the_first_screen_of_a_phone(
    site: str, new_page: NewPage, scheme: str
) -> None:
    """Both names, who ships which, both shares and both prices end above 844 pixels."""
    page = new_page(scheme=scheme, width=390, height=844)
    page.goto(f"{site}/{VERSUS}")
    finding = page.locator(".decides .finding")
    said = finding.inner_text()
    assert "Builder, Futurist and Business Analyst ship both; Skeptic ships only Mistral" in said
    entry = page.locator(".duel dd").filter(has_text="Free")
    assert entry.count() == 2
    for part in (page.locator("h1"), finding, *entry.all(), *page.locator(".duel .big").all()):
        box = part.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, part.inner_text()
    assert violations(page) == []


@pytest.mark.slow
def test_a_comparison_shows_first_what_decides_then_the_facts_then_who_differs(
    site: str, page: Any
) -> None:
    """The takes of one reviewer stand side by side, and the vendors' texts are folded."""
    page.goto(f"{site}/{VERSUS}")
    assert page.locator("main h2").all_inner_texts()[:6] == [
        "Which one should you ship with?",
        "The facts, side by side",
        "Reviewer split: where they differ",
        "Reviewer scorecard: the others",
        "The numbers",
        "The two tools",
    ]
    assert page.locator("#reviewer-1 h3").inner_text() == "Skeptic"
    left, right = (each.bounding_box() for each in page.locator("#reviewer-1 .take").all())
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    described = page.locator(".description").get_by_text("MMLU")
    assert not described.first.is_visible()
    page.locator(".description summary").first.click()
    assert described.first.is_visible()


def test_a_take_closes_first_and_the_rest_unfolds_without_a_script(
    site: str, new_page: NewPage
) -> None:
    """The closing words are visible, the others after one press of a key."""
    page = new_page(scripts=False, width=390)
    page.goto(f"{site}/tools/{CODESTRAL}.html")
    *first, last = TAKES[CODESTRAL, "builder"]["beats"].values()
    take = page.locator("#reviewer-1")
    assert take.get_by_text(last).is_visible() and not take.get_by_text(first[0]).is_visible()
    take.locator("summary").focus()
    page.keyboard.press("Enter")
    assert take.get_by_text(first[0]).is_visible()
    assert take.locator("q").first.is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_takes_that_are_unfolded(
    site: str, new_page: NewPage, scheme: str
) -> None:
    """Nor in the table of plans and the list of facts beside them."""
    page = new_page(scheme=scheme, width=390)
    page.goto(f"{site}/tools/{CODESTRAL}.html")
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []


@pytest.mark.slow
def test_the_menu_of_a_phone_opens_and_closes_without_a_script(
    site: str, new_page: NewPage
) -> None:
    """It marks where the reader is; Escape closes it; a wide window has no such button."""
    page = new_page(scripts=False, width=390)
    page.goto(f"{site}/tools/{CODESTRAL}.html")
    tools = page.locator("#menu").get_by_text("Tools", exact=True)
    button = page.get_by_role("button", name="Menu")
    assert not tools.is_visible()
    button.focus()
    page.keyboard.press("Enter")
    assert tools.is_visible() and tools.get_attribute("aria-current") == "true"
    page.keyboard.press("Escape")
    assert not tools.is_visible()
    button.click()
    page.get_by_role("link", name="Changes").click()
    page.wait_for_url("**/changes.html")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert not button.is_visible() and page.get_by_role("link", name="Changes").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_open_menu(site: str, new_page: NewPage, scheme: str) -> None:
    page = new_page(scheme=scheme, width=390)
    page.goto(f"{site}/index.html")
    page.get_by_role("button", name="Menu").click()
    assert violations(page) == []


@pytest.mark.slow
def test_a_list_is_filtered_and_sorted_without_a_script(many: str, new_page: NewPage) -> None:
    """The filters work by keyboard; another order is another page of the same list."""
    page = new_page(scripts=False)
    page.goto(f"{many}/tools.html")
    rows = page.locator(".entry:visible h2")
    assert rows.count() == 9
    page.get_by_label("All 9").focus()
    page.keyboard.press("ArrowRight")
    assert [each[:4] for each in rows.all_inner_texts()] == ["T000", "T003", "T006"]
    page.get_by_label("They disagree").check()
    assert [each[:4] for each in rows.all_inner_texts()] == ["T001", "T004", "T007"]
    page.get_by_role("link", name="Most ship").click()
    page.wait_for_url("**/sorted/most-ship/tools.html")
    order = [int(each[1:4]) % 3 for each in rows.all_inner_texts()]
    assert order == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_axe_finds_nothing_in_a_sorted_and_filtered_list(
    many: str, new_page: NewPage, scheme: str, width: int
) -> None:
    page = new_page(scheme=scheme, width=width)
    page.goto(f"{many}/sorted/newest/tools.html")
    page.get_by_label("They disagree").check()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_on_paper_takes_are_unfolded_and_a_source_has_its_address(site: str, page: Any) -> None:
    """There is no menu, search, order or form on it."""
    page.goto(f"{site}/tools/{CODESTRAL}.html")
    page.emulate_media(media="print")
    for each in TAKES[CODESTRAL, "builder"]["beats"].values():
        assert page.locator("#reviewer-1").get_by_text(each).is_visible()
    after = "getComputedStyle(document.querySelector('a.source'), '::after').content"
    assert SOURCE in page.evaluate(after)
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    for gone in ("nav[aria-label=Site]", "form.search", ".menu"):
        assert not page.locator(gone).is_visible()


def test_the_orders_of_a_list_keep_their_word_in_one_piece(many: str, new_page: NewPage) -> None:
    """On a phone, too."""
    page: Any = new_page(width=390)
    page.goto(f"{many}/tools.html")
    word = page.locator(".sorting nav > .aside")
    assert (
        word.evaluate(
            "each => { const all = document.createRange(); all.selectNodeContents(each); "
            "return all.getClientRects().length; }"
        )
        == 1
    )
