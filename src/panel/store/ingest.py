"""Reads journals into the database: the one way in. Running it again changes nothing.

The database is made from the journals alone. One that is missing, damaged or of another schema
is made again beside the old file and then put in its place.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import duckdb
from filelock import FileLock

from panel.cells.journal import JournalFile, JournalLine, find_journals, read_lines
from panel.decisions import Pair
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
from panel.store.decisions import put_review_states
from panel.store.percentages import count_ships, panels_by_model, tools_reparsed
from panel.store.progress import Progress
from panel.store.renames import LateRenameError, put_renames, read_renames, under_present_names
from panel.store.rows import JOURNAL_KINDS, Row, insert
from panel.store.schema import is_current

REBUILDING = "rebuilding"  # beginning of the names of new databases
LOCK = ".rebuilding.lock"
CHUNK = 5000  # lines to one transaction: half a second
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
def opened(runs: Path, files: bool = False) -> Iterator[Connection]:
    """Bring the database up to date with the journals below ``runs``, then open it for reading.

    It is opened for writing only when there is something new. files: whether queries may read
    and write files. Raises StoreBusyError, StoreError, JournalError for a line of a newer format.
    """
    with ExitStack() as stack:
        connection = _opened_if_current(stack, runs / FILE, files)
        fresh = None if connection is None else _grown(connection, find_journals(runs))
        if connection is not None and not fresh:
            yield connection
            return
    _catch_up(runs, fresh)
    with reading(runs / FILE, files=files) as connection:
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
    stack: ExitStack, file: Path, files: bool, tell: bool = True
) -> Connection | None:
    """Return the opened database; None where it has to be made (again), and say why."""
    if not file.exists():
        return None
    try:
        connection = stack.enter_context(reading(file, files=files))
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
    runs.mkdir(parents=True, exist_ok=True)
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
    known = dict(connection.execute("SELECT run_id, bytes FROM journal.files").fetchall())
    return [journal for journal in journals if _has_news(journal, known.get(journal.run_id, 0))]


def _has_news(journal: JournalFile, read: int) -> bool:
    if journal.size <= read:
        return journal.size < read
    return next(read_lines(journal.file, read), None) is not None  # else only a torn line


@dataclass(slots=True)
class _Touched:
    """What the lines read so far concern, so that what is counted of it is counted again."""

    tools: set[str] = field(default_factory=set)
    decided: set[Pair] = field(default_factory=set)
    models: set[str] = field(default_factory=set)  # asked for another panel than before

    def add(self, lines: Mapping[str, list[Row]]) -> None:
        self.decided |= {(str(row["tool"]), str(row["persona"])) for row in lines["decision"]}
        for kind in ("attempt", "thaw", "adopt"):
            self.tools |= {str(row["tool"]) for row in lines[kind]}

    def move(self, connection: Connection, renames: Sequence[Row]) -> None:
        moved = put_renames(connection, renames)
        self.tools |= {tool for tool, _persona in moved}
        self.decided |= moved

    def count(self, connection: Connection, whole: bool = False) -> None:
        put_review_states(connection, self.decided)
        if whole:
            count_ships(connection)
        elif self.models or self.tools:
            count_ships(connection, self.tools, self.models)


def _read_in(file: Path, journals: list[JournalFile], whole: bool = False) -> Ingested:
    """Read journals from where they were left, some thousand lines to a transaction.

    whole: nobody reads the file meanwhile, so that what is counted is counted once, at the end.
    """
    lines = unreadable = 0
    total, touched, progress = _Touched(), _Touched(), Progress(sum(j.size for j in journals))
    renamed = False
    for journal in journals:
        many, leave_out = CHUNK, False
        while True:
            touched = total if whole else _Touched()
            try:
                with writing(file) as connection:
                    if not renamed:  # first: what they move may be read in any order
                        touched.move(connection, _renames(connection, journals))
                    read, end = _read_chunk(connection, journal, many, leave_out, touched)
                    if not whole:
                        touched.count(connection)
            except _UnfitLineError:  # close in on it, until it stands alone
                many, leave_out = max(1, many // 8), many == 1
                continue
            renamed = True
            lines, unreadable = lines + read.lines, unreadable + read.unreadable
            progress.tell(end)
            if read.lines + read.unreadable < many:
                break
            many, leave_out = min(CHUNK, many * 8), False
        progress.done(journal.size)
    if whole and journals:
        with writing(file) as connection:
            total.count(connection, whole=True)
    return Ingested(lines, unreadable)


def _renames(connection: Connection, journals: list[JournalFile]) -> list[Row]:
    """Return the renames in what is still to be read."""
    offsets = ((journal, _read_before(connection, journal)[0]) for journal in journals)
    return [line for journal, offset in offsets for line in read_renames(journal, offset)]


class _UnfitLineError(Exception):
    """Among the lines of a chunk is one that no table takes."""


def _read_chunk(
    connection: Connection, journal: JournalFile, many: int, leave_out: bool, touched: _Touched
) -> tuple[Ingested, int]:
    """Insert the next ``many`` lines of a journal; returns the counts and the byte they end at."""
    offset, bad_before = _read_before(connection, journal)
    by_kind: dict[str, list[Row]] = defaultdict(list)
    lines = unreadable = 0
    faults: list[JournalLine] = []
    for line in islice(read_lines(journal.file, offset), many):
        offset = line.end
        if line.fault or leave_out:
            faults.append(line)
        if line.fields is None or leave_out:
            unreadable += 1
        else:
            lines += 1
            line.fields.update(run_id=journal.run_id, seal=line.seal)
            by_kind[str(line.fields.get("kind"))].append(line.fields)
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
    if lines or unreadable:
        connection.execute(
            "INSERT OR REPLACE INTO journal.files VALUES (?, ?, ?)",
            [journal.run_id, offset, bad_before + unreadable],
        )
    for line in faults[:NAMED]:
        log.warning("%s", line.told(journal.file))
    if more := len(faults[NAMED:]):
        log.warning("%s: %d more are at fault: 'panel verify' names each.", journal.file, more)
    return Ingested(lines, unreadable), offset


def _read_before(connection: Connection, journal: JournalFile) -> tuple[int, int]:
    """Return how many bytes of a journal were read, and how many lines were left out."""
    found = connection.execute(
        "SELECT bytes, unreadable FROM journal.files WHERE run_id = ?", [journal.run_id]
    ).fetchall()
    offset, unreadable = found[0] if found else (0, 0)
    size = journal.file.stat().st_size  # now: it may have grown, and another process read it
    if offset > size:
        raise StoreError(
            f"{journal.file} is shorter ({size:,} bytes) than what was read from it "
            f"({offset:,}): it was cut or replaced. Put the journal back, or 'panel rebuild'."
        )
    return offset, unreadable
