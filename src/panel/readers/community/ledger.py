"""Append-only files of JSON lines below ``community/``, private to their owner.

Any number of processes may read and append. Every append holds the file's lock, and a line
counts once it is on disk (fsync). A kill can leave at most the last line incomplete: readers
skip it, and the next writer removes it. Every line is sealed, as in a run's journal
(cells/seals.py); the first append to a file of older lines seals these.
"""

from __future__ import annotations

import os
import shlex
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from panel.cells.journal import encode, fields_of
from panel.cells.seals import Chain, RawLine, as_written, raw_lines
from panel.errors import JournalError, PanelError, UsageError
from panel.workspace.git import tracked_in
from panel.workspace.plain_files import refuse_odd, sync_folder

FOLDER = "community"


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter and that Git ignores.

    Raises WorkspaceError for one that has an odd entry.
    """
    refuse_odd(folder)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def refuse_tracked(folder: Path) -> None:
    """Raise UsageError where git has files of readers in its index: they came with a repository.

    Whoever changes that could vote, subscribe and sign in readers' names. Hidden files hold
    nothing that is read.
    """
    found = sorted(str(path) for path in tracked_in(folder) if not str(path).startswith("."))
    if found:
        place = folder / found[0]
        more = f" and {len(found) - 1:,} more files there" if len(found) > 1 else ""
        raise UsageError(
            f"git tracks {place}{more}, so all who change or have the repository can vote, "
            "subscribe and sign in readers' names. Run 'git rm -r -q --cached "
            f"{shlex.quote(str(folder))}', and delete what this machine did not write itself, and "
            "a secret that others have had."
        )


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and force it to disk; raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def ledgers(root: Path) -> list[Path]:
    """Return the files of lines that a workspace holds."""
    refuse_odd(root / FOLDER)
    return sorted((root / FOLDER).glob("*.jsonl"))


class Ledger:
    """One file of JSON lines, whose owner keeps its state in memory.

    ``replay`` is called once with every complete line, in the order in which they were
    written. ``restart`` is called first when the file was rewritten (an erasure). ``damaged``
    counts the lines that cannot be read. Safe for several threads; who reads waits for no writer.
    Raises WorkspaceError where the file's folder has an odd entry, UsageError where git tracks one.
    """

    def __init__(
        self, file: Path, replay: Callable[[dict[str, Any]], None], restart: Callable[[], None]
    ) -> None:
        refuse_odd(file.parent)
        refuse_tracked(file.parent)
        self.file = file
        self.damaged = 0
        self._replay, self._restart = replay, restart
        self._inode: int | None = None
        self._release: Callable[[], object] = int  # closes the file that ``_inode`` is of
        self._offset = 0
        self._chain = Chain(file.name)
        self._reading = threading.Lock()
        self._writing = threading.RLock()  # taken first, and held while others have the file's lock
        self._depth = 0

    @property
    def read(self) -> tuple[int | None, int]:
        """Which file was read, and how far: another once there is more of it."""
        return self._inode, self._offset

    def refresh(self) -> None:
        """Read what this or another process has appended since the last call."""
        with self._reading:
            try:
                handle = self.file.open("rb")
            except FileNotFoundError:
                return
            except OSError as error:
                raise self._unreadable(error) from None
            with handle:
                state = os.fstat(handle.fileno())
                if state.st_ino != self._inode or state.st_size < self._offset:
                    self._hold(handle.fileno(), state.st_ino)
                    self._offset = self.damaged = 0
                    self._chain = Chain.at(handle, self.file.name)
                    self._restart()
                if state.st_size > self._offset:
                    self._read(handle)

    def _hold(self, descriptor: int, inode: int) -> None:
        """Keep the file open that was read: its number would be given to a later one."""
        self._release()
        self._inode = inode
        self._release = weakref.finalize(self, os.close, os.dup(descriptor))

    def _read(self, handle: BinaryIO) -> None:
        """Replay what was added, line by line; all anew where lines are not in their order."""
        before = last = self._chain.furthest.number
        gaps = False
        for line in raw_lines(handle, self._chain, self._offset):
            number = line.link.number if line.link else last + 1
            if number > last:
                gaps = gaps or number > last + 1
                self._take(line)
                last = number if line.link else last
            elif gaps and number > before:  # it may be one that is missing above
                self._read_anew(handle)
                return
            self._offset = line.end

    def _read_anew(self, handle: BinaryIO) -> None:
        """Replay the whole file in the order in which it was written, which takes more memory."""
        self.damaged = 0
        self._chain = Chain.at(handle, self.file.name)
        self._restart()
        for line in as_written(raw_lines(handle, self._chain)):
            self._take(line)
            self._offset = max(self._offset, line.end)

    def _take(self, line: RawLine) -> None:
        fields = fields_of(line)
        try:
            if fields is None:
                raise ValueError("is not as it was written")
            self._replay(fields)
        except (ValueError, TypeError, AttributeError, KeyError, PanelError):
            self.damaged += 1  # or not in the form that is written here

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's lock, with everything that others wrote read in."""
        with self._writing:
            if self._depth:  # this thread holds it already
                yield
                return
            # Beside the file, not the file itself: that one may be replaced by a new one.
            lock = self.file.with_name(f".{self.file.name}.lock")
            with writing_to(self.file):
                private_folder(self.file.parent)
                held = FileLock(lock, mode=0o600, fallback_to_soft=False).acquire()
            with held:
                self._depth += 1
                try:
                    self.refresh()
                    yield
                finally:
                    self._depth -= 1

    def append(self, *lines: Mapping[str, Any], durable: bool = True) -> None:
        """Write lines, force them to disk if ``durable``, and replay them; raises JournalError."""
        with self.writing():
            if self._offset and not self._chain.sealed:  # as older versions wrote it
                self.rewrite(lambda line: line)
            content, _last = self._chain.seal(b"".join(map(encode, lines)))
            with writing_to(self.file):
                descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    self._append(descriptor, content, durable)
                finally:
                    os.close(descriptor)
            self.refresh()

    def _append(self, descriptor: int, content: bytes, durable: bool) -> None:
        end = _whole_end(descriptor)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            self.refresh()  # a reader may have seen what is taken back
            raise
        if durable and end == 0:
            sync_folder(self.file.parent)  # a new file's name is on disk only once its folder is

    def rewrite(self, keep: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Rewrite the file with each line as ``keep`` returns it; None removes the line.

        For erasing what must not be kept any longer. The old file stays until the new one
        is complete and on disk. Raises JournalError.
        """
        with self.writing(), writing_to(self.file):
            with self.file.open("rb") as old:
                chain = Chain.at(old, self.file.name)
                found = map(fields_of, as_written(raw_lines(old, chain)))
                # Of an incomplete or damaged line the content is unknown.
                kept = [keep(line) for line in found if line is not None]
            lines = b"".join(encode(line) for line in kept if line is not None)
            content, _last = Chain(self.file.name).seal(lines)
            fresh = self.file.with_name(f".{self.file.name}.new")
            fresh.unlink(missing_ok=True)
            try:
                write_private(fresh, content)
                fresh.replace(self.file)
            except OSError:
                fresh.unlink(missing_ok=True)  # it may hold what is to be erased next
                raise
            sync_folder(self.file.parent)
            self.refresh()

    def _unreadable(self, error: OSError) -> JournalError:
        return JournalError(f"cannot read {self.file}: {error.strerror}. Fix its rights.")


def _whole_end(descriptor: int) -> int:
    """Cut off an incomplete last line; return the remaining size in bytes."""
    end = os.fstat(descriptor).st_size
    start, whole = end, 0
    while start > 0:
        size = min(65536, start)
        start -= size
        found = os.pread(descriptor, size, start).rfind(b"\n")
        if found >= 0:
            whole = start + found + 1
            break
    if whole != end:
        os.ftruncate(descriptor, whole)
    return whole


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Do something to the disk; raises JournalError where it is full or read-only."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot write {place}: {error.strerror}. Free some space or fix the rights; "
            "everything written so far is kept."
        ) from None
