"""The last decision of a session that stands, so that it can be undone from any page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from panel.decisions import Decision
from panel.desk.snapshot import DeskSnapshot
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class Last:
    """What ``u`` or ``U`` does on a page that has nothing of its own to undo or redo.

    decision: what is undone; for a redo, the undo that is taken back. entry: its take.
    batch: the first of the approvals made at once that it is one of, "" where it is none.
    """

    decision: Decision
    entry: Entry
    batch: str = ""


def last_made(
    made: Mapping[str, Decision], batches: Mapping[str, Sequence[str]], snapshot: DeskSnapshot
) -> Last | None:
    """Return the newest decision of a session that is the last in force on its take."""
    for each in reversed(tuple(made.values())):
        entry = snapshot.entry(*each.pair)
        if each.action != "undo" and entry and entry.review.in_force[-1:] == (each.decision_id,):
            many = (first for first, ids in batches.items() if each.decision_id in ids)
            return Last(each, entry, next(many, ""))
    return None


def last_undone(made: Mapping[str, Decision], snapshot: DeskSnapshot) -> Last | None:
    """Return the newest undo of a session that nothing has come after on its take."""
    for each in reversed(tuple(made.values())):
        entry = snapshot.entry(*each.pair)
        target = made.get(each.undoes or "")
        redo = target is not None and target.action == "undo"
        if each.action == "undo" and not redo and entry and entry.review.latest == each.decision_id:
            return Last(each, entry)
    return None
