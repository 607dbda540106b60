"""The folder a site is written to: which files are the site's own, and which must change.

A manifest names the files that this program has written. Everything else in the folder
belongs to somebody else, and is neither overwritten nor removed: nothing is published where one
of them has the name of a file of the site.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from panel.cells.vote_ids import is_vote_id
from panel.errors import UsageError, WorkspaceError
from panel.workspace.plain_files import not_utf8, open_plain, read_bytes, read_text, write_fresh
from panel.workspace.tools import is_slug

MANIFEST = ".panel-site.json"
FORMAT = 1
WRITING = ".panel-writing"  # ends the name of an incomplete file
# What a site's files are called. Whatever a list of files says, no other is ever removed.
ENDINGS = (
    *(".html", ".css", ".js", ".json", ".xml", ".txt", ".svg", ".png", ".webp", ".woff2"),
    "_redirects",
)


def digest_of(content: bytes) -> str:
    """Return the hash by which the manifest knows a file's content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


# Tool slug → the vote ids that its page may hold, where that is not the slug alone: first that of
# the tool, then those of pages that are not replaced yet.
VoteIds = Mapping[str, tuple[str, ...]]
MOST_IDS = 8  # of one page; each interrupted build may add one


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a folder: files of a site (path → hash of the content), and of which kind.

    drafts: whether they show drafts; a site that readers have is not. vote_ids: as below.
    """

    files: dict[str, str] = field(default_factory=dict)
    drafts: bool = False
    vote_ids: VoteIds = field(default_factory=dict)


def standing(out: Path) -> Standing:
    """Return what an earlier build wrote to a folder.

    Raises UsageError for a folder that holds something else, or a manifest that is not one.
    """
    if not out.exists():
        return Standing()
    if not out.is_dir():
        raise UsageError(f"{out} is a file. Name a folder for the site.")
    manifest = out / MANIFEST
    if not manifest.exists():
        if any(out.iterdir()):
            raise UsageError(
                f"{out} holds files, and no {MANIFEST} says that they are a site's. Name an empty "
                "folder, or a new one."
            )
        return Standing()
    try:
        record = json.loads(read_text(manifest))
        files = {str(path): str(digest) for path, digest in record["files"].items()}
        drafts = bool(record.get("drafts"))
    except (WorkspaceError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"{manifest} cannot be read as a site's list of files. Restore it, or name another "
            "folder."
        ) from None
    for path in files:
        if not (is_inside(path) and path.endswith(ENDINGS)):
            raise UsageError(
                f"{manifest} names {path!r}, which is no file of a site in this folder. Restore "
                "it, or name another folder."
            )
    refuse_linked(out, files)
    return Standing(files, drafts, _vote_ids(record))


def is_inside(path: str) -> bool:
    """Whether a path in a manifest can only name a file below its folder."""
    parts = PurePosixPath(path).parts
    plain = bool(parts) and not path.startswith("/") and "\\" not in path and "\0" not in path
    return plain and not not_utf8(path) and all(part not in (".", "..") for part in path.split("/"))


def refuse_linked(out: Path, paths: Iterable[str]) -> None:
    """Raise UsageError where a folder of these files is a link: they would be elsewhere."""
    folders = {parent for path in paths for parent in PurePosixPath(path).parents}
    for folder in sorted(folders - {PurePosixPath(".")}):
        if (out / folder).is_symlink():
            raise UsageError(
                f"{out / folder} is a link, so the site's files would be written and removed "
                "elsewhere. Put a folder there, or name another folder for the site."
            )


def published_address(out: Path) -> str | None:
    """Return the address that a site was published for; None for one without, or no site."""
    address = _record(out).get("base_url")
    return address if isinstance(address, str) else None


def published_vote_ids(out: Path) -> VoteIds:
    """Return the vote ids that the pages of a site may hold; none where nothing tells them."""
    return _vote_ids(_record(out))


def _record(out: Path) -> dict[str, Any]:
    """Return what the manifest of a folder says, which may be a stranger's."""
    try:
        record = json.loads(read_bytes(out / MANIFEST))
    except (WorkspaceError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _vote_ids(record: dict[str, Any]) -> VoteIds:
    told = record.get("vote_ids")
    return {
        slug: tuple(ids)
        for slug, ids in (told.items() if isinstance(told, dict) else ())
        if isinstance(ids, list) and 0 < len(ids) <= MOST_IDS and is_slug(slug)
        if all(isinstance(each, str) and is_vote_id(each) for each in ids)
    }


def vote_ids_meanwhile(ids: Mapping[str, str], before: Standing) -> VoteIds:
    """Return the vote ids of the pages that stand and of those that will be.

    ids: those of all tools, by slug.
    """
    found = {}
    for slug in sorted(ids.keys() | before.vote_ids.keys()):
        there = f"tools/{slug}.html" in before.files
        shown = before.vote_ids.get(slug, (slug,)) if there else ()
        own = (ids[slug],) if slug in ids else ()
        if (both := tuple(dict.fromkeys((*own, *shown)))[:MOST_IDS]) not in ((), (slug,)):
            found[slug] = both
    return found


def keep_manifest(out: Path, now: Standing, base_url: str | None = None) -> None:
    """Write the manifest, completely or not at all."""
    ids = {"vote_ids": now.vote_ids} if now.vote_ids else {}
    kind = {"format": FORMAT, "drafts": now.drafts, "base_url": base_url, **ids}
    record = {**kind, "files": dict(sorted(now.files.items()))}
    text = json.dumps(record, ensure_ascii=False, indent=0, separators=(",", ":"))
    write_if_changed(out / MANIFEST, (text + "\n").encode())


def is_plain(file: Path) -> bool:
    """Whether there is a file, and no link to one: what a link leads to is not the site's."""
    return file.is_file() and not file.is_symlink()


def differs(file: Path, content: bytes) -> bool:
    """Whether a file has another content, is a link, or is not there."""
    if not is_plain(file):
        return True
    try:
        with open_plain(file) as stream:
            return stream.read(len(content) + 1) != content
    except OSError:
        return True


def write_if_changed(file: Path, content: bytes) -> bool:
    """Write a file unless it has this content already; return whether it was written.

    A reader finds the old file or the new one, never an incomplete one.
    """
    if not differs(file, content):
        return False
    # Of this process alone: somebody else may publish to the same folder now.
    part = file.with_name(f".{digest_of(os.fsencode(file.name))[:16]}-{os.getpid()}{WRITING}")
    try:
        write_fresh(part, content)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_fresh(part, content)
    part.replace(file)
    return True


def remove(out: Path, paths: Iterable[str]) -> list[str]:
    """Remove files of the site and folders left empty; return the files that existed."""
    gone = []
    for path in paths:
        file = out / path
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            file.unlink()
            gone.append(path)
        for folder in file.parents:
            if folder == out:
                break
            try:
                folder.rmdir()
            except OSError:  # it is not empty
                break
    return gone


def sweep(out: Path, paths: Iterable[str]) -> None:
    """Remove incomplete files that an interrupted build left beside the site's files."""
    for folder in {(out / path).parent for path in paths} | {out}:
        for left in folder.glob(f".*{WRITING}"):
            left.unlink(missing_ok=True)
