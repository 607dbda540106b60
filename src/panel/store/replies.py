"""What ``panel reparse`` reads: the raw replies behind the outcomes that count now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import duckdb

CHUNK = 500  # bodies in memory at a time


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One attempt whose reply can be read again, with what counts as read from it now.

    cell_outcome: the outcome of its whole cell. persona: the record of the persona as it
    was when asked, None when no journal has it. verdict to evidence are None or empty
    without a verdict.
    """

    attempt_id: str
    cell: tuple[str, str, str, int]
    cell_outcome: str
    persona_digest: str
    persona: dict[str, Any] | None
    outcome: str
    verdict: str | None
    confidence: int | None
    beats: dict[str, str]
    evidence: tuple[str, ...]
    body: str


# Of errors only replies cut short: the others were never a reply to the whole question.
_REPLIES = """
WITH cells AS (
    SELECT tool, persona, model_identity, repeat, fingerprint, outcome AS cell_outcome
    FROM verdicts
    WHERE outcome IN ('verdict', 'abstain') AND ($all OR tool IN (SELECT unnest($tools)))
),
reviewers AS (SELECT DISTINCT ON (persona, digest) persona, digest, record FROM journal.personas)
SELECT asked.attempt_id, asked.tool, asked.persona, asked.model_identity, asked.repeat,
       cells.cell_outcome, asked.persona_digest, reviewers.record, asked.outcome, asked.verdict,
       asked.confidence, asked.beats, asked.evidence, asked.body
FROM journal.effective AS asked
JOIN cells USING (tool, persona, model_identity, repeat, fingerprint)
LEFT JOIN reviewers
       ON reviewers.persona = asked.persona AND reviewers.digest = asked.persona_digest
WHERE asked.http_status = 200 AND asked.body IS NOT NULL
  AND (asked.outcome <> 'error' OR asked.reason IN ('truncated', 'whitespace_runaway'))
ORDER BY asked.tool, asked.persona, asked.model_identity, asked.repeat, asked.finished_at,
         asked.attempt_id
"""


def replies_by_cell(
    connection: duckdb.DuckDBPyConnection, tools: list[str] | None
) -> Iterator[list[StoredReply]]:
    """Yield the replies of each cell that ended as verdict or abstain, oldest first.

    Only replies to the wording that counts now; ``tools``: slugs, None for all.
    """
    yield from (list(group) for _cell, group in groupby(_replies(connection, tools), _CELL))


_CELL = attrgetter("cell")


def _replies(
    connection: duckdb.DuckDBPyConnection, tools: list[str] | None
) -> Iterator[StoredReply]:
    values = {"all": tools is None, "tools": tools or []}
    cursor = connection.execute(_REPLIES, values)
    while rows := cursor.fetchmany(CHUNK):
        for id_, tool, persona, model, repeat, ended, digest, record, *read, body in rows:
            outcome, verdict, confidence, beats, evidence = read
            yield StoredReply(
                id_,
                (tool, persona, model, repeat),
                ended,
                digest,
                json.loads(record) if record else None,
                outcome,
                verdict,
                confidence,
                json.loads(beats) if beats else {},
                tuple(evidence or ()),
                body,
            )


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was: the messages shown (role, text), and what came back.

    messages: empty for an answer thawed from ``verdicts/``, which has no reply either.
    """

    attempt_id: str
    model_identity: str
    repeat: int
    outcome: str
    reason: str | None
    verdict: str | None
    take: str | None
    finished_at: str
    fingerprint: str
    messages: tuple[tuple[str, str], ...]
    reply: str | None
    body: str | None


_EXCHANGES = """
SELECT attempt_id, model_identity, repeat, outcome, reason, verdict, take, finished_at,
       fingerprint, messages, reply, body
FROM journal.effective
WHERE tool = ? AND persona = ? AND final AND outcome IN ('verdict', 'abstain')
ORDER BY finished_at, attempt_id
"""


def exchanges(connection: duckdb.DuckDBPyConnection, tool: str, persona: str) -> list[Exchange]:
    """Return every answer to a tool × persona, of all models, oldest first."""
    rows = connection.execute(_EXCHANGES, [tool, persona]).fetchall()
    wanted = sorted({message for row in rows for message in row[9]})
    texts = {
        message: (role, content)
        for message, role, content in connection.execute(
            "SELECT message, role, content FROM journal.messages "
            "WHERE message IN (SELECT unnest(?))",
            [wanted],
        ).fetchall()
    }
    return [
        Exchange(
            attempt_id=id_,
            model_identity=model,
            repeat=repeat,
            outcome=outcome,
            reason=reason,
            verdict=verdict,
            take=take,
            finished_at=finished_at.isoformat(timespec="microseconds"),
            fingerprint=fingerprint,
            messages=tuple(texts[message] for message in shown if message in texts),
            reply=reply,
            body=body,
        )
        for (
            id_,
            model,
            repeat,
            outcome,
            reason,
            verdict,
            take,
            finished_at,
            fingerprint,
            shown,
            reply,
            body,
        ) in rows
    ]
