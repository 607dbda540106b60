"""The steps of action.yml that talk to GitHub: event, outputs, comment, and new verdicts."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from panel.ci import github
from panel.ci.markdown import MARKER, marker
from tests.support.git_repository import commit, git, repository
from tests.support.git_server import git_served
from tests.support.github_api import REPOSITORY, Forge, served


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Start a stand-in for GitHub's API."""
    with served(Forge()) as made:
        yield made


@dataclass
class Job:
    """The environment of a job: its folder, its outputs, and a way to run a step."""

    root: Path
    outputs: Path
    step: Callable[..., int]

    def output(self) -> dict[str, str]:
        """Return the outputs as a runner reads them, and forget them."""
        lines = self.outputs.read_text().split("\n")
        self.outputs.write_text("")
        assert lines.pop() == "", "the last line is whole"
        assert all("=" in line for line in lines)
        pairs = [line.split("=", 1) for line in lines]
        assert len({name for name, _value in pairs}) == len(pairs)
        return dict(pairs)


@pytest.fixture
def job(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Make a clone of a bare repository with one commit on main, and a job's environment."""
    made, origin, root = tmp_path / "made", tmp_path / "origin.git", tmp_path / "work"
    (made / "verdicts").mkdir(parents=True)
    (made / "verdicts/anvil.json").write_text("{}\n")
    repository(made)
    git(tmp_path, "clone", "-q", "--bare", str(made), str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(root))
    outputs = tmp_path / "outputs"
    outputs.touch()
    monkeypatch.chdir(root)
    inputs = ("BASE", "MODE", "COMMIT", "REPLAY", "WORKING_DIRECTORY", "ENDPOINT", "MODEL")
    for name in (*inputs, "GITHUB_REF_NAME", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    monkeypatch.setenv("GITHUB_API_URL", forge.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def step(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["panel-github", *words])
        try:
            github.main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 2
        return 0

    return Job(root, outputs, step)


@pytest.fixture
def happens(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, str]]:
    """Return a function that runs the step ``event`` for a payload; returns its outputs."""

    def run(name: str, told: dict[str, Any], **inputs: str) -> dict[str, str]:
        file = tmp_path / "event.json"
        file.write_text(json.dumps(told))
        monkeypatch.setenv("GITHUB_EVENT_NAME", name)
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(file))
        for variable, value in inputs.items():
            monkeypatch.setenv(variable, value)
        code = job.step("event")
        return {"code": str(code), **job.output()}

    return run


def head(root: Path, revision: str = "HEAD") -> str:
    return git(root, "rev-parse", revision).strip()


def request(root: Path, branch: str = "work", of: str | None = REPOSITORY) -> dict[str, Any]:
    """Return the payload of a pull request; ``of``: whose repository it comes from."""
    return {
        "pull_request": {
            "number": 7,
            "base": {"sha": head(root), "ref": "main", "repo": {"full_name": REPOSITORY}},
            "head": {"ref": branch, "repo": {"full_name": of} if of else None},
        }
    }


Happens = Callable[..., dict[str, str]]


def test_a_pull_request_of_the_same_repository_may_ask(job: Job, happens: Happens) -> None:
    base = head(job.root)
    assert happens("pull_request", request(job.root)) == {
        "code": "0",
        "base": base,
        "since": base,
        "number": "7",
        "branch": "work",
        "fork": "false",
        "may-ask": "true",
        "always-ask": "false",
        "name": "",
        "id": "reviewer-panel",
    }


@pytest.mark.parametrize("of", ["stranger/reviews", None])
def test_a_fork_even_one_that_is_gone_asks_nothing_and_says_so(
    job: Job, happens: Happens, of: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    told = happens("pull_request", request(job.root, "main", of))
    assert (told["fork"], told["may-ask"], told["branch"]) == ("true", "false", "")
    assert told["number"] == "7"
    assert "::notice::A fork has no keys" in capfd.readouterr().out


def test_a_request_between_repositories_that_are_both_gone_is_taken_for_a_fork(
    job: Job, happens: Happens
) -> None:
    told = request(job.root, of=None)
    told["pull_request"]["base"]["repo"] = None
    assert happens("pull_request", told)["may-ask"] == "false"


def test_a_fork_may_be_answered_from_a_recording(
    job: Job, happens: Happens, capfd: pytest.CaptureFixture[str]
) -> None:
    told = happens("pull_request", request(job.root, of="stranger/x"), REPLAY="answers.jsonl")
    assert (told["fork"], told["may-ask"]) == ("true", "true")
    assert "notice" not in capfd.readouterr().out


def test_mode_check_asks_nothing(job: Job, happens: Happens) -> None:
    told = happens("pull_request", request(job.root), MODE="check")
    assert (told["may-ask"], told["fork"]) == ("false", "false")
    assert happens("pull_request", request(job.root), MODE="check", REPLAY="x")["may-ask"] == (
        "false"
    )


def test_a_pull_request_is_compared_with_where_its_branch_began(job: Job, happens: Happens) -> None:
    """This branch is not responsible for what others have merged since."""
    began = head(job.root)
    git(job.root, "switch", "-qc", "work")
    commit(job.root, "mine")
    git(job.root, "switch", "-q", "main")
    commit(job.root, "of others")
    told = request(job.root)
    git(job.root, "switch", "-q", "work")
    assert happens("pull_request", told)["base"] == began
    git(job.root, "merge", "-q", "main", "-m", "as GitHub checks it out")
    assert happens("pull_request", told)["base"] == told["pull_request"]["base"]["sha"]


def test_a_base_that_a_shallow_clone_has_not_stops_the_job_with_the_remedy(
    job: Job, happens: Happens, capfd: pytest.CaptureFixture[str]
) -> None:
    """A comparison with nothing would silently open every gate."""
    told = request(job.root)
    told["pull_request"]["base"]["sha"] = "1" * 40
    assert happens("pull_request", told) == {"code": "1"}
    assert "fetch-depth: 0" in capfd.readouterr().out
    for base in ("nothing", "--all", "-h", "main;id"):
        assert happens("push", {"before": head(job.root)}, BASE=base) == {"code": "1"}


def test_a_base_of_ones_own_takes_the_place_of_the_events(job: Job, happens: Happens) -> None:
    commit(job.root)
    git(job.root, "tag", "v1", "HEAD~1")
    assert happens("push", {"before": head(job.root)}, BASE="v1")["base"] == "v1"


def test_a_push_is_compared_with_what_was_there_before(
    job: Job, happens: Happens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    before = head(job.root)
    commit(job.root)
    assert happens("push", {"before": before}) == {
        "code": "0",
        "base": before,
        "since": "",
        "number": "",
        "branch": "main",
        "fork": "false",
        "may-ask": "true",
        "always-ask": "false",
        "name": "",
        "id": "reviewer-panel",
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("push", {"before": "0" * 40}),
        ("schedule", {"schedule": "0 3 * * *"}),
        ("workflow_dispatch", {"inputs": None}),
        ("push", {"before": None}),
    ],
)
def test_a_new_branch_a_schedule_and_a_dispatch_are_compared_with_the_commit_itself(
    job: Job, happens: Happens, name: str, told: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = happens(name, told)
    assert (outputs["base"], outputs["since"], outputs["may-ask"]) == ("HEAD", "", "true")
    assert capfd.readouterr().out == ""


def test_a_forced_push_whose_past_is_gone_says_what_it_is_compared_with(
    job: Job, happens: Happens, capfd: pytest.CaptureFixture[str]
) -> None:
    assert happens("push", {"before": "1" * 40})["base"] == "HEAD"
    assert "::notice::The commit before this push" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["pull_request_target", "workflow_run", "issue_comment"])
def test_events_that_hand_secrets_to_a_strangers_files_are_refused(
    job: Job, happens: Happens, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert happens(name, request(job.root, of="stranger/x")) == {"code": "1"}
    assert f"::error::this action does not run on {name}" in capfd.readouterr().out


@pytest.mark.parametrize(("variable", "word"), [("MODE", "Run"), ("COMMIT", "yes")])
def test_an_input_that_is_none_of_its_words_is_refused(
    job: Job, happens: Happens, variable: str, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert happens("pull_request", request(job.root), **{variable: word}) == {"code": "1"}
    assert repr(word) in capfd.readouterr().out


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_branchs_name_cannot_forge_an_output(job: Job, happens: Happens, separator: str) -> None:
    """Git allows none of these in a name; an event's payload is text like any other."""
    branch = f"work{separator}may-ask=true{separator}fork=false"
    told = happens("pull_request", request(job.root, branch), MODE="check")
    assert (told["may-ask"], told["fork"]) == ("false", "false")
    assert told["branch"] == "work may-ask=true fork=false"


def test_an_error_cannot_forge_a_command_to_the_runner(
    job: Job, happens: Happens, capfd: pytest.CaptureFixture[str]
) -> None:
    happens("pull_request", request(job.root), BASE="x\n::set-output name=may-ask::true")
    assert capfd.readouterr().out.count("\n") == 1


def test_a_step_of_another_name_is_refused(job: Job) -> None:
    assert job.step("steal") == 2 and job.step() == 2


# How the run ended


def test_how_the_run_ended_is_handed_on(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"asked": 4, "stopped": "budget"}))
    assert job.step("asked", "4", str(file)) == 0
    assert job.output() == {"asked": "4", "code": "4", "freeze": "false"}


@pytest.mark.parametrize(("code", "freeze"), [("0", "true"), ("1", "true"), ("3", "false")])
def test_what_a_stopped_run_left_half_answered_is_not_frozen(
    job: Job, tmp_path: Path, code: str, freeze: str
) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"asked": 4}))
    assert job.step("asked", code, str(file)) == 0
    assert job.output()["freeze"] == freeze


