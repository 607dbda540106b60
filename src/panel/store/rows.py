"""Where journal lines go: the table of each kind, the row made of a line, and the insert.

A line's fields are the columns of its table. What a table has is read from the schema itself. A
line that does not hold what others make of it later (an answer, a decision, the beats of a
persona) goes into no table: the functions that make rows raise ValueError, KeyError, TypeError or
AttributeError for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
from pydantic import TypeAdapter
from pydantic_core import to_json

from panel.cells.answers import INPUT_NAMES, ROW, Answer, OneLine
from panel.cells.decided import RecordedDecision
from panel.hashing import content_hash

Row = Mapping[str, Any]
Fields = dict[str, Any]

_NAMES = TypeAdapter(tuple[OneLine, ...])
_ANSWER = TypeAdapter(Answer)
_BEATS = TypeAdapter(dict[str, str])
# What a reading of an earlier reply does not say of its answer; it is laid over the attempt's.
_UNSAID = {
    **dict.fromkeys(("endpoint", "model", "model_identity", "output_mode", "wording"), "-"),
    **dict.fromkeys(("fingerprint", *INPUT_NAMES), "-"),
    "repeat": 1,
}


def _run(line: Row) -> Fields:
    return {**line, "panel": _NAMES.validate_python(line["panel"])}


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
    _BEATS.validate_python({beat["id"]: beat["label"] for beat in record["beats"]})
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


def _arm(line: Row) -> Fields:
    return {**line, **line["sampling"], **line["form"]}


def _attempt(line: Row) -> Fields:
    made = _worded(line)
    _NAMES.validate_python((made["tool"], made["persona"], *made.get("messages", ())))
    _be_answer(made)
    return made


def _be_answer(line: Row) -> None:
    """Raise ValidationError for a line of which no answer can be made."""
    said = {name: line[name] for name in ROW if line.get(name) is not None}
    inputs = {name: said.pop(name) for name in INPUT_NAMES if name in said}
    # Its time may be written in any way that the database reads.
    _ANSWER.validate_python(said | {"inputs": inputs, "asked_at": "2026-01-01T00:00:00Z"})


def _reparse(line: Row) -> Fields:
    _be_answer(_UNSAID | dict(line))
    return {**line}


def _probability(line: Row) -> Fields:
    _NAMES.validate_python((line["attempt_id"],))
    return {**line}


def _thaw(line: Row) -> Fields:
    """Make an attempt of an answer from ``verdicts/``: one that nothing was asked for here."""
    return {
        **_attempt(line),
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
    said = {name: line.get(name) for name in RecordedDecision.model_fields}
    RecordedDecision.model_validate(
        {name: value for name, value in said.items() if value is not None}
    )
    _NAMES.validate_python((line["tool"], line["persona"]))
    return {**line, "seal": line.get("receipt", line.get("seal"))}  # one that was thawed says it


def _draw(line: Row) -> Fields:
    _NAMES.validate_python(
        tuple(line[name] for name in ("item", "tool", "persona", "model_identity", "wording"))
    )
    return {**line}


def _label(line: Row) -> Fields:
    _NAMES.validate_python((line["item"], line["labeller"]))
    return {**line}


# Kind of line → its table, and the row made of a line where that is not the line itself.
JOURNAL_KINDS: dict[str, tuple[str, Callable[[Row], Fields] | None]] = {
    "run": ("runs", _run),
    "end": ("ends", None),
    "tool": ("tools", _tool),
    "persona": ("personas", _persona),
    "message": ("messages", None),
    "adopt": ("adoptions", _worded),
    "canary": ("canaries", None),
    "attempt": ("attempts", _attempt),
    "thaw": ("attempts", _thaw),
    "decision": ("decisions", _decision),
    "reparse": ("reparses", _reparse),
    "probability": ("probabilities", _probability),
    "rename": ("renames", None),
    "draw": ("draws", _draw),
    "label": ("labels", _label),
    "experiment": ("experiments", None),
    "arm": ("arms", _arm),
    "enrol": ("enrolments", None),
}
# JSON is sent as text, or DuckDB would see structs of varying shape; times by way of the type
# that heeds a zone, since TIMESTAMP drops one.
_SENT_AS = {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}


_columns: dict[str, dict[str, str]] = {}  # by table; every database has the one schema


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns of a table of the schema ``journal``, and their types, in order."""
    if table not in _columns:
        rows = connection.execute(f"DESCRIBE journal.{table}").fetchall()
        _columns[table] = {name: kind for name, kind, *_ in rows}
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
