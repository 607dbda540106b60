"""verdicts/.gitattributes, which `panel init` writes: what git then does with frozen verdicts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.frozen.files import FOLDER
from panel.workspace.scaffold import shipped
from tests.support.frozen_verdicts import freeze, texts
from tests.support.git_repository import commit, git, repository
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship


@pytest.fixture
def shared(copied: Callable[[Make], Space]) -> Space:
    """Make a repository of two frozen tools, with what init writes for git."""
    space = copied(all_ship)
    shutil.copy(shipped() / FOLDER / ".gitattributes", space.root / FOLDER)
    repository(space.root)
    return space


def pull_request(space: Space, branch: str, word: str) -> None:
    """Edit anvil on a branch of main, ask what is stale, freeze and commit."""
    git(space.root, "checkout", "-q", "-b", branch, "main")
    edit(space.root / "tools/anvil.md", "reads JSON", word)
    run(space, changed=True)
    freeze(space)
    commit(space.root, branch)


@pytest.mark.slow
def test_a_tool_that_both_sides_changed_is_in_conflict_and_whole_on_disk(
    shared: Space, panel: Panel
) -> None:
    """As docs/ci.md has it: take a side, freeze, check; no file ever holds the marks of a merge."""
    pull_request(shared, "one", "eats JSON")
    pull_request(shared, "two", "drinks JSON")
    git(shared.root, "merge", "-q", "--no-edit", "one", check=False)
    unmerged = git(shared.root, "diff", "--name-only", "--diff-filter=U").split()
    assert unmerged == ["tools/anvil.md", "verdicts/anvil.json"]
    ours = git(shared.root, "show", "two:verdicts/anvil.json")
    assert texts(shared)["anvil.json"].decode() == ours
    git(shared.root, "checkout", "--theirs", "--", "tools", FOLDER)
    assert panel("freeze", cwd=shared.root).code == 0
    assert panel("check", "--frozen", cwd=shared.root).code == 0
    commit(shared.root)
    assert git(shared.root, "show", "HEAD:verdicts/anvil.json") == git(
        shared.root, "show", "one:verdicts/anvil.json"
    )


def test_a_checkout_with_other_line_ends_leaves_the_verdicts_as_they_are(
    shared: Space, tmp_path: Path
) -> None:
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(shared.root), "clone")
    clone = Space(tmp_path / "clone")
    assert b"\r\n" in (clone.root / "tools/anvil.md").read_bytes()
    assert texts(clone)["anvil.json"] == texts(shared)["anvil.json"]
