"""The snapshots of a diff: git revisions, folders, runs, and the workspace as it is now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.ci.gates import Gates, failures
from panel.ci.snapshots import Snapshot, snapshots
from panel.errors import UsageError, WorkspaceError
from panel.frozen.canaries import CANARIES, write_check
from panel.frozen.files import FOLDER
from panel.workspace.git import commit_of
from panel.workspace.loading import load_workspace
from tests.support.faces import always, voting
from tests.support.frozen_diffs import canaries, difference
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, surely_ship


@pytest.fixture
def versioned(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a repository of frozen verdicts, all of them ship."""
    mock.face = always("ship")
    space = copied(surely_ship)
    repository(space.root)
    return space


def both(space: Space, base: str, head: str | None = None) -> tuple[Snapshot, Snapshot]:
    """Read both snapshots; the files laid out for them are gone afterwards."""
    with snapshots(space.root, base, head) as read:
        return read


def words(side: Snapshot) -> dict[str, dict[str, str | None]]:
    """Return the published word of every persona on every tool."""
    return {
        tool: {persona: verdict.verdict for persona, verdict in file.personas.items()}
        for tool, file in side.frozen.items()
    }


def overturn(space: Space, mock: MockEndpoint) -> None:
    """Edit one tool, have the panel skip it, and freeze that."""
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(space, repeats=4, tools=["anvil"])
    freeze(space)


ALL_SHIP = dict.fromkeys(("builder", "skeptic", "futurist", "business-analyst"), "ship")
ALL_SKIP = dict.fromkeys(ALL_SHIP, "skip")


def test_without_a_head_a_revision_is_set_against_the_files_as_they_are_now(
    versioned: Space, mock: MockEndpoint
) -> None:
    overturn(versioned, mock)
    base, head = both(versioned, "HEAD")
    assert (base.name, head.name) == ("HEAD", "now")
    assert words(base) == {"anvil": ALL_SHIP, "bellows": ALL_SHIP}
    assert words(head) == {"anvil": ALL_SKIP, "bellows": ALL_SHIP}
    assert base.revision == commit_of(versioned.root, "HEAD") and head.revision is None
    assert head.root == versioned.root and head.folder == versioned.root / FOLDER


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["main", "branch", "v1", "HEAD~1", "short id"])
def test_every_name_git_has_for_a_commit_is_a_side(
    versioned: Space, mock: MockEndpoint, name: str
) -> None:
    git(versioned.root, "branch", "branch")
    git(versioned.root, "tag", "v1")
    if name == "short id":
        name = git(versioned.root, "rev-parse", "--short", "HEAD").strip()
    overturn(versioned, mock)
    if name != "main":
        commit(versioned.root)
    base, head = both(versioned, name, "HEAD")
    assert words(base)["anvil"] == ALL_SHIP
    assert words(head)["anvil"] == (ALL_SHIP if name == "main" else ALL_SKIP)


def test_a_file_that_is_the_same_on_both_sides_is_read_once(
    versioned: Space, mock: MockEndpoint
) -> None:
    """Most of a large catalog is, in every pull request."""
    overturn(versioned, mock)
    commit(versioned.root)
    for revisions in (("HEAD~1",), ("HEAD~1", "HEAD")):
        base, head = both(versioned, *revisions)
        assert base.frozen["bellows"] is head.frozen["bellows"]
        assert words(base)["anvil"] == ALL_SHIP and words(head)["anvil"] == ALL_SKIP


def test_a_base_has_the_canaries_of_its_revision_and_a_broken_one_is_named(
    versioned: Space,
) -> None:
    folder = versioned.root / FOLDER
    first, second = (
        canaries((1, 1, 1, 1), run_id=f"20261124T093000Z-00000{n}").check for n in (1, 2)
    )
    write_check(folder, first)
    commit(versioned.root)
    write_check(folder, second)
    base, head = both(versioned, "HEAD")
    assert base.canaries == {first.run_id: first}
    assert head.canaries == {first.run_id: first, second.run_id: second}
    assert base.canaries[first.run_id] is head.canaries[first.run_id], "read once"
    (folder / CANARIES / "broken.json").write_text("{}")
    commit(versioned.root)
    (folder / CANARIES / "broken.json").unlink()
    with pytest.raises(WorkspaceError, match=r"HEAD:verdicts/_canaries/broken\.json"):
        both(versioned, "HEAD")


