"""What a command covers: resolved to a target for all, and planned where something is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from panel.cells.cells import Cell, CellKey, PairKey, Target, cells_by_pair
from panel.cells.journal import find_journals, keep_after
from panel.cells.plan import Estimate, Known, Plan, estimate, make_plan
from panel.cells.renames import Rename
from panel.cells.shards import Shard
from panel.endpoint.choice import asking
from panel.endpoint.target import Chosen, resolve_target
from panel.frozen.files import FOLDER, Frozen, read_frozen, verdict_on
from panel.frozen.reading import read_from_store
from panel.frozen.renames import moved, moved_since, opened_renamed
from panel.frozen.staleness import answers_now, frozen_repeats, stale_entries
from panel.frozen.thaw import is_fresh, thaw_if_fresh
from panel.runs.canaries import canary_cells
from panel.runs.settling import Settling
from panel.runs.since import Base, opened_base
from panel.store.batches import waiting_cells
from panel.store.connection import Connection
from panel.store.decisions import guidance_notes
from panel.store.ingest import opened
from panel.store.known import answered_elsewhere, known_cells, known_records, last_moment
from panel.store.queries import answers_by_fingerprint, experience
from panel.store.renames import asked_under, renamed_since_asked
from panel.workspace.loading import RUNS, WorkspaceFiles, load_workspace, refuse_empty


@dataclass(frozen=True, slots=True)
class Selection(Chosen):
    """What a command was asked to cover; nothing means everything.

    again: ask new repeats, whatever is stored. retry: outcomes ("error", "abstain") whose
    cells alone are to be asked once more. changed: only what ``verdicts/`` does not hold, with
    canaries; since: and of that only what a git revision would have asked otherwise.
    repeats: None is 1, or what ``[ci]`` says for a changed selection. canaries: nothing but the
    canaries, once more. shard: None for all of it, else only the cells of this one. batched: also
    what waits in a batch. no_detect: look for no server where no endpoint is configured. trial:
    to see whether the model answers, which makes it the one that is read only where no other is.
    """

    repeats: int | None = None
    again: bool = False
    retry: frozenset[str] = frozenset()
    changed: bool = False
    since: str | None = None
    canaries: bool = False
    shard: Shard | None = None
    batched: bool = False
    no_detect: bool = False
    trial: bool = False

    def holds(self, pair: PairKey) -> bool:
        """Whether a tool × persona is of the shard that is covered."""
        return self.shard is None or self.shard.holds(pair)


def resolve(workspace: WorkspaceFiles, selection: Selection, connection: Connection) -> Target:
    """Return the target of a selection, with the editors' notes that stand in the store.

    Where nothing says which model, it is as ``last_asked`` says. Raises UsageError with the
    nearest valid name for an unknown one.
    """
    workspace = read_from_store(workspace, selection, connection)
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


@contextmanager
def opened_at(root: Path, selection: Selection) -> Iterator[tuple[Target, Connection]]:
    """Load a workspace and open its store as ``opened_for``; without the catalog if need be.

    Of tools that are selected by their slugs alone, that have a file of that name each and answers
    in the store, no other is read. One that goes by another name may be any of the catalog.
    """
    named = () if selection.categories or is_fresh(root, root / RUNS) else selection.tools
    workspace = load_workspace(root, only=named)
    if workspace.partial:
        with opened(workspace.runs) as connection:
            if asked_under(connection, "tool", named)[0].keys() == set(named):
                yield resolve(workspace, selection, connection), connection
                return
        workspace = load_workspace(root)
    with opened_for(refuse_empty(workspace), selection) as found:
        yield found


Journals = dict[str, int]  # run id → size in bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A selection, resolved and planned against the store. Nothing has been asked.

    journals: those that the plan has seen. stored_digests, stored_panel: the records and the
    panel that the store knows. canaries: cells with an answer, asked again after what is pending.
    settling: asks more while the run goes on; None where all is planned. renamed: tools and
    personas that go by another name since a model was last asked.
    """

    target: Target
    plan: Plan
    selection: Selection
    estimate: Estimate
    journals: Journals
    stored_digests: set[str]
    stored_panel: list[str]
    canaries: tuple[Cell, ...] = ()
    settling: Settling | None = None
    renamed: tuple[Rename, ...] = ()

    @property
    def perhaps(self) -> list[Cell]:
        """Cells that the run may add: one for each repeat up to the bound."""
        return self.settling.at_most() if self.settling else []

    @property
    def asking(self) -> list[Cell]:
        """All cells to ask, in order: those pending, then the canaries."""
        return [*(cell for cell, _reason in self.plan.pending), *self.canaries]


def prepare(workspace: WorkspaceFiles, selection: Selection) -> Prepared:
    """Resolve and plan a selection. Asks no model anything.

    Where no endpoint is configured, a server is looked for on this machine (endpoint/choice.py).
    """
    workspace = asking(workspace, selection.endpoint, selection.model, selection.no_detect)
    if selection.changed or selection.canaries:
        frozen = read_frozen(workspace.root / FOLDER)
        with opened_base(workspace.root, selection.since) as base:
            since = base.frozen if base else None
            with opened_renamed(workspace, selection, frozen, since) as connection:
                return _prepare(workspace, selection, connection, _Filed(frozen, base))
    thaw_if_fresh(workspace)
    with opened_renamed(workspace, selection) as connection:
        return _prepare(workspace, selection, connection, _Filed({}))


