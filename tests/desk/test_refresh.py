"""The desk's next look: only what has changed is read, and nothing of that is missed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from panel.decisions import Pair
from panel.desk.session import Desk
from panel.results.entries import Entry
from tests.support.counting import calls
from tests.support.editors import do
from tests.support.large_catalogs import frozen_catalog
from tests.support.runs import run
from tests.support.sizes import size
from tests.support.space import Space


def change(file: Path, old: str = "", new: str = "") -> None:
    """Put words in the place of others; without any, add a line."""
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new) if old else f"{text}Be brief.\n", "utf-8")


def an_abbreviated_panel(space: Space) -> None:
    change(space.root / "panel.toml", "[panel]\n", '[panel]\npersonas = ["builder", "skeptic"]\n')


CHANGES: dict[str, Callable[[Space], object]] = {
    "a tool's file": lambda space: space.tool("anvil", description="Another. MIT licence."),
    "a tool's name": lambda space: space.tool("anvil", name="Take"),
    "a new tool": lambda space: space.tool("crane"),
    "a tool that is gone": lambda space: (space.root / "tools/bellows.md").unlink(),
    "a persona's file": lambda space: change(space.root / "personas/skeptic.md"),
    "a template": lambda space: change(space.root / "prompts/system.md.j2"),
    "the panel": an_abbreviated_panel,
    "another model": lambda space: change(space.root / "panel.toml", "mock-1", "mock-2"),
    "a run": lambda space: run(space, again=True),
    "a run of another model": lambda space: run(space, model="mock-2"),
    "a run of one tool": lambda space: run(space, again=True, tools=["anvil"]),
    "another desk's decision": lambda space: do(space, "approve"),
    "another desk's note": lambda space: do(space, "ask_again", note="Look at the price."),
}


def findings(desk: Desk) -> dict[Pair, object]:
    return {entry.pair: desk.findings(entry) for entry in desk.snapshot().entries}


@pytest.mark.slow
@pytest.mark.sample(6)
@pytest.mark.parametrize("changed", CHANGES)
def test_whatever_changes_a_desk_shows_what_a_new_one_would(asked: Space, changed: str) -> None:
    desk = Desk(asked.root, "Ada")
    findings(desk)
    for step in (changed, "a tool's file", changed) if changed.startswith("a run") else (changed,):
        CHANGES[step](asked)
        now, fresh = desk.snapshot(), Desk(asked.root, "Ada")
        assert now.entries == fresh.snapshot().entries != []
        assert now.places == fresh.snapshot().places
        assert findings(desk) == findings(fresh)
        assert [each.persona.id for each in now.entries[:2]] == ["builder", "skeptic"]
        fresh.close()
    desk.close()


def test_a_fault_in_a_file_is_told_and_what_was_read_meanwhile_is_shown_once_it_is_mended(
    asked: Space,
) -> None:
    desk, file = Desk(asked.root, "Ada"), asked.root / "tools/anvil.md"
    whole = file.read_text("utf-8")
    asked.tool("bellows", description="Read while another file is broken.")
    file.write_text("no front matter", "utf-8")
    broken = desk.snapshot()
    assert len(broken.problems) == 1 and "anvil.md" in broken.problems[0]
    file.write_text(whole, "utf-8")
    mended, fresh = desk.snapshot(), Desk(asked.root, "Ada")
    assert mended.problems == () and mended.entries == fresh.snapshot().entries
    assert "another file is broken" in mended.workspace.tools[1].description
    for each in (desk, fresh):
        each.close()


def test_a_change_of_one_tool_keeps_what_is_known_of_the_others(asked: Space) -> None:
    """Findings on other takes stay, as long as the tool's own name and figures do."""
    desk = Desk(asked.root, "Ada")
    findings(desk)

    def unchecked() -> set[str]:
        entries: list[Entry] = desk.snapshot().entries
        return {each.tool.slug for each in entries if desk.counted(each) is None}

    asked.tool("anvil", description="Other words, and no figure.")
    assert unchecked() == {"anvil"}
    findings(desk)
    asked.tool("anvil", description="Now it reads 4,711 pages.")
    assert unchecked() == {"anvil", "bellows"}
    desk.close()


@pytest.mark.slow
def test_the_next_look_after_one_file_has_changed_does_little_work(space: Space) -> None:
    frozen_catalog(space, size(150, 1500))
    desks: list[Desk] = []

    def open_desk() -> None:
        desks.append(Desk(space.root, "Ada"))
        desks[0].snapshot()

    first = calls(open_desk)
    space.tool("tool-5", description="It does another thing now.")
    assert calls(desks[0].snapshot) < first / 10
    desks[0].close()
