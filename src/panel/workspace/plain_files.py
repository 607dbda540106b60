"""Reads the plain files that people write: bounded in size, never waiting, none from outside."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import NoReturn

from panel.errors import WorkspaceError
from panel.workspace.merges import RESOLVE, refuse_merge

STDIN = Path("/dev/stdin")  # what "-" stands for where a command reads a file
LARGEST = 64 * 1024 * 1024  # bytes of a file; a table may hold a whole catalog


def most_text(packed: int) -> int:
    """Return how many bytes of text a workbook or a Parquet file of so many bytes may hold.

    A text that is written once in it may stand in very many rows.
    """
    return min(LARGEST, 1024**2 + 256 * packed)


def inside(folder: Path, file: Path) -> bool:
    """Whether a file lies in a folder, after links in both paths are followed.

    Not where a link cannot be followed: one to itself, or to a path that is too long to be told
    and can be opened all the same.
    """
    try:
        return _followed(file).is_relative_to(_followed(folder))
    except OSError:
        return False


def _followed(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path, strict=True))
    except (FileNotFoundError, NotADirectoryError):
        return Path(os.path.realpath(path))


def refuse_outside(folder: Path, file: Path) -> None:
    """Raise WorkspaceError for a link that leads out of its folder."""
    if not inside(folder, file):
        raise WorkspaceError.single(
            file, None, "", "leads out of its folder", "Put the file itself there."
        )


def not_utf8(path: Path | str) -> bool:
    """Whether a path holds bytes that are not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return True
    return False


def home_of(root: Path) -> Path:
    """Return the folder whose owner answers for a workspace: its repository, or itself."""
    root = root.resolve()
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), root)


def refuse_astray(root: Path, folder: Path) -> None:
    """Raise WorkspaceError where links make a folder of the workspace ``root`` another one's.

    A link in its place may lead to a folder of the repository that has its name in its own, such as
    ``tools -> ../shared/tools``. Any other could be whatever the repository's owner keeps there:
    git's own files, keys, the whole of it.
    """
    home = home_of(root)
    refuse_outside(home, folder)
    here, place = _followed(root), _followed(folder)
    if place == Path(os.path.normpath(here / os.path.relpath(folder, root))):
        return
    alike = folder.name.casefold() in place.name.casefold()
    if not alike or here.is_relative_to(place) or _is_hidden(place, home):
        what = f"is a link, and leads to no folder that has {folder.name!r} in its name"
        raise WorkspaceError.single(folder, None, "", what, "Put the folder itself there.")


def refuse_link_on_the_way(path: Path) -> None:
    """Raise WorkspaceError where a path goes through a link of a repository or a workspace.

    For what is written to, or shown to everybody, under a name that somebody gave: who commits a
    link says where that is. A link that stands elsewhere was made by whoever uses it.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - follows no link, as resolve() does
    for each in (*reversed(place.parents), place):
        if each.is_symlink() and _is_somebodys(each.parent):
            raise WorkspaceError.single(
                each, None, "", "is a link", "Name the place that it leads to, or remove it."
            )


def _is_somebodys(folder: Path) -> bool:
    """Whether a folder is in a repository or a workspace."""
    folder = folder.resolve()
    return any(
        (each / mark).exists()
        for each in (folder, *folder.parents)
        for mark in (".git", "panel.toml")
    )


def refuse_link(file: Path) -> None:
    """Raise WorkspaceError for a link to a place outside the folder that the link stands in.

    Nor may it lead to a hidden file, such as a ``.env``.
    """
    if file.is_symlink():
        refuse_outside(file.parent, file)
        if _is_hidden(_followed(file), _followed(file.parent)):
            raise WorkspaceError.single(
                file, None, "", "leads to a hidden file", "Put the file itself there."
            )


def _is_hidden(place: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in place.relative_to(folder).parts)


def refuse_odd(folder: Path) -> None:
    """Raise WorkspaceError where an entry of a folder is not of use to a program.

    That is a link, a pipe or a device, and a name that is not UTF-8. A link may lead out of the
    folder, and give one of its files, a journal, to whoever writes another.
    """
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                refuse_outside(folder, Path(entry))
                what = ("is a link", "Put the file itself there.")
                raise WorkspaceError.single(Path(entry), None, "", *what)
            if not (entry.is_file() or entry.is_dir() or entry.is_symlink()):
                _refuse_special(Path(entry))
            if not_utf8(entry.name):
                what = ("has a name that is not UTF-8", "Rename it.")
                raise WorkspaceError.single(Path(entry), None, "", *what)


def read_bytes(file: Path) -> bytes:
    """Read a plain file that people wrote.

    Raises WorkspaceError: a link that leads out of its folder, a pipe or a device (which may
    never end), more than LARGEST bytes, or no right to read it. STDIN may be a pipe.
    """
    if file != STDIN:
        refuse_link(file)
    try:
        with _open_without_waiting(file) as handle:
            if file == STDIN:
                os.set_blocking(handle.fileno(), True)
            elif not _is_plain(handle):
                _refuse_special(file)
            raw = handle.read(LARGEST + 1)
    except OSError as error:
        raise WorkspaceError.single(
            file, None, "", f"cannot be read: {error.strerror}", "Check path and rights."
        ) from None
    if len(raw) > LARGEST:
        raise WorkspaceError.single(
            file, None, "", f"is larger than {LARGEST // 1024**2} MiB", "Split it."
        )
    return raw


def open_plain(file: Path | str) -> BufferedReader:
    """Open a plain file of any size; raises OSError, and at once for a pipe or a device."""
    handle = _open_without_waiting(file)
    if not _is_plain(handle):
        handle.close()
        raise OSError(errno.EINVAL, "it is not a plain file", str(file))
    return handle


def _refuse_special(file: Path) -> NoReturn:
    what = ("is not a plain file", "Put a file there, or remove it.")
    raise WorkspaceError.single(file, None, "", *what)


def _open_without_waiting(file: Path | str) -> BufferedReader:
    more = getattr(os, "O_NONBLOCK", 0)  # a pipe waits for its writer
    return open(file, "rb", opener=lambda path, flags: os.open(path, flags | more))


def _is_plain(handle: BufferedReader) -> bool:
    return stat.S_ISREG(os.fstat(handle.fileno()).st_mode)


def read_text(file: Path, resolve: str = RESOLVE) -> str:
    """Read a UTF-8 file.

    Raises WorkspaceError as read_bytes does, for a byte that is not UTF-8, and for the lines of a
    merge that is not resolved, with ``resolve`` as its remedy.
    """
    return decode_text(read_bytes(file), file, resolve)


def decode_text(raw: bytes, file: Path, resolve: str = RESOLVE) -> str:
    """Return what a file of these bytes says; raises WorkspaceError as read_text does."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8"
        remedy = "Save the file as UTF-8."
        raise WorkspaceError.single(file, line, "", message, remedy) from None
    refuse_merge(text, file, resolve)
    return text


def write_fresh(file: Path, content: bytes) -> None:
    """Write a file that is made here, and not the target of a link of its name; raises OSError.

    The names of files that are about to be put in place can be known beforehand, and whoever made
    the folder may have left links there.
    """
    file.unlink(missing_ok=True)
    with file.open("xb") as handle:
        handle.write(content)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
