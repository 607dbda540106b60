"""The queue in a real browser, by keyboard alone, wide and narrow: many takes, and a first name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import NewPage, keys, violations
from tests.support.desk_session import Session, desk_open, seed_asked, stands
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.templates import Templates


@pytest.fixture
def session(templates: Templates, tmp_path: Path) -> Iterator[Session]:
    space = templates.copy(seed_asked, tmp_path / "space")
    with desk_open(space.root) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_many_takes_are_selected_approved_and_taken_back_by_keyboard_alone(
    new_page: NewPage, session: Session, tmp_path: Path, width: int
) -> None:
    page = new_page(width=width)
    page.goto(session.base)
    keys(page, "j", "x", "j", "j", "X")  # from the first to the third
    assert page.inner_text(".picked") == "3 selected"
    keys(page, "j", " ")
    assert page.inner_text(".picked") == "4 selected"
    assert violations(page) == []
    page.screenshot(path=tmp_path / f"selected-{width}.png")
    keys(page, "A")
    page.wait_for_selector("h1:has-text('Approve 3 takes at once')")
    assert "the checks found" in page.inner_text(".left-out")
    assert violations(page) == [] and stands(session, (CODESTRAL, "builder")) is None
    page.screenshot(path=tmp_path / f"many-{width}.png")
    keys(page, "a")
    page.wait_for_selector(".done:has-text('3 takes at once')")
    assert stands(session, (CODESTRAL, "builder")).published.editor == "Ada"
    keys(page, "u")
    page.wait_for_selector(".done:has-text('3 taken back')")
    assert stands(session, (CODESTRAL, "builder")).published is None


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("width", [1280, 390])
def test_a_take_is_rejected_with_a_reason_and_words_by_keyboard_alone(
    new_page: NewPage, session: Session, tmp_path: Path, width: int
) -> None:
    page = new_page(width=width)
    page.goto(f"{session.base}/take/{CODESTRAL}/builder")
    keys(page, "r")
    page.wait_for_selector("#reject[open]")
    assert violations(page) == []
    page.screenshot(path=tmp_path / f"reject-{width}.png")
    keys(page, "Escape", "r", "ArrowDown", "Tab")
    page.keyboard.type("not what it does")
    keys(page, "Enter")
    page.wait_for_selector(".done:has-text('Rejected')")
    note = stands(session, (CODESTRAL, "builder")).note
    assert note.endswith(": not what it does") and note.startswith("W")


@pytest.mark.slow
def test_no_letter_of_a_rejection_and_no_key_typed_ahead_is_a_command(
    new_page: NewPage, session: Session
) -> None:
    """Words of a rejection stay words; a page that follows a decision drops what came too early."""
    page = new_page()
    ahead = "for (const key of ['a', 'r', 'a']) document.body.dispatchEvent(new KeyboardEvent"
    ahead += "('keydown', { key, bubbles: true, cancelable: true }));"
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { if (document.querySelector('.done')) {"
        + ahead
        + "} });"
    )
    page.goto(f"{session.base}/take/{CODESTRAL}/builder")
    keys(page, "r", "4")
    page.keyboard.type("a repetition, as 1 of jqu")
    assert page.input_value("#why") == "a repetition, as 1 of jqu"
    page.evaluate(f"document.activeElement.blur(); {ahead}")
    assert stands(session, (CODESTRAL, "builder")) is None
    assert page.evaluate("document.activeElement.id") == "why"
    keys(page, "Control+Enter")
    page.wait_for_selector(".done:has-text('Rejected')")
    keys(page)  # once it heeds keys
    assert stands(session, (CODESTRAL, "builder")).note.startswith("Repeats another take: a rep")
    assert page.is_hidden("#why") and page.is_visible(".badges:has-text('draft')")
    assert len(session.desk.made) == 1
    page.keyboard.type("r")
    page.keyboard.type("plain words")  # without a digit they go to the words as well
    assert page.input_value("#why") == "plain words"
    page.goto(f"{session.base}/?state=all")
    keys(page, "j", "x", "w")
    page.keyboard.type("Grace")
    keys(page, "Enter")
    page.wait_for_selector(".done:has-text('1 take given')")


@pytest.mark.slow
def test_the_last_decision_is_undone_from_any_page(new_page: NewPage, session: Session) -> None:
    """On a tool's page u takes it back and opens its take; U redoes; else there is a line."""
    page, pair = new_page(), (CODESTRAL, "builder")
    page.goto(session.base)
    keys(page, "u")
    assert page.inner_text(".nothing").startswith("Nothing to undo")
    session.decide(*pair, action="approve")
    page.goto(f"{session.base}/tool/{MISTRAL}")
    keys(page, "u")
    page.wait_for_selector(".done:has-text('Undone')")
    assert stands(session, pair).published is None
    assert page.url.startswith(f"{session.base}/take/{CODESTRAL}/builder")
    keys(page, "u")
    assert page.is_visible(".nothing:has-text('Nothing to undo')")
    page.goto(f"{session.base}/tools")
    keys(page, "U")
    page.wait_for_selector(".done:has-text('Redone')")
    assert stands(session, pair).published is not None
    assert violations(page) == []


@pytest.mark.slow
def test_a_first_visit_asks_for_a_name_and_keys_open_in_a_dialog(
    new_page: NewPage, session: Session
) -> None:
    page = new_page(width=390, scheme="dark")
    with desk_open(session.desk.root, editor="") as unnamed:
        page.goto(unnamed.base)
        page.wait_for_selector("text=Your name")
        assert violations(page) == []
        page.keyboard.type("Ada Byron")
        keys(page, "Enter")
        page.wait_for_selector("table.queue")
        assert page.inner_text(".who") == "Ada Byron"
        assert page.is_hidden("#keys"), "no foot of keys"
        keys(page, "?")
        page.wait_for_selector("dialog[open]")
        assert violations(page) == []
    plain = new_page(scripts=False)
    plain.goto(session.base)
    plain.click("a.keys-link")
    assert plain.is_visible("#keys dt >> nth=0")


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_the_filters_are_folded_on_a_phone_and_open_elsewhere(
    new_page: NewPage, session: Session, scripts: bool
) -> None:
    """The fold says how many are set; the lesser ones have a fold of their own on a wide screen."""
    page = new_page(width=390, scripts=scripts)
    page.goto(f"{session.base}/?tool=mistral&persona=builder&says=e")
    assert page.is_hidden("[name=tool]")
    assert page.inner_text(".fold > summary") == "Filters (3)"
    # In the upper half, but for a line that says how many takes are not checked yet.
    assert page.locator("a.row").first.bounding_box()["y"] < 844 / 2 + 40
    page.click(".fold > summary")
    assert page.is_visible("[name=tool]") and page.is_visible("[name=category]")
    assert page.is_hidden(".more > summary")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(session.base)
    assert page.is_visible("[name=tool]") and page.is_hidden(".fold > summary")
    assert page.is_hidden("[name=category]") and page.is_visible(".more > summary")
    if scripts:
        assert violations(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        keys(page, "/")
        assert page.evaluate("document.activeElement.name") == "tool"
        assert violations(page) == []
