-- The schema of panel.duckdb. The database is made from the journals and from nothing else, so
-- there are no migrations: a hash of this file is kept in journal.schema, and a database with
-- another hash is made again. Change the number below when the same lines are to be read into
-- other rows (another count, another mapping) although no table or view changes.
-- Reading: 1
-- Long texts are compressed by zstd: what DuckDB would choose takes three times as long, and more
-- room.
--
-- The schema ``journal`` holds what ingest read; its columns are the fields of journal lines.
-- The views in ``main`` are what people query; docs/store.md describes each column.

CREATE SCHEMA journal;

CREATE TABLE journal.schema (hash VARCHAR NOT NULL);

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
    reused BIGINT NOT NULL,
    experiment VARCHAR, -- that it asks for; its answers are none of the house panel's
    shard VARCHAR, -- "2/8" where it asked one of the parts of a selection
    trial BOOLEAN -- whether it asked one question to see whether a model answers
);

CREATE TABLE journal.ends (
    run_id VARCHAR PRIMARY KEY,
    finished_at TIMESTAMP NOT NULL,
    stopped VARCHAR,
    server VARCHAR,
    server_version VARCHAR,
    output_mode VARCHAR,
    concurrency JSON
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
    description VARCHAR NOT NULL USING COMPRESSION zstd,
    record JSON NOT NULL USING COMPRESSION zstd,
    run_id VARCHAR NOT NULL,
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
    run_id VARCHAR NOT NULL,
    PRIMARY KEY (persona, digest, seen_at)
);

CREATE TABLE journal.messages (
    message VARCHAR PRIMARY KEY,
    role VARCHAR NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content VARCHAR NOT NULL USING COMPRESSION zstd
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
    wording VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    output_mode VARCHAR NOT NULL,
    repair BOOLEAN NOT NULL,
    final BOOLEAN NOT NULL,
    outcome VARCHAR NOT NULL CHECK (outcome IN ('verdict', 'abstain', 'error')),
    reason VARCHAR,
    detail VARCHAR,
    verdict VARCHAR CHECK (verdict IN ('ship', 'skip')),
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 100),
    take VARCHAR USING COMPRESSION zstd,
    beats JSON USING COMPRESSION zstd,
    evidence VARCHAR[],
    reply VARCHAR USING COMPRESSION zstd,
    degraded BOOLEAN,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP NOT NULL,
    seconds DOUBLE CHECK (seconds >= 0), -- of a request in a batch nobody knows
    http_status INTEGER,
    finish_reason VARCHAR,
    prompt_tokens BIGINT CHECK (prompt_tokens >= 0),
    completion_tokens BIGINT CHECK (completion_tokens >= 0),
    cached_tokens BIGINT CHECK (cached_tokens >= 0),
    cost_usd DOUBLE CHECK (cost_usd >= 0),
    returned_model VARCHAR,
    system_fingerprint VARCHAR,
    p_ship DOUBLE CHECK (p_ship BETWEEN 0 AND 1),
    p_ship_mass DOUBLE CHECK (p_ship_mass BETWEEN 0 AND 1),
    p_ship_source VARCHAR,
    messages VARCHAR[] NOT NULL,
    tool_digest VARCHAR NOT NULL,
    persona_digest VARCHAR NOT NULL,
    templates_digest VARCHAR NOT NULL,
    sampling_digest VARCHAR NOT NULL,
    guidance_digest VARCHAR,
    profile VARCHAR, -- "extractive" where the model only picked sentences
    tool_record VARCHAR,
    persona_record VARCHAR,
    adapted VARCHAR[],
    body VARCHAR USING COMPRESSION zstd,
    seal VARCHAR, -- of the line, or of the one that a thawed line tells of
    thawed BOOLEAN,
    custom_id VARCHAR, -- of the request in a batch that it answers
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
    wording VARCHAR NOT NULL,
    adopted_at TIMESTAMP NOT NULL,
    tool_digest VARCHAR NOT NULL,
    persona_digest VARCHAR NOT NULL,
    templates_digest VARCHAR NOT NULL,
    sampling_digest VARCHAR NOT NULL,
    guidance_digest VARCHAR,
    profile VARCHAR,
    PRIMARY KEY (run_id, tool, persona, model_identity, repeat)
);

