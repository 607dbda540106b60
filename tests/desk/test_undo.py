"""Undo at the desk: the last thing that its editor did, whatever it was, and nothing older."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk_forms import form_in, form_of
from tests.support.desk_session import Session, desk_open, seed_asked, stands
from tests.support.editors import do
from tests.support.space import Space
from tests.support.templates import Templates

BUILDER = ("anvil", "builder")


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened_desk:
        yield opened_desk


def pressed(session: Session, path: str, key: str) -> tuple[int, str]:
    """Press u or U on a page: send the first form whose button has that key."""
    page = session.get(path)[1]
    for form in re.findall(r"<form method=\"post\".*?</form>", page, re.S):
        if f'data-key="{key}"' in form:
            action = re.search(r'action="([^"]*)"', form)
            assert action is not None
            return session.post(action[1], form_in(form, action[1]) | sent_by(form))
    raise AssertionError(f"no form of {path} has the key {key}")


def sent_by(form: str) -> dict[str, str]:
    button = re.search(r'<button name="([^"]*)" value="([^"]*)"', form)
    return {button[1]: button[2]} if button else {}


def file_of(session: Session, slug: str = "anvil") -> Path:
    return session.desk.root / "tools" / f"{slug}.md"


@pytest.mark.slow
def test_undo_takes_back_the_hold_that_came_after_an_edit(session: Session) -> None:
    """A tool was held back after the words of another were edited; redo goes the same way."""
    session.decide("bellows", "builder", action="edit", text="Other words. Ship.")
    before = file_of(session).read_text()
    session.post(
        "/tool/anvil/hold", form_of(session, "/tool/anvil", "/tool/anvil/hold") | {"hold": "1"}
    )
    held = file_of(session).read_text()
    assert "hold: true" in held
    page = pressed(session, "/take/bellows/builder", "u")[1]
    assert "Anvil: held back" in page and file_of(session).read_text() == before
    assert stands(session, ("bellows", "builder")).state == "edited", "the edit stands"
    assert "Undone:" in pressed(session, "/tools", "u")[1]
    assert stands(session, ("bellows", "builder")).state == "draft"
    pressed(session, "/tools", "U")
    assert stands(session, ("bellows", "builder")).state == "edited"
    pressed(session, "/tools", "U")
    assert file_of(session).read_text() == held


def test_fields_prices_editorial_and_gifts_are_taken_back_in_turn(session: Session) -> None:
    before = file_of(session).read_text()
    path = "/tool/anvil"
    session.post(path, form_of(session, path) | {"tagline": "Another line"})
    session.post(f"{path}/checked", form_of(session, path, f"{path}/checked"))
    session.post("/editorial/front", form_of(session, "/editorial/front") | {"headline": "Hear"})
    session.post("/assign", {"pick": "anvil/builder", "assignee": "Bo"})
    assert session.desk.snapshot().assigned == {BUILDER: "Bo"}
    pressed(session, "/prices", "u")
    assert session.desk.snapshot().assigned == {}
    pressed(session, "/prices", "u")
    assert not (session.desk.root / "editorial" / "front.md").exists()
    pressed(session, "/prices", "u")
    pressed(session, "/prices", "u")
    assert file_of(session).read_text() == before


@pytest.mark.slow
def test_what_others_have_changed_since_stays_and_nothing_older_is_undone(
    session: Session, asked: Space
) -> None:
    session.decide(*BUILDER, action="edit", text="Other words. Ship.")
    path = "/tool/anvil"
    session.post(f"{path}/hold", form_of(session, path, f"{path}/hold") | {"hold": "1"})
    file_of(session).write_text(file_of(session).read_text() + "\nMore.\n")
    status, page = pressed(session, "/tools", "u")
    assert status == 422 and "Anvil: held back: anvil.md has changed since" in page
    assert stands(session).state == "edited"
    assert pressed(session, "/tools", "u")[0] == 200, "what stays is not in the way of the rest"
    assert stands(session).state == "draft"
    session.decide("bellows", "builder", action="edit", text="Other words. Ship.")
    do(asked, "edit", ("bellows", "builder"), editor="Bo", text="Bo's words. Ship.")
    page = session.get("/tools")[1]
    assert 'data-key="u"' not in page and "something has come after" in page


@pytest.mark.slow
def test_redo_brings_back_all_that_one_undo_took(templates: Templates, tmp_path: Path) -> None:
    space = templates.copy(seed_asked, tmp_path / "seeded")
    with desk_open(space.root) as session:
        clean = [e.pair for e in session.desk.snapshot().entries if not session.desk.findings(e)]
        page = session.get("/approve?all=1&filter=state%3Dall")[1]
        session.post("/approve", form_in(page.split("To be approved")[0], "/approve"))
        approved = [stands(session, pair).published for pair in clean]
        assert len(clean) > 1 and all(approved)
        pressed(session, "/tools", "u")
        assert not any(stands(session, pair).published for pair in clean)
        page = pressed(session, "/tools", "U")[1]
        assert f"{len(clean)} takes at once" in page
        assert [stands(session, pair).published for pair in clean] == approved
        assert f"{len(clean)} taken back" in pressed(session, "/", "u")[1]
