"""What the files of a workspace were at a git revision.

Blobs are read, so hooks and attributes of the repository (export-ignore, filters) have no effect.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from panel.errors import UsageError, WorkspaceError
from panel.workspace.git import PARTS, commit_at, run_git, said, words
from panel.workspace.plain_files import LARGEST, read_bytes

Files = dict[str, str]
_PLAIN_FILES = (b"100644", b"100755")
MOST_BYTES = 4 * 1024**3  # of all files of a revision, which are written to a temporary folder
MOST_FILES = 200_000


@contextmanager
def workspace_at(root: Path, revision: str) -> Iterator[Path]:
    """Write the files that people wrote, as of a revision, into a temporary folder; yield it.

    Raises UsageError where git is not installed, ``root`` is not in a repository, or the
    revision is unknown (a shallow clone has only the newest).
    """
    commit = commit_at(root, revision)
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        target = Path(folder)
        _write_blobs(root, commit, target)
        yield target


def _write_blobs(root: Path, commit: str, target: Path) -> None:
    for path, content in _contents(root, commit, _listed(root, commit, PARTS)):
        parts = PurePosixPath(path).parts
        if ".." not in parts and not path.startswith("/"):
            file = target.joinpath(*parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def _listed(root: Path, commit: str, parts: Sequence[str], all_plain: bool = False) -> Files:
    """Return the id of each plain file's content below these paths, by the file's path.

    all_plain: raise UsageError where anything else is there, such as a link or a repository.
    """
    listed = run_git(root, "ls-tree", "-r", "-z", commit, "--", *parts, most=LARGEST)
    if listed.returncode:
        raise UsageError(f"git cannot list {commit}: {said(listed)}.")
    if len(listed.stdout) > LARGEST or listed.stdout.count(b"\0") > MOST_FILES:
        most = f"{MOST_FILES:,} files below {', '.join(parts)}, or very long names"
        raise UsageError(f"{commit} has more than {most}. Name another revision.")
    files: Files = {}
    for entry in listed.stdout.split(b"\0"):
        if entry:
            kinds, name = entry.split(b"\t", 1)
            mode, _kind, blob = kinds.split()
            path = name.decode("utf-8", "surrogateescape")
            if mode in _PLAIN_FILES:  # no links: they may lead anywhere
                files[path] = blob.decode()
            elif all_plain:
                raise UsageError(
                    f"{path!r} of {commit} is a link or another repository, so what was in it is "
                    "not known. Name a revision before that."
                )
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
            why = words(told) or "it is not here, as in a partial clone. Fetch it first"
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
    told = run_git(root, "cat-file", how, sent=names.encode())
    if told.returncode:
        raise UsageError(f"git cannot read {commit}: {said(told)}.")
    return told


def changed_contents(
    root: Path, commit: str, part: str, folder: Path | None
) -> dict[str, bytes | None]:
    """Return what each .json of ``part`` of the workspace was at a commit, by the file's name.

    None: the same as in ``folder``, byte for byte; only the others are read from git. Files in
    folders further down are left out. Raises UsageError as workspace_at does, and for a link, which
    the files as they are now would be compared with nothing for.
    """
    there = {
        path.rpartition("/")[2]: blob
        for path, blob in _listed(root, commit, [part], all_plain=True).items()
        if path.rpartition("/")[0] == part and PurePosixPath(path).suffix == ".json"
    }
    same = {name for name, blob in there.items() if folder and _has_id(folder / name, blob)}
    others = {f"{part}/{name}": blob for name, blob in there.items() if name not in same}
    read = {path.rpartition("/")[2]: text for path, text in _contents(root, commit, others)}
    return {name: read.get(name) for name in there}


def _has_id(file: Path, blob: str) -> bool:
    """Whether git would give a file's content, unfiltered, this id."""
    try:
        content = read_bytes(file)
    except WorkspaceError:
        return False
    method = hashlib.sha1 if len(blob) == 40 else hashlib.sha256  # as the repository has chosen
    return method(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == blob
