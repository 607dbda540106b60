"""The steps of action.yml that talk to GitHub: event, outputs, comment, and new verdicts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.ci import github
from panel.ci.markdown import MARKER, marker
from panel.ci.pushing import commit_folder
from tests.support.git_repository import commit, git
from tests.support.github_api import REPOSITORY, Forge
from tests.support.github_job import Job, head


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


def test_the_cache_is_not_unpacked_through_a_link_of_the_branch(
    job: Job, happens: Happens, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (job.root / "runs").symlink_to(tmp_path)
    assert happens("pull_request", request(job.root))["code"] == "1"
    assert "runs is a link" in capfd.readouterr().out


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


def test_verdicts_that_differ_from_the_commit_are_told(job: Job) -> None:
    assert job.step("changed") == 0 and job.output() == {"changed": "false"}
    (job.root / "verdicts/bellows.json").write_text("{}\n")
    assert job.step("changed") == 0 and job.output() == {"changed": "true"}


def test_a_new_verdict_that_the_branch_has_git_ignore_is_told_and_given_back(job: Job) -> None:
    with (job.root / ".gitignore").open("a") as file:
        file.write("verdicts/\n")
    commit(job.root, "ignored")
    (job.root / "verdicts/new.json").write_text("{}\n")
    assert job.step("changed") == 0 and job.output() == {"changed": "true"}
    commit_folder("verdicts", "Freeze", ("panel", "panel@localhost"))
    assert git(job.root, "show", "--name-only", "--format=", "HEAD").split() == [
        "verdicts/new.json"
    ]


@pytest.mark.skipif(os.name == "nt", reason="the program that git would start is a shell script")
@pytest.mark.parametrize("words", [("changed",), ("commit", "push", "main")])
def test_no_step_starts_what_a_repository_among_the_files_names(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """The folder of a workspace may be one, and git looks there before it looks further up."""
    inner = job.root / "reviews"
    for name, content in {
        "HEAD": "ref: refs/heads/main\n",
        "refs/heads/main": head(job.root) + "\n",
        "objects/.keep": "",
        "verdicts/anvil.json": "{}\n",
        "config": "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\n"
        f'fsmonitor = "touch {tmp_path}/started; false"\n',
    }.items():
        file = inner / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.chdir(inner)
    assert job.step(*words) != 0
    assert not (tmp_path / "started").exists()


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
