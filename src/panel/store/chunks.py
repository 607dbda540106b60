"""Journals, read some thousand lines at a time, checked and made into rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from panel.cells.journal import JournalFile, JournalLine, name_of, parsed, run_of
from panel.cells.packed import open_journal, size_of
from panel.cells.seals import Chain, RawLine, raw_lines
from panel.errors import StoreError
from panel.store.checked import checked
from panel.store.rows import JOURNAL_KINDS, Row, row_of

CHUNK = 2000  # lines: a statement costs as much as a few hundred
CHUNK_BYTES = 2_000_000  # of them, for the sake of memory; a database that is made may take more
MAKING_BYTES = 4 * CHUNK_BYTES
BATCH = 100  # chunks to one transaction, for whose end others wait: a few seconds
Place = tuple[int, int]  # how many bytes of a journal were read, how many lines were left out
T = TypeVar("T")


@dataclass(slots=True)
class Chunk:
    """Lines that go into the database together, of one journal or of several.

    files: rows of journal.files: how far each is read then. finished: journals read to their end;
    end: the byte reached in the one after those. faults: what is wrong with lines, by journal.
    size: bytes of its lines.
    """

    by_kind: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    files: list[Row] = field(default_factory=list)
    lines: int = 0
    unreadable: int = 0
    finished: int = 0
    end: int = 0
    size: int = 0
    faults: dict[Path, list[JournalLine]] = field(default_factory=lambda: defaultdict(list))

    def take(self, line: RawLine, journal: JournalFile, leave_out: bool) -> bool:
        """Take in a line; returns whether it goes into the database.

        leave_out: it does not, whatever it is.
        """
        self.end, self.size = line.end, self.size + len(line.raw)
        if not leave_out and (found := checked(line, run_of(journal.run_id))) is not None:
            kind, row = found
            self.by_kind[kind].append(row)
            self.lines += 1
            return True
        read = parsed(line, journal.file)
        fault, counts = read.fault is not None, False
        if read.fields is not None and not leave_out:
            counts = self._add({**read.fields, "run_id": run_of(journal.run_id), "seal": read.seal})
        if fault or not counts:
            self.faults[journal.file].append(read)
        self.lines, self.unreadable = self.lines + counts, self.unreadable + (not counts)
        return counts

    def _add(self, line: Row) -> bool:
        kind = str(line.get("kind"))
        try:
            self.by_kind[kind].append(row_of(kind, line) if kind in JOURNAL_KINDS else line)
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        return True


@dataclass(slots=True)
class Pace:
    """How much goes into a transaction: all it may, until a line of it fits no table.

    Then it is closed in on, a chunk to a transaction, until it stands alone and is left out.
    size: bytes to a chunk. chunks, many: to a transaction, lines to a chunk. careful: lines may be
    there already.
    """

    size: int
    chunks: int = field(default_factory=lambda: BATCH)
    many: int = field(default_factory=lambda: CHUNK)
    careful: bool = False
    leave_out: bool = False
    _left: int = 0  # chunks until all is taken for well again

    def slow_down(self) -> None:
        """Go on in smaller steps: a line fits no table."""
        if self.careful:
            self.many, self.leave_out = max(1, self.many // 8), self.many == 1
        self.chunks, self.careful, self._left = 1, True, BATCH

    def go_on(self, chunks: int) -> None:
        """Go on in larger steps: so many chunks are in the database."""
        self.many, self.leave_out = min(CHUNK, self.many * 8), False
        self._left -= chunks
        if self._left <= 0:
            self.chunks, self.careful = BATCH, False


def read_chunks(
    read: Mapping[str, Place],
    journals: Iterable[JournalFile],
    many: int,
    size: int = CHUNK_BYTES,
    leave_out: bool = False,
) -> Generator[Chunk]:
    """Yield the lines of these journals that are not yet read, so many to a chunk.

    read: how far each journal is, by its run. size: bytes to a chunk. leave_out: count every line
    as unreadable. Raises StoreError for a journal that has become shorter, JournalError for a line
    of a newer format.
    """
    chunk = Chunk()
    for journal in journals:
        offset, unreadable = read_before(read, journal)
        chunk.end, place = offset, None
        with open_journal(journal.file) as handle:
            chain = Chain.at(handle, name_of(journal.file), offset)
            for line in raw_lines(handle, chain, offset):
                if chunk.lines + chunk.unreadable >= many or chunk.size >= size:
                    chunk.files += [place] if place else []
                    yield chunk
                    chunk, place = Chunk(), None
                unreadable += not chunk.take(line, journal, leave_out)
                place = {"run_id": journal.run_id, "bytes": line.end, "unreadable": unreadable}
        chunk.files += [place] if place else []
        chunk.finished, chunk.end = chunk.finished + 1, 0
    yield chunk


def read_before(read: Mapping[str, Place], journal: JournalFile) -> Place:
    """Return how far a journal has been read; raises StoreError where it is shorter now."""
    offset, unreadable = read.get(journal.run_id, (0, 0))
    size = size_of(journal.file) or 0  # now: it may have grown, and another process read it
    if offset > size:
        raise StoreError(
            f"{journal.file} is shorter ({size:,} bytes) than what was read from it "
            f"({offset:,}): it was cut or replaced. Put the journal back, or 'panel rebuild'."
        )
    return offset, unreadable


def ahead(items: Iterator[T]) -> Generator[T]:
    """Yield items, each while the next one is made in a thread: DuckDB works meanwhile."""
    end = object()
    first = next(items, end)
    with ThreadPoolExecutor(1) as pool:
        while first is not end:
            coming = pool.submit(next, items, end)
            yield first  # type: ignore[misc]
            first = coming.result()
