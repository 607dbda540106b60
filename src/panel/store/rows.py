"""Where journal lines go: the table of each kind, the row made of a line, and the insert.

A line's fields are the columns of its table. What a table has is read from the schema itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
from pydantic_core import to_json

from panel.cells.answers import INPUT_NAMES
from panel.hashing import content_hash

Row = Mapping[str, Any]
Fields = dict[str, Any]


def _tool(line: Row) -> Fields:
    record = line["record"]
    return {
        **record,
        **line,
        "tool": record["slug"],
        "entry_price": record["pricing"]["entry"],
    }


def _persona(line: Row) -> Fields:
    record = line["record"]
    return {**record, **line, "persona": record["id"], "position": record["order"]}


def _worded(line: Row) -> Fields:
    """Read a line of an older format, which names no wording and whose digests are of records."""
    if "wording" in line:
        return {**line}
    return {
        **line,
        "wording": content_hash([line.get(name) for name in INPUT_NAMES]),
        "tool_record": line.get("tool_digest"),
        "persona_record": line.get("persona_digest"),
    }


def _thaw(line: Row) -> Fields:
    """Make an attempt of an answer from ``verdicts/``: one that nothing was asked for here."""
    return {
        **_worded(line),
        "ordinal": 1,
        "repair": False,
        "final": True,
        "started_at": line["asked_at"],
        "finished_at": line["asked_at"],
        "seconds": 0.0,
        "messages": [],
        "thawed": True,
        "seal": line.get("receipt"),
    }


def _decision(line: Row) -> Fields:
    return {**line, "seal": line.get("receipt", line.get("seal"))}  # one that was thawed says it


# Kind of line → its table, and the row made of a line where that is not the line itself.
JOURNAL_KINDS: dict[str, tuple[str, Callable[[Row], Fields] | None]] = {
    "run": ("runs", None),
    "end": ("ends", None),
    "tool": ("tools", _tool),
    "persona": ("personas", _persona),
    "message": ("messages", None),
    "adopt": ("adoptions", _worded),
    "canary": ("canaries", None),
    "attempt": ("attempts", _worded),
    "thaw": ("attempts", _thaw),
    "decision": ("decisions", _decision),
    "reparse": ("reparses", None),
    "rename": ("renames", None),
}
# JSON is sent as text, or DuckDB would see structs of varying shape; times by way of the type
# that heeds a zone, since TIMESTAMP drops one.
_SENT_AS = {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}


_columns: dict[str, dict[str, str]] = {}  # by table; every database has the one schema


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns of a table of the schema ``journal``, and their types, in order."""
    if table not in _columns:
        rows = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = 'journal' AND table_name = ? ORDER BY column_index",
            [table],
        ).fetchall()
        _columns[table] = dict(rows)
    return _columns[table]


def insert(connection: duckdb.DuckDBPyConnection, kind: str, lines: Sequence[Row]) -> None:
    """Insert lines of one kind; those whose key is there already change nothing."""
    table, made = JOURNAL_KINDS[kind]
    put(connection, table, lines if made is None else [made(line) for line in lines], "OR IGNORE")


def put(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row], how: str = ""
) -> None:
    """Insert rows (column → value, None where one is left out) in one statement.

    how: "OR IGNORE", "OR REPLACE", or "".
    """
    columns = columns_of(connection, table)
    values = {name: [row.get(name) for row in rows] for name in columns}
    for name in (name for name, kind in columns.items() if kind == "JSON"):
        values[name] = [None if cell is None else to_json(cell).decode() for cell in values[name]]
    wanted = ", ".join(
        f'unnest(${name}::{_SENT_AS.get(kind, kind)}[])::{kind} AS "{name}"'
        for name, kind in columns.items()
    )
    connection.execute(
        f"INSERT {how} INTO journal.{table} BY NAME SELECT {wanted}", values
    ).fetchall()
