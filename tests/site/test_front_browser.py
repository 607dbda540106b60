"""The front page and the editors' words in a real browser: axe, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from panel.site.build import build
from panel.workspace.editorial import Editorial, EditorialFiles
from tests.site.test_editorial import SAID
from tests.site.test_front import of_panel
from tests.support.browser import NewPage, serving, violations
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import with_take
from tests.support.site_publication import seed_publication
from tests.support.sizes import size


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the seed's site with the editors' words, and one of nine reviewers."""
    folder = tmp_path_factory.mktemp("sites")
    front = Editorial(lead=MISTRAL, headline="Half a server", text="We read *it*.", by="Ada")
    pairs = {frozenset((CODESTRAL, MISTRAL)): SAID}
    split = with_take(seed_publication(), 1, verdict="skip")
    edited = replace(split, editorial=EditorialFiles(front, {MISTRAL: SAID}, pairs))
    build(edited, folder / "edited")
    build(split, folder / "plain")
    build(of_panel(9), folder / "nine")
    with serving(folder) as base:
        yield base


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "width"),
    size(
        [("light", 390), ("dark", 1280)], [(s, w) for s in ("light", "dark") for w in (390, 1280)]
    ),
)
def test_axe_finds_nothing_on_the_front_page_whatever_it_tells(
    sites: str, new_page: NewPage, scheme: str, width: int
) -> None:
    """With and without the editors' words, for four reviewers and for nine."""
    page = new_page(scheme=scheme, width=width)
    found = {}
    for kind in ("edited", "plain", "nine"):
        page.goto(f"{sites}/{kind}/index.html")
        found[kind] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, kind
    assert {kind: lines for kind, lines in found.items() if lines} == {}


@pytest.mark.slow
def test_the_lead_and_a_voice_of_each_side_are_what_a_reader_sees_first(
    sites: str, page: Any
) -> None:
    """On a desktop screen the story, both quotes and who says what need no scrolling."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{sites}/plain/index.html")
    quotes = page.locator(".quote blockquote").all()
    assert len(quotes) == 2
    for part in (page.locator("#lead"), page.locator(".lead .panelists"), *quotes):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= 900
    page.locator(".quote a").first.click()
    assert page.locator("h1").inner_text() == "Builder"
