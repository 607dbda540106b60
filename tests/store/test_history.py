"""The history of verdicts: what became what, when, and what had changed in the question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from panel.cells.cells import ModelIdentity
from panel.scorecard import VerdictChange
from panel.store.history import changes
from panel.store.queries import opened
from tests.support.faces import in_turn as voting
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Space, edit

MODEL = ModelIdentity("mock", "mock-1")


@pytest.fixture
def one(mocked: Space) -> Space:
    """Make a workspace that asks one cell at a time."""
    edit(mocked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    return mocked


def ask(space: Space, mock: MockEndpoint, *votes: str, **selection: object) -> None:
    mock.face = voting(*votes)
    run(space, tools=["anvil"], personas=["builder"], **selection)


def told(space: Space, since: datetime | None = None) -> list[VerdictChange]:
    with opened(space.root / "runs") as connection:
        return changes(connection, MODEL, since)


def steps(space: Space) -> list[tuple[str | None, str, str]]:
    return [(each.before, each.after, each.reason) for each in told(space)]


def test_a_first_verdict_is_a_change_from_nothing(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    [first] = told(one)
    assert (first.tool, first.persona, first.model) == ("anvil", "builder", "mock/mock-1")
    assert (first.before, first.after, first.reason) == (None, "ship", "new")
    assert datetime.fromisoformat(first.changed_at).tzinfo is not None


def test_a_changed_description_is_named_as_the_reason_and_the_newest_stands_first(
    one: Space, mock: MockEndpoint
) -> None:
    ask(one, mock, "ship")
    one.tool("anvil", description="It only sings now.")
    ask(one, mock, "skip")
    assert steps(one) == [("ship", "skip", "description changed"), (None, "ship", "new")]


def test_an_answer_that_counts_again_is_a_change_back(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    was = (one.root / "tools" / "anvil.md").read_text()
    one.tool("anvil", description="It only sings now.")
    ask(one, mock, "skip")
    (one.root / "tools" / "anvil.md").write_text(was)
    ask(one, mock)
    assert steps(one)[0] == ("skip", "ship", "description changed")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("personas/builder.md", "Show me", "Read me", "persona changed"),
        ("prompts/system.md.j2", "one reviewer", "a reviewer", "template changed"),
        ("panel.toml", "[panel]", "[sampling]\ntemperature = 0.1\n[panel]", "settings changed"),
    ],
)
def test_each_part_of_the_question_has_its_reason(
    one: Space, mock: MockEndpoint, file: str, old: str, new: str, reason: str
) -> None:
    ask(one, mock, "ship")
    edit(one.root / file, old, new)
    ask(one, mock, "skip")
    assert steps(one)[0] == ("ship", "skip", reason)


def test_all_that_changed_is_named(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "skip")
    one.tool("anvil", description="It only sings now.")
    edit(one.root / "personas" / "builder.md", "Show me", "Read me")
    ask(one, mock, "ship")
    assert steps(one)[0][2] == "description changed, persona changed"


def test_the_same_verdict_on_a_new_question_is_no_change(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    one.tool("anvil", description="It only sings now.")
    ask(one, mock, "ship")
    assert steps(one) == [(None, "ship", "new")]


def test_refusals_and_later_repeats_change_nothing(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    ask(one, mock, "skip", again=True)
    one.tool("anvil", description="It only sings now.")
    ask(one, mock, "refuse")
    assert steps(one) == [(None, "ship", "new")]


def test_since_leaves_out_what_came_before_it(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    now = datetime.now(UTC)
    assert told(one, now - timedelta(hours=1)) and not told(one, now + timedelta(hours=1))
    assert told(one, (now - timedelta(hours=1)).replace(tzinfo=None))


def test_another_models_verdicts_are_not_told(one: Space, mock: MockEndpoint) -> None:
    ask(one, mock, "ship")
    with opened(one.root / "runs") as connection:
        assert changes(connection, ModelIdentity("mock", "mock-2")) == []
