"""The one tool that writes, and what it cannot do; demo models. The SDK's client, no process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.mcp.test_command import LOOKING
from tests.results.test_demo import PICKS, a_demo
from tests.support.editors import do, entry
from tests.support.mcp_client import Session, ToolRefusedError, session_here
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Space
from tests.support.templates import Make

PAIR = {"tool": "anvil", "persona": "builder"}


def read(session: Session) -> dict[str, Any]:
    return session.call("read_take", **PAIR)


def draft(session: Session, **more: Any) -> dict[str, Any]:
    return session.call("draft_edit", **(PAIR | {"seen": read(session)["seen"]} | more))


def test_a_draft_is_an_edit_by_a_name_that_says_which_way_it_came(asked: Space) -> None:
    with session_here(asked.root, "Ada (mcp)") as session:
        made = draft(session, words="It reads JSON lines.", quotes=[], note="Shorter.")
        assert made["take"] == read(session)
    now = entry(asked)
    assert (now.state, now.text, now.evidence) == ("edited", "It reads JSON lines.", ())
    assert now.waits
    assert now.review.revision and now.review.revision.editor == "Ada (mcp)"
    assert now.review.published is None and now.review.note == "Shorter."
    assert (made["take"]["state"], made["take"]["words"]) == ("edited", now.text)


def test_a_draft_on_an_approved_take_leaves_the_published_words(asked: Space) -> None:
    approved = do(asked, "approve")
    with session_here(asked.root, "Ada (mcp)") as session:
        made = draft(session, words="It reads JSON lines.")["take"]
    published = entry(asked).review.published
    assert published and (published.text, published.editor) == (approved.text, "Ada")
    assert made["published"]["words"] == approved.text and made["waits"]


def test_a_client_can_write_nothing_else(asked: Space) -> None:
    with session_here(asked.root, "Ada (mcp)") as session:
        tools = session.tools()
    assert sorted(tools) == sorted([*LOOKING, "draft_edit"])
    hints = tools["draft_edit"].annotations
    assert hints and hints.read_only_hint is False and hints.destructive_hint is False
    taken = tools["draft_edit"].input_schema["properties"]
    assert sorted(taken) == ["note", "persona", "quotes", "seen", "tool", "words"]


@pytest.mark.parametrize("action", ["edit", "approve", "reject"])
def test_a_draft_on_words_that_somebody_decided_on_meanwhile_is_refused(
    asked: Space, action: str
) -> None:
    with session_here(asked.root, "Ada (mcp)") as session:
        seen = read(session)["seen"]
        theirs = do(asked, action, **({"text": "Hers."} if action == "edit" else {}))
        with pytest.raises(ToolRefusedError, match="Call read_take again"):
            draft(session, seen=seen, words="Mine.")
    assert entry(asked).review.latest == theirs.decision_id


def test_of_drafts_at_the_same_time_on_the_same_words_one_is_written(asked: Space) -> None:
    with session_here(asked.root, "Ada (mcp)") as session:
        fields = PAIR | {"seen": read(session)["seen"]}
        sent = [
            session.portal.start_task_soon(
                session.client.call_tool, "draft_edit", fields | {"words": f"Wording {number}."}
            )
            for number in range(6)
        ]
        answers = [each.result() for each in sent]
    assert sorted(each.is_error for each in answers) == [False] + [True] * 5
    [written] = [each for each in answers if not each.is_error]
    assert entry(asked).text == written.structured_content["take"]["words"]
    assert len(entry(asked).review.in_force) == 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing is changed"),
        ({"words": "  \n"}, "the take is empty"),
        ({"words": "x" * 20_001}, "more than 20,000"),
        ({"quotes": ["q"] * 3 + [f"{number}" for number in range(30)]}, "more than 20"),
        ({"words": "Turn \u202earound."}, r"nobody sees, '\\u202e', at place 5"),
        ({"quotes": ["Cut \ufffd"]}, "nobody sees"),
        ({"words": "Mine.", "seen": ""}, "was never read"),
        ({"words": 5}, "words: Input should be a valid string"),
        ({"words": "Mine.", "action": "approve"}, "there is no argument 'action'"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_and_leaves_no_decision(
    asked: Space, fields: dict[str, Any], says: str
) -> None:
    with (
        session_here(asked.root, "Ada (mcp)") as session,
        pytest.raises(ToolRefusedError, match=says) as refused,
    ):
        draft(session, **fields)
    assert str(refused.value).isprintable() and entry(asked).review.latest is None


def test_a_take_that_was_never_given_cannot_be_edited(asked: Space) -> None:
    asked.tool("cog")
    with session_here(asked.root, "Ada (mcp)") as session:
        seen = session.call("read_take", tool="cog", persona="builder")["seen"]
        with pytest.raises(ToolRefusedError, match="to edit yet"):
            session.call("draft_edit", tool="cog", persona="builder", seen=seen, words="Mine.")


@pytest.mark.slow
def test_a_demo_models_verdicts_are_marked_and_have_no_percentage(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    space = copied(a_demo)
    space.point_at(mock, PICKS)
    with session_here(space.root) as session:
        card = session.call("show_tool", tool="anvil")
        pair = session.call("compare_tools", left="anvil", right="bellows")
        takes = session.call("list_waiting")["takes"]
        assert read(session)["demo"] and read(session)["picked"]
    for each in (card, pair["left"], pair["right"]):
        assert (each["demo"], each["ship_percent"], each["interval"]) == (True, None, None)
    assert pair["difference"] is None and all(each["demo"] for each in takes)


def test_a_plan_of_more_cells_than_a_call_may_count_is_refused(asked: Space) -> None:
    for number in range(24):
        asked.tool(f"tool-{number}")
    with (
        session_here(asked.root) as session,
        pytest.raises(ToolRefusedError, match="of 104,000 cells is more than 100,000"),
    ):
        session.call("plan_run", repeats=1000, again=True)
