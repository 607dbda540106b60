"""`panel run --changed --since`: what a branch has changed, and what it has changed back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.editors import do
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze, on_file, status, texts
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


def cloned(space: Space, folder: Path) -> Space:
    """Clone a repository as CI does: another folder, and no store."""
    git(folder, "clone", "-q", str(space.root), "clone")
    root = folder / "clone"
    git(root, "branch", "-q", "main", "origin/main")
    return Space(root)


def reword(space: Space) -> None:
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")


def take_back(space: Space) -> None:
    edit(space.root / "tools/anvil.md", "eats JSON", "reads JSON")


def another_model(root: Path) -> None:
    edit(root / "panel.toml", "mock-1", "mock-2")


def another_endpoint(root: Path) -> None:
    text = (root / "panel.toml").read_text()
    (root / "panel.toml").write_text(
        text.replace('endpoint = "mock"', 'endpoint = "lab"').replace(
            "endpoints.mock", "endpoints.lab"
        )
    )


def another_temperature(root: Path) -> None:
    file = root / "panel.toml"
    file.write_text(file.read_text() + "[sampling]\ntemperature = 0.2\n")


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize("store", ["own", "fresh clone"])
@pytest.mark.parametrize("change", [another_model, another_endpoint, another_temperature])
def test_a_branch_that_changes_who_is_asked_or_how_asks_everything(
    versioned: Space, tmp_path: Path, change: Callable[[Path], None], store: str
) -> None:
    space = versioned if store == "own" else cloned(versioned, tmp_path)
    change(space.root)
    assert len(status(space)) == 8
    assert len(pending(space, changed=True, since="main")) == 8
    commit(space.root)
    assert run(space, changed=True, since="main").asked == 8
    freeze(space)
    assert status(space) == [] and pending(space, changed=True, since="main") == []


def test_a_model_of_the_command_line_is_not_that_of_the_revisions_files(versioned: Space) -> None:
    """Else a workflow that names another model would ask nothing and stay green."""
    assert len(pending(versioned, changed=True, since="main", model="mock-2")) == 8
    assert pending(versioned, changed=True, since="main", model="mock-1") == []


def test_a_model_that_main_has_not_asked_yet_is_not_this_branchs_to_pay_for(
    versioned: Space,
) -> None:
    git(versioned.root, "switch", "-q", "main")
    another_model(versioned.root)
    commit(versioned.root)
    git(versioned.root, "switch", "-qc", "later")
    reword(versioned)
    assert {tool for tool, *_ in pending(versioned, changed=True, since="main")} == {"anvil"}


def test_an_editors_note_that_the_revision_does_not_have_is_a_change(versioned: Space) -> None:
    do(versioned, "ask_again", ("bellows", "skeptic"), note="Say what it costs.")
    asked = pending(versioned, changed=True, since="main")
    assert asked == [("bellows", "skeptic", 1, "guidance changed")]


@pytest.mark.slow
@pytest.mark.sample(2)
@pytest.mark.parametrize("since", ["main", None])
@pytest.mark.parametrize("edited", ["overturns", "is contested"])
def test_an_edit_that_is_taken_back_restores_the_verdicts_of_main(
    versioned: Space, mock: MockEndpoint, since: str | None, edited: str
) -> None:
    before = texts(versioned)
    reword(versioned)
    mock.face = always("skip")
    assert run(versioned, changed=True, since="main", repeats=4 if edited == "overturns" else 1)
    freeze(versioned)
    assert on_file(versioned).verdict == ("skip" if edited == "overturns" else "ship")
    commit(versioned.root, "reworded")
    take_back(versioned)
    commit(versioned.root, "taken back")
    assert len(status(versioned)) == 4
    asked = mock.asked
    done = run(versioned, changed=True, since="main", repeats=4)
    assert (done.asked, mock.asked - asked) == (0, 0), "main has the answers"
    freeze(versioned, since=since)
    assert texts(versioned) == before and status(versioned) == []
    assert git(versioned.root, "diff", "--stat", "main", "--", "verdicts") == ""


@pytest.mark.slow
def test_on_a_fresh_clone_the_answers_of_main_come_from_its_files(
    versioned: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    before = texts(versioned)
    reword(versioned)
    mock.face = always("skip")
    run(versioned, changed=True, since="main", repeats=4)
    freeze(versioned)
    commit(versioned.root, "reworded")
    clone = cloned(versioned, tmp_path)
    take_back(clone)
    assert run(clone, changed=True, since="main", repeats=4).asked == 0
    freeze(clone, since="main")
    assert texts(clone) == before and status(clone) == []


@pytest.mark.slow
def test_where_neither_main_nor_the_branch_has_answers_to_the_text_it_is_asked(
    versioned: Space, mock: MockEndpoint
) -> None:
    """The text of main was stale there already; the branch has frozen another one since."""
    git(versioned.root, "switch", "-q", "main")
    reword(versioned)
    commit(versioned.root, "never asked")
    git(versioned.root, "switch", "-qc", "later")
    assert pending(versioned, changed=True, since="main") == [], "stale on main, and not ours"
    edit(versioned.root / "tools/anvil.md", "eats JSON", "drinks JSON")
    run(versioned, changed=True, since="main")
    freeze(versioned)
    commit(versioned.root)
    edit(versioned.root / "tools/anvil.md", "drinks JSON", "eats JSON")
    assert run(versioned, changed=True, since="main").asked == 4
    freeze(versioned, since="main")
    assert status(versioned) == []


@pytest.mark.slow
def test_a_verdict_that_main_kept_or_accepted_is_restored_as_it_was(
    versioned: Space, mock: MockEndpoint
) -> None:
    """Main published ship over one skip; its answers alone would say skip."""
    git(versioned.root, "switch", "-q", "main")
    reword(versioned)
    mock.face = voting(lambda system, _user: "skip" if "You are the Builder" in system else "ship")
    run(versioned, changed=True)
    freeze(versioned)
    commit(versioned.root)
    before = texts(versioned)
    git(versioned.root, "switch", "-qc", "later")
    edit(versioned.root / "tools/anvil.md", "eats JSON", "drinks JSON")
    mock.face = always("skip")
    run(versioned, changed=True, since="main", repeats=5)
    freeze(versioned)
    edit(versioned.root / "tools/anvil.md", "drinks JSON", "eats JSON")
    run(versioned, changed=True, since="main", repeats=5)
    freeze(versioned, since="main")
    assert texts(versioned) == before


@pytest.mark.slow
def test_freezing_twice_after_a_text_was_taken_back_changes_nothing(
    versioned: Space, mock: MockEndpoint
) -> None:
    reword(versioned)
    mock.face = always("skip")
    run(versioned, changed=True, repeats=4)
    freeze(versioned)
    take_back(versioned)
    run(versioned, changed=True, since="main")
    freeze(versioned)
    once = texts(versioned)
    assert freeze(versioned).written == [] and freeze(versioned, since="main").written == []
    assert texts(versioned) == once


def test_what_is_held_by_one_answer_is_counted_as_one_whatever_the_repeats(
    versioned: Space, panel: Panel
) -> None:
    """Four pairs asked three times, four that hold by one answer each: 16 cells and not 24."""
    reword(versioned)
    shown = panel("plan", "--changed", "--repeats", "3", cwd=versioned.root).out
    assert "16 cells: 2 tools × 4 personas, asked of" in shown, "no product that is none"
    done = run(versioned, changed=True, repeats=3)
    assert (done.planned, done.reused, done.asked) == (16, 4, 12)


def test_what_is_stale_on_main_is_left_alone_and_every_sum_adds_up(
    versioned: Space, panel: Panel
) -> None:
    git(versioned.root, "switch", "-q", "main")
    reword(versioned)
    commit(versioned.root)
    git(versioned.root, "switch", "-qc", "later")
    edit(versioned.root / "tools/bellows.md", "reads JSON", "drinks JSON")
    out = panel("run", "--changed", "--since", "main", cwd=versioned.root).out
    assert "4 cells asked" in out and "0 reused, 4 left alone." in out
    assert "not asked; the next run" not in out
    again = panel("run", "--changed", "--since", "main", cwd=versioned.root).out
    assert again == "Nothing asked: 4 of 8 cells reused, 4 left alone.\n"
