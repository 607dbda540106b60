"""What the store holds of batches: which cells wait in one, and what each request was about."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from panel.cells.answers import INPUT_NAMES, Inputs
from panel.cells.batches import BatchRequest, BatchState
from panel.cells.cells import AskedCell, ModelIdentity, Question
from panel.store.connection import Connection
from panel.store.replies import message_texts
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A file of requests and how far it is: a row of the view ``batches``.

    answered: of its requests, those whose answers are in a journal. file: relative to the
    workspace where it is below it. run_id: of the run that wrote it.
    """

    batch: str
    endpoint: str
    model: str
    model_identity: str
    experiment: str | None
    requests: int
    answered: int
    state: BatchState
    service: str | None
    batch_id: str | None
    status: str | None
    detail: str | None
    file: str
    file_hash: str
    file_id: str | None
    written_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None
    run_id: str


def stored_batches(connection: Connection) -> list[StoredBatch]:
    """Return every batch whose file was written, the newest first."""
    names = ", ".join(StoredBatch.__dataclass_fields__)
    rows = connection.execute(
        f"SELECT {names} FROM batches WHERE file IS NOT NULL ORDER BY written_at DESC, batch DESC"
    ).fetchall()
    return [StoredBatch(*row) for row in rows]


def waiting_cells(connection: Connection) -> set[Question]:
    """Return the questions that wait in a batch which has not ended."""
    rows = connection.execute(
        "SELECT DISTINCT tool, persona, fingerprint FROM journal.waiting"
    ).fetchall()
    return set(rows)


_NEEDLESS = """
SELECT count(*) FROM journal.requests AS r WHERE batch = $batch AND (
    EXISTS (FROM journal.waiting AS w WHERE w.batch <> $batch AND w.tool = r.tool
            AND w.persona = r.persona AND w.fingerprint = r.fingerprint)
    OR EXISTS (FROM journal.outcome_attempts AS a WHERE a.tool = r.tool AND a.persona = r.persona
               AND a.fingerprint = r.fingerprint AND a.finished_at > r.written_at
               AND a.final AND a.outcome IN ('verdict', 'abstain')))
"""


def needless_requests(connection: Connection, batch: str) -> int:
    """Count the requests of a file whose cells were settled since, or wait in another batch."""
    return int(connection.execute(_NEEDLESS, {"batch": batch}).fetchall()[0][0])


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request that was written into a file, as its answer needs it.

    batch: its file. experiment: that it was asked for. known: the cell had an answer meanwhile,
    or is a canary: what comes is no outcome of it.
    """

    request: BatchRequest
    batch: str
    experiment: str | None
    panel: list[str]
    known: bool


_REQUESTS = f"""
WITH wanted AS (
    SELECT * FROM journal.requests WHERE custom_id IN (SELECT unnest($ids))
),
settled AS (
    SELECT DISTINCT w.custom_id FROM wanted AS w
    JOIN journal.outcome_attempts AS a
      ON a.tool = w.tool AND a.persona = w.persona AND a.fingerprint = w.fingerprint
     AND a.finished_at > w.written_at AND a.final AND a.outcome IN ('verdict', 'abstain')
),
tools AS (SELECT DISTINCT ON (digest) digest, record FROM journal.tools),
personas AS (SELECT DISTINCT ON (digest) digest, record FROM journal.personas)
SELECT w.custom_id, w.batch, t.record, p.record, w.endpoint, w.model, w.model_digest, w.repeat,
       w.fingerprint, w.wording, w.ordinal, w.messages, w.output_mode, w.repair, w.longer, w.cap,
       w.sent, w.adapted, runs.experiment, runs.panel,
       s.custom_id IS NOT NULL OR c.repeat IS NOT NULL, {", ".join(f"w.{n}" for n in INPUT_NAMES)},
       w.tool, w.persona