-- Requests in the files of batches. What an attempt will say of its request is said here already.
CREATE TABLE journal.requests (
    custom_id VARCHAR PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    batch VARCHAR NOT NULL,
    written_at TIMESTAMP NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    endpoint VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_digest VARCHAR, -- of its weights, where known
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL CHECK (repeat >= 1),
    fingerprint VARCHAR NOT NULL,
    wording VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    output_mode VARCHAR NOT NULL,
    repair BOOLEAN NOT NULL,
    longer BOOLEAN NOT NULL,
    cap INTEGER, -- tokens that the reply may have
    sent VARCHAR[] NOT NULL,
    adapted VARCHAR[] NOT NULL,
    messages VARCHAR[] NOT NULL,
    tool_digest VARCHAR NOT NULL,
    persona_digest VARCHAR NOT NULL,
    templates_digest VARCHAR NOT NULL,
    sampling_digest VARCHAR NOT NULL,
    guidance_digest VARCHAR,
    profile VARCHAR,
    tool_record VARCHAR NOT NULL,
    persona_record VARCHAR NOT NULL
);

-- What became of each batch, in time.
CREATE TABLE journal.batches (
    batch VARCHAR NOT NULL,
    state VARCHAR NOT NULL CHECK (
        state IN ('written', 'submitting', 'uploaded', 'submitted', 'ended')
    ),
    happened_at TIMESTAMP NOT NULL,
    run_id VARCHAR NOT NULL,
    file VARCHAR,
    file_hash VARCHAR,
    requests BIGINT CHECK (requests >= 0),
    service VARCHAR,
    file_id VARCHAR,
    batch_id VARCHAR,
    status VARCHAR,
    detail VARCHAR,
    PRIMARY KEY (batch, state, happened_at)
);

-- What a later parser made of the reply of an attempt.
CREATE TABLE journal.reparses (
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

-- A request to /v1/decisions about the take of an attempt: how probable "ship" is, given the
-- messages and the take. final: it need not be made again.
CREATE TABLE journal.probabilities (
    attempt_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    read_at TIMESTAMP NOT NULL,
    seconds DOUBLE NOT NULL CHECK (seconds >= 0),
    form VARCHAR NOT NULL,
    final BOOLEAN NOT NULL,
    reason VARCHAR,
    detail VARCHAR,
    p_ship DOUBLE CHECK (p_ship BETWEEN 0 AND 1),
    p_ship_mass DOUBLE CHECK (p_ship_mass BETWEEN 0 AND 1),
    p_ship_source VARCHAR,
    http_status INTEGER,
    prompt_tokens BIGINT CHECK (prompt_tokens >= 0),
    completion_tokens BIGINT CHECK (completion_tokens >= 0),
    cached_tokens BIGINT CHECK (cached_tokens >= 0),
    cost_usd DOUBLE CHECK (cost_usd >= 0),
    returned_model VARCHAR,
    body VARCHAR,
    PRIMARY KEY (attempt_id, read_at, run_id),
    CHECK ((p_ship IS NULL) = (reason IS NOT NULL)),
    CHECK ((p_ship IS NULL) = (p_ship_source IS NULL)),
    CHECK (final OR p_ship IS NULL)
);

-- Under which name a tool or persona goes on: what it had before then is moved at ingest.
CREATE TABLE journal.renames (
    run_id VARCHAR NOT NULL,
    "of" VARCHAR NOT NULL CHECK ("of" IN ('tool', 'persona')),
    was VARCHAR NOT NULL,
    now VARCHAR NOT NULL,
    renamed_at TIMESTAMP NOT NULL,
    PRIMARY KEY ("of", was, renamed_at)
);

-- Cells asked again to see whether the model has moved.
CREATE TABLE journal.canaries (
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    PRIMARY KEY (run_id, tool, persona, fingerprint)  -- two tools may have the same wording
);

-- An experiment as it was registered: another text or other arms make another version of it.
CREATE TABLE journal.experiments (
    experiment VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    registered_at TIMESTAMP NOT NULL,
    question VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    comparisons VARCHAR NOT NULL, -- hash of what was to be compared, and by which margins
    PRIMARY KEY (experiment, version)
);

CREATE TABLE journal.arms (
    experiment VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    place INTEGER NOT NULL,
    endpoint VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeats INTEGER NOT NULL CHECK (repeats >= 1),
    labels VARCHAR NOT NULL,
    verdict_field VARCHAR NOT NULL,
    temperature DOUBLE,
    top_p DOUBLE,
    max_tokens BIGINT,
    seed BIGINT,
    extra JSON NOT NULL, -- other sampling fields
    prompts_hash VARCHAR NOT NULL,
    personas_hash VARCHAR NOT NULL,
    tools_hash VARCHAR NOT NULL,
    PRIMARY KEY (experiment, version, arm)
);

-- A cell that an arm is made of, in the order drawn. The cell does not know its arms.
CREATE TABLE journal.enrolments (
    experiment VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    repeat INTEGER NOT NULL CHECK (repeat >= 1),
    fingerprint VARCHAR NOT NULL,
    enrolled_at TIMESTAMP NOT NULL,
    PRIMARY KEY (experiment, version, arm, tool, persona, repeat)
);

CREATE TABLE journal.decisions (
    decision_id VARCHAR PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR,
    repeat INTEGER CHECK (repeat >= 1),
    fingerprint VARCHAR,
    attempt_id VARCHAR,
    action VARCHAR NOT NULL CHECK (
        action IN ('approve', 'reject', 'edit', 'confirm', 'ask_again', 'undo')
    ),
    text VARCHAR,
    verdict VARCHAR CHECK (verdict IN ('ship', 'skip')),
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 100),
    evidence VARCHAR[],
    question VARCHAR,
    note VARCHAR,
    editor VARCHAR NOT NULL,
    decided_at TIMESTAMP NOT NULL,
    follows VARCHAR,
    undoes VARCHAR,
    verdict_reason VARCHAR,
    sign_off INTEGER CHECK (sign_off = 2),
    seal VARCHAR,
    CHECK (action NOT IN ('approve', 'reject', 'edit', 'confirm') OR (
        text IS NOT NULL AND verdict IS NOT NULL AND fingerprint IS NOT NULL
        AND attempt_id IS NOT NULL AND model_identity IS NOT NULL AND repeat IS NOT NULL
    )),
    CHECK ((action = 'confirm') = (question IS NOT NULL)),
    CHECK (action <> 'ask_again' OR note IS NOT NULL),
    CHECK ((action = 'undo') = (undoes IS NOT NULL))
);

