"""The desk in a real browser, by keyboard alone: what an editor does all day, and attacks on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from panel.desk.decide import decide, history
from panel.desk.serving import Place
from panel.workspace.loading import load_workspace
from panel.workspace.scaffold import create
from tests.support.browser import NewPage, keys, shoot, violations, wait_until
from tests.support.desk_session import (
    Session,
    ask,
    desk_open,
    mock_elsewhere,
    seed_asked,
    seed_face,
    stands,
)
from tests.support.editors import entry, on
from tests.support.mock_endpoint import MockEndpoint
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.sizes import size
from tests.support.space import Space
from tests.support.templates import Templates

PAIR = (MISTRAL, "skeptic")
TAKE = f"/take/{MISTRAL}/skeptic"


@pytest.fixture
def seeded(templates: Templates, tmp_path: Path) -> Iterator[Space]:
    """Make a workspace with the seed page's tools and takes; guided, reviewers change sides."""
    space = templates.copy(seed_asked, tmp_path / "space")
    with mock_elsewhere(MockEndpoint(face=seed_face)) as mock:
        space.point_at(mock)
        yield space


@pytest.fixture
def session(seeded: Space) -> Iterator[Session]:
    with desk_open(seeded.root) as opened:
        yield opened


LEFT = {  # by a program that had the desk's address before it
    "/": "This desk is closed.<script>navigator.serviceWorker.register('/worker.js')</script>"
    "<script src='/assets/desk.js'></script>",
    "/worker.js": "addEventListener('install', () => skipWaiting());"
    "addEventListener('activate', (event) => event.waitUntil(clients.claim()));"
    "addEventListener('fetch', (event) => event.request.mode == 'navigate' && event.respondWith("
    "fetch(event.request).then(async (answer) => new Response("
    "await answer.text() + '<b>planted</b>', {headers: {'content-type': 'text/html'}}))))",
    "/assets/desk.js": "document.body.append('planted')",
}


class EarlierOwner(BaseHTTPRequestHandler):
    """Leaves a service worker and a script in each browser that comes."""

    def do_GET(self) -> None:
        body = LEFT[self.path].encode()
        self.send_response(200)
        kind = "javascript" if self.path.endswith(".js") else "html"
        self.send_header("Content-Type", f"text/{kind}")
        if kind == "javascript" and self.path != "/worker.js":
            self.send_header("Cache-Control", "max-age=31536000, immutable")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_what_an_earlier_owner_of_the_address_left_in_a_browser_is_gone_after_one_look(
    new_page: NewPage, seeded: Space
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), EarlierOwner) as earlier:
        port = earlier.server_port
        threading.Thread(target=earlier.serve_forever).start()
        page = new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
        assert "planted" in page.inner_text("body")
        earlier.shutdown()
    with desk_open(seeded.root, place=Place(port=port)) as session:
        page.goto(session.base + TAKE)
        wait_until(page, "!(await navigator.serviceWorker.getRegistrations()).length")
        page.goto(session.base + TAKE)
        assert page.evaluate("navigator.serviceWorker.controller") is None
        assert "planted" not in page.inner_text("body")


def give_a_reason(page: Any) -> None:
    """Say why words with errors stand all the same."""
    page.wait_for_selector("h1:has-text('These words have errors')")
    keys(page, "r")
    assert page.evaluate("document.activeElement.id") == "reason"
    page.keyboard.type("The vendor says so elsewhere.")
    keys(page, "Control+Enter")


