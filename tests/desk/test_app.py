"""The desk over real sockets: what it shows, what it writes, and whom it turns away."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.desk.decide import decide, history
from panel.desk.diffing import pieces
from panel.desk.filters import STATES, Filter, counts
from panel.desk.guard import BODY_LIMIT, HEADERS
from panel.desk.serving import Place, address, listen
from panel.desk.snapshot import DeskSnapshot
from panel.desk.take import reflowed
from panel.hashing import text_hash
from panel.site.differences import word_changes
from panel.workspace.loading import load_workspace
from tests.support.counting import calls
from tests.support.desk_session import Session, ask, desk_open, seed_face, seed_tools, stands
from tests.support.editors import entry, on
from tests.support.faces import always
from tests.support.mock_endpoint import MockEndpoint
from tests.support.seed_takes import MISTRAL, PLANTED
from tests.support.sizes import size
from tests.support.space import ROOT, Panel, Space

PAIR = ("anvil", "builder")
TAKE = "/take/anvil/builder"
READERS = "/preview/page/approved/anvil/tools/anvil.html"
VERSUS = "/preview/page/drafts/anvil--bellows/compare/anvil-vs-bellows.html"
EVIL = "<script>alert(1)</script>\"'>&</textarea>"


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened_desk:
        yield opened_desk


# --- what it shows ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_queue_lists_what_waits_and_counts_every_state(session: Session) -> None:
    status, page = session.get("/")
    assert status == 200 and page.count('class="row"') == 8
    verdicts = re.findall(r'<td class="said">(.*?)</td>', page)
    assert {re.sub(r"<[^>]*>", "", each) for each in verdicts} <= {"SHIP", "SKIP"}, "no figure"
    session.decide(*PAIR, action="approve")
    session.decide("anvil", "skeptic", action="reject")
    session.decide("anvil", "futurist", action="edit", text="My own words.")
    page = session.get("/")[1]
    shown = dict(re.findall(r">(\w+) <span class=\"count\">(\d+)<", page))
    assert shown == {
        "waiting": "6", "draft": "5", "edited": "1", "approved": "1", "rejected": "1",
        "stale": "0", "unanswered": "0", "all": "8",
    }  # fmt: skip
    for query, many in (
        ("state=approved", 1),
        ("state=all", 8),
        ("tool=ANV", 2),
        ("persona=skeptic&state=all", 2),
        ("persona=nobody", 0),
        ("flips=1&state=all", 0),
        ("state=nonsense&page=99999999999999999999", 6),
        (f"page={'9' * 5000}", 6),
    ):
        assert session.get(f"/?{query}")[1].count('class="row"') == many, query


def test_the_queue_finds_takes_by_their_findings(space: Space) -> None:
    """The planted false licence claim of the seed page is what the errors filter shows."""
    seed_tools(space)
    with MockEndpoint(face=seed_face) as mock:
        space.point_at(mock)
        ask(space.root)
    with desk_open(space.root) as session:
        for each in session.desk.snapshot().entries:
            session.desk.findings(each)
        page = session.get("/?findings=errors")[1]
        rows = re.findall(r'class="row" href="([^"?]+)', page)
        assert f"/take/{MISTRAL}/skeptic" in rows
        page = session.get(f"/take/{MISTRAL}/skeptic")[1]
        assert PLANTED.split(",")[0] in page
        marked = re.findall(r'<mark class="error"[^>]*>(.*?)<sup>', page)
        assert any("Apache 2.0" in words for words in marked)
        assert re.search(r'<mark class="evidence" id="e1"', page)
        assert '<a href="#e1">“its licence is Apache 2.0”' in page


def test_a_take_stands_beside_its_description_with_prompt_and_reply_a_click_away(
    session: Session,
) -> None:
    page = session.get(TAKE)[1]
    assert "anvil reads JSON lines and writes Parquet" in page
    assert f'href="{TAKE}/source?' in page and f'href="{TAKE}/history?' in page
    source = session.get(f"{TAKE}/source")[1]
    assert "You are one reviewer on a panel" in source and "verdict_confidence" in source
    assert session.get(f"{TAKE}/source?attempt=nothing")[1].count("no answer yet") == 1


def test_a_history_shows_every_answer_and_decision_with_its_words(session: Session) -> None:
    session.decide(*PAIR, action="edit", text="First words.")
    session.decide(*PAIR, action="edit", text="Second words.")
    page = session.get(f"{TAKE}/history")[1]
    assert page.count('class="decision"') == 2 and page.count('class="answer"') == 1
    assert "First words." in page and "Second words." in page
    (first,) = (each for each in history_of(session) if each.text == "First words.")
    page = session.get(f"{TAKE}?words={first.decision_id}")[1]
    assert re.search(r"<textarea[^>]*>First words\.</textarea>", page)


def history_of(session: Session) -> list[Any]:
    return history(load_workspace(session.desk.root), *PAIR)


@pytest.mark.slow
def test_the_page_is_readers_or_with_drafts(session: Session) -> None:
    made = session.decide(*PAIR, action="edit", text="Only a draft.")
    assert made[0] == 200
    assert "Only a draft." in session.get(READERS.replace("approved", "drafts"))[1]
    assert session.get(READERS)[0] == 404, "readers have no such page yet"
    session.decide(*PAIR, action="approve")
    assert "Only a draft." in session.get(READERS)[1]
    assert "There is no tool" in session.get("/compare?a=nothing&b=anvil")[1]
    assert session.get("/preview/compare/nothing/anvil")[0] == 404


# --- what it writes ---------------------------------------------------------------------------


def test_approving_publishes_the_words_and_goes_on_to_the_next(session: Session) -> None:
    words = session.desk.snapshot().entry(*PAIR)
    assert words is not None
    _status, page = session.decide(*PAIR, action="approve")
    assert "<h1>Anvil <span" in page and "Approved:" in page
    published = stands(session).published
    assert (published.text, published.editor) == (words.text, "Ada")


@pytest.mark.slow
def test_an_edit_can_be_saved_approved_and_undone_twice(session: Session) -> None:
    session.decide(*PAIR, action="edit", text="One.\r\nTwo.")
    assert stands(session).revision.text == "One.\nTwo."
    session.decide(*PAIR, action="approve", text="Three.")
    assert stands(session).published.text == "Three."
    for expected in ("edited", "draft"):
        last = stands(session).in_force[-1]
        session.decide(*PAIR, action="undo", undoes=last)
        assert stands(session).state == expected
    assert stands(session).published is None


def test_the_words_in_the_field_are_checked_and_set_against_the_models(
    session: Session,
) -> None:
    form = session.form(*PAIR, text="I tried it. It costs $99 a month.")
    own = {"Origin": session.base, "Sec-Fetch-Site": "same-origin"}
    _status, fragment = session.post(f"{TAKE}/preview", form, own | {"HX-Request": "true"})
    assert "<html" not in fragment and "<ins>" in fragment and "$99" in fragment
    assert "finding" in fragment
    _status, page = session.post(f"{TAKE}/preview", form, own)  # without script
    assert "<html" in page and "I tried it. It costs $99 a month.</textarea>" in page
    assert history_of(session) == []


@pytest.mark.slow
def test_of_two_editors_the_second_sees_both_texts_and_can_insist(
    session: Session, asked: Space
) -> None:
    form = session.form(*PAIR, action="edit", text="Ada's words.")
    seen = entry(asked)
    decide(load_workspace(asked.root), on(seen, "edit", "Bo", text="Bo's words."))
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 409
    assert "Bo has edited this take" in page
    assert "Bo&#39;s words." in page and "Ada&#39;s words." in page
    assert stands(session).revision.text == "Bo's words."
    follows = re.search(r'name="follows" value="([^"]+)"', page)
    assert follows is not None
    again = form | {"follows": follows[1]}
    assert session.post(f"{TAKE}/decide", again)[0] == 200
    assert stands(session).revision.text == "Ada's words."
    assert [each.text for each in history_of(session)] == ["Bo's words.", "Ada's words."]


def test_words_that_changed_after_they_were_seen_are_not_approved(
    session: Session, asked: Space
) -> None:
    form = session.form(*PAIR, action="approve", shown="What I read.")
    decide(load_workspace(asked.root), on(entry(asked), "edit", "Bo", text="Unseen."))
    status, page = session.post(f"{TAKE}/decide", form | {"seen": text_hash("What I read.")})
    assert status == 409 and "Unseen." in page and "What I read." in page
    latest = stands(session).latest
    status, page = session.post(f"{TAKE}/decide", form | {"follows": latest})
    assert status == 409 and stands(session).published is None


def test_an_answer_that_came_in_meanwhile_is_not_decided_on_unseen(
    session: Session, asked: Space
) -> None:
    form = session.form(*PAIR, action="approve")
    asked.tool("anvil", description="Another description. MIT licence.")
    ask(asked.root, tools=["anvil"])
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 409 and "A new answer has come in" in page
    assert stands(session) is None


def test_a_take_says_how_many_answers_it_speaks_for_and_what_is_not_counted(
    session: Session, asked: Space, mock: MockEndpoint
) -> None:
    mock.face = always("skip")
    asked.tool("anvil", description="Another description. MIT licence.")
    ask(asked.root, tools=["anvil"], repeats=3)
    shown = " ".join(session.get(TAKE)[1].split())
    assert "0 of 3 answers ship; the take is one of the majority" in shown
    assert "1 superseded wording not counted (1 answer)" in shown


@pytest.mark.slow
def test_approved_words_stay_published_beside_the_new_draft_until_it_is_approved(
    session: Session, asked: Space
) -> None:
    session.decide(*PAIR, action="edit", text="The approved words.")
    session.decide(*PAIR, action="approve")
    asked.tool("anvil", description="Another description. MIT licence.")
    page = session.get(TAKE)[1]
    assert page.count(">stale</span>") == 2 and "The question has changed" in page
    ask(asked.root, tools=["anvil"])
    page = session.get(TAKE)[1]
    published = page.split('class="published"', 1)[1]
    assert "The approved words." in published and "stale" in published[:200]
    assert 'class="state draft"' in page
    readers = session.get(READERS)[1]
    assert "The approved words." in readers
    session.decide(*PAIR, action="approve")
    readers = session.get(READERS)[1]
    assert "The approved words." not in readers and stands(session).published is not None
    assert 'class="published"' not in session.get(TAKE)[1]


@pytest.mark.slow
def test_what_is_published_can_be_withdrawn_beside_a_new_draft(
    session: Session, asked: Space
) -> None:
    session.decide(*PAIR, action="approve")
    asked.tool("anvil", description="Another description. MIT licence.")
    ask(asked.root, tools=["anvil"])
    published = stands(session).published
    session.decide(*PAIR, action="edit", text="A better draft.")
    seen = text_hash(published.text)
    session.decide(*PAIR, action="withdraw", seen=seen)
    now = entry(asked)
    assert now.review.published is None
    assert (now.state, now.text) == ("edited", "A better draft.")


@pytest.mark.slow
def test_asking_again_with_a_note_brings_a_new_answer_and_undo_the_old_one(
    session: Session, mock: MockEndpoint
) -> None:
    before = session.desk.snapshot().entry(*PAIR)
    assert before is not None and before.answer is not None
    requests = mock.asked
    session.decide(*PAIR, action="ask_again", note="What does it cost?")
    assert session.desk.asker.wait(30)
    assert mock.asked == requests + 1
    assert "What does it cost?" in mock.requests[-1]["body"]["messages"][-1]["content"]
    now = session.desk.snapshot().entry(*PAIR)
    assert now is not None and now.answer is not None and not now.stale
    assert now.answer.fingerprint != before.answer.fingerprint
    assert "A new answer has arrived." in session.get(f"{TAKE}/asked")[1]
    session.decide(*PAIR, action="undo", undoes=stands(session).in_force[-1])
    now = session.desk.snapshot().entry(*PAIR)
    assert now is not None and (now.answer, now.stale) == (before.answer, False)
    assert mock.asked == requests + 1, "the earlier answer counts again, unasked"


def test_an_answer_that_arrives_while_a_page_is_made_is_told_with_the_next_look(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the page would say that it has a new answer, show the old one, and look no more."""
    looks = session.desk.snapshot

    def slowly() -> DeskSnapshot:
        found = looks()
        assert session.desk.asker.wait(30)
        return found

    form = session.form(*PAIR, action="ask_again", note="What does it cost?")
    monkeypatch.setattr(session.desk, "snapshot", slowly)
    _status, page = session.post(f"{TAKE}/decide", form)
    now = looks().entry(*PAIR)
    assert now is not None and now.answer is not None
    shown = f'name="attempt" value="{now.answer.attempt_id}"' in page
    assert ("A new answer has arrived." in page) == shown


