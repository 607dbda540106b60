"""Editing in a real browser: quotes by keyboard and without scripts, typed words that survive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.desk.decide import history
from panel.desk.serving import Place
from panel.workspace.loading import load_workspace
from tests.desk.test_quotes import INVENTED, PAIR, TAKE, TRUE, invented
from tests.support.browser import NewPage, violations
from tests.support.desk_session import Session, desk_open, stands
from tests.support.editors import do
from tests.support.space import Space
from tests.support.templates import Templates


@pytest.fixture
def quoted(templates: Templates, tmp_path: Path) -> Space:
    return templates.copy(invented, tmp_path / "space")


@pytest.fixture
def session(quoted: Space) -> Iterator[Session]:
    with desk_open(quoted.root) as opened:
        yield opened


def keys(page: Any, *pressed: str) -> None:
    for key in pressed:
        page.keyboard.press(key)


def type_words(page: Any, words: str) -> None:
    """Open the edit field and put other words into it."""
    keys(page, "e", "Control+a")
    page.keyboard.type(words)


def test_invented_quotes_are_removed_and_errors_answered_for_by_keyboard(
    page: Any, session: Session, tmp_path: Path
) -> None:
    page.goto(session.base + TAKE)
    assert page.inner_text("#evidence + .quotes").count("not published") == 2
    page.screenshot(path=tmp_path / "quotes.png", full_page=True)
    keys(page, "a")
    page.wait_for_selector("h1:has-text('These words have errors')")
    assert INVENTED in page.inner_text(".findings")
    assert violations(page) == []
    page.screenshot(path=tmp_path / "doubt.png", full_page=True)
    keys(page, "Escape", "b")  # back to the take
    page.wait_for_selector(".words.take")
    keys(page, "x")  # the first quote that is not in the source goes
    page.wait_for_selector(".done:has-text('Edited')")
    assert INVENTED not in page.inner_text("#evidence + .quotes")
    assert violations(page) == []
    keys(page, "a")
    page.wait_for_selector("h1:has-text('These words have errors')")
    page.keyboard.type("The other one is a slip of the pen.")
    keys(page, "Control+Enter")
    page.wait_for_selector(".done:has-text('Approved')")
    assert INVENTED not in stands(session, PAIR).published.evidence
    page.goto(f"{session.base}{TAKE}/history")
    assert "The other one is a slip of the pen." in page.inner_text(".history")


def test_quotes_are_edited_and_errors_answered_for_without_scripts(
    new_page: NewPage, session: Session
) -> None:
    page = new_page(scripts=False)
    page.goto(session.base + TAKE)
    page.click("#evidence + .quotes li >> nth=1 >> button")  # remove the second
    assert "Edited" in page.inner_text(".done")
    page.click("#edit summary")
    page.fill("#quote-2", "It is under the MIT licence")
    page.click("button.save")
    assert stands(session, PAIR).revision.evidence == (TRUE, "It is under the MIT licence", "Free")
    page.click("#edit summary")
    page.fill("#text", "I tried it.")
    page.click("button.save-approve")
    assert "These words have errors" in page.inner_text("h1")
    page.fill("#reason", "A colleague did.")
    page.click("button.save")
    assert "Approved" in page.inner_text(".done")
    assert stands(session, PAIR).published.text == "I tried it."


def test_typed_words_outlive_leaving_the_page_a_reload_and_the_end_of_the_desk(
    new_page: NewPage, quoted: Space, tmp_path: Path
) -> None:
    page = new_page()
    with desk_open(quoted.root) as session:
        port = int(session.base.rsplit(":", 1)[1])
        page.goto(session.base + TAKE)
        before = page.inner_text(".words.take")
        type_words(page, "Half a thought")
        page.fill("#quote-1", "anvil reads")
        page.reload()
        assert page.input_value("#text") == "Half a thought"
        assert page.input_value("#quote-1") == "anvil reads"
        assert "Not saved yet" in page.inner_text(".restored")
        assert violations(page) == []
        page.screenshot(path=tmp_path / "restored.png", full_page=True)
        keys(page, "Escape", "j")  # on to the next, without having saved
        page.wait_for_url("**/skeptic**")
        assert "anvil × builder" in page.inner_text(".unsaved")
        keys(page, "q")
        page.click(".unsaved a")
        page.wait_for_selector(".restored")
        page.fill("#text", "Half a thought, and the rest")
    with desk_open(quoted.root, place=Place(port=port)) as session:  # a desk is opened again
        page.goto(session.base + TAKE)
        assert page.input_value("#text") == "Half a thought, and the rest"
        page.focus("#text")
        keys(page, "Control+Enter")
        page.wait_for_selector(".done:has-text('Edited')")
        assert page.locator(".restored").count() == 0, "they are saved"
        page.goto(session.base + TAKE)
        assert page.inner_text(".words.take") == "Half a thought, and the rest" != before
        assert page.locator(".restored").count() == 0
        type_words(page, "Not this")
        page.reload()
        page.click("text=Discard them")
        assert page.input_value("#text") == "Half a thought, and the rest"
        page.reload()
        assert page.input_value("#text") == "Half a thought, and the rest"


def test_what_is_shown_is_not_approved_over_words_that_are_not_saved(
    page: Any, session: Session
) -> None:
    page.goto(session.base + TAKE)
    type_words(page, "Better words.")
    keys(page, "Escape", "a")
    assert "These words are not saved" in page.inner_text("#edit-form [role=alert]")
    assert page.evaluate("document.activeElement.id") == "text"
    assert history(load_workspace(session.desk.root), *PAIR) == []


def test_words_survive_a_conflict_and_a_note_is_kept_like_them(
    page: Any, session: Session, quoted: Space
) -> None:
    page.goto(session.base + TAKE)
    type_words(page, "Ada's words.")
    page.click("#again summary")
    page.fill("#note", "What does it cost?")
    page.focus("#text")
    do(quoted, "edit", editor="Bo", text="Bo's words.")
    keys(page, "Control+Enter")
    page.wait_for_selector("h1:has-text('Decided meanwhile')")
    keys(page, "t")  # keeps theirs, for now
    page.wait_for_selector('.words.take:has-text("Bo\'s words.")')
    assert page.input_value("#text") == "Ada's words."
    assert page.input_value("#note") == "What does it cost?"


def test_where_nothing_can_be_kept_the_browser_warns_before_the_page_is_left(
    new_page: NewPage, session: Session
) -> None:
    page = new_page()
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    page.goto(session.base + TAKE)
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    type_words(page, "Only here.")
    page.evaluate("location.assign('/')")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and page.input_value("#text") == "Only here."


@pytest.mark.sample(1)
@pytest.mark.parametrize("path", [TAKE, f"{TAKE}/history", f"{TAKE}/source"])
def test_c_compares_the_tool_of_the_take_and_offers_others(
    page: Any, session: Session, path: str
) -> None:
    page.goto(session.base + path)
    keys(page, "c")
    page.wait_for_url("**/compare?a=anvil**")
    assert page.input_value("[name=a]") == "anvil" and page.is_checked("[name=drafts]")
    assert page.evaluate("document.activeElement.name") == "b"
    assert violations(page) == []
    page.click("main a:has-text('Bellows')")
    page.wait_for_selector("iframe.preview")
    assert "a=anvil&b=bellows" in page.get_attribute("iframe.preview", "src")