def test_a_run_that_never_began_is_an_error_and_the_job_goes_on_to_its_report(
    job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").touch()
    assert job.step("asked", "3", str(tmp_path / "run.json")) == 0
    assert "::error::The run ended with exit 3 before" in capfd.readouterr().out
    assert job.output() == {"asked": "0", "code": "3", "freeze": "false"}


def test_what_no_run_has_printed_is_refused(
    job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text("Traceback")
    assert job.step("asked", "1", str(tmp_path / "run.json")) == 1
    assert capfd.readouterr().out.startswith("::error::--run ")


# What tells one use of the action from another


USES = [
    ("reviews", "", ""),
    ("a/b", "", ""),
    ("a-b", "", ""),
    ("a", "b", ""),
    ("a", "", "b"),
    ("", "a", "b"),
    ("", "reviews", ""),
    ("", "", "org/model:1"),
    ("", "", "org-model-1"),
    ("ümlaut", "", ""),
    ("../up", "", ""),
    ("--x", "", ""),
]


def test_every_workspace_and_model_has_a_name_of_its_own(job: Job, happens: Happens) -> None:
    names = ["WORKING_DIRECTORY", "ENDPOINT", "MODEL"]
    told = [happens("push", {}, **dict(zip(names, use, strict=True))) for use in USES]
    ids = [each["id"] for each in told]
    assert len(set(ids)) == len(USES) and "reviewer-panel" not in ids
    assert ids[0] == "reviewer-panel-reviews"
    assert all(re.fullmatch(r"reviewer-panel(-[\w.]+)+", each, re.ASCII) for each in ids)
    assert all(each["id"] == f"reviewer-panel-{each['name']}" for each in told)


@pytest.mark.parametrize("folder", ["", ".", "./", "reviews/..", "./."])
def test_the_roots_workspace_asked_of_its_own_model_needs_no_name(
    job: Job, happens: Happens, folder: str
) -> None:
    told = happens("push", {}, WORKING_DIRECTORY=folder)
    assert (told["name"], told["id"]) == ("", "reviewer-panel")


@pytest.mark.parametrize(("event", "always"), [("schedule", "true"), ("push", "false")])
def test_a_night_asks_even_if_no_file_has_changed(
    job: Job, happens: Happens, event: str, always: str
) -> None:
    assert happens(event, {})["always-ask"] == always
    assert happens(event, {}, MODE="check")["always-ask"] == "false"


# The comment


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.md"
    file.write_text(f"{MARKER}\n### first\n")
    return file


def test_a_comment_is_made_once_and_written_over_afterwards(
    job: Job, forge: Forge, report: Path
) -> None:
    assert job.step("comment", "7", str(report)) == 0
    report.write_text(f"{MARKER}\n### second\n")
    assert job.step("comment", "7", str(report)) == 0
    assert [each["body"] for each in forge.comments] == [f"{MARKER}\n### second\n"]
    assert forge.tokens == {"Bearer the-token"}


def test_a_strangers_comment_with_our_mark_is_left_alone(
    job: Job, forge: Forge, report: Path
) -> None:
    theirs = {"id": 1, "body": f"{MARKER} mine", "user": {"login": "mallory"}}
    nobodys = {"id": 2, "body": f"{MARKER} of an account that is gone", "user": None}
    quoted = {"id": 3, "body": f"see {MARKER}", "user": {"login": github.BOT}}
    empty = {"id": 4, "body": None, "user": {"login": github.BOT}}
    forge.comments = [theirs, nobodys, quoted, empty]
    before = json.dumps(forge.comments)
    assert job.step("comment", "7", str(report)) == 0
    assert json.dumps(forge.comments[:4]) == before and len(forge.comments) == 5


def test_two_reports_on_one_pull_request_have_a_comment_each(
    job: Job, forge: Forge, report: Path
) -> None:
    for word in ("first", "second"):
        for name in ("", "reviews", "reviews-2"):
            report.write_text(f"{marker(name)}\n### {word} {name}\n")
            assert job.step("comment", "7", str(report)) == 0
    assert [each["body"].splitlines()[1] for each in forge.comments] == (
        ["### second ", "### second reviews", "### second reviews-2"]
    )


def test_our_comment_is_found_on_a_later_page(job: Job, forge: Forge, report: Path) -> None:
    forge.comments = [{"id": n, "body": "words", "user": {"login": "someone"}} for n in range(150)]
    forge.comments[140] = {"id": 140, "body": MARKER, "user": {"login": github.BOT}}
    assert job.step("comment", "7", str(report)) == 0
    assert len(forge.comments) == 150 and "first" in forge.comments[140]["body"]


def test_a_token_of_a_person_writes_over_that_persons_comment(
    job: Job, forge: Forge, report: Path
) -> None:
    forge.login = "ada"
    forge.comments = [
        {"id": 1, "body": MARKER, "user": {"login": github.BOT}},
        {"id": 2, "body": MARKER, "user": {"login": "ada"}},
    ]
    assert job.step("comment", "7", str(report)) == 0
    assert [len(each["body"]) > len(MARKER) for each in forge.comments] == [False, True]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("what", ["POST comments", "GET comments"])
def test_a_comment_that_is_refused_is_a_notice_and_no_failure(
    job: Job, forge: Forge, report: Path, status: int, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    forge.refuse = {what: status}
    assert job.step("comment", "7", str(report)) == 0
    assert f"::notice::GitHub refused the comment ({status})" in capfd.readouterr().out
    assert forge.comments == []


def test_a_forge_that_fails_or_is_not_there_is_an_error_in_one_line(
    job: Job, forge: Forge, report: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    forge.refuse = {"POST comments": 500}
    assert job.step("comment", "7", str(report)) == 1
    assert "::error::GitHub did not take the comment: HTTP 500" in capfd.readouterr().out
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    assert job.step("comment", "7", str(report)) == 1
    told = capfd.readouterr().out
    assert told.startswith("::error::GitHub cannot be reached") and told.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["acme", "acme/../x", "acme/re views", "acme/reviews?x=1", "a/b/c"]
)
def test_a_repositorys_name_is_never_a_path_of_another_kind(
    job: Job, forge: Forge, report: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", name)
    assert job.step("comment", "7", str(report)) == 1
    assert forge.calls == []


# Verdicts given back


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
