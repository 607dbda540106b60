"""Renames in the store: all that a tool or persona had goes on under its new name.

A rename moves what happened before it, whenever the lines of that are read. The same name may
be given to something else later, which it leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

import duckdb

from panel.cells.journal import JournalFile, read_lines
from panel.cells.packed import open_journal
from panel.cells.renames import Kind, Rename
from panel.decisions import Pair
from panel.store.checked import Whole
from panel.store.rows import Row, insert
from panel.workspace.personas import is_persona_id
from panel.workspace.tools import is_slug

BLOCK = 1 << 20  # bytes
# Tables with the columns tool and persona, and the time at which a row happened.
_MOVED = {
    "attempts": "started_at",
    "adoptions": "adopted_at",
    "decisions": "decided_at",
    "drafts": "saved_at",
    "assignments": "assigned_at",
    "draws": "drawn_at",
    "enrolments": "enrolled_at",
    "requests": "written_at",
    "canaries": "(SELECT r.started_at FROM journal.runs AS r WHERE r.run_id = canaries.run_id)",
}
# Kind of line → the field with its time.
_TIMES = {
    "attempt": "started_at",
    "thaw": "asked_at",
    "adopt": "adopted_at",
    "decision": "decided_at",
    "draft": "saved_at",
    "assign": "assigned_at",
    "draw": "drawn_at",
    "canary": "",
    "request": "written_at",
    "enrol": "enrolled_at",
    "run": "started_at",
}
_EXPERIMENTS = "(SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL)"
_Known = list[tuple[Rename, datetime]]


def known_renames(connection: duckdb.DuckDBPyConnection) -> list[Rename]:
    """Return every rename, oldest first."""
    return [rename for rename, _at in _timed(connection)]


def _timed(connection: duckdb.DuckDBPyConnection) -> _Known:
    rows = connection.execute(
        'SELECT "of", was, now, renamed_at FROM journal.renames ORDER BY renamed_at, was'
    ).fetchall()
    return [(Rename(of, was, now), at) for of, was, now, at in rows]


def under_present_names(
    connection: duckdb.DuckDBPyConnection, kind: str, lines: Sequence[Row]
) -> Sequence[Row]:
    """Return lines that are read only now, under the names that what they tell has now."""
    if kind not in _TIMES or not lines or not (known := _timed(connection)):
        return lines
    return [_named(line, kind, known) for line in lines]


def _named(line: Row, kind: str, known: _Known) -> Row:
    if isinstance(line, Whole):  # an attempt
        if not any(line[rename.of] == rename.was for rename, _at in known):
            return line
        line = line.whole()
    made = dict(line)
    happened = str(line.get(_TIMES[kind]) or "")
    for rename, at in known:
        before = not happened or happened.removesuffix("Z") <= at.isoformat()
        if before and made.get(rename.of) == rename.was:
            made[rename.of] = rename.now
        if before and kind == "run" and rename.of == "persona":
            made["panel"] = [rename.now if each == rename.was else each for each in made["panel"]]
    return made


class LateRenameError(Exception):
    """A rename is older than one that has moved rows already: the order of both is lost."""


def put_renames(connection: duckdb.DuckDBPyConnection, lines: Sequence[Row]) -> set[Pair]:
    """Put renames down, and move what the store holds to new names.

    Returns the tool × persona pairs that are concerned, old and new. Raises LateRenameError.
    """
    if not lines:
        return set()
    if not all(map(is_rename, lines)):
        raise KeyError("a rename without its names or its time")
    known = {(rename, at.isoformat()) for rename, at in _timed(connection)}
    fresh = [line for line in lines if (_rename(line), _time(line)) not in known]
    if known and fresh and min(map(_time, fresh)) < max(at for _rename, at in known):
        raise LateRenameError
    insert(connection, "rename", fresh)
    return _move(connection, fresh)


def read_renames(journal: JournalFile, offset: int) -> list[Row]:
    """Return the renames that a journal tells of from a byte on, without reading the rest."""
    with open_journal(journal.file) as handle:
        handle.seek(offset)
        if not _speaks_of(handle, b'"rename"'):
            return []
    return [
        {**line.fields, "run_id": journal.run_id}
        for line in read_lines(journal.file, offset)
        if line.fields is not None and is_rename(line.fields)
    ]


def _speaks_of(handle: BinaryIO, word: bytes) -> bool:
    """Whether a word stands anywhere in the rest of a file; looks through it in blocks."""
    before = b""
    while block := handle.read(BLOCK):
        if word in before + block:
            return True
        before = block[-len(word) :]
    return False


def is_rename(line: Row) -> bool:
    """Whether a line tells of a rename, and of all that belongs to one."""
    if line.get("kind") != "rename" or line.get("of") not in ("tool", "persona"):
        return False
    try:
        _time(line)
    except (KeyError, ValueError):
        return False
    names = [line.get("was"), line.get("now")]
    # They become names of files and pages, and stand in the files of others.
    is_name = is_persona_id if line["of"] == "persona" else is_slug
    return all(isinstance(each, str) and is_name(each) for each in names)


def _rename(line: Row) -> Rename:
    return Rename("tool" if line["of"] == "tool" else "persona", str(line["was"]), str(line["now"]))


def _time(line: Row) -> str:
    return datetime.fromisoformat(str(line["renamed_at"])).isoformat()


def _move(connection: duckdb.DuckDBPyConnection, lines: Iterable[Row]) -> set[Pair]:
    pairs: set[Pair] = set()
    for line in sorted(lines, key=_time):
        of = _rename(line).of
        values = [str(line["was"]), str(line["renamed_at"])]
        pairs |= _pairs(connection, of, values[0])
        for table, happened in _MOVED.items():
            connection.execute(
                f"UPDATE journal.{table} SET {of} = ? "
                f"WHERE {of} = ? AND {happened} <= ?::TIMESTAMP",
                [str(line["now"]), *values],
            )
        if of == "persona":
            connection.execute(
                "UPDATE journal.runs SET panel = list_transform(panel, "
                "lambda each: CASE WHEN each = ? THEN ? ELSE each END) "
                "WHERE started_at <= ?::TIMESTAMP",
                [values[0], str(line["now"]), values[1]],
            )
        connection.execute(f"DELETE FROM journal.review_states WHERE {of} = ?", values[:1])
        pairs |= _pairs(connection, of, str(line["now"]))
    return pairs


def _pairs(connection: duckdb.DuckDBPyConnection, of: Kind, name: str) -> set[Pair]:
    rows = connection.execute(
        f"SELECT DISTINCT tool, persona FROM journal.attempts WHERE {of} = ? UNION "
        f"SELECT DISTINCT tool, persona FROM journal.decisions WHERE {of} = ?",
        [name, name],
    ).fetchall()
    return set(rows)


def names_in_store(connection: duckdb.DuckDBPyConnection, kind: Kind) -> set[str]:
    """Return the tools (slugs) or personas (ids) that were answered for or decided on."""
    rows = connection.execute(
        f"SELECT DISTINCT {kind} FROM journal.attempts WHERE run_id NOT IN {_EXPERIMENTS} UNION "
        f"SELECT DISTINCT {kind} FROM journal.decisions"
    ).fetchall()
    return {name for (name,) in rows}


def asked_under(
    connection: duckdb.DuckDBPyConnection, kind: Kind, names: Iterable[str]
) -> tuple[dict[str, frozenset[str]], int]:
    """Return the fingerprints asked under these names, and the highest repeat among them."""
    rows = connection.execute(
        f"SELECT {kind}, list(DISTINCT fingerprint), max(repeat) FROM journal.attempts "
        f"WHERE {kind} IN (SELECT unnest(?)) GROUP BY ALL",
        [sorted(names)],
    ).fetchall()
    return {name: frozenset(prints) for name, prints, _repeat in rows}, max(
        (repeat for _name, _prints, repeat in rows), default=1
    )


def records_of(
    connection: duckdb.DuckDBPyConnection, kind: Kind, names: Iterable[str]
) -> Mapping[str, str]:
    """Return the latest record of these tools or personas, as JSON text, by name."""
    rows = connection.execute(
        f"SELECT {kind}, record FROM {kind}s WHERE {kind} IN (SELECT unnest(?))", [sorted(names)]
    ).fetchall()
    return dict(rows)


def renamed_since_asked(connection: duckdb.DuckDBPyConnection) -> list[Rename]:
    """Return the renames since a model was asked for the last time, oldest first."""
    rows = connection.execute(
        "SELECT max(started_at) FROM journal.runs WHERE planned > 0"
    ).fetchall()
    last = rows[0][0] if rows else None
    return [rename for rename, at in _timed(connection) if last is None or at > last]
