"""What an editor did last in this session, so that it can be undone from any page."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from panel.decisions import Decision, Pair
from panel.desk.snapshot import DeskSnapshot
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class Last:
    """What ``u`` or ``U`` does on a page that has nothing of its own to undo or redo.

    decision: what is undone; for a redo, the undo that is taken back. entry: its take.
    batch: the first of the decisions made at once that it is one of, "" where it is none.
    at: how many decisions of the session were made before it. late: something has come after it
    on its take, so that it stays.
    """

    decision: Decision
    entry: Entry
    batch: str = ""
    at: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Something other than a decision: a file that was written, or takes that were given.

    says: what was done, for people. back: the address of the page that it was done on. file,
    before, after: the file and its text, None where there was none. given: whose each take was
    before, and whose after. at: how many decisions of the session were made before it.
    """

    says: str
    back: str
    file: Path | None = None
    before: str | None = None
    after: str | None = None
    given: Mapping[Pair, tuple[str | None, str | None]] = field(default_factory=dict)
    at: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def turned(self) -> Change:
        """The change that takes this one back."""
        given = {pair: (after, before) for pair, (before, after) in self.given.items()}
        return replace(self, before=self.after, after=self.before, given=given)


class Changes:
    """The changes of a session: those that stand, and those that were taken back."""

    def __init__(self) -> None:
        self.standing: list[Change] = []
        self.taken: list[Change] = []

    def did(self, change: Change) -> None:
        """Remember a change; what was taken back before cannot be brought back any more."""
        self.standing.append(change)
        self.taken.clear()

    def find(self, name: str) -> tuple[Change, bool] | None:
        """Return a change that is the last to undo (True) or to redo (False), by its id."""
        for those, stands in ((self.standing, True), (self.taken, False)):
            if those and those[-1].id == name:
                return those[-1], stands
        return None

    def forget(self, change: Change) -> None:
        """Leave out a change that cannot be taken back, or brought back, any more."""
        for those in (self.standing, self.taken):
            if change in those:
                those.remove(change)

    def turn(self, change: Change, at: int) -> None:
        """Say that a change was taken back, or brought back, after so many decisions."""
        here, there = self.standing, self.taken
        if change not in here:
            here, there = there, here
        here.remove(change)
        there.append(replace(change, at=at))


def last_made(
    made: Mapping[str, Decision], batches: Mapping[str, Sequence[str]], snapshot: DeskSnapshot
) -> Last | None:
    """Return the newest decision of a session that was not taken back."""
    for each in reversed(tuple(made.values())):
        entry = snapshot.entry(*each.pair)
        if each.action != "undo" and entry and each.decision_id in entry.review.in_force:
            batch = _batch(batches, each)
            chosen = [made[name] for name in batches.get(batch, [each.decision_id])]
            late = not any(stands_last(one, snapshot) for one in chosen)
            at = max(n for n, one in enumerate(made.values()) if one.pair == each.pair)
            return Last(each, entry, batch, at, late)
    return None


def stands_last(decision: Decision, snapshot: DeskSnapshot) -> bool:
    """Whether a decision, or an undo, is what its take came to last, so that it can be undone."""
    entry = snapshot.entry(*decision.pair)
    if entry is None:
        return False
    if decision.action == "undo":
        return entry.review.latest == decision.decision_id
    return entry.review.in_force[-1:] == (decision.decision_id,)


def last_undone(
    made: Mapping[str, Decision], batches: Mapping[str, Sequence[str]], snapshot: DeskSnapshot
) -> Last | None:
    """Return the newest undo of a session that nothing has come after on its take."""
    for at, each in reversed([*enumerate(made.values())]):
        entry = snapshot.entry(*each.pair)
        target = made.get(each.undoes or "")
        redo = target is not None and target.action == "undo"
        if each.action == "undo" and not redo and entry and stands_last(each, snapshot):
            return Last(each, entry, _batch(batches, each), at)
    return None


def _batch(batches: Mapping[str, Sequence[str]], decision: Decision) -> str:
    """Return the first of the decisions that were made at once with this one; "" for none."""
    return next((first for first, ids in batches.items() if decision.decision_id in ids), "")


def newest(last: Last | None, changes: Sequence[Change]) -> Last | Change | None:
    """Return the newer of a decision and the last of some changes."""
    change = changes[-1] if changes else None
    if change is not None and (last is None or last.at < change.at):
        return change
    return last