-- What the decisions on a tool × persona come to: worked out by panel.decisions at ingest.
CREATE TABLE journal.review_states (
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    state VARCHAR NOT NULL CHECK (state IN ('draft', 'edited', 'signed', 'approved', 'rejected')),
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

-- What an editor has typed on a take and not decided yet; the latest line counts, an empty one
-- says that nothing is left.
CREATE TABLE journal.drafts (
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    editor VARCHAR NOT NULL,
    typed JSON NOT NULL,
    saved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tool, persona, editor, saved_at)
);

-- Whose a take is to decide on; the latest line counts. assignee: NULL, nobody's.
CREATE TABLE journal.assignments (
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    assignee VARCHAR,
    editor VARCHAR NOT NULL,
    assigned_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tool, persona, assigned_at)
);

-- Counted by panel.stats at ingest, over answers to the present wording alone. At level panel once
-- for each panel that the model has been asked for, so that another panel rewrites no number.
CREATE TABLE journal.ship_percentages (
    tool VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    level VARCHAR NOT NULL CHECK (level IN ('panel', 'persona')),
    persona VARCHAR,
    panel VARCHAR[],
    present BOOLEAN NOT NULL,
    ships BIGINT NOT NULL,
    skips BIGINT NOT NULL,
    abstains BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    n BIGINT NOT NULL CHECK (n = ships + skips),
    demo BOOLEAN NOT NULL, -- votes of a demo model: no percentage is made of them
    ship_percent DOUBLE CHECK (ship_percent BETWEEN 0 AND 100),
    low DOUBLE,
    high DOUBLE,
    undecided BOOLEAN,
    split BOOLEAN,
    superseded BIGINT NOT NULL,
    CHECK ((level = 'persona') = (persona IS NOT NULL)),
    CHECK ((level = 'panel') = (panel IS NOT NULL)),
    CHECK ((n = 0 OR demo) = (ship_percent IS NULL))
);

-- Joins are written as joins: a correlated subquery takes DuckDB far longer to plan, and planning is
-- most of what a command on a small workspace costs.
CREATE VIEW journal.latest_reparses AS
SELECT * FROM journal.reparses
QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY read_at DESC, run_id DESC) = 1;

