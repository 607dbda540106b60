"""New verdicts given back: pushed, pushed on top of what was faster, or in a pull request."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from panel.ci import github
from tests.support.git_repository import commit, git
from tests.support.git_server import git_served
from tests.support.github_api import Forge
from tests.support.github_job import Job, head


def new_verdicts(job: Job, branch: str = "work") -> None:
    git(job.root, "switch", "-qc", branch)
    (job.root / "verdicts/anvil.json").write_text('{"new": true}\n')
    (job.root / "verdicts/bellows.json").write_text("{}\n")
    (job.root / "elsewhere.txt").write_text("not ours to commit\n")


def show(job: Job, branch: str, file: str = "verdicts/anvil.json") -> str:
    return git(job.root.parent / "origin.git", "show", f"refs/heads/{branch}:{file}")


def test_push_gives_the_verdicts_and_nothing_else_to_the_branch_itself(job: Job) -> None:
    new_verdicts(job)
    git(job.root, "add", "elsewhere.txt")
    assert job.step("commit", "push", "work") == 0
    assert show(job, "work") == '{"new": true}\n'
    origin = job.root.parent / "origin.git"
    listed = git(origin, "show", "--stat=200", "--format=%an <%ae>%n%s", "work")
    assert listed.startswith(f"{github.BOT} <{github.BOT_MAIL}>\nFreeze the panel's verdicts")
    assert "verdicts/bellows.json" in listed and "elsewhere" not in listed
    assert git(origin, "branch", "--list", "reviewer-panel/*") == ""


def test_a_removed_verdict_is_removed_there_too(job: Job) -> None:
    git(job.root, "switch", "-qc", "work")
    (job.root / "verdicts/anvil.json").unlink()
    assert job.step("commit", "push", "work") == 0
    assert git(job.root.parent / "origin.git", "ls-tree", "-r", "--name-only", "work") == (
        ".gitignore\n"
    )


def test_pull_request_pushes_a_branch_of_its_own_and_opens_one_request(
    job: Job, forge: Forge
) -> None:
    new_verdicts(job, "main-line")
    assert job.step("commit", "pull-request", "main-line") == 0
    target = "reviewer-panel/verdicts-main-line"
    assert show(job, target) == '{"new": true}\n'
    [pull] = forge.pulls
    assert (pull["head"], pull["base"]) == (target, "main-line")
    assert git(job.root.parent / "origin.git", "branch", "--list", "main-line") == ""


def test_a_request_that_is_open_already_is_brought_up_to_date(job: Job, forge: Forge) -> None:
    new_verdicts(job, "line")
    first = head(job.root)
    assert job.step("commit", "pull-request", "line") == 0
    git(job.root, "reset", "-q", "--hard", first)
    (job.root / "verdicts/anvil.json").write_text('{"newer": true}\n')
    assert job.step("commit", "pull-request", "line") == 0
    assert show(job, "reviewer-panel/verdicts-line") == '{"newer": true}\n'
    assert len(forge.pulls) == 1


def test_a_request_that_is_refused_says_which_permissions_it_needs(
    job: Job, forge: Forge, capfd: pytest.CaptureFixture[str]
) -> None:
    new_verdicts(job)
    forge.refuse = {"POST pulls": 403}
    assert job.step("commit", "pull-request", "work") == 1
    told = capfd.readouterr().out
    assert "HTTP 403" in told and "contents: write, pull-requests: write" in told


@pytest.mark.parametrize("branch", ["", "-d", "--delete", "--mirror"])
@pytest.mark.parametrize("how", ["push", "pull-request"])
def test_a_branch_that_reads_as_an_option_is_never_given_to_git(
    job: Job, branch: str, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    new_verdicts(job)
    assert job.step("commit", how, branch) == 1
    assert "there is no branch" in capfd.readouterr().out
    assert git(job.root.parent / "origin.git", "branch", "--format=%(refname:short)") == "main\n"


def test_a_branch_that_is_not_checked_out_is_left_alone_and_the_remedy_said(
    job: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    new_verdicts(job)
    for at in ("main", "detached"):
        if at == "detached":
            git(job.root, "switch", "-q", "--detach")
        assert job.step("commit", "push", "main" if at == "main" else "work") == 1
        assert "is not checked out" in capfd.readouterr().out
    assert head(job.root) == head(job.root, "origin/main")


@pytest.mark.parametrize("branch", ["a;id", "a$(id)", "a'b", "feature/x", "ümlaut"])
def test_odd_names_of_branches_are_names_and_nothing_else(job: Job, branch: str) -> None:
    new_verdicts(job, branch)
    assert job.step("commit", "push", branch) == 0
    assert show(job, branch) == '{"new": true}\n'


@pytest.fixture
def others(job: Job, tmp_path: Path) -> Path:
    """Make new verdicts on the branch ``work``, and another clone of that branch."""
    new_verdicts(job)
    git(job.root, "push", "-q", "origin", "work")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "-b", "work", str(tmp_path / "origin.git"), str(other))
    return other


def pushed_by_others(other: Path, file: str, text: str) -> None:
    (other / file).parent.mkdir(exist_ok=True)
    (other / file).write_text(text)
    commit(other, "theirs")
    git(other, "push", "-q", "origin", "work")


def test_a_push_that_loses_a_race_is_made_anew_on_what_was_faster(job: Job, others: Path) -> None:
    pushed_by_others(others, "tools/new.md", "theirs\n")
    pushed_by_others(others, "verdicts/caliper.json", "theirs\n")
    status = git(job.root, "status", "--porcelain", "elsewhere.txt")
    assert job.step("commit", "push", "work") == 0
    assert show(job, "work") == '{"new": true}\n'
    assert show(job, "work", "tools/new.md") == "theirs\n"
    origin = job.root.parent / "origin.git"
    assert git(origin, "log", "--format=%s|%an", "-2", "work").splitlines() == [
        f"Freeze the panel's verdicts on what has changed|{github.BOT}",
        "theirs|author@example.org",
    ]  # fmt: skip
    changed = git(origin, "show", "--name-only", "--format=", "work").split()
    assert changed == ["verdicts/anvil.json", "verdicts/bellows.json"]
    assert git(job.root, "status", "--porcelain", "elsewhere.txt") == status


def test_a_shallow_clone_wins_its_race_too(
    job: Job, others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = tmp_path / "shallow"
    origin = f"file://{tmp_path / 'origin.git'}"
    git(tmp_path, "clone", "-q", "--depth=1", "-b", "work", origin, str(shallow))
    pushed_by_others(others, "tools/new.md", "theirs\n")
    (shallow / "verdicts/anvil.json").write_text("ours\n")
    monkeypatch.chdir(shallow)
    assert job.step("commit", "push", "work") == 0, "the parent of our commit is enough"
    assert show(job, "work") == "ours\n" and show(job, "work", "tools/new.md") == "theirs\n"


def hooked(job: Job, script: str) -> None:
    """Give origin a hook that is run before each push is taken."""
    hook = job.root.parent / "origin.git/hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def test_a_push_gives_up_after_so_many_races(
    job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody else's commit lands just before each of ours is taken."""
    new_verdicts(job)
    git(job.root, "push", "-q", "origin", "work")
    count = tmp_path / "pushes"
    hooked(
        job,
        f"""echo x >> {count}
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
new=$(git -c user.name=o -c user.email=o@x commit-tree work^{{tree}} -p work -m theirs)
git update-ref refs/heads/work $new""",
    )
    assert job.step("commit", "push", "work") == 1
    assert "5 times in a row" in capfd.readouterr().out
    assert count.read_text().count("x") == 5


