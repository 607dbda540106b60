"""A team's month with the action, on real git repositories: every job ends as docs/ci.md says.

Thirty tools, one repository, the action's own scripts on a simulated runner. Each test is a thing
that happens in such a month; a pull request is a branch whose job gives its verdicts back, and
merging is git's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.faces import always
from tests.support.git_repository import commit, git, repository
from tests.support.github_api import REPOSITORY, Forge
from tests.support.github_runner import Done, Runner
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship

pytestmark = pytest.mark.long

PAIRS = 4 * 30


def thirty_ships(space: Space, mock: MockEndpoint) -> None:
    """Ask thirty tools, each answer a ship, and freeze the answers."""
    for number in range(28):
        space.tool(f"tool-{number:02}")
    all_ship(space, mock)


@dataclass
class Team:
    """A repository with its origin, and jobs on it."""

    runner: Runner
    mock: MockEndpoint
    origin: Path

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.runner.root

    def branch(self, name: str) -> None:
        """Begin a branch at the end of main."""
        git(self.root, "fetch", "-q", "origin")
        git(self.root, "switch", "-qC", name, "origin/main")

    def push(self, name: str, **inputs: str) -> Done:
        """Commit, push the branch, and run the pull request's job, which gives verdicts back."""
        commit(self.root, name)
        git(self.root, "push", "-qf", "origin", f"HEAD:{name}")
        told = {
            "pull_request": {
                "number": 7,
                "base": {
                    "sha": git(self.root, "rev-parse", "origin/main").strip(),
                    "ref": "main",
                    "repo": {"full_name": REPOSITORY},
                },
                "head": {"ref": name, "repo": {"full_name": REPOSITORY}},
            }
        }
        self.mock.asked = 0
        done = self.runner.job("pull_request", told, name, **{"commit": "push"} | inputs)
        git(self.root, "fetch", "-q", "origin")
        git(self.root, "reset", "-q", "--hard", f"origin/{name}")
        return done

    def merge(self, name: str) -> None:
        """Merge a branch into main, as the button does; a conflict fails the test."""
        git(self.root, "fetch", "-q", "origin")
        git(self.root, "switch", "-qC", "main", "origin/main")
        git(self.root, "merge", "-q", "--no-edit", f"origin/{name}")
        git(self.root, "push", "-q", "origin", "main")

    def holds(self) -> bool:
        """Whether every verdict on main holds, as ``panel check --frozen`` says."""
        self.branch("look")
        done = self.runner.job("push", {}, mode="check", fail_on="stale")
        return done.ok

    def verdicts(self) -> dict[str, bytes]:
        """Return the files of verdicts that are checked out."""
        return {file.name: file.read_bytes() for file in self.root.glob("verdicts/*.json")}


@pytest.fixture
def team(
    copied: Callable[[Make], Space],
    mock: MockEndpoint,
    forge: Forge,
    tmp_path: Path,
    programs: Path,
) -> Team:
    """Make the repository of a team on the first of the month: every verdict holds, and ships."""
    mock.face = always("ship")
    space = copied(thirty_ships)
    repository(space.root)
    origin, root = tmp_path / "origin.git", tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--bare", str(space.root), str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(root))
    return Team(Runner(root, tmp_path / "runner", programs, forge), mock, origin)


def test_an_edited_tool_is_asked_frozen_given_back_and_merged(team: Team) -> None:
    team.branch("reword")
    edit(team.root / "tools/anvil.md", "reads JSON", "eats JSON")
    done = team.push("reword")
    assert done.ok, done.log
    assert (done.outputs["asked"], done.outputs["changed"]) == ("4", "true")
    team.merge("reword")
    assert team.holds()


def test_a_pull_request_that_changes_the_model_asks_every_cell(team: Team) -> None:
    team.branch("model")
    edit(team.root / "panel.toml", 'model = "mock-1"', 'model = "mock-2"')
    done = team.push("model")
    assert done.ok, done.log
    assert done.outputs["asked"] == str(PAIRS)
    team.merge("model")
    assert team.holds()