-- An attempt as it is read now: the newest reparse of its reply is laid over it. An attempt that
-- now reads as a verdict ended its cell, whatever was asked after it. Where its tokens told no
-- probability, that of a later decision on this very take stands there.
CREATE VIEW journal.read_attempts AS
WITH told AS (
    SELECT attempt_id, p_ship, p_ship_mass, p_ship_source, read_at
    FROM journal.probabilities WHERE p_ship IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY read_at DESC, run_id DESC) = 1
)
SELECT a.* EXCLUDE (seal, custom_id) REPLACE (
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
           coalesce(a.thawed, false) AS thawed,
           coalesce(a.p_ship, t.p_ship) AS p_ship,
           CASE WHEN a.p_ship IS NULL THEN t.p_ship_mass ELSE a.p_ship_mass END AS p_ship_mass,
           coalesce(a.p_ship_source, t.p_ship_source) AS p_ship_source
       ),
       r.read_at
FROM journal.attempts AS a
LEFT JOIN journal.latest_reparses AS r USING (attempt_id)
LEFT JOIN told AS t
       ON t.attempt_id = a.attempt_id AND (r.read_at IS NULL OR r.read_at <= t.read_at);

-- The same without canaries, whose attempts are no outcome of their cells.
CREATE VIEW journal.outcome_attempts AS
SELECT * FROM journal.read_attempts
ANTI JOIN journal.canaries USING (run_id, tool, persona, fingerprint);

-- Those of the house panel. What was asked for an experiment is among them once the house panel
-- has come to ask the same, and took that answer for its own.
CREATE VIEW journal.foreign_attempts AS
SELECT attempt_id FROM journal.attempts
SEMI JOIN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL) USING (run_id)
ANTI JOIN journal.adoptions USING (tool, persona, fingerprint);

CREATE VIEW journal.current_attempts AS
SELECT * FROM journal.outcome_attempts ANTI JOIN journal.foreign_attempts USING (attempt_id);

-- Both in the few columns that tell what became of a cell. To plan all of them takes DuckDB twice as
-- long, so what counts cells or looks them up reads these.
CREATE VIEW journal.narrow_outcome_attempts AS
SELECT a.attempt_id, a.run_id, a.tool, a.persona, a.model_identity, a.repeat, a.fingerprint,
       a.wording, a.ordinal, a.finished_at, a.profile,
       a.tool_digest, a.persona_digest, a.templates_digest, a.sampling_digest, a.guidance_digest,
       a.final OR coalesce(r.outcome = 'verdict', false) AS final,
       coalesce(r.outcome, a.outcome) AS outcome,
       CASE WHEN r.outcome IS NULL THEN a.verdict ELSE r.verdict END AS verdict
FROM journal.attempts AS a
ANTI JOIN journal.canaries USING (run_id, tool, persona, fingerprint)
LEFT JOIN (SELECT attempt_id, outcome, verdict FROM journal.latest_reparses) AS r
    USING (attempt_id);

CREATE VIEW journal.narrow_current_attempts AS
SELECT * FROM journal.narrow_outcome_attempts
ANTI JOIN journal.foreign_attempts USING (attempt_id);

-- What was asked of the model here: not what was thawed from verdicts/.
CREATE VIEW attempts AS
SELECT a.* EXCLUDE (thawed, seal, custom_id), c.repeat IS NOT NULL AS canary, r.experiment
FROM journal.attempts AS a
LEFT JOIN journal.canaries AS c USING (run_id, tool, persona, fingerprint)
LEFT JOIN (SELECT run_id, experiment FROM journal.runs) AS r USING (run_id)
WHERE a.thawed IS NOT TRUE;

-- What happened to a cell, in time. What was asked after a reply that now reads as a verdict (its
-- repair) is no event of the cell.
CREATE VIEW journal.cell_events AS
SELECT tool, persona, model_identity, repeat, fingerprint, wording, final, outcome,
       tool_digest, persona_digest, templates_digest, sampling_digest, guidance_digest, profile,
       finished_at AS happened_at, attempt_id AS id
FROM journal.narrow_current_attempts AS asked
ANTI JOIN (
    SELECT a.run_id, a.tool, a.persona, a.fingerprint, a.ordinal
    FROM journal.latest_reparses AS r JOIN journal.attempts AS a USING (attempt_id)
    WHERE r.outcome = 'verdict'
) AS earlier
   ON earlier.run_id = asked.run_id AND earlier.tool = asked.tool
  AND earlier.persona = asked.persona AND earlier.fingerprint = asked.fingerprint
  AND earlier.ordinal < asked.ordinal
UNION ALL
SELECT tool, persona, model_identity, repeat, fingerprint, wording, true, 'adopted',
       tool_digest, persona_digest, templates_digest, sampling_digest, guidance_digest, profile,
       adopted_at, run_id
