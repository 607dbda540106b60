"""What a model's canaries have answered, run by run."""

from __future__ import annotations

from dataclasses import dataclass

from panel.cells.cells import ModelIdentity
from panel.stats import ShipOrSkip
from panel.store.connection import Connection


@dataclass(frozen=True, slots=True)
class CanaryAnswer:
    """A vote of a canary that a run asked again. asked_at: when it came, UTC, ISO 8601."""

    run_id: str
    tool: str
    persona: str
    fingerprint: str
    verdict: ShipOrSkip
    asked_at: str
    returned_model: str | None
    system_fingerprint: str | None


_CANARIES = """
SELECT run_id, tool, persona, fingerprint, verdict,
       strftime(finished_at, '%Y-%m-%dT%H:%M:%S.%fZ'), returned_model, system_fingerprint
FROM journal.attempts AS a
JOIN journal.canaries AS c USING (run_id, tool, persona, fingerprint)
JOIN journal.runs AS runs USING (run_id)
WHERE a.model_identity = ? AND a.final AND a.outcome = 'verdict'
ORDER BY runs.started_at, run_id, tool, persona, a.repeat
"""


def canary_answers(connection: Connection, model: ModelIdentity | str) -> list[CanaryAnswer]:
    """Return every vote of a model's canaries, the run that asked first first."""
    rows = connection.execute(_CANARIES, [str(model)]).fetchall()
    return [CanaryAnswer(*row) for row in rows]
