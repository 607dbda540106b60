"""Which frozen verdicts still hold: what each cell would show the model now, against the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from panel.cells.answers import Answer
from panel.cells.cells import Cell, Target, cells_by_pair
from panel.cells.plan import Reason, changed_input
from panel.cells.renames import Rename
from panel.frozen.files import Frozen, verdict_on
from panel.frozen.integrity import faults
from panel.frozen.verdicts import FrozenVerdict
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool

Staleness = Literal["stale", "missing", "renamed", "altered", "orphaned"]


@dataclass(frozen=True, slots=True)
class StaleEntry:
    """A tool × persona whose frozen verdict does not hold, and why.

    persona: None for a whole file (of a tool that is gone).
    """

    tool: str
    persona: str | None
    status: Staleness
    reason: str


def frozen_repeats(frozen: Frozen) -> dict[str, int]:
    """Return the highest repeat on file of each tool."""
    return {
        slug: max(
            (answer.repeat for verdict in tool.personas.values() for answer in verdict.answers),
            default=1,
        )
        for slug, tool in frozen.items()
    }


def stale_entries(
    target: Target, frozen: Frozen, cells: Iterable[Cell] | None = None
) -> list[StaleEntry]:
    """Return what does not hold of a target's tools and personas, in the order of its pairs.

    Stale: an answer on file is not to what the model would see now. Missing: no answer is on
    file. Altered: what is on file is not as it was written (frozen/integrity.py). cells: those
    of the target, at least as many repeats as are on file; laid out when None. Opens no
    connection, no store.
    """
    if cells is None:
        cells = target.lay_out_each(frozen_repeats(frozen))
    by_pair = cells_by_pair(cells)
    found = []
    for tool, persona in target.pairs:
        verdict = verdict_on(frozen, (tool.slug, persona.id))
        if verdict is None or not verdict.answers:
            found.append(StaleEntry(tool.slug, persona.id, "missing", "new"))
        elif wrong := faults(verdict, by_pair[tool.slug, persona.id]):
            found.append(StaleEntry(tool.slug, persona.id, "altered", "; ".join(wrong)))
        elif reason := stale_reason(verdict, by_pair[tool.slug, persona.id]):
            found.append(StaleEntry(tool.slug, persona.id, "stale", reason))
    return found


def stale_reason(verdict: FrozenVerdict, now: Mapping[int, Cell]) -> Reason | None:
    """Return why the answers on file are not to what the model would see now; None if they are."""
    for answer in verdict.answers:
        cell = now[answer.repeat]
        if answer.fingerprint != cell.fingerprint:
            return _reason(answer, cell)
    return None


def answers_now(verdict: FrozenVerdict | None, now: Mapping[int, Cell]) -> list[Answer]:
    """Return the answers on file if they are to what the model would see now; else none."""
    if verdict is None or any(answer.repeat not in now for answer in verdict.answers):
        return []
    return [] if stale_reason(verdict, now) else [*verdict.answers]


def _reason(answer: Answer, cell: Cell) -> Reason:
    if answer.model_identity != str(cell.model):
        return "model changed"
    return changed_input(answer.inputs, cell.inputs)


def renamed(rename: Rename) -> StaleEntry:
    """Return what is on file under a name that it no longer has in the workspace."""
    persona = rename.now if rename.of == "persona" else None
    tool = rename.now if rename.of == "tool" else "*"
    return StaleEntry(tool, persona, "renamed", f"renamed from {rename.was}")


def altered_names(frozen: Frozen) -> list[StaleEntry]:
    """Return the files whose former names or description were changed by hand."""
    reason = "formerly or described was changed by hand"
    return [
        StaleEntry(slug, None, "altered", reason)
        for slug, file in sorted(frozen.items())
        if not file.names_intact
    ]


def orphaned(
    tools: Iterable[Tool], personas: Iterable[Persona], frozen: Frozen
) -> list[StaleEntry]:
    """Return what is on file of tools that are gone, or of personas not on the panel."""
    slugs, ids = {tool.slug for tool in tools}, {persona.id for persona in personas}
    found = []
    for slug, tool in sorted(frozen.items()):
        if slug not in slugs:
            found.append(StaleEntry(slug, None, "orphaned", "the tool is gone"))
            continue
        found += [
            StaleEntry(slug, persona, "orphaned", "not on the panel")
            for persona in tool.personas
            if persona not in ids
        ]
    return found