FROM journal.adoptions;

-- The outcome of every cell in every wording, and whether that wording is the present one of its
-- tool × persona: the one that ended last, in whichever repeat, or was adopted last.
CREATE VIEW journal.cell_outcomes AS
WITH latest AS (
    SELECT tool, persona, model_identity,
           arg_max(wording, row(happened_at, id)) AS present_wording
    FROM journal.cell_events WHERE final
    GROUP BY ALL
)
SELECT attempt_id, tool, persona, model_identity, outcome, verdict, profile,
       wording = present_wording AS present
FROM journal.narrow_current_attempts JOIN latest USING (tool, persona, model_identity)
WHERE final
QUALIFY row_number() OVER (
    PARTITION BY tool, persona, model_identity, repeat, wording
    ORDER BY CASE outcome WHEN 'verdict' THEN 0 WHEN 'abstain' THEN 1 ELSE 2 END,
             finished_at DESC, attempt_id DESC
) = 1;

-- The same with all that was answered.
CREATE VIEW journal.outcomes AS
SELECT a.* EXCLUDE (final, body), o.present
FROM journal.read_attempts AS a
JOIN journal.cell_outcomes AS o USING (attempt_id, tool, persona, model_identity);

CREATE VIEW verdicts AS SELECT * EXCLUDE (present) FROM journal.outcomes WHERE present;

-- Answers to wordings that are not the present one: history, and never a vote.
CREATE VIEW superseded AS
SELECT * EXCLUDE (present) FROM journal.outcomes WHERE NOT present AND outcome <> 'error';

CREATE VIEW takes AS
SELECT v.tool, v.persona, v.model_identity, v.repeat, v.verdict, v.confidence, v.take, v.beats,
       v.evidence, coalesce(s.state, 'draft') AS state, coalesce(s.text, v.take) AS text,
       s.editor, s.decided_at, v.finished_at AS asked_at, v.output_mode, v.profile,
       v.fingerprint, v.attempt_id, v.run_id
FROM verdicts AS v
LEFT JOIN journal.review_states AS s
       ON s.tool = v.tool AND s.persona = v.persona AND s.fingerprint = v.fingerprint
WHERE v.outcome = 'verdict';

CREATE VIEW tools AS
SELECT tool, name, tagline, category, entry_price, url, description, record, digest, seen_at
FROM journal.tools
WHERE run_id NOT IN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL)
QUALIFY row_number() OVER (PARTITION BY tool ORDER BY seen_at DESC, digest) = 1;

CREATE VIEW personas AS
SELECT persona, name, motto, position, record, digest, seen_at
FROM journal.personas
WHERE run_id NOT IN (SELECT run_id FROM journal.runs WHERE experiment IS NOT NULL)
QUALIFY row_number() OVER (PARTITION BY persona ORDER BY seen_at DESC, digest) = 1;

-- Every request to /v1/decisions, with the take that it was about.
CREATE VIEW probabilities AS
SELECT p.attempt_id, a.tool, a.persona, a.model_identity, a.repeat, a.verdict,
       p.p_ship, p.p_ship_mass, p.p_ship_source, p.final, p.reason, p.detail, p.form, p.read_at,
       p.seconds, p.http_status, p.prompt_tokens, p.completion_tokens, p.cached_tokens,
       p.cost_usd, p.returned_model, p.body, p.run_id
FROM journal.probabilities AS p LEFT JOIN journal.read_attempts AS a USING (attempt_id);

CREATE VIEW ship_percentages AS
SELECT * EXCLUDE (present) FROM journal.ship_percentages WHERE present;

-- The same for every panel that was ever used.
CREATE VIEW ship_percentages_by_panel AS SELECT * FROM journal.ship_percentages;

-- Two models on the same tool or tool × persona, asked by the same panel: the difference of their
-- ship percentages, and its interval by Newcombe (panel.stats has the source).
CREATE VIEW model_differences AS
SELECT a.tool, a.level, a.persona, a.model_identity, a.ship_percent, a.n,
       b.model_identity AS other_model_identity, b.ship_percent AS other_ship_percent,
       b.n AS other_n, a.ship_percent - b.ship_percent AS difference,
       difference - sqrt((a.ship_percent - a.low) ** 2 + (b.high - b.ship_percent) ** 2)
           AS difference_low,
       difference + sqrt((a.high - a.ship_percent) ** 2 + (b.ship_percent - b.low) ** 2)
           AS difference_high,
       difference_low > 0 OR difference_high < 0 AS differs
