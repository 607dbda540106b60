"""Reads journals into the database: the one way in. Running it again changes nothing.

The database is made from the journals alone. One that is missing, damaged or of another schema
is made again beside the old file and then put in its place.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import duckdb
from filelock import FileLock

from panel.cells.journal import JournalFile, JournalLine, find_journals, read_lines
from panel.errors import StoreError
from panel.store.connection import (
    FILE,
    Connection,
    UnusableError,
    create,
    reading,
    refuse_if_held,
    writing,
)
from panel.store.percentages import panels_by_model, tools_reparsed
from panel.store.progress import Progress
from panel.store.renames import LateRenameError, read_renames, under_present_names
from panel.store.rows import JOURNAL_KINDS, Row, insert, put
from panel.store.schema import is_current
from panel.store.touched import Touched
from panel.workspace.scaffold import make_runs

REBUILDING = "rebuilding"  # beginning of the names of new databases
LOCK = ".rebuilding.lock"
CHUNK = 2000  # lines to one transaction: more take more memory, and hardly less time
NAMED = 3  # faults of a chunk that are told one by one
log = logging.getLogger("panel.store")
# What DuckDB and a kind's row function say of a line that does not fit the table.
_UNFIT = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did: whole lines read, lines that fit no table (left out)."""

    lines: int
    unreadable: int


@contextmanager
def opened(runs: Path, shut: bool = False) -> Iterator[Connection]:
    """Bring the database up to date with the journals below ``runs``, then open it for reading.

    It is opened for writing only when there is something new. shut: cut off from files and
    network, for what others ask. Raises StoreBusyError, StoreError, JournalError for a line of a
    newer format.
    """
    with ExitStack() as stack:
        connection = _opened_if_current(stack, runs / FILE, shut)
        fresh = None if connection is None else _grown(connection, find_journals(runs))
        if connection is not None and not fresh:
            yield connection
            return
    _catch_up(runs, fresh)
    with reading(runs / FILE, shut=shut) as connection:
        yield connection


def ingest(runs: Path) -> Ingested:
    """Bring the database up to date with every journal below ``runs``; raises as ``opened``.

    A torn last line is left for later; a whole line that cannot be read is counted and left out.
    """
    with ExitStack() as stack:
        connection = _opened_if_current(stack, runs / FILE, False)
        fresh = None if connection is None else _grown(connection, find_journals(runs))
    return _catch_up(runs, fresh)


def _opened_if_current(
    stack: ExitStack, file: Path, shut: bool, tell: bool = True
) -> Connection | None:
    """Return the opened database; None where it has to be made (again), and say why."""
    if not file.exists():
        return None
    try:
        connection = stack.enter_context(reading(file, shut=shut))
    except UnusableError as error:
        why = str(error)
    else:
        if is_current(connection):
            return connection
        why = f"{file} has another schema than this version of panel"
    if tell:
        log.warning("%s. It is made again from the journals.", why)
    return None


def _catch_up(runs: Path, fresh: list[JournalFile] | None) -> Ingested:
    """Read the journals that have grown; with None make the database first."""
    if fresh is not None:
        try:
            return _read_in(runs / FILE, fresh)
        except LateRenameError:
            return rebuild(runs)
    with _rebuild_lock(runs):
        with ExitStack() as stack:  # another process may have made it meanwhile
            made = _opened_if_current(stack, runs / FILE, False, tell=False) is not None
        if not made:
            return _rebuild(runs)
    return ingest(runs)


def rebuild(runs: Path) -> Ingested:
    """Make the database again from the journals alone, and put it in the old one's place.

    The old file stays until the new one is whole, so a kill in between loses nothing.
    """
    with _rebuild_lock(runs):
        return _rebuild(runs)


def _rebuild_lock(runs: Path) -> FileLock:
    make_runs(runs)
    return FileLock(runs / LOCK)


def _rebuild(runs: Path) -> Ingested:
    for left in runs.glob(f"{REBUILDING}*.duckdb*"):  # a killed one, for this has the lock
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    fresh = runs / f"{REBUILDING}-{secrets.token_hex(4)}.duckdb"
    create(fresh)
    done = _read_in(fresh, find_journals(runs), whole=True)
    if (runs / FILE).exists():
        refuse_if_held(runs / FILE)
    _wal(runs / FILE).unlink(missing_ok=True)
    fresh.replace(runs / FILE)
    return done


def _wal(file: Path) -> Path:
    return file.with_name(file.name + ".wal")


def _grown(connection: Connection, journals: list[JournalFile]) -> list[JournalFile]:
    read = _places(connection)
    return [each for each in journals if _has_news(each, read.get(each.run_id, (0, 0))[0])]


def _has_news(journal: JournalFile, read: int) -> bool:
    if journal.size <= read:
        return journal.size < read
    return next(read_lines(journal.file, read), None) is not None  # else only a torn line


