"""Tells which files have changed since they were last looked at, without reading all of them."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RECENT = 2.0  # seconds in which a file may change twice at what its times call one moment

Marks = Mapping[str, object]  # by path: a mark that is another object after each change


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was: its inode, size and times, and its content while those may not tell."""

    about: tuple[int, ...]
    content: str | None
    mark: object


class Watched:
    """Files, and those in folders below ``root``, with a mark for each that lasts until it changes.

    A file counts as unchanged while its inode, size and times are. One that was changed within
    the last two seconds is read as well, since a second change may leave all of those alike.
    """

    def __init__(self, root: Path, parts: Sequence[str]) -> None:
        self._tops = [str(root / part) for part in parts]
        self._seen: dict[str, _Seen] = {}

    def look(self) -> Marks:
        """Return the mark of every file that is there now."""
        seen: dict[str, _Seen] = {}
        for file in self._files():
            try:
                found = os.stat(file)  # noqa: PTH116 - thousands of files at every look
            except OSError:
                continue
            about = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            plain = stat.S_ISREG(found.st_mode)  # of others nothing is read: a pipe may never end
            recent = plain and time.time() - found.st_ctime < RECENT
            seen[file] = _look(file, about, recent, self._seen.get(file))
        self._seen = seen
        return {file: each.mark for file, each in seen.items()}

    def _files(self) -> Iterator[str]:
        for top in self._tops:
            walked = [
                os.path.join(folder, name)  # noqa: PTH118
                for folder, _, names in os.walk(top)
                for name in names
            ]
            yield from walked or [top]


def _look(file: str, about: tuple[int, ...], recent: bool, before: _Seen | None) -> _Seen:
    same = before is not None and before.about == about
    if before is not None and same and before.content is None:
        return before
    content = _content(file) if recent or same else None
    if before is not None and same and before.content == content:
        return _Seen(about, content if recent else None, before.mark)
    return _Seen(about, content if recent else None, object())


def _content(file: str) -> str:
    try:
        with Path(file).open("rb") as handle:
            return hashlib.file_digest(handle, "blake2b").hexdigest()
    except OSError as error:
        return f"unreadable: {error.errno}"
