"""Assembles scorecards: what the store holds, beside what the workspace's files say now."""

from __future__ import annotations

from panel.catalog import Tool
from panel.checks import Subject
from panel.errors import UsageError
from panel.personas import Persona
from panel.plan import Cell, lay_out
from panel.scorecard import Comparison, PersonaLine, Scorecard, Take, combine, tally
from panel.selection import Prepared
from panel.store.queries import StoredCell, models_with_verdicts, opened, stored_cells
from panel.workspace import Workspace


def scorecards(workspace: Workspace, prepared: Prepared) -> list[Scorecard]:
    """Return a scorecard for every selected tool, in the order of their slugs.

    Counts every stored repeat of the prepared model and personas. Raises UsageError when
    the store holds nothing of this model, naming the models it does hold.
    """
    stored = _stored(workspace, prepared)
    repeats = max(cell.repeat for cells in stored.values() for cell in cells)
    now = _fingerprints(workspace, prepared, repeats)
    return [_scorecard(tool, prepared, stored.get(tool.slug, []), now) for tool in prepared.tools]


def subjects(workspace: Workspace, prepared: Prepared) -> list[Subject]:
    """Return the takes of the prepared model as the checks want them, of the whole catalog.

    One per tool and persona of the panel that has a verdict, the one that ``scorecards``
    shows. Raises UsageError when the store holds nothing of this model.
    """
    stored = _stored(workspace, prepared)
    found = []
    for tool in workspace.tools:
        for persona in workspace.personas:
            cells = [cell for cell in stored.get(tool.slug, []) if cell.persona == persona.id]
            if cells and (shown := _shown(cells)).outcome == "verdict":
                found.append(_subject(tool, persona, shown))
    return found


def _subject(tool: Tool, persona: Persona, cell: StoredCell) -> Subject:
    return Subject(
        tool=tool,
        persona=persona,
        text=cell.take or "",
        verdict=cell.verdict,  # type: ignore[arg-type]
        confidence=cell.confidence,
        beats=cell.beats,
        evidence=cell.evidence,
    )


def _stored(workspace: Workspace, prepared: Prepared) -> dict[str, list[StoredCell]]:
    with opened(workspace.runs) as connection:
        stored = stored_cells(connection, prepared.model)
        others = models_with_verdicts(connection)
    if not stored:
        known = "; it has " + ", ".join(others) if others else ""
        raise UsageError(
            f"the store has nothing from {prepared.model} yet{known}. Run 'panel run' first, or "
            "name another with --endpoint and --model."
        )
    return stored


def comparison(workspace: Workspace, prepared: Prepared, left: str, right: str) -> Comparison:
    """Set two tools (by slug or name) side by side; raises UsageError for the same one twice."""
    cards = {card.tool: card for card in scorecards(workspace, prepared)}
    first, second = (workspace.select_tools([name], [])[0].slug for name in (left, right))
    if first == second:
        raise UsageError(f"{left!r} and {right!r} are the same tool. Name two.")
    return Comparison(
        cards[first], cards[second], str(prepared.model), prepared.endpoint.profile == "embedded"
    )


def _fingerprints(
    workspace: Workspace, prepared: Prepared, repeats: int
) -> dict[tuple[str, str, int], str]:
    cells: list[Cell] = lay_out(
        workspace.prompts,
        prepared.tools,
        prepared.personas,
        prepared.endpoint,
        prepared.model,
        repeats,
    )
    return {cell.key: cell.fingerprint for cell in cells}


def _scorecard(
    tool: Tool,
    prepared: Prepared,
    stored: list[StoredCell],
    now: dict[tuple[str, str, int], str],
) -> Scorecard:
    lines = tuple(
        _line(persona, tool, [cell for cell in stored if cell.persona == persona.id], now)
        for persona in prepared.personas
    )
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


def _line(
    persona: Persona,
    tool: Tool,
    cells: list[StoredCell],
    now: dict[tuple[str, str, int], str],
) -> PersonaLine:
    counted = tally((cell.outcome, cell.verdict) for cell in cells)  # type: ignore[misc]
    take = None
    if cells:
        shown = _shown(cells)
        fresh = now.get((tool.slug, persona.id, shown.repeat))
        take = _take(shown, persona, stale=shown.fingerprint != fresh)
    return PersonaLine(persona.id, persona.name, persona.motto, counted, take)


def _shown(cells: list[StoredCell]) -> StoredCell:
    """Return the first repeat, unless only a later one has a verdict."""
    return next((cell for cell in cells if cell.outcome == "verdict"), cells[0])


def _take(cell: StoredCell, persona: Persona, stale: bool) -> Take:
    labels = {beat.id: beat.label for beat in persona.beats}
    return Take(
        outcome=cell.outcome,  # type: ignore[arg-type]
        verdict=cell.verdict,  # type: ignore[arg-type]
        confidence=cell.confidence,
        take=cell.take or "",
        beats=tuple((labels.get(beat, beat), text) for beat, text in cell.beats.items()),
        evidence=cell.evidence,
        reason=cell.reason,
        asked_at=cell.asked_at,
        rung=cell.rung,
        stale=stale,
    )
