"""The desk's pages of tools, previews, publishing and editorial in a real browser, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import NewPage, keys, violations
from tests.support.desk_session import Session, desk_open, seed_asked
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.templates import Templates


@pytest.fixture
def session(templates: Templates, tmp_path: Path) -> Iterator[Session]:
    """Open a desk over the seed page's two tools and their takes."""
    with desk_open(templates.copy(seed_asked, tmp_path / "space").root) as opened:
        yield opened


@pytest.mark.slow
def test_prices_are_worked_through_by_keyboard(page: Any, session: Session) -> None:
    """On the list, j goes to the next and p says that its price was checked today."""
    began = datetime.now(UTC)
    page.goto(f"{session.base}/prices")
    assert page.locator("a.row").count() == 2
    keys(page, "j")
    keys(page, "p")
    page.wait_for_selector(".done:has-text('Mistral')")
    file = session.desk.root / "tools" / f"{MISTRAL}.md"
    days = {f"verified: {moment:%Y-%m-%d}" for moment in (began, datetime.now(UTC))}
    assert days & {*map(str.strip, file.read_text().splitlines())}
    keys(page, "u")  # takes it back
    page.wait_for_selector(".done:has-text('Undone')")
    assert "verified:" not in file.read_text()
    keys(page, "j", "p")
    page.wait_for_selector(".done:has-text('Mistral')")
    keys(page, "p")
    page.wait_for_selector(".empty:has-text('Every price')")


@pytest.mark.slow
def test_a_tool_is_edited_by_keyboard_alone_and_pages_are_accessible(
    new_page: NewPage, session: Session
) -> None:
    """From the take: t, e, type, Ctrl+Enter; light and dark, wide and narrow."""
    page = new_page()
    page.goto(f"{session.base}/take/{MISTRAL}/builder")
    keys(page, "t")
    page.wait_for_url(f"**/tool/{MISTRAL}")
    keys(page, "j")
    assert page.evaluate("document.activeElement.textContent") == "Builder"
    keys(page, "e")
    assert page.evaluate("document.activeElement.id") == "name"
    keys(page, "Control+a")
    page.keyboard.type("Anvil the Second")
    page.locator("#description").focus()
    keys(page, "Control+Enter")
    page.wait_for_selector(".done:has-text('Saved')")
    assert page.inner_text("h1") == "Anvil the Second"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_a_preview_is_sent_and_opened_by_keyboard_alone(
    new_page: NewPage, session: Session, width: int
) -> None:
    """From the tool: o, the width, a link; in the frame is the site's own page, with its style."""
    page = new_page(width=width)
    approve(session)
    page.goto(f"{session.base}/tool/{MISTRAL}")
    keys(page, "o")
    page.wait_for_selector("iframe.preview")
    frame = page.frame_locator("iframe.preview")
    assert frame.locator("h1").inner_text() == "Mistral 8x22B Instruct v2"
    assert frame.locator("body").evaluate("each => getComputedStyle(each).margin") == "0px"
    frame.locator("a:has-text('Developer Tools')").first.click()
    frame.locator("h1:has-text('Developer Tools')").wait_for()
    page.focus("text=390 px")
    keys(page, "Enter")
    page.wait_for_selector("iframe.at-390")
    page.focus("text=Make a link")
    keys(page, "Enter")
    page.wait_for_selector("#link")
    page.goto(page.input_value("#link"))
    assert page.inner_text("h1") == "Mistral 8x22B Instruct v2"
    assert "Preview." in page.inner_text("body")


def approve(session: Session) -> None:
    for tool in (MISTRAL, CODESTRAL):
        session.decide(tool, "builder", action="approve")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_site_is_published_by_keyboard_alone(
    new_page: NewPage, session: Session, width: int
) -> None:
    """P shows what would change, Enter writes it."""
    page = new_page(width=width)
    approve(session)
    page.goto(f"{session.base}/")
    keys(page, "P")
    page.wait_for_selector("button:has-text('Write the site')")
    assert f"tools/{MISTRAL}.html" in page.inner_text("main")
    keys(page, "Enter")
    page.wait_for_selector(".done:has-text('Published')")
    assert "Mistral 8x22B Instruct v2" in page.text_content("main")
    keys(page, "P")  # looks again
    page.wait_for_selector(".empty:has-text('nothing to publish')")
    page.goto(f"{session.base}/preview/front")
    assert page.frame_locator("iframe.at-window").locator("h1").count() == 1
    assert (session.desk.root / "public" / "tools" / f"{MISTRAL}.html").is_file()


