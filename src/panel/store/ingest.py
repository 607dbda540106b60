"""Reads journals into the database: the one way in. Running it again changes nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from panel.cells.journal import JournalFile, find_journals, read_lines
from panel.errors import StoreError
from panel.store.connection import FILE, reading, refuse_if_held, writing
from panel.store.decisions import put_review_states
from panel.store.migrations import is_current
from panel.store.percentages import count_ships
from panel.store.rows import JOURNAL_TABLES, Row, insert

REBUILDING = "rebuilding.duckdb"
CHUNK = 5000  # lines to one transaction: half a second
# What DuckDB and a table's row function say of a line that does not fit the table.
_UNFIT = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    KeyError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did: whole lines read, lines that fit no table (left out)."""

    lines: int
    unreadable: int


def ingest(runs: Path, database: str = FILE) -> Ingested:
    """Bring the database up to date with every journal below ``runs``.

    Opens it for writing only when there is something new. A torn last line is left for
    later; a whole line that cannot be read is counted and left out.
    """
    file = runs / database
    fresh = _grown(file, find_journals(runs))
    lines = unreadable = 0
    for journal in fresh:
        many, leave_out = CHUNK, False
        while True:
            try:
                with writing(file) as connection:
                    read = _ingest_chunk(connection, journal, many, leave_out)
            except _UnfitLineError:  # close in on it, until it stands alone
                many, leave_out = max(1, many // 8), many == 1
                continue
            lines, unreadable = lines + read.lines, unreadable + read.unreadable
            if read.lines + read.unreadable < many:
                break
            many, leave_out = min(CHUNK, many * 8), False
    return Ingested(lines, unreadable)


class _UnfitLineError(Exception):
    """Among the lines of a chunk is one that no table takes."""


def _grown(file: Path, journals: list[JournalFile]) -> list[JournalFile]:
    if not file.exists():
        with writing(file):  # an empty workspace gets its tables too
            return journals
    with reading(file) as connection:
        up_to_date = is_current(connection)
        if up_to_date:
            known = dict(connection.execute("SELECT run_id, bytes FROM journal.files").fetchall())
    if not up_to_date:
        with writing(file):  # brings the tables up to date
            return journals
    return [journal for journal in journals if _has_news(journal, known.get(journal.run_id, 0))]


def _has_news(journal: JournalFile, read: int) -> bool:
    if journal.size <= read:
        return journal.size < read
    return next(read_lines(journal.file, read), None) is not None  # else only a torn line


def _ingest_chunk(
    connection: duckdb.DuckDBPyConnection, journal: JournalFile, many: int, leave_out: bool
) -> Ingested:
    found = connection.execute(
        "SELECT bytes, unreadable FROM journal.files WHERE run_id = ?", [journal.run_id]
    ).fetchall()
    offset, bad_before = found[0] if found else (0, 0)
    size = journal.file.stat().st_size  # now: it may have grown, and another process read it
    if offset > size:
        raise StoreError(
            f"{journal.file} is shorter ({size:,} bytes) than what was read from it "
            f"({offset:,}): it was cut or replaced. Put the journal back, or 'panel rebuild'."
        )
    by_kind: dict[str, list[Row]] = defaultdict(list)
    lines = unreadable = 0
    for line in islice(read_lines(journal.file, offset), many):
        offset = line.end
        if line.fields is None or leave_out:
            unreadable += 1
        else:
            lines += 1
            line.fields["run_id"] = journal.run_id
            by_kind[str(line.fields.get("kind"))].append(line.fields)
    try:
        for kind, table in JOURNAL_TABLES.items():
            if by_kind[kind]:
                insert(connection, table, by_kind[kind])
    except _UNFIT:
        raise _UnfitLineError from None
    if lines or unreadable:
        connection.execute(
            "INSERT OR REPLACE INTO journal.files VALUES (?, ?, ?)",
            [journal.run_id, offset, bad_before + unreadable],
        )
    put_review_states(
        connection, {(str(line["tool"]), str(line["persona"])) for line in by_kind["decision"]}
    )
    touched = {str(line["tool"]) for kind in ("attempt", "thaw", "adopt") for line in by_kind[kind]}
    touched |= _tools_read(connection, by_kind["reading"])
    if by_kind["run"]:  # the panel may have changed, and with it every percentage
        touched = set()
    if touched or by_kind["run"]:
        count_ships(connection, touched)
    return Ingested(lines, unreadable)


def _tools_read(connection: duckdb.DuckDBPyConnection, readings: list[Row]) -> set[str]:
    """Return the tools of readings; an attempt not yet there brings its own when it comes."""
    if not readings:
        return set()
    found = connection.execute(
        "SELECT DISTINCT tool FROM journal.attempts WHERE attempt_id IN (SELECT unnest(?))",
        [[str(line["attempt_id"]) for line in readings]],
    ).fetchall()
    return {tool for (tool,) in found}


def rebuild(runs: Path) -> Ingested:
    """Make the database again from the journals alone, and put it in the old one's place.

    The old file stays until the new one is whole, so a kill in between loses nothing.
    """
    fresh = runs / REBUILDING
    for leftover in (fresh, _wal(fresh)):
        leftover.unlink(missing_ok=True)
    done = ingest(runs, REBUILDING)
    if (runs / FILE).exists():
        refuse_if_held(runs / FILE)
    _wal(runs / FILE).unlink(missing_ok=True)
    fresh.replace(runs / FILE)
    return done


def _wal(file: Path) -> Path:
    return file.with_name(file.name + ".wal")