FROM wanted AS w
LEFT JOIN tools AS t ON t.digest = w.tool_record
LEFT JOIN personas AS p ON p.digest = w.persona_record
LEFT JOIN (SELECT run_id, experiment, panel FROM journal.runs) AS runs USING (run_id)
LEFT JOIN settled AS s USING (custom_id)
LEFT JOIN journal.canaries AS c
       ON c.run_id = w.run_id AND c.tool = w.tool AND c.persona = w.persona
      AND c.fingerprint = w.fingerprint
"""


class KeptRequests:
    """Requests by their ids, each tool and persona made of its record once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tools: dict[str, Tool] = {}
        self._personas: dict[str, Persona] = {}

    def answered(self, ids: Collection[str]) -> set[str]:
        """Return those of these ids whose answers are in a journal."""
        rows = self._connection.execute(
            "SELECT DISTINCT custom_id FROM journal.attempts WHERE custom_id IN (SELECT unnest(?))",
            [sorted(ids)],
        ).fetchall()
        return {custom_id for (custom_id,) in rows}

    def find(self, ids: Collection[str]) -> dict[str, StoredRequest]:
        """Return the requests with these ids; one that no journal has is left out."""
        rows = self._connection.execute(_REQUESTS, {"ids": sorted(ids)}).fetchall()
        texts = message_texts(self._connection, {each for row in rows for each in row[11]})
        made = (self._made(row, texts) for row in rows)
        return {each.request.custom_id: each for each in made if each is not None}

    def _made(self, row: Any, texts: dict[str, tuple[str, str]]) -> StoredRequest | None:
        (custom_id, batch, tool, persona, endpoint, model, digest, repeat, fingerprint, wording,
         ordinal, shown, mode, repair, longer, cap, sent, adapted, experiment, panel, known,
         *rest) = row  # fmt: skip
        *inputs, slug, reviewer = rest
        try:
            cell = AskedCell(
                self._tool(tool, slug),
                self._persona(persona, reviewer),
                ModelIdentity(endpoint, model, digest),
                repeat,
                fingerprint,
                wording,
                Inputs(*inputs),
            )
            messages = tuple(texts[each] for each in shown)
        except (ValidationError, KeyError, TypeError):  # of a version whose files had other fields
            return None
        request = BatchRequest(
            custom_id,
            cell,
            ordinal,
            messages,
            mode,
            repair,
            longer,
            cap,
            tuple(sent),
            tuple(adapted),
        )
        return StoredRequest(request, batch, experiment, list(panel or ()), known)

    def _tool(self, record: str, slug: str) -> Tool:
        """Return a tool as it was, under the name that it has now."""
        key = f"{slug} {record}"
        if key not in self._tools:
            self._tools[key] = Tool.model_validate({**json.loads(record), "slug": slug})
        return self._tools[key]

    def _persona(self, record: str, reviewer: str) -> Persona:
        key = f"{reviewer} {record}"
        if key not in self._personas:
            self._personas[key] = Persona.model_validate({**json.loads(record), "id": reviewer})
        return self._personas[key]


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """A request that was made about a cell which has no answer yet."""

    ordinal: int
    final: bool
    reason: str | None
    detail: str | None
    output_mode: str
    repair: bool
    body: str | None


_EARLIER = """
SELECT tool, persona, fingerprint, ordinal, final, reason, detail, output_mode, repair, body
FROM journal.read_attempts WHERE fingerprint IN (SELECT unnest($fingerprints))
ORDER BY finished_at, attempt_id
"""


def earlier_attempts(
    connection: Connection, fingerprints: Iterable[str]
) -> dict[Question, list[EarlierAttempt]]:
    """Return what was asked before of cells with these fingerprints, the oldest first."""
    rows = connection.execute(_EARLIER, {"fingerprints": sorted(set(fingerprints))}).fetchall()
    found: dict[Question, list[EarlierAttempt]] = {}
    for tool, persona, fingerprint, *fields in rows:
        found.setdefault((tool, persona, fingerprint), []).append(EarlierAttempt(*fields))
    return found