def test_a_head_brings_its_own_files_and_a_base_does_not(versioned: Space) -> None:
    git(versioned.root, "switch", "-qc", "work")
    edit(versioned.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(versioned.root)
    git(versioned.root, "switch", "-q", "main")
    with snapshots(versioned.root, "main", "work") as (base, head):
        assert base.root is None
        assert head.root is not None and head.folder is not None
        assert head.folder.is_dir() and head.folder != versioned.root / FOLDER
        anvil = next(tool for tool in load_workspace(head.root).tools if tool.slug == "anvil")
        assert "eats JSON" in anvil.description
        laid_out = head.folder
    assert not laid_out.exists()
    assert "reads JSON" in (versioned.root / "tools/anvil.md").read_text()


def test_files_that_this_version_cannot_read_matter_to_the_gate_on_stale_alone(
    versioned: Space,
) -> None:
    good = (versioned.root / "panel.toml").read_text()
    versioned.settings("[of_another_version]\n")
    commit(versioned.root)
    versioned.settings(good)
    base, _head = both(versioned, "HEAD")
    assert words(base)["anvil"] == ALL_SHIP
    with snapshots(versioned.root, "HEAD", "HEAD") as (_base, head):
        assert words(head)["anvil"] == ALL_SHIP, "what is published can be compared all the same"
        stale = Gates(frozenset({"stale"}))
        with pytest.raises(WorkspaceError, match="of_another_version"):
            failures(difference({}, {}), head, stale)


@pytest.mark.slow
def test_a_folder_of_frozen_verdicts_is_a_side_without_files(
    versioned: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(versioned.root / FOLDER, kept)
    overturn(versioned, mock)
    base, head = both(versioned, str(kept), str(versioned.root / FOLDER))
    assert words(base)["anvil"] == ALL_SHIP and words(head)["anvil"] == ALL_SKIP
    assert (base.revision, head.root, head.folder) == (None, None, None)


def test_an_empty_folder_has_no_verdicts(versioned: Space, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    base, head = both(versioned, str(tmp_path / "empty"))
    assert base.frozen == {} and base.canaries == {}
    assert words(head) == {"anvil": ALL_SHIP, "bellows": ALL_SHIP}


@pytest.mark.slow
def test_a_run_is_the_state_as_of_its_end_whatever_came_after(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = always("ship")
    first = run(mocked, repeats=4).run_id
    edit(mocked.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    second = run(mocked, repeats=4).run_id
    edit(mocked.root / "tools/anvil.md", "eats JSON", "drinks JSON")
    mock.face = always("ship")
    third = run(mocked, repeats=4).run_id
    assert first and second and third
    expected = {first: ALL_SHIP, second: ALL_SKIP, third: ALL_SHIP}
    assert [words(both(mocked, run_id, run_id)[0])["anvil"] for run_id in expected] == list(
        expected.values()
    )
    base, head = both(mocked, second)
    assert words(base)["anvil"] == ALL_SKIP and words(head)["anvil"] == ALL_SHIP
    assert (base.name, head.name) == (second, "now")
    assert not list((mocked.root / "runs").glob("panel-*")), "its store is elsewhere, and gone"


@pytest.mark.long
def test_runs_that_began_in_the_same_second_stay_in_their_order(
    mocked: Space, mock: MockEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["20261124T093000Z-ffffff", "20261124T093000Z-000000"])
    monkeypatch.setattr("panel.runs.run.new_run_id", lambda: next(names))
    mock.face = always("ship")
    run(mocked)
    edit(mocked.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(mocked)
    assert words(both(mocked, "20261124T093000Z-ffffff")[0])["anvil"] == ALL_SHIP
    assert words(both(mocked, "20261124T093000Z-000000")[0])["anvil"] == ALL_SKIP


def test_a_run_counts_votes_over_repeats_and_leaves_errors_out(
    mocked: Space, mock: MockEndpoint
) -> None:
    edit(mocked.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    said = iter(["skip", "ship", "skip", None])
    mock.face = voting(lambda _system, _user: next(said))
    run_id = run(mocked, tools=["anvil"], personas=["builder"], repeats=4).run_id
    assert run_id
    [verdict] = both(mocked, run_id)[0].frozen["anvil"].personas.values()
    assert (verdict.verdict, verdict.ships, verdict.n) == ("skip", 1, 3)
    assert [answer.outcome for answer in verdict.answers].count("abstain") == 1


@pytest.mark.slow
def test_a_run_is_compared_over_the_answers_of_its_own_model(
    mocked: Space, mock: MockEndpoint
) -> None:
    mock.face = always("ship")
    first = run(mocked, model="mock-1").run_id
    mock.face = always("skip")
    second = run(mocked, model="mock-2", repeats=4).run_id
    assert first and second
    base, head = both(mocked, first, second)
    assert words(base) == {"anvil": ALL_SHIP, "bellows": ALL_SHIP}
    assert words(head) == {"anvil": ALL_SKIP, "bellows": ALL_SKIP}
    assert words(both(mocked, first)[1]) == words(base), "now, of the model of that run"


def test_a_run_that_asked_no_model_says_so(versioned: Space, tmp_path: Path, panel: Panel) -> None:
    """As on a fresh clone: the first journal holds what was thawed."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(versioned.root), str(clone))
    assert panel("thaw", cwd=clone).code == 0
    [thawed] = [file.parent.name for file in (clone / "runs").glob("*/attempts.jsonl")]
    done = panel("diff", thawed, cwd=clone)
    assert done.code == 2 and done.out == ""
    assert done.err == f"panel: run {thawed} asked no model, so there is nothing to compare.\n"


@pytest.mark.parametrize(
    "word", ["nothing", "", "-x", "--output=stolen", "20261124T093000Z-5f2c1a", "tools/anvil.md"]
)
def test_a_word_that_is_no_side_is_refused_with_what_it_could_be(
    versioned: Space, word: str
) -> None:
    for base, head in ((word, None), ("HEAD", word)):
        with pytest.raises(UsageError, match="neither a git revision, a folder") as refused:
            both(versioned, base, head)
        assert repr(word) in str(refused.value)
    assert not (versioned.root / "stolen").exists()


@pytest.mark.slow
def test_outside_a_repository_folders_and_runs_are_sides_and_revisions_are_not(
    mocked: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    mock.face = always("ship")
    run_id = run(mocked).run_id
    freeze(mocked)
    assert run_id
    assert words(both(mocked, run_id)[0]) == words(both(mocked, str(mocked.root / FOLDER))[0])
    with pytest.raises(UsageError, match="neither a git revision"):
        both(mocked, "HEAD")


def test_where_git_refuses_a_diff_gives_its_reason_and_folders_are_sides_still(
    versioned: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = str(versioned.root / FOLDER)
    for base, head in (("HEAD", None), (folder, "HEAD")):
        with pytest.raises(UsageError, match=r"dubious ownership.*safe\.directory"):
            both(versioned, base, head)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"):
        both(versioned, "HEAD")
    assert words(both(versioned, folder, folder)[0]) == words(both(versioned, folder, folder)[1])


@pytest.mark.parametrize("linked", [FOLDER, f"{FOLDER}/anvil.json"])
def test_a_revision_in_which_verdicts_were_a_link_is_not_compared_with(
    versioned: Space, linked: str
) -> None:
    """Each verdict would be a new one, and no gate shut for it."""
    place = versioned.root / linked
    kept = place.rename(versioned.root / "elsewhere")
    place.symlink_to(kept)
    commit(versioned.root, "a link")
    place.unlink()
    kept.rename(place)
    with pytest.raises(UsageError, match=f"'{linked}' of .* is a link or another repository"):
        both(versioned, "HEAD")


def test_frozen_verdicts_with_the_marks_of_a_merge_name_their_file(versioned: Space) -> None:
    file = versioned.root / FOLDER / "anvil.json"
    file.write_text("<<<<<<< HEAD\n" + file.read_text())
    with pytest.raises(WorkspaceError, match="marks of a merge"):
        both(versioned, "HEAD")


@pytest.mark.slow
def test_the_command_runs_from_a_folder_below_the_workspace(
    versioned: Space, mock: MockEndpoint, panel: Panel
) -> None:
    overturn(versioned, mock)
    done = panel("diff", "HEAD", cwd=versioned.root / "tools")
    assert done.code == 0 and "builder: ship → skip  flipped" in done.out


def test_a_workspace_below_the_top_of_its_repository_is_read_at_its_own_place(
    versioned: Space, tmp_path: Path, mock: MockEndpoint
) -> None:
    top = tmp_path / "top"
    top.mkdir()
    shutil.rmtree(versioned.root / ".git")
    shutil.move(versioned.root, top / "reviews")
    repository(top)
    inner = Space(top / "reviews")
    overturn(inner, mock)
    base, head = both(inner, "HEAD")
    assert words(base)["anvil"] == ALL_SHIP and words(head)["anvil"] == ALL_SKIP
