"""What a model said of its own verdicts: the confidence it stated and the probability it gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from panel.cells.lines import ShownTake
from panel.store.connection import Connection
from panel.store.replies import message_texts

Row = tuple[Any, ...]  # tool, persona, repeat, verdict, confidence, p_ship, p_ship_source


def stated(connection: Connection, model: str) -> list[Row]:
    """Return the verdicts of a model identity on the present questions, in order of repeats."""
    return connection.execute(
        "SELECT tool, persona, repeat, verdict, confidence, p_ship, p_ship_source FROM verdicts "
        "WHERE outcome = 'verdict' AND model_identity = ? ORDER BY tool, persona, repeat",
        [model],
    ).fetchall()


@dataclass(frozen=True, slots=True)
class TakesToRead:
    """The takes of a model by whether their probability is known, and those to be asked about.

    told: by p_ship_source. declined: answered without a probability. unseen: no journal here
    has the messages that the model saw, as of those that come from verdicts/.
    """

    pending: list[ShownTake]
    told: dict[str, int]
    declined: int
    unseen: int

    @property
    def takes(self) -> int:
        """How many there are."""
        return len(self.pending) + sum(self.told.values()) + self.declined + self.unseen


# The answers that count: to the present questions of the house panel, and of experiments.
_TAKES = """
WITH wanted AS (
    SELECT attempt_id FROM verdicts
    WHERE verdict IS NOT NULL AND model_identity = $model
      AND ($all OR tool IN (SELECT unnest($tools)))
    UNION
    SELECT attempt_id FROM observations
    WHERE verdict IS NOT NULL AND model_identity = $model
      AND ($all OR tool IN (SELECT unnest($tools)))
),
ended AS (
    SELECT attempt_id, max(read_at) AS ended_at FROM journal.probabilities WHERE final GROUP BY 1
),
found AS (
    SELECT a.*, ended_at IS NOT NULL AND (a.read_at IS NULL OR a.read_at <= ended_at) AS answered,
           p_ship_source IS NULL AND NOT answered AS pending
    FROM journal.read_attempts AS a SEMI JOIN wanted USING (attempt_id)
    LEFT JOIN ended USING (attempt_id)
)
SELECT attempt_id, tool, persona, repeat, fingerprint, CASE WHEN pending THEN take END AS take,
       CASE WHEN pending THEN messages END AS messages, p_ship_source, answered
FROM found ORDER BY tool, persona, repeat, attempt_id
"""


def takes_to_read(
    connection: Connection, model: str, tools: Collection[str] | None = None
) -> TakesToRead:
    """Return the takes of a model identity that count, those without a probability to be asked.

    tools: of these slugs; None for all.
    """
    rows = connection.execute(
        _TAKES, {"model": model, "all": tools is None, "tools": sorted(tools or ())}
    ).fetchall()
    told = Counter(source for *_row, source, _ended in rows if source is not None)
    ended = sum(ended for *_row, source, ended in rows if source is None)
    left = [row for *row, source, ended in rows if source is None and not ended]
    texts = message_texts(connection, {each for row in left for each in row[-1]})
    pending = [
        ShownTake(attempt_id, (tool, persona), repeat, fingerprint, take, shown)
        for attempt_id, tool, persona, repeat, fingerprint, take, messages in left
        if messages
        and (shown := tuple(texts[each] for each in messages if each in texts))
        and len(shown) == len(messages)
    ]
    return TakesToRead(pending, dict(told), ended, len(left) - len(pending))
