"""The queue by tool, and many takes at once: shown first, bound to what was seen, undone in one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.desk.reasons import REASONS
from panel.desk.session import Desk
from panel.store.ingest import rebuild
from tests.support.counting import calls
from tests.support.desk_session import Session, desk_open, seed_asked, stands
from tests.support.editors import do, entry, on
from tests.support.space import Space
from tests.support.templates import Templates


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened:
        yield opened


@pytest.fixture
def seeded(templates: Templates, tmp_path: Path) -> Iterator[Session]:
    """Open a desk over the seed page's takes, of which some have no findings."""
    space = templates.copy(seed_asked, tmp_path / "seeded")
    with desk_open(space.root) as opened:
        yield opened


def shown(session: Session, query: str = "") -> list[str]:
    """Return the takes that the queue lists, in order."""
    return re.findall(r'class="row" href="/take/([^"?]+)', session.get(f"/?{query}")[1])


def without_findings(session: Session) -> list[str]:
    """Return the takes in which the checks find nothing."""
    for each in session.desk.snapshot().entries:
        session.desk.findings(each)
    return shown(session, "state=all&findings=none")


def bulk_form(page: str) -> dict[str, str]:
    """Return the fields of the form that approves many."""
    form = page.split('method="post" action="/approve">', 1)[1].split("</form>", 1)[0]
    found = re.findall(r'name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def test_the_queue_groups_takes_by_tool_and_counts_those_approved(session: Session) -> None:
    session.decide("anvil", "builder", action="approve")
    page = session.get("/?state=all")[1]
    groups = re.findall(r'class="name">(\w+)</span> <span class="aside">([^<]*?) ·', page)
    assert groups == [("Anvil", "1 of 4 approved"), ("Bellows", "0 of 4 approved")]


def test_a_take_says_where_it_stands_among_those_that_the_filter_shows(session: Session) -> None:
    assert ">2 of 8<" in session.get("/take/anvil/skeptic")[1]
    assert ">1 of 2<" in session.get("/take/anvil/skeptic?persona=skeptic")[1]
    session.decide("anvil", "skeptic", action="reject", stay="1")
    page = session.get("/take/anvil/skeptic")[1]
    assert ">7 left<" in page and 'rel="next"' in page, "its neighbours are still there"


@pytest.mark.slow
def test_the_queue_is_searched_filtered_and_sorted(session: Session, asked: Space) -> None:
    session.decide("bellows", "skeptic", action="edit", text="A word like zeugma. Ship.")
    do(asked, "approve", ("anvil", "futurist"), editor="Bo", note="Read.")
    for each in session.desk.snapshot().entries:
        session.desk.findings(each)
    assert shown(session, "state=all&says=ZEUGMA") == ["bellows/skeptic"]
    assert shown(session, "state=all&editor=Bo") == ["anvil/futurist"]
    assert shown(session, "state=all&category=nothing") == []
    worst = shown(session, "state=all&sort=severity")
    tools = [each.split("/")[0] for each in worst]
    assert len({*tools[:4]}) == len({*tools[4:]}) == 1, "a tool stays together"
    assert worst.index("bellows/skeptic") % 4 != 0, "it has one error, and the others have more"
    assert len(shown(session, "state=all&sort=age")) == 8
    assert shown(session, "state=all&sort=name")[0].startswith("anvil")
    page = session.get("/?state=all&says=%3Cscript%3Ealert&sort=nonsense&category=%3Cb%3E")[1]
    assert "<script>alert" not in page and "<b>" not in page


@pytest.mark.slow
@pytest.mark.parametrize("reason", [*REASONS])
@pytest.mark.sample(2)
def test_a_rejection_keeps_its_reason_and_is_found_by_it(session: Session, reason: str) -> None:
    session.decide("anvil", "builder", action="reject", reason=reason, why="See  the <price>.")
    assert stands(session).note == f"{REASONS[reason]}: See the <price>."
    assert shown(session, f"state=all&reason={reason}") == ["anvil/builder"]
    page = session.get("/take/anvil/builder/history")[1]
    assert f"{REASONS[reason]}: See the &lt;price&gt;." in page
    session.decide("anvil", "skeptic", action="reject", reason="nonsense")
    assert stands(session, ("anvil", "skeptic")).note is None


@pytest.mark.slow
def test_takes_are_given_to_an_editor_and_that_lasts(session: Session, asked: Space) -> None:
    picks = [("pick", "anvil/builder"), ("pick", "bellows/skeptic"), ("pick", "no/such")]
    status, page = session.post("/assign", [*picks, ("assignee", " Ada ")])
    assert status == 200 and "2 takes given" in page
    assert shown(session, "mine=1") == ["anvil/builder", "bellows/skeptic"]
    session.post("/assign", {"pick": "anvil/builder", "assignee": "", "stay": "1"})
    assert shown(session, "mine=1") == ["bellows/skeptic"]
    assert stands(session, ("bellows", "skeptic")) is None, "it is no decision"
    rebuild(asked.root / "runs")
    with desk_open(asked.root) as again, desk_open(asked.root, editor="Bo") as other:
        assert shown(again, "mine=1") == ["bellows/skeptic"] and shown(other, "mine=1") == []
        assert "for Ada" in other.get("/")[1]


@pytest.mark.slow
def test_takes_are_given_to_nobody_whose_name_has_no_letter(session: Session) -> None:
    given = [("pick", "anvil/builder"), ("assignee", "\0\u202e\n!")]
    status, page = session.post("/assign", given)
    assert status == 422 and "no letter and no digit" in page
    assert session.desk.latest().assigned == {}


def test_many_are_approved_as_shown_and_taken_back_in_one(seeded: Session) -> None:
    clean = without_findings(seeded)
    assert clean, "the takes of the template have some without findings"
    _status, page = seeded.get("/approve?all=1&filter=state%3Dall")
    assert f"Approve {len(clean)} take" in page and shown(seeded, "state=approved") == []
    _status, page = seeded.post("/approve", bulk_form(page))
    assert shown(seeded, "state=approved") == clean and "at once" in page
    batch = re.search(r'name="batch" value="([^"]+)"', page)
    assert batch is not None
    made = stands(seeded, tuple(clean[0].split("/")))  # type: ignore[arg-type]
    assert made.published.editor == "Ada"
    first = tuple(clean[0].split("/"))
    seeded.decide(*first, action="reject")  # what has come after is not taken back
    _status, page = seeded.post("/approve/undo", {"batch": batch[1]})
    assert f"{len(clean) - 1} taken back. 1 not" in " ".join(page.split())
    assert shown(seeded, "state=approved") == [] and shown(seeded, "state=rejected") == clean[:1]


def test_takes_with_notes_alone_are_approved_with_many_where_that_is_asked_and_shown(
    seeded: Session,
) -> None:
    """Warnings and errors stay out, and no note may be another than those that were shown."""
    clean, found = without_findings(seeded), {}
    for each in seeded.desk.snapshot().entries:
        found["/".join(each.pair)] = {one.severity for one in seeded.desk.findings(each)}
    noted = [name for name, severities in found.items() if severities == {"note"}]
    assert noted, "the takes of the template have some with notes alone"
    every = "/approve?all=1&filter=state%3Dall"
    page = seeded.get(every)[1]
    assert "with notes only" in page
    page = seeded.get(f"{every}&notes=1")[1]
    assert f"Approve {len(clean) + len(noted)} takes at once" in page
    assert page.count('<ul class="notes">') == len(noted)
    form = bulk_form(page)
    assert seeded.post("/approve", form | {"notes": ""})[0] == 409
    assert shown(seeded, "state=approved") == []
    assert seeded.post("/approve", form)[0] == 200
    assert set(shown(seeded, "state=approved")) == {*clean, *noted}


@pytest.mark.slow
def test_what_has_changed_since_it_was_shown_is_not_approved(seeded: Session) -> None:
    clean = without_findings(seeded)
    form = bulk_form(seeded.get("/approve?all=1&filter=state%3Dall")[1])
    pair: Any = tuple(clean[0].split("/"))
    space = Space(seeded.desk.root)
    do(space, "edit", pair, text=entry(space, pair).text + " More.", editor="Bo")
    status, page = seeded.post("/approve", form)
    assert status == 409 and "changed since you looked" in page
    assert shown(seeded, "state=approved") == []
    assert seeded.post("/approve", form | {"seen": "anything"})[0] == 409


@pytest.mark.slow
def test_what_has_findings_or_is_decided_or_unchecked_is_never_approved_with_many(
    session: Session,
) -> None:
    session.decide("anvil", "builder", action="edit", text="Too few words to be one.")
    session.decide("anvil", "skeptic", action="reject")
    page = session.get("/approve?pick=anvil/builder&pick=anvil/skeptic&pick=../../etc")[1]
    assert "the checks found an error" in page and "rejected already" in page
    assert "None of these can be approved at once" in page
    fresh = session.get("/approve?all=1&filter=tool%3Dbellows")[1]
    assert "not checked yet" in fresh, "of a filter, only what is checked already"
    assert session.post("/approve", {"picks": "anvil/builder", "seen": ""})[0] in (409, 422)
    assert stands(session).published is None


@pytest.mark.slow
def test_what_a_program_has_edited_is_read_before_it_is_approved(seeded: Session) -> None:
    """Words drafted by panel mcp need a person who opens the take, findings or not."""
    pick = without_findings(seeded)[0]
    tool, _, persona = pick.partition("/")
    text = entry(Space(seeded.desk.root), (tool, persona)).text
    do(Space(seeded.desk.root), "edit", (tool, persona), text=text, editor="Ada (mcp)")
    page = seeded.get(f"/approve?pick={pick}")[1]
    assert "a program has edited it" in page and "None of these can be approved" in page
    do(Space(seeded.desk.root), "edit", (tool, persona), text=text, editor="Ada")
    assert "None of these can be approved" not in seeded.get(f"/approve?pick={pick}")[1]


def test_a_desk_without_a_name_asks_for_one_first(asked: Space) -> None:
    with desk_open(asked.root, editor="") as session:
        page = session.get("/take/anvil/builder")[1]
        assert "Your name" in page and "git config --global user.name" in page
        form = {"action": "reject", "follows": "", "attempt": ""}
        session.post("/take/anvil/builder/decide", form)
        assert stands(session) is None
        assert session.post("/name", {"name": " \n "})[0] == 422
        assert "Queue" in session.post("/name", {"name": "Ada <b>"})[1]
        assert "Ada &lt;b&gt;" in session.get("/")[1]
        session.post("/name", {"name": "Bo"})
        assert ">Bo<" not in session.get("/")[1], "a desk has one editor"
        session.decide("anvil", "builder", action="reject")
        assert stands(session).revision.editor == "Ada <b>"


def test_a_decision_of_ones_own_is_taken_in_without_reading_the_queue_again(
    asked: Space,
) -> None:
    desk = Desk(asked.root, "Ada")
    first = calls(desk.snapshot)
    seen = desk.snapshot().entry("anvil", "builder")
    assert seen is not None and seen.answer is not None
    desk.decide_all([on(seen, "reject")])
    assert calls(desk.snapshot) < first / 4
    now = desk.snapshot().entry("anvil", "builder")
    assert now is not None and now.state == "rejected"
    assert now == entry(asked, ("anvil", "builder"))
    desk.close()


def test_the_button_for_all_says_how_many_it_would_approve(seeded: Session) -> None:
    """Of those that the filter shows; there is nothing to press where that is none."""
    many = len(without_findings(seeded))
    page = seeded.get("/")[1]
    assert many and f">Approve the {many} without findings</button>" in page
    assert f">Approve {many} takes at once</h1>" in seeded.post("/approve/look", {"all": "1"})[1]
    page = seeded.get("/?findings=errors")[1]
    assert '<button name="all" value="1" disabled>Approve the 0 without findings</button>' in page
