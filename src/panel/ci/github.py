"""The steps of ``action.yml`` that the command line does not do: event, comment, commit.

Installed as ``panel-github``, for use inside a GitHub job only. It connects to GitHub's API
(GITHUB_API_URL) and to nothing else.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from panel.ci.outcome import read_outcome
from panel.ci.pushing import JobError, commit_folder, git, push_onto
from panel.errors import UsageError
from panel.frozen.files import FOLDER
from panel.hashing import text_hash
from panel.text import one_line

BOT = "github-actions[bot]"
BOT_MAIL = "41898282+github-actions[bot]@users.noreply.github.com"
SECONDS = 30
# Events that give the secrets of this repository to a job on text that a stranger may have written.
WITH_SECRETS = ("pull_request_target", "workflow_run", "issue_comment")
TIMED = ("schedule", "workflow_dispatch")  # these ask whether or not a file has changed
PAGES = 20  # the most pages of a hundred comments that are searched for our own


def main() -> None:
    """Run one step. An error becomes one line in the job's log, and exit 1."""
    steps: dict[str, Callable[..., None]] = {
        "event": event,
        "asked": asked,
        "changed": changed,
        "comment": comment,
        "commit": commit,
    }
    name, *words = sys.argv[1:] or [""]
    if name not in steps:
        sys.exit(f"panel-github is part of the GitHub action; its steps are {', '.join(steps)}.")
    try:
        steps[name](*words)
    except (JobError, UsageError) as error:
        _error(str(error))
        sys.exit(1)


def event() -> None:
    """Find out what this event allows, and which revision to compare with.

    Writes the outputs base, since, number and branch (of a pull request), fork, may-ask and
    always-ask; and name and id, which no other workspace or model of the repository has.
    Raises JobError for an event or an input that the action does not take, and where the branch
    has a link in the place of the folder that the job's cache is unpacked into.
    """
    if Path("runs").is_symlink():
        raise JobError("runs is a link, and the cache would be unpacked elsewhere. Remove it.")
    name = os.environ["GITHUB_EVENT_NAME"]
    if name in WITH_SECRETS:
        raise JobError(
            f"this action does not run on {name}: it would send a stranger's prompts to a model "
            "with your secrets. Use 'on: pull_request'."
        )
    told = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    request = told.get("pull_request") or {}
    ours, theirs = _name_of(request, "base"), _name_of(request, "head")
    fork = bool(request) and (theirs is None or theirs != ours)
    base = _base(request, told)
    mode, replay = os.environ.get("MODE", "run"), os.environ.get("REPLAY", "")
    if mode not in ("run", "check"):
        raise JobError(f"mode: {mode!r} is neither run nor check.")
    given_back = os.environ.get("COMMIT", "none")
    if given_back not in ("none", "push", "pull-request"):
        raise JobError(f"commit: {given_back!r} is not one of: none, push, pull-request.")
    may_ask = mode == "run" and (not fork or bool(replay))
    if fork and mode == "run" and not may_ask:
        _notice("A fork has no keys, so this job asks no model and only says what is stale.")
    branch = (request.get("head") or {}).get("ref") or os.environ.get("GITHUB_REF_NAME", "")
    _output("base", base)
    _output("since", base if request and base != "HEAD" else "")
    _output("number", str(request.get("number", "")))
    _output("branch", "" if fork else branch)
    _output("fork", str(fork).lower())
    _output("may-ask", str(may_ask).lower())
    _output("always-ask", str(may_ask and os.environ["GITHUB_EVENT_NAME"] in TIMED).lower())
    name = _name()
    _output("name", name)
    _output("id", f"reviewer-panel-{name}" if name else "reviewer-panel")


def _name() -> str:
    """Name this use of the action: "" for the root's workspace asked of its own model.

    Artifacts, caches, folders and comments are told apart by it.
    """
    words = [os.environ.get(word, "") for word in ("WORKING_DIRECTORY", "ENDPOINT", "MODEL")]
    words[0] = os.path.normpath(words[0] or ".")
    given = [word for word in words if word not in ("", ".")]
    plain = "-".join(re.findall(r"[A-Za-z0-9_.]+", "-".join(given)))[:80]
    # One folder is its own name. Anything else could be two things, as a/b and a-b are.
    same = given == [plain] and words[0] == plain
    return plain if same or not given else f"{plain}-{text_hash(repr(words))[:8]}".lstrip("-")


def _base(request: dict[str, Any], told: dict[str, Any]) -> str:
    """Return the revision to compare with: HEAD itself for a new branch or a schedule.

    For a pull request it is the commit where its branch began, since what others have merged
    after that is not part of it.
    """
    asked_for = os.environ.get("BASE") or (request.get("base") or {}).get("sha")
    if asked_for:
        if not _known(asked_for):
            raise JobError(
                f"the revision {asked_for!r} to compare with is not in this clone. Give "
                "actions/checkout 'fetch-depth: 0'."
            )
        began = git("merge-base", asked_for, "HEAD", may_fail=True) if request else ""
        return began or str(asked_for)
    before = str(told.get("before") or "")
    if not before.strip("0"):
        return "HEAD"
    if not _known(before):
        _notice(
            "The commit before this push is not in this clone, so the verdicts are compared "
            "with the pushed commit itself. 'fetch-depth: 0' of actions/checkout fetches it, "
            "unless the push was forced."
        )
        return "HEAD"
    return before


def _name_of(request: dict[str, Any], side: str) -> str | None:
    """Return the repository of the base or the head; None for a fork that was deleted."""
    repository = (request.get(side) or {}).get("repo") or {}
    return repository.get("full_name")


def _known(revision: str) -> bool:
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    return git(*asked, may_fail=True) != ""


