"""Assembles scorecards: what the store holds, beside what the workspace's files say now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from panel.cells.answers import Answer
from panel.cells.cells import Target
from panel.checks import Subject, published_quotes
from panel.decisions import Revision
from panel.errors import UsageError
from panel.results.entries import Entry, entries
from panel.scorecard import Comparison, PersonaLine, Scorecard, Take
from panel.stats import combine
from panel.store.connection import Connection
from panel.store.queries import models_with_outcomes
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.tools import Tool


def scorecards(target: Target, connection: Connection, published: bool = False) -> list[Scorecard]:
    """Return a scorecard for every tool of the target, in the order of their slugs.

    Counts every answer of the target's model and personas to what would be asked now, and no
    other. A take carries an editor's words where the present answer was edited or approved.
    ``published``: wherever an approved wording stands, that is the take, marked stale if its
    question has changed and overturned if the persona now says something else;
    ``scorecard.published`` then leaves out what readers may not see. Of the quotes only those are
    there that stand in the source as it is now: whatever shows a take to readers makes it of a
    scorecard, so an invented quote reaches none of them.
    Raises UsageError when the store holds nothing of this model, naming the models it does hold.
    """
    return scorecards_of(target, answered(target, connection), published)


def scorecards_of(
    target: Target, found: Sequence[Entry], published: bool = False
) -> list[Scorecard]:
    """Return the same of the target's entries, where they are there already."""
    return [
        scorecard_of(tool, target, list(group), published)
        for tool, group in groupby(found, key=lambda entry: entry.tool)
    ]


def subjects(workspace: WorkspaceFiles, target: Target, connection: Connection) -> list[Subject]:
    """Return the takes of the target's model as the checks want them, of the whole catalog.

    One per tool and persona of the panel that has a verdict, the one that ``scorecards``
    shows, in an editor's words where there are any. Raises UsageError when the store holds
    nothing of this model.
    """
    whole = replace(target, tools=workspace.tools, personas=workspace.personas)
    made = (entry.subject() for entry in answered(whole, connection, staleness=False))
    return [subject for subject in made if subject is not None]


def answered(target: Target, connection: Connection, staleness: bool = True) -> list[Entry]:
    """Return the target's entries; raises UsageError when the store has nothing of its model."""
    others = models_with_outcomes(connection)
    if str(target.model) not in others:
        known = "; it has " + ", ".join(others) if others else ""
        raise UsageError(
            f"the store has nothing from {target.model} yet{known}. Run 'panel run' first, or "
            "name another with --endpoint and --model."
        )
    return entries(target, connection, staleness)


def comparison(
    workspace: WorkspaceFiles, cards: list[Scorecard], target: Target, left: str, right: str
) -> Comparison:
    """Set two tools (by slug or name) side by side; raises UsageError for the same one twice."""
    by_slug = {card.tool: card for card in cards}
    first, second = (workspace.select_tools([name], [])[0].slug for name in (left, right))
    if first == second:
        raise UsageError(f"{left!r} and {right!r} are the same tool. Name two.")
    return Comparison(by_slug[first], by_slug[second], str(target.model))


def scorecard_of(tool: Tool, target: Target, found: Sequence[Entry], published: bool) -> Scorecard:
    """Return the scorecard of a tool by its entries, in the order of the panel."""
    lines = tuple(_line(entry, published) for entry in found)
    return Scorecard(
        tool=tool.slug,
        name=tool.name,
        tagline=tool.tagline,
        category=tool.category,
        entry_price=tool.pricing.entry,
        description=tool.description,
        url=tool.url,
        model=str(target.model),
        lines=lines,
        result=combine([line.tally for line in lines]),
    )


def _line(entry: Entry, published: bool) -> PersonaLine:
    persona = entry.persona
    take = None if entry.answer is None else _take(entry, entry.answer)
    if published and entry.review.published is not None:
        take = _published(entry, entry.review.published)
    return PersonaLine(persona.id, persona.name, persona.motto, entry.tally, take, entry.superseded)


def _take(entry: Entry, answer: Answer) -> Take:
    decided = entry.review.revision if entry.state != "draft" else None
    return Take(
        outcome=answer.outcome,
        verdict=entry.verdict,
        confidence=None if entry.verdict_reason else answer.confidence,
        take=entry.text,
        beats=_beats(entry, answer),
        evidence=published_quotes(entry.evidence, entry.tool),
        reason=answer.reason,
        asked_at=answer.asked_at,
        output_mode=answer.output_mode,
        stale=entry.stale,
        state=entry.state,
        editor=decided.editor if decided else None,
        demo=answer.demo,
        picked=entry.picked,
        verdict_reason=entry.verdict_reason,
        attempt_id=answer.attempt_id,
        decided_at=decided.decided_at if decided else "",
    )


def _published(entry: Entry, revision: Revision) -> Take:
    """Make a take of an approved wording, with the beats that its own answer had."""
    labels = {beat.id: beat.label for beat in entry.persona.beats}
    return Take(
        outcome="verdict",
        verdict=revision.verdict,
        confidence=revision.confidence,
        take=revision.text,
        beats=tuple((labels.get(label, label), text) for label, text in revision.beats),
        evidence=published_quotes(revision.evidence, entry.tool),
        reason=None,
        asked_at=revision.asked_at or revision.decided_at,
        output_mode=revision.output_mode,
        stale=entry.published_stale,
        state="approved",
        editor=revision.editor,
        overturned=entry.flips,
        demo=revision.demo,
        picked=revision.picked,
        verdict_reason=revision.verdict_reason,
        attempt_id=revision.attempt_id,
        confirmed=revision.question is not None,
        decided_at=revision.decided_at,
    )


def _beats(entry: Entry, answer: Answer) -> tuple[tuple[str, str], ...]:
    labels = {beat.id: beat.label for beat in entry.persona.beats}
    return tuple((labels.get(beat, beat), text) for beat, text in answer.beats.items())
