"""The questions the program asks of the store. SQL stands here and in migrations only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from panel.cells.cells import CellKey, Inputs, ModelIdentity
from panel.cells.plan import Experience, Known
from panel.errors import StoreError, UsageError
from panel.store.connection import FILE, reading
from panel.store.ingest import ingest


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's answer: column names and rows of Python values."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class StoredCell:
    """The latest outcome of one cell, as the store holds it."""

    persona: str
    repeat: int
    outcome: str
    verdict: str | None
    confidence: int | None
    take: str | None
    beats: dict[str, str]
    evidence: tuple[str, ...]
    reason: str | None
    asked_at: str
    output_mode: str
    fingerprint: str
    endpoint: str
    model: str
    model_identity: str
    returned_model: str | None
    system_fingerprint: str | None
    inputs: Inputs
    attempt_id: str


@contextmanager
def opened(runs: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Bring the database up to date, then open it for reading. Makes it where there is none."""
    ingest(runs)
    with reading(runs / FILE) as connection:
        yield connection


_KNOWN = """
SELECT tool, persona, repeat,
       arg_max(
           {'f': fingerprint, 'o': CASE WHEN final THEN outcome END, 'a': tool_digest,
            'b': persona_digest, 'c': templates_digest, 'd': sampling_digest,
            'e': guidance_digest}, row(happened_at, id)
       ) AS latest,
       list(DISTINCT fingerprint) FILTER (final AND outcome IN ('verdict', 'abstain')) AS settled
FROM journal.moments
WHERE model_identity = ?
GROUP BY ALL
"""


def known_cells(
    connection: duckdb.DuckDBPyConnection, model: ModelIdentity
) -> dict[CellKey, Known]:
    """Return what the store holds on every cell of this model."""
    rows = connection.execute(_KNOWN, [str(model)]).fetchall()
    return {
        (tool, persona, repeat): Known(
            fingerprint=latest["f"],
            outcome=latest["o"],
            inputs=Inputs(*(latest[name] for name in "abcde")),
            settled=frozenset(settled or ()),
        )
        for tool, persona, repeat, latest, settled in rows
    }


