"""Reads journals into the database: the one way in. Running it again changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
from pydantic_core import to_json

from panel.errors import StoreError
from panel.journal import JournalFile, find_journals, read_lines
from panel.scorecard import PanelResult, Tally, combine
from panel.store.connection import FILE, reading, refuse_if_held, writing
from panel.store.migrations import is_current

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

Row = Mapping[str, Any]
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Table:
    """Where lines of one kind go: table, column types, and the row made of a line."""

    name: str
    columns: dict[str, str]
    row: Callable[[Row], Fields]


_INPUTS = {
    "tool_digest": "VARCHAR",
    "persona_digest": "VARCHAR",
    "templates_digest": "VARCHAR",
    "sampling_digest": "VARCHAR",
}
_CELL = {
    "run_id": "VARCHAR",
    "tool": "VARCHAR",
    "persona": "VARCHAR",
    "model_identity": "VARCHAR",
    "repeat": "INTEGER",
    "fingerprint": "VARCHAR",
}
_TABLES = {
    "run": _Table(
        "runs",
        {
            "run_id": "VARCHAR",
            "started_at": "TIMESTAMP",
            "version": "VARCHAR",
            "endpoint": "VARCHAR",
            "model": "VARCHAR",
            "model_identity": "VARCHAR",
            "panel": "VARCHAR[]",
            "planned": "BIGINT",
            "reused": "BIGINT",
        },
        dict,
    ),
    "end": _Table(
        "ends", {"run_id": "VARCHAR", "finished_at": "TIMESTAMP", "stopped": "VARCHAR"}, dict
    ),
    "tool": _Table(
        "tools",
        {
            "tool": "VARCHAR",
            "digest": "VARCHAR",
            "seen_at": "TIMESTAMP",
            "name": "VARCHAR",
            "tagline": "VARCHAR",
            "category": "VARCHAR",
            "entry_price": "VARCHAR",
            "url": "VARCHAR",
            "description": "VARCHAR",
            "record": "JSON",
        },
        lambda line: {
            **line["record"],
            **line,
            "tool": line["record"]["slug"],
            "entry_price": line["record"]["pricing"]["entry"],
        },
    ),
    "persona": _Table(
        "personas",
        {
            "persona": "VARCHAR",
            "digest": "VARCHAR",
            "seen_at": "TIMESTAMP",
            "name": "VARCHAR",
            "motto": "VARCHAR",
            "position": "INTEGER",
            "record": "JSON",
        },
        lambda line: {
            **line["record"],
            **line,
            "persona": line["record"]["id"],
            "position": line["record"]["order"],
        },
    ),
    "message": _Table(
        "messages", {"message": "VARCHAR", "role": "VARCHAR", "content": "VARCHAR"}, dict
    ),
    "adopt": _Table("adoptions", {**_CELL, "adopted_at": "TIMESTAMP", **_INPUTS}, dict),
    "attempt": _Table(
        "attempts",
        {
            "attempt_id": "VARCHAR",
            **_CELL,
            "endpoint": "VARCHAR",
            "model": "VARCHAR",
            "ordinal": "INTEGER",
            "rung": "VARCHAR",
            "repair": "BOOLEAN",
            "final": "BOOLEAN",
            "outcome": "VARCHAR",
            "reason": "VARCHAR",
            "detail": "VARCHAR",
            "verdict": "VARCHAR",
            "confidence": "INTEGER",
            "take": "VARCHAR",
            "beats": "JSON",
            "evidence": "VARCHAR[]",
            "reply": "VARCHAR",
            "started_at": "TIMESTAMP",
            "finished_at": "TIMESTAMP",
            "seconds": "DOUBLE",
            "http_status": "INTEGER",
            "finish_reason": "VARCHAR",
            "prompt_tokens": "BIGINT",
            "completion_tokens": "BIGINT",
            "cached_tokens": "BIGINT",
            "cost_usd": "DOUBLE",
            "returned_model": "VARCHAR",
            "system_fingerprint": "VARCHAR",
            "messages": "VARCHAR[]",
            **_INPUTS,
            "body": "VARCHAR",
        },
        dict,
    ),
}
# JSON is sent as text, or DuckDB would see structs of varying shape; times by way of the type
# that heeds a zone, since TIMESTAMP drops one.
_SENT_AS = {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: _Table,
    lines: Sequence[Row],
    how: str = "OR IGNORE",
) -> None:
    rows = lines if table.row is dict else [table.row(line) for line in lines]
    values = {name: [row.get(name) for row in rows] for name in table.columns}
    for name in (name for name, kind in table.columns.items() if kind == "JSON"):
        values[name] = [None if cell is None else to_json(cell).decode() for cell in values[name]]
    wanted = ", ".join(
        f"unnest(${name}::{_SENT_AS.get(kind, kind)}[])::{kind} AS {name}"
        for name, kind in table.columns.items()
    )
    connection.execute(
        f"INSERT {how} INTO journal.{table.name} BY NAME SELECT {wanted}", values
    ).fetchall()


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
        for kind, table in _TABLES.items():
            if by_kind[kind]:
                _insert(connection, table, by_kind[kind])
    except _UNFIT:
        raise _UnfitLineError from None
    if lines or unreadable:
        connection.execute(
            "INSERT OR REPLACE INTO journal.files VALUES (?, ?, ?)",
            [journal.run_id, offset, bad_before + unreadable],
        )
    touched = {str(line["tool"]) for kind in ("attempt", "adopt") for line in by_kind[kind]}
    if by_kind["run"]:  # the panel may have changed, and with it every percentage
        touched = set()
    if touched or by_kind["run"]:
        _count(connection, touched)
    return Ingested(lines, unreadable)


def _count(connection: duckdb.DuckDBPyConnection, tools: set[str]) -> None:
    """Work out the ship percentages of these tools (all when empty) and put them in place."""
    latest = connection.execute(
        "SELECT panel FROM journal.runs ORDER BY started_at DESC, run_id DESC LIMIT 1"
    ).fetchall()
    panel = set(latest[0][0]) if latest else set()
    where, values = (
        ("WHERE tool IN (SELECT unnest($tools))", {"tools": sorted(tools)}) if tools else ("", {})
    )
    cells = connection.execute(
        "SELECT tool, model_identity, persona, outcome, verdict FROM verdicts "
        f"{where} ORDER BY tool, model_identity, persona",
        values,
    ).fetchall()
    tallies: dict[tuple[str, str], dict[str, Tally]] = defaultdict(dict)
    for tool, model, persona, outcome, verdict in cells:
        counted = tallies[tool, model]
        counted[persona] = counted.get(persona, Tally()).plus(outcome, verdict)
    rows = []
    for (tool, model), counted in tallies.items():
        members = [tally for persona, tally in counted.items() if not panel or persona in panel]
        rows.append(_percentage(tool, model, None, combine(members)))
        rows += [
            _percentage(tool, model, persona, combine([tally]))
            for persona, tally in counted.items()
        ]
    connection.execute(f"DELETE FROM journal.ship_percentages {where}", values)
    if rows:
        _insert(connection, _PERCENTAGES, rows, how="")


_PERCENTAGES = _Table(
    "ship_percentages",
    {
        "tool": "VARCHAR",
        "model_identity": "VARCHAR",
        "level": "VARCHAR",
        "persona": "VARCHAR",
        "ships": "BIGINT",
        "skips": "BIGINT",
        "abstains": "BIGINT",
        "errors": "BIGINT",
        "n": "BIGINT",
        "ship_percent": "DOUBLE",
        "low": "DOUBLE",
        "high": "DOUBLE",
        "contested": "BOOLEAN",
    },
    dict,
)


def _percentage(tool: str, model: str, persona: str | None, result: PanelResult) -> Fields:
    return {
        "tool": tool,
        "model_identity": model,
        "level": "panel" if persona is None else "persona",
        "persona": persona,
        "ships": result.ships,
        "skips": result.skips,
        "abstains": result.abstains,
        "errors": result.errors,
        "n": result.n,
        "ship_percent": result.ship_percent,
        "low": result.interval.low if result.interval else None,
        "high": result.interval.high if result.interval else None,
        "contested": result.contested,
    }


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
