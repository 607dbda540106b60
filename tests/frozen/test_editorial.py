"""Editors' decisions in git: approved words go through freeze and thaw, and guidance with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.frozen.files import FOLDER
from panel.store.decisions import review_states
from panel.store.queries import opened
from tests.support.editors import PAIR, do, entry, undo
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run as ask
from tests.support.space import Panel, Space
from tests.support.templates import Make, everything_asked

WORDS = "My own words, checked against the description and signed off."


def one_edited_one_asked_again(asked: Space, mock: MockEndpoint) -> None:
    """Edit and approve one take, ask another again with a note."""
    everything_asked(asked, mock)
    do(asked, "edit", text=WORDS)
    do(asked, "approve")
    do(asked, "ask_again", ("bellows", "skeptic"), note="Say what it costs.")
    ask(asked)


@pytest.fixture
def decided(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace in which one take was edited and approved, and one asked again."""
    return copied(one_edited_one_asked_again)


def files(space: Space) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (space.root / FOLDER).iterdir()}


def freeze(space: Space, panel: Panel) -> dict[str, bytes]:
    done = panel("freeze", cwd=space.root)
    assert done.code == 0, done.err
    return files(space)


def on_file(space: Space, pair: tuple[str, str] = PAIR) -> dict[str, object]:
    file: Path = space.root / FOLDER / f"{pair[0]}.json"
    found: dict[str, object] = json.loads(file.read_text())["personas"][pair[1]]
    return found


@pytest.mark.slow
def test_a_fresh_clone_knows_the_approved_words_and_who_approved_them(
    decided: Space, panel: Panel
) -> None:
    before = freeze(decided, panel)
    assert (on_file(decided)["state"], on_file(decided)["take"]) == ("approved", WORDS)
    stood = entry(decided).review
    shutil.rmtree(decided.root / "runs")
    again = entry(decided).review
    assert again == stood, "a fresh clone fills itself"
    assert stood.published and again.published and stood.published.beats == again.published.beats
    assert stood.published is not None and stood.published.editor == "Ada"
    assert freeze(decided, panel) == before
    said = json.loads(panel("thaw", "--json", cwd=decided.root).out)
    assert (said["decisions"], said["decisions_brought_in"]) == (3, 0)


@pytest.mark.slow
def test_guidance_on_file_is_part_of_what_the_offline_check_lays_out(
    decided: Space, mock: MockEndpoint, panel: Panel
) -> None:
    freeze(decided, panel)
    shutil.rmtree(decided.root / "runs")
    assert panel("check", "--frozen", cwd=decided.root).code == 0
    asked = mock.asked
    assert panel("run", "--changed", cwd=decided.root).code == 0
    assert mock.asked == asked


@pytest.mark.slow
def test_approved_words_stay_published_when_their_description_changes(
    decided: Space, panel: Panel
) -> None:
    freeze(decided, panel)
    decided.tool("anvil", description="anvil now reads YAML and costs $20 a month.")
    ask(decided)
    freeze(decided, panel)
    found = on_file(decided)
    assert (found["state"], found["take"]) == ("approved", WORDS)
    assert found["kept"], "the answer that was approved stays on file"
    shutil.rmtree(decided.root / "runs")
    kept = entry(decided).review.published
    assert kept is not None and kept.text == WORDS


@pytest.mark.slow
def test_an_approval_taken_back_is_taken_back_on_file_too(decided: Space, panel: Panel) -> None:
    freeze(decided, panel)
    undo(decided)
    freeze(decided, panel)
    assert (on_file(decided)["state"], on_file(decided)["take"]) == ("edited", WORDS)
    undo(decided)
    freeze(decided, panel)
    assert on_file(decided)["state"] == "draft" and on_file(decided)["take"] != WORDS
    shutil.rmtree(decided.root / "runs")
    assert entry(decided).review.published is None
    with opened(decided.root / "runs") as connection:
        assert review_states(connection)[PAIR].state == "draft"


def test_a_decision_on_a_cell_not_yet_asked_as_it_is_now_is_frozen_too(
    decided: Space, panel: Panel
) -> None:
    decided.tool("anvil", description="anvil is another thing altogether.")
    freeze(decided, panel)
    found = on_file(decided)
    assert (found["state"], found["take"], found["answers"]) == ("approved", WORDS, [])
    assert panel("check", "--frozen", cwd=decided.root).code == 1
