"""What a plan asks of the store: which cells and records it knows, and which are settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from sys import intern
from typing import Any

from panel.cells.answers import INPUT_NAMES, Inputs
from panel.cells.cells import CellKey, ModelIdentity
from panel.cells.plan import Asked, Known
from panel.store.connection import Connection
from panel.store.percentages import panels_by_model

ROWS_AT_ONCE = 5_000
NEVER_ASKED = Known(None, ())


# One row an event, the latest last: put together here they take a third of the time and memory
# that DuckDB's own aggregates of structs take.
_EVENTS = f"""
SELECT tool, persona, repeat, fingerprint, CASE WHEN final THEN outcome END,
       {", ".join(INPUT_NAMES)}
FROM journal.cell_events WHERE model_identity = $model ORDER BY happened_at, id
"""
_ELSEWHERE = """
SELECT DISTINCT tool, persona, repeat, fingerprint FROM journal.narrow_outcome_attempts
WHERE model_identity = $model AND final AND outcome IN ('verdict', 'abstain')
  AND run_id IN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL)
"""


def known_cells(connection: Connection, model: ModelIdentity) -> dict[CellKey, Known]:
    """Return what the store holds on every cell of this model, asked for an experiment or not."""
    known: dict[CellKey, Known] = {}
    events = connection.execute(_EVENTS, {"model": str(model)})
    while rows := events.fetchmany(ROWS_AT_ONCE):
        for tool, persona, repeat, fingerprint, outcome, *inputs in rows:
            digests: list[Any] = [digest and intern(digest) for digest in inputs]
            asked = Asked(fingerprint, outcome, Inputs(*digests))
            key = (intern(tool), intern(persona), repeat)
            settled = (fingerprint,) if outcome in ("verdict", "abstain") else ()
            known[key] = Known(asked, (*known[key].settled, *settled) if key in known else settled)
    elsewhere = connection.execute(_ELSEWHERE, {"model": str(model)})
    for tool, persona, repeat, fingerprint in elsewhere.fetchall():
        before = known.get((tool, persona, repeat), NEVER_ASKED)
        known[tool, persona, repeat] = replace(before, settled=(*before.settled, fingerprint))
    return known


def last_moment(connection: Connection) -> datetime | None:
    """Return the latest time that an answer has, a reading of one or an adoption; None for none."""
    row = connection.execute(
        "SELECT greatest((SELECT max(finished_at) FROM journal.attempts), "
        "(SELECT max(read_at) FROM journal.reparses), "
        "(SELECT max(adopted_at) FROM journal.adoptions))"
    ).fetchone()
    moment: datetime | None = row[0] if row else None
    return moment


def settled_cells(connection: Connection) -> set[tuple[str, str, str]]:
    """Return tool, persona and fingerprint of all that has ended as a verdict or an abstention."""
    rows = connection.execute(
        "SELECT DISTINCT tool, persona, fingerprint FROM journal.narrow_outcome_attempts "
        "WHERE final AND outcome IN ('verdict', 'abstain')"
    ).fetchall()
    return set(rows)


def held_fingerprints(connection: Connection) -> set[str]:
    """Return the fingerprints of every cell that has ended as a verdict or an abstention."""
    rows = connection.execute(
        "SELECT DISTINCT fingerprint FROM journal.narrow_current_attempts "
        "WHERE final AND outcome IN ('verdict', 'abstain')"
    ).fetchall()
    return {fingerprint for (fingerprint,) in rows}


def answered_elsewhere(connection: Connection, model: ModelIdentity) -> set[CellKey]:
    """Return the cells that another model of the same endpoint has been asked."""
    rows = connection.execute(
        "SELECT DISTINCT tool, persona, repeat FROM journal.attempts "
        "WHERE endpoint = ? AND model_identity <> ? "
        "AND run_id NOT IN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL)",
        [model.endpoint, str(model)],
    ).fetchall()
    return set(rows)


def known_records(
    connection: Connection, model: ModelIdentity | None = None
) -> tuple[set[str], list[str]]:
    """Return the digests of the latest tools and personas, and the panel of the latest run.

    model: whose latest run; None for that of any.
    """
    digests = connection.execute(
        "SELECT digest FROM tools UNION ALL SELECT digest FROM personas"
    ).fetchall()
    panels = panels_by_model(connection).get("" if model is None else str(model), [()])
    return {digest for (digest,) in digests}, list(panels[-1])
