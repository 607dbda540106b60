"""Writes and removes the files of ``verdicts/``: each whole, and one of each name."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path

from panel.errors import UsageError
from panel.text import composed
from panel.workspace.plain_files import read_bytes, write_fresh


def write_changed(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write the files (name → text) whose content is not there yet; returns their names.

    Each is put in place whole, and takes the place of one whose name is spelled otherwise. Raises
    UsageError where the folder takes no file.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.json.new"):  # of a freeze that was killed: git would take it
            left.unlink(missing_ok=True)
        spelled = _spelled_otherwise(folder)
        for name, text in texts.items():
            file = folder / name
            plain = file.is_file() and not file.is_symlink()
            # Line ends are git's affair, where it is set to change them.
            if not plain or read_bytes(file).replace(b"\r\n", b"\n") != text.encode():
                fresh = folder / f".{name}.new"
                write_fresh(fresh, text.encode())
                fresh.replace(file)
                written.append(name)
            for other in spelled.get(name, ()):
                # On macOS both names are those of one file.
                if not os.path.samestat(other.lstat(), file.lstat()):
                    other.unlink()
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}."
        ) from None
    return written


def remove_file(folder: Path, slug: str) -> None:
    """Remove the file of a tool, however its name is spelled; raises UsageError."""
    name = f"{slug}.json"
    if Path(name).name != name:
        return  # no file of this folder
    file = folder / name
    try:
        for each in [file] if file.exists() else _spelled_otherwise(folder).get(name, ()):
            each.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be removed: {error.strerror}.") from None


def _spelled_otherwise(folder: Path) -> dict[str, list[Path]]:
    """Return the files whose names are not in the one form, by that form (see text.composed)."""
    found: dict[str, list[Path]] = {}
    for file in folder.glob("*.json"):
        name = composed(file.name)
        if name != file.name:
            found.setdefault(name, []).append(file)
    return found