@pytest.mark.slow
def test_pairs_asked_again_at_once_are_asked_one_after_the_other(
    session: Session, mock: MockEndpoint
) -> None:
    gate = threading.Event()

    def held(_index: int, _body: dict[str, Any]) -> None:
        gate.wait(30)

    mock.face = held
    before = mock.asked
    for persona in ("builder", "skeptic", "futurist"):
        session.decide("anvil", persona, action="ask_again", note="Look again.")
    assert "Asking again:" in session.get("/")[1]
    gate.set()
    assert session.desk.asker.wait(60)
    assert mock.asked == before + 3
    told = [session.desk.asker.on(("anvil", each)) for each in ("builder", "skeptic")]
    assert all(each is not None and each.state == "done" for each in told), told


def test_a_stale_take_is_asked_now_and_a_failure_is_told(
    session: Session, asked: Space, mock: MockEndpoint
) -> None:
    asked.tool("anvil", description="Another description. MIT licence.")
    assert session.desk.snapshot().entry(*PAIR).stale  # type: ignore[union-attr]
    session.post(f"{TAKE}/ask", {})
    assert session.desk.asker.wait(30)
    assert not session.desk.snapshot().entry(*PAIR).stale  # type: ignore[union-attr]
    (asked.root / "panel.toml").write_text("nonsense = 1\n")
    session.post("/take/anvil/skeptic/ask", {})
    assert session.desk.asker.wait(30)
    told = session.desk.asker.on(("anvil", "skeptic"))
    assert told is not None and told.state == "failed" and "nonsense" in told.says
    page = session.get("/take/anvil/skeptic")[1]
    assert "nonsense" in page and page.count('role="alert"') >= 1, "and the last good files serve"


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"action": "edit", "text": "   "}, "The take is empty"),
        ({"action": "edit", "text": "x" * 20_001}, "20,001 characters"),
        ({"action": "ask_again", "note": " "}, "needs a note"),
        ({"action": "undo", "undoes": "x"}, "Only the last decision"),
        ({"action": "publish"}, "That is not a decision"),
        ({}, "That is not a decision"),
    ],
)
def test_what_cannot_be_decided_is_said_and_nothing_is_written(
    session: Session, fields: dict[str, str], says: str
) -> None:
    status, page = session.decide(*PAIR, **fields)
    assert status == 422 and says in page
    assert history_of(session) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "fields", "says"),
    [
        ("decide", {"action": "approve", "text": "$9 " * 20_000}, "The take has 60,000 char"),
        ("decide", {"action": "ask_again", "note": "n " * 600_000}, "The note has 1,200,000 char"),
        ("decide", {"action": "edit", "verdict_reason": "n" * 2_001}, "The reason has 2,001 char"),
        ("decide", {"action": "approve", "doubt": "n" * 2_001}, "The reason has 2,001 char"),
        ("decide", {"action": "reject", "why": "n" * 2_001}, "The reason has 2,001 char"),
        ("preview", {"text": "word " * 200_000}, "The take has 1,000,000 char"),
        ("preview", {"text": "a", "quotes": "1", "quote-1": "a" * 1_001}, "has 1,001 char"),
        ("preview", {f"quote-{n}": "a" for n in range(21)}, "21 quotes are more than 20"),
        ("draft", {"text": "a", "quotes": "1", "quote-1": "a" * 7_000}, "has 7,000 char"),
        ("draft", {"text": "a" * 20_001}, "The take has 20,001 char"),
        ("ask", {"filter": "says=" + "a" * 100_000}, "The field &#39;filter&#39; has 100,005"),
    ],
)
def test_a_text_that_is_too_long_is_refused_before_anything_is_done_with_it(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    fields: dict[str, str],
    says: str,
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        "panel.desk.checking.check_take", lambda subject, _others: looked.append(subject.text) or []
    )
    form = session.form(*PAIR, **fields)
    looked.clear()
    status, page = session.post(f"{TAKE}/{way}", form)
    assert status == 422 and says in page and looked == []
    assert history_of(session) == [] and not session.desk.notes.drafts("Ada")


