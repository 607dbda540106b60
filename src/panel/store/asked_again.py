"""With which notes editors had reviewers asked again, and what these said before and after."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from panel.decisions import ON_WORDS, Decision, Pair, revision_of
from panel.scorecard import AskedAgain
from panel.stats import ShipOrSkip
from panel.store.connection import Connection


@dataclass(frozen=True, slots=True)
class _Said:
    wording: str
    noted: bool
    verdict: ShipOrSkip | None
    at: str


def asked_again(
    connection: Connection, chains: Mapping[Pair, Sequence[Decision]], model: str | None = None
) -> dict[Pair, tuple[AskedAgain, ...]]:
    """Return every note that was answered, oldest first, by tool × persona; taken back or not.

    chains: every decision by tool × persona, oldest first. model: whose answers count; None for
    all. What nobody has answered is left out,
    and so is a pair without such a note.
    """
    asking = {
        pair: [each for each in chain if each.action == "ask_again"]
        for pair, chain in chains.items()
        if any(each.action == "ask_again" for each in chain)
    }
    answers = _answers(connection, {tool for tool, _persona in asking}, model) if asking else {}
    found = {
        pair: tuple(_told(decisions, chains[pair], answers.get(pair, [])))
        for pair, decisions in asking.items()
    }
    return {pair: notes for pair, notes in found.items() if notes}


def _answers(
    connection: Connection, tools: Iterable[str], model: str | None
) -> dict[Pair, list[_Said]]:
    """Return what was answered about these tools, oldest first."""
    rows = connection.execute(
        "SELECT tool, persona, wording, guidance_digest IS NOT NULL, verdict, "
        "strftime(finished_at, '%Y-%m-%dT%H:%M:%S.%f') FROM journal.narrow_current_attempts "
        "WHERE final AND outcome <> 'error' AND tool IN (SELECT unnest($tools::VARCHAR[])) "
        "AND ($model IS NULL OR model_identity = $model) ORDER BY finished_at, repeat",
        {"tools": sorted(tools), "model": model},
    ).fetchall()
    found: dict[Pair, list[_Said]] = {}
    for tool, persona, *row, at in rows:
        # One that was thawed knows its second alone: it may have come at the end of it.
        until = at.replace(".000000", ".999999")
        found.setdefault((tool, persona), []).append(_Said(row[0], row[1], row[2], until))
    return found


def _told(
    asking: Sequence[Decision], chain: Sequence[Decision], answers: Sequence[_Said]
) -> Iterable[AskedAgain]:
    for decision, later in itertools.zip_longest(asking, asking[1:]):
        start, end = decision.decided_at, later.decided_at if later else "9999"
        after = [each for each in answers if start < each.at <= end and each.noted]
        if not after:
            continue
        earlier = [each for each in answers if each.at <= start]
        before = _majority(earlier) if earlier else _decided_on(chain, start)
        yield AskedAgain(decision.note or "", decision.editor, start, before, _majority(after))


def _majority(answers: Sequence[_Said]) -> ShipOrSkip | None:
    """Return what most answers to the newest wording say; on a tie the first; None without any."""
    votes = [each.verdict for each in answers if each.wording == answers[-1].wording]
    ships, skips = votes.count("ship"), votes.count("skip")
    if ships == skips:
        return next((vote for vote in votes if vote), None)
    return "ship" if ships > skips else "skip"


def _decided_on(chain: Sequence[Decision], before: str) -> ShipOrSkip | None:
    """Return what the words said that were decided on last: a thawed store has no older answer."""
    words = [each for each in chain if each.action in ON_WORDS and each.decided_at < before]
    return revision_of(words[-1]).answered if words else None
