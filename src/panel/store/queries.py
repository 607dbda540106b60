"""The questions the program asks of the store. SQL is executed in this folder only."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from panel.cells.answers import ROW, Answer
from panel.cells.cells import ModelIdentity, PairKey
from panel.cells.plan import Experience
from panel.errors import UsageError
from panel.store.connection import Connection
from panel.store.ingest import opened
from panel.store.named import of_tools


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's answer: column names and rows of Python values."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


_EXPERIENCE = """
WITH asked AS (
    SELECT attempt_id, prompt_tokens, completion_tokens, messages FROM journal.attempts
    WHERE model_identity = ? AND outcome = 'verdict' AND prompt_tokens > 0
    ORDER BY finished_at DESC LIMIT 200
),
shown AS (SELECT attempt_id, unnest(messages) AS message FROM asked),
sizes AS (
    SELECT attempt_id, sum(length(content)) AS characters
    FROM shown JOIN journal.messages USING (message) GROUP BY attempt_id
)
SELECT sum(characters) / sum(prompt_tokens), avg(completion_tokens)
FROM asked JOIN sizes USING (attempt_id)
"""


def experience(connection: Connection, model: ModelIdentity) -> Experience:
    """Return what a model's latest 200 verdicts say about the size of the next ones."""
    [(ratio, mean)] = connection.execute(_EXPERIENCE, [str(model)]).fetchall()
    return Experience(ratio, mean) if ratio else Experience()


# The columns of an answer, as ``Answer.of_row`` wants them.
ANSWER = ", ".join(
    "strftime(finished_at, '%Y-%m-%dT%H:%M:%SZ') AS asked_at" if name == "asked_at" else name
    for name in ROW
)


def answer_from(row: Sequence[Any]) -> Answer:
    """Make an answer of the columns of ``ANSWER``."""
    fields = dict(zip(ROW, row, strict=True))
    fields["beats"] = json.loads(fields["beats"]) if fields["beats"] else {}
    return Answer.of_row(fields)


def answers_by_pair(
    connection: Connection,
    model: ModelIdentity | str,
    every: bool = False,
    tools: Collection[str] | None = None,
) -> dict[PairKey, list[Answer]]:
    """Return the outcomes of a model by tool × persona, repeats in order.

    Those to the wording asked last; with ``every`` also those to earlier ones. tools: of these
    slugs; None for all.
    """
    condition, values = ("true", {}) if tools is None else of_tools(tools)
    rows = connection.execute(
        f"SELECT tool, persona, {ANSWER} FROM journal.outcomes WHERE model_identity = $model "
        f"AND (present OR $every) AND {condition} "
        "ORDER BY tool, persona, repeat, finished_at",
        {"model": str(model), "every": every, **values},
    ).fetchall()
    found: dict[PairKey, list[Answer]] = {}
    for tool, persona, *row in rows:
        found.setdefault((tool, persona), []).append(answer_from(row))
    return found


_SEALS = """
SELECT attempt_id, seal FROM journal.attempts WHERE seal IS NOT NULL
UNION ALL SELECT decision_id, seal FROM journal.decisions WHERE seal IS NOT NULL
"""


def seals_by_id(connection: Connection) -> dict[str, str]:
    """Return the seals of the lines of attempts and decisions, wherever these are, by their ids."""
    return dict(connection.execute(_SEALS).fetchall())


_TOUCHED = """
WITH asked AS (SELECT unnest(?::VARCHAR[]) AS run_id)
SELECT tool FROM journal.attempts SEMI JOIN asked USING (run_id)
UNION SELECT tool FROM journal.adoptions SEMI JOIN asked USING (run_id)
UNION SELECT tool FROM journal.canaries SEMI JOIN asked USING (run_id)
UNION SELECT a.tool FROM journal.reparses AS r JOIN journal.attempts AS a USING (attempt_id)
WHERE r.run_id IN (SELECT run_id FROM asked)
UNION SELECT NULL FROM journal.renames SEMI JOIN asked USING (run_id)
"""


def tools_of_runs(connection: Connection, runs: Collection[str]) -> set[str] | None:
    """Return the tools whose answers these runs may have changed; None: any tool's."""
    rows = connection.execute(_TOUCHED, [sorted(runs)]).fetchall()
    tools = {tool for (tool,) in rows}
    return None if None in tools else tools


def answers_by_fingerprint(
    connection: Connection, model: ModelIdentity, experiments: bool = False
) -> dict[str, Answer]:
    """Return every settled cell of a model by its fingerprint, earlier wordings included.

    experiments: with what was asked for experiments alone. Of several answers to one wording a
    verdict goes before an abstention, then the newest.
    """
    rows = connection.execute(
        f"SELECT {ANSWER} FROM journal.{'outcome' if experiments else 'current'}_attempts "
        "WHERE model_identity = ? AND final AND outcome IN ('verdict', 'abstain') "
        "QUALIFY row_number() OVER (PARTITION BY fingerprint ORDER BY outcome DESC, "
        "finished_at DESC, attempt_id DESC) = 1",
        [str(model)],
    ).fetchall()
    return {answer.fingerprint: answer for answer in map(answer_from, rows)}