def test_an_edit_that_is_taken_back_leaves_the_verdicts_of_main(team: Team) -> None:
    team.branch("back")
    before = team.verdicts()
    text = (team.root / "tools/anvil.md").read_text()
    edit(team.root / "tools/anvil.md", "reads JSON", "eats JSON")
    team.mock.face = always("skip")
    assert team.push("back", repeats="4").ok
    assert team.verdicts() != before
    (team.root / "tools/anvil.md").write_text(text)
    done = team.push("back", repeats="4")
    assert done.ok and done.outputs["asked"] == "0", done.log
    assert team.verdicts() == before
    team.merge("back")
    assert team.holds()


def test_a_budget_is_reached_and_each_job_gets_further(team: Team) -> None:
    team.branch("budget")
    edit(team.root / "prompts/system.md.j2", "one reviewer", "a reviewer")
    asked = []
    for _ in range(3):
        done = team.push("budget", max_calls="50")
        asked.append(int(done.outputs["asked"]))
    assert asked == [50, 50, 20] and done.ok
    team.merge("budget")
    assert team.holds()


def test_two_pull_requests_with_canaries_merge_without_a_conflict(team: Team) -> None:
    team.branch("canaries")
    with (team.root / "panel.toml").open("a") as file:
        file.write('\n[ci]\ncanaries = ["tool-00", "tool-01"]\n')
    assert team.push("canaries").ok
    team.merge("canaries")
    for name, tool in (("one", "tool-10"), ("two", "tool-11")):
        team.branch(name)
        edit(team.root / f"tools/{tool}.md", "reads JSON", "eats JSON")
        done = team.push(name)
        assert done.ok and done.outputs["asked"] == "4", done.log
    team.merge("one")
    team.merge("two")
    assert team.holds()


def test_hand_edits_are_found_and_named(team: Team) -> None:
    team.branch("hand")
    edit(team.root / "verdicts/anvil.json", '"verdict": "ship"', '"verdict": "skip"')
    commit(team.root, "by hand")
    git(team.root, "push", "-q", "origin", "HEAD:main")
    assert not team.holds()


def test_a_deleted_tool_is_named_and_goes_with_its_verdicts(team: Team) -> None:
    team.branch("gone")
    (team.root / "tools/tool-05.md").unlink()
    done = team.push("gone", fail_on="stale")
    assert done.ok, done.log
    assert team.mock.asked == 0 and "4 gone" in done.summary
    assert "tool-05.json" not in team.verdicts()
    team.merge("gone")
    assert team.holds()


def test_a_renamed_tool_asks_nothing_and_takes_its_verdicts_along(team: Team) -> None:
    team.branch("rename")
    git(team.root, "mv", "tools/tool-06.md", "tools/hexalint.md")
    done = team.push("rename")
    assert done.ok, done.log
    assert done.outputs["asked"] == "0" and team.mock.asked == 0
    names = team.verdicts().keys()
    assert "hexalint.json" in names and "tool-06.json" not in names
    team.merge("rename")
    assert team.holds()


def test_a_model_that_turned_overnight_shuts_the_gate_until_it_is_accepted(
    team: Team, panel: Panel
) -> None:
    team.branch("canaries")
    with (team.root / "panel.toml").open("a") as file:
        tools = ", ".join(f'"tool-{number:02}"' for number in range(12))
        file.write(f"\n[ci]\ncanaries = [{tools}]\n")
    assert team.push("canaries").ok
    team.merge("canaries")
    team.mock.face = always("skip")
    team.branch("reword")
    edit(team.root / "tools/anvil.md", "reads JSON", "eats JSON")
    done = team.push("reword", fail_on="drift")
    assert not done.ok and "The model moved" in done.summary, done.log
    assert panel("canary", "--accept", cwd=team.root).code == 0
    done = team.push("reword", fail_on="drift")
    assert done.ok, done.log
    team.merge("reword")
    assert team.holds()
