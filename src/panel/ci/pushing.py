"""Gives verdicts back to a branch: commits a folder, and pushes it though others were faster."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from panel.workspace.git import NO_STRANGERS

ATTEMPTS = 5  # pushes that may come too late before the job gives up

Identity = tuple[str, str]  # name and mail address


class JobError(Exception):
    """What the job should fail with, in one sentence."""


def git(*words: str, may_fail: bool = False, added: Mapping[str, str] | None = None) -> str:
    """Run git here; return its stdout without spaces around it.

    added: to the environment. Raises JobError with git's own words unless it ``may_fail``.
    """
    environment = {**os.environ, **(added or {})}
    try:
        told = subprocess.run(
            ["git", *NO_STRANGERS, *words],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise JobError("git is not installed. Install git.") from None
    if told.returncode and not may_fail:
        raise JobError(f"git {words[0]}: {told.stderr.strip()}")
    return told.stdout.strip()


def commit_folder(folder: str, message: str, who: Identity) -> None:
    """Commit what a folder holds now, and nothing else that is changed or staged."""
    git("add", "--all", "--force", "--", folder)  # whatever a .gitignore of the branch says
    git("commit", "--quiet", "-m", message, "--", folder, added=_names(who))


def push_onto(branch: str, who: Identity, credentials: Mapping[str, str]) -> None:
    """Push the last commit to a branch of origin.

    Where others have pushed meanwhile, the commit is made anew on theirs, a few times at most.
    Raises JobError where they changed the same files, or the branch cannot be pushed to.
    """
    ours = git("rev-parse", "HEAD")
    tip, onto = ours, git("rev-parse", "HEAD~1")
    for _attempt in range(ATTEMPTS):
        try:
            git("push", "origin", f"{tip}:refs/heads/{branch}", added=credentials)
        except JobError:
            theirs = _fetched(branch, credentials)
            if theirs in (None, onto):  # nobody was faster: it is refused for another reason
                raise
            tip, onto = _made_anew(ours, str(theirs), branch, who), str(theirs)
        else:
            return
    raise JobError(
        f"git push: others pushed to {branch!r} first, {ATTEMPTS} times in a row. "
        "Run the job again."
    )


def _fetched(branch: str, credentials: Mapping[str, str]) -> str | None:
    """Fetch a branch; return its commit, None where it cannot be had."""
    try:
        words = ("fetch", "--quiet", "--no-tags", "origin", f"refs/heads/{branch}")
        git(*words, added=credentials)
    except JobError:
        return None
    return git("rev-parse", "FETCH_HEAD")


def _made_anew(ours: str, theirs: str, branch: str, who: Identity) -> str:
    """Return a commit with the changes of ``ours`` on top of ``theirs``.

    Whole files only: a verdict that both have changed is never merged line by line. The working
    tree and the index are left alone.
    """
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("read-tree", "-i", "-m", "--aggressive", f"{ours}~1", theirs, ours, added=index)
        both = git("ls-files", "--unmerged", "--full-name", added=index)
        if both:
            files = sorted({row.partition("\t")[2] for row in both.splitlines()})
            named = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
            raise JobError(
                f"git push: on {branch!r} others have meanwhile changed the same files ({named}). "
                "Run the job again on the branch as it is now."
            )
        tree = git("write-tree", added=index)
    message = git("log", "-1", "--format=%B", ours)
    return git("commit-tree", tree, "-p", theirs, "-m", message, added=_names(who))


def _names(who: Identity) -> dict[str, str]:
    roles = ("AUTHOR", "COMMITTER")
    return {f"GIT_{role}_{what}": text for role in roles
            for what, text in zip(("NAME", "EMAIL"), who, strict=True)}  # fmt: skip
