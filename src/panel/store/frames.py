"""What analyses ask of the store: outcomes counted by tool, persona, model, prompt and arm.

Each query is left to be fetched: as rows (``fetchall``), or as numpy columns (``fetchnumpy``) where
there are a million of them. Its columns are those of ``COLUMNS``, in order.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

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
    """Count the answers of an experiment's cells. arm: one of its arms; None for all.

    Cells without an answer yet have an empty prompt and count nothing.
    """
    return connection.execute(
        "SELECT tool, persona, model_identity AS model, "
        f"coalesce(templates_digest, '') AS prompt, arm, {_COUNTED} "
        "FROM observations WHERE experiment = ? AND (? IS NULL OR arm = ?) "
        "GROUP BY ALL ORDER BY ALL",
        [experiment, arm, arm],
    )


def _answers(kind: str, name: str, arm: str | None) -> tuple[str, list[Any]]:
    """Return a query of the answers of a source, one row an answer, and its parameters."""
    columns = "tool, persona, repeat, verdict, take, fingerprint, tool_digest"
    if kind == "experiment":
        chosen = "observations WHERE experiment = ? AND (? IS NULL OR arm = ?)"
        return f"SELECT {columns}, asked_at FROM {chosen}", [name, arm, arm]
    columns = f"{columns}, finished_at AS asked_at"
    if kind == "run":
        return f"SELECT {columns} FROM attempts WHERE final AND run_id = ?", [name]
    return f"SELECT {columns} FROM verdicts WHERE ? = '' OR model_identity = ?", [name, name]


Place = tuple[str, str, str | None]  # kind, name, arm: of a source


def takes_by_vote(
    connection: Connection, place: Place, tools: Collection[str]
) -> dict[tuple[str, str, str], str]:
    """Return a take for each tool, persona and verdict of a source: that of the first repeat."""
    query, values = _answers(*place)
    rows = connection.execute(
        f"SELECT tool, persona, verdict, arg_min(take, repeat) FROM ({query}) "
        "WHERE verdict IS NOT NULL AND list_contains(?, tool) GROUP BY ALL",
        [*values, list(tools)],
    ).fetchall()
    return {(tool, persona, verdict): take for tool, persona, verdict, take in rows}


def reviews_by_tool(connection: Connection, place: Place) -> dict[str, tuple[str, ...]]:
    """Return the hashes of each tool's rendered reviews that the votes of a source are on."""
    query, values = _answers(*place)
    rows = connection.execute(
        f"SELECT tool, list_sort(list(DISTINCT tool_digest)) FROM ({query}) "
        "WHERE verdict IS NOT NULL GROUP BY tool",
        values,
    ).fetchall()
    return {tool: tuple(digests) for tool, digests in rows}


def answers_in_both(connection: Connection, one: Place, other: Place) -> int:
    """Count the votes that two sources share: the very same answers."""
    (first, values), (second, more) = _answers(*one), _answers(*other)
    what = "SELECT DISTINCT fingerprint, asked_at"
    row = connection.execute(
        f"SELECT count(*) FROM ({what} FROM ({first}) WHERE verdict IS NOT NULL "
        f"INTERSECT {what} FROM ({second}) WHERE verdict IS NOT NULL)",
        [*values, *more],
    ).fetchone()
    return int(row[0]) if row else 0


def usd_per_answer(connection: Connection, place: Place) -> float | None:
    """Return what an answer of a source cost, with its repairs, in US dollars.

    The mean over all its questions. None where the price of one request of them is not known.
    """
    query, values = _answers(*place)
    row = connection.execute(
        "SELECT sum(cost_usd) / count(DISTINCT (run_id, fingerprint)) FROM journal.attempts "
        f"WHERE fingerprint IN (SELECT fingerprint FROM ({query})) AND thawed IS NOT TRUE "
        "HAVING count(*) = count(cost_usd)",
        values,
    ).fetchone()
    return row[0] if row else None
