"""The desk in a real browser: what is seen and focused while one edits, approves and sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.desk import publishing
from tests.support.browser import NewPage, keys, shoot, violations
from tests.support.desk_session import Session, desk_open, seed_asked, stands
from tests.support.editors import do
from tests.support.seed_takes import CODESTRAL
from tests.support.space import Space, edit
from tests.support.templates import Templates

PAIR = (CODESTRAL, "builder")
TAKE = f"/take/{CODESTRAL}/builder"
WRONG = "It is Apache-2.0. The vendor says so, and it costs $77 a month. Ship it."


@pytest.fixture
def session(templates: Templates, tmp_path: Path) -> Iterator[Session]:
    """Open a desk over the seed page's two tools and their takes."""
    with desk_open(templates.copy(seed_asked, tmp_path / "space").root) as opened:
        yield opened


def in_view(page: Any, selector: str) -> bool:
    """Whether a whole element is within the window."""
    box = page.locator(selector).first.bounding_box()
    size = page.viewport_size
    return box["y"] >= 0 and box["y"] + min(box["height"], 60) <= size["height"]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_findings_stand_beside_the_words_that_are_edited(
    new_page: NewPage, session: Session, tmp_path: Path, width: int, scheme: str
) -> None:
    """The gravest first, named in the bar; a phrase selects itself; kept words are checked anew."""
    page = new_page(scheme, width)
    page.goto(session.base + TAKE)
    keys(page, "e", "Control+a")
    page.keyboard.type(WRONG)
    page.wait_for_selector("#preview .phrase:has-text('$77')")
    said = page.locator("#preview .findings .severity").all_inner_texts()
    order = [["ERROR", "WARNING", "NOTE"].index(each.upper()) for each in said]
    assert order == sorted(order) and order
    first = " ".join(page.locator("#preview .findings li p").first.inner_text().split())
    assert " ".join(page.inner_text("#gravest").split()).casefold() == first.casefold()
    if width == 1280:
        assert in_view(page, "#preview .findings")
    page.click("#preview .phrase:has-text('$77')")
    chosen = "(f => f.value.slice(f.selectionStart, f.selectionEnd))(document.activeElement)"
    assert "$77" in page.evaluate(chosen)
    assert violations(page) == []
    shoot(page, f"ways-edit-{width}-{scheme}", tmp_path)
    page.wait_for_selector(".kept:has-text('Unsaved words kept')")
    page.reload()
    assert page.locator("#preview .phrase:has-text('$77')").is_visible()


@pytest.mark.slow
def test_a_decision_moves_nothing_and_stale_words_stand_at_a_key(
    page: Any, session: Session, tmp_path: Path
) -> None:
    do_approve(session, PAIR)
    edit(session.desk.root / "tools" / f"{CODESTRAL}.md", "tagline: ", "tagline: Now ")
    page.goto(session.base)
    shoot(page, "ways-stale", tmp_path)
    assert page.inner_text("tr.kind").startswith("Published and stale: 1")
    page.goto(session.base + TAKE)
    assert page.inner_text(".bar .approve") == "They still stand a"
    keys(page, "a")
    page.wait_for_selector(".done:has-text('Still stands')")
    assert stands(session, PAIR).published.question
    top = page.locator(".two").bounding_box()["y"]
    shoot(page, "ways-done", tmp_path)
    page.goto(page.url.partition("?")[0])
    assert page.locator(".done").count() == 0
    assert page.locator(".two").bounding_box()["y"] == top


def do_approve(session: Session, pair: tuple[str, str]) -> None:
    session.decide(*pair, action="approve")
    assert stands(session, pair).published is not None


@pytest.mark.slow
def test_many_takes_lie_open_before_they_are_approved(
    page: Any, session: Session, tmp_path: Path
) -> None:
    """The heading has the focus; one key folds them; the button stands after the last of them."""
    for each in session.desk.snapshot().entries:
        session.desk.findings(each)
    page.goto(session.base)
    keys(page, "j", "Space", "A")
    page.wait_for_selector("h1:has-text('at once')")
    assert page.url.endswith("/approve/look")
    page.goto(f"{session.base}/approve?all=1&filter=state%3Dall")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    words = page.locator(".to-approve details p").first
    assert words.is_visible() and page.locator(".to-approve ~ p button.approve").count() == 1
    shoot(page, "ways-many", tmp_path)
    keys(page, "z")
    assert not words.is_visible()
    keys(page, "z")
    assert words.is_visible() and violations(page) == []
    keys(page, "a")
    page.wait_for_selector(".done:has-text('at once')")


@pytest.mark.slow
def test_a_new_link_is_shown_focused_and_copied(
    new_page: NewPage, session: Session, tmp_path: Path
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    do_approve(session, PAIR)
    page.goto(f"{session.base}/preview/tool/{CODESTRAL}")
    page.focus("text=Make a link")
    keys(page, "Enter")
    page.wait_for_selector("#link")
    assert page.evaluate("document.activeElement.id") == "link" and in_view(page, "#link")
    page.click("text=Copy")
    page.wait_for_selector("button:has-text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == page.input_value("#link")
    shoot(page, "ways-link", tmp_path)


@pytest.mark.slow
def test_enter_is_answered_while_the_desk_still_looks_at_the_site(
    page: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, plan = threading.Event(), publishing.plan
    monkeypatch.setattr(publishing, "SOON", 0.0)

    def late(*parts: Any) -> Any:
        looked.wait(60)
        return plan(*parts)

    monkeypatch.setattr(publishing, "plan", late)
    do_approve(session, PAIR)
    page.goto(f"{session.base}/publish")
    assert page.is_disabled("button:has-text('Write the site')")
    keys(page, "Enter")
    assert "still at work" in page.inner_text(".nothing")
    looked.set()
    page.wait_for_selector("form button:has-text('Write the site'):enabled")


@pytest.mark.slow
def test_the_page_of_errors_marks_them_and_escape_leaves_it(page: Any, session: Session) -> None:
    do(Space(session.desk.root), "edit", PAIR, text=WRONG)
    page.goto(session.base + TAKE)
    keys(page, "a")
    page.wait_for_selector("h1:has-text('These words have errors')")
    marked = page.locator("mark.error").all_inner_texts()
    assert marked, "what is wrong is marked where it stands"
    assert all(f"“{each}”" in page.inner_text(".findings") for each in marked)
    keys(page, "Escape")
    page.wait_for_selector(".words.take")
    assert page.url.startswith(session.base + TAKE)
