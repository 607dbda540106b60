"""The desk finds what ``panel lint`` finds: also what shows only between takes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from panel.desk.session import Desk
from tests.support.desk_session import Session, desk_open
from tests.support.editors import do
from tests.support.space import Panel, Space

TAKE = "/take/anvil/builder"
Found = dict[tuple[str, str], list[tuple[str, str, str]]]


def linted(space: Space, panel: Panel) -> Found:
    rows = json.loads(panel("lint", "--json", cwd=space.root).out)
    return {
        (row["tool"], row["persona"]): [
            (each["severity"], each["check"], each["message"]) for each in row["findings"]
        ]
        for row in rows
    }


def at_the_desk(desk: Desk) -> Found:
    return {
        entry.pair: [(each.severity, each.check, each.message) for each in desk.findings(entry)]
        for entry in desk.snapshot().entries
        if entry.has_words
    }


def errors(found: Found) -> int:
    return sum(any(each[0] == "error" for each in findings) for findings in found.values())


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened_desk:
        yield opened_desk


def test_the_desk_finds_what_lint_finds(session: Session, asked: Space, panel: Panel) -> None:
    """Takes that are nearly the same are errors in both, and the filter shows them."""
    found = linted(asked, panel)
    assert any(check == "near-duplicate" for each in found.values() for _, check, _ in each)
    assert at_the_desk(session.desk) == found and errors(found) > 0
    shown = session.get("/?findings=error&state=all")[1]
    assert TAKE in shown and "No take matches" not in shown


def test_what_is_found_between_takes_keeps_up_with_decisions(
    session: Session, asked: Space, panel: Panel
) -> None:
    before = at_the_desk(session.desk)
    do(asked, "edit", text="Anvil turns lines into columns. That alone earns it a place. Ship.")
    wanted = linted(asked, panel)
    assert wanted != before
    session.desk.check_all()
    while at_the_desk(session.desk) != wanted:  # in the background
        time.sleep(0.01)
    entry = session.desk.snapshot().entry("anvil", "builder")
    assert entry is not None and session.desk.counted(entry) == session.desk.findings(entry)


def test_a_near_duplicate_is_not_approved_without_a_reason(session: Session) -> None:
    """Nor are words that are typed in and are another take's own."""
    other = session.desk.snapshot().entry("bellows", "builder")
    assert other is not None
    for typed in ({}, {"text": f"{other.text} Indeed."}):
        form = session.form("anvil", "builder", action="approve", **typed)
        for blank in ({}, {"note": " \n "}):
            status, page = session.post(f"{TAKE}/decide", form | blank)
            assert status == 422 and "These words have errors" in page
        assert "nearly the take of" in page
    session.post(f"{TAKE}/decide", form | {"note": "It is the mock's.", "text": ""})
    approved = session.desk.snapshot().entry("anvil", "builder")
    assert approved is not None and approved.state == "approved"
