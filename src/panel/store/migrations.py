"""The schema, as a list of steps. Order is the list; a step that has run never changes.

Tables live in the schema ``journal`` and hold what ingest read. The views in ``main`` are
what people query; docs/store.md describes each column. The SQL of later steps has files of
its own, ``step_<name>.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from panel.errors import StoreError
from panel.store.step_decisions import add_decisions
from panel.store.step_frozen import add_frozen
from panel.store.step_readings import add_readings

Step = Callable[[duckdb.DuckDBPyConnection], None]


def _initial(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(_TABLES)
    connection.execute(_VIEWS)


# CHECKs stand here and not in later steps: DuckDB cannot add one to an existing table.
_TABLES = """
CREATE TABLE journal.files (
    run_id VARCHAR PRIMARY KEY,
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    unreadable BIGINT NOT NULL CHECK (unreadable >= 0)
);
CREATE TABLE journal.runs (
    run_id VARCHAR PRIMARY KEY,
    started_at TIMESTAMP NOT NULL,
    version VARCHAR NOT NULL,
    endpoint VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    panel VARCHAR[] NOT NULL,
    planned BIGINT NOT NULL,
    reused BIGINT NOT NULL
);
CREATE TABLE journal.ends (
    run_id VARCHAR PRIMARY KEY,
    finished_at TIMESTAMP NOT NULL,
    stopped VARCHAR
);
CREATE TABLE journal.tools (
    tool VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    name VARCHAR NOT NULL,
    tagline VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    entry_price VARCHAR NOT NULL,
    url VARCHAR,
    description VARCHAR NOT NULL,
    record JSON NOT NULL,
    PRIMARY KEY (tool, digest, seen_at)
);
CREATE TABLE journal.personas (
    persona VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    name VARCHAR NOT NULL,
    motto VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    record JSON NOT NULL,
    PRIMARY KEY (persona, digest, seen_at)
);
CREATE TABLE journal.messages (
    message VARCHAR PRIMARY KEY,
    role VARCHAR NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content VARCHAR NOT NULL
);
CREATE TABLE journal.attempts (
    attempt_id VARCHAR PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    endpoint VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL CHECK (repeat >= 1),
    fingerprint VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    output_mode VARCHAR NOT NULL,
    repair BOOLEAN NOT NULL,
    final BOOLEAN NOT NULL,
    outcome VARCHAR NOT NULL CHECK (outcome IN ('verdict', 'abstain', 'error')),
    reason VARCHAR,
    detail VARCHAR,
    verdict VARCHAR CHECK (verdict IN ('ship', 'skip')),
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 100),
    take VARCHAR,
    beats JSON,
    evidence VARCHAR[],
    reply VARCHAR,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP NOT NULL,
    seconds DOUBLE NOT NULL CHECK (seconds >= 0),
    http_status INTEGER,
    finish_reason VARCHAR,
    prompt_tokens BIGINT CHECK (prompt_tokens >= 0),
    completion_tokens BIGINT CHECK (completion_tokens >= 0),
    cached_tokens BIGINT CHECK (cached_tokens >= 0),
    cost_usd DOUBLE CHECK (cost_usd >= 0),
    returned_model VARCHAR,
    system_fingerprint VARCHAR,
    messages VARCHAR[] NOT NULL,
    tool_digest VARCHAR NOT NULL,
    persona_digest VARCHAR NOT NULL,
    templates_digest VARCHAR NOT NULL,
    sampling_digest VARCHAR NOT NULL,
    body VARCHAR,
    CHECK ((outcome = 'verdict') = (verdict IS NOT NULL)),
    CHECK ((verdict IS NULL) = (take IS NULL)),
    CHECK (final OR outcome <> 'verdict')
);
CREATE TABLE journal.adoptions (
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    adopted_at TIMESTAMP NOT NULL,
    tool_digest VARCHAR NOT NULL,
    persona_digest VARCHAR NOT NULL,
    templates_digest VARCHAR NOT NULL,
    sampling_digest VARCHAR NOT NULL,
    PRIMARY KEY (run_id, tool, persona, model_identity, repeat)
);
CREATE TABLE journal.ship_percentages (
    tool VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    level VARCHAR NOT NULL CHECK (level IN ('panel', 'persona')),
    persona VARCHAR,
    ships BIGINT NOT NULL,
    skips BIGINT NOT NULL,
    abstains BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    n BIGINT NOT NULL CHECK (n = ships + skips),
    ship_percent DOUBLE CHECK (ship_percent BETWEEN 0 AND 100),
    low DOUBLE,
    high DOUBLE,
    contested BOOLEAN,
    CHECK ((level = 'persona') = (persona IS NOT NULL)),
    CHECK ((n = 0) = (ship_percent IS NULL))
);
"""

_VIEWS = """
CREATE VIEW attempts AS SELECT * FROM journal.attempts;

