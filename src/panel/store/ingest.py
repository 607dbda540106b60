"""Reads journals into the database: the one way in. Running it again changes nothing.

The database is made from the journals alone. One that is missing, damaged or of another schema
is made again beside the old file and then put in its place.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
from filelock import FileLock

from panel.cells.journal import JournalFile, find_journals, read_lines
from panel.store.chunks import (
    CHUNK_BYTES,
    MAKING_BYTES,
    Chunk,
    Pace,
    Place,
    ahead,
    read_before,
    read_chunks,
)
from panel.store.connection import (
    FILE,
    Connection,
    UnusableError,
    create,
    reading,
    refuse_if_held,
    writing,
)
from panel.store.packing import pack_ended
from panel.store.percentages import panels_by_model, tools_reparsed
from panel.store.progress import Progress
from panel.store.renames import LateRenameError, read_renames, under_present_names
from panel.store.rows import JOURNAL_KINDS, Row, put
from panel.store.schema import is_current
from panel.store.touched import Touched
from panel.workspace.plain_files import refuse_odd
from panel.workspace.scaffold import make_runs

REBUILDING = "rebuilding"  # beginning of the names of new databases
LOCK = ".rebuilding.lock"
NAMED = 3  # faults of a chunk that are told one by one
log = logging.getLogger("panel.store")
# What is said of a line that does not fit its table, although it was checked.
_UNFIT = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    ValueError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did: whole lines read, lines that fit no table (left out)."""

    lines: int
    unreadable: int


@contextmanager
def opened(runs: Path, shut: bool = False, into: Path | None = None) -> Iterator[Connection]:
    """Bring the database up to date with the journals below ``runs``, then open it for reading.

    It is opened for writing only when there is something new. shut, into: as in
    ``reading``. Raises StoreBusyError, StoreError, JournalError for a line of a
    newer format.
    """
    journals = find_journals(runs)  # first: it refuses a link in the place of the database
    with ExitStack() as stack:
        connection = _opened_if_current(stack, runs / FILE, shut, into)
        if connection is not None and not _grown(connection, journals).fresh:
            yield connection
            return
    ingest(runs)
    with reading(runs / FILE, shut=shut, into=into) as connection:
        yield connection


@contextmanager
def opened_of(journals: list[JournalFile]) -> Iterator[Connection]:
    """Open a database of these journals alone, gone with the block; raises as ``opened``."""
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        create(Path(folder) / FILE)
        _read_in(Path(folder) / FILE, journals, whole=True)
        with reading(Path(folder) / FILE) as connection:
            yield connection


def ingest(runs: Path) -> Ingested:
    """Bring the database up to date with every journal below ``runs``; raises as ``opened``.

    For who has just written a line: the database is opened for writing at once. A torn last line
    is left for later; a whole line that cannot be read is counted and left out.
    """
    journals = find_journals(runs)
    if not (runs / FILE).exists():
        return _make(runs)
    try:
        done, known = _read_in(runs / FILE, journals)
    except LateRenameError:
        return rebuild(runs)
    except UnusableError as error:
        log.warning("%s. It is made again from the journals.", error)
        return _make(runs)
    if done.lines or done.unreadable:
        pack_ended(runs, known)
    return done


def _opened_if_current(
    stack: ExitStack, file: Path, shut: bool = False, into: Path | None = None
) -> Connection | None:
    """Return the opened database; None where it has to be made (again)."""
    if not file.exists():
        return None
    with suppress(UnusableError):
        connection = stack.enter_context(reading(file, shut=shut, into=into))
        return connection if is_current(connection, file) else None
    return None


def _make(runs: Path) -> Ingested:
    """Make the database, unless another process has made it meanwhile."""
    with _rebuild_lock(runs):
        with ExitStack() as stack:
            made = _opened_if_current(stack, runs / FILE) is not None
        if not made:
            return _rebuild(runs)
    return ingest(runs)


def rebuild(runs: Path) -> Ingested:
    """Make the database again from the journals alone, and put it in the old one's place.

    The old file stays until the new one is whole, so a kill in between loses nothing.
    """
    with _rebuild_lock(runs):
        done = _rebuild(runs)
    pack_ended(runs, find_journals(runs))
    return done


def _rebuild_lock(runs: Path) -> FileLock:
    make_runs(runs)
    refuse_odd(runs)
    return FileLock(runs / LOCK)


def _rebuild(runs: Path) -> Ingested:
    for left in runs.glob(f"{REBUILDING}*.duckdb*"):  # a killed one, for this has the lock
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    fresh = runs / f"{REBUILDING}-{secrets.token_hex(4)}.duckdb"
    create(fresh)
    done, _known = _read_in(fresh, find_journals(runs), whole=True)
    if (runs / FILE).exists():
        refuse_if_held(runs / FILE)
    _wal(runs / FILE).unlink(missing_ok=True)
    fresh.replace(runs / FILE)
    return done


