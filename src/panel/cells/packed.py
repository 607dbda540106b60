"""Journals whose run has ended, compressed: ``attempts.jsonl.zst`` in place of ``attempts.jsonl``.

A journal goes by its plain name, whichever of the two is there; offsets and sizes are those of its
lines. Of both, as a kill may leave them, the plain one is read. The file is one that ``zstd -d``
reads: a skippable frame with the size, then frames of about a megabyte of whole lines each. They
stand for themselves, so damage to one leaves the others; which lines it took, their seals tell.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from panel.errors import JournalError
from panel.workspace.plain_files import sync_folder

ENDING = ".zst"
SMALLEST = 1 << 18  # bytes; below it a folder full of them gains little
_PART = 1 << 20  # bytes of lines in a frame: the next ones are found again behind a damaged one
DENSEST = 256  # bytes of lines that one byte of a file stands for at most; of ours, ten or so
_BLOCK = 1 << 17
_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPED = b"\x50\x2a\x4d\x18" + (12).to_bytes(4, "little")  # before the size and its checksum
_HEAD = len(_SKIPPED) + 12


@cache
def zstd_module() -> Any:
    """Return the standard library's module of Python 3.14, or its twin for older ones."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only where something is compressed
    else:
        from backports import zstd  # noqa: PLC0415
    return zstd


def packed(file: Path) -> Path:
    """Return where a journal is when it is compressed."""
    return file.with_name(file.name + ENDING)


def size_of(file: Path) -> int | None:
    """Return the size of a journal in bytes of its lines; None where there is none.

    Raises JournalError where it is there twice with more lines in one: a branch may have brought
    it, and what stands in the other one would not count.
    """
    plain = compressed = None
    with suppress(FileNotFoundError, NotADirectoryError):
        plain = file.stat().st_size
    with suppress(FileNotFoundError, NotADirectoryError):
        compressed = _packed_size(packed(file))
    if None not in (plain, compressed) and plain != compressed:
        raise JournalError(
            f"{file} is there twice, compressed as well, and the two differ. One of them may have "
            "come with a branch ('git log' tells): move that one to another place."
        )
    return compressed if plain is None else plain


def _packed_size(file: Path) -> int:
    with file.open("rb") as handle:
        head = handle.read(_HEAD)
    if head == _head(size := int.from_bytes(head[len(_SKIPPED) :][:8], "little")):
        return size
    with io.BufferedReader(_Unpacked(file), _BLOCK) as lines:  # the size itself is damaged
        return lines.seek(0, os.SEEK_END)


def _head(size: int) -> bytes:
    """Return what a compressed journal begins with."""
    said = size.to_bytes(8, "little")
    return _SKIPPED + said + zlib.crc32(said).to_bytes(4, "little")


def open_journal(file: Path) -> BinaryIO:
    """Open a journal for reading, compressed or not; raises OSError."""
    try:
        return file.open("rb")
    except FileNotFoundError:
        if not packed(file).exists():
            raise
    return io.BufferedReader(_Unpacked(packed(file)), _BLOCK)


class _Unpacked(io.RawIOBase):
    """The lines of a compressed journal, as a file that can be read from any byte on."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._restart()

    def _restart(self) -> None:
        self._frames, self._part, self._at, self._next = _frames(self._file), b"", 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while self._next >= len(self._part):
            if not self._advance():
                return 0
        many = min(len(buffer), len(self._part) - self._next)
        buffer[:many] = self._part[self._next : self._next + many]
        self._next += many
        return many

    def tell(self) -> int:
        return self._at + self._next

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the lines; what is before it is read again."""
        if whence == os.SEEK_END:
            while self._advance():
                pass
            offset += self._at + len(self._part)
        elif whence == os.SEEK_CUR:
            offset += self.tell()
        if offset < self._at:
            self._restart()
        while offset > self._at + len(self._part) and self._advance():
            pass
        self._next = min(offset - self._at, len(self._part))
        return self.tell()

    def _advance(self) -> bool:
        """Go to the beginning of the next part; returns whether there is one."""
        part = next(self._frames, None)
        if part is not None:
            self._at, self._next, self._part = self._at + len(self._part), 0, part
        return part is not None


def _frames(handle: BinaryIO) -> Iterator[bytes]:
    """Yield the content of each frame; of a damaged one what can be had, as lines.

    What would hold more than lines can be compressed to is none of ours, and damaged.
    """
    start, room = 0, 2 * _PART + DENSEST * os.fstat(handle.fileno()).st_size
    while (start := _next_frame(handle, start)) >= 0:
        content, start = _content(handle, start, room)
        room -= len(content)
        if content:
            yield content


def _next_frame(handle: BinaryIO, start: int) -> int:
    """Return where the next frame begins, from a byte of the file on; -1 where none does."""
    handle.seek(start)
    before = b""
    while block := handle.read(_BLOCK):
        found = (before + block).find(_MAGIC)
        if found >= 0:
            return start - len(before) + found
        start, before = start + len(block), block[-len(_MAGIC) + 1 :]
    return -1


def _content(handle: BinaryIO, start: int, room: int) -> tuple[bytes, int]:
    """Return what a frame holds, and the byte from which on the next one is to be looked for.

    Nothing where it would hold more than ``room`` bytes.
    """
    handle.seek(start)
    frame, parts = zstd_module().ZstdDecompressor(), list[bytes]()
    while not frame.eof:
        block = handle.read(_BLOCK) if frame.needs_input else b""
        if frame.needs_input and not block:
            break
        try:
            parts.append(frame.decompress(block, room + 1))
        except zstd_module().ZstdError:
            break
        room -= len(parts[-1])
        if room < 0:
            return b"", start + len(_MAGIC)
    content = b"".join(parts)
    if frame.eof:
        return content, handle.tell() - len(frame.unused_data)
    if content and not content.endswith(b"\n"):
        content += b"\n"  # or the next frame's first line would be lost with it
    return content, start + len(_MAGIC)


def pack(file: Path) -> bool:
    """Compress a journal that nobody writes any more; returns whether that was done.

    Whoever reads it meanwhile reads on in the file that is open. At any moment one of the two is
    there and whole: the plain one is removed when the other is on disk and has been read back.
    A compressed one that is there already and holds other lines is not written over. Raises
    OSError.
    """
    made = packed(file)
    if made.exists() and not _same(file, made):
        return False
    for left in made.parent.glob(f".{made.name}.*"):  # by one that was killed
        left.unlink(missing_ok=True)
    writing = made.with_name(f".{made.name}.{secrets.token_hex(4)}")
    size = file.stat().st_size
    with file.open("rb") as plain, writing.open("xb") as out:
        out.write(_head(size))
        for part in _parts(plain):
            out.write(zstd_module().compress(part, 3))
        out.flush()
        os.fsync(out.fileno())
    shutil.copystat(file, writing)
    if not _same(file, writing):
        writing.unlink()
        return False
    writing.replace(made)
    sync_folder(file.parent)
    file.unlink()
    sync_folder(file.parent)
    return True


def _parts(handle: BinaryIO) -> Iterator[bytes]:
    while part := handle.read(_PART):
        yield part + handle.readline()


def _same(plain: Path, written: Path) -> bool:
    """Whether a compressed journal holds all that the plain one holds now."""
    with plain.open("rb") as one, io.BufferedReader(_Unpacked(written), _PART) as other:
        while part := one.read(_PART):
            if other.read(len(part)) != part:
                return False
        return not other.read(1)
