"""What analyses ask of the store: outcomes counted by tool, persona, model, prompt and arm."""

from __future__ import annotations

from typing import Any

from panel.store.connection import Connection

_COUNTED = """
count(*) FILTER (verdict = 'ship'), count(*) FILTER (verdict = 'skip'),
count(*) FILTER (outcome = 'abstain'), count(*) FILTER (outcome = 'error')
"""
Row = tuple[Any, ...]  # tool, persona, model, prompt, arm, ships, skips, abstains, errors


def counts_of_house(connection: Connection, model: str | None = None) -> list[Row]:
    """Count the answers to the present wordings. model: an identity; None for every model."""
    return connection.execute(
        f"SELECT tool, persona, model_identity, templates_digest, '', {_COUNTED} FROM verdicts "
        "WHERE ? IS NULL OR model_identity = ? GROUP BY ALL ORDER BY ALL",
        [model, model],
    ).fetchall()


def counts_of_run(connection: Connection, run_id: str) -> list[Row]:
    """Count what the cells of one run ended as, canaries among them."""
    return connection.execute(
        f"SELECT tool, persona, model_identity, templates_digest, '', {_COUNTED} FROM attempts "
        "WHERE final AND run_id = ? GROUP BY ALL ORDER BY ALL",
        [run_id],
    ).fetchall()


def counts_of_experiment(
    connection: Connection, experiment: str, arm: str | None = None
) -> list[Row]:
    """Count the answers of an experiment's cells. arm: one of its arms; None for all."""
    return connection.execute(
        f"SELECT tool, persona, model_identity, templates_digest, arm, {_COUNTED} "
        "FROM observations WHERE experiment = ? AND (? IS NULL OR arm = ?) "
        "GROUP BY ALL ORDER BY ALL",
        [experiment, arm, arm],
    ).fetchall()


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
