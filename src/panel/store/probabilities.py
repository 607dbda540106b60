"""What a model said of its own verdicts: the confidence it stated and the probability it gave."""

from __future__ import annotations

from typing import Any

from panel.store.connection import Connection

Row = tuple[Any, ...]  # tool, persona, repeat, verdict, confidence, p_ship


def stated(connection: Connection, model: str) -> list[Row]:
    """Return the verdicts of a model identity on the present questions, in order of repeats."""
    return connection.execute(
        "SELECT tool, persona, repeat, verdict, confidence, p_ship FROM verdicts "
        "WHERE outcome = 'verdict' AND model_identity = ? ORDER BY tool, persona, repeat",
        [model],
    ).fetchall()