def test_a_batch_is_worked_through_by_keyboard_alone(page: Any, session: Session) -> None:
    page.goto(f"{session.base}/")
    keys(page, "j", "j", "k")
    assert page.evaluate("document.activeElement.className") == "row"
    keys(page, "Enter")
    page.wait_for_url("**/take/**")
    first = page.inner_text("h1")
    assert first.startswith("Codestral 2.0")
    keys(page, "a")  # approve, and on to the next
    page.wait_for_selector(".done:has-text('Approved')")
    assert page.inner_text("h1") != first
    keys(page, "u")  # undo what has just been approved
    page.wait_for_selector(".done:has-text('Undone')")
    assert page.inner_text("h1") == first and "draft" in page.inner_text(".badges")
    keys(page, "U")  # and redo it
    page.wait_for_selector(".done:has-text('Redone')")
    assert "approved" in page.inner_text(".badges") and page.inner_text(".done button") == "Undo u"
    keys(page, "u")
    page.wait_for_selector(".badges:has-text('draft')")
    assert page.inner_text(".done button") == "Redo U"
    keys(page, "U")
    page.wait_for_selector(".badges:has-text('approved')")
    keys(page, "j")
    page.locator("h1").filter(has_not_text=first).wait_for()
    keys(page, "r", "1", "Enter")  # with the first reason
    page.wait_for_selector(".done:has-text('Rejected')")
    keys(page, "q")
    page.wait_for_selector("table.queue")
    assert page.inner_text("nav.tabs [aria-current]").split() == ["waiting", "6"]


@pytest.mark.slow
def test_a_false_claim_is_found_edited_out_and_approved_by_keyboard(
    page: Any, session: Session
) -> None:
    page.goto(session.base + TAKE)
    assert "Apache 2.0 licence" in page.inner_text("mark.error")
    keys(page, "f", "f")
    assert page.evaluate("document.activeElement.matches('mark.error')")
    keys(page, "e")
    assert page.evaluate("document.activeElement.id") == "text"
    keys(page, "Control+a")
    page.keyboard.type("It is one of several large open models. Ship, since its licence is plain.")
    page.wait_for_selector("#preview ins")
    assert page.inner_text("#count") == "14 words"
    assert "error" not in page.inner_text("#preview")
    keys(page, "Control+Enter")
    page.wait_for_selector(".badges:has-text('edited')")
    assert page.inner_text(".words.take").startswith("It is one of several")
    assert page.locator(".words.diff del").count() >= 1
    keys(page, "a")
    give_a_reason(page)  # fourteen words are far too few
    page.wait_for_selector(".done:has-text('Approved')")
    assert stands(session, PAIR).published.text.endswith("its licence is plain.")


@pytest.mark.slow
def test_two_editors_at_once_see_both_texts_and_one_chooses(
    new_page: NewPage, session: Session, seeded: Space
) -> None:
    """Two desks, as two processes would have them, and a browser at each."""
    with desk_open(seeded.root, editor="Bo") as other:
        ada, bo = new_page(), new_page()
        for page, desk in ((ada, session), (bo, other)):
            page.goto(desk.base + TAKE)
        keys(bo, "e", "Control+a")
        bo.keyboard.type("Bo wrote this.")
        keys(bo, "Control+Enter")
        bo.wait_for_selector(".badges:has-text('edited')")
        keys(ada, "e", "Control+a")
        ada.keyboard.type("Ada wrote that.")
        keys(ada, "Control+Enter")
        ada.wait_for_selector("h1:has-text('Decided meanwhile')")
        assert "Bo wrote this." in ada.inner_text(".theirs")
        assert "Ada wrote that." in ada.inner_text(".mine")
        assert violations(ada) == []
        keys(ada, "m")  # insist
        ada.wait_for_selector(".badges:has-text('edited')")
        assert ada.inner_text(".words.take") == "Ada wrote that."
        keys(bo, "a")  # Bo approves words that are no longer there
        bo.wait_for_selector("h1:has-text('Decided meanwhile')")
        keys(bo, "t")  # keeps theirs
        bo.wait_for_selector(".words.take:has-text('Ada wrote that.')")
    assert [each.text for each in decisions(session)] == ["Bo wrote this.", "Ada wrote that."]


def decisions(session: Session) -> list[Any]:
    return history(load_workspace(session.desk.root), *PAIR)