FROM ship_percentages AS a JOIN ship_percentages AS b
  ON a.tool = b.tool AND a.level = b.level AND a.persona IS NOT DISTINCT FROM b.persona
 AND a.panel IS NOT DISTINCT FROM b.panel AND a.model_identity < b.model_identity
WHERE a.ship_percent IS NOT NULL AND b.ship_percent IS NOT NULL;

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
    UNION ALL BY NAME
    SELECT run_id, count(*) AS requests, sum(prompt_tokens)::BIGINT AS prompt_tokens,
           sum(completion_tokens)::BIGINT AS completion_tokens,
           sum(cached_tokens)::BIGINT AS cached_tokens, sum(cost_usd) AS cost_usd,
           max(read_at) AS last_at
    FROM journal.probabilities GROUP BY run_id
)
SELECT runs.run_id, started_at, coalesce(ends.finished_at, asked.last_at) AS finished_at,
       CASE WHEN ends.run_id IS NULL THEN 'cut off' ELSE ends.stopped END AS stopped,
       version, endpoint, model, model_identity, panel, planned, reused,
       coalesce(asked, 0) AS asked, coalesce(verdicts, 0) AS verdicts,
       coalesce(abstains, 0) AS abstains, coalesce(errors, 0) AS errors,
       coalesce(canaries, 0) AS canaries,
       coalesce(requests, 0) AS requests, prompt_tokens, completion_tokens, cached_tokens,
       cost_usd, server, server_version, output_mode, concurrency, experiment, shard
FROM journal.runs AS runs
LEFT JOIN journal.ends AS ends USING (run_id)
LEFT JOIN asked USING (run_id);

-- How far each batch is. Its requests wait from the moment that it is about to be sent, for it may
-- have arrived although nobody saw the answer.
CREATE VIEW journal.batch_states AS
SELECT batch, arg_max(state, happened_at) AS state,
       arg_max(file, happened_at) AS file, arg_max(file_hash, happened_at) AS file_hash,
       arg_max(requests, happened_at) AS requests, arg_max(service, happened_at) AS service,
       arg_max(file_id, happened_at) AS file_id, arg_max(batch_id, happened_at) AS batch_id,
       arg_max(status, happened_at) AS status, arg_max(detail, happened_at) AS detail,
       min(happened_at) FILTER (b.state = 'written') AS written_at,
       max(happened_at) FILTER (b.state = 'submitted') AS submitted_at,
       max(happened_at) FILTER (b.state = 'ended') AS ended_at
FROM journal.batches AS b GROUP BY batch;

-- Requests that wait in a batch, their answers paid for or about to be.
CREATE VIEW journal.waiting AS
SELECT r.* FROM journal.requests AS r
SEMI JOIN (
    SELECT batch FROM journal.batch_states WHERE state IN ('submitting', 'uploaded', 'submitted')
) USING (batch)
ANTI JOIN journal.attempts USING (custom_id);

CREATE VIEW batches AS
WITH asked AS (
    SELECT batch, any_value(r.endpoint) AS endpoint, any_value(r.model) AS model,
           any_value(r.model_identity) AS model_identity, any_value(r.run_id) AS run_id,
           count(a.custom_id) AS answered
    FROM journal.requests AS r
    LEFT JOIN (SELECT DISTINCT custom_id FROM journal.attempts) AS a USING (custom_id)
    GROUP BY batch
)
SELECT batch, endpoint, model, model_identity, runs.experiment, requests, answered, state, service,
       batch_id, status, detail, file, file_hash, file_id, written_at, submitted_at, ended_at, run_id
FROM journal.batch_states JOIN asked USING (batch)
LEFT JOIN (SELECT run_id, experiment FROM journal.runs) AS runs USING (run_id);

CREATE VIEW decisions AS
SELECT d.decision_id, d.tool, d.persona, d.action, d.text, d.verdict, d.confidence, d.evidence,
       d.note, d.editor, d.decided_at, list_contains(s.in_force, d.decision_id) AS in_force,
       d.follows, d.undoes, d.question, d.model_identity, d.repeat, d.fingerprint, d.attempt_id, d.run_id,
       d.verdict_reason, d.sign_off
FROM journal.decisions AS d JOIN journal.review_states AS s USING (tool, persona)
ORDER BY d.decided_at, d.decision_id;

