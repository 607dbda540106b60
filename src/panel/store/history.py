"""How published verdicts changed over time, and what had changed in the question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from panel.cells.answers import INPUT_NAMES, Inputs
from panel.cells.plan import changed_input
from panel.decisions import Decision, Pair, Revision, in_force, replay
from panel.scorecard import EDITED, AskedAgain, VerdictChange
from panel.store.asked_again import asked_again
from panel.store.connection import Connection
from panel.store.decisions import chains

FIRST, AGAIN = "new", "asked again"


def changes(connection: Connection, since: datetime | None = None) -> list[VerdictChange]:
    """Return every change of a published verdict, newest first.

    A verdict is published by an editor's approval, as long as that is not taken back; answers
    that nobody approved change nothing. The first one of a tool × persona is a change from None,
    with the reason "new"; one that answers the same question has "asked again", one in which an
    editor overruled the persona, be it the first, "an editor's verdict". ``since`` leaves out what
    happened before it; without a time zone it is taken as UTC.
    """
    known = chains(connection)
    notes = asked_again(connection, known)
    steps = [step for chain in known.values() for step in _steps(chain)]
    asked = _inputs(connection, (words.attempt_id for step in steps for words in step[1:] if words))
    found = [_noted(_change(*step, asked), step, asked, notes) for step in steps]
    if since is not None:
        bound = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
        found = [each for each in found if datetime.fromisoformat(each.changed_at) >= bound]
    # Backwards, so that of two changes within one second the later one stands first.
    found.reverse()
    return sorted(found, key=lambda change: change.changed_at, reverse=True)


_Step = tuple[Decision, Revision | None, Revision]  # approval, published before, and after


def _steps(chain: list[Decision]) -> Iterator[_Step]:
    """Yield each decision of a tool × persona by which another verdict was published."""
    kept = in_force(chain)
    before = None
    for place, decision in enumerate(kept, 1):
        after = replay(kept[:place]).published
        if after is not None:
            if before is None or before.verdict != after.verdict:
                yield decision, before, after
            before = after


def _inputs(connection: Connection, attempts: Iterable[str]) -> dict[str, tuple[str, Inputs]]:
    """Return the wording and the inputs of attempts that the store holds."""
    rows = connection.execute(
        f"SELECT attempt_id, wording, {', '.join(INPUT_NAMES)} FROM journal.attempts "
        "WHERE attempt_id IN (SELECT unnest(?::VARCHAR[]))",
        [sorted(set(attempts))],
    ).fetchall()
    return {attempt: (wording, Inputs(*inputs)) for attempt, wording, *inputs in rows}


def _change(
    decision: Decision,
    before: Revision | None,
    after: Revision,
    asked: dict[str, tuple[str, Inputs]],
) -> VerdictChange:
    at = datetime.fromisoformat(decision.decided_at).isoformat(timespec="seconds")
    reason = _reason(before, after, asked)
    own = reason == EDITED
    return VerdictChange(
        decision.tool,
        decision.persona,
        before.verdict if before else None,
        after.verdict,
        at.removesuffix("+00:00").removesuffix("Z") + "Z",
        reason,
        after.model_identity,
        after.demo,
        decision.editor if own else None,
        after.answered if own else None,
    )


def _noted(
    change: VerdictChange,
    step: _Step,
    asked: dict[str, tuple[str, Inputs]],
    notes: dict[Pair, tuple[AskedAgain, ...]],
) -> VerdictChange:
    """Add with which notes editors asked since what was published before."""
    decision, before, after = step
    known = asked.get(after.attempt_id)
    if decision.pair not in notes or (known is not None and known[1].guidance_digest is None):
        return change
    since = before.decided_at if before else ""
    new = (each for each in notes[decision.pair] if since < each.asked_at < decision.decided_at)
    return replace(change, asked_again=tuple(new))


def _reason(before: Revision | None, after: Revision, asked: dict[str, tuple[str, Inputs]]) -> str:
    if after.verdict_reason or (before and before.verdict_reason):
        return EDITED
    if before is None:
        return FIRST
    if before.model_identity != after.model_identity:
        return "model changed"
    was, now = asked.get(before.attempt_id), asked.get(after.attempt_id)
    if was is None or now is None or was[0] == now[0]:
        return AGAIN
    return changed_input(was[1], now[1])
