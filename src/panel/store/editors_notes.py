"""What editors leave beside their decisions: typed words not saved yet, and whose a take is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from panel.decisions import Pair
from panel.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Draft:
    """What an editor has typed on a take and not decided: field of the page → its text.

    saved_at: ISO time in UTC.
    """

    typed: Mapping[str, str]
    saved_at: str


def drafts_of(connection: Connection, editor: str) -> dict[Pair, Draft]:
    """Return what this editor typed last and has not decided, by tool × persona; empty: nothing."""
    rows = connection.execute(
        "SELECT tool, persona, arg_max(typed, saved_at), max(saved_at) FROM journal.drafts "
        "WHERE editor = ? GROUP BY tool, persona",
        [editor],
    ).fetchall()
    return {
        (tool, persona): Draft(json.loads(typed), at.isoformat(timespec="microseconds"))
        for tool, persona, typed, at in rows
    }


def assignments(connection: Connection) -> dict[Pair, str]:
    """Return whose each take is to decide on; those that are nobody's are not among them."""
    rows = connection.execute(
        "SELECT tool, persona, arg_max_null(assignee, assigned_at) FROM journal.assignments "
        "GROUP BY tool, persona"
    ).fetchall()
    return {(tool, persona): name for tool, persona, name in rows if name}


def last_assigned(connection: Connection) -> str:
    """Return when a take was given to anybody last (ISO time in UTC); "" for never."""
    row = connection.execute("SELECT max(assigned_at) FROM journal.assignments").fetchone()
    return row[0].isoformat(timespec="microseconds") if row and row[0] else ""


def editors_seen(connection: Connection) -> list[str]:
    """Return the names of all who have decided on a take or were given one, in order."""
    rows = connection.execute(
        "SELECT DISTINCT editor FROM journal.decisions UNION SELECT DISTINCT assignee "
        "FROM journal.assignments WHERE assignee IS NOT NULL ORDER BY ALL"
    ).fetchall()
    return [name for (name,) in rows]
