"""``panel show SLUG``: of a catalog of any size, the file of that tool alone is read."""

from __future__ import annotations

import json

import pytest

from panel.cli.main import ExitCode
from tests.support.space import Panel, Space


def test_a_named_tool_is_shown_whatever_is_wrong_with_the_others(
    asked: Space, panel: Panel
) -> None:
    (asked.root / "tools" / "broken.md").write_text("no front matter", "utf-8")
    shown = panel("show", "anvil", "--json", cwd=asked.root)
    assert shown.code == ExitCode.OK, shown.err
    [card] = json.loads(shown.out)
    assert (card["tool"], card["n"]) == ("anvil", 4)
    assert panel("show", cwd=asked.root).code == ExitCode.USAGE
    assert "broken.md" in panel("show", "anvil", "--category", "Data", cwd=asked.root).err


def test_a_named_tool_is_the_same_as_among_all(asked: Space, panel: Panel) -> None:
    alone = json.loads(panel("show", "anvil", "--json", cwd=asked.root).out)
    assert alone == [
        card
        for card in json.loads(panel("show", "--json", cwd=asked.root).out)
        if card["tool"] == "anvil"
    ]
    assert json.loads(panel("show", "Anvil", "--json", cwd=asked.root).out) == alone  # by its name


def test_a_renamed_tool_is_shown_with_the_answers_that_it_had(asked: Space, panel: Panel) -> None:
    tools = asked.root / "tools"
    (tools / "anvil.md").rename(tools / "hammer.md")
    [card] = json.loads(panel("show", "hammer", "--json", cwd=asked.root).out)
    assert (card["tool"], card["n"]) == ("hammer", 4)


@pytest.mark.parametrize("word", ["../tools/anvil", "Anvil.md", "", "anvils"])
def test_a_word_that_is_no_tool_is_refused_with_the_nearest(
    asked: Space, panel: Panel, word: str
) -> None:
    refused = panel("show", word, cwd=asked.root)
    assert refused.code == ExitCode.USAGE
    assert "there is no tool" in refused.err


def test_the_scorecards_end_with_how_to_read_the_takes(asked: Space, panel: Panel) -> None:
    """The last line on stderr names a command that works; with --json there is none."""
    shown = panel("show", cwd=asked.root)
    assert shown.err.endswith("The takes of one: 'panel show anvil'.\n")
    assert "panel show" not in panel("show", "anvil", cwd=asked.root).err
    assert panel("show", "--json", cwd=asked.root).err == ""