def test_a_long_text_about_a_tool_is_refused_by_its_name(session: Session) -> None:
    for path in ("/tool/anvil", "/editorial/front", "/assign", "/editorial/preview"):
        status, page = session.post(path, {"text": "a" * 100_001})
        assert status == 422 and "has 100,001 characters, more than 100,000" in page


@pytest.mark.slow
def test_other_pages_are_answered_while_the_words_of_a_decision_are_checked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, answered, waited = threading.Event(), threading.Event(), []

    def check(subject: Any, _others: Any) -> list[Any]:
        if subject.text == "These words take long.":
            checking.set()
            waited.append(answered.wait(10))
        return []

    monkeypatch.setattr("panel.desk.checking.check_take", check)
    fields = {"action": "approve", "text": "These words take long."}
    deciding = threading.Thread(target=session.decide, args=PAIR, kwargs=fields)
    deciding.start()
    assert checking.wait(30)
    status, _page = session.get("/")
    answered.set()
    deciding.join()
    assert status == 200 and waited[0] is True


# --- whom it turns away -----------------------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.test:{port}",
     "", "127.0.0.1:{port}.evil.test", "0.0.0.0:{port}", "localhost:{port}", "[::1]:{port}"],
)  # fmt: skip
def test_a_host_name_that_is_not_the_desks_gets_nothing(session: Session, host: str) -> None:
    port = session.base.rsplit(":", 1)[1]
    for method in ("GET", "POST"):
        answer = session.raw(method, "/", {"Host": host.format(port=port), "Content-Length": "0"})
        assert answer.status == 400
    good = session.raw("GET", "/", {"Host": f"127.0.0.1:{port}"})
    assert good.status == 200


