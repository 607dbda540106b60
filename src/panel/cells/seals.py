"""Seals: each line of a journal ends with a hash of itself and of the line before it.

    {"kind":…,"line":7,"after":"<seal of line 6>","seal":"<hash of all before it>"}

The hash is blake2b-128 of the journal's name and of every byte of the line up to the hash. Line 1
comes after the hash of the name alone. So a changed line, and one of another journal, does not
hold its own seal; lines that were removed, moved or put in leave a line that does not follow
the one above it. The hash has no key: whoever can write a journal can compute all of it anew.
A seal that was kept elsewhere, a receipt, tells.

A line that holds its seal counts, wherever it stands: somebody may have paid for it. A line
without a seal counts only in a journal where no line has one, as older versions wrote them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from panel.hashing import DIGEST_BYTES

_TAIL = re.compile(rb',"line":([1-9]\d{0,17}),"after":"([0-9a-f]{32})","seal":"([0-9a-f]{32})"}\n')
_CLOSING = b'"}\n'
_UNCOVERED = 2 * DIGEST_BYTES + len(_CLOSING)  # the seal itself, and what closes the line
_LONGEST = 128  # bytes of the longest tail
_BLOCK = 1 << 16

CHANGED = "was changed, or is of another journal: its seal does not hold. It is left out"
UNSEALED = "has no seal, as every line here must. It is left out"


@dataclass(frozen=True, slots=True)
class Link:
    """What a line is in its chain: its number, from 1, and its seal (32 hex digits)."""

    number: int
    seal: str


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as it stands in a file.

    end: the byte after it. link: None for a line without a seal, or whose seal does not hold.
    fault: what is wrong with it or with its place; None where nothing is. counts: whether it
    is to be read.
    """

    raw: bytes
    end: int
    link: Link | None
    fault: str | None
    counts: bool


class Chain:
    """The chain of a journal, up to the line that was sealed or checked last.

    name: the journal's; its lines hold under no other. Use one for sealing or for checking.
    """

    def __init__(self, name: str) -> None:
        self._base = hashlib.blake2b(name.encode() + b"\n", digest_size=DIGEST_BYTES)
        self.last = self.furthest = Link(0, self._base.hexdigest())
        self.sealed = True  # whether any line has a seal; in an older journal none has
        self._damaged = 0  # lines in a row that do not count, up to here

    def seal(self, lines: bytes) -> tuple[bytes, Link]:
        """Return whole lines (JSON objects that are not empty) with seals, and the last link.

        They are part of the chain once that is put into ``furthest``.
        """
        link, sealed = self.furthest, []
        for line in lines.split(b"\n")[:-1]:
            number = link.number + 1
            body = b'%s,"line":%d,"after":"%s","seal":"' % (line[:-1], number, link.seal.encode())
            link = Link(number, self._hash(body))
            sealed += [body, link.seal.encode(), _CLOSING]
        return b"".join(sealed), link

    def _hash(self, body: bytes) -> str:
        made = self._base.copy()
        made.update(body)
        return made.hexdigest()

    def check(self, raw: bytes, end: int) -> RawLine:
        """Take the next line of a file (up to byte ``end``) into the chain, and judge it."""
        found = _tail(raw)
        if found is None:
            if not self.sealed:
                return RawLine(raw, end, None, None, counts=True)
            self._damaged += 1
            return RawLine(raw, end, None, UNSEALED, counts=False)
        link = Link(int(found[1]), found[3].decode())
        if self._hash(raw[:-_UNCOVERED]) != link.seal:
            self._damaged += 1
            return RawLine(raw, end, None, CHANGED, counts=False)
        fault = self._misplaced(link, found[2].decode())
        self.last, self.sealed, self._damaged = link, True, 0
        if link.number > self.furthest.number:
            self.furthest = link
        return RawLine(raw, end, link, fault, counts=True)

    def _misplaced(self, link: Link, after: str) -> str | None:
        """Say why a line is not where it was written; None where it is."""
        if after in (self.last.seal, self.furthest.seal):
            return None
        above = self.last.number
        if link.number <= above:
            return f"is line {link.number}, below line {above}: it was moved, or is there twice"
        missing = link.number - above - 1
        if missing > self._damaged:
            lines = "line is" if missing - self._damaged == 1 else "lines are"
            return f"is line {link.number}: {missing - self._damaged:,} {lines} missing above it"
        return None if missing else f"does not follow line {above} above it, which was exchanged"

    @classmethod
    def at(cls, handle: BinaryIO, name: str, offset: int = 0) -> Self:
        """Return the chain of a journal as it stands at a byte of its file."""
        chain = cls(name)
        chain._stand_at(handle, offset)
        return chain

    def _stand_at(self, handle: BinaryIO, offset: int) -> None:
        handle.seek(0)
        self.sealed = any(_tail(raw) for raw in handle)  # the first has one, unless it is damaged
        for raw in _lines_before(handle, offset) if self.sealed else ():
            found = _tail(raw)
            if found is not None and self._hash(raw[:-_UNCOVERED]) == found[3].decode():
                self.last = self.furthest = Link(int(found[1]), found[3].decode())
                break
            self._damaged += 1


def _tail(raw: bytes) -> re.Match[bytes] | None:
    start = raw.rfind(b',"line":', max(0, len(raw) - _LONGEST))
    return _TAIL.fullmatch(raw, start) if start >= 0 else None


def _lines_before(handle: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the whole lines up to a byte of a file, the last one first."""
    rest, size = b"", _BLOCK
    while end:
        start = max(0, end - size)
        handle.seek(start)
        pieces = (handle.read(end - start) + rest).split(b"\n")[:-1]
        if start and pieces:  # none where ``end`` is in the middle of a long line
            rest = pieces.pop(0) + b"\n"
        yield from (piece + b"\n" for piece in reversed(pieces))
        end, size = start, 2 * size


def raw_lines(handle: BinaryIO, chain: Chain, offset: int = 0) -> Iterator[RawLine]:
    """Yield the whole lines of a journal from a byte on; a torn last line is not among them.

    chain: as it stands at that byte.
    """
    handle.seek(offset)
    for raw in handle:
        if not raw.endswith(b"\n"):
            return
        offset += len(raw)
        yield chain.check(raw, offset)


def as_written(lines: Iterable[RawLine], above: int = 0) -> Iterator[RawLine]:
    """Yield lines in the order of their numbers, each once; above: the number before them."""
    for line in sorted(lines, key=lambda each: each.link.number if each.link else 0):
        if line.link is None:
            yield line
        elif line.link.number > above:
            above = line.link.number
            yield line


def line_at(handle: BinaryIO, end: int) -> int:
    """Return the number, from 1, of the line of a file that ends at a byte."""
    count = 0
    while end > 0 and (block := handle.read(min(end, _BLOCK))):
        count, end = count + block.count(b"\n"), end - len(block)
    return count
