"""Git revisions: writes the files of a workspace as they were into a folder of their own.

The only place that calls git. It reads blobs, so hooks and attributes of the repository
(export-ignore, filters) have no effect.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from panel.errors import UsageError
from panel.workspace.plain_files import LARGEST

PARTS = ("panel.toml", "personas", "prompts", "tools", "verdicts")
_PLAIN_FILES = (b"100644", b"100755")
MOST_BYTES = 4 * 1024**3  # of all files of a revision, which are written to a temporary folder


def commit_of(root: Path, revision: str) -> str | None:
    """Return the full id of a commit; None where git has none: ``why_unknown`` says why."""
    return _resolve(root, revision)[0]


def _resolve(root: Path, revision: str) -> tuple[str | None, str]:
    """Return a commit's id; or None, and what git said if more than the revision is wrong."""
    if revision.startswith("-") or "\0" in revision or shutil.which("git") is None:
        return None, ""
    # Of a revision that it only does not know, git says nothing when asked quietly.
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    found = _git(root, *asked)
    if found.returncode:
        return None, _words(found)
    return found.stdout.decode().strip(), ""


def why_unknown(root: Path, revision: str) -> str:
    """Say why there is no such commit, in git's own words where it gives a reason."""
    if shutil.which("git") is None:
        return "git is not installed, so no revision can be read. Install git."
    said = _resolve(root, revision)[1]
    if said:
        return f"git cannot read {revision!r}: {said}."
    named = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision)
    lost = named.stdout.decode().strip()
    if len(lost.split()) == 1 and _git(root, "cat-file", "-e", lost).returncode:
        return (
            f"git does not have {lost}, which {revision!r} names: the repository is damaged or "
            "incomplete. 'git fsck' says more; fetch it again."
        )
    if _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
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
    found = _git(root, "config", "--get", "user.name")
    if found.returncode > 1:  # 1: there is none
        raise UsageError(f"git cannot say who you are: {_said(found)}.")
    return found.stdout.decode("utf-8", "replace").strip() or None


@contextmanager
def workspace_at(root: Path, revision: str) -> Iterator[Path]:
    """Write the files that people wrote, as of a revision, into a temporary folder; yield it.

    Raises UsageError where git is not installed, ``root`` is not in a repository, or the
    revision is unknown (a shallow clone has only the newest).
    """
    commit = _commit(root, revision)
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        target = Path(folder)
        _write_blobs(root, commit, target)
        yield target


def _commit(root: Path, revision: str) -> str:
    commit = commit_of(root, revision)
    if commit is None:
        raise UsageError(why_unknown(root, revision))
    return commit


def changed_files(root: Path, base: str, head: str | None) -> list[tuple[str, int, int]]:
    """Return (file, lines added, lines removed) between two revisions.

    head: None for the files as they are now, those that git does not track yet included; not
    those that it ignores. Only tools, personas, prompts and panel.toml are compared. Binary
    files count 0 lines; line ends do not count. Raises UsageError as workspace_at does.
    """
    revisions = [_commit(root, revision) for revision in (base, head) if revision is not None]
    inputs = [part for part in PARTS if part != "verdicts"]
    asked = (
        "diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv",
        "--ignore-cr-at-eol", "--relative", *revisions, "--", *inputs,
    )  # fmt: skip
    if head is None:
        with _index_of_all(root, inputs) as index:
            told = _compared(_git(root, *asked, index=index))
    else:
        told = _compared(_git(root, *asked))
    rows = []
    for row in told.stdout.decode("utf-8", "replace").split("\0"):
        if row:
            added, removed, file = row.split("\t", 2)
            plus, minus = (0 if many == "-" else int(many) for many in (added, removed))
            rows.append((file, plus, minus))
    return rows


@contextmanager
def _index_of_all(root: Path, parts: list[str]) -> Iterator[Path]:
    """Copy the index, and enter into the copy what git does not track yet, without its content."""
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        index = Path(folder) / "index"
        own = root / _git(root, "rev-parse", "--git-path", "index").stdout.decode().strip()
        if own.is_file():
            shutil.copyfile(own, index)
        there = [part for part in parts if (root / part).exists()]
        _git(root, "add", "--intent-to-add", "--", *there, index=index)
        yield index


_HUNK = re.compile(rb"@@ -\S+ \+(\d+)")