@pytest.mark.parametrize(
    ("host", "port", "shown"),
    [
        ("127.0.0.1", 8320, "127.0.0.1:8320"),
        ("127.0.0.1", 80, "127.0.0.1"),
        ("localhost", 8320, "127.0.0.1:8320"),
        ("::1", 8320, "[::1]:8320"),
        ("0:0::1", 8320, "[::1]:8320"),
        ("::ffff:127.0.0.1", 8320, "127.0.0.1:8320"),
        ("0.0.0.0", 8320, "127.0.0.1:8320"),
        ("desk.test", 8320, "desk.test:8320"),
    ],
)
def test_a_desk_is_known_by_the_address_that_it_prints_and_by_no_other_name(
    host: str, port: int, shown: str
) -> None:
    place = Place(host)
    assert address(place, port).startswith(f"http://{shown}")
    known = place.known(port)
    assert known(shown) and known(f"{shown.removesuffix(f':{port}')}:{port}")
    for other in ("localhost", socket.gethostname()):
        assert not known(f"{other}:{port}") and not known(other)


def test_localhost_is_opened_as_the_address_that_it_leads_to(asked: Space) -> None:
    with desk_open(asked.root, place=Place("localhost", 0)) as session:
        assert session.base.startswith("http://127.0.0.1:") and session.get(TAKE)[0] == 200


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "{base}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "{base}.evil.test"},
    ],
)
@pytest.mark.parametrize("path", ["decide", "ask", "preview", "draft"])
def test_a_post_that_no_page_of_the_desk_sent_changes_nothing(
    session: Session, marks: dict[str, str], path: str
) -> None:
    headers = {name: value.format(base=session.base) for name, value in marks.items()}
    form = session.form(*PAIR, action="approve", text="Planted.")
    assert session.post(f"{TAKE}/{path}", form, headers)[0] == 403
    assert history_of(session) == [] and session.desk.asker.on(PAIR) is None


