"""Calls git: which commits there are, what differs between them, who works here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from panel.errors import UsageError
from panel.workspace.plain_files import home_of

VERDICTS = "verdicts"
FOLDERS = ("personas", "prompts", "tools", VERDICTS)
PARTS = ("panel.toml", *FOLDERS)
# What people write: all that a site is made of, but the verdicts.
WRITTEN = ("panel.toml", "personas", "prompts", "tools", "editorial", "media")


def commit_of(root: Path, revision: str) -> str | None:
    """Return the full id of a commit; None where git has none: ``why_unknown`` says why."""
    return _resolve(root, revision)[0]


def _resolve(root: Path, revision: str) -> tuple[str | None, str]:
    """Return a commit's id; or None, and what git said if more than the revision is wrong."""
    if revision.startswith("-") or "\0" in revision or shutil.which("git") is None:
        return None, ""
    # Of a revision that it only does not know, git says nothing when asked quietly.
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    found = run_git(root, *asked)
    if found.returncode:
        return None, words(found)
    return found.stdout.decode().strip(), ""


def why_unknown(root: Path, revision: str) -> str:
    """Say why there is no such commit, in git's own words where it gives a reason."""
    if shutil.which("git") is None:
        return "git is not installed, so no revision can be read. Install git."
    said = _resolve(root, revision)[1]
    if said:
        return f"git cannot read {revision!r}: {said}."
    named = run_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision)
    lost = named.stdout.decode().strip()
    if len(lost.split()) == 1 and run_git(root, "cat-file", "-e", lost).returncode:
        return (
            f"git does not have {lost}, which {revision!r} names: the repository is damaged or "
            "incomplete. 'git fsck' says more; fetch it again."
        )
    if run_git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        return (
            f"there is no revision {revision!r} in this clone, which is shallow. Fetch the rest: "
            "'git fetch --unshallow', or in CI a checkout with 'fetch-depth: 0'."
        )
    return (
        f"there is no revision {revision!r} here. In CI, fetch it first: a checkout with "
        "'fetch-depth: 0' has all revisions."
    )


def user_name(root: Path) -> str | None:
    """Return git's user.name; None where git is not installed or has none.

    Raises UsageError where git cannot read its settings.
    """
    if shutil.which("git") is None:
        return None
    found = run_git(root, "config", "--get", "user.name")
    if found.returncode > 1:  # 1: there is none
        raise UsageError(f"git cannot say who you are: {said(found)}.")
    return found.stdout.decode("utf-8", "replace").strip() or None


def commit_at(root: Path, revision: str) -> str:
    """Return the full id of a commit; raises UsageError where git has none."""
    commit = commit_of(root, revision)
    if commit is None:
        raise UsageError(why_unknown(root, revision))
    return commit


def changed_files(root: Path, base: str, head: str | None) -> list[tuple[str, int, int]]:
    """Return (file, lines added, lines removed) between two revisions.

    head: None for the files as they are now, those that git does not track yet included; not
    those that it ignores. Only what people write is compared. Binary files count 0 lines; line
    ends do not count. Raises UsageError as workspace_at does.
    """
    revisions = [commit_at(root, revision) for revision in (base, head) if revision is not None]
    asked = (
        "diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv",
        "--ignore-cr-at-eol", "--relative", *revisions, "--", *WRITTEN,
    )  # fmt: skip
    if head is None:
        with _index_of_all(root, WRITTEN) as index:
            told = _compared(run_git(root, *asked, index=index))
    else:
        told = _compared(run_git(root, *asked))
    rows = []
    for row in told.stdout.decode("utf-8", "replace").split("\0"):
        if row:
            added, removed, file = row.split("\t", 2)
            plus, minus = (0 if many == "-" else int(many) for many in (added, removed))
            rows.append((file, plus, minus))
    return rows


