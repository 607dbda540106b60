"""Editing in a real browser: quotes by keyboard and without scripts, typed words that survive."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.desk.decide import history
from panel.desk.serving import Place, listen
from panel.workspace.loading import load_workspace
from tests.desk.test_quotes import INVENTED, PAIR, TAKE, TRUE, invented
from tests.support.browser import NewPage, keys, violations
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


def type_words(page: Any, words: str) -> None:
    """Open the edit field and put other words into it."""
    keys(page, "e", "Control+a")
    page.keyboard.type(words)


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_in_a_form_stands_beside_its_field_which_has_the_focus(
    new_page: NewPage, session: Session, scripts: bool
) -> None:
    """A verdict without a reason, a tool without a name: the field is shown and focused."""
    page = new_page(width=390, scripts=scripts)
    page.goto(f"{session.base}{TAKE}?edit=1")
    other = page.locator("[name=verdict]:not(:checked)").first
    other.check()
    page.click(".bar button.save")
    page.wait_for_selector("#verdict_reason[aria-invalid]")
    assert page.evaluate("document.activeElement.id") == "verdict_reason"
    assert page.inner_text("#error").startswith("The reviewer said ")
    page.goto(f"{session.base}/tool/{TAKE.split('/')[2]}")
    page.click("text=Edit all fields")
    page.fill("#released", "")
    page.fill("#name", "")
    page.click(".sheet button.save")
    page.wait_for_selector("[aria-invalid]")
    assert page.evaluate("document.activeElement.id") == "name"
    assert "Nothing was saved. These fields need another look" in page.inner_text("main")


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
    assert page.is_visible(".choose kbd:text-is('b')")
    keys(page, "b")  # back to the take
    page.wait_for_selector(".words.take")
    keys(page, "x")  # the first quote that is not in the source goes
    page.wait_for_selector(".done:has-text('Edited')")
    assert INVENTED not in page.inner_text("#evidence + .quotes")
    assert violations(page) == []
    keys(page, "a")
    page.wait_for_selector("h1:has-text('These words have errors')")
    keys(page, "Tab")
    assert page.evaluate("document.activeElement.id") == "reason"
    page.keyboard.type("The other one is a slip of the pen.")
    keys(page, "Control+Enter")
    page.wait_for_selector(".done:has-text('Approved')")
    assert INVENTED not in stands(session, PAIR).published.evidence
    page.goto(f"{session.base}{TAKE}/history")
    assert "The other one is a slip of the pen." in page.inner_text(".history")


@pytest.mark.slow
def test_quotes_are_edited_and_errors_answered_for_without_scripts(
    new_page: NewPage, session: Session
) -> None:
    page = new_page(scripts=False)
    page.goto(session.base + TAKE)
    page.click("#evidence + .quotes li >> nth=1 >> button")  # remove the second
    assert "Edited" in page.inner_text(".done")
    page.click(".bar .edit-link >> nth=0")
    page.fill("#quote-2", "It is under the MIT licence")
    page.click(".bar button.save")
    assert stands(session, PAIR).revision.evidence == (TRUE, "It is under the MIT licence", "Free")
    page.click(".bar .edit-link >> nth=0")
    page.fill("#text", "I tried it.")
    page.click("button.save-approve")
    assert "These words have errors" in page.inner_text("h1")
    page.fill("#reason", "A colleague did.")
    page.click("button.save")
    assert "Approved" in page.inner_text(".done")
    assert stands(session, PAIR).published.text == "I tried it."


def kept(page: Any) -> None:
    """Wait until the desk says that it has what was typed."""
    page.wait_for_selector(".kept:has-text('Unsaved words kept')")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_typed_words_are_back_in_any_browser_until_they_are_decided_or_discarded(
    new_page: NewPage, quoted: Space, tmp_path: Path, width: int
) -> None:
    page = new_page(width=width)
    with desk_open(quoted.root) as session:
        page.goto(session.base + TAKE)
        before = page.inner_text(".words.take")
        type_words(page, "Half a thought")
        page.fill("#quote-1", "anvil reads")
        kept(page)
        page.goto(session.base + "/take/anvil/skeptic")
        assert "Anvil × Builder" in page.inner_text(".unsaved")
    with desk_open(quoted.root) as session:  # a desk is opened again, and another browser
        page = new_page(width=width)
        page.goto(session.base)
        page.click(".unsaved a")
        page.wait_for_selector(".restored:has-text('Your unsaved words')")
        assert page.input_value("#text") == "Half a thought"
        assert page.input_value("#quote-1") == "anvil reads"
        assert violations(page) == []
        page.screenshot(path=tmp_path / "restored.png", full_page=True)
        page.fill("#text", "Half a thought, and the rest")
        page.focus("#text")
        keys(page, "Control+Enter")
        page.wait_for_selector(".done:has-text('Edited')")
        page.goto(session.base + TAKE)
        assert page.inner_text(".words.take") == "Half a thought, and the rest" != before
        assert page.locator(".restored").count() == 0 and page.is_hidden("#edit-form")
        type_words(page, "Not this")
        kept(page)
        page.reload()
        page.click("text=Discard")
        page.wait_for_selector(".words.take:visible")
        assert page.input_value("#text") == "Half a thought, and the rest"
        with desk_open(quoted.root, editor="Bo") as other:
            type_words(page, "Ada's own")
            kept(page)
            page.goto(other.base + TAKE)
            assert page.is_hidden("#edit-form"), "a draft is its editor's own"


def served(root: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Serve a desk in a process of its own; it is killed at the end."""
    words = ["desk", "--port", str(port), "--no-browser", "--editor", "Ada"]
    with subprocess.Popen(
        [sys.executable, "-m", "panel", *words], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http")
        yield process
        process.kill()


@pytest.mark.slow
def test_typed_words_outlive_the_kill_of_the_desk_and_of_the_browser(
    new_page: NewPage, quoted: Space
) -> None:
    with listen(Place(port=0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    page = new_page()
    for process in served(quoted.root, port):
        page.goto(base + TAKE)
        type_words(page, "Kept by the desk")
        kept(page)
        process.kill()
        process.wait()
        page.keyboard.type(", and kept by the browser")
        page.wait_for_selector(".kept:has-text('kept in this browser')")
    for process in served(quoted.root, port):
        kept(page)  # by itself, once there is a desk again
        process.kill()
        process.wait()
        page.locator("#text").press("End")
        page.keyboard.type("!")
        page.wait_for_selector(".kept:has-text('kept in this browser')")
    for _process in served(quoted.root, port):
        kept(page)
        other = new_page()  # a browser that has kept nothing
        other.goto(base + TAKE)
        assert other.input_value("#text") == "Kept by the desk, and kept by the browser!"
        page.goto(base + TAKE)  # the one that was open when the desk was gone
        assert page.input_value("#text") == "Kept by the desk, and kept by the browser!"
    page.faults.clear()


@pytest.mark.slow
def test_typed_words_are_kept_as_a_draft_without_scripts(
    new_page: NewPage, session: Session
) -> None:
    page = new_page(scripts=False)
    page.goto(f"{session.base}{TAKE}?edit=1")
    page.fill("#text", "Half a thought")
    page.click("text=Keep without saving")
    assert "Your unsaved words" in page.inner_text(".restored")
    assert page.input_value("#text") == "Half a thought"
    page.click("text=Leave")
    assert "You have unsaved words here" in page.inner_text(".restored")
    page.click("text=Go on with them")
    page.click("text=Discard")
    assert page.locator(".restored").count() == 0


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_verdict_is_an_editors_own_only_with_a_reason_by_keyboard_alone(
    new_page: NewPage, session: Session, width: int
) -> None:
    page = new_page(width=width)
    page.goto(session.base + TAKE)
    keys(page, "v")
    assert page.evaluate("document.activeElement.value") == "ship"
    keys(page, "ArrowRight", "Tab", "Control+Enter")
    page.wait_for_selector("[role=alert]:has-text('Say in a few words why')")
    assert page.is_checked("[name=verdict][value=skip]"), "what was chosen is still there"
    page.focus("#verdict_reason")
    page.keyboard.type("nobody could buy it")
    keys(page, "Control+Enter")
    page.wait_for_selector(".ruling:has-text('Skip, by the editor Ada: nobody could buy it')")
    assert "The reviewer said ship" in page.inner_text(".ruling")
    assert violations(page) == []
    revision = stands(session, PAIR).revision
    assert (revision.verdict, revision.answered, revision.confidence) == ("skip", "ship", None)


@pytest.mark.slow
def test_what_is_shown_is_not_approved_over_words_that_are_not_saved(
    page: Any, session: Session
) -> None:
    page.goto(session.base + TAKE)
    type_words(page, "Better words.")
    keys(page, "Escape", "Escape", "a")
    assert "These words are not saved" in page.inner_text("#edit-form [role=alert]")
    assert page.evaluate("document.activeElement.id") == "text"
    assert history(load_workspace(session.desk.root), *PAIR) == []


@pytest.mark.slow
def test_words_survive_a_conflict_and_a_note_is_kept_like_them(
    page: Any, session: Session, quoted: Space
) -> None:
    page.goto(session.base + TAKE)
    type_words(page, "Ada's words.")
    page.click("#again summary")
    page.fill("#note", "What does it cost?")
    page.focus("#text")
    kept(page)
    do(quoted, "edit", editor="Bo", text="Bo's words.")
    keys(page, "Control+Enter")
    page.wait_for_selector("h1:has-text('Decided meanwhile')")
    keys(page, "t")  # keeps theirs, for now
    page.wait_for_selector("#edit-form:visible")
    assert page.input_value("#text") == "Ada's words."
    assert page.input_value("#note") == "What does it cost?"


@pytest.mark.slow
def test_where_nothing_can_be_kept_the_browser_warns_before_the_page_is_left(
    new_page: NewPage, session: Session
) -> None:
    page = new_page()
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    page.route("**/draft", lambda route: route.abort())
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


@pytest.mark.slow
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
    assert "/anvil--bellows/" in page.get_attribute("iframe.preview", "src")


@pytest.mark.slow
def test_what_the_browser_kept_of_another_take_is_handed_to_the_desk(
    page: Any, session: Session
) -> None:
    page.route("**/draft", lambda route: route.abort())
    page.goto(session.base + TAKE)
    type_words(page, "Kept here alone")
    page.wait_for_selector(".kept:has-text('kept in this browser')")
    page.unroute("**/draft")
    with page.expect_response("**/draft"):
        page.goto(session.base)
    other = session.get(TAKE)[1]
    assert "Kept here alone</textarea>" in other


@pytest.mark.slow
def test_what_the_browser_kept_of_one_editor_is_not_shown_to_another(
    page: Any, quoted: Space
) -> None:
    """A desk of another editor, or workspace, may open at the same address later."""
    with desk_open(quoted.root) as ada:
        page.goto(ada.base + TAKE)
        page.route("**/draft", lambda route: route.abort())
        type_words(page, "Of Ada alone.")
        page.wait_for_selector(".kept:has-text('kept in this browser')")
        place = Place(port=int(ada.base.rsplit(":", 1)[1]))
    page.unroute("**/draft")
    with desk_open(quoted.root, "Bo", place) as bo:
        page.goto(bo.base + TAKE)
        assert "Of Ada alone." not in page.input_value("#text")
        page.goto(f"{bo.base}/")
        assert "Drafts of yours" not in page.inner_text("main")
    with desk_open(quoted.root, "Ada", place) as ada:
        page.goto(ada.base + TAKE)
        page.wait_for_selector(".kept:has-text('Your words are back')")
        assert page.input_value("#text") == "Of Ada alone."


def test_no_letter_is_shown_as_a_key_while_it_would_be_typed(page: Any, session: Session) -> None:
    """On the page about errors the letters are keys until the reason is gone to; Esc leads back."""
    page.goto(session.base + TAKE)
    keys(page, "a")
    page.wait_for_selector("h1:has-text('These words have errors')")
    keys(page, "r")
    letters = page.locator("kbd:visible")
    assert letters.all_inner_texts() == ["Ctrl+Enter", "Esc"]
    page.keyboard.type("ub")
    assert page.input_value("#reason") == "ub"
    keys(page, "Escape")
    page.wait_for_selector(".words.take")
    assert page.locator("[name=verdict]:checked").count() == 1, "nothing came over from there"
    assert page.is_visible(".words.take") and page.is_hidden("#edit-form")
    keys(page, "e")
    assert letters.all_inner_texts() == ["Ctrl+Enter", "Ctrl+Shift+Enter", "Esc"]
    keys(page, "Escape", "Escape", "q")
    page.wait_for_selector("table.queue")
    assert "Unsaved words of yours" not in page.inner_text("main")
