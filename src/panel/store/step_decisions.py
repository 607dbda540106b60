"""The fourth step of the schema: editors' decisions, and the guidance that enters questions.

``journal.decisions`` holds the lines; ``journal.standings`` what they come to, folded by
``panel.decisions`` and put in place at ingest like the ship percentages.
"""

from __future__ import annotations

import duckdb

from panel.store.step_frozen import ATTEMPTS, EFFECTIVE, RUNS

_OVER_EFFECTIVE = """
CREATE VIEW journal.moments AS
SELECT tool, persona, model_identity, repeat, fingerprint, final, outcome,
       tool_digest, persona_digest, templates_digest, sampling_digest, guidance_digest,
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
       tool_digest, persona_digest, templates_digest, sampling_digest, guidance_digest,
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
SELECT v.tool, v.persona, v.model_identity, v.repeat, v.verdict, v.confidence, v.take, v.beats,
       v.evidence, coalesce(s.state, 'draft') AS state, coalesce(s.text, v.take) AS text,
       s.editor, s.decided_at, v.finished_at AS asked_at, v.output_mode, v.fingerprint,
       v.attempt_id, v.run_id
FROM verdicts AS v
LEFT JOIN journal.standings AS s
       ON s.tool = v.tool AND s.persona = v.persona AND s.fingerprint = v.fingerprint
WHERE v.outcome = 'verdict';
"""

_COLUMNS = """
DROP VIEW takes;
DROP VIEW verdicts;
DROP VIEW journal.moments;
DROP VIEW journal.effective;
DROP VIEW runs;
DROP VIEW attempts;
ALTER TABLE journal.attempts ADD COLUMN guidance_digest VARCHAR;
ALTER TABLE journal.adoptions ADD COLUMN guidance_digest VARCHAR;
"""

_TABLES = """
CREATE TABLE journal.decisions (
    decision_id VARCHAR PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR,
    repeat INTEGER CHECK (repeat >= 1),
    fingerprint VARCHAR,
    attempt_id VARCHAR,
    action VARCHAR NOT NULL CHECK (action IN ('approve', 'reject', 'edit', 'ask_again', 'undo')),
    text VARCHAR,
    verdict VARCHAR CHECK (verdict IN ('ship', 'skip')),
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 100),
    evidence VARCHAR[],
    note VARCHAR,
    editor VARCHAR NOT NULL,
    decided_at TIMESTAMP NOT NULL,
    follows VARCHAR,
    undoes VARCHAR,
    CHECK (action NOT IN ('approve', 'reject', 'edit') OR (
        text IS NOT NULL AND verdict IS NOT NULL AND fingerprint IS NOT NULL
        AND attempt_id IS NOT NULL AND model_identity IS NOT NULL AND repeat IS NOT NULL
    )),
    CHECK (action <> 'ask_again' OR note IS NOT NULL),
    CHECK ((action = 'undo') = (undoes IS NOT NULL))
);
CREATE TABLE journal.standings (
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    state VARCHAR NOT NULL CHECK (state IN ('draft', 'edited', 'approved', 'rejected')),
    text VARCHAR,
    fingerprint VARCHAR,
    editor VARCHAR,
    decided_at TIMESTAMP,
    decision_id VARCHAR,
    published_id VARCHAR,
    guidance VARCHAR,
    guided_by VARCHAR,
    note VARCHAR,
    latest VARCHAR NOT NULL,
    in_force VARCHAR[] NOT NULL,
    PRIMARY KEY (tool, persona)
);
"""

_VIEWS = """
CREATE VIEW decisions AS
SELECT d.decision_id, d.tool, d.persona, d.action, d.text, d.verdict, d.confidence, d.evidence,
       d.note, d.editor, d.decided_at, list_contains(s.in_force, d.decision_id) AS in_force,
       d.follows, d.undoes, d.model_identity, d.repeat, d.fingerprint, d.attempt_id, d.run_id
FROM journal.decisions AS d JOIN journal.standings AS s USING (tool, persona)
ORDER BY d.decided_at, d.decision_id;

CREATE VIEW published AS
SELECT d.tool, d.persona, d.verdict, d.confidence, d.text, d.evidence, d.editor,
       d.decided_at AS approved_at, d.model_identity, d.repeat, d.fingerprint, d.attempt_id,
       d.decision_id
FROM journal.standings AS s JOIN journal.decisions AS d ON d.decision_id = s.published_id;
"""


def add_decisions(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the columns and the tables, and make the views again that show them."""
    for statement in (_COLUMNS, _TABLES, EFFECTIVE, ATTEMPTS, _OVER_EFFECTIVE, RUNS, _VIEWS):
        connection.execute(statement)