@dataclass(frozen=True, slots=True)
class _Filed:
    """What is on file, and at the revision that a changed selection is narrowed by."""

    frozen: Frozen
    base: Base | None = None

    def under_present_names(
        self, workspace: WorkspaceFiles, target: Target, connection: Connection
    ) -> _Filed:
        """Return both under the names that tools and personas have in the workspace."""
        base = self.base
        if base is not None:
            then = moved_since(workspace, base.frozen, self.frozen, target, connection)
            base = replace(base, frozen=then.frozen, renames=then.renames)
        return _Filed(moved(workspace, self.frozen, connection).frozen, base)

    def repeats(self) -> dict[str, int]:
        """Return the highest repeat on file of each tool, there or here."""
        found = frozen_repeats(self.frozen)
        for slug, many in frozen_repeats(self.base.frozen if self.base else {}).items():
            found[slug] = max(many, found.get(slug, 1))
        return found


def journals_now(workspace: WorkspaceFiles) -> Journals:
    """Return every journal with its size, to tell whether a plan has seen them all."""
    return {journal.run_id: journal.size for journal in find_journals(workspace.runs)}


def _prepare(
    workspace: WorkspaceFiles, selection: Selection, connection: Connection, filed: _Filed
) -> Prepared:
    journals = journals_now(workspace)
    target = resolve(workspace, selection, connection)
    keep_after(last_moment(connection))
    known, seen = known_cells(connection, target.model), experience(connection, target.model)
    elsewhere = answered_elsewhere(connection, target.model)
    digests, panel = known_records(connection, target.model)
    canaries, settling = list[Cell](), None
    if selection.canaries:
        plan, canaries = Plan([], 0, []), canary_cells(workspace, target, known)
    elif selection.changed:
        settling = _settling(workspace, target, selection, connection)
        filed = filed.under_present_names(workspace, target, connection)
        cells, held, left = _changed(workspace, target, selection, filed)
        if settling is not None:
            cells = settling.planned(cells)
        plan = make_plan(cells, known, elsewhere)
        plan = replace(plan, reused=plan.reused + held, left=left)
        if plan.pending:
            pending = {cell.key for cell, _reason in plan.pending}
            canaries = canary_cells(workspace, target, known, pending)
    else:
        first = 1 + _repeats_known(known, target, selection) if selection.again else 1
        laid = target.lay_out(selection.repeats or 1, first)
        cells = [cell for cell in laid if selection.holds(cell.pair)]
        plan = make_plan(cells, known, elsewhere, selection.retry, selection.again)
    canaries = [cell for cell in canaries if selection.holds(cell.pair)]
    if not selection.batched:
        plan = plan.without(waiting_cells(connection))
    endpoint = replace(target.endpoint, chars_per_token=seen.chars_per_token)
    asked = [*(cell for cell, _reason in plan.pending), *canaries]
    return Prepared(
        replace(target, endpoint=endpoint),
        plan,
        selection,
        estimate(asked, endpoint, seen, settling.at_most() if settling else []),
        journals,
        digests,
        panel,
        tuple(canaries),
        settling,
        tuple(renamed_since_asked(connection)),
    )


def _settling(
    workspace: WorkspaceFiles, target: Target, selection: Selection, connection: Connection
) -> Settling | None:
    """Return what asks more where answers are not sure; None where repeats are to be exact."""
    ci = workspace.settings.ci
    if selection.repeats is not None or (ci.most_repeats or 1) <= ci.repeats:
        return None
    house = answers_by_fingerprint(connection, target.model)
    every = answers_by_fingerprint(connection, target.model, experiments=True)
    return Settling(target, ci.most_repeats or 1, every, every.keys() - house.keys())


def _changed(
    workspace: WorkspaceFiles, target: Target, selection: Selection, filed: _Filed
) -> tuple[list[Cell], int, int]:
    """Return the cells of the pairs to ask, the answers on file that hold, and cells left alone.

    Compared by pairs and not by cells: one answer of a pair too old makes all repeats anew,
    and a pair that holds is not asked for repeats that it never had. Where a text was changed
    back to that of the revision, the answers on file there are taken: nothing is asked.
    """
    repeats = selection.repeats or workspace.settings.ci.repeats
    highest = filed.repeats()
    laid = target.lay_out_each({t.slug: max(repeats, highest.get(t.slug, 1)) for t in target.tools})
    by_pair = cells_by_pair(laid)
    mine = [pair for pair in by_pair if selection.holds(pair)]
    stale = {(each.tool, each.persona) for each in stale_entries(target, filed.frozen, laid)}
    stale.intersection_update(mine)
    pairs = {pair for pair in mine if pair in stale}
    back: dict[PairKey, frozenset[int]] = {}
    if filed.base is not None:
        first = [by_pair[pair][1] for pair in pairs]
        pairs = filed.base.differing(first, filed.frozen)
        for pair in pairs:
            then = answers_now(verdict_on(filed.base.frozen, pair), by_pair[pair])
            back[pair] = frozenset(answer.repeat for answer in then)
    chosen = [
        cell
        for cell in laid
        if cell.pair in pairs and cell.repeat in (back.get(cell.pair) or range(1, repeats + 1))
    ]
    entries = (verdict_on(filed.frozen, pair) for pair in mine if pair not in stale)
    held = sum(len(entry.answers) for entry in entries if entry)
    return chosen, held, repeats * (len(stale) - len(pairs))


def _repeats_known(known: Mapping[CellKey, Known], target: Target, selection: Selection) -> int:
    """Return the highest repeat asked of what is selected; other shards may have begun theirs."""
    tools = {tool.slug for tool in target.tools}
    personas = {persona.id for persona in target.personas}
    asked = (key for key, each in known.items() if each.asked is not None)
    keys = (k for k in asked if k[0] in tools and k[1] in personas and selection.holds(k[:2]))
    return max((repeat for _tool, _persona, repeat in keys), default=0)