@pytest.mark.slow
def test_words_are_written_by_keyboard_and_shown_as_they_are_typed(
    page: Any, session: Session
) -> None:
    """The Markdown is rendered below the field; Ctrl+Enter saves."""
    page.goto(f"{session.base}/editorial/tools/{MISTRAL}")
    page.focus("#text")
    page.keyboard.type("It is **free**.")
    page.wait_for_selector("#rendered strong:has-text('free')")
    keys(page, "Control+Enter")
    page.wait_for_selector(".done:has-text('Saved')")
    assert page.input_value("#text") == "It is **free**."


@pytest.mark.slow
def test_what_is_typed_and_not_saved_is_back(page: Any, session: Session) -> None:
    """After another page; if the file has changed since, saving shows both."""
    path = f"{session.base}/tool/{MISTRAL}"
    page.goto(path)
    keys(page, "e")
    page.fill("#tagline", "Typed")
    file = session.desk.root / "tools" / f"{MISTRAL}.md"
    file.write_text(file.read_text("utf-8") + "\nMore.\n", encoding="utf-8")
    page.goto(f"{session.base}/tools")
    page.goto(path)
    page.wait_for_selector(".restored")
    assert page.input_value("#tagline") == "Typed"
    page.focus("#tagline")
    keys(page, "Enter")
    page.wait_for_selector("h1:has-text('Changed meanwhile')")
    keys(page, "m")
    page.wait_for_selector(".done:has-text('Saved')")
    page.goto(path)
    assert page.locator(".restored").count() == 0 and "Typed" in page.inner_text(".head")


@pytest.mark.slow
def test_without_scripts_everything_can_be_done(new_page: NewPage, session: Session) -> None:
    """Editing, previewing and publishing are plain forms and links."""
    approve(session)
    page = new_page(scripts=False)
    page.goto(f"{session.base}/tool/{MISTRAL}")
    page.click("summary:has-text('Edit all fields')")
    page.fill("#tagline", "Another line")
    page.click("button:has-text('Save')")
    assert "Another line" in page.inner_text(".head")
    page.click("a:has-text('As readers see it')")
    assert page.frame_locator("iframe.preview").locator("h1").inner_text().startswith("Mistral")
    page.goto(f"{session.base}/publish")
    look_until_done(page)
    page.click("button:has-text('Write the site')")
    look_until_done(page)
    assert "Published:" in page.inner_text("main")


def look_until_done(page: Any) -> None:
    """Without scripts a page under way has a link to look again."""
    while page.locator("#progress").count():
        page.click("#progress a")


@pytest.mark.slow
def test_every_new_page_is_accessible_and_fits(new_page: NewPage, session: Session) -> None:
    """Light and dark, wide and narrow, with what is wrong in a form and with a conflict."""
    approve(session)
    file = session.desk.root / "tools" / f"{MISTRAL}.md"
    paths = (
        "/tools",
        "/prices",
        f"/tool/{MISTRAL}",
        f"/preview/tool/{MISTRAL}",
        f"/preview/compare/{MISTRAL}/{CODESTRAL}?width=390",
        f"/compare?a={MISTRAL}",
        "/publish",
        "/editorial",
        f"/editorial/tools/{MISTRAL}",
        "/editorial/front",
    )
    for scheme, width in (("light", 1280), ("dark", 390)):
        page = new_page(scheme=scheme, width=width)
        for path in paths:
            page.goto(session.base + path)
            looks_right(page, path)
        page.goto(f"{session.base}/tool/{MISTRAL}")
        page.click("summary:has-text('Edit all fields')")
        page.fill("#url", "nowhere")
        page.click("button:has-text('Save')")
        page.wait_for_selector("[aria-invalid]")
        looks_right(page, "wrong")
        page.fill("#url", f"https://{scheme}.example")
        file.write_text(file.read_text("utf-8") + "\nMore.\n", encoding="utf-8")
        page.click("button:has-text('Save')")
        page.wait_for_selector("h1:has-text('Changed meanwhile')")
        looks_right(page, "conflict")


def looks_right(page: Any, path: str) -> None:
    for each in page.locator("main details").all():
        each.evaluate("each => { each.open = true; }")
    # axe would have to run in the preview, which runs nothing
    page.evaluate("document.querySelectorAll('iframe').forEach((each) => each.remove())")
    assert violations(page) == [], path
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