def test_a_get_changes_nothing_and_other_methods_are_refused(session: Session) -> None:
    assert session.get(f"{TAKE}/decide?action=approve")[0] in (404, 405)
    port = session.base.rsplit(":", 1)[1]
    own = {"Host": f"127.0.0.1:{port}", "Origin": session.base, "Content-Length": "0"}
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert session.raw(method, f"{TAKE}/decide", own).status in (400, 405)
    large = own | {"Content-Length": str(BODY_LIMIT + 1)}
    assert session.raw("POST", f"{TAKE}/decide", large).status == 413
    del own["Content-Length"]
    chunked = own | {"Transfer-Encoding": "chunked"}
    assert session.raw("POST", f"{TAKE}/decide", chunked, "1\r\nx\r\n0\r\n\r\n").status == 411
    assert history_of(session) == []


def test_every_answer_carries_the_headers_and_no_cookie(session: Session) -> None:
    port = session.base.rsplit(":", 1)[1]
    for path in ("/", TAKE, f"/assets/{session.desk.start}/desk.js", "/nothing", VERSUS):
        answer = session.raw("GET", path, {"Host": f"127.0.0.1:{port}"})
        assert answer.getheader("set-cookie") is None and answer.getheader("server") is None
        policy = answer.getheader("content-security-policy") or ""
        assert "default-src 'none'" in policy and "script-src 'unsafe" not in policy
        assert answer.getheader("x-content-type-options") == "nosniff"
    answer = session.raw("GET", "/", {"Host": f"127.0.0.1:{port}"})
    assert answer.getheader("content-security-policy") == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/assets/{start}/../app.py", "/assets/{start}/..%2fapp.py", "/assets/{start}/%2e%2e/app.py",
     "/assets/{start}/etc", "/assets/desk.js", "/assets/another/desk.js",
     "/take/..%2f..%2fpanel.toml/builder", "/take/anvil/..%2f..", "/take/anvil/nobody", "/x"],
)  # fmt: skip
def test_no_path_leads_out_of_the_desk(session: Session, path: str) -> None:
    port = session.base.rsplit(":", 1)[1]
    path = path.format(start=session.desk.start)
    assert session.raw("GET", path, {"Host": f"127.0.0.1:{port}"}).status == 404


