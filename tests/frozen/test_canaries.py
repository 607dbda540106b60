"""Files of verdicts/_canaries/: read strictly, written once, merged by git without a conflict."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import WorkspaceError
from panel.frozen.canaries import CANARIES, CanaryCheck, in_order, read_canaries, write_check
from panel.frozen.files import FOLDER, read_frozen
from panel.workspace.scaffold import shipped
from panel.workspace.tools import slugify
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship

RUN = "20261124T093000Z-000001"
CHECK = CanaryCheck(
    run_id=RUN,
    model_identity="mock/mock-1",
    asked_at="2026-11-24T09:30:00Z",
    returned_models=("mock-1",),
    canaries={"anvil": {"builder": {"b2:1": "ship", "b2:2": "skip"}, "skeptic": {"b2:3": "ship"}}},
)


def test_what_is_written_is_what_is_read_and_is_no_tool(tmp_path: Path) -> None:
    assert read_canaries(tmp_path) == {}
    assert write_check(tmp_path, CHECK) == [f"{CANARIES}/{RUN}.json"]
    assert write_check(tmp_path, CHECK) == [], "it is there"
    assert read_canaries(tmp_path) == {RUN: CHECK}
    assert read_frozen(tmp_path) == {}


@given(st.text(max_size=30) | st.just("_canaries") | st.just("_Canaries"))
def test_no_tool_can_take_the_canaries_place(name: str) -> None:
    assert not slugify(name).startswith("_")


def test_an_acceptance_is_one_changed_line_and_the_digest(tmp_path: Path) -> None:
    write_check(tmp_path, CHECK)
    before = (tmp_path / CANARIES / f"{RUN}.json").read_text().splitlines()
    write_check(tmp_path, CHECK.model_copy(update={"accepted": True}))
    after = (tmp_path / CANARIES / f"{RUN}.json").read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed[0] == ('  "accepted": false,', '  "accepted": true,')
    assert [line.startswith('  "digest": "b2:') for line in changed[-1]] == [True, True]
    assert len(changed) == 2


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('  "accepted"', '<<<<<<< HEAD\n  "accepted"', ":6: holds the marks of a merge"),
        ('"accepted": false,', '"accepted": false', ":7: is not valid JSON"),
        ('"format": 1', '"format": 2', ":2: format: is of format 2; this version"),
        ('"format": 1', '"format": 2', "It was made by a newer version. Update panel."),
        ('"format": 1,\n', '"format": 1,\n  "formt": 1,\n', ":3: formt: unknown key 'formt'"),
        ('"accepted": false', '"accepted": "no"', ":6: accepted: "),
        ('"accepted": false', '"accepted": 0', ":6: accepted: "),
        ('"accepted": f', '"accepted": true,\n  "accepted": f', ":7: accepted: appears twice"),
        ('"2026-11-24T09:30:00Z"', '"yesterday"', ":5: asked_at: 'yesterday' is no time"),
        ('"2026-11-24T09:30:00Z"', '"9999-01-01T00:00:00"', "asked_at: 9999-01-01T00:00:00 "),
        ('"mock/mock-1"', "7", ":4: model_identity: "),
        ('"b2:1": "ship"', '"b2:1": "sh1p"', ":14: canaries.anvil.builder.b2:1: "),
        ('"b2:1": "ship"', '"b2:1": true', ":14: canaries.anvil.builder.b2:1: "),
        ('"skeptic": {', '"builder": {', ":17: builder: appears twice"),
        ('"b2:3": "ship"', "", "a canary has votes of some persona"),
        (RUN, "20261124T093000Z-000002", "run_id: is of the run '20261124T093000Z-000002'"),
        ('"b2:1": "ship"', '"b2:1": "skip"', "digest: was changed by hand. Take it from git"),
        ('"accepted": false', '"accepted": true', "digest: was changed by hand"),
        ('"mock/mock-1"', '"mock/mock-2"', "digest: was changed by hand"),
    ],
)  # fmt: skip
def test_what_a_check_cannot_be_is_an_error_that_names_file_and_line(
    asked: Space, panel: Panel, old: str, new: str, said: str
) -> None:
    freeze(asked)
    write_check(asked.root / FOLDER, CHECK)
    file = asked.root / FOLDER / CANARIES / f"{RUN}.json"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    for command in (("check", "--frozen"), ("freeze",), ("canary", "--accept")):
        done = panel(*command, cwd=asked.root)
        assert done.code == 2 and f"{RUN}.json" in done.err and said in done.err, done.err
        assert "Traceback" not in done.err


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / CANARIES
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text("[]")
    write_check(tmp_path, CHECK)
    with pytest.raises(WorkspaceError) as raised:
        read_canaries(tmp_path)
    assert [problem.file.name for problem in raised.value.problems] == ["a.json", "b.json"]


# Merges, in a real repository


def watched(space: Space, mock: MockEndpoint) -> None:
    """Ask three tools, each answer a ship, and freeze the answers."""
    space.tool("crucible")
    all_ship(space, mock)


@pytest.fixture
def shared(copied: Callable[[Make], Space]) -> Space:
    """Make a repository of three frozen tools, bellows a canary, with what init writes for git."""
    space = copied(watched)
    space.ci('canaries = ["bellows"]')
    shutil.copy(shipped() / FOLDER / ".gitattributes", space.root / FOLDER)
    repository(space.root)
    return space


def pull_request(space: Space, branch: str, tool: str, word: str) -> None:
    """Edit a tool on a branch of main, ask what is stale and the canary, freeze and commit."""
    git(space.root, "checkout", "-q", "-b", branch, "main")
    edit(space.root / f"tools/{tool}.md", "reads JSON", word)
    assert run(space, changed=True).canaries == 4
    freeze(space)
    commit(space.root, branch)


@pytest.mark.slow
def test_two_pull_requests_that_both_asked_the_canaries_merge_without_a_conflict(
    shared: Space, mock: MockEndpoint
) -> None:
    pull_request(shared, "one", "anvil", "eats JSON")
    mock.face = always("skip")
    pull_request(shared, "two", "crucible", "drinks JSON")
    git(shared.root, "checkout", "-q", "main")
    git(shared.root, "merge", "-q", "--no-edit", "one")
    git(shared.root, "merge", "-q", "--no-edit", "two")
    assert len(read_canaries(shared.root / FOLDER)) == 2
    assert git(shared.root, "status", "--porcelain") == "" and status(shared) == []


@pytest.mark.slow
def test_a_branch_that_accepts_and_one_that_asks_merge_without_a_conflict(
    shared: Space, mock: MockEndpoint, panel: Panel
) -> None:
    pull_request(shared, "one", "anvil", "eats JSON")
    git(shared.root, "checkout", "-q", "main")
    git(shared.root, "merge", "-q", "--no-edit", "one")
    for branch in ("accepts", "accepts-too"):
        git(shared.root, "checkout", "-q", "-b", branch, "main")
        assert panel("canary", "--accept", cwd=shared.root).code == 0
        commit(shared.root, branch)
    pull_request(shared, "two", "crucible", "drinks JSON")
    git(shared.root, "checkout", "-q", "main")
    for branch in ("accepts", "two", "accepts-too"):
        git(shared.root, "merge", "-q", "--no-edit", branch)
    found = in_order(read_canaries(shared.root / FOLDER).values())
    assert [check.accepted for check in found] == [True, False]


@pytest.mark.slow
def test_json_of_a_check_is_as_long_as_the_votes(shared: Space) -> None:
    pull_request(shared, "one", "anvil", "eats JSON")
    [(name, text)] = [(n, t) for n, t in texts(shared).items() if n.startswith(CANARIES)]
    assert json.loads(text)["run_id"] == Path(name).stem and len(text) < 1000