def answer_of(connection: Connection, attempt_id: str) -> Answer | None:
    """Return the answer of an attempt that ended in a verdict, as read now; None for another."""
    return answers_of(connection, [attempt_id]).get(attempt_id)


def answers_of(connection: Connection, attempt_ids: Collection[str]) -> dict[str, Answer]:
    """Return the answers of those of these attempts that ended in a verdict, as read now."""
    rows = connection.execute(
        f"SELECT {ANSWER} FROM journal.current_attempts "
        "WHERE attempt_id IN (SELECT unnest(?::VARCHAR[])) AND final AND outcome = 'verdict'",
        [sorted(attempt_ids)],
    ).fetchall()
    return {answer.attempt_id: answer for answer in map(answer_from, rows)}


def repeats_by_tool(connection: Connection, model: ModelIdentity) -> dict[str, int]:
    """Return the highest repeat of each tool that a model has answered."""
    rows = connection.execute(
        "SELECT tool, max(repeat) FROM journal.narrow_current_attempts WHERE model_identity = ? "
        "GROUP BY tool",
        [str(model)],
    ).fetchall()
    return dict(rows)


_LAST_ASKED = """
SELECT endpoint, model FROM journal.attempts
WHERE list_contains($endpoints, endpoint) AND ($model IS NULL OR model = $model)
ORDER BY run_id IN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL OR trial),
         outcome = 'error',
         (endpoint, model) NOT IN (
             SELECT (a.endpoint, a.model)
             FROM published JOIN journal.attempts AS a USING (attempt_id)
         ),
         finished_at DESC, attempt_id DESC
LIMIT 1
"""


def last_asked(
    connection: Connection, endpoints: Collection[str], model: str | None = None
) -> tuple[str, str] | None:
    """Return endpoint and model of the newest answer of these endpoints; None where none is stored.

    model: its name; None for any. An answer goes before an error, the house panel before
    experiments and before a question by which a model was tried, and a model whose takes are
    approved before any other: to ask another one changes nothing that is published.
    """
    found = connection.execute(_LAST_ASKED, {"endpoints": [*endpoints], "model": model}).fetchall()
    return found[0] if found else None


def models_with_outcomes(connection: Connection) -> list[str]:
    """Return the model identities that have outcomes, most cells first."""
    rows = connection.execute(
        "SELECT model_identity, sum(ships + skips + abstains + errors) AS cells "
        "FROM journal.ship_percentages WHERE level = 'persona' "
        "GROUP BY 1 HAVING cells > 0 ORDER BY cells DESC, 1"
    ).fetchall()
    return [identity for identity, _cells in rows]


def run_totals(connection: Connection, run_id: str) -> dict[str, Any] | None:
    """Return a run's row of the ``runs`` view; None when it wrote nothing."""
    cursor = connection.execute("SELECT * FROM runs WHERE run_id = ?", [run_id])
    names = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    return dict(zip(names, rows[0], strict=True)) if rows else None


def select(runs: Path, sql: str) -> QueryResult:
    """Run one query of the user's; raises UsageError with DuckDB's own words, and as ``opened``.

    The database is read-only then and shut off from files and network, so nothing a query
    says can change or leak anything.
    """
    if any("\ud800" <= character <= "\udfff" for character in sql):
        raise UsageError("The query is not valid UTF-8. Write it as UTF-8 text.")
    with opened(runs, shut=True) as connection:
        try:
            return _selected(connection, sql)
        except duckdb.Error as error:
            if "'pytz'" in str(error):
                raise UsageError(
                    "The query returns a time with a zone. The store's times are UTC without "
                    "one: write (…)::TIMESTAMP around it."
                ) from None
            raise UsageError(f"DuckDB refused the query: {error}") from None


def _selected(connection: Connection, sql: str) -> QueryResult:
    if len(connection.extract_statements(sql)) > 1:
        raise UsageError("The query is more than one statement. Write one SELECT statement.")
    cursor: duckdb.DuckDBPyConnection | None = connection.execute(sql)
    if cursor is None:  # only blanks and comments
        raise UsageError("The query is empty. Write one SELECT statement.")
    columns = [column[0] for column in cursor.description or []]
    for column in columns:
        if columns.count(column) > 1:
            raise UsageError(f"Two columns are named {column!r}. Name one of them with AS.")
    return QueryResult(columns, cursor.fetchall())
