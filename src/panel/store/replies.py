"""The raw replies behind answers: for ``panel reparse``, and for an editor to read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from panel.cells.answers import Answer
from panel.cells.cells import PairKey
from panel.store.connection import Connection
from panel.store.queries import ANSWER, answer_from

CHUNK = 500  # bodies in memory at a time
CUT_SHORT = ("truncated", "whitespace_runaway")  # why a reply that ran into its cap is of no use


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One attempt whose reply can be read again, with what counts as read from it now.

    cell_outcome: the outcome of its whole cell. persona, tool: their records as they were when
    asked, None when no journal has them; the tool's only where its sentences were picked from.
    messages: (role, text) of what was asked.
    """

    pair: PairKey
    answer: Answer
    cell_outcome: str
    persona: dict[str, Any] | None
    tool: dict[str, Any] | None
    body: str
    messages: tuple[tuple[str, str], ...]

    @property
    def cell(self) -> tuple[PairKey, str, int]:
        """The cell, whatever its wording: pair, model identity, repeat."""
        return (self.pair, self.answer.model_identity, self.answer.repeat)


# Of errors only replies cut short: the others were never a reply to the whole question. Records are
# found by their digest alone: a rename moves answers to the new name, and not the records.
_REPLIES = f"""
WITH cells AS (
    SELECT tool, persona, model_identity, repeat, fingerprint, outcome AS cell_outcome
    FROM verdicts
    WHERE outcome IN ('verdict', 'abstain') AND ($all OR tool IN (SELECT unnest($tools)))
    UNION
    SELECT tool, persona, model_identity, repeat, fingerprint, outcome FROM observations
    WHERE outcome IN ('verdict', 'abstain') AND ($all OR tool IN (SELECT unnest($tools)))
),
reviewers AS (
    SELECT DISTINCT ON (digest) digest, record FROM journal.personas
),
described AS (
    SELECT DISTINCT ON (digest) digest AS described, record AS description FROM journal.tools
)
SELECT tool, persona, cell_outcome, record, description, body, messages, {ANSWER}
FROM journal.outcome_attempts
JOIN cells USING (tool, persona, model_identity, repeat, fingerprint)
LEFT JOIN reviewers ON digest = persona_record
LEFT JOIN described ON described = tool_record AND profile IS NOT NULL
WHERE http_status = 200 AND body IS NOT NULL
  AND (outcome <> 'error' OR reason IN {CUT_SHORT})
ORDER BY tool, persona, model_identity, repeat, finished_at, attempt_id
"""


def replies_by_cell(connection: Connection, tools: list[str] | None) -> Iterator[list[StoredReply]]:
    """Yield the replies of each cell that ended as verdict or abstain, oldest first.

    Only replies to the wording that counts now; ``tools``: slugs, None for all.
    """
    yield from (list(group) for _cell, group in groupby(_replies(connection, tools), _CELL))


_CELL = attrgetter("cell")


def _replies(connection: Connection, tools: list[str] | None) -> Iterator[StoredReply]:
    [database] = connection.execute("SELECT current_database()").fetchone() or [""]
    beside = connection.cursor()  # the connection itself is reading
    beside.execute(f'USE "{database}"')
    cursor = connection.execute(_REPLIES, {"all": tools is None, "tools": tools or []})
    while rows := cursor.fetchmany(CHUNK):
        texts = message_texts(beside, {message for row in rows for message in row[6]})
        for tool, persona, ended, record, description, body, asked, *row in rows:
            made, shown = (json.loads(each) if each else None for each in (record, description))
            said = tuple(texts[message] for message in asked if message in texts)
            yield StoredReply((tool, persona), answer_from(row), ended, made, shown, body, said)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was: the messages shown (role, text), and what came back.

    finished_at: to the microsecond. messages: empty for an answer thawed from ``verdicts/``,
    which has no reply either.
    """

    answer: Answer
    finished_at: str
    messages: tuple[tuple[str, str], ...]
    reply: str | None
    body: str | None


_TOOL = """
SELECT t.record FROM journal.attempts AS a
JOIN journal.tools AS t ON t.digest = a.tool_record
WHERE a.attempt_id = ?
LIMIT 1
"""


def tool_when_asked(connection: Connection, attempt_id: str) -> dict[str, Any] | None:
    """Return the record of a tool as an attempt showed it; None where no journal has it."""
    row = connection.execute(_TOOL, [attempt_id]).fetchone()
    return json.loads(row[0]) if row else None


def message_texts(connection: Connection, messages: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (role, text) of messages by their hashes; one that no journal has is left out."""
    rows = connection.execute(
        "SELECT message, role, content FROM journal.messages WHERE message IN (SELECT unnest(?))",
        [sorted(messages)],
    ).fetchall()
    return {message: (role, content) for message, role, content in rows}


_EXCHANGES = f"""
SELECT finished_at, messages, reply, body, {ANSWER}
FROM journal.current_attempts
WHERE tool = ? AND persona = ? AND final AND outcome IN ('verdict', 'abstain')
ORDER BY finished_at, attempt_id
"""


def exchanges(connection: Connection, tool: str, persona: str) -> list[Exchange]:
    """Return every answer to a tool × persona, of all models, oldest first."""
    rows = connection.execute(_EXCHANGES, [tool, persona]).fetchall()
    texts = message_texts(connection, {message for row in rows for message in row[1]})
    return [
        Exchange(
            answer_from(row),
            finished_at.isoformat(timespec="microseconds"),
            tuple(texts[message] for message in shown if message in texts),
            reply,
            body,
        )
        for finished_at, shown, reply, body, *row in rows
    ]