def _read_in(file: Path, journals: list[JournalFile], whole: bool = False) -> Ingested:
    """Read journals from where they were left, some thousand lines to a transaction.

    Many short journals share a transaction, and what is counted is counted once in each.
    whole: nobody reads the file meanwhile, so that it is counted once, at the end.
    """
    lines = unreadable = 0
    total, touched, progress = Touched(), Touched(), Progress(sum(j.size for j in journals))
    left, many, leave_out, renamed = deque(journals), CHUNK, False, False
    while left:
        touched = total if whole else Touched()
        try:
            with writing(file) as connection:
                if not renamed:  # first: what they move may be read in any order
                    touched.move(connection, _renames(connection, journals))
                chunk = _read_chunk(_places(connection), left, many, leave_out)
                chunk.insert(connection, touched)
                if not whole:
                    touched.count(connection)
        except _UnfitLineError:  # close in on it, until it stands alone
            many, leave_out = max(1, many // 8), many == 1
            continue
        renamed = True
        lines, unreadable = lines + chunk.lines, unreadable + chunk.unreadable
        for _journal in range(chunk.finished):
            progress.done(left.popleft().size)
        progress.tell(chunk.end)
        many, leave_out = min(CHUNK, many * 8), False
    if whole and journals:
        with writing(file) as connection:
            total.count(connection, whole=True)
    return Ingested(lines, unreadable)


def _renames(connection: Connection, journals: list[JournalFile]) -> list[Row]:
    """Return the renames in what is still to be read."""
    read = _places(connection)
    offsets = ((journal, _read_before(read, journal)[0]) for journal in journals)
    return [line for journal, offset in offsets for line in read_renames(journal, offset)]


class _UnfitLineError(Exception):
    """Among the lines of a chunk is one that no table takes."""


@dataclass(slots=True)
class _Chunk:
    """Lines that go into the database together, of one journal or of several.

    files: rows of journal.files: how far each is read then. finished: journals read to their end;
    end: the byte reached in the one after those. faults: what is wrong with lines, by journal.
    """

    by_kind: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    files: list[Row] = field(default_factory=list)
    lines: int = 0
    unreadable: int = 0
    finished: int = 0
    end: int = 0
    faults: dict[Path, list[JournalLine]] = field(default_factory=lambda: defaultdict(list))

    def insert(self, connection: Connection, touched: Touched) -> None:
        by_kind = self.by_kind
        panels = panels_by_model(connection) if by_kind["run"] else {}
        try:
            touched.move(connection, by_kind.pop("rename", []))
            for kind in JOURNAL_KINDS:
                if by_kind[kind]:
                    by_kind[kind] = list(under_present_names(connection, kind, by_kind[kind]))
                    insert(connection, kind, by_kind[kind])
            touched.add(by_kind)
        except _UNFIT:
            raise _UnfitLineError from None
        touched.tools |= tools_reparsed(connection, by_kind["reparse"])
        if by_kind["run"]:
            now = panels_by_model(connection)
            touched.models |= {model for model in now if now[model] != panels.get(model)}
        if self.files:
            put(connection, "files", self.files, "OR REPLACE")
        for file, faults in self.faults.items():
            for line in faults[:NAMED]:
                log.warning("%s", line.told(file))
            if more := len(faults[NAMED:]):
                log.warning("%s: %d more are at fault: 'panel verify' names each.", file, more)


def _read_chunk(
    read: Mapping[str, _Place], journals: Iterable[JournalFile], many: int, leave_out: bool
) -> _Chunk:
    """Return the next ``many`` lines of these journals; leave_out: count them as unreadable."""
    chunk = _Chunk()
    for journal in journals:
        chunk.end, unreadable = _read_before(read, journal)
        wanted = before = many - chunk.lines - chunk.unreadable
        for line in islice(read_lines(journal.file, chunk.end), wanted):
            chunk.end, wanted = line.end, wanted - 1
            if line.fault or leave_out:
                chunk.faults[journal.file].append(line)
            if line.fields is None or leave_out:
                unreadable += 1
                chunk.unreadable += 1
            else:
                chunk.lines += 1
                line.fields.update(run_id=journal.run_id, seal=line.seal)
                chunk.by_kind[str(line.fields.get("kind"))].append(line.fields)
        if wanted < before:
            place = {"run_id": journal.run_id, "bytes": chunk.end, "unreadable": unreadable}
            chunk.files.append(place)
        if not wanted:
            break
        chunk.finished, chunk.end = chunk.finished + 1, 0
    return chunk


_Place = tuple[int, int]  # how many bytes of a journal were read, how many lines were left out


def _places(connection: Connection) -> dict[str, _Place]:
    rows = connection.execute("SELECT run_id, bytes, unreadable FROM journal.files").fetchall()
    return {run_id: (read, unreadable) for run_id, read, unreadable in rows}


def _read_before(read: Mapping[str, _Place], journal: JournalFile) -> _Place:
    offset, unreadable = read.get(journal.run_id, (0, 0))
    size = journal.file.stat().st_size  # now: it may have grown, and another process read it
    if offset > size:
        raise StoreError(
            f"{journal.file} is shorter ({size:,} bytes) than what was read from it "
            f"({offset:,}): it was cut or replaced. Put the journal back, or 'panel rebuild'."
        )
    return offset, unreadable