@pytest.mark.slow
def test_a_reviewer_is_asked_again_and_the_note_taken_back_by_keyboard(
    page: Any, session: Session
) -> None:
    page.goto(session.base + TAKE)
    before = page.inner_text(".words.take")
    keys(page, "a")
    give_a_reason(page)
    page.wait_for_selector(".done")
    page.goto(session.base + TAKE)
    keys(page, "g")
    assert page.evaluate("document.activeElement.id") == "note"
    page.keyboard.type("What does it cost to run?")
    keys(page, "Control+Enter")
    page.wait_for_selector(".words.take:has-text('On a second look')", timeout=30_000)
    assert "draft" in page.inner_text(".badges") and "flips" in page.inner_text(".badges")
    published = page.inner_text(".published")
    assert before.split(".")[0] in published and "stale" in published
    page.goto(f"{session.base}/?state=stale&flips=1")
    assert page.locator("a.row").count() == 1
    keys(page, "j", "Enter")
    page.wait_for_selector(".words.take")
    keys(page, "u")
    page.wait_for_selector(".badges:has-text('approved')")
    assert page.inner_text(".words.take") == before
    assert page.locator(".published").count() == 0


@pytest.mark.long
@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_embedded_model_is_asked_again_from_the_desk(page: Any, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    create(root)

    ask(root, tools=["codestral-2-0"], personas=["builder"], endpoint="embedded")
    with desk_open(root) as session:
        page.goto(f"{session.base}/take/codestral-2-0/builder")
        before = page.inner_text(".words.take")
        keys(page, "g")
        page.keyboard.type("What does the first hour look like?")
        keys(page, "Control+Enter")
        page.wait_for_selector(".asked.done", timeout=200_000)
        assert "A new answer has arrived." in page.inner_text(".asked")
        assert len(page.inner_text(".words.take")) > 300  # it may have picked the same sentences
        source = session.get("/take/codestral-2-0/builder/source")[1]
        assert "What does the first hour look like?" in source
        keys(page, "u")
        page.locator(".words.take", has_text=before[:60]).wait_for()
        assert page.locator(".words.take").inner_text() == before


@pytest.mark.slow
def test_every_page_is_accessible_in_light_dark_and_narrow(
    new_page: NewPage, session: Session, seeded: Space, tmp_path: Path
) -> None:
    workspace = load_workspace(seeded.root)
    decide(workspace, on(entry(seeded, PAIR), "approve"))
    decide(workspace, on(entry(seeded, PAIR), "ask_again", note="What does it cost?"))
    decide(workspace, on(entry(seeded, (CODESTRAL, "builder")), "edit", text="Own words: $99."))
    ask(seeded.root)
    paths = (
        "/?state=all",
        "/approve?all=1&filter=state%3Dall&notes=1",
        TAKE,
        f"{TAKE}?edit=1",
        f"/take/{CODESTRAL}/builder",
        f"{TAKE}/history",
        f"{TAKE}/source",
        f"/preview/compare/{MISTRAL}/{CODESTRAL}?words=drafts",
        "/nothing",
    )
    looks = [("light", 390), ("dark", 1280), ("light", 1280)]
    for scheme, width in looks[: size(2, 3)]:
        page = new_page(scheme=scheme, width=width)
        for path in paths:
            page.goto(session.base + path)
            if "preview" not in path:  # axe would have to enter the sandboxed preview
                assert violations(page) == [], (path, scheme, width)
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(overflow) <= 0, (path, width)
        page.goto(session.base + TAKE)
        keys(page, "?")
        page.wait_for_selector("dialog[open]")
        assert violations(page) == []
        keys(page, "Escape")
        assert page.locator("dialog[open]").count() == 0
        # Not browser.shoot: what it injects would breach the desk's policy.
        page.screenshot(path=tmp_path / f"desk-take-{scheme}-{width}.png")


@pytest.mark.slow
def test_the_desk_works_without_scripts(new_page: NewPage, session: Session) -> None:
    page = new_page(scripts=False)
    page.goto(f"{session.base}/")
    page.click("a.row >> nth=0")
    page.click("button.approve")
    assert "Approved" in page.inner_text(".done")
    page.click(".done button")
    assert "Undone" in page.inner_text(".done")
    page.click(".bar .edit-link >> nth=0")
    page.fill("#text", "I tried it myself.")
    page.click(".check-words")
    assert page.locator("#preview ins").count() >= 1
    page.click(".bar button.save")
    assert "edited" in page.inner_text(".badges")
    page.click("#again summary")
    page.fill("#note", "What does it cost?")
    page.click("#again button")
    assert session.desk.asker.wait(30)
    page.reload()
    assert "On a second look" in page.inner_text(".words.take")
    page.click("a.keys-link")
    assert page.locator("#keys dt").count() > 10


ATTACK = """<!doctype html><title>evil</title><body><form method=post action="{target}">
<input name=action value=approve><input name=text value="Planted."></form><script>
fetch("{target}", {{method: "POST", mode: "no-cors", credentials: "include",
  headers: {{"Content-Type": "application/x-www-form-urlencoded"}},
  body: "action=approve&text=Planted."}}).finally(() => document.forms[0].submit());
</script>"""


@pytest.mark.slow
def test_a_page_elsewhere_can_neither_post_nor_read_through_a_name_of_its_own(
    new_page: NewPage, session: Session
) -> None:
    target = f"{session.base}{TAKE}/decide"

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ATTACK.format(target=target).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as evil:
        threading.Thread(target=evil.serve_forever, daemon=True).start()
        page = new_page()
        page.goto(f"http://evil.test:{evil.server_port}/")
        page.wait_for_url(target)
        assert "sent from another site" in page.inner_text("body")
        evil.shutdown()
    page.faults.clear()  # the other page's own: its fetch failed
    assert decisions(session) == []
    port = session.base.rsplit(":", 1)[1]
    page = new_page()  # DNS rebinding: the attacker's name now leads to loopback
    answer = page.goto(f"http://rebound.test:{port}{TAKE}")
    assert answer.status == 400 and "Mistral" not in page.content()
    frame = new_page()
    frame.goto(f"{session.base}/")
    framed = "new Promise(done => {const f = document.createElement('iframe'); f.src = '/';"
    framed += " f.onload = () => done(f.contentDocument === null); document.body.append(f)})"
    assert frame.evaluate(framed), "no page frames the desk"
    frame.faults.clear()


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("width", [1280, 390])
def test_an_editor_logs_in_works_and_logs_out_by_keyboard(
    new_page: NewPage, seeded: Space, tmp_path: Path, width: int
) -> None:
    place = Place("127.0.0.1", 0, "a long enough token")
    page = new_page(width=width)
    with desk_open(seeded.root, place=place) as session:
        page.goto(session.base)
        page.wait_for_url("**/login")
        shoot(page, f"desk-login-{width}", tmp_path)
        page.keyboard.type("not the token of it")
        keys(page, "Enter")
        page.wait_for_selector("[role=alert]")
        assert violations(page) == []
        page.keyboard.type("a long enough token")
        keys(page, "Enter")
        page.wait_for_selector("table.queue")
        assert violations(page) == []
        shoot(page, f"desk-queue-{width}", tmp_path)
        page.goto(session.base + TAKE)
        keys(page, "a")
        give_a_reason(page)
        page.wait_for_selector(".done:has-text('Approved')")
        page.focus("text=Log out")
        keys(page, "Enter")
        page.wait_for_selector("[role=status]:has-text('You are logged out.')")
        shoot(page, f"desk-out-{width}", tmp_path)
        page.goto(session.base + TAKE)
        assert page.url.endswith("/login")
