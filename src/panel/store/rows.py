"""Where journal lines go: the table of each kind, its columns, and the insert that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from pydantic_core import to_json

Row = Mapping[str, Any]
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalTable:
    """Where lines of one kind go: table, column types, and the row made of a line."""

    name: str
    columns: dict[str, str]
    row: Callable[[Row], Fields]


_INPUTS = {
    "tool_digest": "VARCHAR",
    "persona_digest": "VARCHAR",
    "templates_digest": "VARCHAR",
    "sampling_digest": "VARCHAR",
    "guidance_digest": "VARCHAR",
}
_CELL = {
    "run_id": "VARCHAR",
    "tool": "VARCHAR",
    "persona": "VARCHAR",
    "model_identity": "VARCHAR",
    "repeat": "INTEGER",
    "fingerprint": "VARCHAR",
}
_READ = {  # what the parser made of a reply
    "outcome": "VARCHAR",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
    "verdict": "VARCHAR",
    "confidence": "INTEGER",
    "take": "VARCHAR",
    "beats": "JSON",
    "evidence": "VARCHAR[]",
    "reply": "VARCHAR",
    "degraded": "BOOLEAN",
}
_ATTEMPT = {
    "attempt_id": "VARCHAR",
    **_CELL,
    "endpoint": "VARCHAR",
    "model": "VARCHAR",
    "ordinal": "INTEGER",
    "output_mode": "VARCHAR",
    "repair": "BOOLEAN",
    "final": "BOOLEAN",
    **_READ,
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
    "adapted": "VARCHAR[]",
}


def _thawed(line: Row) -> Fields:
    """Make an attempt of an answer from ``verdicts/``: one that nothing was asked for here."""
    return {
        **line,
        "ordinal": 1,
        "repair": False,
        "final": True,
        "started_at": line["asked_at"],
        "finished_at": line["asked_at"],
        "seconds": 0.0,
        "messages": [],
        "thawed": True,
    }


JOURNAL_TABLES = {
    "run": JournalTable(
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
    "end": JournalTable(
        "ends",
        {
            "run_id": "VARCHAR",
            "finished_at": "TIMESTAMP",
            "stopped": "VARCHAR",
            "server": "VARCHAR",
            "server_version": "VARCHAR",
            "output_mode": "VARCHAR",
            "concurrency": "JSON",
        },
        dict,
    ),
    "tool": JournalTable(
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
    "persona": JournalTable(
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
    "message": JournalTable(
        "messages", {"message": "VARCHAR", "role": "VARCHAR", "content": "VARCHAR"}, dict
    ),
    "adopt": JournalTable("adoptions", {**_CELL, "adopted_at": "TIMESTAMP", **_INPUTS}, dict),
    "canary": JournalTable("canaries", _CELL, dict),
    "attempt": JournalTable("attempts", _ATTEMPT, dict),
    "thaw": JournalTable("attempts", {**_ATTEMPT, "thawed": "BOOLEAN"}, _thawed),
    "decision": JournalTable(
        "decisions",
        {
            "decision_id": "VARCHAR",
            **_CELL,
            "attempt_id": "VARCHAR",
            "action": "VARCHAR",
            "text": "VARCHAR",
            "verdict": "VARCHAR",
            "confidence": "INTEGER",
            "evidence": "VARCHAR[]",
            "note": "VARCHAR",
            "editor": "VARCHAR",
            "decided_at": "TIMESTAMP",
            "follows": "VARCHAR",
            "undoes": "VARCHAR",
        },
        dict,
    ),
    "reading": JournalTable(
        "readings",
        {"run_id": "VARCHAR", "attempt_id": "VARCHAR", "read_at": "TIMESTAMP", **_READ},
        dict,
    ),
}
# JSON is sent as text, or DuckDB would see structs of varying shape; times by way of the type
# that heeds a zone, since TIMESTAMP drops one.
_SENT_AS = {"JSON": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: JournalTable,
    lines: Sequence[Row],
    how: str = "OR IGNORE",
) -> None:
    """Insert lines into their table in one statement; ``how``: OR IGNORE, OR REPLACE, or ""."""
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