def test_each_desk_has_its_scripts_and_styles_at_an_address_of_its_own(asked: Space) -> None:
    found = []
    for _ in range(2):
        with desk_open(asked.root) as session:
            named = re.findall(r'(?:href|src)="([^"]+\.(?:css|js))"', session.get(TAKE)[1])
            assert all(session.get(path)[0] == 200 for path in named)
            found.append({*named})
    assert len(found[0]) == 4 and not found[0] & found[1]


@pytest.mark.slow
def test_foreign_text_is_escaped_wherever_it_is_shown(asked: Space) -> None:
    asked.tool("anvil", name="'<i>Anvil</i>'", tagline="'<b>x</b>'", description=f"MIT. {EVIL}")
    ask(asked.root)
    with desk_open(asked.root, editor=f"Ada {EVIL}") as session:
        session.decide(*PAIR, action="edit", text=f"Words {EVIL}\u202egnirts")
        session.decide(*PAIR, action="ask_again", note=f"Note {EVIL}")
        assert session.desk.asker.wait(30)
        form = session.form(*PAIR, action="edit", text=f"Mine {EVIL}", follows="other")
        pages = [
            session.get("/?state=all&tool=" + "%3Cscript%3E")[1],
            session.get("/?state=all")[1],
            session.get(TAKE)[1],
            session.get(f"{TAKE}/history")[1],
            session.get(f"{TAKE}/source")[1],
            session.get("/compare?a=%3Cscript%3E&b=anvil")[1],
            session.get(VERSUS)[1],
            session.post(f"{TAKE}/preview", form)[1],
            session.post(f"{TAKE}/decide", form)[1],
            session.get("/take/%3Cscript%3E/x")[1],
        ]
    for page in pages:
        assert "<script>alert" not in page and "<i>Anvil" not in page and "<b>x</b>" not in page
        assert "\u202e" not in page and "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[2]


