"""What draws and labels ask of the store: questions with their texts, drawn items, labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from panel.stats import ShipOrSkip
from panel.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Question:
    """A tool × persona as one model answered it in its present wording, over all repeats.

    tool_record, persona_record: as they were shown, else as the store knows them last; None
    where it knows neither.
    """

    tool: str
    persona: str
    model_identity: str
    wording: str
    ships: int
    skips: int
    tool_record: dict[str, Any] | None = None
    persona_record: dict[str, Any] | None = None

    @property
    def verdict(self) -> ShipOrSkip | None:
        """The majority of the answers; None on a tie."""
        if self.ships == self.skips:
            return None
        return "ship" if self.ships > self.skips else "skip"


_QUESTIONS = """
WITH shown AS (
    SELECT tool, persona, model_identity, wording,
           count(*) FILTER (verdict = 'ship') AS ships, count(*) FILTER (verdict = 'skip') AS skips,
           max(tool_record) AS tool_digest, max(persona_record) AS persona_digest
    FROM verdicts WHERE verdict IS NOT NULL GROUP BY ALL
),
tool_records AS (SELECT digest, any_value(record) AS record FROM journal.tools GROUP BY digest),
persona_records AS (
    SELECT digest, any_value(record) AS record FROM journal.personas GROUP BY digest
)
SELECT s.tool, s.persona, s.model_identity, s.wording, s.ships, s.skips,
       coalesce(t.record, tools.record)::VARCHAR, coalesce(p.record, personas.record)::VARCHAR
FROM shown AS s
LEFT JOIN tool_records AS t ON t.digest = s.tool_digest
LEFT JOIN persona_records AS p ON p.digest = s.persona_digest
LEFT JOIN tools ON tools.tool = s.tool
LEFT JOIN personas ON personas.persona = s.persona
ORDER BY ALL
"""


def house_questions(connection: Connection) -> list[Question]:
    """Return every question with a vote, of every model, sorted by tool and persona."""
    return [
        Question(*row[:6], *(json.loads(each) if each else None for each in row[6:]))
        for row in connection.execute(_QUESTIONS).fetchall()
    ]


@dataclass(frozen=True, slots=True)
class DrawnItem:
    """A question of a draw, and the people's latest labels: labeller → ship or skip."""

    item: str
    draw: str
    drawn_at: str
    tool: str
    persona: str
    model_identity: str
    wording: str
    verdict: ShipOrSkip
    probability: float
    population: int
    population_ships: int
    labels: dict[str, ShipOrSkip]
    notes: dict[str, str | None]


_ITEMS = """
WITH said AS (
    SELECT item, list(labeller ORDER BY labeller) AS who, list(label ORDER BY labeller) AS words,
           list(note ORDER BY labeller) AS notes
    FROM labels GROUP BY item
)
SELECT d.item, d.run_id, strftime(d.drawn_at, '%Y-%m-%dT%H:%M:%SZ'), d.tool, d.persona,
       d.model_identity, d.wording, d.verdict, d.probability, d.population, d.population_ships,
       coalesce(s.who, []), coalesce(s.words, []), coalesce(s.notes, [])
FROM journal.draws AS d LEFT JOIN said AS s USING (item)
ORDER BY d.drawn_at, d.item
"""


def drawn_items(connection: Connection) -> list[DrawnItem]:
    """Return every drawn question, the oldest draw first."""
    found = connection.execute(_ITEMS).fetchall()
    return [
        DrawnItem(*row[:11], _by(row[11], row[12]), _by(row[11], row[13]))  # type: ignore[call-arg]
        for row in found
    ]


def _by(who: list[str], said: list[Any]) -> dict[str, Any]:
    return dict(zip(who, said, strict=True))