@contextmanager
def _index_of_all(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Copy the index, and enter into the copy what git does not track yet, without its content."""
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        index = Path(folder) / "index"
        own = root / run_git(root, "rev-parse", "--git-path", "index").stdout.decode().strip()
        if own.is_file():
            shutil.copyfile(own, index)
        there = [part for part in parts if (root / part).exists()]
        run_git(root, "add", "--intent-to-add", "--", *there, index=index)
        yield index


_HUNK = re.compile(rb"@@ -\S+ \+(\d+)")


def changed_lines(root: Path, base: str, head: str | None, folder: str) -> dict[str, int]:
    """Return the first line that differs of each file of a folder, as in ``head``, by its path.

    head: None for the files as they are now; binary files are left out. Raises UsageError as
    workspace_at does.
    """
    revisions = [commit_at(root, revision) for revision in (base, head) if revision is not None]
    told = _compared(run_git(
        root, "-c", "core.quotePath=false", "diff", "--unified=0", "--no-color", "--no-renames",
        "--no-ext-diff", "--no-textconv", "--relative", "--src-prefix=a/", "--dst-prefix=b/",
        *revisions, "--", folder,
    ))  # fmt: skip
    lines: dict[str, int] = {}
    file: str | None = None
    for row in told.stdout.split(b"\n"):
        if row.startswith(b"diff --git "):
            file = None
        elif file is None and row.startswith(b"+++ b/"):
            file = row[6:].rstrip(b"\t").decode("utf-8", "surrogateescape")
        elif file is not None and file not in lines and (hunk := _HUNK.match(row)):
            lines[file] = max(1, int(hunk[1]))
    return lines


def folder_in_repository(root: Path) -> str:
    """Return the path of a folder from its repository's root, ending in "/"; "" at the root."""
    if shutil.which("git") is None:
        return ""
    return run_git(root, "rev-parse", "--show-prefix").stdout.decode().removesuffix("\n")


def tracked_in(folder: Path) -> set[Path]:
    """Return what git has in its index below a folder; nothing without git or a repository.

    Of a repository inside another one, that is its folder alone. Names are in small letters: a
    system may not tell them apart.
    """
    folder = folder.resolve()
    home = home_of(folder)  # a folder between may hold what a bare repository does; see below
    if shutil.which("git") is None or not (home / ".git").exists():
        return set()
    above = folder.relative_to(home)
    named = f":(literal,icase){above}"
    told = run_git(home, "-c", "safe.directory=*", "ls-files", "-z", "--", named)
    found = (Path(os.fsdecode(each).casefold()) for each in told.stdout.split(b"\0") if each)
    return {Path(*each.parts[len(above.parts) :]) for each in found}


# A repository that lies as files in a folder of another one comes with a clone, its configuration
# included, and git would start what that names (git-config(1), safe.bareRepository).
NO_STRANGERS = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false")
# Nor what a repository's own configuration may have git start for the commands that are used here.
_NO_PROGRAMS = (*NO_STRANGERS, "-c", f"core.hooksPath={os.devnull}")


def run_git(
    root: Path,
    *words: str,
    sent: bytes | None = None,
    index: Path | None = None,
    most: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git. index: the file that takes the place of the repository's own index.

    most: bytes of its output, of which one more is read at most; a few kilobytes of a repository
    stand for any number of files.
    """
    # Inside a hook, git's variables point at another index, or at an outer repository.
    environment = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    command = ["git", *_NO_PROGRAMS, "-C", str(root), *words]
    if most is None:
        return subprocess.run(
            command, input=sent, capture_output=True, check=False, env=environment
        )
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as git,
    ):
        assert git.stdout
        output = git.stdout.read(most + 1)
        if len(output) > most:
            git.kill()
        code = 0 if len(output) > most else git.wait()
        errors.seek(0)
        return subprocess.CompletedProcess(command, code, output, errors.read())


# `git rev-parse --local-env-vars`, except those that a caller may set on purpose (GIT_CONFIG...).
_LOCAL = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}


def _compared(told: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[bytes]:
    if told.returncode:  # a damaged repository, say: that is not "nothing differs"
        raise UsageError(f"git cannot compare: {said(told)}.")
    return told


def said(told: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said against a command, for the end of a sentence."""
    return words(told) or "no reason given"


def words(told: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said, on one line."""
    lines = told.stderr.decode("utf-8", "replace").splitlines()
    return "; ".join(line.strip() for line in lines if line.strip()).rstrip(".")