def asked(code: str, file: str) -> None:
    """Write how the run ended to the outputs, so that the job can go on to its report."""
    outcome = read_outcome(Path(file))
    if not outcome.began:
        _error(f"The run ended with exit {int(code)} before it asked anything; its log says why.")
    _output("asked", str(outcome.asked))
    _output("code", str(int(code)))
    # A run that was stopped leaves pairs with only some of their answers. The next run asks the
    # rest, but would not if these were frozen.
    _output("freeze", str(outcome.began and int(code) in (0, 1)).lower())


def changed() -> None:
    """Write whether verdicts/ differs from the commit that was checked out."""
    asked = ("status", "--porcelain", "--ignored")  # by a .gitignore of the branch, perhaps
    _output("changed", str(git(*asked, "--", FOLDER) != "").lower())


def comment(number: str, file: str) -> None:
    """Write the report into our one comment on a pull request; make the comment if needed."""
    body = Path(file).read_text(encoding="utf-8")
    mark = body.partition("\n")[0]  # each workspace of a repository has a comment of its own
    issue = f"/repos/{_repository()}/issues/{int(number)}/comments"
    try:
        known = _own_comment(issue, mark)
        if known is None:
            _api("POST", issue, {"body": body})
        else:
            _api("PATCH", f"/repos/{_repository()}/issues/comments/{known}", {"body": body})
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            _notice(
                f"GitHub refused the comment ({error.code}): the token of a fork may not write, "
                "any other needs 'permissions: pull-requests: write'. The report is in the job's "
                "summary."
            )
            return
        raise JobError(f"GitHub did not take the comment: HTTP {error.code}.") from None
    except OSError as error:
        raise _unreachable(error) from None


def _own_comment(issue: str, mark: str) -> int | None:
    """Find our comment: with this report's mark, and ours, since a stranger could copy the mark."""
    login = BOT
    with suppress(urllib.error.HTTPError):
        login = _api("GET", "/user")["login"]  # works for a person's token, not for a job's
    for page in range(1, PAGES + 1):
        found = _api("GET", f"{issue}?per_page=100&page={page}")
        for each in found:
            by = (each.get("user") or {}).get("login")  # no user: the account was deleted
            if by == login and str(each["body"]).startswith(mark):
                return int(each["id"])
        if len(found) < 100:
            break
    return None


def commit(how: str, branch: str) -> None:
    """Commit verdicts/; push it to the branch, or open a pull request to the branch."""
    if not branch or branch.startswith("-"):
        raise JobError("there is no branch of this repository to push the verdicts to.")
    head = git("symbolic-ref", "--quiet", "--short", "HEAD", may_fail=True)
    if head != branch:
        raise JobError(
            f"the branch {branch!r} is not checked out. Give actions/checkout "
            "'ref: ${{ github.head_ref || github.ref_name }}'."
        )
    commit_folder(FOLDER, "Freeze the panel's verdicts on what has changed", (BOT, BOT_MAIL))
    if how == "push":
        push_onto(branch, (BOT, BOT_MAIL), _credentials())
        return
    target = f"reviewer-panel/verdicts-{branch}"
    git("push", "--force", "origin", f"HEAD:refs/heads/{target}", added=_credentials())
    _open_pull_request(target, branch)


def _credentials() -> dict[str, str]:
    """Return git's settings to push with the job's token, whatever the checkout has kept.

    In the environment, where no list of processes shows them. An empty header takes back one
    that actions/checkout has left: GitHub refuses two.
    """
    server, token = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_TOKEN")
    if not server or not token:
        return {}
    word = b64encode(f"x-access-token:{token}".encode()).decode()
    before = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    settings = {"GIT_CONFIG_COUNT": str(before + 2), "GIT_TERMINAL_PROMPT": "0"}
    for number, header in enumerate(("", f"AUTHORIZATION: basic {word}"), before):
        settings[f"GIT_CONFIG_KEY_{number}"] = f"http.{server}/.extraheader"
        settings[f"GIT_CONFIG_VALUE_{number}"] = header
    return settings


def _open_pull_request(head: str, base: str) -> None:
    fields = {
        "title": f"New verdicts of the reviewer panel for {base}",
        "head": head,
        "base": base,
        "body": "The panel has answered what changed. The job's summary says what differs.",
    }
    try:
        _api("POST", f"/repos/{_repository()}/pulls", fields)
    except urllib.error.HTTPError as error:
        if error.code != 422:  # it is open already
            raise JobError(
                f"GitHub did not open the pull request (HTTP {error.code}): the job needs "
                "'permissions: contents: write, pull-requests: write', and the repository's "
                "settings must allow Actions to open pull requests."
            ) from None
    except OSError as error:
        raise _unreachable(error) from None


def _unreachable(error: OSError) -> JobError:
    why = getattr(error, "reason", error)  # urllib wraps what the system said
    return JobError(f"GitHub cannot be reached: {getattr(why, 'strerror', None) or why}.")


def _api(method: str, path: str, fields: dict[str, Any] | None = None) -> Any:
    base = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    request = urllib.request.Request(  # noqa: S310 - the runner's own address
        base + path,
        None if fields is None else json.dumps(fields).encode(),
        {
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Content-Type": "application/json",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer)


def _repository() -> str:
    name = os.environ["GITHUB_REPOSITORY"]
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise JobError(f"GITHUB_REPOSITORY: {name!r} is not of the form owner/name.")
    return name


def _output(name: str, value: str) -> None:
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"{name}={one_line(value)}\n")


def _notice(text: str) -> None:
    print(f"::notice::{one_line(text)}")  # noqa: T201 - a command to the runner


def _error(text: str) -> None:
    print(f"::error::{one_line(text)}")  # noqa: T201 - a command to the runner
