"""What a command covers: resolved to a target for all, and planned where something is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from panel.cells.cells import Cell, CellKey, Target
from panel.cells.journal import find_journals
from panel.cells.plan import Estimate, Known, Plan, estimate, make_plan
from panel.cells.renames import Rename
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import UsageError, WorkspaceError
from panel.frozen.files import FOLDER, Frozen, read_frozen
from panel.frozen.renames import moved, opened_renamed
from panel.frozen.staleness import frozen_repeats, stale_entries
from panel.frozen.thaw import thaw_if_fresh
from panel.store.connection import Connection
from panel.store.decisions import guidance_notes
from panel.store.queries import answered_elsewhere, experience, known_cells, known_records
from panel.store.renames import renamed_since_asked
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.git import workspace_at
from panel.workspace.loading import WorkspaceFiles, load_workspace


@dataclass(frozen=True, slots=True)
class Selection(Chosen):
    """What a command was asked to cover; nothing means everything.

    again: ask new repeats, whatever is stored. retry: outcomes ("error", "abstain") whose
    cells alone are to be asked once more. changed: only what ``verdicts/`` does not hold, with
    canaries; since: and of that only what a git revision would have asked otherwise.
    repeats: None is 1, or what ``[ci]`` says for a changed selection.
    """

    repeats: int | None = None
    again: bool = False
    retry: frozenset[str] = frozenset()
    changed: bool = False
    since: str | None = None


def resolve(workspace: WorkspaceFiles, selection: Selection, connection: Connection) -> Target:
    """Return the target of a selection, with the editors' notes that stand in the store.

    Raises UsageError with the nearest valid name for an unknown one.
    """
    return resolve_target(workspace, selection, guidance_notes(connection))


@contextmanager
def opened_for(
    workspace: WorkspaceFiles, selection: Selection
) -> Iterator[tuple[Target, Connection]]:
    """Open the store once and resolve a selection: what every command that only reads needs.

    On a fresh clone the answers in ``verdicts/`` are brought in first.
    """
    thaw_if_fresh(workspace)
    with opened_renamed(workspace, selection) as connection:
        yield resolve(workspace, selection, connection), connection


Journals = dict[str, int]  # run id → size in bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A selection, resolved and planned against the store. Nothing has been asked.

    renamed: tools and personas that go by another name since a model was last asked.
    journals: those that the plan has seen. stored_digests, stored_panel: the records and the
    panel that the store knows. canaries: cells with an answer, asked again if anything is asked
    at all.
    """

    target: Target
    plan: Plan
    selection: Selection
    estimate: Estimate
    journals: Journals
    stored_digests: set[str]
    stored_panel: list[str]
    canaries: tuple[Cell, ...] = ()
    renamed: tuple[Rename, ...] = ()


def prepare(workspace: WorkspaceFiles, selection: Selection) -> Prepared:
    """Resolve and plan a selection. Opens no connection to any endpoint."""
    if selection.changed:
        frozen = read_frozen(workspace.root / FOLDER)
        with opened_renamed(workspace, selection, frozen) as connection:
            frozen = moved(workspace, frozen, connection).frozen
            return _prepare(workspace, selection, connection, frozen)
    thaw_if_fresh(workspace)
    with opened_renamed(workspace, selection) as connection:
        return _prepare(workspace, selection, connection, {})


def journals_now(workspace: WorkspaceFiles) -> Journals:
    """Return every journal with its size, to tell whether a plan has seen them all."""
    return {journal.run_id: journal.size for journal in find_journals(workspace.runs)}


def _prepare(
    workspace: WorkspaceFiles, selection: Selection, connection: Connection, frozen: Frozen
) -> Prepared:
    journals = journals_now(workspace)
    target = resolve(workspace, selection, connection)
    known, seen = known_cells(connection, target.model), experience(connection, target.model)
    elsewhere = answered_elsewhere(connection, target.model)
    digests, panel = known_records(connection, target.model)
    canaries: list[Cell] = []
    if selection.changed:
        cells, reused = _changed(workspace, target, selection, frozen)
        plan = make_plan(cells, known, elsewhere)
        plan = replace(plan, reused=plan.reused + reused)
        canaries = _canaries(workspace, target, known, plan)
    else:
        first = 1 + _repeats_known(known, target) if selection.again else 1
        cells = target.lay_out(selection.repeats or 1, first)
        plan = make_plan(cells, known, elsewhere, selection.retry, selection.again)
    endpoint = replace(target.endpoint, chars_per_token=seen.chars_per_token)
    asked = [*(cell for cell, _reason in plan.pending), *canaries]
    return Prepared(
        replace(target, endpoint=endpoint),
        plan,
        selection,
        estimate(asked, endpoint, seen),
        journals,
        digests,
        panel,
        tuple(canaries),
        tuple(renamed_since_asked(connection)),
    )


def _changed(
    workspace: WorkspaceFiles, target: Target, selection: Selection, frozen: Frozen
) -> tuple[list[Cell], int]:
    """Return the cells whose tool × persona has no frozen verdict that holds, and the rest's count.

    Compared by pairs and not by cells: one answer of a pair too old makes all repeats anew,
    and a pair that holds is not asked for repeats that it never had.
    """
    repeats = selection.repeats or workspace.settings.ci.repeats
    filed = frozen_repeats(frozen)
    laid = target.lay_out_each({t.slug: max(repeats, filed.get(t.slug, 1)) for t in target.tools})
    pairs = {(each.tool, each.persona) for each in stale_entries(target, frozen, laid)}
    cells = [cell for cell in laid if cell.repeat <= repeats]
    if selection.since is not None:
        then = _fingerprints_at(workspace, target, selection.since)
        pairs &= {
            (cell.tool.slug, cell.persona.id)
            for cell in cells
            if cell.repeat == 1 and cell.fingerprint != then.get(cell.key)
        }
    chosen = [cell for cell in cells if (cell.tool.slug, cell.persona.id) in pairs]
    return chosen, len(cells) - len(chosen)


def _fingerprints_at(
    workspace: WorkspaceFiles, target: Target, revision: str
) -> dict[CellKey, str]:
    """Return what each cell would have shown the same model at a git revision, by its hash.

    With the guidance of now: git says what files said, and nothing of editors' notes.
    """
    with workspace_at(workspace.root, revision) as folder:
        try:
            then = load_workspace(folder)
            endpoint = resolve_endpoint(
                then.settings, workspace.root, target.endpoint.name, target.endpoint.model
            )
        except (WorkspaceError, UsageError):
            return {}  # what could not be asked then is new now
        before = replace(
            target,
            prompts=then.prompts,
            endpoint=endpoint,
            tools=then.tools,
            personas=then.personas,
        )
        return {cell.key: cell.fingerprint for cell in before.lay_out()}


def _canaries(
    workspace: WorkspaceFiles, target: Target, known: Mapping[CellKey, Known], plan: Plan
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
    cells = replace(target, tools=tools, personas=workspace.personas).lay_out(repeats)
    return [
        cell
        for cell in cells
        if cell.key not in pending
        and (stored := known.get(cell.key)) is not None
        and cell.fingerprint in stored.settled
    ]


def _repeats_known(known: Mapping[CellKey, Known], target: Target) -> int:
    tools = {tool.slug for tool in target.tools}
    personas = {persona.id for persona in target.personas}
    keys = (key for key in known if key[0] in tools and key[1] in personas)
    return max((repeat for _tool, _persona, repeat in keys), default=0)
