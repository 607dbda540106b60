"""Words typed and not decided: lines of the journal that change nothing and lose nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from panel.cells.journal import (
    JournalWriter,
    find_journals,
    journal_line,
    new_run_id,
    read_lines,
)
from panel.store.ingest import rebuild
from tests.desk.test_quotes import TRUE, edit_form, invented
from tests.support.desk_session import Session, desk_open, stands
from tests.support.editors import do, entry
from tests.support.space import Space
from tests.support.templates import Templates

TAKE = "/take/anvil/builder"
EVIL = "</textarea><script>alert(1)</script>"


@pytest.fixture
def session(templates: Templates, tmp_path: Any) -> Iterator[Session]:
    space = templates.copy(invented, tmp_path / "space")
    with desk_open(space.root) as opened:
        yield opened


def type_in(session: Session, **fields: str) -> Any:
    """Send what stands in the fields as the page's script does; returns when it was kept."""
    form = edit_form(session) | {"verdict": "ship"} | fields
    own = {"Origin": session.base, "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
    status, body = session.post(f"{TAKE}/draft", form, own)
    assert status == 200, body
    return json.loads(body)["saved_at"]


def draft_lines(session: Session) -> list[dict[str, Any]]:
    """Return the drafts in all journals, oldest first."""
    return [
        line.fields
        for journal in find_journals(session.desk.root / "runs")
        for line in read_lines(journal.file)
        if line.fields and line.fields["kind"] == "draft"
    ]


def leave(session: Session, *lines: bytes) -> None:
    """Write lines as another desk would."""
    journal = JournalWriter(session.desk.root / "runs", new_run_id())
    journal.append_all(lines)
    journal.close()


def text_in(page: str) -> str:
    """Return the words in the edit field."""
    found = re.search(r'<textarea id="text"[^>]*>([^<]*)</textarea>', page)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_a_draft_is_written_once_changes_no_state_and_is_its_editors_own(session: Session) -> None:
    at = type_in(session, text="Half a thought")
    assert at == type_in(session, text="Half a thought"), "the same words are no new line"
    (line,) = draft_lines(session)
    assert line["editor"] == "Ada" and line["typed"] == {"text": "Half a thought"}
    assert stands(session) is None, "no decision"
    page = session.get(TAKE)[1]
    assert text_in(page) == "Half a thought" and "Your unsaved words" in page
    assert "Anvil × Builder" in session.get("/take/anvil/skeptic")[1]
    with desk_open(session.desk.root, editor="Bo") as other:
        assert text_in(other.get(TAKE)[1]) != "Half a thought"
    rebuild(session.desk.root / "runs")
    with desk_open(session.desk.root) as again:
        assert text_in(again.get(TAKE)[1]) == "Half a thought"


def test_a_draft_goes_when_it_is_saved_approved_or_discarded(session: Session) -> None:
    type_in(session, text="Half a thought", note="What does it cost?")
    session.post(f"{TAKE}/decide", edit_form(session, action="edit", text="A thought."))
    assert draft_lines(session)[-1]["typed"] == {"note": "What does it cost?"}
    assert "What does it cost?</textarea>" in session.get(TAKE)[1]
    type_in(session, text="A thought.", note="What does it cost?")  # it comes late
    assert draft_lines(session)[-1]["typed"] == {"note": "What does it cost?"}
    session.post(f"{TAKE}/draft", {"discard": "1"})
    assert draft_lines(session)[-1]["typed"] == {}
    many = len(draft_lines(session))
    session.post(f"{TAKE}/draft", {"discard": "1"})
    assert len(draft_lines(session)) == many and "Unsaved words of yours" not in session.get("/")[1]


def test_quotes_verdict_and_reason_are_kept_with_the_words(session: Session) -> None:
    type_in(session, **{"quote-2": "", "verdict": "skip", "verdict_reason": "Nobody could"})
    page = session.get(TAKE)[1]
    assert re.search(r'value="skip" data-keep checked', page)
    assert 'value="Nobody could"' in page
    form = edit_form(session)
    assert [form[name] for name in ("quote-1", "quote-3", "quote-4")] == [TRUE, "Free", ""]


@pytest.mark.slow
def test_what_a_conflict_or_a_mistake_leaves_undecided_is_kept(session: Session) -> None:
    space = Space(session.desk.root)
    form = edit_form(session, action="edit", text="Ada's words.")
    do(space, "edit", editor="Bo", text="Bo's words.")
    assert session.post(f"{TAKE}/decide", form)[0] == 409
    assert "Ada&#39;s words.</textarea>" in session.get(TAKE)[1]
    form = edit_form(session, action="edit", verdict="skip", verdict_reason="no")
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 422 and "Say in a few words why" in page and 'value="no"' in page
    assert entry(space).text == "Bo's words."


@pytest.mark.slow
def test_what_is_typed_last_counts_even_if_the_clock_has_gone_back(session: Session) -> None:
    """A draft, or whose a take is, with a time to come stands only until the next is written."""
    later = "2199-01-01T00:00:00.000000"
    said = {"tool": "anvil", "persona": "builder", "editor": "Ada"}
    leave(
        session,
        journal_line("draft", said | {"typed": {"text": "Earlier"}, "saved_at": later}),
        journal_line("assign", said | {"assignee": "Cy", "assigned_at": later}),
    )
    assert text_in(session.get(TAKE)[1]) == "Earlier"
    type_in(session, text="Later")
    session.post("/assign", {"pick": "anvil/builder", "assignee": "Bo"})
    with desk_open(session.desk.root) as again:
        assert text_in(again.get(TAKE)[1]) == "Later"
        assert again.desk.snapshot().assigned == {("anvil", "builder"): "Bo"}
        again.post(f"{TAKE}/draft", {"discard": "1"})
    with desk_open(session.desk.root) as again:
        assert "Your draft" not in again.get(TAKE)[1]


@pytest.mark.parametrize("typed", [["x"], "x", {"text": 5}, {"text": {}}, None])
def test_a_draft_that_is_none_is_left_out(session: Session, typed: Any) -> None:
    """A journal that somebody else has written breaks no page."""
    said = {"tool": "anvil", "persona": "builder", "editor": "Ada", "typed": typed}
    leave(session, journal_line("draft", said | {"saved_at": "2026-01-01T00:00:00.000000"}))
    status, page = session.get(TAKE)
    assert status == 200 and "Your draft" not in page


def test_a_draft_takes_no_other_field_and_is_escaped(session: Session) -> None:
    own = {"evil": "x", "action": "approve", f"quote-{'9' * 5000}": "x"}
    type_in(session, text=EVIL, verdict_reason=f'"{EVIL}', **own)
    assert set(draft_lines(session)[-1]["typed"]) == {"text", "verdict_reason"}
    page = session.get(TAKE)[1]
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert stands(session) is None


@pytest.mark.parametrize("path", ["/approve", "/approve/undo", "/assign", "/name"])
def test_many_are_not_decided_on_from_another_site(session: Session, path: str) -> None:
    evil = {"Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"}
    fields = {"pick": "anvil/builder", "picks": "anvil/builder", "name": "Eve", "assignee": "Eve"}
    assert session.post(path, fields, evil)[0] == 403
    assert session.desk.editor == "Ada" and session.desk.latest().assigned == {}
