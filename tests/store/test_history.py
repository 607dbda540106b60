"""The history of published verdicts: what became what, when, and what had changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from panel.scorecard import VerdictChange
from panel.store.history import changes
from panel.store.ingest import opened
from tests.support.editors import do, undo
from tests.support.faces import always
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Space, edit


def ask(space: Space, mock: MockEndpoint, verdict: str, **selection: object) -> None:
    mock.face = always(verdict)
    run(space, tools=["anvil"], personas=["builder"], **selection)


def publish(space: Space, mock: MockEndpoint, verdict: str) -> None:
    ask(space, mock, verdict)
    do(space, "approve")


def told(space: Space, since: datetime | None = None) -> list[VerdictChange]:
    with opened(space.root / "runs") as connection:
        return changes(connection, since)


def steps(space: Space) -> list[tuple[str | None, str, str]]:
    return [(each.before, each.after, each.reason) for each in told(space)]


def test_a_first_approval_is_a_change_from_nothing(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "ship")
    [first] = told(mocked)
    assert (first.tool, first.persona, first.model) == ("anvil", "builder", "mock/mock-1")
    assert (first.before, first.after, first.reason) == (None, "ship", "new")
    assert datetime.fromisoformat(first.changed_at).tzinfo is not None


@pytest.mark.slow
def test_a_draft_that_nobody_approved_is_no_change(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "skip")
    mocked.tool("anvil", description="It only sings now.")
    ask(mocked, mock, "ship")
    assert steps(mocked) == [(None, "skip", "new")]
    do(mocked, "reject")
    assert steps(mocked) == [(None, "skip", "new")]


@pytest.mark.slow
def test_a_changed_description_is_named_as_the_reason_and_the_newest_stands_first(
    mocked: Space, mock: MockEndpoint
) -> None:
    publish(mocked, mock, "ship")
    mocked.tool("anvil", description="It only sings now.")
    publish(mocked, mock, "skip")
    assert steps(mocked) == [("ship", "skip", "description changed"), (None, "ship", "new")]


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("personas/builder.md", "What goes in", "Which goes in", "persona changed"),
        ("prompts/system.md.j2", "one reviewer", "a reviewer", "template changed"),
        ("panel.toml", "[panel]", "[sampling]\ntemperature = 0.1\n[panel]", "settings changed"),
    ],
)
def test_each_part_of_the_question_has_its_reason(
    mocked: Space, mock: MockEndpoint, file: str, old: str, new: str, reason: str
) -> None:
    publish(mocked, mock, "ship")
    edit(mocked.root / file, old, new)
    publish(mocked, mock, "skip")
    assert steps(mocked)[0] == ("ship", "skip", reason)


@pytest.mark.slow
def test_an_editors_note_is_guidance_and_no_changed_template(
    mocked: Space, mock: MockEndpoint
) -> None:
    publish(mocked, mock, "ship")
    do(mocked, "ask_again", note="Look at the price.")
    publish(mocked, mock, "skip")
    assert steps(mocked)[0] == ("ship", "skip", "guidance changed")


@pytest.mark.slow
def test_what_no_prompt_shows_is_no_reason(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "ship")
    edit(mocked.root / "tools" / "anvil.md", "entry:", "verified: 2026-11-01\n  entry:")
    edit(mocked.root / "personas" / "builder.md", "What goes in", "Which goes in")
    publish(mocked, mock, "skip")
    assert steps(mocked)[0] == ("ship", "skip", "persona changed")


@pytest.mark.slow
def test_another_answer_to_the_same_question_is_asked_again(
    mocked: Space, mock: MockEndpoint
) -> None:
    publish(mocked, mock, "ship")
    ask(mocked, mock, "skip", again=True)
    ask(mocked, mock, "skip", again=True)
    do(mocked, "approve")
    assert steps(mocked)[0] == ("ship", "skip", "asked again")


@pytest.mark.slow
def test_the_same_verdict_on_a_new_question_is_no_change(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "ship")
    mocked.tool("anvil", description="It only sings now.")
    publish(mocked, mock, "ship")
    assert steps(mocked) == [(None, "ship", "new")]


@pytest.mark.slow
def test_an_approval_that_was_taken_back_never_happened(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "ship")
    mocked.tool("anvil", description="It only sings now.")
    publish(mocked, mock, "skip")
    undo(mocked)
    assert steps(mocked) == [(None, "ship", "new")]


def test_since_leaves_out_what_came_before_it(mocked: Space, mock: MockEndpoint) -> None:
    publish(mocked, mock, "ship")
    now = datetime.now(UTC)
    assert told(mocked, now - timedelta(hours=1)) and not told(mocked, now + timedelta(hours=1))
    assert told(mocked, (now - timedelta(hours=1)).replace(tzinfo=None))
