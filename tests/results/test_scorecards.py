"""Scorecards: what the store holds, beside what the files say now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from panel.errors import UsageError
from panel.results.scorecards import comparison, scorecards
from panel.scorecard import Comparison, Scorecard
from panel.workspace.loading import load_workspace
from tests.support.editors import do
from tests.support.faces import in_turn
from tests.support.mock_endpoint import MockEndpoint
from tests.support.results import cards_of, target_of
from tests.support.runs import run
from tests.support.site_pages import Reading
from tests.support.space import Panel, Space, edit


def cards(space: Space, **selection: Any) -> list[Scorecard]:
    return cards_of(space.root, **selection)


def compared(space: Space, left: str, right: str) -> Comparison:
    workspace = load_workspace(space.root)
    with target_of(space.root) as (target, connection):
        return comparison(workspace, scorecards(target, connection), target, left, right)


@pytest.fixture
def one(mocked: Space) -> Space:
    """Make a workspace that asks one cell at a time."""
    edit(mocked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    return mocked


def test_a_scorecard_counts_every_repeat(one: Space, mock: MockEndpoint) -> None:
    mock.face = in_turn("ship", "skip", "ship", "refuse")
    run(one, tools=["anvil"], personas=["builder"], repeats=4)
    [card] = cards(one, tools=["anvil"], personas=["builder"])
    [line] = card.lines
    assert (line.tally.ships, line.tally.skips, line.tally.abstains) == (2, 1, 1)
    assert card.result.n == 3 and card.result.ship_percent == pytest.approx(200 / 3)


def test_the_take_shown_is_one_with_a_verdict(one: Space, mock: MockEndpoint) -> None:
    mock.face = in_turn("refuse", "skip")
    run(one, tools=["anvil"], personas=["builder"], repeats=2)
    [card] = cards(one, tools=["anvil"], personas=["builder"])
    take = card.lines[0].take
    assert take is not None and (take.outcome, take.verdict) == ("verdict", "skip")


@pytest.mark.slow
def test_an_approved_take_that_most_answers_now_contradict_is_marked_and_stays(
    one: Space, mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    chosen: dict[str, Any] = {"tools": ["anvil"], "personas": ["builder"]}
    mock.face = in_turn("ship", "skip", "skip")
    run(one, **chosen)
    do(one, "approve")
    for _ in range(2):
        run(one, again=True, **chosen)
    now, public = (cards_of(one.root, published, **chosen)[0] for published in (False, True))
    for card in (now, public):
        assert (card.result.ships, card.result.skips) == (1, 2)
    said, kept = now.lines[0].take, public.lines[0].take
    assert said is not None and (said.verdict, said.state) == ("skip", "draft")
    assert kept is not None and (kept.verdict, kept.state) == ("ship", "approved")
    assert (said.overturned, kept.overturned) == (False, True)
    assert panel("publish", tmp_path / "site", cwd=one.root).code == 0
    text = Reading((tmp_path / "site" / "tools" / "anvil.html").read_bytes()).text
    assert "Overturned: most answers to the present description say the opposite." in text
    assert "1 of 3 ship" in text


@pytest.mark.slow
def test_an_edited_take_of_the_majority_is_shown_before_newer_answers(
    one: Space, mock: MockEndpoint
) -> None:
    chosen: dict[str, Any] = {"tools": ["anvil"], "personas": ["builder"]}
    mock.face = in_turn("ship", "ship", "skip")
    run(one, **chosen)
    do(one, "edit", text="In words of their own.")
    for _ in range(2):
        run(one, again=True, **chosen)
    take = cards(one, **chosen)[0].lines[0].take
    assert take is not None and (take.take, take.state) == ("In words of their own.", "edited")


def test_a_panel_that_only_abstains_has_no_percentage(one: Space, mock: MockEndpoint) -> None:
    mock.face = in_turn(*["refuse"] * 4)
    run(one, tools=["anvil"])
    [card] = cards(one, tools=["anvil"])
    assert card.result.ship_percent is None and card.result.abstains == 4


def test_a_take_is_stale_once_its_text_has_changed(asked: Space) -> None:
    asked.tool("anvil", description="It has learnt to sing.")
    stale = {
        card.tool: {line.take.stale for line in card.lines if line.take} for card in cards(asked)
    }
    assert stale == {"anvil": {True}, "bellows": {False}}
    run(asked)
    assert not any(line.take.stale for card in cards(asked) for line in card.lines if line.take)


def test_a_tool_that_was_never_asked_has_an_empty_scorecard(mocked: Space) -> None:
    run(mocked, tools=["anvil"])
    _anvil, bellows = cards(mocked)
    assert [line.take for line in bellows.lines] == [None] * 4
    assert bellows.result.ship_percent is None


def test_without_verdicts_the_models_that_are_there_are_named(mocked: Space) -> None:
    with pytest.raises(UsageError, match=r"nothing from mock/mock-1 yet\. Run 'panel run'"):
        cards(mocked)
    run(mocked)
    with pytest.raises(UsageError, match="mock/mock-9 yet; it has mock/mock-1"):
        cards(mocked, model="mock-9")


def test_a_comparison_sets_the_two_in_the_order_they_were_named(asked: Space) -> None:
    pair = compared(asked, "Bellows", "anvil")
    assert (pair.left.tool, pair.right.tool) == ("bellows", "anvil")
    assert not pair.demo


@pytest.mark.parametrize("other", ["anvil", "Anvil"])
def test_a_tool_is_not_compared_with_itself(asked: Space, other: str) -> None:
    with pytest.raises(UsageError, match="the same tool"):
        compared(asked, "anvil", other)
