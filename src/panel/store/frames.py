"""What analyses ask of the store about a source: its answers counted, their takes and requests."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from panel.store.connection import Connection

COLUMNS = (
    *("tool", "persona", "model", "prompt", "arm"),
    *("ships", "skips", "abstains", "errors", "demos"),
)

Place = tuple[str, str, str | None]  # kind, name, arm: of a source
HOUSE: Place = ("house", "", None)

_COUNTED = """
SELECT tool, persona, model_identity AS model, templates_digest AS prompt, arm,
       count(*) FILTER (verdict = 'ship') AS ships, count(*) FILTER (verdict = 'skip') AS skips,
       count(*) FILTER (outcome = 'abstain') AS abstains,
       count(*) FILTER (outcome = 'error') AS errors, count(profile) AS demos
FROM ({answers}) GROUP BY ALL ORDER BY ALL
"""


def counts_of(connection: Connection, place: Place) -> Connection:
    """Count the answers of a source by their columns; what has no answer yet is not in it.

    Left to be fetched: as rows (``fetchall``), or as numpy columns (``fetchnumpy``) where there
    are a million of them. The columns are those of ``COLUMNS``, in order.
    """
    answers, values = _answers(*place)
    return connection.execute(_COUNTED.format(answers=answers), values)


def _answers(kind: str, name: str, arm: str | None) -> tuple[str, list[Any]]:
    """Return a query of the answers of a source, one row an answer, and its parameters.

    Of a model (or, without a name, of the house) those to the present wordings; of a run what its
    cells ended as, canaries among them.
    """
    columns = (
        "tool, persona, model_identity, templates_digest, repeat, outcome, verdict, take, "
        "fingerprint, tool_digest, output_mode, adapted, attempt_id, profile"
    )
    if kind == "experiment":
        chosen = "observations WHERE experiment = ? AND (? IS NULL OR arm = ?)"
        return (
            f"SELECT {columns}, asked_at, arm FROM {chosen} AND outcome IS NOT NULL",
            [name, arm, arm],
        )
    columns = f"{columns}, finished_at AS asked_at, '' AS arm"
    if kind == "run":
        return f"SELECT {columns} FROM attempts WHERE final AND run_id = ?", [name]
    return f"SELECT {columns} FROM verdicts WHERE ? = '' OR model_identity = ?", [name, name]


def demo_models(connection: Connection, place: Place) -> list[str]:
    """Return the models of a source's answers that only picked sentences: a demo's verdicts."""
    query, values = _answers(*place)
    rows = connection.execute(
        f"SELECT DISTINCT model_identity FROM ({query}) WHERE profile IS NOT NULL ORDER BY 1",
        values,
    ).fetchall()
    return [identity for (identity,) in rows]


_TAKES = """
SELECT tool, persona, model_identity, take FROM ({answers})
WHERE verdict IS NOT NULL AND profile IS NULL
QUALIFY row_number() OVER (
    PARTITION BY tool, persona, model_identity, arm ORDER BY repeat, attempt_id
) = 1
ORDER BY ALL
"""


def takes_of(connection: Connection, place: Place) -> list[tuple[str, str, str, str]]:
    """Return (tool, persona, model identity, take): the first repeat's of each question.

    Without those of demo models: their sentences are the vendor's.
    """
    answers, values = _answers(*place)
    return connection.execute(_TAKES.format(answers=answers), values).fetchall()


def requests_of(connection: Connection, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the output modes of a source's answers, and how their requests were adapted."""
    query, values = _answers(*place)
    row = connection.execute(
        "SELECT list_sort(list(DISTINCT output_mode)), "
        "list_sort(list_distinct(flatten(list(adapted) FILTER (adapted IS NOT NULL)))) "
        f"FROM ({query}) WHERE output_mode IS NOT NULL",
        values,
    ).fetchone()
    modes, adapted = row or (None, None)
    return tuple(modes or ()), tuple(adapted or ())


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


class Names(dict[str, str]):
    """Names by id; of what has none, the id."""

    def __missing__(self, key: str) -> str:
        return key


def persona_names(connection: Connection) -> Names:
    """Return the latest name of every persona by its id; an experiment's where it has no other."""
    rows = connection.execute(
        "SELECT persona, arg_max(p.name, row(r.experiment IS NULL, p.seen_at)) "
        "FROM journal.personas AS p LEFT JOIN journal.runs AS r USING (run_id) GROUP BY persona"
    ).fetchall()
    return Names(rows)


def persona_records(connection: Connection, personas: list[str]) -> list[str]:
    """Return the records of these personas, as JSON, in every version that was ever shown."""
    rows = connection.execute(
        "SELECT DISTINCT record::VARCHAR FROM journal.personas "
        "WHERE persona IN (SELECT unnest(?)) ORDER BY ALL",
        [personas],
    ).fetchall()
    return [record for (record,) in rows]
