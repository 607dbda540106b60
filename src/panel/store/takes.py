"""What analyses of the takes as texts ask of the store."""

from __future__ import annotations

from panel.store.connection import Connection

_TAKES = """
SELECT tool, persona, model_identity, take FROM {view}
WHERE verdict IS NOT NULL AND ({where})
QUALIFY row_number() OVER (
    PARTITION BY tool, persona, model_identity{arm} ORDER BY repeat, attempt_id
) = 1
ORDER BY ALL
"""


def takes_of(
    connection: Connection, kind: str, name: str = "", arm: str | None = None
) -> list[tuple[str, str, str, str]]:
    """Return (tool, persona, model identity, take): the first repeat's of each question.

    kind: house, model, run or experiment, which ``name`` and ``arm`` are of.
    """
    if kind == "run":
        query = _TAKES.format(view="attempts", where="final AND run_id = ?", arm="")
        values: list[str | None] = [name]
    elif kind == "experiment":
        where = "experiment = ? AND (? IS NULL OR arm = ?)"
        query = _TAKES.format(view="observations", where=where, arm=", arm")
        values = [name, arm, arm]
    else:
        query = _TAKES.format(view="verdicts", where="? IS NULL OR model_identity = ?", arm="")
        values = [name or None, name or None]
    return connection.execute(query, values).fetchall()


def persona_records(connection: Connection, personas: list[str]) -> list[str]:
    """Return the records of these personas, as JSON, in every version that was ever shown."""
    rows = connection.execute(
        "SELECT DISTINCT record::VARCHAR FROM journal.personas "
        "WHERE persona IN (SELECT unnest(?)) ORDER BY ALL",
        [personas],
    ).fetchall()
    return [record for (record,) in rows]