CREATE VIEW published AS
SELECT d.tool, d.persona, d.verdict, d.confidence, d.text, d.evidence, d.editor,
       d.decided_at AS approved_at, d.model_identity, d.repeat, d.fingerprint, d.attempt_id,
       d.question, d.decision_id, d.verdict_reason
FROM journal.review_states AS s JOIN journal.decisions AS d ON d.decision_id = s.published_id;

-- What people say of the same questions: questions drawn for them to answer, and their answers.
CREATE TABLE journal.draws (
    item VARCHAR PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    persona VARCHAR NOT NULL,
    model_identity VARCHAR NOT NULL,
    wording VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL CHECK (verdict IN ('ship', 'skip')),
    population BIGINT NOT NULL CHECK (population > 0),
    population_ships BIGINT NOT NULL CHECK (population_ships BETWEEN 0 AND population),
    probability DOUBLE NOT NULL CHECK (probability > 0 AND probability <= 1),
    seed BIGINT NOT NULL,
    drawn_at TIMESTAMP NOT NULL
);

CREATE TABLE journal.labels (
    item VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    labeller VARCHAR NOT NULL,
    label VARCHAR NOT NULL CHECK (label IN ('ship', 'skip')),
    note VARCHAR,
    labelled_at TIMESTAMP NOT NULL,
    PRIMARY KEY (item, labeller, labelled_at)
);

-- The latest label of each person on each drawn question.
CREATE VIEW labels AS
SELECT d.tool, d.persona, d.model_identity, l.labeller, l.label, l.note, l.labelled_at, d.verdict,
       d.probability, d.population, d.population_ships, d.run_id AS draw, d.drawn_at, d.seed,
       d.wording, l.item, l.run_id
FROM journal.labels AS l JOIN journal.draws AS d USING (item)
QUALIFY row_number() OVER (
    PARTITION BY l.item, l.labeller ORDER BY l.labelled_at DESC, l.run_id DESC
) = 1;

-- What the latest version of every experiment has enrolled: a row for each arm × cell, with the
-- factors of its arm in clear, and the outcome where there is one yet.
CREATE VIEW observations AS
WITH latest AS (
    SELECT experiment, arg_max(version, row(registered_at, run_id)) AS version
    FROM journal.experiments GROUP BY ALL
),
asked AS (
    SELECT * FROM journal.outcome_attempts
    WHERE final AND fingerprint IN (SELECT fingerprint FROM journal.enrolments)
    QUALIFY row_number() OVER (
        PARTITION BY tool, persona, fingerprint
        ORDER BY CASE outcome WHEN 'verdict' THEN 0 WHEN 'abstain' THEN 1 ELSE 2 END,
                 finished_at DESC, attempt_id DESC
    ) = 1
)
SELECT e.experiment, e.version, e.arm, e.position, e.tool, e.persona, e.repeat,
       arms.endpoint, arms.model, e.model_identity, arms.labels, arms.verdict_field,
       arms.temperature, arms.top_p, arms.max_tokens,
       arms.seed + e.repeat - 1 AS seed, arms.extra,
       arms.prompts_hash, arms.personas_hash, arms.tools_hash,
       asked.outcome, asked.reason, asked.verdict,
       CASE asked.verdict WHEN 'ship' THEN 1 WHEN 'skip' THEN 0 END::TINYINT AS ship,
       asked.confidence, asked.p_ship, asked.p_ship_mass, asked.p_ship_source,
       asked.take, asked.beats, asked.evidence,
       asked.output_mode, asked.adapted, asked.returned_model, asked.system_fingerprint,
       asked.started_at, asked.finished_at AS asked_at, asked.seconds,
       asked.prompt_tokens, asked.completion_tokens, asked.cached_tokens, asked.cost_usd,
       e.fingerprint, asked.wording, asked.tool_digest, asked.persona_digest,
       asked.templates_digest, asked.sampling_digest, asked.profile, asked.attempt_id,
       asked.run_id
FROM journal.enrolments AS e
JOIN latest USING (experiment, version)
JOIN journal.arms AS arms USING (experiment, version, arm)
LEFT JOIN asked
       ON asked.tool = e.tool AND asked.persona = e.persona AND asked.fingerprint = e.fingerprint;

