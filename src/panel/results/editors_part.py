"""What editors had to do with a take besides deciding on it: their notes, and its author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from panel.decisions import Decision, Pair
from panel.scorecard import AskedAgain, Scorecard, Take
from panel.store.asked_again import asked_again
from panel.store.connection import Connection
from panel.store.decisions import chains

_NOTED = """
SELECT attempt_id FROM journal.narrow_current_attempts
WHERE guidance_digest IS NOT NULL AND tool IN (SELECT unnest(?::VARCHAR[]))
"""


def with_editors_part(cards: Iterable[Scorecard], connection: Connection) -> list[Scorecard]:
    """Return scorecards whose takes say who wrote their words, and with which notes it was asked.

    Notes are told of a take that has one in its question: all that were answered until an editor
    decided on it.
    """
    made = list(cards)
    asked = connection.execute(
        "SELECT DISTINCT tool FROM journal.decisions WHERE action = 'ask_again'"
    ).fetchall()
    tools = {tool for (tool,) in asked}
    wanted = [each.tool for each in made if each.tool in tools or _edited(each)]
    if not wanted:
        return made
    known = chains(connection, wanted)
    notes = asked_again(connection, known)
    noted = {attempt for (attempt,) in connection.execute(_NOTED, [sorted(wanted)]).fetchall()}
    told = {pair: (known[pair], notes.get(pair, ())) for pair in known}
    return [_with_part(card, told, noted) if card.tool in wanted else card for card in made]


def _edited(card: Scorecard) -> bool:
    return any(line.take and line.take.edited for line in card.lines)


def _with_part(
    card: Scorecard,
    told: Mapping[Pair, tuple[Sequence[Decision], Sequence[AskedAgain]]],
    noted: set[str],
) -> Scorecard:
    lines = []
    for line in card.lines:
        chain, notes = told.get((card.tool, line.persona), ((), ()))
        take = line.take
        if take is not None and take.outcome == "verdict":
            until = take.decided_at or "9999"
            asked = [each for each in notes if each.asked_at < until]
            take = replace(
                take,
                asked_again=tuple(asked) if take.attempt_id in noted else (),
                author=_author(take, chain),
            )
        lines.append(replace(line, take=take))
    return replace(card, lines=tuple(lines))


def _author(take: Take, chain: Sequence[Decision]) -> str | None:
    """Return who wrote the words first; None where they are the model's, or nobody knows."""
    if not take.edited:
        return None
    same = (e for e in chain if (e.attempt_id, e.text) == (take.attempt_id, take.take))
    first = next(same, None)
    return first.editor if first else None
