"""Published words that still stand: confirmed for the present question, with what changed in it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from panel.decisions import Decision, redoable, replay, undoable
from panel.errors import UsageError
from panel.frozen.files import FOLDER
from panel.scorecard import published
from panel.site.wording import public_verdict
from panel.store.ingest import rebuild
from tests.support.desk_session import Session, ask, desk_open, stands
from tests.support.editors import do, entry, undo
from tests.support.frozen_verdicts import freeze
from tests.support.results import cards_of, thaw
from tests.support.runs import rows, run
from tests.support.space import Space, edit

PAIR = ("anvil", "builder")
TAKE = "/take/anvil/builder"


@pytest.fixture
def stale(asked: Space) -> Space:
    """Make a workspace whose builder's take on anvil is published and stale."""
    do(asked, "approve", note="Read.")
    edit(asked.root / "tools" / "anvil.md", "writes Parquet", "writes Arrow and Parquet")
    edit(asked.root / "tools" / "anvil.md", "entry: Free", "entry: $9 a month")
    return asked


@pytest.fixture
def session(stale: Space) -> Iterator[Session]:
    with desk_open(stale.root) as opened_desk:
        yield opened_desk


def confirm(space: Space) -> Decision:
    seen = entry(space)
    assert seen.question is not None
    return do(space, "confirm", question=seen.question)


def confirm_form(session: Session) -> dict[str, str]:
    """Return the fields of the form that confirms, as the page has them."""
    page = session.get(TAKE)[1].split('class="published"', 1)[1]
    fields = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', page.split("</form>", 1)[0]))
    return fields | {"action": "confirm"}


def said_on_the_site(space: Space) -> tuple[str, bool]:
    (card,) = cards_of(space.root, published=True, tools=["anvil"])
    take = next(line.take for line in published(card).lines if line.persona == "builder")
    assert take is not None
    return take.take, take.stale


@pytest.mark.slow
def test_confirmed_words_are_stale_no_more_until_the_question_changes_again(stale: Space) -> None:
    before = entry(stale)
    words = before.review.published
    assert words is not None and before.published_stale and said_on_the_site(stale)[1]
    made = confirm(stale)
    now = entry(stale)
    assert not now.published_stale and now.confirmed and not now.waits
    assert (made.text, made.verdict, made.evidence) == (words.text, words.verdict, words.evidence)
    assert said_on_the_site(stale) == (words.text, False)
    (card,) = cards_of(stale.root, published=True, tools=["anvil"])
    said = public_verdict(published(card))
    assert "Builder ships; an editor says that its earlier words still stand" in said
    stale.tool("anvil", description="Another description. MIT licence.")
    assert entry(stale).published_stale and said_on_the_site(stale) == (words.text, True)


@pytest.mark.slow
def test_a_new_answer_beside_confirmed_words_waits_for_nobody(stale: Space) -> None:
    ask(stale.root, tools=["anvil"])
    assert entry(stale).waits and entry(stale).state == "draft"
    confirm(stale)
    now = entry(stale)
    assert (now.state, now.waits, now.published_stale) == ("draft", False, False)
    do(stale, "edit", text="Other words.")
    now = entry(stale)
    assert now.waits and now.confirmed, "an editor's own words wait for their approval"


@pytest.mark.slow
def test_a_confirmation_is_undone_and_redone_like_any_decision(stale: Space) -> None:
    before = entry(stale).review
    confirm(stale)
    after = entry(stale).review
    undo(stale)
    assert replace(entry(stale).review, latest=None) == replace(before, latest=None)
    do(stale, "undo", undoes=entry(stale).review.latest)
    assert replace(entry(stale).review, latest=None) == replace(after, latest=None)


@pytest.mark.slow
def test_a_confirmation_is_frozen_thawed_and_rebuilt(stale: Space) -> None:
    confirm(stale)
    before = entry(stale).review
    rebuild(stale.root / "runs")
    assert entry(stale).review == before
    freeze(stale)
    filed = json.loads((stale.root / FOLDER / "anvil.json").read_text())
    last = filed["personas"]["builder"]["decisions"][-1]
    assert (last["action"], last["question"]) == ("confirm", entry(stale).question)
    for journal in stale.journals:
        journal.unlink()
    (stale.root / "runs" / "panel.duckdb").unlink()
    thaw(stale.root)
    now = entry(stale)
    assert now.confirmed and now.review.published is not None
    assert now.review.published.text == before.published.text  # type: ignore[union-attr]
    decided = rows(stale, "SELECT action, question FROM decisions ORDER BY decided_at")
    assert decided == [("approve", None), ("confirm", now.question)]


def test_words_that_another_copy_withdrew_are_not_published_by_confirming_them() -> None:
    approved = Decision(
        *PAIR, "approve", "Ada", None, "b2:1", "a-1", "m", 1, "Words.", "ship", 50, (),
        decision_id="1", decided_at="2026-11-01T00:00:00",
    )  # fmt: skip
    gone = replace(approved, action="reject", decision_id="2", decided_at="2026-11-02T00:00:00")
    again = replace(
        approved, action="confirm", question="b2:2", decision_id="3",
        decided_at="2026-11-03T00:00:00",
    )  # fmt: skip
    assert replay([approved, gone, again]).published is None
    kept = replay([approved, again]).published
    assert kept is not None and kept.question == "b2:2"


