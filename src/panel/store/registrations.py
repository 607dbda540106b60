"""What the store holds of experiments: how they were registered, and what stands behind an arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from panel.store.connection import Connection

FACTORS = (
    *("endpoint", "model_identity", "repeats", "labels", "verdict_field", "temperature", "top_p"),
    *("max_tokens", "seed", "extra", "prompts_hash", "personas_hash", "tools_hash"),
)


@dataclass(frozen=True, slots=True)
class CellGroup:
    """The cells of a version that belong to just these arms, and their answers.

    first_at: when the first of them was answered, UTC; None before. before: how many were when the
    version was registered; until_next: when the next one was, and of the latest one by now.
    """

    arms: frozenset[str]
    cells: int
    first_at: datetime | None
    before: int
    until_next: int


@dataclass(frozen=True, slots=True)
class RegisteredArm:
    """An arm of a version. factors: in clear, its texts by their hashes.

    questions: the hash of the fingerprints of all its cells (``questions_of``).
    """

    factors: Mapping[str, Any]
    tools: frozenset[str]
    personas: frozenset[str]
    questions: str


def questions_of(fingerprints: Iterable[str]) -> str:
    """Return the hash of the questions that an arm asks, as the store makes it."""
    return hashlib.sha256(" ".join(sorted(fingerprints)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Registration:
    """A version of an experiment. text: its file. comparisons: the hash of what was to be compared.

    arms: in their order. groups: all its cells, by the arms that they belong to.
    """

    version: str
    registered_at: datetime
    text: str
    comparisons: str
    arms: Mapping[str, RegisteredArm]
    groups: tuple[CellGroup, ...]


_VERSIONS = """
SELECT version, registered_at, text, comparisons FROM journal.experiments
WHERE experiment = ? ORDER BY registered_at, run_id
"""
_ARMS = f"""
WITH cells AS (
    SELECT version, arm, list(DISTINCT tool) AS tools, list(DISTINCT persona) AS personas,
           sha256(string_agg(fingerprint, ' ' ORDER BY fingerprint)) AS questions
    FROM journal.enrolments WHERE experiment = $experiment GROUP BY ALL
)
SELECT version, arm, tools, personas, questions, {", ".join(FACTORS)}
FROM journal.arms JOIN cells USING (version, arm)
WHERE experiment = $experiment ORDER BY version, place
"""
# An answer counts from when it was complete: nobody has looked at it before.
_GROUPS = """
WITH versions AS (
    SELECT version, registered_at,
           lead(registered_at) OVER (ORDER BY registered_at, run_id) AS next_at
    FROM journal.experiments WHERE experiment = $experiment
),
enrolled AS (
    SELECT version, tool, persona, fingerprint, list_sort(list(DISTINCT arm)) AS arms
    FROM journal.enrolments WHERE experiment = $experiment GROUP BY ALL
),
answered AS (
    SELECT tool, persona, fingerprint, min(finished_at) AS answered_at
    FROM journal.outcome_attempts
    WHERE final AND outcome IN ('verdict', 'abstain')
      AND fingerprint IN (SELECT fingerprint FROM enrolled)
    GROUP BY ALL
)
SELECT version, arms, count(*), min(answered_at),
       count(*) FILTER (answered_at < registered_at),
       count(*) FILTER (answered_at < next_at OR (next_at IS NULL AND answered_at IS NOT NULL))
FROM enrolled JOIN versions USING (version)
LEFT JOIN answered USING (tool, persona, fingerprint)
GROUP BY version, arms
"""


def registrations(connection: Connection, experiment: str) -> list[Registration]:
    """Return the versions of an experiment, the first first."""
    named = {"experiment": experiment}
    arms: dict[str, dict[str, RegisteredArm]] = {}
    for row in connection.execute(_ARMS, named).fetchall():
        version, arm, tools, personas, questions, *values = row
        factors = dict(zip(FACTORS, values, strict=True))
        factors["extra"] = json.loads(factors["extra"])
        arms.setdefault(version, {})[arm] = RegisteredArm(
            factors, frozenset(tools), frozenset(personas), questions
        )
    groups: dict[str, list[CellGroup]] = {}
    for version, names, *counted in connection.execute(_GROUPS, named).fetchall():
        groups.setdefault(version, []).append(CellGroup(frozenset(names), *counted))
    versions = connection.execute(_VERSIONS, [experiment]).fetchall()
    return [
        Registration(
            version, at, text, comparisons, arms.get(version, {}), tuple(groups.get(version, ()))
        )
        for version, at, text, comparisons in versions
    ]


def registered_versions(connection: Connection, experiment: str) -> list[str]:
    """Return the names of the versions of an experiment, the first first."""
    rows = connection.execute(_VERSIONS, [experiment]).fetchall()
    return [version for version, *_ in rows]


def registered_text(connection: Connection, experiment: str) -> str | None:
    """Return the text of an experiment's latest version; None where none is registered."""
    found = connection.execute(
        "SELECT arg_max(text, row(registered_at, run_id)) FROM journal.experiments "
        "WHERE experiment = ?",
        [experiment],
    ).fetchone()
    return found[0] if found else None


def record_digests(connection: Connection) -> set[str]:
    """Return the digests of all records of tools and personas that journals hold."""
    rows = connection.execute(
        "SELECT digest FROM journal.tools UNION SELECT digest FROM journal.personas"
    ).fetchall()
    return {digest for (digest,) in rows}


@dataclass(frozen=True, slots=True)
class ArmConditions:
    """Under which conditions an arm's answers came: what requests were like in fact.

    adapted: what was left out or renamed, in the words of the journal. asked, median_at: how many
    answers there are, and the middle of their times, in seconds after the first of the experiment.
    """

    arm: str
    enrolled: int
    answered: int
    output_modes: tuple[str, ...]
    adapted: tuple[str, ...]
    returned_models: tuple[str, ...]
    median_at: float | None


_CONDITIONS = """
WITH o AS (SELECT * FROM observations WHERE experiment = ?),
began AS (
    SELECT min(o.started_at) AS begin FROM o JOIN journal.runs AS r USING (run_id)
    WHERE r.experiment = ?
)
SELECT arm, count(*), count(outcome),
       list_sort(list(DISTINCT output_mode) FILTER (output_mode IS NOT NULL)),
       list_sort(list_distinct(flatten(list(adapted) FILTER (adapted IS NOT NULL)))),
       list_sort(list(DISTINCT returned_model) FILTER (returned_model IS NOT NULL)),
       median(epoch(started_at) - epoch((SELECT begin FROM began)))
           FILTER (started_at >= (SELECT begin FROM began))
FROM o JOIN (SELECT experiment, version, arm, place FROM journal.arms)
USING (experiment, version, arm)
GROUP BY arm, place ORDER BY place
"""


def arm_conditions(connection: Connection, experiment: str) -> list[ArmConditions]:
    """Return the conditions of every arm of an experiment's latest version, in its order."""
    rows = connection.execute(_CONDITIONS, [experiment, experiment]).fetchall()
    return [
        ArmConditions(
            arm,
            enrolled,
            answered,
            tuple(modes or ()),
            tuple(adapted or ()),
            tuple(models or ()),
            at,
        )
        for arm, enrolled, answered, modes, adapted, models, at in rows
    ]
