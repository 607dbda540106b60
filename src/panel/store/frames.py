"""What analyses ask of the store: outcomes counted by tool, persona, model, prompt and arm.

Each query is left to be fetched: as rows (``fetchall``), or as numpy columns (``fetchnumpy``) where
there are a million of them. Its columns are those of ``COLUMNS``, in order.
"""

from __future__ import annotations

from panel.store.connection import Connection

COLUMNS = (
    *("tool", "persona", "model", "prompt", "arm"),
    *("ships", "skips", "abstains", "errors"),
)

_COUNTED = """
count(*) FILTER (verdict = 'ship') AS ships, count(*) FILTER (verdict = 'skip') AS skips,
count(*) FILTER (outcome = 'abstain') AS abstains, count(*) FILTER (outcome = 'error') AS errors
"""
_HERE = f"""
tool, persona, model_identity AS model, templates_digest AS prompt, '' AS arm, {_COUNTED}
"""


def counts_of_house(connection: Connection, model: str | None = None) -> Connection:
    """Count the answers to the present wordings. model: an identity; None for every model."""
    return connection.execute(
        f"SELECT {_HERE} FROM verdicts "
        "WHERE ? IS NULL OR model_identity = ? GROUP BY ALL ORDER BY ALL",
        [model, model],
    )


def counts_of_run(connection: Connection, run_id: str) -> Connection:
    """Count what the cells of one run ended as, canaries among them."""
    return connection.execute(
        f"SELECT {_HERE} FROM attempts WHERE final AND run_id = ? GROUP BY ALL ORDER BY ALL",
        [run_id],
    )


def counts_of_experiment(
    connection: Connection, experiment: str, arm: str | None = None
) -> Connection:
    """Count the answers of an experiment's cells. arm: one of its arms; None for all."""
    return connection.execute(
        f"SELECT tool, persona, model_identity AS model, templates_digest AS prompt, arm, "
        f"{_COUNTED} FROM observations WHERE experiment = ? AND (? IS NULL OR arm = ?) "
        "GROUP BY ALL ORDER BY ALL",
        [experiment, arm, arm],
    )