def test_a_decision_that_the_disk_does_not_take_is_said_on_a_page(session: Session) -> None:
    """As on a disk that has become read-only; what was looked at before can be looked at still."""
    lock = session.desk.root / "runs" / ".deciding"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    status, page = session.decide(*PAIR, action="reject")
    assert status == 500 and "This was not saved" in page and ".deciding" in page
    assert "Traceback" not in page and session.get("/")[0] == 200
    lock.rmdir()
    assert session.decide(*PAIR, action="reject")[0] == 200


# --- the command, and size --------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted(asked: Space) -> None:
    words = ["desk", "--port", "0", "--no-browser", "--editor", "Ada"]
    with subprocess.Popen(
        [sys.executable, "-m", "panel", *words],
        cwd=asked.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        session = Session(None, address.rstrip("/"))  # type: ignore[arg-type]
        assert session.get("/")[0] == 200
        process.send_signal(2)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()


def test_the_command_says_what_it_needs(asked: Space, panel: Panel) -> None:
    refused = panel("desk", "--host", "0.0.0.0", "--editor", "Ada", cwd=asked.root)
    assert refused.code == 2 and "needs a token" in refused.err
    with listen(Place(port=0)) as taken:
        port = str(taken.getsockname()[1])
        refused = panel("desk", "--port", port, "--editor", "Ada", "--no-browser", cwd=asked.root)
    assert refused.code == 2 and "cannot listen" in refused.err and "--port" in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.slow
def test_without_the_extra_the_command_says_how_to_get_it(asked: Space) -> None:
    hidden = "import sys; sys.modules['starlette'] = None; sys.argv[0] = 'panel'; "
    run = subprocess.run(
        [sys.executable, "-c", f"{hidden}from panel.cli.main import main; main()", "desk"],
        cwd=asked.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2 and "pip install 'reviewer-panel[desk]'" in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_desk_reads_eight_thousand_takes_once(space: Space, mock: MockEndpoint) -> None:
    """What has not changed is not read again; answers are copied, not asked."""
    tools = size(100, 2000)
    space.point_at(mock)
    ask(space.root)
    for number in range(tools):
        space.tool(f"tool-{number}")
    with duckdb.connect(str(space.root / "runs" / "panel.duckdb")) as connection:
        connection.execute(
            "INSERT INTO journal.attempts SELECT a.* REPLACE (attempt_id || n AS attempt_id, "
            f"'tool-' || n AS tool) FROM journal.attempts AS a, range({tools}) AS many(n) "
            "WHERE tool = 'anvil'"
        ).fetchall()
    with desk_open(space.root) as session:
        first, unchanged = calls(session.desk.snapshot), calls(session.desk.snapshot)
        snapshot = session.desk.snapshot()
        page = session.get("/?state=all&page=3")
        session.decide(*PAIR, action="approve")
        after = session.desk.snapshot()
    assert unchanged < first / 10
    assert len(snapshot.entries) == 4 * tools + 8 and page[1].count('class="row"') == 50
    assert sum(entry.has_words for entry in snapshot.entries) == 4 * tools + 8
    assert after.entry(*PAIR).state == "approved"


# --- the small parts --------------------------------------------------------------------------

MARKS = st.lists(
    st.tuples(st.tuples(st.integers(-3, 40), st.integers(-3, 40)), st.sampled_from("abc"))
)


@given(text=st.text(max_size=30), marked=MARKS)
def test_cut_up_text_is_the_text_and_marks_cover_what_they_should(
    text: str, marked: list[tuple[tuple[int, int], str]]
) -> None:
    """Marks that overlap or touch are one piece, and no two pieces with marks touch."""
    cut = pieces(text, marked)
    assert "".join(piece.text for piece in cut) == text
    at = 0
    for piece in cut:
        for place in range(at, at + len(piece.text)):
            covering = {name for (start, end), name in marked if start <= place < end}
            assert covering <= set(piece.marks)
            assert bool(covering) == bool(piece.marks)
        at += len(piece.text)
    assert not any(one.marks and other.marks for one, other in itertools.pairwise(cut))
    kept = [name for (start, end), name in marked if max(0, start) < min(len(text), end)]
    assert sorted(name for piece in cut for name in piece.marks) == sorted(kept)


@given(old=st.text(alphabet="ab \n", max_size=40), new=st.text(alphabet="ab \n", max_size=40))
def test_a_difference_holds_both_wordings(old: str, new: str) -> None:
    found = word_changes(old, new)
    shown = "".join(each.text for each in found if each.kind != "gone")
    before = [each.text for each in found if each.kind != "new"]
    assert shown == new
    assert "".join(before).split() == old.split()


@given(st.text(alphabet="ab \n-1#", max_size=60))
def test_reflowed_text_keeps_every_place(text: str) -> None:
    flowed = reflowed(text)
    assert len(flowed) == len(text)
    assert all(a == b or (a, b) == ("\n", " ") for a, b in zip(text, flowed, strict=True))
    assert flowed.count("\n\n") == text.count("\n\n")


@given(
    state=st.sampled_from(sorted(STATES)),
    tool=st.text(max_size=20),
    persona=st.text(max_size=20),
    findings=st.sampled_from(["", "any", "errors", "none"]),
    flips=st.booleans(),
    page=st.integers(1, 10_000),
)
def test_a_filter_comes_back_from_its_address(**fields: Any) -> None:
    fields["tool"] = fields["tool"].strip().encode("utf-8", "ignore").decode()
    fields["persona"] = fields["persona"].encode("utf-8", "ignore").decode()
    wanted = Filter(**fields)
    assert Filter.of_query(wanted.query()) == wanted


@given(st.text(max_size=100))
def test_any_query_is_a_filter(query: str) -> None:
    assert Filter.of_query(query).page >= 1
    assert counts([]) == dict.fromkeys(STATES, 0)


def test_the_vendored_script_is_the_one_that_is_written_down() -> None:
    import hashlib

    folder = ROOT / "src/panel/desk/assets"
    digest = hashlib.sha256((folder / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in (folder / "THIRD_PARTY.md").read_text()


def test_a_changed_description_has_its_takes_checked_anew(session: Session, asked: Space) -> None:
    entry_before = session.desk.snapshot().entry(*PAIR)
    assert entry_before is not None
    session.desk.findings(entry_before)
    assert session.desk.counted(entry_before) is not None
    asked.tool("anvil", description="Another description. MIT licence.")
    now = session.desk.snapshot().entry(*PAIR)
    assert now is not None and session.desk.counted(now) is None
    session.desk.findings(entry_before)  # as the thread in the background may still do
    assert session.desk.counted(now) is None