-- The data dictionary of `panel export --tidy`.
COMMENT ON COLUMN observations.experiment IS 'name of the experiment';
COMMENT ON COLUMN observations.version IS 'hash of its registered text, arms and cells; the view shows the latest';
COMMENT ON COLUMN observations.arm IS 'name of the arm';
COMMENT ON COLUMN observations.position IS 'place in the drawn asking order, from 1';
COMMENT ON COLUMN observations.tool IS 'slug of the tool';
COMMENT ON COLUMN observations.persona IS 'id of the persona';
COMMENT ON COLUMN observations.repeat IS '1 for the first asking';
COMMENT ON COLUMN observations.endpoint IS 'factor: name of the endpoint';
COMMENT ON COLUMN observations.model IS 'factor: the model as it is asked for';
COMMENT ON COLUMN observations.model_identity IS 'factor: endpoint, model and, where known, the digest of its weights';
COMMENT ON COLUMN observations.labels IS 'factor: the word named first, ship-first or skip-first';
COMMENT ON COLUMN observations.verdict_field IS 'factor: where the verdict stands in the reply, last or first';
COMMENT ON COLUMN observations.temperature IS 'factor: sampling temperature';
COMMENT ON COLUMN observations.top_p IS 'factor: nucleus sampling';
COMMENT ON COLUMN observations.max_tokens IS 'factor: cap on the reply, in tokens';
COMMENT ON COLUMN observations.seed IS 'sampling seed of this repeat';
COMMENT ON COLUMN observations.extra IS 'factor: other sampling fields';
COMMENT ON COLUMN observations.prompts_hash IS 'factor: hash of the rendered rules of every persona';
COMMENT ON COLUMN observations.personas_hash IS 'factor: hash of the personas as they are written';
COMMENT ON COLUMN observations.tools_hash IS 'factor: hash of the rendered descriptions of every tool';
COMMENT ON COLUMN observations.outcome IS 'verdict, abstain or error';
COMMENT ON COLUMN observations.reason IS 'why there is no verdict';
COMMENT ON COLUMN observations.verdict IS 'ship or skip';
COMMENT ON COLUMN observations.ship IS '1 for ship, 0 for skip';
COMMENT ON COLUMN observations.confidence IS 'the confidence that the model stated, 0 to 100; not calibrated';
COMMENT ON COLUMN observations.p_ship IS 'the probability, 0 to 1, that the model gave to ship; not calibrated';
COMMENT ON COLUMN observations.p_ship_mass IS 'what it gave to ship and skip together';
COMMENT ON COLUMN observations.p_ship_source IS 'where p_ship comes from: logprobs, or decisions';
COMMENT ON COLUMN observations.take IS 'the paragraph';
COMMENT ON COLUMN observations.beats IS 'beat id → text, in order';
COMMENT ON COLUMN observations.evidence IS 'quotes from the description';
COMMENT ON COLUMN observations.output_mode IS 'how structure was asked for in fact';
COMMENT ON COLUMN observations.adapted IS 'how the request differed in fact from what the arm says';
COMMENT ON COLUMN observations.returned_model IS 'the model that the endpoint says answered';
COMMENT ON COLUMN observations.system_fingerprint IS 'the endpoint''s name for its configuration';
COMMENT ON COLUMN observations.started_at IS 'when the request went out, UTC';
COMMENT ON COLUMN observations.asked_at IS 'when its answer was complete, UTC';
COMMENT ON COLUMN observations.seconds IS 'latency of the request that ended the cell, in seconds';
COMMENT ON COLUMN observations.prompt_tokens IS 'tokens read by that request';
COMMENT ON COLUMN observations.completion_tokens IS 'tokens written in answer to it';
COMMENT ON COLUMN observations.cached_tokens IS 'those of prompt_tokens that came from a cache';
COMMENT ON COLUMN observations.cost_usd IS 'cost of that request, in US dollars';
COMMENT ON COLUMN observations.fingerprint IS 'hash of the question: messages, schema, model, sampling, repeat';
COMMENT ON COLUMN observations.wording IS 'what the repeats of one question share';
COMMENT ON COLUMN observations.tool_digest IS 'hash of what the prompt shows of the tool';
COMMENT ON COLUMN observations.persona_digest IS 'hash of what the prompt and the schema show of the persona';
COMMENT ON COLUMN observations.templates_digest IS 'hash of the templates'' wording';
COMMENT ON COLUMN observations.sampling_digest IS 'hash of the sampling';
COMMENT ON COLUMN observations.profile IS 'extractive where the model only picked sentences of the description: its verdict is no judgement';
COMMENT ON COLUMN observations.attempt_id IS 'the attempt that the answer comes from';
COMMENT ON COLUMN observations.run_id IS 'the run that it comes from: of this experiment, another, or the house panel';
