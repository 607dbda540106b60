"""A tool or persona that a branch renames is compared with what it was called before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.ci.changes import Diff
from panel.ci.diff import compare
from panel.ci.gates import Gates, failures
from panel.ci.markdown import render_markdown
from panel.ci.snapshots import snapshots
from tests.support.faces import always
from tests.support.frozen_diffs import answer as ship
from tests.support.frozen_diffs import difference, published, sure
from tests.support.git_repository import repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, surely_ship


def rename_tool(root: Path) -> None:
    (root / "tools/anvil.md").rename(root / "tools/hammer.md")


def rename_persona(root: Path) -> None:
    (root / "personas/skeptic.md").rename(root / "personas/doubter.md")


def shut(root: Path) -> tuple[Diff, list[str]]:
    with snapshots(root, "main", None) as (before, after):
        diff = compare(root, before, after)
        return diff, [each.gate for each in failures(diff, after, GATES)]


GATES = Gates(frozenset({"flip", "change"}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rename", "prune"), [(rename_tool, True), (rename_tool, False), (rename_persona, True)]
)
def test_a_verdict_that_turns_in_a_branch_that_renames_its_file_is_a_flip(
    rename: Callable[[Path], None],
    prune: bool,
    copied: Callable[[Make], Space],
    mock: MockEndpoint,
    panel: Panel,
) -> None:
    mock.face = always("ship")
    space = copied(surely_ship)
    repository(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    rename(space.root)
    shutil.rmtree(space.root / "runs")  # as in a job, which has what is in git alone
    mock.face = always("skip")
    space.point_at(mock)
    assert panel("run", "--changed", "--since", "main", "--repeats", "4", cwd=space.root).code == 0
    words = ["--prune"] if prune else []
    assert panel("freeze", *words, "--since", "main", cwd=space.root).code == 0
    diff, gates = shut(space.root)
    assert gates == ["flip", "change"]
    assert {change.kind for change in diff.changes} == {"flipped"}
    told = panel("diff", "main", cwd=space.root).out
    assert ": renamed from " in told and ": renamed from " in render_markdown(diff, [])


def test_a_tool_or_persona_under_another_name_alone_differs_in_nothing() -> None:
    diff = difference({("anvil", "builder"): sure()}, {("hammer", "builder"): sure()})
    assert not diff.tools
    assert [(each.of, each.was, each.now) for each in diff.renames] == [("tool", "anvil", "hammer")]
    diff = difference({("anvil", "builder"): sure()}, {("anvil", "maker"): sure()})
    assert not diff.tools
    assert [(each.of, each.was, each.now) for each in diff.renames] == [
        ("persona", "builder", "maker")
    ]


def test_a_tool_with_other_questions_is_no_renamed_one() -> None:
    other = published(ship(tool="t9"))
    diff = difference({("anvil", "builder"): sure()}, {("hammer", "builder"): other})
    assert [change.kind for change in diff.changes] == ["gone", "new"] and not diff.renames