@pytest.mark.parametrize(("question", "says"), [(None, "names its question"), ("b2:x", "nothing")])
def test_only_published_words_are_confirmed_and_only_for_a_question(
    asked: Space, question: str | None, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        do(asked, "confirm", question=question)


def test_the_desk_confirms_with_one_button_and_goes_on(session: Session) -> None:
    form = confirm_form(session)
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 422 and "These words have errors" in page, "the words are checked as they are"
    status, page = session.post(f"{TAKE}/decide", form | {"note": "Only the format changed."})
    assert status == 200 and "Still stands:" in page and re.search("by the .*Skeptic", page)
    assert entry_is_confirmed(session)
    page = session.get(f"{TAKE}/history")[1]
    assert "said that the published words still stand" in page
    assert "Only the format changed." in page
    page = session.get(TAKE)[1]
    assert "They still stand" not in page and "Undo confirmation" in page
    assert 'value="approve"' not in page.split('class="editing"')[0], "that would take it back"
    assert f'href="{TAKE}' not in session.get("/?state=stale")[1]


@pytest.mark.slow
def test_the_desk_says_what_was_undone(session: Session) -> None:
    """Two in a row on one take are told apart: that its words stand, and its approval."""
    session.post(f"{TAKE}/decide", confirm_form(session) | {"note": "Only the format changed."})
    for what in ("that its words still stand", "its approval"):
        last = stands(session, PAIR).in_force[-1]
        form = session.form(*PAIR, action="undo", undoes=last)
        assert what in session.post(f"{TAKE}/decide", form)[1]


def entry_is_confirmed(session: Session) -> bool:
    found = session.desk.snapshot().entry(*PAIR)
    return found is not None and found.confirmed


def test_a_question_that_changed_after_the_page_was_opened_is_not_confirmed(
    session: Session, stale: Space
) -> None:
    form = confirm_form(session)
    stale.tool("anvil", description="Another description. MIT licence.")
    status, page = session.post(f"{TAKE}/decide", form | {"note": "Fine."})
    assert status == 409 and "The question has changed" in page
    assert stands(session).published.question is None


def test_the_desk_shows_what_changed_in_the_description_and_the_price(session: Session) -> None:
    shown = session.get(TAKE)[1].split('id="since"', 1)[1].split("</section>", 1)[0]
    assert "Changed since the published words" in shown and "description changed" in shown
    assert [html.unescape(each).strip() for each in re.findall(r"<h3>(.*?)</h3>", shown)] == [
        "Entry price",
        "Description",
    ]
    assert "<del>Free</del>" in shown and "<ins>$9 a month</ins>" in shown
    assert re.search(r"writes\s+<ins>Arrow and </ins>Parquet", shown)


@pytest.mark.slow
def test_what_changed_is_told_of_a_draft_and_of_other_reasons_than_the_description(
    session: Session, stale: Space
) -> None:
    page = session.get("/take/anvil/skeptic")[1]
    assert "Changed since this answer" in page and "Arrow and " in page
    assert 'id="since"' not in session.get("/take/bellows/builder")[1]
    file = stale.root / "personas" / "builder.md"
    edit(file, "\n---\n", "\n---\nBe brief. ")
    shown = session.get("/take/bellows/builder")[1].split('id="since"', 1)[1]
    assert "persona changed" in shown.split("</section>", 1)[0]


@pytest.mark.slow
def test_what_changed_is_told_after_a_rename(stale: Space) -> None:
    """The earlier description is in the journals under the earlier name, and is found there."""
    run(stale)
    edit(stale.root / "tools" / "anvil.md", "name: Anvil", "name: Forge")
    (stale.root / "tools" / "anvil.md").rename(stale.root / "tools" / "forge.md")
    with desk_open(stale.root) as renamed:
        page = renamed.get("/take/forge/builder")[1]
    shown = page.split('id="since"', 1)[1].split("</section>", 1)[0]
    assert "Changed since the published words" in shown and "is in no journal" not in shown
    assert re.search(r"writes\s+<ins>Arrow and </ins>Parquet", shown)


def test_undo_and_redo_go_step_by_step() -> None:
    made: list[Decision] = []

    def decided(action: str, undoes: Decision | None = None) -> Decision:
        number = len(made) + 1
        one = Decision(
            *PAIR, action, "Ada", made[-1].decision_id if made else None, "b2:1", "a-1", "m", 1,  # type: ignore[arg-type]
            f"Words {number}.", "ship", 50, (), undoes=undoes.decision_id if undoes else None,
            decision_id=f"{number:02}", decided_at=f"2026-11-01T00:00:{number:02}",
        )  # fmt: skip
        made.append(one)
        return one

    first, second = decided("edit"), decided("approve")
    undone = decided("undo", second), decided("undo", first)
    assert undoable(made) is None and redoable(made) == undone[1]
    decided("undo", undone[1])
    assert undoable(made) == first and redoable(made) == undone[0]
    decided("undo", undone[0])
    assert undoable(made) == second and redoable(made) is None
    decided("undo", second)
    assert redoable(made) == made[-1]
    decided("edit")
    assert redoable(made) is None, "another decision ends what can be redone"
