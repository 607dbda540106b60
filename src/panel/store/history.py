"""How verdicts changed over time, and what had changed in the question."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import duckdb

from panel.cells.cells import ModelIdentity
from panel.scorecard import VerdictChange

# The verdict that each moment of a cell made the current one. A question that was changed back
# makes an earlier answer current again (an adoption): its verdict is that answer's.
_VERDICTS = """
WITH answers AS (
    SELECT tool, persona, repeat, model_identity, fingerprint, attempt_id, verdict, finished_at
    FROM journal.current_attempts WHERE final AND outcome = 'verdict'
),
newest AS (
    SELECT * FROM answers
    QUALIFY row_number() OVER (
        PARTITION BY tool, persona, repeat, model_identity, fingerprint
        ORDER BY finished_at DESC, attempt_id DESC
    ) = 1
)
SELECT m.tool, m.persona, coalesce(own.verdict, newest.verdict) AS verdict, m.happened_at,
       m.tool_digest, m.persona_digest, m.templates_digest, m.sampling_digest
FROM journal.cell_events AS m
LEFT JOIN answers AS own ON own.attempt_id = m.id
LEFT JOIN newest ON m.outcome = 'adopted' AND newest.tool = m.tool
    AND newest.persona = m.persona AND newest.repeat = m.repeat
    AND newest.model_identity = m.model_identity AND newest.fingerprint = m.fingerprint
WHERE m.final AND m.repeat = 1 AND m.model_identity = ? AND m.outcome IN ('verdict', 'adopted')
  AND coalesce(own.verdict, newest.verdict) IS NOT NULL
ORDER BY m.tool, m.persona, m.happened_at, m.id
"""

# In the order of the digests above, in the words of panel.plan.Reason.
_REASONS = ("description changed", "persona changed", "template changed", "settings changed")
FIRST, AGAIN = "new", "asked again"


def changes(
    connection: duckdb.DuckDBPyConnection, model: ModelIdentity, since: datetime | None = None
) -> list[VerdictChange]:
    """Return every change of a verdict of this model, newest first.

    Follows the first repeat of each cell through its verdicts; abstentions and errors change
    nothing. A cell's first verdict is a change from None, with the reason "new"; one whose
    question had not changed has "asked again". ``since`` leaves out what happened before it;
    without a time zone it is taken as UTC.
    """
    rows = connection.execute(_VERDICTS, [str(model)]).fetchall()
    found = [
        change
        for (tool, persona), steps in groupby(rows, key=lambda row: (row[0], row[1]))
        for change in _steps(tool, persona, steps, str(model))
    ]
    if since is not None:
        bound = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
        found = [each for each in found if datetime.fromisoformat(each.changed_at) >= bound]
    # Backwards, so that of two changes within one second the later one stands first.
    found.reverse()
    return sorted(found, key=lambda change: change.changed_at, reverse=True)


def _steps(
    tool: str, persona: str, steps: Iterable[tuple[Any, ...]], model: str
) -> list[VerdictChange]:
    found: list[VerdictChange] = []
    before, known = None, None
    for _tool, _persona, verdict, happened_at, *digests in steps:
        if verdict != before:
            reason = FIRST if known is None else _reason(known, digests)
            at = happened_at.isoformat(timespec="seconds") + "Z"
            found.append(VerdictChange(tool, persona, before, verdict, at, reason, model))
        before, known = verdict, digests
    return found


def _reason(was: list[str], now: list[str]) -> str:
    differ = [reason for reason, old, new in zip(_REASONS, was, now, strict=True) if old != new]
    return ", ".join(differ) or AGAIN
