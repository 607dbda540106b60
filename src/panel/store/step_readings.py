"""The second step of the schema: readings, and what an attempt and an end have learned to say.

Readings are laid over attempts in the view ``journal.effective``; whatever counts outcomes
builds on that. ``attempts`` and ``runs`` go on saying what happened at the time.
"""

from __future__ import annotations

import duckdb


def add_readings(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the columns and the table, and make the views again that show them."""
    for statement in (_COLUMNS, _READINGS, _EFFECTIVE, _ATTEMPTS, OVER_EFFECTIVE, _RUNS):
        connection.execute(statement)


# The views go first: each is bound to the columns that its tables had when it was made.
_COLUMNS = """
DROP VIEW takes;
DROP VIEW verdicts;
DROP VIEW journal.moments;
DROP VIEW attempts;
DROP VIEW runs;
ALTER TABLE journal.attempts ADD COLUMN degraded BOOLEAN;
ALTER TABLE journal.attempts ADD COLUMN adapted VARCHAR[];
ALTER TABLE journal.ends ADD COLUMN server VARCHAR;
ALTER TABLE journal.ends ADD COLUMN server_version VARCHAR;
ALTER TABLE journal.ends ADD COLUMN output_mode VARCHAR;
ALTER TABLE journal.ends ADD COLUMN concurrency JSON;
"""

_READINGS = """
CREATE TABLE journal.readings (
    attempt_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    read_at TIMESTAMP NOT NULL,
    outcome VARCHAR NOT NULL CHECK (outcome IN ('verdict', 'abstain')),
    reason VARCHAR,
    detail VARCHAR,
    verdict VARCHAR CHECK (verdict IN ('ship', 'skip')),
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 100),
    take VARCHAR,
    beats JSON,
    evidence VARCHAR[],
    reply VARCHAR,
    degraded BOOLEAN,
    PRIMARY KEY (attempt_id, run_id),
    CHECK ((outcome = 'verdict') = (verdict IS NOT NULL)),
    CHECK ((verdict IS NULL) = (take IS NULL))
);
"""

# An attempt that now reads as a verdict ended its cell, whatever was asked after it.
_EFFECTIVE = """
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
           CASE WHEN r.outcome IS NULL THEN a.degraded ELSE r.degraded END AS degraded
       ),
       r.read_at
FROM journal.attempts AS a LEFT JOIN latest AS r USING (attempt_id);
"""

_ATTEMPTS = "CREATE VIEW attempts AS SELECT * FROM journal.attempts;"

# What was asked after a reply that now reads as a verdict (its repair) is no moment of the cell.
# A later step that makes ``journal.effective`` anew lays these over it once more.
OVER_EFFECTIVE = """
CREATE VIEW journal.moments AS
SELECT tool, persona, model_identity, repeat, fingerprint, final, outcome,
       tool_digest, persona_digest, templates_digest, sampling_digest,
       finished_at AS happened_at, attempt_id AS id
FROM journal.effective AS asked
WHERE NOT EXISTS (
    FROM journal.effective AS earlier
    WHERE earlier.read_at IS NOT NULL AND earlier.outcome = 'verdict'
      AND earlier.run_id = asked.run_id AND earlier.fingerprint = asked.fingerprint
      AND earlier.ordinal < asked.ordinal
)
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
SELECT effective.* EXCLUDE (final, body)
FROM journal.effective AS effective
JOIN latest USING (tool, persona, model_identity, repeat, fingerprint)
WHERE effective.final
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
"""

_RUNS = """
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
       cost_usd, server, server_version, output_mode, concurrency
FROM journal.runs AS runs
LEFT JOIN journal.ends AS ends USING (run_id)
LEFT JOIN asked USING (run_id);
"""