def changed_lines(root: Path, base: str, head: str | None, folder: str) -> dict[str, int]:
    """Return the first line that differs of each file of a folder, as in ``head``, by its path.

    head: None for the files as they are now; binary files are left out. Raises UsageError as
    workspace_at does.
    """
    revisions = [_commit(root, revision) for revision in (base, head) if revision is not None]
    told = _compared(_git(
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
    return _git(root, "rev-parse", "--show-prefix").stdout.decode().removesuffix("\n")


# What a repository's own configuration may have git start for the commands that are used here.
_NO_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


def _git(
    root: Path, *words: str, sent: bytes | None = None, index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git. index: the file that takes the place of the repository's own index."""
    # Inside a hook, git's variables point at another index, or at an outer repository.
    environment = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    return subprocess.run(
        ["git", *_NO_PROGRAMS, "-C", str(root), *words],
        input=sent,
        capture_output=True,
        check=False,
        env=environment,
    )


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


def _write_blobs(root: Path, commit: str, target: Path) -> None:
    for path, content in _contents(root, commit, _listed(root, commit, PARTS)):
        parts = PurePosixPath(path).parts
        if ".." not in parts and not path.startswith("/"):
            file = target.joinpath(*parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def _listed(root: Path, commit: str, parts: Sequence[str]) -> dict[str, str]:
    """Return the id of each plain file's content below these paths, by the file's path."""
    listed = _git(root, "ls-tree", "-r", "-z", commit, "--", *parts)
    if listed.returncode:
        raise UsageError(f"git cannot list {commit}: {_said(listed)}.")
    files = {}
    for entry in listed.stdout.split(b"\0"):
        if entry:
            kinds, name = entry.split(b"\t", 1)
            mode, _kind, blob = kinds.split()
            if mode in _PLAIN_FILES:  # no links: they may lead anywhere
                files[name.decode("utf-8", "surrogateescape")] = blob.decode()
    return files


def _contents(root: Path, commit: str, files: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each of these files (path → id).

    git keeps gigabytes of one letter in kilobytes, so sizes are asked for first, and contents a
    part at a time.
    """
    sizes = _sizes(root, commit, files)
    part: dict[str, str] = {}
    length = 0
    for path, size in sizes.items():
        if part and length + size > LARGEST:
            yield from _part(root, commit, part, sizes)
            part, length = {}, 0
        part[path] = files[path]
        length += size
    yield from _part(root, commit, part, sizes)


def _sizes(root: Path, commit: str, files: Mapping[str, str]) -> dict[str, int]:
    told = _asked(root, commit, "--batch-check", files)
    sizes = {}
    for path, line in zip(files, told.stdout.split(b"\n"), strict=False):
        about = line.split()
        if len(about) != 3:  # "<id> missing", for example in a partial clone
            why = _words(told) or "it is not here, as in a partial clone. Fetch it first"
            raise UsageError(f"git cannot read {path!r} of {commit}: {why}.")
        sizes[path] = int(about[2])
        if sizes[path] > LARGEST:
            most = f"{LARGEST // 1024**2} MiB"
            raise UsageError(f"{path!r} of {commit} is larger than {most}. Name another revision.")
    if sum(sizes.values()) > MOST_BYTES:
        most = f"{MOST_BYTES // 1024**2:,} MiB"
        raise UsageError(f"the files of {commit} have more than {most}. Name another revision.")
    return sizes


def _part(
    root: Path, commit: str, files: Mapping[str, str], sizes: Mapping[str, int]
) -> Iterator[tuple[str, bytes]]:
    position, stream = 0, _asked(root, commit, "--batch", files).stdout
    for path in files:
        start = stream.index(b"\n", position) + 1
        position = start + sizes[path] + 1
        yield path, stream[start : position - 1]


def _asked(
    root: Path, commit: str, how: str, files: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    names = "".join(f"{blob}\n" for blob in files.values())
    told = _git(root, "cat-file", how, sent=names.encode())
    if told.returncode:
        raise UsageError(f"git cannot read {commit}: {_said(told)}.")
    return told


def changed_contents(
    root: Path, commit: str, part: str, folder: Path | None
) -> dict[str, bytes | None]:
    """Return what each file of ``part`` of the workspace was at a commit, by the file's name.

    None: the same as in ``folder``, byte for byte; only the others are read from git. Files in
    folders further down are left out. Raises UsageError as workspace_at does.
    """
    there = {
        path.rpartition("/")[2]: blob
        for path, blob in _listed(root, commit, [part]).items()
        if path.rpartition("/")[0] == part
    }
    same = {name for name, blob in there.items() if folder and _has_id(folder / name, blob)}
    others = {f"{part}/{name}": blob for name, blob in there.items() if name not in same}
    read = {path.rpartition("/")[2]: text for path, text in _contents(root, commit, others)}
    return {name: read.get(name) for name in there}


def _has_id(file: Path, blob: str) -> bool:
    """Whether git would give a file's content, unfiltered, this id."""
    try:
        content = file.read_bytes()
    except OSError:
        return False
    method = hashlib.sha1 if len(blob) == 40 else hashlib.sha256  # as the repository has chosen
    return method(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == blob


def _compared(told: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[bytes]:
    if told.returncode:  # a damaged repository, say: that is not "nothing differs"
        raise UsageError(f"git cannot compare: {_said(told)}.")
    return told


def _said(told: subprocess.CompletedProcess[bytes]) -> str:
    return _words(told) or "no reason given"


def _words(told: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said, on one line."""
    lines = told.stderr.decode("utf-8", "replace").splitlines()
    return "; ".join(line.strip() for line in lines if line.strip()).rstrip(".")