def _wal(file: Path) -> Path:
    return file.with_name(file.name + ".wal")


@dataclass(frozen=True, slots=True)
class _News:
    """Journals that have grown since the database read them, and those that have not."""

    fresh: list[JournalFile]
    known: list[JournalFile]


def _news_of(connection: Connection, file: Path, journals: list[JournalFile]) -> _News:
    if not is_current(connection, file):
        raise UnusableError(f"{file} has another schema than this version of panel")
    return _grown(connection, journals)


def _grown(connection: Connection, journals: list[JournalFile]) -> _News:
    read, news = _places(connection), _News([], [])
    for each in journals:
        grown = _has_news(each, read.get(each.run_id, (0, 0))[0])
        (news.fresh if grown else news.known).append(each)
    return news


def _has_news(journal: JournalFile, read: int) -> bool:
    if journal.size <= read:
        return journal.size < read
    return next(read_lines(journal.file, read), None) is not None  # else only a torn line


def _read_in(
    file: Path, journals: list[JournalFile], whole: bool = False
) -> tuple[Ingested, list[JournalFile]]:
    """Read journals from where they were left, many thousand lines to a transaction.

    Many short journals share a transaction, and what is counted is counted once in each.
    whole: nobody reads the file meanwhile, so that it is counted once, at the end; it is new.
    Returns the journals without news, too. Raises UnusableError for another schema.
    """
    lines = unreadable = 0
    total, news, begun = Touched(), _News(journals, []), whole and not journals
    pace = Pace(MAKING_BYTES if whole else CHUNK_BYTES)
    left, progress = deque(journals), Progress(0)
    while left or not begun:
        touched, read = total if whole else Touched(), list[Chunk]()
        try:
            with writing(file) as connection:
                if not begun:
                    news = news if whole else _news_of(connection, file, journals)
                    left, progress = deque(news.fresh), Progress(sum(j.size for j in news.fresh))
                    # First: what they move may be read in any order.
                    touched.move(connection, _renames(connection, news.fresh))
                coming = read_chunks(
                    _places(connection), left, pace.many, pace.size, pace.leave_out
                )
                with closing(ahead(coming)) as chunks:
                    for chunk in islice(chunks, pace.chunks):
                        _insert(connection, chunk, touched, pace.careful)
                        read.append(chunk)
                        progress.tell(chunk.size)
                if places := {row["run_id"]: row for chunk in read for row in chunk.files}:
                    put(connection, "files", [*places.values()], "OR REPLACE")
                if not whole:
                    touched.count(connection)
        except _UnfitLineError:
            progress.tell(-sum(chunk.size for chunk in read))
            pace.slow_down()
            continue
        begun = True
        for chunk in read:
            lines, unreadable = lines + chunk.lines, unreadable + chunk.unreadable
            for _journal in range(chunk.finished):
                left.popleft()
        pace.go_on(len(read))
    if whole and journals:
        with writing(file) as connection:
            total.count(connection, whole=True)
    return Ingested(lines, unreadable), news.known


def _renames(connection: Connection, journals: list[JournalFile]) -> list[Row]:
    """Return the renames in what is still to be read."""
    read = _places(connection)
    offsets = ((journal, read_before(read, journal)[0]) for journal in journals)
    return [line for journal, offset in offsets for line in read_renames(journal, offset)]


class _UnfitLineError(Exception):
    """Among the lines of a chunk is one that no table takes."""


def _insert(connection: Connection, chunk: Chunk, touched: Touched, careful: bool) -> None:
    """Put a chunk into its tables; raises _UnfitLineError.

    careful: attempts and tools may be there already, which takes DuckDB far longer.
    """
    by_kind = chunk.by_kind
    panels = panels_by_model(connection) if by_kind["run"] else {}
    try:
        touched.move(connection, by_kind.pop("rename", []))
        for kind in JOURNAL_KINDS:
            if by_kind[kind]:
                by_kind[kind] = list(under_present_names(connection, kind, by_kind[kind]))
                new = kind in ("attempt", "tool") and not careful
                put(connection, JOURNAL_KINDS[kind][0], by_kind[kind], "" if new else "OR IGNORE")
        touched.add(by_kind)
    except _UNFIT:
        raise _UnfitLineError from None
    touched.tools |= tools_reparsed(connection, by_kind["reparse"])
    if by_kind["run"]:
        now = panels_by_model(connection)
        touched.models |= {model for model in now if now[model] != panels.get(model)}
    by_kind.clear()
    for file, faults in chunk.faults.items():
        for line in faults[:NAMED]:
            log.warning("%s", line.told(file))
        if more := len(faults[NAMED:]):
            log.warning("%s: %d more are at fault: 'panel verify' names each.", file, more)


def _places(connection: Connection) -> dict[str, Place]:
    rows = connection.execute("SELECT run_id, bytes, unreadable FROM journal.files").fetchall()
    return {run_id: (read, unreadable) for run_id, read, unreadable in rows}
