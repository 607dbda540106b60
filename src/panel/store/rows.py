"""Where journal lines go: the table of each kind, the row made of a line, and the insert.

A line's fields are the columns of its table. What a table has is read from the schema itself. A
line that does not hold what others make of it later (an answer, a decision, the beats of a
persona) goes into no table: the functions that make rows raise ValueError, KeyError, TypeError or
AttributeError for it. Rows go to DuckDB as JSON text, which it reads several times faster than
lists of Python's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
from pydantic import TypeAdapter
from pydantic_core import to_json

from panel.cells.answers import INPUT_NAMES
from panel.cells.decided import RecordedDecision
from panel.hashing import content_hash
from panel.store.checked import Whole, be_answer, be_message, be_names

Row = Mapping[str, Any]
Fields = dict[str, Any]

_BEATS = TypeAdapter(dict[str, str])
# What a reading of an earlier reply does not say of its answer; it is laid over the attempt's.
_UNSAID = {
    **dict.fromkeys(("endpoint", "model", "model_identity", "output_mode", "wording"), "-"),
    **dict.fromkeys(("fingerprint", *INPUT_NAMES), "-"),
    "profile": None,
    "repeat": 1,
}


def _run(line: Row) -> Fields:
    return {**line, "panel": be_names(*line["panel"])}


def _tool(line: Row) -> Fields:
    record = line["record"]
    return {**record, **line, "tool": record["slug"], "entry_price": record["pricing"]["entry"]}


def _persona(line: Row) -> Fields:
    record = line["record"]
    _BEATS.validate_python({beat["id"]: beat["label"] for beat in record["beats"]})
    return {**record, **line, "persona": record["id"], "position": record["order"]}


def _message(line: Row) -> Fields:
    return be_message(dict(line))


def _worded(line: Row) -> Fields:
    """Read a line of an older format, which names no wording and whose digests are of records."""
    if "wording" in line:
        return {**line}
    return {
        **line,
        "wording": content_hash([line.get(name) for name in INPUT_NAMES if name != "profile"]),
        "tool_record": line.get("tool_digest"),
        "persona_record": line.get("persona_digest"),
    }


def _arm(line: Row) -> Fields:
    return {**line, **line["sampling"], **line["form"]}


def _attempt(line: Row) -> Fields:
    made = _worded(line)
    be_names(made["tool"], made["persona"], *made.get("messages", ()))
    be_answer(made)
    return made


def _reparse(line: Row) -> Fields:
    be_answer(_UNSAID | dict(line))
    return {**line}


def _probability(line: Row) -> Fields:
    be_names(line["attempt_id"])
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
    be_names(line["tool"], line["persona"])
    return {**line, "seal": line.get("receipt", line.get("seal"))}  # one that was thawed says it


def _note(line: Row) -> Fields:
    be_names(line["tool"], line["persona"], line["editor"])
    return {**line}


def _draft(line: Row) -> Fields:
    typed = line["typed"]
    if not isinstance(typed, dict) or not all(isinstance(each, str) for each in typed.values()):
        raise ValueError("a draft holds texts by the names of their fields.")
    return _note(line)


def _assign(line: Row) -> Fields:
    if line["assignee"] is not None:
        be_names(line["assignee"])
    return _note(line)


def _draw(line: Row) -> Fields:
    be_names(*(line[name] for name in ("item", "tool", "persona", "model_identity", "wording")))
    return {**line}


def _request(line: Row) -> Fields:
    be_names(line["custom_id"], line["tool"], line["persona"])
    be_names(*line["messages"])
    return {**line}


def _label(line: Row) -> Fields:
    be_names(line["item"], line["labeller"])
    return {**line}


# Kind of line → its table, and the row made of a line where that is not the line itself.
JOURNAL_KINDS: dict[str, tuple[str, Callable[[Row], Fields] | None]] = {
    "run": ("runs", _run),
    "end": ("ends", None),
    "tool": ("tools", _tool),
    "persona": ("personas", _persona),
    "message": ("messages", _message),
    "adopt": ("adoptions", _worded),
    "canary": ("canaries", None),
    "attempt": ("attempts", _attempt),
    "thaw": ("attempts", _thaw),
    "decision": ("decisions", _decision),
    "draft": ("drafts", _draft),
    "assign": ("assignments", _assign),
    "reparse": ("reparses", _reparse),
    "probability": ("probabilities", _probability),
    "request": ("requests", _request),
    "batch": ("batches", None),
    "rename": ("renames", None),
    "draw": ("draws", _draw),
    "label": ("labels", _label),
    "experiment": ("experiments", None),
    "arm": ("arms", _arm),
    "enrol": ("enrolments", None),
}
# Of which type a column is read; a time by way of the one that heeds a zone, which TIMESTAMP drops.
_READ_AS = {
    **dict.fromkeys(("VARCHAR", "VARCHAR[]", "JSON"), ""),
    "TIMESTAMP": "::TIMESTAMPTZ::TIMESTAMP",
}
_columns: dict[str, dict[str, str]] = {}  # by table; every database has the one schema


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns of a table of the schema ``journal``, and their types, in order."""
    if table not in _columns:
        rows = connection.execute(f"DESCRIBE journal.{table}").fetchall()
        _columns[table] = {name: kind for name, kind, *_ in rows}
    return _columns[table]


def row_of(kind: str, line: Row) -> Row:
    """Return the row of a line of this kind; raises for one that does not hold what it must."""
    _table, made = JOURNAL_KINDS[kind]
    return line if made is None else made(line)


def insert(connection: duckdb.DuckDBPyConnection, kind: str, rows: Sequence[Row]) -> None:
    """Insert rows of one kind of line; those whose key is there already change nothing."""
    put(connection, JOURNAL_KINDS[kind][0], rows, "OR IGNORE")


def put(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row], how: str = ""
) -> None:
    """Insert rows (column → value, None where one is left out) in one statement.

    how: "OR IGNORE", "OR REPLACE", or "".
    """
    columns = columns_of(connection, table)
    sent = {
        name: ["VARCHAR"] if kind == "VARCHAR[]" else "JSON" if kind == "JSON" else "VARCHAR"
        for name, kind in columns.items()
    }
    read = ", ".join(f'"{name}"{_READ_AS.get(kind, f"::{kind}")}' for name, kind in columns.items())
    texts = [row.text if isinstance(row, Whole) else to_json(row).decode() for row in rows]
    connection.execute(
        f"INSERT {how} INTO journal.{table} SELECT {read} FROM (SELECT unnest(json_transform("
        "line, $sent)) FROM (SELECT unnest($texts::VARCHAR[]) AS line))",
        {"sent": to_json(sent).decode(), "texts": texts},
    ).fetchall()