CREATE VIEW journal.moments AS
SELECT tool, persona, model_identity, repeat, fingerprint, final, outcome,
       tool_digest, persona_digest, templates_digest, sampling_digest,
       finished_at AS happened_at, attempt_id AS id
FROM journal.attempts
UNION ALL
SELECT tool, persona, model_identity, repeat, fingerprint, true, 'adopted',
       tool_digest, persona_digest, templates_digest, sampling_digest,
       adopted_at, run_id
FROM journal.adoptions;

CREATE VIEW verdicts AS
WITH latest AS (
    SELECT tool, persona, model_identity, repeat,
           arg_max(fingerprint, row(happened_at, id)) AS fingerprint
    FROM journal.moments WHERE final
    GROUP BY ALL
)
SELECT attempts.* EXCLUDE (final, body)
FROM journal.attempts AS attempts
JOIN latest USING (tool, persona, model_identity, repeat, fingerprint)
WHERE attempts.final
QUALIFY row_number() OVER (
    PARTITION BY tool, persona, model_identity, repeat
    ORDER BY CASE outcome WHEN 'verdict' THEN 0 WHEN 'abstain' THEN 1 ELSE 2 END,
             finished_at DESC, attempt_id DESC
) = 1;

CREATE VIEW takes AS
SELECT tool, persona, model_identity, repeat, verdict, confidence, take, beats, evidence,
       'draft' AS state, finished_at AS asked_at, output_mode, fingerprint, attempt_id, run_id
FROM verdicts
WHERE outcome = 'verdict';

CREATE VIEW tools AS
SELECT tool, name, tagline, category, entry_price, url, description, record, digest, seen_at
FROM journal.tools
QUALIFY row_number() OVER (PARTITION BY tool ORDER BY seen_at DESC, digest) = 1;

CREATE VIEW personas AS
SELECT persona, name, motto, position, record, digest, seen_at
FROM journal.personas
QUALIFY row_number() OVER (PARTITION BY persona ORDER BY seen_at DESC, digest) = 1;

CREATE VIEW ship_percentages AS SELECT * FROM journal.ship_percentages;

CREATE VIEW runs AS
WITH asked AS (
    SELECT run_id,
           count(*) AS requests,
           count(*) FILTER (final) AS asked,
           count(*) FILTER (final AND outcome = 'verdict') AS verdicts,
           count(*) FILTER (final AND outcome = 'abstain') AS abstains,
           count(*) FILTER (final AND outcome = 'error') AS errors,
           sum(prompt_tokens)::BIGINT AS prompt_tokens,
           sum(completion_tokens)::BIGINT AS completion_tokens,
           sum(cached_tokens)::BIGINT AS cached_tokens,
           sum(cost_usd) AS cost_usd,
           max(finished_at) AS last_at
    FROM journal.attempts GROUP BY run_id
)
SELECT runs.run_id, started_at, coalesce(ends.finished_at, asked.last_at) AS finished_at,
       CASE WHEN ends.run_id IS NULL THEN 'cut off' ELSE ends.stopped END AS stopped,
       version, endpoint, model, model_identity, panel, planned, reused,
       coalesce(asked, 0) AS asked, coalesce(verdicts, 0) AS verdicts,
       coalesce(abstains, 0) AS abstains, coalesce(errors, 0) AS errors,
       coalesce(requests, 0) AS requests, prompt_tokens, completion_tokens, cached_tokens,
       cost_usd
FROM journal.runs AS runs
LEFT JOIN journal.ends AS ends USING (run_id)
LEFT JOIN asked USING (run_id);
"""

STEPS: list[tuple[str, Step]] = [
    ("initial", _initial),
    ("readings", add_readings),
    ("frozen", add_frozen),
    ("decisions", add_decisions),
]


def _applied(connection: duckdb.DuckDBPyConnection) -> set[str]:
    exists = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'journal' "
        "AND table_name = 'migrations'"
    ).fetchall()[0][0]
    if not exists:
        return set()
    rows = connection.execute("SELECT name FROM journal.migrations").fetchall()
    return {name for (name,) in rows}


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether every step has run. Raises StoreError for a database of a newer version."""
    applied, known = _applied(connection), {name for name, _step in STEPS}
    if applied - known:
        step = sorted(applied - known)[0]
        raise StoreError(
            f"the database was made by a newer version of panel (step {step!r}). Update panel, or "
            "'panel rebuild' to make it anew from the journals."
        )
    return applied == known


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Run the steps that this database has not seen, each in a transaction of its own."""
    if is_current(connection):
        return
    applied = _applied(connection)
    for name, step in STEPS:
        if name in applied:
            continue
        connection.execute("BEGIN TRANSACTION")
        try:
            connection.execute("CREATE SCHEMA IF NOT EXISTS journal")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS journal.migrations "
                "(name VARCHAR PRIMARY KEY, applied_at TIMESTAMP NOT NULL)"
            )
            step(connection)
            connection.execute(
                "INSERT INTO journal.migrations VALUES (?, now() AT TIME ZONE 'UTC')", [name]
            )
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
