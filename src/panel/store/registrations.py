"""What the store holds of experiments: how they were registered, and what stands behind an arm."""

from __future__ import annotations

from dataclasses import dataclass

from panel.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Registration:
    """A version of an experiment. registered_at, first_answer_at: UTC, ISO 8601.

    comparisons: the hash of what was to be compared. first_answer_at: of the first answer that
    was asked for this experiment, in whatever version; None before.
    """

    version: str
    comparisons: str
    registered_at: str
    first_answer_at: str | None


_REGISTERED = """
SELECT version, comparisons, strftime(registered_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
       (SELECT strftime(min(a.started_at), '%Y-%m-%dT%H:%M:%S.%fZ')
        FROM journal.attempts AS a JOIN journal.runs AS r USING (run_id)
        WHERE r.experiment = e.experiment)
FROM journal.experiments AS e WHERE experiment = ? ORDER BY registered_at, run_id
"""


def registrations(connection: Connection, experiment: str) -> list[Registration]:
    """Return the versions of an experiment, the first first."""
    rows = connection.execute(_REGISTERED, [experiment]).fetchall()
    return [Registration(*row) for row in rows]


def registered_text(connection: Connection, experiment: str) -> str | None:
    """Return the text of an experiment's latest version; None where none is registered."""
    found = connection.execute(
        "SELECT arg_max(text, row(registered_at, run_id)) FROM journal.experiments "
        "WHERE experiment = ?",
        [experiment],
    ).fetchone()
    return found[0] if found else None


def experiments_in_store(connection: Connection) -> list[str]:
    """Return the names of all experiments that were ever registered, sorted."""
    rows = connection.execute("SELECT DISTINCT experiment FROM journal.experiments ORDER BY 1")
    return [name for (name,) in rows.fetchall()]


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