def held_fingerprints(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the fingerprints of every cell that has ended as a verdict or an abstention."""
    rows = connection.execute(
        "SELECT DISTINCT fingerprint FROM journal.effective "
        "WHERE final AND outcome IN ('verdict', 'abstain')"
    ).fetchall()
    return {fingerprint for (fingerprint,) in rows}


def answered_elsewhere(connection: duckdb.DuckDBPyConnection, model: ModelIdentity) -> set[CellKey]:
    """Return the cells that another model of the same endpoint has been asked."""
    rows = connection.execute(
        "SELECT DISTINCT tool, persona, repeat FROM journal.attempts "
        "WHERE endpoint = ? AND model_identity <> ?",
        [model.endpoint, str(model)],
    ).fetchall()
    return set(rows)


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


def experience(connection: duckdb.DuckDBPyConnection, model: ModelIdentity) -> Experience:
    """Return what a model's latest 200 verdicts say about the size of the next ones."""
    [(ratio, mean)] = connection.execute(_EXPERIENCE, [str(model)]).fetchall()
    return Experience(ratio, mean) if ratio else Experience()


def known_records(connection: duckdb.DuckDBPyConnection) -> tuple[set[str], list[str]]:
    """Return the digests of the latest tools and personas, and the latest run's panel."""
    digests = connection.execute(
        "SELECT digest FROM tools UNION ALL SELECT digest FROM personas"
    ).fetchall()
    panel = connection.execute(
        "SELECT panel FROM journal.runs ORDER BY started_at DESC, run_id DESC LIMIT 1"
    ).fetchall()
    return {digest for (digest,) in digests}, panel[0][0] if panel else []


def stored_cells(
    connection: duckdb.DuckDBPyConnection, model: ModelIdentity | str
) -> dict[str, list[StoredCell]]:
    """Return the latest outcomes of a model by tool, repeats in order."""
    rows = connection.execute(
        f"SELECT {_CELL} FROM verdicts WHERE model_identity = ? ORDER BY tool, persona, repeat",
        [str(model)],
    ).fetchall()
    found: dict[str, list[StoredCell]] = {}
    for tool, *fields in rows:
        found.setdefault(tool, []).append(_stored_cell(fields))
    return found


_CELL = (
    "tool, persona, repeat, outcome, verdict, confidence, take, beats, evidence, reason, "
    "finished_at, output_mode, fingerprint, endpoint, model, model_identity, returned_model, "
    "system_fingerprint, attempt_id, tool_digest, persona_digest, templates_digest, "
    "sampling_digest, guidance_digest"
)
_NAMES = _CELL.split(", ")[1:]


def _stored_cell(fields: list[Any]) -> StoredCell:
    """Make a cell of the columns after ``tool``."""
    values: dict[str, Any] = dict(zip(_NAMES, fields, strict=True))
    values["beats"] = json.loads(values["beats"]) if values["beats"] else {}
    values["evidence"] = tuple(values["evidence"] or ())
    values["asked_at"] = values.pop("finished_at").isoformat(timespec="seconds") + "Z"
    names = ("tool", "persona", "templates", "sampling", "guidance")
    inputs = [values.pop(f"{name}_digest") for name in names]
    return StoredCell(**values, inputs=Inputs(*inputs))


def answers_by_fingerprint(
    connection: duckdb.DuckDBPyConnection, model: ModelIdentity
) -> dict[str, StoredCell]:
    """Return every settled cell of a model by its fingerprint, earlier wordings included.

    Of several answers to one wording a verdict goes before an abstention, then the newest.
    """
    rows = connection.execute(
        f"SELECT {_CELL} FROM journal.effective WHERE model_identity = ? AND final "
        "AND outcome IN ('verdict', 'abstain') "
        "QUALIFY row_number() OVER (PARTITION BY fingerprint ORDER BY outcome DESC, "
        "finished_at DESC, attempt_id DESC) = 1",
        [str(model)],
    ).fetchall()
    cells = (_stored_cell(fields) for _tool, *fields in rows)
    return {cell.fingerprint: cell for cell in cells}


def repeats_by_tool(connection: duckdb.DuckDBPyConnection, model: ModelIdentity) -> dict[str, int]:
    """Return the highest repeat of each tool that a model has answered."""
    rows = connection.execute(
        "SELECT tool, max(repeat) FROM journal.effective WHERE model_identity = ? GROUP BY tool",
        [str(model)],
    ).fetchall()
    return dict(rows)


@dataclass(frozen=True, slots=True)
class CanaryVotes:
    """The canaries of the latest run that asked some: votes on record, and votes again.

    by_tool: tool, ships, n, ships_again, n_again, over the cells that voted both times.
    """

    run_id: str
    model_identity: str
    asked_at: str
    by_tool: list[dict[str, Any]]


_CANARIES = """
WITH latest AS (
    SELECT canaries.run_id FROM journal.canaries AS canaries
    JOIN journal.runs AS runs USING (run_id)
    WHERE canaries.model_identity = ?
    ORDER BY runs.started_at DESC, run_id DESC LIMIT 1
),
again AS (
    SELECT a.run_id, a.tool, a.fingerprint, a.verdict, a.finished_at
    FROM journal.attempts AS a
    JOIN journal.canaries AS c ON c.run_id = a.run_id AND c.fingerprint = a.fingerprint
    WHERE a.run_id = (SELECT run_id FROM latest) AND a.final AND a.outcome = 'verdict'
),
record AS (
    SELECT fingerprint, verdict FROM journal.effective
    WHERE final AND outcome = 'verdict'
    QUALIFY row_number() OVER (
        PARTITION BY fingerprint ORDER BY finished_at DESC, attempt_id DESC
    ) = 1
)
SELECT tool, any_value(run_id), max(finished_at),
       count(*) FILTER (record.verdict = 'ship'), count(*),
       count(*) FILTER (again.verdict = 'ship'), count(*)
FROM again JOIN record USING (fingerprint)
GROUP BY tool ORDER BY tool
"""


def latest_canaries(
    connection: duckdb.DuckDBPyConnection, model: ModelIdentity | str
) -> CanaryVotes | None:
    """Return the votes of the latest canaries; None where none has voted."""
    rows = connection.execute(_CANARIES, [str(model)]).fetchall()
    if not rows:
        return None
    asked_at = max(row[2] for row in rows).isoformat(timespec="seconds") + "Z"
    names = ("ships", "n", "ships_again", "n_again")
    by_tool = [{"tool": row[0], **dict(zip(names, row[3:], strict=True))} for row in rows]
    return CanaryVotes(rows[0][1], str(model), asked_at, by_tool)


def models_with_verdicts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the model identities that have outcomes, most cells first."""
    rows = connection.execute(
        "SELECT model_identity FROM verdicts GROUP BY 1 ORDER BY count(*) DESC, 1"
    ).fetchall()
    return [identity for (identity,) in rows]


def run_totals(connection: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, Any] | None:
    """Return a run's row of the ``runs`` view; None when it wrote nothing."""
    cursor = connection.execute("SELECT * FROM runs WHERE run_id = ?", [run_id])
    names = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    return dict(zip(names, rows[0], strict=True)) if rows else None


def select(connection: duckdb.DuckDBPyConnection, sql: str) -> QueryResult:
    """Run one query of the user's; raises UsageError with DuckDB's own words.

    The connection is read-only and shut off from files and network, so nothing a query
    says can change or leak anything.
    """
    if any("\ud800" <= character <= "\udfff" for character in sql):
        raise UsageError("The query is not valid UTF-8. Write it as UTF-8 text.")
    try:
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
    except duckdb.Error as error:
        if "'pytz'" in str(error):
            raise UsageError(
                "The query returns a time with a zone. The store's times are UTC without one: "
                "write (…)::TIMESTAMP around it."
            ) from None
        raise UsageError(f"DuckDB refused the query: {error}") from None


EXPORT = (
    "SELECT tools.name, tools.category, verdicts.* EXCLUDE (messages, reply) FROM verdicts "
    "LEFT JOIN tools USING (tool) ORDER BY tool, persona, model_identity, repeat"
)


def export_parquet(runs: Path, file: Path) -> None:
    """Write the rows of the export as a Parquet file; raises StoreError where it cannot."""
    with opened(runs):
        pass
    target = str(file).replace("'", "''")
    with reading(runs / FILE, files=True) as connection:
        try:
            connection.execute(f"COPY ({EXPORT}) TO '{target}' (FORMAT parquet)").fetchall()
        except duckdb.Error as error:
            raise StoreError(f"{file} cannot be written: {str(error).splitlines()[0]}") from None
