"""`--since` and canaries when a tool or persona has another name than at the revision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.ci.drift import latest_drift
from panel.endpoint.target import Chosen, resolve_target
from panel.frozen.canaries import read_canaries
from panel.frozen.files import FOLDER, read_frozen
from panel.workspace.loading import load_workspace
from tests.runs.test_since import cloned, reword
from tests.support.editors import do, entry
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship


@pytest.fixture
def versioned(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a repository of two tools whose eight verdicts are ship, frozen on main."""
    mock.face = always("ship")
    space = copied(all_ship)
    repository(space.root)
    git(space.root, "switch", "-qc", "mine")
    return space


def rename(space: Space, kind: str, was: str, now: str) -> None:
    (space.root / kind / f"{was}.md").rename(space.root / kind / f"{now}.md")


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize("store", ["own", "fresh clone"])
@pytest.mark.parametrize("frozen", ["frozen", "not frozen yet"])
@pytest.mark.parametrize("name", [("tools", "anvil", "crane"), ("personas", "builder", "maker")])
def test_what_is_only_renamed_asks_nothing_since_the_revision(
    versioned: Space, tmp_path: Path, name: tuple[str, str, str], frozen: str, store: str
) -> None:
    rename(versioned, *name)
    if frozen == "frozen":
        freeze(versioned)
    commit(versioned.root)
    space = versioned if store == "own" else cloned(versioned, tmp_path)
    assert pending(space, changed=True, since="main") == []
    assert pending(space, changed=True) == []
    freeze(space, since="main")
    assert status(space) == []


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("store", ["own", "fresh clone"])
def test_a_text_taken_back_under_a_new_name_has_the_verdicts_of_the_revision(
    versioned: Space, mock: MockEndpoint, tmp_path: Path, store: str
) -> None:
    before = read_frozen(versioned.root / FOLDER)["anvil"]
    reword(versioned)
    mock.face = always("skip")
    run(versioned, changed=True, since="main", repeats=4)
    freeze(versioned)
    rename(versioned, "tools", "anvil", "crane")
    freeze(versioned)
    commit(versioned.root)
    space = versioned if store == "own" else cloned(versioned, tmp_path)
    edit(space.root / "tools/crane.md", "eats JSON", "reads JSON")
    assert run(space, changed=True, since="main", repeats=4).asked == 0
    freeze(space, since="main")
    after = read_frozen(space.root / FOLDER)["crane"]
    assert (after.personas, after.formerly) == (before.personas, ("anvil",))
    assert status(space) == []


def test_an_edit_beside_a_rename_asks_what_was_edited_alone(versioned: Space) -> None:
    rename(versioned, "tools", "anvil", "crane")
    edit(versioned.root / "tools/bellows.md", "reads JSON", "eats JSON")
    asked = pending(versioned, changed=True, since="main")
    assert {(tool, reason) for tool, *_, reason in asked} == {("bellows", "description changed")}


@pytest.mark.slow
def test_a_store_that_knows_the_old_name_follows_a_rename_that_comes_by_git(
    versioned: Space, tmp_path: Path
) -> None:
    """Another machine renamed, reworded, asked and froze; this one has a decision of its own."""
    do(versioned, "reject", note="Too long.")
    other = cloned(versioned, tmp_path)
    rename(other, "tools", "anvil", "crane")
    freeze(other)
    edit(other.root / "tools/crane.md", "reads JSON", "eats JSON")
    run(other, changed=True)
    freeze(other)
    shutil.rmtree(versioned.root / FOLDER)
    shutil.copytree(other.root / FOLDER, versioned.root / FOLDER)
    (versioned.root / "tools/anvil.md").unlink()
    shutil.copy(other.root / "tools/crane.md", versioned.root / "tools")
    assert pending(versioned, changed=True) == []
    assert len(entry(versioned, ("crane", "builder")).review.in_force) == 1
    assert pending(versioned) == []


@pytest.mark.slow
def test_a_take_confirmed_before_a_rename_stays_confirmed(versioned: Space, tmp_path: Path) -> None:
    do(versioned, "approve")
    reword(versioned)
    run(versioned)
    seen = entry(versioned)
    assert seen.published_stale
    do(versioned, "confirm", question=seen.question)
    freeze(versioned)
    assert not entry(versioned).published_stale
    rename(versioned, "tools", "anvil", "crane")
    assert not entry(versioned, ("crane", "builder")).published_stale
    freeze(versioned)
    commit(versioned.root)
    clone = cloned(versioned, tmp_path)
    assert status(clone) == [] and pending(clone) == []
    after = entry(clone, ("crane", "builder"))
    assert (after.state, after.published_stale) == (entry(versioned, after.pair).state, False)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["formerly", "described"])
def test_names_changed_by_hand_are_altered_and_freeze_writes_them_anew(
    versioned: Space, panel: Panel, field: str
) -> None:
    rename(versioned, "tools", "anvil", "crane")
    freeze(versioned)
    assert status(versioned) == []
    before, file = texts(versioned), versioned.root / FOLDER / "crane.json"
    made = json.loads(file.read_text(encoding="utf-8"))
    made[field] = ["hoist"] if field == "formerly" else "b2:0"
    file.write_text(json.dumps(made), encoding="utf-8")
    assert [(each.tool, each.persona, each.status) for each in status(versioned)] == [
        ("crane", None, "altered")
    ]
    said = panel("check", "--frozen", cwd=versioned.root)
    assert said.code == 1 and "altered: crane: " in said.out and "8 of 8 verdicts" in said.err
    assert pending(versioned, changed=True) == [], "the verdicts hold"
    freeze(versioned)
    assert texts(versioned) == before and status(versioned) == []


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("name", [("tools", "bellows", "pump"), ("personas", "builder", "maker")])
def test_canaries_are_compared_with_the_record_under_the_name_of_then(
    versioned: Space, mock: MockEndpoint, name: tuple[str, str, str]
) -> None:
    versioned.ci('canaries = ["bellows"]')
    assert run(versioned, canaries=True).canaries == 4
    freeze(versioned)
    rename(versioned, *name)
    if name[0] == "tools":
        edit(versioned.root / "panel.toml", '["bellows"]', '["pump"]')
    mock.face = always("skip")
    summary = run(versioned, canaries=True)
    assert summary.canaries == 4
    workspace = load_workspace(versioned.root)
    model = resolve_target(workspace, Chosen()).model
    found = latest_drift(workspace, model, summary.run_id)
    assert found.canaries is not None
    assert [(each.n, each.n_again, each.differ) for each in found.canaries] == [(8, 4, 4)]
    freeze(versioned)
    assert len(read_canaries(versioned.root / FOLDER)) == 2 and status(versioned) == []
