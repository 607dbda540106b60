"""Writes the files that editors change at the desk: whole or not at all, and never over others."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from panel.errors import PanelError, UsageError, WorkspaceError
from panel.hashing import text_hash
from panel.workspace.plain_files import read_bytes, refuse_astray
from panel.workspace.scaffold import make_runs

LOCK = ".writing"  # in runs/
ABSENT = "none"  # stands for the hash of a file that is not there


@dataclass(frozen=True, slots=True)
class FileAsRead:
    """A file of the workspace as an editor saw it. text: as on disk; None where there is none."""

    file: Path
    text: str | None

    @property
    def seen(self) -> str:
        """What a form carries, to tell whether the file is still the one that it showed."""
        return ABSENT if self.text is None else text_hash(self.text)


class ChangedMeanwhileError(PanelError):
    """A file is no longer the one that an editor saw. now: as it is."""

    def __init__(self, now: FileAsRead) -> None:
        self.now = now
        super().__init__(
            f"{now.file.name} has changed since you opened it. Nothing of yours has been written. "
            "Look at both, then save again."
        )


def read_file(root: Path, file: Path) -> FileAsRead:
    """Read a file of the workspace ``root``; raises WorkspaceError for one that cannot be edited.

    A folder that leads out of the repository is refused, as a link to a file elsewhere is.
    """
    refuse_astray(root, file.parent)
    if not os.path.lexists(file):
        return FileAsRead(file, None)
    raw = read_bytes(file)
    try:
        return FileAsRead(file, raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise WorkspaceError.single(
            file, None, "", "is not UTF-8", "Save the file as UTF-8."
        ) from None


def write_file(root: Path, file: Path, seen: str, text: str | None) -> None:
    """Replace a file that is still as it was ``seen``; makes one where none was, None removes it.

    Raises ChangedMeanwhileError, with nothing written, where it is another by now, UsageError
    where it is read-only, and OSError for a full disk.
    """
    make_runs(root / "runs")
    with FileLock(root / "runs" / LOCK, fallback_to_soft=False):
        now = read_file(root, file)
        if now.seen != seen:
            raise ChangedMeanwhileError(now)
        if now.text is not None and not file.stat().st_mode & 0o222:
            raise UsageError(f"{file} is read-only. Let it be written, then save again.")
        if text is None:
            file.unlink(missing_ok=True)
        else:
            _replace(file.resolve(), text)


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{secrets.token_hex(6)}.new")  # no tool: its name begins with a dot
    try:
        with fresh.open("xb") as handle:
            handle.write(text.encode())
            handle.flush()
            os.fsync(handle.fileno())
        if file.exists():
            shutil.copymode(file, fresh)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
