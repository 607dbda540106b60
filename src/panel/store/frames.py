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
