"""What a command covers, resolved and planned against the store: everything before asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from panel.cells.cells import Asking, Cell, CellKey, Guidance, ModelIdentity, lay_out
from panel.cells.plan import Estimate, Known, Plan, estimate, make_plan
from panel.endpoint.embedded import model_identity
from panel.endpoint.prices import known_prices
from panel.errors import UsageError, WorkspaceError
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.staleness import stale_entries
from panel.frozen.thaw import thaw, thaw_if_fresh
from panel.store.decisions import guidance_notes
from panel.store.queries import (
    answered_elsewhere,
    experience,
    known_cells,
    known_records,
    opened,
)
from panel.workspace.endpoints import Endpoint, resolve_endpoint
from panel.workspace.git import workspace_at
from panel.workspace.loading import Workspace, load_workspace
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command was asked to cover; empty lists mean everything.

    again: ask new repeats, whatever is stored. retry: outcomes ("error", "abstain") whose
    cells alone are to be asked once more. changed: only what ``verdicts/`` does not hold, with
    canaries; since: and of that only what a git revision would have asked otherwise.
    repeats: None is 1, or what ``[ci]`` says for a changed selection.
    """

    tools: list[str] = field(default_factory=list)
    personas: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    endpoint: str | None = None
    model: str | None = None
    repeats: int | None = None
    again: bool = False
    retry: frozenset[str] = frozenset()
    changed: bool = False
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A selection, resolved and planned against the store. Nothing has been asked.

    canaries: cells with an answer, asked again if anything is asked at all. guidance:
    editors' notes by tool × persona, as they stood at planning.
    """

    endpoint: Endpoint
    model: ModelIdentity
    tools: list[Tool]
    personas: list[Persona]
    plan: Plan
    stored_digests: set[str]
    stored_panel: list[str]
    selection: Selection
    estimate: Estimate
    canaries: tuple[Cell, ...] = ()
    guidance: Guidance = field(default_factory=dict)


def prepare(workspace: Workspace, selection: Selection) -> Prepared:
    """Resolve and plan a selection. Opens no connection to any endpoint."""
    endpoint = resolve_endpoint(
        workspace.settings, workspace.root, selection.endpoint, selection.model
    )
    endpoint = replace(endpoint, prices=known_prices(endpoint))
    model = model_identity(endpoint)
    tools = workspace.select_tools(selection.tools, selection.categories)
    personas = workspace.select_personas(selection.personas)
    if selection.changed:
        thaw(workspace)
    else:
        thaw_if_fresh(workspace)
    with opened(workspace.runs) as connection:
        known, seen = known_cells(connection, model), experience(connection, model)
        elsewhere = answered_elsewhere(connection, model)
        digests, panel = known_records(connection)
        guidance = guidance_notes(connection)
    asking = Asking(workspace.prompts, endpoint, model, guidance)
    first = 1 + _repeats_known(known, tools, personas) if selection.again else 1
    repeats = selection.repeats or (workspace.settings.ci.repeats if selection.changed else 1)
    cells = lay_out(workspace.prompts, tools, personas, endpoint, model, repeats, first, guidance)
    canaries: list[Cell] = []
    if selection.changed:
        cells, reused = _changed(workspace, asking, selection, cells)
        plan = make_plan(cells, known, elsewhere)
        plan = replace(plan, reused=plan.reused + reused)
        canaries = _canaries(workspace, asking, known, plan)
    else:
        plan = make_plan(cells, known, elsewhere, selection.retry, selection.again)
    endpoint = replace(endpoint, chars_per_token=seen.chars_per_token)
    return Prepared(
        endpoint,
        model,
        tools,
        personas,
        plan,
        digests,
        panel,
        selection,
        estimate([*(cell for cell, _reason in plan.pending), *canaries], endpoint, seen),
        tuple(canaries),
        guidance,
    )


def _changed(
    workspace: Workspace, asking: Asking, selection: Selection, cells: list[Cell]
) -> tuple[list[Cell], int]:
    """Return the cells whose tool × persona has no frozen verdict that holds, and the rest's count.

    Compared by pairs and not by cells: one answer of a pair too old makes all repeats anew,
    and a pair that holds is not asked for repeats that it never had.
    """
    frozen = read_frozen(workspace.root / FOLDER)
    tools = list({cell.tool.slug: cell.tool for cell in cells}.values())
    personas = list({cell.persona.id: cell.persona for cell in cells}.values())
    pairs = {(each.tool, each.persona) for each in stale_entries(asking, tools, personas, frozen)}
    if selection.since is not None:
        then = _fingerprints_at(workspace, asking, selection.since)
        pairs &= {
            (cell.tool.slug, cell.persona.id)
            for cell in cells
            if cell.repeat == 1 and cell.fingerprint != then.get(cell.key)
        }
    chosen = [cell for cell in cells if (cell.tool.slug, cell.persona.id) in pairs]
    return chosen, len(cells) - len(chosen)


def _fingerprints_at(workspace: Workspace, asking: Asking, revision: str) -> dict[CellKey, str]:
    """Return what each cell would have shown the same model at a git revision, by its hash.

    With the guidance of now: git says what files said, and nothing of editors' notes.
    """
    with workspace_at(workspace.root, revision) as folder:
        try:
            then = load_workspace(folder)
            endpoint = resolve_endpoint(
                then.settings, workspace.root, asking.endpoint.name, asking.endpoint.model
            )
        except (WorkspaceError, UsageError):
            return {}  # what could not be asked then is new now
        asking = replace(asking, prompts=then.prompts, endpoint=endpoint)
        cells = asking.lay_out(then.tools, then.personas, 1)
        return {cell.key: cell.fingerprint for cell in cells}


def _canaries(
    workspace: Workspace, asking: Asking, known: Mapping[CellKey, Known], plan: Plan
) -> list[Cell]:
    """Return the canaries' cells to ask again: none when nothing else is asked.

    Only cells whose present wording has an answer to be compared with.
    """
    wanted = set(workspace.settings.ci.canaries)
    if not plan.pending or not wanted:
        return []
    tools = [tool for tool in workspace.tools if tool.slug in wanted]
    pending = {cell.key for cell, _reason in plan.pending}
    repeats = max((key[2] for key in known if key[0] in wanted), default=1)
    cells = asking.lay_out(tools, workspace.personas, repeats)
    return [
        cell
        for cell in cells
        if cell.key not in pending
        and (stored := known.get(cell.key)) is not None
        and cell.fingerprint in stored.settled
    ]


def _repeats_known(
    known: Mapping[CellKey, Known], tools: list[Tool], personas: list[Persona]
) -> int:
    chosen, reviewers = {tool.slug for tool in tools}, {persona.id for persona in personas}
    keys = (key for key in known if key[0] in chosen and key[1] in reviewers)
    return max((repeat for _tool, _persona, repeat in keys), default=0)