def test_a_push_that_is_refused_is_not_tried_again(
    job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    new_verdicts(job)
    git(job.root, "push", "-q", "origin", "work")
    hooked(job, f"echo x >> {tmp_path / 'pushes'}; echo protected branch >&2; exit 1")
    assert job.step("commit", "push", "work") == 1
    assert "protected branch" in capfd.readouterr().out
    assert (tmp_path / "pushes").read_text() == "x\n"


def test_a_verdict_that_others_have_changed_too_is_never_merged_nor_overwritten(
    job: Job, others: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pushed_by_others(others, "verdicts/anvil.json", "theirs\n")
    assert job.step("commit", "push", "work") == 1
    told = capfd.readouterr().out
    assert "::error::git push: on 'work' others have meanwhile changed the same files" in told
    assert "(verdicts/anvil.json)" in told
    assert show(job, "work") == "theirs\n"


@pytest.mark.parametrize("kept", [False, True])
def test_the_jobs_token_pushes_whether_or_not_the_checkout_kept_one(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """With ``persist-credentials: false`` no other step of the job can push."""
    word = b64encode(b"x-access-token:the-token").decode()
    git(tmp_path / "origin.git", "config", "http.receivepack", "true")
    new_verdicts(job)
    with git_served(tmp_path, f"basic {word}") as url:
        git(job.root, "remote", "set-url", "origin", f"{url}/origin.git")
        monkeypatch.setenv("GITHUB_SERVER_URL", url)
        if kept:
            git(job.root, "config", f"http.{url}/.extraheader", "AUTHORIZATION: basic b3RoZXI=")
        assert job.step("commit", "push", "work") == 0
        assert job.step("commit", "pull-request", "work") == 1, "nothing new to commit"
    assert show(job, "work") == '{"new": true}\n'
    assert "the-token" not in (job.root / ".git/config").read_text()
    assert word not in (job.root / ".git/config").read_text()
