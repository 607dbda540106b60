"""The third step of the schema: answers brought in from ``verdicts/``, and canaries.

A thawed answer is a row of ``journal.attempts`` like any other, so that everything which
counts outcomes counts it; ``attempts`` and ``runs``, which say what was asked, leave it out.
A canary is a cell asked again to see whether the model has moved: its attempts are kept, and
none of them is an outcome of its cell.
"""

from __future__ import annotations

import duckdb

from panel.store.step_readings import OVER_EFFECTIVE


def add_frozen(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the column and the table, and make the views again that heed them."""
    for statement in (_COLUMNS, EFFECTIVE, ATTEMPTS, OVER_EFFECTIVE, RUNS):
        connection.execute(statement)


_COLUMNS = """
DROP VIEW takes;
DROP VIEW verdicts;
DROP VIEW journal.moments;
DROP VIEW journal.effective;
DROP VIEW attempts;
DROP VIEW runs;
ALTER TABLE journal.attempts ADD COLUMN thawed BOOLEAN;
CREATE TABLE journal.canaries (
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    PRIMARY KEY (run_id, fingerprint)
);
"""

EFFECTIVE = """
CREATE VIEW journal.effective AS
WITH latest AS (
    SELECT * FROM journal.readings
    QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY read_at DESC, run_id DESC) = 1
)
SELECT a.* REPLACE (
           a.final OR coalesce(r.outcome = 'verdict', false) AS final,
           coalesce(r.outcome, a.outcome) AS outcome,
           CASE WHEN r.outcome IS NULL THEN a.reason ELSE r.reason END AS reason,
           CASE WHEN r.outcome IS NULL THEN a.detail ELSE r.detail END AS detail,
           CASE WHEN r.outcome IS NULL THEN a.verdict ELSE r.verdict END AS verdict,
           CASE WHEN r.outcome IS NULL THEN a.confidence ELSE r.confidence END AS confidence,
           CASE WHEN r.outcome IS NULL THEN a.take ELSE r.take END AS take,
           CASE WHEN r.outcome IS NULL THEN a.beats ELSE r.beats END AS beats,
           CASE WHEN r.outcome IS NULL THEN a.evidence ELSE r.evidence END AS evidence,
           CASE WHEN r.outcome IS NULL THEN a.reply ELSE r.reply END AS reply,
           CASE WHEN r.outcome IS NULL THEN a.degraded ELSE r.degraded END AS degraded,
           coalesce(a.thawed, false) AS thawed
       ),
       r.read_at
FROM journal.attempts AS a LEFT JOIN latest AS r USING (attempt_id)
WHERE NOT EXISTS (
    FROM journal.canaries AS c WHERE c.run_id = a.run_id AND c.fingerprint = a.fingerprint
);
"""

ATTEMPTS = """
CREATE VIEW attempts AS
SELECT a.* EXCLUDE (thawed), c.run_id IS NOT NULL AS canary
FROM journal.attempts AS a
LEFT JOIN journal.canaries AS c ON c.run_id = a.run_id AND c.fingerprint = a.fingerprint
WHERE a.thawed IS NOT TRUE;
"""

RUNS = """
CREATE VIEW runs AS
WITH asked AS (
    SELECT run_id,
           count(*) AS requests,
           count(*) FILTER (final AND NOT canary) AS asked,
           count(*) FILTER (final AND NOT canary AND outcome = 'verdict') AS verdicts,
           count(*) FILTER (final AND NOT canary AND outcome = 'abstain') AS abstains,
           count(*) FILTER (final AND NOT canary AND outcome = 'error') AS errors,
           count(*) FILTER (final AND canary) AS canaries,
           sum(prompt_tokens)::BIGINT AS prompt_tokens,
           sum(completion_tokens)::BIGINT AS completion_tokens,
           sum(cached_tokens)::BIGINT AS cached_tokens,
           sum(cost_usd) AS cost_usd,
           max(finished_at) AS last_at
    FROM attempts GROUP BY run_id
)
SELECT runs.run_id, started_at, coalesce(ends.finished_at, asked.last_at) AS finished_at,
       CASE WHEN ends.run_id IS NULL THEN 'cut off' ELSE ends.stopped END AS stopped,
       version, endpoint, model, model_identity, panel, planned, reused,
       coalesce(asked, 0) AS asked, coalesce(verdicts, 0) AS verdicts,
       coalesce(abstains, 0) AS abstains, coalesce(errors, 0) AS errors,
       coalesce(canaries, 0) AS canaries,
       coalesce(requests, 0) AS requests, prompt_tokens, completion_tokens, cached_tokens,
       cost_usd, server, server_version, output_mode, concurrency
FROM journal.runs AS runs
LEFT JOIN journal.ends AS ends USING (run_id)
LEFT JOIN asked USING (run_id);
"""
