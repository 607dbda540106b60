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
SELECT attempt_id, guidance_digest IS NOT NULL FROM journal.narrow_current_attempts
WHERE tool IN (SELECT unnest(?::VARCHAR[]))
"""


def with_editors_part(cards: Iterable[Scorecard], connection: Connection) -> list[Scorecard]:
    """Return scorecards whose takes say who wrote their words, and with which notes it was asked.

    Notes are told of a take that has one in its question: all that were answered until an editor
    decided on it. Of an answer that the store does not hold, as in a clone, the decisions alone
    tell: an edit of it, and a note that came before it, count.
    """
    made = list(cards)
    asked = connection.execute(
        "SELECT DISTINCT tool FROM journal.decisions WHERE action = 'ask_again'"
    ).fetchall()
    tools = {tool for (tool,) in asked}
    wanted = [each.tool for each in made if each.tool in tools or _may_be_edited(each)]
    if not wanted:
        return made
    known = chains(connection, wanted)
    notes = asked_again(connection, known, made[0].model)
    noted = dict(connection.execute(_NOTED, [sorted(wanted)]).fetchall())
    told = {pair: (known[pair], notes.get(pair, ())) for pair in known}
    return [_with_part(card, told, noted) if card.tool in wanted else card for card in made]


def _may_be_edited(card: Scorecard) -> bool:
    return any(line.take and (line.take.edited or not line.take.written) for line in card.lines)


def _with_part(
    card: Scorecard,
    told: Mapping[Pair, tuple[Sequence[Decision], Sequence[AskedAgain]]],
    noted: Mapping[str, bool],
) -> Scorecard:
    lines = []
    for line in card.lines:
        chain, notes = told.get((card.tool, line.persona), ((), ()))
        take = line.take
        if take is not None and take.outcome == "verdict":
            of_it = [each.action for each in chain if each.attempt_id == take.attempt_id]
            take = replace(take, rewritten=not take.written and "edit" in of_it)
            asked = _asked(take, chain, notes, noted.get(take.attempt_id))
            take = replace(take, asked_again=asked, author=_author(take, chain))
        lines.append(replace(line, take=take))
    return replace(card, lines=tuple(lines))


def _asked(
    take: Take, chain: Sequence[Decision], notes: Sequence[AskedAgain], noted: bool | None
) -> tuple[AskedAgain, ...]:
    """Return the notes to tell of a take. noted: whether its question has one; None: not known.

    Times cannot hide a note: where none fits to the answer, as by a clock that was wrong, all are
    told, without what was answered.
    """
    until = take.decided_at or "9999"
    if noted is False:
        return ()
    fitting = tuple(each for each in notes if each.asked_at < until)
    if fitting:
        return fitting
    return tuple(
        AskedAgain(each.note or "", each.editor, each.decided_at, None, None)
        for each in chain
        if each.action == "ask_again" and (noted or each.decided_at < until)
    )


def _author(take: Take, chain: Sequence[Decision]) -> str | None:
    """Return who wrote the words first; None where they are the model's, or nobody knows."""
    if not take.edited:
        return None
    same = (e for e in chain if (e.attempt_id, e.text) == (take.attempt_id, take.take))
    first = next(same, None)
    return first.editor if first else None
