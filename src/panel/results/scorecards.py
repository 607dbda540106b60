"""Assembles scorecards: what the store holds, beside what the workspace's files say now."""

from __future__ import annotations

from panel.cells.cells import Asking
from panel.checks import Subject
from panel.decisions import Revision
from panel.errors import UsageError
from panel.results.entries import Entry, entry_of, fingerprints
from panel.runs.selection import Prepared
from panel.scorecard import Comparison, PersonaLine, Scorecard, Take
from panel.stats import combine, tally
from panel.store.decisions import review_states
from panel.store.queries import StoredCell, models_with_verdicts, opened, stored_cells
from panel.workspace.loading import Workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

Line = tuple[Entry, list[StoredCell]]  # of a persona, and all cells of the tool


def scorecards(
    workspace: Workspace, prepared: Prepared, published: bool = False
) -> list[Scorecard]:
    """Return a scorecard for every selected tool, in the order of their slugs.

    Counts every stored repeat of the prepared model and personas. A take carries an editor's
    words where the present answer was edited or approved. ``published``: wherever an approved
    wording stands, that is the take, marked stale if its question has changed, whatever has
    been answered since; ``scorecard.published`` then leaves out what readers may not see.
    Raises UsageError when the store holds nothing of this model, naming the models it does hold.
    """
    found = _entries(workspace, prepared, prepared.tools, prepared.personas)
    return [_scorecard(tool, prepared, lines, published) for tool, lines in found]


def subjects(workspace: Workspace, prepared: Prepared) -> list[Subject]:
    """Return the takes of the prepared model as the checks want them, of the whole catalog.

    One per tool and persona of the panel that has a verdict, the one that ``scorecards``
    shows, in an editor's words where there are any. Raises UsageError when the store holds
    nothing of this model.
    """
    found = _entries(workspace, prepared, workspace.tools, workspace.personas)
    made = (entry.subject() for _tool, lines in found for entry, _cells in lines)
    return [subject for subject in made if subject is not None]


def _entries(
    workspace: Workspace, prepared: Prepared, tools: list[Tool], personas: list[Persona]
) -> list[tuple[Tool, list[Line]]]:
    """Return each tool's entries with the tool's stored cells; raises UsageError for no cells."""
    with opened(workspace.runs) as connection:
        stored, standings = stored_cells(connection, prepared.model), review_states(connection)
        others = models_with_verdicts(connection)
    if not stored:
        known = "; it has " + ", ".join(others) if others else ""
        raise UsageError(
            f"the store has nothing from {prepared.model} yet{known}. Run 'panel run' first, or "
            "name another with --endpoint and --model."
        )
    repeats = max(cell.repeat for cells in stored.values() for cell in cells)
    asking = Asking(workspace.prompts, prepared.endpoint, prepared.model, prepared.guidance)
    fresh = fingerprints(asking, tools, personas, {tool.slug: repeats for tool in tools})
    return [
        (
            tool,
            [
                (entry_of(tool, persona, cells, standings, fresh[tool.slug, persona.id]), cells)
                for persona in personas
            ],
        )
        for tool in tools
        for cells in (stored.get(tool.slug, []),)
    ]


def comparison(
    workspace: Workspace, prepared: Prepared, left: str, right: str, published: bool = False
) -> Comparison:
    """Set two tools (by slug or name) side by side; raises UsageError for the same one twice."""
    cards = {card.tool: card for card in scorecards(workspace, prepared, published)}
    first, second = (workspace.select_tools([name], [])[0].slug for name in (left, right))
    if first == second:
        raise UsageError(f"{left!r} and {right!r} are the same tool. Name two.")
    return Comparison(
        cards[first], cards[second], str(prepared.model), prepared.endpoint.profile == "embedded"
    )


def _scorecard(
    tool: Tool,
    prepared: Prepared,
    entries: list[Line],
    published: bool,
) -> Scorecard:
    lines = tuple(_line(entry, cells, published) for entry, cells in entries)
    return Scorecard(
        tool=tool.slug,
        name=tool.name,
        tagline=tool.tagline,
        category=tool.category,
        entry_price=tool.pricing.entry,
        description=tool.description,
        url=tool.url,
        model=str(prepared.model),
        lines=lines,
        result=combine([line.tally for line in lines]),
    )


def _line(entry: Entry, cells: list[StoredCell], published: bool) -> PersonaLine:
    persona = entry.persona
    counted = tally(
        (cell.outcome, cell.verdict)  # type: ignore[misc]
        for cell in cells
        if cell.persona == persona.id
    )
    take = None if entry.answer is None else _take(entry, entry.answer)
    if published and entry.review.published is not None:
        take = _published(entry, entry.review.published, cells)
    return PersonaLine(persona.id, persona.name, persona.motto, counted, take)


def _take(entry: Entry, cell: StoredCell) -> Take:
    decided = entry.review.wording if entry.state != "draft" else None
    return Take(
        outcome=cell.outcome,  # type: ignore[arg-type]
        verdict=cell.verdict,  # type: ignore[arg-type]
        confidence=cell.confidence,
        take=entry.text,
        beats=_beats(entry.persona, cell),
        evidence=cell.evidence,
        reason=cell.reason,
        asked_at=cell.asked_at,
        output_mode=cell.output_mode,
        stale=entry.stale,
        state=entry.state,
        editor=decided.editor if decided else None,
    )


def _published(entry: Entry, wording: Revision, cells: list[StoredCell]) -> Take:
    """Make a take of an approved wording; what only its answer knows is left out once replaced."""
    answered = next((cell for cell in cells if cell.fingerprint == wording.fingerprint), None)
    return Take(
        outcome="verdict",
        verdict=wording.verdict,
        confidence=wording.confidence,
        take=wording.text,
        beats=_beats(entry.persona, answered) if answered else (),
        evidence=wording.evidence,
        reason=None,
        asked_at=answered.asked_at if answered else wording.decided_at,
        output_mode=answered.output_mode if answered else "",
        stale=entry.published_stale,
        state="approved",
        editor=wording.editor,
    )


def _beats(persona: Persona, cell: StoredCell) -> tuple[tuple[str, str], ...]:
    labels = {beat.id: beat.label for beat in persona.beats}
    return tuple((labels.get(beat, beat), text) for beat, text in cell.beats.items())
